//! Numbers as people and programs write them: `33,377.36`, `1 234,5`, `12 %`, `$1,200`, `−3`, `0x1F`.
//!
//! **The problem.** A column of such cells is read as texts by a parser of plain numbers, and becomes a hundred
//! categories. But a comma may separate decimals or thousands, and a wrong guess changes every number by a factor.
//!
//! **The idea.** A number is written in one of few notations: a character for decimals and one, or none, between
//! groups of digits. Every cell rules some of them out. The notations that all cells of a column leave are those it may
//! be written in; if they agree on the decimals, the column is read, otherwise only the other columns, or the user, can
//! tell. The text before and behind the digits, as a currency or a unit, must be the same in every cell.

use std::borrow::Cow;

use super::span::short;

/// The characters between integer and decimals, and between groups of digits, of every known notation. Those of one
/// pair of decimals stand together, the plainest first.
const NOTATIONS: [(char, Option<char>); 8] = [
    ('.', None),
    ('.', Some(',')),
    ('.', Some(' ')),
    ('.', Some('\'')),
    (',', None),
    (',', Some('.')),
    (',', Some(' ')),
    (',', Some('\'')),
];
const WITH_POINT: u8 = 0b0000_1111;
const WITH_COMMA: u8 = 0b1111_0000;
const THOUSANDS_BY_COMMA: u8 = 1 << 1;
const THOUSANDS_BY_POINT: u8 = 1 << 5;

const CURRENCIES: [&str; 12] = ["$", "€", "£", "¥", "₹", "₩", "₽", "₺", "₿", "¢", "฿", "₫"];
const CURRENCY_CODES: [&str; 24] = [
    "USD", "EUR", "GBP", "CHF", "JPY", "INR", "CNY", "BRL", "AUD", "CAD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF",
    "TRY", "ZAR", "MXN", "Rs.", "Rs", "Fr.", "kr", "kr.",
];

/// How the numbers of a column are written, and which number is subtracted when they are read.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberForm {
    /// The character before the decimals: a point or a comma.
    pub decimal: char,
    /// The character between groups of digits: a comma, a point, a space or an apostrophe.
    pub group: Option<char>,
    /// The text before the digits, such as `$`.
    pub prefix: String,
    /// The text behind the digits, such as `%`.
    pub suffix: String,
    /// Whether numbers are hexadecimal: `0x1F`.
    pub hexadecimal: bool,
    /// The number that is subtracted, in double precision, before a cell is rounded to single precision: not zero only
    /// in a column whose numbers lie close together and far from zero, as times do. Features and targets of a dataset
    /// are what is left.
    pub origin: f64,
}

impl Default for NumberForm {
    /// Plain numbers, as programs write them.
    fn default() -> Self {
        let (prefix, suffix) = (String::new(), String::new());
        NumberForm { decimal: '.', group: None, prefix, suffix, hexadecimal: false, origin: 0.0 }
    }
}

impl NumberForm {
    /// Returns whether cells are plain numbers.
    pub(super) fn is_plain(&self) -> bool {
        *self == NumberForm { origin: self.origin, ..NumberForm::default() }
    }

    /// Returns whether cells are plain numbers from which nothing is subtracted.
    pub(super) fn is_default(&self) -> bool {
        self.is_plain() && self.origin == 0.0
    }

    /// Returns the number in a cell that is written in this form, or plainly as it could not be misread: a minus sign of
    /// any kind and spaces of any kind are understood.
    pub(super) fn read(&self, cell: &str) -> Option<f64> {
        let cell = normalized(cell);
        if self.hexadecimal {
            return hexadecimal(&cell);
        }
        if self.is_plain()
            && let Some(number) = cell.parse().ok().filter(|number: &f64| number.is_finite())
        {
            return Some(number);
        }
        let parts = Parts::of(&cell)?;
        let bare = parts.prefix.is_empty() && parts.suffix.is_empty();
        let same = parts.prefix == self.prefix && parts.suffix == self.suffix;
        let fits = same || (bare && parts.is_zero());
        parts.number(self.decimal, self.group).filter(|_| fits)
    }

