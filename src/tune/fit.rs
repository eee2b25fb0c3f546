//! From hyperparameters to a model: tuning, then training. Both can be killed and resumed.
//!
//! A checkpoint of a run that tunes has two notes besides the trainer's content: the identity of the tuning, so that it
//! is not mistaken for another run, and, during the trials, the losses of those that have ended. So a run that is
//! resumed is in one of three states:
//!
//! ```text
//! no file, or an empty claim  tune everything
//! a file with trials          the learning rate is in it; continue with the trial after those that have ended
//! a file without trials       learning rate and penalty are in it; continue with the final training
//! ```

use std::cell::Cell;
use std::ops::ControlFlow::Continue;
use std::sync::atomic::AtomicBool;

use super::hyperparameters::{Hyperparameters, Normalization};
use super::recipe::{Fit, FitEvent, FitRun, Recipe};
use super::trials::{self, Division, Trial};
use crate::base::error::{Error, Result};
use crate::base::rng::Rng;
use crate::base::text::printable;
use crate::data::{Dataset, Imputer};
use crate::linalg::matrix::Matrix;
use crate::model::calibration::Calibration;
use crate::model::evaluate::Score;
use crate::model::model::Model;
use crate::model::preprocessing::Preprocessing;
use crate::train::{CheckpointInfo, Checkpoints, Event, Run};

/// The notes in a checkpoint: the identity of the tuning, and the losses of the trials that have ended.
const TUNING: &str = "tuning";
const TRIALS: &str = "losses of trials";
/// The note in a checkpoint of the training proper: the index of the trial that was chosen.
const CHOSEN: &str = "chosen trial";

impl Hyperparameters {
    /// Preprocesses, tunes and trains: takes unscaled data, returns a model in the units of the data.
    ///
    /// # Errors
    /// If a hyperparameter is out of range or does not suit the data, or if training diverges.
    pub fn fit(&self, train: &Dataset) -> Result<Fit> {
        self.fit_with(train, &mut FitRun::default())
    }

    /// Does the work of [`fit`](Self::fit) with a start, checkpoints and an observer. With a start, its preprocessing
    /// and its loss replace those that are set here. A run that is resumed from a checkpoint keeps the tuned values.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit), [`Error::Stopped`] if the observer stops during a trial, and if a checkpoint cannot
    /// be written or is of another training.
    pub fn fit_with(&self, train: &Dataset, run: &mut FitRun<'_>) -> Result<Fit> {
        let mut hyperparameters = self.clone();
        hyperparameters.check(train, run.start.is_some())?;
        run.active = run.checkpoints.clone();
        // Before the search for a learning rate, which may take long, and from one training to the next.
        let _hold = run.active.as_ref().map(Checkpoints::claim).transpose()?;
        let preprocessing = match run.start {
            Some(model) => {
                model.check(train)?;
                (hyperparameters.loss, hyperparameters.restarts) = (model.loss(), 1);
                model.preprocessing().clone()
            }
            None => Preprocessing::fit(train, self.scaling),
        };
        let Tuned { hyperparameters, calibration } =
            Tuning::new(&hyperparameters, train, &preprocessing, run)?.run()?;
        let recipe = hyperparameters.recipe(train, preprocessing);
        let mut fit = recipe.fit_as(train, Some(&hyperparameters), run)?;
        if let Some(calibration) = calibration {
            fit.model = fit.model.with_calibration(calibration)?;
        }
        Ok(fit)
    }

    /// Returns the hyperparameters with the learning rate and the penalty tuned on `train`, which is not yet scaled.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit).
    pub fn tuned(&self, train: &Dataset) -> Result<Self> {
        self.tuned_with(train, &mut FitRun::default())
    }

    /// As [`tuned`](Self::tuned), with an observer.
    pub(super) fn tuned_with(&self, train: &Dataset, run: &mut FitRun<'_>) -> Result<Self> {
        self.check(train, false)?;
        let preprocessing = Preprocessing::fit(train, self.scaling);
        Ok(Tuning::new(self, train, &preprocessing, run)?.run()?.hyperparameters)
    }

    /// Returns the network and the trainer for `train`, with preprocessing that is already fitted.
    #[must_use]
    pub fn recipe(&self, train: &Dataset, preprocessing: Preprocessing) -> Recipe {
        Recipe {
            network: self.network(train, &preprocessing),
            trainer: self.trainer(),
            restarts: self.restarts,
            preprocessing,
        }
    }

