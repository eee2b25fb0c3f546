//! Regularization: clipping, max-norm, label smoothing, weights of examples, normalization, noise, frozen layers.

use palmnet::Activation::*;
use palmnet::compute::Rng;
use palmnet::nn::Layer;
use palmnet::optim::{Optimizer, clip_norm};
use palmnet::train::ExampleWeights;
use palmnet::{Adam, Dataset, Error, Loss, Matrix, Network, Run, Schedule, Sgd, Trainer, Workspace, generate};

use crate::support::{flat, scaled_digits};

fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
}

/// One step of gradient descent at rate 1 on the whole of `data`: the network after it.
fn one_step(network: &Network, data: &Dataset, change: impl Fn(Trainer) -> Trainer) -> Network {
    let mut network = network.clone();
    let trainer = Trainer::new(Loss::CrossEntropy, Sgd::new(1.0)).schedule(Schedule::Constant).epochs(1);
    change(trainer.batch_size(data.len())).fit(&mut network, data).unwrap();
    network
}

/// The gradient of the same step, with the targets as they are after `change`.
fn gradient(network: &Network, data: &Dataset, change: impl Fn(&mut Matrix)) -> Vec<f32> {
    let (x, mut y) = (data.to_matrix(), Matrix::zeros(0, 0));
    data.gather_targets(&(0..data.len()).collect::<Vec<_>>(), network.outputs(), &mut y);
    change(&mut y);
    let mut workspace = Workspace::new(network, 0);
    workspace.forward(network, &x);
    workspace.backward(network, Loss::CrossEntropy, &y).unwrap();
    workspace.gradient().to_vec()
}

/// Whether a step went along this gradient, but for the order in which it was summed.
fn assert_step(before: &Network, after: &Network, gradient: &[f32], what: &str) {
    assert_eq!(flat(before).len(), gradient.len(), "{what}");
    for ((before, after), gradient) in flat(before).iter().zip(flat(after)).zip(gradient) {
        assert!((before - after - gradient).abs() < 1e-5, "{what}: a step of {} for {gradient}", before - after);
    }
}

#[test]
fn clip_norm_limits_the_whole_gradient() {
    let data = scaled_digits(200);
    let network = Network::builder(64).dense(120, Relu).dense(130, Tanh).dense(10, Softmax).seed(1).build().unwrap();
    let mut whole = gradient(&network, &data, |_| {});
    let length = norm(whole.iter().copied());
    for fraction in [0.5, 0.01] {
        let limit = (fraction * length) as f32;
        let clipped = one_step(&network, &data, |trainer| trainer.clip_norm(limit));
        let step = norm(flat(&network).iter().zip(flat(&clipped)).map(|(a, b)| a - b));
        assert!((step / f64::from(limit) - 1.0).abs() < 1e-3, "a step of {step}, {limit} is allowed");
        let mut expected = whole.clone();
        clip_norm(&mut expected, limit);
        assert_step(&network, &clipped, &expected, "clipped");
    }
    let loose = one_step(&network, &data, |trainer| trainer.clip_norm(2.0 * length as f32));
    assert_step(&network, &loose, &whole, "not clipped");
    clip_norm(&mut whole, length as f32 * 0.3);
    assert!((norm(whole.iter().copied()) / length - 0.3).abs() < 1e-4);
}

#[test]
fn max_norm_limits_every_unit() {
    let data = scaled_digits(300);
    let builder = Network::builder(64).dense(70, Relu).dense(10, Softmax);
    let largest = |limit: Option<f32>| {
        let mut network = builder.clone().seed(1).build().unwrap();
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(10);
        let trainer = limit.into_iter().fold(trainer, Trainer::max_norm);
        trainer.fit(&mut network, &data).unwrap();
        let mut norms = Vec::new();
        for layer in network.layers() {
            if let Layer::Dense(dense) = layer {
                norms.extend((0..dense.outputs()).map(|j| norm(dense.weights().iter_rows().map(|row| row[j]))));
            }
        }
        norms.into_iter().fold(0.0, f64::max)
    };
    assert!(largest(None) > 2.0);
    let limited = largest(Some(1.5));
    assert!((limited / 1.5 - 1.0).abs() < 1e-5, "{limited}");
}

