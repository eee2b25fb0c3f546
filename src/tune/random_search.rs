//! Random search (Bergstra, Bengio, 2012).

use std::cell::Cell;
use std::ops::ControlFlow;

use super::hyperparameters::Hyperparameters;
use super::overrides::Overrides;
use super::recipe::{FitEvent, FitRun};
use super::trials::{Trial, best};
use super::tunable::Tune;
use super::work::encoded_width;
use crate::base::clock::Clock;
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::rng::{Rng, purpose};
use crate::base::sort::order;
use crate::base::text::two_digits;
use crate::data::Dataset;
use crate::optim::Rule;

/// Random search: trials of hyperparameters drawn around the defaults; those with the lowest loss on a validation set
/// win.
///
/// The first trial has the defaults, tuned. The others draw one to three equal hidden layers, the learning rate, the
/// batch size, dropout, the weight decay and, for an ensemble, the members, the bins and the size of the embedding, unless
/// they are given. The draws of one hyperparameter do not depend on
/// which others are given.
///
/// ```
/// use palmnet::{generate, tune::{Overrides, RandomSearch}};
/// let (train, test) = generate::moons(600, 0.2, 1).split(0.8, 1);
/// let given = Overrides { hidden: Some(vec![32, 32]), ..Overrides::default() };
/// let tuned = RandomSearch::new(given).trials(6).run(&train)?;
/// let model = tuned.best.fit(&train)?.model;
/// assert!(model.score(&test)?.value() > 0.93);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct RandomSearch {
    given: Overrides,
    trials: usize,
    validation: f64,
    part: usize,
    parts: usize,
}

/// The result of a search, or of a part of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tuned {
    /// The best hyperparameters, resolved for all of the data.
    pub best: Hyperparameters,
    /// The index of the best trial in `trials`.
    pub best_trial: usize,
    /// The trials, in their order.
    pub trials: Vec<Trial>,
}

impl Tuned {
    /// Returns the trials in the order of their losses, those that failed at the end.
    pub fn ranked(&self) -> Vec<&Trial> {
        let loss = |index: usize| self.trials[index].loss.unwrap_or(f64::INFINITY);
        order(self.trials.len(), &|a, b| loss(a).total_cmp(&loss(b)))
            .into_iter()
            .map(|index| &self.trials[index])
            .collect()
    }
}

/// The loss of a trial of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrialLoss {
    /// The index of the trial in the search.
    pub index: usize,
    /// Its [`loss`](Trial::loss); `None` if training diverged.
    pub loss: Option<f64>,
}

/// The data of a search, and the hyperparameters of its trials.
struct Drawn {
    learned: Dataset,
    scored: Dataset,
    overrides: Vec<Overrides>,
}

/// An event of a search, for its observer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum SearchEvent<'e> {
    /// The search begins.
    Begin {
        /// The examples that trials are trained on.
        train: &'e Dataset,
        /// The examples that they are scored on.
        validation: &'e Dataset,
    },
    /// News of the fit under way: of the tuning of the defaults, or of a trial.
    Fit {
        /// The index of the trial; `None` while the defaults are tuned.
        index: Option<usize>,
        /// The news. `Break` ends the search, after the trials that have ended.
        event: FitEvent<'e>,
    },
    /// A trial has ended.
    Trial {
        /// The index of the trial.
        index: usize,
        /// The trial.
        trial: &'e Trial,
        /// The seconds that it took.
        seconds: f64,
    },
}

impl RandomSearch {
    /// Returns a search of 20 trials, scored on a fifth of the examples.
    pub fn new(given: Overrides) -> Self {
        RandomSearch { given, trials: 20, validation: 0.2, part: 0, parts: 1 }
    }

    /// Sets the number of trials, at least one.
    pub fn trials(self, trials: usize) -> Self {
        RandomSearch { trials, ..self }
    }

    /// Sets the fraction of the examples, in (0, 1), that trials are scored on.
    pub fn validation(self, fraction: f64) -> Self {
        RandomSearch { validation: fraction, ..self }
    }

