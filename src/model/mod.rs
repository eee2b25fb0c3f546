//! Models: networks with their preprocessing, their files, predictions and metrics.

mod average;
pub(crate) mod calibration;
pub(crate) mod classification;
pub(crate) mod evaluate;
pub(crate) mod file;
mod intervals;
mod layer_file;
pub(crate) mod metrics;
#[expect(clippy::module_inception)]
pub(crate) mod model;
pub(crate) mod multi_label;
pub(crate) mod predict;
pub(crate) mod preprocessing;
mod quantize;
pub(crate) mod ranking;
pub(crate) mod regression;
mod report;
mod schema_json;
pub(crate) mod target_range;

pub use calibration::{Calibration, Intervals};
pub use evaluate::{Score, Scored};
pub use intervals::Coverage;
pub use model::Model;
pub use predict::{Predictions, Predictor};
pub use preprocessing::{Preprocessing, Scaling};
pub use quantize::{LayerCost, Quantization};
pub use target_range::TargetRange;
