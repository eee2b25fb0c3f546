//! File formats that know nothing of networks, and how files are written.

pub(crate) mod atomic;
pub mod json;
pub(crate) mod safetensors;
