//! Names that files of other programs often lack.

use std::path::PathBuf;

/// Names that are not in the file of a model. An empty list takes the names that the file has, or numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The names of the feature columns, in the order of the network's inputs.
    pub features: Vec<String>,
    /// The names of the target columns: one for classes, one for each label or value.
    pub targets: Vec<String>,
    /// The names of the classes, in the order of the network's outputs; two for a network with one output.
    pub classes: Vec<String>,
    /// The folder of other files that have the numbers of an ONNX file, as PyTorch's newer exporter writes them; without
    /// one, they are not read.
    pub folder: Option<PathBuf>,
}
