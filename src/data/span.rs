//! The end of a cell, and its number if that is a short one: the reader of most cells of most tables.
//!
//! **The problem.** A cell ends at a separator, which nearly every loop over bytes mispredicts, and its digits are a
//! chain of multiplications.
//!
//! **The idea.** Eight bytes are one word. Where a byte of it is a separator, arithmetic says without a branch (Mycroft,
//! 1987), and so it says whether all bytes are digits; a point is shifted out, and eight digits are summed up by three
//! multiplications (Lemire, 2021).

/// The end of a cell without quotes and, if it is a short number, its value.
pub(super) struct Span {
    pub end: usize,
    pub number: Option<f64>,
}

impl Span {
    /// Reads the cell that begins at `start` and ends at the separator, at a line end or with the bytes. A number of at
    /// most 15 digits, a sign and a point is summed up on the way: exactly what the general parser returns.
    #[inline(always)]
    pub fn read(bytes: &[u8], start: usize, separator: u8) -> Span {
        let negative = bytes.get(start) == Some(&b'-');
        let first = start + usize::from(negative);
        let Some(words) = bytes.get(first..).and_then(|rest| rest.first_chunk::<16>()) else {
            return Span::by_bytes(bytes, start, separator);
        };
        let low = word(&words[..8]);
        // A byte above a wrong one may be judged wrong too, but the point makes no carry.
        let mut others = not_digits(low);
        let has_point = others != 0 && words[first_byte(others)] == b'.';
        let mut point = first_byte(others);
        if has_point {
            others &= others - 1;
        }
        let (length, number) = if others != 0 {
            let length = first_byte(others);
            let byte = words[length];
            if byte != separator && byte != b'\n' && byte != b'\r' {
                return Span::by_bytes(bytes, start, separator);
            }
            if !has_point {
                point = length;
            }
            (length, short_word(low, length, point))
        } else {
            let ends = |word| equal(word, separator) | equal(word, b'\n') | equal(word, b'\r');
            let high = word(&words[8..]);
            let in_high = ends(high);
            if in_high == 0 {
                return Span::by_bytes(bytes, start, separator);
            }
            let length = 8 + first_byte(in_high);
            (length, two_words(low, high, length))
        };
        let signed = |number: f64| f64::from_bits(number.to_bits() | u64::from(negative) << 63);
        Span { end: first + length, number: number.map(signed) }
    }

    /// Reads a cell byte by byte.
    fn by_bytes(bytes: &[u8], start: usize, separator: u8) -> Span {
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
        let number = (1..=15).contains(&digits).then(|| scaled(number, decimals));
        Span { end, number: number.map(|number| if negative { -number } else { number }) }
    }
}

/// Returns a number that is written as `digits` with so many `decimals`, 15 at most.
///
/// The digits are a whole number below 2^53, and a power of ten up to 10^15 is exact in double precision, so that their
/// quotient is rounded once (Clinger, 1990).
#[inline]
fn scaled(digits: u64, decimals: usize) -> f64 {
    const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    digits as f64 / POWERS[decimals & 15]
}

/// A byte in each place of a word.
const fn all(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

/// Returns eight bytes as a word, the first one lowest.
#[inline]
pub(super) fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

/// Sets the high bit of the first byte of a word that is `byte`, and none below it.
#[inline]
pub(super) fn equal(word: u64, byte: u8) -> u64 {
    let rest = word ^ all(byte);
    rest.wrapping_sub(all(1)) & !rest & all(0x80)
}

/// Returns how many bytes of a word under a mask are `byte`.
#[inline]
pub(super) fn count(word: u64, byte: u8, mask: u64) -> usize {
    let rest = word ^ all(byte);
    let low = all(0x7f);
    // The high bit of every byte that is zero, and of no other.
    let equal = !(((rest & low) + low) | rest | low);
    (((equal & mask) >> 7).wrapping_mul(all(1)) >> 56) as usize
}

/// Returns the index of the first byte whose high bit is set in a word that is not 0.
#[inline]
fn first_byte(bits: u64) -> usize {
    (bits.trailing_zeros() as usize / 8) & 7
}

/// Sets the high bit of the first byte of a word that is no digit, and none below it.
#[inline]
fn not_digits(word: u64) -> u64 {
    let digits = word ^ all(b'0');
    (digits.wrapping_add(all(0x76)) | digits) & all(0x80)
}

/// Returns the number in the first `length` bytes of a word, fewer than eight: digits, but for a point at `point`.
#[inline]
fn short_word(word: u64, length: usize, point: usize) -> Option<f64> {
    let has_point = usize::from(point < length);
    let before = (1u64 << (8 * point)) - 1;
    let joined = if has_point == 1 { word & before | (word >> 8) & !before } else { word };
    let digits = length - has_point;
    // Zeros go in front of the digits, below them in the word.
    let zeros = 64 - 8 * digits as u32;
    (digits > 0).then(|| scaled(eight_digits((joined ^ all(b'0')) << zeros), length - point - has_point))
}

/// Returns the number in the first `length` bytes of two words, eight to fifteen.
#[inline]
fn two_words(low: u64, high: u64, length: usize) -> Option<f64> {
    let both = u128::from(low) | u128::from(high) << 64;
    let point = match equal(low, b'.') {
        0 => 8 + equal(high, b'.').trailing_zeros() as usize / 8,
        bits => bits.trailing_zeros() as usize / 8,
    };
    let point = point.min(length);
    let has_point = usize::from(point < length);
    let before = (1u128 << (8 * point)) - 1;
    let joined = if has_point == 1 { both & before | (both >> 8) & !before } else { both };
    let shift = 128 - 8 * (length - has_point) as u32;
    let zeros = u128::from(all(b'0')) | u128::from(all(b'0')) << 64;
    let filled = joined << shift | zeros & ((1 << shift) - 1);
    let (first, last) = (filled as u64, (filled >> 64) as u64);
    if not_digits(first) | not_digits(last) != 0 {
        return None;
    }
    let number = eight_digits(first ^ all(b'0')) * 100_000_000 + eight_digits(last ^ all(b'0'));
    Some(scaled(number, length - point - has_point))
}

/// Returns the whole number of eight digits, 0 to 9 in each byte, the first one lowest in the word.
#[inline]
fn eight_digits(digits: u64) -> u64 {
    /// 100, and 1,000,000 in the upper half; 1, and 10,000.
    const HUNDREDS: u64 = 100 + (1_000_000 << 32);
    const ONES: u64 = 1 + (10_000 << 32);
    const PAIRS: u64 = 0x0000_00FF_0000_00FF;
    let pairs = digits * 10 + (digits >> 8);
    (pairs & PAIRS).wrapping_mul(HUNDREDS).wrapping_add(((pairs >> 16) & PAIRS).wrapping_mul(ONES)) >> 32
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    #[test]
    fn words_are_read_as_bytes_are() {
        let mut rng = Rng::new(6);
        let alphabet = b"0123456789012345678901234567890123456789.,-e \r\n;\xc3";
        for i in 0..300_000 {
            let bytes: Vec<u8> = (0..rng.below(40)).map(|_| alphabet[rng.below(alphabet.len() - i % 10)]).collect();
            let (Span { end, number }, same) = (Span::read(&bytes, 0, b','), Span::by_bytes(&bytes, 0, b','));
            assert_eq!((end, number.map(f64::to_bits)), (same.end, same.number.map(f64::to_bits)), "{bytes:?}");
        }
    }

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
