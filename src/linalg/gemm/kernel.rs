//! The register tile: a few rows times a few vectors of C, summed over the whole depth in registers.
//!
//! Every entry of C is one chain of multiply-adds, `sum = a·b + sum`, in the order of the depth. Blocks of the
//! depth continue the chain from the stored sum, so neither blocks, tiles nor neighbors change a bit of it.

// Loops over a tile count with indices: their bounds are constants, so they unroll and the tile stays in registers.
#![allow(clippy::needless_range_loop)]

use crate::linalg::lanes::{Lanes, Task};

/// A loop whose turns are written out, the first few: in code that is compiled for size, the compiler unrolls none, and
/// a tile in an array that is indexed by a variable is a tile in memory.
macro_rules! unrolled {
    ($i:ident in $count:expr => $body:block) => {
        unrolled!($i in $count => $body, 0 1 2 3 4 5 6 7);
        for $i in 8..$count $body
    };
    ($i:ident in $count:expr => $body:block, $($turn:literal)*) => {
        $(if const { $turn < $count } {
            let $i = $turn;
            $body
        })*
    };
}

/// A block of B as the kernel reads it: panels of columns, as wide as a tile.
#[derive(Clone, Copy)]
pub(super) struct Panels<'a> {
    pub data: &'a [f32],
    /// From a row to the next.
    pub stride: usize,
    /// From a panel to the next.
    pub step: usize,
}

/// A block of A as the kernel reads it: its rows, or its columns if it is transposed.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub data: &'a [f32],
    pub transposed: bool,
    /// From a row to the next, or from a column to the next.
    pub stride: usize,
}

/// A few rows of a product: one, or an even number that is no more than a tile has.
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

    /// Computes the whole panels, then the rest with no more vectors than it needs.
    #[inline(always)]
    fn run<L: Lanes>(mut self) {
        let whole = self.columns - self.columns % (self.vectors * L::COUNT);
        let rest = (self.columns - whole).div_ceil(L::COUNT);
        if rest > 0 && rest.next_power_of_two() < self.vectors {
            let panels = whole / (self.vectors * L::COUNT);
            let (a, b) = (self.a, Panels { data: &self.b.data[panels * self.b.step..], ..self.b });
            let (columns, vectors) = (self.columns - whole, rest.next_power_of_two());
            let c = &mut self.c[whole..];
            L::call(Choice(Strip { columns, vectors, a, b, c, ..self }));
            self.columns = whole;
        }
        if self.columns > 0 {
            L::call(Choice(self));
        }
    }
}

impl Strip<'_> {
    /// Returns the most vectors that a tile of a product with that few rows may have. Fewer rows need more vectors:
    /// eight sums at least must be under way to fill the time that a multiply-add takes.
    pub(super) fn vectors<L: Lanes>(rows: usize) -> usize {
        match rows {
            1 => 8,
            2..=7 if 2 * (rows - rows % 2) <= L::ROWS => 4,
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

/// The choice of the tile. Odd heights, but for one, would be half of all the machine code and are hardly ever met.
struct Choice<'a>(Strip<'a>);

impl Task for Choice<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Choice(strip) = self;
        match (strip.vectors, strip.rows) {
            (8, 1) => strip.tiles::<L, 1, 8>(),
            (4, 1) => strip.tiles::<L, 1, 4>(),
            (4, 2) if const { L::ROWS >= 4 } => strip.tiles::<L, 2, 4>(),
            (4, 4) if const { L::ROWS >= 8 } => strip.tiles::<L, 4, 4>(),
            (4, 6) if const { L::ROWS >= 12 } => strip.tiles::<L, 6, 4>(),
            (2, 1) => strip.tiles::<L, 1, 2>(),
            (2, 2) => strip.tiles::<L, 2, 2>(),
            (2, 4) if const { L::ROWS >= 4 } => strip.tiles::<L, 4, 2>(),
            (2, 6) if const { L::ROWS >= 6 } => strip.tiles::<L, 6, 2>(),
            (2, 8) if const { L::ROWS >= 8 } => strip.tiles::<L, 8, 2>(),
            (2, 10) if const { L::ROWS >= 10 } => strip.tiles::<L, 10, 2>(),
            (2, 12) if const { L::ROWS >= 12 } => strip.tiles::<L, 12, 2>(),
            (2, 14) if const { L::ROWS >= 14 } => strip.tiles::<L, 14, 2>(),
            (1, 1) => strip.tiles::<L, 1, 1>(),
            (1, 2) => strip.tiles::<L, 2, 1>(),
            (1, 4) if const { L::ROWS >= 4 } => strip.tiles::<L, 4, 1>(),
            (1, 6) if const { L::ROWS >= 6 } => strip.tiles::<L, 6, 1>(),
            (1, 8) if const { L::ROWS >= 8 } => strip.tiles::<L, 8, 1>(),
            (1, 10) if const { L::ROWS >= 10 } => strip.tiles::<L, 10, 1>(),
            (1, 12) if const { L::ROWS >= 12 } => strip.tiles::<L, 12, 1>(),
            (1, 14) if const { L::ROWS >= 14 } => strip.tiles::<L, 14, 1>(),
            (vectors, rows) => unreachable!("no tile of {rows} rows and {vectors} vectors"),
        }
    }
}

