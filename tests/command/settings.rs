//! The settings of a training: every name, the defaults, and the command line that repeats it.

use super::*;

#[test]
fn every_name_of_an_option_is_accepted() {
    let folder = Folder::of_irises();
    let loss = |options: &str| {
        let hidden = if options.contains("--hidden") { "" } else { "--hidden 16,16" };
        let decay = if options.contains("--optimizer") { "" } else { "--weight-decay 0.1" };
        let words = format!("train iris.csv --fast {hidden} {decay} --epochs 40 --restarts 1 --json {options}");
        let lines = folder.run(&words).json();
        number(lines.last().unwrap(), "train.loss")
    };
    // The loss of guessing among three classes: ln 3.
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
}

#[test]
fn scale_option_chooses_the_scaler() {
    let folder = Folder::of_irises();
    // The sepal lengths range from 4.3 to 7.9.
    folder.run("train iris.csv --fast --epochs 1 --quiet --test 0 --scale minmax").ok();
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(numbers(member(info, "scaler.offset"))[0] as f32, 4.3);
    assert!((numbers(member(info, "scaler.factor"))[0] - 1.0 / 3.6).abs() < 1e-6);
    folder.run("train iris.csv --fast --epochs 1 --quiet --scale none").ok();
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(
        (numbers(member(info, "scaler.offset")), numbers(member(info, "scaler.factor"))),
        (vec![0.0; 4], vec![1.0; 4])
    );
}

/// The warning about the size of a network is for sizes that the user chose.
#[test]
fn default_networks() {
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
        let run = folder.run(&format!("train {data} --fast --epochs 1"));
        assert!(run.out.contains(&format!("network {network}")), "{}", run.out);
        assert!(!run.err.contains("parameters"), "{}", run.err);
        run.ok();
    }
}

/// The note in a model is the command line that makes the same file.
#[test]
fn printed_command_line_repeats_the_training() {
    let folder = Folder::of_irises();
    folder.write("test.csv", IRIS);
    for words in [
        "train iris.csv --fast",
        "train iris.csv --fast --target 4 --hidden 6 --activation leaky_relu:0.1 --init normal:0.3 --scale minmax --test 0.3 \
         --optimizer nesterov --schedule cooldown:0.5 --dropout 0.1 --epochs 7 --batch 9 --restarts 2 --seed 5",
        "train iris.csv --fast --test test.csv --task classify --hidden 0 --validation 0.2 --patience 3 --lr 0.00001",
        "train iris.csv --fast --patience 4 --epochs 30",
        "train iris.csv --fast --optimizer adamw --schedule plateau:3:0.5 --warmup 0.1 --l1 0.001 --l2 0.01 --epochs 9",
        "train iris.csv --fast --optimizer adamw --weight-decay 0 --epochs 3",
        "train iris.csv --fast --batch-norm --noise 0.1 --max-norm 2 --clip 1 --clip-value 0.5 --label-smoothing 0.1 \
         --balanced --epochs 3",
        "train iris.csv --fast --layer-norm --epochs 3",
        "train iris.csv --fast --optimizer rprop",
        "train iris.csv --fast --optimizer lbfgs --l2 0.001 --patience 9",
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

/// The printed settings include the defaults of the optimizer.
#[test]
fn optimizer_defaults_are_printed() {
    let folder = Folder::of_irises();
    for (words, parts) in [
        ("--optimizer adamw", &["--lr 0.003", "--weight-decay 0.01", "--batch 16"][..]),
        ("--optimizer sgd", &["--lr 0.1", "--seed 0"]),
        ("--optimizer adamw --weight-decay 0.2", &["--weight-decay 0.2"]),
        ("--optimizer rprop", &["--lr 0.001", "--epochs 200", "--batch 120"]),
        ("--optimizer rprop --batch 30", &["--batch 30"]),
        ("--optimizer lbfgs", &["--optimizer lbfgs --epochs 500"]),
    ] {
        folder.run(&format!("train iris.csv --fast --quiet --restarts 1 {words}")).ok();
        let info = &folder.run("info model.safetensors --json").json()[0];
        let line = text(info, "notes.settings");
        assert!(parts.iter().all(|part| format!("{line} ").contains(&format!(" {part} "))), "{line} for {words}");
    }
    folder.run("train iris.csv --fast --quiet --epochs 3 --optimizer adam").ok();
    assert!(!text(&folder.run("info model.safetensors --json").json()[0], "notes.settings").contains("decay"));
}

/// Each penalty makes the weights smaller, and the other options change them.
#[test]
fn penalties_and_regularization_change_the_weights() {
    let folder = Folder::of_irises();
    let weights = |options: &str| {
        let adam = if options.contains("--optimizer") { "" } else { "--optimizer adam" };
        let words = "train iris.csv --fast --quiet --epochs 60 --lr 0.01 --hidden 8 --restarts 1";
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

/// The library reports no events while it tries starts; their time is included all the same.
#[test]
fn restarts_are_reported() {
    let folder = Folder::of_irises();
    let err = folder.run("train iris.csv --fast --hidden 8 --weight-decay 0.1 --epochs 20 --restarts 7").err;
    assert!(err.contains("choosing the best of 7 initial weights\nepoch 20/20 "), "{err}");
    assert!(
        !folder
            .run("train iris.csv --fast --hidden 8 --weight-decay 0.1 --epochs 20 --restarts 1")
            .err
            .contains("choosing")
    );
    let lines =
        folder.run("train iris.csv --fast --hidden 8 --weight-decay 0.1 --epochs 20 --restarts 50 --json").json();
    let (done, last) = (&lines[20], &lines[19]);
    assert!(number(done, "seconds") > number(last, "seconds"), "{done} after {last}");
}
