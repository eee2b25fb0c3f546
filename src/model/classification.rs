//! Metrics of predicted classes.

use crate::linalg::matrix::Matrix;

/// The bins of the calibration error (Guo et al., 2017).
const CALIBRATION_BINS: usize = 15;

/// Metrics of predicted classes.
///
/// They are those of scikit-learn. A quotient 0/0, such as the precision of a class that is never predicted, is 0. If
/// there are no examples at all, accuracy, balanced accuracy, Matthews correlation and log loss are NaN. Metrics of the
/// probabilities themselves are in [`metrics`](crate::metrics).
///
/// ```
/// use palmnet::metrics::Classification;
/// use palmnet::Matrix;
/// let probabilities = Matrix::from_rows(&[[0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.1, 0.9]]);
/// let metrics = Classification::from_probabilities(&probabilities, &[0, 1, 1, 1]);
/// assert_eq!(metrics.accuracy(), 0.75);
/// assert_eq!(metrics.confusion(), [[1, 0], [1, 2]]);
/// assert_eq!(metrics.precision(0), 0.5);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    /// True class × predicted class.
    confusion: Vec<Vec<usize>>,
    /// The examples of each true class for which no class is predicted.
    unpredicted: Vec<usize>,
    log_loss: f64,
    calibration_error: Option<f64>,
}

/// Precision, recall and F1, averaged over classes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Scores {
    /// The mean of the classes' precision.
    pub precision: f64,
    /// The mean of the classes' recall.
    pub recall: f64,
    /// The mean of the classes' F1.
    pub f1: f64,
}

impl Classification {
    /// Computes the metrics of predicted classes, one per example, numbered from 0; `log_loss` is stored unchanged.
    ///
    /// # Panics
    /// If there are not as many predictions as true classes, or a class is not below `classes`.
    pub fn new(classes: usize, truth: &[u32], predicted: &[u32], log_loss: f64) -> Self {
        assert_eq!(truth.len(), predicted.len(), "the numbers of true and of predicted classes");
        let mut confusion = vec![vec![0; classes]; classes];
        for (&truth, &predicted) in truth.iter().zip(predicted) {
            assert!(truth.max(predicted) < classes as u32, "class {} of {classes}", truth.max(predicted));
            confusion[truth as usize][predicted as usize] += 1;
        }
        Classification { confusion, unpredicted: vec![0; classes], log_loss, calibration_error: None }
    }

    /// Computes the metrics of predicted probabilities: examples × classes, or one column with the probability of class
    /// 1 of two.
    ///
    /// The predicted class is the most probable one, the first of equals (of two classes in one column, class 1 if its
    /// probability is above 0.5). If a probability is NaN, no class is predicted, which counts as wrong. The log loss
    /// is the mean of −ln(probability of the true class), with probabilities clipped to [`f32::EPSILON`, 1 −
    /// `f32::EPSILON`].
    ///
    /// # Panics
    /// If there are not as many rows as true classes, or a true class has no column.
    pub fn from_probabilities(probabilities: &Matrix, truth: &[u32]) -> Self {
        assert_eq!(truth.len(), probabilities.rows(), "the numbers of true classes and of predictions");
        let binary = probabilities.columns() == 1;
        let classes = if binary { 2 } else { probabilities.columns() };
        let mut metrics = Classification::new(classes, &[], &[], 0.0);
        for (row, &truth) in probabilities.iter_rows().zip(truth) {
            assert!(truth < classes as u32, "class {truth} of {classes}");
            match likeliest(row) {
                Some(predicted) => metrics.confusion[truth as usize][predicted] += 1,
                None => metrics.unpredicted[truth as usize] += 1,
            }
        }

        let clip = |p: f32| f64::from(p).clamp(f32::EPSILON.into(), 1.0 - f64::from(f32::EPSILON));
        let loss = |(row, &truth): (&[f32], &u32)| match truth {
            0 if binary => -(1.0 - clip(row[0])).ln(),
            1 if binary => -clip(row[0]).ln(),
            _ => -clip(row[truth as usize]).ln(),
        };
        metrics.calibration_error = Some(calibration_error(probabilities, truth, CALIBRATION_BINS));
        metrics.log_loss = probabilities.iter_rows().zip(truth).map(loss).sum::<f64>() / truth.len() as f64;
        metrics
    }

