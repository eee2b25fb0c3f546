//! `palmnet search`: random search, then a training with the best hyperparameters on all training data.

use std::io::Write;
use std::ops::ControlFlow;
use std::str::FromStr;

use palmnet::tune::{FitEvent, RandomSearch, SearchEvent, Trial, Tuned};
use palmnet::unversioned::Json;
use palmnet::{Dataset, Hyperparameters};

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
use crate::cli::terminal::{warn, width, wrap};
use crate::cli::trial_files;

const TRIALS: Opt =
    Opt::new("--trials", "N", Group::Training, "The number of trials.").aliases(&["--n-iter"]).default(|| "20".into());

const SCORED: Opt =
    Opt::new("--validation", "P", Group::Training, "Fraction of the training data that trials are scored on.")
        .default(|| "0.2".into());

const PART: Opt = Opt::new(
    "--part",
    "K/N",
    Group::Training,
    "Only every Nth trial, from the Kth on, and no training: for many processes or machines. With --json, standard \
     output is what --merge reads. Each part tunes the defaults, around which trials are drawn.",
)
.excludes(&["--merge", "--out", "--history", "--plot", "--report", "--every"]);

const MERGE: Opt = Opt::new(
    "--merge",
    "FILE...",
    Group::Training,
    "Rank the trials of these files, which --part has printed with --json, and train the best: the same result as all \
     trials in one process. The files stand at the end; data and options are those of the parts.",
);

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
    words: (1, usize::MAX),
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
        &PART,
        &MERGE,
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
    let part = arguments.value(PART.name, "a part and their number, such as 3/16", |_: &Part| true)?;
    let merged = merged_files(arguments)?;
    let request = Request::parse(arguments)?;
    let trials = arguments.value(TRIALS.name, "a whole number from 1", |&n: &usize| n > 0)?.unwrap_or(20);
    let expected = "a fraction above 0 and less than 1";
    let scored = arguments.value(SCORED.name, expected, |p: &f64| *p > 0.0 && *p < 1.0)?.unwrap_or(0.2);
    let overrides = arguments.overrides()?;
    let mut search = RandomSearch::new(overrides.clone()).trials(trials).validation(scored);
    if let Some(Part { index, count }) = part {
        search = search.part(index, count);
    }
    search.check().map_err(|error| arguments.misuse(&error.to_string()))?;
    let files = match part {
        None => Some(OutputFiles::parse(arguments, "model.safetensors", &request.files())?),
        Some(_) => None,
    };
    let parts = request.read(overrides.seed.unwrap_or(0))?;
    let mut shown = Shown {
        results: Results::new(out),
        progress: Progress::new(mode.quiet || mode.json, None, 0, 0),
        json: mode.json,
        count: trials,
        trials: Vec::new(),
    };
    let Some(files) = files else {
        if mode.json {
            shown.results.line(&trial_files::heading(&search, &parts.train));
        }
        let found = search.run_with(&parts.train, &mut |event| shown.show(event, &parts.train));
        return shown.end_part(found);
    };
    let tuned = match merged.is_empty() {
        true => search.run_with(&parts.train, &mut |event| shown.show(event, &parts.train)),
        false => {
            let losses = trial_files::read(&merged, &search.fingerprint(&parts.train))?;
            search.merge_with(&parts.train, &losses, &mut |event| shown.show(event, &parts.train))
        }
    };
    shown.progress.wipe();
    let tuned = tuned?;
    if !merged.is_empty() {
        shown.rank(&tuned);
    }
    let number = tuned.trials[tuned.best_trial].index + 1;
    match mode.json {
        true => shown.results.line(&Json::object([("event", "best".into()), ("trial", number.into())])),
        false => shown.results.write(&format!("best: trial {number}, now on all examples\n")),
    }
    let (hyperparameters, parts, files, trials) = (&tuned.best, &parts, &files, &tuned.trials[..]);
    train::fit(&Plan { arguments, hyperparameters, parts, start: None, files, mode, trials }, shown.results.out)
        .map(drop)
}

/// A part of a search, `K/N` in words.
struct Part {
    index: usize,
    count: usize,
}

