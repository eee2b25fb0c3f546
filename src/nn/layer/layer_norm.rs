//! Layer normalisation (Ba, Kiros, Hinton, 2016).

use crate::linalg::matrix::Matrix;
use crate::linalg::reduce::{inner_product, squared_deviations, sum};
use crate::linalg::vectorize::vectorized;

/// Keeps the division defined; PyTorch's.
const EPSILON: f32 = 1e-5;

/// y = scale · (x - mean) / √(variance + 10⁻⁵) + shift, with the mean and the variance of each row (Ba, Kiros, Hinton,
/// 2016): the same in training and in prediction, and for any batch size.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNorm {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl LayerNorm {
    /// The layer of so many columns that changes nothing but the mean and the variance of a row.
    pub fn new(columns: usize) -> Self {
        LayerNorm { scale: vec![1.0; columns], shift: vec![0.0; columns] }
    }

    /// The layer of these tensors, one entry per column each.
    ///
    /// # Panics
    /// When they differ in length.
    pub fn from_parts(scale: Vec<f32>, shift: Vec<f32>) -> Self {
        assert_eq!(scale.len(), shift.len(), "scale and shift need one entry per column");
        LayerNorm { scale, shift }
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.scale.len()
    }

    /// Scale and shift by name.
    pub fn parameters(&self) -> [(&'static str, &[f32]); 2] {
        [("scale", &self.scale), ("shift", &self.shift)]
    }

    /// Scale and shift, to be changed.
    pub fn parameters_mut(&mut self) -> [&mut [f32]; 2] {
        [&mut self.scale, &mut self.shift]
    }

    /// The layer in prediction, in place.
    pub(crate) fn predict(&self, x: &mut Matrix) {
        let columns = x.columns().max(1);
        for row in x.as_mut_slice().chunks_exact_mut(columns) {
            normalize(row);
            stretch(self, row);
        }
    }

    /// The layer in training: `normalised` is what the backward pass needs, and the inverse of each row's standard
    /// deviation.
    pub(crate) fn forward(&self, x: &Matrix, normalised: &mut Matrix, inverse: &mut Vec<f32>, output: &mut Matrix) {
        normalised.reshape(x.rows(), x.columns());
        normalised.as_mut_slice().copy_from_slice(x.as_slice());
        output.reshape(x.rows(), x.columns());
        inverse.resize(x.rows(), 0.0);
        for (i, inverse) in inverse.iter_mut().enumerate() {
            *inverse = normalize(normalised.row_mut(i));
            output.row_mut(i).copy_from_slice(normalised.row(i));
            stretch(self, output.row_mut(i));
        }
    }

    /// The gradient with respect to the input, from that with respect to the output.
    pub(crate) fn backward(&self, normalised: &Matrix, inverse: &[f32], delta: &Matrix, input_delta: &mut Matrix) {
        input_delta.reshape(delta.rows(), delta.columns());
        for (i, &inverse) in inverse.iter().enumerate() {
            let (normalised, delta) = (normalised.row(i), delta.row(i));
            backward(&self.scale, inverse, normalised, delta, input_delta.row_mut(i));
        }
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
    fn stretch(norm: &LayerNorm, row: &mut [f32]) {
        for ((x, scale), shift) in row.iter_mut().zip(&norm.scale).zip(&norm.shift) {
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
