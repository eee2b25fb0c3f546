//! From a text to a table: its records, its columns and its header.

use std::borrow::Cow;

use super::dialect::{Preamble, separator, separator_name};
use super::foreign::decode;
use super::header::is_header;
use super::reading::Reading;
use super::scanner::Scanner;
use super::table::{Record, Table, distinct_columns, fault};
use crate::base::error::{Error, Result};
use crate::base::text::{counted, quoted};

/// The name of a first column that has none.
const INDEX: &str = "index";

/// A record, while the table is put together.
struct Line {
    record: Record,
    cells: usize,
    /// The number of cells up to the last that is not empty.
    used: usize,
}

impl Table {
    /// Reads the table in `content`, as `reading` says; `file` is its name in messages.
    ///
    /// # Errors
    /// If the content is known to be no table, compressed, not UTF-8, or empty; if records differ in their number of
    /// cells; if a quote does not end or a cell continues after it; if two columns of the header have the same name or
    /// no record is under it; if a value of `reading` is not valid. The error names the line.
    pub fn parse_with(content: impl Into<Vec<u8>>, file: &str, reading: &Reading) -> Result<Table> {
        reading.check()?;
        let text = decode(content.into(), file)?;
        let preamble = Preamble::read(&text);
        let given = reading.separator.map(|c| c as u8).or(preamble.separator);
        let separator = given.unwrap_or_else(|| separator(&text, preamble.position));
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
        let lines = scan(first, has_quotes, file)?;
        if lines.is_empty() {
            return Err(Error::format(file, "is empty: a header or a line of numbers was expected"));
        }
        let comments = comments.len();
        let table = Table {
            file: file.to_string(),
            separator,
            has_quotes,
            header: None,
            columns: lines[0].cells,
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
    fn with_lines(mut self, mut lines: Vec<Line>, comments: usize) -> Result<Table> {
        if comments > 0 {
            let (lines, are) = (counted(comments, "line"), verb(comments));
            self.notes.push(format!("{lines} at the beginning that start with # {are} left out"));
        }
        let all = lines.len();
        lines.retain(|line| line.cells == 1 || line.used > 0);
        if lines.is_empty() {
            return Err(Error::format(
                &self.file,
                "has nothing but separators: a header or a line of numbers was expected",
            ));
        }
        if lines.len() < all {
            let (empty, are) = (all - lines.len(), verb(all - lines.len()));
            self.notes.push(format!("{} without content {are} left out", counted(empty, "line")));
        }
        let has_row_names = self.arrange(&lines)?;
        self.records = lines.iter().map(|line| line.record).collect();
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
        Ok(self)
    }

    /// Finds the number of columns, which every line must have. Returns whether the first line lacks the name of the
    /// first column, as R writes a table with names of rows.
    fn arrange(&mut self, lines: &[Line]) -> Result<bool> {
        let (first, rest) = (&lines[0], &lines[1..]);
        let used = rest.iter().map(|line| line.used).max().unwrap_or(0);
        // A line of data has all its cells.
        let may_lack = self.reading.header != Some(false);
        let longer = may_lack && rest.len() > 1 && rest.iter().all(|line| line.cells == first.cells + 1);
        if longer && used == first.cells + 1 && first.used == first.cells {
            self.columns = first.cells + 1;
            return Ok(true);
        }
        self.columns = first.used.max(used.min(first.cells)).max(1);
        let odd = rest.iter().find(|line| line.used > self.columns || line.cells < self.columns);
        if let Some(line) = odd {
            let (cells, columns, name) = (line.cells, first.cells, separator_name(self.separator));
            let above = first.record.line;
            let remedy = match cells < columns {
                true => "fill the line up, or remove it".to_string(),
                false => format!(
                    "a cell that holds a {name} must stand in double quotes, and --separator names another separator"
                ),
            };
            let message = format!("{}, but line {above} has {columns}: {remedy}", counted(cells, "cell"));
            return Err(fault(&self.file, line.record.line, message));
        }
        let cells = lines.iter().map(|line| line.cells).max().unwrap_or(0);
        if cells > self.columns {
            let empty = counted(cells - self.columns, "empty column");
            let are = verb(cells - self.columns);
            self.notes.push(format!("{empty} at the end of the lines {are} left out"));
        }
        Ok(false)
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
        self.records.remove(0);
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
        if self.records.is_empty() {
            let message = "has a header but no rows under it (--header no, if the first line is data)";
            return Err(Error::format(&self.file, message));
        }
        let unnamed = names[0].is_empty();
        let looks_like_index = unnamed || names[0].starts_with("Unnamed: ");
        for index in 0..names.len() {
            if names[index].is_empty() {
                names[index] = self.invented_name(&names, index);
            }
        }
        if looks_like_index && self.columns > 1 && !self.reading.keep_index && self.numbers_rows(has_row_names) {
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

    /// Returns whether the cells of the first column are different whole numbers or, if they may be, different texts.
    fn numbers_rows(&self, may_be_texts: bool) -> bool {
        let first = |row: usize| self.cells(row).next().unwrap_or_default();
        let whole = |cell: &str| {
            cell.parse::<i64>().is_ok() || cell.strip_suffix(".0").is_some_and(|c| c.parse::<i64>().is_ok())
        };
        let mut cells: Vec<Cow<'_, str>> = Vec::new();
        for row in 0..self.rows() {
            let cell = first(row);
            if !may_be_texts && !whole(&cell) {
                return false;
            }
            cells.push(cell);
        }
        crate::base::text::repeated(cells.iter().map(|cell| &**cell)).is_none()
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

/// Finds all records.
fn scan(mut scanner: Scanner<'_>, has_quotes: bool, file: &str) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    while scanner.skip_blank_lines() {
        let record = Record { position: scanner.position, line: scanner.line };
        if !has_quotes {
            lines.push(plain_line(&mut scanner, record));
            continue;
        }
        let (mut cells, mut used, mut more) = (0, 0, true);
        while more {
            let (cell, next) = scanner.cell().map_err(|(line, message)| fault(file, line, message))?;
            cells += 1;
            if !cell.is_empty() {
                used = cells;
            }
            more = next;
        }
        lines.push(Line { record, cells, used });
    }
    Ok(lines)
}

/// Reads over a record without quotes, whose separators can simply be counted.
fn plain_line(scanner: &mut Scanner<'_>, record: Record) -> Line {
    let (separator, rest) = (scanner.separator, &scanner.text.as_bytes()[scanner.position..]);
    let end = rest.iter().position(|&byte| byte == b'\n' || byte == b'\r').unwrap_or(rest.len());
    let line = &rest[..end];
    let cells = 1 + line.iter().filter(|&&byte| byte == separator).count();
    let is_blank = |byte: &&u8| **byte == separator || **byte == b' ';
    let empty = line.iter().rev().take_while(is_blank).filter(|&&byte| byte == separator).count();
    // A line of separators alone has one empty cell more than these.
    let used = if line.iter().all(|byte| is_blank(&byte)) { 0 } else { cells - empty };
    scanner.position += end;
    scanner.end_line();
    Line { record, cells, used }
}
