//! Losses and their gradients.

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
/// entries. Targets of the cross-entropies may be any probabilities; usually they are one-hot rows. A training refuses
/// other targets, and a network whose outputs the loss is not defined for.
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
    /// ½ (ŷ - y)² if the error is at most δ, else δ (|ŷ - y| - ½ δ) (Huber, 1964). The usual δ is 1.
    Huber(f32),
    /// q (y - ŷ) if the prediction is too low, else (1 - q) (ŷ - y), the loss of quantile regression with q in (0, 1)
    /// (Koenker, Bassett, 1978): the predictions become the q-quantile of the targets, which a fraction q of them does
    /// not exceed. At 0.5 it is half the absolute error.
    Pinball(f32),
    /// -y ln p - (1 - y) ln(1 - p) of probabilities p, each output a yes or no by itself. Logarithms are cut at -100.
    BinaryCrossEntropy,
    /// The binary cross-entropy of logits: p = sigmoid(z), computed without ever forming p.
    BinaryCrossEntropyLogits,
    /// -Σ y ln p over the classes of an example. Logarithms are cut at -100.
    CrossEntropy,
    /// The cross-entropy of logits: p = softmax(z), computed through log-sum-exp.
    CrossEntropyLogits,
}

use Loss::*;

const NAMES: Names<Loss> = Names {
    kind: "loss",
    known: &[
        named("mean_squared_error", &["mse", "squared_error", "mse_loss"], MeanSquaredError),
        named("mean_absolute_error", &["mae", "absolute_error", "l1_loss"], MeanAbsoluteError),
        named("huber[:DELTA]", &["huber_loss"], Huber(1.0)),
        named("pinball:QUANTILE", &["quantile", "quantile_loss", "pinball_loss"], Pinball(0.5)),
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

/// The numbers that [`Loss::value`] has memory for without asking for more.
const VALUES: usize = 256;

impl Loss {
    /// Returns the names of all losses, each with the form of its parameter: `huber[:DELTA]`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.forms()
    }

    /// Returns the loss of `prediction` (logits for the `…Logits` forms) against `target`; zero for no examples. It
    /// takes no memory unless there are more than 256 outputs.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn value(self, prediction: &Matrix, target: &Matrix) -> f64 {
        assert_eq!(prediction.shape(), target.shape(), "predictions and targets differ in shape");
        let columns = prediction.columns().max(1);
        let (mut few, mut many) = ([0.0; VALUES], Vec::new());
        let memory = if columns <= VALUES {
            &mut few[..]
        } else {
            many.resize(columns, 0.0);
            &mut many[..]
        };
        let (mut losses, mut sum) = ([0.0; VALUES], 0.0);
        let entries = memory.len() / columns * columns;
        for (prediction, target) in prediction.as_slice().chunks(entries).zip(target.as_slice().chunks(entries)) {
            let losses = &mut losses[..prediction.len() / columns];
            let gradient = &mut memory[..prediction.len()];
            compute(Rows { loss: self, prediction, target, columns, factor: None, gradient, losses });
            losses.iter().for_each(|loss| sum += loss);
        }
        sum / prediction.rows().max(1) as f64
    }

    /// Returns the [`value`](Self::value), and writes the gradient of the loss with respect to `prediction` into
    /// `gradient`.
    ///
    /// # Panics
    /// If the shapes of `prediction` and `target` differ.
    pub fn value_and_gradient(self, prediction: &Matrix, target: &Matrix, gradient: &mut Matrix) -> f64 {
        let mut losses = Vec::new();
        self.of_rows(prediction, target, prediction.rows(), gradient, &mut losses);
        mean(&losses)
    }

    /// Computes the loss of each of some rows of a batch of `examples`, and the gradient of the mean over the batch.
    ///
    /// # Panics
    /// If the shapes of `prediction` and `target` differ.
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
            factor: Some((1.0 / entries.max(1) as f64) as f32),
            gradient: gradient.as_mut_slice(),
            losses,
        });
    }

    /// Returns the form of this loss that takes logits, for a network that ends in `activation`: the two are then
    /// computed together. `None` if there is no such form.
    pub(crate) fn fused(self, activation: Activation) -> Option<Loss> {
        match (self, activation) {
            (CrossEntropy, Activation::Softmax) => Some(CrossEntropyLogits),
            (BinaryCrossEntropy, Activation::Sigmoid) => Some(BinaryCrossEntropyLogits),
            _ => None,
        }
    }

    /// Returns whether its targets are probabilities.
    pub(crate) fn is_of_probabilities(self) -> bool {
        matches!(self, BinaryCrossEntropy | BinaryCrossEntropyLogits | CrossEntropy | CrossEntropyLogits)
    }

    /// Returns whether its targets are probabilities of classes that exclude each other.
    pub(crate) fn is_of_classes(self) -> bool {
        matches!(self, CrossEntropy | CrossEntropyLogits)
    }

    /// Returns whether this loss is defined for a network of this many `outputs` whose last activation is `output`, and
    /// cannot be brought to zero by it without learning anything.
    pub(crate) fn suits(self, output: Activation, outputs: usize) -> bool {
        use Activation::{HardSigmoid, Identity, Sigmoid, Softmax};
        let suits = match self {
            CrossEntropy => output == Softmax,
            BinaryCrossEntropy => matches!(output, Sigmoid | HardSigmoid | Softmax),
            CrossEntropyLogits | BinaryCrossEntropyLogits => output == Identity,
            Huber(delta) => delta > 0.0,
            Pinball(quantile) => 0.0 < quantile && quantile < 1.0,
            MeanSquaredError | MeanAbsoluteError => true,
        };
        suits && !self.is_constant(output, outputs)
    }

    /// Returns whether there is one output that can only be 1, or is best if it is always 1.
    fn is_constant(self, output: Activation, outputs: usize) -> bool {
        outputs == 1 && (output == Activation::Softmax || self.is_of_classes())
    }

    /// Refuses a network that the loss does not [suit](Self::suits).
    pub(crate) fn check(self, output: Activation, outputs: usize) -> Result<()> {
        if self.suits(output, outputs) {
            return Ok(());
        }
        let fault = match self {
            _ if self.is_constant(output, outputs) => {
                "one output would always be 1. End the network in sigmoid and use binary_cross_entropy (the output is \
                 the probability of the second of two classes), or in identity for a value"
            }
            CrossEntropy if matches!(output, Activation::Sigmoid | Activation::HardSigmoid) => {
                "it is for probabilities that sum to 1. End the network in softmax, or use binary_cross_entropy, for \
                 which each output is a yes or no by itself"
            }
            CrossEntropy => {
                "it is for probabilities. End the network in softmax, or in identity with cross_entropy_logits"
            }
            BinaryCrossEntropy => {
                "it is for probabilities. End the network in sigmoid, or in identity with binary_cross_entropy_logits"
            }
            Huber(_) => "the threshold must be more than zero",
            Pinball(_) => "the quantile must be between zero and one",
            _ => "it is for logits. End the network in identity",
        };
        Err(Error::Setting(format!("{self} after {output}: {fault}")))
    }
}

