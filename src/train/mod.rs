//! Training: epochs of shuffled mini-batches, validation, early stopping, checkpoints, and the record of how it went.
//!
//! ```text
//! trainer, restarts, rate_finder, online     the public interface
//! gradient_descent, lbfgs                    the methods
//! session                                    the bookkeeping of a training
//! run, checkpoint_writer, checkpoint         the settings of one call
//! claim                                      the right to a checkpoint file
//! config, checkpoint_file, position          plain data
//! step, gradients, pieces, snapshot          the work itself
//! example_weights, targets                   the data it is done on
//! ```

mod checkpoint;
mod checkpoint_file;
mod checkpoint_writer;
mod claim;
mod config;
mod example_weights;
mod gradient_descent;
mod gradients;
mod lbfgs;
mod online;
mod pieces;
mod position;
mod rate_finder;
mod restarts;
mod run;
mod session;
mod snapshot;
mod step;
mod targets;
mod trainer;
mod training;

pub use checkpoint::{CheckpointInfo, Checkpoints};
pub use claim::Hold;
pub use example_weights::ExampleWeights;
pub use online::Online;
pub use rate_finder::RateSearch;
pub use run::{Event, Run};
pub use trainer::Trainer;
#[cfg(fuzzing)]
pub use {checkpoint_file::digest_of_file, checkpoint_writer::GIVEN};

pub use crate::base::history::{Epoch, History};
