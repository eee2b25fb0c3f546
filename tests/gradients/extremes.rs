//! Very large and very small numbers.

use super::{ACTIVATIONS, LOSSES, oracle, suits, within};
use palmnet::nn::Layer;
use palmnet::{Activation, Loss, Matrix, Network, Workspace};

/// The network x → z = W·x with x = 1, so that the logits are the weights.
fn logits(z: &[f32], then: Activation) -> Network {
    let dense = palmnet::nn::Dense::new(Matrix::from_rows(&[z]), vec![0.0; z.len()]);
    Network::from_layers(1, vec![Layer::Dense(dense), Layer::Activation(then)]).unwrap()
}

#[test]
fn gradients_of_extreme_logits() {
    use Activation::{Identity, Sigmoid, Softmax};
    // Logits, target, loss, gradient. At these distances the exact values round to these integers: the loss is
    // Σ y (largest z - z) over classes, or max(z, 0) - y z; the gradient is that of a step from 0 to 1.
    type Example = (&'static [f32], &'static [f32], f64, &'static [f32]);
    let classes: [Example; 4] = [
        (&[800.0, -800.0, 0.0], &[0.0, 1.0, 0.0], 1600.0, &[1.0, -1.0, 0.0]),
        (&[800.0, -800.0, 0.0], &[1.0, 0.0, 0.0], 0.0, &[0.0, 0.0, 0.0]),
        (&[-800.0, -800.0, 800.0], &[0.25, 0.5, 0.25], 1200.0, &[-0.25, -0.5, 0.75]),
        (&[800.0, 800.0, -800.0], &[0.0, 0.0, 1.0], 1600.0 + std::f64::consts::LN_2, &[0.5, 0.5, -1.0]),
    ];
    // Means are over the two outputs.
    let each: [Example; 3] = [
        (&[800.0, -800.0], &[1.0, 0.0], 0.0, &[0.0, 0.0]),
        (&[800.0, -800.0], &[0.0, 1.0], 800.0, &[0.5, -0.5]),
        (&[800.0, -800.0], &[0.5, 0.5], 400.0, &[0.25, -0.25]),
    ];
    let forms = [
        (&classes[..], [(Loss::CrossEntropy, Softmax), (Loss::CrossEntropyLogits, Identity)]),
        (&each[..], [(Loss::BinaryCrossEntropy, Sigmoid), (Loss::BinaryCrossEntropyLogits, Identity)]),
    ];
    for (examples, forms) in forms {
        for &(z, y, value, gradient) in examples {
            for (loss, last) in forms {
                let network = logits(z, last);
                let (x, y) = (Matrix::filled(1, 1, 1.0), Matrix::from_rows(&[y]));
                let mut workspace = Workspace::new(&network, 0);
                workspace.forward(&network, &x);
                let got = workspace.backward(&network, loss, &y).unwrap();
                assert!((got - value).abs() <= 1e-6 * value, "{loss} of {z:?}: {got}");
                // The gradient by the weights is that by the logits, and so is that by the bias.
                assert_eq!(workspace.gradient(), [gradient, gradient].concat(), "{loss} of {z:?}");
            }
        }
    }
}

/// Where loss and last activation are not computed together, a probability of nearly 0 must still have a
/// gradient: of -ln sigmoid(z) at z = -40, value and slope are 40 and -1 to the last bit.
#[test]
fn tiny_probability_still_has_a_gradient() {
    let (mut p, one) = (Matrix::filled(1, 1, -40.0), Matrix::filled(1, 1, 1.0));
    Activation::Sigmoid.forward(p.as_mut_slice(), 1);
    let mut gradient = Matrix::default();
    let loss = Loss::CrossEntropy.value_and_gradient(&p, &one, &mut gradient);
    assert!((loss - 40.0).abs() < 1e-4, "{loss}");
    Activation::Sigmoid.backward(p.as_slice(), gradient.as_mut_slice(), 1);
    let slope = gradient[(0, 0)];
    assert!((slope + 1.0).abs() < 1e-5, "{slope}");
}

#[test]
fn extreme_gradients_stay_finite() {
    for loss in LOSSES {
        for g in ACTIVATIONS.into_iter().filter(|&g| suits(loss, g)) {
            for y in [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], [0.5; 4]] {
                let network = logits(&[800.0, -800.0, 0.0, 80.0], g);
                let (x, y) = (Matrix::filled(1, 1, 1.0), Matrix::from_rows(&[y]));
                let mut workspace = Workspace::new(&network, 0);
                workspace.forward(&network, &x);
                let value = workspace.backward(&network, loss, &y).unwrap();
                let gradient = workspace.gradient();
                assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{loss} of {g}: {gradient:?}");
            }
        }
    }
}

/// Near zero, and in a vanishing tail, a function's error is small compared with the function, not with 1.
#[test]
fn activations_of_small_values_are_accurate() {
    use Activation::*;
    let mut corners = oracle::Corners::default();
    let mut truth = |g, z: f64| oracle::apply(g, &[z], &mut corners)[0];
    let near = (0..60).map(|k| 1e-6 * 1.25f32.powi(k)).take_while(|&z| z < 0.9).flat_map(|z| [z, -z]);
    let near = near.collect::<Vec<_>>();
    let tail = (1..40).map(|k| -0.25 * k as f32).collect::<Vec<_>>();
    let mut compare = |g: Activation, z: f32| {
        let (mut a, mut slope) = ([z], [1.0]);
        g.forward(&mut a, 1);
        g.backward(&[if g.reads_output() { a[0] } else { z }], &mut slope, 1);
        let step = 1e-4 * f64::from(z.abs());
        let value = truth(g, f64::from(z));
        let difference = (truth(g, f64::from(z) + step) - truth(g, f64::from(z) - step)) / (2.0 * step);
        for (got, truth) in [(a[0], value), (slope[0], difference)] {
            assert!(within(f64::from(got), truth, 1e-5 * truth.abs()), "{g} at {z}: {got} for {truth}");
        }
    };
    for g in ACTIVATIONS.into_iter().filter(|&g| g != Softmax) {
        near.iter().for_each(|&z| compare(g, z));
    }
    for g in [Sigmoid, Softplus] {
        tail.iter().for_each(|&z| compare(g, z));
    }
}

/// The second network's own special function, against tables.
#[test]
fn oracle_erfc_matches_tables() {
    for (x, truth) in [
        (0.0, 1.0),
        (0.5, 0.479_500_122_186_953_5),
        (-1.0, 1.842_700_792_949_715),
        (2.0, 4.677_734_981_047_266e-3),
        (3.0, 2.209_049_699_858_544e-5),
        (10.0, 2.088_487_583_762_545e-45),
    ] {
        let got = oracle::erfc(x);
        assert!((got - truth).abs() <= 1e-12 * truth, "erfc {x} is {got:e}");
    }
}
