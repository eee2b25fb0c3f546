//! The rows of a table as they are read: numbers, codes of categories, and targets.

use std::ops::Range;

use super::coded::{Coded, NONE};
use super::features::Features;
use super::schema::{Column, Schema};
use crate::linalg::matrix::Matrix;

/// The rows of a table, as numbers.
pub(super) struct Cells {
    /// Rows × the inputs that are not of categories.
    pub numbers: Matrix,
    /// Rows × columns of categories.
    pub codes: Vec<u32>,
    /// Rows × targets; that of a class is its index.
    pub targets: Matrix,
}

/// A row of [`Cells`].
pub(super) struct Row<'a> {
    pub x: &'a mut [f32],
    pub codes: &'a mut [u32],
    pub y: &'a mut [f32],
}

impl Cells {
    pub fn new(schema: &Schema, rows: usize, targets: usize) -> Cells {
        let columns = schema.columns();
        let numbers = columns.iter().filter(|column| !column.has_categories()).map(Column::width).sum();
        let coded = columns.iter().filter(|column| column.has_categories()).count();
        Cells {
            numbers: Matrix::zeros(rows, numbers),
            codes: vec![NONE; rows * coded],
            targets: Matrix::zeros(rows, targets),
        }
    }

    pub fn row_mut(&mut self, row: usize) -> Row<'_> {
        let coded = self.codes.len() / self.numbers.rows();
        let codes = &mut self.codes[row * coded..][..coded];
        Row { x: self.numbers.row_mut(row), codes, y: self.targets.row_mut(row) }
    }

    pub fn features(self, schema: &Schema) -> Features {
        let columns = schema.columns().iter().zip(schema.inputs());
        let categories: Vec<Range<usize>> =
            columns.filter(|(column, _)| column.has_categories()).map(|(_, inputs)| inputs).collect();
        match categories.is_empty() {
            true => self.numbers.into(),
            false => Coded::new(schema.width(), self.numbers, self.codes, categories).into(),
        }
    }
}
