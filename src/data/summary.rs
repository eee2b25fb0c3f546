//! Counts of the cells of each column, by kind, made in passes over a table: the facts from which a schema is inferred.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::convert::Infallible;

use super::cell::Cell;
use super::memory::too_large;
use super::number::{Notation, NumberForm, is_numeric};
use super::table::Table;
use super::time::{ORDERS, TimeForm, TimeNotation, is_time, is_time_in};
use crate::base::error::Result;
use crate::base::memory::Growth;
use crate::base::text::quoted;

/// The different cells of a column, trimmed, in alphabetical order.
pub(super) type Texts<'a> = BTreeSet<Cow<'a, str>>;

/// A column of numbers with more different cells than this is not one of classes, however its numbers are written.
pub(super) const MOST_MEASURED: usize = 1000;

/// The counts of the cells of a column, by kind.
#[derive(Clone, Copy)]
pub(super) struct Summary {
    /// Plain numbers.
    pub numbers: usize,
    pub missing: usize,
    /// Signs that stand for a missing cell in a column of numbers: `-`.
    pub signs: usize,
    pub texts: usize,
    /// Numbers that look like codes: with a zero in front, or an exponent and no point.
    pub codes: usize,
    pub first_text: Option<usize>,
    pub first_missing: Option<usize>,
    pub first_infinite: Option<usize>,
    pub low: f64,
    pub high: f64,
}

impl Summary {
    /// Notes a number. Numbers are not counted: nothing is written for most of them.
    #[inline]
    fn see(&mut self, number: f64, is_code: bool) {
        if is_code {
            self.codes += 1;
        }
        if number < self.low {
            self.low = number;
        }
        if number > self.high {
            self.high = number;
        }
    }

    /// Notes a cell that may be no number.
    fn see_text(&mut self, table: &Table, (row, column): (usize, usize), cell: &str) {
        match table.content(column, cell) {
            Cell::Number(number) => self.see(number, is_code(cell)),
            Cell::Missing => {
                self.missing += 1;
                self.first_missing = self.first_missing.or(Some(row));
            }
            Cell::Infinite => {
                self.texts += 1;
                self.first_infinite = self.first_infinite.or(Some(row));
            }
            Cell::Text if table.reading().is_missing_number(cell.trim()) => self.signs += 1,
            Cell::Text => {
                self.texts += 1;
                self.first_text = self.first_text.or(Some(row));
            }
        }
    }

    /// The cells that hold something, if the column is text.
    pub fn filled(&self) -> usize {
        self.numbers + self.texts + self.signs
    }
}

/// Counts the cells of every column that is not ignored.
pub(super) fn summaries(table: &Table) -> Vec<Summary> {
    let empty = Summary {
        numbers: 0,
        missing: 0,
        signs: 0,
        texts: 0,
        codes: 0,
        first_text: None,
        first_missing: None,
        first_infinite: None,
        low: f64::INFINITY,
        high: f64::NEG_INFINITY,
    };
    let mut summaries = vec![empty; table.columns()];
    let ignored: Vec<bool> = (0..table.columns()).map(|column| table.ignores(column)).collect();
    // A number may be a word for a missing value.
    let all_numbers = table.reading().missing_values.is_none();
    for row in 0..table.rows() {
        let Ok(()) = table.each_cell(row, |column, cell| {
            let summary = &mut summaries[column];
            if let Some(number) = cell.number.filter(|_| all_numbers) {
                summary.see(number, cell.starts_with_zero());
            } else if !ignored[column] {
                summary.see_text(table, (row, column), cell.text());
            }
            Ok::<(), Infallible>(())
        });
    }
    for (column, summary) in summaries.iter_mut().enumerate() {
        match ignored[column] {
            true => *summary = empty,
            false => summary.numbers = table.rows() - summary.missing - summary.signs - summary.texts,
        }
    }
    summaries
}

