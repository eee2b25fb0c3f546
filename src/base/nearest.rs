//! The name that was meant by a misspelled one.

use std::fs;
use std::path::{Path, PathBuf};

use super::text::quoted;

/// Returns the known name that a misspelled one resembles most, if it resembles one.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    // Two edits turn any word of three letters into another one.
    nearest_within(name, known, name.chars().count() / 2)
}

/// Returns ` (did you mean NAME?)` with the known name that is nearest to a misspelled one, or nothing.
pub(crate) fn hint<S: AsRef<str>>(name: &str, known: &[S]) -> String {
    let known: Vec<&str> = known.iter().map(S::as_ref).collect();
    nearest(name, &known).map_or(String::new(), did_you_mean)
}

/// Returns ` (did you mean NAME?)`.
pub(crate) fn did_you_mean(name: &str) -> String {
    [" (did you mean ", &quoted(name), "?)"].concat()
}

/// Returns the file or folder that was meant by a path of which nothing is there, if its name resembles that of one in
/// the same folder. The folder's name may be misspelled instead.
pub(crate) fn nearest_file(path: &Path) -> Option<PathBuf> {
    /// A folder with more entries would take long to look through.
    const ENTRIES: usize = 10_000;
    let (name, folder) = (path.file_name()?.to_str()?, path.parent()?);
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(here) else {
        let meant = nearest_file(folder)?.join(name);
        return meant.exists().then_some(meant);
    };
    let entries = entries.take(ENTRIES).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let entries: Vec<String> = entries.filter(|entry| entry != name).collect();
    let known: Vec<&str> = entries.iter().map(String::as_str).collect();
    // The ending says little about which file it is.
    let stem = path.file_stem()?.to_str()?.chars().count();
    Some(folder.join(nearest_within(name, &known, stem / 2)?))
}

/// Returns the nearest name that so many edits, and at most two, turn into `name`.
fn nearest_within<'a>(name: &str, known: &[&'a str], most: usize) -> Option<&'a str> {
    /// Longer names are texts in the wrong place, and would take long to compare.
    const LONGEST: usize = 100;
    let (lower, length, most) = (name.to_ascii_lowercase(), name.chars().count(), most.min(2));
    // Every letter too many is an edit.
    let may_be = |known: &&&str| length <= LONGEST && known.chars().count().abs_diff(length) <= most;
    let edits = |known: &str| distance(&lower, &known.to_ascii_lowercase());
    let (edits, nearest) = known.iter().filter(may_be).map(|&known| (edits(known), known)).min()?;
    (edits <= most).then_some(nearest)
}

/// Returns the number of letters to insert, remove or replace to get from one word to the other (Levenshtein, 1965).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let edits = (diagonal + usize::from(a != b)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], edits);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_is_found() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(nearest("--epoch", &["--lr", "--epochs"]), Some("--epochs"));
        assert_eq!(nearest("Species", &["size", "species"]), Some("species"));
        assert_eq!(nearest("x", &["y", "z"]), None);
        assert_eq!(nearest("--zzzzzz", &["--lr", "--epochs"]), None);
        assert_eq!(nearest("x", &[]), None);
        assert_eq!(nearest("a", &["bb", "A"]), Some("A"));
        assert_eq!(nearest("épocss", &["époc", "époque"]), Some("époc"));
        let long = "a".repeat(101);
        assert_eq!(nearest(&long[..100], &[&long]), Some(&*long));
        assert_eq!(nearest(&long, &[&long[..100]]), None);
        assert_eq!(hint("Species", &["size", "species"]), " (did you mean `species`?)");
        assert_eq!(hint("x", &["y", "z"]), "");
    }

    #[test]
    fn nearest_file_is_found() {
        let folder = std::env::temp_dir().join(format!("palmnet-nearest-{}", std::process::id()));
        fs::create_dir_all(folder.join("data")).unwrap();
        for name in ["iris.csv", "a.csv", "data/notes.csv"] {
            fs::write(folder.join(name), "").unwrap();
        }
        for (name, expected) in [
            ("irsi.csv", Some("iris.csv")),
            ("Iris.CSV", Some("iris.csv")),
            ("iris.cvs", Some("iris.csv")),
            ("iris", None),
            ("b.csv", None),
            ("dta", Some("data")),
            ("dta/notes.csv", Some("data/notes.csv")),
            ("data/note.csv", Some("data/notes.csv")),
            ("dta/note.csv", None),
            ("else/notes.csv", None),
        ] {
            assert_eq!(nearest_file(&folder.join(name)), expected.map(|name| folder.join(name)), "{name}");
        }
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(nearest_file(Path::new("")), None);
        assert_eq!(nearest_file(Path::new("/")), None);
        assert_eq!(nearest_file(Path::new("Cargo.tmol")), Some(PathBuf::from("Cargo.toml")));
    }
}
