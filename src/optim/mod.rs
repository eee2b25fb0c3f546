//! Optimization: update rules, penalties, clipping and schedules.

mod adagrad;
mod adam;
mod check;
pub(crate) mod clip;
mod field;
pub(crate) mod lbfgs;
mod line_search;
mod optimizer;
mod penalty;
mod rmsprop;
mod rprop;
mod rule;
mod schedule;
mod sgd;
mod update;

pub use adagrad::AdaGrad;
pub use adam::{Adam, NAdam};
pub use clip::clip_norm;
pub use lbfgs::Lbfgs;
pub use optimizer::Optimizer;
pub use penalty::Penalty;
pub use rmsprop::RmsProp;
pub use rprop::Rprop;
pub use rule::Rule;
pub use schedule::{Schedule, Scheduler};
pub use sgd::Sgd;
