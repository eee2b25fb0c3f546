//! Training that continues from call to call: on data that arrives bit by bit, or is larger than memory.

use std::fmt;

use super::config::Config;
use super::position::{is_rate, layers};
use super::snapshot::Snapshot;
use super::step::{Examples, Rows, Shared, StepMemory, StepOptions};
use super::trainer::Trainer;
use crate::base::error::{Error, Result};
use crate::base::history::History;
use crate::base::rng::{Rng, purpose};
use crate::data::Dataset;
use crate::nn::backprop::Pass;
use crate::nn::network::Network;
use crate::optim::{Optimizer, Rule};

/// A training that continues from call to call: it keeps the optimizer, and the memory of the steps.
///
/// Its settings are those of the [`Trainer`] that it comes from, but for those of a training with an end: epochs,
/// schedule and warm-up, validation and early stopping have no influence. The learning rate stays as it is until it is
/// set.
///
/// ```
/// use palmnet::{Activation::*, Adam, Loss, Network, Trainer, generate};
/// let mut network = Network::builder(2).dense(16, Relu).dense(2, Softmax).seed(1).build()?;
/// let mut online = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).online(&network)?;
/// // Data that arrives bit by bit:
/// for day in 0..50 {
///     online.partial_fit(&mut network, &generate::moons(500, 0.1, day))?;
/// }
/// // Files that do not fit into memory together, read one after the other:
/// online.set_learning_rate(0.002)?;
/// let loss = online.fit_batches(&mut network, (50..70).map(|file| Ok(generate::moons(500, 0.1, file))))?;
/// assert!(loss < 0.05);
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// The same calls from the same weights give the same bits, for any number of threads. To continue another day, save
/// the network and the [`state`](Self::state).
pub struct Online {
    config: Config,
    optimizer: Optimizer,
    memory: StepMemory,
    /// The layers of the network that this is for.
    layers: String,
    /// The weights from before the call.
    before: Snapshot,
}

impl Trainer {
    /// Returns a training of `network` that continues from call to call.
    ///
    /// # Errors
    /// If a setting is out of range or does not fit the network, and if the update rule is L-BFGS, which needs all data
    /// at once.
    pub fn online(&self, network: &Network) -> Result<Online> {
        if let Rule::Lbfgs(_) = self.config.rule {
            let message = "L-BFGS needs all data at once: use another optimizer, such as Adam";
            return Err(Error::Setting(message.into()));
        }
        let config = self.config.clone();
        config.check_ranges()?;
        let frozen = config.first_trained(network)?;
        let pass = Pass::new(network, config.loss, config.seed)?.freeze(network, frozen);
        let options = StepOptions { frozen, clip_norm: config.clip_norm, ..StepOptions::default() };
        Ok(Online {
            optimizer: config.optimizer(network),
            memory: StepMemory::new(network, &pass, &options, config.batch_size, config.threads),
            layers: layers(network),
            before: Snapshot::default(),
            config,
        })
    }
}

