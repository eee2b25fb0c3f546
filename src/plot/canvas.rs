//! A field of dots that is written as characters: eight dots each (Braille) or, in ASCII, one.

use super::style::TextStyle;

pub(super) struct Canvas<'s> {
    style: &'s TextStyle,
    columns: usize,
    rows: usize,
    /// The dots of each character, and the number of the series that set the last of them, counted from 1.
    cells: Vec<Cell>,
    is_dashed: bool,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    dots: u8,
    series: usize,
}

/// The bits of Braille's dots, by row and column.
const BRAILLE: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
/// The characters of the series in ASCII.
const MARKS: [char; 4] = ['*', 'o', '+', 'x'];

/// A point: fractions of the width from the left, and of the height from the bottom.
#[derive(Clone, Copy)]
pub(super) struct Point {
    pub right: f64,
    pub up: f64,
}

impl<'s> Canvas<'s> {
    pub fn new(style: &'s TextStyle, columns: usize, rows: usize) -> Canvas<'s> {
        Canvas { style, columns, rows, cells: vec![Cell::default(); columns * rows], is_dashed: false }
    }

    /// Returns the numbers of dots from left to right and from top to bottom.
    fn dots(&self) -> (usize, usize) {
        if self.style.unicode { (2 * self.columns, 4 * self.rows) } else { (self.columns, self.rows) }
    }

    /// Returns the dot of a point, which may be outside.
    fn find(&self, point: Point) -> (f64, f64) {
        let (across, down) = self.dots();
        (point.right * (across - 1) as f64, (1.0 - point.up) * (down - 1) as f64)
    }

    fn set(&mut self, (x, y): (f64, f64), series: usize) {
        let (across, down) = self.dots();
        let (x, y) = (x.round(), y.round());
        if !(0.0..across as f64).contains(&x) || !(0.0..down as f64).contains(&y) {
            return;
        }
        let (x, y) = (x as usize, y as usize);
        let (column, row, bit) = match self.style.unicode {
            true => (x / 2, y / 4, BRAILLE[y % 4][x % 2]),
            false => (x, y, 1),
        };
        let cell = &mut self.cells[row * self.columns + column];
        *cell = Cell { dots: cell.dots | bit, series };
    }

    /// Sets the dot of a point, if it is inside.
    pub fn dot(&mut self, point: Point, series: usize) {
        self.set(self.find(point), series);
    }

    /// Sets whether the next lines have gaps, where there are no colors.
    pub fn set_dashed(&mut self, is_dashed: bool) {
        self.is_dashed = is_dashed && !self.style.color && self.style.unicode;
    }

    /// Sets the dots of a line between two points.
    pub fn line(&mut self, from: Point, to: Point, series: usize) {
        let ((x, y), (to_x, to_y)) = (self.find(from), self.find(to));
        let steps = (to_x - x).abs().max((to_y - y).abs());
        // Points far outside would take forever.
        if !steps.is_finite() || steps > 1e5 {
            return;
        }
        let steps = steps.ceil().max(1.0);
        for step in 0..=steps as usize {
            let part = step as f64 / steps;
            let (x, y) = (x + (to_x - x) * part, y + (to_y - y) * part);
            if !(self.is_dashed && x.round() as i64 % 4 > 1) {
                self.set((x, y), series);
            }
        }
    }

    /// Returns the lines of text, from the top, without spaces at their ends.
    pub fn lines(&self) -> Vec<String> {
        let line = |cells: &[Cell]| {
            let used = cells.iter().rposition(|cell| cell.dots > 0).map_or(0, |last| last + 1);
            let (mut text, mut color) = (String::new(), 0);
            for &Cell { dots, series } in &cells[..used] {
                if series != color && dots > 0 {
                    text.push_str(self.style.begin(series));
                    color = series;
                }
                text.push(match dots {
                    0 => ' ',
                    _ if self.style.unicode => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '),
                    _ => MARKS[series.wrapping_sub(1) % MARKS.len()],
                });
            }
            if color > 0 {
                text.push_str(self.style.end());
            }
            text
        };
        self.cells.chunks(self.columns).map(line).collect()
    }

    /// Returns the row of characters in which a point is, from the top.
    pub fn row(&self, up: f64) -> usize {
        let down = self.dots().1;
        let y = ((1.0 - up) * (down - 1) as f64).round().clamp(0.0, (down - 1) as f64) as usize;
        y * self.rows / down
    }

    /// Returns the column of characters in which a point is.
    pub fn column(&self, right: f64) -> usize {
        let across = self.dots().0;
        let x = (right * (across - 1) as f64).round().clamp(0.0, (across - 1) as f64) as usize;
        x * self.columns / across
    }
}
