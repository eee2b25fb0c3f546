//! Where and when checkpoints are written.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::base::error::{Error, Result};
use crate::format::safetensors::Safetensors;
use crate::model::file::CHECKPOINT;

/// The prefix of the names of settings in a checkpoint's metadata.
pub(super) const SETTING: &str = "setting: ";

/// Where and when a [`Trainer`](crate::Trainer) writes checkpoints, and whether it goes on from one.
///
/// ```
/// use std::ops::ControlFlow;
/// use std::time::Duration;
/// use palmnet::{Activation::*, Adam, Checkpoints, Event, Loss, Network, Trainer, generate};
///
/// let path = std::env::temp_dir().join(format!("moons-{}.checkpoint", std::process::id()));
/// let data = generate::moons(200, 0.1, 1);
/// let builder = Network::builder(2).dense(8, Relu).dropout(0.1).dense(2, Softmax);
/// let trainer = || Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(10);
/// let checkpoints = Checkpoints::new(&path).every_epochs(5).every(Duration::from_secs(60)).resume();
///
/// // Stopped in the middle of an epoch, and resumed.
/// let mut network = builder.build()?;
/// let stop = |event: Event| match event {
///     Event::Batch { epoch: 7, batch: 3, .. } => ControlFlow::Break(()),
///     _ => ControlFlow::Continue(()),
/// };
/// trainer().checkpoints(checkpoints.clone()).observe(stop).fit(&mut network, &data)?;
/// let mut network = builder.build()?;
/// let history = trainer().checkpoints(checkpoints).fit(&mut network, &data)?;
/// assert_eq!(history.epochs.len(), 10);
///
/// let mut undisturbed = builder.build()?;
/// trainer().fit(&mut undisturbed, &data)?;
/// assert_eq!(network, undisturbed);
/// std::fs::remove_file(path).unwrap();
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// A training that is resumed ends with the bits, and the history, of one that was never interrupted (on the same
/// instruction set; the seconds differ). The file is replaced whole or not at all, so that a process which is killed at
/// any moment loses what it did since the last checkpoint and no more. The file stays when the training has ended:
/// remove it once its result is safe. Resumed from there, the training ends at once with the same result.
///
/// No handler of signals can be had from the standard library: SIGINT and SIGTERM end the process at once, unless the
/// program catches them and has its observer answer `Break`, or asks for a checkpoint with
/// [`on_request`](Self::on_request).
///
/// A state that is not finite is not written: the checkpoint before stays.
#[derive(Clone, Debug)]
pub struct Checkpoints<'a> {
    pub(super) path: PathBuf,
    pub(super) epochs: Option<usize>,
    pub(super) interval: Option<Duration>,
    pub(super) request: Option<&'a AtomicBool>,
    pub(super) resume: bool,
    pub(super) notes: Vec<(String, String)>,
}

impl<'a> Checkpoints<'a> {
    /// Checkpoints in the file `path`, of which each replaces the one before. As it stands, one is written when an
    /// observer stops the training.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Checkpoints { path: path.into(), epochs: None, interval: None, request: None, resume: false, notes: Vec::new() }
    }

    /// Writes one whenever so many epochs have passed since the last; those of
    /// [`fit_best_of`](crate::Trainer::fit_best_of)'s trials count too.
    pub fn every_epochs(self, epochs: usize) -> Self {
        Checkpoints { epochs: Some(epochs), ..self }
    }

    /// Writes one after the first batch that ends so long after the last, also in the middle of an epoch.
    pub fn every(self, interval: Duration) -> Self {
        Checkpoints { interval: Some(interval), ..self }
    }

    /// Writes one after the first batch that finds `request` set, which is set back. An observer may set it, another
    /// thread, or the handler of a signal.
    pub fn on_request(self, request: &'a AtomicBool) -> Self {
        Checkpoints { request: Some(request), ..self }
    }

    /// Keeps a text under this name in the `__metadata__` of every checkpoint: what the caller must know to go on, beside
    /// the training itself.
    pub fn note(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.notes.push((name.into(), text.into()));
        self
    }

    /// Goes on from the checkpoint where there is one, and begins anew where there is no file. Network, data and settings
    /// must be what they were when that training began; what differs is refused by name.
    pub fn resume(self) -> Self {
        Checkpoints { resume: true, ..self }
    }
}

impl Checkpoints<'_> {
    /// Begins a training of its own, whatever the file holds.
    pub(crate) fn anew(self) -> Self {
        Checkpoints { resume: false, ..self }
    }

    /// Returns what the checkpoint to resume from knows besides the training itself; `None` if nothing is resumed or
    /// there is no file.
    pub(crate) fn find(&self) -> Result<Option<CheckpointInfo>> {
        if !self.resume {
            return Ok(None);
        }
        match Safetensors::read(&self.path) {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            file => Ok(Some(CheckpointInfo { path: self.path.clone(), metadata: file?.metadata })),
        }
    }

    /// Returns whether a file is a checkpoint.
    pub fn is_checkpoint(path: impl AsRef<Path>) -> bool {
        Safetensors::read(path.as_ref()).is_ok_and(|file| file.metadata.contains_key(CHECKPOINT))
    }
}

/// The settings and notes in a checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct CheckpointInfo {
    path: PathBuf,
    metadata: std::collections::BTreeMap<String, String>,
}

impl CheckpointInfo {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a setting of the training, as text.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.metadata.get(&format!("{SETTING}{name}")).map(String::as_str)
    }

    /// Returns a note of [`Checkpoints::note`].
    pub(crate) fn note(&self, name: &str) -> Option<&str> {
        self.metadata.get(name).map(String::as_str)
    }
}
