//! A report on a model: one page of HTML that needs no script, no other file and no network.
//!
//! It says what was trained, on which data and why (the trials and their scores), how well the model does, which columns
//! it needs, how its predictions depend on them, and which rows it predicts worst.
//!
//! ```
//! use palmnet::{Hyperparameters, generate, report::Report};
//! let (train, test) = generate::moons(300, 0.2, 1).split(0.7, 1);
//! let mut hyperparameters = Hyperparameters::for_data(&train);
//! (hyperparameters.members, hyperparameters.epochs, hyperparameters.tune_penalty) = (1, 20, false);
//! let fit = hyperparameters.fit(&train)?;
//! let page = Report::new(&fit.model, &test).train(&train).history(&fit.history).to_html()?;
//! assert!(page.starts_with("<!DOCTYPE html>") && page.contains("Learning curve"));
//! # Ok::<(), palmnet::Error>(())
//! ```

mod data;
mod explanations;
mod page;
mod results;
mod trials;
mod worst;

use std::path::Path;

use crate::base::error::{Error, Result};
use crate::base::history::History;
use crate::base::text::{counted, significant};
use crate::data::Dataset;
use crate::explain::Permutations;
use crate::format::atomic::write_atomic;
use crate::model::{Model, Scored};
use crate::plot::learning_curve;
use crate::tune::Trial;
use page::Page;

#[doc(hidden)]
pub use page::START;

/// A report on a model, and everything that it is made of.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    model: &'a Model,
    data: &'a Dataset,
    train: Option<&'a Dataset>,
    history: Option<&'a History>,
    trials: &'a [Trial],
    warnings: &'a [String],
    command: &'a str,
    seconds: Option<f64>,
    scored: Option<&'a Scored>,
    permutations: Option<Permutations>,
    seed: u64,
}

impl<'a> Report<'a> {
    /// Makes a report on the predictions for labeled data, in the units of the training data. They should be rows that
    /// training did not see.
    pub fn new(model: &'a Model, data: &'a Dataset) -> Self {
        Report {
            model,
            data,
            train: None,
            history: None,
            trials: &[],
            warnings: &[],
            command: "",
            seconds: None,
            scored: None,
            permutations: None,
            seed: 0,
        }
    }

    /// Adds the data that was trained on, which has not been preprocessed.
    #[must_use]
    pub fn train(self, train: &'a Dataset) -> Self {
        Report { train: Some(train), ..self }
    }

    /// Adds the epochs of the training.
    #[must_use]
    pub fn history(self, history: &'a History) -> Self {
        Report { history: Some(history), ..self }
    }

    /// Adds the trials that chose the hyperparameters, of which the one with the lowest loss was the best.
    #[must_use]
    pub fn trials(self, trials: &'a [Trial]) -> Self {
        Report { trials, ..self }
    }

    /// Adds warnings about the data.
    #[must_use]
    pub fn warnings(self, warnings: &'a [String]) -> Self {
        Report { warnings, ..self }
    }

    /// Adds the command line that repeats the work.
    #[must_use]
    pub fn command(self, command: &'a str) -> Self {
        Report { command, ..self }
    }

    /// Adds the time that the work took.
    #[must_use]
    pub fn seconds(self, seconds: f64) -> Self {
        Report { seconds: Some(seconds), ..self }
    }

    /// Takes the predictions of the model for the data, as [`Model::scored`] returned them, in place of predicting again.
    #[must_use]
    pub fn scored(self, scored: &'a Scored) -> Self {
        Report { scored: Some(scored), ..self }
    }

    /// Sets how the importance of columns is measured. Without it, rows are drawn as time allows.
    #[must_use]
    pub fn permutations(self, permutations: Permutations) -> Self {
        Report { permutations: Some(permutations), ..self }
    }

    /// Sets the seed of the rows and permutations that are drawn for explanations.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Report { seed, ..self }
    }

    /// Returns the page. Of large data, rows are drawn for what would take long; the page says how many.
    ///
    /// # Errors
    /// If the data does not fit the model, or the predictions do not fit the data.
    pub fn to_html(&self) -> Result<String> {
        let (model, data) = (self.model, self.data);
        let own;
        let scored = match self.scored {
            Some(scored) if scored.outputs.rows() == data.len() => scored,
            Some(_) => {
                return Err(Error::Mismatch("the predictions are of another number of rows than the data".into()));
            }
            None => {
                own = model.scored(data)?;
                &own
            }
        };
        let mut page = Page::new(&format!("Model of {}", model.schema().target().names().join(", ")));
        let figures = scored.score.figures();
        page.figures(&mut figures.iter().map(|(name, figure)| (*name, significant(*figure, 4))));
        let rows = counted(data.len(), "row");
        page.note(&match self.train {
            Some(train) if !std::ptr::eq(train, data) => {
                format!("Measured on {rows} that the training of {} did not see.", counted(train.len(), "row"))
            }
            Some(_) => format!("Measured on the {rows} of the training: none were held out."),
            None => format!("Measured on {rows}."),
        });
        self.origin(&mut page);
        trials::write(&mut page, self.trials);
        let of = if self.train.is_some() { "of the training" } else { "that were measured" };
        data::write(&mut page, model, self.train.unwrap_or(data), of, self.warnings);
        if let Some(history) = self.history.filter(|history| history.epochs.len() > 1) {
            page.heading("Training");
            page.picture(&learning_curve(history));
        }
        results::write(&mut page, model, data, scored)?;
        explanations::write(&mut page, model, data, self.permutations, self.seed)?;
        worst::write(&mut page, model, data, &scored.outputs);
        Ok(page.finish())
    }

    /// Writes what was trained, in how long, and the command that repeats it.
    fn origin(&self, page: &mut Page) {
        page.heading("Model");
        page.preformatted("table", &self.model.network().to_string());
        let parameters = self.model.network().parameter_count();
        let epochs = self.history.map(|history| format!(", {}", counted(history.epochs.len(), "epoch")));
        let time = self.seconds.map(|seconds| format!(", {} seconds", significant(seconds, 3)));
        let [epochs, time] = [epochs, time].map(Option::unwrap_or_default);
        page.note(&format!("{}{epochs}{time}", counted(parameters, "parameter")));
        if !self.command.is_empty() {
            page.note("The command that repeats it:");
            page.preformatted("command", self.command);
        }
    }

    /// Writes the page to a file. One that is there is replaced whole or not at all.
    ///
    /// # Errors
    /// Those of [`to_html`](Self::to_html), and if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomic(path, self.to_html()?.as_bytes())
    }
}
