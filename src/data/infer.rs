//! Finding out what the columns of a table mean.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::cell::{Cell, UNTRAINED, finite, has_decimal_comma, infinite, is_date, missing, stray_text};
use super::schema::distinct;
use super::{Column, Kind, Output, Schema, Table};
use crate::base::error::{Error, Result};
use crate::base::sort::order;
use crate::base::text::{listed, quoted};

/// A text feature with more categories than the first is taken for an identifier, but for one of up to the second with
/// so many rows for each.
const MOST_CATEGORIES: usize = 100;
const MOST_COMMON_CATEGORIES: usize = 300;
const COMMON: usize = 10;
/// Whole numbers with more different values than this are values, not classes.
const MOST_NUMBERED_CLASSES: usize = 20;

const DATE: &str = "a date, which is not a number: remove this column (--ignore, Table::ignore), or split it into numbers, as year, month and day";

/// What the caller wants predicted.
///
/// A column is named by its header or, where no header says so, by its number counted from 1.
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
    /// The schema of a table for training: every column that is not a target is a feature, of numbers or of
    /// categories.
    ///
    /// # Errors
    /// When a target is not in the table or no feature is left beside it; when a cell is empty, stands for a missing
    /// value or is infinite, or is a text among numbers; when a text column has too many different texts, or the
    /// target only one.
    pub fn infer(table: &Table, target: Target<'_>) -> Result<Schema> {
        Schema::infer_with(table, target, false)
    }

    /// The same, where `blanks` among the features are no error.
    pub(super) fn infer_with(table: &Table, target: Target<'_>, blanks: bool) -> Result<Schema> {
        let positions = target.positions(table)?;
        if positions.len() + table.ignored().len() == table.columns() {
            let message = "has no feature columns beside the target: \
                 at least two columns, separated by commas, tabs or semicolons, were expected";
            return Err(Error::format(table.file(), message));
        }
        let may_be_blank = |column| blanks && !positions.contains(&column);
        let summaries = summaries(table, may_be_blank)?;
        let explicit_class = matches!(target, Target::Class(_));
        let explicit_values = matches!(target, Target::Values(_));
        let text = |column: usize| {
            let Summary { numbers, blanks, first_text, commas, first_comma } = summaries[column];
            let cells = table.rows() - blanks;
            if cells == 0 {
                let name = quoted(&table.column_name(column));
                let message = format!("the column {name} is empty: leave it out with --ignore, Table::ignore");
                return Err(Error::format(table.file(), message));
            }
            let Some(row) = first_text else { return Ok(false) };
            let is_target = positions.contains(&column);
            if let Some(row) = first_comma.filter(|_| (numbers + commas) * 2 > cells)
                && !(is_target && explicit_class)
            {
                return Err(stray_text(table, row, column));
            }
            let stray = match is_target {
                true if explicit_class => false,
                true if explicit_values => true,
                _ => numbers * 2 > cells,
            };
            match stray_text(table, row, column) {
                _ if !stray => Ok(true),
                Error::Parse { file, line, column, message } if is_target => {
                    let message = format!("{message}; or, if it holds classes, say so: --task classify, Target::Class");
                    Err(Error::Parse { file, line, column, message })
                }
                error => Err(error),
            }
        };
        let is_text: Vec<bool> =
            (0..table.columns()).map(|column| Ok(!table.ignores(column) && text(column)?)).collect::<Result<_>>()?;
        let wanted = |column| is_text[column] || (positions.contains(&column) && !explicit_values);
        let mut texts = different_texts(table, &(0..table.columns()).map(wanted).collect::<Vec<_>>());
        if blanks {
            texts.iter_mut().for_each(|texts| texts.retain(|text| !matches!(Cell::of(text), Cell::Missing)));
        }

        let mut columns = Vec::new();
        let is_feature = |column: &usize| !positions.contains(column) && !table.ignores(*column);
        for column in (0..table.columns()).filter(is_feature) {
            let kind = match (is_text[column], texts[column].len()) {
                (false, _) => Kind::Number,
                (true, many)
                    if (many > MOST_CATEGORIES || many * 2 > table.rows())
                        && texts[column].iter().all(|text| is_date(text)) =>
                {
                    return Err(too_many(table, column, many, DATE));
                }
                (true, many)
                    if many > MOST_CATEGORIES && (many > MOST_COMMON_CATEGORIES || many * COMMON > table.rows()) =>
                {
                    let remedy = "an identifier, from which nothing can be learned: remove this column (--ignore, Table::ignore)";
                    return Err(too_many(table, column, many, remedy));
                }
                (true, _) => Kind::Categories(texts[column].iter().map(|text| text.to_string()).collect()),
            };
            columns.push(Column { name: table.column_name(column), kind });
        }
        let first = positions[0];
        let classes = if explicit_values { None } else { classes(&texts[first], table.rows(), explicit_class) };
        let output = match classes {
            Some(classes) if classes.len() * 2 > table.rows() && classes.iter().all(|text| is_date(text)) => {
                return Err(too_many(table, first, classes.len(), DATE));
            }
            Some(classes) if classes.len() > MOST_NUMBERED_CLASSES && classes.len() * 2 > table.rows() => {
                let remedy =
                    "an identifier or a measurement, not a class: name another target, or predict it as a value";
                return Err(too_many(table, first, classes.len(), remedy));
            }
            Some(classes) => Output::Classes { name: table.column_name(first), classes },
            None => Output::Values { names: positions.iter().map(|&column| table.column_name(column)).collect() },
        };
        Schema::from_parts_ignoring(columns, output, positions, table.ignored().to_vec())
            .map_err(|error| Error::format(table.file(), error.to_string()))
    }
}

