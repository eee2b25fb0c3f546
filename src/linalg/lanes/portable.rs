//! Plain arrays, for processors of which nothing is known.

use super::{Lanes, Task};
use crate::linalg::unroll::unrolled;

/// A plain array, which the compiler keeps in whatever vector registers every processor of the target has.
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; 4]);

impl Lanes for Portable {
    const COUNT: usize = 4;
    const ROWS: usize = 4;
    const TALLEST: usize = 8;
    const BLOCK: usize = 64 * 1024;
    const FUSED: bool = false;

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
        // In code that is compiled for size, a loop would keep the numbers in memory.
        unrolled!(i in 4 => {
            result.0[i] += self.0[i] * factor.0[i];
        });
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
