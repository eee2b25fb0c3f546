//! Gradients against central differences of a second network.

mod dropout;
mod extremes;
mod members;
mod networks;
mod oracle;
#[path = "../support/mod.rs"]
mod support;

use palmnet::compute::Rng;
use palmnet::nn::Init;
use palmnet::{Activation, Loss, Matrix, Network};

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

/// Whether a network of several outputs that ends in `output` may be trained on `loss`.
fn suits(loss: Loss, output: Activation) -> bool {
    use Activation::*;
    match loss {
        Loss::BinaryCrossEntropy => matches!(output, Sigmoid | HardSigmoid | Softmax),
        Loss::CrossEntropy => output == Softmax,
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
        Dense(outputs) => {
            builder.dense_with(palmnet::nn::Dense::units(outputs, Activation::Identity).bias_init(Init::Normal(0.3)))
        }
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
