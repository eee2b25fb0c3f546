//! The writer.

use super::{DIGEST, HEADER, HEXADECIMAL, NUMBERS, Parts};
use crate::format::json::Json;
use crate::format::safetensors::{MAX_HEADER, Safetensors};

/// Constants of fewer bytes are only whole tensors, not parts of them: a 1 may be anywhere.
const SHORTEST_PART: usize = 64;

/// A graph as it is written.
pub(crate) struct Written<'a> {
    pub(crate) graph: &'a [u8],
    /// The versions of the operators.
    pub(crate) operators: &'a [u8],
    /// The names and the bytes of the constants that are numbers.
    pub(crate) constants: Vec<(&'a str, &'a [u8])>,
}

/// Returns the record of a model file in a graph; `None` if its header is longer than can be read.
pub(crate) fn record(file: &Safetensors, written: Written<'_>) -> Option<String> {
    let Written { graph, operators, mut constants } = written;
    let bytes = file.to_bytes();
    let numbers: usize = file.tensors.iter().map(|tensor| tensor.size() * tensor.data.len()).sum();
    let (header, mut rest) = bytes.split_at(bytes.len() - numbers);
    let header = str::from_utf8(&header[8..]).ok().filter(|header| header.len() <= MAX_HEADER)?;
    // The longest first: a part of a tensor may begin with the numbers of another one.
    constants.sort_by_key(|(_, bytes)| std::cmp::Reverse(bytes.len()));
    let mut parts = Vec::new();
    for tensor in &file.tensors {
        let (own, behind) = rest.split_at(tensor.size() * tensor.data.len());
        rest = behind;
        match taken(own, &mut constants) {
            Some(names) => parts.extend(names),
            None => {
                let digits: String = own.iter().map(|byte| format!("{byte:02x}")).collect();
                parts.push(Json::object([(HEXADECIMAL, digits.into())]));
            }
        }
    }
    let numbers = Json::Array(parts);
    let digest = Parts { graph, operators, header, numbers: &numbers }.digest();
    Some(Json::object([(DIGEST, digest.into()), (HEADER, header.into()), (NUMBERS, numbers)]).to_string())
}

/// Takes the constants whose bytes, one behind the other, are these, and returns their names. No constant is taken twice,
/// so that a record stands for no more bytes than its file has.
fn taken(mut bytes: &[u8], constants: &mut Vec<(&str, &[u8])>) -> Option<Vec<Json>> {
    let shortest = SHORTEST_PART.min(bytes.len());
    let (mut left, mut names) = (constants.clone(), Vec::new());
    while !bytes.is_empty() {
        let index = left.iter().position(|(_, part)| part.len() >= shortest && bytes.starts_with(part))?;
        let (name, part) = left.remove(index);
        bytes = &bytes[part.len()..];
        names.push(name.into());
    }
    *constants = left;
    Some(names)
}
