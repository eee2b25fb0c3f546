//! Networks and models as safetensors: the stack as a line of text, every trained tensor under its layer's number, and
//! for a model its columns as JSON and its preprocessing as tensors.

use std::path::Path;

use super::calibration::Calibration;
use super::layer_file::{Tensors, layer, push_tensors};
use super::model::Model;
use super::preprocessing::Preprocessing;
use super::schema_json;
use super::target_range::TargetRange;
use crate::base::error::{Error, Result};
use crate::base::text::quoted;
use crate::data::{Imputer, Scaler, Schema, TargetSchema};
use crate::format::json::Json;
use crate::format::safetensors::{MAX_HEADER, Safetensors, Tensor};
use crate::linalg::matrix::Matrix;
use crate::nn::layer::Layer;
use crate::nn::loss::Loss;
use crate::nn::network::Network;

/// The member of `__metadata__` that describes the stack: `dense(4,16) relu dense(16,3) softmax`.
const LAYERS: &str = "layers";
/// The member with the number of the format, which grows when an older palmnet would misread a file.
const FORMAT: &str = "format";
const FORMAT_NUMBER: u32 = 2;
/// The number of the first format, which has no weights in 8 bits: other networks are written in it.
const FLOAT_FORMAT: u32 = 1;
/// The member with the number of a checkpoint's format, which models lack.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The member with the columns and the target, as JSON.
const SCHEMA: &str = "schema";
/// The member with the version of the palmnet that wrote the file.
const VERSION: &str = "palmnet";

impl Network {
    /// Writes the network to `path`: to a temporary file in the same folder, which then replaces it, so that the file
    /// is replaced whole or not at all. To keep the preprocessing too, save a [`Model`].
    ///
    /// # Errors
    /// If the file cannot be written, or a parameter is not finite.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write(&self.to_safetensors(), path.as_ref(), |file| Network::from_safetensors(file).map(drop))
    }

    /// Reads a network that [`save`](Self::save) wrote. It predicts the same bits.
    ///
    /// # Errors
    /// If the file cannot be read, or does not hold a network.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Network::from_safetensors(&Safetensors::read(path)?).map_err(|message| damaged(path, message))
    }

    /// Returns the content of the file that [`save`](Self::save) writes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_safetensors().to_bytes()
    }

    /// Reads a network from the content of a file, such as the result of `include_bytes!`; `file_name` is used in
    /// errors only.
    ///
    /// # Errors
    /// If the bytes do not hold a network.
    pub fn from_bytes(bytes: &[u8], file_name: &str) -> Result<Self> {
        let file = Safetensors::from_bytes(bytes, file_name)?;
        Network::from_safetensors(&file).map_err(|message| Error::format(file_name, message))
    }

    pub(crate) fn to_safetensors(&self) -> Safetensors {
        let mut file = Safetensors::default();
        let layers: Vec<String> = self.layers().iter().map(Layer::to_string).collect();
        let format = if self.is_quantized() { FORMAT_NUMBER } else { FLOAT_FORMAT };
        file.metadata.insert(FORMAT.into(), format.to_string());
        file.metadata.insert(VERSION.into(), env!("CARGO_PKG_VERSION").into());
        file.metadata.insert(LAYERS.into(), layers.join(" "));
        for (i, layer) in self.layers().iter().enumerate() {
            push_tensors(&mut file.tensors, i, layer);
        }
        file
    }

    /// Reads the network in a file whose content cannot be trusted; the error is a sentence about the file.
    pub(crate) fn from_safetensors(file: &Safetensors) -> std::result::Result<Self, String> {
        let text = file.metadata.get(LAYERS).ok_or("this is no palmnet model: its metadata does not say `layers`")?;
        check_format(file)?;
        let tensors = Tensors::of(file);
        let layers = text.split_whitespace().enumerate().map(|(i, word)| layer(i, word, &tensors));
        let layers = layers.collect::<std::result::Result<Vec<Layer>, String>>()?;
        let first = layers.iter().find_map(Layer::inputs);
        Network::from_layers(first.unwrap_or(0), layers).map_err(|error| error.to_string())
    }
}

/// Refuses newer formats. Files without a number are older than it, and have the first format.
fn check_format(file: &Safetensors) -> std::result::Result<(), String> {
    let Some(format) = file.metadata.get(FORMAT) else { return Ok(()) };
    let number: u32 = format.parse().map_err(|_| format!("`format` is {}: the file is damaged", quoted(format)))?;
    if number <= FORMAT_NUMBER {
        return Ok(());
    }
    let writer = file.metadata.get(VERSION).map(|version| format!(", by palmnet {}", quoted(version)));
    Err(format!(
        "the file is written in format {number}{}, and this palmnet, {}, reads formats up to {FORMAT_NUMBER}: use a \
         newer one",
        writer.unwrap_or_default(),
        env!("CARGO_PKG_VERSION")
    ))
}

