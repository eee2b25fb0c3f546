//! Neural networks that fit in your palm: multilayer perceptrons, trained and run with nothing but the standard
//! library.
//!
//! ```no_run
//! use palmnet::{Activation::*, Adam, Dataset, Loss, Model, Network, Preprocessing, Scaling, Target, Trainer};
//!
//! let data = Dataset::from_csv("iris.csv", Target::Class("species"))?;
//! let (mut train, test) = data.split(0.8, 42);
//! let preprocessing = Preprocessing::fit(&train, Scaling::Standard);
//! preprocessing.apply(&mut train);
//! let mut network = Network::builder(4).dense(16, Relu).dropout(0.1).dense(3, Softmax).seed(42).build()?;
//! Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(100).fit(&mut network, &train)?;
//! let model = Model::new(network, preprocessing, data.schema().clone())?;
//! println!("{}", model.score(&test)?);
//! model.save("iris.safetensors")?;
//! # Ok::<(), palmnet::Error>(())
//! ```
//!
//! - [`Dataset`] reads tables and images, splits them and makes folds of them; rows with [`Missing`] cells are left out,
//!   or an [`Imputer`] fills them in. [`generate`] makes problems, [`Preprocessing`] imputes and scales.
//! - [`Network`] is a stack of [`Layer`]s that holds parameters and nothing else; [`Network::predict`] needs no lock.
//! - [`Trainer`] trains it: a [`Loss`], an update [`Rule`] such as [`Sgd`], [`Adam`] or, for small data, [`Lbfgs`], a
//!   [`Penalty`], a [`Schedule`] of the learning rate, epochs and batches. [`Trainer::find_rate`] looks for that rate, and
//!   with [`Checkpoints`] a training survives being killed. [`Workspace`], [`Optimizer`] and [`Scheduler`] are the pieces
//!   for a loop of your own.
//! - [`Model`] is a network with its preprocessing, in one safetensors file; [`Dataset::from_csv_as`] reads a file as the
//!   model's [`Schema`] says.
//! - [`Evaluation`] says how good the predictions are.
//!
//! Conventions: `f32` everywhere; one example per row; a dense layer's weights are inputs × outputs, Z = A·W + b; the
//! loss is a mean over examples. The same seed, data and settings give the same bits in every weight, for any number of
//! [`threads`] and on the same instruction set. Files and data never cause a panic: they give an [`Error`] that names the
//! place and the remedy.
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod base;
mod data;
mod format;
mod linalg;
mod model;
mod nn;
mod optim;
mod train;
pub mod tune;

pub use base::error::{Divergence, Error, ErrorKind, Result};
pub use base::history::{Epoch, History};
pub use base::parallel::{set_threads, threads};
pub use base::rng::Rng;
pub use data::generate;
pub use data::{Column, Dataset, Features, Imputer, Kind, Missing, Output, Scaler, Schema, Table, Target, Targets};
pub use format::atomic::write_atomic;
pub use format::json;
pub use format::safetensors::{Safetensors, Tensor};
pub use linalg::gemm::{SHARED_PRODUCT, peak_flops};
pub use linalg::isa::Isa;
pub use linalg::matrix::Matrix;
pub use linalg::view::MatrixView;
pub use model::classification::{Classification, Scores};
pub use model::evaluate::Score;
pub use model::metrics::Evaluation;
pub use model::model::Model;
pub use model::predict::Predictor;
pub use model::preprocessing::{Preprocessing, Scaling};
pub use model::regression::Regression;
pub use nn::activation::Activation;
pub use nn::builder::{DenseConfig, NetworkBuilder};
pub use nn::init::Init;
pub use nn::layer::{BatchNorm, Dense, Dropout, Layer, LayerNorm, Noise};
pub use nn::loss::Loss;
pub use nn::network::{Network, Scratch};
pub use nn::workspace::Workspace;
pub use optim::{
    AdaGrad, Adam, Lbfgs, NAdam, Optimizer, Penalty, RmsProp, Rprop, Rule, Schedule, Scheduler, Sgd, clip_norm,
};
pub use train::{Checkpoints, Event, RateSearch, Run, Trainer, Weights};
pub use tune::{Fit, Hyperparameters, fit};

/// What the command needs beyond the library's surface. Nothing here is stable.
#[doc(hidden)]
pub mod unversioned {
    pub use crate::base::names::nearest;
    pub use crate::base::text::{counted, printable, significant};
    pub use crate::format::atomic::write_atomic;
    pub use crate::format::json::Json;
    pub use crate::format::safetensors::{Safetensors, Tensor};
    pub use crate::linalg::gemm::{SHARED_PRODUCT, peak_flops};
}

/// How good predictions are: every metric, and functions of predicted probabilities.
///
/// [`Evaluation`] is what a network or model answers. For more, compare the probabilities with the true classes:
///
/// ```
/// use palmnet::metrics::{self, Ranking, Threshold};
/// use palmnet::{Activation::*, Adam, Loss, Network, Trainer, generate};
/// let (train, test) = generate::moons(400, 0.2, 1).split(0.5, 1);
/// let mut network = Network::builder(2).dense(16, Relu).dense(1, Sigmoid).seed(1).build()?;
/// Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.01)).epochs(60).fit(&mut network, &train)?;
///
/// let (probabilities, truth) = (network.outputs_for(&test)?, test.labels().unwrap());
/// assert!(metrics::roc_auc(&probabilities, truth) > 0.95);
/// // The threshold with the best F1, chosen on the training data.
/// let ranking = Ranking::of_class(&network.outputs_for(&train)?, train.labels().unwrap(), 1);
/// let best = ranking.best_threshold(Threshold::f1).unwrap();
/// assert!(best.f1() > 0.9);
/// # Ok::<(), palmnet::Error>(())
/// ```
pub mod metrics {
    pub use crate::model::classification::{Classification, Scores};
    pub use crate::model::metrics::Evaluation;
    pub use crate::model::ranking::{Ranking, Threshold, average_precision, brier_score, calibration_error, roc_auc};
    pub use crate::model::regression::{OutputErrors, Regression};
}

#[cfg(any(doc, doctest))]
#[doc = include_str!("guide/index.md")]
pub mod guide {
    #[doc = include_str!("guide/how_do_i.md")]
    pub mod how_do_i {}
    #[doc = include_str!("guide/architecture.md")]
    pub mod architecture {}
    #[doc = include_str!("guide/files.md")]
    pub mod files {}
    #[doc = include_str!("guide/contributing.md")]
    pub mod contributing {}
    #[doc = include_str!("guide/changes.md")]
    pub mod changes {}
}

/// The README's code is tested as the rest of the documentation is.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
