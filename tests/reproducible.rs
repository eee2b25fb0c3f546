//! A seed means the same numbers, the same network and the same training for ever.

use palmnet::Activation::{Identity, Relu, Softmax, Tanh};
use palmnet::{
    Adam, Init, Loss, Matrix, Network, Optimizer, Rng, Rule, Scaler, Sgd, Trainer, Weights, Workspace, generate,
    set_threads,
};

/// Every bit of the weights before training, of every loss and of the weights after it.
fn train(seed: u64, dropout_seed: u64, rule: Rule) -> Vec<u64> {
    let mut rng = Rng::new(99);
    let x = Matrix::from_fn(24, 6, |_, _| rng.normal() as f32);
    let y = Matrix::from_fn(24, 3, |i, j| f32::from(i % 3 == j));
    let builder = Network::builder(6).dense(16, Relu).dropout(0.4).dense(12, Tanh).bias_init(Init::Uniform(-0.1, 0.1));
    let mut network = builder.dropout(0.2).dense(3, Softmax).seed(seed).build().unwrap();
    let mut workspace = Workspace::new(&network, Loss::CrossEntropy, dropout_seed).unwrap();
    let mut optimizer = Optimizer::new(rule, &network);
    let bits = |network: &Network| network.parameters().flatten().map(|v| u64::from(v.to_bits())).collect::<Vec<_>>();
    let mut all = bits(&network);
    for _ in 0..20 {
        workspace.forward(&network, &x);
        all.push(workspace.backward(&network, &x, &y).to_bits());
        optimizer.step(&mut network, workspace.gradient());
    }
    all.extend(bits(&network));
    all
}

#[test]
fn a_seed_gives_the_same_bits_twice() {
    for rule in [Rule::from(Adam::new(0.01)), Sgd::new(0.1).momentum(0.9).nesterov().into()] {
        let first = train(1, 2, rule);
        assert_eq!(first, train(1, 2, rule));
        let other_weights = train(3, 2, rule);
        assert_ne!(first[..6 * 16], other_weights[..6 * 16]);
        // Another dropout alone: the same start, other losses.
        let other_dropout = train(1, 4, rule);
        assert_eq!(first[..6 * 16], other_dropout[..6 * 16]);
        assert_ne!(first, other_dropout);
    }
}

/// Training, evaluation and large products, whose bits must not tell how many threads shared the work.
fn shared_work(rule: Rule, seed: u64, normalise: bool) -> Vec<u64> {
    let mut data = generate::digits();
    data.scale(&Scaler::divide_by(64, 16.0));
    let data = data.select(&(0..500).collect::<Vec<_>>());
    let builder = if normalise {
        let builder = Network::builder(64).noise(0.1).dense(120, Identity).batch_norm().activation(Relu);
        builder.dense(130, Tanh).layer_norm().dropout(0.1).dense(50, Identity).batch_norm().dense(10, Softmax)
    } else {
        Network::builder(64).dense(120, Relu).dropout(0.2).dense(130, Tanh).dense(10, Softmax)
    };
    let mut network = builder.seed(seed).build().unwrap();
    // 450 examples in batches of 100: the last one is smaller, and no block is as large as another.
    let trainer = Trainer::new(Loss::CrossEntropy, rule).epochs(3).batch_size(100).seed(seed);
    let mut trainer = trainer.validation(0.1).early_stopping(1);
    if normalise {
        trainer = trainer.clip_norm(0.5).max_norm(2.0).label_smoothing(0.1).weights(Weights::Balanced);
    }
    let history = trainer.fit(&mut network, &data).unwrap();
    let losses = history.epochs.iter().flat_map(|epoch| [epoch.train_loss, epoch.validation_loss.unwrap()]);
    let mut bits: Vec<u64> = losses.map(f64::to_bits).collect();
    bits.extend(network.parameters().flatten().map(|v| u64::from(v.to_bits())));
    let outputs = network.outputs_for(&generate::digits()).unwrap();
    bits.extend(outputs.as_slice().iter().map(|v| u64::from(v.to_bits())));
    bits
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let mut rng = Rng::new(5);
    let (a, b) =
        (Matrix::from_fn(1300, 260, |_, _| rng.normal() as f32), Matrix::from_fn(260, 260, |_, _| rng.normal() as f32));
    let rules = [Rule::from(Sgd::new(0.1)), Adam::new(0.003).into()];
    let all = |threads| {
        set_threads(threads);
        (rules.map(|rule| [false, true].map(|normalise| shared_work(rule, 7, normalise))), a.matmul(&b))
    };
    let one = all(1);
    // More than once each: who does which piece is never the same.
    for threads in [2, 3, 7, 2, 3, 7] {
        assert_eq!(all(threads), one, "{threads} threads");
    }
}

