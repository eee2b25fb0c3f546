//! Tuning of the penalty: trials on a part of the data, scored on the rest.

use super::hyperparameters::Hyperparameters;
use super::overrides::STEPS;
use crate::base::rng::{Rng, purpose};
use crate::data::Dataset;
use crate::model::evaluate::Score;
use crate::optim::Penalty;

/// The fractions by which a step shrinks a weight in the trials: the learning rate times the weight decay.
const SHRINKAGES: [f32; 5] = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2];
/// The fraction if there are too few examples for trials.
const DEFAULT_SHRINKAGE: f32 = 1e-3;
/// The L1 penalty of the last trial: it suits data most features of which carry no information.
const L1: f32 = 0.01;
/// The fraction of the examples that trials are scored on, and the fewest examples for that.
const SCORED: f64 = 0.2;
const FEWEST: usize = 50;

/// A trial of hyperparameters, with its result.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trial {
    /// The hyperparameters, with nothing left to be tuned.
    pub hyperparameters: Hyperparameters,
    /// The loss on examples that were not trained on; `None` if training diverged.
    pub loss: Option<f64>,
    /// The score on these examples; `None` if training diverged, or if the trial ended before the run was resumed.
    pub score: Option<Score>,
}

/// Returns the index of the trial with the lowest loss, the first of equals.
pub(super) fn best(trials: &[Trial]) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    for (index, trial) in trials.iter().enumerate() {
        if let Some(loss) = trial.loss.filter(|&loss| best.is_none_or(|(lowest, _)| loss < lowest)) {
            best = Some((loss, index));
        }
    }
    best.map(|(_, index)| index)
}

/// Returns the penalties to try; none for too few examples.
pub(super) fn candidates(start: &Hyperparameters, examples: usize) -> Vec<Penalty> {
    if examples < FEWEST {
        return Vec::new();
    }
    let decays = SHRINKAGES.map(|shrinkage| start.penalty.weight_decay(decay(shrinkage, start)));
    // A penalty that the user has set stays in every trial.
    let is_set = start.penalty.l1 > 0.0 || start.penalty.l2 > 0.0;
    let l1 = (!is_set).then(|| start.penalty.weight_decay(0.0).l1(L1));
    decays.into_iter().chain(l1).collect()
}

/// Returns the penalty of the best trial; the default one for this learning rate if there is none.
pub(super) fn choose(start: &Hyperparameters, trials: &[Trial]) -> Penalty {
    match best(trials) {
        Some(index) => trials[index].hyperparameters.penalty,
        None => start.penalty.weight_decay(decay(DEFAULT_SHRINKAGE, start)),
    }
}

/// Divides the examples into those that trials are trained on and those that they are scored on.
pub(super) fn divide(start: &Hyperparameters, train: &Dataset) -> (Dataset, Dataset) {
    let mut rng = Rng::stream(start.seed, purpose::TRIALS);
    train.split(1.0 - SCORED, rng.next_u64())
}

/// Returns the hyperparameters of a trial with this penalty on this number of examples.
pub(super) fn trial_of(start: &Hyperparameters, penalty: Penalty, examples: usize) -> Hyperparameters {
    let epochs = (STEPS.saturating_mul(start.batch_size) / examples).clamp(1, start.epochs.max(1));
    Hyperparameters { penalty, epochs, tune_penalty: false, tune_learning_rate: false, ..start.clone() }
}

/// Returns the weight decay with which a step shrinks a weight by this fraction, in two digits: more would suggest a
/// precision that the trials do not have.
fn decay(shrinkage: f32, start: &Hyperparameters) -> f32 {
    // At the smallest learning rates it would be infinite.
    two_digits(f64::from((shrinkage / start.optimizer.learning_rate()).min(1e9)))
}

/// Rounds a number to two significant digits.
pub(super) fn two_digits<T: std::str::FromStr<Err: std::fmt::Debug>>(x: f64) -> T {
    format!("{x:.1e}").parse().expect("a number that was just written")
}
