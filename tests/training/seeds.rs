//! A seed determines a training, whatever the number of threads.

use palmnet::Activation::*;
use palmnet::compute::{Rng, set_threads};
use palmnet::data::Scaler;
use palmnet::nn::{Dense, Init, Piecewise, Role};
use palmnet::optim::{Optimizer, Rule};
use palmnet::train::ExampleWeights;
use palmnet::{Adam, Dataset, Loss, Matrix, Network, Sgd, Trainer, Workspace, generate};

use super::{classifier, losses};
use crate::support::{matrix_bits, network_bits, scaled_digits, thread_count_lock};

#[test]
fn seed_determines_weights_and_losses() {
    let data = generate::moons(150, 0.2, 1);
    let fit = |seed| {
        let builder = Network::builder(2).dense(16, Gelu).dropout(0.3).dense(16, Relu).dropout(0.1).dense(1, Sigmoid);
        let mut network = builder.seed(5).build().unwrap();
        let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.01)).epochs(8).validation(0.2).seed(seed);
        let history = trainer.early_stopping(5).fit(&mut network, &data).unwrap();
        (network_bits(&network), losses(&history))
    };
    let first = fit(1);
    assert_eq!(first, fit(1));
    let other = fit(2);
    assert!(first.0 != other.0 && first.1 != other.1);
}

/// The seed of the shuffling alone: another order of the examples, other weights.
#[test]
fn seed_determines_the_order_of_examples() {
    let data = generate::moons(64, 0.2, 1);
    let fit = |seed, batch| {
        let mut network = classifier(1);
        let trainer = Trainer::new(Loss::CrossEntropy, Sgd::new(0.1)).epochs(2).seed(seed).batch_size(batch);
        trainer.fit(&mut network, &data).unwrap();
        network.predict(&data.to_matrix())
    };
    assert_ne!(fit(1, 8), fit(2, 8));
    // The sum over a whole epoch depends on the order by rounding only.
    let difference = &fit(1, 64) - &fit(2, 64);
    assert!(difference.as_slice().iter().all(|d| d.abs() < 1e-5), "{difference:?}");
}

#[test]
fn byte_features_train_like_float_features() {
    let digits = generate::digits();
    let (mut bytes, scaler) = (digits.select(&(0..500).collect::<Vec<_>>()), Scaler::divide_by(64, 16.0));
    assert!(bytes.features().is_bytes());
    let mut floats = Dataset::new(bytes.to_matrix(), bytes.targets().clone(), bytes.schema().clone()).unwrap();
    bytes.scale(&scaler);
    floats.scale(&scaler);
    assert!(bytes.features().is_bytes());
    assert!(!floats.features().is_bytes());
    let fit = |data: &Dataset| {
        let mut network = Network::builder(64).dense(32, Relu).dense(10, Softmax).seed(1).build().unwrap();
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.003)).epochs(3).validation(0.1);
        let history = trainer.fit(&mut network, data).unwrap();
        (network_bits(&network), losses(&history))
    };
    assert_eq!(fit(&bytes), fit(&floats));
}

/// Every bit of the weights before training, of every loss and of the weights after it.
fn train(seed: u64, dropout_seed: u64, rule: Rule) -> Vec<u64> {
    let mut rng = Rng::new(99);
    let x = Matrix::from_fn(24, 6, |_, _| rng.normal() as f32);
    let y = Matrix::from_fn(24, 3, |i, j| f32::from(i % 3 == j));
    let builder = Network::builder(6)
        .dense(16, Relu)
        .dropout(0.4)
        .dense_with(Dense::units(12, Tanh).bias_init(Init::Uniform(-0.1, 0.1)));
    let mut network = builder.dropout(0.2).dense(3, Softmax).seed(seed).build().unwrap();
    let mut workspace = Workspace::new(&network, dropout_seed);
    let mut optimizer = Optimizer::new(rule, &network);
    let bits = |network: &Network| network_bits(network).into_iter().map(u64::from);
    let mut all: Vec<u64> = bits(&network).collect();
    for _ in 0..20 {
        all.push(workspace.step(&mut network, Loss::CrossEntropy, &x, &y).unwrap().to_bits());
        optimizer.step(&mut network, workspace.gradient());
    }
    all.extend(bits(&network));
    all
}

