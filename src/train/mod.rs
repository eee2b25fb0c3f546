//! Training: epochs of shuffled batches, validation, early stopping, and the record of how it went.

pub(crate) mod evaluate;
mod history;
mod lbfgs;
mod rate_finder;
mod snapshot;
mod step;
mod trainer;

pub use history::{Epoch, History};
pub use rate_finder::RateSearch;
pub use trainer::{Event, Trainer};
