//! A graph that is being built: its nodes, its constants, and the names of its tensors.

use std::collections::HashSet;
use std::ops::Range;

use crate::format::protobuf::write::Message;

/// The kinds of numbers of a tensor that are used here, by their numbers in the format.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Float = 1,
    Text = 8,
    Double = 11,
}

const UINT8: i64 = 2;
const INT8: i64 = 3;
const INT64: i64 = 7;
const BOOL: i64 = 9;

/// An attribute of a node.
pub(super) enum Attribute {
    Int(&'static str, i64),
    Float(&'static str, f32),
}

/// A tensor that goes into a graph or comes out of it: rows × a width, or only rows.
pub(super) struct Port<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    pub(super) width: Option<usize>,
    pub(super) about: &'a str,
}

/// A graph that is being built. Fields are written in the order of their numbers, as other programs write them, so that
/// a file has the same bytes after one of these has read and written it.
pub(super) struct Graph<'a> {
    nodes: Message,
    constants: Message,
    inputs: Message,
    outputs: Message,
    /// The names of the constants that are numbers, and where these are in the message.
    numbers: Vec<(String, Range<usize>)>,
    /// The names of the inputs, which no other tensor has.
    taken: HashSet<&'a str>,
    tensors: usize,
}

impl<'a> Graph<'a> {
    /// Returns a graph without nodes, whose inputs will have these names.
    pub(super) fn new(taken: HashSet<&'a str>) -> Self {
        let [nodes, constants, inputs, outputs] = [const { Message::new() }; 4];
        Graph { nodes, constants, inputs, outputs, numbers: Vec::new(), taken, tensors: 0 }
    }

    /// Returns whether an input has this name.
    pub(super) fn is_input(&self, name: &str) -> bool {
        self.taken.contains(name)
    }

    /// Returns the constants that are numbers, with the bytes of these.
    pub(super) fn numbers(&self) -> Vec<(&str, &[u8])> {
        let constants = self.constants.as_bytes();
        self.numbers.iter().map(|(name, range)| (name.as_str(), &constants[range.clone()])).collect()
    }

    /// Returns the message.
    pub(super) fn message(&self, name: &str, about: &str) -> Message {
        let mut message = Message::new();
        message.fields(&self.nodes);
        message.bytes(2, name);
        message.fields(&self.constants);
        message.bytes(10, about);
        message.fields(&self.inputs);
        message.fields(&self.outputs);
        message
    }

    pub(super) fn input(&mut self, port: &Port<'_>) {
        self.inputs.message(11, &declared(port));
    }

    pub(super) fn output(&mut self, port: &Port<'_>) {
        self.outputs.message(12, &declared(port));
    }

    fn new_name(&mut self) -> String {
        loop {
            self.tensors += 1;
            let name = format!("t{}", self.tensors);
            if !self.is_input(&name) {
                return name;
            }
        }
    }

