//! ONNX: a model that is read predicts, is written, and is read as the same again.
//!
//! If the first byte is even, the rest is the file. Otherwise it is a text with a line for each part of a graph, which
//! is turned into one: the lengths in a file would hide the graph from the fuzzer.
//!
//! ```text
//! i x 1 0 4                        an input: name, type, dimensions (0 for any)
//! c w 1 4 2 = 0.5 1 2 3 4 5 6 7    a constant: name, type, dimensions, and its entries, from the first again if too few
//! n Gemm x w > y ; alpha=1. b=2    a node: operator, inputs, outputs, attributes
//! o y 1                            an output: name, type
//! m {"digest":"","header":"{}","numbers":["w"]}    the record of a model file
//! ```

#![no_main]

use libfuzzer_sys::fuzz_target;
use palmnet::import::{Options, onnx};
use palmnet::{Matrix, Model};

fuzz_target!(|bytes: &[u8]| {
    let [first, content @ ..] = bytes else { return };
    let file = if first % 2 == 0 { content.to_vec() } else { graph(&String::from_utf8_lossy(content)) };
    let mut options = Options::default();
    if first % 4 > 1 {
        options.features = ["a", "b"].map(String::from).to_vec();
        options.classes = ["no", "yes"].map(String::from).to_vec();
    }
    let Ok(model) = onnx(&file, "file", &options) else { return };
    let written = model.to_bytes();
    let again = Model::from_bytes(&written, "file").expect("it was written");
    assert_eq!(again.to_bytes(), written);
    let width = model.schema().width();
    let _ = model.predict(&Matrix::from_fn(3, width, |row, column| (row + column) as f32 - 1.0));
});

/// Appends a field of bytes.
fn bytes(out: &mut Vec<u8>, number: u8, value: &[u8]) {
    varint(out, u64::from(number) << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Appends a field of an integer.
fn integer(out: &mut Vec<u8>, number: u8, value: i64) {
    varint(out, u64::from(number) << 3);
    varint(out, value as u64);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Returns the message of a tensor: the type, dimensions, and entries that are repeated up to the size.
fn tensor(kind: i64, dims: &[i64], entries: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    dims.iter().for_each(|&dim| integer(&mut out, 1, dim));
    integer(&mut out, 2, kind);
    let count = dims.iter().fold(1i64, |product, dim| product.saturating_mul((*dim).max(0))).min(512) as usize;
    let mut raw = Vec::new();
    for entry in entries.iter().cycle().take(count) {
        match kind {
            1 => raw.extend(entry.parse::<f32>().unwrap_or(0.5).to_le_bytes()),
            7 => raw.extend(entry.parse::<i64>().unwrap_or(1).to_le_bytes()),
            11 => raw.extend(entry.parse::<f64>().unwrap_or(0.5).to_le_bytes()),
            _ => bytes(&mut out, 6, entry.as_bytes()),
        }
    }
    if kind != 8 {
        bytes(&mut out, 9, &raw);
    }
    out
}

/// Returns the message of an input or output.
fn port(words: &[&str]) -> Vec<u8> {
    let number = |word: &&str| word.parse::<i64>().unwrap_or(1);
    let mut shape = Vec::new();
    for dim in words.iter().skip(2).map(number) {
        let mut message = Vec::new();
        integer(&mut message, 1, dim);
        bytes(&mut shape, 1, &message);
    }
    let (mut of_tensor, mut of_type, mut out) = (Vec::new(), Vec::new(), Vec::new());
    integer(&mut of_tensor, 1, words.get(1).map_or(1, number));
    bytes(&mut of_tensor, 2, &shape);
    bytes(&mut of_type, 1, &of_tensor);
    bytes(&mut out, 1, words.first().unwrap_or(&"").as_bytes());
    bytes(&mut out, 2, &of_type);
    out
}

/// Returns the message of an attribute: a whole number, a number with a point, a list with commas, or a text.
fn attribute(text: &str) -> Vec<u8> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let mut out = Vec::new();
    bytes(&mut out, 1, name.as_bytes());
    let float = |out: &mut Vec<u8>, number: u8, text: &str| {
        varint(out, u64::from(number) << 3 | 5);
        out.extend(text.parse::<f32>().unwrap_or(f32::NAN).to_le_bytes());
    };
    if let Some(list) = value.strip_prefix('[') {
        for entry in list.split(',') {
            match entry.parse::<i64>() {
                Ok(whole) => integer(&mut out, 8, whole),
                Err(_) if entry.contains('.') => float(&mut out, 7, entry),
                Err(_) => bytes(&mut out, 9, entry.as_bytes()),
            }
        }
    } else if let Ok(whole) = value.parse() {
        integer(&mut out, 3, whole);
    } else if value.contains('.') {
        float(&mut out, 2, value);
    } else {
        bytes(&mut out, 4, value.as_bytes());
    }
    out
}

/// Returns the file of a graph.
fn graph(text: &str) -> Vec<u8> {
    let (mut graph, mut record) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.split_first() {
            Some((&"i", rest)) => bytes(&mut graph, 11, &port(rest)),
            Some((&"o", rest)) => bytes(&mut graph, 12, &port(rest)),
            Some((&"c", rest)) => {
                let mut parts = rest.split(|word| *word == "=");
                let (head, entries) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                let dims: Vec<i64> = head.iter().skip(2).map(|dim| dim.parse().unwrap_or(1)).collect();
                let kind = head.get(1).map_or(1, |kind| kind.parse().unwrap_or(8));
                let mut message = tensor(kind, &dims, if entries.is_empty() { &["0.5"] } else { entries });
                bytes(&mut message, 8, head.first().unwrap_or(&"").as_bytes());
                bytes(&mut graph, 5, &message);
            }
            Some((&"n", rest)) => {
                let mut node = Vec::new();
                let mut field = 1;
                let Some((operator, rest)) = rest.split_first() else { continue };
                bytes(&mut node, 4, operator.trim_start_matches('@').as_bytes());
                if operator.starts_with('@') {
                    bytes(&mut node, 7, b"ai.onnx.ml");
                }
                for word in rest {
                    match *word {
                        ">" => field = 2,
                        ";" => field = 5,
                        word if field == 5 => bytes(&mut node, 5, &attribute(word)),
                        // The name of an input that is absent.
                        "_" => bytes(&mut node, field, b""),
                        word => bytes(&mut node, field, word.as_bytes()),
                    }
                }
                bytes(&mut graph, 1, &node);
            }
            Some((&"m", _)) => {
                bytes(&mut record, 1, b"palmnet");
                bytes(&mut record, 2, line.trim_start_matches(['m', ' ']).as_bytes());
            }
            _ => {}
        }
    }
    let mut file = Vec::new();
    bytes(&mut file, 7, &graph);
    // Version 17 of the operators.
    bytes(&mut file, 8, b"\x10\x11");
    if !record.is_empty() {
        bytes(&mut file, 14, &record);
    }
    file
}
