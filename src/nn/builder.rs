//! Describing a network, layer after layer.

use super::activation::Activation;
use super::init::Init;
use super::layer::{BatchNorm, Dense, Dropout, Embedding, Heads, Layer, LayerNorm, Members, Noise, Piecewise, Role};
use super::network::Network;
use crate::base::error::{Error, Result};
use crate::base::memory::is_available;
use crate::base::rng::{Rng, purpose};

impl Network {
    /// Describes a network of `inputs` features, layer after layer; [`build`](NetworkBuilder::build) makes it.
    pub fn builder(inputs: usize) -> NetworkBuilder {
        NetworkBuilder { inputs, plan: Vec::new(), seed: 0 }
    }
}

impl Dense {
    /// Describes a dense layer of `outputs` units and the activation that follows it, for
    /// [`NetworkBuilder::dense_with`].
    pub fn units(outputs: usize, activation: Activation) -> DenseConfig {
        DenseConfig { outputs, activation, init: None, bias_init: Init::Constant(0.0) }
    }
}

/// The description of a dense layer that is to be made: see [`Dense::units`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "its methods return a changed copy"]
pub struct DenseConfig {
    outputs: usize,
    activation: Activation,
    init: Option<Init>,
    bias_init: Init,
}

impl DenseConfig {
    /// Sets the distribution of the initial weights; by default the one that suits the activation
    /// ([`Init::for_activation`]).
    pub fn init(self, init: Init) -> Self {
        DenseConfig { init: Some(init), ..self }
    }

    /// Sets the distribution of the initial bias; by default it is zero.
    pub fn bias_init(self, bias_init: Init) -> Self {
        DenseConfig { bias_init, ..self }
    }

    /// Draws the layer for `inputs` inputs; `next` is the activation that its outputs go through first.
    ///
    /// # Errors
    /// If there are no inputs or no units, an initialization is out of range, or the layer does not fit into memory.
    pub(super) fn build(self, inputs: usize, next: Activation, rng: &mut Rng) -> Result<Dense> {
        let DenseConfig { outputs, init, bias_init, .. } = self;
        if inputs == 0 || outputs == 0 {
            let message =
                format!("a dense layer of {inputs} inputs and {outputs} units: it needs at least one of each");
            return Err(Error::Setting(message));
        }
        check_size(inputs, outputs)?;
        let init = init.unwrap_or_else(|| Init::for_activation(next));
        init.check()?;
        bias_init.check()?;
        Ok(Dense::random(inputs, outputs, init, bias_init, rng))
    }
}

/// Refuses a layer that does not fit into memory: the sizes may come from a command line, and a failed allocation would
/// end the process.
fn check_size(inputs: usize, outputs: usize) -> Result<()> {
    let count = inputs.checked_add(1).and_then(|rows| rows.checked_mul(outputs));
    if count.is_some_and(|count| is_available(count.saturating_mul(4))) {
        return Ok(());
    }
    Err(Error::Setting(format!(
        "a layer of {inputs} inputs and {outputs} units does not fit into memory: choose fewer units"
    )))
}

/// A description of a network, which [`Network::builder`] begins.
///
/// ```
/// use palmnet::nn::{Dense, Init};
/// use palmnet::{Activation::*, Network};
/// let builder = Network::builder(4).dense(32, Identity).batch_norm().activation(Relu).dropout(0.2);
/// let builder = builder.dense_with(Dense::units(16, Relu).init(Init::HeNormal)).dense(3, Softmax);
/// assert_eq!(builder.seed(42).build()?.layers().len(), 8);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it describes a network, which `build` makes"]
pub struct NetworkBuilder {
    inputs: usize,
    plan: Vec<Plan>,
    seed: u64,
}

/// The arguments of [`NetworkBuilder::embedding`].
#[derive(Clone, Debug)]
struct Embeddings {
    roles: Vec<Role>,
    bounds: Vec<f32>,
    size: usize,
    means: Vec<Vec<f32>>,
}

#[derive(Clone, Debug)]
enum Plan {
    Dense(DenseConfig),
    Activation(Activation),
    Dropout(f32),
    Noise(f32),
    BatchNorm,
    LayerNorm,
    Piecewise(Piecewise),
    Embedding(Embeddings),
    Members(usize),
    Adapter,
    Heads(DenseConfig),
}

impl NetworkBuilder {
    /// Adds a dense layer of `outputs` units and the activation that follows it. The initial weights suit the
    /// activation ([`Init::for_activation`]), the initial bias is zero; [`dense_with`](Self::dense_with) changes that.
    pub fn dense(self, outputs: usize, activation: Activation) -> Self {
        self.dense_with(Dense::units(outputs, activation))
    }

    /// Adds a dense layer with initializations of its own:
    /// `.dense_with(Dense::units(16, Relu).init(Init::HeNormal))`.
    pub fn dense_with(mut self, layer: DenseConfig) -> Self {
        self.plan.push(Plan::Dense(layer));
        self
    }

    /// Adds an activation by itself.
    pub fn activation(mut self, activation: Activation) -> Self {
        self.plan.push(Plan::Activation(activation));
        self
    }

    /// Adds dropout with this probability, in [0, 1), that an entry is set to zero while training.
    pub fn dropout(mut self, rate: f64) -> Self {
        self.plan.push(Plan::Dropout(rate as f32));
        self
    }

    /// Adds Gaussian noise of this standard deviation, zero or more, while training; as the first layer, on the inputs.
    pub fn noise(mut self, standard_deviation: f32) -> Self {
        self.plan.push(Plan::Noise(standard_deviation));
        self
    }

