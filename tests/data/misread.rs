//! Tables that other readers, and earlier versions of this one, misread in silence. `tables/` has one of each kind; the
//! right values come from the files themselves, read without the defect.

use palmnet::data::{Missing, Reading, Schema};
use palmnet::{Dataset, Table, Target};

use crate::support::says;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tables/");

fn text(name: &str) -> String {
    std::fs::read_to_string(format!("{FOLDER}{name}")).unwrap()
}

fn read(name: &str) -> Dataset {
    read_with(name, Target::Last, |_| {}).unwrap()
}

fn read_with(name: &str, target: Target<'_>, set: impl Fn(&mut Reading)) -> palmnet::Result<Dataset> {
    let mut reading = Reading::default();
    set(&mut reading);
    Dataset::from_table(Table::read_with(format!("{FOLDER}{name}"), &reading)?, target, Missing::default())
}

/// The cells of a plain table without quotes, below its header.
fn cells(name: &str, separator: char) -> Vec<Vec<String>> {
    let line = |line: &str| line.split(separator).map(str::to_string).collect();
    text(name).lines().skip(1).map(line).collect()
}

/// A column of numbers in a plain table, given a function that makes them plain.
fn numbers(name: &str, separator: char, column: usize, plain: impl Fn(&str) -> String) -> Vec<f32> {
    cells(name, separator).iter().map(|row| plain(&row[column]).parse().unwrap()).collect()
}

/// The values of an input.
fn input(data: &Dataset, input: usize) -> Vec<f32> {
    data.to_matrix().iter_rows().map(|row| row[input]).collect()
}

fn has_note(data: &Dataset, part: &str) {
    assert!(data.notes().iter().any(|note| note.contains(part)), "{:?} lacks {part}", data.notes());
}

#[test]
fn headers_of_numbers_are_no_rows() {
    for (name, rows) in [("numheader.csv", 60), ("numheader_class.csv", 150), ("mixedheader.csv", 150)] {
        let data = read(name);
        assert_eq!(data.len(), rows, "{name}");
        has_note(&data, "line 1 is read as a header");
    }
    assert_eq!(read("numheader_class.csv").class_names(), ["0", "1", "2"]);
    assert_eq!(read_with("numheader.csv", Target::Last, |r| r.header = Some(false)).unwrap().len(), 61);
    // A name that is asked for makes a header of the line that has it.
    let named = |text: &str| {
        let mut reading = Reading::default();
        reading.names = vec!["y".into()];
        Table::parse_with(text, "a.csv", &reading).unwrap().rows()
    };
    assert_eq!((named("1,2,y\n1,2,3\n4,5,6\n"), named("1,2,x\n1,2,3\n4,5,6\n")), (2, 3));
}

#[test]
fn tables_of_texts_lose_no_row() {
    for (name, rows) in [("textnoheader.csv", 60), ("carlike.data", 200)] {
        let data = read(name);
        assert_eq!((data.len(), text(name).lines().count()), (rows, rows), "{name}");
        assert_eq!(data.schema().columns()[0].name, "1");
    }
    has_note(&read("textnoheader.csv"), "line 1 is read as data");
}

#[test]
fn models_read_later_files_as_they_were_trained() {
    let train = read("train_named.csv");
    let reading = train.schema().reading();
    let rows = |text: &str| {
        let table = Table::parse_with(text, "later.csv", &reading).unwrap();
        train.schema().features(&table).unwrap()
    };
    let later = rows(&text("new_numheader.csv"));
    assert_eq!(later.as_slice()[..2], [0.779, 1.317]);
    assert_eq!(later.rows(), 5);
    // By name in another order; by position without a header.
    assert_eq!(rows("b,a\n1,2\n").as_slice(), [2.0, 1.0]);
    assert_eq!(rows("2,1\n4,3\n").as_slice(), [2.0, 1.0, 4.0, 3.0]);
    // Names that are numbers are names.
    let pivot = read("numheader.csv");
    let table = Table::parse_with("2020,2019\n1,2\n", "later.csv", &pivot.schema().reading()).unwrap();
    assert_eq!(pivot.schema().features(&table).unwrap().as_slice(), [2.0, 1.0]);
}

