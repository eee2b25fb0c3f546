//! From a file to a model, and from a model to predictions.

use super::*;

#[test]
fn from_a_file_to_predictions_in_text() {
    let folder = Folder::of_irises();
    let out = folder.run("train iris.csv --hidden 16 --epochs 60 --every 20").ok();
    for part in ["4 features → species (3 classes)", "train 120, test 30 examples", "saved model.safetensors"] {
        assert!(out.contains(part), "{out:?} lacks {part:?}");
    }
    assert!(out.lines().any(|line| line.starts_with("train loss ") && line.contains(", accuracy 0.9")), "{out}");
    assert!(out.lines().any(|line| line.starts_with("test  loss ")), "{out}");

    let out = folder.run("eval model.safetensors iris.csv").ok();
    assert!(out.starts_with("150 examples\n"), "{out}");
    assert!(out.contains("precision") && out.contains("recall") && out.contains("truth in rows"), "{out}");

    let predictions = folder.run("predict model.safetensors unlabelled.csv").ok();
    let lines: Vec<&str> = predictions.lines().collect();
    let truth: Vec<&str> = IRIS.lines().skip(1).map(|line| line.rsplit_once(',').unwrap().1).collect();
    let right = lines.iter().zip(&truth).filter(|(line, truth)| line == truth).count();
    assert!(lines.len() == 150 && right >= 140, "{right} of {}", lines.len());
    let unlabelled = String::from_utf8(folder.bytes("unlabelled.csv")).unwrap();
    assert_eq!(folder.run_with_input("predict model.safetensors -", &unlabelled).ok(), predictions);
    // The label is no hindrance, and no help.
    assert_eq!(folder.run("predict model.safetensors iris.csv").ok(), predictions);

    let probabilities = folder.run("predict model.safetensors unlabelled.csv --probabilities").ok();
    let mut lines = probabilities.lines();
    assert_eq!(lines.next(), Some("species,setosa,versicolor,virginica"));
    for (line, class) in lines.zip(predictions.lines()) {
        let cells: Vec<&str> = line.split(',').collect();
        let sum: f64 = cells[1..].iter().map(|cell| cell.parse::<f64>().unwrap()).sum();
        assert!(cells[0] == class && cells.len() == 4 && (sum - 1.0).abs() < 1e-5, "{line}");
    }

    // Long lines are broken, wherever that may be.
    let out = folder.run("info model.safetensors").ok().split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["dense(4,", "softmax", "petal_width", "predicts: species", "--epochs 60", "trained on: 120 examples"] {
        assert!(out.contains(part), "{out:?} lacks {part:?}");
    }
}

#[test]
fn classification_in_json() {
    let folder = Folder::of_irises();
    let run = folder.run("train iris.csv --epochs 50 --hidden 16,8 --json -o a.safetensors");
    assert_eq!(run.err.lines().filter(|line| line.starts_with("epoch")).count(), 0, "{}", run.err);
    let lines = run.json();
    assert_eq!(lines.len(), 51);
    for (line, epoch) in lines.iter().zip(1..=50) {
        assert_eq!(names(line), ["event", "epoch", "train_loss", "validation_loss", "seconds"]);
        assert_eq!((text(line, "event"), number(line, "epoch")), ("epoch", f64::from(epoch)));
        assert_eq!(member(line, "validation_loss"), &Json::Null);
        assert!(number(line, "train_loss") > 0.0 && number(line, "seconds") >= 0.0);
    }
    assert!(number(&lines[49], "train_loss") < number(&lines[0], "train_loss"));
    let done = &lines[50];
    assert_eq!(names(done), ["event", "epochs", "seconds", "train", "test", "model", "settings"]);
    assert_eq!((text(done, "event"), number(done, "epochs")), ("done", 50.0));
    assert_eq!(text(done, "model"), "a.safetensors");
    assert!(text(done, "settings").starts_with("palmnet train iris.csv --hidden 16,8 "), "{done}");
    for part in ["train", "test"] {
        assert_eq!(names(member(done, part)), ["loss", "accuracy"]);
        assert!(number(done, &format!("{part}.loss")) > 0.0);
    }
    assert!(number(done, "train.accuracy") > 0.9);

    let evaluation = &folder.run("eval a.safetensors iris.csv --json").json()[..];
    let [evaluation] = evaluation else { panic!("{evaluation:?}") };
    assert_eq!(names(evaluation), ["examples", "loss", "accuracy", "classes", "confusion"]);
    assert_eq!(number(evaluation, "examples"), 150.0);
    let classes = member(evaluation, "classes").as_array().unwrap();
    let confusion: Vec<Vec<f64>> = member(evaluation, "confusion").as_array().unwrap().iter().map(numbers).collect();
    assert_eq!(
        classes.iter().map(|class| text(class, "class")).collect::<Vec<_>>(),
        ["setosa", "versicolor", "virginica"]
    );
    for (i, class) in classes.iter().enumerate() {
        assert_eq!(names(class), ["class", "precision", "recall", "f1", "examples"]);
        assert_eq!((number(class, "examples"), confusion[i].iter().sum()), (50.0, 50.0));
        assert_eq!(number(class, "recall"), confusion[i][i] / 50.0);
    }
    let right: f64 = (0..3).map(|i| confusion[i][i]).sum();
    assert_eq!(number(evaluation, "accuracy"), right / 150.0);

    let predictions = folder.run("predict a.safetensors unlabelled.csv --json").json();
    assert_eq!(predictions.len(), 150);
    for line in &predictions {
        assert_eq!(names(line), ["prediction", "probabilities"]);
        let probabilities = member(line, "probabilities");
        assert_eq!(names(probabilities), ["setosa", "versicolor", "virginica"]);
        let most = names(probabilities)
            .into_iter()
            .max_by(|a, b| number(probabilities, a).total_cmp(&number(probabilities, b)));
        assert_eq!(Some(text(line, "prediction")), most);
    }

    let info = &folder.run("info a.safetensors --json").json()[0];
    assert_eq!(names(info), ["layers", "parameters", "inputs", "scaler", "target", "classes", "notes"]);
    let layers = ["dense(4,16)", "relu", "dense(16,8)", "relu", "dense(8,3)", "softmax"];
    assert_eq!(strings(member(info, "layers")), layers);
    assert_eq!(number(info, "parameters"), (4 * 16 + 16 + 16 * 8 + 8 + 8 * 3 + 3) as f64);
    assert_eq!(strings(member(info, "inputs")), ["sepal_length", "sepal_width", "petal_length", "petal_width"]);
    assert_eq!(strings(member(info, "target")), ["species"]);
    assert_eq!(numbers(member(info, "scaler.offset")).len(), 4);
    assert!(text(info, "notes.settings").contains("--epochs 50"), "{info}");
}

