//! The rows of a table as they are read: numbers, codes of categories, and targets.

use std::ops::Range;

use super::coded::{Coded, NONE};
use super::features::Features;
use super::schema::{Column, Schema};
use crate::base::parallel::cut;
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

/// Consecutive rows of [`Cells`].
pub(super) struct Piece<'a> {
    pub rows: Range<usize>,
    x: &'a mut [f32],
    codes: &'a mut [u32],
    y: &'a mut [f32],
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

    /// Cuts the rows into so many pieces.
    pub fn pieces(&mut self, pieces: usize) -> Vec<Piece<'_>> {
        let all = self.numbers.rows();
        let (mut x, mut codes, mut y) =
            (self.numbers.as_mut_slice(), self.codes.as_mut_slice(), self.targets.as_mut_slice());
        let next = |piece: usize| {
            let rows = cut(all, pieces, piece)..cut(all, pieces, piece + 1);
            let left = all - rows.start;
            Piece {
                x: take(&mut x, rows.len(), left),
                codes: take(&mut codes, rows.len(), left),
                y: take(&mut y, rows.len(), left),
                rows,
            }
        };
        (0..pieces).map(next).collect()
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

impl Piece<'_> {
    /// Returns a row, counted from the first of all pieces.
    pub fn row_mut(&mut self, row: usize) -> Row<'_> {
        let (row, rows) = (row - self.rows.start, self.rows.len());
        Row { x: nth(self.x, row, rows), codes: nth(self.codes, row, rows), y: nth(self.y, row, rows) }
    }
}

/// Returns a row of a slice that consists of so many.
fn nth<T>(all: &mut [T], row: usize, rows: usize) -> &mut [T] {
    let length = all.len() / rows;
    &mut all[row * length..][..length]
}

/// Splits the first rows from a slice in which so many are left.
fn take<'a, T>(all: &mut &'a mut [T], rows: usize, left: usize) -> &'a mut [T] {
    let length = all.len() / left.max(1) * rows;
    all.split_off_mut(..length).unwrap_or_default()
}
