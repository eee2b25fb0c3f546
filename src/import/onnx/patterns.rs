//! Activations and normalizations that exporters write as several nodes. A value that is one of them is replaced as
//! soon as its last node has been read.

use super::value::{Id, Kind, Norm, Operation, Part, Step, Value};
use crate::nn::Activation;

/// 1/√2, as programs round it.
const HALF_ROOT: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// Returns the value that the nodes up to this one are, if they are one of a known form.
pub(super) fn recognized(values: &[Value], kind: &Kind) -> Option<Kind> {
    let view = View(values);
    match kind {
        Kind::Both(Operation::Multiply, a, b) => view.either(*a, *b, |a, b| view.product(a, b)),
        Kind::Both(Operation::Add, a, b) => view.either(*a, *b, |a, b| view.sum(a, b)),
        Kind::Both(Operation::Divide, a, b) => view.normalized(*a, *b),
        Kind::Step(Step::Multiply(all), id) => view.scaled(single(all)?, *id),
        Kind::Step(Step::Divide(all), id) => view.scaled(1.0 / single(all)?, *id),
        _ => None,
    }
}

fn single(all: &[f32]) -> Option<f32> {
    if let [one] = all { Some(*one) } else { None }
}

fn near(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-6 * b.abs()
}

struct View<'a>(&'a [Value]);