impl Online {
    /// Trains `network` once on every example of `data`, in mini-batches of the trainer's
    /// [`batch_size`](Trainer::batch_size). Data of no more examples is a single step; of more, the order is shuffled,
    /// as the seed and the number of steps so far decide. Returns the mean loss of the examples, each taken before its
    /// step.
    ///
    /// With [`ExampleWeights::Balanced`](crate::train::ExampleWeights::Balanced), the classes of each dataset are
    /// balanced by themselves. Weights that a dataset has itself are compared with each other, not with those of another.
    ///
    /// # Errors
    /// If data, network and loss do not fit each other, if the network has other layers than the one that this was made
    /// for, or if the loss or a weight becomes infinite or NaN; the network then has the weights from before the call,
    /// and the training must be started again with [`Trainer::online`].
    pub fn partial_fit(&mut self, network: &mut Network, data: &Dataset) -> Result<f64> {
        self.config.check(network, data)?;
        self.config.check_memory(network, data.len(), 0)?;
        if layers(network) != self.layers {
            let message = "the network has other layers than the one that the online training was made for";
            return Err(Error::Mismatch(message.into()));
        }
        let options = self.config.step_options(network, data)?;
        let mut train = Rows::all(data);
        if data.len() > self.config.batch_size {
            let orders = Rng::stream(self.config.seed, purpose::ORDER).next_u64();
            Rng::stream(orders, self.optimizer.steps()).shuffle(&mut train.rows);
        }
        self.before.take(network);
        let validation = Rows { data, rows: Vec::new() };
        let shared = Shared::new(network, Examples { train, validation }, options, &self.memory);
        let (size, optimizer) = (self.config.batch_size, &mut self.optimizer);
        let mut loss_sum = 0.0;
        let trained = shared.with_team(|team| {
            let mut start = 0;
            while start < data.len() {
                let batch = start..data.len().min(start.saturating_add(size));
                start = batch.end;
                let step = optimizer.steps();
                loss_sum += batch.len() as f64 * shared.step(team, optimizer, step, batch)?;
            }
            Ok(())
        });
        trained.map(|()| loss_sum / data.len() as f64).map_err(|reason: String| {
            shared.restore(&self.before);
            let message = format!(
                "{reason}. Lower the learning rate (now {}), scale features and targets, or look for extreme values in \
                 the data",
                self.optimizer.learning_rate()
            );
            let batch = usize::try_from(self.optimizer.steps()).unwrap_or(usize::MAX);
            Error::diverged(1, batch, message, History::default())
        })
    }

    /// Trains `network` on one dataset after the other with [`partial_fit`](Self::partial_fit), each as it comes: an
    /// iterator that reads files keeps no more than one of them in memory. Returns the mean loss of all examples; NaN
    /// if there was no dataset.
    ///
    /// # Errors
    /// Those of [`partial_fit`](Self::partial_fit) and of the iterator; the network keeps the steps on the datasets
    /// before.
    pub fn fit_batches(
        &mut self,
        network: &mut Network,
        batches: impl IntoIterator<Item = Result<Dataset>>,
    ) -> Result<f64> {
        let (mut loss_sum, mut examples) = (0.0, 0);
        for data in batches {
            let data = data?;
            loss_sum += self.partial_fit(network, &data)? * data.len() as f64;
            examples += data.len();
        }
        Ok(loss_sum / examples as f64)
    }

    /// Returns the learning rate of the next step.
    pub fn learning_rate(&self) -> f32 {
        self.optimizer.learning_rate()
    }

    /// Sets the learning rate of the steps to come.
    ///
    /// # Errors
    /// If it is not finite or not more than zero.
    pub fn set_learning_rate(&mut self, learning_rate: f32) -> Result<()> {
        if !is_rate(learning_rate) {
            return Err(Error::Setting(format!("learning rate {learning_rate}: it must be finite and more than zero")));
        }
        self.optimizer.set_learning_rate(learning_rate);
        Ok(())
    }

    /// Returns the state of the training besides the network, as [`Optimizer::state`] does: moments, number of steps,
    /// learning rate. With the network it is all that is needed to continue another day.
    pub fn state(&self) -> Vec<u8> {
        self.optimizer.state()
    }

    /// Continues from a [`state`](Self::state) of a training with the same settings: with the network as it was then,
    /// the calls to come give the same bits as if there had been no interruption.
    ///
    /// # Errors
    /// Those of [`Optimizer::restore`]; nothing is changed then.
    pub fn restore(&mut self, state: &[u8]) -> Result<()> {
        let mut optimizer = self.optimizer.clone();
        optimizer.restore(state)?;
        if !is_rate(optimizer.learning_rate()) {
            return Err(Error::Mismatch(format!("the state has the learning rate {}", optimizer.learning_rate())));
        }
        self.optimizer = optimizer;
        Ok(())
    }
}

impl fmt::Debug for Online {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Online")
            .field("layers", &self.layers)
            .field("steps", &self.optimizer.steps())
            .field("learning_rate", &self.learning_rate())
            .finish_non_exhaustive()
    }
}
