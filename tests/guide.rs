//! The Python of the guide, run as it is printed there.

use std::fs;
use std::path::Path;
use std::process::Command;

use palmnet::{Matrix, Model};

/// The content of the only block of this language.
fn block<'t>(text: &'t str, language: &str) -> &'t str {
    let start = format!("```{language}\n");
    let (_, rest) = text.split_once(&start).expect("a block of this language");
    assert!(!rest.contains(&start), "more than one block of {language}");
    rest.split("```").next().unwrap()
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
    let output = python(block(&page, "python")).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let found: Vec<f32> = printed.split_whitespace().map(|word| word.parse().unwrap()).collect();

    let model = Model::load(root.join("examples/iris.safetensors")).unwrap();
    let expected = model.predict(&Matrix::from_rows(&[[5.9, 2.8, 4.2, 1.3]]));
    assert_eq!(found.len(), expected.columns(), "{printed}");
    for (found, expected) in found.iter().zip(expected.row(0)) {
        assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
    }
}
