//! Several labels: train, predict, evaluate, and the other commands.

use palmnet::Activation::Sigmoid;
use palmnet::data::{Missing, Scaler, Schema};
use palmnet::nn::{Dense, Layer};
use palmnet::{Dataset, Matrix, Model, Network, Table, Target};

use super::*;

/// A folder with two tables: three labels of 0 and 1, and two of yes and no.
fn tables() -> Folder {
    let folder = Folder::new();
    folder.write("ml.csv", include_str!("../data/tables/ml.csv"));
    folder.write("mlt.csv", include_str!("../data/tables/mlt.csv"));
    folder
}

/// A model of the three labels of `ml.csv` with known weights: sigmoid(2 a + 0.3005), sigmoid(1.5 b − 0.2505) and
/// sigmoid(1.5 b − 1.0005).
fn known_model(folder: &Folder, table: &str, labels: &[&str]) {
    let table = Table::read(folder.path(table)).unwrap();
    let schema: Schema = Dataset::from_table(table, Target::Columns(labels), Missing::Fill).unwrap().schema().clone();
    let weights = Matrix::from_rows(&[[2.0, 0.0, 0.0], [0.0, 1.5, 1.5]]);
    let bias = [0.3005, -0.2505, -1.0005];
    let (weights, bias) = (Matrix::from_fn(2, labels.len(), |i, j| weights[(i, j)]), bias[..labels.len()].to_vec());
    let layers = vec![Layer::Dense(Dense::new(weights, bias)), Layer::Activation(Sigmoid)];
    let network = Network::from_layers(2, layers).unwrap();
    Model::new(network, Scaler::identity(2), schema).unwrap().save(folder.path("known.safetensors")).unwrap();
}

/// The figures of scikit-learn 1.9.1 for the probabilities of the known model.
#[test]
fn metrics_are_those_of_scikit_learn() {
    let folder = tables();
    known_model(&folder, "ml.csv", &["l1", "l2", "l3"]);
    let found = &folder.run("eval known.safetensors ml.csv --json").json()[0];
    assert_eq!(names(found), ["examples", "loss", "subset_accuracy", "label_accuracy", "macro_f1", "labels"]);
    assert_eq!(names(member(found, "labels")), ["l1", "l2", "l3"]);
    // The mean of log_loss over the labels.
    assert!((number(found, "loss") - 0.330_808_367_962_579).abs() < 1e-6);
    for (path, figure) in [
        ("examples", 200.0),
        ("subset_accuracy", 0.725),
        ("label_accuracy", 0.9),
        ("macro_f1", 0.849_138_550_315_021),
        ("labels.l1.accuracy", 0.935),
        ("labels.l1.precision", 0.890_756_302_521_008_4),
        ("labels.l1.recall", 1.0),
        ("labels.l1.f1", 0.942_222_222_222_222_2),
        ("labels.l1.roc_auc", 1.0),
        ("labels.l1.examples", 106.0),
        ("labels.l2.accuracy", 0.925),
        ("labels.l2.precision", 1.0),
        ("labels.l2.recall", 0.85),
        ("labels.l2.f1", 0.918_918_918_918_919),
        ("labels.l3.accuracy", 0.84),
        ("labels.l3.precision", 0.714_285_714_285_714_3),
        ("labels.l3.recall", 0.660_377_358_490_566),
        ("labels.l3.f1", 0.686_274_509_803_921_6),
        ("labels.l3.roc_auc", 0.882_300_089_847_259_6),
        ("labels.l3.examples", 53.0),
    ] {
        assert!((number(found, path) - figure).abs() < 1e-12, "{path}: {}", number(found, path));
    }
    let out = folder.run_with("eval known.safetensors ml.csv", &[("COLUMNS", "40")]).ok();
    let table = "label   acc  prec   rec    f1   auc\n\
                 l1    0.935 0.891 1.000 0.942 1.000\n\
                 l2    0.925 1.000 0.850 0.919 1.000\n\
                 l3    0.840 0.714 0.660 0.686 0.882\n";
    assert_eq!(
        out,
        format!("200 examples: loss 0.3308, exact match\n0.7250, label accuracy 0.9000, macro F1\n0.8491\n{table}")
    );
}