/// Returns the mean of the losses of a batch's rows; zero for none.
pub(crate) fn mean(losses: &[f64]) -> f64 {
    losses.iter().fold(0.0, |sum, loss| sum + loss) / losses.len().max(1) as f64
}

/// The losses of some rows, and their gradient.
struct Rows<'a> {
    loss: Loss,
    prediction: &'a [f32],
    target: &'a [f32],
    columns: usize,
    /// The factor of the gradient; `None` if it is not asked for.
    factor: Option<f32>,
    /// Receives the gradient, and serves as memory in any case.
    gradient: &'a mut [f32],
    losses: &'a mut [f64],
}

/// A loss of every entry by itself: its value and its slope with respect to the prediction.
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
        if let Some(factor) = factor {
            for ((slope, &$p), &$y) in gradient.iter_mut().zip(prediction).zip(target) {
                *slope = $slope * factor;
            }
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
            Pinball(quantile) => each!(rows, p, y, pinball(p - y, quantile), pinball_slope(p - y, quantile)),
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
        let (columns, factor) = (columns.max(1), factor.unwrap_or(1.0));
        let logits = || prediction.chunks_exact(columns);
        // None without columns.
        let losses = &mut losses[..prediction.len() / columns];
        for (z, e) in logits().zip(gradient.chunks_exact_mut(columns)) {
            let most = largest(z);
            for (e, z) in e.iter_mut().zip(z) {
                *e = z - most;
            }
        }
        for e in gradient.iter_mut() {
            *e = math::exp(*e);
        }
        let rows = target.chunks_exact(columns).zip(gradient.chunks_exact_mut(columns));
        for ((y, e), loss) in rows.zip(losses.iter_mut()) {
            let (mut sum, mut mass) = (0.0, 0.0);
            for (e, y) in e.iter().zip(y) {
                sum += e;
                mass += y;
            }
            let scale = mass / sum;
            for (e, &y) in e.iter_mut().zip(y) {
                *e = (scale * *e - y) * factor;
            }
            *loss = f64::from(sum);
        }
        // A loop by itself, so that it is one over vectors.
        for sum in losses.iter_mut() {
            *sum = f64::from(math::ln(*sum as f32));
        }
        for ((z, y), loss) in logits().zip(target.chunks_exact(columns)).zip(losses) {
            let (most, log_sum) = (largest(z), *loss as f32);
            let mut sum = 0.0;
            for (z, &y) in z.iter().zip(y) {
                let log_p = z - most - log_sum;
                // An impossible class (log p = -∞) that nobody asked for costs nothing.
                sum -= if y == 0.0 && !log_p.is_nan() { 0.0 } else { f64::from(y * log_p) };
            }
            *loss = sum;
        }
    }
}

