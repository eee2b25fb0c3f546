//! Dropout.

use crate::base::error::{Error, Result};
use crate::linalg::matrix::Matrix;

/// While training, sets each entry to zero with probability `rate` and divides the others by 1 - `rate`, so that
/// their expectation stays (Srivastava et al., 2014). Prediction leaves everything as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    rate: f32,
}

/// The choice of the entries that are dropped. The backward pass makes the same choice again: no mask is stored.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cache {
    pub(super) key: u32,
    /// The index of the first of these rows in the batch.
    pub(super) first: usize,
}

impl Dropout {
    /// Returns a layer that drops entries with probability `rate`, in [0, 1).
    ///
    /// # Errors
    /// If `rate` is not in [0, 1).
    pub fn new(rate: f32) -> Result<Self> {
        if (0.0..1.0).contains(&rate) {
            Ok(Dropout { rate })
        } else {
            Err(Error::Setting(format!("dropout {rate}: the rate must be at least 0 and less than 1")))
        }
    }

    /// Returns the probability that an entry is set to zero.
    pub fn rate(self) -> f32 {
        self.rate
    }

    /// Computes the output in training.
    pub(super) fn forward(self, input: &Matrix, cache: &Cache, output: &mut Matrix) {
        output.copy_from(input);
        self.mask(output.as_mut_slice(), cache.key, cache.first * input.columns());
    }

    /// Turns `delta`, the gradient with respect to the output, into that with respect to the input, and passes it on.
    pub(super) fn backward(self, cache: &Cache, delta: &mut Matrix, input_delta: &mut Matrix) {
        let first = cache.first * delta.columns();
        self.mask(delta.as_mut_slice(), cache.key, first);
        std::mem::swap(delta, input_delta);
    }

    /// Drops the entries that `key` chooses; `first` is the index of the first of them among all of the batch.
    fn mask(self, values: &mut [f32], key: u32, first: usize) {
        let threshold = (f64::from(self.rate) * f64::from(u32::MAX)) as u32;
        let factor = 1.0 / (1.0 - self.rate);
        for (i, value) in values.iter_mut().enumerate() {
            *value *= if hash(key ^ (first.wrapping_add(i) as u32).wrapping_mul(0x9E37_79B9)) >= threshold {
                factor
            } else {
                0.0
            };
        }
    }
}

/// Scatters 32 bits evenly: the multipliers are those that Wellons found in 2018 to leave the least bias.
fn hash(x: u32) -> u32 {
    let x = (x ^ (x >> 16)).wrapping_mul(0x7FEB_352D);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846C_A68B);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_its_fraction_and_keeps_the_expectation() {
        let dropout = Dropout::new(0.3).unwrap();
        let mut output = vec![1.0; 100_000];
        dropout.mask(&mut output, 17, 0);
        let dropped = output.iter().filter(|&&v| v == 0.0).count() as f32 / 1e5;
        let mean = output.iter().sum::<f32>() / 1e5;
        assert!((dropped - 0.3).abs() < 0.01, "dropped {dropped}");
        assert!((mean - 1.0).abs() < 0.01, "mean {mean}");
        let mut other = vec![1.0; 100_000];
        dropout.mask(&mut other, 18, 0);
        assert_ne!(other, output);
        let mut block = vec![1.0; 1000];
        dropout.mask(&mut block, 17, 500);
        assert_eq!(block, output[500..1500]);
    }

    #[test]
    fn rates() {
        assert!(Dropout::new(0.0).is_ok());
        for bad in [1.0, -0.1, f32::NAN, 2.0] {
            assert!(Dropout::new(bad).unwrap_err().to_string().contains("less than 1"));
        }
    }
}
