//! Is the first line a header, or data?
//!
//! **The problem.** A line of texts is usually a header, and one with a number in it is usually data. But pivot tables
//! and programs write numbers as names (`2019,2020,2021`), and tables of texts without a header exist. A wrong guess
//! makes an example of the names, or a name of an example.
//!
//! **The idea.** Each cell of the line is compared with the column under it, and votes. A cell of another type than its
//! column, such as `age` over numbers, speaks for a header; one that occurs again in its column for data. A number over
//! numbers speaks for a header only if it is outside their range, or written unlike any of them, or the one that does
//! not recur where others do. With no vote on either side, a line of texts is a header and a line with a number is data.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::cell::Cell;
use super::number::is_numeric;
use super::reading::Reading;
use super::time::is_time;

/// So many records under the line are looked at, and about so many cells.
pub(super) const RECORDS: usize = 1000;
pub(super) const CELLS: usize = 1 << 18;
/// Fewer records under the line say little about its numbers.
const FEWEST_RECORDS: usize = 4;

/// The types of a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Time,
    Text,
}

fn kind(cell: &str) -> Kind {
    if is_numeric(cell) {
        Kind::Number
    } else if is_time(cell) {
        Kind::Time
    } else {
        Kind::Text
    }
}

/// A column under the line.
struct Column<'a> {
    cell: &'a str,
    /// The numbers of cells under it of each kind.
    kinds: [usize; 3],
    filled: usize,
    /// How often its cell occurs again.
    again: usize,
    different: BTreeSet<String>,
    /// The cells that have a point or a comma.
    with_decimals: usize,
    low: f64,
    high: f64,
}

impl<'a> Column<'a> {
    fn new(cell: &'a str) -> Self {
        let (low, high) = (f64::INFINITY, f64::NEG_INFINITY);
        Column { cell, kinds: [0; 3], filled: 0, again: 0, different: BTreeSet::new(), with_decimals: 0, low, high }
    }

    fn observe(&mut self, cell: &str) {
        if cell.is_empty() {
            return;
        }
        self.filled += 1;
        self.kinds[kind(cell) as usize] += 1;
        self.again += usize::from(cell == self.cell);
        self.with_decimals += usize::from(cell.contains(['.', ',']));
        if let Ok(number) = cell.parse::<f64>() {
            self.low = self.low.min(number);
            self.high = self.high.max(number);
        }
        self.different.insert(cell.to_string());
    }

    /// Returns the vote of the column's cell: positive for a header.
    fn vote(&self, reading: &Reading) -> i32 {
        if self.cell.is_empty() || self.filled == 0 {
            return 0;
        }
        let own = kind(self.cell);
        let [numbers, times, texts] = self.kinds;
        let majority = if numbers * 2 > self.filled {
            Kind::Number
        } else if times * 2 > self.filled {
            Kind::Time
        } else if texts * 2 > self.filled {
            Kind::Text
        } else {
            return 0;
        };
        let recurs = self.filled >= FEWEST_RECORDS && self.different.len() * 2 <= self.filled;
        // `5more` among texts is one of them.
        if self.again > 0 && (own == Kind::Text || majority == Kind::Text || recurs) {
            return -2;
        }
        match (own, majority) {
            (Kind::Text, Kind::Text) => i32::from(recurs),
            (Kind::Number, Kind::Number) => match self.is_unlike(recurs) {
                true => 1,
                // A name may be a year or an index; `3.5` or `12 %` hardly is one.
                false if self.cell.bytes().all(|byte| byte.is_ascii_digit()) => -1,
                false => -3,
            },
            (Kind::Time, Kind::Time) => -1,
            // A word among numbers is a header's, but for one that stands for a missing number.
            (Kind::Text, _) if !self.cell.chars().any(char::is_alphanumeric) => -1,
            (Kind::Text, _) if matches!(Cell::of(self.cell, reading), Cell::Missing) => -1,
            _ => 2,
        }
    }

    /// Returns whether the cell, a number over numbers, is unlike them.
    fn is_unlike(&self, recurs: bool) -> bool {
        let Ok(number) = self.cell.parse::<f64>() else { return false };
        if self.filled < FEWEST_RECORDS {
            return false;
        }
        let span = self.high - self.low;
        let outside = number < self.low - span || number > self.high + span;
        let written_otherwise = self.with_decimals == self.filled && !self.cell.contains(['.', ',']);
        outside || written_otherwise || (recurs && self.again == 0)
    }
}

