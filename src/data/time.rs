//! Dates and times of day, which become numbers.
//!
//! Read are dates as ISO 8601 writes them (`2024-05-31`, `2024-05`), with slashes or points, with the year last
//! (`31.5.2024`, `31.05.24`, `05/31/2024`, `05/31/24`), and with English months (`31 May 2024`, `31-May-24`,
//! `May 31, 2024`, `May 2024`, `May-24`), perhaps after a day of the week (`Fri, 31 May 2024`); times of day (`7:05`,
//! `07:05:30.25`, `07.05.30`, `7:05 PM`) and durations of any number of hours (`100:12:30`); and a date followed by a
//! time, with or without a zone (`Z`, `UTC`, `+02:00`), which is subtracted.

use std::ops::Range;

const SECONDS_OF_DAY: f64 = 86400.0;
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The order of the parts of a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DateOrder {
    /// `2024-05-31`.
    #[default]
    YearFirst,
    /// `31.05.2024`.
    DayFirst,
    /// `05/31/2024`.
    MonthFirst,
}

/// How the dates or times of a column are written, and which numbers they become.
///
/// A date becomes year, month (1 to 12), day of the week (0 on Monday) and seconds since 1970; a time of day the hour
/// and seconds since midnight; a date with a time year, month, day of the week, hour and seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeForm {
    /// The order of a date's parts.
    pub order: DateOrder,
    /// Whether a date is in the cells.
    pub date: bool,
    /// Whether a time of day is in the cells, or a duration if there is no date.
    pub clock: bool,
    /// The number that is subtracted from the seconds, in double precision: see
    /// [`NumberForm::origin`](super::NumberForm::origin).
    pub origin: f64,
}

/// A cell's date and time of day.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Moment {
    date: Option<Date>,
    /// Seconds since midnight.
    clock: Option<f64>,
    /// Seconds by which the zone is ahead of UTC.
    zone: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    fn new(year: i64, month: i64, day: i64) -> Option<Date> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        (1..=days).contains(&day).then_some(Date { year, month, day })
    }

    /// Returns the days since 1970-01-01 in the Gregorian calendar.
    fn days(self) -> i64 {
        // Years begin in March, so that the day of a leap year is their last.
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let month = (self.month + 9) % 12;
        let day_of_year = (153 * month + 2) / 5 + self.day - 1;
        365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
    }
}

impl TimeForm {
    /// Returns the noun for the cells, for messages.
    pub(super) fn noun(&self) -> &'static str {
        match (self.date, self.clock) {
            (true, true) => "dates with times of day",
            (true, false) => "dates",
            (false, _) => "times",
        }
    }

    /// Returns the names of the numbers that a cell becomes.
    pub fn parts(&self) -> &'static [&'static str] {
        match (self.date, self.clock) {
            (true, true) => &["year", "month", "weekday", "hour", "seconds"],
            (true, false) => &["year", "month", "weekday", "seconds"],
            (false, _) => &["hour", "seconds"],
        }
    }

    /// Reads a cell that holds what this form holds. Returns the seconds, from which the origin is not subtracted.
    pub(super) fn seconds(&self, cell: &str) -> Option<f64> {
        self.moment(cell).map(|moment| seconds(&moment))
    }

    /// Puts the numbers of a cell into `x`; returns whether it could be read.
    pub(super) fn read(&self, cell: &str, x: &mut [f32]) -> bool {
        let Some(moment) = self.moment(cell) else { return false };
        let mut parts = x.iter_mut();
        let mut put = |number: f64| parts.next().into_iter().for_each(|x| *x = number as f32);
        if let Some(date) = moment.date {
            put(date.year as f64);
            put(date.month as f64);
            // 1970-01-01 was a Thursday.
            put((date.days() + 3).rem_euclid(7) as f64);
        }
        if let Some(clock) = moment.clock {
            put((clock / 3600.0).floor());
        }
        put(seconds(&moment) - self.origin);
        true
    }

    fn moment(&self, cell: &str) -> Option<Moment> {
        let moment = moment(cell, self.order)?;
        // A date without a time of day is its first second.
        let clock = if self.clock && moment.date.is_some() { moment.clock.or(Some(0.0)) } else { moment.clock };
        (moment.date.is_some() == self.date && clock.is_some() == self.clock).then_some(Moment { clock, ..moment })
    }
}

fn seconds(moment: &Moment) -> f64 {
    moment.date.map_or(0.0, |date| date.days() as f64 * SECONDS_OF_DAY) + moment.clock.unwrap_or(0.0) - moment.zone
}

/// Returns whether a cell is a date or a time of day.
pub(super) fn is_time(cell: &str) -> bool {
    ORDERS.into_iter().any(|order| is_time_in(cell, order))
}

