//! Element-wise loops, compiled for every instruction set.

use super::isa::isa;
use super::lanes::{Lanes, Task, run_on};

/// Element-wise work to be compiled for the widest vectors of the running processor.
///
/// Implementations mark `run` as `#[inline(always)]`: the loop in it is then vectorised anew for every
/// instruction set.
pub(crate) trait Vectorized {
    type Output;
    fn run(self) -> Self::Output;
}

/// Runs element-wise work with the instruction set in use.
pub(crate) fn vectorize<V: Vectorized>(work: V) -> V::Output {
    struct Loop<V>(V);
    impl<V: Vectorized> Task for Loop<V> {
        type Output = V::Output;
        #[inline(always)]
        fn run<L: Lanes>(self) -> V::Output {
            self.0.run()
        }
    }
    run_on(isa(), Loop(work))
}
