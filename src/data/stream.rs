//! A table whose lines arrive bit by bit, as through a pipe from a program that waits for the answer to each of them.
//!
//! **The problem.** To know the separator, the header and the number of columns, one looks at many lines; and one who
//! waits for an answer has sent a single one.
//!
//! **The idea.** The first row, with the header if there is one, is read as a table, and the lines after it are arranged
//! as it is; so nothing depends on how many lines arrive together. Records that have not ended yet wait for the rest of
//! them, and so does a header for a row.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};

use super::device::refuse_endless;
use super::dialect::is_blank;
use super::layout::needs_rows;
use super::lines::Line;
use super::reading::Reading;
use super::scanner::{Scanner, line_ends};
use super::table::{Table, fault};
use crate::base::error::{Error, Result};

/// Rows that have arrived.
#[derive(Debug)]
pub enum Arrival {
    /// A table of some rows.
    Rows(Box<Table>),
    /// A line that is no row of the table.
    Fault {
        /// The line as it is written, without its end: the beginning of one that is given up because it is too long.
        text: String,
        /// The reason.
        error: Error,
    },
    /// A line below the first row that is blank, or has nothing but separators.
    Blank {
        /// The line as it is written, without its end.
        text: String,
    },
}

/// A table whose lines arrive bit by bit, as through a pipe.
///
/// [`next`](Self::next) returns the rows that have arrived since, and waits only if there are none. The first of them is
/// read as [`Table::parse_with`] reads a table; the separator, the columns and the header found there hold for all.
/// A first line that may be a header, because it has one of the [names](Reading::names) of the reading or nothing but
/// texts, waits for a row: say that there is [no header](Reading::header) if a line of texts is data.
///
/// ```
/// use palmnet::Model;
/// use palmnet::data::{Arrival, TableStream};
/// let model = Model::from_bytes(include_bytes!("../../examples/iris.safetensors"), "iris.safetensors")?;
/// let lines = &b"5.9,2.8,4.2,1.3\n5.1,3.5,1.4,0.2\n"[..];
/// let mut stream = TableStream::new(lines, "lines", &model.schema().reading());
/// while let Some(arrival) = stream.next()? {
///     match arrival {
///         Arrival::Rows(table) => println!("{:?}", model.predict_rows(&table)?.outputs),
///         Arrival::Fault { error, .. } => eprintln!("{error}"),
///         Arrival::Blank { .. } => {}
///     }
/// }
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Debug)]
pub struct TableStream<R> {
    reader: R,
    block: Vec<u8>,
    lines: Arriving,
}

impl<R: Read> TableStream<R> {
    /// Begins to read the lines of `reader`; `file` is their name in messages. Each of its calls should return as soon as
    /// there is something, as those of pipes and sockets do.
    pub fn new(reader: R, file: &str, reading: &Reading) -> TableStream<R> {
        /// A pipe holds fewer bytes, and of a file it is enough rows to keep all threads at work.
        const BLOCK: usize = 1 << 20;
        TableStream { reader, block: vec![0; BLOCK], lines: Arriving::new(file, reading) }
    }

    /// Returns rows that have arrived, or a line that is none; waits for some, and returns nothing at the end.
    ///
    /// # Errors
    /// If the reader fails, or the first rows cannot be read as a table: those of [`Table::parse_with`], or a line that is
    /// longer than 16 MB.
    #[allow(clippy::should_implement_trait)] // It may fail.
    pub fn next(&mut self) -> Result<Option<Arrival>> {
        loop {
            if let Some(found) = self.lines.found.pop_front() {
                return Ok(Some(found));
            }
            if self.lines.has_ended {
                return Ok(None);
            }
            match self.reader.read(&mut self.block) {
                Ok(count) => self.lines.receive(&self.block[..count])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.lines.has_ended = true;
                    return Err(Error::io(&self.lines.file, error));
                }
            }
        }
    }
}

impl TableStream<io::Stdin> {
    /// Begins to read the lines of standard input, which is `-` in messages.
    ///
    /// # Errors
    /// If it is a device without an end.
    pub fn stdin(reading: &Reading) -> Result<TableStream<io::Stdin>> {
        refuse_endless("-".as_ref())?;
        Ok(TableStream::new(io::stdin(), "-", reading))
    }
}

/// More pending bytes than these are not waited with: a line end or a quote is missing. Lines of wide tables are shorter.
const MOST_PENDING: usize = 1 << 24;

