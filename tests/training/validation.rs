//! Validation data, early stopping and evaluation.

use std::cell::RefCell;
use std::ops::ControlFlow::Continue;

use palmnet::Activation::*;
use palmnet::compute::Rng;
use palmnet::{Adam, Dataset, Event, Loss, Network, Run, Sgd, Trainer, generate};

use super::{classifier, cross_entropy};
use crate::support::{network_bits, random_labels};

#[test]
fn validation_data_is_measured_but_not_trained_on() {
    let (train, held_out) = (generate::moons(200, 0.2, 1), generate::moons(70, 0.2, 2));
    let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).seed(4).epochs(5);
    let fit = |mut run: Run<'_>| {
        let mut network = classifier(3);
        let history = trainer.fit_with(&mut network, &train, &mut run).unwrap();
        (network, history)
    };
    let (network, history) = fit(Run::default().validation_data(&held_out));
    let measured = history.epochs[4].validation_loss.unwrap();
    assert!((measured / cross_entropy(&network, &held_out) - 1.0).abs() < 1e-5, "{measured}");
    let (without, plain) = fit(Run::default());
    assert_eq!(network_bits(&network), network_bits(&without));
    assert!(plain.epochs.iter().all(|epoch| epoch.validation_loss.is_none()));
}

/// The held-out part has no influence on the weights.
#[test]
fn validation_fraction_is_held_out() {
    let data = generate::moons(200, 0.2, 1);
    let seen = RefCell::new(0);
    let fit = |data: &Dataset, fraction| {
        let mut network = classifier(3);
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).seed(4).epochs(3).batch_size(1);
        let mut run = Run::default().observe(|event| {
            if let Event::Batch { batches, .. } = event {
                *seen.borrow_mut() = batches;
            }
            Continue(())
        });
        let history = trainer.validation(fraction).fit_with(&mut network, data, &mut run).unwrap();
        (network_bits(&network), history)
    };
    let (weights, history) = fit(&data, 0.25);
    assert_eq!(*seen.borrow(), 150);
    assert!(history.epochs.iter().all(|epoch| epoch.validation_loss.is_some_and(|loss| loss > 0.0)));
    // Moving a held-out example leaves the weights unchanged.
    let held_back = (0..40).filter(|&i| {
        let mut x = data.to_matrix();
        x.row_mut(i)[0] += 1.0;
        let changed = Dataset::new(x, data.targets().clone(), data.schema().clone()).unwrap();
        let (other, changed) = fit(&changed, 0.25);
        assert_ne!(history.epochs[0].validation_loss, changed.epochs[0].validation_loss, "{i}");
        other == weights
    });
    // 10 of 40 on average, with a standard deviation of 2.5.
    let count = held_back.count();
    assert!((2..=20).contains(&count), "{count} of 40");
    let (_, history) = fit(&data, 0.0);
    assert!(history.epochs[0].validation_loss.is_none());
    // At least one example is left to train on.
    fit(&data, 0.9999);
    assert_eq!(*seen.borrow(), 1);
    fit(&data.select(&[0]), 0.9);
    assert_eq!(*seen.borrow(), 1);
}

#[test]
fn early_stopping_restores_the_best_epoch() {
    let mut rng = Rng::new(5);
    let (train, held_out) = (random_labels(60, &mut rng), random_labels(60, &mut rng));
    for patience in [1, 4, 10] {
        let mut network = Network::builder(2).dense(40, Tanh).dense(2, Softmax).seed(6).build().unwrap();
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.02)).early_stopping(patience).epochs(500).seed(7);
        let mut run = Run::default().validation_data(&held_out);
        let history = trainer.fit_with(&mut network, &train, &mut run).unwrap();
        let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.validation_loss.unwrap()).collect();
        let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
        assert_eq!(history.best_epoch, best + 1);
        assert_eq!(losses.len(), best + 1 + patience);
        let now = cross_entropy(&network, &held_out);
        assert!((now / losses[best] - 1.0).abs() < 1e-5, "{now} is not {}", losses[best]);
        assert!((now / losses[losses.len() - 1] - 1.0).abs() > 1e-5, "the last epoch is the best");
    }
}

#[test]
fn without_early_stopping_the_last_epoch_is_kept() {
    let data = generate::moons(100, 0.3, 1);
    let fit = |trainer: Trainer| trainer.epochs(30).validation(0.2).fit(&mut classifier(1), &data).unwrap();
    let history = fit(Trainer::new(Loss::CrossEntropy, Adam::new(0.3)));
    assert_eq!((history.epochs.len(), history.best_epoch), (30, 30));
}

#[test]
fn early_stopping_without_validation_uses_the_training_loss() {
    let data = generate::moons(100, 0.3, 1);
    let fit = |trainer: Trainer| trainer.epochs(300).fit(&mut classifier(1), &data).unwrap();
    let history = fit(Trainer::new(Loss::CrossEntropy, Sgd::new(5.0)).early_stopping(3));
    let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.train_loss).collect();
    assert!(losses.iter().all(|&loss| loss >= losses[history.best_epoch - 1]));
    assert_eq!(losses.len(), history.best_epoch + 3);
}

#[test]
fn dropout_is_inactive_in_prediction_and_validation() {
    let data = generate::moons(100, 0.1, 1);
    let network = |rate| Network::builder(2).dense(32, Tanh).dropout(rate).dense(2, Softmax).seed(1).build().unwrap();
    let x = data.to_matrix();
    assert_eq!(network(0.9).predict(&x), network(0.0).predict(&x));
    let fit = |rate| {
        let mut network = network(rate);
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(1);
        let mut run = Run::default().validation_data(&data);
        let history = trainer.fit_with(&mut network, &data, &mut run).unwrap();
        (network, history)
    };
    let ((with, history), (without, _)) = (fit(0.9), fit(0.0));
    assert_ne!(network_bits(&with), network_bits(&without));
    assert_eq!(with.predict(&x), with.predict(&x));
    // Validation uses the network without dropout.
    let measured = history.epochs[0].validation_loss.unwrap();
    assert!((measured / cross_entropy(&with, &data) - 1.0).abs() < 1e-5);
}

/// Logits of classes are evaluated as the probabilities that they stand for.
#[test]
fn logit_losses_train_and_evaluate_like_probability_losses() {
    let data = generate::moons(300, 0.2, 1);
    for (outputs, fused, last, plain) in [
        (2, Loss::CrossEntropyLogits, Softmax, Loss::CrossEntropy),
        (1, Loss::BinaryCrossEntropyLogits, Sigmoid, Loss::BinaryCrossEntropy),
    ] {
        let fit = |loss, last| {
            let mut network = Network::builder(2).dense(16, Relu).dense(outputs, last).seed(2).build().unwrap();
            // The default initialization depends on the activation: both get the same weights.
            let start = Network::builder(2).dense(16, Relu).dense(outputs, Identity).seed(2).build().unwrap();
            network.parameters_mut().zip(start.parameters()).for_each(|(to, from)| to.copy_from_slice(from));
            Trainer::new(loss, Adam::new(0.01)).epochs(30).fit(&mut network, &data).unwrap();
            network
        };
        let (logits, probabilities) = (fit(fused, Identity), fit(plain, last));
        assert_eq!(network_bits(&logits), network_bits(&probabilities));
        let (a, b) = (logits.evaluate(&data).unwrap(), probabilities.evaluate(&data).unwrap());
        assert_eq!(a, b);
        assert!(a.accuracy() > Some(0.85), "{:?}", a.accuracy());
    }
}
