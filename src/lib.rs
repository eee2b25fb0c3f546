//! palmnet
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod activation;
mod backprop;
mod data;
mod error;
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
mod rng;
mod schedule;
mod train;

pub use activation::Activation;
pub use backprop::Workspace;
pub use data::generate;
pub use data::{Column, Dataset, Features, Kind, Output, Scaler, Schema, Table, Target, Targets};
pub use error::{Error, Result};
pub use format::atomic::write_atomic;
pub use format::json;
pub use format::safetensors::{Safetensors, Tensor};
pub use init::Init;
pub use isa::{Isa, check as check_isa, isa};
pub use layer::{Dense, Dropout, Layer};
pub use loss::Loss;
pub use matrix::Matrix;
pub use metrics::{Classification, Evaluation, Regression, Scores};
pub use model::Model;
pub use network::{Network, NetworkBuilder, Scratch};
pub use optimizer::{Adam, Optimizer, Rule, Sgd};
pub use rng::Rng;
pub use schedule::Schedule;
pub use train::{Epoch, Event, History, Trainer};
