//! Metrics of predicted numbers.

use std::fmt;

use crate::base::text::significant;
use crate::linalg::matrix::Matrix;

/// Metrics of predicted numbers, as scikit-learn defines them. All are NaN if there are no examples, or if a prediction
/// or a true value is NaN.
///
/// ```
/// use palmnet::metrics::Regression;
/// use palmnet::Matrix;
/// let metrics = Regression::new(&Matrix::from_rows(&[[1.0], [2.0]]), &Matrix::from_rows(&[[1.0], [4.0]]));
/// assert_eq!((metrics.mae, metrics.rmse, metrics.r2), (1.0, 2f64.sqrt(), 1.0 - 4.0 / 4.5));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Regression {
    /// The root of the mean squared error over all entries, √(Σ (ŷ − y)² / n): at least 0, in units of the targets.
    pub rmse: f64,
    /// The mean absolute error over all entries, Σ |ŷ − y| / n: at least 0, in units of the targets.
    pub mae: f64,
    /// The coefficient of determination, the unweighted mean of that of the [`outputs`](Self::outputs).
    pub r2: f64,
    /// The metrics of each output.
    pub outputs: Vec<OutputErrors>,
}

/// Metrics of one output of a regression.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutputErrors {
    /// The root of the mean squared error, in units of the target.
    pub rmse: f64,
    /// The mean absolute error, in units of the target.
    pub mae: f64,
    /// The coefficient of determination R² = 1 − Σ (ŷ − y)² / Σ (y − mean of y)²: 1 is perfect, 0 is as good as the
    /// mean of the truth, and it has no lower bound. If the truth is constant, it is 1 if every prediction is exact,
    /// else 0. NaN for fewer than two examples.
    pub r2: f64,
}

/// One line: `rmse 1.234, mae 0.9876, R² 0.9123`.
impl fmt::Display for OutputErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rmse, mae) = (significant(self.rmse, 4), significant(self.mae, 4));
        let r2 = if self.r2.abs() < 1e4 { format!("{:.4}", self.r2) } else { significant(self.r2, 4) };
        write!(f, "rmse {rmse}, mae {mae}, R² {r2}")
    }
}

impl Regression {
    /// Computes the metrics of a prediction, compared with the truth: both examples × outputs.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn new(prediction: &Matrix, truth: &Matrix) -> Self {
        assert_eq!(prediction.shape(), truth.shape(), "the shapes of the prediction and of the truth");
        let (rows, columns) = truth.shape();
        let (mut squares, mut absolutes, mut r2) = (0.0, 0.0, 0.0);
        let mut outputs = Vec::with_capacity(columns);
        for column in 0..columns {
            let truth = || truth.iter_rows().map(|row| f64::from(row[column]));
            let errors = || prediction.iter_rows().map(|row| f64::from(row[column])).zip(truth()).map(|(p, t)| p - t);
            let mean = truth().sum::<f64>() / rows as f64;
            let spread: f64 = truth().map(|t| (t - mean).powi(2)).sum();
            let square: f64 = errors().map(|error| error * error).sum();
            let absolute = errors().map(f64::abs).sum::<f64>();
            let explained = match spread {
                _ if rows < 2 => f64::NAN,
                _ if square == 0.0 => 1.0,
                0.0 if square > 0.0 => 0.0,
                _ => 1.0 - square / spread,
            };
            squares += square;
            absolutes += absolute;
            r2 += explained;
            let (rmse, mae) = ((square / rows as f64).sqrt(), absolute / rows as f64);
            outputs.push(OutputErrors { rmse, mae, r2: explained });
        }
        let entries = (rows * columns) as f64;
        let (rmse, mae) = ((squares / entries).sqrt(), absolutes / entries);
        Regression { rmse, mae, r2: r2 / columns as f64, outputs }
    }
}
