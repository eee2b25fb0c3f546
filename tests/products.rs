//! The fast matrix product against the definition.

use palmnet::compute::Rng;
use palmnet::nn::{Dense, Layer};
use palmnet::{Loss, Matrix, Network, Workspace};
use proptest::prelude::*;

/// Rows, inner, columns: mostly small, with 0 and 1, and now and then beyond any tile and block.
fn shape() -> impl Strategy<Value = [usize; 3]> {
    let side = || prop_oneof![2 => 0..=2usize, 6 => 0..=40usize, 2 => 40..=150usize];
    let deep = [1..=70usize, 250..=700, 1..=70];
    let large = [57..=80usize, 257..=600, 512..=700];
    prop_oneof![40 => [side(), side(), side()], 2 => deep, 1 => large]
}

/// The kind of entries of both factors.
#[derive(Clone, Copy, Debug)]
enum Content {
    /// Small integers: every product and sum is exact, in any order.
    Integers,
    Normals,
    /// Magnitudes from 10⁻²⁰ to 10¹⁵, both zeros, subnormal numbers; no sum overflows.
    Wide,
    /// Such magnitudes, with NaN and the infinities here and there.
    Special,
}

fn content() -> impl Strategy<Value = Content> {
    prop::sample::select(vec![Content::Integers, Content::Normals, Content::Wide, Content::Special])
}

fn matrix(rows: usize, columns: usize, content: Content, rng: &mut Rng) -> Matrix {
    Matrix::from_fn(rows, columns, |_, _| match content {
        Content::Integers => rng.below(17) as f32 - 8.0,
        Content::Normals => rng.normal() as f32,
        Content::Special if rng.below(40) == 0 => [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][rng.below(3)],
        Content::Wide | Content::Special => match rng.below(8) {
            0 => 0.0,
            1 => -0.0,
            2 => f32::from_bits(rng.below(1 << 23) as u32),
            3 => -f32::from_bits(rng.below(1 << 23) as u32),
            _ => (rng.normal() * 10f64.powf(rng.uniform_in(-20.0, 15.0))) as f32,
        },
    })
}

/// Every entry of `fast` must be that of `naive`, NaN and infinities alike; finite ones within the rounding that a
/// sum of this many terms can have in any order.
fn compare(a: &Matrix, b: &Matrix, fast: &Matrix, naive: &Matrix) -> Result<(), TestCaseError> {
    prop_assert_eq!(fast.shape(), (a.rows(), b.columns()));
    prop_assert_eq!(fast.shape(), naive.shape());
    for i in 0..a.rows() {
        for j in 0..b.columns() {
            let (got, truth) = (fast[(i, j)], naive[(i, j)]);
            if !truth.is_finite() {
                prop_assert!(got == truth || (got.is_nan() && truth.is_nan()), "({i}, {j}) is {got} for {truth}");
                continue;
            }
            let sizes = (0..a.columns()).map(|k| (f64::from(a[(i, k)]) * f64::from(b[(k, j)])).abs());
            // Either sum rounds each product and each addition once, by half a unit in the last place of at most
            // the sum of sizes; below the normal numbers by half the smallest number.
            let k = a.columns() as f64;
            let bound = 2.0 * k * f64::from(f32::EPSILON) * sizes.sum::<f64>() + 2.0 * k * 2f64.powi(-149);
            let error = (f64::from(got) - f64::from(truth)).abs();
            prop_assert!(error <= bound, "({i}, {j}) is {got} for {truth}, bound {bound:e}");
        }
    }
    Ok(())
}

/// Shapes that chance may miss, exact to the bit: a block of the right factor fills a cache, and does not
/// end where a tile does.
#[test]
fn products_across_block_edges() {
    let mut rng = Rng::new(1);
    for [m, k, n] in [[61, 300, 515], [80, 257, 1031], [1, 700, 300], [3, 523, 301]] {
        let (a, b) = (matrix(m, k, Content::Integers, &mut rng), matrix(k, n, Content::Integers, &mut rng));
        assert_eq!(a.matmul(&b), a.matmul_naive(&b), "{m} × {k} × {n}");
    }
}

/// No file of failures: the message shows the smallest failing case whole.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn products_match_the_definition(
        [m, k, n] in shape(),
        content in content(),
        transposed in any::<[bool; 2]>(),
        seed in any::<u64>(),
    ) {
        let mut rng = Rng::new(seed);
        // Some factors are results of a transposition themselves.
        let mut factor = |rows, columns, transposed: bool| {
            if transposed {
                matrix(columns, rows, content, &mut rng).transpose()
            } else {
                matrix(rows, columns, content, &mut rng)
            }
        };
        let (a, b) = (factor(m, k, transposed[0]), factor(k, n, transposed[1]));
        let (fast, naive) = (a.matmul(&b), a.matmul_naive(&b));
        compare(&a, &b, &fast, &naive)?;
        if let Content::Integers = content {
            prop_assert_eq!(&fast, &naive);
        }
        // (A·B)ᵀ = Bᵀ·Aᵀ
        let (at, bt) = (a.transpose(), b.transpose());
        compare(&bt, &at, &bt.matmul(&at), &naive.transpose())?;
    }

    /// Training multiplies by transposed factors without copying them: the gradients of x·V·W against the formulas,
    /// on small integers, so that a wrong entry is wrong by 1 at least.
    #[test]
    fn products_of_transposed_factors([n, inputs, width] in shape(), outputs in 1..=40usize, seed in any::<u64>()) {
        let (n, inputs, width) = (n.max(1), inputs.max(1), width.max(1));
        let mut rng = Rng::new(seed);
        let mut small = |rows, columns| Matrix::from_fn(rows, columns, |_, _| rng.below(5) as f32 - 2.0);
        let (x, v, w, delta) = (small(n, inputs), small(inputs, width), small(width, outputs), small(n, outputs));
        let dense = |w: &Matrix| Layer::Dense(Dense::new(w.clone(), vec![0.0; w.columns()]));
        let network = Network::from_layers(inputs, vec![dense(&v), dense(&w)]).unwrap();
        // The mean of squares for the target output - delta has the gradient delta · 2 / (n · outputs).
        let output = x.matmul_naive(&v).matmul_naive(&w);
        let mut workspace = Workspace::new(&network, 0);
        prop_assert_eq!(workspace.forward(&network, &x), &output);
        workspace.backward(&network, Loss::MeanSquaredError, &(&output - &delta)).unwrap();
        let unit = 0.5 * (n * outputs) as f32;
        let gradient = workspace.gradient().iter().map(|g| (g * unit).round()).collect::<Vec<_>>();
        let (back, ones) = (delta.matmul_naive(&w.transpose()), Matrix::filled(1, n, 1.0));
        let truth = [
            x.transpose().matmul_naive(&back).into_vec(),
            ones.matmul_naive(&back).into_vec(),
            x.matmul_naive(&v).transpose().matmul_naive(&delta).into_vec(),
            ones.matmul_naive(&delta).into_vec(),
        ];
        prop_assert_eq!(gradient, truth.concat());
    }
}
