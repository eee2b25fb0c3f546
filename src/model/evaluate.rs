//! A network's outputs for a whole dataset, and its metrics.

use std::fmt;

use crate::base::error::{Error, Result};
use crate::base::memory::{is_available, megabytes, threads_beside};
use crate::base::parallel::{share, threads};
use crate::base::text::significant;
use crate::data::{Dataset, Features, Targets};
use crate::linalg::isa;
use crate::linalg::matrix::Matrix;
use crate::model::classification::Classification;
use crate::model::metrics::Evaluation;
use crate::model::multi_label::MultiLabel;
use crate::model::regression::{OutputErrors, Regression};
use crate::nn::activation::Activation;
use crate::nn::layer::{mean, spread};
use crate::nn::network::{Network, Scratch};

/// Rows that are widened and predicted at once: enough to keep the products busy, few enough to stay in cache.
const CHUNK: usize = 256;
/// One thread computes fewer multiply-adds sooner than others are started.
const SHARED_WORK: usize = 20_000_000;

/// Returns the outputs of `network` for every example of `features`, examples × outputs; `prepare` is applied to the
/// features chunk by chunk.
///
/// # Errors
/// If the number of features is not that of the network's inputs, or `PALMNET_ISA` asks for an instruction set that
/// there is not.
pub(crate) fn outputs(
    network: &Network,
    features: &Features,
    threads: usize,
    prepare: impl Fn(&mut Matrix) + Sync,
) -> Result<Matrix> {
    let mut outputs = Matrix::default();
    each_chunk(network, features, (threads, prepare), [&mut outputs], |x, scratch, [outputs]| {
        outputs.copy_from_slice(network.predict_into(x, scratch).as_slice());
    })?;
    Ok(outputs)
}

/// Returns the [`outputs`], and the standard deviation of each among the network's members: zeros for a plain one.
///
/// # Errors
/// Those of [`outputs`].
pub(crate) fn outputs_and_spreads(
    network: &Network,
    features: &Features,
    threads: usize,
    prepare: impl Fn(&mut Matrix) + Sync,
) -> Result<(Matrix, Matrix)> {
    let (mut outputs, mut spreads) = (Matrix::default(), Matrix::default());
    each_chunk(
        network,
        features,
        (threads, prepare),
        [&mut outputs, &mut spreads],
        |x, scratch, [outputs, spreads]| {
            let of_members = network.predict_members_into(x, scratch);
            if network.members() == 1 {
                return outputs.copy_from_slice(of_members.as_slice());
            }
            let mut means = Matrix::default();
            mean(network.members(), of_members, &mut means);
            spread(of_members, &means, spreads);
            outputs.copy_from_slice(means.as_slice());
        },
    )?;
    Ok((outputs, spreads))
}

/// Makes the `results` matrices of examples × outputs, and fills them in with `work`, chunk by chunk of the features
/// after `prepare`, on at most so many threads.
fn each_chunk<const N: usize>(
    network: &Network,
    features: &Features,
    (threads, prepare): (usize, impl Fn(&mut Matrix) + Sync),
    results: [&mut Matrix; N],
    work: impl Fn(&Matrix, &mut Scratch, [&mut [f32]; N]) + Sync,
) -> Result<()> {
    isa::check()?;
    network.check_features(features)?;
    let of_row = network.parameter_count().saturating_mul(network.members());
    let multiplications = of_row.saturating_mul(features.rows());
    let threads = if multiplications < SHARED_WORK { 1 } else { threads };
    let threads = threads_in_memory(network, features.rows(), N, threads)?;
    let rows: Vec<usize> = (0..features.rows()).collect();
    // Of few rows, every thread has some.
    let chunk = rows.len().div_ceil(threads.max(1)).clamp(1, CHUNK);
    let mut parts = results.map(|result| {
        *result = Matrix::zeros(rows.len(), network.outputs());
        result.as_mut_slice().chunks_mut((chunk * network.outputs()).max(1))
    });
    let chunks = rows.chunks(chunk).map(|rows| (rows, parts.each_mut().map(|parts| parts.next().unwrap_or_default())));
    share(threads, chunks, |mine| {
        let (mut x, mut scratch) = (Matrix::default(), Scratch::default());
        for (rows, results) in mine {
            features.gather(rows, &mut x);
            prepare(&mut x);
            work(&x, &mut scratch, results);
        }
    });
    Ok(())
}

