//! Products of bytes by the instructions of x86-64.

// The functions that call each kernel made sure that the processor has its instructions.

use std::arch::x86_64::*;

use super::{PANEL, Rows, Sums, product};
use crate::linalg::unroll::unrolled;

/// Writes the function that compiles a kernel for its instructions.
#[cfg(feature = "simd")]
macro_rules! compiled {
    ($name:ident, $sums:ident, $panels:literal, $rows:literal, $wide:literal, $instructions:literal) => {
        #[target_feature(enable = $instructions)]
        pub(super) unsafe fn $name(rows: Rows<'_>) {
            unsafe { product::<$sums, $panels, $rows, $wide>(rows) }
        }
    };
}

#[cfg(feature = "simd")]
compiled!(vnni512, Vnni512, 2, 6, 4, "avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,avx2,fma");
#[cfg(feature = "simd")]
compiled!(wide512, Wide512, 2, 6, 4, "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma");
#[cfg(feature = "simd")]
compiled!(vnni256, Vnni256, 1, 6, 4, "avx2,fma");
#[cfg(feature = "simd")]
compiled!(wide256, Wide256, 1, 6, 4, "avx2,fma");

pub(super) unsafe fn wide128(rows: Rows<'_>) {
    unsafe {
        if cfg!(not(feature = "simd")) {
            return product::<Wide128, 1, 1, 1>(rows);
        }
        product::<Wide128, 1, 2, 2>(rows)
    }
}

#[derive(Clone, Copy)]
#[cfg(feature = "simd")]
struct Vnni512(__m512i);

#[cfg(feature = "simd")]
impl Sums for Vnni512 {
    type Weights = __m512i;
    type Group = __m512i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Vnni512(unsafe { _mm512_setzero_si512() })
    }

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn group(from: *const u8) -> __m512i {
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn add(self, weights: __m512i, group: __m512i) -> Self {
        Vnni512(unsafe { _mm512_dpbusd_epi32(self.0, group, weights) })
    }

    #[inline(always)]
    unsafe fn add_to(self, sums: &mut [i32; PANEL]) {
        unsafe {
            let to = sums.as_mut_ptr();
            _mm512_storeu_si512(to.cast(), _mm512_add_epi32(self.0, _mm512_loadu_si512(to.cast())));
        }
    }
}

#[derive(Clone, Copy)]
#[cfg(feature = "simd")]
struct Vnni256([__m256i; 2]);

#[cfg(feature = "simd")]
impl Sums for Vnni256 {
    type Weights = [__m256i; 2];
    type Group = __m256i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Vnni256(unsafe { [_mm256_setzero_si256(); 2] })
    }

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> [__m256i; 2] {
        unsafe { [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(32).cast())] }
    }

    #[inline(always)]
    unsafe fn group(from: *const u8) -> __m256i {
        unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn add(self, weights: [__m256i; 2], group: __m256i) -> Self {
        let [low, high] = self.0;
        unsafe { Vnni256([dpbusd(low, group, weights[0]), dpbusd(high, group, weights[1])]) }
    }

    #[inline(always)]
    unsafe fn add_to(self, sums: &mut [i32; PANEL]) {
        unsafe { add_halves(self.0, sums) }
    }
}

/// The intrinsic is not in every compiler that this crate is for.
#[cfg(feature = "simd")]
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn dpbusd(mut sums: __m256i, group: __m256i, weights: __m256i) -> __m256i {
    unsafe {
        std::arch::asm!(
            "{{vex}} vpdpbusd {sums}, {group}, {weights}",
            sums = inout(ymm_reg) sums,
            group = in(ymm_reg) group,
            weights = in(ymm_reg) weights,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// Adds two registers of sums to 16 others.
#[cfg(feature = "simd")]
#[inline(always)]
unsafe fn add_halves(halves: [__m256i; 2], sums: &mut [i32; PANEL]) {
    for (half, sums) in halves.into_iter().zip(sums.chunks_exact_mut(8)) {
        unsafe {
            let to = sums.as_mut_ptr();
            _mm256_storeu_si256(to.cast(), _mm256_add_epi32(half, _mm256_loadu_si256(to.cast())));
        }
    }
}

#[derive(Clone, Copy)]
#[cfg(feature = "simd")]
struct Wide512(__m512i);

#[cfg(feature = "simd")]
impl Sums for Wide512 {
    type Weights = __m512i;
    type Group = __m512i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Wide512(unsafe { _mm512_setzero_si512() })
    }

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn group(from: *const u8) -> __m512i {
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn add(self, weights: __m512i, group: __m512i) -> Self {
        Wide512(unsafe { _mm512_add_epi32(self.0, _mm512_madd_epi16(weights, group)) })
    }

    #[inline(always)]
    unsafe fn add_to(self, sums: &mut [i32; PANEL]) {
        unsafe { Vnni512(self.0).add_to(sums) }
    }
}

#[derive(Clone, Copy)]
#[cfg(feature = "simd")]
struct Wide256([__m256i; 2]);

#[cfg(feature = "simd")]
impl Sums for Wide256 {
    type Weights = [__m256i; 2];
    type Group = __m256i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Wide256(unsafe { [_mm256_setzero_si256(); 2] })
    }

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> [__m256i; 2] {
        unsafe { Vnni256::weights(from) }
    }

    #[inline(always)]
    unsafe fn group(from: *const u8) -> __m256i {
        unsafe { Vnni256::group(from) }
    }

    #[inline(always)]
    unsafe fn add(self, weights: [__m256i; 2], group: __m256i) -> Self {
        let [low, high] = self.0;
        unsafe {
            Wide256([
                _mm256_add_epi32(low, _mm256_madd_epi16(weights[0], group)),
                _mm256_add_epi32(high, _mm256_madd_epi16(weights[1], group)),
            ])
        }
    }

    #[inline(always)]
    unsafe fn add_to(self, sums: &mut [i32; PANEL]) {
        unsafe { add_halves(self.0, sums) }
    }
}

#[derive(Clone, Copy)]
struct Wide128([__m128i; 4]);

impl Sums for Wide128 {
    type Weights = [__m128i; 4];
    type Group = __m128i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Wide128(unsafe { [_mm_setzero_si128(); 4] })
    }

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> [__m128i; 4] {
        unsafe { [0, 16, 32, 48].map(|first| _mm_loadu_si128(from.add(first).cast())) }
    }

    #[inline(always)]
    unsafe fn group(from: *const u8) -> __m128i {
        unsafe { _mm_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn add(mut self, weights: [__m128i; 4], group: __m128i) -> Self {
        unrolled!(i in 4 => {
            self.0[i] = unsafe { _mm_add_epi32(self.0[i], _mm_madd_epi16(weights[i], group)) };
        });
        self
    }

    #[inline(always)]
    unsafe fn add_to(self, sums: &mut [i32; PANEL]) {
        unrolled!(i in 4 => {
            unsafe {
                let to = sums.as_mut_ptr().add(4 * i);
                _mm_storeu_si128(to.cast(), _mm_add_epi32(self.0[i], _mm_loadu_si128(to.cast())));
            }
        });
    }
}
