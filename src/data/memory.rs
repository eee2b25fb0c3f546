//! Memory for the features of a table: asked for before it is needed, so that a lack of it is an error with a remedy.

use super::schema::{Column, Schema};
use super::table::Table;
use crate::base::error::{Error, Result};
use crate::base::text::quoted;

/// Reading a table needs its features once; training splits and scales them.
pub(super) const READ: usize = 1;
pub(super) const TRAINED: usize = 3;

/// Returns an error if there is no memory for so many copies of the features of a table.
pub(super) fn check_memory(table: &Table, schema: &Schema, copies: usize) -> Result<()> {
    let (rows, width) = (table.rows(), schema.width());
    let numbers = rows.checked_mul(width).and_then(|numbers| numbers.checked_mul(copies));
    // The memory is given back at once: no page of it has been touched.
    let mut probe: Vec<f32> = Vec::new();
    if numbers.is_some_and(|numbers| probe.try_reserve_exact(numbers).is_ok()) {
        return Ok(());
    }
    let megabytes = rows as f64 * width as f64 * copies as f64 * 4.0 / 1e6;
    let mut widest: Vec<&Column> = schema.columns().iter().collect();
    widest.sort_by_key(|column| std::cmp::Reverse(column.width()));
    let shown: Vec<String> =
        widest.iter().take(3).map(|column| format!("{} ({})", quoted(&column.name), column.width())).collect();
    let message = format!(
        "{rows} rows of {width} inputs need {megabytes:.0} MB of memory, more than there is. Most inputs are of {}: leave \
         columns out (--ignore, Table::ignore), or use fewer rows",
        shown.join(", ")
    );
    Err(Error::format(table.file(), message))
}
