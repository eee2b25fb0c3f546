//! Vectors of WebAssembly, which a browser runs by SSE or NEON, in place of plain arrays: in those, the compiler may not
//! find vectors when it compiles for size. A product and a sum are rounded each, so that the bits are the same.

use std::arch::wasm32::*;

use super::{Lanes, Task};

/// A vector of the proposal `simd128`.
#[derive(Clone, Copy)]
pub(super) struct Portable(v128);

impl Lanes for Portable {
    const COUNT: usize = 4;
    const ROWS: usize = 4;
    const TALLEST: usize = 8;
    const BLOCK: usize = 64 * 1024;
    const FUSED: bool = false;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Portable(f32x4_splat(x))
    }

    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = &from[..4];
        // SAFETY: there are four numbers, at any address.
        Portable(unsafe { v128_load(from.as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = &mut to[..4];
        // SAFETY: as above.
        unsafe { v128_store(to.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Portable(f32x4_add(f32x4_mul(self.0, factor.0), addend.0))
    }

    #[inline(always)]
    fn transpose(mut square: [Self; 16]) -> [Self; 16] {
        let [a, b, c, d] = [square[0].0, square[1].0, square[2].0, square[3].0];
        let [low, high] = [i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b)];
        let [lower, higher] = [i32x4_shuffle::<0, 4, 1, 5>(c, d), i32x4_shuffle::<2, 6, 3, 7>(c, d)];
        square[0] = Portable(i32x4_shuffle::<0, 1, 4, 5>(low, lower));
        square[1] = Portable(i32x4_shuffle::<2, 3, 6, 7>(low, lower));
        square[2] = Portable(i32x4_shuffle::<0, 1, 4, 5>(high, higher));
        square[3] = Portable(i32x4_shuffle::<2, 3, 6, 7>(high, higher));
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
