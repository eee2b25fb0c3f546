//! Tables of text: CSV and its relatives (RFC 4180).

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::path::Path;

use super::cell::Cell;
use super::device::refuse_endless;
use super::reading::Reading;
use super::scanner::Scanner;
use crate::base::error::{Error, Result};
use crate::base::nearest;
use crate::base::text::{listed, quoted, repeated};

/// A CSV file: records of equally many cells, each cell still a text.
///
/// - The separator is the comma, the semicolon, the tab or the vertical bar, whichever splits the first records into
///   equally many cells, most of which are numbers. A line `sep=;` names it. If none does, blanks separate numbers.
/// - A cell in double quotes may hold separators, line ends and, doubled, quotes. Spaces around a cell do not
///   belong to it unless they stand inside quotes.
/// - Lines end in LF, CRLF or CR. Blank lines are skipped, and so are a UTF-8 byte order mark, lines of nothing but
///   separators, lines above the first record that begin with `#`, and separators at the end of every line.
/// - The first record is a header if it differs from the columns under it: texts over numbers, numbers out of their
///   range. [`Reading`] can say whether it is.
/// - A first column without a name that numbers the rows is [ignored](Self::ignore).
///
/// The text is kept once, as it was read, and a record is split into cells whenever it is read.
///
/// ```
/// use palmnet::Table;
/// let table = Table::parse("size;color\n1.5;\"light; blue\"\n", "shirts.csv")?;
/// assert_eq!(table.header().unwrap(), ["size", "color"]);
/// assert_eq!(table.cells(0).collect::<Vec<_>>(), ["1.5", "light; blue"]);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone)]
pub struct Table {
    pub(super) file: String,
    pub(super) text: String,
    pub(super) separator: u8,
    /// Whether there is a double quote in the text.
    pub(super) has_quotes: bool,
    pub(super) header: Option<Vec<String>>,
    /// Where the header stands in the text.
    pub(super) head: Option<Record>,
    pub(super) columns: usize,
    /// The indices of the ignored columns, in their order.
    pub(super) ignored: Vec<usize>,
    pub(super) records: Vec<Record>,
    pub(super) notes: Vec<String>,
    pub(super) reading: Reading,
    /// The columns, with the words for missing cells that are texts in them.
    pub(super) texts: Vec<(usize, String)>,
}

/// Where a record starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Record {
    pub position: usize,
    pub line: usize,
}

impl Table {
    /// Reads the table in a file; `-` is standard input.
    ///
    /// # Errors
    /// If the file cannot be read, and those of [`parse`](Self::parse).
    pub fn read(path: impl AsRef<Path>) -> Result<Table> {
        Table::read_with(path, &Reading::default())
    }

