//! Scaling: networks learn best from inputs around zero, of size about one.

use crate::base::error::{Error, Result};
use crate::linalg::matrix::Matrix;
use crate::linalg::vectorize::vectorized;

/// Rows of numbers, on which a scaler is fitted: a [`Matrix`], or the [`Features`](crate::data::Features) of a dataset.
pub trait Rows {
    /// Returns the numbers of rows and of columns.
    fn size(&self) -> (usize, usize);

    /// Copies a row to `x`, which has an entry for each column.
    fn read_row(&self, row: usize, x: &mut [f32]);
}

impl Rows for Matrix {
    fn size(&self) -> (usize, usize) {
        (self.rows(), self.columns())
    }

    fn read_row(&self, row: usize, x: &mut [f32]) {
        x.copy_from_slice(self.row(row));
    }
}

/// A linear map of each column: (x − offset) · factor. A factor of 0 makes a column 0, whatever is in it: that of one
/// that was constant when the scaler was fitted, from which nothing was learned.
///
/// It is fitted on the training data and applied unchanged to all other data: to a matrix by
/// [`transform`](Self::transform), to a dataset by [`Dataset::scale`](crate::Dataset::scale).
///
/// ```
/// use palmnet::data::Scaler;
/// use palmnet::Matrix;
/// let scaler = Scaler::standard(&Matrix::from_rows(&[[1.0, 7.0], [5.0, 7.0]]));
/// let mut x = Matrix::from_rows(&[[5.0, 7.0]]);
/// scaler.transform(&mut x);
/// assert_eq!(x.row(0), [1.0, 0.0]);
/// scaler.invert(&mut x);
/// assert_eq!(x.row(0), [5.0, 7.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Scaler {
    offset: Vec<f32>,
    factor: Vec<f32>,
}

impl Scaler {
    /// Fits a scaler to mean 0 and (population) variance 1 in each column. A constant column becomes 0.
    #[must_use]
    pub fn standard(data: &impl Rows) -> Scaler {
        standard(data)
    }

    /// Fits a scaler to median 0 and a distance of 1 between the quartiles in each column; if these are equal, to a range
    /// of 2. A constant column becomes 0.
    #[must_use]
    pub fn robust(data: &impl Rows) -> Scaler {
        robust(data)
    }

    /// Makes the scale of one column, which has these numbers, that of [`robust`](Self::robust).
    pub(crate) fn set_robust(&mut self, column: usize, mut values: Vec<f32>) {
        values.sort_unstable_by(f32::total_cmp);
        // Linear between the two nearest numbers, as NumPy has it.
        let quantile = |fraction: f64| {
            let at = fraction * values.len().saturating_sub(1) as f64;
            let (low, high) = (f64::from(values[at as usize]), f64::from(values[at.ceil() as usize]));
            low + at.fract() * (high - low)
        };
        let (quartiles, range) = (quantile(0.75) - quantile(0.25), quantile(1.0) - quantile(0.0));
        self.offset[column] = quantile(0.5) as f32;
        // At least half of the numbers are the same: the others are as far from them as quartiles would be.
        self.factor[column] = factor(if quartiles > 0.0 { quartiles } else { range / 2.0 });
    }

    /// Fits a scaler to [0, 1] in each column. A constant column becomes 0.
    #[must_use]
    pub fn min_max(data: &impl Rows) -> Scaler {
        min_max(data)
    }

    /// Returns the scaler that changes nothing in `columns` columns.
    #[must_use]
    pub fn identity(columns: usize) -> Scaler {
        Scaler { offset: vec![0.0; columns], factor: vec![1.0; columns] }
    }

    /// Returns the division of `columns` columns by `divisor`: 255 brings pixels to [0, 1].
    ///
    /// # Panics
    /// If `divisor` is zero, not finite, or so small that its reciprocal is not.
    #[must_use]
    pub fn divide_by(columns: usize, divisor: f32) -> Scaler {
        let factor = 1.0 / divisor;
        assert!(factor.is_normal(), "division of columns by {divisor}");
        Scaler { offset: vec![0.0; columns], factor: vec![factor; columns] }
    }

