//! Networks, data and settings that do not fit each other.

use palmnet::Activation::*;
use palmnet::{Adam, Dataset, Loss, Matrix, Network, NetworkBuilder, Schedule, Sgd, Trainer, generate};

use crate::support::{network_bits, says};

#[test]
fn what_does_not_fit_is_refused() {
    let moons = generate::moons(20, 0.1, 1);
    let sums = generate::sums(20, 1);
    let trainer = || Trainer::new(Loss::CrossEntropy, Adam::default()).epochs(1);
    let squares = || Trainer::new(Loss::MeanSquaredError, Adam::default()).epochs(1);
    let build = |builder: NetworkBuilder| builder.build().unwrap();
    let fit = |mut trainer: Trainer<'_>, network: NetworkBuilder, data: &Dataset| {
        let mut network = build(network);
        let before = network_bits(&network);
        let result = trainer.fit(&mut network, data);
        assert_eq!(network_bits(&network), before, "a refused network has changed");
        result
    };
    let good = || Network::builder(2).dense(2, Softmax);
    says(fit(trainer(), Network::builder(3).dense(2, Softmax), &moons), &["3 inputs", "2 features"]);
    says(fit(trainer(), Network::builder(2).dense(3, Softmax), &moons), &["3 outputs", "2 classes"]);
    says(fit(squares(), Network::builder(2).dense(2, Identity), &sums), &["2 outputs", "3 target columns"]);
    says(fit(squares(), Network::builder(2).dense(1, Identity), &sums), &["1 outputs", "3 target columns"]);
    says(fit(trainer(), good(), &moons.select(&[])), &["no examples"]);
    says(fit(trainer().batch_size(0), good(), &moons), &["batch", "1 or more"]);
    for share in [1.0, -0.1, 2.0, f64::NAN] {
        says(fit(trainer().validation(share), good(), &moons), &["validation", "less than 1"]);
    }
    says(fit(trainer().validation_data(&sums), good(), &moons), &["2 outputs", "3 target columns"]);
    let narrow = Dataset::from_classes(Matrix::zeros(2, 1), vec![0, 1], ["a", "b"]).unwrap();
    says(fit(trainer().validation_data(&narrow), good(), &moons), &["2 inputs", "1 features"]);
    for rate in [0.0, -0.1, f32::NAN, f32::INFINITY] {
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(rate));
        says(fit(trainer, good(), &moons), &[&format!("learning rate {rate}"), "more than zero"]);
        says(fit(Trainer::new(Loss::CrossEntropy, Sgd::new(rate)), good(), &moons), &["learning rate"]);
    }
    for share in [-0.1, 1.1, f32::NAN] {
        says(fit(trainer().schedule(Schedule::Cooldown(share)), good(), &moons), &["cooldown", "from 0 to 1"]);
    }
    says(fit(trainer(), Network::builder(2).dense(2, Identity), &moons), &["softmax or sigmoid", "_logits"]);
    says(fit(trainer(), Network::builder(2).dense(2, Relu), &moons), &["ends in relu"]);
    let logits = Trainer::new(Loss::CrossEntropyLogits, Adam::default());
    says(fit(logits, good(), &moons), &["is for logits", "ends in softmax", "identity"]);
    let huber = Trainer::new(Loss::Huber(-1.0), Adam::default());
    says(fit(huber, Network::builder(2).dense(3, Identity), &sums), &["huber", "more than zero"]);
    // What is allowed: no epoch at all, a batch beyond the data, no validation example.
    let history = fit(trainer().epochs(0), good(), &moons).unwrap();
    assert!(history.epochs.is_empty() && history.train_loss().is_nan() && history.best_epoch == 0);
    let mut network = build(good());
    trainer().batch_size(usize::MAX).epochs(2).fit(&mut network, &moons).unwrap();
    trainer().validation_data(&moons.select(&[])).early_stopping(1).fit(&mut network, &moons).unwrap();
}
