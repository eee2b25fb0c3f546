//! Dropout masks.

use super::{Dense, Function, Item, agree, build, copy, double, normals, oracle, targets};
use palmnet::compute::Rng;
use palmnet::nn::Layer;
use palmnet::{Activation, Loss, Matrix, Network, Workspace};

/// The factors of dropout for each entry of the hidden layer in its first pass, read off a network that puts out
/// the hidden layer unchanged. Equal seeds and shapes have equal masks.
fn mask(inputs: usize, width: usize, rate: f32, x: &Matrix, seed: u64) -> Vec<Vec<f64>> {
    let network = dropout_network(inputs, &[Dense(width), Function(Activation::Sigmoid)], rate, &[], 5);
    let mut workspace = Workspace::new(&network, seed);
    let (dropped, whole) = (workspace.forward(&network, x), network.predict(x));
    let ratio = dropped.as_slice().iter().zip(whole.as_slice()).map(|(d, w)| f64::from(d / w)).collect::<Vec<_>>();
    let kept = 1.0 / (1.0 - f64::from(rate));
    for factor in &ratio {
        assert!(*factor == 0.0 || (factor / kept - 1.0).abs() < 1e-6, "dropout multiplied by {factor}");
    }
    ratio.chunks(width).map(|row| row.iter().map(|&f| if f == 0.0 { 0.0 } else { kept }).collect()).collect()
}

fn dropout_network(inputs: usize, before: &[Item], rate: f32, after: &[Item], seed: u64) -> Network {
    let mut layers = build(inputs, before, seed).layers().to_vec();
    layers.push(Layer::Dropout(palmnet::nn::Dropout::new(rate).unwrap()));
    let width = layers.iter().fold(inputs, |width, layer| layer.outputs(width));
    if !after.is_empty() {
        layers.extend(build(width, after, seed + 1).layers().to_vec());
    }
    Network::from_layers(inputs, layers).unwrap()
}

#[test]
fn dropout_mask_is_the_same_in_the_backward_pass() {
    for (seed, rate) in [(1, 0.5), (2, 0.2), (3, 0.8), (4, 0.35)] {
        let (inputs, width, examples) = (4, 9, 8);
        let before = [Dense(width), Function(Activation::Tanh)];
        let after = [Dense(5), Function(Activation::Silu), Dense(3), Function(Activation::Softmax)];
        let network = dropout_network(inputs, &before, rate, &after, seed);
        let mut rng = Rng::new(seed);
        let x = normals(examples, inputs, &mut rng);
        let y = targets(Loss::CrossEntropy, examples, 3, &mut rng);

        let mask = mask(inputs, width, rate, &x, seed);
        let dropped = mask.iter().flatten().filter(|&&f| f == 0.0).count();
        assert!(dropped > 0 && dropped < width * examples, "{dropped} dropped");
        let mut layers = copy(inputs, &[&before[..], &after[..]].concat(), &network);
        layers.insert(before.len(), oracle::Layer::Mask(mask));

        let mut workspace = Workspace::new(&network, seed);
        workspace.forward(&network, &x);
        let loss = workspace.backward(&network, Loss::CrossEntropy, &y).unwrap();
        let (x, y) = (double(&x), double(&y));
        let (outputs, value, _) = oracle::run(&layers, Loss::CrossEntropy, &x, &y);
        assert!((loss - value).abs() < 1e-5 * value, "loss {loss} for {value}");
        let slope = oracle::slope(Loss::CrossEntropy, &outputs, &y);
        let truth = oracle::gradient(&layers, Loss::CrossEntropy, &x, &y);
        assert_eq!(agree(workspace.gradient(), &truth, slope, 1.0), Ok(truth.len()));
    }
}

#[test]
fn dropout_keeps_the_expectation() {
    let rate = 0.3;
    let network = dropout_network(3, &[Dense(7), Function(Activation::Sigmoid)], rate, &[], 9);
    let x = normals(2, 3, &mut Rng::new(9));
    let whole = network.predict(&x);
    let mut workspace = Workspace::new(&network, 9);
    let passes = 20_000;
    let mut sum = [0.0; 14];
    let mut pairs = 0;
    for _ in 0..passes {
        let output = workspace.forward(&network, &x).as_slice();
        sum.iter_mut().zip(output).for_each(|(s, &o)| *s += f64::from(o));
        pairs += usize::from(output[0] == 0.0 && output[8] == 0.0);
    }
    // An entry's factor has variance rate / (1 - rate); five standard deviations of the mean of all passes.
    let bound = 5.0 * (f64::from(rate) / (1.0 - f64::from(rate)) / f64::from(passes)).sqrt();
    for (s, &w) in sum.iter().zip(whole.as_slice()) {
        let ratio = s / f64::from(passes) / f64::from(w);
        assert!((ratio - 1.0).abs() < bound, "the mean is {ratio} times the whole");
    }
    // Two entries are dropped independently: together in rate² of the passes.
    let both = pairs as f64 / f64::from(passes);
    assert!((both - 0.09).abs() < 0.01, "{both}");
}