#[test]
fn a_running_number_without_a_name_is_left_out() {
    for (name, part) in [
        ("pandasindex.csv", "numbers the rows"),
        ("dask878.csv", "numbers the rows"),
        ("rnames.csv", "names of the rows"),
    ] {
        let data = read(name);
        assert_eq!((data.len(), data.schema().width(), data.schema().ignored_positions()), (60, 2, &[0][..]), "{name}");
        has_note(&data, part);
    }
    let kept = read_with("pandasindex.csv", Target::Last, |reading| reading.keep_index = true).unwrap();
    assert_eq!(kept.schema().input_names(), ["index", "a", "b"]);
    // A column that recurs is no index, though it has no name.
    let table = Table::parse(",a,y\n1,5,0\n1,6,1\n2,7,0\n", "a.csv").unwrap();
    assert!(!table.ignores(0));
}

#[test]
fn separators_at_the_end_make_no_column() {
    for name in ["trailcomma_all.csv", "trailcomma_data.csv"] {
        let data = read(name);
        assert_eq!(data.schema().input_names(), ["a", "b"], "{name}");
        assert_eq!((data.len(), data.class_names().len()), (60, 2));
        assert_eq!(input(&data, 0), numbers(name, ',', 0, str::to_string));
    }
    let air = read("air.csv");
    assert_eq!((air.len(), air.schema().target().names()), (150, &["NO2".to_string()][..]));
    let plain = |cell: &str| cell.replace(',', ".");
    let lines: Vec<String> = text("air.csv").lines().filter(|line| !line.starts_with(';')).map(String::from).collect();
    let carbon: Vec<f32> =
        lines[1..].iter().map(|line| plain(line.split(';').nth(2).unwrap()).parse().unwrap()).collect();
    let index = air.schema().input_names().iter().position(|name| name == "CO").unwrap();
    assert_eq!(input(&air, index), carbon);
}

#[test]
fn blanks_at_the_end_make_no_column() {
    // A cell of blanks is empty, whether quotes are in the file or not.
    for blank in ["", " ", "\t", " \t", "\x0C"] {
        for kind in ["red", "\"red\""] {
            let text = format!("size;kind;\n1;{kind};{blank}\n2;blue;{blank}\n;{blank};{blank}\n");
            let table = Table::parse(text, "table").unwrap();
            let rows: Vec<Vec<_>> = (0..table.rows()).map(|row| table.cells(row).collect()).collect();
            assert_eq!(rows, [["1", "red"], ["2", "blue"]], "{blank:?} {kind}");
        }
    }
}

#[test]
fn a_damaged_line_makes_no_table_of_blanks() {
    // Each has as many cells in every line if blanks separate them.
    for (text, line) in [
        ("15.39 €|no\n16.40 €|yes\n-32.96 €no\n16.22 €|no\n", 3),
        ("2000\ty\n70.64\tno\n-31\tno\n\t60336\tno\n", 4),
        ("2000-10-28 13:14:01,no\n1990-02 19\n", 2),
    ] {
        let error = Table::parse(text, "table").unwrap_err().to_string();
        assert!(error.starts_with(&format!("table, line {line}: ")), "{error}");
    }
    let table = Table::parse("2024-05-31 12:30 h,yes\n2024-06-01 13:30 h,no\n", "table").unwrap();
    let last = table.cells(table.rows() - 1);
    assert_eq!(last.collect::<Vec<_>>(), ["2024-06-01 13:30 h", "no"]);
    let table = Table::parse("15,5 red 1;2\n16,5 blue 3;4;5\n17,5 red 6\n17,5 red 6\n17,5 red 6\n", "table").unwrap();
    assert_eq!(table.columns(), 3);
}

