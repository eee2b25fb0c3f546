//! What training minimises: losses and their gradients.

use std::fmt;
use std::str::FromStr;

use crate::base::error::{Error, Result};
use crate::base::math;
use crate::base::names::{Names, named, parameter};
use crate::linalg::matrix::Matrix;
use crate::linalg::reduce::sum;
use crate::linalg::vectorize::vectorized;
use crate::nn::activation::Activation;

/// The loss of predictions against targets, both examples × outputs.
///
/// Means are PyTorch's: the cross-entropy over classes is averaged over examples, every other loss over all
/// entries. Targets of the cross-entropies may be any probabilities, one-hot rows as a rule.
///
/// ```
/// use palmnet::{Loss, Matrix};
/// assert_eq!("huber:0.5".parse::<Loss>()?, Loss::Huber(0.5));
/// let prediction = Matrix::from_rows(&[[0.5, 2.0]]);
/// let target = Matrix::from_rows(&[[1.0, 1.0]]);
/// assert_eq!(Loss::MeanSquaredError.value(&prediction, &target), 0.625);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// The mean of (ŷ - y)².
    MeanSquaredError,
    /// The mean of |ŷ - y|.
    MeanAbsoluteError,
    /// ½ (ŷ - y)² where the error is at most δ, else δ (|ŷ - y| - ½ δ) (Huber, 1964). The usual δ is 1.
    Huber(f32),
    /// -y ln p - (1 - y) ln(1 - p) of probabilities p, each output a yes or no by itself. Logarithms are cut at -100.
    BinaryCrossEntropy,
    /// The same of logits: p = sigmoid(z), computed without ever forming p.
    BinaryCrossEntropyLogits,
    /// -Σ y ln p over the classes of an example. Logarithms are cut at -100.
    CrossEntropy,
    /// The same of logits: p = softmax(z), computed through log-sum-exp.
    CrossEntropyLogits,
}

use Loss::*;

const NAMES: Names<Loss> = Names {
    kind: "loss",
    known: &[
        named("mean_squared_error", &["mse", "squared_error", "mse_loss"], MeanSquaredError),
        named("mean_absolute_error", &["mae", "absolute_error", "l1_loss"], MeanAbsoluteError),
        named("huber[:DELTA]", &["huber_loss"], Huber(1.0)),
        named("binary_cross_entropy", &["bce", "bce_loss"], BinaryCrossEntropy),
        named(
            "binary_cross_entropy_logits",
            &["bce_logits", "bce_with_logits", "bce_with_logits_loss"],
            BinaryCrossEntropyLogits,
        ),
        named(
            "cross_entropy",
            &["log_loss", "categorical_cross_entropy", "sparse_categorical_cross_entropy"],
            CrossEntropy,
        ),
        named("cross_entropy_logits", &[], CrossEntropyLogits),
    ],
};

impl Loss {
    /// Returns the names of all losses, each with the form of its parameter: `huber[:DELTA]`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.forms()
    }

    /// The loss of `prediction` (logits for the `…Logits` forms) against `target`. Zero for no examples.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn value(self, prediction: &Matrix, target: &Matrix) -> f64 {
        self.gradient(prediction, target, &mut Matrix::default())
    }

    /// As [`value`](Self::value), and writes the gradient of the loss with respect to `prediction` into `gradient`.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn gradient(self, prediction: &Matrix, target: &Matrix, gradient: &mut Matrix) -> f64 {
        let mut losses = Vec::new();
        self.of_rows(prediction, target, prediction.rows(), gradient, &mut losses);
        mean(&losses)
    }

    /// For some rows of a batch of `examples`: the loss of each row, and the gradient of the mean over the batch.
    ///
    /// # Panics
    /// When the shapes differ.
    pub(crate) fn of_rows(
        self,
        prediction: &Matrix,
        target: &Matrix,
        examples: usize,
        gradient: &mut Matrix,
        losses: &mut Vec<f64>,
    ) {
        assert_eq!(prediction.shape(), target.shape(), "predictions and targets differ in shape");
        gradient.reshape(prediction.rows(), prediction.columns());
        losses.resize(prediction.rows(), 0.0);
        let entries = match self {
            CrossEntropy | CrossEntropyLogits => examples,
            _ => examples * prediction.columns(),
        };
        compute(Rows {
            loss: self,
            prediction: prediction.as_slice(),
            target: target.as_slice(),
            columns: prediction.columns(),
            factor: (1.0 / entries.max(1) as f64) as f32,
            gradient: gradient.as_mut_slice(),
            losses,
        });
    }

    /// The form of this loss that takes logits, for a network that ends in `activation`: the two are then computed
    /// together. `None` where there is no such form.
    pub fn fused(self, activation: Activation) -> Option<Loss> {
        match (self, activation) {
            (CrossEntropy, Activation::Softmax) => Some(CrossEntropyLogits),
            (BinaryCrossEntropy, Activation::Sigmoid) => Some(BinaryCrossEntropyLogits),
            _ => None,
        }
    }

    /// Refuses a network whose outputs this loss is not defined for.
    pub(crate) fn check(self, output: Activation) -> Result<()> {
        let probability = matches!(output, Activation::Softmax | Activation::Sigmoid | Activation::HardSigmoid);
        match self {
            CrossEntropy | BinaryCrossEntropy if !probability => Err(Error::Setting(format!(
                "{self} is for probabilities, and the network ends in {output}: end it in softmax or sigmoid, or use {self}_logits"
            ))),
            CrossEntropyLogits | BinaryCrossEntropyLogits if output != Activation::Identity => Err(Error::Setting(
                format!("{self} is for logits, and the network ends in {output}: end it in identity"),
            )),
            Huber(delta) if delta.is_nan() || delta <= 0.0 => {
                Err(Error::Setting(format!("huber: the threshold {delta} must be more than zero")))
            }
            _ => Ok(()),
        }
    }
}