/// Writes a model file, unless a number is not finite, or `read` refuses it: nothing is replaced by a file that cannot be
/// read.
fn write(file: &Safetensors, path: &Path, read: fn(&Safetensors) -> std::result::Result<(), String>) -> Result<()> {
    if let Some(tensor) = file.tensors.iter().find(|tensor| !tensor.data.iter().all(|x| x.is_finite())) {
        let name = quoted(&tensor.name);
        return Err(Error::Mismatch(format!("a number in {name} is not finite: such a network is not saved")));
    }
    read(file)
        .map_err(|message| damaged(path, format!("not written, because it could not be read again: {message}")))?;
    file.write(path)
}

/// The kind of a file that is there, by the strings in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A model, or a network.
    Model,
    /// The checkpoint of a training.
    Checkpoint,
    /// Anything else, another program's tensors too.
    Other,
}

impl FileKind {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn of(path: impl AsRef<Path>) -> Result<FileKind> {
        match Safetensors::read_metadata(path.as_ref()) {
            Ok(metadata) if metadata.contains_key(CHECKPOINT) => Ok(FileKind::Checkpoint),
            // The schema alone is in files that are older than the version.
            Ok(metadata)
                if metadata.contains_key(LAYERS) && [VERSION, SCHEMA].iter().any(|&key| metadata.contains_key(key)) =>
            {
                Ok(FileKind::Model)
            }
            Err(error @ Error::Io { .. }) => Err(error),
            Ok(_) | Err(_) => Ok(FileKind::Other),
        }
    }
}

/// Checks, before a training, that the names in this schema and a note of `note` bytes can be saved.
///
/// # Errors
/// If they are too long for a file that can be read.
pub fn check_length(schema: &Schema, note: usize) -> Result<()> {
    // A string in a string: every quotation mark may take three bytes.
    let names = Json::from(schema_json::to_json(schema).to_string()).to_string().len();
    // The tensors and the other notes need little.
    let limit = MAX_HEADER.saturating_sub(200_000 + 4 * note);
    if names <= limit {
        return Ok(());
    }
    Err(Error::Mismatch(format!(
        "the names of columns, categories and classes would take {names} bytes in the model file, of which {limit} can \
         be read again: shorten them, leave out columns, or make images smaller"
    )))
}

/// Returns the error for a model file whose content is invalid.
pub(crate) fn damaged(path: &Path, message: String) -> Error {
    Error::format(path.display().to_string(), message)
}

