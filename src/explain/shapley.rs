//! Shapley values of one prediction (Shapley, 1953; Štrumbelj, Kononenko, 2014; Lundberg, Lee, 2017).
//!
//! # Problem
//!
//! The columns of a row are the players of a game. A coalition of columns has its cells from the row, and the other columns
//! theirs from a row of the background; the value of the coalition is the mean prediction over the background. A column's
//! Shapley value is the mean of what it adds to the coalition of the columns before it, over all orders of the columns:
//! *p* columns have 2ᵖ coalitions, and *p*! orders.
//!
//! # Idea
//!
//! Few columns: every coalition is predicted, and the sum over the orders is one over the coalitions, with weights.
//! Many columns: some orders are drawn. Each order goes with its reverse (antithetic pairs; Mitchell, Cooper, Frank,
//! Holmes, 2022), so that what two columns add together is split evenly at once, and each row of the background has as
//! many pairs. So columns that do not interact have exact values whatever the orders, and the values always add up: in an order,
//! the cells of a background row become those of the row one by one. The pairs of a background row tell the standard error.

use std::fmt;
use std::ops::Range;

use super::cells::{output_names, text};
use super::dependence::check_width;
use super::layout::{Table, aligned, short};
use super::rows::{predict, sample};
use crate::base::error::Result;
use crate::base::rng::{Rng, purpose};
use crate::base::sort::order;
use crate::base::text::{NARROWEST, counted, significant};
use crate::data::Features;
use crate::linalg::matrix::Matrix;
use crate::model::Model;

/// The most columns whose coalitions are all predicted.
const EXACT: usize = 12;
/// The most rows of the background, and the fewest if there are very many columns.
const BACKGROUND: usize = 100;
const FEWEST: usize = 10;
/// The predictions that are made for many columns, if two pairs of orders for each row of the background are no more.
const PREDICTIONS: usize = 200_000;

/// The part of each column in the prediction for one row: see [`Model::shapley`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Shapley {
    /// A name for each output, as in [`PartialDependence::outputs`](super::PartialDependence::outputs).
    pub outputs: Vec<String>,
    /// The mean of each output over the background: probabilities, or values in the units of the table.
    pub base: Vec<f64>,
    /// Each output for the row.
    pub prediction: Vec<f64>,
    /// The number of background rows.
    pub background: usize,
    /// The columns, in the order of the schema.
    pub columns: Vec<Contribution>,
}

/// How much a column moved the prediction for one row.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Contribution {
    /// The name of the column.
    pub name: String,
    /// The cell as text: a number, a date or time of day as ISO 8601 writes it, or a category.
    pub cell: String,
    /// The Shapley value of the column for each output, in the units of the output.
    pub values: Vec<f64>,
    /// The standard error of each value: 0 if the values are not estimated.
    pub errors: Vec<f64>,
}

impl Model {
    /// Returns what moved the prediction for one row (Shapley values; Shapley, 1953; Štrumbelj, Kononenko, 2014; Lundberg,
    /// Lee, 2017): the base, which is the mean prediction over the `background`, plus the values of all columns is the
    /// prediction. `row` has the features of the row in the units of the training data; `background` has rows to
    /// compare it with, usually of the training data, labeled or not. The values are interventional: columns that are
    /// not in a coalition have their cells from a background row, whatever the other columns are.
    ///
    /// At most 100 rows of the background are used, drawn by the `seed`: fewer, but at least 10, above 500 columns. Up
    /// to 12 columns, the values are exact for these rows: 2^columns × rows predictions. Above, they are estimated by at
    /// least two antithetic pairs of random orders for each row, about 200,000 predictions, with a standard error for
    /// each. The result is the same for any number of threads.
    ///
    /// # Errors
    /// If `row` or `background` has not as many features as the model, or `background` has no rows.
    pub fn shapley(&self, row: &[f32], background: &Features, seed: u64) -> Result<Shapley> {
        check_width(self, row.len())?;
        check_width(self, background.columns())?;
        let schema = self.schema();
        let mut rng = Rng::stream(seed, purpose::EXPLAIN);
        let most = PREDICTIONS / (4 * (schema.columns().len() + 1));
        let rows = sample(background.rows(), most.clamp(FEWEST, BACKGROUND), &mut rng)?;
        let mut others = Matrix::default();
        background.gather(&rows, &mut others);
        let (players, outputs) = (schema.inputs().collect(), self.network().outputs());
        let game = Game { model: self, row, background: others, players, outputs };
        let mut found = if game.players.len() <= EXACT { game.exact()? } else { game.sampled(&mut rng)? };
        for output in 0..outputs {
            let origin = schema.target_origin(output);
            found.base[output] += origin;
            found.prediction[output] += origin;
        }
        let mut columns = Vec::with_capacity(game.players.len());
        for ((column, inputs), i) in schema.columns().iter().zip(&game.players).zip(0..) {
            let values = found.values[i * outputs..][..outputs].to_vec();
            let mut errors = found.variances[i * outputs..][..outputs].to_vec();
            errors.iter_mut().for_each(|variance| *variance = variance.sqrt());
            let cell = text(column, &row[inputs.clone()]);
            columns.push(Contribution { name: column.name.clone(), cell, values, errors });
        }
        let Values { base, prediction, .. } = found;
        Ok(Shapley { outputs: output_names(schema, outputs), base, prediction, background: rows.len(), columns })
    }
}

