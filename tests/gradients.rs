//! The gradients against central differences of a second network: naive, in double precision, written from the
//! textbook and sharing nothing with the crate but the numbers that it reads from it.

use std::cell::Cell;

use palmnet::{
    Activation, Dataset, Init, Layer, Loss, Matrix, Network, Penalty, Rng, Schedule, Sgd, Trainer, Weights, Workspace,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// The second network.
mod oracle {
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
    }

    /// What a forward pass met where a function has a corner: on which side it went, and the smallest distance.
    #[derive(Clone)]
    pub struct Corners {
        sides: Vec<bool>,
        pub nearest: f64,
        /// The smallest number, zero aside, that a logarithm was taken of.
        pub smallest_probability: f64,
        /// What normalisations may have made of a rounding error: each divides by a standard deviation.
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
            // What lies in a corner to the last bit was put there by a flat piece before it, and does not move.
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
            };
        }
        let sum: f64 = a.iter().zip(y).map(|(p, y)| loss_sum(loss, p, y, &mut corners)).sum();
        let per_example = matches!(loss, Loss::CrossEntropy | Loss::CrossEntropyLogits);
        let count = if per_example { a.len() } else { a.len() * a[0].len() };
        (a, sum / count as f64, corners)
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
            Layer::Norm { parameters, .. } => &mut parameters[i][j],
            Layer::Function(_) | Layer::Mask(_) => unreachable!(),
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

    /// The whole gradient, weights then bias of every dense layer, scale then shift of every normalisation.
    pub fn gradient(layers: &[Layer], loss: Loss, x: &Rows, y: &Rows) -> Vec<Option<f64>> {
        let mut layers = layers.to_vec();
        let mut gradient = Vec::new();
        for k in 0..layers.len() {
            let (rows, columns) = match &layers[k] {
                Layer::Dense(weights, bias) => (weights.len() + 1, bias.len()),
                Layer::Norm { parameters, .. } => (2, parameters[0].len()),
                Layer::Function(_) | Layer::Mask(_) => continue,
            };
            for slot in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
                gradient.push(difference(&mut layers, k, slot, loss, x, y));
            }
        }
        gradient
    }
}

/// One layer of a random network.
#[derive(Clone, Copy, Debug)]
enum Item {
    Dense(usize),
    Function(Activation),
    /// Dropout at rate 0.
    NoDropout,
    BatchNorm,
    LayerNorm,
}

use Item::*;

#[derive(Clone, Debug)]
struct Case {
    inputs: usize,
    items: Vec<Item>,
    loss: Loss,
    examples: usize,
    seed: u64,
}

const ACTIVATIONS: [Activation; 16] = [
    Activation::Identity,
    Activation::Relu,
    Activation::LeakyRelu(0.01),
    Activation::LeakyRelu(0.3),
    Activation::LeakyRelu(1.5),
    Activation::Elu(1.0),
    Activation::Elu(0.4),
    Activation::Elu(2.5),
    Activation::Selu,
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Softplus,
    Activation::Silu,
    Activation::Gelu,
    Activation::HardSigmoid,
    Activation::Softmax,
];

const LOSSES: [Loss; 9] = [
    Loss::MeanSquaredError,
    Loss::MeanAbsoluteError,
    Loss::Huber(1.0),
    Loss::Huber(0.2),
    Loss::Huber(3.0),
    Loss::BinaryCrossEntropy,
    Loss::BinaryCrossEntropyLogits,
    Loss::CrossEntropy,
    Loss::CrossEntropyLogits,
];

/// Whether a network that ends in `output` may be trained on `loss`.
fn suits(loss: Loss, output: Activation) -> bool {
    use Activation::*;
    match loss {
        Loss::BinaryCrossEntropy | Loss::CrossEntropy => matches!(output, Sigmoid | HardSigmoid | Softmax),
        Loss::BinaryCrossEntropyLogits | Loss::CrossEntropyLogits => output == Identity,
        _ => true,
    }
}