/// Returns whether a line is a header of the records under it; the names of `reading` are names that a header has.
pub(super) fn is_header<'t, R: Iterator<Item = Cow<'t, str>>>(
    line: &[Cow<'_, str>],
    records: impl Iterator<Item = R>,
    reading: &Reading,
) -> bool {
    let is_text = |cell: &Cow<'_, str>| !cell.is_empty() && !is_numeric(cell);
    let named = |cell: &Cow<'_, str>| reading.names.iter().any(|name| name == cell.trim());
    if line.iter().any(named) {
        return true;
    }
    // Data, if two columns would have the same name.
    let mut different = BTreeSet::new();
    if !line.iter().all(|cell| cell.is_empty() || different.insert(cell.trim())) && !line.iter().all(is_text) {
        return false;
    }
    let mut columns: Vec<Column<'_>> = line.iter().map(|cell| Column::new(cell.trim())).collect();
    let (mut rows, mut runs, mut with_years) = (0, BTreeSet::new(), 0);
    for record in records.take(RECORDS.min(1 + CELLS / line.len().max(1))) {
        let record: Vec<Cow<'t, str>> = record.collect();
        columns.iter_mut().zip(&record).for_each(|(column, cell)| column.observe(cell.trim()));
        runs.extend(counts_up(&record));
        with_years += usize::from(has_years(&record));
        rows += 1;
    }
    let votes: i32 = columns.iter().map(|column| column.vote(reading)).sum();
    let run = counts_up(line).filter(|run| !runs.contains(run));
    // A row of data counts up by chance, or because all rows do.
    let are_years = has_years(line) && with_years * 10 <= rows;
    if (run.is_some() || are_years) && rows >= FEWEST_RECORDS {
        return true;
    }
    let votes = if run.is_some() { votes + 2 } else { votes };
    let filled = line.iter().filter(|cell| !cell.is_empty()).count();
    if line.iter().filter(|cell| !cell.is_empty()).all(|cell| is_numeric(cell)) {
        // A cell or two may be unlike others by chance; of a header, most are.
        let numbered = line.len() > FEWEST_RECORDS && rows > 0 && counts_from_zero(line);
        return filled > 0 && (votes * 2 > filled as i32 || (numbered && votes >= 0));
    }
    votes > 0 || (votes == 0 && line.iter().all(is_text))
}

/// Returns the index of the first of three cells or more, one beside the other and most of the numbers, that are whole
/// numbers that count up in equal steps, as years do; or 0 if all numbers of the line, between texts, count from 0 or 1.
fn counts_up(line: &[Cow<'_, str>]) -> Option<usize> {
    const WIDEST_STEP: i64 = 50;
    let numbers: Vec<Option<i64>> = line.iter().map(|cell| cell.trim().parse().ok()).collect();
    let is_year = |number: i64| (1000..3000).contains(&number);
    let step = |pair: &[Option<i64>]| match pair {
        [Some(a), Some(b)] => {
            (is_year(*a) && is_year(*b)).then(|| b - a).filter(|step| (1..=WIDEST_STEP).contains(step))
        }
        _ => None,
    };
    let steps: Vec<Option<i64>> = numbers.windows(2).map(step).collect();
    let start = steps.windows(2).position(|two| two[0].is_some() && two[0] == two[1]);
    let length = |start: &usize| 1 + steps[*start..].iter().take_while(|step| **step == steps[*start]).count();
    let run = start.filter(|start| length(start) * 2 > numbers.iter().flatten().count());
    // One number beside texts and the next would be little to go by.
    let counted: Vec<i64> = numbers.iter().flatten().copied().collect();
    let fewest = if counted.len() < line.len() { 3 } else { 4 };
    let are_names = line.iter().all(|cell| kind(cell) == Kind::Text || cell.trim().parse::<i64>().is_ok());
    let are_counted = are_names && counted.len() >= fewest;
    let from = |first: i64| are_counted && counted.iter().zip(first..).all(|(number, index)| *number == index);
    run.or((from(0) || from(1)).then_some(0))
}

/// Returns whether a line has texts and, beside them, at least two numbers, all of them years in their order.
fn has_years(line: &[Cow<'_, str>]) -> bool {
    let years: Vec<i64> = line.iter().filter_map(|cell| cell.trim().parse().ok()).collect();
    let are_years =
        years.len() >= 2 && years.len() < line.len() && years.iter().all(|year| (1900..=2100).contains(year));
    are_years
        && years.windows(2).all(|pair| pair[0] < pair[1])
        && line.iter().all(|cell| kind(cell) == Kind::Text || cell.trim().parse::<i64>().is_ok())
}

/// Returns whether cells are 0, 1, 2, …, but for an empty one at the beginning: the names that pandas gives.
fn counts_from_zero(line: &[Cow<'_, str>]) -> bool {
    let cells = line.strip_prefix(&[Cow::Borrowed("")]).unwrap_or(line);
    cells.iter().enumerate().all(|(index, cell)| cell.parse() == Ok(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> bool {
        let lines: Vec<Vec<Cow<'_, str>>> =
            text.lines().map(|line| line.split(',').map(Cow::Borrowed).collect()).collect();
        is_header(&lines[0], lines[1..].iter().map(|line| line.iter().cloned()), &Reading::default())
    }

    #[test]
    fn headers_are_recognized() {
        for header in [
            "a,b\n1,2",
            "2019,2020,2021\n1.5,2.5,4.0\n0.5,0.25,1.0\n1.1,1.2,1.3\n2.0,0.1,2.1",
            "a,b,4\n1,2,3\n4,5,6",
            ",a,b\n0,1,2\n1,3,4",
            "1990,1995,2000\n1200,1900,2400\n2000,1100,1990\n1995,2000,1300\n1995,1800,2000",
            "land,1990,1995,2000\na,2722,1780,2036\nb,2373,2988,1226\nc,1990,1200,1700\nd,1500,1995,2100",
            "1,2,3,4\n3,2,1,0\n1,2,3,1\n2,2,4,0\n1,3,3,1",
            "state,2010,2020\nS1,3063,1379\nS2,1732,2681\nS3,2005,1800\nS4,1400,2010",
            "store,1,2,3\nS0,29,49,23\nS1,43,45,20\nS2,1,2,5\nS0,3,1,2",
            "store,1,2,3\n9,45,6,10\n3,43,1,42\n3,1,2,5\n9,3,1,2",
            "id,2019,2020,2021\na,300,9000,1\nb,4000,2500,0\na,2000,100,1\nb,1500,8000,0",
            "0,1,2,3,4\n0.5,0.9,0.3,0.7,1\n0.1,0.7,0.2,0.4,1\n1.3,0.4,0.9,0.2,0\n1.0,1.4,1.9,1.2,2\n0.3,0.2,0.1,1.2,2",
            "color,size\nred,small\nblue,large\nred,large\nblue,small",
            "RI,Na,Mg\n1.52,13.6,4.5\n1.51,13.9,3.6",
            "name,town\nAnn,Bonn\nBob,Ulm",
            "when,y\n2024-01-01,a\n2024-01-02,b",
        ] {
            assert!(judged(header), "{header}");
        }
    }

    #[test]
    fn data_are_recognized() {
        for data in [
            "5.1,3.5,1.4,0.2,setosa\n4.9,3.0,1.4,0.2,setosa\n4.7,3.2,1.3,0.2,setosa\n7.0,3.2,4.7,1.4,versicolor",
            "1,2\n3,4\n5,6\n7,8\n9,10",
            "p,x,s\np,x,y\ne,b,s\np,x,s",
            "?,x,1\n3,x,2\n4,y,1",
            "0,1\n1,0\n0,1\n1,1\n0,0",
            "vhigh,2,2,high\nmed,3,4,high\nvhigh,5more,2,med",
            "5more,ab,no\nx,red,no\ny,red,maybe\n5more,blue,no\nz,blue,maybe",
            "N/A,yes\n1.5,no\n2.5,yes\n3.5,no",
            "nan\n1.5\n2.5",
            "1990,1991,1992,5\n1991,1992,1993,7\n1992,1993,1994,4\n1993,1994,1995,6\n1994,1995,1996,5",
            "a,2010,2020\nb,2011,2021\nc,2005,2018\nd,1999,2010\ne,2000,2010",
            "1,2,3,0\n3,2,1,0\n1,2,3,1\n2,2,3,0\n1,3,3,1",
            "4.5 %,x,f\n1.5 %,y,g\n2.5 %,z,g\n1.2 %,y,h\n9.0 %,z,h\n7.5 %,y,h",
        ] {
            assert!(!judged(data), "{data}");
        }
    }
}
