//! Layer normalisation (Ba, Kiros, Hinton, 2016).

use crate::linalg::matrix::Matrix;
use crate::linalg::vectorize::{Vectorized, vectorize};

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
            vectorize(Normalise { row: &mut *row });
            vectorize(Stretch { norm: self, row });
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
            *inverse = vectorize(Normalise { row: normalised.row_mut(i) });
            output.row_mut(i).copy_from_slice(normalised.row(i));
            vectorize(Stretch { norm: self, row: output.row_mut(i) });
        }
    }

    /// The gradient with respect to the input, from that with respect to the output.
    pub(crate) fn backward(&self, normalised: &Matrix, inverse: &[f32], delta: &Matrix, input_delta: &mut Matrix) {
        input_delta.reshape(delta.rows(), delta.columns());
        for (i, &inverse) in inverse.iter().enumerate() {
            let (normalised, delta) = (normalised.row(i), delta.row(i));
            vectorize(Backward { scale: &self.scale, inverse, normalised, delta, to: input_delta.row_mut(i) });
        }
    }
}

/// Sums side by side, because one would wait for itself at every addition; as many on every processor, so that the bits
/// are the same.
const SUMS: usize = 16;

/// Gives a row mean 0 and variance 1; the inverse of its standard deviation.
struct Normalise<'a> {
    row: &'a mut [f32],
}

impl Vectorized for Normalise<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        let count = self.row.len() as f32;
        let mut sums = [0.0; SUMS];
        for part in self.row.chunks(SUMS) {
            for (sum, x) in sums.iter_mut().zip(part) {
                *sum += x;
            }
        }
        let mean = sums.iter().sum::<f32>() / count;
        let mut sums = [0.0; SUMS];
        for part in self.row.chunks(SUMS) {
            for (sum, x) in sums.iter_mut().zip(part) {
                *sum += (x - mean) * (x - mean);
            }
        }
        let inverse = 1.0 / (sums.iter().sum::<f32>() / count + EPSILON).sqrt();
        for x in self.row.iter_mut() {
            *x = (*x - mean) * inverse;
        }
        inverse
    }
}

/// A normalised row becomes the layer's output.
struct Stretch<'a> {
    norm: &'a LayerNorm,
    row: &'a mut [f32],
}

impl Vectorized for Stretch<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((x, scale), shift) in self.row.iter_mut().zip(&self.norm.scale).zip(&self.norm.shift) {
            *x = *x * scale + shift;
        }
    }
}

struct Backward<'a> {
    scale: &'a [f32],
    inverse: f32,
    normalised: &'a [f32],
    delta: &'a [f32],
    to: &'a mut [f32],
}

impl Vectorized for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Backward { scale, inverse, normalised, delta, to } = self;
        for ((to, scale), delta) in to.iter_mut().zip(scale).zip(delta) {
            *to = scale * delta;
        }
        let (mut sums, mut products) = ([0.0; SUMS], [0.0; SUMS]);
        for (part, normalised) in to.chunks(SUMS).zip(normalised.chunks(SUMS)) {
            for (((sum, product), x), y) in sums.iter_mut().zip(&mut products).zip(part).zip(normalised) {
                *sum += x;
                *product += x * y;
            }
        }
        let count = to.len() as f32;
        let (mean, product) = (sums.iter().sum::<f32>() / count, products.iter().sum::<f32>() / count);
        for (x, y) in to.iter_mut().zip(normalised) {
            *x = inverse * (*x - mean - y * product);
        }
    }
}
