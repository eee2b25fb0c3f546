//! Data: tables and image files, the meaning of their columns, imputation, scaling, splitting, and generated problems.

mod blame;
mod cell;
mod cells;
mod coded;
mod dataset;
mod device;
mod dialect;
mod examples;
mod features;
mod foreign;
pub mod generate;
mod groups;
mod header;
mod idx;
mod imputer;
mod infer;
mod kept;
mod labels;
mod layout;
mod lines;
mod meaning;
mod memory;
mod missing;
mod number;
mod origins;
mod pass;
mod plan;
mod reader;
mod reading;
mod recent;
mod roles;
mod row_info;
mod scaler;
mod scanner;
mod schema;
mod series;
mod span;
pub(crate) mod split;
mod stream;
mod summary;
mod table;
mod target;
mod targets;
mod time;
mod vocabulary;

pub use dataset::Dataset;
pub use features::Features;
#[cfg(fuzzing)]
pub use idx::from_bytes as idx_from_bytes;
pub use imputer::Imputer;
pub use missing::Missing;
pub use number::NumberForm;
pub use reader::ReadRows;
pub use reading::{Reading, Unknown};
pub use scaler::{Rows, Scaler};
pub use schema::{Column, ColumnKind, Schema, TargetSchema};
pub use stream::{Arrival, TableStream};
pub use table::Table;
pub use target::Target;
pub use targets::Targets;
pub use time::{DateOrder, TimeForm};

use crate::base::error::Error;

/// The first bytes of every gzip file.
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// Returns the error for a gzip file, which this crate does not unpack.
fn compressed(file: &str) -> Error {
    let remedy = match file {
        "-" => "pipe it through `gunzip -c`".to_string(),
        _ if file.ends_with(".gz") => format!("unpack it first with `gunzip -k {file}`"),
        // gunzip insists on the ending.
        _ => format!("unpack it first with `mv {file} {file}.gz && gunzip -k {file}.gz`"),
    };
    Error::format(file, format!("is compressed: {remedy}"))
}
