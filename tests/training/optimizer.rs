//! Update rules, penalties, clipping and schedules: against hand computation, and in a training.

use palmnet::Activation::*;
use palmnet::nn::{Dense, Layer};
use palmnet::optim::{AdaGrad, NAdam, Optimizer, RmsProp, Rprop, Rule, clip_norm};
use palmnet::{Adam, Dataset, Loss, Matrix, Network, Penalty, Run, Schedule, Sgd, Trainer, Workspace, generate};

use crate::support::{self, flat, rules, says};

/// One dense layer of weights 2, -4 and 0 and a bias of 3.
fn four_parameters() -> Network {
    let dense = Dense::new(Matrix::from_vec(3, 1, vec![2.0, -4.0, 0.0]), vec![3.0]);
    Network::from_layers(3, vec![Layer::Dense(dense)]).unwrap()
}

/// As near as single precision allows to numbers that were computed by hand.
#[track_caller]
fn close(got: &[f32], truth: &[f32]) {
    assert_eq!(got.len(), truth.len());
    for (&got, &truth) in got.iter().zip(truth) {
        support::close(f64::from(got), f64::from(truth), f64::from(1e-6 * truth.abs().max(1.0)));
    }
}

/// The four parameters after one step at 0.1.
fn after(rule: impl Into<Rule>, penalty: Penalty, clip: f32, gradient: [f32; 4]) -> Vec<f32> {
    let mut network = four_parameters();
    Optimizer::new(rule, &network).penalty(penalty).clip_value(clip).step(&mut network, &gradient);
    flat(&network)
}

#[test]
fn penalties_match_hand_computation() {
    let none = Penalty::default();
    let step = |penalty| after(Sgd::new(0.1), penalty, f32::INFINITY, [0.0; 4]);
    close(&step(none), &[2.0, -4.0, 0.0, 3.0]);
    close(&step(none.l1(0.5)), &[1.95, -3.95, 0.0, 3.0]);
    close(&step(none.l2(0.25)), &[1.95, -3.9, 0.0, 3.0]);
    close(&step(none.weight_decay(0.5)), &[1.9, -3.8, 0.0, 3.0]);
    close(&step(none.l1(0.5).biases()), &[1.95, -3.95, 0.0, 2.95]);
    close(&step(none.l2(0.25).biases()), &[1.95, -3.9, 0.0, 2.925]);
    close(&step(none.weight_decay(0.5).biases()), &[1.9, -3.8, 0.0, 2.85]);
    // All together, from the weights as they were: 0.95 · 2 - 0.1 (1 + 0.25 · 2 + 0.5).
    let all = none.l1(0.5).l2(0.25).weight_decay(0.5);
    close(&after(Sgd::new(0.1), all, f32::INFINITY, [1.0; 4]), &[1.7, -3.75, -0.1, 2.9]);
}

/// Biases and the scales and shifts of normalization are not penalized unless that is requested.
#[test]
fn penalties_spare_biases_and_normalization() {
    let builder = Network::builder(3).dense(4, Tanh).batch_norm().dense(2, Identity).layer_norm();
    for penalty in [Penalty::default().l1(0.1), Penalty::default().l2(0.1), Penalty::default().weight_decay(0.1)] {
        for (penalty, asked) in [(penalty, false), (penalty.biases(), true)] {
            let mut network = builder.build().unwrap();
            network.parameters_mut().flatten().for_each(|w| *w = 1.0);
            let nothing = vec![0.0; network.parameter_count()];
            Optimizer::new(Sgd::new(0.5), &network).penalty(penalty).step(&mut network, &nothing);
            let tensors = network.layers().iter().flat_map(|layer| layer.parameters());
            for (name, values) in tensors {
                let expected = if asked || name == "weights" { 0.95 } else { 1.0 };
                assert!(values.iter().all(|&w| w == expected), "{name} {values:?} {penalty:?}");
            }
        }
    }
}

/// Adam divides the L2 gradient by its root mean square, so the first step is the learning rate; decay bypasses that.
#[test]
fn weight_decay_is_decoupled() {
    let step = |penalty| after(Adam::new(0.1), penalty, f32::INFINITY, [0.0; 4]);
    close(&step(Penalty::default().l2(0.5)), &[1.9, -3.9, 0.0, 3.0]);
    close(&step(Penalty::default().weight_decay(0.5)), &[1.9, -3.8, 0.0, 3.0]);
}

