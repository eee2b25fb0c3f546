//! The graph of an ONNX file, read from its bytes: nodes, constants, inputs and outputs.

use std::collections::BTreeMap;

use super::tensor::{Outside, Tensor};
use crate::base::text::quoted;
use crate::format::onnx::read::pair;
use crate::format::protobuf::read::{Damage, Fields};

/// The graph, and what the file says about itself.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// The program that wrote it.
    pub(super) producer: String,
    /// The version of the standard operators.
    pub(super) opset: i64,
    /// The operators that are defined in the file itself.
    pub(super) functions: Vec<String>,
    pub(super) nodes: Vec<Node>,
    pub(super) constants: BTreeMap<String, Tensor>,
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
    /// Names and texts that the writer has put into the file.
    pub(super) metadata: BTreeMap<String, String>,
}

/// One operation.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) operator: String,
    pub(super) domain: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    attributes: BTreeMap<String, Attribute>,
}

#[derive(Debug)]
enum Attribute {
    Float(f32),
    Integer(i64),
    Text(String),
    Tensor(Tensor),
    Graph,
}

/// An input or output of the graph.
#[derive(Debug, Default)]
pub(super) struct Port {
    pub(super) name: String,
    /// The type of its entries, as ONNX numbers them; 0 if it is no tensor.
    pub(super) kind: i64,
    /// Its dimensions, `None` where they may be any.
    pub(super) dims: Vec<Option<usize>>,
}

/// The type of entries that are texts.
pub(super) const TEXT: i64 = 8;
impl Graph {
    /// Reads a `ModelProto`.
    pub(super) fn read(message: &[u8], outside: &Outside<'_>) -> Result<Graph, Damage> {
        let mut graph = Graph::default();
        let (mut has_graph, mut has_version) = (false, false);
        for field in Fields::new(message) {
            match field? {
                (2, value) => graph.producer = value.text()?,
                (7, value) => {
                    has_graph = true;
                    graph.read_graph(value.bytes()?, outside)?;
                }
                (8, value) => {
                    has_version = true;
                    let (domain, version) = named_number(value.bytes()?)?;
                    if domain.is_empty() || domain == "ai.onnx" {
                        graph.opset = graph.opset.max(version);
                    }
                }
                (14, value) => {
                    let (key, text) = pair(value.bytes()?)?;
                    graph.metadata.insert(key, text);
                }
                (25, value) => graph.functions.push(first_text(value.bytes()?)?),
                _ => {}
            }
        }
        if !has_graph || graph.nodes.is_empty() {
            return Err("there is no graph in it");
        }
        if !has_version {
            return Err("it does not say the version of its operators");
        }
        let Graph { constants, inputs, .. } = &mut graph;
        // Old files list constants among the inputs.
        inputs.retain(|input| !constants.contains_key(&input.name));
        Ok(graph)
    }

    /// Returns how many constants there are in the file.
    pub(super) fn constant_count(&self) -> usize {
        let attributes = self.nodes.iter().flat_map(|node| node.attributes.values()).map(|attribute| match attribute {
            Attribute::Tensor(tensor) => tensor.len(),
            _ => 0,
        });
        attributes.chain(self.constants.values().map(Tensor::len)).sum()
    }

