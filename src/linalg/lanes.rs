//! One vector type per instruction set behind one trait, and the only place where code meets the processor.
//!
//! The vector types are private. Code gets at one only as the parameter of a [`Task`], and a task is run only by
//! [`run_on`], which checks the processor first. This makes the safe methods of [`Lanes`] safe.
#![allow(unsafe_code)]
// Loops over the rows and vectors of a tile count with indices: their bounds are constants, so they unroll and the tile
// stays in registers.
#![allow(clippy::needless_range_loop)]

use crate::linalg::isa::Isa;
use crate::linalg::lines::{Lines, check_lines};
use crate::linalg::unroll::unrolled;

pub(crate) mod dot;
#[cfg(any(test, not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))))]
#[cfg_attr(all(target_arch = "wasm32", target_feature = "simd128"), path = "lanes/wasm.rs")]
mod portable;

/// A vector register of numbers, and what fits this kind of register.
pub(crate) trait Lanes: Copy {
    /// Numbers in a vector: a power of 2, at most 16.
    const COUNT: usize;
    /// The most rows that a register tile two vectors wide may have without spilling: an even number.
    const ROWS: usize;
    /// The same for tiles one vector wide.
    const TALLEST: usize;
    /// `ROWS` if A is read by its rows. It is less for an instruction set that multiplies by lanes, numbers of A where
    /// they are in a register: each row then needs one. Columns of A need fewer, so it pays to copy long rows as columns.
    const LOW: usize = Self::ROWS;
    /// Whether it multiplies by lanes.
    const BY_LANES: bool = Self::LOW < Self::ROWS;
    /// Rows of B in a turn of `multiply`'s loop: 4, or 1 where the addresses of more would not fit the registers.
    const STEPS: usize = 1;
    /// Numbers in a block of B: as many as the second-level cache of such processors has room for.
    const BLOCK: usize;
    /// Whether `mul_add` rounds once.
    const FUSED: bool = true;

    fn splat(x: f32) -> Self;
    /// Returns the first `COUNT` numbers of a slice that has them.
    fn load(from: &[f32]) -> Self;
    /// Stores it in the first `COUNT` entries of a slice that has them.
    fn store(self, to: &mut [f32]);
    /// Returns `self` · `factor` + `addend`.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// Returns the first `COUNT` vectors as the rows of a square, rows and columns exchanged.
    fn transpose(square: [Self; 16]) -> [Self; 16];

    /// Adds to each sum, in the order of the depth, its row of A times its column of B. The lines of B are its rows;
    /// those of A are its rows, or its columns if it is transposed.
    ///
    /// # Panics
    /// If the factors are too small.
    #[inline(always)]
    fn multiply<const ROWS: usize, const VECTORS: usize, const TRANSPOSED: bool>(
        sums: &mut [[Self; VECTORS]; ROWS],
        depth: usize,
        a: Lines<'_>,
        b: Lines<'_>,
    ) {
        let (count, length) = if TRANSPOSED { (depth, ROWS) } else { (ROWS, depth) };
        let (stride, mut a, mut row) = (a.stride, a.start(count, length), b.start(depth, VECTORS * Self::COUNT));
        // An address is a pointer and no, one or two strides, so a pointer for every third row of A reaches all.
        let mut thirds = [a; ROWS];
        if !TRANSPOSED {
            unrolled!(i in ROWS.div_ceil(3) => {
                thirds[i] = a.wrapping_add(3 * i * stride);
            });
        }
        let mut tile = *sums;
        // The step to the row of B that is `$ahead` rows ahead.
        macro_rules! step {
            ($ahead:literal) => {
                let mut vectors = [Self::splat(0.0); VECTORS];
                unrolled!(v in VECTORS => {
                    // SAFETY: all rows of B were checked to have these numbers.
                    vectors[v] = Self::load(unsafe { at::<Self>(row.wrapping_add($ahead * b.stride + v * Self::COUNT)) });
                });
                unrolled!(i in ROWS => {
                    let x = if TRANSPOSED {
                        a.wrapping_add($ahead * stride + i)
                    } else {
                        thirds[i / 3].wrapping_add(i % 3 * stride + $ahead)
                    };
                    // SAFETY: A was checked to have `ROWS` numbers for each of the depth.
                    let x = Self::splat(unsafe { *x });
                    unrolled!(v in VECTORS => {
                        tile[i][v] = x.mul_add(vectors[v], tile[i][v]);
                    });
                });
            };
        }
        macro_rules! advance {
            ($steps:expr) => {
                row = row.wrapping_add($steps * b.stride);
                a = a.wrapping_add($steps * stride);
                unrolled!(i in ROWS.div_ceil(3) => {
                    thirds[i] = thirds[i].wrapping_add($steps);
                });
            };
        }
        let mut left = depth;
        if const { Self::STEPS == 4 } {
            while left >= 4 {
                step!(0);
                step!(1);
                step!(2);
                step!(3);
                advance!(4);
                left -= 4;
            }
        }
        while left > 0 {
            step!(0);
            advance!(1);
            left -= 1;
        }
        *sums = tile;
    }

