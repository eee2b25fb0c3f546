//! The reader.

use std::collections::BTreeMap;

use super::{DIGEST, HEADER, HEXADECIMAL, KEY, NUMBERS, Parts};
use crate::base::memory::is_available;
use crate::format::json::Json;
use crate::format::protobuf::read::{Damage, Fields};

/// The model file in an ONNX file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    /// There is none.
    Nothing,
    /// There was one, but the graph or the record is not as it was written.
    Changed,
    Whole(Vec<u8>),
}

/// Returns the model file in an ONNX file.
///
/// # Errors
/// If the fields cannot be read, or there is no memory for the record.
pub(crate) fn model_file(file: &[u8]) -> Result<Inside, Damage> {
    let (mut graphs, mut operators, mut records, mut functions) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for field in Fields::new(file) {
        match field? {
            (7, value) => graphs.push(value.bytes()?),
            (8, value) => operators.push(value.bytes()?),
            (14, value) => {
                let (key, text) = pair(value.bytes()?)?;
                records.extend((key == KEY).then_some(text));
            }
            (25, _) => functions += 1,
            _ => {}
        }
    }
    if records.is_empty() {
        return Ok(Inside::Nothing);
    }
    let ([graph], [operators], [record], 0) = (&graphs[..], &operators[..], &records[..], functions) else {
        return Ok(Inside::Changed);
    };
    // Parsed, a number of a byte or two takes sixteen times as much.
    if !is_available(16 * record.len()) {
        return Err("there is no memory to read the model in its metadata: end other programs");
    }
    let mut constants = BTreeMap::new();
    for field in Fields::new(graph) {
        if let (5, value) = field? {
            let (name, numbers) = constant(value.bytes()?)?;
            constants.insert(name, numbers);
        }
    }
    Ok(restored(record, graph, operators, constants).map_or(Inside::Changed, Inside::Whole))
}

/// Reads a `StringStringEntryProto`.
pub(crate) fn pair(message: &[u8]) -> Result<(String, String), Damage> {
    let mut found = (String::new(), String::new());
    for field in Fields::new(message) {
        match field? {
            (1, value) => found.0 = value.text()?,
            (2, value) => found.1 = value.text()?,
            _ => {}
        }
    }
    Ok(found)
}

/// Reads the name of a `TensorProto`, and its numbers if they are raw.
fn constant(message: &[u8]) -> Result<(String, &[u8]), Damage> {
    let (mut name, mut raw) = (String::new(), &[][..]);
    for field in Fields::new(message) {
        match field? {
            (8, value) => name = value.text()?,
            (9, value) => raw = value.bytes()?,
            _ => {}
        }
    }
    Ok((name, raw))
}

/// Returns the model file that a record describes. Each constant is taken once, so that it is no longer than the ONNX file.
fn restored(record: &str, graph: &[u8], operators: &[u8], mut constants: BTreeMap<String, &[u8]>) -> Option<Vec<u8>> {
    let record = Json::parse(record).ok()?;
    let (header, numbers) = (record.get(HEADER)?.as_str()?, record.get(NUMBERS)?);
    let is_same = record.get(DIGEST)?.as_str()? == Parts { graph, operators, header, numbers }.digest();
    // A fuzzer does not find the digest of what it made.
    if !is_same && !cfg!(fuzzing) {
        return None;
    }
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    for part in numbers.as_array()? {
        match part.as_str() {
            Some(name) => file.extend_from_slice(constants.remove(name)?),
            None => file.extend(bytes_of(part.get(HEXADECIMAL)?.as_str()?)?),
        }
    }
    Some(file)
}

/// Reads bytes in hexadecimal.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = pairs.iter().map(|&[high, low]| Some((16 * digit(high)? + digit(low)?) as u8));
    if rest.is_empty() { pairs.collect() } else { None }
}
