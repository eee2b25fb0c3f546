//! The layers of a network in a file: a word for each, and its tensors.

use crate::base::error::Error;
use crate::base::sort::order;
use crate::base::text::quoted;
use crate::format::safetensors::{Safetensors, Tensor};
use crate::linalg::matrix::Matrix;
use crate::nn::activation::Activation;
use crate::nn::layer::{
    BatchNorm, Dense, Dropout, Embedding, Heads, InputScale, Layer, LayerNorm, Members, Noise, Piecewise, Quantized,
    QuantizedParts, Role,
};

/// Appends the tensors of a layer, whose index in the network is `i`.
pub(super) fn push_tensors(tensors: &mut Vec<Tensor>, i: usize, layer: &Layer) {
    for ((name, values), shape) in layer.parameters().zip(layer.shapes()) {
        tensors.push(Tensor::new(tensor_name(i, name), &shape, values.to_vec()));
    }
    for (name, values) in layer.state() {
        tensors.push(Tensor::new(tensor_name(i, name), &[values.len()], values.to_vec()));
    }
    if let Layer::Embedding(embedding) = layer {
        let roles: Vec<f32> = embedding.roles().iter().map(role_number).collect();
        tensors.push(Tensor::new(tensor_name(i, "roles"), &[roles.len()], roles));
    }
    if let Layer::Piecewise(piecewise) = layer {
        let (bins, edges) = piecewise.parts();
        tensors.push(Tensor::new(tensor_name(i, "bins"), &[bins.len()], bins));
        tensors.push(Tensor::new(tensor_name(i, "edges"), &[edges.len()], edges));
    }
    if let Layer::Quantized(layer) = layer {
        push_quantized(tensors, i, layer.parts());
    }
}

fn push_quantized(tensors: &mut Vec<Tensor>, i: usize, parts: QuantizedParts) {
    let QuantizedParts { members, inputs, outputs, weights, scale, bias, input } = parts;
    // Layers without members have tensors of one dimension less.
    let first = usize::from(members == 1);
    let weights = weights.into_iter().map(f32::from).collect();
    let weights = Tensor::new(tensor_name(i, "weights"), &[members, inputs, outputs][first..], weights);
    tensors.push(Tensor { is_bytes: true, ..weights });
    for (name, values) in [("scale", scale), ("bias", bias)] {
        tensors.push(Tensor::new(tensor_name(i, name), &[members, outputs][first..], values));
    }
    tensors.push(Tensor::new(tensor_name(i, "input"), &[2], vec![input.scale, f32::from(input.zero)]));
}

fn tensor_name(layer: usize, name: &str) -> String {
    format!("layers.{layer}.{name}")
}

