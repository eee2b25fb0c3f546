//! Explanations: cases that can be computed by hand, and the figures of shap and scikit-learn, which
//! `tests/golden/make_explanations.py` has stored.

use palmnet::Activation::*;
use palmnet::compute::{Rng, set_threads};
use palmnet::data::{Column, ColumnKind, Features, Missing, NumberForm, Scaler, Schema, TargetSchema, Targets};
use palmnet::explain::{PartialDependence, Permutations, Shapley};
use palmnet::model::Calibration;
use palmnet::nn::{Dense, Layer};
use palmnet::unversioned::Json;
use palmnet::{
    Adam, Dataset, Hyperparameters, Loss, Matrix, Model, Network, Preprocessing, Scaling, Table, Target, Trainer,
};

use super::{classes, random};
use crate::support::{close, emulated, says, strings};

fn values(names: &[&str]) -> TargetSchema {
    TargetSchema::Values { names: strings(names) }
}

/// A model of dense layers, with tanh between them.
fn model(layers: &[(Matrix, Vec<f32>)], end: palmnet::Activation, schema: Schema) -> Model {
    let mut stack = Vec::new();
    for (weights, bias) in layers {
        stack.extend([Layer::Dense(Dense::new(weights.clone(), bias.clone())), Layer::Activation(Tanh)]);
    }
    stack.pop();
    stack.extend((end != Identity).then_some(Layer::Activation(end)));
    let width = schema.width();
    Model::new(Network::from_layers(width, stack).unwrap(), Scaler::identity(width), schema).unwrap()
}

/// y = 2a - 3b + 5, and z = b/2; c is not used.
fn linear() -> Model {
    let weights = Matrix::from_rows(&[[2.0, 0.0], [-3.0, 0.5], [0.0, 0.0]]);
    model(&[(weights, vec![5.0, 0.0])], Identity, Schema::numbers(["a", "b", "c"], values(&["y", "z"])).unwrap())
}

fn mean(x: &Matrix, column: usize) -> f64 {
    x.iter_rows().map(|row| f64::from(row[column])).sum::<f64>() / x.rows() as f64
}

/// A column with weight w adds w times its distance from the mean of the background.
#[test]
fn shapley_values_of_a_linear_model() {
    let (x, row) = (random(40, 3, 1), [1.5, -2.0, 7.0]);
    let found = linear().shapley(&row, &x.clone().into(), 0).unwrap();
    assert_eq!((found.background, &found.outputs), (40, &strings(&["y", "z"])));
    let means: Vec<f64> = (0..3).map(|column| mean(&x, column)).collect();
    for (column, weights) in [[2.0, 0.0], [-3.0, 0.5], [0.0, 0.0]].iter().enumerate() {
        for (output, weight) in weights.iter().enumerate() {
            let expected = weight * (f64::from(row[column]) - means[column]);
            close(found.columns[column].values[output], expected, 1e-5);
            assert_eq!(found.columns[column].errors[output], 0.0);
        }
    }
    close(found.base[0], 2.0 * means[0] - 3.0 * means[1] + 5.0, 1e-5);
    close(found.prediction[0], 14.0, 1e-5);
    close(found.prediction[1], -1.0, 1e-5);
    assert_eq!(found.columns.iter().map(|column| &column.cell[..]).collect::<Vec<_>>(), ["1.5", "-2", "7"]);
    assert_eq!((found.ranked(0)[0], found.ranked(1)[0]), (1, 1));
}

/// The product of the first two of so many columns, which are 1 or -1: XOR. The others are not used.
fn product(columns: usize) -> Model {
    // (|x + y| - |x - y|) / 2, with |z| = relu(z) + relu(-z).
    let rows = [[1.0, -1.0, 1.0, -1.0], [1.0, -1.0, -1.0, 1.0]];
    let inner = Matrix::from_fn(columns, 4, |column, unit| rows.get(column).map_or(0.0, |row| row[unit]));
    let outer = Matrix::from_rows(&[[0.5], [0.5], [-0.5], [-0.5]]);
    let dense = |weights: Matrix| Layer::Dense(Dense::new(weights.clone(), vec![0.0; weights.columns()]));
    let layers = vec![dense(inner), Layer::Activation(Relu), dense(outer)];
    let schema = Schema::numbers((0..columns).map(|column| format!("x{column}")), values(&["y"])).unwrap();
    Model::new(Network::from_layers(columns, layers).unwrap(), Scaler::identity(columns), schema).unwrap()
}

