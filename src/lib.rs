//! palmnet
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod error;
mod gemm;
mod math;
mod matrix;
mod rng;

pub use error::{Error, Result};
pub use matrix::Matrix;
pub use rng::Rng;
