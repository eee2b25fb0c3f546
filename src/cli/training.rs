//! What `train` and `demo` share: training with progress, the report, the saved model.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use palmnet::json::Json;
use palmnet::{Dataset, Epoch, Error, Event, Layer, Loss, Model, Network, NetworkBuilder, Scaler, Targets, Trainer};

use super::Failure;
use super::arguments::Arguments;
use super::progress::{Progress, duration};
use super::report::Score;
use super::terminal::wrap;

/// A training that is ready to run.
pub struct Job<'a> {
    /// What is printed first, line by line.
    pub heading: Vec<String>,
    /// Not yet scaled, as is the test part.
    pub train: Dataset,
    pub test: Option<Dataset>,
    pub scaler: Scaler,
    pub target_scaler: Option<Scaler>,
    pub builder: NetworkBuilder,
    pub trainer: Trainer<'a>,
    pub loss: Loss,
    pub epochs: usize,
    pub restarts: usize,
    /// What the model file says of its origin.
    pub notes: Vec<(&'static str, String)>,
    pub file: String,
}

/// Trains, reports and saves, as `--quiet`, `--every` and `--json` say.
pub fn run(job: Job<'_>, arguments: &Arguments, out: &mut dyn Write) -> Result<Model, Failure> {
    let Job {
        heading,
        mut train,
        mut test,
        scaler,
        target_scaler,
        builder,
        trainer,
        loss,
        epochs,
        restarts,
        notes,
        file,
    } = job;
    let every = arguments.value("--every", "a whole number from 1", |&n: &usize| n > 0)?;
    let json = arguments.has("--json");
    let network = builder.build()?;
    check_writable(&file)?;
    if !json {
        let network = format!("network {}, {} parameters", shape(&network), network.parameter_count());
        let data = [columns(&train), examples(&train, test.as_ref())];
        for line in heading.into_iter().chain(data).chain([network]) {
            write!(out, "{}", wrap(&line, 0))?;
        }
        out.flush()?;
    }
    for part in [Some(&mut train), test.as_mut()].into_iter().flatten() {
        part.scale(&scaler);
        if let Some(scaler) = &target_scaler {
            part.scale_targets(scaler);
        }
    }
    let mut progress = Progress::new(arguments.has("--quiet") || json, every, epochs, train.len());
    let mut written = Ok(());
    let mut trainer = trainer.observe(|event| {
        progress.show(event);
        if let (Event::Epoch(epoch), true) = (event, json) {
            written = write_epoch(out, epoch);
        }
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let result = trainer.fit_best_of(restarts, &builder, &train);
    drop(trainer);
    progress.finish();
    written?;
    let (network, history) = result?;

    let score = |part: &Dataset| Score::of(&network, part, loss, target_scaler.as_ref());
    let train_score = score(&train)?;
    let test_score = test.as_ref().map(score).transpose()?;
    let mut model = Model::new(network, scaler, train.schema().clone())?.with_loss(loss);
    if let Some(scaler) = target_scaler {
        model = model.with_target_scaler(scaler)?;
    }
    let (done, best) = (history.epochs.len(), history.best_epoch);
    let kept = if best < done { format!(", weights of epoch {best}") } else { String::new() };
    model.notes.extend(notes.into_iter().map(|(name, text)| (name.to_string(), text)));
    for (name, text) in [
        ("loss", loss.to_string()),
        ("epochs", format!("{done}{kept}")),
        ("trained on", format!("{} examples", train.len())),
        ("train", train_score.line()),
    ] {
        model.notes.insert(name.into(), text);
    }
    if let Some(score) = &test_score {
        model.notes.insert("test".into(), score.line());
    }
    model.save(&file)?;
    if json {
        let line = Json::object([
            ("event", "done".into()),
            ("epochs", done.into()),
            ("seconds", history.seconds().into()),
            ("train", train_score.json()),
            ("test", test_score.map_or(Json::Null, |score| score.json())),
            ("model", file.as_str().into()),
        ]);
        writeln!(out, "{line}")?;
        return Ok(model);
    }
    writeln!(out, "{done} epochs in {}{kept}", duration(history.seconds()))?;
    write!(out, "{}", wrap(&format!("train {}", train_score.line()), 0))?;
    if let Some(score) = test_score {
        write!(out, "{}", wrap(&format!("test  {}", score.line()), 0))?;
    }
    writeln!(out, "saved {file}")?;
    Ok(model)
}

/// What brings targets to mean 0 and variance 1, where they are values.
pub fn target_scaler(train: &Dataset) -> Option<Scaler> {
    match train.targets() {
        Targets::Values(values) => Some(Scaler::standard_of(values)),
        Targets::Classes(_) => None,
    }
}

/// Finds out before hours of training that their result could not be saved.
fn check_writable(file: &str) -> Result<(), Error> {
    let path = Path::new(file);
    if path.is_dir() {
        return Err(Error::format(file, "is a folder: name a file for the model with --out"));
    }
    if path.file_name().is_none() {
        return Err(Error::format(file, "is no name for a file: name one for the model with --out"));
    }
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => {
            Err(Error::format(file, "its folder is not there: create it, or choose another --out"))
        }
        _ => Ok(()),
    }
}

/// `4 features → species (3 classes)`.
fn columns(train: &Dataset) -> String {
    let targets = match train.targets() {
        Targets::Classes(_) => format!("{} classes", train.class_names().len()),
        Targets::Values(values) if values.columns() == 1 => "1 value".into(),
        Targets::Values(values) => format!("{} values", values.columns()),
    };
    let (features, target) = (train.features().columns(), train.schema().output().names().join(", "));
    format!("{features} features → {target} ({targets})")
}

/// `train 120, test 30 examples`.
fn examples(train: &Dataset, test: Option<&Dataset>) -> String {
    let test = test.map_or(String::new(), |test| format!(", test {}", test.len()));
    format!("train {}{test} examples", train.len())
}

/// `4-64-64-3`.
pub fn shape(network: &Network) -> String {
    let outputs = network.layers().iter().filter_map(|layer| match layer {
        Layer::Dense(dense) => Some(dense.outputs().to_string()),
        _ => None,
    });
    [network.inputs().to_string()].into_iter().chain(outputs).collect::<Vec<String>>().join("-")
}

fn write_epoch(out: &mut dyn Write, epoch: &Epoch) -> std::io::Result<()> {
    let line = Json::object([
        ("event", "epoch".into()),
        ("epoch", epoch.epoch.into()),
        ("train_loss", epoch.train_loss.into()),
        ("validation_loss", epoch.validation_loss.map_or(Json::Null, Json::from)),
        ("seconds", epoch.seconds.into()),
    ]);
    writeln!(out, "{line}")?;
    // Whoever reads the lines wants them as they come.
    out.flush()
}
