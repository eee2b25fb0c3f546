//! What is in a file's place before it is written or read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use palmnet::Error;

/// Finds out before hours of training that their result could not be saved in `file`, or would take the place of
/// something that is no model. `option` is what names the file, `inputs` are the files that are trained and tested on.
pub fn check_output(file: &str, option: &str, inputs: &[&str]) -> Result<(), Error> {
    let path = Path::new(file);
    let refuse = |message: &str| Err(Error::format(file, format!("{message} {option}")));
    let place = match fs::metadata(path) {
        Ok(found) if found.is_dir() => return refuse("is a folder: name a file with"),
        // A device or a pipe is written as it stands.
        Ok(found) if !found.is_file() => return Ok(()),
        Ok(found) => {
            let place = fs::canonicalize(path).map_err(|error| Error::io(path, error))?;
            if inputs.iter().any(|input| fs::canonicalize(input).is_ok_and(|input| input == place)) {
                return refuse("is the data: choose another");
            }
            if found.permissions().readonly() {
                return refuse("is read-only: change its permissions, or choose another");
            }
            if found.len() > 0 && !is_model(path) {
                return refuse("exists and is not a model: choose another");
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
        return refuse("is no name for a file: name one with");
    }
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return refuse("its folder is not there: create it, or choose another");
    }
    // Only an attempt tells, whatever the permissions say. The model, too, is written to a temporary file first.
    try_to_create(folder).or_else(|error| match error.kind() {
        ErrorKind::PermissionDenied => refuse("its folder may not be written: choose another"),
        _ => refuse(&format!("no file can be created in its folder ({error}): choose another")),
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
