//! Hyperparameters: defaults for given data, regularization tuned by trials, cross-validation, random search, and
//! warnings about data.

mod cross_validation;
mod diagnose;
mod encoding;
mod estimate;
mod fit;
mod hyperparameters;
mod overrides;
mod proposals;
mod random_search;
mod recipe;
mod suspicion;
mod target_means;
mod trials;
mod tunable;
mod tuning;
mod warning;
mod work;

pub use cross_validation::{Figure, Fold, cross_validate, summarize};
pub use diagnose::{diagnose, diagnose_split, diagnose_test};
pub use hyperparameters::{Hyperparameters, Normalization};
pub use overrides::Overrides;
pub use random_search::{RandomSearch, SearchEvent, TrialLoss, Tuned};
pub use recipe::{Fit, FitEvent, FitRun, Recipe};
pub use trials::Trial;
pub use tunable::Tune;
pub use warning::Warning;

use crate::base::error::Result;
use crate::data::Dataset;
use crate::model::model::Model;

/// Trains a model with the defaults of `palmnet train`: a network, an optimizer and regularization that suit the data.
///
/// It is short for `Hyperparameters::for_data(train).fit(train)`, and returns only the model. To see or change the
/// decisions, use [`Hyperparameters`].
///
/// ```no_run
/// use palmnet::{Dataset, Target};
/// let (train, test) = Dataset::from_csv("iris.csv", Target::Last)?.split(0.8, 0);
/// let model = palmnet::fit(&train)?;
/// println!("{}", model.score(&test)?);
/// model.save("iris.safetensors")?;
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// # Errors
/// If there are no examples, or if training diverges.
pub fn fit(train: &Dataset) -> Result<Model> {
    Ok(Hyperparameters::for_data(train).fit(train)?.model)
}
