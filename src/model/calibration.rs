//! Calibration: probabilities that are as right as they say, and intervals and sets that hold the truth as often as they
//! are asked to, measured on rows that the network was not trained on.
//!
//! # Temperature
//!
//! Networks are too sure of themselves, ensembles of them at times not sure enough. One number mends most of it (Guo,
//! Pleiss, Sun, Weinberger, 2017): p ↦ p^(1/T), normalized, with the T of the least log loss on the held-out rows. With
//! β = 1/T the loss is convex, and its slope is Σ (E_p[ln p] − ln p_true), so that bisection finds T to the last bits. If
//! all of a few rows are right, the least loss is that of T = 0; a normal prior of ln T around 0 with the standard
//! deviation ½ keeps it sensible, and is worth no more than a few rows.
//!
//! # Conformal prediction
//!
//! A score says how badly the truth fits a prediction. Of n held-out rows and a new one of the same kind, each is as
//! likely as the others to have the k-th smallest score. So the truth of the new row has at most the k-th smallest score
//! of the n with the probability k / (n + 1) at least, and k = ⌈(n + 1) · level⌉ gives the level that is asked for,
//! whatever the network is worth (Papadopoulos, Proedrou, Vovk, Gammerman, 2002; Lei, G'Sell, Rinaldo, Tibshirani,
//! Wasserman, 2018).
//!
//! - Values: the score is |y − ŷ| / (s + c) with the standard deviation s among the members for this row, so that the
//!   interval ŷ ± q · (s + c) is wide where they disagree. The floor c is the one of a few that makes the errors
//!   likeliest; for a plain network, whose s is 0, the width is constant.
//! - Classes: the score is 1 − p_true (Sadinle, Lei, Wasserman, 2019), which gives the smallest sets for a level, where
//!   adaptive sets (Romano, Sesia, Candès, 2020) give larger ones that are as good for easy rows as for hard ones. The
//!   likeliest class is always in the set: an empty set would help nobody, and a level below the accuracy is exceeded.
//!
//! # The final training
//!
//! The held-out rows are scored by networks of the trials, but the model that is calibrated is trained on all rows, with
//! twice as many members: its errors are smaller, and it is less often too sure of itself. Errors of the trials would
//! cover too much, and make probabilities too even. On the nine tables with values that defaults are tuned on,
//! intervals of 90 % covered 91.8 %; errors that fall like n^(−1/4) with n rows explain it. On the ten with classes, about
//! half of the logarithm of a temperature above 1 was left (√T has the mean calibration error 0.019 where T has 0.026 and
//! 1 has 0.022); a temperature below 1, that of members who are surer than their mean, stays, and so does that of a network
//! with no more members than in the trials.
//! `tests/defaults.py --calibration` prints coverage and calibration error on these and on other tables.

use super::classification::likeliest;
use crate::base::error::{Error, Result};
use crate::base::math::{exp, ln};
use crate::base::sort::order;
use crate::data::{TargetSchema, Targets};
use crate::linalg::matrix::Matrix;
use crate::nn::activation::Activation;

/// The fewest held-out rows that say anything.
const FEWEST_ROWS: usize = 30;
/// The most scores that are kept of a target.
const MOST_SCORES: usize = 1000;
/// The range of the temperature.
const TEMPERATURES: (f64, f64) = (0.2, 5.0);
/// 1 / σ² of the prior of ln T.
const PRIOR: f64 = 4.0;
/// The mean spread from which on it says how large errors are, as a fraction of the mean absolute error. If members hardly
/// differ, chance decides how much, in another training by another factor: then the floor is up to the mean error, and all
/// intervals are about equally wide.
const TELLING: f64 = 0.25;
/// The floors that are tried, as multiples of the mean spread.
const FLOORS: [f64; 6] = [1.0 / 64.0, 1.0 / 16.0, 0.25, 1.0, 4.0, 16.0];

