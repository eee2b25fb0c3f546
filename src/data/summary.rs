//! Counts of the cells of each column, by kind, made in passes over a table: the facts from which a schema is inferred.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Mutex;

use super::cell::Cell;
use super::cells::Piece;
use super::kept::{Kept, Place};
use super::memory::too_large;
use super::number::{Notation, is_numeric};
use super::pass::{CellText, Seen, Written};
use super::recent::Recent;
use super::table::Table;
use super::time::{ORDERS, TimeNotation, is_time, is_time_in};
use crate::base::error::Result;
use crate::base::memory::Growth;
use crate::base::parallel::{in_order, lock};
use crate::base::text::quoted;

/// The different cells of a column, trimmed, in alphabetical order.
pub(super) type Texts<'a> = BTreeSet<Cow<'a, str>>;

/// A column of numbers with more different cells than this is not one of classes, however its numbers are written.
pub(super) const MOST_MEASURED: usize = 1000;

/// The kinds of cells that are no numbers, and the numbers that look like codes or do not.
const MISSING: usize = 0;
const INFINITE: usize = 1;
const SIGN: usize = 2;
const TEXT: usize = 3;
const NUMBER: usize = 4;
const CODE: usize = 5;
const KINDS: usize = 6;

/// So many different texts of a column are remembered in a piece of the table: at most one for every
/// `ROWS_FOR_ONE` rows, or they could take more memory than the cells.
const MOST_SEEN: usize = 256;
const ROWS_FOR_ONE: usize = if cfg!(any(test, fuzzing)) { 2 } else { 32 };

/// The counts of the cells of a column, by kind.
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
    /// The texts, some of them twice, in the order of their first rows, unless they are too many.
    seen: Vec<Seen>,
    /// The most that there may be in this piece of the table.
    most: usize,
    /// Whether numbers are among them: so far, every cell is.
    sees_all: bool,
}

impl Summary {
    /// Returns whether a number is exact, or it does not matter that it is not: others are lower and higher. NaN is no
    /// number.
    #[inline]
    fn can_take(&self, number: f64, is_exact: bool) -> bool {
        let error = number.abs() * 1e-15;
        is_exact || (self.low < number - error && number + error < self.high)
    }

    /// Adds the facts about the cells below.
    fn append(&mut self, mut below: Summary) {
        below.count_seen();
        self.missing += below.missing;
        self.signs += below.signs;
        self.texts += below.texts;
        self.codes += below.codes;
        self.first_text = self.first_text.or(below.first_text);
        self.first_missing = self.first_missing.or(below.first_missing);
        self.first_infinite = self.first_infinite.or(below.first_infinite);
        self.seen.append(&mut below.seen);
        [below.low, below.high].into_iter().filter(|number| number.is_finite()).for_each(|n| self.see(n, false));
    }

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

    /// Notes a cell that may be no number. Returns its index among those that were seen, counted from 1, or 0.
    fn see_text<'a>(
        &mut self,
        table: &Table,
        at: (usize, usize),
        cell: &Written<'a>,
        recent: &mut Recent<'a>,
    ) -> usize {
        let found = recent.found(cell.key());
        let index = match *found {
            Some(index) => index,
            None => {
                let text = &cell.text();
                let kind = match table.content(at.1, text) {
                    Cell::Number(number) if self.sees_all => {
                        self.see(number, false);
                        if is_code(text) { CODE } else { NUMBER }
                    }
                    Cell::Number(number) => {
                        self.see(number, is_code(text));
                        return 0;
                    }
                    Cell::Missing => MISSING,
                    Cell::Infinite => INFINITE,
                    Cell::Text if table.reading().is_missing_number(text.trim()) => SIGN,
                    Cell::Text => TEXT,
                };
                if self.seen.len() == self.most {
                    self.count_seen();
                    (self.seen, self.most, self.sees_all) = (Vec::new(), 0, false);
                } else {
                    self.seen.push(Seen { row: at.0, place: cell.place(), kind, count: 0 });
                }
                *found.insert(kind + KINDS * self.seen.len())
            }
        };
        match self.seen.get_mut((index / KINDS).wrapping_sub(1)) {
            Some(seen) => {
                seen.count += 1;
                index / KINDS
            }
            None => {
                self.count(index % KINDS, at.0, 1);
                0
            }
        }
    }

    /// Counts cells of a kind, the first of which is in this row.
    fn count(&mut self, kind: usize, row: usize, cells: usize) {
        let (count, first) = match kind {
            MISSING => (&mut self.missing, &mut self.first_missing),
            INFINITE => (&mut self.texts, &mut self.first_infinite),
            SIGN => return self.signs += cells,
            CODE => return self.codes += cells,
            NUMBER => return,
            _ => (&mut self.texts, &mut self.first_text),
        };
        *count += cells;
        *first = first.or(Some(row));
    }

    /// Counts the cells whose texts were seen.
    fn count_seen(&mut self) {
        for index in 0..self.seen.len() {
            let Seen { row, kind, count, .. } = self.seen[index];
            self.count(kind, row, count);
        }
    }

    /// The cells that hold something, if the column is text.
    pub fn filled(&self) -> usize {
        self.numbers + self.texts + self.signs
    }
}

