//! Passes over the cells of a table, row by row or column by column, shared among the threads.
//!
//! **The problem.** What a column means and what its cells are is found in several passes over the whole text, which take
//! most of the time that reading takes. They must find the same for any number of threads.
//!
//! **The idea.** No pass copies a cell: it is a part of the text, with its number if that was read on the way to its end.
//! Rows are cut into pieces, whose results are put together in the order of the rows; or, if what is found depends on
//! every cell above, columns are handed out, and each is looked at from its first cell to its last by one thread.

use std::ops::Deref;
use std::sync::Mutex;

use super::recent::Key;
use super::span::{EXACT, Span, count, find_end, skip_spaces, word};
use super::table::Table;
use crate::base::parallel::{lock, share_numbers, threads};

/// A cell as it is written, whose text is looked at only where its number is not enough.
pub(super) struct Written<'a> {
    /// Its value, NaN if it is no plain number: see [`Span`].
    pub number: f64,
    /// The text from the beginning of its record on, and where the cell is in it, without quotes around it.
    rest: &'a str,
    start: usize,
    end: usize,
    is_quoted: bool,
}

impl<'a> Written<'a> {
    /// Returns whether its value is that of the general parser, and not one nearby.
    #[inline]
    pub fn is_exact(&self) -> bool {
        self.end - self.start <= EXACT && !self.number.is_nan()
    }

    /// Returns its text without quotes and without the spaces around it.
    #[inline(never)]
    pub fn text(&self) -> CellText<'a> {
        let text = self.rest[self.start..self.end].trim_ascii();
        match self.is_quoted && text.contains('"') {
            true => CellText::Copy(text.split('"').step_by(2).collect::<Vec<&str>>().join("\"")),
            false => CellText::Part(text),
        }
    }

    /// Returns what a [`Recent`](super::recent::Recent) knows it by: its text as it is written, the opening quote too.
    #[cfg_attr(feature = "simd", inline)]
    #[cfg_attr(not(feature = "simd"), inline(never))]
    pub fn key(&self) -> Key<'a> {
        Key::of(self.rest.as_bytes(), self.start - usize::from(self.is_quoted), self.end)
    }

    /// Returns where it is in its record, for [`Table::written`].
    pub fn place(&self) -> Place {
        Place { start: self.start, end: self.end, is_quoted: self.is_quoted }
    }

    /// Returns whether a zero stands in front of another digit.
    #[inline]
    pub fn starts_with_zero(&self) -> bool {
        let byte = |index: usize| self.rest.as_bytes().get(index).copied().unwrap_or(b' ');
        // Without a branch: some cells have only one digit.
        (byte(self.start) == b'0') & byte(self.start + 1).is_ascii_digit()
    }
}

/// The bytes of a record between which a cell is, without its quotes.
#[derive(Clone, Copy)]
pub(super) struct Place {
    start: usize,
    end: usize,
    is_quoted: bool,
}

/// A text that occurs in a column.
pub(super) struct Seen {
    /// The row in which it was found.
    pub row: usize,
    pub place: Place,
    /// Its kind in the [summary](super::summary).
    pub kind: usize,
    /// The number of cells that are alike.
    pub count: usize,
}

/// The text of a cell: a part of the table's or, if quotes were doubled in it, a copy.
pub(super) enum CellText<'a> {
    Part(&'a str),
    Copy(String),
}

impl Deref for CellText<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            CellText::Part(text) => text,
            CellText::Copy(text) => text,
        }
    }
}

/// A walk along the cells of a record, which `parse` has found to be as they should be.
pub(super) struct Walk<'a> {
    rest: &'a str,
    at: usize,
    separator: u8,
    has_quotes: bool,
}

