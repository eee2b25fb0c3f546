//! The features of a table with categories: a number for each category, not an input for each.
//!
//! Of the inputs of a column of categories (one-hot encoding), at most one differs from the others. So an example keeps
//! its numbers as they are, and a code for each such column: the index of its category. When a batch is gathered, the
//! inputs are made of the codes. There are three values that an input can have, if its category is that of the example,
//! is not, or is missing: 1, 0 and NaN at first. Scaling and imputation change these three, with the arithmetic that
//! they have for a matrix, so that the inputs have the bits that they would have in one.

use std::iter::repeat_n;
use std::ops::Range;

use super::examples::{find_wrong, selected, stacked, windowed};
use super::scaler::Scaler;
use crate::linalg::lanes::prefetch;
use crate::linalg::matrix::Matrix;

/// The code of a cell that has none of the categories.
pub(super) const NONE: u32 = u32::MAX;
/// The code of a missing cell, whose inputs are NaN until they are imputed.
pub(super) const MISSING: u32 = u32::MAX - 1;

/// The rows of [`Coded::values`].
const OTHER: usize = 0;
const OWN: usize = 1;
const ABSENT: usize = 2;

/// Numbers, and a code for each column of categories.
#[derive(Clone)]
pub(super) struct Coded {
    /// Examples × those inputs that are not of categories.
    numbers: Matrix,
    /// Examples × columns of categories, one example after the other.
    codes: Vec<u32>,
    /// The inputs of each column of categories, and the inputs between them.
    categories: Vec<Range<usize>>,
    runs: Vec<Range<usize>>,
    /// 3 × inputs: the value of each, if the category is another, its own, or missing.
    values: Matrix,
}

impl Coded {
    /// Makes features of `width` inputs from numbers and codes, given the inputs of each column of categories.
    pub fn new(width: usize, numbers: Matrix, codes: Vec<u32>, categories: Vec<Range<usize>>) -> Coded {
        let ends = categories.iter().map(|inputs| inputs.end);
        let starts = categories.iter().map(|inputs| inputs.start).chain([width]);
        let runs = [0].into_iter().chain(ends).zip(starts).map(|(start, end)| start..end);
        let runs = runs.filter(|run| !run.is_empty()).collect();
        let mut values = Matrix::zeros(3, width);
        for inputs in &categories {
            values.row_mut(OWN)[inputs.clone()].fill(1.0);
            values.row_mut(ABSENT)[inputs.clone()].fill(f32::NAN);
        }
        Coded { numbers, codes, categories, runs, values }
    }

    pub fn rows(&self) -> usize {
        self.numbers.rows()
    }

    pub fn columns(&self) -> usize {
        self.values.columns()
    }

    pub fn row_bytes(&self) -> usize {
        4 * (self.numbers.columns() + self.categories.len())
    }

    fn codes(&self, row: usize) -> &[u32] {
        &self.codes[row * self.categories.len()..][..self.categories.len()]
    }

    /// Returns the inputs that the numbers are, in their order.
    fn number_inputs(&self) -> impl Iterator<Item = usize> {
        self.runs.iter().flat_map(Clone::clone)
    }

    pub fn prefetch(&self, row: usize) {
        prefetch(self.numbers.row(row));
        prefetch(self.codes(row));
    }

    pub fn read_row(&self, row: usize, x: &mut [f32]) {
        x.copy_from_slice(self.values.row(OTHER));
        let mut numbers = self.numbers.row(row).iter();
        for run in &self.runs {
            // Mostly there is one: a loop takes less time than a copy.
            x[run.clone()].iter_mut().zip(&mut numbers).for_each(|(x, number)| *x = *number);
        }
        let own = &self.values.row(OWN)[..x.len()];
        for (inputs, &code) in self.categories.iter().zip(self.codes(row)) {
            match code {
                NONE => {}
                MISSING => x[inputs.clone()].copy_from_slice(&self.values.row(ABSENT)[inputs.clone()]),
                code => {
                    let input = inputs.start + code as usize;
                    x[input] = own[input];
                }
            }
        }
    }