#[test]
fn gradients_are_clipped_before_penalties() {
    let gradient = [5.0, -5.0, 0.5, 5.0];
    let step = |penalty| after(Sgd::new(0.1), penalty, 1.0, gradient);
    close(&step(Penalty::default()), &[1.9, -3.9, -0.05, 2.9]);
    close(&step(Penalty::default().l2(1.0)), &[1.7, -3.5, -0.05, 2.9]);
}

#[test]
fn clip_norm_returns_and_limits_the_norm() {
    // Of a length that no vector divides: 0² + … + 99² = 328 350.
    let mut gradient: Vec<f32> = (0..100).map(|i| i as f32 * if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let norm = 328_350f64.sqrt() as f32;
    let before = gradient.clone();
    assert_eq!(clip_norm(&mut gradient, 600.0), norm);
    assert_eq!(gradient, before);
    assert_eq!(clip_norm(&mut gradient, 6.0), norm);
    close(&[clip_norm(&mut gradient, 600.0)], &[6.0]);
    close(&[gradient[50] * norm / 6.0, gradient[99] * norm / 6.0], &[50.0, -99.0]);
    // The squares of these are beyond single precision.
    let mut large = [3e30, 4e30];
    close(&[clip_norm(&mut large, 1.0) * 1e-30], &[5.0]);
    close(&large, &[0.6, 0.8]);
    // Clipping must not turn a non-finite gradient into a finite one.
    for bad in [f32::NAN, f32::INFINITY] {
        let mut gradient = [bad, 1.0];
        assert!(!clip_norm(&mut gradient, 0.5).is_finite());
        assert_eq!(gradient[1], 1.0);
    }
    assert_eq!(clip_norm(&mut [], 1.0), 0.0);
}

/// Rprop's steps when the sign stays, turns, is skipped, and stays again.
#[test]
fn rprop_matches_hand_computation() {
    let mut network = four_parameters();
    let mut optimizer = Optimizer::new(Rprop::new(0.1), &network);
    // Gradients so small that their product would be zero.
    for (gradient, weight) in [(1e-30, 1.9), (2e-30, 1.78), (-1e-30, 1.78), (-1e-30, 1.84), (-1e-30, 1.912)] {
        optimizer.step(&mut network, &[gradient, 0.0, 0.0, 0.0]);
        close(&flat(&network), &[weight, -4.0, 0.0, 3.0]);
    }
    // The largest and the smallest step.
    let mut network = four_parameters();
    let mut optimizer = Optimizer::new(Rprop::new(0.1).steps(0.09, 0.11), &network);
    for (gradient, weight) in [(1.0, 1.9), (1.0, 1.79), (-1.0, 1.79), (-1.0, 1.88)] {
        optimizer.step(&mut network, &[gradient, 0.0, 0.0, 0.0]);
        close(&flat(&network)[..1], &[weight]);
    }
}

#[test]
fn every_update_rule_learns_moons() {
    let data = generate::moons(300, 0.1, 1);
    for rule in rules(1.0) {
        // Rprop needs the whole gradient.
        let batch = if matches!(rule, Rule::Rprop(_)) { usize::MAX } else { 16 };
        let mut network = Network::builder(2).dense(16, Relu).dense(1, Sigmoid).seed(1).build().unwrap();
        let trainer = Trainer::new(Loss::BinaryCrossEntropy, rule).epochs(100).batch_size(batch);
        trainer.fit(&mut network, &data).unwrap();
        let accuracy = network.evaluate(&data).unwrap().accuracy().unwrap();
        assert!(accuracy > 0.97, "{rule:?}: {accuracy}");
    }
}

fn network(seed: u64) -> Network {
    Network::builder(2).dense(8, Tanh).dense(3, Identity).seed(seed).build().unwrap()
}

/// One epoch of one batch, as the trainer does it, in a custom loop.
fn custom_step(optimizer: impl FnOnce(Optimizer) -> Optimizer, data: &Dataset) -> (Vec<f32>, f64) {
    let mut network = network(1);
    let mut workspace = Workspace::new(&network, 0);
    let mut optimizer = optimizer(Optimizer::new(Sgd::new(0.5), &network));
    let (x, mut y) = (data.to_matrix(), Matrix::default());
    data.gather_targets(&(0..data.len()).collect::<Vec<_>>(), 3, &mut y);
    let loss = workspace.step(&mut network, Loss::MeanSquaredError, &x, &y).unwrap();
    optimizer.step(&mut network, workspace.gradient());
    (flat(&network), loss)
}

#[test]
fn trainer_applies_penalties_clipping_and_warmup() {
    let data = generate::sums(40, 1);
    let trainer = || {
        let trainer = Trainer::new(Loss::MeanSquaredError, Sgd::new(0.5)).schedule(Schedule::Constant);
        trainer.epochs(1).batch_size(40)
    };
    let fit = |trainer: Trainer| {
        let mut network = network(1);
        let loss = trainer.fit(&mut network, &data).unwrap().train_loss();
        (flat(&network), loss)
    };
    let penalty = Penalty::default().l1(0.1).l2(0.2).weight_decay(0.3);
    let (plain, plain_loss) = fit(trainer());
    let (penalized, loss) = fit(trainer().penalty(penalty));
    close(&penalized, &custom_step(|optimizer| optimizer.penalty(penalty), &data).0);
    assert!(penalized != plain);
    // The reported loss is without the penalty.
    assert_eq!(loss, plain_loss);
    assert!((loss / custom_step(|optimizer| optimizer, &data).1 - 1.0).abs() < 1e-6);
    let clipped = fit(trainer().clip_value(0.01)).0;
    close(&clipped, &custom_step(|optimizer| optimizer.clip_value(0.01), &data).0);
    assert!(clipped != plain);
    // A tenth of the rate in the first step of a warm-up.
    let start = flat(&network(1));
    let warm: Vec<f32> = fit(trainer().warmup(0.5)).0.iter().zip(&start).map(|(w, s)| s + (w - s) * 10.0).collect();
    assert!(warm.iter().zip(&plain).all(|(a, b)| (a - b).abs() < 1e-5), "{warm:?} for {plain:?}");
}

#[test]
fn schedules_set_the_rate_of_every_epoch() {
    let data = generate::moons(60, 0.1, 1);
    let rates = |schedule: Schedule, epochs| {
        let mut network = Network::builder(2).dense(4, Relu).dense(1, Sigmoid).seed(1).build().unwrap();
        let trainer = Trainer::new(Loss::BinaryCrossEntropy, Sgd::new(0.5)).schedule(schedule).epochs(epochs);
        let history = trainer.batch_size(10).fit(&mut network, &data).unwrap();
        history.epochs.iter().map(|epoch| epoch.learning_rate).collect::<Vec<f32>>()
    };
    assert_eq!(rates(Schedule::Step { epochs: 2, factor: 0.5 }, 5), [0.5, 0.5, 0.25, 0.25, 0.125]);
    assert_eq!(rates(Schedule::Exponential(0.5), 3), [0.5, 0.25, 0.125]);
    // The last of six steps each: 6⁻¹, 12⁻¹.
    close(&rates(Schedule::InverseScaling(1.0), 2), &[0.5 / 6.0, 0.5 / 12.0]);
}

/// On nearly random labels the validation loss soon stops decreasing.
#[test]
fn plateau_schedule_lowers_the_rate() {
    let (train, validation) = (generate::moons(60, 5.0, 1), generate::moons(60, 5.0, 2));
    let mut network = Network::builder(2).dense(30, Relu).dense(1, Sigmoid).seed(1).build().unwrap();
    let schedule = Schedule::Plateau { patience: 2, factor: 0.5 };
    let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.01)).schedule(schedule).epochs(60);
    let mut run = Run::default().validation_data(&validation);
    let history = trainer.fit_with(&mut network, &train, &mut run).unwrap();
    let (mut best, mut waited, mut rate) = (f64::INFINITY, 0, 0.01);
    for epoch in &history.epochs {
        assert_eq!(epoch.learning_rate, rate, "epoch {}", epoch.epoch);
        let loss = epoch.validation_loss.unwrap();
        waited = if loss < 0.9999 * best { 0 } else { waited + 1 };
        best = if waited == 0 { loss } else { best };
        if waited == 3 {
            (waited, rate) = (0, rate * 0.5);
        }
    }
    assert!(rate < 0.002 && history.train_loss() < history.epochs[0].train_loss, "{rate}");
}

