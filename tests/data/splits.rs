//! Datasets from parts; splits and folds, in which every example comes once and classes keep their proportions.

use palmnet::Activation::*;
use palmnet::data::{Features, Scaler, Targets};
use palmnet::nn::Init;
use palmnet::{Dataset, Loss, Matrix, Network, Sgd, Target, Trainer, generate};
use proptest::prelude::*;

use crate::support::says;

#[test]
fn iris_from_csv() {
    let data = Dataset::from_csv("tests/data/iris.csv", Target::Class("species")).unwrap();
    assert_eq!((data.len(), data.features().columns()), (150, 4));
    assert_eq!(data.class_names(), ["setosa", "versicolor", "virginica"]);
    let counts = [0, 1, 2].map(|class| data.labels().unwrap().iter().filter(|&&label| label == class).count());
    assert_eq!(counts, [50, 50, 50]);
    assert_eq!(data.to_matrix().row(0), [5.1, 3.5, 1.4, 0.2]);
    // The published means.
    let scaler = Scaler::standard(data.features());
    for (offset, mean) in scaler.offset().iter().zip([5.843, 3.057, 3.758, 1.199]) {
        assert!((offset - mean).abs() < 0.001, "{offset} {mean}");
    }
}

#[test]
fn mismatched_dataset_parts_are_errors() {
    let x = || Matrix::zeros(2, 1);
    says(Dataset::from_classes(x(), vec![0], ["a", "b"]), &["2 rows of features and 1 of targets"]);
    says(Dataset::from_classes(x(), vec![0, 2], ["a", "b"]), &["the label 2, where there are 2 classes"]);
    says(Dataset::from_classes(x(), vec![0, 0], ["a"]), &["only one class"]);
    says(Dataset::from_classes(x(), vec![0, 1], ["a", "a"]), &["two classes are called `a`"]);
    says(Dataset::from_values(Matrix::filled(2, 3, f32::NAN), x()), &["feature 0 of example 0", "NaN"]);
    says(Dataset::from_values(x(), Matrix::from_rows(&[[0.0], [f32::INFINITY]])), &["target 0 of example 1", "inf"]);
    says(Dataset::from_values(Matrix::zeros(3, 1), x()), &["3 rows of features and 2 of targets"]);
    says(Features::from_bytes(2, vec![0; 5]), &["5 bytes", "2 features"]);
    says(Features::from_bytes(0, vec![]), &["0 features"]);
}

#[test]
fn split_is_seeded_and_loses_nothing() {
    let x = Matrix::from_fn(50, 1, |row, _| row as f32);
    let data = Dataset::from_values(x.clone(), x).unwrap();
    let (train, test) = data.split(0.8, 7);
    assert_eq!((train.len(), test.len()), (40, 10));
    let mut all = [train.to_matrix().into_vec(), test.to_matrix().into_vec()].concat();
    assert!(!all.is_sorted());
    all.sort_by(f32::total_cmp);
    assert_eq!(all, data.to_matrix().into_vec());
    // Features and targets stay together.
    assert_eq!(train.targets(), &Targets::Values(train.to_matrix()));
    assert_eq!(data.split(0.8, 7), (train.clone(), test));
    assert_ne!(data.split(0.8, 8).0, train);
    for (rows, fraction, sizes) in [(2, 0.99, (1, 1)), (2, 0.01, (1, 1)), (1, 0.5, (1, 0)), (0, 0.5, (0, 0))] {
        let (first, second) = data.select(&(0..rows).collect::<Vec<_>>()).split(fraction, 0);
        assert_eq!((first.len(), second.len()), sizes);
    }
}

#[test]
#[should_panic(expected = "a fraction of 1 is not between 0 and 1")]
fn split_fraction_out_of_range_panics() {
    generate::xor().split(1.0, 0);
}

#[test]
fn targets_are_gathered_for_a_batch() {
    let mut y = Matrix::zeros(0, 0);
    let three = Dataset::from_classes(Matrix::zeros(3, 1), vec![2, 0, 1], ["a", "b", "c"]).unwrap();
    three.gather_targets(&[0, 2], 3, &mut y);
    assert_eq!(y, Matrix::from_rows(&[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]));
    let two = generate::xor();
    two.gather_targets(&[0, 1], 2, &mut y);
    assert_eq!(y, Matrix::from_rows(&[[1.0, 0.0], [0.0, 1.0]]));
    two.gather_targets(&[0, 1, 2, 3], 1, &mut y);
    assert_eq!(y, Matrix::from_rows(&[[0.0], [1.0], [1.0], [0.0]]));
    let values = Dataset::from_values(Matrix::zeros(2, 1), Matrix::from_rows(&[[1.0, 2.0], [3.0, 4.0]])).unwrap();
    values.gather_targets(&[1, 1], 2, &mut y);
    assert_eq!(y, Matrix::from_rows(&[[3.0, 4.0], [3.0, 4.0]]));
}

/// Examples of these classes; each example's feature is its index.
fn labeled(labels: Vec<u32>) -> Dataset {
    let x = Matrix::from_fn(labels.len(), 1, |row, _| row as f32);
    Dataset::from_classes(x, labels, ["a", "b", "c"]).unwrap()
}

