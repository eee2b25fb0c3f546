//! L-BFGS: the minima that it finds, and trainings with it.

use std::cell::RefCell;
use std::ops::ControlFlow::{Break, Continue};

use palmnet::Activation::*;
use palmnet::compute::{Rng, set_threads};
use palmnet::data::Scaler;
use palmnet::optim::{Lbfgs, Optimizer};
use palmnet::{Adam, Dataset, Error, Event, Loss, Matrix, Network, Penalty, Run, Trainer, generate};

use crate::support::{all_close, flat, network_bits, random_labels, scaled_digits, thread_count_lock};

/// 40 examples of three features.
fn features() -> Matrix {
    let (factors, rests) = ([7, 5, 3], [11, 13, 7]);
    Matrix::from_fn(40, 3, |i, j| (i * factors[j] % rests[j]) as f32 / rests[j] as f32 - 0.5)
}

fn trainer(loss: Loss) -> Trainer {
    Trainer::new(loss, Lbfgs::default()).epochs(200)
}

/// The line through (0, 1), (1, 3), (2, 4), (3, 8): Σ(x - x̄)(y - ȳ) / Σ(x - x̄)² = 11 / 5, and 4 - 1.5 · 2.2 = 0.7.
#[test]
fn line_through_four_points() {
    // Once, and often enough that they go through the network in several chunks.
    for copies in [1, 700] {
        let x = Matrix::from_fn(4 * copies, 1, |i, _| (i % 4) as f32);
        let y = Matrix::from_fn(4 * copies, 1, |i, _| [1.0, 3.0, 4.0, 8.0][i % 4]);
        let data = Dataset::from_values(x, y).unwrap();
        let mut network = Network::builder(1).dense(1, Identity).seed(1).build().unwrap();
        let history = trainer(Loss::MeanSquaredError).fit(&mut network, &data).unwrap();
        all_close(&flat(&network), &[2.2, 0.7], 1e-5);
        // (0.3² + 0.1² + 1.1² + 0.7²) / 4.
        assert!((history.train_loss() - 0.45).abs() < 1e-6, "{}", history.train_loss());
        assert!(history.epochs.len() < 20, "{} iterations", history.epochs.len());
    }
}

/// The solutions of (XᵀX / n + λ) W = XᵀY / n, the bias without λ, by NumPy's `linalg.solve` in double precision.
#[test]
fn least_squares_matches_numpy() {
    let y =
        Matrix::from_fn(40, 2, |i, j| if j == 0 { (i * i % 17) as f32 / 17.0 } else { (i * i * i % 19) as f32 / 19.0 });
    let data = Dataset::from_values(features(), y).unwrap();
    let plain = [-0.06104178, 0.04189189, -0.09737893, 0.15634512, -0.00786499, 0.10950352, 0.44798255, 0.4682774];
    let penalized = [-0.03201961, 0.02686652, -0.04718218, 0.07306451, -0.00389563, 0.04955206, 0.451949, 0.45943056];
    for (l2, truth, loss) in [(0.0, plain, 0.09721620023), (0.1, penalized, 0.09785481966)] {
        // Copies of all examples do not change the mean.
        for copies in [1, 20] {
            let data = data.select(&(0..40 * copies).map(|row| row % 40).collect::<Vec<_>>());
            let mut network = Network::builder(3).dense(2, Identity).seed(1).build().unwrap();
            let trainer = trainer(Loss::MeanSquaredError).penalty(Penalty::default().l2(l2));
            let history = trainer.fit(&mut network, &data).unwrap();
            all_close(&flat(&network), &truth, 1e-5);
            // The loss of the data alone.
            assert!((history.train_loss() - loss).abs() < 1e-6, "{} for {loss}", history.train_loss());
        }
    }
}

/// The minimum of the mean cross-entropy + 0.005 Σ w², the bias without it, by Newton's method in NumPy, in double
/// precision, down to a gradient of 10⁻¹⁷.
#[test]
fn logistic_regression_matches_numpy() {
    let labels = (0..40).map(|i| u32::from(i * i % 5 > 1)).collect();
    let data = Dataset::from_classes(features(), labels, ["a", "b"]).unwrap();
    let mut network = Network::builder(3).dense(1, Sigmoid).seed(1).build().unwrap();
    let trainer = trainer(Loss::BinaryCrossEntropy).penalty(Penalty::default().l2(0.01));
    let history = trainer.fit(&mut network, &data).unwrap();
    all_close(&flat(&network), &[-0.6831451, 0.8003108, 0.22088939, -0.38670881], 3e-5);
    assert!((history.train_loss() - 0.6518554904867352).abs() < 1e-6, "{}", history.train_loss());
}

