//! Tables of figures with bars, for a terminal that may be a phone's.

use crate::base::text::printable;

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

/// Returns a bar of at most `width` characters for the part that the size of `x` is of `most`: of light characters if `x`
/// is negative.
pub(super) fn bar(x: f64, most: f64, width: usize) -> String {
    // NaN and a division by zero make no bar.
    let length = (x.abs() / most * width as f64).round() as usize;
    let mark = if x < 0.0 { "░" } else { "█" };
    mark.repeat(if most > 0.0 { length.min(width) } else { 0 })
}