    /// Checks everything that the network and the trainer do not check themselves.
    fn check(&self, train: &Dataset, has_start: bool) -> Result<()> {
        let wrong = |message: &str| Err(Error::Setting(message.into()));
        if train.is_empty() {
            return Err(Error::Mismatch("there are no examples to train on".into()));
        }
        if self.restarts == 0 {
            return wrong("restarts 0: it must be at least 1");
        }
        if self.members == 0 {
            return wrong("members 0: it must be at least 1");
        }
        if self.members > 1 && self.normalization == Some(Normalization::Batch) {
            return wrong("batch normalization is not for members: use layer normalization");
        }
        if self.bins == 1 {
            return wrong("bins 1: an encoding has two or more, and 0 is for none");
        }
        if self.hidden.contains(&0) {
            return wrong("a hidden layer of 0 units: each needs at least 1; no hidden layers are an empty list");
        }
        if self.frozen > 0 && !has_start {
            return wrong("frozen layers need a trained model to start from: new weights would stay random");
        }
        Ok(())
    }
}

/// The tuning of one run.
struct Tuning<'t, 'r> {
    start: Hyperparameters,
    train: &'t Dataset,
    preprocessing: &'t Preprocessing,
    run: &'t mut FitRun<'r>,
    /// The checkpoint to resume from.
    found: Option<CheckpointInfo>,
}

/// The result of the tuning.
struct Tuned {
    hyperparameters: Hyperparameters,
    calibration: Option<Calibration>,
}

/// Trials, and the networks of the best of them for each division: `None` for those that ended before the run was
/// resumed.
#[derive(Default)]
struct Tried {
    trials: Vec<Trial>,
    models: Vec<Option<Model>>,
}

