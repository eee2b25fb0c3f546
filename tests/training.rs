//! Training: what the trainer promises, and whether networks learn what they should.

use std::cell::RefCell;
use std::io::Write;
use std::ops::ControlFlow::{Break, Continue};

use palmnet::Activation::*;
use palmnet::{
    Adam, Dataset, Error, Event, Features, History, Loss, Matrix, Network, NetworkBuilder, Rng, Scaler, Schedule, Sgd,
    Target, Targets, Trainer, generate,
};

fn bits(network: &Network) -> Vec<u32> {
    network.parameters().flatten().map(|weight| weight.to_bits()).collect()
}

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

fn says<T>(result: palmnet::Result<T>, parts: &[&str]) {
    let message = result.err().expect("an error").to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
}

// --------------------------------------------------------------------------------------------------------- validation

#[test]
fn given_validation_data_is_measured_and_not_trained_on() {
    let (train, held_out) = (generate::moons(200, 0.2, 1), generate::moons(70, 0.2, 2));
    let fit = |trainer: Trainer<'_>| {
        let mut network = classifier(3);
        let history = trainer.epochs(5).fit(&mut network, &train).unwrap();
        (network, history)
    };
    let trainer = || Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).seed(4);
    let (network, history) = fit(trainer().validation_data(&held_out));
    let measured = history.epochs[4].validation_loss.unwrap();
    assert!((measured / cross_entropy(&network, &held_out) - 1.0).abs() < 1e-5, "{measured}");
    let (without, plain) = fit(trainer());
    assert_eq!(bits(&network), bits(&without));
    assert!(plain.epochs.iter().all(|epoch| epoch.validation_loss.is_none()));
}

/// A part that is held back has no influence: what it holds may change at will.
#[test]
fn a_share_is_held_back() {
    let data = generate::moons(200, 0.2, 1);
    let seen = RefCell::new(0);
    let fit = |data: &Dataset, share| {
        let mut network = classifier(3);
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).seed(4).epochs(3).batch_size(1);
        let mut trainer = trainer.validation(share).observe(|event| {
            if let Event::Batch { batches, .. } = event {
                *seen.borrow_mut() = batches;
            }
            Continue(())
        });
        let history = trainer.fit(&mut network, data).unwrap();
        (bits(&network), history)
    };
    let (weights, history) = fit(&data, 0.25);
    assert_eq!(*seen.borrow(), 150);
    assert!(history.epochs.iter().all(|epoch| epoch.validation_loss.is_some_and(|loss| loss > 0.0)));
    // Move one point after another: an example that was held back leaves the weights as they are.
    let held_back = (0..40).filter(|&i| {
        let mut x = data.to_matrix();
        x.row_mut(i)[0] += 1.0;
        let changed = Dataset::new(x, data.targets().clone(), data.schema().clone()).unwrap();
        let (other, changed) = fit(&changed, 0.25);
        assert_ne!(history.epochs[0].validation_loss, changed.epochs[0].validation_loss, "{i}");
        other == weights
    });
    // 10 of 40 in the mean, with a deviation of 2.5.
    let count = held_back.count();
    assert!((2..=20).contains(&count), "{count} of 40");
    let (_, history) = fit(&data, 0.0);
    assert!(history.epochs[0].validation_loss.is_none());
    // One example stays to train on, whatever the share.
    fit(&data, 0.9999);
    assert_eq!(*seen.borrow(), 1);
    fit(&data.select(&[0]), 0.9);
    assert_eq!(*seen.borrow(), 1);
}

#[test]
fn early_stopping_restores_the_best_epoch() {
    // Labels without any rule: soon the network learns them by heart, and does worse on others.
    let mut rng = Rng::new(5);
    let mut noise = |n: usize| {
        let x = Matrix::from_fn(n, 2, |_, _| rng.normal() as f32);
        let labels = (0..n).map(|_| rng.below(2) as u32).collect();
        Dataset::from_classes(x, labels, ["a", "b"]).unwrap()
    };
    let (train, held_out) = (noise(60), noise(60));
    for patience in [1, 4, 10] {
        let mut network = Network::builder(2).dense(40, Tanh).dense(2, Softmax).seed(6).build().unwrap();
        let mut trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.02)).validation_data(&held_out);
        trainer = trainer.early_stopping(patience).epochs(500).seed(7);
        let history = trainer.fit(&mut network, &train).unwrap();
        let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.validation_loss.unwrap()).collect();
        let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
        assert_eq!(history.best_epoch, best + 1);
        assert_eq!(losses.len(), best + 1 + patience);
        let now = cross_entropy(&network, &held_out);
        assert!((now / losses[best] - 1.0).abs() < 1e-5, "{now} is not {}", losses[best]);
        assert!((now / losses[losses.len() - 1] - 1.0).abs() > 1e-5, "the last epoch is the best");
    }
}

