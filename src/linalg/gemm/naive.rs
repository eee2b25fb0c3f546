//! The product that anyone can check: the reference that the tests hold the fast one against.

use crate::linalg::view::MatrixView;

/// C = A · B by the definition. `c` is row-major, rows of A × columns of B, and is overwritten.
pub(crate) fn product(a: MatrixView<'_>, b: MatrixView<'_>, c: &mut [f32]) {
    for i in 0..a.rows() {
        for j in 0..b.columns() {
            c[i * b.columns() + j] = (0..a.columns()).fold(0.0, |sum, k| sum + a.at(i, k) * b.at(k, j));
        }
    }
}
