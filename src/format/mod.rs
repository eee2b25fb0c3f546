//! Files: how they are written, and the formats they are written in.

pub mod atomic;
pub mod json;
pub mod network;
pub mod safetensors;
