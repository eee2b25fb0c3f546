//! How long a training takes on this device.

use std::time::Duration;

use super::hyperparameters::Hyperparameters;
use super::proposals::Proposals;
use super::trials;
use crate::base::error::Result;
use crate::data::Dataset;
use crate::model::preprocessing::Preprocessing;

/// The mini-batches that are timed.
const TIMED: usize = 8;

impl Hyperparameters {
    /// Returns about how long [`fit`](Self::fit) takes on this device, if all trials are necessary: measured on a few
    /// mini-batches, which takes a few milliseconds to a second.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit).
    pub fn estimate(&self, train: &Dataset) -> Result<Duration> {
        self.check(train, false)?;
        let rows: Vec<usize> = (0..train.len().min(TIMED.saturating_mul(self.batch_size))).collect();
        let some = train.select(&rows);
        let preprocessing = Preprocessing::fit(&some, self.scaling);
        let network = self.network(&some, &preprocessing);
        let mut scaled = some.clone();
        preprocessing.apply(&mut scaled);
        let trainer = Hyperparameters { epochs: 2, validation: 0.0, patience: None, ..self.clone() }.trainer();
        let history = trainer.fit(&mut network.build()?, &scaled)?;
        // The first steps ask for memory, which later ones do not.
        let seconds = match history.epochs[..] {
            [ref first, ref second] => second.seconds - first.seconds,
            _ => history.seconds(),
        };
        let unit = seconds / (self.work_of_example(train) * some.len() as f64);
        Ok(Duration::try_from_secs_f64(unit * self.work_of_all(train)).unwrap_or(Duration::MAX))
    }

    /// Returns the work of the longest trials, and of the training on all examples.
    fn work_of_all(&self, train: &Dataset) -> f64 {
        let usual = Proposals::new(self, train).longest();
        let (divisions, fraction) = trials::division_of(self, train);
        let learned = train.len() as f64 * fraction * divisions as f64;
        let of_trials: f64 = match (self.tune_penalty, self.tune.any()) {
            (true, _) => trials::PENALTIES as f64 * self.for_trial().work(train, learned),
            (_, true) => usual.iter().map(|tried| tried.for_trial().work(train, learned)).sum(),
            _ if self.calibrate => self.for_trial().work(train, learned),
            _ => 0.0,
        };
        of_trials + self.work(train, train.len() as f64)
    }
}
