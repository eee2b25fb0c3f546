//! The search for a learning rate.

use palmnet::Activation::*;
use palmnet::compute::set_threads;
use palmnet::optim::{Lbfgs, Rprop, Rule};
use palmnet::{Adam, Dataset, Error, Loss, Matrix, Network, Schedule, Sgd, Trainer, generate};

use crate::support::{scaled_digits, thread_count_lock};

/// The mean of (w x - y)² for x = ±1 and y = 0 is w², and a step at rate r multiplies w by 1 - 2 r.
#[test]
fn rate_finder_curve_matches_hand_computation() {
    let data = Dataset::from_values(Matrix::from_rows(&[[1.0], [-1.0]]), Matrix::from_rows(&[[0.0], [0.0]])).unwrap();
    let mut network = Network::builder(1).dense(1, Identity).build().unwrap();
    network.parameters_mut().next().unwrap()[0] = 3.0;
    let found = Trainer::new(Loss::MeanSquaredError, Sgd::new(0.1)).find_rate(&network, &data).unwrap();
    let mut w = 3.0;
    for (i, &(rate, loss)) in found.curve.iter().enumerate() {
        assert!((f64::from(rate) / (1e-6 * 10f64.powf(0.07 * i as f64)) - 1.0).abs() < 1e-6);
        w *= 1.0 - 2.0 * f64::from(rate);
        assert!((loss - w * w).abs() < 1e-4 * w * w + 1e-12, "{loss} for {}", w * w);
    }
    // Π (1 - 2 r)² is first below 0.05 at r = 10^(-6 + 0.07 · 72) = 0.1096: half of that.
    assert_eq!(found.rate, Some(0.055));
}

#[test]
fn rate_finder_is_nearly_as_good_as_a_grid() {
    let data = scaled_digits(1797);
    let rules: [fn(f32) -> Rule; 3] =
        [|rate| Sgd::new(rate).into(), |rate| Sgd::new(rate).momentum(0.9).into(), |rate| Adam::new(rate).into()];
    for rule in rules {
        let network = Network::builder(64).dense(32, Relu).dense(10, Softmax).seed(1).build().unwrap();
        let trainer = |rate| Trainer::new(Loss::CrossEntropy, rule(rate)).epochs(5).schedule(Schedule::Constant);
        // The rule's own learning rate does not matter.
        let found = trainer(0.5).find_rate(&network, &data).unwrap();
        assert_eq!(trainer(1e-5).find_rate(&network, &data).unwrap(), found);
        let rate = found.rate.unwrap();
        let loss =
            |rate| trainer(rate).fit(&mut network.clone(), &data).map_or(f64::INFINITY, |history| history.train_loss());
        let best =
            [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0].map(loss).into_iter().fold(f64::INFINITY, f64::min);
        assert!(loss(rate) < 2.5 * best, "{} at {rate}, and {best}", loss(rate));
    }
}

#[test]
fn rate_finder_depends_on_the_seed_alone() {
    let _lock = thread_count_lock();
    let data = scaled_digits(1797);
    let network = Network::builder(64).dense(120, Relu).dropout(0.2).dense(10, Softmax).seed(1).build().unwrap();
    let find = |seed, threads| {
        set_threads(threads);
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.1)).seed(seed).batch_size(100);
        trainer.epochs(seed as usize).find_rate(&network, &data).unwrap()
    };
    let before = network.clone();
    let one = find(1, 1);
    for threads in [2, 3, 7] {
        assert_eq!(find(1, threads), one);
    }
    set_threads(0);
    assert_ne!(find(2, 0).curve, one.curve);
    assert_eq!(network, before);
}

#[test]
fn rate_finder_without_a_rate() {
    let xor = generate::xor();
    let network = || Network::builder(2).dense(4, Tanh).dense(1, Sigmoid).build().unwrap();
    // Four examples and batches of more: every step has all of them.
    let trainer = |rule: Rule| Trainer::new(Loss::BinaryCrossEntropy, rule).batch_size(64);
    let found = trainer(Adam::new(0.1).into()).find_rate(&network(), &xor).unwrap();
    assert!(found.rate.is_some() && found.curve.len() > 50, "{found:?}");
    assert!(trainer(Adam::new(0.1).into()).batch_size(3).find_rate(&network(), &xor).unwrap().rate.is_some());
    // If nothing can be learned, no rate is found.
    let dead = Network::builder(2)
        .dense_with(palmnet::nn::Dense::units(4, Relu).init(palmnet::nn::Init::Constant(-1.0)))
        .dense(1, Sigmoid)
        .build()
        .unwrap();
    assert_eq!(trainer(Sgd::new(0.1).into()).find_rate(&dead, &xor).unwrap().rate, None);
    for rule in [Rule::from(Rprop::new(0.1)), Lbfgs::default().into()] {
        let Err(Error::Setting(message)) = trainer(rule).find_rate(&network(), &xor) else { panic!("{rule:?}") };
        assert!(message.contains("no learning rate"), "{message}");
    }
    assert!(trainer(Adam::new(0.1).into()).batch_size(0).find_rate(&network(), &xor).is_err());
    let huge = Dataset::from_values(Matrix::from_rows(&[[1e30]]), Matrix::from_rows(&[[0.0]])).unwrap();
    let line = Network::builder(1).dense(1, Identity).build().unwrap();
    let Err(Error::Diverged(found)) = Trainer::new(Loss::MeanSquaredError, Sgd::new(0.1)).find_rate(&line, &huge)
    else {
        panic!("no loss is finite")
    };
    assert!(found.message.contains("before the first step"), "{}", found.message);
}
