//! The trainer: its settings, one after the other, and a training by them.

use super::config::Config;
use super::example_weights::ExampleWeights;
use super::position::Restored;
use super::run::Run;
use super::session::Session;
use super::targets;
use super::training::Training;
use super::{gradient_descent, lbfgs};
use crate::base::error::{Error, Result};
use crate::base::history::History;
use crate::data::Dataset;
use crate::nn::loss::Loss;
use crate::nn::network::Network;
use crate::optim::{Penalty, Rule, Schedule};

/// Trains networks: holds the loss, the update rule, the number of epochs, the batch size and all other settings.
///
/// A trainer is plain data and can be used any number of times, on any thread. Everything that belongs to a single
/// training (an observer, checkpoints, a validation set) is given to the call, as a [`Run`].
///
/// ```
/// use palmnet::{Activation::*, Adam, Loss, Network, Trainer, generate};
/// let data = generate::moons(300, 0.1, 1);
/// let mut network = Network::builder(2).dense(16, Relu).dense(1, Sigmoid).seed(1).build()?;
/// let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.01)).epochs(100);
/// let history = trainer.fit(&mut network, &data)?;
/// assert!(history.train_loss() < history.epochs[0].train_loss);
/// assert!(network.evaluate(&data)?.accuracy() > Some(0.97));
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Trainer {
    pub(super) config: Config,
}

impl Trainer {
    /// Returns a trainer of 100 epochs in mini-batches of 32, with a cooldown of the learning rate, without validation,
    /// with seed 0.
    pub fn new(loss: Loss, rule: impl Into<Rule>) -> Self {
        Trainer { config: Config::new(loss, rule.into()) }
    }

    /// Returns the loss that is minimized.
    pub fn loss(&self) -> Loss {
        self.config.loss
    }

    /// Sets the penalty, which shrinks the weights a little in every step.
    pub fn penalty(mut self, penalty: Penalty) -> Self {
        self.config.penalty = penalty;
        self
    }

    /// Clips every entry of the gradient to ±`limit`, before a penalty is added to it. It must be more than zero;
    /// infinity, the default, means no limit.
    pub fn clip_value(mut self, limit: f32) -> Self {
        self.config.clip_value = limit;
        self
    }

    /// Scales the whole gradient down to the Euclidean norm `limit` if it is longer, before a penalty is added to it
    /// (Pascanu, Mikolov, Bengio, 2013). It must be more than zero; infinity, the default, means no limit.
    pub fn clip_norm(mut self, limit: f32) -> Self {
        self.config.clip_norm = limit;
        self
    }

    /// After every step, scales down the incoming weights of every unit whose Euclidean norm is above `limit`
    /// (Srivastava et al., 2014; with dropout, 3 or 4 are usual). It must be more than zero; infinity, the default,
    /// means no limit.
    pub fn max_norm(mut self, limit: f32) -> Self {
        self.config.max_norm = limit;
        self
    }

    /// Takes this fraction, in [0, 1), from the target of an example's class and spreads it evenly over all classes, so
    /// that the network does not become overconfident (Szegedy et al., 2016; 0.1 is usual). The training loss is that
    /// of these targets, the validation loss that of the true ones. A label has two classes. Targets that are values do not
    /// change.
    pub fn label_smoothing(mut self, fraction: f64) -> Self {
        self.config.label_smoothing = fraction as f32;
        self
    }

    /// Freezes the first `layers` dense layers and everything up to the next one, for fine-tuning: frozen layers are
    /// not updated and work as in prediction.
    pub fn freeze(mut self, layers: usize) -> Self {
        self.config.frozen = layers;
        self
    }

    /// Sets the weight of each example: its loss and gradient are multiplied by it, and the mean is still taken
    /// over the number of examples. The validation loss is without weights. By default, the weights are those that the
    /// data [has itself](crate::Dataset::with_weights), scaled to a mean of 1.
    pub fn example_weights(mut self, weights: ExampleWeights) -> Self {
        self.config.example_weights = Some(weights);
        self
    }

