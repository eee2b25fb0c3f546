//! From a file to a model, and from a model to predictions.

use super::*;

#[test]
fn train_eval_predict_and_info_in_text() {
    let folder = Folder::of_irises();
    let out = folder.run("train iris.csv --fast --hidden 16 --epochs 60 --every 20").ok();
    for part in ["4 features → species (3 classes)", "train 120, test 30 examples", "saved model.safetensors"] {
        assert!(out.contains(part), "{out:?} lacks {part:?}");
    }
    assert!(out.lines().any(|line| line.starts_with("train loss ") && line.contains(", accuracy 0.9")), "{out}");
    assert!(out.lines().any(|line| line.starts_with("test  loss ")), "{out}");

    let out = folder.run("eval model.safetensors iris.csv").ok();
    assert!(out.starts_with("150 examples\n"), "{out}");
    assert!(out.contains("precision") && out.contains("recall") && out.contains("truth in rows"), "{out}");

    let predictions = folder.run("predict model.safetensors unlabeled.csv").ok();
    let lines: Vec<&str> = predictions.lines().collect();
    let truth: Vec<&str> = IRIS.lines().skip(1).map(|line| line.rsplit_once(',').unwrap().1).collect();
    let right = lines.iter().zip(&truth).filter(|(line, truth)| line == truth).count();
    assert!(lines.len() == 150 && right >= 140, "{right} of {}", lines.len());
    let unlabeled = String::from_utf8(folder.bytes("unlabeled.csv")).unwrap();
    assert_eq!(folder.run_with_input("predict model.safetensors -", &unlabeled).ok(), predictions);
    // A label column in the data is ignored.
    assert_eq!(folder.run("predict model.safetensors iris.csv").ok(), predictions);

    let probabilities = folder.run("predict model.safetensors unlabeled.csv --probabilities").ok();
    assert_eq!(probabilities.lines().count(), 151);
    let mut lines = probabilities.lines();
    assert_eq!(lines.next(), Some("species,setosa,versicolor,virginica"));
    for (line, class) in lines.zip(predictions.lines()) {
        let cells: Vec<&str> = line.split(',').collect();
        let sum: f64 = cells[1..].iter().map(|cell| cell.parse::<f64>().unwrap()).sum();
        assert!(cells[0] == class && cells.len() == 4 && (sum - 1.0).abs() < 1e-5, "{line}");
    }

    // Lines may be wrapped anywhere.
    let out = folder.run("info model.safetensors").ok().split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["dense(4,", "softmax", "petal_width", "predicts: species", "--epochs 60", "trained on: 120 examples"] {
        assert!(out.contains(part), "{out:?} lacks {part:?}");
    }
}

/// A folder with a classifier of the irises, and how it was trained.
fn trained_classifier() -> (Folder, Run) {
    let folder = Folder::of_irises();
    let run = folder.run("train iris.csv --fast --epochs 50 --hidden 16,8 --json -o a.safetensors");
    assert_eq!(run.status, Some(0), "{}", run.err);
    (folder, run)
}

#[test]
fn train_json_of_a_classifier() {
    let (_, run) = trained_classifier();
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
    assert!(text(done, "settings").starts_with("palmnet train iris.csv --fast --hidden 16,8 "), "{done}");
    for part in ["train", "test"] {
        assert_eq!(names(member(done, part)), ["loss", "accuracy", "calibration_error"]);
        assert!(number(done, &format!("{part}.loss")) > 0.0);
    }
    assert!(number(done, "train.accuracy") > 0.9);
}

#[test]
fn eval_json_of_a_classifier() {
    let (folder, _) = trained_classifier();
    let evaluation = &folder.run("eval a.safetensors iris.csv --json").json()[..];
    let [evaluation] = evaluation else { panic!("{evaluation:?}") };
    assert_eq!(names(evaluation), ["examples", "loss", "accuracy", "calibration_error", "classes", "confusion"]);
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
}

#[test]
fn predict_json_of_a_classifier() {
    let (folder, _) = trained_classifier();
    let predictions = folder.run("predict a.safetensors unlabeled.csv --json").json();
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
}

