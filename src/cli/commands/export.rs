//! `palmnet export`: a model as source code, or as an ONNX file.

use std::io::Write;
use std::path::Path;

use palmnet::Model;
use palmnet::export::{Budget, Language, c_source, cost, name_of, onnx, rust_source};
use palmnet::unversioned::{C_START, Json, ONNX_START, RUST_START, write_atomic};

use super::export_pytorch;
use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Group, Opt};
use crate::cli::options::JSON;
use crate::cli::output::{Output, begins_with, check_name};
use crate::cli::terminal::wrap;

pub const COMMAND: Command = Command {
    name: "export",
    usage: "export MODEL --to c|rust|onnx|pytorch",
    summary: "Write a model as source code for a device, one C header or one Rust file, as an ONNX file, or as PyTorch's \
              weights.",
    details: &[
        "Everything is in the code: missing cells, scaling, categories, dates, the network, calibrated probabilities, the names \
         of classes. The code allocates nothing and needs no mathematics library; its first comment is its manual. Outputs \
         are those of palmnet predict.",
        "With --to pytorch, a plain network (palmnet train --fast) of plain numbers becomes the state dict of a Sequential, \
         whose expression is printed and in the metadata, with the preprocessing. palmnet import --like takes it back.",
        "Flash, RAM and multiplications are estimates for a Cortex-M4, compiled with -Os.",
        "An ONNX file does the same in onnxruntime (1.15 or later): an input for each column, by its name; label and \
         probabilities out, or values. Dates go in as seconds since 1970.",
        "Intervals and sets are not exported; an ONNX file keeps them for palmnet import.",
    ],
    words: (1, 1),
    names: &[],
    options: &[&TO, &NAME, &BUDGET, &OUT, &JSON],
};

const TO: Opt = Opt::new(
    "--to",
    "c|rust|onnx|pytorch",
    Group::Output,
    "The language, C99 that is C++11 too or Rust without std; ONNX; or weights for PyTorch, a safetensors file.",
)
.choices(|| vec!["c", "rust", "onnx", "pytorch"]);

const NAME: Opt = Opt::new("--name", "NAME", Group::Output, "The name that everything in C begins with.")
    .default(|| "that of MODEL".into());

const BUDGET: Opt =
    Opt::new("--budget", "flash=32k,ram=2k", Group::Output, "Refuse a model that needs more flash or RAM than this.");

const OUT: Opt = Opt::new("--out", "FILE", Group::Output, "The file.")
    .aliases(&["-o", "--output"])
    .default(|| "NAME.h, NAME.rs, NAME.onnx or NAME-pytorch.safetensors".into());

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let (language, ending, start, noun) = match arguments.choice(&TO)? {
        Some("c") => (Some(Language::C), ".h", C_START.as_bytes(), "header of palmnet export"),
        Some("rust") => (Some(Language::Rust), ".rs", RUST_START.as_bytes(), "Rust file of palmnet export"),
        Some("pytorch") => return export_pytorch::run(arguments, out),
        Some(_) => (None, ".onnx", ONNX_START, "model of palmnet export in ONNX"),
        None => return Err(arguments.misuse("name a form: --to c, --to rust, --to onnx or --to pytorch")),
    };
    let budget = arguments.value(BUDGET.name, "limits as flash=32k,ram=2k", |_: &Budget| true)?;
    if budget.is_some() && language.is_none() {
        return Err(arguments.misuse("--budget is for --to c and --to rust: an ONNX file is not for such a device"));
    }
    if arguments.has(NAME.name) && language.is_none() {
        return Err(arguments.misuse("--name is for --to c and --to rust: -o names an ONNX file"));
    }
    let file = arguments.word(0).unwrap_or_default();
    let model = Model::load(file)?;
    let name = arguments.text(NAME.name).map_or_else(|| name_of(file), str::to_string);
    let target = arguments.text(OUT.name).map_or_else(|| name.clone() + ending, str::to_string);
    check_name(arguments, OUT.name, &target)?;
    Output { option: OUT.name, noun, may_replace: &|path| begins_with(path, start) }.check(&target, &[file])?;
    let is_json = arguments.has(JSON.name);
    let mut members = vec![("event", "done".into())];
    let bytes = if let Some(language) = language {
        let cost = cost(&model)?;
        if !is_json {
            write!(out, "{}", wrap(&cost.to_string(), 0))?;
            out.flush()?;
        }
        cost.check(budget.unwrap_or_default())?;
        members.extend([
            ("flash", cost.flash.into()),
            ("ram", cost.ram.into()),
            ("multiplications", cost.multiplications.into()),
        ]);
        let write = if language == Language::C { c_source } else { rust_source };
        write(&model, &name)?.into_bytes()
    } else {
        onnx(&model)?
    };
    write_atomic(Path::new(&target), &bytes)?;
    if !is_json {
        return Ok(write!(out, "{}", wrap(&format!("saved {target}"), 0))?);
    }
    members.push(("file", target.as_str().into()));
    Ok(writeln!(out, "{}", Json::object(members))?)
}
