//! The network: a stack of layers that holds parameters and nothing else.

use std::fmt;

use super::steps::Step;
use crate::base::error::{Error, Result};
use crate::linalg::bytes::Bytes;
use crate::linalg::matrix::Matrix;
use crate::nn::activation::Activation;
use crate::nn::layer::Layer;
use crate::nn::loss::Loss;

/// The most members of an ensemble. Each is a row of every example, as wide as the widest layer: with more of them, a
/// small file could ask for any amount of memory.
const MAX_MEMBERS: usize = 256;

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
#[derive(Clone, PartialEq)]
pub struct Network {
    inputs: usize,
    layers: Vec<Layer>,
}

impl Network {
    /// Returns a network of these layers for `inputs` features.
    ///
    /// # Errors
    /// If there is no dense layer, if a layer has no inputs or no units, if its inputs are not the outputs of the layer
    /// before, if an activation's parameter is out of range, or if layers of members do not go together: see
    /// [`Members`](crate::nn::Members).
    pub fn from_layers(inputs: usize, layers: Vec<Layer>) -> Result<Self> {
        if !layers.iter().any(Layer::is_dense) {
            return Err(Error::Setting("a network needs at least one dense layer".into()));
        }
        check_members(&layers)?;
        let mut width = inputs;
        for (i, layer) in layers.iter().enumerate() {
            if let Layer::Activation(activation) = layer {
                activation.check()?;
            }
            let (expected, outputs) = (layer.inputs().unwrap_or(width), layer.outputs(width));
            if expected != width || width == 0 || outputs == 0 {
                return Err(Error::Mismatch(format!(
                    "layer {i} expects {expected} inputs, is given {width} and has {outputs} outputs: the first two must \
                     agree, and it needs at least one of each"
                )));
            }
            width = outputs;
        }
        Ok(Network { inputs, layers })
    }

    /// Returns the number of features of an example.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns the number of outputs for an example.
    pub fn outputs(&self) -> usize {
        self.layers.iter().fold(self.inputs, |width, layer| layer.outputs(width))
    }

    /// Returns the number of members of the ensemble that the network is, 1 for a plain one.
    pub fn members(&self) -> usize {
        if let Some(Layer::Mean(members)) = self.layers.last() { *members } else { 1 }
    }

    /// Returns the layers that are trained, up to the outputs of every member: their mean is no part of the loss.
    pub(crate) fn member_layers(&self) -> &[Layer] {
        if let Some((Layer::Mean(_), before)) = self.layers.split_last() { before } else { &self.layers }
    }

    /// Returns how many numbers an example is on its way through the network: inputs, and the outputs of every layer.
    pub(crate) fn example_numbers(&self) -> usize {
        let (mut width, mut rows) = (self.inputs, 1);
        let outputs = self.layers.iter().map(|layer| {
            width = layer.outputs(width);
            match layer {
                Layer::Members(members) if members.spreads() => rows = members.members(),
                Layer::Mean(_) => rows = 1,
                _ => {}
            }
            width.saturating_mul(rows)
        });
        outputs.fold(self.inputs, usize::saturating_add)
    }

