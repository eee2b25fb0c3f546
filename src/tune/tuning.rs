//! The tuning of a run: a learning rate, trials, and a calibration.
//!
//! A checkpoint of a run that tunes has two notes besides the trainer's content: the identity of the tuning, so that it
//! is not mistaken for another run; and, during the trials, the losses of those that have ended, later the trial that was
//! chosen. So a run that is resumed is in one of three states:
//!
//! ```text
//! no file, or an empty claim  tune everything
//! a file with trials          the learning rate is in it; continue with the trial after those that have ended
//! a file without trials       learning rate and choice are in it; continue with the final training
//! ```

use std::cell::Cell;
use std::ops::ControlFlow::Continue;
use std::sync::atomic::AtomicBool;

use super::hyperparameters::Hyperparameters;
use super::recipe::{FitEvent, FitRun};
use super::trials::{self, Division, Plan, Trial};
use super::work::Pace;
use crate::base::error::{Error, Result};
use crate::base::rng::Rng;
use crate::base::text::printable;
use crate::data::{Dataset, Imputer, Targets};
use crate::linalg::matrix::Matrix;
use crate::model::calibration::Calibration;
use crate::model::evaluate::Score;
use crate::model::model::Model;
use crate::model::preprocessing::Preprocessing;
use crate::model::ranking::brier_score;
use crate::train::{CheckpointInfo, Event, Run};

/// The notes in a checkpoint: the identity of the tuning, and the losses of the trials that have ended.
const TUNING: &str = "tuning";
const TRIALS: &str = "losses of trials";
/// The note in a checkpoint of the training proper: the index of the trial that was chosen, the number of epochs, and the
/// losses of the trials.
const CHOSEN: &str = "chosen trial";

/// A trial that there is no time for is left out; after so many in a row, the trials end.
const MOST_SKIPPED: usize = 15;
/// Of the time that is left, a trial and the training must need so much less: their estimates are rough.
const MARGIN: f64 = 1.1;

/// The tuning of one run.
pub(super) struct Tuning<'t, 'r> {
    start: Hyperparameters,
    train: &'t Dataset,
    preprocessing: &'t Preprocessing,
    run: &'t mut FitRun<'r>,
    /// The checkpoint to resume from.
    found: Option<CheckpointInfo>,
}

/// The result of the tuning.
pub(super) struct Tuned {
    pub hyperparameters: Hyperparameters,
    pub calibration: Option<Calibration>,
}

/// Trials, and the networks of the best of them for each division: `None` for those that ended before the run was
/// resumed.
#[derive(Default)]
struct Tried {
    trials: Vec<Trial>,
    models: Vec<Option<Model>>,
    /// The index of the best in the plan.
    index: usize,
    /// The losses of all that the plan has, `None` for those that there was no time for.
    losses: Vec<Option<f64>>,
    /// The work that there is time for.
    left: f64,
}

/// The hyperparameters of the best trial, if any succeeded, the epochs that there is time for, and the networks of that
/// trial.
struct Chosen {
    best: Option<Hyperparameters>,
    epochs: usize,
    models: Vec<Option<Model>>,
}

impl<'t, 'r> Tuning<'t, 'r> {
    pub fn new(
        start: &Hyperparameters,
        train: &'t Dataset,
        preprocessing: &'t Preprocessing,
        run: &'t mut FitRun<'r>,
    ) -> Result<Self> {
        let start = start.clone();
        let tunes = start.tune_learning_rate || start.tunes();
        let identity = tunes.then(|| format!("{start} data={}", train.digest().replace(' ', "_")));
        let mut found = None;
        if let Some(checkpoints) = run.active.take() {
            found = checkpoints.find()?;
            check_identity(found.as_ref(), identity.as_deref())?;
            run.active = Some(match identity {
                Some(identity) => checkpoints.note(TUNING, identity),
                None => checkpoints,
            });
        }
        Ok(Tuning { start, train, preprocessing, run, found })
    }

