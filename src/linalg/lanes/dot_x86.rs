//! Products of bytes by the instructions of x86-64.

// The functions that call each kernel made sure that the processor has its instructions.

use std::arch::x86_64::*;

use super::{GROUP, PANEL, Rows, Sums, product};
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
compiled!(wide512, Wide512, 1, 6, 1, "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma");
#[cfg(feature = "simd")]
compiled!(vnni256, Vnni256, 1, 6, 4, "avx2,fma");
#[cfg(feature = "simd")]
compiled!(wide256, Wide256, 1, 3, 1, "avx2,fma");

pub(super) unsafe fn wide128(rows: Rows<'_>) {
    unsafe {
        if cfg!(not(feature = "simd")) || rows.count == 1 {
            return product::<Whole128, 1, 1, 1>(rows);
        }
        product::<Half128, 1, 2, 1>(rows)
    }
}

#[derive(Clone, Copy)]
#[cfg(feature = "simd")]
struct Vnni512(__m512i);

#[cfg(feature = "simd")]
impl Sums for Vnni512 {
    const BYTES: usize = GROUP;
    type Weights = __m512i;
    type Four = __m512i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Vnni512(unsafe { _mm512_setzero_si512() })
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn four(from: *const u8) -> __m512i {
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn add(self, weights: __m512i, four: __m512i) -> Self {
        Vnni512(unsafe { _mm512_dpbusd_epi32(self.0, four, weights) })
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
    const BYTES: usize = GROUP;
    type Weights = [__m256i; 2];
    type Four = __m256i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Vnni256(unsafe { [_mm256_setzero_si256(); 2] })
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> [__m256i; 2] {
        unsafe { [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(32).cast())] }
    }

    #[inline(always)]
    unsafe fn four(from: *const u8) -> __m256i {
        unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn add(self, weights: [__m256i; 2], four: __m256i) -> Self {
        let [low, high] = self.0;
        unsafe { Vnni256([dpbusd(low, four, weights[0]), dpbusd(high, four, weights[1])]) }
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
unsafe fn dpbusd(mut sums: __m256i, four: __m256i, weights: __m256i) -> __m256i {
    unsafe {
        std::arch::asm!(
            "{{vex}} vpdpbusd {sums}, {four}, {weights}",
            sums = inout(ymm_reg) sums,
            four = in(ymm_reg) four,
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

/// Two sums for each column, of half the depth each: eight columns in a register.
#[derive(Clone, Copy)]
#[cfg(feature = "simd")]
struct Wide512([__m512i; 2]);

#[cfg(feature = "simd")]
impl Sums for Wide512 {
    const BYTES: usize = 2 * GROUP;
    type Weights = [__m512i; 2];
    type Four = __m512i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Wide512(unsafe { [_mm512_setzero_si512(); 2] })
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> [__m512i; 2] {
        unsafe { [0, 32].map(|first| _mm512_cvtepi8_epi16(_mm256_loadu_si256(from.add(first).cast()))) }
    }

    #[inline(always)]
    unsafe fn four(from: *const u8) -> __m512i {
        unsafe { _mm512_set1_epi64(from.cast::<i64>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn add(self, weights: [__m512i; 2], four: __m512i) -> Self {
        let [low, high] = self.0;
        unsafe {
            Wide512([
                _mm512_add_epi32(low, _mm512_madd_epi16(weights[0], four)),
                _mm512_add_epi32(high, _mm512_madd_epi16(weights[1], four)),
            ])
        }
    }

    #[inline(always)]
    unsafe fn add_to(self, sums: &mut [i32; PANEL]) {
        let mut both = [0; 2 * PANEL];
        unsafe {
            _mm512_storeu_si512(both.as_mut_ptr().cast(), self.0[0]);
            _mm512_storeu_si512(both.as_mut_ptr().add(PANEL).cast(), self.0[1]);
        }
        for j in 0..PANEL {
            sums[j] += both[2 * j] + both[2 * j + 1];
        }
    }
}

/// The same, four columns in a register.
#[derive(Clone, Copy)]
#[cfg(feature = "simd")]
struct Wide256([__m256i; 4]);

#[cfg(feature = "simd")]
impl Sums for Wide256 {
    const BYTES: usize = 2 * GROUP;
    // They are widened when they are multiplied: all of them would take four registers.
    type Weights = *const i8;
    type Four = __m256i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Wide256(unsafe { [_mm256_setzero_si256(); 4] })
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> *const i8 {
        from
    }

    #[inline(always)]
    unsafe fn four(from: *const u8) -> __m256i {
        unsafe { _mm256_set1_epi64x(from.cast::<i64>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn add(mut self, weights: *const i8, four: __m256i) -> Self {
        for i in 0..4 {
            unsafe {
                let widened = _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.add(16 * i).cast()));
                self.0[i] = _mm256_add_epi32(self.0[i], _mm256_madd_epi16(widened, four));
            }
        }
        self
    }

    #[inline(always)]
    unsafe fn add_to(self, sums: &mut [i32; PANEL]) {
        let [a, b, c, d] = self.0;
        unsafe {
            // Pairs within the halves of the registers, then the order of the columns.
            let low = _mm256_permute4x64_epi64::<0xD8>(_mm256_hadd_epi32(a, b));
            let high = _mm256_permute4x64_epi64::<0xD8>(_mm256_hadd_epi32(c, d));
            add_halves([low, high], sums);
        }
    }
}

/// The same for half a panel, two columns in a register.
#[derive(Clone, Copy)]
struct Half128([__m128i; 4]);

impl Sums for Half128 {
    const COLUMNS: usize = 8;
    const BYTES: usize = 2 * GROUP;
    type Weights = [__m128i; 4];
    type Four = __m128i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Half128(unsafe { [_mm_setzero_si128(); 4] })
    }

    /// A byte in the upper half of 16 bits is moved down with its sign.
    #[inline(always)]
    unsafe fn weights(from: *const i8) -> [__m128i; 4] {
        unsafe {
            let (a, b) = (_mm_loadu_si128(from.cast()), _mm_loadu_si128(from.add(16).cast()));
            let doubled =
                [_mm_unpacklo_epi8(a, a), _mm_unpackhi_epi8(a, a), _mm_unpacklo_epi8(b, b), _mm_unpackhi_epi8(b, b)];
            doubled.map(|bytes| _mm_srai_epi16::<8>(bytes))
        }
    }

    #[inline(always)]
    unsafe fn four(from: *const u8) -> __m128i {
        unsafe {
            let four = _mm_loadl_epi64(from.cast());
            _mm_unpacklo_epi64(four, four)
        }
    }

    #[inline(always)]
    unsafe fn add(mut self, weights: [__m128i; 4], four: __m128i) -> Self {
        unrolled!(i in 4 => {
            self.0[i] = unsafe { _mm_add_epi32(self.0[i], _mm_madd_epi16(weights[i], four)) };
        });
        self
    }

    #[inline(always)]
    unsafe fn add_to(self, sums: &mut [i32; PANEL]) {
        for i in 0..4 {
            let mut both = [0; 4];
            unsafe { _mm_storeu_si128(both.as_mut_ptr().cast(), self.0[i]) };
            sums[2 * i] += both[0] + both[1];
            sums[2 * i + 1] += both[2] + both[3];
        }
    }
}

/// The same for a whole panel: its weights are widened when they are multiplied, which is once if there is one row.
#[derive(Clone, Copy)]
struct Whole128([__m128i; 8]);

impl Sums for Whole128 {
    const BYTES: usize = 2 * GROUP;
    type Weights = *const i8;
    type Four = __m128i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Whole128(unsafe { [_mm_setzero_si128(); 8] })
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> *const i8 {
        from
    }

    #[inline(always)]
    unsafe fn four(from: *const u8) -> __m128i {
        unsafe { Half128::four(from) }
    }

    #[inline(always)]
    unsafe fn add(mut self, weights: *const i8, four: __m128i) -> Self {
        unrolled!(i in 4 => {
            unsafe {
                let bytes = _mm_loadu_si128(weights.add(16 * i).cast());
                let low = _mm_srai_epi16::<8>(_mm_unpacklo_epi8(bytes, bytes));
                let high = _mm_srai_epi16::<8>(_mm_unpackhi_epi8(bytes, bytes));
                self.0[2 * i] = _mm_add_epi32(self.0[2 * i], _mm_madd_epi16(low, four));
                self.0[2 * i + 1] = _mm_add_epi32(self.0[2 * i + 1], _mm_madd_epi16(high, four));
            }
        });
        self
    }

    #[inline(always)]
    unsafe fn add_to(self, sums: &mut [i32; PANEL]) {
        for i in 0..8 {
            let mut both = [0; 4];
            unsafe { _mm_storeu_si128(both.as_mut_ptr().cast(), self.0[i]) };
            sums[2 * i] += both[0] + both[1];
            sums[2 * i + 1] += both[2] + both[3];
        }
    }
}
