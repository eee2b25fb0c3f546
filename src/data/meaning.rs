//! The meaning of each column, decided from the facts about its cells.

use std::borrow::Cow;

use super::blame::{UNTRAINED, ambiguous, infinite, missing, stray_text};
use super::cell::{Cell, finite};
use super::labels::{self, Content};
use super::number::{Notation, NumberForm, Verdict, is_numeric};
use super::origins::Meaning;
use super::schema::{ColumnKind, TargetSchema};
use super::summary::{MOST_MEASURED, Summary, Tally, Texts, different_texts, is_code, notations, tallies};
use super::table::Table;
use super::target::Target;
use super::time::{DateOrder, TimeForm, TimeNotation, is_time};
use crate::base::error::{Error, Result};
use crate::base::sort::order;
use crate::base::text::quoted;

/// A text feature with more categories is taken for an identifier.
const MOST_CATEGORIES: usize = 10_000;
/// Whole numbers with more different values than this are values, not classes; numbers and words together in a column
/// with more are not categories; and texts, if they are mostly different, are an identifier.
const FEW: usize = 20;
/// Few different cells are so many rows for each on average.
const ROWS_EACH: usize = 5;
/// A column of numbers of which so many cells are missing has an input that says so, if they are also this percentage.
const FEW_MISSING: usize = 5;
const FEW_MISSING_PERCENT: usize = 1;

const DATE: &str = "a date, which is not a class: name another target";
const MEASUREMENT: &str = "an identifier or a measurement, not a class: name another target, or predict it as a value";

/// A table, the target that was asked for, and the facts about the cells.
pub(super) struct Inference<'a> {
    pub table: &'a Table,
    pub target: Target<'a>,
    /// The indices of the target columns.
    pub positions: &'a [usize],
    pub summaries: &'a [Summary],
    pub notes: Vec<String>,
}

