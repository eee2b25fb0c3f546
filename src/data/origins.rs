//! The origins of columns whose numbers lie close together and far from zero.

use super::number::NumberForm;
use super::recent::Recent;
use super::summary::Summary;
use super::table::Table;
use super::time::TimeForm;

/// The meaning of a column's cells.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    Number(NumberForm),
    Time(TimeForm),
    Text,
}

/// Sets the origin of every column whose numbers lie close together and far from zero, and of all dates: what is left
/// when it is subtracted fits in single precision.
pub(super) fn set_origins(table: &Table, summaries: &[Summary], meanings: &mut [Meaning]) {
    /// Single precision has 24 bits; a column with this ratio of its size to its range has 17 left.
    const FAR: f64 = 128.0;
    let is_read = |meaning: &Meaning| match meaning {
        Meaning::Number(form) => !form.is_plain(),
        Meaning::Time(form) => form.date,
        Meaning::Text => false,
    };
    let plain = |summary: &Summary| (summary.low, summary.high);
    let wanted: Vec<bool> = meanings.iter().map(is_read).collect();
    let mut ranges: Vec<((f64, f64), Recent<'_>)> = summaries.iter().map(plain).zip(Recent::of(wanted.len())).collect();
    table.fold_columns(&[], &wanted, &mut ranges, |(range, recent), at, cell, _| {
        if recent.knows(cell.key()) {
            return true;
        }
        let number = match &meanings[at.1] {
            Meaning::Number(form) => form.read(&cell.text()),
            Meaning::Time(form) => form.seconds(&cell.text()),
            Meaning::Text => None,
        };
        if let Some(number) = number {
            *range = (range.0.min(number), range.1.max(number));
        }
        true
    });
    for (meaning, ((low, high), _)) in meanings.iter_mut().zip(ranges) {
        let middle = low + (high - low) / 2.0;
        let is_far = low < high && low.abs().max(high.abs()) > FAR * (high - low);
        match meaning {
            Meaning::Number(form) if is_far => form.origin = middle,
            Meaning::Time(form) if form.date && low <= high => form.origin = middle.round(),
            _ => {}
        }
    }
}
