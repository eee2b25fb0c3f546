//! The records of a text: where each begins, and what is known of their cells.

use super::scanner::Scanner;
use super::span::{count, equal, word};
use super::table::{Record, fault};
use crate::base::error::{Error, Result};

/// A line with more cells than this is more likely a file without line ends than a table.
const MOST_CELLS: usize = 1_000_000;

/// A record's number of cells, and that up to the last cell that is not empty.
pub(super) struct Line {
    pub cells: usize,
    pub used: usize,
}

impl Line {
    /// Reads over the record here; or returns the line to blame, and why.
    pub fn read(scanner: &mut Scanner<'_>, has_quotes: bool) -> std::result::Result<Line, (usize, String)> {
        if !has_quotes {
            return Ok(Line::plain(scanner));
        }
        let (mut cells, mut used, mut more) = (0, 0, true);
        while more {
            let (cell, next) = scanner.cell()?;
            cells += 1;
            if !cell.is_empty() {
                used = cells;
            }
            more = next;
        }
        Ok(Line { cells, used })
    }

    /// Reads over a record without quotes, whose separators can simply be counted.
    fn plain(scanner: &mut Scanner<'_>) -> Line {
        let (separator, rest) = (scanner.separator, &scanner.text.as_bytes()[scanner.position..]);
        let (end, separators) = line_end(rest, separator);
        let cells = 1 + separators;
        let is_blank = |byte: &&u8| **byte == separator || byte.is_ascii_whitespace();
        let blank = rest[..end].iter().rev().take_while(is_blank).count();
        // A line of separators alone has one empty cell more than these.
        let empty = rest[end - blank..end].iter().filter(|&&byte| byte == separator).count();
        let used = if blank == end { 0 } else { cells - empty };
        scanner.position += end;
        scanner.end_line();
        Line { cells, used }
    }
}

/// Returns the index of the first line end, or the number of bytes, and the number of separators before it.
fn line_end(bytes: &[u8], separator: u8) -> (usize, usize) {
    let mut separators = 0;
    let words = bytes.chunks_exact(8);
    let rest = words.remainder();
    for (index, bytes) in words.enumerate() {
        let word = word(bytes);
        let ends = equal(word, b'\n') | equal(word, b'\r');
        if ends != 0 {
            let before = (1 << ends.trailing_zeros()) - 1;
            return (8 * index + ends.trailing_zeros() as usize / 8, separators + count(word, separator, before));
        }
        separators += count(word, separator, u64::MAX);
    }
    let is_end = |&byte: &u8| byte == b'\n' || byte == b'\r';
    let length = rest.iter().position(is_end).unwrap_or(rest.len());
    separators += rest[..length].iter().filter(|&&byte| byte == separator).count();
    (bytes.len() - rest.len() + length, separators)
}

/// All records of a text, but for those without content.
pub(super) struct Lines {
    pub records: Vec<Record>,
    pub first: Line,
    /// The fewest and the most cells of the other records, and the most that are used.
    pub fewest: usize,
    pub most: usize,
    pub used: usize,
    /// The number of records with separators and nothing else.
    pub empty: usize,
    /// The number of blank lines between records.
    pub blank: usize,
}

impl Lines {
    /// Finds the records from here to the end.
    pub fn scan(mut scanner: Scanner<'_>, has_quotes: bool, file: &str) -> Result<Lines> {
        let first = Line { cells: 0, used: 0 };
        let mut lines = Lines { records: Vec::new(), first, fewest: usize::MAX, most: 0, used: 0, empty: 0, blank: 0 };
        let mut end = scanner.line;
        while scanner.skip_blank_lines() {
            if !lines.records.is_empty() {
                lines.blank += scanner.line - end;
            }
            let record = Record { position: scanner.position, line: scanner.line };
            let blame = |(line, message)| fault(file, line, message);
            let line = Line::read(&mut scanner, has_quotes).map_err(blame)?;
            end = scanner.line;
            if line.cells > MOST_CELLS {
                let message = format!("{} cells, more than {MOST_CELLS}: is the end of the line missing?", line.cells);
                return Err(fault(file, record.line, message));
            }
            if line.used == 0 && line.cells > 1 {
                lines.empty += 1;
                continue;
            }
            if lines.records.is_empty() {
                lines.first = line;
            } else {
                lines.fewest = lines.fewest.min(line.cells);
                lines.most = lines.most.max(line.cells);
                lines.used = lines.used.max(line.used);
            }
            if lines.records.try_reserve(1).is_err() {
                let message = "has more lines than there is memory for: use a part of them";
                return Err(Error::format(file, message));
            }
            lines.records.push(record);
        }
        Ok(lines)
    }
}
