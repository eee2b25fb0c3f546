//! Metrics of probabilities: ranking and the Brier score.

use super::classification::check;
use crate::base::sort::order;
use crate::linalg::matrix::Matrix;

/// Examples of two classes, positive and negative, ranked by a score such as the probability of the positive class.
///
/// Areas are those of scikit-learn: equal scores have one threshold, so that the order of the examples makes no
/// difference.
/// Every metric is NaN if a score is NaN.
///
/// ```
/// use palmnet::metrics::{Ranking, Threshold};
/// let ranking = Ranking::new(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]);
/// assert_eq!((ranking.roc_auc(), ranking.average_precision()), (0.75, 0.5 + 0.5 * 2.0 / 3.0));
/// let best = ranking.best_threshold(Threshold::f1).unwrap();
/// assert_eq!((best.threshold, best.precision(), best.recall()), (0.35, 2.0 / 3.0, 1.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// One for every score that occurs, the highest first.
    thresholds: Vec<Threshold>,
    positives: usize,
    negatives: usize,
}

/// The counts of a classifier that predicts the positive class if the score is at least `threshold`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Threshold {
    /// The lowest score for which the positive class is predicted.
    pub threshold: f32,
    /// The number of positive examples predicted to be positive.
    pub true_positives: usize,
    /// The number of negative examples predicted to be positive.
    pub false_positives: usize,
    /// The number of positive examples predicted to be negative.
    pub false_negatives: usize,
    /// The number of negative examples predicted to be negative.
    pub true_negatives: usize,
}

impl Threshold {
    /// Returns the fraction of the examples predicted to be positive that are, from 0 to 1.
    pub fn precision(&self) -> f64 {
        self.true_positives as f64 / (self.true_positives + self.false_positives) as f64
    }

    /// Returns the fraction of the positive examples that are predicted to be, from 0 to 1: the true positive rate, or
    /// sensitivity. NaN if there are no positive examples.
    pub fn recall(&self) -> f64 {
        self.true_positives as f64 / (self.true_positives + self.false_negatives) as f64
    }

    /// Returns the fraction of the negative examples that are predicted to be positive, from 0 to 1. NaN if there are
    /// no negative examples.
    pub fn false_positive_rate(&self) -> f64 {
        self.false_positives as f64 / (self.false_positives + self.true_negatives) as f64
    }

    /// Returns the harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN), from 0 to 1. NaN if there are no
    /// positive examples.
    pub fn f1(&self) -> f64 {
        let twice = (2 * self.true_positives) as f64;
        let f1 = twice / (twice + (self.false_positives + self.false_negatives) as f64);
        if self.true_positives + self.false_negatives == 0 { f64::NAN } else { f1 }
    }

    /// Returns Youden's J (Youden, 1950), recall − false positive rate, from −1 to 1: 0 is no better than chance. NaN
    /// if a class has no examples.
    pub fn youden(&self) -> f64 {
        self.recall() - self.false_positive_rate()
    }
}

impl Ranking {
    /// Ranks examples by their scores, which may be any numbers; `positive` is whether each example is positive.
    ///
    /// # Panics
    /// If the numbers of scores and of examples differ.
    pub fn new(scores: &[f32], positive: &[bool]) -> Self {
        assert_eq!(scores.len(), positive.len(), "the numbers of scores and of examples");
        let positives = positive.iter().filter(|&&positive| positive).count();
        let negatives = positive.len() - positives;
        let mut thresholds: Vec<Threshold> = Vec::new();
        if scores.iter().any(|score| score.is_nan()) {
            return Ranking { thresholds, positives, negatives };
        }
        let (mut true_positives, mut false_positives) = (0, 0);
        for i in order(scores.len(), &|a, b| (scores[b] + 0.0).total_cmp(&(scores[a] + 0.0))) {
            // The two zeros are the same score.
            let threshold = scores[i] + 0.0;
            true_positives += usize::from(positive[i]);
            false_positives += usize::from(!positive[i]);
            let (false_negatives, true_negatives) = (positives - true_positives, negatives - false_positives);
            let here = Threshold { threshold, true_positives, false_positives, false_negatives, true_negatives };
            match thresholds.last_mut() {
                Some(last) if last.threshold == threshold => *last = here,
                _ => thresholds.push(here),
            }
        }
        Ranking { thresholds, positives, negatives }
    }

    /// Ranks examples by the probability of `class`, whose examples are the positive ones. `probabilities` are examples
    /// × classes, or one column with the probability of class 1 of two; `truth` has the true class of each example.
    ///
    /// # Panics
    /// If there are not as many rows as true classes, or `class` or a true class has no column.
    pub fn of_class(probabilities: &Matrix, truth: &[u32], class: usize) -> Self {
        let classes = check(probabilities, truth);
        assert!(class < classes, "class {class} of {classes}");
        let score = |row: &[f32]| match row {
            [second] => {
                if class == 1 {
                    *second
                } else {
                    1.0 - second
                }
            }
            _ => row[class],
        };
        let scores: Vec<f32> = probabilities.iter_rows().map(score).collect();
        let positive: Vec<bool> = truth.iter().map(|&truth| truth as usize == class).collect();
        Ranking::new(&scores, &positive)
    }

    /// Returns the counts for every score that occurs as a threshold, the highest first; none if a score is NaN.
    pub fn thresholds(&self) -> &[Threshold] {
        &self.thresholds
    }

