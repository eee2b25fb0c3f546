//! Charts: lines, points and bars between two axes.

use super::canvas::{Canvas, Point};
use super::scale::Scale;
use super::style::{Entry, TextStyle};
use super::svg::{Anchor, At, COLORS, Svg, legend};

/// Lines, points and bars between two axes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// The line above the picture.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The data, each series in a color of its own.
    pub series: Vec<Series>,
}

/// An axis of a [`Chart`]. Its range is that of the data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// The quantity, with its unit.
    pub label: String,
    /// Whether the scale is logarithmic, if all numbers are above 0.
    pub is_log: bool,
}

/// Some data of a [`Chart`].
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name in the legend; empty for none.
    pub name: String,
    /// How the data is drawn.
    pub mark: Mark,
    /// The numbers along the horizontal axis. For bars their edges, one more than there are bars.
    pub x: Vec<f64>,
    /// The numbers along the vertical axis. Numbers that are not finite leave a gap.
    pub y: Vec<f64>,
}

/// How a [`Series`] is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A line from point to point.
    Line,
    /// Dots.
    Points,
    /// Bars that stand on zero.
    Bars,
    /// A dashed line in gray, to compare with.
    Reference,
}

/// Rows of a chart of text, without axis and title.
const ROWS: usize = 10;
/// The size of an SVG, whose text a phone can show in a readable size, and the room around its axes but for the labels on the left.
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 300.0;
const TOP: f64 = 56.0;
const RIGHT: f64 = 20.0;
const BOTTOM: f64 = 52.0;
/// The width of a digit.
const DIGIT: f64 = 7.5;
/// The most points of a line or a cloud: more are not seen.
const MOST: usize = 2000;

impl Series {
    /// Returns the points that are drawn: at most [`MOST`], evenly chosen, the last among them.
    fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let count = self.x.len().min(self.y.len());
        let shown = count.min(MOST);
        // The product may be too large for 32 bits.
        let index = move |i: usize| (i as u64 * (count as u64 - 1) / (shown as u64 - 1).max(1)) as usize;
        (0..shown).map(move |i| (self.x[index(i)], self.y[index(i)]))
    }

    /// Returns the class and the number, from 1, of the color of a series with this index.
    fn class(&self, index: usize) -> String {
        match self.mark {
            Mark::Line => format!("line s{}", index % COLORS),
            Mark::Points => format!("dot s{}", index % COLORS),
            Mark::Bars => format!("edge s{}", index % COLORS),
            Mark::Reference => "dashed".into(),
        }
    }
}

impl Chart {
    /// Returns the scales of both axes.
    fn scales(&self) -> [Scale; 2] {
        let has_bars = self.series.iter().any(|series| series.mark == Mark::Bars);
        let mut x = self.series.iter().flat_map(|series| series.x.iter().copied());
        let mut y = self.series.iter().flat_map(|series| series.y.iter().copied()).chain(has_bars.then_some(0.0));
        let only_lines = self.series.iter().all(|series| series.mark == Mark::Line);
        let x = Scale::of(&mut x, self.x.is_log);
        let y = Scale::of(&mut y, self.y.is_log);
        [if only_lines || has_bars { x } else { x.with_margin() }, if has_bars { y } else { y.with_margin() }]
    }