    /// Returns the layers, first to last.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    pub(crate) fn layers_mut(&mut self) -> &mut [Layer] {
        &mut self.layers
    }

    /// Returns the activation of the outputs, each member's if there are some; the identity if none is the last.
    pub fn output_activation(&self) -> Activation {
        match self.member_layers().last() {
            Some(Layer::Activation(activation)) => *activation,
            _ => Activation::Identity,
        }
    }

    /// Refuses a loss that is not defined for the outputs, or that they could bring to zero without learning anything.
    pub(crate) fn check_loss(&self, loss: Loss) -> Result<()> {
        loss.check(self.output_activation(), self.outputs())
    }

    /// Returns the number of parameters, those in 8 bits too.
    pub fn parameter_count(&self) -> usize {
        self.layers.iter().map(Layer::parameter_count).sum()
    }

    /// Returns whether a layer has weights in 8 bits. Such a network predicts, and is not trained.
    pub fn is_quantized(&self) -> bool {
        self.layers.iter().any(|layer| matches!(layer, Layer::Quantized(_)))
    }

    /// Refuses weights in 8 bits, which training cannot change.
    pub(crate) fn check_float(&self) -> Result<()> {
        if !self.is_quantized() {
            return Ok(());
        }
        Err(Error::Mismatch(
            "8-bit weights are not trained, averaged or quantized again: use the model that they were made of".into(),
        ))
    }

    /// Returns the trained tensors, in the order that gradients and optimizers follow.
    pub fn parameters(&self) -> impl Iterator<Item = &[f32]> {
        self.layers.iter().flat_map(Layer::parameters).map(|(_, values)| values)
    }

    /// Returns the trained tensors, mutable, in the order of [`parameters`](Self::parameters).
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.layers.iter_mut().flat_map(Layer::parameters_mut)
    }

    /// Everything that training changes, in the order of the layers: enough to return to this network.
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

    /// Returns the outputs for `x`, which holds one example per row: a matrix of examples × outputs.
    ///
    /// # Panics
    /// If `x` has not as many columns as the network has inputs.
    pub fn predict(&self, x: &Matrix) -> Matrix {
        let mut scratch = Scratch::default();
        self.predict_into(x, &mut scratch);
        scratch.output
    }

    /// Returns the outputs for `x`, examples × outputs, in memory that is kept for the next call.
    ///
    /// # Panics
    /// If `x` has not as many columns as the network has inputs.
    pub fn predict_into<'s>(&self, x: &Matrix, scratch: &'s mut Scratch) -> &'s Matrix {
        self.run(x, scratch, false)
    }

    /// Returns the outputs of every member for `x`: a matrix of (examples · members) × outputs, the members of an example
    /// one after the other. [`predict`](Self::predict) returns their mean; those of a plain network are the same.
    ///
    /// ```
    /// use palmnet::{Activation::*, Matrix, Network};
    /// let network = Network::builder(4).members(8).dense(16, Relu).heads(3, Softmax).build()?;
    /// assert_eq!(network.predict_members(&Matrix::zeros(2, 4)).shape(), (2 * 8, 3));
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `x` has not as many columns as the network has inputs.
    pub fn predict_members(&self, x: &Matrix) -> Matrix {
        let mut scratch = Scratch::default();
        self.predict_members_into(x, &mut scratch);
        scratch.output
    }

    /// Returns the outputs of every member for `x`, in memory that is kept for the next call.
    pub(crate) fn predict_members_into<'s>(&self, x: &Matrix, scratch: &'s mut Scratch) -> &'s Matrix {
        self.run_layers(self.member_layers(), x, scratch, false)
    }

    /// Returns the mean loss of the outputs for `x` against `target`, as in prediction: nothing is dropped. Softmax and
    /// cross-entropy, or sigmoid and binary cross-entropy, are computed together from the logits.
    ///
    /// # Errors
    /// If the loss is not defined for the network's outputs.
    ///
    /// # Panics
    /// If `x` has not as many columns as the network has inputs, or `target` has not the shape of the outputs.
    pub fn loss(&self, loss: Loss, x: &Matrix, target: &Matrix, scratch: &mut Scratch) -> Result<f64> {
        self.check_loss(loss)?;
        // A mean over members is one of outputs, not of logits.
        let fused = loss.fused(self.output_activation()).filter(|_| self.members() == 1);
        Ok(fused.unwrap_or(loss).value(self.run(x, scratch, fused.is_some()), target))
    }

    /// Returns the outputs of `layer`, an index into [`layers`](Self::layers), for `x`, as in prediction: a matrix of
    /// examples × the layer's outputs. A network without its last layers is an encoder: they are features of the
    /// examples.
    ///
    /// ```
    /// use palmnet::{Activation::*, Matrix, Network};
    /// let network = Network::builder(4).dense(16, Relu).dense(3, Softmax).build()?;
    /// let x = Matrix::zeros(2, 4);
    /// assert_eq!(network.activations(&x, 1).shape(), (2, 16));
    /// assert_eq!(network.activations(&x, 3), network.predict(&x));
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `x` has not as many columns as the network has inputs, or there is no such layer.
    pub fn activations(&self, x: &Matrix, layer: usize) -> Matrix {
        assert!(layer < self.layers.len(), "layer {layer} of {}", self.layers.len());
        let mut scratch = Scratch::default();
        self.run_layers(&self.layers[..=layer], x, &mut scratch, false);
        scratch.output
    }

    /// Runs the forward pass without training; without the last activation, so up to the logits, if `to_logits`.
    pub(crate) fn run<'s>(&self, x: &Matrix, scratch: &'s mut Scratch, to_logits: bool) -> &'s Matrix {
        self.run_layers(&self.layers, x, scratch, to_logits)
    }

    /// Runs the forward pass without training through the first `layers`.
    fn run_layers<'s>(&self, layers: &[Layer], x: &Matrix, scratch: &'s mut Scratch, to_logits: bool) -> &'s Matrix {
        assert_eq!(x.columns(), self.inputs, "the network has {} inputs, the data {}", self.inputs, x.columns());
        let Scratch { output, input, bytes } = scratch;
        // An even number of exchanges leaves both where they were, and the next call finds them large enough.
        if !count_steps(layers, to_logits).is_multiple_of(2) {
            std::mem::swap(input, output);
        }
        let (mut layer, mut first) = (0, true);
        while layer < layers.len() {
            let (step, next) = Step::of_prediction(layers, layer, to_logits);
            layer = next;
            if step.is_only_for_training() {
                continue;
            }
            // The last step's output is this one's input.
            std::mem::swap(input, output);
            step.predict(if first { x } else { input }, bytes, output);
            first = false;
        }
        if first {
            output.copy_from(x);
        }
        output
    }
}

