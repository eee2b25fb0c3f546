//! The fully connected layer.
//!
//! It needs no cache: its gradient is made of its input, which the stack keeps, and of the gradient with
//! respect to its output.

use super::GradientPart;

use crate::base::rng::Rng;
use crate::linalg::gemm;
use crate::linalg::matrix::Matrix;
use crate::linalg::row;
use crate::linalg::vectorize::vectorized;
use crate::nn::activation::Activation;
use crate::nn::init::Init;

/// Z = A·W + b: every output is a weighted sum of all inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    weights: Matrix,
    bias: Vec<f32>,
}

impl Dense {
    /// Returns a layer of these parameters: `weights` are inputs × outputs, `bias` has one entry per output.
    ///
    /// # Panics
    /// If `bias` is not as long as `weights` has columns.
    pub fn new(weights: Matrix, bias: Vec<f32>) -> Self {
        assert_eq!(weights.columns(), bias.len(), "a bias needs one entry per output");
        Dense { weights: weights.align(), bias }
    }

    /// Returns a layer whose weights and bias are drawn from `init` and `bias_init`.
    pub fn random(inputs: usize, outputs: usize, init: Init, bias_init: Init, rng: &mut Rng) -> Self {
        let mut dense = Dense::new(Matrix::zeros(inputs, outputs), vec![0.0; outputs]);
        init.fill(dense.weights.as_mut_slice(), inputs, outputs, rng);
        bias_init.fill(&mut dense.bias, inputs, outputs, rng);
        dense
    }

    /// Returns the number of inputs.
    pub fn inputs(&self) -> usize {
        self.weights.rows()
    }

    /// Returns the number of outputs.
    pub fn outputs(&self) -> usize {
        self.weights.columns()
    }

    /// Returns the weights, inputs × outputs.
    pub fn weights(&self) -> &Matrix {
        &self.weights
    }

    /// Returns the bias, one entry per output.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// Returns weights and bias by name.
    pub fn parameters(&self) -> [(&'static str, &[f32]); 2] {
        [("weights", self.weights.as_slice()), ("bias", &self.bias)]
    }

    /// Returns weights and bias, mutable.
    pub fn parameters_mut(&mut self) -> [&mut [f32]; 2] {
        [self.weights.as_mut_slice(), &mut self.bias]
    }

    /// Computes `output` = `activation`(`input`·W + b), in prediction and in training.
    pub(crate) fn predict(&self, input: &Matrix, activation: Activation, output: &mut Matrix) {
        output.reshape(input.rows(), self.outputs());
        if row::is_single(input.rows(), self.weights.as_slice()) {
            row::product(input.as_slice(), self.weights.as_slice(), output.as_mut_slice());
            return activation.forward_biased(&self.bias, output.as_mut_slice());
        }
        let (a, w, output) = (input.operand(), self.weights.operand(), output.as_mut_slice());
        // Softmax needs whole rows; every other activation is applied while its entries are in the cache.
        if activation == Activation::Softmax {
            gemm::product(a, w, output);
            return activation.forward_biased(&self.bias, output);
        }
        gemm::product_with(a, w, output, &|entries, _, columns| {
            activation.forward_biased(&self.bias[columns], entries);
        });
    }

    /// Computes the gradient with respect to the input, `input_delta`, from that with respect to Z, `delta`.
    pub(super) fn backward(&self, delta: &Matrix, input_delta: &mut Matrix) {
        input_delta.reshape(delta.rows(), self.inputs());
        if row::is_single(delta.rows(), self.weights.as_slice()) {
            return row::product_transposed(delta.as_slice(), self.weights.as_slice(), input_delta.as_mut_slice());
        }
        gemm::product(delta.operand(), self.weights.operand().transposed(), input_delta.as_mut_slice());
    }

    /// Computes the gradient with respect to the part's rows of the weights and, after the last of them, the bias: for
    /// the examples of `input` and `delta`.
    pub(super) fn gradient(input: &Matrix, delta: &Matrix, part: GradientPart<'_>) {
        let (weights, bias) = part.values.split_at_mut(part.rows.len() * delta.columns());
        if !part.resume {
            bias.fill(0.0);
        }
        if row::is_single(delta.rows(), weights) {
            row::outer_product(&input.as_slice()[part.rows], delta.as_slice(), weights, part.resume);
            bias.iter_mut().zip(delta.as_slice()).for_each(|(sum, delta)| *sum += delta);
            return;
        }
        let input = input.operand().transposed().select_rows(part.rows);
        if part.resume {
            gemm::add_product(input, delta.operand(), weights);
        } else {
            gemm::product(input, delta.operand(), weights);
        }
        add_columns(delta.as_slice(), bias);
    }

    /// Scales down every unit's incoming weights whose Euclidean norm is above `limit` (Srivastava et al., 2014).
    pub(crate) fn limit_norm(&mut self, limit: f32) {
        let columns = self.outputs();
        limit_columns(self.weights.as_mut_slice(), columns, limit);
    }
}

/// Adds `N` columns of a matrix, from `first` on, to their sums, which stay in registers.
#[inline(always)]
fn add_stripe<const N: usize>(matrix: &[f32], columns: usize, first: usize, sums: &mut [f32; N]) {
    let mut stripe = *sums;
    for row in matrix.chunks_exact(columns) {
        let row = &row[first..][..N];
        for i in 0..N {
            stripe[i] += row[i];
        }
    }
    *sums = stripe;
}

vectorized! {
    /// Adds each column of `matrix` to its entry of `sums`, if there are any.
    pub(super) fn add_columns(matrix: &[f32], sums: &mut [f32]) {
        let columns = sums.len();
        let (stripes, rest) = sums.as_chunks_mut::<64>();
        for (i, sums) in stripes.iter_mut().enumerate() {
            add_stripe(matrix, columns, 64 * i, sums);
        }
        let (stripes, ones) = rest.as_chunks_mut::<16>();
        for (i, sums) in stripes.iter_mut().enumerate() {
            add_stripe(matrix, columns, columns / 64 * 64 + 16 * i, sums);
        }
        for (i, sum) in ones.iter_mut().enumerate() {
            add_stripe(matrix, columns, columns / 16 * 16 + i, std::array::from_mut(sum));
        }
    }

    /// Scales down every column of `weights` whose Euclidean norm is above `limit`.
    fn limit_columns(weights: &mut [f32], columns: usize, limit: f32) {
        const STRIPE: usize = 64;
        for first in (0..columns).step_by(STRIPE) {
            let stripe = first..columns.min(first + STRIPE);
            let mut sums = [0.0; STRIPE];
            for row in weights.chunks_exact(columns) {
                for (sum, w) in sums.iter_mut().zip(&row[stripe.clone()]) {
                    *sum += w * w;
                }
            }
            let mut factors = [1.0; STRIPE];
            for (factor, sum) in factors.iter_mut().zip(sums) {
                if sum > limit * limit {
                    *factor = limit / sum.sqrt();
                }
            }
            if factors == [1.0; STRIPE] {
                continue;
            }
            for row in weights.chunks_exact_mut(columns) {
                for (w, factor) in row[stripe.clone()].iter_mut().zip(factors) {
                    *w *= factor;
                }
            }
        }
    }
}
