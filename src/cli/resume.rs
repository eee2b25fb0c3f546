//! The options for checkpoints: their file, how often it is written, and whether to resume from it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use palmnet::train::Hold;
use palmnet::unversioned::FileKind;
use palmnet::{Checkpoints, Error};

use super::Failure;
use super::arguments::Arguments;
use super::options::{CHECKPOINT, CHECKPOINT_EVERY, RESUME};
use super::output::{Output, check_name, is_same};

/// The file for checkpoints, from `--checkpoint`, `--checkpoint-every` and `--resume`.
pub struct CheckpointFile {
    pub path: String,
    checkpoints: Checkpoints<'static>,
    hold: Option<Hold>,
    /// Whether there is a training to continue.
    pub is_resumed: bool,
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
        check_name(arguments, CHECKPOINT.name, &path)?;
        check(&path, inputs)?;
        let checkpoints = match every {
            Interval::Epochs(epochs) => Checkpoints::new(&path).every_epochs(epochs),
            Interval::Time(time) => Checkpoints::new(&path).every(time),
        };
        let checkpoints = if resume { checkpoints.resume() } else { checkpoints };
        let is_resumed = checkpoints.find()?.is_some();
        Ok(Some(CheckpointFile { path, checkpoints, hold: None, is_resumed }))
    }

    /// Claims the file, before the data is read.
    pub fn claim(&mut self) -> palmnet::Result<()> {
        self.hold = Some(self.checkpoints.claim()?);
        Ok(())
    }

    /// Returns the checkpoints, which share the claim.
    pub fn checkpoints(&self) -> Checkpoints<'static> {
        self.checkpoints.clone()
    }

    /// Removes the file, unless another training has taken it over.
    pub fn remove(&self) -> palmnet::Result<()> {
        self.checkpoints.remove()
    }
}

fn check(path: &str, inputs: &[&str]) -> Result<(), Error> {
    // The file is removed at the end, which must not happen to a device.
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Err(Error::format(path, "is not a regular file: name one for the checkpoint with --checkpoint"));
    }
    let may_replace = &|path: &Path| Ok(FileKind::of(path)? == FileKind::Checkpoint);
    Output { option: CHECKPOINT.name, noun: "checkpoint", may_replace }.check(path, inputs)
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
