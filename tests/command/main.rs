//! The command from outside: arguments, text and JSON lines, exit status 0, 1 or 2.

mod average;
mod calibrated;
mod completions;
mod data;
mod defaults;
mod digests;
mod divergence;
mod explain;
#[cfg(feature = "export")]
mod export;
mod exported;
#[cfg(unix)]
mod faults;
#[cfg(unix)]
mod files;
#[cfg(feature = "import")]
mod import;
#[cfg(feature = "import")]
mod import_weights;
mod json;
mod killed;
mod labels;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod memory;
mod missing;
mod mistakes;
mod output;
mod pictures;
#[cfg(feature = "export")]
mod quantize;
mod reports;
mod rows;
mod selection;
mod settings;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod tables;
mod terminal;
mod train;
mod tuning;
mod words;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use palmnet::compute::Rng;
use palmnet::unversioned::Json;
use palmnet::unversioned::Safetensors;

use support::{Folder, emulated, network_bits, program, runner};

const IRIS: &str = include_str!("../data/iris.csv");

/// How a command ended.
struct Run {
    words: String,
    status: Option<i32>,
    out: String,
    err: String,
}

/// The command runs in a temporary folder.
impl Folder {
    /// A folder with the irises, labeled and unlabeled.
    fn of_irises() -> Folder {
        let folder = Folder::new();
        folder.write("iris.csv", IRIS);
        folder.write("unlabeled.csv", without_last_column(IRIS));
        folder
    }

    fn command(&self, words: &str) -> Command {
        let mut command = bare_command();
        command.args(words.split_whitespace()).current_dir(&self.0).env_remove("COLUMNS").env_remove("PALMNET_ISA");
        command.env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR");
        command.stdin(Stdio::null());
        command
    }

    /// Runs `palmnet` with these words, which are separated by spaces.
    fn run(&self, words: &str) -> Run {
        Run::of(&mut self.command(words), words)
    }

    fn run_with(&self, words: &str, variables: &[(&str, &str)]) -> Run {
        Run::of(self.command(words).envs(variables.iter().copied()), words)
    }

    fn run_with_input(&self, words: &str, input: &str) -> Run {
        let mut child = piped(self.command(words).stdin(Stdio::piped())).spawn().unwrap();
        let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_string());
        // A command may answer before it has read all of its input, and one that does not read it may end before it is
        // written.
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Run::from_output(output, words)
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

    /// The standard output of a command that must have succeeded.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.status, Some(0), "palmnet {}: {}", self.words, self.err);
        self.out
    }

    /// The standard error of a command that must have ended with this status; its last line contains all of `parts`.
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

    /// The JSON lines of a command that must have succeeded; standard output may contain nothing else.
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
    let mut command = program(Path::new(env!("CARGO_BIN_EXE_palmnet")));
    command.env("LC_ALL", "C.UTF-8");
    command
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

/// Two numbers, their sum and their difference: `a,b,sum,difference`.
fn sums(rows: usize) -> String {
    let mut rng = Rng::new(11);
    let mut row = || {
        let (a, b) = (rng.uniform_in(0.0, 10.0), rng.uniform_in(0.0, 10.0));
        format!("{a:.3},{b:.3},{:.3},{:.3}\n", a + b, a - b)
    };
    "a,b,sum,difference\n".to_string() + &(0..rows).map(|_| row()).collect::<String>()
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|item| item.as_f64().unwrap()).collect()
}

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
