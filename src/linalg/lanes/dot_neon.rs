//! Products of bytes by NEON.

use std::arch::aarch64::*;

use super::{PANEL, Rows, Sums, product};

#[cfg(feature = "simd")]
#[target_feature(enable = "dotprod")]
pub(super) unsafe fn dot(rows: Rows<'_>) {
    unsafe { product::<Dotted, 1, 6, 1>(rows) }
}

pub(super) unsafe fn wide(rows: Rows<'_>) {
    unsafe { product::<Wide, 1, 1, 1>(rows) }
}

/// Four columns in a register.
#[cfg(feature = "simd")]
#[derive(Clone, Copy)]
struct Dotted([int32x4_t; 4]);

#[cfg(feature = "simd")]
impl Sums for Dotted {
    type Weights = int8x16x4_t;
    type Group = int8x16_t;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Dotted(unsafe { [vdupq_n_s32(0); 4] })
    }

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> int8x16x4_t {
        unsafe { vld1q_s8_x4(from.cast()) }
    }

    #[inline(always)]
    unsafe fn group(from: *const u8) -> int8x16_t {
        unsafe { vreinterpretq_s8_s32(vdupq_n_s32(from.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn add(self, weights: int8x16x4_t, group: int8x16_t) -> Self {
        let [a, b, c, d] = self.0;
        unsafe {
            let (a, b) = (sdot(a, weights.0, group), sdot(b, weights.1, group));
            Dotted([a, b, sdot(c, weights.2, group), sdot(d, weights.3, group)])
        }
    }

    #[inline(always)]
    unsafe fn add_to(self, sums: &mut [i32; PANEL]) {
        for i in 0..4 {
            unsafe {
                let to = sums.as_mut_ptr().add(4 * i);
                vst1q_s32(to, vaddq_s32(self.0[i], vld1q_s32(to)));
            }
        }
    }
}

/// The intrinsic is not in every compiler that this crate is for.
#[cfg(feature = "simd")]
#[inline]
#[target_feature(enable = "dotprod")]
unsafe fn sdot(mut sums: int32x4_t, weights: int8x16_t, group: int8x16_t) -> int32x4_t {
    unsafe {
        std::arch::asm!(
            "sdot {sums:v}.4s, {weights:v}.16b, {group:v}.16b",
            sums = inout(vreg) sums,
            weights = in(vreg) weights,
            group = in(vreg) group,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// Two sums for each column, of half the depth each: two columns in a register.
#[derive(Clone, Copy)]
struct Wide([int32x4_t; 8]);

impl Sums for Wide {
    type Weights = *const i8;
    type Group = int8x8_t;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Wide(unsafe { [vdupq_n_s32(0); 8] })
    }

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> *const i8 {
        from.cast()
    }

    #[inline(always)]
    unsafe fn group(from: *const u8) -> int8x8_t {
        unsafe { vreinterpret_s8_s32(vdup_n_s32(from.cast::<i32>().read_unaligned())) }
    }

    /// A product of two signed bytes, one of them at least -127, fits 16 bits.
    #[inline(always)]
    unsafe fn add(mut self, weights: *const i8, group: int8x8_t) -> Self {
        for i in 0..8 {
            unsafe { self.0[i] = vpadalq_s16(self.0[i], vmull_s8(vld1_s8(weights.add(8 * i)), group)) };
        }
        self
    }

    #[inline(always)]
    unsafe fn add_to(self, sums: &mut [i32; PANEL]) {
        for i in 0..4 {
            unsafe {
                let to = sums.as_mut_ptr().add(4 * i);
                vst1q_s32(to, vaddq_s32(vpaddq_s32(self.0[2 * i], self.0[2 * i + 1]), vld1q_s32(to)));
            }
        }
    }
}