impl<'t, 'r> Tuning<'t, 'r> {
    fn new(
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

    fn run(mut self) -> Result<Tuned> {
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
        let candidates = trials::candidates(&tuned, self.train.len());
        let divisions = self.divisions(&candidates)?;
        let (best, models) = match self.found.as_ref().and_then(|found| found.note(CHOSEN)) {
            Some(index) => (index.parse().ok(), Vec::new()),
            None => {
                let Tried { trials, models } = self.trials(&candidates, &divisions)?;
                let best = trials::best(&trials);
                let chosen = trials::choose(&tuned, best.map(|best| &candidates[best]));
                let _ = self.run.event(FitEvent::Tuned { hyperparameters: &chosen, trials: &trials });
                let note = best.map_or("none".into(), |best| best.to_string());
                // The file is that of the last trial; the training proper has none yet.
                self.run.active = self.run.active.take().map(|file| file.start_over().note(CHOSEN, note));
                (best, models)
            }
        };
        let best = best.and_then(|best: usize| candidates.get(best));
        let calibration = match best.filter(|_| tuned.calibrate) {
            Some(best) => self.calibration(best, &divisions, models)?,
            None => None,
        };
        Ok(Tuned { hyperparameters: trials::choose(&tuned, best), calibration })
    }

    /// Returns the divisions of the data for trials; none if there are no candidates.
    fn divisions(&self, candidates: &[Hyperparameters]) -> Result<Vec<Division>> {
        if candidates.is_empty() {
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
        let (mut outputs, mut spreads) = (Vec::new(), Vec::new());
        let mut held_out: Option<Dataset> = None;
        let mut models = models.into_iter();
        let active = self.run.active.take();
        for (index, division) in divisions.iter().enumerate() {
            let model = match models.next().flatten() {
                Some(model) => Some(model),
                None => {
                    let attempt = Attempt { index, attempts: divisions.len(), hyperparameters: chosen, ended: &[] };
                    self.attempt(&attempt, &division.learned, false)?
                }
            };
            let Some(model) = model else { return Ok(None) };
            let (of_rows, differences) = model.predict_with_spread(division.scored.features())?;
            outputs.extend_from_slice(of_rows.as_slice());
            spreads.extend_from_slice(differences.as_slice());
            match &mut held_out {
                None => held_out = Some(division.scored.clone()),
                Some(before) => before.append(&division.scored)?,
            }
        }
        self.run.active = active;
        let Some(held_out) = held_out else { return Ok(None) };
        let columns = outputs.len() / held_out.len();
        let [outputs, spreads] = [outputs, spreads].map(|values| Matrix::from_vec(held_out.len(), columns, values));
        Ok(Calibration::fit(&outputs, &spreads, held_out.targets()))
    }

    /// Returns a number among the settings in the checkpoint.
    fn kept(&self, name: &str) -> Option<f32> {
        self.found.as_ref()?.setting(name)?.parse().ok()
    }

    /// Returns the losses of the trials that have ended, if the checkpoint is that of a trial.
    fn ended_trials(&self) -> Option<Vec<Option<f64>>> {
        let text = self.found.as_ref()?.note(TRIALS)?;
        Some(text.split_whitespace().map(|loss| loss.parse().ok()).collect())
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

    /// Trains a network with each candidate, on a part of the examples, and scores it on the others.
    fn trials(&mut self, candidates: &[Hyperparameters], divisions: &[Division]) -> Result<Tried> {
        let attempts = candidates.len() * divisions.len();
        if attempts == 0 {
            return Ok(Tried::default());
        }
        let mut losses = self.ended_trials().unwrap_or_default();
        losses.truncate(attempts - 1);
        let resumed = losses.len();
        let mut tried = Tried::default();
        for (i, hyperparameters) in candidates.iter().enumerate() {
            let (mut score, mut models) = (None, Vec::new());
            for (j, division) in divisions.iter().enumerate() {
                let index = i * divisions.len() + j;
                let model = if index < resumed {
                    None
                } else {
                    let attempt = Attempt { index, attempts, hyperparameters, ended: &losses };
                    let model = self.attempt(&attempt, &division.learned, index == resumed)?;
                    score =
                        model.as_ref().map(|model| score_of(model, hyperparameters, &division.scored)).transpose()?;
                    losses.push(score.as_ref().map(|score| score.loss).filter(|loss| loss.is_finite()));
                    model
                };
                models.push(model);
            }
            let loss = trials::mean_loss(divisions, &losses[i * divisions.len()..]);
            let score = score.filter(|_| divisions.len() == 1);
            tried.trials.push(Trial { hyperparameters: hyperparameters.clone(), score, loss });
            if trials::best(&tried.trials) == Some(i) {
                tried.models = models;
            }
        }
        Ok(tried)
    }

    /// Trains a network of a trial, from a checkpoint if it is that of this trial; `None` if it diverged.
    fn attempt(&mut self, attempt: &Attempt<'_>, learned: &Dataset, may_resume: bool) -> Result<Option<Model>> {
        let Attempt { index, attempts, hyperparameters, ended } = *attempt;
        // The imputer must not see the examples that trials are scored on; a model to start from keeps its imputer.
        let mut preprocessing = self.preprocessing.clone();
        if self.run.start.is_none() && preprocessing.imputer().is_some() {
            preprocessing = preprocessing.with_imputer(Imputer::fit(learned));
        }
        let mut scaled = learned.clone();
        preprocessing.apply(&mut scaled);
        let scaled = &scaled;
        // One checkpoint at once, so that no trial before this one is lost.
        let at_once = AtomicBool::new(true);
        let losses = ended.iter().map(|loss| loss.map_or("none".to_string(), |loss| loss.to_string()));
        let losses = losses.collect::<Vec<_>>().join(" ");
        let checkpoints = self.run.active.clone().map(|checkpoints| {
            let checkpoints = checkpoints.note(TRIALS, losses).on_request(&at_once);
            if may_resume { checkpoints } else { checkpoints.start_over() }
        });
        let (start, run, stopped) = (self.run.start, &mut *self.run, Cell::new(false));
        let mut report = |fraction| {
            let answer = run.event(FitEvent::Trial { index, trials: attempts, fraction });
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

/// Returns the score of a trial. A network that has been trained for longer is surer of itself, right or wrong, which a
/// calibration mends: if there will be one, it does not count.
fn score_of(model: &Model, hyperparameters: &Hyperparameters, scored: &Dataset) -> Result<Score> {
    if !hyperparameters.calibrate {
        return model.score(scored);
    }
    let (outputs, spreads) = model.predict_with_spread(scored.features())?;
    model.clone().with_calibration(Calibration::fit(&outputs, &spreads, scored.targets()))?.score(scored)
}

/// A training of one of several trials, on one of its divisions.
struct Attempt<'a> {
    index: usize,
    attempts: usize,
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
