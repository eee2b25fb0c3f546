//! A network's numbers, kept for later.

use crate::network::Network;

/// The parameters of a network at some time, with running means and the like.
#[derive(Default)]
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