#[test]
fn regression_in_text_and_json() {
    let folder = Folder::new();
    folder.write("sums.csv", sums(400));
    folder.write("new.csv", "b,a\n3,5\n1,9\n");
    let lines =
        folder.run("train sums.csv --target sum,difference --epochs 100 --hidden 32,32 --weight-decay 0.03 --validation 0.1 --json").json();
    let (done, epochs) = lines.split_last().unwrap();
    assert!(epochs.iter().all(|line| number(line, "validation_loss") > 0.0));
    for part in ["train", "test"] {
        assert_eq!(names(member(done, part)), ["loss", "rmse", "mae", "r2"]);
        assert!(number(done, &format!("{part}.r2")) > 0.99, "{done}");
        assert!(number(done, &format!("{part}.mae")) <= number(done, &format!("{part}.rmse")), "{done}");
    }
    let out = folder.run("eval model.safetensors sums.csv").ok();
    assert!(
        out.starts_with("400 examples: rmse ") && out.contains("mae ") && out.contains("R² 0.99")
            || out.contains("R² 1.0000"),
        "{out}"
    );
    let evaluation = &folder.run("eval model.safetensors sums.csv --json").json()[0];
    assert_eq!(names(evaluation), ["examples", "loss", "rmse", "mae", "r2"]);
    // Columns are found by name, whatever their order.
    let out = folder.run("predict model.safetensors new.csv").ok();
    let values: Vec<Vec<f64>> =
        out.lines().map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    for (value, truth) in values.concat().iter().zip([8.0, 2.0, 10.0, 8.0]) {
        assert!((value - truth).abs() < 0.7, "{out}");
    }
    let lines = folder.run("predict model.safetensors new.csv --json").json();
    assert_eq!(names(member(&lines[1], "prediction")), ["sum", "difference"]);
    assert_eq!(number(&lines[1], "prediction.sum") as f32, values[1][0] as f32);
    folder.run("predict model.safetensors new.csv --probabilities").fails(2, &["--probabilities", "values"]);
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(strings(member(info, "values")), ["sum", "difference"]);
    assert!(folder.run("info model.safetensors").ok().contains("predicts: sum, difference"));
}

#[test]
fn which_column_is_the_target() {
    let folder = Folder::of_irises();
    let target = |options: &str| {
        folder.run(&format!("train iris.csv --quiet --epochs 1 --restarts 1 {options}")).ok();
        let info = folder.run("info model.safetensors --json").json().remove(0);
        let kind = if info.get("classes").is_some() { "classes" } else { "values" };
        (strings(member(&info, "target")).join(","), kind)
    };
    assert_eq!(target(""), ("species".into(), "classes"));
    assert_eq!(target("--target petal_width"), ("petal_width".into(), "values"));
    assert_eq!(target("--target 1"), ("sepal_length".into(), "values"));
    assert_eq!(target("--target 4,sepal_width"), ("petal_width,sepal_width".into(), "values"));
    assert_eq!(target("--target=species --task=classify"), ("species".into(), "classes"));
    // Text among the features: one input for each species.
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(member(info, "inputs").as_array().unwrap().len(), 4);
    target("--target petal_width");
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(strings(member(info, "inputs"))[3..], ["species=setosa", "species=versicolor", "species=virginica"]);

    // Few whole numbers are classes unless the user knows better.
    folder.write("dice.csv", "x,y\n".to_string() + &"1,1\n2,2\n3,1\n4,2\n".repeat(10));
    let kind = |options: &str| {
        folder.run(&format!("train dice.csv --quiet --epochs 1 {options}")).ok();
        folder.run("info model.safetensors --json").json()[0].get("classes").is_some()
    };
    assert!(kind("") && kind("--task classify"));
    assert!(!kind("--task regress"));

    folder.run("train iris.csv --target color").fails(1, &["iris.csv", "`color`", "it has `sepal_length`"]);
    folder.run("train iris.csv --target 6").fails(1, &["no column `6`"]);
    folder.run("train iris.csv --target 1,2 --task classify").fails(2, &["one column"]);
    folder.run("train iris.csv --task regress").fails(1, &["iris.csv, line 2, column species", "not a number"]);
    folder.run("train iris.csv --task cluster").fails(2, &["--task cluster", "classify or regress"]);
}

