//! Training: the trainer's promises, update rules, regularization, checkpoints, and problems that must be learned.

mod checkpoints;
mod ensembles;
mod errors;
mod labels;
mod lbfgs;
mod learning;
mod observer;
mod online;
mod optimizer;
mod optimizer_state;
mod random;
mod rate_finder;
mod regularization;
mod restarts;
mod seeds;
mod settings;
#[path = "../support/mod.rs"]
mod support;
mod targets;
mod tuning;
mod validation;

use palmnet::Activation::*;
use palmnet::{Dataset, History, Network};

fn finite(network: &Network) -> bool {
    network.parameters().flatten().all(|weight| weight.is_finite())
}

/// The loss of a network on data in double precision, by the textbook: the cross-entropy of softmax outputs.
fn cross_entropy(network: &Network, data: &Dataset) -> f64 {
    let outputs = network.predict(&data.to_matrix());
    let rows = outputs.iter_rows().zip(data.labels().unwrap());
    rows.map(|(p, &label)| -f64::from(p[label as usize]).ln()).sum::<f64>() / data.len() as f64
}

fn classifier(seed: u64) -> Network {
    Network::builder(2).dense(16, Relu).dense(2, Softmax).seed(seed).build().unwrap()
}

fn losses(history: &History) -> Vec<u64> {
    history.epochs.iter().map(|epoch| epoch.train_loss.to_bits()).collect()
}
