//! Training by gradient descent: epochs of shuffled mini-batches.

use std::ops::{ControlFlow, Range};

use super::config::Config;
use super::position::{Position, RuleState};
use super::session::Session;
use super::snapshot::Snapshot;
use super::step::{Shared, StepMemory, Task};
use super::training::Training;
use crate::base::error::{Error, Result};
use crate::base::history::History;
use crate::base::parallel::Team;
use crate::base::rng::{Rng, purpose};
use crate::optim::{Optimizer, Scheduler};

/// Trains from the start, or resumes from a checkpoint.
pub(super) fn fit(config: &Config, training: Training<'_>, session: &mut Session<'_, '_>) -> Result<History> {
    let Training { network, pass, examples, options, restored } = training;
    let mut optimizer = config.optimizer(network);
    let batches = examples.train.rows.len().div_ceil(config.batch_size);
    let position = match restored {
        Some(restored) => {
            let steps = restored.position.steps(batches);
            restored.apply(network, config.epochs, batches, &mut |state| {
                state.steps == steps && optimizer.resume(state.steps, state.learning_rate, state.moments)
            })
        }
        None => Some(Position::new(config.rule.learning_rate())),
    };
    session.begin(config, position.ok_or_else(|| session.writer.contradiction())?);
    let batch_size = config.batch_size.min(examples.train.rows.len());
    let memory = StepMemory::new(network, &pass, &options, batch_size, config.threads);
    let shared = &Shared::new(network, examples, options, &memory);
    let mut scheduler = Scheduler::new(config.schedule, config.epochs, batches).warmup(config.warmup);
    session.position.history.epochs.iter().for_each(|epoch| scheduler.end_epoch(epoch.loss()));
    let orders = Rng::stream(config.seed, purpose::ORDER).next_u64();
    let before = Snapshot::default();
    let descent = Descent { config, shared, session, optimizer, scheduler, batches, orders, before };
    shared.with_team(|team| descent.run(team))
}

struct Descent<'a, 's, 'r> {
    config: &'a Config,
    shared: &'a Shared<'a>,
    session: &'a mut Session<'s, 'r>,
    optimizer: Optimizer,
    scheduler: Scheduler,
    /// The number of mini-batches in an epoch.
    batches: usize,
    /// The seed of the orders.
    orders: u64,
    /// The weights from before the epoch.
    before: Snapshot,
}

impl Descent<'_, '_, '_> {
    fn run(mut self, team: &mut Team<'_, Task>) -> Result<History> {
        while let Some(epoch) = self.session.next_epoch() {
            self.before.take(&self.shared.network());
            // Every epoch's order follows from the seed and the number of the epoch alone.
            let mut order = self.shared.order();
            order.copy_from_slice(self.shared.rows());
            Rng::stream(self.orders, epoch as u64).shuffle(&mut order);
            drop(order);
            if self.train_batches(epoch, team)?.is_break() || self.end_epoch(epoch, team)?.is_break() {
                break;
            }
        }
        Ok(self.session.finish(self.shared))
    }

    /// Returns the range of a mini-batch, counted from 0, in the order.
    fn range(&self, batch: usize) -> Range<usize> {
        let (size, examples) = (self.config.batch_size, self.shared.rows().len());
        let start = examples.min(batch.saturating_mul(size));
        start..examples.min(start.saturating_add(size))
    }

    /// Trains on the mini-batches of an epoch that are left.
    fn train_batches(&mut self, epoch: usize, team: &mut Team<'_, Task>) -> Result<ControlFlow<()>> {
        for i in self.session.position.batch..self.batches {
            let batch = self.range(i);
            let step = (epoch - 1) * self.batches + i;
            let rate = self.session.position.learning_rate * self.scheduler.factor(step);
            self.optimizer.set_learning_rate(rate);
            let loss = match self.shared.step(team, &mut self.optimizer, step as u64, batch.clone()) {
                Ok(loss) => loss,
                Err(reason) => return Err(self.diverged(&reason, i + 1)),
            };
            self.session.position.loss_sum += loss * batch.len() as f64;
            let mean_loss = self.session.position.loss_sum / batch.end as f64;
            let network = self.shared.network();
            let flow = self.session.end_batch(i + 1, self.batches, mean_loss, &network)?;
            self.session.write_if_due(flow, &network, || RuleState::of(&self.optimizer))?;
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn end_epoch(&mut self, epoch: usize, team: &mut Team<'_, Task>) -> Result<ControlFlow<()>> {
        let train_loss = self.session.position.loss_sum / self.shared.rows().len() as f64;
        let validation_loss = self.shared.validation_loss(team);
        // The very last step may diverge too, and no later mini-batch shows that, so the loss is computed again.
        let after = match validation_loss {
            None if epoch == self.config.epochs => {
                let steps = (epoch * self.batches) as u64;
                Some(self.shared.loss_again(team, steps, self.range(self.batches - 1)))
            }
            other => other,
        };
        if let Some(loss) = after.filter(|loss| !loss.is_finite()) {
            return Err(self.diverged(&format!("the loss after the epoch is {loss}"), self.batches));
        }
        let record = self.session.record(train_loss, validation_loss, self.optimizer.learning_rate());
        self.scheduler.end_epoch(record.loss());
        let network = self.shared.network();
        let flow = self.session.end_epoch(record, &network)?;
        self.session.write_if_due(flow, &network, || RuleState::of(&self.optimizer))?;
        Ok(flow)
    }

    /// Returns the error of a mini-batch, counted from 1. The network gets the weights of its best epoch, if any were
    /// noted, or those from before the epoch that failed.
    fn diverged(&mut self, reason: &str, batch: usize) -> Error {
        self.shared.restore(&self.before);
        let history = self.session.finish(self.shared);
        let (epoch, rate) = (history.epochs.len() + 1, self.optimizer.learning_rate());
        let message = format!(
            "{reason}. Lower the learning rate (now {rate}), scale features and targets, or look for extreme values in \
             the data"
        );
        Error::diverged(epoch, batch, message, history)
    }
}
