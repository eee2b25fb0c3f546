//! Permutation importance (Breiman, 2001; Fisher, Rudin, Dominici, 2019).

use std::fmt;
use std::ops::Range;

use super::layout::{Table, aligned};
use super::rows::{predict, sample};
use crate::base::error::{Error, Result};
use crate::base::rng::{Rng, purpose};
use crate::base::sort::order;
use crate::base::text::NARROWEST;
use crate::data::{Dataset, Rows};
use crate::linalg::matrix::Matrix;
use crate::model::Model;

/// The most rows that are used, and the fewest if there are very many columns.
const MOST_ROWS: usize = 2_000;
const FEWEST_ROWS: usize = 1_000;
/// The predictions for which there are as many rows as that.
const PREDICTIONS: usize = 2_000_000;
/// The rows that are predicted together: enough for all threads.
const TOGETHER: usize = 10_000;

/// How [`Model::importance_with`] measures importance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permutations {
    /// The most rows that are used, from 2. `None` stands for 2,000: fewer, but at least 1,000, if columns × repeats are
    /// more than 1,000.
    pub rows: Option<usize>,
    /// The number of times that each column is shuffled, from 1.
    pub repeats: usize,
    /// The seed of the rows and of the permutations.
    pub seed: u64,
}

impl Default for Permutations {
    fn default() -> Self {
        Permutations { rows: None, repeats: 5, seed: 0 }
    }
}

/// How much a model needs each column: see [`Model::importance`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Importance {
    /// The name of the score, as in [`Score::figures`](crate::Score::figures): `accuracy` of classes, `subset_accuracy` of
    /// labels, `r2` of values.
    pub metric: &'static str,
    /// The score on the rows as they are.
    pub score: f64,
    /// The number of rows that were used.
    pub rows: usize,
    /// The number of times that each column was shuffled.
    pub repeats: usize,
    /// The columns, in the order of the schema.
    pub columns: Vec<ColumnImportance>,
}

/// How much a model needs a column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ColumnImportance {
    /// The name of the column.
    pub name: String,
    /// The fall of the score if the column is shuffled, the mean over the repeats: 0 if the model does not use the column,
    /// negative if the score happens to rise.
    pub mean: f64,
    /// The standard deviation of the fall over the repeats, with the number of repeats as the divisor.
    pub std: f64,
}

impl Model {
    /// Returns the permutation importance of every column (Breiman, 2001; Fisher, Rudin, Dominici, 2019), as
    /// scikit-learn's `permutation_importance` defines it: the fall of the score, [`Score::value`](crate::Score::value),
    /// if the cells of the column are shuffled among the rows, `repeats` times (5 are usual). All inputs of a column are
    /// shuffled together. `data` is in the units of the training data; rows that training did not see show which columns
    /// help to predict new ones.
    ///
    /// At most 2,000 rows are used, drawn from `data` by the `seed`: see [`Permutations::rows`] for more, and
    /// [`Importance::rows`] for their number. Of columns that say the same, each may have a small importance
    /// because the model still has the others. The result is the same for any number of threads. All figures are NaN if
    /// the score is.
    ///
    /// # Errors
    /// Those of [`check`](Self::check), and if `data` has no rows or `repeats` is 0.
    pub fn importance(&self, data: &Dataset, repeats: usize, seed: u64) -> Result<Importance> {
        self.importance_with(data, Permutations { repeats, seed, ..Permutations::default() }, &mut |_| {})
    }

