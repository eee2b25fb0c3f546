//! What the columns of a table mean to a network.

use super::cell::{Cell, UNFILLED, UNLABELLED, finite, missing, number};
use super::missing::Blank;
use super::{Table, Targets};
use crate::base::error::{Error, Result};
use crate::base::sort::Places;
use crate::base::text::{listed, quoted, repeated};
use crate::linalg::matrix::Matrix;

/// A feature column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its header, or its number counted from 1.
    pub name: String,
    /// What its cells are.
    pub kind: Kind,
}

/// What the cells of a feature column are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Numbers: one input of the network.
    Number,
    /// One of these texts, in alphabetical order: one input for each, which is 1 for the text in the cell and 0
    /// for the others (one-hot).
    Categories(Vec<String>),
}

/// What is predicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
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

impl Output {
    /// The names of the target columns.
    pub fn names(&self) -> &[String] {
        match self {
            Output::Classes { name, .. } => std::slice::from_ref(name),
            Output::Values { names } => names,
        }
    }
}

/// What the columns of a table mean: found on the training data, kept in the model, applied to every later table.
///
/// A table with a header is read by name: columns may come in any order, and others are left aside. Where it or the
/// training table has no header, it is read by position: it must have all the columns of the training table or, for
/// prediction, all but the targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    columns: Vec<Column>,
    output: Output,
    /// Where the target columns were in the training table, counted from 0, in the order of `output.names()`.
    positions: Vec<usize>,
    /// Where the columns were that are left out.
    ignored: Vec<usize>,
    /// What missing features are taken for, one number for each input; an error where there is none.
    fill: Option<Vec<f32>>,
}

impl Schema {
    /// A schema of its parts. `positions` says where the target columns stand in a whole table, counted from 0.
    ///
    /// # Errors
    /// When two columns or two classes are called alike, there are no features, no targets or fewer than two
    /// classes, or the positions do not fit.
    pub fn from_parts(columns: Vec<Column>, output: Output, positions: Vec<usize>) -> Result<Schema> {
        Schema::from_parts_ignoring(columns, output, positions, Vec::new())
    }

    /// The same, with the places of the columns that are left out.
    pub(crate) fn from_parts_ignoring(
        columns: Vec<Column>,
        output: Output,
        positions: Vec<usize>,
        ignored: Vec<usize>,
    ) -> Result<Schema> {
        let names = columns.iter().map(|column| &column.name).chain(output.names());
        distinct(names, "columns")?;
        let mut lists = columns.iter().filter_map(|column| match &column.kind {
            Kind::Number => None,
            Kind::Categories(names) => Some(names),
        });
        lists.try_for_each(|names| distinct(names, "categories"))?;
        if let Output::Classes { name, classes } = &output {
            distinct(classes, "classes")?;
            if let [] | [_] = classes[..] {
                let only = listed(classes);
                let message =
                    format!("the target {} has only one class, {only}: nothing is to be told apart", quoted(name));
                return Err(Error::Mismatch(message));
            }
        }
        let (targets, total) = (output.names().len(), columns.len() + output.names().len() + ignored.len());
        if columns.iter().all(|column| column.kind.width() == 0) || targets == 0 {
            return Err(Error::Mismatch("a network needs at least one feature and one target".to_string()));
        }
        let mut taken = vec![false; total];
        let mut fits = |&position: &usize| position < total && !std::mem::replace(&mut taken[position], true);
        if positions.len() != targets || !positions.iter().chain(&ignored).all(&mut fits) {
            let without = if ignored.is_empty() { String::new() } else { format!(" without {ignored:?}") };
            return Err(Error::Mismatch(format!("{targets} targets at {positions:?} of {total} columns{without}")));
        }
        Ok(Schema { columns, output, positions, ignored, fill: None })
    }

    /// The same schema that takes missing features for these numbers, one for each input: those of a text column
    /// together say which category is meant. [`Dataset::infer`](crate::Dataset::infer) finds them.
    ///
    /// # Errors
    /// When there are not as many as inputs, or one is not finite.
    pub fn with_fill(self, fill: Vec<f32>) -> Result<Schema> {
        if fill.len() != self.width() || !fill.iter().all(|x| x.is_finite()) {
            let (found, width) = (fill.len(), self.width());
            return Err(Error::Mismatch(format!(
                "{found} numbers to fill in, where {width} finite ones were expected"
            )));
        }
        Ok(Schema { fill: Some(fill), ..self })
    }

