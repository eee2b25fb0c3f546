//! The register tile: a few rows times a few vectors of C, summed over the whole depth in registers.
//!
//! Every entry of C is one chain of multiply-adds, `sum = a·b + sum`, in the order of the depth. Blocks of the
//! depth continue the chain from the stored sum, so neither blocks, tiles nor neighbors change a bit of it.

use crate::linalg::lanes::{Lanes, Task};
use crate::linalg::lines::Lines;

/// A block of B as the kernel reads it: panels of columns, as wide as a tile.
#[derive(Clone, Copy)]
pub(super) struct Panels<'a> {
    pub rows: Lines<'a>,
    /// From a panel to the next.
    pub step: usize,
}

/// A block of A as the kernel reads it: its rows, or its columns if it is transposed.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub lines: Lines<'a>,
    pub transposed: bool,
}

impl Left<'_> {
    /// Returns the block from this row and this column on.
    #[inline(always)]
    pub(super) fn from(self, row: usize, column: usize) -> Self {
        let stride = self.lines.stride;
        let start = if self.transposed { column * stride + row } else { row * stride + column };
        Left { lines: self.lines.from(start), ..self }
    }
}

/// Rows of a product, in strips of one height.
pub(super) struct Band<'a> {
    pub rows: usize,
    /// The rows of a strip and of its tiles: one, or an even number.
    pub height: usize,
    /// The width of the panels and of the tiles.
    pub vectors: usize,
    pub depth: usize,
    pub columns: usize,
    pub a: Left<'a>,
    pub b: Panels<'a>,
    /// From the band's first number on, rows `stride` apart.
    pub c: &'a mut [f32],
    pub stride: usize,
    /// Whether C holds the sums of earlier blocks of the depth.
    pub resume: bool,
}

impl Task for &mut Band<'_> {
    type Output = ();

    /// Computes the whole panels, then the rest with no more vectors than it needs.
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let width = self.vectors * L::COUNT;
        let whole = self.columns - self.columns % width;
        let vectors = (self.columns - whole).div_ceil(L::COUNT).next_power_of_two();
        if whole < self.columns && vectors < self.vectors {
            let b = Panels { rows: self.b.rows.from(whole / width * self.b.step), ..self.b };
            let c = &mut self.c[whole..];
            let columns = self.columns - whole;
            L::call(Choice(&mut Band { columns, vectors, b, c, ..*self }));
            self.columns = whole;
        }
        if self.columns > 0 {
            L::call(Choice(self));
        }
    }
}

impl Band<'_> {
    /// Returns the most vectors that a tile of a product with that few rows may have. Fewer rows need more vectors:
    /// eight sums at least must be under way to fill the time that a multiply-add takes.
    pub(super) fn vectors<L: Lanes>(rows: usize, columns: usize) -> usize {
        match rows {
            1 => 8,
            _ if columns <= L::COUNT => 1,
            2..=7 if 2 * (rows - rows % 2) <= L::LOW => 4,
            _ => 2,
        }
    }

    #[inline(always)]
    fn tiles<L: Lanes, const ROWS: usize, const VECTORS: usize>(&mut self) {
        if const { ROWS == 1 } && !self.a.transposed {
            // A single row is a column whose numbers lie side by side.
            self.a = Left { lines: Lines { stride: 1, ..self.a.lines }, transposed: true };
        }
        if const { ROWS == 1 } || self.a.transposed {
            L::call(Tiles::<ROWS, VECTORS, true>(self));
        } else if const { VECTORS == 1 || ROWS * VECTORS <= 2 * L::LOW || !L::BY_LANES } {
            L::call(Tiles::<ROWS, VECTORS, false>(self));
        } else {
            unreachable!("a tile of {ROWS} rows that lie apart");
        }
    }
}

/// The choice of the tile. Odd heights, but for one, would be half of all the machine code and are hardly ever met.
struct Choice<'a, 'b>(&'a mut Band<'b>);

