//! The commands, one file each.

pub mod average;
#[cfg(feature = "bench")]
pub mod bench;
pub mod completions;
pub mod demo;
pub mod eval;
pub mod explain;
#[cfg(feature = "export")]
pub mod export;
#[cfg(feature = "export")]
mod export_pytorch;
mod folds;
#[cfg(feature = "import")]
pub mod import;
#[cfg(feature = "import")]
mod import_weights;
pub mod info;
pub mod man;
pub mod predict;
#[cfg(feature = "export")]
pub mod quantize;
pub mod search;
pub mod train;
