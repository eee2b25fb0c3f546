//! Training that continues from call to call.

use palmnet::Activation::*;
use palmnet::optim::{Lbfgs, Optimizer, Rule};
use palmnet::train::ExampleWeights;
use palmnet::unversioned::Safetensors;
use palmnet::{Adam, Dataset, Error, Loss, Matrix, Network, Penalty, Sgd, Trainer, Workspace, generate};

use crate::support::{network_bits, rules, says, scaled_digits};

fn network() -> Network {
    Network::builder(64).dense(30, Relu).dropout(0.2).dense(10, Softmax).seed(3).build().unwrap()
}

fn trainer(rule: impl Into<Rule>) -> Trainer {
    Trainer::new(Loss::CrossEntropy, rule).batch_size(32).seed(7)
}

/// A call with one mini-batch is a step of a loop of one's own, with the same dropout and the same bits.
#[test]
fn single_steps_match_a_loop_over_workspace_and_optimizer() {
    let data = scaled_digits(160);
    let penalty = Penalty::default().weight_decay(0.01);
    let mut trained = network();
    let mut online = trainer(Adam::new(0.01)).penalty(penalty).online(&trained).unwrap();
    let mut expected = network();
    let mut workspace = Workspace::new(&expected, 7);
    let mut optimizer = Optimizer::new(Adam::new(0.01), &expected).penalty(penalty);
    let (mut x, mut y) = (Matrix::default(), Matrix::default());
    for start in (0..160).step_by(32) {
        let rows: Vec<usize> = (start..start + 32).collect();
        let loss = online.partial_fit(&mut trained, &data.select(&rows)).unwrap();
        data.gather(&rows, &mut x);
        data.gather_targets(&rows, 10, &mut y);
        assert_eq!(loss, workspace.step(&mut expected, Loss::CrossEntropy, &x, &y).unwrap(), "from row {start}");
        optimizer.step(&mut expected, workspace.gradient());
        assert_eq!(network_bits(&trained), network_bits(&expected), "from row {start}");
    }
}

/// Large steps on several threads, and datasets of several shuffled mini-batches.
#[test]
fn thread_count_does_not_change_bits() {
    let data = scaled_digits(1000);
    let fit = |threads| {
        let mut network =
            Network::builder(64).dense(200, Relu).batch_norm().dense(10, Softmax).seed(3).build().unwrap();
        let trainer = trainer(Adam::new(0.01)).batch_size(150).threads(threads).clip_norm(1.0);
        let mut online = trainer.example_weights(ExampleWeights::Balanced).online(&network).unwrap();
        let losses: Vec<u64> = (0..3).map(|_| online.partial_fit(&mut network, &data).unwrap().to_bits()).collect();
        (network_bits(&network), losses)
    };
    let expected = fit(1);
    for threads in [2, 3] {
        assert_eq!(fit(threads), expected, "{threads} threads");
    }
}

/// The optimizer is kept: with momentum, two calls are not two trainings of one step each.
#[test]
fn moments_are_kept_from_call_to_call() {
    let data = scaled_digits(32);
    let step = |calls: &[usize]| {
        let mut network = network();
        for &steps in calls {
            let mut online = trainer(Sgd::new(0.1).momentum(0.9)).online(&network).unwrap();
            (0..steps).for_each(|_| _ = online.partial_fit(&mut network, &data).unwrap());
        }
        network_bits(&network)
    };
    assert_eq!(step(&[1]), step(&[1]));
    assert_ne!(step(&[2]), step(&[1, 1]));
}

#[test]
fn streams_are_learned_from() {
    let test = generate::moons(1000, 0.1, 99);
    let mut network = Network::builder(2).dense(16, Relu).dense(2, Softmax).seed(1).build().unwrap();
    let mut online = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).online(&network).unwrap();
    let stream = |from: u64| (from..from + 200).map(|seed| Ok(generate::moons(100, 0.1, seed)));
    let first = online.fit_batches(&mut network, stream(100)).unwrap();
    online.set_learning_rate(0.003).unwrap();
    let second = online.fit_batches(&mut network, stream(500)).unwrap();
    assert_eq!(online.learning_rate(), 0.003);
    assert!(second < 0.5 * first && second < 0.05, "{first}, then {second}");
    let outputs = network.predict_dataset(&test).unwrap();
    let labels = test.labels().unwrap();
    let right = outputs.iter_rows().zip(labels).filter(|(row, label)| (row[1] > row[0]) == (**label == 1)).count();
    assert!(right > 970, "{right} of 1000");
    assert!(online.fit_batches(&mut network, []).unwrap().is_nan());
    // An error of the stream ends it, and what was learned stays.
    let before = network_bits(&network);
    let failing = [Err(Error::Setting("the disk is gone".into())), Ok(test)];
    says(online.fit_batches(&mut network, failing), &["the disk is gone"]);
    assert_eq!(network_bits(&network), before);
}

