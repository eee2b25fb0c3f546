//! The initialization of weights and biases.

use std::fmt;
use std::str::FromStr;

use crate::base::error::{Error, Result};
use crate::base::names::{Names, named, parameter};
use crate::base::rng::Rng;
use crate::nn::activation::Activation;

/// The distribution that weights are drawn from before training.
///
/// Uniform and normal forms of one method have the same variance. Fan-in is a layer's number of inputs, fan-out
/// its number of outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Init {
    /// Uniform with variance 2 / (fan-in + fan-out) (Glorot, Bengio, 2010): for sigmoid, tanh and outputs.
    XavierUniform,
    /// Normal with variance 2 / (fan-in + fan-out) (Glorot, Bengio, 2010).
    XavierNormal,
    /// Uniform with variance 2 / fan-in (He, Zhang, Ren, Sun, 2015): for ReLU and similar activations.
    HeUniform,
    /// Normal with variance 2 / fan-in (He, Zhang, Ren, Sun, 2015).
    HeNormal,
    /// Uniform with variance 1 / fan-in (LeCun, Bottou, Orr, Müller, 1998).
    LecunUniform,
    /// Normal with variance 1 / fan-in (LeCun, Bottou, Orr, Müller, 1998): for SELU.
    LecunNormal,
    /// Normal with mean 0 and this standard deviation.
    Normal(f32),
    /// Normal with mean 0 and this standard deviation, with numbers beyond two standard deviations drawn again.
    TruncatedNormal(f32),
    /// Uniform between low and high.
    Uniform(f32, f32),
    /// The same number everywhere.
    Constant(f32),
}

impl Init {
    /// Returns the names of all methods, each with the form of its parameters: `normal:DEVIATION`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.forms()
    }

    /// Returns the method that suits the activation after the layer: He for ReLU and similar ones, LeCun for SELU,
    /// Xavier for the rest.
    pub fn for_activation(activation: Activation) -> Self {
        use Activation::*;
        match activation {
            Relu | LeakyRelu(_) | Elu(_) | Softplus | Silu | Gelu => Init::HeUniform,
            Selu => Init::LecunNormal,
            Identity | Sigmoid | Tanh | HardSigmoid | Softmax => Init::XavierUniform,
        }
    }

    pub(crate) fn check(self) -> Result<()> {
        let good = match self {
            Init::Normal(std) | Init::TruncatedNormal(std) => std.is_finite() && std >= 0.0,
            Init::Uniform(low, high) => low.is_finite() && high.is_finite() && low <= high,
            Init::Constant(value) => value.is_finite(),
            _ => true,
        };
        let message =
            || format!("initialization {self}: the numbers must be finite, deviations not negative, low at most high");
        if good { Ok(()) } else { Err(Error::Setting(message())) }
    }

    /// Fills `values` of a layer with `fan_in` inputs and `fan_out` outputs: `fan_in` × `fan_out` weights, or `fan_out`
    /// biases. Any other number of values is drawn from the same distribution.
    pub fn fill(self, values: &mut [f32], fan_in: usize, fan_out: usize, rng: &mut Rng) {
        let (fan_in, fans) = (fan_in.max(1) as f64, (fan_in + fan_out).max(1) as f64);
        for value in values {
            *value = match self {
                Init::XavierUniform => uniform(rng, 2.0 / fans),
                Init::XavierNormal => normal(rng, 2.0 / fans),
                Init::HeUniform => uniform(rng, 2.0 / fan_in),
                Init::HeNormal => normal(rng, 2.0 / fan_in),
                Init::LecunUniform => uniform(rng, 1.0 / fan_in),
                Init::LecunNormal => normal(rng, 1.0 / fan_in),
                Init::Normal(std) => f64::from(std) * rng.normal(),
                Init::TruncatedNormal(std) => f64::from(std) * truncated(rng),
                Init::Uniform(low, high) => rng.uniform_in(f64::from(low), f64::from(high)),
                Init::Constant(value) => f64::from(value),
            } as f32;
        }
    }
}

const NAMES: Names<Init> = Names {
    kind: "initialization",
    known: &[
        named("xavier_uniform", &["glorot_uniform"], Init::XavierUniform),
        named("xavier_normal", &["glorot_normal"], Init::XavierNormal),
        named("he_uniform", &["kaiming_uniform"], Init::HeUniform),
        named("he_normal", &["kaiming_normal"], Init::HeNormal),
        named("lecun_uniform", &[], Init::LecunUniform),
        named("lecun_normal", &[], Init::LecunNormal),
        named("normal:DEVIATION", &["random_normal"], Init::Normal(0.0)),
        named("truncated_normal:DEVIATION", &["trunc_normal"], Init::TruncatedNormal(0.0)),
        named("uniform:LOW:HIGH", &["random_uniform"], Init::Uniform(0.0, 0.0)),
        named("constant:VALUE", &[], Init::Constant(0.0)),
    ],
};

