//! Activation functions and their derivatives.

use std::fmt;
use std::str::FromStr;

use crate::base::error::{Error, Result};
use crate::base::math;
use crate::base::names::{Names, named, parameter};
use crate::linalg::vectorize::vectorized;

/// The function g in A = g(Z), element by element except for [`Softmax`](Self::Softmax).
///
/// Its text form is the lower-case name, with the parameter after a colon if there is one. Case, dashes and underscores
/// make no difference, and `logistic`, `swish`, `linear` and `none` are understood too.
///
/// ```
/// use palmnet::Activation;
/// assert_eq!("leaky_relu:0.2".parse::<Activation>()?, Activation::LeakyRelu(0.2));
/// assert_eq!("leaky_relu".parse::<Activation>()?, Activation::LeakyRelu(0.01));
/// assert_eq!("LeakyReLU".parse::<Activation>()?, Activation::LeakyRelu(0.01));
/// assert_eq!(Activation::Gelu.to_string(), "gelu");
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// g(z) = z.
    Identity,
    /// g(z) = max(0, z) (Nair, Hinton, 2010). Its derivative at 0 is taken as 0.
    Relu,
    /// g(z) = z for z > 0, else slope · z (Maas, Hannun, Ng, 2013). The usual slope is 0.01.
    LeakyRelu(f32),
    /// g(z) = z for z > 0, else α (eᶻ - 1) (Clevert, Unterthiner, Hochreiter, 2015). The usual α is 1.
    Elu(f32),
    /// ELU scaled so that layers keep mean 0 and variance 1 (Klambauer et al., 2017).
    Selu,
    /// The logistic function, g(z) = 1 / (1 + e⁻ᶻ).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// g(z) = ln(1 + eᶻ) (Dugas et al., 2001).
    Softplus,
    /// g(z) = z · sigmoid(z), also called swish (Elfwing, Uchibe, Doya, 2017).
    Silu,
    /// g(z) = z · Φ(z) with the normal distribution function Φ, exact (Hendrycks, Gimpel, 2016).
    Gelu,
    /// g(z) = z / 6 + ½, cut to [0, 1] (Courbariaux, Bengio, David, 2015; the slope is that of PyTorch).
    HardSigmoid,
    /// g(z)ᵢ = exp(zᵢ) / Σ exp(zⱼ) over each row: probabilities of classes that exclude each other.
    Softmax,
}

use Activation::*;

const SELU_SCALE: f32 = 1.050_701;
const SELU_ALPHA: f32 = 1.673_263_2;

const NAMES: Names<Activation> = Names {
    kind: "activation",
    known: &[
        named("relu", &[], Relu),
        named("leaky_relu[:SLOPE]", &[], LeakyRelu(0.01)),
        named("elu[:ALPHA]", &[], Elu(1.0)),
        named("selu", &[], Selu),
        named("sigmoid", &["logistic"], Sigmoid),
        named("tanh", &[], Tanh),
        named("softplus", &[], Softplus),
        named("silu", &["swish"], Silu),
        named("gelu", &[], Gelu),
        named("hard_sigmoid", &[], HardSigmoid),
        named("softmax", &[], Softmax),
        named("identity", &["linear", "none"], Identity),
    ],
};

/// Every entry of a slice becomes a function of itself. A macro, because a closure is not certain to be compiled as
/// part of the loop, and so for its instructions.
macro_rules! map {
    ($z:ident => $value:expr, $values:expr) => {
        for value in $values.iter_mut() {
            let $z = *value;
            *value = $value;
        }
    };
}

/// Every gradient is multiplied by a function of the input or output that was seen.
macro_rules! scale {
    ($seen:ident => $slope:expr, $values:expr, $delta:expr) => {
        for (&$seen, delta) in $values.iter().zip($delta.iter_mut()) {
            *delta *= $slope;
        }
    };
}

