//! How the learning rate changes over a training.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The course of the learning rate, as a factor of the one that was set.
///
/// Its text form is `constant`, `cooldown` or `cooldown:0.3`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// The same rate throughout.
    Constant,
    /// The same rate until the last part of the steps, of this share, over which it falls to zero in a straight line
    /// (Hägele et al., 2024). The small steps at the end take out the noise that the large ones leave in the weights.
    Cooldown(f32),
}

/// A cooldown over the last fifth.
impl Default for Schedule {
    fn default() -> Self {
        Schedule::Cooldown(0.2)
    }
}

impl Schedule {
    /// The factor for step `step`, counted from 0, of `steps`.
    pub fn factor(self, step: usize, steps: usize) -> f32 {
        match self {
            Schedule::Constant => 1.0,
            Schedule::Cooldown(share) => {
                let left = 1.0 - step as f64 / steps.max(1) as f64;
                if left < f64::from(share) { (left / f64::from(share)) as f32 } else { 1.0 }
            }
        }
    }

    pub(crate) fn check(self) -> Result<()> {
        match self {
            Schedule::Cooldown(share) if !(0.0..=1.0).contains(&share) => {
                Err(Error::Setting(format!("cooldown {share}: the share of the steps must be from 0 to 1")))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Constant => f.write_str("constant"),
            Schedule::Cooldown(share) => write!(f, "cooldown:{share}"),
        }
    }
}

impl FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let schedule = match text.split_once(':') {
            None if text == "constant" => Some(Schedule::Constant),
            None if text == "cooldown" => Some(Schedule::default()),
            Some(("cooldown", share)) => share.parse().ok().map(Schedule::Cooldown),
            _ => None,
        };
        let schedule = schedule
            .ok_or_else(|| Error::Setting(format!("no schedule \"{text}\"; there are constant, cooldown:SHARE")))?;
        schedule.check().map(|()| schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors() {
        let factors = |schedule: Schedule| [0, 79, 80, 90, 99].map(|step| schedule.factor(step, 100));
        assert_eq!(factors(Schedule::Constant), [1.0; 5]);
        assert_eq!(factors(Schedule::Cooldown(0.2)), [1.0, 1.0, 1.0, 0.5, 0.05]);
        assert_eq!(factors(Schedule::Cooldown(0.0)), [1.0; 5]);
        assert_eq!(Schedule::Cooldown(1.0).factor(25, 100), 0.75);
    }

    #[test]
    fn text() {
        for schedule in [Schedule::Constant, Schedule::default(), Schedule::Cooldown(0.5)] {
            assert_eq!(schedule.to_string().parse::<Schedule>().unwrap(), schedule);
        }
        for bad in ["cooldown:2", "cooldown:x", "cosin", "cooldown:NaN"] {
            assert!(bad.parse::<Schedule>().is_err(), "{bad}");
        }
    }
}
