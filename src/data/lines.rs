//! The records of a text: where each begins, and what is known of their cells.

use super::scanner::{Scanner, line_ends};
use super::span::{count, equal, word};
use super::table::{Record, fault};
use crate::base::error::{Error, Result};
use crate::base::parallel::{cut, in_order, threads};

/// A line with more cells than this is more likely a file without line ends than a table.
const MOST_CELLS: usize = 1_000_000;

/// A record's number of cells, and that up to the last cell that is not empty.
#[derive(Debug, PartialEq)]
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
#[derive(Debug, PartialEq)]
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
    /// The number of blank lines in front of the first record: between others, if this is a piece of a text.
    before: usize,
    /// The position behind the last record, and the line there.
    end: Record,
}

/// The line at fault, if it is one, and the message.
type Fault = (Option<usize>, String);

impl Lines {
    /// Finds the records from here to the end.
    pub fn scan(scanner: Scanner<'_>, has_quotes: bool, file: &str) -> Result<Lines> {
        /// So many bytes take longer than starting a thread.
        const BYTES: usize = if cfg!(any(test, fuzzing)) { 16 } else { 1 << 18 };
        /// Some threads are faster than others.
        const EACH: usize = 4;
        let most = if threads() == 1 { 1 } else { threads() * EACH };
        let pieces = ((scanner.text.len() - scanner.position) / BYTES).clamp(1, most);
        Lines::scan_pieces(scanner, has_quotes, pieces).map_err(|(line, message)| match line {
            Some(line) => fault(file, line, message),
            None => Error::format(file, message),
        })
    }

    /// Finds the records from here to the end, in so many pieces, which begin behind line ends.
    ///
    /// A line end may be in quotes. The record above the piece then ends in it, and it is read once more from there.
    fn scan_pieces(scanner: Scanner<'_>, has_quotes: bool, pieces: usize) -> std::result::Result<Lines, Fault> {
        let (bytes, begin) = (scanner.text.as_bytes(), scanner.position);
        let start = |piece: usize| {
            let position = begin + cut(bytes.len() - begin, pieces, piece);
            let position = position + if piece == 0 { 0 } else { line_end(&bytes[position..], b'\n').0 };
            let mut at = Scanner { position, line: 0, ..scanner };
            at.end_line();
            if piece == 0 { begin } else { at.position }
        };
        let starts: Vec<usize> = (0..=pieces).map(start).collect();
        let read = |position: usize, stop: usize| {
            Lines::scan_until(Scanner { position, line: 0, ..scanner }, has_quotes, stop)
        };
        let mut lines = Lines::none(Record { position: begin, line: scanner.line });
        let read_ahead = in_order(pieces, |piece| Some(read(starts[piece], starts[piece + 1])));
        for (piece, read_ahead) in read_ahead.into_iter().flatten().enumerate() {
            let Record { position, line } = lines.end;
            let (above, below) = match starts[piece].checked_sub(position) {
                // Between records there are only blank lines.
                Some(blanks) => (line + line_ends(&bytes[position..][..blanks]), read_ahead),
                None => (line, read(position, starts[piece + 1])),
            };
            lines.append(below.map_err(|(line, message)| (line.map(|line| above + line), message))?, above)?;
        }
        Ok(lines)
    }

    fn none(end: Record) -> Lines {
        let (records, first) = (Vec::new(), Line { cells: 0, used: 0 });
        Lines { records, first, fewest: usize::MAX, most: 0, used: 0, empty: 0, blank: 0, before: 0, end }
    }

    /// Finds the records from here on that begin before `stop`.
    fn scan_until(mut scanner: Scanner<'_>, has_quotes: bool, stop: usize) -> std::result::Result<Lines, Fault> {
        let mut lines = Lines::none(Record { position: scanner.position, line: scanner.line });
        while scanner.skip_blank_lines() && scanner.position < stop {
            let record = Record { position: scanner.position, line: scanner.line };
            let blank = record.line - lines.end.line;
            if lines.records.is_empty() {
                lines.before += blank
            } else {
                lines.blank += blank
            }
            let line = Line::read(&mut scanner, has_quotes).map_err(|(line, message)| (Some(line), message))?;
            lines.end = Record { position: scanner.position, line: scanner.line };
            if line.cells > MOST_CELLS {
                let message = format!("{} cells, more than {MOST_CELLS}: is the end of the line missing?", line.cells);
                return Err((Some(record.line), message));
            }
            if line.used == 0 && line.cells > 1 {
                lines.empty += 1;
                continue;
            }
            if lines.records.is_empty() {
                lines.first = line;
            } else {
                lines.see(&line);
            }
            lines.reserve(1)?;
            lines.records.push(record);
        }
        Ok(lines)
    }

