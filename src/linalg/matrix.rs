//! Row-major matrices of single-precision numbers: one example per row.

use std::fmt;
use std::ops::{Add, Index, IndexMut, Mul, Sub};

use super::aligned::Aligned;
use super::gemm;
use super::view::{MatrixView, area};

/// A row-major matrix of `f32`. Zero rows and zero columns are allowed.
///
/// ```
/// use palmnet::Matrix;
/// let a = Matrix::from_rows(&[[1.0, 2.0], [3.0, 4.0]]);
/// let b = Matrix::from_rows(&[[1.0], [-1.0]]);
/// assert_eq!(a.matmul(&b), Matrix::from_rows(&[[-1.0], [-1.0]]));
/// assert_eq!(a.transpose().row(0), [1.0, 3.0]);
/// ```
#[derive(Clone, PartialEq, Default)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    data: Aligned,
}

impl Matrix {
    /// Returns a `rows` × `columns` matrix of zeros.
    ///
    /// # Panics
    /// If it has more entries than the machine can count.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Matrix::filled(rows, columns, 0.0)
    }

    /// Returns a `rows` × `columns` matrix that holds `value` everywhere.
    ///
    /// # Panics
    /// If it has more entries than the machine can count.
    pub fn filled(rows: usize, columns: usize, value: f32) -> Self {
        Matrix { rows, columns, data: Aligned::filled(area(rows, columns), value) }
    }

    /// Returns a matrix of `data`, which holds one row after the other.
    ///
    /// # Panics
    /// If `data` does not have `rows` × `columns` entries.
    pub fn from_vec(rows: usize, columns: usize, data: Vec<f32>) -> Self {
        assert_eq!(data.len(), area(rows, columns), "a {rows} × {columns} matrix from {} numbers", data.len());
        Matrix { rows, columns, data: data.into() }
    }

    /// Returns a matrix of these rows, each an array or a vector.
    ///
    /// # Panics
    /// If the rows differ in length.
    pub fn from_rows<R: AsRef<[f32]>>(rows: &[R]) -> Self {
        let columns = rows.first().map_or(0, |row| row.as_ref().len());
        let mut data = Vec::with_capacity(rows.len() * columns);
        for (i, row) in rows.iter().enumerate() {
            assert_eq!(row.as_ref().len(), columns, "row {i} differs in length from row 0");
            data.extend_from_slice(row.as_ref());
        }
        Matrix { rows: rows.len(), columns, data: data.into() }
    }

    /// Returns a matrix whose entry at (row, column) is `entry(row, column)`.
    ///
    /// # Panics
    /// If it has more entries than the machine can count.
    pub fn from_fn(rows: usize, columns: usize, mut entry: impl FnMut(usize, usize) -> f32) -> Self {
        let mut matrix = Matrix::zeros(rows, columns);
        let mut entries = matrix.data.iter_mut();
        for i in 0..rows {
            entries.by_ref().take(columns).enumerate().for_each(|(j, to)| *to = entry(i, j));
        }
        matrix
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Returns the numbers of rows and of columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Returns row `row`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        &self.data[row * self.columns..][..self.columns]
    }

    /// Returns row `row`, mutable.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        &mut self.data[row * self.columns..][..self.columns]
    }

    /// Returns the rows, one after the other.
    pub fn iter_rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        (0..self.rows).map(|i| self.row(i))
    }

    /// Returns all entries, one row after the other.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// Returns all entries, one row after the other, mutable.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// Returns all entries, one row after the other.
    pub fn into_vec(self) -> Vec<f32> {
        self.data.into_vec()
    }

    /// Returns the matrix of these rows, in this order; a row may be taken more than once.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Matrix {
        let mut data = Vec::with_capacity(rows.len() * self.columns);
        rows.iter().for_each(|&row| data.extend_from_slice(self.row(row)));
        Matrix { rows: rows.len(), columns: self.columns, data: data.into() }
    }

    /// Makes this a `rows` × `columns` matrix of unspecified content, in the memory that it has if that is enough.
    pub(crate) fn reshape(&mut self, rows: usize, columns: usize) {
        self.rows = rows;
        self.columns = columns;
        self.data.resize(area(rows, columns));
    }

    /// Makes this a copy of `other`, in the memory that it has if that is enough.
    pub(crate) fn copy_from(&mut self, other: &Matrix) {
        self.reshape(other.rows, other.columns);
        self.data.copy_from_slice(&other.data);
    }

    /// Makes this a matrix of every row of `other` so many `times`, in the memory that it has if that is enough.
    pub(crate) fn repeat_rows(&mut self, other: &Matrix, times: usize) -> &Matrix {
        self.reshape(other.rows * times, other.columns);
        for (i, row) in other.iter_rows().enumerate() {
            (i * times..(i + 1) * times).for_each(|copy| self.row_mut(copy).copy_from_slice(row));
        }
        self
    }

    /// Returns the matrix with its entries moved to the start of a cache line if they are not there.
    pub(crate) fn align(self) -> Matrix {
        Matrix { data: self.data.align(), ..self }
    }

    /// Returns the transpose, columns × rows.
    #[must_use]
    pub fn transpose(&self) -> Matrix {
        Matrix::from_fn(self.columns, self.rows, |i, j| self[(j, i)])
    }

    /// Returns the matrix of `function` of every entry.
    #[must_use]
    pub fn map(&self, function: impl FnMut(f32) -> f32) -> Matrix {
        Matrix { data: self.data.iter().copied().map(function).collect(), ..*self }
    }

    /// Returns the matrix product, cache-blocked, and shared among [`threads`](crate::compute::threads) if it is large.
    ///
    /// # Panics
    /// If `self` has not as many columns as `other` has rows.
    #[must_use]
    pub fn matmul(&self, other: &Matrix) -> Matrix {
        self.product(other, gemm::shared_product)
    }

    /// Returns the matrix product by its definition, three loops: slow, and the reference that [`matmul`](Self::matmul)
    /// is tested against.
    ///
    /// # Panics
    /// If `self` has not as many columns as `other` has rows.
    #[doc(hidden)]
    #[must_use]
    pub fn matmul_naive(&self, other: &Matrix) -> Matrix {
        self.product(other, gemm::naive_product)
    }

    fn product(&self, other: &Matrix, product: fn(MatrixView<'_>, MatrixView<'_>, &mut [f32])) -> Matrix {
        let (a, b) = (self.shape(), other.shape());
        assert_eq!(a.1, b.0, "the product of {} × {} and {} × {}: inner dimensions differ", a.0, a.1, b.0, b.1);
        let mut result = Matrix::zeros(self.rows, other.columns);
        product(self.operand(), other.operand(), &mut result.data);
        result
    }

    /// Makes this the product of two matrices, either of them transposed without a copy, in the memory that it has
    /// if that is enough. Large products are shared among [`threads`](crate::compute::threads).
    ///
    /// ```
    /// use palmnet::Matrix;
    /// let a = Matrix::from_rows(&[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    /// let mut c = Matrix::default();
    /// c.set_product(a.operand().transposed(), a.operand());
    /// assert_eq!(c, Matrix::from_rows(&[[35.0, 44.0], [44.0, 56.0]]));
    /// ```
    ///
    /// # Panics
    /// If the first factor has not as many columns as the second has rows.
    #[doc(hidden)]
    pub fn set_product(&mut self, a: MatrixView<'_>, b: MatrixView<'_>) {
        self.reshape(a.rows(), b.columns());
        gemm::shared_product(a, b, &mut self.data);
    }

    /// Returns a view of this matrix, to be a factor of a product.
    #[doc(hidden)]
    pub fn operand(&self) -> MatrixView<'_> {
        MatrixView::new(self.data.with_room(), self.rows, self.columns)
    }

    fn zip(&self, other: &Matrix, what: &str, function: impl Fn(f32, f32) -> f32) -> Matrix {
        let (a, b) = (self.shape(), other.shape());
        assert_eq!(a, b, "{what} of {} × {} and {} × {}: the shapes differ", a.0, a.1, b.0, b.1);
        Matrix { data: self.data.iter().zip(other.data.iter()).map(|(&a, &b)| function(a, b)).collect(), ..*self }
    }
}

