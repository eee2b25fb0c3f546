//! The content of a single cell of a table.

use super::reading::Reading;

/// The content of a cell.
pub(super) enum Cell {
    /// A plain number.
    Number(f64),
    /// Infinite, or beyond single precision.
    Infinite,
    Missing,
    Text,
}

impl Cell {
    pub(super) fn of(text: &str, reading: &Reading) -> Cell {
        let text = text.trim();
        match text.parse::<f64>() {
            // A word that the user names stands for a missing value, whatever else it could be.
            Ok(_) if reading.missing_values.is_some() && reading.is_missing(text) => Cell::Missing,
            Ok(number) if number.abs() <= f32::MAX.into() => Cell::Number(number),
            Ok(number) if number.is_nan() => Cell::Missing,
            Ok(_) => Cell::Infinite,
            Err(_) if reading.is_missing(text) => Cell::Missing,
            Err(_) => Cell::Text,
        }
    }
}

/// Returns a cell's number in double precision, if it is finite. Negative zero becomes zero.
pub(super) fn finite(cell: &str) -> Option<f64> {
    cell.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(|number| number + 0.0)
}
