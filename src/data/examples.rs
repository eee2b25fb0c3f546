//! Examples of equal width, one after the other: to stack, select and window them, and to find a wrong number.

use crate::base::error::{Error, Result};
use crate::base::text::quoted;
use crate::linalg::matrix::Matrix;

/// Returns the row, the column and the value of the first number that is infinite or, unless it may be, NaN.
pub(super) fn find_wrong(matrix: &Matrix, may_be_nan: bool) -> Option<(usize, usize, f32)> {
    const CHUNK: usize = 1024;
    let is_wrong = |x: &f32| if may_be_nan { x.is_infinite() } else { !x.is_finite() };
    // Without an early end, many numbers are looked at together.
    let has_wrong = |chunk: &[f32]| chunk.iter().fold(false, |found, x| found | is_wrong(x));
    let start = matrix.as_slice().chunks(CHUNK).position(has_wrong)? * CHUNK;
    let index = start + matrix.as_slice()[start..].iter().position(is_wrong)?;
    Some((index / matrix.columns(), index % matrix.columns(), matrix.as_slice()[index]))
}

/// Returns an error for a number that is not finite, of this example and column.
pub(super) fn refuse_wrong(found: Option<(usize, usize, f32)>, what: &str) -> Result<()> {
    let Some((row, column, value)) = found else { return Ok(()) };
    let value = quoted(&value.to_string());
    Err(Error::Mismatch(format!("{what} {column} of example {row}, both counted from 0, is {value}")))
}

/// Returns the rows of both matrices, which are as wide.
pub(super) fn stacked(upper: &Matrix, lower: &Matrix) -> Matrix {
    let data = [upper.as_slice(), lower.as_slice()].concat();
    Matrix::from_vec(upper.rows() + lower.rows(), upper.columns(), data)
}

/// Returns these examples of some, each of `width` entries.
pub(super) fn selected<T: Copy>(data: &[T], width: usize, rows: &[usize]) -> Vec<T> {
    let mut selected = Vec::with_capacity(rows.len() * width);
    rows.iter().for_each(|&row| selected.extend_from_slice(&data[row * width..][..width]));
    selected
}

/// Returns every `length` consecutive examples of `rows`, each of `width` entries, as one; there are at least `length`.
pub(super) fn windowed<T: Copy>(data: &[T], width: usize, rows: usize, length: usize) -> Vec<T> {
    (0..rows + 1 - length).flat_map(|row| &data[row * width..][..length * width]).copied().collect()
}
