//! Describing a network, layer after layer.

use super::activation::Activation;
use super::init::Init;
use super::layer::{BatchNorm, Dense, Dropout, Layer, LayerNorm, Noise};
use super::network::Network;
use crate::base::error::{Error, Result};
use crate::base::rng::{Rng, purpose};

impl Network {
    /// Describes a network of `inputs` features, layer after layer; [`build`](NetworkBuilder::build) makes it.
    pub fn builder(inputs: usize) -> NetworkBuilder {
        NetworkBuilder { inputs, plan: Vec::new(), seed: 0 }
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
