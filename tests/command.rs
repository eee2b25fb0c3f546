//! The command as a user has it: words in, text and JSON lines out, exit status 0, 1 or 2.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use palmnet::json::Json;
use palmnet::{Rng, Safetensors};

const IRIS: &str = include_str!("data/iris.csv");

// ------------------------------------------------------------------------------------------- running the command

/// An empty folder in which the command runs, gone afterwards.
struct Folder(PathBuf);

/// How a command ended.
struct Run {
    words: String,
    status: Option<i32>,
    out: String,
    err: String,
}

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("palmnet-command-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// A folder with the irises, labelled and not.
    fn of_irises() -> Folder {
        let folder = Folder::new();
        folder.write("iris.csv", IRIS);
        folder.write("unlabelled.csv", without_last_column(IRIS));
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    fn command(&self, words: &str) -> Command {
        let mut command = bare_command();
        command.args(words.split_whitespace()).current_dir(&self.0).env_remove("COLUMNS").env_remove("PALMNET_ISA");
        command.stdin(Stdio::null());
        command
    }

    /// Runs `palmnet` with these words, which have spaces between them.
    fn run(&self, words: &str) -> Run {
        Run::of(&mut self.command(words), words)
    }

    fn run_with(&self, words: &str, variables: &[(&str, &str)]) -> Run {
        Run::of(self.command(words).envs(variables.iter().copied()), words)
    }

    fn run_with_input(&self, words: &str, input: &str) -> Run {
        let mut child = piped(self.command(words).stdin(Stdio::piped())).spawn().unwrap();
        // What does not read its input ends early: that is no failure of the writer.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Run::from_output(child.wait_with_output().unwrap(), words)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Run {
    fn of(command: &mut Command, words: &str) -> Run {
        Run::from_output(piped(command).output().unwrap(), words)
    }

    fn from_output(output: std::process::Output, words: &str) -> Run {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        Run { words: words.to_string(), status: output.status.code(), out, err }
    }

    /// The standard output of what must have succeeded.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.status, Some(0), "palmnet {}: {}", self.words, self.err);
        self.out
    }

    /// Standard error of what must have ended with this status, in one line at the end, which says all of `parts`.
    #[track_caller]
    fn fails(self, status: i32, parts: &[&str]) -> String {
        let Run { words, err, .. } = self;
        assert_eq!(self.status, Some(status), "palmnet {words}: {err}");
        let message = err.lines().last().unwrap_or_default();
        assert!(message.starts_with("palmnet: "), "palmnet {words}: {err}");
        for part in parts {
            assert!(message.contains(part), "palmnet {words}: {message:?} lacks {part:?}");
        }
        err
    }

    /// The JSON lines of what must have succeeded; nothing else may stand among them.
    #[track_caller]
    fn json(self) -> Vec<Json> {
        let words = self.words.clone();
        let out = self.ok();
        assert!(out.ends_with('\n'), "palmnet {words}: {out:?}");
        out.lines().map(|line| Json::parse(line).unwrap_or_else(|error| panic!("{words}: {line}: {error}"))).collect()
    }
}

/// The command under test, behind the emulator that runs it where the tests are cross-compiled: an emulator cannot
/// start a child of another processor by itself.
fn bare_command() -> Command {
    let runner = runner();
    let program = env!("CARGO_BIN_EXE_palmnet");
    let words: Vec<&str> = runner.iter().flat_map(|runner| runner.split_whitespace()).chain([program]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

fn emulated() -> bool {
    runner().is_some()
}

fn runner() -> Option<String> {
    let arch = std::env::consts::ARCH.to_uppercase();
    let (system, android) = (std::env::consts::OS.to_uppercase(), cfg!(target_os = "android"));
    std::env::vars().find_map(|(name, runner)| {
        let triple = name.strip_prefix("CARGO_TARGET_")?.strip_suffix("_RUNNER")?;
        let ours = triple.starts_with(&arch) && triple.contains(&system) && triple.contains("ANDROID") == android;
        ours.then_some(runner)
    })
}

fn piped(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::piped()).stderr(Stdio::piped())
}

fn without_last_column(csv: &str) -> String {
    csv.lines().map(|line| format!("{}\n", line.rsplit_once(',').unwrap().0)).collect()
}

#[track_caller]
fn member<'a>(json: &'a Json, path: &str) -> &'a Json {
    path.split('.').fold(json, |json, name| json.get(name).unwrap_or_else(|| panic!("{json} lacks {path}")))
}

#[track_caller]
fn number(json: &Json, path: &str) -> f64 {
    member(json, path).as_f64().unwrap_or_else(|| panic!("{json}: {path} is no number"))
}

#[track_caller]
fn text<'a>(json: &'a Json, path: &str) -> &'a str {
    member(json, path).as_str().unwrap_or_else(|| panic!("{json}: {path} is no text"))
}

fn names(json: &Json) -> Vec<&str> {
    json.as_object().unwrap().iter().map(|(name, _)| name.as_str()).collect()
}

