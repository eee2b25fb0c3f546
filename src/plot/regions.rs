//! The regions of a plane in which a model predicts each class, with the data.

use super::canvas::{Canvas, Point};
use super::scale::Scale;
use super::style::{Entry, TextStyle};
use super::svg::{Anchor, At, COLORS, Svg, legend};

/// The class that is predicted at each point of a plane, and the examples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Regions {
    /// The line above the picture.
    pub title: String,
    /// The names of the two features.
    pub axes: [String; 2],
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The lowest and the highest value of each feature.
    pub ranges: [[f64; 2]; 2],
    /// The columns of the grid of [`predicted`](Self::predicted).
    pub columns: usize,
    /// The index of the class that is predicted in the middle of each cell of a grid over the ranges, row by row, the
    /// largest values of the second feature first; [`NONE`](Self::NONE) if none is.
    pub predicted: Vec<u32>,
    /// The features of the examples.
    pub points: Vec<[f64; 2]>,
    /// The index of the class of each example.
    pub truth: Vec<u32>,
}

/// The columns and rows of a panel of text: characters are about twice as high as wide.
const PANEL: [usize; 2] = [38, 17];
/// More points are not drawn in an SVG.
const MOST: usize = 2000;

impl Regions {
    /// The index of no class.
    pub const NONE: u32 = u32::MAX;

    fn rows(&self) -> usize {
        self.predicted.len() / self.columns.max(1)
    }

    /// Returns the class at a point of the grid, given as fractions from the upper left corner.
    fn class_at(&self, right: f64, down: f64) -> u32 {
        let find = |fraction: f64, cells: usize| ((fraction * cells as f64) as usize).min(cells.saturating_sub(1));
        let index = find(down, self.rows()) * self.columns + find(right, self.columns);
        self.predicted.get(index).copied().unwrap_or(Self::NONE)
    }

    fn scales(&self) -> [Scale; 2] {
        self.ranges.map(|range| Scale::of(&mut range.into_iter(), false))
    }

    pub(super) fn text(&self, style: &TextStyle) -> String {
        let [columns, rows] = PANEL;
        let (data, map) = (self.data_lines(style), self.region_lines(style));
        let entry = |(class, name): (usize, &String)| {
            let sample = mark(style, class as u32);
            Entry { series: class + 1, sample, name: name.clone() }
        };
        let mut text = format!("{}\n", style.fit(&self.title));
        text += &style.legend(1, &mut self.classes.iter().enumerate().map(entry));
        if style.width >= 2 * columns + 2 {
            for ((left, width), right) in data.iter().zip(&map) {
                text += &format!("{left}{:1$}  {right}\n", "", columns - width);
            }
        } else {
            data.iter().for_each(|(line, _)| text += &format!("{line}\n"));
            text += &format!("{}\n", style.pick("─", "-").repeat(columns));
            map.iter().take(rows).for_each(|line| text += &format!("{line}\n"));
        }
        text
    }

    /// Returns the lines of the panel with the examples, and the columns that each takes.
    fn data_lines(&self, style: &TextStyle) -> Vec<(String, usize)> {
        let [columns, rows] = PANEL;
        let [x, y] = self.scales();
        let mut cells: Vec<Option<u32>> = vec![None; columns * rows];
        // It finds the character of a point.
        let canvas = Canvas::new(style, columns, rows);
        for (point, &class) in self.points.iter().zip(&self.truth) {
            let place = Point { right: x.fraction(point[0]), up: y.fraction(point[1]) };
            if place.right.is_finite() && place.up.is_finite() {
                cells[canvas.row(place.up) * columns + canvas.column(place.right)] = Some(class);
            }
        }
        let line = |cells: &[Option<u32>]| {
            let used = cells.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            (line_of(style, &cells[..used]), used)
        };
        cells.chunks(columns).map(line).collect()
    }

