//! palmnet
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod error;
mod format;
mod gemm;
mod math;
mod matrix;
mod metrics;
mod rng;

pub use error::{Error, Result};
pub use format::atomic::write_atomic;
pub use format::json;
pub use format::safetensors::{Safetensors, Tensor};
pub use matrix::Matrix;
pub use metrics::{Classification, Evaluation, Regression, Scores};
pub use rng::Rng;
