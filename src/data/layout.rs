//! From a text to a table: its records, its columns and its header.

use std::borrow::Cow;

use super::dialect::{BLANKS, Preamble, is_blank, separator, separator_name, unblanked};
use super::foreign::decode;
use super::header::is_header;
use super::lines::{Line, Lines};
use super::memory::{check_shape, too_large};
use super::reading::Reading;
use super::scanner::Scanner;
use super::table::{Record, Table, distinct_columns, fault};
use crate::base::error::{Error, Result};
use crate::base::memory::is_available;
use crate::base::text::{counted, quoted, repeated};

/// The faults that a further line may mend.
const EMPTY: &str = "is empty: a header or a line of numbers was expected";
const NO_CONTENT: &str = "has nothing but separators: a header or a line of numbers was expected";
const NO_ROWS: &str = "has a header but no rows under it (--header no, if the first line is data)";

/// Returns whether a table may be read without this error if there are further lines.
pub(super) fn needs_rows(error: &Error) -> bool {
    matches!(error, Error::Format { message, .. } if [EMPTY, NO_CONTENT, NO_ROWS].contains(&message.as_str()))
}

/// The name of a first column that has none.
const INDEX: &str = "index";

impl Table {
    /// Reads the table in `content`, as `reading` says; `file` is its name in messages.
    ///
    /// # Errors
    /// If the content is known to be no table, compressed, not UTF-8, or empty; if records differ in their number of
    /// cells; if a quote does not end or a cell continues after it; if two columns of the header have the same name or
    /// no record is under it; if a value of `reading` is not valid, or the column of weights, of groups or of times that
    /// it names is absent. The error names the line.
    pub fn parse_with(content: impl Into<Vec<u8>>, file: &str, reading: &Reading) -> Result<Table> {
        reading.check()?;
        let mut text = decode(content.into(), file)?;
        let preamble = Preamble::read(&text);
        let given = reading.separator.map(|c| c as u8).or(preamble.separator);
        let mut separator = given.unwrap_or_else(|| separator(&text, preamble.position));
        if is_blank(separator) {
            let start = preamble.comments.last().map_or(preamble.position, |comment| comment.position);
            text = unblanked(&text, start).ok_or_else(|| Error::format(file, "is larger than the memory"))?;
            separator = BLANKS;
        }
        let preamble = Preamble::read(&text);
        let mut first = Scanner { text: &text, position: preamble.position, line: preamble.line, separator };
        let mut comments = preamble.comments;
        // NumPy writes a header behind the sign of a comment. It has as many cells as the records under it.
        if let Some(&comment) = comments.last() {
            let above = Scanner { text: &text, position: comment.position, line: comment.line, separator };
            let cells = count_cells(above);
            if cells >= 2 && cells == count_cells(first) {
                first = above;
                comments.pop();
            }
        }
        let has_quotes = text.contains('"');
        let lines = Lines::scan(first, has_quotes, file)?;
        if lines.records.is_empty() && lines.empty == 0 {
            return Err(Error::format(file, EMPTY));
        }
        let comments = comments.len();
        let table = Table {
            file: file.to_string(),
            separator,
            has_quotes,
            header: None,
            head: None,
            columns: lines.first.cells,
            ignored: Vec::new(),
            records: Vec::new(),
            notes: Vec::new(),
            reading: reading.clone(),
            texts: Vec::new(),
            text,
        };
        table.with_lines(lines, comments)
    }

