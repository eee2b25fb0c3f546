//! Files that must not be lost: of other trainings, of other kinds, on full disks, behind links.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use palmnet::Activation::Relu;
use palmnet::{Model, Network};

use super::*;

const LONG: &str = "train iris.csv --fast --optimizer adam --hidden 8 --restarts 1 --quiet --epochs 9000000";

/// A training that is killed when this is dropped.
struct Running(Child);

impl Running {
    /// Starts a training, and waits until it has written a checkpoint with content.
    fn start(mut command: Command, checkpoint: PathBuf) -> Running {
        let mut running = Running(piped(&mut command).spawn().unwrap());
        let begin = Instant::now();
        while !Safetensors::read(&checkpoint).is_ok_and(|file| file.tensor("history").is_some()) {
            assert_eq!(running.0.try_wait().unwrap(), None, "it ended before it was stopped");
            assert!(begin.elapsed() < Duration::from_secs(60), "no checkpoint");
            std::thread::sleep(Duration::from_millis(1));
        }
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    let folder = Folder::new();
    fs::metadata(&folder.0).unwrap().uid() == 0
}

/// Runs the command as a user without rights, in a folder where everybody may do everything, unless `mode` says
/// otherwise. The superuser may always do everything.
fn run_without_rights(folder: &Folder, words: &str, mode: u32) -> Run {
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(mode)).unwrap();
    let mut command = folder.command(words);
    if is_root() && runner().is_none() {
        // Where the program was built may be closed to others.
        let program = folder.path("program");
        if !program.exists() {
            fs::copy(env!("CARGO_BIN_EXE_palmnet"), &program).unwrap();
        }
        command = Command::new(program);
        command.args(words.split_whitespace()).current_dir(&folder.0).env_remove("PALMNET_ISA").uid(65_534).gid(65_534);
    }
    let run = Run::of(&mut command, words);
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o777)).unwrap();
    run
}

/// Hours of training must not be lost: the error comes first.
#[track_caller]
fn fails_first(run: Run, status: i32, parts: &[&str]) {
    assert!(!run.err.contains("epoch 1/"), "{}", run.err);
    run.fails(status, parts);
}

#[test]
fn two_trainings_do_not_share_a_checkpoint() {
    let folder = Folder::of_irises();
    let every = format!("{LONG} --checkpoint-every 20");
    let running = Running::start(folder.command(&every), folder.path("model.checkpoint"));
    let process = format!("model.checkpoint: a training that runs now (process {})", running.0.id());
    // Other settings, the same settings, and without --resume.
    for words in ["--seed 2 --resume", "--resume", ""] {
        fails_first(folder.run(&format!("{every} {words}")), 1, &[&process, "name another file"]);
    }
    drop(running);
    let left = folder.bytes("model.checkpoint");
    let holds = "model.checkpoint: holds a training that did not end: add --resume";
    fails_first(folder.run(&every), 1, &[holds]);
    let parts = ["model.checkpoint: this is the checkpoint of another training: ", "seed was 0 and is 2"];
    fails_first(folder.run(&format!("{every} --resume --seed 2")), 1, &parts);
    assert!(folder.bytes("model.checkpoint") == left);
    assert_eq!(folder.names(), ["iris.csv", "model.checkpoint", "unlabeled.csv"]);
}

#[test]
fn training_that_ends_removes_no_other_checkpoint() {
    let folder = Folder::of_irises();
    // Without a checkpoint of its own, and with one of another name.
    let running =
        Running::start(folder.command(&format!("{LONG} --checkpoint-every 20")), folder.path("model.checkpoint"));
    folder.run("train iris.csv --fast --epochs 1 --hidden 2 --quiet").ok();
    folder.run("train iris.csv --fast --epochs 1 --hidden 2 --quiet --checkpoint other --resume").ok();
    assert!(folder.has("model.checkpoint") && !folder.has("other"));
    drop(running);
    assert!(folder.has("model.checkpoint"));
}

#[test]
fn outputs_replace_only_files_of_their_kind() {
    let folder = Folder::of_irises();
    let every = format!("{LONG} --checkpoint-every 20 --out long");
    drop(Running::start(folder.command(&every), folder.path("long.checkpoint")));
    let short = "train iris.csv --fast --epochs 1 --hidden 2 --quiet";
    let mut foreign = Safetensors::default();
    foreign.metadata.insert("format".into(), "pt".into());
    folder.write("foreign", foreign.to_bytes());
    // Layers of another program.
    foreign.metadata.insert("layers".into(), "12".into());
    folder.write("layers", foreign.to_bytes());
    folder.run(&format!("{short} --out model")).ok();
    let files = ["long.checkpoint", "foreign", "layers", "model"];
    let before = files.map(|file| folder.bytes(file));
    for (words, part) in [
        (
            "--out long.checkpoint",
            "long.checkpoint: is the checkpoint of a training that did not end: choose another --out",
        ),
        ("--history long.checkpoint", "long.checkpoint: is the checkpoint of a training that did not end"),
        ("--out foreign", "foreign: exists and is not a model: choose another --out"),
        ("--out layers", "layers: exists and is not a model"),
        ("--checkpoint foreign --resume", "foreign: exists and is not a checkpoint: choose another --checkpoint"),
        ("--checkpoint model", "model: exists and is not a checkpoint"),
        ("--history model", "model: exists and is not a history"),
    ] {
        fails_first(folder.run(&format!("{short} {words}")), 1, &[part]);
    }
    assert!(files.map(|file| folder.bytes(file)) == before);
    // A network that a program has saved may be replaced, as a model may.
    Network::builder(2).dense(2, Relu).build().unwrap().save(folder.path("network")).unwrap();
    folder.run(&format!("{short} --out network")).ok();
    folder.run("info network").ok();
}

