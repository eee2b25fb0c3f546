//! Calibration: temperatures by an independent minimum, bounds by hand, coverage by simulations in which it is known.

use palmnet::compute::Rng;
use palmnet::data::{Features, Scaler, Schema, TargetSchema, Targets};
use palmnet::model::Calibration;
use palmnet::unversioned::Safetensors;
use palmnet::{Activation::*, Dataset, Matrix, Model, Network, Preprocessing};

use super::probability_metrics::{BINARY_TRUTH, MULTI_TRUTH, binary, multi, two_columns};
use super::{classes, labels, odd_model, random};
use crate::support::{close, matrix_bits, says, strings};

const LEVEL: f64 = 0.9;

/// Calibrates on probabilities.
fn of_classes(probabilities: &Matrix, truth: &[u32]) -> Calibration {
    Calibration::fit(probabilities, &Matrix::default(), &Targets::Classes(truth.to_vec())).unwrap()
}

/// Calibrates on the errors of predictions that are 0.
fn of_errors(errors: &[f32], spreads: &[f32]) -> Calibration {
    let column = |values: &[f32]| Matrix::from_vec(values.len(), 1, values.to_vec());
    let outputs = Matrix::zeros(errors.len(), 1);
    Calibration::fit(&outputs, &column(spreads), &Targets::Values(column(errors))).unwrap()
}

/// The half width of the interval around 0 for this spread.
fn half_width(calibration: &Calibration, spread: f32, level: f64) -> f32 {
    let found = calibration.intervals(&Matrix::zeros(1, 1), &Matrix::filled(1, 1, spread), level).unwrap();
    assert_eq!(found.upper[(0, 0)], -found.lower[(0, 0)]);
    found.upper[(0, 0)]
}

/// 4000 examples of two classes, of which the fraction `right` are of the class with the probability `p`.
fn sure(p: f32, right: f64) -> (Matrix, Vec<u32>) {
    let truth = (0..4000).map(|row| u32::from(f64::from(row) >= 4000.0 * right)).collect();
    (Matrix::from_fn(4000, 2, |_, class| if class == 0 { p } else { 1.0 - p }), truth)
}

/// Where all are as sure as each other, p^(1/T) must become their accuracy: T = ln(p / (1 − p)) / ln(a / (1 − a)).
#[test]
fn temperature_makes_confidence_the_accuracy() {
    for (p, right, expected) in [(0.9, 0.75, 2.0), (0.75, 0.9, 0.5), (0.8, 0.8, 1.0), (0.6, 1.0, 0.2), (0.9, 0.5, 5.0)]
    {
        let (probabilities, truth) = sure(p, right);
        let calibration = of_classes(&probabilities, &truth);
        close(f64::from(calibration.temperature()) / expected, 1.0, 0.02);
        assert_eq!(calibration.rows(), 4000);
        // The same in one column, with the classes in the other order.
        let second = Matrix::filled(4000, 1, 1.0 - p);
        close(of_classes(&second, &truth).temperature().into(), calibration.temperature().into(), 1e-3);
    }
}

/// 1.25^(-1/4) = 0.945742, by a calculator; the floors of the spread stay.
#[test]
fn final_training_has_smaller_errors_and_is_less_sure() {
    let errors = Matrix::from_fn(200, 1, |row, _| 1.0 + row as f32);
    let (outputs, spreads, values) = (Matrix::zeros(200, 1), Matrix::filled(200, 1, 1.0), Targets::Values(errors));
    let measured = Calibration::fit(&outputs, &spreads, &values).unwrap();
    let last = Calibration::fit_for_final_training(&outputs, &spreads, &values, 1.25, 2.0).unwrap();
    for (spread, level) in [(0.0, 0.5), (1.0, LEVEL), (3.0, 0.95)] {
        close((half_width(&last, spread, level) / half_width(&measured, spread, level)).into(), 0.945742, 1e-5);
    }
    // Odds of 9 : 1 that should be 3 : 1: the temperature is 2, and √2 is left.
    let (probabilities, truth) = sure(0.9, 0.75);
    let truth = Targets::Classes(truth);
    let temperature = |members: f64| {
        let last =
            Calibration::fit_for_final_training(&probabilities, &Matrix::default(), &truth, 1.25, members).unwrap();
        f64::from(last.temperature())
    };
    close(temperature(2.0), 2f64.sqrt(), 0.02);
    close(temperature(1.0), 2.0, 0.02);
    let (probabilities, truth) = sure(0.75, 0.9);
    let truth = Targets::Classes(truth);
    let last = Calibration::fit_for_final_training(&probabilities, &Matrix::default(), &truth, 1.25, 2.0);
    assert_eq!(last, Calibration::fit(&probabilities, &Matrix::default(), &truth));
}

