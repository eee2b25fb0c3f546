//! Completions of shells, and the manual page: made of the table of options, and loaded by what reads them.

use super::*;

const COMMANDS: [&str; 14] = [
    "demo",
    "train",
    "search",
    "eval",
    "predict",
    "explain",
    "export",
    "import",
    "quantize",
    "info",
    "average",
    "bench",
    "completions",
    "man",
];

/// Returns the names of a command's options, and the short ones.
fn options(folder: &Folder, command: &str) -> Vec<String> {
    let help = folder.run(&format!("{command} --help")).ok();
    let headings = help.lines().filter_map(|line| line.strip_prefix("  -"));
    let words =
        headings.flat_map(|line| format!("-{line}").replace(',', "").split(' ').map(String::from).collect::<Vec<_>>());
    words.filter(|word| word.starts_with('-')).collect()
}

/// Runs a program that reads a file; `None` if it is not here, which is said aloud.
fn read_with(folder: &Folder, program: &str, words: &[&str]) -> Option<Run> {
    let mut command = Command::new(program);
    command.args(words).current_dir(&folder.0).env("HOME", &folder.0).stdin(Stdio::null());
    match piped(&mut command).output() {
        Ok(output) => Some(Run::from_output(output, program)),
        Err(error) => {
            eprintln!("{program} is not tested: {error}");
            None
        }
    }
}

/// A folder with the scripts of all shells and some files.
fn scripts() -> Folder {
    let folder = Folder::of_irises();
    for shell in ["bash", "zsh", "fish"] {
        folder.write(&format!("script.{shell}"), folder.run(&format!("completions {shell}")).ok());
    }
    folder.write("iris.safetensors", "");
    folder.write("my notes.md", "");
    folder
}

#[test]
fn every_option_is_in_every_output() {
    let folder = scripts();
    let text = |name: &str| String::from_utf8(folder.bytes(name)).unwrap();
    let (bash, zsh, fish) = (text("script.bash"), text("script.zsh"), text("script.fish"));
    let page = folder.run("man").ok();
    for command in COMMANDS {
        let part = |text: &str, begin: &str, end: &str| {
            let rest = text.split_once(begin).unwrap_or_else(|| panic!("{begin} is not in {text}")).1;
            rest.split_once(end).unwrap_or((rest, "")).0.to_string()
        };
        let bash = part(&bash, &format!("    *:{command})\n"), "\n    *:");
        let bash = part(&bash, "-*) names='", "'");
        let zsh = part(&zsh, &format!("    {command}) _arguments"), ";;");
        let page = part(&page, &format!(".SS palmnet {command}"), ".S").replace("\\-", "-");
        let names = options(&folder, command);
        assert_eq!(names.is_empty(), ["completions", "man"].contains(&command));
        for name in names {
            assert!(bash.split(' ').any(|word| word == name), "bash: {command} {name}");
            assert!(zsh.contains(&format!("'{name}[")) || zsh.contains(&format!("'{name}=[")), "zsh: {command} {name}");
            let dash = if name.starts_with("--") { "-l" } else { "-s" };
            let flag = format!("{dash} {} ", name.trim_start_matches('-'));
            let mut lines = fish.lines().filter(|line| line.contains(&format!("_from {command}'")));
            assert!(lines.any(|line| line.contains(&flag)), "fish: {command} {name}");
            assert!(page.contains(&format!("\\fB{name}\\fR")), "man: {command} {name}");
        }
    }
}

/// Command lines of which the last word is to be completed, with some words that must be among the candidates, and one
/// that must not.
const LINES: [(&str, &[&str], &str); 12] = [
    ("", &["train", "predict", "help"], "iris.csv"),
    ("pre", &["predict"], "train"),
    ("help ", &["demo", "man"], "iris.csv"),
    ("train ", &["iris.csv"], "--lr"),
    ("train --opt", &["--optimizer"], "--lr"),
    ("train --task ", &["classify", "regress"], "iris.csv"),
    ("train --schedule one", &["one_cycle"], "cosine"),
    ("train --from ", &["iris.safetensors"], "--lr"),
    ("eval ", &["iris.safetensors"], "--json"),
    ("demo ", &["xor", "digits"], "iris.csv"),
    ("completions ", &["bash", "zsh", "fish"], "iris.csv"),
    ("train --out my", &["my notes.md"], "iris.csv"),
];

#[track_caller]
fn check(shell: &str, out: &str, (line, wanted, unwanted): (&str, &[&str], &str)) {
    let found: Vec<&str> = out.lines().map(|line| line.split('\t').next().unwrap().trim()).collect();
    assert!(wanted.iter().all(|word| found.contains(word)), "{shell}: {line}: {found:?}");
    assert!(!found.contains(&unwanted), "{shell}: {line}: {found:?}");
}