/// In as many passes over few examples, Adam gets nowhere near, whatever its batches.
#[test]
fn lbfgs_beats_adam_on_sums() {
    let mut data = generate::sums(100, 1);
    data.scale(&Scaler::standard(data.features()));
    data.scale_targets(&Scaler::standard(data.values().unwrap()));
    for seed in 0..3 {
        let builder = Network::builder(2).dense(8, Relu).dense(8, Relu).dense(3, Identity).seed(seed);
        let fit = |trainer: Trainer| trainer.fit(&mut builder.build().unwrap(), &data).unwrap().train_loss();
        let lbfgs = fit(trainer(Loss::MeanSquaredError));
        for batch in [20, 100] {
            // An iteration takes little more than one pass.
            let adam = Trainer::new(Loss::MeanSquaredError, Adam::new(0.01)).epochs(250).batch_size(batch);
            let adam = fit(adam);
            assert!(lbfgs < 3e-5 && lbfgs < 0.2 * adam, "{lbfgs}, and {adam} in batches of {batch}");
        }
    }
}

/// Any number of threads gives the same bits, for data that goes through the network in two chunks.
#[test]
fn thread_count_does_not_change_bits() {
    let _lock = thread_count_lock();
    let data = scaled_digits(1797);
    let fit = |threads| {
        set_threads(threads);
        let mut network = Network::builder(64).dense(60, Relu).dense(10, Softmax).seed(2).build().unwrap();
        let trainer = trainer(Loss::CrossEntropy).epochs(12).validation(0.1).penalty(Penalty::default().l2(1e-4));
        let history = trainer.fit(&mut network, &data).unwrap();
        let losses = history.epochs.iter().flat_map(|epoch| [epoch.train_loss, epoch.validation_loss.unwrap()]);
        let losses: Vec<u64> = losses.map(f64::to_bits).collect();
        (losses, network_bits(&network))
    };
    let one = fit(1);
    for threads in [2, 3, 7] {
        assert!(fit(threads) == one, "{threads} threads");
    }
    set_threads(0);
}

#[test]
fn loss_falls_in_every_iteration_and_is_reported() {
    let data = generate::moons(200, 0.2, 1);
    let events = RefCell::new(Vec::new());
    let mut network = Network::builder(2).dense(8, Tanh).dense(2, Softmax).seed(1).build().unwrap();
    let mut run = Run::default().observe(|event| {
        events.borrow_mut().push(match event {
            Event::Batch { epoch, batch, batches, mean_loss: loss, .. } => (epoch, Some((batch, batches)), loss),
            Event::Epoch { record, network, .. } => {
                // The loss is that of the current weights.
                let outputs = network.predict(&data.to_matrix());
                let of_row = |(p, &label): (&[f32], &u32)| -f64::from(p[label as usize]).ln();
                let rows = outputs.iter_rows().zip(data.labels().unwrap());
                let loss = rows.map(of_row).sum::<f64>() / 200.0;
                assert!((loss - record.train_loss).abs() < 1e-6, "{loss} for {record:?}");
                assert!(record.learning_rate > 0.0);
                (record.epoch, None, record.train_loss)
            }
            _ => return Continue(()),
        });
        Continue(())
    });
    let history = trainer(Loss::CrossEntropy).epochs(30).fit_with(&mut network, &data, &mut run).unwrap();
    drop(run);
    assert_eq!((history.epochs.len(), history.best_epoch), (30, 30));
    assert!(history.epochs.windows(2).all(|pair| pair[1].train_loss < pair[0].train_loss));
    let expected = history
        .epochs
        .iter()
        .flat_map(|epoch| [(epoch.epoch, Some((1, 1)), epoch.train_loss), (epoch.epoch, None, epoch.train_loss)]);
    assert_eq!(events.into_inner(), expected.collect::<Vec<_>>());
}