/// Without a validation part the training loss decides; without early stopping the last weights stay.
#[test]
fn the_last_epoch_is_kept_without_early_stopping() {
    let data = generate::moons(100, 0.3, 1);
    let fit = |trainer: Trainer<'_>| trainer.epochs(30).validation(0.2).fit(&mut classifier(1), &data).unwrap();
    let history = fit(Trainer::new(Loss::CrossEntropy, Adam::new(0.3)));
    assert_eq!((history.epochs.len(), history.best_epoch), (30, 30));
    let fit = |trainer: Trainer<'_>| trainer.epochs(300).fit(&mut classifier(1), &data).unwrap();
    let history = fit(Trainer::new(Loss::CrossEntropy, Sgd::new(5.0)).early_stopping(3));
    let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.train_loss).collect();
    assert!(losses.iter().all(|&loss| loss >= losses[history.best_epoch - 1]));
    assert_eq!(losses.len(), history.best_epoch + 3);
}

// ------------------------------------------------------------------------------------------------------- the observer

#[test]
fn the_observer_sees_everything_in_order() {
    let data = generate::moons(70, 0.2, 1);
    let seen = RefCell::new(Vec::new());
    let mut trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(3).batch_size(32).observe(|event| {
        seen.borrow_mut().push(match event {
            Event::Batch { epoch, batch, batches, loss } => {
                assert!(loss > 0.0 && batches == 3);
                (epoch, batch, loss)
            }
            Event::Epoch { record, .. } => (record.epoch, 0, record.train_loss),
            _ => unreachable!("no other event"),
        });
        Continue(())
    });
    let history = trainer.fit(&mut classifier(1), &data).unwrap();
    let seen = seen.borrow();
    let order: Vec<(usize, usize)> = seen.iter().map(|&(epoch, batch, _)| (epoch, batch)).collect();
    let expected: Vec<_> = (1..=3).flat_map(|epoch| [1, 2, 3, 0].map(|batch| (epoch, batch))).collect();
    assert_eq!(order, expected);
    // The last batch's running mean is the epoch's loss.
    for epoch in 0..3 {
        assert_eq!(seen[4 * epoch + 2].2, history.epochs[epoch].train_loss);
        assert_eq!(seen[4 * epoch + 3].2, history.epochs[epoch].train_loss);
    }
    assert!(history.epochs.windows(2).all(|pair| pair[0].seconds <= pair[1].seconds));
}

#[test]
fn break_ends_the_training() {
    let data = generate::moons(70, 0.2, 1);
    let run = |stop: (usize, usize)| {
        let mut network = classifier(1);
        let mut events = 0;
        let observer = |event: Event<'_>| {
            events += 1;
            let here = match event {
                Event::Batch { epoch, batch, .. } => (epoch, batch),
                Event::Epoch { record, .. } => (record.epoch, 0),
                _ => unreachable!("no other event"),
            };
            if here == stop { Break(()) } else { Continue(()) }
        };
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).schedule(Schedule::Constant).epochs(9);
        let history = trainer.observe(observer).fit(&mut network, &data).unwrap();
        (bits(&network), history.epochs.len(), events)
    };
    let plain = |epochs| {
        let mut network = classifier(1);
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).schedule(Schedule::Constant).epochs(epochs);
        { trainer }.fit(&mut network, &data).unwrap();
        bits(&network)
    };
    let (weights, epochs, events) = run((2, 0));
    assert_eq!((epochs, events), (2, 8));
    assert_eq!(weights, plain(2));
    let (weights, epochs, events) = run((2, 1));
    assert_eq!((epochs, events), (1, 5));
    assert!(weights != plain(1) && weights != plain(2));
    assert_eq!(run((1, 1)).1, 0);
}