impl Activation {
    /// Returns the names of all activations, each with the form of its parameter: `leaky_relu[:SLOPE]`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.forms()
    }

    /// g(z) in place, over rows of `columns` entries.
    ///
    /// # Panics
    /// If `z` does not consist of whole rows.
    pub fn forward(self, z: &mut [f32], columns: usize) {
        assert!(z.len().is_multiple_of(columns.max(1)), "{} entries in rows of {columns}", z.len());
        forward(self, &[], z, columns);
    }

    /// g(z + bias) in place, over rows of as many entries as `bias` has.
    pub(crate) fn forward_biased(self, bias: &[f32], z: &mut [f32]) {
        forward(self, bias, z, bias.len());
    }

    /// Returns whether [`backward`](Self::backward) reads the output a = g(z) rather than the input z.
    pub fn reads_output(self) -> bool {
        !matches!(self, Silu | Gelu)
    }

    /// Turns `delta`, the gradient of the loss with respect to a, into that with respect to z, in place.
    /// `seen` is a if [`reads_output`](Self::reads_output) says so, else z.
    ///
    /// # Panics
    /// If `seen` and `delta` differ in length, or do not consist of whole rows.
    pub fn backward(self, seen: &[f32], delta: &mut [f32], columns: usize) {
        assert_eq!(seen.len(), delta.len(), "one gradient for each entry");
        assert!(seen.len().is_multiple_of(columns.max(1)), "{} entries in rows of {columns}", seen.len());
        backward(self, seen, delta, columns);
    }

    #[inline(always)]
    fn forward_inline(self, z: &mut [f32], columns: usize) {
        match self {
            Identity => {}
            // The comparison lets NaN through, which `f32::max` would hide.
            Relu => map!(z => if z < 0.0 { 0.0 } else { z }, z),
            LeakyRelu(slope) => map!(z => if z < 0.0 { slope * z } else { z }, z),
            Elu(alpha) => map!(z => if z < 0.0 { alpha * math::exp_m1(z) } else { z }, z),
            Selu => map!(z => SELU_SCALE * if z < 0.0 { SELU_ALPHA * math::exp_m1(z) } else { z }, z),
            Sigmoid => map!(z => math::sigmoid(z), z),
            Tanh => map!(z => math::tanh(z), z),
            Softplus => map!(z => math::softplus(z), z),
            Silu => map!(z => z * math::sigmoid(z), z),
            Gelu => map!(z => z * math::normal_cdf(z), z),
            HardSigmoid => map!(z => (z * (1.0 / 6.0) + 0.5).clamp(0.0, 1.0), z),
            Softmax => {
                for row in z.chunks_exact_mut(columns.max(1)) {
                    softmax(row);
                }
            }
        }
    }

    #[inline(always)]
    fn backward_inline(self, seen: &[f32], delta: &mut [f32], columns: usize) {
        match self {
            Identity => {}
            Relu => scale!(a => if a > 0.0 { 1.0 } else { 0.0 }, seen, delta),
            LeakyRelu(slope) => scale!(a => if a > 0.0 { 1.0 } else { slope }, seen, delta),
            Elu(alpha) => scale!(a => if a > 0.0 { 1.0 } else { a + alpha }, seen, delta),
            Selu => scale!(a => if a > 0.0 { SELU_SCALE } else { a + SELU_SCALE * SELU_ALPHA }, seen, delta),
            Sigmoid => scale!(a => a * (1.0 - a), seen, delta),
            Tanh => scale!(a => 1.0 - a * a, seen, delta),
            Softplus => scale!(a => -math::exp_m1(-a), seen, delta),
            Silu => scale!(z => silu_slope(z), seen, delta),
            Gelu => scale!(z => gelu_slope(z), seen, delta),
            HardSigmoid => scale!(a => if a > 0.0 && a < 1.0 { 1.0 / 6.0 } else { 0.0 }, seen, delta),
            Softmax => {
                let columns = columns.max(1);
                for (a, delta) in seen.chunks_exact(columns).zip(delta.chunks_exact_mut(columns)) {
                    let dot: f32 = a.iter().zip(&*delta).map(|(a, d)| a * d).sum();
                    a.iter().zip(delta).for_each(|(a, d)| *d = a * (*d - dot));
                }
            }
        }
    }

    /// Returns the least and the greatest value that g comes near to; infinite if there is none.
    pub(crate) fn range(self) -> (f32, f32) {
        match self {
            Identity => (f32::NEG_INFINITY, f32::INFINITY),
            LeakyRelu(slope) if slope > 0.0 => (f32::NEG_INFINITY, f32::INFINITY),
            Relu | LeakyRelu(_) | Softplus => (0.0, f32::INFINITY),
            Elu(alpha) => (-alpha, f32::INFINITY),
            Selu => (-SELU_SCALE * SELU_ALPHA, f32::INFINITY),
            // The minima of z · sigmoid(z) and z · Φ(z), at -1.2785 and -0.7518.
            Silu => (-0.278_464_55, f32::INFINITY),
            Gelu => (-0.169_971_2, f32::INFINITY),
            Tanh => (-1.0, 1.0),
            Sigmoid | HardSigmoid | Softmax => (0.0, 1.0),
        }
    }

    /// Refuses parameters for which the derivative does not follow from the output.
    pub(crate) fn check(self) -> Result<()> {
        match self {
            LeakyRelu(p) | Elu(p) if !(p.is_finite() && p >= 0.0) => {
                Err(Error::Setting(format!("activation {self}: the parameter must be zero or more")))
            }
            _ => Ok(()),
        }
    }
}