fn strings(json: &Json) -> Vec<&str> {
    json.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

/// Two numbers and what follows from them: `a,b,sum,difference`.
fn sums(rows: usize) -> String {
    let mut rng = Rng::new(11);
    let mut row = || {
        let (a, b) = (rng.uniform_in(0.0, 10.0), rng.uniform_in(0.0, 10.0));
        format!("{a:.3},{b:.3},{:.3},{:.3}\n", a + b, a - b)
    };
    "a,b,sum,difference\n".to_string() + &(0..rows).map(|_| row()).collect::<String>()
}

// ------------------------------------------------------------------------------------------------ from file to model

#[test]
fn from_a_file_to_predictions_in_text() {
    let folder = Folder::of_irises();
    let out = folder.run("train iris.csv --epochs 60 --every 20").ok();
    for part in ["4 features → species (3 classes)", "train 120, test 30 examples", "saved model.safetensors"] {
        assert!(out.contains(part), "{out:?} lacks {part:?}");
    }
    assert!(out.lines().any(|line| line.starts_with("train loss ") && line.contains(", accuracy 0.9")), "{out}");
    assert!(out.lines().any(|line| line.starts_with("test  loss ")), "{out}");

    let out = folder.run("eval model.safetensors iris.csv").ok();
    assert!(out.starts_with("150 examples\n"), "{out}");
    assert!(out.contains("precision") && out.contains("recall") && out.contains("truth in rows"), "{out}");

    let predictions = folder.run("predict model.safetensors unlabelled.csv").ok();
    let lines: Vec<&str> = predictions.lines().collect();
    let truth: Vec<&str> = IRIS.lines().skip(1).map(|line| line.rsplit_once(',').unwrap().1).collect();
    let right = lines.iter().zip(&truth).filter(|(line, truth)| line == truth).count();
    assert!(lines.len() == 150 && right >= 140, "{right} of {}", lines.len());
    let unlabelled = String::from_utf8(folder.bytes("unlabelled.csv")).unwrap();
    assert_eq!(folder.run_with_input("predict model.safetensors -", &unlabelled).ok(), predictions);
    // The label is no hindrance, and no help.
    assert_eq!(folder.run("predict model.safetensors iris.csv").ok(), predictions);

    let probabilities = folder.run("predict model.safetensors unlabelled.csv --probabilities").ok();
    let mut lines = probabilities.lines();
    assert_eq!(lines.next(), Some("species,setosa,versicolor,virginica"));
    for (line, class) in lines.zip(predictions.lines()) {
        let cells: Vec<&str> = line.split(',').collect();
        let sum: f64 = cells[1..].iter().map(|cell| cell.parse::<f64>().unwrap()).sum();
        assert!(cells[0] == class && cells.len() == 4 && (sum - 1.0).abs() < 1e-5, "{line}");
    }

    // Long lines are broken, wherever that may be.
    let out = folder.run("info model.safetensors").ok().split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["dense(4,", "softmax", "petal_width", "predicts: species", "--epochs 60", "trained on: 120 examples"] {
        assert!(out.contains(part), "{out:?} lacks {part:?}");
    }
}

#[test]
fn classification_in_json() {
    let folder = Folder::of_irises();
    let run = folder.run("train iris.csv --epochs 50 --hidden 16,8 --json -o a.safetensors");
    assert_eq!(run.err.lines().filter(|line| line.starts_with("epoch")).count(), 0, "{}", run.err);
    let lines = run.json();
    assert_eq!(lines.len(), 51);
    for (line, epoch) in lines.iter().zip(1..=50) {
        assert_eq!(names(line), ["event", "epoch", "train_loss", "validation_loss", "seconds"]);
        assert_eq!((text(line, "event"), number(line, "epoch")), ("epoch", f64::from(epoch)));
        assert_eq!(member(line, "validation_loss"), &Json::Null);
        assert!(number(line, "train_loss") > 0.0 && number(line, "seconds") >= 0.0);
    }
    assert!(number(&lines[49], "train_loss") < number(&lines[0], "train_loss"));
    let done = &lines[50];
    assert_eq!(names(done), ["event", "epochs", "seconds", "train", "test", "model"]);
    assert_eq!((text(done, "event"), number(done, "epochs")), ("done", 50.0));
    assert_eq!(text(done, "model"), "a.safetensors");
    for part in ["train", "test"] {
        assert_eq!(names(member(done, part)), ["loss", "accuracy"]);
        assert!(number(done, &format!("{part}.loss")) > 0.0);
    }
    assert!(number(done, "train.accuracy") > 0.9);

    let evaluation = &folder.run("eval a.safetensors iris.csv --json").json()[..];
    let [evaluation] = evaluation else { panic!("{evaluation:?}") };
    assert_eq!(names(evaluation), ["examples", "loss", "accuracy", "classes", "confusion"]);
    assert_eq!(number(evaluation, "examples"), 150.0);
    let classes = member(evaluation, "classes").as_array().unwrap();
    let confusion: Vec<Vec<f64>> = member(evaluation, "confusion").as_array().unwrap().iter().map(numbers).collect();
    assert_eq!(
        classes.iter().map(|class| text(class, "class")).collect::<Vec<_>>(),
        ["setosa", "versicolor", "virginica"]
    );
    for (i, class) in classes.iter().enumerate() {
        assert_eq!(names(class), ["class", "precision", "recall", "f1", "examples"]);
        assert_eq!((number(class, "examples"), confusion[i].iter().sum()), (50.0, 50.0));
        assert_eq!(number(class, "recall"), confusion[i][i] / 50.0);
    }
    let right: f64 = (0..3).map(|i| confusion[i][i]).sum();
    assert_eq!(number(evaluation, "accuracy"), right / 150.0);

    let predictions = folder.run("predict a.safetensors unlabelled.csv --json").json();
    assert_eq!(predictions.len(), 150);
    for line in &predictions {
        assert_eq!(names(line), ["prediction", "probabilities"]);
        let probabilities = member(line, "probabilities");
        assert_eq!(names(probabilities), ["setosa", "versicolor", "virginica"]);
        let most = names(probabilities)
            .into_iter()
            .max_by(|a, b| number(probabilities, a).total_cmp(&number(probabilities, b)));
        assert_eq!(Some(text(line, "prediction")), most);
    }

    let info = &folder.run("info a.safetensors --json").json()[0];
    assert_eq!(names(info), ["layers", "parameters", "inputs", "scaler", "target", "classes", "notes"]);
    let layers = ["dense(4,16)", "relu", "dense(16,8)", "relu", "dense(8,3)", "softmax"];
    assert_eq!(strings(member(info, "layers")), layers);
    assert_eq!(number(info, "parameters"), (4 * 16 + 16 + 16 * 8 + 8 + 8 * 3 + 3) as f64);
    assert_eq!(strings(member(info, "inputs")), ["sepal_length", "sepal_width", "petal_length", "petal_width"]);
    assert_eq!(strings(member(info, "target")), ["species"]);
    assert_eq!(numbers(member(info, "scaler.offset")).len(), 4);
    assert!(text(info, "notes.settings").contains("--epochs 50"), "{info}");
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|item| item.as_f64().unwrap()).collect()
}

#[test]
fn regression_in_text_and_json() {
    let folder = Folder::new();
    folder.write("sums.csv", sums(400));
    folder.write("new.csv", "b,a\n3,5\n1,9\n");
    let lines = folder.run("train sums.csv --target sum,difference --epochs 100 --validation 0.1 --json").json();
    let (done, epochs) = lines.split_last().unwrap();
    assert!(epochs.iter().all(|line| number(line, "validation_loss") > 0.0));
    for part in ["train", "test"] {
        assert_eq!(names(member(done, part)), ["loss", "rmse", "mae", "r2"]);
        assert!(number(done, &format!("{part}.r2")) > 0.99, "{done}");
        assert!(number(done, &format!("{part}.mae")) <= number(done, &format!("{part}.rmse")), "{done}");
    }
    let out = folder.run("eval model.safetensors sums.csv").ok();
    assert!(out.starts_with("400 examples: rmse ") && out.contains("mae ") && out.contains("R² 0.99"), "{out}");
    let evaluation = &folder.run("eval model.safetensors sums.csv --json").json()[0];
    assert_eq!(names(evaluation), ["examples", "loss", "rmse", "mae", "r2"]);
    // Columns are found by name, whatever their order.
    let out = folder.run("predict model.safetensors new.csv").ok();
    let values: Vec<Vec<f64>> =
        out.lines().map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    for (value, truth) in values.concat().iter().zip([8.0, 2.0, 10.0, 8.0]) {
        assert!((value - truth).abs() < 0.7, "{out}");
    }
    let lines = folder.run("predict model.safetensors new.csv --json").json();
    assert_eq!(names(member(&lines[1], "prediction")), ["sum", "difference"]);
    assert_eq!(number(&lines[1], "prediction.sum") as f32, values[1][0] as f32);
    folder.run("predict model.safetensors new.csv --probabilities").fails(2, &["--probabilities", "values"]);
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(strings(member(info, "values")), ["sum", "difference"]);
    assert!(folder.run("info model.safetensors").ok().contains("predicts: sum, difference"));
}

#[test]
fn which_column_is_the_target() {
    let folder = Folder::of_irises();
    let target = |options: &str| {
        folder.run(&format!("train iris.csv --quiet --epochs 1 --restarts 1 {options}")).ok();
        let info = folder.run("info model.safetensors --json").json().remove(0);
        let kind = if info.get("classes").is_some() { "classes" } else { "values" };
        (strings(member(&info, "target")).join(","), kind)
    };
    assert_eq!(target(""), ("species".into(), "classes"));
    assert_eq!(target("--target petal_width"), ("petal_width".into(), "values"));
    assert_eq!(target("--target 1"), ("sepal_length".into(), "values"));
    assert_eq!(target("--target 4,sepal_width"), ("petal_width,sepal_width".into(), "values"));
    assert_eq!(target("--target=species --task=classify"), ("species".into(), "classes"));
    // Text among the features: one input for each species.
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(member(info, "inputs").as_array().unwrap().len(), 4);
    target("--target petal_width");
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(strings(member(info, "inputs"))[3..], ["species=setosa", "species=versicolor", "species=virginica"]);

    // Few whole numbers are classes unless the user knows better.
    folder.write("dice.csv", "x,y\n".to_string() + &"1,1\n2,2\n3,1\n4,2\n".repeat(10));
    let kind = |options: &str| {
        folder.run(&format!("train dice.csv --quiet --epochs 1 {options}")).ok();
        folder.run("info model.safetensors --json").json()[0].get("classes").is_some()
    };
    assert!(kind("") && kind("--task classify"));
    assert!(!kind("--task regress"));

    folder.run("train iris.csv --target color").fails(1, &["iris.csv", "`color`", "it has `sepal_length`"]);
    folder.run("train iris.csv --target 6").fails(1, &["no column `6`"]);
    folder.run("train iris.csv --target 1,2 --task classify").fails(2, &["one column"]);
    folder.run("train iris.csv --task regress").fails(1, &["iris.csv, line 2, column species", "not a number"]);
    folder.run("train iris.csv --task cluster").fails(2, &["--task cluster", "classify or regress"]);
}

