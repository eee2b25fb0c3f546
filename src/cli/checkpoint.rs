//! Trainings that may be killed: where their checkpoint is, and how often it is written.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use palmnet::{CheckpointInfo, Checkpoints, Error};

use super::arguments::{Arguments, Choice, choice};
use super::{Failure, files};

pub const CHECKPOINT: Choice = choice(
    "--checkpoint",
    "FILE",
    "Keep the state of the training in FILE while it runs, for --resume; it is removed when the model is saved. When only --resume or --checkpoint-every is given: the model's name, ending in .checkpoint.",
);
pub const EVERY: Choice = choice(
    "--checkpoint-every",
    "N|Nm",
    "Write the checkpoint every N epochs, or (as in 5m) every N minutes. When not given: 1m.",
);
pub const RESUME: Choice = choice(
    "--resume",
    "",
    "Go on from the checkpoint, or begin anew where there is none: after a training was killed, or stopped by Ctrl-C, repeat its command. The model is the same as without interruption.",
);

/// What the three options say.
pub struct Checkpoint {
    pub file: String,
    every: Every,
    pub resume: bool,
    /// What rate or decay was looked for, if any was: with which command line, on which data.
    pub search: Option<String>,
}

/// The notes on what was looked for, and on the losses of earlier trials.
const SEARCH: &str = "search";
const TRIALS: &str = "losses of trials";

enum Every {
    Epochs(usize),
    Time(Duration),
}

impl Checkpoint {
    /// `None` when checkpoints were not asked for. `model` is the file that the model is for, `inputs` are the files that
    /// are trained and tested on.
    pub fn parse(arguments: &Arguments, model: &str, inputs: &[&str]) -> Result<Option<Self>, Failure> {
        let resume = arguments.has(RESUME.name);
        let every = match arguments.text(EVERY.name) {
            None => Every::Time(Duration::from_secs(60)),
            Some(text) => Every::parse(text).ok_or_else(|| {
                arguments.misuse(&format!(
                    "{} {text}: expected a number of epochs, as in 5, or of minutes, as in 2m",
                    EVERY.name
                ))
            })?,
        };
        let file = match arguments.text(CHECKPOINT.name) {
            Some(file) => file.to_string(),
            None if resume || arguments.has(EVERY.name) => {
                Path::new(model).with_extension("checkpoint").display().to_string()
            }
            None => return Ok(None),
        };
        if files::same(&file, model) {
            let message = format!("{file} is for the model: name another file with {}", CHECKPOINT.name);
            return Err(arguments.misuse(&message));
        }
        let checkpoint = Checkpoint { file, every, resume, search: None };
        files::check_checkpoint(&checkpoint.file, inputs)?;
        if checkpoint.is_there() && !Checkpoints::is_checkpoint(&checkpoint.file) {
            let message = format!("exists and is not a checkpoint: choose another {}", CHECKPOINT.name);
            return Err(Error::format(checkpoint.file, message).into());
        }
        if !resume && checkpoint.is_there() {
            let message = "holds a training that did not end: go on with --resume, or remove it to begin anew";
            return Err(Error::format(checkpoint.file, message).into());
        }
        Ok(Some(checkpoint))
    }

    pub fn is_there(&self) -> bool {
        Path::new(&self.file).is_file()
    }

    /// Whether the file, where there is one, is of a training that looks for the same with the same on the same data.
    pub fn check_search(&self) -> palmnet::Result<()> {
        if !self.is_there() {
            return Ok(());
        }
        let (then, now) = (self.note(SEARCH), &self.search);
        if then == *now || (now.is_none() && self.note(TRIALS).is_none()) {
            return Ok(());
        }
        let shown = |search: &Option<String>| {
            // What a file says must not get to a terminal as it is.
            search.as_deref().unwrap_or("no search").chars().filter(|c| !c.is_control()).collect::<String>()
        };
        let message = format!(
            "this is the checkpoint of another training: it was {}, and is {}. Repeat that command, or remove the file to begin anew",
            shown(&then),
            shown(now)
        );
        Err(Error::format(&self.file, message))
    }

    /// A number among the settings of the training that the file belongs to.
    pub fn number(&self, name: &str) -> Option<f32> {
        self.info()?.setting(name)?.parse().ok()
    }

    /// What [`settings_of_trial`](Self::settings_of_trial) noted, where the file is that of a trial.
    pub fn trials(&self) -> Option<Vec<Option<f64>>> {
        Some(self.note(TRIALS)?.split_whitespace().map(|loss| loss.parse().ok()).collect())
    }

    fn info(&self) -> Option<CheckpointInfo> {
        CheckpointInfo::read(&self.file).ok()?
    }

    fn note(&self, name: &str) -> Option<String> {
        self.info()?.note(name).map(str::to_string)
    }

    /// The settings for a trial before the training proper, after trials with these losses. `begin` asks for a checkpoint
    /// in the beginning, that nothing of those be lost.
    pub fn settings_of_trial<'a>(&self, losses: &[Option<f64>], begin: &'a AtomicBool) -> Checkpoints<'a> {
        let losses = losses.iter().map(|loss| loss.map_or("none".to_string(), |loss| loss.to_string()));
        self.settings().note(TRIALS, losses.collect::<Vec<_>>().join(" ")).on_request(begin)
    }

    pub fn settings<'a>(&self) -> Checkpoints<'a> {
        let checkpoints = Checkpoints::new(&self.file);
        let checkpoints = match self.every {
            Every::Epochs(epochs) => checkpoints.every_epochs(epochs),
            Every::Time(time) => checkpoints.every(time),
        };
        let checkpoints = match &self.search {
            Some(search) => checkpoints.note(SEARCH, search),
            None => checkpoints,
        };
        if self.resume { checkpoints.resume() } else { checkpoints }
    }

    /// Removes the file, if it was written.
    pub fn remove(&self) -> palmnet::Result<()> {
        // Where the name is a link, the file goes, as it came.
        match fs::canonicalize(&self.file).and_then(fs::remove_file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(&self.file, error)),
            _ => Ok(()),
        }
    }
}

impl Every {
    fn parse(text: &str) -> Option<Every> {
        match text.strip_suffix('m') {
            Some(minutes) => {
                let minutes = minutes.parse().ok().filter(|&minutes: &f64| minutes > 0.0)?;
                Duration::try_from_secs_f64(60.0 * minutes).ok().map(Every::Time)
            }
            None => text.parse().ok().filter(|&epochs| epochs > 0).map(Every::Epochs),
        }
    }
}
