//! `palmnet eval`: metrics on labeled data.

use std::io::Write;

use palmnet::plot;
use palmnet::report::Report;
use palmnet::unversioned::Json;

use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Group, Opt};
use crate::cli::format::counted;
use crate::cli::input;
use crate::cli::options::{HEADER, JSON, PLOT, REPORT, SEED, SEPARATOR, THREADS, UNKNOWN, shell_word};
use crate::cli::pictures::{Pictures, report_file};
use crate::cli::report::{coverage, coverage_lines, score_json, target_lines};
use crate::cli::terminal::{warn, width, wrap};

pub const COMMAND: Command = Command {
    name: "eval",
    usage: "eval MODEL DATA",
    summary: "Report how well a saved model does on labeled data.",
    details: &[input::ABOUT, "A folder stands for its test set. Columns are found by their headers."],
    words: (2, 2),
    names: &[],
    options: &[&MISSING, &UNKNOWN, &HEADER, &SEPARATOR, &THREADS, &PLOT, &REPORT, &JSON],
};

pub const MISSING: Opt = Opt::new(
    "--missing",
    "error|drop",
    Group::Data,
    "How rows with a missing target, or a missing feature that the model cannot fill in, are handled: as an error, or \
     dropped.",
)
.choices(|| vec!["error", "drop"])
.default(|| "error".into());

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let drop = arguments.choice(&MISSING)? == Some("drop");
    let [model, data] = [0, 1].map(|word| arguments.word(word).unwrap_or_default());
    let pictures = Pictures::parse(arguments, &[model, data])?;
    let others: Vec<&str> = [model, data].into_iter().chain(pictures.file.as_deref()).collect();
    let report = report_file(arguments, &others)?;
    let line = repeating_line(arguments, COMMAND.name);
    let model = input::model(arguments)?.folded();
    let (data, warnings) = input::for_model(arguments, &model, drop)?;
    warnings.iter().for_each(|warning| warn(warning));
    let (examples, names) = (data.len(), data.class_names().to_vec());
    let targets = model.schema().target().names().to_vec();
    let scored = model.scored(&data)?;
    let (score, coverage) = (&scored.score, coverage(&model, &data, &scored)?);
    let drawn = match pictures.are_wanted() {
        true => pictures.show(&plot::of_evaluation(&model, &data)?)?,
        false => String::new(),
    };
    if let Some(file) = &report {
        Report::new(&model, &data).scored(&scored).warnings(&warnings).command(&line).save(file)?;
    }
    if arguments.has("--json") {
        let mut members = vec![("examples".to_string(), Json::from(examples))];
        members.extend(score_json(score, &targets, &coverage).as_object().unwrap_or_default().iter().cloned());
        if let Some(found) = score.evaluation.classification() {
            let row = |row: &Vec<usize>| Json::Array(row.iter().map(|&count| count.into()).collect());
            let classes = names.iter().enumerate().map(|(class, name)| {
                Json::object([
                    ("class", name.as_str().into()),
                    ("precision", found.precision(class).into()),
                    ("recall", found.recall(class).into()),
                    ("f1", found.f1(class).into()),
                    ("examples", found.support(class).into()),
                ])
            });
            members.push(("classes".into(), Json::Array(classes.collect())));
            members.push(("confusion".into(), Json::Array(found.confusion().iter().map(row).collect())));
        }
        return Ok(writeln!(out, "{}", Json::Object(members))?);
    }
    match score.evaluation.classification() {
        None => {
            write!(out, "{}", wrap(&format!("{}: {score}", counted(examples, "example")), 0))?;
            write!(out, "{}", target_lines(score, &targets))?;
            write!(out, "{}", coverage_lines(score, &coverage, &targets))?;
        }
        Some(found) => {
            writeln!(out, "{}\n", counted(examples, "example"))?;
            write!(out, "{}", found.report(&names, width()))?;
            writeln!(out, "{}", coverage_lines(score, &coverage, &targets))?;
            writeln!(out, "{}", found.confusion_table(&names, width()).trim_end())?;
        }
    }
    for file in [&pictures.file, &report].into_iter().flatten() {
        writeln!(out, "saved {file}")?;
    }
    Ok(write!(out, "{drawn}")?)
}

/// Returns the command line that gives the same scores again.
pub fn repeating_line(arguments: &Arguments, command: &str) -> String {
    let words = [0, 1].map(|word| shell_word(arguments.word(word).unwrap_or_default()));
    let mut line = format!("palmnet {command} {}", words.join(" "));
    for (option, value) in
        arguments.given().filter(|(option, _)| option.group == Group::Data || option.name == SEED.name)
    {
        line += &[" ", option.name, " ", &shell_word(value)].concat();
    }
    line
}
