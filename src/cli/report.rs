//! How well a network does, as text and as JSON.

use palmnet::json::Json;
use palmnet::{
    Activation, Dataset, Evaluation, Loss, Matrix, Model, Network, Output, Regression, Result, Scaler, Targets,
};

use super::numbers::significant;

/// Loss and metrics on one part of the data.
pub struct Score {
    pub loss: f64,
    pub evaluation: Evaluation,
}

/// The loss that a model was trained with or, where that is not known, the one that suits it.
pub fn loss_of(model: &Model) -> Loss {
    let usual = match (model.schema().output(), model.network().output_activation(), model.network().outputs()) {
        (Output::Values { .. }, ..) => Loss::MeanSquaredError,
        (_, Activation::Identity, 1) => Loss::BinaryCrossEntropyLogits,
        (_, Activation::Identity, _) => Loss::CrossEntropyLogits,
        (_, _, 1) => Loss::BinaryCrossEntropy,
        _ => Loss::CrossEntropy,
    };
    model.loss().unwrap_or(usual)
}

impl Score {
    /// The score on data that is scaled as the network was trained. Metrics of values are in the units of the
    /// targets before `target_scaler`, the loss in the scaled ones.
    pub fn of(network: &Network, data: &Dataset, loss: Loss, target_scaler: Option<&Scaler>) -> Result<Score> {
        network.check(data)?;
        let mut outputs = network.outputs_for(data)?;
        let mut targets = Matrix::default();
        data.gather_targets(&(0..data.len()).collect::<Vec<_>>(), network.outputs(), &mut targets);
        let loss = loss.value(&outputs, &targets);
        let evaluation = match (data.targets(), target_scaler) {
            (Targets::Classes(_), _) => network.evaluate(data)?,
            (Targets::Values(_), scaler) => {
                if let Some(scaler) = scaler {
                    scaler.invert(&mut outputs);
                    scaler.invert(&mut targets);
                }
                Evaluation::Regression(Regression::new(&outputs, &targets))
            }
        };
        Ok(Score { loss, evaluation })
    }

    /// The score of a model on data in its own units.
    pub fn of_model(model: &Model, mut data: Dataset) -> Result<Score> {
        model.check(&data)?;
        data.scale(model.scaler());
        if let Some(scaler) = model.target_scaler() {
            data.scale_targets(scaler);
        }
        Score::of(model.network(), &data, loss_of(model), model.target_scaler())
    }

    /// One line: `loss 0.05123, accuracy 0.9667`.
    pub fn line(&self) -> String {
        match &self.evaluation {
            Evaluation::Classification(found) => {
                format!("loss {}, accuracy {:.4}", significant(self.loss, 4), found.accuracy())
            }
            Evaluation::Regression(found) => {
                let (rmse, mae) = (significant(found.rmse, 4), significant(found.mae, 4));
                let r2 = if found.r2.abs() < 1e4 { format!("{:.4}", found.r2) } else { significant(found.r2, 4) };
                format!("rmse {rmse}, mae {mae}, R² {r2}")
            }
        }
    }

    /// `{"loss":…,"accuracy":…}`, or with `"rmse"`, `"mae"` and `"r2"`.
    pub fn json(&self) -> Json {
        let mut members = vec![("loss", Json::from(self.loss))];
        match &self.evaluation {
            Evaluation::Classification(found) => members.push(("accuracy", found.accuracy().into())),
            Evaluation::Regression(found) => {
                members.extend([("rmse", found.rmse.into()), ("mae", found.mae.into()), ("r2", found.r2.into())]);
            }
        }
        Json::object(members)
    }
}
