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

use super::span::{EXACT, Span, count, skip_spaces, word};
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
    pub fn text(&self) -> CellText<'a> {
        let text = self.rest[self.start..self.end].trim_ascii();
        match self.is_quoted && text.contains('"') {
            true => CellText::Copy(text.split('"').step_by(2).collect::<Vec<&str>>().join("\"")),
            false => CellText::Part(text),
        }
    }

    /// Returns whether a zero stands in front of another digit.
    #[inline]
    pub fn starts_with_zero(&self) -> bool {
        let byte = |index: usize| self.rest.as_bytes().get(index).copied().unwrap_or(b' ');
        // Without a branch: some cells have only one digit.
        (byte(self.start) == b'0') & byte(self.start + 1).is_ascii_digit()
    }
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

    /// Steps over some cells, which are not the last of their record.
    fn skip(&mut self, mut cells: usize) {
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

    /// Returns how many pieces the rows are cut into for passes over all cells.
    pub(super) fn pieces(&self) -> usize {
        /// So many cells take longer than starting a thread.
        const CELLS: usize = 1 << 14;
        /// Some threads are faster than others.
        const EACH: usize = 8;
        let cells = self.rows().saturating_mul(self.columns);
        let most = if threads() == 1 { 1 } else { threads() * EACH };
        (cells / CELLS).clamp(1, most).min(self.rows().max(1))
    }

    /// Has `see` see the cells of each wanted column, with the value of that column, from the first to the last, unless
    /// it returns that it needs no more.
    pub(super) fn fold_columns<'a, T: Send>(
        &'a self,
        wanted: &[bool],
        values: &mut [T],
        see: impl Fn(&mut T, (usize, usize), CellText<'a>) -> bool + Sync,
    ) {
        let see = &see;
        let mut columns: Vec<(usize, See<'_, 'a>)> = Vec::new();
        for (column, value) in values.iter_mut().enumerate().filter(|(column, _)| wanted[*column]) {
            columns.push((column, Box::new(move |row, cell| see(value, (row, column), cell))));
        }
        self.see_columns(columns);
    }

    /// Calls the function of each of some columns with its cells.
    fn see_columns<'a>(&'a self, mut columns: Vec<(usize, See<'_, 'a>)>) {
        // Columns that are read together need only one walk.
        let groups = if self.pieces() == 1 { 1 } else { threads() }.min(columns.len()).max(1);
        let size = columns.len().div_ceil(groups).max(1);
        let groups: Vec<Mutex<&mut [(usize, See<'_, 'a>)]>> = columns.chunks_mut(size).map(Mutex::new).collect();
        share_numbers(groups.len(), &|group| {
            let mut columns = lock(&groups[group]);
            for row in 0..self.rows() {
                let (mut walk, mut next, mut is_open) = (self.walk(row), 0, false);
                for (column, see) in columns.iter_mut() {
                    walk.skip(*column - next);
                    is_open |= see(row, walk.next().text());
                    next = *column + 1;
                }
                if !is_open {
                    break;
                }
            }
        });
    }
}

/// Sees the cell of a row; returns whether it needs more.
type See<'s, 'a> = Box<dyn FnMut(usize, CellText<'a>) -> bool + Send + 's>;
