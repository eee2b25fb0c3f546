//! `palmnet import` of weights that PyTorch saved: what is around them comes from options, a table or a model.

use std::fs;
use std::path::Path;

use palmnet::data::{Missing, Reading, Scaler};
use palmnet::import::{self, Options, Sequential};
use palmnet::{Activation, Dataset, Error, Model, Preprocessing, Scaling, Table};

use crate::cli::Failure;
use crate::cli::arguments::Group::{Data, Network};
use crate::cli::arguments::{Arguments, Opt};
use crate::cli::input::{infer, reading};
use crate::cli::options::{HEADER, IGNORE, SEPARATOR, TASK};

pub const LAYERS: Opt = Opt::new(
    "--layers",
    "LIST",
    Network,
    "The layers of a safetensors file, as 64-128-relu-10 (units and activations) or linear,batch_norm,relu,linear; also \
     layer_norm, dropout, and modules of the file by their names.",
)
.default(|| "as the names and shapes of the tensors tell".into());

pub const ACTIVATION: Opt =
    Opt::new("--activation", "NAME", Network, "Without --layers, the activation between the linear layers.")
        .choices(|| Activation::names().collect())
        .excludes(&["--layers"]);

pub const HEAD: Opt = Opt::new(
    "--head",
    "softmax|sigmoid|none",
    Network,
    "The activation after the last layer. With none, outputs of classes are logits, as nn.CrossEntropyLoss has them.",
)
.choices(|| vec!["softmax", "sigmoid", "none"])
.default(|| "none".into());

pub const LIKE: Opt = Opt::new(
    "--like",
    "MODEL",
    Data,
    "A model of palmnet that the weights were exported from: layers, columns, classes and preprocessing are taken from \
     it.",
)
.excludes(&[
    "--layers",
    "--activation",
    "--head",
    "--data",
    "--features",
    "--target",
    "--classes",
    "--scale",
    "--mean",
    "--std",
]);

pub const DATA: Opt = Opt::new(
    "--data",
    "FILE",
    Data,
    "The table that the network was trained on: columns, classes (in numeric or alphabetical order) and --scale are taken \
     from it.",
)
.excludes(&["--features", "--classes"]);

pub const SCALE: Opt = Opt::new("--scale", "NAME", Data, "The scaling that the features had, fitted on --data.")
    .choices(|| Scaling::names().collect())
    .default(|| "none".into())
    .excludes(&["--mean", "--std"]);

pub const MEAN: Opt = Opt::new(
    "--mean",
    "X[,X...]|FILE",
    Data,
    "The means that were subtracted from the features, or a file with them; one for all, or one for each.",
);

pub const STD: Opt =
    Opt::new("--std", "X[,X...]|FILE", Data, "The standard deviations that the features were then divided by.");

/// The options that only a safetensors file has.
const ONLY: [&Opt; 12] =
    [&LAYERS, &ACTIVATION, &HEAD, &LIKE, &DATA, &TASK, &IGNORE, &HEADER, &SEPARATOR, &SCALE, &MEAN, &STD];

/// Refuses the options of a state dict for other files.
pub fn refuse(arguments: &Arguments, file: &str) -> Result<(), Failure> {
    match ONLY.into_iter().find(|option| arguments.has(option.name)) {
        Some(option) => Err(arguments.misuse(&format!("{} is for safetensors files, and {file} is none", option.name))),
        None => Ok(()),
    }
}

/// Returns the model of the weights in a safetensors file.
pub fn model(arguments: &Arguments, bytes: &[u8], options: &Options) -> Result<Model, Failure> {
    let file = arguments.word(0).unwrap_or_default();
    if let Some(like) = arguments.text(LIKE.name) {
        return Ok(import::weights_like(bytes, file, &Model::load(like)?)?);
    }
    let activation = arguments.text(ACTIVATION.name).map(str::parse::<Activation>).transpose()?;
    let layers = match arguments.text(LAYERS.name) {
        Some(list) => list.parse()?,
        None => Sequential::numbered(activation),
    };
    let layers = match arguments.choice(&HEAD)? {
        Some("softmax") => layers.with_head(Activation::Softmax),
        Some("sigmoid") => layers.with_head(Activation::Sigmoid),
        _ => layers,
    };
    let scaling = arguments.text(SCALE.name).map(str::parse::<Scaling>).transpose()?;
    let network = layers.from_bytes(bytes, file)?;
    let scaler = scaler(arguments, network.inputs())?;
    if let Some(data) = arguments.text(DATA.name) {
        let data = read(arguments, data)?;
        let fitted = || import::preprocessing(&data, scaling.unwrap_or(Scaling::None));
        return Ok(import::with_columns(network, scaler.map_or_else(fitted, Preprocessing::from), data.schema())?);
    }
    if scaling.is_some_and(|scaling| scaling != Scaling::None) {
        return Err(arguments.misuse("--scale is fitted on --data: name a table, or give --mean and --std"));
    }
    let schema = import::schema(&network, options)?;
    let scaler = scaler.unwrap_or_else(|| Scaler::identity(network.inputs()));
    Ok(import::with_columns(network, scaler, &schema)?)
}

/// Reads the table that a network was trained on.
fn read(arguments: &Arguments, path: &str) -> Result<Dataset, Failure> {
    if Path::new(path).is_dir() {
        return Ok(Dataset::from_idx_folder(path)?.0);
    }
    let table = Table::read_with(path, &reading(arguments, Reading::default())?)?;
    infer(arguments, table, Missing::Fill)
}

/// Returns the scaler of `--mean` and `--std`, if they are given.
fn scaler(arguments: &Arguments, inputs: usize) -> Result<Option<Scaler>, Failure> {
    match (arguments.text(MEAN.name), arguments.text(STD.name)) {
        (None, None) => Ok(None),
        (Some(mean), Some(std)) => {
            Ok(Some(import::standardization(&numbers(MEAN.name, mean)?, &numbers(STD.name, std)?, inputs)?))
        }
        _ => Err(arguments.misuse("--mean and --std go together: of features that were not divided, the latter is 1")),
    }
}

/// Reads a list of numbers, or a file of them.
fn numbers(option: &str, text: &str) -> Result<Vec<f64>, Failure> {
    let list: Option<Vec<f64>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    if let Some(list) = list {
        return Ok(list);
    }
    let content = fs::read_to_string(text).map_err(|error| Error::io(text, error))?;
    let is_gap = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '[' | ']');
    let words = content.split(is_gap).filter(|word| !word.is_empty());
    let numbers: Option<Vec<f64>> = words.map(|word| word.parse().ok()).collect();
    numbers.ok_or_else(|| {
        Error::format(text, format!("is not a file of numbers for {option}: expected them in lines, or with commas"))
            .into()
    })
}
