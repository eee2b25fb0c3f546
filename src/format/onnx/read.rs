//! The reader.

use super::{GRAPH, HEADER, HEXADECIMAL, KEY, NUMBERS, digest};
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
/// If the fields cannot be read.
pub(crate) fn model_file(file: &[u8]) -> Result<Inside, Damage> {
    let (mut graph, mut record) = (&[][..], None);
    for field in Fields::new(file) {
        match field? {
            (7, value) => graph = value.bytes()?,
            (14, value) => {
                let (key, text) = pair(value.bytes()?)?;
                record = if key == KEY { Some(text) } else { record };
            }
            _ => {}
        }
    }
    let Some(record) = record else { return Ok(Inside::Nothing) };
    let mut constants = Vec::new();
    for field in Fields::new(graph) {
        if let (5, value) = field? {
            constants.push(constant(value.bytes()?)?);
        }
    }
    let restored = restored(&record, graph, &constants, file.len());
    Ok(restored.map_or(Inside::Changed, Inside::Whole))
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

/// Returns the model file that a record describes, which has no more bytes than `most`.
fn restored(record: &str, graph: &[u8], constants: &[(String, &[u8])], most: usize) -> Option<Vec<u8>> {
    let record = Json::parse(record).ok()?;
    let is_same = record.get(GRAPH)?.as_str()? == digest(graph);
    // A fuzzer does not find the digest of what it made.
    if !is_same && !cfg!(fuzzing) {
        return None;
    }
    let header = record.get(HEADER)?.as_str()?;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    for part in record.get(NUMBERS)?.as_array()? {
        match part.as_str() {
            Some(name) => file.extend_from_slice(constants.iter().find(|(own, _)| own == name)?.1),
            None => file.extend(bytes_of(part.get(HEXADECIMAL)?.as_str()?)?),
        }
        if file.len() > most {
            return None;
        }
    }
    Some(file)
}

/// Reads bytes in hexadecimal.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let pairs = pairs.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    if rest.is_empty() { pairs.collect() } else { None }
}