impl<'a> Walk<'a> {
    /// Returns the next cell. There must be one.
    #[cfg_attr(feature = "simd", inline(always))]
    #[cfg_attr(not(feature = "simd"), inline(never))]
    pub fn next(&mut self) -> Written<'a> {
        let (rest, bytes) = (self.rest, self.rest.as_bytes());
        let start = skip_spaces(bytes, self.at);
        if self.has_quotes && bytes.get(start) == Some(&b'"') {
            let Span { end, number } = quoted(bytes, start + 1);
            self.at = skip_spaces(bytes, end + 1) + 1;
            return Written { number, rest, start: start + 1, end, is_quoted: true };
        }
        let Span { end, number } = Span::read(bytes, start, self.separator);
        self.at = end + 1;
        Written { number, rest, start, end, is_quoted: false }
    }

    /// Returns the next cell, whose number is of no interest. There must be one.
    #[inline(never)]
    pub fn next_without_number(&mut self) -> Written<'a> {
        let (rest, bytes) = (self.rest, self.rest.as_bytes());
        let start = skip_spaces(bytes, self.at);
        if self.has_quotes && bytes.get(start) == Some(&b'"') {
            return self.next();
        }
        let end = find_end(bytes, start, self.separator);
        self.at = end + 1;
        Written { number: f64::NAN, rest, start, end, is_quoted: false }
    }

    /// Returns the next cell if it is one digit, as most cells of images are, and not the last of its record.
    #[inline]
    pub fn next_digit(&mut self) -> Option<u8> {
        let [digit, end] = *self.rest.as_bytes().get(self.at..)?.first_chunk()?;
        if !digit.is_ascii_digit() || end != self.separator {
            return None;
        }
        self.at += 2;
        Some(digit & 15)
    }

    /// Steps over some cells, which are not the last of their record.
    pub fn skip(&mut self, mut cells: usize) {
        if self.has_quotes {
            (0..cells).for_each(|_| _ = self.next());
            return;
        }
        let bytes = self.rest.as_bytes();
        while cells > 0 {
            if let Some(near) = bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
                let ends = count(word(near), self.separator, u64::MAX);
                if ends < cells {
                    cells -= ends;
                    self.at += near.len();
                    continue;
                }
            }
            let Some(&byte) = bytes.get(self.at) else { return };
            cells -= usize::from(byte == self.separator);
            self.at += 1;
        }
    }
}

/// Reads the cell whose opening quote stands just before `start`. It ends at its closing quote.
#[inline(never)]
fn quoted(bytes: &[u8], start: usize) -> Span {
    let mut span = Span::read(bytes, start, b'"');
    while let Some(&byte) = bytes.get(span.end) {
        let is_doubled = byte == b'"' && bytes.get(span.end + 1) == Some(&b'"');
        if byte == b'"' && !is_doubled {
            break;
        }
        span = Span { end: span.end + 1 + usize::from(is_doubled), number: f64::NAN };
    }
    span
}