    /// Arranges the records in columns, and finds the header.
    fn with_lines(mut self, lines: Lines, comments: usize) -> Result<Table> {
        if self.separator == BLANKS && self.reading.separator.is_none() {
            self.notes.push("blanks separate the cells".to_string());
        }
        if comments > 0 {
            let (lines, are) = (counted(comments, "line"), verb(comments));
            self.notes.push(format!("{lines} at the beginning with a # in front {are} left out"));
        }
        if lines.records.is_empty() {
            return Err(Error::format(&self.file, NO_CONTENT));
        }
        self.note_left_out(&lines);
        let has_row_names = self.arrange(&lines)?;
        check_shape(&self.file, lines.records.len(), self.columns)?;
        self.records = lines.records;
        let first: Vec<Cow<'_, str>> = self.cells(0).collect();
        let under = (1..self.rows()).map(|row| self.cells(row));
        let judged = has_row_names || is_header(&first, under, &self.reading);
        let plain = first.iter().all(|cell| !cell.is_empty() && is_name(cell));
        let has_name = !first[0].is_empty();
        drop(first);
        let line = self.line(0);
        let is_judged = self.reading.header.is_none();
        if self.reading.header.unwrap_or(judged) {
            if !plain && is_judged && !has_row_names && has_name {
                self.notes.push(format!("line {line} is read as a header (--header no reads it as data)"));
            }
            self.take_header(has_row_names)?;
        } else if plain && is_judged {
            let why = "its cells occur again below";
            self.notes.push(format!("line {line} is read as data, as {why} (--header yes reads it as a header)"));
        }
        let Reading { weights, group, time, .. } = &self.reading;
        let about_rows: Vec<String> = [weights, group, time].into_iter().flatten().cloned().collect();
        self.ignore(&about_rows)?;
        Ok(self)
    }

    /// Returns the character between cells. A space stands for blanks.
    pub fn separator(&self) -> char {
        if is_blank(self.separator) { ' ' } else { self.separator.into() }
    }

