//! The piecewise-linear encoding of numbers (Gorishniy, Rubachev, Babenko, 2022).
//!
//! A dense layer after it can give every bin of every column a slope of its own: functions with steps and bends, which
//! tables are full of, and which a dense layer alone learns late. It has no parameters and needs no cache.

use crate::base::error::{Error, Result};
use crate::linalg::matrix::Matrix;
use crate::linalg::vectorize::vectorized;

/// The bound of clipped numbers.
const BOUND: f32 = 3.0;
/// Beyond it, numbers are clipped as it is: the square of a larger one might be infinite.
const LARGEST: f32 = 1e9;

/// Clips numbers smoothly, y = x / √(1 + (x / 3)²) (Holzmüller, Grinsztajn, Steinwart, 2024), and appends the codes of
/// y in the bins of its column: 1 for every bin below the number, 0 for every bin above it, and the fraction that it has
/// passed of its own. The first bin is open below and the last above, so that no number leaves the linear pieces.
///
/// The outputs are all inputs in their order, and then the codes, column after column.
#[derive(Clone, Debug, PartialEq)]
pub struct Piecewise {
    columns: Vec<Option<Vec<f32>>>,
    /// The indices of those that do not stay as they are: of many categories, most do.
    clipped: Vec<usize>,
}

impl Piecewise {
    /// Returns a layer of one column for each entry: `None` if its numbers stay as they are, no edges if they are only
    /// clipped, else the edges of the bins, in the units of the clipped numbers: one more than there are bins.
    ///
    /// # Errors
    /// If a column has a single bin, or its edges do not increase.
    pub fn new(columns: Vec<Option<Vec<f32>>>) -> Result<Self> {
        for (i, edges) in columns.iter().enumerate() {
            let edges = edges.as_deref().unwrap_or_default();
            // NaN does not increase.
            let increase = edges.windows(2).all(|pair| pair[0] < pair[1] && (pair[1] - pair[0]).is_normal());
            if !increase || matches!(edges.len(), 1 | 2) {
                return Err(Error::Setting(format!(
                    "the bins of input {i}, counted from 0: there must be none, or two or more, and their edges must \
                     increase"
                )));
            }
        }
        let clipped = (0..columns.len()).filter(|&i| columns[i].is_some()).collect();
        Ok(Piecewise { columns, clipped })
    }

    /// Returns the layer of columns with so many bins each: -1 for a column whose numbers stay as they are, 0 for one
    /// whose numbers are only clipped; and the edges of all bins, one column after the other.
    ///
    /// # Errors
    /// If they do not fit each other, or as in [`new`](Self::new).
    pub(crate) fn from_parts(bins: &[f32], edges: &[f32]) -> Result<Self> {
        let mut rest = edges;
        let mut column = |&bins: &f32| match bins {
            -1.0 => Some(None),
            0.0 => Some(Some(Vec::new())),
            _ if bins.fract() == 0.0 && bins > 0.0 => {
                let (edges, others) = rest.split_at_checked((bins as usize).saturating_add(1))?;
                rest = others;
                Some(Some(edges.to_vec()))
            }
            _ => None,
        };
        let columns = bins.iter().map(&mut column).collect::<Option<Vec<_>>>().filter(|_| rest.is_empty());
        let unfit = || Error::Setting("the numbers of bins and the edges do not fit each other".into());
        Piecewise::new(columns.ok_or_else(unfit)?)
    }

    /// Returns the numbers that [`from_parts`](Self::from_parts) takes.
    pub(crate) fn parts(&self) -> (Vec<f32>, Vec<f32>) {
        let bins = |edges: &Option<Vec<f32>>| match edges {
            None => -1.0,
            Some(edges) => edges.len().saturating_sub(1) as f32,
        };
        let edges = self.columns.iter().flatten().flatten();
        (self.columns.iter().map(bins).collect(), edges.copied().collect())
    }

    /// Returns the edges of each column, as [`new`](Self::new) takes them.
    pub fn columns(&self) -> &[Option<Vec<f32>>] {
        &self.columns
    }

    /// Returns the number of inputs.
    pub fn inputs(&self) -> usize {
        self.columns.len()
    }

    /// Returns the number of codes.
    pub fn codes(&self) -> usize {
        self.columns.iter().flatten().map(|edges| edges.len().saturating_sub(1)).sum()
    }

    /// Returns the number of outputs: the inputs, and the codes.
    pub fn outputs(&self) -> usize {
        self.inputs() + self.codes()
    }

    /// Returns the number that a column with bins puts out for `x`.
    #[inline(always)]
    pub fn clip(x: f32) -> f32 {
        let x = x.clamp(-LARGEST, LARGEST);
        x / (1.0 + (x / BOUND) * (x / BOUND)).sqrt()
    }

    /// Computes the output, in prediction and in training.
    pub(super) fn predict(&self, input: &Matrix, output: &mut Matrix) {
        output.reshape(input.rows(), self.outputs());
        encode(self, input, output);
    }

