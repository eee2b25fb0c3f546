//! Copies a block of B into panels: the columns of a register tile side by side, row after row.

use std::cell::Cell;
use std::ops::Range;

use super::Operand;
use super::lanes::Lanes;

/// Packs rows `depth`, columns `columns` of `b` into panels `width` columns wide, the last one padded.
#[inline(always)]
pub(super) fn pack<L: Lanes>(
    b: Operand<'_>,
    depth: Range<usize>,
    columns: Range<usize>,
    width: usize,
    packed: &mut [f32],
) {
    let panels = packed.chunks_exact_mut(width * depth.len().max(1));
    for (first, panel) in columns.clone().step_by(width).zip(panels) {
        let last = columns.end.min(first + width);
        for (v, first) in (first..last).step_by(L::COUNT).enumerate() {
            let columns = first..last.min(first + L::COUNT);
            let panel = &mut panel[v * L::COUNT..];
            if b.transposed {
                turn::<L>(b, depth.clone(), columns, width, panel);
            } else {
                copy::<L>(b, depth.clone(), columns, width, panel);
            }
        }
    }
}

/// One vector of every row.
#[inline(always)]
fn copy<L: Lanes>(b: Operand<'_>, depth: Range<usize>, columns: Range<usize>, width: usize, panel: &mut [f32]) {
    for (k, to) in depth.zip(panel.chunks_mut(width)) {
        let from = &b.data[k * b.columns..][columns.clone()];
        let vector = if from.len() == L::COUNT { L::load(from) } else { L::load_partial(from) };
        vector.store(to);
    }
}

/// One vector of every row of a transposed matrix, by squares that are transposed in registers.
#[inline(always)]
fn turn<L: Lanes>(b: Operand<'_>, depth: Range<usize>, columns: Range<usize>, width: usize, panel: &mut [f32]) {
    for (block, first) in depth.clone().step_by(L::COUNT).enumerate() {
        let ks = first..depth.end.min(first + L::COUNT);
        let mut square = [L::splat(0.0); 16];
        for (column, vector) in columns.clone().zip(&mut square) {
            let from = &b.data[column * b.rows..][ks.clone()];
            *vector = if from.len() == L::COUNT { L::load(from) } else { L::load_partial(from) };
        }
        let square = transpose(square);
        let to = panel[block * L::COUNT * width..].chunks_mut(width);
        for (vector, to) in square.iter().take(ks.len()).zip(to) {
            vector.store(to);
        }
    }
}

/// The first `COUNT` vectors as a square, rows and columns exchanged. Merging the upper with the lower half, number
/// by number, rotates the bits of (row, column) by one; after log₂ `COUNT` times they have changed places.
#[inline(always)]
fn transpose<L: Lanes>(mut square: [L; 16]) -> [L; 16] {
    for _ in 0..L::COUNT.ilog2() {
        let old = square;
        for i in 0..L::COUNT / 2 {
            (square[2 * i], square[2 * i + 1]) = old[i].interleave(old[i + L::COUNT / 2]);
        }
    }
    square
}

/// Lends `work` at least `length` numbers of this thread's own, of unspecified content, on a cache line's boundary.
#[inline(always)]
pub(super) fn with_buffer<R>(length: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    const LINE: usize = 16;
    thread_local!(static BUFFER: Cell<Vec<f32>> = const { Cell::new(Vec::new()) });
    let mut buffer = BUFFER.take();
    if buffer.len() < length + LINE {
        buffer.resize(length + LINE, 0.0);
    }
    let start = buffer.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
    let result = work(&mut buffer[start..][..length]);
    BUFFER.set(buffer);
    result
}
