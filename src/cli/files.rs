//! What is in a file's place before it is written or read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use palmnet::Error;

/// Finds out before hours of training that their result could not be saved in `file`, or would take the place of
/// something that is no model. `inputs` are the files that are trained and tested on.
pub fn check_output(file: &str, inputs: &[&str]) -> Result<(), Error> {
    check_place(file, inputs, ("--out", "model"), |path| is_model(path))
}

/// The same for the state of a training.
pub fn check_checkpoint(file: &str, inputs: &[&str]) -> Result<(), Error> {
    // It is removed in the end, which is nothing to do to a device.
    if fs::metadata(file).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Err(Error::format(file, "is no file: name one for the checkpoint with --checkpoint"));
    }
    check_place(file, inputs, ("--checkpoint", "checkpoint"), |path| is_model(path))
}

/// Whether two names are of the same file, which need not be there yet.
pub fn same(a: &str, b: &str) -> bool {
    let place = |file: &str| {
        let path = Path::new(file);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let named = || Some(fs::canonicalize(folder).ok()?.join(path.file_name()?));
        fs::canonicalize(path).ok().or_else(named).unwrap_or_else(|| path.to_path_buf())
    };
    place(a) == place(b)
}

/// The same for the record of a training.
pub fn check_history(file: &str, inputs: &[&str]) -> Result<(), Error> {
    let is_history = |path: &Path| {
        let mut start = [0; HISTORY.len()];
        File::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok()) && start == *HISTORY
    };
    check_place(file, inputs, ("--history", "history"), is_history)
}

/// How the record of a training begins.
const HISTORY: &[u8; 17] = b"epoch,train_loss,";

/// `option` names the place of `what`, and `replaceable` says whether a file there is one.
fn check_place(
    file: &str,
    inputs: &[&str],
    (option, what): (&str, &str),
    replaceable: impl Fn(&Path) -> bool,
) -> Result<(), Error> {
    let path = Path::new(file);
    let refuse = |message: &str| Err(Error::format(if file.is_empty() { "\"\"" } else { file }, message));
    let place = match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return refuse(&format!("is a folder: name a file for the {what} with {option}"));
        }
        // A device or a pipe is written as it stands.
        Ok(found) if !found.is_file() => return Ok(()),
        Ok(found) => {
            let place = fs::canonicalize(path).map_err(|error| Error::io(path, error))?;
            if inputs.iter().any(|input| fs::canonicalize(input).is_ok_and(|input| input == place)) {
                return refuse(&format!("is the data: choose another {option}"));
            }
            if found.permissions().readonly() {
                return refuse(&format!("is read-only: change its permissions, or choose another {option}"));
            }
            if found.len() > 0 && !replaceable(path) {
                return refuse(&format!("exists and is not a {what}: choose another {option}"));
            }
            place
        }
        // A symbolic link may lead to where no file is yet.
        Err(_) => match fs::read_link(path) {
            Ok(target) => path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => path.to_path_buf(),
        },
    };
    if place.file_name().is_none() {
        return refuse(&format!("is no name for a file: name one for the {what} with {option}"));
    }
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return refuse(&format!("its folder is not there: create it, or choose another {option}"));
    }
    // Only an attempt tells, whatever the permissions say. The model, too, is written to a temporary file first.
    try_to_create(folder).or_else(|error| match error.kind() {
        ErrorKind::PermissionDenied => refuse(&format!("its folder may not be written: choose another {option}")),
        _ => refuse(&format!("no file can be created in its folder ({error}): choose another {option}")),
    })
}

fn try_to_create(folder: &Path) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let path: PathBuf = folder.join(format!(".palmnet-{}-{}.tmp", process::id(), now.as_nanos()));
    OpenOptions::new().write(true).create_new(true).open(&path)?;
    fs::remove_file(path)
}

/// Whether a file starts as safetensors files do: the length of the header in eight bytes, then its opening brace.
pub fn is_model(path: impl AsRef<Path>) -> bool {
    let starts = || -> io::Result<bool> {
        let path = path.as_ref();
        let length = fs::metadata(path)?;
        let mut start = [0; 9];
        if !length.is_file() {
            return Ok(false);
        }
        File::open(path)?.read_exact(&mut start)?;
        let [header @ .., brace] = start;
        Ok(brace == b'{' && u64::from_le_bytes(header) <= length.len() - 8)
    };
    starts().unwrap_or(false)
}
