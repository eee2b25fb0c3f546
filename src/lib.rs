//! palmnet
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod error;
mod gemm;
mod isa;
mod math;
mod matrix;
mod rng;

pub use error::{Error, Result};
pub use isa::{Isa, check as check_isa, isa};
pub use matrix::Matrix;
pub use rng::Rng;
