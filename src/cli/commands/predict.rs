//! `palmnet predict`: one prediction per line.

use std::io::Write;
use std::path::Path;

use palmnet::data::{Features, TargetSchema};
use palmnet::unversioned::Json;
use palmnet::{Error, Matrix, Model, Table};

use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Group, Opt};
use crate::cli::format::{counted, exact, significant};
use crate::cli::input;
use crate::cli::options::{HEADER, JSON, SEPARATOR, THREADS, UNKNOWN};
use crate::cli::terminal::warn;

pub const COMMAND: Command = Command {
    name: "predict",
    usage: "predict MODEL DATA",
    summary: "Print one prediction per line for the rows of a file, labeled or not.",
    details: &[input::ABOUT, "A folder stands for its test images. Several values are separated by commas."],
    words: (2, 2),
    options: &[&PROBABILITIES, &UNKNOWN, &STRICT, &HEADER, &SEPARATOR, &THREADS, &JSON],
};

const PROBABILITIES: Opt = Opt::new(
    "--probabilities",
    "",
    Group::Output,
    "After the class, the probability of every class, separated by commas, under a header.",
)
.aliases(&["--proba", "--predict-proba"]);

const STRICT: Opt = Opt::new(
    "--strict",
    "",
    Group::Data,
    "End with an error at the first row that cannot be read. By default its prediction is empty, and the others are \
     printed.",
);

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let model = input::model(arguments)?.folded();
    let path = arguments.word(1).unwrap_or_default();
    let (outputs, failures) = match Path::new(path).is_dir() {
        true => (images(&model, path)?, Vec::new()),
        false => {
            let table = Table::read_with(path, &input::reading(arguments, model.schema().reading())?)?;
            table.notes().iter().for_each(|note| warn(note));
            let mut found = model.predict_rows(&table)?;
            found.notes.iter().for_each(|note| warn(note));
            if arguments.has(STRICT.name) && !found.failures.is_empty() {
                return Err(found.failures.swap_remove(0).1.into());
            }
            (found.outputs, found.failures)
        }
    };
    let output = model.schema().target();
    let names = match output {
        TargetSchema::Classes { classes, .. } => classes,
        TargetSchema::Values { names } => names,
    };
    let probabilities = arguments.has("--probabilities");
    if probabilities && matches!(output, TargetSchema::Values { .. }) {
        return Err(arguments.misuse("--probabilities: this model predicts values, not classes"));
    }
    let has_failed = |row: usize| failures.binary_search_by_key(&row, |(failed, _)| *failed).is_ok();
    let is_wrong = |(index, row): (usize, &[f32])| !has_failed(index) && !row.iter().all(|output| output.is_finite());
    if let Some(row) = outputs.iter_rows().enumerate().position(is_wrong) {
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
    for (index, row) in outputs.iter_rows().enumerate() {
        if has_failed(index) {
            let empty = if probabilities { ",".repeat(names.len()) } else { String::new() };
            writeln!(out, "{}", if json { Json::object([("prediction", Json::Null)]).to_string() } else { empty })?;
            continue;
        }
        // A single output is the probability of the second class.
        let row = match (output, row) {
            (TargetSchema::Classes { .. }, &[second]) => vec![1.0 - second, second],
            _ => row.to_vec(),
        };
        let named = || {
            let values = row.iter().enumerate().map(|(target, &value)| json_value(&model, target, value));
            Json::object(names.iter().map(String::as_str).zip(values))
        };
        match (model.class(&row), json) {
            (Some(class), true) => {
                let line = Json::object([("prediction", class.into()), ("probabilities", named())]);
                writeln!(out, "{line}")?;
            }
            (Some(class), false) if probabilities => {
                let list: Vec<String> = row.iter().map(|&p| significant(p.into(), 6)).collect();
                writeln!(out, "{},{}", cell(class), list.join(","))?;
            }
            (Some(class), false) => writeln!(out, "{}", cell(class))?,
            (None, true) => writeln!(out, "{}", Json::object([("prediction", named())]))?,
            (None, false) => {
                let values = row.iter().enumerate().map(|(target, &value)| value_text(&model, target, value));
                writeln!(out, "{}", values.collect::<Vec<String>>().join(","))?;
            }
        }
    }
    report_failures(path, failures)
}

/// Returns an error if rows could not be read, which names the first.
fn report_failures(path: &str, mut failures: Vec<(usize, Error)>) -> Result<(), Failure> {
    let count = failures.len();
    if count == 0 {
        return Ok(());
    }
    let (_, first) = failures.swap_remove(0);
    if count == 1 {
        return Err(first.into());
    }
    let rows = counted(count, "row");
    Err(Error::format(path, format!("{rows} cannot be read and have an empty prediction; the first: {first}")).into())
}

/// Returns the origin of a target, which is 0 for classes.
fn origin(model: &Model, target: usize) -> f64 {
    model.schema().target_forms().get(target).map_or(0.0, |form| form.origin)
}

/// Returns a value in the units of the target: to as many decimals as the network's part of it has.
fn value_text(model: &Model, target: usize, value: f32) -> String {
    let text = exact(value);
    match origin(model, target) {
        0.0 => text,
        origin => {
            let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len().min(9));
            format!("{:.decimals$}", origin + f64::from(value))
        }
    }
}

fn json_value(model: &Model, target: usize, value: f32) -> Json {
    match origin(model, target) {
        0.0 => value.into(),
        _ => Json::parse(&value_text(model, target, value)).unwrap_or(Json::Null),
    }
}

fn images(model: &Model, folder: &str) -> Result<Matrix, Failure> {
    Ok(model.predict_features(&Features::from_idx_test(folder, model.schema())?)?)
}

/// Returns a name as a cell of a CSV file.
fn cell(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.into() }
}
