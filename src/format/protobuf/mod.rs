//! Protocol Buffers: the encoding of ONNX files.

#[cfg(feature = "import")]
pub(crate) mod read;
