//! Cuts a product into blocks that fit the caches, and these into strips for the kernel (Goto, van de Geijn, 2008).
//!
//! ```text
//! columns of C, as many as make a block of B that the second-level cache holds
//!   depth, as much as makes such a block  B is read in place, or packed if that pays
//!     rows of C, as many as the first-level cache keeps until the epilogue: a band
//!                                         A is read in place, or its rows are copied if that pays, as columns for
//!                                         instruction sets that multiply by lanes
//!       strips of a tile's height, panels of B
//!                                         the kernel
//!     the epilogue, once the depth is done
//! ```

use std::ops::Range;

use super::Epilogue;
use super::kernel::{Band, Left, Panels, Small};
use super::pack::{Buffer, Packing};
use crate::linalg::lanes::{Lanes, Task};
use crate::linalg::lines::Lines;
use crate::linalg::view::MatrixView;

/// The most rows of a packed block of B: with them, the strip of A is a third of a first-level cache.
const DEPTH: usize = 256;
/// Between rows of the strip of A if it is copied: not a power of 2, which would put them all into one set of the
/// cache.
const STRIDE: usize = DEPTH + 16;
/// Panels of B from which on it pays to copy a strip of A, which each of them reads.
const LONG: usize = 8;
/// Entries of C between two calls of the epilogue: half of a first-level cache.
const BAND: usize = 4096;

/// The most multiply-adds of a product that is not cut, for instruction sets whose vectors hold eight numbers or more.
const SMALL: usize = 8192;

/// How rows are cut into strips: of even heights that are about equal, so that no strip is left with few rows, first
/// the taller ones; then an odd row by itself.
struct Strips {
    /// The height of the lower strips, and how many rows more the taller ones have.
    low: usize,
    step: usize,
    taller_end: usize,
    even_end: usize,
    rows: usize,
}

impl Strips {
    /// Heights are multiples of `step` if the rows are, and else even.
    fn of(rows: usize, tallest: usize, step: usize) -> Self {
        let step = if rows.is_multiple_of(step) { step } else { 2 };
        let steps = rows / step;
        let count = steps.div_ceil(tallest / step).max(1);
        let low = steps / count * step;
        Strips { low, step, taller_end: steps % count * (low + step), even_end: steps * step, rows }
    }

    /// Returns the height of the strip that begins with `row`, and where the strips of its height end.
    fn at(&self, row: usize) -> (usize, usize) {
        if row < self.taller_end {
            (self.low + self.step, self.taller_end)
        } else if row < self.even_end {
            (self.low, self.even_end)
        } else {
            (1, self.rows)
        }
    }
}

/// C = A · B, then the epilogue.
pub(super) struct Product<'a> {
    pub a: MatrixView<'a>,
    pub b: MatrixView<'a>,
    pub c: &'a mut [f32],
    /// From a row of C to the next, at least its columns.
    pub stride: usize,
    pub epilogue: &'a Epilogue<'a>,
    /// Whether C holds the sums of a product whose depth this one continues.
    pub resume: bool,
}

impl Task for &mut Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Product { a, b, ref mut c, epilogue, resume, .. } = *self;
        let (rows, depth, columns) = (a.rows, a.columns, b.columns);
        if rows == 0 || columns == 0 {
            return;
        }
        if depth == 0 {
            if !resume {
                c.fill(0.0);
            }
            return epilogue(c, 0..rows, 0..columns);
        }
        let vectors = Band::vectors::<L>(rows, columns);
        // A block that does not fit the cache is packed, if there are strips enough to repay it; and vectors cannot be
        // loaded from what is transposed.
        if b.transposed || (depth * columns > L::BLOCK / 2 && rows > 4 * L::ROWS) {
            return L::call(Packed { product: self, vectors });
        }
        let panels = Panels { rows: Lines { data: b.data, stride: b.stride }, step: vectors * L::COUNT };
        if rows == 1 {
            // There is nothing to cut, which would take longer than the product of a small network.
            let lines = Lines { data: a.data, stride: a.stride };
            let a = Left { lines, transposed: a.transposed };
            let c = &mut c[..columns];
            L::call(&mut Band { rows, height: 1, vectors, depth, columns, a, b: panels, c, stride: columns, resume });
            return epilogue(c, 0..1, 0..columns);
        }
        if const { L::COUNT >= 8 } && rows * depth * columns <= SMALL && self.stride == columns {
            let lines = Lines { data: a.data, stride: a.stride };
            let a = Left { lines, transposed: a.transposed };
            L::call(&mut Small { rows, depth, columns, a, b: panels.rows, c, resume });
            return epilogue(c, 0..rows, 0..columns);
        }
        let (mut buffer, mut copy) = (None, None);
        let pays = rows > L::LOW && columns >= LONG * panels.step && depth <= 2 * DEPTH;
        if const { L::BY_LANES } && !a.transposed && pays {
            copy = Some(buffer.insert(Buffer::take()).numbers(L::ROWS * depth));
        }
        L::call(&mut Block {
            product: self,
            vectors,
            columns: 0..columns,
            depth: 0..depth,
            b: panels,
            in_place: true,
            copy,
        });
    }
}

