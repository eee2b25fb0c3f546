//! Reading a table with a schema: cells become features and targets.

use std::ops::Deref;
use std::sync::Mutex;

use super::blame::{UNFILLED, UNLABELLED, infinite, missing, stray_text, unlike};
use super::cell::Cell;
use super::cells::{Cells, Piece, Row};
use super::coded::{MISSING, NONE};
use super::features::Features;
use super::kept::{Kept, Place};
use super::memory::{READ, check_memory, too_large};
use super::number::{NumberForm, is_unusual};
use super::pass::{Walk, Written};
use super::plan::Plan;
use super::reading::{Reading, Unknown};
use super::recent::Recent;
use super::roles::Role;
use super::schema::{Schema, TargetSchema};
use super::span::{short, single};
use super::table::Table;
use super::targets::Targets;
use super::vocabulary::Vocabulary;
use crate::base::error::{Error, Result};
use crate::base::memory::is_available;
use crate::base::nearest::hint;
use crate::base::parallel::{in_order, lock};
use crate::base::text::{counted, quoted};
use crate::linalg::matrix::Matrix;

/// The features of a table's rows, of which some may not be readable: see [`Schema::read_rows`].
#[derive(Debug)]
#[non_exhaustive]
pub struct ReadRows {
    /// The features, rows × inputs; those of a row that cannot be read are 0.
    pub features: Features,
    /// The rows that cannot be read, counted from 0, and why.
    pub failures: Vec<(usize, Error)>,
    /// A sentence for each column with categories that training did not have.
    pub notes: Vec<String>,
}

impl Schema {
    /// Reads the features of a table, labeled or not: rows × [`width`](Self::width). Missing ones are NaN, if the
    /// schema [allows](Self::allowing_missing) them. An unknown category is all zeros, or as a missing cell if those have
    /// an input of their own, unless the table's [reading](crate::data::Reading::unknown) makes it an error.
    ///
    /// # Errors
    /// If a column is missing, or a cell of it is missing and may not be, infinite, or not a number in a column of
    /// numbers; or if there is no memory for the matrix.
    pub fn features(&self, table: &Table) -> Result<Matrix> {
        let features = self.coded_features(table)?;
        let numbers = features.rows().saturating_mul(features.columns());
        if !is_available(numbers.saturating_mul(4)) {
            return Err(too_large(table.file(), &format!("{} inputs of {} rows", features.columns(), features.rows())));
        }
        Ok(features.to_matrix())
    }

    /// Reads the [`features`](Self::features) of a table, with a number for each category.
    pub(crate) fn coded_features(&self, table: &Table) -> Result<Features> {
        Ok(self.read(table, false, Kept::none(table))?.0)
    }

    /// Reads the features of a table, labeled or not, row by row: one that cannot be read does not keep the others from
    /// being read.
    ///
    /// # Errors
    /// If a column is missing.
    pub fn read_rows(&self, table: &Table) -> Result<ReadRows> {
        let roles = self.roles(table, false)?;
        check_memory(table, self, READ)?;
        let mut cells = Cells::new(self, table.rows(), 0);
        let (notes, failures) =
            read_pieces(&mut cells, &Plan::new(self, table, &roles, Kept::none(table), false), false);
        Ok(ReadRows { features: cells.features(self), failures, notes })
    }

    /// Reads the features of rows of cells in the order of the schema's columns and, if they are `labeled`, the targets,
    /// whose cells follow.
    ///
    /// # Errors
    /// If there are no rows, a row has another number of cells, or a cell cannot be read or is of an unknown category.
    pub(crate) fn read_in_order(&self, rows: &[&[&str]], labeled: bool) -> Result<(Features, Targets)> {
        let targets = self.target().names().iter().filter(|_| labeled);
        let names: Vec<&String> = self.columns().iter().map(|column| &column.name).chain(targets).collect();
        let mut table = Table::from_rows(&names, rows)?;
        table.reading = Reading { unknown: Unknown::Error, ..self.reading() };
        let features = self.columns().len();
        let roles = self.roles_of((0..features).collect(), (features..names.len()).collect(), names.len());
        let (features, targets, _) = self.read_as(&table, labeled, &roles, Kept::none(&table))?;
        Ok((features, targets))
    }

