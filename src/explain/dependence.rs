//! Partial dependence (Friedman, 2001).

use std::fmt;

use super::cells::{category, output_names, text, value};
use super::layout::{Table, aligned, short};
use super::rows::{predict, sample};
use crate::base::error::{Error, Result};
use crate::base::rng::{Rng, purpose};
use crate::base::sort::order;
use crate::base::text::NARROWEST;
use crate::data::{Column, ColumnKind, Features};
use crate::linalg::matrix::Matrix;
use crate::model::Model;

/// The most rows that a prediction is averaged over.
const MOST_ROWS: usize = 500;

/// How the predictions of a model depend on a column: see [`Model::partial_dependence`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PartialDependence {
    /// The name of the column.
    pub name: String,
    /// A name for each output: its class, its label with the class that the probability is of (`ripe=yes`), or its
    /// target. A single output for two classes is the probability of the second.
    pub outputs: Vec<String>,
    /// The number of rows that the predictions are averaged over.
    pub rows: usize,
    /// The cells that the column is given, one after the other.
    pub points: Vec<GridPoint>,
}

/// The mean prediction if all rows have the same cell in a column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GridPoint {
    /// The cell as text: a number, a date or time of day as ISO 8601 writes it, or a category.
    pub cell: String,
    /// The number in the cell or, of dates and times, the seconds since 1970 or since midnight. `None` for a category.
    pub value: Option<f64>,
    /// The mean of each output: probabilities, or values in the units of the table.
    pub means: Vec<f64>,
}

impl Model {
    /// Returns how the predictions depend on a column (partial dependence; Friedman, 2001): each of some cells is
    /// given to all rows, and every output is averaged. `features` are rows in the units of the training data, labeled or
    /// not.
    ///
    /// The cells are at most `points` quantiles of the numbers or times of the column, evenly spaced from the minimum to
    /// the maximum, each a cell of some row (the lower of two), without repetitions; of categories, the `points`
    /// most frequent ones, in the order of their frequency. Missing cells are left out. At most 500 rows are used, drawn from
    /// `features` by the `seed`. The result is the same for any number of threads.
    ///
    /// The rows include combinations of cells that there are not in the data if columns depend on each other.
    ///
    /// # Errors
    /// If there is no such column, `features` has no rows or not as many features as the model, or `points` is below 2.
    pub fn partial_dependence(
        &self,
        features: &Features,
        column: &str,
        points: usize,
        seed: u64,
    ) -> Result<PartialDependence> {
        let schema = self.schema();
        let Some(index) = schema.columns().iter().position(|known| known.name == column) else {
            return Err(self.unknown_column(column));
        };
        if points < 2 {
            return Err(Error::Setting("points: expected at least 2".into()));
        }
        check_width(self, features.columns())?;
        let inputs = schema.inputs().nth(index).unwrap_or_default();
        let rows = sample(features.rows(), MOST_ROWS, &mut Rng::stream(seed, purpose::EXPLAIN))?;
        let mut x = Matrix::default();
        features.gather(&rows, &mut x);
        let column = &schema.columns()[index];
        let cell = |row: usize| &x.row(row)[inputs.clone()];
        let grid: Vec<&[f32]> = representatives(column, rows.len(), points, &cell).into_iter().map(cell).collect();

        let outputs = self.network().outputs();
        let mut sums = vec![0.0; grid.len() * outputs];
        let mut compose = |i: usize, to: &mut [f32]| {
            to.copy_from_slice(x.row(i % rows.len()));
            to[inputs.clone()].copy_from_slice(grid[i / rows.len()]);
        };
        predict(self, grid.len() * rows.len(), &mut compose, &mut |i, row| {
            let sums = sums[i / rows.len() * outputs..].iter_mut();
            sums.zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        })?;
        let mut points = Vec::with_capacity(grid.len());
        for (cell, sums) in grid.iter().zip(sums.chunks_mut(outputs)) {
            for (output, sum) in sums.iter_mut().enumerate() {
                *sum = *sum / rows.len() as f64 + schema.target_origin(output);
            }
            points.push(GridPoint { cell: text(column, cell), value: value(column, cell), means: sums.to_vec() });
        }
        let outputs = output_names(schema, outputs);
        Ok(PartialDependence { name: column.name.clone(), outputs, rows: rows.len(), points })
    }
}

/// Returns an error if there are not as many features as the model takes.
pub(super) fn check_width(model: &Model, found: usize) -> Result<()> {
    let expected = model.schema().width();
    match found == expected {
        true => Ok(()),
        false => Err(Error::Mismatch(format!("the model takes {expected} features, the data has {found}"))),
    }
}

