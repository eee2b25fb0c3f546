//! The position of a training: everything that it needs to continue, besides the network.

use super::snapshot::BestWeights;
use crate::base::history::History;
use crate::nn::network::Network;
use crate::optim::Optimizer;

/// The position of a training, without the network and the state of the update rule.
#[derive(Default)]
pub(super) struct Position {
    /// The epochs that are done.
    pub(super) history: History,
    pub(super) best: BestWeights,
    /// The mini-batches of the current epoch that are done, and the sum of their examples' losses.
    pub(super) batch: usize,
    pub(super) loss_sum: f64,
    /// The learning rate before the factor of the schedule, which an observer may have changed.
    pub(super) learning_rate: f32,
    /// The time that training has taken.
    pub(super) seconds: f64,
}

impl Position {
    /// Returns the position before the first epoch.
    pub(super) fn new(learning_rate: f32) -> Self {
        Position { learning_rate, ..Position::default() }
    }

    /// Returns the number of steps taken, in epochs of `batches` mini-batches.
    pub(super) fn steps(&self, batches: usize) -> u64 {
        self.history.epochs.len().saturating_mul(batches).saturating_add(self.batch) as u64
    }
}

/// The state of an update rule.
pub(super) struct RuleState<V> {
    /// The number of steps taken; for L-BFGS, the number of steps in a row that have hardly decreased the loss.
    pub(super) steps: u64,
    /// The learning rate of the last step.
    pub(super) learning_rate: f32,
    /// Vectors of one number for each parameter.
    pub(super) moments: Vec<V>,
}

impl<'o> RuleState<&'o [f32]> {
    pub(super) fn of(optimizer: &'o Optimizer) -> Self {
        let (steps, learning_rate) = (optimizer.steps(), optimizer.learning_rate());
        RuleState { steps, learning_rate, moments: optimizer.moments().collect() }
    }
}

/// The starts that [`Trainer::fit_best_of`](crate::Trainer::fit_best_of) chooses among, while their short trainings are
/// under way.
#[derive(Default)]
pub(super) struct Starts {
    /// The number of them that are done.
    pub(super) done: usize,
    /// The best of those, with its loss.
    pub(super) best: Option<(f64, Network)>,
}

/// A training as it was when a checkpoint was written.
pub(super) struct Restored {
    pub(super) network: Network,
    pub(super) position: Position,
    pub(super) rule: RuleState<Vec<f32>>,
}

impl Restored {
    /// Restores the network, and gives the state of the update rule to `accept`. Returns the position in a training of
    /// `epochs` epochs of `batches` mini-batches, or `None` if that is impossible.
    pub(super) fn apply(
        self,
        network: &mut Network,
        epochs: usize,
        batches: usize,
        accept: &mut dyn FnMut(RuleState<Vec<f32>>) -> bool,
    ) -> Option<Position> {
        let Restored { network: saved, position, rule } = self;
        let steps = position.steps(batches);
        let possible = steps <= epochs.saturating_mul(batches) as u64
            && position.best.epoch <= position.history.epochs.len()
            && position.batch <= batches
            && rule.steps <= steps
            && is_rate(position.learning_rate)
            && layers(&saved) == layers(network);
        if !possible || !accept(rule) {
            return None;
        }
        *network = saved;
        Some(position)
    }
}

/// Returns whether steps can be taken at this learning rate.
pub(super) fn is_rate(learning_rate: f32) -> bool {
    learning_rate.is_finite() && learning_rate > 0.0
}

/// Returns the layers of a network as text.
pub(super) fn layers(network: &Network) -> String {
    network.layers().iter().map(|layer| layer.to_string()).collect::<Vec<String>>().join(" ")
}
