//! Facts about the rows of a table besides features and targets: weights, groups and times.

use std::collections::BTreeMap;

use super::blame::{ambiguous, infinite, missing};
use super::cell::{Cell, finite};
use super::memory::too_large;
use super::number::{Notation, NumberForm, Verdict};
use super::summary::notations;
use super::table::Table;
use super::time::{DateOrder, TimeForm, TimeNotation};
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::memory::Growth;
use crate::base::text::quoted;

const FILL: &str = "fill the cell in, or remove the line";

/// The facts about each example besides its features and its targets.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RowInfo {
    pub weights: Option<Vec<f32>>,
    pub groups: Option<Vec<u32>>,
    pub times: Option<Vec<f64>>,
}

impl RowInfo {
    /// Reads the columns that the table's reading names. Returns also what may surprise: notes.
    ///
    /// # Errors
    /// If a cell of them is missing or cannot be read, a weight is negative, or all are zero; if there is only one
    /// group, or both groups and times are named.
    pub fn read(table: &Table) -> Result<(RowInfo, Vec<String>)> {
        let reading = table.reading();
        let (mut info, mut notes) = (RowInfo::default(), Vec::new());
        if let Some(name) = &reading.weights {
            info.weights = Some(weights(table, table.find(name)?, &mut notes)?);
        }
        if let Some(name) = &reading.group {
            info.groups = Some(groups(table, table.find(name)?)?);
        }
        if let Some(name) = &reading.time {
            info.times = Some(times(table, table.find(name)?, &mut notes)?);
        }
        info.check(table.rows())?;
        Ok((info, notes))
    }

    /// Checks the parts for a dataset of this number of examples.
    ///
    /// # Errors
    /// If a part has another length, a weight is not finite or negative, all weights are zero, a time is NaN, or there
    /// are both groups and times.
    pub fn check(&self, rows: usize) -> Result<()> {
        let lengths = [
            ("weights", self.weights.as_ref().map(Vec::len)),
            ("groups", self.groups.as_ref().map(Vec::len)),
            ("times", self.times.as_ref().map(Vec::len)),
        ];
        for (what, length) in lengths {
            if let Some(length) = length.filter(|&length| length != rows) {
                return Err(Error::Mismatch(format!("{length} {what} for {rows} examples: one is needed for each")));
            }
        }
        if let Some(weights) = &self.weights {
            if let Some(weight) = weights.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
                return Err(Error::Setting(format!("weight {weight}: it must be zero or more, and finite")));
            }
            if rows > 0 && weights.iter().all(|&weight| weight == 0.0) {
                return Err(Error::Setting("all weights are zero: at least one example must count".into()));
            }
        }
        if self.times.iter().flatten().any(|time| time.is_nan()) {
            return Err(Error::Setting("a time is NaN: it must be a number, to be compared with the others".into()));
        }
        if self.groups.is_some() && self.times.is_some() {
            let message = "groups and times exclude each other: a group with rows before and after a moment could not \
                 stay together; choose one of them";
            return Err(Error::Setting(message.into()));
        }
        Ok(())
    }

    /// Returns what is known of these rows, in this order.
    pub fn select(&self, rows: &[usize]) -> RowInfo {
        fn of<T: Copy>(all: Option<&Vec<T>>, rows: &[usize]) -> Option<Vec<T>> {
            all.map(|all| rows.iter().map(|&row| all[row]).collect())
        }
        RowInfo {
            weights: of(self.weights.as_ref(), rows),
            groups: of(self.groups.as_ref(), rows),
            times: of(self.times.as_ref(), rows),
        }
    }

    /// Returns what is known of these examples followed by others.
    ///
    /// # Errors
    /// If there are weights or times on one side alone, or any groups.
    pub fn joined(&self, other: &RowInfo) -> Result<RowInfo> {
        fn both<T: Clone>(a: Option<&Vec<T>>, b: Option<&Vec<T>>, what: &str) -> Result<Option<Vec<T>>> {
            match (a, b) {
                (None, None) => Ok(None),
                (Some(a), Some(b)) => Ok(Some([a.as_slice(), b].concat())),
                _ => Err(Error::Mismatch(format!("one of two datasets has {what}, and the other has none"))),
            }
        }
        if self.groups.is_some() || other.groups.is_some() {
            let message =
                "the groups of two datasets need not have the same numbers: append before Dataset::with_groups";
            return Err(Error::Mismatch(message.into()));
        }
        let weights = both(self.weights.as_ref(), other.weights.as_ref(), "weights")?;
        let times = both(self.times.as_ref(), other.times.as_ref(), "times")?;
        Ok(RowInfo { weights, groups: None, times })
    }

    /// Adds everything to a digest; nothing if nothing is known.
    pub fn digest(&self, digest: &mut Digest) {
        if let Some(weights) = &self.weights {
            digest.word(1);
            digest.floats(weights);
        }
        if let Some(groups) = &self.groups {
            digest.word(2);
            groups.iter().for_each(|&group| digest.word(group.into()));
        }
        if let Some(times) = &self.times {
            digest.word(3);
            times.iter().for_each(|time| digest.word(time.to_bits()));
        }
    }
}

/// How the cells of a column are written.
enum Written {
    Numbers(NumberForm),
    Times(TimeForm),
    Neither,
}

