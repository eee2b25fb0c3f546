//! The meaning that the columns of a table have for a network.

use std::ops::Range;

use super::number::NumberForm;
use super::reading::Reading;
use super::time::TimeForm;
use crate::base::error::{Error, Result};
use crate::base::text::{listed, quoted, repeated};

/// The remedy if data was read otherwise than the model reads it.
const REREAD: &str = "read the data with the model's schema (Dataset::from_csv_as)";

/// A feature column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Column {
    /// Its header, or its number counted from 1.
    pub name: String,
    /// The kind of its cells.
    pub kind: ColumnKind,
    /// Whether a missing cell has an input of its own, the last of the column, which is 1 if the cell is missing.
    pub marks_missing: bool,
}

impl Column {
    /// Makes a column without an input for missing cells.
    pub fn new(name: impl Into<String>, kind: ColumnKind) -> Column {
        Column { name: name.into(), kind, marks_missing: false }
    }

    /// Returns the number of inputs that the column makes.
    pub fn width(&self) -> usize {
        self.kind.width() + usize::from(self.marks_missing)
    }

    pub(super) fn has_categories(&self) -> bool {
        matches!(self.kind, ColumnKind::Categories(_))
    }

    /// Returns a name for each input.
    fn input_names(&self) -> Vec<String> {
        let mut names: Vec<String> = match &self.kind {
            ColumnKind::Number(_) => vec![self.name.clone()],
            ColumnKind::Time(form) => form.parts().iter().map(|part| format!("{}.{part}", self.name)).collect(),
            ColumnKind::Categories(all) => all.iter().map(|category| format!("{}={category}", self.name)).collect(),
        };
        names.extend(self.marks_missing.then(|| format!("{} is missing", self.name)));
        names
    }
}

/// The kind of the cells of a feature column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ColumnKind {
    /// Numbers: one input of the network.
    Number(NumberForm),
    /// Dates or times of day: an input for each [part](TimeForm::parts).
    Time(TimeForm),
    /// One of these texts, in alphabetical order: one input for each, which is 1 for the text in the cell and 0
    /// for the others (one-hot encoding).
    Categories(Vec<String>),
}

/// The target columns of a schema: one of classes, several of two classes each, or one or several of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetSchema {
    /// One of several classes.
    Classes {
        /// The column's name.
        name: String,
        /// The classes: in numeric order if all are numbers, otherwise in alphabetical order.
        classes: Vec<String>,
    },
    /// Several labels, each of which is one of two classes by itself (multi-label classification).
    Labels {
        /// The columns' names.
        names: Vec<String>,
        /// The classes of each label, the positive one last: that which says yes (`yes`, `y`, `true`, `t`, `on`,
        /// `positive`, `present`, `ja`, in any case, or `1` beside a text) or, if neither or both do, the second in
        /// numeric or else alphabetical order.
        classes: Vec<[String; 2]>,
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
            TargetSchema::Labels { names, .. } | TargetSchema::Values { names } => names,
        }
    }

    /// Returns the name of each probability or value that is predicted: a class, a label with the class that the
    /// probability is of (`ripe=yes`), or a target. A network with a single output for two classes has that of the
    /// second.
    pub fn output_names(&self) -> Vec<String> {
        match self {
            TargetSchema::Classes { classes, .. } => classes.clone(),
            TargetSchema::Labels { names, classes } => {
                names.iter().zip(classes).map(|(name, [_, positive])| format!("{name}={positive}")).collect()
            }
            TargetSchema::Values { names } => names.clone(),
        }
    }

    /// Returns the same targets with other names, as many of them.
    pub(super) fn with_names(&self, names: Vec<String>) -> TargetSchema {
        match self {
            TargetSchema::Classes { classes, .. } => {
                TargetSchema::Classes { name: names.concat(), classes: classes.clone() }
            }
            TargetSchema::Labels { classes, .. } => TargetSchema::Labels { names, classes: classes.clone() },
            TargetSchema::Values { .. } => TargetSchema::Values { names },
        }
    }

    pub(super) fn noun(&self) -> &'static str {
        match self {
            TargetSchema::Classes { .. } => "classes",
            TargetSchema::Labels { .. } => "labels",
            TargetSchema::Values { .. } => "values",
        }
    }

    /// Checks the classes.
    fn check(&self) -> Result<()> {
        match self {
            TargetSchema::Classes { name, classes } => {
                distinct(classes, "classes")?;
                if let [] | [_] = classes[..] {
                    let only = listed(classes);
                    let message = format!(
                        "the target {} has only one class, {only}: there is nothing to classify; name another target, or \
                         add rows of another class",
                        quoted(name)
                    );
                    return Err(Error::Mismatch(message));
                }
            }
            TargetSchema::Labels { names, classes } => {
                if names.len() != classes.len() {
                    let message = format!("{} labels, and classes of {}", names.len(), classes.len());
                    return Err(Error::Mismatch(message));
                }
                classes.iter().try_for_each(|pair| distinct(pair, "classes of a label"))?;
            }
            TargetSchema::Values { .. } => {}
        }
        Ok(())
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
    /// How the numbers of the target columns are written; empty if they are classes or labels.
    target_forms: Vec<NumberForm>,
    /// Whether features may be missing, which are NaN then.
    allows_missing: bool,
    /// Whether the columns are known by the names of a header, not by their positions.
    is_named: bool,
    /// The words for missing cells, if they are not the usual ones.
    missing_values: Option<Vec<String>>,
}

