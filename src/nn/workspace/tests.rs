//! Own training loops against finite differences and calculations by hand.

use super::*;
use crate::base::rng::Rng;
use crate::nn::activation::Activation::{Gelu, Identity, Sigmoid, Softmax, Tanh};
use crate::nn::network::Scratch;

fn normals(rows: usize, columns: usize, seed: u64) -> Matrix {
    let mut rng = Rng::new(seed);
    Matrix::from_fn(rows, columns, |_, _| rng.normal() as f32)
}

/// Networks of every kind of layer, also as the first and as the last; none has a corner.
fn networks() -> Vec<Network> {
    let builders = [
        Network::builder(3).dense(5, Tanh).dense(2, Identity),
        Network::builder(3).dense(5, Gelu).layer_norm().dense(4, Sigmoid).dense(2, Softmax),
        Network::builder(3).batch_norm().dense(6, Identity).batch_norm().activation(Tanh).dense(2, Sigmoid),
        Network::builder(3).noise(0.1).activation(Tanh).dropout(0.3).dense(4, Identity).batch_norm().dense(2, Gelu),
        Network::builder(3).layer_norm().dense(4, Tanh).dropout(0.4).dense(2, Tanh).dropout(0.1),
    ];
    let mut networks: Vec<Network> = builders.into_iter().map(|b| b.seed(5).build().unwrap()).collect();
    for network in &mut networks {
        let mut rng = Rng::new(8);
        network.change_tensors(|values| values.iter_mut().for_each(|x| *x += 0.1 + 0.2 * rng.uniform() as f32));
    }
    networks
}

