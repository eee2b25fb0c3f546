//! Predictions as lines of text or JSON.

use palmnet::data::TargetSchema;
use palmnet::model::Intervals;
use palmnet::unversioned::Json;
use palmnet::{Matrix, Model};

use super::format::{exact, significant};

/// How predictions are printed.
pub struct Form<'m> {
    pub model: &'m Model,
    pub probabilities: bool,
    /// The fraction of the values that are in their intervals.
    pub interval: Option<f64>,
    /// The fraction of the classes that are in their sets.
    pub set: Option<f64>,
    pub json: bool,
    /// Whether predictions stand behind the lines that they are for.
    pub appends: bool,
}

/// Predictions for some rows.
pub struct Rows {
    pub outputs: Matrix,
    intervals: Option<Intervals>,
    /// The set of each row.
    sets: Option<Vec<Vec<usize>>>,
    /// The rows that could not be read, in their order.
    pub failed: Vec<usize>,
}

impl Rows {
    pub fn new(form: &Form<'_>, outputs: Matrix, spreads: Matrix) -> palmnet::Result<Rows> {
        let calibrated = |level: Option<f64>| level.zip(form.model.calibration());
        let intervals = calibrated(form.interval).map(|(level, found)| found.intervals(&outputs, &spreads, level));
        let sets = calibrated(form.set).map(|(level, found)| found.sets(&outputs, level));
        Ok(Rows { intervals: intervals.transpose()?, sets: sets.transpose()?, outputs, failed: Vec::new() })
    }

    pub fn has_failed(&self, row: usize) -> bool {
        self.failed.binary_search(&row).is_ok()
    }

    /// Returns the reason if the outputs for a row mean nothing.
    pub fn fault(&self, row: usize) -> Option<&'static str> {
        let is_wrong = self.outputs.row(row).iter().any(|output| !output.is_finite());
        is_wrong.then_some("the network's outputs are not numbers: its inputs are too extreme, or the model is damaged")
    }
}

impl Form<'_> {
    /// Returns whether a line of names stands above predictions.
    pub fn has_header(&self) -> bool {
        !self.json && (self.probabilities || self.interval.is_some() || self.set.is_some())
    }

    /// Returns the line of names above predictions, behind the names that there are.
    pub fn header(&self, given: &[String], separator: char) -> String {
        let targets = self.model.schema().target().names();
        let mut names = targets.to_vec();
        if self.probabilities {
            names.extend(self.model.schema().target().output_names());
        }
        if self.interval.is_some() {
            names.extend(targets.iter().flat_map(|name| [format!("{name}.low"), format!("{name}.high")]));
        }
        if self.set.is_some() {
            names.extend(targets.iter().map(|name| format!("{name}.set")));
        }
        let name = |name: &String| {
            let others = (2..).map(|number| format!("{name}.predicted.{number}"));
            let mut free = [name.clone(), format!("{name}.predicted")].into_iter().chain(others);
            cell(&free.find(|name| !given.contains(name)).unwrap_or_default(), separator)
        };
        names.iter().map(name).collect::<Vec<_>>().join(separator.encode_utf8(&mut [0; 4]))
    }

    /// Returns the line for a row that cannot be read.
    pub fn empty(&self, separator: char) -> String {
        if self.json {
            return Json::object([("prediction", Json::Null)]).to_string();
        }
        let targets = self.model.schema().target().names().len();
        let probabilities = if self.probabilities { self.model.schema().target().output_names().len() } else { 0 };
        let ends = if self.interval.is_some() { 2 * targets } else { 0 };
        let separators = targets - 1 + probabilities + ends + usize::from(self.set.is_some());
        separator.encode_utf8(&mut [0; 4]).repeat(separators)
    }

    /// Returns the ends of the interval of each target for a row.
    fn ends(rows: &Rows, index: usize) -> impl Iterator<Item = [f32; 2]> {
        let rows = rows.intervals.as_ref().map(|found| (found.lower.row(index), found.upper.row(index)));
        rows.into_iter().flat_map(|(lower, upper)| lower.iter().zip(upper).map(|(&low, &high)| [low, high]))
    }

    /// Returns the names of the classes in the set of a row, if sets are wanted.
    fn set(&self, rows: &Rows, index: usize) -> Option<Vec<&str>> {
        let TargetSchema::Classes { classes, .. } = self.model.schema().target() else { return None };
        Some(rows.sets.as_ref()?[index].iter().map(|&class| classes[class].as_str()).collect())
    }

    /// Returns the line for a row.
    pub fn line(&self, rows: &Rows, index: usize, separator: char) -> String {
        let (target, row) = (self.model.schema().target(), rows.outputs.row(index));
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
            return self.json_line(&row, &texts, rows, index);
        }
        let mut numbers: Vec<String> = Vec::new();
        match target {
            TargetSchema::Values { .. } => {
                numbers.extend((0..).zip(&row).map(|(i, &value)| value_text(self.model, i, value)))
            }
            _ if self.probabilities => numbers.extend(row.iter().map(|&p| significant(p.into(), 6))),
            _ => {}
        }
        for (target, ends) in Form::ends(rows, index).enumerate() {
            numbers.extend(ends.map(|end| value_text(self.model, target, end)));
        }
        if self.appends && separator != ',' && self.model.schema().decimal() == ',' {
            numbers.iter_mut().for_each(|number| *number = number.replace('.', ","));
        }
        let mut cells: Vec<String> = texts.into_iter().map(|text| cell(text, separator)).collect();
        cells.append(&mut numbers);
        cells.extend(self.set(rows, index).map(|set| cell(&set.join("|"), separator)));
        cells.join(separator.encode_utf8(&mut [0; 4]))
    }

    fn json_line(&self, row: &[f32], texts: &[&str], rows: &Rows, index: usize) -> String {
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
        if self.interval.is_some() {
            let ends = Form::ends(rows, index)
                .enumerate()
                .map(|(target, ends)| Json::Array(ends.map(|end| json_value(self.model, target, end)).to_vec()));
            members.push(("interval", Json::object(target.names().iter().map(String::as_str).zip(ends))));
        }
        members
            .extend(self.set(rows, index).map(|set| ("set", Json::Array(set.into_iter().map(Json::from).collect()))));
        Json::object(members).to_string()
    }
}

/// Returns a value in the units of the target: to as many decimals as the network's part of it has.
fn value_text(model: &Model, target: usize, value: f32) -> String {
    let text = exact(value);
    match model.schema().target_origin(target) {
        0.0 => text,
        origin => {
            let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len().min(9));
            format!("{:.decimals$}", origin + f64::from(value))
        }
    }
}

fn json_value(model: &Model, target: usize, value: f32) -> Json {
    match model.schema().target_origin(target) {
        0.0 => value.into(),
        _ => Json::parse(&value_text(model, target, value)).unwrap_or(Json::Null),
    }
}

/// Returns a name as a cell of a CSV file.
fn cell(name: &str, separator: char) -> String {
    if name.contains([separator, '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.into() }
}