const EMPTY: Summary = Summary {
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
    seen: Vec::new(),
    most: 0,
    sees_all: false,
};

/// Returns a summary of no cells for each column of a table.
#[inline(never)]
fn empty(table: &Table, most: usize) -> Vec<Summary> {
    (0..table.columns()).map(|_| Summary { most, ..EMPTY }).collect()
}

/// Counts the cells of every column that is not ignored, and keeps those for which there is room.
pub(super) fn summaries(table: &Table, kept: &mut Kept) -> Vec<Summary> {
    let ignored: Vec<bool> = (0..table.columns()).map(|column| table.ignores(column)).collect();
    let Kept { cells, places, pieces, are_digits, .. } = kept;
    let pieces: Vec<Mutex<Piece<'_>>> = cells.pieces(*pieces).into_iter().map(Mutex::new).collect();
    let mut summaries = empty(table, 0);
    let of_piece = |piece| summaries_of(table, &ignored, places, *are_digits, &mut lock(&pieces[piece]));
    for piece in in_order(pieces.len(), of_piece) {
        summaries.iter_mut().zip(piece).for_each(|(summary, below)| summary.append(below));
    }
    for (column, summary) in summaries.iter_mut().enumerate() {
        match ignored[column] {
            true => *summary = EMPTY,
            false => summary.numbers = table.rows() - summary.missing - summary.signs - summary.texts,
        }
    }
    summaries
}

/// Returns the cells of each column that were seen.
#[inline(never)]
fn seen(summaries: &[Summary]) -> Vec<&[Seen]> {
    summaries.iter().map(|summary| summary.seen.as_slice()).collect()
}

