//! A picture of any kind, and files of them.

use std::fmt;
use std::path::Path;

use super::chart::Chart;
use super::images::Images;
use super::regions::Regions;
use super::shades::Shades;
use super::style::TextStyle;
use super::svg::Svg;
use crate::base::error::Result;
use crate::format::atomic::write_atomic;

/// A picture of any kind.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Picture {
    /// Lines, points and bars.
    Chart(Chart),
    /// A table of shades.
    Shades(Shades),
    /// The regions of classes.
    Regions(Regions),
    /// Small gray images.
    Images(Images),
}

impl Picture {
    /// Returns the line above the picture.
    pub fn title(&self) -> &str {
        match self {
            Picture::Chart(chart) => &chart.title,
            Picture::Shades(shades) => &shades.title,
            Picture::Regions(regions) => &regions.title,
            Picture::Images(images) => &images.title,
        }
    }

    /// Returns the picture as lines of text, each of which ends with a line feed.
    pub fn to_text(&self, style: &TextStyle) -> String {
        match self {
            Picture::Chart(chart) => chart.text(style),
            Picture::Shades(shades) => shades.text(style),
            Picture::Regions(regions) => regions.text(style),
            Picture::Images(images) => images.text(style),
        }
    }

    fn svg(&self) -> Svg {
        match self {
            Picture::Chart(chart) => chart.svg(),
            Picture::Shades(shades) => shades.svg(),
            Picture::Regions(regions) => regions.svg(),
            Picture::Images(images) => images.svg(),
        }
    }

    /// Returns the picture as an element of a page that has the style sheet.
    pub(crate) fn to_inline_svg(&self) -> String {
        self.svg().finish(self.title(), false)
    }

    /// Returns the picture as the content of an SVG file, which follows the reader's light or dark theme.
    pub fn to_svg(&self) -> String {
        self.svg().finish(self.title(), true)
    }
}

/// Writes the picture as text for a narrow terminal.
impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text(&TextStyle::default()))
    }
}

/// Writes pictures into one SVG file, one below the other. A file that is there is replaced whole or not at all.
///
/// # Errors
/// If the file cannot be written.
pub fn save(path: impl AsRef<Path>, pictures: &[Picture]) -> Result<()> {
    let mut all = Svg::new(320.0, 0.0);
    pictures.iter().for_each(|picture| all.append(&picture.svg()));
    let titles: Vec<&str> = pictures.iter().map(Picture::title).collect();
    write_atomic(path.as_ref(), all.finish(&titles.join(", "), true).as_bytes())
}
