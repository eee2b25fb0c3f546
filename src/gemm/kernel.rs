//! The register tile: a few rows times a few vectors of C, summed over the whole depth in registers.
//!
//! Every entry of C is one chain of multiply-adds, `sum = a·b + sum`, in the order of the depth. Blocks of the
//! depth continue the chain from the stored sum, so neither blocks, tiles nor neighbours change a bit of it.

// Loops over a tile count with indices: their bounds are constants, so they unroll and the tile stays in registers.
#![allow(clippy::needless_range_loop)]

use super::lanes::{Lanes, Task};

/// A block of B as the kernel reads it: panels of columns, as wide as a tile.
#[derive(Clone, Copy)]
pub(super) struct Panels<'a> {
    pub data: &'a [f32],
    /// From a row to the next.
    pub stride: usize,
    /// From a panel to the next.
    pub step: usize,
}

/// A block of A as the kernel reads it: its rows, or its columns where it is transposed.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub data: &'a [f32],
    pub transposed: bool,
    /// From a row to the next, or from a column to the next.
    pub stride: usize,
}

/// A few rows of a product, no more than a tile has.
pub(super) struct Strip<'a> {
    pub rows: usize,
    pub depth: usize,
    pub columns: usize,
    pub a: Left<'a>,
    pub b: Panels<'a>,
    /// From the strip's first number on, rows `stride` apart.
    pub c: &'a mut [f32],
    pub stride: usize,
    /// Whether C holds the sums of earlier blocks of the depth.
    pub resume: bool,
}

impl Strip<'_> {
    /// Computes the strip with tiles of at most `vectors` vectors, which is also the width of the panels.
    #[inline(always)]
    pub(super) fn run<L: Lanes>(self, vectors: usize) {
        match (vectors, self.rows) {
            (8, 1) => self.tiles::<L, 1, 8>(),
            (4, 2) => self.tiles::<L, 2, 4>(),
            (4, 3) => self.tiles::<L, 3, 4>(),
            (4, 4) if L::ROWS >= 8 => self.tiles::<L, 4, 4>(),
            (4, 5) if L::ROWS >= 10 => self.tiles::<L, 5, 4>(),
            (4, 6) if L::ROWS >= 12 => self.tiles::<L, 6, 4>(),
            (2, 2) => self.tiles::<L, 2, 2>(),
            (2, 3) => self.tiles::<L, 3, 2>(),
            (2, 4) => self.tiles::<L, 4, 2>(),
            (2, 5) if L::ROWS >= 5 => self.tiles::<L, 5, 2>(),
            (2, 6) if L::ROWS >= 6 => self.tiles::<L, 6, 2>(),
            (2, 7) if L::ROWS >= 7 => self.tiles::<L, 7, 2>(),
            (2, 8) if L::ROWS >= 8 => self.tiles::<L, 8, 2>(),
            (2, 9) if L::ROWS >= 9 => self.tiles::<L, 9, 2>(),
            (2, 10) if L::ROWS >= 10 => self.tiles::<L, 10, 2>(),
            (2, 11) if L::ROWS >= 11 => self.tiles::<L, 11, 2>(),
            (2, 12) if L::ROWS >= 12 => self.tiles::<L, 12, 2>(),
            (2, 13) if L::ROWS >= 13 => self.tiles::<L, 13, 2>(),
            (2, 14) if L::ROWS >= 14 => self.tiles::<L, 14, 2>(),
            (_, rows) => unreachable!("no tile of {rows} rows and {vectors} vectors"),
        }
    }

    /// The most vectors that a tile of a product with that few rows may have. Fewer rows need more vectors: eight
    /// sums at least must be under way to fill the time that a multiply-add takes.
    pub(super) fn vectors<L: Lanes>(rows: usize) -> usize {
        match rows {
            1 => 8,
            2..=6 if 2 * rows <= L::ROWS => 4,
            _ => 2,
        }
    }

    #[inline(always)]
    fn tiles<L: Lanes, const ROWS: usize, const VECTORS: usize>(self) {
        if self.a.transposed { self.split::<L, ROWS, VECTORS, true>() } else { self.split::<L, ROWS, VECTORS, false>() }
    }

    /// The whole panels, then what is left with no more vectors than it needs.
    #[inline(always)]
    fn split<L: Lanes, const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool>(self) {
        let width = VECTORS * L::COUNT;
        let whole = self.columns - self.columns % width;
        if whole > 0 {
            L::call(Tiles::<ROWS, VECTORS, TRANSPOSED>(Strip { columns: whole, c: &mut *self.c, ..self }));
        }
        if whole < self.columns {
            let b = Panels { data: &self.b.data[whole / width * self.b.step..], ..self.b };
            let rest = Strip { columns: self.columns - whole, b, c: &mut self.c[whole..], ..self };
            match rest.columns.div_ceil(L::COUNT) {
                1 => L::call(Tiles::<ROWS, 1, TRANSPOSED>(rest)),
                2 => L::call(Tiles::<ROWS, 2, TRANSPOSED>(rest)),
                3..=4 if VECTORS >= 4 => L::call(Tiles::<ROWS, 4, TRANSPOSED>(rest)),
                _ => L::call(Tiles::<ROWS, VECTORS, TRANSPOSED>(rest)),
            }
        }
    }
}

