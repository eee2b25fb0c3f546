//! Calibrated models: intervals and sets of `predict`, and their coverage in reports.

use palmnet::data::{Scaler, Schema, TargetSchema, Targets};
use palmnet::model::Calibration;
use palmnet::nn::{Dense, Layer};
use palmnet::{Activation, Activation::*, Matrix, Model, Network};

use super::*;

/// A model of one number, whose outputs are x times the weights plus the bias.
fn model(folder: &Folder, weights: &[f32], bias: Vec<f32>, end: Activation, target: TargetSchema) -> Model {
    let dense = Dense::new(Matrix::from_vec(1, weights.len(), weights.to_vec()), bias);
    let network = Network::from_layers(1, vec![Layer::Dense(dense), Layer::Activation(end)]).unwrap();
    let model = Model::new(network, Scaler::identity(1), Schema::numbers(["x"], target).unwrap()).unwrap();
    model.save(folder.path("plain")).unwrap();
    model
}

/// A model that predicts 2x and, of a second target, -x: 39 held-out rows were off by 1 to 39 hundredths, and ten times
/// as much.
fn of_values(folder: &Folder) {
    let target = TargetSchema::Values { names: vec!["y".into(), "z, too".into()] };
    let model = model(folder, &[2.0, -1.0], vec![0.0; 2], Identity, target);
    let zeros = Matrix::zeros(39, 2);
    let truth = Matrix::from_fn(39, 2, |row, target| (row as f32 + 1.0) / [100.0, 10.0][target]);
    let calibration = Calibration::fit(&zeros, &zeros, &Targets::Values(truth)).unwrap();
    model.with_calibration(calibration).unwrap().save(folder.path("model")).unwrap();
    folder.write("x.csv", "x\n1\n-2\n");
    folder.write("xy.csv", "x,y,\"z, too\"\n1,2.3,-4\n1,2.4,-5\n-2,-4.1,2\n0,0,0\n");
}

/// A model of three classes. The classes of 99 held-out rows had the probabilities 0.01 to 0.99, and columns that do not
/// add up to one keep the temperature at 1.
fn of_classes(folder: &Folder) {
    let target = TargetSchema::Classes { name: "kind".into(), classes: ["a", "b", "c,d"].map(String::from).into() };
    let bias = [0.05f32, 0.11, 0.84].map(f32::ln).to_vec();
    let model = model(folder, &[0.0, 0.0, 1.0], bias, Softmax, target);
    let outputs = Matrix::from_fn(99, 3, |row, class| if class == 0 { (row as f32 + 1.0) / 100.0 } else { 0.9 });
    let calibration = Calibration::fit(&outputs, &Matrix::default(), &Targets::Classes(vec![0; 99])).unwrap();
    assert_eq!(calibration.temperature(), 1.0);
    model.with_calibration(calibration).unwrap().save(folder.path("model")).unwrap();
    folder.write("x.csv", "x\n0\n-30\n");
    folder.write("xy.csv", "x,kind\n0,a\n0,b\n0,\"c,d\"\n-30,b\n");
}

#[test]
fn intervals_of_predictions() {
    let folder = Folder::new();
    of_values(&folder);
    // The 36th of 39 errors.
    let expected = "y,\"z, too\",y.low,y.high,\"z, too.low\",\"z, too.high\"\n";
    let out = folder.run("predict model x.csv --interval 90").ok();
    assert!(out.starts_with(expected), "{out}");
    let rows: Vec<Vec<f64>> =
        out.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    let close = |found: &[f64], expected: &[f64]| {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} for {expected:?}");
        assert_eq!(found.len(), expected.len());
    };
    close(&rows[0], &[2.0, -1.0, 1.64, 2.36, -4.6, 2.6]);
    close(&rows[1], &[-4.0, 2.0, -4.36, -3.64, -1.6, 5.6]);
    let lines = folder.run("predict model x.csv --interval=97.5 --json").json();
    assert_eq!(names(&lines[0]), ["prediction", "interval"]);
    close(&numbers(member(&lines[0], "interval.y")), &[1.61, 2.39]);
    close(&numbers(member(&lines[1], "interval.z, too")), &[-1.9, 5.9]);
    assert!(folder.run("info model").ok().contains("\ncalibrated on 39 held-out rows\n"));
    assert_eq!(number(&folder.run("info model --json").json()[0], "calibration.rows"), 39.0);
    // Without the option, nothing changes.
    assert_eq!(folder.run("predict model x.csv").ok(), folder.run("predict plain x.csv").ok());
    // A row that cannot be read has as many cells as the others.
    folder.write("bad.csv", "x\n1\nwide\n");
    let run = folder.run("predict model bad.csv --interval 50");
    assert_eq!((run.status, run.out.lines().nth(2)), (Some(1), Some(",,,,,")));
}

#[test]
fn sets_of_predictions() {
    let folder = Folder::new();
    of_classes(&folder);
    // Scores of at most 0.9: classes with a probability of at least 0.1, the likeliest always.
    let out = folder.run("predict model x.csv --set 90").ok();
    assert_eq!(out, "kind,kind.set\n\"c,d\",\"c,d|b\"\nb,b|a\n");
    let out = folder.run("predict model x.csv --set 50 --probabilities").ok();
    assert_eq!(out.lines().nth(1), Some("\"c,d\",0.0500000,0.110000,0.840000,\"c,d\""));
    assert!(out.starts_with("kind,a,b,\"c,d\",kind.set\n"), "{out}");
    let lines = folder.run("predict model x.csv --set 90 --json").json();
    assert_eq!(names(&lines[0]), ["prediction", "probabilities", "set"]);
    assert_eq!(strings(member(&lines[0], "set")), ["c,d", "b"]);
    assert_eq!(strings(member(&lines[1], "set")), ["b", "a"]);
    assert!(folder.run("info model").ok().contains("\ncalibrated on 99 held-out rows, temperature 1.00\n"));
    folder.write("bad.csv", "x\n0\nwide\n");
    let run = folder.run("predict model bad.csv --set 90");
    assert_eq!((run.status, run.out.lines().nth(2)), (Some(1), Some(",")));
}

