//! Tables of text: CSV and its relatives (RFC 4180).

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::path::Path;

use super::{GZIP, compressed};
use crate::base::error::{Error, Result};
use crate::base::text::{listed, quoted, repeated};

/// A CSV file: records of equally many cells, each cell still a text.
///
/// - The separator is the comma, the tab or the semicolon, whichever the first record has most of. (A comma between
///   digits may be a decimal comma, and counts only when there is no other separator.)
/// - A cell in double quotes may hold separators, line ends and, doubled, quotes. Spaces around a cell do not
///   belong to it unless they stand inside quotes.
/// - Lines end in LF, CRLF or CR. Blank lines are skipped, and so is a UTF-8 byte order mark.
/// - The first record is a header when none of its cells is empty or a number.
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
    file: String,
    text: String,
    separator: u8,
    header: Option<Vec<String>>,
    columns: usize,
    /// The indices of the ignored columns, in their order.
    ignored: Vec<usize>,
    records: Vec<Record>,
}

/// Where a record starts.
#[derive(Clone, Copy)]
struct Record {
    position: usize,
    line: usize,
}

impl Table {
    /// Reads the table in a file; `-` is standard input.
    ///
    /// # Errors
    /// If the file cannot be read, and those of [`parse`](Self::parse).
    pub fn read(path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        let mut bytes = Vec::new();
        let result = match path == Path::new("-") {
            true => std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ()),
            false => std::fs::read(path).map(|content| bytes = content),
        };
        result.map_err(|source| Error::io(path, source))?;
        Table::parse(bytes, &path.display().to_string())
    }

    /// Reads the table in `content`; `file` is its name in messages.
    ///
    /// # Errors
    /// If the content is compressed, not UTF-8, or empty; if records differ in their number of cells; if a quote does
    /// not end or a cell continues after it; if two columns of the header have the same name or no record is under it.
    /// The error names the line.
    pub fn parse(content: impl Into<Vec<u8>>, file: &str) -> Result<Table> {
        let text = decode(content.into(), file)?;
        let start = if text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
        let separator = separator(&text.as_bytes()[start..]);
        let mut scanner = Scanner { text: &text, position: start, line: 1, separator };
        let mut records: Vec<Record> = Vec::new();
        let mut columns = 0;
        while scanner.skip_blank_lines() {
            let record = Record { position: scanner.position, line: scanner.line };
            let mut cells = 0;
            let mut more = true;
            while more {
                (_, more) = scanner.cell().map_err(|(line, message)| fault(file, line, message))?;
                cells += 1;
            }
            if records.is_empty() {
                columns = cells;
            } else if cells != columns {
                let (first, name) = (records[0], separator_name(separator));
                let unit = if cells == 1 { "cell" } else { "cells" };
                let message = format!(
                    "{cells} {unit}, but line {} has {columns}; a cell that holds a {name} must stand in double quotes",
                    first.line
                );
                return Err(fault(file, record.line, message));
            }
            records.push(record);
        }
        if records.is_empty() {
            return Err(Error::format(file, "is empty: a header or a line of numbers was expected"));
        }
        let (file, ignored) = (file.to_string(), Vec::new());
        let mut table = Table { file, text, separator, header: None, columns, ignored, records };
        if table.cells(0).all(|cell| is_name(cell.trim())) {
            table.take_header()?;
        }
        Ok(table)
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
        Ok(Table { file, text, separator: b',', header: Some(header), columns, ignored: Vec::new(), records })
    }

    fn take_header(&mut self) -> Result<()> {
        let names: Vec<String> = self.cells(0).map(|cell| cell.trim().to_string()).collect();
        let line = self.records.remove(0).line;
        distinct_columns(&names, &self.file, line)?;
        if self.records.is_empty() {
            let message =
                "has a header but no rows under it (the first line is a header when no cell of it is a number)";
            return Err(Error::format(&self.file, message));
        }
        self.header = Some(names);
        Ok(())
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
                None => ": it has no header, since a number or an empty cell is in its first line",
            };
            Error::format(self.file(), format!("has no column {}; it has {}{hint}", quoted(name), listed(&names)))
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

/// Returns whether a cell may be a column's name. A number with a decimal comma, which is refused later, may not.
fn is_name(cell: &str) -> bool {
    !cell.is_empty() && cell.replace(',', ".").parse::<f64>().is_err()
}

/// Returns an error if two columns have the same name.
fn distinct_columns(names: &[String], file: &str, line: usize) -> Result<()> {
    match repeated(names.iter().map(String::as_str)) {
        Some(twice) => Err(fault(file, line, format!("two columns are called {}: rename one of them", quoted(twice)))),
        None => Ok(()),
    }
}

fn fault(file: &str, line: usize, message: String) -> Error {
    Error::Parse { file: file.to_string(), line, column: None, message }
}