fn normals(rows: usize, columns: usize, rng: &mut Rng) -> Matrix {
    Matrix::from_fn(rows, columns, |_, _| rng.normal() as f32)
}

/// Targets for which the loss is defined: any numbers, yes and no with some doubt, or weights of classes that need
/// not add up to 1.
fn targets(loss: Loss, rows: usize, columns: usize, rng: &mut Rng) -> Matrix {
    let mut y = normals(rows, columns, rng);
    match loss {
        Loss::BinaryCrossEntropy | Loss::BinaryCrossEntropyLogits => y.map(|y| {
            if y.abs() < 0.5 {
                y.abs()
            } else if y > 0.0 {
                1.0
            } else {
                0.0
            }
        }),
        Loss::CrossEntropy | Loss::CrossEntropyLogits => {
            for i in 0..rows {
                if rng.uniform() < 0.5 {
                    let class = rng.below(columns);
                    y.row_mut(i).iter_mut().enumerate().for_each(|(j, y)| *y = f32::from(j == class));
                } else {
                    y.row_mut(i).iter_mut().for_each(|y| *y = y.abs() / columns as f32);
                }
            }
            y
        }
        _ => y,
    }
}

fn double(matrix: &Matrix) -> Vec<Vec<f64>> {
    matrix.iter_rows().map(|row| row.iter().map(|&v| f64::from(v)).collect()).collect()
}

/// The second network's layers from the numbers of the crate's.
fn copy(inputs: usize, items: &[Item], network: &Network) -> Vec<oracle::Layer> {
    let mut tensors = network.parameters().map(|t| t.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>());
    let mut width = inputs;
    let mut layers = Vec::new();
    for item in items {
        match *item {
            Dense(outputs) => {
                let weights = tensors.next().unwrap().chunks(outputs).map(<[f64]>::to_vec).collect::<Vec<_>>();
                assert_eq!(weights.len(), width);
                layers.push(oracle::Layer::Dense(weights, tensors.next().unwrap()));
                width = outputs;
            }
            Function(g) => layers.push(oracle::Layer::Function(g)),
            BatchNorm | LayerNorm => {
                let parameters = tensors.by_ref().take(2).collect();
                layers.push(oracle::Layer::Norm { of_rows: matches!(item, LayerNorm), parameters });
            }
            NoDropout => {}
        }
    }
    assert!(tensors.next().is_none());
    layers
}

fn build(inputs: usize, items: &[Item], seed: u64) -> Network {
    let builder = items.iter().fold(Network::builder(inputs), |builder, item| match *item {
        Dense(outputs) => builder.dense(outputs, Activation::Identity).bias_init(Init::Normal(0.3)),
        Function(g) => builder.activation(g),
        NoDropout => builder.dropout(0.0),
        BatchNorm => builder.batch_norm(),
        LayerNorm => builder.layer_norm(),
    });
    let mut network = builder.seed(seed).build().unwrap();
    // Scales of one and shifts of zero would hide much.
    let mut rng = Rng::stream(seed, 2000);
    let norms: Vec<bool> = network
        .layers()
        .iter()
        .flat_map(|l| l.parameters().map(|(name, _)| name != "weights" && name != "bias"))
        .collect();
    for (values, _) in network.parameters_mut().zip(norms).filter(|(_, norm)| *norm) {
        values.iter_mut().for_each(|x| *x += 0.3 * rng.normal() as f32);
    }
    network
}

/// Whether two numbers are that near; never for NaN.
fn within(a: f64, b: f64, bound: f64) -> bool {
    (a - b).abs() <= bound
}

