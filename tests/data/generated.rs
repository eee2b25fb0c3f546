//! Generated problems, and the bundled digits.

use palmnet::{Dataset, generate};

fn points(data: &Dataset) -> Vec<(f64, f64, u32)> {
    let x = data.to_matrix();
    let labels = data.labels().unwrap();
    x.iter_rows().zip(labels).map(|(x, &label)| (f64::from(x[0]), f64::from(x[1]), label)).collect()
}

#[test]
fn generated_moons() {
    for (x, y, label) in points(&generate::moons(201, 0.0, 1)) {
        let (radius, outside) = match label {
            0 => (x.hypot(y), y < -1e-6),
            _ => ((x - 1.0).hypot(y - 0.5), y > 0.5 + 1e-6),
        };
        assert!((radius - 1.0).abs() < 1e-6 && !outside, "{x} {y} {label}");
    }
    let ends = points(&generate::moons(10, 0.0, 1));
    let near = |(x, y, _): (f64, f64, u32), to: (f64, f64)| (x - to.0).abs() < 1e-6 && (y - to.1).abs() < 1e-6;
    assert!(near(ends[0], (1.0, 0.0)) && near(ends[4], (0.0, 1.0)) && near(ends[8], (-1.0, 0.0)));
    assert!(near(ends[1], (0.0, 0.5)) && near(ends[5], (1.0, -0.5)) && near(ends[9], (2.0, 0.5)));
    // Both half circles together have the means ½ and ¼ and, for x, the variance ½ + ¼.
    let noisy = points(&generate::moons(20_000, 0.2, 1));
    let mean = |f: &dyn Fn(f64, f64) -> f64| noisy.iter().map(|&(x, y, _)| f(x, y)).sum::<f64>() / 20_000.0;
    assert!((mean(&|x, _| x) - 0.5).abs() < 0.01 && (mean(&|_, y| y) - 0.25).abs() < 0.01);
    assert!((mean(&|x, _| (x - 0.5).powi(2)) - (0.5 + 0.25 + 0.04)).abs() < 0.01);
    assert_eq!(noisy.iter().filter(|point| point.2 == 1).count(), 10_000);
}

#[test]
fn generated_circles() {
    let circles = points(&generate::circles(10_000, 0.0, 3));
    assert!(circles.iter().all(|&(x, y, label)| (x * x + y * y < 2.0 / std::f64::consts::PI) == (label == 1)));
    assert!(circles.iter().all(|&(x, y, _)| x.abs() <= 1.0 && y.abs() <= 1.0));
    let inside = circles.iter().filter(|point| point.2 == 1).count();
    assert!((4_800..5_200).contains(&inside), "{inside}");
}

#[test]
fn generated_linear() {
    let linear = points(&generate::linear(10_000, 3));
    // Farther from the line than the rounding of single precision.
    let clear = |x: f64, y: f64| (x - 1.5 * y - 0.4).abs() > 1e-5;
    assert!(linear.iter().all(|&(x, y, label)| !clear(x, y) || (x - 1.5 * y > 0.4) == (label == 1)));
}

#[test]
fn generated_spirals() {
    let spirals = points(&generate::spirals(100, 0.0, 3));
    for pair in spirals.chunks(2) {
        assert!((pair[0].0 + pair[1].0).abs() < 1e-6 && (pair[0].1 + pair[1].1).abs() < 1e-6);
    }
    // One and a half turns end on the opposite side.
    assert!((spirals[98].0 + 1.0).abs() < 1e-6 && spirals[98].2 == 0);
}

#[test]
fn generated_blobs() {
    let blobs = points(&generate::blobs(9_000, 3, 0.5, 3));
    for class in 0..3 {
        let of: Vec<f64> = blobs.iter().filter(|point| point.2 == class).map(|point| point.0).collect();
        let mean = of.iter().sum::<f64>() / of.len() as f64;
        let variance = of.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / of.len() as f64;
        assert!(of.len() == 3_000 && (variance - 0.25).abs() < 0.03, "{variance}");
    }
}

