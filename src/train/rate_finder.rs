//! The search for a learning rate.

use super::step::Shared;
use super::trainer::Trainer;
use crate::base::error::{Error, Result};
use crate::base::history::History;
use crate::base::parallel::{self, write};
use crate::base::rng::{Rng, purpose};
use crate::data::Dataset;
use crate::nn::backprop::Pass;
use crate::nn::network::Network;
use crate::optim::{Optimizer, Rule};

/// The steps of a search, and the first of their rates, of which each is by `GROWTH` larger than the one before: from
/// 10⁻⁶ to 10, seven powers of ten.
const STEPS: usize = 101;
const FIRST: f64 = 1e-6;
const GROWTH: f64 = 1.174_897_554_939_529_5;
/// The loss is measured on so many examples, always the same, after each step: that of the batches would say more of
/// the batches than of the rates.
const PROBE: usize = 1000;
/// Where the loss is above its first value and so many times the least, it will not come down again.
const EXPLODED: f64 = 4.0;
/// Less of a fall, as a part of the loss, is none.
const FALL: f64 = 0.01;

/// What [`Trainer::find_rate`] found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RateSearch {
    /// The learning rate to train with, in two digits. `None` where no rate made the loss fall.
    pub rate: Option<f32>,
    /// The learning rate of each step, with the loss after it.
    pub curve: Vec<(f32, f64)>,
}

impl Trainer<'_> {
    /// Looks for a learning rate for this trainer's rule, whatever its own is (Smith, 2017): trains a copy of `network`
    /// for a hundred steps at a rate that rises from 10⁻⁶ to 10, or until the loss explodes.
    ///
    /// The rate that is found is half of that at which the loss had fallen by 95 of 100 parts of all that it fell: a
    /// little below where steps get too large. Epochs, schedule and validation have no influence. The seed has: it
    /// chooses the batches, and up to 1000 examples on which the loss is measured after each step.
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
    /// When a setting is out of range, when data, network and loss do not fit each other, when the loss is not finite
    /// from the start, and when the rule is Rprop or L-BFGS, which find their steps as they go.
    pub fn find_rate(&self, network: &Network, data: &Dataset) -> Result<RateSearch> {
        self.check(network, data)?;
        if let Rule::Rprop(_) | Rule::Lbfgs(_) = self.rule {
            let message = "Rprop and L-BFGS find their steps as they go: there is no learning rate to look for";
            return Err(Error::Setting(message.into()));
        }
        let mut rng = Rng::stream(self.seed, purpose::RATE);
        let mut rows: Vec<usize> = (0..data.len()).collect();
        rng.shuffle(&mut rows);
        let probe = rows[..rows.len().min(PROBE)].to_vec();
        let mut trial = network.clone();
        let extras = self.extras_for(network, data)?;
        let pass = Pass::new(&trial, self.loss, self.seed)?.freeze(&trial, extras.frozen);
        let mut optimizer = Optimizer::new(self.rule, &trial).penalty(self.penalty).clip_value(self.clip_value);
        let shared = Shared::new(&mut trial, &pass, self.batch_size, (data, rows), (data, probe), extras);
        parallel::team(shared.threads, &|round, piece| shared.work(round, piece), |team| {
            let mut curve = Vec::new();
            let (mut seen, mut least, mut rate) = (0, f64::INFINITY, FIRST);
            let first = shared.validation_loss(team).unwrap_or(f64::NAN);
            if !first.is_finite() {
                let message = format!(
                    "the loss is {first} before the first step. Scale features and targets, or look for extreme values in the data"
                );
                return Err(Error::diverged(1, 1, message, History::default()));
            }
            for step in 0..STEPS as u64 {
                if seen == data.len() {
                    rng.shuffle(&mut write(&shared.order));
                    seen = 0;
                }
                let end = data.len().min(seen.saturating_add(self.batch_size));
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
        })
    }
}

/// The rate that this curve speaks for, where the loss was `first` before it.
fn choose(first: f64, curve: &[(f32, f64)]) -> Option<f32> {
    let least = curve.iter().map(|&(_, loss)| loss).fold(first, f64::min);
    let fall = first - least;
    if fall <= FALL * first.abs() {
        return None;
    }
    // The least itself comes late on a curve that has become level, and there it is chance.
    let &(rate, _) = curve.iter().find(|&&(_, loss)| loss <= least + 0.05 * fall)?;
    // Two digits say all that is known.
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
        // From 9 the fall was over at 0.52.
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
