//! Missing cells: rows that are left out.

use super::cell::Cell;
use super::schema::Schema;
use super::table::Table;
use crate::base::error::{Error, Result};

/// How missing cells are handled when training data is read. A cell is missing if it is empty, or says `NA`, `N/A`,
/// `NaN`, `null`, `none` or `?`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// A missing cell is an error, which names the first of them.
    #[default]
    Error,
    /// Rows with a missing cell are left out.
    Drop,
    /// Missing features are NaN in the dataset, for an [`Imputer`](crate::data::Imputer) to fill in;
    /// [`Preprocessing::fit`](crate::Preprocessing::fit) fits one. Rows whose target is missing are left out: a target
    /// cannot be made up.
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
        let rows = self.rows();
        self.keep_complete(&required)?;
        Ok(rows - self.rows())
    }

    /// Keeps the rows in which no cell of the `required` columns is missing.
    pub(super) fn keep_complete(&mut self, required: &[bool]) -> Result<()> {
        let missing = |cell: &str| matches!(Cell::of(cell), Cell::Missing);
        let complete = |row: usize| self.cells(row).zip(required).all(|(cell, &required)| !required || !missing(&cell));
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
