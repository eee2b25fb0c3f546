//! The targets of a set of examples.

use std::fmt;

use crate::linalg::matrix::Matrix;

/// The targets of a set of examples: the classes or values that a network is to predict.
#[derive(Clone, PartialEq)]
pub enum Targets {
    /// The class of each example, counted from 0.
    Classes(Vec<u32>),
    /// Examples × outputs.
    Values(Matrix),
}

impl Targets {
    /// Returns the number of examples.
    pub fn rows(&self) -> usize {
        match self {
            Targets::Classes(labels) => labels.len(),
            Targets::Values(values) => values.rows(),
        }
    }

    pub(super) fn select(&self, rows: &[usize]) -> Targets {
        match self {
            Targets::Classes(labels) => Targets::Classes(rows.iter().map(|&row| labels[row]).collect()),
            Targets::Values(values) => Targets::Values(values.select_rows(rows)),
        }
    }

    /// Appends the targets of `other`, which are of the same kind and as wide.
    pub(super) fn append(&mut self, other: &Targets) {
        match (self, other) {
            (Targets::Classes(labels), Targets::Classes(more)) => labels.extend_from_slice(more),
            (Targets::Values(values), Targets::Values(more)) => *values = stacked(values, more),
            _ => panic!("classes and values do not make one list of targets"),
        }
    }
}

/// Returns the rows of both matrices, which are as wide.
pub(super) fn stacked(upper: &Matrix, lower: &Matrix) -> Matrix {
    let data = [upper.as_slice(), lower.as_slice()].concat();
    Matrix::from_vec(upper.rows() + lower.rows(), upper.columns(), data)
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Targets::Classes(labels) => write!(f, "Classes({})", labels.len()),
            Targets::Values(values) => write!(f, "Values({} × {})", values.rows(), values.columns()),
        }
    }
}