// ----------------------------------------------------------------------------------------------------- several starts

#[test]
fn the_best_of_several_starts() {
    let data = generate::moons(200, 0.2, 1);
    let builder = Network::builder(2).dense(3, Relu).dense(2, Softmax).seed(8);
    let trainer = || Trainer::new(Loss::CrossEntropy, Adam::new(0.02)).epochs(20).seed(9);
    let fit = |starts| {
        let mut events = 0;
        let mut trainer = trainer().observe(|_| {
            events += 1;
            Continue(())
        });
        let (network, history) = trainer.fit_best_of(starts, &builder, &data).unwrap();
        drop(trainer);
        (network, history, events)
    };
    let mut plain = builder.build().unwrap();
    let history = trainer().fit(&mut plain, &data).unwrap();
    let (network, of_one, events) = fit(1);
    assert_eq!(bits(&network), bits(&plain));
    assert_eq!(losses(&of_one), losses(&history));
    assert_eq!(events, 20 * 8);

    let (network, history, events) = fit(6);
    let (again, history_again, _) = fit(6);
    assert_eq!(bits(&network), bits(&again));
    assert_eq!(losses(&history), losses(&history_again));
    assert!(finite(&network) && history.train_loss().is_finite());
    // The observer is told of the last training alone.
    assert_eq!((history.epochs.len(), events), (20, 20 * 8));
    assert_ne!(bits(&network), bits(&plain));
    // The first start is the builder's own: more starts are no worse where the choice is made.
    let first = |history: &History| history.epochs[0].train_loss;
    assert!(first(&history) < first(&of_one));
}

fn losses(history: &History) -> Vec<u64> {
    history.epochs.iter().map(|epoch| epoch.train_loss.to_bits()).collect()
}

#[test]
#[should_panic(expected = "at least one start")]
fn no_start_at_all() {
    let builder = Network::builder(2).dense(2, Softmax);
    let _ = Trainer::new(Loss::CrossEntropy, Adam::default()).fit_best_of(0, &builder, &generate::xor());
}

#[test]
fn when_every_start_fails() {
    let data = generate::sums(100, 1);
    let builder = Network::builder(2).dense(8, Relu).dense(3, Identity);
    let mut trainer = Trainer::new(Loss::MeanSquaredError, Sgd::new(1e30)).epochs(20);
    assert!(matches!(trainer.fit_best_of(4, &builder, &data), Err(Error::Diverged(_))));
    let builder = Network::builder(2).dense(8, LeakyRelu(-1.0)).dense(3, Identity);
    says(trainer.fit_best_of(4, &builder, &data), &["leaky_relu"]);
}

// ----------------------------------------------------------------------------------------------------------- mistakes

#[test]
fn divergence_is_an_error_and_the_network_stays_finite() {
    let sums = generate::sums(200, 1);
    for rate in [1e4, 1e10, 1e20, 1e30, 1e38] {
        let mut network = Network::builder(2).dense(16, Relu).dense(3, Identity).seed(1).build().unwrap();
        let error = Trainer::new(Loss::MeanSquaredError, Sgd::new(rate)).fit(&mut network, &sums).unwrap_err();
        let Error::Diverged(found) = &error else { panic!("{error}") };
        let (epoch, batch) = (found.epoch, found.batch);
        assert!((1..=100).contains(&epoch) && (1..=7).contains(&batch), "{error}");
        let message = error.to_string();
        let place = format!("training diverged in epoch {epoch}, batch {batch}: ");
        assert!(message.starts_with(&place) && message.contains("learning rate"), "{message}");
        assert!(finite(&network), "rate {rate}");
    }
    // The first step goes too far, and no loss has shown that yet.
    let mut network = Network::builder(2).dense(16, Relu).dense(3, Identity).seed(1).build().unwrap();
    let mut trainer = Trainer::new(Loss::MeanSquaredError, Sgd::new(3e38)).schedule(Schedule::Constant);
    trainer = trainer.epochs(1).batch_size(50);
    let before = bits(&network);
    let Err(Error::Diverged(found)) = trainer.fit(&mut network, &sums) else { panic!("no divergence") };
    assert_eq!((found.epoch, found.batch), (1, 1));
    assert_eq!(bits(&network), before);
}

