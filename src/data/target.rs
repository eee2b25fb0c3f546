//! The choice of the target columns.

use super::schema::distinct;
use super::table::Table;
use crate::base::error::{Error, Result};
use crate::base::text::quoted;

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
    /// These columns; their content decides. Two different texts or whole numbers in each make labels, and numbers make
    /// values, if more than two are different. Some of both are an error, and so is a column of text with other than two
    /// classes. One column alone is as [`Column`](Self::Column) says. Columns that are to be
    /// [numbers](crate::data::Reading::numbers) or [categories](crate::data::Reading::categories) are.
    Columns(&'a [&'a str]),
    /// Labels: each of these columns has two different cells, which are its classes.
    Labels(&'a [&'a str]),
    /// Numbers: the cells of these columns.
    Values(&'a [&'a str]),
}

impl Target<'_> {
    /// Returns the indices, from 0, of the target columns.
    pub(super) fn positions(self, table: &Table) -> Result<Vec<usize>> {
        let last = || (0..table.columns()).rfind(|&column| !table.ignores(column));
        let positions: Vec<usize> = match self {
            Target::Last => last().into_iter().collect(),
            Target::Column(name) | Target::Class(name) => vec![table.find(name)?],
            Target::Columns(names) | Target::Labels(names) | Target::Values(names) => {
                names.iter().map(|name| table.find(name)).collect::<Result<_>>()?
            }
        };
        if let Some(&column) = positions.iter().find(|&&column| table.ignores(column)) {
            let name = quoted(&table.column_name(column));
            let message =
                format!("the column {name} is the target: it cannot be ignored, or be weights, groups or times");
            return Err(Error::Setting(message));
        }
        if positions.is_empty() {
            return Err(Error::Setting("no target column is named".to_string()));
        }
        distinct(positions.iter().map(|&column| table.column_name(column)), "targets")?;
        Ok(positions)
    }
}