    /// Describes the form, if it is not plain: for a note.
    pub(super) fn description(&self) -> Option<String> {
        if self.is_plain() {
            return None;
        }
        if self.hexadecimal {
            return Some("hexadecimal numbers".to_string());
        }
        let mut parts = Vec::new();
        if self.decimal == ',' {
            parts.push("decimal commas".to_string());
        }
        match self.group {
            Some(' ') => parts.push("thousands separated by spaces".to_string()),
            Some(group) => parts.push(format!("thousands separated by `{group}`")),
            None => {}
        }
        for affix in [&self.prefix, &self.suffix].into_iter().filter(|affix| !affix.is_empty()) {
            parts.push(format!("`{affix}`"));
        }
        Some(format!("numbers with {}", parts.join(" and ")))
    }
}

/// Returns a cell with plain minus signs, spaces and apostrophes, trimmed.
fn normalized(cell: &str) -> Cow<'_, str> {
    let cell = cell.trim();
    if cell.is_ascii() {
        return Cow::Borrowed(cell);
    }
    let plain = |c| match c {
        '\u{2212}' | '\u{FE63}' | '\u{FF0D}' => '-',
        '\u{A0}' | '\u{202F}' | '\u{2007}' | '\u{2009}' => ' ',
        '\u{2019}' => '\'',
        // Full-width digits.
        '\u{FF10}'..='\u{FF19}' => char::from(b'0' + (c as u32 - 0xFF10) as u8),
        other => other,
    };
    Cow::Owned(cell.chars().map(plain).collect::<String>().trim().to_string())
}

fn hexadecimal(cell: &str) -> Option<f64> {
    let (negative, digits) = match cell.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, cell),
    };
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"))?;
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u64::from_str_radix(digits, 16).ok().filter(|_| valid)? as f64;
    Some(if negative { -number } else { number })
}

/// A number, taken apart.
struct Parts<'a> {
    negative: bool,
    prefix: &'a str,
    /// Digits and the characters between them.
    body: &'a str,
    /// The exponent, with its letter.
    exponent: &'a str,
    suffix: &'a str,
    /// Whether more than the decoration of a column makes the number: parentheses or a minus behind it, or a space inside.
    is_unusual: bool,
}

impl<'a> Parts<'a> {
    /// Takes a normalized cell apart, if it could be a number.
    fn of(cell: &'a str) -> Option<Parts<'a>> {
        // Accountants put losses in parentheses.
        let inner = cell.strip_suffix(')');
        let (mut negative, mut rest) = match inner.and_then(|inner| inner.strip_prefix('(')) {
            Some(inner) => (true, inner.trim()),
            None => (false, cell),
        };
        let (mut signs, mut is_unusual) = (usize::from(negative), negative);
        let mut sign = |rest: &mut &'a str| {
            if let Some(unsigned) = rest.strip_prefix(['-', '+']) {
                negative |= rest.starts_with('-');
                signs += 1;
                *rest = unsigned.trim_start();
                is_unusual |= rest.len() < unsigned.len();
            }
        };
        sign(&mut rest);
        let start = rest.find(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+' | '('))?;
        // A point behind a letter belongs to it: `Rs.500` is not a half.
        let is_abbreviated = rest[start..].starts_with('.') && rest[..start].ends_with(char::is_alphabetic);
        let start = start + usize::from(is_abbreviated);
        let prefix = rest[..start].trim();
        rest = rest[start..].trim_start();
        if !prefix.is_empty() {
            sign(&mut rest);
        }
        if let Some(inner) =
            rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).filter(|_| !prefix.is_empty())
        {
            (negative, signs, is_unusual) = (true, signs + 1, true);
            rest = inner.trim();
        }
        let is_body = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | ' ' | '\'');
        let end = rest.find(|c: char| !is_body(c)).unwrap_or(rest.len());
        let body = rest[..end].trim_end();
        let (exponent, suffix) =
            exponent(if body.len() < end { rest[body.len()..].trim_start() } else { &rest[end..] });
        is_unusual |= !exponent.is_empty() && body.len() < end;
        // SAP, among others, puts the minus behind the digits.
        let suffix = match suffix.strip_prefix('-') {
            Some(rest) if rest.is_empty() => {
                (negative, signs, is_unusual) = (true, signs + 1, true);
                rest
            }
            _ => suffix,
        };
        let known = is_currency(prefix) || prefix.is_empty();
        let unit = |c: char| c.is_alphabetic() || matches!(c, '%' | '‰' | '°' | '²' | '³' | '/');
        let known = known && (is_currency(suffix) || suffix.chars().count() <= 8 && suffix.chars().all(unit));
        let parts = Parts { negative, prefix, body, exponent, suffix, is_unusual };
        (known && signs <= 1 && body.bytes().any(|byte| byte.is_ascii_digit())).then_some(parts)
    }

