//! The end of a cell, and its number if that is a plain one: the reader of most cells of most tables.
//!
//! **The problem.** A cell ends at a separator, which nearly every loop over bytes mispredicts, and its digits are a
//! chain of multiplications.
//!
//! **The idea.** Eight bytes are one word. Arithmetic says without a branch how many digits it begins with (Mycroft, 1987),
//! and sums up eight of them by three multiplications (Lemire, 2021): once for those before the point, once for those behind
//! it. More than 15 digits are rounded a little wrong in double precision, which is seldom seen in single precision, and
//! then left to the general parser: no table of powers is needed (compare Lemire, 2021, "Number parsing at a gigabyte per
//! second").

/// The end of a cell without quotes and, if it is a number of at most 19 digits, its value: NaN, if not.
///
/// The value of a cell of at most [`EXACT`] bytes is that of the general parser. That of a longer one is at most three
/// units in the last place away, for those who can [do with less](single).
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub end: usize,
    pub number: f64,
}

/// A cell without more bytes has an exact number, if it has one.
pub(super) const EXACT: usize = 16;

impl Span {
    /// Reads the cell that begins at `start` and ends at the separator, at a line end or with the bytes. A plain number is
    /// summed up on the way.
    #[cfg_attr(feature = "simd", inline(always))]
    #[cfg_attr(not(feature = "simd"), inline(never))]
    pub fn read(bytes: &[u8], start: usize, separator: u8) -> Span {
        let negative = bytes.get(start) == Some(&b'-');
        let first = start + usize::from(negative);
        let Some(near) = bytes.get(first..).and_then(|rest| rest.first_chunk::<17>()) else {
            return Span::general(bytes, start, separator);
        };
        // Most cells of images and of marks for categories are one digit.
        if near[1] == separator && near[0].is_ascii_digit() {
            return Span { end: first + 1, number: signed(f64::from(near[0] - b'0'), negative) };
        }
        let (whole, mut sum) = leading_digits(word(&near[..8]));
        let (mut length, mut decimals) = (whole, 0);
        if near[whole] == b'.' {
            let more;
            (decimals, more) = leading_digits(word(&near[whole + 1..whole + 9]));
            sum = sum * WHOLE_POWERS[decimals & 15] + more;
            length += 1 + decimals;
        }
        // More digits may be rounded.
        if !((1..=15).contains(&(whole + decimals)) && is_end(near[length], separator)) {
            return Span::general(bytes, start, separator);
        }
        // A conversion of a signed number is one instruction.
        let sum = sum as i64 as f64;
        let number = if decimals == 0 { sum } else { sum / POWERS[decimals & 15] };
        Span { end: first + length, number: signed(number, negative) }
    }

    /// Reads any cell.
    #[inline(never)]
    fn general(bytes: &[u8], start: usize, separator: u8) -> Span {
        let negative = bytes.get(start) == Some(&b'-');
        let first = start + usize::from(negative);
        let (mut at, mut sum) = (first, 0);
        if bytes.get(at).is_some_and(|&byte| !byte.is_ascii_digit() && byte != b'.') {
            return Span { end: find_end(bytes, at, separator), number: f64::NAN };
        }
        sum_digits(bytes, &mut at, &mut sum);
        let (mut digits, mut exponent) = (at - first, 0);
        if bytes.get(at) == Some(&b'.') {
            let point = at;
            at += 1;
            sum_digits(bytes, &mut at, &mut sum);
            digits = at - first - 1;
            exponent = point as isize - (at - 1) as isize;
            // Without a point, it may be a code: `12E4`.
            if matches!(bytes.get(at), Some(b'e' | b'E')) && separator != b'+' {
                exponent += read_exponent(bytes, &mut at).unwrap_or(isize::MIN / 2);
            }
        }
        if bytes.get(at).is_some_and(|&byte| !is_end(byte, separator)) {
            return Span { end: find_end(bytes, at, separator), number: f64::NAN };
        }
        // Zeros in front add nothing to the sum.
        let is_zero = |byte: &&u8| matches!(byte, b'0' | b'.');
        let zeros = if digits > 19 { bytes[first..at].iter().take_while(is_zero).count() } else { 1 };
        let is_plain = digits > 0 && digits + 1 - zeros <= 19;
        let is_exact = sum < 1 << 53 && (-22..=22).contains(&exponent);
        let number = match is_plain && (is_exact || at - start > EXACT) {
            true => scaled(sum, exponent).map_or(f64::NAN, |number| signed(number, negative)),
            false => f64::NAN,
        };
        Span { end: at, number }
    }
}

/// Returns where the cell ends that is at `at`.
pub(super) fn find_end(bytes: &[u8], mut at: usize, separator: u8) -> usize {
    while let Some(near) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let near = word(near);
        let ends = equal(near, separator) | equal(near, b'\n') | equal(near, b'\r');
        if ends != 0 {
            return at + ends.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|&byte| is_end(byte, separator)).map_or(bytes.len(), |rest| at + rest)
}

