//! Recipes: preprocessing, a network, and a trainer, which together give a model.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use super::hyperparameters::Hyperparameters;
use super::trials::Trial;
use crate::base::error::{Error, Result};
use crate::base::history::History;
use crate::data::{Dataset, Scaler};
use crate::linalg::matrix::Matrix;
use crate::model::model::Model;
use crate::model::preprocessing::Preprocessing;
use crate::nn::builder::NetworkBuilder;
use crate::nn::network::Network;
use crate::train::{Checkpoints, Event, Run, Trainer};

/// The result of a training.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fit {
    /// The trained network with its preprocessing.
    pub model: Model,
    /// The epochs of the training.
    pub history: History,
    /// The hyperparameters with all tuned values resolved: they give the same model again. `None` for a [`Recipe`].
    pub hyperparameters: Option<Hyperparameters>,
}

/// An event of [`Hyperparameters::fit_with`], for its observer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum FitEvent<'e> {
    /// The search for a learning rate has ended.
    Rate {
        /// The learning rate that was found; `None` if none decreased the loss.
        found: Option<f32>,
        /// The learning rate that is used.
        used: f32,
    },
    /// The trials begin.
    Plan {
        /// The most trials; `None` if there are as many as time allows.
        trials: Option<usize>,
        /// The number of folds of each trial, 1 if it is scored on one held-out part.
        folds: usize,
        /// About how long the trials and the training on all examples take: the budget, or an estimate
        /// ([`Hyperparameters::estimate`]).
        time: Duration,
    },
    /// A fold of a trial begins (at fraction 0) or continues.
    Trial {
        /// The index of the trial.
        index: usize,
        /// The most trials; `None` if there are as many as time allows.
        trials: Option<usize>,
        /// The index of the fold.
        fold: usize,
        /// The number of folds of each trial, 1 if it is scored on one held-out part.
        folds: usize,
        /// The fraction of its steps that are done, from 0 to 1.
        fraction: f64,
    },
    /// The trials have ended, and the best is chosen.
    Tuned {
        /// The hyperparameters, with everything resolved.
        hyperparameters: &'e Hyperparameters,
        /// The trials; empty if there were too few examples for any.
        trials: &'e [Trial],
    },
    /// The final training begins.
    Begin {
        /// The hyperparameters, with everything resolved; `None` for a [`Recipe`].
        hyperparameters: Option<&'e Hyperparameters>,
        /// The network with its initial weights.
        network: &'e Network,
    },
    /// An event of the final training.
    Training(Event<'e>),
}

type Observer<'r> = Box<dyn FnMut(FitEvent<'_>) -> ControlFlow<()> + 'r>;

/// The settings of one call of [`Hyperparameters::fit_with`]: a model to continue from, checkpoints, an observer.
///
/// ```
/// use std::ops::ControlFlow;
/// use palmnet::{Hyperparameters, generate, tune::{FitEvent, FitRun}};
/// let moons = generate::moons(200, 0.2, 1);
/// let mut trials = 0;
/// let mut run = FitRun::default().observe(|event| {
///     if let FitEvent::Tuned { trials: all, .. } = event {
///         trials = all.len();
///     }
///     ControlFlow::Continue(())
/// });
/// Hyperparameters::for_data(&moons).fit_with(&moons, &mut run)?;
/// drop(run);
/// assert!(trials >= 5);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct FitRun<'r> {
    pub(super) start: Option<&'r Model>,
    pub(super) checkpoints: Option<Checkpoints<'r>>,
    /// The checkpoints of the call under way.
    pub(super) active: Option<Checkpoints<'r>>,
    observer: Option<Observer<'r>>,
    salvaged: Option<Model>,
}

impl fmt::Debug for FitRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FitRun")
            .field("observed", &self.observer.is_some())
            .field("checkpoints", &self.checkpoints)
            .field("starts_from_a_model", &self.start.is_some())
            .finish_non_exhaustive()
    }
}

impl<'r> FitRun<'r> {
    /// Starts from the network of `model`, with its preprocessing and its loss, instead of new weights.
    pub fn start(self, model: &'r Model) -> Self {
        FitRun { start: Some(model), ..self }
    }

    /// Writes checkpoints, of the trials too, and resumes from one if asked.
    pub fn checkpoints(self, checkpoints: Checkpoints<'r>) -> Self {
        FitRun { checkpoints: Some(checkpoints), ..self }
    }

