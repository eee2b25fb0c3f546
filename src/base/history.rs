//! The record of a training.

use std::fmt::Write;

/// The losses, the learning rate and the time of one epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Epoch {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The mean loss over the epoch's batches, each taken before its step; for L-BFGS the loss after its step.
    pub train_loss: f64,
    /// The mean loss on the validation set after the epoch, if there is one.
    pub validation_loss: Option<f64>,
    /// The learning rate of the epoch's last step; for L-BFGS the length of the step.
    pub learning_rate: f32,
    /// Seconds since training began.
    pub seconds: f64,
}

impl Epoch {
    /// Returns the loss that decides: the validation loss if there is one, else the training loss.
    pub(crate) fn loss(&self) -> f64 {
        self.validation_loss.unwrap_or(self.train_loss)
    }
}

/// Every epoch of a training, and how it ended.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// The epochs, first to last.
    pub epochs: Vec<Epoch>,
    /// The epoch, counted from 1, whose weights the network has: the best with early stopping, else the last. If an
    /// observer stopped in the middle of an epoch, without early stopping, the network is some batches further.
    pub best_epoch: usize,
}

impl History {
    /// Returns the training loss of the last epoch; NaN if there was none.
    pub fn train_loss(&self) -> f64 {
        self.epochs.last().map_or(f64::NAN, |epoch| epoch.train_loss)
    }

    /// Returns a CSV table of the epochs: a header, then one line each with `epoch`, `train_loss`, `validation_loss`
    /// (empty if there is none), `learning_rate` and `seconds`. Numbers have the digits that read back as the same.
    pub fn to_csv(&self) -> String {
        let mut text = String::from("epoch,train_loss,validation_loss,learning_rate,seconds\n");
        for Epoch { epoch, train_loss, validation_loss, learning_rate, seconds } in &self.epochs {
            let validation_loss = validation_loss.map_or_else(String::new, |loss| format!("{loss:?}"));
            let line = format!("{epoch},{train_loss:?},{validation_loss},{learning_rate:?},{seconds:?}");
            writeln!(text, "{line}").expect("a string can be written");
        }
        text
    }

    /// Returns the seconds that training took; 0 if there was no epoch.
    pub fn seconds(&self) -> f64 {
        self.epochs.last().map_or(0.0, |epoch| epoch.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table() {
        let epoch = Epoch { epoch: 1, train_loss: 0.5, validation_loss: None, learning_rate: 0.1, seconds: 2.0 };
        let next = Epoch { epoch: 2, train_loss: 1e-9, validation_loss: Some(f64::INFINITY), ..epoch };
        let history = History { epochs: vec![epoch, next], best_epoch: 2 };
        let lines = ["epoch,train_loss,validation_loss,learning_rate,seconds", "1,0.5,,0.1,2.0", "2,1e-9,inf,0.1,2.0"];
        assert_eq!(history.to_csv(), lines.map(|line| format!("{line}\n")).concat());
        assert_eq!(History::default().to_csv().lines().count(), 1);
    }
}
