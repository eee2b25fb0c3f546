//! ONNX files of PyTorch's two exporters, Keras and scikit-learn, with the outputs that these programs have:
//! tests/golden/onnx/make_onnx.py made both.

use std::fs;
use std::path::PathBuf;

use palmnet::import::{Options, onnx};
use palmnet::nn::Layer;
use palmnet::{Activation::*, Model, Table};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/onnx").join(name)
}

fn imported(name: &str, options: &Options) -> palmnet::Result<Model> {
    onnx(&fs::read(path(&format!("{name}.onnx"))).unwrap(), &format!("{name}.onnx"), options)
}

/// Imports a file and compares its outputs with those of the program that wrote it; returns the model.
fn compared(name: &str) -> Model {
    let mut options = Options::default();
    options.folder = Some(path(""));
    let model = imported(name, &options).unwrap();
    let text = fs::read_to_string(path(&format!("{name}.txt"))).unwrap();
    let (mut cells, mut expected) = (String::new(), Vec::new());
    let columns = text.lines().next().unwrap().split(" -> ").next().unwrap().split(',').count();
    // Tables have the columns a, b, c, d, color, size; others are known by their positions.
    if columns == 6 {
        cells += "a,b,c,d,color,size\n";
    }
    for line in text.lines() {
        let (row, outputs) = line.split_once(" -> ").unwrap();
        cells += &format!("{row}\n");
        expected.extend(outputs.split(' ').map(|x| x.parse::<f32>().unwrap()));
    }
    // Written and read again, as the command does it.
    let model = Model::from_bytes(&model.to_bytes(), name).unwrap();
    let table = Table::parse_with(cells, name, &model.schema().reading()).unwrap();
    let found = model.predict_table(&table).unwrap();
    let rows = text.lines().count();
    let outputs = expected.len() / rows;
    let mut worst = 0.0f32;
    for row in 0..rows {
        let expected = &expected[row * outputs..(row + 1) * outputs];
        // One probability may stand for two classes.
        let expected = if found.columns() < outputs { &expected[1..] } else { expected };
        for (found, expected) in found.row(row).iter().zip(expected) {
            assert!(found.is_finite(), "{name}");
            worst = worst.max((found - expected).abs() / expected.abs().max(1.0));
        }
        assert_eq!(found.columns(), expected.len(), "{name}");
    }
    assert!(worst < 1e-5, "{name}: {worst}");
    model
}

/// A file that palmnet 0.1.0 wrote of examples/iris.safetensors is whole for every later version, whose graphs may differ.
#[test]
fn a_model_of_an_older_palmnet_is_whole() {
    let model = imported("palmnet", &Options::default()).unwrap();
    let same = Model::load(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/iris.safetensors")).unwrap();
    assert!(model.to_bytes() == same.to_bytes());
}

#[test]
fn networks_of_both_exporters_of_pytorch() {
    for way in ["old", "new"] {
        let model = compared(&format!("torch_{way}_norms"));
        let count = |is: fn(&Layer) -> bool| model.network().layers().iter().filter(|layer| is(layer)).count();
        assert_eq!(count(|layer| matches!(layer, Layer::Activation(Silu | Gelu | Softmax))), 3);
        assert_eq!(count(|layer| matches!(layer, Layer::LayerNorm(_))), 1);
        assert_eq!(model.class(&[0.9, 0.1]), Some("0"));
        let many = compared(&format!("torch_{way}_many"));
        let activations: Vec<String> = many
            .network()
            .layers()
            .iter()
            .filter_map(|layer| if let Layer::Activation(g) = layer { Some(g.to_string()) } else { None })
            .collect();
        let expected = "leaky_relu:0.2 elu:0.7 selu softplus hard_sigmoid tanh leaky_relu:0.25 sigmoid";
        assert_eq!(activations.join(" "), expected);
        compared(&format!("torch_{way}_values"));
        compared(&format!("torch_{way}_log"));
    }
}

#[test]
fn numbers_in_another_file_are_read_from_beside_it() {
    compared("torch_outside");
    let error = imported("torch_outside", &Options::default()).unwrap_err().to_string();
    assert!(error.contains("external_data=False"), "{error}");
}

#[test]
fn networks_of_keras() {
    for name in ["plain", "norms", "many", "image"] {
        compared(&format!("keras_{name}"));
    }
    let norms = compared("keras_norms");
    assert_eq!(norms.network().layers().iter().filter(|layer| matches!(layer, Layer::LayerNorm(_))).count(), 2);
}

#[test]
fn pipelines_of_scikit_learn() {
    let classes = compared("sklearn_classes");
    assert_eq!(classes.schema().target().output_names(), ["maybe", "no", "yes"]);
    // The graph has the texts first.
    let names: Vec<&str> = classes.schema().columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "color", "size"]);
    let gaps = compared("sklearn_gaps");
    assert!(gaps.schema().allows_missing());
    assert!(gaps.notes["import"].contains("not used by the graph: `d`, `color`"), "{}", gaps.notes["import"]);
    compared("sklearn_logistic");
    compared("sklearn_codes");
    assert_eq!(compared("sklearn_labels").schema().target().names(), ["label_0", "label_1", "label_2"]);
}

#[test]
fn other_nodes_are_named_with_operator_and_place() {
    for (name, parts) in [
        ("torch_new_conv", ["node `node_conv1d`, 2 of 4, is a Conv", "palmnet has dense layers only"]),
        ("torch_new_tanh", ["node `node_gelu`, 2 of 3, is a Gelu", "not its approximation by tanh"]),
        ("torch_new_residual", ["is an Add", "it joins two branches"]),
    ] {
        let error = imported(name, &Options::default()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name}.onnx: ")), "{error}");
        parts.iter().for_each(|part| assert!(error.contains(part), "{error}"));
    }
}

#[test]
fn names_are_given_or_counted() {
    let mut options = Options::default();
    options.features = ["a", "b", "c", "d"].map(String::from).to_vec();
    options.classes = ["x", "y", "z"].map(String::from).to_vec();
    let model = imported("torch_new_values", &options).unwrap();
    assert_eq!(model.class(&[0.1, 0.7, 0.2]), Some("y"));
    assert!(model.notes["import"].contains("logits"), "{}", model.notes["import"]);
    options.classes.pop();
    let error = imported("torch_new_values", &options).unwrap_err().to_string();
    assert!(error.contains("2 names of classes") && error.contains("3 outputs"), "{error}");
    options.features.pop();
    let error = imported("torch_new_values", &options).unwrap_err().to_string();
    assert!(error.contains("3 names of features") && error.contains("takes 4"), "{error}");
}

#[test]
fn damaged_files_are_errors() {
    let whole = fs::read(path("torch_old_norms.onnx")).unwrap();
    for length in 0..whole.len() {
        assert!(onnx(&whole[..length], "cut.onnx", &Options::default()).is_err(), "{length}");
    }
    for text in ["", "age,city\n3,Bonn\n", "\u{8}\u{7}"] {
        let error = onnx(text.as_bytes(), "net.onnx", &Options::default()).unwrap_err().to_string();
        assert!(error.starts_with("net.onnx: is no ONNX file"), "{error}");
    }
    for index in 0..whole.len() {
        let mut file = whole.clone();
        file[index] ^= 1 << (index % 8);
        let _ = onnx(&file, "flipped.onnx", &Options::default());
    }
}