/// Counts the cells of some rows, but for the numbers, and keeps those that have a place.
fn summaries_of(
    table: &Table,
    ignored: &[bool],
    places: &[Place],
    are_digits: bool,
    piece: &mut Piece<'_>,
) -> Vec<Summary> {
    let mut summaries = empty(table, (piece.rows.len() / ROWS_FOR_ONE).min(MOST_SEEN));
    summaries.iter_mut().zip(places).for_each(|(of, place)| of.sees_all = of.most > 0 && place.code().is_some());
    let mut recent = Recent::of(table.columns());
    // A number may be a word for a missing value.
    let all_numbers = table.reading().missing_values.is_none();
    for row in piece.rows.clone() {
        let (mut walk, mut to) = (table.walk(row), piece.row_mut(row));
        for (column, summary) in summaries.iter_mut().enumerate() {
            if are_digits
                && let Place::Input(input) = places[column]
                && let Some(digit) = walk.next_digit()
            {
                to.x[input] = digit.into();
                summary.see(digit.into(), false);
                continue;
            }
            let cell = if summary.sees_all {
                walk.next_without_number()
            } else {
                let cell = walk.next();
                places[column].keep(cell.number, &mut to);
                if all_numbers && summary.can_take(cell.number, cell.is_exact()) {
                    summary.see(cell.number, cell.starts_with_zero());
                    continue;
                }
                cell
            };
            if !ignored[column] {
                let seen = summary.see_text(table, (row, column), &cell, &mut recent[column]);
                if let Some(code) = places[column].code() {
                    to.codes[code] = seen as u32;
                }
            }
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
    let reading = table.reading();
    let new = |recent| ((Notation::new(), TimeNotation::new()), recent);
    let mut notations: Vec<_> = Recent::of(wanted.len()).into_iter().map(new).collect();
    // A cell that occurs again may say something new of numbers: all are looked at.
    table.fold_columns(&[], wanted, &mut notations, |((numbers, times), recent), (_, column), cell, _| {
        // The same once more says nothing new of times.
        if numbers.has_failed() && recent.knows(cell.key()) {
            return true;
        }
        let text = cell.text();
        if !matches!(table.content(column, &text), Cell::Missing) && !reading.is_missing_number(text.trim()) {
            numbers.observe(&text);
            times.observe(&text);
        }
        !(numbers.has_failed() && times.has_failed())
    });
    notations.into_iter().zip(wanted).map(|((notation, _), &wanted)| wanted.then_some(notation)).collect()
}

/// Returns the different cells of each column that is wanted, without those that stand for a missing one.
///
/// Columns that are `measured` have numbers, of which more than [`MOST_MEASURED`] different ones are not collected.
///
/// # Errors
/// If there is no memory for them.
pub(super) fn different_texts<'a>(
    table: &'a Table,
    summaries: &[Summary],
    wanted: &[bool],
    measured: &[usize],
) -> Result<Vec<Texts<'a>>> {
    /// The texts of a column, those of the last ones that are known, and whether there is memory for more.
    struct Collected<'a> {
        texts: Texts<'a>,
        recent: Recent<'a>,
        growth: Growth,
        most: usize,
        lacks_memory: bool,
    }
    let new = |(column, recent): (usize, Recent<'a>)| Collected {
        texts: BTreeSet::new(),
        recent,
        growth: Growth::default(),
        most: if measured.contains(&column) { MOST_MEASURED } else { usize::MAX },
        lacks_memory: false,
    };
    let wanted: Vec<bool> = wanted.iter().enumerate().map(|(i, &wanted)| wanted || measured.contains(&i)).collect();
    let mut collected: Vec<Collected<'_>> = Recent::of(wanted.len()).into_iter().enumerate().map(new).collect();
    table.fold_columns(&seen(summaries), &wanted, &mut collected, |to, (_, column), cell, _| {
        if to.recent.knows(cell.key()) {
            return true;
        }
        let text = cell.text();
        if matches!(table.content(column, &text), Cell::Missing) {
            return true;
        }
        // An entry, and the room that a node of the tree has besides; text that had quotes in it is a copy.
        let bytes = 2 * size_of::<Cow<'_, str>>() + if let CellText::Copy(text) = &text { text.len() + 16 } else { 0 };
        match to.growth.can_take(bytes) {
            true => _ = to.texts.insert(trimmed(text)),
            false => to.lacks_memory = true,
        }
        !to.lacks_memory && to.texts.len() <= to.most
    });
    let lack = collected.iter().position(|of| of.lacks_memory);
    let texts: Vec<Texts<'_>> = collected.into_iter().map(|of| of.texts).collect();
    match lack {
        None => Ok(texts),
        Some(last) => {
            let most = (0..texts.len()).max_by_key(|&column| texts[column].len()).unwrap_or(last);
            let (count, name) = (texts[most].len(), quoted(&table.column_name(most)));
            Err(too_large(table.file(), &format!("the different cells, {count} or more of the column {name},")))
        }
    }
}

/// The kinds of cells in a column of texts, besides texts. A stray is the first row whose cell is none and not missing.
#[derive(Clone, Copy)]
pub(super) struct Tally {
    /// The number of cells that are numbers, however they are written.
    pub numbers: usize,
    pub stray_number: Option<usize>,
    /// The number of cells that are dates or times, with the parts of a date in the order that most of them have.
    pub times: usize,
    pub stray_time: Option<usize>,
    /// The number of those in any order.
    pub any_times: usize,
}

