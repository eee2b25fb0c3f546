//! Tables whose numbers are shades, such as a confusion matrix.

use super::style::TextStyle;
use super::svg::{Anchor, At, Svg};

/// A table of counts whose cells are as dark as their fraction of the row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shades {
    /// The line above the picture.
    pub title: String,
    /// The quantity of which every row is a value.
    pub row_label: String,
    /// The quantity of which every column is a value.
    pub column_label: String,
    /// The names of the rows and of the columns, as many as there are of both.
    pub names: Vec<String>,
    /// The counts, rows × columns.
    pub counts: Vec<Vec<usize>>,
}

/// The most characters of a name.
const NAME: usize = 12;
/// More columns than that have no counts in an SVG.
const COUNTED: usize = 16;

impl Shades {
    /// Returns the names in short, with numbers for those that are not there.
    fn short_names(&self, style: &TextStyle) -> Vec<String> {
        let name = |index: usize| self.names.get(index).cloned().unwrap_or_else(|| index.to_string());
        style.names(&(0..self.counts.len()).map(name).collect::<Vec<_>>(), NAME)
    }

    /// Returns the fraction of its row that a cell has.
    fn fraction(&self, row: usize, column: usize) -> f64 {
        let of_row = &self.counts[row];
        of_row[column] as f64 / of_row.iter().sum::<usize>().max(1) as f64
    }

    pub(super) fn text(&self, style: &TextStyle) -> String {
        let size = self.counts.len();
        let names = self.short_names(style);
        let margin = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let room = (style.columns() - margin - 3) / size.max(1);
        let mut text = format!("{}\n", style.fit(&self.title));
        if room == 0 {
            return text + &format!("{size} classes do not fit here:\na wider terminal or an SVG has room\n");
        }
        let cell = room.min(4);
        let edge = style.pick("│", "|");
        for (row, name) in names.iter().enumerate() {
            text += &format!("{name:>margin$} {edge}{}", style.begin(1));
            for column in 0..size {
                let shade = style.shade(self.fraction(row, column));
                text.extend(std::iter::repeat_n(shade, cell));
            }
            text += &format!("{}{edge}\n", style.end());
        }
        let labels = [&self.row_label, style.pick(" ↓ → ", " v > "), &self.column_label].concat();
        text + &format!("{:margin$}  {}\n", "", style.cut(&labels, style.columns() - margin - 2))
    }

    pub(super) fn svg(&self) -> Svg {
        const DIGIT: f64 = 7.5;
        let size = self.counts.len();
        let names = self.short_names(&TextStyle::default());
        let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as f64 * DIGIT;
        // As wide as the names, if there are few.
        let cell = (360.0 / size.max(1) as f64).clamp(4.0, longest.max(48.0) + 16.0);
        let (left, top) = (60.0 + longest, 74.0);
        let edge = cell * size as f64;
        let mut svg = Svg::new((left + edge + 20.0).max(320.0), top + edge + 16.0);
        svg.text(At { x: left, y: 22.0 }, Anchor::Start, "strong", &self.title);
        svg.text(At { x: left + edge / 2.0, y: 44.0 }, Anchor::Middle, "soft", &self.column_label);
        svg.upright(At { x: 18.0, y: top + edge / 2.0 }, &self.row_label);
        // Names above narrow columns would overlap.
        let are_narrow = longest > cell;
        for (index, name) in names.iter().enumerate().filter(|_| cell >= 12.0) {
            let middle = (index as f64 + 0.5) * cell;
            let number = index + 1;
            let (before, above) = match are_narrow {
                true => (format!("{name} {number}"), number.to_string()),
                false => (name.clone(), name.clone()),
            };
            svg.text(At { x: left - 6.0, y: top + middle + 4.5 }, Anchor::End, "", &before);
            svg.text(At { x: left + middle, y: top - 8.0 }, Anchor::Middle, "", &above);
        }
        for row in 0..size {
            for column in 0..size {
                let (fraction, count) = (self.fraction(row, column), self.counts[row][column]);
                let (x, y) = (left + column as f64 * cell, top + row as f64 * cell);
                let class = if row == column { "edge s0" } else { "edge s1" };
                if count > 0 {
                    // The rarest mistake must be seen.
                    svg.shade(At { x, y }, At { x: x + cell, y: y + cell }, class, fraction.max(0.08));
                }
                if size <= COUNTED && count > 0 {
                    let class = if fraction > 0.6 { "inverse" } else { "" };
                    svg.text(
                        At { x: x + cell / 2.0, y: y + cell / 2.0 + 4.5 },
                        Anchor::Middle,
                        class,
                        &count.to_string(),
                    );
                }
            }
        }
        svg.path(
            &mut [(0.0, 0.0), (edge, 0.0), (edge, edge), (0.0, edge), (0.0, 0.0)]
                .into_iter()
                .map(|(x, y)| At { x: left + x, y: top + y }),
            "frame",
        );
        svg
    }
}