/// Reads the layer that `word` describes.
pub(super) fn layer(index: usize, word: &str, tensors: &Tensors<'_>) -> std::result::Result<Layer, String> {
    let unknown = || format!("layer {} is not known: the model may come from a newer palmnet", quoted(word));
    let Some((name, arguments)) = word.strip_suffix(')').and_then(|word| word.split_once('(')) else {
        return Activation::read(word).map(Layer::Activation).ok_or_else(unknown);
    };
    match name {
        "dropout" => {
            let rate = arguments.parse().map_err(|_| unknown())?;
            Dropout::new(rate).map(Layer::Dropout).map_err(|error| error.to_string())
        }
        "dense" => {
            let [inputs, outputs] = sizes(arguments).ok_or_else(unknown)?;
            if inputs == 0 || outputs == 0 {
                return Err(format!("layer {} has no inputs or no outputs: the file is damaged", quoted(word)));
            }
            let weights = tensors.get(&tensor_name(index, "weights"), &[inputs, outputs])?;
            let bias = tensors.get(&tensor_name(index, "bias"), &[outputs])?;
            Ok(Layer::Dense(Dense::new(Matrix::from_vec(inputs, outputs, weights), bias)))
        }
        "noise" => {
            let standard_deviation = arguments.parse().map_err(|_| unknown())?;
            Noise::new(standard_deviation).map(Layer::Noise).map_err(|error| error.to_string())
        }
        "batch_norm" => {
            let columns = arguments.parse().map_err(|_| unknown())?;
            let tensor = |name| tensors.get(&tensor_name(index, name), &[columns]);
            let variance = tensor("variance")?;
            if let Some(negative) = variance.iter().find(|&&v| v < 0.0) {
                return Err(format!("layer {} has the variance {negative}: the file is damaged", quoted(word)));
            }
            let norm = BatchNorm::from_parts(tensor("scale")?, tensor("shift")?, tensor("mean")?, variance);
            Ok(Layer::BatchNorm(norm))
        }
        "layer_norm" => {
            let columns = arguments.parse().map_err(|_| unknown())?;
            let tensor = |name| tensors.get(&tensor_name(index, name), &[columns]);
            Ok(Layer::LayerNorm(LayerNorm::from_parts(tensor("scale")?, tensor("shift")?)))
        }
        "piecewise" => piecewise(index, word, sizes(arguments).ok_or_else(unknown)?, tensors),
        "embedding" => embedding(index, word, sizes(arguments).ok_or_else(unknown)?, tensors),
        "members" | "adapter" => {
            let shape: [usize; 2] = sizes(arguments).ok_or_else(unknown)?;
            let scale = tensors.get(&tensor_name(index, "scale"), &shape)?;
            let shift = tensors.get(&tensor_name(index, "shift"), &shape)?;
            let scale = Matrix::from_vec(shape[0], shape[1], scale);
            Ok(Layer::Members(Members::from_parts(scale, shift, name == "members")))
        }
        "heads" => {
            let [members, inputs, outputs] = sizes(arguments).ok_or_else(unknown)?;
            if members == 0 || inputs == 0 || outputs == 0 {
                return Err(format!("layer {} has no members, inputs or outputs: the file is damaged", quoted(word)));
            }
            let weights = tensors.get(&tensor_name(index, "weights"), &[members, inputs, outputs])?;
            let bias = tensors.get(&tensor_name(index, "bias"), &[members, outputs])?;
            let weights = Matrix::from_vec(members * inputs, outputs, weights);
            Ok(Layer::Heads(Heads::from_parts(members, weights, bias)))
        }
        "dense8" => {
            let [inputs, outputs] = sizes(arguments).ok_or_else(unknown)?;
            quantized(index, word, [1, inputs, outputs], tensors)
        }
        "heads8" => quantized(index, word, sizes(arguments).ok_or_else(unknown)?, tensors),
        "mean" => sizes(arguments).map(|[members]| Layer::Mean(members)).ok_or_else(unknown),
        _ => Err(unknown()),
    }
}

fn quantized(index: usize, word: &str, shape: [usize; 3], tensors: &Tensors<'_>) -> std::result::Result<Layer, String> {
    let ([members, inputs, outputs], first) = (shape, usize::from(word.starts_with("dense8")));
    let tensor = |name, shape: &[usize]| tensors.get(&tensor_name(index, name), &shape[first..]);
    let weights = tensors.bytes(&tensor_name(index, "weights"), &shape[first..])?;
    let (scale, bias) = (tensor("scale", &[members, outputs])?, tensor("bias", &[members, outputs])?);
    let [input, zero] = tensors.get(&tensor_name(index, "input"), &[2])?[..] else { unreachable!("of two numbers") };
    let fault = |error| format!("layer {}: {error}: the file is damaged", quoted(word));
    if !(0.0..256.0).contains(&zero) || zero.fract() != 0.0 {
        return Err(fault(Error::Mismatch(format!("its zero point is {zero}, expected 0 to 255"))));
    }
    let input = InputScale { scale: input, zero: zero as u8 };
    let parts = QuantizedParts { members, inputs, outputs, weights, scale, bias, input };
    Quantized::from_parts(parts).map(Layer::Quantized).map_err(fault)
}

fn piecewise(
    index: usize,
    word: &str,
    [inputs, outputs]: [usize; 2],
    tensors: &Tensors<'_>,
) -> std::result::Result<Layer, String> {
    let bins = tensors.get(&tensor_name(index, "bins"), &[inputs])?;
    let codes: usize = bins.iter().map(|&bins| bins.max(0.0) as usize).fold(0, usize::saturating_add);
    let edges = codes.saturating_add(bins.iter().filter(|&&bins| bins > 0.0).count());
    let edges = tensors.get(&tensor_name(index, "edges"), &[edges])?;
    let layer = Piecewise::from_parts(&bins, &edges);
    let layer = layer.map_err(|error| format!("layer {}: {error}: the file is damaged", quoted(word)))?;
    match layer.outputs() == outputs {
        true => Ok(Layer::Piecewise(layer)),
        false => Err(format!("layer {} has {} outputs: the file is damaged", quoted(word), layer.outputs())),
    }
}

