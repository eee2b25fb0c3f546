//! The cells that the first pass over a table keeps, so that the last one need not read them again: plain numbers, and which of the
//! texts that it has seen a cell is.
//!
//! Numbers are kept where the last pass wants them, if every column turns out to be what its first cells are; if not,
//! they are copied from there. A cell of which nothing is kept is looked at again: whatever the first pass takes for a
//! number, the last one decides what the column is.

use super::cells::{Cells, Row};
use super::roles::Role;
use super::span::{short, single};
use super::table::Table;
use crate::base::memory::is_available;
use crate::linalg::matrix::Matrix;

/// The place of a column's cells among those that are kept.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// The number of a cell is this input.
    Input(usize),
    /// The number of a cell is this target; or the cell is one of the texts that were seen, which has this code.
    Target(usize),
    /// A cell is one of the texts that were seen, which has this code.
    Text(usize),
    None,
}

impl Place {
    /// Returns the index of the code.
    #[inline]
    pub fn code(self) -> Option<usize> {
        match self {
            Place::Target(code) | Place::Text(code) => Some(code),
            Place::Input(_) | Place::None => None,
        }
    }

    /// Keeps a number in a row: NaN, if single precision may round it otherwise.
    #[inline]
    pub fn keep(self, number: f64, to: &mut Row<'_>) {
        let number = single(number).unwrap_or(f32::NAN);
        match self {
            Place::Input(input) => to.x[input] = number,
            Place::Target(target) => to.y[target] = number,
            Place::Text(_) | Place::None => {}
        }
    }
}

/// The cells of a table that are kept.
pub(super) struct Kept {
    /// Rows × numbers, targets, and codes: those of targets are in front. A code is the index of a text among those that
    /// were seen in this column and this piece of the table, counted from 1.
    pub cells: Cells,
    /// For each column of the table.
    pub places: Vec<Place>,
    /// The number of pieces of the table.
    pub pieces: usize,
    /// Whether most cells may be of one digit, as those of images are.
    pub are_digits: bool,
}

impl Kept {
    /// Returns nothing.
    pub fn none(table: &Table) -> Kept {
        Kept::new(table, vec![Place::None; table.columns()], 0, 0, 0)
    }

    #[inline(never)]
    fn new(table: &Table, places: Vec<Place>, inputs: usize, targets: usize, codes: usize) -> Kept {
        let rows = table.rows();
        let (numbers, targets) = (Matrix::zeros(rows, inputs), Matrix::filled(rows, targets, f32::NAN));
        let cells = Cells { numbers, codes: vec![0; rows * codes], targets };
        Kept { cells, places, pieces: table.pieces(), are_digits: false }
    }

    /// Returns room for all columns that are not ignored, if there is plenty of memory.
    pub fn room(table: &Table, targets: &[usize]) -> Kept {
        /// The first cells of a column of numbers may be missing.
        const ROWS: usize = 8;
        /// Nothing else may lack the memory that is taken here, least of all a training.
        const PLENTY: usize = 8;
        let place = |column: usize| match targets.iter().position(|&target| target == column) {
            Some(target) => Place::Target(target),
            None if table.ignores(column) => Place::None,
            None => Place::Text(0),
        };
        let mut places: Vec<Place> = (0..table.columns()).map(place).collect();
        let (mut digits, first) = (0, table.rows().min(ROWS));
        for row in 0..first {
            for (cell, place) in table.cells(row).zip(&mut places) {
                let is_number = short(cell.trim()).is_some();
                digits += usize::from(is_number && cell.len() == 1);
                if is_number && *place == Place::Text(0) {
                    *place = Place::Input(0);
                }
            }
        }
        let (mut inputs, mut codes) = (0, targets.len());
        for place in &mut places {
            let (index, count) = match place {
                Place::Input(input) => (input, &mut inputs),
                Place::Text(code) => (code, &mut codes),
                Place::Target(_) | Place::None => continue,
            };
            *index = *count;
            *count += 1;
        }
        let bytes =
            table.rows().saturating_mul(inputs + targets.len() + codes).saturating_mul(PLENTY * size_of::<f32>());
        // A number may be a word for a missing value.
        if table.reading().missing_values.is_some() || !is_available(bytes) {
            return Kept::none(table);
        }
        let are_digits = 2 * digits > first * table.columns();
        Kept { are_digits, ..Kept::new(table, places, inputs, targets.len(), codes) }
    }

    /// Moves the numbers to where they are read to, if all of them have the places that the columns' roles give them.
    /// Returns whether they have.
    pub fn move_to(&mut self, cells: &mut Cells, roles: &[Role<'_>]) -> bool {
        let fits = |(place, role): (&Place, &Role<'_>)| match (place, role) {
            (Place::Input(input), Role::Number { inputs, .. }) => *inputs == (*input..input + 1),
            (Place::Input(_), _) => false,
            _ => true,
        };
        let is_in_place =
            self.cells.numbers.columns() == cells.numbers.columns() && self.places.iter().zip(roles).all(fits);
        if is_in_place {
            std::mem::swap(&mut self.cells.numbers, &mut cells.numbers);
        }
        // The targets are in their order.
        if self.cells.targets.columns() == cells.targets.columns() {
            std::mem::swap(&mut self.cells.targets, &mut cells.targets);
        }
        is_in_place
    }
}
