//! `palmnet explain`: which columns a model needs, and what moved a prediction.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use palmnet::data::{Features, Rows, TargetSchema};
use palmnet::explain::{Importance, PartialDependence, Permutations, Shapley};
use palmnet::report::Report;
use palmnet::unversioned::Json;
use palmnet::{Dataset, Error, Model, Table};

use super::eval::{MISSING, repeating_line};
use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Group, Opt, nearest};
use crate::cli::format::counted;
use crate::cli::input;
use crate::cli::options::{HEADER, JSON, QUIET, REPORT, SEED, SEPARATOR, THREADS, UNKNOWN};
use crate::cli::pictures::report_file;
use crate::cli::progress::Progress;
use crate::cli::terminal::{warn, width, wrap};

pub const COMMAND: Command = Command {
    name: "explain",
    usage: "explain MODEL DATA",
    summary: "Show which columns a saved model needs and how its predictions change with them or, with --row, what moved \
              one prediction.",
    details: &[
        input::ABOUT,
        "A column matters as much as the accuracy (of values, R²) falls if its cells are shuffled among the rows of DATA, \
         which needs labels (permutation importance). Then follow the mean predictions if all rows \
         have the same cell in a column, for the three columns that matter most (partial dependence, over at most 500 rows): without labels, for the first \
         columns.",
        "With --row, DATA needs no labels: the base is the mean prediction for at most 100 rows of DATA, and each column moves \
         it towards the prediction of the row (Shapley values).",
    ],
    words: (2, 2),
    names: &[],
    options: &[
        &ROW, &CLASS, &ROWS, &REPEATS, &SEED, &MISSING, &UNKNOWN, &HEADER, &SEPARATOR, &TOP, &THREADS, &REPORT, &QUIET,
        &JSON,
    ],
};

const ROW: Opt = Opt::new("--row", "N", Group::Data, "Explain the prediction for a row of DATA, counted from 1.")
    .excludes(&[ROWS.name, REPEATS.name, MISSING.name, REPORT.name]);

const CLASS: Opt = Opt::new("--class", "NAME", Group::Output, "The class, label or target in a table; JSON has all.");

const ROWS: Opt =
    Opt::new("--rows", "N", Group::Data, "The most rows that columns are shuffled in.").default(|| "2000".into());

const REPEATS: Opt = Opt::new("--repeats", "N", Group::Data, "How often each column is shuffled.")
    .aliases(&["--n-repeats"])
    .default(|| "5".into());

const TOP: Opt =
    Opt::new("--top", "N", Group::Output, "The most columns in a table; JSON has all.").default(|| "10".into());

