//! Cross-validation, random search, the history of a training, and fine-tuning.

use super::*;

#[test]
fn cross_validation_in_json() {
    let folder = Folder::of_irises();
    let lines = folder.run("train iris.csv --fast --hidden 16 --folds 5 --epochs 40 --lr 0.01 --json").json();
    let (done, folds) = lines.split_last().unwrap();
    assert_eq!((text(done, "event"), number(done, "folds"), folds.len()), ("done", 5.0, 5));
    assert!(
        folds.iter().zip(1..).all(|(line, i)| text(line, "event") == "fold" && number(line, "fold") == f64::from(i))
    );
    for metric in ["loss", "accuracy"] {
        let found: Vec<f64> = folds.iter().map(|line| number(line, &format!("test.{metric}"))).collect();
        let mean = found.iter().sum::<f64>() / 5.0;
        let standard_deviation = (found.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 5.0).sqrt();
        assert!((number(done, &format!("mean.{metric}")) - mean).abs() < 1e-9, "{done}");
        assert!((number(done, &format!("deviation.{metric}")) - standard_deviation).abs() < 1e-9, "{done}");
        assert!(standard_deviation > 0.0);
    }
    assert!(number(done, "mean.accuracy") > 0.9, "{done}");
    // Each fold tests 30 examples, so its accuracy is a multiple of 1/30.
    assert!(folds.iter().all(|line| (number(line, "test.accuracy") * 30.0).fract() < 1e-9));
    let again = folder.run("train iris.csv --fast --hidden 16 --folds 5 --epochs 40 --lr 0.01 --json").json();
    assert_eq!(number(again.last().unwrap(), "mean.loss"), number(done, "mean.loss"));
    let other = folder.run("train iris.csv --fast --hidden 16 --folds 5 --epochs 40 --lr 0.01 --json --seed 1").json();
    assert_ne!(number(other.last().unwrap(), "mean.loss"), number(done, "mean.loss"));
}

#[test]
fn cross_validation_in_text() {
    let folder = Folder::of_irises();
    let out = folder.run("train iris.csv --fast --hidden 16 --folds 3 --epochs 20").ok();
    assert!(out.contains("--folds 3") && out.contains("\n3 folds of 150 examples\n"), "{out}");
    assert!(out.contains("\nfold 3: loss ") && out.contains("\nmean loss ") && out.contains(", accuracy 0."), "{out}");
    assert!(out.ends_with("nothing is saved: train without --folds for a model\n"), "{out}");
    assert!(!folder.has("model.safetensors"));
    folder.write("sums.csv", sums(200));
    let out = folder.run("train sums.csv --fast --hidden 16 --target sum,difference --folds 2").ok();
    assert!(out.contains("rmse ") && out.contains(", R² 0.9") && out.contains(" ± "), "{out}");
    write_images(&folder, "images");
    let lines = folder.run("train images --hidden 16 --folds 4 --epochs 30 --json").json();
    assert!(number(&lines[4], "mean.accuracy") > 0.9, "{}", lines[4]);
}

#[test]
fn cross_validation_errors() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --folds 151").fails(1, &["151 folds of 150 examples"]);
    for folds in ["1", "0", "x", "-2"] {
        folder.run(&format!("train none.csv --fast --folds {folds}")).fails(2, &["--folds", "a whole number from 2"]);
    }
    for option in ["--test 0.3", "--out m", "--history h.csv", "--from m"] {
        let name = option.split(' ').next().unwrap();
        folder
            .run(&format!("train none.csv --fast --folds 3 {option}"))
            .fails(2, &[name, "--folds", "exclude each other"]);
    }
}

