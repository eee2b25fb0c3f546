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

mod activation;
mod aligned;
mod backprop;
mod data;
mod error;
mod fold;
mod format;
mod gemm;
mod init;
mod isa;
mod layer;
mod loss;
mod math;
mod matrix;
mod metrics;
mod model;
mod network;
mod optimizer;
mod order;
mod parallel;
mod rng;
mod schedule;
mod train;

pub use activation::Activation;
pub use backprop::Workspace;
pub use data::generate;
pub use data::{Bytes, Column, Dataset, Features, Kind, Missing, Output, Scaler, Schema, Table, Target, Targets};
pub use error::{Error, Result};
pub use format::atomic::write_atomic;
pub use format::json;
pub use format::safetensors::{Safetensors, Tensor};
pub use gemm::{Operand, SHARED_PRODUCT, peak_flops};
pub use init::Init;
pub use isa::{Isa, check as check_isa, isa};
pub use layer::{BatchNorm, Dense, Dropout, Layer, LayerNorm, Noise};
pub use loss::Loss;
pub use matrix::Matrix;
pub use metrics::{Classification, Evaluation, Regression, Scores};
pub use model::Model;
pub use network::{Network, NetworkBuilder, Scratch};
pub use optimizer::{AdaGrad, Adam, Lbfgs, NAdam, Optimizer, Penalty, RmsProp, Rprop, Rule, Sgd, clip_norm};
pub use parallel::{set_threads, threads};
pub use rng::Rng;
pub use schedule::{Schedule, Scheduler};
pub use train::{Checkpoints, Epoch, Event, History, RateSearch, Trainer, Weights};

/// The README's code is tested as the rest of the documentation is.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