#[test]
fn bash_completes() {
    let folder = scripts();
    let driver = "source ./script.bash; [ \"$(complete -p palmnet)\" = 'complete -F _palmnet palmnet' ] || exit 9; \
                  COMP_WORDS=(palmnet \"$@\"); COMP_CWORD=$#; _palmnet; printf '%s\\n' \"${COMPREPLY[@]}\"";
    for (line, wanted, unwanted) in LINES {
        let words = ["-c", driver, "bash"].into_iter().chain(line.split(' '));
        let Some(run) = read_with(&folder, "bash", &words.collect::<Vec<_>>()) else { return };
        assert_eq!(run.err, "", "{line}");
        check("bash", &run.ok(), (line, wanted, unwanted));
    }
    // The shell makes three words of an option with its value.
    let words = ["-c", driver, "bash", "train", "--task", "=", "cl"];
    assert_eq!(read_with(&folder, "bash", &words).unwrap().ok(), "classify\n");
    let words = ["-c", driver, "bash", "train", "--task", "="];
    assert_eq!(read_with(&folder, "bash", &words).unwrap().ok(), "classify\nregress\n");
    // The data stands behind the model.
    let words = ["-c", driver, "bash", "predict", "iris.safetensors", ""];
    check("bash", &read_with(&folder, "bash", &words).unwrap().ok(), ("", &["iris.csv"], "iris.safetensors"));
}

#[test]
fn fish_completes() {
    let folder = scripts();
    for (line, wanted, unwanted) in LINES {
        let driver = format!("source script.fish; complete -C 'palmnet {line}'");
        let Some(run) = read_with(&folder, "fish", &["--no-config", "-c", &driver]) else { return };
        check("fish", &run.ok(), (line, wanted, unwanted));
    }
}

/// The functions of zsh's own completions are replaced by some that print what they are given.
#[test]
fn zsh_completes() {
    let folder = scripts();
    let driver = |words: &str| {
        format!(
            "compdef() {{ [[ \"$*\" = '_palmnet palmnet' ]] || exit 9 }}\n_arguments() {{ print -rl -- \"$@\" }}\n\
             _describe() {{ print -rl -- ${{(P)2}} }}\nsource ./script.zsh\nwords=(palmnet {words} '')\n\
             CURRENT=$#words\n_palmnet\nprint $CURRENT $words"
        )
    };
    let Some(run) = read_with(&folder, "zsh", &["-f", "-c", &driver("")]) else { return };
    assert_eq!(run.err, "");
    let out = run.ok();
    assert!(out.contains("\ntrain:Train a network on a file") && out.ends_with("2 palmnet\n"), "{out}");
    let out = read_with(&folder, "zsh", &["-f", "-c", &driver("train")]).unwrap().ok();
    for spec in [
        "--task=[Whether the target is a class or a number]:classify|regress:(classify regress)",
        "--from=[Train the network of a saved model further, with its columns and its preprocessing, instead of a new \
         network]:MODEL:_files -g \"*.safetensors\"",
        "--quiet[No progress and no warnings]",
        "-q[No progress and no warnings]",
        "--epochs=[Passes over the training data]:N: ",
        "1:DATA:_files -g \"*.(csv|tsv|txt|data)\"",
        "2 train",
    ] {
        assert!(out.lines().any(|line| line == spec), "{spec}: {out}");
    }
}

#[test]
fn manual_page_is_read_without_warnings() {
    let folder = Folder::new();
    folder.write("palmnet.1", folder.run("man").ok());
    let Some(run) = read_with(&folder, "groff", &["-man", "-Tutf8", "-ww", "-P-cbou", "palmnet.1"]) else { return };
    assert_eq!(run.err, "");
    let out = run.ok().split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "palmnet - Neural networks that fit in your palm",
        "palmnet predict MODEL DATA",
        "-j, --threads N Threads that share the work.",
        "[default: NA, N/A, #N/A, <NA>, \\N, null,",
        "8 × 8 handwritten digits",
        "EXIT STATUS",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    if let Some(run) = read_with(&folder, "man", &["-l", "--warnings", "palmnet.1"]) {
        assert_eq!(run.err, "");
        run.ok();
    }
}

#[test]
fn shells_have_names() {
    let folder = Folder::new();
    folder
        .run("completions fsih")
        .fails(2, &["unknown completions \"fsih\" (did you mean fish?); known are bash, zsh, fish"]);
    folder.run("completions").fails(2, &["missing argument; usage: palmnet completions bash|zsh|fish"]);
}
