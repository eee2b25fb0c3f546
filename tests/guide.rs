//! The Python of the guide, run as it is printed there.

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use palmnet::Activation::{Identity, Relu, Softmax};
use palmnet::data::{Column, ColumnKind, NumberForm, Scaler, Schema, TargetSchema};
use palmnet::nn::{Piecewise, Role};
use palmnet::unversioned::Json;
use palmnet::{Matrix, Model, Network};

use support::{Folder, program, strings};

const PAGE: &str = include_str!("../src/guide/files.md");

/// The content of the first block of Python under a heading.
fn block(heading: &str) -> &'static str {
    let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).expect("this heading");
    let (_, rest) = section.split_once("```python\n").expect("a block of Python");
    rest.split("```").next().unwrap()
}

/// Runs Python in the root of the repository; `None` if there is none with NumPy.
fn python(code: &str) -> Option<String> {
    let run = |code: &str| Command::new("python3").args(["-c", code]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    if !run("import numpy").is_ok_and(|output| output.status.success()) {
        eprintln!("not tested: python3 with NumPy is absent");
        return None;
    }
    let output = run(code).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The lines of the page as they are, and the command on the same row.
#[test]
fn ten_lines_of_numpy_predict_as_the_command_does() {
    let code = block("A prediction in ten lines of NumPy");
    assert!(code.lines().count() <= 10 && code.contains("[5.9, 2.8, 4.2, 1.3]"), "{code}");
    let Some(printed) = python(code) else { return };
    let mut child = program(Path::new(env!("CARGO_BIN_EXE_palmnet")))
        .args(["predict", "examples/iris.safetensors", "-", "--json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"5.9,2.8,4.2,1.3\n").unwrap();
    let answer = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let answer = Json::parse(answer.trim()).unwrap();
    let expected = answer.get("probabilities").unwrap().as_object().unwrap();
    let found: Vec<f64> = printed.split_whitespace().map(|word| word.parse().unwrap()).collect();
    assert_eq!((found.len(), expected.len()), (3, 3), "{printed}");
    for (found, (_, expected)) in found.iter().zip(expected) {
        let expected = expected.as_f64().unwrap();
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }
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
    let (file, row) = ("\"examples/iris.safetensors\"", "[5.9, 2.8, 4.2, 1.3]");
    let code = block("A prediction of every default network");
    assert!(code.contains(file) && code.contains(row), "{code}");
    let compare = |path: &Path, x: [f32; 4]| {
        let code = code.replace(file, &format!("{path:?}")).replace(row, &format!("{x:?}"));
        let Some(printed) = python(&code) else { return };
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
