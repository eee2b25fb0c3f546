//! A model as source code for devices without an operating system, one C header or one Rust file; as an ONNX file for
//! other runtimes ([`onnx`](fn@onnx)); and as weights for PyTorch ([`state_dict`]).
//!
//! The code has everything in it that a prediction needs, from the cells of a row to the name of the class: imputation,
//! scaling, categories, dates, the network, the calibration. It allocates nothing, calls no mathematics library, changes
//! no global state, and does the arithmetic of [`Model::predict`](crate::Model::predict) operation by operation. Its first comment is its manual.
//!
//! ```
//! use palmnet::export::{self, Budget};
//! use palmnet::Model;
//! let model = Model::load("examples/iris.safetensors")?;
//! let cost = export::cost(&model)?;
//! cost.check("flash=32k,ram=2k".parse::<Budget>()?)?;
//! assert!(export::c_source(&model, "iris")?.contains("iris_predict(const struct iris_input *row, float *outputs)"));
//! assert!(export::rust_source(&model, "iris")?.contains("pub fn predict(row: &Input) -> [f32; 3]"));
//! # Ok::<(), palmnet::Error>(())
//! ```

mod constants;
mod cost;
mod dialect;
mod manual;
mod names;
mod onnx;
mod program;
mod pytorch;
mod source;

pub use cost::{Budget, Cost};
pub use dialect::Language;
#[doc(hidden)]
pub use pytorch::SEQUENTIAL;
pub use pytorch::{sequential, state_dict};

use crate::base::error::{Error, Result};
use crate::base::text::quoted;
use crate::model::Model;
use program::Program;
use source::Source;

/// The beginning of every C header that is written here.
#[doc(hidden)]
pub const C_START: &str = "/* palmnet export --to c: ";
/// The beginning of every Rust file that is written here.
#[doc(hidden)]
pub const RUST_START: &str = "//! palmnet export --to rust: ";
/// The beginning of every ONNX file that is written here.
#[doc(hidden)]
pub const ONNX_START: &[u8] = onnx::START;

/// Returns a model as a C99 and C++11 header; everything in it begins with `name` and `_`.
///
/// The header has no warnings under `-Wall -Wextra -Wconversion -pedantic`, and keeps its constants in flash on an AVR. It
/// has a structure `NAME_input` with a member for each column, and the functions
///
/// - `NAME_predict`: the probabilities of the classes or labels, or the values in the units of the targets;
/// - `NAME_scores`: of classes and labels, the outputs before they become probabilities, for which a network of ReLUs
///   needs no exponential;
/// - `NAME_label` or `NAME_labels`: the index of the class, or of each label, whose names are in `NAME_classes`.
///
/// Dates and numbers are taken as they are: `palmnet predict` refuses a date that does not exist, and an infinite number.
///
/// Outputs are those of [`Model::predict`] on a processor with fused multiply-adds, nearly always to the last bit, where
/// double precision takes little time; elsewhere, products are rounded before they are added, as palmnet does it on such
/// a processor.
///
/// # Errors
/// If `name` is not an identifier, or a category has a zero byte.
pub fn c_source(model: &Model, name: &str) -> Result<String> {
    written(model, Language::C, name)
}

/// Returns a model as a Rust file, `no_std` and without `unsafe` code: the root of a crate, or a module after its line
/// `#![no_std]` is removed. The functions are those of [`c_source`] without the prefix; `name` is for the manual.
///
/// # Errors
/// If `name` is not an identifier.
pub fn rust_source(model: &Model, name: &str) -> Result<String> {
    written(model, Language::Rust, name)
}

/// Returns a model as an ONNX file: the cells of a table in, predictions out, any number of rows at a time. It has only
/// standard operators, of version 19, and is of IR version 8: onnxruntime reads it since 1.15 (2023).
///
/// The inputs are called as the columns, each N × 1; columns may come in any order:
///
/// - numbers: float32, as the cells were, without units; NaN if missing. A column whose numbers lie close together and
///   far from zero (one with an [`origin`](crate::data::NumberForm::origin)) is of double precision;
/// - dates, with or without a time of day: the seconds from 1970-01-01 00:00 to the date and time as they are written, in
///   double precision (of a NumPy `datetime64[s]`, the number); NaN if missing. ONNX reads no dates, and a zone cannot be
///   given: models whose training dates had one predict something else;
/// - times of day and durations: the seconds, in double precision; NaN if missing;
/// - categories: the text without blanks around it, exactly as in training (also if it is a number); the empty text if
///   missing. One that was not in training is as for `palmnet predict`: like a missing one if the column has an input for
///   missing cells, else none of the categories.
///
/// The outputs are
///
/// - for a class: `label`, N texts, and `probabilities`, N × classes, float32, in the order of the model;
/// - for several labels: `label`, N × labels, texts, and `probabilities` of the second classes, N × labels;
/// - for values: `values`, N × targets, float32 in the units of the targets; of double precision if a target has an origin.
///
/// An output whose name is that of a column has `_` after it. Imputation, scaling (in the order of
/// [`Scaler`](crate::data::Scaler), subtraction first), encodings, the network with all its members, the temperature of a
/// calibration and the range of the targets are inside. If the model cannot impute, a row with a missing cell has NaN and
/// the empty text for outputs. Infinite numbers, which [`Model::predict_cells`] refuses, are computed with. Intervals and sets
/// of a calibration do not come out.
///
/// The metadata has the rest of the model file, its notes too, under the key `palmnet`:
/// [`import::onnx`](fn@crate::import::onnx) returns the model itself, [folded](Model::folded).
///
/// Outputs are those of [`Model::predict`] to about six digits: runtimes add in another order.
///
/// ```
/// use palmnet::{Model, export};
/// let model = Model::load("examples/iris.safetensors")?;
/// let file = export::onnx(&model)?;
/// assert!(file.len() < 10_000 && file.windows(13).any(|bytes| bytes == b"probabilities"));
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// # Errors
/// If a column's name is empty, or the file would have more than 2 GB, which no program reads.
pub fn onnx(model: &Model) -> Result<Vec<u8>> {
    onnx::written(model)
}

fn written(model: &Model, language: Language, name: &str) -> Result<String> {
    if names::identifier(name) != name.to_ascii_lowercase() {
        let message = format!(
            "the name {} of the code: expected letters, digits and _, as in {}",
            quoted(name),
            names::identifier(name)
        );
        return Err(Error::Setting(message));
    }
    let program = Program::new(model);
    let source = Source::new(&program, language, name)?;
    Ok(manual::with_manual(model, &source))
}

/// Returns a name for the code of a model, made of the name of its file.
pub fn name_of(file: &str) -> String {
    let stem = std::path::Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    names::identifier(&stem.unwrap_or_default())
}

/// Returns what a prediction by the code costs, as [`c_source`] writes it.
///
/// # Errors
/// As in [`c_source`].
pub fn cost(model: &Model) -> Result<Cost> {
    let program = Program::new(model);
    let source = Source::new(&program, Language::Rust, "x")?;
    Ok(source.cost())
}
