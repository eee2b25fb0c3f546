//! The one error type: every variant names the file, line or setting, and the remedy.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::history::History;
use super::nearest::{did_you_mean, nearest_file};

const NOT_FOUND: &str = "there is no such file or folder";

/// The error of every function of this crate: the file, line or setting, the cause, and the remedy.
///
/// The `Display` form is a sentence for the user of the library or the command. The `Debug` form is the same sentence,
/// because it is printed by a `main` that returns the error. To see the fields, match on the variants; to tell errors
/// apart in a program, use [`kind`](Self::kind):
///
/// ```
/// use palmnet::error::ErrorKind;
/// use palmnet::{Error, Model};
/// let error = Model::load("no-such-file.safetensors").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Io);
/// assert_eq!(error.to_string(), "no-such-file.safetensors: there is no such file or folder");
/// let Error::Io { source, .. } = error else { panic!("{error}") };
/// assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
/// ```
///
/// [`source`](std::error::Error::source) is always `None`: the sentence contains the operating system's message, so a
/// program that prints the chain of sources repeats nothing.
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[non_exhaustive]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A data file was read, and a line of it cannot be used.
    #[non_exhaustive]
    Parse {
        /// The file, as the caller named it (`-` for standard input).
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The column's name, or its number counted from 1, if one column is to blame.
        column: Option<String>,
        /// The text that was found, the one that was expected, and the remedy.
        message: String,
    },
    /// A file as a whole is not as it should be: a damaged model, the wrong kind of file.
    #[non_exhaustive]
    Format {
        /// The file, as the caller named it.
        file: String,
        /// The content that was found, the one that was expected, and the remedy.
        message: String,
    },
    /// Data and network, or two pieces of data, do not fit each other.
    Mismatch(String),
    /// A setting is outside its valid range, or a name is unknown.
    Setting(String),
    /// An observer stopped before there was a model: during the trials that tune hyperparameters.
    Stopped,
    /// The loss or a weight became infinite or NaN during training.
    Diverged(Box<Divergence>),
}

/// Where and why a training diverged.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Divergence {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The batch within the epoch, counted from 1.
    pub batch: usize,
    /// The likely causes and remedies.
    pub message: String,
    /// The epochs before; its [`best_epoch`](History::best_epoch) is the one whose weights the network has.
    pub history: History,
}

/// The kind of an [`Error`], for programs.
///
/// Its text form is the lower-case name: `io`, `parse`, `format`, `mismatch`, `setting`, `stopped` or `diverged`. Names
/// stay as they are in later versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// [`Error::Io`].
    Io,
    /// [`Error::Parse`].
    Parse,
    /// [`Error::Format`].
    Format,
    /// [`Error::Mismatch`].
    Mismatch,
    /// [`Error::Setting`].
    Setting,
    /// [`Error::Stopped`].
    Stopped,
    /// [`Error::Diverged`].
    Diverged,
}

impl ErrorKind {
    /// Returns the name: `io`, `parse`, `format`, `mismatch`, `setting`, `stopped` or `diverged`.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Io => "io",
            ErrorKind::Parse => "parse",
            ErrorKind::Format => "format",
            ErrorKind::Mismatch => "mismatch",
            ErrorKind::Setting => "setting",
            ErrorKind::Stopped => "stopped",
            ErrorKind::Diverged => "diverged",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Error {
    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Io { .. } => ErrorKind::Io,
            Error::Parse { .. } => ErrorKind::Parse,
            Error::Format { .. } => ErrorKind::Format,
            Error::Mismatch(_) => ErrorKind::Mismatch,
            Error::Setting(_) => ErrorKind::Setting,
            Error::Stopped => ErrorKind::Stopped,
            Error::Diverged(_) => ErrorKind::Diverged,
        }
    }

    /// Returns an [`Error::Io`] for `path`.
    #[doc(hidden)] // The command makes errors of its own.
    pub fn io(path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref();
        let meant = || nearest_file(path)?.to_str().map(did_you_mean);
        // A program in C tells its user of files in words of its own.
        let is_told = cfg!(not(feature = "c-api")) && source.kind() == io::ErrorKind::NotFound;
        let hint = if is_told { meant() } else { None };
        let source = match hint.filter(|_| source.get_ref().is_none()) {
            Some(hint) => io::Error::new(source.kind(), [NOT_FOUND, &hint].concat()),
            None => source,
        };
        Error::Io { path: path.to_path_buf(), source }
    }

    /// Returns an [`Error::Format`] for `file`.
    #[doc(hidden)] // The command makes errors of its own.
    pub fn format(file: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Format { file: file.into(), message: message.into() }
    }

    /// Returns an [`Error::Diverged`] for this batch of this epoch, both counted from 1.
    pub(crate) fn diverged(epoch: usize, batch: usize, message: String, history: History) -> Self {
        Error::Diverged(Box::new(Divergence { epoch, batch, message, history }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The system's own message is replaced, a more specific one is kept.
            Error::Io { path, source } if source.get_ref().is_none() => match source.kind() {
                _ if path.as_os_str().is_empty() => f.write_str("\"\": a file name is expected, and this one is empty"),
                io::ErrorKind::NotFound => write!(f, "{}: {NOT_FOUND}", path.display()),
                io::ErrorKind::IsADirectory => {
                    write!(f, "{}: this is a folder, and a file is expected", path.display())
                }
                io::ErrorKind::OutOfMemory => {
                    write!(
                        f,
                        "{}: it needs more memory than there is: end other programs, or use a smaller file",
                        path.display()
                    )
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
            Error::Diverged(divergence) => {
                let Divergence { epoch, batch, message, .. } = &**divergence;
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

impl std::error::Error for Error {}

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn kinds_have_stable_names() {
        let parse = |column| Error::Parse { file: "a.csv".into(), line: 3, column, message: "m".into() };
        for (error, name, text) in [
            (Error::io("a", io::Error::other("full")), "io", "a: full"),
            (Error::io("a", io::ErrorKind::NotFound.into()), "io", "a: there is no such file or folder"),
            (
                Error::io("a", io::ErrorKind::OutOfMemory.into()),
                "io",
                "a: it needs more memory than there is: end other programs, or use a smaller file",
            ),
            (parse(None), "parse", "a.csv, line 3: m"),
            (parse(Some("x".into())), "parse", "a.csv, line 3, column x: m"),
            (Error::format("a", "m"), "format", "a: m"),
            (Error::Mismatch("m".into()), "mismatch", "m"),
            (Error::Setting("m".into()), "setting", "m"),
            (
                Error::diverged(2, 5, "m".into(), History::default()),
                "diverged",
                "training diverged in epoch 2, batch 5: m",
            ),
        ] {
            assert_eq!((error.kind().as_str(), error.to_string()), (name, text.to_string()));
            assert_eq!((format!("{error:?}"), error.kind().to_string()), (text.to_string(), name.to_string()));
            assert!(error.source().is_none(), "{error}");
        }
    }

    /// Every function that can fail returns one.
    #[test]
    fn error_is_small() {
        assert!(size_of::<Error>() <= 80, "{}", size_of::<Error>());
    }
}
