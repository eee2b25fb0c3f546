//! The training loop.

use std::ops::ControlFlow;
use std::time::Instant;

use super::checkpoint::{self, Keeper, Memory, Place, Saved};
use super::lbfgs;
use super::run::{Event, Run};
use super::snapshot::Snapshot;
use super::step::{Extras, Round, Shared};
use super::weights::Weights;
use crate::base::error::{Error, Result};
use crate::base::history::{Epoch, History};
use crate::base::parallel::{self, Team, write};
use crate::base::rng::{Rng, purpose};
use crate::data::Dataset;
use crate::data::split::divide;
use crate::nn::activation::Activation;
use crate::nn::backprop::Pass;
use crate::nn::builder::NetworkBuilder;
use crate::nn::layer::Layer;
use crate::nn::loss::Loss;
use crate::nn::network::Network;
use crate::optim::{Optimizer, Penalty, Rule};
use crate::optim::{Schedule, Scheduler};

/// Trains networks: the loss, the update rule, and how long and in what portions.
///
/// ```
/// use palmnet::{Activation::*, Adam, Loss, Network, Trainer, generate};
/// let data = generate::moons(300, 0.1, 1);
/// let mut network = Network::builder(2).dense(16, Relu).dense(1, Sigmoid).seed(1).build()?;
/// let history = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.01)).epochs(100).fit(&mut network, &data)?;
/// assert!(history.train_loss() < history.epochs[0].train_loss);
/// assert!(network.evaluate(&data)?.accuracy() > Some(0.97));
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Trainer<'a> {
    pub(super) loss: Loss,
    pub(super) rule: Rule,
    pub(super) penalty: Penalty,
    pub(super) clip_value: f32,
    pub(super) extras: Extras,
    frozen: usize,
    weights: Option<Weights<'a>>,
    schedule: Schedule,
    pub(super) warmup: f32,
    pub(super) epochs: usize,
    pub(super) batch_size: usize,
    validation: Validation<'a>,
    patience: Option<usize>,
    pub(super) seed: u64,
}

#[derive(Clone, Debug)]
enum Validation<'a> {
    Share(f64),
    Given(&'a Dataset),
}