/// Returns whether a cell is a date, with its parts in this order, or a time of day.
pub(super) fn is_time_in(cell: &str, order: DateOrder) -> bool {
    moment(cell, order).is_some()
}

fn moment(cell: &str, order: DateOrder) -> Option<Moment> {
    let cell = cell.trim();
    if cell.len() < 4 || cell.len() > 40 || !cell.is_ascii() || !cell.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let Some((date, rest)) = date(cell, order) else {
        let (clock, zone) = clock(cell)?;
        return Some(Moment { date: None, clock: Some(clock), zone });
    };
    if rest.is_empty() {
        return Some(Moment { date: Some(date), clock: None, zone: 0.0 });
    }
    let (clock, zone) = clock(rest.strip_prefix(['T', 't', ' ', ','])?.trim_start())?;
    (clock < SECONDS_OF_DAY + 1.0).then_some(Moment { date: Some(date), clock: Some(clock), zone })
}

/// Splits the digits, at most `most` of them, that a text begins with.
fn digits(text: &str, most: Range<usize>) -> Option<(i64, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(end);
    // Few digits, so that their sum cannot overflow.
    let sum = |digits: &str| digits.bytes().fold(0, |sum, digit| 10 * sum + i64::from(digit - b'0'));
    most.contains(&end).then(|| (sum(digits), rest))
}

/// Splits one of some English words, of which three letters suffice, from a text. Returns its index.
fn word<'a>(text: &'a str, words: &[&str]) -> Option<(usize, &'a str)> {
    let end = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    if end < 3 {
        return None;
    }
    let (word, rest) = (text[..end].to_ascii_lowercase(), &text[end..]);
    let is_meant = |full: &&str| full.starts_with(&word) || (*full == "september" && word == "sept");
    let index = words.iter().position(is_meant)?;
    Some((index, rest.strip_prefix('.').unwrap_or(rest)))
}

/// Splits an English month.
fn month_name(text: &str) -> Option<(i64, &str)> {
    word(text, &MONTHS).map(|(index, rest)| (index as i64 + 1, rest))
}

/// Splits a year of four digits or, if that is allowed, two.
fn year(text: &str, may_be_short: bool) -> Option<(i64, &str)> {
    let (year, rest) = digits(text, 2..5)?;
    match text.len() - rest.len() {
        4 => Some((year, rest)),
        // As POSIX has it.
        2 if may_be_short => Some((year + if year < 69 { 2000 } else { 1900 }, rest)),
        _ => None,
    }
}

/// Splits what follows an English month: the day and the year, or the year alone.
fn after_month(rest: &str) -> Option<(i64, i64, &str)> {
    let separator = rest.chars().next()?;
    let rest = rest.strip_prefix(['-', '/']).unwrap_or(rest).trim_start();
    if let Some((year, "")) = year(rest, separator == '-') {
        return Some((1, year, ""));
    }
    let (day, rest) = digits(rest, 1..3)?;
    let (year, rest) = year(rest.strip_prefix([',', '-', '/']).unwrap_or(rest).trim_start(), false)?;
    Some((day, year, rest))
}

/// Splits a date from what follows it.
fn date(text: &str, order: DateOrder) -> Option<(Date, &str)> {
    let text = match word(text, &WEEKDAYS) {
        Some((_, rest)) => rest.strip_prefix(',').unwrap_or(rest).trim_start(),
        None => text,
    };
    if let Some((month, rest)) = month_name(text) {
        let (day, year, rest) = after_month(rest)?;
        return Some((Date::new(year, month, day)?, rest));
    }
    let (first, rest) = digits(text, 1..5)?;
    let width = text.len() - rest.len();
    let separator = rest.chars().next().filter(|c| matches!(c, '-' | '/' | '.' | ' '))?;
    let rest = &rest[1..];
    if width <= 2
        && let Some((month, rest)) = month_name(rest.trim_start())
    {
        let (year, rest) = year(rest.strip_prefix(separator).unwrap_or(rest).trim_start(), separator == '-')?;
        return Some((Date::new(year, month, first)?, rest));
    }
    if separator == ' ' {
        return None;
    }
    let (second, behind) = digits(rest, 1..3)?;
    let are_wide = width == 2 && rest.len() - behind.len() == 2;
    let rest = behind;
    match width {
        4 if order == DateOrder::YearFirst => match rest.strip_prefix(separator) {
            Some(rest) => digits(rest, 1..3).and_then(|(day, rest)| Some((Date::new(first, second, day)?, rest))),
            None if separator == '-' && rest.is_empty() => Some((Date::new(first, second, 1)?, rest)),
            None => None,
        },
        1 | 2 if order != DateOrder::YearFirst => {
            let rest = rest.strip_prefix(separator)?;
            // `1.2.24` may be a version; a point is not American.
            let is_day = separator == '.' && are_wide && order == DateOrder::DayFirst;
            let (year, behind) = year(rest, separator == '/' || is_day)?;
            let (day, month) = if order == DateOrder::DayFirst { (first, second) } else { (second, first) };
            Some((Date::new(year, month, day)?, behind))
        }
        _ => None,
    }
}