#[test]
fn info_json_of_a_classifier() {
    let (folder, _) = trained_classifier();
    let info = &folder.run("info a.safetensors --json").json()[0];
    let members = ["shape", "layers", "parameters", "columns", "inputs", "scaler", "target", "classes", "notes"];
    assert_eq!(names(info), members);
    assert_eq!(text(info, "shape"), "4-16-8-3");
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
    let line = "train sums.csv --fast --target sum,difference --epochs 100 --hidden 32,32 --weight-decay 0.03 \
                --validation 0.1 --json";
    let lines = folder.run(line).json();
    let (done, epochs) = lines.split_last().unwrap();
    assert!(epochs.iter().all(|line| number(line, "validation_loss") > 0.0));
    for part in ["train", "test"] {
        assert_eq!(names(member(done, part)), ["loss", "rmse", "mae", "r2", "targets"]);
        let each = ["sum", "difference"].map(|target| number(done, &format!("{part}.targets.{target}.r2")));
        assert!((each[0] + each[1]) / 2.0 - number(done, &format!("{part}.r2")) < 1e-9, "{done}");
        assert!(number(done, &format!("{part}.r2")) > 0.99, "{done}");
        assert!(number(done, &format!("{part}.mae")) <= number(done, &format!("{part}.rmse")), "{done}");
    }
    let out = folder.run("eval model.safetensors sums.csv").ok();
    assert!(out.contains("\nsum: rmse ") && out.contains("\ndifference: rmse "), "{out}");
    assert!(
        out.starts_with("400 examples: rmse ")
            && out.contains("mae ")
            && (out.contains("R² 0.99") || out.contains("R² 1.0000")),
        "{out}"
    );
    let evaluation = &folder.run("eval model.safetensors sums.csv --json").json()[0];
    assert_eq!(names(evaluation), ["examples", "loss", "rmse", "mae", "r2", "targets"]);
    // Columns are found by name, whatever their order.
    let out = folder.run("predict model.safetensors new.csv").ok();
    let values: Vec<Vec<f64>> =
        out.lines().map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    assert_eq!(values.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2], "{out}");
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
fn target_option() {
    let folder = Folder::of_irises();
    let target = |options: &str| {
        folder.run(&format!("train iris.csv --fast --quiet --epochs 1 --restarts 1 {options}")).ok();
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
    // All that the text says.
    assert_eq!(text(info, "columns.sepal_length"), "number");
    assert_eq!(strings(member(info, "columns.species")), ["setosa", "versicolor", "virginica"]);

    // Few different whole numbers are classes unless `--task` says otherwise.
    folder.write("dice.csv", "x,y\n".to_string() + &"1,1\n2,2\n3,1\n4,2\n".repeat(10));
    let kind = |options: &str| {
        folder.run(&format!("train dice.csv --fast --quiet --epochs 1 {options}")).ok();
        folder.run("info model.safetensors --json").json()[0].get("classes").is_some()
    };
    assert!(kind("") && kind("--task classify"));
    assert!(!kind("--task regress"));

    folder.run("train iris.csv --fast --target color").fails(1, &["iris.csv", "`color`", "it has `sepal_length`"]);
    folder.run("train iris.csv --fast --target 6").fails(1, &["no column `6`"]);
    folder.run("train iris.csv --fast --target 1,2 --task classify").fails(2, &["one column"]);
    folder.run("train iris.csv --fast --task regress").fails(1, &["iris.csv, line 2, column species", "not a number"]);
    folder
        .run("train iris.csv --fast --task cluster")
        .fails(2, &["--task cluster", "expected one of classify, regress"]);
}

#[test]
fn test_option() {
    let folder = Folder::of_irises();
    let done = |options: &str| {
        let lines = folder.run(&format!("train iris.csv --fast --epochs 3 --restarts 1 --json {options}")).json();
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
    // A fraction of less than one example is rounded up to one.
    done("--test 1e-20");
    assert_eq!(trained_on(), "149 examples");
    let head: String = IRIS.lines().take(11).map(|line| format!("{line}\n")).collect();
    folder.write("setosa.csv", head);
    let tested = done("--test setosa.csv");
    assert_eq!(trained_on(), "150 examples");
    let accuracy = number(&tested, "test.accuracy");
    assert_eq!(accuracy, number(&folder.run("eval model.safetensors setosa.csv --json").json()[0], "accuracy"));
    for fraction in ["1", "1.5", "-0.1", "nan", "inf"] {
        folder
            .run(&format!("train iris.csv --fast --hidden 8 --test {fraction}"))
            .fails(2, &["--test", "at least 0 and less than 1"]);
    }
    folder.run("train iris.csv --fast --test no.csv").fails(1, &["no.csv"]);
}

#[test]
fn seed_determines_every_byte_of_the_model() {
    let folder = Folder::of_irises();
    let model = |options: &str| {
        folder.run(&format!("train iris.csv --fast --epochs 5 --restarts 3 --dropout 0.1 --quiet {options}")).ok();
        folder.bytes("model.safetensors")
    };
    let first = model("--seed 7");
    assert_eq!(first, model("--seed 7"));
    assert_ne!(first, model("--seed 8"));
    assert_eq!(model(""), model("--seed 0"));
    // The form of the progress report makes no difference.
    assert_eq!(first, model("--seed 7 --json"));
    folder.run("train iris.csv --fast --epochs 5 --restarts 3 --dropout 0.1 --seed 7 --every 1 -o other").ok();
    assert_eq!(first, folder.bytes("other"));
    folder.run("demo xor --quiet --seed 3").ok();
    let first = folder.bytes("xor.safetensors");
    folder.run("demo xor --quiet --seed 3").ok();
    assert_eq!(first, folder.bytes("xor.safetensors"));
}

#[test]
fn early_stopping() {
    let folder = Folder::of_irises();
    let lines = folder.run("train iris.csv --fast --epochs 500 --hidden 16,16 --lr 0.02 --patience 3 --json").json();
    let (done, epochs) = lines.split_last().unwrap();
    let losses: Vec<f64> = epochs.iter().map(|line| number(line, "validation_loss")).collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
    assert!(losses.len() < 500 && best + 4 == losses.len(), "best {best} of {}", losses.len());
    assert_eq!(number(done, "epochs"), losses.len() as f64);
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(text(info, "notes.epochs"), format!("{}, weights of epoch {}", losses.len(), best + 1));
    // `--patience 0` turns early stopping off.
    assert_eq!(
        folder.run("train iris.csv --fast --epochs 30 --lr 0.02 --validation 0.2 --patience 0 --json").json().len(),
        31
    );
}

#[test]
fn swapped_arguments_are_recognized() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --quiet --epochs 1").ok();
    for command in ["predict", "eval"] {
        let words = format!("{command} iris.csv model.safetensors");
        folder.run(&words).fails(2, &["iris.csv is not a model", "MODEL DATA"]);
    }
}

#[test]
fn warnings_about_the_data() {
    let folder = Folder::new();
    let warnings = |data: &str, options: &str| {
        folder.write("data.csv", data);
        let run = folder.run(&format!("train data.csv --fast --epochs 1 {options}"));
        let notes = run.err.split_whitespace().collect::<Vec<_>>().join(" ");
        (run.ok(), notes)
    };
    let table = |classes: &[&str]| {
        let row = |i: usize| format!("{i},{}\n", classes[i % classes.len()]);
        "x,y\n".to_string() + &(0..60).map(row).collect::<String>()
    };
    let whole = "the target holds whole numbers and is read as 3 classes; --task regress predicts it as a number";
    assert!(warnings(&table(&["1", "2", "5"]), "").1.contains(whole));
    for (classes, options) in [
        (&["1", "2", "5"][..], "--task classify"),
        (&["1", "2", "5"], "--task regress"),
        (&["0", "1"], ""),
        (&["a", "b", "c"], ""),
    ] {
        assert!(!warnings(&table(classes), options).1.contains("whole numbers"), "{classes:?} {options}");
    }
    for seed in 0..3 {
        let (out, notes) = warnings("x,y\n1,a\n2,b\n", &format!("--test 0.5 --seed {seed}"));
        assert!(out.contains("1 feature → y (2 classes)\ntrain 1, test 1 example\n"), "{out}");
        assert!(out.contains("\n1 epoch in "), "{out}");
        assert!(notes.contains("no training example of a") != notes.contains("no training example of b"), "{notes}");
        assert!(!notes.contains("imbalanced"), "{notes}");
    }
    let rows: String = (0..60).map(|i| format!("{i},7,{}\n", if i < 57 { "often" } else { "rare" })).collect();
    folder.write("odd.csv", format!("x,same,y\n{rows}"));
    let run = folder.run("train odd.csv --fast --epochs 1 --scale none");
    assert!(run.err.contains("same") && run.err.contains("imbalanced"), "{}", run.err);
    run.ok();
}
