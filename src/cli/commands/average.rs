//! `palmnet average`: the mean of models that were trained apart.

use std::io::Write;
use std::path::Path;

use palmnet::Model;
use palmnet::unversioned::{FileKind, Json};

use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Group, Opt};
use crate::cli::format::counted;
use crate::cli::options::{JSON, OUT};
use crate::cli::output::{Output, check_name};
use crate::cli::terminal::wrap;

const WEIGHTS: Opt = Opt::new(
    "--weights",
    "W[,W...]",
    Group::Training,
    "The weight of each model, usually the number of rows that it was trained on.",
)
.default(|| "the same for all".into());

pub const COMMAND: Command = Command {
    name: "average",
    usage: "average MODEL MODEL...",
    summary: "Save the mean of models that were trained apart: federated learning.",
    details: &[
        "The models have the same layers, columns, classes and preprocessing: those that train --from makes of one model \
         on the rows of several devices. Parameters and batch statistics are averaged (McMahan et al., 2017). A \
         calibration is that of one model, and the mean has none.",
    ],
    words: (2, usize::MAX),
    names: &[],
    options: &[&WEIGHTS, &OUT, &JSON],
};

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let files: Vec<&str> = (0..).map_while(|index| arguments.word(index)).collect();
    let mut weights = Vec::new();
    for weight in arguments.text(WEIGHTS.name).map_or("", |text| text).split_terminator(',') {
        weights.push(weight.trim().parse().unwrap_or(f64::NAN));
    }
    if !arguments.has(WEIGHTS.name) {
        weights.resize(files.len(), 1.0);
    }
    if weights.len() != files.len() || !weights.iter().all(|weight| weight.is_finite()) {
        let (text, numbers) = (arguments.text(WEIGHTS.name).unwrap_or_default(), counted(files.len(), "number"));
        return Err(arguments.misuse(&format!("--weights {text}: expected {numbers}, one for each model")));
    }
    let file = arguments.text(OUT.name).unwrap_or("model.safetensors");
    check_name(arguments, OUT.name, file)?;
    let may_replace = &|path: &Path| Ok(FileKind::of(path)? == FileKind::Model);
    Output { option: OUT.name, noun: "model", may_replace }.check(file, &files)?;
    let mut models = Vec::new();
    for file in &files {
        models.push(Model::load(file)?);
    }
    let mut mean = Model::average(&models, &weights)?;
    let mut line = format!("palmnet average {}", files.join(" "));
    for (option, value) in arguments.given() {
        line.extend([" ", option.name, " ", value]);
    }
    mean.notes.insert("settings".into(), line);
    mean.save(file)?;
    if arguments.has(JSON.name) {
        let line = Json::object([("event", "done".into()), ("models", files.len().into()), ("model", file.into())]);
        return Ok(writeln!(out, "{line}")?);
    }
    let lost = models.iter().any(|model| model.calibration().is_some());
    let calibration = if lost { ", which has no calibration" } else { "" };
    write!(out, "{}", wrap(&format!("saved {file}: the mean of {}{calibration}", counted(files.len(), "model")), 0))?;
    Ok(())
}
