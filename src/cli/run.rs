//! The training of `train`, `search` and `demo`: progress, the report, and the files.

use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::Instant;

use palmnet::model::{Coverage, Scored};
use palmnet::plot;
use palmnet::report::Report;
use palmnet::tune::{FitEvent, FitRun, Trial};
use palmnet::unversioned::{Json, check_length, write_atomic};
use palmnet::{Dataset, Event, Fit, History, Hyperparameters, Model, Network, Score};

use super::Failure;
use super::arguments::Arguments;
use super::files::OutputFiles;
use super::format::{counted, duration, exact};
use super::options::{EVERY, JSON, QUIET};
use super::progress::Progress;
use super::report::{
    calibration_line, columns, coverage, coverage_lines, epoch_line, examples, network_line, score_json, target_lines,
};
use super::terminal::{warn, wrap, write_error};

/// The options for the output of a training: `--every`, `--quiet` and `--json`.
#[derive(Clone, Copy)]
pub struct OutputMode {
    pub every: Option<usize>,
    pub quiet: bool,
    pub json: bool,
}

impl OutputMode {
    pub fn parse(arguments: &Arguments) -> Result<Self, Failure> {
        let every = arguments.value(EVERY.name, "a whole number from 1", |&n: &usize| n > 0)?;
        Ok(OutputMode { every, quiet: arguments.has(QUIET.name), json: arguments.has(JSON.name) })
    }
}

/// Standard output, which may close or fill a disk before the training ends: the model is saved nevertheless.
pub struct Results<'a> {
    pub out: &'a mut dyn Write,
    /// The first error, after which nothing more is written.
    pub state: io::Result<()>,
}

impl Results<'_> {
    pub fn new(out: &mut dyn Write) -> Results<'_> {
        Results { out, state: Ok(()) }
    }

    /// Writes without buffering, so that a reader gets each line when it is printed.
    pub fn write(&mut self, text: &str) {
        if self.state.is_ok() {
            self.state = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        }
    }

    pub fn line(&mut self, json: &Json) {
        self.write(&format!("{json}\n"));
    }
}

/// A training that is ready to run.
pub struct Job<'a> {
    /// The lines that are printed first.
    pub heading: Vec<String>,
    pub train: &'a Dataset,
    pub test: Option<&'a Dataset>,
    pub files: &'a OutputFiles,
    pub mode: OutputMode,
    /// The most epochs.
    pub epochs: usize,
    pub restarts: usize,
    /// Whether the results of the trials of the penalty are reported as a JSON line.
    pub reports_trials: bool,
    pub origin: Origin<'a>,
    /// The trials of a search before, and warnings about the data, for the report.
    pub trials: &'a [Trial],
    pub warnings: Vec<String>,
}

/// The command line that repeats a training.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// The name of its note in the model.
    pub note: &'static str,
    /// Returns the line for these hyperparameters.
    pub line: &'a Line<'a>,
}

type Line<'a> = dyn Fn(Option<&Hyperparameters>) -> String + 'a;

