//! The best of several starts.

use std::ops::ControlFlow::Continue;

use palmnet::Activation::*;
use palmnet::{Adam, Error, History, Loss, Network, Run, Sgd, Trainer, generate};

use super::{finite, losses};
use crate::support::{network_bits, says};

#[test]
fn restarts_keep_the_best_start() {
    let data = generate::moons(200, 0.2, 1);
    let builder = Network::builder(2).dense(3, Relu).dense(2, Softmax).seed(8);
    let trainer = || Trainer::new(Loss::CrossEntropy, Adam::new(0.02)).epochs(20).seed(9);
    let fit = |starts| {
        let mut events = 0;
        let mut run = Run::default().observe(|_| {
            events += 1;
            Continue(())
        });
        let (network, history) = trainer().fit_best_of_with(starts, &builder, &data, &mut run).unwrap();
        drop(run);
        (network, history, events)
    };
    let mut plain = builder.build().unwrap();
    let history = trainer().fit(&mut plain, &data).unwrap();
    let (network, of_one, events) = fit(1);
    assert_eq!(network_bits(&network), network_bits(&plain));
    assert_eq!(losses(&of_one), losses(&history));
    assert_eq!(events, 20 * 8);

    let (network, history, events) = fit(6);
    let (again, history_again, _) = fit(6);
    assert_eq!(network_bits(&network), network_bits(&again));
    assert_eq!(losses(&history), losses(&history_again));
    assert!(finite(&network) && history.train_loss().is_finite());
    // The observer gets the events of the final training only.
    assert_eq!((history.epochs.len(), events), (20, 20 * 8));
    assert_ne!(network_bits(&network), network_bits(&plain));
    // The first start is the builder's own: more starts are no worse where the choice is made.
    let first = |history: &History| history.epochs[0].train_loss;
    assert!(first(&history) < first(&of_one));
}

#[test]
#[should_panic(expected = "at least one start")]
fn zero_restarts_panic() {
    let builder = Network::builder(2).dense(2, Softmax);
    let _ = Trainer::new(Loss::CrossEntropy, Adam::default()).fit_best_of(0, &builder, &generate::xor());
}

#[test]
fn restarts_that_all_diverge_are_an_error() {
    let data = generate::sums(100, 1);
    let builder = Network::builder(2).dense(8, Relu).dense(3, Identity);
    let trainer = Trainer::new(Loss::MeanSquaredError, Sgd::new(1e30)).epochs(20);
    assert!(matches!(trainer.fit_best_of(4, &builder, &data), Err(Error::Diverged(_))));
    let builder = Network::builder(2).dense(8, LeakyRelu(-1.0)).dense(3, Identity);
    says(trainer.fit_best_of(4, &builder, &data), &["leaky_relu"]);
}
