//! Inferring a schema: the meaning of a table's columns, from its cells.
//!
//! **The problem.** A CSV file holds texts. A network needs to know which columns are numbers, which are categories
//! (one input for each), whether the target is a class or a value, and which names the classes have. Users should not
//! have to write that down; but a wrong guess is silent damage: a number column with one stray `n/a` in it would become
//! a thousand categories, a customer number would be learned, a count from 0 to 9 might be ten classes or a value.
//!
//! **The idea.** Two passes over the table. The first counts, for each column, numbers, missing cells and texts
//! ([`Summary`]), and needs no memory per row. It decides whether a column is text: it is not if every cell is a
//! number, and it is if at most half of them are; otherwise the first text is an error that names its cell, which is
//! more likely a slip than a category. The second pass collects the different texts of the columns that need them
//! ([`different_texts`]): text features and the target. Their number decides the rest:
//!
//! ```text
//! feature   all numbers                                    → number
//!           text, up to 100 different ones                 → categories, in alphabetical order
//!           text, up to 300, each in 10 rows on average    → categories
//!           more, or mostly different dates                → error: an identifier or a date, ignore the column
//! target    named as class, or text                        → classes, in numeric or else alphabetical order
//!           whole numbers, at most 20 different ones, and  → classes
//!             exactly two, or 5 rows of each on average
//!           other numbers, or named as values              → values
//! ```
//!
//! **Why not otherwise.** A sample of the rows would be faster, but the row that does not fit is the one that matters.
//! One pass would have to keep the texts of every column, numbers included, which takes more memory than the table.
//! Numeric codes as categories (postal codes, say) cannot be distinguished from numbers by their cells, so they are
//! numbers.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::cell::{Cell, UNTRAINED, finite, has_decimal_comma, infinite, is_date, missing, stray_text};
use super::schema::{Column, ColumnKind, Schema, TargetSchema, distinct};
use super::table::Table;
use crate::base::error::{Error, Result};
use crate::base::sort::order;
use crate::base::text::quoted;

/// A text feature with more categories than the first is taken for an identifier, unless it has at most the second
/// number of them, and the third number of rows for each on average.
const MOST_CATEGORIES: usize = 100;
const MOST_COMMON_CATEGORIES: usize = 300;
const COMMON: usize = 10;
/// Whole numbers with more different values than this are values, not classes.
const MOST_NUMBERED_CLASSES: usize = 20;

const DATE: &str = "a date, which is not a number: remove this column (--ignore, Table::ignore), or split it into \
    numbers, as year, month and day";
const IDENTIFIER: &str =
    "an identifier, from which nothing can be learned: remove this column (--ignore, Table::ignore)";
const MEASUREMENT: &str = "an identifier or a measurement, not a class: name another target, or predict it as a value";

/// The column or columns to predict.
///
/// A column is named by its header or, if no header is that, by its number counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// The last column that is not ignored; its content decides between classes and values.
    Last,
    /// This column; its content decides. Text makes classes, and so do whole numbers with at most 20 different
    /// values that number exactly two or have at least 5 rows each on average. All else is values.
    Column(&'a str),
    /// Classes: every different cell of this column is one.
    Class(&'a str),
    /// Numbers: the cells of these columns.
    Values(&'a [&'a str]),
}

impl Schema {
    /// Infers the schema of a table for training: every column that is neither a target nor ignored is a feature, of
    /// numbers or of categories.
    ///
    /// # Errors
    /// If a target is not in the table or no other column is left; if a cell is empty, stands for a missing value or
    /// is infinite, or is a text among numbers; if a text column has too many different texts, or the target only one.
    pub fn infer(table: &Table, target: Target<'_>) -> Result<Schema> {
        Schema::infer_with(table, target, false)
    }