    /// Notes the cells of a record that is not the first.
    fn see(&mut self, line: &Line) {
        self.fewest = self.fewest.min(line.cells);
        self.most = self.most.max(line.cells);
        self.used = self.used.max(line.used);
    }

    fn reserve(&mut self, more: usize) -> std::result::Result<(), Fault> {
        let message = "has more lines than there is memory for: use a part of them";
        self.records.try_reserve(more).map_err(|_| (None, message.to_string()))
    }

    /// Appends the records of the piece below, which begins at the line `above`.
    fn append(&mut self, mut below: Lines, above: usize) -> std::result::Result<(), Fault> {
        if below.records.is_empty() && below.empty == 0 {
            return Ok(());
        }
        let before = above - self.end.line + below.before;
        below.records.iter_mut().for_each(|record| record.line += above);
        self.end = Record { position: below.end.position, line: above + below.end.line };
        self.empty += below.empty;
        self.blank += below.blank;
        if self.records.is_empty() {
            self.before += before;
            (self.records, self.first) = (below.records, below.first);
        } else {
            self.blank += before;
            self.reserve(below.records.len())?;
            if !below.records.is_empty() {
                self.see(&below.first);
            }
            self.records.append(&mut below.records);
        }
        self.fewest = self.fewest.min(below.fewest);
        self.most = self.most.max(below.most);
        self.used = self.used.max(below.used);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    #[test]
    fn pieces_are_put_together_as_one() {
        let mut rng = Rng::new(3);
        let parts = [
            ",",
            ",",
            ",",
            "1",
            "2.5",
            "a",
            "\n",
            "\n",
            "\n",
            "\r\n",
            "\r\n",
            "\r",
            " ",
            "\n\n",
            ",\n",
            "\"",
            "\"\"",
            "\"b\nc\"",
            ",\"\r\n\"",
            "\"d\n\n,\n\"\n",
            "é",
        ];
        let (mut found, mut faults, mut blank) = (0, 0, 0);
        // An emulator of a small device takes minutes for all.
        let cases = if cfg!(target_pointer_width = "32") { 3000 } else { 20_000 };
        for i in 0..cases {
            // Some texts have no quotes, and some have few of a single one.
            let kinds = [15, parts.len(), 21][i % 3].min(parts.len());
            let text: String = (0..rng.below(80))
                .map(|_| match rng.below(kinds) {
                    15 | 16 if rng.below(4) > 0 => "3",
                    part => parts[part],
                })
                .collect();
            let text = text.replace("3\"", "3");
            let scanner = Scanner { text: &text, position: 0, line: 1, separator: b',' };
            let has_quotes = text.contains('"');
            let whole = Lines::scan_pieces(scanner, has_quotes, 1);
            for pieces in [2, 3, 5, 17] {
                assert_eq!(Lines::scan_pieces(scanner, has_quotes, pieces), whole, "{text:?} in {pieces} pieces");
            }
            found += usize::from(whole.as_ref().is_ok_and(|lines| lines.records.len() > 3 && has_quotes));
            blank += whole.as_ref().map_or(0, |lines| lines.blank);
            faults += usize::from(whole.is_err());
        }
        assert!(found.min(faults).min(blank) > cases / 20, "{found} {faults} {blank}");
    }

    #[test]
    fn records_have_their_places() {
        let text = "a,b\n\n1,\"x\ny\"\r\n,\n \n2,\"z\"";
        for pieces in [1, 2, 4] {
            let scanner = Scanner { text, position: 0, line: 1, separator: b',' };
            let lines = Lines::scan_pieces(scanner, true, pieces).unwrap();
            let places: Vec<(usize, usize)> =
                lines.records.iter().map(|record| (record.position, record.line)).collect();
            assert_eq!(places, [(0, 1), (5, 3), (18, 7)]);
            assert_eq!((lines.empty, lines.blank, lines.fewest, lines.most, lines.used), (1, 2, 2, 2, 2));
        }
    }
}
