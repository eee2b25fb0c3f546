//! Gradient clipping.

use crate::linalg::vectorize::{Vectorized, vectorize};

/// Scales `gradient` down to the Euclidean norm `limit` if its norm is above that, and returns the norm before (Pascanu,
/// Mikolov, Bengio, 2013). Apply it to the whole gradient of a network, before the optimizer's step.
///
/// ```
/// let mut gradient = [3.0, 4.0];
/// assert_eq!(palmnet::clip_norm(&mut gradient, 1.0), 5.0);
/// assert_eq!(gradient, [0.6, 0.8]);
/// assert_eq!(palmnet::clip_norm(&mut gradient, 2.0), 1.0);
/// assert_eq!(gradient, [0.6, 0.8]);
/// ```
///
/// A gradient that is not finite stays as it is.
pub fn clip_norm(gradient: &mut [f32], limit: f32) -> f32 {
    let norm = square_sum(gradient).sqrt();
    if norm > f64::from(limit) && norm.is_finite() {
        let factor = (f64::from(limit) / norm) as f32;
        gradient.iter_mut().for_each(|g| *g *= factor);
    }
    norm as f32
}

/// The sum of the squares, in an order of additions that is the same on every processor.
pub(crate) fn square_sum(values: &[f32]) -> f64 {
    vectorize(SquareSum(values))
}

struct SquareSum<'a>(&'a [f32]);

impl Vectorized for SquareSum<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        // Sixteen sums side by side: one would wait for itself at every addition.
        let mut sums = [0.0; 16];
        let mut add = |values: &[f32]| {
            sums.iter_mut().zip(values).for_each(|(sum, &x)| *sum += f64::from(x) * f64::from(x));
        };
        let chunks = self.0.chunks_exact(16);
        let rest = chunks.remainder();
        chunks.for_each(&mut add);
        add(rest);
        sums.iter().sum()
    }
}
