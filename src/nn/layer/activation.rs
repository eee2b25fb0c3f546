//! An activation as a layer of its own: the one that no dense layer or batch normalization before it takes along.
//!
//! It needs no cache: the stack keeps its input and its output.

use crate::linalg::matrix::Matrix;
use crate::nn::activation::Activation;

/// Computes `output` = g(`input`), in prediction and in training.
pub(super) fn predict(activation: Activation, input: &Matrix, output: &mut Matrix) {
    output.copy_from(input);
    activation.forward(output.as_mut_slice(), input.columns());
}

/// Turns `delta`, the gradient with respect to the output, into that with respect to the input, and hands it over.
pub(super) fn backward(
    activation: Activation,
    input: &Matrix,
    output: &Matrix,
    delta: &mut Matrix,
    input_delta: &mut Matrix,
) {
    let (seen, columns) = (if activation.reads_output() { output } else { input }, delta.columns());
    activation.backward(seen.as_slice(), delta.as_mut_slice(), columns);
    std::mem::swap(delta, input_delta);
}
