//! Networks as safetensors: the stack as a line of text, every trained tensor under its layer's number.

use std::path::Path;

use super::safetensors::{Safetensors, Tensor};
use crate::error::{Error, Result, quoted};
use crate::layer::{Dense, Dropout, Layer};
use crate::matrix::Matrix;
use crate::network::Network;

/// The member of `__metadata__` that describes the stack, as in `dense(4,16) relu dense(16,3) softmax`.
const LAYERS: &str = "layers";

impl Network {
    /// Writes the network to `path`: to a temporary file beside it, which then takes its place, so that the file is
    /// replaced whole or not at all. To keep the preprocessing too, save a [`Model`](crate::Model).
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.to_safetensors().write(path)
    }

    /// Reads a network that [`save`](Self::save) wrote. It predicts the same bits.
    ///
    /// # Errors
    /// When the file cannot be read, or does not hold a network.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Network::from_safetensors(&Safetensors::read(path)?).map_err(|message| damaged(path, message))
    }

    pub(crate) fn to_safetensors(&self) -> Safetensors {
        let mut file = Safetensors::default();
        let layers: Vec<String> = self.layers().iter().map(Layer::to_string).collect();
        file.metadata.insert(LAYERS.into(), layers.join(" "));
        for (i, layer) in self.layers().iter().enumerate() {
            if let Layer::Dense(dense) = layer {
                let weights = dense.weights();
                let shape = [weights.rows(), weights.columns()];
                file.tensors.push(Tensor::new(weights_name(i), &shape, weights.as_slice().to_vec()));
                file.tensors.push(Tensor::new(bias_name(i), &[dense.bias().len()], dense.bias().to_vec()));
            }
        }
        file
    }

    /// The network in a file whose content cannot be trusted; the error is a sentence about the file.
    pub(crate) fn from_safetensors(file: &Safetensors) -> std::result::Result<Self, String> {
        let text = file.metadata.get(LAYERS).ok_or("this is no palmnet model: its metadata does not say `layers`")?;
        let layers = text.split_whitespace().enumerate().map(|(i, word)| layer(i, word, file));
        let layers = layers.collect::<std::result::Result<Vec<Layer>, String>>()?;
        let first = layers.iter().find_map(|layer| match layer {
            Layer::Dense(dense) => Some(dense.inputs()),
            Layer::Activation(_) | Layer::Dropout(_) => None,
        });
        Network::from_layers(first.unwrap_or(0), layers).map_err(|error| error.to_string())
    }
}

/// The error of a model file that was read but makes no sense.
pub(crate) fn damaged(path: &Path, message: String) -> Error {
    Error::format(path.display().to_string(), message)
}

fn weights_name(layer: usize) -> String {
    format!("layers.{layer}.weights")
}

fn bias_name(layer: usize) -> String {
    format!("layers.{layer}.bias")
}

fn layer(index: usize, word: &str, file: &Safetensors) -> std::result::Result<Layer, String> {
    let unknown = || format!("layer {} is not known: the model may come from a newer palmnet", quoted(word));
    let Some((name, arguments)) = word.strip_suffix(')').and_then(|word| word.split_once('(')) else {
        return word.parse().map(Layer::Activation).map_err(|_| unknown());
    };
    match name {
        "dropout" => {
            let rate = arguments.parse().map_err(|_| unknown())?;
            Dropout::new(rate).map(Layer::Dropout).map_err(|error| error.to_string())
        }
        "dense" => {
            let sizes = arguments.split_once(',').and_then(|(i, o)| Some([i.parse().ok()?, o.parse::<usize>().ok()?]));
            let [inputs, outputs] = sizes.ok_or_else(unknown)?;
            let weights = tensor(file, &weights_name(index), &[inputs, outputs])?;
            let bias = tensor(file, &bias_name(index), &[outputs])?;
            Ok(Layer::Dense(Dense::new(Matrix::from_vec(inputs, outputs, weights), bias)))
        }
        _ => Err(unknown()),
    }
}

/// The numbers of a tensor that must be there in this shape.
pub(crate) fn tensor(file: &Safetensors, name: &str, shape: &[usize]) -> std::result::Result<Vec<f32>, String> {
    let tensor = file.tensor(name).ok_or_else(|| format!("tensor {name} is missing: the file is damaged"))?;
    if tensor.shape != shape {
        let found = &tensor.shape;
        return Err(format!("tensor {name} has shape {found:?} and {shape:?} is expected: the file is damaged"));
    }
    Ok(tensor.data.clone())
}
