//! Generated datasets, the same for a seed on every machine. `n` is the number of examples.

use std::f64::consts::{PI, TAU};

use super::dataset::Dataset;
use super::idx;
use super::schema::{Schema, TargetSchema};
use super::targets::Targets;
use crate::base::math::sin_cos_f64;
use crate::base::rng::{Rng, purpose};
use crate::linalg::matrix::Matrix;

/// Returns two interleaved half moons, in turn one example of each: the upper (class 0) on the unit circle, the lower
/// (class 1) on the one around (1, ½), each evenly spread over its half, plus normal noise of standard deviation
/// `noise`.
///
/// ```
/// let moons = palmnet::generate::moons(100, 0.2, 42);
/// assert_eq!(moons.labels().unwrap()[..4], [0, 1, 0, 1]);
/// ```
///
/// # Panics
/// If `noise` is not from -10³⁶ to 10³⁶: beyond, a point may not fit into single precision.
pub fn moons(n: usize, noise: f64, seed: u64) -> Dataset {
    check("noise", noise);
    let mut rng = Rng::stream(seed, purpose::PROBLEM);
    points(n, "moon", 2, |i| {
        let count = if i % 2 == 0 { n.div_ceil(2) } else { n / 2 };
        let (sin, cos) = sin_cos_f64(PI * (i / 2) as f64 / (count.max(2) - 1) as f64);
        let (x, y) = if i % 2 == 0 { (cos, sin) } else { (1.0 - cos, 0.5 - sin) };
        ([x + noise * rng.normal(), y + noise * rng.normal()], i % 2)
    })
}

/// Returns uniform points of the square [-1, 1)², class 1 inside the circle of radius √(2/π), which has half of the
/// area; then moved by normal noise of standard deviation `noise`.
///
/// # Panics
/// If `noise` is not from -10³⁶ to 10³⁶: beyond, a point may not fit into single precision.
pub fn circles(n: usize, noise: f64, seed: u64) -> Dataset {
    check("noise", noise);
    let mut rng = Rng::stream(seed, purpose::PROBLEM);
    points(n, "circle", 2, |_| {
        let (x, y) = (rng.uniform_in(-1.0, 1.0), rng.uniform_in(-1.0, 1.0));
        ([x + noise * rng.normal(), y + noise * rng.normal()], usize::from(x * x + y * y < 2.0 / PI))
    })
}

/// Returns normal clouds of this standard deviation, a class each, in turn one example of each, around centers that are
/// uniform in [-10, 10)².
///
/// # Panics
/// If there are fewer than two `centers`, or `standard_deviation` is not from -10³⁶ to 10³⁶.
pub fn blobs(n: usize, centers: usize, standard_deviation: f64, seed: u64) -> Dataset {
    check("standard deviation", standard_deviation);
    assert!(centers > 1, "{centers} centers: a classification needs at least two");
    let mut rng = Rng::stream(seed, purpose::PROBLEM);
    let middles: Vec<[f64; 2]> = (0..centers).map(|_| [(); 2].map(|()| rng.uniform_in(-10.0, 10.0))).collect();
    points(n, "blob", centers, |i| (middles[i % centers].map(|x| x + standard_deviation * rng.normal()), i % centers))
}

/// Returns two intertwined spirals, in turn one example of each, 1.5 turns from the middle to radius 1, plus normal
/// noise of standard deviation `noise`.
///
/// # Panics
/// If `noise` is not from -10³⁶ to 10³⁶: beyond, a point may not fit into single precision.
pub fn spirals(n: usize, noise: f64, seed: u64) -> Dataset {
    check("noise", noise);
    let mut rng = Rng::stream(seed, purpose::PROBLEM);
    points(n, "spiral", 2, |i| {
        let radius = (i / 2 + 1) as f64 / n.div_ceil(2) as f64;
        let (sin, cos) = sin_cos_f64(1.5 * TAU * radius + PI * (i % 2) as f64);
        ([radius * cos + noise * rng.normal(), radius * sin + noise * rng.normal()], i % 2)
    })
}