/// Reads a time of day or a duration: the seconds since midnight, and the seconds by which its zone is ahead.
fn clock(text: &str) -> Option<(f64, f64)> {
    let (hour, rest) = digits(text, 1..5)?;
    let separator = rest.chars().next().filter(|c| matches!(c, ':' | '.'))?;
    let (minute, mut rest) = digits(&rest[1..], 2..3)?;
    let mut second = 0.0;
    match rest.strip_prefix(separator) {
        Some(behind) => {
            let (whole, behind) = digits(behind, 2..3)?;
            second = whole as f64;
            rest = behind;
            if let Some(fraction) = rest.strip_prefix(['.', ',']).filter(|_| separator == ':') {
                let end = fraction.bytes().take_while(u8::is_ascii_digit).count();
                second += format!("0.{}", &fraction[..end]).parse::<f64>().ok().filter(|_| end > 0)?;
                rest = &fraction[end..];
            }
        }
        // `7.05` is a number.
        None if separator == '.' => return None,
        None => {}
    }
    let rest = rest.trim_start();
    let half = |half: &str| rest.get(..half.len()).filter(|text| text.eq_ignore_ascii_case(half)).map(str::len);
    let (hour, rest) = match (half("a.m.").or(half("am")), half("p.m.").or(half("pm"))) {
        (Some(length), _) if (1..=12).contains(&hour) => (hour % 12, &rest[length..]),
        (_, Some(length)) if (1..=12).contains(&hour) => (hour % 12 + 12, &rest[length..]),
        _ => (hour, rest),
    };
    let is_duration = separator == ':' && rest.is_empty();
    let zone = zone(rest)?;
    let valid = (hour < 24 || is_duration) && minute < 60 && second < 61.0;
    valid.then_some(((hour * 3600 + minute * 60) as f64 + second, zone))
}

fn zone(text: &str) -> Option<f64> {
    if matches!(text, "" | "Z" | "z" | "UTC" | "GMT") {
        return Some(0.0);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, rest) = digits(&text[1..], 2..5)?;
    let (hours, minutes) = match rest.strip_prefix(':') {
        Some(minutes) => (hours, digits(minutes, 2..3).filter(|(_, rest)| rest.is_empty())?.0),
        None if rest.is_empty() && text.len() == 5 => (hours / 100, hours % 100),
        None if rest.is_empty() && text.len() == 3 => (hours, 0),
        None => return None,
    };
    (hours < 15 && minutes < 60).then_some((sign * (hours * 3600 + minutes * 60)) as f64)
}

/// The way in which a column's dates and times are written, found cell by cell.
#[derive(Clone, Debug)]
pub(super) struct TimeNotation {
    /// How the cells are read in each order; nothing, if they are not.
    orders: [Option<Kinds>; 3],
    slash: bool,
    cells: usize,
}

/// The kinds of cells.
#[derive(Clone, Copy, Debug, Default)]
struct Kinds {
    date: bool,
    clock: bool,
    /// A time without a date.
    bare: bool,
    /// A duration longer than a day.
    long: bool,
}

pub(super) const ORDERS: [DateOrder; 3] = [DateOrder::YearFirst, DateOrder::DayFirst, DateOrder::MonthFirst];

impl TimeNotation {
    pub fn new() -> Self {
        TimeNotation { orders: [Some(Kinds::default()); 3], slash: false, cells: 0 }
    }

    /// Looks at a cell that is not missing.
    pub fn observe(&mut self, cell: &str) {
        self.cells += 1;
        self.slash |= cell.contains('/');
        for (known, order) in self.orders.iter_mut().zip(ORDERS) {
            let Some(kinds) = known else { continue };
            match moment(cell, order) {
                Some(moment) => {
                    kinds.date |= moment.date.is_some();
                    kinds.bare |= moment.date.is_none();
                    kinds.clock |= moment.clock.is_some();
                    kinds.long |= moment.clock.is_some_and(|clock| clock >= SECONDS_OF_DAY + 1.0);
                    if kinds.date && kinds.bare {
                        *known = None;
                    }
                }
                None => *known = None,
            }
        }
    }

    /// Returns whether no other cell can make it a column of dates or times.
    pub fn has_failed(&self) -> bool {
        self.orders.iter().all(Option::is_none)
    }

    /// Returns whether a cell is longer than a day.
    pub fn has_durations(&self) -> bool {
        self.orders.iter().flatten().any(|kinds| kinds.long)
    }