/// Compares one gradient; the number of entries that were compared, or what is wrong.
fn agree(engine: &[f32], truth: &[Option<f64>], slope: f64, gain: f64) -> Result<usize, String> {
    if engine.len() != truth.len() {
        return Err(format!("{} entries for {}", engine.len(), truth.len()));
    }
    let scale = truth.iter().flatten().fold(0.0, |m: f64, g| m.max(g.abs()));
    // Terms that are rounded to 6·10⁻⁸ of their size, layer after layer, may cancel in the sum. They are measured by
    // the largest entry and by what the end of the network is made of; the worst of 400,000 networks was off by 10⁻⁶.
    let floor = 5e-6 * scale.max(slope) * gain;
    for (i, (&engine, truth)) in engine.iter().zip(truth).enumerate() {
        let (engine, Some(truth)) = (f64::from(engine), *truth) else { continue };
        let bound = 1e-4 * engine.abs().max(truth.abs()) + floor;
        if !within(engine, truth, bound) {
            return Err(format!("entry {i} of the gradient is {engine:e}, by differences {truth:e}, scale {scale:e}"));
        }
    }
    Ok(truth.iter().flatten().count())
}

/// Outputs, loss and gradient of the crate against the second network. `Ok(false)` where the example lies too near
/// to a corner.
fn check(case: &Case) -> Result<bool, String> {
    let &Case { inputs, ref items, loss, examples, seed } = case;
    let network = build(inputs, items, seed);
    let mut rng = Rng::stream(seed, 1000);
    let x = normals(examples, inputs, &mut rng);
    let y = targets(loss, examples, network.outputs(), &mut rng);
    let layers = copy(inputs, items, &network);
    let (x64, y64) = (double(&x), double(&y));
    let (outputs, value, corners) = oracle::run(&layers, loss, &x64, &y64);
    // The pass in single precision must not land on the other side; and an absolute error in p, or in 1 - p, is too
    // large beside it for 1/p where p is small.
    let last = network.output_activation();
    let absolute = last == Activation::HardSigmoid || (loss == Loss::BinaryCrossEntropy && last == Activation::Softmax);
    // So it is beside what hardly varies before it is made to.
    let normalised = items.iter().any(|item| matches!(item, BatchNorm | LayerNorm));
    if normalised && (corners.nearest < 1e-3 || corners.gain > 10.0) {
        return Ok(false);
    }
    if corners.nearest < 1e-4 || (absolute && corners.smallest_probability < 0.01) {
        return Ok(false);
    }

    // Batch normalisation predicts with other means than those of the batch.
    let predicted =
        if items.iter().any(|item| matches!(item, BatchNorm)) { Matrix::zeros(0, 0) } else { network.predict(&x) };
    for (got, truth) in predicted.as_slice().iter().zip(outputs.iter().flatten()) {
        if !within(f64::from(*got), *truth, 1e-5 * truth.abs().max(1.0)) {
            return Err(format!("output {got} for {truth}"));
        }
    }
    let mut workspace = Workspace::new(&network, loss, 0).unwrap();
    workspace.forward(&network, &x);
    let got = workspace.backward(&network, &x, &y);
    if !within(got, value, 1e-5 * value.abs().max(1.0)) {
        return Err(format!("loss {got} for {value}"));
    }
    let slope = oracle::slope(loss, &outputs, &y64);
    agree(workspace.gradient(), &oracle::gradient(&layers, loss, &x64, &y64), slope, corners.gain).map(|_| true)
}