    /// What missing features are taken for, one number for each input; an error where there is none.
    pub fn fill(&self) -> Option<&[f32]> {
        self.fill.as_deref()
    }

    /// Where the columns stand in a whole table that are left out, counted from 0.
    pub fn ignored_positions(&self) -> &[usize] {
        &self.ignored
    }

    /// A schema of number columns, the targets behind them.
    ///
    /// # Errors
    /// Those of [`from_parts`](Self::from_parts).
    pub fn numbers(names: impl IntoIterator<Item: Into<String>>, output: Output) -> Result<Schema> {
        let columns: Vec<Column> =
            names.into_iter().map(|name| Column { name: name.into(), kind: Kind::Number }).collect();
        let positions = (columns.len()..columns.len() + output.names().len()).collect();
        Schema::from_parts(columns, output, positions)
    }

    /// The feature columns, in the order of the network's inputs.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// What is predicted.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Where the target columns stand in a whole table, counted from 0.
    pub fn target_positions(&self) -> &[usize] {
        &self.positions
    }

    /// The number of inputs that the features make.
    pub fn width(&self) -> usize {
        self.columns.iter().map(|column| column.kind.width()).sum()
    }

    /// A name for each input: that of its column or, for a category, one like `colour=red`.
    pub fn input_names(&self) -> Vec<String> {
        let names = |column: &Column| match &column.kind {
            Kind::Number => vec![column.name.clone()],
            Kind::Categories(all) => all.iter().map(|category| format!("{}={category}", column.name)).collect(),
        };
        self.columns.iter().flat_map(names).collect()
    }