    /// Returns the form of the column, if all its cells are dates or times, and whether day and month might be
    /// exchanged.
    pub fn verdict(&self) -> Option<(TimeForm, bool)> {
        let first = self.orders.iter().position(Option::is_some).filter(|_| self.cells > 0)?;
        let unsure = first > 0 && self.orders[2].is_some() && self.orders[1].is_some();
        // Slashes are mostly American; points and dashes are not.
        let index = if unsure && self.slash { 2 } else { first };
        let Kinds { date, clock, .. } = self.orders[index]?;
        Some((TimeForm { order: ORDERS[index], date, clock, origin: 0.0 }, unsure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds from Python's `datetime.fromisoformat(…).timestamp()`.
    #[test]
    fn dates_and_times_are_read() {
        let cases = [
            ("1970-01-01", 0.0),
            ("2024-05-31", 1_717_113_600.0),
            ("2024-05", 1_714_521_600.0),
            ("2024-02-29T12:30:15Z", 1_709_209_815.0),
            ("2024-02-29 12:30:15.5", 1_709_209_815.5),
            ("2024-02-29T12:30:15+02:00", 1_709_202_615.0),
            ("2024-02-29T12:30-0530", 1_709_229_600.0),
            ("2015-01-01T05:00:00UTC", 1_420_088_400.0),
            ("31.05.2024", 1_717_113_600.0),
            ("31/5/2024", 1_717_113_600.0),
            ("05/31/2024", 1_717_113_600.0),
            ("05/31/24", 1_717_113_600.0),
            ("31 May 2024", 1_717_113_600.0),
            ("31-May-2024", 1_717_113_600.0),
            ("31-May-24", 1_717_113_600.0),
            ("31.05.24", 1_717_113_600.0),
            ("May-24", 1_714_521_600.0),
            ("Sept 2024", 1_725_148_800.0),
            ("Fri, 31 May 2024 00:00:00 GMT", 1_717_113_600.0),
            ("May 31, 2024", 1_717_113_600.0),
            ("1899-12-31", -2_209_075_200.0),
            ("07:05", 25_500.0),
            ("07.05.30", 25_530.0),
            ("7:05 PM", 68_700.0),
            ("7:05 p.m.", 68_700.0),
            ("25:10", 90_600.0),
            ("100:12:30", 360_750.0),
            ("12:00 am", 0.0),
        ];
        for (cell, expected) in cases {
            let mut notation = TimeNotation::new();
            notation.observe(cell);
            let (form, _) = notation.verdict().unwrap_or_else(|| panic!("{cell}"));
            assert_eq!(form.seconds(cell), Some(expected), "{cell}");
        }
    }

    #[test]
    fn a_date_has_its_parts() {
        let mut notation = TimeNotation::new();
        ["2024-05-31 23:59:59", "2024-06-01 00:00:00"].iter().for_each(|cell| notation.observe(cell));
        let (form, _) = notation.verdict().unwrap();
        let mut x = [0.0; 5];
        assert!(TimeForm { origin: 1_717_200_000.0, ..form.clone() }.read("2024-06-01", &mut x));
        assert_eq!(x, [2024.0, 6.0, 5.0, 0.0, 0.0]);
        assert_eq!(form.parts().len(), 5);
    }

    #[test]
    fn one_cell_decides_the_order_of_day_and_month() {
        let order = |cells: &[&str]| {
            let mut notation = TimeNotation::new();
            cells.iter().for_each(|cell| notation.observe(cell));
            notation.verdict().map(|(form, unsure)| (form.order, unsure))
        };
        assert_eq!(order(&["05/06/2024", "31/05/2024"]), Some((DateOrder::DayFirst, false)));
        assert_eq!(order(&["05/06/2024", "05/31/2024"]), Some((DateOrder::MonthFirst, false)));
        assert_eq!(order(&["05/06/2024"]), Some((DateOrder::MonthFirst, true)));
        assert_eq!(order(&["05.06.2024"]), Some((DateOrder::DayFirst, true)));
        // Times of day or dates, as far as each may be both.
        assert_eq!(order(&["07.05.30", "18.00.00"]), Some((DateOrder::YearFirst, false)));
        assert_eq!(order(&["07.05.30", "31.05.24"]), Some((DateOrder::DayFirst, false)));
        assert_eq!(order(&["31/05/2024", "05/31/2024"]), None);
        assert_eq!(order(&["2024-05-31", "12:30"]), None);
    }

    #[test]
    fn other_texts_are_no_times() {
        for other in [
            "2024",
            "2024-13-01",
            "2023-02-29",
            "1.5",
            "7.05",
            "192.168.1.1",
            "1:5",
            "May",
            "a",
            "",
            "é",
            "Mark-12",
            "May 5",
            "1.2.24",
            "25:10 pm",
            "25:10Z",
            "2024-05-31 25:10",
            "102:98",
        ] {
            assert!(!is_time(other), "{other}");
        }
    }
}