#[test]
fn label_smoothing_changes_the_targets() {
    let data = scaled_digits(100);
    let network = Network::builder(64).dense(20, Tanh).dense(10, Softmax).seed(1).build().unwrap();
    let smooth = |y: &mut Matrix| y.as_mut_slice().iter_mut().for_each(|y| *y = if *y == 1.0 { 0.82 } else { 0.02 });
    let after = one_step(&network, &data, |trainer| trainer.label_smoothing(0.2));
    assert_step(&network, &after, &gradient(&network, &data, smooth), "smoothed");
    // The optimum is where probabilities equal targets: 0.9 and 0.1 for two classes and a smoothing of 0.2.
    for (outputs, activation, loss) in [(1, Sigmoid, Loss::BinaryCrossEntropy), (2, Softmax, Loss::CrossEntropy)] {
        let data = generate::moons(200, 0.05, 1);
        let mut network =
            Network::builder(2).dense(30, Relu).dense(30, Relu).dense(outputs, activation).build().unwrap();
        let trainer = Trainer::new(loss, Adam::new(0.01)).epochs(300);
        trainer.label_smoothing(0.2).fit(&mut network, &data).unwrap();
        let predictions = network.predict_dataset(&data).unwrap();
        let sure = predictions.iter_rows().map(|row| row[0].max(1.0 - row[0]) - 0.9);
        let off = sure.map(|error| f64::from(error.abs())).sum::<f64>() / 200.0;
        assert!(off < 0.02, "{outputs} outputs: off by {off} on average");
    }
}

/// An example of weight 2 acts like two examples, and one of weight 0 like none.
#[test]
fn example_weights_act_like_copies() {
    let data = scaled_digits(90);
    let network = Network::builder(64).dense(20, Tanh).dense(10, Softmax).seed(1).build().unwrap();
    let counts: Vec<usize> = (0..90).map(|i| i % 3).collect();
    let copies: Vec<usize> = (0..90).flat_map(|i| vec![i; counts[i]]).collect();
    assert_eq!(copies.len(), data.len());
    let factors: Vec<f32> = counts.iter().map(|&count| count as f32).collect();
    let weighted =
        one_step(&network, &data, |trainer| trainer.example_weights(ExampleWeights::Examples(factors.clone())));
    assert_step(&network, &weighted, &gradient(&network, &data.select(&copies), |_| {}), "weighted");
    let classes: Vec<f32> = (0..10).map(|class| (class % 3) as f32).collect();
    let by_class: Vec<f32> = data.labels().unwrap().iter().map(|&label| (label % 3) as f32).collect();
    let by_class =
        one_step(&network, &data, |trainer| trainer.example_weights(ExampleWeights::Examples(by_class.clone())));
    assert_eq!(
        one_step(&network, &data, |trainer| trainer.example_weights(ExampleWeights::Classes(classes.clone()))),
        by_class
    );
}

/// Seven times the weights are the same weights, since only their ratios count.
#[test]
fn weights_of_a_dataset_act_like_those_of_a_trainer() {
    let data = scaled_digits(90);
    let network = Network::builder(64).dense(20, Tanh).dense(10, Softmax).seed(1).build().unwrap();
    let factors: Vec<f32> = (0..90).map(|i| (i % 3) as f32).collect();
    let weighted = data.clone().with_weights(factors.iter().map(|factor| 7.0 * factor).collect()).unwrap();
    let given = ExampleWeights::Examples(factors);
    let expected = one_step(&network, &data, |trainer| trainer.example_weights(given.clone()));
    assert_eq!(one_step(&network, &weighted, |trainer| trainer), expected);
    let plain = one_step(&network, &data, |trainer| trainer);
    assert_ne!(plain, expected);
    let equal = data.clone().with_weights(vec![0.1; 90]).unwrap();
    assert_eq!(one_step(&network, &equal, |trainer| trainer), plain);
    // Those of a trainer replace them.
    assert_eq!(one_step(&network, &equal, |trainer| trainer.example_weights(given.clone())), expected);
}