/// A product whose B is packed, block by block.
struct Packed<'a, 'p> {
    product: &'a mut Product<'p>,
    vectors: usize,
}

impl Task for Packed<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Packed { product, vectors } = self;
        let (a, b, width) = (product.a, product.b, vectors * L::COUNT);
        let block_depth = a.columns.min(DEPTH);
        let block_columns = L::BLOCK / DEPTH / width * width;
        let size = block_depth * block_columns.min(b.columns.next_multiple_of(width));
        let mut buffer = Buffer::take();
        let (copy, packed) = buffer.numbers(L::ROWS * STRIDE + size).split_at_mut(L::ROWS * STRIDE);
        let copied = !a.transposed && b.columns >= LONG * width;
        for column in (0..b.columns).step_by(block_columns) {
            let columns = column..b.columns.min(column + block_columns);
            for k in (0..a.columns).step_by(block_depth) {
                let depth = k..a.columns.min(k + block_depth);
                L::call(&mut Packing { b, depth: depth.clone(), columns: columns.clone(), width, packed });
                let b = Panels { rows: Lines { data: packed, stride: width }, step: depth.len() * width };
                let (columns, copy) = (columns.clone(), copied.then_some(&mut *copy));
                L::call(&mut Block { product, vectors, columns, depth, b, in_place: false, copy });
            }
        }
    }
}

/// All rows of a product, over some of the columns of C and some of the depth.
struct Block<'a, 'p> {
    product: &'a mut Product<'p>,
    vectors: usize,
    columns: Range<usize>,
    depth: Range<usize>,
    /// This part of B.
    b: Panels<'a>,
    /// Whether B is read as it lies: only then can its panels have another width.
    in_place: bool,
    /// Where rows of A are copied to.
    copy: Option<&'a mut [f32]>,
}

impl Task for &mut Block<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Product { a, b, ref mut c, stride, epilogue, resume } = *self.product;
        let width = self.columns.len();
        // An instruction set that multiplies by lanes loads four numbers of a column of A at once.
        let (rows, step) = match a.transposed || self.copy.is_some() {
            true if const { L::BY_LANES } => (L::ROWS, 4),
            _ => (L::LOW, 2),
        };
        let tallest = if self.vectors == 1 { L::TALLEST } else { (2 * rows / self.vectors).max(2) };
        let strips = Strips::of(a.rows, tallest, step);
        let mut row = 0;
        while row < a.rows {
            let (height, mut end) = strips.at(row);
            let mut left = Left { lines: Lines { data: a.data, stride: a.stride }, transposed: a.transposed };
            left = left.from(row, self.depth.start);
            if let Some(copy) = &mut self.copy
                && height > 1
            {
                end = row + height;
                left = if const { L::BY_LANES } {
                    columns_of::<L>(a, row..end, self.depth.clone(), copy)
                } else {
                    Left { lines: copy_lines(left.lines, height, self.depth.len(), copy), ..left }
                };
            } else if (end - row) * width > BAND {
                end = end.min(row + (BAND / width / height).max(1) * height);
            }
            let (mut vectors, mut panels) = (self.vectors, self.b);
            if height == 1 && self.in_place {
                vectors = Band::vectors::<L>(1, width);
                panels.step = vectors * L::COUNT;
            }
            let c = &mut c[row * stride..(end - 1) * stride + b.columns];
            L::call(&mut Band {
                rows: end - row,
                height,
                vectors,
                depth: self.depth.len(),
                columns: width,
                a: left,
                b: panels,
                c: &mut c[self.columns.start..],
                stride,
                resume: resume || self.depth.start > 0,
            });
            if self.depth.end == a.columns && width == stride {
                epilogue(c, row..end, self.columns.clone());
            } else if self.depth.end == a.columns {
                for (i, c) in (row..end).zip(c.chunks_mut(stride)) {
                    epilogue(&mut c[self.columns.clone()], i..i + 1, self.columns.clone());
                }
            }
            row = end;
        }
    }
}

/// Copies these rows of A as columns, and returns the copies.
#[inline(always)]
fn columns_of<'a, L: Lanes>(
    a: MatrixView<'_>,
    rows: Range<usize>,
    depth: Range<usize>,
    copy: &'a mut [f32],
) -> Left<'a> {
    let width = rows.len().next_multiple_of(L::COUNT);
    // The rows that follow are padding of which squares can be made.
    let columns = rows.start..a.rows.min(rows.start + width);
    L::call(&mut Packing { b: a.transposed(), depth, columns, width, packed: copy });
    Left { lines: Lines { data: copy, stride: width }, transposed: true }
}

/// Copies the start of each of these lines, and returns the copies.
#[inline(never)]
fn copy_lines<'a>(lines: Lines<'_>, count: usize, length: usize, copy: &'a mut [f32]) -> Lines<'a> {
    for (i, to) in (0..count).zip(copy.chunks_exact_mut(STRIDE)) {
        to[..length].copy_from_slice(&lines.from(i * lines.stride).data[..length]);
    }
    Lines { data: copy, stride: STRIDE }
}
