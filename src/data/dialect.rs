//! The dialect of a table: what stands above its first record, and which character separates its cells.
//!
//! **The problem.** Nothing in a CSV file says what separates its cells. The character that the first line has most of
//! is often wrong: cells hold lists (`[1;2;3]`), decimal commas, names with commas, and lines end in a separator.
//!
//! **The idea.** Every candidate splits the first records. One that gives them all equally many cells, and at least
//! two, is possible; of those the best is the one under which most cells are numbers or times, and then the one with
//! most cells. If none is possible, the table has only one column, or it is damaged, which is then said of the
//! character that the first line has most of.
//!
//! Some programs, R among them, separate cells by blanks, as many as look well. Such a text is [rewritten](unblanked).

use super::number::is_numeric;
use super::reading::may_separate;
use super::scanner::Scanner;
use super::time::is_time;

/// The characters that may separate cells, in the order in which they are preferred.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Stands for blanks between cells: a character for units of data.
pub(super) const BLANKS: u8 = 0x1F;

/// Returns whether a separator stands for blanks.
pub(super) fn is_blank(separator: u8) -> bool {
    matches!(separator, b' ' | BLANKS)
}

/// So many records are looked at, and so many bytes.
const RECORDS: usize = 200;
const BYTES: usize = 1 << 18;

/// Where a table's records begin, and how they are separated.
pub(super) struct Preamble {
    /// The position and the line of the first record.
    pub position: usize,
    pub line: usize,
    /// The separator that a line `sep=;` names, which spreadsheets write.
    pub separator: Option<u8>,
    /// The lines above the first record that begin with `#`.
    pub comments: Vec<Comment>,
}

/// Where a line begins.
#[derive(Clone, Copy)]
pub(super) struct Comment {
    pub position: usize,
    pub line: usize,
}

impl Preamble {
    /// Reads what stands above the first record.
    pub fn read(text: &str) -> Preamble {
        let start = if text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
        let mut preamble = Preamble { position: start, line: 1, separator: None, comments: Vec::new() };
        let mut scanner = Scanner { text, position: start, line: 1, separator: b',' };
        while scanner.skip_blank_lines() {
            let rest = &text[scanner.position..];
            let line = rest.split(['\n', '\r']).next().unwrap_or_default();
            let trimmed = line.trim();
            match trimmed.strip_prefix("sep=").map(str::as_bytes) {
                Some(&[separator]) if preamble.may_be_named(separator) => {
                    preamble.separator = Some(separator);
                }
                Some([]) if line.ends_with('\t') => preamble.separator = Some(b'\t'),
                _ if is_comment(trimmed) => {
                    preamble.comments.push(Comment { position: scanner.position, line: scanner.line });
                }
                _ => break,
            }
            scanner.position += line.len();
            scanner.end_line();
            (preamble.position, preamble.line) = (scanner.position, scanner.line);
        }
        preamble
    }

    fn may_be_named(&self, separator: u8) -> bool {
        self.separator.is_none() && self.comments.is_empty() && may_separate(separator.into())
    }
}

/// Returns whether a line begins with `#` and is no record whose first cell is that sign, or a color.
fn is_comment(line: &str) -> bool {
    let Some(rest) = line.strip_prefix('#') else { return false };
    let separated = rest.bytes().next().is_some_and(|byte| SEPARATORS.contains(&byte));
    let color = rest.len() >= 6 && rest.bytes().take(6).all(|byte| byte.is_ascii_hexdigit());
    !separated && !color && !rest.starts_with("N/A") && !rest.starts_with("NA")
}

