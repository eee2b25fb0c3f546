//! File formats that do not depend on networks: safetensors files of any tensors, and files that are replaced whole or
//! not at all.

pub(crate) mod atomic;
pub(crate) mod json;
#[cfg(any(feature = "export", feature = "import"))]
pub(crate) mod onnx;
#[cfg(any(feature = "export", feature = "import"))]
pub(crate) mod protobuf;
pub(crate) mod safetensors;

pub use atomic::write_atomic;
pub use safetensors::{Safetensors, Tensor};