impl<'a> Trainer<'a> {
    /// A trainer of 100 epochs in batches of 32, with a cooldown of the learning rate, without validation, with seed 0.
    pub fn new(loss: Loss, rule: impl Into<Rule>) -> Self {
        Trainer {
            loss,
            rule: rule.into(),
            penalty: Penalty::default(),
            clip_value: f32::INFINITY,
            extras: Extras::default(),
            frozen: 0,
            weights: None,
            schedule: Schedule::default(),
            warmup: 0.0,
            epochs: 100,
            batch_size: 32,
            validation: Validation::Share(0.0),
            patience: None,
            seed: 0,
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

    /// Scales the whole gradient down to the Euclidean norm `limit` where it is longer, before a penalty is added to it
    /// (Pascanu, Mikolov, Bengio, 2013).
    pub fn clip_norm(mut self, limit: f32) -> Self {
        self.extras.clip_norm = limit;
        self
    }

    /// After every step, scales down the incoming weights of every unit whose Euclidean norm is above `limit` (Srivastava
    /// et al., 2014; with dropout, 3 or 4 are usual).
    pub fn max_norm(mut self, limit: f32) -> Self {
        self.extras.max_norm = limit;
        self
    }

    /// Takes the share `share`, in [0, 1), from the target of an example's class and spreads it evenly over all classes,
    /// so that the network does not grow too sure (Szegedy et al., 2016; 0.1 is usual). The training loss is that of these
    /// targets, the validation loss of the true ones. Values are no classes: their targets stay.
    pub fn label_smoothing(mut self, share: f32) -> Self {
        self.extras.smoothing = share;
        self
    }

    /// Leaves the first `layers` dense layers as they are, with all that lies before the next one, to train the rest of a
    /// network that has learned something before: they work as in prediction.
    pub fn freeze(self, layers: usize) -> Self {
        Trainer { frozen: layers, ..self }
    }

    /// How much each example counts: its loss and gradient are multiplied by that, and the mean is still taken over the
    /// number of examples. The validation loss is without.
    pub fn weights(self, weights: Weights<'a>) -> Self {
        Trainer { weights: Some(weights), ..self }
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

    /// Holds back this share of the examples (and of each class), in [0, 1), chosen by the seed, to measure the loss on
    /// after each epoch.
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

    /// The loss that is minimized.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// Trains `network` on `data`, from the weights that it has, be they fresh or those of a
    /// [`Model`](crate::Model). Steps that are large enough are shared among [`threads`](crate::threads).
    ///
    /// # Errors
    /// When a setting is out of range, when data, network and loss do not fit each other, or when the loss becomes
    /// infinite or NaN; the network then has the weights of its best epoch with early stopping, else those from before the
    /// epoch that failed, or from where it was resumed within that epoch. When a checkpoint cannot be written, or does not
    /// belong to this training.
    pub fn fit(&self, network: &mut Network, data: &Dataset) -> Result<History> {
        self.fit_with(network, data, &mut Run::default())
    }

    /// As [`fit`](Self::fit), with an observer and checkpoints.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit), and if a checkpoint cannot be written or is of another training.
    pub fn fit_with(&self, network: &mut Network, data: &Dataset, run: &mut Run<'_>) -> Result<History> {
        self.check(network, data)?;
        let mut keeper = self.keeper(1, network, data, run);
        let saved = keeper.resume(1)?;
        self.fit_from(saved, network, data, &mut keeper)
    }

    /// As [`fit`](Self::fit), from where a checkpoint was written, if there is one.
    fn fit_from(
        &self,
        saved: Option<Saved>,
        network: &mut Network,
        data: &Dataset,
        keeper: &mut Keeper<'_, '_>,
    ) -> Result<History> {
        let mut rows: Vec<usize> = (0..data.len()).collect();
        let (validation, held_back) = match self.validation {
            Validation::Given(validation) => (validation, (0..validation.len()).collect()),
            Validation::Share(share) => {
                let mut rng = Rng::stream(self.seed, purpose::VALIDATION);
                (data, hold_back(share, &mut rows, data.labels(), &mut rng))
            }
        };
        let extras = self.extras_for(network, data)?;
        let pass = Pass::new(network, self.loss, self.seed)?.freeze(network, extras.frozen);
        if let Rule::Lbfgs(rule) = self.rule {
            let lbfgs = lbfgs::Start { rule, saved, extras };
            return lbfgs::fit(self, lbfgs, network, &pass, (data, rows), (validation, held_back), keeper);
        }
        let mut optimizer = Optimizer::new(self.rule, network).penalty(self.penalty).clip_value(self.clip_value);
        let batches = rows.len().div_ceil(self.batch_size);
        let place = match saved {
            Some(saved) => saved.restore(network, self.epochs, batches, &mut |memory| {
                optimizer.resume(memory.steps, memory.learning_rate, memory.moments)
            }),
            None => Some(Place::default()),
        };
        let place = place.ok_or_else(|| keeper.contradiction())?;
        let data = (data, rows.clone());
        let shared = Shared::new(network, &pass, self.batch_size, data, (validation, held_back), extras);
        parallel::team(shared.threads, &|round, piece| shared.work(round, piece), |team| {
            self.train(&rows, &shared, team, optimizer, place, keeper)
        })
    }

    fn train(
        &self,
        rows: &[usize],
        shared: &Shared<'_>,
        team: &mut Team<'_, Round>,
        mut optimizer: Optimizer,
        mut place: Place,
        keeper: &mut Keeper<'_, '_>,
    ) -> Result<History> {
        let mut before = Snapshot::default();
        let batches = rows.len().div_ceil(self.batch_size);
        let mut scheduler = Scheduler::new(self.schedule, self.epochs, batches).warmup(self.warmup);
        place.history.epochs.iter().for_each(|epoch| scheduler.end_epoch(epoch.loss()));
        let orders = Rng::stream(self.seed, purpose::ORDER).next_u64();
        let (start, seconds_before) = (Instant::now(), place.seconds);
        let seconds = || seconds_before + start.elapsed().as_secs_f64();
        for epoch in place.history.epochs.len() + 1..=self.epochs {
            // Asked here, so that a training that was resumed after its last epoch ends as well.
            if self.has_stopped(&place) {
                break;
            }
            before.take(&shared.network());
            // Every epoch's order follows from the seed and its number alone, whatever came before.
            let mut order = write(&shared.order);
            order.copy_from_slice(rows);
            Rng::stream(orders, epoch as u64).shuffle(&mut order);
            drop(order);
            let mut seen = rows.len().min(place.batch.saturating_mul(self.batch_size));
            let last = (batches - 1) * self.batch_size..rows.len();
            let mut stopped = false;
            for i in place.batch..batches {
                let batch = seen..rows.len().min(seen + self.batch_size);
                let step = (epoch - 1) * batches + i;
                optimizer.set_learning_rate(self.rule.learning_rate() * scheduler.factor(step));
                let loss = match shared.step(team, &mut optimizer, step as u64, batch.clone()) {
                    Ok(loss) => loss,
                    Err(what) => return Err(diverged(&what, i + 1, optimizer.learning_rate(), place, shared, &before)),
                };
                seen = batch.end;
                place.batch = i + 1;
                place.sum += loss * batch.len() as f64;
                let mean = place.sum / seen as f64;
                stopped = keeper.tell(Event::Batch { epoch, batch: i + 1, batches, loss: mean }).is_break();
                if stopped || keeper.due() {
                    place.seconds = seconds();
                    keeper.write(&shared.network(), &Memory::of(&optimizer), &place)?;
                }
                if stopped {
                    break;
                }
            }
            if stopped {
                break;
            }
            let train_loss = place.sum / seen as f64;
            let validation_loss = shared.validation_loss(team);
            // The last step of all may go too far too, and no loss after it shows that, unless it is asked for.
            let after = match validation_loss {
                None if epoch == self.epochs => Some(shared.loss_again(team, (epoch * batches) as u64, last.clone())),
                other => other,
            };
            if let Some(loss) = after.filter(|loss| !loss.is_finite()) {
                let what = format!("the loss after the epoch is {loss}");
                return Err(diverged(&what, batches, optimizer.learning_rate(), place, shared, &before));
            }
            let (learning_rate, seconds) = (optimizer.learning_rate(), seconds());
            let record = Epoch { epoch, train_loss, validation_loss, learning_rate, seconds };
            scheduler.end_epoch(record.loss());
            (place.batch, place.sum, place.seconds) = (0, 0.0, seconds);
            let network = shared.network();
            keeper.end_epoch();
            let stopped = self.end_epoch(record, &network, &mut place, keeper).is_break();
            if stopped || keeper.due() {
                keeper.write(&network, &Memory::of(&optimizer), &place)?;
            }
            if stopped {
                break;
            }
        }
        Ok(place.finish(shared))
    }

    /// Whether early stopping ends the training after the epochs that are done.
    pub(super) fn has_stopped(&self, place: &Place) -> bool {
        let (done, best) = (place.history.epochs.len(), place.best.epoch);
        best > 0 && self.patience.is_some_and(|patience| done - best >= patience)
    }

    /// Notes what an epoch came to, and tells the observer, who may stop the training.
    pub(super) fn end_epoch(
        &self,
        record: Epoch,
        network: &Network,
        place: &mut Place,
        keeper: &mut Keeper<'_, '_>,
    ) -> ControlFlow<()> {
        place.history.epochs.push(record);
        place.history.best_epoch = record.epoch;
        if self.patience.is_some() {
            place.best.update(&record, network);
        }
        keeper.tell(Event::Epoch { record: &record, network })
    }

    /// Starts `starts` networks from different seeds, trains each for a tenth of the epochs, and trains the best of
    /// them in full: a remedy for small networks, of which some draws of the initial weights leave so many ReLU units
    /// without a gradient that they cannot learn. The loss that decides is that of the validation part where there
    /// is one. The observer is told of the last training only; checkpoints are written in all of them.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), when every start fails.
    ///
    /// # Panics
    /// When `starts` is zero.
    pub fn fit_best_of(&self, starts: usize, builder: &NetworkBuilder, data: &Dataset) -> Result<(Network, History)> {
        self.fit_best_of_with(starts, builder, data, &mut Run::default())
    }

    /// As [`fit_best_of`](Self::fit_best_of), with an observer and checkpoints.
    ///
    /// # Errors
    /// Those of [`fit_with`](Self::fit_with), when every start fails.
    ///
    /// # Panics
    /// When `starts` is zero.
    pub fn fit_best_of_with(
        &self,
        starts: usize,
        builder: &NetworkBuilder,
        data: &Dataset,
        run: &mut Run<'_>,
    ) -> Result<(Network, History)> {
        assert!(starts > 0, "fit_best_of needs at least one start");
        let mut network = builder.build()?;
        if starts == 1 {
            let history = self.fit_with(&mut network, data, run)?;
            return Ok((network, history));
        }
        self.check(&network, data)?;
        let mut keeper = self.keeper(starts, &network, data, run);
        let mut saved = keeper.resume(starts)?;
        if saved.is_none() || keeper.trials.is_some() {
            let short = Trainer { epochs: self.epochs.div_ceil(10), ..self.clone() };
            keeper.is_silent = true;
            network = short.choose(starts, builder, data, &mut keeper, saved.take())?;
            keeper.is_silent = false;
        }
        let history = self.fit_from(saved, &mut network, data, &mut keeper)?;
        Ok((network, history))
    }

    /// What steps do besides, for this network and data.
    pub(super) fn extras_for(&self, network: &Network, data: &Dataset) -> Result<Extras> {
        let mut extras = Extras { frozen: self.first_trained(network)?, ..self.extras.clone() };
        if let Some(weights) = self.weights {
            extras.weights = weights.of(data)?;
        }
        Ok(extras)
    }

    /// The layer that training begins with.
    pub(super) fn first_trained(&self, network: &Network) -> Result<usize> {
        if self.frozen == 0 {
            return Ok(0);
        }
        let dense = |(_, layer): &(usize, &Layer)| matches!(layer, Layer::Dense(_));
        let mut dense = network.layers().iter().enumerate().filter(dense);
        let count = dense.clone().count();
        dense.nth(self.frozen).map(|(layer, _)| layer).ok_or_else(|| {
            let frozen = self.frozen;
            Error::Setting(format!("{frozen} of {count} dense layers are to be left as they are: nothing is trained"))
        })
    }

    /// The best of the starts, after short trainings of those that have not had theirs.
    fn choose(
        &self,
        starts: usize,
        builder: &NetworkBuilder,
        data: &Dataset,
        keeper: &mut Keeper<'_, '_>,
        mut saved: Option<Saved>,
    ) -> Result<Network> {
        let mut failure = None;
        for start in keeper.trials.get_or_insert_default().done..starts {
            let mut network = builder.clone().reseeded(start as u64).build()?;
            let trial = self.fit_from(saved.take(), &mut network, data, keeper);
            let trials = keeper.trials.get_or_insert_default();
            trials.done = start + 1;
            match trial {
                Ok(history) => {
                    let loss = history.epochs.last().map_or(f64::NAN, Epoch::loss);
                    // A loss that is not a number is worse than any.
                    let loss = if loss.is_nan() { f64::INFINITY } else { loss };
                    if trials.best.as_ref().is_none_or(|(lowest, _)| loss < *lowest) {
                        trials.best = Some((loss, network));
                    }
                }
                Err(error @ Error::Diverged(_)) => drop(failure.get_or_insert(error)),
                Err(error) => return Err(error),
            }
        }
        let best = keeper.trials.take().and_then(|trials| trials.best);
        best.map(|(_, network)| network).ok_or_else(|| failure.unwrap_or_else(|| keeper.contradiction()))
    }

    /// What writes the checkpoints of a training of these.
    fn keeper<'k, 'r>(&self, starts: usize, network: &Network, data: &Dataset, run: &'k mut Run<'r>) -> Keeper<'k, 'r> {
        let checkpoints = run.checkpoints.is_some();
        let settings = if checkpoints { self.settings(starts, network, data) } else { Vec::new() };
        Keeper::new(run, settings)
    }

    /// Everything that the bits of the result follow from, by name.
    fn settings(&self, starts: usize, network: &Network, data: &Dataset) -> Vec<(&'static str, String)> {
        // Every field by name, so that a new one is not forgotten here.
        let Trainer {
            loss,
            rule,
            penalty,
            clip_value,
            schedule,
            warmup,
            epochs,
            batch_size,
            validation,
            patience,
            seed,
            extras,
            frozen,
            weights,
        } = self;
        let validation = match validation {
            Validation::Share(share) => share.to_string(),
            Validation::Given(validation) => validation.digest(),
        };
        vec![
            ("network", checkpoint::layers(network)),
            ("initial weights", checkpoint::digest_of_network(network)),
            ("starts", starts.to_string()),
            ("data", data.digest()),
            ("validation", validation),
            ("loss", loss.to_string()),
            ("learning rate", rule.learning_rate().to_string()),
            ("update rule", rule.to_string()),
            ("l1", penalty.l1.to_string()),
            ("l2", penalty.l2.to_string()),
            ("weight decay", penalty.weight_decay.to_string()),
            ("decay of biases", penalty.biases.to_string()),
            ("clip value", clip_value.to_string()),
            ("clip norm", extras.clip_norm.to_string()),
            ("max norm", extras.max_norm.to_string()),
            ("label smoothing", extras.smoothing.to_string()),
            ("frozen layers", frozen.to_string()),
            ("weights", checkpoint::digest_of_weights(weights.as_ref(), data)),
            ("schedule", schedule.to_string()),
            ("warmup", warmup.to_string()),
            ("epochs", epochs.to_string()),
            ("batch size", batch_size.to_string()),
            ("patience", patience.map_or("none".into(), |patience| patience.to_string())),
            ("seed", seed.to_string()),
        ]
    }

    pub(super) fn check(&self, network: &Network, data: &Dataset) -> Result<()> {
        if data.is_empty() {
            return Err(Error::Mismatch("there are no examples to train on".into()));
        }
        if self.batch_size == 0 {
            return Err(Error::Setting("a batch needs at least one example: set the batch size to 1 or more".into()));
        }
        let first = self.first_trained(network)?;
        let normalises = network.layers()[first..].iter().any(|layer| matches!(layer, Layer::BatchNorm(_)));
        if normalises && self.batch_size.min(data.len()) == 1 {
            let message = "batch normalisation learns nothing from batches of one example: \
                 make the batches larger, or use layer normalisation";
            return Err(Error::Setting(message.into()));
        }
        self.rule.check()?;
        self.penalty.check()?;
        self.schedule.check()?;
        if let Rule::Lbfgs(_) = self.rule {
            lbfgs::check(self, network)?;
        }
        let Extras { smoothing, clip_norm, max_norm, .. } = self.extras;
        for (what, limit) in [("clip value", self.clip_value), ("clip norm", clip_norm), ("max norm", max_norm)] {
            if limit.is_nan() || limit <= 0.0 {
                return Err(Error::Setting(format!("{what} {limit}: it must be more than zero")));
            }
        }
        if !(0.0..1.0).contains(&smoothing) {
            let message = format!("label smoothing {smoothing}: the share must be at least 0 and less than 1");
            return Err(Error::Setting(message));
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

/// Takes `share` of the rows away, at random and of each class alike; one row at least stays.
fn hold_back(share: f64, rows: &mut Vec<usize>, labels: Option<&[u32]>, rng: &mut Rng) -> Vec<usize> {
    let count = ((rows.len() as f64 * share).round() as usize).min(rows.len() - 1);
    if count == 0 {
        return Vec::new();
    }
    rng.shuffle(rows);
    divide(rows, rows.len() - count, labels)
}

/// The error of a batch of the epoch after those of `place`. The network gets the weights of its best epoch, if any were
/// noted, or those from before the epoch that failed.
fn diverged(what: &str, batch: usize, rate: f32, place: Place, shared: &Shared<'_>, before: &Snapshot) -> Error {
    shared.restore(before);
    let epoch = place.history.epochs.len() + 1;
    let history = place.finish(shared);
    let message = format!(
        "{what}. Lower the learning rate (now {rate}), scale features and targets, or look for extreme values in the data"
    );
    Error::diverged(epoch, batch, message, history)
}
