//! Weights that PyTorch saved: a state dict of linear layers and normalizations.

mod columns;
mod modules;
mod order;
mod words;

pub use columns::{preprocessing, schema, standardization};

use std::str::FromStr;

use crate::base::error::{Error, Result};
use crate::base::text::{listed, quoted};
use crate::data::{Scaler, Schema};
use crate::format::safetensors::Safetensors;
use crate::import::options::Options;
use crate::model::{Model, Preprocessing};
use crate::nn::activation::Activation;
use crate::nn::layer::Layer;
use crate::nn::network::Network;
use modules::Module;
use words::{Part, Parts};

/// Returns the model of weights that PyTorch saved: see [`Sequential`], whose network it is. `file` is the name for errors.
///
/// It is a model of classes if their names are given, or the layers end in a softmax or in one sigmoid; if they end in
/// several sigmoids, one of labels; else of values. Outputs that are logits become probabilities of classes in
/// predictions. Features and targets are not scaled: for a network that was trained behind a scaler, or with the columns of
/// a table, see [`with_columns`].
///
/// # Errors
/// Those of [`Sequential::from_bytes`], and [`Error::Mismatch`] if there are names, but not as many as the network has
/// inputs, outputs or classes.
pub fn weights(bytes: &[u8], file: &str, layers: &Sequential, options: &Options) -> Result<Model> {
    let network = layers.from_bytes(bytes, file)?;
    let (schema, inputs) = (columns::schema(&network, options)?, network.inputs());
    with_columns(network, Scaler::identity(inputs), &schema)
}

/// Returns the model of a network of [`Sequential::from_bytes`], with the columns and the preprocessing that it was trained
/// with, such as [`schema`] or that of a table, and [`preprocessing`] or [`standardization`]. Its note `import` names the
/// layers, and what else their tensors could be.
///
/// # Errors
/// [`Error::Mismatch`] if the network has not as many inputs and outputs as the columns and the targets make.
pub fn with_columns(network: Network, preprocessing: impl Into<Preprocessing>, schema: &Schema) -> Result<Model> {
    let mut note = layers_of(&network);
    if network.layers().iter().any(|layer| matches!(layer, Layer::LayerNorm(_))) {
        note.push_str(
            "; a GroupNorm, and a BatchNorm1d without running statistics, have the same tensors as a LayerNorm, but compute \
             something else",
        );
    }
    if network.layers().iter().any(|layer| matches!(layer, Layer::LayerNorm(_) | Layer::BatchNorm(_))) {
        note.push_str("; eps of normalizations is taken for 1e-5");
    }
    let marks = schema.columns().iter().filter(|column| column.marks_missing).map(|column| column.name.as_str());
    let (marks, inputs) = (marks.collect::<Vec<&str>>(), network.inputs());
    if !marks.is_empty() && schema.width() == inputs + marks.len() {
        return Err(Error::Mismatch(format!(
            "missing cells in {} of the table have inputs of their own, so that there are {}, and the network has {inputs}: \
             fill the cells in",
            listed(&marks),
            schema.width(),
        )));
    }
    let mut model = Model::new(network, preprocessing, schema.clone())?;
    model.notes.insert("import".into(), note);
    Ok(model)
}

/// Returns a model with the weights that PyTorch saved, as [`export::state_dict`](crate::export) gave them to it, and with
/// everything else of the model `like`: layers, columns, classes, preprocessing, loss. A calibration is that of other
/// weights, and is left out. `file` is the name for errors.
///
/// # Errors
/// Those of [`Sequential::like`] and [`Sequential::from_bytes`].
pub fn weights_like(bytes: &[u8], file: &str, like: &Model) -> Result<Model> {
    let network = Sequential::like(like.network())?.from_bytes(bytes, file)?;
    let note = layers_of(&network);
    let mut model = Model::new(network, like.preprocessing().clone(), like.schema().clone())?.with_loss(like.loss());
    model.notes.insert("import".into(), note);
    Ok(model)
}

/// Names the layers of a network, for a note.
fn layers_of(network: &Network) -> String {
    let layers: Vec<String> = network.layers().iter().map(Layer::to_string).collect();
    format!("layers {}", layers.join(" "))
}

/// Returns whether a file is a safetensors file, by its first bytes.
pub fn is_safetensors(bytes: &[u8]) -> bool {
    bytes.get(8) == Some(&b'{') && bytes.first_chunk().is_some_and(|&length| u64::from_le_bytes(length) < 1 << 32)
}

