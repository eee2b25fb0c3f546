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
    details: &[input::ABOUT, "A folder stands for its test images. Several values or labels are separated by commas."],
    words: (2, 2),
    options: &[&PROBABILITIES, &UNKNOWN, &STRICT, &HEADER, &SEPARATOR, &THREADS, &JSON],
};

const PROBABILITIES: Opt = Opt::new(
    "--probabilities",
    "",
    Group::Output,
    "After the class, the probability of every class (of labels, that of each label's second class), separated by commas, \
     under a header.",
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
    let form = Form { model: &model, probabilities: arguments.has(PROBABILITIES.name), json: arguments.has(JSON.name) };
    if form.probabilities && matches!(model.schema().target(), TargetSchema::Values { .. }) {
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
    if form.probabilities && !form.json {
        writeln!(out, "{}", form.header())?;
    }
    for (index, row) in outputs.iter_rows().enumerate() {
        writeln!(out, "{}", if has_failed(index) { form.empty() } else { form.line(row) })?;
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

/// How predictions are printed.
struct Form<'m> {
    model: &'m Model,
    probabilities: bool,
    json: bool,
}

impl Form<'_> {
    /// Returns the names of the outputs: classes, labels with the class that the probability is of, or targets.
    fn outputs(&self) -> Vec<String> {
        match self.model.schema().target() {
            TargetSchema::Classes { classes, .. } => classes.clone(),
            TargetSchema::Labels { names, classes } => {
                names.iter().zip(classes).map(|(name, [_, positive])| format!("{name}={positive}")).collect()
            }
            TargetSchema::Values { names } => names.clone(),
        }
    }

    /// Returns the line above predictions with probabilities.
    fn header(&self) -> String {
        let outputs = self.outputs();
        self.model.schema().target().names().iter().chain(&outputs).map(|name| cell(name)).collect::<Vec<_>>().join(",")
    }

    /// Returns the line for a row that cannot be read.
    fn empty(&self) -> String {
        if self.json {
            return Json::object([("prediction", Json::Null)]).to_string();
        }
        let probabilities = if self.probabilities { self.outputs().len() } else { 0 };
        ",".repeat(self.model.schema().target().names().len() - 1 + probabilities)
    }

    /// Returns the line for a row of outputs.
    fn line(&self, row: &[f32]) -> String {
        let target = self.model.schema().target();
        // A single output is the probability of the second class.
        let row = match (target, row) {
            (TargetSchema::Classes { .. }, &[second]) => vec![1.0 - second, second],
            _ => row.to_vec(),
        };
        let texts = match target {
            TargetSchema::Classes { .. } => self.model.class(&row).into_iter().collect(),
            TargetSchema::Labels { .. } => self.model.labels(&row).unwrap_or_default(),
            TargetSchema::Values { .. } => Vec::new(),
        };
        if self.json {
            return self.json_line(&row, &texts);
        }
        let mut cells: Vec<String> = texts.into_iter().map(cell).collect();
        match target {
            TargetSchema::Values { .. } => {
                cells.extend((0..).zip(&row).map(|(i, &value)| value_text(self.model, i, value)))
            }
            _ if self.probabilities => cells.extend(row.iter().map(|&p| significant(p.into(), 6))),
            _ => {}
        }
        cells.join(",")
    }

    fn json_line(&self, row: &[f32], texts: &[&str]) -> String {
        let target = self.model.schema().target();
        let named = |names: &[String]| {
            let values = (0..).zip(row).map(|(target, &value)| json_value(self.model, target, value));
            Json::object(names.iter().map(String::as_str).zip(values))
        };
        let (prediction, probabilities) = match target {
            TargetSchema::Classes { classes, .. } => (texts.concat().as_str().into(), Some(named(classes))),
            TargetSchema::Labels { names, .. } => {
                let texts = texts.iter().map(|&text| text.into());
                (Json::object(names.iter().map(String::as_str).zip(texts)), Some(named(names)))
            }
            TargetSchema::Values { names } => (named(names), None),
        };
        let members = [("prediction", prediction)].into_iter();
        Json::object(members.chain(probabilities.map(|json| ("probabilities", json)))).to_string()
    }
}

/// Returns the origin of a target, which is 0 for classes and labels.
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
