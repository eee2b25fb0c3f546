//! A model: a network together with what turns a user's columns into its inputs and its outputs into answers.

use std::collections::BTreeMap;
use std::path::Path;

use super::evaluate;
use super::file::CHECKPOINT;
use super::file::{Tensors, damaged, write};
use super::metrics::{Evaluation, likeliest};
use crate::base::error::{Error, Result};
use crate::base::text::quoted;
use crate::data::{Column, Dataset, Features, Kind, Output, Scaler, Schema, Table};
use crate::format::json::Json;
use crate::format::safetensors::{Safetensors, Tensor};
use crate::linalg::matrix::Matrix;
use crate::nn::loss::Loss;
use crate::nn::network::Network;

/// A network with its preprocessing: it takes the very columns that training took, and answers in their units.
///
/// ```
/// use palmnet::{Activation::*, Adam, Loss, Model, Network, Scaler, Trainer, generate};
/// let data = generate::moons(200, 0.1, 1);
/// let scaler = Scaler::standard(data.features());
/// let mut network = Network::builder(2).dense(16, Relu).dense(2, Softmax).build()?;
/// Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(50).fit(&mut network, &scaler.apply(&data))?;
/// let model = Model::new(network, scaler, data.schema().clone())?;
/// let same = Model::from_bytes(&model.to_bytes(), "moons.safetensors")?;
/// assert_eq!(same.predict(&data.to_matrix()), model.predict(&data.to_matrix()));
/// assert!(model.evaluate(&data)?.accuracy() > 0.95);
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// To train a model further, read the new data as its [`schema`](Self::schema) says, scale it with its own
/// [`scaler`](Self::scaler), and go on from a copy of its network:
///
/// ```no_run
/// use palmnet::{Adam, Dataset, Loss, Model, Trainer};
/// let model = Model::load("iris.safetensors")?;
/// let more = Dataset::from_csv_as("more-iris.csv", model.schema())?;
/// let mut network = model.network().clone();
/// Trainer::new(Loss::CrossEntropy, Adam::new(0.001)).fit(&mut network, &model.scaler().apply(&more))?;
/// Model::new(network, model.scaler().clone(), model.schema().clone())?.save("iris.safetensors")?;
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// A model of values may have a [`target_scaler`](Self::target_scaler), too, through which the targets go
/// ([`Dataset::scale_targets`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    network: Network,
    scaler: Scaler,
    target_scaler: Option<Scaler>,
    schema: Schema,
    loss: Option<Loss>,
    /// Whatever is worth knowing about how the model was made, by name: for people, not for programs.
    pub notes: BTreeMap<String, String>,
}

impl Model {
    /// A model of a network, the scaler of its features, and the schema of the data it was trained on.
    ///
    /// # Errors
    /// When the three do not fit each other.
    pub fn new(network: Network, scaler: Scaler, schema: Schema) -> Result<Self> {
        let (inputs, scaled, width) = (network.inputs(), scaler.columns(), schema.width());
        if inputs != width || scaled != width {
            return Err(Error::Mismatch(format!(
                "the network has {inputs} inputs, the scaler {scaled} columns, the schema {width} features"
            )));
        }
        let (outputs, targets) = (network.outputs(), schema.output());
        let fits = match targets {
            Output::Classes { classes, .. } => outputs == classes.len() || (outputs == 1 && classes.len() == 2),
            Output::Values { names } => outputs == names.len(),
        };
        if !fits {
            return Err(Error::Mismatch(format!("the network has {outputs} outputs, which do not fit {targets:?}")));
        }
        Ok(Model { network, scaler, target_scaler: None, schema, loss: None, notes: BTreeMap::new() })
    }

    /// The same model for a network that was trained on scaled targets: predictions are brought back to their units.
    ///
    /// # Errors
    /// When the model predicts classes, or the scaler has not as many columns as the network has outputs.
    pub fn with_target_scaler(self, scaler: Scaler) -> Result<Self> {
        if matches!(self.schema.output(), Output::Classes { .. }) || scaler.columns() != self.network.outputs() {
            return Err(Error::Mismatch("a target scaler is for values, with one column per output".into()));
        }
        Ok(Model { target_scaler: Some(scaler), ..self })
    }

    /// The same model with the loss that it was trained with, for whoever wants to measure it on other data.
    pub fn with_loss(self, loss: Loss) -> Self {
        Model { loss: Some(loss), ..self }
    }

    /// The loss that the model was trained with, where that is known.
    pub fn loss(&self) -> Option<Loss> {
        self.loss
    }

