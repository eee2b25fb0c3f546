//! Tables that are read on any number of threads: the same data, the same notes, the same errors.

use palmnet::compute::{Rng, set_threads};
use palmnet::data::{Missing, Reading};
use palmnet::{Dataset, Table, Target};

/// Enough rows for several pieces.
const ROWS: usize = 30_000;

/// A table with numbers of many kinds, dates, categories, quotes with line ends in them, and missing cells.
fn text(line_end: &str, quotes: bool) -> String {
    let mut rng = Rng::new(8);
    let mut text = ["\u{FEFF}id", "a", "b", "c", "day", "city", "note", "y"].join(",") + line_end;
    for row in 0..ROWS {
        let a = match row % 5 {
            0 => format!("{:.3}", rng.normal()),
            1 => format!("{:e}", rng.normal()),
            2 => format!("{:.17}", rng.normal() * 1e-3),
            3 => format!(" {}", rng.below(1000)),
            _ => format!("{}", f64::from(rng.normal() as f32)),
        };
        let b = if rng.below(20) == 0 { "NA".to_string() } else { rng.below(256).to_string() };
        let c = format!("{},{:02}", rng.below(100), rng.below(100));
        let day = format!("2024-{:02}-{:02}", 1 + rng.below(12), 1 + rng.below(28));
        let city = ["Bonn", "Köln", "Paris", ""][rng.below(4)];
        let note = match rng.below(4) {
            0 if quotes => format!("\"says \"\"{line_end}\"\",\""),
            1 if quotes => format!("\"{line_end}1,2,3\""),
            _ => "plain".to_string(),
        };
        let c = if quotes { format!("\"{c}\"") } else { c.replace(',', "") };
        text += &format!("{row},{a},{b},{c},{day},{city},{note},{}{line_end}", ["no", "yes"][rng.below(2)]);
        if row % 1000 == 7 {
            text += line_end;
        }
    }
    text.truncate(text.len() - line_end.len());
    text
}

/// All that can be known of a table: its data or its error.
fn facts(text: &str, target: Target<'_>) -> String {
    let table = match Table::parse(text, "a.csv") {
        Ok(table) => table,
        Err(error) => return error.to_string(),
    };
    let lines: Vec<usize> = (0..table.rows()).map(|row| table.line(row)).collect();
    match Dataset::from_table(table, target, Missing::Fill) {
        Ok(data) => format!("{:?} {:?} {:?} {}", lines, data.notes(), data.schema(), data.digest()),
        Err(error) => error.to_string(),
    }
}

fn check(text: &str, target: Target<'_>, part: &str) {
    set_threads(1);
    let alone = facts(text, target);
    assert!(alone.contains(part), "{}", &alone[alone.len().saturating_sub(2000)..]);
    for threads in [2, 3, 7] {
        set_threads(threads);
        assert!(facts(text, target) == alone, "{threads} threads: {:.2000}", facts(text, target));
    }
    set_threads(0);
}

#[test]
fn data_does_not_depend_on_threads() {
    for line_end in ["\n", "\r\n", "\r"] {
        for quotes in [false, true] {
            check(&text(line_end, quotes), Target::Last, "30000 examples");
        }
    }
    check(&text("\n", true), Target::Column("b"), "examples of digest");
}

#[test]
fn the_first_error_is_the_same_on_any_threads() {
    let text = text("\n", true);
    let line = |line: &str| text.find(line).unwrap();
    let (first, second) = (line("\n20011,"), line("\n28011,"));
    let with = |first_lines: &str, second_lines: &str| {
        [&text[..first], first_lines, &text[first..second], second_lines, &text[second..]].concat()
    };
    check(&with("\n1,2,3", "\n1,2"), Target::Last, "3 cells, but line 1 has 8");
    check(&with("\n1,2,3,4,5,6,\"7\"8,9", "\n1,\"2"), Target::Last, "a cell continues after its closing double quote");
    check(&with("", "\n1,2,3,4,5,6,7,\"no"), Target::Last, "a cell continues after its closing double quote");
    check(&(text.clone() + "\n1,2,3,4,5,6,7,\"no"), Target::Last, "a double quote opens here and never ends");
    check(
        &with("\n1,two,3,4,2024-01-01,6,7,no", "\n1,three,3,4,2024-01-01,6,7,no"),
        Target::Last,
        "`two` is not a number",
    );
    check(&with("\n1,2,3,4,2024-01-01,6,7,no", "\n1,1e60,3,4,2024-01-01,6,7,no"), Target::Last, "`1e60` is infinite");
}

#[test]
fn rows_that_cannot_be_read_are_the_same_on_any_threads() {
    let plain = text("\n", false);
    let schema =
        Dataset::from_table(Table::parse(plain.as_str(), "a.csv").unwrap(), Target::Last, Missing::Fill).unwrap();
    let schema = schema.schema().clone();
    let broken = plain.replace("\n17", "\n17,x,,,2024-13-01,Rome,,no\n17").replace("Paris", "Rome");
    let mut reading = Reading::default();
    reading.keep_index = true;
    let facts = |threads: usize| {
        set_threads(threads);
        let table = Table::parse_with(broken.as_str(), "a.csv", &reading).unwrap();
        let read = schema.read_rows(&table).unwrap();
        assert!(read.failures.len() > 1000, "{}", read.failures.len());
        let bits: Vec<u32> = read.features.to_matrix().as_slice().iter().map(|x| x.to_bits()).collect();
        (bits, format!("{:?} {:?}", read.failures, read.notes))
    };
    let alone = facts(1);
    assert!(alone.1.contains("Rome"), "{:.1000}", alone.1);
    for threads in [2, 3, 7] {
        assert!(facts(threads) == alone, "{threads}");
    }
    set_threads(0);
}