#[inline(always)]
fn largest(z: &[f32]) -> f32 {
    let mut most = f32::NEG_INFINITY;
    for &z in z {
        most = most.max(z);
    }
    most
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

#[inline(always)]
fn pinball(error: f32, quantile: f32) -> f32 {
    math::select(error < 0.0, -quantile * error, (1.0 - quantile) * error)
}

/// Returns the slope of the quantile loss: zero at the corner, as for the absolute error.
#[inline(always)]
fn pinball_slope(error: f32, quantile: f32) -> f32 {
    math::sign(error) * math::select(error < 0.0, quantile, 1.0 - quantile)
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.name_of(*self);
        match self {
            Huber(parameter) | Pinball(parameter) => write!(f, "{name}:{parameter}"),
            _ => f.write_str(name),
        }
    }
}

/// Case, dashes and underscores make no difference, and names that other libraries use are understood, such as `mse`,
/// `mae`, `bce` and `log_loss`.
/// Gives the loss of a name its parameter.
fn with_parameter(loss: Loss, parameters: &[&str]) -> Option<Loss> {
    let number = parameter(parameters[0])?;
    match loss {
        Huber(_) if number > 0.0 => Some(Huber(number)),
        Pinball(_) if 0.0 < number && number < 1.0 => Some(Pinball(number)),
        _ => None,
    }
}

impl Loss {
    /// Reads a name as model files hold it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        NAMES.read(text, with_parameter)
    }
}

impl FromStr for Loss {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        NAMES.parse(text, with_parameter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    fn all() -> impl Iterator<Item = Loss> {
        NAMES.known.iter().map(|named| named.value).chain([Huber(0.3), Pinball(0.9)])
    }

    #[test]
    fn value_has_the_bits_of_value_and_gradient() {
        let mut rng = Rng::new(3);
        for (rows, columns) in [(0, 3), (1, 1), (700, 1), (90, 10), (7, 256), (5, 300), (3, 0)] {
            for loss in all() {
                let prediction = Matrix::from_fn(rows, columns, |_, _| 0.01 + 0.98 * rng.uniform() as f32);
                let target = Matrix::from_fn(rows, columns, |_, _| rng.uniform() as f32);
                let both = loss.value_and_gradient(&prediction, &target, &mut Matrix::default());
                assert_eq!(loss.value(&prediction, &target).to_bits(), both.to_bits(), "{loss}, {rows} × {columns}");
            }
        }
    }

    /// By hand from the formula of scikit-learn's `mean_pinball_loss`,
    /// mean(α max(y - ŷ, 0) + (1 - α) max(ŷ - y, 0)).
    #[test]
    fn pinball_agrees_with_scikit_learn() {
        let target = Matrix::from_rows(&[[1.0], [2.0], [3.0]]);
        let mut gradient = Matrix::default();
        // The examples of its documentation: 0.0333…, 0.3 and 0.
        for (alpha, prediction, expected) in [
            (0.1, [0.0, 2.0, 3.0], 0.1 / 3.0),
            (0.1, [1.0, 2.0, 4.0], 0.9 / 3.0),
            (0.9, [0.0, 2.0, 3.0], 0.9 / 3.0),
            (0.9, [1.0, 2.0, 4.0], 0.1 / 3.0),
            (0.1, [1.0, 2.0, 3.0], 0.0),
        ] {
            let prediction = Matrix::from_vec(3, 1, prediction.to_vec());
            let value = Pinball(alpha).value_and_gradient(&prediction, &target, &mut gradient);
            assert!((value - expected).abs() < 1e-7, "{value} for {expected}");
            for (i, slope) in gradient.as_slice().iter().enumerate() {
                let error = prediction[(i, 0)] - target[(i, 0)];
                let expected = if error < 0.0 {
                    -alpha / 3.0
                } else if error > 0.0 {
                    (1.0 - alpha) / 3.0
                } else {
                    0.0
                };
                assert!((slope - expected).abs() < 1e-7, "{slope} for {expected}");
            }
        }
        let nan = Matrix::filled(3, 1, f32::NAN);
        assert!(Pinball(0.5).value_and_gradient(&nan, &target, &mut gradient).is_nan());
        assert!(gradient.as_slice().iter().all(|slope| slope.is_nan()));
    }

    #[test]
    fn names_are_parsed_and_printed() {
        for loss in all() {
            assert_eq!(loss.to_string().parse::<Loss>().unwrap(), loss);
        }
        assert_eq!(Pinball(0.9).to_string(), "pinball:0.9");
        assert_eq!("huber".parse::<Loss>().unwrap(), Huber(1.0));
        assert_eq!("quantile:0.9".parse::<Loss>().unwrap(), Pinball(0.9));
        for bad in ["", "mse:1", "huber:0", "huber:x", "pinball", "pinball:0", "pinball:1", "pinball:NaN"] {
            assert!(bad.parse::<Loss>().is_err(), "{bad}");
        }
        for bad in [Pinball(0.0), Pinball(1.0), Pinball(f32::NAN), Huber(0.0)] {
            assert!(bad.check(Activation::Identity, 1).is_err(), "{bad}");
        }
    }
}