    pub fn run(mut self) -> Result<Tuned> {
        let mut tuned = self.start.clone();
        if tuned.tune_learning_rate {
            let rate = match self.kept("learning rate") {
                Some(rate) => Some(rate),
                None => self.find_rate(&tuned)?,
            };
            tuned.optimizer = rate.map_or(tuned.optimizer, |rate| tuned.optimizer.with_learning_rate(rate));
        }
        if !tuned.tunes() {
            return Ok(Tuned { hyperparameters: tuned.resolved(), calibration: None });
        }
        let plan = Plan::new(&tuned, self.train);
        let divisions = self.divisions(&plan)?;
        let chosen = match self.found.as_ref().and_then(|found| found.note(CHOSEN)).map(str::to_string) {
            Some(note) => {
                // The run may be stopped again.
                self.run.active = self.run.active.take().map(|file| file.note(CHOSEN, note.clone()));
                read_chosen(&plan, &note)
            }
            None => self.choose(&tuned, &plan, &divisions)?,
        };
        let calibration = match chosen.best.as_ref().filter(|_| tuned.calibrate) {
            Some(best) => self.calibration(best, &divisions, chosen.models)?,
            None => None,
        };
        let hyperparameters = trials::choose(&tuned, chosen.best.as_ref(), chosen.epochs);
        Ok(Tuned { hyperparameters, calibration })
    }

    /// Runs the trials and chooses the best.
    fn choose(&mut self, tuned: &Hyperparameters, plan: &Plan<'_>, divisions: &[Division]) -> Result<Chosen> {
        let is_begun = self.found.is_some() || divisions.is_empty();
        // A run that nobody watches needs no estimate; one that cannot be estimated may still succeed.
        if self.run.is_observed()
            && tuned.tune.any()
            && !is_begun
            && let Ok(time) = tuned.budget.map_or_else(|| tuned.estimate(self.train), Ok)
        {
            let _ = self.run.event(FitEvent::Plan { trials: plan.most(), folds: divisions.len(), time });
        }
        let Tried { trials, models, index, losses, left } = self.trials(plan, divisions)?;
        let best = trials::best(&trials).map(|best| trials[best].hyperparameters.clone());
        let epochs = best.as_ref().map_or(tuned.epochs, |best| {
            // A budget may be too short for all epochs. Fewer than those of the shortest trial would be no result.
            let fraction = (left / best.work(self.train, self.train.len() as f64)).min(1.0);
            let shortest = trials.iter().map(|trial| trial.hyperparameters.epochs).min().unwrap_or(1);
            ((best.epochs as f64 * fraction) as usize).max(shortest.min(best.epochs))
        });
        let chosen = trials::choose(tuned, best.as_ref(), epochs);
        let _ = self.run.event(FitEvent::Tuned { hyperparameters: &chosen, trials: &trials });
        let index = best.as_ref().map_or("none".into(), |_| index.to_string());
        let note = format!("{index} {epochs} {}", note_of_losses(&losses));
        // The file is that of the last trial; the training proper has none yet.
        self.run.active = self.run.active.take().map(|file| file.start_over().note(CHOSEN, note));
        Ok(Chosen { best, epochs, models })
    }

    /// Returns the divisions of the data for trials; none if there are no trials.
    fn divisions(&self, plan: &Plan<'_>) -> Result<Vec<Division>> {
        if plan.is_empty() {
            return Ok(Vec::new());
        }
        self.train.check_memory(2, 0)?;
        trials::divisions(&self.start, self.train)
    }

    /// Measures a calibration on the examples that were held out of the trial that was chosen. Networks that are not
    /// there are trained again: a checkpoint does not keep them.
    fn calibration(
        &mut self,
        chosen: &Hyperparameters,
        divisions: &[Division],
        models: Vec<Option<Model>>,
    ) -> Result<Option<Calibration>> {
        // The checkpoint is that of the training proper.
        let active = self.run.active.take();
        let found = self.held_out_calibration(chosen, divisions, models);
        self.run.active = active;
        found
    }

