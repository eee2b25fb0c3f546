//! Settings that are found by trials: the learning rate and the weight decay.

use super::*;

/// The rate depends on the seed; the model's note has it, so that a repetition need not search again.
#[test]
fn learning_rate_is_found_automatically() {
    let folder = Folder::of_irises();
    folder.write("sums.csv", sums(400));
    for words in [
        "train iris.csv --fast --hidden 16,16 --optimizer adam",
        "train iris.csv --fast --hidden 16,16 --optimizer sgd --seed 3",
        "train sums.csv --fast --hidden 32,32 --target sum,difference --optimizer adam",
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
        // It does better than the default.
        let loss = |lines: &[Json]| number(lines.last().unwrap(), "train.loss");
        let default = folder.run(&format!("{words} --json")).json();
        assert!(loss(&lines) < loss(&default), "{} and {} for {words}", loss(&lines), loss(&default));
    }
}

/// Noise needs more decay than exact data; the model's note has the decay, so that a repetition need not search again.
#[test]
fn weight_decay_is_found_automatically() {
    let folder = Folder::new();
    folder.write("exact.csv", sums(400));
    let mut rng = palmnet::compute::Rng::new(5);
    let mut numbers = || [0; 5].map(|_| rng.normal().to_string()).join(",");
    let noise: String = (0..400).map(|_| numbers() + "\n").collect();
    folder.write("noise.csv", format!("a,b,c,d,noise\n{noise}"));
    let mut decays = Vec::new();
    for words in ["train exact.csv --fast --target sum", "train noise.csv --fast"] {
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
        // The default is the same search, without the event.
        let default = folder.run(&format!("{words} --json -o second")).json();
        assert_eq!((text(&default[0], "event"), default.len()), ("epoch", 61));
        assert!(folder.bytes("first") == folder.bytes("second"), "{words}");
        let out = folder.run(&format!("{words} --quiet -o second")).ok();
        assert!(out.contains(&format!("\nweight decay {decay}, the best of 6 trials\n")), "{out}");
        folder.run(&format!("{words} --weight-decay {decay} --quiet -o third")).ok();
        assert!(folder.bytes("first") == folder.bytes("third"), "{words}");
    }
    assert!(decays[0] < 0.5 && decays[1] > 0.5, "{decays:?}");
    // The decays tried scale with the inverse of the rate.
    let words =
        "train exact.csv --fast --target sum --epochs 2 --lr 0.03 --optimizer momentum --weight-decay auto --json";
    let lines = folder.run(words).json();
    let tried = member(&lines[0], "trials").as_array().unwrap();
    assert_eq!([0, 4].map(|i| number(&tried[i], "weight_decay") as f32), [0.0033, 0.33]);
    // With too few examples for trials, the middle decay is used.
    folder.write("few.csv", sums(40));
    let out = folder.run("train few.csv --fast --target sum --epochs 2").ok();
    assert!(out.contains("weight decay 0.33 (default: too few examples to tune it)\n"), "{out}");
    assert!(folder.run("train exact.csv --fast --target sum --epochs 2").err.contains("tuning: trial 1 of 6\n"));
    assert_eq!(folder.run("train exact.csv --fast --target sum --epochs 2 --quiet").err, "");
}

/// 40 rows are trained on 32: enough to be divided into folds, and to be calibrated.
#[test]
fn few_rows_are_tuned_and_calibrated() {
    let folder = Folder::new();
    folder.write("few.csv", sums(40));
    let found = folder.run("train few.csv --target sum --hidden 4 -j1");
    assert!(found.err.contains("trials in 5 folds, then all examples\n"), "{}", found.err);
    let out = found.ok();
    assert!(out.contains(" trials\n") && out.contains("90 % intervals"), "{out}");
    folder.run("predict model.safetensors few.csv --interval 90").ok();
    folder.run("train few.csv --target sum -jx").fails(2, &["unknown option -jx"]);
    // Not a file named ut.
    folder.run("train few.csv --target sum -out model").fails(2, &["unknown option -out (did you mean --out?)"]);
}

/// Few members without the rest of the defaults are clamped as well, and the line that is printed says nothing of it.
#[test]
fn small_ensembles_are_clamped() {
    let folder = Folder::new();
    folder.write("few.csv", sums(100));
    folder.write("far.csv", "a,b,difference\n1e6,1e6,1e6\n");
    let far = |options: &str| {
        let out = folder.run(&format!("train few.csv --target sum --fast --hidden 4 --epochs 5 {options} -q")).ok();
        let predicted = folder.run("predict model.safetensors far.csv").ok();
        (out.contains("--no-clamp"), predicted.trim().parse::<f64>().unwrap().abs())
    };
    let ((said, clamped), (said_not, free)) = (far("--members 2"), far("--members 2 --no-clamp"));
    assert!(!said && clamped < 20.0, "{clamped}");
    assert!(said_not && free > 20.0, "{free}");
}

/// How long it takes is not looked at: a slow machine has time for the shortest trial alone.
#[test]
fn budget_gives_a_model_that_its_line_repeats() {
    let folder = Folder::new();
    folder.write("exact.csv", sums(300));
    for given in ["--budget 0.5s", "--time 0.5s"] {
        let found = folder.run(&format!("train exact.csv --target sum {given} --hidden 8 --members 2 -o first"));
        assert!(
            found.err.contains("at most 500ms: as many trials in 5 folds as fit, then all examples\n"),
            "{}",
            found.err
        );
        found.ok();
        let note = &folder.run("info first --json").json()[0];
        let line = text(note, "notes.settings").strip_prefix("palmnet ").unwrap().to_string();
        assert!(!line.contains("--time") && !line.contains("--budget"), "{line}");
        folder.run(&format!("{line} --quiet -o second")).ok();
        let network = |name: &str| palmnet::Model::load(folder.path(name)).unwrap().network().clone();
        assert!(network("first") == network("second"), "{line}");
    }
    for wrong in ["--budget 5", "--budget 0s", "--budget -1s", "--budget xs", "--budget 1e3s"] {
        folder.run(&format!("train exact.csv {wrong}")).fails(2, &["--budget", "expected a time above 0"]);
    }
    for other in ["--fast", "--epochs 3", "--folds 3", "--optimizer lbfgs", "--patience 3", "--batch-norm"] {
        folder.run(&format!("train exact.csv --time 1m {other}")).fails(2, &["--budget"]);
    }
    folder.run("train exact.csv --time 1s --budget 1s").fails(2, &["--budget is given twice"]);
    folder.run("train exact.csv --time 1s --weight-decay auto").fails(2, &["--budget"]);
    // Everything else is a column.
    folder.run("train exact.csv --time 5x").fails(1, &["no column `5x`"]);
}
