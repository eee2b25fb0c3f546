//! How well a network does, as text and as JSON.

use palmnet::json::Json;
use palmnet::{Dataset, Evaluation, Loss, Matrix, Model, Network, Regression, Result, Scaler, Targets};

use super::numbers::significant;

/// Loss and metrics on one part of the data.
pub struct Score {
    pub loss: f64,
    pub evaluation: Evaluation,
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
        model.preprocessing().apply(&mut data);
        Score::of(model.network(), &data, model.loss(), model.preprocessing().targets())
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
            _ => String::new(),
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
            _ => {}
        }
        Json::object(members)
    }
}