/// The calibration of a model on held-out rows: see [`Model::with_calibration`](crate::Model::with_calibration).
///
/// ```
/// use palmnet::data::Targets;
/// use palmnet::model::Calibration;
/// use palmnet::Matrix;
/// // Half of the rows are 1 too low, the others 2 too high; no spread among members.
/// let truth = Matrix::from_fn(100, 1, |row, _| if row % 2 == 0 { 1.0 } else { -2.0 });
/// let (outputs, spreads) = (Matrix::zeros(100, 1), Matrix::zeros(100, 1));
/// let calibration = Calibration::fit(&outputs, &spreads, &Targets::Values(truth)).unwrap();
/// let found = calibration.intervals(&outputs, &spreads, 0.9)?;
/// assert!((found.upper[(0, 0)] - 2.0).abs() < 1e-6 && (found.lower[(0, 0)] + 2.0).abs() < 1e-6);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    temperature: f32,
    rows: u32,
    /// A floor of the spread for each target of values, in its units.
    floors: Vec<f32>,
    /// The smallest scores first, evenly spaced order statistics: targets × scores of values, 1 × scores of classes.
    scores: Matrix,
}

/// Intervals for predicted values: see [`Model::intervals`](crate::Model::intervals).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Intervals {
    /// The predictions, examples × targets, in the units of the targets.
    pub predictions: Matrix,
    /// The lower ends, at most the predictions.
    pub lower: Matrix,
    /// The upper ends, at least the predictions.
    pub upper: Matrix,
}

impl Calibration {
    /// Measures a calibration on held-out rows. `outputs` are the predictions for them of a model without a calibration:
    /// probabilities or, in the units of the targets, values. `spreads` are the standard deviations of values among the
    /// members, of the same shape, as [`Model::predict_with_spread`](crate::Model::predict_with_spread) returns them;
    /// for classes and labels they are not used.
    ///
    /// Outputs for classes or labels that are not probabilities keep the temperature 1. Of labels, one temperature is
    /// measured for all.
    ///
    /// Returns `None` if there are fewer than 30 rows, or an output, a spread or a target is not finite.
    ///
    /// # Panics
    /// If outputs, spreads (of values) and targets do not have the same number of rows, or do not fit each other.
    pub fn fit(outputs: &Matrix, spreads: &Matrix, targets: &Targets) -> Option<Calibration> {
        Calibration::measure(outputs, spreads, targets, 1.0, false)
    }

    /// Measures the calibration of a network that is trained again, on `rows` times as many rows as the networks whose
    /// predictions these are, and with `members` times as many members, as
    /// [`Hyperparameters::fit`](crate::Hyperparameters::fit) does: intervals are narrower by the fourth root of `rows`, and
    /// with more members, a temperature above 1 becomes its square root. Otherwise as [`fit`](Self::fit).
    ///
    /// # Panics
    /// As [`fit`](Self::fit), and if `rows` or `members` is not at least 1 and finite.
    pub fn fit_for_final_training(
        outputs: &Matrix,
        spreads: &Matrix,
        targets: &Targets,
        rows: f64,
        members: f64,
    ) -> Option<Calibration> {
        for ratio in [rows, members] {
            assert!(ratio >= 1.0 && ratio.is_finite(), "{ratio} times as many rows or members");
        }
        let narrower = (1.0 / rows.sqrt().sqrt()) as f32;
        Calibration::measure(outputs, spreads, targets, narrower, members > 1.0)
    }