    /// Returns the number of classes.
    pub fn classes(&self) -> usize {
        self.confusion.len()
    }

    /// Returns how many examples of each true class (row) were predicted to be of each class (column).
    pub fn confusion(&self) -> &[Vec<usize>] {
        &self.confusion
    }

    /// Returns how many examples have no predicted class because a probability is NaN. They count as wrong.
    pub fn unpredicted(&self) -> usize {
        self.unpredicted.iter().sum()
    }

    /// Returns the fraction of examples whose class was predicted, from 0 to 1.
    pub fn accuracy(&self) -> f64 {
        let examples: usize = (0..self.classes()).map(|class| self.support(class)).sum();
        let correct: usize = (0..self.classes()).map(|class| self.confusion[class][class]).sum();
        correct as f64 / examples as f64
    }

    /// Returns the mean recall over the classes that occur among the true ones, from 0 to 1: the accuracy if every
    /// class had as many examples. A prediction that ignores the example has 1 / classes.
    pub fn balanced_accuracy(&self) -> f64 {
        let occurring = || (0..self.classes()).filter(|&class| self.support(class) > 0);
        occurring().map(|class| self.recall(class)).sum::<f64>() / occurring().count() as f64
    }

    /// Returns the Matthews correlation coefficient (Matthews, 1975; for several classes Gorodkin, 2004): 1 is perfect,
    /// 0 is no better than chance, and it is at least −1. It is the correlation of true and predicted classes
    ///
    /// (c s − Σ tₖ pₖ) / √((s² − Σ pₖ²) (s² − Σ tₖ²))
    ///
    /// of s examples, c of them correct, tₖ of class k and pₖ predicted to be. It is 0 if all examples are of one class
    /// or all are predicted to be. Examples without a predicted class count as predicted to be of a class of their own.
    pub fn matthews_correlation(&self) -> f64 {
        let classes = || 0..self.classes();
        let examples: usize = classes().map(|class| self.support(class)).sum();
        if examples == 0 {
            return f64::NAN;
        }
        let examples = examples as f64;
        let correct: f64 = classes().map(|class| self.confusion[class][class] as f64).sum();
        let [mut both, mut predicted, mut truth] = [0.0, (self.unpredicted() as f64).powi(2), 0.0];
        for class in classes() {
            let (t, p) = (self.support(class) as f64, self.predicted(class) as f64);
            both += t * p;
            predicted += p * p;
            truth += t * t;
        }
        let square = examples * examples;
        let scale = ((square - predicted) * (square - truth)).sqrt();
        if scale > 0.0 { (correct * examples - both) / scale } else { 0.0 }
    }

    /// Returns the mean of −ln(probability of the true class), the cross-entropy in nats: 0 is perfect, ln(classes) is
    /// guessing.
    pub fn log_loss(&self) -> f64 {
        self.log_loss
    }

    /// Returns the [expected calibration error](crate::metrics::calibration_error) in 15 bins, from 0 to 1; `None` for
    /// metrics of predicted classes without probabilities.
    pub fn calibration_error(&self) -> Option<f64> {
        self.calibration_error
    }

