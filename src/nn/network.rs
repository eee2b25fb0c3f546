//! The network: a stack of layers that holds parameters and nothing else.

use std::fmt;

use super::steps::Step;
use crate::base::error::{Error, Result};
use crate::linalg::matrix::Matrix;
use crate::nn::activation::Activation;
use crate::nn::layer::Layer;

/// A multilayer perceptron.
///
/// ```
/// use palmnet::{Activation::*, Matrix, Network};
/// let network = Network::builder(4).dense(16, Relu).dense(3, Softmax).seed(42).build()?;
/// let probabilities = network.predict(&Matrix::zeros(2, 4));
/// assert_eq!(probabilities.shape(), (2, 3));
/// assert_eq!(network.parameter_count(), 4 * 16 + 16 + 16 * 3 + 3);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    inputs: usize,
    layers: Vec<Layer>,
}

impl Network {
    /// A network of these layers for `inputs` features.
    ///
    /// # Errors
    /// When there is no dense layer, when a layer's inputs are not the outputs of the layer before, or when an
    /// activation's parameter is out of range.
    pub fn from_layers(inputs: usize, layers: Vec<Layer>) -> Result<Self> {
        let mut width = inputs;
        for (i, layer) in layers.iter().enumerate() {
            let expected = match layer {
                Layer::Dense(dense) => dense.inputs(),
                Layer::BatchNorm(norm) => norm.columns(),
                Layer::LayerNorm(norm) => norm.columns(),
                Layer::Activation(activation) => {
                    activation.check()?;
                    width
                }
                Layer::Dropout(_) | Layer::Noise(_) => width,
            };
            if expected != width {
                return Err(Error::Mismatch(format!("layer {i} expects {expected} inputs and is given {width}")));
            }
            width = layer.outputs(width);
        }
        if !layers.iter().any(|layer| matches!(layer, Layer::Dense(_))) {
            return Err(Error::Setting("a network needs at least one dense layer".into()));
        }
        Ok(Network { inputs, layers })
    }

    /// The number of features of an example.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number of outputs for an example.
    pub fn outputs(&self) -> usize {
        self.layers.iter().fold(self.inputs, |width, layer| layer.outputs(width))
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    pub(crate) fn layers_mut(&mut self) -> &mut [Layer] {
        &mut self.layers
    }

    /// The activation that the outputs have passed through; the identity where the last layer is dense.
    pub fn output_activation(&self) -> Activation {
        match self.layers.last() {
            Some(Layer::Activation(activation)) => *activation,
            _ => Activation::Identity,
        }
    }

    /// The number of trained numbers.
    pub fn parameter_count(&self) -> usize {
        self.parameters().map(<[f32]>::len).sum()
    }

    /// The trained tensors, in the order that gradients and optimizers follow.
    pub fn parameters(&self) -> impl Iterator<Item = &[f32]> {
        self.layers.iter().flat_map(Layer::parameters).map(|(_, values)| values)
    }

    /// The trained tensors, to be changed, in the order of [`parameters`](Self::parameters).
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.layers.iter_mut().flat_map(Layer::parameters_mut)
    }

    /// Everything that training changes, in the order of the layers: what must be kept to come back to this network.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = &[f32]> {
        self.layers.iter().flat_map(|layer| layer.parameters().chain(layer.state())).map(|(_, values)| values)
    }

    /// Gives everything that training changes to `change`, in the order of [`tensors`](Self::tensors).
    pub(crate) fn change_tensors(&mut self, mut change: impl FnMut(&mut [f32])) {
        for layer in &mut self.layers {
            layer.parameters_mut().for_each(&mut change);
            layer.state_mut().for_each(&mut change);
        }
    }

    /// The outputs for `x`, which holds one example per row: a matrix of examples × outputs.
    ///
    /// # Panics
    /// When `x` has not as many columns as the network has inputs.
    pub fn predict(&self, x: &Matrix) -> Matrix {
        let mut scratch = Scratch::default();
        self.predict_into(x, &mut scratch);
        scratch.output
    }

    /// As [`predict`](Self::predict), in memory that is kept for the next call.
    ///
    /// # Panics
    /// When `x` has not as many columns as the network has inputs.
    pub fn predict_into<'s>(&self, x: &Matrix, scratch: &'s mut Scratch) -> &'s Matrix {
        self.run(x, scratch, false)
    }

    /// The forward pass without training: up to the logits, that is without the last activation, where asked.
    pub(crate) fn run<'s>(&self, x: &Matrix, scratch: &'s mut Scratch, to_logits: bool) -> &'s Matrix {
        assert_eq!(x.columns(), self.inputs, "the network has {} inputs, the data {}", self.inputs, x.columns());
        let Scratch { output, input } = scratch;
        let (mut layer, mut first) = (0, true);
        while layer < self.layers.len() {
            let (step, next) = Step::at(&self.layers, layer, to_logits);
            match step {
                Step::Dense(dense, activation) => {
                    // The last step's output is this one's input.
                    std::mem::swap(input, output);
                    dense.forward(if first { x } else { input }, activation, output);
                    first = false;
                }
                Step::Dropout(_) | Step::Noise(_) => {}
                _ if first => {
                    // All others work in place.
                    output.reshape(x.rows(), x.columns());
                    output.as_mut_slice().copy_from_slice(x.as_slice());
                    first = false;
                    continue;
                }
                Step::Activation(activation) => {
                    let columns = output.columns();
                    activation.forward(output.as_mut_slice(), columns);
                }
                Step::BatchNorm(norm, activation) => {
                    norm.predict(output);
                    let columns = output.columns();
                    activation.forward(output.as_mut_slice(), columns);
                }
                Step::LayerNorm(norm) => norm.predict(output),
            }
            layer = next;
        }
        output
    }
}

/// The two matrices that prediction alternates between; kept by the caller, they make it free of allocation.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    output: Matrix,
    input: Matrix,
}

/// A table of the layers with their outputs and parameters.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<18}{:>8}{:>12}", "layer", "outputs", "parameters")?;
        let mut width = self.inputs;
        for layer in &self.layers {
            width = layer.outputs(width);
            let count: usize = layer.parameters().map(|(_, values)| values.len()).sum();
            writeln!(f, "{:<18}{width:>8}{count:>12}", layer.to_string())?;
        }
        write!(f, "{:<26}{:>12}", "total", self.parameter_count())
    }
}
