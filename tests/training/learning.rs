//! Problems that networks must learn. These are the slowest tests: `.ci/arm` leaves them out on 32 bits.

use palmnet::Activation::*;
use palmnet::data::{Scaler, Targets};
use palmnet::{Adam, Dataset, Loss, Network, Sgd, Target, Trainer, generate};

use crate::support::emulated;

/// This many seeds; one where an emulator runs the tests, which takes a hundred times as long.
fn seeds(count: u64) -> std::ops::Range<u64> {
    0..if emulated() { 1 } else { count }
}

/// Accuracy on the held-out part.
fn accuracy(network: &Network, data: &Dataset) -> f64 {
    network.evaluate(data).unwrap().accuracy().unwrap()
}

fn standardized(data: Dataset, fraction: f64, seed: u64) -> (Dataset, Dataset) {
    let (mut train, mut test) = data.split(fraction, seed);
    let scaler = Scaler::standard(train.features());
    train.scale(&scaler);
    test.scale(&scaler);
    (train, test)
}

/// Gradients neither vanish nor explode on their way through twenty layers.
#[test]
fn deep_network_learns_spirals() {
    for seed in seeds(4) {
        let (train, test) = standardized(generate::spirals(1000, 0.0, seed), 0.8, seed);
        let builder = (0..20).fold(Network::builder(2), |builder, _| builder.dense(32, Relu));
        let mut network = builder.dense(1, Sigmoid).seed(seed).build().unwrap();
        let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.001)).epochs(100).batch_size(32).seed(seed);
        let history = trainer.fit(&mut network, &train).unwrap();
        let found = accuracy(&network, &test);
        assert!(found >= 0.95, "seed {seed}: {found}, loss {}", history.train_loss());
    }
}

#[test]
fn network_learns_spirals() {
    let mut all = Vec::new();
    for seed in seeds(10) {
        let (train, test) = standardized(generate::spirals(1000, 0.0, seed), 0.8, seed);
        let builder = Network::builder(2).dense(50, Relu).dense(50, Relu).dense(50, Relu).dense(1, Sigmoid);
        let mut network = builder.seed(seed).build().unwrap();
        let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.003)).epochs(100).batch_size(32).seed(seed);
        trainer.fit(&mut network, &train).unwrap();
        all.push(accuracy(&network, &test));
    }
    assert!(all.iter().all(|&found| found >= 0.98), "{all:?}");
}

/// a, b → a + b, a - b, |a - b| with 47 parameters, for which half of all starts fail.
#[test]
fn network_learns_sums() {
    let mut all = Vec::new();
    for seed in seeds(10) {
        let (mut train, mut test) = standardized(generate::sums(10_000, seed), 0.7, seed);
        let Targets::Values(values) = train.targets() else { panic!("sums are values") };
        let scaler = Scaler::standard(values);
        train.scale_targets(&scaler);
        test.scale_targets(&scaler);
        let builder = Network::builder(2).dense(4, Relu).dense(4, Relu).dense(3, Identity).seed(seed);
        let trainer = Trainer::new(Loss::MeanSquaredError, Adam::new(0.01)).epochs(40).batch_size(64).seed(seed);
        let (network, _) = trainer.fit_best_of(8, &builder, &train).unwrap();
        assert_eq!(network.parameter_count(), 47);
        let outputs = network.predict_dataset(&test).unwrap();
        let Targets::Values(truth) = test.targets() else { panic!("sums are values") };
        let norm = |(p, y): (&[f32], &[f32])| {
            let half_squares = p.iter().zip(y).map(|(p, y)| 0.5 * f64::from(p - y).powi(2));
            half_squares.map(|half| half * half).sum::<f64>().sqrt()
        };
        all.push(outputs.iter_rows().zip(truth.iter_rows()).map(norm).sum::<f64>() / test.len() as f64);
    }
    // One start in ten may be unlucky even with a choice of eight.
    let bad = all.iter().filter(|&&metric| metric >= 0.01).count();
    assert!(bad <= all.len() / 10, "{all:?}");
}