/// The columns whose dependence is shown, and the most cells of each.
const SHOWN: usize = 3;
const POINTS: usize = 7;
/// From then on, progress is shown.
const PATIENCE: Duration = Duration::from_secs(1);

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let from_one = |option: &Opt| arguments.value(option.name, "a whole number from 1", |n: &usize| *n > 0);
    let (row, repeats) = (from_one(&ROW)?, from_one(&REPEATS)?.unwrap_or(5));
    let rows = arguments.value(ROWS.name, "a whole number from 2", |n: &usize| *n > 1)?;
    let top = from_one(&TOP)?.unwrap_or(10);
    let seed = arguments.value(SEED.name, "a whole number", |_: &u64| true)?.unwrap_or(0);
    let drop = arguments.choice(&MISSING)? == Some("drop");
    let report = report_file(arguments, &[0, 1].map(|word| arguments.word(word).unwrap_or_default()))?;
    let model = input::model(arguments)?.folded();
    chosen(arguments, &model.schema().target().output_names())?;
    if let Some(row) = row {
        let features = features(arguments, &model)?;
        let rows = features.rows();
        if row > rows {
            return Err(arguments.misuse(&format!("--row {row}: the data has {}", counted(rows, "row"))));
        }
        let mut x = vec![0.0; features.columns()];
        features.read_row(row - 1, &mut x);
        let found = model.shapley(&x, &features, seed)?;
        let output = chosen(arguments, &found.outputs)?;
        return match arguments.has(JSON.name) {
            true => Ok(writeln!(out, "{}", shapley_json(row, &found))?),
            false => Ok(out.write_all(shapley_text(row, output, &model, &found, top).as_bytes())?),
        };
    }
    let (data, warnings) = match is_folder(arguments) {
        true => input::for_model(arguments, &model, drop)?,
        false => {
            let table = input::table(arguments, &model)?;
            if model.schema().lacks_targets(&table) {
                let targets = model.schema().target().names().join(", ");
                let header: Vec<&str> = table.header().unwrap_or_default().iter().map(String::as_str).collect();
                let hint = nearest(&targets, &header);
                let message = format!("the importance of columns needs labels, and the data lacks {targets}{hint}");
                let mut options = [REPORT.name, ROWS.name, REPEATS.name].into_iter();
                if let Some(option) = options.find(|option| arguments.has(option)) {
                    return Err(Error::Mismatch(format!("{message}: leave {option} out, or add them")).into());
                }
                warn_unless_quiet(arguments, &[message]);
                let features = rows_of(arguments, &model, &table)?;
                let names = model.schema().columns().iter().map(|column| column.name.as_str());
                let found = dependences(&model, &features, names.take(top), seed)?;
                return show(arguments, out, None, &found);
            }
            input::labeled(table, &model, drop)?
        }
    };
    warn_unless_quiet(arguments, &warnings);
    let importance = importance(arguments, &model, &data, Permutations { rows, repeats, seed })?;
    let names = importance.ranked().into_iter().take(top.min(SHOWN));
    let names = names.map(|column| importance.columns[column].name.as_str());
    let found = dependences(&model, data.features(), names, seed)?;
    if let Some(file) = &report {
        let line = repeating_line(arguments, COMMAND.name);
        let mut page = Report::new(&model, &data).warnings(&warnings).command(&line).seed(seed);
        if arguments.has(ROWS.name) || arguments.has(REPEATS.name) {
            page = page.permutations(Permutations { rows, repeats, seed });
        }
        page.save(file)?;
    }
    show(arguments, out, Some(Measured { importance: &importance, examples: data.len(), top }), &found)?;
    match report.filter(|_| !arguments.has(JSON.name)) {
        Some(file) => Ok(writeln!(out, "\nsaved {file}")?),
        None => Ok(()),
    }
}

/// The importances of labeled data.
struct Measured<'a> {
    importance: &'a Importance,
    /// The number of all examples.
    examples: usize,
    /// The most columns that are shown as text.
    top: usize,
}

/// Writes the importances, if there are some, and the dependences.
fn show(
    arguments: &Arguments,
    out: &mut dyn Write,
    measured: Option<Measured<'_>>,
    dependences: &[PartialDependence],
) -> Result<(), Failure> {
    if arguments.has(JSON.name) {
        let mut members = measured.as_ref().map_or(Vec::new(), importance_json);
        members.push(("partial_dependence", Json::Array(dependences.iter().map(dependence_json).collect())));
        return Ok(writeln!(out, "{}", Json::object(members))?);
    }
    let mut text = measured.as_ref().map_or(String::new(), |measured| importance_text(measured) + "\n");
    text += &wrap("Mean prediction if all rows have this cell:", 0);
    for found in dependences {
        text += &match chosen(arguments, &found.outputs)? {
            Some(output) => found.clone().of_output(output).report(width()),
            None => found.report(width()),
        };
        text += "\n";
    }
    Ok(writeln!(out, "{}", text.trim_end())?)
}

fn importance_json(measured: &Measured<'_>) -> Vec<(&'static str, Json)> {
    let Measured { importance, examples, .. } = *measured;
    let ranked = importance.ranked();
    let columns = ranked.iter().map(|&column| &importance.columns[column]).map(|column| {
        let (mean, std) = (column.mean.into(), column.std.into());
        Json::object([("column", column.name.as_str().into()), ("mean", mean), ("std", std)])
    });
    vec![
        ("examples", examples.into()),
        ("rows", importance.rows.into()),
        ("repeats", importance.repeats.into()),
        (importance.metric, importance.score.into()),
        ("importance", Json::Array(columns.collect())),
    ]
}

