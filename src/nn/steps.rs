//! Which layers run together.

use super::activation::Activation;
use super::layer::{BatchNorm, Dense, Dropout, Layer, LayerNorm, Noise};

/// A piece of work that the forward and the backward pass do in one go: a layer, or a dense layer together with the
/// activation that follows it.
#[derive(Clone, Copy)]
pub(crate) enum Step<'a> {
    Dense(&'a Dense, Activation),
    Activation(Activation),
    Dropout(Dropout),
    Noise(Noise),
    BatchNorm(&'a BatchNorm, Activation),
    LayerNorm(&'a LayerNorm),
}

impl<'a> Step<'a> {
    /// The step that begins at `layer`, and the layer after it.
    pub(crate) fn at(layers: &'a [Layer], layer: usize, to_logits: bool) -> (Self, usize) {
        let drop_last = |index: usize, activation| {
            if to_logits && index + 1 == layers.len() { Activation::Identity } else { activation }
        };
        match (&layers[layer], layers.get(layer + 1)) {
            (Layer::Dense(dense), Some(&Layer::Activation(activation))) => {
                (Step::Dense(dense, drop_last(layer + 1, activation)), layer + 2)
            }
            (Layer::Dense(dense), _) => (Step::Dense(dense, Activation::Identity), layer + 1),
            (Layer::BatchNorm(norm), Some(&Layer::Activation(activation))) if activation.reads_output() => {
                (Step::BatchNorm(norm, drop_last(layer + 1, activation)), layer + 2)
            }
            (Layer::BatchNorm(norm), _) => (Step::BatchNorm(norm, Activation::Identity), layer + 1),
            (Layer::LayerNorm(norm), _) => (Step::LayerNorm(norm), layer + 1),
            (&Layer::Noise(noise), _) => (Step::Noise(noise), layer + 1),
            (&Layer::Activation(activation), _) => (Step::Activation(drop_last(layer, activation)), layer + 1),
            (&Layer::Dropout(dropout), _) => (Step::Dropout(dropout), layer + 1),
        }
    }
}
