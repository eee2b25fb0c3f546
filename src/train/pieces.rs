//! The pieces that the parameters are cut into: a thread computes the gradient of one, and the leader updates it.

use std::ops::Range;

use crate::nn::backprop::{Part, Pass};
use crate::nn::network::Network;
use crate::optim::Optimizer;

/// The weights in a piece: their gradient leaves room for more in a first-level cache.
const WEIGHTS: usize = 8192;
/// The fewest rows of a layer's weights that make a part, however wide they are: a few register tiles.
const ROWS: usize = 28;

/// Parts of layers that lie together: one of a large layer, or all of some small ones, each of which would take longer
/// to hand over than to compute.
pub(super) struct Piece {
    pub(super) parts: Vec<Part>,
    /// The indices of their parameters among all.
    pub(super) parameters: Range<usize>,
}

impl Piece {
    /// Returns the pieces of everything that the pass trains.
    pub(super) fn all(network: &Network, pass: &Pass) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        for part in pass.parts(network, |outputs| (WEIGHTS / outputs.max(1)).max(ROWS)) {
            let end = part.parameters.end;
            match pieces.last_mut() {
                Some(Piece { parts, parameters }) if end - parameters.start <= WEIGHTS => {
                    parts.push(part);
                    parameters.end = end;
                }
                _ => pieces.push(Piece { parameters: part.parameters.clone(), parts: vec![part] }),
            }
        }
        pieces
    }

    /// Returns the parts, each with its own of the piece's `gradient`.
    pub(super) fn cut<'a>(&'a self, gradient: &'a [f32]) -> impl Iterator<Item = (&'a Part, &'a [f32])> {
        let start = self.parameters.start;
        self.parts.iter().map(move |part| (part, &gradient[part.parameters.start - start..][..part.parameters.len()]))
    }

    /// Updates the parameters; returns `false` if one is no longer finite.
    pub(super) fn update(&self, network: &mut Network, optimizer: &mut Optimizer, gradient: &[f32]) -> bool {
        let mut finite = true;
        for (Part { layer, rows, columns, parameters, .. }, gradient) in self.cut(gradient) {
            let Some([weights, bias]) = network.layers_mut()[*layer].weights_and_bias_mut() else { continue };
            let (of_weights, of_bias) = gradient.split_at(rows.len() * columns);
            let weights = &mut weights[rows.start * columns..][..of_weights.len()];
            finite &= optimizer.update(weights, of_weights, parameters.start);
            let start = parameters.start + of_weights.len();
            finite &= optimizer.update(&mut bias[..of_bias.len()], of_bias, start);
        }
        finite
    }
}