    /// Reads features and targets of a table; no targets if it is not `labeled`. Unknown categories become a note. The
    /// cells that were `kept` are those of this table.
    pub(super) fn read(&self, table: &Table, labeled: bool, kept: Kept) -> Result<(Features, Targets, Vec<String>)> {
        self.read_as(table, labeled, &self.roles(table, labeled)?, kept)
    }

    fn read_as(
        &self,
        table: &Table,
        labeled: bool,
        roles: &[Role<'_>],
        mut kept: Kept,
    ) -> Result<(Features, Targets, Vec<String>)> {
        check_memory(table, self, READ)?;
        let outputs = if labeled { self.target().names().len() } else { 0 };
        let mut cells = Cells::new(self, table.rows(), outputs);
        let is_in_place = kept.move_to(&mut cells, roles);
        let plan = Plan::new(self, table, roles, kept, is_in_place);
        let (notes, failures) = read_pieces(&mut cells, &plan, true);
        if let Some((_, error)) = failures.into_iter().next() {
            return Err(error);
        }
        let values = std::mem::take(&mut cells.targets);
        let targets = match self.target() {
            TargetSchema::Classes { .. } => {
                Targets::Classes(values.as_slice().iter().map(|&label| label as u32).collect())
            }
            TargetSchema::Labels { .. } => Targets::Labels(values),
            TargetSchema::Values { .. } => Targets::Values(values),
        };
        Ok((cells.features(self), targets, notes))
    }

    /// Returns which columns of a labeled table may have no missing cell: the targets, and features unless those may be
    /// missing.
    pub(super) fn required(&self, table: &Table) -> Result<Vec<bool>> {
        let is_required = |role: &Role<'_>| match role {
            Role::Unused => false,
            Role::Number { .. } | Role::Time { .. } | Role::Category { .. } => !self.allows_missing(),
            Role::Class { .. } | Role::Value { .. } => true,
        };
        Ok(self.roles(table, true)?.iter().map(is_required).collect())
    }

    /// Returns the columns of a labeled table in which a word for missing cells is a class or a category.
    pub(super) fn words(&self, table: &Table) -> Result<Vec<(usize, String)>> {
        let mut words = Vec::new();
        for (column, role) in self.roles(table, true)?.iter().enumerate() {
            if let Role::Category { known, .. } | Role::Class { known, .. } = role {
                let is_word = |name: &&String| matches!(Cell::of(name, table.reading()), Cell::Missing);
                words.extend(known.names.iter().filter(is_word).map(|word| (column, word.clone())));
            }
        }
        Ok(words)
    }
}

/// The number of a column's cells that may surprise, and the first of them: categories that training did not have, or
/// numbers that are written in an unusual way.
#[derive(Default)]
struct Strangers {
    count: usize,
    first: String,
}

impl Strangers {
    /// Adds those of the rows below.
    fn append(&mut self, below: Strangers) {
        if self.count == 0 {
            self.first = below.first;
        }
        self.count += below.count;
    }

    fn see(&mut self, cell: &str) {
        self.count += 1;
        if self.count == 1 {
            self.first = cell.to_string();
        }
    }
}

