//! The tensors of a state dict, module by module.

use std::cmp::Ordering;

use crate::base::sort::order;
use crate::base::text::quoted;
use crate::format::safetensors::{Safetensors, Tensor};
use crate::linalg::matrix::Matrix;
use crate::nn::layer::{BatchNorm, Dense, Layer, LayerNorm};

/// The tensors that modules have; the last is a counter, which no prediction needs.
const PARTS: [&str; 5] = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];

/// A kind of module with tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Linear,
    BatchNorm,
    LayerNorm,
}

impl Kind {
    /// Returns the word for it, which the layers are written with.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Linear => "linear",
            Kind::BatchNorm => "batch_norm",
            Kind::LayerNorm => "layer_norm",
        }
    }
}

/// A module: the tensors whose names begin alike.
#[derive(Debug)]
pub(super) struct Module<'a> {
    /// The name before the last point; empty if there is none.
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    /// In the order of [`PARTS`].
    tensors: [Option<&'a Tensor>; 5],
}

impl<'a> Module<'a> {
    /// Returns the modules of a file, numbers in their names in their order: `fc2` is before `fc10`.
    pub(super) fn all(file: &'a Safetensors) -> Result<Vec<Self>, String> {
        let mut parts = Vec::with_capacity(file.tensors.len());
        for tensor in &file.tensors {
            let (name, part) = tensor.name.rsplit_once('.').unwrap_or(("", &tensor.name));
            let index = PARTS.iter().position(|known| *known == part).ok_or_else(|| {
                format!(
                    "tensor {} is none of a Linear, BatchNorm1d or LayerNorm, of which the names end in {}: no other \
                     layers can be imported",
                    quoted(&tensor.name),
                    PARTS.join(", ")
                )
            })?;
            parts.push((name, index, tensor));
        }
        let order = order(parts.len(), &|a, b| natural(parts[a].0, parts[b].0).then(parts[a].0.cmp(parts[b].0)));
        let mut modules: Vec<(&str, [Option<&Tensor>; 5])> = Vec::new();
        for (name, index, tensor) in order.into_iter().map(|i| parts[i]) {
            if modules.last().is_none_or(|module| module.0 != name) {
                modules.push((name, [None; 5]));
            }
            let place = modules.last_mut().map(|module| &mut module.1[index]);
            if place.is_some_and(|place| place.replace(tensor).is_some()) {
                return Err(format!("two tensors are called {}: the file is damaged", quoted(&tensor.name)));
            }
        }
        modules.into_iter().map(|(name, tensors)| Ok(Module { name, kind: kind(name, &tensors)?, tensors })).collect()
    }

    /// Returns the number that the name ends in, after the last point, and that which is before it, as in an
    /// `nn.Sequential`.
    pub(super) fn number(&self) -> Option<(&'a str, usize)> {
        let (before, last) = self.name.rsplit_once('.').unwrap_or(("", self.name));
        Some((before, last.parse().ok()?))
    }

    /// Returns the numbers of inputs, if the kind tells, and of outputs.
    pub(super) fn sizes(&self) -> (usize, usize) {
        let size = |tensor: &Tensor, dimension: usize| tensor.shape.get(dimension).copied().unwrap_or(0);
        let first = self.tensors.iter().flatten().next();
        let outputs = first.map_or(0, |tensor| size(tensor, 0));
        (if self.kind == Kind::Linear { first.map_or(0, |tensor| size(tensor, 1)) } else { outputs }, outputs)
    }

    /// Returns the tensor that says the size, and its shape, for messages.
    pub(super) fn described(&self) -> String {
        let tensor = self.tensors.iter().flatten().next();
        tensor.map_or(String::new(), |tensor| format!("tensor {} of shape {:?}", quoted(&tensor.name), tensor.shape))
    }

    /// Returns whether it is taken for a layer normalization, but may as well be a PReLU or an RMSNorm.
    pub(super) fn is_unclear(&self) -> bool {
        self.kind == Kind::LayerNorm && self.tensors[1].is_none()
    }