/// The layers of an `nn.Sequential`, of which a state dict has nothing but the tensors.
///
/// In Python, `safetensors.torch.save_file(model.state_dict(), "net.safetensors")` writes the tensors of `nn.Linear`,
/// `nn.BatchNorm1d` and `nn.LayerNorm`: `0.weight`, `fc1.bias`, `net.3.running_mean` and so on.
///
/// Its text form is a list of the layers, separated by dashes, or by commas and spaces:
///
/// - the number of inputs, if it comes first, and the number of outputs of each `nn.Linear`, or `linear`;
/// - `batch_norm` and `layer_norm`;
/// - activations by the names of [`Activation`], as `relu` or `leaky_relu:0.2`;
/// - `dropout` and `flatten`, which do nothing here; `dropout:0.2` is for further training;
/// - the name of a module of the file, such as `encoder.fc`.
///
/// PyTorch's names serve too: `Linear`, `BatchNorm1d`, `LayerNorm`, `ReLU`, `Dropout`. Numbers and kinds stand for the
/// modules in the order of their names, `fc2` before `fc10`.
///
/// ```
/// use palmnet::format::{Safetensors, Tensor};
/// use palmnet::import::Sequential;
/// use palmnet::{Activation, Matrix};
/// let mut file = Safetensors::default();
/// file.tensors.push(Tensor::new("0.weight", &[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
/// file.tensors.push(Tensor::new("0.bias", &[2], vec![0.0, 0.5]));
/// file.tensors.push(Tensor::new("2.weight", &[1, 2], vec![1.0, -1.0]));
/// let network = "3-2-relu-1".parse::<Sequential>()?.from_bytes(&file.to_bytes(), "net.safetensors")?;
/// assert_eq!(network.predict(&Matrix::from_rows(&[[1.0, 0.0, 0.0]])).row(0), [1.0 - 4.5]);
/// let same = Sequential::numbered(Activation::Relu).from_bytes(&file.to_bytes(), "net.safetensors")?;
/// assert_eq!(same, network);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sequential {
    plan: Plan,
    head: Option<Activation>,
}

#[derive(Clone, Debug, PartialEq)]
enum Plan {
    Parts(Parts),
    /// Those of a network, whose model has everything else.
    Like(Parts),
    /// The names of the tensors tell, with this activation between the linear layers.
    Numbered(Option<Activation>),
}

impl FromStr for Sequential {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(Sequential { plan: Plan::Parts(Parts::parse(text)?), head: None })
    }
}

impl Sequential {
    /// Takes the layers from the names and shapes of the tensors, with one activation between two linear layers: where
    /// the numbers of an `nn.Sequential` have a gap (`0.weight`, `2.weight`) or, without gaps, before each linear layer but
    /// the first, if there is no normalization. Where that is not clear, reading is an error. A network of one linear layer
    /// needs no activation.
    pub fn numbered(activation: impl Into<Option<Activation>>) -> Self {
        Sequential { plan: Plan::Numbered(activation.into()), head: None }
    }

    /// Takes the layers of a network, whose tensors the file has in their order.
    ///
    /// # Errors
    /// If it has layers that a state dict cannot have: members of an ensemble, bins or embeddings.
    pub fn like(network: &Network) -> Result<Self> {
        let part = |layer: &Layer| match layer {
            Layer::Dense(dense) => Ok(Part::Next(modules::Kind::Linear, Some(dense.outputs()))),
            Layer::BatchNorm(_) => Ok(Part::Next(modules::Kind::BatchNorm, None)),
            Layer::LayerNorm(_) => Ok(Part::Next(modules::Kind::LayerNorm, None)),
            Layer::Activation(_) | Layer::Dropout(_) | Layer::Noise(_) => Ok(Part::Layer(layer.clone())),
            _ => Err(Error::Mismatch(format!(
                "layer {layer} is none of an nn.Sequential: train a plain network with palmnet train --fast"
            ))),
        };
        let parts = network.layers().iter().map(part).collect::<Result<Vec<Part>>>()?;
        Ok(Sequential { plan: Plan::Like(Parts { inputs: Some(network.inputs()), parts }), head: None })
    }

    /// Returns the layers with an activation after the last, such as the softmax that `nn.CrossEntropyLoss` brings along;
    /// the identity adds nothing.
    #[must_use]
    pub fn with_head(self, head: Activation) -> Self {
        Sequential { head: Some(head).filter(|head| *head != Activation::Identity), ..self }
    }

    /// Makes the network of the tensors in a safetensors file; `file` is the name for errors. Weights of linear layers
    /// are outputs × inputs there. A bias that is absent is 0; normalizations have PyTorch's usual eps, 10⁻⁵. Numbers of
    /// half precision are widened, of double precision rounded.
    ///
    /// # Errors
    /// [`Error::Format`] if the file is damaged, if it lacks a tensor of the layers or has one that belongs to none, or if
    /// shapes do not fit; the message names the tensor. If its metadata has the scaling of a model, as that of
    /// [`export::state_dict`](crate::export) has, and the layers are not [`like`](Self::like) those of one.
    pub fn from_bytes(&self, bytes: &[u8], file: &str) -> Result<Network> {
        let content = Safetensors::from_bytes(bytes, file)?;
        self.network(&content).map_err(|message| Error::format(file, message))
    }