/// At (1, 1), over all four rows, the two share what none adds alone, and the third is not used.
#[test]
fn shapley_values_of_an_interaction() {
    let model = product(3);
    let x = Matrix::from_rows(&[[1.0, 1.0, 3.0], [1.0, -1.0, 1.0], [-1.0, 1.0, 4.0], [-1.0, -1.0, 1.0]]);
    let found = model.shapley(&[1.0, 1.0, 9.0], &x.clone().into(), 0).unwrap();
    // v() = v(p) = v(q) = 0 and v(p, q) = 1: each adds a half.
    let expected = [0.5, 0.5, 0.0];
    assert_eq!([0, 1, 2].map(|column| found.columns[column].values[0]), expected);
    assert_eq!((found.base[0], found.prediction[0]), (0.0, 1.0));

    // The dependence on either is flat, though both are important: without p, half of the products are wrong.
    let flat = model.partial_dependence(&x.clone().into(), "x0", 5, 0).unwrap();
    assert_eq!(
        flat.points.iter().map(|point| (point.value, point.means[0])).collect::<Vec<_>>(),
        [(Some(-1.0), 0.0), (Some(1.0), 0.0)]
    );
    let truth = Matrix::from_rows(&[[1.0], [-1.0], [-1.0], [1.0]]);
    let data = Dataset::new(x, Targets::Values(truth), model.schema().clone()).unwrap();
    let importance = model.importance(&data, 50, 0).unwrap();
    assert_eq!((importance.metric, importance.score, importance.rows), ("r2", 1.0, 4));
    // A permutation that moves k of the rows to the other sign makes k errors of 2, and R² falls by k; 0, 2 or 4
    // move in 4, 16 and 4 of 24: 2 on average, with a variance of 4/3.
    for column in &importance.columns[..2] {
        close(column.mean, 2.0, 4.0 * (4.0 / 3.0f64 / 50.0).sqrt());
        close(column.std, (4.0f64 / 3.0).sqrt(), 0.4);
    }
    assert_eq!((importance.columns[2].mean, importance.columns[2].std), (0.0, 0.0));
    assert_eq!(importance.ranked()[2], 2);
    // One repeat deviates from nothing.
    assert!(model.importance(&data, 1, 0).unwrap().columns.iter().all(|column| column.std == 0.0));

    // Of more columns, each pair of an order and its reverse splits the product evenly.
    let x = Matrix::from_fn(4, 14, |row, column| if (row >> (column % 2)) & 1 == 1 { 1.0 } else { -1.0 });
    let found = product(14).shapley(&[1.0; 14], &x.into(), 0).unwrap();
    for (column, expected) in found.columns.iter().zip([0.5, 0.5].into_iter().chain([0.0; 12])) {
        close(column.values[0], expected, 1e-9);
        close(column.errors[0], 0.0, 1e-9);
    }
}

#[test]
fn partial_dependence_of_a_linear_model_is_a_line() {
    let x = Matrix::from_fn(11, 3, |row, column| ((row * [3, 5, 7][column]) % 11) as f32);
    let found = linear().partial_dependence(&x.clone().into(), "b", 6, 0).unwrap();
    assert_eq!((&found.name[..], found.rows, found.points.len()), ("b", 11, 6));
    for (point, cell) in found.points.iter().zip([0.0, 2.0, 4.0, 6.0, 8.0, 10.0]) {
        assert_eq!((point.value, &point.cell), (Some(cell), &cell.to_string()));
        close(point.means[0], 2.0 * mean(&x, 0) - 3.0 * cell + 5.0, 1e-5);
        close(point.means[1], cell / 2.0, 1e-5);
    }
}

