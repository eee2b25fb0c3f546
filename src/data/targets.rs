//! The targets of a set of examples.

use std::fmt;

use super::examples::{find_wrong, refuse_wrong, stacked};
use super::schema::TargetSchema;
use crate::base::error::{Error, Result};
use crate::linalg::matrix::Matrix;

/// The targets of a set of examples: the classes, labels or values that a network is to predict.
#[derive(Clone, PartialEq)]
pub enum Targets {
    /// The class of each example, counted from 0.
    Classes(Vec<u32>),
    /// Examples × labels: 1 for the second class of the label, the positive one, and 0 for the first.
    Labels(Matrix),
    /// Examples × outputs.
    Values(Matrix),
}

impl Targets {
    /// Returns the number of examples.
    pub fn rows(&self) -> usize {
        match self {
            Targets::Classes(labels) => labels.len(),
            Targets::Labels(values) | Targets::Values(values) => values.rows(),
        }
    }

    /// Returns the labels or values, examples × outputs, unless the targets are classes.
    pub(crate) fn matrix(&self) -> Option<&Matrix> {
        match self {
            Targets::Classes(_) => None,
            Targets::Labels(values) | Targets::Values(values) => Some(values),
        }
    }

    /// Checks that the targets are of the kind and the number that `schema` says.
    pub(super) fn check(&self, schema: &TargetSchema) -> Result<()> {
        let mismatch = |message: String| Err(Error::Mismatch(message));
        match (self, schema) {
            (Targets::Classes(labels), TargetSchema::Classes { classes, .. }) => {
                match labels.iter().find(|&&label| label as usize >= classes.len()) {
                    Some(label) => mismatch(format!("the label {label}, where there are {} classes", classes.len())),
                    None => Ok(()),
                }
            }
            (Targets::Labels(values), TargetSchema::Labels { names, .. })
            | (Targets::Values(values), TargetSchema::Values { names }) => {
                refuse_wrong(find_wrong(values, false), "target")?;
                if values.columns() != names.len() {
                    return mismatch(format!("{} targets, where the schema has {}", values.columns(), names.len()));
                }
                let other = values.as_slice().iter().find(|&&y| y != 0.0 && y != 1.0);
                match (self, other) {
                    (Targets::Labels(_), Some(other)) => {
                        mismatch(format!("the label {other}, where 0 or 1 was expected"))
                    }
                    _ => Ok(()),
                }
            }
            _ => mismatch(format!("the targets are {}, the schema has {}", self.noun(), schema.noun())),
        }
    }

    fn noun(&self) -> &'static str {
        match self {
            Targets::Classes(_) => "classes",
            Targets::Labels(_) => "labels",
            Targets::Values(_) => "values",
        }
    }

    pub(super) fn select(&self, rows: &[usize]) -> Targets {
        match self {
            Targets::Classes(labels) => Targets::Classes(rows.iter().map(|&row| labels[row]).collect()),
            Targets::Labels(values) => Targets::Labels(values.select_rows(rows)),
            Targets::Values(values) => Targets::Values(values.select_rows(rows)),
        }
    }

    /// Appends the targets of `other`, which are of the same kind and as wide.
    pub(crate) fn append(&mut self, other: &Targets) {
        match (&mut *self, other) {
            (Targets::Classes(labels), Targets::Classes(more)) => labels.extend_from_slice(more),
            (Targets::Labels(values), Targets::Labels(more)) | (Targets::Values(values), Targets::Values(more)) => {
                *values = stacked(values, more);
            }
            _ => panic!("targets of two kinds do not make one list"),
        }
    }
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Targets::Classes(labels) => write!(f, "Classes({})", labels.len()),
            Targets::Labels(values) => write!(f, "Labels({} × {})", values.rows(), values.columns()),
            Targets::Values(values) => write!(f, "Values({} × {})", values.rows(), values.columns()),
        }
    }
}