    /// Makes a scaler of its parts, one entry per column each.
    ///
    /// # Errors
    /// If the lengths differ, or an entry is not finite.
    pub fn from_parts(offset: Vec<f32>, factor: Vec<f32>) -> Result<Scaler> {
        if offset.len() != factor.len() {
            return Err(Error::Mismatch(format!("a scaler of {} offsets and {} factors", offset.len(), factor.len())));
        }
        if let Some(column) =
            (0..offset.len()).find(|&i| !offset[i].is_finite() || !(factor[i].is_normal() || factor[i] == 0.0))
        {
            let (offset, factor) = (offset[column], factor[column]);
            return Err(Error::Mismatch(format!(
                "a scaler with offset {offset} and factor {factor} in column {column}"
            )));
        }
        Ok(Scaler { offset, factor })
    }

    /// Returns the scaler with a factor of 0 for every column that is constant in `data`.
    #[must_use]
    pub fn without_constants(mut self, data: &impl Rows) -> Scaler {
        let spread = min_max(data);
        for ((offset, factor), (low, spread)) in
            self.offset.iter_mut().zip(&mut self.factor).zip(spread.offset.iter().zip(&spread.factor))
        {
            if *spread == 0.0 && low.is_finite() {
                (*offset, *factor) = (*low, 0.0);
            }
        }
        self
    }

    /// Returns the number that is subtracted from each column.
    pub fn offset(&self) -> &[f32] {
        &self.offset
    }

    /// Returns the number that each column is then multiplied by.
    pub fn factor(&self) -> &[f32] {
        &self.factor
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.offset.len()
    }

    /// Scales every row in place.
    ///
    /// # Panics
    /// If the number of columns differs.
    pub fn transform(&self, matrix: &mut Matrix) {
        self.each_row(matrix, |x, offset, factor| (x - offset) * factor);
    }

    /// Undoes [`transform`](Self::transform), up to rounding. A column whose factor is 0 becomes its offset.
    ///
    /// # Panics
    /// If the number of columns differs.
    pub fn invert(&self, matrix: &mut Matrix) {
        self.each_row(matrix, |x, offset, factor| if factor == 0.0 { offset } else { x / factor + offset });
    }

    fn each_row(&self, matrix: &mut Matrix, function: impl Fn(f32, f32, f32) -> f32) {
        assert_eq!(matrix.columns(), self.columns(), "the columns of a matrix and of its scaler");
        for row in 0..matrix.rows() {
            let scales = self.offset.iter().zip(&self.factor);
            matrix
                .row_mut(row)
                .iter_mut()
                .zip(scales)
                .for_each(|(x, (&offset, &factor))| *x = function(*x, offset, factor));
        }
    }

    /// Widens a row of bytes, with the arithmetic of [`transform`](Self::transform).
    pub(super) fn widen(&self, bytes: &[u8], x: &mut [f32]) {
        widen(self, bytes, x);
    }

    /// Returns the composition of this scaler and then another one.
    ///
    /// # Panics
    /// If the numbers of columns differ.
    pub(super) fn then(&self, next: &Scaler) -> Scaler {
        assert_eq!(self.columns(), next.columns(), "the columns of two scalers");
        // ((x - o) f - p) g = (x - (o + p / f)) f g
        let wide = |x: &f32| f64::from(*x);
        let scales = self.offset.iter().zip(&self.factor);
        let joined = |((o, f), p): ((&f32, &f32), &f32)| match *f {
            // Nothing is left to subtract from.
            0.0 => *o,
            _ => (wide(o) + wide(p) / wide(f)) as f32,
        };
        let offset = scales.zip(&next.offset).map(joined).collect();
        let factor = self.factor.iter().zip(&next.factor).map(|(f, g)| f * g).collect();
        Scaler { offset, factor }
    }