#[test]
fn what_is_tested_on() {
    let folder = Folder::of_irises();
    let done = |options: &str| {
        let lines = folder.run(&format!("train iris.csv --epochs 3 --restarts 1 --json {options}")).json();
        lines.last().unwrap().clone()
    };
    let trained_on = || {
        let info = folder.run("info model.safetensors --json").json().remove(0);
        text(&info, "notes.trained on").to_string()
    };
    done("");
    assert_eq!(trained_on(), "120 examples");
    done("--test 0.5");
    assert_eq!(trained_on(), "75 examples");
    assert_eq!(member(&done("--test 0"), "test"), &Json::Null);
    assert_eq!(trained_on(), "150 examples");
    // A share too small for one example still gets one.
    done("--test 1e-20");
    assert_eq!(trained_on(), "149 examples");
    let head: String = IRIS.lines().take(11).map(|line| format!("{line}\n")).collect();
    folder.write("setosa.csv", head);
    let tested = done("--test setosa.csv");
    assert_eq!(trained_on(), "150 examples");
    let accuracy = number(&tested, "test.accuracy");
    assert_eq!(accuracy, number(&folder.run("eval model.safetensors setosa.csv --json").json()[0], "accuracy"));
    for share in ["1", "1.5", "-0.1", "nan", "inf"] {
        folder.run(&format!("train iris.csv --test {share}")).fails(2, &["--test", "at least 0 and less than 1"]);
    }
    folder.run("train iris.csv --test no.csv").fails(1, &["no.csv"]);
}

#[test]
fn where_the_model_goes() {
    let folder = Folder::of_irises();
    for (option, file) in [("", "model.safetensors"), ("-o a", "a"), ("--out=b", "b"), ("--out c", "c"), ("-o=d", "d")]
    {
        let out = folder.run(&format!("train iris.csv --epochs 1 --quiet {option}")).ok();
        assert!(out.contains(&format!("saved {file}\n")), "{out}");
        assert!(folder.has(file), "{option}");
    }
    // Nothing is left of the way it was written, and it is a file as Python reads it.
    assert!(
        fs::read_dir(&folder.0).unwrap().all(|entry| !entry.unwrap().file_name().to_str().unwrap().contains("tmp"))
    );
    let file = Safetensors::read(folder.path("a")).unwrap();
    assert_eq!(file.tensor("layers.0.weights").unwrap().shape[0], 4);

    fs::create_dir(folder.path("sub")).unwrap();
    for (out, part) in [("sub", "is a folder"), ("none/m", "its folder is not there"), ("iris.csv/m", "folder")] {
        let run = folder.run(&format!("train iris.csv --out {out}"));
        // Hours of training must not be lost: the answer comes first.
        assert!(!run.err.contains("epoch 1/"), "{}", run.err);
        run.fails(1, &[out, part]);
        folder.run(&format!("demo xor --out {out}")).fails(1, &[out, part]);
    }
    folder.write("notes.txt", "do not lose me");
    folder.write("test.csv", IRIS);
    folder.write("short", "12345678");
    folder.write("empty", "");
    for (words, parts) in [
        ("train iris.csv --out iris.csv", ["iris.csv: ", "is the data"]),
        ("train iris.csv --out ./sub/../iris.csv", ["iris.csv: ", "is the data"]),
        ("train iris.csv --test test.csv --out test.csv", ["test.csv: ", "is the data"]),
        ("train iris.csv --out notes.txt", ["notes.txt: ", "exists and is not a model"]),
        ("train iris.csv --out short", ["short: ", "exists and is not a model"]),
        ("demo xor --out notes.txt", ["notes.txt: ", "exists and is not a model"]),
    ] {
        folder.run(words).fails(1, &[&parts[..], &["--out"]].concat());
    }
    assert_eq!((folder.bytes("notes.txt"), folder.bytes("iris.csv")), (b"do not lose me".into(), IRIS.into()));
    // A model gives way to its successor, and an empty file to anything.
    for file in ["a", "empty"] {
        folder.run(&format!("train iris.csv --epochs 1 --quiet --out {file}")).ok();
        folder.run(&format!("info {file}")).ok();
    }
    let mut permissions = fs::metadata(folder.path("a")).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(folder.path("a"), permissions).unwrap();
    let run = folder.run("train iris.csv --out a");
    assert!(!run.err.contains("epoch 1/"), "{}", run.err);
    run.fails(1, &["a: is read-only", "--out"]);
    if cfg!(target_os = "linux") {
        let run = folder.run("train iris.csv --out /proc/x");
        assert!(!run.err.contains("epoch 1/"), "{}", run.err);
        run.fails(1, &["/proc/x: no file can be created", "--out"]);
        folder.run("train iris.csv --epochs 1 --quiet --out /dev/null").ok();
    }
    let run = Run::of(folder.command("train iris.csv --out").arg(""), "train iris.csv --out ''");
    assert!(!run.err.contains("epoch 1/"), "{}", run.err);
    run.fails(1, &["--out"]);
}

#[test]
fn a_seed_decides_every_byte() {
    let folder = Folder::of_irises();
    let model = |options: &str| {
        folder.run(&format!("train iris.csv --epochs 5 --restarts 3 --dropout 0.1 --quiet {options}")).ok();
        folder.bytes("model.safetensors")
    };
    let first = model("--seed 7");
    assert_eq!(first, model("--seed 7"));
    assert_ne!(first, model("--seed 8"));
    assert_eq!(model(""), model("--seed 0"));
    // How progress is told makes no difference.
    assert_eq!(first, model("--seed 7 --json"));
    folder.run("train iris.csv --epochs 5 --restarts 3 --dropout 0.1 --seed 7 --every 1 -o other").ok();
    assert_eq!(first, folder.bytes("other"));
    folder.run("demo xor --quiet --seed 3").ok();
    let first = folder.bytes("xor.safetensors");
    folder.run("demo xor --quiet --seed 3").ok();
    assert_eq!(first, folder.bytes("xor.safetensors"));
}

