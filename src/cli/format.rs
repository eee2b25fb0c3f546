//! Numbers for people to read.

pub use palmnet::unversioned::{counted, significant};

/// Returns a number in the fewest digits that read back as the same `f32`, with an exponent instead of many zeros.
pub fn exact(x: f32) -> String {
    match x.abs() {
        size if size == 0.0 || (1e-5..1e16).contains(&size) || !size.is_finite() => x.to_string(),
        _ => format!("{x:e}"),
    }
}

/// Appends a text in which each % stands for the next of some values: in less machine code than `format!`.
pub fn fill(to: &mut String, text: &str, values: &[&str]) {
    for (index, part) in text.split('%').enumerate() {
        if let Some(value) = index.checked_sub(1).and_then(|index| values.get(index)) {
            to.push_str(value);
        }
        to.push_str(part);
    }
}

/// Returns a rate in few letters: 950, 12k, 3.4M.
pub fn short(x: f64) -> String {
    match x {
        x if x >= 1e6 => format!("{:.1}M", x / 1e6),
        x if x >= 1e4 => format!("{:.0}k", x / 1e3),
        _ => format!("{x:.0}"),
    }
}

/// Returns a time in seconds as text: 45ms, 4.2s, 12s, 3m05s, 2h10m.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 1.0 => format!("{:.0}ms", seconds * 1000.0),
        0..10 => format!("{seconds:.1}s"),
        10..60 => format!("{whole}s"),
        60..3600 => format!("{}m{:02}s", whole / 60, whole % 60),
        _ => format!("{}h{:02}m", whole / 3600, whole / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn significant_digits() {
        for (x, text) in [
            (0.0, "0"),
            (2e-9, "2.000e-9"),
            (-0.000_012_345, "-1.234e-5"),
            (0.000_123_44, "0.0001234"),
            (0.051_234, "0.05123"),
            (9.9996, "10.00"),
            (-12.346, "-12.35"),
            (123_456.7, "123457"),
            (999_999.9, "1.000e6"),
            (1e35, "1.000e35"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(significant(x, 4), text);
        }
        assert_eq!(significant(0.5, 2), "0.50");
    }

    #[test]
    fn exact_numbers_read_back() {
        for (x, text) in
            [(0.0, "0"), (0.1, "0.1"), (1e-5, "0.00001"), (9.5e-6, "9.5e-6"), (-2e-40, "-2e-40"), (1e16, "1e16")]
        {
            assert_eq!(exact(x), text);
        }
        for x in [f32::MIN_POSITIVE, f32::MAX, 1.0 / 3.0, 16_777_217.0, 3e-39, 9.999_999e15] {
            assert_eq!(exact(x).parse::<f32>().unwrap(), x);
            assert!(exact(x).len() < 20, "{}", exact(x));
        }
    }

    #[test]
    fn times_and_counts() {
        assert_eq!([0.045, 4.23, 12.0, 185.0, 7800.0].map(duration), ["45ms", "4.2s", "12s", "3m05s", "2h10m"]);
        assert_eq!([950.4, 12_345.0, 3_400_000.0].map(short), ["950", "12k", "3.4M"]);
        assert_eq!([counted(1, "example"), counted(0, "example")], ["1 example", "0 examples"]);
    }
}