#[test]
fn impossible_names_are_refused_before_training() {
    let folder = Folder::of_irises();
    symlink("b", folder.path("a")).unwrap();
    symlink("a", folder.path("b")).unwrap();
    symlink("later", folder.path("link")).unwrap();
    let long = "x".repeat(300);
    for option in ["--out", "--history", "--checkpoint"] {
        for (name, status, part) in [
            ("a", 1, "a: symbolic links lead in a circle"),
            ("-", 2, "-: results go to standard output, so name a file"),
            ("name/", 1, "this is a folder"),
            (&long, 1, "this cannot be a file's name"),
        ] {
            fails_first(folder.run(&format!("train iris.csv --fast {option} {name}")), status, &[part]);
        }
    }
    // Two names of one file that does not exist yet.
    for (words, part) in [
        ("--out link --history later", "--history: the model goes to that file"),
        ("--out later --checkpoint link", "link is for the model: name another file"),
        ("--checkpoint later --history link", "--history: the checkpoint goes to that file"),
    ] {
        fails_first(folder.run(&format!("train iris.csv --fast {words}")), 2, &[part]);
    }
    assert_eq!(folder.names(), ["a", "b", "iris.csv", "link", "unlabeled.csv"]);
    folder.run("train iris.csv --fast --epochs 1 --quiet --out link").ok();
    assert!(folder.path("link").is_symlink() && folder.has("later"));
    folder.run("train iris.csv --fast --epochs 1 --quiet --out ./-").ok();
    assert!(folder.has("-"));
}

#[test]
fn missing_rights_are_named_before_training() {
    if is_root() && runner().is_some() {
        return eprintln!("the superuser in an emulator may do everything: missing rights are not tested");
    }
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --epochs 1 --quiet --out model").ok();
    fs::set_permissions(folder.path("model"), fs::Permissions::from_mode(0o200)).unwrap();
    let run = run_without_rights(&folder, "train iris.csv --fast --out model", 0o777);
    fails_first(run, 1, &["model: exists and cannot be read", "ermission denied", "--out"]);
    let run = run_without_rights(&folder, "train iris.csv --fast --out other", 0o555);
    fails_first(run, 1, &["other: its folder cannot be written (permission denied): choose another --out"]);
    let run = run_without_rights(&folder, "train iris.csv --fast --out other --epochs 1 --quiet --resume", 0o777);
    run.ok();
    assert!(folder.has("other") && !folder.has("other.checkpoint"));
}

/// Neither a model nor a checkpoint is replaced by a part of one.
#[test]
fn file_that_is_too_large_replaces_nothing() {
    if runner().is_some() {
        return eprintln!("limits of processes are not tested in an emulator");
    }
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --epochs 1 --hidden 2 --quiet").ok();
    let old = folder.bytes("model.safetensors");
    let words = "train iris.csv --fast --epochs 3 --hidden 200,200 --optimizer adam --lr 0.001 --weight-decay 0 --restarts 1 --quiet";
    // The limit of a file's size, in units of 512 bytes: an error instead of a signal.
    let limited = |words: &str| {
        let script = format!("trap '' XFSZ; ulimit -f 64; exec \"$0\" {words}");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_palmnet")]).current_dir(&folder.0).stdin(Stdio::null());
        Run::of(&mut command, words)
    };
    limited(words).fails(1, &["model.safetensors: the file is larger than this disk or the limit"]);
    assert!(folder.bytes("model.safetensors") == old);
    let names = ["iris.csv", "model.safetensors", "unlabeled.csv"];
    assert_eq!(folder.names(), names);
    // Neither does a checkpoint.
    limited(&format!("{words} --checkpoint-every 1")).fails(1, &["model.checkpoint: the file is larger"]);
    assert!(folder.bytes("model.safetensors") == old);
    assert_eq!(folder.names(), names);
    folder.run(words).ok();
    assert_ne!(folder.bytes("model.safetensors"), old);
}

