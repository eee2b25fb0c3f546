//! Random networks, every activation with every loss, and whole training steps.

use std::cell::Cell;

use palmnet::compute::Rng;
use palmnet::train::ExampleWeights;
use palmnet::{Activation, Dataset, Loss, Matrix, Network, Penalty, Schedule, Sgd, Trainer, Workspace};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{
    ACTIVATIONS, BatchNorm, Case, Dense, Function, Item, LOSSES, LayerNorm, NoDropout, agree, build, copy, double,
    normals, oracle, suits, targets, within,
};
use crate::support::flat;

/// Outputs, loss and gradient of the crate against the second network. `Ok(false)` where the example lies too near
/// to a corner.
fn check(case: &Case) -> Result<bool, String> {
    let &Case { inputs, ref items, loss, examples, seed } = case;
    let network = build(inputs, items, seed);
    let mut rng = Rng::stream(seed, 1000);
    let x = normals(examples, inputs, &mut rng);
    let y = targets(loss, examples, network.outputs(), &mut rng);
    let layers = copy(inputs, items, &network);
    let (x64, y64) = (double(&x), double(&y));
    let (outputs, value, corners) = oracle::run(&layers, loss, &x64, &y64);
    // The pass in single precision must not land on the other side; and an absolute error in p, or in 1 - p, is too
    // large compared with it for 1/p where p is small.
    let last = network.output_activation();
    let absolute = last == Activation::HardSigmoid || (loss == Loss::BinaryCrossEntropy && last == Activation::Softmax);
    // The error of normalization is too large in a layer that hardly varies.
    let normalized = items.iter().any(|item| matches!(item, BatchNorm | LayerNorm));
    if normalized && (corners.nearest < 1e-3 || corners.gain > 10.0) {
        return Ok(false);
    }
    if corners.nearest < 1e-4 || (absolute && corners.smallest_probability < 0.01) {
        return Ok(false);
    }

    // Batch normalization predicts with running statistics, not batch statistics.
    let batch_norm = items.iter().any(|item| matches!(item, BatchNorm));
    let predicted = if batch_norm { Matrix::zeros(0, 0) } else { network.predict(&x) };
    assert!(batch_norm || predicted.shape() == (examples, outputs[0].len()));
    for (got, truth) in predicted.as_slice().iter().zip(outputs.iter().flatten()) {
        if !within(f64::from(*got), *truth, 1e-5 * truth.abs().max(1.0)) {
            return Err(format!("output {got} for {truth}"));
        }
    }
    let mut workspace = Workspace::new(&network, 0);
    workspace.forward(&network, &x);
    let got = workspace.backward(&network, loss, &y).unwrap();
    if !within(got, value, 1e-5 * value.abs().max(1.0)) {
        return Err(format!("loss {got} for {value}"));
    }
    let slope = oracle::slope(loss, &outputs, &y64);
    agree(workspace.gradient(), &oracle::gradient(&layers, loss, &x64, &y64), slope, corners.gain).map(|_| true)
}

fn case() -> impl Strategy<Value = Case> {
    let activation = || prop::sample::select(&ACTIVATIONS[..]);
    let extra = || {
        prop::sample::select(
            &[None, None, None, None, None, None, None, None, Some(NoDropout), Some(BatchNorm), Some(LayerNorm)][..],
        )
    };
    let between = move || prop::collection::vec((activation(), extra()), 0..=2);
    let layer = (1..=9usize, extra(), between());
    let output = (prop::sample::select(&LOSSES[..]), activation(), 0..3usize);
    let network = (1..=9usize, between(), prop::collection::vec(layer, 1..=3), output);
    (network, 1..=8usize, any::<u64>()).prop_map(|((inputs, before, layers, output), examples, seed)| {
        let mut items = Vec::new();
        let functions = |items: &mut Vec<Item>, between: Vec<(Activation, Option<Item>)>| {
            for (g, between) in between {
                items.push(Function(g));
                items.extend(between);
            }
        };
        functions(&mut items, before);
        for (width, norm, between) in layers {
            items.push(Dense(width));
            items.extend(norm);
            functions(&mut items, between);
        }
        let (loss, last, probability) = output;
        match loss {
            Loss::BinaryCrossEntropy if probability > 0 => {
                items.push(Function([Activation::Sigmoid, Activation::HardSigmoid][probability - 1]))
            }
            // Classes that exclude each other are two or more.
            Loss::BinaryCrossEntropy | Loss::CrossEntropy => {
                items.extend([Dense(probability + 2), Function(Activation::Softmax)])
            }
            Loss::CrossEntropyLogits => items.push(Dense(probability + 2)),
            Loss::BinaryCrossEntropyLogits => items.push(Dense(probability + 1)),
            _ if last == Activation::Softmax => items.extend([Dense(probability + 2), Function(last)]),
            _ => items.push(Function(last)),
        }
        Case { inputs, items, loss, examples, seed }
    })
}

