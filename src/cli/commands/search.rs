//! `palmnet search`: random search, then a training with the best hyperparameters on all training data.

use std::io::Write;
use std::ops::ControlFlow;

use palmnet::Hyperparameters;
use palmnet::tune::{FitEvent, RandomSearch, SearchEvent, Trial};
use palmnet::unversioned::Json;

use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Group, Opt};
use crate::cli::commands::train::{self, Plan};
use crate::cli::files::OutputFiles;
use crate::cli::format::counted;
use crate::cli::input::{self, Request};
use crate::cli::options::*;
use crate::cli::progress::Progress;
use crate::cli::report::{columns, score_json};
use crate::cli::run::{OutputMode, Results};
use crate::cli::terminal::{width, wrap};

const TRIALS: Opt =
    Opt::new("--trials", "N", Group::Training, "The number of trials.").aliases(&["--n-iter"]).default(|| "20".into());

const SCORED: Opt =
    Opt::new("--validation", "P", Group::Training, "Fraction of the training data that trials are scored on.")
        .default(|| "0.2".into());

pub const COMMAND: Command = Command {
    name: "search",
    usage: "search DATA [options]",
    summary: "Try hyperparameters drawn at random, train the best on all training data, and save the model.",
    details: &[
        input::ABOUT,
        "The first trial has the defaults of train. The others draw at random, unless they are given: one to three \
         equal hidden layers, learning rate, batch size, dropout, weight decay and, of an ensemble, members, bins and \
         embedding (Bergstra and Bengio, 2012). The lowest loss on a validation set wins.",
    ],
    words: (1, 1),
    names: &[],
    options: &[
        &TARGET,
        &TASK,
        &TEST,
        &IGNORE,
        &CATEGORIES,
        &NUMBERS,
        &MISSING,
        &MISSING_VALUES,
        &HEADER,
        &SEPARATOR,
        &DECIMAL,
        &KEEP_INDEX,
        &WEIGHTS,
        &GROUP,
        &TIME,
        &SCALE,
        &FAST,
        &HIDDEN,
        &MEMBERS,
        &BINS,
        &EMBEDDING,
        &ACTIVATION,
        &OPTIMIZER,
        &LR,
        &SCHEDULE,
        &BATCH,
        &WEIGHT_DECAY,
        &DROPOUT,
        &TRIALS,
        &SCORED,
        &EPOCHS,
        &SEED,
        &THREADS,
        &OUT,
        &HISTORY,
        &PLOT,
        &REPORT,
        &EVERY,
        &QUIET,
        &JSON,
    ],
};

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let mode = OutputMode::parse(arguments)?;
    let request = Request::parse(arguments)?;
    let trials = arguments.value(TRIALS.name, "a whole number from 1", |&n: &usize| n > 0)?.unwrap_or(20);
    let expected = "a fraction above 0 and less than 1";
    let scored = arguments.value(SCORED.name, expected, |p: &f64| *p > 0.0 && *p < 1.0)?.unwrap_or(0.2);
    let overrides = arguments.overrides()?;
    let search = RandomSearch::new(overrides.clone()).trials(trials).validation(scored);
    search.check().map_err(|error| arguments.misuse(&error.to_string()))?;
    let files = OutputFiles::parse(arguments, "model.safetensors", &request.files())?;
    let parts = request.read(overrides.seed.unwrap_or(0))?;
    let mut results = Results::new(out);
    let mut progress = Progress::new(mode.quiet || mode.json, None, 0, 0);
    let mut trials_done = Vec::new();
    let tuned = search.run_with(&parts.train, &mut |event| {
        if !matches!(event, SearchEvent::Fit { .. }) {
            progress.wipe();
        }
        if let SearchEvent::Trial { trial, .. } = event {
            trials_done.push(trial.clone());
        }
        match event {
            SearchEvent::Fit { index: None, event: FitEvent::Trial { index, fraction: 0.0, .. } } => {
                progress.hint(&format!("tuning the defaults: trial {}", index + 1));
            }
            SearchEvent::Fit { index: Some(index), event: FitEvent::Begin { .. } } => {
                progress.hint(&format!("trial {} of {trials}", index + 1));
            }
            SearchEvent::Begin { validation, .. } if !mode.json => {
                let (scored, all) = (validation.len(), counted(parts.train.len(), "example"));
                let heading = format!("{}, scored on {scored} of {all}", counted(trials, "trial"));
                let header = row(["#", "loss", "units", "lr", "size", "drop", "decay"].map(String::from));
                let data = wrap(&columns(&parts.train), 0);
                results.write(&format!("{data}{}{header}\n", wrap(&heading, 0)));
            }
            SearchEvent::Trial { index, trial, seconds } if mode.json => results.line(&json(index, trial, seconds)),
            SearchEvent::Trial { index, trial, .. } => results.write(&format!("{}\n", line(index, trial))),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    progress.wipe();
    let tuned = tuned?;
    let number = tuned.best_trial + 1;
    match mode.json {
        true => results.line(&Json::object([("event", "best".into()), ("trial", number.into())])),
        false => results.write(&format!("best: trial {number}, now on all examples\n")),
    }
    let (hyperparameters, parts, files, trials) = (&tuned.best, &parts, &files, &trials_done[..]);
    train::fit(&Plan { arguments, hyperparameters, parts, start: None, files, mode, trials }, results.out).map(drop)
}

/// Returns a line of the table, which fits 40 columns.
fn row([number, loss, units, rate, size, dropout, decay]: [String; 7]) -> String {
    let gap = if width() > 46 { "  " } else { " " };
    let cells = [
        format!("{number:>3}"),
        format!("{loss:>6}"),
        format!("{units:>5}"),
        format!("{rate:>6}"),
        format!("{size:>4}"),
        format!("{dropout:>4}"),
        format!("{decay:>6}"),
    ];
    cells.join(gap).trim_end().to_string()
}

fn line(index: usize, trial: &Trial) -> String {
    let Hyperparameters { hidden, optimizer, batch_size, dropout, penalty, .. } = &trial.hyperparameters;
    let units = match &hidden[..] {
        [] => "none".to_string(),
        [units] => units.to_string(),
        [units, others @ ..] if others.iter().all(|other| other == units) => format!("{units}×{}", hidden.len()),
        [units, ..] => format!("{units},…"),
    };
    let small = |x: f64| if x == 0.0 { "0".to_string() } else { format!("{x:.1e}") };
    let loss = match trial.loss {
        Some(loss) if (0.001..1000.0).contains(&loss) => format!("{loss:.4}").chars().take(6).collect(),
        Some(loss) if loss.is_finite() => small(loss),
        _ => "failed".to_string(),
    };
    row([
        (index + 1).to_string(),
        loss,
        units,
        small(optimizer.learning_rate().into()),
        batch_size.to_string(),
        dropout.to_string(),
        if penalty.l1 > 0.0 { "L1".into() } else { small(penalty.weight_decay.into()) },
    ])
}

fn json(index: usize, trial: &Trial, seconds: f64) -> Json {
    let Hyperparameters { hidden, optimizer, batch_size, dropout, penalty, .. } = &trial.hyperparameters;
    Json::object([
        ("event", "trial".into()),
        ("trial", (index + 1).into()),
        ("hidden", Json::Array(hidden.iter().map(|&units| units.into()).collect())),
        ("lr", optimizer.learning_rate().into()),
        ("batch", (*batch_size).into()),
        ("dropout", (*dropout).into()),
        ("weight_decay", penalty.weight_decay.into()),
        ("l1", penalty.l1.into()),
        ("seconds", seconds.into()),
        ("validation", trial.score.as_ref().map_or(Json::Null, |score| score_json(score, &[], &[]))),
    ])
}
