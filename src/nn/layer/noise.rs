//! Gaussian noise.

use crate::base::error::{Error, Result};
use crate::base::rng::Rng;
use crate::linalg::matrix::Matrix;

/// While training, adds a normal random number to each entry, with this standard deviation: on the inputs it is a
/// penalty on steep functions (Bishop, 1995). Prediction leaves everything as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    standard_deviation: f32,
}

/// The choice of the noise.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cache {
    pub(super) key: u32,
    /// The index of the first of these rows in the batch.
    pub(super) first: usize,
}

impl Noise {
    /// Returns a layer that adds noise of this standard deviation, zero or more.
    ///
    /// # Errors
    /// If `standard_deviation` is negative or not finite.
    pub fn new(standard_deviation: f32) -> Result<Self> {
        if standard_deviation.is_finite() && standard_deviation >= 0.0 {
            Ok(Noise { standard_deviation })
        } else {
            Err(Error::Setting(format!("noise {standard_deviation}: the standard deviation must be zero or more")))
        }
    }

    /// Returns the standard deviation.
    pub fn deviation(self) -> f32 {
        self.standard_deviation
    }

    /// Computes the output in training.
    pub(super) fn forward(self, input: &Matrix, cache: &Cache, output: &mut Matrix) {
        output.copy_from(input);
        self.add(output.as_mut_slice(), input.columns(), cache.key, cache.first);
    }

    /// Passes the gradient on unchanged: the noise does not depend on the input.
    pub(super) fn backward(self, delta: &mut Matrix, input_delta: &mut Matrix) {
        std::mem::swap(delta, input_delta);
    }

    /// Adds the noise that `key` chooses; `first` is the index of the first row in the batch.
    fn add(self, rows: &mut [f32], columns: usize, key: u32, first: usize) {
        for (i, row) in rows.chunks_exact_mut(columns.max(1)).enumerate() {
            // A stream for every row: its noise does not depend on the block that it is in.
            let mut rng = Rng::stream(u64::from(key), (first + i) as u64);
            row.iter_mut().for_each(|x| *x += self.standard_deviation * rng.normal() as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_its_deviation_and_no_mean() {
        let noise = Noise::new(0.5).unwrap();
        let mut values = vec![1.0; 100_000];
        noise.add(&mut values, 100, 3, 0);
        let mean = values.iter().sum::<f32>() / 1e5;
        let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / 1e5;
        assert!((mean - 1.0).abs() < 0.01 && (variance.sqrt() - 0.5).abs() < 0.01, "{mean} {variance}");
        let mut block = vec![1.0; 200];
        noise.add(&mut block, 100, 3, 7);
        assert_eq!(block, values[700..900]);
        noise.add(&mut values, 100, 4, 0);
        assert_ne!(block, values[700..900]);
    }

    #[test]
    fn deviations() {
        assert!(Noise::new(0.0).is_ok());
        assert!([-0.1, f32::NAN, f32::INFINITY].into_iter().all(|bad| Noise::new(bad).is_err()));
    }
}