/// Returns the number of threads, at most so many, that there is memory for: each has a chunk of the rows.
///
/// # Errors
/// If there is not even memory for the `results` of all rows, and a chunk of one thread.
fn threads_in_memory(network: &Network, rows: usize, results: usize, threads: usize) -> Result<usize> {
    let bytes = |threads: usize| {
        let chunk = CHUNK.min(rows).saturating_mul(network.example_numbers());
        // The outputs, and an index for each row.
        let outputs = rows.saturating_mul(results * network.outputs() + 2);
        chunk.saturating_mul(threads).saturating_add(outputs).saturating_mul(4)
    };
    let threads = threads_beside(bytes(threads), threads);
    match threads > 1 || is_available(bytes(1)) {
        true => Ok(threads),
        false => Err(Error::Setting(format!(
            "the outputs for {rows} rows of {} inputs need {} of memory, more than there is: use fewer rows",
            network.inputs(),
            megabytes(bytes(1))
        ))),
    }
}

/// Returns the [`outputs`] for `x`, computed on the calling thread: a small program that predicts a few rows need not
/// contain the code for threads.
///
/// # Panics
/// If `x` does not have as many columns as the network has inputs.
pub(crate) fn outputs_here(network: &Network, x: &Matrix, prepare: impl Fn(&mut Matrix)) -> Matrix {
    let mut outputs = Matrix::zeros(x.rows(), network.outputs());
    let (mut part, mut scratch) = (Matrix::default(), Scratch::default());
    let parts = x.as_slice().chunks((CHUNK * x.columns()).max(1));
    for (rows, outputs) in parts.zip(outputs.as_mut_slice().chunks_mut((CHUNK * network.outputs()).max(1))) {
        part.reshape(rows.len() / x.columns().max(1), x.columns());
        part.as_mut_slice().copy_from_slice(rows);
        prepare(&mut part);
        outputs.copy_from_slice(network.predict_into(&part, &mut scratch).as_slice());
    }
    outputs
}

impl Network {
    /// Returns the outputs for every example of `data`, examples × outputs, computed in chunks on all threads.
    ///
    /// # Errors
    /// If `data` does not have as many features as the network has inputs.
    pub fn predict_dataset(&self, data: &Dataset) -> Result<Matrix> {
        outputs(self, data.features(), threads(), |_| {})
    }

    /// Returns the metrics of the outputs on `data`. For classes and labels, outputs without an activation are taken as
    /// logits.
    ///
    /// # Errors
    /// If features or targets of `data` do not fit the network, or a feature is missing.
    pub fn evaluate(&self, data: &Dataset) -> Result<Evaluation> {
        data.check_complete()?;
        let mut outputs = self.predict_dataset(data)?;
        match data.targets() {
            Targets::Classes(_) => self.logits_to_probabilities(&mut outputs, Activation::Softmax),
            Targets::Labels(_) => self.logits_to_probabilities(&mut outputs, Activation::Sigmoid),
            Targets::Values(_) => {}
        }
        self.evaluate_outputs(&outputs, data)
    }

    /// Turns outputs into probabilities with `link`, if the network ends without an activation: they are logits then. A
    /// single one is always that of a sigmoid.
    pub(crate) fn logits_to_probabilities(&self, outputs: &mut Matrix, link: Activation) {
        if self.output_activation() == Activation::Identity {
            let columns = outputs.columns();
            let link = if columns == 1 { Activation::Sigmoid } else { link };
            link.forward(outputs.as_mut_slice(), columns);
        }
    }

    /// Returns the metrics of `outputs`, probabilities or values, on `data`.
    pub(crate) fn evaluate_outputs(&self, outputs: &Matrix, data: &Dataset) -> Result<Evaluation> {
        self.check_shapes(data)?;
        Ok(match data.targets() {
            Targets::Classes(labels) => Evaluation::Classification(Classification::from_probabilities(outputs, labels)),
            Targets::Labels(labels) => Evaluation::MultiLabel(MultiLabel::new(outputs, labels)),
            Targets::Values(values) => Evaluation::Regression(Regression::new(outputs, values)),
        })
    }

