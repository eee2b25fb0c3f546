//! Damaged and hostile model files: an error that names the file, never a panic.

use std::fs;

use palmnet::Activation::*;
use palmnet::data::{Column, ColumnKind, NumberForm, Scaler, Schema, TargetSchema};
use palmnet::model::TargetRange;
use palmnet::nn::{Dense, Dropout, Layer, Piecewise, Role};
use palmnet::unversioned::{Safetensors, Tensor};
use palmnet::{Matrix, Model, Network, Preprocessing};
use proptest::prelude::*;

use crate::support::{Folder, says, strings};

/// A model small enough to try every change of its file.
fn small_model() -> Model {
    let columns = vec![
        Column::new("size", ColumnKind::Number(NumberForm::default())),
        Column::new("color", ColumnKind::Categories(strings(&["blue", "red"]))),
    ];
    let output = TargetSchema::Classes { name: "y".into(), classes: strings(&["a", "b"]) };
    let schema = Schema::from_parts(columns, output, vec![2]).unwrap();
    let builder = Network::builder(3).dense(2, LeakyRelu(0.1)).dropout(0.5).dense(2, Softmax);
    let mut model = Model::new(builder.seed(1).build().unwrap(), Scaler::identity(3), schema).unwrap();
    model.notes.insert("made by".into(), "hand".into());
    model
}

/// The same with an encoding and members.
fn small_ensemble() -> Model {
    let model = small_model();
    let columns = vec![Some(vec![-1.0, 0.0, 1.0]), None, None];
    let roles = vec![Role::Group(0), Role::Kept, Role::Dropped, Role::Group(0), Role::Group(0)];
    let builder = Network::builder(3).piecewise(Piecewise::new(columns).unwrap());
    let builder = builder.embedding(roles, vec![0.5; 5], 4).members(2);
    let network = builder.dense(2, Identity).adapter().activation(Relu).heads(2, Softmax).seed(1).build().unwrap();
    Model::new(network, Scaler::identity(3), model.schema().clone()).unwrap()
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
fn changed_header_bytes_are_handled() {
    for model in [small_model(), small_ensemble()] {
        change_header_bytes(&model.to_bytes());
    }
}

fn change_header_bytes(good: &[u8]) {
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    assert!(read(good).is_some());
    let mut accepted = 0;
    for index in 0..header {
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
            good[index] ^ 1,
            good[index] ^ 32,
        ] {
            let mut bytes = good.to_vec();
            bytes[index] = byte;
            accepted += usize::from(read(&bytes).is_some());
        }
    }
    // Names and notes may change; most of the header may not.
    assert!(accepted < header * 15 / 2, "{accepted}");
}

#[test]
fn truncated_models_are_refused() {
    let good = small_model().to_bytes();
    for length in 0..good.len() {
        assert!(read(&good[..length]).is_none(), "{length} bytes");
    }
    assert!(read(&[&good[..], &[0]].concat()).is_none());
}

