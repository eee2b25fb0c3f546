//! A writer of SVG: shapes, classes and a style sheet that follows the reader's theme.

use std::fmt::Write;

use crate::base::text::printable;

/// The rules of all pictures, light and dark. Colors are given twice instead of as variables, which many viewers of
/// files do not know.
pub(crate) const STYLE: &str = "\
.plot{font:13px system-ui,sans-serif}.plot .paper{fill:#fff}.plot text{fill:#222}.plot .soft{fill:#666}\
.plot .strong{font-weight:600}.plot .grid{stroke:#ddd}.plot .axis{stroke:#888}\
.plot .line{fill:none;stroke-width:2;stroke-linejoin:round}.plot .dashed{stroke:#888;stroke-dasharray:4 4;fill:none}\
.plot .frame{fill:none;stroke:#888}.plot .dot{fill-opacity:.6;stroke:none}.plot .area{fill-opacity:.25;stroke:none}.plot .edge{stroke:#fff}\
.s0{stroke:#0072b2;fill:#0072b2}.s1{stroke:#d55e00;fill:#d55e00}.s2{stroke:#009e73;fill:#009e73}\
.s3{stroke:#cc79a7;fill:#cc79a7}.s4{stroke:#e69f00;fill:#e69f00}.s5{stroke:#56b4e9;fill:#56b4e9}\
.plot .inverse{fill:#fff}\
@media(prefers-color-scheme:dark){.plot .paper{fill:#16181c}.plot text{fill:#e8e8e8}.plot .soft{fill:#a0a0a0}\
.plot .grid{stroke:#383c42}.plot .axis{stroke:#888}.plot .edge{stroke:#16181c}\
.s0{stroke:#56b4e9;fill:#56b4e9}.s1{stroke:#f08a4b;fill:#f08a4b}.s2{stroke:#35c79b;fill:#35c79b}\
.s3{stroke:#e3a3c6;fill:#e3a3c6}.s4{stroke:#f0c04c;fill:#f0c04c}.s5{stroke:#0090dd;fill:#0090dd}\
.plot .inverse{fill:#16181c}}";

/// The first characters of a file, by which it is known as one of these pictures.
pub const START: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\"";

/// The number of colors.
pub(super) const COLORS: usize = 6;

/// A picture that grows.
pub(super) struct Svg {
    pub width: f64,
    pub height: f64,
    body: String,
}

/// Where a text is, compared with its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The height of a line of a legend.
pub(super) const LINE: f64 = 18.0;

/// Returns where the entries of a legend begin, given their names and the room to the right of the first: as many in a
/// line as fit. The sample in front of a name takes some of the room.
pub(super) fn legend<'n>(from: At, room: f64, names: impl Iterator<Item = &'n str>) -> Vec<At> {
    let mut next = from;
    names
        .map(|name| {
            let width = 42.0 + 7.5 * name.chars().count() as f64;
            if next.x > from.x && next.x + width > from.x + room + 16.0 {
                next = At { x: from.x, y: next.y + LINE };
            }
            let here = next;
            next.x += width;
            here
        })
        .collect()
}

/// A point of a picture, in its units, from the upper left corner.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub x: f64,
    pub y: f64,
}

impl Svg {
    pub fn new(width: f64, height: f64) -> Svg {
        Svg { width, height, body: String::new() }
    }

    /// Writes a text without control characters.
    pub fn text(&mut self, At { x, y }: At, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let text = escaped(text);
        let _ = writeln!(self.body, "<text x=\"{x:.1}\" y=\"{y:.1}\"{anchor} class=\"{class}\">{text}</text>");
    }

    /// Writes a text that reads from the bottom to the top.
    pub fn upright(&mut self, At { x, y }: At, text: &str) {
        let text = escaped(text);
        let _ = writeln!(
            self.body,
            "<text transform=\"translate({x:.1} {y:.1}) rotate(-90)\" text-anchor=\"middle\" class=\"soft\">{text}</text>"
        );
    }

    /// Writes a line through all points that are finite, interrupted at others.
    pub fn path(&mut self, points: &mut dyn Iterator<Item = At>, class: &str) {
        let _ = write!(self.body, "<path class=\"{class}\" d=\"");
        let mut letter = 'M';
        for At { x, y } in points {
            if x.is_finite() && y.is_finite() {
                let _ = write!(self.body, "{letter}{x:.1} {y:.1}");
                letter = 'L';
            } else {
                letter = 'M';
            }
        }
        self.body.push_str("\"/>\n");
    }

    /// Writes a rectangle, if its size is a number.
    pub fn rectangle(&mut self, from: At, to: At, class: &str) {
        let (x, y, width, height) = (from.x.min(to.x), from.y, (to.x - from.x).abs(), to.y - from.y);
        if !(x + y + width + height).is_finite() {
            return;
        }
        let shape = format!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"");
        let _ = writeln!(self.body, "{shape} class=\"{class}\"/>");
    }

    /// Writes a rectangle as opaque as this, from 0 to 1.
    pub fn shade(&mut self, from: At, to: At, class: &str, opacity: f64) {
        let _ = write!(self.body, "<g opacity=\"{opacity:.2}\">");
        self.rectangle(from, to, class);
        self.body.push_str("</g>\n");
    }

    pub fn dot(&mut self, At { x, y }: At, radius: f64, class: &str) {
        let _ = writeln!(self.body, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" class=\"{class}\"/>");
    }

    /// Writes a square image given by its URI.
    pub fn image(&mut self, At { x, y }: At, side: f64, uri: &str) {
        let place = format!("x=\"{x:.1}\" y=\"{y:.1}\" width=\"{side:.1}\" height=\"{side:.1}\"");
        let _ = writeln!(self.body, "<image {place} style=\"image-rendering:pixelated\" href=\"{uri}\"/>");
    }

    /// Puts another picture under this one.
    pub fn append(&mut self, below: &Svg) {
        let _ = writeln!(self.body, "<g transform=\"translate(0 {:.1})\">\n{}</g>", self.height, below.body);
        self.height += below.height;
        self.width = self.width.max(below.width);
    }

    /// Returns the whole element. A file of its own has the style sheet inside; a page has it once, for all.
    pub fn finish(&self, name: &str, is_file: bool) -> String {
        let (width, height) = (self.width, self.height);
        let name = escaped(name);
        let mut text = format!(
            "{START} viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" aria-label=\"{name}\">\n"
        );
        if is_file {
            let _ = write!(text, "<style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" class=\"paper\"/>\n");
        }
        text + &self.body + "</svg>\n"
    }
}

/// Returns a text as the content of an element or of an attribute in quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            // No XML may have these.
            '\u{FFFE}' | '\u{FFFF}' => safe.push('\u{FFFD}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out() {
        assert_eq!(escaped("a<b>&\"c\"\u{0}\n"), "a&lt;b&gt;&amp;&quot;c&quot;  ");
        let mut svg = Svg::new(10.0, 10.0);
        svg.text(At { x: 1.0, y: 2.0 }, Anchor::End, "soft", "</text><script>");
        let text = svg.finish("\"><script>", true);
        assert!(!text.contains("<script>"), "{text}");
    }

    #[test]
    fn paths_have_gaps() {
        let mut svg = Svg::new(10.0, 10.0);
        let points = [(0.0, 1.0), (1.0, f64::NAN), (2.0, 2.0), (3.0, 3.0)].map(|(x, y)| At { x, y });
        svg.path(&mut points.into_iter(), "line");
        assert!(svg.body.contains("d=\"M0.0 1.0M2.0 2.0L3.0 3.0\""), "{}", svg.body);
    }
}
