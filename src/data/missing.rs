//! Missing cells: rows that are left out.

use super::cell::Cell;
use super::schema::Schema;
use super::table::Table;
use crate::base::error::{Error, Result};

/// How missing cells are handled when training data is read. The words that stand for a
/// missing cell are in [`Reading::missing_values`](crate::data::Reading::missing_values).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// A missing cell is an error, which names the first of them.
    Error,
    /// Rows with a missing cell are left out.
    Drop,
    /// Missing features are NaN in the dataset, for an [`Imputer`](crate::data::Imputer) to fill in;
    /// [`Preprocessing::fit`](crate::Preprocessing::fit) fits one. Rows whose target is missing are left out: a target
    /// cannot be made up. A column of numbers of which more than a few cells are missing has an input that says so; a
    /// column of texts has one if any is.
    #[default]
    Fill,
}

impl Table {
    /// Leaves out the rows in which a target of `schema` is missing, or a feature that it does not allow to be missing:
    /// for labeled data that a model is to be tested on. Returns the number of rows left out.
    ///
    /// # Errors
    /// If the table does not have the columns of the schema, or no row is left.
    pub fn drop_missing(&mut self, schema: &Schema) -> Result<usize> {
        let required = schema.required(self)?;
        self.texts = schema.words(self)?;
        let rows = self.rows();
        self.keep_complete(&required)?;
        Ok(rows - self.rows())
    }

    /// Keeps the rows in which no cell of the `required` columns is missing.
    pub(super) fn keep_complete(&mut self, required: &[bool]) -> Result<()> {
        let missing = |column: usize, cell: &str| matches!(self.content(column, cell), Cell::Missing);
        let complete = |row: usize| {
            let mut cells = self.cells(row).zip(required).enumerate();
            cells.all(|(column, (cell, &required))| !required || !missing(column, &cell))
        };
        let keep: Vec<bool> = (0..self.rows()).map(complete).collect();
        if !keep.contains(&true) {
            let message = "has no row without a missing cell: fill cells in; or, to train, leave columns out that are \
                 mostly empty (--ignore, Table::ignore), or have features filled in (--missing fill, Missing::Fill)";
            return Err(Error::format(self.file(), message));
        }
        self.retain(&keep);
        Ok(())
    }
}
