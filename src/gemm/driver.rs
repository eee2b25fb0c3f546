//! Cuts a product into blocks that fit the caches, and these into strips for the kernel (Goto, van de Geijn, 2008).
//!
//! ```text
//! columns of C, as many as make a block of B that stays in the second-level cache
//!   depth, likewise                        B is read in place, or packed where that pays
//!     rows of C, as many as a tile has     A is read in place and stays in the first-level cache
//!       panels of B                        the kernel
//!     the epilogue, once the depth is done
//! ```

use super::kernel::{Panels, Strip};
use super::lanes::{Lanes, Task};
use super::{Epilogue, Operand, pack};

/// Numbers in a block of B: half a megabyte, half a second-level cache.
const BLOCK: usize = 128 * 1024;
/// Rows in a block of B: with a strip of A, as many numbers as the first-level cache holds well.
const DEPTH: usize = 256;

/// C = A · B, then the epilogue.
pub(super) struct Product<'a, E> {
    pub a: Operand<'a>,
    pub b: Operand<'a>,
    pub c: &'a mut [f32],
    pub epilogue: &'a E,
}

impl<E: Epilogue> Task for Product<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Product { a, b, c, epilogue } = self;
        let (rows, depth, columns) = (a.rows, a.columns, b.columns);
        if rows == 0 || columns == 0 {
            return;
        }
        if depth == 0 {
            c.fill(0.0);
            return c.chunks_exact_mut(columns).enumerate().for_each(|(i, row)| epilogue.apply(row, i, 0));
        }
        let vectors = vectors(rows);
        let width = vectors * L::COUNT;
        // A packed B is read by every strip. Few strips do not repay it.
        let packed = b.transposed || (depth * columns > BLOCK && rows > 4 * L::ROWS);
        let depth_block = if packed { DEPTH.min(depth) } else { depth };
        let column_block = if packed { (BLOCK / DEPTH).next_multiple_of(width) } else { columns };
        let buffer = if packed { depth_block * column_block.min(columns.next_multiple_of(width)) } else { 0 };
        pack::with_buffer(buffer, |buffer| {
            for column in (0..columns).step_by(column_block) {
                let column_end = columns.min(column + column_block);
                for k in (0..depth).step_by(depth_block) {
                    let k_end = depth.min(k + depth_block);
                    let b = if packed {
                        pack::pack::<L>(b, k..k_end, column..column_end, width, buffer);
                        Panels { data: buffer, stride: width, step: (k_end - k) * width }
                    } else {
                        Panels { data: &b.data[k * columns + column..], stride: columns, step: width }
                    };
                    // Evenly, so that no strip is left with few rows.
                    let strips = rows.div_ceil(L::ROWS);
                    for strip in 0..strips {
                        let (first, last) = (rows * strip / strips, rows * (strip + 1) / strips);
                        let c = &mut c[first * columns..last * columns];
                        let (start, a_stride) =
                            if a.transposed { (k * rows + first, rows) } else { (first * depth + k, depth) };
                        let work = Work {
                            rows: last - first,
                            transposed: a.transposed,
                            a: &a.data[start..],
                            a_stride,
                            b,
                            depth: k_end - k,
                            c: &mut c[column..],
                            c_stride: columns,
                            columns: column_end - column,
                            resume: k > 0,
                        };
                        work.run::<L>(vectors);
                        if k_end == depth {
                            for (i, row) in c.chunks_exact_mut(columns).enumerate() {
                                epilogue.apply(&mut row[column..column_end], first + i, column);
                            }
                        }
                    }
                }
            }
        });
    }
}

/// Vectors in a tile's row. Few rows need more, to keep enough sums going for the processor's latency.
fn vectors(rows: usize) -> usize {
    match rows {
        1 => 8,
        2..=3 => 4,
        _ => 2,
    }
}

/// A strip whose height is not yet a constant.
struct Work<'a> {
    rows: usize,
    transposed: bool,
    a: &'a [f32],
    a_stride: usize,
    b: Panels<'a>,
    depth: usize,
    c: &'a mut [f32],
    c_stride: usize,
    columns: usize,
    resume: bool,
}

impl Work<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, vectors: usize) {
        match (self.rows, vectors) {
            (1, 8) => self.height::<L, 1, 8>(),
            (2, 4) => self.height::<L, 2, 4>(),
            (3, 4) => self.height::<L, 3, 4>(),
            (2, _) => self.height::<L, 2, 2>(),
            (3, _) => self.height::<L, 3, 2>(),
            (4, _) => self.height::<L, 4, 2>(),
            (5, _) if L::ROWS >= 5 => self.height::<L, 5, 2>(),
            (6, _) if L::ROWS >= 6 => self.height::<L, 6, 2>(),
            (7, _) if L::ROWS >= 7 => self.height::<L, 7, 2>(),
            (8, _) if L::ROWS >= 8 => self.height::<L, 8, 2>(),
            (9, _) if L::ROWS >= 9 => self.height::<L, 9, 2>(),
            (10, _) if L::ROWS >= 10 => self.height::<L, 10, 2>(),
            (11, _) if L::ROWS >= 11 => self.height::<L, 11, 2>(),
            (12, _) if L::ROWS >= 12 => self.height::<L, 12, 2>(),
            (13, _) if L::ROWS >= 13 => self.height::<L, 13, 2>(),
            (14, _) if L::ROWS >= 14 => self.height::<L, 14, 2>(),
            (rows, _) => unreachable!("a strip of {rows} rows"),
        }
    }

    #[inline(always)]
    fn height<L: Lanes, const ROWS: usize, const VECTORS: usize>(self) {
        if self.transposed { self.side::<L, ROWS, VECTORS, true>() } else { self.side::<L, ROWS, VECTORS, false>() }
    }

    /// The whole panels, then what is left with no more vectors than it needs.
    #[inline(always)]
    fn side<L: Lanes, const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool>(mut self) {
        let width = VECTORS * L::COUNT;
        let whole = self.columns - self.columns % width;
        if whole > 0 {
            let columns = std::mem::replace(&mut self.columns, whole);
            let Work { b, .. } = self;
            L::call(self.strip::<ROWS, VECTORS, TRANSPOSED>());
            if columns == whole {
                return;
            }
            self.columns = columns - whole;
            self.b = Panels { data: &b.data[whole / width * b.step..], ..b };
            self.c = &mut self.c[whole..];
        }
        match self.columns.div_ceil(L::COUNT) {
            1 => L::call(self.strip::<ROWS, 1, TRANSPOSED>()),
            2 => L::call(self.strip::<ROWS, 2, TRANSPOSED>()),
            3..=4 if VECTORS >= 4 => L::call(self.strip::<ROWS, 4, TRANSPOSED>()),
            _ => L::call(self.strip::<ROWS, VECTORS, TRANSPOSED>()),
        }
    }

    #[inline(always)]
    fn strip<const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool>(
        &mut self,
    ) -> Strip<'_, ROWS, VECTORS, TRANSPOSED> {
        Strip {
            a: self.a,
            a_stride: self.a_stride,
            b: self.b,
            depth: self.depth,
            c: self.c,
            c_stride: self.c_stride,
            columns: self.columns,
            resume: self.resume,
        }
    }
}
