//! Memory: asked for before it is used, because a failed allocation would end the process without a word.
//!
//! The collections of the standard library, a copy of a value and everything that a call allocates on its way cannot
//! fail otherwise. So whoever needs memory in proportion to data asks here first, for all that the next piece of work
//! will take. The memory is given back at once, and no page of it has been touched: asking costs next to nothing.

use std::hint::black_box;

/// This much must stay free for small things, for which nobody asks.
const SLACK: usize = 4 << 20;

/// The addresses that a thread may take: its stack and, with the GNU C library, a heap of its own.
const THREAD: usize = if usize::BITS < 64 || cfg!(fuzzing) { 4 << 20 } else { 68 << 20 };

/// Returns so many threads if there is memory for them beside so many bytes, else one.
pub(crate) fn threads_beside(bytes: usize, threads: usize) -> usize {
    let of_threads = THREAD.saturating_mul(threads.saturating_sub(1));
    if is_available(bytes.saturating_add(of_threads)) { threads } else { 1 }
}

/// Returns whether there are so many bytes, and some more for small things.
pub(crate) fn is_available(bytes: usize) -> bool {
    let mut memory = Vec::<u8>::new();
    // Memory that nothing seems to use is not asked for in an optimized program.
    memory.try_reserve_exact(bytes.saturating_add(SLACK)).is_ok() && black_box(&memory).capacity() > 0
}

/// Returns this number of bytes, with those for small things, for a message.
pub(crate) fn megabytes(bytes: usize) -> String {
    format!("{:.0} MB", (bytes.saturating_add(SLACK) as f64 / 1e6).ceil())
}

/// Asks for the memory of a collection that grows, in steps.
#[derive(Default)]
pub(crate) struct Growth {
    /// The bytes that were asked for and are not yet used.
    left: usize,
}

impl Growth {
    /// Returns whether the collection can grow by so many bytes, and counts them.
    pub(crate) fn can_take(&mut self, bytes: usize) -> bool {
        const STEP: usize = 1 << 20;
        if self.left < bytes {
            if !is_available(bytes.saturating_add(STEP)) {
                return false;
            }
            self.left = bytes.saturating_add(STEP);
        }
        self.left -= bytes;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_machine_can_count_is_refused() {
        assert!(is_available(1000));
        assert!(!is_available(usize::MAX) && !is_available(usize::MAX / 2));
        let mut growth = Growth::default();
        assert!(growth.can_take(1) && growth.can_take(5 << 20) && growth.left == 1 << 20);
        assert!(!growth.can_take(usize::MAX) && growth.can_take(1 << 20) && growth.left == 0);
    }
}
