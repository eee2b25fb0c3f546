//! The Python of the guide, run as it is printed there.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use palmnet::Activation::{Identity, Relu, Softmax};
use palmnet::data::{Column, ColumnKind, NumberForm, Scaler, Schema, TargetSchema};
use palmnet::nn::{Piecewise, Role};
use palmnet::{Matrix, Model, Network};

use support::{Folder, strings};

/// The content of the only block of this language.
fn block<'t>(text: &'t str, language: &str) -> &'t str {
    let start = format!("```{language}\n");
    let (_, rest) = text.split_once(&start).expect("a block of this language");
    assert!(!rest.contains(&start), "more than one block of {language}");
    rest.split("```").next().unwrap()
}

/// A model with all layers of ensembles.
fn ensemble() -> Model {
    let columns = [vec![-1.0, 0.0, 1.0], Vec::new(), vec![-0.5, 0.25, 0.5, 2.0]].map(Some);
    let piecewise = Piecewise::new(columns.into_iter().chain([None]).collect()).unwrap();
    let roles = vec![Role::Group(1), Role::Kept, Role::Group(0), Role::Dropped, Role::Frozen(1), Role::Group(1)];
    let roles = [roles, vec![Role::Group(0); 3]].concat();
    let builder = Network::builder(4).piecewise(piecewise).embedding(roles, vec![0.5; 9], 3).members(5);
    let builder = builder.dense(8, Identity).adapter().activation(Relu).dense(6, Relu).heads(3, Softmax);
    let mut network = builder.seed(1).build().unwrap();
    // Shifts, adapters and biases are the same for all members at first.
    for (i, x) in network.parameters_mut().flatten().enumerate() {
        *x += 0.3 * (i as f32).sin();
    }
    let column = |name: &&str| Column::new(*name, ColumnKind::Number(NumberForm::default()));
    let target = TargetSchema::Classes { name: "y".into(), classes: strings(&["r", "s", "t"]) };
    let schema = Schema::from_parts(["a", "b", "c", "d"].iter().map(column).collect(), target, vec![4]).unwrap();
    let scaler = Scaler::from_parts(vec![1.0, -2.0, 0.5, 0.0], vec![0.25, 2.0, 1.5, 1.0]).unwrap();
    Model::new(network, scaler, schema).unwrap()
}

#[test]
fn numpy_of_the_guide_predicts_as_the_model_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = |code: &str| Command::new("python3").args(["-c", code]).current_dir(root).output();
    if !python("import numpy").is_ok_and(|output| output.status.success()) {
        eprintln!("not tested: python3 with NumPy is absent");
        return;
    }
    let page = fs::read_to_string(root.join("src/guide/files.md")).unwrap();
    let (file, row) = ("\"examples/iris.safetensors\"", "[5.9, 2.8, 4.2, 1.3]");
    let code = block(&page, "python");
    assert!(code.contains(file) && code.contains(row), "{code}");
    let compare = |path: &Path, x: [f32; 4]| {
        let code = code.replace(file, &format!("{path:?}")).replace(row, &format!("{x:?}"));
        let output = python(&code).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        let found: Vec<f32> = printed.split_whitespace().map(|word| word.parse().unwrap()).collect();
        let expected = Model::load(path).unwrap().predict(&Matrix::from_rows(&[x]));
        assert_eq!(found.len(), expected.columns(), "{printed}");
        for (found, expected) in found.iter().zip(expected.row(0)) {
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    };
    compare(&root.join("examples/iris.safetensors"), [5.9, 2.8, 4.2, 1.3]);

    let folder = Folder::new();
    let path = folder.path("ensemble.safetensors");
    ensemble().save(&path).unwrap();
    // Inside, below and above the bins.
    for x in [[0.0, 1.0, 0.8, 1.0], [-20.0, -9.0, -3.0, -1.0], [30.0, 5.0, 9.0, 0.5]] {
        compare(&path, x);
    }
}