/// The minimum that `tests/golden/make_metrics.py` finds by golden sections.
#[test]
fn temperature_as_numpy() {
    let temperature = |p: &Matrix, truth: &[u32]| f64::from(of_classes(p, truth).temperature());
    close(temperature(&multi(), &MULTI_TRUTH), 0.313210315768308, 1e-5);
    close(temperature(&binary(), &BINARY_TRUTH), 0.9178076883429908, 1e-5);
    close(temperature(&two_columns(&binary()), &BINARY_TRUTH), 0.9178076883429908, 1e-5);
    // 30 rows that are all right say little.
    close(temperature(&Matrix::from_fn(30, 2, |_, class| [0.98, 0.02][class]), &[0; 30]), 0.778199839201067, 1e-5);
    // One temperature for all labels.
    let halves = Matrix::from_vec(20, 2, binary().into_vec());
    let truth = Matrix::from_vec(20, 2, BINARY_TRUTH.map(|label| label as f32).to_vec());
    assert!(Calibration::fit(&halves, &Matrix::default(), &Targets::Labels(truth.clone())).is_none());
    let twice = |matrix: &Matrix| Matrix::from_fn(40, 2, |row, column| matrix[(row / 2, column)]);
    let found = Calibration::fit(&twice(&halves), &Matrix::default(), &Targets::Labels(twice(&truth))).unwrap();
    // Each row twice halves the prior.
    assert!((0.8..0.92).contains(&found.temperature()), "{}", found.temperature());
}

#[test]
fn outputs_that_are_no_probabilities_keep_their_temperature() {
    let (mut p, truth) = sure(0.9, 0.75);
    p[(7, 0)] = 1.1;
    assert_eq!(of_classes(&p, &truth).temperature(), 1.0);
    let sigmoids = Matrix::filled(4000, 2, 0.9);
    assert_eq!(of_classes(&sigmoids, &truth).temperature(), 1.0);
}

#[test]
fn too_few_and_infinite_rows_give_no_calibration() {
    let fit = |outputs: &Matrix, targets: Matrix| {
        let spreads = Matrix::zeros(outputs.rows(), 1);
        Calibration::fit(outputs, &spreads, &Targets::Values(targets))
    };
    assert!(fit(&Matrix::zeros(29, 1), Matrix::zeros(29, 1)).is_none());
    assert!(fit(&Matrix::zeros(30, 1), Matrix::zeros(30, 1)).is_some());
    assert!(fit(&Matrix::filled(30, 1, f32::NAN), Matrix::zeros(30, 1)).is_none());
    assert!(fit(&Matrix::filled(30, 1, f32::MAX), Matrix::filled(30, 1, f32::MIN)).is_none());
    assert!(
        Calibration::fit(&Matrix::filled(30, 2, f32::NAN), &Matrix::default(), &Targets::Classes(vec![0; 30]))
            .is_none()
    );
}

