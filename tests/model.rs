//! Models and networks: what is saved comes back to the bit, and no file makes the reader panic.

use std::fs;
use std::path::PathBuf;

use palmnet::Activation::*;
use palmnet::{
    Column, Dataset, Dense, Dropout, Error, Kind, Layer, Loss, Matrix, Model, Network, Output, Preprocessing, Rng,
    Safetensors, Scaler, Schema, Table, Target, Targets, Tensor,
};
use proptest::prelude::*;

const EVERY_ACTIVATION: [palmnet::Activation; 14] = [
    Identity,
    Relu,
    LeakyRelu(0.01),
    LeakyRelu(0.123_456_79),
    Elu(1.0),
    Elu(0.333_333_34),
    Selu,
    Sigmoid,
    Tanh,
    Softplus,
    Silu,
    Gelu,
    HardSigmoid,
    Softmax,
];

/// The same model, for a network that was trained on scaled targets.
fn with_target_scaler(model: Model, scaler: Scaler) -> palmnet::Result<Model> {
    let preprocessing = Preprocessing::new(model.preprocessing().features().clone(), Some(scaler));
    Model::new(model.network().clone(), preprocessing, model.schema().clone())
}

/// A file that is gone afterwards.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> File {
        File(std::env::temp_dir().join(format!("palmnet-model-{name}-{}.safetensors", std::process::id())))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn random(rows: usize, columns: usize, seed: u64) -> Matrix {
    let mut rng = Rng::new(seed);
    Matrix::from_fn(rows, columns, |_, _| rng.normal() as f32)
}

fn bits(matrix: &Matrix) -> Vec<u32> {
    matrix.as_slice().iter().map(|x| x.to_bits()).collect()
}

