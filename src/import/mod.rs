//! Models of other programs: networks of what this crate has, as PyTorch, Keras and scikit-learn write them.
//!
//! ```no_run
//! use palmnet::import::{self, Options};
//! let bytes = std::fs::read("net.onnx").unwrap();
//! let model = import::model(&bytes, "net.onnx", &Options::default())?;
//! model.save("model.safetensors")?;
//! # Ok::<(), palmnet::Error>(())
//! ```

mod onnx;
mod options;
mod weights;

pub use onnx::onnx;
pub use options::Options;
pub use weights::{
    Sequential, is_safetensors, preprocessing, schema, standardization, weights, weights_like, with_columns,
};

use crate::base::error::{Error, Result};
use crate::model::Model;

/// Returns the model in the bytes of a file, whose kind is recognized by its content. `file` is the name for errors.
///
/// # Errors
/// [`Error::Format`] if the file is of no known kind, is damaged, or has a part that this crate
/// does not have; the message names it. Those of the function for its kind: [`onnx()`], [`weights()`].
pub fn model(bytes: &[u8], file: &str, options: &Options) -> Result<Model> {
    if is_safetensors(bytes) {
        return weights(bytes, file, &Sequential::numbered(None), options);
    }
    if bytes.starts_with(b"PK\x03\x04") {
        let message = "is a file of torch.save: write one with safetensors.torch.save_file(model.state_dict(), \
                       \"net.safetensors\"), or with torch.onnx.export";
        return Err(Error::format(file, message));
    }
    onnx(bytes, file, options)
}
