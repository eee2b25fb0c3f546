//! Devices that are no files: `/dev/zero` would be read until the memory is full.

use std::path::Path;

#[cfg(unix)]
use crate::base::error::Error;
use crate::base::error::Result;

/// Refuses a device as a table. A terminal has an end, and so has `/dev/null`.
#[cfg(unix)]
pub(super) fn refuse_endless(path: &Path) -> Result<()> {
    use std::fs::{self, File};
    use std::io::IsTerminal;
    use std::os::unix::fs::FileTypeExt;

    let file = if path == Path::new("-") { Path::new("/dev/stdin") } else { path };
    let is_device = fs::metadata(file).is_ok_and(|found| found.file_type().is_char_device());
    let ends = || {
        fs::canonicalize(file).is_ok_and(|path| path == Path::new("/dev/null"))
            || File::open(file).is_ok_and(|device| device.is_terminal())
    };
    if is_device && !ends() {
        let message = "is a device, which may never end: name a file or a pipe";
        return Err(Error::format(path.display().to_string(), message));
    }
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn refuse_endless(_: &Path) -> Result<()> {
    Ok(())
}