/// Asserts that a trainer is refused with a message that contains all of `parts`.
#[track_caller]
fn refused(trainer: Trainer, parts: &[&str]) {
    let mut network = Network::builder(2).dense(1, Sigmoid).build().unwrap();
    says(trainer.fit(&mut network, &generate::moons(20, 0.1, 1)), parts);
}

fn with(rule: impl Into<Rule>) -> Trainer {
    Trainer::new(Loss::BinaryCrossEntropy, rule).epochs(1)
}

#[test]
fn invalid_rule_settings_are_refused() {
    for rate in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let rules: [Rule; 4] =
            [NAdam::new(rate).into(), AdaGrad::new(rate).into(), RmsProp::new(rate).into(), Rprop::new(rate).into()];
        rules.into_iter().for_each(|rule| refused(with(rule), &["learning rate", "more than zero"]));
    }
    for decay in [-0.1, 1.0, f32::NAN] {
        refused(with(RmsProp::new(0.1).decay(decay)), &["RMSProp's decay", "less than 1"]);
        refused(with(NAdam::new(0.1).betas(decay, 0.9)), &["NAdam's β₁", "less than 1"]);
        refused(with(NAdam::new(0.1).betas(0.9, decay)), &["NAdam's β₂", "less than 1"]);
        refused(with(Adam::new(0.1).betas(decay, 0.9)), &["Adam's β₁", "less than 1"]);
        refused(with(Sgd::new(0.1).momentum(decay)), &["momentum", "less than 1"]);
    }
    for epsilon in [0.0, -1.0, f32::NAN] {
        refused(with(RmsProp::new(0.1).epsilon(epsilon)), &["RMSProp's epsilon", "more than zero"]);
        refused(with(AdaGrad::new(0.1).epsilon(epsilon)), &["AdaGrad's epsilon", "more than zero"]);
        refused(with(NAdam::new(0.1).epsilon(epsilon)), &["NAdam's epsilon", "more than zero"]);
        refused(with(Adam::new(0.1).epsilon(epsilon)), &["Adam's epsilon", "more than zero"]);
    }
    refused(with(Sgd::new(0.1).nesterov()), &["nesterov", "momentum"]);
    for (shrink, grow) in [(0.0, 1.2), (1.0, 1.2), (0.5, 1.0), (0.5, f32::INFINITY), (f32::NAN, 1.2)] {
        refused(with(Rprop::new(0.1).factors(shrink, grow)), &["Rprop's factors"]);
    }
    for (smallest, largest) in [(0.0, 1.0), (2.0, 1.0), (0.1, f32::INFINITY)] {
        refused(with(Rprop::new(0.1).steps(smallest, largest)), &["Rprop's steps"]);
    }
}