/// Of the errors 1 to n, the bound is the one with the rank ⌈(n + 1) · level⌉.
#[test]
fn bounds_have_the_rank_of_the_level() {
    let errors: Vec<f32> = (1..=39).map(|i| if i % 2 == 0 { i as f32 } else { -(i as f32) }).collect();
    let calibration = of_errors(&errors, &[0.0; 39]);
    for (level, expected) in [(0.5, 20.0), (0.51, 21.0), (0.55, 22.0), (0.9, 36.0), (0.95, 38.0), (0.975, 39.0)] {
        close(half_width(&calibration, 0.0, level).into(), expected, 1e-5);
    }
    let fails = |level: f64, parts: &[&str]| {
        says(calibration.intervals(&Matrix::zeros(1, 1), &Matrix::zeros(1, 1), level), parts);
    };
    fails(0.99, &["the level 0.99 needs 99 held-out rows", "calibrated on 39", "at most 0.975"]);
    fails(0.98, &["the level 0.98 needs 49 held-out rows"]);
    for level in [0.0, 0.499, 0.991, 1.0, 90.0, -1.0, f64::NAN] {
        fails(level, &["from 0.5 to 0.99"]);
    }
    says(calibration.sets(&Matrix::filled(1, 1, 0.5), LEVEL), &["not one of classes"]);
    says(calibration.intervals(&Matrix::zeros(1, 2), &Matrix::zeros(1, 2), LEVEL), &["of 1 values, not of 2"]);
    // Of more than 1000 scores, evenly spaced ones are kept: the next larger one is taken.
    let mut errors: Vec<f32> = (1..=2500).map(|i| i as f32).collect();
    Rng::new(1).shuffle(&mut errors);
    let calibration = of_errors(&errors, &[0.0; 2500]);
    for (level, rank) in [(0.5, 1251.0), (0.9, 2251.0), (0.99, 2476.0)] {
        let found = half_width(&calibration, 0.0, level);
        assert!((rank - 0.01..rank + 2.51).contains(&found), "{found} for {rank}");
    }
    // Perfect predictions have intervals of no width.
    assert_eq!(half_width(&of_errors(&[0.0; 30], &[0.0; 30]), 0.0, LEVEL), 0.0);
}

/// The mean coverage of split conformal intervals is rank / (n + 1), exactly: here 28 / 31, where a rank without the
/// correction for small samples would give 27 / 31.
#[test]
fn coverage_of_few_rows_is_exact() {
    let mut rng = Rng::new(5);
    let mut covered = 0;
    for _ in 0..4000 {
        let errors: Vec<f32> = (0..30).map(|_| rng.normal() as f32).collect();
        let width = half_width(&of_errors(&errors, &[0.0; 30]), 0.0, LEVEL);
        covered += (0..10).filter(|_| (rng.normal() as f32).abs() <= width).count();
    }
    close(covered as f64 / 40_000.0, 28.0 / 31.0, 0.005);
}

/// Members that hardly differ do so by chance: in another training of the same network, a few times less. Intervals that
/// were widened by that would then hold far too little.
#[test]
fn spreads_that_say_little_change_little() {
    let mut rng = Rng::new(12);
    let scales: Vec<f64> = (0..3000).map(|_| rng.uniform_in(0.5, 1.5)).collect();
    let errors: Vec<f32> = scales.iter().map(|scale| (scale * rng.normal()) as f32).collect();
    let spreads = |mean: f64| -> Vec<f32> { scales.iter().map(|scale| (mean * scale) as f32).collect() };
    let (before, after) = (spreads(0.05), spreads(0.01));
    let calibration = of_errors(&errors, &before);
    let held = |(error, &spread): (&f32, &f32)| error.abs() <= half_width(&calibration, spread, LEVEL);
    let covered = errors.iter().zip(&after).filter(|&pair| held(pair)).count();
    close(covered as f64 / 3000.0, 0.9, 0.03);
}

/// Half of the rows have ten times the noise of the others, and the members know it.
#[test]
fn spreads_make_intervals_local() {
    let mut rng = Rng::new(8);
    let mut draw = |rows: usize| -> (Vec<f32>, Vec<f32>) {
        let noise = |row: usize| if row.is_multiple_of(2) { 0.1 } else { 1.0 };
        (0..rows)
            .map(|row| ((rng.normal() * noise(row)) as f32, (noise(row) * rng.uniform_in(0.2, 0.3)) as f32))
            .unzip()
    };
    let (errors, spreads) = draw(3000);
    let (test, test_spreads) = draw(20_000);
    let local = of_errors(&errors, &spreads);
    let constant = of_errors(&errors, &[0.0; 3000]);
    let coverage = |calibration: &Calibration, spreads: &[f32], part: usize| {
        let rows = (part..test.len()).step_by(2);
        let held = rows.filter(|&row| test[row].abs() <= half_width(calibration, spreads[row], LEVEL)).count();
        held as f64 / (test.len() / 2) as f64
    };
    for part in [0, 1] {
        close(coverage(&local, &test_spreads, part), 0.9, 0.04);
    }
    let zeros = vec![0.0; test.len()];
    let (quiet, loud) = (coverage(&constant, &zeros, 0), coverage(&constant, &zeros, 1));
    assert!(quiet > 0.99 && loud < 0.85, "{quiet} {loud}");
    close((quiet + loud) / 2.0, 0.9, 0.015);
    let mean: f32 = test_spreads.iter().map(|&spread| half_width(&local, spread, LEVEL)).sum();
    assert!(mean / (test.len() as f32) < 0.85 * half_width(&constant, 0.0, LEVEL));
}