    /// Whether data of the schema `other` is what a model of this one was trained on: as many features of the same
    /// kinds, the same categories, and the same classes or as many values, all in the same order. Columns must have the
    /// same names unless either schema has none but numbers for them, as that of a table without a header has; the name
    /// of a column of classes does not matter.
    ///
    /// # Errors
    /// When it is not; the message says what differs.
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
                (Kind::Number, Kind::Number) => {}
                (Kind::Categories(expected), Kind::Categories(found)) => {
                    if let Some(difference) = difference(expected, found) {
                        return mismatch(format!("the categories of the feature {name} differ: {difference}"));
                    }
                }
                (Kind::Number, _) => {
                    return mismatch(format!("the feature {name} is a number for the model, a text in the data"));
                }
                _ => return mismatch(format!("the feature {name} is a text for the model, a number in the data")),
            }
        }
        match (&self.output, &other.output) {
            (Output::Classes { classes: expected, .. }, Output::Classes { classes: found, .. }) => {
                match difference(expected, found) {
                    Some(difference) => mismatch(format!(
                        "the classes differ: {difference}; read the data with the model's schema (Dataset::from_csv_as)"
                    )),
                    None => Ok(()),
                }
            }
            (Output::Values { names: expected }, Output::Values { names: found }) => {
                if expected.len() != found.len() {
                    let (expected, found) = (expected.len(), found.len());
                    return mismatch(format!("the model predicts {expected} values, the data has {found}"));
                }
                same_names(expected, found, "target")
            }
            (Output::Classes { .. }, _) => mismatch("the model predicts classes, the data has values".into()),
            (Output::Values { .. }, _) => mismatch("the model predicts values, the data has classes".into()),
        }
    }

    /// The features of a table, labelled or not: rows × [`width`](Self::width).
    ///
    /// # Errors
    /// When a column is missing, or a cell of it is missing with nothing to [`fill`](Self::fill) in, infinite, not a
    /// number where a number was expected, or not one of the known categories.
    pub fn features(&self, table: &Table) -> Result<Matrix> {
        Ok(self.read(table, false)?.0)
    }

    /// Features and targets of a table, and which features were missing and are filled in; no targets when it is not
    /// `labelled`.
    pub(super) fn read(&self, table: &Table, labelled: bool) -> Result<(Matrix, Targets, Vec<Blank>)> {
        let (rows, width) = (table.rows(), self.width());
        let roles = self.roles(table, labelled)?;
        let mut features = Matrix::zeros(rows, width);
        let mut blanks = Vec::new();
        let labelled_rows = if labelled { rows } else { 0 };
        let mut labels = vec![0; labelled_rows];
        let mut values = Matrix::zeros(labelled_rows, self.output.names().len());
        for row in 0..rows {
            let x = features.row_mut(row);
            for (column, cell) in table.cells(row).enumerate() {
                let role = &roles[column];
                if let (Some(fill), Role::Number(at, place) | Role::Category(at, place, _)) = (&self.fill, role)
                    && let Cell::Missing = Cell::of(&cell)
                {
                    let inputs = *at..at + self.columns[*place].kind.width();
                    x[inputs.clone()].copy_from_slice(&fill[inputs]);
                    blanks.push((row, *place));
                    continue;
                }
                if let (Role::Class(_) | Role::Value(_), Cell::Missing) = (role, Cell::of(&cell)) {
                    return Err(missing(table, row, column, &cell, UNLABELLED));
                }
                match role {
                    Role::Unused => {}
                    Role::Number(at, _) => x[*at] = number(table, row, column, &cell)?,
                    Role::Category(at, _, known) => x[at + known.find(table, row, column, &cell)?] = 1.0,
                    Role::Class(known) => labels[row] = known.find(table, row, column, &cell)? as u32,
                    Role::Value(at) => values[(row, *at)] = number(table, row, column, &cell)?,
                }
            }
        }
        let targets = match self.output {
            Output::Classes { .. } => Targets::Classes(labels),
            Output::Values { .. } => Targets::Values(values),
        };
        Ok((features, targets, blanks))
    }

    /// Which columns of a labelled table may have no missing cell: the targets, and features that cannot be filled in.
    pub(super) fn indispensable(&self, table: &Table) -> Result<Vec<bool>> {
        let filled = |role: &Role<'_>| match role {
            Role::Unused => true,
            Role::Number(..) | Role::Category(..) => self.fill.is_some(),
            Role::Class(_) | Role::Value(_) => false,
        };
        Ok(self.roles(table, true)?.iter().map(|role| !filled(role)).collect())
    }

    /// Puts the fill where features were missing.
    pub(super) fn refill(&self, features: &mut Matrix, blanks: &[Blank]) {
        let starts = self.columns.iter().scan(0, |at, column| {
            let start = *at;
            *at += column.kind.width();
            Some(start..*at)
        });
        let inputs: Vec<_> = starts.collect();
        for &(row, place) in blanks {
            let inputs = inputs[place].clone();
            if let Some(fill) = &self.fill {
                features.row_mut(row)[inputs.clone()].copy_from_slice(&fill[inputs]);
            }
        }
    }

    /// What to do with each column of a table.
    fn roles(&self, table: &Table, labelled: bool) -> Result<Vec<Role<'_>>> {
        let (features, targets) = self.locate(table, labelled)?;
        let mut roles: Vec<Role<'_>> = (0..table.columns()).map(|_| Role::Unused).collect();
        let mut at = 0;
        for ((number, column), place) in self.columns.iter().enumerate().zip(features) {
            roles[place] = match &column.kind {
                Kind::Number => Role::Number(at, number),
                Kind::Categories(names) => Role::Category(at, number, Known::new(names, "category")),
            };
            at += column.kind.width();
        }
        for (i, place) in targets.into_iter().enumerate() {
            roles[place] = match &self.output {
                Output::Classes { classes, .. } => Role::Class(Known::new(classes, "class")),
                Output::Values { .. } => Role::Value(i),
            };
        }
        Ok(roles)
    }

    /// Where the features and the targets are in a table.
    fn locate(&self, table: &Table, labelled: bool) -> Result<(Vec<usize>, Vec<usize>)> {
        let features: Vec<&String> = self.columns.iter().map(|column| &column.name).collect();
        match table.header() {
            Some(header) if !numbered(&features) => {
                let places = Places::new(header);
                let targets: Vec<&String> = self.output.names().iter().filter(|_| labelled).collect();
                let wanted = features.iter().chain(&targets);
                let absent: Vec<&&String> = wanted.filter(|name| places.find(name).is_none()).collect();
                if !absent.is_empty() {
                    let message = format!("lacks the columns {}; it has {}", listed(&absent), listed(header));
                    return Err(Error::format(table.file(), message));
                }
                let find = |names: &[&String]| names.iter().filter_map(|name| places.find(name)).collect();
                Ok((find(&features), find(&targets)))
            }
            header => self.locate_by_position(table, header.unwrap_or_default(), labelled),
        }
    }

    fn locate_by_position(&self, table: &Table, header: &[String], labelled: bool) -> Result<(Vec<usize>, Vec<usize>)> {
        let given = self.columns.len() + self.ignored.len();
        let total = given + self.positions.len();
        let is_feature = |place: &usize| !self.positions.contains(place) && !self.ignored.contains(place);
        let features: Vec<usize> = match table.columns() {
            columns if columns == total => (0..total).filter(is_feature).collect(),
            columns if columns == given && !labelled => {
                let unlabelled = (0..total).filter(|place| !self.positions.contains(place));
                unlabelled.enumerate().filter(|(_, place)| is_feature(place)).map(|(place, _)| place).collect()
            }
            columns => {
                let names: Vec<&String> = self.columns.iter().map(|column| &column.name).collect();
                let without = if labelled { String::new() } else { format!(", or {given} without the targets") };
                let without = match self.ignored.len() {
                    0 => without,
                    ignored => format!("{without}, {ignored} of them to be ignored"),
                };
                let (names, targets) = (listed(&names), listed(self.output.names()));
                let message = format!(
                    "has {columns} columns, where {total} were expected{without}: the features {names} and the targets \
                     {targets}"
                );
                return Err(Error::format(table.file(), message));
            }
        };
        // A first line of texts alone passes for a header, and would silently be lost.
        let mut places = self.columns.iter().zip(&features);
        if places.any(|(column, &place)| header.get(place).is_some_and(|name| column.kind.knows(name))) {
            let message =
                "has data where a header was expected, in the first line: put a line of column names above it";
            return Err(Error::format(table.file(), message));
        }
        Ok((features, if labelled { self.positions.clone() } else { Vec::new() }))
    }
}

