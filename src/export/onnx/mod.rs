//! A program as an ONNX graph, of nothing but standard operators.

mod graph;
mod inputs;
mod outputs;
mod steps;

use super::program::Program;
use crate::base::error::{Error, Result};
use crate::format::onnx::KEY;
use crate::format::onnx::write::{Written, record};
use crate::format::protobuf::write::Message;
use crate::model::Model;
use graph::Graph;
use outputs::Found;

/// The version of the file format, which onnxruntime reads since 1.10 (2021).
const IR_VERSION: i64 = 8;
/// The version of the operators, the first in which texts can be compared; onnxruntime 1.15 (2023) has it.
const OPERATORS: i64 = 19;
/// The largest file that protocol buffers are read from.
const MOST_BYTES: usize = i32::MAX as usize;

/// The beginning of every file that is written here.
pub(super) const START: &[u8] = b"\x08\x08\x12\x07palmnet";

/// Returns a model as a file.
///
/// # Errors
/// If a column has no name, or the file would be too large to be read.
pub(super) fn written(model: &Model) -> Result<Vec<u8>> {
    let program = Program::new(model);
    if program.columns.iter().any(|column| column.name.is_empty()) {
        let message =
            "a column has an empty name, which an input of ONNX cannot have: name it in the header, and train again";
        return Err(Error::Setting(message.into()));
    }
    let mut graph = Graph::new(program.columns.iter().map(|column| column.name.as_str()).collect());
    let (x, is_open) = inputs::write(&program, &mut graph);
    let scores = steps::write(&program, &mut graph, x);
    Found { scores, is_open }.write(&program, &mut graph);
    let about =
        "The cells of a table in, one input for each column, and predictions out. Intervals and sets do not come out.";
    let graph_message = graph.message("palmnet", about);
    let mut file = Message::new();
    file.int(1, IR_VERSION);
    file.bytes(2, "palmnet");
    file.bytes(3, env!("CARGO_PKG_VERSION"));
    file.bytes(6, about);
    file.message(7, &graph_message);
    let mut operators = Message::new();
    operators.bytes(1, "");
    operators.int(2, OPERATORS);
    file.message(8, &operators);
    let (graph, operators, constants) = (graph_message.as_bytes(), operators.as_bytes(), graph.numbers());
    if let Some(record) = record(&model.clone().folded().to_safetensors(), Written { graph, operators, constants }) {
        let mut metadata = Message::new();
        metadata.bytes(1, KEY);
        metadata.bytes(2, record);
        file.message(14, &metadata);
    }
    let bytes = file.into_bytes();
    if bytes.len() > MOST_BYTES {
        let message =
            "the model needs more than 2 GB, which no program reads from an ONNX file: train a smaller network";
        return Err(Error::Setting(message.into()));
    }
    Ok(bytes)
}
