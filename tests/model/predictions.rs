//! Predictions, evaluation, and parts that do not fit.

use palmnet::Activation::*;
use palmnet::data::{Missing, Scaler, Schema, TargetSchema, Targets};
use palmnet::model::Calibration;
use palmnet::nn::{Dense, Init, Layer};
use palmnet::report::Report;
use palmnet::{Dataset, Error, Hyperparameters, Loss, Matrix, Model, Network, Preprocessing, Scaling, Table, Target};

use super::{EVERY_ACTIVATION, ODD_NAMES, classes, everything, odd_model, random, with_target_scaler};
use crate::support::{Folder, all_close, matrix_bits, says, strings};

#[test]
fn raw_tables_are_preprocessed() {
    let model = odd_model(3, classes(&ODD_NAMES[..3]));
    let header: Vec<String> = [5, 1, 3].map(|i| format!("\"{}\"", ODD_NAMES[i].replace('"', "\"\""))).to_vec();
    let csv = format!("{}\n2,1,größe 身長\n4,-3,__metadata__\n", header.join(","));
    let x = Matrix::from_rows(&[[1.0, 1.0, 0.0, 0.0, 2.0], [-3.0, 0.0, 0.0, 1.0, 4.0]]);
    let predictions = model.predict_table(&Table::parse(csv, "a.csv").unwrap()).unwrap();
    assert_eq!(matrix_bits(&predictions), matrix_bits(&model.predict(&x)));
    let message = model.predict_table(&Table::parse("a,b\n1,2\n", "a.csv").unwrap()).unwrap_err().to_string();
    assert!(message.starts_with("a.csv: lacks the columns `a \"quoted\" name`"), "{message}");
}

/// Classes are predicted as probabilities, whatever the network ends in, and values in their original units.
#[test]
fn predictions_are_probabilities_or_original_units() {
    let x = Matrix::from_rows(&[[2.0], [5.0]]);
    let dense = |weights: &[f32], bias: &[f32]| {
        Layer::Dense(Dense::new(Matrix::from_vec(1, bias.len(), weights.to_vec()), bias.to_vec()))
    };
    let schema = |output| Schema::numbers(["x"], output).unwrap();
    let two = || TargetSchema::Classes { name: "y".into(), classes: strings(&["no", "yes"]) };
    let model = |layers, output| {
        let network = Network::from_layers(1, layers).unwrap();
        // Scaled inputs are -1 and 0.5.
        let scaler = Scaler::from_parts(vec![4.0], vec![0.5]).unwrap();
        Model::new(network, scaler, schema(output)).unwrap()
    };
    let close = |got: &Matrix, expected: &[f64]| all_close(got.as_slice(), expected, 1e-6);
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    let (low, high) = (sigmoid(-1.0), sigmoid(2.0));
    // Logits -1 and 2 of the second class, or twice half of them.
    let single = vec![dense(&[2.0], &[1.0])];
    let double = vec![dense(&[-1.0, 1.0], &[-0.5, 0.5])];
    let data = Dataset::new(x.clone(), Targets::Classes(vec![0, 1]), schema(two())).unwrap();
    for end in [None, Some(())] {
        let with = |layers: &[Layer], activation| {
            [layers, &end.map(|()| Layer::Activation(activation)).into_iter().collect::<Vec<_>>()].concat()
        };
        let model_of_one = model(with(&single, Sigmoid), two());
        close(&model_of_one.predict(&x), &[low, high]);
        let model_of_two = model(with(&double, Softmax), two());
        close(&model_of_two.predict(&x), &[1.0 - low, low, 1.0 - high, high]);
        for model in [model_of_one, model_of_two] {
            let outputs = model.predict(&x);
            assert_eq!(outputs, model.predict_dataset(&data).unwrap());
            assert_eq!([0, 1].map(|row| model.class(outputs.row(row)).unwrap()), ["no", "yes"]);
            let palmnet::metrics::Evaluation::Classification(found) = model.evaluate(&data).unwrap() else {
                panic!("classes")
            };
            assert_eq!(found.accuracy(), 1.0);
            let log_loss = -((1.0 - low).ln() + high.ln()) / 2.0;
            assert!((found.log_loss() - log_loss).abs() < 1e-6, "{} for {log_loss}", found.log_loss());
        }
    }
    let values = || TargetSchema::Values { names: strings(&["y"]) };
    close(&model(single.clone(), values()).predict(&x), &[-1.0, 2.0]);
    let scaler = Scaler::from_parts(vec![10.0], vec![0.1]).unwrap();
    let model = with_target_scaler(model(single, values()), scaler).unwrap();
    close(&model.predict(&x), &[0.0, 30.0]);
    assert_eq!(model.class(&[0.0]), None);
    let truth = Dataset::new(x, Targets::Values(Matrix::from_rows(&[[1.0], [28.0]])), schema(values())).unwrap();
    let palmnet::metrics::Evaluation::Regression(found) = model.evaluate(&truth).unwrap() else { panic!("values") };
    assert!((found.mae - 1.5).abs() < 1e-5 && (found.rmse - 2.5f64.sqrt()).abs() < 1e-5, "{found:?}");
}