#[test]
fn wrong_levels_and_models_are_explained() {
    let folder = Folder::new();
    of_values(&folder);
    for level in ["49.9", "99.5", "100", "0.9", "-1", "nan", "many"] {
        for option in ["--interval", "--set"] {
            folder.run(&format!("predict none.csv x.csv {option}={level}")).fails(2, &[option, "from 50 to 99"]);
        }
    }
    folder.run("predict model x.csv --interval 99").fails(1, &["the level 0.99 needs 99 held-out rows", "on 39"]);
    folder
        .run("predict model x.csv --set 90")
        .fails(2, &["--set: this model predicts values, not classes: use --interval"]);
    for (option, file) in [("--interval 90", "x.csv"), ("--interval 50", "none.csv")] {
        folder
            .run(&format!("predict plain {file} {option}"))
            .fails(1, &["plain: the model has no calibration", "palmnet train"]);
    }
    of_classes(&folder);
    folder
        .run("predict model x.csv --interval 90")
        .fails(2, &["--interval: this model predicts classes, not values: use --set"]);
    folder.run("predict plain x.csv --set 90").fails(1, &["no calibration, which --set needs", "--fast"]);
    let target = TargetSchema::Labels {
        names: vec!["l".into(), "m".into()],
        classes: vec![["0".into(), "1".into()], ["0".into(), "1".into()]],
    };
    model(&folder, &[1.0, 1.0], vec![0.0; 2], Sigmoid, target);
    folder.run("predict plain x.csv --set 90").fails(2, &["--set: this model predicts labels, not classes"]);
    folder.run("predict plain x.csv --interval 90").fails(2, &["--interval: this model predicts labels, not values"]);
}

#[test]
fn coverage_is_reported() {
    let folder = Folder::new();
    of_values(&folder);
    // Errors of 0.3, 0.4, 0.1 and 0 with a half width of 0.36; of 3, 4, 0 and 0 with 3.6.
    let out = folder.run_with("eval model xy.csv", &[("COLUMNS", "40")]).ok();
    let lines = [
        "y: 90 % intervals: coverage 0.750, mean",
        "width 0.7200",
        "z, too: 90 % intervals: coverage 0.750,",
        "mean width 7.200",
        "",
    ]
    .join("\n");
    assert!(out.ends_with(&lines), "{out}");
    let found = &folder.run("eval model xy.csv --json").json()[0];
    assert_eq!(names(member(found, "targets.z, too")), ["rmse", "mae", "r2", "interval"]);
    assert_eq!(names(member(found, "targets.y.interval")), ["level", "coverage", "width"]);
    assert_eq!(number(found, "targets.y.interval.coverage"), 0.75);
    assert!((number(found, "targets.z, too.interval.width") - 7.2).abs() < 1e-5);
    assert!(!folder.run("eval plain xy.csv").ok().contains("coverage"));

    of_classes(&folder);
    // The truth is in the sets {c,d b} of three rows twice, and in {b a}.
    let out = folder.run_with("eval model xy.csv", &[("COLUMNS", "40")]).ok();
    assert!(out.lines().all(|line| line.chars().count() <= 40), "{out}");
    assert!(out.contains("\ncalibration error "), "{out}");
    assert!(out.contains("\n90 % sets: coverage 0.750, mean size\n2.000\n\n"), "{out}");
    let found = &folder.run("eval model xy.csv --json").json()[0];
    assert_eq!(names(member(found, "set")), ["level", "coverage", "size"]);
    assert_eq!(
        (number(found, "set.level"), number(found, "set.coverage"), number(found, "set.size")),
        (0.9, 0.75, 2.0)
    );
    // Three of four rows have the confidence 0.84 and one right answer; the other one has 0.6875 and is right.
    let expected = 0.75 * (0.84 - 1.0 / 3.0) + 0.25 * (1.0 - 0.6875);
    assert!((number(found, "calibration_error") - expected).abs() < 1e-6, "{found}");
}

#[test]
fn training_reports_the_calibration_of_the_test_set() {
    let folder = Folder::of_irises();
    let run = folder.run("train iris.csv --hidden 4 --epochs 20 --weight-decay 0.1 --fast --quiet");
    let lines: Vec<&str> = run.out.lines().collect();
    let test = lines.iter().position(|line| line.starts_with("test  loss")).unwrap();
    let error: f64 = lines[test + 1].strip_prefix("calibration error ").unwrap().parse().unwrap();
    // The same figure from the probabilities of the held-out rows is between 0 and 1; JSON has it, too.
    assert!((0.0..1.0).contains(&error));
    let words = "train iris.csv --hidden 4 --epochs 20 --weight-decay 0.1 --fast --quiet --json";
    let done = folder.run(words).json();
    assert!((number(done.last().unwrap(), "test.calibration_error") - error).abs() < 6e-5);
}
