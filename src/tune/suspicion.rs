//! Signs that data is not what it seems: values that stand for missing ones, identifiers, features that give the target
//! away, classes that are written in two ways.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::digest::Digest;
use crate::data::{Column, ColumnKind, Dataset, NumberForm, Rows, Targets};
use crate::tune::warning::Warning;

/// Fewer examples show nothing of the kind.
const FEWEST: usize = 20;
/// A value is far from all others if the distance to the next is so many times the range of the others.
const FAR: f64 = 20.0;

/// The lowest and the highest two different values of a column, and how often the outermost occur.
#[derive(Clone, Copy)]
struct Extremes {
    low: [f64; 2],
    high: [f64; 2],
    lows: usize,
    highs: usize,
}

impl Extremes {
    fn new() -> Self {
        Extremes { low: [f64::INFINITY; 2], high: [f64::NEG_INFINITY; 2], lows: 0, highs: 0 }
    }

    fn observe(&mut self, x: f64) {
        if x < self.low[0] {
            (self.low, self.lows) = ([x, self.low[0]], 1);
        } else if x == self.low[0] {
            self.lows += 1;
        } else if x < self.low[1] {
            self.low[1] = x;
        }
        if x > self.high[0] {
            (self.high, self.highs) = ([x, self.high[0]], 1);
        } else if x == self.high[0] {
            self.highs += 1;
        } else if x > self.high[1] {
            self.high[1] = x;
        }
    }

    /// Returns a value far from all others, and how often it occurs.
    fn isolated(&self) -> Option<(f64, usize)> {
        let below = (self.low[1] - self.low[0], self.high[0] - self.low[1]);
        let above = (self.high[0] - self.high[1], self.high[1] - self.low[0]);
        let is_far = |(distance, range): (f64, f64)| range > 0.0 && distance > FAR * range;
        match (is_far(below), is_far(above)) {
            (true, _) => Some((self.low[0], self.lows)),
            (_, true) => Some((self.high[0], self.highs)),
            _ => None,
        }
    }
}

/// Returns a warning for each column of numbers that has a value, or several equal ones, far from all others.
pub(super) fn isolated_values(train: &Dataset) -> Vec<Warning> {
    if train.len() < FEWEST || train.features().is_bytes() {
        return Vec::new();
    }
    let mut features = vec![Extremes::new(); train.features().columns()];
    each_row(train, |_, x| {
        let known = features.iter_mut().zip(x).filter(|(_, x)| !x.is_nan());
        known.for_each(|(extremes, &x)| extremes.observe(x.into()));
    });
    let mut warnings = Vec::new();
    for (column, input) in columns(train) {
        if let (ColumnKind::Number(form), Some((value, count))) = (&column.kind, features[input].isolated()) {
            warnings.push(Warning::Isolated { name: column.name.clone(), value: form.origin + value, count });
        }
    }
    if let Targets::Values(values) = train.targets() {
        for (target, name) in train.schema().target().names().iter().enumerate() {
            let mut extremes = Extremes::new();
            values.iter_rows().for_each(|row| extremes.observe(row[target].into()));
            if let Some((value, count)) = extremes.isolated() {
                let value = train.schema().target_value(target, 0.0) + value;
                warnings.push(Warning::Isolated { name: name.clone(), value, count });
            }
        }
    }
    warnings
}