/// Weights 1, 1 and 2 of a class, and 1 of another, have the mean 5/4, and are 0.8, 0.8, 1.6 and 0.8. The classes then
/// have 3.2 and 0.8 of 4, and count half of it each if multiplied with 0.625 and 2.5.
#[test]
fn balanced_classes_keep_the_weights_within_them() {
    let x = Matrix::from_rows(&[[1.0], [2.0], [-1.0], [0.5]]);
    let data = Dataset::from_classes(x, vec![0, 0, 0, 1], ["a", "b"]).unwrap();
    let network = Network::builder(1).dense(2, Softmax).seed(3).build().unwrap();
    let weighted = data.clone().with_weights(vec![1.0, 1.0, 2.0, 1.0]).unwrap();
    let step = |data: &Dataset, weights: ExampleWeights| {
        flat(&one_step(&network, data, |trainer| trainer.example_weights(weights.clone())))
    };
    let balanced = step(&weighted, ExampleWeights::Balanced);
    let by_class = step(&weighted, ExampleWeights::Classes(vec![0.625, 2.5]));
    let expected = step(&data, ExampleWeights::Examples(vec![0.5, 0.5, 1.0, 2.0]));
    for ((balanced, by_class), expected) in balanced.iter().zip(by_class).zip(expected) {
        assert!((balanced - expected).abs() < 1e-6 && (by_class - expected).abs() < 1e-6, "{balanced} {by_class}");
    }
}

#[test]
fn examples_left_to_train_on_must_count() {
    let data = generate::moons(10, 0.1, 1);
    let network = Network::builder(2).dense(2, Softmax).build().unwrap();
    let fit = |data: &Dataset, validation: f64| {
        let trainer = Trainer::new(Loss::CrossEntropy, Sgd::new(0.1)).validation(validation).epochs(1);
        trainer.fit(&mut network.clone(), data).map(drop)
    };
    // The only one that counts is the last, which is validated on.
    let weights = (0..10).map(|i| if i == 9 { 1.0 } else { 0.0 }).collect();
    let times = (0..10).map(f64::from).collect();
    let late = data.clone().with_weights(weights).unwrap().with_times(times).unwrap();
    fit(&late, 0.0).unwrap();
    let message = fit(&late, 0.2).unwrap_err().to_string();
    assert!(message.contains("left to train on are zero"), "{message}");
    let message = fit(&late.select(&[0, 1]), 0.0).unwrap_err().to_string();
    assert!(message.contains("weights of all examples are zero"), "{message}");
    let one = data.with_groups(vec![4; 10]).unwrap();
    fit(&one, 0.0).unwrap();
    assert!(fit(&one, 0.2).unwrap_err().to_string().contains("of one group"));
}

#[test]
fn balanced_weights_recover_a_rare_class() {
    // Two overlapping clouds, one with a twentieth of the examples.
    let mut rng = Rng::new(1);
    let rare = |i: usize| i.is_multiple_of(20);
    let x = Matrix::from_fn(2000, 1, |i, _| rng.normal() as f32 + if rare(i) { 1.5 } else { 0.0 });
    let labels = (0..2000).map(|i| u32::from(rare(i))).collect();
    let data = Dataset::from_classes(x, labels, ["common", "rare"]).unwrap();
    let recall = |weights: Option<ExampleWeights>| {
        let mut network = Network::builder(1).dense(2, Softmax).build().unwrap();
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.02)).epochs(30);
        weights.into_iter().fold(trainer, Trainer::example_weights).fit(&mut network, &data).unwrap();
        let outputs = network.predict_dataset(&data).unwrap();
        let found = (0..2000).filter(|&i| rare(i) && outputs[(i, 1)] > 0.5).count();
        found as f64 / 100.0
    };
    // Equally weighted, the best boundary is in the middle, 0.75 standard deviations from each mean: recall 77 %.
    let (plain, balanced) = (recall(None), recall(Some(ExampleWeights::Balanced)));
    assert!(plain < 0.3 && (0.67..0.87).contains(&balanced), "{plain} without, {balanced} with");
}

#[test]
fn invalid_regularization_is_refused() {
    let data = scaled_digits(20);
    let network = Network::builder(64).dense(10, Softmax).build().unwrap();
    let message = |change: &dyn Fn(Trainer) -> Trainer| {
        let error =
            change(Trainer::new(Loss::CrossEntropy, Sgd::new(0.1))).fit(&mut network.clone(), &data).unwrap_err();
        error.to_string()
    };
    assert!(message(&|t| t.clip_norm(0.0)).contains("clip norm 0"));
    assert!(message(&|t| t.max_norm(f32::NAN)).contains("max norm NaN"));
    assert!(message(&|t| t.label_smoothing(1.0)).contains("label smoothing 1"));
    let weights = vec![1.0; 19];
    let few = Trainer::new(Loss::CrossEntropy, Sgd::new(0.1)).example_weights(ExampleWeights::Examples(weights));
    let error = few.fit(&mut network.clone(), &data).unwrap_err().to_string();
    assert!(error.contains("19 weights for 20 examples"), "{error}");
    let weights = vec![-1.0; 10];
    let negative = Trainer::new(Loss::CrossEntropy, Sgd::new(0.1)).example_weights(ExampleWeights::Classes(weights));
    assert!(negative.fit(&mut network.clone(), &data).unwrap_err().to_string().contains("weight -1"));
}