/// Above 12 columns, the values are estimated: without error if no columns interact.
#[test]
fn sampled_values_of_a_linear_model_are_exact() {
    let names: Vec<String> = (0..20).map(|column| format!("x{column}")).collect();
    let weights = random(20, 1, 5);
    let schema = Schema::numbers(names, values(&["y"])).unwrap();
    let model = model(&[(weights.clone(), vec![0.5])], Identity, schema);
    let (x, row) = (random(300, 20, 6), random(1, 20, 7));
    let found = model.shapley(row.row(0), &x.clone().into(), 3).unwrap();
    assert_eq!(found.background, 100);
    let errors = found.columns.iter().map(|column| column.errors[0]);
    assert!(errors.clone().all(|error| error < 1e-6), "{:?}", errors.collect::<Vec<_>>());
    // The mean of a column over the background that was drawn, which differs from that of all rows.
    let implied =
        |column: usize| f64::from(row[(0, column)]) - found.columns[column].values[0] / f64::from(weights[(column, 0)]);
    for column in 0..20 {
        close(implied(column), mean(&x, column), 0.5);
    }
    let sum: f64 = found.columns.iter().map(|column| column.values[0]).sum();
    close(found.base[0] + sum, found.prediction[0], 1e-9);
    close(found.prediction[0], f64::from(model.predict(&row)[(0, 0)]), 1e-9);
}

/// The stored case of this name.
fn golden(name: &str) -> Json {
    let text = include_str!("../golden/explanations.json");
    Json::parse(text).unwrap().get(name).unwrap().clone()
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|item| item.as_f64().unwrap()).collect()
}

fn matrix(json: &Json, factor: f64) -> Matrix {
    let rows: Vec<Vec<f32>> = json
        .as_array()
        .unwrap()
        .iter()
        .map(numbers)
        .map(|row| row.iter().map(|x| (x * factor) as f32).collect())
        .collect();
    Matrix::from_rows(&rows)
}

fn of_golden(case: &Json, end: palmnet::Activation, schema: Schema) -> Model {
    let layer = |name: &str| {
        let all = matrix(case.get(name).unwrap(), 1.0 / 64.0);
        let last = all.rows() - 1;
        (all.select_rows(&(0..last).collect::<Vec<_>>()), all.row(last).to_vec())
    };
    model(&[layer("hidden"), layer("output")], end, schema)
}

/// Compares the values of the first rows with those that shap has by all coalitions. If they are estimated, the mean of
/// squared errors in units of their standard errors is about 1.
fn compare_shapley(model: &Model, x: &Matrix, case: &Json) {
    let stored = case.get("shapley").unwrap();
    let (mut squares, mut count) = (0.0, 0.0);
    for (row, expected) in stored.get("values").unwrap().as_array().unwrap().iter().enumerate() {
        let found = model.shapley(x.row(row), &x.clone().into(), 1).unwrap();
        for (found, expected) in found.base.iter().zip(numbers(stored.get("base").unwrap())) {
            close(*found, expected, 1e-5);
        }
        let mut sums = found.base.clone();
        for (column, expected) in found.columns.iter().zip(expected.as_array().unwrap()) {
            for (output, expected) in numbers(expected).into_iter().enumerate() {
                let (value, error) = (column.values[output], column.errors[output]);
                close(value, expected, 1e-5 + 4.5 * error);
                if error > 0.0 {
                    squares += ((value - expected) / error).powi(2);
                    count += 1.0;
                }
                sums[output] += value;
            }
        }
        sums.iter().zip(&found.prediction).for_each(|(sum, prediction)| close(*sum, *prediction, 1e-6));
    }
    if count > 0.0 {
        assert!((0.4..2.2).contains(&(squares / count)), "{}", squares / count);
    }
}

/// Compares with scikit-learn's importances: means within 4.5 standard errors of both, and standard deviations within
/// 4.5 of theirs, as of normal numbers.
fn compare_importance(model: &Model, data: &Dataset, case: &Json) {
    const REPEATS: usize = 400;
    let stored = case.get("importance").unwrap();
    let found = model.importance(data, REPEATS, 1).unwrap();
    close(found.score, stored.get("score").unwrap().as_f64().unwrap(), 1e-5);
    let (means, stds) = (numbers(stored.get("mean").unwrap()), numbers(stored.get("std").unwrap()));
    let inverse = 1.0 / REPEATS as f64 + 1.0 / 2000.0;
    for ((column, mean), std) in found.columns.iter().zip(means).zip(stds) {
        close(column.mean, mean, 4.5 * std * inverse.sqrt());
        close(column.std, std, 4.5 * std * (inverse / 2.0).sqrt());
    }
}

