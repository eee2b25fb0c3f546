//! What training minimises: losses and their gradients.

use std::fmt;
use std::str::FromStr;

use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::math;
use crate::matrix::Matrix;

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

const NAMES: [(&str, Loss); 7] = [
    ("mean_squared_error", MeanSquaredError),
    ("mean_absolute_error", MeanAbsoluteError),
    ("huber", Huber(1.0)),
    ("binary_cross_entropy", BinaryCrossEntropy),
    ("binary_cross_entropy_logits", BinaryCrossEntropyLogits),
    ("cross_entropy", CrossEntropy),
    ("cross_entropy_logits", CrossEntropyLogits),
];

impl Loss {
    /// The loss of `prediction` (logits for the `…Logits` forms) against `target`. Zero for no examples.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn value(self, prediction: &Matrix, target: &Matrix) -> f64 {
        self.sum(prediction, target, |_, _| {}) / self.count(prediction)
    }

    /// As [`value`](Self::value), and writes the gradient of the loss with respect to `prediction` into `gradient`.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn gradient(self, prediction: &Matrix, target: &Matrix, gradient: &mut Matrix) -> f64 {
        gradient.reshape(prediction.rows(), prediction.columns());
        let factor = (1.0 / self.count(prediction)) as f32;
        let out = gradient.as_mut_slice();
        self.sum(prediction, target, |i, g| out[i] = g * factor) / self.count(prediction)
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

    /// The number that the sum is divided by.
    fn count(self, prediction: &Matrix) -> f64 {
        let entries = match self {
            CrossEntropy | CrossEntropyLogits => prediction.rows(),
            _ => prediction.as_slice().len(),
        };
        entries.max(1) as f64
    }

    /// The sum over all entries; `gradient` is told each entry's index and its share of the gradient of that sum.
    fn sum(self, prediction: &Matrix, target: &Matrix, mut gradient: impl FnMut(usize, f32)) -> f64 {
        assert_eq!(prediction.shape(), target.shape(), "predictions and targets differ in shape");
        let mut each = |entry: fn(f32, f32, f32) -> (f32, f32), parameter: f32| {
            let pairs = prediction.as_slice().iter().zip(target.as_slice()).enumerate();
            pairs.fold(0.0, |sum, (i, (&p, &y))| {
                let (loss, slope) = entry(p, y, parameter);
                gradient(i, slope);
                sum + f64::from(loss)
            })
        };
        match self {
            MeanSquaredError => each(|p, y, _| ((p - y) * (p - y), 2.0 * (p - y)), 0.0),
            MeanAbsoluteError => each(|p, y, _| ((p - y).abs(), sign(p - y)), 0.0),
            Huber(delta) => each(huber, delta),
            BinaryCrossEntropy => each(binary_cross_entropy, 0.0),
            BinaryCrossEntropyLogits => each(binary_cross_entropy_logits, 0.0),
            // The floor is so low that a probability of sigmoid(-60) still learns, and so high that y / p is finite.
            CrossEntropy => each(|p, y, _| (-y * log(p), -y / p.max(1e-30)), 0.0),
            CrossEntropyLogits => {
                let rows = prediction.iter_rows().zip(target.iter_rows()).enumerate();
                rows.fold(0.0, |sum, (i, (z, y))| {
                    sum + cross_entropy_logits(z, y, |j, slope| gradient(i * z.len() + j, slope))
                })
            }
        }
    }
}

/// The sign, zero at zero, NaN for NaN.
fn sign(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

fn log(p: f32) -> f32 {
    let log = math::ln(p);
    if log < -100.0 { -100.0 } else { log }
}

fn huber(p: f32, y: f32, delta: f32) -> (f32, f32) {
    let error = p - y;
    if error.abs() <= delta {
        (0.5 * error * error, error)
    } else {
        (delta * (error.abs() - 0.5 * delta), delta * sign(error))
    }
}

fn binary_cross_entropy(p: f32, y: f32, _: f32) -> (f32, f32) {
    (-y * log(p) - (1.0 - y) * log(1.0 - p), (p - y) / (p * (1.0 - p)).max(1e-12))
}

fn binary_cross_entropy_logits(z: f32, y: f32, _: f32) -> (f32, f32) {
    (math::softplus(z) - y * z, math::sigmoid(z) - y)
}

fn cross_entropy_logits(z: &[f32], y: &[f32], mut gradient: impl FnMut(usize, f32)) -> f64 {
    let largest = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = z.iter().map(|z| math::exp(z - largest)).sum();
    let log_sum = math::ln(sum);
    let mass: f32 = y.iter().sum();
    let mut loss = 0.0;
    for (j, (z, y)) in z.iter().zip(y).enumerate() {
        let log_p = z - largest - log_sum;
        gradient(j, mass * math::exp(log_p) - y);
        // An impossible class (log p = -∞) that nobody asked for costs nothing.
        loss -= if *y == 0.0 && !log_p.is_nan() { 0.0 } else { f64::from(y * log_p) };
    }
    loss
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let same = |other: &Loss| std::mem::discriminant(self) == std::mem::discriminant(other);
        let name = NAMES.iter().find(|(_, loss)| same(loss)).map_or("", |(name, _)| name);
        match self {
            Huber(delta) => write!(f, "{name}:{delta}"),
            _ => f.write_str(name),
        }
    }
}

impl FromStr for Loss {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let huber = || text.strip_prefix("huber:")?.parse().ok().filter(|&delta| delta > 0.0).map(Huber);
        let known = NAMES.iter().find(|(name, _)| *name == text).map(|&(_, loss)| loss);
        known.or_else(huber).ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|&(name, _)| name).collect();
            Error::Setting(format!("no loss \"{text}\"; there are {}", names.join(", ")))
        })
    }
}