/// Returns the columns of whole numbers that are all different, and at least half of those between the outermost.
pub(super) fn running_numbers(train: &Dataset) -> Vec<String> {
    if train.len() < FEWEST || train.features().is_bytes() {
        return Vec::new();
    }
    let whole = |x: f32, form: &NumberForm| {
        let number = f64::from(x) + form.origin;
        (number.fract() == 0.0).then_some(number as i64)
    };
    let numbers = columns(train).filter_map(|(column, input)| match &column.kind {
        ColumnKind::Number(form) => Some((column, form, input)),
        _ => None,
    });
    let mut ranges: Vec<_> = numbers.map(|found| (found, Some((i64::MAX, i64::MIN)))).collect();
    each_row(train, |_, x| {
        for ((_, form, input), range) in &mut ranges {
            let wider = |((low, high), number): ((i64, i64), i64)| (number.min(low), number.max(high));
            *range = range.zip(whole(x[*input], form)).map(wider);
        }
    });
    let most = 2 * train.len();
    let is_running = |input: usize, form: &NumberForm, range: Option<(i64, i64)>| {
        let Some((low, _)) = range.filter(|(low, high)| high.abs_diff(*low) < most as u64) else { return false };
        let mut is_taken = vec![false; most];
        let numbers = train.features().column(input).filter_map(|x| whole(x, form));
        numbers.map(|number| number.abs_diff(low) as usize).all(|index| !std::mem::replace(&mut is_taken[index], true))
    };
    let found = ranges.into_iter().filter(|&((_, form, input), range)| is_running(input, form, range));
    found.map(|((column, ..), _)| column.name.clone()).collect()
}

/// Returns the columns from which the target follows: each value of theirs has one class only, and there are no more
/// different values than classes; or the target is a linear function of theirs.
pub(super) fn giveaways(train: &Dataset) -> Vec<String> {
    if train.len() < FEWEST || train.features().is_bytes() || train.schema().columns().len() < 2 {
        return Vec::new();
    }
    let is_giveaway = |column: &Column, input: usize| match train.targets() {
        Targets::Classes(labels) => names_class(train, column, input, labels),
        Targets::Labels(values) | Targets::Values(values) => {
            let is_number = matches!(column.kind, ColumnKind::Number(_));
            let target = |target: usize| move |row: usize| f64::from(values.row(row)[target]);
            is_number && (0..values.columns()).any(|index| is_linear(train, input, target(index)))
        }
    };
    let found = columns(train).filter(|(column, input)| is_giveaway(column, *input));
    found.map(|(column, _)| column.name.clone()).collect()
}

/// Returns whether each different cell of a column has one class only, and each class one cell.
fn names_class(train: &Dataset, column: &Column, input: usize, labels: &[u32]) -> bool {
    let classes = train.class_names().len();
    let mut known: BTreeMap<u32, u32> = BTreeMap::new();
    let mut x = vec![0.0; train.features().columns()];
    for (row, &label) in labels.iter().enumerate() {
        train.features().read_row(row, &mut x);
        let key = match column.kind {
            ColumnKind::Categories(_) => {
                x[input..input + column.width()].iter().position(|&x| x == 1.0).map_or(u32::MAX, |hot| hot as u32)
            }
            _ => x[input].to_bits(),
        };
        if *known.entry(key).or_insert(label) != label || known.len() > classes {
            return false;
        }
    }
    known.len() == classes
}

/// Returns whether the target is a linear function of an input, up to rounding.
fn is_linear(train: &Dataset, input: usize, target: impl Fn(usize) -> f64) -> bool {
    const LEAST: f64 = 1.0 - 1e-9;
    let (mut n, mut sums, mut products) = (0.0, [0.0; 2], [0.0; 3]);
    let mut first = None;
    each_row(train, |row, x| {
        let (x, y) = (f64::from(x[input]), target(row));
        if x.is_nan() {
            return;
        }
        let (x0, y0) = *first.get_or_insert((x, y));
        let (x, y) = (x - x0, y - y0);
        n += 1.0;
        sums = [sums[0] + x, sums[1] + y];
        products = [products[0] + x * x, products[1] + x * y, products[2] + y * y];
    });
    let [xx, xy, yy] =
        [products[0] - sums[0] * sums[0] / n, products[1] - sums[0] * sums[1] / n, products[2] - sums[1] * sums[1] / n];
    xx > 0.0 && yy > 0.0 && xy * xy > LEAST * LEAST * xx * yy
}

/// Returns the targets that are the same in every example.
pub(super) fn constant_targets(train: &Dataset) -> Vec<String> {
    let Some(values) = train.targets().matrix() else { return Vec::new() };
    let names = train.schema().target().names().iter().enumerate();
    let is_constant = |target: usize| values.iter_rows().all(|row| row[target] == values.row(0)[target]);
    names.filter(|&(target, _)| train.len() > 1 && is_constant(target)).map(|(_, name)| name.clone()).collect()
}

