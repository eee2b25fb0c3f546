//! Where models, progress and numbers go.

use super::*;

#[test]
fn out_option_names_the_model_file() {
    let folder = Folder::of_irises();
    for (option, file) in [("", "model.safetensors"), ("-o a", "a"), ("--out=b", "b"), ("--out c", "c"), ("-o=d", "d")]
    {
        let out = folder.run(&format!("train iris.csv --fast --epochs 1 --quiet {option}")).ok();
        assert!(out.contains(&format!("saved {file}\n")), "{out}");
        assert!(folder.has(file), "{option}");
    }
    // No temporary file is left, and Python can read the model.
    assert!(
        fs::read_dir(&folder.0).unwrap().all(|entry| !entry.unwrap().file_name().to_str().unwrap().contains("tmp"))
    );
    let file = Safetensors::read(folder.path("a")).unwrap();
    assert_eq!(file.tensor("layers.0.weights").unwrap().shape[0], 4);
}

#[test]
fn unusable_output_is_an_error_before_training() {
    let folder = Folder::of_irises();
    fs::create_dir(folder.path("sub")).unwrap();
    for (out, part) in [("sub", "is a folder"), ("none/m", "its folder does not exist"), ("iris.csv/m", "folder")] {
        let run = folder.run(&format!("train iris.csv --fast --hidden 8 --out {out}"));
        // Hours of training must not be lost: the error comes first.
        assert!(!run.err.contains("epoch 1/"), "{}", run.err);
        run.fails(1, &[out, part]);
        folder.run(&format!("demo xor --out {out}")).fails(1, &[out, part]);
    }
    folder.run("train iris.csv --fast --epochs 1 --quiet --out a").ok();
    let mut permissions = fs::metadata(folder.path("a")).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(folder.path("a"), permissions).unwrap();
    let run = folder.run("train iris.csv --fast --hidden 8 --out a");
    assert!(!run.err.contains("epoch 1/"), "{}", run.err);
    run.fails(1, &["a: is read-only", "--out"]);
    if cfg!(target_os = "linux") {
        let run = folder.run("train iris.csv --fast --out /proc/x");
        assert!(!run.err.contains("epoch 1/"), "{}", run.err);
        run.fails(1, &["/proc/x: no file can be created", "--out"]);
        folder.run("train iris.csv --fast --epochs 1 --quiet --out /dev/null").ok();
    }
    let run = Run::of(folder.command("train iris.csv --fast --out").arg(""), "train iris.csv --fast --out ''");
    assert!(!run.err.contains("epoch 1/"), "{}", run.err);
    run.fails(1, &["--out"]);
}

#[test]
fn output_does_not_overwrite_other_files() {
    let folder = Folder::of_irises();
    fs::create_dir(folder.path("sub")).unwrap();
    folder.run("train iris.csv --fast --epochs 1 --quiet --out a").ok();
    folder.write("notes.txt", "do not lose me");
    folder.write("test.csv", IRIS);
    folder.write("short", "12345678");
    folder.write("empty", "");
    for (words, parts) in [
        ("train iris.csv --fast --out iris.csv", ["iris.csv: ", "is the data"]),
        ("train iris.csv --fast --out ./sub/../iris.csv", ["iris.csv: ", "is the data"]),
        ("train iris.csv --fast --test test.csv --out test.csv", ["test.csv: ", "is the data"]),
        ("train iris.csv --fast --out notes.txt", ["notes.txt: ", "exists and is not a model"]),
        ("train iris.csv --fast --out short", ["short: ", "exists and is not a model"]),
        ("demo xor --out notes.txt", ["notes.txt: ", "exists and is not a model"]),
    ] {
        folder.run(words).fails(1, &[&parts[..], &["--out"]].concat());
    }
    assert_eq!((folder.bytes("notes.txt"), folder.bytes("iris.csv")), (b"do not lose me".into(), IRIS.into()));
    // A model may be replaced by its successor, and an empty file by anything.
    for file in ["a", "empty"] {
        folder.run(&format!("train iris.csv --fast --epochs 1 --quiet --out {file}")).ok();
        folder.run(&format!("info {file}")).ok();
    }
}