#[test]
fn predictions_have_a_class_and_a_probability_for_each_label() {
    let folder = tables();
    known_model(&folder, "mlt.csv", &["l1", "l2"]);
    // 2 · 1 + 0.3005 and 1.5 · 0 − 0.2505; 2 · (−1) + 0.3005 and 1.5 · 1 − 0.2505.
    folder.write("new.csv", "a,b\n1,0\n-1,1\n");
    assert_eq!(folder.run("predict known.safetensors new.csv").ok(), "yes,no\nno,yes\n");
    let out = folder.run("predict known.safetensors new.csv --probabilities").ok();
    assert_eq!(out, "l1,l2,l1=yes,l2=yes\nyes,no,0.908918,0.437700\nno,yes,0.154531,0.777213\n");
    let lines = folder.run("predict known.safetensors new.csv --json").json();
    assert_eq!((text(&lines[0], "prediction.l1"), text(&lines[0], "prediction.l2")), ("yes", "no"));
    assert_eq!((text(&lines[1], "prediction.l1"), text(&lines[1], "prediction.l2")), ("no", "yes"));
    assert!((number(&lines[1], "probabilities.l2") - 0.777_213).abs() < 1e-6);
    assert!((number(&lines[0], "probabilities.l1") - 0.908_918).abs() < 1e-6);
    // A row that cannot be read has as many cells as the others.
    folder.write("bad.csv", "a,b\n1,0\nx,1\n-1,1\n");
    let run = folder.run("predict known.safetensors bad.csv");
    assert_eq!((run.status, run.out.as_str()), (Some(1), "yes,no\n,\nno,yes\n"));
    let run = folder.run("predict known.safetensors bad.csv --probabilities");
    assert_eq!(run.out.lines().nth(2), Some(",,,"));
    let out = folder.run_with("info known.safetensors", &[("COLUMNS", "40")]).ok();
    assert!(out.contains("predicts labels: l1 (no or yes), l2 (no\nor yes)\n"), "{out}");
    let info = &folder.run("info known.safetensors --json").json()[0];
    assert_eq!(strings(member(info, "labels.l2")), ["no", "yes"]);
    // Labels of a model are known by their texts.
    folder.write("other.csv", "a,b,l1,l2\n1,0,yes,maybe\n");
    folder.run("eval known.safetensors other.csv").fails(1, &["line 2, column l2", "`maybe` is not a known class"]);
    folder.write("gap.csv", "a,b,l1,l2\n1,0,yes,\n-1,1,no,yes\n");
    folder.run("eval known.safetensors gap.csv").fails(1, &["line 2, column l2", "is empty", "--missing drop"]);
    let run = folder.run("eval known.safetensors gap.csv --missing drop");
    assert!(run.err.contains("1 of 2 rows are dropped because a cell is missing"), "{}", run.err);
    assert!(run.ok().starts_with("1 example: "));
}

#[test]
fn labels_are_trained_and_reported() {
    let folder = tables();
    let words = "train ml.csv --fast --target l1,l2,l3 --hidden 8 --epochs 30";
    let run = folder.run_with(words, &[("COLUMNS", "40")]);
    let out = run.ok();
    assert!(out.lines().all(|line| line.chars().count() <= 40), "{out}");
    assert!(out.contains("2 features → l1, l2, l3 (3 labels)\n"), "{out}");
    assert!(out.contains("\nlabel   acc  prec   rec    f1   auc\nl1    "), "{out}");
    let text_labels = "train mlt.csv --fast --target l1,l2 --hidden 8 --epochs 30 --json -o t.safetensors";
    for words in [&format!("{words} --json"), text_labels] {
        let lines = folder.run(words).json();
        let done = lines.last().unwrap();
        for part in ["train", "test"] {
            assert!(number(done, &format!("{part}.label_accuracy")) > 0.9, "{words}: {done}");
            assert!(number(done, &format!("{part}.labels.l1.roc_auc")) > 0.95, "{words}: {done}");
        }
    }
    // The loss that is reported is the binary cross-entropy of the predictions, averaged over rows and labels.
    let predictions = folder.run("predict model.safetensors ml.csv --json").json();
    let rows = std::fs::read_to_string(folder.path("ml.csv")).unwrap();
    let mut loss = 0.0;
    for (line, row) in predictions.iter().zip(rows.lines().skip(1)) {
        for (label, truth) in ["l1", "l2", "l3"].into_iter().zip(row.split(',').skip(2)) {
            let p = number(line, &format!("probabilities.{label}"));
            loss -= if truth == "1" { p.ln() } else { (1.0 - p).ln() };
            assert_eq!(text(line, &format!("prediction.{label}")), if p > 0.5 { "1" } else { "0" });
        }
    }
    let found = &folder.run("eval model.safetensors ml.csv --json").json()[0];
    assert!((number(found, "loss") - loss / 600.0).abs() < 1e-5, "{loss} {found}");
}

