//! Embeddings: a few trained numbers for each column of a table.
//!
//! Of a column of numbers, the inputs are its value and the codes of its bins; of a column of categories, one for each
//! category, of which one is 1. Most inputs are 0, and cost nothing.

use std::ops::Range;

use super::GradientPart;
use crate::base::error::{Error, Result};
use crate::base::rng::Rng;
use crate::linalg::matrix::Matrix;
use crate::linalg::vectorize::vectorized;

/// The use of an input of an [`Embedding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The input is an output, unchanged.
    Kept,
    /// The input is left out: the category is as one that is not known.
    Dropped,
    /// The input belongs to the group with this index, counted from 0.
    Group(u32),
    /// The input belongs to the group with this index, and training leaves its weights as they are.
    Frozen(u32),
}

impl Role {
    fn group(&self) -> Option<u32> {
        match *self {
            Role::Kept | Role::Dropped => None,
            Role::Group(group) | Role::Frozen(group) => Some(group),
        }
    }
}

/// Turns each group of inputs into `size` numbers: the sum of the weights of each input times the input, plus a bias.
///
/// The outputs are the inputs that are kept, in their order, and then the numbers of the groups, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    roles: Vec<Role>,
    /// The inputs of groups, in their order, × size.
    weights: Matrix,
    /// Groups × size.
    bias: Vec<f32>,
    map: Map,
}

/// The indices of the inputs by their roles.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Map {
    kept: Vec<usize>,
    /// The inputs of groups, and of each the index of its group's first number among the outputs.
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    frozen: Vec<bool>,
    size: usize,
}

impl Embedding {
    /// Returns a layer with these roles of the inputs. The weights of an input, and the bias, are uniform between minus
    /// and plus its entry of `bounds`; for the bias it is 1.
    ///
    /// # Errors
    /// If a group has no input, or the numbers of roles and bounds differ.
    pub fn random(roles: Vec<Role>, bounds: &[f32], size: usize, rng: &mut Rng) -> Result<Self> {
        // Each group has an input, so that there are no more of them; and memory is not asked for before that is known.
        if roles.iter().filter_map(Role::group).any(|group| group as usize >= roles.len()) {
            return Err(unfit());
        }
        let of_groups = roles.iter().zip(bounds).filter(|(role, _)| role.group().is_some());
        let bounds: Vec<f64> = of_groups.map(|(_, &bound)| f64::from(bound)).collect();
        let count = roles.iter().filter_map(Role::group).map(|group| group as usize + 1).max();
        let bias = (0..count.unwrap_or(0) * size).map(|_| rng.uniform_in(-1.0, 1.0) as f32).collect();
        let weights = Matrix::from_fn(bounds.len(), size, |i, _| rng.uniform_in(-bounds[i], bounds[i]) as f32);
        Embedding::from_parts(roles, weights, bias)
    }

    /// Replaces the first weights of each input by those that `means` has for it, at most as many as there are.
    pub(crate) fn set_first(&mut self, means: &[Vec<f32>]) {
        for (row, &input) in self.map.inputs.iter().enumerate() {
            let means = means.get(input).map_or(&[][..], |means| means);
            self.weights.row_mut(row).iter_mut().zip(means).for_each(|(weight, mean)| *weight = *mean);
        }
    }

    /// Returns the layer of these tensors: the weights of the inputs of groups, in their order, × size, and the bias,
    /// groups × size.
    ///
    /// # Errors
    /// If a group has no input, or the shapes do not fit.
    pub fn from_parts(roles: Vec<Role>, weights: Matrix, bias: Vec<f32>) -> Result<Self> {
        let size = weights.columns();
        let kept: Vec<usize> = (0..roles.len()).filter(|&input| roles[input] == Role::Kept).collect();
        let mut has_input = vec![false; bias.len().checked_div(size).unwrap_or(0)];
        let (mut inputs, mut outputs, mut frozen) = (Vec::new(), Vec::new(), Vec::new());
        for (input, role) in roles.iter().enumerate() {
            let Some(group) = role.group() else { continue };
            *has_input.get_mut(group as usize).ok_or_else(unfit)? = true;
            inputs.push(input);
            outputs.push(kept.len() + group as usize * size);
            frozen.push(matches!(role, Role::Frozen(_)));
        }
        let fits = inputs.len() == weights.rows() && bias.len() == has_input.len() * size;
        if !fits || inputs.is_empty() || has_input.contains(&false) {
            return Err(unfit());
        }
        let map = Map { kept, inputs, outputs, frozen, size };
        Ok(Embedding { roles, weights: weights.align(), bias, map })
    }