fn compare_dependence(found: &PartialDependence, stored: &Json) {
    let (grid, means) = (numbers(stored.get("grid").unwrap()), stored.get("means").unwrap().as_array().unwrap());
    assert_eq!((found.points.len(), grid.len()), (means.len(), means.len()));
    for ((point, cell), means) in found.points.iter().zip(grid).zip(means) {
        match point.value {
            Some(value) => assert_eq!(value, cell),
            None => assert_eq!(point.cell, format!("c{cell}")),
        }
        point.means.iter().zip(numbers(means)).for_each(|(found, mean)| close(*found, mean, 1e-5));
    }
}

/// Three classes, of a number, a category, and two more numbers: exact Shapley values.
#[test]
fn classes_are_explained_as_by_shap_and_scikit_learn() {
    let case = golden("classes");
    let number = |name: &str| Column::new(name, ColumnKind::Number(NumberForm::default()));
    let color = Column::new("color", ColumnKind::Categories(strings(&["c0", "c1", "c2"])));
    let columns = vec![number("a"), color, number("b"), number("c")];
    let schema = Schema::from_parts(columns, classes(&["r", "s", "t"]), vec![4]).unwrap();
    let model = of_golden(&case, Softmax, schema);
    let cells = matrix(case.get("x").unwrap(), 1.0);
    let x = Matrix::from_fn(cells.rows(), 6, |row, input| match input {
        0 => cells[(row, 0)] / 64.0,
        1..4 => f32::from(cells[(row, 1)] == (input - 1) as f32),
        _ => cells[(row, input - 2)] / 64.0,
    });
    let y = numbers(case.get("y").unwrap()).into_iter().map(|class| class as u32).collect();
    let data = Dataset::new(x.clone(), Targets::Classes(y), model.schema().clone()).unwrap();
    compare_shapley(&model, &x, &case);
    compare_importance(&model, &data, &case);
    let dependence = |column: &str, points| model.partial_dependence(data.features(), column, points, 0).unwrap();
    compare_dependence(&dependence("b", 6), case.get("dependence").unwrap());
    compare_dependence(&dependence("color", 6), case.get("category_dependence").unwrap());
}

/// One value of 14 numbers: estimated Shapley values.
#[test]
fn values_are_explained_as_by_shap_and_scikit_learn() {
    let case = golden("values");
    let names = (0..14).map(|column| format!("x{column}"));
    let model = of_golden(&case, Identity, Schema::numbers(names, values(&["y"])).unwrap());
    let x = matrix(case.get("x").unwrap(), 1.0 / 64.0);
    let y = numbers(case.get("y").unwrap()).into_iter().map(|y| (y / 64.0) as f32).collect();
    let data = Dataset::new(x.clone(), Targets::Values(Matrix::from_vec(30, 1, y)), model.schema().clone()).unwrap();
    compare_shapley(&model, &x, &case);
    compare_importance(&model, &data, &case);
}