/// Trains with `fit`, from the network of `start` if there is one, reports the scores, and saves the model.
pub fn run(
    job: &Job<'_>,
    start: Option<&Model>,
    fit: impl FnOnce(&mut FitRun<'_>) -> palmnet::Result<Fit>,
    out: &mut dyn Write,
) -> Result<Model, Failure> {
    check_length(job.train.schema(), (job.origin.line)(None).len())?;
    let mut results = Results::new(out);
    let mut announcer = Announcer::new(job);
    announcer.resuming(job.files);
    let mut run = start.map_or(FitRun::default(), |model| FitRun::default().start(model));
    if let Some(file) = &job.files.checkpoint {
        run = run.checkpoints(file.checkpoints());
    }
    let observer = |event: FitEvent<'_>| {
        announcer.show(event, &mut results);
        ControlFlow::Continue(())
    };
    let mut run = run.observe(observer);
    let fitted = fit(&mut run);
    let salvaged = run.salvaged();
    drop(run);
    announcer.progress.finish();
    let Fit { mut model, history, hyperparameters, .. } = match fitted {
        Ok(fit) => fit,
        Err(error) => {
            salvage(job, &error, salvaged, announcer.resolved.as_ref());
            return Err(error.into());
        }
    };
    // The time of a resumed training includes the time before.
    let seconds = announcer.began.elapsed().as_secs_f64().max(history.seconds());
    let Scores { train, test, coverage } = scores(job, &model)?;
    let test_score = test.as_ref().map(|test| &test.score);
    let (done, best) = (history.epochs.len(), history.best_epoch);
    let kept = if best < done { format!(", weights of epoch {best}") } else { String::new() };
    let (origin, line) = (job.origin.note, (job.origin.line)(hyperparameters.as_ref()));
    let notes = [
        (origin, line.clone()),
        ("palmnet", env!("CARGO_PKG_VERSION").to_string()),
        ("loss", model.loss().to_string()),
        ("epochs", format!("{done}{kept}")),
        ("trained on", counted(job.train.len(), "example")),
        ("train", train.to_string()),
    ];
    model.notes.extend(notes.map(|(name, text)| (name.into(), text)));
    model.notes.extend(test_score.iter().map(|score| ("test".into(), score.to_string())));
    model.save(&job.files.model)?;
    let trials = if job.trials.is_empty() { &announcer.trials } else { job.trials };
    let report = Report::new(&model, job.test.unwrap_or(job.train)).train(job.train).history(&history);
    let report = match &test {
        Some(test) => report.scored(test),
        None => report,
    };
    let report = report.trials(trials).warnings(&job.warnings).command(&line).seconds(seconds);
    let drawn = write_files(job, &model, &history, &report)?;
    let targets = job.train.schema().target().names();
    if job.mode.json {
        let mut members = vec![
            ("event", "done".into()),
            ("epochs", done.into()),
            ("seconds", seconds.into()),
            ("train", score_json(&train, targets, &[])),
            ("test", test_score.map_or(Json::Null, |test| score_json(test, targets, &coverage))),
            ("model", job.files.model.as_str().into()),
        ];
        if origin == "settings" {
            members.push(("settings", line.into()));
        }
        results.line(&Json::object(members));
    } else {
        let time = format!("{} in {}{kept}", counted(done, "epoch"), duration(seconds));
        results.write(&summary(&time, &train, test_score, targets, &coverage));
        let saved = job.files.written();
        results.write(&saved.map(|file| format!("saved {file}\n")).collect::<String>());
        results.write(&drawn);
    }
    results.state?;
    Ok(model)
}

/// Writes the files beside the model; returns the pictures for standard output.
fn write_files(job: &Job<'_>, model: &Model, history: &History, report: &Report<'_>) -> palmnet::Result<String> {
    let OutputFiles { history: table, checkpoint, pictures, report: page, .. } = job.files;
    if let Some(file) = table {
        write_atomic(file, history.to_csv().as_bytes())?;
    }
    if let Some(checkpoint) = checkpoint {
        checkpoint.remove()?;
    }
    if let Some(file) = page {
        report.save(file)?;
    }
    match pictures.are_wanted() {
        true => pictures.show(&plot::of_training(history, model, job.test.unwrap_or(job.train))?),
        false => Ok(String::new()),
    }
}

/// The scores of the training and of the test set, and the coverage on the latter.
struct Scores {
    train: Score,
    test: Option<Scored>,
    coverage: Vec<Coverage>,
}

/// Returns the scores. If there is no memory for them, the model is saved first.
fn scores(job: &Job<'_>, model: &Model) -> palmnet::Result<Scores> {
    let score = || {
        let test = job.test.map(|test| model.scored(test)).transpose()?;
        let coverage = job.test.zip(test.as_ref()).map(|(data, test)| coverage(model, data, test)).transpose()?;
        Ok(Scores { train: model.score(job.train)?, test, coverage: coverage.unwrap_or_default() })
    };
    score().inspect_err(|_| match model.save(&job.files.model) {
        Ok(()) => warn(&format!("the model is saved as {}, without scores", job.files.model)),
        Err(error) => warn(&error.to_string()),
    })
}

/// Returns the scores; several targets have a line each, for the test set if there is one. The calibration is that of the
/// test set: on the rows of the training it would not be honest.
fn summary(time: &str, train: &Score, test: Option<&Score>, targets: &[String], coverage: &[Coverage]) -> String {
    let mut text = format!("{time}\n{}", wrap(&format!("train {train}"), 0));
    if let Some(test) = test {
        text += &(wrap(&format!("test  {test}"), 0) + &calibration_line(test));
    }
    let scored = test.unwrap_or(train);
    text + &target_lines(scored, targets) + &coverage_lines(scored, coverage, targets)
}