/// How far the pending bytes are searched for ends of records: each of them once, however few arrive together.
#[derive(Debug, Default)]
struct Walk {
    index: usize,
    in_quotes: bool,
    /// Whether a quote here opens no cell.
    is_inside: bool,
    /// The number of bytes that are whole records.
    whole: usize,
}

/// Lines as they arrive, whatever the reader.
#[derive(Debug)]
struct Arriving {
    file: String,
    reading: Reading,
    /// The bytes that have arrived and are not read yet.
    pending: Vec<u8>,
    /// The line on which they begin, counted from 1.
    line: usize,
    walk: Walk,
    /// Whether bytes up to the next line end belong to a line that is given up.
    skips: bool,
    has_ended: bool,
    /// A table without rows that is arranged as the first one.
    layout: Option<Table>,
    found: VecDeque<Arrival>,
}

impl Arriving {
    fn new(file: &str, reading: &Reading) -> Arriving {
        let (file, reading) = (file.to_string(), reading.clone());
        let (pending, found) = (Vec::new(), VecDeque::new());
        let walk = Walk::default();
        Arriving { file, reading, pending, line: 1, walk, skips: false, has_ended: false, layout: None, found }
    }

    /// Reads the records that end in these bytes, of which there are none at the end.
    fn receive(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while self.layout.is_none()
            && let Some(last) = rest.iter().position(|&byte| byte == b'\n')
        {
            let (line, others) = rest.split_at(last + 1);
            self.read(line)?;
            rest = others;
        }
        if rest.is_empty() && !bytes.is_empty() { Ok(()) } else { self.read(rest) }
    }

    /// Reads the records that end in these bytes: one at the most, as long as there is no row.
    fn read(&mut self, bytes: &[u8]) -> Result<()> {
        self.has_ended = bytes.is_empty();
        let bytes = self.unskipped(bytes);
        self.pending.extend_from_slice(bytes);
        let tried = self.walk.whole;
        self.search();
        let mut end = self.walk.whole;
        // A table without content would be read again and again.
        let new = &self.pending[tried..self.walk.whole];
        let is_blank = self.layout.is_none() && new.iter().all(|byte| b" \t\r\n,;|\"".contains(byte));
        if self.has_ended {
            end = self.pending.len();
        } else if end == tried || is_blank {
            if self.pending.len() <= MOST_PENDING {
                return Ok(());
            }
            // Lines in a quote that does not end, or lines that end in carriage returns alone.
            let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
            end = self.pending.iter().rposition(is_end).map_or(0, |last| last + 1);
            if end == 0 {
                return self.give_up();
            }
        }
        self.walk = Walk::default();
        let rest = self.pending.split_off(end);
        let whole = std::mem::replace(&mut self.pending, rest);
        let line = self.line;
        self.line += line_ends(&whole);
        match &self.layout {
            Some(layout) => arrange(layout, &whole, line, &mut self.found),
            None => self.begin(whole)?,
        }
        Ok(())
    }

