//! `palmnet predict`: one prediction per line.

use std::io::Write;
use std::path::Path;

use palmnet::data::{Features, TargetSchema};
use palmnet::model::Intervals;
use palmnet::unversioned::Json;
use palmnet::{Error, Model, Table};

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
    names: &[],
    options: &[&PROBABILITIES, &INTERVAL, &SET, &UNKNOWN, &STRICT, &HEADER, &SEPARATOR, &THREADS, &JSON],
};

const PROBABILITIES: Opt = Opt::new(
    "--probabilities",
    "",
    Group::Output,
    "After the class, the probability of every class (of labels, that of each label's second class), separated by commas, \
     under a header.",
)
.aliases(&["--proba", "--predict-proba"]);

const INTERVAL: Opt = Opt::new(
    "--interval",
    "P",
    Group::Output,
    "After the values, the lower and the upper end of an interval for each, under a header: on \
     average over all rows, P % of the true values are inside, from 50 to 99. The model needs a calibration.",
)
.aliases(&["--intervals", "--prediction-interval"]);

const SET: Opt = Opt::new(
    "--set",
    "P",
    Group::Output,
    "After the class, a set of classes separated by |, the likeliest first, under a header: on average over all rows, \
     the true class is in it in P % of them or more, from 50 to 99. The model needs a calibration.",
)
.aliases(&["--sets", "--prediction-set"]);

const STRICT: Opt = Opt::new(
    "--strict",
    "",
    Group::Data,
    "End with an error at the first row that cannot be read. By default its prediction is empty, and the others are \
     printed.",
);

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let (interval, set) = (level(arguments, &INTERVAL)?, level(arguments, &SET)?);
    let model = input::model(arguments)?.folded();
    check_kind(arguments, &model)?;
    let path = arguments.word(1).unwrap_or_default();
    let (outputs, spreads, failures) = match Path::new(path).is_dir() {
        true => {
            let images = Features::from_idx_test(path, model.schema())?;
            let (outputs, spreads) = model.predict_with_spread(&images)?;
            (outputs, spreads, Vec::new())
        }
        false => {
            let table = Table::read_with(path, &input::reading(arguments, model.schema().reading())?)?;
            table.notes().iter().for_each(|note| warn(note));
            let mut found = model.predict_rows(&table)?;
            found.notes.iter().for_each(|note| warn(note));
            if arguments.has(STRICT.name) && !found.failures.is_empty() {
                return Err(found.failures.swap_remove(0).1.into());
            }
            (found.outputs, found.spreads, found.failures)
        }
    };
    let has_failed = |row: usize| failures.binary_search_by_key(&row, |(failed, _)| *failed).is_ok();
    let is_wrong = |(index, row): (usize, &[f32])| !has_failed(index) && !row.iter().all(|output| output.is_finite());
    if let Some(row) = outputs.iter_rows().enumerate().position(is_wrong) {
        let number = row + 1;
        let message = format!(
            "row {number}: the network's outputs are not numbers: its inputs are too extreme, or the model is damaged"
        );
        return Err(Error::format(path, message).into());
    }
    let calibrated = |level: Option<f64>| level.zip(model.calibration());
    let intervals = calibrated(interval).map(|(level, calibration)| calibration.intervals(&outputs, &spreads, level));
    let sets = calibrated(set).map(|(level, calibration)| calibration.sets(&outputs, level));
    let form = Form {
        model: &model,
        probabilities: arguments.has(PROBABILITIES.name),
        intervals: intervals.transpose()?,
        sets: sets.transpose()?,
        json: arguments.has(JSON.name),
    };
    if !form.json && (form.probabilities || form.intervals.is_some() || form.sets.is_some()) {
        writeln!(out, "{}", form.header())?;
    }
    for (index, row) in outputs.iter_rows().enumerate() {
        writeln!(out, "{}", if has_failed(index) { form.empty() } else { form.line(index, row) })?;
    }
    report_failures(path, failures)
}

/// Returns the fraction that an option gives in percent.
fn level(arguments: &Arguments, option: &Opt) -> Result<Option<f64>, Failure> {
    let percent = arguments.value(option.name, "a percentage from 50 to 99", |p: &f64| (50.0..=99.0).contains(p))?;
    Ok(percent.map(|percent| percent / 100.0))
}