    /// Adds batch normalization, usually between a dense layer and its activation:
    /// `.dense(256, Identity).batch_norm().activation(Relu)`.
    pub fn batch_norm(mut self) -> Self {
        self.plan.push(Plan::BatchNorm);
        self
    }

    /// Adds layer normalization, usually between a dense layer and its activation.
    pub fn layer_norm(mut self) -> Self {
        self.plan.push(Plan::LayerNorm);
        self
    }

    /// Adds an encoding of numbers, usually as the first layer.
    pub fn piecewise(mut self, layer: Piecewise) -> Self {
        self.plan.push(Plan::Piecewise(layer));
        self
    }

    /// Adds embeddings of `size` numbers for each group of inputs; the initial weights of an input are uniform between
    /// minus and plus its entry of `bounds`.
    pub fn embedding(mut self, roles: Vec<Role>, bounds: Vec<f32>, size: usize) -> Self {
        self.plan.push(Plan::Embedding(Embeddings { roles, bounds, size, means: Vec::new() }));
        self
    }

    /// Sets the first initial weights of each input of the embedding that was added last.
    pub(crate) fn embedding_means(mut self, means: Vec<Vec<f32>>) -> Self {
        if let Some(Plan::Embedding(embeddings)) = self.plan.last_mut() {
            embeddings.means = means;
        }
        self
    }

    /// Makes an ensemble of `members` of all layers from here on, which [`heads`](Self::heads) end (Gorishniy, Kotelnikov,
    /// Babenko, 2024): 2 to 256 rows for each example, scaled by random signs at first.
    ///
    /// ```
    /// use palmnet::{Activation::*, Matrix, Network};
    /// let builder = Network::builder(4).members(8).dense(32, Relu).dense(32, Relu).heads(3, Softmax);
    /// let network = builder.build()?;
    /// assert_eq!(network.members(), 8);
    /// assert_eq!(network.predict(&Matrix::zeros(2, 4)).shape(), (2, 3));
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    pub fn members(mut self, members: usize) -> Self {
        self.plan.push(Plan::Members(members));
        self
    }

    /// Adds a scale and a shift for every column of each member.
    pub fn adapter(mut self) -> Self {
        self.plan.push(Plan::Adapter);
        self
    }

    /// Adds the last layers of an ensemble: a dense layer of `outputs` units for each member, the activation, and the
    /// mean of all members' outputs.
    pub fn heads(self, outputs: usize, activation: Activation) -> Self {
        self.heads_with(Dense::units(outputs, activation))
    }

    /// Adds the last layers of an ensemble, with an initialization of the heads' weights of its own.
    pub fn heads_with(mut self, layer: DenseConfig) -> Self {
        self.plan.push(Plan::Heads(layer));
        self
    }

    /// Sets the seed of the initial weights, by default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Returns the description with the `index`-th of the seeds that follow from its own; its own for 0.
    pub(crate) fn reseeded(self, index: u64) -> Self {
        let starts = Rng::stream(self.seed, purpose::STARTS).next_u64();
        let seed = if index == 0 { self.seed } else { Rng::stream(starts, index).next_u64() };
        self.seed(seed)
    }

    /// Returns the network, with new initial weights.
    ///
    /// # Errors
    /// If there is no dense layer, a layer's setting is out of range, members have no heads, or a layer does not fit
    /// into memory.
    pub fn build(&self) -> Result<Network> {
        let mut rng = Rng::stream(self.seed, purpose::WEIGHTS);
        let (mut layers, mut width, mut members) = (Vec::new(), self.inputs, 1);
        for (i, plan) in self.plan.iter().enumerate() {
            match *plan {
                Plan::Piecewise(ref layer) => {
                    width = layer.outputs();
                    layers.push(Layer::Piecewise(layer.clone()));
                }
                Plan::Embedding(Embeddings { ref roles, ref bounds, size, ref means }) => {
                    check_size(roles.len(), size)?;
                    let mut layer = Embedding::random(roles.clone(), bounds, size, &mut rng)?;
                    layer.set_first(means);
                    width = layer.outputs();
                    layers.push(Layer::Embedding(layer));
                }
                Plan::Members(count) => {
                    members = count;
                    check_size(width.saturating_mul(members), 2)?;
                    layers.push(Layer::Members(Members::spread(members, width, &mut rng)));
                }
                Plan::Adapter => layers.push(Layer::Members(Members::adapter(members, width))),
                Plan::Heads(config) => {
                    check_size(width.saturating_mul(members), config.outputs)?;
                    let init = config.init.unwrap_or_else(|| Init::for_activation(config.activation));
                    init.check()?;
                    layers.push(Layer::Heads(Heads::random(members, width, config.outputs, init, &mut rng)));
                    if config.activation != Activation::Identity {
                        layers.push(Layer::Activation(config.activation));
                    }
                    layers.push(Layer::Mean(members));
                    width = config.outputs;
                }
                Plan::Dense(config) => {
                    layers.push(Layer::Dense(config.build(width, self.activation_after(i), &mut rng)?));
                    if config.activation != Activation::Identity {
                        layers.push(Layer::Activation(config.activation));
                    }
                    width = config.outputs;
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

    /// Returns the activation that the outputs of the dense layer with this index go through first.
    fn activation_after(&self, index: usize) -> Activation {
        let own = match self.plan[index] {
            Plan::Dense(config) if config.activation != Activation::Identity => Some(config.activation),
            _ => None,
        };
        let mut next = self.plan[index + 1..].iter().take_while(|plan| !matches!(plan, Plan::Dense(_)));
        let own = own.or_else(|| {
            next.find_map(|plan| match *plan {
                Plan::Activation(activation) => Some(activation),
                _ => None,
            })
        });
        own.unwrap_or(Activation::Identity)
    }
}