#[test]
fn invalid_penalties_clipping_and_schedules_are_refused() {
    let good = || with(Sgd::new(0.1));
    for strength in [-0.1, f32::NAN, f32::INFINITY] {
        refused(good().penalty(Penalty::default().l1(strength)), &["l1", "at least zero"]);
        refused(good().penalty(Penalty::default().l2(strength)), &["l2", "at least zero"]);
        refused(good().penalty(Penalty::default().weight_decay(strength)), &["weight decay", "at least zero"]);
    }
    for limit in [0.0, -1.0, f32::NAN] {
        refused(good().clip_value(limit), &["clip value", "more than zero"]);
    }
    for fraction in [-0.1, 1.1, f64::NAN] {
        refused(good().warmup(fraction), &["warmup", "from 0 to 1"]);
    }
    refused(good().schedule(Schedule::Step { epochs: 0, factor: 0.5 }), &["step", "at least one epoch"]);
    refused(good().schedule(Schedule::Exponential(0.0)), &["exponential", "factor"]);
    refused(good().schedule(Schedule::Plateau { patience: 1, factor: 2.0 }), &["plateau", "factor"]);
    refused(good().schedule(Schedule::InverseScaling(-1.0)), &["inverse_scaling", "power"]);
    refused(good().schedule(Schedule::Cosine(2.0)), &["cosine", "lowest"]);
}
