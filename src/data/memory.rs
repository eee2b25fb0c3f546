//! Memory for tables and datasets: asked for before it is needed, so that a lack of it is an error with a remedy.

use super::schema::{Column, Schema, TargetSchema};
use super::table::Table;
use crate::base::error::{Error, Result};
use crate::base::memory::{is_available, megabytes};
use crate::base::sort::order;
use crate::base::text::quoted;

/// Reading a table needs its features once; training splits and scales them.
pub(super) const READ: usize = 1;
pub(super) const TRAINED: usize = 3;

/// The bytes for an example besides its features and targets: its index in an order, in a part, in one that is sorted.
pub(super) const EXAMPLE: usize = 40;
/// The bytes for a line of a table while its columns are judged, and for a column.
const LINE: usize = 24;
const COLUMN: usize = 512;

/// Returns an error if there is no memory for so many copies of the features of a table.
pub(super) fn check_memory(table: &Table, schema: &Schema, copies: usize) -> Result<()> {
    let one = schema.row_bytes().saturating_mul(copies).saturating_add(EXAMPLE);
    check(table.rows(), schema, one).map_err(|message| Error::format(table.file(), message))
}

/// Returns an error if there is no memory to judge the columns of a table of this size.
pub(super) fn check_shape(file: &str, rows: usize, columns: usize) -> Result<()> {
    let bytes = rows.saturating_mul(LINE).saturating_add(columns.saturating_mul(COLUMN));
    match is_available(bytes) {
        true => Ok(()),
        false => Err(too_large(file, &format!("{rows} lines of {columns} cells ({})", megabytes(bytes)))),
    }
}

/// Returns the error for a table of which something needs more memory than there is.
pub(super) fn too_large(file: &str, what: &str) -> Error {
    let remedy = "leave columns out (--ignore, Table::ignore), or use fewer rows";
    Error::format(file, format!("{what} need more memory than there is: {remedy}"))
}

impl Schema {
    /// Returns the bytes of an example that is read from a table: a category is a number, whatever its inputs.
    fn row_bytes(&self) -> usize {
        let of = |column: &Column| if column.has_categories() { 1 } else { column.width() };
        let targets = match self.target() {
            TargetSchema::Classes { .. } => 1,
            TargetSchema::Labels { names, .. } | TargetSchema::Values { names } => names.len(),
        };
        // The index of a class is read as a float first.
        self.columns().iter().map(of).sum::<usize>().saturating_add(2 * targets).saturating_mul(4)
    }
}

/// Returns the message if there are not so many bytes for each of some rows.
pub(super) fn check(rows: usize, schema: &Schema, bytes_of_row: usize) -> std::result::Result<(), String> {
    let bytes = rows.saturating_mul(bytes_of_row);
    if is_available(bytes) {
        return Ok(());
    }
    let columns = schema.columns();
    let widest = order(columns.len(), &|a, b| columns[b].width().cmp(&columns[a].width()));
    let shown = |&index: &usize| format!("{} ({})", quoted(&columns[index].name), columns[index].width());
    let shown: Vec<String> = widest.iter().take(3).map(shown).collect();
    let (width, need) = (schema.width(), megabytes(bytes));
    Err(format!(
        "{rows} rows of {width} inputs need {need} of memory, more than there is. Most inputs are of {}: leave columns \
         out (--ignore, Table::ignore), or use fewer rows",
        shown.join(", ")
    ))
}
