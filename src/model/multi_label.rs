//! Metrics of predicted labels.

use super::classification::Classification;
use super::ranking::Ranking;
use crate::linalg::matrix::Matrix;

/// Metrics of predicted labels, each a yes or no by itself, as scikit-learn defines them. A label is predicted if its
/// probability is above 0.5; one whose probability is NaN is wrong. A quotient 0/0, such as the precision of a label that
/// is never predicted, is 0. Accuracies and F1 are NaN if there are no examples.
///
/// ```
/// use palmnet::Matrix;
/// use palmnet::metrics::MultiLabel;
/// let probabilities = Matrix::from_rows(&[[0.9, 0.2], [0.7, 0.6], [0.1, 0.8], [0.2, 0.4]]);
/// let truth = Matrix::from_rows(&[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]);
/// let metrics = MultiLabel::new(&probabilities, &truth);
/// assert_eq!((metrics.subset_accuracy, metrics.label_accuracy), (0.5, 0.75));
/// assert_eq!((metrics.labels[0].precision, metrics.labels[0].recall), (0.5, 1.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MultiLabel {
    /// The fraction of examples of which every label is right, from 0 to 1.
    pub subset_accuracy: f64,
    /// The unweighted mean of the accuracies of the labels, from 0 to 1: the fraction of labels that are right.
    pub label_accuracy: f64,
    /// The unweighted mean of the F1 of the labels, from 0 to 1.
    pub macro_f1: f64,
    /// The metrics of each label.
    pub labels: Vec<LabelMetrics>,
}

/// Metrics of one label.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct LabelMetrics {
    /// The fraction of examples of which the label is right, from 0 to 1.
    pub accuracy: f64,
    /// The fraction of the examples predicted to have the label that do, from 0 to 1.
    pub precision: f64,
    /// The fraction of the examples with the label that are predicted to have it, from 0 to 1.
    pub recall: f64,
    /// The harmonic mean of precision and recall, from 0 to 1.
    pub f1: f64,
    /// The [area under the ROC curve](Ranking::roc_auc), from 0 to 1: 0.5 is chance. NaN if no example has the label, or
    /// all have, or if a probability is NaN.
    pub roc_auc: f64,
    /// The number of examples with the label.
    pub support: usize,
}

impl MultiLabel {
    /// Computes the metrics of the predicted probabilities of labels, compared with the truth, which is 1 for yes and 0
    /// for no: both examples × labels.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn new(probabilities: &Matrix, truth: &Matrix) -> Self {
        assert_eq!(probabilities.shape(), truth.shape(), "the shapes of the probabilities and of the truth");
        let (rows, columns) = truth.shape();
        let labels: Vec<LabelMetrics> =
            (0..columns).map(|column| LabelMetrics::of(probabilities, truth, column)).collect();
        let is_right = |(p, y): (&f32, &f32)| !p.is_nan() && (*p > 0.5) == (*y == 1.0);
        let pairs = probabilities.iter_rows().zip(truth.iter_rows());
        let exact = pairs.filter(|(p, y)| p.iter().zip(*y).all(is_right)).count();
        let mean = |figure: fn(&LabelMetrics) -> f64| match rows {
            0 => f64::NAN,
            _ => labels.iter().map(figure).sum::<f64>() / columns as f64,
        };
        MultiLabel {
            subset_accuracy: exact as f64 / rows as f64,
            label_accuracy: mean(|label| label.accuracy),
            macro_f1: mean(|label| label.f1),
            labels,
        }
    }
}

impl LabelMetrics {
    fn of(probabilities: &Matrix, truth: &Matrix, column: usize) -> Self {
        let scores: Vec<f32> = probabilities.iter_rows().map(|row| row[column]).collect();
        let positive: Vec<bool> = truth.iter_rows().map(|row| row[column] == 1.0).collect();
        let classes: Vec<u32> = positive.iter().map(|&positive| positive.into()).collect();
        let roc_auc = Ranking::new(&scores, &positive).roc_auc();
        let found = Classification::from_probabilities(&Matrix::from_vec(scores.len(), 1, scores), &classes);
        LabelMetrics {
            accuracy: found.accuracy(),
            precision: found.precision(1),
            recall: found.recall(1),
            f1: found.f1(1),
            roc_auc,
            support: found.support(1),
        }
    }
}
