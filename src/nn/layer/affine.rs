//! Scale and shift, the trained parameters of both normalizations.

use crate::linalg::vectorize::vectorized;

/// y = scale · x + shift, column by column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Affine {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
}

impl Affine {
    /// Returns the map that does not change its `columns` columns.
    pub(super) fn identity(columns: usize) -> Self {
        Affine { scale: vec![1.0; columns], shift: vec![0.0; columns] }
    }

    /// # Panics
    /// If the lengths differ.
    pub(super) fn new(scale: Vec<f32>, shift: Vec<f32>) -> Self {
        assert_eq!(scale.len(), shift.len(), "scale and shift need one entry per column");
        Affine { scale, shift }
    }

    pub(super) fn columns(&self) -> usize {
        self.scale.len()
    }

    pub(super) fn parameters(&self) -> [(&'static str, &[f32]); 2] {
        [("scale", &self.scale), ("shift", &self.shift)]
    }

    pub(super) fn parameters_mut(&mut self) -> [&mut [f32]; 2] {
        [&mut self.scale, &mut self.shift]
    }
}

vectorized! {
    /// Adds the gradients with respect to scale and shift, row by row; `input` holds the numbers that were scaled.
    pub(super) fn add_gradient(input: &[f32], delta: &[f32], scale: &mut [f32], shift: &mut [f32]) {
        let columns = scale.len().max(1);
        for (delta, input) in delta.chunks_exact(columns).zip(input.chunks_exact(columns)) {
            let sums = scale.iter_mut().zip(shift.iter_mut());
            for ((scale, shift), (delta, input)) in sums.zip(delta.iter().zip(input)) {
                *scale += delta * input;
                *shift += delta;
            }
        }
    }
}