/// All inputs of a column belong together, missing cells are filled in, and figures are in the units of the table: of
/// columns and targets with an origin, too.
#[test]
fn tables_are_explained_in_their_units() {
    if emulated() {
        return eprintln!("tables are not explained: it would take minutes");
    }
    let mut csv = "day,color,stamp,size,y\n".to_string();
    let mut rng = Rng::new(3);
    for row in 0..300 {
        let (day, color, size) = (1 + row % 28, rng.below(3), rng.uniform_in(0.0, 4.0));
        let cell = if row % 7 == 0 { String::new() } else { format!("{size:.2}") };
        let y = 1_700_000_000.0 + 10.0 * color as f64 + if row % 7 == 0 { 30.0 } else { size };
        csv +=
            &format!("2024-02-{day:02},{},{}.5,{cell},{y:.2}\n", ["blue", "green", "red"][color], 1_700_000_000 + row);
    }
    let table = Table::parse(csv, "a.csv").unwrap();
    let data = Dataset::from_table(table, Target::Values(&["y"]), Missing::Fill).unwrap();
    let mut hyperparameters = Hyperparameters::for_data(&data);
    (hyperparameters.epochs, hyperparameters.tune_penalty, hyperparameters.members) = (60, false, 4);
    let model = hyperparameters.fit(&data).unwrap().model;
    let score = model.score(&data).unwrap().value();
    assert!(score > 0.9, "{score}");

    let importance = model.importance(&data, 3, 0).unwrap();
    close(importance.score, score, 1e-6);
    let names: Vec<&str> = importance.columns.iter().map(|column| &column.name[..]).collect();
    assert_eq!(names, ["day", "color", "stamp", "size"]);
    assert!(importance.columns[1].mean > 0.2 && importance.columns[3].mean > 0.5, "{importance}");
    assert!(importance.columns[0].mean.abs() < 0.1 && importance.columns[2].mean.abs() < 0.1, "{importance}");

    let dependence = |column: &str| model.partial_dependence(data.features(), column, 5, 0).unwrap();
    let colors = dependence("color");
    let mean = |cell: &str| colors.points.iter().find(|point| point.cell == cell).unwrap().means[0];
    close(mean("red") - mean("blue"), 20.0, 3.0);
    assert!((1_700_000_000.0..1_700_000_060.0).contains(&mean("green")), "{}", mean("green"));
    let days: Vec<String> = dependence("day").points.into_iter().map(|point| point.cell).collect();
    assert_eq!((&days[0][..], &days[4][..]), ("2024-02-01", "2024-02-28"));
    let stamps = dependence("stamp");
    assert_eq!((&stamps.points[0].cell[..], stamps.points[4].value), ("1700000000.5", Some(1_700_000_299.5)));
    assert!(dependence("size").points.iter().all(|point| point.value.is_some_and(|size| size <= 4.0)));

    // The first row lacks its size.
    let row = data.to_matrix().row(0).to_vec();
    let found = model.shapley(&row, data.features(), 0).unwrap();
    let cells: Vec<&str> = found.columns.iter().map(|column| &column.cell[..]).collect();
    assert_eq!((cells[0], cells[2], cells[3]), ("2024-02-01", "1700000000.5", "missing"));
    assert!(found.columns[3].values[0] > 10.0, "{found}");
    let sum: f64 = found.columns.iter().map(|column| column.values[0]).sum();
    close(found.base[0] + sum, found.prediction[0], 1e-3);
    let prediction = model.predict_features(data.features()).unwrap()[(0, 0)];
    close(found.prediction[0], model.schema().target_value(0, prediction), 1e-3);
    assert!(found.base[0] > 1_700_000_000.0);
}

/// Features that are kept as bytes, of a model with a single output for two classes, give what a matrix of them gives:
/// with one thread and with several.
#[test]
fn bytes_and_threads_change_nothing() {
    let mut rng = Rng::new(8);
    let bytes: Vec<u8> = (0..600 * 5).map(|_| rng.below(256) as u8).collect();
    let x = Features::from_bytes(5, bytes).unwrap();
    let matrix = x.to_matrix();
    let labels: Vec<u32> = matrix.iter_rows().map(|x| u32::from(x[0] > x[3])).collect();
    let data = Dataset::from_classes(x, labels.clone(), ["no", "yes"]).unwrap();
    let plain = Dataset::from_classes(matrix.clone(), labels, ["no", "yes"]).unwrap();
    let preprocessing = Preprocessing::fit(&data, Scaling::Standard);
    let mut train = data.clone();
    preprocessing.apply(&mut train);
    // So large that the predictions of all rows are shared among threads.
    let mut network = Network::builder(5).dense(300, Relu).dense(120, Relu).dense(1, Sigmoid).seed(1).build().unwrap();
    Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.01)).epochs(5).fit(&mut network, &train).unwrap();
    let model = Model::new(network, preprocessing, data.schema().clone()).unwrap();
    let outputs = model.predict(&matrix);
    let calibration = Calibration::fit(&outputs, &Matrix::default(), data.targets());
    let model = model.with_calibration(calibration).unwrap();
    let explain = |data: &Dataset, threads| {
        let model = model.clone().with_threads(threads);
        let importance = model.importance(data, 3, 5).unwrap();
        let dependence = model.partial_dependence(data.features(), "4", 4, 5).unwrap();
        (importance, dependence, model.shapley(matrix.row(9), data.features(), 5).unwrap())
    };
    set_threads(4);
    let found = explain(&data, 4);
    set_threads(0);
    assert_eq!((&found, &found), (&explain(&data, 1), &explain(&plain, 3)));
    let (importance, dependence, shapley) = found;
    assert_eq!((&importance.ranked()[..2], importance.metric), (&[0, 3][..], "accuracy"));
    assert_eq!((dependence.outputs, &shapley.outputs), (strings(&["yes"]), &strings(&["yes"])));
    close(shapley.prediction[0], f64::from(model.predict(&matrix)[(9, 0)]), 1e-9);
    assert!(dependence.points[0].means[0] > dependence.points[3].means[0] + 0.3);
}