    /// Returns whether no digit but 0 is in it.
    fn is_zero(&self) -> bool {
        self.body.bytes().all(|byte| !matches!(byte, b'1'..=b'9'))
    }

    /// Returns the notations in which it can be written, a bit for each.
    fn notations(&self) -> u8 {
        let valid = |&(_, (decimal, group)): &(usize, (char, Option<char>))| self.digits(decimal, group).is_some();
        NOTATIONS.into_iter().enumerate().filter(valid).fold(0, |bits, (index, _)| bits | 1 << index)
    }

    /// Returns the body as a plain number, if it is written so.
    fn digits(&self, decimal: char, group: Option<char>) -> Option<String> {
        let (whole, decimals) = match self.body.split_once(decimal) {
            Some((whole, decimals)) => (whole, Some(decimals)),
            None => (self.body, None),
        };
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let plain = match group.filter(|&group| whole.contains(group)) {
            Some(group) => {
                let groups: Vec<&str> = whole.split(group).collect();
                let last = groups.len() - 1;
                // India groups by two, but for the last three.
                let fits = |(index, part): (usize, &&str)| match index {
                    0 => (1..=3).contains(&part.len()),
                    _ if index == last => part.len() == 3,
                    _ => (2..=3).contains(&part.len()),
                };
                (groups.iter().enumerate().all(fits) && !whole.starts_with('0')).then(|| groups.concat())?
            }
            None => whole.to_string(),
        };
        // Programs write `1.`, but nobody `1,`.
        if decimals == Some("") && decimal == ',' {
            return None;
        }
        let decimals = decimals.unwrap_or_default();
        let valid = all_digits(&plain) && all_digits(decimals) && !(plain.is_empty() && decimals.is_empty());
        valid.then(|| format!("{plain}.{decimals}0"))
    }

    fn number(&self, decimal: char, group: Option<char>) -> Option<f64> {
        let number: f64 = format!("{}{}", self.digits(decimal, group)?, self.exponent).parse().ok()?;
        number.is_finite().then_some(if self.negative { 0.0 - number } else { number })
    }
}

/// Splits an exponent, as `e-5`, from what follows it.
fn exponent(rest: &str) -> (&str, &str) {
    let Some(digits) = rest.strip_prefix(['e', 'E']) else { return ("", rest) };
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    match !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        true => (rest, ""),
        false => ("", rest),
    }
}

fn is_currency(affix: &str) -> bool {
    CURRENCY_CODES.contains(&affix)
        || CURRENCIES.iter().any(|sign| {
            affix.strip_suffix(sign).is_some_and(|rest| rest.len() <= 2 && rest.bytes().all(|b| b.is_ascii_uppercase()))
        })
}

/// Returns whether a cell is a number, however it is written.
pub(super) fn is_numeric(cell: &str) -> bool {
    let cell = normalized(cell);
    cell.parse::<f64>().is_ok_and(f64::is_finite)
        || hexadecimal(&cell).is_some()
        || Parts::of(&cell).is_some_and(|parts| parts.notations() != 0)
}

/// Returns whether a number is written in a way that may surprise: see [`Parts::is_unusual`].
pub(super) fn is_unusual(cell: &str) -> bool {
    short(cell).is_none()
        && cell.parse::<f64>().is_err()
        && Parts::of(&normalized(cell)).is_some_and(|parts| parts.is_unusual)
}

/// The notation of a column, found cell by cell.
#[derive(Clone, Debug)]
pub(super) struct Notation {
    /// The notations that are left.
    possible: u8,
    /// Whether a cell has a comma or a point.
    has_separators: bool,
    affixes: Option<(String, String)>,
    /// The first cell that is an unusual one: see [`Parts::is_unusual`].
    unusual: Option<String>,
    hexadecimal: usize,
    cells: usize,
    failed: bool,
}

