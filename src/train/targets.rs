//! Targets that a loss or the outputs of a network cannot reach: a training would diverge, or end without a warning in a
//! network that is of no use.

use std::fmt::Display;

use crate::base::error::{Error, Result};
use crate::base::text::quoted;
use crate::data::{Dataset, TargetSchema};
use crate::linalg::matrix::Matrix;
use crate::nn::activation::Activation;
use crate::nn::layer::Layer;
use crate::nn::loss::Loss;
use crate::nn::network::Network;

/// How far a target may be outside a range: scaling to the range rounds.
const ROUNDING: f32 = 1e-6;
/// How far the sum of a row of probabilities may be from 1: they may be written with two digits each.
const SUM_ROUNDING: f64 = 0.1;

/// Refuses targets of training data that the outputs of `network` cannot come near to, and those that [`check_loss`]
/// refuses.
pub(super) fn check(network: &Network, loss: Loss, data: &Dataset) -> Result<()> {
    check_loss(loss, data)?;
    let output = last_activation(network);
    let remedy = "end the network in identity, or scale the targets to that range";
    check_range(data, output.range(), &format_args!("the outputs of {output} are"), remedy)?;
    if output == Activation::Softmax { check_sums(data, &output) } else { Ok(()) }
}

/// Refuses targets that are not probabilities, if the loss is defined for probabilities alone.
pub(super) fn check_loss(loss: Loss, data: &Dataset) -> Result<()> {
    if !loss.is_of_probabilities() {
        return Ok(());
    }
    let remedy = "leave targets in that range unscaled, or end the network in identity and use mean_squared_error";
    check_range(data, (0.0, 1.0), &format_args!("{loss} is for targets"), remedy)?;
    if loss.is_of_classes() { check_sums(data, &loss) } else { Ok(()) }
}

/// Returns the activation that the outputs come from in prediction.
fn last_activation(network: &Network) -> Activation {
    let mut layers = network.member_layers().iter().rev();
    match layers.find(|layer| !matches!(layer, Layer::Dropout(_) | Layer::Noise(_))) {
        Some(Layer::Activation(activation)) => *activation,
        _ => Activation::Identity,
    }
}

fn check_range(data: &Dataset, (least, most): (f32, f32), what: &dyn Display, remedy: &str) -> Result<()> {
    let (Some(values), TargetSchema::Values { names }) = (data.values(), data.schema().target()) else { return Ok(()) };
    let is_outside = |&y: &f32| y < least - ROUNDING || y > most + ROUNDING;
    let Some(index) = values.as_slice().iter().position(is_outside) else { return Ok(()) };
    let (row, name, value) = (index / names.len(), quoted(&names[index % names.len()]), values.as_slice()[index]);
    Err(Error::Mismatch(format!(
        "the target {name} of example {row}, counted from 0, is {value} (scaled, if the targets are), and {what} from \
         {least} to {most}: {remedy}"
    )))
}

fn check_sums(data: &Dataset, what: &dyn Display) -> Result<()> {
    for (row, y) in data.targets().matrix().into_iter().flat_map(Matrix::iter_rows).enumerate() {
        let sum: f64 = y.iter().map(|&y| f64::from(y)).sum();
        if (sum - 1.0).abs() > SUM_ROUNDING {
            return Err(Error::Mismatch(format!(
                "the targets of example {row}, counted from 0, sum to {sum}, and {what} is for probabilities that sum to \
                 1: for several yes or no at once, end the network in sigmoid and use binary_cross_entropy"
            )));
        }
    }
    Ok(())
}