/// Counts the cells of each wanted column that are numbers, dates or times.
pub(super) fn tallies(table: &Table, summaries: &[Summary], wanted: &[bool]) -> Vec<Option<Tally>> {
    const MISSING: usize = 1;
    const NUMBER: usize = 2;
    /// The first of three bits, one for each order.
    const TIME: usize = 4;
    const MASKS: [usize; 4] = [NUMBER, TIME, TIME << 1, TIME << 2];
    let kinds = |column: usize, text: &str| {
        let time = |(index, order)| if is_time_in(text, order) { TIME << index } else { 0 };
        let missing = if matches!(table.content(column, text), Cell::Missing) { MISSING } else { 0 };
        let number = if is_numeric(text) { NUMBER } else { 0 };
        missing | number | ORDERS.into_iter().enumerate().map(time).sum::<usize>()
    };
    let new = |recent| ([0; MASKS.len()], [None; MASKS.len()], 0, recent);
    let mut folded: Vec<_> = Recent::of(wanted.len()).into_iter().map(new).collect();
    table.fold_columns(&seen(summaries), wanted, &mut folded, |to, (row, column), cell, cells| {
        let (counts, strays, any_times, recent) = to;
        let kinds = *recent.found(cell.key()).get_or_insert_with(|| kinds(column, &cell.text()));
        *any_times += if kinds >= TIME { cells } else { 0 };
        if kinds & MISSING == 0 {
            for (mask, (count, stray)) in MASKS.into_iter().zip(counts.iter_mut().zip(strays)) {
                match kinds & mask {
                    0 => *stray = stray.or(Some(row)),
                    _ => *count += cells,
                }
            }
        }
        true
    });
    let tally = |(counts, strays, any_times, _): ([usize; 4], [Option<usize>; 4], usize, Recent<'_>)| {
        let most = (1..MASKS.len()).rev().max_by_key(|&index| counts[index]).unwrap_or(1);
        Tally { numbers: counts[0], stray_number: strays[0], times: counts[most], stray_time: strays[most], any_times }
    };
    folded.into_iter().zip(wanted).map(|(of, &wanted)| wanted.then(|| tally(of))).collect()
}

/// Returns the words that usually stand for a missing cell, but are so frequent in a column of texts that they are
/// texts: `NA` among countries, `None` or `none` among drugs. Each is at least half as frequent as the others are on average.
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
    let texts = different_texts(table, summaries, &wanted, &[])?;
    let mut counts = vec![[("NA", 0), ("None", 0), ("none", 0)]; wanted.len()];
    table.fold_columns(&seen(summaries), &wanted, &mut counts, |counts, _, cell, cells| {
        let text = cell.text();
        let known = counts.iter_mut().find(|(word, _)| *word == text.trim());
        known.into_iter().for_each(|(_, count)| *count += cells);
        true
    });
    let mut frequent = Vec::new();
    // Dates, and numbers however they are written, are no texts.
    let is_measured = |texts: &Texts<'_>| {
        let measured = texts.iter().filter(|text| is_numeric(text) || is_time(text));
        measured.count() * 2 > texts.len()
    };
    let are_words = |column: usize| wanted[column] && !is_measured(&texts[column]);
    for (column, counts) in counts.iter().enumerate().filter(|&(column, _)| are_words(column)) {
        let (texts, filled) = (texts[column].len(), summaries[column].filled());
        let is_frequent = |count: usize| count >= 2 && count * 2 * texts >= filled;
        let words = counts.iter().filter(|&&(_, count)| is_frequent(count));
        frequent.extend(words.map(|(word, _)| (column, word.to_string())));
    }
    Ok(frequent)
}

/// Returns a cell without any spaces around it, which quotes may have kept.
fn trimmed(cell: CellText<'_>) -> Cow<'_, str> {
    match cell {
        CellText::Part(text) => Cow::Borrowed(text.trim()),
        CellText::Copy(text) if text.trim().len() == text.len() => Cow::Owned(text),
        CellText::Copy(text) => Cow::Owned(text.trim().to_string()),
    }
}