impl Inference<'_> {
    pub fn wants_values(&self) -> bool {
        matches!(self.target, Target::Values(_))
    }

    /// Returns the target columns that have numbers, no codes, of which many different ones are no classes.
    pub fn measured(&self) -> Vec<usize> {
        let is_measured = |&column: &usize| {
            let Summary { codes, texts, high, .. } = self.summaries[column];
            !self.is_declared(column) && codes == 0 && texts == 0 && high < 9e15
        };
        let may_be = !matches!(self.target, Target::Class(_));
        self.positions.iter().copied().filter(|column| may_be && is_measured(column)).collect()
    }

    fn wants_classes(&self) -> bool {
        matches!(self.target, Target::Class(_) | Target::Labels(_))
    }

    /// Returns whether the user says that a column has categories.
    fn is_declared(&self, column: usize) -> bool {
        self.is_among(&self.table.reading().categories, column)
    }

    /// Returns whether the user says that a column has numbers.
    fn is_number(&self, column: usize) -> bool {
        self.is_among(&self.table.reading().numbers, column)
    }

    fn is_among(&self, names: &[String], column: usize) -> bool {
        names.iter().any(|name| self.table.find(name).is_ok_and(|index| index == column))
    }

    /// Returns an error for the first missing cell.
    pub fn check_complete(&self) -> Result<()> {
        let first =
            self.summaries.iter().enumerate().filter_map(|(column, summary)| Some((summary.first_missing?, column)));
        let Some((row, column)) = first.min() else { return Ok(()) };
        let cell = self.table.cell(row, column);
        Err(missing(self.table, row, column, &cell, UNTRAINED))
    }

    /// Notes how many cells of each feature are missing.
    pub fn note_missing(&mut self, ignored: &[usize]) {
        const SHOWN: usize = 8;
        let count = |column: usize| self.summaries[column].missing + self.summaries[column].signs;
        let is_feature = |column: &usize| !self.positions.contains(column) && !ignored.contains(column);
        let columns: Vec<usize> =
            (0..self.table.columns()).filter(is_feature).filter(|&column| count(column) > 0).collect();
        if columns.is_empty() {
            return;
        }
        let one = |&column: &usize| format!("{} of {}", count(column), quoted(&self.table.column_name(column)));
        let shown: Vec<String> = columns.iter().take(SHOWN).map(one).collect();
        let more = match columns.len() - shown.len() {
            0 => String::new(),
            more => format!(", and others of {more} columns"),
        };
        self.notes.push(format!("missing cells are filled in: {}{more}", shown.join(", ")));
    }

    /// Returns the features that have no cell but missing ones, which are left out.
    pub fn empty_columns(&mut self) -> Result<Vec<usize>> {
        let is_empty = |&column: &usize| !self.table.ignores(column) && self.summaries[column].filled() == 0;
        let empty: Vec<usize> = (0..self.table.columns()).filter(is_empty).collect();
        for &column in &empty {
            let name = quoted(&self.table.column_name(column));
            if self.positions.contains(&column) {
                return Err(Error::format(self.table.file(), format!("the target {name} is empty: name another one")));
            }
            self.notes.push(format!("the column {name} is empty and left out"));
        }
        Ok(empty)
    }

    /// Finds the meaning of every column's cells.
    pub fn meanings(&mut self) -> Result<Vec<Meaning>> {
        let table = self.table;
        let find = |names: &[String]| names.iter().map(|name| table.find(name)).collect::<Result<Vec<usize>>>();
        let (categories, numbers) = (find(&table.reading().categories)?, find(&table.reading().numbers)?);
        self.check_declared(&categories, &numbers)?;
        let (positions, wants_classes) = (self.positions, self.wants_classes());
        let is_class = |column| wants_classes && positions.contains(&column);
        let has_texts =
            |column: usize| !table.ignores(column) && !categories.contains(&column) && self.summaries[column].texts > 0;
        let mut written = notations(table, &(0..table.columns()).map(has_texts).collect::<Vec<bool>>());
        let decimal = table.reading().decimal.or_else(|| evident_decimal(&written));
        if decimal == Some(',') {
            // A point may separate thousands then, so that plain numbers are none.
            let is_read =
                |column: usize| written[column].is_none() && !table.ignores(column) && !categories.contains(&column);
            let wanted: Vec<bool> = (0..table.columns()).map(is_read).collect();
            let more = notations(table, &wanted);
            written.iter_mut().zip(more).for_each(|(written, more)| *written = written.take().or(more));
        }
        let mut meanings = Vec::with_capacity(table.columns());
        let is_counted = |(column, written): (usize, &Option<(Notation, TimeNotation)>)| {
            written.as_ref().is_some_and(|(notation, times)| {
                let are_times = times.verdict().is_some() && !positions.contains(&column) && !numbers.contains(&column);
                matches!(notation.verdict(decimal), Verdict::NoNumbers) && !are_times
            })
        };
        let tallies =
            tallies(table, self.summaries, &written.iter().enumerate().map(is_counted).collect::<Vec<bool>>());
        for (column, written) in written.iter().enumerate() {
            let meaning = match written {
                _ if categories.contains(&column) => Meaning::Text,
                _ if is_class(column) => Meaning::Text,
                None => {
                    self.hint_at_codes(column);
                    self.hint_at_dates(column);
                    Meaning::Number(NumberForm::default())
                }
                Some((notation, times)) => match notation.verdict(decimal) {
                    Verdict::Form(form) => {
                        self.check_finite(column)?;
                        self.note_form(column, &form, notation.unusual());
                        Meaning::Number(form)
                    }
                    Verdict::Ambiguous => return Err(ambiguous(table, column)),
                    Verdict::NoNumbers => {
                        self.time_or_text((column, tallies[column]), times, numbers.contains(&column))?
                    }
                },
            };
            meanings.push(meaning);
        }
        Ok(meanings)
    }

    /// Returns an error if a column is to be of two kinds.
    fn check_declared(&self, categories: &[usize], numbers: &[usize]) -> Result<()> {
        if let Some(column) = categories.iter().find(|column| numbers.contains(column)) {
            let name = quoted(&self.table.column_name(*column));
            return Err(Error::Setting(format!(
                "the column {name} is to be categories and to be numbers: leave it out of --categories or of --numbers"
            )));
        }
        let contradictions = [
            (self.wants_values(), categories, "a value", "categories", "regress", "--categories"),
            (self.wants_classes(), numbers, "a class", "numbers", "classify", "--numbers"),
        ];
        for (is_wanted, declared, kind, other, task, option) in contradictions {
            if let Some(column) = declared.iter().find(|column| is_wanted && self.positions.contains(column)) {
                let name = quoted(&self.table.column_name(*column));
                return Err(Error::Setting(format!(
                    "the column {name} is to be predicted as {kind}, and to be {other}: leave out --task {task}, or {name} \
                     from {option}"
                )));
            }
        }
        Ok(())
    }

    /// Returns an error if a number of a column is infinite or beyond single precision.
    fn check_finite(&self, column: usize) -> Result<()> {
        let Some(row) = self.summaries[column].first_infinite else { return Ok(()) };
        let cell = self.table.cell(row, column);
        match infinite(self.table, row, column, &cell) {
            Error::Parse { file, line, column: Some(name), message } if is_code(&cell) => {
                let message = format!("{message}, or say --categories {name} if the column holds codes");
                Err(Error::Parse { file, line, column: Some(name), message })
            }
            error => Err(error),
        }
    }

    /// Notes that the numbers of a column are written in an unusual form, or that a cell of it is.
    fn note_form(&mut self, column: usize, form: &NumberForm, unusual: Option<&str>) {
        let cell = |cell| Some(format!("{} as {}", quoted(cell), form.read(cell)?));
        let parts = [form.description(), unusual.and_then(cell)];
        let parts: Vec<&str> = parts.iter().flatten().map(String::as_str).collect();
        if !parts.is_empty() {
            let name = quoted(&self.table.column_name(column));
            let (colon, parts) = if form.is_plain() { ("numbers, ", parts) } else { ("", parts) };
            self.notes.push(format!("the column {name} is read as {colon}{}", parts.join(", ")));
        }
    }

    /// Notes that a column of numbers looks like one of dates: 20240131.
    fn hint_at_dates(&mut self, column: usize) {
        let Summary { low, high, .. } = self.summaries[column];
        // Many cells of this century and the last would be chance otherwise.
        const FEWEST: usize = 5;
        if low < 19_000_101.0 || high > 21_001_231.0 || self.summaries[column].numbers < FEWEST {
            return;
        }
        let is_date = |cell: &str| {
            let part = |range: std::ops::Range<usize>| cell.get(range).and_then(|part| part.parse::<u32>().ok());
            let is_day = part(6..8).is_some_and(|day| (1..=31).contains(&day));
            cell.len() == 8 && is_day && part(4..6).is_some_and(|month| (1..=12).contains(&month))
        };
        let table = self.table;
        let mut cells = (0..table.rows()).map(|row| table.cell(row, column));
        if cells.all(|cell| is_date(cell.trim()) || !matches!(table.content(column, &cell), Cell::Number(_))) {
            self.notes.push(format!(
                "the column {} is read as numbers, though its cells look like dates: written as 2024-01-31, they become \
                 year, month and day of the week",
                quoted(&table.column_name(column))
            ));
        }
    }

    /// Notes that a column of numbers looks like one of codes.
    fn hint_at_codes(&mut self, column: usize) {
        let Summary { numbers, codes, .. } = self.summaries[column];
        if codes * 10 >= numbers && codes > 0 && !self.positions.contains(&column) {
            let name = self.table.column_name(column);
            self.notes.push(format!(
                "the column {} is read as numbers, though its cells look like codes: --categories {name} reads them as texts",
                quoted(&name)
            ));
        }
    }

    /// Returns the meaning of a column whose cells are not all numbers, or an error if a text in it is likely a slip.
    fn time_or_text(
        &mut self,
        (column, tally): (usize, Option<Tally>),
        times: &TimeNotation,
        is_declared: bool,
    ) -> Result<Meaning> {
        let (table, summary) = (self.table, &self.summaries[column]);
        let (is_target, name) = (self.positions.contains(&column), table.column_name(column));
        if let Some((form, unsure)) = times.verdict().filter(|_| !is_target && !is_declared) {
            self.note_time(&name, &form, unsure, times.has_durations());
            return Ok(Meaning::Time(form));
        }
        let Some(tally) = tally else { return Ok(Meaning::Text) };
        let (numbers, stray) = (tally.numbers, tally.stray_number);
        let mostly_numbers = numbers * 2 > summary.filled();
        if mostly_numbers || summary.first_text.is_none() || is_declared || (is_target && self.wants_values()) {
            self.check_finite(column)?;
        }
        let must_be_numbers = is_declared || (is_target && self.wants_values());
        if !must_be_numbers && !mostly_numbers {
            self.note_broken_dates(column, tally);
            return Ok(Meaning::Text);
        }
        let only = |wanted: usize| (0..table.columns()).map(|column| column == wanted).collect::<Vec<bool>>();
        let texts = &different_texts(table, self.summaries, &only(column), &[])?[column];
        let words: Vec<_> = texts.iter().filter(|text| !is_numeric(text)).collect();
        let is_plain = |text: &&Cow<'_, str>| finite(text).is_some();
        let example = words.first().copied().or_else(|| texts.iter().find(|text| !is_plain(text)));
        let example = example.map(|word| quoted(word)).unwrap_or_default();
        let are_few = texts.len() <= FEW && texts.len() * ROWS_EACH <= summary.filled();
        if !must_be_numbers && are_few {
            self.notes.push(format!(
                "the column {} has numbers and texts such as {example}: its {} different cells are read as texts \
                 (--numbers {name}, if they are numbers)",
                quoted(&name),
                texts.len()
            ));
            return Ok(Meaning::Text);
        }
        // An invoice's number, with a letter before some.
        let is_identifier =
            words.len() >= 3 && words.len() * 2 > summary.texts && summary.texts * 20 > summary.filled();
        if !must_be_numbers && !is_target && is_identifier {
            self.notes.push(format!(
                "the column {} has numbers and texts such as {example}: it is read as texts",
                quoted(&name)
            ));
            return Ok(Meaning::Text);
        }
        match stray_text(table, stray.or(summary.first_text).unwrap_or_default(), column) {
            Error::Parse { file, line, column, message } if is_target || is_declared => {
                let remedy = match self.positions.len() {
                    _ if is_declared => format!("leave {name} out of --numbers"),
                    1 => "if it holds classes, say so: --task classify, Target::Class".to_string(),
                    _ => "if it holds classes, say so: --task classify, Target::Labels".to_string(),
                };
                Err(Error::Parse { file, line, column, message: format!("{message}; or {remedy}") })
            }
            error => Err(error),
        }
    }

    /// Notes that a column would be one of dates or times, but for some cells.
    fn note_broken_dates(&mut self, column: usize, tally: Tally) {
        let (times, stray) = (tally.times, tally.stray_time);
        let (name, filled) = (quoted(&self.table.column_name(column)), self.summaries[column].filled());
        if times * 2 <= filled {
            // In one form or another.
            if tally.any_times * 2 > filled {
                self.notes.push(format!(
                    "the column {name} has dates or times in different forms: they are read as texts (write all alike, as \
                     2024-01-31)"
                ));
            }
            return;
        }
        let stray = stray.map(|row| self.table.cell(row, column)).unwrap_or_default();
        let cell = stray.trim();
        self.notes.push(format!(
            "the column {name} has dates or times, but its cell {} is none in the form of the others: all are read as \
             texts (correct the cell, or say --missing-values {cell} if it stands for a missing one)",
            quoted(cell)
        ));
    }

    fn note_time(&mut self, name: &str, form: &TimeForm, unsure: bool, has_durations: bool) {
        let what = match form.date {
            true => "dates",
            false if has_durations => "durations",
            false => "times of day",
        };
        let order = match form.order {
            DateOrder::DayFirst if unsure => ", the day first",
            DateOrder::MonthFirst if unsure => ", the month first",
            _ => "",
        };
        let parts = form.parts().join(", ");
        self.notes.push(format!("the column {} is read as {what}{order}, which become {parts}", quoted(name)));
    }

    /// Returns whether a feature has an input that says whether its cell is missing.
    pub fn marks_missing(&self, column: usize, kind: &ColumnKind) -> bool {
        let Summary { missing, signs, numbers, texts, .. } = self.summaries[column];
        match kind {
            ColumnKind::Categories(_) => missing > 0,
            _ => {
                let (missing, cells) = (missing + signs, numbers + texts + missing + signs);
                missing >= FEW_MISSING && missing * 100 >= cells * FEW_MISSING_PERCENT
            }
        }
    }

    /// Returns the categories of a text feature, or nothing if it looks like an identifier, which is noted.
    pub fn categories(&mut self, column: usize, texts: &Texts<'_>) -> Result<Option<ColumnKind>> {
        let (count, filled) = (texts.len(), self.summaries[column].filled());
        let name = self.table.column_name(column);
        let is_declared = self.is_declared(column);
        let many = count > MOST_CATEGORIES;
        let mostly_different = count > FEW && count * 2 > filled;
        if !is_declared && (many || mostly_different) {
            self.notes.push(format!(
                "the column {} has {count} different texts in {filled} rows, as an identifier has, and is left out \
                 (--categories {name} keeps it)",
                quoted(&name)
            ));
            return Ok(None);
        }
        Ok(Some(ColumnKind::Categories(texts.iter().map(|text| text.to_string()).collect())))
    }

    /// Returns the target columns as classes, labels or values, given the different cells of each column and their
    /// meaning.
    pub fn target(&mut self, texts: &[Texts<'_>], meanings: &[Meaning]) -> Result<TargetSchema> {
        let (table, first, rows) = (self.table, self.positions[0], self.table.rows());
        let values =
            || TargetSchema::Values { names: self.positions.iter().map(|&column| table.column_name(column)).collect() };
        if self.wants_values() || self.positions.iter().all(|&column| self.is_number(column)) {
            return Ok(values());
        }
        if self.positions.len() > 1 || matches!(self.target, Target::Labels(_)) {
            let content =
                |&column: &usize| (table.column_name(column), self.content(column, &texts[column], &meanings[column]));
            let columns: Vec<(String, Content)> = self.positions.iter().map(content).collect();
            return labels::several(table, &columns, self.wants_classes());
        }
        let forced = self.wants_classes() || self.is_declared(first);
        let Some(classes) = classes(&texts[first], rows, forced, &form_of(&meanings[first])) else {
            return Ok(values());
        };
        let too_many = |remedy: &str| {
            let name = quoted(&table.column_name(first));
            let count = classes.len();
            let message =
                format!("the column {name} has {count} different cells in {rows} rows: it looks like {remedy}");
            Error::format(table.file(), message)
        };
        let mostly_different = classes.len() * 2 > rows;
        if mostly_different && classes.iter().all(|text| is_time(text)) {
            return Err(too_many(DATE));
        }
        if mostly_different && classes.len() > FEW {
            return Err(too_many(MEASUREMENT));
        }
        Ok(TargetSchema::Classes { name: table.column_name(first), classes })
    }

    /// Returns the content of one of several target columns.
    fn content(&self, column: usize, texts: &Texts<'_>, meaning: &Meaning) -> Content {
        if self.is_number(column) {
            return Content::Numbers;
        }
        let form = form_of(meaning);
        let forced = self.wants_classes() || self.is_declared(column) || texts.len() == 1;
        let Some(classes) = classes(texts, self.table.rows(), forced, &form) else { return Content::Numbers };
        let numbers: Option<Vec<f64>> = classes.iter().map(|class| form.read(class)).collect();
        // They are in numeric order. `1` and `1.0` are one number, and may be a slip in a label.
        let different = numbers.as_ref().map(|numbers| numbers.chunk_by(|a, b| a == b).count());
        match matches!(meaning, Meaning::Number(_)) && !self.is_declared(column) && different.is_some_and(|n| n > 2) {
            true => Content::Numbers,
            false => Content::Classes { classes, numeric: numbers.is_some() },
        }
    }
}

