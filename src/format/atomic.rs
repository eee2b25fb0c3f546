//! Replacing a file whole or not at all.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::base::error::{Error, Result};

/// Writes `bytes` to the file `path`, which is replaced whole or, on an error, left as it was.
///
/// The bytes go to a temporary file in the same folder, are flushed to disk and read back, and the temporary file
/// replaces the old one. It gets the permissions of the old file, without set-user-ID and set-group-ID, and its owner
/// and group, where the process may give files away. If `path` is a symbolic link, the file that it points to is
/// replaced. A device or a named pipe, such as `/dev/stdout`, cannot be replaced and is written directly.
///
/// # Errors
/// If the folder does not exist or may not be written, `path` is a folder or read-only, symbolic links lead in a circle,
/// the disk is full, or it does not give back the bytes that were written.
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    replace(path.as_ref(), bytes, false).map(drop)
}

/// Writes as [`write_atomic`] does; with `is_new`, fails with [`ErrorKind::AlreadyExists`] if there is a file. Returns
/// the new file, which nobody else can lock while it is open; `None` where that is impossible.
pub(crate) fn replace(path: &Path, bytes: &[u8], is_new: bool) -> Result<Option<File>> {
    write(path, bytes, is_new).map_err(|source| Error::io(path, explain(source)))
}

/// Checks that [`write_atomic`] could write `path`, by an attempt in its folder. Removes the temporary files that killed
/// processes have left there.
///
/// # Errors
/// Those of [`write_atomic`], as far as they can be foreseen.
pub fn check_writable(path: &Path) -> Result<()> {
    let attempt = || -> io::Result<()> {
        let Some(target) = Target::of(path)? else { return Ok(()) };
        let folder = target.folder()?;
        remove_leftovers(folder);
        let (_file, temporary) = create_temporary(folder)?;
        fs::remove_file(temporary)
    };
    attempt().map_err(|source| Error::io(path, explain(source)))
}

/// Returns the file that `path` leads to, whether it exists or not.
///
/// # Errors
/// If symbolic links lead in a circle.
pub fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut file = path.to_path_buf();
    for _ in 0..40 {
        match fs::read_link(&file) {
            Ok(target) => file = file.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(file),
        }
    }
    Err(io::Error::other("symbolic links lead in a circle: choose another file"))
}

/// A file that is to be replaced.
struct Target {
    path: PathBuf,
    /// The file that is there already.
    old: Option<Metadata>,
}

impl Target {
    /// Returns the file that `path` leads to; `None` if it is not a regular file and must be written directly.
    fn of(path: &Path) -> io::Result<Option<Target>> {
        let path = follow_links(path)?;
        let old = match fs::metadata(&path) {
            Ok(old) if old.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(old) if !old.is_file() => return Ok(None),
            Ok(old) if old.permissions().readonly() => return Err(ErrorKind::PermissionDenied.into()),
            Ok(old) => Some(old),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // `name/` can only be a folder.
        if path.as_os_str().as_encoded_bytes().last().is_some_and(|&byte| std::path::is_separator(byte.into())) {
            return Err(ErrorKind::IsADirectory.into());
        }
        Ok(Some(Target { path, old }))
    }

    fn folder(&self) -> io::Result<&Path> {
        match self.path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Ok(Path::new(".")),
            Some(folder) => Ok(folder),
            None => Err(ErrorKind::InvalidFilename.into()),
        }
    }
}

