//! The range of the targets of the training, which predicted values stay in.

use crate::base::error::{Error, Result};
use crate::linalg::matrix::Matrix;

/// The smallest and the largest value of each target in the training data, in the units of the targets. A model whose
/// [`Preprocessing`](crate::Preprocessing) has it predicts no value outside: far from the training data, where a network
/// continues its last slope, that is the smaller error.
///
/// ```
/// use palmnet::model::TargetRange;
/// use palmnet::Matrix;
/// let range = TargetRange::fit(&Matrix::from_rows(&[[1.0, -5.0], [3.0, 5.0]])).unwrap();
/// let mut values = Matrix::from_rows(&[[0.0, 0.5]]);
/// range.clamp(&mut values);
/// assert_eq!(values.row(0), [1.0, 0.5]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TargetRange {
    low: Vec<f32>,
    high: Vec<f32>,
}

impl TargetRange {
    /// Returns the range of each column of `values`, examples × targets; `None` if there are no examples, or a value is
    /// not finite.
    #[must_use]
    pub fn fit(values: &Matrix) -> Option<Self> {
        let (mut low, mut high) = (vec![f32::INFINITY; values.columns()], vec![f32::NEG_INFINITY; values.columns()]);
        for row in values.iter_rows() {
            for ((&value, low), high) in row.iter().zip(&mut low).zip(&mut high) {
                (*low, *high) = (low.min(value), high.max(value));
            }
        }
        (values.rows() > 0 && values.as_slice().iter().all(|value| value.is_finite()))
            .then_some(TargetRange { low, high })
    }

    /// Makes a range of its parts, one entry for each target in both.
    ///
    /// # Errors
    /// If the lengths differ, an entry is not finite, or an end is below its beginning.
    pub fn from_parts(low: Vec<f32>, high: Vec<f32>) -> Result<Self> {
        if low.len() != high.len() {
            let message = format!("a range of {} smallest and {} largest values", low.len(), high.len());
            return Err(Error::Mismatch(message));
        }
        let is_range = |(low, high): (&f32, &f32)| low.is_finite() && high.is_finite() && low <= high;
        if let Some(target) = low.iter().zip(&high).position(|ends| !is_range(ends)) {
            let message = format!("a range from {} to {} of target {target}", low[target], high[target]);
            return Err(Error::Mismatch(message));
        }
        Ok(TargetRange { low, high })
    }

    /// Returns the range of both: of the data of a first training and of that which continues it.
    ///
    /// # Panics
    /// If the numbers of targets differ.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        assert_eq!(self.low.len(), other.low.len(), "the targets of two ranges");
        let pairs = |a: &[f32], b: &[f32], of: fn(f32, f32) -> f32| a.iter().zip(b).map(|(&a, &b)| of(a, b)).collect();
        TargetRange { low: pairs(&self.low, &other.low, f32::min), high: pairs(&self.high, &other.high, f32::max) }
    }

    /// Returns the smallest value of each target.
    pub fn low(&self) -> &[f32] {
        &self.low
    }

    /// Returns the largest value of each target.
    pub fn high(&self) -> &[f32] {
        &self.high
    }

    /// Moves every value, examples × targets, into the range, in place. NaN stays NaN.
    ///
    /// # Panics
    /// If the number of columns is not that of the targets.
    pub fn clamp(&self, values: &mut Matrix) {
        assert_eq!(values.columns(), self.low.len(), "the columns of values and of their range");
        for row in 0..values.rows() {
            let ends = self.low.iter().zip(&self.high);
            values.row_mut(row).iter_mut().zip(ends).for_each(|(value, (&low, &high))| *value = value.clamp(low, high));
        }
    }
}
