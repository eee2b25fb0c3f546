//! Batch normalisation (Ioffe, Szegedy, 2015).
//!
//! In training, what it does to a row depends on all rows of the batch, which may lie in blocks with different threads.
//! So every block describes its rows in groups of [`GROUP`], and the groups are put together in the order of the rows:
//! the same numbers for any blocks that consist of whole groups.

use crate::linalg::matrix::Matrix;
use crate::linalg::vectorize::vectorized;

/// Rows of a batch that are summed up at once.
pub(crate) const GROUP: usize = 8;
/// Keeps the division defined; PyTorch's.
const EPSILON: f32 = 1e-5;
/// The share of a new batch in the running mean and variance; PyTorch's.
const MOMENTUM: f32 = 0.1;

/// y = scale · (x - mean) / √(variance + 10⁻⁵) + shift, column by column (Ioffe, Szegedy, 2015).
///
/// While training, mean and variance are those of the batch; for prediction, running ones, to which every batch
/// contributes a tenth (of its unbiased variance, as in PyTorch). A batch of one example has no variance: nothing is
/// learned from it.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    scale: Vec<f32>,
    shift: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
}

/// Of every column of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moments {
    examples: usize,
    mean: Vec<f32>,
    /// The mean of the squared deviations.
    variance: Vec<f32>,
    /// The mean of the gradient with respect to the output.
    delta: Vec<f32>,
    /// The mean of its product with the normalised input.
    product: Vec<f32>,
}

impl BatchNorm {
    /// The layer of so many columns that changes nothing but their mean and variance.
    pub fn new(columns: usize) -> Self {
        let (zeros, ones) = (vec![0.0; columns], vec![1.0; columns]);
        BatchNorm { scale: ones.clone(), shift: zeros.clone(), mean: zeros, variance: ones }
    }

