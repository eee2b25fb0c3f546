//! Twins: a plain table and the same one as other programs and people write it, which must be read to the same bits.

use palmnet::compute::Rng;
use palmnet::data::{ColumnKind, Missing, Reading};
use palmnet::tune::Hyperparameters;
use palmnet::{Dataset, Table, Target};
use proptest::prelude::*;

/// Numbers in hundredths, words, days since 2000-01-01, and a class: the columns of a table.
#[derive(Clone, Debug)]
struct Plain {
    hundredths: [Vec<i64>; 2],
    words: Vec<&'static str>,
    days: Vec<usize>,
    classes: Vec<&'static str>,
}

fn plain() -> impl Strategy<Value = Plain> {
    (any::<u64>(), 12usize..40, prop::sample::select(vec![["p", "q"], ["007", "7"], ["yes", "no"], ["01067", "1e3"]]))
        .prop_map(|(seed, rows, classes)| {
            let mut rng = Rng::new(seed);
            let mut numbers = |most: usize| -> Vec<i64> {
                let mut number = || rng.below(2 * most) as i64 - most as i64;
                // Thousands, a loss, and decimals that show what the characters mean.
                [123_456_789, -250_075].into_iter().chain((2..rows).map(|_| number())).collect()
            };
            let hundredths = [numbers(99_999_999), numbers(9_999)];
            let mut pick = |many: usize| (0..rows).map(|_| rng.below(many)).collect::<Vec<usize>>();
            let words = pick(3).into_iter().map(|i| ["red", "light blue", "green"][i]).collect();
            // Day 30 tells days from months.
            let days = [30].into_iter().chain(pick(9000)).take(rows).collect();
            let classes = pick(2).into_iter().enumerate().map(|(row, i)| classes[if row < 2 { row } else { i }]);
            Plain { hundredths, words, days, classes: classes.collect() }
        })
}

impl Plain {
    fn rows(&self) -> usize {
        self.classes.len()
    }

    /// The cells as programs write them, below a header.
    fn cells(&self) -> Vec<Vec<String>> {
        self.cells_with(number, iso)
    }

    fn cells_with(&self, number: impl Fn(i64) -> String, date: impl Fn(usize) -> String) -> Vec<Vec<String>> {
        let header = ["a", "b", "color", "day", "y"].map(String::from).to_vec();
        let row = |row: usize| {
            let [a, b] = [0, 1].map(|column| number(self.hundredths[column][row]));
            vec![a, b, self.words[row].to_string(), date(self.days[row]), self.classes[row].to_string()]
        };
        [header].into_iter().chain((0..self.rows()).map(row)).collect()
    }

    fn read(&self) -> Dataset {
        read(&csv(&self.cells(), ",", "\n"))
    }
}

/// A plain number.
fn number(hundredths: i64) -> String {
    written(hundredths, "", ".")
}

/// A number with a character between groups of three digits and one before decimals.
fn written(hundredths: i64, group: &str, decimal: &str) -> String {
    let (whole, decimals) = (hundredths.abs() / 100, hundredths.abs() % 100);
    let digits = whole.to_string();
    let grouped: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap()).collect();
    format!("{}{}{decimal}{decimals:02}", if hundredths < 0 { "-" } else { "" }, grouped.join(group))
}