/// A network with every kind of layer and every activation, after a dense layer and by itself.
fn everything() -> Network {
    let mut builder = Network::builder(5).batch_norm().noise(0.5).dropout(0.25).layer_norm();
    for activation in EVERY_ACTIVATION {
        builder = builder.dense(7, activation).batch_norm().dropout(0.123_456_79).activation(activation);
    }
    builder.dense(3, Softmax).seed(1).build().unwrap()
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

const ODD_NAMES: [&str; 8] = [
    "",
    "a \"quoted\" name",
    "comma, and\ttab",
    "line\nend",
    "größe 身長",
    "🦀\u{7f}\u{1b}[2J",
    "__metadata__",
    "\\u0041\\\u{0}",
];

fn classes(names: &[&str]) -> Output {
    Output::Classes { name: "the \"class\",\n🦀".into(), classes: strings(names) }
}

/// A model that takes two numbers and a category of three, all with odd names.
fn odd_model(outputs: usize, output: Output) -> Model {
    let columns = vec![
        Column { name: ODD_NAMES[1].into(), kind: Kind::Number },
        Column { name: ODD_NAMES[3].into(), kind: Kind::Categories(strings(&ODD_NAMES[4..7])) },
        Column { name: ODD_NAMES[5].into(), kind: Kind::Number },
    ];
    let positions = match output.names().len() {
        1 => vec![1],
        _ => vec![4, 0],
    };
    let schema = Schema::from_parts(columns, output, positions).unwrap();
    let network = Network::builder(5).dense(4, Elu(0.7)).dropout(0.5).dense(outputs, Identity).seed(3).build().unwrap();
    let scaler = Scaler::from_parts(vec![0.1, -3.0, 0.0, 1e-30, 1e30], vec![1.0, 1e-30, 1e30, -2.0, 0.3]).unwrap();
    let mut model = Model::new(network, scaler, schema).unwrap();
    for name in ODD_NAMES {
        model.notes.insert(name.into(), format!("{name}{name}"));
    }
    model
}

// ---------------------------------------------------------------------------------------------------- there and back

#[test]
fn networks_come_back_to_the_bit() {
    let network = everything();
    let file = File::new("everything");
    network.save(&file.0).unwrap();
    let same = Network::load(&file.0).unwrap();
    assert_eq!(same, network);
    let x = random(9, 5, 2);
    assert_eq!(bits(&same.predict(&x)), bits(&network.predict(&x)));
    assert!(network.predict(&x).as_slice().iter().all(|p| p.is_finite()));
    // Twice makes no difference.
    let bytes = fs::read(&file.0).unwrap();
    same.save(&file.0).unwrap();
    assert_eq!(fs::read(&file.0).unwrap(), bytes);
    for activation in EVERY_ACTIVATION {
        let network = Network::builder(5).dense(4, activation).seed(2).build().unwrap();
        network.save(&file.0).unwrap();
        let same = Network::load(&file.0).unwrap();
        assert_eq!(same.output_activation(), activation);
        assert_eq!(bits(&same.predict(&x)), bits(&network.predict(&x)), "{activation}");
    }
}

#[test]
fn models_come_back_to_the_bit() {
    let values = Output::Values { names: strings(&ODD_NAMES[6..8]) };
    let scaler = Scaler::from_parts(vec![100.0, -1e-5], vec![0.3, 1e6]).unwrap();
    let models = [
        odd_model(3, classes(&ODD_NAMES[..3])),
        odd_model(2, classes(&ODD_NAMES[4..6])),
        odd_model(1, classes(&ODD_NAMES[4..6])),
        odd_model(2, values.clone()).with_loss(Loss::MeanAbsoluteError),
        with_target_scaler(odd_model(2, values), scaler).unwrap(),
    ];
    let x = random(20, 5, 3);
    let file = File::new("odd");
    for model in models {
        model.save(&file.0).unwrap();
        let same = Model::load(&file.0).unwrap();
        assert_eq!(same, model);
        assert_eq!(bits(&same.predict(&x)), bits(&model.predict(&x)));
        let bytes = fs::read(&file.0).unwrap();
        assert_eq!(bytes, model.to_bytes());
        assert_eq!(Model::from_bytes(&bytes, "m").unwrap(), model);
        // The network alone is in the same file.
        assert_eq!(&Network::load(&file.0).unwrap(), model.network());
    }
}

#[test]
fn a_model_takes_raw_tables() {
    let model = odd_model(3, classes(&ODD_NAMES[..3]));
    let header: Vec<String> = [5, 1, 3].map(|i| format!("\"{}\"", ODD_NAMES[i].replace('"', "\"\""))).to_vec();
    let csv = format!("{}\n2,1,größe 身長\n4,-3,__metadata__\n", header.join(","));
    let x = Matrix::from_rows(&[[1.0, 1.0, 0.0, 0.0, 2.0], [-3.0, 0.0, 0.0, 1.0, 4.0]]);
    let predictions = model.predict_table(&Table::parse(csv, "a.csv").unwrap()).unwrap();
    assert_eq!(bits(&predictions), bits(&model.predict(&x)));
    let message = model.predict_table(&Table::parse("a,b\n1,2\n", "a.csv").unwrap()).unwrap_err().to_string();
    assert!(message.starts_with("a.csv: lacks the columns `a \"quoted\" name`"), "{message}");
}

/// What the file says of the model can be read without this crate.
#[test]
fn the_file_tells_what_it_holds() {
    let model = odd_model(3, classes(&ODD_NAMES[..3]));
    let file = Safetensors::from_bytes(&model.to_bytes(), "m").unwrap();
    assert_eq!(file.metadata["format"], "1");
    assert_eq!(file.metadata["palmnet"], env!("CARGO_PKG_VERSION"));
    assert_eq!(file.metadata["layers"], "dense(5,4) elu:0.7 dropout(0.5) dense(4,3)");
    let notes = palmnet::json::Json::parse(&file.metadata["notes"]).unwrap();
    assert_eq!(notes.get("comma, and\ttab").unwrap().as_str(), Some("comma, and\ttabcomma, and\ttab"));
    let names: Vec<&str> = file.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    let layers = ["layers.0.weights", "layers.0.bias", "layers.3.weights", "layers.3.bias"];
    assert_eq!(names, [&layers[..], &["features.offset", "features.factor"]].concat());
    assert_eq!(file.tensor("layers.0.weights").unwrap().shape, [5, 4]);
    let Layer::Dense(dense) = &model.network().layers()[0] else { panic!("the first layer is dense") };
    assert_eq!(file.tensor("layers.0.weights").unwrap().data, dense.weights().as_slice());
}

// ------------------------------------------------------------------------------------------------------- predictions

/// Classes are answered with probabilities, whatever the network ends in, and values in their own units.
#[test]
fn predictions_are_in_the_users_units() {
    let x = Matrix::from_rows(&[[2.0], [5.0]]);
    let dense = |weights: &[f32], bias: &[f32]| {
        Layer::Dense(Dense::new(Matrix::from_vec(1, bias.len(), weights.to_vec()), bias.to_vec()))
    };
    let schema = |output| Schema::numbers(["x"], output).unwrap();
    let two = || Output::Classes { name: "y".into(), classes: strings(&["no", "yes"]) };
    let model = |layers, output| {
        let network = Network::from_layers(1, layers).unwrap();
        // Scaled inputs are -1 and 0.5.
        let scaler = Scaler::from_parts(vec![4.0], vec![0.5]).unwrap();
        Model::new(network, scaler, schema(output)).unwrap()
    };
    let close = |got: &Matrix, expected: &[f64]| {
        assert_eq!(got.as_slice().len(), expected.len());
        for (got, expected) in got.as_slice().iter().zip(expected) {
            assert!((f64::from(*got) - expected).abs() < 1e-6, "{got} for {expected}");
        }
    };
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
            assert_eq!(outputs, model.outputs_for(&data).unwrap());
            assert_eq!([0, 1].map(|row| model.class(outputs.row(row)).unwrap()), ["no", "yes"]);
            let palmnet::Evaluation::Classification(found) = model.evaluate(&data).unwrap() else { panic!("classes") };
            assert_eq!(found.accuracy(), 1.0);
            let log_loss = -((1.0 - low).ln() + high.ln()) / 2.0;
            assert!((found.log_loss() - log_loss).abs() < 1e-6, "{} for {log_loss}", found.log_loss());
        }
    }
    let values = || Output::Values { names: strings(&["y"]) };
    close(&model(single.clone(), values()).predict(&x), &[-1.0, 2.0]);
    let scaler = Scaler::from_parts(vec![10.0], vec![0.1]).unwrap();
    let model = with_target_scaler(model(single, values()), scaler).unwrap();
    close(&model.predict(&x), &[0.0, 30.0]);
    assert_eq!(model.class(&[0.0]), None);
    let truth = Dataset::new(x, Targets::Values(Matrix::from_rows(&[[1.0], [28.0]])), schema(values())).unwrap();
    let palmnet::Evaluation::Regression(found) = model.evaluate(&truth).unwrap() else { panic!("values") };
    assert!((found.mae - 1.5).abs() < 1e-5 && (found.rmse - 2.5f64.sqrt()).abs() < 1e-5, "{found:?}");
}

