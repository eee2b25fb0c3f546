//! Tables of figures with bars, for a terminal that may be a phone's.

use crate::base::text::{printable, significant};

/// The width of a phone's terminal, which every table can fit.
pub(super) const NARROWEST: usize = 40;

/// Returns a name in at most `width` characters, none of which moves the cursor.
pub(super) fn short(name: &str, width: usize) -> String {
    let mut name = printable(name);
    if let Some((end, _)) = name.char_indices().nth(width.max(1) - 1).filter(|_| name.chars().count() > width) {
        name.replace_range(end.., "…");
    }
    name
}

/// Returns the width of a column for these texts: that of the longest, from 6 to `most` characters.
pub(super) fn fitting<'a>(texts: impl Iterator<Item = &'a String>, most: usize) -> usize {
    texts.map(|text| text.chars().count()).fold(6, usize::max).min(most)
}

/// Returns a number with the decimals that `largest` has in this many significant digits, so that the numbers of a column
/// are aligned.
pub(super) fn aligned(x: f64, largest: f64, digits: usize) -> String {
    let scale = format!("{largest:.*e}", digits - 1);
    let exponent = scale.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok());
    let Some(exponent @ -5..12) = exponent else { return significant(x, digits) };
    let decimals = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
    let text = format!("{x:.decimals$}");
    if text.len() > 18 { significant(x, digits) } else { text }
}

/// Returns a bar of at most `width` characters for the part that the size of `x` is of `most`: of light characters if `x`
/// is negative.
pub(super) fn bar(x: f64, most: f64, width: usize) -> String {
    // NaN and a division by zero make no bar.
    let length = (x.abs() / most * width as f64).round() as usize;
    let mark = if x < 0.0 { "░" } else { "█" };
    mark.repeat(if most > 0.0 { length.min(width) } else { 0 })
}