    /// Returns the role of each input.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// Returns the number of inputs.
    pub fn inputs(&self) -> usize {
        self.roles.len()
    }

    /// Returns the number of outputs.
    pub fn outputs(&self) -> usize {
        self.map.kept.len() + self.bias.len()
    }

    /// Returns how many numbers a group becomes.
    pub fn size(&self) -> usize {
        self.map.size
    }

    /// Returns the number of groups.
    pub fn groups(&self) -> usize {
        self.bias.len() / self.size()
    }

    /// Returns the number of inputs of groups.
    pub(crate) fn embedded(&self) -> usize {
        self.map.inputs.len()
    }

    /// Returns weights and bias by name. Penalties leave them out: an embedding is used by few examples each.
    pub fn parameters(&self) -> [(&'static str, &[f32]); 2] {
        [("embeddings", self.weights.as_slice()), ("bias", &self.bias)]
    }

    /// Returns weights and bias, mutable.
    pub fn parameters_mut(&mut self) -> [&mut [f32]; 2] {
        [self.weights.as_mut_slice(), &mut self.bias]
    }

    pub(super) fn cache(&self) -> Map {
        self.map.clone()
    }

    /// Computes the output, in prediction and in training.
    pub(super) fn predict(&self, input: &Matrix, output: &mut Matrix) {
        output.reshape(input.rows(), self.outputs());
        embed(self, input, output);
    }

    /// Computes the gradient with respect to the input, `input_delta`, from that with respect to the output, `delta`.
    pub(super) fn backward(&self, delta: &Matrix, input_delta: &mut Matrix) {
        input_delta.reshape(delta.rows(), self.inputs());
        input_delta.as_mut_slice().fill(0.0);
        let Map { kept, inputs, outputs, size, .. } = &self.map;
        for (row, delta) in delta.iter_rows().enumerate() {
            let to = input_delta.row_mut(row);
            kept.iter().zip(delta).for_each(|(&input, &delta)| to[input] = delta);
            for ((&input, &output), weights) in inputs.iter().zip(outputs).zip(self.weights.iter_rows()) {
                let delta = &delta[output..][..*size];
                to[input] = weights.iter().zip(delta).map(|(w, delta)| w * delta).sum();
            }
        }
    }

    /// Computes the gradient with respect to the part's rows of the weights and, after the last of them, the bias.
    pub(super) fn gradient(map: &Map, input: &Matrix, delta: &Matrix, part: GradientPart<'_>) {
        let rows = part.rows.clone();
        let (weights, bias) = part.started().split_at_mut(rows.len() * map.size);
        add_gradient(map, rows, input, delta, weights);
        if !bias.is_empty() {
            for delta in delta.iter_rows() {
                bias.iter_mut().zip(&delta[map.kept.len()..]).for_each(|(sum, delta)| *sum += delta);
            }
        }
    }
}

fn unfit() -> Error {
    Error::Mismatch("the groups of an embedding do not fit its weights: each needs an input and a bias".into())
}

/// Calls `function` with the index among `inputs`, and the value in `x`, of each that is not 0. Inputs increase, and
/// most are 0, as those of categories are: they are looked at in blocks.
#[inline(always)]
fn for_each_used(inputs: &[usize], x: &[f32], mut function: impl FnMut(usize, f32)) {
    const BLOCK: usize = 16;
    for (block, inputs) in inputs.chunks(BLOCK).enumerate() {
        let (first, last) = (inputs[0], inputs[inputs.len() - 1]);
        let span = &x[first..=last];
        // All bits but the sign's.
        if span.len() == BLOCK && span.iter().fold(0, |bits, x| bits | x.to_bits() << 1) == 0 {
            continue;
        }
        for (i, &input) in inputs.iter().enumerate() {
            if x[input] != 0.0 {
                function(block * BLOCK + i, x[input]);
            }
        }
    }
}

vectorized! {
    fn embed(layer: &Embedding, input: &Matrix, output: &mut Matrix) {
        let Map { kept, inputs, outputs, size, .. } = &layer.map;
        let weights = layer.weights.as_slice();
        for (row, x) in input.iter_rows().enumerate() {
            let output = output.row_mut(row);
            for (output, &input) in output.iter_mut().zip(kept) {
                *output = x[input];
            }
            output[kept.len()..].copy_from_slice(&layer.bias);
            for_each_used(inputs, x, |slot, x| {
                let weights = &weights[slot * size..][..*size];
                for (sum, w) in output[outputs[slot]..][..*size].iter_mut().zip(weights) {
                    *sum += x * w;
                }
            });
        }
    }

    fn add_gradient(map: &Map, rows: Range<usize>, input: &Matrix, delta: &Matrix, sums: &mut [f32]) {
        let (size, outputs, frozen) = (map.size, &map.outputs[rows.clone()], &map.frozen[rows.clone()]);
        for (x, delta) in input.iter_rows().zip(delta.iter_rows()) {
            for_each_used(&map.inputs[rows.clone()], x, |slot, x| {
                if !frozen[slot] {
                    let delta = &delta[outputs[slot]..][..size];
                    for (sum, delta) in sums[slot * size..][..size].iter_mut().zip(delta) {
                        *sum += x * delta;
                    }
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_sums_of_their_weights() {
        let roles = vec![Role::Group(1), Role::Kept, Role::Group(0), Role::Dropped, Role::Group(1)];
        let weights = Matrix::from_rows(&[[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]);
        let layer = Embedding::from_parts(roles, weights, vec![0.25, 0.5, -1.0, -2.0]).unwrap();
        assert_eq!((layer.inputs(), layer.outputs(), layer.groups(), layer.size()), (5, 5, 2, 2));
        let mut output = Matrix::default();
        layer.predict(&Matrix::from_rows(&[[1.0, 7.0, 0.5, 9.0, 2.0], [0.0; 5]]), &mut output);
        assert_eq!(output.row(0), [7.0, 5.25, 10.5, 200.0, 400.0]);
        assert_eq!(output.row(1), [0.0, 0.25, 0.5, -1.0, -2.0]);
    }

    #[test]
    fn frozen_inputs_have_no_gradient_and_long_groups_are_read_in_blocks() {
        // Forty inputs, of which those in the middle are frozen: more than two blocks.
        let roles: Vec<Role> =
            (0..40).map(|i| if (10..30).contains(&i) { Role::Frozen(0) } else { Role::Group(1) }).collect();
        let layer = Embedding::from_parts(roles, Matrix::from_fn(40, 2, |i, j| (2 * i + j) as f32), vec![0.0; 4]);
        let layer = layer.unwrap();
        let input = Matrix::from_fn(1, 40, |_, i| if [3, 17, 29, 39].contains(&i) { 1.0 } else { 0.0 });
        let mut output = Matrix::default();
        layer.predict(&input, &mut output);
        assert_eq!(output.row(0), [(34 + 58) as f32, (35 + 59) as f32, (6 + 78) as f32, (7 + 79) as f32]);
        let mut values = vec![f32::NAN; 40 * 2 + 4];
        let part = GradientPart { rows: 0..40, values: &mut values, resume: false };
        Embedding::gradient(&layer.cache(), &input, &Matrix::from_rows(&[[1.0, 2.0, 3.0, 4.0]]), part);
        let mut expected = vec![0.0; 84];
        expected[6..8].copy_from_slice(&[3.0, 4.0]);
        expected[78..].copy_from_slice(&[3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(values, expected);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let try_with = |roles: &[Role], rows, bias: usize| {
            Embedding::from_parts(roles.to_vec(), Matrix::zeros(rows, 2), vec![0.0; bias]).is_ok()
        };
        use Role::{Group, Kept};
        assert!(try_with(&[Group(0), Kept], 1, 2));
        assert!(!try_with(&[Group(0), Kept], 2, 2));
        assert!(!try_with(&[Group(0), Kept], 1, 4));
        assert!(!try_with(&[Group(0), Kept], 1, 3));
        assert!(!try_with(&[Group(1), Kept], 1, 2));
        assert!(!try_with(&[Group(1), Kept], 1, 4));
        assert!(!try_with(&[Kept], 0, 0));
        assert!(Embedding::random(vec![Group(u32::MAX)], &[1.0], 0, &mut Rng::new(1)).is_err());
    }
}
