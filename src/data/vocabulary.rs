//! The texts that the cells of a column may hold: categories or classes.

use super::cell::finite;
use super::table::Table;
use crate::base::error::Error;
use crate::base::nearest::hint;
use crate::base::sort::NameIndex;
use crate::base::text::{listed, quoted};

/// The texts that a cell may hold.
pub(super) struct Vocabulary<'a> {
    pub names: &'a [String],
    indices: NameIndex<'a>,
    /// The noun for each of them, for messages.
    noun: &'static str,
    /// Whether every one is a number in the form in which programs print it: another form of it is the same then.
    canonical: bool,
}

impl<'a> Vocabulary<'a> {
    pub fn new(names: &'a [String], noun: &'static str) -> Self {
        let canonical = names.iter().all(|name| finite(name).is_some_and(|number| number.to_string() == *name));
        Vocabulary { names, indices: NameIndex::new(names), noun, canonical }
    }

    /// Returns the index of a cell's text.
    pub fn find(&self, cell: &str) -> Option<usize> {
        let written = || finite(cell).filter(|_| self.canonical).map(|number| number.to_string());
        self.indices.find(cell.trim()).or_else(|| self.indices.find(&written()?))
    }

    /// Returns the error for a text that is none of these.
    pub fn unknown(&self, table: &Table, row: usize, column: usize, cell: &str) -> Error {
        /// To compare with more of them would take long, if each of many rows has an unknown one.
        const COMPARED: usize = 100;
        let hint = if self.names.len() <= COMPARED { hint(cell.trim(), self.names) } else { String::new() };
        let (noun, known) = (self.noun, listed(self.names));
        let remedy = "correct the cell, remove the line, or train on data that has it";
        let message = format!("{} is not a known {noun}{hint}: there are {known}; {remedy}", quoted(cell));
        table.blame(row, column, message)
    }
}