fn decode(bytes: Vec<u8>, file: &str) -> Result<String> {
    if bytes.starts_with(&GZIP) {
        return Err(compressed(file));
    }
    // A byte order mark, or the zero half of a first plain letter.
    if matches!(bytes[..], [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, 1..=255, ..] | [1..=255, 0, ..]) {
        let message = format!("is UTF-16: convert it with `iconv -f UTF-16 -t UTF-8 {file} > utf8.csv`");
        return Err(Error::format(file, message));
    }
    String::from_utf8(bytes).map_err(|error| {
        if error.as_bytes().contains(&0) {
            let remedy = "a table is a text with commas, tabs or semicolons between the cells, and images are read by \
                          their folder";
            return Error::format(file, format!("is not a text but binary: {remedy}"));
        }
        let line = 1 + line_ends(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        let remedy = format!("convert the file, perhaps with `iconv -f WINDOWS-1252 -t UTF-8 {file} > utf8.csv`");
        fault(file, line, format!("is not UTF-8 text: {remedy}"))
    })
}

fn line_ends(bytes: &[u8]) -> usize {
    let ends = |(i, &byte): (usize, &u8)| byte == b'\n' || (byte == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
    bytes.iter().enumerate().filter(|&entry| ends(entry)).count()
}

/// Returns the separator that the first record has most of. A comma between digits counts only when there is nothing
/// else: it may be a decimal comma.
fn separator(bytes: &[u8]) -> u8 {
    let (mut commas, mut semicolons, mut tabs) = (0, 0, 0);
    let (mut quoted, mut blank, mut after_digit) = (false, true, false);
    for (i, &byte) in bytes.iter().enumerate() {
        let before_digit = bytes.get(i + 1).is_some_and(u8::is_ascii_digit);
        match byte {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'\n' | b'\r' if !blank => break,
            b',' if !(after_digit && before_digit) => commas += 1,
            b';' => semicolons += 1,
            b'\t' => tabs += 1,
            _ => {}
        }
        blank &= matches!(byte, b' ' | b'\n' | b'\r');
        after_digit = byte.is_ascii_digit();
    }
    match commas.max(semicolons).max(tabs) {
        most if most == commas => b',',
        most if most == semicolons => b';',
        _ => b'\t',
    }
}

fn separator_name(separator: u8) -> &'static str {
    match separator {
        b'\t' => "tab",
        b';' => "semicolon",
        _ => "comma",
    }
}

/// Splits a text into cells, one by one.
struct Scanner<'a> {
    text: &'a str,
    position: usize,
    line: usize,
    separator: u8,
}

impl<'a> Scanner<'a> {
    /// Goes to the start of the next record. Returns whether there is one.
    fn skip_blank_lines(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let mut ahead = self.position;
        loop {
            match bytes.get(ahead) {
                Some(b' ') => ahead += 1,
                Some(b'\n' | b'\r') => {
                    self.position = ahead;
                    self.end_line();
                    ahead = self.position;
                }
                other => return other.is_some(),
            }
        }
    }

    /// Steps over the line end here, if there is one.
    fn end_line(&mut self) {
        let rest = &self.text.as_bytes()[self.position..];
        let length = match rest {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => return,
        };
        self.position += length;
        self.line += 1;
    }

    /// Returns the cell here, and whether its record has another one; or the line to blame, and why.
    #[inline]
    fn cell(&mut self) -> std::result::Result<(Cow<'a, str>, bool), (usize, String)> {
        let bytes = self.text.as_bytes();
        let start = self.position + bytes[self.position..].iter().take_while(|&&byte| byte == b' ').count();
        let cell = if bytes.get(start) == Some(&b'"') {
            self.quoted_cell(start + 1)?
        } else {
            let separator = self.separator;
            let ends = |&byte: &u8| byte == separator || byte == b'\n' || byte == b'\r';
            let end = bytes[start..].iter().position(ends).map_or(bytes.len(), |length| start + length);
            self.position = end;
            Cow::Borrowed(self.text[start..end].trim_ascii_end())
        };
        let more = bytes.get(self.position) == Some(&self.separator);
        if more {
            self.position += 1;
        } else {
            self.end_line();
        }
        Ok((cell, more))
    }

    /// Returns the cell whose opening quote stands just before `start`.
    fn quoted_cell(&mut self, start: usize) -> std::result::Result<Cow<'a, str>, (usize, String)> {
        let bytes = self.text.as_bytes();
        let line = self.line;
        let (mut unquoted, mut from) = (String::new(), start);
        let end = loop {
            let Some(length) = self.text[from..].find('"') else {
                return Err((line, "a double quote opens here and never ends: close it, or double it".to_string()));
            };
            let quote = from + length;
            if bytes.get(quote + 1) != Some(&b'"') {
                break quote;
            }
            unquoted.push_str(&self.text[from..=quote]);
            from = quote + 2;
        };
        self.line += line_ends(&bytes[start..end]);
        self.position = end + 1 + bytes[end + 1..].iter().take_while(|&&byte| byte == b' ').count();
        match bytes.get(self.position) {
            Some(&byte) if byte != self.separator && byte != b'\n' && byte != b'\r' => {
                let message = "a cell continues after its closing double quote: a quote inside a cell must be doubled";
                Err((self.line, message.to_string()))
            }
            _ if unquoted.is_empty() => Ok(Cow::Borrowed(&self.text[start..end])),
            _ => Ok(Cow::Owned(unquoted + &self.text[from..end])),
        }
    }
}
