//! Data: tables and image files, what their columns mean, scaling, splitting, and generated problems.

mod cell;
mod dataset;
pub mod generate;
mod idx;
mod infer;
mod missing;
mod scaler;
mod schema;
pub(crate) mod split;
mod table;

pub use dataset::{Bytes, Dataset, Features, Targets};
pub use infer::Target;
pub use missing::Missing;
pub use scaler::Scaler;
pub use schema::{Column, Kind, Output, Schema};
pub use table::Table;

use crate::base::error::Error;

/// The first bytes of every gzip file.
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// The error for a gzip file, which this crate does not unpack.
fn compressed(file: &str) -> Error {
    let remedy = match file {
        "-" => "pipe it through `gunzip -c`".to_string(),
        _ if file.ends_with(".gz") => format!("unpack it first with `gunzip -k {file}`"),
        // gunzip insists on the ending.
        _ => format!("unpack it first with `mv {file} {file}.gz && gunzip -k {file}.gz`"),
    };
    Error::format(file, format!("is compressed: {remedy}"))
}
