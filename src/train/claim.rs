//! The right of one training to write, replace and remove a checkpoint file.
//!
//! A training claims its file before its first step, by a checkpoint without content. Every checkpoint names its owner,
//! and is replaced or removed only by that owner, or by the training that resumes from it. While the owner lives, the
//! file is also locked, so that no second training can resume from it. Some systems have no locks (Android, some network
//! file systems): there a second training takes the file over, and the first one ends with an error at its next
//! checkpoint, so that the two never write in turn.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::checkpoint_file::{CLAIM, NOTE, OWNER, empty};
use crate::base::error::{Error, Result};
use crate::format::atomic::check_writable;
use crate::format::safetensors::Safetensors;
use crate::model::file::{CHECKPOINT, damaged};

/// The treatment of a checkpoint that is there when a training begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Existing {
    Refuse,
    Resume,
    Replace,
}

/// The claim of a training, or of several that follow each other, to a file.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The owner that this claim writes; empty before there is a claim.
    owner: String,
    /// The number of those that keep the claim.
    holds: usize,
    /// The owner in the file that may be replaced: this one, or the one whose training is resumed.
    expected: Option<String>,
    /// The locked file.
    lock: Option<File>,
    /// Whether there is nothing in the file that anybody would miss.
    is_idle: bool,
}

impl Claim {
    pub(super) fn new(path: PathBuf) -> Self {
        Claim { path, state: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse<T>(&self, message: &str) -> Result<T> {
        Err(damaged(&self.path, message.into()))
    }

    /// Claims the file for as long as the result lives.
    pub(super) fn hold(self: &Arc<Self>, existing: Existing) -> Result<Hold> {
        let mut state = self.state();
        if state.holds == 0 {
            self.make(&mut state, existing).inspect_err(|_| state.lock = None)?;
        }
        state.holds += 1;
        Ok(Hold(self.clone()))
    }

    fn make(&self, state: &mut State, existing: Existing) -> Result<()> {
        check_writable(&self.path)?;
        if state.owner.is_empty() {
            let random = || RandomState::new().hash_one(0u8);
            state.owner = format!("{}-{:016x}{:016x}", process::id(), random(), random());
        }
        state.lock = self.lock()?;
        if let Some(metadata) = self.found()? {
            let found = owner(&metadata);
            // A claim of a process that has ended, without the results of a search: nobody misses it.
            let notes = metadata.keys().any(|name| name.starts_with(NOTE));
            state.is_idle = state.lock.is_some() && metadata.contains_key(CLAIM) && !notes;
            if existing == Existing::Refuse && !state.is_idle && found != state.owner {
                return self.refuse(
                    "holds a training that did not end: add --resume to continue it, or delete it to start over",
                );
            }
            state.expected = Some(found);
            if existing == Existing::Resume && !state.is_idle {
                return Ok(());
            }
        }
        let content = empty(&state.owner, &[], &[]);
        self.put(state, &content)?;
        state.is_idle = true;
        Ok(())
    }

    /// Returns the owner to name in a file.
    pub(super) fn owner(&self) -> String {
        self.state().owner.clone()
    }

    /// Replaces the file, if it is still that of this claim.
    pub(super) fn write(&self, file: &Safetensors) -> Result<()> {
        self.put(&mut self.state(), file)
    }

    fn put(&self, state: &mut State, file: &Safetensors) -> Result<()> {
        let found = self.found()?;
        let is_claim = file.metadata.contains_key(CLAIM);
        let is_new = found.is_none() && !self.path.exists();
        if found.is_some_and(|metadata| Some(owner(&metadata)) != state.expected) {
            return self.refuse(TAKEN);
        }
        let written = file.write_locked(&self.path, is_new);
        state.lock = match written {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists => return self.refuse(TAKEN),
            written => written?,
        };
        state.is_idle = is_claim && (is_new || state.is_idle);
        state.expected = Some(state.owner.clone());
        Ok(())
    }

    /// Removes the file, if it is that of this claim.
    pub(super) fn remove(&self) -> Result<()> {
        self.delete(&mut self.state())
    }

    fn delete(&self, state: &mut State) -> Result<()> {
        let found = self.found()?.map(|metadata| owner(&metadata));
        if found.is_none() || (found != state.expected && found.as_ref() != Some(&state.owner)) {
            return Ok(());
        }
        // If the name is a link, the file goes and the link stays.
        fs::canonicalize(&self.path).and_then(fs::remove_file).map_err(|source| Error::io(&self.path, source))?;
        (state.lock, state.expected, state.is_idle) = (None, None, false);
        Ok(())
    }

    /// Returns the metadata of the checkpoint, if there is one; a file without a byte is none.
    fn found(&self) -> Result<Option<BTreeMap<String, String>>> {
        match fs::metadata(&self.path) {
            Ok(found) if found.is_file() && found.len() == 0 => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            _ => {}
        }
        let metadata = match Safetensors::read_metadata(&self.path) {
            // It was removed in between.
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
            metadata => metadata?,
        };
        match metadata.contains_key(CHECKPOINT) {
            true => Ok(Some(metadata)),
            false => self.refuse("this is not a checkpoint of palmnet: name another file"),
        }
    }

    /// Locks the checkpoint; `None` if there is none, or there are no locks. An error if a training holds it.
    fn lock(&self) -> Result<Option<File>> {
        loop {
            let file = match File::open(&self.path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                file => file.map_err(|source| Error::io(&self.path, source))?,
            };
            match file.try_lock() {
                Ok(()) if cfg!(windows) => return Ok(None),
                Ok(()) if is_at(&file, &self.path) => return Ok(Some(file)),
                // It was replaced between the two calls.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let owner = self.found().ok().flatten().map(|metadata| owner(&metadata)).unwrap_or_default();
                    let process = owner.split('-').next().and_then(|number| number.parse::<u32>().ok());
                    let process = process.map_or(String::new(), |number| format!(" (process {number})"));
                    return self.refuse(&format!(
                        "a training that runs now{process} writes this checkpoint: wait until it ends, or name another \
                         file"
                    ));
                }
                Err(TryLockError::Error(_)) => return Ok(None),
            }
        }
    }
}

/// A [`claim`](crate::Checkpoints::claim) to a checkpoint file, which is given up when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Hold(Arc<Claim>);

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.holds -= 1;
        if state.holds == 0 {
            if state.is_idle {
                let _ = self.0.delete(&mut state);
            }
            (state.lock, state.expected) = (None, None);
        }
    }
}

const TAKEN: &str = "another training writes this checkpoint now, and this one has ended: name another file for one of \
                     the two";

/// Returns the owner of a checkpoint: that of an older version has none.
fn owner(metadata: &BTreeMap<String, String>) -> String {
    metadata.get(OWNER).cloned().unwrap_or_default()
}

/// Returns whether the open file is the one of this name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = || Some((file.metadata().ok()?, fs::metadata(path).ok()?));
    same().is_some_and(|(a, b)| (a.dev(), a.ino()) == (b.dev(), b.ino()))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}
