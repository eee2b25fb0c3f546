//! Tables of figures with bars, for a terminal that may be a phone's.

use crate::base::text::{printable, significant};

/// The width of a phone's terminal, which every table can fit.
pub(super) const NARROWEST: usize = 40;
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
        let longest = |lines: &[(Vec<String>, f64)], column: usize| {
            lines.iter().map(|(cells, _)| cells[column].chars().count()).max().unwrap_or(0)
        };
        let most = self.lines.iter().fold(0.0, |most: f64, (_, bar)| most.max(bar.abs()));
        let bars = if most > 0.0 { 5 } else { 0 };
        let figures: usize = (self.texts..columns).map(|column| longest(&self.lines, column) + 1).sum();
        let mut room = self.width.saturating_sub(figures + bars);
        for column in 0..self.texts {
            let most = (room / (self.texts - column)).saturating_sub(1).clamp(1, LONGEST);
            self.lines.iter_mut().for_each(|(cells, _)| cells[column] = short(&cells[column], most));
            room = room.saturating_sub(longest(&self.lines, column) + 1);
        }
        let room = (room + bars).min(LONGEST_BAR);
        let widths: Vec<usize> = (0..columns).map(|column| longest(&self.lines, column)).collect();
        let mut text = String::new();
        for (cells, bar) in &self.lines {
            let mut line = String::new();
            for (column, cell) in cells.iter().enumerate() {
                let blanks = " ".repeat(widths[column] - cell.chars().count());
                let [before, after] = if column < self.texts { ["", &blanks] } else { [&*blanks, ""] };
                line = line + before + cell + after + " ";
            }
            // NaN and a division by zero make no bar.
            let length = (bar.abs() / most * room as f64).round() as usize;
            line += &if *bar < 0.0 { "░" } else { "█" }.repeat(length.min(room));
            text = text + line.trim_end() + "\n";
        }
        text
    }
}

/// Returns a name in at most `width` characters, none of which moves the cursor.
pub(super) fn short(name: &str, width: usize) -> String {
    let name = printable(name);
    match name.chars().count() > width {
        true => name.chars().take(width - 1).chain(['…']).collect(),
        false => name,
    }
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