/// A prediction does not depend on the company in which it is asked for.
#[test]
fn a_row_alone_is_the_row_in_a_batch() {
    // The last is so large that a batch goes through the product in other pieces than a row does.
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
                        bits(&part),
                        bits(&together.select_rows(&rows)),
                        "{inputs} {hidden} {activation} {rows:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn many_threads_predict_with_one_network() {
    fn shared<T: Send + Sync>(_: &T) {}
    let (network, model) = (everything(), odd_model(3, classes(&ODD_NAMES[..3])));
    shared(&network);
    shared(&model);
    let x = random(200, 5, 5);
    let truth = (bits(&network.predict(&x)), bits(&model.predict(&x)));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!((bits(&network.predict(&x)), bits(&model.predict(&x))), truth);
                }
            });
        }
    });
}

#[test]
fn weights_that_are_not_numbers() {
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
            // Such a network is neither written nor read.
            let file = File::new("not-finite");
            for result in [model.save(&file.0), model.network().save(&file.0)] {
                let message = result.unwrap_err().to_string();
                assert!(message.contains("`layers.0.weights`") && message.contains("not finite"), "{message}");
            }
            assert!(!file.0.exists());
            let message = Model::from_bytes(&model.to_bytes(), "m").unwrap_err().to_string();
            assert!(
                message.starts_with("m: tensor layers.0.weights holds") && message.contains("damaged"),
                "{message}"
            );
        }
    }
}

