//! Checkpoints: their file, the times at which they are written, and the information in one.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::checkpoint_file::{NOTE, SETTING, check_format};
use crate::base::error::{Error, Result};
use crate::format::safetensors::Safetensors;
use crate::model::file::{CHECKPOINT, damaged};

/// The file and the times at which a [`Trainer`](crate::Trainer) writes checkpoints, and whether it resumes from one.
///
/// ```
/// use std::ops::ControlFlow;
/// use std::time::Duration;
/// use palmnet::{Activation::*, Adam, Checkpoints, Event, Loss, Network, Run, Trainer, generate};
///
/// let path = std::env::temp_dir().join(format!("moons-{}.checkpoint", std::process::id()));
/// let data = generate::moons(200, 0.1, 1);
/// let builder = Network::builder(2).dense(8, Relu).dropout(0.1).dense(2, Softmax);
/// let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(10);
/// let checkpoints = Checkpoints::new(&path).every_epochs(5).every(Duration::from_secs(60)).resume();
///
/// // Stopped in the middle of an epoch, and resumed.
/// let mut network = builder.build()?;
/// let mut stopped = Run::default().checkpoints(checkpoints.clone()).observe(|event| match event {
///     Event::Batch { epoch: 7, batch: 3, .. } => ControlFlow::Break(()),
///     _ => ControlFlow::Continue(()),
/// });
/// trainer.fit_with(&mut network, &data, &mut stopped)?;
/// let mut network = builder.build()?;
/// let history = trainer.fit_with(&mut network, &data, &mut Run::default().checkpoints(checkpoints))?;
/// assert_eq!(history.epochs.len(), 10);
///
/// let mut undisturbed = builder.build()?;
/// trainer.fit(&mut undisturbed, &data)?;
/// assert_eq!(network, undisturbed);
/// std::fs::remove_file(path).unwrap();
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// A training that is resumed ends with the bits, and the history, of one that was never interrupted (on the same
/// instruction set; the seconds differ). The file is replaced whole or not at all, so a process that is killed at any
/// moment loses no more than the work since the last checkpoint. The file stays when the training has ended: remove it
/// once its result is safe. Resumed from there, the training ends at once with the same result.
///
/// The standard library has no handler of signals: SIGINT and SIGTERM end the process at once, unless the program
/// catches them and has its observer return `Break`, or asks for a checkpoint with [`on_request`](Self::on_request).
///
/// A state that is not finite is not written: the checkpoint before stays.
#[derive(Clone, Debug)]
#[must_use]
pub struct Checkpoints<'a> {
    pub(super) path: PathBuf,
    pub(super) epochs: Option<usize>,
    pub(super) interval: Option<Duration>,
    pub(super) request: Option<&'a AtomicBool>,
    pub(super) resume: bool,
    pub(super) notes: Vec<(String, String)>,
}

impl<'a> Checkpoints<'a> {
    /// Returns checkpoints in the file `path`, each replacing the one before. Without further settings, one is written
    /// if an observer stops the training.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Checkpoints { path: path.into(), epochs: None, interval: None, request: None, resume: false, notes: Vec::new() }
    }

    /// Writes one whenever this number of epochs has passed since the last; those of the short trainings of
    /// [`fit_best_of`](crate::Trainer::fit_best_of) count too. Zero is taken as one.
    pub fn every_epochs(self, epochs: usize) -> Self {
        Checkpoints { epochs: Some(epochs), ..self }
    }

    /// Writes one after the first mini-batch that ends this long after the last, also in the middle of an epoch.
    pub fn every(self, interval: Duration) -> Self {
        Checkpoints { interval: Some(interval), ..self }
    }

    /// Writes one after the first mini-batch that finds `request` set, and resets it. An observer may set it, another
    /// thread, or the handler of a signal.
    pub fn on_request(self, request: &'a AtomicBool) -> Self {
        Checkpoints { request: Some(request), ..self }
    }

    /// Keeps a text under this name in every checkpoint, for information that the caller needs to resume besides the
    /// training itself. [`CheckpointInfo::note`] returns it.
    pub fn note(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.notes.push((name.into(), text.into()));
        self
    }

    /// Resumes from the checkpoint if there is one, and starts over if there is no file. Network, data and settings
    /// must be as they were when that training began; a difference is refused by name.
    pub fn resume(self) -> Self {
        Checkpoints { resume: true, ..self }
    }

    /// Starts over even if there is a checkpoint: undoes a call of [`resume`](Self::resume).
    pub fn start_over(self) -> Self {
        Checkpoints { resume: false, ..self }
    }

    /// Returns the information in the checkpoint that training would resume from; `None` if it would start over.
    ///
    /// # Errors
    /// If the file cannot be read or is not a checkpoint.
    pub fn find(&self) -> Result<Option<CheckpointInfo>> {
        if self.resume { CheckpointInfo::read(&self.path) } else { Ok(None) }
    }

    /// Returns whether a file is a checkpoint, of any training and version.
    pub fn is_checkpoint(path: impl AsRef<Path>) -> bool {
        Safetensors::read(path.as_ref()).is_ok_and(|file| file.metadata.contains_key(CHECKPOINT))
    }
}

/// The information in a checkpoint: the settings of its training, and the caller's notes.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointInfo {
    path: PathBuf,
    metadata: BTreeMap<String, String>,
}

impl CheckpointInfo {
    /// Reads a checkpoint; `None` if there is no file. The whole file is read once.
    ///
    /// # Errors
    /// If the file cannot be read, is not a checkpoint, or one of another version.
    pub fn read(path: impl AsRef<Path>) -> Result<Option<Self>> {
        let path = path.as_ref();
        let file = match Safetensors::read(path) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        check_format(&file).map_err(|message| damaged(path, message))?;
        Ok(Some(CheckpointInfo { path: path.into(), metadata: file.metadata }))
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a setting of the training as text: `learning rate`, `weight decay`, `batch size` and the like, as the
    /// errors of a refused checkpoint name them.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.metadata.get(&format!("{SETTING}{name}")).map(String::as_str)
    }

    /// Returns a text that was kept with [`Checkpoints::note`]. It may come from anybody: do not print it unchecked.
    pub fn note(&self, name: &str) -> Option<&str> {
        self.metadata.get(&format!("{NOTE}{name}")).map(String::as_str)
    }
}