/// Returns whether a number looks like a code: `007`, `12E4`.
pub(super) fn is_code(cell: &str) -> bool {
    let bytes = cell.as_bytes();
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'e' | b'E');
    match bytes {
        [b'0', second, ..] => second.is_ascii_digit(),
        [b'1'..=b'9', .., last] => {
            last.is_ascii_digit() && bytes.iter().any(|byte| matches!(byte, b'e' | b'E')) && bytes.iter().all(is_part)
        }
        _ => false,
    }
}

/// How the numbers, dates or times of each wanted column are written.
pub(super) fn notations(table: &Table, wanted: &[bool]) -> Vec<Option<(Notation, TimeNotation)>> {
    let new = |&wanted: &bool| wanted.then(|| (Notation::new(), TimeNotation::new()));
    let mut notations: Vec<_> = wanted.iter().map(new).collect();
    let reading = table.reading();
    each_cell(table, wanted, |column, cell| {
        if let Some((numbers, times)) = &mut notations[column]
            && !matches!(table.content(column, &cell), Cell::Missing)
            && !reading.is_missing_number(cell.trim())
        {
            numbers.observe(&cell);
            times.observe(&cell);
        }
    });
    notations
}

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
    let mut ranges: Vec<(f64, f64)> = summaries.iter().map(plain).collect();
    let wanted: Vec<bool> = meanings.iter().map(is_read).collect();
    each_cell(table, &wanted, |column, cell| {
        let number = match &meanings[column] {
            Meaning::Number(form) => form.read(&cell),
            Meaning::Time(form) => form.seconds(&cell),
            Meaning::Text => None,
        };
        if let Some(number) = number {
            ranges[column].0 = ranges[column].0.min(number);
            ranges[column].1 = ranges[column].1.max(number);
        }
    });
    for (meaning, (low, high)) in meanings.iter_mut().zip(ranges) {
        let middle = low + (high - low) / 2.0;
        let is_far = low < high && low.abs().max(high.abs()) > FAR * (high - low);
        match meaning {
            Meaning::Number(form) if is_far => form.origin = middle,
            Meaning::Time(form) if form.date && low <= high => form.origin = middle.round(),
            _ => {}
        }
    }
}

/// Returns the different cells of each column that is wanted, without those that stand for a missing one.
///
/// Columns that are `measured` have numbers, of which more than [`MOST_MEASURED`] different ones are not collected.
///
/// # Errors
/// If there is no memory for them.
pub(super) fn different_texts<'a>(table: &'a Table, wanted: &[bool], measured: &[usize]) -> Result<Vec<Texts<'a>>> {
    let mut texts = vec![BTreeSet::new(); table.columns()];
    let mut wanted = wanted.to_vec();
    let mut open = vec![false; table.columns()];
    for &column in measured {
        open[column] = std::mem::replace(&mut wanted[column], false);
    }
    let (mut row, end) = (0, open.iter().rposition(|&open| open).map_or(0, |last| last + 1));
    // Mostly it is a matter of the first rows.
    while row < table.rows() && open.contains(&true) {
        for (column, cell) in table.cells(row).take(end).enumerate() {
            if open[column] && !matches!(table.content(column, &cell), Cell::Missing) {
                texts[column].insert(trimmed(cell));
                open[column] = texts[column].len() <= MOST_MEASURED;
            }
        }
        row += 1;
    }
    let (mut growth, mut lack) = (Growth::default(), None);
    each_cell(table, &wanted, |column, cell| {
        if lack.is_some() || matches!(table.content(column, &cell), Cell::Missing) {
            return;
        }
        // An entry, and the room that a node of the tree has besides; text that had quotes in it is a copy.
        let bytes = 2 * size_of::<Cow<'_, str>>() + if let Cow::Owned(text) = &cell { text.len() + 16 } else { 0 };
        match growth.can_take(bytes) {
            true => _ = texts[column].insert(trimmed(cell)),
            false => lack = Some(column),
        }
    });
    match lack {
        None => Ok(texts),
        Some(last) => {
            let most = (0..texts.len()).max_by_key(|&column| texts[column].len()).unwrap_or(last);
            let (count, name) = (texts[most].len(), quoted(&table.column_name(most)));
            Err(too_large(table.file(), &format!("the different cells, {count} or more of the column {name},")))
        }
    }
}

