//! Everything that belongs to one call and not to the trainer: an observer and checkpoints.

use std::fmt;
use std::ops::ControlFlow;

use super::checkpoint_options::Checkpoints;
use crate::base::history::Epoch;
use crate::nn::network::Network;

type Observer<'r> = Box<dyn FnMut(Event<'_>) -> ControlFlow<()> + 'r>;

/// The news that an observer of a training gets; see [`Run::observe`].
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

/// An observer and checkpoints for a call of [`Trainer::fit_with`](crate::Trainer::fit_with).
#[derive(Default)]
#[must_use]
pub struct Run<'r> {
    observer: Option<Observer<'r>>,
    pub(super) checkpoints: Option<Checkpoints<'r>>,
}

impl<'r> Run<'r> {
    /// Writes checkpoints, and resumes from one if asked.
    pub fn checkpoints(self, checkpoints: Checkpoints<'r>) -> Self {
        Run { checkpoints: Some(checkpoints), ..self }
    }

    /// Calls `observer` after every mini-batch and every epoch; training ends if it returns `Break`, after a last
    /// checkpoint if [`checkpoints`](Self::checkpoints) are written. With early stopping the network then gets the
    /// weights of its best epoch, if one has ended.
    pub fn observe(self, observer: impl FnMut(Event<'_>) -> ControlFlow<()> + 'r) -> Self {
        Run { observer: Some(Box::new(observer)), ..self }
    }

    pub(super) fn tell(&mut self, event: Event<'_>) -> ControlFlow<()> {
        self.observer.as_mut().map_or(ControlFlow::Continue(()), |observer| observer(event))
    }
}

impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let observed = self.observer.is_some();
        f.debug_struct("Run").field("observed", &observed).field("checkpoints", &self.checkpoints).finish()
    }
}
