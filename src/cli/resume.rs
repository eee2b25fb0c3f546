//! The options for checkpoints: their file, how often it is written, and whether to resume from it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use palmnet::{Checkpoints, Error};

use super::Failure;
use super::arguments::Arguments;
use super::options::{CHECKPOINT, CHECKPOINT_EVERY, RESUME};
use super::output::{Output, is_model, is_same};

/// The file for checkpoints, from `--checkpoint`, `--checkpoint-every` and `--resume`.
pub struct CheckpointFile {
    pub path: String,
    every: Interval,
    pub resume: bool,
}

enum Interval {
    Epochs(usize),
    Time(Duration),
}

impl CheckpointFile {
    /// Reads the options; `None` if no checkpoints are wanted. `model` is the file for the model, `inputs` are the
    /// files of the data.
    pub fn parse(arguments: &Arguments, model: &str, inputs: &[&str]) -> Result<Option<Self>, Failure> {
        let resume = arguments.has(RESUME.name);
        let every = match arguments.text(CHECKPOINT_EVERY.name) {
            None => Interval::Time(Duration::from_secs(60)),
            Some(text) => Interval::parse(text).ok_or_else(|| {
                let expected = "expected a number of epochs, as in 5, or of minutes, as in 2m";
                arguments.misuse(&format!("{} {text}: {expected}", CHECKPOINT_EVERY.name))
            })?,
        };
        let path = match arguments.text(CHECKPOINT.name) {
            Some(path) => path.to_string(),
            None if resume || arguments.has(CHECKPOINT_EVERY.name) => {
                Path::new(model).with_extension("checkpoint").display().to_string()
            }
            None => return Ok(None),
        };
        if is_same(&path, model) {
            let message = format!("{path} is for the model: name another file with {}", CHECKPOINT.name);
            return Err(arguments.misuse(&message));
        }
        let file = CheckpointFile { path, every, resume };
        file.check(inputs)?;
        Ok(Some(file))
    }

    fn check(&self, inputs: &[&str]) -> Result<(), Error> {
        let path = &self.path;
        // The file is removed at the end, which must not happen to a device.
        if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            return Err(Error::format(path, "is not a regular file: name one for the checkpoint with --checkpoint"));
        }
        Output { option: CHECKPOINT.name, noun: "checkpoint", may_replace: &|path| is_model(path) }
            .check(path, inputs)?;
        if self.exists() && !Checkpoints::is_checkpoint(path) {
            let message = format!("exists and is not a checkpoint: choose another {}", CHECKPOINT.name);
            return Err(Error::format(path, message));
        }
        if !self.resume && self.exists() {
            let message = "holds a training that did not end: add --resume to continue it, or delete it to start over";
            return Err(Error::format(path, message));
        }
        Ok(())
    }

    pub fn exists(&self) -> bool {
        Path::new(&self.path).is_file()
    }

    pub fn checkpoints<'a>(&self) -> Checkpoints<'a> {
        let checkpoints = Checkpoints::new(&self.path);
        let checkpoints = match self.every {
            Interval::Epochs(epochs) => checkpoints.every_epochs(epochs),
            Interval::Time(time) => checkpoints.every(time),
        };
        if self.resume { checkpoints.resume() } else { checkpoints }
    }

    /// Removes the file, if it was written.
    pub fn remove(&self) -> palmnet::Result<()> {
        // If the name is a link, the file goes and the link stays, as it was before.
        match fs::canonicalize(&self.path).and_then(fs::remove_file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(&self.path, error)),
            _ => Ok(()),
        }
    }
}

impl Interval {
    fn parse(text: &str) -> Option<Interval> {
        match text.strip_suffix('m') {
            Some(minutes) => {
                let minutes = minutes.parse().ok().filter(|&minutes: &f64| minutes > 0.0)?;
                Duration::try_from_secs_f64(60.0 * minutes).ok().map(Interval::Time)
            }
            None => text.parse().ok().filter(|&epochs| epochs > 0).map(Interval::Epochs),
        }
    }
}
