//! Pipes that close, disks that are full, terminals that are narrow.

use super::*;

/// As in `palmnet … | head -1`, the reader closes the pipe early. The model is saved all the same.
#[test]
fn closed_pipe_does_not_stop_the_training() {
    let folder = Folder::of_irises();
    folder.write("many.csv", format!("{}{}", IRIS, IRIS.split_once('\n').unwrap().1.repeat(200)));
    folder.run("train iris.csv --fast --quiet --epochs 1").ok();
    let words = "predict model.safetensors many.csv --json";
    for (words, model) in [
        (words, None),
        ("train iris.csv --fast --epochs 3000 --hidden 8 --weight-decay 0.1 --restarts 1 --json -o json", Some("json")),
        ("train iris.csv --fast --epochs 3000 --hidden 8 --weight-decay 0.1 --every 1000 -o text", Some("text")),
        ("demo xor", Some("xor.safetensors")),
        ("search iris.csv --fast --epochs 3000 --hidden 8 --weight-decay 0.1 --trials 3 -o found", Some("found")),
    ] {
        let mut child = piped(&mut folder.command(words)).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 10]).unwrap();
        drop(stdout);
        let run = Run::from_output(child.wait_with_output().unwrap(), words);
        assert_eq!((run.status, run.err.contains("palmnet:")), (Some(0), false), "{words}: {}", run.err);
        if let Some(model) = model {
            let info = &folder.run(&format!("info {model} --json")).json()[0];
            // Trained to the end, not only until the pipe was closed.
            assert!(words.starts_with("demo") || text(info, "notes.epochs") == "3000", "{info}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn full_disk_behind_standard_output_is_an_error() {
    let folder = Folder::of_irises();
    for words in
        ["train iris.csv --fast --epochs 5 --json", "train iris.csv --fast --epochs 5", "demo xor -o model.safetensors"]
    {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let _ = fs::remove_file(folder.path("model.safetensors"));
        let output = folder.command(words).stdout(full).stderr(Stdio::piped()).output().unwrap();
        Run::from_output(output, words).fails(1, &["standard output"]);
        folder.run("info model.safetensors").ok();
    }
}

/// `script` provides the terminal.
#[cfg(target_os = "linux")]
#[test]
fn progress_on_a_terminal() {
    let folder = Folder::of_irises();
    let run = |words: &str| {
        let mut command = Command::new("script");
        let line = format!("{} {words}", env!("CARGO_BIN_EXE_palmnet"));
        command.args(["-qec", &line, "/dev/null"]).current_dir(&folder.0).env("COLUMNS", "50").stdin(Stdio::null());
        command.env("SHELL", "/bin/sh").output()
    };
    if emulated() || run("--version").is_ok_and(|output| !output.status.success()) || run("--version").is_err() {
        return eprintln!("progress on a terminal is not tested: there is no `script` that could start the command");
    }
    let text = |words: &str| String::from_utf8(run(words).unwrap().stdout).unwrap().replace("\r\n", "\n");
    let progress = text("train iris.csv --fast --epochs 40 --weight-decay 0.1");
    let last = progress.lines().find(|line| line.contains('\r')).unwrap().rsplit('\r').next().unwrap();
    assert!(last.starts_with("40/40 loss ") && last.ends_with("\x1b[K"), "{progress:?}");
    // The progress of trials is erased.
    let trials = text("train iris.csv --fast --epochs 40");
    assert!(trials.starts_with("\rtuning: trial 1 of 6\x1b[K\rtuning: trial 2 of 6\x1b[K"), "{trials:?}");
    assert!(trials.contains("\rtuning: trial 6 of 6\x1b[K\r\x1b[Kpalmnet train "), "{trials:?}");
    // An error after a redrawn line starts on a new line, and is wrapped.
    for options in ["--restarts 1", "--restarts 3"] {
        let failed = text(&format!("train iris.csv --fast --quiet --lr 1e30 {options}"));
        assert!(failed.contains("\npalmnet: training diverged in epoch 1"), "{failed:?}");
        let failed = text(&format!("train iris.csv --fast --lr 1e30 {options}"));
        assert!(failed.contains("\x1b[K\npalmnet: training diverged in epoch 1"), "{failed:?}");
        let message: Vec<&str> = failed[failed.find("palmnet:").unwrap()..].lines().collect();
        assert!(message.len() > 1 && message.iter().all(|line| line.chars().count() <= 50), "{failed:?}");
    }
}

/// Bold headings and options, on terminals that show them and for users who want them.
#[test]
fn help_has_bold_letters_where_they_are_shown() {
    let folder = Folder::new();
    let help = |words: &str, variables: &[(&str, &str)]| folder.run_with(words, variables).ok();
    for words in ["--help", "help train", "train -h", "predict --help"] {
        let plain = help(words, &[]);
        assert!(!plain.contains('\x1b'), "{plain}");
        let bold = help(words, &[("CLICOLOR_FORCE", "1")]);
        assert!(bold.contains("\x1b[1mpalmnet ") && bold != plain, "{bold}");
        assert_eq!(bold.replace("\x1b[1m", "").replace("\x1b[0m", ""), plain);
        for (force, no_color) in [("0", ""), ("", ""), ("1", "1")] {
            assert_eq!(help(words, &[("CLICOLOR_FORCE", force), ("NO_COLOR", no_color)]), plain);
        }
    }
    let bold = help("train -h", &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")]);
    assert!(bold.contains("\n\x1b[1mData\x1b[0m:\n  \x1b[1m--target\x1b[0m NAME"), "{bold}");
    assert!(bold.contains("\n  \x1b[1m-o, --out\x1b[0m FILE\n"), "{bold}");
    // An error is plain.
    assert!(!folder.run_with("", &[("CLICOLOR_FORCE", "1")]).err.contains('\x1b'));
}

/// `script` provides the terminal.
#[cfg(target_os = "linux")]
#[test]
fn help_is_plain_on_terminals_without_bold_letters() {
    let folder = Folder::new();
    let run = |variables: [(&str, &str); 2]| {
        let mut command = Command::new("script");
        command.args(["-qec", &format!("{} info --help", env!("CARGO_BIN_EXE_palmnet")), "/dev/null"]);
        command.current_dir(&folder.0).env("SHELL", "/bin/sh").env("COLUMNS", "80").stdin(Stdio::null());
        command.env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR").envs(variables).output()
    };
    if emulated() || !run([("TERM", "xterm"); 2]).is_ok_and(|output| output.status.success()) {
        return eprintln!("help on a terminal is not tested: there is no `script` that could start the command");
    }
    for (term, no_color, expected) in [("xterm", "", true), ("dumb", "", false), ("xterm", "1", false)] {
        let output = run([("TERM", term), ("NO_COLOR", no_color)]).unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains("Show a saved model") && text.contains('\x1b') == expected,
            "{term} {no_color}: {text:?}"
        );
    }
}

/// As in `palmnet train … 2>&1 >result | head -1`, the reader of the progress is gone.
#[test]
fn closed_standard_error_does_not_stop_the_training() {
    let folder = Folder::of_irises();
    for words in
        ["train iris.csv --fast --epochs 200 --hidden 8 --weight-decay 0.1 --every 1", "train none.csv --fast", "trian"]
    {
        let mut child = piped(&mut folder.command(words)).spawn().unwrap();
        drop(child.stderr.take());
        let mut out = String::new();
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        let status = child.wait().unwrap().code();
        let expected = if words == "trian" { 2 } else { i32::from(words.contains("none")) };
        assert_eq!(status, Some(expected), "{words}: {out}");
        assert_eq!(out.contains("saved model.safetensors"), expected == 0, "{out}");
    }
}

#[test]
fn output_fits_40_columns() {
    let folder = Folder::of_irises();
    folder.write("sums.csv", sums(50).replace("difference", "difference_of_the_two"));
    let narrow = [("COLUMNS", "40")];
    let run = |words: &str| {
        let run = folder.run_with(words, &narrow);
        assert_eq!(run.status, Some(0), "{words}: {}", run.err);
        for line in run.out.lines().chain(run.err.lines()) {
            assert!(line.chars().count() <= 40, "palmnet {words}: {} columns: {line}", line.chars().count());
        }
        run.out
    };
    for words in [
        "--help",
        "demo -h",
        "train -h",
        "eval -h",
        "predict -h",
        "info -h",
        "bench -h",
        "search -h",
        "completions -h",
        "man -h",
    ] {
        run(words);
    }
    for words in ["demo xor", "demo neuron", "demo circles --every 100", "demo sums --every 20"] {
        run(words);
    }
    let table = folder.path("digits.csv");
    write_digits(&table);
    if emulated() {
        eprintln!("digits are trained for one epoch, moons and spirals are not tested: they would take minutes");
        run("train digits.csv --fast --epochs 1 --hidden 128 -o digits.safetensors");
    } else {
        ["demo", "demo moons", "demo spirals --every 50"].into_iter().for_each(|words| drop(run(words)));
    }
    run("train iris.csv --fast --weight-decay 0.1 --epochs 25 --every 1 --hidden 30,30,30,30,30,30 --patience 20 \
         --dropout 0.1");
    run("info model.safetensors");
    run("eval model.safetensors iris.csv");
    run("train sums.csv --fast --target sum,difference_of_the_two --epochs 3 -o s");
    run("info s");
    run("eval s sums.csv");
    run("train iris.csv --fast --folds 12 --epochs 2");
    run("train sums.csv --fast --hidden 8 --target sum,difference_of_the_two --folds 3");
    assert!(run("search sums.csv --fast --trials 101 --epochs 1").matches('×').count() > 20);
    // The confusion matrix of ten classes.
    let info = run("info digits.safetensors");
    assert!(info.contains("dense(64,128)"), "{info}");
    let out = run("eval digits.safetensors digits.csv");
    assert!(out.lines().count() > 24, "{out}");
    // Wider terminals are used.
    let wide = folder.run_with("train -h", &[("COLUMNS", "200")]).ok();
    assert!(wide.lines().any(|line| line.chars().count() > 80), "{wide}");
}

fn write_digits(path: &Path) {
    let digits = palmnet::generate::digits();
    let names: Vec<String> = digits.schema().input_names().into_iter().chain(["label".to_string()]).collect();
    let mut text = names.join(",") + "\n";
    for (row, label) in digits.to_matrix().iter_rows().zip(digits.labels().unwrap()) {
        row.iter().for_each(|pixel| text += &format!("{pixel},"));
        text += &format!("{label}\n");
    }
    fs::write(path, text).unwrap();
}
