//! A plain network as PyTorch's `nn.Sequential`: its state dict, and the expression that makes it.

use std::fmt::Write;

use crate::base::error::{Error, Result};
use crate::base::text::quoted;
use crate::data::{ColumnKind, NumberForm, TargetSchema};
use crate::format::json::Json;
use crate::format::safetensors::{Safetensors, Tensor};
use crate::linalg::matrix::Matrix;
use crate::model::Model;
use crate::nn::activation::Activation;
use crate::nn::layer::Layer;

/// The key of the expression in the metadata, by which such a file is recognized.
#[doc(hidden)]
pub const SEQUENTIAL: &str = "sequential";

/// Returns a model as a state dict of PyTorch's `nn.Sequential`, with the names and the layout of its tensors:
/// `load_state_dict(safetensors.torch.load_file(path))` takes the file. Weights of `nn.Linear` are outputs × inputs.
///
/// The metadata has `sequential`, the expression of [`sequential`]; `columns` and, for classes, `classes`, lists of names;
/// and, as lists of numbers under the names that they have in a model file, the preprocessing, which an `nn.Sequential` does
/// not have: `features.fill`, `features.offset`, `features.factor` and, for values, `targets.offset`, `targets.factor`,
/// `targets.low` and `targets.high`. All values of the metadata are JSON, but for the expression.
///
/// [`import::weights_like`](crate::import) takes the tensors back.
///
/// # Errors
/// [`Error::Mismatch`] if an `nn.Sequential` does not predict what the model does: if the model has members, bins or
/// embeddings, is calibrated, or has columns that are no plain numbers.
pub fn state_dict(model: &Model) -> Result<Safetensors> {
    let refuse = |what: &str, remedy: &str| {
        Err(Error::Mismatch(format!("{what}, which an nn.Sequential does not have: {remedy}")))
    };
    let mut file = Safetensors::default();
    file.metadata.insert(SEQUENTIAL.into(), sequential(model)?);
    let schema = model.schema();
    for column in schema.columns() {
        if column.kind != ColumnKind::Number(NumberForm::default()) || column.marks_missing {
            let what = format!(
                "column {} is encoded (a category, a date, a form of numbers or a mark of missing cells)",
                quoted(&column.name)
            );
            return refuse(&what, "train on plain numbers, or use palmnet export --to c");
        }
    }
    if schema.target_forms().iter().any(|form| *form != NumberForm::default()) {
        return refuse("the target has a form of numbers", "train on plain numbers, or use palmnet export --to c");
    }
    if model.calibration().is_some() {
        return refuse("the model is calibrated", "train one that is not with palmnet train --fast");
    }
    let list = |numbers: &[f32]| Json::Array(numbers.iter().map(|&x| x.into()).collect()).to_string();
    let preprocessing = model.preprocessing();
    let (features, targets, range) = (preprocessing.features(), preprocessing.targets(), preprocessing.range());
    let parts = [
        ("features.fill", preprocessing.imputer().map(|imputer| imputer.fill())),
        ("features.offset", Some(features.offset())),
        ("features.factor", Some(features.factor())),
        ("targets.offset", targets.map(|scaler| scaler.offset())),
        ("targets.factor", targets.map(|scaler| scaler.factor())),
        ("targets.low", range.map(|range| range.low())),
        ("targets.high", range.map(|range| range.high())),
    ];
    for (name, numbers) in parts.into_iter().filter_map(|(name, numbers)| Some((name, numbers?))) {
        file.metadata.insert(name.into(), list(numbers));
    }
    let names = |names: &[String]| Json::Array(names.iter().map(|name| name.as_str().into()).collect()).to_string();
    file.metadata.insert("columns".into(), names(&schema.input_names()));
    if let TargetSchema::Classes { classes, .. } = schema.target() {
        file.metadata.insert("classes".into(), names(classes));
    }
    for (i, layer) in model.network().layers().iter().enumerate() {
        push(&mut file.tensors, i, layer);
    }
    Ok(file)
}

/// Appends the tensors of a layer, in PyTorch's layout.
fn push(tensors: &mut Vec<Tensor>, i: usize, layer: &Layer) {
    let mut parameters = layer.parameters().map(|(_, numbers)| numbers.to_vec());
    let (Some(mut weight), Some(bias)) = (parameters.next(), parameters.next()) else { return };
    let mut shape = vec![weight.len()];
    if let Layer::Dense(dense) = layer {
        shape = vec![dense.outputs(), dense.inputs()];
        weight = Matrix::from_vec(dense.inputs(), dense.outputs(), weight).transpose().as_slice().to_vec();
    }
    tensors.push(Tensor::new(format!("{i}.weight"), &shape, weight));
    tensors.push(Tensor::new(format!("{i}.bias"), &[bias.len()], bias));
    for ((_, numbers), name) in layer.state().zip(["running_mean", "running_var"]) {
        tensors.push(Tensor::new(format!("{i}.{name}"), &[numbers.len()], numbers.to_vec()));
    }
    if let Layer::BatchNorm(_) = layer {
        // A count of mini-batches, which PyTorch uses only without a momentum.
        tensors.push(Tensor::new(format!("{i}.num_batches_tracked"), &[], vec![0.0]));
    }
}

/// Returns the Python expression that makes the `nn.Sequential` of a model, in lines that are indented by four.
///
/// # Errors
/// [`Error::Mismatch`] if a layer is none of PyTorch's: members of an ensemble, bins, embeddings or weights in 8 bits.
pub fn sequential(model: &Model) -> Result<String> {
    let mut text = "nn.Sequential(\n".to_string();
    for layer in model.network().layers() {
        if let Layer::Quantized(_) = layer {
            let message = format!("layer {layer} has weights in 8 bits: export the model that it was made of");
            return Err(Error::Mismatch(message));
        }
        let module = module(layer).ok_or_else(|| {
            Error::Mismatch(format!(
                "layer {layer} is of an ensemble or of encoded columns, which an nn.Sequential does not have: train a plain \
                 network with palmnet train --fast"
            ))
        })?;
        // Nothing fails that writes to a text.
        let _ = write!(text, "    nn.{module},");
        if let Layer::Noise(_) = layer {
            let _ = write!(text, "  # {layer} in training");
        }
        text.push('\n');
    }
    Ok(text + ")")
}

fn module(layer: &Layer) -> Option<String> {
    Some(match layer {
        Layer::Dense(dense) => format!("Linear({}, {})", dense.inputs(), dense.outputs()),
        Layer::BatchNorm(norm) => format!("BatchNorm1d({})", norm.columns()),
        Layer::LayerNorm(norm) => format!("LayerNorm({})", norm.columns()),
        Layer::Dropout(dropout) => format!("Dropout({})", dropout.rate()),
        // Nothing in prediction.
        Layer::Noise(_) => "Identity()".into(),
        Layer::Activation(activation) => match activation {
            Activation::LeakyRelu(slope) => format!("LeakyReLU({slope})"),
            Activation::Elu(alpha) => format!("ELU({alpha})"),
            Activation::Softmax => "Softmax(dim=-1)".into(),
            other => {
                let name = match other {
                    Activation::Relu => "ReLU",
                    Activation::Selu => "SELU",
                    Activation::Sigmoid => "Sigmoid",
                    Activation::Tanh => "Tanh",
                    Activation::Softplus => "Softplus",
                    Activation::Silu => "SiLU",
                    Activation::Gelu => "GELU",
                    Activation::HardSigmoid => "Hardsigmoid",
                    _ => "Identity",
                };
                format!("{name}()")
            }
        },
        _ => return None,
    })
}
