//! The register tile: a few rows times a few vectors of C, summed over the whole depth in registers.
//!
//! Every entry of C is one chain of multiply-adds, `sum = a·b + sum`, in the order of the depth. Blocks of the
//! depth continue the chain from the stored sum, so neither blocks, tiles nor neighbours change a bit of it.

use super::lanes::{Lanes, Task};

/// Rows of B that the kernel reads whole vectors from: panels of columns, each with its rows `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Panels<'a> {
    pub data: &'a [f32],
    /// From a row to the next.
    pub stride: usize,
    /// From a panel to the next.
    pub step: usize,
}

/// `ROWS` rows of a product, panel by panel of `VECTORS` vectors; the last panel may be narrower.
pub(super) struct Strip<'a, const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool> {
    /// The rows of A from their first number, rows `a_stride` apart; where transposed, columns are.
    pub a: &'a [f32],
    pub a_stride: usize,
    pub b: Panels<'a>,
    pub depth: usize,
    /// The rows of C from the strip's first number, `c_stride` apart.
    pub c: &'a mut [f32],
    pub c_stride: usize,
    pub columns: usize,
    /// Whether C holds the sums of earlier blocks.
    pub resume: bool,
}

impl<const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool> Task for Strip<'_, ROWS, VECTORS, TRANSPOSED> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let width = VECTORS * L::COUNT;
        for panel in 0..self.columns.div_ceil(width) {
            let first = panel * width;
            let columns = width.min(self.columns - first);
            let mut sums = [[L::splat(0.0); VECTORS]; ROWS];
            if self.resume {
                for (i, sums) in sums.iter_mut().enumerate() {
                    let row = &self.c[i * self.c_stride + first..][..columns];
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = load_from(row, v * L::COUNT);
                    }
                }
            }
            let sums = self.sum(&self.b.data[panel * self.b.step..], sums);
            for (i, sums) in sums.iter().enumerate() {
                let row = &mut self.c[i * self.c_stride + first..][..columns];
                for (v, sum) in sums.iter().enumerate() {
                    store_to(*sum, row, v * L::COUNT);
                }
            }
        }
    }
}

impl<const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool> Strip<'_, ROWS, VECTORS, TRANSPOSED> {
    /// Adds A · panel to the sums.
    #[inline(always)]
    fn sum<L: Lanes>(&self, panel: &[f32], mut sums: [[L; VECTORS]; ROWS]) -> [[L; VECTORS]; ROWS] {
        let (a, depth, width) = (self.a, self.depth, VECTORS * L::COUNT);
        // Slices of one length, known to be so: no test of an index remains in the loop.
        let mut rows: [&[f32]; ROWS] = [&[]; ROWS];
        if !TRANSPOSED {
            for (i, row) in rows.iter_mut().enumerate() {
                *row = &a[i * self.a_stride..][..depth];
            }
        }
        let mut padded = [0.0; 128];
        for k in 0..depth {
            let start = k * self.b.stride;
            // Reading past the panel's edge is harmless while there is something to read.
            let b = match panel.get(start..start + width) {
                Some(b) => b,
                None => pad(&panel[start..], &mut padded, width),
            };
            let mut vectors = [L::splat(0.0); VECTORS];
            for (v, vector) in vectors.iter_mut().enumerate() {
                *vector = L::load(&b[v * L::COUNT..]);
            }
            let column = if TRANSPOSED { &a[k * self.a_stride..][..ROWS] } else { &[] };
            for i in 0..ROWS {
                let x = L::splat(if TRANSPOSED { column[i] } else { rows[i][k] });
                for v in 0..VECTORS {
                    sums[i][v] = x.mul_add(vectors[v], sums[i][v]);
                }
            }
        }
        sums
    }
}

#[cold]
#[inline(never)]
fn pad<'a>(rest: &[f32], padded: &'a mut [f32; 128], width: usize) -> &'a [f32] {
    padded[..rest.len()].copy_from_slice(rest);
    &padded[..width]
}

#[inline(always)]
fn load_from<L: Lanes>(row: &[f32], start: usize) -> L {
    match row.get(start..start + L::COUNT) {
        Some(whole) => L::load(whole),
        None => L::load_partial(row.get(start..).unwrap_or(&[])),
    }
}

#[inline(always)]
fn store_to<L: Lanes>(vector: L, row: &mut [f32], start: usize) {
    match row.get_mut(start..start + L::COUNT) {
        Some(whole) => vector.store(whole),
        None => vector.store_partial(row.get_mut(start..).unwrap_or(&mut [])),
    }
}