impl fmt::Display for Init {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.name_of(*self);
        match self {
            Init::Normal(number) | Init::TruncatedNormal(number) | Init::Constant(number) => {
                write!(f, "{name}:{number}")
            }
            Init::Uniform(low, high) => write!(f, "{name}:{low}:{high}"),
            _ => f.write_str(name),
        }
    }
}

/// The lower-case name, numbers after colons: `he_normal`, `normal:0.05`, `uniform:-0.1:0.1`. Case, dashes and
/// underscores make no difference, and `glorot` and `kaiming` are understood for `xavier` and `he`.
impl FromStr for Init {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let init = NAMES.parse(text, |init, parameters| {
            let numbers = parameters.iter().map(|text| parameter(text).filter(|number: &f32| number.is_finite()));
            match (init, &numbers.collect::<Option<Vec<f32>>>()?[..]) {
                (Init::Normal(_), &[std]) => Some(Init::Normal(std)),
                (Init::TruncatedNormal(_), &[std]) => Some(Init::TruncatedNormal(std)),
                (Init::Uniform(..), &[low, high]) => Some(Init::Uniform(low, high)),
                (Init::Constant(_), &[value]) => Some(Init::Constant(value)),
                _ => None,
            }
        })?;
        init.check().map(|()| init)
    }
}

fn uniform(rng: &mut Rng, variance: f64) -> f64 {
    let limit = (3.0 * variance).sqrt();
    rng.uniform_in(-limit, limit)
}

fn normal(rng: &mut Rng, variance: f64) -> f64 {
    variance.sqrt() * rng.normal()
}

fn truncated(rng: &mut Rng) -> f64 {
    loop {
        let x = rng.normal();
        if x.abs() <= 2.0 {
            return x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean, variance and the largest magnitude of many draws for fan-in 40 and fan-out 60.
    fn moments(init: Init) -> (f64, f64, f64) {
        let mut values = vec![0.0; 200_000];
        init.fill(&mut values, 40, 60, &mut Rng::new(5));
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        (mean, variance, values.iter().fold(0.0, |m, &v| m.max(f64::from(v.abs()))))
    }

    #[test]
    fn variances_are_the_papers() {
        for (init, truth) in [
            (Init::XavierUniform, 0.02),
            (Init::XavierNormal, 0.02),
            (Init::HeUniform, 0.05),
            (Init::HeNormal, 0.05),
            (Init::LecunUniform, 0.025),
            (Init::LecunNormal, 0.025),
            (Init::Normal(0.3), 0.09),
            // The variance of a standard normal cut at ±2 is 0.7737.
            (Init::TruncatedNormal(0.3), 0.09 * 0.7737),
            (Init::Uniform(-0.6, 0.6), 0.12),
        ] {
            let (mean, variance, _) = moments(init);
            assert!(mean.abs() < 0.005, "{init:?}: mean {mean}");
            assert!((variance / truth - 1.0).abs() < 0.02, "{init:?}: variance {variance}, not {truth}");
        }
    }

    #[test]
    fn names() {
        assert_eq!("he_uniform".parse::<Init>().unwrap(), Init::HeUniform);
        assert_eq!("uniform:-0.1:0.2".parse::<Init>().unwrap(), Init::Uniform(-0.1, 0.2));
        assert_eq!("glorot_uniform".parse::<Init>().unwrap(), Init::XavierUniform);
        assert_eq!("Kaiming-Normal".parse::<Init>().unwrap(), Init::HeNormal);
        for named in NAMES.known {
            assert_eq!(named.value.to_string().parse::<Init>().unwrap(), named.value);
        }
        for (bad, remedy) in [
            ("he", "truncated_normal:DEVIATION, uniform:LOW:HIGH"),
            ("normal", "expected `normal:DEVIATION`"),
            ("normal:x", "expected `normal:DEVIATION`"),
            ("uniform:1", "expected `uniform:LOW:HIGH`"),
            ("constant:inf", "expected `constant:VALUE`"),
            ("he_normal:2", "expected `he_normal`"),
            ("uniform:2:1", "low at most high"),
        ] {
            let message = bad.parse::<Init>().unwrap_err().to_string();
            assert!(message.contains(remedy), "{bad}: {message}");
        }
    }

    #[test]
    fn limits_hold() {
        assert!(moments(Init::TruncatedNormal(0.3)).2 <= 0.6);
        assert!(moments(Init::XavierUniform).2 <= (6.0f64 / 100.0).sqrt());
        assert_eq!(moments(Init::Constant(0.5)).2, 0.5);
    }
}