#[test]
fn gradients_of_random_networks() {
    // No file of failures: the message shows the smallest failing case whole.
    let config = ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() };
    let (compared, skipped) = (Cell::new(0), Cell::new(0));
    let outcome = TestRunner::new(config).run(&case(), |case| {
        let counter = if check(&case).map_err(TestCaseError::fail)? { &compared } else { &skipped };
        counter.set(counter.get() + 1);
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
    assert!(compared.get() >= skipped.get(), "{} compared, {} skipped", compared.get(), skipped.get());
}

/// A step of plain descent at rate 1 subtracts the gradient of all that the trainer was asked to minimize: the
/// examples' losses by their weights, on targets that are spread over the classes, and the penalties, which act on
/// weights alone. Layer normalization acts within each example, so that their gradients can be added up.
#[test]
fn trainer_step_follows_the_whole_gradient() {
    let activations = prop::sample::select(&[Activation::Tanh, Activation::Relu, Activation::Gelu][..]);
    let case = (1..=5usize, 1..=6usize, activations, any::<bool>(), 1..=8usize, any::<u64>());
    let config = ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() };
    let compared = Cell::new(0);
    let outcome = TestRunner::new(config).run(&case, |(inputs, width, g, normalized, examples, seed)| {
        let mut items = vec![Dense(width), LayerNorm, Function(g), Dense(3), Function(Activation::Softmax)];
        if !normalized {
            items.remove(1);
        }
        let network = build(inputs, &items, seed);
        let mut rng = Rng::stream(seed, 3000);
        let x = normals(examples, inputs, &mut rng);
        let labels: Vec<u32> = (0..examples).map(|_| rng.below(3) as u32).collect();
        let counts: Vec<f32> = (0..examples).map(|_| rng.below(4) as f32 * 0.7).collect();
        let (l1, l2, smoothing) = (0.03f32, 0.2f32, 0.15f32);

        let data = Dataset::from_classes(x.clone(), labels.clone(), ["a", "b", "c"]).unwrap();
        let penalty = Penalty::default().l1(l1).l2(l2);
        let trainer =
            Trainer::new(Loss::CrossEntropy, Sgd::new(1.0)).penalty(penalty).label_smoothing(f64::from(smoothing));
        let trainer = trainer.example_weights(ExampleWeights::Examples(counts.clone())).schedule(Schedule::Constant);
        let mut after = network.clone();
        trainer.epochs(1).batch_size(examples).fit(&mut after, &data).unwrap();
        let taken: Vec<f32> = flat(&network).iter().zip(flat(&after)).map(|(before, after)| before - after).collect();

        let layers = copy(inputs, &items, &network);
        let mut truth = vec![Some(0.0); taken.len()];
        let mut gain = 1.0f64;
        for ((x, &label), &count) in double(&x).into_iter().zip(&labels).zip(&counts) {
            let spread = f64::from(smoothing) / 3.0;
            let y: Vec<f64> =
                (0..3).map(|j| if j == label { 1.0 - f64::from(smoothing) + spread } else { spread }).collect();
            let (x, y) = (vec![x], vec![y]);
            let (_, _, corners) = oracle::run(&layers, Loss::CrossEntropy, &x, &y);
            if corners.nearest < 1e-3 || corners.gain > 10.0 {
                return Ok(());
            }
            gain = gain.max(corners.gain);
            let part = f64::from(count) / examples as f64;
            for (sum, g) in truth.iter_mut().zip(oracle::gradient(&layers, Loss::CrossEntropy, &x, &y)) {
                *sum = sum.zip(g).map(|(sum, g)| sum + part * g);
            }
        }
        // The penalties' own slope, by differences too.
        let is_weight = network.layers().iter().flat_map(|layer| layer.parameters());
        let is_weight = is_weight.flat_map(|(name, values)| vec![name == "weights"; values.len()]);
        for ((sum, w), is_weight) in truth.iter_mut().zip(flat(&network)).zip(is_weight) {
            let (w, h) = (f64::from(w), 1e-5);
            let of = |w: f64| f64::from(l1) * w.abs() + f64::from(l2) / 2.0 * w * w;
            *sum = match is_weight {
                true => sum.filter(|_| w.abs() > h).map(|sum| sum + (of(w + h) - of(w - h)) / (2.0 * h)),
                false => *sum,
            };
        }
        compared.set(compared.get() + 1);
        agree(&taken, &truth, 1.0, gain).map(|_| ()).map_err(TestCaseError::fail)
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
    assert!(compared.get() >= 100, "{} compared", compared.get());
}

/// Without chance: every loss after every activation that it is defined for, in the output and in a
/// hidden layer.
#[test]
fn gradients_of_every_activation_and_loss() {
    let (mut compared, mut refused) = (0, 0);
    for loss in LOSSES {
        for g in ACTIVATIONS {
            let small = build(2, &[Dense(3), Function(g)], 1);
            assert_eq!(
                small.loss(loss, &Matrix::zeros(1, 2), &Matrix::zeros(1, 3), &mut Default::default()).is_ok(),
                suits(loss, g),
                "{loss} after {g}"
            );
            let mut networks = Vec::new();
            if suits(loss, g) {
                networks.push(vec![Dense(4), Function(g)]);
                networks.push(vec![Dense(5), Function(Activation::Tanh), Dense(3), Function(g)]);
            } else {
                refused += 1;
            }
            let ends = [Activation::Identity, Activation::Sigmoid, Activation::Softmax];
            let last = ends.into_iter().find(|&last| suits(loss, last)).unwrap();
            networks.push(vec![Function(g), Dense(6), Function(g), Dense(3), Function(last)]);
            for items in networks {
                // Some seeds may lie near a corner, not all.
                let cases = (0..6).map(|seed| Case { inputs: 3, items: items.clone(), loss, examples: 4, seed });
                let count = cases.map(|c| check(&c).unwrap_or_else(|e| panic!("{c:?}: {e}"))).filter(|&c| c).count();
                assert!(count > 0, "{items:?} with {loss}: nothing compared");
                compared += count;
            }
        }
    }
    // Of 16 activations, the binary cross-entropy takes 3, the cross-entropy 1, and the two losses of logits 1.
    assert_eq!(refused, 13 + 15 + 2 * 15);
    assert!(compared > 1000, "{compared}");
}

#[test]
fn deep_gradients_neither_vanish_nor_explode() {
    for seed in 0..10 {
        let builder = (1..20).fold(Network::builder(32), |builder, _| builder.dense(32, Activation::Relu));
        let network = builder.dense(32, Activation::Identity).seed(seed).build().unwrap();
        let mut rng = Rng::stream(seed, 7);
        let (x, y) = (normals(64, 32, &mut rng), normals(64, 32, &mut rng));
        let mut workspace = Workspace::new(&network, 0);
        workspace.forward(&network, &x);
        workspace.backward(&network, Loss::MeanSquaredError, &y).unwrap();
        let norm = |values: &[f32]| values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let layers: Vec<&[f32]> = workspace.gradient().chunks(32 * 32 + 32).collect();
        assert_eq!(layers.len(), 20);
        // The weights' gradient has the layer's input as a factor, which may shrink as much one way as the error does
        // the other way; the bias's gradient is the error alone.
        for (what, part) in [("weights", 0..32 * 32), ("bias", 32 * 32..32 * 33)] {
            let ratio = norm(&layers[0][part.clone()]) / norm(&layers[19][part]);
            assert!((0.05..=20.0).contains(&ratio), "seed {seed}: {what} of the first layer: {ratio} of the last's");
        }
    }
}
