//! Intervals of values and sets of classes that a calibrated model predicts.

use super::calibration::{Calibration, Intervals};
use super::evaluate::Scored;
use super::model::Model;
use crate::base::error::{Error, Result};
use crate::data::{Dataset, Features, Targets};

/// How often intervals or sets held the truth on labeled data, of one target: see [`Model::coverage`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Coverage {
    /// The level that was asked for, a fraction.
    pub level: f64,
    /// The fraction of the examples whose truth was in the interval or set, from 0 to 1; NaN if there are none.
    pub covered: f64,
    /// The mean width of the intervals, in the units of the target, or the mean number of classes in a set.
    pub size: f64,
}

impl Model {
    /// Returns intervals around predicted values for features without labels, in the units of the training data. Each
    /// holds the true value with the probability `level`, from 0.5 to 0.99: of many rows like those of the training, a
    /// fraction `level` of the truth is inside, of each target by itself (split conformal prediction: Papadopoulos et al.,
    /// 2002; Lei et al., 2018). The intervals of an ensemble are wider where its members differ; those of a plain network
    /// all have the same width.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the model has no [`calibration`](Self::calibration), is not one of values, or has another
    /// number of features; [`Error::Setting`] if the level is out of range, or the calibration has too few rows for it.
    pub fn intervals(&self, features: &Features, level: f64) -> Result<Intervals> {
        let calibration = self.calibrated()?;
        let (outputs, spreads) = self.predict_with_spread(features)?;
        calibration.intervals(&outputs, &spreads, level)
    }

    /// Returns a set of classes for each example of features without labels, the likeliest first: their indices in the
    /// schema. It holds the true class with the probability `level` at least, from 0.5 to 0.99, among rows like those of
    /// the training, and the likeliest class always (Sadinle, Lei, Wasserman, 2019).
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the model has no [`calibration`](Self::calibration), is not one of classes, or has another
    /// number of features; [`Error::Setting`] if the level is out of range, or the calibration has too few rows for it.
    pub fn prediction_sets(&self, features: &Features, level: f64) -> Result<Vec<Vec<usize>>> {
        let calibration = self.calibrated()?;
        calibration.sets(&self.predict_features(features)?, level)
    }

    /// Returns how often the [`intervals`](Self::intervals) of each target, or the [sets](Self::prediction_sets), hold
    /// the truth on labeled data, and their mean size.
    ///
    /// # Errors
    /// Those of [`intervals`](Self::intervals) or [`prediction_sets`](Self::prediction_sets), and of
    /// [`check`](Self::check).
    pub fn coverage(&self, data: &Dataset, level: f64) -> Result<Vec<Coverage>> {
        self.coverage_of(data, level, &self.scored(data)?)
    }

    /// Returns the [`coverage`](Self::coverage) of predictions that this model has made for the same data.
    ///
    /// # Errors
    /// Those of [`coverage`](Self::coverage), and if the predictions are of another number of rows, or were made without
    /// the calibration.
    pub fn coverage_of(&self, data: &Dataset, level: f64, scored: &Scored) -> Result<Vec<Coverage>> {
        let Scored { outputs, spreads, .. } = scored;
        let calibration = self.calibrated()?;
        self.check(data)?;
        let needs_spreads = matches!(data.targets(), Targets::Values(_));
        if outputs.rows() != data.len() || (needs_spreads && spreads.shape() != outputs.shape()) {
            let message = "the predictions are not those of this model for this data: score it again";
            return Err(Error::Mismatch(message.into()));
        }
        let rows = data.len() as f64;
        match data.targets() {
            Targets::Classes(classes) => {
                let sets = calibration.sets(outputs, level)?;
                let covered = sets.iter().zip(classes).filter(|(set, class)| set.contains(&(**class as usize))).count();
                let classes = sets.iter().map(Vec::len).sum::<usize>() as f64;
                Ok(vec![Coverage { level, covered: covered as f64 / rows, size: classes / rows }])
            }
            Targets::Labels(_) => Err(Error::Mismatch("labels have no sets of classes".into())),
            Targets::Values(values) => {
                let Intervals { lower, upper, .. } = calibration.intervals(outputs, spreads, level)?;
                let of_target = |column| {
                    let ends =
                        || lower.iter_rows().zip(upper.iter_rows()).map(move |(low, high)| low[column]..=high[column]);
                    let truth = values.iter_rows().map(|row| row[column]);
                    let covered = ends().zip(truth).filter(|(ends, truth)| ends.contains(truth)).count();
                    let width: f64 = ends().map(|ends| f64::from(*ends.end()) - f64::from(*ends.start())).sum();
                    Coverage { level, covered: covered as f64 / rows, size: width / rows }
                };
                Ok((0..values.columns()).map(of_target).collect())
            }
        }
    }

    fn calibrated(&self) -> Result<&Calibration> {
        self.calibration().ok_or_else(|| {
            Error::Mismatch(
                "the model has no calibration, which is measured on rows that are held out: train it again with the \
                 defaults, or add one (Model::with_calibration)"
                    .into(),
            )
        })
    }
}
