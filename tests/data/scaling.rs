//! Scalers of features and targets.

use palmnet::data::Scaler;
use palmnet::{Dataset, Matrix, generate};

use crate::support::says;

/// The digits as bytes, and the same as floats.
fn twins() -> (Dataset, Dataset) {
    let bytes = generate::digits();
    assert!(bytes.features().is_bytes());
    let floats = Dataset::new(bytes.to_matrix(), bytes.targets().clone(), bytes.schema().clone()).unwrap();
    (bytes, floats)
}

#[test]
fn byte_and_float_features_scale_to_the_same_bits() {
    let (mut bytes, mut floats) = twins();
    let scaler = Scaler::standard(bytes.features());
    assert_eq!(scaler, Scaler::standard(floats.features()));
    assert_eq!(Scaler::min_max(bytes.features()), Scaler::min_max(floats.features()));
    bytes.scale(&scaler);
    floats.scale(&scaler);
    assert!(bytes.to_matrix() == floats.to_matrix());
    let rows = [3, 1796, 3, 0];
    let (mut x, mut of_floats) = (Matrix::zeros(9, 9), Matrix::zeros(0, 0));
    bytes.gather(&rows, &mut x);
    floats.gather(&rows, &mut of_floats);
    assert_eq!(x, bytes.to_matrix().select_rows(&rows));
    assert_eq!(x, of_floats);
    assert_eq!(bytes.select(&rows).to_matrix(), x);
    // Later batches reuse the memory.
    let memory = x.as_slice().as_ptr();
    bytes.gather(&[5, 6, 7], &mut x);
    bytes.gather(&[5, 6, 7, 8], &mut x);
    assert_eq!(x.as_slice().as_ptr(), memory);
}

#[test]
fn byte_scalers_compose() {
    let (mut bytes, mut floats) = twins();
    for scaler in [Scaler::divide_by(64, 16.0), Scaler::from_parts(vec![0.25; 64], vec![3.0; 64]).unwrap()] {
        bytes.scale(&scaler);
        floats.scale(&scaler);
    }
    // 16 / 16 = 1, (1 - 0.25) 3 = 2.25
    let (x, y) = (bytes.to_matrix(), floats.to_matrix());
    assert!(x.as_slice().contains(&2.25));
    assert!(x.as_slice().iter().zip(y.as_slice()).all(|(x, y)| (x - y).abs() < 1e-6));
}

#[test]
fn scaler_is_fitted_on_the_training_data_only() {
    // Mean 3 and population standard deviation 2; the last feature is constant.
    let x = Matrix::from_rows(&[[1.0, -10.0, 0.1], [5.0, 10.0, 0.1], [1.0, 0.0, 0.1], [5.0, 0.0, 0.1]]);
    let train = Dataset::from_values(x, Matrix::zeros(4, 1)).unwrap();
    let scaler = Scaler::standard(train.features());
    assert_eq!(scaler.offset(), [3.0, 0.0, 0.1]);
    assert_eq!((scaler.factor()[0], scaler.factor()[2]), (0.5, 0.0));
    assert!((scaler.factor()[1] - 1.0 / 50f32.sqrt()).abs() < 1e-7);
    let test = Dataset::from_values(Matrix::from_rows(&[[7.0, 0.0, 1.1]]), Matrix::zeros(1, 1)).unwrap();
    let scaled = |data: &Dataset, scaler: &Scaler| {
        let mut scaled = data.clone();
        scaled.scale(scaler);
        scaled.to_matrix()
    };
    // Nothing was learned from a constant, so that another value later is the same to the network.
    assert_eq!(scaled(&test, &scaler), Matrix::from_rows(&[[2.0, 0.0, 0.0]]));
    let scaler = Scaler::min_max(train.features());
    assert_eq!(scaled(&train, &scaler).row(0), [0.0, 0.0, 0.0]);
    assert_eq!(scaled(&train, &scaler).row(1), [1.0, 1.0, 0.0]);
    let mut back = train.to_matrix();
    scaler.transform(&mut back);
    scaler.invert(&mut back);
    assert_eq!(back, train.to_matrix());
}

#[test]
fn scaler_of_a_large_mean_and_a_small_spread() {
    let x = Matrix::from_rows(&[[1e6], [1e6 + 1.0], [1e6 + 2.0], [1e6 + 1.0]]);
    let scaler = Scaler::standard(&x);
    assert_eq!(scaler.offset(), [1e6 + 1.0]);
    assert!((scaler.factor()[0] - 2f32.sqrt()).abs() < 1e-6);
    assert!(Scaler::standard(&Matrix::filled(1000, 1, 0.1)).factor() == [0.0]);
    assert_eq!(Scaler::standard(&Matrix::zeros(0, 2)), Scaler::identity(2));
}

#[test]
fn targets_are_scaled_and_restored() {
    let mut data = generate::sums(500, 1);
    let before = data.values().unwrap().clone();
    let scaler = Scaler::standard(&before);
    data.scale_targets(&scaler);
    let mut after = data.values().unwrap().clone();
    let mean = |column: usize| after.iter_rows().map(|row| row[column]).sum::<f32>() / 500.0;
    let square = |column: usize| after.iter_rows().map(|row| row[column].powi(2)).sum::<f32>() / 500.0;
    for column in 0..3 {
        assert!(mean(column).abs() < 1e-4 && (square(column) - 1.0).abs() < 1e-4);
    }
    scaler.invert(&mut after);
    assert!(after.as_slice().iter().zip(before.as_slice()).all(|(a, b)| (a - b).abs() < 1e-3));
}

/// Medians and quartiles as `numpy.quantile` has them.
#[test]
fn robust_scaler_follows_the_quartiles() {
    let x = Matrix::from_rows(&[
        [1.0, 0.0, 5.0],
        [2.0, 0.0, 5.0],
        [4.0, 0.0, 5.0],
        [8.0, 0.0, 5.0],
        [100.0, 4.0, 5.0],
        [-3.0, 0.0, 5.0],
    ]);
    let scaler = Scaler::robust(&x);
    // Sorted: -3, 1, 2, 4, 8, 100. Quartiles 1.25 and 7.
    assert_eq!(scaler.offset(), [3.0, 0.0, 5.0]);
    assert_eq!(scaler.factor(), [1.0 / 5.75, 0.5, 0.0]);
}

#[test]
fn scaler_from_parts() {
    says(Scaler::from_parts(vec![0.0], vec![]), &["1 offsets and 0 factors"]);
    for (offset, factor) in [(f32::NAN, 1.0), (0.0, 1e-40), (0.0, f32::INFINITY)] {
        says(Scaler::from_parts(vec![0.0, offset], vec![1.0, factor]), &["in column 1"]);
    }
}