#[test]
fn lbfgs_stops_when_converged() {
    let data = generate::moons(100, 0.1, 1);
    let fit = |rule: Lbfgs, network: &mut Network| {
        Trainer::new(Loss::CrossEntropy, rule).epochs(1000).fit(network, &data).unwrap().epochs.len()
    };
    let start = || Network::builder(2).dense(8, Tanh).dense(2, Softmax).seed(1).build().unwrap();
    let (mut network, mut other) = (start(), start());
    let exact = fit(Lbfgs::default(), &mut network);
    assert!(exact < 500, "{exact}");
    assert!(fit(Lbfgs::default().tolerance(1e-2, 0.0), &mut other) < exact);
    assert!(fit(Lbfgs::default().tolerance(0.0, 0.1), &mut start()) < exact);
    // Once converged, another iteration changes nothing.
    let before = flat(&network);
    assert_eq!(fit(Lbfgs::default(), &mut network), 1);
    assert_eq!(flat(&network), before);
}

/// Where the slope jumps, the last search finds no step and restores the weights.
#[test]
fn failed_line_search_restores_the_weights() {
    let data = Dataset::from_values(Matrix::from_rows(&[[1.0], [2.0]]), Matrix::from_rows(&[[0.3], [0.7]])).unwrap();
    let mut network = Network::builder(1).dense(1, Identity).seed(1).build().unwrap();
    let history = trainer(Loss::MeanAbsoluteError).fit(&mut network, &data).unwrap();
    let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.train_loss).collect();
    assert!(losses.len() < 200 && history.epochs.last().unwrap().learning_rate == 0.0, "{history:?}");
    let [weight, bias] = flat(&network)[..] else { panic!("two parameters") };
    let loss = f64::from(((weight + bias - 0.3).abs() + (2.0 * weight + bias - 0.7).abs()) / 2.0);
    assert!((loss - losses.last().unwrap()).abs() < 1e-7, "{loss} after {losses:?}");
}

#[test]
fn early_stopping_restores_the_best_iteration() {
    let mut rng = Rng::new(5);
    let (train, held_out) = (random_labels(60, &mut rng), random_labels(60, &mut rng));
    let start = || Network::builder(2).dense(20, Tanh).dense(2, Softmax).seed(6).build().unwrap();
    let mut network = start();
    let patient = trainer(Loss::CrossEntropy).early_stopping(5);
    let mut run = Run::default().validation_data(&held_out);
    let history = patient.fit_with(&mut network, &train, &mut run).unwrap();
    let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.validation_loss.unwrap()).collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
    assert_eq!((history.best_epoch, losses.len()), (best + 1, best + 6));
    let mut same = start();
    trainer(Loss::CrossEntropy).epochs(best + 1).fit(&mut same, &train).unwrap();
    assert_eq!(flat(&network), flat(&same));
}

#[test]
fn observer_ends_a_training_with_lbfgs() {
    let train = random_labels(60, &mut Rng::new(5));
    let start = || Network::builder(2).dense(20, Tanh).dense(2, Softmax).seed(6).build().unwrap();
    let mut stop = Run::default().observe(|event| match event {
        Event::Epoch { record, .. } if record.epoch == 7 => Break(()),
        _ => Continue(()),
    });
    let epochs =
        |run: &mut Run<'_>| trainer(Loss::CrossEntropy).fit_with(&mut start(), &train, run).unwrap().epochs.len();
    assert_eq!(epochs(&mut stop), 7);
    assert_eq!(epochs(&mut Run::default().observe(|_| Break(()))), 0);
}

#[test]
fn restarts_train_with_lbfgs() {
    let train = random_labels(60, &mut Rng::new(5));
    let builder = Network::builder(2).dense(3, Relu).dense(2, Softmax);
    let (_, history) = trainer(Loss::CrossEntropy).epochs(20).fit_best_of(4, &builder, &train).unwrap();
    assert!(history.train_loss() < 0.7);
}

/// A memory for more steps than there are is one for all of them.
#[test]
fn memory_may_be_of_any_size() {
    let train = random_labels(60, &mut Rng::new(5));
    let fit = |memory: usize| {
        let mut network = Network::builder(2).dense(6, Tanh).dense(2, Softmax).seed(6).build().unwrap();
        let rule = Lbfgs::default().memory(memory).tolerance(0.0, 0.0);
        Trainer::new(Loss::CrossEntropy, rule).epochs(25).fit(&mut network, &train).unwrap();
        flat(&network)
    };
    let all = fit(25);
    assert_eq!(fit(usize::MAX), all);
    assert_eq!(fit(usize::MAX / 2 + 1), all);
    assert_ne!(fit(2), all);
}