#[test]
fn rows_are_bounded_and_drawn_by_the_seed() {
    let (model, x) = (linear(), random(12_000, 3, 1));
    let y = model.predict(&x);
    let data = Dataset::new(x, Targets::Values(y), model.schema().clone()).unwrap();
    let importance = model.importance(&data, 2, 0).unwrap();
    assert_eq!((importance.rows, importance.score), (2_000, 1.0));
    assert_eq!(model.importance(&data, 2, 0).unwrap(), importance);
    assert_ne!(model.importance(&data, 2, 1).unwrap(), importance);
    // Of as many rows as are asked for, and each column is announced.
    let mut seen = Vec::new();
    let permutations = Permutations { rows: Some(10_000), repeats: 2, seed: 0 };
    let importance = model.importance_with(&data, permutations, &mut |done| seen.push(done)).unwrap();
    assert_eq!((importance.rows, seen), (10_000, vec![0, 1, 2]));
    // A column with the weight w and the variance v: predictions and truth differ by w times the difference of two
    // cells, whose square is 2 w² v on average; of y, 4 of 13 for a, and 9 of 13 for b; of z, all for b.
    close(importance.columns[0].mean, (2.0 * 4.0 / 13.0) / 2.0, 0.03);
    close(importance.columns[1].mean, (2.0 * 9.0 / 13.0 + 2.0) / 2.0, 0.05);
    assert_eq!(importance.columns[2].mean, 0.0);
    // The rows that are left out are not the last ones: those are wrong here.
    let wrong = Matrix::from_fn(12_000, 2, |row, target| data.values().unwrap()[(row, target)] + (row / 10_000) as f32);
    let wrong = Dataset::new(data.to_matrix(), Targets::Values(wrong), model.schema().clone()).unwrap();
    assert!(model.importance(&wrong, 1, 0).unwrap().score < 0.99);
    assert_eq!(model.importance(&data, 1000, 0).map(|found| found.rows).unwrap(), 1_000);
    assert_eq!(model.partial_dependence(data.features(), "a", 3, 0).unwrap().rows, 500);
}

/// A column with one cell, or none, has no dependence to show, and says so.
#[test]
fn constant_columns_say_so() {
    let mut x = random(20, 3, 1);
    (0..20).for_each(|row| (x[(row, 0)], x[(row, 1)]) = (2.5, f32::NAN));
    let dependence = |column: &str| linear().partial_dependence(&x.clone().into(), column, 5, 0).unwrap();
    let lines = ["a is constant: 2.5", "b is missing in all rows"];
    for (column, line) in ["a", "b"].iter().zip(lines) {
        assert_eq!(dependence(column).constant().as_deref(), Some(line));
        assert_eq!(dependence(column).to_string(), format!("{line}\n"));
    }
    assert!(dependence("c").constant().is_none() && dependence("c").to_string().lines().count() == 6);
}