fn embedding(
    index: usize,
    word: &str,
    [inputs, outputs]: [usize; 2],
    tensors: &Tensors<'_>,
) -> std::result::Result<Layer, String> {
    let name = |name| tensor_name(index, name);
    let roles: Option<Vec<Role>> = tensors.get(&name("roles"), &[inputs])?.iter().map(role).collect();
    let roles = roles.ok_or_else(|| format!("layer {} has other roles: the file is damaged", quoted(word)))?;
    let shapes = tensors.shape(&name("embeddings")).zip(tensors.shape(&name("bias")));
    let Some((&[embedded, size], &[groups, _])) = shapes.map(|(weights, bias)| (&weights[..], &bias[..])) else {
        return Err(format!("layer {} has no weights: the file is damaged", quoted(word)));
    };
    let weights = Matrix::from_vec(embedded, size, tensors.get(&name("embeddings"), &[embedded, size])?);
    let bias = tensors.get(&name("bias"), &[groups, size])?;
    let layer = Embedding::from_parts(roles, weights, bias).map_err(|error| error.to_string())?;
    match layer.outputs() == outputs {
        true => Ok(Layer::Embedding(layer)),
        false => Err(format!("layer {} has {} outputs: the file is damaged", quoted(word), layer.outputs())),
    }
}

/// Returns the number of a role in a file: the index of the group, -1 for an input that is kept, -2 for one that is not,
/// and -3 less the index of the group of one whose weights are not trained.
fn role_number(role: &Role) -> f32 {
    match role {
        Role::Kept => -1.0,
        Role::Dropped => -2.0,
        Role::Group(group) => *group as f32,
        Role::Frozen(group) => -3.0 - *group as f32,
    }
}

fn role(number: &f32) -> Option<Role> {
    let groups = [Role::Group(number.max(0.0) as u32), Role::Frozen((-number - 3.0).max(0.0) as u32)];
    let roles = [Role::Kept, Role::Dropped].into_iter().chain(groups);
    roles.into_iter().find(|role| role_number(role) == *number)
}

/// Reads `N` numbers that are separated by commas.
fn sizes<const N: usize>(arguments: &str) -> Option<[usize; N]> {
    let numbers: Option<Vec<usize>> = arguments.split(',').map(|number| number.parse().ok()).collect();
    numbers?.try_into().ok()
}

/// A file's tensors by name.
pub(super) struct Tensors<'a> {
    file: &'a Safetensors,
    /// Their indices in the order of their names.
    order: Vec<usize>,
}

impl<'a> Tensors<'a> {
    pub(super) fn of(file: &'a Safetensors) -> Self {
        let name = |i: usize| &file.tensors[i].name;
        Tensors { file, order: order(file.tensors.len(), &|a, b| name(a).cmp(name(b))) }
    }

    fn find(&self, name: &str) -> Option<&'a Tensor> {
        let tensors = &self.file.tensors;
        let found = self.order.binary_search_by(|&i| tensors[i].name.as_str().cmp(name)).ok()?;
        Some(&tensors[self.order[found]])
    }

    fn shape(&self, name: &str) -> Option<&'a Vec<usize>> {
        self.find(name).map(|tensor| &tensor.shape)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Returns a tensor, which must exist, have this shape, and be of bytes or not.
    fn of_shape(&self, name: &str, shape: &[usize], is_bytes: bool) -> std::result::Result<&'a Tensor, String> {
        let tensor = self.find(name).ok_or_else(|| format!("tensor {name} is missing: the file is damaged"))?;
        if tensor.shape != shape {
            let found = &tensor.shape;
            return Err(format!("tensor {name} has shape {found:?}, expected {shape:?}: the file is damaged"));
        }
        if tensor.is_bytes != is_bytes {
            return Err(format!("tensor {name} has numbers of another type than its layer: the file is damaged"));
        }
        Ok(tensor)
    }

    /// Returns the numbers of a tensor of bytes, which must exist and have this shape.
    fn bytes(&self, name: &str, shape: &[usize]) -> std::result::Result<Vec<i8>, String> {
        Ok(self.of_shape(name, shape, true)?.data.iter().map(|&x| x as i8).collect())
    }

    /// Returns the numbers of a tensor, which must exist, have this shape, and be finite.
    pub(super) fn get(&self, name: &str, shape: &[usize]) -> std::result::Result<Vec<f32>, String> {
        let tensor = self.of_shape(name, shape, false)?;
        match tensor.data.iter().find(|x| !x.is_finite()) {
            Some(x) => Err(format!("tensor {name} holds {x}, expected finite numbers: the file is damaged")),
            None => Ok(tensor.data.clone()),
        }
    }
}
