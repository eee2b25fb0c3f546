//! The second network: naive, in double precision, written from the textbook, and sharing nothing with the crate but
//! the numbers that it is given.

use palmnet::{Activation, Loss};
use std::f64::consts::PI;

type Rows = Vec<Vec<f64>>;

#[derive(Clone)]
pub enum Layer {
    /// Weights, inputs × outputs, and bias.
    Dense(Rows, Vec<f64>),
    Function(Activation),
    /// Every entry of the batch times its own factor.
    Mask(Rows),
    /// Mean 0 and variance 1 for every column or every row, then scale and shift.
    Norm {
        of_rows: bool,
        parameters: Rows,
    },
    /// The edges of the bins of each clipped column; `None` for one that stays as it is.
    Piecewise(Vec<Option<Vec<f64>>>),
    /// For each input its group, -1 if it is kept or -2 if it is dropped; then the weights of each input of a group, and
    /// the bias of each group.
    Embedding(Vec<i32>, Rows),
    /// The scale of each member, then the shift of each; rows become one for each member if it spreads.
    Members {
        spreads: bool,
        parameters: Rows,
    },
    /// The weights of each member, one below the other, then the bias of each.
    Heads(usize, Rows),
}

/// The corners of functions that a forward pass met: on which side it went, and the smallest distance.
#[derive(Clone)]
pub struct Corners {
    sides: Vec<bool>,
    pub nearest: f64,
    /// The smallest number, zero aside, that a logarithm was taken of.
    pub smallest_probability: f64,
    /// The factor by which normalizations amplify a rounding error: each divides by a standard deviation.
    pub gain: f64,
}

impl Default for Corners {
    fn default() -> Self {
        Corners { sides: Vec::new(), nearest: f64::INFINITY, smallest_probability: 1.0, gain: 1.0 }
    }
}

impl Corners {
    /// Whether a pass went the same way everywhere, so that a difference of the two crosses no corner.
    pub fn same_sides(&self, other: &Corners) -> bool {
        self.sides == other.sides
    }

    /// The logarithm of a probability, cut at -100 as the crate documents.
    fn log(&mut self, p: f64) -> f64 {
        if p > 0.0 {
            self.smallest_probability = self.smallest_probability.min(p);
        }
        p.ln().max(-100.0)
    }

    fn meet(&mut self, x: f64, corner: f64) {
        self.sides.push(x > corner);
        // A value exactly in a corner was put there by a flat piece before it, and does not move.
        if x != corner {
            self.nearest = self.nearest.min((x - corner).abs());
        }
    }
}

/// The outputs of the stack for `x`, and the mean loss against `y`.
pub fn run(layers: &[Layer], loss: Loss, x: &Rows, y: &Rows) -> (Rows, f64, Corners) {
    let mut corners = Corners::default();
    let mut a = x.clone();
    for layer in layers {
        a = match layer {
            Layer::Dense(weights, bias) => a.iter().map(|row| dense(row, weights, bias)).collect(),
            Layer::Function(g) => a.iter().map(|row| apply(*g, row, &mut corners)).collect(),
            Layer::Mask(factors) => a.iter().zip(factors).map(|(a, f)| multiply(a, f)).collect(),
            Layer::Norm { of_rows, parameters } => norm(&a, *of_rows, parameters, &mut corners),
            Layer::Piecewise(columns) => a.iter().map(|row| encode(row, columns, &mut corners)).collect(),
            Layer::Embedding(roles, parameters) => a.iter().map(|row| embed(row, roles, parameters)).collect(),
            Layer::Members { spreads, parameters } => adapt(&a, *spreads, parameters),
            Layer::Heads(members, parameters) => heads(&a, *members, parameters),
        };
    }
    // The rows of members have the target of their example.
    let members = a.len() / y.len();
    let sum: f64 = a.iter().enumerate().map(|(i, p)| loss_sum(loss, p, &y[i / members], &mut corners)).sum();
    let per_example = matches!(loss, Loss::CrossEntropy | Loss::CrossEntropyLogits);
    let count = if per_example { a.len() } else { a.len() * a[0].len() };
    (a, sum / count as f64, corners)
}

