//! The kinds of layer, one file each.
//!
//! Every file has the same parts in the same order: a `Cache` for the layer's backward pass (if it needs anything
//! besides the layer's input and output), then
//!
//! ```text
//! predict   input → output                        in prediction
//! forward   input → output, cache                 in training; absent if it is the same as predict
//! backward  gradient at the output → at the input
//! gradient  of the layer's parameters             for layers that have any
//! ```
//!
//! The stack is an enum: saving, printing and differentiating it walk it with `match`. A new kind of layer is a file, a
//! variant of [`Layer`] and of [`Cache`], and the arms that the compiler then asks for.

mod activation;
mod affine;
pub(crate) mod batch_norm;
mod dense;
mod dropout;
mod embedding;
mod heads;
mod layer_norm;
mod members;
mod noise;
mod piecewise;
mod quantized;

pub use batch_norm::BatchNorm;
pub use dense::Dense;
pub use dropout::Dropout;
pub use embedding::{Embedding, Role};
pub use heads::Heads;
pub use layer_norm::LayerNorm;
pub use members::Members;
pub(crate) use members::{mean, spread};
pub use noise::Noise;
pub use piecewise::Piecewise;
pub use quantized::{InputScale, Quantized, QuantizedParts};

use std::fmt;
use std::ops::Range;

use self::batch_norm::Moments;
use crate::base::rng::Rng;
use crate::linalg::bytes::Bytes;
use crate::linalg::matrix::Matrix;
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
    /// Gives every column mean 0 and variance 1, then a trained mean and standard deviation.
    BatchNorm(BatchNorm),
    /// Gives every row mean 0 and variance 1, then a trained scale and shift per column.
    LayerNorm(LayerNorm),
    /// Clips numbers, and appends the codes of the bins that they are in.
    Piecewise(Piecewise),
    /// Turns the inputs of each column into a few numbers.
    Embedding(Embedding),
    /// Scales and shifts the rows of each member of an ensemble; the first such layer makes them.
    Members(Members),
    /// Z = A·W + b, with weights and a bias for each member of an ensemble.
    Heads(Heads),
    /// The mean of the outputs of this many members, always the last layer.
    Mean(usize),
    /// A dense layer with weights in 8 bits, or one for each member of an ensemble. It is not trained.
    Quantized(Quantized),
}

/// Everything that a layer's passes need besides input and output.
#[derive(Clone, Debug)]
pub(crate) enum Cache {
    Dense,
    Activation,
    Dropout(dropout::Cache),
    Noise(noise::Cache),
    BatchNorm(batch_norm::Cache),
    LayerNorm(layer_norm::Cache),
    Piecewise,
    Embedding(embedding::Map),
    Members(members::Cache),
    Heads(usize),
    /// Of a layer that is not trained and differs in training: it works as in prediction.
    Fixed,
}

/// The numbers that the passes leave of one layer.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) output: Matrix,
    /// The gradient of the loss with respect to the output.
    pub(crate) delta: Matrix,
    pub(crate) cache: Cache,
}

/// The shape of a layer's parameters: so many rows of weights, then so many of biases.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    pub(crate) weights: usize,
    pub(crate) biases: usize,
    pub(crate) columns: usize,
}

/// Where a gradient goes: that of some rows of a layer's weights and, after the last of them, its bias.
pub(crate) struct GradientPart<'a> {
    pub(crate) rows: Range<usize>,
    pub(crate) values: &'a mut [f32],
    /// Whether it is added to `values`, which then hold that of earlier examples.
    pub(crate) resume: bool,
}

impl<'a> GradientPart<'a> {
    /// Returns the values, ready to be added to.
    fn started(self) -> &'a mut [f32] {
        if !self.resume {
            self.values.fill(0.0);
        }
        self.values
    }
}

impl Trace {
    /// Computes the gradient of a part of the layer's parameters, after the layer's backward pass.
    pub(crate) fn gradient(&self, input: &Matrix, part: GradientPart<'_>) {
        match &self.cache {
            Cache::Dense => Dense::gradient(input, &self.delta, part),
            Cache::BatchNorm(cache) => BatchNorm::gradient(cache, &self.delta, part),
            Cache::LayerNorm(cache) => LayerNorm::gradient(cache, &self.delta, part),
            Cache::Embedding(map) => Embedding::gradient(map, input, &self.delta, part),
            Cache::Members(cache) => Members::gradient(*cache, input, &self.delta, part),
            Cache::Heads(members) => Heads::gradient(*members, input, &self.delta, part),
            Cache::Piecewise | Cache::Activation | Cache::Dropout(_) | Cache::Noise(_) | Cache::Fixed => {}
        }
    }