/// Returns the classes whose names differ only in case, accents, spaces or the form of a number.
pub(super) fn alike_classes(classes: &[String]) -> Vec<String> {
    let mut groups: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    classes.iter().for_each(|class| groups.entry(plain(class)).or_default().push(class));
    groups.into_values().filter(|group| group.len() > 1).flatten().cloned().collect()
}

/// Returns a name in small letters without accents and spaces, or the number that it is.
fn plain(name: &str) -> String {
    if let Some(number) = name.trim().parse::<f64>().ok().filter(|number| number.abs() < 9e15) {
        return number.to_string();
    }
    let letters = name.chars().flat_map(char::to_lowercase);
    // Combining accents, which some systems write behind a letter and others within it.
    let letters = letters.filter(|c| !c.is_whitespace() && !('\u{300}'..='\u{36F}').contains(c));
    letters.map(without_accent).collect()
}

/// Returns the letter that an accent is on.
fn without_accent(letter: char) -> char {
    const LETTERS: [(&str, char); 14] = [
        ("àáâãäåāăą", 'a'),
        ("çćĉċč", 'c'),
        ("ďđ", 'd'),
        ("èéêëēĕėęě", 'e'),
        ("ĝğġģ", 'g'),
        ("ìíîïĩīĭį", 'i'),
        ("ĺļľł", 'l'),
        ("ñńņň", 'n'),
        ("òóôõöøōŏő", 'o'),
        ("ŕŗř", 'r'),
        ("śŝşš", 's'),
        ("ţťŧ", 't'),
        ("ùúûüũūŭůűų", 'u'),
        ("ýÿŷžźż", 'y'),
    ];
    LETTERS.iter().find(|(accented, _)| accented.contains(letter)).map_or(letter, |(_, plain)| *plain)
}

/// Returns the number of examples of `test` that are in `train` too, target included.
pub(super) fn shared_examples(train: &Dataset, test: &Dataset) -> usize {
    let known: BTreeSet<u64> = digests(train).into_iter().collect();
    digests(test).iter().filter(|digest| known.contains(*digest)).count()
}

/// Returns a digest of each example.
fn digests(data: &Dataset) -> Vec<u64> {
    let mut digests = Vec::with_capacity(data.len());
    each_row(data, |row, x| {
        let mut digest = Digest::new();
        digest.floats(x);
        match data.targets() {
            Targets::Classes(labels) => digest.word(labels[row].into()),
            Targets::Labels(values) | Targets::Values(values) => digest.floats(values.row(row)),
        }
        digests.push(digest.number());
    });
    digests
}

/// Calls `see` with the index and the features of each example.
fn each_row(data: &Dataset, mut see: impl FnMut(usize, &[f32])) {
    let mut x = vec![0.0; data.features().columns()];
    for row in 0..data.len() {
        data.features().read_row(row, &mut x);
        see(row, &x);
    }
}

/// Returns the columns of the features, each with its first input.
fn columns(data: &Dataset) -> impl Iterator<Item = (&Column, usize)> {
    data.schema().columns().iter().scan(0, |start, column| {
        let first = *start;
        *start += column.width();
        Some((column, first))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_accents_and_case() {
        let alike = |names: &[&str]| alike_classes(&names.iter().map(|name| name.to_string()).collect::<Vec<_>>());
        assert_eq!(alike(&["True", "true", "no"]), ["True", "true"]);
        assert_eq!(alike(&["caf\u{e9}", "cafe\u{301}"]).len(), 2);
        assert_eq!(alike(&["7", "007", "8"]), ["7", "007"]);
        assert_eq!(alike(&["9007199254740993", "9007199254740992"]).len(), 0);
        assert_eq!(alike(&["a b", "ab", "c"]), ["a b", "ab"]);
        assert_eq!(alike(&["yes", "no"]).len(), 0);
    }
}