/// The year, month and day so many days after 2000-01-01.
fn date(days: usize) -> (usize, usize, usize) {
    let (mut year, mut month, mut day) = (2000, 1, days);
    loop {
        let length = match month {
            2 if year % 4 == 0 => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if day < length {
            return (year, month, day + 1);
        }
        (day, month) = (day - length, month + 1);
        if month > 12 {
            (year, month) = (year + 1, 1);
        }
    }
}

fn iso(days: usize) -> String {
    let (year, month, day) = date(days);
    format!("{year}-{month:02}-{day:02}")
}

fn csv(cells: &[Vec<String>], separator: &str, end: &str) -> String {
    cells.iter().map(|row| row.join(separator) + end).collect()
}

fn quoted(cells: &[Vec<String>]) -> Vec<Vec<String>> {
    let quote = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
    cells.iter().map(|row| row.iter().map(quote).collect()).collect()
}

/// The cells without the column of this index.
fn without(cells: &[Vec<String>], column: usize) -> Vec<Vec<String>> {
    let rest = |row: &Vec<String>| [&row[..column], &row[column + 1..]].concat();
    cells.iter().map(rest).collect()
}

fn read_with(text: &str, reading: &Reading) -> Dataset {
    let table = Table::parse_with(text, "a.csv", reading).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    Dataset::from_table(table, Target::Last, Missing::Fill).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

fn read(text: &str) -> Dataset {
    read_with(text, &Reading::default())
}

/// The bits of all features and targets.
fn bits(data: &Dataset) -> (Vec<u32>, Vec<u32>) {
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
    let targets = match data.values() {
        Some(values) => bits(values.as_slice()),
        None => data.labels().unwrap().to_vec(),
    };
    (bits(data.to_matrix().as_slice()), targets)
}

#[track_caller]
fn same(twin: &Dataset, plain: &Dataset, text: &str) {
    assert_eq!(bits(twin), bits(plain), "{text}\n{:?}", twin.notes());
    assert_eq!(twin.class_names(), plain.class_names(), "{text}");
    assert_eq!(twin.schema().width(), plain.schema().width(), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_dialect_changes_nothing(
        plain in plain(),
        separator in prop::sample::select(vec![",", ";", "\t", "|"]),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        quotes in any::<bool>(),
        above in prop::sample::select(vec!["", "\u{FEFF}", "sep=SEP", "# exported\n# by a program\n", "\n\n"]),
        trailing in any::<bool>(),
        spaces in any::<bool>(),
        blank_lines in any::<bool>(),
        last_end in any::<bool>(),
    ) {
        let mut cells = if quotes { quoted(&plain.cells()) } else { plain.cells() };
        if spaces {
            cells.iter_mut().flatten().for_each(|cell| *cell = format!(" {cell}  "));
        }
        if trailing {
            cells.iter_mut().for_each(|row| row.push(String::new()));
        }
        if blank_lines {
            cells.push(vec![String::new(); 6]);
            cells.insert(3, vec![String::new()]);
        }
        let above = match above {
            "sep=SEP" => format!("sep={separator}{end}"),
            above => above.replace('\n', end),
        };
        let text = above + &csv(&cells, separator, end);
        let text = if last_end { &text[..] } else { text.trim_end_matches(['\n', '\r']) };
        let twin = read(text);
        same(&twin, &plain.read(), text);
        prop_assert_eq!(twin.schema().input_names(), plain.read().schema().input_names());
    }

    #[test]
    fn decorated_numbers_are_the_plain_ones(
        plain in plain(),
        (group, decimal) in prop::sample::select(vec![
            (",", "."), ("", "."), (" ", "."), ("'", "."), ("\u{2019}", "."), ("\u{A0}", ","), ("\u{202F}", ","),
            (".", ","), ("", ","), (" ", ","), ("'", ","),
        ]),
        (prefix, suffix) in prop::sample::select(vec![
            ("", ""), ("$", ""), ("€ ", ""), ("", " €"), ("", "%"), ("", " kg"), ("USD ", ""), ("", "\u{A0}EUR"), ("Rs. ", ""),
        ]),
        minus in prop::sample::select(vec!["-", "\u{2212}", "- ", "()", "behind"]),
        with_quotes in any::<bool>(),
    ) {
        let decorated = |hundredths: i64| {
            let digits = format!("{prefix}{}{suffix}", written(hundredths.abs(), group, decimal));
            match minus {
                _ if hundredths >= 0 => digits,
                "()" => format!("({digits})"),
                "behind" if suffix.is_empty() => format!("{digits}-"),
                "behind" => format!("-{digits}"),
                minus => format!("{minus}{digits}"),
            }
        };
        let cells = plain.cells_with(decorated, iso);
        let text = if with_quotes { csv(&quoted(&cells), ",", "\n") } else { csv(&cells, ";", "\n") };
        same(&read(&text), &plain.read(), &text);
        // As targets, too: `b` last.
        let last = |cells: &[Vec<String>]| {
            cells.iter().map(|row| vec![row[0].clone(), row[2].clone(), row[1].clone()]).collect::<Vec<_>>()
        };
        let text = csv(&last(&cells), ";", "\n");
        same(&read(&text), &read(&csv(&last(&plain.cells()), ",", "\n")), &text);
    }

    #[test]
    fn a_running_number_without_a_name_changes_nothing(
        plain in plain(),
        first in prop::sample::select(vec![0usize, 1, 100]),
        name in prop::sample::select(vec!["", "\"\"", "Unnamed: 0", "lacking"]),
        decimals in prop::sample::select(vec!["", ".0"]),
        reversed in any::<bool>(),
    ) {
        let rows = plain.rows();
        let mut cells = plain.cells();
        for (row, cells) in cells.iter_mut().enumerate() {
            let number = first + if reversed { rows - row } else { row };
            match (row, name) {
                (0, "lacking") => {}
                (0, name) => cells.insert(0, name.to_string()),
                (_, "lacking") => cells.insert(0, number.to_string()),
                _ => cells.insert(0, format!("{number}{decimals}")),
            }
        }
        let text = csv(&cells, ",", "\n");
        let twin = read(&text);
        same(&twin, &plain.read(), &text);
        prop_assert_eq!(twin.schema().ignored_positions(), &[0][..]);
    }

    #[test]
    fn a_header_is_neither_lost_nor_learned(
        plain in plain(),
        header in prop::sample::select(vec![["a", "b", "c"], ["2019", "2020", "2021"], ["1990", "1995", "2000"], ["x1", "2", "3"]]),
        said in any::<bool>(),
    ) {
        let row = |row: usize| [0, 1, 0].map(|column| number(plain.hundredths[column][row])).to_vec();
        let data: Vec<Vec<String>> = (0..plain.rows()).map(row).collect();
        let headed = [vec![header.map(String::from).to_vec()], data.clone()].concat();
        let mut reading = Reading::default();
        reading.header = said.then_some(true);
        let twin = read_with(&csv(&headed, ",", "\n"), &reading);
        prop_assert_eq!(twin.schema().target().names(), &[header[2].to_string()][..]);
        reading.header = said.then_some(false);
        let text = csv(&data, ",", "\n");
        same(&read_with(&text, &reading), &twin, &text);
        // Rows for the model come in any order of columns.
        let swapped: Vec<Vec<String>> = headed.iter().map(|row| vec![row[1].clone(), row[0].clone()]).collect();
        let table = Table::parse_with(csv(&swapped, ",", "\n"), "b.csv", &twin.schema().reading()).unwrap();
        prop_assert_eq!(twin.schema().features(&table).unwrap(), twin.to_matrix());
    }

    #[test]
    fn all_words_for_missing_cells_are_one(plain in plain(), seed in any::<u64>()) {
        const WORDS: [&str; 12] = ["", "NA", "nan", "NaN", "null", "NULL", "?", "N/A", "#N/A", "<NA>", "\\N", "-"];
        let mut rng = Rng::new(seed);
        let (mut plain_cells, mut cells) = (plain.cells(), plain.cells());
        for row in 3..=plain.rows() {
            if rng.below(4) == 0 {
                plain_cells[row][0] = String::new();
                cells[row][0] = WORDS[rng.below(WORDS.len())].to_string();
            }
        }
        let (text, expected) = (csv(&cells, ",", "\n"), read(&csv(&plain_cells, ",", "\n")));
        same(&read(&text), &expected, &text);
        prop_assert_eq!(read(&text).missing_count(), expected.missing_count());
    }

    #[test]
    fn dates_are_the_same_in_every_form(plain in plain(), form in 0..10usize, with_time in any::<bool>()) {
        const MONTHS: [&str; 12] = [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
            "December",
        ];
        let other = |days: usize| {
            let (year, month, day) = date(days);
            let (name, short) = (MONTHS[month - 1], &MONTHS[month - 1][..3]);
            match form {
                0 => format!("{day:02}.{month:02}.{year}"),
                1 => format!("{day}.{month}.{year}"),
                2 => format!("{month:02}/{day:02}/{year}"),
                3 => format!("{day:02}/{month:02}/{year}"),
                4 => format!("{year}/{month}/{day}"),
                5 => format!("{day} {name} {year}"),
                6 => format!("{short} {day}, {year}"),
                7 => format!("{day:02}-{short}-{:02}", year % 100),
                8 => format!("{month}/{day}/{:02}", year % 100),
                _ => format!("{day:02}.{month:02}.{:02}", year % 100),
            }
        };
        // A time of day follows from the day.
        let time = |days: usize| (days * 7 % 24, days * 11 % 60);
        let iso_with = |days: usize| match with_time {
            true => format!("{}T{:02}:{:02}:00Z", iso(days), time(days).0, time(days).1),
            false => iso(days),
        };
        let other_with = |days: usize| {
            let (hour, minute) = time(days);
            let (half, name) = (if hour % 12 == 0 { 12 } else { hour % 12 }, if hour < 12 { "AM" } else { "pm" });
            match (with_time, form % 2) {
                (false, _) => other(days),
                (true, 0) => format!("{} {hour:02}:{minute:02}", other(days)),
                (true, _) => format!("{} {half}:{minute:02} {name}", other(days)),
            }
        };
        let text = csv(&plain.cells_with(number, other_with), ";", "\n");
        same(&read(&text), &read(&csv(&plain.cells_with(number, iso_with), ";", "\n")), &text);
    }

    #[test]
    fn classes_are_the_texts_of_their_cells(
        labels in prop::collection::vec(prop::sample::select(vec![
            "007", "7", "7.0", "01067", "9007199254740993", "9007199254740992", "-1", "1e3", "A", "a", "é", "e\u{301}",
        ]), 30..60),
        numbers_only in any::<bool>(),
    ) {
        let is_code = |label: &&str| !numbers_only || ["007", "7", "01067"].contains(label);
        let labels: Vec<&str> = labels.into_iter().filter(is_code).collect();
        prop_assume!(labels.contains(&"007") && labels.iter().any(|label| *label != "007") && labels.len() > 9);
        let lines: String = labels.iter().enumerate().map(|(row, label)| format!("{row}.5, {label} \n")).collect();
        // Without a word, one letter among numbers is a slip.
        let target = if numbers_only { Target::Last } else { Target::Class("y") };
        let table = Table::parse(format!("x,y\n{lines}"), "a.csv").unwrap();
        let data = Dataset::from_table(table, target, Missing::Fill).unwrap();
        let found: Vec<&str> = data.labels().unwrap().iter().map(|&i| &*data.class_names()[i as usize]).collect();
        prop_assert_eq!(found, labels);
    }

    #[test]
    fn numbers_far_from_zero_keep_their_differences(
        plain in plain(),
        base in prop::sample::select(vec![0i64, 100_000_000, 1_700_000_000, 1_700_000_000_000, -20_000_000_000]),
        is_grouped in any::<bool>(),
    ) {
        let values: Vec<i64> = plain.days.iter().map(|&days| base + days as i64).collect();
        let cell = |value: i64| match is_grouped {
            true => written(value * 100, ",", ".").trim_end_matches("00").trim_end_matches('.').to_string(),
            false => value.to_string(),
        };
        let lines: String =
            values.iter().zip(&plain.classes).map(|(&value, class)| format!("\"{}\";{class}x\n", cell(value))).collect();
        let mut reading = Reading::default();
        reading.decimal = Some('.');
        let data = read_with(&format!("t;y\n{lines}"), &reading);
        let ColumnKind::Number(form) = &data.schema().columns()[0].kind else { panic!("no numbers: {lines}") };
        let found: Vec<f64> = data.to_matrix().as_slice().iter().map(|&x| f64::from(x) + form.origin).collect();
        prop_assert_eq!(found, values.iter().map(|&value| value as f64).collect::<Vec<f64>>());
    }

    #[test]
    fn columns_about_rows_are_no_features(plain in plain(), column in 0..3usize) {
        let mut cells = plain.cells();
        for (row, cells) in cells.iter_mut().enumerate() {
            cells.insert(2, if row == 0 { "about".to_string() } else { format!("{}", 1 + row % 3) });
        }
        let mut reading = Reading::default();
        let place = [&mut reading.weights, &mut reading.group, &mut reading.time];
        place.into_iter().nth(column).into_iter().for_each(|name| *name = Some("about".to_string()));
        let text = csv(&cells, ",", "\n");
        let twin = read_with(&text, &reading);
        same(&twin, &plain.read(), &text);
        let expected: Vec<f64> = (1..=plain.rows()).map(|row| (1 + row % 3) as f64).collect();
        let wide = |values: Option<&[f32]>| values.map(|values| values.iter().map(|&x| x.into()).collect::<Vec<f64>>());
        match column {
            0 => prop_assert_eq!(wide(twin.weights()), Some(expected)),
            1 => prop_assert!(twin.groups().unwrap().iter().enumerate().all(|(i, group)| i < 3 || *group == twin.groups().unwrap()[i - 3])),
            _ => prop_assert_eq!(twin.times(), Some(&expected[..])),
        }
    }

    #[test]
    fn a_category_that_is_new_leaves_the_others_as_they_are(plain in plain(), stranger in "[x-z]{1,5}", row in 0..12usize) {
        let data = plain.read();
        let mut cells = without(&plain.cells(), 4);
        cells[1 + row][2] = stranger;
        let table = Table::parse_with(csv(&cells, ",", "\n"), "b.csv", &data.schema().reading()).unwrap();
        let found = data.schema().features(&table).unwrap();
        for (other, (found, expected)) in found.iter_rows().zip(data.to_matrix().iter_rows()).enumerate() {
            let categories = 2..data.schema().width() - 4;
            let is_same = |index: usize| other != row || !categories.contains(&index);
            for index in 0..found.len() {
                let expected = if is_same(index) { expected[index] } else { 0.0 };
                prop_assert_eq!(found[index], expected, "row {}, input {}", other, index);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn twins_train_to_the_same_network(plain in plain(), constant in -1e6f32..1e6, later in -1e6f32..1e6) {
        let decorated = csv(&plain.cells_with(|x| format!("{} €", written(x, ".", ",")), iso), ";", "\r\n");
        let model = |data: &Dataset| {
            let mut settings = Hyperparameters::for_data(data);
            (settings.hidden, settings.epochs, settings.restarts) = (vec![4], 3, 1);
            settings.fit(data).unwrap().model
        };
        let (plain_model, twin) = (model(&plain.read()), model(&read(&decorated)));
        prop_assert_eq!(twin.network().to_bytes(), plain_model.network().to_bytes());
        prop_assert_ne!(twin.to_bytes(), plain_model.to_bytes());
        // A column that was constant in training moves no prediction.
        let with_constant = |value: f32| {
            let mut cells = plain.cells();
            cells.iter_mut().enumerate().for_each(|(i, row)| row.insert(0, if i == 0 { "k".into() } else { value.to_string() }));
            read(&csv(&cells, ",", "\n"))
        };
        let model = model(&with_constant(constant));
        let predicted = |value: f32| {
            let mut cells = without(&plain.cells(), 4);
            cells.iter_mut().enumerate().for_each(|(i, row)| row.insert(0, if i == 0 { "k".into() } else { value.to_string() }));
            let table = Table::parse_with(csv(&cells, ",", "\n"), "b.csv", &model.schema().reading()).unwrap();
            model.predict(&model.schema().features(&table).unwrap())
        };
        prop_assert_eq!(predicted(constant), predicted(later));
    }
}
