//! The mean of models that were trained apart: federated averaging (McMahan, Moore, Ramage, Hampson, Agüera y Arcas,
//! 2017).

use super::model::Model;
use crate::base::error::{Error, Result};
use crate::nn::network::Network;

impl Model {
    /// Returns the model whose parameters and running statistics are the weighted means of those of `models`, which
    /// have been trained on other rows each; a weight is usually the number of these rows. It has the schema and the
    /// preprocessing, which are the same in all: continue the training of one model everywhere, as
    /// [`Hyperparameters::fit_with`](crate::Hyperparameters::fit_with) does with a start, and preprocessing stays as it is.
    ///
    /// A calibration and notes are those of a single model, and the mean has none.
    ///
    /// ```
    /// use palmnet::tune::Overrides;
    /// use palmnet::{Model, generate};
    /// let (train, _) = generate::moons(200, 0.2, 1).split(0.8, 1);
    /// let given = Overrides { epochs: Some(3), fast: true, ..Overrides::default() };
    /// let model = given.for_data(&train).fit(&train)?.model;
    /// let mean = Model::average(&[model.clone(), model.clone()], &[10.0, 20.0])?;
    /// assert_eq!(mean.network(), model.network());
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Mismatch`] if a model has other layers, columns, classes, preprocessing or another loss than the first;
    /// [`Error::Setting`] if there are no models, not as many weights, a weight is negative or not finite, or all are 0.
    pub fn average(models: &[Model], weights: &[f64]) -> Result<Model> {
        let Some(first) = models.first() else {
            return Err(Error::Setting("an average needs at least one model".into()));
        };
        for (index, model) in models.iter().enumerate() {
            let difference = match model {
                _ if model.schema() != first.schema() => "other columns or classes",
                _ if model.preprocessing() != first.preprocessing() => "other preprocessing",
                _ if model.loss() != first.loss() => "another loss",
                _ => continue,
            };
            let message = format!("model {} has {difference} than the first", index + 1);
            return Err(Error::Mismatch(format!("{message}: train all of them from one model (--from)")));
        }
        let networks: Vec<&Network> = models.iter().map(Model::network).collect();
        let network = Network::average(&networks, weights)?;
        Ok(Model::new(network, first.preprocessing().clone(), first.schema().clone())?.with_loss(first.loss()))
    }
}