#[test]
fn parts_that_do_not_fit() {
    let schema = |inputs: usize, output| Schema::numbers((0..inputs).map(|i| format!("x{i}")), output).unwrap();
    let network = |inputs, outputs| Network::builder(inputs).dense(outputs, Softmax).build().unwrap();
    let values = |n: usize| Output::Values { names: (0..n).map(|i| format!("y{i}")).collect() };
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

/// As many classes, but others: the figure would be wrong.
#[test]
fn data_of_other_classes() {
    let load = |text: &str| {
        let table = Table::parse(text, "a.csv").unwrap();
        Dataset::from_table(&table, &Schema::infer(&table, Target::Last).unwrap()).unwrap()
    };
    let (abc, bcd) = (load("x,y\n1,a\n2,b\n3,c\n"), load("x,y\n2,b\n3,c\n4,d\n"));
    let network = Network::builder(1).dense(3, Softmax).build().unwrap();
    let model = Model::new(network, Scaler::identity(1), abc.schema().clone()).unwrap();
    model.evaluate(&abc).unwrap();
    for error in [model.evaluate(&bcd).unwrap_err(), model.outputs_for(&bcd).unwrap_err()] {
        assert!(matches!(error, Error::Mismatch(_)) && error.to_string().contains("classes differ"), "{error}");
    }
    // Of data without names the places count.
    let unnamed = |classes: [&str; 3]| Dataset::from_classes(Matrix::zeros(3, 1), vec![0, 1, 2], classes).unwrap();
    let data = unnamed(["a", "b", "c"]);
    model.evaluate(&data).unwrap();
    let model = Model::new(model.network().clone(), Scaler::identity(1), data.schema().clone()).unwrap();
    model.evaluate(&data).unwrap();
    model.evaluate(&abc).unwrap();
    assert!(model.evaluate(&unnamed(["a", "c", "b"])).is_err());
}

#[test]
fn the_likeliest_class() {
    let model = odd_model(3, classes(&["a", "b", "c"]));
    assert_eq!(model.class(&[0.2, 0.5, 0.3]), Some("b"));
    assert_eq!(model.class(&[0.1, 0.45, 0.45]), Some("b"));
    assert_eq!(model.class(&[f32::NAN, 0.5, 0.3]), None);
    assert_eq!(model.class(&[0.5, 0.3, f32::NAN]), None);
    assert_eq!(model.class(&[]), None);
    let model = odd_model(1, classes(&["a", "b"]));
    assert_eq!([0.5, 0.6, f32::NAN].map(|p| model.class(&[p])), [Some("a"), Some("b"), None]);
}

/// More than a machine holds is answered, not tried.
#[cfg(target_pointer_width = "64")]
#[test]
fn layers_beyond_memory() {
    for (inputs, units) in [(4, usize::MAX), (usize::MAX, 4), (1 << 40, 1 << 40), (1, 1 << 62)] {
        let message = Network::builder(inputs).dense(units, Relu).build().unwrap_err().to_string();
        assert!(message.contains("does not fit into memory"), "{message}");
    }
}

// ------------------------------------------------------------------------------------------------------ hostile files

/// A model small enough to try every change of its file.
fn small_model() -> Model {
    let columns = vec![
        Column { name: "size".into(), kind: Kind::Number },
        Column { name: "colour".into(), kind: Kind::Categories(strings(&["blue", "red"])) },
    ];
    let output = Output::Classes { name: "y".into(), classes: strings(&["a", "b"]) };
    let schema = Schema::from_parts(columns, output, vec![2]).unwrap();
    let builder = Network::builder(3).dense(2, LeakyRelu(0.1)).dropout(0.5).dense(2, Softmax);
    let mut model = Model::new(builder.seed(1).build().unwrap(), Scaler::identity(3), schema).unwrap();
    model.notes.insert("made by".into(), "hand".into());
    model
}

/// Reads bytes that may be anything: either an error that names the file, or a model that works.
fn read(bytes: &[u8]) -> Option<Model> {
    match Model::from_bytes(bytes, "small.safetensors") {
        Ok(model) => {
            let x = Matrix::zeros(2, model.schema().width());
            assert_eq!(model.predict(&x).shape(), (2, model.network().outputs()));
            assert_eq!(Model::from_bytes(&model.to_bytes(), "again").unwrap().to_bytes(), model.to_bytes());
            Some(model)
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.starts_with("small.safetensors: ") && message.len() < 600, "{message}");
            assert!(!message.contains(|c: char| c.is_control()), "{message:?}");
            None
        }
    }
}