fn case() -> impl Strategy<Value = Case> {
    let activation = || prop::sample::select(&ACTIVATIONS[..]);
    let extra = || {
        prop::sample::select(
            &[None, None, None, None, None, None, None, None, Some(NoDropout), Some(BatchNorm), Some(LayerNorm)][..],
        )
    };
    let between = move || prop::collection::vec((activation(), extra()), 0..=2);
    let layer = (1..=9usize, extra(), between());
    let output = (prop::sample::select(&LOSSES[..]), activation(), 0..3usize);
    let network = (1..=9usize, between(), prop::collection::vec(layer, 1..=3), output);
    (network, 1..=8usize, any::<u64>()).prop_map(|((inputs, before, layers, output), examples, seed)| {
        let mut items = Vec::new();
        let functions = |items: &mut Vec<Item>, between: Vec<(Activation, Option<Item>)>| {
            for (g, between) in between {
                items.push(Function(g));
                items.extend(between);
            }
        };
        functions(&mut items, before);
        for (width, norm, between) in layers {
            items.push(Dense(width));
            items.extend(norm);
            functions(&mut items, between);
        }
        let (loss, last, probability) = output;
        match loss {
            Loss::BinaryCrossEntropy | Loss::CrossEntropy => {
                items.push(Function([Activation::Softmax, Activation::Sigmoid, Activation::HardSigmoid][probability]))
            }
            Loss::BinaryCrossEntropyLogits | Loss::CrossEntropyLogits => items.push(Dense(probability + 1)),
            _ => items.push(Function(last)),
        }
        Case { inputs, items, loss, examples, seed }
    })
}

