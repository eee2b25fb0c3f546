//! Rows or columns of a matrix as the kernel reads them.

/// Lines of a matrix, `stride` numbers apart.
#[derive(Clone, Copy)]
pub(crate) struct Lines<'a> {
    pub data: &'a [f32],
    pub stride: usize,
}

impl<'a> Lines<'a> {
    /// Returns these lines from another number on.
    #[inline(always)]
    pub(crate) fn from(self, start: usize) -> Self {
        Lines { data: self.data.get(start..).unwrap_or_default(), ..self }
    }

    /// Returns the start of `count` lines of `length` numbers.
    ///
    /// # Panics
    /// If there are not that many.
    #[inline(always)]
    pub(super) fn start(self, count: usize, length: usize) -> *const f32 {
        check_lines(self.data.len(), self.stride, count, length);
        self.data.as_ptr()
    }
}

/// Makes sure that `length` numbers hold so many lines: the one check of a tile, of which the loops have none.
#[inline(always)]
pub(super) fn check_lines(total: usize, stride: usize, count: usize, length: usize) {
    let needed = count.saturating_sub(1).checked_mul(stride).and_then(|before| before.checked_add(length));
    if needed.is_none_or(|needed| needed > total) {
        outside();
    }
}

#[cold]
#[inline(never)]
fn outside() -> ! {
    panic!("a tile outside its matrix");
}
