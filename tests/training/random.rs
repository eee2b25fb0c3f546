//! Random numbers are fixed for good. Those expected here were computed by a second program, in another language, from
//! the papers that `Rng` names.

use palmnet::Activation::*;
use palmnet::Network;
use palmnet::compute::Rng;
use palmnet::nn::Init;

#[test]
fn random_bits_match_the_reference() {
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
fn random_numbers_match_the_reference() {
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
fn rejected_draws_match_the_reference() {
    let mut rng = Rng::new(0);
    let below: [usize; 4] = std::array::from_fn(|_| rng.below((1 << 63) + 1));
    let fixed =
        [2_993_678_451_015_520_751, 3_525_535_238_832_810_627, 7_906_711_688_749_678_903, 2_719_840_267_292_440_703];
    assert_eq!(below, fixed);
    assert_eq!(rng.next_u64(), 0x1300_FC58_C042_4C16);
}

/// Bit by bit: standard normals for two inputs and ReLU (He), then the uniform numbers of Xavier.
#[test]
fn initial_weights_match_the_reference() {
    let network = Network::builder(2)
        .dense_with(palmnet::nn::Dense::units(2, Relu).init(Init::HeNormal))
        .dense(1, Tanh)
        .seed(0)
        .build()
        .unwrap();
    let weights: Vec<u32> = network.parameters().step_by(2).flatten().map(|w| w.to_bits()).collect();
    assert_eq!(weights, [0xBEC8_1CCC, 0xBFC3_D84C, 0xBF93_9FD7, 0x3DB1_C517, 0xBE02_D6C4, 0xBF79_E0D4]);
}