/// A row against its background, with the inputs of each column.
struct Game<'a> {
    model: &'a Model,
    row: &'a [f32],
    background: Matrix,
    players: Vec<Range<usize>>,
    outputs: usize,
}

/// The value of each column, and its variance: columns × outputs.
struct Values {
    base: Vec<f64>,
    prediction: Vec<f64>,
    values: Vec<f64>,
    variances: Vec<f64>,
}

impl Game<'_> {
    /// Gives the columns of some players their cells from the row.
    fn join(&self, players: &mut dyn Iterator<Item = usize>, x: &mut [f32]) {
        for inputs in players.map(|player| self.players[player].clone()) {
            x[inputs.clone()].copy_from_slice(&self.row[inputs]);
        }
    }

    /// Returns the values by all coalitions: bit *j* of a coalition's number is set if player *j* is in it.
    fn exact(&self) -> Result<Values> {
        let (players, outputs, rows) = (self.players.len(), self.outputs, self.background.rows());
        let coalitions = 1 << players;
        let mut worth = vec![0.0; coalitions * outputs];
        let mut compose = |i: usize, x: &mut [f32]| {
            x.copy_from_slice(self.background.row(i % rows));
            self.join(&mut (0..players).filter(|player| ((i / rows) >> player) & 1 == 1), x);
        };
        predict(self.model, coalitions * rows, &mut compose, &mut |i, row| {
            let sums = worth[i / rows * outputs..].iter_mut();
            sums.zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        })?;
        worth.iter_mut().for_each(|sum| *sum /= rows as f64);
        // The fraction of the orders in which a player comes after just these s others: s! (p - s - 1)! / p!.
        let mut weights = vec![1.0 / players as f64];
        for size in 1..players {
            weights.push(weights[size - 1] * size as f64 / (players - size) as f64);
        }
        let mut values = vec![0.0; players * outputs];
        for coalition in 0..coalitions {
            let weight = weights.get(coalition.count_ones() as usize).copied().unwrap_or_default();
            for player in (0..players).filter(|player| (coalition >> player) & 1 == 0) {
                for output in 0..outputs {
                    let with = worth[(coalition | (1 << player)) * outputs + output];
                    values[player * outputs + output] += weight * (with - worth[coalition * outputs + output]);
                }
            }
        }
        Ok(Values {
            base: worth[..outputs].to_vec(),
            prediction: worth[(coalitions - 1) * outputs..].to_vec(),
            variances: vec![0.0; values.len()],
            values,
        })
    }

    /// Returns estimates by random orders, in pairs of one and its reverse.
    fn sampled(&self, rng: &mut Rng) -> Result<Values> {
        let (players, outputs, rows) = (self.players.len(), self.outputs, self.background.rows());
        let pairs = (PREDICTIONS / (2 * (players + 1) * rows)).max(2);
        let mut orders = Vec::with_capacity(rows * pairs * players);
        let mut order: Vec<usize> = (0..players).collect();
        for _ in 0..rows * pairs {
            rng.shuffle(&mut order);
            orders.extend_from_slice(&order);
        }
        // The rows of an order: nobody has joined, the first has, and so on. Its reverse follows.
        let steps = players + 1;
        let player = |walk: usize, step: usize| {
            let order = &orders[walk / 2 * players..][..players];
            order[if walk.is_multiple_of(2) { step } else { players - 1 - step }]
        };
        let mut compose = |i: usize, x: &mut [f32]| {
            let (walk, step) = (i / steps, i % steps);
            x.copy_from_slice(self.background.row(walk / 2 / pairs));
            self.join(&mut (0..step).map(|step| player(walk, step)), x);
        };
        let mut found = Values {
            base: vec![0.0; outputs],
            prediction: vec![0.0; outputs],
            values: vec![0.0; players * outputs],
            variances: vec![0.0; players * outputs],
        };
        // Of the pair: its sums. Of its background row: the mean of the pairs so far, and their squared deviations.
        let (mut sums, mut before) = (vec![0.0; players * outputs], vec![0.0; outputs]);
        let (mut means, mut squares) = (sums.clone(), sums.clone());
        predict(self.model, rows * pairs * 2 * steps, &mut compose, &mut |i, row| {
            let (walk, step) = (i / steps, i % steps);
            for (output, &x) in row.iter().enumerate() {
                let x = f64::from(x);
                match step {
                    0 => found.base[output] += x / (rows * pairs * 2) as f64,
                    _ => sums[player(walk, step - 1) * outputs + output] += x - before[output],
                }
                before[output] = x;
            }
            if step < players {
                return;
            }
            row.iter().zip(&mut found.prediction).for_each(|(x, prediction)| *prediction = f64::from(*x));
            if walk.is_multiple_of(2) {
                return;
            }
            let (pair, is_last) = (walk / 2 % pairs + 1, walk / 2 % pairs + 1 == pairs);
            for (j, sum) in sums.iter_mut().enumerate() {
                // The mean and the sum of squares, one after the other (Welford, 1962).
                let difference = *sum / 2.0 - means[j];
                means[j] += difference / pair as f64;
                squares[j] += difference * (*sum / 2.0 - means[j]);
                *sum = 0.0;
                if is_last {
                    found.values[j] += means[j] / rows as f64;
                    found.variances[j] += squares[j] / ((pairs - 1) * pairs * rows * rows) as f64;
                    (means[j], squares[j]) = (0.0, 0.0);
                }
            }
        })?;
        Ok(found)
    }
}