    fn measure(
        outputs: &Matrix,
        spreads: &Matrix,
        targets: &Targets,
        narrower: f32,
        has_more_members: bool,
    ) -> Option<Calibration> {
        let temperature_of = |outputs: &Matrix, classes: &[u32]| {
            let found = class_temperature(outputs, classes);
            if has_more_members && found > 1.0 { found.sqrt() } else { found }
        };
        assert_eq!(outputs.rows(), targets.rows(), "the numbers of predictions and of targets");
        let rows = u32::try_from(outputs.rows()).ok()?;
        let is_finite = |matrix: &Matrix| matrix.as_slice().iter().all(|x| x.is_finite());
        if outputs.rows() < FEWEST_ROWS || !is_finite(outputs) {
            return None;
        }
        let (temperature, floors, scores) = match targets {
            Targets::Classes(classes) => {
                let temperature = temperature_of(outputs, classes);
                let mut outputs = outputs.clone();
                let kind = if outputs.columns() == 1 { Activation::Sigmoid } else { Activation::Softmax };
                temper(&mut outputs, temperature, kind);
                let score = |(row, &class): (&[f32], &u32)| 1.0 - probability(row, class as usize);
                let scores = outputs.iter_rows().zip(classes).map(score).collect();
                (temperature, Vec::new(), vec![scores])
            }
            Targets::Labels(labels) => {
                assert_eq!(outputs.shape(), labels.shape(), "the shapes of the predictions and of the labels");
                let classes: Vec<u32> = labels.as_slice().iter().map(|&label| u32::from(label == 1.0)).collect();
                let column = Matrix::from_vec(classes.len(), 1, outputs.as_slice().to_vec());
                (temperature_of(&column, &classes), Vec::new(), Vec::new())
            }
            Targets::Values(values) => {
                assert_eq!(outputs.shape(), values.shape(), "the shapes of the predictions and of the values");
                assert_eq!(outputs.shape(), spreads.shape(), "the shapes of the predictions and of the spreads");
                if !is_finite(values) || !is_finite(spreads) {
                    return None;
                }
                let of_column = |column: usize| {
                    let (floor, scores) = value_scores(outputs, spreads, values, column);
                    (floor, scores.into_iter().map(|score| score * narrower).collect())
                };
                let (floors, scores) = (0..values.columns()).map(of_column).unzip();
                (1.0, floors, scores)
            }
        };
        let kept: Vec<Vec<f32>> = scores.into_iter().map(order_statistics).collect();
        // The difference of two values near the limit of single precision is not finite.
        if kept.iter().flatten().chain(&floors).any(|x| !x.is_finite()) {
            return None;
        }
        Some(Calibration { temperature, rows, floors, scores: Matrix::from_rows(&kept) })
    }

