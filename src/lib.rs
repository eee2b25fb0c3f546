//! palmnet
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod error;
mod gemm;
mod math;
mod matrix;
mod metrics;
mod rng;

pub use error::{Error, Result};
pub use matrix::Matrix;
pub use metrics::{Classification, Evaluation, Regression, Scores};
pub use rng::Rng;