/// A strip of `ROWS` rows, by tiles of `VECTORS` vectors.
struct Tiles<'a, const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool>(Strip<'a>);

impl<const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool> Task for Tiles<'_, ROWS, VECTORS, TRANSPOSED> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Tiles(Strip { depth, columns, a, b, c, stride, resume, .. }) = self;
        let width = VECTORS * L::COUNT;
        // Slices of one length, known to be so: no test of an index remains in the loop over the depth.
        let mut rows: [&[f32]; ROWS] = [&[]; ROWS];
        if !TRANSPOSED {
            for i in 0..ROWS {
                rows[i] = &a.data[i * a.stride..][..depth];
            }
        }
        for panel in 0..columns.div_ceil(width) {
            let first = panel * width;
            let c = &mut c[first..];
            let columns = width.min(columns - first);
            let mut sums = [[L::splat(0.0); VECTORS]; ROWS];
            if resume {
                sums = load(c, stride, columns);
            }
            let panel = &b.data[panel * b.step..];
            for k in 0..depth {
                let row = &panel[k * b.stride..];
                let mut vectors = [L::splat(0.0); VECTORS];
                // Reading past the panel's edge is harmless while there is something to read.
                if row.len() >= width {
                    for v in 0..VECTORS {
                        vectors[v] = L::load(&row[v * L::COUNT..]);
                    }
                } else {
                    for v in 0..VECTORS {
                        vectors[v] = L::load_partial(&row[row.len().min(v * L::COUNT)..]);
                    }
                }
                let column = if TRANSPOSED { &a.data[k * a.stride..][..ROWS] } else { &[] };
                for i in 0..ROWS {
                    let x = L::splat(if TRANSPOSED { column[i] } else { rows[i][k] });
                    for v in 0..VECTORS {
                        sums[i][v] = x.mul_add(vectors[v], sums[i][v]);
                    }
                }
            }
            store(sums, c, stride, columns);
        }
    }
}

/// The tile at the start of `c`. Only whole tiles have loops of constant bounds; the others get a copy of the sums
/// that may live in memory.
#[inline(always)]
fn load<L: Lanes, const ROWS: usize, const VECTORS: usize>(
    c: &[f32],
    stride: usize,
    columns: usize,
) -> [[L; VECTORS]; ROWS] {
    let mut sums = [[L::splat(0.0); VECTORS]; ROWS];
    if columns == VECTORS * L::COUNT {
        for i in 0..ROWS {
            let row = &c[i * stride..][..VECTORS * L::COUNT];
            for v in 0..VECTORS {
                sums[i][v] = L::load(&row[v * L::COUNT..]);
            }
        }
        return sums;
    }
    let mut edge = sums;
    for (i, sums) in edge.iter_mut().enumerate() {
        for (sum, part) in sums.iter_mut().zip(c[i * stride..][..columns].chunks(L::COUNT)) {
            *sum = L::load_partial(part);
        }
    }
    edge
}

/// The tile to the start of `c`.
#[inline(always)]
fn store<L: Lanes, const ROWS: usize, const VECTORS: usize>(
    sums: [[L; VECTORS]; ROWS],
    c: &mut [f32],
    stride: usize,
    columns: usize,
) {
    if columns == VECTORS * L::COUNT {
        for i in 0..ROWS {
            let row = &mut c[i * stride..][..VECTORS * L::COUNT];
            for v in 0..VECTORS {
                sums[i][v].store(&mut row[v * L::COUNT..]);
            }
        }
        return;
    }
    let edge = sums;
    for (i, sums) in edge.iter().enumerate() {
        for (sum, part) in sums.iter().zip(c[i * stride..][..columns].chunks_mut(L::COUNT)) {
            sum.store_partial(part);
        }
    }
}
