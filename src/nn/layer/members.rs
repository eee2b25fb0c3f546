//! Members: an ensemble of networks that share their weights (Gorishniy, Kotelnikov, Babenko, 2024: TabM).
//!
//! A layer that spreads makes a row for each member of every example. All layers after it work on these rows as they do
//! on any others, so one matrix product serves all members; heads ([`Heads`](super::Heads)) tell them apart again, and
//! the last layer of the network is the mean of each example's members.
//!
//! ```text
//!   example 0  ──▶  member 0 of example 0        ──▶  example 0
//!                   member 1 of example 0   mean
//!   example 1  ──▶  member 0 of example 1        ──▶  example 1
//!                   member 1 of example 1
//! ```

use super::GradientPart;
use crate::base::rng::Rng;
use crate::linalg::matrix::Matrix;
use crate::linalg::vectorize::vectorized;
use crate::linalg::view::MatrixView;

/// y = scale · x + shift, with a scale and a shift for every column of each member.
#[derive(Clone, Debug, PartialEq)]
pub struct Members {
    scale: Matrix,
    shift: Vec<f32>,
    spreads: bool,
}

/// The form of the layer, for the gradient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cache {
    members: usize,
    spreads: bool,
}

impl Members {
    /// Returns a layer that makes `members` rows of each, and scales these by random signs.
    pub fn spread(members: usize, columns: usize, rng: &mut Rng) -> Self {
        let sign = |_, _| if rng.next_u64() >> 63 == 0 { 1.0 } else { -1.0 };
        Members::from_parts(Matrix::from_fn(members, columns, sign), vec![0.0; members * columns], true)
    }

    /// Returns a layer for rows that are of members already, with scale 1 and shift 0.
    pub fn adapter(members: usize, columns: usize) -> Self {
        Members::from_parts(Matrix::filled(members, columns, 1.0), vec![0.0; members * columns], false)
    }

    /// Returns the layer of these tensors, members × columns each, which makes rows of members if it `spreads`.
    ///
    /// # Panics
    /// If scale and shift do not have the same number of entries.
    pub fn from_parts(scale: Matrix, shift: Vec<f32>, spreads: bool) -> Self {
        assert_eq!(scale.as_slice().len(), shift.len(), "scale and shift need one entry per column of each member");
        Members { scale, shift, spreads }
    }

    /// Returns the number of members.
    pub fn members(&self) -> usize {
        self.scale.rows()
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.scale.columns()
    }

    /// Returns whether the layer makes a row for each member; else its input has them already.
    pub fn spreads(&self) -> bool {
        self.spreads
    }

