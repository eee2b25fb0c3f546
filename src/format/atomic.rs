//! Replacing a file whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::base::error::{Error, Result};

/// Writes `bytes` to the file `path`, which is replaced whole or, on an error, left as it was.
///
/// The bytes go to a temporary file in the same folder, are flushed to disk, and the temporary file replaces the old
/// one, whose permissions it gets. If `path` is a symbolic link, the file that it points to is replaced. A device or a
/// named pipe, such as `/dev/stdout`, cannot be replaced and is written directly.
///
/// # Errors
/// If the folder does not exist or may not be written, `path` is a folder or read-only, or the disk is full.
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    replace(path, bytes).map_err(|source| Error::io(path, explain(source)))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let old = match fs::metadata(path) {
        Ok(old) if old.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        Ok(old) if !old.is_file() => return OpenOptions::new().write(true).open(path)?.write_all(bytes),
        Ok(old) if old.permissions().readonly() => return Err(ErrorKind::PermissionDenied.into()),
        old => old.ok().map(|old| old.permissions()),
    };
    let path = follow_links(path)?;
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return Err(ErrorKind::InvalidFilename.into()),
    };
    let (mut file, temporary) = create_temporary(folder)?;
    let written = (|| {
        // Before the content: a private file must not be readable by others for a moment.
        if let Some(old) = old.filter(|old| file.metadata().is_ok_and(|new| new.permissions() != *old)) {
            file.set_permissions(old)?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary, &path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    } else if let Ok(folder) = File::open(folder) {
        // The new name reaches the disk too, on systems where a folder can be flushed.
        let _ = folder.sync_all();
    }
    written
}

/// Returns the file that `path` leads to, whether it exists or not.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut file = path.to_path_buf();
    for _ in 0..40 {
        match fs::read_link(&file) {
            Ok(target) => file = file.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(file),
        }
    }
    fs::canonicalize(path)
}

fn create_temporary(folder: &Path) -> io::Result<(File, PathBuf)> {
    // A counter, because threads share the process's number; a next try, because a killed process may have left a file.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".palmnet-{}-{count}.tmp", process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (file, path)),
        }
    }
}

/// Removes the temporary files that killed processes have left in the folder of `path`: those that nobody has written
/// to for an hour.
pub(crate) fn remove_leftovers(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = file.file_name();
        let name = name.to_str().unwrap_or_default();
        let modified = file.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|time| time.elapsed().ok()).unwrap_or_default();
        if name.starts_with(".palmnet-") && name.ends_with(".tmp") && age > Duration::from_secs(3600) {
            let _ = fs::remove_file(file.path());
        }
    }
}

/// Returns the error with the remedy in plain words.
fn explain(source: io::Error) -> io::Error {
    let words = match source.kind() {
        ErrorKind::NotFound => "the folder does not exist: create it, or choose another folder",
        ErrorKind::PermissionDenied => {
            "no permission to write: change the permissions of the file or folder, or choose another folder"
        }
        ErrorKind::ReadOnlyFilesystem => "this disk is read-only: choose another folder",
        ErrorKind::IsADirectory => "this is a folder: give the name of a file in it",
        ErrorKind::NotADirectory => "a part of this path is a file, not a folder: choose another folder",
        ErrorKind::InvalidFilename => "this cannot be a file's name: choose another, shorter name",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full: free some space, or choose another disk"
        }
        _ => return source,
    };
    io::Error::new(source.kind(), words)
}
