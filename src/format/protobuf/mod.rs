//! Protocol buffers, the encoding of ONNX files: messages of numbered fields, without the descriptions that other programs
//! generate code from.

#[cfg(feature = "import")]
pub(crate) mod read;
#[cfg(feature = "export")]
pub(crate) mod write;