    /// Infers the schema of a table whose features may be missing, if `allows_missing` is true.
    pub(super) fn infer_with(table: &Table, target: Target<'_>, allows_missing: bool) -> Result<Schema> {
        let positions = target.positions(table)?;
        if positions.len() + table.ignored().len() == table.columns() {
            let message = "has no feature columns besides the target: \
                 at least two columns, separated by commas, tabs or semicolons, were expected";
            return Err(Error::format(table.file(), message));
        }
        let may_be_missing = |column| allows_missing && !positions.contains(&column);
        let summaries = summaries(table, may_be_missing)?;
        let inference = Inference { table, target, positions: &positions };
        let is_text = |column| Ok(!table.ignores(column) && inference.is_text(column, &summaries[column])?);
        let is_text = (0..table.columns()).map(is_text).collect::<Result<Vec<bool>>>()?;
        let wanted = |column| is_text[column] || (positions.contains(&column) && !inference.wants_values());
        let texts = different_texts(table, &(0..table.columns()).map(wanted).collect::<Vec<_>>());
        let is_feature = |column: &usize| !positions.contains(column) && !table.ignores(*column);
        let feature = |column| {
            let kind = if is_text[column] { inference.categories(column, &texts[column])? } else { ColumnKind::Number };
            Ok(Column { name: table.column_name(column), kind })
        };
        let columns = (0..table.columns()).filter(is_feature).map(feature).collect::<Result<Vec<Column>>>()?;
        let target_schema = inference.target(&texts[positions[0]])?;
        Schema::from_parts_ignoring(columns, target_schema, positions, table.ignored().to_vec())
            .map(|schema| schema.allowing_missing(allows_missing))
            .map_err(|error| Error::format(table.file(), error.to_string()))
    }
}

/// A table and the target that was asked for.
struct Inference<'a> {
    table: &'a Table,
    target: Target<'a>,
    positions: &'a [usize],
}

impl Inference<'_> {
    fn wants_values(&self) -> bool {
        matches!(self.target, Target::Values(_))
    }

    fn wants_classes(&self) -> bool {
        matches!(self.target, Target::Class(_))
    }

    /// Returns whether a column holds texts, or an error if it is of both kinds.
    fn is_text(&self, column: usize, summary: &Summary) -> Result<bool> {
        let &Summary { numbers, missing, first_text, commas, first_comma } = summary;
        let table = self.table;
        let cells = table.rows() - missing;
        if cells == 0 {
            let name = quoted(&table.column_name(column));
            let message = format!("the column {name} is empty: leave it out with --ignore, Table::ignore");
            return Err(Error::format(table.file(), message));
        }
        let Some(row) = first_text else { return Ok(false) };
        let is_target = self.positions.contains(&column);
        if let Some(row) = first_comma.filter(|_| (numbers + commas) * 2 > cells)
            && !(is_target && self.wants_classes())
        {
            return Err(stray_text(table, row, column));
        }
        let is_stray = match is_target {
            true if self.wants_classes() => false,
            true if self.wants_values() => true,
            _ => numbers * 2 > cells,
        };
        if !is_stray {
            return Ok(true);
        }
        match stray_text(table, row, column) {
            Error::Parse { file, line, column, message } if is_target => {
                let message = format!("{message}; or, if it holds classes, say so: --task classify, Target::Class");
                Err(Error::Parse { file, line, column, message })
            }
            error => Err(error),
        }
    }

    /// Returns the categories of a text feature, or an error if it looks like a date or an identifier.
    fn categories(&self, column: usize, texts: &Texts<'_>) -> Result<ColumnKind> {
        let (count, rows) = (texts.len(), self.table.rows());
        let are_dates = || texts.iter().all(|text| is_date(text));
        if (count > MOST_CATEGORIES || count * 2 > rows) && are_dates() {
            return Err(too_many(self.table, column, count, DATE));
        }
        if count > MOST_CATEGORIES && (count > MOST_COMMON_CATEGORIES || count * COMMON > rows) {
            return Err(too_many(self.table, column, count, IDENTIFIER));
        }
        Ok(ColumnKind::Categories(texts.iter().map(|text| text.to_string()).collect()))
    }

    /// Returns the target columns as classes or values; `texts` are the different cells of the first.
    fn target(&self, texts: &Texts<'_>) -> Result<TargetSchema> {
        let (table, first, rows) = (self.table, self.positions[0], self.table.rows());
        let classes = if self.wants_values() { None } else { classes(texts, rows, self.wants_classes()) };
        let Some(classes) = classes else {
            return Ok(TargetSchema::Values {
                names: self.positions.iter().map(|&column| table.column_name(column)).collect(),
            });
        };
        let mostly_different = classes.len() * 2 > rows;
        if mostly_different && classes.iter().all(|text| is_date(text)) {
            return Err(too_many(table, first, classes.len(), DATE));
        }
        if mostly_different && classes.len() > MOST_NUMBERED_CLASSES {
            return Err(too_many(table, first, classes.len(), MEASUREMENT));
        }
        Ok(TargetSchema::Classes { name: table.column_name(first), classes })
    }
}

/// The different cells of a column, in alphabetical order.
type Texts<'a> = BTreeSet<Cow<'a, str>>;

