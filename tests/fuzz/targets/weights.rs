//! Weights of PyTorch, which become a model that predicts, is written, and is read as the same again.
//!
//! The input is a list of layers that ends at the byte 0xFF, and a file as for the target `model`. An empty list stands for
//! layers that the names of the tensors tell.

#![no_main]

use libfuzzer_sys::fuzz_target;
use palmnet::import::{Options, Sequential, weights, weights_like};
use palmnet::{Activation, Matrix, Model};

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |&byte| byte == 0xFF);
    let (list, content) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Ok(list) = std::str::from_utf8(list) else { return };
    let layers = if list.is_empty() { Ok(Sequential::numbered(Activation::Tanh)) } else { list.parse() };
    let Ok(layers) = layers else { return };
    let file = palmnet_fuzz::filled(palmnet_fuzz::with_length(content));
    let Ok(model) = weights(&file, "file", &layers, &Options::default()) else { return };
    let written = model.to_bytes();
    let again = Model::from_bytes(&written, "file").expect("it was written");
    assert_eq!(again.to_bytes(), written);
    let width = model.schema().width();
    if width <= 1 << 12 {
        let _ = model.predict(&Matrix::from_fn(3, width, |row, column| (row + column) as f32 - 1.0));
    }
    // A list that names modules may have them in another order than their names.
    if let Ok(same) = weights_like(&file, "file", &model) {
        assert_eq!(same.network().layers().len(), model.network().layers().len());
    }
});
