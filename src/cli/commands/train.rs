//! `palmnet train`: from a file to a model.

use std::io::Write;

use palmnet::data::Targets;
use palmnet::tune::{FitRun, Overrides, Trial, diagnose};
use palmnet::{Hyperparameters, Model, Preprocessing};

use super::folds::Folds;
#[cfg(feature = "export")]
use super::quantize;
use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Opt};
use crate::cli::files::OutputFiles;
use crate::cli::input::{self, Parts, Request};
use crate::cli::options::*;
use crate::cli::run::{self, Job, Origin, OutputMode};
use crate::cli::terminal::warn;

pub const OPTIONS: &[&Opt] = &[
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
    &FOLDS,
    &SCALE,
    &FAST,
    &HIDDEN,
    &MEMBERS,
    &BINS,
    &EMBEDDING,
    &ACTIVATION,
    &INIT,
    &BATCH_NORM,
    &LAYER_NORM,
    &OPTIMIZER,
    &LR,
    &SCHEDULE,
    &WARMUP,
    &BATCH,
    &CLIP,
    &CLIP_VALUE,
    &WEIGHT_DECAY,
    &L1,
    &L2,
    &DROPOUT,
    &NOISE,
    &MAX_NORM,
    &LABEL_SMOOTHING,
    &BALANCED,
    &NO_CLAMP,
    &EPOCHS,
    &VALIDATION,
    &PATIENCE,
    &BUDGET,
    &RESTARTS,
    &FROM,
    &FREEZE,
    &SEED,
    &THREADS,
    &OUT,
    #[cfg(feature = "export")]
    &INT8,
    &HISTORY,
    &PLOT,
    &REPORT,
    &CHECKPOINT,
    &CHECKPOINT_EVERY,
    &RESUME,
    &EVERY,
    &QUIET,
    &JSON,
];

pub const COMMAND: Command = Command {
    name: "train",
    usage: "train DATA [options]",
    summary: "Train a network on a file, report how well it does, and save it with its preprocessing.",
    details: &[
        input::ABOUT,
        "Options that are not given are chosen to suit the data, and printed.",
        "Results go to standard output, progress and warnings to standard error.",
    ],
    words: (1, 1),
    names: &[],
    options: OPTIONS,
};

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    // Everything that does not depend on the data is checked before it is read.
    let mode = OutputMode::parse(arguments)?;
    let overrides = arguments.overrides()?;
    check_combinations(arguments, &overrides)?;
    let folds = arguments.value(FOLDS.name, "a whole number from 2", |&k: &usize| k > 1)?;
    if overrides.warm_start && arguments.text(MISSING.name) == Some("fill") {
        return Err(arguments.misuse("--missing fill: the model of --from decides what is filled in"));
    }
    if folds.is_some() && overrides.tune_learning_rate == Some(true) {
        return Err(arguments.misuse("--lr auto is for a single training: give --lr a number"));
    }
    let request = Request::parse(arguments)?;
    let start = arguments.text(FROM.name).map(Model::load).transpose()?;
    let request = request.with_start(start.as_ref());
    let seed = overrides.seed.unwrap_or(0);
    if let Some(k) = folds {
        let parts = request.read(seed)?;
        let hyperparameters = resolve(arguments, &overrides, &parts)?;
        let line = repeating_line(arguments, OPTIONS, &hyperparameters);
        return Folds { k, line, hyperparameters, parts, mode }.run(out);
    }
    let files = OutputFiles::parse(arguments, "model.safetensors", &request.files())?;
    let parts = request.read(seed)?;
    let hyperparameters = resolve(arguments, &overrides, &parts)?;
    let (hyperparameters, start) = (&hyperparameters, start.as_ref());
    fit(&Plan { arguments, hyperparameters, parts: &parts, start, files: &files, mode, trials: &[] }, out).map(drop)
}

/// Returns the hyperparameters for this data, if they suit it.
pub fn resolve(arguments: &Arguments, overrides: &Overrides, parts: &Parts) -> Result<Hyperparameters, Failure> {
    let given = |options: &[Opt]| options.iter().map(|option| option.name).find(|option| arguments.has(option));
    let fault = match parts.train.targets() {
        Targets::Classes(_) => None,
        Targets::Labels(_) => {
            given(&[BALANCED]).map(|option| format!("{option} is for one target of classes, not for labels"))
        }
        Targets::Values(_) => given(&[BALANCED, LABEL_SMOOTHING])
            .map(|option| format!("{option} is for classes, and the target is a number")),
    };
    if let Some(fault) = fault {
        return Err(arguments.misuse(&fault));
    }
    Ok(overrides.for_data(&parts.train))
}

/// Everything that a training with given hyperparameters needs.
pub struct Plan<'a> {
    pub arguments: &'a Arguments,
    pub hyperparameters: &'a Hyperparameters,
    pub parts: &'a Parts,
    /// The model to continue from, if there is one.
    pub start: Option<&'a Model>,
    pub files: &'a OutputFiles,
    pub mode: OutputMode,
    /// The trials of a search before.
    pub trials: &'a [Trial],
}

/// Warns about the data, trains, reports and saves.
pub fn fit(plan: &Plan<'_>, out: &mut dyn Write) -> Result<Model, Failure> {
    let Plan { arguments, hyperparameters, parts, start, files, mode, trials } = *plan;
    let mut warnings = parts.warnings.clone();
    if !mode.quiet || files.report.is_some() {
        let preprocessing = match start {
            Some(model) => model.preprocessing().clone(),
            None => Preprocessing::fit(&parts.train, hyperparameters.scaling),
        };
        // The size of the network is worth a warning only if the user chose it.
        let parameters = arguments.has(HIDDEN.name).then(|| hyperparameters.parameter_count(&parts.train));
        warnings.extend(diagnose(&parts.train, &preprocessing, parameters).iter().map(ToString::to_string));
    }
    warnings.iter().filter(|_| !mode.quiet).for_each(|warning| warn(warning));
    let line = |found: Option<&Hyperparameters>| repeating_line(arguments, OPTIONS, found.unwrap_or(hyperparameters));
    let job = Job {
        heading: Vec::new(),
        train: &parts.train,
        test: parts.test.as_ref(),
        files,
        mode,
        epochs: hyperparameters.epochs,
        restarts: hyperparameters.restarts,
        reports_trials: arguments.text(WEIGHT_DECAY.name) == Some("auto"),
        origin: Origin { note: "settings", line: &line },
        trials,
        warnings,
    };
    #[cfg(feature = "export")]
    if arguments.has(INT8.name) {
        let mut text = String::new();
        let fit = |run: &mut FitRun<'_>| {
            let mut fit = hyperparameters.fit_with(&parts.train, run)?;
            let mut found = fit.model.quantized(&parts.train)?;
            text = quantize::table(&found);
            found.model.notes.insert("int8".into(), quantize::note(&found));
            fit.model = found.model;
            Ok(fit)
        };
        let model = run::run(&job, start, fit, out)?;
        if !mode.json {
            out.write_all(text.as_bytes())?;
        }
        return Ok(model);
    }
    run::run(&job, start, |run: &mut FitRun<'_>| hyperparameters.fit_with(&parts.train, run), out)
}