/// Refuses options that do not suit what the model predicts, or that need a calibration where there is none.
fn check_kind(arguments: &Arguments, model: &Model) -> Result<(), Failure> {
    let kind = match model.schema().target() {
        TargetSchema::Classes { .. } => "classes",
        TargetSchema::Labels { .. } => "labels",
        TargetSchema::Values { .. } => "values",
    };
    for (option, needed, other) in
        [(&PROBABILITIES, "classes", ""), (&INTERVAL, "values", ": use --set"), (&SET, "classes", ": use --interval")]
    {
        let suits = needed == kind || (option.name == PROBABILITIES.name && kind == "labels");
        if arguments.has(option.name) && !suits {
            let other = if kind == "labels" { "" } else { other };
            return Err(arguments.misuse(&format!("{}: this model predicts {kind}, not {needed}{other}", option.name)));
        }
    }
    let given = [INTERVAL.name, SET.name].into_iter().find(|option| arguments.has(option));
    match given.filter(|_| model.calibration().is_none()) {
        None => Ok(()),
        Some(option) => Err(Error::format(
            arguments.word(0).unwrap_or_default(),
            format!(
                "the model has no calibration, which {option} needs: it is older, or was trained on fewer than 30 rows or \
                 with --fast or --from. Train it with palmnet train DATA on more rows"
            ),
        )
        .into()),
    }
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
    intervals: Option<Intervals>,
    /// The set of each row.
    sets: Option<Vec<Vec<usize>>>,
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

    /// Returns the line above predictions with probabilities, intervals or sets.
    fn header(&self) -> String {
        let targets = self.model.schema().target().names();
        let mut names = targets.to_vec();
        if self.probabilities {
            names.extend(self.outputs());
        }
        if self.intervals.is_some() {
            names.extend(targets.iter().flat_map(|name| [format!("{name}.low"), format!("{name}.high")]));
        }
        if self.sets.is_some() {
            names.extend(targets.iter().map(|name| format!("{name}.set")));
        }
        names.iter().map(|name| cell(name)).collect::<Vec<_>>().join(",")
    }

    /// Returns the line for a row that cannot be read.
    fn empty(&self) -> String {
        if self.json {
            return Json::object([("prediction", Json::Null)]).to_string();
        }
        let targets = self.model.schema().target().names().len();
        let probabilities = if self.probabilities { self.outputs().len() } else { 0 };
        let ends = if self.intervals.is_some() { 2 * targets } else { 0 };
        ",".repeat(targets - 1 + probabilities + ends + usize::from(self.sets.is_some()))
    }

    /// Returns the ends of the interval of each target for a row.
    fn ends(&self, index: usize) -> impl Iterator<Item = [f32; 2]> {
        let rows = self.intervals.as_ref().map(|found| (found.lower.row(index), found.upper.row(index)));
        rows.into_iter().flat_map(|(lower, upper)| lower.iter().zip(upper).map(|(&low, &high)| [low, high]))
    }

    /// Returns the names of the classes in the set of a row, if sets are wanted.
    fn set(&self, index: usize) -> Option<Vec<&str>> {
        let TargetSchema::Classes { classes, .. } = self.model.schema().target() else { return None };
        Some(self.sets.as_ref()?[index].iter().map(|&class| classes[class].as_str()).collect())
    }

    /// Returns the line for a row of outputs.
    fn line(&self, index: usize, row: &[f32]) -> String {
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
            return self.json_line(index, &row, &texts);
        }
        let mut cells: Vec<String> = texts.into_iter().map(cell).collect();
        match target {
            TargetSchema::Values { .. } => {
                cells.extend((0..).zip(&row).map(|(i, &value)| value_text(self.model, i, value)))
            }
            _ if self.probabilities => cells.extend(row.iter().map(|&p| significant(p.into(), 6))),
            _ => {}
        }
        for (target, ends) in self.ends(index).enumerate() {
            cells.extend(ends.map(|end| value_text(self.model, target, end)));
        }
        cells.extend(self.set(index).map(|set| cell(&set.join("|"))));
        cells.join(",")
    }

    fn json_line(&self, index: usize, row: &[f32], texts: &[&str]) -> String {
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
        let mut members = vec![("prediction", prediction)];
        members.extend(probabilities.map(|json| ("probabilities", json)));
        if self.intervals.is_some() {
            let ends = self
                .ends(index)
                .enumerate()
                .map(|(target, ends)| Json::Array(ends.map(|end| json_value(self.model, target, end)).to_vec()));
            members.push(("interval", Json::object(target.names().iter().map(String::as_str).zip(ends))));
        }
        members.extend(self.set(index).map(|set| ("set", Json::Array(set.into_iter().map(Json::from).collect()))));
        Json::object(members).to_string()
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

/// Returns a name as a cell of a CSV file.
fn cell(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.into() }
}