#[test]
fn what_is_tested_on() {
    let folder = Folder::of_irises();
    let done = |options: &str| {
        let lines = folder.run(&format!("train iris.csv --epochs 3 --restarts 1 --json {options}")).json();
        lines.last().unwrap().clone()
    };
    let trained_on = || {
        let info = folder.run("info model.safetensors --json").json().remove(0);
        text(&info, "notes.trained on").to_string()
    };
    done("");
    assert_eq!(trained_on(), "120 examples");
    done("--test 0.5");
    assert_eq!(trained_on(), "75 examples");
    assert_eq!(member(&done("--test 0"), "test"), &Json::Null);
    assert_eq!(trained_on(), "150 examples");
    // A share too small for one example still gets one.
    done("--test 1e-20");
    assert_eq!(trained_on(), "149 examples");
    let head: String = IRIS.lines().take(11).map(|line| format!("{line}\n")).collect();
    folder.write("setosa.csv", head);
    let tested = done("--test setosa.csv");
    assert_eq!(trained_on(), "150 examples");
    let accuracy = number(&tested, "test.accuracy");
    assert_eq!(accuracy, number(&folder.run("eval model.safetensors setosa.csv --json").json()[0], "accuracy"));
    for share in ["1", "1.5", "-0.1", "nan", "inf"] {
        folder
            .run(&format!("train iris.csv --hidden 8 --test {share}"))
            .fails(2, &["--test", "at least 0 and less than 1"]);
    }
    folder.run("train iris.csv --test no.csv").fails(1, &["no.csv"]);
}

#[test]
fn where_the_model_goes() {
    let folder = Folder::of_irises();
    for (option, file) in [("", "model.safetensors"), ("-o a", "a"), ("--out=b", "b"), ("--out c", "c"), ("-o=d", "d")]
    {
        let out = folder.run(&format!("train iris.csv --epochs 1 --quiet {option}")).ok();
        assert!(out.contains(&format!("saved {file}\n")), "{out}");
        assert!(folder.has(file), "{option}");
    }
    // Nothing is left of the way it was written, and it is a file as Python reads it.
    assert!(
        fs::read_dir(&folder.0).unwrap().all(|entry| !entry.unwrap().file_name().to_str().unwrap().contains("tmp"))
    );
    let file = Safetensors::read(folder.path("a")).unwrap();
    assert_eq!(file.tensor("layers.0.weights").unwrap().shape[0], 4);

    fs::create_dir(folder.path("sub")).unwrap();
    for (out, part) in [("sub", "is a folder"), ("none/m", "its folder is not there"), ("iris.csv/m", "folder")] {
        let run = folder.run(&format!("train iris.csv --hidden 8 --out {out}"));
        // Hours of training must not be lost: the answer comes first.
        assert!(!run.err.contains("epoch 1/"), "{}", run.err);
        run.fails(1, &[out, part]);
        folder.run(&format!("demo xor --out {out}")).fails(1, &[out, part]);
    }
    folder.write("notes.txt", "do not lose me");
    folder.write("test.csv", IRIS);
    folder.write("short", "12345678");
    folder.write("empty", "");
    for (words, parts) in [
        ("train iris.csv --out iris.csv", ["iris.csv: ", "is the data"]),
        ("train iris.csv --out ./sub/../iris.csv", ["iris.csv: ", "is the data"]),
        ("train iris.csv --test test.csv --out test.csv", ["test.csv: ", "is the data"]),
        ("train iris.csv --out notes.txt", ["notes.txt: ", "exists and is not a model"]),
        ("train iris.csv --out short", ["short: ", "exists and is not a model"]),
        ("demo xor --out notes.txt", ["notes.txt: ", "exists and is not a model"]),
    ] {
        folder.run(words).fails(1, &[&parts[..], &["--out"]].concat());
    }
    assert_eq!((folder.bytes("notes.txt"), folder.bytes("iris.csv")), (b"do not lose me".into(), IRIS.into()));
    // A model gives way to its successor, and an empty file to anything.
    for file in ["a", "empty"] {
        folder.run(&format!("train iris.csv --epochs 1 --quiet --out {file}")).ok();
        folder.run(&format!("info {file}")).ok();
    }
    let mut permissions = fs::metadata(folder.path("a")).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(folder.path("a"), permissions).unwrap();
    let run = folder.run("train iris.csv --hidden 8 --out a");
    assert!(!run.err.contains("epoch 1/"), "{}", run.err);
    run.fails(1, &["a: is read-only", "--out"]);
    if cfg!(target_os = "linux") {
        let run = folder.run("train iris.csv --out /proc/x");
        assert!(!run.err.contains("epoch 1/"), "{}", run.err);
        run.fails(1, &["/proc/x: no file can be created", "--out"]);
        folder.run("train iris.csv --epochs 1 --quiet --out /dev/null").ok();
    }
    let run = Run::of(folder.command("train iris.csv --out").arg(""), "train iris.csv --out ''");
    assert!(!run.err.contains("epoch 1/"), "{}", run.err);
    run.fails(1, &["--out"]);
}

