//! The state of an optimizer, saved and restored in a training loop of the user's own.

use palmnet::compute::Rng;
use palmnet::error::ErrorKind;
use palmnet::nn::NetworkBuilder;
use palmnet::optim::Optimizer;
use palmnet::unversioned::Safetensors;
use palmnet::{Activation::*, Adam, Network, Sgd};

use crate::support::{network_bits, rules};

fn builder() -> NetworkBuilder {
    Network::builder(3).dense(5, Tanh).layer_norm().dense(2, Softmax).seed(1)
}

fn gradients(network: &Network) -> Vec<Vec<f32>> {
    let mut rng = Rng::new(4);
    (0..8).map(|_| (0..network.parameter_count()).map(|_| rng.normal() as f32).collect()).collect()
}

#[test]
fn restored_optimizer_takes_the_same_steps() {
    for rule in rules(0.1) {
        let mut network = builder().build().unwrap();
        let gradients = gradients(&network);
        let mut optimizer = Optimizer::new(rule, &network);
        gradients[..4].iter().for_each(|gradient| optimizer.step(&mut network, gradient));
        optimizer.set_learning_rate(1.0 / 3.0);
        let (mut copy, state) = (network.clone(), optimizer.state());
        gradients[4..].iter().for_each(|gradient| optimizer.step(&mut network, gradient));

        let mut restored = Optimizer::new(rule, &copy);
        restored.restore(&state).unwrap();
        assert_eq!((restored.steps(), restored.learning_rate()), (4, 1.0 / 3.0));
        assert_eq!(restored.state(), state);
        gradients[4..].iter().for_each(|gradient| restored.step(&mut copy, gradient));
        assert_eq!(network_bits(&network), network_bits(&copy), "{rule}");
    }
}

#[test]
fn state_of_another_optimizer_is_refused() {
    let network = builder().build().unwrap();
    let mut optimizer = Optimizer::new(Adam::new(0.01), &network);
    let before = optimizer.state();
    let larger = Network::builder(4).dense(5, Tanh).dense(2, Softmax).build().unwrap();
    let mut damaged = Safetensors::from_bytes(&before, "state").unwrap();
    damaged.metadata.insert("steps".into(), "many".into());
    let mut lacking = damaged.clone();
    lacking.metadata.remove("rule");
    let mut short = Safetensors::from_bytes(&before, "state").unwrap();
    short.tensors.pop();
    for (state, kind, message) in [
        (
            Optimizer::new(Adam::new(0.02), &network).state(),
            ErrorKind::Mismatch,
            "is of the optimizer adam(learning_rate=0.02",
        ),
        (Optimizer::new(Sgd::new(0.01), &network).state(), ErrorKind::Mismatch, "is of the optimizer sgd("),
        (
            Optimizer::new(Adam::new(0.01), &larger).state(),
            ErrorKind::Mismatch,
            "not that of an optimizer of weights 15, bias 5",
        ),
        (short.to_bytes(), ErrorKind::Mismatch, "of 42 parameters"),
        (damaged.to_bytes(), ErrorKind::Format, "the optimizer's state: `steps` is not a number"),
        (lacking.to_bytes(), ErrorKind::Format, "lacks its `rule`"),
        (network.parameters().map(|_| 0).collect(), ErrorKind::Format, "the optimizer's state: "),
        (before[..before.len() - 1].to_vec(), ErrorKind::Format, "the optimizer's state: "),
    ] {
        let error = optimizer.restore(&state).unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(message), "{error}, not {message}");
        assert_eq!(optimizer.state(), before);
    }
}