impl Task for Choice<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Choice(band) = self;
        match (band.vectors, band.height) {
            (8, 1) => band.tiles::<L, 1, 8>(),
            (4, 1) => band.tiles::<L, 1, 4>(),
            (4, 2) if const { L::LOW >= 4 } => band.tiles::<L, 2, 4>(),
            (4, 4) if const { L::LOW >= 8 } => band.tiles::<L, 4, 4>(),
            (4, 6) if const { L::LOW >= 12 } => band.tiles::<L, 6, 4>(),
            (2, 1) => band.tiles::<L, 1, 2>(),
            (2, 2) => band.tiles::<L, 2, 2>(),
            (2, 4) if const { L::ROWS >= 4 } => band.tiles::<L, 4, 2>(),
            (2, 6) if const { L::ROWS >= 6 } => band.tiles::<L, 6, 2>(),
            (2, 8) if const { L::ROWS >= 8 } => band.tiles::<L, 8, 2>(),
            (2, 10) if const { L::ROWS >= 10 } => band.tiles::<L, 10, 2>(),
            (2, 12) if const { L::ROWS >= 12 } => band.tiles::<L, 12, 2>(),
            (2, 14) if const { L::ROWS >= 14 } => band.tiles::<L, 14, 2>(),
            (1, 1) => band.tiles::<L, 1, 1>(),
            (1, 2) => band.tiles::<L, 2, 1>(),
            (1, 4) if const { L::TALLEST >= 4 } => band.tiles::<L, 4, 1>(),
            (1, 6) if const { L::TALLEST >= 6 } => band.tiles::<L, 6, 1>(),
            (1, 8) if const { L::TALLEST >= 8 } => band.tiles::<L, 8, 1>(),
            (1, 10) if const { L::TALLEST >= 10 } => band.tiles::<L, 10, 1>(),
            (1, 12) if const { L::TALLEST >= 12 } => band.tiles::<L, 12, 1>(),
            (1, 14) if const { L::TALLEST >= 14 } => band.tiles::<L, 14, 1>(),
            (vectors, rows) => unreachable!("no tile of {rows} rows and {vectors} vectors"),
        }
    }
}

/// A product of so few multiply-adds that cutting it and choosing tiles would take as long: strips of eight rows, then of
/// four, then single rows, by tiles of one vector.
pub(super) struct Small<'a> {
    pub rows: usize,
    pub depth: usize,
    pub columns: usize,
    pub a: Left<'a>,
    pub b: Lines<'a>,
    pub c: &'a mut [f32],
    pub resume: bool,
}

impl Task for &mut Small<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        if self.a.transposed { self.strips::<L, true>() } else { self.strips::<L, false>() }
    }
}

impl Small<'_> {
    #[inline(always)]
    fn strips<L: Lanes, const TRANSPOSED: bool>(&mut self) {
        let Small { rows, depth, columns, a, b, ref mut c, resume } = *self;
        for first in (0..columns).step_by(L::COUNT) {
            let mut copy = None;
            let b = Factor::of(b.from(first), depth, L::COUNT, &mut copy);
            let mut row = 0;
            while row < rows {
                let sums = &mut c[row * columns + first..];
                let sums = Sums { c: sums, stride: columns, columns: L::COUNT.min(columns - first), resume };
                row += match (a.from(row, 0), rows - row) {
                    (a, 8..) => tile::<L, 8, 1, TRANSPOSED>(a, b, sums),
                    (a, 4..) => tile::<L, 4, 1, TRANSPOSED>(a, b, sums),
                    (a, _) => tile::<L, 1, 1, TRANSPOSED>(a, b, sums),
                };
            }
        }
    }
}

/// Strips of `ROWS` rows, by tiles of `VECTORS` vectors. Only the last of a strip may be narrower.
struct Tiles<'a, 'b, const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool>(&'a mut Band<'b>);

impl<const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool> Task
    for Tiles<'_, '_, ROWS, VECTORS, TRANSPOSED>
{
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Tiles(&mut Band { rows, depth, columns, a, b, ref mut c, stride, resume, .. }) = self;
        let width = VECTORS * L::COUNT;
        let last = (columns - 1) / width;
        let mut copy = None;
        let edge = Factor::of(b.rows.from(last * b.step), depth, width, &mut copy);
        let mut top = 0;
        while top < rows {
            let a = a.from(top, 0);
            for panel in 0..=last {
                let first = panel * width;
                let mut b = Factor { rows: b.rows.from(panel * b.step), whole: depth, ..edge };
                if panel == last {
                    b = edge;
                }
                let sums = &mut c[top * stride + first..];
                let sums = Sums { c: sums, stride, columns: width.min(columns - first), resume };
                tile::<L, ROWS, VECTORS, TRANSPOSED>(a, b, sums);
            }
            top += ROWS;
        }
    }
}