#[test]
fn a_seed_decides_every_byte() {
    let folder = Folder::of_irises();
    let model = |options: &str| {
        folder.run(&format!("train iris.csv --epochs 5 --restarts 3 --dropout 0.1 --quiet {options}")).ok();
        folder.bytes("model.safetensors")
    };
    let first = model("--seed 7");
    assert_eq!(first, model("--seed 7"));
    assert_ne!(first, model("--seed 8"));
    assert_eq!(model(""), model("--seed 0"));
    // How progress is told makes no difference.
    assert_eq!(first, model("--seed 7 --json"));
    folder.run("train iris.csv --epochs 5 --restarts 3 --dropout 0.1 --seed 7 --every 1 -o other").ok();
    assert_eq!(first, folder.bytes("other"));
    folder.run("demo xor --quiet --seed 3").ok();
    let first = folder.bytes("xor.safetensors");
    folder.run("demo xor --quiet --seed 3").ok();
    assert_eq!(first, folder.bytes("xor.safetensors"));
}

#[test]
fn every_name_of_an_option() {
    let folder = Folder::of_irises();
    let loss = |options: &str| {
        let hidden = if options.contains("--hidden") { "" } else { "--hidden 16,16" };
        let decay = if options.contains("--optimizer") { "" } else { "--weight-decay 0.1" };
        let words = format!("train iris.csv {hidden} {decay} --epochs 40 --restarts 1 --json {options}");
        let lines = folder.run(&words).json();
        number(lines.last().unwrap(), "train.loss")
    };
    // Three classes by chance: ln 3.
    let chance = 3f64.ln();
    let optimizers = "adam adamw amsgrad nadam sgd momentum nesterov adagrad rmsprop rprop lbfgs";
    for optimizer in optimizers.split(' ') {
        assert!(loss(&format!("--optimizer {optimizer}")) < 0.5 * chance, "{optimizer}");
    }
    let activations =
        "relu leaky_relu leaky_relu:0.2 elu elu:0.5 selu sigmoid tanh softplus silu gelu hard_sigmoid identity";
    for activation in activations.split(' ') {
        assert!(loss(&format!("--activation {activation} --lr 0.01")) < 0.5 * chance, "{activation}");
        let info = &folder.run("info model.safetensors --json").json()[0];
        let name = activation.split(':').next().unwrap();
        let layers = strings(member(info, "layers"));
        assert_eq!(
            layers.iter().filter(|layer| layer.starts_with(name)).count(),
            if name == "identity" { 0 } else { 2 }
        );
    }
    let inits = "xavier_uniform xavier_normal he_uniform he_normal lecun_uniform lecun_normal normal:0.1 \
                 truncated_normal:0.1 uniform:-0.1:0.1";
    for init in inits.split_whitespace() {
        assert!(loss(&format!("--init {init} --lr 0.01")) < 0.5 * chance, "{init}");
    }
    for scale in ["standard", "minmax", "none"] {
        assert!(loss(&format!("--scale {scale} --lr 0.01")) < 0.5 * chance, "{scale}");
    }
    assert!(loss("--hidden 0 --lr 0.05") < 0.5 * chance);
    assert!(loss("--hidden 30,20,10 --batch 8 --dropout 0.05 --lr 0.01") < 0.5 * chance);
    let schedules = "constant cooldown cooldown:0.5 step:20:0.5 exponential:0.97 inverse_scaling:0.1 cosine cosine:0.1 \
                     one_cycle plateau plateau:5 plateau:5:0.5";
    for schedule in schedules.split_whitespace() {
        assert!(loss(&format!("--schedule {schedule}")) < 0.5 * chance, "{schedule}");
    }
    // The scalers as their definitions have them: the lengths are from 4.3 to 7.9.
    folder.run("train iris.csv --epochs 1 --quiet --test 0 --scale minmax").ok();
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(numbers(member(info, "scaler.offset"))[0] as f32, 4.3);
    assert!((numbers(member(info, "scaler.factor"))[0] - 1.0 / 3.6).abs() < 1e-6);
    folder.run("train iris.csv --epochs 1 --quiet --scale none").ok();
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(
        (numbers(member(info, "scaler.offset")), numbers(member(info, "scaler.factor"))),
        (vec![0.0; 4], vec![1.0; 4])
    );
}

#[test]
fn early_stopping() {
    let folder = Folder::of_irises();
    let lines = folder.run("train iris.csv --epochs 500 --hidden 16,16 --lr 0.02 --patience 3 --json").json();
    let (done, epochs) = lines.split_last().unwrap();
    let losses: Vec<f64> = epochs.iter().map(|line| number(line, "validation_loss")).collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
    assert!(losses.len() < 500 && best + 4 == losses.len(), "best {best} of {}", losses.len());
    assert_eq!(number(done, "epochs"), losses.len() as f64);
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(text(info, "notes.epochs"), format!("{}, weights of epoch {}", losses.len(), best + 1));
    // Never.
    assert_eq!(
        folder.run("train iris.csv --epochs 30 --lr 0.02 --validation 0.2 --patience 0 --json").json().len(),
        31
    );
}