/// Returns the number of a column's cells that are numbers, however they are written, and the first row whose cell is
/// none and not missing.
pub(super) fn numeric_cells(table: &Table, column: usize) -> (usize, Option<usize>) {
    let (mut count, mut stray) = (0, None);
    for row in 0..table.rows() {
        let cell = table.cells(row).nth(column).unwrap_or_default();
        match table.content(column, &cell) {
            Cell::Missing => {}
            _ if is_numeric(&cell) => count += 1,
            _ => stray = stray.or(Some(row)),
        }
    }
    (count, stray)
}

/// Returns the number of a column's cells that are dates or times, with the parts of a date in the order that most of
/// them have, and the first row whose cell is none and not missing.
pub(super) fn time_cells(table: &Table, column: usize) -> (usize, Option<usize>) {
    let (mut counts, mut strays) = ([0; ORDERS.len()], [None; ORDERS.len()]);
    for row in 0..table.rows() {
        let cell = table.cells(row).nth(column).unwrap_or_default();
        if matches!(table.content(column, &cell), Cell::Missing) {
            continue;
        }
        for (order, (count, stray)) in ORDERS.into_iter().zip(counts.iter_mut().zip(&mut strays)) {
            match is_time_in(&cell, order) {
                true => *count += 1,
                false => *stray = stray.or(Some(row)),
            }
        }
    }
    let most = (0..ORDERS.len()).rev().max_by_key(|&index| counts[index]).unwrap_or(0);
    (counts[most], strays[most])
}

/// Returns the words that usually stand for a missing cell, but are so frequent in a column of texts that they are
/// texts: `NA` among countries, `None` among drugs. Each is at least half as frequent as the others are on average.
///
/// # Errors
/// If there is no memory for the different texts.
pub(super) fn frequent_words(table: &Table, summaries: &[Summary]) -> Result<Vec<(usize, String)>> {
    if table.reading().missing_values.is_some() {
        return Ok(Vec::new());
    }
    let may_have = |summary: &Summary| summary.missing > 0 && summary.texts > summary.numbers;
    let wanted: Vec<bool> = summaries.iter().map(may_have).collect();
    if !wanted.contains(&true) {
        return Ok(Vec::new());
    }
    let texts = different_texts(table, &wanted, &[])?;
    let mut counts: Vec<[(&str, usize); 2]> = vec![[("NA", 0), ("None", 0)]; table.columns()];
    each_cell(table, &wanted, |column, cell| {
        let known = counts[column].iter_mut().find(|(word, _)| *word == cell.trim());
        known.into_iter().for_each(|(_, count)| *count += 1);
    });
    let mut frequent = Vec::new();
    // Dates, and numbers however they are written, are no texts.
    let is_measured = |texts: &Texts<'_>| {
        let measured = texts.iter().filter(|text| is_numeric(text) || is_time(text));
        measured.count() * 2 > texts.len()
    };
    for (column, counts) in counts.iter().enumerate().filter(|&(column, _)| !is_measured(&texts[column])) {
        let (texts, filled) = (texts[column].len(), summaries[column].filled());
        let is_frequent = |count: usize| count >= 2 && count * 2 * texts >= filled;
        let words = counts.iter().filter(|&&(_, count)| is_frequent(count));
        frequent.extend(words.map(|(word, _)| (column, word.to_string())));
    }
    Ok(frequent)
}

/// Calls `see` with every cell of the wanted columns.
fn each_cell<'a>(table: &'a Table, wanted: &[bool], mut see: impl FnMut(usize, Cow<'a, str>)) {
    // No cell behind the last of them is looked at.
    let end = wanted.iter().rposition(|&wanted| wanted).map_or(0, |last| last + 1);
    let rows = if end == 0 { 0 } else { table.rows() };
    for row in 0..rows {
        for (column, cell) in table.cells(row).take(end).enumerate().filter(|&(column, _)| wanted[column]) {
            see(column, cell);
        }
    }
}

/// Returns a cell without the spaces around it, which quotes may have kept.
pub(super) fn trimmed(cell: Cow<'_, str>) -> Cow<'_, str> {
    match cell {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_string()),
    }
}
