//! Saved networks and models come back bit for bit.

use std::fs;

use palmnet::data::{Scaler, TargetSchema};
use palmnet::nn::Layer;
use palmnet::unversioned::{Safetensors, Tensor};
use palmnet::{Loss, Model, Network};

use super::{EVERY_ACTIVATION, ODD_NAMES, classes, everything, labels, members, odd_model, random, with_target_scaler};
use crate::support::{Folder, matrix_bits, strings};

#[test]
fn networks_round_trip_bit_for_bit() {
    let folder = Folder::new();
    let file = folder.path("everything");
    for network in [everything(), members()] {
        network.save(&file).unwrap();
        let same = Network::load(&file).unwrap();
        assert_eq!(same, network);
        let x = random(9, network.inputs(), 2);
        assert_eq!(matrix_bits(&same.predict(&x)), matrix_bits(&network.predict(&x)));
        assert!(network.predict(&x).as_slice().iter().all(|p| p.is_finite()));
        // Saving again writes the same bytes.
        let bytes = fs::read(&file).unwrap();
        same.save(&file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    let x = random(9, 5, 2);
    for activation in EVERY_ACTIVATION {
        let network = Network::builder(5).dense(4, activation).seed(2).build().unwrap();
        network.save(&file).unwrap();
        let same = Network::load(&file).unwrap();
        assert_eq!(same.output_activation(), activation);
        assert_eq!(matrix_bits(&same.predict(&x)), matrix_bits(&network.predict(&x)), "{activation}");
    }
}

#[test]
fn models_round_trip_bit_for_bit() {
    let values = TargetSchema::Values { names: strings(&ODD_NAMES[6..8]) };
    let scaler = Scaler::from_parts(vec![100.0, -1e-5], vec![0.3, 1e6]).unwrap();
    let models = [
        odd_model(3, classes(&ODD_NAMES[..3])),
        odd_model(2, classes(&ODD_NAMES[4..6])),
        odd_model(1, classes(&ODD_NAMES[4..6])),
        odd_model(2, labels(&ODD_NAMES[6..8], &[[ODD_NAMES[0], ODD_NAMES[2]], [ODD_NAMES[5], ODD_NAMES[1]]]))
            .with_loss(Loss::BinaryCrossEntropyLogits),
        odd_model(2, values.clone()).with_loss(Loss::MeanAbsoluteError),
        with_target_scaler(odd_model(2, values), scaler).unwrap(),
    ];
    let x = random(20, 5, 3);
    let folder = Folder::new();
    let file = folder.path("odd");
    for model in models {
        model.save(&file).unwrap();
        let same = Model::load(&file).unwrap();
        assert_eq!(same, model);
        assert_eq!(matrix_bits(&same.predict(&x)), matrix_bits(&model.predict(&x)));
        let bytes = fs::read(&file).unwrap();
        assert_eq!(bytes, model.to_bytes());
        assert_eq!(Model::from_bytes(&bytes, "m").unwrap(), model);
        // The network alone is in the same file.
        assert_eq!(&Network::load(&file).unwrap(), model.network());
    }
}

/// The description of the model in the file can be read without this crate.
#[test]
fn model_file_describes_its_content() {
    let model = odd_model(3, classes(&ODD_NAMES[..3]));
    let file = Safetensors::from_bytes(&model.to_bytes(), "m").unwrap();
    assert_eq!(file.metadata["format"], "1");
    assert_eq!(file.metadata["palmnet"], env!("CARGO_PKG_VERSION"));
    assert_eq!(file.metadata["layers"], "dense(5,4) elu:0.7 dropout(0.5) dense(4,3)");
    let several = odd_model(2, labels(&["ripe", "sweet"], &[["no", "yes"], ["0", "1"]]));
    let schema = &Safetensors::from_bytes(&several.to_bytes(), "m").unwrap().metadata["schema"];
    let target = r#""target":{"labels":[{"name":"ripe","classes":["no","yes"]},{"name":"sweet","classes":["0","1"]}]}"#;
    assert!(schema.contains(target), "{schema}");
    let notes = palmnet::unversioned::Json::parse(&file.metadata["notes"]).unwrap();
    assert_eq!(notes.get("comma, and\ttab").unwrap().as_str(), Some("comma, and\ttabcomma, and\ttab"));
    let names: Vec<&str> = file.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    let layers = ["layers.0.weights", "layers.0.bias", "layers.3.weights", "layers.3.bias"];
    assert_eq!(names, [&layers[..], &["features.offset", "features.factor"]].concat());
    assert_eq!(file.tensor("layers.0.weights").unwrap().shape, [5, 4]);
    let Layer::Dense(dense) = &model.network().layers()[0] else { panic!("the first layer is dense") };
    assert_eq!(file.tensor("layers.0.weights").unwrap().data, dense.weights().as_slice());
}

/// A linear search among the tensors for every layer would take minutes.
#[test]
fn many_layers_load_in_linear_time() {
    let layers = 30_000;
    let mut file = Safetensors::default();
    for layer in 0..layers {
        file.tensors.push(Tensor::new(format!("layers.{layer}.weights"), &[1, 1], vec![1.0]));
        file.tensors.push(Tensor::new(format!("layers.{layer}.bias"), &[1], vec![0.0]));
    }
    file.metadata.insert("layers".into(), "dense(1,1) ".repeat(layers));
    let folder = Folder::new();
    let path = folder.path("many");
    file.write(&path).unwrap();
    assert_eq!(Network::load(&path).unwrap().layers().len(), layers);
}