    /// Returns the calibration of these parts, from a file: as many scores as are [kept](Self::kept_scores) of the rows.
    /// The error is a sentence about it.
    pub(super) fn from_parts(
        temperature: f32,
        rows: u32,
        floors: Vec<f32>,
        scores: Matrix,
    ) -> std::result::Result<Self, &'static str> {
        let (coldest, hottest) = (TEMPERATURES.0 as f32, TEMPERATURES.1 as f32);
        if !(coldest..=hottest).contains(&temperature) {
            return Err("its temperature is not between 0.2 and 5");
        }
        if (rows as usize) < FEWEST_ROWS {
            return Err("it has fewer than 30 rows");
        }
        if !floors.iter().all(|&floor| floor > 0.0) {
            return Err("a floor is not above zero");
        }
        if !scores.iter_rows().all(|scores| scores[0] >= 0.0 && scores.is_sorted()) {
            return Err("its scores do not increase from zero");
        }
        Ok(Calibration { temperature, rows, floors, scores })
    }

    /// Returns whether the calibration is one of such targets.
    pub(super) fn suits(&self, targets: &TargetSchema) -> bool {
        let shape = match targets {
            TargetSchema::Classes { .. } => (1, 0),
            TargetSchema::Labels { .. } => (0, 0),
            TargetSchema::Values { names } => (names.len(), names.len()),
        };
        (self.scores.rows(), self.floors.len()) == shape
    }

    /// Returns how many scores are kept of those of `rows` rows.
    pub(super) fn kept_scores(rows: u32) -> usize {
        (rows as usize).min(MOST_SCORES)
    }

    /// Returns the floors and the scores, for a file.
    pub(super) fn parts(&self) -> (&[f32], &Matrix) {
        (&self.floors, &self.scores)
    }

    /// Returns the temperature T of the probabilities, which become p^(1/T), normalized: from 0.2 to 5, above 1 for a
    /// network that was too sure of itself. 1 for values.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// Returns the number of held-out rows.
    pub fn rows(&self) -> usize {
        self.rows as usize
    }

    /// Returns the intervals around predicted values that hold a fraction `level` of the truth: see
    /// [`Model::intervals`](crate::Model::intervals). `spreads` are those of the predictions.
    ///
    /// # Errors
    /// [`Error::Setting`] if `level` is not from 0.5 to 0.99, or there were too few held-out rows for it;
    /// [`Error::Mismatch`] if the calibration is not one of as many values.
    ///
    /// # Panics
    /// If the shapes of predictions and spreads differ.
    pub fn intervals(&self, predictions: &Matrix, spreads: &Matrix, level: f64) -> Result<Intervals> {
        assert_eq!(predictions.shape(), spreads.shape(), "the shapes of the predictions and of the spreads");
        let (targets, columns) = (self.floors.len(), predictions.columns());
        if targets != columns || targets == 0 {
            return Err(Error::Mismatch(format!("the calibration is one of {targets} values, not of {columns}")));
        }
        let bounds = (0..targets).map(|target| self.bound(target, level)).collect::<Result<Vec<f32>>>()?;
        let (mut lower, mut upper) = (predictions.clone(), predictions.clone());
        for (row, spreads) in spreads.iter_rows().enumerate() {
            for (column, spread) in spreads.iter().enumerate() {
                let margin = bounds[column] * (spread + self.floors[column]);
                lower[(row, column)] -= margin;
                upper[(row, column)] += margin;
            }
        }
        Ok(Intervals { predictions: predictions.clone(), lower, upper })
    }

    /// Returns the sets of classes that hold a fraction `level` of the truth: see
    /// [`Model::prediction_sets`](crate::Model::prediction_sets). `probabilities` are those that the calibrated model
    /// predicts, with one column for each class, or one with that of class 1 of two.
    ///
    /// # Errors
    /// [`Error::Setting`] if `level` is not from 0.5 to 0.99, or there were too few held-out rows for it;
    /// [`Error::Mismatch`] if the calibration is not one of classes.
    pub fn sets(&self, probabilities: &Matrix, level: f64) -> Result<Vec<Vec<usize>>> {
        if self.scores.rows() != 1 || !self.floors.is_empty() {
            return Err(Error::Mismatch("the calibration is not one of classes".into()));
        }
        let bound = self.bound(0, level)?;
        let set = |row: &[f32]| {
            let classes = row.len().max(2);
            let all: Vec<f32> = (0..classes).map(|class| probability(row, class)).collect();
            let first = likeliest(row);
            // Where a probability is NaN, nothing is known, and every class may be the true one.
            let fits = |class: &usize| first.is_none() || first == Some(*class) || 1.0 - all[*class] <= bound;
            let sorted = order(classes, &|a, b| all[b].total_cmp(&all[a]));
            sorted.into_iter().filter(fits).collect()
        };
        Ok(probabilities.iter_rows().map(set).collect())
    }

    /// Returns the score that a fraction `level` of the truth does not exceed.
    fn bound(&self, target: usize, level: f64) -> Result<f32> {
        if !(0.5..=0.99).contains(&level) {
            return Err(Error::Setting(format!("the level {level}: it must be from 0.5 to 0.99")));
        }
        let rows = u64::from(self.rows);
        // The product of a decimal fraction may exceed a whole number by rounding.
        let rank = ((rows + 1) as f64 * level - 1e-9).ceil() as u64;
        if rank > rows {
            let needed = (level / (1.0 - level) - 1e-9).ceil();
            return Err(Error::Setting(format!(
                "the level {level} needs {needed} held-out rows, and the model was calibrated on {rows}: ask for at most \
                 {:.3}, or train on more rows",
                (rows as f64 / (rows + 1) as f64 * 1000.0).floor() / 1000.0
            )));
        }
        // The first that is kept from this rank on.
        let index = (rank * self.scores.columns() as u64).div_ceil(rows) - 1;
        Ok(self.scores.row(target)[index as usize])
    }
}

/// Makes probabilities those of another temperature, in place: p^(1/T), normalized. `link` is their activation: softmax for
/// the classes of a row, sigmoid for entries that are probabilities by themselves; identity for logits. Others are kept.
pub(super) fn temper(outputs: &mut Matrix, temperature: f32, link: Activation) {
    if temperature == 1.0 {
        return;
    }
    let columns = outputs.columns();
    let outputs = outputs.as_mut_slice();
    match link {
        Activation::Identity => outputs.iter_mut().for_each(|z| *z /= temperature),
        Activation::Softmax => outputs.iter_mut().for_each(|p| *p = ln(*p) / temperature),
        Activation::Sigmoid | Activation::HardSigmoid => {
            outputs.iter_mut().for_each(|p| *p = (ln(*p) - ln(1.0 - *p)) / temperature);
        }
        _ => return,
    }
    match link {
        Activation::Identity => {}
        Activation::Softmax => Activation::Softmax.forward(outputs, columns),
        _ => Activation::Sigmoid.forward(outputs, columns),
    }
}

/// Returns the probability of a class; a single one is that of class 1 of two.
fn probability(row: &[f32], class: usize) -> f32 {
    match (row, class) {
        ([second], 0) => 1.0 - second,
        ([second], _) => *second,
        _ => row[class],
    }
}

