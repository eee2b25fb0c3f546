//! The network: a stack of layers that holds parameters and nothing else.

use std::fmt;

use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::init::Init;
use crate::layer::{BatchNorm, Dense, Dropout, Layer, LayerNorm, Noise};
use crate::matrix::Matrix;
use crate::rng::{Rng, purpose};

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

impl Network {
    /// Describes a network of `inputs` features, layer after layer; [`build`](NetworkBuilder::build) makes it.
    pub fn builder(inputs: usize) -> NetworkBuilder {
        NetworkBuilder { inputs, plan: Vec::new(), seed: 0 }
    }

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
            let (step, next) = self.step(layer, to_logits);
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

    /// The step that begins at `layer`, and the layer after it.
    pub(crate) fn step(&self, layer: usize, to_logits: bool) -> (Step<'_>, usize) {
        let drop_last = |index: usize, activation| {
            if to_logits && index + 1 == self.layers.len() { Activation::Identity } else { activation }
        };
        match (&self.layers[layer], self.layers.get(layer + 1)) {
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

/// What [`Network::builder`] collects.
#[derive(Clone, Debug)]
pub struct NetworkBuilder {
    inputs: usize,
    plan: Vec<Plan>,
    seed: u64,
}

#[derive(Clone, Debug)]
enum Plan {
    Dense { outputs: usize, activation: Activation, init: Option<Init>, bias_init: Init },
    Activation(Activation),
    Dropout(f32),
    Noise(f32),
    BatchNorm,
    LayerNorm,
}

impl NetworkBuilder {
    /// A dense layer of `outputs` units and the activation that follows it. Weights start as suits the activation
    /// ([`Init::for_activation`]), biases at zero; [`init`](Self::init) and [`bias_init`](Self::bias_init) change that.
    pub fn dense(mut self, outputs: usize, activation: Activation) -> Self {
        self.plan.push(Plan::Dense { outputs, activation, init: None, bias_init: Init::Constant(0.0) });
        self
    }

    /// How the weights of the dense layer before start.
    ///
    /// # Panics
    /// When the last call was not [`dense`](Self::dense).
    pub fn init(mut self, init: Init) -> Self {
        match self.plan.last_mut() {
            Some(Plan::Dense { init: slot, .. }) => *slot = Some(init),
            _ => panic!("init() belongs after dense()"),
        }
        self
    }

    /// How the bias of the dense layer before starts.
    ///
    /// # Panics
    /// When the last call was not [`dense`](Self::dense).
    pub fn bias_init(mut self, init: Init) -> Self {
        match self.plan.last_mut() {
            Some(Plan::Dense { bias_init, .. }) => *bias_init = init,
            _ => panic!("bias_init() belongs after dense()"),
        }
        self
    }

    /// An activation by itself.
    pub fn activation(mut self, activation: Activation) -> Self {
        self.plan.push(Plan::Activation(activation));
        self
    }

    /// Dropout with this probability, in [0, 1), that an entry is set to zero while training.
    pub fn dropout(mut self, rate: f32) -> Self {
        self.plan.push(Plan::Dropout(rate));
        self
    }

    /// Gaussian noise of this standard deviation while training: on the inputs where it comes first.
    pub fn noise(mut self, deviation: f32) -> Self {
        self.plan.push(Plan::Noise(deviation));
        self
    }

    /// Batch normalisation, as a rule between a dense layer and its activation:
    /// `.dense(256, Identity).batch_norm().activation(Relu)`.
    pub fn batch_norm(mut self) -> Self {
        self.plan.push(Plan::BatchNorm);
        self
    }

    /// Layer normalisation, at the same place.
    pub fn layer_norm(mut self) -> Self {
        self.plan.push(Plan::LayerNorm);
        self
    }

    /// The seed of the initial weights; 0 when not given.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The same description with the `index`-th of the seeds that follow from its own; its own for 0.
    pub(crate) fn reseeded(self, index: u64) -> Self {
        let starts = Rng::stream(self.seed, purpose::STARTS).next_u64();
        let seed = if index == 0 { self.seed } else { Rng::stream(starts, index).next_u64() };
        self.seed(seed)
    }

    /// Draws the initial weights.
    ///
    /// # Errors
    /// When there is no dense layer, a layer's setting is out of range, or a layer does not fit into memory.
    pub fn build(&self) -> Result<Network> {
        let mut rng = Rng::stream(self.seed, purpose::WEIGHTS);
        let (mut layers, mut width) = (Vec::new(), self.inputs);
        for (i, plan) in self.plan.iter().enumerate() {
            match *plan {
                Plan::Dense { outputs, activation, init, bias_init } => {
                    // The sizes may come from a command line: a failed allocation would end the process.
                    let count = width.checked_add(1).and_then(|rows| rows.checked_mul(outputs));
                    if count.is_none_or(|count| Vec::<f32>::new().try_reserve_exact(count).is_err()) {
                        return Err(Error::Setting(format!(
                            "a layer of {width} inputs and {outputs} units does not fit into memory: choose fewer units"
                        )));
                    }
                    let init = init.unwrap_or_else(|| Init::for_activation(self.activation_after(i)));
                    init.check()?;
                    bias_init.check()?;
                    layers.push(Layer::Dense(Dense::random(width, outputs, init, bias_init, &mut rng)));
                    if activation != Activation::Identity {
                        layers.push(Layer::Activation(activation));
                    }
                    width = outputs;
                }
                Plan::Activation(activation) => layers.push(Layer::Activation(activation)),
                Plan::Dropout(rate) => layers.push(Layer::Dropout(Dropout::new(rate)?)),
                Plan::Noise(deviation) => layers.push(Layer::Noise(Noise::new(deviation)?)),
                Plan::BatchNorm => layers.push(Layer::BatchNorm(BatchNorm::new(width))),
                Plan::LayerNorm => layers.push(Layer::LayerNorm(LayerNorm::new(width))),
            }
        }
        Network::from_layers(self.inputs, layers)
    }

    /// The activation that the outputs of the dense layer at this place go through first.
    fn activation_after(&self, place: usize) -> Activation {
        let own = match self.plan[place] {
            Plan::Dense { activation, .. } if activation != Activation::Identity => Some(activation),
            _ => None,
        };
        let mut next = self.plan[place + 1..].iter().take_while(|plan| !matches!(plan, Plan::Dense { .. }));
        let own = own.or_else(|| {
            next.find_map(|plan| match *plan {
                Plan::Activation(activation) => Some(activation),
                _ => None,
            })
        });
        own.unwrap_or(Activation::Identity)
    }
}
