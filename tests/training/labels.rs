//! Trainings of several labels at once.

use std::ops::ControlFlow::{Break, Continue};

use palmnet::Activation::*;
use palmnet::data::{Schema, TargetSchema, Targets};
use palmnet::train::ExampleWeights;
use palmnet::tune::{FitEvent, FitRun, Overrides, RandomSearch, cross_validate};
use palmnet::{Adam, Checkpoints, Dataset, Event, Hyperparameters, Loss, Matrix, Network, Trainer, generate};

use crate::support::{Folder, says};

/// Handwritten digits: is it even, has it a loop, is it at least 5?
fn digits() -> Dataset {
    let digits = generate::digits();
    let of = |digit: u32| [digit.is_multiple_of(2), [0, 6, 8, 9].contains(&digit), digit >= 5].map(f32::from);
    let rows: Vec<[f32; 3]> = digits.labels().unwrap().iter().map(|&digit| of(digit)).collect();
    labeled(digits.to_matrix(), Matrix::from_rows(&rows))
}

fn labeled(x: Matrix, y: Matrix) -> Dataset {
    let names = (0..y.columns()).map(|label| format!("label{label}")).collect();
    let classes = vec![["no", "yes"].map(String::from); y.columns()];
    let inputs = (0..x.columns()).map(|input| format!("x{input}"));
    let schema = Schema::numbers(inputs, TargetSchema::Labels { names, classes }).unwrap();
    Dataset::new(x, Targets::Labels(y), schema).unwrap()
}

/// The labels of moons: the class, and whether the point is right of the middle.
fn moons() -> (Dataset, Hyperparameters) {
    let moons = generate::moons(120, 0.2, 1);
    let x = moons.to_matrix();
    let label = |(row, &class): (&[f32], &u32)| [class as f32, f32::from(row[0] > 0.5)];
    let rows: Vec<[f32; 2]> = x.iter_rows().zip(moons.labels().unwrap()).map(label).collect();
    let data = labeled(x.clone(), Matrix::from_rows(&rows));
    let given = Overrides { hidden: Some(vec![8]), epochs: Some(20), restarts: Some(2), ..Overrides::default() };
    let hyperparameters = given.for_data(&data);
    (data, hyperparameters)
}

/// scikit-learn's MLPClassifier (1.9.1, a layer of 32, Adam with 0.003, batches of 32, 20 epochs) reaches 0.954 to 0.968 of
/// the labels on five splits.
#[test]
fn digits_are_learned() {
    let (train, test) = digits().split(0.75, 1);
    let given =
        Overrides { hidden: Some(vec![32]), epochs: Some(20), tune_penalty: Some(false), ..Overrides::default() };
    let hyperparameters = given.for_data(&train);
    assert_eq!(hyperparameters.loss, Loss::BinaryCrossEntropy);
    let model = hyperparameters.fit(&train).unwrap().model;
    assert_eq!((model.network().output_activation(), model.preprocessing().targets()), (Sigmoid, None));
    let score = model.score(&test).unwrap();
    let found = score.evaluation.multi_label().unwrap();
    assert!(found.label_accuracy > 0.94 && found.macro_f1 > 0.94 && found.subset_accuracy > 0.86, "{score}");
    assert!(found.labels.iter().all(|label| label.roc_auc > 0.97), "{found}");
}

