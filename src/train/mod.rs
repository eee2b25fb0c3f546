//! Training: epochs of shuffled batches, validation, early stopping, checkpoints, and the record of how it went.

mod checkpoint;
pub(crate) mod evaluate;
mod history;
mod snapshot;
mod step;
mod trainer;
mod weights;

pub(crate) use checkpoint::CHECKPOINT;
pub use checkpoint::Checkpoints;
pub use history::{Epoch, History};
pub use trainer::{Event, Trainer};
pub use weights::Weights;
