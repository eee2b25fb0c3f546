//! One vector type per instruction set behind one trait, and the only place where code meets the processor.
//!
//! The vector types are private. Code gets at one only as the parameter of a [`Task`], and a task is run only by
//! [`run_on`], which checks the processor first. This makes the safe methods of [`Lanes`] safe.
#![allow(unsafe_code)]

use crate::linalg::isa::Isa;

/// A vector register of numbers, and what fits this kind of register.
pub(crate) trait Lanes: Copy {
    /// Numbers in a vector: a power of 2, at most 16.
    const COUNT: usize;
    /// The most rows that a register tile two vectors wide may have without spilling: an even number.
    const ROWS: usize;
    /// Numbers in a block of B: as many as the second-level cache of such processors has room for.
    const BLOCK: usize;

    fn splat(x: f32) -> Self;
    /// Returns the first `COUNT` numbers of a slice that has them.
    fn load(from: &[f32]) -> Self;
    /// Stores it in the first `COUNT` entries of a slice that has them.
    fn store(self, to: &mut [f32]);
    /// Returns `self` · `factor` + `addend`.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// Returns the first `COUNT` vectors as the rows of a square, rows and columns exchanged.
    fn transpose(square: [Self; 16]) -> [Self; 16];

    /// Returns the first `COUNT` numbers of a slice, and zeros if it is too short.
    #[inline(always)]
    fn load_partial(from: &[f32]) -> Self {
        let mut padded = [0.0; 16];
        // Not `copy_from_slice`: a call in its loop would push the kernel's sums out of their registers.
        for i in 0..Self::COUNT {
            if i < from.len() {
                padded[i] = from[i];
            }
        }
        Self::load(&padded)
    }

    /// Stores it in as many of the first `COUNT` entries as the slice has.
    #[inline(always)]
    fn store_partial(self, to: &mut [f32]) {
        let mut padded = [0.0; 16];
        self.store(&mut padded);
        for i in 0..Self::COUNT {
            if i < to.len() {
                to[i] = padded[i];
            }
        }
    }

    /// Runs a task in a function of its own, compiled for these instructions.
    fn call<T: Task>(task: T) -> T::Output;
}

/// Work to be compiled for every instruction set. Implementations mark `run` as `#[inline(always)]`, because
/// only what is inlined into the function that enables the instructions can use them. That is also why there are
/// loops where closures would be shorter: a closure is a function of its own, and may stay one.
pub(crate) trait Task {
    type Output;
    fn run<L: Lanes>(self) -> Self::Output;
}

/// Runs `task` with the instructions of `isa`.
///
/// # Panics
/// If the processor lacks them.
pub(crate) fn run_on<T: Task>(isa: Isa, task: T) -> T::Output {
    assert!(isa.is_available(), "this processor has no {isa}");
    match isa {
        #[cfg(all(target_arch = "x86_64", feature = "simd"))]
        Isa::Avx512 => x86::Avx512::call(task),
        #[cfg(all(target_arch = "x86_64", feature = "simd"))]
        Isa::Avx2 => x86::Avx2::call(task),
        #[cfg(target_arch = "x86_64")]
        Isa::Sse2 => x86::Sse2::call(task),
        #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
        Isa::Neon => arm::Neon::call(task),
        #[cfg(any(test, not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))))]
        Isa::Portable => portable::Portable::call(task),
        _ => unreachable!("{isa} is not available"),
    }
}

