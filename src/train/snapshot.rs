//! Weights, kept for later.

use crate::network::Network;

/// The weights of a network at some time.
#[derive(Default)]
pub(super) struct Snapshot(Vec<f32>);

impl Snapshot {
    pub(super) fn take(&mut self, network: &Network) {
        self.0.clear();
        self.0.reserve_exact(network.parameter_count());
        network.parameters().for_each(|values| self.0.extend_from_slice(values));
    }

    pub(super) fn restore(&self, network: &mut Network) {
        set_weights(network, &self.0);
    }
}

/// Gives `network` these weights.
pub(super) fn set_weights(network: &mut Network, weights: &[f32]) {
    let mut rest = weights;
    for values in network.parameters_mut() {
        let (these, others) = rest.split_at(values.len());
        values.copy_from_slice(these);
        rest = others;
    }
}
