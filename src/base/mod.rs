//! Utilities that every other folder uses; they do not depend on networks.

pub(crate) mod clock;
pub(crate) mod digest;
pub(crate) mod error;
pub(crate) mod history;
pub(crate) mod math;
pub(crate) mod memory;
pub(crate) mod names;
pub(crate) mod nearest;
mod pace;
pub(crate) mod parallel;
pub(crate) mod rng;
pub(crate) mod sort;
pub(crate) mod text;
