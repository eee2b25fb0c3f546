//! Tables of any content.

use super::cells;
use palmnet::data::{Missing, Reading, Schema};
use palmnet::{Dataset, Table, Target};
use proptest::prelude::*;

/// Bytes that often look like a table.
fn tablelike() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        ",", ";", "\t", "\n", "\r\n", "\r", "\"", "\"\"", " ", "1", "-2.5", "a", "é", "nan", "inf", "1e99", "\u{FEFF}",
        "\0", "?",
    ]);
    let pieces = prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![pieces, prop::collection::vec(any::<u8>(), 0..60)]
}

#[test]
fn parts_of_numbers_separate_no_cells() {
    for separator in ["-", ".", "e", "E", "5", "\"", "a", "+", "#", "|", "'", "\t"] {
        for cell in ["12.5", "42", "-7", "1.5e5", "-1.25E+3", "0.123456789012345678", " 3 ", "", "abc"] {
            let rows: Vec<String> = (0..40).map(|i| [cell, cell, ["0", "1"][i % 2]].join(separator)).collect();
            let Ok(table) = Table::parse(format!("sep={separator}\n{}\n", rows.join("\n")), "a.csv") else { continue };
            let cells: Vec<String> = table.cells(0).map(|cell| cell.trim().to_string()).collect();
            let Ok(data) = Dataset::from_table(table, Target::Last, Missing::Fill) else { continue };
            let read = data.features().to_matrix();
            for (cell, number) in cells.iter().zip(read.row(0)).filter(|(cell, _)| cell.parse::<f32>().is_ok()) {
                assert_eq!(cell.parse(), Ok(*number), "{separator:?} {cells:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn parsing_survives_any_bytes(bytes in tablelike(), other in tablelike()) {
        let Ok(table) = Table::parse(bytes, "a.csv") else { return Ok(()) };
        for row in 0..table.rows() {
            prop_assert_eq!(table.cells(row).count(), table.columns());
        }
        for target in [Target::Last, Target::Column("1"), Target::Class("a"), Target::Values(&["1", "2"])] {
            if let Ok(schema) = Schema::infer(&table, target) {
                let data = Dataset::from_table_as(&table, &schema).expect("a schema reads its own table");
                prop_assert_eq!(data.len(), table.rows());
                if let Ok(other) = Table::parse(other.clone(), "b.csv") {
                    let _ = schema.features(&other);
                    let _ = Dataset::from_table_as(&other, &schema);
                }
            }
        }
    }

    #[test]
    fn quoted_tables_round_trip(
        rows in prop::collection::vec(prop::collection::vec("[a-c1,;\t\n\r\"é .-]{0,6}", 3), 1..6),
        separator in prop::sample::select(vec![",", ";", "\t"]),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        last in any::<bool>(),
    ) {
        // The first record has something in every cell, and the others in any: lines without content are left out.
        let mut rows: Vec<Vec<String>> = [vec!["1".to_string(); 3]].into_iter().chain(rows).collect();
        let quote = |cell: &String| {
            let plain = cell.chars().all(|c| c.is_ascii_alphanumeric()) && !cell.is_empty();
            if plain { cell.clone() } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
        };
        let lines: Vec<String> =
            rows.iter().map(|row| row.iter().map(quote).collect::<Vec<_>>().join(separator)).collect();
        let text = lines.join(end) + if last { end } else { "" };
        let mut reading = Reading::default();
        reading.header = Some(false);
        let table = Table::parse_with(text, "a.csv", &reading).unwrap();
        prop_assert!(table.header().is_none());
        rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
        prop_assert_eq!(cells(&table), rows);
    }
}