/// Reads the cells in pieces, on all threads. Returns notes, and the rows that cannot be read, of which each piece has one at
/// most if it `stops` there.
fn read_pieces(cells: &mut Cells, plan: &Plan<'_>, stops: bool) -> (Vec<String>, Vec<(usize, Error)>) {
    let pieces: Vec<Mutex<Piece<'_>>> = cells.pieces(plan.kept.pieces).into_iter().map(Mutex::new).collect();
    let results = in_order(pieces.len(), |index| {
        let (mut piece, mut failures) = (lock(&pieces[index]), Vec::new());
        let mut reader = Reader::new(plan);
        for row in piece.rows.clone() {
            if let Err(error) = reader.read_row(row, &mut piece.row_mut(row)) {
                let Row { x, codes, .. } = piece.row_mut(row);
                x.fill(0.0);
                codes.fill(NONE);
                failures.push((row, error));
                if stops {
                    break;
                }
            }
        }
        (reader.strangers, failures)
    });
    let mut reader = Reader::new(plan);
    let mut failures = Vec::new();
    for (below, more) in results {
        reader.strangers.iter_mut().zip(below).for_each(|(strangers, below)| strangers.append(below));
        failures.extend(more);
    }
    (reader.notes(), failures)
}

/// Reads the rows of a table.
struct Reader<'a> {
    plan: &'a Plan<'a>,
    /// For each column.
    strangers: Vec<Strangers>,
    /// The texts of columns of categories and classes, and their indices.
    recent: Vec<Recent<'a>>,
    /// For each column, what a cell of each code became: an index or the bits of a number, or [`NONE`].
    values: Vec<Vec<u32>>,
}

impl<'a> Deref for Reader<'a> {
    type Target = Plan<'a>;

    fn deref(&self) -> &Plan<'a> {
        self.plan
    }
}

impl<'a> Reader<'a> {
    /// Makes a reader of a piece: the codes of another one are others.
    fn new(plan: &'a Plan<'a>) -> Self {
        let strangers = plan.roles.iter().map(|_| Strangers::default()).collect();
        Reader { plan, strangers, recent: Recent::of(plan.roles.len()), values: vec![Vec::new(); plan.roles.len()] }
    }

    /// Reads a row, whose codes are [`NONE`] before.
    fn read_row(&mut self, row: usize, to: &mut Row<'_>) -> Result<()> {
        let plan = self.plan;
        let (mut walk, mut next) = (plan.table.walk(row), 0);
        if !plan.keeps {
            return (0..plan.plain.len()).try_for_each(|column| self.read_next(&mut walk, row, column, to));
        }
        for &column in plan.begin(row, to) {
            let Some(code) = self.take_kept(row, column, to) else { continue };
            walk.skip(column - next);
            next = column + 1;
            self.read_next(&mut walk, row, column, to)?;
            if code > 0 {
                self.learn(column, code, to);
            }
        }
        Ok(())
    }

    /// Reads the next cell of a walk, which is in this row and column.
    #[inline(always)]
    fn read_next(&mut self, walk: &mut Walk<'a>, row: usize, column: usize, to: &mut Row<'_>) -> Result<()> {
        let plain = self.plan.plain[column];
        let cell = if let Place::None = plain { walk.next_without_number() } else { walk.next() };
        match (single(cell.number), plain) {
            (Some(number), Place::Input(input)) => to.x[input] = number,
            (Some(number), Place::Target(target)) => to.y[target] = number,
            (_, Place::None) if self.read_known(column, &cell, to) => {}
            _ => self.read_cell((row, column), &cell, to)?,
        }
        Ok(())
    }

    /// Reads a cell of which something is kept. Returns its code, or 0, if it is to be looked at nevertheless.
    #[inline(never)]
    fn take_kept(&self, row: usize, column: usize, to: &mut Row<'_>) -> Option<usize> {
        let code = self.plan.code(row, column);
        (!self.plan.has_number(column, to) && !self.read_code(column, code, to)).then_some(code)
    }

    /// Remembers what a cell of a code became, unless a note counts such cells.
    #[inline(never)]
    fn learn(&mut self, column: usize, code: usize, to: &Row<'_>) {
        let value = match self.plan.roles[column] {
            _ if self.strangers[column].count > 0 => return,
            Role::Category { code, .. } => to.codes[code],
            Role::Class { target, .. } | Role::Value { target, .. } => to.y[target].to_bits(),
            _ => return,
        };
        let values = &mut self.values[column];
        values.resize(values.len().max(code + 1), NONE);
        values[code] = value;
    }