/// How the numbers of a column are written, as far as its cells say it.
pub(super) enum Verdict {
    Form(NumberForm),
    /// Decimals and thousands cannot be told apart.
    Ambiguous,
    NoNumbers,
}

impl Notation {
    pub fn new() -> Self {
        let possible = WITH_POINT | WITH_COMMA;
        let (affixes, unusual) = (None, None);
        Notation { possible, has_separators: false, affixes, unusual, hexadecimal: 0, cells: 0, failed: false }
    }

    /// Returns whether no other cell can make it a column of numbers.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Looks at a cell that is not missing.
    pub fn observe(&mut self, cell: &str) {
        if self.failed {
            return;
        }
        self.cells += 1;
        let cell = normalized(cell);
        if hexadecimal(&cell).is_some() {
            self.hexadecimal += 1;
            return;
        }
        let Some(parts) = Parts::of(&cell) else {
            self.failed = true;
            return;
        };
        self.possible &= parts.notations();
        self.has_separators |= parts.body.contains([',', '.']);
        if !(parts.is_zero() && parts.prefix.is_empty() && parts.suffix.is_empty()) {
            let affixes = (parts.prefix.to_string(), parts.suffix.to_string());
            self.failed |= self.affixes.as_ref().is_some_and(|known| *known != affixes);
            self.affixes = Some(affixes);
        }
        if parts.is_unusual && self.unusual.is_none() {
            self.unusual = Some(cell.to_string());
        }
        // A number beyond single precision is not one that could be read.
        let (decimal, group) = NOTATIONS[self.possible.trailing_zeros() as usize % NOTATIONS.len()];
        let is_small = |number: f64| number.abs() <= f32::MAX.into();
        self.failed |= self.possible == 0 || !parts.number(decimal, group).is_some_and(is_small);
    }

    /// Returns the decimal character if the cells leave no other, and show it.
    pub fn evident_decimal(&self) -> Option<char> {
        if self.failed || !self.has_separators || self.hexadecimal > 0 {
            return None;
        }
        match (self.possible & WITH_POINT != 0, self.possible & WITH_COMMA != 0) {
            (true, false) => Some('.'),
            (false, true) => Some(','),
            _ => None,
        }
    }

    /// Returns a cell that needs more than the form of its column to be read, if there is one.
    pub fn unusual(&self) -> Option<&str> {
        self.unusual.as_deref()
    }

    /// Returns whether a currency stands before or behind every number.
    fn is_money(&self) -> bool {
        self.affixes.as_ref().is_some_and(|(prefix, suffix)| is_currency(prefix) || is_currency(suffix))
    }

