//! How much there is to compute, and how much there is time for.

use std::time::Duration;

use super::encoding::embedded_groups;
use super::hyperparameters::Hyperparameters;
use crate::base::clock::Clock;
use crate::data::{Column, ColumnKind, Dataset, Targets};

/// Returns the most inputs of the first dense layer, with so many bins for each number, and so many numbers for each
/// embedded column.
pub(super) fn encoded_width(train: &Dataset, bins: usize, embedding: usize) -> usize {
    let width = |column: &Column| match (embedded_groups(&column.kind), &column.kind) {
        (Some(groups), _) if embedding > 0 => groups * embedding,
        (_, ColumnKind::Categories(_)) => column.width(),
        _ => column.width() * (bins + 1),
    };
    train.schema().columns().iter().map(width).sum()
}

impl Hyperparameters {
    /// Returns about how many multiplications and additions an example costs in an epoch: forwards, and backwards twice.
    pub(super) fn work_of_example(&self, train: &Dataset) -> f64 {
        let outputs = match train.targets() {
            Targets::Classes(_) => train.class_names().len(),
            Targets::Labels(values) | Targets::Values(values) => values.columns(),
        };
        let inputs = [encoded_width(train, self.bins, self.embedding)].into_iter().chain(self.hidden.iter().copied());
        let outputs = self.hidden.iter().copied().chain([outputs]);
        let weights: f64 = inputs.zip(outputs).map(|(inputs, outputs)| inputs as f64 * outputs as f64).sum();
        // Every input is looked at a few times, however many are zero.
        3.0 * weights * self.members as f64 + 50.0 * train.features().columns() as f64
    }

    /// Returns about how many a training on so many of the `examples` costs.
    pub(super) fn work(&self, train: &Dataset, examples: f64) -> f64 {
        self.work_of_example(train) * self.epochs as f64 * examples
    }
}

/// How fast the trials so far were, and the time that is left of a budget.
pub(super) struct Pace {
    clock: Clock,
    budget: Option<Duration>,
    work: f64,
}

impl Pace {
    pub fn new(budget: Option<Duration>) -> Self {
        Pace { clock: Clock::start(), budget, work: 0.0 }
    }

    /// Adds work that has been done.
    pub fn add(&mut self, work: f64) {
        self.work += work;
    }

    /// Returns how much more work there is time for; infinity without a budget, or before anything is measured.
    pub fn left(&self) -> f64 {
        let Some(budget) = self.budget else { return f64::INFINITY };
        let elapsed = self.clock.elapsed().as_secs_f64();
        if self.work == 0.0 || elapsed == 0.0 {
            return f64::INFINITY;
        }
        (budget.as_secs_f64() - elapsed).max(0.0) * self.work / elapsed
    }
}
