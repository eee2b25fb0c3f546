//! The kinds of layer. The stack is an enum: saving, printing and differentiating it walk it with `match`, which
//! shows what a new kind still lacks.

pub(crate) mod batch_norm;
mod dense;
mod dropout;
mod layer_norm;
mod noise;

pub use batch_norm::BatchNorm;
pub use dense::Dense;
pub use dropout::Dropout;
pub use layer_norm::LayerNorm;
pub use noise::Noise;

use std::fmt;

use crate::nn::activation::Activation;

/// One layer of a [`Network`](crate::Network).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// Z = A·W + b.
    Dense(Dense),
    /// A' = g(Z).
    Activation(Activation),
    /// Sets random entries to zero while training.
    Dropout(Dropout),
    /// Adds random numbers while training.
    Noise(Noise),
    /// Gives every column mean 0 and variance 1, then those that are learned.
    BatchNorm(BatchNorm),
    /// Gives every row mean 0 and variance 1, then those that are learned.
    LayerNorm(LayerNorm),
}

impl Layer {
    pub(crate) fn as_batch_norm_mut(&mut self) -> Option<&mut BatchNorm> {
        if let Layer::BatchNorm(norm) = self { Some(norm) } else { None }
    }

    /// The number of outputs for each example when it has `inputs` inputs.
    pub fn outputs(&self, inputs: usize) -> usize {
        match self {
            Layer::Dense(dense) => dense.outputs(),
            _ => inputs,
        }
    }

    /// The tensors that are trained, each with its name, in the order in which they are saved and optimized.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, &[f32])> {
        let tensors = match self {
            Layer::Dense(dense) => Some(dense.parameters()),
            Layer::BatchNorm(norm) => Some(norm.parameters()),
            Layer::LayerNorm(norm) => Some(norm.parameters()),
            Layer::Activation(_) | Layer::Dropout(_) | Layer::Noise(_) => None,
        };
        tensors.into_iter().flatten()
    }

    /// The shapes of the tensors that are trained, outermost dimension first, in the order of
    /// [`parameters`](Self::parameters).
    pub fn shapes(&self) -> Vec<Vec<usize>> {
        match self {
            Layer::Dense(dense) => vec![vec![dense.inputs(), dense.outputs()], vec![dense.outputs()]],
            Layer::BatchNorm(norm) => vec![vec![norm.columns()]; 2],
            Layer::LayerNorm(norm) => vec![vec![norm.columns()]; 2],
            Layer::Activation(_) | Layer::Dropout(_) | Layer::Noise(_) => Vec::new(),
        }
    }

    /// The tensors that are trained, to be changed, in the order of [`parameters`](Self::parameters).
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let tensors = match self {
            Layer::Dense(dense) => Some(dense.parameters_mut()),
            Layer::BatchNorm(norm) => Some(norm.parameters_mut()),
            Layer::LayerNorm(norm) => Some(norm.parameters_mut()),
            Layer::Activation(_) | Layer::Dropout(_) | Layer::Noise(_) => None,
        };
        tensors.into_iter().flatten()
    }

    /// The tensors that training changes but no gradient does, each of one dimension, with its name: running means and
    /// variances.
    pub fn state(&self) -> impl Iterator<Item = (&'static str, &[f32])> {
        let tensors = if let Layer::BatchNorm(norm) = self { Some(norm.state()) } else { None };
        tensors.into_iter().flatten()
    }

    /// These tensors, to be changed.
    pub fn state_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let tensors = if let Layer::BatchNorm(norm) = self { Some(norm.state_mut()) } else { None };
        tensors.into_iter().flatten()
    }
}

/// The form that model files keep: `dense(4,16)`, `relu`, `dropout(0.1)`, `batch_norm(16)`.
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Dense(dense) => write!(f, "dense({},{})", dense.inputs(), dense.outputs()),
            Layer::Activation(activation) => activation.fmt(f),
            Layer::Dropout(dropout) => write!(f, "dropout({})", dropout.rate()),
            Layer::Noise(noise) => write!(f, "noise({})", noise.deviation()),
            Layer::BatchNorm(norm) => write!(f, "batch_norm({})", norm.columns()),
            Layer::LayerNorm(norm) => write!(f, "layer_norm({})", norm.columns()),
        }
    }
}