    fn held_out_calibration(
        &mut self,
        chosen: &Hyperparameters,
        divisions: &[Division],
        models: Vec<Option<Model>>,
    ) -> Result<Option<Calibration>> {
        let (mut outputs, mut spreads) = (Vec::new(), Vec::new());
        let mut targets: Option<Targets> = None;
        let mut models = models.into_iter();
        for (fold, division) in divisions.iter().enumerate() {
            let model = match models.next().flatten() {
                Some(model) => Some(model),
                None => {
                    let (trials, folds) = (Some(1), divisions.len());
                    let attempt = Attempt { trial: 0, trials, fold, folds, hyperparameters: chosen, ended: &[] };
                    self.attempt(&attempt, &division.learned, false)?
                }
            };
            let Some(model) = model else { return Ok(None) };
            let (of_rows, differences) = model.predict_with_spread(division.scored.features())?;
            outputs.extend_from_slice(of_rows.as_slice());
            spreads.extend_from_slice(differences.as_slice());
            match &mut targets {
                None => targets = Some(division.scored.targets().clone()),
                Some(before) => before.append(division.scored.targets()),
            }
        }
        let Some(targets) = targets else { return Ok(None) };
        let (rows, columns) = (targets.rows(), outputs.len() / targets.rows());
        let [outputs, spreads] = [outputs, spreads].map(|values| Matrix::from_vec(rows, columns, values));
        let learned: usize = divisions.iter().map(|division| division.learned.len()).sum();
        let more_rows = (self.train.len() * divisions.len()) as f64 / learned as f64;
        let more_members = chosen.members as f64 / chosen.for_trial().members as f64;
        Ok(Calibration::fit_for_final_training(&outputs, &spreads, &targets, more_rows, more_members))
    }

    /// Returns a number among the settings in the checkpoint.
    fn kept(&self, name: &str) -> Option<f32> {
        self.found.as_ref()?.setting(name)?.parse().ok()
    }

    /// Returns the losses of the trials that have ended, if the checkpoint is that of a trial.
    fn ended_trials(&self) -> Option<Vec<Option<f64>>> {
        let text = self.found.as_ref()?.note(TRIALS)?;
        Some(losses_in(text))
    }

    /// Looks for a learning rate on at most 1,000 examples or a hundred mini-batches.
    fn find_rate(&mut self, tuned: &Hyperparameters) -> Result<Option<f32>> {
        self.train.check_memory(1, 0)?;
        let mut rows: Vec<usize> = (0..self.train.len()).collect();
        Rng::new(tuned.seed).shuffle(&mut rows);
        rows.truncate(tuned.batch_size.saturating_mul(101).max(1000));
        let mut scaled = self.train.select(&rows);
        self.preprocessing.apply(&mut scaled);
        let network = match self.run.start {
            Some(model) => model.network().clone(),
            None => tuned.network(self.train, self.preprocessing).build()?,
        };
        let found = tuned.trainer().find_rate(&network, &scaled)?.rate;
        let used = found.unwrap_or(tuned.optimizer.learning_rate());
        let _ = self.run.event(FitEvent::Rate { found, used });
        Ok(found)
    }

