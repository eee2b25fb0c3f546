//! The pictures of a result, on a terminal as text and in the file of `--plot`, and the file of `--report`.

use std::io::{IsTerminal, stdout};
use std::path::Path;

use palmnet::plot::{self, Picture};
use palmnet::unversioned::{PICTURE_START, REPORT_START};

use super::Failure;
use super::arguments::Arguments;
use super::options::{JSON, PLOT, QUIET, REPORT};
use super::output::{Output, begins_with, check_name, is_same};
use super::terminal::picture_style;

/// Where pictures go.
pub struct Pictures {
    pub file: Option<String>,
    is_printed: bool,
}

impl Pictures {
    /// Reads `--plot`, and checks that the file can be written and is none of the `others`, which are the data or are
    /// written too.
    pub fn parse(arguments: &Arguments, others: &[&str]) -> Result<Self, Failure> {
        let wanted = arguments.text(PLOT.name);
        let to_output = wanted == Some("-");
        if to_output && arguments.has(JSON.name) {
            return Err(arguments.misuse("--plot -: with --json, standard output is JSON alone: name a file"));
        }
        let file = wanted.filter(|_| !to_output).map(str::to_string);
        if let Some(file) = &file {
            check_file(arguments, PLOT.name, file, "svg", others)?;
            Output {
                option: PLOT.name,
                noun: "picture",
                may_replace: &|path| begins_with(path, PICTURE_START.as_bytes()),
            }
            .check(file, others)?;
        }
        let is_silent = arguments.has(JSON.name) || arguments.has(QUIET.name);
        Ok(Pictures { file, is_printed: to_output || (stdout().is_terminal() && !is_silent) })
    }

    /// Returns the same, but printed also where standard output is no terminal.
    pub fn printed(self, is_printed: bool) -> Self {
        Pictures { is_printed: self.is_printed || is_printed, ..self }
    }

    /// Returns whether any are wanted.
    pub fn are_wanted(&self) -> bool {
        self.file.is_some() || self.is_printed
    }

    /// Returns the pictures as text for standard output, if they are printed there, and writes the file.
    pub fn show(&self, pictures: &[Picture]) -> palmnet::Result<String> {
        if let Some(file) = &self.file {
            plot::save(file, pictures)?;
        }
        let style = picture_style();
        let shown = pictures.iter().filter(|_| self.is_printed);
        Ok(shown.map(|picture| format!("\n{}", picture.to_text(&style))).collect())
    }
}

/// Reads `--report`, and checks that the file can be written and is none of the `others`.
pub fn report_file(arguments: &Arguments, others: &[&str]) -> Result<Option<String>, Failure> {
    let Some(file) = arguments.text(REPORT.name) else { return Ok(None) };
    check_name(arguments, REPORT.name, file)?;
    check_file(arguments, REPORT.name, file, "html", others)?;
    let may_replace = &|path: &Path| begins_with(path, REPORT_START.as_bytes());
    Output { option: REPORT.name, noun: "report", may_replace }.check(file, others)?;
    Ok(Some(file.to_string()))
}

/// Refuses the ending of another format, by which the file could not be opened, and a file that is one of the `others`.
fn check_file(arguments: &Arguments, option: &str, file: &str, expected: &str, others: &[&str]) -> Result<(), Failure> {
    let ending = Path::new(file).extension().unwrap_or_default();
    let fault = if others.iter().any(|other| is_same(other, file)) {
        "it is the data, or another output: name another file".to_string()
    } else if ending.is_empty() || ending.eq_ignore_ascii_case(expected) || (expected == "html" && ending == "htm") {
        return Ok(());
    } else {
        format!("the format is {expected}: name a file that ends in .{expected}")
    };
    Err(arguments.misuse(&format!("{option} {file}: {fault}")))
}