/// Saves the last good weights and the history of a training that diverged. Its own failures are only warnings, so that
/// they do not hide the divergence.
fn salvage(job: &Job<'_>, error: &palmnet::Error, salvaged: Option<Model>, found: Option<&Hyperparameters>) {
    let palmnet::Error::Diverged(divergence) = error else { return };
    let history = &divergence.history;
    if history.epochs.is_empty() {
        return;
    }
    if let Some(mut model) = salvaged {
        let epoch = history.best_epoch;
        model.notes.insert(job.origin.note.into(), (job.origin.line)(found));
        model.notes.insert("epochs".into(), format!("{epoch}, and then training diverged"));
        match save_next_to(&job.files.model, &model) {
            Ok(Some(file)) => warn(&format!("the weights of epoch {epoch} are in {file}")),
            Ok(None) => {}
            Err(error) => warn(&error.to_string()),
        }
    }
    if let Some(Err(error)) = job.files.history.as_ref().map(|file| write_atomic(file, history.to_csv().as_bytes())) {
        warn(&error.to_string());
    }
}

/// Saves a model next to `file` under a new name, which it returns; `None`, and no file, if `file` is a device or a
/// folder.
fn save_next_to(file: &str, model: &Model) -> palmnet::Result<Option<String>> {
    if fs::metadata(file).is_ok_and(|found| !found.is_file()) {
        return Ok(None);
    }
    let (stem, extension) = match file.strip_suffix(".safetensors") {
        Some(stem) => (stem, ".safetensors"),
        None => (file, ""),
    };
    let numbers = (2..).map(|number| format!("-{number}"));
    let mut names =
        std::iter::once(String::new()).chain(numbers).map(|number| format!("{stem}.diverged{number}{extension}"));
    let name = names.find(|name| fs::symlink_metadata(name).is_err()).unwrap_or_default();
    model.save(&name)?;
    Ok(Some(name))
}

/// Prints the events before and during a training.
struct Announcer<'j> {
    job: &'j Job<'j>,
    progress: Progress,
    heading: Vec<String>,
    /// The time when the final training began, after all tuning.
    began: Instant,
    /// The hyperparameters, once everything is resolved, and the trials that chose them.
    resolved: Option<Hyperparameters>,
    trials: Vec<Trial>,
}

impl<'j> Announcer<'j> {
    fn new(job: &'j Job<'j>) -> Self {
        let OutputMode { every, quiet, json } = job.mode;
        let progress = Progress::new(quiet || json, every, job.epochs, job.train.len());
        Announcer {
            job,
            progress,
            heading: job.heading.clone(),
            began: Instant::now(),
            resolved: None,
            trials: Vec::new(),
        }
    }

    fn resuming(&mut self, files: &OutputFiles) {
        let found = files.checkpoint.as_ref().filter(|file| file.is_resumed);
        if let Some(file) = found.filter(|_| !self.job.mode.quiet) {
            write_error(&wrap(&format!("resuming from {}", file.path), 0));
        }
    }

