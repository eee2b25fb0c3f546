//! A table, read in any way, and a later table that is read with its schema.
//!
//! The first two bytes choose how it is read; the byte 0xFF, which no text has, separates the tables.

#![no_main]

use libfuzzer_sys::fuzz_target;
use palmnet::data::{Missing, Reading, Unknown};
use palmnet::{Dataset, Table, Target};
use palmnet_fuzz as _; // Its allocator.

fuzz_target!(|bytes: &[u8]| {
    let [first, second, content @ ..] = bytes else { return };
    let mut parts = content.splitn(2, |&byte| byte == 0xFF);
    let (table, later) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let reading = reading(*first, *second);
    let Ok(parsed) = Table::parse_with(table, "table", &reading) else { return };
    for row in 0..parsed.rows() {
        assert_eq!(parsed.cells(row).count(), parsed.columns(), "row {row}");
    }
    let missing = [Missing::Fill, Missing::Drop, Missing::Error][usize::from(*second) % 3];
    let target = match second / 3 % 4 {
        0 | 1 => Target::Last,
        2 => Target::Class("1"),
        _ => Target::Values(&["1"]),
    };
    let Ok(data) = Dataset::from_table(parsed.clone(), target, missing) else { return };
    let schema = data.schema();
    // Prediction reads the same numbers as training.
    let again = schema.read_rows(&parsed).expect("the columns are there");
    if again.features.rows() == data.len() && again.failures.is_empty() {
        let (read, numbers) = (again.features.to_matrix(), data.to_matrix());
        let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        assert!(read.as_slice().iter().zip(numbers.as_slice()).all(same));
    }
    let mut reading = schema.reading();
    reading.unknown = if second / 12 % 2 == 0 { Unknown::Other } else { Unknown::Error };
    if let Ok(later) = Table::parse_with(later, "later", &reading) {
        if let Ok(read) = schema.read_rows(&later) {
            assert_eq!((read.features.rows(), read.features.columns()), (later.rows(), schema.width()));
        }
        let _ = Dataset::from_table_as(&later, schema);
        let _ = later.clone().drop_missing(schema);
    }
});

fn reading(byte: u8, second: u8) -> Reading {
    let mut reading = Reading::default();
    reading.header = [None, None, Some(true), Some(false)][usize::from(byte) % 4];
    reading.separator = [None, None, Some(';'), Some('\t')][usize::from(byte / 4) % 4];
    reading.decimal = [None, None, Some('.'), Some(',')][usize::from(byte / 16) % 4];
    if byte / 64 == 1 {
        reading.missing_values = Some(vec!["-9".into()]);
    }
    if byte / 64 == 2 {
        reading.categories = vec!["1".into()];
    }
    if byte / 64 == 3 {
        reading.numbers = vec!["1".into()];
        reading.keep_index = true;
    }
    let column = Some("2".into());
    match second / 24 {
        2 => reading.weights = column,
        3 => reading.group = column,
        4 => reading.time = column,
        5 => (reading.weights, reading.time) = (Some("3".into()), column),
        6 => (reading.weights, reading.group) = (Some("3".into()), column),
        _ => {}
    }
    reading
}
