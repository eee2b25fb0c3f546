//! The search for a learning rate.

use super::step::{Examples, Rows, Shared, StepMemory, Task};
use super::trainer::Trainer;
use crate::base::error::{Error, Result};
use crate::base::history::History;
use crate::base::parallel::Team;
use crate::base::rng::{Rng, purpose};
use crate::data::Dataset;
use crate::nn::backprop::Pass;
use crate::nn::network::Network;
use crate::optim::{Optimizer, Rule};

/// The number of steps, the first rate, and the factor from each rate to the next: from 10⁻⁶ to 10, seven powers of
/// ten.
const STEPS: usize = 101;
const FIRST: f64 = 1e-6;
const GROWTH: f64 = 1.174_897_554_939_529_5;
/// The number of examples, always the same, on which the loss is measured after each step. The losses of mini-batches
/// would depend more on the mini-batches than on the rates.
const PROBE: usize = 1000;
/// If the loss is above its first value and this many times the least, it will not come down again.
const EXPLODED: f64 = 4.0;
/// The smallest decrease that counts, as a fraction of the loss.
const FALL: f64 = 0.01;

/// The result of [`Trainer::find_rate`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RateSearch {
    /// The learning rate to train with, in two digits. `None` if no rate decreased the loss.
    pub rate: Option<f32>,
    /// The learning rate of each step, with the loss after it.
    pub curve: Vec<(f32, f64)>,
}

impl Trainer {
    /// Searches for a learning rate for this trainer's rule, independent of its current one (Smith, 2017): trains a
    /// copy of `network` for a hundred steps at a rate that increases from 10⁻⁶ to 10, or until the loss explodes.
    ///
    /// The rate that is found is half of that at which the loss has made 95 % of its whole decrease: a little below the
    /// rates that are too large. Epochs, schedule and validation have no influence. The seed has: it chooses the
    /// mini-batches, and up to 1000 examples on which the loss is measured after each step.
    ///
    /// ```
    /// use palmnet::{Activation::*, Adam, Loss, Network, Trainer, generate};
    /// let data = generate::moons(300, 0.1, 1);
    /// let network = Network::builder(2).dense(16, Relu).dense(1, Sigmoid).seed(1).build()?;
    /// let found = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.001)).find_rate(&network, &data)?;
    /// assert!(found.rate.is_some_and(|rate| rate > 0.001 && rate < 0.5));
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a setting is out of range, if data, network and loss do not fit each other, if the loss is not finite from
    /// the start, and if the rule is Rprop or L-BFGS, which find their steps as they go.
    pub fn find_rate(&self, network: &Network, data: &Dataset) -> Result<RateSearch> {
        let config = &self.config;
        config.check(network, data)?;
        config.check_memory(network, data.len(), data.len().min(PROBE))?;
        if let Rule::Rprop(_) | Rule::Lbfgs(_) = config.rule {
            let message = "Rprop and L-BFGS find their steps as they go: there is no learning rate to look for";
            return Err(Error::Setting(message.into()));
        }
        let mut rng = Rng::stream(config.seed, purpose::RATE);
        let mut train = Rows::all(data);
        rng.shuffle(&mut train.rows);
        let probe = train.rows[..data.len().min(PROBE)].to_vec();
        let examples = Examples { train, validation: Rows { data, rows: probe } };
        let mut trial = network.clone();
        let options = config.step_options(network, data)?;
        let pass = Pass::new(&trial, config.loss, config.seed)?.freeze(&trial, options.frozen);
        let optimizer = config.optimizer(&trial);
        let memory = StepMemory::new(&trial, &pass, &options, config.batch_size.min(data.len()), config.threads);
        let shared = &Shared::new(&mut trial, examples, options, &memory);
        shared.with_team(|team| search(config.batch_size, shared, optimizer, rng, team))
    }
}

/// Takes a step at each rate, in mini-batches of this size.
fn search(
    batch_size: usize,
    shared: &Shared<'_>,
    mut optimizer: Optimizer,
    mut rng: Rng,
    team: &mut Team<'_, Task>,
) -> Result<RateSearch> {
    let examples = shared.rows().len();
    let mut curve = Vec::new();
    let (mut seen, mut least, mut rate) = (0, f64::INFINITY, FIRST);
    let first = shared.validation_loss(team).unwrap_or(f64::NAN);
    if !first.is_finite() {
        let message = format!(
            "the loss is {first} before the first step. Scale features and targets, or look for extreme values in the \
             data"
        );
        return Err(Error::diverged(1, 1, message, History::default()));
    }
    for step in 0..STEPS as u64 {
        if seen == examples {
            rng.shuffle(&mut shared.order());
            seen = 0;
        }
        let end = examples.min(seen.saturating_add(batch_size));
        optimizer.set_learning_rate(rate as f32);
        if shared.step(team, &mut optimizer, step, seen..end).is_err() {
            break;
        }
        let loss = shared.validation_loss(team).unwrap_or(f64::NAN);
        if !loss.is_finite() {
            break;
        }
        curve.push((rate as f32, loss));
        least = least.min(loss);
        if loss > first && loss > EXPLODED * least {
            break;
        }
        (seen, rate) = (end, rate * GROWTH);
    }
    Ok(RateSearch { rate: choose(first, &curve), curve })
}

/// Returns the rate that this curve suggests, if the loss was `first` before it.
fn choose(first: f64, curve: &[(f32, f64)]) -> Option<f32> {
    let least = curve.iter().map(|&(_, loss)| loss).fold(first, f64::min);
    let fall = first - least;
    if fall <= FALL * first.abs() {
        return None;
    }
    // On a curve that has become level, the index of the least itself is chance.
    let &(rate, _) = curve.iter().find(|&&(_, loss)| loss <= least + 0.05 * fall)?;
    // More than two digits would suggest a precision that the search does not have.
    format!("{:.1e}", 0.5 * rate).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_where_the_fall_is_over() {
        let curve = [(0.001, 1.0), (0.003, 0.9), (0.01, 0.52), (0.0322, 0.105), (0.1, 0.1), (0.3, 5.0)];
        // 0.1 + 0.05 · 0.9 is 0.145.
        assert_eq!(choose(1.0, &curve), Some(0.016));
        // From 9 the decrease was over at 0.52.
        assert_eq!(choose(9.0, &curve), Some(0.005));
        assert_eq!(choose(0.1, &curve), None);
        assert_eq!(choose(0.1009, &curve), None);
        assert_eq!(choose(1.0, &[]), None);
    }

    #[test]
    fn rates_end_at_ten() {
        let last = (1..STEPS).fold(FIRST, |rate, _| rate * GROWTH);
        assert!((last - 10.0).abs() < 1e-9, "{last}");
    }
}
