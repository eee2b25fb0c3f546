//! A network's numbers, kept for later.

use crate::base::history::Epoch;
use crate::nn::network::Network;

/// The parameters of a network at some time, with running means and the like.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot(Vec<f32>);

impl Snapshot {
    pub(super) fn take(&mut self, network: &Network) {
        self.0.clear();
        self.0.reserve_exact(network.tensors().map(<[f32]>::len).sum());
        network.tensors().for_each(|values| self.0.extend_from_slice(values));
    }

    pub(super) fn restore(&self, network: &mut Network) {
        let mut rest = &self.0[..];
        network.change_tensors(|values| {
            let (these, others) = rest.split_at(values.len());
            values.copy_from_slice(these);
            rest = others;
        });
    }
}

/// Gives the trained tensors of `network` these values.
pub(super) fn set_parameters(network: &mut Network, values: &[f32]) {
    let mut rest = values;
    for tensor in network.parameters_mut() {
        let (these, others) = rest.split_at(tensor.len());
        tensor.copy_from_slice(these);
        rest = others;
    }
}

/// The weights of the best epoch so far.
#[derive(Default)]
pub(super) struct BestWeights {
    /// 0 before the first.
    pub(super) epoch: usize,
    pub(super) loss: f64,
    pub(super) weights: Snapshot,
}

impl BestWeights {
    /// Keeps the weights if the epoch was the best.
    pub(super) fn update(&mut self, record: &Epoch, network: &Network) {
        let loss = finite_or_worst(record.loss());
        if self.epoch == 0 || loss < self.loss {
            (self.epoch, self.loss) = (record.epoch, loss);
            self.weights.take(network);
        }
    }
}

/// Returns the loss, or infinity for NaN, which counts as worse than any other loss.
pub(super) fn finite_or_worst(loss: f64) -> f64 {
    if loss.is_nan() { f64::INFINITY } else { loss }
}