/// Each label by itself: sigmoids, also of logits, and above 0.5 the second class.
#[test]
fn labels_have_a_probability_each() {
    let x = Matrix::from_rows(&[[1.0], [-2.0], [0.0]]);
    let target = || TargetSchema::Labels {
        names: strings(&["ripe", "sweet"]),
        classes: vec![["no", "yes"].map(String::from), ["sour", "sweet"].map(String::from)],
    };
    let schema = Schema::numbers(["x"], target()).unwrap();
    let truth = Matrix::from_rows(&[[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]);
    let data = Dataset::new(x.clone(), Targets::Labels(truth), schema.clone()).unwrap();
    // Logits x and 1 − x.
    let dense = Layer::Dense(Dense::new(Matrix::from_rows(&[[1.0, -1.0]]), vec![0.0, 1.0]));
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    let expected: Vec<f64> = [1.0, 0.0, -2.0, 3.0, 0.0, 1.0].into_iter().map(sigmoid).collect();
    // The probabilities of what is true.
    let right = [1.0, -0.0, -2.0, 3.0, -0.0, 1.0].map(sigmoid);
    let mean_loss = -right.iter().map(|p| p.ln()).sum::<f64>() / 6.0;
    for (layers, loss) in [
        (vec![dense.clone()], Loss::BinaryCrossEntropyLogits),
        (vec![dense.clone(), Layer::Activation(Sigmoid)], Loss::BinaryCrossEntropy),
    ] {
        let network = Network::from_layers(1, layers).unwrap();
        let evaluated = network.evaluate(&data).unwrap();
        let model = Model::new(network, Scaler::identity(1), schema.clone()).unwrap();
        assert_eq!(model.loss(), loss);
        all_close(model.predict(&x).as_slice(), &expected, 1e-6);
        let classes: Vec<_> = model.predict(&x).iter_rows().map(|row| model.labels(row).unwrap()).collect();
        // A probability of 0.5 is not above it.
        assert_eq!(classes, [["yes", "sour"], ["no", "sweet"], ["no", "sweet"]]);
        assert_eq!((model.class(&[0.9, 0.1]), model.labels(&[f32::NAN, 0.1])), (None, None));
        let score = model.score(&data).unwrap();
        assert_eq!((&score.evaluation, score.value()), (&evaluated, 2.0 / 3.0));
        assert!((score.loss - mean_loss).abs() < 1e-6, "{} for {mean_loss}", score.loss);
        assert_eq!(model.evaluate(&data).unwrap(), evaluated);
        let expected = [("subset_accuracy", 2.0 / 3.0), ("label_accuracy", 5.0 / 6.0), ("macro_f1", 5.0 / 6.0)];
        for ((name, figure), expected) in score.figures()[1..].iter().zip(expected) {
            assert!(*name == expected.0 && (figure - expected.1).abs() < 1e-15, "{name} {figure}");
        }
        assert_eq!(model.predict_cells(&[("x", "1")]).unwrap(), model.predict(&x).row(0));
        let scaled = Preprocessing::new(Scaler::identity(1), Some(Scaler::identity(2)));
        assert!(Model::new(model.network().clone(), scaled, schema.clone()).is_err());
    }
    let one = Network::builder(1).dense(1, Sigmoid).build().unwrap();
    assert!(Model::new(one, Scaler::identity(1), schema).is_err());
}

#[test]
fn prediction_does_not_depend_on_the_batch() {
    // The last is so large that the product of a batch is blocked differently from that of a row.
    for (inputs, hidden) in [(1, 3), (4, 16), (7, 33), (64, 100), (300, 65), (784, 200)] {
        let all = if hidden < 100 { &EVERY_ACTIVATION[..] } else { &[Gelu] };
        for &activation in all {
            let builder = Network::builder(inputs).dense(hidden, activation).dense(hidden + 5, activation);
            let network = builder.dense(3, Softmax).seed(1).build().unwrap();
            let x = random(70, inputs, 4);
            let together = network.predict(&x);
            for size in [1, 2, 3, 5, 13, 16, 33] {
                for first in (0..70).step_by(size) {
                    let rows: Vec<usize> = (first..70.min(first + size)).collect();
                    let part = network.predict(&x.select_rows(&rows));
                    assert_eq!(
                        matrix_bits(&part),
                        matrix_bits(&together.select_rows(&rows)),
                        "{inputs} {hidden} {activation} {rows:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn threads_share_one_network() {
    fn shared<T: Send + Sync>(_: &T) {}
    let (network, model) = (everything(), odd_model(3, classes(&ODD_NAMES[..3])));
    shared(&network);
    shared(&model);
    let x = random(200, 5, 5);
    let truth = (matrix_bits(&network.predict(&x)), matrix_bits(&model.predict(&x)));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!((matrix_bits(&network.predict(&x)), matrix_bits(&model.predict(&x))), truth);
                }
            });
        }
    });
}

