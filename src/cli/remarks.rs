//! What is noteworthy about the data.

use palmnet::{Dataset, Matrix, Preprocessing, Scaler, Targets};

use super::numbers::counted;

/// How many numbers the features are.
pub fn numbers(train: &Dataset) -> usize {
    train.len().saturating_mul(train.features().columns())
}

/// What is noteworthy about the data and the network that is to learn it.
pub fn remarks(train: &Dataset, parameters: Option<usize>, preprocessing: &Preprocessing) -> Vec<String> {
    let scaler = preprocessing.features();
    let imputed = preprocessing.imputer().map(|imputer| {
        let mut imputed = train.clone();
        imputer.apply(&mut imputed);
        imputed
    });
    let train = imputed.as_ref().unwrap_or(train);
    let mut remarks = Vec::new();
    let values = numbers(train);
    if let Some(parameters) = parameters.filter(|&parameters| parameters > values) {
        remarks.push(format!(
            "the network has {} and the training data {}: fewer --hidden units may do better on new data.",
            counted(parameters, "parameter"),
            counted(values, "number")
        ));
    }
    let names = train.schema().input_names();
    let constant = constant_features(train);
    if !constant.is_empty() {
        let verb = if constant.len() == 1 { "never changes and teaches" } else { "never change and teach" };
        remarks.push(format!("{} {verb} nothing.", some(&constant, &names)));
    }
    let spread = Scaler::standard(train.features());
    let far = |&i: &usize| {
        // What mean and deviation are after the scaling that was chosen.
        let mean = (spread.offset()[i] - scaler.offset()[i]) * scaler.factor()[i];
        let deviation = scaler.factor()[i] / spread.factor()[i];
        mean.abs().max(deviation) > 10.0
    };
    let far: Vec<usize> = (0..names.len()).filter(far).collect();
    if !far.is_empty() {
        let verb = if far.len() == 1 { "is" } else { "are" };
        remarks.push(format!("{} {verb} far from scaled: --scale standard may do better.", some(&far, &names)));
    }
    // Beside such a mean, single precision tells apart less than two hundred values in a deviation.
    let blurred = |scaler: &Scaler, i: usize| scaler.offset()[i].abs() * scaler.factor()[i] > 1e5;
    let mut blurs: Vec<String> = (0..names.len()).filter(|&i| blurred(&spread, i)).map(|i| names[i].clone()).collect();
    if let Targets::Values(values) = train.targets() {
        let (scaler, targets) = (Scaler::standard(values), train.schema().output().names());
        blurs.extend((0..targets.len()).filter(|&i| blurred(&scaler, i)).map(|i| targets[i].clone()));
    }
    if !blurs.is_empty() {
        let all: Vec<usize> = (0..blurs.len()).collect();
        remarks.push(format!(
            "of {} little is left in single precision, so large are the numbers beside their differences: subtract a constant from them.",
            some(&all, &blurs)
        ));
    }
    // Pixels have their range, and what is 0 or 1 may well be rare.
    let range = Scaler::min_max(train.features());
    let tail = |&i: &usize| {
        let flag = range.offset()[i] == 0.0 && range.factor()[i] == 1.0;
        spread.factor()[i] > 40.0 * range.factor()[i] && !flag
    };
    let tails: Vec<usize> = (0..names.len()).filter(tail).collect();
    if !tails.is_empty() && !train.features().is_bytes() {
        let verb = if tails.len() == 1 { "has" } else { "have" };
        remarks.push(format!("{} {verb} values far off the others: logarithms may do better.", some(&tails, &names)));
    }
    if let Some(labels) = train.labels() {
        let mut counts = vec![0usize; train.class_names().len()];
        labels.iter().for_each(|&label| counts[label as usize] += 1);
        let counts = counts.into_iter().zip(train.class_names());
        let (present, absent): (Vec<_>, Vec<_>) = counts.partition(|&(count, _)| count > 0);
        if !absent.is_empty() {
            let names: Vec<String> = absent.into_iter().map(|(_, name)| name.clone()).collect();
            let all: Vec<usize> = (0..names.len()).collect();
            remarks.push(format!("no training example of {}.", some(&all, &names)));
        }
        if let (Some((few, rare)), Some((many, common))) = (present.iter().min(), present.iter().max())
            && *many > 10 * few
        {
            remarks.push(format!(
                "classes are uneven: {} of {common}, {few} of {rare}. Look at each class's recall (palmnet eval), not at the accuracy alone.",
                counted(*many, "example")
            ));
        }
    }
    remarks
}

/// The features that are the same in every example.
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

/// The first of these names: `p0, p32, p39 and 5 more`.
fn some(places: &[usize], names: &[String]) -> String {
    let shown: Vec<&str> = places.iter().take(5).map(|&i| names[i].as_str()).collect();
    match places.len() - shown.len() {
        0 => shown.join(", "),
        rest => format!("{} and {rest} more", shown.join(", ")),
    }
}