/// The mean of the losses of a batch's rows; zero for none.
pub(crate) fn mean(losses: &[f64]) -> f64 {
    losses.iter().sum::<f64>() / losses.len().max(1) as f64
}

/// The losses of some rows, and their gradient.
struct Rows<'a> {
    loss: Loss,
    prediction: &'a [f32],
    target: &'a [f32],
    columns: usize,
    /// What the gradient is multiplied by.
    factor: f32,
    gradient: &'a mut [f32],
    losses: &'a mut [f64],
}

/// A loss of every entry by itself: its value and its slope.
macro_rules! each {
    ($rows:expr, $p:ident, $y:ident, $loss:expr, $slope:expr) => {{
        let Rows { prediction, target, columns, factor, gradient, losses, .. } = $rows;
        // The gradient's memory serves for the entries' losses first: both loops are then vectors from end to end.
        for ((loss, &$p), &$y) in gradient.iter_mut().zip(prediction).zip(target) {
            *loss = $loss;
        }
        for (loss, entries) in losses.iter_mut().zip(gradient.chunks_exact(columns.max(1))) {
            *loss = sum::<f64, 8>(entries) / columns as f64;
        }
        for ((slope, &$p), &$y) in gradient.iter_mut().zip(prediction).zip(target) {
            *slope = $slope * factor;
        }
    }};
}

vectorized! {
    /// Writes the loss of each row, and the gradient if it is asked for.
    fn compute(rows: Rows<'_>) {
        match rows.loss {
            MeanSquaredError => each!(rows, p, y, (p - y) * (p - y), 2.0 * (p - y)),
            MeanAbsoluteError => each!(rows, p, y, (p - y).abs(), math::sign(p - y)),
            Huber(delta) => each!(rows, p, y, huber(p - y, delta), huber_slope(p - y, delta)),
            BinaryCrossEntropy => each!(
                rows,
                p,
                y,
                -y * log(p) - (1.0 - y) * log(1.0 - p),
                (p - y) / math::select(p * (1.0 - p) < 1e-12, 1e-12, p * (1.0 - p))
            ),
            BinaryCrossEntropyLogits => each!(rows, z, y, math::softplus(z) - y * z, math::sigmoid(z) - y),
            // The floor is so low that a probability of sigmoid(-60) still learns, and so high that y / p is finite.
            CrossEntropy => {
                let (losses, columns) = (rows.losses, rows.columns as f64);
                let rows = Rows { losses: &mut *losses, ..rows };
                each!(rows, p, y, -y * log(p), -y / math::select(p < 1e-30, 1e-30, p));
                // Not a mean over the classes.
                for loss in losses {
                    *loss *= columns;
                }
            }
            CrossEntropyLogits => rows.cross_entropy_logits(),
        }
    }
}

impl Rows<'_> {
    #[inline(always)]
    fn cross_entropy_logits(self) {
        let Rows { prediction, target, columns, factor, gradient, losses, .. } = self;
        let columns = columns.max(1);
        let logits = || prediction.chunks_exact(columns);
        for ((z, e), largest) in logits().zip(gradient.chunks_exact_mut(columns)).zip(losses.iter_mut()) {
            let mut most = f32::NEG_INFINITY;
            for &z in z {
                most = most.max(z);
            }
            for (e, z) in e.iter_mut().zip(z) {
                *e = z - most;
            }
            *largest = f64::from(most);
        }
        for e in gradient.iter_mut() {
            *e = math::exp(*e);
        }
        let rows = logits().zip(target.chunks_exact(columns)).zip(gradient.chunks_exact_mut(columns));
        for (((z, y), e), loss) in rows.zip(losses) {
            let (mut sum, mut mass) = (0.0, 0.0);
            for (e, y) in e.iter().zip(y) {
                sum += e;
                mass += y;
            }
            let (largest, log_sum, share) = (*loss as f32, math::ln(sum), mass / sum);
            *loss = 0.0;
            for ((e, &y), z) in e.iter_mut().zip(y).zip(z) {
                *e = (share * *e - y) * factor;
                let log_p = z - largest - log_sum;
                // An impossible class (log p = -∞) that nobody asked for costs nothing.
                *loss -= if y == 0.0 && !log_p.is_nan() { 0.0 } else { f64::from(y * log_p) };
            }
        }
    }
}

#[inline(always)]
fn log(p: f32) -> f32 {
    let log = math::ln(p);
    math::select(log < -100.0, -100.0, log)
}

#[inline(always)]
fn huber(error: f32, delta: f32) -> f32 {
    math::select(error.abs() <= delta, 0.5 * error * error, delta * (error.abs() - 0.5 * delta))
}

#[inline(always)]
fn huber_slope(error: f32, delta: f32) -> f32 {
    math::select(error.abs() <= delta, error, delta * math::sign(error))
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.name_of(*self);
        match self {
            Huber(delta) => write!(f, "{name}:{delta}"),
            _ => f.write_str(name),
        }
    }
}

/// Case, dashes and underscores make no difference, and names that other libraries use are understood, such as `mse`,
/// `mae`, `bce` and `log_loss`.
impl FromStr for Loss {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        NAMES.parse(text, |loss, parameters| match loss {
            Huber(_) => parameter(parameters[0]).filter(|&delta| delta > 0.0).map(Huber),
            _ => None,
        })
    }
}