/// Columns of mean 5 and standard deviation 3, and one of constants.
fn shifted() -> (Matrix, Dataset) {
    let mut rng = Rng::new(3);
    let x = Matrix::from_fn(4000, 3, |_, j| if j == 2 { 7.0 } else { 5.0 + 3.0 * rng.normal() as f32 });
    let y = Matrix::from_fn(4000, 1, |i, _| x[(i, 0)]);
    let data = Dataset::from_values(x.clone(), y).unwrap();
    (x, data)
}

#[test]
fn batch_normalization_estimates_mean_and_variance() {
    let (_, data) = shifted();
    let mut network = Network::builder(3).batch_norm().dense(1, Identity).build().unwrap();
    Trainer::new(Loss::MeanSquaredError, Sgd::new(0.0001)).epochs(3).batch_size(50).fit(&mut network, &data).unwrap();
    let state: Vec<&[f32]> = network.layers()[0].state().map(|(_, values)| values).collect();
    assert!((state[0][0] - 5.0).abs() < 0.5 && (state[0][2] - 7.0).abs() < 1e-4, "mean {:?}", state[0]);
    assert!((state[1][0] - 9.0).abs() < 2.0 && state[1][2] < 1e-4, "variance {:?}", state[1]);
}

#[test]
fn batch_normalization_ignores_batches_of_one() {
    let (x, data) = shifted();
    let mut network = Network::builder(3).batch_norm().dense(1, Identity).build().unwrap();
    // A final mini-batch of one example has no variance and must not change the running variance to NaN.
    let trainer = || Trainer::new(Loss::MeanSquaredError, Sgd::new(0.0001)).epochs(1);
    trainer().batch_size(50).fit(&mut network, &data.select(&(0..51).collect::<Vec<_>>())).unwrap();
    assert!(network.predict(&x).as_slice().iter().all(|y| y.is_finite()));
    for (batch, rows) in [(1, 10), (32, 1)] {
        let few = data.select(&(0..rows).collect::<Vec<_>>());
        let error = trainer().batch_size(batch).fit(&mut network, &few).unwrap_err().to_string();
        assert!(error.contains("batches of one"), "{error}");
    }
}

#[test]
fn infinite_batch_statistics_are_divergence() {
    let mut network = Network::builder(3).batch_norm().dense(1, Identity).build().unwrap();
    let trainer = Trainer::new(Loss::MeanSquaredError, Sgd::new(0.0001)).epochs(1);
    // Normalization hides infinite inputs from the loss.
    let before = network.clone();
    let huge =
        Dataset::from_values(Matrix::from_fn(64, 3, |i, _| if i == 40 { 1e30 } else { 1.0 }), Matrix::zeros(64, 1));
    let error = trainer.fit(&mut network, &huge.unwrap()).unwrap_err();
    assert!(matches!(&error, Error::Diverged(found) if found.epoch == 1), "{error}");
    assert_eq!(network, before);
}

#[test]
fn early_stopping_restores_running_means() {
    let data = scaled_digits(300);
    let (train, validation) = data.split(0.7, 1);
    let mut network =
        Network::builder(64).dense(40, Identity).batch_norm().activation(Relu).dense(10, Softmax).build().unwrap();
    let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.03)).epochs(60).early_stopping(8);
    let mut run = Run::default().validation_data(&validation);
    let history = trainer.fit_with(&mut network, &train, &mut run).unwrap();
    assert!(history.best_epoch < history.epochs.len());
    let mut y = Matrix::zeros(0, 0);
    validation.gather_targets(&(0..validation.len()).collect::<Vec<_>>(), 10, &mut y);
    let loss = network.loss(Loss::CrossEntropy, &validation.to_matrix(), &y, &mut Default::default()).unwrap();
    let best = history.epochs[history.best_epoch - 1].validation_loss.unwrap();
    assert!((loss / best - 1.0).abs() < 1e-6, "{loss} for {best}");
}