    /// Returns the bytes behind the line that is given up.
    fn unskipped<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if !self.skips {
            return bytes;
        }
        let end = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| end + 1);
        self.skips = !bytes[..end].ends_with(b"\n");
        self.line += usize::from(!self.skips);
        &bytes[end..]
    }

    /// Makes a fault of the pending line, which is too long.
    fn give_up(&mut self) -> Result<()> {
        let message = format!("is longer than {MOST_PENDING} bytes: is the end of the line missing?");
        let error = fault(&self.file, self.line, message);
        if self.layout.is_none() {
            self.has_ended = true;
            return Err(error);
        }
        (self.skips, self.walk) = (true, Walk::default());
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned();
        self.found.push_back(Arrival::Fault { text, error });
        Ok(())
    }

    /// Reads the first rows.
    fn begin(&mut self, whole: Vec<u8>) -> Result<()> {
        match Table::parse_with(whole.clone(), &self.file, &self.reading) {
            Ok(table) => {
                self.layout = Some(table.without_rows());
                self.found.push_back(Arrival::Rows(Box::new(table)));
            }
            Err(error) if needs_rows(&error) && !self.has_ended && whole.len() + self.pending.len() <= MOST_PENDING => {
                self.line = 1;
                // They are searched once more, but not read until another line has arrived.
                self.pending.splice(..0, whole);
                self.search();
            }
            Err(error) => {
                self.has_ended = true;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Searches the bytes that have arrived since for ends of records. A line end in quotes is none.
    fn search(&mut self) {
        let separates = |byte| match &self.layout {
            Some(table) if !is_blank(table.separator) => byte == table.separator,
            _ => matches!(byte, b',' | b';' | b'\t' | b'|' | b' '),
        };
        let Walk { mut index, mut in_quotes, mut is_inside, mut whole } = self.walk;
        let new = &self.pending[index..];
        if !in_quotes && !new.contains(&b'"') {
            // All line ends are ends of records.
            if let Some(last) = new.iter().rposition(|&byte| byte == b'\n') {
                (index, whole, is_inside) = (index + last + 1, index + last + 1, false);
            }
        }
        for (index, &byte) in (index..).zip(&self.pending[index..]) {
            match byte {
                // A doubled quote closes and opens.
                b'"' if in_quotes => (in_quotes, is_inside) = (false, false),
                _ if in_quotes => {}
                b'"' if !is_inside => in_quotes = true,
                b'\n' => (whole, is_inside) = (index + 1, false),
                b' ' if !is_inside => {}
                _ => is_inside = !separates(byte),
            }
        }
        self.walk = Walk { index: self.pending.len(), in_quotes, is_inside, whole };
    }
}

/// Reads further lines, of which the first has this number.
fn arrange(layout: &Table, bytes: &[u8], line: usize, found: &mut VecDeque<Arrival>) {
    let text = String::from_utf8_lossy(bytes);
    let mut scanner = Scanner { text: &text, position: 0, line, separator: layout.separator };
    let mut rows = Rows { layout, is_damaged: text.as_bytes() != bytes, line, found };
    let is_blank = |line: &str| line.trim_matches([' ', '\r']).is_empty();
    if !text.trim_end_matches('\n').split('\n').any(is_blank) && !text.ends_with("\n\n") && rows.add_together(&text) {
        return;
    }
    let mut start = 0;
    loop {
        let (end, last) = (scanner.position, scanner.line);
        let has_more = scanner.skip_blank_lines();
        if scanner.line > last || !has_more {
            rows.add(&text[start..end]);
            rows.found.extend((last..scanner.line).map(|_| Arrival::Blank { text: String::new() }));
            (start, rows.line) = (scanner.position, scanner.line);
        }
        if !has_more {
            return;
        }
        read_record(&mut scanner);
    }
}

/// Goes to the end of a record; of one that cannot be read, to the end of its line.
fn read_record(scanner: &mut Scanner<'_>) {
    let (start, line) = (scanner.position, scanner.line);
    if Line::read(scanner, true).is_err() {
        let rest = &scanner.text[start..];
        (scanner.position, scanner.line) = (start + rest.find('\n').unwrap_or(rest.len()), line);
        scanner.end_line();
    }
}

/// Further rows, without blank lines between them.
struct Rows<'a> {
    layout: &'a Table,
    /// Whether the bytes are no text.
    is_damaged: bool,
    /// The number of the first line.
    line: usize,
    found: &'a mut VecDeque<Arrival>,
}

impl Rows<'_> {
    /// Reads rows together, if all of them are as they should be, and else each by itself.
    fn add(&mut self, text: &str) {
        if self.add_together(text) {
            return;
        }
        let (file, separator) = (&self.layout.file, self.layout.separator);
        let mut scanner = Scanner { text, position: 0, line: self.line, separator };
        while scanner.position < text.len() {
            let (start, line) = (scanner.position, scanner.line);
            read_record(&mut scanner);
            let record = &text[start..scanner.position];
            let read = match self.is_damaged && record.contains(char::REPLACEMENT_CHARACTER) {
                true => Err(fault(file, line, "is not UTF-8 text: convert it, as with iconv".to_string())),
                false => self.layout.continued(record, line),
            };
            let text = || record.trim_end_matches(['\r', '\n']).to_string();
            self.found.push_back(match read {
                Ok(Some(table)) => Arrival::Rows(Box::new(table)),
                Ok(None) => Arrival::Blank { text: text() },
                Err(error) => Arrival::Fault { text: text(), error },
            });
        }
    }

    /// Reads rows together. Returns whether all of them are as they should be.
    fn add_together(&mut self, text: &str) -> bool {
        if self.is_damaged {
            return false;
        }
        match self.layout.continued(text, self.line) {
            // Each line has an answer, also one that is left out.
            Ok(Some(table)) if table.notes().is_empty() => self.found.push_back(Arrival::Rows(Box::new(table))),
            Ok(None) if text.is_empty() => {}
            _ => return false,
        }
        true
    }
}