/// Figures of long objects are on their `Display`, and their `Debug` is short.
#[test]
fn results_are_printed_and_debugged() {
    let (model, x) = (linear(), random(40, 3, 1));
    let data = Dataset::new(x.clone(), Targets::Values(model.predict(&x)), model.schema().clone()).unwrap();
    let importance = model.importance(&data, 2, 0).unwrap().to_string();
    assert!(importance.starts_with("r2 1.0000\n") && importance.lines().count() == 5, "{importance}");
    assert!(model.score(&data).unwrap().to_string().contains("rmse"), "{}", model.score(&data).unwrap());
    assert!(model.network().to_string().contains("dense(3,2)"), "{}", model.network());
    for text in [format!("{model:?}"), format!("{:?}", model.network()), format!("{data:?}"), format!("{x:?}")] {
        assert!(text.len() < 500, "{text}");
    }
}

#[test]
fn wrong_requests_are_errors() {
    let (model, x) = (linear(), random(4, 3, 1));
    let data = Dataset::new(x.clone(), Targets::Values(model.predict(&x)), model.schema().clone()).unwrap();
    let (features, narrow) = (data.features(), Features::from(random(4, 2, 1)));
    says(model.importance(&data, 0, 0), &["repeats"]);
    let no_rows = Permutations { rows: Some(0), ..Permutations::default() };
    says(model.importance_with(&data, no_rows, &mut |_| {}), &["rows: expected at least 2"]);
    let other = Dataset::from_values(x, random(4, 1, 1)).unwrap();
    says(model.importance(&other, 5, 0), &["2 values", "has 1"]);
    says(model.partial_dependence(features, "d", 5, 0), &["no column `d`", "`a`, `b`, `c`"]);
    says(model.partial_dependence(features, "a", 1, 0), &["points"]);
    says(model.partial_dependence(&narrow, "a", 5, 0), &["takes 3 features", "has 2"]);
    says(model.shapley(&[1.0], features, 0), &["takes 3 features", "has 1"]);
    says(model.shapley(&[1.0; 3], &narrow, 0), &["has 2"]);
    let none = Features::from(Matrix::zeros(0, 3));
    says(model.shapley(&[1.0; 3], &none, 0), &["no rows"]);
    says(model.partial_dependence(&none, "a", 5, 0), &["no rows"]);
}

/// Tables fit the terminal, whatever the names and the figures are.
#[test]
fn reports_fit_the_width() {
    let names = ["a name that is much too long for a column of a narrow table", "größe\n身長", "c"];
    let target = values(&["a target with a name that is long, too", "z"]);
    let weights = Matrix::from_rows(&[[2e9, 1e-7], [-3e-12, 0.5], [0.0, 1e30]]);
    let schema = Schema::numbers(names, target).unwrap();
    let model = model(&[(weights, vec![5e20, 0.0])], Identity, schema);
    let x = random(50, 3, 1).map(|x| x * 1e-9);
    let data = Dataset::new(x.clone(), Targets::Values(model.predict(&x)), model.schema().clone()).unwrap();
    let shapley: Shapley = model.shapley(x.row(3), data.features(), 0).unwrap();
    let importance = model.importance(&data, 2, 0).unwrap();
    for width in [0, 40, 57, 100] {
        let dependence = |name| model.partial_dependence(data.features(), name, 7, 0).unwrap().report(width);
        let tables = [importance.report(width, 9), shapley.report(0, width, 2), shapley.report(1, width, 9)];
        for table in tables.into_iter().chain(names.map(dependence)) {
            let longest = table.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= width.max(40) && table.ends_with('\n'), "{width}:\n{table}");
            assert!(table.lines().all(|line| line == line.trim_end()), "{table:?}");
        }
    }
    assert_eq!(importance.report(40, 1).lines().count(), 2);
    // However long the names are, there is room for a bar.
    assert!(importance.report(40, 9).lines().any(|line| line.ends_with("█████")));
    assert!(importance.report(100, 9).lines().any(|line| line.ends_with("██████████")));
    assert!(shapley.report(1, 40, 1).contains("2 others"));
    for shown in [importance.to_string(), shapley.to_string()] {
        assert!(shown.lines().all(|line| line.chars().count() <= 40), "{shown}");
    }
}