    /// Returns the tile at the start of rows of C.
    ///
    /// # Panics
    /// If they are too small.
    #[inline(always)]
    fn load_tile<const ROWS: usize, const VECTORS: usize>(c: Lines<'_>) -> [[Self; VECTORS]; ROWS] {
        let first = c.start(ROWS, VECTORS * Self::COUNT);
        let mut sums = [[Self::splat(0.0); VECTORS]; ROWS];
        unrolled!(i in ROWS => {
            unrolled!(v in VECTORS => {
                // SAFETY: checked in `start`.
                sums[i][v] = Self::load(unsafe { at::<Self>(first.wrapping_add(i * c.stride + v * Self::COUNT)) });
            });
        });
        sums
    }

    /// Stores a tile at the start of rows of C, which are `stride` apart.
    ///
    /// # Panics
    /// If they are too small.
    #[inline(always)]
    fn store_tile<const ROWS: usize, const VECTORS: usize>(
        sums: [[Self; VECTORS]; ROWS],
        c: &mut [f32],
        stride: usize,
    ) {
        check_lines(c.len(), stride, ROWS, VECTORS * Self::COUNT);
        let first = c.as_mut_ptr();
        unrolled!(i in ROWS => {
            unrolled!(v in VECTORS => {
                let to = first.wrapping_add(i * stride + v * Self::COUNT);
                // SAFETY: checked above.
                sums[i][v].store(unsafe { std::slice::from_raw_parts_mut(to, Self::COUNT) });
            });
        });
    }

    /// Returns the square at the start of `COUNT` lines, rows and columns exchanged.
    ///
    /// # Panics
    /// If they are too small.
    #[inline(always)]
    fn load_transposed(lines: Lines<'_>) -> [Self; 16] {
        let first = lines.start(Self::COUNT, Self::COUNT);
        let mut square = [Self::splat(0.0); 16];
        for i in 0..Self::COUNT {
            // SAFETY: checked in `start`.
            square[i] = Self::load(unsafe { at::<Self>(first.wrapping_add(i * lines.stride)) });
        }
        Self::transpose(square)
    }

