//! The matrix product C = A · B, either factor transposed without a copy.

mod driver;
mod kernel;
mod naive;
mod pack;
mod peak;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::isa::{Isa, isa};
use super::view::MatrixView;
use crate::base::parallel::{share, threads};
use crate::linalg::lanes::run_on;
use driver::Product;

/// Work on the entries of a product as soon as they are final, while they are in the first-level cache: it
/// gets entries, row by row, and of which rows and columns of C they are.
pub(crate) type Epilogue<'a> = dyn Fn(&mut [f32], Range<usize>, Range<usize>) + 'a;

fn nothing(_entries: &mut [f32], _rows: Range<usize>, _columns: Range<usize>) {}

/// C = A · B. `c` is row-major, rows of A × columns of B, and is overwritten.
///
/// # Panics
/// If the shapes do not fit.
pub(crate) fn product(a: MatrixView<'_>, b: MatrixView<'_>, c: &mut [f32]) {
    product_with(a, b, c, &nothing);
}

/// C = epilogue(A · B), otherwise as [`product`].
pub(crate) fn product_with(a: MatrixView<'_>, b: MatrixView<'_>, c: &mut [f32], epilogue: &Epilogue) {
    let stride = b.columns;
    assert_eq!(c.len(), a.rows * stride, "a product of {} × {stride}", a.rows);
    product_on(isa(), Product { a, b, c, stride, epilogue, resume: false });
}

/// The multiply-adds (rows × depth × columns) from which on a matrix product is shared among
/// [`threads`], if the first factor has more than 64 rows, or 128 if the second is large or transposed. Of less work,
/// one thread has done a good part before another has started.
pub const SHARED_PRODUCT: usize = 1 << 26;

/// Computes the [`product`], shared among threads if it is large.
pub(crate) fn shared_product(a: MatrixView<'_>, b: MatrixView<'_>, c: &mut [f32]) {
    let work = a.rows.saturating_mul(a.columns).saturating_mul(b.columns);
    if work < SHARED_PRODUCT || threads() < 2 {
        return product(a, b, c);
    }
    // A large B is packed again for each piece: fewer rows would not repay that.
    let packed = b.transposed || b.rows * b.columns > 1 << 17;
    let (pieces, fewest) = if packed { (2, 128) } else { (4, 64) };
    let rows = a.rows.div_ceil(pieces * threads()).next_multiple_of(2).max(fewest);
    if a.rows <= rows {
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
pub(crate) fn add_product(a: MatrixView<'_>, b: MatrixView<'_>, c: &mut [f32]) {
    let stride = b.columns;
    assert_eq!(c.len(), a.rows * stride, "a product of {} × {stride}", a.rows);
    product_on(isa(), Product { a, b, c, stride, epilogue: &nothing, resume: true });
}

/// C = A · B, where the rows of C are `stride` numbers apart; those between them stay.
///
/// # Panics
/// If the shapes do not fit, or there is no depth.
pub(crate) fn product_apart(a: MatrixView<'_>, b: MatrixView<'_>, c: &mut [f32], stride: usize) {
    let needed = a.rows.checked_sub(1).map_or(0, |before| before * stride + b.columns);
    assert!(a.columns > 0 || stride == b.columns, "a product without depth leaves nothing between its rows");
    assert!(stride >= b.columns && c.len() >= needed, "a product of {} × {}, {stride} apart", a.rows, b.columns);
    product_on(isa(), Product { a, b, c, stride, epilogue: &nothing, resume: false });
}

fn product_on(isa: Isa, mut product: Product<'_>) {
    assert_eq!(product.a.columns, product.b.rows, "the inner dimensions of a product");
    // The bits are the same, and a vector of 8 numbers is stored faster than half of one of 16.
    let isa = if isa == Isa::Avx512 && product.b.columns <= 8 { Isa::Avx2 } else { isa };
    run_on(isa, &mut product);
}

pub(crate) use naive::product as naive_product;
pub use peak::peak_flops;