#[test]
fn every_name_of_an_option() {
    let folder = Folder::of_irises();
    let loss = |options: &str| {
        let lines = folder.run(&format!("train iris.csv --epochs 40 --restarts 1 --json {options}")).json();
        number(lines.last().unwrap(), "train.loss")
    };
    // Three classes by chance: ln 3.
    let chance = 3f64.ln();
    for optimizer in ["adam", "sgd", "momentum", "nesterov"] {
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
    for schedule in ["constant", "cooldown", "cooldown:0.5"] {
        assert!(loss(&format!("--schedule {schedule}")) < 0.5 * chance, "{schedule}");
    }
    // The scalers as their definitions have them: the lengths are from 4.3 to 7.9.
    folder.run("train iris.csv --epochs 1 --quiet --test 0 --scale minmax").ok();
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(numbers(member(info, "scaler.offset"))[0] as f32, 4.3);
    assert!((numbers(member(info, "scaler.factor"))[0] - 1.0 / 3.6).abs() < 1e-6);
    folder.run("train iris.csv --epochs 1 --quiet --scale none").ok();
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(
        (numbers(member(info, "scaler.offset")), numbers(member(info, "scaler.factor"))),
        (vec![0.0; 4], vec![1.0; 4])
    );
}

#[test]
fn early_stopping() {
    let folder = Folder::of_irises();
    let lines = folder.run("train iris.csv --epochs 500 --lr 0.02 --patience 3 --json").json();
    let (done, epochs) = lines.split_last().unwrap();
    let losses: Vec<f64> = epochs.iter().map(|line| number(line, "validation_loss")).collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
    assert!(losses.len() < 500 && best + 4 == losses.len(), "best {best} of {}", losses.len());
    assert_eq!(number(done, "epochs"), losses.len() as f64);
    let info = &folder.run("info model.safetensors --json").json()[0];
    assert_eq!(text(info, "notes.epochs"), format!("{}, weights of epoch {}", losses.len(), best + 1));
    // Never.
    assert_eq!(
        folder.run("train iris.csv --epochs 30 --lr 0.02 --validation 0.2 --patience 0 --json").json().len(),
        31
    );
}

#[test]
fn progress_goes_to_standard_error() {
    let folder = Folder::of_irises();
    let epochs = |err: &str| {
        let lines = err.lines().filter_map(|line| line.strip_prefix("epoch "));
        lines.map(|line| line.split('/').next().unwrap().parse().unwrap()).collect::<Vec<usize>>()
    };
    let run = folder.run("train iris.csv --epochs 10 --every 4");
    assert_eq!(epochs(&run.err), [1, 4, 8, 10]);
    assert!(!run.err.contains(['\r', '\x1b']) && !run.out.contains("epoch 1"), "{}", run.err);
    let line = run.err.lines().find(|line| line.starts_with("epoch 10/10 loss ")).unwrap();
    assert!(line.contains(" left") && line.contains("/s"), "{line}");
    // Without --every about twenty lines tell a training.
    let lines = epochs(&folder.run("train iris.csv --epochs 400").err).len();
    assert!((10..=30).contains(&lines), "{lines}");
    assert_eq!(folder.run("train iris.csv --epochs 10 --quiet").err, "");
    let run = folder.run("train iris.csv --epochs 10 --hidden 64,64");
    assert!(run.err.contains("note: the network has 4675 parameters"), "{}", run.err);
}

/// Numbers that people read have few digits, whatever their size; predicted values have all that they need.
#[test]
fn figures() {
    use palmnet::{Activation::*, Init, Matrix, Model, Network, Output, Scaler, Schema};
    let folder = Folder::new();
    let save = |weight: f32, outputs: Output, activation| {
        let count = if let Output::Classes { classes, .. } = &outputs { classes.len() } else { outputs.names().len() };
        let network = Network::builder(1).dense(count, activation).init(Init::Constant(weight)).build().unwrap();
        let schema = Schema::numbers(["x"], outputs).unwrap();
        let model = Model::new(network, Scaler::identity(1), schema).unwrap();
        model.save(folder.path("model.safetensors")).unwrap();
        model
    };
    let values = || Output::Values { names: vec!["y".into()] };
    folder.write("x.csv", "x\n1\n0.00003\n1e-18\n1e18\n-12.345678\n0\n");
    let model = save(1.0 / 3.0, values(), Identity);
    let out = folder.run("predict model.safetensors x.csv").ok();
    let x = Matrix::from_rows(&[[1.0], [0.00003], [1e-18], [1e18], [-12.345678], [0.0]]);
    for (line, y) in out.lines().zip(model.predict(&x).iter_rows()) {
        assert!(line.parse::<f32>().unwrap() == y[0] && line.len() < 16, "{line} for {}", y[0]);
    }
    assert!(out.contains("e-19") && out.contains("e17") && out.ends_with("\n0\n"), "{out}");

    save(0.0, values(), Identity);
    folder.write("tiny.csv", "x,y\n1,2e-9\n2,-2e-9\n");
    let out = folder.run("eval model.safetensors tiny.csv").ok();
    assert_eq!(out, "2 examples: rmse 2.000e-9, mae 2.000e-9, R² 0.0000\n");
    folder.write("huge.csv", "x,y\n1,3e30\n2,-3e30\n");
    let out = folder.run("eval model.safetensors huge.csv").ok();
    assert_eq!(out, "2 examples: rmse 3.000e30, mae 3.000e30, R² 0.0000\n");

    save(0.0, Output::Classes { name: "y".into(), classes: ["a", "b", "c"].map(String::from).into() }, Softmax);
    let out = folder.run("predict model.safetensors x.csv --probabilities").ok();
    assert_eq!(out.lines().nth(1), Some("a,0.333333,0.333333,0.333333"));
}

/// The note on the size of a network is for those who chose it.
#[test]
fn usual_networks_suit_the_data() {
    let folder = Folder::of_irises();
    folder.write("sums.csv", sums(2000));
    folder.write("small.csv", sums(100));
    folder.write("few.csv", sums(4));
    for (data, network) in [
        // 80 + 272 + 51 of 120 × 4 = 480.
        ("iris.csv", "4-16-16-3, 403 parameters"),
        // 256 + 4160 + 65 = 4481 of 1600 × 3 = 4800.
        ("sums.csv", "3-64-64-1, 4481 parameters"),
        // 64 + 272 + 17 = 353 is too much for 80 × 3 = 240; 32 + 72 + 9.
        ("small.csv", "3-8-8-1, 113 parameters"),
        // The smallest there is.
        ("few.csv", "3-4-4-1, 41 parameters"),
    ] {
        let run = folder.run(&format!("train {data} --epochs 1"));
        assert!(run.out.contains(&format!("network {network}\n")), "{}", run.out);
        assert!(!run.err.contains("parameters"), "{}", run.err);
        run.ok();
    }
}

/// The note of a model is the command that makes the very same file.
#[test]
fn a_training_can_be_repeated() {
    let folder = Folder::of_irises();
    folder.write("test.csv", IRIS);
    for words in [
        "train iris.csv",
        "train iris.csv --target 4 --hidden 6 --activation leaky_relu:0.1 --init normal:0.3 --scale minmax --test 0.3 \
         --optimizer nesterov --schedule cooldown:0.5 --dropout 0.1 --epochs 7 --batch 9 --restarts 2 --seed 5",
        "train iris.csv --test test.csv --task classify --hidden 0 --validation 0.2 --patience 3 --lr 0.00001",
        "train iris.csv --patience 4 --epochs 30",
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

/// The library is silent while it tries starts; their time is told all the same.
#[test]
fn starts_are_told() {
    let folder = Folder::of_irises();
    let err = folder.run("train iris.csv --epochs 20 --restarts 7").err;
    assert!(err.contains("choosing among 7 starts\nepoch 1/20 "), "{err}");
    assert!(!folder.run("train iris.csv --epochs 20 --restarts 1").err.contains("choosing"));
    let lines = folder.run("train iris.csv --epochs 20 --restarts 500 --json").json();
    let (done, last) = (&lines[20], &lines[19]);
    assert!(number(done, "seconds") > 10.0 * number(last, "seconds"), "{done} after {last}");
}

#[test]
fn swapped_words() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --quiet --epochs 1").ok();
    for command in ["predict", "eval"] {
        let words = format!("{command} iris.csv model.safetensors");
        folder.run(&words).fails(2, &["iris.csv is not a model", "MODEL DATA"]);
    }
}

#[test]
fn remarks_on_the_data() {
    let folder = Folder::new();
    let remarks = |data: &str, options: &str| {
        folder.write("data.csv", data);
        let run = folder.run(&format!("train data.csv --epochs 1 {options}"));
        let notes = run.err.split_whitespace().collect::<Vec<_>>().join(" ");
        (run.ok(), notes)
    };
    let table = |classes: &[&str]| {
        let row = |i: usize| format!("{i},{}\n", classes[i % classes.len()]);
        "x,y\n".to_string() + &(0..60).map(row).collect::<String>()
    };
    let whole = "the target holds whole numbers: taken as 3 classes; --task regress predicts it as a number";
    assert!(remarks(&table(&["1", "2", "5"]), "").1.contains(whole));
    for (classes, options) in [
        (&["1", "2", "5"][..], "--task classify"),
        (&["1", "2", "5"], "--task regress"),
        (&["0", "1"], ""),
        (&["a", "b", "c"], ""),
    ] {
        assert!(!remarks(&table(classes), options).1.contains("whole numbers"), "{classes:?} {options}");
    }
    for seed in 0..3 {
        let (out, notes) = remarks("x,y\n1,a\n2,b\n", &format!("--test 0.5 --seed {seed}"));
        assert!(out.contains("1 feature → y (2 classes)\ntrain 1, test 1 example\n"), "{out}");
        assert!(out.contains("\n1 epoch in "), "{out}");
        assert!(notes.contains("no training example of a.") != notes.contains("no training example of b."), "{notes}");
        assert!(!notes.contains("uneven"), "{notes}");
    }
    let rows: String = (0..60).map(|i| format!("{i},7,{}\n", if i < 57 { "often" } else { "rare" })).collect();
    folder.write("odd.csv", format!("x,same,y\n{rows}"));
    let run = folder.run("train odd.csv --epochs 1 --scale none");
    assert!(run.err.contains("same") && run.err.contains("uneven"), "{}", run.err);
    run.ok();
}

// ------------------------------------------------------------------------------------------------------------- tables

#[test]
fn texts_are_features_too() {
    let folder = Folder::new();
    let colours = ["red", "green", "light blue"];
    let rows: String =
        (0..90).map(|i| format!("{},{},{}\n", i % 7, colours[i % 3], ["warm", "mild", "cold"][i % 3])).collect();
    folder.write("weather.csv", format!("size,colour,feel\n{rows}"));
    folder.run("train weather.csv --quiet --lr 0.01").ok();
    folder.write("new.csv", "colour,size\nred,3\nlight blue,3\n\"green\",6\n");
    assert_eq!(folder.run("predict model.safetensors new.csv").ok(), "warm\ncold\nmild\n");
    folder.write("new.csv", "colour,size\nred,3\npink,3\n");
    folder
        .run("predict model.safetensors new.csv")
        .fails(1, &["new.csv, line 3, column colour", "`pink`", "`light blue`"]);
    folder.write("new.csv", "colour,weight\nred,3\n");
    folder.run("predict model.safetensors new.csv").fails(1, &["new.csv", "lacks", "`size`", "`weight`"]);
    folder.run("eval model.safetensors new.csv").fails(1, &["lacks", "`size`", "`feel`"]);
    folder.write("new.csv", "size,colour,feel\n1,red,warm\n2,red,hot\n");
    folder.run("eval model.safetensors new.csv").fails(1, &["new.csv, line 3, column feel", "`hot`", "`cold`"]);
}

#[test]
fn names_that_need_quotes() {
    let folder = Folder::new();
    let rows: String =
        (0..40).map(|i| format!("{i},{}\n", if i < 20 { "\"a, \"\"b\"\"\"" } else { "\"two\nlines\"" })).collect();
    folder.write("odd.csv", format!("\"x, y\",\"the, class\"\n{rows}"));
    folder.run("train odd.csv --quiet --lr 0.01").ok();
    let out = folder.run("predict model.safetensors odd.csv").ok();
    // As in CSV, so that the output can be read as the input was.
    assert!(out.starts_with("\"a, \"\"b\"\"\"\n") && out.ends_with("\"two\nlines\"\n"), "{out}");
    let out = folder.run("predict model.safetensors odd.csv --probabilities").ok();
    assert!(out.starts_with("\"the, class\",\"a, \"\"b\"\"\",\"two\nlines\"\n"), "{out}");
    let lines = folder.run("predict model.safetensors odd.csv --json").json();
    assert_eq!((lines.len(), text(&lines[39], "prediction")), (40, "two\nlines"));
    assert!(folder.run("eval model.safetensors odd.csv").ok().contains("two lines"));
    let run = Run::of(folder.command("train odd.csv --quiet --epochs 1 --target").arg("x, y"), "--target 'x, y'");
    run.ok();
}

/// The numbers of a model, without what is said about it.
fn tensors(folder: &Folder, name: &str) -> Vec<u8> {
    let bytes = folder.bytes(name);
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header..].to_vec()
}

#[test]
fn every_dialect() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --quiet --epochs 30").ok();
    let model = tensors(&folder, "model.safetensors");
    let predictions = folder.run("predict model.safetensors unlabelled.csv").ok();
    for (name, text) in [
        ("iris.tsv", IRIS.replace(',', "\t")),
        ("semicolons.csv", IRIS.replace(',', ";")),
        ("crlf.csv", IRIS.replace('\n', "\r\n")),
        ("bom.csv", format!("\u{FEFF}{IRIS}\n\n")),
        ("quotes.csv", IRIS.replace("setosa", "\"setosa\"")),
    ] {
        folder.write(name, text);
        folder.run(&format!("train {name} --quiet --epochs 30 -o other")).ok();
        assert_eq!(tensors(&folder, "other"), model, "{name}");
        assert_eq!(folder.run(&format!("predict model.safetensors {name}")).ok(), predictions, "{name}");
    }
    // Without a header: the same columns by their places.
    let bare = IRIS.split_once('\n').unwrap().1;
    folder.write("bare.csv", bare);
    folder.write("bare_unlabelled.csv", without_last_column(bare));
    folder.run("train bare.csv --quiet --epochs 30 -o bare").ok();
    assert_eq!(folder.run("predict bare bare_unlabelled.csv").ok(), predictions);
    assert_eq!(folder.run("predict model.safetensors bare.csv").ok(), predictions);
    assert_eq!(folder.run("predict bare iris.csv").ok(), predictions);
    folder.run_with_input("train - --quiet --epochs 30 -o piped", IRIS).ok();
    assert_eq!(tensors(&folder, "piped"), model);
}

