//! Models: their files, from JSON up, their predictions and their metrics.

mod atomic;
mod calibration;
mod damaged;
mod explanations;
mod json;
mod metrics;
#[cfg(feature = "import")]
mod onnx;
mod pictures;
mod predictions;
mod probability_metrics;
mod round_trip;
mod safetensors;
#[path = "../support/mod.rs"]
mod support;

use palmnet::Activation::*;
use palmnet::compute::Rng;
use palmnet::data::{Column, ColumnKind, NumberForm, Scaler, Schema, TargetSchema};
use palmnet::nn::{Piecewise, Role};
use palmnet::{Matrix, Model, Network, Preprocessing};

use crate::support::strings;

const EVERY_ACTIVATION: [palmnet::Activation; 14] = [
    Identity,
    Relu,
    LeakyRelu(0.01),
    LeakyRelu(0.123_456_79),
    Elu(1.0),
    Elu(0.333_333_34),
    Selu,
    Sigmoid,
    Tanh,
    Softplus,
    Silu,
    Gelu,
    HardSigmoid,
    Softmax,
];

/// The same model, for a network that was trained on scaled targets.
fn with_target_scaler(model: Model, scaler: Scaler) -> palmnet::Result<Model> {
    let preprocessing = Preprocessing::new(model.preprocessing().features().clone(), Some(scaler));
    Model::new(model.network().clone(), preprocessing, model.schema().clone())
}

fn random(rows: usize, columns: usize, seed: u64) -> Matrix {
    let mut rng = Rng::new(seed);
    Matrix::from_fn(rows, columns, |_, _| rng.normal() as f32)
}

/// A network with every kind of layer and every activation, after a dense layer and by itself.
fn everything() -> Network {
    let mut builder = Network::builder(5).batch_norm().noise(0.5).dropout(0.25).layer_norm();
    for activation in EVERY_ACTIVATION {
        builder = builder.dense(7, activation).batch_norm().dropout(0.123_456_79).activation(activation);
    }
    builder.dense(3, Softmax).seed(1).build().unwrap()
}

/// Every kind of layer that an ensemble has besides.
fn members() -> Network {
    let encoding = Piecewise::new(vec![Some(vec![-1.0, -0.123_456_79, 0.5, 2.0]), None, Some(Vec::new())]).unwrap();
    let roles = [0, -1, 1, -4, -2, 0].map(|role| match role {
        -1 => Role::Kept,
        -2 => Role::Dropped,
        -4 => Role::Frozen(1),
        group => Role::Group(group as u32),
    });
    let builder = Network::builder(3)
        .piecewise(encoding)
        .embedding(roles.to_vec(), vec![0.5; 6], 3)
        .members(5)
        .dense(7, Identity)
        .adapter()
        .activation(Relu);
    builder.dropout(0.1).dense(4, Tanh).heads(2, Softmax).seed(1).build().unwrap()
}

const ODD_NAMES: [&str; 8] = [
    "",
    "a \"quoted\" name",
    "comma, and\ttab",
    "line\nend",
    "größe 身長",
    "🦀\u{7f}\u{1b}[2J",
    "__metadata__",
    "\\u0041\\\u{0}",
];

fn classes(names: &[&str]) -> TargetSchema {
    TargetSchema::Classes { name: "the \"class\",\n🦀".into(), classes: strings(names) }
}

fn labels(names: &[&str], classes: &[[&str; 2]]) -> TargetSchema {
    TargetSchema::Labels { names: strings(names), classes: classes.iter().map(|pair| pair.map(String::from)).collect() }
}

/// A model that takes two numbers and a category of three, all with odd names.
fn odd_model(outputs: usize, output: TargetSchema) -> Model {
    let columns = vec![
        Column::new(ODD_NAMES[1], ColumnKind::Number(NumberForm::default())),
        Column::new(ODD_NAMES[3], ColumnKind::Categories(strings(&ODD_NAMES[4..7]))),
        Column::new(ODD_NAMES[5], ColumnKind::Number(NumberForm::default())),
    ];
    let positions = match output.names().len() {
        1 => vec![1],
        _ => vec![4, 0],
    };
    let schema = Schema::from_parts(columns, output, positions).unwrap();
    let network = Network::builder(5).dense(4, Elu(0.7)).dropout(0.5).dense(outputs, Identity).seed(3).build().unwrap();
    let scaler = Scaler::from_parts(vec![0.1, -3.0, 0.0, 1e-30, 1e30], vec![1.0, 1e-30, 1e30, -2.0, 0.3]).unwrap();
    let mut model = Model::new(network, scaler, schema).unwrap();
    for name in ODD_NAMES {
        model.notes.insert(name.into(), format!("{name}{name}"));
    }
    model
}
