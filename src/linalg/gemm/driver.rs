//! Cuts a product into blocks that fit the caches, and these into strips for the kernel (Goto, van de Geijn, 2008).
//!
//! ```text
//! columns of C, as many as make a block of B that the second-level cache holds
//!   depth, as much as makes such a block  B is read in place, or packed if that pays
//!     rows of C, as many as a tile has    A is read in place, or its rows are copied if that pays
//!       panels of B                       the kernel
//!     the epilogue, once the depth is done
//! ```

use super::Epilogue;
use super::kernel::{Left, Panels, Strip};
use super::pack::{Buffer, Packing};
use crate::base::parallel::cut;
use crate::linalg::lanes::{Lanes, Task};
use crate::linalg::view::MatrixView;

/// The most rows of a packed block of B: with them, the strip of A is a third of a first-level cache.
const DEPTH: usize = 256;
/// Between rows of the strip of A if it is copied: not a power of 2, which would put them all into one set of the
/// cache.
const STRIDE: usize = DEPTH + 16;

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

impl Task for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Product { a, b, c, stride, epilogue, resume } = self;
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
        let vectors = Strip::vectors::<L>(rows);
        let width = vectors * L::COUNT;
        // A block that does not fit the cache is packed, if there are strips enough to repay it; and vectors cannot be
        // loaded from what is transposed.
        let packed = b.transposed || (depth * columns > L::BLOCK / 2 && rows > 4 * L::ROWS);
        let copied = packed && !a.transposed && columns >= 8 * width;
        let (depth_block, column_block) =
            if packed { (depth.min(DEPTH), L::BLOCK / DEPTH / width * width) } else { (depth, columns) };
        let mut buffer = packed.then(Buffer::take);
        let (strip, block) = match &mut buffer {
            Some(buffer) => {
                let block = depth_block * column_block.min(columns.next_multiple_of(width));
                buffer.numbers(L::ROWS * STRIDE + block).split_at_mut(L::ROWS * STRIDE)
            }
            None => Default::default(),
        };

        for column in (0..columns).step_by(column_block) {
            let column_end = columns.min(column + column_block);
            for k in (0..depth).step_by(depth_block) {
                let k_end = depth.min(k + depth_block);
                let panels = if packed {
                    L::call(Packing { b, depth: k..k_end, columns: column..column_end, width, packed: block });
                    Panels { data: block, stride: width, step: (k_end - k) * width }
                } else {
                    Panels { data: &b.data[k * b.stride + column..], stride: b.stride, step: width }
                };
                // In even numbers, about equal, so that no strip is left with few rows; an odd row by itself.
                let strips = (rows / 2 * 2).div_ceil(L::ROWS);
                let cut = |i| if i > strips { rows } else { 2 * cut(rows / 2, strips.max(1), i) };
                for i in 0..strips + rows % 2 {
                    let (row, row_end) = (cut(i), cut(i + 1));
                    let (mut vectors, mut b) = (vectors, panels);
                    if row_end - row == 1 && !packed {
                        vectors = Strip::vectors::<L>(1);
                        b.step = vectors * L::COUNT;
                    }
                    let start = if a.transposed { k * a.stride + row } else { row * a.stride + k };
                    let mut left = Left { data: &a.data[start..], transposed: a.transposed, stride: a.stride };
                    if copied {
                        for (i, to) in (0..row_end - row).zip(strip.chunks_exact_mut(STRIDE)) {
                            to[..k_end - k].copy_from_slice(&left.data[i * a.stride..][..k_end - k]);
                        }
                        left = Left { data: strip, stride: STRIDE, ..left };
                    }
                    let c = &mut c[row * stride..(row_end - 1) * stride + columns];
                    L::call(Strip {
                        rows: row_end - row,
                        vectors,
                        depth: k_end - k,
                        columns: column_end - column,
                        a: left,
                        b,
                        c: &mut c[column..],
                        stride,
                        resume: resume || k > 0,
                    });
                    if k_end == depth && column_end - column == stride {
                        epilogue(c, row..row_end, 0..columns);
                    } else if k_end == depth {
                        for (i, c) in (row..row_end).zip(c.chunks_mut(stride)) {
                            epilogue(&mut c[column..column_end], i..i + 1, column..column_end);
                        }
                    }
                }
            }
        }
    }
}
