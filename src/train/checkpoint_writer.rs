//! Decides when a checkpoint is written, writes it, and reads the one to resume from.

use std::path::Path;
use std::sync::atomic::Ordering;

use super::checkpoint::Checkpoints;
use super::checkpoint_file::{self, Content, Fingerprint};
use super::claim::{Existing, Hold};
use super::position::{Position, Restored, RuleState, Starts};
use crate::base::clock::Clock;
use crate::base::error::{Error, Result};
use crate::format::safetensors::Safetensors;
use crate::model::file::damaged;
use crate::nn::network::Network;

#[cfg(fuzzing)]
thread_local! {
    /// The content to resume from instead of the file, for fuzzing: files take most of the time.
    pub static GIVEN: std::cell::Cell<Option<Safetensors>> = const { std::cell::Cell::new(None) };
}

/// Writes the checkpoints of one call; without [`Checkpoints`] it does nothing.
pub(super) struct CheckpointWriter<'a> {
    checkpoints: Option<Checkpoints<'a>>,
    /// Keeps the file for this training.
    hold: Option<Hold>,
    /// The settings that must be the same when the training is resumed.
    fingerprint: Fingerprint,
    /// The time of the last one, and the number of epochs since.
    written: Clock,
    epochs: usize,
    /// The starts to choose among, while their short trainings are under way.
    pub(super) starts: Option<Starts>,
}

impl<'a> CheckpointWriter<'a> {
    pub(super) fn new(checkpoints: Option<Checkpoints<'a>>, fingerprint: Fingerprint) -> Self {
        CheckpointWriter { checkpoints, hold: None, fingerprint, written: Clock::start(), epochs: 0, starts: None }
    }

    /// Claims the file. Returns the training to resume, if that is wanted and there is one.
    pub(super) fn resume(&mut self, starts: usize) -> Result<Option<Restored>> {
        let Some(checkpoints) = &self.checkpoints else { return Ok(None) };
        #[cfg(fuzzing)]
        if let Some(file) = GIVEN.take() {
            let read = checkpoint_file::read(&file, &self.fingerprint, starts);
            let (restored, starts) = read.map_err(|message| damaged(checkpoints.path(), message))?.unzip();
            self.starts = starts.flatten();
            return Ok(restored);
        }
        self.hold = Some(checkpoints.claim()?);
        if checkpoints.existing == Existing::Resume {
            let file = Safetensors::read(checkpoints.path())?;
            let read = checkpoint_file::read(&file, &self.fingerprint, starts);
            if let Some((restored, starts)) = read.map_err(|message| damaged(checkpoints.path(), message))? {
                self.starts = starts;
                return Ok(Some(restored));
            }
        }
        let claim = checkpoint_file::empty(&checkpoints.claim.owner(), &self.fingerprint, &checkpoints.notes);
        checkpoints.claim.write(&claim)?;
        Ok(None)
    }