/// A custom loop matches the trainer, running means included.
#[test]
fn custom_loop_matches_the_trainer() {
    let data = scaled_digits(256);
    let builder = Network::builder(64).dense(30, Identity).batch_norm().activation(Relu).dense(10, Softmax).seed(2);
    let mut own = builder.build().unwrap();
    let mut workspace = Workspace::new(&own, 0);
    let mut optimizer = Optimizer::new(Sgd::new(0.5), &own);
    let (x, mut y) = (data.to_matrix(), Matrix::zeros(0, 0));
    data.gather_targets(&(0..256).collect::<Vec<_>>(), 10, &mut y);
    for _ in 0..20 {
        workspace.step(&mut own, Loss::CrossEntropy, &x, &y).unwrap();
        optimizer.step(&mut own, workspace.gradient());
    }
    let mut trained = builder.build().unwrap();
    let trainer = Trainer::new(Loss::CrossEntropy, Sgd::new(0.5)).schedule(Schedule::Constant).epochs(20);
    trainer.batch_size(256).fit(&mut trained, &data).unwrap();
    // The trainer shuffles, so sums are rounded in another order.
    let difference = own
        .predict(&x)
        .as_slice()
        .iter()
        .zip(trained.predict(&x).as_slice())
        .fold(0f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(difference < 1e-3, "{difference}");
    assert!(own.evaluate(&data).unwrap().accuracy() > Some(0.9));
}

#[test]
fn noise_and_layer_normalization_train() {
    let data = scaled_digits(600);
    let (train, test) = data.split(0.8, 1);
    let builder = Network::builder(64).noise(0.2).dense(60, Identity).layer_norm().activation(Relu).dense(10, Softmax);
    let mut network = builder.build().unwrap();
    Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(30).fit(&mut network, &train).unwrap();
    let accuracy = network.evaluate(&test).unwrap().accuracy().unwrap();
    assert!(accuracy > 0.93, "{accuracy}");
}

/// In fine-tuning, frozen layers keep every bit, running means included, and the others learn.
#[test]
fn frozen_layers_keep_their_weights() {
    let data = scaled_digits(400);
    let builder = Network::builder(64).noise(0.1).dense(40, Identity).batch_norm().activation(Relu).dropout(0.3);
    let builder = builder.dense(20, Identity).batch_norm().activation(Relu).dense(10, Softmax);
    let mut network = builder.build().unwrap();
    let trainer = || Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).max_norm(1.5).epochs(5);
    trainer().fit(&mut network, &data).unwrap();
    // The labels are permuted.
    let labels = data.labels().unwrap().iter().map(|&label| (label + 3) % 10).collect();
    let renamed = Dataset::from_classes(data.features().clone(), labels, data.class_names().to_vec()).unwrap();
    for (frozen, first) in [(1, 5), (2, 8)] {
        let mut tuned = network.clone();
        trainer().freeze(frozen).fit(&mut tuned, &renamed).unwrap();
        assert_eq!(tuned.layers()[..first], network.layers()[..first], "{frozen} layers");
        assert!(tuned.layers()[first..].iter().zip(&network.layers()[first..]).any(|(a, b)| a != b));
        assert!(tuned.evaluate(&renamed).unwrap().accuracy() > Some(0.9));
    }
    // The layers behind them train as if the frozen layers' outputs were the data.
    let mut tuned = network.clone();
    trainer().freeze(2).fit(&mut tuned, &renamed).unwrap();
    let front = Network::from_layers(64, network.layers()[..8].to_vec()).unwrap();
    let seen = Dataset::from_classes(
        front.predict_dataset(&renamed).unwrap(),
        renamed.labels().unwrap().to_vec(),
        data.class_names().to_vec(),
    );
    let mut back = Network::from_layers(20, network.layers()[8..].to_vec()).unwrap();
    trainer().fit(&mut back, &seen.unwrap()).unwrap();
    assert_eq!(tuned.layers()[8..], back.layers()[..]);
    let error = trainer().freeze(3).fit(&mut tuned, &renamed).unwrap_err().to_string();
    assert!(error.contains("3 of 3 dense layers"), "{error}");
}