#[test]
fn history_file() {
    let folder = Folder::of_irises();
    let words = "train iris.csv --fast --hidden 16 --epochs 12 --validation 0.2 --patience 0";
    let lines = folder.run(&format!("{words} --json --history h.csv")).json();
    let table = palmnet::Table::read(folder.path("h.csv")).unwrap();
    let columns = ["epoch", "train_loss", "validation_loss", "learning_rate", "seconds"];
    assert_eq!((table.header().unwrap(), table.rows()), (&columns.map(String::from)[..], 12));
    for (row, line) in lines[..12].iter().enumerate() {
        let cells: Vec<f64> = table.cells(row).map(|cell| cell.parse().unwrap()).collect();
        for (cell, name) in [(0, "epoch"), (1, "train_loss"), (2, "validation_loss"), (4, "seconds")] {
            assert!((cells[cell] - number(line, name)).abs() < 1e-9, "{cells:?} {line}");
        }
        // The rate decreases over the last fifth only, in every step.
        assert!(if row < 9 { cells[3] == 0.003 } else { (0.0..0.003).contains(&cells[3]) }, "{cells:?}");
    }
    let out = folder.run("train iris.csv --fast --epochs 2 --history h.csv").ok();
    assert!(out.ends_with("saved model.safetensors\nsaved h.csv\n") && !out.contains("--history"), "{out}");
    let text = String::from_utf8(folder.bytes("h.csv")).unwrap();
    assert!(text.lines().count() == 3 && text.lines().nth(1).unwrap().contains(",,0.003,"), "{text}");
}

#[test]
fn history_does_not_overwrite_other_files() {
    let folder = Folder::of_irises();
    // Only an older history is replaced, and other files are an error before the training.
    folder.write("notes.txt", "dear diary");
    for (file, parts) in [
        ("iris.csv", &["is the data: choose another --history"][..]),
        ("notes.txt", &["is not a history"]),
        ("no/h.csv", &["folder does not exist", "--history"]),
        (".", &["is a folder", "--history"]),
    ] {
        folder.run(&format!("train iris.csv --fast --history {file}")).fails(1, parts);
    }
    folder.run("train iris.csv --fast --history x -o x").fails(2, &["--history", "the model goes to that file"]);
    assert_eq!(folder.bytes("iris.csv"), IRIS.as_bytes());
}

/// A folder with a model of the irises, and two thirds of the irises, which have a different mean.
fn first_model() -> Folder {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --quiet --epochs 20 --hidden 12 --test 0 -o first").ok();
    let some: String =
        IRIS.lines().enumerate().filter(|(i, _)| i % 3 != 1).map(|(_, line)| format!("{line}\n")).collect();
    folder.write("some.csv", some);
    folder
}

#[test]
fn fine_tuning_keeps_scaling_and_lowers_the_loss() {
    let folder = first_model();
    let info = |model: &str| folder.run(&format!("info {model} --json")).json().remove(0);
    let loss = |model: &str| number(&folder.run(&format!("eval {model} iris.csv --json")).json()[0], "loss");
    let out = folder.run("train some.csv --fast --quiet --epochs 60 --from first -o second").ok();
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("--from first") && !words.contains("--hidden") && words.contains("network 4-12-3"), "{out}");
    assert!(!words.contains("--fast"), "{out}");
    assert_eq!(member(&info("second"), "scaler").to_string(), member(&info("first"), "scaler").to_string());
    assert!(loss("second") < 0.8 * loss("first"), "{} {}", loss("second"), loss("first"));
}

#[test]
fn fine_tuning_with_frozen_layers() {
    let folder = first_model();
    folder.run("train some.csv --fast --quiet --epochs 60 --from first --freeze 1 -o third").ok();
    let layers = |model: &str| palmnet::Model::load(folder.path(model)).unwrap().network().layers().to_vec();
    assert_eq!(layers("third")[0], layers("first")[0]);
    assert_ne!(layers("third")[2], layers("first")[2]);
    folder.run("train some.csv --fast --quiet --from first --freeze 2 -o fourth").fails(1, &["2 of 2 dense layers"]);
}

#[test]
fn fine_tuning_starts_from_the_weights_of_the_model() {
    let folder = first_model();
    // With a learning rate of nearly zero the weights stay those of the model.
    folder.run("train iris.csv --fast --quiet --epochs 1 --lr 1e-30 --from first -o same").ok();
    let weights = |model: &str| network_bits(palmnet::Model::load(folder.path(model)).unwrap().network());
    assert_eq!(weights("same"), weights("first"));
    // The model may be replaced by its successor.
    folder.run("train iris.csv --fast --quiet --epochs 5 --from first -o first").ok();
    assert_ne!(weights("same"), weights("first"));
}

