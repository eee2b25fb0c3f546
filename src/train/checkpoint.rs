//! Checkpoints: their file, the times at which they are written, and the information in one.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::checkpoint_file::{NOTE, SETTING, check_format, is_bare};
use super::claim::{Claim, Existing, Hold};
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
/// moment loses no more than the work since the last checkpoint. The file stays when the training has ended:
/// [`remove`](Self::remove) it once its result is safe. Resumed from there, the training ends at once with the same
/// result.
///
/// A training claims the file at its beginning. It replaces no other file, and no checkpoint of another training; two
/// trainings with one file are an error of the second, or, on systems without locks for files such as Android, of the
/// first when the second has resumed from its checkpoint. Clones have one claim.
///
/// The standard library has no handler of signals: SIGINT and SIGTERM end the process at once, unless the program
/// catches them and has its observer return `Break`, or asks for a checkpoint with [`on_request`](Self::on_request).
///
/// A state that is not finite is not written: the checkpoint before stays.
#[derive(Clone, Debug)]
#[must_use]
pub struct Checkpoints<'a> {
    pub(super) claim: Arc<Claim>,
    pub(super) epochs: Option<usize>,
    pub(super) interval: Option<Duration>,
    pub(super) request: Option<&'a AtomicBool>,
    pub(super) existing: Existing,
    pub(super) notes: Vec<(String, String)>,
}

impl<'a> Checkpoints<'a> {
    /// Returns checkpoints in the file `path`, each replacing the one before. Without further settings, one is written
    /// if an observer stops the training, and a training that did not end is neither resumed nor replaced: its file is
    /// an error.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let (claim, existing) = (Arc::new(Claim::new(path.into())), Existing::Refuse);
        Checkpoints { claim, epochs: None, interval: None, request: None, existing, notes: Vec::new() }
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
        Checkpoints { existing: Existing::Resume, ..self }
    }

    /// Starts over even if there is a checkpoint, which is lost.
    pub fn start_over(self) -> Self {
        Checkpoints { existing: Existing::Replace, ..self }
    }

    /// Claims the file now, before the training does it, so that no other training takes the name while data is read.
    /// The claim, a checkpoint without content, is kept for as long as the result lives; if nothing follows it, the file
    /// is then removed.
    ///
    /// # Errors
    /// If the file cannot be written, is not a checkpoint, is that of a training that runs now, or, without
    /// [`resume`](Self::resume) or [`start_over`](Self::start_over), that of one that did not end.
    pub fn claim(&self) -> Result<Hold> {
        self.claim.hold(self.existing)
    }

    /// Removes the checkpoint, when the result of the training is safe. A file that another training has taken over
    /// stays.
    ///
    /// # Errors
    /// If the file cannot be removed.
    pub fn remove(&self) -> Result<()> {
        self.claim.remove()
    }

    pub(super) fn path(&self) -> &Path {
        self.claim.path()
    }

    /// Returns the information in the checkpoint that training would resume from; `None` if it would start over.
    ///
    /// # Errors
    /// If the file cannot be read or is not a checkpoint.
    pub fn find(&self) -> Result<Option<CheckpointInfo>> {
        let found = if self.existing == Existing::Resume { CheckpointInfo::read(self.path())? } else { None };
        Ok(found.filter(|info| !is_bare(&info.metadata)))
    }

    /// Returns whether a file is a checkpoint, of any training and version.
    pub fn is_checkpoint(path: impl AsRef<Path>) -> bool {
        Safetensors::read_metadata(path.as_ref()).is_ok_and(|metadata| metadata.contains_key(CHECKPOINT))
    }
}

/// The information in a checkpoint: the settings of its training, and the caller's notes.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointInfo {
    path: PathBuf,
    metadata: BTreeMap<String, String>,
}

impl CheckpointInfo {
    /// Reads a checkpoint; `None` if there is no file, or one without a byte. The whole file is read once.
    ///
    /// # Errors
    /// If the file cannot be read, is not a checkpoint, or one of another version.
    pub fn read(path: impl AsRef<Path>) -> Result<Option<Self>> {
        let path = path.as_ref();
        let file = match Safetensors::read(path) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
            // A process was killed while it claimed the file.
            Err(_) if fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == 0) => return Ok(None),
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