    pub(super) fn text(&self, style: &TextStyle) -> String {
        let [x, y] = self.scales();
        let ticks = y.ticks(6);
        let margin = ticks.iter().map(|tick| tick.label.len()).max().unwrap_or(0);
        let columns = style.columns() - margin - 2;
        let mut canvas = Canvas::new(style, columns, ROWS);
        // Reference lines lie under the data.
        for is_above in [false, true] {
            let series = self.series.iter().enumerate();
            for (index, series) in series.filter(|(_, series)| (series.mark != Mark::Reference) == is_above) {
                draw(&mut canvas, series, [&x, &y], index + 1);
            }
        }
        let mut text = format!("{}\n", style.fit(&self.title));
        let named = self.series.iter().enumerate().filter(|(_, series)| !series.name.is_empty());
        if named.clone().count() > 1 {
            let sample = |(index, series)| sample(style, index, series);
            text += &style.legend(if style.unicode { 3 } else { 1 }, &mut named.map(sample));
        }
        let (border, notch) = (style.pick("│", "|"), style.pick("┤", "+"));
        for (row, line) in canvas.lines().iter().enumerate() {
            let tick = ticks.iter().find(|tick| canvas.row(y.fraction(tick.value)) == row);
            let (label, edge) = tick.map_or(("", border), |tick| (tick.label.as_str(), notch));
            text += &format!("{label:>margin$}{edge}{line}\n");
        }
        text += &below(style, &canvas, &x, columns, margin);
        let labels = match self.y.label.as_str() {
            "" => self.x.label.clone(),
            label => format!("{label} {} {}", style.pick("↑", "^"), self.x.label),
        };
        text + &format!("{:margin$} {}\n", "", style.cut(&labels, columns))
    }

    pub(super) fn svg(&self) -> Svg {
        let [x, y] = self.scales();
        let ticks = y.ticks(6);
        let longest = ticks.iter().map(|tick| tick.label.len()).max().unwrap_or(0);
        let left = 40.0 + DIGIT * longest as f64;
        let is_named = |series: &&Series| !series.name.is_empty() && self.series.len() > 1;
        let names = self.series.iter().filter(is_named).map(|series| series.name.as_str());
        let mut entries = legend(At { x: left, y: 42.0 }, WIDTH - RIGHT - left, names).into_iter();
        let more = entries.as_slice().last().map_or(0.0, |last| last.y - 42.0);
        let (top, height) = (TOP + more, HEIGHT + more);
        let mut svg = Svg::new(WIDTH, height);
        let at = |right: f64, up: f64| At {
            x: left + right * (WIDTH - RIGHT - left),
            y: top + (1.0 - up) * (height - BOTTOM - top),
        };
        svg.text(At { x: left, y: 22.0 }, Anchor::Start, "strong", &self.title);
        for tick in &ticks {
            let up = y.fraction(tick.value);
            svg.path(&mut [at(0.0, up), at(1.0, up)].into_iter(), "grid");
            let At { x, y } = at(0.0, up);
            svg.text(At { x: x - 8.0, y: y + 4.5 }, Anchor::End, "soft", &tick.label);
        }
        for tick in x.ticks(6) {
            let At { x, y } = at(x.fraction(tick.value), 0.0);
            svg.path(&mut [At { x, y }, At { x, y: y + 5.0 }].into_iter(), "axis");
            svg.text(At { x, y: y + 20.0 }, Anchor::Middle, "soft", &tick.label);
        }
        svg.path(&mut [at(0.0, 0.0), at(1.0, 0.0)].into_iter(), "axis");
        let middle = at(0.5, 0.5);
        svg.text(At { x: middle.x, y: height - 10.0 }, Anchor::Middle, "soft", &self.x.label);
        svg.upright(At { x: 16.0, y: middle.y }, &self.y.label);
        for (index, series) in self.series.iter().enumerate() {
            let (class, here) = (series.class(index), |(a, b)| at(x.fraction(a), y.fraction(b)));
            match series.mark {
                Mark::Line | Mark::Reference => svg.path(&mut series.points().map(here), &class),
                Mark::Points => {
                    let inside = series.points().map(here).filter(|at| at.x.is_finite() && at.y.is_finite());
                    inside.for_each(|at| svg.dot(at, 2.5, &class));
                }
                Mark::Bars => {
                    for (edges, &height) in series.x.windows(2).zip(&series.y) {
                        svg.rectangle(here((edges[0], height.max(0.0))), here((edges[1], height.min(0.0))), &class);
                    }
                }
            }
            if let Some(start) = is_named(&series).then(|| entries.next()).flatten() {
                let end = At { x: start.x + 18.0, ..start };
                let up = |at: At| At { y: at.y - 4.5, ..at };
                match series.mark {
                    Mark::Points => svg.dot(At { x: start.x + 9.0, ..up(start) }, 4.0, &class),
                    Mark::Reference => svg.path(&mut [up(start), up(end)].into_iter(), "dashed"),
                    Mark::Line | Mark::Bars => {
                        svg.path(&mut [up(start), up(end)].into_iter(), &format!("line s{}", index % COLORS));
                    }
                }
                svg.text(At { x: end.x + 6.0, ..end }, Anchor::Start, "soft", &series.name);
            }
        }
        svg
    }
}

