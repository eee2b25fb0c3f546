//! palmnet
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod data;
mod error;
mod gemm;
mod math;
mod matrix;
mod rng;

pub use data::{Column, Dataset, Features, Kind, Output, Scaler, Schema, Table, Target, Targets, generate};
pub use error::{Error, Result};
pub use matrix::Matrix;
pub use rng::Rng;