#[test]
fn seed_determines_the_bits_of_a_custom_loop() {
    for rule in [Rule::from(Adam::new(0.01)), Sgd::new(0.1).momentum(0.9).nesterov().into()] {
        let first = train(1, 2, rule);
        assert_eq!(first, train(1, 2, rule));
        let other_weights = train(3, 2, rule);
        assert_ne!(first[..6 * 16], other_weights[..6 * 16]);
        // Another dropout alone: the same start, other losses.
        let other_dropout = train(1, 4, rule);
        assert_eq!(first[..6 * 16], other_dropout[..6 * 16]);
        assert_ne!(first, other_dropout);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Normalized,
    Members,
}

/// The bits of training, evaluation and large products, which must not depend on the number of threads.
fn shared_work(rule: Rule, seed: u64, kind: Kind) -> Vec<u64> {
    let data = scaled_digits(500);
    let builder = match kind {
        Kind::Plain => Network::builder(64).dense(120, Relu).dropout(0.2).dense(130, Tanh).dense(10, Softmax),
        Kind::Normalized => {
            let builder = Network::builder(64).noise(0.1).dense(120, Identity).batch_norm().activation(Relu);
            builder.dense(130, Tanh).layer_norm().dropout(0.1).dense(50, Identity).batch_norm().dense(10, Softmax)
        }
        Kind::Members => {
            let columns = (0..64).map(|i| (i % 3 > 0).then(|| vec![-0.5, 0.0, i as f32]));
            let encoding = Piecewise::new(columns.collect()).unwrap();
            let outputs = encoding.outputs();
            let roles =
                (0..outputs).map(|i| if i < 64 { Role::Kept } else { Role::Group((i as u32 - 64) / 2) }).collect();
            let builder = Network::builder(64)
                .piecewise(encoding)
                .embedding(roles, vec![0.5; outputs], 3)
                .batch_norm()
                .dropout(0.1)
                .members(5);
            builder.dense(70, Identity).adapter().activation(Relu).dropout(0.2).dense(40, Tanh).heads(10, Softmax)
        }
    };
    let mut network = builder.seed(seed).build().unwrap();
    // 450 examples in batches of 100: the last one is smaller, and no block is as large as another.
    let trainer = Trainer::new(Loss::CrossEntropy, rule).epochs(3).batch_size(100).seed(seed);
    let mut trainer = trainer.validation(0.1).early_stopping(1);
    if kind == Kind::Normalized {
        trainer = trainer.clip_norm(0.5).max_norm(2.0).label_smoothing(0.1).example_weights(ExampleWeights::Balanced);
    }
    let history = trainer.fit(&mut network, &data).unwrap();
    let losses = history.epochs.iter().flat_map(|epoch| [epoch.train_loss, epoch.validation_loss.unwrap()]);
    let mut bits: Vec<u64> = losses.map(f64::to_bits).collect();
    bits.extend(network_bits(&network).into_iter().map(u64::from));
    let outputs = network.predict_dataset(&generate::digits()).unwrap();
    bits.extend(matrix_bits(&outputs).into_iter().map(u64::from));
    bits
}

#[test]
fn thread_count_does_not_change_bits() {
    let _lock = thread_count_lock();
    let mut rng = Rng::new(5);
    let (a, b) =
        (Matrix::from_fn(1300, 260, |_, _| rng.normal() as f32), Matrix::from_fn(260, 260, |_, _| rng.normal() as f32));
    let rules = [Rule::from(Sgd::new(0.1)), Adam::new(0.003).into()];
    let all = |threads| {
        set_threads(threads);
        let kinds = [Kind::Plain, Kind::Normalized, Kind::Members];
        (rules.map(|rule| kinds.map(|kind| shared_work(rule, 7, kind))), a.matmul(&b))
    };
    let one = all(1);
    // More than once each, because the assignment of work to threads varies.
    for threads in [2, 3, 7, 2, 3, 7] {
        assert_eq!(all(threads), one, "{threads} threads");
    }
    set_threads(0);
}

/// A trainer's own number of threads does not change the bits, and is no part of a checkpoint's identity.
#[test]
fn trainers_own_thread_count_does_not_change_bits() {
    let data = scaled_digits(450);
    let fit = |threads| {
        let mut network =
            Network::builder(64).dense(120, Relu).dropout(0.2).dense(10, Softmax).seed(1).build().unwrap();
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(2).batch_size(100).threads(threads);
        trainer.validation(0.1).fit(&mut network, &data).unwrap();
        network_bits(&network)
    };
    let expected = fit(1);
    for threads in [0, 2, 5] {
        assert_eq!(fit(threads), expected, "{threads} threads");
    }
}