#[test]
fn every_byte_of_the_header_changed() {
    let good = small_model().to_bytes();
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    assert!(read(&good).is_some());
    let mut accepted = 0;
    for place in 0..header {
        for byte in [
            0,
            b' ',
            b'"',
            b'0',
            b'9',
            b'-',
            b'{',
            b'}',
            b',',
            b'(',
            b'\\',
            0x80,
            0xFF,
            good[place] ^ 1,
            good[place] ^ 32,
        ] {
            let mut bytes = good.clone();
            bytes[place] = byte;
            accepted += usize::from(read(&bytes).is_some());
        }
    }
    // Names and notes may change; most of the header may not.
    assert!(accepted < header * 15 / 2, "{accepted}");
}

#[test]
fn every_truncation() {
    let good = small_model().to_bytes();
    for length in 0..good.len() {
        assert!(read(&good[..length]).is_none(), "{length} bytes");
    }
    assert!(read(&[&good[..], &[0]].concat()).is_none());
}

#[test]
fn missing_files_are_named() {
    for message in [
        Model::load("no/such.safetensors").unwrap_err().to_string(),
        Network::load("no/such.safetensors").unwrap_err().to_string(),
    ] {
        assert!(message.starts_with("no/such.safetensors: "), "{message}");
    }
    let file = File::new("damaged");
    fs::write(&file.0, b"{}").unwrap();
    for message in [Model::load(&file.0).unwrap_err().to_string(), Network::load(&file.0).unwrap_err().to_string()] {
        assert!(message.starts_with(&file.0.display().to_string()), "{message}");
    }
}

/// The small model's file with one thing changed.
fn changed(change: impl FnOnce(&mut Safetensors)) -> palmnet::Result<Model> {
    let mut file = Safetensors::from_bytes(&small_model().to_bytes(), "small").unwrap();
    change(&mut file);
    Model::from_bytes(&file.to_bytes(), "small.safetensors")
}

fn tensor_of<'a>(file: &'a mut Safetensors, name: &str) -> &'a mut Tensor {
    file.tensors.iter_mut().find(|tensor| tensor.name == name).unwrap()
}