/// Returns standard normal points, of class 1 if x − 1.5 y > 0.4: one neuron can separate them.
pub fn linear(n: usize, seed: u64) -> Dataset {
    let mut rng = Rng::stream(seed, purpose::PROBLEM);
    points(n, "class", 2, |_| {
        let (x, y) = (rng.normal(), rng.normal());
        ([x, y], usize::from(x - 1.5 * y > 0.4))
    })
}

/// Returns numbers a and b, uniform in [0, 100), and three values to predict: a + b, a − b and |a − b|.
pub fn sums(n: usize, seed: u64) -> Dataset {
    let mut rng = Rng::stream(seed, purpose::PROBLEM);
    let mut x = Matrix::zeros(n, 2);
    let mut y = Matrix::zeros(n, 3);
    for row in 0..n {
        let (a, b) = (rng.uniform_in(0.0, 100.0), rng.uniform_in(0.0, 100.0));
        x.row_mut(row).copy_from_slice(&[a as f32, b as f32]);
        y.row_mut(row).copy_from_slice(&[a + b, a - b, (a - b).abs()].map(|value| value as f32));
    }
    let names = ["sum", "difference", "distance"].map(String::from).to_vec();
    build(x, Targets::Values(y), ["a", "b"], TargetSchema::Values { names })
}

/// Returns the four rows of exclusive or, which no single neuron can separate (Minsky, Papert, 1969).
pub fn xor() -> Dataset {
    let x = Matrix::from_rows(&[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
    build(x, Targets::Classes(vec![0, 1, 1, 0]), ["a", "b"], classes("xor", 2))
}

/// Returns 1,797 handwritten digits of 8 × 8 pixels from 0 to 16, kept as bytes and not yet scaled.
///
/// The test part of *Optical Recognition of Handwritten Digits* (Alpaydin, Kaynak, 1998), UCI Machine Learning
/// Repository, CC BY 4.0.
pub fn digits() -> Dataset {
    let mut images = vec![0, 0, 8, 3, 0, 0, 7, 5, 0, 0, 0, 8, 0, 0, 0, 8];
    images.extend(pixels(include_bytes!("digits-images"), 1797 * 64));
    idx::from_bytes(&images, include_bytes!("digits-labels-idx1-ubyte")).expect("the bundled digits are whole")
}

/// Returns `count` pixels from a stream of bits, the lowest of a byte first: a 0 is a pixel of 0, and a 1 with four
/// more bits is a pixel of one more than these. As bytes, the images would be a tenth of the command.
fn pixels(stream: &[u8], count: usize) -> impl Iterator<Item = u8> {
    let mut bits = stream.iter().flat_map(|byte| (0..8).map(move |i| byte >> i & 1));
    let mut take = move |count| (0..count).map(|i| bits.next().unwrap_or(0) << i).sum::<u8>();
    (0..count).map(move |_| if take(1) == 0 { 0 } else { 1 + take(4) })
}

/// The most that a standard deviation may be: normal numbers stay within thirteen standard deviations.
const LARGEST: f64 = 1e36;

fn check(name: &str, deviation: f64) {
    assert!(deviation.abs() <= LARGEST, "{name} {deviation}: it must be from -{LARGEST:e} to {LARGEST:e}");
}

fn points(n: usize, name: &str, count: usize, mut point: impl FnMut(usize) -> ([f64; 2], usize)) -> Dataset {
    let mut x = Matrix::zeros(n, 2);
    let mut labels = Vec::with_capacity(n);
    for row in 0..n {
        let (position, label) = point(row);
        x.row_mut(row).copy_from_slice(&position.map(|x| x as f32));
        labels.push(label as u32);
    }
    build(x, Targets::Classes(labels), ["x", "y"], classes(name, count))
}

fn classes(name: &str, count: usize) -> TargetSchema {
    TargetSchema::Classes { name: name.to_string(), classes: (0..count).map(|class| class.to_string()).collect() }
}

fn build(x: Matrix, targets: Targets, features: [&str; 2], target: TargetSchema) -> Dataset {
    Schema::numbers(features, target)
        .and_then(|schema| Dataset::new(x, targets, schema))
        .unwrap_or_else(|error| panic!("a generated problem: {error}"))
}