    /// Returns the cache of a batch normalization that is trained.
    pub(crate) fn batch_norm(&self) -> Option<&batch_norm::Cache> {
        if let Cache::BatchNorm(cache) = &self.cache { Some(cache) } else { None }
    }
}

impl Layer {
    /// Returns the memory for the layer's passes; as in prediction if it is `frozen`.
    pub(crate) fn trace(&self, frozen: bool) -> Trace {
        let cache = match self {
            Layer::Dense(_) => Cache::Dense,
            Layer::Activation(_) => Cache::Activation,
            Layer::LayerNorm(_) => Cache::LayerNorm(Default::default()),
            Layer::Piecewise(_) => Cache::Piecewise,
            Layer::Embedding(embedding) => Cache::Embedding(embedding.cache()),
            Layer::Members(members) => Cache::Members(members.cache()),
            Layer::Heads(heads) => Cache::Heads(heads.members()),
            Layer::Mean(_) | Layer::Quantized(_) => Cache::Fixed,
            _ if frozen => Cache::Fixed,
            Layer::Dropout(_) => Cache::Dropout(Default::default()),
            Layer::Noise(_) => Cache::Noise(Default::default()),
            Layer::BatchNorm(_) => Cache::BatchNorm(Default::default()),
        };
        Trace { output: Matrix::default(), delta: Matrix::default(), cache }
    }

    /// Draws the random choices of a pass; `first` is the index of its first row in the batch.
    pub(crate) fn draw(&self, keys: &mut Rng, first: usize, cache: &mut Cache) {
        let (Layer::Dropout(_) | Layer::Noise(_)) = self else { return };
        // One that is frozen draws too, so that the others' choices do not depend on it.
        let key = keys.next_u64() as u32;
        match cache {
            Cache::Dropout(cache) => *cache = dropout::Cache { key, first },
            Cache::Noise(cache) => *cache = noise::Cache { key, first },
            _ => {}
        }
    }

    /// Computes the output in prediction.
    pub(crate) fn predict(&self, input: &Matrix, output: &mut Matrix) {
        match self {
            Layer::Dense(dense) => dense.predict(input, Activation::Identity, output),
            Layer::Activation(g) => activation::predict(*g, input, output),
            Layer::Dropout(_) | Layer::Noise(_) => output.copy_from(input),
            Layer::BatchNorm(norm) => norm.predict(input, output),
            Layer::LayerNorm(norm) => norm.predict(input, output),
            Layer::Piecewise(piecewise) => piecewise.predict(input, output),
            Layer::Embedding(embedding) => embedding.predict(input, output),
            Layer::Members(members) => members.predict(input, output),
            Layer::Heads(heads) => heads.predict(input, output),
            Layer::Mean(count) => members::mean(*count, input, output),
            Layer::Quantized(layer) => layer.predict(input, Activation::Identity, &mut Bytes::default(), output),
        }
    }

    /// Computes the output in training, for some rows of a batch with these moments.
    pub(crate) fn forward(&self, input: &Matrix, moments: &Moments, trace: &mut Trace) {
        let Trace { output, cache, .. } = trace;
        match (self, cache) {
            (Layer::Dropout(dropout), Cache::Dropout(cache)) => dropout.forward(input, cache, output),
            (Layer::Noise(noise), Cache::Noise(cache)) => noise.forward(input, cache, output),
            (Layer::BatchNorm(norm), Cache::BatchNorm(cache)) => norm.forward(input, moments, cache, output),
            (Layer::LayerNorm(norm), Cache::LayerNorm(cache)) => norm.forward(input, cache, output),
            _ => self.predict(input, output),
        }
    }

    /// Computes the gradient with respect to the input, `input_delta`, from that with respect to the output, in
    /// `trace`. Afterwards `trace` is of use only to [`Trace::gradient`].
    pub(crate) fn backward(&self, input: &Matrix, moments: &Moments, trace: &mut Trace, input_delta: &mut Matrix) {
        let Trace { output, delta, cache } = trace;
        match (self, cache) {
            (Layer::Dense(dense), _) => dense.backward(delta, input_delta),
            (Layer::Activation(g), _) => activation::backward(*g, input, output, delta, input_delta),
            (Layer::Dropout(dropout), Cache::Dropout(cache)) => dropout.backward(cache, delta, input_delta),
            (Layer::Noise(noise), _) => noise.backward(delta, input_delta),
            (Layer::BatchNorm(norm), Cache::BatchNorm(cache)) => norm.backward(moments, cache, delta, input_delta),
            (Layer::BatchNorm(norm), _) => norm.backward_fixed(delta, input_delta),
            (Layer::LayerNorm(norm), Cache::LayerNorm(cache)) => norm.backward(cache, delta, input_delta),
            (Layer::Piecewise(piecewise), _) => piecewise.backward(input, delta, input_delta),
            (Layer::Embedding(embedding), _) => embedding.backward(delta, input_delta),
            (Layer::Members(members), _) => members.backward(delta, input_delta),
            (Layer::Heads(heads), _) => heads.backward(delta, input_delta),
            // Rounded weights have the slopes of those that they are rounded from.
            (Layer::Quantized(layer), _) => layer.dequantized().backward(input, moments, trace, input_delta),
            (Layer::Mean(_), _) => unreachable!("members are trained one by one"),
            (Layer::Dropout(_) | Layer::LayerNorm(_), _) => std::mem::swap(delta, input_delta),
        }
    }

