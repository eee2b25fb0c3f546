//! The best of several starts.

use super::config::Config;
use super::position::Restored;
use super::run::Run;
use super::session::Session;
use super::snapshot::finite_or_worst;
use super::trainer::{Trainer, train};
use crate::base::error::{Error, Result};
use crate::base::history::{Epoch, History};
use crate::data::Dataset;
use crate::nn::builder::NetworkBuilder;
use crate::nn::network::Network;

impl Trainer {
    /// Starts `starts` networks from different seeds, trains each for a tenth of the epochs, and trains the best of
    /// them in full: a remedy for small networks, for which some initial weights leave too many ReLU units without a
    /// gradient to learn. The loss that decides is that on the validation set if there is one.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit), and if every start diverges.
    ///
    /// # Panics
    /// If `starts` is zero.
    pub fn fit_best_of(&self, starts: usize, builder: &NetworkBuilder, data: &Dataset) -> Result<(Network, History)> {
        self.fit_best_of_with(starts, builder, data, &mut Run::default())
    }

    /// Trains like [`fit_best_of`](Self::fit_best_of), with an observer, checkpoints or a validation set. The observer
    /// gets the events of the training in full only; checkpoints are written in all trainings.
    ///
    /// # Errors
    /// Those of [`fit_with`](Self::fit_with), and if every start diverges.
    ///
    /// # Panics
    /// If `starts` is zero.
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
        let mut session = self.session(starts, &network, data, run)?;
        let mut restored = session.writer.resume(starts)?;
        if restored.is_none() || session.writer.starts.is_some() {
            let config = Config { epochs: self.config.epochs.div_ceil(10), ..self.config.clone() };
            let choice = Choice { config, starts, builder, data };
            session.is_silent = true;
            network = choice.run(restored.take(), &mut session)?;
            session.is_silent = false;
        }
        let history = train(&self.config, &mut network, data, restored, &mut session)?;
        Ok((network, history))
    }
}

/// The choice among starts.
struct Choice<'c> {
    /// Of the short trainings.
    config: Config,
    starts: usize,
    builder: &'c NetworkBuilder,
    data: &'c Dataset,
}

impl Choice<'_> {
    /// Trains those starts that have not had their short training, and returns the best of all.
    fn run(&self, mut restored: Option<Restored>, session: &mut Session<'_, '_>) -> Result<Network> {
        let mut failure = None;
        for start in session.writer.starts.get_or_insert_default().done..self.starts {
            let mut network = self.builder.clone().reseeded(start as u64).build()?;
            let trained = train(&self.config, &mut network, self.data, restored.take(), session);
            let starts = session.writer.starts.get_or_insert_default();
            starts.done = start + 1;
            match trained {
                Ok(history) => {
                    let loss = finite_or_worst(history.epochs.last().map_or(f64::NAN, Epoch::loss));
                    if starts.best.as_ref().is_none_or(|(lowest, _)| loss < *lowest) {
                        starts.best = Some((loss, network));
                    }
                }
                Err(error @ Error::Diverged(_)) => drop(failure.get_or_insert(error)),
                Err(error) => return Err(error),
            }
        }
        let best = session.writer.starts.take().and_then(|starts| starts.best);
        best.map(|(_, network)| network).ok_or_else(|| failure.unwrap_or_else(|| session.writer.contradiction()))
    }
}