impl Target<'_> {
    /// Returns the indices, from 0, of the target columns.
    pub(super) fn positions(self, table: &Table) -> Result<Vec<usize>> {
        let last = || (0..table.columns()).rfind(|&column| !table.ignores(column));
        let positions: Vec<usize> = match self {
            Target::Last => last().into_iter().collect(),
            Target::Column(name) | Target::Class(name) => vec![table.find(name)?],
            Target::Values(names) => names.iter().map(|name| table.find(name)).collect::<Result<_>>()?,
        };
        if let Some(&column) = positions.iter().find(|&&column| table.ignores(column)) {
            let name = quoted(&table.column_name(column));
            return Err(Error::Setting(format!("the column {name} is the target, and is to be ignored")));
        }
        if positions.is_empty() {
            return Err(Error::Setting("no target column is named".to_string()));
        }
        distinct(positions.iter().map(|&column| table.column_name(column)), "targets")?;
        Ok(positions)
    }
}

/// The counts of the cells of a column, by kind.
#[derive(Clone, Copy, Default)]
struct Summary {
    numbers: usize,
    missing: usize,
    first_text: Option<usize>,
    /// The cells that are numbers but for a decimal comma.
    commas: usize,
    first_comma: Option<usize>,
}

fn summaries(table: &Table, may_be_missing: impl Fn(usize) -> bool) -> Result<Vec<Summary>> {
    let mut summaries = vec![Summary::default(); table.columns()];
    for row in 0..table.rows() {
        for (column, (cell, summary)) in table.cells(row).zip(&mut summaries).enumerate() {
            match Cell::of(&cell) {
                _ if table.ignores(column) => {}
                Cell::Number(_) => summary.numbers += 1,
                Cell::Text => {
                    summary.first_text = summary.first_text.or(Some(row));
                    if has_decimal_comma(&cell) {
                        summary.commas += 1;
                        summary.first_comma = summary.first_comma.or(Some(row));
                    }
                }
                Cell::Missing if may_be_missing(column) => summary.missing += 1,
                Cell::Missing => return Err(missing(table, row, column, &cell, UNTRAINED)),
                Cell::Infinite => return Err(infinite(table, row, column, &cell)),
            }
        }
    }
    Ok(summaries)
}

/// Returns the different texts of each column that is wanted, without those that stand for a missing cell.
fn different_texts<'a>(table: &'a Table, wanted: &[bool]) -> Vec<Texts<'a>> {
    let mut texts = vec![BTreeSet::new(); table.columns()];
    // No cell behind the last of them is looked at.
    let wanted = &wanted[..wanted.iter().rposition(|&wanted| wanted).map_or(0, |last| last + 1)];
    for row in 0..table.rows() {
        for ((_, texts), cell) in
            wanted.iter().zip(&mut texts).zip(table.cells(row)).filter(|((wanted, _), _)| **wanted)
        {
            if !matches!(Cell::of(&cell), Cell::Missing) {
                texts.insert(cell);
            }
        }
    }
    texts
}

/// Returns the classes of a target column in their order, or `None` if its content says that it holds values.
fn classes(texts: &Texts<'_>, rows: usize, forced: bool) -> Option<Vec<String>> {
    let Some(numbers) = texts.iter().map(|text| finite(text)).collect::<Option<Vec<f64>>>() else {
        return Some(texts.iter().map(|text| text.to_string()).collect());
    };
    // A class may be written in several ways (1, 1.0, 1e0), but not in fifty.
    if numbers.len() > 50 * MOST_NUMBERED_CLASSES && !forced {
        return None;
    }
    let sorted = order(numbers.len(), &|a, b| numbers[a].total_cmp(&numbers[b]));
    let mut numbers: Vec<f64> = sorted.into_iter().map(|i| numbers[i]).collect();
    numbers.dedup();
    let few = numbers.len() <= MOST_NUMBERED_CLASSES && (numbers.len() == 2 || numbers.len() * 5 <= rows);
    let whole = numbers.iter().all(|number| number.fract() == 0.0);
    (forced || few && whole).then(|| numbers.iter().map(f64::to_string).collect())
}

fn too_many(table: &Table, column: usize, many: usize, remedy: &str) -> Error {
    let (name, rows) = (quoted(&table.column_name(column)), table.rows());
    Error::format(
        table.file(),
        format!("the column {name} has {many} different cells in {rows} rows: it looks like {remedy}"),
    )
}
