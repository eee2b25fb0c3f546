//! Training by L-BFGS: each epoch is an iteration on the loss of all examples.

use std::time::Instant;

use super::checkpoint::Place;
use super::history::{Epoch, History};
use super::step::{Extras, Round, Shared};
use super::trainer::{Event, Trainer};
use crate::backprop::Pass;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::network::Network;
use crate::optimizer::{Iteration, Lbfgs, Minimiser, Penalty};
use crate::parallel::{self, Team};

/// Examples that go through the network at a time: enough for several threads, few enough for little memory and little rounding: the sums
/// over them are in single precision, those over the chunks in double.
const CHUNK: usize = 256;

/// Refuses what would give another function at every step, or is no part of the one that is minimised.
pub(super) fn check(trainer: &Trainer<'_>, network: &Network) -> Result<()> {
    let refuse = |what: &str| Err(Error::Setting(format!("L-BFGS {what}, or take another rule, such as Adam")));
    if trainer.penalty.only_l2().is_none() {
        return refuse("takes no L1 penalty, which is not smooth, and no weight decay past the gradient: use L2");
    }
    let Extras { clip_norm, max_norm, .. } = trainer.extras;
    if trainer.clip_value.min(clip_norm).min(max_norm) < f32::INFINITY {
        return refuse(
            "needs the gradient as it is, and weights that nobody else changes: leave out clipping and max-norm",
        );
    }
    if trainer.checkpoints.is_some() {
        return refuse("cannot be resumed: leave out checkpoints");
    }
    if trainer.warmup > 0.0 {
        return refuse("finds the length of its steps by itself: leave out the warm-up");
    }
    let random = |layer: &Layer| match layer {
        Layer::Dropout(dropout) => dropout.rate() > 0.0,
        Layer::Noise(noise) => noise.deviation() > 0.0,
        _ => false,
    };
    // The layers that are not trained work as in prediction.
    let layers = &network.layers()[trainer.first_trained(network)?..];
    if layers.iter().any(random) {
        return refuse(
            "needs a loss that stays the same from step to step: leave out dropout and noise, and use L2 instead",
        );
    }
    if layers.iter().any(|layer| matches!(layer, Layer::BatchNorm(_))) {
        return refuse("has no batches to normalise over: use layer normalisation");
    }
    Ok(())
}

/// As [`Trainer::fit`], for rows of `data`, with the loss measured on rows of `validation`.
pub(super) fn fit(
    trainer: &mut Trainer<'_>,
    rule: Lbfgs,
    network: &mut Network,
    pass: &Pass,
    data: (&Dataset, Vec<usize>),
    validation: (&Dataset, Vec<usize>),
    extras: Extras,
) -> Result<History> {
    let weights: Vec<f32> = network.parameters().flatten().copied().collect();
    let (decay, sums) = (decay(network, trainer.penalty, extras.frozen), vec![0.0; weights.len()]);
    let shared = Shared::new(network, pass, CHUNK, data, validation, extras);
    let mut objective = Objective { shared: &shared, decay, sums };
    parallel::team(shared.threads, &|round, piece| shared.work(round, piece), |team| {
        let mut place = Place::default();
        let start = Instant::now();
        let mut minimiser = Minimiser::new(rule, weights, &mut |x, gradient| objective.at(team, x, gradient));
        if !minimiser.value.is_finite() {
            let message = format!(
                "the loss is {} at the first weights. Scale features and targets, or look for extreme values in the data",
                minimiser.value
            );
            return Err(Error::Diverged { epoch: 1, batch: 1, message });
        }
        for epoch in 1..=trainer.epochs {
            let Iteration { step, over } = minimiser.iterate(&mut |x, gradient| objective.at(team, x, gradient));
            shared.set_weights(&minimiser.x);
            let train_loss = minimiser.value - objective.penalty(&minimiser.x);
            if trainer.tell(Event::Batch { epoch, batch: 1, batches: 1, loss: train_loss }).is_break() {
                break;
            }
            let validation_loss = shared.validation_loss(team);
            let (learning_rate, seconds) = (step as f32, start.elapsed().as_secs_f64());
            let record = Epoch { epoch, train_loss, validation_loss, learning_rate, seconds };
            let stopped = trainer.end_epoch(record, &shared.network(), &mut place).is_break();
            if stopped || over || trainer.has_stopped(&place) {
                break;
            }
        }
        Ok(place.finish(&shared))
    })
}

/// What is minimised: the mean loss on all examples, and the penalty.
struct Objective<'s, 'a> {
    shared: &'s Shared<'a>,
    /// The L2 penalty's strength for every parameter.
    decay: Vec<f32>,
    /// The gradient of the loss.
    sums: Vec<f64>,
}

impl Objective<'_, '_> {
    /// Its value with these weights, which the network then has, and its gradient.
    fn at(&mut self, team: &mut Team<'_, Round>, weights: &[f32], gradient: &mut [f32]) -> f64 {
        self.sums.fill(0.0);
        let loss = self.shared.loss_and_gradient(team, weights, CHUNK, &mut self.sums);
        for (((sum, gradient), &weight), &l2) in self.sums.iter().zip(gradient).zip(weights).zip(&self.decay) {
            *gradient = (sum + f64::from(l2) * f64::from(weight)) as f32;
        }
        loss + self.penalty(weights)
    }

    fn penalty(&self, weights: &[f32]) -> f64 {
        let of_weight = |(&weight, &l2): (&f32, &f32)| 0.5 * f64::from(l2) * f64::from(weight) * f64::from(weight);
        weights.iter().zip(&self.decay).map(of_weight).sum()
    }
}

/// The L2 penalty's strength for every parameter: none for those of the layers before `first`, which stay.
fn decay(network: &Network, penalty: Penalty, first: usize) -> Vec<f32> {
    let l2 = penalty.only_l2().unwrap_or(0.0);
    let mut decay = Vec::with_capacity(network.parameter_count());
    for (i, layer) in network.layers().iter().enumerate() {
        for (name, values) in layer.parameters() {
            let strength = if i >= first && penalty.covers(name) { l2 } else { 0.0 };
            decay.resize(decay.len() + values.len(), strength);
        }
    }
    decay
}