impl Table {
    /// Returns a walk along the cells of a record: faster than [`cells`](Self::cells), for passes over a whole table.
    #[inline]
    pub(super) fn walk(&self, row: usize) -> Walk<'_> {
        let rest = &self.text[self.records[row].position..];
        Walk { rest, at: 0, separator: self.separator, has_quotes: self.has_quotes }
    }

    /// Returns a cell that was seen in a row before.
    pub(super) fn written(&self, row: usize, place: Place) -> Written<'_> {
        let Place { start, end, is_quoted } = place;
        Written { number: f64::NAN, rest: self.walk(row).rest, start, end, is_quoted }
    }

    /// Returns how many pieces the rows are cut into for passes over all cells.
    pub(super) fn pieces(&self) -> usize {
        /// So many cells take longer than starting a thread.
        const CELLS: usize = if cfg!(any(test, fuzzing)) { 4 } else { 1 << 14 };
        /// The summary of fewer rows could take more memory than they do.
        const ROWS: usize = if cfg!(any(test, fuzzing)) { 1 } else { 128 };
        /// Some threads are faster than others.
        const EACH: usize = 8;
        let cells = self.rows().saturating_mul(self.columns);
        let most = if threads() == 1 { 1 } else { threads() * EACH };
        (cells / CELLS).min(self.rows() / ROWS).clamp(1, most)
    }

    /// Has `see` see the cells of each wanted column, with the value of that column, from the first to the last, unless
    /// it returns that it needs no more. Of a column whose cells are all among the `seen`, it sees each of these once, with
    /// the number of cells that it stands for.
    pub(super) fn fold_columns<'a, T: Send>(
        &'a self,
        seen: &[&[Seen]],
        wanted: &[bool],
        values: &mut [T],
        see: impl Fn(&mut T, (usize, usize), &Written<'a>, usize) -> bool + Sync,
    ) {
        let see = &see;
        let mut columns: Vec<(usize, See<'_, 'a>)> = Vec::new();
        for (column, value) in values.iter_mut().enumerate().filter(|(column, _)| wanted[*column]) {
            columns.push((column, Box::new(move |row, cell, count| see(value, (row, column), cell, count))));
        }
        self.see_columns(seen, columns);
    }

    /// Calls the function of each of some columns with its cells.
    fn see_columns<'a>(&'a self, seen: &[&[Seen]], mut columns: Vec<(usize, See<'_, 'a>)>) {
        columns.retain_mut(|(column, see)| {
            let seen = seen.get(*column).copied().unwrap_or_default();
            let are_all = seen.iter().map(|seen| seen.count).sum::<usize>() == self.rows();
            if are_all {
                seen.iter().all(|seen| see(seen.row, &self.written(seen.row, seen.place), seen.count));
            }
            !are_all
        });
        // Columns that are read together need only one walk.
        let groups = if self.pieces() == 1 { 1 } else { threads() }.min(columns.len()).max(1);
        let size = columns.len().div_ceil(groups).max(1);
        let mut next = || columns.drain(..size.min(columns.len())).collect();
        let groups: Vec<Mutex<Vec<(usize, See<'_, 'a>)>>> = (0..groups).map(|_| Mutex::new(next())).collect();
        share_numbers(groups.len(), &|group| {
            let mut columns = lock(&groups[group]);
            for row in 0..self.rows() {
                let (mut walk, mut next) = (self.walk(row), 0);
                columns.retain_mut(|(column, see)| {
                    walk.skip(*column - next);
                    next = *column + 1;
                    see(row, &walk.next_without_number(), 1)
                });
                if columns.is_empty() {
                    break;
                }
            }
        });
    }
}

