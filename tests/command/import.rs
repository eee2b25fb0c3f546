//! `palmnet import`: an ONNX file becomes a model that predicts, is evaluated and is trained further.

use super::*;

fn net(folder: &Folder, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/onnx").join(name);
    folder.write("net.onnx", fs::read(path).unwrap());
}

/// Rows of four numbers, and whether their sum is positive.
fn table() -> String {
    let mut rng = Rng::new(1);
    let mut csv = "a,b,c,d,class\n".to_string();
    for _ in 0..120 {
        let x: Vec<f64> = (0..4).map(|_| rng.uniform_in(-1.0, 1.0)).collect();
        let cells: Vec<String> = x.iter().map(|x| format!("{x:.4}")).collect();
        csv += &format!("{},{}\n", cells.join(","), if x.iter().sum::<f64>() > 0.0 { "yes" } else { "no" });
    }
    csv
}

#[test]
fn imported_model_is_evaluated_and_trained_further() {
    let folder = Folder::new();
    net(&folder, "torch_new_norms.onnx");
    folder.write("data.csv", table());
    let out = folder.run_with("import net.onnx --features a,b,c,d --classes no,yes", &[("COLUMNS", "40")]).ok();
    assert!(out.contains("pytorch") && out.ends_with("saved model.safetensors\n"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 40), "{out}");
    let loss = |run: Run| run.json().last().unwrap().get("loss").and_then(Json::as_f64).unwrap();
    let before = loss(folder.run("eval model.safetensors data.csv --json"));
    folder.run("train data.csv --from model.safetensors --epochs 40 --test 0 --quiet -o more").ok();
    let after = loss(folder.run("eval more data.csv --json"));
    assert!(after < 0.7 * before, "{before} → {after}");
    let done = folder.run("import net.onnx --json").json();
    assert_eq!(done[0].get("parameters").and_then(Json::as_usize), Some(4 * 6 + 6 + 6 * 5 + 5 + 10 + 5 * 2 + 2));
}

#[test]
fn mistakes_name_the_node_or_the_option() {
    let folder = Folder::of_irises();
    net(&folder, "torch_new_conv.onnx");
    folder.run("import net.onnx").fails(1, &["net.onnx: node `node_conv1d`, 2 of 4, is a Conv", "dense layers only"]);
    assert!(!folder.path("model.safetensors").exists());
    folder.run("import iris.csv").fails(1, &["iris.csv: is no ONNX file"]);
    folder.run("import none.onnx").fails(1, &["none.onnx", "no such file"]);
    net(&folder, "torch_new_norms.onnx");
    folder.run("import net.onnx --features a,b").fails(1, &["2 names of features", "takes 4"]);
    folder.run("import net.onnx -o iris.csv").fails(1, &["iris.csv", "is not a model"]);
    folder.run("import").fails(2, &["import --help"]);
}
