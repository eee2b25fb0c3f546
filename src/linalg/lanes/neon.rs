//! NEON: 32 registers of four numbers.

use std::arch::aarch64::*;

use super::{Lanes, Task};

#[derive(Clone, Copy)]
pub(super) struct Neon(float32x4_t);

// SAFETY, for every block here: NEON is part of the target, and the slices are as long as what is read or written.
impl Lanes for Neon {
    const COUNT: usize = 4;
    const ROWS: usize = if cfg!(feature = "simd") { 12 } else { 2 };
    const TALLEST: usize = if cfg!(feature = "simd") { 12 } else { 2 };
    const STEPS: usize = 1;
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
}