/// Prefetches memory that will be read soon, if the processor has an instruction for that.
pub(crate) fn prefetch<T>(data: &[T]) {
    const LINE: usize = 64;
    // Anything longer, the processor's own prefetcher detects.
    const LONGEST: usize = 64 * LINE;
    let first = data.as_ptr().cast::<i8>();
    for offset in (0..size_of_val(data).min(LONGEST)).step_by(LINE) {
        let line = first.wrapping_add(offset);
        // SAFETY: a hint, which reads nothing, to an address inside the slice.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line);
        }
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        unsafe {
            std::arch::asm!("prfm pldl1keep, [{}]", in(reg) line, options(nostack, readonly, preserves_flags));
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let _ = line;
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Lanes, Task};
    use std::arch::x86_64::*;

    #[derive(Clone, Copy)]
    #[cfg(feature = "simd")]
    pub(super) struct Avx512(__m512);

    // SAFETY, for every block here: an `Avx512` is reachable only inside `run_on`, which made sure that the
    // processor has the instructions, and the slices are as long as what is read or written.
    #[cfg(feature = "simd")]
    impl Lanes for Avx512 {
        const COUNT: usize = 16;
        const ROWS: usize = 14;
        const BLOCK: usize = 256 * 1024;

        #[inline(always)]
        fn splat(x: f32) -> Self {
            Avx512(unsafe { _mm512_set1_ps(x) })
        }

        #[inline(always)]
        fn load(from: &[f32]) -> Self {
            let from = &from[..Self::COUNT];
            Avx512(unsafe { _mm512_loadu_ps(from.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, to: &mut [f32]) {
            let to = &mut to[..Self::COUNT];
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn mul_add(self, factor: Self, addend: Self) -> Self {
            Avx512(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
        }

        /// Squares of four within the quarters of the registers, then the quarters.
        #[inline(always)]
        fn transpose(square: [Self; 16]) -> [Self; 16] {
            let (mut parts, mut result) = (square, square);
            for i in (0..16).step_by(4) {
                let [Avx512(a), Avx512(b), Avx512(c), Avx512(d)] =
                    [square[i], square[i + 1], square[i + 2], square[i + 3]];
                unsafe {
                    let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
                    parts[i] = Avx512(_mm512_shuffle_ps::<0x44>(ab, cd));
                    parts[i + 1] = Avx512(_mm512_shuffle_ps::<0xEE>(ab, cd));
                    let (ab, cd) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
                    parts[i + 2] = Avx512(_mm512_shuffle_ps::<0x44>(ab, cd));
                    parts[i + 3] = Avx512(_mm512_shuffle_ps::<0xEE>(ab, cd));
                }
            }
            for i in 0..4 {
                let [Avx512(a), Avx512(b), Avx512(c), Avx512(d)] =
                    [parts[i], parts[i + 4], parts[i + 8], parts[i + 12]];
                unsafe {
                    let (ab, cd) = (_mm512_shuffle_f32x4::<0x44>(a, b), _mm512_shuffle_f32x4::<0x44>(c, d));
                    result[i] = Avx512(_mm512_shuffle_f32x4::<0x88>(ab, cd));
                    result[i + 4] = Avx512(_mm512_shuffle_f32x4::<0xDD>(ab, cd));
                    let (ab, cd) = (_mm512_shuffle_f32x4::<0xEE>(a, b), _mm512_shuffle_f32x4::<0xEE>(c, d));
                    result[i + 8] = Avx512(_mm512_shuffle_f32x4::<0x88>(ab, cd));
                    result[i + 12] = Avx512(_mm512_shuffle_f32x4::<0xDD>(ab, cd));
                }
            }
            result
        }

        #[inline(always)]
        fn load_partial(from: &[f32]) -> Self {
            Avx512(unsafe { _mm512_maskz_loadu_ps(mask(from.len()), from.as_ptr()) })
        }

        #[inline(always)]
        fn store_partial(self, to: &mut [f32]) {
            unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), mask(to.len()), self.0) }
        }

        #[inline(always)]
        fn call<T: Task>(task: T) -> T::Output {
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            #[inline(never)]
            fn compiled<T: Task>(task: T) -> T::Output {
                task.run::<Avx512>()
            }
            unsafe { compiled(task) }
        }
    }

    /// Returns the lowest `count` of 16 bits.
    #[cfg(feature = "simd")]
    #[inline(always)]
    fn mask(count: usize) -> u16 {
        if count < 16 { (1 << count) - 1 } else { u16::MAX }
    }

    #[derive(Clone, Copy)]
    #[cfg(feature = "simd")]
    pub(super) struct Avx2(__m256);

    // SAFETY: as above.
    #[cfg(feature = "simd")]
    impl Lanes for Avx2 {
        const COUNT: usize = 8;
        const ROWS: usize = 6;
        const BLOCK: usize = 256 * 1024;

        #[inline(always)]
        fn splat(x: f32) -> Self {
            Avx2(unsafe { _mm256_set1_ps(x) })
        }

        #[inline(always)]
        fn load(from: &[f32]) -> Self {
            let from = &from[..Self::COUNT];
            Avx2(unsafe { _mm256_loadu_ps(from.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, to: &mut [f32]) {
            let to = &mut to[..Self::COUNT];
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn mul_add(self, factor: Self, addend: Self) -> Self {
            Avx2(unsafe { _mm256_fmadd_ps(self.0, factor.0, addend.0) })
        }

        /// Squares of four within the halves of the registers, then the halves.
        #[inline(always)]
        fn transpose(square: [Self; 16]) -> [Self; 16] {
            let (mut parts, mut result) = (square, square);
            for i in [0, 4] {
                let [Avx2(a), Avx2(b), Avx2(c), Avx2(d)] = [square[i], square[i + 1], square[i + 2], square[i + 3]];
                unsafe {
                    let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
                    parts[i] = Avx2(_mm256_shuffle_ps::<0x44>(ab, cd));
                    parts[i + 1] = Avx2(_mm256_shuffle_ps::<0xEE>(ab, cd));
                    let (ab, cd) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
                    parts[i + 2] = Avx2(_mm256_shuffle_ps::<0x44>(ab, cd));
                    parts[i + 3] = Avx2(_mm256_shuffle_ps::<0xEE>(ab, cd));
                }
            }
            for i in 0..4 {
                let (Avx2(a), Avx2(b)) = (parts[i], parts[i + 4]);
                unsafe {
                    result[i] = Avx2(_mm256_permute2f128_ps::<0x20>(a, b));
                    result[i + 4] = Avx2(_mm256_permute2f128_ps::<0x31>(a, b));
                }
            }
            result
        }

        #[inline(always)]
        fn call<T: Task>(task: T) -> T::Output {
            #[target_feature(enable = "avx2,fma")]
            #[inline(never)]
            fn compiled<T: Task>(task: T) -> T::Output {
                task.run::<Avx2>()
            }
            unsafe { compiled(task) }
        }
    }

    #[derive(Clone, Copy)]
    pub(super) struct Sse2(__m128);

    // SAFETY: SSE2 is part of the target, and the slices are as long as what is read or written.
    impl Lanes for Sse2 {
        const COUNT: usize = 4;
        const ROWS: usize = if cfg!(feature = "simd") { 4 } else { 2 };
        const BLOCK: usize = 64 * 1024;

        #[inline(always)]
        fn splat(x: f32) -> Self {
            Sse2(unsafe { _mm_set1_ps(x) })
        }

        #[inline(always)]
        fn load(from: &[f32]) -> Self {
            let from = &from[..Self::COUNT];
            Sse2(unsafe { _mm_loadu_ps(from.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, to: &mut [f32]) {
            let to = &mut to[..Self::COUNT];
            unsafe { _mm_storeu_ps(to.as_mut_ptr(), self.0) }
        }

        /// Rounds twice.
        #[inline(always)]
        fn mul_add(self, factor: Self, addend: Self) -> Self {
            Sse2(unsafe { _mm_add_ps(_mm_mul_ps(self.0, factor.0), addend.0) })
        }

        #[inline(always)]
        fn transpose(mut square: [Self; 16]) -> [Self; 16] {
            let [Sse2(mut a), Sse2(mut b), Sse2(mut c), Sse2(mut d)] = [square[0], square[1], square[2], square[3]];
            unsafe { _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d) };
            (square[0], square[1], square[2], square[3]) = (Sse2(a), Sse2(b), Sse2(c), Sse2(d));
            square
        }

        #[inline(always)]
        fn call<T: Task>(task: T) -> T::Output {
            #[inline(never)]
            fn compiled<T: Task>(task: T) -> T::Output {
                task.run::<Sse2>()
            }
            compiled(task)
        }
    }
}

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod arm {
    use super::{Lanes, Task};
    use std::arch::aarch64::*;

    #[derive(Clone, Copy)]
    pub(super) struct Neon(float32x4_t);

    // SAFETY, for every block here: NEON is part of the target, and the slices are as long as what is read or written.
    impl Lanes for Neon {
        const COUNT: usize = 4;
        const ROWS: usize = if cfg!(feature = "simd") { 12 } else { 2 };
        const BLOCK: usize = 64 * 1024;

        #[inline(always)]
        fn splat(x: f32) -> Self {
            Neon(unsafe { vdupq_n_f32(x) })
        }

        #[inline(always)]
        fn load(from: &[f32]) -> Self {
            let from = &from[..Self::COUNT];
            Neon(unsafe { vld1q_f32(from.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, to: &mut [f32]) {
            let to = &mut to[..Self::COUNT];
            unsafe { vst1q_f32(to.as_mut_ptr(), self.0) }
        }

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

        #[inline(always)]
        fn call<T: Task>(task: T) -> T::Output {
            #[inline(never)]
            fn compiled<T: Task>(task: T) -> T::Output {
                task.run::<Neon>()
            }
            compiled(task)
        }
    }
}

#[cfg(any(test, not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))))]
mod portable {
    use super::{Lanes, Task};

    /// A plain array, which the compiler keeps in whatever vector registers every processor of the target has.
    #[derive(Clone, Copy)]
    pub(super) struct Portable([f32; 4]);

    impl Lanes for Portable {
        const COUNT: usize = 4;
        const ROWS: usize = 4;
        const BLOCK: usize = 64 * 1024;

        #[inline(always)]
        fn splat(x: f32) -> Self {
            Portable([x; 4])
        }

        #[inline(always)]
        fn load(from: &[f32]) -> Self {
            Portable([from[0], from[1], from[2], from[3]])
        }

        #[inline(always)]
        fn store(self, to: &mut [f32]) {
            to[..4].copy_from_slice(&self.0);
        }

        /// Rounds twice: a fused multiply-add that the processor lacks would be a call per number.
        #[inline(always)]
        fn mul_add(self, factor: Self, addend: Self) -> Self {
            let mut result = addend;
            for i in 0..4 {
                result.0[i] += self.0[i] * factor.0[i];
            }
            result
        }

        #[inline(always)]
        fn transpose(mut square: [Self; 16]) -> [Self; 16] {
            for i in 0..4 {
                for j in 0..i {
                    (square[i].0[j], square[j].0[i]) = (square[j].0[i], square[i].0[j]);
                }
            }
            square
        }

        #[inline(always)]
        fn call<T: Task>(task: T) -> T::Output {
            #[inline(never)]
            fn compiled<T: Task>(task: T) -> T::Output {
                task.run::<Portable>()
            }
            compiled(task)
        }
    }
}
