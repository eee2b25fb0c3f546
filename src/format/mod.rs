//! File formats that do not depend on networks, and atomic writing of files.

pub(crate) mod atomic;
pub mod json;
pub(crate) mod safetensors;