#[test]
fn progress_goes_to_standard_error() {
    let folder = Folder::of_irises();
    let epochs = |err: &str| {
        let lines = err.lines().filter_map(|line| line.strip_prefix("epoch "));
        lines.map(|line| line.split('/').next().unwrap().parse().unwrap()).collect::<Vec<usize>>()
    };
    let run = folder.run("train iris.csv --epochs 10 --every 4");
    assert_eq!(epochs(&run.err), [1, 4, 8, 10]);
    assert!(!run.err.contains(['\r', '\x1b']) && !run.out.contains("epoch 1"), "{}", run.err);
    let line = run.err.lines().find(|line| line.starts_with("epoch 10/10 loss ")).unwrap();
    assert!(line.contains(" left") && line.contains("/s"), "{line}");
    // Without --every about twenty lines tell a training.
    let lines = epochs(&folder.run("train iris.csv --epochs 400 --hidden 8 --weight-decay 0.1").err).len();
    assert!((10..=30).contains(&lines), "{lines}");
    assert_eq!(folder.run("train iris.csv --epochs 10 --quiet").err, "");
    let run = folder.run("train iris.csv --epochs 10 --hidden 64,64 --weight-decay 0.1");
    assert!(run.err.contains("note: the network has 4675 parameters"), "{}", run.err);
}

/// Numbers that people read have few digits, whatever their size; predicted values have all that they need.
#[test]
fn figures() {
    use palmnet::{Activation::*, Init, Matrix, Model, Network, Output, Scaler, Schema};
    let folder = Folder::new();
    let save = |weight: f32, outputs: Output, activation| {
        let count = if let Output::Classes { classes, .. } = &outputs { classes.len() } else { outputs.names().len() };
        let network = Network::builder(1).dense(count, activation).init(Init::Constant(weight)).build().unwrap();
        let schema = Schema::numbers(["x"], outputs).unwrap();
        let model = Model::new(network, Scaler::identity(1), schema).unwrap();
        model.save(folder.path("model.safetensors")).unwrap();
        model
    };
    let values = || Output::Values { names: vec!["y".into()] };
    folder.write("x.csv", "x\n1\n0.00003\n1e-18\n1e18\n-12.345678\n0\n");
    let model = save(1.0 / 3.0, values(), Identity);
    let out = folder.run("predict model.safetensors x.csv").ok();
    let x = Matrix::from_rows(&[[1.0], [0.00003], [1e-18], [1e18], [-12.345678], [0.0]]);
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

    save(0.0, Output::Classes { name: "y".into(), classes: ["a", "b", "c"].map(String::from).into() }, Softmax);
    let out = folder.run("predict model.safetensors x.csv --probabilities").ok();
    assert_eq!(out.lines().nth(1), Some("a,0.333333,0.333333,0.333333"));
}

/// The note on the size of a network is for those who chose it.
#[test]
fn usual_networks() {
    let folder = Folder::of_irises();
    folder.write("sums.csv", sums(2000));
    folder.write("few.csv", sums(4));
    write_images(&folder, "images");
    for (data, network) in [
        // 320 + 2 · 4160 + 195.
        ("iris.csv", "4-64-64-64-3, 8835 parameters"),
        ("sums.csv", "3-64-64-64-1, 8641 parameters"),
        ("few.csv", "3-64-64-64-1, 8641 parameters"),
        // 2176 + 16512 + 129 for every class.
        ("images", "16-128-128-"),
    ] {
        let run = folder.run(&format!("train {data} --epochs 1"));
        assert!(run.out.contains(&format!("network {network}")), "{}", run.out);
        assert!(!run.err.contains("parameters"), "{}", run.err);
        run.ok();
    }
}

/// The note of a model is the command that makes the very same file.
#[test]
fn a_training_can_be_repeated() {
    let folder = Folder::of_irises();
    folder.write("test.csv", IRIS);
    for words in [
        "train iris.csv",
        "train iris.csv --target 4 --hidden 6 --activation leaky_relu:0.1 --init normal:0.3 --scale minmax --test 0.3 \
         --optimizer nesterov --schedule cooldown:0.5 --dropout 0.1 --epochs 7 --batch 9 --restarts 2 --seed 5",
        "train iris.csv --test test.csv --task classify --hidden 0 --validation 0.2 --patience 3 --lr 0.00001",
        "train iris.csv --patience 4 --epochs 30",
        "train iris.csv --optimizer adamw --schedule plateau:3:0.5 --warmup 0.1 --l1 0.001 --l2 0.01 --epochs 9",
        "train iris.csv --optimizer adamw --weight-decay 0 --epochs 3",
        "train iris.csv --batch-norm --noise 0.1 --max-norm 2 --clip 1 --clip-value 0.5 --label-smoothing 0.1 --balanced --epochs 3",
        "train iris.csv --layer-norm --epochs 3",
        "train iris.csv --optimizer rprop",
        "train iris.csv --optimizer lbfgs --l2 0.001 --patience 9",
    ] {
        let out = folder.run(&format!("{words} --quiet -o first")).ok();
        let info = &folder.run("info first --json").json()[0];
        let line = text(info, "notes.settings");
        assert!(out.split_whitespace().collect::<Vec<_>>().join(" ").starts_with(line), "{out:?} {line:?}");
        for word in words.split_whitespace() {
            assert!(line.split(' ').any(|other| other == word), "{line} lacks {word}");
        }
        assert_eq!(text(info, "notes.palmnet"), env!("CARGO_PKG_VERSION"));
        folder.run(&format!("{} --quiet -o second", line.strip_prefix("palmnet ").unwrap())).ok();
        assert!(folder.bytes("first") == folder.bytes("second"), "{line}");
    }
    folder.write("two words.csv", IRIS);
    let mut command = folder.command("train --quiet --epochs 1 --target 5 --");
    let out = Run::of(command.arg("two words.csv"), "train 'two words.csv'").ok();
    assert!(out.starts_with("palmnet train 'two words.csv' --target 5 "), "{out}");
}

