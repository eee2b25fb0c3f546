//! A model, which predicts, is written, and is read as the same again.
//!
//! The input is a header that ends at the byte 0xFF, and numbers: its length is put before it. Numbers that are missing
//! at the end are filled up with those that the header asks for.

#![no_main]

use libfuzzer_sys::fuzz_target;
use palmnet::unversioned::Json;
use palmnet::{Matrix, Model, Network, Table};

fuzz_target!(|bytes: &[u8]| {
    let file = filled(palmnet_fuzz::with_length(bytes));
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

/// Returns the file with as many numbers as its header says, if those are few.
fn filled(mut file: Vec<u8>) -> Vec<u8> {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&file[8..8 + length]).ok().and_then(|text| Json::parse(text).ok());
    let end = |tensor: &Json| tensor.get("data_offsets")?.as_array()?.get(1)?.as_usize();
    let members = header.as_ref().and_then(Json::as_object).unwrap_or_default();
    let end = members.iter().filter_map(|(_, tensor)| end(tensor)).max().unwrap_or(0);
    if end <= 1 << 16 {
        let small = 0.25f32.to_le_bytes();
        let more = (file.len()..8 + length + end).map(|i| small[(i - length) % 4]);
        let more: Vec<u8> = more.collect();
        file.extend(more);
        file.truncate(8 + length + end);
    }
    file
}
