//! Pictures of results: as text for a terminal, and as SVG files for everywhere else.
//!
//! A [`Picture`] is made of results ([`of_training`], [`of_evaluation`] for all that the command shows; [`learning_curve`], [`confusion`], [`predicted_against_true`],
//! [`calibration_curve`], [`decision_regions`], [`misread`]) or by hand from a [`Chart`], [`Shades`], [`Regions`] or
//! [`Images`]. The same picture
//! is written as text of a given width and as SVG, which follows the reader's light or dark theme. Colors are those that
//! color-blind readers tell apart (Okabe and Ito, 2008).
//!
//! ```
//! use palmnet::plot::{self, TextStyle};
//! use palmnet::{Activation::*, Adam, Loss, Network, Trainer, generate};
//! let train = generate::moons(200, 0.2, 1);
//! let mut network = Network::builder(2).dense(16, Relu).dense(1, Sigmoid).build()?;
//! let history = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.01)).epochs(30).fit(&mut network, &train)?;
//! let curve = plot::learning_curve(&history);
//! print!("{}", curve.to_text(&TextStyle::default()));
//! assert!(curve.to_svg().starts_with("<svg"));
//! # Ok::<(), palmnet::Error>(())
//! ```

mod canvas;
mod chart;
mod collections;
mod figures;
mod images;
mod picture;
mod png;
mod regions;
mod scale;
mod shades;
mod style;
mod svg;

pub use chart::{Axis, Chart, Mark, Series};
pub(crate) use collections::of_outputs;
pub use collections::{of_evaluation, of_training};
pub(crate) use figures::misread_of;
pub use figures::{
    WeightHistogram, calibration_curve, confusion, decision_regions, learning_curve, misread, predicted_against_true,
    weight_histograms,
};
pub use images::Images;
pub use picture::{Picture, save};
pub use regions::Regions;
pub use shades::Shades;
pub use style::{TextStyle, sparkline};
#[doc(hidden)]
pub use svg::START as SVG_START;
pub(crate) use svg::{STYLE as SVG_STYLE, escaped};