impl Shapley {
    /// Returns the indices of the columns, the one that moved this output most first.
    ///
    /// # Panics
    /// If there is no such output.
    pub fn ranked(&self, output: usize) -> Vec<usize> {
        let size = |column: usize| self.columns[column].values[output].abs();
        order(self.columns.len(), &|a, b| size(b).total_cmp(&size(a)))
    }

    /// Returns the `top` columns that moved an output most as a table that fits a terminal of `width` columns, at least
    /// 40: the base, for each column its cell, its value and a bar, dark if it raises the output and light if it lowers it,
    /// the sum of the other columns, and the prediction.
    ///
    /// # Panics
    /// If there is no such output.
    pub fn report(&self, output: usize, width: usize, top: usize) -> String {
        let ranked = self.ranked(output);
        let value = |column: usize| self.columns[column].values[output];
        let most = ranked.first().map_or(0.0, |&first| value(first).abs());
        let figure = |x: f64| aligned(x, most, 3);
        let mut table = Table::new(width, 2);
        let mut line = |name: &str, cell: &str, x: f64, is_value: bool| {
            let sign = if is_value && x >= 0.0 { "+" } else { "" };
            table.line(vec![name.into(), cell.into(), sign.to_string() + &figure(x)], if is_value { x } else { 0.0 });
        };
        line("base", "", self.base[output], false);
        for &column in ranked.iter().take(top) {
            line(&self.columns[column].name, &self.columns[column].cell, value(column), true);
        }
        if let Some(rest) = ranked.get(top..).filter(|rest| !rest.is_empty()) {
            line(&counted(rest.len(), "other"), "", rest.iter().map(|&column| value(column)).sum(), true);
        }
        line("prediction", "", self.prediction[output], false);
        let mut table = table.draw();
        let error = self.columns.iter().map(|column| column.errors[output]).fold(0.0, f64::max);
        if error > 0.0 {
            table += &format!("standard errors up to {}\n", significant(error, 2));
        }
        table
    }
}

/// Writes the [`report`](Shapley::report) of every output for a narrow terminal, each under its name.
impl fmt::Display for Shapley {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outputs.iter().enumerate().try_for_each(|(output, name)| {
            write!(f, "{}\n{}", short(name, NARROWEST), self.report(output, NARROWEST, usize::MAX))
        })
    }
}
