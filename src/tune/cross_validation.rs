//! Cross-validation: the score of hyperparameters over several splits.

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

/// Trains `k` models, each on all but one fold of the data, and scores them on that fold. The folds are those of
/// [`Dataset::folds`]: stratified, or of whole groups, or in the order of time.
/// Preprocessing and tuning use the training part of each fold alone. The iterator trains a model per item.
///
/// ```
/// use palmnet::{Hyperparameters, generate, tune::{Tune, cross_validate}};
/// let moons = generate::moons(200, 0.2, 1);
/// let mut hyperparameters = Hyperparameters::for_data(&moons);
/// (hyperparameters.epochs, hyperparameters.tune) = (20, Tune::NONE);
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
    // The two parts, and the one to train on again when it is scaled.
    data.check_memory(2, 0)?;
    let folds = data.folds(k, hyperparameters.seed)?;
    Ok(folds.map(|(train, test)| {
        let model = hyperparameters.fit(&train)?.model;
        Ok(Fold { train: model.score(&train)?, test: model.score(&test)? })
    }))
}

/// A figure over several scores, such as those of all folds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Figure {
    /// `loss`, `accuracy`, `rmse`, `mae` or `r2`.
    pub name: &'static str,
    /// The mean.
    pub mean: f64,
    /// The population standard deviation.
    pub standard_deviation: f64,
}

/// Returns the mean and the standard deviation of every figure of the scores; nothing for no scores.
#[must_use]
pub fn summarize(scores: &[Score]) -> Vec<Figure> {
    let Some(first) = scores.first() else { return Vec::new() };
    let figures: Vec<Vec<(&str, f64)>> = scores.iter().map(Score::figures).collect();
    let summary = |(i, (name, _)): (usize, (&'static str, f64))| {
        let values = || figures.iter().map(|figures| figures[i].1);
        let n = scores.len() as f64;
        let mean = values().sum::<f64>() / n;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        Figure { name, mean, standard_deviation: variance.sqrt() }
    };
    first.figures().into_iter().enumerate().map(summary).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::classification::Classification;
    use crate::model::metrics::Evaluation;

    #[test]
    fn means_and_standard_deviations() {
        // The numbers of four examples that are right.
        let score = |loss: f64, right: usize| {
            let predicted: Vec<u32> = (0..4).map(|i| u32::from(i >= right)).collect();
            let metrics = Classification::new(2, &[0; 4], &predicted, 0.0);
            Score { loss, evaluation: Evaluation::Classification(metrics) }
        };
        let found = summarize(&[score(1.0, 2), score(3.0, 4), score(5.0, 3), score(7.0, 3)]);
        // The squares of the differences from 4 are 9, 1, 1 and 9.
        let loss = Figure { name: "loss", mean: 4.0, standard_deviation: 5f64.sqrt() };
        // The accuracies are 0.5, 1, 0.75 and 0.75: twice 0 and twice 1/16, of four.
        let accuracy = Figure { name: "accuracy", mean: 0.75, standard_deviation: 0.03125f64.sqrt() };
        assert_eq!(found, [loss, accuracy]);
        assert_eq!(summarize(&[]), []);
    }
}
