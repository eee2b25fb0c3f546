//! A model, which predicts, is written, and is read as the same again.
//!
//! The input is a header that ends at the byte 0xFF, and numbers: its length is put before it. Numbers that are missing
//! at the end are filled up with those that the header asks for.

#![no_main]

use libfuzzer_sys::fuzz_target;
use palmnet::{Matrix, Model, Network, Table};

fuzz_target!(|bytes: &[u8]| {
    let file = palmnet_fuzz::filled(palmnet_fuzz::with_length(bytes));
    if let Ok(network) = Network::from_bytes(&file, "file") {
        let again = Network::from_bytes(&network.to_bytes(), "file").expect("it was written");
        assert_eq!(again.to_bytes(), network.to_bytes());
    }
    let Ok(model) = Model::from_bytes(&file, "file") else { return };
    let written = model.to_bytes();
    let again = Model::from_bytes(&written, "file").expect("it was written");
    assert_eq!(again.to_bytes(), written);
    let width = model.schema().width();
    if width > 1 << 12 {
        return;
    }
    let _ = model.predict(&Matrix::from_fn(3, width, |row, column| (row + column) as f32 - 1.0));
    let cells: Vec<String> = (0..model.schema().columns().len()).map(|i| format!("{i}.5")).collect();
    let line = cells.join(",") + "\n";
    if let Ok(table) = Table::parse_with(line.repeat(2), "table", &model.schema().reading()) {
        let _ = model.schema().read_rows(&table);
    }
});