#[test]
fn layers_that_make_no_sense() {
    let good = "dense(3,2) leaky_relu:0.1 dropout(0.5) dense(2,2) softmax";
    assert!(changed(|file| assert_eq!(file.metadata["layers"], good)).is_ok());
    for (layers, part) in [
        ("", "at least one dense layer"),
        ("relu softmax", "at least one dense layer"),
        ("dense(3,2", "not known"),
        ("dense 3,2", "not known"),
        ("dense(0,2)", "has no inputs or no outputs"),
        ("dense(3,0)", "has no inputs or no outputs"),
        ("dense(3)", "not known"),
        ("dense(3,2,1)", "not known"),
        ("dense(3,-2)", "not known"),
        ("dense(3,2.0)", "not known"),
        ("dense(a,b)", "not known"),
        ("dense(99999999999999999999999,2)", "not known"),
        (&format!("dense({0},{0})", usize::MAX), "layers.0.weights"),
        ("convolution(3,2)", "newer palmnet"),
        ("rellu", "newer palmnet"),
        ("\u{1b}[2J", "not known"),
        ("dense(2,3) softmax", "has shape [3, 2] and [2, 3] is expected"),
        ("relu dense(3,2)", "layers.1.weights is missing"),
        ("dense(3,2) relu relu dense(2,2)", ""),
        ("dense(3,2) dense(2,2)", "layers.1.weights is missing"),
        ("dense(3,2) leaky_relu:nan dropout(0.5) dense(2,2) softmax", "not known"),
        ("dense(3,2) leaky_relu:-1 dropout(0.5) dense(2,2) softmax", "not known"),
        ("dense(3,2) relu dropout(1) dense(2,2) softmax", "less than 1"),
        ("dense(3,2) relu dropout(nan) dense(2,2) softmax", "less than 1"),
        ("dense(3,2) relu dropout() dense(2,2) softmax", "not known"),
        ("dense(3,2) softmax", ""),
    ] {
        let result = changed(|file| drop(file.metadata.insert("layers".into(), layers.into())));
        let Err(error) = result else {
            assert_eq!(part, "", "{layers} is accepted");
            continue;
        };
        let message = error.to_string();
        assert!(message.starts_with("small.safetensors: ") && message.contains(part), "{layers}: {message}");
        assert!(!message.contains('\u{1b}'), "{message:?}");
    }
}