#[test]
fn what_does_not_fit_is_refused() {
    let moons = generate::moons(20, 0.1, 1);
    let sums = generate::sums(20, 1);
    let trainer = || Trainer::new(Loss::CrossEntropy, Adam::default()).epochs(1);
    let squares = || Trainer::new(Loss::MeanSquaredError, Adam::default()).epochs(1);
    let build = |builder: NetworkBuilder| builder.build().unwrap();
    let fit = |mut trainer: Trainer<'_>, network: NetworkBuilder, data: &Dataset| {
        let mut network = build(network);
        let before = bits(&network);
        let result = trainer.fit(&mut network, data);
        assert_eq!(bits(&network), before, "a refused network has changed");
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

// ------------------------------------------------------------------------------------------------------------ the seed

#[test]
fn a_seed_decides_every_bit() {
    let data = generate::moons(150, 0.2, 1);
    let fit = |seed| {
        let builder = Network::builder(2).dense(16, Gelu).dropout(0.3).dense(16, Relu).dropout(0.1).dense(1, Sigmoid);
        let mut network = builder.seed(5).build().unwrap();
        let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.01)).epochs(8).validation(0.2).seed(seed);
        let history = trainer.early_stopping(5).fit(&mut network, &data).unwrap();
        (bits(&network), losses(&history))
    };
    let first = fit(1);
    assert_eq!(first, fit(1));
    let other = fit(2);
    assert!(first.0 != other.0 && first.1 != other.1);
}

/// The seed of the shuffling alone: another order of the examples, other weights.
#[test]
fn examples_are_shuffled() {
    let data = generate::moons(64, 0.2, 1);
    let fit = |seed, batch| {
        let mut network = classifier(1);
        let trainer = Trainer::new(Loss::CrossEntropy, Sgd::new(0.1)).epochs(2).seed(seed).batch_size(batch);
        { trainer }.fit(&mut network, &data).unwrap();
        network.predict(&data.to_matrix())
    };
    assert_ne!(fit(1, 8), fit(2, 8));
    // The sum over a whole epoch depends on the order by rounding only.
    let difference = &fit(1, 64) - &fit(2, 64);
    assert!(difference.as_slice().iter().all(|d| d.abs() < 1e-5), "{difference:?}");
}

#[test]
fn dropout_is_for_training_only() {
    let data = generate::moons(100, 0.1, 1);
    let network = |rate| Network::builder(2).dense(32, Tanh).dropout(rate).dense(2, Softmax).seed(1).build().unwrap();
    let x = data.to_matrix();
    assert_eq!(network(0.9).predict(&x), network(0.0).predict(&x));
    let fit = |rate| {
        let mut network = network(rate);
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(1).validation_data(&data);
        let history = { trainer }.fit(&mut network, &data).unwrap();
        (network, history)
    };
    let ((with, history), (without, _)) = (fit(0.9), fit(0.0));
    assert_ne!(bits(&with), bits(&without));
    assert_eq!(with.predict(&x), with.predict(&x));
    // Validation sees the whole network.
    let measured = history.epochs[0].validation_loss.unwrap();
    assert!((measured / cross_entropy(&with, &data) - 1.0).abs() < 1e-5);
}

#[test]
fn bytes_train_as_floats_do() {
    let digits = generate::digits();
    let (mut bytes, scaler) = (digits.select(&(0..500).collect::<Vec<_>>()), Scaler::divide_by(64, 16.0));
    assert!(matches!(bytes.features(), Features::Bytes { .. }));
    let mut floats = Dataset::new(bytes.to_matrix(), bytes.targets().clone(), bytes.schema().clone()).unwrap();
    bytes.scale(&scaler);
    floats.scale(&scaler);
    assert!(matches!(bytes.features(), Features::Bytes { .. }));
    assert!(matches!(floats.features(), Features::Float(_)));
    let fit = |data: &Dataset| {
        let mut network = Network::builder(64).dense(32, Relu).dense(10, Softmax).seed(1).build().unwrap();
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.003)).epochs(3).validation(0.1);
        let history = { trainer }.fit(&mut network, data).unwrap();
        (bits(&network), losses(&history))
    };
    assert_eq!(fit(&bytes), fit(&floats));
}

