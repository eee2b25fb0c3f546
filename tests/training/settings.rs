//! Networks, data and settings that do not fit each other.

use palmnet::Activation::*;
use palmnet::nn::NetworkBuilder;
use palmnet::optim::Lbfgs;
use palmnet::{Adam, Dataset, History, Loss, Matrix, Network, Run, Schedule, Sgd, Trainer, generate};

use crate::support::{network_bits, says};

fn moons() -> Dataset {
    generate::moons(20, 0.1, 1)
}

fn sums() -> Dataset {
    generate::sums(20, 1)
}

fn trainer() -> Trainer {
    Trainer::new(Loss::CrossEntropy, Adam::default()).epochs(1)
}

/// A network that suits the moons.
fn good() -> NetworkBuilder {
    Network::builder(2).dense(2, Softmax)
}

/// A network that is refused must not have changed.
fn fit(trainer: Trainer, network: NetworkBuilder, data: &Dataset) -> palmnet::Result<History> {
    let mut network = network.build().unwrap();
    let before = network_bits(&network);
    let result = trainer.fit(&mut network, data);
    assert_eq!(network_bits(&network), before, "a refused network has changed");
    result
}

#[test]
fn mismatched_shapes_are_refused() {
    let moons = moons();
    let sums = sums();
    let squares = || Trainer::new(Loss::MeanSquaredError, Adam::default()).epochs(1);
    says(fit(trainer(), Network::builder(3).dense(2, Softmax), &moons), &["3 inputs", "2 features"]);
    says(fit(trainer(), Network::builder(2).dense(3, Softmax), &moons), &["3 outputs", "2 classes"]);
    says(fit(squares(), Network::builder(2).dense(2, Identity), &sums), &["2 outputs", "3 target columns"]);
    says(fit(squares(), Network::builder(2).dense(1, Identity), &sums), &["1 outputs", "3 target columns"]);
    let validated = |data: &Dataset| {
        let mut network = good().build().unwrap();
        trainer().fit_with(&mut network, &moons, &mut Run::default().validation_data(data))
    };
    says(validated(&sums), &["2 outputs", "3 target columns"]);
    let narrow = Dataset::from_classes(Matrix::zeros(2, 1), vec![0, 1], ["a", "b"]).unwrap();
    says(validated(&narrow), &["2 inputs", "1 features"]);
}

#[test]
fn invalid_trainer_settings_are_refused() {
    let moons = moons();
    says(fit(trainer(), good(), &moons.select(&[])), &["no examples"]);
    says(fit(trainer().batch_size(0), good(), &moons), &["batch", "1 or more"]);
    for fraction in [1.0, -0.1, 2.0, f64::NAN] {
        says(fit(trainer().validation(fraction), good(), &moons), &["validation", "less than 1"]);
    }
    for rate in [0.0, -0.1, f32::NAN, f32::INFINITY] {
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(rate));
        says(fit(trainer, good(), &moons), &[&format!("learning rate {rate}"), "more than zero"]);
        says(fit(Trainer::new(Loss::CrossEntropy, Sgd::new(rate)), good(), &moons), &["learning rate"]);
    }
    for fraction in [-0.1, 1.1, f32::NAN] {
        says(fit(trainer().schedule(Schedule::Cooldown(fraction)), good(), &moons), &["cooldown", "from 0 to 1"]);
    }
}

#[test]
fn losses_that_do_not_suit_the_output_are_refused() {
    let moons = moons();
    let sums = sums();
    says(
        fit(trainer(), Network::builder(2).dense(2, Identity), &moons),
        &["End the network in softmax, or in identity with cross_entropy_logits"],
    );
    says(fit(trainer(), Network::builder(2).dense(2, Relu), &moons), &["cross_entropy after relu"]);
    for last in [Sigmoid, HardSigmoid] {
        // Every output would go to 1: a loss of 0, and nothing learned.
        let both =
            [&format!("cross_entropy after {last}: "), "sum to 1. End the network in softmax, or use binary_cross"];
        says(fit(trainer(), Network::builder(2).dense(2, last), &moons), &both);
    }
    let binary = Trainer::new(Loss::BinaryCrossEntropy, Adam::default());
    says(
        fit(binary, Network::builder(2).dense(2, Tanh), &moons),
        &["End the network in sigmoid, or in identity with binary"],
    );
    for (loss, last) in [
        (Loss::CrossEntropy, Sigmoid),
        (Loss::CrossEntropy, Softmax),
        (Loss::CrossEntropyLogits, Identity),
        (Loss::BinaryCrossEntropy, Softmax),
        (Loss::MeanSquaredError, Softmax),
    ] {
        let one = || Network::builder(2).dense(1, last);
        let values = Dataset::from_values(Matrix::zeros(3, 2), Matrix::filled(3, 1, 1.0)).unwrap();
        for data in [&moons, &values] {
            says(fit(Trainer::new(loss, Adam::default()), one(), data), &["one output", "End the network in sigmoid"]);
        }
    }
    let logits = Trainer::new(Loss::CrossEntropyLogits, Adam::default());
    says(fit(logits, good(), &moons), &["after softmax", "is for logits", "identity"]);
    let huber = Trainer::new(Loss::Huber(-1.0), Adam::default());
    says(fit(huber, Network::builder(2).dense(3, Identity), &sums), &["huber", "more than zero"]);
}

#[test]
fn no_epochs_are_refused_where_they_count() {
    let moons = moons();
    let none = || trainer().epochs(0);
    says(fit(none(), good(), &moons), &["epochs 0", "at least 1"]);
    says(none().fit_best_of(3, &good(), &moons), &["epochs 0", "at least 1"]);
    let lbfgs = Trainer::new(Loss::CrossEntropy, Lbfgs::default()).epochs(0);
    says(fit(lbfgs, good(), &moons), &["epochs 0", "at least 1"]);
    let mut network = good().build().unwrap();
    none().find_rate(&network, &moons).unwrap();
    none().online(&network).unwrap().partial_fit(&mut network, &moons).unwrap();
}

/// As of the command: `--patience 0` is for never.
#[test]
fn patience_of_zero_never_stops() {
    let moons = moons();
    let run = |trainer: Trainer| {
        let mut network = good().build().unwrap();
        // At this rate the loss increases again and again.
        let history = trainer.epochs(40).fit(&mut network, &moons).unwrap();
        (network_bits(&network), history.epochs.len(), history.best_epoch)
    };
    let wild = || Trainer::new(Loss::CrossEntropy, Sgd::new(30.0)).batch_size(3);
    let (bits, epochs, best) = run(wild());
    assert_eq!(run(wild().early_stopping(0)), (bits.clone(), 40, 40));
    assert_eq!((epochs, best), (40, 40));
    assert_eq!(run(wild().early_stopping(5).early_stopping(0)).0, bits);
    assert!(run(wild().early_stopping(1)).1 < 40);
}

#[test]
fn large_batches_and_empty_validation_sets_are_allowed() {
    let moons = moons();
    let mut network = good().build().unwrap();
    trainer().batch_size(usize::MAX).epochs(2).fit(&mut network, &moons).unwrap();
    let empty = moons.select(&[]);
    let mut run = Run::default().validation_data(&empty);
    trainer().early_stopping(1).fit_with(&mut network, &moons, &mut run).unwrap();
}
