//! The register tile: a few rows times a few vectors of C, summed over the whole depth in registers.
//!
//! Every entry of C is one chain of multiply-adds, `sum = a·b + sum`, in the order of the depth. Blocks of the
//! depth continue the chain from the stored sum, so neither blocks, tiles nor neighbours change a bit of it.

// Loops over a tile count with indices: their bounds are constants, so they unroll and the tile stays in registers.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;

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
    /// The width of the panels and of the tiles.
    pub vectors: usize,
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

impl Task for Strip<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        match (self.vectors, self.rows) {
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
            (vectors, rows) => unreachable!("no tile of {rows} rows and {vectors} vectors"),
        }
    }
}

impl Strip<'_> {
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
        if self.a.transposed {
            L::call(Tiles::<ROWS, VECTORS, true>(self));
        } else {
            L::call(Tiles::<ROWS, VECTORS, false>(self));
        }
    }
}

/// A strip of `ROWS` rows, by tiles of `VECTORS` vectors.
struct Tiles<'a, const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool>(Strip<'a>);

impl<const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool> Task for Tiles<'_, ROWS, VECTORS, TRANSPOSED> {
    type Output = ();

    /// The whole panels, then what is left with no more vectors than it needs.
    #[inline(always)]
    fn run<L: Lanes>(mut self) {
        let columns = self.0.columns;
        let whole = columns - columns % (VECTORS * L::COUNT);
        let rest = (columns - whole).div_ceil(L::COUNT);
        let narrow = (1..=2).contains(&rest) && rest < VECTORS || (3..=4).contains(&rest) && VECTORS > 4;
        self.panels::<L, VECTORS>(0..if narrow { whole } else { columns });
        match rest {
            1 if VECTORS > 1 => self.panels::<L, 1>(whole..columns),
            2 if VECTORS > 2 => self.panels::<L, 2>(whole..columns),
            3..=4 if VECTORS > 4 => self.panels::<L, 4>(whole..columns),
            _ => {}
        }
    }
}

impl<const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool> Tiles<'_, ROWS, VECTORS, TRANSPOSED> {
    /// These columns, by tiles of `WIDTH` vectors. Only the last may be narrower.
    #[inline(always)]
    fn panels<L: Lanes, const WIDTH: usize>(&mut self, columns: Range<usize>) {
        let Tiles(Strip { depth, a, b, c, stride, resume, .. }) = self;
        let (depth, width) = (*depth, WIDTH * L::COUNT);
        // Slices of one length, known to be so: no test of an index remains in the loop over the depth.
        let mut rows: [&[f32]; ROWS] = [&[]; ROWS];
        if !TRANSPOSED {
            for i in 0..ROWS {
                rows[i] = part(a.data, i * a.stride, depth);
            }
        }
        for first in columns.clone().step_by(width) {
            let panel = &b.data[first / (VECTORS * L::COUNT) * b.step..];
            let c = &mut c[first..];
            let columns = width.min(columns.end - first);
            let mut sums = [[L::splat(0.0); WIDTH]; ROWS];
            if *resume {
                sums = load(c, *stride, columns);
            }
            for k in 0..depth {
                let row = &panel[k * b.stride..];
                let mut vectors = [L::splat(0.0); WIDTH];
                // Reading past the panel's edge is harmless while there is something to read.
                if row.len() >= width {
                    for v in 0..WIDTH {
                        vectors[v] = L::load(&row[v * L::COUNT..]);
                    }
                } else {
                    for v in 0..WIDTH {
                        vectors[v] = L::load_partial(&row[row.len().min(v * L::COUNT)..]);
                    }
                }
                let column = if TRANSPOSED { part(a.data, k * a.stride, ROWS) } else { &[] };
                for i in 0..ROWS {
                    let x = L::splat(if TRANSPOSED { column[i] } else { rows[i][k] });
                    for v in 0..WIDTH {
                        sums[i][v] = x.mul_add(vectors[v], sums[i][v]);
                    }
                }
            }
            store(sums, c, *stride, columns);
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
            let row = part(c, i * stride, VECTORS * L::COUNT);
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
            let row = part_mut(c, i * stride, VECTORS * L::COUNT);
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

/// `slice[start..][..length]`, with one place for every complaint: a kernel has dozens of these.
#[inline(always)]
fn part(slice: &[f32], start: usize, length: usize) -> &[f32] {
    match slice.get(start..).and_then(|slice| slice.get(..length)) {
        Some(part) => part,
        None => outside(),
    }
}

#[inline(always)]
fn part_mut(slice: &mut [f32], start: usize, length: usize) -> &mut [f32] {
    match slice.get_mut(start..).and_then(|slice| slice.get_mut(..length)) {
        Some(part) => part,
        None => outside(),
    }
}

#[cold]
#[inline(never)]
fn outside() -> ! {
    panic!("a tile outside its matrix");
}
