//! Decides when a checkpoint is written, writes it, and reads the one to resume from.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::checkpoint::Checkpoints;
use super::checkpoint_file::{self, Content, Fingerprint};
use super::position::{Position, Restored, RuleState, Starts};
use crate::base::clock::Clock;
use crate::base::error::{Error, Result};
use crate::format::atomic::remove_leftovers;
use crate::format::safetensors::Safetensors;
use crate::model::file::damaged;
use crate::nn::network::Network;

/// Writes the checkpoints of one call; without [`Checkpoints`] it does nothing.
pub(super) struct CheckpointWriter<'a> {
    checkpoints: Option<Checkpoints<'a>>,
    /// The settings that must be the same when the training is resumed.
    fingerprint: Fingerprint,
    /// When the last one was written, and how many epochs have passed since.
    written: Clock,
    epochs: usize,
    /// The starts to choose among, while their short trainings are under way.
    pub(super) starts: Option<Starts>,
}

impl<'a> CheckpointWriter<'a> {
    pub(super) fn new(checkpoints: Option<Checkpoints<'a>>, fingerprint: Fingerprint) -> Self {
        CheckpointWriter { checkpoints, fingerprint, written: Clock::start(), epochs: 0, starts: None }
    }

    /// Returns the training to resume, if that is wanted and there is one.
    pub(super) fn resume(&mut self, starts: usize) -> Result<Option<Restored>> {
        let Some(checkpoints) = self.checkpoints.as_ref().filter(|checkpoints| checkpoints.resume) else {
            return Ok(None);
        };
        remove_leftovers(&checkpoints.path);
        let file = match Safetensors::read(&checkpoints.path) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let (restored, starts) = checkpoint_file::read(&file, &self.fingerprint, starts)
            .map_err(|message| damaged(&checkpoints.path, message))?;
        self.starts = starts;
        Ok(Some(restored))
    }

    /// Returns the error for a checkpoint that contradicts itself.
    pub(super) fn contradiction(&self) -> Error {
        let path = self.checkpoints.as_ref().map_or(Path::new(""), |checkpoints| &checkpoints.path);
        damaged(path, "the checkpoint is inconsistent: remove it to start over".into())
    }

    /// Returns whether it is time for a checkpoint. A request is taken as fulfilled.
    pub(super) fn is_due(&self) -> bool {
        let Some(checkpoints) = &self.checkpoints else { return false };
        checkpoints.request.is_some_and(|request| request.swap(false, Ordering::Relaxed))
            || checkpoints.interval.is_some_and(|interval| self.written.elapsed() >= interval)
            || checkpoints.epochs.is_some_and(|epochs| self.epochs >= epochs.max(1))
    }

    pub(super) fn end_epoch(&mut self) {
        self.epochs += 1;
    }

    pub(super) fn write(&mut self, network: &Network, rule: &RuleState<&[f32]>, position: &Position) -> Result<()> {
        let Some(checkpoints) = &self.checkpoints else { return Ok(()) };
        (self.written, self.epochs) = (Clock::start(), 0);
        let (starts, fingerprint, notes) = (self.starts.as_ref(), &self.fingerprint, &checkpoints.notes[..]);
        match (Content { network, position, rule, starts, fingerprint, notes }).to_file() {
            Some(file) => file.write(&checkpoints.path),
            None => Ok(()),
        }
    }
}