#[test]
fn decorated_numbers_are_numbers() {
    let thousands = |cell: &str| cell.replace(['"', ','], "");
    let small: Vec<f32> = text("thousands_small.csv")
        .lines()
        .skip(1)
        .map(|line| thousands(line.rsplitn(3, ',').last().unwrap()).parse().unwrap())
        .collect();
    assert_eq!(input(&read("thousands_small.csv"), 0), small);
    let (decorated, plain) = (read("thousands_small.csv"), read("thousands_plain.csv"));
    assert_eq!((decorated.to_matrix(), decorated.targets()), (plain.to_matrix(), plain.targets()));
    let german = |cell: &str| cell.replace('.', "").replace(',', ".");
    assert_eq!(input(&read("decthousands.csv"), 0), numbers("decthousands.csv", ';', 0, german));
    let minus = |cell: &str| cell.replace('\u{2212}', "-");
    assert_eq!(input(&read("minus.csv"), 1), numbers("minus.csv", ',', 1, minus));
    assert_eq!(input(&read("percent.csv"), 0), numbers("percent.csv", ',', 0, |cell| cell.replace('%', "")));
    let hexadecimal = |cell: &str| i64::from_str_radix(&cell[2..], 16).unwrap().to_string();
    assert_eq!(input(&read("hex.csv"), 0), numbers("hex.csv", ',', 0, hexadecimal));
    // Missing ones are marked, and the others are numbers.
    for name in ["dash60.csv", "dash30.csv", "na_hash.csv"] {
        let (data, rows) = (read(name), cells(name, ','));
        assert_eq!(data.schema().input_names(), ["a", "a is missing", "b"], "{name}");
        for (x, row) in data.to_matrix().iter_rows().zip(&rows) {
            match row[0].parse::<f32>() {
                Ok(number) => assert_eq!(x[..2], [number, 0.0]),
                Err(_) => assert!(x[0].is_nan() && x[1] == 1.0),
            }
        }
    }
}

#[test]
fn ambiguous_thousands_are_asked_for() {
    says(
        read_with("thousands_int.csv", Target::Last, |_| {}),
        &["line 2, column price", "`46,722`", "--decimal", "decimals or before thousands"],
    );
    let first = |decimal| {
        let data = read_with("thousands_int.csv", Target::Last, |reading| reading.decimal = Some(decimal)).unwrap();
        input(&data, 0)[0] + data_origin(&data)
    };
    assert_eq!((first('.'), first(',')), (46722.0, 46.722));
}

/// The origin of the first column.
fn data_origin(data: &Dataset) -> f32 {
    match &data.schema().columns()[0].kind {
        palmnet::data::ColumnKind::Number(form) => form.origin as f32,
        _ => 0.0,
    }
}

#[test]
fn labels_are_kept_letter_by_letter() {
    for (name, classes) in [
        ("zerolabels.csv", &["01067", "08028"][..]),
        ("labels_padded.csv", &["007", "12", "7"]),
        ("labels_bigint2.csv", &["9007199254740992", "9007199254740993", "9007199254740995"]),
        ("inflabel.csv", &["inf", "sup"]),
    ] {
        let data = read(name);
        let mut known: Vec<String> = cells(name, ',').into_iter().map(|mut row| row.pop().unwrap()).collect();
        let labels: Vec<&String> =
            data.labels().unwrap().iter().map(|&label| &data.class_names()[label as usize]).collect();
        assert_eq!(labels, known.iter().collect::<Vec<_>>(), "{name}");
        known.sort();
        known.dedup();
        assert_eq!((data.class_names().len(), known), (classes.len(), classes.iter().map(|c| c.to_string()).collect()));
    }
}

#[test]
fn codes_are_categories_when_said_or_mixed() {
    assert_eq!(read("ecodes.csv").schema().width(), 6);
    let codes = read("ecodes_allnum.csv");
    assert_eq!(codes.schema().width(), 2);
    has_note(&codes, "--categories code");
    let said =
        read_with("ecodes_allnum.csv", Target::Last, |reading| reading.categories = vec!["code".into()]).unwrap();
    let different: std::collections::BTreeSet<String> =
        cells("ecodes_allnum.csv", ',').into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(said.schema().width(), different.len() + 1);
    let cars = read("carlike.data");
    assert!(cars.schema().input_names().contains(&"2=5more".to_string()), "{:?}", cars.schema().input_names());
    has_note(&cars, "`5more`");
    has_note(&read("invoice.csv"), "numbers and texts such as `C536");
    let numbers = read_with("carlike.data", Target::Last, |reading| reading.numbers = vec!["2".into()]);
    says(numbers, &["column 2", "`5more` is not a number"]);
}