/// Returns the number of steps that prediction takes.
fn count_steps(layers: &[Layer], to_logits: bool) -> usize {
    let (mut layer, mut count) = (0, 0);
    while layer < layers.len() {
        let (step, next) = Step::of_prediction(layers, layer, to_logits);
        layer = next;
        count += usize::from(!step.is_only_for_training());
    }
    count
}

/// Refuses layers of members without the others that they need.
fn check_members(layers: &[Layer]) -> Result<()> {
    let mut members = 1;
    for (i, layer) in layers.iter().enumerate() {
        let (fits, next) = match layer {
            Layer::Members(layer) if layer.spreads() => {
                (members == 1 && (2..=MAX_MEMBERS).contains(&layer.members()), layer.members())
            }
            Layer::Members(layer) => (members > 1 && layer.members() == members, members),
            Layer::Heads(heads) => (members > 1 && heads.members() == members, members),
            Layer::Quantized(layer) => (layer.members() == 1 || layer.members() == members, members),
            Layer::Mean(count) => (members > 1 && *count == members && i + 1 == layers.len(), 1),
            Layer::BatchNorm(_) => (members == 1, members),
            _ => (true, members),
        };
        if !fits {
            return Err(Error::Mismatch(format!(
                "layer {i}, {layer}, does not fit {members} members: `members` is there once, for 2 to {MAX_MEMBERS}, \
                 `mean` is the last layer, all have the same number, and batch normalization is before them"
            )));
        }
        members = next;
    }
    if members == 1 { Ok(()) } else { Err(Error::Mismatch("the last layer of a network of members is `mean`".into())) }
}

/// The two matrices that prediction alternates between, and inputs in 8 bits; kept by the caller, they make it free of
/// allocation.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    output: Matrix,
    input: Matrix,
    bytes: Bytes,
}

/// Writes the names of the layers, without their parameters.
impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers: Vec<String> = self.layers.iter().map(Layer::to_string).collect();
        let (inputs, parameters) = (&self.inputs, &self.parameter_count());
        let mut network = f.debug_struct("Network");
        network.field("inputs", inputs).field("layers", &layers).field("parameters", parameters).finish()
    }
}

/// Writes a table of the layers with their outputs and parameters.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<18}{:>8}{:>12}", "layer", "outputs", "parameters")?;
        let mut width = self.inputs;
        for layer in &self.layers {
            width = layer.outputs(width);
            writeln!(f, "{:<18}{width:>8}{:>12}", layer.to_string(), layer.parameter_count())?;
        }
        write!(f, "{:<26}{:>12}", "total", self.parameter_count())
    }
}
