//! Warnings about training data.

use crate::data::{ColumnKind, Dataset, Scaler, TargetSchema, Targets};
use crate::linalg::matrix::Matrix;
use crate::model::preprocessing::Preprocessing;
use crate::tune::suspicion;
use crate::tune::warning::Warning;

/// Returns warnings about training data that is not yet scaled, given its preprocessing and, if the user has chosen the
/// size of the network, the number of its parameters.
#[must_use]
pub fn diagnose(train: &Dataset, preprocessing: &Preprocessing, parameters: Option<usize>) -> Vec<Warning> {
    if train.check_memory(1, 0).is_err() {
        // Training says so.
        return Vec::new();
    }
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
    let mut add = |warning, names| add_names(&mut warnings, warning, names);
    let names = train.schema().input_names();
    let named = |wanted: &dyn Fn(usize) -> bool| {
        (0..names.len()).filter(|&i| wanted(i)).map(|i| names[i].clone()).collect::<Vec<String>>()
    };
    let constant = constant_features(train);
    add(Warning::Constant, without_parts(train, &constant).into_iter().map(|i| names[i].clone()).collect());
    let (scaler, spread) = (preprocessing.features(), Scaler::standard(train.features()));
    add(
        Warning::Unscaled,
        named(&|i| {
            let mean = (spread.offset()[i] - scaler.offset()[i]) * scaler.factor()[i];
            let standard_deviation = scaler.factor()[i] / spread.factor()[i];
            // A category may have no example in this part of the data.
            spread.factor()[i] != 0.0 && mean.abs().max(standard_deviation) > 10.0
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
    let isolated = suspicion::isolated_values(train);
    let is_isolated = |wanted: &str| {
        isolated.iter().any(|warning| matches!(warning, Warning::Isolated { name, .. } if name == wanted))
    };
    if !train.features().is_bytes() {
        let range = Scaler::min_max(train.features());
        add(
            Warning::Outliers,
            named(&|i| {
                // A flag of 0 and 1 may be rare without being an outlier.
                let flag = range.offset()[i] == 0.0 && range.factor()[i] == 1.0;
                spread.factor()[i] > 40.0 * range.factor()[i] && !flag && !is_isolated(&names[i])
            }),
        );
    }
    warnings.extend(isolated);
    add_names(&mut warnings, Warning::RunningNumber, suspicion::running_numbers(train));
    add_names(&mut warnings, Warning::GivesAway, suspicion::giveaways(train));
    add_names(&mut warnings, Warning::ConstantTarget, suspicion::constant_targets(train));
    let alike = match train.schema().target() {
        TargetSchema::Labels { classes, .. } => {
            classes.iter().flat_map(|pair| suspicion::alike_classes(pair)).collect()
        }
        _ => suspicion::alike_classes(train.class_names()),
    };
    add_names(&mut warnings, Warning::AlikeClasses, alike);
    warnings.extend(class_warnings(train));
    warnings
}

fn add_names(warnings: &mut Vec<Warning>, warning: fn(Vec<String>) -> Warning, names: Vec<String>) {
    if !names.is_empty() {
        warnings.push(warning(names));
    }
}

/// Returns a warning if examples of a test set that is a file of its own are in the training set too.
#[must_use]
pub fn diagnose_test(train: &Dataset, test: &Dataset) -> Option<Warning> {
    let count = suspicion::shared_examples(train, test);
    (count > 0).then_some(Warning::SharedExamples { count, of: test.len() })
}

/// Returns a warning if a tenth or more of the examples of a test set that was split off are in the training set too: a
/// few examples are alike in many data sets. More than 100,000 examples are not looked at.
#[must_use]
pub fn diagnose_split(train: &Dataset, test: &Dataset) -> Option<Warning> {
    const MOST: usize = 100_000;
    if train.len() + test.len() > MOST {
        return None;
    }
    diagnose_test(train, test)
        .filter(|warning| matches!(warning, Warning::SharedExamples { count, of } if count * 10 >= *of))
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

/// Returns those of the constant features that are not parts of a date which is not constant, as its year may be.
fn without_parts(train: &Dataset, constant: &[usize]) -> Vec<usize> {
    let mut shown = Vec::new();
    let mut start = 0;
    for column in train.schema().columns() {
        let inputs = start..start + column.width();
        start = inputs.end;
        let found = constant.iter().copied().filter(|input| inputs.contains(input));
        if !matches!(column.kind, ColumnKind::Time(_)) || found.clone().count() == inputs.len() {
            shown.extend(found);
        }
    }
    shown
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
