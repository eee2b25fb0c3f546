//! Arithmetic on slices and matrices.

pub(crate) mod aligned;
pub(crate) mod bytes;
pub(crate) mod gemm;
pub(crate) mod isa;
pub(crate) mod lanes;
pub(crate) mod lines;
pub(crate) mod matrix;
pub(crate) mod reduce;
pub(crate) mod row;
mod unroll;
pub(crate) mod vectorize;
pub(crate) mod view;
