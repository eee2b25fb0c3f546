//! The defaults of the library are those of the command: the same weights, bit by bit.

use palmnet::tune::{Normalization, Overrides, RandomSearch, cross_validate};
use palmnet::{Dataset, Hyperparameters, Model, Target, generate};

use super::*;

/// Every number in a model, by the name of its tensor.
fn tensors(bytes: &[u8]) -> Vec<(String, Vec<u32>)> {
    let file = Safetensors::from_bytes(bytes, "model").unwrap();
    file.tensors.into_iter().map(|tensor| (tensor.name, tensor.data.iter().map(|x| x.to_bits()).collect())).collect()
}

fn same_weights(folder: &Folder, file: &str, model: &Model) {
    let theirs = folder.bytes(file);
    assert!(tensors(&theirs) == tensors(&model.to_bytes()), "the model of the command and that of the library differ");
}

fn csv(data: &Dataset) -> String {
    let mut text = "a,b,sum,difference,distance\n".to_string();
    for (x, y) in data.to_matrix().iter_rows().zip(data.values().unwrap().iter_rows()) {
        let cells: Vec<String> = x.iter().chain(y).map(f32::to_string).collect();
        text += &format!("{}\n", cells.join(","));
    }
    text
}

#[test]
fn fit_gives_the_weights_of_the_command() {
    let folder = Folder::of_irises();
    let path = folder.path("iris.csv");
    folder.run("train iris.csv --quiet").ok();
    let (train, test) = Dataset::from_csv(&path, Target::Last).unwrap().split(0.8, 0);
    let model = palmnet::fit(&train).unwrap();
    same_weights(&folder, "model.safetensors", &model);
    assert!(model.score(&test).unwrap().value() > 0.85);
}

#[test]
fn fit_of_values_gives_the_weights_of_the_command() {
    let folder = Folder::new();
    let path = folder.path("sums.csv");
    folder.write("sums.csv", csv(&generate::sums(300, 1)));
    let target = Target::Values(&["sum", "difference", "distance"]);
    folder.run("train sums.csv --target sum,difference,distance --seed 3 --lr auto --epochs 30 --quiet").ok();
    let (train, _) = Dataset::from_csv(&path, target).unwrap().split(0.8, 3);
    let given = Overrides { seed: Some(3), epochs: Some(30), tune_learning_rate: Some(true), ..Overrides::default() };
    let fit = given.for_data(&train).fit(&train).unwrap();
    same_weights(&folder, "model.safetensors", &fit.model);
    // The hyperparameters that it reports give the same model without tuning.
    let resolved = fit.hyperparameters.unwrap();
    assert!(!resolved.tune_penalty && !resolved.tune_learning_rate);
    assert_eq!(resolved.fit(&train).unwrap().model.network(), fit.model.network());
}

#[test]
fn cross_validation_gives_the_scores_of_the_command() {
    let folder = Folder::of_irises();
    let path = folder.path("iris.csv");
    let out = folder.run("train iris.csv --folds 3 --epochs 20 --json --quiet").ok();
    let lines: Vec<Json> = out.lines().map(|line| Json::parse(line).unwrap()).collect();
    let data = Dataset::from_csv(&path, Target::Last).unwrap();
    let given = Overrides { epochs: Some(20), ..Overrides::default() };
    let hyperparameters = given.for_data(&data);
    let folds = cross_validate(&hyperparameters, &data, 3).unwrap();
    for (line, fold) in lines.iter().zip(folds) {
        let loss = line.get("test").and_then(|test| test.get("loss")).and_then(Json::as_f64).unwrap();
        assert_eq!(fold.unwrap().test.loss, loss);
    }
    assert_eq!(lines.len(), 4);
}

#[test]
fn random_search_gives_the_weights_of_the_command() {
    let folder = Folder::of_irises();
    let path = folder.path("iris.csv");
    folder.run("search iris.csv --trials 4 --epochs 20 --quiet").ok();
    let (train, _) = Dataset::from_csv(&path, Target::Last).unwrap().split(0.8, 0);
    let given = Overrides { epochs: Some(20), ..Overrides::default() };
    let tuned = RandomSearch::new(given).trials(4).run(&train).unwrap();
    assert_eq!(tuned.trials.len(), 4);
    same_weights(&folder, "model.safetensors", &tuned.best.fit(&train).unwrap().model);
}

#[test]
fn defaults_depend_on_the_data() {
    let table = generate::moons(100, 0.2, 1);
    let ensemble = Hyperparameters::for_data(&table);
    assert_eq!((&ensemble.hidden[..], ensemble.batch_size, ensemble.epochs), (&[64, 64, 64][..], 32, 150));
    assert_eq!((ensemble.members, ensemble.bins, ensemble.embedding, ensemble.restarts), (16, 16, 8, 1));
    assert!(ensemble.tune.any() && ensemble.calibrate && !ensemble.tune_penalty);
    // A bin for a hundred examples, and 4,000 steps of 128 in 12,000 of them.
    let large = Hyperparameters::for_data(&generate::moons(12_000, 0.2, 1));
    assert_eq!((large.bins, large.batch_size, large.epochs), (64, 128, 42));
    let fast = Overrides { fast: true, ..Overrides::default() };
    let hyperparameters = fast.for_data(&table);
    assert_eq!(
        (&hyperparameters.hidden[..], hyperparameters.batch_size, hyperparameters.epochs),
        (&[64, 64, 64][..], 16, 200)
    );
    assert_eq!((hyperparameters.members, hyperparameters.bins, hyperparameters.embedding), (1, 0, 0));
    assert!(hyperparameters.tune_penalty && !hyperparameters.tune.any() && !hyperparameters.calibrate);
    assert_eq!(hyperparameters.optimizer.name(), "adamw");
    let images = Hyperparameters::for_data(&generate::digits());
    // 6,000 steps of 64 in 1,797 examples.
    assert_eq!((&images.hidden[..], images.batch_size, images.epochs), (&[128, 128][..], 64, 200));
    // 2·4 + 4 + 4·2 + 2 = 22 parameters are few: a bad start could spoil them.
    let small = Overrides { hidden: Some(vec![4]), fast: true, ..Overrides::default() }.for_data(&table);
    assert_eq!(small.restarts, 5);
    // Batch normalization and methods of all examples are not for members.
    let normalized = Overrides { normalization: Some(Normalization::Batch), ..Overrides::default() };
    assert_eq!(normalized.for_data(&table).members, 1);
}
