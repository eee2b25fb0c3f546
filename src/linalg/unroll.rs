//! Loops that are written out.

/// A loop of at most 14 turns, which are written out: in code that is compiled for size, the compiler unrolls none, and a
/// tile in an array that is indexed by a variable is a tile in memory.
macro_rules! unrolled {
    ($i:ident in $count:expr => $body:block) => {
        $crate::linalg::unroll::unrolled!($i in $count => $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    ($i:ident in $count:expr => $body:block, $($turn:literal)*) => {
        $(if const { $turn < $count } {
            let $i = $turn;
            $body
        })*
    };
}
pub(crate) use unrolled;
