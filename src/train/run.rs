//! The settings of one call of a trainer: an observer, checkpoints, a validation set.

use std::cell::Cell;
use std::fmt;
use std::ops::ControlFlow;

use super::checkpoint::Checkpoints;
use crate::base::history::Epoch;
use crate::data::Dataset;
use crate::nn::network::Network;

/// An event of a training, for its observer; see [`Run::observe`].
///
/// Both events hold the learning rate of the steps to come, before the factor of the schedule. An observer changes it
/// with [`Cell::set`], to a finite number above zero. It is written into checkpoints. L-BFGS, which finds the length of
/// its steps by itself, ignores it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'e> {
    /// A mini-batch was trained on. For L-BFGS this is an iteration, the one batch of its epoch.
    #[non_exhaustive]
    Batch {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The mini-batch within the epoch, counted from 1.
        batch: usize,
        /// The number of mini-batches in an epoch.
        batches: usize,
        /// The mean loss over the epoch so far, each mini-batch's taken before its step.
        mean_loss: f64,
        /// The network as it is now.
        network: &'e Network,
        /// The learning rate of the steps to come.
        learning_rate: &'e Cell<f32>,
    },
    /// An epoch ended.
    #[non_exhaustive]
    Epoch {
        /// The record of the epoch.
        record: &'e Epoch,
        /// The network as it is now.
        network: &'e Network,
        /// The learning rate of the steps to come.
        learning_rate: &'e Cell<f32>,
    },
}

type Observer<'r> = Box<dyn FnMut(Event<'_>) -> ControlFlow<()> + 'r>;

/// The settings of one call of [`Trainer::fit_with`](crate::Trainer::fit_with): an observer, checkpoints, a validation
/// set. It can be used for several calls.
///
/// ```
/// use std::ops::ControlFlow;
/// use palmnet::{Activation::*, Adam, Event, Loss, Network, Run, Trainer, generate};
/// let (train, validation) = generate::moons(300, 0.1, 1).split(0.8, 1);
/// let mut network = Network::builder(2).dense(16, Relu).dense(2, Softmax).build()?;
/// let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(100);
/// let mut run = Run::default().validation_data(&validation).observe(|event| match event {
///     // A tenth of the learning rate from the 30th epoch on.
///     Event::Epoch { record, learning_rate, .. } if record.epoch == 30 => {
///         learning_rate.set(0.001);
///         ControlFlow::Continue(())
///     }
///     Event::Epoch { record, .. } if record.validation_loss < Some(0.05) => ControlFlow::Break(()),
///     _ => ControlFlow::Continue(()),
/// });
/// let history = trainer.fit_with(&mut network, &train, &mut run)?;
/// assert!(history.epochs.iter().all(|epoch| epoch.validation_loss.is_some()));
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct Run<'r> {
    observer: Option<Observer<'r>>,
    pub(super) checkpoints: Option<Checkpoints<'r>>,
    pub(super) validation: Option<&'r Dataset>,
}

impl<'r> Run<'r> {
    /// Calls `observer` after every mini-batch and every epoch. Training ends if it returns `Break`, after a last
    /// checkpoint if [`checkpoints`](Self::checkpoints) are written. With early stopping the network then gets the
    /// weights of its best epoch, if one has ended.
    pub fn observe(self, observer: impl FnMut(Event<'_>) -> ControlFlow<()> + 'r) -> Self {
        Run { observer: Some(Box::new(observer)), ..self }
    }

    /// Writes checkpoints, and resumes from one if asked.
    pub fn checkpoints(self, checkpoints: Checkpoints<'r>) -> Self {
        Run { checkpoints: Some(checkpoints), ..self }
    }

    /// Measures the loss on this data after each epoch, instead of the trainer's
    /// [`validation`](crate::Trainer::validation) fraction, and trains on all of the training data.
    pub fn validation_data(self, data: &'r Dataset) -> Self {
        Run { validation: Some(data), ..self }
    }

    pub(super) fn event(&mut self, event: Event<'_>) -> ControlFlow<()> {
        self.observer.as_mut().map_or(ControlFlow::Continue(()), |observer| observer(event))
    }
}

impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("observed", &self.observer.is_some())
            .field("checkpoints", &self.checkpoints)
            .field("validation_examples", &self.validation.map(Dataset::len))
            .finish()
    }
}