// ---------------------------------------------------------------------------------------------------------- evaluation

/// Logits of classes are judged as the probabilities that they stand for.
#[test]
fn logits_are_evaluated_as_probabilities() {
    let data = generate::moons(300, 0.2, 1);
    for (outputs, fused, last, plain) in [
        (2, Loss::CrossEntropyLogits, Softmax, Loss::CrossEntropy),
        (1, Loss::BinaryCrossEntropyLogits, Sigmoid, Loss::BinaryCrossEntropy),
    ] {
        let fit = |loss, last| {
            let mut network = Network::builder(2).dense(16, Relu).dense(outputs, last).seed(2).build().unwrap();
            // Weights start as suits what follows them: both start from the same.
            let start = Network::builder(2).dense(16, Relu).dense(outputs, Identity).seed(2).build().unwrap();
            network.parameters_mut().zip(start.parameters()).for_each(|(to, from)| to.copy_from_slice(from));
            Trainer::new(loss, Adam::new(0.01)).epochs(30).fit(&mut network, &data).unwrap();
            network
        };
        let (logits, probabilities) = (fit(fused, Identity), fit(plain, last));
        assert_eq!(bits(&logits), bits(&probabilities));
        let (a, b) = (logits.evaluate(&data).unwrap(), probabilities.evaluate(&data).unwrap());
        assert_eq!(a, b);
        assert!(a.accuracy() > Some(0.85), "{:?}", a.accuracy());
    }
}

// ------------------------------------------------------------------------------------------------------------ learning

/// This many seeds; one where an emulator runs the tests, which takes a hundred times as long.
fn seeds(count: u64) -> std::ops::Range<u64> {
    0..if emulated() { 1 } else { count }
}

fn emulated() -> bool {
    std::env::vars().any(|(name, _)| name.starts_with("CARGO_TARGET_") && name.ends_with("_RUNNER"))
}

/// Accuracy on the held-out part.
fn accuracy(network: &Network, data: &Dataset) -> f64 {
    network.evaluate(data).unwrap().accuracy().unwrap()
}

fn standardized(data: Dataset, share: f64, seed: u64) -> (Dataset, Dataset) {
    let (mut train, mut test) = data.split(share, seed);
    let scaler = Scaler::standard(train.features());
    train.scale(&scaler);
    test.scale(&scaler);
    (train, test)
}

/// Gradients neither vanish nor explode on their way through twenty layers.
#[test]
fn twenty_layers_learn_spirals() {
    for seed in seeds(4) {
        let (train, test) = standardized(generate::spirals(1000, 0.0, seed), 0.8, seed);
        let builder = (0..20).fold(Network::builder(2), |builder, _| builder.dense(32, Relu));
        let mut network = builder.dense(1, Sigmoid).seed(seed).build().unwrap();
        let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.001)).epochs(100).batch_size(32).seed(seed);
        let history = { trainer }.fit(&mut network, &train).unwrap();
        let found = accuracy(&network, &test);
        assert!(found >= 0.95, "seed {seed}: {found}, loss {}", history.train_loss());
    }
}

#[test]
fn spirals() {
    let mut all = Vec::new();
    for seed in seeds(10) {
        let (train, test) = standardized(generate::spirals(1000, 0.0, seed), 0.8, seed);
        let builder = Network::builder(2).dense(50, Relu).dense(50, Relu).dense(50, Relu).dense(1, Sigmoid);
        let mut network = builder.seed(seed).build().unwrap();
        let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.003)).epochs(100).batch_size(32).seed(seed);
        { trainer }.fit(&mut network, &train).unwrap();
        all.push(accuracy(&network, &test));
    }
    assert!(all.iter().all(|&found| found >= 0.98), "{all:?}");
}

