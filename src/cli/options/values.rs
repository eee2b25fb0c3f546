//! Reading and showing values.

use std::time::Duration;

use crate::cli::format::exact;

type Read = Result<(), String>;

pub const FRACTION: &str = "expected a fraction of at least 0 and less than 1";

pub fn set<T>(to: &mut Option<T>, value: palmnet::Result<T>) -> Read {
    *to = Some(value.map_err(|error| error.to_string())?);
    Ok(())
}

pub fn number(to: &mut Option<f32>, text: &str, good: fn(f32) -> bool, expected: &str) -> Read {
    *to = Some(text.parse().ok().filter(|&x| good(x)).ok_or_else(|| format!("expected {expected}"))?);
    Ok(())
}

pub fn whole(to: &mut Option<usize>, text: &str) -> Read {
    *to = Some(text.parse().ok().filter(|&n| n > 0).ok_or("expected a whole number from 1")?);
    Ok(())
}

pub fn fraction(to: &mut Option<f64>, text: &str) -> Read {
    // A number that rounds to 1 in single precision is refused too.
    let good = |p: &f64| (0.0..1.0).contains(p) && (*p as f32) < 1.0;
    *to = Some(text.parse().ok().filter(good).ok_or(FRACTION)?);
    Ok(())
}

pub fn strength(to: &mut Option<f32>, text: &str) -> Read {
    number(to, text, |x| x >= 0.0 && x.is_finite(), "a number of at least 0")
}

pub fn limit(to: &mut Option<f32>, text: &str) -> Read {
    number(to, text, |x| x > 0.0, "a number above 0")
}

/// Returns the time above 0 that a text such as `60s`, `5m` or `1h` names.
pub fn time(text: &str) -> Option<Duration> {
    let number = text.trim_end_matches(['s', 'm', 'h']);
    let unit = match &text[number.len()..] {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let is_plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let seconds = number.parse::<f64>().ok().filter(|&number| is_plain && number > 0.0)? * unit;
    Duration::try_from_secs_f64(seconds).ok()
}

pub fn positive(x: f32) -> Option<String> {
    (x > 0.0).then(|| exact(x))
}

pub fn positive_fraction(x: f64) -> Option<String> {
    (x > 0.0).then(|| x.to_string())
}

pub fn finite(x: f32) -> Option<String> {
    x.is_finite().then(|| exact(x))
}
