//! Neural networks that fit in your palm: multilayer perceptrons, trained and run with nothing but the standard
//! library.
//!
//! ```no_run
//! use palmnet::{Activation::*, Adam, Dataset, Loss, Model, Network, Scaler, Target, Trainer};
//!
//! let data = Dataset::from_csv("iris.csv", Target::Class("species"))?;
//! let (train, test) = data.split(0.8, 42);
//! let scaler = Scaler::standard(train.features());
//! let mut network = Network::builder(4).dense(16, Relu).dropout(0.1).dense(3, Softmax).seed(42).build()?;
//! Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(100).fit(&mut network, &scaler.apply(&train))?;
//! let model = Model::new(network, scaler, data.schema().clone())?;
//! println!("accuracy {:.3}", model.evaluate(&test)?.accuracy());
//! model.save("iris.safetensors")?;
//! # Ok::<(), palmnet::Error>(())
//! ```
//!
//! - [`Dataset`] reads tables and images, splits them and makes folds of them; [`Missing`] cells are left out or filled
//!   in. [`generate`] makes problems, [`Scaler`] brings features to a size that networks learn from.
//! - [`Network`] is a stack of [`Layer`]s that holds parameters and nothing else; [`Network::predict`] needs no lock.
//! - [`Trainer`] trains it: a [`Loss`], an update [`Rule`] such as [`Sgd`], [`Adam`] or, for small data, [`Lbfgs`], a
//!   [`Penalty`], a [`Schedule`] of the learning rate, epochs and mini-batches. [`Trainer::find_rate`] looks for that rate.
//!   A [`Run`] gives a call an observer, a validation set, and [`Checkpoints`], with which a training survives being killed.
//!   [`Online`] trains on data that arrives bit by bit or is larger than memory. [`Workspace`], [`Optimizer`] and
//!   [`Scheduler`] are the pieces for a loop of your own.
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

pub use base::error::{Error, Result};
pub use base::history::{Epoch, History};
pub use base::parallel::{set_threads, threads};
pub use base::rng::Rng;
pub use data::generate;
pub use data::{Bytes, Column, Dataset, Features, Kind, Missing, Output, Scaler, Schema, Table, Target, Targets};
pub use format::atomic::write_atomic;
pub use format::json;
pub use format::safetensors::{Safetensors, Tensor};
pub use linalg::gemm::{SHARED_PRODUCT, peak_flops};
pub use linalg::isa::{Isa, check as check_isa, isa};
pub use linalg::matrix::Matrix;
pub use linalg::view::MatrixView;
pub use model::evaluate::Score;
pub use model::metrics::{Classification, Evaluation, Regression, Scores};
pub use model::model::Model;
pub use model::preprocessing::{Preprocessing, Scaling};
pub use nn::activation::Activation;
pub use nn::backprop::Workspace;
pub use nn::builder::NetworkBuilder;
pub use nn::init::Init;
pub use nn::layer::{BatchNorm, Dense, Dropout, Layer, LayerNorm, Noise};
pub use nn::loss::Loss;
pub use nn::network::{Network, Scratch};
pub use optim::{
    AdaGrad, Adam, Lbfgs, NAdam, Optimizer, Penalty, RmsProp, Rprop, Rule, Schedule, Scheduler, Sgd, clip_norm,
};
pub use train::{CheckpointInfo, Checkpoints, Event, ExampleWeights, Online, RateSearch, Run, Trainer};

/// The README's code is tested as the rest of the documentation is.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
