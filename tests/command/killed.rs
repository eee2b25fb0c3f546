//! Trainings that are killed and resumed.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use palmnet::compute::Rng;
use palmnet::unversioned::Safetensors;

use super::{Folder, IRIS, bare_command, emulated};

fn palmnet(folder: &Folder, words: &str) -> Command {
    let mut command = bare_command();
    command.args(words.split_whitespace()).current_dir(&folder.0).env_remove("PALMNET_ISA");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// The standard error of a command that must succeed.
#[track_caller]
fn run(folder: &Folder, words: &str) -> String {
    let output = palmnet(folder, words).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "palmnet {words}: {errors}");
    errors
}

/// Waits until the command ends, or kills it after `time`: returns whether it was killed. Meanwhile the checkpoint is
/// absent or complete.
fn let_run(child: &mut Child, time: Duration, checkpoint: &Path) -> bool {
    let start = Instant::now();
    loop {
        let over = start.elapsed() >= time;
        match child.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success(), "{status}");
                return false;
            }
            // SIGKILL, on Unix.
            None if over => {
                child.kill().unwrap();
                child.wait().unwrap();
                return true;
            }
            None => {}
        }
        is_whole(checkpoint);
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Whether there is a checkpoint with content, which must be complete.
fn is_whole(checkpoint: &Path) -> bool {
    let Ok(bytes) = fs::read(checkpoint) else { return false };
    let file = Safetensors::from_bytes(&bytes, "the checkpoint").unwrap();
    let is_claim = file.metadata.contains_key("claim");
    assert!(is_claim || file.tensor("history").is_some());
    !is_claim
}

/// `PALMNET_KILLS` says how many times; ten when it does not.
#[test]
fn killed_training_resumes_to_the_same_model() {
    let kills = std::env::var("PALMNET_KILLS").map_or(10, |kills| kills.parse().expect("a number of kills"));
    let folder = Folder::new();
    fs::write(folder.0.join("iris.csv"), IRIS).unwrap();
    let checkpoint = folder.0.join("m.checkpoint");
    let all = [
        // By time: in the middle of an epoch.
        "train iris.csv --fast --hidden 32,32 --epochs 200 --dropout 0.1 --restarts 1|0.0001m",
        "train iris.csv --fast --hidden 16 --epochs 1000 --optimizer amsgrad --schedule plateau:5:0.8 --validation 0.2 \
         --patience 0 --restarts 5|29",
        "train iris.csv --fast --hidden 32,32 --epochs 500 --validation 0.2 --patience 100 --optimizer nadam|0.0003m",
        "train iris.csv --fast --hidden 32,32 --optimizer lbfgs --l2 0.0001 --restarts 1|7",
        "demo sums|1",
    ];
    let trainings = if emulated() { &all[..1] } else { &all[..] };
    if emulated() {
        eprintln!("one training of {} is killed, the others are not tested: they would take minutes", all.len());
    }
    let model = |training: &&str| {
        let (words, _) = training.split_once('|').unwrap();
        run(&folder, &format!("{words} --quiet --out m.safetensors"));
        fs::read(folder.0.join("m.safetensors")).unwrap()
    };
    let models: Vec<Vec<u8>> = trainings.iter().map(model).collect();
    let mut rng = Rng::new(7);
    let (mut killed, mut resumed, mut finished) = (0, 0, 0);
    while killed < kills || resumed == 0 || finished < trainings.len() {
        assert!(killed + finished < 100 * kills, "no kill left a checkpoint to resume from");
        let number = finished % trainings.len();
        let (words, every) = trainings[number].split_once('|').unwrap();
        fs::remove_file(folder.0.join("m.safetensors")).unwrap();
        loop {
            let words = format!("{words} --resume --checkpoint-every {every} --quiet --out m.safetensors");
            resumed += usize::from(is_whole(&checkpoint));
            let mut child = palmnet(&folder, &words).spawn().unwrap();
            // After enough kills the training may finish; a slow machine needs more time to the first checkpoint.
            let longest = 60.0 * (1 + killed / kills) as f64;
            let killing = killed < kills || resumed == 0;
            let time = if killing { longest * rng.uniform() * rng.uniform() } else { 1e6 };
            if !let_run(&mut child, Duration::from_secs_f64(time / 1e3), &checkpoint) {
                break;
            }
            killed += 1;
        }
        assert_eq!(fs::read(folder.0.join("m.safetensors")).unwrap(), models[number], "{words}");
        assert!(!checkpoint.exists());
        finished += 1;
    }
    // No temporary file is left.
    assert_eq!(folder.names(), ["iris.csv", "m.safetensors"]);
    eprintln!("{killed} kills, {resumed} resumed, {finished} finished");
}