/// A strip of `ROWS` rows, by tiles of `VECTORS` vectors. Only the last may be narrower.
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
                rows[i] = part(a.data, i * a.stride, depth);
            }
        }
        for first in (0..columns).step_by(width) {
            let panel = &b.data[first / width * b.step..];
            let c = &mut c[first..];
            let columns = width.min(columns - first);
            let mut sums = [[L::splat(0.0); VECTORS]; ROWS];
            if resume {
                sums = load(c, stride, columns);
            }
            for k in 0..depth {
                let row = &panel[k * b.stride..];
                let mut vectors = [L::splat(0.0); VECTORS];
                // Reading past the panel's edge is harmless while there is something to read.
                if row.len() >= width {
                    unrolled!(v in VECTORS => {
                        vectors[v] = L::load(&row[v * L::COUNT..]);
                    });
                } else {
                    unrolled!(v in VECTORS => {
                        vectors[v] = L::load_partial(&row[row.len().min(v * L::COUNT)..]);
                    });
                }
                let column = if TRANSPOSED { part(a.data, k * a.stride, ROWS) } else { &[] };
                unrolled!(i in ROWS => {
                    let x = L::splat(if TRANSPOSED { column[i] } else { rows[i][k] });
                    unrolled!(v in VECTORS => {
                        sums[i][v] = x.mul_add(vectors[v], sums[i][v]);
                    });
                });
            }
            store(sums, c, stride, columns);
        }
    }
}

/// Returns the tile at the start of `c`. Only whole tiles have loops of constant bounds; the others get a copy of the
/// sums that may live in memory.
#[inline(always)]
fn load<L: Lanes, const ROWS: usize, const VECTORS: usize>(
    c: &[f32],
    stride: usize,
    columns: usize,
) -> [[L; VECTORS]; ROWS] {
    let mut sums = [[L::splat(0.0); VECTORS]; ROWS];
    if columns == VECTORS * L::COUNT {
        unrolled!(i in ROWS => {
            let row = part(c, i * stride, VECTORS * L::COUNT);
            unrolled!(v in VECTORS => {
                sums[i][v] = L::load(&row[v * L::COUNT..]);
            });
        });
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

/// Stores the tile at the start of `c`.
#[inline(always)]
fn store<L: Lanes, const ROWS: usize, const VECTORS: usize>(
    sums: [[L; VECTORS]; ROWS],
    c: &mut [f32],
    stride: usize,
    columns: usize,
) {
    if columns == VECTORS * L::COUNT {
        unrolled!(i in ROWS => {
            let row = part_mut(c, i * stride, VECTORS * L::COUNT);
            unrolled!(v in VECTORS => {
                sums[i][v].store(&mut row[v * L::COUNT..]);
            });
        });
        return;
    }
    let edge = sums;
    for (i, sums) in edge.iter().enumerate() {
        for (sum, part) in sums.iter().zip(c[i * stride..][..columns].chunks_mut(L::COUNT)) {
            sum.store_partial(part);
        }
    }
}

/// `slice[start..][..length]`, with one message for every mistake: a kernel has dozens of these.
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
