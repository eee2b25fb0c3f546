//! Tables of figures with bars, for a terminal that may be a phone's.

use std::fmt::Write;

use crate::base::text::{NARROWEST, printable, significant};

/// The most characters of a text and of a bar, however wide the terminal may be.
const LONGEST: usize = 30;
const LONGEST_BAR: usize = 20;

/// A table whose first columns are texts, which may be cut, and whose last may be a bar.
pub(super) struct Table {
    width: usize,
    /// The number of columns of texts; the others are figures.
    texts: usize,
    /// The cells of each line, and the number that its bar shows.
    lines: Vec<(Vec<String>, f64)>,
}

impl Table {
    /// Returns a table without lines for a terminal of this width.
    pub fn new(width: usize, texts: usize) -> Table {
        Table { width: width.max(NARROWEST), texts, lines: Vec::new() }
    }

    /// Appends a line, with a bar for a number that is not 0.
    pub fn line(&mut self, cells: Vec<String>, bar: f64) {
        self.lines.push((cells, bar));
    }

    /// Returns the lines. Bars have light characters for negative numbers.
    pub fn draw(mut self) -> String {
        let columns = self.lines.first().map_or(0, |(cells, _)| cells.len());
        let mut widths = vec![0; columns];
        let mut most: f64 = 0.0;
        for (cells, bar) in &self.lines {
            most = most.max(bar.abs());
            widths.iter_mut().zip(cells).for_each(|(width, cell)| *width = (*width).max(cell.chars().count()));
        }
        let bars = if most > 0.0 { 5 } else { 0 };
        let mut room =
            self.width.saturating_sub(bars + widths[self.texts..].iter().map(|width| width + 1).sum::<usize>());
        for (column, width) in widths[..self.texts].iter_mut().enumerate() {
            let most = (room / (self.texts - column)).saturating_sub(1).clamp(1, LONGEST);
            *width = most.min(*width);
            room = room.saturating_sub(*width + 1);
        }
        let room = (room + bars).min(LONGEST_BAR);
        let mut text = String::new();
        for (cells, bar) in &mut self.lines {
            for (column, (cell, &width)) in cells.iter_mut().zip(&widths).enumerate() {
                if column < self.texts {
                    *cell = short(cell, width);
                }
                let _ = match column < self.texts {
                    true => write!(text, "{cell:width$} "),
                    false => write!(text, "{cell:>width$} "),
                };
            }
            // NaN and a division by zero make no bar.
            let length = (bar.abs() / most * room as f64).round() as usize;
            (0..length.min(room)).for_each(|_| text.push(if *bar < 0.0 { '░' } else { '█' }));
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}

/// Returns a name in at most `width` characters, none of which moves the cursor.
pub(super) fn short(name: &str, width: usize) -> String {
    let mut name = printable(name);
    if name.chars().count() > width
        && let Some((end, _)) = name.char_indices().nth(width - 1)
    {
        name.truncate(end);
        name.push('…');
    }
    name
}

/// Returns a number with the decimals that `largest` has in this many significant digits, so that the numbers of a column
/// are aligned.
pub(super) fn aligned(x: f64, largest: f64, digits: usize) -> String {
    let scale = significant(largest.abs(), digits);
    let text = match scale.split_once('.') {
        _ if scale.contains(['e', 'N', 'i']) => return significant(x, digits),
        Some((_, decimals)) => format!("{x:.*}", decimals.len()),
        None => format!("{x:.0}"),
    };
    if text.len() > 18 { significant(x, digits) } else { text }
}