    /// Checks that the features and the targets of `data` fit the network, and that no feature is missing.
    ///
    /// # Errors
    /// If they do not; the message has the expected and the found numbers.
    pub fn check(&self, data: &Dataset) -> Result<()> {
        self.check_shapes(data)?;
        data.check_complete()
    }

    /// Checks the numbers of features and targets of `data`.
    pub(crate) fn check_shapes(&self, data: &Dataset) -> Result<()> {
        self.check_features(data.features())?;
        let outputs = self.outputs();
        let (fits, found) = match data.targets() {
            Targets::Classes(_) => {
                let classes = data.class_names().len();
                (outputs == classes || (outputs == 1 && classes == 2), format!("{classes} classes"))
            }
            Targets::Labels(values) | Targets::Values(values) => {
                (values.columns() == outputs, format!("{} target columns", values.columns()))
            }
        };
        if fits { Ok(()) } else { Err(mismatch(outputs, "outputs", &found)) }
    }

    fn check_features(&self, features: &Features) -> Result<()> {
        let found = features.columns();
        if found == self.inputs() {
            Ok(())
        } else {
            Err(mismatch(self.inputs(), "inputs", &format!("{found} features")))
        }
    }
}

fn mismatch(expected: usize, what: &str, found: &str) -> Error {
    Error::Mismatch(format!("the network has {expected} {what} and the data {found}"))
}

/// The score of a model on labeled data: the loss and the metrics.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Score {
    /// The mean loss over the examples, of scaled targets as in training.
    pub loss: f64,
    /// The metrics, in the units of the targets.
    pub evaluation: Evaluation,
}

/// A score with the predictions that it is of, which serve for more: see [`Model::scored`](crate::Model::scored).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Scored {
    /// The score.
    pub score: Score,
    /// The predictions, examples × outputs.
    pub(crate) outputs: Matrix,
    /// How far the members of an ensemble differ about each, if the calibration is of values; else empty.
    pub(crate) spreads: Matrix,
}

impl Score {
    /// Returns the figures by name: `loss`, `accuracy` and, of probabilities, `calibration_error`; of labels `loss`, `subset_accuracy`, `label_accuracy` and
    /// `macro_f1`; of values `loss`, `rmse`, `mae` and `r2`.
    pub fn figures(&self) -> Vec<(&'static str, f64)> {
        let mut figures = vec![("loss", self.loss)];
        match &self.evaluation {
            Evaluation::Classification(metrics) => {
                figures.push(("accuracy", metrics.accuracy()));
                figures.extend(metrics.calibration_error().map(|error| ("calibration_error", error)));
            }
            Evaluation::MultiLabel(metrics) => figures.extend([
                ("subset_accuracy", metrics.subset_accuracy),
                ("label_accuracy", metrics.label_accuracy),
                ("macro_f1", metrics.macro_f1),
            ]),
            Evaluation::Regression(metrics) => {
                figures.extend([("rmse", metrics.rmse), ("mae", metrics.mae), ("r2", metrics.r2)]);
            }
        }
        figures
    }

    /// Returns one number, the greater the better: the accuracy (from 0 to 1) of classes, the fraction of examples of
    /// which every label is right, R² (at most 1) of values.
    pub fn value(&self) -> f64 {
        self.evaluation.value()
    }
}

/// One line: `loss 0.05123, accuracy 0.9667`; of labels `loss 0.05123, exact match 0.9500, label accuracy 0.9750, macro
/// F1 0.9712`; of values `rmse 1.234, mae 0.9876, R² 0.9123`.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.evaluation {
            Evaluation::Classification(found) => {
                write!(f, "loss {}, accuracy {:.4}", significant(self.loss, 4), found.accuracy())
            }
            Evaluation::MultiLabel(found) => write!(
                f,
                "loss {}, exact match {:.4}, label accuracy {:.4}, macro F1 {:.4}",
                significant(self.loss, 4),
                found.subset_accuracy,
                found.label_accuracy,
                found.macro_f1
            ),
            Evaluation::Regression(found) => OutputErrors { rmse: found.rmse, mae: found.mae, r2: found.r2 }.fmt(f),
        }
    }
}