/// Returns rows, of so many, that have the cells of the grid, given the inputs of the column in each row.
fn representatives<'x>(column: &Column, rows: usize, points: usize, inputs: &dyn Fn(usize) -> &'x [f32]) -> Vec<usize> {
    if let ColumnKind::Categories(names) = &column.kind {
        let (mut counts, mut firsts) = (vec![0_usize; names.len()], vec![0; names.len()]);
        for row in (0..rows).rev() {
            if let Some(index) = category(inputs(row), names.len()) {
                counts[index] += 1;
                firsts[index] = row;
            }
        }
        let ranked = order(names.len(), &|a, b| counts[b].cmp(&counts[a]));
        return ranked.into_iter().take(points).filter(|&index| counts[index] > 0).map(|index| firsts[index]).collect();
    }
    let value = |row: usize| value(column, inputs(row)).unwrap_or(f64::NAN);
    let mut sorted = order(rows, &|a, b| value(a).total_cmp(&value(b)));
    sorted.retain(|&row| !value(row).is_nan());
    // More have the same cells.
    let points = points.min(rows.max(2));
    let Some(last) = sorted.len().checked_sub(1) else { return Vec::new() };
    let mut found: Vec<usize> = (0..points).map(|point| sorted[point * last / (points - 1)]).collect();
    found.dedup_by(|a, b| value(*a) == value(*b));
    found
}

impl PartialDependence {
    /// Returns why there is nothing to compare, if the rows have no two different cells in the column.
    pub fn constant(&self) -> Option<String> {
        match &self.points[..] {
            [] => Some(format!("{} is missing in all rows", self.name)),
            [only] => Some(format!("{} is constant: {}", self.name, only.cell)),
            _ => None,
        }
    }

    /// Returns the indices of the outputs, the one that changes most first.
    pub fn ranked(&self) -> Vec<usize> {
        let spans: Vec<f64> = (0..self.outputs.len()).map(|output| self.column(output).0).collect();
        order(spans.len(), &|a, b| spans[b].total_cmp(&spans[a]))
    }

    /// Returns the dependence of a single output.
    ///
    /// # Panics
    /// If there is no such output.
    #[must_use]
    pub fn of_output(mut self, output: usize) -> PartialDependence {
        self.outputs = vec![self.outputs.swap_remove(output)];
        self.points.iter_mut().for_each(|point| point.means = vec![point.means[output]]);
        self
    }

    /// Returns the mean predictions as a table that fits a terminal of `width` columns, at least 40: a line for each
    /// cell, and as many outputs as fit: if not all do, those that change most, in this order. Of a column that is
    /// [constant](Self::constant), it says so.
    pub fn report(&self, width: usize) -> String {
        if let Some(line) = self.constant() {
            return short(&line, width.max(NARROWEST)) + "\n";
        }
        let (mut columns, mut longest) = (Vec::with_capacity(self.outputs.len()), 8);
        for output in 0..self.outputs.len() {
            columns.push(self.column(output));
            longest = columns[output].1.iter().map(String::len).fold(longest, usize::max);
        }
        let room = width.max(NARROWEST).saturating_sub(13);
        let shown = (room / (longest + 1)).clamp(1, columns.len());
        // All outputs are in their order.
        let ranked = if shown < columns.len() { self.ranked() } else { (0..shown).collect() };

        let mut table = Table::new(width, 1);
        for line in 0..=self.points.len() {
            let point = line.checked_sub(1);
            let mut cells = vec![point.map_or(&self.name, |point| &self.points[point].cell).clone()];
            for &output in &ranked[..shown] {
                cells.push(match point {
                    Some(point) => columns[output].1[point].clone(),
                    None => short(&self.outputs[output], (room / shown).min(21) - 1),
                });
            }
            table.line(cells, 0.0);
        }
        let mut table = table.draw();
        if shown < columns.len() {
            table += &format!("{shown} of {} outputs\n", columns.len());
        }
        table
    }

    /// Returns the range of an output, and its means as texts.
    fn column(&self, output: usize) -> (f64, Vec<String>) {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for point in &self.points {
            (low, high) = (low.min(point.means[output]), high.max(point.means[output]));
        }
        let largest = low.abs().max(high.abs());
        let digits = digits(largest, high - low);
        (high - low, self.points.iter().map(|point| aligned(point.means[output], largest, digits)).collect())
    }
}

/// Returns the number of significant digits of the `largest` number, from 4 to 12, that tell numbers of a range apart.
fn digits(mut largest: f64, range: f64) -> usize {
    let mut digits = 4;
    while digits < 12 && range > 0.0 && largest > 10.0 * range {
        (largest, digits) = (largest / 10.0, digits + 1);
    }
    digits
}

/// Writes the [`report`](PartialDependence::report) for a narrow terminal.
impl fmt::Display for PartialDependence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report(NARROWEST))
    }
}
