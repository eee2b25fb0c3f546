//! The files that a training writes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use palmnet::Error;
use palmnet::unversioned::FileKind;

use super::Failure;
use super::arguments::Arguments;
use super::options::{HISTORY, OUT};
use super::output::{Output, check_name, is_same};
use super::pictures::Pictures;
use super::resume::CheckpointFile;

/// The first bytes of a table of epochs.
const HISTORY_START: &[u8; 17] = b"epoch,train_loss,";

/// The files that a training writes.
pub struct OutputFiles {
    pub model: String,
    pub history: Option<String>,
    pub checkpoint: Option<CheckpointFile>,
    pub pictures: Pictures,
}

impl OutputFiles {
    /// Returns the output files, after checking that each can be written, and claims the checkpoint; `inputs` are the files of the data.
    pub fn parse(arguments: &Arguments, default: &str, inputs: &[&str]) -> Result<Self, Failure> {
        let model = arguments.text(OUT.name).unwrap_or(default).to_string();
        let history = arguments.text(HISTORY.name).map(str::to_string);
        check_name(arguments, OUT.name, &model)?;
        check_name(arguments, HISTORY.name, history.as_deref().unwrap_or_default())?;
        if history.as_ref().is_some_and(|history| is_same(history, &model)) {
            return Err(arguments.misuse("--history: the model goes to that file"));
        }
        let may_replace = &|path: &Path| Ok(FileKind::of(path)? == FileKind::Model);
        Output { option: OUT.name, noun: "model", may_replace }.check(&model, inputs)?;
        if let Some(file) = &history {
            Output { option: HISTORY.name, noun: "history", may_replace: &is_history }.check(file, inputs)?;
        }
        let mut checkpoint = CheckpointFile::parse(arguments, &model, inputs)?;
        if let Some(checkpoint) = &mut checkpoint {
            if history.as_ref().is_some_and(|history| is_same(history, &checkpoint.path)) {
                return Err(arguments.misuse("--history: the checkpoint goes to that file"));
            }
            checkpoint.claim()?;
        }
        let written = [Some(&model), history.as_ref(), checkpoint.as_ref().map(|checkpoint| &checkpoint.path)];
        let others: Vec<&str> =
            written.into_iter().flatten().map(String::as_str).chain(inputs.iter().copied()).collect();
        let pictures = Pictures::parse(arguments, &others)?;
        Ok(OutputFiles { model, history, checkpoint, pictures })
    }
}

fn is_history(path: &Path) -> palmnet::Result<bool> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    file.take(HISTORY_START.len() as u64).read_to_end(&mut start).map_err(|error| Error::io(path, error))?;
    Ok(start == HISTORY_START)
}