    /// Returns the lines of the panel with the regions.
    fn region_lines(&self, style: &TextStyle) -> Vec<String> {
        let [columns, rows] = PANEL;
        let middle = |index: usize, all: usize| (index as f64 + 0.5) / all as f64;
        let class = |row: usize, column: usize| self.class_at(middle(column, columns), middle(row, rows));
        let line = |row: usize| {
            let classes: Vec<Option<u32>> = (0..columns).map(|column| Some(class(row, column))).collect();
            line_of(style, &classes)
        };
        (0..rows).map(line).collect()
    }

    pub(super) fn svg(&self) -> Svg {
        const LEFT: f64 = 64.0;
        const SIDE: f64 = 340.0;
        let [x, y] = self.scales();
        let names = self.classes.iter().map(String::as_str);
        let entries = legend(At { x: LEFT, y: 42.5 }, SIDE, names);
        let top = 13.5 + entries.last().map_or(42.5, |last| last.y);
        let mut svg = Svg::new(LEFT + SIDE + 20.0, top + SIDE + 52.0);
        svg.text(At { x: LEFT, y: 22.0 }, Anchor::Start, "strong", &self.title);
        for (class, (name, At { x, y })) in self.classes.iter().zip(entries).enumerate() {
            svg.dot(At { x: x + 5.0, y: y - 4.5 }, 5.0, &format!("dot s{}", class % COLORS));
            svg.text(At { x: x + 16.0, y }, Anchor::Start, "soft", name);
        }
        let (rows, columns) = (self.rows().max(1), self.columns.max(1));
        let at = |right: f64, down: f64| At { x: LEFT + right * SIDE, y: top + down * SIDE };
        for (row, classes) in self.predicted.chunks(columns).enumerate() {
            // Cells of one class in a row are one rectangle.
            let mut start = 0;
            for run in classes.chunk_by(|a, b| a == b) {
                let ends = [start, start + run.len()].map(|column| column as f64 / columns as f64);
                start += run.len();
                if run[0] != Self::NONE {
                    let heights = [row, row + 1].map(|row| row as f64 / rows as f64);
                    let class = format!("area s{}", run[0] as usize % COLORS);
                    svg.rectangle(at(ends[0], heights[0]), at(ends[1], heights[1]), &class);
                }
            }
        }
        let step = self.points.len().div_ceil(MOST).max(1);
        for (point, &class) in self.points.iter().zip(&self.truth).step_by(step) {
            let at = at(x.fraction(point[0]), 1.0 - y.fraction(point[1]));
            if at.x.is_finite() && at.y.is_finite() {
                svg.dot(at, 2.5, &format!("dot s{}", class as usize % COLORS));
            }
        }
        for tick in y.ticks(6) {
            let At { x, y } = at(0.0, 1.0 - y.fraction(tick.value));
            svg.text(At { x: x - 8.0, y: y + 4.5 }, Anchor::End, "soft", &tick.label);
        }
        for tick in x.ticks(6) {
            let At { x, y } = at(x.fraction(tick.value), 1.0);
            svg.text(At { x, y: y + 20.0 }, Anchor::Middle, "soft", &tick.label);
        }
        svg.text(At { x: LEFT + SIDE / 2.0, y: top + SIDE + 42.0 }, Anchor::Middle, "soft", &self.axes[0]);
        svg.upright(At { x: 16.0, y: top + SIDE / 2.0 }, &self.axes[1]);
        svg
    }
}

/// Returns the characters of some classes, each run of them in its color.
fn line_of(style: &TextStyle, classes: &[Option<u32>]) -> String {
    let mut text = String::new();
    for run in classes.chunk_by(|a, b| a == b) {
        let class = run[0].unwrap_or(Regions::NONE);
        let has_color = class != Regions::NONE;
        text += if has_color { style.begin(class as usize + 1) } else { "" };
        text += &mark(style, class).repeat(run.len());
        text += if has_color { style.end() } else { "" };
    }
    text
}

/// Returns the character of a class.
fn mark(style: &TextStyle, class: u32) -> &'static str {
    if class == Regions::NONE {
        return " ";
    }
    let marks = if style.unicode { ["·", "█", "○", "▒", "+", "×"] } else { [".", "#", "o", "=", "+", "x"] };
    marks[class as usize % marks.len()]
}
