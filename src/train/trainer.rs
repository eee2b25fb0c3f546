//! The training loop.

use std::ops::ControlFlow;
use std::time::Instant;

use super::history::{Epoch, History};
use super::lbfgs;
use super::snapshot::Snapshot;
use super::step::{Round, Shared};
use crate::activation::Activation;
use crate::backprop::Pass;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::loss::Loss;
use crate::network::{Network, NetworkBuilder};
use crate::optimizer::{Optimizer, Penalty, Rule};
use crate::parallel::{self, Team, write};
use crate::rng::{Rng, purpose};
use crate::schedule::{Schedule, Scheduler};

/// Trains networks: the loss, the update rule, and how long and in what portions.
///
/// ```
/// use palmnet::{Activation::*, Adam, Loss, Network, Trainer, generate};
/// let data = generate::moons(300, 0.1, 1);
/// let mut network = Network::builder(2).dense(16, Relu).dense(1, Sigmoid).seed(1).build()?;
/// let history = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.01)).epochs(100).fit(&mut network, &data)?;
/// assert!(history.train_loss() < history.epochs[0].train_loss);
/// assert!(network.evaluate(&data)?.accuracy() > 0.97);
/// # Ok::<(), palmnet::Error>(())
/// ```
pub struct Trainer<'a> {
    pub(super) loss: Loss,
    pub(super) rule: Rule,
    pub(super) penalty: Penalty,
    pub(super) clip_value: f32,
    schedule: Schedule,
    pub(super) warmup: f32,
    pub(super) epochs: usize,
    pub(super) batch_size: usize,
    validation: Validation<'a>,
    patience: Option<usize>,
    pub(super) seed: u64,
    observer: Option<Observer<'a>>,
}

type Observer<'a> = Box<dyn FnMut(Event<'_>) -> ControlFlow<()> + 'a>;

enum Validation<'a> {
    Share(f64),
    Given(&'a Dataset),
}

/// What an observer is told; see [`Trainer::observe`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'e> {
    /// A batch was trained on. For L-BFGS this is an iteration, the one batch of its epoch.
    Batch {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The batch within the epoch, counted from 1.
        batch: usize,
        /// The batches of an epoch.
        batches: usize,
        /// The mean loss over the epoch so far.
        loss: f64,
    },
    /// An epoch ended.
    Epoch {
        /// What it came to.
        record: &'e Epoch,
        /// The network as it is now.
        network: &'e Network,
    },
}

impl<'a> Trainer<'a> {
    /// A trainer of 100 epochs in batches of 32, with a cooldown of the learning rate, without validation, with seed 0.
    pub fn new(loss: Loss, rule: impl Into<Rule>) -> Self {
        Trainer {
            loss,
            rule: rule.into(),
            penalty: Penalty::default(),
            clip_value: f32::INFINITY,
            schedule: Schedule::default(),
            warmup: 0.0,
            epochs: 100,
            batch_size: 32,
            validation: Validation::Share(0.0),
            patience: None,
            seed: 0,
            observer: None,
        }
    }

    /// Pulls the weights towards zero in every step.
    pub fn penalty(self, penalty: Penalty) -> Self {
        Trainer { penalty, ..self }
    }

    /// Cuts every entry of the gradient to ±`limit`, before a penalty is added to it.
    pub fn clip_value(self, limit: f32) -> Self {
        Trainer { clip_value: limit, ..self }
    }

    /// How the learning rate changes over the training.
    pub fn schedule(self, schedule: Schedule) -> Self {
        Trainer { schedule, ..self }
    }

    /// Over the first part of the steps, of this share, in [0, 1], the schedule's learning rate is multiplied by what
    /// rises from 0.1 to 1 in a straight line (Goyal et al., 2017).
    pub fn warmup(self, share: f32) -> Self {
        Trainer { warmup: share, ..self }
    }

    /// The number of times that every example is seen.
    pub fn epochs(self, epochs: usize) -> Self {
        Trainer { epochs, ..self }
    }

    /// The number of examples per step; the last batch of an epoch may be smaller.
    pub fn batch_size(self, batch_size: usize) -> Self {
        Trainer { batch_size, ..self }
    }

    /// Holds back this share of the examples, in [0, 1), chosen by the seed, to measure the loss on after each epoch.
    pub fn validation(self, share: f64) -> Self {
        Trainer { validation: Validation::Share(share), ..self }
    }

    /// Measures the loss on this data after each epoch.
    pub fn validation_data(self, data: &'a Dataset) -> Self {
        Trainer { validation: Validation::Given(data), ..self }
    }

    /// Stops when the loss (on the validation part where there is one) has not improved for `patience` epochs, and
    /// gives the network the weights of its best epoch.
    pub fn early_stopping(self, patience: usize) -> Self {
        Trainer { patience: Some(patience), ..self }
    }

    /// The seed of everything random in training: the shuffling, the validation part, dropout.
    pub fn seed(self, seed: u64) -> Self {
        Trainer { seed, ..self }
    }