    /// Returns the shape of the parameters; `None` without any. A normalization's scale is taken for weights, its shift
    /// for a bias.
    pub(crate) fn grid(&self) -> Option<Grid> {
        match self {
            Layer::Dense(dense) => Some(Grid { weights: dense.inputs(), biases: 1, columns: dense.outputs() }),
            Layer::BatchNorm(norm) => Some(Grid { weights: 1, biases: 1, columns: norm.columns() }),
            Layer::LayerNorm(norm) => Some(Grid { weights: 1, biases: 1, columns: norm.columns() }),
            Layer::Embedding(layer) => {
                Some(Grid { weights: layer.embedded(), biases: layer.groups(), columns: layer.size() })
            }
            Layer::Members(layer) => {
                Some(Grid { weights: layer.members(), biases: layer.members(), columns: layer.columns() })
            }
            Layer::Heads(heads) => {
                let members = heads.members();
                Some(Grid { weights: members * heads.inputs(), biases: members, columns: heads.outputs() })
            }
            Layer::Activation(_) | Layer::Dropout(_) | Layer::Noise(_) | Layer::Piecewise(_) => None,
            Layer::Mean(_) | Layer::Quantized(_) => None,
        }
    }

    /// Returns whether this is a dense layer, or one for each member.
    pub(crate) fn is_dense(&self) -> bool {
        matches!(self, Layer::Dense(_) | Layer::Heads(_) | Layer::Quantized(_))
    }

    /// Returns the number of weights and biases, those in 8 bits too.
    pub fn parameter_count(&self) -> usize {
        match self {
            Layer::Quantized(layer) => layer.parameter_count(),
            _ => self.parameters().map(|(_, values)| values.len()).sum(),
        }
    }

    /// Returns the layer, if it is a batch normalization.
    pub(crate) fn as_batch_norm_mut(&mut self) -> Option<&mut BatchNorm> {
        if let Layer::BatchNorm(norm) = self { Some(norm) } else { None }
    }

    /// Returns the number of inputs for each example; `None` if any number fits.
    pub(crate) fn inputs(&self) -> Option<usize> {
        match self {
            Layer::Dense(dense) => Some(dense.inputs()),
            Layer::BatchNorm(norm) => Some(norm.columns()),
            Layer::LayerNorm(norm) => Some(norm.columns()),
            Layer::Piecewise(piecewise) => Some(piecewise.inputs()),
            Layer::Embedding(embedding) => Some(embedding.inputs()),
            Layer::Members(members) => Some(members.columns()),
            Layer::Heads(heads) => Some(heads.inputs()),
            Layer::Quantized(layer) => Some(layer.inputs()),
            Layer::Activation(_) | Layer::Dropout(_) | Layer::Noise(_) | Layer::Mean(_) => None,
        }
    }

    /// Returns the number of outputs for each example that has `inputs` inputs.
    pub fn outputs(&self, inputs: usize) -> usize {
        match self {
            Layer::Dense(dense) => dense.outputs(),
            Layer::Piecewise(piecewise) => piecewise.outputs(),
            Layer::Embedding(embedding) => embedding.outputs(),
            Layer::Heads(heads) => heads.outputs(),
            Layer::Quantized(layer) => layer.outputs(),
            _ => inputs,
        }
    }

