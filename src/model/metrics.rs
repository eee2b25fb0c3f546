//! How good predictions are: classification and regression metrics, as scikit-learn defines them.

use crate::linalg::matrix::Matrix;

/// What the evaluation of a network found.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluation {
    /// The predictions are classes.
    Classification(Classification),
    /// The predictions are numbers.
    Regression(Regression),
}

impl Evaluation {
    /// The metrics of classes, where the predictions are classes.
    pub fn classification(&self) -> Option<&Classification> {
        if let Evaluation::Classification(metrics) = self { Some(metrics) } else { None }
    }

    /// The metrics of numbers, where the predictions are numbers.
    pub fn regression(&self) -> Option<&Regression> {
        if let Evaluation::Regression(metrics) = self { Some(metrics) } else { None }
    }

    /// The share of examples whose class was predicted, from 0 to 1.
    ///
    /// # Panics
    /// When this is a regression, which has no accuracy.
    pub fn accuracy(&self) -> f64 {
        match self {
            Evaluation::Classification(metrics) => metrics.accuracy(),
            Evaluation::Regression(_) => panic!("a regression has no accuracy"),
        }
    }
}

/// Metrics of predicted classes.
///
/// A quotient of nothing by nothing, such as the precision of a class that is never predicted, is 0. Of no examples at
/// all the accuracy and the log loss are NaN.
///
/// ```
/// use palmnet::{Classification, Matrix};
/// let probabilities = Matrix::from_rows(&[[0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.1, 0.9]]);
/// let metrics = Classification::from_probabilities(&probabilities, &[0, 1, 1, 1]);
/// assert_eq!(metrics.accuracy(), 0.75);
/// assert_eq!(metrics.confusion(), [[1, 0], [1, 2]]);
/// assert_eq!(metrics.precision(0), 0.5);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    /// True class × predicted class.
    pub(super) confusion: Vec<Vec<usize>>,
    /// The examples of each true class for which no class is predicted.
    unpredicted: Vec<usize>,
    pub(super) log_loss: f64,
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
    /// The metrics of predicted classes, one per example, numbered from 0; `log_loss` is kept as it is.
    ///
    /// # Panics
    /// When there are not as many predictions as true classes, or a class is not below `classes`.
    pub fn new(classes: usize, truth: &[u32], predicted: &[u32], log_loss: f64) -> Self {
        assert_eq!(truth.len(), predicted.len(), "the numbers of true and of predicted classes");
        let mut confusion = vec![vec![0; classes]; classes];
        for (&truth, &predicted) in truth.iter().zip(predicted) {
            assert!(truth.max(predicted) < classes as u32, "class {} of {classes}", truth.max(predicted));
            confusion[truth as usize][predicted as usize] += 1;
        }
        Classification { confusion, unpredicted: vec![0; classes], log_loss }
    }

    /// The metrics of predicted probabilities: examples × classes, or one column with the probability of class 1 of two.
    ///
    /// Predicted is the most probable class, the first of equals (of two classes, class 1 when its probability is above
    /// 0.5). Where a probability is NaN, no class is predicted, which is wrong. The log loss is the mean of −ln(probability of the true class), where a
    /// probability is taken to be at least `f32::EPSILON` and at most 1 − `f32::EPSILON`.
    ///
    /// # Panics
    /// When there are not as many rows as true classes, or a true class has no column.
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
        metrics.log_loss = probabilities.iter_rows().zip(truth).map(loss).sum::<f64>() / truth.len() as f64;
        metrics
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.confusion.len()
    }

    /// How many examples of each class (row) were predicted to be of each class (column).
    pub fn confusion(&self) -> &[Vec<usize>] {
        &self.confusion
    }

    /// How many examples have no predicted class because a probability is NaN. They count as wrong.
    pub fn unpredicted(&self) -> usize {
        self.unpredicted.iter().sum()
    }

    /// The share of examples whose class was predicted, from 0 to 1.
    pub fn accuracy(&self) -> f64 {
        let examples: usize = (0..self.classes()).map(|class| self.support(class)).sum();
        let correct: usize = (0..self.classes()).map(|class| self.confusion[class][class]).sum();
        correct as f64 / examples as f64
    }

    /// The mean of −ln(probability of the true class), the cross-entropy.
    pub fn log_loss(&self) -> f64 {
        self.log_loss
    }

    /// The share of the examples predicted to be of `class` that are.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn precision(&self, class: usize) -> f64 {
        ratio(self.confusion[class][class], self.predicted(class))
    }

    /// The share of the examples of `class` that were predicted to be.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn recall(&self, class: usize) -> f64 {
        ratio(self.confusion[class][class], self.support(class))
    }

    /// The harmonic mean of precision and recall.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn f1(&self, class: usize) -> f64 {
        ratio(2 * self.confusion[class][class], self.predicted(class) + self.support(class))
    }

    /// The number of examples of `class`.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn support(&self, class: usize) -> usize {
        self.confusion[class].iter().sum::<usize>() + self.unpredicted[class]
    }

    /// The plain mean over the classes that occur among the true or the predicted ones.
    pub fn macro_average(&self) -> Scores {
        self.average(|class| usize::from(self.support(class) + self.predicted(class) > 0))
    }

    /// The mean over the classes, each weighted with its support.
    pub fn weighted_average(&self) -> Scores {
        self.average(|class| self.support(class))
    }

    fn average(&self, weight: impl Fn(usize) -> usize) -> Scores {
        let total: usize = (0..self.classes()).map(&weight).sum();
        let mut scores = Scores::default();
        for class in 0..self.classes() {
            let share = ratio(weight(class), total);
            scores.precision += share * self.precision(class);
            scores.recall += share * self.recall(class);
            scores.f1 += share * self.f1(class);
        }
        scores
    }

    /// How many examples were predicted to be of `class`.
    fn predicted(&self, class: usize) -> usize {
        self.confusion.iter().map(|row| row[class]).sum()
    }
}

