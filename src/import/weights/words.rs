//! The layers of a stack as text: `64-128-relu-10`, or `linear,batch_norm,relu,linear`.

use super::modules::Kind;
use crate::base::error::{Error, Result};
use crate::base::text::quoted;
use crate::nn::activation::Activation;
use crate::nn::layer::{Dropout, Layer};

/// A part of a stack.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    /// The next module of the file, which is of this kind and, if it is said, has so many outputs.
    Next(Kind, Option<usize>),
    /// The module of this name.
    Named(String),
    /// A layer without tensors.
    Layer(Layer),
}

/// The parts of a stack, and its inputs if they are said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Parts {
    pub(super) inputs: Option<usize>,
    pub(super) parts: Vec<Part>,
}

impl Parts {
    /// Reads a list, whose words are separated by commas and spaces or, if there are none, by dashes.
    ///
    /// # Errors
    /// If there are no words, a number is 0, or the rate of a dropout is out of range.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let is_gap = |c: char| c == ',' || c.is_whitespace();
        let has_gap = text.trim().contains(is_gap);
        let words = text.split(|c: char| if has_gap { is_gap(c) } else { c == '-' });
        let mut stack = Parts::default();
        for word in words.map(str::trim).filter(|word| !word.is_empty()) {
            let is_first = stack.inputs.is_none() && stack.parts.iter().all(|part| matches!(part, Part::Layer(_)));
            match word.parse::<usize>() {
                Ok(0) => return Err(Error::Setting(format!("the layers {}: a layer of 0 units", quoted(text)))),
                Ok(inputs) if is_first => stack.inputs = Some(inputs),
                Ok(outputs) => stack.parts.push(Part::Next(Kind::Linear, Some(outputs))),
                Err(_) => stack.parts.extend(part(word)?),
            }
        }
        if stack.parts.is_empty() {
            return Err(Error::Setting(format!(
                "the layers {}: expected a list as 64-128-relu-10, or linear,batch_norm,relu,linear",
                quoted(text)
            )));
        }
        Ok(stack)
    }
}

/// Returns the part that a word stands for, if it does anything in prediction or training.
fn part(word: &str) -> Result<Option<Part>> {
    let (name, rate) = word.split_once(':').map_or((word, None), |(name, rate)| (name, Some(rate)));
    let plain: String = name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect();
    let next = |kind| Ok(Some(Part::Next(kind, None)));
    match (plain.as_str(), rate) {
        ("linear" | "dense", None) => next(Kind::Linear),
        ("batchnorm" | "batchnorm1d", None) => next(Kind::BatchNorm),
        ("layernorm", None) => next(Kind::LayerNorm),
        ("flatten" | "dropout", None) => Ok(None),
        ("dropout", Some(rate)) => {
            // NaN is out of range, as what is no number.
            let dropout = Dropout::new(rate.parse().unwrap_or(f32::NAN))?;
            Ok(Some(Part::Layer(Layer::Dropout(dropout))))
        }
        _ => Ok(Some(match word.parse::<Activation>() {
            Ok(activation) => Part::Layer(Layer::Activation(activation)),
            Err(_) => Part::Named(word.into()),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_layers() {
        let relu = || Part::Layer(Layer::Activation(Activation::Relu));
        let of = |inputs, parts: Vec<Part>| Parts { inputs, parts };
        let linear = |outputs| Part::Next(Kind::Linear, outputs);
        let expected = of(Some(64), vec![linear(Some(128)), relu(), linear(Some(10))]);
        for text in ["64-128-relu-10", "64,128,ReLU,10", " 64 128 relu , 10 ", "flatten-64-128-dropout-relu-10"] {
            assert_eq!(Parts::parse(text).unwrap(), expected, "{text}");
        }
        let named = Part::Named("head-1".into());
        let expected = of(None, vec![linear(None), Part::Next(Kind::BatchNorm, None), relu(), named]);
        assert_eq!(Parts::parse("Linear,BatchNorm1d,relu,head-1").unwrap(), expected);
        let leaky = Part::Layer(Layer::Activation(Activation::LeakyRelu(0.2)));
        assert_eq!(Parts::parse("leaky_relu:0.2-dense").unwrap().parts, [leaky, linear(None)]);
        assert_eq!(Parts::parse("dropout:0.5,linear").unwrap().parts.len(), 2);
        for (bad, part) in [("", "64-128-relu-10"), ("64", "64-128"), ("4-0-3", "0 units"), ("dropout:2-3", "dropout")]
        {
            let message = Parts::parse(bad).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