/// Returns the separator of the records from `position` on; [`BLANKS`] stands for blanks, which are to be rewritten.
pub(super) fn separator(text: &str, position: usize) -> u8 {
    let (best, split) = best_separator(text, position);
    // A line that is one number or time, as `1 234` or `2024-05-31 12:30`, is one cell.
    let single = judge_cells(text, position, 0, 1);
    let is_written = |split: &Option<Split>| split.as_ref().is_some_and(|split| split.numeric >= 0.5);
    if is_written(&split) || is_written(&single) {
        return best;
    }
    let end = sample_end(text, position);
    // A table is not one of blanks because of them in its cells, also if a line is damaged. A tab may be one of them.
    if (split.is_none() || best != b'\t') && is_in_most_lines(&text[position..end], best) {
        return best;
    }
    let blanks = unblanked(&text[..end], position).and_then(|text| judge(&text, position, BLANKS));
    let may_be = |blanks: &Split| blanks.numeric > 0.5 && (blanks.is_even || blanks.cells > 2);
    match blanks.filter(may_be) {
        Some(blanks) if split.is_none_or(|split| split.cells < blanks.cells) => BLANKS,
        _ => best,
    }
}

/// Returns whether half of the lines or more have this separator outside quotes. A comma between digits does not count.
fn is_in_most_lines(text: &str, separator: u8) -> bool {
    let separates = |part: &str| {
        let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let (bytes, indices) = (part.as_bytes(), part.bytes().enumerate());
        let decimal = |i: usize| i > 0 && is_digit(bytes.get(i - 1)) && is_digit(bytes.get(i + 1));
        indices.filter(|&(_, byte)| byte == separator).any(|(i, byte)| byte != b',' || !decimal(i))
    };
    let (mut lines, mut separated) = (0, 0);
    for line in text.split(['\n', '\r']).filter(|line| !line.trim().is_empty()) {
        lines += 1;
        separated += usize::from(line.split('"').step_by(2).any(separates));
    }
    separated > 0 && separated * 2 >= lines
}

/// Returns a text in which, from `position` on, [`BLANKS`] stands for every row of blanks between two cells; or nothing,
/// if there is no memory for it.
pub(super) fn unblanked(text: &str, position: usize) -> Option<String> {
    let mut rewritten = String::new();
    rewritten.try_reserve(text.len()).ok()?;
    rewritten.push_str(&text[..position]);
    let (mut quoted, mut closed, mut pending, mut at_start) = (false, false, false, true);
    for c in text[position..].chars() {
        // A cell opens with its quote, and a doubled one does not close it: others, as in `9"`, belong to it.
        let opens = c == '"' && !quoted && (pending || at_start || closed);
        closed = c == '"' && quoted;
        quoted = (quoted && !closed) || opens;
        match c {
            ' ' | '\t' if !quoted => pending = true,
            '\n' | '\r' if !quoted => {
                (pending, at_start) = (false, true);
                rewritten.push(c);
            }
            _ => {
                // NumPy begins a header with `# `.
                if pending && !at_start && !(rewritten.ends_with('#') && rewritten.len() == position + 1) {
                    rewritten.push(char::from(BLANKS));
                }
                (pending, at_start) = (false, false);
                rewritten.push(c);
            }
        }
    }
    Some(rewritten)
}

/// Returns the best of [`SEPARATORS`], and what it makes of the first records if that is possible.
fn best_separator(text: &str, position: usize) -> (u8, Option<Split>) {
    let candidates = SEPARATORS.into_iter().enumerate();
    let judged =
        candidates.filter_map(|(i, separator)| Some((judge(text, position, separator)?, std::cmp::Reverse(i))));
    let best = judged.max_by(|a, b| {
        a.0.is_even
            .cmp(&b.0.is_even)
            .then(a.0.numeric.total_cmp(&b.0.numeric))
            .then(a.0.cells.cmp(&b.0.cells))
            .then(a.1.cmp(&b.1))
    });
    match best {
        Some((split, index)) => (SEPARATORS[index.0], Some(split)),
        None => (most_frequent(&text.as_bytes()[position..]), None),
    }
}

/// A possible way to split records.
struct Split {
    /// Whether the first record has as many cells as the others.
    is_even: bool,
    /// The number of cells in a record.
    cells: usize,
    /// The fraction of the cells' bytes, the first record's not counted, that numbers, dates and times have. Of cells it
    /// would be half, too, if `3,5;red` were split at the comma.
    numeric: f64,
}

/// Splits the first records; returns nothing if they have not equally many cells.
fn judge(text: &str, position: usize, separator: u8) -> Option<Split> {
    judge_cells(text, position, separator, 2)
}

