//! Training: epochs of shuffled batches, validation, early stopping, checkpoints, and the record of how it went.

mod checkpoint;
mod checkpoint_options;
mod lbfgs;
mod rate_finder;
mod run;
mod snapshot;
mod step;
mod trainer;
mod weights;

pub(crate) use checkpoint_options::CheckpointInfo;
pub use checkpoint_options::Checkpoints;
pub use rate_finder::RateSearch;
pub use run::{Event, Run};
pub use trainer::Trainer;
pub use weights::Weights;
