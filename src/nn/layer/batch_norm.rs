//! Batch normalization (Ioffe, Szegedy, 2015).
//!
//! # Problem
//!
//! In training, the layer's output for a row depends on the mean and the variance of every column over *all* rows of
//! the batch; its gradient depends on two more means over all rows. But a step is shared among threads, each of which
//! takes some rows, a block, all the way through the network. So the blocks must meet at this layer, twice; and since a
//! sum in single precision depends on the order of its terms, the result must not depend on how the batch was cut into
//! blocks.
//!
//! # Idea
//!
//! The passes are cut into sections at every batch normalization. Each block describes its rows in *groups* of
//! [`GROUP`] rows, counted from the start of the batch. Blocks consist of whole groups (the last group of a batch may
//! be smaller), so the groups are the same for any blocks. When all blocks have arrived, one thread puts the groups
//! together in the order of the rows ([`Moments`]); then the blocks continue with the common result.
//!
//! ```text
//! forward    block 0   rows  0..16   groups 0, 1: mean, squared deviations ─┐
//!            block 1   rows 16..32   groups 2, 3: mean, squared deviations ─┼─ Moments: mean, variance
//!            block 2   rows 32..36   group  4:    mean, squared deviations ─┘      │
//!            every block:  x̂ = (x - mean) / √(variance + ε)   y = scale · x̂ + shift
//!
//! backward   every block:  of each group Σ dy and Σ dy · x̂  ────────────────── Moments: mean dy, mean dy · x̂
//!            every block:  dx = scale / √(variance + ε) · (dy - mean dy - x̂ · mean(dy · x̂))
//! ```
//!
//! The variance is put together from the groups' own deviations and the distances of their means (Chan, Golub, LeVeque,
//! 1979): the difference between the mean square and the square of the mean would lose everything to rounding for
//! columns far from zero.
//!
//! # Why not otherwise
//!
//! - Statistics of each block alone would need no meeting, but the result would depend on the number of threads.
//! - One thread for all rows would need none either, but this layer would then be most of a step.
//! - Sums in double precision would depend on the order less often, not never; and they are half as many to a vector.

use super::GradientPart;
use super::affine::{Affine, add_gradient};
use crate::linalg::matrix::Matrix;
use crate::linalg::vectorize::vectorized;

/// Rows of a batch that are summed up at once.
pub(crate) const GROUP: usize = 8;
/// Columns that are worked on at once, so that the numbers of a column are computed once and kept in a register or so.
const STRIPE: usize = 64;
/// Keeps the division defined; PyTorch's.
const EPSILON: f32 = 1e-5;
/// The fraction of a new batch in the running mean and variance; PyTorch's.
const MOMENTUM: f32 = 0.1;

/// y = scale · (x - mean) / √(variance + 10⁻⁵) + shift, column by column (Ioffe, Szegedy, 2015).
///
/// While training, mean and variance are those of the batch; for prediction, running ones, to which every batch
/// contributes a tenth (of its unbiased variance, as in PyTorch). A batch of one example has no variance: nothing is
/// learned from it.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    affine: Affine,
    mean: Vec<f32>,
    variance: Vec<f32>,
}

/// The normalized input, and the description of these rows' groups: first that of the forward pass, then that of the
/// backward pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cache {
    normalized: Matrix,
    groups: Vec<f32>,
}

/// The statistics of a batch, one entry per column each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moments {
    examples: usize,
    mean: Vec<f32>,
    /// The mean of the squared deviations.
    variance: Vec<f32>,
    /// The mean of the gradient with respect to the output.
    delta: Vec<f32>,
    /// The mean of its product with the normalized input.
    product: Vec<f32>,
}

impl BatchNorm {
    /// Returns the layer of `columns` columns with scale 1 and shift 0, running means 0 and running variances 1.
    pub fn new(columns: usize) -> Self {
        BatchNorm { affine: Affine::identity(columns), mean: vec![0.0; columns], variance: vec![1.0; columns] }
    }