    /// Returns the fraction of the examples predicted to be of `class` that are, from 0 to 1.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn precision(&self, class: usize) -> f64 {
        ratio(self.confusion[class][class], self.predicted(class))
    }

    /// Returns the fraction of the examples of `class` that were predicted to be, from 0 to 1.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn recall(&self, class: usize) -> f64 {
        ratio(self.confusion[class][class], self.support(class))
    }

    /// Returns the harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN), from 0 to 1.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn f1(&self, class: usize) -> f64 {
        ratio(2 * self.confusion[class][class], self.predicted(class) + self.support(class))
    }

    /// Returns the number of examples of `class`.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn support(&self, class: usize) -> usize {
        self.confusion[class].iter().sum::<usize>() + self.unpredicted[class]
    }

    /// Returns the unweighted mean over the classes that occur among the true or the predicted ones.
    pub fn macro_average(&self) -> Scores {
        self.average(|class| usize::from(self.support(class) + self.predicted(class) > 0))
    }

    /// Returns the mean over the classes, each weighted with its support.
    pub fn weighted_average(&self) -> Scores {
        self.average(|class| self.support(class))
    }

    fn average(&self, weight: impl Fn(usize) -> usize) -> Scores {
        let total: usize = (0..self.classes()).map(&weight).sum();
        let mut scores = Scores::default();
        for class in 0..self.classes() {
            let fraction = ratio(weight(class), total);
            scores.precision += fraction * self.precision(class);
            scores.recall += fraction * self.recall(class);
            scores.f1 += fraction * self.f1(class);
        }
        scores
    }

    /// Returns how many examples were predicted to be of `class`.
    fn predicted(&self, class: usize) -> usize {
        self.confusion.iter().map(|row| row[class]).sum()
    }
}

/// Returns the quotient, 0 for 0/0.
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Returns the most probable class of a row of probabilities, the first of equals; a single probability is that of
/// class 1 of two. `None` if one is NaN.
pub(crate) fn likeliest(probabilities: &[f32]) -> Option<usize> {
    match probabilities {
        _ if probabilities.iter().any(|p| p.is_nan()) => None,
        [second] => Some(usize::from(*second > 0.5)),
        [] => None,
        _ => Some(
            (1..probabilities.len()).fold(0, |best, i| if probabilities[i] > probabilities[best] { i } else { best }),
        ),
    }
}

/// Returns the expected calibration error (Naeini, Cooper, Hauskrecht, 2015; Guo et al., 2017) of predicted
/// probabilities: examples × classes, or one column with the probability of class 1 of two.
///
/// The probability of the predicted class is the confidence. The examples are put into `bins` bins by their confidence,
/// ((b − 1) / `bins`, b / `bins`], and the error is Σ |accuracy − mean confidence| over the bins, each weighted with
/// its fraction of the examples: 0 is perfect, and it is at most 1. 15 bins are usual. NaN if there are no examples, or
/// if a probability is NaN.
///
/// # Panics
/// If `bins` is zero, there are not as many rows as true classes, or a true class has no column.
pub fn calibration_error(probabilities: &Matrix, truth: &[u32], bins: usize) -> f64 {
    assert!(bins > 0, "calibration needs a bin");
    check(probabilities, truth);
    // Of each bin, the number of correct examples less the sum of the confidences.
    let mut gaps = vec![0.0; bins];
    for (row, &truth) in probabilities.iter_rows().zip(truth) {
        let Some(predicted) = likeliest(row) else { return f64::NAN };
        let confidence = f64::from(match row {
            [second] => {
                if predicted == 1 {
                    *second
                } else {
                    1.0 - second
                }
            }
            _ => row[predicted],
        });
        let bin = (confidence * bins as f64).ceil() as usize;
        gaps[bin.clamp(1, bins) - 1] += f64::from(u8::from(predicted == truth as usize)) - confidence;
    }
    gaps.into_iter().map(f64::abs).sum::<f64>() / truth.len() as f64
}

/// Returns the number of classes after checking the shapes.
pub(super) fn check(probabilities: &Matrix, truth: &[u32]) -> usize {
    assert_eq!(truth.len(), probabilities.rows(), "the numbers of true classes and of predictions");
    let classes = if probabilities.columns() == 1 { 2 } else { probabilities.columns() };
    if let Some(&most) = truth.iter().max() {
        assert!((most as usize) < classes, "class {most} of {classes}");
    }
    classes
}