/// A checkpoint of the search before a training is valid for the same search on the same data only.
#[test]
fn checkpoint_of_another_search_is_refused() {
    let folder = Folder::new();
    fs::write(folder.0.join("a.csv"), IRIS).unwrap();
    let checkpoint = folder.0.join("m.checkpoint");
    let words = "train a.csv --fast --hidden 16,16 --epochs 200 --scale none --quiet --out m --checkpoint-every 1";
    // Stopped in the trials, and after them.
    let stop = |options: &str, found: bool| {
        let _ = fs::remove_file(&checkpoint);
        let mut child = palmnet(&folder, &format!("{words} {options}")).spawn().unwrap();
        let there = || {
            let file = Safetensors::read(&checkpoint).ok()?;
            let is_trial = file.metadata.contains_key("note: losses of trials");
            Some(!file.metadata.contains_key("claim") && found != is_trial)
        };
        while there() != Some(true) && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(100));
        }
        let _ = child.kill();
        child.wait().unwrap();
        fs::read(&checkpoint).unwrap_or_else(|_| panic!("{options}: it ended before it was stopped"))
    };
    let refused = |options: &str| {
        let left = fs::read(&checkpoint).unwrap();
        let output = palmnet(&folder, &format!("{words} {options} --resume")).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap().replace('\n', " ");
        assert_eq!(output.status.code(), Some(1), "{options}: {errors}");
        assert!(errors.contains("this is the checkpoint of another training"), "{options}: {errors}");
        assert!(fs::read(&checkpoint).unwrap() == left, "{options}");
    };
    for found in [false, true] {
        let left = stop("", found);
        refused("--seed 3");
        refused("--weight-decay 0.5");
        // All rows count, those that trials are validated on too.
        fs::write(folder.0.join("a.csv"), IRIS.replace("5.9", "5.8")).unwrap();
        refused("");
        fs::write(folder.0.join("a.csv"), IRIS).unwrap();
        fs::write(&checkpoint, left).unwrap();
        run(&folder, &format!("{words} --resume"));
        let model = fs::read(folder.0.join("m")).unwrap();
        run(&folder, words);
        assert!(fs::read(folder.0.join("m")).unwrap() == model);
    }
    stop("--weight-decay 0.5", true);
    refused("");
    refused("--lr auto --weight-decay 0.5");
}

#[test]
fn checkpoint_options_are_checked() {
    let folder = Folder::new();
    fs::write(folder.0.join("iris.csv"), IRIS).unwrap();
    let words = "train iris.csv --fast --epochs 20 --restarts 1 --hidden 8";
    let errors = |words: &str| {
        let output = palmnet(&folder, words).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap().replace('\n', " "))
    };
    // A finished training leaves no checkpoint, and `--resume` needs none.
    assert!(!run(&folder, &format!("{words} --resume -o m.safetensors")).contains("resuming"));
    let model = fs::read(folder.0.join("m.safetensors")).unwrap();
    run(&folder, &format!("{words} --checkpoint c --checkpoint-every 2"));
    assert!(!folder.0.join("c").exists());
    assert_eq!(fs::read(folder.0.join("model.safetensors")).unwrap(), model);
    // A remaining checkpoint is neither ignored nor overwritten, and other files are not mistaken for one.
    let metadata = [("checkpoint".to_string(), "3".to_string())].into();
    let left = Safetensors { metadata, tensors: Vec::new() }.to_bytes();
    fs::write(folder.0.join("m.checkpoint"), &left).unwrap();
    fs::write(folder.0.join("other"), &model).unwrap();
    for (words, status, part) in [
        (
            "--checkpoint m.checkpoint",
            1,
            "m.checkpoint: holds a training that did not end: add --resume to continue it, or delete it to start over",
        ),
        ("--checkpoint-every 5m -o m.safetensors", 1, "m.checkpoint: holds a training that did not end"),
        ("--resume -o m.safetensors --weight-decay 0.1", 1, "m.checkpoint: the checkpoint is damaged"),
        ("--resume -o m.safetensors", 1, "m.checkpoint: this is the checkpoint of another training: it tuned nothing"),
        ("--checkpoint other --resume", 1, "other: exists and is not a checkpoint: choose another --checkpoint"),
        ("--checkpoint /dev/null", 1, "/dev/null: is not a regular file"),
        ("--checkpoint ./m -o m", 2, "m is for the model: name another file with --checkpoint"),
        ("--history ./c.csv --checkpoint c.csv", 2, "--history: the checkpoint goes to that file"),
        ("--history ./m -o m", 2, "--history: the model goes to that file"),
        ("--checkpoint iris.csv", 1, "iris.csv: is the data: choose another --checkpoint"),
        ("--checkpoint m -o m", 2, "m is for the model: name another file with --checkpoint"),
        ("--checkpoint-every 0", 2, "--checkpoint-every 0: expected a number of epochs"),
        ("--checkpoint-every 0m", 2, "--checkpoint-every 0m: expected"),
        ("--checkpoint-every -1m", 2, "--checkpoint-every -1m: expected"),
        ("--checkpoint-every 1e300m", 2, "--checkpoint-every 1e300m: expected"),
        ("--checkpoint-every NaNm", 2, "--checkpoint-every NaNm: expected"),
        ("--checkpoint-every 1h", 2, "--checkpoint-every 1h: expected"),
    ] {
        let (code, message) = errors(&format!("train iris.csv --fast {words}"));
        assert_eq!(code, Some(status), "{words}: {message}");
        assert!(message.contains(part), "{words}: {message}");
    }
    assert_eq!(fs::read(folder.0.join("m.checkpoint")).unwrap(), left);
    assert_eq!(fs::read(folder.0.join("other")).unwrap(), model);
}