/// a, b → a + b, a - b, |a - b| with 47 parameters, of which half of all starts die.
#[test]
fn sums() {
    let mut all = Vec::new();
    for seed in seeds(10) {
        let (mut train, mut test) = standardized(generate::sums(10_000, seed), 0.7, seed);
        let Targets::Values(values) = train.targets() else { panic!("sums are values") };
        let scaler = Scaler::standard_of(values);
        train.scale_targets(&scaler);
        test.scale_targets(&scaler);
        let builder = Network::builder(2).dense(4, Relu).dense(4, Relu).dense(3, Identity).seed(seed);
        let mut trainer = Trainer::new(Loss::MeanSquaredError, Adam::new(0.01)).epochs(40).batch_size(64).seed(seed);
        let (network, _) = trainer.fit_best_of(8, &builder, &train).unwrap();
        assert_eq!(network.parameter_count(), 47);
        let outputs = network.outputs_for(&test).unwrap();
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
fn one_neuron() {
    for seed in seeds(10) {
        let data = generate::linear(100, seed);
        let mut network = Network::builder(2).dense(1, Sigmoid).seed(seed).build().unwrap();
        let rule = Sgd::new(1.0).momentum(0.9);
        let trainer = Trainer::new(Loss::MeanSquaredError, rule).epochs(1000).batch_size(10).seed(seed);
        { trainer }.fit(&mut network, &data).unwrap();
        let found = accuracy(&network, &data);
        assert!(found >= 0.98, "seed {seed}: {found}");
    }
}

/// The two half moons of a file, 2-25-50-50-25-1: 97 of the 100 held-out points at least, as the write-up that the
/// problem comes from reached; the noise allows 97.1 % of all points there are.
#[test]
fn moons() {
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
        { trainer }.fit(&mut network, &train).unwrap();
        let found = [accuracy(&network, &test), accuracy(&network, &fresh)];
        assert!(found[0] >= 0.97 && found[1] >= 0.955, "seed {seed}: {found:?}");
    }
}

/// Inside or outside of a circle with three sigmoid units, whose soft edges leave corners.
#[test]
fn circles() {
    for seed in seeds(5) {
        let (train, test) = generate::circles(1000, 0.0, seed).split(0.8, seed);
        let builder = Network::builder(2).dense(3, Sigmoid).dense(2, Sigmoid).seed(seed);
        let rule = Sgd::new(0.5).momentum(0.9);
        let mut trainer = Trainer::new(Loss::MeanSquaredError, rule).epochs(200).batch_size(10).seed(seed);
        let (network, _) = trainer.fit_best_of(5, &builder, &train).unwrap();
        let found = accuracy(&network, &test);
        assert!(found >= 0.93, "seed {seed}: {found}");
    }
}

#[test]
fn exclusive_or() {
    for seed in seeds(10) {
        let data = generate::xor();
        let builder = Network::builder(2).dense(4, Tanh).dense(1, Sigmoid).seed(seed);
        let mut trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.05)).epochs(800).batch_size(4).seed(seed);
        let (network, _) = trainer.fit_best_of(5, &builder, &data).unwrap();
        assert_eq!(accuracy(&network, &data), 1.0, "seed {seed}");
        let p = network.predict(&data.to_matrix());
        assert!(p[(0, 0)] < 0.1 && p[(1, 0)] > 0.9 && p[(2, 0)] > 0.9 && p[(3, 0)] < 0.1, "seed {seed}: {p:?}");
    }
}

/// The real MNIST, where it is at hand.
#[test]
fn mnist() {
    // Straight to the stream: what `eprintln!` writes is shown for tests that fail only.
    let say = |message: &[u8]| _ = std::io::stderr().write_all(message);
    let Some(folder) = std::env::var_os("PALMNET_MNIST") else {
        say(b"MNIST is absent, and not tested: set PALMNET_MNIST to the folder that holds its four IDX files\n");
        return;
    };
    let (mut train, mut test) = Dataset::from_idx_folder(&folder).unwrap();
    let scaler = Scaler::divide_by(784, 255.0);
    train.scale(&scaler);
    test.scale(&scaler);
    let (mut epochs, mut least) = (10, 0.978);
    if emulated() {
        say(b"MNIST is scaled down in an emulator: three epochs of 5,000 images\n");
        train = train.select(&(0..5000).collect::<Vec<_>>());
        (epochs, least) = (3, 0.9);
    }
    let mut network = Network::builder(784).dense(128, Relu).dense(128, Relu).dense(10, Softmax).build().unwrap();
    Trainer::new(Loss::CrossEntropy, Adam::new(0.001)).epochs(epochs).batch_size(64).fit(&mut network, &train).unwrap();
    let found = accuracy(&network, &test);
    assert!(found >= least, "{found}");
}