// The numbers below were computed by a second program, in another language, from the papers that `Rng` names.

#[test]
fn random_bits_are_fixed_for_ever() {
    let first = |seed| {
        let mut rng = Rng::new(seed);
        [rng.next_u64(), rng.next_u64(), rng.next_u64()]
    };
    assert_eq!(first(0), [0x5317_5D61_490B_23DF, 0x61DA_6F3D_C380_D507, 0x5C0F_DF91_EC9A_7BFC]);
    assert_eq!(first(u64::MAX)[..2], [0x56CC_F8CE_948E_27B2, 0xE685_8843_2E5A_5B90]);
    let streams = [(0, 0), (0, 1), (0, 2), (42, 1)].map(|(seed, index)| Rng::stream(seed, index).next_u64());
    #[allow(clippy::excessive_precision)] // As the independent program printed them.
    let fixed = [0xE90B_A84B_41BA_16D9, 0x6E91_E700_A1C9_A43D, 0xEF6E_470D_9EBB_4D3A, 0x5B72_E5CE_506C_B9EC];
    assert_eq!(streams, fixed);
}

#[test]
fn random_numbers_are_fixed_for_ever() {
    let mut rng = Rng::new(0);
    let uniform: [f64; 4] = std::array::from_fn(|_| rng.uniform());
    assert_eq!(uniform, [0.3245752680314067, 0.38223929651167343, 0.3596172076473553, 0.011455508934653635]);

    let mut rng = Rng::new(0);
    let below: [usize; 12] = std::array::from_fn(|_| rng.below(10));
    assert_eq!(below, [3, 3, 3, 0, 4, 0, 8, 8, 2, 0, 3, 0]);

    let mut items: [u8; 10] = std::array::from_fn(|i| i as u8);
    Rng::new(0).shuffle(&mut items);
    assert_eq!(items, [1, 4, 5, 8, 6, 7, 0, 2, 9, 3]);

    let mut rng = Rng::new(0);
    let normal = [-1.5411826072230725, -0.004041182672357505, 0.11165681497434186, -0.2060782511670008];
    for truth in normal {
        // The second program's logarithm may differ in the last bit.
        let got = rng.normal();
        assert!((got / truth - 1.0).abs() < 1e-15, "{got} for {truth}");
    }
}

/// A bound just over half of all numbers has nearly every second draw refused.
#[cfg(target_pointer_width = "64")]
#[test]
fn refused_draws_are_fixed_for_ever() {
    let mut rng = Rng::new(0);
    let below: [usize; 4] = std::array::from_fn(|_| rng.below((1 << 63) + 1));
    let fixed =
        [2_993_678_451_015_520_751, 3_525_535_238_832_810_627, 7_906_711_688_749_678_903, 2_719_840_267_292_440_703];
    assert_eq!(below, fixed);
    assert_eq!(rng.next_u64(), 0x1300_FC58_C042_4C16);
}

/// Bit by bit: standard normals for two inputs and ReLU (He), then the uniform numbers of Xavier.
#[test]
fn first_weights_are_fixed_for_ever() {
    let network = Network::builder(2).dense(2, Relu).init(Init::HeNormal).dense(1, Tanh).seed(0).build().unwrap();
    let weights: Vec<u32> = network.parameters().step_by(2).flatten().map(|w| w.to_bits()).collect();
    assert_eq!(weights, [0xBEC8_1CCC, 0xBFC3_D84C, 0xBF93_9FD7, 0x3DB1_C517, 0xBE02_D6C4, 0xBF79_E0D4]);
}