impl Kind {
    fn width(&self) -> usize {
        match self {
            Kind::Number => 1,
            Kind::Categories(names) => names.len(),
        }
    }

    fn knows(&self, text: &str) -> bool {
        matches!(self, Kind::Categories(names) if names.iter().any(|name| name == text))
    }
}

/// What a table's column is for.
enum Role<'a> {
    Unused,
    /// The input, and which of the schema's columns this is.
    Number(usize, usize),
    /// The first input, and which of the schema's columns this is.
    Category(usize, usize, Known<'a>),
    Class(Known<'a>),
    Value(usize),
}

/// The texts that a cell may hold.
struct Known<'a> {
    names: &'a [String],
    places: Places<'a>,
    what: &'static str,
}

impl<'a> Known<'a> {
    fn new(names: &'a [String], what: &'static str) -> Self {
        Known { names, places: Places::new(names), what }
    }

    /// The place of a cell's text among those known; a number may be written differently.
    fn find(&self, table: &Table, row: usize, column: usize, cell: &str) -> Result<usize> {
        if let Some(place) = self.places.find(cell) {
            return Ok(place);
        }
        if let Cell::Missing = Cell::of(cell) {
            return Err(missing(table, row, column, cell, UNFILLED));
        }
        let written = finite(cell).map(|number| number.to_string()).unwrap_or_default();
        self.places.find(&written).ok_or_else(|| {
            let message = format!("{} is not a known {}: there are {}", quoted(cell), self.what, listed(self.names));
            table.blame(row, column, message)
        })
    }
}

/// Whether no name is more than a position. No name in a header is a number: these come from a table without one.
fn numbered<S: AsRef<str>>(names: &[S]) -> bool {
    names.iter().all(|name| name.as_ref().parse::<usize>().is_ok())
}

/// An error when columns that have names have different ones.
fn same_names(expected: &[String], found: &[String], what: &str) -> Result<()> {
    let place = expected.iter().zip(found).position(|(expected, found)| expected != found);
    let Some(place) = place.filter(|_| !numbered(expected) && !numbered(found)) else { return Ok(()) };
    let (number, expected, found) = (place + 1, quoted(&expected[place]), quoted(&found[place]));
    Err(Error::Mismatch(format!("{what} {number} is {expected} for the model, {found} in the data")))
}

/// What differs between two lists of names, if anything.
fn difference(expected: &[String], found: &[String]) -> Option<String> {
    (expected != found).then(|| format!("the model has {}, the data {}", listed(expected), listed(found)))
}

/// An error when a name comes twice.
pub(super) fn distinct<S: AsRef<str>>(names: impl IntoIterator<Item = S>, what: &str) -> Result<()> {
    let names: Vec<S> = names.into_iter().collect();
    match repeated(names.iter().map(S::as_ref)) {
        Some(name) => Err(Error::Mismatch(format!("two {what} are called {}", quoted(name)))),
        None => Ok(()),
    }
}