impl Schema {
    /// Makes a schema of its parts. `positions` are the indices, from 0, of the target columns in a whole table.
    ///
    /// # Errors
    /// If two columns or two classes are called alike, there are no features, no targets or fewer than two
    /// classes, not every label has classes, or the positions do not fit.
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
            ColumnKind::Categories(names) => Some(names),
            ColumnKind::Number(_) | ColumnKind::Time(_) => None,
        });
        lists.try_for_each(|names| distinct(names, "categories"))?;
        target.check()?;
        let (targets, total) = (target.names().len(), columns.len() + target.names().len() + ignored.len());
        if columns.iter().all(|column| column.width() == 0) || targets == 0 {
            return Err(Error::Mismatch("a network needs at least one feature and one target".to_string()));
        }
        let mut taken = vec![false; total];
        let mut fits = |&position: &usize| position < total && !std::mem::replace(&mut taken[position], true);
        if positions.len() != targets || !positions.iter().chain(&ignored).all(&mut fits) {
            let without = if ignored.is_empty() { String::new() } else { format!(" without {ignored:?}") };
            return Err(Error::Mismatch(format!("{targets} targets at {positions:?} of {total} columns{without}")));
        }
        let target_forms = match &target {
            TargetSchema::Classes { .. } | TargetSchema::Labels { .. } => Vec::new(),
            TargetSchema::Values { names } => vec![NumberForm::default(); names.len()],
        };
        let schema = Schema {
            columns,
            target,
            positions,
            ignored,
            target_forms,
            allows_missing: false,
            is_named: true,
            missing_values: None,
        };
        Ok(schema.with_usual_names())
    }

    /// Returns the schema with these forms of the target columns' numbers.
    pub(crate) fn with_target_forms(self, target_forms: Vec<NumberForm>) -> Schema {
        Schema { target_forms, ..self }
    }

    /// Returns the schema, known by the names of a header or not.
    pub(crate) fn with_names(self, is_named: bool) -> Schema {
        Schema { is_named, ..self }
    }

    /// Returns the schema, known by names unless all of them are just positions.
    pub(crate) fn with_usual_names(self) -> Schema {
        let names: Vec<&String> = self.columns.iter().map(|column| &column.name).collect();
        let is_named = !numbered(&names);
        self.with_names(is_named)
    }

    /// Returns the schema with these words for missing cells.
    pub(crate) fn with_missing_values(self, missing_values: Option<Vec<String>>) -> Schema {
        Schema { missing_values, ..self }
    }

    /// Returns whether columns are known by the names of a header. Otherwise they are known by their positions.
    pub fn is_named(&self) -> bool {
        self.is_named
    }

    /// Returns the words for missing cells, if they are not the usual ones.
    pub fn missing_values(&self) -> Option<&[String]> {
        self.missing_values.as_deref()
    }

    /// Returns how the numbers of the target columns are written: one form for each, or none if they are classes or
    /// labels.
    pub fn target_forms(&self) -> &[NumberForm] {
        &self.target_forms
    }

    /// Returns the character before the decimals of the tables that it was made of: a comma if a column has one.
    pub fn decimal(&self) -> char {
        let features = self.columns.iter().filter_map(|column| match &column.kind {
            ColumnKind::Number(form) => Some(form),
            _ => None,
        });
        let has_comma = features.chain(&self.target_forms).any(|form| form.decimal == ',');
        if has_comma { ',' } else { '.' }
    }

    /// Returns the [origin](NumberForm::origin) of a target's values: 0 if the targets are classes or labels.
    pub fn target_origin(&self, target: usize) -> f64 {
        self.target_forms.get(target).map_or(0.0, |form| form.origin)
    }

    /// Returns a target's value in the units of its table, given that of a dataset or of a prediction: the
    /// [origin](NumberForm::origin) is added in double precision.
    ///
    /// # Panics
    /// If there is no such target, or the targets are classes or labels.
    pub fn target_value(&self, target: usize, value: f32) -> f64 {
        self.target_forms[target].origin + f64::from(value)
    }

    /// Returns how a table is to be read that this schema will be applied to.
    pub fn reading(&self) -> Reading {
        let names =
            if self.is_named { self.columns.iter().map(|column| column.name.clone()).collect() } else { Vec::new() };
        Reading { names, missing_values: self.missing_values.clone(), keep_index: true, ..Reading::default() }
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
            names.into_iter().map(|name| Column::new(name, ColumnKind::Number(NumberForm::default()))).collect();
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
        self.columns.iter().map(Column::width).sum()
    }

    /// Returns the inputs of each column, in their order.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = Range<usize>> {
        self.columns.iter().scan(0, |end, column| {
            let start = *end;
            *end += column.width();
            Some(start..*end)
        })
    }

    /// Returns a name for each input: that of its column or, for a category, one like `color=red`.
    pub fn input_names(&self) -> Vec<String> {
        self.columns.iter().flat_map(Column::input_names).collect()
    }

    /// Checks that data of the schema `other` fits a model of this one: as many features of the same kinds, the same
    /// categories, and the same classes, the same labels or as many values, all in the same order. Columns must have the same names
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
        let both_named = self.is_named && other.is_named;
        if both_named {
            same_names(&names(self), &names(other), "feature")?;
        }
        for (expected, found) in expected.iter().zip(found) {
            let name = quoted(&expected.name);
            if expected.marks_missing != found.marks_missing {
                return mismatch(format!("the feature {name} has missing cells in one of model and data: {REREAD}"));
            }
            match (&expected.kind, &found.kind) {
                (ColumnKind::Number(expected), ColumnKind::Number(found)) if expected.origin == found.origin => {}
                (ColumnKind::Time(expected), ColumnKind::Time(found)) if expected.origin == found.origin => {}
                (ColumnKind::Number(_), ColumnKind::Number(_)) | (ColumnKind::Time(_), ColumnKind::Time(_)) => {
                    return mismatch(format!("the feature {name} has another origin in the data: {REREAD}"));
                }
                (ColumnKind::Categories(expected), ColumnKind::Categories(found)) => {
                    if let Some(difference) = difference(expected, found) {
                        return mismatch(format!("the categories of the feature {name} differ: {difference}"));
                    }
                }
                (expected, found) => {
                    let (expected, found) = (expected.noun(), found.noun());
                    return mismatch(format!(
                        "the feature {name} is a {expected} for the model, a {found} in the data"
                    ));
                }
            }
        }
        match (&self.target, &other.target) {
            (TargetSchema::Classes { classes: expected, .. }, TargetSchema::Classes { classes: found, .. }) => {
                match difference(expected, found) {
                    Some(difference) => mismatch(format!("the classes differ: {difference}; {REREAD}")),
                    None => Ok(()),
                }
            }
            (TargetSchema::Values { names: expected }, TargetSchema::Values { names: found }) => {
                if expected.len() != found.len() {
                    let (expected, found) = (expected.len(), found.len());
                    return mismatch(format!("the model predicts {expected} values, the data has {found}"));
                }
                if self.target_forms.iter().zip(&other.target_forms).any(|(a, b)| a.origin != b.origin) {
                    return mismatch(format!("a target has another origin in the data: {REREAD}"));
                }
                if both_named { same_names(expected, found, "target") } else { Ok(()) }
            }
            (
                TargetSchema::Labels { names: expected, classes },
                TargetSchema::Labels { names: found, classes: found_classes },
            ) => {
                if both_named {
                    same_names(expected, found, "target")?;
                }
                if let Some(label) =
                    (0..expected.len().max(found.len())).find(|&i| classes.get(i) != found_classes.get(i))
                {
                    let listed = |all: &[[String; 2]]| all.get(label).map_or("none".to_string(), |pair| listed(pair));
                    let (number, expected, found) = (label + 1, listed(classes), listed(found_classes));
                    return mismatch(format!(
                        "the classes of label {number} differ: the model has {expected}, the data {found}; {REREAD}"
                    ));
                }
                Ok(())
            }
            (expected, found) => {
                mismatch(format!("the model predicts {}, the data has {}", expected.noun(), found.noun()))
            }
        }
    }
}

impl ColumnKind {
    /// Returns the number of inputs of such a column.
    pub(crate) fn width(&self) -> usize {
        match self {
            ColumnKind::Number(_) => 1,
            ColumnKind::Time(form) => form.parts().len(),
            ColumnKind::Categories(names) => names.len(),
        }
    }

    fn noun(&self) -> &'static str {
        match self {
            ColumnKind::Number(_) => "number",
            ColumnKind::Time(_) => "time",
            ColumnKind::Categories(_) => "text",
        }
    }
}

/// Returns whether every name is just a position, as those of columns without names are.
fn numbered<S: AsRef<str>>(names: &[S]) -> bool {
    names.iter().all(|name| name.as_ref().parse::<usize>().is_ok())
}

/// Returns an error if columns that have names have different ones.
fn same_names(expected: &[String], found: &[String], what: &str) -> Result<()> {
    let index = expected.iter().zip(found).position(|(expected, found)| expected != found);
    let Some(index) = index else { return Ok(()) };
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
