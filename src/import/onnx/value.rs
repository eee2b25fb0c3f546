//! The values that flow through a graph: columns of the table, then the outputs of layers, and in the end labels.

use super::tensor::Tensor;
use crate::nn::Activation;

/// The index of a value.
pub(super) type Id = usize;

/// A value that depends on the row.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) kind: Kind,
    /// Its dimensions without that of the rows.
    pub(super) dims: Vec<usize>,
    /// The index of the node that made it.
    pub(super) node: usize,
}

impl Value {
    /// Returns the number of entries of a row.
    pub(super) fn width(&self) -> usize {
        self.dims.iter().product()
    }
}

/// How a value is made.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Numbers of the table, each for itself scaled, filled in or encoded.
    Columns(Vec<Cell>),
    /// An operation on each entry, with one constant or one for each column.
    Step(Step, Id),
    Activation(Activation, Id),
    /// A function that is a part of an activation or of a normalization.
    Part(Part, Id),
    /// Entry by entry.
    Both(Operation, Id, Id),
    /// Weights, inputs × outputs, and bias.
    Dense(Tensor, Vec<f32>, Id),
    BatchNorm(Norm, Id),
    LayerNorm(Norm, Id),
    /// The larger of each entry and this, as truth values: x > c.
    Exceeds(f32, Id),
    /// Whether a cell of the row is missing.
    HasGap,
    /// 1 - p and p.
    Pair(Id),
    /// The logarithms of probabilities.
    LogSoftmax(Id),
    /// The likeliest class or the labels that are above one half, and their names.
    Label(Id, Option<Vec<String>>),
    /// Probabilities with the names of their classes.
    Named(Id, Vec<String>),
}

/// A column of the table, as the graph takes it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) is_text: bool,
    /// The categories that it is encoded by, if it is.
    pub(super) categories: Option<Vec<String>>,
}

/// One number of the table on its way: (x - offset) · factor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    /// The index of the column.
    pub(super) column: usize,
    pub(super) form: Form,
    /// The number in place of a missing one.
    pub(super) fill: Option<f32>,
    pub(super) offset: f64,
    pub(super) factor: f64,
}

/// The number that a cell of the table becomes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    /// The cell itself: a number, or a text that is still to be encoded.
    Plain,
    /// The number without its decimals.
    Whole,
    /// 1 for the category of this index, else 0.
    Hot(usize),
    /// A number for each category.
    Codes(Vec<f32>),
    /// 1 for a missing cell, else 0.
    Missing,
    /// Whether a cell is missing that is encoded: a mask, and no input.
    Gap,
    /// 1 for a text that is one of the categories, else 0.
    Known,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Add(Vec<f32>),
    Multiply(Vec<f32>),
    Divide(Vec<f32>),
    Clip(Vec<f32>, Vec<f32>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Erf,
    Erfc,
    SquareRoot,
    Reciprocal,
    /// The mean of a row.
    Mean,
    /// The square of each entry.
    Square,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// The numbers of a normalization; mean and variance are empty for that of rows.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
    pub(super) epsilon: f32,
}

impl Kind {
    /// Returns the value that this one is made of, if it is a step of a sequence.
    pub(super) fn source(&self) -> Option<Id> {
        match self {
            Kind::Step(_, id)
            | Kind::Activation(_, id)
            | Kind::Dense(_, _, id)
            | Kind::BatchNorm(_, id)
            | Kind::LayerNorm(_, id)
            | Kind::LogSoftmax(id) => Some(*id),
            _ => None,
        }
    }
}

impl Cell {
    pub(super) fn new(column: usize) -> Cell {
        Cell { column, form: Form::Plain, fill: None, offset: 0.0, factor: 1.0 }
    }

    /// Returns whether this is the cell of the table, not scaled.
    pub(super) fn is_raw(&self) -> bool {
        matches!(self.form, Form::Plain | Form::Whole) && self.is_unscaled()
    }

    pub(super) fn is_unscaled(&self) -> bool {
        self.offset == 0.0 && self.factor == 1.0
    }

    /// Applies an operation on the entries to this one, the entry of index `index`.
    pub(super) fn apply(&mut self, step: &Step, index: usize) -> Result<(), String> {
        let entry = |all: &[f32]| f64::from(if all.len() == 1 { all[0] } else { all[index] });
        match step {
            Step::Add(_) if self.factor == 0.0 => {
                return Err("a column is multiplied by 0 before the first layer, and then something is added".into());
            }
            Step::Add(all) => self.offset -= entry(all) / self.factor,
            Step::Multiply(all) => self.factor *= entry(all),
            Step::Divide(all) if entry(all) == 0.0 => return Err("a column is divided by 0".into()),
            Step::Divide(all) => self.factor /= entry(all),
            Step::Clip(..) => return Err("palmnet cuts no columns off".into()),
        }
        Ok(())
    }
}

/// Returns the dimensions of an operation on the entries of two tensors.
pub(super) fn joined(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let length = a.len().max(b.len());
    let at =
        |dims: &[usize], index: usize| if index + dims.len() < length { 1 } else { dims[index + dims.len() - length] };
    (0..length)
        .map(|index| match (at(a, index), at(b, index)) {
            (a, b) if a == b || b == 1 => Ok(a),
            (1, b) => Ok(b),
            _ => Err(format!("it joins rows in the shapes {a:?} and {b:?}")),
        })
        .collect()
}