/// The note says what was chosen for the optimizer too.
#[test]
fn usual_settings_of_optimizers() {
    let folder = Folder::of_irises();
    for (words, parts) in [
        ("--optimizer adamw", &["--lr 0.003", "--weight-decay 0.01", "--batch 16"][..]),
        ("--optimizer sgd", &["--lr 0.1", "--seed 0"]),
        ("--optimizer adamw --weight-decay 0.2", &["--weight-decay 0.2"]),
        ("--optimizer rprop", &["--lr 0.001", "--epochs 200", "--batch 120"]),
        ("--optimizer rprop --batch 30", &["--batch 30"]),
        ("--optimizer lbfgs", &["--optimizer lbfgs --epochs 500"]),
    ] {
        folder.run(&format!("train iris.csv --quiet --restarts 1 {words}")).ok();
        let info = &folder.run("info model.safetensors --json").json()[0];
        let line = text(info, "notes.settings");
        assert!(parts.iter().all(|part| format!("{line} ").contains(&format!(" {part} "))), "{line} for {words}");
    }
    folder.run("train iris.csv --quiet --epochs 3 --optimizer adam").ok();
    assert!(!text(&folder.run("info model.safetensors --json").json()[0], "notes.settings").contains("decay"));
}

/// The rate is found by the seed and told, and the note names it, so that it need not be looked for again.
#[test]
fn a_rate_is_found() {
    let folder = Folder::of_irises();
    folder.write("sums.csv", sums(400));
    for words in [
        "train iris.csv --hidden 16,16 --optimizer adam",
        "train iris.csv --hidden 16,16 --optimizer sgd --seed 3",
        "train sums.csv --hidden 32,32 --target sum,difference --optimizer adam",
    ] {
        let lines = folder.run(&format!("{words} --lr auto --json -o first")).json();
        assert_eq!((names(&lines[0]), text(&lines[0], "event")), (vec!["event", "learning_rate"], "rate"));
        let rate = number(&lines[0], "learning_rate");
        assert!(rate > 1e-3 && rate < 1.0, "{rate} for {words}");
        assert_eq!(text(&lines[1], "event"), "epoch");
        let out = folder.run(&format!("{words} --lr auto --quiet -o first")).ok();
        assert!(out.contains(&format!("\nlearning rate {rate} found\n")), "{out}");
        let note = &folder.run("info first --json").json()[0];
        assert!(text(note, "notes.settings").contains(&format!(" --lr {rate} ")), "{note}");
        folder.run(&format!("{words} --lr {rate} --quiet -o second")).ok();
        assert!(folder.bytes("first") == folder.bytes("second"), "{words}");
        // It does better than what is usual.
        let loss = |lines: &[Json]| number(lines.last().unwrap(), "train.loss");
        let usual = folder.run(&format!("{words} --json")).json();
        assert!(loss(&lines) < loss(&usual), "{} and {} for {words}", loss(&lines), loss(&usual));
    }
}

