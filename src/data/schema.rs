//! The meaning that the columns of a table have for a network.

use std::ops::Range;

use crate::base::error::{Error, Result};
use crate::base::text::{listed, quoted, repeated};

/// A feature column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its header, or its number counted from 1.
    pub name: String,
    /// The kind of its cells.
    pub kind: ColumnKind,
}

/// The kind of the cells of a feature column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnKind {
    /// Numbers: one input of the network.
    Number,
    /// One of these texts, in alphabetical order: one input for each, which is 1 for the text in the cell and 0
    /// for the others (one-hot encoding).
    Categories(Vec<String>),
}

/// The target columns of a schema: one of classes, or one or several of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetSchema {
    /// One of several classes.
    Classes {
        /// The column's name.
        name: String,
        /// The classes: in numeric order if all are numbers, otherwise in alphabetical order.
        classes: Vec<String>,
    },
    /// One number or several.
    Values {
        /// The columns' names.
        names: Vec<String>,
    },
}

impl TargetSchema {
    /// Returns the names of the target columns.
    pub fn names(&self) -> &[String] {
        match self {
            TargetSchema::Classes { name, .. } => std::slice::from_ref(name),
            TargetSchema::Values { names } => names,
        }
    }
}

/// The meaning of a table's columns: inferred from the training data, kept in the model, applied to every later table.
///
/// A table with a header is read by name: columns may come in any order, and others are not used. If it or the
/// training table has no header, it is read by position: it must have all the columns of the training table or, for
/// prediction, all but the targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    columns: Vec<Column>,
    target: TargetSchema,
    /// The indices of the target columns in the training table, in the order of `target.names()`.
    positions: Vec<usize>,
    /// The indices of the ignored columns.
    ignored: Vec<usize>,
    /// Whether features may be missing, which are NaN then.
    allows_missing: bool,
}

impl Schema {
    /// Makes a schema of its parts. `positions` are the indices, from 0, of the target columns in a whole table.
    ///
    /// # Errors
    /// If two columns or two classes are called alike, there are no features, no targets or fewer than two
    /// classes, or the positions do not fit.
    pub fn from_parts(columns: Vec<Column>, target: TargetSchema, positions: Vec<usize>) -> Result<Schema> {
        Schema::from_parts_ignoring(columns, target, positions, Vec::new())
    }

    /// Makes a schema of its parts, with the indices of the ignored columns.
    pub(crate) fn from_parts_ignoring(
        columns: Vec<Column>,
        target: TargetSchema,
        positions: Vec<usize>,
        ignored: Vec<usize>,
    ) -> Result<Schema> {
        let names = columns.iter().map(|column| &column.name).chain(target.names());
        distinct(names, "columns")?;
        let mut lists = columns.iter().filter_map(|column| match &column.kind {
            ColumnKind::Number => None,
            ColumnKind::Categories(names) => Some(names),
        });
        lists.try_for_each(|names| distinct(names, "categories"))?;
        if let TargetSchema::Classes { name, classes } = &target {
            distinct(classes, "classes")?;
            if let [] | [_] = classes[..] {
                let only = listed(classes);
                let message =
                    format!("the target {} has only one class, {only}: there is nothing to classify", quoted(name));
                return Err(Error::Mismatch(message));
            }
        }
        let (targets, total) = (target.names().len(), columns.len() + target.names().len() + ignored.len());
        if columns.iter().all(|column| column.kind.width() == 0) || targets == 0 {
            return Err(Error::Mismatch("a network needs at least one feature and one target".to_string()));
        }
        let mut taken = vec![false; total];
        let mut fits = |&position: &usize| position < total && !std::mem::replace(&mut taken[position], true);
        if positions.len() != targets || !positions.iter().chain(&ignored).all(&mut fits) {
            let without = if ignored.is_empty() { String::new() } else { format!(" without {ignored:?}") };
            return Err(Error::Mismatch(format!("{targets} targets at {positions:?} of {total} columns{without}")));
        }
        Ok(Schema { columns, target, positions, ignored, allows_missing: false })
    }

    /// Returns the schema with missing features allowed or not. In a dataset they are NaN, in all inputs of their
    /// column, until an [`Imputer`](crate::data::Imputer) fills them in; if they are not allowed, reading one is an
    /// error.
    ///
    /// They are allowed in data that is read with [`Missing::Fill`](crate::data::Missing::Fill), and in the schema of a
    /// model that has an imputer.
    #[must_use]
    pub fn allowing_missing(self, allowed: bool) -> Schema {
        Schema { allows_missing: allowed, ..self }
    }

    /// Returns whether features may be missing: see [`allowing_missing`](Self::allowing_missing).
    pub fn allows_missing(&self) -> bool {
        self.allows_missing
    }

    /// Returns the indices, from 0, of the ignored columns in a whole table.
    pub fn ignored_positions(&self) -> &[usize] {
        &self.ignored
    }

    /// Makes a schema of number columns, followed by the targets.
    ///
    /// # Errors
    /// Those of [`from_parts`](Self::from_parts).
    pub fn numbers(names: impl IntoIterator<Item: Into<String>>, target: TargetSchema) -> Result<Schema> {
        let columns: Vec<Column> =
            names.into_iter().map(|name| Column { name: name.into(), kind: ColumnKind::Number }).collect();
        let positions = (columns.len()..columns.len() + target.names().len()).collect();
        Schema::from_parts(columns, target, positions)
    }