#[test]
fn fine_tuning_of_regression_and_images() {
    let folder = Folder::new();
    folder.write("sums.csv", sums(300));
    folder.run("train sums.csv --fast --hidden 16 --quiet --target sum --ignore difference --epochs 30 -o sum").ok();
    let before = number(&folder.run("eval sum sums.csv --json").json()[0], "rmse");
    folder.run("train sums.csv --fast --quiet --epochs 60 --from sum -o better").ok();
    let after = number(&folder.run("eval better sums.csv --json").json()[0], "rmse");
    assert!(after < 0.8 * before, "{after} after {before}");
    write_images(&folder, "images");
    folder.run("train images --quiet --epochs 2 -o pixels").ok();
    folder.run("train images --quiet --epochs 2 --from pixels -o pixels").ok();
}

#[test]
fn fine_tuning_errors() {
    let folder = first_model();
    folder.write("sums.csv", sums(300));
    write_images(&folder, "images");
    folder.write("roses.csv", format!("{IRIS}1,2,3,4,rosa\n"));
    for (words, parts) in [
        ("roses.csv --from first", &["line 152, column species: `rosa` is not a known class"][..]),
        ("sums.csv --from first", &["sums.csv: lacks the columns `sepal_length`"]),
        ("images --from first", &["the model takes 4 features, the data has 16"]),
        ("iris.csv --from none", &["none: there is no such file"]),
        ("iris.csv --from iris.csv", &["iris.csv: "]),
    ] {
        folder.run(&format!("train {words} --fast --quiet")).fails(1, parts);
    }
    let more = ["--members 3", "--bins 4", "--embedding 2"];
    for option in ["--target 1", "--hidden 3", "--activation tanh", "--scale none", "--restarts 2", "--ignore 1"]
        .into_iter()
        .chain(more)
    {
        let name = option.split(' ').next().unwrap();
        folder
            .run(&format!("train none.csv --fast --from none {option}"))
            .fails(2, &[name, "--from", "exclude each other"]);
    }
    folder.run("train none.csv --fast --freeze 1").fails(2, &["--freeze", "--from"]);
    folder.run("train none.csv --fast --from none --missing fill").fails(2, &["--missing fill", "--from"]);
}

#[test]
fn random_search_reports_the_best_trial() {
    let folder = Folder::of_irises();
    let lines = folder.run("search iris.csv --fast --trials 6 --epochs 30 --seed 3 --json -o first").json();
    let (trials, rest) = lines.split_at(6);
    let loss = |line: &Json| number(line, "validation.loss");
    let best = (0..6).min_by(|&a, &b| loss(&trials[a]).total_cmp(&loss(&trials[b]))).unwrap();
    assert_eq!((text(&rest[0], "event"), number(&rest[0], "trial")), ("best", best as f64 + 1.0));
    assert_eq!((text(&rest[1], "event"), text(rest.last().unwrap(), "event"), rest.len()), ("epoch", "done", 32));
    // The first trial has the defaults of `train`.
    let default = folder.run("train iris.csv --fast --epochs 1").ok();
    assert!(default.contains("--hidden 64,64,64") && numbers(member(&trials[0], "hidden")) == [64.0; 3], "{default}");
    assert_eq!((number(&trials[0], "lr"), number(&trials[0], "dropout")), (0.003, 0.0));
    for trial in &trials[1..] {
        assert!((1..=3).contains(&numbers(member(trial, "hidden")).len()), "{trial}");
        assert!((2.9e-4..=3.01e-2).contains(&number(trial, "lr")), "{trial}");
        assert!((0.0..=0.5).contains(&number(trial, "dropout")), "{trial}");
        // The rate times the decay is between 1e-5 and 1/30.
        assert!((0.0033..=11.0).contains(&number(trial, "weight_decay")), "{trial}");
    }
    let different = |name: &str| trials.iter().any(|trial| member(trial, name) != member(&trials[0], name));
    assert!(["hidden", "lr", "batch", "dropout", "weight_decay"].into_iter().all(different));
    // The same search in text gives the same file, and so does the training that the model's note names.
    let out = folder.run("search iris.csv --fast --trials 6 --epochs 30 --seed 3 -o second").ok();
    assert!(out.contains("6 trials, scored on 24 of 120 examples\n"), "{out}");
    assert!(out.contains(&format!("\nbest: trial {}, ", best + 1)), "{out}");
    assert!(folder.bytes("first") == folder.bytes("second"));
    let info = &folder.run("info first --json").json()[0];
    folder.run(&format!("{} --quiet -o third", text(info, "notes.settings").strip_prefix("palmnet ").unwrap())).ok();
    assert!(folder.bytes("first") == folder.bytes("third"));
}

