//! What `train` and `demo` share: training with progress, the report, the saved model.

use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::Instant;

use palmnet::json::Json;
use palmnet::{
    Dataset, Epoch, Error, Event, Layer, Loss, Model, Network, NetworkBuilder, Preprocessing, Run, Scaler, Targets,
    Trainer,
};

use super::Failure;
use super::arguments::Arguments;
use super::checkpoint::Checkpoint;
use super::numbers::{counted, duration};
use super::progress::Progress;
use super::report::Score;
use super::terminal::{complain, wrap};

/// A training that is ready to run.
pub struct Job {
    /// What is printed first, line by line.
    pub heading: Vec<String>,
    /// What is worth a thought, for standard error.
    pub remarks: Vec<String>,
    /// Not yet scaled, as is the test part.
    pub train: Dataset,
    pub test: Option<Dataset>,
    pub scaler: Scaler,
    pub target_scaler: Option<Scaler>,
    pub builder: NetworkBuilder,
    /// The network to go on with, in place of a new one.
    pub start: Option<Network>,
    pub trainer: Trainer,
    pub loss: Loss,
    pub epochs: usize,
    pub restarts: usize,
    /// What the model file says of its origin.
    pub notes: Vec<(&'static str, String)>,
    pub file: String,
    /// Where the record of the epochs goes.
    pub history: Option<String>,
    pub checkpoint: Option<Checkpoint>,
}

/// How a training is told.
pub struct Manner {
    pub every: Option<usize>,
    pub quiet: bool,
    pub json: bool,
}

impl Manner {
    /// What `--every`, `--quiet` and `--json` say.
    pub fn parse(arguments: &Arguments) -> Result<Self, Failure> {
        let every = arguments.value("--every", "a whole number from 1", |&n: &usize| n > 0)?;
        Ok(Manner { every, quiet: arguments.has("--quiet"), json: arguments.has("--json") })
    }
}

/// Standard output, which may close or fill a disk before the training ends: the model is saved all the same.
pub struct Results<'a> {
    pub out: &'a mut dyn Write,
    /// The first error, after which nothing more is written.
    pub state: io::Result<()>,
}

impl Results<'_> {
    /// Writes at once: whoever reads the lines wants them as they come.
    pub fn write(&mut self, text: &str) {
        if self.state.is_ok() {
            self.state = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        }
    }
}

/// Trains, reports and saves.
pub fn run(job: Job, manner: &Manner, out: &mut dyn Write) -> Result<Model, Failure> {
    let Job {
        heading,
        remarks,
        mut train,
        mut test,
        scaler,
        target_scaler,
        builder,
        start,
        trainer,
        loss,
        epochs,
        restarts,
        notes,
        file,
        history: history_file,
        checkpoint,
    } = job;
    let Manner { every, quiet, json } = *manner;
    let mut results = Results { out, state: Ok(()) };
    let mut network = start.map_or_else(|| builder.build(), Ok)?;
    if !json {
        let size = counted(network.parameter_count(), "parameter");
        let data = [columns(&train), examples(&train, test.as_ref())];
        let network = format!("network {}, {size}", shape(&network));
        let lines = heading.into_iter().chain(data).chain([network]);
        results.write(&lines.map(|line| wrap(&line, 0)).collect::<String>());
    }
    for remark in remarks.iter().filter(|_| !quiet) {
        complain(&wrap(&format!("note: {remark}"), 0));
    }
    for part in [Some(&mut train), test.as_mut()].into_iter().flatten() {
        part.scale(&scaler);
        if let Some(scaler) = &target_scaler {
            part.scale_targets(scaler);
        }
    }
    let mut progress = Progress::new(quiet || json, every, epochs, train.len());
    let clock = Instant::now();
    let found = checkpoint.as_ref().filter(|checkpoint| checkpoint.resume && checkpoint.is_there());
    if let Some(checkpoint) = found.filter(|_| !quiet) {
        complain(&wrap(&format!("going on from {}", checkpoint.file), 0));
    } else if restarts > 1 {
        progress.say(&format!("choosing among {restarts} starts"));
    }
    let watched = match &checkpoint {
        Some(checkpoint) => Run::default().checkpoints(checkpoint.settings()),
        None => Run::default(),
    };
    let mut watched = watched.observe(|event| {
        progress.show(event);
        if let (Event::Epoch { record, .. }, true) = (event, json) {
            results.write(&epoch_line(record));
        }
        ControlFlow::Continue(())
    });
    let history = match restarts {
        1 => trainer.fit_with(&mut network, &train, &mut watched),
        _ => trainer.fit_best_of_with(restarts, &builder, &train, &mut watched).map(|(best, history)| {
            network = best;
            history
        }),
    };
    drop(watched);
    progress.finish();
    let model_of = |network: Network| -> palmnet::Result<Model> {
        let preprocessing = Preprocessing::new(scaler.clone(), target_scaler.clone());
        Ok(Model::new(network, preprocessing, train.schema().clone())?.with_loss(loss))
    };
    if let Err(Error::Diverged { history, .. }) = &history
        && !history.epochs.is_empty()
    {
        // Of several starts, the network is gone with the one that failed.
        let epoch = history.best_epoch;
        let kept = model_of(network.clone()).and_then(|mut model| {
            model.notes.extend(notes.iter().map(|(name, text)| (name.to_string(), text.clone())));
            model.notes.insert("epochs".into(), format!("{epoch}, and then training diverged"));
            if restarts == 1 { keep_beside(&file, &model) } else { Ok(None) }
        });
        // That these fail must not hide why the training did.
        match kept {
            Ok(Some(place)) => complain(&wrap(&format!("note: the weights of epoch {epoch} are in {place}"), 0)),
            Ok(None) => {}
            Err(error) => complain(&wrap(&format!("note: {error}"), 0)),
        }
        if let Some(Err(error)) =
            history_file.as_ref().map(|file| palmnet::write_atomic(file, history.to_csv().as_bytes()))
        {
            complain(&wrap(&format!("note: {error}"), 0));
        }
    }
    let history = history?;
    // Of a training that was resumed, what came before counts too.
    let seconds = clock.elapsed().as_secs_f64().max(history.seconds());

    let score = |part: &Dataset| Score::of(&network, part, loss, target_scaler.as_ref());
    let train_score = score(&train)?;
    let test_score = test.as_ref().map(score).transpose()?;
    let mut model = model_of(network)?;
    let (done, best) = (history.epochs.len(), history.best_epoch);
    let kept = if best < done { format!(", weights of epoch {best}") } else { String::new() };
    let settings = notes.iter().find(|(name, _)| *name == "settings").map(|(_, line)| line.clone());
    model.notes.extend(notes.into_iter().map(|(name, text)| (name.to_string(), text)));
    for (name, text) in [
        ("palmnet", env!("CARGO_PKG_VERSION").to_string()),
        ("loss", loss.to_string()),
        ("epochs", format!("{done}{kept}")),
        ("trained on", counted(train.len(), "example")),
        ("train", train_score.line()),
    ] {
        model.notes.insert(name.into(), text);
    }
    if let Some(score) = &test_score {
        model.notes.insert("test".into(), score.line());
    }
    model.save(&file)?;
    if let Some(file) = &history_file {
        palmnet::write_atomic(file, history.to_csv().as_bytes())?;
    }
    if let Some(checkpoint) = &checkpoint {
        checkpoint.remove()?;
    }
    if json {
        let mut members = vec![
            ("event", "done".into()),
            ("epochs", done.into()),
            ("seconds", seconds.into()),
            ("train", train_score.json()),
            ("test", test_score.map_or(Json::Null, |score| score.json())),
            ("model", file.as_str().into()),
        ];
        members.extend(settings.map(|settings| ("settings", settings.into())));
        results.write(&format!("{}\n", Json::object(members)));
    } else {
        let mut text = format!("{} in {}{kept}\n", counted(done, "epoch"), duration(seconds));
        text += &wrap(&format!("train {}", train_score.line()), 0);
        if let Some(score) = test_score {
            text += &wrap(&format!("test  {}", score.line()), 0);
        }
        let saved = [Some(file), history_file].into_iter().flatten().map(|file| format!("saved {file}\n"));
        results.write(&(text + &saved.collect::<String>()));
    }
    results.state?;
    Ok(model)
}

