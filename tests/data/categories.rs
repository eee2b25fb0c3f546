//! Categories are kept as numbers: everything is as if each had an input of its own, bit for bit.

use palmnet::data::{Missing, Scaler, Targets};
use palmnet::optim::Lbfgs;
use palmnet::tune::{diagnose, diagnose_test};
use palmnet::{Dataset, Hyperparameters, Matrix, Model, Penalty, Preprocessing, Scaling, Table, Target};

const ROWS: usize = 240;

/// A table with numbers between columns of categories, and with missing cells in both.
fn text(rows: std::ops::Range<usize>) -> String {
    let cell = |row: usize, column: usize| (row * (7 + 4 * column) + row / 5 + column) % (3 + 2 * column);
    let line = |row: usize| {
        let number = if row % 11 == 3 { String::new() } else { format!("{}.5", cell(row, 3)) };
        let shade = if row % 13 == 5 { "" } else { ["light", "dark", "grey", "pale"][row % 4] };
        let label = ["yes", "no"][(cell(row, 1) + row % 3) % 2];
        format!("k{},{number},c{},{shade},{},h{},{label}\n", cell(row, 1), cell(row, 2), cell(row, 5), cell(row, 4))
    };
    "kind,size,code,shade,age,house,y\n".to_string() + &rows.map(line).collect::<String>()
}

/// The examples as a table is read, and the same ones with a matrix of their inputs.
fn both() -> [Dataset; 2] {
    let table = Table::parse(text(0..ROWS), "houses.csv").unwrap();
    let coded = Dataset::from_table(table, Target::Last, Missing::Fill).unwrap();
    assert!(coded.missing_count() > 0 && coded.schema().width() > 25);
    let expanded = expanded(&coded);
    [coded, expanded]
}

fn expanded(data: &Dataset) -> Dataset {
    Dataset::new(data.to_matrix(), data.targets().clone(), data.schema().clone()).unwrap()
}

/// The bits of all features: NaN is not equal to itself.
fn bits(data: &Dataset) -> Vec<u32> {
    data.to_matrix().as_slice().iter().map(|x| x.to_bits()).collect()
}

fn same<T: PartialEq + std::fmt::Debug>(of: impl Fn(&Dataset) -> T) {
    let [coded, expanded] = both();
    assert_eq!(of(&coded), of(&expanded));
}

/// The inputs by hand: one for each text in alphabetical order, and one for a missing cell.
#[test]
fn inputs_are_those_of_the_texts() {
    let data = |text: &str| {
        let table = Table::parse(text, "a.csv").unwrap();
        Dataset::from_table(table, Target::Values(&["y"]), Missing::Fill).unwrap()
    };
    let data = data("a,n,b,y\nred,1,x,1\nblue,2,,2\nred,3,z,3\ngreen,,x,4\n");
    let x = Matrix::from_rows(&[
        // Blue, green, red; n; x, z, missing.
        [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 1.0],
        [0.0, 0.0, 1.0, 3.0, 0.0, 1.0, 0.0],
        [0.0, 1.0, 0.0, f32::NAN, 1.0, 0.0, 0.0],
    ]);
    assert_eq!(bits(&data), x.as_slice().iter().map(|x| x.to_bits()).collect::<Vec<u32>>());
    // A text that training did not have is none of them; a missing one is not known before it is imputed.
    let later = Table::parse("a,n,b,y\npink,5,z,1\n,6,y,2\n", "b.csv").unwrap();
    let later = Dataset::from_table_as(&later, data.schema()).unwrap();
    assert_eq!(later.to_matrix().row(0), [0.0, 0.0, 0.0, 5.0, 0.0, 1.0, 0.0]);
    let row = later.to_matrix().row(1).to_vec();
    assert!(row[..3].iter().all(|x| x.is_nan()) && row[3..] == [6.0, 0.0, 0.0, 1.0], "{row:?}");
    assert_eq!(later.missing_count(), 1);
    let mut later = later;
    // Red is the most frequent color.
    Preprocessing::fit(&data, Scaling::None).imputer().unwrap().apply(&mut later);
    assert_eq!((later.to_matrix().row(1)[..3].to_vec(), later.missing_count()), (vec![0.0, 0.0, 1.0], 0));
}

#[test]
fn preprocessing_is_the_same() {
    for scaling in [Scaling::Standard, Scaling::MinMax, Scaling::None] {
        same(|data| Preprocessing::fit(data, scaling));
        same(|data| {
            let mut data = data.clone();
            Preprocessing::fit(&data, scaling).apply(&mut data);
            // A second scaling is exact too.
            data.scale(&Scaler::divide_by(data.schema().width(), 3.0));
            (bits(&data), data.missing_count())
        });
    }
    same(|data| data.digest());
    same(|data| data.missing_count());
}

