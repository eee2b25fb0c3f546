//! The errors that blame a single cell of a table.

use super::table::Table;
use crate::base::error::Error;
use crate::base::text::quoted;

/// The remedies for a missing cell in data for a model, in a target, and in a table to train on.
pub(super) const UNFILLED: &str = "fill the cell in, remove the line, or train on a table in which cells of features are missing too (--missing fill)";
pub(super) const UNLABELLED: &str =
    "there is nothing to compare with: fill the cell in, or leave such lines out (--missing drop, Table::drop_missing)";
pub(super) const UNTRAINED: &str = "fill the cell in, or say what is to be done: --missing drop leaves such lines out, \
    --missing fill fills features in (Missing::Drop, Missing::Fill), --ignore leaves a column out (Table::ignore)";

pub(super) fn missing(table: &Table, row: usize, column: usize, cell: &str, remedy: &str) -> Error {
    let what =
        if cell.trim().is_empty() { "is empty".to_string() } else { format!("{} is a missing value", quoted(cell)) };
    table.blame(row, column, format!("{what}: {remedy}"))
}

pub(super) fn infinite(table: &Table, row: usize, column: usize, cell: &str) -> Error {
    let message = format!("{} is infinite or beyond single precision (3.4e38): use a finite number", quoted(cell));
    table.blame(row, column, message)
}

pub(super) fn stray_text(table: &Table, row: usize, column: usize) -> Error {
    let cell = table.cell(row, column);
    let name = table.column_name(column);
    let first = row == 0 && table.header().is_none();
    let hint = match first {
        true => "if this line is a header, say --header yes; otherwise correct the cell".to_string(),
        false => format!(
            "correct the cell, remove the line, or say what it is: --missing-values {cell} if it stands for a missing \
             value, --categories {name} if the column holds names"
        ),
    };
    table.blame(row, column, format!("{} is not a number, which this column holds: {hint}", quoted(&cell)))
}

/// Returns the error for a cell that is not written as those of its column were in training: `form` says how, if not as
/// plain numbers.
pub(super) fn unlike(table: &Table, row: usize, column: usize, cell: &str, form: Option<&str>) -> Error {
    let what = match form {
        Some(form) => format!("is not written as in training, where this column held {form}"),
        None => "is not a number, which this column held in training".to_string(),
    };
    table.blame(row, column, format!("{} {what}: correct the cell, or remove the line", quoted(cell)))
}

/// Returns the error for a column in which a comma may separate decimals or thousands.
pub(super) fn ambiguous(table: &Table, column: usize) -> Error {
    let cells = (0..table.rows()).map(|row| (row, table.cell(row, column)));
    let with_comma = cells.into_iter().find(|(_, cell)| cell.contains(','));
    let (row, cell) = with_comma.unwrap_or_default();
    let message = format!(
        "{} has a comma before decimals or before thousands, and no cell of this column tells which: say --decimal , \
         or --decimal . (Reading::decimal)",
        quoted(&cell)
    );
    table.blame(row, column, message)
}
