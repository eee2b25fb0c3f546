//! Training: epochs of shuffled batches, validation, early stopping, checkpoints, and the record of how it went.

mod checkpoint;
mod lbfgs;
mod rate_finder;
mod snapshot;
mod step;
mod trainer;
mod weights;

pub use checkpoint::Checkpoints;
pub use rate_finder::RateSearch;
pub use trainer::{Event, Trainer};
pub use weights::Weights;
