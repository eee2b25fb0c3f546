//! The files that a training writes.

use std::path::Path;

use palmnet::unversioned::FileKind;

use super::Failure;
use super::arguments::Arguments;
use super::options::{HISTORY, OUT};
use super::output::{Output, begins_with, check_name, is_same};
use super::pictures::{Pictures, report_file};
use super::resume::CheckpointFile;

/// The first bytes of a table of epochs.
const HISTORY_START: &[u8] = b"epoch,train_loss,";

/// The files that a training writes.
pub struct OutputFiles {
    pub model: String,
    pub history: Option<String>,
    pub checkpoint: Option<CheckpointFile>,
    pub pictures: Pictures,
    pub report: Option<String>,
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
            Output { option: HISTORY.name, noun: "history", may_replace: &|path| begins_with(path, HISTORY_START) }
                .check(file, inputs)?;
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
        let others: Vec<&str> = others.into_iter().chain(pictures.file.as_deref()).collect();
        let report = report_file(arguments, &others)?;
        Ok(OutputFiles { model, history, checkpoint, pictures, report })
    }

    /// Returns the files that a training writes for people to use.
    pub fn written(&self) -> impl Iterator<Item = &String> {
        let files = [Some(&self.model), self.history.as_ref(), self.pictures.file.as_ref(), self.report.as_ref()];
        files.into_iter().flatten()
    }
}