/// Stopped in a trial or in the training itself, and resumed: the model is that of an undisturbed run.
#[test]
fn stopped_training_resumes_with_the_same_bits() {
    let (data, hyperparameters) = moons();
    let expected = hyperparameters.fit(&data).unwrap().model.to_bytes();
    for in_trial in [true, false] {
        let folder = Folder::new();
        let checkpoints = || Checkpoints::new(folder.path("labels.checkpoint")).every_epochs(3).resume();
        let mut run = FitRun::default().checkpoints(checkpoints()).observe(|event| match event {
            FitEvent::Trial { fold: 2, fraction, .. } if in_trial && fraction > 0.4 => Break(()),
            FitEvent::Training(Event::Batch { epoch: 11, batch: 2, .. }) if !in_trial => Break(()),
            _ => Continue(()),
        });
        let stopped = hyperparameters.fit_with(&data, &mut run);
        assert!(stopped.is_err() || !in_trial);
        drop(run);
        let resumed = hyperparameters.fit_with(&data, &mut FitRun::default().checkpoints(checkpoints())).unwrap();
        assert_eq!(resumed.model.to_bytes(), expected, "stopped in a trial: {in_trial}");
        // Other labels are another training.
        std::fs::remove_file(folder.path("labels.checkpoint")).unwrap();
        let mut run = FitRun::default().checkpoints(checkpoints()).observe(|event| match event {
            FitEvent::Training(Event::Epoch { .. }) => Break(()),
            _ => Continue(()),
        });
        hyperparameters.fit_with(&data, &mut run).unwrap();
        drop(run);
        let Targets::Labels(mut y) = data.targets().clone() else { panic!("labels") };
        y.as_mut_slice()[0] = 1.0 - y.as_slice()[0];
        let other = Dataset::new(data.features().clone(), Targets::Labels(y), data.schema().clone()).unwrap();
        assert!(hyperparameters.fit_with(&other, &mut FitRun::default().checkpoints(checkpoints())).is_err());
    }
}

#[test]
fn every_way_to_choose_takes_labels() {
    let (data, mut hyperparameters) = moons();
    (hyperparameters.tune_penalty, hyperparameters.restarts, hyperparameters.epochs) = (false, 1, 60);
    for fold in cross_validate(&hyperparameters, &data, 3).unwrap() {
        let score = fold.unwrap().test;
        assert!(score.evaluation.multi_label().unwrap().label_accuracy > 0.8, "{score}");
    }
    let given = Overrides { hidden: Some(vec![8]), epochs: Some(5), ..Overrides::default() };
    let tuned = RandomSearch::new(given).trials(2).run(&data).unwrap();
    assert!(tuned.trials.iter().all(|trial| trial.loss.is_some()));
}

/// A fraction f of each target is spread over two classes: y becomes y (1 − f) + f / 2.
#[test]
fn label_smoothing_is_per_label() {
    let (data, _) = moons();
    let Targets::Labels(y) = data.targets() else { panic!("labels") };
    let smooth = Matrix::from_fn(y.rows(), 2, |i, j| y[(i, j)] * (1.0 - 0.3) + 0.3 / 2.0);
    let by_hand = Dataset::from_values(data.features().clone(), smooth).unwrap();
    let trained = |data: &Dataset, fraction| {
        let mut network = Network::builder(2).dense(8, Tanh).dense(2, Sigmoid).seed(1).build().unwrap();
        let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.01)).epochs(5).label_smoothing(fraction);
        trainer.fit(&mut network, data).unwrap();
        network
    };
    assert_eq!(trained(&data, 0.3), trained(&by_hand, 0.0));
    assert_ne!(trained(&data, 0.3), trained(&data, 0.0));
}

#[test]
fn unsuitable_settings_are_errors() {
    let (data, mut hyperparameters) = moons();
    hyperparameters.balanced = true;
    let message = "weights of classes need one target of classes";
    says(hyperparameters.fit(&data), &[message]);
    let mut network = Network::builder(2).dense(2, Sigmoid).build().unwrap();
    let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.01)).epochs(1);
    let weighed = trainer.clone().example_weights(ExampleWeights::Classes(vec![1.0, 2.0]));
    says(weighed.fit(&mut network, &data), &[]);
    // Several labels may be true at once, or none.
    let mut softmax = Network::builder(2).dense(2, Softmax).build().unwrap();
    let exclusive = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(1);
    says(exclusive.fit(&mut softmax, &data), &["sum to", "end the network in sigmoid and use binary_cross_entropy"]);
    let mut three = Network::builder(2).dense(3, Sigmoid).build().unwrap();
    says(trainer.fit(&mut three, &data), &["the network has 3 outputs and the data 2 target columns"]);
    // A model of labels is not trained further on values, nor the reverse.
    (hyperparameters.balanced, hyperparameters.tune_penalty, hyperparameters.epochs) = (false, false, 1);
    let model = hyperparameters.fit(&data).unwrap().model;
    let values = Dataset::from_values(data.features().clone(), Matrix::zeros(120, 2)).unwrap();
    let further = hyperparameters.fit_with(&values, &mut FitRun::default().start(&model));
    says(further, &["the model predicts labels, the data has values"]);
}