    /// Runs only every `parts`-th trial, from the one with the index `part` on: a search that is divided among processes
    /// or machines. Each part tunes the defaults, around which trials are drawn; [`merge`](Self::merge) finds the best
    /// trial of all parts.
    ///
    /// ```
    /// use palmnet::{generate, tune::{Overrides, RandomSearch, TrialLoss}};
    /// let (train, _) = generate::moons(200, 0.2, 1).split(0.8, 1);
    /// let given = Overrides { epochs: Some(5), members: Some(1), ..Overrides::default() };
    /// let search = RandomSearch::new(given).trials(4);
    /// let mut losses = Vec::new();
    /// for part in 0..2 {
    ///     let tuned = search.clone().part(part, 2).run(&train)?;
    ///     losses.extend(tuned.trials.iter().map(|trial| TrialLoss { index: trial.index, loss: trial.loss }));
    /// }
    /// assert_eq!(search.merge(&train, &losses)?.best, search.run(&train)?.best);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    pub fn part(self, part: usize, parts: usize) -> Self {
        RandomSearch { part, parts, ..self }
    }

    /// Checks everything that does not depend on the data.
    ///
    /// # Errors
    /// If the number of trials or the fraction is out of range, if the part has no trials, or for L-BFGS, which has
    /// nothing to draw.
    pub fn check(&self) -> Result<()> {
        let wrong = |message: &str| Err(Error::Setting(message.into()));
        if self.trials == 0 {
            return wrong("a search needs at least one trial");
        }
        if self.part >= self.parts.min(self.trials) {
            let (part, trials) = (self.part + 1, self.trials);
            return wrong(&format!("part {part} of {} has none of {trials} trials", self.parts));
        }
        if !(self.validation > 0.0 && self.validation < 1.0) {
            return wrong("the validation fraction of a search must be above 0 and below 1");
        }
        if matches!(self.given.optimizer, Some(Rule::Lbfgs(_))) {
            return wrong("a search draws learning rates, batch sizes and dropout, which L-BFGS does not have");
        }
        if self.given.tune_penalty == Some(true) {
            return wrong("a search draws the weight decay itself: leave it out, or give a number");
        }
        if self.given.tune_learning_rate == Some(true) {
            return wrong("a search draws the learning rate itself: leave it out, or give a number");
        }
        Ok(())
    }

    /// Runs the trials on `train`, which is not yet scaled.
    ///
    /// # Errors
    /// Those of [`check`](Self::check) and of [`Hyperparameters::fit`], and if no trial has a finite loss.
    pub fn run(&self, train: &Dataset) -> Result<Tuned> {
        self.run_with(train, &mut |_| ControlFlow::Continue(()))
    }

    /// As [`run`](Self::run), with an observer, which may stop the search at any mini-batch.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    pub fn run_with(
        &self,
        train: &Dataset,
        observer: &mut dyn FnMut(SearchEvent<'_>) -> ControlFlow<()>,
    ) -> Result<Tuned> {
        let Drawn { learned, scored, overrides } = self.draw_all(train, observer)?;
        let (mut trials, mut failure) = (Vec::new(), None);
        for index in (self.part..self.trials).step_by(self.parts) {
            let hyperparameters = overrides[index].for_data(&learned);
            let clock = Clock::start();
            let stopped = Cell::new(false);
            let mut run = FitRun::default().observe(|event| {
                let answer = observer(SearchEvent::Fit { index: Some(index), event });
                stopped.set(stopped.get() || answer.is_break());
                answer
            });
            let fit = hyperparameters.fit_with(&learned, &mut run);
            drop(run);
            if stopped.get() {
                break;
            }
            let score = match fit {
                Ok(fit) => Some(fit.model.score(&scored)?),
                Err(error @ Error::Diverged { .. }) => {
                    failure.get_or_insert(error);
                    None
                }
                Err(error) => return Err(error),
            };
            let loss = score.as_ref().map(|score| score.loss).filter(|loss| loss.is_finite());
            let trial = Trial { index, hyperparameters, loss, score };
            let seconds = clock.elapsed().as_secs_f64();
            let answer = observer(SearchEvent::Trial { index, trial: &trial, seconds });
            trials.push(trial);
            if answer.is_break() {
                break;
            }
        }
        if trials.is_empty() {
            return Err(Error::Stopped);
        }
        self.choose(train, &overrides, trials, failure)
    }

    /// Returns the result of a search of which the trials have been run in parts, given their losses: that of
    /// [`run`](Self::run), but without scores, and without trials of which there is no loss. The defaults are tuned
    /// again, because the others are drawn around them.
    ///
    /// # Errors
    /// Those of [`run`](Self::run), and if a trial is not one of this search, or occurs twice.
    pub fn merge(&self, train: &Dataset, losses: &[TrialLoss]) -> Result<Tuned> {
        self.merge_with(train, losses, &mut |_| ControlFlow::Continue(()))
    }

    /// As [`merge`](Self::merge), with an observer, which learns of the beginning and the tuning of the defaults.
    ///
    /// # Errors
    /// Those of [`merge`](Self::merge).
    pub fn merge_with(
        &self,
        train: &Dataset,
        losses: &[TrialLoss],
        observer: &mut dyn FnMut(SearchEvent<'_>) -> ControlFlow<()>,
    ) -> Result<Tuned> {
        let mut results = vec![None; self.trials];
        for &TrialLoss { index, loss } in losses {
            let fault = match results.get(index) {
                None => format!("but this search has {}: give it as many as its parts", self.trials),
                Some(Some(_)) => "for the second time: give each part once".to_string(),
                Some(None) => {
                    results[index] = Some(loss);
                    continue;
                }
            };
            return Err(Error::Mismatch(format!("trial {} is given, {fault}", index + 1)));
        }
        let Drawn { learned, overrides, .. } = self.draw_all(train, observer)?;
        let ended = results.into_iter().enumerate().filter_map(|(index, loss)| loss.map(|loss| (index, loss)));
        let trials = ended.map(|(index, loss)| {
            let loss = loss.filter(|loss| loss.is_finite());
            Trial { index, hyperparameters: overrides[index].for_data(&learned), loss, score: None }
        });
        self.choose(train, &overrides, trials.collect(), None)
    }

    /// Returns a text that is the same for all parts of a search: the same data, options and version of this crate.
    /// With another text, trials of the same index have other hyperparameters.
    #[must_use]
    pub fn fingerprint(&self, train: &Dataset) -> String {
        let mut digest = Digest::new();
        digest.text(env!("CARGO_PKG_VERSION"));
        digest.text(&train.digest());
        digest.text(&format!("{:?} {}", self.given, self.validation));
        digest.finish()
    }

    /// Divides the data, tunes the defaults, and draws the hyperparameters of all trials.
    fn draw_all(&self, train: &Dataset, observer: &mut dyn FnMut(SearchEvent<'_>) -> ControlFlow<()>) -> Result<Drawn> {
        self.check()?;
        let usual = self.given.for_data(train);
        // Not the seed itself, with which a test set may have been split off.
        let mut rng = Rng::stream(usual.seed, purpose::SEARCH);
        train.check_memory(2, 0)?;
        let (learned, scored) = train.split((1.0 - self.validation).min(1.0 - f64::EPSILON), rng.next_u64());
        if scored.is_empty() {
            return Err(Error::Mismatch("one example, or one group, is too few for a search".into()));
        }
        let _ = observer(SearchEvent::Begin { train: &learned, validation: &scored });
        let mut run = FitRun::default().observe(|event| observer(SearchEvent::Fit { index: None, event }));
        let usual = Hyperparameters { calibrate: false, ..usual }.tuned_with(&learned, &mut run)?;
        drop(run);
        let mut overrides: Vec<Overrides> = (0..self.trials).map(|_| self.draw(&mut rng, &usual, &learned)).collect();
        overrides[0] = self.unchanged(&usual);
        Ok(Drawn { learned, scored, overrides })
    }

    /// Returns the result, given the trials that have ended and the error of one that has not.
    fn choose(
        &self,
        train: &Dataset,
        overrides: &[Overrides],
        trials: Vec<Trial>,
        failure: Option<Error>,
    ) -> Result<Tuned> {
        let Some(best_trial) = best(&trials) else {
            let nothing = || Error::Mismatch("no trial has a finite loss: check the data for extreme values".into());
            return Err(failure.unwrap_or_else(nothing));
        };
        let best = overrides[trials[best_trial].index].clone();
        let best = Overrides { calibrate: self.given.calibrate, ..best };
        Ok(Tuned { best: best.for_data(train), best_trial, trials })
    }

    /// Returns the tuned defaults as overrides; without the epochs of a plain network, which follow from the number of
    /// examples.
    fn unchanged(&self, usual: &Hyperparameters) -> Overrides {
        Overrides { l1: Some(usual.penalty.l1), ..self.with(usual.clone(), usual.penalty.weight_decay) }
    }

    /// Draws hyperparameters around the usual ones.
    fn draw(&self, rng: &mut Rng, usual: &Hyperparameters, train: &Dataset) -> Overrides {
        let rows = train.len();
        let usual_units = usual.hidden.first().copied().unwrap_or(16).clamp(8, 128);
        let units = (usual_units / 2) << rng.below(4);
        let hidden = vec![units; 1 + rng.below(3)];
        let usual_rate = f64::from(usual.optimizer.learning_rate());
        // Up to ten times less or more, uniform in the logarithm.
        let rate = usual_rate * logarithmic(rng, -12, 12);
        // Full-batch training, as for Rprop, stays full-batch.
        let batch_size = match usual.batch_size {
            batch if batch >= rows => batch,
            batch => ((batch / 2).max(1) << rng.below(4)).min((rows / 4).max(1)),
        };
        let dropout = f64::from(rng.below(2) as u32) * 0.1 * (1 + rng.below(5)) as f64;
        // The fraction by which a step shrinks a weight: from 10⁻⁵ to 1/30.
        let decay = logarithmic(rng, -60, -18) / usual_rate;
        let optimizer = usual.optimizer.with_learning_rate(two_digits(rate));
        let mut drawn = usual.clone();
        if usual.members > 1 {
            drawn.members = [8, 16, 32][rng.below(3)];
            let encodings = [(16, 8), (64, 4), (usual.bins, 8), (usual.bins, 16), (0, 0)];
            let encoding = encodings[rng.below(encodings.len())];
            // Without an encoding, a column of many categories would make the first layer wide.
            let is_wide = train.features().columns() > 2 * encoded_width(train, usual.bins, usual.embedding);
            if self.given.bins.is_none() && self.given.embedding.is_none() && !(is_wide && encoding == (0, 0)) {
                (drawn.bins, drawn.embedding) = encoding;
            }
        }
        let drawn = Hyperparameters { hidden, batch_size, dropout: two_digits(dropout), optimizer, ..drawn };
        self.with(drawn, two_digits(decay))
    }

    /// Returns the given hyperparameters, with those that are not given taken from `drawn`.
    fn with(&self, drawn: Hyperparameters, weight_decay: f32) -> Overrides {
        let given = self.given.clone();
        let epochs = (drawn.members > 1).then_some(drawn.epochs);
        Overrides {
            epochs: given.epochs.or(epochs),
            hidden: given.hidden.or(Some(drawn.hidden)),
            members: given.members.or(Some(drawn.members)),
            bins: given.bins.or(Some(drawn.bins)),
            embedding: given.embedding.or(Some(drawn.embedding)),
            learning_rate: given.learning_rate.or(Some(drawn.optimizer.learning_rate())),
            batch_size: given.batch_size.or(Some(drawn.batch_size)),
            dropout: given.dropout.or(Some(drawn.dropout)),
            weight_decay: given.weight_decay.or(Some(weight_decay)),
            tune_penalty: Some(false),
            tune: Some(Tune::NONE),
            budget: None,
            calibrate: Some(false),
            ..given
        }
    }
}

/// Returns ten to the power of a twelfth of a random integer in `low..=high`, in two digits: the series E12 of
/// resistors, so that the result does not depend on a system's mathematics library.
fn logarithmic(rng: &mut Rng, low: i32, high: i32) -> f64 {
    const SERIES: [f64; 12] = [1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2];
    let step = low + rng.below((high - low + 1) as usize) as i32;
    SERIES[step.rem_euclid(12) as usize] * 10f64.powi(step.div_euclid(12))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithmic_draws_cover_orders_of_magnitude_evenly() {
        let mut rng = Rng::new(5);
        let found: Vec<f64> = (0..4000).map(|_| logarithmic(&mut rng, -24, 11)).collect();
        assert!(found.iter().all(|x| (0.01..10.0).contains(x)));
        for low in [0.01, 0.1, 1.0] {
            let count = found.iter().filter(|&&x| x >= low * 0.999 && x < low * 9.99).count();
            assert!((1200..1467).contains(&count), "{count} of 4000 from {low}");
        }
        // Each step is a twelfth of an order of magnitude, to two digits.
        for step in -12..24 {
            let [a, b] = [step, step + 1].map(|step| logarithmic(&mut Rng::new(0), step, step));
            assert!((b / a - 10f64.powf(1.0 / 12.0)).abs() < 0.06, "{a} {b}");
        }
    }
}
