//! Element-wise loops, compiled for every instruction set.
//!
//! A loop is vectorized for the instructions of the function that it is compiled into, and the crate is compiled for
//! the instructions of every processor of the target. So each loop that matters is compiled once per instruction set,
//! in a function that enables the instructions, and the running processor chooses among the copies. The work is handed
//! over as a value with an inlined method ([`Vectorized`]); the macro [`vectorized`] writes such a value for a
//! function:
//!
//! ```text
//! vectorized! {
//!     /// Adds `row` to every row of `entries`.
//!     fn add_row(row: &[f32], entries: &mut [f32]) { … }
//! }
//! ```
//!
//! becomes
//!
//! ```text
//! /// Adds `row` to every row of `entries`.
//! fn add_row(row: &[f32], entries: &mut [f32]) {
//!     struct Task<row, entries>(row, entries);
//!     impl Vectorized for Task<&[f32], &mut [f32]> {
//!         type Output = ();
//!         #[inline(always)]
//!         fn run(self) { let Task(row, entries) = self; … }
//!     }
//!     vectorize(Task(row, entries))
//! }
//! ```
//!
//! The body may call functions that are marked `#[inline(always)]`. A closure in it may remain a function of its own,
//! without the instructions: loops are safer. The macro has no type parameters; a function that needs some implements
//! [`Vectorized`] by hand.

use super::isa::isa;
use super::lanes::{Lanes, Task, run_on};

/// Element-wise work to be compiled for the widest vectors of the running processor.
///
/// Implementations mark `run` as `#[inline(always)]`: the loop in it is then vectorized for each instruction set.
pub(crate) trait Vectorized {
    type Output;
    fn run(self) -> Self::Output;
}

/// Runs element-wise work with the instruction set in use.
#[inline(always)]
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

/// Defines functions whose bodies are compiled for every instruction set.
macro_rules! vectorized {
    ($($(#[$meta:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $output:ty)? $body:block)*) => {$(
        $(#[$meta])*
        $visibility fn $name($($argument: $type),*) $(-> $output)? {
            // A type parameter for each argument, so that the lifetimes in the types need no names.
            #[allow(non_camel_case_types)]
            struct Task<$($argument),*>($($argument),*);
            impl $crate::linalg::vectorize::Vectorized for Task<$($type),*> {
                type Output = $crate::linalg::vectorize::output!($($output)?);
                #[inline(always)]
                fn run(self) -> Self::Output {
                    let Task($($argument),*) = self;
                    $body
                }
            }
            $crate::linalg::vectorize::vectorize(Task($($argument),*))
        }
    )*};
}
pub(crate) use vectorized;

/// The type that a function returns, of which nothing is written for `()`.
macro_rules! output {
    () => {
        ()
    };
    ($output:ty) => {
        $output
    };
}
pub(crate) use output;