#[test]
fn progress_is_written_to_standard_error() {
    let folder = Folder::of_irises();
    let epochs = |err: &str| {
        let lines = err.lines().filter_map(|line| line.strip_prefix("epoch "));
        lines.map(|line| line.split('/').next().unwrap().parse().unwrap()).collect::<Vec<usize>>()
    };
    let run = folder.run("train iris.csv --fast --epochs 10 --every 4");
    assert_eq!(epochs(&run.err), [1, 4, 8, 10]);
    assert!(!run.err.contains(['\r', '\x1b']) && !run.out.contains("epoch 1"), "{}", run.err);
    let line = run.err.lines().find(|line| line.starts_with("epoch 10/10 loss ")).unwrap();
    assert!(line.contains(" left") && line.contains("/s"), "{line}");
    // Without --every, there is about a line a second, and one for the last epoch.
    let began = std::time::Instant::now();
    let lines = epochs(&folder.run("train iris.csv --fast --epochs 400 --hidden 8 --weight-decay 0.1").err);
    assert!(lines.len() as u64 <= 1 + began.elapsed().as_secs() && lines.last() == Some(&400), "{lines:?}");
    // Early stopping has a last epoch too.
    let run = folder.run("train iris.csv --fast --epochs 4000 --patience 1 --validation 0.2 --weight-decay 0.1");
    let done: usize = run.out.split(" epochs in").next().unwrap().lines().last().unwrap().parse().unwrap();
    assert_eq!(epochs(&run.err).last(), Some(&done), "{}", run.out);
    assert_eq!(folder.run("train iris.csv --fast --epochs 10 --quiet").err, "");
    let run = folder.run("train iris.csv --fast --epochs 10 --hidden 64,64 --weight-decay 0.1");
    assert!(run.err.contains("warning: the network has 4675 parameters"), "{}", run.err);
}

/// Numbers for people have few digits, whatever their size; predicted values have all that they need.
#[test]
fn numbers_have_few_digits() {
    use palmnet::data::{Scaler, Schema, TargetSchema};
    use palmnet::nn::Init;
    use palmnet::{Activation::*, Matrix, Model, Network};
    let folder = Folder::new();
    let save = |weight: f32, outputs: TargetSchema, activation| {
        let count =
            if let TargetSchema::Classes { classes, .. } = &outputs { classes.len() } else { outputs.names().len() };
        let network = Network::builder(1)
            .dense_with(palmnet::nn::Dense::units(count, activation).init(Init::Constant(weight)))
            .build()
            .unwrap();
        let schema = Schema::numbers(["x"], outputs).unwrap();
        let model = Model::new(network, Scaler::identity(1), schema).unwrap();
        model.save(folder.path("model.safetensors")).unwrap();
        model
    };
    let values = || TargetSchema::Values { names: vec!["y".into()] };
    folder.write("x.csv", "x\n1\n0.00003\n1e-18\n1e18\n-12.345678\n0\n");
    let model = save(1.0 / 3.0, values(), Identity);
    let out = folder.run("predict model.safetensors x.csv").ok();
    let x = Matrix::from_rows(&[[1.0], [0.00003], [1e-18], [1e18], [-12.345678], [0.0]]);
    assert_eq!(out.lines().count(), x.rows());
    for (line, y) in out.lines().zip(model.predict(&x).iter_rows()) {
        assert!(line.parse::<f32>().unwrap() == y[0] && line.len() < 16, "{line} for {}", y[0]);
    }
    assert!(out.contains("e-19") && out.contains("e17") && out.ends_with("\n0\n"), "{out}");

    save(0.0, values(), Identity);
    folder.write("tiny.csv", "x,y\n1,2e-9\n2,-2e-9\n");
    let out = folder.run("eval model.safetensors tiny.csv").ok();
    assert_eq!(out, "2 examples: rmse 2.000e-9, mae 2.000e-9, R² 0.0000\n");
    folder.write("huge.csv", "x,y\n1,3e30\n2,-3e30\n");
    let out = folder.run("eval model.safetensors huge.csv").ok();
    assert_eq!(out, "2 examples: rmse 3.000e30, mae 3.000e30, R² 0.0000\n");

    save(0.0, TargetSchema::Classes { name: "y".into(), classes: ["a", "b", "c"].map(String::from).into() }, Softmax);
    let out = folder.run("predict model.safetensors x.csv --probabilities").ok();
    assert_eq!(out.lines().nth(1), Some("a,0.333333,0.333333,0.333333"));
}
