//! Reading a table with a schema: cells become features and targets.

use super::cell::{Cell, UNFILLED, UNLABELLED, finite, missing, number};
use super::schema::{ColumnKind, Schema, TargetSchema, numbered};
use super::table::Table;
use super::targets::Targets;
use crate::base::error::{Error, Result};
use crate::base::sort::NameIndex;
use crate::base::text::{listed, quoted};
use crate::linalg::matrix::Matrix;

impl Schema {
    /// Reads the features of a table, labeled or not: rows × [`width`](Self::width). Missing ones are NaN, if the
    /// schema [allows](Self::allowing_missing) them.
    ///
    /// # Errors
    /// If a column is missing, or a cell of it is missing and may not be, infinite, not a number in a column of
    /// numbers, or not one of the known categories.
    pub fn features(&self, table: &Table) -> Result<Matrix> {
        Ok(self.read(table, false)?.0)
    }

    /// Reads the features of one row of cells in the order of the schema's columns.
    pub(crate) fn features_in_order(&self, cells: &[&str]) -> Result<Matrix> {
        let names: Vec<&String> = self.columns().iter().map(|column| &column.name).collect();
        let table = Table::from_rows(&names, [cells])?;
        Ok(self.read_as(&table, false, &self.roles_of((0..names.len()).collect(), Vec::new(), names.len()))?.0)
    }

    /// Reads features and targets of a table; no targets if it is not `labeled`.
    pub(super) fn read(&self, table: &Table, labeled: bool) -> Result<(Matrix, Targets)> {
        self.read_as(table, labeled, &self.roles(table, labeled)?)
    }

    fn read_as(&self, table: &Table, labeled: bool, roles: &[Role<'_>]) -> Result<(Matrix, Targets)> {
        let (rows, width) = (table.rows(), self.width());
        let mut features = Matrix::zeros(rows, width);
        let labeled_rows = if labeled { rows } else { 0 };
        let mut labels = vec![0; labeled_rows];
        let mut values = Matrix::zeros(labeled_rows, self.target().names().len());
        for row in 0..rows {
            let x = features.row_mut(row);
            for (column, cell) in table.cells(row).enumerate() {
                let role = &roles[column];
                // A missing cell in a column of inputs, if those may be missing.
                if let Some(inputs) = role.inputs().filter(|_| self.allows_missing())
                    && let Cell::Missing = Cell::of(&cell)
                {
                    x[inputs].fill(f32::NAN);
                    continue;
                }
                if let (Role::Class(_) | Role::Value(_), Cell::Missing) = (role, Cell::of(&cell)) {
                    return Err(missing(table, row, column, &cell, UNLABELLED));
                }
                match role {
                    Role::Unused => {}
                    Role::Number(input) => x[*input] = number(table, row, column, &cell)?,
                    Role::Category(first, known) => x[first + known.find(table, row, column, &cell)?] = 1.0,
                    Role::Class(known) => labels[row] = known.find(table, row, column, &cell)? as u32,
                    Role::Value(index) => values[(row, *index)] = number(table, row, column, &cell)?,
                }
            }
        }
        let targets = match self.target() {
            TargetSchema::Classes { .. } => Targets::Classes(labels),
            TargetSchema::Values { .. } => Targets::Values(values),
        };
        Ok((features, targets))
    }

    /// Returns which columns of a labeled table may have no missing cell: the targets, and features unless those may be
    /// missing.
    pub(super) fn required(&self, table: &Table) -> Result<Vec<bool>> {
        let is_required = |role: &Role<'_>| match role {
            Role::Unused => false,
            Role::Number(..) | Role::Category(..) => !self.allows_missing(),
            Role::Class(_) | Role::Value(_) => true,
        };
        Ok(self.roles(table, true)?.iter().map(is_required).collect())
    }

    /// Returns the role of each column of a table.
    fn roles(&self, table: &Table, labeled: bool) -> Result<Vec<Role<'_>>> {
        let (features, targets) = self.locate(table, labeled)?;
        Ok(self.roles_of(features, targets, table.columns()))
    }

    /// Returns the role of each of `columns` columns, given the indices of the features and of the targets among them.
    fn roles_of(&self, features: Vec<usize>, targets: Vec<usize>, columns: usize) -> Vec<Role<'_>> {
        let mut roles: Vec<Role<'_>> = (0..columns).map(|_| Role::Unused).collect();
        for ((column, inputs), index) in self.columns().iter().zip(self.inputs()).zip(features) {
            roles[index] = match &column.kind {
                ColumnKind::Number => Role::Number(inputs.start),
                ColumnKind::Categories(names) => Role::Category(inputs.start, Vocabulary::new(names, "category")),
            };
        }
        for (i, index) in targets.into_iter().enumerate() {
            roles[index] = match self.target() {
                TargetSchema::Classes { classes, .. } => Role::Class(Vocabulary::new(classes, "class")),
                TargetSchema::Values { .. } => Role::Value(i),
            };
        }
        roles
    }

    /// Returns the indices of the features and of the targets in a table.
    fn locate(&self, table: &Table, labeled: bool) -> Result<(Vec<usize>, Vec<usize>)> {
        let features: Vec<&String> = self.columns().iter().map(|column| &column.name).collect();
        match table.header() {
            Some(header) if !numbered(&features) => {
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

/// The use of a table's column.
enum Role<'a> {
    Unused,
    /// A feature: the index of its input.
    Number(usize),
    /// A feature: the index of its first input.
    Category(usize, Vocabulary<'a>),
    Class(Vocabulary<'a>),
    /// The index of the target.
    Value(usize),
}

impl Role<'_> {
    /// Returns the inputs of a feature.
    fn inputs(&self) -> Option<std::ops::Range<usize>> {
        match self {
            Role::Number(input) => Some(*input..input + 1),
            Role::Category(first, known) => Some(*first..first + known.names.len()),
            Role::Unused | Role::Class(_) | Role::Value(_) => None,
        }
    }
}

/// The texts that a cell may hold.
struct Vocabulary<'a> {
    names: &'a [String],
    indices: NameIndex<'a>,
    /// The noun for each of them, for messages.
    noun: &'static str,
}

impl<'a> Vocabulary<'a> {
    fn new(names: &'a [String], noun: &'static str) -> Self {
        Vocabulary { names, indices: NameIndex::new(names), noun }
    }

    /// Returns the index of a cell's text; a number may be written differently.
    fn find(&self, table: &Table, row: usize, column: usize, cell: &str) -> Result<usize> {
        if let Some(index) = self.indices.find(cell) {
            return Ok(index);
        }
        if let Cell::Missing = Cell::of(cell) {
            return Err(missing(table, row, column, cell, UNFILLED));
        }
        let written = finite(cell).map(|number| number.to_string()).unwrap_or_default();
        self.indices.find(&written).ok_or_else(|| {
            let message = format!("{} is not a known {}: there are {}", quoted(cell), self.noun, listed(self.names));
            table.blame(row, column, message)
        })
    }
}
