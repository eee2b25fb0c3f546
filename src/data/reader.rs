//! Reading a table with a schema: cells become features and targets.

use std::ops::Range;

use super::blame::{UNFILLED, UNLABELLED, infinite, missing, stray_text, unlike};
use super::cell::Cell;
use super::cells::{Cells, Row};
use super::coded::{MISSING, NONE};
use super::features::Features;
use super::memory::{READ, check_memory, too_large};
use super::number::{NumberForm, is_unusual};
use super::reading::{Reading, Unknown};
use super::schema::{ColumnKind, Schema, TargetSchema};
use super::span::{short, single};
use super::table::Table;
use super::targets::Targets;
use super::time::TimeForm;
use super::vocabulary::Vocabulary;
use crate::base::error::{Error, Result};
use crate::base::memory::is_available;
use crate::base::sort::NameIndex;
use crate::base::text::{counted, listed, quoted};
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
        Ok(self.read(table, false)?.0)
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
        let mut reader = Reader::new(self, table, &roles);
        let mut failures = Vec::new();
        for row in 0..table.rows() {
            if let Err(error) = reader.read_row(row, &mut cells.row_mut(row)) {
                let Row { x, codes, .. } = cells.row_mut(row);
                x.fill(0.0);
                codes.fill(NONE);
                failures.push((row, error));
            }
        }
        let notes = reader.notes();
        Ok(ReadRows { features: cells.features(self), failures, notes })
    }

    /// Reads the features of one row of cells in the order of the schema's columns.
    pub(crate) fn features_in_order(&self, cells: &[&str]) -> Result<Matrix> {
        let names: Vec<&String> = self.columns().iter().map(|column| &column.name).collect();
        let mut table = Table::from_rows(&names, [cells])?;
        table.reading = Reading { unknown: Unknown::Error, ..self.reading() };
        let roles = self.roles_of((0..names.len()).collect(), Vec::new(), names.len());
        Ok(self.read_as(&table, false, &roles)?.0.to_matrix())
    }

    /// Reads features and targets of a table; no targets if it is not `labeled`. Unknown categories become a note.
    pub(super) fn read(&self, table: &Table, labeled: bool) -> Result<(Features, Targets, Vec<String>)> {
        self.read_as(table, labeled, &self.roles(table, labeled)?)
    }

    fn read_as(&self, table: &Table, labeled: bool, roles: &[Role<'_>]) -> Result<(Features, Targets, Vec<String>)> {
        check_memory(table, self, READ)?;
        let outputs = if labeled { self.target().names().len() } else { 0 };
        let mut cells = Cells::new(self, table.rows(), outputs);
        let mut reader = Reader::new(self, table, roles);
        for row in 0..table.rows() {
            reader.read_row(row, &mut cells.row_mut(row))?;
        }
        let notes = reader.notes();
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

    /// Returns the role of each column of a table.
    fn roles(&self, table: &Table, labeled: bool) -> Result<Vec<Role<'_>>> {
        let (features, targets) = self.locate(table, labeled)?;
        Ok(self.roles_of(features, targets, table.columns()))
    }

    /// Returns the role of each of `columns` columns, given the indices of the features and of the targets among them.
    fn roles_of(&self, features: Vec<usize>, targets: Vec<usize>, columns: usize) -> Vec<Role<'_>> {
        let mut roles: Vec<Role<'_>> = (0..columns).map(|_| Role::Unused).collect();
        let (mut numbers, mut coded) = (0, 0);
        for (column, index) in self.columns().iter().zip(features) {
            let (marks, start) = (column.marks_missing, numbers);
            roles[index] = if let ColumnKind::Categories(names) = &column.kind {
                coded += 1;
                Role::Category { code: coded - 1, known: Vocabulary::new(names, "category"), marks }
            } else {
                numbers += column.width();
                let inputs = start..numbers;
                match &column.kind {
                    ColumnKind::Number(form) => Role::Number { inputs, form, marks },
                    ColumnKind::Time(form) => Role::Time { inputs, form, marks },
                    ColumnKind::Categories(_) => Role::Unused,
                }
            };
        }
        for (target, index) in targets.into_iter().enumerate() {
            let class = |classes| Role::Class { target, known: Vocabulary::new(classes, "class") };
            roles[index] = match self.target() {
                TargetSchema::Classes { classes, .. } => class(classes),
                TargetSchema::Labels { classes, .. } => class(&classes[target]),
                TargetSchema::Values { .. } => Role::Value { target, form: &self.target_forms()[target] },
            };
        }
        roles
    }

    /// Returns the indices of the features and of the targets in a table.
    fn locate(&self, table: &Table, labeled: bool) -> Result<(Vec<usize>, Vec<usize>)> {
        let features: Vec<&String> = self.columns().iter().map(|column| &column.name).collect();
        match table.header() {
            Some(header) if self.is_named() && !self.is_other_numbering(header) => {
                let indices = NameIndex::new(header);
                let targets: Vec<&String> = self.target().names().iter().filter(|_| labeled).collect();
                let wanted = features.iter().chain(&targets);
                let absent: Vec<&&String> = wanted.filter(|name| indices.find(name).is_none()).collect();
                if !absent.is_empty() {
                    let message = format!("lacks the columns {}; it has {}", listed(&absent), listed(header));
                    return Err(Error::format(table.file(), message));
                }
                let find = |names: &[&String]| names.iter().filter_map(|name| indices.find(name)).collect();
                Ok((find(&features), find(&targets)))
            }
            header => self.locate_by_position(table, header.unwrap_or_default(), labeled),
        }
    }

    /// Returns whether a header has nothing but numbers, none of which is a column's name: those of an export that lost
    /// the names.
    fn is_other_numbering(&self, header: &[String]) -> bool {
        let is_known = |name: &String| {
            self.columns().iter().any(|column| column.name == *name) || self.target().names().contains(name)
        };
        header.iter().all(|name| name.parse::<f64>().is_ok() && !is_known(name))
    }

    fn locate_by_position(&self, table: &Table, header: &[String], labeled: bool) -> Result<(Vec<usize>, Vec<usize>)> {
        let (targets, ignored) = (self.target_positions(), self.ignored_positions());
        let given = self.columns().len() + ignored.len();
        let total = given + targets.len();
        let is_feature = |index: &usize| !targets.contains(index) && !ignored.contains(index);
        let features: Vec<usize> = match table.columns() {
            columns if columns == total => (0..total).filter(is_feature).collect(),
            columns if columns == given && !labeled => {
                let unlabeled = (0..total).filter(|index| !targets.contains(index));
                unlabeled.enumerate().filter(|(_, index)| is_feature(index)).map(|(index, _)| index).collect()
            }
            columns => {
                let names: Vec<&String> = self.columns().iter().map(|column| &column.name).collect();
                let without = if labeled { String::new() } else { format!(", or {given} without the targets") };
                let without = match ignored.len() {
                    0 => without,
                    ignored => format!("{without}, {ignored} of them to be ignored"),
                };
                let (names, targets) = (listed(&names), listed(self.target().names()));
                let message = format!(
                    "has {columns} columns, where {total} were expected{without}: the features {names} and the targets \
                     {targets}"
                );
                return Err(Error::format(table.file(), message));
            }
        };
        // A first line of texts alone passes for a header, and would silently be lost.
        let is_category =
            |kind: &ColumnKind, text| matches!(kind, ColumnKind::Categories(names) if names.contains(text));
        let mut columns = self.columns().iter().zip(&features);
        if columns.any(|(column, &index)| header.get(index).is_some_and(|name| is_category(&column.kind, name))) {
            let message =
                "has data where a header was expected, in the first line: put a line of column names above it";
            return Err(Error::format(table.file(), message));
        }
        Ok((features, if labeled { targets.to_vec() } else { Vec::new() }))
    }
}