    /// Returns the [`importance`](Self::importance) of every column, of more or fewer rows; `observe` is called before
    /// each column with the number of those that are done.
    ///
    /// # Errors
    /// Those of [`importance`](Self::importance), and if [`Permutations::rows`] is 0.
    pub fn importance_with(
        &self,
        data: &Dataset,
        permutations: Permutations,
        observe: &mut dyn FnMut(usize),
    ) -> Result<Importance> {
        let Permutations { rows, repeats, seed } = permutations;
        self.check(data)?;
        if rows.is_some_and(|rows| rows < 2) {
            return Err(Error::Setting("rows: expected at least 2".into()));
        }
        if repeats == 0 {
            return Err(Error::Setting("repeats: expected at least 1".into()));
        }
        let columns = self.schema().columns();
        let most = PREDICTIONS / columns.len().saturating_mul(repeats).max(1);
        let mut rng = Rng::stream(seed, purpose::EXPLAIN);
        let rows = sample(data.len(), rows.unwrap_or(most.clamp(FEWEST_ROWS, MOST_ROWS)), &mut rng)?;
        if rows.len() < 2 {
            return Err(Error::Mismatch("importance takes two rows or more, among which cells are shuffled".into()));
        }
        let data = data.select(&rows);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let baseline = self.evaluate(&data)?;
        let score = baseline.value();
        let mut found = Vec::with_capacity(columns.len());
        for (column, inputs) in columns.iter().zip(self.schema().inputs()) {
            observe(found.len());
            let (mut mean, mut squares, mut done) = (0.0, 0.0, 0);
            while done < repeats {
                let together = (repeats - done).min((TOGETHER / rows.len()).max(1));
                let mut others = Vec::with_capacity(together * rows.len());
                for _ in 0..together {
                    rng.shuffle(&mut order);
                    others.extend_from_slice(&order);
                }
                let outputs = outputs(self, &data, inputs.clone(), &others)?;
                for outputs in outputs.as_slice().chunks(outputs.as_slice().len() / together) {
                    let outputs = Matrix::from_vec(rows.len(), self.network().outputs(), outputs.to_vec());
                    let fall = score - self.network().evaluate_outputs(&outputs, &data)?.value();
                    // The mean and the sum of squares, one after the other (Welford, 1962).
                    let difference = fall - mean;
                    done += 1;
                    mean += difference / done as f64;
                    squares += difference * (fall - mean);
                }
            }
            let variance: f64 = squares / repeats as f64;
            found.push(ColumnImportance { name: column.name.clone(), mean, std: variance.sqrt() });
        }
        Ok(Importance { metric: baseline.metric(), score, rows: rows.len(), repeats, columns: found })
    }
}

/// Returns the outputs for data that is repeated, each of whose rows takes some inputs from another row: from these, in
/// their order.
fn outputs(model: &Model, data: &Dataset, inputs: Range<usize>, others: &[usize]) -> Result<Matrix> {
    let features = data.features();
    let (mut other, mut outputs) =
        (vec![0.0; features.columns()], Matrix::zeros(others.len(), model.network().outputs()));
    let mut compose = |row: usize, x: &mut [f32]| {
        features.read_row(row % data.len(), x);
        features.read_row(others[row], &mut other);
        x[inputs.clone()].copy_from_slice(&other[inputs.clone()]);
    };
    predict(model, others.len(), &mut compose, &mut |row, found| outputs.row_mut(row).copy_from_slice(found))?;
    Ok(outputs)
}

impl Importance {
    /// Returns the indices of the columns, the most important one first.
    pub fn ranked(&self) -> Vec<usize> {
        let mean = |column: usize| self.columns[column].mean;
        order(self.columns.len(), &|a, b| mean(b).total_cmp(&mean(a)))
    }

    /// Returns the `top` most important columns as a table that fits a terminal of `width` columns, at least 40: mean,
    /// standard deviation, and a bar for the mean. A long name is cut.
    pub fn report(&self, width: usize, top: usize) -> String {
        let ranked = self.ranked();
        let most = ranked.first().map_or(0.0, |&first| self.columns[first].mean);
        let figure = |x: f64| aligned(x, most.abs().max(0.1), 4);
        let mut table = Table::new(width, 1);
        table.line(["column", "fall", "std"].map(String::from).into(), 0.0);
        for column in ranked.into_iter().take(top).map(|column| &self.columns[column]) {
            let cells = vec![column.name.clone(), figure(column.mean), figure(column.std)];
            table.line(cells, column.mean.max(0.0));
        }
        table.draw()
    }
}

/// Writes the score and the [`report`](Importance::report) of all columns for a narrow terminal.
impl fmt::Display for Importance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {:.4}", self.metric, self.score)?;
        f.write_str(&self.report(NARROWEST, usize::MAX))
    }
}