#[test]
fn single_neuron_learns_a_line() {
    for seed in seeds(10) {
        let data = generate::linear(100, seed);
        let mut network = Network::builder(2).dense(1, Sigmoid).seed(seed).build().unwrap();
        let rule = Sgd::new(1.0).momentum(0.9);
        let trainer = Trainer::new(Loss::MeanSquaredError, rule).epochs(1000).batch_size(10).seed(seed);
        trainer.fit(&mut network, &data).unwrap();
        let found = accuracy(&network, &data);
        assert!(found >= 0.98, "seed {seed}: {found}");
    }
}

/// The two half moons of a file, 2-25-50-50-25-1: 97 of the 100 held-out points at least, as the write-up that the
/// problem comes from reached; the noise allows 97.1 % of all points there are.
#[test]
fn network_learns_moons() {
    let file = |name: &str| format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut train = Dataset::from_csv(file("moons_train.csv"), Target::Last).unwrap();
    let mut test = Dataset::from_csv(file("moons_test.csv"), Target::Last).unwrap();
    let scaler = Scaler::standard(train.features());
    let mut fresh = generate::moons(10_000, 0.2, 99);
    [&mut train, &mut test, &mut fresh].into_iter().for_each(|part| part.scale(&scaler));
    for seed in seeds(5) {
        let layers = Network::builder(2).dense(25, Relu).dense(50, Relu).dense(50, Relu).dense(25, Relu);
        let mut network = layers.dense(1, Sigmoid).seed(seed).build().unwrap();
        let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.003)).epochs(40).seed(seed);
        trainer.fit(&mut network, &train).unwrap();
        let found = [accuracy(&network, &test), accuracy(&network, &fresh)];
        assert!(found[0] >= 0.97 && found[1] >= 0.955, "seed {seed}: {found:?}");
    }
}

/// Inside or outside of a circle with three sigmoid units, whose soft edges leave corners.
#[test]
fn network_learns_circles() {
    for seed in seeds(5) {
        let (train, test) = generate::circles(1000, 0.0, seed).split(0.8, seed);
        let builder = Network::builder(2).dense(3, Sigmoid).dense(2, Sigmoid).seed(seed);
        let rule = Sgd::new(0.5).momentum(0.9);
        let trainer = Trainer::new(Loss::MeanSquaredError, rule).epochs(200).batch_size(10).seed(seed);
        let (network, _) = trainer.fit_best_of(5, &builder, &train).unwrap();
        let found = accuracy(&network, &test);
        assert!(found >= 0.93, "seed {seed}: {found}");
    }
}

#[test]
fn network_learns_xor() {
    for seed in seeds(10) {
        let data = generate::xor();
        let builder = Network::builder(2).dense(4, Tanh).dense(1, Sigmoid).seed(seed);
        let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.05)).epochs(800).batch_size(4).seed(seed);
        let (network, _) = trainer.fit_best_of(5, &builder, &data).unwrap();
        assert_eq!(accuracy(&network, &data), 1.0, "seed {seed}");
        let p = network.predict(&data.to_matrix());
        assert!(p[(0, 0)] < 0.1 && p[(1, 0)] > 0.9 && p[(2, 0)] > 0.9 && p[(3, 0)] < 0.1, "seed {seed}: {p:?}");
    }
}

/// MNIST, if `PALMNET_MNIST` names its folder.
#[test]
fn network_learns_mnist() {
    let Some(folder) = std::env::var_os("PALMNET_MNIST") else {
        return eprintln!(
            "MNIST is absent, and not tested: set PALMNET_MNIST to the folder that holds its four IDX files"
        );
    };
    let (mut train, mut test) = Dataset::from_idx_folder(&folder).unwrap();
    let scaler = Scaler::divide_by(784, 255.0);
    train.scale(&scaler);
    test.scale(&scaler);
    let (mut epochs, mut least) = (10, 0.978);
    if emulated() {
        eprintln!("MNIST is scaled down in an emulator: three epochs of 5,000 images, the rest is not tested");
        train = train.select(&(0..5000).collect::<Vec<_>>());
        (epochs, least) = (3, 0.9);
    }
    let mut network = Network::builder(784).dense(128, Relu).dense(128, Relu).dense(10, Softmax).build().unwrap();
    Trainer::new(Loss::CrossEntropy, Adam::new(0.001)).epochs(epochs).batch_size(64).fit(&mut network, &train).unwrap();
    let found = accuracy(&network, &test);
    assert!(found >= least, "{found}");
}