/// The use of a table's column: the indices of its inputs among those that are not of categories, or the index of its
/// code.
enum Role<'a> {
    Unused,
    Number { inputs: Range<usize>, form: &'a NumberForm, marks: bool },
    Time { inputs: Range<usize>, form: &'a TimeForm, marks: bool },
    Category { code: usize, known: Vocabulary<'a>, marks: bool },
    Class { target: usize, known: Vocabulary<'a> },
    Value { target: usize, form: &'a NumberForm },
}

/// The number of a column's cells that may surprise, and the first of them: categories that training did not have, or
/// numbers that are written in an unusual way.
#[derive(Clone, Default)]
struct Strangers {
    count: usize,
    first: String,
}

impl Strangers {
    fn see(&mut self, cell: &str) {
        self.count += 1;
        if self.count == 1 {
            self.first = cell.to_string();
        }
    }
}

/// Reads the rows of a table.
struct Reader<'a> {
    schema: &'a Schema,
    table: &'a Table,
    roles: &'a [Role<'a>],
    /// For each column, as `plain` is.
    strangers: Vec<Strangers>,
    plain: Vec<Plain>,
}

/// The place of the plain numbers of a column.
#[derive(Clone, Copy)]
enum Plain {
    Input(usize),
    Target(usize),
    /// Its cells are to be looked at.
    None,
}

impl<'a> Reader<'a> {
    fn new(schema: &'a Schema, table: &'a Table, roles: &'a [Role<'a>]) -> Self {
        // A number may be a word for a missing value.
        let all_numbers = table.reading().missing_values.is_none();
        let plain = |role: &Role<'_>| match role {
            Role::Number { inputs, form, .. } if all_numbers && form.is_default() => Plain::Input(inputs.start),
            Role::Value { target, form } if all_numbers && form.is_default() => Plain::Target(*target),
            _ => Plain::None,
        };
        let plain = roles.iter().map(plain).collect();
        Reader { schema, table, roles, strangers: vec![Strangers::default(); roles.len()], plain }
    }

    /// Reads a row, whose codes are [`NONE`] before.
    fn read_row(&mut self, row: usize, to: &mut Row<'_>) -> Result<()> {
        self.table.each_cell(row, |column, cell| {
            match (cell.number.and_then(single), self.plain[column]) {
                (Some(number), Plain::Input(input)) => to.x[input] = number,
                (Some(number), Plain::Target(target)) => to.y[target] = number,
                _ => self.read_cell((row, column), cell.text(), to)?,
            }
            Ok(())
        })
    }

    /// Reads a cell.
    #[inline]
    fn read_cell(&mut self, at: (usize, usize), cell: &str, to: &mut Row<'_>) -> Result<()> {
        let (table, (row, column)) = (self.table, at);
        let Row { x, codes, y } = to;
        match &self.roles[column] {
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
                codes[*code] = match known.find(cell) {
                    Some(index) => index as u32,
                    None => self.read_stranger(at, cell, *marks)?,
                };
            }
            Role::Class { target, known } => match known.find(cell) {
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
            None if row == 0 && self.table.header().is_none() => stray_text(self.table, row, column),
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
            format!(
                "the column {name} has {} with a category that training did not have, as {}: it counts as none \
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