/// Returns whether a cell ends before this byte.
#[inline]
fn is_end(byte: u8, separator: u8) -> bool {
    byte == separator || byte == b'\n' || byte == b'\r'
}

/// Returns the index behind the spaces that begin at `start`.
#[inline]
pub(super) fn skip_spaces(bytes: &[u8], start: usize) -> usize {
    start + bytes.get(start..).unwrap_or_default().iter().take_while(|&&byte| byte == b' ').count()
}

fn signed(number: f64, negative: bool) -> f64 {
    f64::from_bits(number.to_bits() | u64::from(negative) << 63)
}

/// Powers of ten that are exact in double precision.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];
const WHOLE_POWERS: [u64; 16] = [
    1,
    10,
    100,
    1000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
    100_000_000_000,
    1_000_000_000_000,
    10_000_000_000_000,
    100_000_000_000_000,
    1_000_000_000_000_000,
];

/// Returns `digits` times a power of ten, if that is neither very small nor very large.
///
/// Digits below 2^53 are exact in double precision, and so is a power up to 10^22, so that their product or quotient is
/// rounded once (Clinger, 1990). More digits are rounded before, and a power beyond 10^-22 is applied in two steps: each
/// is at most half a unit in the last place wrong, or one after the next rounding.
#[inline]
fn scaled(digits: u64, exponent: isize) -> Option<f64> {
    let number = digits as f64;
    let power = |index: isize| POWERS.get(index as usize).copied().unwrap_or(1.0);
    match exponent {
        -22..=0 => Some(number / power(-exponent)),
        -44..=-23 => Some(number / power(22) / power(-exponent - 22)),
        // Larger numbers may be beyond single precision.
        1..=18 => Some(number * power(exponent)),
        _ => None,
    }
}

/// Returns how many digits a word begins with, and the number that they are.
#[inline]
fn leading_digits(word: u64) -> (usize, u64) {
    let length = not_digits(word).trailing_zeros() / 8;
    // Zeros go in front of the digits, below them in the word.
    (length as usize, eight_digits((word ^ all(b'0')).unbounded_shl(64 - 8 * length)))
}

/// Appends the digits here to a sum.
fn sum_digits(bytes: &[u8], at: &mut usize, sum: &mut u64) {
    while let Some(near) = bytes.get(*at..).and_then(|rest| rest.first_chunk::<8>()) {
        let (length, digits) = leading_digits(word(near));
        *sum = sum.wrapping_mul(WHOLE_POWERS[length]).wrapping_add(digits);
        *at += length;
        if length < 8 {
            return;
        }
    }
    while let Some(digit) = bytes.get(*at).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
        *sum = sum.wrapping_mul(10).wrapping_add(digit.into());
        *at += 1;
    }
}