/// Element-wise. Panics if the shapes differ.
impl Add for &Matrix {
    type Output = Matrix;
    fn add(self, other: &Matrix) -> Matrix {
        self.zip(other, "the sum", |a, b| a + b)
    }
}

/// Element-wise. Panics if the shapes differ.
impl Sub for &Matrix {
    type Output = Matrix;
    fn sub(self, other: &Matrix) -> Matrix {
        self.zip(other, "the difference", |a, b| a - b)
    }
}

/// Every entry times a number.
impl Mul<f32> for &Matrix {
    type Output = Matrix;
    fn mul(self, factor: f32) -> Matrix {
        self.map(|a| a * factor)
    }
}

/// The entry at (row, column). Panics if there is none.
impl Index<(usize, usize)> for Matrix {
    type Output = f32;
    fn index(&self, (row, column): (usize, usize)) -> &f32 {
        &self.row(row)[column]
    }
}

/// The entry at (row, column), to be changed. Panics if there is none.
impl IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (row, column): (usize, usize)) -> &mut f32 {
        &mut self.row_mut(row)[column]
    }
}

/// The shape, and the entries if there are few.
impl fmt::Debug for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matrix {} × {}", self.rows, self.columns)?;
        if self.data.len() <= 100 { f.debug_list().entries(self.iter_rows()).finish() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic() {
        let a = Matrix::from_rows(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        let b = Matrix::filled(2, 3, 2.0);
        assert_eq!((&a + &b).row(1), [6.0, 7.0, 8.0]);
        assert_eq!((&a - &b).row(0), [-1.0, 0.0, 1.0]);
        assert_eq!((&a * 0.5).row(0), [0.5, 1.0, 1.5]);
        assert_eq!(a.map(|x| -x)[(1, 2)], -6.0);
        assert_eq!(a.select_rows(&[1, 0, 1]).shape(), (3, 3));
        assert_eq!(a.transpose().shape(), (3, 2));
        assert_eq!(a.transpose().transpose(), a);
    }

    #[test]
    fn empty_shapes() {
        assert_eq!(Matrix::zeros(0, 3).transpose().shape(), (3, 0));
        assert_eq!(Matrix::zeros(2, 0).matmul(&Matrix::zeros(0, 3)), Matrix::zeros(2, 3));
        assert_eq!(Matrix::zeros(0, 4).matmul(&Matrix::zeros(4, 2)).shape(), (0, 2));
        assert_eq!(Matrix::zeros(3, 0).iter_rows().count(), 3);
        assert_eq!(Matrix::from_rows::<[f32; 0]>(&[]).shape(), (0, 0));
    }

    #[test]
    #[should_panic(expected = "the product of 2 × 3 and 2 × 3: inner dimensions differ")]
    fn product_of_wrong_shapes() {
        let _ = Matrix::zeros(2, 3).matmul(&Matrix::zeros(2, 3));
    }

    #[test]
    fn shapes_beyond_counting() {
        // Twice this is zero in the machine's arithmetic.
        let half = usize::MAX / 2 + 1;
        let shapes: [fn(usize); 5] = [
            |n| drop(Matrix::zeros(n, 2)),
            |n| drop(Matrix::from_vec(2, n, Vec::new())),
            |n| drop(Matrix::from_fn(n, 2, |_, _| 0.0)),
            |n| Matrix::default().reshape(n, 2),
            |n| _ = MatrixView::new(&[], n, 2),
        ];
        for shape in shapes {
            let panic = std::panic::catch_unwind(|| shape(half)).unwrap_err();
            let message = panic.downcast_ref::<String>().unwrap();
            assert!(message.starts_with("a matrix of ") && message.ends_with(" is too large"), "{message}");
        }
    }

    #[test]
    #[should_panic(expected = "the sum of 2 × 3 and 3 × 2: the shapes differ")]
    fn sum_of_wrong_shapes() {
        let _ = &Matrix::zeros(2, 3) + &Matrix::zeros(3, 2);
    }
}