#[test]
fn lists_in_cells_and_times_are_cells() {
    let data = read("tz.csv");
    assert_eq!((data.len(), data.schema().columns().len()), (60, 4));
    let times = read("times.csv");
    assert_eq!(times.schema().input_names(), ["t.hour", "t.seconds", "b"]);
    let seconds = |cell: &str| {
        let (hours, minutes) = cell.split_once(':').unwrap();
        (hours.parse::<u32>().unwrap() * 3600 + minutes.parse::<u32>().unwrap() * 60).to_string()
    };
    assert_eq!(input(&times, 1), numbers("times.csv", ',', 0, seconds));
    assert_eq!(
        read("dates.csv").schema().input_names()[..4],
        ["when.year", "when.month", "when.weekday", "when.seconds"]
    );
}

#[test]
fn numbers_far_from_zero_keep_their_differences() {
    let data = read("feature_bigint_offset.csv");
    let x = input(&data, 0);
    assert!(x.windows(2).all(|pair| pair[1] - pair[0] == 1.0), "{x:?}");
    let target = read("offset_target.csv");
    let written = cells("offset_target.csv", ',');
    for (value, row) in target.values().unwrap().as_slice().iter().zip(written) {
        // Four decimals are written.
        assert!((target.schema().target_value(0, *value) - row[2].parse::<f64>().unwrap()).abs() < 1e-6);
    }
    let constant = read("near_const.csv");
    let different: std::collections::BTreeSet<u32> = input(&constant, 1).iter().map(|x| x.to_bits()).collect();
    assert_eq!(different.len(), 200);
}

#[test]
fn words_for_missing_cells_may_be_texts() {
    assert!(read("namibia_feature.csv").schema().input_names().contains(&"country=NA".to_string()));
    assert!(read("namibia_label.csv").class_names().contains(&"NA".to_string()));
    assert!(read("nonelabel.csv").class_names().contains(&"None".to_string()));
    has_note(&read("nonelabel.csv"), "--missing-values");
    // In small letters too: a plan of a contract, say.
    let rows: Vec<[&str; 2]> = (0..90).map(|i| [["none", "basic", "pro"][i % 3], ["1.5", "2.5"][i % 2]]).collect();
    let table = Table::from_rows(&["plan", "x"], &rows).unwrap();
    let data = Dataset::from_table(table, Target::Column("plan"), Missing::Fill).unwrap();
    assert_eq!((data.len(), data.class_names().len()), (90, 3), "{:?}", data.notes());
    let without =
        read_with("namibia_label.csv", Target::Last, |reading| reading.missing_values = Some(vec!["NA".into()]));
    assert!(without.unwrap().len() < 60);
    let sentinel =
        read_with("sentinel.csv", Target::Last, |reading| reading.missing_values = Some(vec!["-9999".into()]));
    assert!(sentinel.unwrap().missing_count() > 0);
}

#[test]
fn categories_unknown_in_training_count_as_none() {
    let data = read("col.csv");
    let table = Table::read_with(format!("{FOLDER}col_new.csv"), &data.schema().reading()).unwrap();
    let rows = data.schema().read_rows(&table).unwrap();
    assert_eq!((rows.features.rows(), rows.failures.len()), (4, 0));
    assert!(rows.notes[0].contains("`colour` has 2 cells") && rows.notes[0].contains("`purple`"), "{:?}", rows.notes);
    assert_eq!(rows.features.to_matrix().row(1)[..3], [0.0; 3]);
}

#[test]
fn identifiers_are_left_out_and_named() {
    let data = read("idcol.csv");
    assert_eq!(data.schema().input_names(), ["a", "b"]);
    has_note(&data, "the column `id` has 200 different texts");
}

#[test]
fn preambles_are_no_records() {
    for name in ["sepline.csv", "comments.csv"] {
        let data = read(name);
        assert_eq!((data.len(), data.schema().input_names()), (60, vec!["a".to_string(), "b".to_string()]), "{name}");
    }
    // NumPy's header is behind a #.
    let table = Table::parse("# a,b\n1.5,2\n2.5,3\n", "a.csv").unwrap();
    assert_eq!((table.header().unwrap(), table.rows()), (&["a".to_string(), "b".to_string()][..], 2));
    says(Schema::infer(&Table::parse("#a\n1,2\n", "a.csv").unwrap(), Target::Column("z")), &["no column `z`"]);
}