/// Noise asks for decay, and what is exact does not; the note names the decay, so that it need not be looked for again.
#[test]
fn a_decay_is_found() {
    let folder = Folder::new();
    folder.write("exact.csv", sums(400));
    let mut rng = palmnet::Rng::new(5);
    let mut numbers = || [0; 5].map(|_| rng.normal().to_string()).join(",");
    let noise: String = (0..400).map(|_| numbers() + "\n").collect();
    folder.write("noise.csv", format!("a,b,c,d,noise\n{noise}"));
    let mut decays = Vec::new();
    for words in ["train exact.csv --target sum", "train noise.csv"] {
        let words = format!("{words} --epochs 60 --hidden 32,32 --batch 16");
        let lines = folder.run(&format!("{words} --weight-decay auto --json -o first")).json();
        assert_eq!(names(&lines[0]), ["event", "weight_decay", "l1", "trials"]);
        assert_eq!((text(&lines[0], "event"), text(&lines[1], "event"), lines.len()), ("decay", "epoch", 62));
        let trials = member(&lines[0], "trials").as_array().unwrap();
        let tried: Vec<f64> = trials.iter().map(|trial| number(trial, "weight_decay")).collect();
        assert_eq!(tried.iter().map(|&decay| decay as f32).collect::<Vec<_>>(), [0.033, 0.1, 0.33, 1.0, 3.3, 0.0]);
        assert_eq!(trials.iter().map(|trial| number(trial, "l1") as f32).sum::<f32>(), 0.01);
        let least = trials.iter().min_by(|a, b| number(a, "loss").total_cmp(&number(b, "loss"))).unwrap();
        let decay = number(&lines[0], "weight_decay");
        assert_eq!(decay, number(least, "weight_decay"));
        decays.push(decay);
        // What is done when nothing is said, but for the event.
        let usual = folder.run(&format!("{words} --json -o second")).json();
        assert_eq!((text(&usual[0], "event"), usual.len()), ("epoch", 61));
        assert!(folder.bytes("first") == folder.bytes("second"), "{words}");
        let out = folder.run(&format!("{words} --quiet -o second")).ok();
        assert!(out.contains(&format!("\nweight decay {decay} found, the best of 6 trials\n")), "{out}");
        folder.run(&format!("{words} --weight-decay {decay} --quiet -o third")).ok();
        assert!(folder.bytes("first") == folder.bytes("third"), "{words}");
    }
    assert!(decays[0] < 0.5 && decays[1] > 0.5, "{decays:?}");
    // Other rates are given decays that take as much off.
    let words = "train exact.csv --target sum --epochs 2 --lr 0.03 --optimizer momentum --weight-decay auto --json";
    let lines = folder.run(words).json();
    let tried = member(&lines[0], "trials").as_array().unwrap();
    assert_eq!([0, 4].map(|i| number(&tried[i], "weight_decay") as f32), [0.0033, 0.33]);
    // Too few to try anything on: the middle.
    folder.write("few.csv", sums(40));
    let out = folder.run("train few.csv --target sum --epochs 2").ok();
    assert!(out.contains("weight decay 0.33, for there are too few examples to look for one\n"), "{out}");
    assert!(folder.run("train exact.csv --target sum --epochs 2").err.contains("weight decay: trial 6 of 6\n"));
    assert_eq!(folder.run("train exact.csv --target sum --epochs 2 --quiet").err, "");
}

/// A training whose rate rises to what cannot go well.
const RISING: &str = "train sums.csv --target sum --hidden 16 --optimizer sgd --lr 1.5 --schedule constant --warmup 1 \
                      --epochs 200 --restarts 1";

/// The weights from before the epoch that failed are kept, and so is the record.
#[test]
fn what_was_good_before_a_divergence() {
    let folder = Folder::new();
    folder.write("sums.csv", sums(400));
    let words = format!("{RISING} --out m.safetensors --history h.csv");
    let run = folder.run(&words);
    let [good, failed] = ["the weights of epoch ", "diverged in epoch "].map(|words| {
        let rest = run.err.split(words).nth(1).unwrap_or_else(|| panic!("{}", run.err));
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<usize>().unwrap()
    });
    assert!(good > 0 && failed == good + 1, "{}", run.err);
    assert!(run.err.contains("are in m.diverged.safetensors"), "{}", run.err);
    run.fails(1, &["Lower the learning rate"]);
    assert!(!folder.path("m.safetensors").exists());
    assert_eq!(String::from_utf8(folder.bytes("h.csv")).unwrap().lines().count(), good + 1);
    let info = &folder.run("info m.diverged.safetensors --json").json()[0];
    assert_eq!(text(info, "notes.epochs"), format!("{good}, and then training diverged"));
    assert!(text(info, "notes.settings").contains("--lr 1.5"), "{info}");
    folder.run("eval m.diverged.safetensors sums.csv").ok();
    // Nothing gives way to it, and nothing to what has no epochs.
    folder.run(&words).fails(1, &["diverged"]);
    folder.run("eval m.diverged-2.safetensors sums.csv").ok();
    folder.run(&words.replace("--lr 1.5", "--lr 1e30")).fails(1, &["diverged in epoch 1,"]);
    assert_eq!(String::from_utf8(folder.bytes("h.csv")).unwrap().lines().count(), good + 1);
    assert!(!folder.path("m.diverged-3.safetensors").exists());
    // Of a training that was resumed, all of its epochs count.
    let words = words.replace("--out m.safetensors", "--out n");
    folder.run(&format!("{words} --checkpoint-every 7")).fails(1, &["diverged"]);
    fs::remove_file(folder.path("h.csv")).unwrap();
    let run = folder.run(&format!("{words} --checkpoint-every 7 --resume"));
    assert!(run.err.contains(&format!("the weights of epoch {good} are in n.diverged-2\n")), "{}", run.err);
    assert_eq!(String::from_utf8(folder.bytes("h.csv")).unwrap().lines().count(), good + 1);
}

