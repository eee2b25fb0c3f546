//! The roles of a table's columns: which of them is which input, which is a target, and which is not used.

use std::ops::Range;

use super::number::NumberForm;
use super::schema::{ColumnKind, Schema, TargetSchema};
use super::table::Table;
use super::time::TimeForm;
use super::vocabulary::Vocabulary;
use crate::base::error::{Error, Result};
use crate::base::nearest::nearest;
use crate::base::sort::NameIndex;
use crate::base::text::{counted, listed, quoted};

/// The use of a table's column: the indices of its inputs among those that are not of categories, or the index of its
/// code.
pub(super) enum Role<'a> {
    Unused,
    Number { inputs: Range<usize>, form: &'a NumberForm, marks: bool },
    Time { inputs: Range<usize>, form: &'a TimeForm, marks: bool },
    Category { code: usize, known: Vocabulary<'a>, marks: bool },
    Class { target: usize, known: Vocabulary<'a> },
    Value { target: usize, form: &'a NumberForm },
}

impl Schema {
    /// Returns the role of each column of a table.
    pub(super) fn roles(&self, table: &Table, labeled: bool) -> Result<Vec<Role<'_>>> {
        let (features, targets) = self.locate(table, labeled)?;
        Ok(self.roles_of(features, targets, table.columns()))
    }

    /// Returns whether a table has the columns of the features, but not those of the targets.
    pub fn lacks_targets(&self, table: &Table) -> bool {
        self.locate(table, false).is_ok() && self.locate(table, true).is_err()
    }

    /// Returns the role of each of `columns` columns, given the indices of the features and of the targets among them.
    pub(super) fn roles_of(&self, features: Vec<usize>, targets: Vec<usize>, columns: usize) -> Vec<Role<'_>> {
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
                let absent: Vec<&&String> = wanted.clone().filter(|name| indices.find(name).is_none()).collect();
                if !absent.is_empty() {
                    // A column of the table that no column of the model is called.
                    let names: Vec<String> = wanted.map(|name| name.to_string()).collect();
                    let names = NameIndex::new(&names);
                    let is_spare = |name: &&str| names.find(name).is_none();
                    let spare: Vec<&str> = header.iter().map(String::as_str).filter(is_spare).collect();
                    let renamed = absent.iter().take(20).find_map(|name| Some((nearest(name, &spare)?, name)));
                    let remedy = match renamed {
                        Some((from, to)) => format!("rename {} to {}", quoted(from), quoted(to)),
                        None => "its columns must be called as in training".to_string(),
                    };
                    let message = format!("lacks the columns {}; it has {}: {remedy}", listed(&absent), listed(header));
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
                    ignored => format!("{without}, {ignored} of them ignored, with a cell or an empty one"),
                };
                let (names, targets) = (listed(&names), listed(self.target().names()));
                let message = format!(
                    "has {}, where {total} were expected{without}: the features {names} and the targets {targets}",
                    counted(columns, "column")
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