    /// Returns the form of the column's numbers; `decimal` is the character before decimals, if that is known.
    pub fn verdict(&self, decimal: Option<char>) -> Verdict {
        if self.failed || self.cells == 0 || (self.hexadecimal > 0 && self.hexadecimal < self.cells) {
            return Verdict::NoNumbers;
        }
        if self.hexadecimal > 0 {
            return Verdict::Form(NumberForm { hexadecimal: true, ..NumberForm::default() });
        }
        let (point, comma) = (self.possible & WITH_POINT, self.possible & WITH_COMMA);
        let possible = match (point, comma, decimal) {
            (0, _, _) => comma,
            (_, 0, _) => point,
            (_, _, Some(',')) => comma,
            (_, _, Some(_)) => point,
            // Money has two decimals or none, so that three digits are thousands.
            _ if self.is_money() && point & (1 | THOUSANDS_BY_COMMA) == THOUSANDS_BY_COMMA => THOUSANDS_BY_COMMA,
            _ if self.is_money() && comma & THOUSANDS_BY_POINT != 0 && self.has_separators => {
                comma & THOUSANDS_BY_POINT
            }
            // Without a comma or a point in any cell both mean the same, and a point alone is what programs write.
            _ if !self.has_separators || point & 1 != 0 => point,
            _ => return Verdict::Ambiguous,
        };
        let (decimal, group) = NOTATIONS[possible.trailing_zeros() as usize];
        let (prefix, suffix) = self.affixes.clone().unwrap_or_default();
        Verdict::Form(NumberForm { decimal, group, prefix, suffix, hexadecimal: false, origin: 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(cells: &[&str], decimal: Option<char>) -> Option<NumberForm> {
        let mut notation = Notation::new();
        cells.iter().for_each(|cell| notation.observe(cell));
        match notation.verdict(decimal) {
            Verdict::Form(form) => Some(form),
            Verdict::Ambiguous | Verdict::NoNumbers => None,
        }
    }

    #[test]
    fn decorated_numbers_are_read() {
        let columns: [(&[&str], &[f64]); 18] = [
            (&["33,377.36", "850.5"], &[33377.36, 850.5]),
            (&["4.171,01", "-2,5"], &[4171.01, -2.5]),
            (&["1 234,5", "7,25"], &[1234.5, 7.25]),
            (&["1\u{202F}234,5", "\u{2212}7,25"], &[1234.5, -7.25]),
            (&["1'234.5", "12"], &[1234.5, 12.0]),
            (&["1,234,567", "12"], &[1234567.0, 12.0]),
            (&["12,34,567.8", "12"], &[1234567.8, 12.0]),
            (&["12 %", "7.5%", "0"], &[12.0, 7.5, 0.0]),
            (&["$1,200.00", "-$3.50", "($4.25)"], &[1200.0, -3.5, -4.25]),
            (&["3,5 €", "1.200,00 €"], &[3.5, 1200.0]),
            (&["70 kg", "82.5kg"], &[70.0, 82.5]),
            (&["\u{2212}1.5", "2"], &[-1.5, 2.0]),
            (&["0x1F", "0xa"], &[31.0, 10.0]),
            (&["1,5e3", "2,25"], &[1500.0, 2.25]),
            (&["723-", "1,821.5"], &[-723.0, 1821.5]),
            (&["$ (1,339.00)", "$4.50", "$(2.25)"], &[-1339.0, 4.5, -2.25]),
            (&["Rs. 9,89,61,871.50", "Rs.500"], &[98_961_871.5, 500.0]),
            (&["\u{FF14}\u{FF10}", "7"], &[40.0, 7.0]),
        ];
        for (cells, numbers) in columns {
            let form = form(cells, None).unwrap_or_else(|| panic!("{cells:?}"));
            let read: Vec<f64> = cells.iter().map(|cell| form.read(cell).unwrap()).collect();
            assert_eq!(read, numbers, "{cells:?}");
        }
    }

    #[test]
    fn ambiguous_thousands_need_a_word() {
        let cells = ["46,722", "39,849"];
        assert_eq!(form(&cells, None), None);
        assert_eq!(form(&cells, Some('.')).unwrap().read("46,722"), Some(46722.0));
        assert_eq!(form(&cells, Some(',')).unwrap().read("46,722"), Some(46.722));
        assert_eq!(form(&["1.234", "2.345"], Some(',')).unwrap().read("1.234"), Some(1234.0));
    }

    #[test]
    fn three_digits_of_money_are_thousands() {
        for (cells, expected) in [
            (["$141,878", "$900,100"], [141_878.0, 900_100.0]),
            (["1.200 €", "2.350 €"], [1200.0, 2350.0]),
            (["$12", "$1,200"], [12.0, 1200.0]),
            (["$1.25", "$2.50"], [1.25, 2.5]),
            (["3,50 €", "12,25 €"], [3.5, 12.25]),
        ] {
            let form = form(&cells, None).unwrap_or_else(|| panic!("{cells:?}"));
            assert_eq!(cells.map(|cell| form.read(cell).unwrap()), expected, "{cells:?}");
        }
    }

    #[test]
    fn other_texts_are_no_numbers() {
        let columns: [&[&str]; 13] = [
            &["-5-"],
            &["(5-)"],
            &["12 %", "7 kg"],
            &["C536000", "536001"],
            &["5more", "4"],
            &["1.2.3", "4"],
            &["192.168.1.1"],
            &["1,23,4"],
            &["--5"],
            &["2024-05-31"],
            &["12:30"],
            &["7A11"],
            &["0,123,456"],
        ];
        columns.iter().for_each(|cells| assert_eq!(form(cells, None), None, "{cells:?}"));
    }
}
