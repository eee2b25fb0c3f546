//! ONNX.

use super::options::Options;
use crate::base::error::{Error, Result};
use crate::model::Model;

/// Returns the model in an ONNX file.
///
/// # Errors
/// If it is not one.
pub fn onnx(_bytes: &[u8], file: &str, _options: &Options) -> Result<Model> {
    Err(Error::format(file, "is not an ONNX file"))
}