#[test]
fn unusable_data_networks_and_settings_are_refused() {
    let (data, network) = (scaled_digits(40), network());
    says(trainer(Lbfgs::default()).online(&network), &["L-BFGS needs all data at once"]);
    says(trainer(Adam::new(0.01)).batch_size(0).online(&network), &["batch size"]);
    says(trainer(Adam::new(0.01)).freeze(2).online(&network), &["nothing is trained"]);
    let mut online = trainer(Adam::new(0.01)).online(&network).unwrap();
    for rate in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        says(online.set_learning_rate(rate), &[&format!("learning rate {rate}")]);
    }
    let mut other = Network::builder(64).dense(31, Relu).dropout(0.2).dense(10, Softmax).build().unwrap();
    says(online.partial_fit(&mut other, &data), &["other layers"]);
    let mut same = network.clone();
    says(online.partial_fit(&mut same, &data.select(&[])), &["no examples"]);
    says(online.partial_fit(&mut same, &generate::moons(10, 0.1, 1)), &["64 inputs", "2 features"]);
    assert_eq!(network_bits(&same), network_bits(&network));
}

/// The second of two mini-batches diverges: the weights from before the call come back.
#[test]
fn diverged_call_restores_the_weights() {
    let mut network = Network::builder(1).dense(1, Identity).seed(1).build().unwrap();
    let before = network_bits(&network);
    let trainer = Trainer::new(Loss::MeanSquaredError, Sgd::new(1e30)).batch_size(2);
    let mut online = trainer.online(&network).unwrap();
    let data = Dataset::from_values(Matrix::filled(4, 1, 1.0), Matrix::filled(4, 1, 5.0)).unwrap();
    says(online.partial_fit(&mut network, &data), &["Lower the learning rate"]);
    assert_eq!(network_bits(&network), before);
}

/// Saved after any call, through a file, the training continues with the same bits.
#[test]
fn saved_state_goes_on_with_the_same_bits() {
    let data = scaled_digits(100);
    for rule in rules(1.0).into_iter().filter(|rule| !matches!(rule, Rule::Lbfgs(_))) {
        let online = |network: &Network| trainer(rule).clip_value(0.5).online(network).unwrap();
        let (mut network, mut later) = (network(), None);
        let mut undisturbed = online(&network);
        for call in 0..4 {
            undisturbed.partial_fit(&mut network, &data).unwrap();
            if call == 1 {
                undisturbed.set_learning_rate(0.004).unwrap();
                later = Some((network.clone(), undisturbed.state()));
            }
        }
        let (mut again, bytes) = later.unwrap();
        let mut resumed = online(&again);
        resumed.restore(&bytes).unwrap();
        assert_eq!(resumed.learning_rate(), 0.004);
        (0..2).for_each(|_| _ = resumed.partial_fit(&mut again, &data).unwrap());
        assert_eq!(network_bits(&again), network_bits(&network), "{rule}");
        assert_eq!(resumed.state(), undisturbed.state(), "{rule}");
    }
}

#[test]
fn unusable_states_are_refused() {
    let data = scaled_digits(32);
    let mut network = network();
    let mut online = trainer(Adam::new(0.01)).online(&network).unwrap();
    online.partial_fit(&mut network, &data).unwrap();
    let whole = online.state();
    let fresh = |rule: Rule, network: &Network| trainer(rule).online(network).unwrap();
    let other = Network::builder(64).dense(10, Softmax).build().unwrap();
    says(fresh(Adam::new(0.01).into(), &other).restore(&whole), &["not that of an optimizer", "weights 640, bias 10"]);
    says(fresh(Adam::new(0.01).amsgrad().into(), &network).restore(&whole), &["is of the optimizer", "amsgrad"]);
    let file = Safetensors::from_bytes(&whole, "").unwrap();
    for (name, value) in [("steps", "-1"), ("steps", ""), ("learning_rate", "-1"), ("learning_rate", "NaN")] {
        let mut state = file.clone();
        state.metadata.insert(name.into(), value.into()).expect("the member is there");
        says(online.restore(&state.to_bytes()), &["the state is damaged"]);
    }
    for tensor in 0..2 {
        let mut state = file.clone();
        state.tensors[tensor].data[5] = f32::NAN;
        says(online.restore(&state.to_bytes()), &["the state is damaged"]);
        let mut state = file.clone();
        state.tensors.remove(tensor);
        says(online.restore(&state.to_bytes()), &["not that of an optimizer"]);
    }
    says(online.restore(&Safetensors::default().to_bytes()), &["not the state of an optimizer"]);
    assert_eq!(online.state(), whole);
}