/// 0 of nothing is 0.
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The most probable class of a row of probabilities, the first of equals; a single probability is that of class 1 of
/// two. There is none where one is NaN.
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

/// Metrics of predicted numbers. Of no examples all are NaN.
///
/// ```
/// use palmnet::{Matrix, Regression};
/// let metrics = Regression::new(&Matrix::from_rows(&[[1.0], [2.0]]), &Matrix::from_rows(&[[1.0], [4.0]]));
/// assert_eq!((metrics.mae, metrics.rmse, metrics.r2), (1.0, 2f64.sqrt(), 1.0 - 4.0 / 4.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Regression {
    /// The root of the mean squared error over all entries.
    pub rmse: f64,
    /// The mean absolute error over all entries.
    pub mae: f64,
    /// The coefficient of determination R²: 1 is perfect, 0 is no better than the mean of the truth. The mean over the
    /// outputs; of an output whose truth is constant 1 when it is hit exactly, else 0. NaN below two examples.
    pub r2: f64,
}

impl Regression {
    /// The metrics of a prediction: examples × outputs.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn new(prediction: &Matrix, truth: &Matrix) -> Self {
        assert_eq!(prediction.shape(), truth.shape(), "the shapes of the prediction and of the truth");
        let (rows, columns) = truth.shape();
        let (mut squares, mut absolutes, mut r2) = (0.0, 0.0, 0.0);
        for column in 0..columns {
            let truth = || truth.iter_rows().map(|row| f64::from(row[column]));
            let errors = || prediction.iter_rows().map(|row| f64::from(row[column])).zip(truth()).map(|(p, t)| p - t);
            let mean = truth().sum::<f64>() / rows as f64;
            let spread: f64 = truth().map(|t| (t - mean).powi(2)).sum();
            let square: f64 = errors().map(|error| error * error).sum();
            squares += square;
            absolutes += errors().map(f64::abs).sum::<f64>();
            r2 += match spread {
                _ if rows < 2 => f64::NAN,
                _ if square == 0.0 => 1.0,
                0.0 if square > 0.0 => 0.0,
                _ => 1.0 - square / spread,
            };
        }
        let entries = (rows * columns) as f64;
        Regression { rmse: (squares / entries).sqrt(), mae: absolutes / entries, r2: r2 / columns as f64 }
    }
}