#[test]
fn bad_tables() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --quiet --epochs 1").ok();
    let bad = |content: &[u8], parts: &[&str]| {
        folder.write("bad.csv", content);
        let parts: Vec<&str> = parts.iter().copied().chain(["bad.csv"]).collect();
        for words in ["train bad.csv", "eval model.safetensors bad.csv", "predict model.safetensors bad.csv"] {
            folder.run(words).fails(1, &parts);
        }
    };
    let head = "sepal_length,sepal_width,petal_length,petal_width,species\n5.1,3.5,1.4,0.2,setosa\n";
    let with = |row: &str| format!("{head}{row}\n6,3,5,2,virginica\n").into_bytes();
    bad(&with("5.1,,1.4,0.2,setosa"), &["line 3, column sepal_width", "is empty", "fill"]);
    bad(&with("5.1,NA,1.4,0.2,setosa"), &["line 3, column sepal_width", "`NA`", "missing"]);
    bad(&with("5.1,nan,1.4,0.2,setosa"), &["line 3, column sepal_width", "`nan`", "missing"]);
    bad(&with("5.1,1e99,1.4,0.2,setosa"), &["line 3, column sepal_width", "`1e99`", "finite"]);
    bad(&with("5.1,x,1.4,0.2,setosa"), &["line 3, column sepal_width", "`x`", "number"]);
    bad(&with("5.1,3.5,1.4,0.2"), &["line 3", "4 cells", "has 5", "quotes"]);
    bad(&with("5.1,3.5,1.4,0.2,\"setosa"), &["line 3", "quote"]);
    bad(&with("5.1,3.5,1.4,0.2,\"set\"osa"), &["line 3", "quote"]);
    bad(&[with("").as_slice(), b"5,3,1,\xE9,setosa\n"].concat(), &["line 5", "UTF-8", "iconv"]);
    bad(b"\xFF\xFEs\0,\0", &["UTF-16", "iconv"]);
    bad(b"", &["is empty"]);
    bad(b"\n \n", &["is empty"]);
    bad(head.lines().next().unwrap().as_bytes(), &["no rows"]);
    bad(b"a,b,a\n1,2,3\n", &["line 1", "`a`", "rename"]);
    bad(b"\x1F\x8B\x08\0", &["compressed", "gunzip -k bad.csv.gz"]);
    folder.write("iris.csv.gz", b"\x1F\x8B\x08\0");
    folder.run("train iris.csv.gz").fails(1, &["iris.csv.gz", "`gunzip -k iris.csv.gz`"]);
    folder.run_with_input("train -", "").fails(1, &["-: is empty"]);
    folder.run("train none.csv").fails(1, &["none.csv"]);
    folder.write("one.csv", "x,y\n1,a\n2,a\n");
    folder.run("train one.csv").fails(1, &["one.csv", "only one class"]);
    folder.write("narrow.csv", "x\n1\n2\n");
    folder.run("train narrow.csv").fails(1, &["narrow.csv", "no feature"]);
    // Nothing was written on the way.
    assert!(!folder.has("bad.safetensors"));
}

#[test]
fn few_rows_are_enough() {
    let folder = Folder::new();
    for rows in ["1,2\n", "1,2\n3,4\n", "1,2\n3,4\n5,9.5\n"] {
        folder.write("few.csv", rows);
        folder.run("train few.csv --quiet --epochs 2 --task regress").ok();
        folder.run("train few.csv --quiet --epochs 2 --task regress --validation 0.5 --patience 1 --json").json();
        assert_eq!(folder.run("predict model.safetensors few.csv").ok().lines().count(), rows.lines().count());
        folder.run("eval model.safetensors few.csv --json").json();
    }
}

// ------------------------------------------------------------------------------------------------------------- images

fn idx(sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let header = [0, 0, 8, sizes.len() as u8].into_iter().chain(sizes.iter().flat_map(|size| size.to_be_bytes()));
    header.chain(data.iter().copied()).collect()
}

/// Images of 4 × 4 pixels, of which one quadrant is brighter than the others: its number is the label.
fn quadrants(count: usize, seed: u64) -> (Vec<u8>, Vec<u8>) {
    let mut rng = Rng::new(seed);
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for i in 0..count {
        let bright = i % 4;
        for pixel in 0..16 {
            let quadrant = pixel / 8 * 2 + pixel % 4 / 2;
            images.push((rng.below(100) + if quadrant == bright { 150 } else { 0 }) as u8);
        }
        labels.push(bright as u8);
    }
    (idx(&[count as u32, 4, 4], &images), idx(&[count as u32], &labels))
}

fn write_images(folder: &Folder, name: &str) {
    fs::create_dir_all(folder.path(name)).unwrap();
    for (part, count, seed) in [("train", 200, 1), ("t10k", 60, 2)] {
        let (images, labels) = quadrants(count, seed);
        folder.write(&format!("{name}/{part}-images-idx3-ubyte"), images);
        folder.write(&format!("{name}/{part}-labels-idx1-ubyte"), labels);
    }
}

