//! A warning about data, and its text.

use std::fmt;

use crate::base::text::counted;

/// A warning about training data, which can be used as it is. Its `Display` form is a sentence with the remedy.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// The network has more parameters than the training features have entries.
    ManyParameters {
        /// The parameters of the network.
        parameters: usize,
        /// The entries of the training features: examples × features.
        numbers: usize,
    },
    /// Features that are the same in every example.
    Constant(Vec<String>),
    /// Features whose mean or standard deviation is above 10 after scaling.
    Unscaled(Vec<String>),
    /// Columns that lose most of their precision as 32-bit floats.
    Imprecise(Vec<String>),
    /// Features with values far from the others.
    Outliers(Vec<String>),
    /// A feature or target with a value, or several equal ones, far from all others.
    Isolated {
        /// The column's name.
        name: String,
        /// The value.
        value: f64,
        /// The number of examples that have it.
        count: usize,
    },
    /// Features of whole numbers that are all different and lie side by side, as those of identifiers do.
    RunningNumber(Vec<String>),
    /// Features from which the target follows without error.
    GivesAway(Vec<String>),
    /// Target values that are the same in every example.
    ConstantTarget(Vec<String>),
    /// Classes whose names differ only in case, accents, spaces or the form of a number.
    AlikeClasses(Vec<String>),
    /// Examples of the test set that are in the training set too.
    SharedExamples {
        /// Their number.
        count: usize,
        /// The number of examples of the test set.
        of: usize,
    },
    /// Classes without a training example.
    AbsentClasses(Vec<String>),
    /// Classes of which one has more than ten times as many examples as another.
    UnevenClasses {
        /// The examples of the most frequent class, and its name.
        most: (usize, String),
        /// The examples of the least frequent class, and its name.
        least: (usize, String),
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = |names: &[String], one, many| if names.len() == 1 { one } else { many };
        match self {
            Warning::ManyParameters { parameters, numbers } => write!(
                f,
                "the network has {} and the training data {}: fewer hidden units may do better on new data",
                counted(*parameters, "parameter"),
                counted(*numbers, "number")
            ),
            Warning::Constant(names) => {
                let verb = verb(names, "is constant and carries", "are constant and carry");
                write!(f, "{} {verb} no information", some(names))
            }
            Warning::Unscaled(names) => {
                let verb = verb(names, "is", "are");
                write!(f, "{} {verb} far from standardized: standard scaling may do better", some(names))
            }
            Warning::Imprecise(names) => {
                let verb = verb(names, "loses most of its", "lose most of their");
                write!(
                    f,
                    "{} {verb} precision as 32-bit floats because the values are large compared with their spread: \
                     subtract a constant (such as the mean) first",
                    some(names)
                )
            }
            Warning::Outliers(names) => {
                let verb = verb(names, "has", "have");
                write!(f, "{} {verb} values far from the others: a log transform may do better", some(names))
            }
            Warning::Isolated { name, value, count: 1 } => {
                write!(f, "{name} has one value far from all others, {}: correct it, or remove its line", plain(*value))
            }
            Warning::Isolated { name, value, count } => write!(
                f,
                "{name} is {} in {}, far from all others: --missing-values {}, if that stands for a missing value",
                plain(*value),
                counted(*count, "example"),
                plain(*value)
            ),
            Warning::RunningNumber(names) => {
                let verb = verb(names, "counts", "count");
                write!(f, "{} {verb} up as row numbers do: --ignore leaves out an identifier", some(names))
            }
            Warning::GivesAway(names) => {
                let verb = verb(names, "gives", "give");
                write!(
                    f,
                    "{} {verb} the target away: --ignore leaves it out, if it is not known beforehand",
                    some(names)
                )
            }
            Warning::ConstantTarget(names) => {
                let verb = verb(names, "is", "are");
                write!(f, "the target {} {verb} the same in every example: there is nothing to learn", some(names))
            }
            Warning::AlikeClasses(names) => {
                write!(
                    f,
                    "the classes {} are almost the same text: write them alike if they are one class",
                    some(names)
                )
            }
            Warning::SharedExamples { count, of } => write!(
                f,
                "{count} of the {} are in the training data too: the score on them says little about new data",
                counted(*of, "test example")
            ),
            Warning::AbsentClasses(names) => write!(f, "no training example of {}", some(names)),
            Warning::UnevenClasses { most: (many, common), least: (few, rare) } => write!(
                f,
                "classes are imbalanced: {} of {common}, {few} of {rare}. Look at the recall of each class \
                 (palmnet eval), not only at the accuracy",
                counted(*many, "example")
            ),
        }
    }
}

/// Returns a number as it is mostly written.
fn plain(value: f64) -> String {
    let single = value as f32;
    match f64::from(single) == value {
        true if value.abs() < 1e15 => single.to_string(),
        true => format!("{single:e}"),
        false => value.to_string(),
    }
}

/// Returns the first of these names: `p0, p32, p39 and 5 more`.
fn some(names: &[String]) -> String {
    let shown = names[..names.len().min(5)].join(", ");
    match names.len().saturating_sub(5) {
        0 => shown,
        rest => format!("{shown} and {rest} more"),
    }
}
