//! The network: layers, the passes through them, and the loss.

pub(crate) mod activation;
pub(crate) mod backprop;
pub(crate) mod builder;
mod fold;
pub(crate) mod init;
pub(crate) mod layer;
pub(crate) mod loss;
pub(crate) mod network;
mod steps;
mod transfer;
pub(crate) mod workspace;

pub use activation::Activation;
pub use builder::{DenseConfig, NetworkBuilder};
pub use init::Init;
pub use layer::{BatchNorm, Dense, Dropout, Embedding, Heads, Layer, LayerNorm, Members, Noise, Piecewise, Role};
pub use layer::{InputScale, Quantized, QuantizedParts};
pub use loss::Loss;
pub use network::{Network, Scratch};
pub use workspace::Workspace;