    /// Sets the learning-rate schedule.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.config.schedule = schedule;
        self
    }

    /// Multiplies the learning rate by a factor that increases linearly from 0.1 to 1 over this fraction of the steps,
    /// in [0, 1], from the first on (Goyal et al., 2017).
    pub fn warmup(mut self, fraction: f64) -> Self {
        self.config.warmup = fraction as f32;
        self
    }

    /// Sets the number of epochs, passes over the training data, at least 1.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.config.epochs = epochs;
        self
    }

    /// Sets the number of examples per step, at least 1; the last mini-batch of an epoch may be smaller.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.config.batch_size = batch_size;
        self
    }

    /// Holds back this fraction of the examples, in [0, 1), as [`Dataset::split`](crate::Dataset::split) does: chosen by
    /// the seed and of each class alike, in whole groups, or the last in time. The loss is measured on them after each
    /// epoch. [`Run::validation_data`] is for a validation set of your own.
    pub fn validation(mut self, fraction: f64) -> Self {
        self.config.validation = fraction;
        self
    }

    /// Stops if the loss (on the validation set if there is one) has not improved for `patience` epochs, and gives the
    /// network the weights of its best epoch. With a patience of 0, as without this call, the training never stops
    /// early, and the network keeps the weights of the last epoch.
    pub fn early_stopping(mut self, patience: usize) -> Self {
        self.config.patience = (patience > 0).then_some(patience);
        self
    }

    /// Sets the seed of everything random in training: the order of the examples, the choice of the validation set,
    /// dropout, noise.
    pub fn seed(mut self, seed: u64) -> Self {
        self.config.seed = seed;
        self
    }

    /// Sets the number of threads of this trainer's steps; zero, the default, stands for
    /// [`threads`](crate::compute::threads). The results have the same bits for any number. Small steps are done by one
    /// thread.
    pub fn threads(mut self, threads: usize) -> Self {
        self.config.threads = threads;
        self
    }

    /// Trains `network` on `data` from its current weights, initial ones or those of a [`Model`](crate::Model). Steps
    /// that are large enough are shared among several [`threads`](Self::threads).
    ///
    /// Every call is a training of its own: the update rule begins with new moments, and the schedule with its first
    /// step; the usual schedule decreases the learning rate to zero by the end of the call. Two calls of 50 epochs are
    /// not one of 100. For a training that continues from call to call, on new data or on data larger than memory,
    /// there is [`online`](Self::online).
    ///
    /// # Errors
    /// If a setting is out of range, if data, network and loss do not fit each other (a target outside the range of the
    /// loss or of the outputs is no fit), or if the loss becomes infinite or NaN; the network then has the weights of its best epoch with early stopping, else those from before the epoch
    /// that failed, or from where it was resumed within that epoch.
    pub fn fit(&self, network: &mut Network, data: &Dataset) -> Result<History> {
        self.fit_with(network, data, &mut Run::default())
    }

    /// Trains like [`fit`](Self::fit), with an observer, checkpoints or a validation set.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit), and if the validation set does not fit the network, if a checkpoint cannot be
    /// written or does not belong to this training, or if the observer sets an impossible learning rate.
    pub fn fit_with(&self, network: &mut Network, data: &Dataset, run: &mut Run<'_>) -> Result<History> {
        let mut session = self.session(1, network, data, run)?;
        let restored = session.writer.resume(1)?;
        train(&self.config, network, data, restored, &mut session)
    }

    /// Checks everything, and begins the bookkeeping of a call.
    pub(super) fn session<'s, 'r>(
        &self,
        starts: usize,
        network: &Network,
        data: &Dataset,
        run: &'s mut Run<'r>,
    ) -> Result<Session<'s, 'r>> {
        if self.config.epochs == 0 {
            return Err(Error::Setting("epochs 0: training needs at least 1".into()));
        }
        self.config.check(network, data)?;
        let validation = run.validation;
        if let Some(validation) = validation {
            network.check(validation)?;
            targets::check_loss(self.config.loss, validation)?;
        }
        let held_back = (self.config.validation * data.len() as f64).round() as usize;
        self.config.check_memory(network, data.len(), validation.map_or(held_back, Dataset::len))?;
        Ok(Session::new(run, || self.config.fingerprint(starts, network, data, validation)))
    }
}

/// Trains by the method that the update rule needs, from the start or from a checkpoint.
pub(super) fn train(
    config: &Config,
    network: &mut Network,
    data: &Dataset,
    restored: Option<Restored>,
    session: &mut Session<'_, '_>,
) -> Result<History> {
    let training = Training::new(config, network, data, session.validation(), restored)?;
    match config.rule {
        Rule::Lbfgs(rule) => lbfgs::fit(config, rule, training, session),
        _ => gradient_descent::fit(config, training, session),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Adam;

    #[test]
    fn trainer_is_plain_data() {
        fn is_plain<T: Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static>(_: &T) {}
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(3);
        is_plain(&trainer);
        assert_eq!(trainer.clone(), trainer);
        assert_ne!(trainer.clone().threads(2), trainer);
    }
}