    /// Returns the characters at the end of a line, as they are behind the first record.
    pub fn line_end(&self) -> &'static str {
        let next = self.records.get(usize::from(self.head.is_none()));
        let text = &self.text[..next.map_or(self.text.len(), |next| next.position)];
        ["\r\n", "\r"].into_iter().find(|end| text.ends_with(end)).unwrap_or("\n")
    }

    /// Returns a record as it is written, without its line end and the empty cells behind the last column. Of blanks
    /// between cells, one is left.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn line_text(&self, row: usize) -> Cow<'_, str> {
        self.written_record(self.records[row])
    }

    /// Returns the header as it is written, without its line end and the empty cells behind the last column, if the table
    /// was read with one.
    pub fn header_text(&self) -> Option<Cow<'_, str>> {
        Some(self.written_record(self.head?))
    }

    fn written_record(&self, record: Record) -> Cow<'_, str> {
        let Record { position, line } = record;
        let mut scanner = Scanner { text: &self.text, position, line, separator: self.separator };
        // `parse` has already been through here. Empty cells behind the last column would move what is appended.
        let more = (0..self.columns).fold(true, |more, _| more && scanner.cell().is_ok_and(|(_, more)| more));
        let end = scanner.position - usize::from(more);
        let text = self.text[position..end].trim_end_matches(['\r', '\n']);
        match self.separator {
            BLANKS => Cow::Owned(text.replace(char::from(BLANKS), " ")),
            _ => Cow::Borrowed(text),
        }
    }

    fn note_left_out(&mut self, lines: &Lines) {
        for (count, what) in [(lines.empty, "without content "), (lines.blank, "between others that are blank ")] {
            if count > 0 {
                self.notes.push(format!("{} {what}{} left out", counted(count, "line"), verb(count)));
            }
        }
    }

    /// Returns a table of the same columns without rows, for [`continued`](Self::continued).
    pub(super) fn without_rows(&self) -> Table {
        let reading = Reading { header: Some(false), ..self.reading.clone() };
        let (header, ignored, texts) = (self.header.clone(), self.ignored.clone(), self.texts.clone());
        let (text, records, notes, file) = (String::new(), Vec::new(), Vec::new(), self.file.clone());
        Table { file, text, header, head: None, ignored, records, notes, reading, texts, ..*self }
    }

    /// Returns the table of further lines, arranged as this one; nothing if they are blank.
    pub(super) fn continued(&self, text: &str, line: usize) -> Result<Option<Table>> {
        let mut table = self.without_rows();
        table.text = match is_blank(self.separator) {
            true => unblanked(text, 0).unwrap_or_default(),
            false => text.to_string(),
        };
        table.has_quotes = text.contains('"');
        let scanner = Scanner { text: &table.text, position: 0, line, separator: self.separator };
        let lines = Lines::scan(scanner, table.has_quotes, &self.file)?;
        table.note_left_out(&lines);
        let first = &lines.first;
        let (fewest, used) = (first.cells.min(lines.fewest), first.used.max(lines.used));
        if !lines.records.is_empty() && (fewest < self.columns || used > self.columns) {
            // Said of a single line: see `stream`.
            let (cells, columns) = (counted(first.cells, "cell"), self.columns);
            let message = format!("{cells}, but the lines above have {columns}: correct the line, or remove it");
            return Err(fault(&self.file, line, message));
        }
        check_shape(&self.file, lines.records.len(), self.columns)?;
        table.records = lines.records;
        Ok((!table.records.is_empty()).then_some(table))
    }

    /// Finds the number of columns, which every line must have. Returns whether the first line lacks the name of the
    /// first column, as R writes a table with names of rows.
    fn arrange(&mut self, lines: &Lines) -> Result<bool> {
        let (first, rows) = (&lines.first, lines.records.len());
        // A line of data has all its cells.
        let may_lack = self.reading.header != Some(false);
        let longer = may_lack && rows > 2 && [lines.fewest, lines.most] == [first.cells + 1; 2];
        if longer && lines.used == first.cells + 1 && first.used == first.cells && self.begin_with_names(lines) {
            self.columns = first.cells + 1;
            return Ok(true);
        }
        self.columns = first.used.max(lines.used.min(first.cells)).max(1);
        if rows > 1 && (lines.used > self.columns || lines.fewest < self.columns) {
            return Err(self.uneven(lines));
        }
        let cells = first.cells.max(lines.most);
        if cells > self.columns {
            let empty = counted(cells - self.columns, "empty column");
            let are = verb(cells - self.columns);
            self.notes.push(format!("{empty} at the end of the lines {are} left out"));
        }
        Ok(false)
    }

    /// Returns whether every line under the first begins with another text or whole number. Otherwise its cells are one
    /// too many for another reason, such as a comma in a cell without quotes.
    fn begin_with_names(&self, lines: &Lines) -> bool {
        let name = |record: &Record| {
            let Record { position, line } = *record;
            let cell = Scanner { text: &self.text, position, line, separator: self.separator }.cell();
            cell.map(|(cell, _)| cell).unwrap_or_default()
        };
        let is_measured = |cell: &str| cell.parse::<f64>().is_ok() && cell.parse::<i64>().is_err();
        let names: Vec<Cow<'_, str>> = lines.records[1..].iter().map(name).collect();
        !names.iter().any(|name| is_measured(name)) && repeated(names.iter().map(|name| &**name)).is_none()
    }

    /// Returns the error for the first line that has not as many cells as the first.
    fn uneven(&self, lines: &Lines) -> Error {
        let (first, columns) = (&lines.first, self.columns);
        let read = |record: &Record| {
            let Record { position, line } = *record;
            let mut scanner = Scanner { text: &self.text, position, line, separator: self.separator };
            (line, Line::read(&mut scanner, self.has_quotes).unwrap_or(Line { cells: 0, used: 0 }))
        };
        let odd = lines.records[1..].iter().map(read).find(|(_, line)| line.used > columns || line.cells < columns);
        let (number, cells) = odd.map_or((0, 0), |(number, line)| (number, line.cells));
        let remedy = match cells < first.cells {
            _ if first.cells == 1 => {
                "if that line is a title, remove it; --separator names another separator".to_string()
            }
            true => "fill the line up, or remove it".to_string(),
            false => format!(
                "a cell that holds a {} must stand in double quotes, and --separator names another separator",
                separator_name(self.separator)
            ),
        };
        let above = lines.records[0].line;
        let message = format!("{}, but line {above} has {}: {remedy}", counted(cells, "cell"), first.cells);
        fault(&self.file, number, message)
    }

    /// Makes a header of the first record, and looks for a column that numbers the rows.
    fn take_header(&mut self, has_row_names: bool) -> Result<()> {
        let record = self.records[0];
        let cells = self.cells(0).map(|cell| cell.trim().to_string());
        let mut names: Vec<String> =
            has_row_names.then(String::new).into_iter().chain(cells).take(self.columns).collect();
        if self.text[record.position..].starts_with('#') {
            names[0] = names[0].trim_start_matches('#').trim().to_string();
        }
        self.head = Some(self.records.remove(0));
        let filled: Vec<&String> = names.iter().filter(|name| !name.is_empty()).collect();
        if let Err(error) = distinct_columns(&filled, &self.file, record.line) {
            return Err(match (error, self.reading.header) {
                (Error::Parse { file, line, column, message }, None) => {
                    let message = format!("{message}, or say --header no if this line is data");
                    Error::Parse { file, line, column, message }
                }
                (error, _) => error,
            });
        }
        if filled.len() == 1 && self.columns > 2 && self.reading.header.is_none() {
            let message = format!(
                "{} stands alone, as a title does: remove the line, so that the names of the columns come first, or say \
                 --header yes",
                quoted(filled[0])
            );
            return Err(fault(&self.file, record.line, message));
        }
        if self.records.is_empty() {
            return Err(Error::format(&self.file, NO_ROWS));
        }
        let unnamed = names[0].is_empty();
        let looks_like_index = unnamed || names[0].starts_with("Unnamed: ");
        for index in 0..names.len() {
            if names[index].is_empty() {
                names[index] = self.invented_name(&names, index);
            }
        }
        if looks_like_index && self.columns > 1 && !self.reading.keep_index && (has_row_names || self.numbers_rows()?) {
            self.ignored.push(0);
            let what = if has_row_names { "holds the names of the rows" } else { "numbers the rows" };
            let name = if unnamed { "has no name and" } else { "without a name of its own" };
            self.notes.push(format!("the first column {name} {what}: it is left out (--keep-index keeps it)"));
        } else if unnamed {
            self.notes.push(format!("the first column has no name: it is called {}", quoted(&names[0])));
        }
        self.header = Some(names);
        Ok(())
    }

    /// Returns a name for a column that has none.
    fn invented_name(&self, names: &[String], index: usize) -> String {
        let numbered = format!("column {}", index + 1);
        let mut candidates = [INDEX.to_string(), numbered.clone()].into_iter().skip(usize::from(index > 0));
        candidates.find(|name| !names.contains(name)).unwrap_or(numbered + "'")
    }

    /// Returns whether the cells of the first column are different whole numbers.
    fn numbers_rows(&self) -> Result<bool> {
        // The cells, twice while the list of them grows, and their order.
        const ROW: usize = 3 * size_of::<Cow<'_, str>>() + 24;
        if !is_available(self.rows().saturating_mul(ROW)) {
            return Err(too_large(&self.file, &format!("the names of {} rows", self.rows())));
        }
        let whole = |cell: &str| {
            cell.parse::<i64>().is_ok() || cell.strip_suffix(".0").is_some_and(|c| c.parse::<i64>().is_ok())
        };
        let first = |row: usize| self.cells(row).next().filter(|cell| whole(cell));
        let cells: Option<Vec<Cow<'_, str>>> = (0..self.rows()).map(first).collect();
        Ok(cells.is_some_and(|cells| repeated(cells.iter().map(|cell| &**cell)).is_none()))
    }
}

/// Returns whether a cell may be a column's name without a doubt.
fn is_name(cell: &str) -> bool {
    cell.replace(',', ".").parse::<f64>().is_err()
}

fn verb(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// Returns the number of cells in the record here.
fn count_cells(mut scanner: Scanner<'_>) -> usize {
    let mut cells = 0;
    let mut more = scanner.skip_blank_lines();
    while more {
        let Ok((_, next)) = scanner.cell() else { return 0 };
        cells += 1;
        more = next;
    }
    cells
}