    /// Reads a cell that has a code. Returns whether it is known.
    #[inline]
    fn read_code(&self, column: usize, code: usize, to: &mut Row<'_>) -> bool {
        let Some(&value) = self.values[column].get(code).filter(|value| **value != NONE) else { return false };
        match self.plan.roles[column] {
            Role::Category { code, .. } => to.codes[code] = value,
            Role::Class { target, .. } | Role::Value { target, .. } => to.y[target] = f32::from_bits(value),
            _ => return false,
        }
        true
    }

    /// Reads a cell of categories or classes whose text occurred a moment ago. Returns whether it is one.
    fn read_known(&mut self, column: usize, cell: &Written<'a>, to: &mut Row<'_>) -> bool {
        let role = &self.plan.roles[column];
        let (Role::Category { .. } | Role::Class { .. }) = role else { return false };
        let Some(index) = *self.recent[column].found(cell.key()) else { return false };
        match role {
            Role::Category { code, .. } => to.codes[*code] = index as u32,
            Role::Class { target, .. } => to.y[*target] = index as f32,
            _ => {}
        }
        true
    }

    /// Reads a cell.
    #[inline(never)]
    fn read_cell(&mut self, at: (usize, usize), written: &Written<'a>, to: &mut Row<'_>) -> Result<()> {
        let (Plan { table, roles, .. }, (row, column)) = (self.plan, at);
        let cell = &written.text();
        let Row { x, codes, y } = to;
        match &roles[column] {
            Role::Unused => {}
            Role::Number { inputs, form, marks } => match number(cell, form) {
                Some(number) if !self.is_named_missing(cell) => {
                    x[inputs.start] = number;
                    self.see_number(column, cell);
                }
                _ => self.read_missing(at, cell, &mut x[inputs.clone()], *marks)?,
            },
            Role::Time { inputs, form, marks } => {
                let parts = inputs.start..inputs.end - usize::from(*marks);
                if !form.read(cell, &mut x[parts]) {
                    self.read_missing(at, cell, &mut x[inputs.clone()], *marks)?;
                }
            }
            Role::Category { code, known, marks } => {
                codes[*code] = match self.index_of(column, known, written) {
                    Some(index) => index as u32,
                    None => self.read_stranger(at, cell, *marks)?,
                };
            }
            Role::Class { target, known } => match self.index_of(column, known, written) {
                Some(index) => y[*target] = index as f32,
                None if matches!(table.content(column, cell), Cell::Missing) => {
                    return Err(missing(table, row, column, cell, UNLABELLED));
                }
                None => return Err(known.unknown(table, row, column, cell)),
            },
            Role::Value { target, form } => match number(cell, form) {
                Some(number) if !self.is_named_missing(cell) => {
                    y[*target] = number;
                    self.see_number(column, cell);
                }
                _ => return Err(self.unusable_target(at, cell)),
            },
        }
        Ok(())
    }

    /// Returns the index of a text among those that its column may hold.
    fn index_of(&mut self, column: usize, known: &Vocabulary<'_>, cell: &Written<'a>) -> Option<usize> {
        let found = self.recent[column].found(cell.key());
        *found = known.find(&cell.text());
        *found
    }

    /// Remembers a number that is written in an unusual way.
    fn see_number(&mut self, column: usize, cell: &str) {
        if is_unusual(cell) {
            self.strangers[column].see(cell);
        }
    }

    /// Returns the error for a cell that is no number in a target.
    fn unusable_target(&self, (row, column): (usize, usize), cell: &str) -> Error {
        let table = self.table;
        match table.content(column, cell) {
            Cell::Infinite => infinite(table, row, column, cell),
            Cell::Missing => missing(table, row, column, cell, UNLABELLED),
            Cell::Text if table.reading().is_missing_number(cell.trim()) => {
                missing(table, row, column, cell, UNLABELLED)
            }
            Cell::Number(_) | Cell::Text => self.unlike((row, column), cell),
        }
    }

