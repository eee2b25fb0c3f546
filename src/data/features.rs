//! The inputs of a set of examples: floats, or bytes that are widened when they are used.

use std::fmt;

use super::scaler::{Rows, Scaler};
use super::targets::stacked;
use crate::base::error::{Error, Result};
use crate::linalg::lanes::prefetch;
use crate::linalg::matrix::Matrix;

/// The inputs of a set of examples, one row each: examples × features.
///
/// A [`Matrix`] becomes features by [`From`]. Pixels can stay bytes, a quarter of the memory:
/// [`from_bytes`](Self::from_bytes).
#[derive(Clone, PartialEq)]
pub struct Features {
    values: Values,
}

#[derive(Clone, PartialEq)]
enum Values {
    Float(Matrix),
    Bytes(Bytes),
}

/// Bytes are scaled when they are widened, one batch at a time.
#[derive(Clone, PartialEq)]
struct Bytes {
    columns: usize,
    /// The examples, one after the other.
    data: Vec<u8>,
    scaler: Scaler,
}

impl Bytes {
    fn row(&self, row: usize) -> &[u8] {
        &self.data[row * self.columns..][..self.columns]
    }
}

impl Features {
    /// Features of 0 to 255, `columns` of them for each example, kept as bytes and not yet scaled.
    ///
    /// # Errors
    /// If there are no columns, or `data` is not a whole number of rows.
    pub fn from_bytes(columns: usize, data: Vec<u8>) -> Result<Features> {
        if columns == 0 || !data.len().is_multiple_of(columns) {
            return Err(Error::Mismatch(format!("{} bytes do not make rows of {columns} features", data.len())));
        }
        Ok(Features { values: Values::Bytes(Bytes { columns, data, scaler: Scaler::identity(columns) }) })
    }

    /// Returns the number of examples.
    pub fn rows(&self) -> usize {
        match &self.values {
            Values::Float(matrix) => matrix.rows(),
            Values::Bytes(bytes) => bytes.data.len() / bytes.columns,
        }
    }

    /// Returns the number of features of an example.
    pub fn columns(&self) -> usize {
        match &self.values {
            Values::Float(matrix) => matrix.columns(),
            Values::Bytes(bytes) => bytes.columns,
        }
    }

    /// Returns whether the features are kept as bytes.
    pub fn is_bytes(&self) -> bool {
        matches!(self.values, Values::Bytes(_))
    }

    /// Puts the examples `rows` into `x`.
    pub(crate) fn gather(&self, rows: &[usize], x: &mut Matrix) {
        // Shuffled rows are anywhere in memory: while one is read, those to come are on their way.
        const AHEAD: usize = 3;
        x.reshape(rows.len(), self.columns());
        rows.iter().take(AHEAD).for_each(|&row| self.prefetch(row));
        for (i, &row) in rows.iter().enumerate() {
            rows.get(i + AHEAD).into_iter().for_each(|&row| self.prefetch(row));
            self.read_row(row, x.row_mut(i));
        }
    }

    fn prefetch(&self, row: usize) {
        match &self.values {
            Values::Float(matrix) => prefetch(matrix.row(row)),
            Values::Bytes(bytes) => prefetch(bytes.row(row)),
        }
    }

    /// Returns the numbers, unless they are kept as bytes.
    pub(super) fn floats(&self) -> Option<&Matrix> {
        match &self.values {
            Values::Float(matrix) => Some(matrix),
            Values::Bytes(_) => None,
        }
    }

    pub(super) fn floats_mut(&mut self) -> Option<&mut Matrix> {
        match &mut self.values {
            Values::Float(matrix) => Some(matrix),
            Values::Bytes(_) => None,
        }
    }

    /// Scales in place. Bytes stay bytes: the scaling is remembered.
    pub(super) fn scale(&mut self, scaler: &Scaler) {
        match &mut self.values {
            Values::Float(matrix) => scaler.transform(matrix),
            Values::Bytes(bytes) => bytes.scaler = bytes.scaler.then(scaler),
        }
    }

    pub(super) fn select(&self, rows: &[usize]) -> Features {
        let values = match &self.values {
            Values::Float(matrix) => Values::Float(matrix.select_rows(rows)),
            Values::Bytes(bytes) => {
                let mut data = Vec::with_capacity(rows.len() * bytes.columns);
                rows.iter().for_each(|&row| data.extend_from_slice(bytes.row(row)));
                Values::Bytes(Bytes { columns: bytes.columns, data, scaler: bytes.scaler.clone() })
            }
        };
        Features { values }
    }

    /// Appends the examples of `other`, which are as wide.
    ///
    /// # Errors
    /// If one side is kept as bytes and the other is not, or bytes are scaled differently.
    pub(super) fn append(&mut self, other: &Features) -> Result<()> {
        let message = match (&mut self.values, &other.values) {
            (Values::Float(matrix), Values::Float(more)) => {
                *matrix = stacked(matrix, more);
                return Ok(());
            }
            (Values::Bytes(bytes), Values::Bytes(more)) if bytes.scaler == more.scaler => {
                bytes.data.extend_from_slice(&more.data);
                return Ok(());
            }
            (Values::Bytes(_), Values::Bytes(_)) => "are scaled differently: append first, then scale",
            _ => "are kept as bytes on one side only: make a matrix of them (Dataset::to_matrix)",
        };
        Err(Error::Mismatch(format!("the features of the two datasets {message}")))
    }

    /// Concatenates every `length` consecutive examples to one; there are at least `length`.
    pub(super) fn windows(&self, length: usize) -> Features {
        let (rows, columns) = (self.rows() + 1 - length, self.columns());
        let window = |row: usize| row * columns..(row + length) * columns;
        let values = match &self.values {
            Values::Float(matrix) => {
                let data = (0..rows).flat_map(|row| &matrix.as_slice()[window(row)]).copied().collect();
                Values::Float(Matrix::from_vec(rows, length * columns, data))
            }
            Values::Bytes(bytes) => {
                let data = (0..rows).flat_map(|row| &bytes.data[window(row)]).copied().collect();
                Values::Bytes(Bytes { columns: length * columns, data, scaler: bytes.scaler.repeated(length) })
            }
        };
        Features { values }
    }
}

impl Rows for Features {
    fn size(&self) -> (usize, usize) {
        (self.rows(), self.columns())
    }

    fn read_row(&self, row: usize, x: &mut [f32]) {
        match &self.values {
            Values::Float(matrix) => x.copy_from_slice(matrix.row(row)),
            Values::Bytes(bytes) => bytes.scaler.widen(bytes.row(row), x),
        }
    }
}

impl From<Matrix> for Features {
    fn from(matrix: Matrix) -> Features {
        Features { values: Values::Float(matrix) }
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_bytes() { "Bytes" } else { "Float" };
        write!(f, "{kind}({} × {})", self.rows(), self.columns())
    }
}
