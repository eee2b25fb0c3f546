//! Gradient clipping.

use crate::linalg::reduce::square_sum;

/// Scales `gradient` down to the Euclidean norm `limit` if its norm is above that, and returns the norm before
/// (Pascanu, Mikolov, Bengio, 2013). Apply it to the whole gradient of a network, before the optimizer's step.
///
/// ```
/// let mut gradient = [3.0, 4.0];
/// assert_eq!(palmnet::optim::clip_norm(&mut gradient, 1.0), 5.0);
/// assert_eq!(gradient, [0.6, 0.8]);
/// assert_eq!(palmnet::optim::clip_norm(&mut gradient, 2.0), 1.0);
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
