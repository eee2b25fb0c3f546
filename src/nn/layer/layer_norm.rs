//! Layer normalization (Ba, Kiros, Hinton, 2016).

use super::GradientPart;
use super::affine::{Affine, add_gradient};
use crate::linalg::matrix::Matrix;
use crate::linalg::reduce::{inner_product, squared_deviations, sum};
use crate::linalg::vectorize::vectorized;

/// Keeps the division defined; PyTorch's.
const EPSILON: f32 = 1e-5;

/// y = scale · (x - mean) / √(variance + 10⁻⁵) + shift, with the mean and the variance of each row (Ba, Kiros, Hinton,
/// 2016): the same in training and in prediction, and for any batch size.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNorm {
    affine: Affine,
}

/// The normalized input, and the inverse of each row's standard deviation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cache {
    normalized: Matrix,
    inverse: Vec<f32>,
}

impl LayerNorm {
    /// Returns the layer of `columns` columns with scale 1 and shift 0.
    pub fn new(columns: usize) -> Self {
        LayerNorm { affine: Affine::identity(columns) }
    }

    /// Returns the layer of these tensors, one entry per column each.
    ///
    /// # Panics
    /// If they differ in length.
    pub fn from_parts(scale: Vec<f32>, shift: Vec<f32>) -> Self {
        LayerNorm { affine: Affine::new(scale, shift) }
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.affine.columns()
    }

    /// Returns scale and shift by name.
    pub fn parameters(&self) -> [(&'static str, &[f32]); 2] {
        self.affine.parameters()
    }

    /// Returns scale and shift, mutable.
    pub fn parameters_mut(&mut self) -> [&mut [f32]; 2] {
        self.affine.parameters_mut()
    }

    /// Computes the output in prediction.
    pub(super) fn predict(&self, input: &Matrix, output: &mut Matrix) {
        output.copy_from(input);
        let columns = input.columns().max(1);
        for row in output.as_mut_slice().chunks_exact_mut(columns) {
            normalize(row);
            stretch(&self.affine, row);
        }
    }

    /// Computes the output in training.
    pub(super) fn forward(&self, input: &Matrix, cache: &mut Cache, output: &mut Matrix) {
        let Cache { normalized, inverse } = cache;
        normalized.copy_from(input);
        output.reshape(input.rows(), input.columns());
        inverse.resize(input.rows(), 0.0);
        for (i, inverse) in inverse.iter_mut().enumerate() {
            *inverse = normalize(normalized.row_mut(i));
            output.row_mut(i).copy_from_slice(normalized.row(i));
            stretch(&self.affine, output.row_mut(i));
        }
    }

    /// Computes the gradient with respect to the input, `input_delta`, from that with respect to the output, `delta`.
    pub(super) fn backward(&self, cache: &Cache, delta: &Matrix, input_delta: &mut Matrix) {
        input_delta.reshape(delta.rows(), delta.columns());
        for (i, &inverse) in cache.inverse.iter().enumerate() {
            let (normalized, delta) = (cache.normalized.row(i), delta.row(i));
            backward(&self.affine.scale, inverse, normalized, delta, input_delta.row_mut(i));
        }
    }

    /// Computes the gradient with respect to scale and shift, which are one part.
    pub(super) fn gradient(cache: &Cache, delta: &Matrix, part: GradientPart<'_>) {
        let (scale, shift) = part.started().split_at_mut(delta.columns());
        add_gradient(cache.normalized.as_slice(), delta.as_slice(), scale, shift);
    }
}

/// The number of sums side by side: see [`reduce`](crate::linalg::reduce).
const SUMS: usize = 16;

vectorized! {
    /// Gives a row mean 0 and variance 1; returns the inverse of its standard deviation.
    fn normalize(row: &mut [f32]) -> f32 {
        let count = row.len() as f32;
        let mean = sum::<f32, SUMS>(row) / count;
        let inverse = 1.0 / (squared_deviations::<SUMS>(row, mean) / count + EPSILON).sqrt();
        for x in row.iter_mut() {
            *x = (*x - mean) * inverse;
        }
        inverse
    }

    /// Turns a normalized row into the layer's output.
    fn stretch(affine: &Affine, row: &mut [f32]) {
        for ((x, scale), shift) in row.iter_mut().zip(&affine.scale).zip(&affine.shift) {
            *x = *x * scale + shift;
        }
    }

    fn backward(scale: &[f32], inverse: f32, normalized: &[f32], delta: &[f32], to: &mut [f32]) {
        for ((to, scale), delta) in to.iter_mut().zip(scale).zip(delta) {
            *to = scale * delta;
        }
        let count = to.len() as f32;
        let mean = sum::<f32, SUMS>(to) / count;
        let product = inner_product::<f32, SUMS>(to, normalized) / count;
        for (x, y) in to.iter_mut().zip(normalized) {
            *x = inverse * (*x - mean - y * product);
        }
    }
}
