//! `palmnet eval`: metrics on labelled data.

use std::io::Write;

use palmnet::json::Json;

use super::Failure;
use super::arguments::{Arguments, Choice, Command, THREADS, choice};
use super::data;
use super::numbers::counted;
use super::report::Score;
use super::terminal::{complain, width, wrap};

pub const COMMAND: Command = Command {
    name: "eval",
    usage: "eval MODEL DATA",
    summary: "Say how well a saved model does on labelled data.",
    details: &[data::ABOUT, "Of a folder, the test part is taken. Columns are found by their headers."],
    words: (2, 2),
    options: &[MISSING, THREADS, choice("--json", "", "One JSON object on standard output.")],
};

const MISSING: Choice = choice(
    "--missing",
    "error|drop",
    "What becomes of rows whose target is missing, or a feature that the model cannot fill in: an error (when not given), or they are left out.",
);

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let drop = arguments.one_of(MISSING.name, &["error", "drop"])? == Some("drop");
    let model = data::model(arguments)?.folded();
    let (data, dropped) = data::for_model(arguments.word(1).unwrap_or_default(), &model, drop)?;
    if dropped > 0 {
        let rows = data.len() + dropped;
        complain(&wrap(&format!("note: {dropped} of {rows} rows are left out: a cell of theirs is missing."), 0));
    }
    let (examples, names) = (data.len(), data.class_names().to_vec());
    let score = Score::of_model(&model, data)?;
    if arguments.has("--json") {
        let mut members = vec![("examples".to_string(), Json::from(examples))];
        members.extend(score.json().as_object().unwrap_or_default().iter().cloned());
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
        None => write!(out, "{}", wrap(&format!("{}: {}", counted(examples, "example"), score.line()), 0))?,
        Some(found) => {
            writeln!(out, "{}\n", counted(examples, "example"))?;
            writeln!(out, "{}\n", found.report(&names, width()).trim_end())?;
            writeln!(out, "{}", found.confusion_table(&names, width()).trim_end())?;
        }
    }
    Ok(())
}
