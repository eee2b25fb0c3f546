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

/// A graph that another program has changed is not the model that is recorded beside it.
#[test]
fn own_models_come_back_whole_unless_the_graph_is_changed() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --members 3 --epochs 3 --quiet -o own.model").ok();
    folder.run("export own.model --to onnx -o own.onnx").ok();
    let import = |file: &str, out: &str| folder.run(&format!("import {file} -o {out}")).ok().replace('\n', " ");
    assert!(import("own.onnx", "back.model").contains("the whole model"));
    let predict = |model: &str| folder.run(&format!("predict {model} iris.csv --sets 90")).ok();
    assert_eq!(predict("back.model"), predict("own.model"));
    folder
        .run("import own.onnx --classes a,b,c")
        .fails(1, &["own.onnx: is a whole model of palmnet", "give no others"]);
    folder.run("import own.onnx --target species -o again.model").ok();
    assert_eq!(folder.bytes("again.model"), folder.bytes("back.model"));

    folder.write("iris.model", include_bytes!("../../examples/iris.safetensors"));
    folder.run("export iris.model --to onnx -o own.onnx").ok();
    let model = palmnet::Model::load(folder.path("iris.model")).unwrap();
    let bias = model.network().layers().iter().find_map(|layer| layer.parameters().nth(1)).unwrap().1[0];
    let mut file = folder.bytes("own.onnx");
    let place = file.windows(4).position(|bytes| bytes == bias.to_le_bytes()).unwrap();
    file[place..place + 4].copy_from_slice(&1e6f32.to_le_bytes());
    folder.write("changed.onnx", &file);
    assert!(import("changed.onnx", "changed.model").contains("the file was changed after palmnet wrote it"));
    assert!(rows_of(&folder, "changed.model") != rows_of(&folder, "iris.model"));
    // The record of another graph says nothing of this one.
    let record = file.windows(10).rposition(|bytes| bytes == b"\"digest\":\"").unwrap() + 10;
    file[place..place + 4].copy_from_slice(&bias.to_le_bytes());
    file[record] ^= 1;
    folder.write("changed.onnx", &file);
    assert!(import("changed.onnx", "changed.model").contains("the file was changed after palmnet wrote it"));
    assert!(rows_of(&folder, "changed.model") == rows_of(&folder, "iris.model"));
}

/// The predictions without their header: the name of the target is not in a graph.
fn rows_of(folder: &Folder, model: &str) -> String {
    let found = folder.run(&format!("predict {model} iris.csv --proba")).ok();
    found.split_once('\n').unwrap().1.into()
}