impl Model {
    /// Writes the model to `path`: to a temporary file in the same folder, which then replaces it, so that the file is
    /// replaced whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written, a parameter of the network is not finite, the loss does not suit its outputs, or
    /// names and notes are longer than the 10,000,000 bytes that can be read again.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.check_loss()?;
        write(&self.to_safetensors(), path.as_ref(), |file| Model::from_safetensors(file).map(drop))
    }

    /// Reads a model that [`save`](Self::save) wrote. It predicts the same bits.
    ///
    /// # Errors
    /// If the file cannot be read, or does not hold a model.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Model::from_safetensors(&Safetensors::read(path)?).map_err(|message| damaged(path, message))
    }

    /// Returns the content of the file that [`save`](Self::save) writes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_safetensors().to_bytes()
    }

    /// Reads a model from the content of a file, such as the result of `include_bytes!`; `file_name` is used in errors
    /// only.
    ///
    /// # Errors
    /// If the bytes do not hold a model.
    pub fn from_bytes(bytes: &[u8], file_name: &str) -> Result<Self> {
        let file = Safetensors::from_bytes(bytes, file_name)?;
        Model::from_safetensors(&file).map_err(|message| Error::format(file_name, message))
    }

    /// Refuses a loss that does not suit the outputs.
    fn check_loss(&self) -> Result<()> {
        self.known_loss().map_or(Ok(()), |loss| self.network().check_loss(loss))
    }

    pub(crate) fn to_safetensors(&self) -> Safetensors {
        let mut file = self.network().to_safetensors();
        let scalers =
            [("features", Some(self.preprocessing().features())), ("targets", self.preprocessing().targets())];
        for (name, scaler) in scalers.iter().filter_map(|&(name, scaler)| Some((name, scaler?))) {
            let shape = [scaler.columns()];
            file.tensors.push(Tensor::new(format!("{name}.offset"), &shape, scaler.offset().to_vec()));
            file.tensors.push(Tensor::new(format!("{name}.factor"), &shape, scaler.factor().to_vec()));
        }
        if let Some(imputer) = self.preprocessing().imputer() {
            file.tensors.push(Tensor::new(FILL, &[imputer.columns()], imputer.fill().to_vec()));
        }
        if let Some(range) = self.preprocessing().range() {
            for (name, ends) in [(LOW, range.low()), (HIGH, range.high())] {
                file.tensors.push(Tensor::new(name, &[ends.len()], ends.to_vec()));
            }
        }
        if let Some(calibration) = self.calibration() {
            push_calibration(&mut file, calibration);
        }
        file.metadata.insert(SCHEMA.into(), schema_json::to_json(self.schema()).to_string());
        if let Some(loss) = self.known_loss() {
            file.metadata.insert("loss".into(), loss.to_string());
        }
        let notes = self.notes.iter().map(|(name, text)| (name.as_str(), text.as_str().into()));
        file.metadata.insert("notes".into(), Json::object(notes).to_string());
        file
    }

    fn from_safetensors(file: &Safetensors) -> std::result::Result<Self, String> {
        if file.metadata.contains_key(CHECKPOINT) {
            return Err("this is the checkpoint of a training that did not end: end it with --resume".into());
        }
        let network = Network::from_safetensors(file)?;
        let json = |name: &str| {
            let text = file.metadata.get(name).ok_or_else(|| {
                format!("the file holds a network but no `{name}`: it was saved without its preprocessing")
            })?;
            Json::parse(text).map_err(|error| format!("`{name}` cannot be read: {error}: the file is damaged"))
        };
        let schema = schema_json::from_json(&json(SCHEMA)?)?;
        let tensors = Tensors::of(file);
        let imputer = match tensors.has(FILL) {
            true => {
                Some(Imputer::from_parts(tensors.get(FILL, &[schema.width()])?).map_err(|error| error.to_string())?)
            }
            false => None,
        };
        let scaler = |name: &str, columns: usize| {
            let offset = tensors.get(&format!("{name}.offset"), &[columns])?;
            let factor = tensors.get(&format!("{name}.factor"), &[columns])?;
            Scaler::from_parts(offset, factor).map_err(|error| error.to_string())
        };
        let outputs = network.outputs();
        let features = scaler("features", network.inputs())?;
        let targets = if tensors.has("targets.offset") { Some(scaler("targets", outputs)?) } else { None };
        let range = match tensors.has(LOW) || tensors.has(HIGH) {
            true => {
                let (low, high) = (tensors.get(LOW, &[outputs])?, tensors.get(HIGH, &[outputs])?);
                Some(TargetRange::from_parts(low, high).map_err(|error| format!("{error}: the file is damaged"))?)
            }
            false => None,
        };
        let preprocessing = Preprocessing::new(features, targets).with_imputer(imputer).with_range(range);
        let mut model = Model::new(network, preprocessing, schema).map_err(|error| error.to_string())?;
        if let Some(name) = file.metadata.get("loss") {
            let loss = Loss::read(name).ok_or_else(|| {
                format!("the loss {} is not known: the model may come from a newer palmnet", quoted(name))
            })?;
            if !loss.suits(model.network().output_activation(), outputs) {
                return Err(format!(
                    "the loss {} does not suit the outputs: the file is damaged, or its training is one that is refused \
                     by now",
                    quoted(name)
                ));
            }
            model = model.with_loss(loss);
        }
        if let Some(rows) = file.metadata.get(CALIBRATION) {
            let calibration = calibration(rows, &tensors, model.schema().target())?;
            model = model.with_calibration(calibration).map_err(|error| error.to_string())?;
        }
        for (name, text) in json("notes")?.as_object().unwrap_or_default() {
            model.notes.insert(name.clone(), text.as_str().unwrap_or_default().into());
        }
        Ok(model)
    }
}

/// The name of the tensor with the numbers that are filled in for missing features.
const FILL: &str = "features.fill";

/// The names of the tensors with the ends of the range of predicted values.
const LOW: &str = "targets.low";
const HIGH: &str = "targets.high";

/// The member with the number of held-out rows of a calibration, and the beginning of the names of its tensors.
const CALIBRATION: &str = "calibration";

fn push_calibration(file: &mut Safetensors, calibration: &Calibration) {
    file.metadata.insert(CALIBRATION.into(), calibration.rows().to_string());
    let mut push = |name: &str, shape: &[usize], data: &[f32]| {
        file.tensors.push(Tensor::new(format!("{CALIBRATION}.{name}"), shape, data.to_vec()));
    };
    push("temperature", &[1], &[calibration.temperature()]);
    let (floors, scores) = calibration.parts();
    if !floors.is_empty() {
        push("floors", &[floors.len()], floors);
    }
    if scores.rows() > 0 {
        push("scores", &[scores.rows(), scores.columns()], scores.as_slice());
    }
}

/// Reads the calibration on so many rows, for such targets.
fn calibration(rows: &str, tensors: &Tensors<'_>, targets: &TargetSchema) -> std::result::Result<Calibration, String> {
    let rows = rows.parse().map_err(|_| format!("`{CALIBRATION}` is {}: the file is damaged", quoted(rows)))?;
    let tensor = |name: &str, shape: &[usize]| tensors.get(&format!("{CALIBRATION}.{name}"), shape);
    let kept = Calibration::kept_scores(rows);
    let scores = |count| Ok::<_, String>(Matrix::from_vec(count, kept, tensor("scores", &[count, kept])?));
    let (floors, scores) = match targets {
        TargetSchema::Classes { .. } => (Vec::new(), scores(1)?),
        TargetSchema::Labels { .. } => (Vec::new(), Matrix::default()),
        TargetSchema::Values { names } => (tensor("floors", &[names.len()])?, scores(names.len())?),
    };
    let temperature = tensor("temperature", &[1])?[0];
    Calibration::from_parts(temperature, rows, floors, scores)
        .map_err(|fault| format!("`{CALIBRATION}`: {fault}: the file is damaged"))
}
