//! Steps: layers that run together.

use super::activation::Activation;
use super::layer::batch_norm::Moments;
use super::layer::{Layer, Trace};
use crate::linalg::bytes::Bytes;
use crate::linalg::matrix::Matrix;

/// A piece of work that a pass does in one go: a layer, or one that computes new numbers together with the activation
/// that follows it, which is then applied to its output in place.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) layer: &'a Layer,
    /// The activation that runs together with the layer; the identity if there is none.
    activation: Activation,
}

static IDENTITY: Layer = Layer::Activation(Activation::Identity);

impl<'a> Step<'a> {
    /// Returns the step of a prediction that begins at `layer`, and the layer after it. The last activation is left out
    /// `to_logits`.
    #[inline]
    pub(crate) fn of_prediction(layers: &'a [Layer], layer: usize, to_logits: bool) -> (Self, usize) {
        Step::at(layers, layer, to_logits, |_| true)
    }

    /// Returns the step of a training that begins at `layer`, and the layer after it. An activation whose derivative is
    /// computed from its input runs by itself, so that the input is kept.
    #[inline]
    pub(crate) fn of_training(layers: &'a [Layer], layer: usize, to_logits: bool) -> (Self, usize) {
        Step::at(layers, layer, to_logits, Activation::reads_output)
    }

    #[inline]
    fn at(layers: &'a [Layer], first: usize, to_logits: bool, fits: fn(Activation) -> bool) -> (Self, usize) {
        let is_dropped = |index: usize| to_logits && index + 1 == layers.len();
        match (&layers[first], layers.get(first + 1)) {
            (
                layer @ (Layer::Dense(_)
                | Layer::BatchNorm(_)
                | Layer::Members(_)
                | Layer::Heads(_)
                | Layer::Quantized(_)),
                Some(&Layer::Activation(next)),
            ) if fits(next) => {
                let activation = if is_dropped(first + 1) { Activation::Identity } else { next };
                (Step { layer, activation }, first + 2)
            }
            (Layer::Activation(_), _) if is_dropped(first) => {
                (Step { layer: &IDENTITY, activation: Activation::Identity }, first + 1)
            }
            (layer, _) => (Step { layer, activation: Activation::Identity }, first + 1),
        }
    }

    /// Returns whether a prediction may leave the step out.
    pub(crate) fn is_only_for_training(self) -> bool {
        matches!(self.layer, Layer::Dropout(_) | Layer::Noise(_))
    }

    /// Computes the step in prediction, with memory for inputs in 8 bits.
    pub(crate) fn predict(self, input: &Matrix, bytes: &mut Bytes, output: &mut Matrix) {
        match self.layer {
            Layer::Dense(dense) => return dense.predict(input, self.activation, output),
            Layer::Quantized(layer) => return layer.predict(input, self.activation, bytes, output),
            _ => {}
        }
        self.layer.predict(input, output);
        let columns = output.columns();
        self.activation.forward(output.as_mut_slice(), columns);
    }

    /// Computes the step in training, for some rows of a batch with these moments.
    pub(crate) fn forward(self, input: &Matrix, moments: &Moments, trace: &mut Trace) {
        if let Layer::Dense(dense) = self.layer {
            return dense.predict(input, self.activation, &mut trace.output);
        }
        self.layer.forward(input, moments, trace);
        let columns = trace.output.columns();
        self.activation.forward(trace.output.as_mut_slice(), columns);
    }

    /// Runs the backward pass of the activation: turns the gradient with respect to the step's output, in `trace`, into
    /// that with respect to the layer's.
    pub(crate) fn backward_activation(self, trace: &mut Trace) {
        let columns = trace.delta.columns();
        self.activation.backward(trace.output.as_slice(), trace.delta.as_mut_slice(), columns);
    }
}
