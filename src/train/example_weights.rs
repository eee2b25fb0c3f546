//! Weights of examples in the loss.

use crate::base::error::{Error, Result};
use crate::data::{Dataset, Targets};

/// The weights of the examples in training; see [`Trainer::example_weights`](crate::Trainer::example_weights).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExampleWeights {
    /// Every class as much as any other, however few its examples are: n / (classes · examples of the class).
    Balanced,
    /// A factor of at least zero for every class, in the order of the dataset's class names.
    Classes(Vec<f32>),
    /// A factor of at least zero for every example.
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
        let by_class = |weights: &[f32]| match data.targets() {
            Targets::Classes(labels) => Ok(labels.iter().map(|&label| weights[label as usize]).collect()),
            Targets::Values(_) => {
                Err(Error::Mismatch("weights of classes need classes, and the targets are values".into()))
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
                let mut counts = vec![0; classes];
                data.labels().unwrap_or_default().iter().for_each(|&label| counts[label as usize] += 1);
                let present = counts.iter().filter(|&&count| count > 0).count();
                let weight = |&count: &usize| (data.len() as f64 / (present * count.max(1)) as f64) as f32;
                by_class(&counts.iter().map(weight).collect::<Vec<f32>>())
            }
        }
    }
}