/// Early stopping's best weights are those that are kept; and the last step of all is looked at too.
#[test]
fn the_best_before_a_divergence() {
    let folder = Folder::new();
    folder.write("sums.csv", sums(400));
    let words = format!("{RISING} --out m.safetensors --validation 0.2 --patience 200");
    let lines = folder.run(&format!("{words} --json")).out;
    let lines: Vec<Json> = lines.lines().map(|line| Json::parse(line).unwrap()).collect();
    let loss = |line: &&Json| number(line, "validation_loss");
    let best = lines.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap();
    let info = &folder.run("info m.diverged.safetensors --json").json()[0];
    assert_eq!(text(info, "notes.epochs"), format!("{}, and then training diverged", number(best, "epoch")));
    assert!(number(best, "epoch") < lines.len() as f64);

    folder.run("train sums.csv --target sum --epochs 1 --weight-decay 0.1 --out good").ok();
    let good = folder.bytes("good");
    let words = "train sums.csv --target sum --optimizer sgd --lr 1e20 --epochs 1 --batch 1000 --schedule constant";
    folder.run(&format!("{words} --out good")).fails(1, &["diverged in epoch 1, batch 1: the loss after the epoch is"]);
    assert!(folder.bytes("good") == good);
}

/// Each of the penalties makes the weights smaller, and --warmup changes the beginning.
#[test]
fn penalties_and_warmup() {
    let folder = Folder::of_irises();
    let weights = |options: &str| {
        let adam = if options.contains("--optimizer") { "" } else { "--optimizer adam" };
        let words = "train iris.csv --quiet --epochs 60 --lr 0.01 --hidden 8 --restarts 1";
        folder.run(&format!("{words} {adam} {options}")).ok();
        let model = palmnet::Model::load(folder.path("model.safetensors")).unwrap();
        model.network().parameters().flatten().map(|w| f64::from(w.abs())).sum::<f64>()
    };
    let plain = weights("");
    for penalty in ["--l1 0.01", "--l2 0.02", "--weight-decay 0.3", "--l1 0.005 --l2 0.01 --optimizer nesterov"] {
        let found = weights(penalty);
        assert!(found < 0.9 * plain, "{penalty}: {found} of {plain}");
    }
    assert_ne!(weights("--warmup 0.3"), plain);
    for change in
        ["--batch-norm", "--layer-norm", "--noise 0.1", "--clip 0.1", "--clip-value 0.01", "--label-smoothing 0.1"]
    {
        assert_ne!(weights(change), plain, "{change}");
    }
    assert!(weights("--max-norm 0.5") < 0.9 * plain);
    assert_eq!(weights("--warmup 0 --l1 0 --l2 0 --weight-decay 0"), plain);
}

/// The library is silent while it tries starts; their time is told all the same.
#[test]
fn starts_are_told() {
    let folder = Folder::of_irises();
    let err = folder.run("train iris.csv --hidden 8 --weight-decay 0.1 --epochs 20 --restarts 7").err;
    assert!(err.contains("choosing among 7 starts\nepoch 1/20 "), "{err}");
    assert!(
        !folder.run("train iris.csv --hidden 8 --weight-decay 0.1 --epochs 20 --restarts 1").err.contains("choosing")
    );
    let lines = folder.run("train iris.csv --hidden 8 --weight-decay 0.1 --epochs 20 --restarts 50 --json").json();
    let (done, last) = (&lines[20], &lines[19]);
    assert!(number(done, "seconds") > number(last, "seconds"), "{done} after {last}");
}

#[test]
fn swapped_words() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --quiet --epochs 1").ok();
    for command in ["predict", "eval"] {
        let words = format!("{command} iris.csv model.safetensors");
        folder.run(&words).fails(2, &["iris.csv is not a model", "MODEL DATA"]);
    }
}

#[test]
fn remarks_on_the_data() {
    let folder = Folder::new();
    let remarks = |data: &str, options: &str| {
        folder.write("data.csv", data);
        let run = folder.run(&format!("train data.csv --epochs 1 {options}"));
        let notes = run.err.split_whitespace().collect::<Vec<_>>().join(" ");
        (run.ok(), notes)
    };
    let table = |classes: &[&str]| {
        let row = |i: usize| format!("{i},{}\n", classes[i % classes.len()]);
        "x,y\n".to_string() + &(0..60).map(row).collect::<String>()
    };
    let whole = "the target holds whole numbers: taken as 3 classes; --task regress predicts it as a number";
    assert!(remarks(&table(&["1", "2", "5"]), "").1.contains(whole));
    for (classes, options) in [
        (&["1", "2", "5"][..], "--task classify"),
        (&["1", "2", "5"], "--task regress"),
        (&["0", "1"], ""),
        (&["a", "b", "c"], ""),
    ] {
        assert!(!remarks(&table(classes), options).1.contains("whole numbers"), "{classes:?} {options}");
    }
    for seed in 0..3 {
        let (out, notes) = remarks("x,y\n1,a\n2,b\n", &format!("--test 0.5 --seed {seed}"));
        assert!(out.contains("1 feature → y (2 classes)\ntrain 1, test 1 example\n"), "{out}");
        assert!(out.contains("\n1 epoch in "), "{out}");
        assert!(notes.contains("no training example of a.") != notes.contains("no training example of b."), "{notes}");
        assert!(!notes.contains("uneven"), "{notes}");
    }
    let rows: String = (0..60).map(|i| format!("{i},7,{}\n", if i < 57 { "often" } else { "rare" })).collect();
    folder.write("odd.csv", format!("x,same,y\n{rows}"));
    let run = folder.run("train odd.csv --epochs 1 --scale none");
    assert!(run.err.contains("same") && run.err.contains("uneven"), "{}", run.err);
    run.ok();
}