    /// Calls `observer` with every event. `Break` stops: the final training ends early and gives a model; a trial ends
    /// with [`Error::Stopped`].
    pub fn observe(self, observer: impl FnMut(FitEvent<'_>) -> ControlFlow<()> + 'r) -> Self {
        FitRun { observer: Some(Box::new(observer)), ..self }
    }

    /// Returns the model with the weights of the last good epoch, if training diverged after one; `None` if the best of
    /// several initial weights was trained.
    pub fn salvaged(&mut self) -> Option<Model> {
        self.salvaged.take()
    }

    pub(super) fn is_observed(&self) -> bool {
        self.observer.is_some()
    }

    pub(super) fn event(&mut self, event: FitEvent<'_>) -> ControlFlow<()> {
        self.observer.as_mut().map_or(ControlFlow::Continue(()), |observer| observer(event))
    }
}

/// A custom network and trainer, with their preprocessing, for trainings that [`Hyperparameters`] cannot describe.
///
/// ```
/// use palmnet::tune::Recipe;
/// use palmnet::{Activation::*, Adam, Loss, Network, Preprocessing, Scaling, Trainer, generate};
/// let (train, test) = generate::moons(500, 0.1, 1).split(0.8, 1);
/// let recipe = Recipe {
///     network: Network::builder(2).dense(16, Relu).dense(1, Sigmoid),
///     trainer: Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.01)).epochs(50),
///     restarts: 1,
///     preprocessing: Preprocessing::fit(&train, Scaling::Standard),
/// };
/// let model = recipe.fit(&train)?.model;
/// assert!(model.score(&test)?.value() > 0.95);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The network.
    pub network: NetworkBuilder,
    /// Its training, on data that is preprocessed.
    pub trainer: Trainer,
    /// The number of initial weights, at least 1, that are tried for a tenth of the epochs; the best are trained in
    /// full.
    pub restarts: usize,
    /// The preprocessing, fitted on the training data.
    pub preprocessing: Preprocessing,
}

impl Recipe {
    /// Preprocesses and trains: takes unscaled data, returns a model in the units of the data.
    ///
    /// # Errors
    /// Those of [`Trainer::fit_best_of`].
    pub fn fit(&self, train: &Dataset) -> Result<Fit> {
        self.fit_with(train, &mut FitRun::default())
    }

    /// Does the work of [`fit`](Self::fit) with a start, checkpoints and an observer.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit), and if a checkpoint cannot be written or is of another training.
    pub fn fit_with(&self, train: &Dataset, run: &mut FitRun<'_>) -> Result<Fit> {
        run.active = run.checkpoints.clone();
        self.fit_as(train, None, run)
    }

    /// Trains, and reports `hyperparameters` as those of the recipe, if it was made of any.
    pub(super) fn fit_as(
        &self,
        train: &Dataset,
        hyperparameters: Option<&Hyperparameters>,
        run: &mut FitRun<'_>,
    ) -> Result<Fit> {
        self.check(train, run.start)?;
        train.check_memory(1, 0)?;
        let mut scaled = train.clone();
        self.preprocessing.apply(&mut scaled);
        let mut network = self.initial(run.start)?;
        let _ = run.event(FitEvent::Begin { hyperparameters, network: &network });
        let (checkpoints, trainer) = (run.active.take(), &self.trainer);
        let restarts = if run.start.is_some() { 1 } else { self.restarts };
        let mut inner = Run::default().observe(|event| run.event(FitEvent::Training(event)));
        if let Some(checkpoints) = checkpoints {
            inner = inner.checkpoints(checkpoints);
        }
        let trained = match restarts {
            1 => trainer.fit_with(&mut network, &scaled, &mut inner),
            restarts => {
                trainer.fit_best_of_with(restarts, &self.network, &scaled, &mut inner).map(|(best, history)| {
                    network = best;
                    history
                })
            }
        };
        drop(inner);
        let model = |network| {
            let model = Model::new(network, self.preprocessing.clone(), train.schema().clone())?;
            Ok::<_, Error>(model.with_loss(self.trainer.loss()))
        };
        let history = trained.inspect_err(|error| {
            if let (Error::Diverged(divergence), true) = (error, restarts == 1)
                && !divergence.history.epochs.is_empty()
            {
                run.salvaged = model(network.clone()).ok();
            }
        })?;
        Ok(Fit { model: model(network)?, history, hyperparameters: hyperparameters.cloned() })
    }

    /// Checks that the parts fit each other and the data.
    fn check(&self, train: &Dataset, start: Option<&Model>) -> Result<()> {
        if self.restarts == 0 {
            return Err(Error::Setting("restarts 0: it must be at least 1".into()));
        }
        if let Some(model) = start {
            model.check(train)?;
        }
        let (scaled, columns) = (self.preprocessing.features().columns(), train.features().columns());
        let targets = self.preprocessing.targets().map(Scaler::columns);
        if scaled != columns || targets.is_some_and(|scaled| train.values().map(Matrix::columns) != Some(scaled)) {
            let message = "the preprocessing was fitted on other data: it scales other features or targets";
            return Err(Error::Mismatch(message.into()));
        }
        Ok(())
    }

    /// The network that training begins with.
    fn initial(&self, start: Option<&Model>) -> Result<Network> {
        start.map_or_else(|| self.network.build(), |model| Ok(model.network().clone()))
    }
}
