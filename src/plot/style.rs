//! The ways in which pictures of text differ: width, characters, colors.

use crate::base::text::{NARROWEST, shortened};

/// The widest picture of text: more would be larger, not clearer.
const WIDEST: usize = 80;

/// The form of a picture of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextStyle {
    /// The number of columns. Fewer than 40 are taken as 40.
    pub width: usize,
    /// Whether there are more characters than those of ASCII.
    pub unicode: bool,
    /// Whether the terminal has colors (ANSI escape sequences).
    pub color: bool,
}

/// Forty columns, Unicode, no colors.
impl Default for TextStyle {
    fn default() -> Self {
        TextStyle { width: NARROWEST, unicode: true, color: false }
    }
}

impl TextStyle {
    pub(super) fn columns(&self) -> usize {
        self.width.clamp(NARROWEST, WIDEST)
    }

    /// Returns the escape sequence that begins the color of a series, counted from 1.
    pub(super) fn begin(&self, series: usize) -> &'static str {
        // Cyan, yellow, magenta and green, in this order: the first two differ for every eye.
        let colors = ["\x1b[36m", "\x1b[33m", "\x1b[35m", "\x1b[32m"];
        if self.color { colors[(series - 1) % colors.len()] } else { "" }
    }

    /// Returns the escape sequence that ends a color.
    pub(super) fn end(&self) -> &'static str {
        if self.color { "\x1b[0m" } else { "" }
    }

    /// Returns a character for a fraction from 0, no ink, to 1.
    pub(super) fn shade(&self, fraction: f64) -> char {
        let shades = if self.unicode { [' ', '░', '▒', '▓', '█'] } else { [' ', '.', 'o', 'O', '#'] };
        // Anything above nothing leaves a trace.
        let index = if fraction > 0.0 { (fraction * 4.0).round().clamp(1.0, 4.0) as usize } else { 0 };
        shades[index]
    }

    /// Returns a text without control characters, cut to the width.
    pub(super) fn fit(&self, text: &str) -> String {
        self.cut(text, self.columns())
    }

    /// Returns a text without control characters in at most so many others, at least one.
    pub(super) fn cut(&self, text: &str, most: usize) -> String {
        self.names(&[text.to_string()], most).concat()
    }

    /// Returns names without control characters, each in at most so many others, at least one.
    pub(super) fn names(&self, names: &[String], most: usize) -> Vec<String> {
        shortened(names, most, self.pick("…", "."))
    }

    /// Returns lines of samples with their names, as many in each as fit. The samples are as wide as `width`.
    pub(super) fn legend(&self, width: usize, entries: &mut dyn Iterator<Item = Entry>) -> String {
        let (mut text, mut used) = (String::new(), 0);
        for Entry { series, sample, name } in entries {
            let name = self.cut(&name, self.columns() - width - 1);
            let size = width + 1 + name.chars().count();
            if used > 0 && used + 2 + size > self.columns() {
                text.push('\n');
                used = 0;
            }
            if used > 0 {
                text += "  ";
                used += 2;
            }
            text += &[self.begin(series), sample, self.end(), " ", &name].concat();
            used += size;
        }
        text + "\n"
    }

    /// Returns the one of two texts that the terminal can show.
    pub(super) fn pick<'a>(&self, unicode: &'a str, ascii: &'a str) -> &'a str {
        if self.unicode { unicode } else { ascii }
    }
}

/// The part of a legend for one series, counted from 1.
pub(super) struct Entry {
    pub series: usize,
    pub sample: &'static str,
    pub name: String,
}

/// Returns a line of characters as high as the values, at most `width` of them: of more values, each character is the
/// mean of several. Values that are not finite leave a gap.
pub fn sparkline(values: &[f64], width: usize, unicode: bool) -> String {
    let bars = if unicode {
        ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
    } else {
        ['_', '_', '.', '.', '-', '-', '^', '^']
    };
    let count = values.len().min(width);
    let mean = |i: usize| {
        let part = &values[i * values.len() / count..(i + 1) * values.len() / count];
        part.iter().sum::<f64>() / part.len() as f64
    };
    let means: Vec<f64> = (0..count).map(mean).collect();
    let finite = || means.iter().copied().filter(|mean| mean.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let bar = |mean: &f64| match (mean - low) / (high - low) {
        _ if !mean.is_finite() => ' ',
        height if height.is_finite() => bars[(height * 7.0).round() as usize],
        _ => bars[0],
    };
    means.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparklines() {
        assert_eq!(sparkline(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 20, true), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&[0.0, 2.0, 6.0, 8.0], 2, true), "▁█");
        assert_eq!(sparkline(&[1.0, f64::NAN, 1.0], 9, true), "▁ ▁");
        assert_eq!(sparkline(&[0.0, 7.0], 9, false), "_^");
        assert_eq!(sparkline(&[], 9, true), "");
        assert_eq!(sparkline(&[f64::INFINITY], 9, true), " ");
    }
}