    /// Returns scale and shift by name.
    pub fn parameters(&self) -> [(&'static str, &[f32]); 2] {
        [("scale", self.scale.as_slice()), ("shift", &self.shift)]
    }

    /// Returns scale and shift, mutable.
    pub fn parameters_mut(&mut self) -> [&mut [f32]; 2] {
        [self.scale.as_mut_slice(), &mut self.shift]
    }

    pub(super) fn cache(&self) -> Cache {
        Cache { members: self.members(), spreads: self.spreads }
    }

    /// Computes the output, in prediction and in training.
    pub(super) fn predict(&self, input: &Matrix, output: &mut Matrix) {
        let (members, columns) = self.scale.shape();
        output.reshape(input.rows() * if self.spreads { members } else { 1 }, columns);
        stretch(self, input.as_slice(), output.as_mut_slice());
    }

    /// Computes the gradient with respect to the input, `input_delta`, from that with respect to the output, `delta`.
    pub(super) fn backward(&self, delta: &Matrix, input_delta: &mut Matrix) {
        let (members, columns) = self.scale.shape();
        input_delta.reshape(delta.rows() / if self.spreads { members } else { 1 }, columns);
        backward(self, delta.as_slice(), input_delta.as_mut_slice());
    }

    /// Computes the gradient with respect to the part's rows of the scale and, after the last of them, the shift.
    pub(super) fn gradient(cache: Cache, input: &Matrix, delta: &Matrix, part: GradientPart<'_>) {
        let (rows, columns) = (part.rows.clone(), delta.columns());
        let (scale, shift) = part.started().split_at_mut(rows.len() * columns);
        for (i, scale) in rows.zip(scale.chunks_exact_mut(columns)) {
            let from = if cache.spreads { (0, 1) } else { (i, cache.members) };
            add_products(input.operand().every(from.0, from.1), delta.operand().every(i, cache.members), scale);
        }
        add_rows(delta.as_slice(), shift);
    }
}

/// Returns how many numbers of the input belong to one example.
fn stride(layer: &Members) -> usize {
    if layer.spreads { layer.columns() } else { layer.shift.len() }
}

vectorized! {
    fn stretch(layer: &Members, input: &[f32], output: &mut [f32]) {
        let columns = layer.columns();
        let examples = input.chunks_exact(stride(layer)).zip(output.chunks_exact_mut(layer.shift.len()));
        for (input, output) in examples {
            let parameters = layer.scale.as_slice().chunks_exact(columns).zip(layer.shift.chunks_exact(columns));
            for (i, (output, (scale, shift))) in output.chunks_exact_mut(columns).zip(parameters).enumerate() {
                let input = &input[if layer.spreads { 0 } else { i * columns }..][..columns];
                for (((y, x), scale), shift) in output.iter_mut().zip(input).zip(scale).zip(shift) {
                    *y = scale * x + shift;
                }
            }
        }
    }

    fn backward(layer: &Members, delta: &[f32], input_delta: &mut [f32]) {
        let columns = layer.columns();
        let examples = input_delta.chunks_exact_mut(stride(layer)).zip(delta.chunks_exact(layer.shift.len()));
        for (to, delta) in examples {
            for (i, (delta, scale)) in
                delta.chunks_exact(columns).zip(layer.scale.as_slice().chunks_exact(columns)).enumerate()
            {
                let first = i == 0 || !layer.spreads;
                let to = &mut to[if layer.spreads { 0 } else { i * columns }..][..columns];
                if first {
                    to.fill(0.0);
                }
                for ((to, delta), scale) in to.iter_mut().zip(delta).zip(scale) {
                    *to += delta * scale;
                }
            }
        }
    }

    /// Adds the products of `input` and `delta` to the sum of each column, row by row.
    fn add_products(input: MatrixView<'_>, delta: MatrixView<'_>, sums: &mut [f32]) {
        for row in 0..delta.rows() {
            for ((sum, x), delta) in sums.iter_mut().zip(input.row(row)).zip(delta.row(row)) {
                *sum += x * delta;
            }
        }
    }

    /// Adds each row of as many numbers as there are sums.
    fn add_rows(delta: &[f32], sums: &mut [f32]) {
        if sums.is_empty() {
            return;
        }
        for row in delta.chunks_exact(sums.len()) {
            for (sum, delta) in sums.iter_mut().zip(row) {
                *sum += delta;
            }
        }
    }
}

/// Makes `output` the mean of each example's `members` consecutive rows.
pub(crate) fn mean(members: usize, input: &Matrix, output: &mut Matrix) {
    let columns = input.columns();
    output.reshape(input.rows() / members, columns);
    let examples = output.as_mut_slice().chunks_exact_mut(columns);
    for (output, rows) in examples.zip(input.as_slice().chunks_exact(members * columns)) {
        output.fill(0.0);
        for row in rows.chunks_exact(columns) {
            output.iter_mut().zip(row).for_each(|(mean, x)| *mean += x);
        }
        output.iter_mut().for_each(|mean| *mean /= members as f32);
    }
}

/// Makes each entry of `spread`, examples × columns, the (population) standard deviation of that column among the
/// `members` rows of the example in `input`, whose means are in `mean`.
pub(crate) fn spread(input: &Matrix, mean: &Matrix, spread: &mut [f32]) {
    let columns = input.columns();
    let members = input.rows() / mean.rows().max(1);
    let examples = spread.chunks_exact_mut(columns).zip(mean.iter_rows());
    for ((spread, mean), rows) in examples.zip(input.as_slice().chunks_exact(members * columns)) {
        spread.fill(0.0);
        for row in rows.chunks_exact(columns) {
            for ((sum, x), mean) in spread.iter_mut().zip(row).zip(mean) {
                *sum += (x - mean) * (x - mean);
            }
        }
        spread.iter_mut().for_each(|sum| *sum = (*sum / members as f32).sqrt());
    }
}