#[test]
fn tensors_and_metadata_that_make_no_sense() {
    let fails = |change: &dyn Fn(&mut Safetensors), part: &str| {
        let message = changed(change).unwrap_err().to_string();
        assert!(message.starts_with("small.safetensors: ") && message.contains(part), "{message}");
    };
    for name in ["layers.0.weights", "layers.0.bias", "layers.3.weights", "features.offset", "features.factor"] {
        let set = |file: &mut Safetensors, tensor: Tensor| *tensor_of(file, name) = tensor;
        fails(&|file| file.tensors.retain(|tensor| tensor.name != name), &format!("tensor {name} is missing"));
        fails(&|file| set(file, Tensor::new(name, &[1, 1, 7], vec![0.0; 7])), "has shape [1, 1, 7]");
        fails(&|file| set(file, Tensor::new(name, &[0], vec![])), "has shape [0]");
    }
    for bad in [f32::NAN, f32::INFINITY] {
        fails(&|file| tensor_of(file, "features.offset").data[1] = bad, "features.offset");
        fails(&|file| tensor_of(file, "features.factor").data[1] = bad, "features.factor");
        for name in ["layers.0.weights", "layers.0.bias", "layers.3.bias"] {
            fails(&|file| tensor_of(file, name).data[1] = bad, &format!("{name} holds {bad}"));
        }
    }
    fails(&|file| tensor_of(file, "features.factor").data[1] = 0.0, "scaler");
    // A target scaler is not for classes.
    let scaler = |file: &mut Safetensors| {
        file.tensors.push(Tensor::new("targets.offset", &[2], vec![0.0; 2]));
        file.tensors.push(Tensor::new("targets.factor", &[2], vec![1.0; 2]));
    };
    fails(&scaler, "target scaler");
    fails(&|file| drop(file.metadata.insert("loss".into(), "lossy".into())), "the loss `lossy` is not known");
    let format =
        |text: &'static str| move |file: &mut Safetensors| drop(file.metadata.insert("format".into(), text.into()));
    fails(&format("2"), "format 2, by palmnet `0");
    fails(&format("2"), "reads formats up to 1: use a newer one");
    fails(&format("one"), "`format` is `one`: the file is damaged");
    assert!(changed(|file| drop(file.metadata.remove("format"))).is_ok());
    for key in ["layers", "schema", "notes"] {
        fails(&|file| drop(file.metadata.remove(key)), key);
    }
    for text in ["", "{", "null", "[]", "{}", "7", r#"{"columns":[],"target":{"values":["y"]},"positions":[0]}"#] {
        fails(&|file| drop(file.metadata.insert("schema".into(), text.into())), "");
    }
    let schema = r#"{"columns":["size",{"name":"colour","categories":["blue","red"]}],"target":{"name":"y","classes":["a","b"]},"positions":[2]}"#;
    assert!(changed(|file| assert_eq!(file.metadata["schema"], schema)).is_ok());
    for (from, to) in [
        ("\"size\"", "7"),
        ("\"size\"", "\"colour\""),
        ("\"size\",", ""),
        ("\"red\"", "\"blue\""),
        (",\"red\"", ""),
        ("\"a\",\"b\"", "\"a\",\"a\""),
        ("\"a\",\"b\"", "\"a\""),
        ("\"a\",\"b\"", "\"a\",\"b\",\"c\""),
        ("[2]", "[3]"),
        ("[2]", "[-1]"),
        ("[2]", "[0.5]"),
        ("[2]", "[]"),
        ("[2]", "[1,2]"),
        ("[2]", "2"),
        ("\"classes\":[\"a\",\"b\"]", "\"values\":[\"a\",\"b\"]"),
    ] {
        assert!(schema.contains(from));
        fails(&|file| drop(file.metadata.insert("schema".into(), schema.replace(from, to))), "");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Several changes at once: bytes replaced, removed and put in, the end cut off.
    #[test]
    fn damaged_files(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..8),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = small_model().to_bytes();
        for (place, byte, kind) in edits {
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, byte),
            }
        }
        if let Some(length) = cut {
            bytes.truncate(length.index(bytes.len()));
        }
        read(&bytes);
    }

    /// Whatever the columns are called and the parameters are, the model comes back.
    #[test]
    fn any_names_and_numbers(
        names in prop::collection::hash_set(any::<String>(), 3..6),
        weights in prop::collection::vec(-f32::MAX..f32::MAX, 12),
        parameter in 0f32..1e30,
        rate in 0f32..0.999,
    ) {
        let names: Vec<String> = names.into_iter().collect();
        let (inputs, output) = names.split_at(2);
        let mut rest = weights.into_iter();
        let weights = Matrix::from_vec(2, output.len(), rest.by_ref().take(2 * output.len()).collect());
        let bias = rest.take(output.len()).collect();
        let layers = vec![
            Layer::Dropout(Dropout::new(rate).unwrap()),
            Layer::Dense(Dense::new(weights, bias)),
            Layer::Activation(Elu(parameter)),
        ];
        let network = Network::from_layers(2, layers).unwrap();
        let schema = Schema::numbers(inputs.to_vec(), Output::Values { names: output.to_vec() }).unwrap();
        let model = Model::new(network, Scaler::identity(2), schema).unwrap();
        let same = Model::from_bytes(&model.to_bytes(), "m").unwrap();
        prop_assert_eq!(same.schema(), model.schema());
        prop_assert_eq!(same.network().layers()[0].clone(), model.network().layers()[0].clone());
        prop_assert_eq!(same.network().output_activation(), Elu(parameter));
        // NaN is not equal to itself: bit by bit.
        prop_assert_eq!(same.to_bytes(), model.to_bytes());
    }
}

/// One look through all tensors for each of many layers would take minutes.
#[test]
fn a_file_of_very_many_layers() {
    let layers = 30_000;
    let mut file = Safetensors::default();
    for layer in 0..layers {
        file.tensors.push(Tensor::new(format!("layers.{layer}.weights"), &[1, 1], vec![1.0]));
        file.tensors.push(Tensor::new(format!("layers.{layer}.bias"), &[1], vec![0.0]));
    }
    file.metadata.insert("layers".into(), "dense(1,1) ".repeat(layers));
    let path = File::new("many");
    file.write(&path.0).unwrap();
    assert_eq!(Network::load(&path.0).unwrap().layers().len(), layers);
}