    /// Returns the code of every example in the column that has these inputs, if there is one.
    pub fn codes_of(&self, inputs: &Range<usize>) -> Option<impl Iterator<Item = u32> + '_> {
        let column = self.categories.iter().position(|of_column| of_column == inputs)?;
        Some((0..self.rows()).map(move |row| self.codes(row)[column]))
    }

    /// Returns one input of every example.
    pub fn column(&self, input: usize) -> Box<dyn Iterator<Item = f32> + '_> {
        let column = self.categories.partition_point(|inputs| inputs.end <= input);
        if let Some(inputs) = self.categories.get(column).filter(|inputs| inputs.contains(&input)) {
            let of = self.values.iter_rows().map(|values| values[input]).collect::<Vec<f32>>();
            let own = (input - inputs.start) as u32;
            return Box::new((0..self.rows()).map(move |row| match self.codes(row)[column] {
                MISSING => of[ABSENT],
                code => of[if code == own { OWN } else { OTHER }],
            }));
        }
        let index = input - self.categories[..column].iter().map(Range::len).sum::<usize>();
        Box::new(self.numbers.iter_rows().map(move |numbers| numbers[index]))
    }

    /// Returns the example, the input and the value of the first number that is infinite or, unless it may be, NaN.
    pub fn find_wrong(&self, may_be_nan: bool) -> Option<(usize, usize, f32)> {
        if let Some((row, column, value)) = find_wrong(&self.numbers, may_be_nan) {
            return Some((row, self.number_inputs().nth(column)?, value));
        }
        if may_be_nan {
            return None;
        }
        let cells = self.categories.iter().cycle().zip(&self.codes).enumerate();
        let missing = cells.filter(|(_, (inputs, code))| **code == MISSING && !inputs.is_empty());
        let value = |(index, (inputs, _)): (usize, (&Range<usize>, &u32))| {
            (index / self.categories.len(), inputs.start, self.values[(ABSENT, inputs.start)])
        };
        missing.map(value).find(|(.., value)| !value.is_finite())
    }

    /// Returns how many of these inputs, in increasing order, are NaN, over all examples.
    pub fn count_nan(&self, inputs: &[usize]) -> usize {
        let wanted: Vec<bool> = self.number_inputs().map(|input| inputs.binary_search(&input).is_ok()).collect();
        let is_missing = |(x, &wanted): (&f32, &bool)| wanted && x.is_nan();
        let of_row = |x: &[f32]| x.iter().zip(&wanted).filter(|&pair| is_missing(pair)).count();
        let numbers: usize = self.numbers.iter_rows().map(of_row).sum();
        let is_open = |of: &Range<usize>| {
            let first = self.values.row(ABSENT).get(of.start);
            inputs.binary_search(&of.start).is_ok() && first.is_some_and(|x| x.is_nan())
        };
        let open: Vec<bool> = self.categories.iter().map(is_open).collect();
        let codes = self.codes.chunks(open.len().max(1));
        let missing = codes.flat_map(|codes| codes.iter().zip(&open)).filter(|&(&code, &open)| open && code == MISSING);
        numbers + missing.count()
    }

    pub fn scale(&mut self, scaler: &Scaler) {
        let numbers: Vec<usize> = self.number_inputs().collect();
        scaler.transform(&mut self.values);
        scaler.select(&numbers).transform(&mut self.numbers);
    }

    /// Replaces every NaN by the entry of `fill` for its input.
    pub fn fill_missing(&mut self, fill: &[f32]) {
        let of_numbers: Vec<f32> = self.number_inputs().map(|input| fill[input]).collect();
        for (matrix, fill) in [(&mut self.numbers, of_numbers.as_slice()), (&mut self.values, fill)] {
            (0..matrix.rows()).for_each(|row| fill_nan(matrix.row_mut(row), fill));
        }
    }

    pub fn select(&self, rows: &[usize]) -> Coded {
        let codes = selected(&self.codes, self.categories.len(), rows);
        self.with(self.numbers.select_rows(rows), codes)
    }

    /// Returns whether the examples of both can be in one: they have the same columns, scaled alike.
    pub fn is_alike(&self, other: &Coded) -> bool {
        let bits = |of: &Coded| of.values.as_slice().iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
        self.categories == other.categories && bits(self) == bits(other)
    }

    pub fn append(&mut self, other: &Coded) {
        self.numbers = stacked(&self.numbers, &other.numbers);
        self.codes.extend_from_slice(&other.codes);
    }

    /// Concatenates every `length` consecutive examples to one; there are at least `length`.
    pub fn windows(&self, length: usize) -> Coded {
        let (rows, columns, width) = (self.rows(), self.numbers.columns(), self.columns());
        let numbers = windowed(self.numbers.as_slice(), columns, rows, length);
        let codes = windowed(&self.codes, self.categories.len(), rows, length);
        let all = (0..length).flat_map(|age| {
            self.categories.iter().map(move |inputs| inputs.start + age * width..inputs.end + age * width)
        });
        let numbers = Matrix::from_vec(rows + 1 - length, length * columns, numbers);
        let mut windows = Coded::new(length * width, numbers, codes, all.collect());
        let values = self.values.iter_rows().flat_map(|values| repeat_n(values, length).flatten()).copied().collect();
        windows.values = Matrix::from_vec(3, length * width, values);
        windows
    }

    fn with(&self, numbers: Matrix, codes: Vec<u32>) -> Coded {
        let (categories, runs, values) = (self.categories.clone(), self.runs.clone(), self.values.clone());
        Coded { numbers, codes, categories, runs, values }
    }
}

/// Replaces every NaN by the entry of `fill` at its index.
pub(super) fn fill_nan(x: &mut [f32], fill: &[f32]) {
    x.iter_mut().zip(fill).filter(|(x, _)| x.is_nan()).for_each(|(x, fill)| *x = *fill);
}