/// Classes drawn with their probabilities, of which some are hard to tell.
fn drawn(rows: usize, rng: &mut Rng) -> (Matrix, Vec<u32>) {
    let mut probabilities = Matrix::from_fn(rows, 4, |_, _| (rng.normal() as f32).exp());
    let mut truth = Vec::new();
    for row in 0..rows {
        let sum: f32 = probabilities.row(row).iter().sum();
        probabilities.row_mut(row).iter_mut().for_each(|p| *p /= sum);
        let mut rest = rng.uniform() as f32;
        let class = probabilities.row(row).iter().position(|p| {
            rest -= p;
            rest < 0.0
        });
        truth.push(class.unwrap_or(3) as u32);
    }
    (probabilities, truth)
}

#[test]
fn sets_hold_the_truth_as_often_as_they_should() {
    let mut rng = Rng::new(3);
    let (p, truth) = drawn(4000, &mut rng);
    let calibration = of_classes(&p, &truth);
    close(calibration.temperature().into(), 1.0, 0.1);
    let (p, truth) = drawn(20_000, &mut rng);
    let mut last = 0.0;
    for level in [0.7, 0.8, 0.9, 0.95] {
        let sets = calibration.sets(&p, level).unwrap();
        let held = sets.iter().zip(&truth).filter(|(set, class)| set.contains(&(**class as usize))).count();
        close(held as f64 / 20_000.0, level, 0.015);
        let size = sets.iter().map(Vec::len).sum::<usize>() as f64 / 20_000.0;
        assert!(size > last && size < 4.0, "{size}");
        last = size;
        for (set, row) in sets.iter().zip(p.iter_rows()) {
            assert!(set.windows(2).all(|pair| row[pair[0]] >= row[pair[1]]) && !set.is_empty());
            assert!(row.iter().all(|&other| other <= row[set[0]]));
        }
    }
}

/// 99 rows whose class had the probabilities 0.01 to 0.99: 90 of the scores 1 − p are at most 0.9.
#[test]
fn sets_by_hand() {
    let p = Matrix::from_fn(99, 3, |row, class| [row as f32 + 1.0, 98.5 - row as f32, 0.5][class] / 100.0);
    // Not probabilities that add up to one, so that the temperature stays 1.
    let p = Matrix::from_fn(99, 3, |row, class| p[(row, class)] + if class == 2 { 0.1 } else { 0.0 });
    let calibration = of_classes(&p, &[0; 99]);
    assert_eq!(calibration.temperature(), 1.0);
    let x = Matrix::from_rows(&[[0.05, 0.11, 0.84], [0.45, 0.11, 0.44], [0.02, 0.03, 0.04], [0.9, 0.07, f32::NAN]]);
    let sets = |level| calibration.sets(&x, level).unwrap();
    let unordered = |mut set: Vec<usize>| {
        set.sort();
        set
    };
    assert_eq!(sets(0.9)[..3], [vec![2, 1], vec![0, 2, 1], vec![2]]);
    assert_eq!(sets(0.5)[..3], [vec![2], vec![0], vec![2]]);
    assert_eq!(unordered(sets(0.5)[3].clone()), [0, 1, 2]);
    assert_eq!(sets(0.95)[0], [2, 1, 0]);
    // Of two classes, in one column or in two.
    let (p, truth) = sure(0.9, 0.75);
    let column = Matrix::from_fn(4000, 1, |row, _| p[(row, 1)]);
    for level in [0.5, 0.9] {
        let (two, one) =
            (of_classes(&p, &truth).sets(&p, level).unwrap(), of_classes(&column, &truth).sets(&column, level));
        assert_eq!(one.unwrap(), two);
    }
    assert_eq!(of_classes(&p, &truth).sets(&Matrix::from_rows(&[[0.99], [0.3]]), 0.9).unwrap()[0], [1]);
}