fn weighted_sum(outputs: &Matrix, weights: &Matrix) -> f64 {
    outputs.as_slice().iter().zip(weights.as_slice()).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Compares a gradient with central differences of the function.
fn assert_gradient(gradient: &Matrix, x: &Matrix, name: &str, function: impl Fn(&Matrix) -> f64) {
    assert_eq!(gradient.shape(), x.shape());
    let step = 1e-2;
    for i in 0..x.as_slice().len() {
        let at = |shift: f32| {
            let mut x = x.clone();
            x.as_mut_slice()[i] += shift;
            function(&x)
        };
        let (got, slope) = (f64::from(gradient.as_slice()[i]), (at(step) - at(-step)) / (2.0 * f64::from(step)));
        assert!((got - slope).abs() < 3e-3 * slope.abs().max(1.0), "{name}, input {i}: {got} for {slope}");
    }
}

#[test]
fn input_gradient_agrees_with_differences() {
    let (x, weights) = (normals(5, 3, 1), normals(5, 2, 2));
    for network in networks() {
        let name = network.to_string();
        assert_gradient(&network.input_gradient(&x, &weights), &x, &name, |x| {
            weighted_sum(&network.predict(x), &weights)
        });
        // The first pass of a seed drops the same entries.
        for frozen in 0..network.layers().len() {
            let fresh = || Workspace::new(&network, 3).freeze(&network, frozen);
            let mut workspace = fresh();
            workspace.forward(&network, &x);
            workspace.backward_from(&network, &weights);
            let gradient = workspace.input_gradient(&network).clone();
            assert_eq!(workspace.input_gradient(&network), &gradient, "asked for once more");
            assert_gradient(&gradient, &x, &format!("{name}, {frozen} frozen"), |x| {
                weighted_sum(fresh().forward(&network, x), &weights)
            });
        }
    }
}

#[test]
fn backward_from_a_loss_gradient_is_backward() {
    let (x, y) = (normals(6, 3, 1), normals(6, 2, 2));
    for network in networks() {
        let (mut one, mut other) = (Workspace::new(&network, 1), Workspace::new(&network, 1));
        one.forward(&network, &x);
        let value = one.backward(&network, Loss::MeanSquaredError, &y).unwrap();
        let outputs = other.forward(&network, &x).clone();
        let mut gradient = Matrix::default();
        assert_eq!(Loss::MeanSquaredError.value_and_gradient(&outputs, &y, &mut gradient), value);
        other.backward_from(&network, &gradient);
        assert_eq!(one.gradient(), other.gradient());
        // Backward twice from one forward pass.
        one.backward_from(&network, &gradient);
        assert_eq!(one.gradient(), other.gradient());
    }
}

#[test]
fn step_is_both_passes_and_the_running_statistics() {
    let (x, y) = (normals(6, 3, 1), Matrix::from_fn(6, 2, |i, j| f32::from(i % 2 == j)));
    for network in networks() {
        let (loss, wrong) = match network.output_activation() {
            Softmax => (Loss::CrossEntropy, Loss::CrossEntropyLogits),
            Sigmoid => (Loss::BinaryCrossEntropy, Loss::CrossEntropy),
            Identity => (Loss::CrossEntropyLogits, Loss::CrossEntropy),
            _ => (Loss::Pinball(0.3), Loss::BinaryCrossEntropy),
        };
        let (mut by_hand, mut by_step) = (network.clone(), network.clone());
        let (mut one, mut other) = (Workspace::new(&network, 1), Workspace::new(&network, 1));
        one.forward(&by_hand, &x);
        let value = one.backward(&by_hand, loss, &y).unwrap();
        one.update_running(&mut by_hand);
        assert_eq!(other.step(&mut by_step, loss, &x, &y).unwrap(), value);
        assert_eq!((one.gradient(), &by_hand), (other.gradient(), &by_step));
        assert!(other.step(&mut by_step, wrong, &x, &y).is_err());
    }
}

#[test]
fn infinite_loss_leaves_running_statistics() {
    let mut network = Network::builder(1).batch_norm().dense(1, Identity).build().unwrap();
    let before = network.clone();
    let x = Matrix::from_rows(&[[1.0], [f32::INFINITY]]);
    let loss = Workspace::new(&network, 0).step(&mut network, Loss::MeanSquaredError, &x, &x).unwrap();
    assert!(!loss.is_finite());
    assert_eq!(network, before);
}

#[test]
fn activations_are_those_of_the_layers() {
    let x = normals(4, 3, 1);
    let network = &networks()[1];
    let mut workspace = Workspace::new(network, 1);
    let outputs = workspace.forward(network, &x).clone();
    for layer in 0..network.layers().len() {
        // By hand: the first layers as a network.
        let first = Network::from_layers(3, network.layers()[..=layer].to_vec()).unwrap();
        let expected = first.predict(&x);
        assert_eq!(network.activations(&x, layer), expected, "layer {layer}");
        // The sigmoid overwrites the outputs of its dense layer.
        let kept = !(matches!(network.layers().get(layer + 1), Some(Layer::Activation(Sigmoid))));
        assert_eq!(workspace.activations(network, layer), kept.then_some(&expected), "layer {layer}");
    }
    assert_eq!(network.predict(&x), outputs);
    let y = Matrix::from_fn(4, 2, |i, j| f32::from(i % 2 == j));
    workspace.step(&mut network.clone(), Loss::CrossEntropy, &x, &y).unwrap();
    assert_eq!(workspace.activations(network, network.layers().len() - 1), None);
    let loss = network.loss(Loss::CrossEntropy, &x, &y, &mut Scratch::default()).unwrap();
    let mean = (0..4).map(|i| -f64::from(outputs[(i, i % 2)]).ln()).sum::<f64>() / 4.0;
    assert!((loss - mean).abs() < 1e-6, "{loss} for {mean}");
}

#[test]
fn frozen_layers_have_no_gradient() {
    let mut network = networks().swap_remove(2);
    let mut workspace = Workspace::new(&network, 1).freeze(&network, 3);
    let (before, y) = (network.clone(), Matrix::from_fn(6, 2, |i, j| f32::from(i % 2 == j)));
    workspace.step(&mut network, Loss::BinaryCrossEntropy, &normals(6, 3, 1), &y).unwrap();
    assert_eq!(network, before, "running statistics of frozen layers");
    let first: usize = network.layers()[..3].iter().flat_map(Layer::parameters).map(|(_, v)| v.len()).sum();
    let (frozen, trained) = workspace.gradient().split_at(first);
    assert!(frozen.iter().all(|g| *g == 0.0) && trained.iter().all(|g| *g != 0.0));
}

#[test]
fn other_networks_and_missing_passes_are_refused() {
    let networks = networks();
    let x = normals(2, 3, 1);
    for (i, network) in networks.iter().enumerate() {
        for (j, other) in networks.iter().enumerate() {
            let mut workspace = Workspace::new(network, 0);
            let call = std::panic::AssertUnwindSafe(|| _ = workspace.forward(other, &x));
            assert_eq!(std::panic::catch_unwind(call).is_ok(), i == j, "{i}, {j}");
        }
    }
    let network = &networks[1];
    let y = Matrix::filled(2, 2, 0.5);
    let calls: [fn(&mut Workspace, &Network, &Matrix); 4] = [
        |workspace, network, y| workspace.backward_from(network, y),
        |workspace, network, y| _ = workspace.backward(network, Loss::CrossEntropy, y),
        |workspace, network, _| _ = workspace.input_gradient(network),
        |workspace, network, _| _ = workspace.activations(network, 0),
    ];
    for call in calls {
        let mut workspace = Workspace::new(network, 0);
        let call = std::panic::AssertUnwindSafe(|| call(&mut workspace, network, &y));
        assert!(std::panic::catch_unwind(call).is_err());
    }
}

#[test]
fn debug_is_short() {
    let network = Network::builder(784).dense(512, Tanh).dense(10, Softmax).build().unwrap();
    let text = format!("{:?}", Workspace::new(&network, 1));
    let expected = "Workspace { inputs: 784, layers: 4, parameters: 407050, frozen: 0, passes: 0, .. }";
    assert_eq!(text, expected);
}
