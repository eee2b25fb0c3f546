//! Trials: hyperparameters tried on a part of the data, and scored on the rest.

use super::hyperparameters::Hyperparameters;
use super::overrides::STEPS;
use super::proposals::Proposals;
use crate::base::error::Result;
use crate::base::rng::{Rng, purpose};
use crate::base::text::two_digits;
use crate::data::Dataset;
use crate::model::evaluate::Score;
use crate::optim::Penalty;

/// The fractions by which a step shrinks a weight in the trials: the learning rate times the weight decay.
const SHRINKAGES: [f32; 5] = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2];
/// The fraction if there are too few examples for trials.
const DEFAULT_SHRINKAGE: f32 = 1e-3;
/// The L1 penalty of the last trial: it suits data most features of which carry no information.
const L1: f32 = 0.01;
/// The fraction of the examples that trials are scored on.
const SCORED: f64 = 0.2;
/// The fewest examples for trials that are scored on one held-out part, and for trials in folds.
const FEWEST: usize = 50;
const FEWEST_IN_FOLDS: usize = 20;
/// The trials of penalties.
pub(super) const PENALTIES: usize = SHRINKAGES.len() + 1;
/// With fewer examples, those that a single division would hold out say too little: trials are in folds.
const FEW: usize = 1000;
const FOLDS: usize = 5;

/// A trial of hyperparameters, with its result.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trial {
    /// The index of the trial among all of its search or tuning.
    pub index: usize,
    /// The hyperparameters, with nothing left to be tuned.
    pub hyperparameters: Hyperparameters,
    /// The mean loss on examples that were not trained on, or what is compared instead: of classes, if a calibration will
    /// be measured, the mean Brier score ([`brier_score`](crate::metrics::brier_score)). `None` if training diverged.
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

/// The trials of one table.
pub(super) enum Plan<'a> {
    /// These, whatever their losses are.
    Fixed(Vec<Hyperparameters>),
    /// Of an ensemble: each depends on the losses of those before.
    Proposed(Box<Proposals<'a>>),
}

impl<'a> Plan<'a> {
    /// Returns the plan for hyperparameters in which nothing but the learning rate is resolved; it is empty for too few
    /// examples.
    pub fn new(start: &'a Hyperparameters, train: &'a Dataset) -> Self {
        let fewest = if division_of(start, train).0 > 1 { FEWEST_IN_FOLDS } else { FEWEST };
        if train.len() < fewest || !start.tunes() {
            return Plan::Fixed(Vec::new());
        }
        if start.tune_penalty {
            // About as many steps as on all examples.
            let learned = (train.len() as f64 * (1.0 - SCORED)).round() as usize;
            let epochs = (STEPS.saturating_mul(start.batch_size) / learned.max(1)).clamp(1, start.epochs.max(1));
            let penalties = penalties(start).into_iter();
            return Plan::Fixed(
                penalties.map(|penalty| Hyperparameters { penalty, epochs, ..start.clone() }).collect(),
            );
        }
        if start.tune.any() {
            Plan::Proposed(Box::new(Proposals::new(start, train)))
        } else {
            Plan::Fixed(vec![start.clone()])
        }
    }

    /// Returns whether there are no trials.
    pub fn is_empty(&self) -> bool {
        matches!(self, Plan::Fixed(all) if all.is_empty())
    }

    /// Returns the most trials; `None` if there are as many as time allows.
    pub fn most(&self) -> Option<usize> {
        match self {
            Plan::Fixed(all) => Some(all.len()),
            Plan::Proposed(proposals) => proposals.most(),
        }
    }

    /// Returns what is tried after trials with these losses, with nothing left to be tuned; `None` for the end.
    pub fn next(&self, losses: &[Option<f64>]) -> Option<Hyperparameters> {
        match self {
            Plan::Fixed(all) => all.get(losses.len()).map(Hyperparameters::resolved),
            Plan::Proposed(proposals) => proposals.next(losses).map(|next| next.resolved()),
        }
    }
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
/// was to be tuned. `epochs` are those of the training proper, unless penalties were tried.
pub(super) fn choose(start: &Hyperparameters, best: Option<&Hyperparameters>, epochs: usize) -> Hyperparameters {
    let resolved = start.resolved();
    match best {
        Some(best) if start.tune_penalty => Hyperparameters { penalty: best.penalty, ..resolved },
        Some(best) => Hyperparameters { epochs, ..best.clone() },
        None if start.tune_penalty => {
            Hyperparameters { penalty: start.penalty.weight_decay(decay(DEFAULT_SHRINKAGE, start)), ..resolved }
        }
        None => resolved,
    }
}

/// Returns the number of divisions for trials, and the fraction of the examples that each is trained on. Of few groups,
/// there are as many folds.
pub(super) fn division_of(start: &Hyperparameters, train: &Dataset) -> (usize, f64) {
    let folds = if train.len() < FEW && !start.tune_penalty { train.most_folds().min(FOLDS) } else { 1 };
    if folds > 1 { (folds, 1.0 - 1.0 / folds as f64) } else { (1, 1.0 - SCORED) }
}

/// Divides the examples into those that trials are trained on and those that they are scored on; in folds if they are
/// few, but for trials of penalties. Empty if they cannot be divided: of few groups, none may be left to score on, or to
/// take a validation set from.
pub(super) fn divisions(start: &Hyperparameters, train: &Dataset) -> Result<Vec<Division>> {
    let mut rng = Rng::stream(start.seed, purpose::TRIALS);
    let divisions: Vec<Division> = match division_of(start, train) {
        (1, fraction) => {
            let (learned, scored) = train.split(fraction, rng.next_u64());
            vec![Division { learned, scored }]
        }
        (folds, _) => {
            let folds = train.folds(folds, rng.next_u64())?;
            folds.map(|(learned, scored)| Division { learned, scored }).collect()
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