/// The same network with other outputs.
fn model_of(outputs: usize, activation: palmnet::Activation, target: TargetSchema) -> Model {
    let model = odd_model(outputs, target);
    let network = Network::builder(5).dense(outputs, activation).seed(4).build().unwrap();
    Model::new(network, Scaler::identity(5), model.schema().clone()).unwrap()
}

fn powers(row: &[f32], temperature: f32, alone: bool) -> Vec<f64> {
    let power = |p: f64| p.powf(1.0 / f64::from(temperature));
    let p: Vec<f64> = row.iter().map(|&p| power(p.into())).collect();
    let rest: Vec<f64> = row.iter().map(|&p| power(1.0 - f64::from(p))).collect();
    let sum: f64 = p.iter().sum();
    p.iter().zip(rest).map(|(p, rest)| if alone { p / (p + rest) } else { p / sum }).collect()
}

#[test]
fn every_prediction_has_the_temperature() {
    let (p, truth) = sure(0.9, 0.75);
    let calibration = of_classes(&p, &truth);
    let is_second = Matrix::from_fn(4000, 2, |row, _| truth[row] as f32);
    let of_labels = Calibration::fit(&Matrix::filled(4000, 2, 0.1), &Matrix::default(), &Targets::Labels(is_second));
    let of_labels = of_labels.unwrap();
    let (three, two) = (classes(&["a", "b", "c"]), classes(&["a", "b"]));
    let pairs = labels(&["l", "m"], &[["no", "yes"], ["0", "1"]]);
    let x = random(50, 5, 7);
    for (model, alone, calibration) in [
        (model_of(3, Softmax, three.clone()), false, &calibration),
        (model_of(3, Identity, three), false, &calibration),
        (model_of(1, Sigmoid, two.clone()), true, &calibration),
        (model_of(1, Identity, two), true, &calibration),
        (model_of(2, Sigmoid, pairs.clone()), true, &of_labels),
        (model_of(2, Identity, pairs), true, &of_labels),
    ] {
        let plain = model.predict(&x);
        let targets = match model.schema().target() {
            TargetSchema::Labels { .. } => Targets::Labels(plain.map(|p| if p > 0.5 { 1.0 } else { 0.0 })),
            _ => Targets::Classes((0..50).map(|row| row % 2).collect()),
        };
        let data = Dataset::new(x.clone(), targets, model.schema().clone()).unwrap();
        let before = model.score(&data).unwrap();
        let model = model.with_calibration(calibration.clone()).unwrap();
        let found = model.predict(&x);
        for (row, plain) in found.iter_rows().zip(plain.iter_rows()) {
            for (p, expected) in row.iter().zip(powers(plain, calibration.temperature(), alone)) {
                close((*p).into(), expected, 2e-6);
            }
        }
        assert_eq!(matrix_bits(&model.predict_dataset(&data).unwrap()), matrix_bits(&found));
        assert_eq!(matrix_bits(&model.predict_with_spread(data.features()).unwrap().0), matrix_bits(&found));
        assert_eq!(matrix_bits(&model.clone().folded().predict(&x)), matrix_bits(&found));
        assert_eq!(model.predictor().predict(x.row(3)).unwrap(), found.row(3));
        // The loss is that of the probabilities, and the metrics are, too.
        let score = model.score(&data).unwrap();
        if let Some(metrics) = score.evaluation.classification() {
            close(score.loss, metrics.log_loss(), 1e-5);
        }
        assert!(score.loss != before.loss);
        assert_eq!(score.value(), before.value());
        // And without it, everything is as before.
        assert_eq!(matrix_bits(&model.with_calibration(None).unwrap().predict(&x)), matrix_bits(&plain));
    }
}

