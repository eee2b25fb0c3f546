//! Small gray images with captions.

use super::png::data_uri;
use super::style::TextStyle;
use super::svg::{Anchor, At, Svg};

/// Square gray images of one size, each with a caption.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Images {
    /// The line above the pictures.
    pub title: String,
    /// A line under each image.
    pub captions: Vec<String>,
    /// The pixels along an edge.
    pub side: usize,
    /// The pixels of all images, row by row, from 0, black, to 1.
    pub pixels: Vec<f32>,
}

/// The columns of text that an image has; two are beside each other on a phone.
const COLUMNS: usize = 18;
/// The most images that are shown as text: more would fill the screen of a phone.
const SHOWN: usize = 4;
/// The lowest number of pixels along an edge at which several become one character.
const CELLS: usize = COLUMNS / 2;

impl Images {
    fn images(&self) -> impl Iterator<Item = &[f32]> {
        self.pixels.chunks(self.side.pow(2).max(1))
    }

    pub(super) fn text(&self, style: &TextStyle) -> String {
        let beside = ((style.columns() + 2) / (COLUMNS + 2)).max(1);
        let images: Vec<Vec<String>> =
            self.images().take(SHOWN).map(|pixels| lines(style, pixels, self.side)).collect();
        let mut text = format!("{}\n", style.fit(&self.title));
        for (images, captions) in images.chunks(beside).zip(self.captions.chunks(beside)) {
            let captions = captions.iter().map(|caption| style.cut(caption, COLUMNS));
            text += &row(&mut captions.collect::<Vec<String>>().iter());
            for line in 0..images[0].len() {
                text += &row(&mut images.iter().map(|image| &image[line]));
            }
        }
        text
    }

    pub(super) fn svg(&self) -> Svg {
        const SIDE: f64 = 96.0;
        const STEP: f64 = SIDE + 12.0;
        const BESIDE: usize = 4;
        let mut svg = Svg::new(440.0, 36.0 + (STEP + 20.0) * self.captions.len().div_ceil(BESIDE) as f64);
        svg.text(At { x: 8.0, y: 22.0 }, Anchor::Start, "strong", &self.title);
        for (index, (image, caption)) in self.images().zip(&self.captions).enumerate() {
            let (x, y) = (8.0 + STEP * (index % BESIDE) as f64, 36.0 + (STEP + 20.0) * (index / BESIDE) as f64);
            let bytes: Vec<u8> = image.iter().map(|pixel| (pixel * 255.0).round() as u8).collect();
            svg.image(At { x, y }, SIDE, &data_uri(self.side, self.side, &bytes));
            svg.text(At { x, y: y + SIDE + 16.0 }, Anchor::Start, "soft", caption);
        }
        svg
    }
}

/// Returns parts of lines beside each other.
fn row(parts: &mut dyn Iterator<Item = &String>) -> String {
    let mut line = String::new();
    for (index, part) in parts.enumerate() {
        let missing = (COLUMNS + 2) * index - line.chars().count().min((COLUMNS + 2) * index);
        line.extend(std::iter::repeat_n(' ', missing));
        line += part;
    }
    format!("{}\n", line.trim_end())
}

/// Returns an image as lines of shades: every pixel, or the mean of a square of them, is two characters.
fn lines(style: &TextStyle, pixels: &[f32], side: usize) -> Vec<String> {
    let step = side.div_ceil(CELLS).max(1);
    let brightest = pixels.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let shade = |down: usize, right: usize| {
        let block = (down..side.min(down + step)).flat_map(|i| (right..side.min(right + step)).map(move |j| (i, j)));
        let values: Vec<f32> = block.map(|(i, j)| pixels[i * side + j]).collect();
        let fraction = values.iter().sum::<f32>() / values.len() as f32 / brightest;
        // A trace of gray is no ink in a picture of five shades.
        style.shade(if fraction < 0.125 { 0.0 } else { fraction.into() })
    };
    let line =
        |down: usize| (0..side).step_by(step).map(|right| shade(down, right)).flat_map(|c| [c, c]).collect::<String>();
    (0..side).step_by(step).map(line).collect()
}