#[test]
fn missing_and_damaged_files_are_named() {
    for message in [
        Model::load("no/such.safetensors").unwrap_err().to_string(),
        Network::load("no/such.safetensors").unwrap_err().to_string(),
    ] {
        assert!(message.starts_with("no/such.safetensors: "), "{message}");
    }
    let folder = Folder::new();
    let file = folder.path("damaged");
    fs::write(&file, b"{}").unwrap();
    for message in [Model::load(&file).unwrap_err().to_string(), Network::load(&file).unwrap_err().to_string()] {
        assert!(message.starts_with(&file.display().to_string()), "{message}");
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
fn invalid_layers_of_members_are_refused() {
    let good = "piecewise(3,5) embedding(5,5) members(2,5) dense(5,2) adapter(2,2) relu heads(2,2,2) softmax mean(2)";
    let changed = |change: &dyn Fn(&mut Safetensors)| {
        let mut file = Safetensors::from_bytes(&small_ensemble().to_bytes(), "small").unwrap();
        change(&mut file);
        Model::from_bytes(&file.to_bytes(), "small.safetensors")
    };
    assert!(changed(&|file| assert_eq!(file.metadata["layers"], good)).is_ok());
    for (from, to, part) in [
        ("piecewise(3,5)", "piecewise(3,6)", "has 5 outputs"),
        ("piecewise(3,5)", "piecewise(4,5)", "has shape [3], expected [4]"),
        ("piecewise(3,5)", "piecewise(3)", "not known"),
        ("embedding(5,5)", "embedding(5,6)", "has 5 outputs"),
        ("embedding(5,5)", "embedding(4,5)", "has shape [5], expected [4]"),
        ("members(2,5)", "members(0,5)", "has shape [2, 5], expected [0, 5]"),
        ("members(2,5)", "adapter(2,5)", "does not fit 1 members"),
        ("members(2,5)", "members(2)", "not known"),
        ("heads(2,2,2)", "heads(0,2,2)", "has no members"),
        ("heads(2,2,2)", "heads(2,2,0)", "has no members, inputs or outputs"),
        ("heads(2,2,2)", &format!("heads({},2,2)", usize::MAX), "has shape [2, 2, 2]"),
        ("mean(2)", "mean(3)", "does not fit 2 members"),
        ("mean(2)", "mean(x)", "not known"),
        (" mean(2)", "", "the last layer of a network of members is `mean`"),
        ("softmax mean(2)", "mean(2) softmax", "does not fit 2 members"),
    ] {
        let error = changed(&|file| {
            let layers = good.replace(from, to);
            file.metadata.insert("layers".into(), layers);
        });
        says(error, &["small.safetensors: ", part]);
    }
    for (tensor, index, value) in [
        ("0.bins", 0, 1.0),
        ("0.bins", 0, 2.5),
        ("0.bins", 1, 2.0),
        ("0.edges", 1, -1.0),
        ("1.roles", 1, -3.0),
        ("1.roles", 1, 0.0),
        ("1.roles", 0, 1.0),
        ("1.roles", 0, 1e30),
    ] {
        let name = format!("layers.{tensor}");
        assert!(changed(&|file| tensor_of(file, &name).data[index] = value).is_err(), "{tensor} {index} {value}");
    }
}

#[test]
fn invalid_ranges_are_refused() {
    let target = TargetSchema::Values { names: strings(&["y"]) };
    let network = Network::builder(1).dense(1, Identity).build().unwrap();
    let range = TargetRange::from_parts(vec![-1.0], vec![2.0]).unwrap();
    let preprocessing = Preprocessing::from(Scaler::identity(1)).with_range(range);
    let good = Model::new(network, preprocessing, Schema::numbers(["x"], target).unwrap()).unwrap().to_bytes();
    let changed = |change: &dyn Fn(&mut Safetensors)| {
        let mut file = Safetensors::from_bytes(&good, "small").unwrap();
        change(&mut file);
        Model::from_bytes(&file.to_bytes(), "small.safetensors")
    };
    let far = changed(&|_| {}).unwrap().predict(&Matrix::filled(1, 1, 1e9));
    assert!([-1.0, 2.0].contains(&far[(0, 0)]), "{far:?}");
    says(changed(&|file| tensor_of(file, "targets.low").data[0] = 3.0), &["from 3 to 2", "the file is damaged"]);
    says(changed(&|file| tensor_of(file, "targets.high").data[0] = f32::NAN), &["small.safetensors"]);
    for name in ["targets.low", "targets.high"] {
        says(changed(&|file| file.tensors.retain(|tensor| tensor.name != name)), &[name]);
    }
    // Classes have no range.
    let error = self::changed(|file| {
        for name in ["targets.low", "targets.high"] {
            file.tensors.push(Tensor::new(name, &[2], vec![0.0; 2]));
        }
    });
    says(error, &["a range of predictions is for values"]);
}

#[test]
fn invalid_layers_are_refused() {
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
        ("batch_norm(0) dense(3,2) softmax", "layers.0.variance is missing"),
        ("layer_norm(0) dense(3,2) softmax", "layers.0.scale is missing"),
        (&format!("dense({0},{0})", usize::MAX), "layers.0.weights"),
        ("convolution(3,2)", "newer palmnet"),
        ("rellu", "newer palmnet"),
        ("\u{1b}[2J", "not known"),
        ("dense(2,3) softmax", "has shape [3, 2], expected [2, 3]"),
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

#[track_caller]
fn fails(change: &dyn Fn(&mut Safetensors), part: &str) {
    let message = changed(change).unwrap_err().to_string();
    assert!(message.starts_with("small.safetensors: ") && message.contains(part), "{message}");
}

#[test]
fn invalid_tensors_are_refused() {
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
    fails(&|file| tensor_of(file, "features.factor").data[1] = 1e-40, "scaler");
}

#[test]
fn invalid_metadata_is_refused() {
    // A target scaler is not for classes.
    let scaler = |file: &mut Safetensors| {
        file.tensors.push(Tensor::new("targets.offset", &[2], vec![0.0; 2]));
        file.tensors.push(Tensor::new("targets.factor", &[2], vec![1.0; 2]));
    };
    fails(&scaler, "target scaler");
    fails(&|file| drop(file.metadata.insert("loss".into(), "lossy".into())), "the loss `lossy` is not known");
    // Softmax makes probabilities that sum to 1, and a loss of logits or of a yes or no by itself is not for them.
    let loss =
        |text: &'static str| move |file: &mut Safetensors| drop(file.metadata.insert("loss".into(), text.into()));
    fails(&loss("cross_entropy_logits"), "the loss `cross_entropy_logits` does not suit the outputs");
    let ends_in = |layers: &'static str, text: &'static str| {
        move |file: &mut Safetensors| {
            file.metadata.insert("layers".into(), layers.into());
            file.metadata.insert("loss".into(), text.into());
        }
    };
    let sigmoid = "dense(3,2) leaky_relu:0.1 dropout(0.5) dense(2,2) sigmoid";
    fails(&ends_in(sigmoid, "cross_entropy"), "the loss `cross_entropy` does not suit the outputs");
    assert!(changed(ends_in(sigmoid, "binary_cross_entropy")).is_ok() && changed(loss("cross_entropy")).is_ok());
    let format =
        |text: &'static str| move |file: &mut Safetensors| drop(file.metadata.insert("format".into(), text.into()));
    fails(&format("3"), "format 3, by palmnet `0");
    fails(&format("3"), "reads formats up to 2: use a newer one");
    fails(&format("one"), "`format` is `one`: the file is damaged");
    assert!(changed(|file| drop(file.metadata.remove("format"))).is_ok());
    for key in ["layers", "schema", "notes"] {
        fails(&|file| drop(file.metadata.remove(key)), key);
    }
}

#[test]
fn invalid_schemas_are_refused() {
    for text in ["", "{", "null", "[]", "{}", "7", r#"{"columns":[],"target":{"values":["y"]},"positions":[0]}"#] {
        fails(&|file| drop(file.metadata.insert("schema".into(), text.into())), "");
    }
    let schema = r#"{"columns":["size",{"name":"color","categories":["blue","red"]}],"target":{"name":"y","classes":["a","b"]},"positions":[2]}"#;
    assert!(changed(|file| assert_eq!(file.metadata["schema"], schema)).is_ok());
    for (from, to) in [
        ("\"size\"", "7"),
        ("\"size\"", "\"color\""),
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
    // Labels, one for each output.
    let schema = r#"{"columns":["a","b","c"],"target":{"labels":[{"name":"t","classes":["no","yes"]},{"name":"u","classes":["0","1"]}]},"positions":[3,4]}"#;
    let with = |text: String| move |file: &mut Safetensors| drop(file.metadata.insert("schema".into(), text.clone()));
    assert_eq!(changed(with(schema.into())).unwrap().schema().target().names(), ["t", "u"]);
    for (from, to) in [
        (r#"["0","1"]"#, r#"["0"]"#),
        (r#"["0","1"]"#, r#"["0","1","2"]"#),
        (r#"["0","1"]"#, r#"["0","0"]"#),
        (r#"["0","1"]"#, "[0,1]"),
        (r#"["0","1"]"#, "7"),
        (r#""name":"u","#, ""),
        (r#""u""#, r#""t""#),
        (r#""u""#, r#""a""#),
        (r#","classes":["0","1"]"#, ""),
        (r#",{"name":"u","classes":["0","1"]}"#, ""),
        (r#"[{"name":"t","classes":["no","yes"]},{"name":"u","classes":["0","1"]}]"#, "[]"),
        (r#"[{"name":"t","classes":["no","yes"]},{"name":"u","classes":["0","1"]}]"#, "{}"),
        ("[3,4]", "[3]"),
    ] {
        assert!(schema.contains(from));
        fails(&with(schema.replace(from, to)), "");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Several changes at once: bytes replaced, removed and put in, the end cut off.
    #[test]
    fn damaged_models_are_handled(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..8),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = small_model().to_bytes();
        for (index, byte, kind) in edits {
            let index = index.index(bytes.len());
            match kind {
                0 => bytes[index] = byte,
                1 => drop(bytes.remove(index)),
                _ => bytes.insert(index, byte),
            }
        }
        if let Some(length) = cut {
            bytes.truncate(length.index(bytes.len()));
        }
        read(&bytes);
    }

    /// Models with any column names and parameters round-trip.
    #[test]
    fn any_names_and_numbers_round_trip(
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
        let schema = Schema::numbers(inputs.to_vec(), TargetSchema::Values { names: output.to_vec() }).unwrap();
        let model = Model::new(network, Scaler::identity(2), schema).unwrap();
        let same = Model::from_bytes(&model.to_bytes(), "m").unwrap();
        prop_assert_eq!(same.schema(), model.schema());
        prop_assert_eq!(same.network().layers()[0].clone(), model.network().layers()[0].clone());
        prop_assert_eq!(same.network().output_activation(), Elu(parameter));
        // NaN is not equal to itself, so bytes are compared.
        prop_assert_eq!(same.to_bytes(), model.to_bytes());
    }
}
