//! Training by L-BFGS: each epoch is an iteration on the loss of all examples.

use std::ops::ControlFlow;

use super::config::Config;
use super::position::{Position, RuleState};
use super::session::Session;
use super::step::{Shared, StepMemory, Task};
use super::training::Training;
use crate::base::error::{Error, Result};
use crate::base::history::History;
use crate::base::parallel::Team;
use crate::nn::network::Network;
use crate::optim::lbfgs::Minimizer;
use crate::optim::{Lbfgs, Penalty};

/// The number of examples that go through the network at a time: enough for several threads, and few enough for little
/// memory and small rounding errors, because the sums over them are in single precision, those over the chunks in
/// double.
const CHUNK: usize = 256;

/// Trains from the start, or resumes from a checkpoint.
pub(super) fn fit(
    config: &Config,
    rule: Lbfgs,
    training: Training<'_>,
    session: &mut Session<'_, '_>,
) -> Result<History> {
    let Training { network, pass, examples, options, restored } = training;
    let mut state = None;
    let position = match restored {
        Some(restored) => restored
            .apply(network, config.epochs, 1, &mut |saved| state.insert(saved).learning_rate >= 0.0)
            .ok_or_else(|| session.writer.contradiction())?,
        None => Position::new(config.rule.learning_rate()),
    };
    session.begin(config, position);
    let weights: Vec<f32> = network.parameters().flatten().copied().collect();
    let (decay, sums) = (decay(network, config.penalty, options.frozen), vec![0.0; weights.len()]);
    let memory = StepMemory::new(network, &pass, &options, CHUNK.min(examples.train.rows.len()), config.threads);
    let shared = &Shared::new(network, examples, options, &memory);
    let mut objective = Objective { shared, decay, sums };
    shared.with_team(|team| {
        // The function and its gradient are computed again from the weights, to the same bits.
        let minimizer = Minimizer::new(rule, weights, &mut |x, gradient| objective.at(team, x, gradient));
        let mut descent = Descent { minimizer, objective, session, step: 0.0, is_over: false };
        descent.begin(state)?;
        descent.run(team)
    })
}

struct Descent<'a, 's, 'r> {
    minimizer: Minimizer,
    objective: Objective<'a>,
    session: &'a mut Session<'s, 'r>,
    /// The length of the last step, and whether it was the last of all.
    step: f32,
    is_over: bool,
}

impl Descent<'_, '_, '_> {
    /// Checks the first value, and continues from the state of an earlier run.
    fn begin(&mut self, state: Option<RuleState<Vec<f32>>>) -> Result<()> {
        if !self.minimizer.value.is_finite() {
            let message = format!(
                "the loss is {} at the first weights. Scale features and targets, or look for extreme values in the \
                 data",
                self.minimizer.value
            );
            return Err(Error::diverged(1, 1, message, History::default()));
        }
        if let Some(RuleState { steps, learning_rate, moments }) = state {
            if !self.minimizer.restore(usize::try_from(steps).unwrap_or(usize::MAX), moments) {
                return Err(self.session.writer.contradiction());
            }
            self.step = learning_rate;
            self.is_over = learning_rate == 0.0 || self.minimizer.is_over();
        }
        Ok(())
    }

    fn run(mut self, team: &mut Team<'_, Task>) -> Result<History> {
        while self.session.next_epoch().is_some() {
            // A training may have been stopped between its step and the record of it.
            let is_stepped = self.session.position.batch > 0;
            if !is_stepped && self.is_over {
                break;
            }
            if !is_stepped {
                let iteration = self.minimizer.iterate(&mut |x, gradient| self.objective.at(team, x, gradient));
                (self.step, self.is_over) = (iteration.step as f32, iteration.over);
            }
            self.objective.shared.set_weights(&self.minimizer.x);
            let train_loss = self.minimizer.value - self.objective.penalty(&self.minimizer.x);
            if !is_stepped && self.end_batch(train_loss)?.is_break() {
                break;
            }
            let validation_loss = self.objective.shared.validation_loss(team);
            let record = self.session.record(train_loss, validation_loss, self.step);
            let network = self.objective.shared.network();
            let flow = self.session.end_epoch(record, &network)?;
            self.session.write_if_due(flow, &network, || state(&self.minimizer, self.step))?;
            if flow.is_break() {
                break;
            }
        }
        Ok(self.session.finish(self.objective.shared))
    }

    fn end_batch(&mut self, train_loss: f64) -> Result<ControlFlow<()>> {
        let network = self.objective.shared.network();
        let flow = self.session.end_batch(1, 1, train_loss, &network)?;
        self.session.write_if_due(flow, &network, || state(&self.minimizer, self.step))?;
        Ok(flow)
    }
}

/// Returns the state that a checkpoint holds, after a step of this length.
fn state(minimizer: &Minimizer, step: f32) -> RuleState<&[f32]> {
    let (idle, moments) = minimizer.memory();
    RuleState { steps: idle as u64, learning_rate: step, moments }
}

/// The function that is minimized: the mean loss on all examples plus the penalty.
struct Objective<'a> {
    shared: &'a Shared<'a>,
    /// The strength of the L2 penalty for every parameter.
    decay: Vec<f32>,
    /// The gradient of the loss.
    sums: Vec<f64>,
}

impl Objective<'_> {
    /// Returns its value with these weights, which the network then has, and writes its gradient.
    fn at(&mut self, team: &mut Team<'_, Task>, weights: &[f32], gradient: &mut [f32]) -> f64 {
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

/// Returns the strength of the L2 penalty for every parameter: zero for those of frozen layers, which are those before
/// `first`.
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