    /// Returns the scaler of these columns, in this order.
    pub(super) fn select(&self, columns: &[usize]) -> Scaler {
        let of = |all: &[f32]| columns.iter().map(|&column| all[column]).collect();
        Scaler { offset: of(&self.offset), factor: of(&self.factor) }
    }

    /// Returns the scaler of `times` copies of the columns, one after the other.
    pub(super) fn repeated(&self, times: usize) -> Scaler {
        Scaler { offset: self.offset.repeat(times), factor: self.factor.repeat(times) }
    }
}

vectorized! {
    fn widen(scaler: &Scaler, bytes: &[u8], x: &mut [f32]) {
        let scales = scaler.offset.iter().zip(&scaler.factor);
        for ((x, &byte), (offset, factor)) in x.iter_mut().zip(bytes).zip(scales) {
            *x = (f32::from(byte) - offset) * factor;
        }
    }
}

/// Returns the factor that brings a spread to 1: 0 if there is no spread, and 1 if no float can bring it there.
fn factor(spread: f64) -> f32 {
    if spread == 0.0 {
        return 0.0;
    }
    let factor = (1.0 / spread) as f32;
    if factor.is_normal() { factor } else { 1.0 }
}

fn standard(data: &dyn Rows) -> Scaler {
    let (rows, columns) = data.size();
    if rows == 0 {
        return Scaler::identity(columns);
    }
    // Sums of the differences from the first row: exactly zero for a constant, and no cancellation for a large mean.
    let (mut first, mut x) = (vec![0.0; columns], vec![0.0; columns]);
    let (mut sum, mut squares) = (vec![0.0; columns], vec![0.0; columns]);
    data.read_row(0, &mut first);
    for row in 0..rows {
        data.read_row(row, &mut x);
        for ((&x, &first), (sum, square)) in x.iter().zip(&first).zip(sum.iter_mut().zip(&mut squares)) {
            let difference = f64::from(x) - f64::from(first);
            *sum += difference;
            *square += difference * difference;
        }
    }
    let n = rows as f64;
    let offset = first.iter().zip(&sum).map(|(&first, sum)| (f64::from(first) + sum / n) as f32).collect();
    let deviation = |(sum, square): (&f64, &f64)| (square / n - (sum / n) * (sum / n)).max(0.0).sqrt();
    Scaler { offset, factor: sum.iter().zip(&squares).map(deviation).map(factor).collect() }
}

fn robust(data: &dyn Rows) -> Scaler {
    let (rows, columns) = data.size();
    if rows == 0 {
        return Scaler::identity(columns);
    }
    let mut scaler = Scaler::identity(columns);
    let mut x = vec![0.0; columns];
    // Some columns at a time, so that few numbers are kept beside those of the data.
    const STRIPE: usize = 16;
    for first in (0..columns).step_by(STRIPE) {
        let stripe = first..columns.min(first + STRIPE);
        let mut values = vec![Vec::with_capacity(rows); stripe.len()];
        for row in 0..rows {
            data.read_row(row, &mut x);
            values.iter_mut().zip(&x[stripe.clone()]).for_each(|(values, &x)| values.push(x));
        }
        stripe.zip(values).for_each(|(column, values)| scaler.set_robust(column, values));
    }
    scaler
}

fn min_max(data: &dyn Rows) -> Scaler {
    let (rows, columns) = data.size();
    if rows == 0 {
        return Scaler::identity(columns);
    }
    let (mut low, mut high) = (vec![f32::INFINITY; columns], vec![f32::NEG_INFINITY; columns]);
    let mut x = vec![0.0; columns];
    for row in 0..rows {
        data.read_row(row, &mut x);
        for ((&x, low), high) in x.iter().zip(&mut low).zip(&mut high) {
            *low = low.min(x);
            *high = high.max(x);
        }
    }
    let factor = low.iter().zip(&high).map(|(low, high)| factor(f64::from(high - low))).collect();
    Scaler { offset: low, factor }
}
