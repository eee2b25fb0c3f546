//! `palmnet explain`: which columns a model needs, and what moved a prediction.

use std::io::Write;
use std::path::Path;

use palmnet::data::{Features, Rows, TargetSchema};
use palmnet::explain::{PartialDependence, Shapley};
use palmnet::unversioned::Json;
use palmnet::{Error, Model, Table};

use super::eval::MISSING;
use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Group, Opt};
use crate::cli::format::counted;
use crate::cli::input;
use crate::cli::options::{HEADER, JSON, SEED, SEPARATOR, THREADS, UNKNOWN};
use crate::cli::terminal::{warn, width, wrap};

pub const COMMAND: Command = Command {
    name: "explain",
    usage: "explain MODEL DATA",
    summary: "Show which columns a saved model needs and how its predictions change with them or, with --row, what moved \
              one prediction.",
    details: &[
        input::ABOUT,
        "A column matters as much as the accuracy (of values, R²) falls if its cells are shuffled among the rows of DATA, \
         which needs labels (permutation importance), at most 10000 rows of them. Then follow the mean predictions if all rows \
         have the same cell in a column, for the three columns that matter most (partial dependence).",
        "With --row, DATA needs no labels: the base is the mean prediction for at most 100 rows of DATA, and each column moves \
         it towards the prediction of the row (Shapley values).",
    ],
    words: (2, 2),
    names: &[],
    options: &[&ROW, &REPEATS, &SEED, &MISSING, &UNKNOWN, &HEADER, &SEPARATOR, &TOP, &THREADS, &JSON],
};

const ROW: Opt = Opt::new("--row", "N", Group::Data, "Explain the prediction for a row of DATA, counted from 1.")
    .excludes(&[REPEATS.name, MISSING.name]);

const REPEATS: Opt = Opt::new("--repeats", "N", Group::Data, "How often each column is shuffled.")
    .aliases(&["--n-repeats"])
    .default(|| "5".into());

const TOP: Opt =
    Opt::new("--top", "N", Group::Output, "The most columns in a table; JSON has all.").default(|| "10".into());

/// The columns whose dependence is shown, and the most cells of each.
const SHOWN: usize = 3;
const POINTS: usize = 7;

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let from_one = |option: &Opt| arguments.value(option.name, "a whole number from 1", |n: &usize| *n > 0);
    let (row, repeats, top) = (from_one(&ROW)?, from_one(&REPEATS)?.unwrap_or(5), from_one(&TOP)?.unwrap_or(10));
    let seed = arguments.value(SEED.name, "a whole number", |_: &u64| true)?.unwrap_or(0);
    let drop = arguments.choice(&MISSING)? == Some("drop");
    let model = input::model(arguments)?.folded();
    if let Some(row) = row {
        let features = features(arguments, &model)?;
        let rows = features.rows();
        if row > rows {
            return Err(arguments.misuse(&format!("--row {row}: the data has {}", counted(rows, "row"))));
        }
        let mut x = vec![0.0; features.columns()];
        features.read_row(row - 1, &mut x);
        let found = model.shapley(&x, &features, seed)?;
        return match arguments.has(JSON.name) {
            true => Ok(writeln!(out, "{}", shapley_json(row, &found))?),
            false => Ok(out.write_all(shapley_text(row, &model, &found, top).as_bytes())?),
        };
    }
    let (data, dropped) =
        input::for_model(arguments, &model, drop).map_err(|failure| without_labels(arguments, &model, failure))?;
    data.notes().iter().for_each(|note| warn(note));
    if dropped > 0 {
        let rows = data.len() + dropped;
        warn(&format!("{dropped} of {rows} rows are dropped because a cell is missing"));
    }
    let importance = model.importance(&data, repeats, seed)?;
    let ranked = importance.ranked();
    let dependences = ranked
        .iter()
        .take(top.min(SHOWN))
        .map(|&column| model.partial_dependence(data.features(), &importance.columns[column].name, POINTS, seed));
    let dependences = dependences.collect::<palmnet::Result<Vec<_>>>()?;
    if arguments.has(JSON.name) {
        let columns = ranked.iter().map(|&column| &importance.columns[column]).map(|column| {
            let (mean, std) = (column.mean.into(), column.std.into());
            Json::object([("column", column.name.as_str().into()), ("mean", mean), ("std", std)])
        });
        let members = [
            ("examples", data.len().into()),
            ("rows", importance.rows.into()),
            ("repeats", repeats.into()),
            (importance.metric, importance.score.into()),
            ("importance", Json::Array(columns.collect())),
            ("partial_dependence", Json::Array(dependences.iter().map(dependence_json).collect())),
        ];
        return Ok(writeln!(out, "{}", Json::object(members))?);
    }
    let metric = match importance.metric {
        "subset_accuracy" => "exact match",
        "r2" => "R²",
        metric => metric,
    };
    let drawn = if importance.rows < data.len() { format!("{} of ", importance.rows) } else { String::new() };
    let examples = counted(data.len(), "example");
    let mut text = wrap(&format!("{drawn}{examples}: {metric} {:.4}", importance.score), 0) + "\n";
    let shuffled = counted(repeats, "time");
    text += &wrap(&format!("Fall of the {metric} if a column is shuffled ({shuffled}):"), 0);
    text += &importance.report(width(), top);
    if ranked.len() > top {
        text += &format!("{}\n", counted(ranked.len() - top, "other"));
    }
    text += "\n";
    text += &wrap("Mean prediction if all rows have this cell:", 0);
    for found in &dependences {
        text += &found.report(width());
        text += "\n";
    }
    Ok(writeln!(out, "{}", text.trim_end())?)
}