/// Returns where the part of a text that is looked at ends.
fn sample_end(text: &str, position: usize) -> usize {
    let mut end = text.len().min(position + BYTES);
    while !text.is_char_boundary(end) {
        end += 1;
    }
    end
}

/// Splits the first records, which must have at least `fewest` cells.
fn judge_cells(text: &str, position: usize, separator: u8, fewest: usize) -> Option<Split> {
    let end = sample_end(text, position);
    let is_cut = end < text.len();
    let mut scanner = Scanner { text: &text[..end], position, line: 1, separator };
    let mut records: Vec<Record> = Vec::new();
    while records.len() < RECORDS && scanner.skip_blank_lines() {
        match Record::read(&mut scanner) {
            // The last record may be cut, and a quote in it have no end.
            _ if is_cut && scanner.position >= end => break,
            None if is_cut => break,
            None => return None,
            Some(record) if record.filled > 0 => records.push(record),
            Some(_) => {}
        }
    }
    let first = records.first()?;
    // Separators at the end of a line are no cells, as they may be missing elsewhere.
    let cells = records.iter().map(|record| record.used).max()?;
    // A header may be one cell short: names of rows.
    let equal = records[1..].iter().all(|record| record.cells >= cells);
    let is_even = first.cells >= cells;
    let fits = is_even || (first.cells + 1 == cells && records.len() > 2);
    // The first record is a header, or one of many.
    let data = if records.len() > 1 { &records[1..] } else { &records[..] };
    let sum = |count: fn(&Record) -> usize| data.iter().map(count).sum::<usize>();
    (equal && fits && cells >= fewest).then(|| Split {
        is_even,
        cells,
        numeric: sum(|record| record.numeric) as f64 / sum(|record| record.filled).max(1) as f64,
    })
}

/// The number of a record's cells, also up to the last that is not empty, the bytes in them, and those in cells that are
/// numbers, dates or times.
#[derive(Default)]
struct Record {
    cells: usize,
    used: usize,
    filled: usize,
    numeric: usize,
}

impl Record {
    /// Reads the record here, unless a quote in it is not as it should be.
    fn read(scanner: &mut Scanner<'_>) -> Option<Record> {
        let mut record = Record::default();
        let mut more = true;
        while more {
            let (cell, next) = scanner.cell().ok()?;
            record.cells += 1;
            record.used = if cell.is_empty() { record.used } else { record.cells };
            record.filled += cell.len();
            record.numeric += if is_numeric(&cell) || is_time(&cell) { cell.len() } else { 0 };
            more = next;
        }
        Some(record)
    }
}

/// Returns the separator that the first record has most of. A comma between digits counts only when there is nothing
/// else: it may be a decimal comma.
fn most_frequent(bytes: &[u8]) -> u8 {
    let mut counts = [0usize; SEPARATORS.len()];
    let (mut quoted, mut blank, mut after_digit) = (false, true, false);
    for (i, &byte) in bytes.iter().enumerate() {
        let before_digit = bytes.get(i + 1).is_some_and(u8::is_ascii_digit);
        match byte {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'\n' | b'\r' if !blank => break,
            b',' if after_digit && before_digit => {}
            _ => SEPARATORS
                .iter()
                .zip(&mut counts)
                .filter(|(known, _)| **known == byte)
                .for_each(|(_, count)| *count += 1),
        }
        blank &= matches!(byte, b' ' | b'\n' | b'\r');
        after_digit = byte.is_ascii_digit();
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    SEPARATORS.into_iter().zip(counts).find(|&(_, count)| count == most).map_or(b',', |(separator, _)| separator)
}

/// Returns the name of a separator, for messages.
pub(super) fn separator_name(separator: u8) -> String {
    match separator {
        b'\t' => "tab".to_string(),
        b';' => "semicolon".to_string(),
        b',' => "comma".to_string(),
        b'|' => "vertical bar".to_string(),
        BLANKS => "space".to_string(),
        other => format!("`{}`", char::from(other)),
    }
}