    /// Calls `observer` after every batch and every epoch; training ends when it answers `Break`.
    pub fn observe(self, observer: impl FnMut(Event<'_>) -> ControlFlow<()> + 'a) -> Self {
        Trainer { observer: Some(Box::new(observer)), ..self }
    }

    /// Trains `network` on `data`, from the weights that it has. Steps that are large enough are shared among
    /// [`threads`](crate::threads).
    ///
    /// # Errors
    /// When a setting is out of range, when data, network and loss do not fit each other, or when the loss becomes
    /// infinite or NaN; the network then has the weights from before the epoch that failed.
    pub fn fit(&mut self, network: &mut Network, data: &Dataset) -> Result<History> {
        self.check(network, data)?;
        let mut rows: Vec<usize> = (0..data.len()).collect();
        let (validation, held_back) = match self.validation {
            Validation::Given(validation) => (validation, (0..validation.len()).collect()),
            Validation::Share(share) => {
                (data, hold_back(share, &mut rows, &mut Rng::stream(self.seed, purpose::VALIDATION)))
            }
        };
        let pass = Pass::new(network, self.loss, self.seed)?;
        if let Rule::Lbfgs(rule) = self.rule {
            return lbfgs::fit(self, rule, network, &pass, (data, rows), (validation, held_back));
        }
        let optimizer = Optimizer::new(self.rule, network).penalty(self.penalty).clip_value(self.clip_value);
        let shared = Shared::new(network, &pass, self.batch_size, (data, rows.clone()), (validation, held_back));
        parallel::team(shared.threads, &|round, piece| shared.work(round, piece), |team| {
            self.train(&rows, &shared, team, optimizer)
        })
    }

    fn train(
        &mut self,
        rows: &[usize],
        shared: &Shared<'_>,
        team: &mut Team<'_, Round>,
        mut optimizer: Optimizer,
    ) -> Result<History> {
        let mut history = History::default();
        let mut best = Best::default();
        let mut before = Snapshot::default();
        let batches = rows.len().div_ceil(self.batch_size);
        let mut scheduler = Scheduler::new(self.schedule, self.epochs, batches).warmup(self.warmup);
        let orders = Rng::stream(self.seed, purpose::ORDER).next_u64();
        let start = Instant::now();
        for epoch in 1..=self.epochs {
            before.take(&shared.network());
            // Every epoch's order follows from the seed and its number alone, whatever came before.
            let mut order = write(&shared.order);
            order.copy_from_slice(rows);
            Rng::stream(orders, epoch as u64).shuffle(&mut order);
            drop(order);
            let (mut sum, mut seen, mut stopped) = (0.0, 0, false);
            for i in 0..batches {
                let batch = seen..rows.len().min(seen + self.batch_size);
                let step = (epoch - 1) * batches + i;
                optimizer.set_learning_rate(self.rule.learning_rate() * scheduler.factor(step));
                let loss = shared.step(team, &mut optimizer, step as u64, batch.clone());
                if !loss.is_finite() {
                    shared.restore(&before);
                    return Err(diverged(epoch, i + 1, &format!("the loss is {loss}"), optimizer.learning_rate()));
                }
                seen = batch.end;
                sum += loss * batch.len() as f64;
                stopped = self.tell(Event::Batch { epoch, batch: i + 1, batches, loss: sum / seen as f64 }).is_break();
                if stopped {
                    break;
                }
            }
            // The last step may have gone too far with no loss after it to show that.
            if !shared.network().parameters().flatten().all(|weight| weight.is_finite()) {
                shared.restore(&before);
                let batch = seen.div_ceil(self.batch_size);
                return Err(diverged(epoch, batch, "a weight is no longer finite", optimizer.learning_rate()));
            }
            if stopped {
                break;
            }
            let train_loss = sum / seen as f64;
            let validation_loss = shared.validation_loss(team);
            scheduler.end_epoch(validation_loss.unwrap_or(train_loss));
            let (learning_rate, seconds) = (optimizer.learning_rate(), start.elapsed().as_secs_f64());
            let record = Epoch { epoch, train_loss, validation_loss, learning_rate, seconds };
            if self.end_epoch(record, shared, &mut history, &mut best).is_break() {
                break;
            }
        }
        best.take_over(shared, &mut history);
        Ok(history)
    }

    /// Notes what an epoch came to, and tells the observer; `Break` ends the training.
    pub(super) fn end_epoch(
        &mut self,
        record: Epoch,
        shared: &Shared<'_>,
        history: &mut History,
        best: &mut Best,
    ) -> ControlFlow<()> {
        history.epochs.push(record);
        history.best_epoch = record.epoch;
        let network = shared.network();
        let stop = self.patience.is_some_and(|patience| best.update(&record, &network) >= patience);
        match self.tell(Event::Epoch { record: &record, network: &network }) {
            ControlFlow::Continue(()) if !stop => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }

    /// Starts `starts` networks from different seeds, trains each for a tenth of the epochs, and trains the best of
    /// them in full: a remedy for small networks, of which some draws of the initial weights leave so many ReLU units
    /// without a gradient that they cannot learn. The loss that decides is that of the validation part where there
    /// is one. The observer is told of the last training only.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), when every start fails.
    ///
    /// # Panics
    /// When `starts` is zero.
    pub fn fit_best_of(
        &mut self,
        starts: usize,
        builder: &NetworkBuilder,
        data: &Dataset,
    ) -> Result<(Network, History)> {
        assert!(starts > 0, "fit_best_of needs at least one start");
        if starts == 1 {
            let mut network = builder.build()?;
            let history = self.fit(&mut network, data)?;
            return Ok((network, history));
        }
        let (epochs, observer) = (self.epochs, self.observer.take());
        self.epochs = epochs.div_ceil(10);
        let best = (0..starts as u64)
            .map(|i| {
                let mut network = builder.clone().reseeded(i).build()?;
                let history = self.fit(&mut network, data)?;
                let last = history.epochs.last();
                Ok((last.map_or(f64::NAN, |last| last.validation_loss.unwrap_or(last.train_loss)), network))
            })
            .reduce(|best: Result<(f64, Network)>, trial| match (&best, &trial) {
                (Ok((lowest, _)), Ok((loss, _))) if loss < lowest => trial,
                (Err(_), Ok(_)) => trial,
                _ => best,
            });
        (self.epochs, self.observer) = (epochs, observer);
        let (_, mut network) = best.expect("there is at least one start")?;
        let history = self.fit(&mut network, data)?;
        Ok((network, history))
    }

    pub(super) fn tell(&mut self, event: Event<'_>) -> ControlFlow<()> {
        self.observer.as_mut().map_or(ControlFlow::Continue(()), |observer| observer(event))
    }

    pub(super) fn check(&self, network: &Network, data: &Dataset) -> Result<()> {
        if data.is_empty() {
            return Err(Error::Mismatch("there are no examples to train on".into()));
        }
        if self.batch_size == 0 {
            return Err(Error::Setting("a batch needs at least one example: set the batch size to 1 or more".into()));
        }
        self.rule.check()?;
        self.penalty.check()?;
        self.schedule.check()?;
        if let Rule::Lbfgs(_) = self.rule {
            lbfgs::check(self, network)?;
        }
        if self.clip_value.is_nan() || self.clip_value <= 0.0 {
            return Err(Error::Setting(format!("clip value {}: it must be more than zero", self.clip_value)));
        }
        if !(0.0..=1.0).contains(&self.warmup) {
            return Err(Error::Setting(format!("warmup {}: the share of the steps must be from 0 to 1", self.warmup)));
        }
        match self.validation {
            Validation::Share(share) if !(0.0..1.0).contains(&share) => {
                return Err(Error::Setting(format!(
                    "validation {share}: the share must be at least 0 and less than 1"
                )));
            }
            Validation::Given(validation) => network.check(validation)?,
            Validation::Share(_) => {}
        }
        network.check(data)?;
        if data.labels().is_some()
            && network.outputs() == 1
            && (matches!(self.loss, Loss::CrossEntropy | Loss::CrossEntropyLogits)
                || network.output_activation() == Activation::Softmax)
        {
            let message = "one output is the probability of the second of two classes: \
                 end the network in sigmoid and use binary_cross_entropy, or give each class an output";
            return Err(Error::Setting(message.into()));
        }
        // The gradient, two copies of the weights and the moments: a failed allocation would end the process.
        let numbers = network.parameter_count().saturating_mul(3 + self.rule.moments());
        Vec::<f32>::new().try_reserve_exact(numbers).map_err(|_| {
            Error::Setting(format!(
                "training takes memory for {numbers} numbers, which is not there: choose fewer units"
            ))
        })
    }
}

/// Takes `share` of the rows away, at random; one row at least stays.
fn hold_back(share: f64, rows: &mut Vec<usize>, rng: &mut Rng) -> Vec<usize> {
    let count = ((rows.len() as f64 * share).round() as usize).min(rows.len() - 1);
    if count > 0 {
        rng.shuffle(rows);
    }
    rows.split_off(rows.len() - count)
}

fn diverged(epoch: usize, batch: usize, what: &str, rate: f32) -> Error {
    let message = format!(
        "{what}. Lower the learning rate (now {rate}), scale features and targets, or look for extreme values in the data"
    );
    Error::Diverged { epoch, batch, message }
}

/// The weights of the best epoch so far.
#[derive(Default)]
pub(super) struct Best {
    epoch: usize,
    loss: f64,
    weights: Snapshot,
}

impl Best {
    /// Takes the weights when the epoch was the best; returns how many epochs have passed since the best.
    fn update(&mut self, record: &Epoch, network: &Network) -> usize {
        let loss = record.validation_loss.unwrap_or(record.train_loss);
        // A loss that is not a number is worse than any.
        let loss = if loss.is_nan() { f64::INFINITY } else { loss };
        if self.epoch == 0 || loss < self.loss {
            (self.epoch, self.loss) = (record.epoch, loss);
            self.weights.take(network);
        }
        record.epoch - self.epoch
    }

    /// Gives the network these weights, if any were taken.
    pub(super) fn take_over(&self, shared: &Shared<'_>, history: &mut History) {
        if self.epoch > 0 {
            shared.restore(&self.weights);
            history.best_epoch = self.epoch;
        }
    }
}