/// 60 of class a, 30 of b and one of c.
fn uneven() -> Dataset {
    labeled((0..91).map(|i| if i == 40 { 2 } else { u32::from(i % 3 == 2) }).collect())
}

fn counts(data: &Dataset) -> [usize; 3] {
    [0, 1, 2].map(|class| data.labels().unwrap().iter().filter(|&&label| label == class).count())
}

fn indices(parts: &[&Dataset]) -> Vec<f32> {
    let mut all: Vec<f32> = parts.iter().flat_map(|part| part.to_matrix().into_vec()).collect();
    all.sort_by(f32::total_cmp);
    all
}

#[test]
fn split_is_stratified() {
    let data = uneven();
    for seed in 0..20 {
        let (train, test) = data.split(0.8, seed);
        // 73 of 91: 48.1, 24.1 and 0.8, of which the last is rounded up.
        assert_eq!((counts(&train), counts(&test)), ([48, 24, 1], [12, 6, 0]), "seed {seed}");
        assert_eq!(indices(&[&train, &test]), data.to_matrix().into_vec());
        assert!(!train.to_matrix().as_slice().is_sorted() && !train.labels().unwrap().is_sorted());
    }
    assert_ne!(data.split(0.8, 1).0, data.split(0.8, 2).0);
    assert_eq!(data.split(0.8, 1), data.split(0.8, 1));
    // A small part gets every class too: 9.1 are 6, 3 and 0.1.
    assert_eq!(counts(&data.split(0.1, 0).0), [5, 3, 1]);
}

/// 38 of one class and two of another, halved: outputs that give the first class the probability 1/2 and the others 1/4
/// have the losses ln 2 and ln 4, so that the mean over a part gives the number of each in it.
#[test]
fn validation_set_is_stratified() {
    let data = labeled((0..40).map(|i| u32::from(i % 20 == 7)).collect());
    let mut network = Network::builder(1)
        .dense_with(palmnet::nn::Dense::units(3, Softmax).init(Init::Constant(0.0)))
        .build()
        .unwrap();
    network.parameters_mut().nth(1).unwrap().copy_from_slice(&[2f32.ln(), 0.0, 0.0]);
    for seed in 0..5 {
        let trainer = Trainer::new(Loss::CrossEntropy, Sgd::new(1e-20)).validation(0.5).epochs(1).seed(seed);
        let epoch = trainer.fit(&mut network.clone(), &data).unwrap().epochs[0];
        let expected = (19.0 * 2f64.ln() + 4f64.ln()) / 20.0;
        for loss in [epoch.train_loss, epoch.validation_loss.unwrap()] {
            assert!((loss - expected).abs() < 1e-6, "seed {seed}: {loss}, expected {expected}");
        }
    }
}

#[test]
fn folds_test_every_example_once() {
    let data = uneven();
    let pairs: Vec<(Dataset, Dataset)> = data.folds(4, 3).unwrap().collect();
    assert_eq!(pairs.len(), 4);
    for (train, test) in &pairs {
        assert_eq!(indices(&[train, test]), data.to_matrix().into_vec());
        let [a, b, c] = counts(test);
        assert!(a == 15 && (7..=8).contains(&b) && c <= 1 && (22..=23).contains(&test.len()), "{a} {b} {c}");
    }
    let tests: Vec<&Dataset> = pairs.iter().map(|(_, test)| test).collect();
    assert_eq!(indices(&tests), data.to_matrix().into_vec());
    assert_eq!(data.folds(4, 3).unwrap().collect::<Vec<_>>(), pairs);
    assert_ne!(data.folds(4, 4).unwrap().collect::<Vec<_>>(), pairs);
    // Without classes, and as many folds as examples.
    let values = generate::sums(7, 0);
    let sizes: Vec<usize> = values.folds(3, 0).unwrap().map(|(_, test)| test.len()).collect();
    assert_eq!(sizes, [3, 2, 2]);
    assert!(values.folds(7, 0).unwrap().all(|(train, test)| (train.len(), test.len()) == (6, 1)));
    for k in [0, 1, 8] {
        let message = values.folds(k, 0).err().unwrap().to_string();
        assert!(message.contains(&format!("{k} folds of 7 examples")), "{message}");
    }
}

proptest! {
    /// For any classes, the sizes are right, nothing is lost, and no class is further than two from its fraction
    /// unless it has so few that one of them had to be kept.
    #[test]
    fn split_of_any_classes_is_stratified(labels in prop::collection::vec(0u32..3, 2..60), fraction in 0.01f64..0.99, seed: u64) {
        let data = labeled(labels);
        let (first, second) = data.split(fraction, seed);
        let size = ((fraction * data.len() as f64).round() as usize).clamp(1, data.len() - 1);
        prop_assert_eq!(first.len(), size);
        prop_assert_eq!(indices(&[&first, &second]), data.to_matrix().into_vec());
        let classes = counts(&data);
        for (class, got) in counts(&first).into_iter().enumerate() {
            let ideal = classes[class] as f64 * size as f64 / data.len() as f64;
            prop_assert!((got as f64 - ideal).abs() < 2.0 + f64::EPSILON, "{got} for {ideal}");
            prop_assert!(got > 0 || classes[class] == 0 || size < 3);
        }
    }
}