#[test]
fn non_finite_weights_are_neither_saved_nor_loaded() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for activation in EVERY_ACTIVATION {
            let mut network = Network::builder(2).dense(3, activation).dense(2, Softmax).seed(1).build().unwrap();
            network.parameters_mut().next().unwrap()[0] = bad;
            let schema = Schema::numbers(["a", "b"], classes(&["x", "y"])).unwrap();
            let model = Model::new(network, Scaler::identity(2), schema).unwrap();
            let outputs = model.predict(&Matrix::from_rows(&[[1.0, 2.0]]));
            assert_eq!(outputs.shape(), (1, 2));
            assert_eq!(model.class(outputs.row(0)).is_none(), outputs.as_slice().iter().any(|p| p.is_nan()));
            if bad.is_nan() {
                assert!(outputs.as_slice().iter().all(|p| p.is_nan()), "{activation}: {outputs:?}");
            }
            let data = Dataset::new(Matrix::zeros(1, 2), Targets::Classes(vec![1]), model.schema().clone()).unwrap();
            let found = model.evaluate(&data).unwrap();
            assert!(!bad.is_nan() || found.accuracy() == Some(0.0));
            let folder = Folder::new();
            let file = folder.path("not-finite");
            for result in [model.save(&file), model.network().save(&file)] {
                let message = result.unwrap_err().to_string();
                assert!(message.contains("`layers.0.weights`") && message.contains("not finite"), "{message}");
            }
            assert!(!file.exists());
            let message = Model::from_bytes(&model.to_bytes(), "m").unwrap_err().to_string();
            assert!(
                message.starts_with("m: tensor layers.0.weights holds") && message.contains("damaged"),
                "{message}"
            );
        }
    }
}

