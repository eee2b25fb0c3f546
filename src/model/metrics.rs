//! The metrics of a prediction, whether it is of classes, of labels or of numbers.

use super::classification::Classification;
use super::multi_label::MultiLabel;
use super::regression::Regression;

/// How good the predictions of a network or model are.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Evaluation {
    /// The predictions are classes.
    Classification(Classification),
    /// The predictions are labels.
    MultiLabel(MultiLabel),
    /// The predictions are numbers.
    Regression(Regression),
}

impl Evaluation {
    /// Returns the metrics of classes, if the predictions are classes.
    pub fn classification(&self) -> Option<&Classification> {
        if let Evaluation::Classification(metrics) = self { Some(metrics) } else { None }
    }

    /// Returns the metrics of labels, if the predictions are labels.
    pub fn multi_label(&self) -> Option<&MultiLabel> {
        if let Evaluation::MultiLabel(metrics) = self { Some(metrics) } else { None }
    }

    /// Returns the metrics of numbers, if the predictions are numbers.
    pub fn regression(&self) -> Option<&Regression> {
        if let Evaluation::Regression(metrics) = self { Some(metrics) } else { None }
    }

    /// Returns one number, the greater the better: see [`Score::value`](crate::Score::value).
    pub(crate) fn value(&self) -> f64 {
        match self {
            Evaluation::Classification(metrics) => metrics.accuracy(),
            Evaluation::MultiLabel(metrics) => metrics.subset_accuracy,
            Evaluation::Regression(metrics) => metrics.r2,
        }
    }

    /// Returns the name of [`value`](Self::value) among the figures of a score.
    pub(crate) fn metric(&self) -> &'static str {
        match self {
            Evaluation::Classification(_) => "accuracy",
            Evaluation::MultiLabel(_) => "subset_accuracy",
            Evaluation::Regression(_) => "r2",
        }
    }

    /// Returns the fraction of examples whose class, or whose every label, was predicted, from 0 to 1 (NaN if there are
    /// no examples); `None` if the predictions are numbers.
    pub fn accuracy(&self) -> Option<f64> {
        match self {
            Evaluation::Classification(metrics) => Some(metrics.accuracy()),
            Evaluation::MultiLabel(metrics) => Some(metrics.subset_accuracy),
            Evaluation::Regression(_) => None,
        }
    }
}