#[test]
fn a_folder_of_images() {
    let folder = Folder::new();
    write_images(&folder, "images");
    let lines = folder.run("train images --hidden 16 --epochs 60 --batch 16 --lr 0.01 --json").json();
    let done = lines.last().unwrap();
    assert!(number(done, "test.accuracy") >= 0.95, "{done}");
    let evaluation = &folder.run("eval model.safetensors images --json").json()[0];
    assert_eq!(number(evaluation, "examples"), 60.0);
    assert_eq!(member(evaluation, "accuracy"), member(done, "test.accuracy"));
    assert_eq!(member(evaluation, "loss"), member(done, "test.loss"));
    let predictions = folder.run("predict model.safetensors images").ok();
    let right = predictions.lines().enumerate().filter(|(i, class)| (i % 4).to_string() == *class).count();
    assert_eq!((predictions.lines().count(), right as f64 / 60.0), (60, number(evaluation, "accuracy")));
    let out = folder.run("train images --quiet --epochs 1").ok();
    assert!(out.contains("16 features → label (4 classes)\ntrain 200, test 60 examples\n"), "{out}");
    assert!(folder.run("info model.safetensors").ok().contains("pixel0"));
    // A table of the same pixels is as good.
    let header: Vec<String> = (0..16).map(|pixel| format!("pixel{pixel}")).collect();
    let row: Vec<String> = folder.bytes("images/t10k-images-idx3-ubyte")[16..32].iter().map(u8::to_string).collect();
    folder.write("one.csv", format!("{}\n{}\n", header.join(","), row.join(",")));
    let first = |data: &str| folder.run(&format!("predict model.safetensors {data} --json")).json().remove(0);
    assert_eq!(text(&first("one.csv"), "prediction"), text(&first("images"), "prediction"));
    for option in ["--target 1", "--task regress", "--test 0.1"] {
        folder.run(&format!("train images {option}")).fails(2, &[option.split(' ').next().unwrap(), "images"]);
    }
    folder.write("iris.csv", IRIS);
    folder.run("train iris.csv --quiet --epochs 1").ok();
    folder.run("eval model.safetensors images").fails(1, &["4 inputs", "16 features"]);
    folder.run("predict model.safetensors images").fails(1, &["4 inputs", "16 features"]);
}

/// What overflows in the network is no prediction.
#[test]
fn predictions_that_are_not_numbers() {
    let folder = Folder::new();
    folder.write("iris.csv", IRIS);
    folder.run("train iris.csv --quiet --epochs 1 --hidden 64,64").ok();
    let header = IRIS.lines().next().unwrap();
    folder.write("new.csv", format!("{header}\n5,3,1,0.2,setosa\n3e38,-3e38,3e38,-3e38,setosa\n"));
    for options in ["", " --json"] {
        let run = folder.run(&format!("predict model.safetensors new.csv{options}"));
        run.fails(1, &["new.csv: row 2: the network's outputs are not numbers", "too extreme"]);
    }
}

#[test]
fn bad_folders_of_images() {
    let folder = Folder::new();
    write_images(&folder, "images");
    let (images, labels) = ("images/train-images-idx3-ubyte", "images/train-labels-idx1-ubyte");
    let good = folder.bytes(images);
    let bad = |content: &[u8], parts: &[&str]| {
        folder.write(images, content);
        let err = folder.run("train images --epochs 1").fails(1, parts);
        assert!(err.contains("images/train-"), "{err}");
    };
    bad(&good[..good.len() - 1], &["cut off", "3200 bytes"]);
    bad(&good[..7], &["cut off"]);
    bad(&[&good[..], b"x"].concat(), &["longer"]);
    bad(b"", &["not an IDX file"]);
    bad(b"\x1F\x8B\x08\0", &["gunzip -k images/train-images-idx3-ubyte.gz"]);
    bad(&folder.bytes(labels), &["1 dimensions", "swapped"]);
    bad(&idx(&[199, 4, 4], &good[16..16 + 199 * 16]), &["200 labels", "199 images"]);
    bad(&idx(&[200, 4, 2], &good[16..16 + 200 * 8]), &["[4, 2]", "[4, 4]"]);
    fs::remove_file(folder.path(images)).unwrap();
    folder
        .run("train images")
        .fails(1, &["images: ", "t10k-labels-idx1-ubyte", "train-images-idx3-ubyte is not there"]);
    folder.write(&format!("{images}.gz"), b"\x1F\x8B\x08\0");
    folder.run("train images").fails(1, &["compressed", &format!("gunzip -k {images}.gz")]);
    fs::create_dir(folder.path("empty")).unwrap();
    folder.run("train empty").fails(1, &["empty: ", "train-images-idx3-ubyte is not there"]);
    folder.run("demo mnist empty").fails(1, &["empty: ", "train-images-idx3-ubyte is not there"]);
}

// ------------------------------------------------------------------------------------------------------------- models

#[test]
fn bad_model_files() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --quiet --epochs 1").ok();
    let good = folder.bytes("model.safetensors");
    let bad = |content: &[u8], parts: &[&str]| {
        folder.write("bad.safetensors", content);
        let parts: Vec<&str> = parts.iter().copied().chain(["bad.safetensors"]).collect();
        for words in ["info bad.safetensors", "eval bad.safetensors iris.csv", "predict bad.safetensors iris.csv"] {
            folder.run(words).fails(1, &parts);
        }
    };
    bad(IRIS.as_bytes(), &["not a safetensors file"]);
    bad(b"", &["truncated"]);
    for length in [7, 8, 100, good.len() - 1] {
        bad(&good[..length], &["truncated", &format!("{length} found")]);
    }
    bad(&[&good[..], b"1234"].concat(), &["4 bytes at the end"]);
    let network = palmnet::Network::builder(4).dense(3, palmnet::Activation::Softmax).build().unwrap();
    network.save(folder.path("network.safetensors")).unwrap();
    bad(&folder.bytes("network.safetensors"), &["without its preprocessing"]);
    let mut foreign = Safetensors::default();
    foreign.tensors.push(palmnet::Tensor::new("w", &[1], vec![0.5]));
    bad(&foreign.to_bytes(), &["no palmnet model"]);
    folder.run("info none.safetensors").fails(1, &["none.safetensors"]);
    fs::create_dir(folder.path("sub")).unwrap();
    folder.run("info sub").fails(1, &["sub"]);
}

/// What a file says must not move the cursor of whoever looks at it.
#[test]
fn names_cannot_move_the_cursor() {
    let folder = Folder::new();
    folder.write("evil.csv", "\u{1b}[31mred,y\n1,\u{1b}[2Ja\n2,b\n3,\u{1b}[2Ja\n4,b\n");
    let run = folder.run("train evil.csv --epochs 1");
    assert!(!run.out.contains('\u{1b}') && !run.err.contains('\u{1b}'), "{:?} {:?}", run.out, run.err);
    for words in ["info model.safetensors", "eval model.safetensors evil.csv"] {
        let out = folder.run(words).ok();
        assert!(!out.contains('\u{1b}'), "{words}: {out:?}");
    }
}

// -------------------------------------------------------------------------------------------------------------- demos

#[test]
fn demos() {
    let folder = Folder::new();
    let lines = folder.run("demo --json").json();
    let done = lines.last().unwrap();
    assert!(number(done, "test.accuracy") >= 0.95, "{done}");
    assert_eq!(text(done, "model"), "digits.safetensors");
    let out = folder.run("info digits.safetensors").ok();
    assert!(out.contains("palmnet demo digits --seed 0"), "{out}");

    let out = folder.run("demo xor --quiet").ok();
    for (row, answer) in [("0 xor 0", 0.0), ("0 xor 1", 1.0), ("1 xor 0", 1.0), ("1 xor 1", 0.0)] {
        let line = out.lines().find(|line| line.starts_with(row)).unwrap();
        let value: f64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
        assert!((value - answer).abs() < 0.1, "{line}");
    }
    assert!(folder.has("xor.safetensors"));

    let run = folder.run("demo neuron --seed 3 -o sub.safetensors");
    assert!(run.out.contains("learned: x·(1, -1.") && run.out.contains("saved sub.safetensors"), "{}", run.out);
    assert!(run.err.contains("epoch 1/"), "{}", run.err);
    let done = &folder.run("demo neuron --json").json();
    assert!(number(done.last().unwrap(), "test.accuracy") >= 0.98);
    // The map of what is learned: two areas.
    let map: Vec<&str> = run.out.lines().filter(|line| line.chars().all(|c| c == '·' || c == '█')).collect();
    assert!(map.len() >= 10 && map.iter().all(|line| line.chars().count() == map[0].chars().count()), "{}", run.out);
    assert!(map.concat().contains('·') && map.concat().contains('█'));
}

