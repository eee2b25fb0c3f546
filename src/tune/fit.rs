//! From hyperparameters to a model: tuning, then training. Both can be killed and resumed.

use super::hyperparameters::{Hyperparameters, Normalization};
use super::recipe::{Fit, FitRun, Recipe};
use super::tuning::{Tuned, Tuning};
use crate::base::clock::Clock;
use crate::base::error::{Error, Result};
use crate::data::Dataset;
use crate::model::model::Model;
use crate::model::preprocessing::Preprocessing;
use crate::model::target_range::TargetRange;
use crate::train::Checkpoints;

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
        let preprocessing = preprocessing.with_range(self.range(train, run.start));
        let Tuned { hyperparameters, calibration } =
            Tuning::new(&hyperparameters, train, &preprocessing, run)?.run()?;
        let recipe = hyperparameters.recipe(train, preprocessing);
        let mut fit = recipe.fit_as(train, Some(&hyperparameters), run)?;
        if let Some(calibration) = calibration {
            fit.model = fit.model.with_calibration(calibration)?;
        }
        Ok(fit)
    }

    /// Returns the hyperparameters with everything tuned on `train`, which is not yet scaled.
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

    /// Returns the range of predicted values: that of `train`, joined with that of the start. A start that has none keeps
    /// none.
    pub(super) fn range(&self, train: &Dataset, start: Option<&Model>) -> Option<TargetRange> {
        let range = TargetRange::fit(train.values().filter(|_| self.clamp)?)?;
        match start {
            Some(model) => model.preprocessing().range().map(|before| before.joined(&range)),
            None => Some(range),
        }
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
    pub(super) fn check(&self, train: &Dataset, has_start: bool) -> Result<()> {
        let wrong = |message: &str| Err(Error::Setting(message.into()));
        if train.is_empty() {
            return Err(Error::Mismatch("there are no examples to train on".into()));
        }
        if self.restarts == 0 {
            return wrong("restarts 0: it must be at least 1");
        }
        if !(1..=256).contains(&self.members) {
            return wrong(&format!("members {}: it must be from 1 to 256", self.members));
        }
        if self.members > 1 && self.normalization == Some(Normalization::Batch) {
            return wrong("batch normalization is not for members: use layer normalization");
        }
        if self.bins == 1 {
            return wrong("bins 1: an encoding has two or more, and 0 is for none");
        }
        if self.budget.is_some() && (self.tune_penalty || !self.tune.any()) {
            return wrong("a budget is for the trials of an ensemble: images and plain networks have none of these");
        }
        if self.budget.is_some() && !Clock::RUNS {
            return wrong("a budget needs a clock, which this platform does not have");
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