/// Returns the temperature for probabilities, examples × classes, or one column with that of class 1 of two; 1 for outputs
/// that are not probabilities.
fn class_temperature(outputs: &Matrix, classes: &[u32]) -> f32 {
    let is_one = |row: &[f32]| row.len() == 1 || (row.iter().sum::<f32>() - 1.0).abs() < 1e-3;
    let are_probabilities = |row: &[f32]| row.iter().all(|p| (0.0..=1.0).contains(p)) && is_one(row);
    if !outputs.iter_rows().all(are_probabilities) {
        return 1.0;
    }
    // Logarithms of all classes, example by example.
    let count = outputs.columns().max(2);
    let clip = |p: f32| ln(p.clamp(f32::EPSILON, 1.0));
    let logs = outputs.iter_rows().flat_map(|row| (0..count).map(move |class| clip(probability(row, class))));
    let logs: Vec<f32> = logs.collect();
    let slope = |beta: f64| -> f64 {
        let of_row = |(row, &class): (&[f32], &u32)| {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let (mut weights, mut sum) = (0.0, 0.0);
            for &log in row {
                let weight = f64::from(exp((log - most) * beta as f32));
                weights += weight;
                sum += weight * f64::from(log);
            }
            sum / weights - f64::from(row[class as usize])
        };
        logs.chunks_exact(count).zip(classes).map(of_row).sum::<f64>() * beta + PRIOR * f64::from(ln(beta as f32))
    };
    // The geometric mean halves the interval of ln T.
    let (mut low, mut high) = TEMPERATURES;
    for _ in 0..40 {
        let middle = (low * high).sqrt();
        // The slope increases with β, which decreases with T.
        if slope(1.0 / middle) > 0.0 { low = middle } else { high = middle }
    }
    (low * high).sqrt() as f32
}

/// Returns the floor of the spread for a target, and the scores of its rows.
fn value_scores(outputs: &Matrix, spreads: &Matrix, values: &Matrix, column: usize) -> (f32, Vec<f32>) {
    let rows = values.rows() as f64;
    let pairs = || (0..values.rows()).map(|row| (row, column));
    let errors: Vec<f64> = pairs().map(|at| (f64::from(values[at]) - f64::from(outputs[at])).abs()).collect();
    let mean_error = errors.iter().sum::<f64>() / rows;
    let mean_spread = pairs().map(|at| f64::from(spreads[at])).sum::<f64>() / rows;
    let scores = |floor: f32| -> Vec<f32> {
        let score = |(at, error): ((usize, usize), &f64)| (error / f64::from(spreads[at] + floor)) as f32;
        pairs().zip(&errors).map(score).collect()
    };
    // The negative logarithm of the likelihood of errors with a Laplace distribution of scale b · (s + c), per row and up
    // to a constant: b is the mean of the scores.
    let unlikelihood = |(floor, scores): &(f32, Vec<f32>)| {
        let scales = pairs().map(|at| f64::from(ln(spreads[at] + floor))).sum::<f64>() / rows;
        scales + f64::from(ln((scores.iter().map(|&score| f64::from(score)).sum::<f64>() / rows) as f32))
    };
    let usable = |floor: f64| Some(floor as f32).filter(|floor| *floor > 0.0 && floor.is_finite());
    let floors = FLOORS.iter().filter(|_| mean_spread > 0.0);
    let least = (mean_error - mean_spread / TELLING).max(0.0);
    let floors = floors.filter_map(|factor| usable((factor * mean_spread).max(least)));
    let tried = floors.map(|floor| (floor, scores(floor)));
    let best = tried.min_by(|a, b| unlikelihood(a).total_cmp(&unlikelihood(b)));
    best.unwrap_or_else(|| {
        let floor = usable(mean_error).unwrap_or(1.0);
        (floor, scores(floor))
    })
}

/// Returns the scores in increasing order, or evenly spaced ones of many with the last among them.
fn order_statistics(mut scores: Vec<f32>) -> Vec<f32> {
    scores.sort_unstable_by(f32::total_cmp);
    let (rows, kept) = (scores.len() as u64, Calibration::kept_scores(scores.len() as u32) as u64);
    (1..=kept).map(|i| scores[((i * rows).div_ceil(kept) - 1) as usize]).collect()
}