    /// Computes the gradient with respect to the input, `input_delta`, from that with respect to the output, `delta`.
    pub(super) fn backward(&self, input: &Matrix, delta: &Matrix, input_delta: &mut Matrix) {
        input_delta.reshape(input.rows(), input.columns());
        for (row, x) in input.iter_rows().enumerate() {
            let (of_inputs, mut codes) = delta.row(row).split_at(x.len());
            let to = input_delta.row_mut(row);
            for (i, edges) in self.columns.iter().enumerate() {
                to[i] = of_inputs[i];
                let Some(edges) = edges else { continue };
                let (y, bins) = (Piecewise::clip(x[i]), edges.len().saturating_sub(1));
                let of_column;
                (of_column, codes) = codes.split_at(bins);
                for (bin, delta) in of_column.iter().enumerate() {
                    let above = bin == 0 || y > edges[bin];
                    let below = bin + 1 == bins || y < edges[bin + 1];
                    if above && below {
                        to[i] += delta / (edges[bin + 1] - edges[bin]);
                    }
                }
                // The derivative of x / √(1 + (x / 3)²).
                let x = x[i].clamp(-LARGEST, LARGEST) / BOUND;
                to[i] *= (1.0 + x * x).sqrt().recip().powi(3);
            }
        }
    }
}

vectorized! {
    fn encode(layer: &Piecewise, input: &Matrix, output: &mut Matrix) {
        for (row, x) in input.iter_rows().enumerate() {
            let (kept, mut codes) = output.row_mut(row).split_at_mut(x.len());
            kept.copy_from_slice(x);
            for &i in &layer.clipped {
                let Some(edges) = &layer.columns[i] else { continue };
                let y = Piecewise::clip(x[i]);
                kept[i] = y;
                let bins = edges.len().saturating_sub(1);
                if bins == 0 {
                    continue;
                }
                let (code, rest) = std::mem::take(&mut codes).split_at_mut(bins);
                codes = rest;
                let (low, high) = (&edges[..bins], &edges[1..]);
                for ((code, &low), &high) in code.iter_mut().zip(low).zip(high) {
                    *code = ((y - low) / (high - low)).clamp(0.0, 1.0);
                }
                code[0] = ((y - edges[0]) / (edges[1] - edges[0])).min(1.0);
                code[bins - 1] = ((y - edges[bins - 1]) / (edges[bins] - edges[bins - 1])).max(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_definition() {
        let layer = Piecewise::new(vec![None, Some(vec![-1.0, 0.0, 0.5, 1.0]), Some(Vec::new())]).unwrap();
        assert_eq!((layer.inputs(), layer.outputs()), (3, 6));
        // The number whose clipped value is y: x = y / √(1 - (y / 3)²).
        let unclipped = |y: f32| y / (1.0 - y * y / 9.0).sqrt();
        let mut output = Matrix::default();
        let rows = [(-2.0, [-1.0, 0.0, 0.0]), (-0.5, [0.5, 0.0, 0.0]), (0.25, [1.0, 0.5, 0.0]), (2.0, [1.0, 1.0, 3.0])];
        for (y, code) in rows {
            layer.predict(&Matrix::from_rows(&[[7.0, unclipped(y), unclipped(y)]]), &mut output);
            let expected = [7.0, y, y, code[0], code[1], code[2]];
            for (got, expected) in output.row(0).iter().zip(expected) {
                assert!((got - expected).abs() < 1e-5, "{:?} for {y}", output.row(0));
            }
        }
        // Far outside, numbers stay within the bound.
        layer.predict(&Matrix::from_rows(&[[0.0, f32::MAX, f32::MIN]]), &mut output);
        assert!((output[(0, 1)] - 3.0).abs() < 1e-5 && (output[(0, 2)] + 3.0).abs() < 1e-5);
    }

    #[test]
    fn parts_round_trip_and_wrong_ones_are_refused() {
        let layer = Piecewise::new(vec![Some(vec![0.0, 1.0, 2.0]), None, Some(Vec::new())]).unwrap();
        let (bins, edges) = layer.parts();
        assert_eq!((&bins[..], &edges[..]), (&[2.0, -1.0, 0.0][..], &[0.0, 1.0, 2.0][..]));
        assert_eq!(Piecewise::from_parts(&bins, &edges).unwrap(), layer);
        let wrong = [
            (vec![2.0], vec![0.0, 1.0]),
            (vec![2.0], vec![0.0, 1.0, 1.0]),
            (vec![2.0], vec![0.0, f32::NAN, 1.0]),
            (vec![1.0], vec![0.0, 1.0]),
            (vec![0.5], vec![]),
            (vec![-2.0], vec![]),
            (vec![f32::NAN], vec![]),
            (vec![0.0], vec![1.0]),
            (vec![1e30], vec![0.0]),
        ];
        for (bins, edges) in wrong {
            assert!(Piecewise::from_parts(&bins, &edges).is_err(), "{bins:?} {edges:?}");
        }
    }
}
