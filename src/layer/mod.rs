//! The kinds of layer. The stack is an enum: saving, printing and differentiating it walk it with `match`, which
//! shows what a new kind still lacks.

mod dense;
mod dropout;

pub use dense::Dense;
pub use dropout::Dropout;

use std::fmt;

use crate::activation::Activation;

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
}

impl Layer {
    /// The number of outputs for each example when it has `inputs` inputs.
    pub fn outputs(&self, inputs: usize) -> usize {
        match self {
            Layer::Dense(dense) => dense.outputs(),
            Layer::Activation(_) | Layer::Dropout(_) => inputs,
        }
    }

    /// The tensors that are trained, each with its name, in the order in which they are saved and optimized.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, &[f32])> {
        let tensors = match self {
            Layer::Dense(dense) => Some(dense.parameters()),
            Layer::Activation(_) | Layer::Dropout(_) => None,
        };
        tensors.into_iter().flatten()
    }

    /// The shapes of the tensors that are trained, outermost dimension first, in the order of
    /// [`parameters`](Self::parameters).
    pub fn shapes(&self) -> Vec<Vec<usize>> {
        match self {
            Layer::Dense(dense) => vec![vec![dense.inputs(), dense.outputs()], vec![dense.outputs()]],
            Layer::Activation(_) | Layer::Dropout(_) => Vec::new(),
        }
    }

    /// The tensors that are trained, to be changed, in the order of [`parameters`](Self::parameters).
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let tensors = match self {
            Layer::Dense(dense) => Some(dense.parameters_mut()),
            Layer::Activation(_) | Layer::Dropout(_) => None,
        };
        tensors.into_iter().flatten()
    }
}

/// The form that model files keep: `dense(4,16)`, `relu`, `dropout(0.1)`.
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Dense(dense) => write!(f, "dense({},{})", dense.inputs(), dense.outputs()),
            Layer::Activation(activation) => activation.fmt(f),
            Layer::Dropout(dropout) => write!(f, "dropout({})", dropout.rate()),
        }
    }
}
