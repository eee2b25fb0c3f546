//! The record of a training.

/// What one epoch came to.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Epoch {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The mean loss over the epoch's batches, each taken before its step; for L-BFGS the loss after its step.
    pub train_loss: f64,
    /// The mean loss on the validation part after the epoch, where there is such a part.
    pub validation_loss: Option<f64>,
    /// The learning rate of the epoch's last step; for L-BFGS the length of the step.
    pub learning_rate: f32,
    /// Seconds since training began.
    pub seconds: f64,
}

/// Every epoch of a training, and how it ended.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// The epochs, first to last.
    pub epochs: Vec<Epoch>,
    /// The epoch, counted from 1, whose weights the network has: the best with early stopping, else the last.
    pub best_epoch: usize,
}

impl History {
    /// The training loss of the last epoch; NaN when there was none.
    pub fn train_loss(&self) -> f64 {
        self.epochs.last().map_or(f64::NAN, |epoch| epoch.train_loss)
    }

    /// Seconds that training took.
    pub fn seconds(&self) -> f64 {
        self.epochs.last().map_or(0.0, |epoch| epoch.seconds)
    }
}
