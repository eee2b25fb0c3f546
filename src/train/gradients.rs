//! The gradients of pieces, on their way from the threads that compute them to the leader and back.

use super::pieces::Piece;
use crate::linalg::aligned::Aligned;
use crate::linalg::reduce::square_sum;

/// Gradients, and memory for more: aligned, or one thread's buffer would be slower than another's.
pub(super) struct Gradients {
    /// Those that wait for their use, with the numbers of their pieces.
    waiting: Vec<(usize, Aligned)>,
    spare: Vec<Aligned>,
}

impl Gradients {
    /// Returns memory for as many gradients of these pieces as are on their way at once.
    pub(super) fn new(pieces: &[Piece], in_flight: usize) -> Self {
        let largest = pieces.iter().map(|piece| piece.parameters.len()).max().unwrap_or(0);
        let spare = (0..pieces.len().min(in_flight)).map(|_| Aligned::filled(largest, 0.0));
        Gradients { waiting: Vec::with_capacity(pieces.len()), spare: spare.collect() }
    }

    /// Returns memory for a gradient.
    pub(super) fn spare(&mut self) -> Aligned {
        self.spare.pop().unwrap_or_default()
    }

    /// Adds the gradient of the piece of this number.
    pub(super) fn add(&mut self, number: usize, gradient: Aligned) {
        self.waiting.push((number, gradient));
    }

    /// Takes back the memory of the gradient that was used last; returns the next one that waits, with its number.
    pub(super) fn next(&mut self, used: Option<Aligned>) -> Option<(usize, Aligned)> {
        self.spare.extend(used);
        self.waiting.pop()
    }

    /// Scales the gradients that wait, which must be those of all these pieces, to the largest norm that is allowed.
    pub(super) fn clip(&mut self, pieces: &[Piece], limit: f32) {
        let waiting = &mut self.waiting;
        // One sum in one order, whoever was first: each to the index of its number.
        for i in 0..waiting.len() {
            while waiting[i].0 != i {
                let number = waiting[i].0;
                waiting.swap(i, number);
            }
        }
        let of_parts = waiting.iter().flat_map(|(number, gradient)| pieces[*number].cut(gradient));
        let norm = of_parts.map(|(_, gradient)| square_sum(gradient)).sum::<f64>().sqrt();
        let limit = f64::from(limit);
        if norm > limit && norm.is_finite() {
            let factor = (limit / norm) as f32;
            waiting.iter_mut().for_each(|(_, gradient)| gradient.iter_mut().for_each(|g| *g *= factor));
        }
    }
}
