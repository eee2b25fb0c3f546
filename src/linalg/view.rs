//! A factor of a product, transposed without a copy.

use std::ops::Range;

/// A factor of a product: row-major numbers, read as they lie or transposed, without a copy either way.
///
/// [`Matrix::operand`](crate::Matrix::operand) makes one, [`Matrix::set_product`](crate::Matrix::set_product) takes
/// two.
#[derive(Clone, Copy, Debug)]
pub struct MatrixView<'a> {
    /// It may be longer than the matrix: what follows may be read, and is multiplied for nothing.
    pub(super) data: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// From a row to the next, or from a column to the next if it is transposed.
    pub(super) stride: usize,
    pub(super) transposed: bool,
}

impl<'a> MatrixView<'a> {
    /// Returns the row-major `rows` × `columns` matrix at the start of `data`.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert!(data.len() >= area(rows, columns), "an operand of {rows} × {columns}");
        MatrixView { data, rows, columns, stride: columns, transposed: false }
    }

    /// Returns a view of these rows alone, of the transpose if it is transposed.
    pub(crate) fn select_rows(self, rows: Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        let start = rows.start * if self.transposed { 1 } else { self.stride };
        // Nothing lies at the start of no rows if these are the last.
        MatrixView { data: self.data.get(start..).unwrap_or_default(), rows: rows.len(), ..self }
    }

    /// Returns a view of every `step`-th row, from `first` on; the rows must be a multiple of `step`, and not
    /// transposed.
    pub(crate) fn every(self, first: usize, step: usize) -> Self {
        assert!(
            !self.transposed && first < step && self.rows.is_multiple_of(step),
            "rows {first}, {first} + {step}, …"
        );
        // Nothing lies at the start of no rows.
        let data = self.data.get(first * self.stride..).unwrap_or_default();
        MatrixView { data, rows: self.rows / step, stride: self.stride * step, ..self }
    }

    /// Returns a view of the transpose, without a copy.
    #[must_use]
    pub fn transposed(self) -> Self {
        MatrixView { rows: self.columns, columns: self.rows, transposed: !self.transposed, ..self }
    }

    /// Returns the number of rows, of the transpose if it is transposed.
    pub fn rows(self) -> usize {
        self.rows
    }

    /// Returns the number of columns, of the transpose if it is transposed.
    pub fn columns(self) -> usize {
        self.columns
    }

    /// Returns a row, if the view is not transposed.
    #[inline(always)]
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.stride..][..self.columns]
    }

    pub(crate) fn at(self, row: usize, column: usize) -> f32 {
        if self.transposed { self.data[column * self.stride + row] } else { self.data[row * self.stride + column] }
    }
}

/// Returns the number of entries of a `rows` × `columns` matrix. A product that wrapped around would pass for a small
/// matrix.
///
/// # Panics
/// If the machine cannot count so far.
pub(crate) fn area(rows: usize, columns: usize) -> usize {
    rows.checked_mul(columns).unwrap_or_else(|| panic!("a matrix of {rows} × {columns} is too large"))
}