/// Saves a model beside `file`, in a place that nothing else has; nowhere when that is no file.
fn keep_beside(file: &str, model: &Model) -> palmnet::Result<Option<String>> {
    if fs::metadata(file).is_ok_and(|there| !there.is_file()) {
        return Ok(None);
    }
    let (stem, extension) = match file.strip_suffix(".safetensors") {
        Some(stem) => (stem, ".safetensors"),
        None => (file, ""),
    };
    let numbers = (2..).map(|number| format!("-{number}"));
    let places =
        std::iter::once(String::new()).chain(numbers).map(|number| format!("{stem}.diverged{number}{extension}"));
    let place = places.into_iter().find(|place| fs::symlink_metadata(place).is_err()).unwrap_or_default();
    model.save(&place)?;
    Ok(Some(place))
}

/// What brings targets to mean 0 and variance 1, where they are values.
pub fn target_scaler(train: &Dataset) -> Option<Scaler> {
    match train.targets() {
        Targets::Values(values) => Some(Scaler::standard_of(values)),
        Targets::Classes(_) => None,
    }
}

/// `4 features → species (3 classes)`.
pub fn columns(train: &Dataset) -> String {
    let targets = match train.targets() {
        Targets::Classes(_) => format!("{} classes", train.class_names().len()),
        Targets::Values(values) => counted(values.columns(), "value"),
    };
    let features = counted(train.features().columns(), "feature");
    format!("{features} → {} ({targets})", train.schema().output().names().join(", "))
}

/// `train 120, test 30 examples`.
fn examples(train: &Dataset, test: Option<&Dataset>) -> String {
    match test {
        Some(test) => format!("train {}, test {}", train.len(), counted(test.len(), "example")),
        None => format!("train {}", counted(train.len(), "example")),
    }
}

/// `4-64-64-3`.
pub fn shape(network: &Network) -> String {
    let outputs = network.layers().iter().filter_map(|layer| match layer {
        Layer::Dense(dense) => Some(dense.outputs().to_string()),
        _ => None,
    });
    [network.inputs().to_string()].into_iter().chain(outputs).collect::<Vec<String>>().join("-")
}

fn epoch_line(epoch: &Epoch) -> String {
    let line = Json::object([
        ("event", "epoch".into()),
        ("epoch", epoch.epoch.into()),
        ("train_loss", epoch.train_loss.into()),
        ("validation_loss", epoch.validation_loss.map_or(Json::Null, Json::from)),
        ("seconds", epoch.seconds.into()),
    ]);
    format!("{line}\n")
}