#[test]
fn parts_are_the_same() {
    same(|data| {
        let (first, second) = data.split(0.7, 3);
        let mut parts = vec![bits(&first), bits(&second)];
        parts.extend(data.folds(3, 1).unwrap().flat_map(|(train, test)| [bits(&train), bits(&test)]));
        parts
    });
    same(|data| (bits(&data.windows(3).unwrap()), data.windows(3).unwrap().missing_count()));
    same(|data| {
        let (mut first, second) = data.split_at(100).unwrap();
        first.append(&second).unwrap();
        bits(&first)
    });
    let [coded, expanded] = both();
    // One part as it was read, and one as a matrix; parts that are scaled differently.
    let (first, second) = (coded.slice(0..100).unwrap(), expanded.slice(100..ROWS).unwrap());
    for (mut first, second) in [(first.clone(), second.clone()), (expanded.slice(0..100).unwrap(), second)] {
        first.append(&second).unwrap();
        assert_eq!(bits(&first), bits(&expanded));
    }
    let (mut scaled, mut of_matrix) = (first, expanded.slice(0..100).unwrap());
    for part in [&mut scaled, &mut of_matrix] {
        part.scale(&Scaler::divide_by(part.schema().width(), 2.0));
        part.append(&coded).unwrap();
    }
    assert_eq!(bits(&scaled), bits(&of_matrix));
}

#[test]
fn equality_is_that_of_the_numbers() {
    let [mut coded, mut expanded] = both();
    Preprocessing::fit(&coded, Scaling::None).imputer().unwrap().apply(&mut coded);
    assert_ne!(coded, expanded);
    Preprocessing::fit(&expanded, Scaling::None).imputer().unwrap().apply(&mut expanded);
    assert_eq!(coded, expanded);
    let mut x = coded.to_matrix();
    x.row_mut(9)[4] += 1.0;
    let changed = Dataset::new(x, coded.targets().clone(), coded.schema().clone()).unwrap();
    assert_ne!(coded, changed);
    assert_ne!(changed, coded);
    // Features that are missing do not fit a schema that has none.
    let schema = coded.schema().clone().allowing_missing(false);
    let [coded, expanded] = both();
    let refused = [&coded, &expanded].map(|data| {
        let (features, targets) = (data.features().clone(), data.targets().clone());
        Dataset::new(features, targets, schema.clone()).unwrap_err().to_string()
    });
    assert_eq!(refused[0], refused[1]);
}

#[test]
fn warnings_are_the_same() {
    same(|data| {
        let preprocessing = Preprocessing::fit(data, Scaling::Standard);
        diagnose(data, &preprocessing, Some(1_000_000)).iter().map(ToString::to_string).collect::<Vec<_>>()
    });
    let [coded, expanded] = both();
    let warnings = [diagnose_test(&coded, &expanded), diagnose_test(&expanded, &coded)];
    assert!(warnings.iter().all(|warning| warning.as_ref().is_some_and(|warning| warning.to_string().contains("240"))));
}

/// By mini-batches with a validation set, and by all examples at once; with noise, and with weights of examples.
#[test]
fn trained_models_are_the_same() {
    let settings = |data: &Dataset| {
        let mut hyperparameters = Hyperparameters::for_data(data);
        (hyperparameters.hidden, hyperparameters.epochs, hyperparameters.restarts) = (vec![7], 5, 1);
        hyperparameters
    };
    let bytes = |model: &Model| model.to_bytes();
    same(|data| {
        let mut hyperparameters = settings(data);
        (hyperparameters.validation, hyperparameters.noise) = (0.2, 0.1);
        hyperparameters.optimizer = palmnet::Adam::new(0.01).into();
        bytes(&hyperparameters.fit(data).unwrap().model)
    });
    same(|data| {
        let mut hyperparameters = settings(data);
        hyperparameters.optimizer = Lbfgs::default().into();
        (hyperparameters.tune_learning_rate, hyperparameters.tune_penalty) = (false, false);
        hyperparameters.penalty = Penalty::default().l2(0.001);
        let weights = (0..data.len()).map(|row| (row % 3) as f32).collect();
        bytes(&hyperparameters.fit(&data.clone().with_weights(weights).unwrap()).unwrap().model)
    });
}

#[test]
fn predictions_are_the_same() {
    let [coded, expanded] = both();
    let mut hyperparameters = Hyperparameters::for_data(&coded);
    (hyperparameters.hidden, hyperparameters.epochs, hyperparameters.restarts) = (vec![7], 5, 1);
    let model = hyperparameters.fit(&coded).unwrap().model;
    let outputs = model.predict_dataset(&expanded).unwrap();
    assert_eq!(model.predict_dataset(&coded).unwrap(), outputs);
    assert_eq!(model.predict(&expanded.to_matrix()), outputs);
    let table = Table::parse_with(text(0..ROWS), "houses.csv", &model.schema().reading()).unwrap();
    assert_eq!(model.predict_table(&table).unwrap(), outputs);
    assert_eq!(model.predict_rows(&table).unwrap().outputs, outputs);
    assert_eq!(model.schema().features(&table).unwrap().as_slice().len(), expanded.to_matrix().as_slice().len());
    assert_eq!(model.score(&coded).unwrap(), model.score(&expanded).unwrap());
    let Targets::Classes(labels) = coded.targets() else { panic!("classes") };
    assert_eq!(labels.len(), ROWS);
}