#[test]
#[cfg(target_os = "linux")]
fn full_disk_leaves_the_old_model() {
    let folder = Folder::of_irises();
    fs::create_dir(folder.path("disk")).unwrap();
    let mount = |program: &str, words: &[&str]| {
        Command::new(program)
            .args(words)
            .arg(folder.path("disk"))
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    if !mount("mount", &["-t", "tmpfs", "-o", "size=64k", "palmnet"]) {
        eprintln!("no file system can be mounted here: the device that is always full stands for one");
        return drop(
            folder.run("train iris.csv --fast --epochs 1 --quiet --out /dev/full").fails(1, &["the disk is full"]),
        );
    }
    folder.run("train iris.csv --fast --epochs 1 --hidden 2 --quiet --out disk/m").ok();
    let old = folder.bytes("disk/m");
    let run = folder.run("train iris.csv --fast --epochs 1 --hidden 200,200 --weight-decay 0 --quiet --out disk/m");
    let names: Vec<_> = fs::read_dir(folder.path("disk")).unwrap().map(|file| file.unwrap().file_name()).collect();
    let new = folder.bytes("disk/m");
    assert!(mount("umount", &[]));
    run.fails(1, &["disk/m: the disk is full: free some space, or choose another disk"]);
    assert_eq!((names, new == old), (vec!["m".into()], true));
}

/// The names take more than a reader accepts: an error before the training, and the old model stays.
#[test]
fn model_that_could_not_be_read_is_not_saved() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --epochs 1 --hidden 2 --quiet").ok();
    let old = folder.bytes("model.safetensors");
    folder.write("long.csv", format!("a,b,c\n1,2,x\n2,3,{}\n3,4,y\n4,3,x\n2,2,y\n", "z".repeat(10_000_000)));
    let run = folder.run("train long.csv --fast --epochs 1 --hidden 2 --optimizer adam --quiet");
    run.fails(1, &["the names of columns, categories and classes would take", "shorten them"]);
    assert!(folder.bytes("model.safetensors") == old);
    // A program that saves such a model gets an error too.
    let mut model = Model::load(folder.path("model.safetensors")).unwrap();
    model.notes.insert("long".into(), "\"".repeat(3_000_000));
    let message = model.save(folder.path("model.safetensors")).unwrap_err().to_string();
    assert!(message.contains("model.safetensors: not written: its names and texts would take"), "{message}");
    assert!(folder.bytes("model.safetensors") == old);
    model.notes.insert("long".into(), "\"".repeat(2_000_000));
    model.save(folder.path("model.safetensors")).unwrap();
    assert_eq!(Model::load(folder.path("model.safetensors")).unwrap().notes, model.notes);
}

#[test]
#[cfg(target_os = "linux")]
fn devices_without_an_end_are_errors() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --epochs 1 --quiet").ok();
    symlink("/dev/zero", folder.path("zero.csv")).unwrap();
    for words in [
        "train /dev/zero",
        "train zero.csv --fast",
        "train iris.csv --fast --test /dev/urandom",
        "eval model.safetensors /dev/zero",
        "predict model.safetensors /dev/full",
    ] {
        folder.run(words).fails(1, &["is a device, which may never end: name a file or a pipe"]);
    }
    let message = palmnet::Table::read("/dev/zero").unwrap_err().to_string();
    assert!(message.contains("is a device, which may never end"), "{message}");
    folder.run("info /dev/zero").fails(1, &["/dev/zero: this is not a safetensors file"]);
    let mut command = folder.command("predict model.safetensors -");
    command.stdin(fs::File::open("/dev/zero").unwrap());
    Run::of(&mut command, "predict model.safetensors -").fails(1, &["is a device"]);
    for device in ["/dev/zero", "/dev/urandom"] {
        folder
            .run(&format!("train iris.csv --fast --from {device}"))
            .fails(1, &[device, "this is not a safetensors file"]);
        assert!(Model::load(device).is_err());
    }
    folder.run("predict model.safetensors /dev/null").fails(1, &["is empty"]);
}

/// The bits of a training belong to its instruction set.
#[test]
#[cfg(target_arch = "x86_64")]
fn checkpoint_of_another_instruction_set_is_refused() {
    let folder = Folder::of_irises();
    if !palmnet::compute::Isa::Avx2.is_available() {
        return eprintln!("this processor has one instruction set: no other can be tested");
    }
    let words = format!("{LONG} --resume --checkpoint-every 20");
    let mut command = folder.command(&words);
    command.env("PALMNET_ISA", "sse2");
    drop(Running::start(command, folder.path("model.checkpoint")));
    let left = folder.bytes("model.checkpoint");
    let parts = ["instruction set was sse2 and is avx2 (set PALMNET_ISA=sse2 to resume)"];
    folder.run_with(&words, &[("PALMNET_ISA", "avx2")]).fails(1, &parts);
    assert!(folder.bytes("model.checkpoint") == left);
}
