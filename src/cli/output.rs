//! Checks of an output file before hours of work: that it can be written, and that it replaces nothing else.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use palmnet::Error;
use palmnet::unversioned::{FileKind, check_writable, follow_links};

use super::Failure;
use super::arguments::Arguments;

/// A kind of file that is written.
pub struct Output<'a> {
    /// The option that names the file.
    pub option: &'a str,
    pub noun: &'a str,
    /// Whether a file that is there already may be replaced, if it can be read.
    pub may_replace: &'a dyn Fn(&Path) -> palmnet::Result<bool>,
}

impl Output<'_> {
    /// Checks that `file` can be written, and that it replaces none of the `inputs` and no file of another kind.
    pub fn check(&self, file: &str, inputs: &[&str]) -> Result<(), Error> {
        let Output { option, noun, .. } = self;
        let path = Path::new(file);
        let refuse = |message: &str| Err(Error::format(if file.is_empty() { "\"\"" } else { file }, message));
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                return refuse(&format!("is a folder: name a file for the {noun} with {option}"));
            }
            // A device or a pipe is written directly.
            Ok(found) if !found.is_file() => return Ok(()),
            Ok(found) => {
                let target = fs::canonicalize(path).map_err(|error| Error::io(path, error))?;
                if inputs.iter().any(|input| fs::canonicalize(input).is_ok_and(|input| input == target)) {
                    return refuse(&format!("is the data: choose another {option}"));
                }
                if found.permissions().readonly() {
                    return refuse(&format!("is read-only: change its permissions, or choose another {option}"));
                }
                self.check_kind(path, found.len())?;
            }
            Err(_) => {}
        }
        let target = follow_links(path).map_err(|error| Error::io(path, error))?;
        if target.file_name().is_none() {
            return refuse(&format!("is not a file name: name a file for the {noun} with {option}"));
        }
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return refuse(&format!("its folder does not exist: create it, or choose another {option}"));
        }
        // Permissions are not reliable, only an attempt is. The model is written to a temporary file first, too.
        check_writable(path).or_else(|error| match error {
            Error::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                refuse(&format!("its folder cannot be written (permission denied): choose another {option}"))
            }
            // The error says everything.
            Error::Io { ref source, .. }
                if matches!(source.kind(), ErrorKind::IsADirectory | ErrorKind::InvalidFilename) =>
            {
                Err(error)
            }
            Error::Io { source, .. } => {
                refuse(&format!("no file can be created in its folder ({source}): choose another {option}"))
            }
            error => Err(error),
        })
    }

    /// Refuses to replace a file of another kind.
    fn check_kind(&self, path: &Path, length: u64) -> Result<(), Error> {
        let Output { option, noun, may_replace } = self;
        if length == 0 {
            return Ok(());
        }
        let message = match may_replace(path) {
            Ok(true) => return Ok(()),
            Ok(false) if matches!(FileKind::of(path), Ok(FileKind::Checkpoint)) => {
                format!("is the checkpoint of a training that did not end: choose another {option}")
            }
            Ok(false) => format!("exists and is not a {noun}: choose another {option}"),
            Err(error) => {
                let error = match error {
                    Error::Io { source, .. } => source.to_string(),
                    error => error.to_string(),
                };
                format!(
                    "exists and cannot be read, to see that it is a {noun} ({error}): change its permissions, or choose another {option}"
                )
            }
        };
        Err(Error::format(path.display().to_string(), message))
    }
}

/// Refuses `-`, which stands for standard output elsewhere.
pub fn check_name(arguments: &Arguments, option: &str, file: &str) -> Result<(), Failure> {
    if file != "-" {
        return Ok(());
    }
    Err(arguments.misuse(&format!("{option} -: results go to standard output, so name a file (./- if it is named -)")))
}

/// Returns whether two names are of the same file, which need not exist yet.
pub fn is_same(a: &str, b: &str) -> bool {
    let resolved = |file: &str| {
        let path = follow_links(Path::new(file)).unwrap_or_else(|_| PathBuf::from(file));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let named = || Some(fs::canonicalize(folder).ok()?.join(path.file_name()?));
        fs::canonicalize(&path).ok().or_else(named).unwrap_or_else(|| path.clone())
    };
    resolved(a) == resolved(b)
}

/// Returns whether a file begins with these bytes.
pub fn begins_with(path: &Path, expected: &[u8]) -> palmnet::Result<bool> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    file.take(expected.len() as u64).read_to_end(&mut start).map_err(|error| Error::io(path, error))?;
    Ok(start == expected)
}

/// Returns whether a file holds a model.
pub fn is_model(path: impl AsRef<Path>) -> bool {
    path.as_ref().is_file() && matches!(FileKind::of(path), Ok(FileKind::Model))
}