/// The part of the data that trials are scored on is no validation set of the training.
#[test]
fn line_of_a_search_repeats_its_training() {
    let folder = Folder::of_irises();
    folder.run("search iris.csv --fast --trials 2 --epochs 5 --validation 0.3 --quiet -o first").ok();
    let info = &folder.run("info first --json").json()[0];
    let line = text(info, "notes.settings");
    assert!(!line.contains("--validation"), "{line}");
    folder.run(&format!("{} --quiet -o second", line.strip_prefix("palmnet ").unwrap())).ok();
    assert!(folder.bytes("first") == folder.bytes("second"), "{line}");
    folder.run("search iris.csv --fast --weight-decay auto").fails(2, &["draws the weight decay itself"]);
}

#[test]
fn random_search_does_not_draw_given_settings() {
    let folder = Folder::of_irises();
    let words = "search iris.csv --fast --trials 3 --epochs 3 --json --hidden 7,5 --batch 11 --dropout 0.2 --lr 0.004";
    for trial in &folder.run(&format!("{words} --weight-decay 0.003 --optimizer sgd")).json()[..3] {
        assert_eq!(numbers(member(trial, "hidden")), [7.0, 5.0]);
        let found = ["batch", "dropout", "lr", "weight_decay"].map(|name| number(trial, name) as f32);
        assert_eq!(found, [11.0, 0.2, 0.004, 0.003]);
    }
}

#[test]
fn random_search_errors() {
    let folder = Folder::of_irises();
    folder.run_with_input("search - --fast --trials 2 --epochs 2 --quiet", IRIS).ok();
    for (words, parts) in [
        ("none.csv --trials 0", &["--trials 0", "a whole number from 1", "palmnet search --help"][..]),
        ("none.csv --validation 0", &["--validation 0", "above 0"]),
        ("none.csv --lr fast", &["--lr fast"]),
        ("none.csv --patience 3", &["unknown option --patience"]),
    ] {
        folder.run(&format!("search {words} --fast")).fails(2, parts);
    }
}

/// A diverged trial loses, and the search continues.
#[test]
fn diverged_trials_count_as_failed() {
    let folder = Folder::new();
    folder.write("steep.csv", sums(120).lines().map(|line| line.to_string() + "\n").collect::<String>());
    let words =
        "search steep.csv --fast --target sum --scale none --optimizer sgd --hidden 8 --epochs 20 --trials 12 --seed 2";
    let lines = folder.run(&format!("{words} --json")).json();
    let failed = lines[..12].iter().filter(|line| member(line, "validation") == &Json::Null).count();
    assert!((1..12).contains(&failed), "{failed} of 12 failed");
    assert!(folder.run(words).ok().contains(" failed "));
    folder.run(&format!("{words} --lr 1e38")).fails(1, &["training diverged", "learning rate"]);
}

/// The parts of a search, each in a process of its own.
fn search_in_parts(folder: &Folder, parts: usize) -> Vec<String> {
    let files = (1..=parts).map(|part| {
        let lines = folder.run(&format!("search {SEARCH} --part {part}/{parts} --json")).ok();
        let file = format!("part{part}.jsonl");
        std::fs::write(folder.path(&file), lines).unwrap();
        file
    });
    files.collect()
}

const SEARCH: &str = "iris.csv --trials 6 --epochs 8 --members 2 --seed 3 --threads 1";