    /// Adds a node with one output; returns that.
    pub(super) fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[Attribute]) -> String {
        let name = self.new_name();
        self.node_to(&name, operator, inputs, attributes);
        name
    }

    /// Adds a node without attributes, with one output; returns that.
    pub(super) fn op(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.node(operator, inputs, &[])
    }

    /// Adds a node whose output has this name.
    pub(super) fn node_to(&mut self, name: &str, operator: &str, inputs: &[&str], attributes: &[Attribute]) {
        let mut node = Message::new();
        inputs.iter().for_each(|input| node.bytes(1, input));
        node.bytes(2, name);
        node.bytes(3, name);
        node.bytes(4, operator);
        for attribute in attributes {
            let mut message = Message::new();
            match attribute {
                Attribute::Float(name, value) => {
                    message.bytes(1, name);
                    message.float(2, *value);
                    message.int(20, 1);
                }
                Attribute::Int(name, value) => {
                    message.bytes(1, name);
                    message.int(3, *value);
                    message.int(20, 2);
                }
            }
            node.message(5, &message);
        }
        self.nodes.message(1, &node);
    }

    /// Casts to another kind of numbers.
    pub(super) fn cast(&mut self, from: &str, to: Kind) -> String {
        self.node("Cast", &[from], &[Attribute::Int("to", to as i64)])
    }

    /// Puts tensors beside each other; `parts` has one at least.
    pub(super) fn beside(&mut self, parts: &[String]) -> String {
        if let [only] = parts {
            return only.clone();
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.node("Concat", &parts, &[Attribute::Int("axis", -1)])
    }

    /// Picks columns.
    pub(super) fn columns(&mut self, from: &str, columns: &[usize]) -> String {
        let columns: Vec<i64> = columns.iter().map(|&column| column as i64).collect();
        let columns = self.ints(&columns);
        self.node("Gather", &[from, &columns], &[Attribute::Int("axis", -1)])
    }

    /// Adds numbers of single precision, of this shape.
    pub(super) fn floats(&mut self, numbers: &[f32], shape: &[usize]) -> String {
        self.raw(Kind::Float as i64, numbers.iter().flat_map(|x| x.to_le_bytes()).collect(), shape)
    }

    /// Adds numbers of single precision, one for each column.
    pub(super) fn row(&mut self, numbers: &[f32]) -> String {
        self.floats(numbers, &[numbers.len()])
    }

    pub(super) fn float(&mut self, number: f32) -> String {
        self.floats(&[number], &[])
    }

    pub(super) fn doubles(&mut self, numbers: &[f64], shape: &[usize]) -> String {
        self.raw(Kind::Double as i64, numbers.iter().flat_map(|x| x.to_le_bytes()).collect(), shape)
    }

    pub(super) fn ints(&mut self, numbers: &[i64]) -> String {
        self.raw(INT64, numbers.iter().flat_map(|x| x.to_le_bytes()).collect(), &[numbers.len()])
    }

    /// Adds yes or no for each column.
    pub(super) fn marks(&mut self, marks: &[bool]) -> String {
        self.raw(BOOL, marks.iter().map(|&mark| mark.into()).collect(), &[marks.len()])
    }

    /// Adds whole numbers of 8 bits, of this shape.
    pub(super) fn bytes(&mut self, numbers: &[i8], shape: &[usize]) -> String {
        self.raw(INT8, numbers.iter().map(|&number| number as u8).collect(), shape)
    }

    /// Adds a zero point of 8 bits.
    pub(super) fn zero_point(&mut self, zero: u8) -> String {
        self.raw(UINT8, vec![zero], &[])
    }

    /// Adds texts, one for each column.
    pub(super) fn texts<T: AsRef<str>>(&mut self, texts: &[T]) -> String {
        let name = self.new_name();
        let mut tensor = Message::new();
        tensor.int(1, texts.len() as i64);
        tensor.int(2, Kind::Text as i64);
        texts.iter().for_each(|text| tensor.bytes(6, text.as_ref()));
        tensor.bytes(8, &name);
        self.constants.message(5, &tensor);
        name
    }

    fn raw(&mut self, kind: i64, bytes: Vec<u8>, shape: &[usize]) -> String {
        let name = self.new_name();
        let mut tensor = Message::new();
        shape.iter().for_each(|&length| tensor.int(1, length as i64));
        tensor.int(2, kind);
        tensor.bytes(8, &name);
        tensor.bytes(9, &bytes);
        self.constants.message(5, &tensor);
        let end = self.constants.as_bytes().len();
        self.numbers.push((name.clone(), end - bytes.len()..end));
        name
    }
}

fn declared(port: &Port<'_>) -> Message {
    let (mut shape, mut rows) = (Message::new(), Message::new());
    rows.bytes(2, "N");
    shape.message(1, &rows);
    if let Some(width) = port.width {
        let mut columns = Message::new();
        columns.int(1, width as i64);
        shape.message(1, &columns);
    }
    let (mut tensor, mut kind, mut info) = (Message::new(), Message::new(), Message::new());
    tensor.int(1, port.kind as i64);
    tensor.message(2, &shape);
    kind.message(1, &tensor);
    info.bytes(1, port.name);
    info.message(2, &kind);
    info.bytes(3, port.about);
    info
}
