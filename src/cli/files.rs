//! The files that a training writes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Failure;
use super::arguments::Arguments;
use super::options::{HISTORY, OUT};
use super::output::{Output, is_model, is_same};
use super::resume::CheckpointFile;

/// The first bytes of a table of epochs.
const HISTORY_START: &[u8; 17] = b"epoch,train_loss,";

/// The files that a training writes.
pub struct OutputFiles {
    pub model: String,
    pub history: Option<String>,
    pub checkpoint: Option<CheckpointFile>,
}

impl OutputFiles {
    /// Returns the output files, after checking that each can be written; `inputs` are the files of the data.
    pub fn parse(arguments: &Arguments, default: &str, inputs: &[&str]) -> Result<Self, Failure> {
        let model = arguments.text(OUT.name).unwrap_or(default).to_string();
        let history = arguments.text(HISTORY.name).map(str::to_string);
        if history.as_ref().is_some_and(|history| is_same(history, &model)) {
            return Err(arguments.misuse("--history: the model goes to that file"));
        }
        Output { option: OUT.name, noun: "model", may_replace: &|path| is_model(path) }.check(&model, inputs)?;
        if let Some(file) = &history {
            Output { option: HISTORY.name, noun: "history", may_replace: &is_history }.check(file, inputs)?;
        }
        let checkpoint = CheckpointFile::parse(arguments, &model, inputs)?;
        if let (Some(history), Some(checkpoint)) = (&history, &checkpoint)
            && is_same(history, &checkpoint.path)
        {
            return Err(arguments.misuse("--history: the checkpoint goes to that file"));
        }
        Ok(OutputFiles { model, history, checkpoint })
    }
}

fn is_history(path: &Path) -> bool {
    let mut start = [0; HISTORY_START.len()];
    File::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok()) && start == *HISTORY_START
}