    /// Returns the error for a checkpoint that is inconsistent.
    pub(super) fn contradiction(&self) -> Error {
        let path = self.checkpoints.as_ref().map_or(Path::new(""), |checkpoints| checkpoints.path());
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
        let owner = &checkpoints.claim.owner();
        match (Content { network, position, rule, starts, fingerprint, notes, owner }).to_file() {
            Some(file) => checkpoints.claim.write(&file),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::safetensors::Tensor;
    use crate::nn::NetworkBuilder;
    use crate::{Activation::*, Adam, Event, History, Loss, Run, Trainer, generate};
    use checkpoint_file::{DIGEST, OWNER, digest_of_file};
    use std::ops::ControlFlow::{Break, Continue};

    fn builder() -> NetworkBuilder {
        Network::builder(2).dense(3, Relu).dense(2, Softmax)
    }

    fn fit(path: &Path, run: Run<'_>) -> Result<History> {
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(4).batch_size(10).early_stopping(3);
        let mut run = run.checkpoints(Checkpoints::new(path).resume());
        trainer.fit_with(&mut builder().build()?, &generate::moons(40, 0.2, 1), &mut run)
    }

    /// Someone may write a checkpoint by hand: the digest fits, the content does not.
    #[test]
    fn inconsistent_checkpoints_are_errors() {
        let path = std::env::temp_dir().join(format!("palmnet-contradiction-{}", std::process::id()));
        let stop = |event: Event<'_>| match event {
            Event::Batch { epoch: 3, batch: 2, .. } => Break(()),
            _ => Continue(()),
        };
        fit(&path, Run::default().observe(stop)).unwrap();
        let whole = Safetensors::read(&path).unwrap();
        let resume = |mut file: Safetensors| {
            file.metadata.insert(DIGEST.into(), digest_of_file(&file));
            // A new file: to shorten and fill one, some file systems wait for the disk.
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, file.to_bytes()).unwrap();
            fit(&path, Run::default())
        };
        resume(whole.clone()).unwrap();
        // No number causes a panic, and a text that is not a number is refused.
        for name in whole.metadata.keys().filter(|name| *name != DIGEST) {
            for value in ["", "0", "-1", "1", "3", "5", "1e9", "NaN", "inf", "-inf", "18446744073709551615", "x"] {
                let mut file = whole.clone();
                file.metadata.insert(name.clone(), value.into());
                let refused = resume(file).is_err();
                let known = whole.metadata[name] == value || !matches!(value, "x" | "");
                assert!(refused || known || ["palmnet", OWNER].contains(&&name[..]), "{name}: {value}");
            }
        }
        let with = |name: &str, value: &str| {
            let mut file = whole.clone();
            file.metadata.insert(name.into(), value.into());
            resume(file).unwrap_err().to_string()
        };
        // After ten steps, of four an epoch.
        assert_eq!([&whole.metadata["batch"], &whole.metadata["steps"]], ["2", "10"]);
        for (name, value) in [
            ("batch", "5"),
            ("batch", "1"),
            ("steps", "17"),
            ("steps", "9"),
            ("best epoch", "3"),
            ("learning rate", "-0.1"),
            ("learning rate", "inf"),
        ] {
            assert!(with(name, value).contains("inconsistent"), "{name}");
        }
        let message = with("setting: version of palmnet", "0.0.9");
        let now = env!("CARGO_PKG_VERSION");
        assert!(message.contains(&format!("version of palmnet was 0.0.9 and is {now}. ")), "{message}");
        // The remedy, where there is one: portable instructions are available in tests.
        let now = whole.metadata["setting: instruction set"].clone();
        if now != "portable" {
            let message = with("setting: instruction set", "portable");
            let part = format!("instruction set was portable and is {now} (set PALMNET_ISA=portable to resume). ");
            assert!(message.contains(&part), "{message}");
        }
        let lacking = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
        let message = with("setting: instruction set", lacking);
        let part = format!(
            "instruction set was {lacking} and is {now} (which is not in this processor, or not in this build)"
        );
        assert!(message.contains(&part), "{message}");
        assert!(with("starts done", "0").contains("starts"));
        assert!(with("layers", "dense(2,3) relu dense(3,2)").contains("inconsistent"));
        for tensor in 0..whole.tensors.len() {
            let name = &whole.tensors[tensor].name;
            for bad in [f32::NAN, f32::INFINITY] {
                let mut file = whole.clone();
                file.tensors[tensor].data[0] = bad;
                // Numbers of the history are not checked, and a moment may be infinite.
                let may_be = name == "history" || (name.starts_with("moments.") && bad.is_infinite());
                let refused = resume(file).is_err_and(|error| error.to_string().contains("the file is damaged"));
                assert!(refused || may_be, "{name}: {bad}");
            }
            let mut file = whole.clone();
            file.tensors.remove(tensor);
            assert!(resume(file).is_err(), "without {name}");
            let mut file = whole.clone();
            file.tensors[tensor].shape = vec![file.tensors[tensor].data.len(), 1];
            assert!(resume(file).is_err() || name.starts_with("moments."), "{name} in another shape");
            let mut file = whole.clone();
            file.tensors[tensor] = Tensor::new(name, &[0], Vec::new());
            assert!(resume(file).is_err(), "{name}, empty");
        }
        std::fs::remove_file(path).unwrap();
    }
}