fn write(path: &Path, bytes: &[u8], is_new: bool) -> io::Result<Option<File>> {
    let Some(target) = Target::of(path)? else {
        OpenOptions::new().write(true).open(path)?.write_all(bytes)?;
        return Ok(None);
    };
    let folder = target.folder()?;
    let (mut file, temporary) = create_temporary(folder)?;
    let written = (|| {
        // Before the content: a private file must not be readable by others for a moment.
        if let Some(old) = &target.old {
            keep_owner_and_permissions(&file, old)?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        read_back(&mut file, bytes)?;
        // On Windows, nobody could read a file that is locked.
        let file = (!cfg!(windows)).then_some(file);
        match is_new {
            true => place(&temporary, &target.path)?,
            false => fs::rename(&temporary, &target.path)?,
        }
        Ok(file)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    } else if let Ok(folder) = File::open(folder) {
        // The new name reaches the disk too, on systems where a folder can be flushed.
        let _ = folder.sync_all();
    }
    written
}

/// Gives the temporary file its name, unless there is such a file.
fn place(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        Ok(()) => fs::remove_file(temporary),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        // Android and some file systems have no such links. A kill between these lines leaves an empty file.
        Err(_) => {
            OpenOptions::new().write(true).create_new(true).open(path)?;
            fs::rename(temporary, path)
        }
    }
}

fn read_back(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.rewind()?;
    let mut found = vec![0; bytes.len().clamp(1, 1 << 16)];
    for part in bytes.chunks(found.len()) {
        file.read_exact(&mut found[..part.len()])?;
        if found[..part.len()] != *part {
            return Err(io::Error::other("the disk gives back other bytes than were written: choose another disk"));
        }
    }
    match file.read(&mut found)? {
        0 => Ok(()),
        _ => Err(io::Error::other("the disk gives back more bytes than were written: choose another disk")),
    }
}

/// Gives a new file the permissions of the old one and, as far as this process may, its owner and group.
#[cfg(unix)]
fn keep_owner_and_permissions(file: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let new = file.metadata()?;
    // A program that runs as its owner must not become one that runs as somebody else.
    let mut mode = old.mode() & 0o777;
    if new.gid() != old.gid() && fchown(file, None, Some(old.gid())).is_err() {
        // Another group gets no more than everybody.
        mode = (mode & !0o070) | ((mode & 0o007) << 3);
    }
    if new.uid() != old.uid() {
        let _ = fchown(file, Some(old.uid()), None);
    }
    match new.mode() & 0o7777 == mode {
        true => Ok(()),
        false => file.set_permissions(fs::Permissions::from_mode(mode)),
    }
}

#[cfg(not(unix))]
fn keep_owner_and_permissions(file: &File, old: &Metadata) -> io::Result<()> {
    match file.metadata().is_ok_and(|new| new.permissions() != old.permissions()) {
        true => file.set_permissions(old.permissions()),
        false => Ok(()),
    }
}

/// Creates a file that is locked while it is open, so that [`remove_leftovers`] knows that its process lives.
fn create_temporary(folder: &Path) -> io::Result<(File, PathBuf)> {
    // A counter, because threads share the process's number; a next try, because a killed process may have left a file.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{PREFIX}{}-{count}{SUFFIX}", process::id()));
        let file = match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            file => file?,
        };
        // Another process may have taken it for a leftover before it was locked.
        if !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && path.exists() {
            return Ok((file, path));
        }
    }
}

/// The names of temporary files: these and, between them, the numbers of the process and of the file.
const PREFIX: &str = ".palmnet-";
const SUFFIX: &str = ".tmp";

/// Removes the temporary files that killed processes have left in a folder.
fn remove_leftovers(folder: &Path) {
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = file.file_name();
        let middle = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
        let Some((process, _)) = middle.and_then(|middle| middle.split_once('-')) else { continue };
        if process.parse::<u32>().is_err() || !file.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let Ok(opened) = File::open(file.path()) else { continue };
        let is_left = match opened.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            // Android has no locks in the standard library of Rust before 1.98, but the list of processes.
            Err(TryLockError::Error(_)) => {
                Path::new("/proc/self").exists() && !Path::new("/proc").join(process).exists()
            }
        };
        if is_left {
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
        ErrorKind::FileTooLarge => {
            "the file is larger than this disk or the limit of the process allows: choose another disk, or change the \
             limit"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full: free some space, or choose another disk"
        }
        _ => return source,
    };
    io::Error::new(source.kind(), words)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that keeps other bytes than it was given cannot be had: a file that holds them stands for it.
    #[test]
    fn other_bytes_than_were_written_are_found() {
        let path = std::env::temp_dir().join(format!("palmnet-read-back-{}", process::id()));
        // More than is compared at once.
        let bytes: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
        let read_back = |on_disk: &[u8]| {
            fs::write(&path, on_disk).unwrap();
            read_back(&mut File::open(&path).unwrap(), &bytes).map_err(|error| error.to_string())
        };
        assert_eq!(read_back(&bytes), Ok(()));
        for index in [0, 65_535, 65_536, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert!(read_back(&changed).unwrap_err().contains("other bytes"), "{index}");
        }
        assert!(read_back(&[&bytes[..], &[0]].concat()).unwrap_err().contains("more bytes"));
        assert!(read_back(&bytes[..bytes.len() - 1]).is_err());
        fs::remove_file(path).unwrap();
    }
}