/// The numbers, those with bins clipped to x / √(1 + (x / 3)²), and then the code of each of these in its bins.
fn encode(row: &[f64], columns: &[Option<Vec<f64>>], corners: &mut Corners) -> Vec<f64> {
    let clip = |x: f64| x / (1.0 + (x / 3.0).powi(2)).sqrt();
    let mut kept: Vec<f64> =
        row.iter().zip(columns).map(|(&x, edges)| if edges.is_some() { clip(x) } else { x }).collect();
    for (i, edges) in columns.iter().enumerate() {
        let (y, edges) = (kept[i], edges.as_deref().unwrap_or_default());
        for (bin, pair) in edges.windows(2).enumerate() {
            pair.iter().for_each(|&edge| corners.meet(y, edge));
            let fraction = (y - pair[0]) / (pair[1] - pair[0]);
            let low = if bin == 0 { f64::NEG_INFINITY } else { 0.0 };
            let high = if bin + 2 == edges.len() { f64::INFINITY } else { 1.0 };
            kept.push(fraction.clamp(low, high));
        }
    }
    kept
}

fn embed(row: &[f64], roles: &[i32], parameters: &Rows) -> Vec<f64> {
    let embedded = roles.iter().filter(|&&role| role >= 0).count();
    let (weights, bias) = parameters.split_at(embedded);
    let mut groups = bias.to_vec();
    let of_groups = row.iter().zip(roles).filter(|(_, role)| **role >= 0);
    for ((x, role), weights) in of_groups.zip(weights) {
        groups[*role as usize].iter_mut().zip(weights).for_each(|(sum, w)| *sum += x * w);
    }
    let kept = row.iter().zip(roles).filter(|(_, role)| **role == -1).map(|(x, _)| *x);
    kept.chain(groups.into_iter().flatten()).collect()
}

fn adapt(a: &Rows, spreads: bool, parameters: &Rows) -> Rows {
    let (scale, shift) = parameters.split_at(parameters.len() / 2);
    let members = scale.len();
    let one = |row: &[f64], i: usize| multiply(row, &scale[i]).iter().zip(&shift[i]).map(|(x, s)| x + s).collect();
    match spreads {
        true => a.iter().flat_map(|row| (0..members).map(move |i| one(row, i))).collect(),
        false => a.iter().enumerate().map(|(row, a)| one(a, row % members)).collect(),
    }
}

fn heads(a: &Rows, members: usize, parameters: &Rows) -> Rows {
    let (weights, bias) = parameters.split_at(parameters.len() - members);
    let inputs = weights.len() / members;
    let one = |(row, a): (usize, &Vec<f64>)| {
        let member = row % members;
        dense(a, &weights[member * inputs..][..inputs].to_vec(), &bias[member])
    };
    a.iter().enumerate().map(one).collect()
}

fn transposed(a: &Rows) -> Rows {
    (0..a[0].len()).map(|j| a.iter().map(|row| row[j]).collect()).collect()
}

fn norm(a: &Rows, of_rows: bool, parameters: &Rows, corners: &mut Corners) -> Rows {
    let mut lines = if of_rows { a.clone() } else { transposed(a) };
    let mut gain: f64 = 1.0;
    for line in &mut lines {
        let count = line.len() as f64;
        let mean = line.iter().sum::<f64>() / count;
        let variance = line.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        gain = gain.max(1.0 / variance.sqrt());
        line.iter_mut().for_each(|x| *x = (*x - mean) / (variance + 1e-5).sqrt());
    }
    corners.gain *= gain;
    let rows = if of_rows { lines } else { transposed(&lines) };
    let [scale, shift] = &parameters[..] else { unreachable!() };
    rows.iter().map(|row| multiply(row, scale).iter().zip(shift).map(|(x, s)| x + s).collect()).collect()
}