/// Returns how the numbers of a column are written.
fn form_of(meaning: &Meaning) -> NumberForm {
    match meaning {
        Meaning::Number(form) => form.clone(),
        Meaning::Time(_) | Meaning::Text => NumberForm::default(),
    }
}

/// Returns the decimal character that the cells of one column leave no doubt of, unless those of another contradict.
fn evident_decimal(written: &[Option<(Notation, TimeNotation)>]) -> Option<char> {
    let mut evident = written.iter().flatten().filter_map(|(notation, _)| notation.evident_decimal());
    let first = evident.next()?;
    evident.all(|other| other == first).then_some(first)
}

/// Returns the classes of a target column in their order, each as it is written, or `None` if its content says that it
/// holds values.
fn classes(texts: &Texts<'_>, rows: usize, forced: bool, form: &NumberForm) -> Option<Vec<String>> {
    let named = |text: usize, texts: &[&str]| texts[text].to_string();
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
    let Some(numbers) = texts.iter().map(|text| form.read(text)).collect::<Option<Vec<f64>>>() else {
        return Some(texts.iter().map(|text| text.to_string()).collect());
    };
    // Numbers have no zeros in front, and a text above 2^53 is not the number that it is read as.
    let is_code = |(text, number): (&&str, &f64)| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        digits && ((text.len() > 1 && text.starts_with('0')) || *number >= 9_007_199_254_740_992.0)
    };
    let are_codes = texts.len() * 2 <= rows && texts.iter().zip(&numbers).any(is_code);
    if texts.len() > MOST_MEASURED && !forced && !are_codes {
        return None;
    }
    let sorted = order(numbers.len(), &|a, b| numbers[a].total_cmp(&numbers[b]).then(texts[a].cmp(texts[b])));
    let mut different: Vec<f64> = sorted.iter().map(|&i| numbers[i]).collect();
    different.dedup();
    let few = different.len() <= FEW && (different.len() == 2 || different.len() * ROWS_EACH <= rows);
    let whole = different.iter().all(|number| number.fract() == 0.0);
    (forced || are_codes || few && whole).then(|| sorted.iter().map(|&i| named(i, &texts)).collect())
}