#[test]
fn other_files_are_called_by_their_names() {
    says(Table::read(format!("{FOLDER}arff.arff")), &["ARFF", "`a,b,y`"]);
    for (bytes, part) in [
        (&b"PK\x03\x04rest"[..], "spreadsheet"),
        (b"PAR1rest", "Parquet"),
        (b"SQLite format 3\0", "SQLite"),
        (b"{\"a\": 1}", "JSON"),
        (b"[{\"a\": 1}]", "JSON"),
        (b"<!DOCTYPE html>", "HTML"),
        (b"%PDF-1.7", "PDF"),
        (b"\x93NUMPY", "NumPy"),
    ] {
        says(
            Table::parse(bytes, "a"),
            &["a: is ", part, "CSV"].map(|p| if part == "NumPy" && p == "CSV" { "text" } else { p }),
        );
    }
}

#[test]
fn decimal_commas_do_not_separate_cells() {
    // Without a header that tells, and with more texts than numbers.
    let text = "327389,51;red;yes\n22994,97;blue;no\n35526,25;red;yes\n11956,75;blue;no\n";
    let table = Table::parse(text, "a.csv").unwrap();
    assert_eq!(table.cells(1).collect::<Vec<_>>(), ["22994,97", "blue", "no"]);
    let table = Table::parse("51861,68|maybe\n-834062,89|maybe\n1260016,65|no\n", "a.csv").unwrap();
    assert_eq!(table.cells(0).collect::<Vec<_>>(), ["51861,68", "maybe"]);
    // With a separator at the end of some lines, as tables that are edited by hand have.
    let table = Table::parse("a;b;\n1,5;no;\n2,5;yes\n3,5;no;\n", "a.csv").unwrap();
    assert_eq!(table.header().unwrap(), ["a", "b"]);
    assert_eq!(table.cells(1).collect::<Vec<_>>(), ["2,5", "yes"]);
}

#[test]
fn rows_that_begin_with_a_missing_number_or_have_rare_classes_are_no_headers() {
    for text in
        ["N/A,yes\n1.5,no\n2.5,yes\n3.5,no\n", "4.5 %,x,f\n1.5 %,y,g\n2.5 %,z,g\n1.2 %,y,h\n9.0 %,z,h\n7.5 %,y,h\n"]
    {
        let table = Table::parse(text, "a.csv").unwrap();
        assert_eq!((table.header(), table.rows()), (None, text.lines().count()));
    }
}

#[test]
fn words_for_missing_cells_are_missing_among_dates_and_decorated_numbers() {
    let rows = |cells: [&str; 6]| {
        let classes = ["yes", "no"].into_iter().cycle();
        cells.iter().zip(classes).map(|(cell, class)| format!("{cell};{class}\n")).collect::<String>()
    };
    for (cells, read) in [
        (["9,5 %", "None", "7,25 %", "None", "1,5 %", "2,5 %"], "numbers"),
        (["2024-05-31", "NA", "2024-06-01", "NA", "2024-01-31", "2024-02-29"], "dates"),
    ] {
        let table = Table::parse(format!("a;class\n{}", rows(cells)), "a.csv").unwrap();
        let data = Dataset::from_table(table, Target::Last, Missing::Fill).unwrap();
        has_note(&data, &format!("is read as {read}"));
        assert_eq!(data.missing_count(), 2, "{cells:?}");
    }
}

#[test]
fn a_first_line_of_data_has_all_its_cells() {
    let mut reading = Reading::default();
    reading.header = Some(false);
    let table = Table::parse_with("a,y\n1,2,3\n4,5,6\n", "a.csv", &reading);
    says(table, &["line 2: 3 cells, but line 1 has 2"]);
}

#[test]
fn a_target_that_is_said_to_be_categories_is_classes() {
    let mut reading = Reading::default();
    reading.categories = vec!["y".into()];
    // Numbers of which there are too many to be classes by themselves.
    let table = Table::parse_with("a,y\n1,1.5\n2,2.5\n3,3.5\n4,1.5\n", "a.csv", &reading).unwrap();
    let data = Dataset::from_table(table.clone(), Target::Last, Missing::Fill).unwrap();
    assert_eq!(data.class_names(), ["1.5", "2.5", "3.5"]);
    let values = Dataset::from_table(table, Target::Values(&["y"]), Missing::Fill);
    says(values, &["the column `y` is to be predicted as a value, and to be categories"]);
}