    /// The same model with its network [`folded`](Network::folded), for prediction.
    pub fn folded(self) -> Self {
        Model { network: self.network.folded(), ..self }
    }

    /// The network alone, which takes scaled features.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What is done to the features first.
    pub fn scaler(&self) -> &Scaler {
        &self.scaler
    }

    /// What was done to the targets in training, and is undone in prediction.
    pub fn target_scaler(&self) -> Option<&Scaler> {
        self.target_scaler.as_ref()
    }

    /// The columns that the model takes and what it predicts.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The predictions for `x`, examples × features in the units of the training data: probabilities of the classes,
    /// or values in the units of the targets.
    ///
    /// # Panics
    /// When `x` has not as many columns as the schema has features.
    pub fn predict(&self, x: &Matrix) -> Matrix {
        let mut scaled = x.clone();
        self.scaler.transform(&mut scaled);
        let mut outputs = self.network.predict(&scaled);
        self.finish(&mut outputs);
        outputs
    }

    /// From what the network puts out to what the model answers.
    fn finish(&self, outputs: &mut Matrix) {
        match (self.schema.output(), &self.target_scaler) {
            (Output::Classes { .. }, _) => self.network.logits_to_probabilities(outputs),
            (Output::Values { .. }, Some(scaler)) => scaler.invert(outputs),
            (Output::Values { .. }, None) => {}
        }
    }

    /// The name of the likeliest class in one row of [`predict`](Self::predict), the first of equals; `None` where a
    /// probability is NaN, and for a model of values.
    pub fn class(&self, probabilities: &[f32]) -> Option<&str> {
        let Output::Classes { classes, .. } = self.schema.output() else { return None };
        classes.get(likeliest(probabilities)?).map(String::as_str)
    }

    /// Whether `data` is what the model was trained on; [`Schema::check`] is the rule.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when it is not; the message says what differs.
    pub fn check(&self, data: &Dataset) -> Result<()> {
        self.schema.check(data.schema())?;
        self.network.check(data)
    }

    /// The predictions for every example of `data`, whose features are in the units of the training data.
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub fn outputs_for(&self, data: &Dataset) -> Result<Matrix> {
        self.check(data)?;
        self.predict_features(data.features())
    }

    /// The predictions for examples in the units of the training data, of which nothing is known but their number of
    /// features.
    ///
    /// # Errors
    /// When it is not that of the model.
    pub fn predict_features(&self, features: &Features) -> Result<Matrix> {
        let mut outputs = evaluate::outputs(&self.network, features, |x| self.scaler.transform(x))?;
        self.finish(&mut outputs);
        Ok(outputs)
    }

    /// The predictions for the rows of a table, labelled or not.
    ///
    /// # Errors
    /// When the table has not the columns that the model takes.
    pub fn predict_table(&self, table: &Table) -> Result<Matrix> {
        Ok(self.predict(&self.schema.features(table)?))
    }

    /// How well the model does on labelled data in the units of the training data.
    ///
    /// # Errors
    /// Those of [`check`](Self::check): other classes, say, would give a wrong figure.
    pub fn evaluate(&self, data: &Dataset) -> Result<Evaluation> {
        self.network.judge(&self.outputs_for(data)?, data)
    }