#[test]
fn spreads_are_those_among_the_members() {
    let network = Network::builder(5).members(4).dense(6, Tanh).heads(2, Identity).seed(2).build().unwrap();
    let x = random(700, 5, 3);
    let each = network.predict_members(&x);
    assert_eq!(each.shape(), (700 * 4, 2));
    let names = TargetSchema::Values { names: strings(&["y", "z"]) };
    let schema = Schema::numbers(["a", "b", "c", "d", "e"], names).unwrap();
    let scaler = Scaler::from_parts(vec![3.0, 0.5], vec![-2.0, 0.0]).unwrap();
    let model = Model::new(network, Preprocessing::new(Scaler::identity(5), Some(scaler)), schema).unwrap();
    let features = Features::from(x.clone());
    let (outputs, spreads) = model.predict_with_spread(&features).unwrap();
    assert_eq!(matrix_bits(&outputs), matrix_bits(&model.predict(&x)));
    for row in 0..700 {
        let of_row: Vec<f64> = (0..4).map(|member| f64::from(each[(row * 4 + member, 0)]) / -2.0).collect();
        let mean = of_row.iter().sum::<f64>() / 4.0;
        let variance = of_row.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>() / 4.0;
        close(spreads[(row, 0)].into(), variance.sqrt(), 1e-6);
        close(outputs[(row, 0)].into(), mean + 3.0, 1e-6);
        // A target that was constant in training is predicted without doubt.
        assert_eq!((outputs[(row, 1)], spreads[(row, 1)]), (0.5, 0.0));
    }
    assert_eq!(
        matrix_bits(&model.clone().with_threads(3).predict_with_spread(&features).unwrap().1),
        matrix_bits(&spreads)
    );
    let plain = Network::builder(5).dense(2, Tanh).build().unwrap();
    assert_eq!(matrix_bits(&plain.predict_members(&x)), matrix_bits(&plain.predict(&x)));

    // Intervals of the model, and their coverage.
    let mut rng = Rng::new(6);
    let truth = Matrix::from_fn(700, 2, |row, target| outputs[(row, target)] + rng.normal() as f32);
    says(model.intervals(&features, LEVEL), &["no calibration", "with_calibration"]);
    let calibration = Calibration::fit(&outputs, &spreads, &Targets::Values(truth.clone())).unwrap();
    let model = model.with_calibration(calibration.clone()).unwrap();
    let found = model.intervals(&features, LEVEL).unwrap();
    assert_eq!(found, calibration.intervals(&outputs, &spreads, LEVEL).unwrap());
    let data = Dataset::new(x, Targets::Values(truth), model.schema().clone()).unwrap();
    for (target, coverage) in model.coverage(&data, LEVEL).unwrap().iter().enumerate() {
        close(coverage.covered, 0.9, 0.005);
        let widths = (0..700).map(|row| f64::from(found.upper[(row, target)] - found.lower[(row, target)]));
        close(coverage.size, widths.sum::<f64>() / 700.0, 1e-5);
    }
    says(model.prediction_sets(&features, LEVEL), &["not one of classes"]);
}

#[test]
fn calibrations_of_other_targets_are_refused() {
    let (p, truth) = sure(0.9, 0.75);
    let of_classes = of_classes(&p, &truth);
    let of_values = of_errors(&[1.0; 30], &[0.0; 30]);
    let values = |names: &[&str]| TargetSchema::Values { names: strings(names) };
    let pairs = labels(&["l", "m"], &[["no", "yes"], ["0", "1"]]);
    for (model, calibration) in [
        (odd_model(2, values(&["y", "z"])), &of_values),
        (odd_model(1, values(&["y"])), &of_classes),
        (odd_model(2, classes(&["a", "b"])), &of_values),
        (odd_model(2, pairs), &of_classes),
    ] {
        says(model.with_calibration(calibration.clone()), &["the calibration is not one of"]);
    }
    let model = odd_model(2, classes(&["a", "b"])).with_calibration(of_classes).unwrap();
    says(model.intervals(&Features::from(random(3, 5, 1)), LEVEL), &["one of 0 values, not of 2"]);
}