/// Returns the name of a series with its characters.
fn sample(style: &TextStyle, index: usize, series: &Series) -> Entry {
    let sample = match (style.unicode, series.mark) {
        (false, _) => ["*", "o", "+", "x"][index % 4],
        (true, Mark::Points) => " ⠢ ",
        (true, Mark::Line) if style.color || index.is_multiple_of(2) => "⠒⠒⠒",
        (true, Mark::Bars) => "⣿⣿⣿",
        (true, _) => "⠒ ⠒",
    };
    Entry { series: index + 1, sample, name: series.name.clone() }
}

/// Draws a series on a canvas.
fn draw(canvas: &mut Canvas<'_>, series: &Series, [x, y]: [&Scale; 2], number: usize) {
    let place = |(a, b): (f64, f64)| Point { right: x.fraction(a), up: y.fraction(b) };
    let is_inside = |point: &Point| point.right.is_finite() && point.up.is_finite();
    // Without colors, lines differ by their gaps.
    canvas.set_dashed(series.mark == Mark::Reference || (series.mark == Mark::Line && number.is_multiple_of(2)));
    match series.mark {
        Mark::Line | Mark::Reference => {
            let mut last = None;
            for point in series.points().map(place) {
                if is_inside(&point) {
                    canvas.line(last.unwrap_or(point), point, number);
                    last = Some(point);
                } else {
                    last = None;
                }
            }
        }
        Mark::Points => series.points().map(place).for_each(|point| canvas.dot(point, number)),
        Mark::Bars => {
            for (edges, &height) in series.x.windows(2).zip(&series.y) {
                let [from, to] = [edges[0], edges[1]].map(|edge| x.fraction(edge));
                // As many upright lines as keep the bar without gaps.
                let steps = ((to - from) * 200.0).ceil().clamp(1.0, 200.0) as usize;
                for step in 0..steps {
                    let right = from + (to - from) * (step as f64 + 0.5) / steps as f64;
                    let [foot, top] = [0.0, height].map(|end| Point { right, up: y.fraction(end) });
                    canvas.line(foot, top, number);
                }
            }
        }
    }
}

/// Returns the horizontal axis: a line with notches, and the labels under them that do not overlap.
fn below(style: &TextStyle, canvas: &Canvas<'_>, x: &Scale, columns: usize, margin: usize) -> String {
    let mut axis = vec![style.pick("─", "-"); columns];
    let mut labels = String::new();
    for tick in x.ticks((columns / 8).clamp(2, 8)) {
        let column = canvas.column(x.fraction(tick.value)).min(columns - 1);
        // Under its notch, as far as it fits.
        let start = column.saturating_sub(tick.label.len() / 2).min(columns + 1 - tick.label.len().min(columns));
        if labels.is_empty() || start > labels.len() {
            axis[column] = style.pick("┬", "+");
            labels += &format!("{:>1$}", tick.label, start + tick.label.len() - labels.len());
        }
    }
    let corner = style.pick("└", "+");
    format!("{:margin$}{corner}{}\n{:margin$} {}\n", "", axis.concat(), "", labels.trim_end())
}