    /// Returns the layer of these tensors, one entry per column each: the trained ones, and the running mean and
    /// variance.
    ///
    /// # Panics
    /// If they differ in length, or a variance is negative.
    pub fn from_parts(scale: Vec<f32>, shift: Vec<f32>, mean: Vec<f32>, variance: Vec<f32>) -> Self {
        let lengths = [&shift, &mean, &variance].map(Vec::len);
        assert_eq!(lengths, [scale.len(); 3], "scale, shift, mean and variance need one entry per column");
        assert!(variance.iter().all(|&v| v >= 0.0), "a variance is negative");
        BatchNorm { affine: Affine::new(scale, shift), mean, variance }
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

    /// Returns the running mean and variance by name.
    pub fn state(&self) -> [(&'static str, &[f32]); 2] {
        [("mean", &self.mean), ("variance", &self.variance)]
    }

    /// Returns the running mean and variance, mutable.
    pub fn state_mut(&mut self) -> [&mut [f32]; 2] {
        [&mut self.mean, &mut self.variance]
    }

    /// Returns the factor and the constant by which prediction maps column `j`: y = factor · x + constant.
    pub(crate) fn line(&self, j: usize) -> (f32, f32) {
        let factor = self.affine.scale[j] / (self.variance[j] + EPSILON).sqrt();
        (factor, self.affine.shift[j] - self.mean[j] * factor)
    }

    /// Computes the output in prediction, with the running statistics.
    pub(super) fn predict(&self, input: &Matrix, output: &mut Matrix) {
        output.reshape(input.rows(), input.columns());
        predict(self, input.as_slice(), output.as_mut_slice());
    }

    /// Computes the output in training, for rows of a batch with these moments.
    pub(super) fn forward(&self, input: &Matrix, moments: &Moments, cache: &mut Cache, output: &mut Matrix) {
        cache.normalized.reshape(input.rows(), input.columns());
        output.reshape(input.rows(), input.columns());
        forward(self, moments, input.as_slice(), cache.normalized.as_mut_slice(), output.as_mut_slice());
    }

    /// Computes the gradient with respect to the input, `input_delta`, from that with respect to the output, `delta`.
    pub(super) fn backward(&self, moments: &Moments, cache: &Cache, delta: &Matrix, input_delta: &mut Matrix) {
        input_delta.reshape(delta.rows(), delta.columns());
        let (normalized, to) = (cache.normalized.as_slice(), input_delta.as_mut_slice());
        backward(&self.affine.scale, moments, normalized, delta.as_slice(), to);
    }

    /// Computes the gradient with respect to the input of the layer in prediction, whose moments do not depend on the
    /// input.
    pub(super) fn backward_fixed(&self, delta: &Matrix, input_delta: &mut Matrix) {
        input_delta.copy_from(delta);
        for row in 0..delta.rows() {
            input_delta.row_mut(row).iter_mut().enumerate().for_each(|(j, delta)| *delta *= self.line(j).0);
        }
    }

    /// Computes the gradient with respect to scale and shift, which are one part.
    pub(super) fn gradient(cache: &Cache, delta: &Matrix, part: GradientPart<'_>) {
        let (scale, shift) = part.started().split_at_mut(delta.columns());
        add_gradient(cache.normalized.as_slice(), delta.as_slice(), scale, shift);
    }

    /// Updates the running mean and variance with a batch.
    pub(crate) fn follow(&mut self, moments: &Moments) {
        let n = moments.examples as f32;
        // One example says nothing about the variance.
        let unbiased = if n > 1.0 { n / (n - 1.0) } else { return };
        for (running, mean) in self.mean.iter_mut().zip(&moments.mean) {
            *running += MOMENTUM * (mean - *running);
        }
        for (running, variance) in self.variance.iter_mut().zip(&moments.variance) {
            *running += MOMENTUM * (unbiased * variance - *running);
        }
    }
}

impl Cache {
    /// Describes rows of a batch, the layer's input: of each group the mean of every column, then the sums of squared
    /// deviations from it.
    pub(crate) fn describe(&mut self, input: &Matrix) {
        self.normalized.reshape(input.rows(), input.columns());
        self.groups.resize(input.rows().div_ceil(GROUP) * 2 * input.columns(), 0.0);
        describe(input.as_slice(), input.columns(), &mut self.groups);
    }

    /// Describes the gradient with respect to the layer's output: of each group its sums, then those of its product
    /// with the normalized input.
    pub(crate) fn describe_gradient(&mut self, delta: &Matrix) {
        let columns = delta.columns();
        self.groups.resize(delta.rows().div_ceil(GROUP) * 2 * columns, 0.0);
        let rows = delta.as_slice().chunks(GROUP * columns.max(1));
        let normalized = self.normalized.as_slice().chunks(GROUP * columns.max(1));
        for ((delta, normalized), group) in rows.zip(normalized).zip(self.groups.chunks_exact_mut(2 * columns.max(1))) {
            group.fill(0.0);
            let (shift, scale) = group.split_at_mut(columns);
            add_gradient(normalized, delta, scale, shift);
        }
    }

    /// Returns the last description, and the number of its columns.
    pub(crate) fn groups(&self) -> (&[f32], usize) {
        (&self.groups, self.normalized.columns())
    }
}

impl Moments {
    /// No statistics, for sections that need none.
    pub(crate) const NONE: Moments =
        Moments { examples: 0, mean: Vec::new(), variance: Vec::new(), delta: Vec::new(), product: Vec::new() };

    /// Puts mean and variance of a batch of `examples` together, from the groups of its blocks. `blocks` visits these
    /// in the order of the rows, each with its number of rows.
    pub(crate) fn put_together(
        &mut self,
        examples: usize,
        columns: usize,
        blocks: impl Fn(&mut dyn FnMut(usize, &[f32])),
    ) {
        let Moments { mean: means, variance: variances, .. } = self;
        let n = examples as f32;
        zero(means, columns);
        blocks(&mut |rows, groups| {
            for (count, group) in counted(rows, columns, groups) {
                means.iter_mut().zip(group).for_each(|(sum, mean)| *sum += count * mean);
            }
        });
        means.iter_mut().for_each(|sum| *sum /= n);
        // The squared deviations from the common mean (Chan, Golub, LeVeque, 1979).
        zero(variances, columns);
        blocks(&mut |rows, groups| {
            for (count, group) in counted(rows, columns, groups) {
                let (of_group, squares) = group.split_at(columns);
                for (((sum, mean), of_group), square) in variances.iter_mut().zip(&*means).zip(of_group).zip(squares) {
                    let step = of_group - mean;
                    *sum += square + count * step * step;
                }
            }
        });
        variances.iter_mut().for_each(|sum| *sum /= n);
        self.examples = examples;
    }

    /// Returns whether every mean and variance is a number.
    pub(crate) fn is_finite(&self) -> bool {
        self.mean.iter().chain(&self.variance).all(|x| x.is_finite())
    }

    /// Puts the means of the backward pass of the same batch together, from the groups of its blocks.
    pub(crate) fn put_together_gradients(&mut self, columns: usize, blocks: impl Fn(&mut dyn FnMut(usize, &[f32]))) {
        let Moments { delta, product, .. } = self;
        zero(delta, columns);
        zero(product, columns);
        blocks(&mut |rows, groups| {
            for (_, group) in counted(rows, columns, groups) {
                let (of_delta, of_product) = group.split_at(columns);
                delta.iter_mut().zip(of_delta).for_each(|(sum, x)| *sum += x);
                product.iter_mut().zip(of_product).for_each(|(sum, x)| *sum += x);
            }
        });
        let n = self.examples as f32;
        delta.iter_mut().chain(product).for_each(|sum| *sum /= n);
    }
}

/// Returns the groups of a block, each with its number of rows.
fn counted(rows: usize, columns: usize, groups: &[f32]) -> impl Iterator<Item = (f32, &[f32])> {
    let counts = (0..rows).step_by(GROUP).map(move |first| GROUP.min(rows - first) as f32);
    counts.zip(groups.chunks_exact(2 * columns.max(1)))
}

fn zero(values: &mut Vec<f32>, length: usize) {
    values.clear();
    values.resize(length, 0.0);
}

vectorized! {
    fn describe(x: &[f32], columns: usize, groups: &mut [f32]) {
        let columns = columns.max(1);
        for (rows, group) in x.chunks(GROUP * columns).zip(groups.chunks_exact_mut(2 * columns)) {
            let count = (rows.len() / columns) as f32;
            group.fill(0.0);
            let (means, squares) = group.split_at_mut(columns);
            for row in rows.chunks_exact(columns) {
                for (sum, x) in means.iter_mut().zip(row) {
                    *sum += x;
                }
            }
            for sum in means.iter_mut() {
                *sum /= count;
            }
            for row in rows.chunks_exact(columns) {
                for ((sum, x), mean) in squares.iter_mut().zip(row).zip(means.iter()) {
                    *sum += (x - mean) * (x - mean);
                }
            }
        }
    }

    fn forward(norm: &BatchNorm, moments: &Moments, x: &[f32], normalized: &mut [f32], output: &mut [f32]) {
        let columns = norm.columns().max(1);
        for first in (0..columns).step_by(STRIPE) {
            let stripe = first..columns.min(first + STRIPE);
            let mut inverse = [0.0; STRIPE];
            for (inverse, variance) in inverse.iter_mut().zip(&moments.variance[stripe.clone()]) {
                *inverse = 1.0 / (variance + EPSILON).sqrt();
            }
            let (mean, scale) = (&moments.mean[stripe.clone()], &norm.affine.scale[stripe.clone()]);
            let (inverse, shift) = (&inverse[..stripe.len()], &norm.affine.shift[stripe.clone()]);
            let rows = x.chunks_exact(columns).zip(normalized.chunks_exact_mut(columns));
            for ((x, normalized), output) in rows.zip(output.chunks_exact_mut(columns)) {
                let (x, normalized, output) =
                    (&x[stripe.clone()], &mut normalized[stripe.clone()], &mut output[stripe.clone()]);
                for j in 0..x.len().min(normalized.len()).min(output.len()).min(mean.len()) {
                    let y = (x[j] - mean[j]) * inverse[j];
                    normalized[j] = y;
                    output[j] = y * scale[j] + shift[j];
                }
            }
        }
    }

    fn backward(scale: &[f32], moments: &Moments, normalized: &[f32], delta: &[f32], input_delta: &mut [f32]) {
        let columns = scale.len().max(1);
        for first in (0..columns).step_by(STRIPE) {
            let stripe = first..columns.min(first + STRIPE);
            let mut factors = [0.0; STRIPE];
            let of_columns = scale[stripe.clone()].iter().zip(&moments.variance[stripe.clone()]);
            for (factor, (scale, variance)) in factors.iter_mut().zip(of_columns) {
                *factor = scale / (variance + EPSILON).sqrt();
            }
            let factors = &factors[..stripe.len()];
            let (mean, product) = (&moments.delta[stripe.clone()], &moments.product[stripe.clone()]);
            let rows = normalized.chunks_exact(columns).zip(delta.chunks_exact(columns));
            for ((normalized, delta), to) in rows.zip(input_delta.chunks_exact_mut(columns)) {
                let (normalized, delta, to) =
                    (&normalized[stripe.clone()], &delta[stripe.clone()], &mut to[stripe.clone()]);
                for j in 0..to.len().min(normalized.len()).min(delta.len()).min(mean.len()) {
                    to[j] = factors[j] * (delta[j] - mean[j] - normalized[j] * product[j]);
                }
            }
        }
    }

    fn predict(norm: &BatchNorm, input: &[f32], output: &mut [f32]) {
        let columns = norm.columns().max(1);
        for first in (0..norm.columns()).step_by(STRIPE) {
            let stripe = first..columns.min(first + STRIPE);
            let (mut factors, mut constants) = ([0.0; STRIPE], [0.0; STRIPE]);
            for j in stripe.clone() {
                (factors[j - first], constants[j - first]) = norm.line(j);
            }
            let (factors, constants) = (&factors[..stripe.len()], &constants[..stripe.len()]);
            for (input, output) in input.chunks_exact(columns).zip(output.chunks_exact_mut(columns)) {
                let lines = factors.iter().zip(constants);
                let entries = output[stripe.clone()].iter_mut().zip(&input[stripe.clone()]);
                for ((y, x), (factor, constant)) in entries.zip(lines) {
                    *y = x * factor + constant;
                }
            }
        }
    }
}