/// Models of each kind, with a calibration.
fn calibrated() -> Vec<Model> {
    let (p, truth) = sure(0.9, 0.75);
    let labels_of = Matrix::from_fn(4000, 2, |row, _| truth[row] as f32);
    let of_labels = Calibration::fit(&Matrix::filled(4000, 2, 0.1), &Matrix::default(), &Targets::Labels(labels_of));
    let outputs = random(40, 2, 1);
    let of_values = Calibration::fit(&outputs, &outputs.map(f32::abs), &Targets::Values(random(40, 2, 2)));
    let pairs = labels(&["l", "m"], &[["no", "yes"], ["0", "1"]]);
    let values = TargetSchema::Values { names: strings(&["y", "z"]) };
    vec![
        odd_model(3, classes(&["a", "b", "c"])).with_calibration(of_classes(&p, &truth)).unwrap(),
        odd_model(2, pairs).with_calibration(of_labels).unwrap(),
        odd_model(2, values).with_calibration(of_values).unwrap(),
    ]
}

#[test]
fn files_keep_calibrations() {
    for model in calibrated() {
        let same = Model::from_bytes(&model.to_bytes(), "m").unwrap();
        assert!(same == model && same.calibration().is_some());
        assert_eq!(same.to_bytes(), model.to_bytes());
        let x = random(20, 5, 3);
        assert_eq!(matrix_bits(&same.predict(&x)), matrix_bits(&model.predict(&x)));
        // A reader that does not know the key loads the rest, as older files load here.
        let mut file = Safetensors::from_bytes(&model.to_bytes(), "m").unwrap();
        file.metadata.remove("calibration");
        let without = Model::from_bytes(&file.to_bytes(), "m").unwrap();
        assert_eq!(without, model.with_calibration(None).unwrap());
    }
    let file = Safetensors::from_bytes(&calibrated()[2].to_bytes(), "m").unwrap();
    assert_eq!(file.metadata["calibration"], "40");
    assert_eq!(file.tensor("calibration.scores").unwrap().shape, [2, 40]);
    assert_eq!(file.tensor("calibration.floors").unwrap().shape, [2]);
    assert_eq!(file.tensor("calibration.temperature").unwrap().data, [1.0]);
    let file = Safetensors::from_bytes(&calibrated()[0].to_bytes(), "m").unwrap();
    assert_eq!(file.tensor("calibration.scores").unwrap().shape, [1, 1000]);
    assert!(file.tensor("calibration.floors").is_none());
}

#[test]
fn damaged_calibrations_are_refused() {
    let models = calibrated();
    let fails = |model: usize, change: &dyn Fn(&mut Safetensors), part: &str| {
        let mut file = Safetensors::from_bytes(&models[model].to_bytes(), "m").unwrap();
        change(&mut file);
        says(
            Model::from_bytes(&file.to_bytes(), "small.safetensors"),
            &["small.safetensors: ", part, "the file is damaged"],
        );
    };
    let set = |name: &'static str, index: usize, value: f32| {
        move |file: &mut Safetensors| {
            let name = format!("calibration.{name}");
            file.tensors.iter_mut().find(|tensor| tensor.name == name).unwrap().data[index] = value;
        }
    };
    for model in 0..3 {
        for rows in ["", "-1", "x", "99999999999999999999", "1e3"] {
            fails(model, &|file| drop(file.metadata.insert("calibration".into(), rows.into())), "`calibration` is ");
        }
        for (temperature, part) in
            [(0.1, "temperature"), (5.1, "temperature"), (-1.0, "temperature"), (f32::NAN, "NaN")]
        {
            fails(model, &set("temperature", 0, temperature), part);
        }
        fails(model, &|file| file.tensors.retain(|tensor| tensor.name != "calibration.temperature"), "is missing");
    }
    for model in [0, 2] {
        fails(model, &|file| drop(file.metadata.insert("calibration".into(), "39".into())), "has shape");
        fails(model, &|file| file.tensors.retain(|tensor| tensor.name != "calibration.scores"), "is missing");
        fails(model, &set("scores", 0, -1.0), "scores do not increase");
        fails(model, &set("scores", 0, 1e9), "scores do not increase");
        fails(model, &set("scores", 5, f32::INFINITY), "inf");
    }
    fails(1, &|file| drop(file.metadata.insert("calibration".into(), "29".into())), "fewer than 30 rows");
    for floor in [0.0, -1.0] {
        fails(2, &set("floors", 1, floor), "a floor is not above zero");
    }
    fails(2, &|file| file.tensors.retain(|tensor| tensor.name != "calibration.floors"), "is missing");
}
