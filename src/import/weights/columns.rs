//! That which surrounds a network and a state dict does not tell: columns, classes and scaling.

use crate::base::error::{Error, Result};
use crate::data::{Dataset, Scaler, Schema, TargetSchema};
use crate::import::options::Options;
use crate::model::{Preprocessing, Scaling};
use crate::nn::activation::Activation;
use crate::nn::network::Network;

/// Returns the columns of a network by names: numbers for features and classes that have none. The folder is not used.
///
/// # Errors
/// [`Error::Mismatch`] if there are names, but not as many as the network has inputs, outputs or classes, or names of classes
/// for several outputs of a sigmoid.
pub fn schema(network: &Network, options: &Options) -> Result<Schema> {
    let (inputs, outputs, last) = (network.inputs(), network.outputs(), network.output_activation());
    let Options { features, targets, classes, .. } = options;
    check("features", features.len(), inputs)?;
    if outputs > 1 && !classes.is_empty() && matches!(last, Activation::Sigmoid | Activation::HardSigmoid) {
        return Err(Error::Mismatch(format!(
            "the {outputs} outputs of {last} are of labels, and not of classes, whose probabilities add to 1: end the network \
             in softmax, or give no names of classes"
        )));
    }
    let features = if features.is_empty() { numbered(1..inputs + 1) } else { features.clone() };
    let is_of_classes = !classes.is_empty()
        || last == Activation::Softmax
        || (outputs == 1 && matches!(last, Activation::Sigmoid | Activation::HardSigmoid));
    let target = if is_of_classes {
        let count = if outputs == 1 { 2 } else { outputs };
        check("classes", classes.len(), count)?;
        check("targets", targets.len(), 1)?;
        let classes = if classes.is_empty() { numbered(0..count) } else { classes.clone() };
        TargetSchema::Classes { name: targets.first().map_or("class".into(), String::clone), classes }
    } else {
        check("targets", targets.len(), outputs)?;
        let usual = |i: usize| if outputs == 1 { "value".to_string() } else { format!("value {}", i + 1) };
        let names = if targets.is_empty() { (0..outputs).map(usual).collect() } else { targets.clone() };
        match last {
            Activation::Sigmoid | Activation::HardSigmoid => {
                TargetSchema::Labels { classes: vec![["0".into(), "1".into()]; outputs], names }
            }
            _ => TargetSchema::Values { names },
        }
    };
    Schema::numbers(features, target)
}

fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

fn check(what: &str, given: usize, expected: usize) -> Result<()> {
    if given == 0 || given == expected {
        return Ok(());
    }
    Err(Error::Mismatch(format!("{given} names of {what} for a network that has {expected}: name as many, or none")))
}

/// Returns the preprocessing that a network of another program was trained behind: `scaling` of the features, fitted on
/// all examples of `data`, and an imputer if features of it may be missing. Targets are not scaled.
///
/// It is that of scikit-learn's `StandardScaler`, `RobustScaler` and `MinMaxScaler`, but for columns that are constant in
/// the data, which become 0. [`Scaling::None`] and [`Scaling::Pixels`] do not change such columns.
#[must_use]
pub fn preprocessing(data: &Dataset, scaling: Scaling) -> Preprocessing {
    let width = data.features().columns();
    let fitted = Preprocessing::fit(data, scaling);
    let features = match scaling {
        Scaling::None => Scaler::identity(width),
        Scaling::Pixels => Scaler::divide_by(width, 255.0),
        _ => fitted.features().clone(),
    };
    Preprocessing::new(features, None).with_imputer(fitted.imputer().cloned())
}

/// Returns the scaler to (x − mean) / std of `columns` columns, which have a mean and a standard deviation each, or one
/// for all.
///
/// # Errors
/// If there are neither one nor as many of them as columns, one is not finite, or a standard deviation is not from 3·10⁻³⁹ to
/// 8·10³⁷.
pub fn standardization(mean: &[f64], std: &[f64], columns: usize) -> Result<Scaler> {
    for (name, count) in [("means", mean.len()), ("standard deviations", std.len())] {
        if count != 1 && count != columns {
            return Err(Error::Mismatch(format!(
                "{count} {name} for {columns} inputs: give one for each input, or one for all"
            )));
        }
    }
    if let Some(index) = std.iter().position(|&std| std <= 0.0 || !(1.0 / std as f32).is_normal()) {
        return Err(Error::Mismatch(format!(
            "standard deviation {} is {:e}, expected from 3e-39 to 8e37: of a column that was not divided, give 1",
            index + 1,
            std[index]
        )));
    }
    let spread = |numbers: &[f64]| if numbers.len() == 1 { vec![numbers[0]; columns] } else { numbers.to_vec() };
    let factor = spread(std).iter().map(|std| (1.0 / std) as f32).collect();
    Scaler::from_parts(spread(mean).iter().map(|&mean| mean as f32).collect(), factor)
}
