//! Checkpoints: wherever a training is interrupted, it resumes and ends with the same bits.

mod claims;
mod errors;
mod resume;
mod schedule;

use std::path::Path;

use palmnet::Activation::*;
use palmnet::nn::NetworkBuilder;
use palmnet::optim::Rule;
use palmnet::unversioned::Safetensors;
use palmnet::{Checkpoints, Dataset, History, Loss, Network, Penalty, Run, Schedule, Trainer, generate};

use crate::support::network_bits;

/// A history without its times.
fn facts(history: &History) -> String {
    let epochs = history.epochs.iter().map(|epoch| {
        // `{:?}` of a float identifies its bits.
        let (train_loss, validation_loss) = (epoch.train_loss, epoch.validation_loss);
        format!("{} {train_loss:?} {validation_loss:?} {:?}", epoch.epoch, epoch.learning_rate)
    });
    format!("{}, best {}", epochs.collect::<Vec<_>>().join(", "), history.best_epoch)
}

/// Whether there is a checkpoint with content: a training claims its file by one without.
fn has_content(path: &Path) -> bool {
    Safetensors::read(path).is_ok_and(|file| !file.metadata.contains_key("claim"))
}

fn data() -> Dataset {
    generate::moons(60, 0.3, 1)
}

fn builder() -> NetworkBuilder {
    Network::builder(2).dense(7, Tanh).dropout(0.2).dense(2, Softmax).seed(5)
}

/// A network with running means, and with random numbers in every step.
fn normalized() -> NetworkBuilder {
    let builder = Network::builder(2).noise(0.1).dense(7, Identity).batch_norm().activation(Tanh);
    builder.dropout(0.2).dense(2, Softmax).seed(5)
}

/// Every setting is used, so that every one must be kept: at most 8 epochs of 3 mini-batches.
fn trainer(rule: Rule) -> Trainer {
    let penalty = Penalty::default().l1(0.001).l2(0.001).weight_decay(0.01);
    let trainer = Trainer::new(Loss::CrossEntropy, rule).penalty(penalty).clip_value(0.2).epochs(8).batch_size(20);
    let plateau = Schedule::Plateau { patience: 0, factor: 0.5 };
    trainer.schedule(plateau).warmup(0.3).validation(0.2).early_stopping(3).seed(3)
}

fn undisturbed(trainer: Trainer) -> (Network, History) {
    let mut network = builder().build().unwrap();
    let history = trainer.fit(&mut network, &data()).unwrap();
    (network, history)
}

#[track_caller]
fn resumes(trainer: Trainer, path: &Path, expected: &(Network, History), what: &str) {
    let mut network = builder().build().unwrap();
    let mut run = Run::default().checkpoints(Checkpoints::new(path).resume());
    let history = trainer.fit_with(&mut network, &data(), &mut run).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(network_bits(&network), network_bits(&expected.0), "{what}");
    assert_eq!(facts(&history), facts(&expected.1), "{what}");
    assert!(history.epochs.is_sorted_by_key(|epoch| epoch.seconds), "{what}");
}
