//! The inputs of a set of examples: floats, or bytes and categories that are widened when they are used.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::coded::{Coded, fill_nan};
use super::examples::{find_wrong, selected, stacked, windowed};
use super::scaler::{Rows, Scaler};
use crate::base::error::{Error, Result};
use crate::linalg::lanes::prefetch;
use crate::linalg::matrix::Matrix;

/// The inputs of a set of examples, one row each: examples × features.
///
/// A [`Matrix`] becomes features by [`From`]. Pixels can stay bytes, a quarter of the memory:
/// [`from_bytes`](Self::from_bytes). Those that are read from a table keep a number for each category, however many
/// inputs the categories of the column are. All of them have the inputs of a matrix wherever they are used.
#[derive(Clone)]
pub struct Features {
    values: Values,
}

#[derive(Clone)]
enum Values {
    Float(Matrix),
    Bytes(Bytes),
    Coded(Coded),
}

/// Bytes are scaled when they are widened, one batch at a time. Copies share them: a training copies its examples to scale
/// them, and images are most of the memory of a training.
#[derive(Clone, PartialEq)]
struct Bytes {
    columns: usize,
    /// The examples, one after the other.
    data: Arc<Vec<u8>>,
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
        Ok(Features {
            values: Values::Bytes(Bytes { columns, data: Arc::new(data), scaler: Scaler::identity(columns) }),
        })
    }

    /// Returns the number of examples.
    pub fn rows(&self) -> usize {
        match &self.values {
            Values::Float(matrix) => matrix.rows(),
            Values::Bytes(bytes) => bytes.data.len() / bytes.columns,
            Values::Coded(coded) => coded.rows(),
        }
    }

    /// Returns the number of features of an example.
    pub fn columns(&self) -> usize {
        match &self.values {
            Values::Float(matrix) => matrix.columns(),
            Values::Bytes(bytes) => bytes.columns,
            Values::Coded(coded) => coded.columns(),
        }
    }

    /// Returns whether the features are kept as bytes.
    pub fn is_bytes(&self) -> bool {
        matches!(self.values, Values::Bytes(_))
    }

    /// Returns the bytes that an example takes.
    pub(super) fn row_bytes(&self) -> usize {
        match &self.values {
            Values::Float(matrix) => matrix.columns().saturating_mul(4),
            Values::Bytes(bytes) => bytes.columns,
            Values::Coded(coded) => coded.row_bytes(),
        }
    }

    /// Puts the examples `rows` into `x`.
    pub(crate) fn gather(&self, rows: &[usize], x: &mut Matrix) {
        // Shuffled rows are anywhere in memory: while one is read, those to come are on their way.
        const AHEAD: usize = 3;
        x.reshape(rows.len(), self.columns());
        rows.iter().take(AHEAD).for_each(|&row| self.prefetch(row));
        let to = x.as_mut_slice().chunks_exact_mut(self.columns().max(1));
        for (i, (to, &row)) in to.zip(rows).enumerate() {
            rows.get(i + AHEAD).into_iter().for_each(|&row| self.prefetch(row));
            self.read_row(row, to);
        }
    }

    fn prefetch(&self, row: usize) {
        match &self.values {
            Values::Float(matrix) => prefetch(matrix.row(row)),
            Values::Bytes(bytes) => prefetch(bytes.row(row)),
            Values::Coded(coded) => coded.prefetch(row),
        }
    }

    /// Returns all features: examples × features.
    pub fn to_matrix(&self) -> Matrix {
        let mut x = Matrix::zeros(self.rows(), self.columns());
        (0..self.rows()).for_each(|row| self.read_row(row, x.row_mut(row)));
        x
    }

    /// Returns one feature of every example.
    pub(crate) fn column(&self, column: usize) -> Box<dyn Iterator<Item = f32> + '_> {
        match &self.values {
            Values::Float(matrix) => Box::new(matrix.iter_rows().map(move |x| x[column])),
            Values::Bytes(bytes) => {
                let scaler = bytes.scaler.select(&[column]);
                Box::new((0..self.rows()).map(move |row| {
                    let mut x = [0.0];
                    scaler.widen(&bytes.row(row)[column..=column], &mut x);
                    x[0]
                }))
            }
            Values::Coded(coded) => coded.column(column),
        }
    }

    /// Returns the examples of each category of a column, given its inputs.
    pub(crate) fn examples_of_categories(&self, inputs: Range<usize>) -> Vec<Vec<u32>> {
        let mut examples = vec![Vec::new(); inputs.len()];
        if let Values::Coded(coded) = &self.values
            && let Some(codes) = coded.codes_of(&inputs)
        {
            for (row, code) in codes.enumerate() {
                // None, or missing.
                if let Some(examples) = examples.get_mut(code as usize) {
                    examples.push(row as u32);
                }
            }
            return examples;
        }
        for (input, examples) in inputs.zip(&mut examples) {
            examples.extend(self.column(input).enumerate().filter(|(_, x)| *x > 0.0).map(|(row, _)| row as u32));
        }
        examples
    }

    /// Returns the example, the column and the value of the first feature that is infinite or, unless it may be, NaN.
    pub(super) fn find_wrong(&self, may_be_nan: bool) -> Option<(usize, usize, f32)> {
        match &self.values {
            Values::Float(matrix) => find_wrong(matrix, may_be_nan),
            Values::Bytes(_) => None,
            Values::Coded(coded) => coded.find_wrong(may_be_nan),
        }
    }

    /// Returns how many features of these columns, in increasing order, are missing, over all examples.
    pub(crate) fn count_nan(&self, columns: &[usize]) -> usize {
        match &self.values {
            Values::Float(matrix) => {
                matrix.iter_rows().map(|x| columns.iter().filter(|&&column| x[column].is_nan()).count()).sum()
            }
            Values::Bytes(_) => 0,
            Values::Coded(coded) => coded.count_nan(columns),
        }
    }

    /// Replaces every feature that is NaN by the entry of `fill` for its column.
    pub(super) fn fill_missing(&mut self, fill: &[f32]) {
        match &mut self.values {
            Values::Float(matrix) => (0..matrix.rows()).for_each(|row| fill_nan(matrix.row_mut(row), fill)),
            Values::Bytes(_) => {}
            Values::Coded(coded) => coded.fill_missing(fill),
        }
    }

    /// Scales in place. Bytes stay bytes, and categories numbers of categories: the scaling is remembered.
    pub(super) fn scale(&mut self, scaler: &Scaler) {
        match &mut self.values {
            Values::Float(matrix) => scaler.transform(matrix),
            Values::Bytes(bytes) => bytes.scaler = bytes.scaler.then(scaler),
            Values::Coded(coded) => coded.scale(scaler),
        }
    }

    pub(super) fn select(&self, rows: &[usize]) -> Features {
        let values = match &self.values {
            Values::Float(matrix) => Values::Float(matrix.select_rows(rows)),
            Values::Bytes(bytes) => {
                let data = selected(&bytes.data, bytes.columns, rows);
                Values::Bytes(Bytes { columns: bytes.columns, data: Arc::new(data), scaler: bytes.scaler.clone() })
            }
            Values::Coded(coded) => Values::Coded(coded.select(rows)),
        };
        Features { values }
    }

    /// Appends the examples of `other`, which are as wide.
    ///
    /// # Errors
    /// If one side is kept as bytes and the other is not, or bytes are scaled differently.
    pub(super) fn append(&mut self, other: &Features) -> Result<()> {
        let message = match (&mut self.values, &other.values) {
            (Values::Bytes(bytes), Values::Bytes(more)) if bytes.scaler == more.scaler => {
                Arc::make_mut(&mut bytes.data).extend_from_slice(&more.data);
                return Ok(());
            }
            (Values::Bytes(_), Values::Bytes(_)) => "are scaled differently: append first, then scale",
            (Values::Bytes(_), _) | (_, Values::Bytes(_)) => {
                "are kept as bytes on one side only: make a matrix of them (Dataset::to_matrix)"
            }
            (Values::Float(matrix), Values::Float(more)) => {
                *matrix = stacked(matrix, more);
                return Ok(());
            }
            (Values::Coded(coded), Values::Coded(more)) if coded.is_alike(more) => {
                coded.append(more);
                return Ok(());
            }
            _ => {
                *self = stacked(&self.to_matrix(), &other.to_matrix()).into();
                return Ok(());
            }
        };
        Err(Error::Mismatch(format!("the features of the two datasets {message}")))
    }

    /// Concatenates every `length` consecutive examples to one; there are at least `length`.
    pub(super) fn windows(&self, length: usize) -> Features {
        let (rows, columns) = (self.rows(), self.columns());
        let values = match &self.values {
            Values::Float(matrix) => {
                let data = windowed(matrix.as_slice(), columns, rows, length);
                Values::Float(Matrix::from_vec(rows + 1 - length, length * columns, data))
            }
            Values::Bytes(bytes) => {
                let data = windowed(&bytes.data, columns, rows, length);
                let scaler = bytes.scaler.repeated(length);
                Values::Bytes(Bytes { columns: length * columns, data: Arc::new(data), scaler })
            }
            Values::Coded(coded) => Values::Coded(coded.windows(length)),
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
            Values::Coded(coded) => coded.read_row(row, x),
        }
    }
}