impl Written {
    fn read(&self, cell: &str) -> Option<f64> {
        match self {
            Written::Numbers(form) => form.read(cell),
            Written::Times(form) => form.seconds(cell),
            Written::Neither => None,
        }
    }
}

/// Finds out how the cells of a column are written; what may surprise becomes a note.
fn written(table: &Table, column: usize, notes: &mut Vec<String>) -> Result<Written> {
    let (decimal, name) = (table.reading().decimal, quoted(&table.column_name(column)));
    let is_plain = |row: usize| finite(&cell_of(table, row, column)).is_some();
    // After decimal commas, a point may separate thousands.
    if decimal != Some(',') && (0..table.rows()).all(is_plain) {
        return Ok(Written::Numbers(NumberForm::default()));
    }
    let wanted: Vec<bool> = (0..table.columns()).map(|other| other == column).collect();
    let Some((numbers, times)) = notations(table, &wanted).swap_remove(column) else {
        return Ok(Written::Neither);
    };
    match (numbers.verdict(decimal), times.verdict()) {
        (Verdict::Form(form), _) => {
            notes.extend(form.description().map(|description| format!("the column {name} is read as {description}")));
            Ok(Written::Numbers(form))
        }
        (Verdict::Ambiguous, _) => Err(ambiguous(table, column)),
        (Verdict::NoNumbers, Some((form, unsure))) => {
            if unsure {
                let first = if form.order == DateOrder::MonthFirst { "month" } else { "day" };
                notes.push(format!("the column {name} is read as dates, the {first} first"));
            }
            Ok(Written::Times(form))
        }
        (Verdict::NoNumbers, None) => Ok(Written::Neither),
    }
}

fn cell_of(table: &Table, row: usize, column: usize) -> String {
    table.cell(row, column).into_owned()
}

/// Returns an error if a cell is missing or infinite.
fn check_cell(table: &Table, (row, column): (usize, usize), cell: &str) -> Result<()> {
    match table.content(column, cell) {
        Cell::Missing => Err(missing(table, row, column, cell, FILL)),
        Cell::Infinite => Err(infinite(table, row, column, cell)),
        Cell::Number(_) | Cell::Text => Ok(()),
    }
}

fn weights(table: &Table, column: usize, notes: &mut Vec<String>) -> Result<Vec<f32>> {
    let written = match written(table, column, notes)? {
        Written::Numbers(form) => Written::Numbers(form),
        Written::Times(_) | Written::Neither => Written::Numbers(NumberForm::default()),
    };
    let mut weights = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        let cell = cell_of(table, row, column);
        check_cell(table, (row, column), &cell)?;
        let blame = |message: &str| Err(table.blame(row, column, format!("{} is {message}", quoted(&cell))));
        match written.read(&cell) {
            None => return blame("not a number, which a weight must be: correct the cell, or remove the line"),
            Some(number) if number < 0.0 => return blame("a negative weight: it must be zero or more"),
            Some(number) if !(number as f32).is_finite() => return Err(infinite(table, row, column, &cell)),
            Some(number) => weights.push(number as f32),
        }
    }
    if weights.iter().all(|&weight| weight == 0.0) {
        let name = quoted(&table.column_name(column));
        let message = format!("the weights in the column {name} are all zero: at least one row must count");
        return Err(Error::format(table.file(), message));
    }
    Ok(weights)
}

fn groups(table: &Table, column: usize) -> Result<Vec<u32>> {
    let (mut ids, mut groups, mut growth) = (BTreeMap::new(), Vec::with_capacity(table.rows()), Growth::default());
    for row in 0..table.rows() {
        let cell = cell_of(table, row, column);
        if let Cell::Missing = table.content(column, &cell) {
            return Err(missing(table, row, column, &cell, FILL));
        }
        if !growth.can_take(cell.len() + 64) {
            let name = quoted(&table.column_name(column));
            let what = format!("the groups, more than {} of the column {name},", ids.len());
            return Err(too_large(table.file(), &what));
        }
        let next = ids.len() as u32;
        groups.push(*ids.entry(cell.trim().to_string()).or_insert(next));
    }
    match ids.len() {
        1 => {
            let (name, group) = (table.column_name(column), ids.into_keys().next().unwrap_or_default());
            let message = format!(
                "the column {} has only one group, {}: there is nothing to split; name another column, or none",
                quoted(&name),
                quoted(&group)
            );
            Err(Error::format(table.file(), message))
        }
        _ => Ok(groups),
    }
}

fn times(table: &Table, column: usize, notes: &mut Vec<String>) -> Result<Vec<f64>> {
    let written = written(table, column, notes)?;
    let (mut numbers, mut dates) = (Notation::new(), TimeNotation::new());
    let mut times = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        let cell = cell_of(table, row, column);
        check_cell(table, (row, column), &cell)?;
        if table.reading().is_missing_number(cell.trim()) {
            return Err(missing(table, row, column, &cell, FILL));
        }
        match written.read(&cell) {
            Some(time) => times.push(time),
            None => {
                numbers.observe(&cell);
                dates.observe(&cell);
                if let (Verdict::NoNumbers, None) = (numbers.verdict(None), dates.verdict()) {
                    let message = "is neither a number nor a date in the form of the cells above it, so that its row \
                         cannot be ordered: correct the cell, or remove the line";
                    return Err(table.blame(row, column, format!("{} {message}", quoted(&cell))));
                }
            }
        }
    }
    Ok(times)
}
