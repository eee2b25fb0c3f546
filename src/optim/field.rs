//! The settings of a rule by name, to print and to read them.

use std::fmt;

/// A setting of a rule, to be read and changed by name.
pub(super) enum Field<'a> {
    Number(&'a mut f32),
    Count(&'a mut usize),
}

impl Field<'_> {
    /// Returns whether `text` is a value for the setting.
    pub(super) fn set(self, text: &str) -> bool {
        match self {
            Field::Number(number) => text.parse().map(|value| *number = value).is_ok(),
            Field::Count(count) => text.parse().map(|value| *count = value).is_ok(),
        }
    }
}

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The shortest digits that read back as the same number, with an exponent if it is small.
            Field::Number(number) => write!(f, "{number:?}"),
            Field::Count(count) => write!(f, "{count}"),
        }
    }
}
