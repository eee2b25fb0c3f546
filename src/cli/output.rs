//! Checks of an output file before hours of work: that it can be written, and that it replaces nothing else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use palmnet::Error;

/// A kind of file that is written.
pub struct Output<'a> {
    /// The option that names the file.
    pub option: &'a str,
    pub noun: &'a str,
    /// Whether a file that is there already may be replaced.
    pub may_replace: &'a dyn Fn(&Path) -> bool,
}

impl Output<'_> {
    /// Checks that `file` can be written, and that it replaces none of the `inputs` and no file of another kind.
    pub fn check(&self, file: &str, inputs: &[&str]) -> Result<(), Error> {
        let Output { option, noun, may_replace } = self;
        let path = Path::new(file);
        let refuse = |message: &str| Err(Error::format(if file.is_empty() { "\"\"" } else { file }, message));
        let target = match fs::metadata(path) {
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
                if found.len() > 0 && !may_replace(path) {
                    return refuse(&format!("exists and is not a {noun}: choose another {option}"));
                }
                target
            }
            // A symbolic link may point to a file that does not exist yet.
            Err(_) => match fs::read_link(path) {
                Ok(target) => path.parent().unwrap_or(Path::new("")).join(target),
                Err(_) => path.to_path_buf(),
            },
        };
        if target.file_name().is_none() {
            return refuse(&format!("is not a file name: name a file for the {noun} with {option}"));
        }
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return refuse(&format!("its folder does not exist: create it, or choose another {option}"));
        }
        // Permissions are not reliable, only an attempt is. The model is written to a temporary file first, too.
        try_to_create(folder).or_else(|error| match error.kind() {
            ErrorKind::PermissionDenied => {
                refuse(&format!("its folder cannot be written (permission denied): choose another {option}"))
            }
            _ => refuse(&format!("no file can be created in its folder ({error}): choose another {option}")),
        })
    }
}

/// Returns whether two names are of the same file, which need not exist yet.
pub fn is_same(a: &str, b: &str) -> bool {
    let resolved = |file: &str| {
        let path = Path::new(file);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let named = || Some(fs::canonicalize(folder).ok()?.join(path.file_name()?));
        fs::canonicalize(path).ok().or_else(named).unwrap_or_else(|| path.to_path_buf())
    };
    resolved(a) == resolved(b)
}

fn try_to_create(folder: &Path) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let path: PathBuf = folder.join(format!(".palmnet-{}-{}.tmp", process::id(), now.as_nanos()));
    OpenOptions::new().write(true).create_new(true).open(&path)?;
    fs::remove_file(path)
}

/// Returns whether a file starts as safetensors files do: the length of the header in eight bytes, then its opening
/// brace.
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