#[test]
fn every_way_to_train_takes_labels() {
    let folder = tables();
    let data = "mlt.csv --target l1,l2 --hidden 4 --epochs 5";
    let lines = folder.run(&format!("train {data} --fast --folds 3 --json")).json();
    let expected = ["loss", "subset_accuracy", "label_accuracy", "macro_f1"];
    assert_eq!(names(member(lines.last().unwrap(), "mean")), expected);
    assert_eq!(names(member(&lines[0], "test")), expected);
    let out = folder.run_with(&format!("train {data} --fast --folds 3"), &[("COLUMNS", "40")]).ok();
    assert!(out.contains("exact match") && out.lines().all(|line| line.chars().count() <= 40), "{out}");
    let lines = folder.run(&format!("search {data} --fast --trials 2 --json")).json();
    assert!(number(&lines[0], "validation.label_accuracy") > 0.5);
    assert!(number(lines.last().unwrap(), "test.labels.l2.f1") > 0.5);
    // Further, on a file of the same labels, with a file to test on.
    let more = "train mlt.csv --fast --from model.safetensors --epochs 2 --test mlt.csv";
    assert!(folder.run(more).ok().contains("(2 labels)"));
    let smoothed = format!("train {data} --fast --label-smoothing 0.2 --weight-decay 0 --restarts 1 --json");
    let plain = format!("train {data} --fast --weight-decay 0 --restarts 1 --json");
    let loss = |words: &str| number(&folder.run(words).json()[4], "train_loss");
    assert!(loss(&smoothed) != loss(&plain));
    folder
        .run(&format!("train {data} --fast --balanced"))
        .fails(2, &["--balanced is for one target of classes, not for labels"]);
}

/// The tasks and the declared kinds, from one message to the next, until one works.
#[test]
fn remedies_lead_to_a_model() {
    let folder = tables();
    let run = |words: &str| folder.run(&format!("train {words} --fast --hidden 4 --epochs 2 --weight-decay 0"));
    let out = run("ml.csv --target l1,l2,l3 --task regress").ok();
    assert!(out.contains("(3 values)") && out.contains("l2: rmse "), "{out}");
    assert!(run("ml.csv --target l1,l2,l3 --numbers l1,l2,l3").ok().contains("(3 values)"));
    assert!(run("ml.csv --target l1,l2,l3 --task classify").ok().contains("(3 labels)"));
    assert!(run("ml.csv --target l3 --ignore l1,l2").ok().contains("(2 classes)"));
    // Some of the columns as numbers: all, or two models.
    let some = run("ml.csv --target l1,l2,l3 --numbers l2");
    some.fails(1, &["(--target l1,l3 --ignore l2)", "(--target l2 --ignore l1,l3)", "(--numbers l1,l2,l3, "]);
    assert!(run("ml.csv --target l1,l3 --ignore l2").ok().contains("(2 labels)"));
    assert!(run("ml.csv --target l2 --ignore l1,l3 --numbers l2").ok().contains("(1 value)"));
    // Text as numbers.
    let text = "mlt.csv --target l1,l2";
    run(&format!("{text} --task regress")).fails(1, &["`yes` is not a number", "--task classify", "--categories l1"]);
    assert!(run(&format!("{text} --task classify")).ok().contains("(2 labels)"));
    let both = run(&format!("{text} --task regress --categories l1"));
    both.fails(1, &["leave out --task regress, or `l1` from --categories"]);
    assert!(run(&format!("{text} --categories l1")).ok().contains("(2 labels)"));
    run(&format!("{text} --numbers l1")).fails(1, &["`yes` is not a number", "leave l1 out of --numbers"]);
    let one = run(&format!("{text} --numbers l1 --task classify"));
    one.fails(2, &["leave out --task classify, or `l1` from --numbers"]);
    // Rows without a label.
    folder.write("gap.csv", "a,l1,l2\n1,yes,0\n2,no,1\n3,,1\n4,yes,1\n5,no,0\n6,yes,0\n");
    let run = folder.run("train gap.csv --fast --target l1,l2 --epochs 2 --hidden 2");
    assert!(run.err.contains("1 of 6 rows are dropped because a cell is missing"), "{}", run.err);
    run.ok();
    // A label that the training part has in one form only.
    folder.write("rare.csv", "a,l1,l2\n1,yes,0\n2,no,0\n3,yes,0\n4,yes,0\n5,no,0\n6,yes,0\n");
    folder.write("both.csv", "a,l1,l2\n1,yes,0\n2,no,1\n");
    folder
        .run("train rare.csv --fast --target l1,l2")
        .fails(1, &["`l2` has only one class, `0`", "(--target l1 --ignore l2)"]);
    folder.write("all.csv", "a,l1,l2\n1,yes,0\n2,no,0\n3,yes,0\n4,yes,0\n5,no,0\n6,yes,1\n");
    folder.run("train all.csv --fast --target l1,l2 --epochs 2 --test 0 --hidden 2 -o all.safetensors").ok();
    let run = folder.run("train rare.csv --fast --from all.safetensors --epochs 2 --test both.csv --json");
    assert!(run.err.contains("the target l2 is the same in every example"), "{}", run.err);
    // The area under the curve is not defined where no example has the label.
    assert_eq!(member(run.json().last().unwrap(), "train.labels.l2.roc_auc").to_string(), "null");
}
