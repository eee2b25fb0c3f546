//! Copies a block of B into panels: the columns of a register tile side by side, row after row.

// Constant bounds unroll only in loops with indices.
#![allow(clippy::needless_range_loop)]

use std::cell::Cell;
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

impl Task for Packing<'_> {
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
    fn copy<L: Lanes>(self, step: usize) {
        for (k, row) in self.depth.enumerate() {
            let row = &self.b.data[row * self.b.stride..][self.columns.clone()];
            for (panel, row) in row.chunks(self.width).enumerate() {
                let to = &mut self.packed[panel * step + k * self.width..];
                for (v, part) in row.chunks(L::COUNT).enumerate() {
                    load::<L>(part).store(&mut to[v * L::COUNT..]);
                }
            }
        }
    }

    /// Copies by squares that are transposed in registers.
    #[inline(always)]
    fn turn<L: Lanes>(self, step: usize) {
        let Packing { b, depth, columns, width, packed } = self;
        for first in columns.clone().step_by(L::COUNT) {
            let column = first - columns.start;
            let panel = &mut packed[column / width * step + column % width..];
            let count = L::COUNT.min(columns.end - first);
            for k in depth.clone().step_by(L::COUNT) {
                let to = &mut panel[(k - depth.start) * width..];
                let ks = k..depth.end.min(k + L::COUNT);
                // Constant bounds let the square live in registers.
                let mut square = [L::splat(0.0); 16];
                if count == L::COUNT && ks.len() == L::COUNT {
                    square = L::load_transposed(Lines { data: &b.data[first * b.stride + k..], stride: b.stride });
                    for i in 0..L::COUNT {
                        square[i].store(&mut to[i * width..]);
                    }
                } else {
                    for i in 0..L::COUNT {
                        // Any column serves as padding.
                        let column = first + i.min(count - 1);
                        square[i] = L::load_partial(&b.data[column * b.stride..][ks.clone()]);
                    }
                    square = L::transpose(square);
                    for i in 0..L::COUNT {
                        if i < ks.len() {
                            square[i].store(&mut to[i * width..]);
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn load<L: Lanes>(part: &[f32]) -> L {
    if part.len() == L::COUNT { L::load(part) } else { L::load_partial(part) }
}

/// Memory that outlives a product, so that the next one need not ask the system for it: of the same thread, whose cache
/// holds it, or if that has ended, of any.
pub(super) struct Buffer(Aligned);

/// Of threads that have ended.
static SPARE: Mutex<Vec<Aligned>> = Mutex::new(Vec::new());

thread_local! {
    static OWN: Cell<Own> = const { Cell::new(Own(None)) };
}

#[derive(Default)]
struct Own(Option<Aligned>);

impl Drop for Own {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|memory| lock(&SPARE).push(memory));
    }
}

impl Buffer {
    pub(super) fn take() -> Self {
        Buffer(OWN.take().0.take().or_else(|| lock(&SPARE).pop()).unwrap_or_default())
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
        OWN.set(Own(Some(std::mem::take(&mut self.0))));
    }
}
