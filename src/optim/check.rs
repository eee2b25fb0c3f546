//! Checks of the ranges of settings.

use crate::base::error::{Error, Result};

pub(super) fn wrong<T>(message: String) -> Result<T> {
    Err(Error::Setting(message))
}

pub(super) fn above_zero(what: &str, x: f32) -> Result<()> {
    if x.is_finite() && x > 0.0 { Ok(()) } else { wrong(format!("{what} {x}: it must be more than zero")) }
}

pub(super) fn below_one(what: &str, x: f32) -> Result<()> {
    if (0.0..1.0).contains(&x) { Ok(()) } else { wrong(format!("{what} {x}: it must be at least 0 and less than 1")) }
}
