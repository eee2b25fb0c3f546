//! The bookkeeping of a training: its position, clock and patience, its observer, and its checkpoints.
//!
//! Gradient descent and L-BFGS have the same structure, and differ only in the step to the next weights:
//!
//! ```text
//! begin                      at the start, or where a checkpoint was written
//! while next_epoch           more are left, and early stopping has not ended the training
//!   for every mini-batch
//!     …                      a step
//!     end_batch              calls the observer; write_if_due
//!   end_epoch                record, best weights, calls the observer; write_if_due
//! finish                     the best weights with early stopping, and the history
//! ```

use std::cell::Cell;
use std::ops::ControlFlow;

use super::checkpoint_file::Fingerprint;
use super::checkpoint_writer::CheckpointWriter;
use super::config::Config;
use super::position::{Position, RuleState, is_rate};
use super::run::{Event, Run};
use super::step::Shared;
use crate::base::clock::Clock;
use crate::base::error::{Error, Result};
use crate::base::history::{Epoch, History};
use crate::data::Dataset;
use crate::nn::network::Network;

/// The trainings of one call, one after the other.
pub(super) struct Session<'s, 'r> {
    run: &'s mut Run<'r>,
    /// Whether the observer is not called.
    pub(super) is_silent: bool,
    pub(super) writer: CheckpointWriter<'r>,
    /// The position of the training.
    pub(super) position: Position,
    epochs: usize,
    patience: Option<usize>,
    /// The start of the training in this run, and the seconds of the runs before.
    clock: Clock,
    seconds_before: f64,
}

impl<'s, 'r> Session<'s, 'r> {
    /// Returns a session for a call; `fingerprint` is needed if there are checkpoints.
    pub(super) fn new(run: &'s mut Run<'r>, fingerprint: impl FnOnce() -> Fingerprint) -> Self {
        let checkpoints = run.checkpoints.clone();
        let fingerprint = if checkpoints.is_some() { fingerprint() } else { Fingerprint::new() };
        Session {
            run,
            is_silent: false,
            writer: CheckpointWriter::new(checkpoints, fingerprint),
            position: Position::default(),
            epochs: 0,
            patience: None,
            clock: Clock::start(),
            seconds_before: 0.0,
        }
    }

    pub(super) fn validation(&self) -> Option<&'r Dataset> {
        self.run.validation
    }

    /// Begins a training at this position.
    pub(super) fn begin(&mut self, config: &Config, position: Position) {
        (self.epochs, self.patience) = (config.epochs, config.patience);
        (self.clock, self.seconds_before) = (Clock::start(), position.seconds);
        self.position = position;
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + self.clock.elapsed().as_secs_f64()
    }

    /// Returns the epoch to train, counted from 1; `None` if all are done, or early stopping ends the training. It is
    /// asked before each epoch, so that a training that was resumed after its last epoch ends as well.
    pub(super) fn next_epoch(&self) -> Option<usize> {
        let (done, best) = (self.position.history.epochs.len(), self.position.best.epoch);
        let is_over = best > 0 && self.patience.is_some_and(|patience| done - best >= patience);
        (done < self.epochs && !is_over).then_some(done + 1)
    }

    /// Records that a mini-batch, counted from 1, is done; calls the observer, which may stop the training.
    pub(super) fn end_batch(
        &mut self,
        batch: usize,
        batches: usize,
        mean_loss: f64,
        network: &Network,
    ) -> Result<ControlFlow<()>> {
        self.position.batch = batch;
        let epoch = self.position.history.epochs.len() + 1;
        let learning_rate = &Cell::new(self.position.learning_rate);
        self.notify(learning_rate, Event::Batch { epoch, batch, batches, mean_loss, network, learning_rate })
    }

    /// Returns the record of the epoch under way.
    pub(super) fn record(&self, train_loss: f64, validation_loss: Option<f64>, learning_rate: f32) -> Epoch {
        let (epoch, seconds) = (self.position.history.epochs.len() + 1, self.seconds());
        Epoch { epoch, train_loss, validation_loss, learning_rate, seconds }
    }

    /// Keeps the record of an epoch, and its weights if they are the best; calls the observer, which may stop the
    /// training.
    pub(super) fn end_epoch(&mut self, record: Epoch, network: &Network) -> Result<ControlFlow<()>> {
        let position = &mut self.position;
        (position.batch, position.loss_sum) = (0, 0.0);
        position.history.epochs.push(record);
        position.history.best_epoch = record.epoch;
        if self.patience.is_some() {
            position.best.update(&record, network);
        }
        self.writer.end_epoch();
        let learning_rate = &Cell::new(self.position.learning_rate);
        self.notify(learning_rate, Event::Epoch { record: &record, network, learning_rate })
    }

    /// Calls the observer, if there is one, and takes over the learning rate that it set.
    fn notify(&mut self, learning_rate: &Cell<f32>, event: Event<'_>) -> Result<ControlFlow<()>> {
        if self.is_silent {
            return Ok(ControlFlow::Continue(()));
        }
        let flow = self.run.event(event);
        let rate = learning_rate.get();
        if !is_rate(rate) {
            let message = format!("the observer set the learning rate to {rate}: it must be finite and more than zero");
            return Err(Error::Setting(message));
        }
        self.position.learning_rate = rate;
        Ok(flow)
    }

    /// Writes a checkpoint if it is time for one, or if the training is stopped.
    pub(super) fn write_if_due<'o>(
        &mut self,
        flow: ControlFlow<()>,
        network: &Network,
        rule: impl FnOnce() -> RuleState<&'o [f32]>,
    ) -> Result<()> {
        if flow.is_break() || self.writer.is_due() {
            self.position.seconds = self.seconds();
            self.writer.write(network, &rule(), &self.position)?;
        }
        Ok(())
    }

    /// Ends the training: the network gets the weights of its best epoch, if any were noted.
    pub(super) fn finish(&mut self, shared: &Shared<'_>) -> History {
        let Position { mut history, best, .. } = std::mem::take(&mut self.position);
        if best.epoch > 0 {
            shared.restore(&best.weights);
            history.best_epoch = best.epoch;
        }
        history
    }
}