// -------------------------------------------------------------------------------------------------------- benchmarks

#[test]
fn benchmarks() {
    let folder = Folder::new();
    let check = |line: &Json, job: &str, own: &[&str]| {
        assert_eq!((text(line, "job"), number(line, "threads")), (job, 1.0));
        assert!(["avx512", "avx2", "neon", "portable"].contains(&text(line, "isa")));
        own.iter().for_each(|name| assert!(number(line, name) > 0.0, "{line}"));
    };
    let lines = folder.run("bench infer --json").json();
    for (line, batch) in lines.iter().zip([1.0, 1000.0]) {
        check(line, "infer", &["us"]);
        assert_eq!((numbers(member(line, "layers")), number(line, "batch")), (vec![784.0, 128.0, 128.0, 10.0], batch));
    }
    let lines = folder.run("bench infer --batch 7 --json").json();
    assert_eq!((lines.len(), number(&lines[0], "batch")), (1, 7.0));
    folder.run("bench infer --batch 9999999999999").fails(2, &["--batch", "to 100000"]);
    write_images(&folder, "images");
    folder.run("bench train --data images").fails(1, &["784 inputs", "16 features"]);
    folder.run("bench train --data none").fails(1, &["none"]);
    folder.run("bench speed").fails(2, &["no benchmark \"speed\"", "gemm, train, infer"]);
    folder.run("bench train --batch 0").fails(2, &["--batch 0", "a whole number from 1"]);
    if emulated() {
        return;
    }
    let line = &folder.run("bench train --batch 500 --epochs 2 --json").json()[0];
    check(line, "train", &[]);
    assert_eq!((number(line, "batch"), numbers(member(line, "epoch_s")).len()), (500.0, 2));
    assert!(numbers(member(line, "epoch_s")).iter().all(|&seconds| seconds > 0.0));
    assert_eq!(member(line, "test_accuracy"), &Json::Null);
    let lines = folder.run("bench gemm --json").json();
    assert!(lines.len() > 5);
    lines.iter().for_each(|line| check(line, "gemm", &["m", "k", "n", "gflops"]));
    let run = folder.run_with("bench infer", &[("PALMNET_ISA", "portable"), ("COLUMNS", "40")]);
    assert!(run.out.contains("µs") && run.out.lines().all(|line| line.chars().count() <= 40), "{}", run.out);
}

// ------------------------------------------------------------------------------------------------ the command line

#[test]
fn help() {
    let folder = Folder::new();
    for (command, option) in
        [("demo", "--seed"), ("train", "--patience"), ("eval", "--json"), ("predict", "--json"), ("info", "--json")]
    {
        let out = folder.run(&format!("{command} --help")).ok();
        assert!(out.starts_with(&format!("palmnet {command}")) && out.contains(option), "{out}");
        assert_eq!(folder.run(&format!("help {command}")).ok(), out);
        assert_eq!(folder.run(&format!("{command} -h")).ok(), out);
        // Even where the rest of the line would not do.
        assert_eq!(folder.run(&format!("{command} a --help b c d")).ok(), out);
        assert!(folder.run("--help").ok().contains(&format!("palmnet {command}")));
    }
    let out = folder.run("train --help").ok();
    for option in
        "--target --task --test --hidden --activation --optimizer --lr --epochs --batch --dropout --validation \
                   --patience --seed -o --out --every --quiet --json --scale --init --restarts"
            .split_whitespace()
    {
        assert!(out.contains(option), "{option}");
    }
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "0.001 for adam, 0.1 for sgd, 0.03 for momentum and nesterov",
        "largest of 128, 64, 32, 16, 8 or 4 units",
        "20 with --validation",
        "0.1 with --patience",
        "16 for less than 1000 training examples",
        "at least 5 rows each on average",
        "hard_sigmoid, softmax,",
        "normal:DEVIATION, truncated_normal:DEVIATION, uniform:LOW:HIGH, constant:VALUE",
    ] {
        assert!(out.contains(part), "{part}");
    }
    assert_eq!(folder.run("help").ok(), folder.run("--help").ok());
    assert_eq!(folder.run("--version").ok(), format!("palmnet {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(folder.run("-V").ok(), folder.run("--version").ok());
}

#[test]
fn wrong_command_lines() {
    let folder = Folder::of_irises();
    let run = folder.run("");
    assert_eq!((run.status, run.out.as_str()), (Some(2), ""));
    assert!(run.err.starts_with("palmnet: which command?") && run.err.contains("palmnet demo"), "{}", run.err);
    for (words, parts) in [
        ("trian iris.csv", &["no command \"trian\"", "did you mean train?", "palmnet --help"][..]),
        ("frobnicate", &["no command \"frobnicate\"", "there are demo, train"]),
        ("help trian", &["did you mean train?"]),
        ("train iris.csv --epoch 3", &["no option --epoch", "did you mean --epochs?", "palmnet train --help"]),
        ("train iris.csv --optimiser sgd", &["did you mean --optimizer?"]),
        ("train iris.csv -x", &["no option -x"]),
        ("train iris.csv --lr", &["--lr needs a value: X", "palmnet train --help"]),
        ("train iris.csv --lr fast", &["--lr fast", "a number above 0"]),
        ("train iris.csv --lr 0", &["--lr 0", "above 0"]),
        ("train iris.csv --lr nan", &["--lr nan", "above 0"]),
        ("train iris.csv --lr -1", &["--lr -1", "above 0"]),
        ("train iris.csv --lr inf", &["--lr inf", "above 0"]),
        ("train iris.csv --epochs 0", &["--epochs 0", "a whole number from 1"]),
        ("train iris.csv --epochs 1.5", &["--epochs 1.5", "a whole number from 1"]),
        ("train iris.csv --batch 0", &["--batch 0", "a whole number from 1"]),
        ("train iris.csv --batch 99999999999999999999999", &["--batch", "a whole number from 1"]),
        ("train iris.csv --restarts 0", &["--restarts 0"]),
        ("train iris.csv --every 0", &["--every 0"]),
        ("train iris.csv --seed -1", &["--seed -1", "a whole number"]),
        ("train iris.csv --dropout 1", &["--dropout 1", "less than 1"]),
        ("train iris.csv --dropout 0.99999999999", &["--dropout", "less than 1"]),
        ("train iris.csv --dropout nan", &["--dropout nan"]),
        ("train iris.csv --validation 1", &["--validation 1", "less than 1"]),
        ("train iris.csv --patience x", &["--patience x"]),
        ("train iris.csv --hidden 8,x", &["--hidden", "as in 128,128"]),
        ("train iris.csv --hidden 8,0", &["--hidden", "as in 128,128"]),
        ("train iris.csv --activation rellu", &["no activation \"rellu\"", "leaky_relu"]),
        ("train iris.csv --init he", &["no initialisation \"he\"", "he_normal"]),
        ("train iris.csv --optimizer rmsprop", &["--optimizer rmsprop", "adam, sgd"]),
        ("train iris.csv --schedule cosine", &["no schedule \"cosine\"", "cooldown"]),
        ("train iris.csv --scale log", &["--scale log", "standard, minmax or none"]),
        ("train iris.csv --seed 1 --seed 2", &["--seed is given twice"]),
        ("train iris.csv -o a --out b", &["--out is given twice"]),
        ("train iris.csv --quiet=yes", &["--quiet takes no value"]),
        ("train iris.csv more.csv", &["more.csv is too much", "palmnet train DATA"]),
        ("train", &["too little is given", "palmnet train DATA"]),
        ("eval model.safetensors", &["too little is given", "palmnet eval MODEL DATA"]),
        ("info", &["too little is given", "palmnet info MODEL"]),
        ("predict a b c", &["c is too much"]),
        ("demo xr", &["no demo \"xr\"", "did you mean xor?", "spirals"]),
        ("demo xor digits", &["digits is too much"]),
        ("demo mnist", &["palmnet demo mnist FOLDER"]),
        ("demo --seed", &["--seed needs a value"]),
        ("train iris.csv --activation rellu", &["did you mean relu?"]),
        ("train iris.csv --activation leaky_rely:0.1", &["did you mean leaky_relu?"]),
        ("train iris.csv --init henormal", &["did you mean he_normal?"]),
        ("train iris.csv --optimizer adm", &["did you mean adam?"]),
        ("train iris.csv --schedule cooldwon:0.3", &["did you mean cooldown?"]),
    ] {
        let run = folder.run(words);
        assert_eq!(run.out, "", "{words}");
        run.fails(2, parts);
        // What is wrong is said before any data is read.
        if !words.contains("more.csv") {
            folder.run(&words.replace("iris.csv", "none.csv")).fails(2, parts);
        }
    }
    folder.run("train iris.csv --target Specis").fails(1, &["no column `Specis`", "did you mean species?"]);
    folder.run("train iris.csv --target color").fails(1, &["no column `color`; it has", "`species`"]);
    // After two dashes a word is a word.
    folder.write("-odd.csv", IRIS);
    folder.run("train --quiet --epochs 1 -- -odd.csv").ok();
}

/// `(sleep 1000; cat iris.csv) | palmnet train - --lr foo`
#[test]
fn nobody_waits_for_data_that_is_not_needed() {
    let folder = Folder::new();
    for words in ["train - --lr foo", "train - --every 0", "train - --task cluster", "train - --out ."] {
        let mut child = piped(folder.command(words).stdin(Stdio::piped())).spawn().unwrap();
        let stdin = child.stdin.take();
        let ended = (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            child.try_wait().unwrap().is_some()
        });
        drop(stdin);
        assert!(ended, "{words}");
        Run::from_output(child.wait_with_output().unwrap(), words)
            .fails(if words.contains("out") { 1 } else { 2 }, &[]);
    }
}