#[test]
fn random_networks() {
    // No file of failures: the message shows the smallest failing case whole.
    let config = ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() };
    let (compared, skipped) = (Cell::new(0), Cell::new(0));
    let outcome = TestRunner::new(config).run(&case(), |case| {
        let counter = if check(&case).map_err(TestCaseError::fail)? { &compared } else { &skipped };
        counter.set(counter.get() + 1);
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
    assert!(compared.get() >= skipped.get(), "{} compared, {} skipped", compared.get(), skipped.get());
}

/// What a step of plain descent at rate 1 takes away is the gradient of all that the trainer was asked to minimise: the
/// examples' losses by their weights, on targets that are spread over the classes, and the penalties, which act on
/// weights alone. Layer normalisation stays in each example, so that theirs can be added up.
#[test]
fn a_step_goes_down_everything_that_was_asked_for() {
    let activations = prop::sample::select(&[Activation::Tanh, Activation::Relu, Activation::Gelu][..]);
    let case = (1..=5usize, 1..=6usize, activations, any::<bool>(), 1..=8usize, any::<u64>());
    let config = ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() };
    let compared = Cell::new(0);
    let outcome = TestRunner::new(config).run(&case, |(inputs, width, g, normalised, examples, seed)| {
        let mut items = vec![Dense(width), LayerNorm, Function(g), Dense(3), Function(Activation::Softmax)];
        if !normalised {
            items.remove(1);
        }
        let network = build(inputs, &items, seed);
        let mut rng = Rng::stream(seed, 3000);
        let x = normals(examples, inputs, &mut rng);
        let labels: Vec<u32> = (0..examples).map(|_| rng.below(3) as u32).collect();
        let counts: Vec<f32> = (0..examples).map(|_| rng.below(4) as f32 * 0.7).collect();
        let (l1, l2, share) = (0.03f32, 0.2f32, 0.15f32);

        let data = Dataset::from_classes(x.clone(), labels.clone(), ["a", "b", "c"]).unwrap();
        let penalty = Penalty::default().l1(l1).l2(l2);
        let trainer = Trainer::new(Loss::CrossEntropy, Sgd::new(1.0)).penalty(penalty).label_smoothing(share);
        let trainer = trainer.weights(Weights::Examples(&counts)).schedule(Schedule::Constant);
        let mut after = network.clone();
        trainer.epochs(1).batch_size(examples).fit(&mut after, &data).unwrap();
        let flat = |network: &Network| network.parameters().flatten().copied().collect::<Vec<f32>>();
        let taken: Vec<f32> = flat(&network).iter().zip(flat(&after)).map(|(before, after)| before - after).collect();

        let layers = copy(inputs, &items, &network);
        let mut truth = vec![Some(0.0); taken.len()];
        let mut gain = 1.0f64;
        for ((x, &label), &count) in double(&x).into_iter().zip(&labels).zip(&counts) {
            let spread = f64::from(share) / 3.0;
            let y: Vec<f64> =
                (0..3).map(|j| if j == label { 1.0 - f64::from(share) + spread } else { spread }).collect();
            let (x, y) = (vec![x], vec![y]);
            let (_, _, corners) = oracle::run(&layers, Loss::CrossEntropy, &x, &y);
            if corners.nearest < 1e-3 || corners.gain > 10.0 {
                return Ok(());
            }
            gain = gain.max(corners.gain);
            let part = f64::from(count) / examples as f64;
            for (sum, g) in truth.iter_mut().zip(oracle::gradient(&layers, Loss::CrossEntropy, &x, &y)) {
                *sum = sum.zip(g).map(|(sum, g)| sum + part * g);
            }
        }
        // The penalties' own slope, by differences too.
        let is_weight = network.layers().iter().flat_map(|layer| layer.parameters());
        let is_weight = is_weight.flat_map(|(name, values)| vec![name == "weights"; values.len()]);
        for ((sum, w), is_weight) in truth.iter_mut().zip(flat(&network)).zip(is_weight) {
            let (w, h) = (f64::from(w), 1e-5);
            let of = |w: f64| f64::from(l1) * w.abs() + f64::from(l2) / 2.0 * w * w;
            *sum = match is_weight {
                true => sum.filter(|_| w.abs() > h).map(|sum| sum + (of(w + h) - of(w - h)) / (2.0 * h)),
                false => *sum,
            };
        }
        compared.set(compared.get() + 1);
        agree(&taken, &truth, 1.0, gain).map(|_| ()).map_err(TestCaseError::fail)
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
    assert!(compared.get() >= 100, "{} compared", compared.get());
}

/// Chance leaves out nothing: every loss after every activation that it is defined for, in the output and in a
/// hidden layer.
#[test]
fn every_pair_of_activation_and_loss() {
    let (mut compared, mut refused) = (0, 0);
    for loss in LOSSES {
        for g in ACTIVATIONS {
            let small = build(2, &[Dense(3), Function(g)], 1);
            assert_eq!(Workspace::new(&small, loss, 0).is_ok(), suits(loss, g), "{loss} after {g}");
            let mut networks = Vec::new();
            if suits(loss, g) {
                networks.push(vec![Dense(4), Function(g)]);
                networks.push(vec![Dense(5), Function(Activation::Tanh), Dense(3), Function(g)]);
            } else {
                refused += 1;
            }
            let last = if suits(loss, Activation::Identity) { Activation::Identity } else { Activation::Sigmoid };
            networks.push(vec![Function(g), Dense(6), Function(g), Dense(3), Function(last)]);
            for items in networks {
                // Some seeds may lie near a corner, not all.
                let cases = (0..6).map(|seed| Case { inputs: 3, items: items.clone(), loss, examples: 4, seed });
                let count = cases.map(|c| check(&c).unwrap_or_else(|e| panic!("{c:?}: {e}"))).filter(|&c| c).count();
                assert!(count > 0, "{items:?} with {loss}: nothing compared");
                compared += count;
            }
        }
    }
    // Of 16 activations, the two losses of probabilities take 3 and the two of logits 1.
    assert_eq!(refused, 2 * 13 + 2 * 15);
    assert!(compared > 1000, "{compared}");
}

/// The network x → z = W·x with x = 1, so that the logits are the weights.
fn logits(z: &[f32], then: Activation) -> Network {
    let dense = palmnet::Dense::new(Matrix::from_rows(&[z]), vec![0.0; z.len()]);
    Network::from_layers(1, vec![Layer::Dense(dense), Layer::Activation(then)]).unwrap()
}

#[test]
fn extreme_logits() {
    use Activation::{Identity, Sigmoid, Softmax};
    // Logits, target, loss, gradient. At these distances the exact values round to these integers: the loss is
    // Σ y (largest z - z) over classes, or max(z, 0) - y z; the gradient is that of a step from 0 to 1.
    type Example = (&'static [f32], &'static [f32], f64, &'static [f32]);
    let classes: [Example; 4] = [
        (&[800.0, -800.0, 0.0], &[0.0, 1.0, 0.0], 1600.0, &[1.0, -1.0, 0.0]),
        (&[800.0, -800.0, 0.0], &[1.0, 0.0, 0.0], 0.0, &[0.0, 0.0, 0.0]),
        (&[-800.0, -800.0, 800.0], &[0.25, 0.5, 0.25], 1200.0, &[-0.25, -0.5, 0.75]),
        (&[800.0, 800.0, -800.0], &[0.0, 0.0, 1.0], 1600.0 + std::f64::consts::LN_2, &[0.5, 0.5, -1.0]),
    ];
    // Means are over the two outputs.
    let each: [Example; 3] = [
        (&[800.0, -800.0], &[1.0, 0.0], 0.0, &[0.0, 0.0]),
        (&[800.0, -800.0], &[0.0, 1.0], 800.0, &[0.5, -0.5]),
        (&[800.0, -800.0], &[0.5, 0.5], 400.0, &[0.25, -0.25]),
    ];
    let forms = [
        (&classes[..], [(Loss::CrossEntropy, Softmax), (Loss::CrossEntropyLogits, Identity)]),
        (&each[..], [(Loss::BinaryCrossEntropy, Sigmoid), (Loss::BinaryCrossEntropyLogits, Identity)]),
    ];
    for (examples, forms) in forms {
        for &(z, y, value, gradient) in examples {
            for (loss, last) in forms {
                let network = logits(z, last);
                let (x, y) = (Matrix::filled(1, 1, 1.0), Matrix::from_rows(&[y]));
                let mut workspace = Workspace::new(&network, loss, 0).unwrap();
                workspace.forward(&network, &x);
                let got = workspace.backward(&network, &x, &y);
                assert!((got - value).abs() <= 1e-6 * value, "{loss} of {z:?}: {got}");
                // The gradient by the weights is that by the logits, and so is that by the bias.
                assert_eq!(workspace.gradient(), [gradient, gradient].concat(), "{loss} of {z:?}");
            }
        }
    }
}

/// Where loss and last activation are not computed together, a probability that is all but nothing must not stop
/// the learning: of -ln sigmoid(z) at z = -40, value and slope are 40 and -1 to the last bit.
#[test]
fn hopeless_probability_still_learns() {
    let network = logits(&[-40.0], Activation::Sigmoid);
    let one = Matrix::filled(1, 1, 1.0);
    let mut workspace = Workspace::new(&network, Loss::CrossEntropy, 0).unwrap();
    workspace.forward(&network, &one);
    let loss = workspace.backward(&network, &one, &one);
    assert!((loss - 40.0).abs() < 1e-4, "{loss}");
    workspace.gradient().iter().for_each(|g| assert!((g + 1.0).abs() < 1e-5, "{g}"));
}

#[test]
fn extremes_stay_finite() {
    for loss in LOSSES {
        for g in ACTIVATIONS.into_iter().filter(|&g| suits(loss, g)) {
            for y in [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], [0.5; 4]] {
                let network = logits(&[800.0, -800.0, 0.0, 80.0], g);
                let (x, y) = (Matrix::filled(1, 1, 1.0), Matrix::from_rows(&[y]));
                let mut workspace = Workspace::new(&network, loss, 0).unwrap();
                workspace.forward(&network, &x);
                let value = workspace.backward(&network, &x, &y);
                let gradient = workspace.gradient();
                assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{loss} of {g}: {gradient:?}");
            }
        }
    }
}

/// What dropout multiplied each entry of the hidden layer by in its first pass, read off a network that puts out
/// the hidden layer as it is. The same seed and shape have the same mask.
fn mask(inputs: usize, width: usize, rate: f32, x: &Matrix, seed: u64) -> Vec<Vec<f64>> {
    let network = dropout_network(inputs, &[Dense(width), Function(Activation::Sigmoid)], rate, &[], 5);
    let mut workspace = Workspace::new(&network, Loss::MeanSquaredError, seed).unwrap();
    let (dropped, whole) = (workspace.forward(&network, x), network.predict(x));
    let ratio = dropped.as_slice().iter().zip(whole.as_slice()).map(|(d, w)| f64::from(d / w)).collect::<Vec<_>>();
    let kept = 1.0 / (1.0 - f64::from(rate));
    for factor in &ratio {
        assert!(*factor == 0.0 || (factor / kept - 1.0).abs() < 1e-6, "dropout multiplied by {factor}");
    }
    ratio.chunks(width).map(|row| row.iter().map(|&f| if f == 0.0 { 0.0 } else { kept }).collect()).collect()
}

fn dropout_network(inputs: usize, before: &[Item], rate: f32, after: &[Item], seed: u64) -> Network {
    let mut layers = build(inputs, before, seed).layers().to_vec();
    layers.push(Layer::Dropout(palmnet::Dropout::new(rate).unwrap()));
    let width = layers.iter().fold(inputs, |width, layer| layer.outputs(width));
    if !after.is_empty() {
        layers.extend(build(width, after, seed + 1).layers().to_vec());
    }
    Network::from_layers(inputs, layers).unwrap()
}

#[test]
fn dropout_drops_the_same_entries_backward() {
    for (seed, rate) in [(1, 0.5), (2, 0.2), (3, 0.8), (4, 0.35)] {
        let (inputs, width, examples) = (4, 9, 8);
        let before = [Dense(width), Function(Activation::Tanh)];
        let after = [Dense(5), Function(Activation::Silu), Dense(3), Function(Activation::Softmax)];
        let network = dropout_network(inputs, &before, rate, &after, seed);
        let mut rng = Rng::new(seed);
        let x = normals(examples, inputs, &mut rng);
        let y = targets(Loss::CrossEntropy, examples, 3, &mut rng);

        let mask = mask(inputs, width, rate, &x, seed);
        let dropped = mask.iter().flatten().filter(|&&f| f == 0.0).count();
        assert!(dropped > 0 && dropped < width * examples, "{dropped} dropped");
        let mut layers = copy(inputs, &[&before[..], &after[..]].concat(), &network);
        layers.insert(before.len(), oracle::Layer::Mask(mask));

        let mut workspace = Workspace::new(&network, Loss::CrossEntropy, seed).unwrap();
        workspace.forward(&network, &x);
        let loss = workspace.backward(&network, &x, &y);
        let (x, y) = (double(&x), double(&y));
        let (outputs, value, _) = oracle::run(&layers, Loss::CrossEntropy, &x, &y);
        assert!((loss - value).abs() < 1e-5 * value, "loss {loss} for {value}");
        let slope = oracle::slope(Loss::CrossEntropy, &outputs, &y);
        let truth = oracle::gradient(&layers, Loss::CrossEntropy, &x, &y);
        assert_eq!(agree(workspace.gradient(), &truth, slope, 1.0), Ok(truth.len()));
    }
}

#[test]
fn dropout_keeps_the_expectation() {
    let rate = 0.3;
    let network = dropout_network(3, &[Dense(7), Function(Activation::Sigmoid)], rate, &[], 9);
    let x = normals(2, 3, &mut Rng::new(9));
    let whole = network.predict(&x);
    let mut workspace = Workspace::new(&network, Loss::MeanSquaredError, 9).unwrap();
    let passes = 20_000;
    let mut sum = [0.0; 14];
    let mut pairs = 0;
    for _ in 0..passes {
        let output = workspace.forward(&network, &x).as_slice();
        sum.iter_mut().zip(output).for_each(|(s, &o)| *s += f64::from(o));
        pairs += usize::from(output[0] == 0.0 && output[8] == 0.0);
    }
    // An entry's factor has variance rate / (1 - rate); five standard deviations of the mean of all passes.
    let bound = 5.0 * (f64::from(rate) / (1.0 - f64::from(rate)) / f64::from(passes)).sqrt();
    for (s, &w) in sum.iter().zip(whole.as_slice()) {
        let ratio = s / f64::from(passes) / f64::from(w);
        assert!((ratio - 1.0).abs() < bound, "the mean is {ratio} times the whole");
    }
    // Two entries are dropped independently: together in rate² of the passes.
    let both = pairs as f64 / f64::from(passes);
    assert!((both - 0.09).abs() < 0.01, "{both}");
}

#[test]
fn deep_gradients_neither_vanish_nor_explode() {
    for seed in 0..10 {
        let builder = (1..20).fold(Network::builder(32), |builder, _| builder.dense(32, Activation::Relu));
        let network = builder.dense(32, Activation::Identity).seed(seed).build().unwrap();
        let mut rng = Rng::stream(seed, 7);
        let (x, y) = (normals(64, 32, &mut rng), normals(64, 32, &mut rng));
        let mut workspace = Workspace::new(&network, Loss::MeanSquaredError, 0).unwrap();
        workspace.forward(&network, &x);
        workspace.backward(&network, &x, &y);
        let norm = |values: &[f32]| values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let layers: Vec<&[f32]> = workspace.gradient().chunks(32 * 32 + 32).collect();
        assert_eq!(layers.len(), 20);
        // The weights' gradient has the layer's input as a factor, which may shrink as much one way as the error does
        // the other way; the bias's gradient is the error alone.
        for (what, part) in [("weights", 0..32 * 32), ("bias", 32 * 32..32 * 33)] {
            let ratio = norm(&layers[0][part.clone()]) / norm(&layers[19][part]);
            assert!((0.05..=20.0).contains(&ratio), "seed {seed}: {what} of the first layer: {ratio} of the last's");
        }
    }
}

/// Near zero, and where a tail dies away, a function's error is small beside the function, not beside 1.
#[test]
fn small_values_are_accurate() {
    use Activation::*;
    let mut corners = oracle::Corners::default();
    let mut truth = |g, z: f64| oracle::apply(g, &[z], &mut corners)[0];
    let near = (0..60).map(|k| 1e-6 * 1.25f32.powi(k)).take_while(|&z| z < 0.9).flat_map(|z| [z, -z]);
    let near = near.collect::<Vec<_>>();
    let tail = (1..40).map(|k| -0.25 * k as f32).collect::<Vec<_>>();
    let mut compare = |g: Activation, z: f32| {
        let (mut a, mut slope) = ([z], [1.0]);
        g.forward(&mut a, 1);
        g.backward(&[if g.reads_output() { a[0] } else { z }], &mut slope, 1);
        let step = 1e-4 * f64::from(z.abs());
        let value = truth(g, f64::from(z));
        let difference = (truth(g, f64::from(z) + step) - truth(g, f64::from(z) - step)) / (2.0 * step);
        for (got, truth) in [(a[0], value), (slope[0], difference)] {
            assert!(within(f64::from(got), truth, 1e-5 * truth.abs()), "{g} at {z}: {got} for {truth}");
        }
    };
    for g in ACTIVATIONS.into_iter().filter(|&g| g != Softmax) {
        near.iter().for_each(|&z| compare(g, z));
    }
    for g in [Sigmoid, Softplus] {
        tail.iter().for_each(|&z| compare(g, z));
    }
}

/// The second network's own special function, against tables.
#[test]
fn erfc_of_the_oracle() {
    for (x, truth) in [
        (0.0, 1.0),
        (0.5, 0.479_500_122_186_953_5),
        (-1.0, 1.842_700_792_949_715),
        (2.0, 4.677_734_981_047_266e-3),
        (3.0, 2.209_049_699_858_544e-5),
        (10.0, 2.088_487_583_762_545e-45),
    ] {
        let got = oracle::erfc(x);
        assert!((got - truth).abs() <= 1e-12 * truth, "erfc {x} is {got:e}");
    }
}