/// Steps over an exponent of one to three digits, if there is one here, and returns it.
fn read_exponent(bytes: &[u8], at: &mut usize) -> Option<isize> {
    let sign = bytes.get(*at + 1);
    let first = *at + 1 + usize::from(matches!(sign, Some(b'-' | b'+')));
    let (mut end, mut sum) = (first, 0);
    sum_digits(bytes, &mut end, &mut sum);
    *at = if end > first { end } else { *at };
    let exponent = (1..=3).contains(&(end - first)).then_some(sum as isize)?;
    Some(if sign == Some(&b'-') { -exponent } else { exponent })
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

/// Sets the high bit of the first byte of a word that is no digit, and none below it.
#[inline]
fn not_digits(word: u64) -> u64 {
    let digits = word ^ all(b'0');
    (digits.wrapping_add(all(0x76)) | digits) & all(0x80)
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

/// Returns the number that a text is, if it is a plain one, about as exact as that of a [`Span`].
#[inline(never)]
pub(super) fn short(text: &str) -> Option<f64> {
    let span = Span::read(text.as_bytes(), 0, b'\n');
    (span.end == text.len() && !span.number.is_nan()).then_some(span.number)
}

/// Returns a number that was read by a [`Span`] in single precision, if the general parser must round it so.
#[inline]
pub(super) fn single(number: f64) -> Option<f32> {
    /// The bits that single precision has not, the middle between two floats, and twice the error that a number may have.
    const LOST: u64 = (1 << 29) - 1;
    const MIDDLE: u64 = 1 << 28;
    const NEAR: u64 = 8;
    let is_clear = number.to_bits().wrapping_add(NEAR).wrapping_sub(MIDDLE) & LOST > 2 * NEAR;
    // Without a branch: some of the numbers of most columns are zero.
    (is_clear & ((number == 0.0) | (number.abs() > 1e-30))).then_some(number as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    /// Checks a text against the general parser; returns whether its number was read.
    fn check(text: &str, separator: u8) -> bool {
        let is_end = |byte: u8| byte == separator || byte == b'\n' || byte == b'\r';
        let end = text.bytes().position(is_end).unwrap_or(text.len());
        let span = Span::read(text.as_bytes(), 0, separator);
        assert_eq!(span.end, end, "{text:?}");
        let (cell, number) = (&text[..end], span.number);
        if number.is_nan() {
            return false;
        }
        let exact: f64 = cell.parse().unwrap_or_else(|_| panic!("{text:?} is {number}"));
        let distance = exact.to_bits().abs_diff(number.to_bits());
        assert!(distance <= if cell.len() <= EXACT { 0 } else { 3 }, "{text:?} is {number:?}, not {exact:?}");
        if let Some(found) = single(number) {
            assert_eq!(found.to_bits(), cell.parse::<f32>().unwrap().to_bits(), "{text:?}");
        }
        true
    }

    #[test]
    fn any_bytes_are_read_as_by_the_general_parser() {
        let mut rng = Rng::new(6);
        let alphabet = b"0123456789012345678901234567890123456789.,-e+E \r\n;";
        let mut read = 0;
        for i in 0..400_000 {
            let symbols = alphabet.len() - i % 12;
            let mut text: String = (0..rng.below(40)).map(|_| char::from(alphabet[rng.below(symbols)])).collect();
            if i % 3 == 0 {
                // A number that ends well before the bytes do.
                text.truncate(rng.below(24));
                text += ",and 0123456789 other cells";
            }
            read += usize::from(check(&text, b','));
            check(&text, b'+');
        }
        assert!(read > 20_000, "{read}");
    }

    #[test]
    fn numbers_of_programs_are_those_of_the_general_parser() {
        let mut rng = Rng::new(5);
        for i in 0..200_000 {
            let bits = rng.next_u64();
            let (wide, narrow) = (f64::from_bits(bits), f32::from_bits(bits as u32));
            let near = (rng.uniform() as f32 - 0.5) * 10f32.powi(i % 12 - 4);
            // The middle between two floats, as it is and a little beside.
            let middle = (f64::from(near) + f64::from(f32::from_bits(near.to_bits() + 1))) / 2.0;
            for text in [
                format!("{wide}"),
                format!("{wide:e}"),
                format!("{narrow}"),
                format!("{narrow:e}"),
                format!("{near}"),
                format!("{near:e}"),
                format!("{near:.18e}"),
                format!("{middle}"),
                format!("{:.17}", middle),
                format!("{:.20}1", middle),
                format!("{}", f64::from_bits(middle.to_bits() + 1)),
                format!("{}", f64::from_bits(middle.to_bits() - 1)),
                format!("{:.*}", i as usize % 9, near),
            ] {
                check(&text, b',');
                check(&(text + ",0123456789,0123456789"), b',');
            }
            assert!(check(&format!("{near:.6}"), b',') && check(&format!("{near:.18e}\n"), b','), "{near}");
            assert!(check(&format!("{:?}", f64::from(near) * 1.1), b',') || near.abs() < 1e-4, "{near}");
        }
    }

    #[test]
    fn numbers_at_the_edges_are_those_of_the_general_parser() {
        for read in [
            "5.",
            ".5",
            "-0",
            "-0.0",
            "0",
            "007",
            "00000000000000000000000001",
            "0.00000000000000000012",
            "16777217",
            "16777219",
            "1.000000059604644",
            "1.000000059604645",
            "12345678",
            "12345678.1234567",
            "12345678901234567",
            "9999999999999999999",
            "0.9999999999999999999",
            "1.5e18",
            "1.5E+5",
            "1.5e-05",
            "1.e5",
            "-1.25e-3",
            "1234567.12345678",
            "0.0000000000000000000000000000001",
            "9.999999999999999999e18",
        ] {
            assert!(check(read, b','), "{read}");
        }
        // Left to the general parser.
        for other in [
            "",
            "-",
            ".",
            "-.",
            "1.2.3",
            "1e5",
            "1_0",
            "10000000000000000000",
            "12345678901234567890",
            "+1",
            " 1",
            "nan",
            "inf",
            "1.5e",
            "1.5e+",
            "1.5e5.",
            "1.5e0005",
            "1.5e-300",
            "1.5e300",
            "1.5e38",
            "3.5e38",
            "1.5e-45",
            "1.0 ",
            "--1",
            "e5",
        ] {
            assert!(!check(other, b','), "{other}");
        }
        assert_eq!((short("1.5"), short("1.5,"), short("x")), (Some(1.5), None, None));
        assert_eq!(
            (single(0.0), single(-1.5), single(16_777_217.0), single(1e-31)),
            (Some(0.0), Some(-1.5), None, None)
        );
    }
}