impl View<'_> {
    fn kind(&self, id: Id) -> &Kind {
        &self.0[id].kind
    }

    fn either(&self, a: Id, b: Id, found: impl Fn(Id, Id) -> Option<Kind>) -> Option<Kind> {
        found(a, b).or_else(|| found(b, a))
    }

    /// Returns x and c, if a value is c · x.
    fn factor(&self, id: Id) -> Option<(Id, f32)> {
        match self.kind(id) {
            Kind::Step(Step::Multiply(all), x) => Some((*x, single(all)?)),
            Kind::Step(Step::Divide(all), x) => Some((*x, 1.0 / single(all)?)),
            _ => None,
        }
    }

    /// Returns x, if a value is x + c.
    fn shifted(&self, id: Id, c: f32) -> Option<Id> {
        match self.kind(id) {
            Kind::Step(Step::Add(all), x) if single(all)? == c => Some(*x),
            _ => None,
        }
    }

    /// Returns x, if a value is 1 + erf(x / √2), or erfc(-x / √2): twice the normal distribution function.
    fn twice_normal(&self, id: Id) -> Option<Id> {
        let (argument, sign) = match (self.kind(id), self.shifted(id, 1.0)) {
            (_, Some(erf)) => match self.kind(erf) {
                Kind::Part(Part::Erf, argument) => (*argument, 1.0),
                _ => return None,
            },
            (Kind::Part(Part::Erfc, argument), None) => (*argument, -1.0),
            _ => return None,
        };
        let (x, mut factor) = self.factor(argument)?;
        // A sign may be a step of its own.
        let x = match self.factor(x) {
            Some((x, minus)) if minus == -1.0 && factor > 0.0 && sign < 0.0 => {
                factor = -factor;
                x
            }
            _ => x,
        };
        near(factor * sign, HALF_ROOT).then_some(x)
    }

    fn product(&self, a: Id, b: Id) -> Option<Kind> {
        // x · sigmoid(x)
        if let Kind::Activation(Activation::Sigmoid, x) = self.kind(b)
            && *x == a
        {
            return Some(Kind::Activation(Activation::Silu, a));
        }
        // (x / 2) · (1 + erf(x / √2)), or x · ((1 + erf(x / √2)) / 2)
        let gelu = |x| Some(Kind::Activation(Activation::Gelu, x));
        if let Some(x) = self.twice_normal(b)
            && self.factor(a) == Some((x, 0.5))
        {
            return gelu(x);
        }
        match self.factor(b) {
            Some((twice, 0.5)) if self.twice_normal(twice) == Some(a) => gelu(a),
            _ => self.normalized_by_reciprocal(a, b),
        }
    }

    /// Of a value times a constant.
    fn scaled(&self, c: f32, id: Id) -> Option<Kind> {
        match self.kind(id) {
            // x · (1 + erf(x / √2)) / 2
            Kind::Both(Operation::Multiply, a, b) if c == 0.5 => self.either(*a, *b, |a, b| {
                (self.twice_normal(b) == Some(a)).then_some(Kind::Activation(Activation::Gelu, a))
            }),
            // min(max(x + 3, 0), 6) / 6
            Kind::Step(Step::Clip(low, high), shifted)
                if near(c, 1.0 / 6.0) && (&low[..], &high[..]) == (&[0.0], &[6.0]) =>
            {
                Some(Kind::Activation(Activation::HardSigmoid, self.shifted(*shifted, 3.0)?))
            }
            _ => None,
        }
    }

    fn sum(&self, a: Id, b: Id) -> Option<Kind> {
        // max(x, 0) + c · max(-x, 0), which is that of slope -c.
        let relu = |id| if let Kind::Activation(Activation::Relu, x) = self.kind(id) { Some(*x) } else { None };
        let leaky = || {
            let x = relu(a)?;
            let Kind::Step(Step::Multiply(all), negative) = self.kind(b) else { return None };
            let first = *all.first()?;
            let is_of = self.factor(relu(*negative)?) == Some((x, -1.0)) && all.iter().all(|c| *c == first);
            is_of.then_some(Kind::Activation(Activation::LeakyRelu(-first + 0.0), x))
        };
        leaky().or_else(|| self.normalized_in_two(a, b))
    }

    /// Returns x, if a value is x - mean(x).
    fn centered(&self, id: Id) -> Option<Id> {
        match self.kind(id) {
            Kind::Both(Operation::Subtract, x, mean) if self.mean(*mean) == Some(*x) => Some(*x),
            _ => None,
        }
    }

    fn mean(&self, id: Id) -> Option<Id> {
        if let Kind::Part(Part::Mean, x) = self.kind(id) { Some(*x) } else { None }
    }

    /// Returns x and ε, if a value is √(variance(x) + ε).
    fn deviation(&self, id: Id) -> Option<(Id, f32)> {
        let Kind::Part(Part::SquareRoot, sum) = self.kind(id) else { return None };
        let Kind::Step(Step::Add(all), variance) = self.kind(*sum) else { return None };
        let square = self.mean(*variance)?;
        let centered = match self.kind(square) {
            Kind::Part(Part::Square, centered) => *centered,
            Kind::Both(Operation::Multiply, a, b) if a == b => *a,
            _ => return None,
        };
        Some((self.centered(centered)?, single(all)?))
    }

    /// Returns x and ε, if a value is 1 / √(variance(x) + ε).
    fn inverse_deviation(&self, id: Id) -> Option<(Id, f32)> {
        if let Kind::Part(Part::Reciprocal, deviation) = self.kind(id) { self.deviation(*deviation) } else { None }
    }

    fn layer_norm(&self, x: Id, epsilon: f32, scale: Vec<f32>) -> Kind {
        let width = self.0[x].width();
        let scale = if scale.len() == 1 { vec![scale[0]; width] } else { scale };
        Kind::LayerNorm(Norm { shift: vec![0.0; width], scale, mean: Vec::new(), variance: Vec::new(), epsilon }, x)
    }

    /// (x - mean) / √(variance + ε)
    fn normalized(&self, a: Id, b: Id) -> Option<Kind> {
        let ((x, epsilon), centered) = (self.deviation(b)?, self.centered(a)?);
        (x == centered).then(|| self.layer_norm(x, epsilon, vec![1.0]))
    }

    /// (x - mean) · (1 / √(variance + ε))
    fn normalized_by_reciprocal(&self, a: Id, b: Id) -> Option<Kind> {
        let ((x, epsilon), centered) = (self.inverse_deviation(b)?, self.centered(a)?);
        (x == centered).then(|| self.layer_norm(x, epsilon, vec![1.0]))
    }

    /// x · r + (-mean · r + shift), with r = scale / √(variance + ε)
    fn normalized_in_two(&self, a: Id, b: Id) -> Option<Kind> {
        let (b, shift) = match self.kind(b) {
            Kind::Step(Step::Add(all), b) => (*b, all.clone()),
            _ => (b, vec![0.0]),
        };
        let Kind::Both(Operation::Multiply, x, r) = *self.kind(a) else { return None };
        let Kind::Both(Operation::Multiply, mean, same) = *self.kind(b) else { return None };
        let (inverse, scale) = match self.kind(r) {
            Kind::Step(Step::Multiply(all), inverse) => (*inverse, all.clone()),
            _ => (r, vec![1.0]),
        };
        let (of, epsilon) = self.inverse_deviation(inverse)?;
        let (mean, minus) = self.factor(mean)?;
        let is_one = r == same && of == x && minus == -1.0 && self.mean(mean) == Some(x);
        let width = self.0[x].width();
        let mut found = self.layer_norm(x, epsilon, scale);
        if let Kind::LayerNorm(norm, _) = &mut found {
            norm.shift = (0..width).map(|i| shift[i % shift.len()]).collect();
        }
        is_one.then_some(found)
    }
}