/// The columns of B that a tile multiplies.
#[derive(Clone, Copy)]
struct Factor<'a> {
    rows: Lines<'a>,
    depth: usize,
    /// The number of rows that hold as many numbers as a tile reads: reading past the edge of B is harmless while there is
    /// something to read.
    whole: usize,
    /// Copies of the others, each as long as a tile is wide.
    tail: &'a [f32],
}

impl<'a> Factor<'a> {
    #[inline(always)]
    fn of(rows: Lines<'a>, depth: usize, width: usize, copy: &'a mut Option<[f32; TAIL]>) -> Self {
        let mut whole = depth;
        if rows.data.len() < (depth - 1) * rows.stride + width {
            whole = rows.data.len().checked_sub(width).map_or(0, |rest| rest / rows.stride.max(1) + 1);
        }
        let mut factor = Factor { rows, depth, whole, tail: &[] };
        if whole < depth {
            factor.tail = copy.insert(short_rows(factor, width));
        }
        factor
    }
}

/// Numbers in the rows of B that are shorter than a tile: 16 rows of one vector of 16 numbers, or two rows of 8 vectors.
const TAIL: usize = 256;

/// Returns copies of the rows that are shorter than `width`, each `width` numbers long.
#[inline(never)]
fn short_rows(b: Factor<'_>, width: usize) -> [f32; TAIL] {
    let mut copy = [0.0; TAIL];
    for (k, to) in (b.whole..b.depth).zip(copy.chunks_exact_mut(width)) {
        let row = b.rows.from(k * b.rows.stride).data;
        let count = row.len().min(width);
        to[..count].copy_from_slice(&row[..count]);
    }
    copy
}

/// The part of C that a tile computes.
struct Sums<'a> {
    c: &'a mut [f32],
    stride: usize,
    columns: usize,
    resume: bool,
}

/// Computes a tile, and returns the number of its rows.
#[inline(always)]
fn tile<L: Lanes, const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool>(
    a: Left<'_>,
    b: Factor<'_>,
    to: Sums<'_>,
) -> usize {
    let a = Left { transposed: TRANSPOSED, ..a };
    let mut sums = [[L::splat(0.0); VECTORS]; ROWS];
    if to.resume {
        sums = to.load();
    }
    let mut k = 0;
    while k < b.depth {
        let tail = Lines { data: b.tail, stride: VECTORS * L::COUNT };
        let (end, rows) = if k < b.whole { (b.whole, b.rows) } else { (b.depth, tail) };
        L::multiply::<ROWS, VECTORS, TRANSPOSED>(&mut sums, end - k, a.from(0, k).lines, rows);
        k = end;
    }
    to.store(sums);
    ROWS
}

/// Only whole tiles have loops of constant bounds; the others get a copy of the sums that may live in memory.
impl Sums<'_> {
    #[inline(always)]
    fn load<L: Lanes, const ROWS: usize, const VECTORS: usize>(&self) -> [[L; VECTORS]; ROWS] {
        let Sums { ref c, stride, columns, .. } = *self;
        if columns == VECTORS * L::COUNT {
            return L::load_tile(Lines { data: c, stride });
        }
        let mut edge = [[L::splat(0.0); VECTORS]; ROWS];
        for (i, sums) in edge.iter_mut().enumerate() {
            for (sum, part) in sums.iter_mut().zip(c[i * stride..][..columns].chunks(L::COUNT)) {
                *sum = L::load_partial(part);
            }
        }
        edge
    }

    #[inline(always)]
    fn store<L: Lanes, const ROWS: usize, const VECTORS: usize>(self, sums: [[L; VECTORS]; ROWS]) {
        let Sums { c, stride, columns, .. } = self;
        if columns == VECTORS * L::COUNT {
            return L::store_tile(sums, c, stride);
        }
        let edge = sums;
        for (i, sums) in edge.iter().enumerate() {
            for (sum, part) in sums.iter().zip(c[i * stride..][..columns].chunks_mut(L::COUNT)) {
                sum.store_partial(part);
            }
        }
    }
}