impl FromStr for Part {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (part, count) = text.split_once('/').ok_or(())?;
        let [part, count]: [usize; 2] = [part.parse().map_err(drop)?, count.parse().map_err(drop)?];
        if (1..=count).contains(&part) { Ok(Part { index: part - 1, count }) } else { Err(()) }
    }
}

/// Returns the files of `--merge`, of which the shell may have made several words.
fn merged_files(arguments: &Arguments) -> Result<Vec<&str>, Failure> {
    let others = (1..).map_while(|index| arguments.word(index));
    match arguments.text(MERGE.name) {
        Some(first) => Ok(std::iter::once(first).chain(others).collect()),
        None => match others.last() {
            Some(other) => {
                Err(arguments.misuse(&format!("unexpected argument {other}; usage: palmnet {}", COMMAND.usage)))
            }
            None => Ok(Vec::new()),
        },
    }
}

/// The trials as they are shown.
struct Shown<'a> {
    results: Results<'a>,
    progress: Progress,
    json: bool,
    /// The number of all trials.
    count: usize,
    trials: Vec<Trial>,
}

impl Shown<'_> {
    /// Shows an event of a search on these examples.
    fn show(&mut self, event: SearchEvent<'_>, all: &Dataset) -> ControlFlow<()> {
        if !matches!(event, SearchEvent::Fit { .. }) {
            self.progress.wipe();
        }
        match event {
            SearchEvent::Fit { index: None, event: FitEvent::Trial { index, fraction: 0.0, .. } } => {
                self.progress.hint(&format!("tuning the defaults: trial {}", index + 1));
            }
            SearchEvent::Fit { index: Some(index), event: FitEvent::Begin { .. } } => {
                self.progress.hint(&format!("trial {} of {}", index + 1, self.count));
            }
            SearchEvent::Begin { validation, .. } if !self.json => {
                let (scored, examples) = (validation.len(), counted(all.len(), "example"));
                let heading = format!("{}, scored on {scored} of {examples}", counted(self.count, "trial"));
                let header = row(["#", "loss", "units", "lr", "size", "drop", "decay"].map(String::from));
                let data = wrap(&columns(all), 0);
                self.results.write(&format!("{data}{}{header}\n", wrap(&heading, 0)));
            }
            SearchEvent::Trial { trial, seconds, .. } => {
                match self.json {
                    true => self.results.line(&json(trial, seconds)),
                    false => self.results.write(&format!("{}\n", line(trial))),
                }
                self.trials.push(trial.clone());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// Shows merged trials, the best first, and warns about those that are missing.
    fn rank(&mut self, tuned: &Tuned) {
        let is_missing = |index: &usize| tuned.trials.iter().all(|trial| trial.index != *index);
        let missing: Vec<String> = (0..self.count).filter(is_missing).map(|index| (index + 1).to_string()).collect();
        if !missing.is_empty() {
            let trials = if missing.len() == 1 { "trial" } else { "trials" };
            warn(&format!("{trials} {} are in none of the files: run these parts again", missing.join(", ")));
        }
        if self.json {
            return;
        }
        for trial in tuned.ranked() {
            self.results.write(&format!("{}\n", line(trial)));
        }
    }

    /// Ends a part of a search, of which no trial need have a finite loss.
    fn end_part(mut self, found: palmnet::Result<Tuned>) -> Result<(), Failure> {
        self.progress.wipe();
        match found {
            Err(error) if self.trials.is_empty() || self.trials.iter().any(|trial| trial.loss.is_some()) => {
                return Err(error.into());
            }
            Err(error) => warn(&error.to_string()),
            Ok(_) => {}
        }
        if !self.json {
            self.results.write(&wrap("no model is trained: --merge reads the output of --part with --json", 0));
        }
        Ok(self.results.state?)
    }
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

fn line(trial: &Trial) -> String {
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
        (trial.index + 1).to_string(),
        loss,
        units,
        small(optimizer.learning_rate().into()),
        batch_size.to_string(),
        dropout.to_string(),
        if penalty.l1 > 0.0 { "L1".into() } else { small(penalty.weight_decay.into()) },
    ])
}

fn json(trial: &Trial, seconds: f64) -> Json {
    let Hyperparameters { hidden, optimizer, batch_size, dropout, penalty, .. } = &trial.hyperparameters;
    Json::object([
        ("event", "trial".into()),
        ("trial", (trial.index + 1).into()),
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