#[test]
fn unsupported_settings_are_refused() {
    let data = generate::moons(50, 0.1, 1);
    let start = || Network::builder(2).dense(4, Tanh).dense(2, Softmax).build().unwrap();
    let refused = |trainer: Trainer, mut network: Network, part: &str| {
        let before = flat(&network);
        match trainer.fit(&mut network, &data) {
            Err(Error::Setting(message)) => assert!(message.contains(part), "{message:?} lacks {part:?}"),
            other => panic!("{other:?} for {part}"),
        }
        assert_eq!(flat(&network), before);
    };
    let trainer = || trainer(Loss::CrossEntropy);
    refused(trainer().penalty(Penalty::default().l1(0.1)), start(), "L1");
    refused(trainer().penalty(Penalty::default().weight_decay(0.1)), start(), "weight decay");
    refused(trainer().clip_value(1.0), start(), "clipping");
    refused(trainer().warmup(0.1), start(), "warm-up");
    let dropout = Network::builder(2).dense(4, Tanh).dropout(0.1).dense(2, Softmax);
    refused(trainer(), dropout.build().unwrap(), "dropout");
    refused(Trainer::new(Loss::CrossEntropy, Lbfgs::default().memory(0)), start(), "memory");
    refused(Trainer::new(Loss::CrossEntropy, Lbfgs::default().tolerance(-1.0, 0.0)), start(), "tolerance");
    refused(Trainer::new(Loss::CrossEntropy, Lbfgs::default().tolerance(0.0, f32::NAN)), start(), "tolerance");
    let noise = Network::builder(2).noise(0.1).dense(4, Tanh).dense(2, Softmax);
    refused(trainer(), noise.build().unwrap(), "noise");
    let norm = Network::builder(2).dense(4, Tanh).batch_norm().dense(2, Softmax);
    refused(trainer(), norm.build().unwrap(), "batches");
    refused(trainer().clip_norm(1.0), start(), "clipping");
    refused(trainer().max_norm(1.0), start(), "max-norm");
    // Layer normalization and frozen layers are supported.
    let norm = Network::builder(2).dense(6, Identity).layer_norm().activation(Tanh).dense(2, Softmax).build().unwrap();
    let mut tuned = norm.clone();
    trainer().penalty(Penalty::default().l2(0.001)).freeze(1).fit(&mut tuned, &data).unwrap();
    assert_eq!(tuned.layers()[..3], norm.layers()[..3]);
    assert_ne!(tuned.layers()[3], norm.layers()[3]);
    // Dropout at rate 0 is no dropout.
    let dropout = Network::builder(2).dense(4, Tanh).dropout(0.0).dense(2, Softmax);
    trainer().fit(&mut dropout.build().unwrap(), &data).unwrap();
}

#[test]
fn overflow_is_divergence() {
    let of =
        |x: f32| Dataset::from_values(Matrix::from_rows(&[[x], [1.0]]), Matrix::from_rows(&[[1.0], [2.0]])).unwrap();
    let start = || Network::builder(1).dense(1, Identity).seed(1).build().unwrap();
    for bad in [1e30, f32::MAX] {
        let mut network = start();
        match trainer(Loss::MeanSquaredError).fit(&mut network, &of(bad)) {
            Err(Error::Diverged(found)) => {
                assert_eq!((found.epoch, found.batch), (1, 1));
                assert!(found.message.contains("extreme values"), "{}", found.message);
            }
            other => panic!("{other:?} for {bad}"),
        }
        assert_eq!(flat(&network), flat(&start()));
    }
    // A loss that is finite at the start stays finite.
    let mut network = start();
    let history = trainer(Loss::MeanSquaredError).fit(&mut network, &of(1e15)).unwrap();
    assert!(history.train_loss().is_finite() && flat(&network).iter().all(|weight| weight.is_finite()));
}

#[test]
#[should_panic(expected = "use a Trainer")]
fn single_step_panics() {
    Optimizer::new(Lbfgs::default(), &Network::builder(1).dense(1, Identity).build().unwrap());
}
