//! Weights of examples in the loss.

use crate::base::error::{Error, Result};
use crate::data::{Dataset, Targets};

/// The weights of the examples in training, besides those that a dataset
/// [has itself](crate::Dataset::with_weights); see [`Trainer::example_weights`](crate::Trainer::example_weights).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExampleWeights {
    /// Every class as much as any other, however few its examples are: n / (classes · examples of the class). With weights
    /// of the dataset, each example counts as its weight says within the class.
    Balanced,
    /// A factor of at least zero for every class, in the order of the dataset's class names, times the weight that the
    /// dataset has for the example.
    Classes(Vec<f32>),
    /// A factor of at least zero for every example, instead of the dataset's weight.
    Examples(Vec<f32>),
}

impl ExampleWeights {
    /// Returns the factor of every example of `data`.
    pub(super) fn of(&self, data: &Dataset) -> Result<Vec<f32>> {
        let fits = |weights: &[f32], count: usize, what: &str| {
            if weights.len() != count {
                let message = format!("{} weights for {count} {what}: one is needed for each", weights.len());
                return Err(Error::Mismatch(message));
            }
            match weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
                Some(weight) => Err(Error::Setting(format!("weight {weight}: it must be zero or more"))),
                None => Ok(()),
            }
        };
        let own = relative_weights(data)?;
        let by_class = |weights: &[f32]| match (data.targets(), &own) {
            (Targets::Classes(labels), None) => Ok(labels.iter().map(|&label| weights[label as usize]).collect()),
            (Targets::Classes(labels), Some(own)) => {
                Ok(labels.iter().zip(own).map(|(&label, own)| weights[label as usize] * own).collect())
            }
            (Targets::Labels(_) | Targets::Values(_), _) => {
                Err(Error::Mismatch("weights of classes need one target of classes, and the targets are others".into()))
            }
        };
        let classes = data.class_names().len();
        match self {
            ExampleWeights::Examples(weights) => fits(weights, data.len(), "examples").map(|()| weights.clone()),
            ExampleWeights::Classes(weights) => {
                fits(weights, classes, "classes")?;
                by_class(weights)
            }
            ExampleWeights::Balanced => {
                let mut counts = vec![0.0; classes];
                for (row, &label) in data.labels().unwrap_or_default().iter().enumerate() {
                    counts[label as usize] += own.as_ref().map_or(1.0, |own| f64::from(own[row]));
                }
                let present = counts.iter().filter(|&&count| count > 0.0).count() as f64;
                // A class that does not count has no example with a weight.
                let weight = |&count: &f64| match count > 0.0 {
                    true => (data.len() as f64 / (present * count)) as f32,
                    false => 0.0,
                };
                by_class(&counts.iter().map(weight).collect::<Vec<f32>>())
            }
        }
    }
}

/// Returns the weights that a dataset has itself, scaled to a mean of 1.
pub(super) fn relative_weights(data: &Dataset) -> Result<Option<Vec<f32>>> {
    let Some(weights) = data.weights() else { return Ok(None) };
    let sum: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
    if sum == 0.0 {
        // A part of a dataset may have none of those that count.
        return Err(Error::Mismatch("the weights of all examples are zero: at least one must count".into()));
    }
    let n = weights.len() as f64;
    Ok(Some(weights.iter().map(|&weight| (f64::from(weight) * n / sum) as f32).collect()))
}