fn multiply(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

fn dense(row: &[f64], weights: &Rows, bias: &[f64]) -> Vec<f64> {
    let output = |j: usize| row.iter().zip(weights).map(|(a, w)| a * w[j]).sum::<f64>() + bias[j];
    (0..bias.len()).map(output).collect()
}

pub fn apply(g: Activation, z: &[f64], corners: &mut Corners) -> Vec<f64> {
    if g == Activation::Softmax {
        return log_softmax(z).iter().map(|l| l.exp()).collect();
    }
    z.iter().map(|&z| one(g, z, corners)).collect()
}

fn one(g: Activation, z: f64, corners: &mut Corners) -> f64 {
    use Activation::*;
    match g {
        Relu | LeakyRelu(_) | Elu(_) | Selu => corners.meet(z, 0.0),
        HardSigmoid => {
            corners.meet(z, -3.0);
            corners.meet(z, 3.0);
        }
        _ => {}
    }
    match g {
        Identity => z,
        Relu => z.max(0.0),
        LeakyRelu(slope) => {
            if z > 0.0 {
                z
            } else {
                f64::from(slope) * z
            }
        }
        Elu(alpha) => {
            if z > 0.0 {
                z
            } else {
                f64::from(alpha) * z.exp_m1()
            }
        }
        // The constants with the digits of the paper.
        Selu => 1.050_700_987_355_480_5 * if z > 0.0 { z } else { 1.673_263_242_354_377_2 * z.exp_m1() },
        Sigmoid => 1.0 / (1.0 + (-z).exp()),
        Tanh => z.tanh(),
        Softplus => {
            if z > 30.0 {
                z
            } else {
                z.exp().ln_1p()
            }
        }
        Silu => z / (1.0 + (-z).exp()),
        Gelu => z * 0.5 * erfc(-z / 2f64.sqrt()),
        HardSigmoid => (z / 6.0 + 0.5).clamp(0.0, 1.0),
        Softmax => unreachable!("softmax is of a row"),
        other => panic!("no definition of {other}"),
    }
}

/// The complementary error function: the series of erf that has positive terms only, and far out the continued
/// fraction of erfc.
pub fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    if x < 2.5 {
        // erf x = 2/√π · e^(-x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1 · 3 · 5 ⋯ (2n + 1))
        let mut term = x;
        let mut sum = x;
        for n in 1..80 {
            term *= 2.0 * x * x / f64::from(2 * n + 1);
            sum += term;
        }
        return 1.0 - 2.0 / PI.sqrt() * (-x * x).exp() * sum;
    }
    // erfc x = e^(-x²)/√π · 1/(x + ½/(x + 1/(x + 3/2/(x + …))))
    let fraction = (1..120).rev().fold(x, |tail, n| x + 0.5 * f64::from(n) / tail);
    (-x * x).exp() / (PI.sqrt() * fraction)
}

fn log_softmax(z: &[f64]) -> Vec<f64> {
    let largest = z.iter().fold(f64::NEG_INFINITY, |m, &z| m.max(z));
    let log_sum = z.iter().map(|z| (z - largest).exp()).sum::<f64>().ln();
    z.iter().map(|z| z - largest - log_sum).collect()
}

/// One example's losses, added up.
fn loss_sum(loss: Loss, p: &[f64], y: &[f64], corners: &mut Corners) -> f64 {
    if loss == Loss::CrossEntropyLogits {
        return -log_softmax(p).iter().zip(y).map(|(l, y)| if *y == 0.0 { 0.0 } else { y * l }).sum::<f64>();
    }
    let mut sum = 0.0;
    for (&p, &y) in p.iter().zip(y) {
        let e = p - y;
        sum += match loss {
            Loss::MeanSquaredError => e * e,
            Loss::MeanAbsoluteError => {
                corners.meet(e, 0.0);
                e.abs()
            }
            Loss::Huber(delta) => {
                let delta = f64::from(delta);
                corners.meet(e.abs(), delta);
                if e.abs() <= delta { e * e / 2.0 } else { delta * (e.abs() - delta / 2.0) }
            }
            Loss::BinaryCrossEntropy => -y * corners.log(p) - (1.0 - y) * corners.log(1.0 - p),
            // ln(1 + e^z) - y z, from the definition with p = 1 / (1 + e^-z).
            Loss::BinaryCrossEntropyLogits => p.max(0.0) + (-p.abs()).exp().ln_1p() - y * p,
            Loss::CrossEntropy => -y * corners.log(p),
            Loss::CrossEntropyLogits => unreachable!("done above"),
            other => panic!("no definition of {other}"),
        };
    }
    sum
}

