//! The content of a single cell of a table, and the errors that blame it.

use super::table::Table;
use crate::base::error::{Error, Result};
use crate::base::text::quoted;

/// The words that stand for a missing value, in capitals or not, besides NaN.
const MISSING: [&str; 6] = ["", "NA", "N/A", "null", "none", "?"];

/// The content of a cell.
pub(super) enum Cell {
    Number(f32),
    Infinite,
    Missing,
    Text,
}

impl Cell {
    pub(super) fn of(text: &str) -> Cell {
        let text = text.trim();
        // Most cells of a large table are short whole numbers, which need no general parser.
        if (1..=7).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Cell::Number(text.bytes().fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0')) as f32);
        }
        match text.parse::<f32>() {
            Ok(number) if number.is_finite() => Cell::Number(number),
            Ok(number) if number.is_infinite() => Cell::Infinite,
            Ok(_) => Cell::Missing,
            Err(_) if MISSING.iter().any(|word| text.eq_ignore_ascii_case(word)) => Cell::Missing,
            Err(_) => Cell::Text,
        }
    }
}

/// Returns a cell's number in double precision, if it is finite. Negative zero becomes zero.
pub(super) fn finite(cell: &str) -> Option<f64> {
    cell.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(|number| number + 0.0)
}

/// Returns the number in a cell that must hold one.
pub(super) fn number(table: &Table, row: usize, column: usize, cell: &str) -> Result<f32> {
    match Cell::of(cell) {
        Cell::Number(number) => Ok(number),
        Cell::Missing => Err(missing(table, row, column, cell, UNFILLED)),
        Cell::Infinite => Err(infinite(table, row, column, cell)),
        Cell::Text => Err(stray_text(table, row, column)),
    }
}

/// The remedies for a missing cell in data for a model, in a target, and in a table to train on.
pub(super) const UNFILLED: &str = "fill the cell in, remove the line, or train with --missing fill, Missing::Fill";
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

/// Returns whether a cell is a number except for its decimal comma.
pub(super) fn has_decimal_comma(cell: &str) -> bool {
    cell.contains(',') && finite(&cell.replace(',', ".")).is_some()
}

/// Returns whether a cell begins as a date does: `2024-05-31`, `31.5.2024`, `05/31/2024`.
pub(super) fn is_date(cell: &str) -> bool {
    let mut parts = cell.trim().split(|c: char| !c.is_ascii_digit()).map(str::len);
    match [parts.next(), parts.next(), parts.next()] {
        [Some(4), Some(1 | 2), _] => cell.trim().as_bytes()[4] == b'-',
        [Some(1 | 2), Some(1 | 2), Some(4)] => true,
        _ => false,
    }
}

pub(super) fn stray_text(table: &Table, row: usize, column: usize) -> Error {
    let cell = table.cells(row).nth(column).unwrap_or_default();
    let hint = if has_decimal_comma(&cell) {
        ": write decimals with a point"
    } else if row == 0 && table.header().is_none() {
        ": if this line is a header, no cell of it may be empty or a number; otherwise correct the cell"
    } else {
        ": correct the cell, or remove the line"
    };
    table.blame(row, column, format!("{} is not a number, which this column holds{hint}", quoted(&cell)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_recognized() {
        for date in
            ["2024-05-31", " 2024-5-1", "2024-05", "2024-05-31T12:00:00Z", "31.05.2024", "1.5.2024 8:00", "05/31/2024"]
        {
            assert!(is_date(date), "{date}");
        }
        for other in ["2024", "2024-", "1234-5678", "2024x05", "192.168.1.1", "1.5", "1,5", "a-2024-05-31", "", "é"] {
            assert!(!is_date(other), "{other}");
        }
    }

    #[test]
    fn decimal_commas_are_recognized() {
        for number in ["1,5", "-0,25", " 1,5e3 ", "1,234"] {
            assert!(has_decimal_comma(number), "{number}");
        }
        for other in ["1.5", "1,234,567", "a,b", ",", "", "1;5"] {
            assert!(!has_decimal_comma(other), "{other}");
        }
    }
}
