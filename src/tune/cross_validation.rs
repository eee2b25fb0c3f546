//! Cross-validation: how well hyperparameters do, whatever the split.

use super::hyperparameters::Hyperparameters;
use crate::base::error::Result;
use crate::data::Dataset;
use crate::model::evaluate::Score;

/// The scores of one fold.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Fold {
    /// The score on the examples that were trained on.
    pub train: Score,
    /// The score on the fold, whose examples were not trained on.
    pub test: Score,
}

/// Trains `k` models, each on all but one fold of the data, and scores them on that fold. Folds are stratified. Everything
/// that is fitted or tuned follows from the training part of each fold alone. A model is trained when its turn comes.
///
/// ```
/// use palmnet::{Hyperparameters, generate, tune::cross_validate};
/// let moons = generate::moons(200, 0.2, 1);
/// let mut hyperparameters = Hyperparameters::for_data(&moons);
/// (hyperparameters.epochs, hyperparameters.tune_penalty) = (40, false);
/// let mut accuracies = Vec::new();
/// for fold in cross_validate(&hyperparameters, &moons, 4)? {
///     accuracies.push(fold?.test.value());
/// }
/// assert!(accuracies.iter().sum::<f64>() / 4.0 > 0.9);
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// # Errors
/// If `k` is less than two or more than there are examples; in the iterator, those of [`Hyperparameters::fit`].
pub fn cross_validate(
    hyperparameters: &Hyperparameters,
    data: &Dataset,
    k: usize,
) -> Result<impl Iterator<Item = Result<Fold>>> {
    let folds = data.folds(k, hyperparameters.seed)?;
    Ok(folds.map(|(train, test)| {
        let model = hyperparameters.fit(&train)?.model;
        Ok(Fold { train: model.score(&train)?, test: model.score(&test)? })
    }))
}
