//! Copies a block of B into panels: the columns of a register tile side by side, row after row.

// Constant bounds unroll only in loops with indices.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;
use std::sync::Mutex;

use crate::base::parallel::lock;
use crate::linalg::aligned::Aligned;
use crate::linalg::lanes::{Lanes, Task};
use crate::linalg::lines::Lines;
use crate::linalg::view::MatrixView;

/// The rows `depth` and columns `columns` of `b`, to be packed into panels `width` columns wide, the last one padded.
pub(super) struct Packing<'a> {
    pub b: MatrixView<'a>,
    pub depth: Range<usize>,
    pub columns: Range<usize>,
    pub width: usize,
    pub packed: &'a mut [f32],
}

impl Task for &mut Packing<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let step = self.width * self.depth.len();
        if self.b.transposed { self.turn::<L>(step) } else { self.copy::<L>(step) }
    }
}

impl Packing<'_> {
    /// Copies row by row, the order in which memory is read fastest.
    #[inline(always)]
    fn copy<L: Lanes>(&mut self, step: usize) {
        let width = self.width;
        for (k, row) in self.depth.clone().enumerate() {
            let mut row = &self.b.data[row * self.b.stride..][self.columns.clone()];
            let mut start = k * width;
            if width == 2 * L::COUNT {
                // Almost all panels have two vectors, which need no loop.
                let whole = row.chunks_exact(2 * L::COUNT);
                row = whole.remainder();
                for from in whole {
                    let to = &mut self.packed[start..][..2 * L::COUNT];
                    let second = L::load(&from[L::COUNT..]);
                    L::load(from).store(to);
                    second.store(&mut to[L::COUNT..]);
                    start += step;
                }
            }
            for from in row.chunks(width) {
                for (from, to) in from.chunks(L::COUNT).zip(self.packed[start..].chunks_exact_mut(L::COUNT)) {
                    load::<L>(from).store(to);
                }
                start += step;
            }
        }
    }

    /// Copies by squares that are transposed in registers.
    #[inline(always)]
    fn turn<L: Lanes>(&mut self, step: usize) {
        let Packing { b, ref depth, ref columns, width, ref mut packed } = *self;
        for first in columns.clone().step_by(L::COUNT) {
            let column = first - columns.start;
            let panel = &mut packed[column / width * step + column % width..];
            let count = L::COUNT.min(columns.end - first);
            let squares = if count == L::COUNT { depth.len() / L::COUNT } else { 0 };
            let lines = Lines { data: &b.data[first * b.stride..], stride: b.stride };
            let (mut k, mut to) = (depth.start, 0);
            for _ in 0..squares {
                L::store_square(L::load_transposed(lines.from(k)), &mut panel[to..], width);
                (k, to) = (k + L::COUNT, to + L::COUNT * width);
            }
            while k < depth.end {
                let rest = (depth.end - k).min(L::COUNT);
                // Constant bounds let the square live in registers.
                let mut square = [L::splat(0.0); 16];
                for i in 0..L::COUNT {
                    // Any column serves as padding.
                    square[i] = L::load_partial(&lines.from(i.min(count - 1) * b.stride + k).data[..rest]);
                }
                square = L::transpose(square);
                for i in 0..L::COUNT {
                    if i < rest {
                        square[i].store(&mut panel[to + i * width..]);
                    }
                }
                (k, to) = (k + rest, to + rest * width);
            }
        }
    }
}

#[inline(always)]
fn load<L: Lanes>(part: &[f32]) -> L {
    if part.len() == L::COUNT { L::load(part) } else { L::load_partial(part) }
}

/// Memory that outlives a product, so that the next one, in whatever thread, need not ask the system for it.
pub(super) struct Buffer(Aligned);

static SPARE: Mutex<Vec<Aligned>> = Mutex::new(Vec::new());

impl Buffer {
    pub(super) fn take() -> Self {
        Buffer(lock(&SPARE).pop().unwrap_or_default())
    }

    /// Returns `length` numbers of unspecified content that start with a cache line.
    pub(super) fn numbers(&mut self, length: usize) -> &mut [f32] {
        if self.0.len() < length {
            self.0.resize(length);
        }
        &mut self.0[..length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        lock(&SPARE).push(std::mem::take(&mut self.0));
    }
}