    /// Returns the error for a cell that is not written as those of its column were in training.
    fn unlike(&self, (row, column): (usize, usize), cell: &str) -> Error {
        let form = match &self.roles[column] {
            Role::Number { form, .. } | Role::Value { form, .. } => form.description(),
            Role::Time { form, .. } => return unlike(self.table, row, column, cell, Some(form.noun())),
            _ => None,
        };
        match form {
            // It may be a header.
            None if row == 0 && self.table.header().is_none() && self.table.reading().header.is_none() => {
                stray_text(self.table, row, column)
            }
            form => unlike(self.table, row, column, cell, form.as_deref()),
        }
    }

    /// Returns whether a number is a word for a missing value that the user named.
    fn is_named_missing(&self, cell: &str) -> bool {
        let reading = self.table.reading();
        reading.missing_values.is_some() && reading.is_missing(cell.trim())
    }

    /// Reads a cell that is no number or no time into the inputs `x` of its column, if it is a missing one.
    fn read_missing(&self, (row, column): (usize, usize), cell: &str, x: &mut [f32], marks: bool) -> Result<()> {
        let table = self.table;
        match table.content(column, cell) {
            Cell::Infinite => return Err(infinite(table, row, column, cell)),
            // Also a number, if it is not written as those of training: it is not missing, and could be misread.
            Cell::Number(_) => return Err(self.unlike((row, column), cell)),
            Cell::Text if !table.reading().is_missing_number(cell.trim()) => {
                return Err(self.unlike((row, column), cell));
            }
            _ if !self.schema.allows_missing() => return Err(missing(table, row, column, cell, UNFILLED)),
            _ => {}
        }
        x.fill(f32::NAN);
        if let Some(mark) = x.last_mut().filter(|_| marks) {
            *mark = 1.0;
        }
        Ok(())
    }

    /// Returns the code of a cell that is none of the known categories.
    fn read_stranger(&mut self, (row, column): (usize, usize), cell: &str, marks: bool) -> Result<u32> {
        let table = self.table;
        let is_missing = matches!(table.content(column, cell), Cell::Missing);
        if is_missing && !marks && !self.schema.allows_missing() {
            return Err(missing(table, row, column, cell, UNFILLED));
        }
        let Role::Category { known, .. } = &self.roles[column] else { return Ok(NONE) };
        if !is_missing {
            if let Unknown::Error = table.reading().unknown {
                return Err(known.unknown(table, row, column, cell));
            }
            self.strangers[column].see(cell);
        }
        Ok(match marks {
            // The last input of the column.
            true => known.names.len() as u32,
            false if is_missing => MISSING,
            false => NONE,
        })
    }

    /// Returns a sentence for each column with cells that may surprise.
    fn notes(&self) -> Vec<String> {
        let strangers = self.strangers.iter().enumerate().filter(|(_, strangers)| strangers.count > 0);
        let note = |(column, Strangers { count, first }): (usize, &Strangers)| {
            let name = quoted(&self.table.column_name(column));
            if let Role::Number { form, .. } | Role::Value { form, .. } = &self.roles[column] {
                let number = form.read(first).unwrap_or(f64::NAN);
                return format!("the column {name} is read as numbers, {} as {number}", quoted(first));
            }
            let hint = match &self.roles[column] {
                Role::Category { known, .. } => hint(first.trim(), known.names),
                _ => String::new(),
            };
            format!(
                "the column {name} has {} with a category that training did not have, as {}{hint}: it counts as none \
                 (--unknown error refuses it)",
                counted(*count, "cell"),
                quoted(first)
            )
        };
        strangers.map(note).collect()
    }
}

/// Returns the number in a cell in single precision, without its origin.
fn number(cell: &str, form: &NumberForm) -> Option<f32> {
    if form.is_default() {
        let text = cell.trim();
        if let Some(number) =
            short(text).and_then(single).or_else(|| text.parse().ok().filter(|number: &f32| number.is_finite()))
        {
            return Some(number);
        }
    }
    form.read(cell).map(|number| (number - form.origin) as f32).filter(|number| number.is_finite())
}