/// Sees the cell of a row, for so many; returns whether it needs more.
type See<'s, 'a> = Box<dyn FnMut(usize, &Written<'a>, usize) -> bool + Send + 's>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::parallel::set_threads;
    use crate::base::rng::Rng;
    use crate::data::dataset::Dataset;
    use crate::data::missing::Missing;
    use crate::data::reading::Reading;
    use crate::data::target::Target;

    /// The line and the cells of each record.
    type Records = Vec<(usize, Vec<String>)>;

    /// Reads records in the simplest way. An error is the line to blame.
    fn records(text: &str) -> std::result::Result<Records, usize> {
        let text: Vec<char> = text.trim_start_matches('\u{FEFF}').chars().collect();
        let (mut at, mut line, mut records) = (0, 1, Vec::new());
        let is = |at: usize, wanted: &str| text.get(at).is_some_and(|&c| wanted.contains(c));
        let end_line = |at: usize| at + if is(at, "\r") && is(at + 1, "\n") { 2 } else { 1 };
        while at < text.len() {
            let (first, mut cells, begin, mut more) = (line, Vec::new(), at, true);
            while more {
                let mut cell = String::new();
                while is(at, " ") {
                    at += 1;
                }
                if is(at, "\"") {
                    let opened = line;
                    at += 1;
                    while !is(at, "\"") || is(at + 1, "\"") {
                        let next = if is(at, "\r\n") { end_line(at) } else { at + 1 };
                        line += usize::from(is(at, "\r\n"));
                        cell.extend(text.get(at..next).ok_or(opened)?);
                        at = next + usize::from(is(at, "\""));
                    }
                    at += 1;
                    while is(at, " ") {
                        at += 1;
                    }
                    if at < text.len() && !is(at, ",\r\n") {
                        return Err(line);
                    }
                }
                while at < text.len() && !is(at, ",\r\n") {
                    cell.push(text[at]);
                    at += 1;
                }
                more = is(at, ",");
                at += usize::from(more);
                cells.push(cell.trim().to_string());
            }
            let is_blank = text[begin..at].iter().all(|&c| c == ' ');
            at = end_line(at);
            line += 1;
            if !is_blank && (cells.len() == 1 || cells.iter().any(|cell| !cell.is_empty())) {
                records.push((first, cells));
            }
        }
        Ok(records)
    }

    /// A table of three columns, which may be damaged.
    fn table(rng: &mut Rng) -> String {
        let numbers = ["1", "-2.5", "007", "0.1234567890123456789", " 3 ", "1e5", "12E4", "\"4\"", "\" 5\" ", "NA", ""];
        let texts =
            ["a", "\"b\nc\"", "\"\r\n\"", "\"d\"\"e\"", "\"\"\"\"", "\",\r,\"", "é ü", "f\"g", "2024-05-31", "x"];
        let (kinds, damage) = (1 + rng.below(texts.len()), rng.below(4) == 0);
        let mut text = ["", "\u{FEFF}"][rng.below(2)].to_string();
        for _ in 0..1 + rng.below(30) {
            for column in 0..3 {
                text += match column {
                    0 => numbers[rng.below(numbers.len())],
                    1 => texts[rng.below(kinds)],
                    _ => ["0", "1"][rng.below(2)],
                };
                text += if column < 2 { "," } else { ["\n", "\r\n", "\r", "\n\n", "\n \n", " \n,,\n"][rng.below(6)] };
            }
            if damage && rng.below(20) == 0 {
                text += ["\"", "1,2", "1,\"a\"b,1\n", ",,,,,1\n", "\n\n"][rng.below(5)];
            }
        }
        text.truncate(text.trim_end_matches(['\n', '\r', ',']).len() + rng.below(2));
        text
    }

    /// Reads a table on so many threads: returns the lines and the cells of its records, and its data; or the error.
    fn facts(text: &str, threads: usize) -> (std::result::Result<Records, String>, String) {
        set_threads(threads);
        let reading = Reading { header: Some(false), separator: Some(','), ..Reading::default() };
        let table = match Table::parse_with(text, "a.csv", &reading) {
            Ok(table) => table,
            Err(error) => return (Err(error.to_string()), String::new()),
        };
        let mut columns = vec![Vec::new(); table.columns()];
        // Those of the middle are stepped over.
        let wanted: Vec<bool> = (0..table.columns()).map(|column| column != 1).collect();
        table.fold_columns(&[], &wanted, &mut columns, |cells, (row, _), cell, _| {
            assert_eq!(cells.len(), row);
            cells.push(cell.text().to_string());
            true
        });
        let cells = |row: usize| {
            let mut walk = table.walk(row);
            let cells: Vec<String> = (0..table.columns()).map(|_| walk.next().text().to_string()).collect();
            assert!(table.cells(row).zip(&cells).all(|(cell, walked)| cell.trim() == walked.trim()), "{text:?}");
            assert!(
                (0..cells.len()).all(|column| !wanted[column] || columns[column][row] == cells[column]),
                "{text:?}"
            );
            (table.line(row), cells.iter().map(|cell| cell.trim().to_string()).collect())
        };
        let cells = (0..table.rows()).map(cells).collect();
        let data = match Dataset::from_table(table, Target::Last, Missing::Fill) {
            Ok(data) => format!("{:?} {:?} {}", data.notes(), data.schema(), data.digest()),
            Err(error) => error.to_string(),
        };
        (Ok(cells), data)
    }

    #[test]
    fn tables_are_those_of_a_simple_reader_on_any_threads() {
        let mut rng = Rng::new(11);
        let (mut whole, mut damaged) = (0, 0);
        for _ in 0..if cfg!(target_pointer_width = "32") { 300 } else { 3000 } {
            let text = table(&mut rng);
            let alone = facts(&text, 1);
            assert_eq!(facts(&text, 3), alone, "{text:?}");
            match records(&text) {
                Err(line) => {
                    damaged += 1;
                    let error = alone.0.expect_err(&text);
                    assert!(error.contains(&format!("line {line}:")), "{text:?} line {line}, {error}");
                }
                Ok(records) if records.iter().all(|(_, cells)| cells.len() == 3) && !records.is_empty() => {
                    whole += 1;
                    assert_eq!(alone.0.as_ref(), Ok(&records), "{text:?}");
                }
                Ok(_) => {}
            }
        }
        set_threads(0);
        assert!(whole > 100 && damaged > 10, "{whole} {damaged}");
    }
}