/// The row after the last weights stands for the bias.
fn parameter(layer: &mut Layer, (i, j): (usize, usize)) -> &mut f64 {
    match layer {
        Layer::Dense(weights, bias) => weights.get_mut(i).map_or_else(|| &mut bias[j], |row| &mut row[j]),
        Layer::Norm { parameters, .. }
        | Layer::Members { parameters, .. }
        | Layer::Embedding(_, parameters)
        | Layer::Heads(_, parameters) => &mut parameters[i][j],
        Layer::Function(_) | Layer::Mask(_) | Layer::Piecewise(_) => unreachable!(),
    }
}

/// The derivative of the loss by one parameter of layer `k`, by central differences; `None` where the two sides
/// of the difference lie on different sides of a corner.
fn difference(layers: &mut [Layer], k: usize, slot: (usize, usize), loss: Loss, x: &Rows, y: &Rows) -> Option<f64> {
    // The error is of the order step² ≈ 10⁻¹⁰ and rounding / step ≈ 10⁻¹¹.
    const STEP: f64 = 1e-5;
    let mut at = |shift: f64| {
        let before = *parameter(&mut layers[k], slot);
        *parameter(&mut layers[k], slot) += shift;
        let (_, value, corners) = run(layers, loss, x, y);
        *parameter(&mut layers[k], slot) = before;
        (value, corners)
    };
    let ((above, a), (below, b)) = (at(STEP), at(-STEP));
    a.same_sides(&b).then_some((above - below) / (2.0 * STEP))
}

/// The size of the terms at the end of the network, which may cancel further back: the largest derivative of
/// the loss by an output, or by a logit the targets over the count, from which probabilities are subtracted.
pub fn slope(loss: Loss, outputs: &Rows, y: &Rows) -> f64 {
    let mut outputs = outputs.clone();
    let mut largest = match loss {
        Loss::CrossEntropyLogits => 1.0 / y.len() as f64,
        Loss::BinaryCrossEntropyLogits => 1.0 / (y.len() * y[0].len()) as f64,
        _ => 0.0,
    };
    for i in 0..outputs.len() {
        for j in 0..outputs[i].len() {
            let at = |outputs: &mut Rows, shift: f64| {
                outputs[i][j] += shift;
                let value = run(&[], loss, outputs, y).1;
                outputs[i][j] -= shift;
                value
            };
            largest = largest.max((at(&mut outputs, 1e-6) - at(&mut outputs, -1e-6)).abs() / 2e-6);
        }
    }
    largest
}

/// The whole gradient, weights then bias of every dense layer, scale then shift of every normalization.
pub fn gradient(layers: &[Layer], loss: Loss, x: &Rows, y: &Rows) -> Vec<Option<f64>> {
    let mut layers = layers.to_vec();
    let mut gradient = Vec::new();
    for k in 0..layers.len() {
        let (rows, columns) = match &layers[k] {
            Layer::Dense(weights, bias) => (weights.len() + 1, bias.len()),
            Layer::Norm { parameters, .. }
            | Layer::Members { parameters, .. }
            | Layer::Embedding(_, parameters)
            | Layer::Heads(_, parameters) => (parameters.len(), parameters[0].len()),
            Layer::Function(_) | Layer::Mask(_) | Layer::Piecewise(_) => continue,
        };
        for slot in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
            gradient.push(difference(&mut layers, k, slot, loss, x, y));
        }
    }
    gradient
}
