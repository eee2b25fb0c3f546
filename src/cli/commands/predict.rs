//! `palmnet predict`: one prediction per line.

use std::io::Write;
use std::path::Path;

use palmnet::data::{Features, TargetSchema};
use palmnet::unversioned::Json;
use palmnet::{Error, Matrix, Model, Table};

use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Group, Opt};
use crate::cli::format::{exact, significant};
use crate::cli::input;
use crate::cli::options::{JSON, THREADS};

pub const COMMAND: Command = Command {
    name: "predict",
    usage: "predict MODEL DATA",
    summary: "Print one prediction per line for the rows of a file, labeled or not.",
    details: &[input::ABOUT, "A folder stands for its test images. Several values are separated by commas."],
    words: (2, 2),
    options: &[&PROBABILITIES, &THREADS, &JSON],
};

const PROBABILITIES: Opt = Opt::new(
    "--probabilities",
    "",
    Group::Output,
    "After the class, the probability of every class, separated by commas, under a header.",
)
.aliases(&["--proba", "--predict-proba"]);

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let model = input::model(arguments)?.folded();
    let path = arguments.word(1).unwrap_or_default();
    let outputs =
        if Path::new(path).is_dir() { images(&model, path)? } else { model.predict_table(&Table::read(path)?)? };
    let output = model.schema().target();
    let names = match output {
        TargetSchema::Classes { classes, .. } => classes,
        TargetSchema::Values { names } => names,
    };
    let probabilities = arguments.has("--probabilities");
    if probabilities && matches!(output, TargetSchema::Values { .. }) {
        return Err(arguments.misuse("--probabilities: this model predicts values, not classes"));
    }
    if let Some(row) = outputs.iter_rows().position(|row| !row.iter().all(|output| output.is_finite())) {
        let number = row + 1;
        let message = format!(
            "row {number}: the network's outputs are not numbers: its inputs are too extreme, or the model is damaged"
        );
        return Err(Error::format(path, message).into());
    }
    let json = arguments.has("--json");
    if probabilities && !json {
        let header: Vec<String> = output.names().iter().chain(names).map(|name| cell(name)).collect();
        writeln!(out, "{}", header.join(","))?;
    }
    for row in outputs.iter_rows() {
        // A single output is the probability of the second class.
        let row = match (output, row) {
            (TargetSchema::Classes { .. }, &[second]) => vec![1.0 - second, second],
            _ => row.to_vec(),
        };
        let named = || Json::object(names.iter().map(String::as_str).zip(row.iter().map(|&value| value.into())));
        match (model.class(&row), json) {
            (Some(class), true) => {
                let line = Json::object([("prediction", class.into()), ("probabilities", named())]);
                writeln!(out, "{line}")?;
            }
            (Some(class), false) if probabilities => {
                writeln!(out, "{},{}", cell(class), list(&row, |p| significant(p.into(), 6)))?;
            }
            (Some(class), false) => writeln!(out, "{}", cell(class))?,
            (None, true) => writeln!(out, "{}", Json::object([("prediction", named())]))?,
            (None, false) => writeln!(out, "{}", list(&row, exact))?,
        }
    }
    Ok(())
}

fn images(model: &Model, folder: &str) -> Result<Matrix, Failure> {
    Ok(model.predict_features(&Features::from_idx_test(folder, model.schema())?)?)
}

/// Returns numbers separated by commas.
fn list(row: &[f32], text: impl Fn(f32) -> String) -> String {
    row.iter().map(|&value| text(value)).collect::<Vec<String>>().join(",")
}

/// Returns a name as a cell of a CSV file.
fn cell(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.into() }
}
