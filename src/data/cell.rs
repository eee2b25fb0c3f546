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

/// The end of a cell without quotes and, if it is a short number, its value.
pub(super) struct Span {
    pub end: usize,
    pub number: Option<f64>,
}

impl Span {
    /// Reads the cell that begins at `start` and ends at the separator, at a line end or with the bytes. A number of at
    /// most 15 digits, a sign and a point is summed up on the way: exactly what the general parser returns.
    ///
    /// The digits are a whole number below 2^53, and a power of ten up to 10^15 is exact in double precision, so that
    /// their quotient is rounded once (Clinger, 1990).
    #[inline]
    pub fn read(bytes: &[u8], start: usize, separator: u8) -> Span {
        const POWERS: [f64; 16] =
            [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
        let is_end = |byte: u8| byte == separator || byte == b'\n' || byte == b'\r';
        let negative = bytes.get(start) == Some(&b'-');
        let first = start + usize::from(negative);
        let (mut end, mut number, mut point) = (first, 0u64, None);
        while let Some(&byte) = bytes.get(end) {
            let digit = byte.wrapping_sub(b'0');
            if digit < 10 {
                number = number.wrapping_mul(10).wrapping_add(digit.into());
            } else if is_end(byte) {
                break;
            } else if byte == b'.' && point.is_none() {
                point = Some(end);
            } else {
                let rest = bytes[end..].iter().position(|&byte| is_end(byte));
                return Span { end: rest.map_or(bytes.len(), |rest| end + rest), number: None };
            }
            end += 1;
        }
        let digits = end - first - usize::from(point.is_some());
        let decimals = point.map_or(0, |point| end - point - 1);
        let number = (1..=15).contains(&digits).then(|| number as f64 / POWERS[decimals]);
        Span { end, number: number.map(|number| if negative { -number } else { number }) }
    }
}

/// Returns the number that a text is, if it is a short one: see [`Span`].
pub(super) fn short(text: &str) -> Option<f64> {
    let span = Span::read(text.as_bytes(), 0, b'\n');
    span.number.filter(|_| span.end == text.len())
}

/// Returns a number that was read from digits in single precision, if the general parser must round it so.
pub(super) fn single(number: f64) -> Option<f32> {
    // A double in the middle between two floats may have been rounded to there.
    let is_middle = number.to_bits() << 35 == 1 << 63;
    (!is_middle && (number == 0.0 || number.abs() > 1e-30)).then_some(number as f32)
}

/// Returns a cell's number in double precision, if it is finite. Negative zero becomes zero.
pub(super) fn finite(cell: &str) -> Option<f64> {
    cell.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(|number| number + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    #[test]
    fn short_numbers_are_those_of_the_general_parser() {
        let mut rng = Rng::new(5);
        for i in 0..200_000u64 {
            let (digits, decimals) = (1 + i as usize % 15, rng.below(16));
            let number = rng.next_u64() % 10u64.pow(digits as u32);
            let mut text = format!("{number:0width$}", width = digits.max(decimals));
            text.insert(text.len() - decimals, '.');
            if i % 2 == 0 {
                text.insert(0, '-');
            }
            if let Some(found) = short(&text) {
                assert_eq!(found.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
            }
            if let Some(found) = short(&text).and_then(single) {
                assert_eq!(found.to_bits(), text.parse::<f32>().unwrap().to_bits(), "{text}");
            }
        }
        // In the middle between two floats, and just above it.
        for text in ["16777217", "16777219", "1.000000059604644", "1.000000059604645", "0.00000000000001"] {
            let found = short(text).and_then(single).unwrap_or_else(|| text.parse().unwrap());
            assert_eq!(found, text.parse::<f32>().unwrap(), "{text}");
        }
        for other in ["", "-", ".", "1.2.3", "1e5", "1_0", "1234567890123456", "+1", " 1", "nan"] {
            assert_eq!(short(other), None, "{other}");
        }
        assert_eq!(
            (short("5."), short(".5"), short("-0").map(f64::is_sign_negative)),
            (Some(5.0), Some(0.5), Some(true))
        );
    }
}