impl Table {
    /// The column of this header or number from 1, counted from 0.
    pub(super) fn find(&self, name: &str) -> Result<usize> {
        let named = self.header().and_then(|header| header.iter().position(|other| other == name));
        let numbered = || name.parse().ok().filter(|number| (1..=self.columns()).contains(number)).map(|n| n - 1);
        named.or_else(numbered).ok_or_else(|| {
            let names: Vec<String> = (0..self.columns()).map(|column| self.column_name(column)).collect();
            let hint = match self.header() {
                Some(_) => "",
                None => ": it has no header, since a number or an empty cell is in its first line",
            };
            Error::format(self.file(), format!("has no column {}; it has {}{hint}", quoted(name), listed(&names)))
        })
    }
}

impl Target<'_> {
    /// The target columns, counted from 0.
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

/// A column at a glance.
#[derive(Clone, Copy, Default)]
struct Summary {
    numbers: usize,
    blanks: usize,
    first_text: Option<usize>,
    /// The cells that are numbers but for a decimal comma.
    commas: usize,
    first_comma: Option<usize>,
}

fn summaries(table: &Table, may_be_blank: impl Fn(usize) -> bool) -> Result<Vec<Summary>> {
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
                Cell::Missing if may_be_blank(column) => summary.blanks += 1,
                Cell::Missing => return Err(missing(table, row, column, &cell, UNTRAINED)),
                Cell::Infinite => return Err(infinite(table, row, column, &cell)),
            }
        }
    }
    Ok(summaries)
}

/// The different texts of each column that is wanted.
fn different_texts<'a>(table: &'a Table, wanted: &[bool]) -> Vec<BTreeSet<Cow<'a, str>>> {
    let mut texts = vec![BTreeSet::new(); table.columns()];
    // Nothing is looked at behind the last of them.
    let wanted = &wanted[..wanted.iter().rposition(|&wanted| wanted).map_or(0, |last| last + 1)];
    for row in 0..table.rows() {
        for ((_, texts), cell) in
            wanted.iter().zip(&mut texts).zip(table.cells(row)).filter(|((wanted, _), _)| **wanted)
        {
            texts.insert(cell);
        }
    }
    texts
}

/// The classes of a target column in their order, or `None` where its content says that it holds values.
fn classes(texts: &BTreeSet<Cow<'_, str>>, rows: usize, forced: bool) -> Option<Vec<String>> {
    let Some(numbers) = texts.iter().map(|text| finite(text)).collect::<Option<Vec<f64>>>() else {
        return Some(texts.iter().map(|text| text.to_string()).collect());
    };
    // So many may be written in several ways, but not that many.
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
