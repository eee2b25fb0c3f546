//! Trainings that diverge.

use super::*;

/// A training whose learning rate increases until it diverges.
const RISING: &str = "train sums.csv --fast --target sum --hidden 16 --optimizer sgd --lr 1.5 --schedule constant --warmup 1 \
                      --epochs 200 --restarts 1";

/// Runs a training that diverges: the last epoch before that.
fn last_good_epoch(folder: &Folder, words: &str) -> usize {
    let run = folder.run(words);
    let [good, failed] = ["the weights of epoch ", "diverged in epoch "].map(|words| {
        let rest = run.err.split(words).nth(1).unwrap_or_else(|| panic!("{}", run.err));
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<usize>().unwrap()
    });
    assert!(good > 0 && failed == good + 1, "{}", run.err);
    assert!(run.err.contains("are in m.diverged.safetensors"), "{}", run.err);
    run.fails(1, &["Lower the learning rate"]);
    good
}

/// The weights from before the epoch that diverged are kept, and so is the history.
#[test]
fn diverged_training_keeps_last_good_weights() {
    let folder = Folder::new();
    folder.write("sums.csv", sums(400));
    let words = format!("{RISING} --out m.safetensors --history h.csv");
    let good = last_good_epoch(&folder, &words);
    assert!(!folder.path("m.safetensors").exists());
    assert_eq!(String::from_utf8(folder.bytes("h.csv")).unwrap().lines().count(), good + 1);
    let info = &folder.run("info m.diverged.safetensors --json").json()[0];
    assert_eq!(text(info, "notes.epochs"), format!("{good}, and then training diverged"));
    assert!(text(info, "notes.settings").contains("--lr 1.5"), "{info}");
    folder.run("eval m.diverged.safetensors sums.csv").ok();
}

#[test]
fn diverged_training_overwrites_nothing() {
    let folder = Folder::new();
    folder.write("sums.csv", sums(400));
    let words = format!("{RISING} --out m.safetensors --history h.csv");
    let good = last_good_epoch(&folder, &words);
    // No file is overwritten, and a training without a complete epoch writes none.
    folder.run(&words).fails(1, &["diverged"]);
    folder.run("eval m.diverged-2.safetensors sums.csv").ok();
    folder.run(&words.replace("--lr 1.5", "--lr 1e30")).fails(1, &["diverged in epoch 1,"]);
    assert_eq!(String::from_utf8(folder.bytes("h.csv")).unwrap().lines().count(), good + 1);
    assert!(!folder.path("m.diverged-3.safetensors").exists());
}

#[test]
fn diverged_training_that_was_resumed_keeps_its_history() {
    let folder = Folder::new();
    folder.write("sums.csv", sums(400));
    let words = format!("{RISING} --out m.safetensors --history h.csv");
    let good = last_good_epoch(&folder, &words);
    // The epochs before the resumption count too.
    let words = words.replace("--out m.safetensors", "--out n");
    folder.run(&format!("{words} --checkpoint-every 7")).fails(1, &["diverged"]);
    fs::remove_file(folder.path("h.csv")).unwrap();
    let run = folder.run(&format!("{words} --checkpoint-every 7 --resume"));
    assert!(run.err.contains(&format!("the weights of epoch {good} are in n.diverged-2\n")), "{}", run.err);
    assert_eq!(String::from_utf8(folder.bytes("h.csv")).unwrap().lines().count(), good + 1);
}

/// The best weights of early stopping are kept; divergence in the very last step is noticed too.
#[test]
fn diverged_training_with_early_stopping_keeps_the_best_weights() {
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

    folder.run("train sums.csv --fast --target sum --epochs 1 --weight-decay 0.1 --out good").ok();
    let good = folder.bytes("good");
    let words =
        "train sums.csv --fast --target sum --optimizer sgd --lr 1e20 --epochs 1 --batch 1000 --schedule constant";
    folder.run(&format!("{words} --out good")).fails(1, &["diverged in epoch 1, batch 1: the loss after the epoch is"]);
    assert!(folder.bytes("good") == good);
}