    fn network(&self, file: &Safetensors) -> std::result::Result<Network, String> {
        if file.metadata.contains_key("layers") && file.metadata.contains_key("palmnet") {
            return Err("this is a model of palmnet already: it needs no import".into());
        }
        if file.metadata.contains_key("features.offset") && !matches!(self.plan, Plan::Like(_)) {
            return Err(
                "its metadata has the columns and the scaling of a model of palmnet, which are taken over from that \
                        model alone, by --like MODEL: to leave them out, save the tensors without metadata"
                    .into(),
            );
        }
        let modules = Module::all(file)?;
        let numbered;
        let parts = match &self.plan {
            Plan::Parts(parts) | Plan::Like(parts) => parts,
            Plan::Numbered(activation) => {
                numbered = order::stack(&modules, *activation)?;
                &numbered
            }
        };
        let mut layers = layers(parts, &modules)?;
        if let Some(head) = self.head {
            if let Some(Layer::Activation(last)) = layers.last() {
                return Err(format!("the layers end with {last} already: leave the head {head} out"));
            }
            layers.push(Layer::Activation(head));
        }
        let inputs = layers.iter().find_map(Layer::inputs).unwrap_or(0);
        Network::from_layers(inputs, layers).map_err(|error| error.to_string())
    }
}

/// Makes the layers of a stack, each with the tensors of its module.
fn layers(stack: &Parts, modules: &[Module<'_>]) -> std::result::Result<Vec<Layer>, String> {
    let mut is_used = vec![false; modules.len()];
    let mut places = Vec::with_capacity(stack.parts.len());
    for part in &stack.parts {
        let Part::Named(name) = part else {
            places.push(None);
            continue;
        };
        let found = modules.iter().position(|module| module.name == name).ok_or_else(|| unknown(name, modules))?;
        if std::mem::replace(&mut is_used[found], true) {
            return Err(format!("module {} is named twice: each is there once", quoted(name)));
        }
        places.push(Some(found));
    }
    let mut next = 0;
    let mut width = stack.inputs;
    let mut layers = Vec::with_capacity(stack.parts.len());
    for (part, place) in stack.parts.iter().zip(places) {
        let place = match part {
            Part::Layer(layer) => {
                layers.push(layer.clone());
                continue;
            }
            Part::Named(_) => place,
            Part::Next(..) => (next..modules.len()).find(|&i| !is_used[i]),
        };
        let Some(module) = place.map(|place| &modules[place]) else {
            let count = modules.len();
            return Err(format!(
                "there are more layers than tensors: the file has {count} modules, {}",
                names(modules)
            ));
        };
        if let (Part::Next(kind, _), Some(place)) = (part, place) {
            (is_used[place], next) = (true, place + 1);
            if *kind != module.kind {
                let (word, found) = (kind.word(), module.kind.word());
                return Err(format!(
                    "{} is of a {found} layer, and the layers have {word} there: name them in the order of the file, or \
                     give --layers the names of modules",
                    module.described()
                ));
            }
        }
        let (inputs, outputs) = module.sizes();
        let expected = if let Part::Next(_, outputs) = part { *outputs } else { None };
        if width.is_some_and(|width| width != inputs) || expected.is_some_and(|expected| expected != outputs) {
            let (width, outputs) = (width.unwrap_or(inputs), expected.unwrap_or(outputs));
            let remedy = if expected.is_some() { "correct the numbers, or " } else { "" };
            return Err(format!(
                "{} does not fit a layer of {width} inputs and {outputs} outputs: {remedy}give --layers the modules in \
                 their order ({})",
                module.described(),
                words(modules)
            ));
        }
        width = Some(outputs);
        layers.push(module.layer()?);
    }
    match is_used.iter().position(|is_used| !is_used) {
        None => Ok(layers),
        Some(place) => Err(format!(
            "{} belongs to none of the layers: name a layer for it, or save the model without it",
            modules[place].described()
        )),
    }
}

fn unknown(name: &str, modules: &[Module<'_>]) -> String {
    format!(
        "the layer {} is not known: expected a number of outputs, linear, batch_norm, layer_norm, dropout, an activation, \
         or a module of the file ({})",
        quoted(name),
        names(modules)
    )
}

/// Lists modules as the layers name them: a number alone would be one of outputs.
fn words(modules: &[Module<'_>]) -> String {
    let word = |module: &Module<'_>| match module.name.parse::<usize>() {
        Ok(_) => module.kind.word().to_string(),
        Err(_) => module.name.to_string(),
    };
    listed(&modules.iter().map(word).collect::<Vec<String>>())
}

fn names(modules: &[Module<'_>]) -> String {
    listed(&modules.iter().map(|module| module.name).collect::<Vec<&str>>())
}
