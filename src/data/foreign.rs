//! Files that are no tables: each is called by its name, with the way to make a table of it.

use super::scanner::line_ends;
use super::{GZIP, compressed};
use crate::base::error::{Error, Result};
use crate::base::text::quoted;

/// Files of bytes: how they begin, and their description with a remedy.
const BINARY: [(&[u8], &str); 7] = [
    (b"PK\x03\x04", "a zip archive, as a spreadsheet in .xlsx or .ods is: open it and save the sheet as CSV"),
    (b"\xD0\xCF\x11\xE0", "a spreadsheet in .xls: open it and save the sheet as CSV"),
    (b"PAR1", "a Parquet file: write it as CSV, with `to_csv(…, index=False)` of pandas or `COPY … TO` of DuckDB"),
    (b"SQLite format 3\0", "an SQLite database: write the table as CSV with `sqlite3 -header -csv`"),
    (b"\x93NUMPY", "a NumPy array: write it as text with `numpy.savetxt(…, delimiter=\",\")`"),
    (b"\x89HDF", "an HDF5 file: write the table as CSV with `to_csv(…, index=False)` of pandas"),
    (b"%PDF", "a PDF document: copy its table to a spreadsheet, and save that as CSV"),
];

/// Returns the text of a table's file.
///
/// # Errors
/// If the file is known to be something else, or not UTF-8.
pub(super) fn decode(bytes: Vec<u8>, file: &str) -> Result<String> {
    if bytes.starts_with(&GZIP) {
        return Err(compressed(file));
    }
    if let Some((_, remedy)) = BINARY.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Err(Error::format(file, format!("is {remedy}")));
    }
    // A byte order mark, or the zero half of a first plain letter.
    if matches!(bytes[..], [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, 1..=255, ..] | [1..=255, 0, ..]) {
        let message = format!("is UTF-16: convert it with `iconv -f UTF-16 -t UTF-8 {file} > utf8.csv`");
        return Err(Error::format(file, message));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        if error.as_bytes().contains(&0) {
            let remedy = "a table is a text with commas, tabs or semicolons between the cells, and images are read by \
                          their folder";
            return Error::format(file, format!("is not a text but binary: {remedy}"));
        }
        let line = 1 + line_ends(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        let remedy = format!("convert the file, perhaps with `iconv -f WINDOWS-1252 -t UTF-8 {file} > utf8.csv`");
        Error::Parse { file: file.to_string(), line, column: None, message: format!("is not UTF-8 text: {remedy}") }
    })?;
    match description(&text) {
        Some(description) => Err(Error::format(file, format!("is {description}"))),
        None => Ok(text),
    }
}

/// Returns what a text that is no table is, with a remedy.
fn description(text: &str) -> Option<String> {
    let start = text.trim_start_matches(['\u{FEFF}', ' ', '\t', '\r', '\n']);
    let after = |open: char| start.strip_prefix(open).map(|rest| rest.trim_start().chars().next().unwrap_or(' '));
    // A list of numbers in a cell also opens with a bracket.
    if matches!(after('{'), Some('"' | '}')) || matches!(after('['), Some('{' | '[' | '"')) {
        let remedy = "write it as CSV, with `to_csv(…, index=False)` of pandas or `jq -r '… | @csv'`";
        return Some(format!("JSON: {remedy}"));
    }
    let begins = |prefix: &str| start.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix));
    if ["<!doctype", "<html", "<?xml", "<table", "<svg"].into_iter().any(begins) {
        return Some("HTML or XML: download or export the table itself, as CSV".to_string());
    }
    arff(start)
}

/// Describes a file of Weka (ARFF), whose attributes are the header that a table would have.
fn arff(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('%'));
    let keyword = |line: &str, word: &str| {
        line.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
            .then(|| line[word.len()..].trim().to_string())
    };
    keyword(lines.next()?, "@relation")?;
    let is_header = |line: &&str| keyword(line, "@data").is_none();
    let attributes = lines.take_while(is_header).filter_map(|line| keyword(line, "@attribute"));
    let name = |attribute: String| match attribute.chars().next() {
        Some(quote @ ('\'' | '"')) => attribute[1..].split(quote).next().unwrap_or_default().to_string(),
        _ => attribute.split_whitespace().next().unwrap_or_default().to_string(),
    };
    let header: Vec<String> = attributes.map(name).collect();
    let message = "an ARFF file: put a line of the column names in the place of everything up to the line @data";
    Some(match header.join(",") {
        header if header.len() <= 40 && !header.is_empty() => format!("{message}, here {}", quoted(&header)),
        _ => message.to_string(),
    })
}