/// Reads the rows of the data, labeled or not.
fn features(arguments: &Arguments, model: &Model) -> Result<Features, Failure> {
    let path = arguments.word(1).unwrap_or_default();
    if Path::new(path).is_dir() {
        return Ok(Features::from_idx_test(path, model.schema())?);
    }
    let table = Table::read_with(path, &input::reading(arguments, model.schema().reading())?)?;
    table.notes().iter().for_each(|note| warn(note));
    let mut found = model.schema().read_rows(&table)?;
    found.notes.iter().for_each(|note| warn(note));
    match found.failures.is_empty() {
        true => Ok(found.features),
        // A row that cannot be read is none to compare others with.
        false => Err(found.failures.swap_remove(0).1.into()),
    }
}

/// Adds to the failure to read labeled data, if it can be read without labels, that there is another way.
fn without_labels(arguments: &Arguments, model: &Model, failure: Failure) -> Failure {
    match failure {
        Failure::Work(error) if features(arguments, model).is_ok() => Error::Mismatch(format!(
            "{error}. The importance of columns needs labels; without them, --row N explains the prediction for a row"
        ))
        .into(),
        failure => failure,
    }
}

/// Returns the values for the predicted class or for every label or target.
fn shapley_text(row: usize, model: &Model, found: &Shapley, top: usize) -> String {
    let mut text = wrap(&format!("Row {row}, from the mean of {}:", counted(found.background, "row")), 0);
    let largest = found.prediction.iter().fold(f64::NEG_INFINITY, |largest, x| largest.max(*x));
    let (of_one, noun) = match model.schema().target() {
        TargetSchema::Classes { .. } => (true, "probability of "),
        TargetSchema::Labels { .. } => (false, "probability of "),
        TargetSchema::Values { .. } => (false, ""),
    };
    for (output, name) in found.outputs.iter().enumerate() {
        if !of_one || found.prediction[output] == largest {
            text += "\n";
            text += &wrap(&format!("{noun}{name}"), 0);
            text += &found.report(output, width(), top);
        }
    }
    text
}

/// Returns a number for each output, by its name.
fn named(outputs: &[String], numbers: &[f64]) -> Json {
    Json::object(outputs.iter().map(String::as_str).zip(numbers.iter().map(|&number| number.into())))
}

fn dependence_json(found: &PartialDependence) -> Json {
    let points = found.points.iter().map(|point| {
        let value = point.value.map_or(Json::Null, Json::from);
        let means = named(&found.outputs, &point.means);
        Json::object([("cell", point.cell.as_str().into()), ("value", value), ("means", means)])
    });
    let points = Json::Array(points.collect());
    Json::object([("column", found.name.as_str().into()), ("rows", found.rows.into()), ("points", points)])
}

fn shapley_json(row: usize, found: &Shapley) -> Json {
    let columns = found.columns.iter().map(|column| {
        Json::object([
            ("column", column.name.as_str().into()),
            ("cell", column.cell.as_str().into()),
            ("values", named(&found.outputs, &column.values)),
            ("errors", named(&found.outputs, &column.errors)),
        ])
    });
    Json::object([
        ("row", row.into()),
        ("background", found.background.into()),
        ("base", named(&found.outputs, &found.base)),
        ("prediction", named(&found.outputs, &found.prediction)),
        ("columns", Json::Array(columns.collect())),
    ])
}