    /// Reads the table in a file, `-` for standard input, as `reading` says.
    ///
    /// # Errors
    /// If the file cannot be read or is a device without an end, and those of [`parse_with`](Self::parse_with).
    pub fn read_with(path: impl AsRef<Path>, reading: &Reading) -> Result<Table> {
        let path = path.as_ref();
        refuse_endless(path)?;
        let mut bytes = Vec::new();
        let result = match path == Path::new("-") {
            true => std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ()),
            false => std::fs::read(path).map(|content| bytes = content),
        };
        result.map_err(|source| Error::io(path, source))?;
        Table::parse_with(bytes, &path.display().to_string(), reading)
    }

    /// Reads the table in `content`; `file` is its name in messages.
    ///
    /// # Errors
    /// Those of [`parse_with`](Self::parse_with).
    pub fn parse(content: impl Into<Vec<u8>>, file: &str) -> Result<Table> {
        Table::parse_with(content, file, &Reading::default())
    }

    /// Makes a table of cells, as a form or a program has them. No cell needs quotes.
    ///
    /// In messages the table is called `rows`, and its lines are counted from 1, the header not counted.
    ///
    /// ```
    /// use palmnet::Table;
    /// let table = Table::from_rows(&["age", "city"], [["41", "Bonn, \"am Rhein\""]])?;
    /// assert_eq!(table.header().unwrap(), ["age", "city"]);
    /// assert_eq!(table.cells(0).collect::<Vec<_>>(), ["41", "Bonn, \"am Rhein\""]);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no columns or no rows, a row has not as many cells as the header, or two columns have the same
    /// name.
    pub fn from_rows<R: AsRef<[S]>, S: AsRef<str>>(
        header: &[impl AsRef<str>],
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Table> {
        const FILE: &str = "rows";
        let header: Vec<String> = header.iter().map(|name| name.as_ref().trim().to_string()).collect();
        let columns = header.len();
        distinct_columns(&header, FILE, 1)?;
        let (mut text, mut records) = (String::new(), Vec::new());
        for (row, line) in rows.into_iter().zip(1..) {
            let cells = row.as_ref();
            if cells.len() != columns {
                return Err(fault(FILE, line, format!("{} cells, where the header has {columns}", cells.len())));
            }
            records.push(Record { position: text.len(), line });
            let quoted = cells.iter().map(|cell| format!("\"{}\"", cell.as_ref().replace('"', "\"\"")));
            text += &(quoted.collect::<Vec<String>>().join(",") + "\n");
        }
        if columns == 0 || records.is_empty() {
            return Err(Error::format(
                FILE,
                format!("has {columns} columns and {} rows: at least one of each was expected", records.len()),
            ));
        }
        let file = FILE.to_string();
        Ok(Table {
            file,
            text,
            separator: b',',
            has_quotes: true,
            header: Some(header),
            head: None,
            columns,
            ignored: Vec::new(),
            records,
            notes: Vec::new(),
            reading: Reading::default(),
            texts: Vec::new(),
        })
    }

    /// Returns the file's name, as the caller gave it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the column names, if the table has a header.
    pub fn header(&self) -> Option<&[String]> {
        self.header.as_deref()
    }

    /// Returns the number of records, the header not counted.
    pub fn rows(&self) -> usize {
        self.records.len()
    }

    /// Returns the number of cells in each record.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Returns a column's name: that in the header or, without one, its number counted from 1.
    ///
    /// # Panics
    /// If a table with a header has no such column.
    pub fn column_name(&self, column: usize) -> String {
        self.header.as_ref().map_or_else(|| (column + 1).to_string(), |names| names[column].clone())
    }

    /// Returns the line of the file on which a record starts, counted from 1.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn line(&self, row: usize) -> usize {
        self.records[row].line
    }

    /// Returns the cells of a record, without their quotes.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn cells(&self, row: usize) -> impl Iterator<Item = Cow<'_, str>> {
        let Record { position, line } = self.records[row];
        let mut scanner = Scanner { text: &self.text, position, line, separator: self.separator };
        let mut more = true;
        std::iter::from_fn(move || {
            // `parse` has already been through here, so there is no error to lose.
            let (cell, next) = if more { scanner.cell().ok()? } else { return None };
            more = next;
            Some(cell)
        })
        .take(self.columns)
    }

    /// Returns a cell without its quotes.
    #[inline(never)]
    pub(super) fn cell(&self, row: usize, column: usize) -> Cow<'_, str> {
        self.cells(row).nth(column).unwrap_or_default()
    }

    /// Returns the content of a cell of a column.
    pub(super) fn content(&self, column: usize, cell: &str) -> Cell {
        let content = Cell::of(cell, &self.reading);
        let is_word = || self.texts.iter().any(|(index, word)| *index == column && word == cell.trim());
        if matches!(content, Cell::Missing) && is_word() { Cell::Text } else { content }
    }

    /// Returns what is worth knowing about how the table was read: a sentence for each surprise, without a point.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns how the table was read.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Returns the indices of the ignored columns, from 0.
    pub(super) fn ignored(&self) -> &[usize] {
        &self.ignored
    }

    /// Returns whether the column with this index, from 0, is ignored: see [`ignore`](Self::ignore).
    pub fn ignores(&self, column: usize) -> bool {
        self.ignored.contains(&column)
    }

    /// Leaves columns out of everything that is learned, by their headers or their numbers from 1: identifiers, dates.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn ignore<S: AsRef<str>>(&mut self, names: &[S]) -> Result<()> {
        for name in names {
            let column = self.find(name.as_ref())?;
            if let Err(index) = self.ignored.binary_search(&column) {
                self.ignored.insert(index, column);
            }
        }
        Ok(())
    }

    /// Returns the index, from 0, of the column with this header or number from 1.
    pub(super) fn find(&self, name: &str) -> Result<usize> {
        let named = self.header().and_then(|header| header.iter().position(|other| other == name));
        let numbered = || name.parse().ok().filter(|number| (1..=self.columns()).contains(number)).map(|n| n - 1);
        named.or_else(numbered).ok_or_else(|| {
            let names: Vec<String> = (0..self.columns()).map(|column| self.column_name(column)).collect();
            let hint = match self.header() {
                Some(_) => "",
                None => ": its first line is read as data (--header yes, if it is a header)",
            };
            let meant = nearest::hint(name, self.header().unwrap_or_default());
            let (name, names) = (quoted(name), listed(&names));
            Error::format(self.file(), format!("has no column {name}{meant}; it has {names}{hint}"))
        })
    }

    /// Keeps the records whose entry in `keep` is true.
    pub(super) fn retain(&mut self, keep: &[bool]) {
        let mut keep = keep.iter();
        self.records.retain(|_| keep.next() == Some(&true));
    }

    /// Returns an error that blames one cell.
    pub(super) fn blame(&self, row: usize, column: usize, message: String) -> Error {
        let column = Some(self.column_name(column));
        Error::Parse { file: self.file.clone(), line: self.line(row), column, message }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({:?}, {} × {})", self.file, self.rows(), self.columns)
    }
}

/// Returns an error if two columns have the same name.
pub(super) fn distinct_columns<S: AsRef<str>>(names: &[S], file: &str, line: usize) -> Result<()> {
    match repeated(names.iter().map(S::as_ref)) {
        Some(twice) => Err(fault(file, line, format!("two columns are called {}: rename one of them", quoted(twice)))),
        None => Ok(()),
    }
}

pub(super) fn fault(file: &str, line: usize, message: String) -> Error {
    Error::Parse { file: file.to_string(), line, column: None, message }
}
