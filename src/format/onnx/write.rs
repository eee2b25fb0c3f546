//! The writer.

use super::{GRAPH, HEADER, HEXADECIMAL, NUMBERS, digest};
use crate::format::json::Json;
use crate::format::safetensors::Safetensors;

/// Constants of fewer bytes are only whole tensors, not parts of them: a 1 may be anywhere.
const SHORTEST_PART: usize = 64;

/// Returns the record of a model file in a graph, which has these constants.
pub(crate) fn record(file: &[u8], graph: &[u8], mut constants: Vec<(&str, &[u8])>) -> String {
    let tensors = Safetensors::from_bytes(file, "").map_or(Vec::new(), |file| file.tensors);
    let numbers: usize = tensors.iter().map(|tensor| tensor.size() * tensor.data.len()).sum();
    let (header, mut rest) = file.split_at(file.len() - numbers);
    // The longest first: a part of a tensor may begin with the numbers of another one.
    constants.sort_by_key(|(_, bytes)| std::cmp::Reverse(bytes.len()));
    let mut parts = Vec::new();
    for tensor in &tensors {
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
    let header = String::from_utf8_lossy(&header[8..]).into_owned();
    let members = [(GRAPH, digest(graph).into()), (HEADER, header.into()), (NUMBERS, Json::Array(parts))];
    Json::object(members).to_string()
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
