//! The cost of a prediction on a small device.

use std::fmt;
use std::str::FromStr;

use super::source::{Source, field_bytes};
use crate::base::error::{Error, Result};
use crate::base::names::parameter;
use crate::base::text::{quoted, significant};

/// The bytes of stack that calls take beside the arrays.
const CALLS: usize = 96;

/// The cost of a prediction on a small device: figures for a Cortex-M4 with a unit for single precision, compiled for size
/// (`-Os`), estimated within about a tenth of the flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// The bytes of constants and code.
    pub flash: usize,
    /// The bytes of stack, those of inputs and outputs included; there is no other memory.
    pub ram: usize,
    /// The multiplications and divisions, at most.
    pub multiplications: usize,
}

/// Limits of a [`Cost`], in bytes. Its text form is `flash=32k,ram=2k`, of which either part may be absent; k is 1024.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// The most bytes of constants and code.
    pub flash: Option<usize>,
    /// The most bytes of stack.
    pub ram: Option<usize>,
}

impl Cost {
    /// Refuses a cost beyond a budget.
    ///
    /// # Errors
    /// If it is; the message has the figures.
    pub fn check(&self, budget: Budget) -> Result<()> {
        for (name, needed, limit) in [("flash", self.flash, budget.flash), ("RAM", self.ram, budget.ram)] {
            if limit.is_some_and(|limit| needed > limit) {
                let (needed, limit) = (kilobytes(needed), kilobytes(limit.unwrap_or(0)));
                return Err(Error::Setting(format!(
                    "the model needs about {needed} of {name}, and the budget is {limit}: train a smaller one (--fast, \
                     --hidden 16, --members 1)"
                )));
            }
        }
        Ok(())
    }
}

/// Writes the figures in one line: `flash 2.45 KB, RAM 0.258 KB, 375 multiplications`.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (flash, ram) = (kilobytes(self.flash), kilobytes(self.ram));
        write!(f, "flash {flash}, RAM {ram}, {} multiplications", self.multiplications)
    }
}

/// Returns a number of bytes as text.
fn kilobytes(bytes: usize) -> String {
    format!("{} KB", significant(bytes as f64 / 1024.0, 3))
}

impl FromStr for Budget {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut budget = Budget::default();
        for part in text.split(',') {
            let (name, size) = part.split_once('=').unwrap_or_default();
            let number = size.trim_end_matches(['k', 'K']);
            let unit = if number.len() < size.len() { 1024.0 } else { 1.0 };
            let bytes = parameter::<f32>(number).filter(|x| *x >= 0.0).map(|x| (x * unit) as usize);
            match (name, bytes) {
                ("flash", Some(_)) if budget.flash.is_none() => budget.flash = bytes,
                ("ram", Some(_)) if budget.ram.is_none() => budget.ram = bytes,
                _ => {
                    return Err(Error::Setting(format!(
                        "the budget {}: expected one as flash=32k,ram=2k",
                        quoted(text)
                    )));
                }
            }
        }
        Ok(budget)
    }
}

impl Source<'_> {
    /// Returns the cost of a prediction.
    pub(super) fn cost(&self) -> Cost {
        // A text is an address, and a time seven numbers of which one is a double.
        let program = self.program;
        let outputs = program.outputs();
        let numbers = self.numbers + 2 * outputs + if self.has_origins() { 2 * outputs } else { 0 };
        Cost {
            flash: self.flash,
            ram: 4 * numbers + program.columns.iter().map(field_bytes).sum::<usize>() + CALLS,
            multiplications: program.multiplications(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets() {
        let of = |flash, ram| Some(Budget { flash, ram });
        let cases = [
            ("flash=32k,ram=2k", of(Some(32768), Some(2048))),
            ("ram=1.5K", of(None, Some(1536))),
            ("flash=100", of(Some(100), None)),
            ("flash", None),
            ("flash=", None),
            ("flash=-1", None),
            ("flash=1k,flash=2k", None),
            ("flash=1m", None),
            ("rom=2k", None),
            ("", None),
        ];
        for (text, budget) in cases {
            assert_eq!(text.parse().ok(), budget, "{text}");
        }
        let cost = Cost { flash: 3000, ram: 300, multiplications: 1 };
        assert!(cost.check(Budget { flash: Some(3000), ram: Some(300) }).is_ok());
        let message = cost.check(Budget { flash: Some(2999), ram: None }).unwrap_err().to_string();
        assert!(message.contains("2.93 KB of flash"), "{message}");
        assert!(cost.check(Budget { flash: None, ram: Some(299) }).is_err());
    }
}