    /// The layer of these tensors, one entry per column each: the trained ones, and the running mean and variance.
    ///
    /// # Panics
    /// When they differ in length, or a variance is negative.
    pub fn from_parts(scale: Vec<f32>, shift: Vec<f32>, mean: Vec<f32>, variance: Vec<f32>) -> Self {
        let lengths = [&shift, &mean, &variance].map(Vec::len);
        assert_eq!(lengths, [scale.len(); 3], "scale, shift, mean and variance need one entry per column");
        assert!(variance.iter().all(|&v| v >= 0.0), "a variance is negative");
        BatchNorm { scale, shift, mean, variance }
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

    /// The running mean and variance by name.
    pub fn state(&self) -> [(&'static str, &[f32]); 2] {
        [("mean", &self.mean), ("variance", &self.variance)]
    }

    /// The running mean and variance, to be changed.
    pub fn state_mut(&mut self) -> [&mut [f32]; 2] {
        [&mut self.mean, &mut self.variance]
    }

    /// What prediction does to column `j`: the factor, and what is added then.
    pub(crate) fn line(&self, j: usize) -> (f32, f32) {
        let factor = self.scale[j] / (self.variance[j] + EPSILON).sqrt();
        (factor, self.shift[j] - self.mean[j] * factor)
    }

    /// The layer in prediction, in place.
    pub(crate) fn predict(&self, x: &mut Matrix) {
        predict(self, x.columns(), x.as_mut_slice());
    }

    /// The layer in training, on rows of a batch with these moments: `normalised` is what the backward pass needs.
    pub(crate) fn forward(&self, moments: &Moments, x: &Matrix, normalised: &mut Matrix, output: &mut Matrix) {
        normalised.reshape(x.rows(), x.columns());
        output.reshape(x.rows(), x.columns());
        forward(self, moments, x.as_slice(), normalised.as_mut_slice(), output.as_mut_slice());
    }

    /// The gradient with respect to the input, from that with respect to the output.
    pub(crate) fn backward(&self, moments: &Moments, normalised: &Matrix, delta: &Matrix, input_delta: &mut Matrix) {
        input_delta.reshape(delta.rows(), delta.columns());
        backward(&self.scale, moments, normalised.as_slice(), delta.as_slice(), input_delta.as_mut_slice());
    }

    /// Lets a batch contribute to the running mean and variance.
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

/// Describes rows of a batch: of each group the mean of every column, then the sums of squared deviations from it.
pub(crate) fn describe(x: &Matrix, groups: &mut Vec<f32>) {
    groups.resize(x.rows().div_ceil(GROUP) * 2 * x.columns(), 0.0);
    describe_rows(x.as_slice(), x.columns(), groups);
}

/// Sums up the backward pass over rows of a batch: of each group the gradient's sums, then those of its product with the
/// normalised input.
pub(crate) fn sum_up(delta: &Matrix, normalised: &Matrix, groups: &mut Vec<f32>) {
    let columns = delta.columns();
    groups.resize(delta.rows().div_ceil(GROUP) * 2 * columns, 0.0);
    let rows = delta.as_slice().chunks(GROUP * columns.max(1));
    let groups = groups.chunks_exact_mut(2 * columns.max(1));
    for ((delta, normalised), group) in rows.zip(normalised.as_slice().chunks(GROUP * columns.max(1))).zip(groups) {
        group.fill(0.0);
        let (shift, scale) = group.split_at_mut(columns);
        add_gradient(delta, normalised, scale, shift);
    }
}

/// Adds the gradients with respect to scale and shift, row by row.
pub(crate) fn add_gradient(delta: &[f32], normalised: &[f32], scale: &mut [f32], shift: &mut [f32]) {
    add_gradient_rows(delta, normalised, scale, shift);
}

impl Moments {
    /// Of a batch of so many examples, from the groups of its blocks. `blocks` visits these in the order of the rows, each
    /// with its number of rows.
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

    /// Whether every mean and variance is a number.
    pub(crate) fn is_finite(&self) -> bool {
        self.mean.iter().chain(&self.variance).all(|x| x.is_finite())
    }

    /// Likewise for the backward pass of the same batch.
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

/// The groups of a block, each with its number of rows.
fn counted(rows: usize, columns: usize, groups: &[f32]) -> impl Iterator<Item = (f32, &[f32])> {
    let counts = (0..rows).step_by(GROUP).map(move |first| GROUP.min(rows - first) as f32);
    counts.zip(groups.chunks_exact(2 * columns.max(1)))
}

fn zero(values: &mut Vec<f32>, length: usize) {
    values.clear();
    values.resize(length, 0.0);
}

vectorized! {
    fn describe_rows(x: &[f32], columns: usize, groups: &mut [f32]) {
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
}

vectorized! {
    fn add_gradient_rows(delta: &[f32], normalised: &[f32], scale: &mut [f32], shift: &mut [f32]) {
        let columns = scale.len().max(1);
        for (delta, normalised) in delta.chunks_exact(columns).zip(normalised.chunks_exact(columns)) {
            let sums = scale.iter_mut().zip(shift.iter_mut());
            for ((scale, shift), (delta, normalised)) in sums.zip(delta.iter().zip(normalised)) {
                *scale += delta * normalised;
                *shift += delta;
            }
        }
    }
}

/// Columns that are worked on at once, so that what belongs to a column is computed once and kept in a register or so.
const STRIPE: usize = 64;

vectorized! {
    fn forward(norm: &BatchNorm, moments: &Moments, x: &[f32], normalised: &mut [f32], output: &mut [f32]) {
        let columns = norm.columns().max(1);
        for first in (0..columns).step_by(STRIPE) {
            let stripe = first..columns.min(first + STRIPE);
            let mut inverse = [0.0; STRIPE];
            for (inverse, variance) in inverse.iter_mut().zip(&moments.variance[stripe.clone()]) {
                *inverse = 1.0 / (variance + EPSILON).sqrt();
            }
            let (mean, scale) = (&moments.mean[stripe.clone()], &norm.scale[stripe.clone()]);
            let (inverse, shift) = (&inverse[..stripe.len()], &norm.shift[stripe.clone()]);
            let rows = x.chunks_exact(columns).zip(normalised.chunks_exact_mut(columns));
            for ((x, normalised), output) in rows.zip(output.chunks_exact_mut(columns)) {
                let (x, normalised, output) =
                    (&x[stripe.clone()], &mut normalised[stripe.clone()], &mut output[stripe.clone()]);
                for j in 0..x.len().min(normalised.len()).min(output.len()).min(mean.len()) {
                    let y = (x[j] - mean[j]) * inverse[j];
                    normalised[j] = y;
                    output[j] = y * scale[j] + shift[j];
                }
            }
        }
    }
}

vectorized! {
    fn backward(scale: &[f32], moments: &Moments, normalised: &[f32], delta: &[f32], input_delta: &mut [f32]) {
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
            let rows = normalised.chunks_exact(columns).zip(delta.chunks_exact(columns));
            for ((normalised, delta), to) in rows.zip(input_delta.chunks_exact_mut(columns)) {
                let (normalised, delta, to) =
                    (&normalised[stripe.clone()], &delta[stripe.clone()], &mut to[stripe.clone()]);
                for j in 0..to.len().min(normalised.len()).min(delta.len()).min(mean.len()) {
                    to[j] = factors[j] * (delta[j] - mean[j] - normalised[j] * product[j]);
                }
            }
        }
    }
}

vectorized! {
    fn predict(norm: &BatchNorm, columns: usize, x: &mut [f32]) {
        for first in (0..columns).step_by(STRIPE) {
            let stripe = first..columns.min(first + STRIPE);
            let mut lines = ([0.0; STRIPE], [0.0; STRIPE]);
            for j in stripe.clone() {
                (lines.0[j - first], lines.1[j - first]) = norm.line(j);
            }
            let (factors, constants) = (&lines.0[..stripe.len()], &lines.1[..stripe.len()]);
            for row in x.chunks_exact_mut(columns) {
                for ((x, factor), constant) in row[stripe.clone()].iter_mut().zip(factors).zip(constants) {
                    *x = *x * factor + constant;
                }
            }
        }
    }
}