#[test]
fn generated_sums() {
    let sums = generate::sums(1_000, 3);
    assert_eq!(sums.schema().input_names(), ["a", "b"]);
    assert_eq!(sums.schema().target().names(), ["sum", "difference", "distance"]);
    let y = sums.values().unwrap();
    for (x, y) in sums.to_matrix().iter_rows().zip(y.iter_rows()) {
        assert!(x.iter().all(|x| (0.0..=100.0).contains(x)));
        let expected = [x[0] + x[1], x[0] - x[1], (x[0] - x[1]).abs()];
        assert!(y.iter().zip(expected).all(|(y, expected)| (y - expected).abs() < 2e-5));
    }
}

#[test]
fn generated_xor() {
    let xor = points(&generate::xor());
    assert!(generate::xor().values().is_none());
    assert!(xor.len() == 4 && xor.iter().all(|&(x, y, label)| (x != y) == (label == 1)));
}

#[test]
fn generated_data_depends_on_the_seed() {
    let problems: [fn(u64) -> Dataset; 6] = [
        |seed| generate::moons(50, 0.1, seed),
        |seed| generate::circles(50, 0.1, seed),
        |seed| generate::blobs(50, 4, 1.0, seed),
        |seed| generate::spirals(50, 0.1, seed),
        |seed| generate::linear(50, seed),
        |seed| generate::sums(50, seed),
    ];
    for problem in problems {
        assert_eq!(problem(1), problem(1));
        assert_ne!(problem(1), problem(2));
        assert_eq!(problem(1).len(), 50);
    }
    assert!(generate::moons(0, 0.1, 1).is_empty());
    assert_eq!(generate::moons(1, 0.1, 1).len(), 1);
}

#[test]
fn bundled_digits() {
    let digits = generate::digits();
    assert_eq!((digits.len(), digits.features().columns(), digits.class_names().len()), (1797, 64, 10));
    // The counts of the ten classes and the first image, as UCI gives them.
    let count = |class| digits.labels().unwrap().iter().filter(|&&label| label == class).count();
    assert_eq!((0..10).map(count).collect::<Vec<_>>(), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    let x = digits.to_matrix();
    // Sums by another program over the original files.
    let pixels = || x.as_slice().iter().map(|&pixel| pixel as usize);
    assert_eq!(pixels().sum::<usize>(), 561_718);
    assert_eq!(pixels().enumerate().map(|(i, pixel)| (i % 1009 + 1) * pixel).sum::<usize>(), 283_701_122);
    assert_eq!(x.row(0)[..16], [0., 0., 5., 13., 9., 1., 0., 0., 0., 0., 13., 15., 10., 15., 5., 0.]);
    assert!(x.as_slice().iter().all(|pixel| (0.0..=16.0).contains(pixel)) && x.as_slice().contains(&16.0));
}

/// A problem of two features, with noise of this standard deviation.
type Noisy = fn(f64) -> Dataset;

#[test]
fn generators_refuse_noise_beyond_single_precision() {
    let generators: [(&str, Noisy); 4] = [
        ("noise", |noise| generate::moons(500, noise, 1)),
        ("noise", |noise| generate::circles(500, noise, 1)),
        ("noise", |noise| generate::spirals(500, noise, 1)),
        ("standard deviation", |deviation| generate::blobs(500, 3, deviation, 1)),
    ];
    for (name, generator) in generators {
        for good in [0.0, 1e36, -1e36] {
            assert!(generator(good).to_matrix().as_slice().iter().all(|x| x.is_finite()));
        }
        for bad in [1.1e36, 1e300, -1e300, f64::INFINITY, f64::NAN] {
            let panic = std::panic::catch_unwind(|| generator(bad)).unwrap_err();
            let message = panic.downcast_ref::<String>().unwrap();
            assert_eq!(message, &format!("{name} {bad}: it must be from -1e36 to 1e36"));
        }
    }
    for centers in [0, 1] {
        assert!(std::panic::catch_unwind(|| generate::blobs(5, centers, 1.0, 1)).is_err());
    }
}
