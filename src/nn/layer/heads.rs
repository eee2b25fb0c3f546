//! The heads of an ensemble's members: a dense layer each.

use super::GradientPart;
use super::dense::add_columns;
use crate::base::rng::Rng;
use crate::linalg::gemm;
use crate::linalg::matrix::Matrix;
use crate::linalg::view::MatrixView;
use crate::nn::activation::Activation;
use crate::nn::init::Init;

/// Z = A·W + b for the rows of each member, with weights and a bias of its own: see [`Members`](super::Members).
#[derive(Clone, Debug, PartialEq)]
pub struct Heads {
    /// The weights of one member after the other, (members · inputs) × outputs.
    weights: Matrix,
    /// Members × outputs.
    bias: Vec<f32>,
    members: usize,
}

impl Heads {
    /// Returns heads whose weights are drawn from `init`, with a bias of 0.
    pub fn random(members: usize, inputs: usize, outputs: usize, init: Init, rng: &mut Rng) -> Self {
        let mut weights = Matrix::zeros(members * inputs, outputs);
        for of_member in weights.as_mut_slice().chunks_exact_mut((inputs * outputs).max(1)) {
            init.fill(of_member, inputs, outputs, rng);
        }
        Heads::from_parts(members, weights, vec![0.0; members * outputs])
    }

    /// Returns the heads of these tensors: the weights of one member after the other, (members · inputs) × outputs, and
    /// members × outputs biases.
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    pub fn from_parts(members: usize, weights: Matrix, bias: Vec<f32>) -> Self {
        let (rows, outputs) = weights.shape();
        assert!(members > 0 && rows.is_multiple_of(members), "{rows} rows of weights for {members} members");
        assert_eq!(bias.len(), members * outputs, "a bias needs one entry per output of each member");
        Heads { weights: weights.align(), bias, members }
    }

    /// Returns the number of members.
    pub fn members(&self) -> usize {
        self.members
    }

    /// Returns the number of inputs.
    pub fn inputs(&self) -> usize {
        self.weights.rows() / self.members
    }

    /// Returns the number of outputs.
    pub fn outputs(&self) -> usize {
        self.weights.columns()
    }

    /// Returns weights and bias by name.
    pub fn parameters(&self) -> [(&'static str, &[f32]); 2] {
        [("weights", self.weights.as_slice()), ("bias", &self.bias)]
    }

    /// Returns weights and bias, mutable.
    pub fn parameters_mut(&mut self) -> [&mut [f32]; 2] {
        [self.weights.as_mut_slice(), &mut self.bias]
    }

    fn weights_of(&self, member: usize) -> MatrixView<'_> {
        self.weights.operand().select_rows(member * self.inputs()..(member + 1) * self.inputs())
    }

    /// Computes the output, in prediction and in training.
    pub(super) fn predict(&self, input: &Matrix, output: &mut Matrix) {
        let outputs = self.outputs();
        output.reshape(input.rows(), outputs);
        for member in 0..self.members {
            let rows = input.operand().every(member, self.members);
            let to = output.as_mut_slice().get_mut(member * outputs..).unwrap_or_default();
            gemm::product_apart(rows, self.weights_of(member), to, self.bias.len());
        }
        Activation::Identity.forward_biased(&self.bias, output.as_mut_slice());
    }

    /// Computes the gradient with respect to the input, `input_delta`, from that with respect to Z, `delta`.
    pub(super) fn backward(&self, delta: &Matrix, input_delta: &mut Matrix) {
        let inputs = self.inputs();
        input_delta.reshape(delta.rows(), inputs);
        for member in 0..self.members {
            let rows = delta.operand().every(member, self.members);
            let to = input_delta.as_mut_slice().get_mut(member * inputs..).unwrap_or_default();
            gemm::product_apart(rows, self.weights_of(member).transposed(), to, self.members * inputs);
        }
    }

    /// Computes the gradient with respect to the part's rows of the weights and, after the last of them, the biases.
    pub(super) fn gradient(members: usize, input: &Matrix, delta: &Matrix, part: GradientPart<'_>) {
        let (inputs, outputs) = (input.columns(), delta.columns());
        let (mut rest, bias) = part.values.split_at_mut(part.rows.len() * outputs);
        for member in part.rows.start / inputs..part.rows.end.div_ceil(inputs) {
            let first = member * inputs;
            let rows = part.rows.start.max(first) - first..part.rows.end.min(first + inputs) - first;
            let weights;
            (weights, rest) = rest.split_at_mut(rows.len() * outputs);
            let input = input.operand().every(member, members).transposed().select_rows(rows);
            let delta = delta.operand().every(member, members);
            if part.resume {
                gemm::add_product(input, delta, weights);
            } else {
                gemm::product(input, delta, weights);
            }
        }
        if !part.resume {
            bias.fill(0.0);
        }
        add_columns(delta.as_slice(), bias);
    }
}