    /// Returns the area under the receiver operating characteristic, recall plotted against the false positive rate:
    /// the probability that a positive example has a higher score than a negative one, with equal scores counted half.
    /// 1 is perfect, 0.5 is chance. NaN if a class has no examples.
    pub fn roc_auc(&self) -> f64 {
        let (mut area, mut before) = (0u128, (0, 0));
        for here in &self.thresholds {
            let width = here.false_positives - before.0;
            area += width as u128 * (here.true_positives + before.1) as u128;
            before = (here.false_positives, here.true_positives);
        }
        if self.thresholds.is_empty() {
            return f64::NAN;
        }
        area as f64 / (2.0 * self.positives as f64 * self.negatives as f64)
    }

    /// Returns the average precision Σ (Rₖ − Rₖ₋₁) Pₖ with precision P and recall R at the k-th highest threshold: the
    /// area under the precision–recall curve, in steps. 1 is perfect, the fraction of positive examples is chance. NaN
    /// if there are no positive examples.
    pub fn average_precision(&self) -> f64 {
        let (mut sum, mut before) = (0.0, 0);
        for here in &self.thresholds {
            sum += (here.true_positives - before) as f64 * here.precision();
            before = here.true_positives;
        }
        if self.thresholds.is_empty() { f64::NAN } else { sum / self.positives as f64 }
    }

    /// Returns the threshold for which `criterion` is largest, the highest of equals. Thresholds for which it is NaN
    /// are passed over; `None` if no other is left.
    ///
    /// Choose it on a validation set, not on the data that the result is reported for.
    pub fn best_threshold(&self, criterion: impl Fn(&Threshold) -> f64) -> Option<Threshold> {
        let mut best: Option<(f64, &Threshold)> = None;
        for threshold in &self.thresholds {
            let value = criterion(threshold);
            if !value.is_nan() && best.is_none_or(|(most, _)| value > most) {
                best = Some((value, threshold));
            }
        }
        best.map(|(_, threshold)| *threshold)
    }
}

/// Returns the [area under the ROC curve](Ranking::roc_auc) of predicted probabilities: examples × classes, or one
/// column with the probability of class 1 of two.
///
/// Of two classes, class 1 is the positive one. Of more, it is the unweighted mean over the classes, each against the
/// rest (one-vs-rest, macro average); a class that no example or every example has is left out. NaN if no class is
/// left, or if a probability is NaN.
///
/// ```
/// use palmnet::{Matrix, metrics};
/// let probabilities = Matrix::from_rows(&[[0.1], [0.4], [0.35], [0.8]]);
/// assert_eq!(metrics::roc_auc(&probabilities, &[0, 0, 1, 1]), 0.75);
/// ```
///
/// # Panics
/// If there are not as many rows as true classes, or a true class has no column.
pub fn roc_auc(probabilities: &Matrix, truth: &[u32]) -> f64 {
    one_vs_rest(probabilities, truth, Ranking::roc_auc)
}

/// Returns the [average precision](Ranking::average_precision) of predicted probabilities: examples × classes, or one
/// column with the probability of class 1 of two.
///
/// Of two classes, class 1 is the positive one. Of more, it is the unweighted mean over the classes, each against the
/// rest; a class that no example has is left out. NaN if no class is left, or if a probability is NaN.
///
/// # Panics
/// If there are not as many rows as true classes, or a true class has no column.
pub fn average_precision(probabilities: &Matrix, truth: &[u32]) -> f64 {
    one_vs_rest(probabilities, truth, Ranking::average_precision)
}

/// Returns the Brier score (Brier, 1950), the mean squared error of predicted probabilities: examples × classes, or one
/// column with the probability of class 1 of two. 0 is perfect. NaN if there are no examples, or if a probability is
/// NaN.
///
/// Of two classes, it is the mean of (p − y)² with the probability p of class 1 and y = 1 for its examples, else 0: at
/// most 1, and 0.25 for p = 0.5. Of more, the squares are added up over the classes: at most 2.
///
/// # Panics
/// If there are not as many rows as true classes, or a true class has no column.
pub fn brier_score(probabilities: &Matrix, truth: &[u32]) -> f64 {
    let classes = check(probabilities, truth);
    let square = |p: f32, occurred: bool| (f64::from(p) - f64::from(u8::from(occurred))).powi(2);
    let score = |(row, &truth): (&[f32], &u32)| match row {
        [p] | [_, p] if classes == 2 => square(*p, truth == 1),
        _ => row.iter().enumerate().map(|(class, &p)| square(p, truth as usize == class)).sum(),
    };
    probabilities.iter_rows().zip(truth).map(score).sum::<f64>() / truth.len() as f64
}

/// Returns the metric of class 1 of two, or its mean over more classes, each against the rest.
fn one_vs_rest(probabilities: &Matrix, truth: &[u32], metric: impl Fn(&Ranking) -> f64) -> f64 {
    let classes = check(probabilities, truth);
    if classes == 2 {
        return metric(&Ranking::of_class(probabilities, truth, 1));
    }
    if probabilities.as_slice().iter().any(|p| p.is_nan()) {
        return f64::NAN;
    }
    let (mut sum, mut count) = (0.0, 0.0);
    for class in 0..classes {
        let value = metric(&Ranking::of_class(probabilities, truth, class));
        if !value.is_nan() {
            (sum, count) = (sum + value, count + 1.0);
        }
    }
    sum / count
}