    /// Returns the feature columns, in the order of the network's inputs.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the target columns.
    pub fn target(&self) -> &TargetSchema {
        &self.target
    }

    /// Returns the indices, from 0, of the target columns in a whole table.
    pub fn target_positions(&self) -> &[usize] {
        &self.positions
    }

    /// Returns the number of inputs that the features make.
    pub fn width(&self) -> usize {
        self.columns.iter().map(|column| column.kind.width()).sum()
    }

    /// Returns the inputs of each column, in their order.
    pub(super) fn inputs(&self) -> impl Iterator<Item = Range<usize>> {
        self.columns.iter().scan(0, |end, column| {
            let start = *end;
            *end += column.kind.width();
            Some(start..*end)
        })
    }

    /// Returns a name for each input: that of its column or, for a category, one like `color=red`.
    pub fn input_names(&self) -> Vec<String> {
        let names = |column: &Column| match &column.kind {
            ColumnKind::Number => vec![column.name.clone()],
            ColumnKind::Categories(all) => all.iter().map(|category| format!("{}={category}", column.name)).collect(),
        };
        self.columns.iter().flat_map(names).collect()
    }

    /// Checks that data of the schema `other` fits a model of this one: as many features of the same kinds, the same
    /// categories, and the same classes or as many values, all in the same order. Columns must have the same names
    /// unless either schema has nothing but numbers for them, as that of a table without a header has; the name of a
    /// column of classes does not matter.
    ///
    /// # Errors
    /// If it does not; the message names the difference.
    pub fn check(&self, other: &Schema) -> Result<()> {
        let mismatch = |message: String| Err(Error::Mismatch(message));
        let (expected, found) = (&self.columns, &other.columns);
        if expected.len() != found.len() {
            return mismatch(format!("the model takes {} features, the data has {}", expected.len(), found.len()));
        }
        let names = |schema: &Schema| schema.columns.iter().map(|column| column.name.clone()).collect::<Vec<String>>();
        same_names(&names(self), &names(other), "feature")?;
        for (expected, found) in expected.iter().zip(found) {
            let name = quoted(&expected.name);
            match (&expected.kind, &found.kind) {
                (ColumnKind::Number, ColumnKind::Number) => {}
                (ColumnKind::Categories(expected), ColumnKind::Categories(found)) => {
                    if let Some(difference) = difference(expected, found) {
                        return mismatch(format!("the categories of the feature {name} differ: {difference}"));
                    }
                }
                (ColumnKind::Number, _) => {
                    return mismatch(format!("the feature {name} is a number for the model, a text in the data"));
                }
                _ => return mismatch(format!("the feature {name} is a text for the model, a number in the data")),
            }
        }
        match (&self.target, &other.target) {
            (TargetSchema::Classes { classes: expected, .. }, TargetSchema::Classes { classes: found, .. }) => {
                match difference(expected, found) {
                    Some(difference) => mismatch(format!(
                        "the classes differ: {difference}; read the data with the model's schema (Dataset::from_csv_as)"
                    )),
                    None => Ok(()),
                }
            }
            (TargetSchema::Values { names: expected }, TargetSchema::Values { names: found }) => {
                if expected.len() != found.len() {
                    let (expected, found) = (expected.len(), found.len());
                    return mismatch(format!("the model predicts {expected} values, the data has {found}"));
                }
                same_names(expected, found, "target")
            }
            (TargetSchema::Classes { .. }, _) => mismatch("the model predicts classes, the data has values".into()),
            (TargetSchema::Values { .. }, _) => mismatch("the model predicts values, the data has classes".into()),
        }
    }
}

impl ColumnKind {
    /// Returns the number of inputs of such a column.
    pub(super) fn width(&self) -> usize {
        match self {
            ColumnKind::Number => 1,
            ColumnKind::Categories(names) => names.len(),
        }
    }
}

/// Returns whether every name is just a position. No name in a header is a number: these come from a table without one.
pub(super) fn numbered<S: AsRef<str>>(names: &[S]) -> bool {
    names.iter().all(|name| name.as_ref().parse::<usize>().is_ok())
}

/// Returns an error if columns that have names have different ones.
fn same_names(expected: &[String], found: &[String], what: &str) -> Result<()> {
    let index = expected.iter().zip(found).position(|(expected, found)| expected != found);
    let Some(index) = index.filter(|_| !numbered(expected) && !numbered(found)) else { return Ok(()) };
    let (number, expected, found) = (index + 1, quoted(&expected[index]), quoted(&found[index]));
    Err(Error::Mismatch(format!("{what} {number} is {expected} for the model, {found} in the data")))
}

/// Describes the difference between two lists of names, if there is one.
fn difference(expected: &[String], found: &[String]) -> Option<String> {
    (expected != found).then(|| format!("the model has {}, the data {}", listed(expected), listed(found)))
}

/// Returns an error if a name comes twice.
pub(super) fn distinct<S: AsRef<str>>(names: impl IntoIterator<Item = S>, what: &str) -> Result<()> {
    let names: Vec<S> = names.into_iter().collect();
    match repeated(names.iter().map(S::as_ref)) {
        Some(name) => Err(Error::Mismatch(format!("two {what} are called {}", quoted(name)))),
        None => Ok(()),
    }
}
