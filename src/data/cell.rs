//! What a single cell of a table says, and the errors that blame it.

use super::Table;
use crate::error::{Error, Result, quoted};

/// What stands for a missing value, in capitals or not, beside NaN.
const MISSING: [&str; 6] = ["", "NA", "N/A", "null", "none", "?"];

/// What a cell says.
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

/// A cell's number in double precision, with one zero only.
pub(super) fn finite(cell: &str) -> Option<f64> {
    cell.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(|number| number + 0.0)
}

/// The number in a cell that must hold one.
pub(super) fn number(table: &Table, row: usize, column: usize, cell: &str) -> Result<f32> {
    match Cell::of(cell) {
        Cell::Number(number) => Ok(number),
        Cell::Missing => Err(missing(table, row, column, cell)),
        Cell::Infinite => Err(infinite(table, row, column, cell)),
        Cell::Text => Err(stray_text(table, row, column)),
    }
}

pub(super) fn missing(table: &Table, row: usize, column: usize, cell: &str) -> Error {
    let what =
        if cell.trim().is_empty() { "is empty".to_string() } else { format!("{} is a missing value", quoted(cell)) };
    table.blame(row, column, format!("{what}: fill the cell in, or remove the line or the column"))
}

pub(super) fn infinite(table: &Table, row: usize, column: usize, cell: &str) -> Error {
    let message = format!("{} is infinite or beyond single precision (3.4e38): use a finite number", quoted(cell));
    table.blame(row, column, message)
}

pub(super) fn stray_text(table: &Table, row: usize, column: usize) -> Error {
    let cell = table.cells(row).nth(column).unwrap_or_default();
    let hint = if finite(&cell.replace(',', ".")).is_some() {
        ": write decimals with a point"
    } else if row == 0 && table.header().is_none() {
        ": if this line is a header, no cell of it may be empty or a number; otherwise correct the cell"
    } else {
        ": correct the cell, or remove the line"
    };
    table.blame(row, column, format!("{} is not a number, which this column holds{hint}", quoted(&cell)))
}