fn importance_text(measured: &Measured<'_>) -> String {
    let Measured { importance, examples, top } = *measured;
    let metric = match importance.metric {
        "subset_accuracy" => "exact match",
        "r2" => "R²",
        metric => metric,
    };
    let drawn = if importance.rows < examples { format!("{} of ", importance.rows) } else { String::new() };
    let examples = counted(examples, "example");
    let mut text = wrap(&format!("{drawn}{examples}: {metric} {:.4}", importance.score), 0) + "\n";
    let shuffled = counted(importance.repeats, "time");
    text += &wrap(&format!("Fall of the {metric} if a column is shuffled ({shuffled}):"), 0);
    text += &importance.report(width(), top);
    match importance.columns.len().checked_sub(top).filter(|rest| *rest > 0) {
        Some(rest) => text + &format!("{}\n", counted(rest, "other")),
        None => text,
    }
}

/// Measures the importances, with progress on a terminal if they take long.
fn importance(
    arguments: &Arguments,
    model: &Model,
    data: &Dataset,
    permutations: Permutations,
) -> palmnet::Result<Importance> {
    let is_silent = arguments.has(QUIET.name) || arguments.has(JSON.name);
    let (mut progress, begun) = (Progress::new(is_silent, None, 0, 0), Instant::now());
    let columns = model.schema().columns().len();
    let found = model.importance_with(data, permutations, &mut |done| {
        if begun.elapsed() >= PATIENCE {
            progress.hint(&format!("column {} of {columns}", done + 1));
        }
    });
    progress.wipe();
    found
}

fn dependences<'n>(
    model: &Model,
    features: &Features,
    names: impl Iterator<Item = &'n str>,
    seed: u64,
) -> palmnet::Result<Vec<PartialDependence>> {
    names.map(|name| model.partial_dependence(features, name, POINTS, seed)).collect()
}

/// Returns the index of the output that `--class` names.
fn chosen(arguments: &Arguments, outputs: &[String]) -> Result<Option<usize>, Failure> {
    let Some(name) = arguments.text(CLASS.name) else { return Ok(None) };
    let is_it = |output: &String| output == name || output.split_once('=').is_some_and(|(label, _)| label == name);
    match outputs.iter().position(is_it) {
        None => {
            let names: Vec<&str> = outputs.iter().map(String::as_str).collect();
            let (hint, shown) = (nearest(name, &names), &names[..names.len().min(20)]);
            let more = if shown.len() < names.len() { ", …" } else { "" };
            Err(arguments.misuse(&format!("--class {name}{hint}: the model predicts {}{more}", shown.join(", "))))
        }
        found => Ok(found),
    }
}

fn warn_unless_quiet(arguments: &Arguments, warnings: &[String]) {
    warnings.iter().filter(|_| !arguments.has(QUIET.name)).for_each(|warning| warn(warning));
}

fn is_folder(arguments: &Arguments) -> bool {
    arguments.word(1).is_some_and(|path| Path::new(path).is_dir())
}

/// Reads the rows of the data, labeled or not.
fn features(arguments: &Arguments, model: &Model) -> Result<Features, Failure> {
    match is_folder(arguments) {
        true => Ok(Features::from_idx_test(arguments.word(1).unwrap_or_default(), model.schema())?),
        false => rows_of(arguments, model, &input::table(arguments, model)?),
    }
}

/// Reads the rows of a table, labeled or not.
fn rows_of(arguments: &Arguments, model: &Model, table: &Table) -> Result<Features, Failure> {
    warn_unless_quiet(arguments, table.notes());
    let mut found = model.schema().read_rows(table)?;
    warn_unless_quiet(arguments, &found.notes);
    match found.failures.is_empty() {
        true => Ok(found.features),
        // A row that cannot be read is none to compare others with.
        false => Err(found.failures.swap_remove(0).1.into()),
    }
}

/// Returns the values for the chosen output: else for the predicted class, or for every label or target.
fn shapley_text(row: usize, chosen: Option<usize>, model: &Model, found: &Shapley, top: usize) -> String {
    let mut text = wrap(&format!("Row {row}, from the mean of {}:", counted(found.background, "row")), 0);
    let largest = found.prediction.iter().fold(f64::NEG_INFINITY, |largest, x| largest.max(*x));
    let (of_one, noun) = match model.schema().target() {
        TargetSchema::Classes { .. } => (true, "probability of "),
        TargetSchema::Labels { .. } => (false, "probability of "),
        TargetSchema::Values { .. } => (false, ""),
    };
    for (output, name) in found.outputs.iter().enumerate() {
        let is_wanted = || !of_one || found.prediction[output] == largest;
        if chosen.map_or_else(is_wanted, |chosen| chosen == output) {
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
