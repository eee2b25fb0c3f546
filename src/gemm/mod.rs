//! The matrix product C = A · B, either factor transposed without a copy.

mod naive;

/// A factor of a product: row-major numbers, read as they lie or transposed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'a> Operand<'a> {
    /// A row-major `rows` × `columns` matrix.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns, "an operand of {rows} × {columns}");
        Operand { data, rows, columns, transposed: false }
    }

    /// The same numbers with rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        Operand { rows: self.columns, columns: self.rows, transposed: !self.transposed, ..self }
    }

    pub(crate) fn rows(self) -> usize {
        self.rows
    }

    pub(crate) fn columns(self) -> usize {
        self.columns
    }

    pub(crate) fn at(self, row: usize, column: usize) -> f32 {
        if self.transposed { self.data[column * self.rows + row] } else { self.data[row * self.columns + column] }
    }
}

/// C = A · B. `c` is row-major, rows of A × columns of B, and is overwritten.
pub(crate) fn product(a: Operand<'_>, b: Operand<'_>, c: &mut [f32]) {
    naive::product(a, b, c);
}

pub(crate) use naive::product as naive_product;