    /// Returns the tensors that are trained, each with its name, in the order in which they are saved and optimized.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, &[f32])> {
        let tensors = match self {
            Layer::Dense(dense) => Some(dense.parameters()),
            Layer::BatchNorm(norm) => Some(norm.parameters()),
            Layer::LayerNorm(norm) => Some(norm.parameters()),
            Layer::Embedding(embedding) => Some(embedding.parameters()),
            Layer::Members(members) => Some(members.parameters()),
            Layer::Heads(heads) => Some(heads.parameters()),
            Layer::Activation(_) | Layer::Dropout(_) | Layer::Noise(_) | Layer::Piecewise(_) => None,
            Layer::Mean(_) | Layer::Quantized(_) => None,
        };
        tensors.into_iter().flatten()
    }

    /// Returns the shapes of the tensors that are trained, outermost dimension first, in the order of
    /// [`parameters`](Self::parameters).
    pub fn shapes(&self) -> Vec<Vec<usize>> {
        match self {
            Layer::Dense(dense) => vec![vec![dense.inputs(), dense.outputs()], vec![dense.outputs()]],
            Layer::BatchNorm(norm) => vec![vec![norm.columns()]; 2],
            Layer::LayerNorm(norm) => vec![vec![norm.columns()]; 2],
            Layer::Embedding(layer) => vec![vec![layer.embedded(), layer.size()], vec![layer.groups(), layer.size()]],
            Layer::Members(layer) => vec![vec![layer.members(), layer.columns()]; 2],
            Layer::Heads(heads) => {
                vec![vec![heads.members(), heads.inputs(), heads.outputs()], vec![heads.members(), heads.outputs()]]
            }
            Layer::Activation(_) | Layer::Dropout(_) | Layer::Noise(_) | Layer::Piecewise(_) => Vec::new(),
            Layer::Mean(_) | Layer::Quantized(_) => Vec::new(),
        }
    }

    /// Returns the tensors that are trained, mutable, in the order of [`parameters`](Self::parameters).
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.weights_and_bias_mut().into_iter().flatten()
    }

    /// Returns the same by themselves: the weights, or what is taken for them, and the bias.
    pub(crate) fn weights_and_bias_mut(&mut self) -> Option<[&mut [f32]; 2]> {
        match self {
            Layer::Dense(dense) => Some(dense.parameters_mut()),
            Layer::BatchNorm(norm) => Some(norm.parameters_mut()),
            Layer::LayerNorm(norm) => Some(norm.parameters_mut()),
            Layer::Embedding(embedding) => Some(embedding.parameters_mut()),
            Layer::Members(members) => Some(members.parameters_mut()),
            Layer::Heads(heads) => Some(heads.parameters_mut()),
            Layer::Activation(_) | Layer::Dropout(_) | Layer::Noise(_) | Layer::Piecewise(_) => None,
            Layer::Mean(_) | Layer::Quantized(_) => None,
        }
    }

    /// Returns the tensors that training changes but no gradient does, each of one dimension, with its name: running
    /// means and variances.
    pub fn state(&self) -> impl Iterator<Item = (&'static str, &[f32])> {
        let tensors = if let Layer::BatchNorm(norm) = self { Some(norm.state()) } else { None };
        tensors.into_iter().flatten()
    }

    /// Returns the tensors of [`state`](Self::state), mutable, in the same order.
    pub fn state_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let tensors = if let Layer::BatchNorm(norm) = self { Some(norm.state_mut()) } else { None };
        tensors.into_iter().flatten()
    }
}

/// Writes the form of model files: `dense(4,16)`, `relu`, `dropout(0.1)`, `batch_norm(16)`.
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Dense(dense) => write!(f, "dense({},{})", dense.inputs(), dense.outputs()),
            Layer::Activation(activation) => activation.fmt(f),
            Layer::Dropout(dropout) => write!(f, "dropout({})", dropout.rate()),
            Layer::Noise(noise) => write!(f, "noise({})", noise.deviation()),
            Layer::BatchNorm(norm) => write!(f, "batch_norm({})", norm.columns()),
            Layer::LayerNorm(norm) => write!(f, "layer_norm({})", norm.columns()),
            Layer::Piecewise(piecewise) => write!(f, "piecewise({},{})", piecewise.inputs(), piecewise.outputs()),
            Layer::Embedding(layer) => write!(f, "embedding({},{})", layer.inputs(), layer.outputs()),
            Layer::Members(layer) => {
                let name = if layer.spreads() { "members" } else { "adapter" };
                write!(f, "{name}({},{})", layer.members(), layer.columns())
            }
            Layer::Heads(heads) => write!(f, "heads({},{},{})", heads.members(), heads.inputs(), heads.outputs()),
            Layer::Mean(members) => write!(f, "mean({members})"),
            Layer::Quantized(layer) => {
                let (members, inputs, outputs) = (layer.members(), layer.inputs(), layer.outputs());
                if members == 1 {
                    return write!(f, "dense8({inputs},{outputs})");
                }
                write!(f, "heads8({members},{inputs},{outputs})")
            }
        }
    }
}