#[test]
fn mismatched_model_parts_are_refused() {
    let schema = |inputs: usize, output| Schema::numbers((0..inputs).map(|i| format!("x{i}")), output).unwrap();
    let network = |inputs, outputs| Network::builder(inputs).dense(outputs, Softmax).build().unwrap();
    let values = |n: usize| TargetSchema::Values { names: (0..n).map(|i| format!("y{i}")).collect() };
    let refused = |model: palmnet::Result<Model>, parts: &[&str]| {
        let error = model.unwrap_err();
        assert!(matches!(error, Error::Mismatch(_)));
        let message = error.to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    };
    let (abc, ab) = (|| classes(&["a", "b", "c"]), || classes(&["a", "b"]));
    refused(Model::new(network(3, 3), Scaler::identity(2), schema(2, abc())), &["3 inputs", "2 columns", "2 features"]);
    refused(Model::new(network(2, 3), Scaler::identity(3), schema(2, abc())), &["2 inputs", "3 columns"]);
    refused(Model::new(network(2, 3), Scaler::identity(2), schema(3, abc())), &["3 features"]);
    refused(Model::new(network(2, 2), Scaler::identity(2), schema(2, abc())), &["2 outputs"]);
    refused(Model::new(network(2, 1), Scaler::identity(2), schema(2, abc())), &["1 outputs"]);
    refused(Model::new(network(2, 1), Scaler::identity(2), schema(2, values(2))), &["1 outputs"]);
    let model = Model::new(network(2, 2), Scaler::identity(2), schema(2, ab())).unwrap();
    refused(with_target_scaler(model, Scaler::identity(2)), &["target scaler"]);
    let model = Model::new(network(2, 2), Scaler::identity(2), schema(2, values(2))).unwrap();
    refused(with_target_scaler(model, Scaler::identity(1)), &["target scaler", "per output"]);
    let model = Model::new(network(2, 1), Scaler::identity(2), schema(2, ab())).unwrap();
    let wrong = Dataset::from_classes(Matrix::zeros(1, 3), vec![0], ["a", "b"]).unwrap();
    let message = model.evaluate(&wrong).unwrap_err().to_string();
    assert!(message.contains("takes 2 features, the data has 3"), "{message}");
    let message = model.predict_features(wrong.features()).unwrap_err().to_string();
    assert!(message.contains("2 inputs") && message.contains("3 features"), "{message}");
}

/// With the same number of classes, but different ones, the metrics would be wrong.
#[test]
fn data_of_other_classes_is_refused() {
    let load = |text: &str| {
        let table = Table::parse(text, "a.csv").unwrap();
        Dataset::from_table_as(&table, &Schema::infer(&table, Target::Last).unwrap()).unwrap()
    };
    let (abc, bcd) = (load("x,y\n1,a\n2,b\n3,c\n"), load("x,y\n2,b\n3,c\n4,d\n"));
    let network = Network::builder(1).dense(3, Softmax).build().unwrap();
    let model = Model::new(network, Scaler::identity(1), abc.schema().clone()).unwrap();
    model.evaluate(&abc).unwrap();
    for error in [model.evaluate(&bcd).unwrap_err(), model.predict_dataset(&bcd).unwrap_err()] {
        assert!(matches!(error, Error::Mismatch(_)) && error.to_string().contains("classes differ"), "{error}");
    }
    // Without names, columns are compared by index.
    let unnamed = |classes: [&str; 3]| Dataset::from_classes(Matrix::zeros(3, 1), vec![0, 1, 2], classes).unwrap();
    let data = unnamed(["a", "b", "c"]);
    model.evaluate(&data).unwrap();
    let model = Model::new(model.network().clone(), Scaler::identity(1), data.schema().clone()).unwrap();
    model.evaluate(&data).unwrap();
    model.evaluate(&abc).unwrap();
    assert!(model.evaluate(&unnamed(["a", "c", "b"])).is_err());
}

#[test]
fn most_probable_class() {
    let model = odd_model(3, classes(&["a", "b", "c"]));
    assert_eq!(model.class(&[0.2, 0.5, 0.3]), Some("b"));
    assert_eq!(model.class(&[0.1, 0.45, 0.45]), Some("b"));
    assert_eq!(model.class(&[f32::NAN, 0.5, 0.3]), None);
    assert_eq!(model.class(&[0.5, 0.3, f32::NAN]), None);
    assert_eq!(model.class(&[]), None);
    let model = odd_model(1, classes(&["a", "b"]));
    assert_eq!([0.5, 0.6, f32::NAN].map(|p| model.class(&[p])), [Some("a"), Some("b"), None]);
}