    fn show(&mut self, event: FitEvent<'_>, results: &mut Results<'_>) {
        match event {
            FitEvent::Rate { found, used } => {
                let rate = found.map_or(Json::Null, Json::from);
                if self.job.mode.json {
                    results.line(&Json::object([("event", "rate".into()), ("learning_rate", rate)]));
                }
                self.heading.push(match found {
                    Some(found) => format!("learning rate {} found", exact(found)),
                    None => format!("no learning rate decreased the loss: using {}", exact(used)),
                });
            }
            FitEvent::Plan { trials, folds, time } => {
                let about = if trials.is_some() { "at most about" } else { "at most" };
                let folds = if folds > 1 { format!(" in {folds} folds") } else { String::new() };
                let trials = match trials {
                    Some(most) => format!("up to {most} trials{folds}"),
                    None => format!("as many trials{folds} as fit"),
                };
                let time = duration(time.as_secs_f64());
                if !self.job.mode.quiet && !self.job.mode.json {
                    write_error(&wrap(&format!("{about} {time}: {trials}, then all examples"), 0));
                }
            }
            FitEvent::Trial { index, trials, fold, folds, fraction: 0.0 } => {
                let most = trials.map(|most| format!(" of {most}")).unwrap_or_default();
                let fold = if folds > 1 { format!(", fold {} of {folds}", fold + 1) } else { String::new() };
                self.progress.phase(&format!("tuning: trial {}{most}{fold}", index + 1));
            }
            FitEvent::Tuned { hyperparameters, trials } => {
                self.trials = trials.to_vec();
                self.progress.wipe();
                if self.job.reports_trials && self.job.mode.json {
                    results.line(&trials_json(trials, hyperparameters));
                }
                self.heading.push(trials_line(trials, hyperparameters, self.job.reports_trials));
            }
            FitEvent::Begin { hyperparameters, network } => {
                (self.began, self.resolved) = (Instant::now(), hyperparameters.cloned());
                self.progress.set_epochs(hyperparameters.map_or(self.job.epochs, |found| found.epochs));
                self.announce(network, results);
                if self.job.restarts > 1 {
                    self.progress.phase(&format!("choosing the best of {} initial weights", self.job.restarts));
                }
            }
            FitEvent::Training(event) => {
                self.progress.show(event);
                if let (Event::Epoch { record, .. }, true) = (event, self.job.mode.json) {
                    results.write(&epoch_line(record));
                }
            }
            _ => {}
        }
    }

    fn announce(&mut self, network: &Network, results: &mut Results<'_>) {
        if self.job.mode.json {
            return;
        }
        let line = (self.job.origin.note == "settings").then(|| (self.job.origin.line)(self.resolved.as_ref()));
        let data = [columns(self.job.train), examples(self.job.train, self.job.test), network_line(network)];
        let lines = line.into_iter().chain(std::mem::take(&mut self.heading)).chain(data);
        results.write(&lines.map(|line| wrap(&line, 0)).collect::<String>());
    }
}

/// Returns the result of the tuning: `weight decay 0.33, the best of 6 trials`, `21 epochs, the best of 3 trials`.
fn trials_line(trials: &[Trial], found: &Hyperparameters, reports_penalty: bool) -> String {
    let (decay, epochs) = (exact(found.penalty.weight_decay), found.epochs);
    let is_of_epochs = match trials {
        _ if found.members > 1 => !reports_penalty,
        [] => false,
        trials => trials.iter().all(|trial| trial.hyperparameters.penalty == found.penalty),
    };
    if is_of_epochs {
        return match trials.iter().filter(|trial| trial.loss.is_some()).count() {
            _ if trials.is_empty() => format!("{epochs} epochs (default: too few examples to try others)"),
            0 => format!("every trial diverged; using the default, {epochs} epochs"),
            _ if trials.len() == 1 => format!("{}, calibrated by a trial", counted(epochs, "epoch")),
            _ => format!("{}, the best of {} trials", counted(epochs, "epoch"), trials.len()),
        };
    }
    match trials.iter().filter(|trial| trial.loss.is_some()).count() {
        _ if trials.is_empty() => format!("weight decay {decay} (default: too few examples to tune it)"),
        0 => format!("every weight-decay trial diverged; using the default, {decay}"),
        _ if found.penalty.weight_decay == 0.0 => {
            format!("L1 penalty {}, the best of {} trials", exact(found.penalty.l1), trials.len())
        }
        _ => format!("weight decay {decay}, the best of {} trials", trials.len()),
    }
}

/// Returns `{"event":"decay","weight_decay":…,"l1":…,"trials":[{"weight_decay":…,"l1":…,"loss":…},…]}`.
fn trials_json(trials: &[Trial], found: &Hyperparameters) -> Json {
    let trial = |trial: &Trial| {
        let loss = trial.loss.map_or(Json::Null, Json::from);
        let penalty = trial.hyperparameters.penalty;
        Json::object([("weight_decay", penalty.weight_decay.into()), ("l1", penalty.l1.into()), ("loss", loss)])
    };
    Json::object([
        ("event", "decay".into()),
        ("weight_decay", found.penalty.weight_decay.into()),
        ("l1", found.penalty.l1.into()),
        ("trials", Json::Array(trials.iter().map(trial).collect())),
    ])
}