#[cfg(unix)]
#[test]
fn words_that_are_not_text() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let word = std::ffi::OsStr::from_bytes(b"\xFF.csv");
    Run::of(folder.command("train").arg(word), "train \\xFF.csv").fails(2, &["not UTF-8"]);
}

#[test]
fn settings_beyond_all_measure() {
    let folder = Folder::of_irises();
    let most = usize::MAX;
    for hidden in [format!("{most}"), format!("{}", most / 8), "3000000000,4000000000".to_string()] {
        folder.run(&format!("train iris.csv --hidden {hidden}")).fails(1, &["does not fit into memory", "fewer units"]);
    }
    let lines = folder.run(&format!("train iris.csv --batch {most} --epochs 2 --json")).json();
    assert_eq!(lines.len(), 3);
    // Nobody waits for these to end; early stopping and a hopeless rate end them at once.
    folder.run(&format!("train iris.csv --epochs {most} --lr 0.1 --validation 0.3 --patience 1 --quiet")).ok();
    folder
        .run("train iris.csv --lr 1e38 --restarts 1")
        .fails(1, &["training diverged in epoch 1, batch ", "learning rate"]);
}

#[test]
fn the_instruction_set_can_be_chosen() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --quiet --epochs 2").ok();
    folder.run("demo xor --quiet").ok();
    let lacking = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
    let commands =
        ["train iris.csv", "demo xor", "eval model.safetensors iris.csv", "predict model.safetensors iris.csv"];
    for words in commands {
        folder.run_with(words, &[("PALMNET_ISA", "portable")]).ok();
        for (wish, part) in [(lacking, "no such instructions"), ("mmx", "no such instruction set"), ("", "no such")] {
            let run = folder.run_with(words, &[("PALMNET_ISA", wish)]);
            assert_eq!(run.out, "", "{words}");
            run.fails(1, &[&format!("PALMNET_ISA={wish}"), part, "portable"]);
        }
    }
    folder.run_with("train --help", &[("PALMNET_ISA", "mmx")]).ok();
}

// ------------------------------------------------------------------------------------------------ pipes and terminals

/// As `palmnet … | head -1` does: reads a little, then closes its end. What is trained is saved all the same.
#[test]
fn a_reader_that_has_seen_enough() {
    let folder = Folder::of_irises();
    folder.write("many.csv", format!("{}{}", IRIS, IRIS.split_once('\n').unwrap().1.repeat(200)));
    folder.run("train iris.csv --quiet --epochs 1").ok();
    let words = "predict model.safetensors many.csv --json";
    for (words, model) in [
        (words, None),
        ("train iris.csv --epochs 3000 --restarts 1 --json -o json", Some("json")),
        ("train iris.csv --epochs 3000 --every 1000 -o text", Some("text")),
        ("demo xor", Some("xor.safetensors")),
    ] {
        let mut child = piped(&mut folder.command(words)).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 10]).unwrap();
        drop(stdout);
        let run = Run::from_output(child.wait_with_output().unwrap(), words);
        assert_eq!((run.status, run.err.contains("palmnet:")), (Some(0), false), "{words}: {}", run.err);
        if let Some(model) = model {
            let info = &folder.run(&format!("info {model} --json")).json()[0];
            // To the end, and not only as far as somebody read.
            assert!(words.starts_with("demo") || text(info, "notes.epochs") == "3000", "{info}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output() {
    let folder = Folder::of_irises();
    for words in ["train iris.csv --epochs 5 --json", "train iris.csv --epochs 5", "demo xor -o model.safetensors"] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let _ = fs::remove_file(folder.path("model.safetensors"));
        let output = folder.command(words).stdout(full).stderr(Stdio::piped()).output().unwrap();
        Run::from_output(output, words).fails(1, &["standard output"]);
        folder.run("info model.safetensors").ok();
    }
}

/// On a terminal, which `script` makes.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal() {
    let folder = Folder::of_irises();
    let run = |words: &str| {
        let mut command = Command::new("script");
        let line = format!("{} {words}", env!("CARGO_BIN_EXE_palmnet"));
        command.args(["-qec", &line, "/dev/null"]).current_dir(&folder.0).env("COLUMNS", "50").stdin(Stdio::null());
        command.env("SHELL", "/bin/sh").output()
    };
    if emulated() || run("--version").is_ok_and(|output| !output.status.success()) || run("--version").is_err() {
        return;
    }
    let text = |words: &str| String::from_utf8(run(words).unwrap().stdout).unwrap().replace("\r\n", "\n");
    let progress = text("train iris.csv --epochs 40");
    let last = progress.lines().find(|line| line.contains('\r')).unwrap().rsplit('\r').next().unwrap();
    assert!(last.starts_with("40/40 loss ") && last.ends_with("\x1b[K"), "{progress:?}");
    // An error after a redrawn line begins on a line of its own, and is broken where it is too long.
    for options in ["--restarts 1", "--restarts 3"] {
        let failed = text(&format!("train iris.csv --quiet --lr 1e38 {options}"));
        assert!(failed.contains("\npalmnet: training diverged in epoch 1"), "{failed:?}");
        let failed = text(&format!("train iris.csv --lr 1e38 {options}"));
        assert!(failed.contains("\x1b[K\npalmnet: training diverged in epoch 1"), "{failed:?}");
        let message: Vec<&str> = failed[failed.find("palmnet:").unwrap()..].lines().collect();
        assert!(message.len() > 1 && message.iter().all(|line| line.chars().count() <= 50), "{failed:?}");
    }
}

/// `palmnet train … 2>&1 >result | head -1`: who stops reading the progress does not stop the training.
#[test]
fn nobody_reads_the_progress() {
    let folder = Folder::of_irises();
    for words in ["train iris.csv --epochs 200 --every 1", "train none.csv", "trian"] {
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
fn nothing_is_wider_than_a_phone() {
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
        "demo",
        "demo moons",
        "demo xor",
    ] {
        run(words);
    }
    for words in ["demo neuron", "demo circles --every 100", "demo spirals --every 50", "demo sums --every 20"] {
        run(words);
    }
    run("train iris.csv --epochs 25 --every 1 --hidden 30,30,30,30,30,30 --patience 20 --dropout 0.1");
    run("info model.safetensors");
    run("eval model.safetensors iris.csv");
    run("train sums.csv --target sum,difference_of_the_two --epochs 3 -o s");
    run("info s");
    run("eval s sums.csv");
    // The confusion of ten classes.
    let info = run("info digits.safetensors");
    assert!(info.contains("dense(64,128)"), "{info}");
    let table = folder.path("digits.csv");
    write_digits(&table);
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