#[test]
fn merged_parts_give_the_model_of_one_process() {
    let folder = Folder::of_irises();
    let whole = folder.run(&format!("search {SEARCH} --json -o whole")).json();
    let files = search_in_parts(&folder, 4).join(" ");
    let merged = folder.run(&format!("search {SEARCH} -o merged --merge {files}"));
    assert!(!merged.err.contains("warning"), "{}", merged.err);
    assert!(folder.bytes("whole") == folder.bytes("merged"));
    // The table is in the order of the losses.
    let losses: Vec<f64> = whole[..6].iter().map(|trial| number(trial, "validation.loss")).collect();
    let mut order: Vec<usize> = (0..6).collect();
    order.sort_by(|&a, &b| losses[a].total_cmp(&losses[b]));
    let out = merged.ok();
    let table = out.lines().skip_while(|line| !line.starts_with("  #")).skip(1).take(6);
    let shown: Vec<usize> = table.map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect();
    assert_eq!(shown, order.iter().map(|index| index + 1).collect::<Vec<_>>(), "{out}");
    // Each part has its trials, and they are the same.
    let second = std::fs::read_to_string(folder.path("part2.jsonl")).unwrap();
    let trials: Vec<Json> = second.lines().skip(1).map(|line| Json::parse(line).unwrap()).collect();
    assert_eq!(trials.iter().map(|trial| number(trial, "trial")).collect::<Vec<_>>(), [2.0, 6.0]);
    assert_eq!(number(&trials[1], "validation.loss"), losses[5]);
}

#[test]
fn parts_of_another_search_are_refused() {
    let folder = Folder::of_irises();
    let files = search_in_parts(&folder, 2);
    let other = "are of other data, options or version";
    let merge = |options: &str, files: &str| folder.run(&format!("search {options} -o merged --merge {files}"));
    merge(&SEARCH.replace("--seed 3", "--seed 4"), &files.join(" ")).fails(1, &["part1.jsonl, line 1", other]);
    merge(&SEARCH.replace("--epochs 8", "--epochs 9"), &files[1]).fails(1, &["part2.jsonl, line 1", other]);
    merge(&SEARCH.replace("iris.csv", "iris.csv --ignore 1"), &files[1]).fails(1, &["part2.jsonl, line 1", other]);
    merge(SEARCH, &format!("{0} {0}", files[1])).fails(1, &["trial 2 is given, for the second time"]);
    merge(&SEARCH.replace("--trials 6", "--trials 4"), &files.join(" ")).fails(1, &["trial 5 is given, but", "has 4"]);
    merge(SEARCH, "iris.csv").fails(1, &["iris.csv, line 1", "remove the line, or run the part again"]);
    merge(SEARCH, "none.jsonl").fails(1, &["none.jsonl", "no such file"]);
    std::fs::write(folder.path("empty"), "").unwrap();
    merge(SEARCH, "empty").fails(1, &["empty: is empty: run its part again"]);
    // A job that was killed: its trials are named, and the others ranked.
    let merged = merge(SEARCH, &files[0]);
    assert!(merged.err.contains("warning: trials 2, 4, 6 are in none of the files: run these parts again\n"));
    merged.ok();
    folder.run(&format!("search {SEARCH} --part 7/7")).fails(2, &["part 7 of 7 has none of 6 trials"]);
    for part in ["0/4", "5/4", "1", "a/b", "1/0"] {
        folder.run(&format!("search {SEARCH} --part {part}")).fails(2, &["--part", "such as 3/16"]);
    }
    folder.run(&format!("search {SEARCH} --part 1/2 -o model")).fails(2, &["--part and --out exclude each other"]);
    folder.run(&format!("search {SEARCH} other.csv")).fails(2, &["unexpected argument other.csv"]);
}

/// The engine of a search on many machines may be any that runs commands.
#[test]
fn parts_run_under_gnu_parallel() {
    let folder = Folder::of_irises();
    let palmnet = env!("CARGO_BIN_EXE_palmnet");
    let line = format!("{palmnet} search {SEARCH} --part {{}}/4 --json > part{{}}.jsonl");
    let run = std::process::Command::new("parallel")
        .args([&line, ":::", "1", "2", "3", "4"])
        .current_dir(folder.path(""))
        .output();
    let Ok(run) = run else {
        eprintln!("GNU parallel is absent: a search under it is not tested");
        return;
    };
    assert!(run.status.success(), "{run:?}");
    folder.run(&format!("search {SEARCH} -o merged --merge part1.jsonl part2.jsonl part3.jsonl part4.jsonl")).ok();
    folder.run(&format!("search {SEARCH} -o whole --quiet")).ok();
    assert!(folder.bytes("whole") == folder.bytes("merged"));
}