    /// Trains networks on a part of the examples, and scores them on the others, as long as there is a plan, and time for
    /// another one and then the training on all examples.
    fn trials(&mut self, plan: &Plan<'_>, divisions: &[Division]) -> Result<Tried> {
        let mut tried = Tried { left: f64::INFINITY, ..Tried::default() };
        if divisions.is_empty() {
            return Ok(tried);
        }
        let (most, folds) = (plan.most(), divisions.len());
        let mut losses = self.ended_trials().unwrap_or_default();
        losses.truncate(most.map_or(losses.len(), |most| (most * folds).saturating_sub(1)));
        let (resumed, mut skipped, mut pace) = (losses.len(), 0, Pace::new(self.start.budget));
        let all = self.train.len() as f64;
        while let Some(hyperparameters) = plan.next(&tried.losses) {
            let i = tried.losses.len();
            let work: f64 = divisions.iter().map(|part| self.trial_work(&hyperparameters, part)).sum();
            let best = trials::best(&tried.trials).map(|best| &tried.trials[best].hyperparameters);
            let after = best.map_or(0.0, |best| best.work(self.train, all)).max(hyperparameters.work(self.train, all));
            if i > 0 && i * folds >= resumed && pace.left() < MARGIN * (work + after) {
                // Another may be shorter.
                skipped += 1;
                if skipped > MOST_SKIPPED {
                    break;
                }
                losses.extend(vec![None; folds]);
                tried.losses.push(None);
                continue;
            }
            skipped = 0;
            let (mut score, mut models) = (None, Vec::new());
            for (fold, division) in divisions.iter().enumerate() {
                let index = i * folds + fold;
                if index < resumed {
                    models.push(None);
                    continue;
                }
                let (trial, ended) = (tried.trials.len(), losses.as_slice());
                let attempt = Attempt { trial, trials: most, fold, folds, hyperparameters: &hyperparameters, ended };
                let model = self.attempt(&attempt, &division.learned, index == resumed)?;
                let found =
                    model.as_ref().map(|model| score_of(model, &hyperparameters, &division.scored)).transpose()?;
                losses.push(found.as_ref().map(|(_, loss)| *loss).filter(|loss| loss.is_finite()));
                score = found.map(|(score, _)| score);
                models.push(model);
                // The first after a stop was begun before.
                if index > resumed || resumed == 0 {
                    pace.add(self.trial_work(&hyperparameters, division));
                }
            }
            let loss = trials::mean_loss(divisions, &losses[i * folds..]);
            let score = score.filter(|_| folds == 1);
            tried.trials.push(Trial { index: tried.trials.len(), hyperparameters, score, loss });
            tried.losses.push(loss);
            if trials::best(&tried.trials) == Some(tried.trials.len() - 1) {
                (tried.models, tried.index) = (models, i);
            }
        }
        tried.left = pace.left() / MARGIN;
        Ok(tried)
    }

    fn trial_work(&self, hyperparameters: &Hyperparameters, division: &Division) -> f64 {
        hyperparameters.for_trial().work(self.train, division.learned.len() as f64)
    }

    /// Trains a network of a trial, from a checkpoint if it is that of this trial; `None` if it diverged.
    fn attempt(&mut self, attempt: &Attempt<'_>, learned: &Dataset, may_resume: bool) -> Result<Option<Model>> {
        let Attempt { trial: index, trials, fold, folds, hyperparameters, ended } = *attempt;
        let hyperparameters = &hyperparameters.for_trial();
        // Neither the imputer nor the range must see the examples that trials are scored on; a model to start from keeps its imputer.
        let mut preprocessing = self.preprocessing.clone();
        if self.run.start.is_none() && preprocessing.imputer().is_some() {
            preprocessing = preprocessing.with_imputer(Imputer::fit(learned));
        }
        let preprocessing = preprocessing.with_range(hyperparameters.range(learned, self.run.start));
        let mut scaled = learned.clone();
        preprocessing.apply(&mut scaled);
        let scaled = &scaled;
        // One checkpoint at once, so that no trial before this one is lost.
        let at_once = AtomicBool::new(true);
        let losses = note_of_losses(ended);
        let checkpoints = self.run.active.clone().map(|checkpoints| {
            let checkpoints = checkpoints.note(TRIALS, losses).on_request(&at_once);
            if may_resume { checkpoints } else { checkpoints.start_over() }
        });
        let (start, run, stopped) = (self.run.start, &mut *self.run, Cell::new(false));
        let mut report = |fraction| {
            let answer = run.event(FitEvent::Trial { index, trials, fold, folds, fraction });
            stopped.set(stopped.get() || answer.is_break());
            answer
        };
        let _ = report(0.0);
        let mut inner = Run::default().observe(|event| match event {
            Event::Batch { epoch, batch, batches, .. } => {
                report(((epoch - 1) as f64 + batch as f64 / batches as f64) / hyperparameters.epochs as f64)
            }
            _ => Continue(()),
        });
        if let Some(checkpoints) = checkpoints {
            inner = inner.checkpoints(checkpoints);
        }
        let trainer = hyperparameters.trainer();
        let trained = match start {
            None => {
                let network = hyperparameters.network(learned, &preprocessing);
                let best = trainer.fit_best_of_with(hyperparameters.restarts, &network, scaled, &mut inner);
                best.map(|(network, _)| network)
            }
            Some(model) => {
                let mut network = model.network().clone();
                trainer.fit_with(&mut network, scaled, &mut inner).map(|_| network)
            }
        };
        drop(inner);
        match trained {
            Err(Error::Diverged(_)) => Ok(None),
            _ if stopped.get() => Err(Error::Stopped),
            network => {
                let model = Model::new(network?, preprocessing.clone(), scaled.schema().clone())?;
                Ok(Some(model.with_loss(hyperparameters.loss)))
            }
        }
    }
}

