//! NEON: 32 registers of four numbers, and a multiply-add whose one factor is a single number of a register.

use std::arch::aarch64::*;

use super::{Lanes, Task};
use crate::linalg::lines::Lines;
use crate::linalg::unroll::unrolled;

#[derive(Clone, Copy)]
pub(super) struct Neon(float32x4_t);

// SAFETY, for every block here: NEON is part of the target, and the slices are as long as what is read or written.
impl Lanes for Neon {
    const COUNT: usize = 4;
    const ROWS: usize = if cfg!(feature = "simd") { 12 } else { 2 };
    const LOW: usize = if cfg!(feature = "simd") { 8 } else { 2 };
    const TALLEST: usize = if cfg!(feature = "simd") { 12 } else { 2 };
    const BLOCK: usize = 64 * 1024;

    basics!(Neon: vdupq_n_f32, vld1q_f32, vst1q_f32);
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Neon(unsafe { vfmaq_f32(addend.0, self.0, factor.0) })
    }

    #[inline(always)]
    fn transpose(mut square: [Self; 16]) -> [Self; 16] {
        let [Neon(a), Neon(b), Neon(c), Neon(d)] = [square[0], square[1], square[2], square[3]];
        unsafe {
            let (ac, bd) = (vzip1q_f32(a, c), vzip1q_f32(b, d));
            (square[0], square[1]) = (Neon(vzip1q_f32(ac, bd)), Neon(vzip2q_f32(ac, bd)));
            let (ac, bd) = (vzip2q_f32(a, c), vzip2q_f32(b, d));
            (square[2], square[3]) = (Neon(vzip1q_f32(ac, bd)), Neon(vzip2q_f32(ac, bd)));
        }
        square
    }

    /// A load brings four numbers of A, each of which multiplies from where it is in the register: four of a row, for as
    /// many rows of B, or those of four rows if A is transposed.
    #[inline(always)]
    fn multiply<const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool>(
        sums: &mut [[Self; VECTORS]; ROWS],
        depth: usize,
        a: Lines<'_>,
        b: Lines<'_>,
    ) {
        if const { ROWS == 1 && TRANSPOSED } && a.stride == 1 {
            return Self::multiply::<ROWS, VECTORS, false>(sums, depth, a, b);
        }
        let (count, length) = if TRANSPOSED { (depth, ROWS) } else { (ROWS, depth) };
        let (stride, mut a, mut row) = (a.stride, a.start(count, length), b.start(depth, VECTORS * Self::COUNT));
        let mut tile = *sums;
        macro_rules! steps {
            ($count:literal) => {
                let mut quads = [Self::splat(0.0); ROWS];
                if !TRANSPOSED {
                    unrolled!(i in ROWS => {
                        // SAFETY: all rows of A were checked to have as many numbers as the depth.
                        quads[i] = unsafe { Self::load_up_to_4(a.wrapping_add(i * stride), $count) };
                    });
                    a = a.wrapping_add($count);
                }
                unrolled!(k in $count => {
                    if TRANSPOSED {
                        unrolled!(i in ROWS.div_ceil(4) => {
                            // SAFETY: all columns of A were checked to have `ROWS` numbers.
                            quads[i] = unsafe { Self::load_up_to_4(a.wrapping_add(4 * i), ROWS - 4 * i) };
                        });
                        a = a.wrapping_add(stride);
                    }
                    // SAFETY: all rows of B were checked to have these numbers.
                    let vectors = unsafe { Self::load_row::<VECTORS>(row) };
                    row = row.wrapping_add(b.stride);
                    unrolled!(i in ROWS => {
                        let (quad, lane) = if TRANSPOSED { (quads[i / 4], i % 4) } else { (quads[i], k) };
                        unrolled!(v in VECTORS => {
                            tile[i][v] = vectors[v].mul_add_lane(quad, lane, tile[i][v]);
                        });
                    });
                });
            };
        }
        let mut left = depth;
        // Numbers of a single row that lie apart are loaded one by one: four turns at once would only spill rows of B.
        if const { ROWS > 1 || !TRANSPOSED } {
            while left >= 4 {
                steps!(4);
                left -= 4;
            }
        }
        while left > 0 {
            steps!(1);
            left -= 1;
        }
        *sums = tile;
    }
}

impl Neon {
    /// Returns `self` · the number at this index of `factors` + `addend`.
    #[inline(always)]
    fn mul_add_lane(self, factors: Self, lane: usize, addend: Self) -> Self {
        Neon(unsafe {
            match lane {
                0 => vfmaq_laneq_f32::<0>(addend.0, self.0, factors.0),
                1 => vfmaq_laneq_f32::<1>(addend.0, self.0, factors.0),
                2 => vfmaq_laneq_f32::<2>(addend.0, self.0, factors.0),
                _ => vfmaq_laneq_f32::<3>(addend.0, self.0, factors.0),
            }
        })
    }

    /// Returns four numbers, or the first two or one if `count` is less than 4.
    ///
    /// # Safety
    /// They must be in one slice.
    #[inline(always)]
    unsafe fn load_up_to_4(from: *const f32, count: usize) -> Self {
        Neon(unsafe {
            match count {
                1 => vld1q_dup_f32(from),
                2 => vcombine_f32(vld1_f32(from), vdup_n_f32(0.0)),
                4.. => vld1q_f32(from),
                _ => unreachable!("heights are one or even"),
            }
        })
    }

    /// Returns a tile's part of a row of B.
    ///
    /// # Safety
    /// Its numbers must be in one slice.
    #[inline(always)]
    unsafe fn load_row<const VECTORS: usize>(from: *const f32) -> [Self; VECTORS] {
        let mut row = [Self::splat(0.0); VECTORS];
        unrolled!(v in VECTORS => {
            row[v] = Neon(unsafe { vld1q_f32(from.wrapping_add(v * Self::COUNT)) });
        });
        row
    }
}
