//! Warnings about training data.

use std::fmt;

use crate::base::text::counted;
use crate::data::{Dataset, Scaler, Targets};
use crate::linalg::matrix::Matrix;
use crate::model::preprocessing::Preprocessing;

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

/// Returns warnings about training data that is not yet scaled, given its preprocessing and, if the user has chosen the
/// size of the network, the number of its parameters.
#[must_use]
pub fn diagnose(train: &Dataset, preprocessing: &Preprocessing, parameters: Option<usize>) -> Vec<Warning> {
    let imputed = preprocessing.imputer().map(|imputer| {
        let mut imputed = train.clone();
        imputer.apply(&mut imputed);
        imputed
    });
    let train = imputed.as_ref().unwrap_or(train);
    let mut warnings = Vec::new();
    if train.is_empty() {
        return warnings;
    }
    let numbers = train.len().saturating_mul(train.features().columns());
    if let Some(parameters) = parameters.filter(|&parameters| parameters > numbers) {
        warnings.push(Warning::ManyParameters { parameters, numbers });
    }
    let mut add = |warning: fn(Vec<String>) -> Warning, names: Vec<String>| {
        if !names.is_empty() {
            warnings.push(warning(names));
        }
    };
    let names = train.schema().input_names();
    let named = |wanted: &dyn Fn(usize) -> bool| {
        (0..names.len()).filter(|&i| wanted(i)).map(|i| names[i].clone()).collect::<Vec<String>>()
    };
    let constant = constant_features(train);
    add(Warning::Constant, constant.iter().map(|&i| names[i].clone()).collect());
    let (scaler, spread) = (preprocessing.features(), Scaler::standard(train.features()));
    add(
        Warning::Unscaled,
        named(&|i| {
            let mean = (spread.offset()[i] - scaler.offset()[i]) * scaler.factor()[i];
            let standard_deviation = scaler.factor()[i] / spread.factor()[i];
            mean.abs().max(standard_deviation) > 10.0
        }),
    );
    // Near such a mean, single precision has fewer than two hundred values within a standard deviation.
    let imprecise = |scaler: &Scaler, i: usize| scaler.offset()[i].abs() * scaler.factor()[i] > 1e5;
    let mut columns = named(&|i| imprecise(&spread, i));
    if let Targets::Values(values) = train.targets() {
        let (scaler, targets) = (Scaler::standard(values), train.schema().target().names());
        columns.extend((0..targets.len()).filter(|&i| imprecise(&scaler, i)).map(|i| targets[i].clone()));
    }
    add(Warning::Imprecise, columns);
    if !train.features().is_bytes() {
        let range = Scaler::min_max(train.features());
        add(
            Warning::Outliers,
            named(&|i| {
                // A flag of 0 and 1 may be rare without being an outlier.
                let flag = range.offset()[i] == 0.0 && range.factor()[i] == 1.0;
                spread.factor()[i] > 40.0 * range.factor()[i] && !flag
            }),
        );
    }
    warnings.extend(class_warnings(train));
    warnings
}

fn class_warnings(train: &Dataset) -> Vec<Warning> {
    let Some(labels) = train.labels() else { return Vec::new() };
    let mut counts = vec![0usize; train.class_names().len()];
    labels.iter().for_each(|&label| counts[label as usize] += 1);
    let counts = counts.into_iter().zip(train.class_names());
    let (present, absent): (Vec<_>, Vec<_>) = counts.partition(|&(count, _)| count > 0);
    let mut warnings = Vec::new();
    if !absent.is_empty() {
        warnings.push(Warning::AbsentClasses(absent.into_iter().map(|(_, name)| name.clone()).collect()));
    }
    if let (Some((few, rare)), Some((many, common))) = (present.iter().min(), present.iter().max())
        && *many > 10 * few
    {
        let (most, least) = ((*many, common.to_string()), (*few, rare.to_string()));
        warnings.push(Warning::UnevenClasses { most, least });
    }
    warnings
}

/// Returns the indices of features that are the same in every example.
fn constant_features(train: &Dataset) -> Vec<usize> {
    let (mut first, mut other) = (Matrix::default(), Matrix::default());
    train.gather(&[0], &mut first);
    let mut constant: Vec<usize> = (0..first.columns()).collect();
    for row in 1..train.len() {
        train.gather(&[row], &mut other);
        constant.retain(|&i| other[(0, i)] == first[(0, i)]);
        if constant.is_empty() {
            break;
        }
    }
    constant
}

/// Returns the first of these names: `p0, p32, p39 and 5 more`.
fn some(names: &[String]) -> String {
    let shown = names[..names.len().min(5)].join(", ");
    match names.len().saturating_sub(5) {
        0 => shown,
        rest => format!("{shown} and {rest} more"),
    }
}