fn note_of_losses(losses: &[Option<f64>]) -> String {
    let losses = losses.iter().map(|loss| loss.map_or("none".to_string(), |loss| loss.to_string()));
    losses.collect::<Vec<_>>().join(" ")
}

fn losses_in(note: &str) -> Vec<Option<f64>> {
    note.split_whitespace().map(|loss| loss.parse().ok()).collect()
}

/// Returns what a note says was chosen.
fn read_chosen(plan: &Plan<'_>, note: &str) -> Chosen {
    let mut words = note.splitn(3, ' ');
    let index = words.next().and_then(|index| index.parse::<usize>().ok());
    let epochs = words.next().and_then(|epochs| epochs.parse().ok()).unwrap_or(1);
    let losses = losses_in(words.next().unwrap_or_default());
    let best = index.and_then(|index| plan.next(losses.get(..index)?));
    Chosen { best, epochs, models: Vec::new() }
}

/// Returns the score of a trial, and the number by which trials are compared: the loss or, if a calibration will be
/// measured, that of the calibrated model, and of classes its Brier score. A network that has been trained for longer is
/// surer of itself, right or wrong, which a calibration mends; and the logarithmic loss of few examples is mostly that of
/// the worst.
fn score_of(model: &Model, hyperparameters: &Hyperparameters, scored: &Dataset) -> Result<(Score, f64)> {
    if !hyperparameters.calibrate {
        let score = model.score(scored)?;
        return Ok((score.clone(), score.loss));
    }
    let (outputs, spreads) = model.predict_with_spread(scored.features())?;
    let model = model.clone().with_calibration(Calibration::fit(&outputs, &spreads, scored.targets()))?;
    let score = model.score(scored)?;
    let compared = match scored.targets() {
        Targets::Classes(classes) => brier_score(&model.predict_dataset(scored)?, classes),
        Targets::Labels(_) | Targets::Values(_) => score.loss,
    };
    Ok((score, compared))
}

/// A training of one of several trials, on one of its divisions.
struct Attempt<'a> {
    trial: usize,
    /// The most trials, if that is known.
    trials: Option<usize>,
    fold: usize,
    folds: usize,
    hyperparameters: &'a Hyperparameters,
    /// The losses of those before.
    ended: &'a [Option<f64>],
}

/// Refuses a checkpoint of a run that tunes other settings, other hyperparameters, or on other data.
fn check_identity(found: Option<&CheckpointInfo>, now: Option<&str>) -> Result<()> {
    let Some(found) = found else { return Ok(()) };
    let then = found.note(TUNING);
    if then == now || (now.is_none() && found.note(TRIALS).is_none()) {
        return Ok(());
    }
    let message = match (then, now) {
        // Both list everything by name, in the same order.
        (Some(then), Some(now)) => {
            let pairs = then.split(' ').zip(now.split(' ')).filter(|(then, now)| then != now);
            let differences: Vec<String> =
                pairs.map(|(then, now)| format!("{} is now {now}", printable(then))).collect();
            format!("it tuned with {}", differences.join("; "))
        }
        (Some(_), None) => "it tuned hyperparameters, and this training tunes nothing".into(),
        (None, _) => "it tuned nothing, and this training tunes hyperparameters".into(),
    };
    let message = format!(
        "this is the checkpoint of another training: {message}. Repeat that command, or delete the file to start over"
    );
    Err(Error::format(found.path().display().to_string(), message))
}