    fn read_graph(&mut self, message: &[u8], outside: &Outside<'_>) -> Result<(), Damage> {
        for field in Fields::new(message) {
            match field? {
                (1, value) => self.nodes.push(Node::read(value.bytes()?, outside)?),
                (5, value) => {
                    let (name, tensor) = Tensor::read(value.bytes()?, outside)?;
                    self.constants.insert(name, tensor);
                }
                (11, value) => self.inputs.push(Port::read(value.bytes()?)?),
                (12, value) => self.outputs.push(Port::read(value.bytes()?)?),
                (15, _) => return Err("a constant is sparse: store it as a dense one"),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Reads an `OperatorSetIdProto`.
fn named_number(message: &[u8]) -> Result<(String, i64), Damage> {
    let mut found = (String::new(), 0);
    for field in Fields::new(message) {
        match field? {
            (1, value) => found.0 = value.text()?,
            (2, value) => found.1 = value.integer()?,
            _ => {}
        }
    }
    Ok(found)
}

/// Reads the first text of a message: the name of a function.
fn first_text(message: &[u8]) -> Result<String, Damage> {
    for field in Fields::new(message) {
        if let (1, value) = field? {
            return value.text();
        }
    }
    Ok(String::new())
}

impl Port {
    /// Reads a `ValueInfoProto`: name, type, the tensor's type, its shape, its dimensions.
    fn read(message: &[u8]) -> Result<Port, Damage> {
        let mut port = Port::default();
        for field in Fields::new(message) {
            match field? {
                (1, value) => port.name = value.text()?,
                (2, value) => {
                    for field in Fields::new(value.bytes()?) {
                        if let (1, value) = field? {
                            port.read_tensor(value.bytes()?)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(port)
    }

    fn read_tensor(&mut self, message: &[u8]) -> Result<(), Damage> {
        for field in Fields::new(message) {
            match field? {
                (1, value) => self.kind = value.integer()?,
                (2, value) => {
                    for field in Fields::new(value.bytes()?) {
                        if let (1, value) = field? {
                            self.dims.push(dimension(value.bytes()?)?);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Reads a dimension, which may have a name instead of a number.
fn dimension(message: &[u8]) -> Result<Option<usize>, Damage> {
    for field in Fields::new(message) {
        if let (1, value) = field? {
            // skl2onnx writes 0 for any.
            return Ok(usize::try_from(value.integer()?).ok().filter(|&dim| dim > 0));
        }
    }
    Ok(None)
}

impl Node {
    fn read(message: &[u8], outside: &Outside<'_>) -> Result<Node, Damage> {
        let mut node = Node::default();
        for field in Fields::new(message) {
            match field? {
                (1, value) => node.inputs.push(value.text()?),
                (2, value) => node.outputs.push(value.text()?),
                (3, value) => node.name = value.text()?,
                (4, value) => node.operator = value.text()?,
                (5, value) => {
                    let (name, attribute) = Attribute::read(value.bytes()?, outside)?;
                    node.attributes.insert(name, attribute);
                }
                (7, value) => node.domain = value.text()?,
                _ => {}
            }
        }
        Ok(node)
    }

    /// Returns a number among the attributes, or what it is if there is none.
    pub(super) fn float(&self, name: &str, usual: f32) -> f32 {
        match self.attributes.get(name) {
            Some(Attribute::Float(value)) => *value,
            _ => usual,
        }
    }

    /// Returns a whole number among the attributes, or what it is if there is none.
    pub(super) fn integer(&self, name: &str, usual: i64) -> i64 {
        match self.attributes.get(name) {
            Some(Attribute::Integer(value)) => *value,
            _ => usual,
        }
    }

    /// Returns a text among the attributes, or what it is if there is none.
    pub(super) fn text<'a>(&'a self, name: &str, usual: &'a str) -> &'a str {
        match self.attributes.get(name) {
            Some(Attribute::Text(value)) => value,
            _ => usual,
        }
    }

    /// Returns a tensor or a list among the attributes.
    pub(super) fn tensor(&self, name: &str) -> Option<&Tensor> {
        if let Some(Attribute::Tensor(tensor)) = self.attributes.get(name) { Some(tensor) } else { None }
    }

    /// Returns whether one of the attributes is a graph: a loop or a condition.
    pub(super) fn has_graph(&self) -> bool {
        self.attributes.values().any(|attribute| matches!(attribute, Attribute::Graph))
    }

    /// Returns whether there is an attribute of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }

    /// Describes the node for a message, with its place among `count` nodes.
    pub(super) fn place(&self, index: usize, count: usize) -> String {
        let name = if self.name.is_empty() { String::new() } else { format!(" {}", quoted(&self.name)) };
        let article = if self.operator.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
        let operator: String = self.operator.chars().filter(|c| !c.is_control()).take(40).collect();
        format!("node{name}, {} of {count}, is {article} {operator}", index + 1)
    }
}

impl Attribute {
    fn read(message: &[u8], outside: &Outside<'_>) -> Result<(String, Attribute), Damage> {
        let (mut name, mut found, mut kind) = (String::new(), None, 0);
        let (mut floats, mut integers, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        for field in Fields::new(message) {
            match field? {
                (1, value) => name = value.text()?,
                (2, value) => found = Some(Attribute::Float(value.float()?)),
                (3, value) => found = Some(Attribute::Integer(value.integer()?)),
                (4, value) => found = Some(Attribute::Text(value.text()?)),
                (5, value) => found = Some(Attribute::Tensor(Tensor::read(value.bytes()?, outside)?.1)),
                (6 | 11, _) => found = Some(Attribute::Graph),
                (7, value) => value.floats(&mut floats)?,
                (8, value) => value.integers(&mut integers)?,
                (9, value) => texts.push(value.text()?),
                (20, value) => kind = value.integer()?,
                _ => {}
            }
        }
        // Some writers leave out what is zero.
        let zero = match kind {
            1 => Some(Attribute::Float(0.0)),
            2 => Some(Attribute::Integer(0)),
            3 => Some(Attribute::Text(String::new())),
            _ => None,
        };
        let list = match (floats.is_empty(), texts.is_empty()) {
            (false, _) => Tensor::floats(floats),
            (_, false) => Tensor::texts(texts),
            _ => Tensor::integers(integers),
        };
        Ok((name, found.or(zero).unwrap_or(Attribute::Tensor(list))))
    }
}