    /// Stores a square at the start of `COUNT` lines, which are `stride` apart.
    ///
    /// # Panics
    /// If they are too small.
    #[inline(always)]
    fn store_square(square: [Self; 16], to: &mut [f32], stride: usize) {
        check_lines(to.len(), stride, Self::COUNT, Self::COUNT);
        let first = to.as_mut_ptr();
        for i in 0..Self::COUNT {
            // SAFETY: checked above.
            square[i].store(unsafe { std::slice::from_raw_parts_mut(first.wrapping_add(i * stride), Self::COUNT) });
        }
    }

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

/// Returns a vector's numbers.
///
/// # Safety
/// `COUNT` numbers of one slice must begin at `from`.
#[inline(always)]
unsafe fn at<'a, L: Lanes>(from: *const f32) -> &'a [f32] {
    unsafe { std::slice::from_raw_parts(from, L::COUNT) }
}

/// Work to be compiled for every instruction set. Implementations mark `run` as `#[inline(always)]`, because
/// only what is inlined into the function that enables the instructions can use them. That is also why there are
/// loops where closures would be shorter: a closure is a function of its own, and may stay one.
pub(crate) trait Task {
    type Output;
    fn run<L: Lanes>(self) -> Self::Output;
}

/// Runs `task` with the instructions of `isa`. It is inlined so that the task is written where it is read: a copy by vectors
/// of what was written number by number a moment ago waits until that has reached the cache.
///
/// # Panics
/// If the processor lacks them.
#[inline(always)]
pub(crate) fn run_on<T: Task>(isa: Isa, task: T) -> T::Output {
    if !isa.is_available() {
        isa.refuse();
    }
    match isa {
        #[cfg(all(target_arch = "x86_64", feature = "simd"))]
        Isa::Avx512 => x86::Avx512::call(task),
        #[cfg(all(target_arch = "x86_64", feature = "simd"))]
        Isa::Avx2 => x86::Avx2::call(task),
        #[cfg(target_arch = "x86_64")]
        Isa::Sse2 => x86::Sse2::call(task),
        #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
        Isa::Neon => neon::Neon::call(task),
        #[cfg(any(test, not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))))]
        Isa::Portable => portable::Portable::call(task),
        _ => isa.refuse(),
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

/// Writes the methods that differ in nothing but the names of the instructions.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
macro_rules! basics {
    ($name:ident: $splat:ident, $load:ident, $store:ident $(, $instructions:meta)?) => {
        #[inline(always)]
        fn splat(x: f32) -> Self {
            $name(unsafe { $splat(x) })
        }

        #[inline(always)]
        fn load(from: &[f32]) -> Self {
            let from = &from[..Self::COUNT];
            $name(unsafe { $load(from.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, to: &mut [f32]) {
            let to = &mut to[..Self::COUNT];
            unsafe { $store(to.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn call<T: Task>(task: T) -> T::Output {
            $(#[$instructions])?
            #[inline(never)]
            fn compiled<T: Task>(task: T) -> T::Output {
                task.run::<$name>()
            }
            // Instructions of every processor of the target need no promise.
            #[allow(unused_unsafe)]
            unsafe {
                compiled(task)
            }
        }
    };
}

// After the macro, which it uses.
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;

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
        const TALLEST: usize = 14;
        const BLOCK: usize = 256 * 1024;

        basics!(Avx512: _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"));
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
        const TALLEST: usize = 8;
        const STEPS: usize = 4;
        const BLOCK: usize = 256 * 1024;

        basics!(Avx2: _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, target_feature(enable = "avx2,fma"));
        #[inline(always)]
        fn mul_add(self, factor: Self, addend: Self) -> Self {
            Avx2(unsafe { _mm256_fmadd_ps(self.0, factor.0, addend.0) })
        }

        /// In pieces of four, two and one: AMD's masked stores take dozens of steps.
        #[inline(always)]
        fn store_partial(self, to: &mut [f32]) {
            if to.len() >= Self::COUNT {
                return self.store(to);
            }
            let (count, mut to) = (to.len(), to.as_mut_ptr());
            unsafe {
                let mut rest = _mm256_castps256_ps128(self.0);
                if count & 4 != 0 {
                    _mm_storeu_ps(to, rest);
                    (rest, to) = (_mm256_extractf128_ps::<1>(self.0), to.add(4));
                }
                if count & 2 != 0 {
                    _mm_storel_pd(to.cast(), _mm_castps_pd(rest));
                    (rest, to) = (_mm_movehl_ps(rest, rest), to.add(2));
                }
                if count & 1 != 0 {
                    _mm_store_ss(to, rest);
                }
            }
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
    }

    #[derive(Clone, Copy)]
    pub(super) struct Sse2(__m128);

    // SAFETY: SSE2 is part of the target, and the slices are as long as what is read or written.
    impl Lanes for Sse2 {
        const COUNT: usize = 4;
        const ROWS: usize = if cfg!(feature = "simd") { 4 } else { 2 };
        const TALLEST: usize = if cfg!(feature = "simd") { 8 } else { 2 };
        const BLOCK: usize = 64 * 1024;
        const FUSED: bool = false;

        basics!(Sse2: _mm_set1_ps, _mm_loadu_ps, _mm_storeu_ps);
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
    }
}
