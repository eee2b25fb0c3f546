//! Trials: hyperparameters tried on a part of the data, and scored on the rest.

use super::hyperparameters::Hyperparameters;
use super::overrides::STEPS;
use crate::base::error::Result;
use crate::base::rng::{Rng, purpose};
use crate::data::Dataset;
use crate::model::evaluate::Score;
use crate::optim::{Penalty, Rule};

/// The fractions by which a step shrinks a weight in the trials: the learning rate times the weight decay.
const SHRINKAGES: [f32; 5] = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2];
/// The fraction if there are too few examples for trials.
const DEFAULT_SHRINKAGE: f32 = 1e-3;
/// The L1 penalty of the last trial: it suits data most features of which carry no information.
const L1: f32 = 0.01;
/// The fraction of the examples that trials are scored on, and the fewest examples for that.
const SCORED: f64 = 0.2;
const FEWEST: usize = 50;
/// The numbers of epochs that are tried, as divisors of the largest.
const EPOCH_DIVISORS: [usize; 3] = [1, 3, 9];
/// The dropout of the last trial, which has the second number of epochs: some tables are overfitted without.
const DROPOUT: f64 = 0.2;
/// With fewer examples, those that a single division would hold out say too little: trials are in folds.
const FEW: usize = 500;
const FOLDS: usize = 5;

/// A trial of hyperparameters, with its result.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trial {
    /// The hyperparameters, with nothing left to be tuned.
    pub hyperparameters: Hyperparameters,
    /// The mean loss on examples that were not trained on; `None` if training diverged.
    pub loss: Option<f64>,
    /// The score on these examples; `None` if training diverged, if the trial ended before the run was resumed, and for
    /// trials in folds.
    pub score: Option<Score>,
}

/// Examples that a trial is trained on, and others that it is scored on.
pub(super) struct Division {
    pub learned: Dataset,
    pub scored: Dataset,
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

/// Returns the hyperparameters to try on so many `examples`, with nothing left to be tuned; none for too few.
pub(super) fn candidates(start: &Hyperparameters, examples: usize) -> Vec<Hyperparameters> {
    if examples < FEWEST || !start.tunes() {
        return Vec::new();
    }
    let mut candidates = Vec::new();
    if start.tune_penalty {
        // About as many steps as on all examples.
        let learned = (examples as f64 * (1.0 - SCORED)).round() as usize;
        let epochs = (STEPS.saturating_mul(start.batch_size) / learned.max(1)).clamp(1, start.epochs.max(1));
        let penalties = penalties(start).into_iter();
        candidates.extend(penalties.map(|penalty| Hyperparameters { penalty, epochs, ..start.clone() }));
    } else if start.tune_epochs {
        let mut epochs = EPOCH_DIVISORS.map(|divisor| start.epochs.div_ceil(divisor)).to_vec();
        epochs.dedup();
        candidates.extend(epochs.iter().map(|&epochs| Hyperparameters { epochs, ..start.clone() }));
        // L-BFGS needs the same loss at every step.
        let may_drop = start.dropout == 0.0 && !matches!(start.optimizer, Rule::Lbfgs(_));
        if let (Some(&epochs), true) = (epochs.get(1), may_drop) {
            candidates.push(Hyperparameters { epochs, dropout: DROPOUT, ..start.clone() });
        }
    } else {
        candidates.push(start.clone());
    }
    candidates.iter().map(Hyperparameters::resolved).collect()
}

/// Returns the penalties to try.
fn penalties(start: &Hyperparameters) -> Vec<Penalty> {
    let decays = SHRINKAGES.map(|shrinkage| start.penalty.weight_decay(decay(shrinkage, start)));
    // A penalty that the user has set stays in every trial.
    let is_set = start.penalty.l1 > 0.0 || start.penalty.l2 > 0.0;
    let l1 = (!is_set).then(|| start.penalty.weight_decay(0.0).l1(L1));
    decays.into_iter().chain(l1).collect()
}

/// Returns the hyperparameters of the best trial, if there is one; else the default penalty for this learning rate, if it
/// was to be tuned.
pub(super) fn choose(start: &Hyperparameters, best: Option<&Hyperparameters>) -> Hyperparameters {
    let mut chosen = start.resolved();
    match best {
        Some(best) if start.tune_penalty => chosen.penalty = best.penalty,
        Some(best) => (chosen.epochs, chosen.dropout) = (best.epochs, best.dropout),
        None if start.tune_penalty => {
            chosen.penalty = start.penalty.weight_decay(decay(DEFAULT_SHRINKAGE, start));
        }
        None => {}
    }
    chosen
}

/// Divides the examples into those that trials are trained on and those that they are scored on; in folds if they are
/// few, but for trials of penalties. Empty if they cannot be divided: of few groups, none may be left to score on, or to
/// take a validation set from.
pub(super) fn divisions(start: &Hyperparameters, train: &Dataset) -> Result<Vec<Division>> {
    let mut rng = Rng::stream(start.seed, purpose::TRIALS);
    let divisions: Vec<Division> = match train.len() {
        0..FEW if !start.tune_penalty && !train.is_indivisible() => {
            let folds = train.folds(FOLDS, rng.next_u64())?;
            folds.map(|(learned, scored)| Division { learned, scored }).collect()
        }
        _ => {
            let (learned, scored) = train.split(1.0 - SCORED, rng.next_u64());
            vec![Division { learned, scored }]
        }
    };
    let is_whole = |division: &Division| !division.scored.is_empty() && !division.learned.is_indivisible();
    Ok(if divisions.iter().all(is_whole) { divisions } else { Vec::new() })
}

/// Returns the mean loss over all examples of the divisions; `None` if one is not there.
pub(super) fn mean_loss(divisions: &[Division], losses: &[Option<f64>]) -> Option<f64> {
    let examples: usize = divisions.iter().map(|division| division.scored.len()).sum();
    let weighted = divisions.iter().zip(losses).map(|(division, loss)| Some((*loss)? * division.scored.len() as f64));
    Some(weighted.sum::<Option<f64>>()? / examples as f64)
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