vectorized! {
    /// Adds `bias`, if there is one, to every row first.
    fn forward(activation: Activation, bias: &[f32], z: &mut [f32], columns: usize) {
        if !bias.is_empty() {
            for row in z.chunks_exact_mut(bias.len()) {
                for (z, bias) in row.iter_mut().zip(bias) {
                    *z += bias;
                }
            }
        }
        activation.forward_inline(z, columns);
    }

    fn backward(activation: Activation, seen: &[f32], delta: &mut [f32], columns: usize) {
        activation.backward_inline(seen, delta, columns);
    }
}

#[inline(always)]
fn silu_slope(z: f32) -> f32 {
    let s = math::sigmoid(z);
    s + z * s * (1.0 - s)
}

#[inline(always)]
fn gelu_slope(z: f32) -> f32 {
    /// 1/√(2π), the height of the normal density.
    const HEIGHT: f32 = 0.398_942_3;
    math::normal_cdf(z) + z * HEIGHT * math::exp(-0.5 * z * z)
}

#[inline(always)]
fn softmax(row: &mut [f32]) {
    // The largest logit becomes e⁰, so nothing overflows.
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    map!(z => math::exp(z - largest), row);
    let factor = 1.0 / row.iter().sum::<f32>();
    map!(a => a * factor, row);
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.name_of(*self);
        match self {
            LeakyRelu(parameter) | Elu(parameter) => write!(f, "{name}:{parameter}"),
            _ => f.write_str(name),
        }
    }
}

/// Gives the activation of a name its parameter.
fn with_parameter(activation: Activation, parameters: &[&str]) -> Option<Activation> {
    let number = parameter(parameters[0])?;
    match activation {
        LeakyRelu(_) => Some(LeakyRelu(number)),
        Elu(_) => Some(Elu(number)),
        _ => None,
    }
}

impl Activation {
    /// Reads a name as model files hold it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        NAMES.read(text, with_parameter).filter(|activation| activation.check().is_ok())
    }
}

impl FromStr for Activation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let activation = NAMES.parse(text, with_parameter)?;
        activation.check().map(|()| activation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trip() {
        for activation in NAMES.known.iter().map(|named| named.value) {
            assert_eq!(activation.to_string().parse::<Activation>().unwrap(), activation);
        }
        assert_eq!(Elu(0.3).to_string(), "elu:0.3");
        for (text, activation) in
            [("logistic", Sigmoid), ("Swish", Silu), ("linear", Identity), ("hard-sigmoid", HardSigmoid)]
        {
            assert_eq!(text.parse::<Activation>().unwrap(), activation);
        }
        for bad in ["", "rellu", "relu:1", "elu:", "elu:x", "leaky_relu:-1", "elu:NaN"] {
            assert!(bad.parse::<Activation>().is_err(), "{bad}");
        }
        let message = "rellu".parse::<Activation>().unwrap_err().to_string();
        assert!(
            message.contains("`rellu` (did you mean `relu`?)") && message.contains("leaky_relu[:SLOPE],"),
            "{message}"
        );
    }

    #[test]
    fn nothing_overflows() {
        for activation in NAMES.known.iter().map(|named| named.value) {
            let mut a = [800.0, -800.0, 0.0, 1e37, -1e37, 1.0];
            activation.forward(&mut a, 6);
            assert!(a.iter().all(|a| a.is_finite()), "{activation}: {a:?}");
            let seen = if activation.reads_output() { a } else { [800.0, -800.0, 0.0, 88.0, -88.0, 1.0] };
            let mut delta = [1.0; 6];
            activation.backward(&seen, &mut delta, 6);
            assert!(delta.iter().all(|d| d.is_finite()), "{activation}: {delta:?}");
        }
    }

    #[test]
    fn ranges_are_those_of_the_values() {
        let all = NAMES.known.iter().map(|named| named.value).chain([LeakyRelu(0.0), Elu(0.3)]);
        for activation in all.filter(|&activation| activation != Softmax) {
            // Steps of 10⁻⁴, and both ends.
            let mut a: Vec<f32> = (-200_000..200_000).map(|k| 1e-4 * k as f32).chain([-1e9, 1e9]).collect();
            activation.forward(&mut a, 1);
            let (least, most) = a.iter().fold((0f32, 0f32), |(least, most), &a| (least.min(a), most.max(a)));
            for (found, range) in [(-least, -activation.range().0), (most, activation.range().1)] {
                let is_near = if range == f32::INFINITY { found > 1e6 } else { (found - range).abs() < 3e-7 };
                assert!(is_near, "{activation}: {found} for {range}");
            }
        }
        assert_eq!(Softmax.range(), (0.0, 1.0));
    }

    #[test]
    fn nan_is_not_hidden() {
        for activation in NAMES.known.iter().map(|named| named.value) {
            let mut a = [f32::NAN, 1.0];
            activation.forward(&mut a, 2);
            assert!(a[0].is_nan(), "{activation}");
        }
    }
}