impl From<Matrix> for Features {
    fn from(matrix: Matrix) -> Features {
        Features { values: Values::Float(matrix) }
    }
}

impl From<Coded> for Features {
    fn from(coded: Coded) -> Features {
        Features { values: Values::Coded(coded) }
    }
}

/// Features are equal if all their numbers are; bytes are equal to bytes alone.
impl PartialEq for Features {
    fn eq(&self, other: &Self) -> bool {
        match (&self.values, &other.values) {
            (Values::Float(a), Values::Float(b)) => a == b,
            (Values::Bytes(a), Values::Bytes(b)) => a == b,
            (Values::Bytes(_), _) | (_, Values::Bytes(_)) => false,
            _ => {
                let (mut a, mut b) = (vec![0.0; self.columns()], vec![0.0; other.columns()]);
                self.size() == other.size()
                    && (0..self.rows()).all(|row| {
                        self.read_row(row, &mut a);
                        other.read_row(row, &mut b);
                        a == b
                    })
            }
        }
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.values {
            Values::Float(_) => "Float",
            Values::Bytes(_) => "Bytes",
            Values::Coded(_) => "Coded",
        };
        write!(f, "{kind}({} × {})", self.rows(), self.columns())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_share_bytes_however_they_are_scaled() {
        let features = Features::from_bytes(2, vec![0, 255, 255, 255]).unwrap();
        let mut scaled = features.clone();
        scaled.scale(&Scaler::divide_by(2, 255.0));
        let (Values::Bytes(a), Values::Bytes(b)) = (&features.values, &scaled.values) else { panic!() };
        assert!(Arc::ptr_eq(&a.data, &b.data));
        assert_eq!(features.to_matrix().as_slice(), [0.0, 255.0, 255.0, 255.0]);
        assert_eq!(scaled.to_matrix().row(0), [0.0, 1.0]);
        scaled.append(&scaled.clone()).unwrap();
        assert_eq!((features.rows(), scaled.rows()), (2, 4));
    }
}
