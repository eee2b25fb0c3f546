//! The matrix product C = A · B, either factor transposed without a copy.

mod driver;
mod kernel;
mod lanes;
mod naive;
mod pack;
mod peak;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::isa::{Isa, isa};
use crate::matrix::entries;
use crate::parallel::{share, threads};
use driver::Product;
use lanes::{Lanes, Task, run_on};

/// A factor of a product: row-major numbers, read as they lie or transposed, without a copy either way.
///
/// [`Matrix::operand`](crate::Matrix::operand) makes one, [`Matrix::set_product`](crate::Matrix::set_product) takes two.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    /// From a row to the next, or from a column to the next where it is transposed.
    stride: usize,
    transposed: bool,
}

impl<'a> Operand<'a> {
    /// A row-major `rows` × `columns` matrix.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), entries(rows, columns), "an operand of {rows} × {columns}");
        Operand { data, rows, columns, stride: columns, transposed: false }
    }

    /// These rows alone, of the transpose where it is transposed.
    pub(crate) fn select_rows(self, rows: Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        let start = rows.start * if self.transposed { 1 } else { self.stride };
        // Nothing lies at the start of no rows where these are the last.
        Operand { data: self.data.get(start..).unwrap_or_default(), rows: rows.len(), ..self }
    }

    /// The same numbers with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Operand { rows: self.columns, columns: self.rows, transposed: !self.transposed, ..self }
    }

    /// The number of rows, of the transpose where it is transposed.
    pub fn rows(self) -> usize {
        self.rows
    }

    /// The number of columns, of the transpose where it is transposed.
    pub fn columns(self) -> usize {
        self.columns
    }

    pub(crate) fn at(self, row: usize, column: usize) -> f32 {
        if self.transposed { self.data[column * self.stride + row] } else { self.data[row * self.stride + column] }
    }
}

/// What is done to the entries of a product as soon as they are final, while they are in the first-level cache: it
/// gets entries, row by row, and of which rows and columns of C they are.
pub(crate) type Epilogue<'a> = dyn Fn(&mut [f32], Range<usize>, Range<usize>) + 'a;

fn nothing(_entries: &mut [f32], _rows: Range<usize>, _columns: Range<usize>) {}

/// C = A · B. `c` is row-major, rows of A × columns of B, and is overwritten.
///
/// # Panics
/// When the shapes do not fit.
pub(crate) fn product(a: Operand<'_>, b: Operand<'_>, c: &mut [f32]) {
    product_with(a, b, c, &nothing);
}

/// C = epilogue(A · B), otherwise as [`product`].
pub(crate) fn product_with(a: Operand<'_>, b: Operand<'_>, c: &mut [f32], epilogue: &Epilogue) {
    product_on(isa(), a, b, c, epilogue, false);
}

/// The multiply-adds (rows × depth × columns) from which on a matrix product is shared among
/// [`threads`], if the first factor has more than 64 rows, or 128 where the second is large or transposed. Of less work,
/// one thread has done a good part before another has started.
pub const SHARED_PRODUCT: usize = 1 << 26;

/// As [`product`], shared among threads where it is large.
pub(crate) fn shared_product(a: Operand<'_>, b: Operand<'_>, c: &mut [f32]) {
    // A large B is packed, for each piece anew: fewer rows would not repay that.
    let packed = b.transposed || b.rows * b.columns > 1 << 17;
    let (pieces, fewest) = if packed { (2, 128) } else { (4, 64) };
    let rows = a.rows.div_ceil(pieces * threads()).next_multiple_of(2).max(fewest);
    let work = a.rows.saturating_mul(a.columns).saturating_mul(b.columns);
    if work < SHARED_PRODUCT || a.rows <= rows || threads() < 2 {
        return product(a, b, c);
    }
    assert_eq!(a.columns, b.rows, "the inner dimensions of a product");
    assert_eq!(c.len(), a.rows * b.columns, "a product of {} × {}", a.rows, b.columns);
    share(threads(), c.chunks_mut(rows * b.columns).enumerate(), |mine| {
        for (i, c) in mine {
            product(a.select_rows(i * rows..a.rows.min((i + 1) * rows)), b, c);
        }
    });
}

/// C += A · B, otherwise as [`product`]: the same bits as the product of longer factors, of which these are the rest.
pub(crate) fn add_product(a: Operand<'_>, b: Operand<'_>, c: &mut [f32]) {
    product_on(isa(), a, b, c, &nothing, true);
}

fn product_on(isa: Isa, a: Operand<'_>, b: Operand<'_>, c: &mut [f32], epilogue: &Epilogue, resume: bool) {
    assert_eq!(a.columns, b.rows, "the inner dimensions of a product");
    assert_eq!(c.len(), a.rows * b.columns, "a product of {} × {}", a.rows, b.columns);
    run_on(isa, Product { a, b, c, epilogue, resume });
}

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

pub(crate) use lanes::prefetch;
pub(crate) use naive::product as naive_product;
pub use peak::peak_flops;