/// An allocation that cannot succeed is an error, not an abort.
#[cfg(target_pointer_width = "64")]
#[test]
fn layers_beyond_memory_are_refused() {
    for (inputs, units) in [(4, usize::MAX), (usize::MAX, 4), (1 << 40, 1 << 40), (1, 1 << 62)] {
        let message = Network::builder(inputs).dense(units, Relu).build().unwrap_err().to_string();
        assert!(message.contains("does not fit into memory"), "{message}");
    }
}

#[test]
fn cells_of_a_form_are_predicted_as_a_table_is() {
    let text = "age,city,y\n30,Bonn,1.5\n41,\"Rome, Italy\",2.5\n28,Bonn,1.0\n50,Oslo,3.5\n";
    let data = Dataset::from_table(Table::parse(text, "people.csv").unwrap(), Target::Last, Missing::Error).unwrap();
    let network = Network::builder(data.schema().width()).dense(3, Tanh).dense(1, Identity).build().unwrap();
    let model = Model::new(network, Preprocessing::fit(&data, Scaling::Standard), data.schema().clone()).unwrap();
    let expected = model.predict_table(&Table::parse(text, "people.csv").unwrap()).unwrap();
    // In another order, and without the quotes of a CSV file.
    let found = model.predict_cells(&[("city", "Rome, Italy"), ("age", "41")]).unwrap();
    assert_eq!(found, expected.row(1));
    for (cells, part) in [
        (&[("age", "41")][..], "city"),
        (&[("age", "41"), ("city", "Paris")], "Paris"),
        (&[("age", "old"), ("city", "Bonn")], "old"),
        (&[("age", "41"), ("age", "41")], "age"),
    ] {
        let message = model.predict_cells(cells).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

/// A text in, a value in the units of the table out, also where numbers lie far from zero.
#[test]
fn cells_of_a_form_have_values_in_the_units_of_the_table() {
    let rows: String = (0..8).map(|i| format!("{},{}\n", 1_700_000_000 + i, 1_000_000 + 2 * i)).collect();
    let table = Table::parse(format!("t,y\n{rows}"), "far.csv").unwrap();
    let data = Dataset::from_table(table, Target::Last, Missing::Error).unwrap();
    // Weight 0: the prediction is the mean of the targets, 1,000,007.
    let network = Network::builder(1).dense_with(Dense::units(1, Identity).init(Init::Constant(0.0))).build().unwrap();
    let model = Model::new(network, Preprocessing::fit(&data, Scaling::Standard), data.schema().clone()).unwrap();
    assert_eq!(model.predict_cells(&[("t", "1700000003")]).unwrap(), [1_000_007.0]);
    let relative = model.predict_dataset(&data).unwrap();
    assert_eq!(data.schema().target_value(0, relative.as_slice()[0]), 1_000_007.0);
}

#[test]
fn predictor_matches_predict_and_refuses_other_widths() {
    let models = [odd_model(3, classes(&ODD_NAMES[..3])), odd_model(1, classes(&ODD_NAMES[4..6]))];
    for model in models {
        let x = random(7, 5, 4);
        let mut predictor = model.predictor();
        let expected = model.predict(&x);
        for row in 0..7 {
            assert_eq!(predictor.predict(x.row(row)).unwrap(), expected.row(row));
        }
        let message = predictor.predict(&[1.0; 4]).unwrap_err().to_string();
        assert!(message.contains("takes 5 features, the row has 4"), "{message}");
    }
}

#[test]
fn thread_count_of_a_model_does_not_change_predictions() {
    let network = Network::builder(50).dense(200, Relu).dense(2, Softmax).seed(1).build().unwrap();
    let x = random(3000, 50, 5);
    let schema = Schema::numbers((0..50).map(|i| i.to_string()), classes(&["a", "b"])).unwrap();
    let model = Model::new(network, Scaler::identity(50), schema).unwrap();
    let expected = model.predict(&x);
    for threads in [1, 3] {
        let model = model.clone().with_threads(threads);
        let found = model.predict_features(&x.clone().into()).unwrap();
        assert_eq!(matrix_bits(&found), matrix_bits(&expected), "{threads} threads");
    }
}

/// Columns of a table without a header are named by number, and found by these names.
#[test]
fn cells_are_found_by_name_without_a_header() {
    let text = "1,9,0.5\n2,8,1.5\n3,5,2.5\n4,1,4.0\n";
    let table = Table::parse(text, "numbers.csv").unwrap();
    let data = Dataset::from_table(table, Target::Last, Missing::Error).unwrap();
    let network = Network::builder(2).dense(3, Tanh).dense(1, Identity).build().unwrap();
    let model = Model::new(network, Preprocessing::fit(&data, Scaling::Standard), data.schema().clone()).unwrap();
    let expected = model.predict(&Matrix::from_rows(&[[2.0, 8.0]])).into_vec();
    assert_eq!(model.predict_cells(&[("1", "2"), ("2", "8")]).unwrap(), expected);
    assert_eq!(model.predict_cells(&[("2", "8"), ("1", "2")]).unwrap(), expected);
    let message = model.predict_cells(&[("age", "2"), ("zip", "8")]).unwrap_err().to_string();
    assert!(message.contains("column `1`"), "{message}");
}

/// Such a network could be saved and not be read again.
#[test]
fn layers_without_units_or_inputs_are_refused() {
    let empty = |inputs, outputs| Layer::Dense(Dense::new(Matrix::zeros(inputs, outputs), vec![0.0; outputs]));
    for (inputs, layers, part) in [
        (2, vec![empty(2, 0)], "layer 0 expects 2 inputs, is given 2 and has 0 outputs"),
        (2, vec![empty(2, 0), empty(0, 3)], "layer 0 expects 2 inputs, is given 2 and has 0 outputs"),
        (0, vec![empty(0, 3)], "layer 0 expects 0 inputs, is given 0 and has 3 outputs"),
    ] {
        let message = Network::from_layers(inputs, layers).unwrap_err().to_string();
        assert!(message.contains(part) && message.contains("at least one of each"), "{message}");
    }
    for builder in [Network::builder(2).dense(0, Relu).dense(2, Softmax), Network::builder(0).dense(2, Softmax)] {
        let message = builder.build().unwrap_err().to_string();
        assert!(message.contains("at least one of each"), "{message}");
    }
}

/// Predictions serve for the score, the coverage and a report, of the same data and with the same calibration.
#[test]
fn predictions_serve_again() {
    let x = Matrix::from_fn(200, 2, |row, column| ((7 * row + 3 * column) % 20) as f32);
    let y = Matrix::from_fn(200, 1, |row, _| x[(row, 0)] - 0.5 * x[(row, 1)] + (row % 7) as f32 * 0.1);
    let data = Dataset::from_values(x, y).unwrap();
    let mut hyperparameters = Hyperparameters::for_data(&data);
    (hyperparameters.epochs, hyperparameters.members, hyperparameters.tune_penalty) = (5, 2, false);
    let model = hyperparameters.fit(&data).unwrap().model;
    let (outputs, spreads) = model.predict_with_spread(data.features()).unwrap();
    let calibration = Calibration::fit(&outputs, &spreads, data.targets()).unwrap();
    let before = model.clone().with_calibration(None).unwrap().scored(&data).unwrap();
    let model = model.with_calibration(calibration).unwrap();
    let scored = model.scored(&data).unwrap();
    assert_eq!(scored.score, model.score(&data).unwrap());
    assert_eq!(model.coverage_of(&data, 0.9, &scored).unwrap(), model.coverage(&data, 0.9).unwrap());
    let few = data.select(&[0, 1, 2]);
    says(model.coverage_of(&few, 0.9, &scored), &["not those of this model for this data", "score it again"]);
    says(model.coverage_of(&data, 0.9, &before), &["score it again"]);
    let report = Report::new(&model, &data);
    assert_eq!(report.clone().scored(&scored).to_html().unwrap(), report.to_html().unwrap());
    says(Report::new(&model, &few).scored(&scored).to_html(), &["another number of rows"]);
}