    /// Writes the model to `path`: to a temporary file beside it, which then takes its place, so that the file is
    /// replaced whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written, or a parameter of the network is not finite.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write(&self.to_safetensors(), path.as_ref())
    }

    /// Reads a model that [`save`](Self::save) wrote. It predicts the same bits.
    ///
    /// # Errors
    /// When the file cannot be read, or does not hold a model.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Model::from_safetensors(&Safetensors::read(path)?).map_err(|message| damaged(path, message))
    }

    /// The content of a model file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_safetensors().to_bytes()
    }

    /// A model from the content of a file, as `include_bytes!` gives it; `file_name` is used in errors only.
    ///
    /// # Errors
    /// When the bytes do not hold a model.
    pub fn from_bytes(bytes: &[u8], file_name: &str) -> Result<Self> {
        let file = Safetensors::from_bytes(bytes, file_name)?;
        Model::from_safetensors(&file).map_err(|message| Error::format(file_name, message))
    }

    fn to_safetensors(&self) -> Safetensors {
        let mut file = self.network.to_safetensors();
        let scalers = [("features", Some(&self.scaler)), ("targets", self.target_scaler.as_ref())];
        for (name, scaler) in scalers.iter().filter_map(|&(name, scaler)| Some((name, scaler?))) {
            let shape = [scaler.columns()];
            file.tensors.push(Tensor::new(format!("{name}.offset"), &shape, scaler.offset().to_vec()));
            file.tensors.push(Tensor::new(format!("{name}.factor"), &shape, scaler.factor().to_vec()));
        }
        if let Some(fill) = self.schema.fill() {
            file.tensors.push(Tensor::new(FILL, &[fill.len()], fill.to_vec()));
        }
        file.metadata.insert("schema".into(), schema_to_json(&self.schema).to_string());
        if let Some(loss) = self.loss {
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
        let mut schema = schema_from_json(&json("schema")?)?;
        let tensors = Tensors::of(file);
        if tensors.has(FILL) {
            let fill = tensors.get(FILL, &[schema.width()])?;
            schema = schema.with_fill(fill).map_err(|error| error.to_string())?;
        }
        let scaler = |name: &str, columns: usize| {
            let offset = tensors.get(&format!("{name}.offset"), &[columns])?;
            let factor = tensors.get(&format!("{name}.factor"), &[columns])?;
            Scaler::from_parts(offset, factor).map_err(|error| error.to_string())
        };
        let outputs = network.outputs();
        let features = scaler("features", network.inputs())?;
        let mut model = Model::new(network, features, schema).map_err(|error| error.to_string())?;
        if tensors.has("targets.offset") {
            let targets = scaler("targets", outputs)?;
            model = model.with_target_scaler(targets).map_err(|error| error.to_string())?;
        }
        if let Some(loss) = file.metadata.get("loss") {
            let loss = loss.parse().map_err(|_| {
                format!("the loss {} is not known: the model may come from a newer palmnet", quoted(loss))
            })?;
            model = model.with_loss(loss);
        }
        for (name, text) in json("notes")?.as_object().unwrap_or_default() {
            model.notes.insert(name.clone(), text.as_str().unwrap_or_default().into());
        }
        Ok(model)
    }
}

/// The tensor of what missing features are taken for.
const FILL: &str = "features.fill";

/// `{"columns":["width",{"name":"colour","categories":["blue","red"]}],"target":{…},"positions":[2]}`, with `"ignored":[3]`
/// where columns are left out.
fn schema_to_json(schema: &Schema) -> Json {
    let strings = |names: &[String]| Json::Array(names.iter().map(|name| name.as_str().into()).collect());
    let columns = schema.columns().iter().map(|column| match &column.kind {
        Kind::Number => column.name.as_str().into(),
        Kind::Categories(categories) => {
            Json::object([("name", column.name.as_str().into()), ("categories", strings(categories))])
        }
    });
    let target = match schema.output() {
        Output::Classes { name, classes } => {
            Json::object([("name", name.as_str().into()), ("classes", strings(classes))])
        }
        Output::Values { names } => Json::object([("values", strings(names))]),
    };
    let places = |places: &[usize]| Json::Array(places.iter().map(|&place| place.into()).collect());
    let mut members = vec![
        ("columns", Json::Array(columns.collect())),
        ("target", target),
        ("positions", places(schema.target_positions())),
    ];
    // Not in every file, so that older programs read those that have nothing new.
    if !schema.ignored_positions().is_empty() {
        members.push(("ignored", places(schema.ignored_positions())));
    }
    Json::object(members)
}

fn schema_from_json(json: &Json) -> std::result::Result<Schema, String> {
    let parts = || {
        let text = |json: &Json| json.as_str().map(str::to_string);
        let strings = |json: &Json| json.as_array()?.iter().map(text).collect::<Option<Vec<String>>>();
        let column = |json: &Json| match json.as_str() {
            Some(name) => Some(Column { name: name.into(), kind: Kind::Number }),
            None => {
                let kind = Kind::Categories(strings(json.get("categories")?)?);
                Some(Column { name: text(json.get("name")?)?, kind })
            }
        };
        let columns = json.get("columns")?.as_array()?.iter().map(column).collect::<Option<Vec<Column>>>()?;
        let target = json.get("target")?;
        let output = match target.get("classes") {
            Some(classes) => Output::Classes { name: text(target.get("name")?)?, classes: strings(classes)? },
            None => Output::Values { names: strings(target.get("values")?)? },
        };
        let places = |json: &Json| json.as_array()?.iter().map(Json::as_usize).collect::<Option<Vec<usize>>>();
        let ignored = json.get("ignored").map_or(Some(Vec::new()), places)?;
        Some((columns, output, places(json.get("positions")?)?, ignored))
    };
    let (columns, output, positions, ignored) = parts().ok_or("`schema` is incomplete: the file is damaged")?;
    Schema::from_parts_ignoring(columns, output, positions, ignored).map_err(|error| error.to_string())
}
