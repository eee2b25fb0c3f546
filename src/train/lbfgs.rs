//! Training by L-BFGS: each epoch is an iteration on the loss of all examples.

use std::time::Instant;

use super::checkpoint::{Keeper, Memory, Place, Saved};
use super::run::Event;
use super::step::{Extras, Round, Shared};
use super::trainer::Trainer;
use crate::base::error::{Error, Result};
use crate::base::history::{Epoch, History};
use crate::base::parallel::{self, Team};
use crate::data::Dataset;
use crate::nn::backprop::Pass;
use crate::nn::layer::Layer;
use crate::nn::network::Network;
use crate::optim::lbfgs::Minimiser;
use crate::optim::{Lbfgs, Penalty};

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

/// What a training begins with, beside network and data.
pub(super) struct Start {
    pub(super) rule: Lbfgs,
    /// The checkpoint to go on from.
    pub(super) saved: Option<Saved>,
    pub(super) extras: Extras,
}

/// As [`Trainer::fit`], for rows of `data`, with the loss measured on rows of `validation`.
pub(super) fn fit(
    trainer: &Trainer<'_>,
    Start { rule, saved, extras }: Start,
    network: &mut Network,
    pass: &Pass,
    data: (&Dataset, Vec<usize>),
    validation: (&Dataset, Vec<usize>),
    keeper: &mut Keeper<'_, '_>,
) -> Result<History> {
    let mut memory = None;
    let mut place = match saved {
        None => Place::default(),
        Some(saved) => {
            let place =
                saved.restore(network, trainer.epochs, 1, &mut |saved| memory.insert(saved).learning_rate >= 0.0);
            place.ok_or_else(|| keeper.contradiction())?
        }
    };
    let weights: Vec<f32> = network.parameters().flatten().copied().collect();
    let (decay, sums) = (decay(network, trainer.penalty, extras.frozen), vec![0.0; weights.len()]);
    let shared = Shared::new(network, pass, CHUNK, data, validation, extras);
    let mut objective = Objective { shared: &shared, decay, sums };
    parallel::team(shared.threads, &|round, piece| shared.work(round, piece), |team| {
        let (start, seconds_before) = (Instant::now(), place.seconds);
        // The function and its gradient are computed again from the weights, to the same bits.
        let mut minimiser = Minimiser::new(rule, weights, &mut |x, gradient| objective.at(team, x, gradient));
        if !minimiser.value.is_finite() {
            let message = format!(
                "the loss is {} at the first weights. Scale features and targets, or look for extreme values in the data",
                minimiser.value
            );
            return Err(Error::diverged(1, 1, message, History::default()));
        }
        // The last step, and whether it was the last of all.
        let (mut step, mut over) = (0.0, false);
        if let Some(memory) = memory {
            if !minimiser.restore(usize::try_from(memory.steps).unwrap_or(usize::MAX), memory.moments) {
                return Err(keeper.contradiction());
            }
            step = memory.learning_rate;
            over = step == 0.0 || minimiser.is_over();
        }
        for epoch in place.history.epochs.len() + 1..=trainer.epochs {
            // A training may have been stopped between its step and the record of it.
            if place.batch == 0 {
                if over || trainer.has_stopped(&place) {
                    break;
                }
                let iteration = minimiser.iterate(&mut |x, gradient| objective.at(team, x, gradient));
                (step, over) = (iteration.step as f32, iteration.over);
            }
            shared.set_weights(&minimiser.x);
            let (idle, moments) = minimiser.memory();
            let memory = Memory { steps: idle as u64, learning_rate: step, moments };
            let train_loss = minimiser.value - objective.penalty(&minimiser.x);
            if place.batch == 0
                && keeper.tell(Event::Batch { epoch, batch: 1, batches: 1, loss: train_loss }).is_break()
            {
                (place.batch, place.seconds) = (1, seconds_before + start.elapsed().as_secs_f64());
                keeper.write(&shared.network(), &memory, &place)?;
                break;
            }
            let validation_loss = shared.validation_loss(team);
            let seconds = seconds_before + start.elapsed().as_secs_f64();
            let record = Epoch { epoch, train_loss, validation_loss, learning_rate: step, seconds };
            (place.batch, place.seconds) = (0, seconds);
            let network = shared.network();
            keeper.end_epoch();
            let stopped = trainer.end_epoch(record, &network, &mut place, keeper).is_break();
            if stopped || keeper.due() {
                keeper.write(&network, &memory, &place)?;
            }
            if stopped {
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
