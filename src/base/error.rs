//! The one error type: every variant names the place and says what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::history::History;

/// What went wrong, where, and what would help.
///
/// Its `Display` form is a sentence for the person who typed the command or called the library; so is its `Debug` form,
/// which is what a `main` that returns the error prints.
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A data file was read but a line of it cannot be used.
    Parse {
        /// The file, as the caller named it (`-` for standard input).
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The column's name or its number counted from 1, where one column is to blame.
        column: Option<String>,
        /// What was found, what was expected, and the remedy.
        message: String,
    },
    /// A file as a whole is not what it should be: a damaged model, the wrong kind of file.
    Format {
        /// The file, as the caller named it.
        file: String,
        /// What was found, what was expected, and the remedy.
        message: String,
    },
    /// Data and network, or two pieces of data, do not fit each other.
    Mismatch(String),
    /// A setting is outside what it may be.
    Setting(String),
    /// An observer stopped before there was a model: during the trials that tune hyperparameters.
    Stopped,
    /// The loss became infinite or NaN during training.
    Diverged {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The batch within the epoch, counted from 1.
        batch: usize,
        /// The likely causes and remedies.
        message: String,
        /// The epochs before; its [`best_epoch`](History::best_epoch) is the one whose weights the network has.
        history: History,
    },
}

impl Error {
    /// An [`Error::Io`] for `path`.
    pub fn io(path: impl AsRef<Path>, source: io::Error) -> Self {
        Error::Io { path: path.as_ref().to_path_buf(), source }
    }

    /// An [`Error::Format`] for `file`.
    pub fn format(file: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Format { file: file.into(), message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The system's own words are replaced, not those of whoever knew more.
            Error::Io { path, source } if source.get_ref().is_none() => match source.kind() {
                io::ErrorKind::NotFound => write!(f, "{}: there is no such file or folder", path.display()),
                io::ErrorKind::IsADirectory => {
                    write!(f, "{}: this is a folder, and a file is expected", path.display())
                }
                _ => write!(f, "{}: {source}", path.display()),
            },
            Error::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Error::Parse { file, line, column: Some(column), message } => {
                write!(f, "{file}, line {line}, column {column}: {message}")
            }
            Error::Parse { file, line, column: None, message } => write!(f, "{file}, line {line}: {message}"),
            Error::Format { file, message } => write!(f, "{file}: {message}"),
            Error::Mismatch(message) | Error::Setting(message) => f.write_str(message),
            Error::Stopped => f.write_str("stopped before there was a model"),
            Error::Diverged { epoch, batch, message, .. } => {
                write!(f, "training diverged in epoch {epoch}, batch {batch}: {message}")
            }
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