    /// Makes the layer of it.
    pub(super) fn layer(&self) -> Result<Layer, String> {
        let (inputs, outputs) = self.sizes();
        let part = |index: usize, usual: f32| self.vector(index, outputs, usual);
        if inputs == 0 || outputs == 0 {
            return Err(format!("{} is empty: a layer needs at least one input and one output", self.described()));
        }
        Ok(match self.kind {
            Kind::Linear => {
                let weight = self.tensors[0].map(|tensor| tensor.data.clone()).unwrap_or_default();
                check_finite(self.tensors[0])?;
                let weights = Matrix::from_vec(outputs, inputs, weight).transpose();
                Layer::Dense(Dense::new(weights, part(1, 0.0)?))
            }
            Kind::BatchNorm => {
                let (mean, variance) = (part(2, 0.0)?, part(3, 1.0)?);
                if variance.iter().any(|&v| v < 0.0) {
                    return Err(format!("module {} has a negative variance: the file is damaged", quoted(self.name)));
                }
                Layer::BatchNorm(BatchNorm::from_parts(part(0, 1.0)?, part(1, 0.0)?, mean, variance))
            }
            Kind::LayerNorm => Layer::LayerNorm(LayerNorm::from_parts(part(0, 1.0)?, part(1, 0.0)?)),
        })
    }

    /// Returns the numbers of a tensor with an entry for each output; if it is absent, the usual ones.
    fn vector(&self, index: usize, size: usize, usual: f32) -> Result<Vec<f32>, String> {
        let Some(tensor) = self.tensors[index] else { return Ok(vec![usual; size]) };
        if tensor.shape != [size] {
            let (name, shape) = (quoted(&tensor.name), &tensor.shape);
            return Err(format!("tensor {name} has shape {shape:?}, expected [{size}] beside {}", self.described()));
        }
        check_finite(Some(tensor))?;
        Ok(tensor.data.clone())
    }
}

fn check_finite(tensor: Option<&Tensor>) -> Result<(), String> {
    let found = tensor.and_then(|tensor| Some((tensor, tensor.data.iter().find(|x| !x.is_finite())?)));
    found.map_or(Ok(()), |(tensor, x)| {
        Err(format!("tensor {} holds {x}, expected finite numbers of single precision", quoted(&tensor.name)))
    })
}

/// Returns the kind of a module with these tensors.
fn kind(name: &str, tensors: &[Option<&Tensor>; 5]) -> Result<Kind, String> {
    let [weight, bias, mean, variance, count] = tensors;
    match (weight.map(|weight| weight.shape.len()), mean, variance) {
        (None | Some(1), Some(_), Some(_)) => Ok(Kind::BatchNorm),
        (Some(2), None, None) if count.is_none() => Ok(Kind::Linear),
        (Some(1), None, None) if count.is_none() => Ok(Kind::LayerNorm),
        (Some(dimensions), None, None) if count.is_none() => Err(format!(
            "tensor `{}` has {dimensions} dimensions: only the layers Linear, BatchNorm1d and LayerNorm can be imported",
            weight.map_or("", |weight| &weight.name)
        )),
        _ => {
            let known = [weight, bias, mean, variance, count].into_iter().flatten();
            let names: Vec<String> = known.map(|tensor| quoted(&tensor.name)).collect();
            let names = names.join(", ");
            Err(format!(
                "module {} has only {names}: a layer needs a weight, or both running means and variances",
                quoted(name)
            ))
        }
    }
}

/// Compares names, runs of digits in them as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let ((first, next_a), (second, next_b)) = (run(a), run(b));
        // Numbers without leading zeros are in the order of their lengths, then of their digits.
        let is_number = |run: &[u8]| run.first().is_some_and(u8::is_ascii_digit);
        let order = match is_number(first) && is_number(second) {
            true => {
                let (first, second) = (without_zeros(first), without_zeros(second));
                first.len().cmp(&second.len()).then_with(|| first.cmp(second))
            }
            false => first.cmp(second),
        };
        if order != Ordering::Equal || first.is_empty() {
            return order;
        }
        (a, b) = (next_a, next_b);
    }
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    &digits[zeros..]
}

/// Cuts a text after the digits, or the other characters, that it begins with.
fn run(text: &[u8]) -> (&[u8], &[u8]) {
    let is_digit = text.first().is_some_and(u8::is_ascii_digit);
    let length = text.iter().take_while(|byte| byte.is_ascii_digit() == is_digit).count();
    text.split_at(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_people_count() {
        let sorted = ["", "0", "2", "10", "fc1", "fc02", "fc10", "net.3", "net.3.a", "net.12", "out"];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(natural(a, b), i.cmp(&j), "{a} {b}");
            }
        }
        assert_eq!(natural("fc1", "fc01"), Ordering::Equal);
    }
}
