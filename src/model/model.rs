//! A model: a network together with what turns a user's columns into its inputs and its outputs into answers.

use std::collections::BTreeMap;
use std::path::Path;

use super::classification::likeliest;
use super::evaluate::{self, Score};
use super::file::CHECKPOINT;
use super::file::{Tensors, damaged, write};
use super::metrics::Evaluation;
use super::preprocessing::Preprocessing;
use super::regression::Regression;
use crate::base::error::{Error, Result};
use crate::base::text::quoted;
use crate::data::{Column, ColumnKind, Dataset, Features, Imputer, Scaler, Schema, Table, TargetSchema};
use crate::format::json::Json;
use crate::format::safetensors::{Safetensors, Tensor};
use crate::linalg::matrix::Matrix;
use crate::nn::activation::Activation;
use crate::nn::loss::Loss;
use crate::nn::network::Network;

/// A network with its preprocessing: it takes the very columns that training took, and answers in their units.
///
/// ```
/// use palmnet::{Activation::*, Adam, Loss, Model, Network, Preprocessing, Scaling, Trainer, generate};
/// let data = generate::moons(200, 0.1, 1);
/// let preprocessing = Preprocessing::fit(&data, Scaling::Standard);
/// let mut train = data.clone();
/// preprocessing.apply(&mut train);
/// let mut network = Network::builder(2).dense(16, Relu).dense(2, Softmax).build()?;
/// Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(50).fit(&mut network, &train)?;
/// let model = Model::new(network, preprocessing, data.schema().clone())?;
/// let same = Model::from_bytes(&model.to_bytes(), "moons.safetensors")?;
/// assert_eq!(same.predict(&data.to_matrix()), model.predict(&data.to_matrix()));
/// assert!(model.evaluate(&data)?.accuracy() > Some(0.95));
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// To train a model further, read the new data as its [`schema`](Self::schema) says, apply its own
/// [`preprocessing`](Self::preprocessing), and go on from a copy of its network:
///
/// ```no_run
/// use palmnet::{Adam, Dataset, Loss, Model, Trainer};
/// let model = Model::load("iris.safetensors")?;
/// let mut more = Dataset::from_csv_as("more-iris.csv", model.schema())?;
/// model.preprocessing().apply(&mut more);
/// let mut network = model.network().clone();
/// Trainer::new(Loss::CrossEntropy, Adam::new(0.001)).fit(&mut network, &more)?;
/// Model::new(network, model.preprocessing().clone(), model.schema().clone())?.save("iris.safetensors")?;
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// A model of values scales its targets too, as a rule: [`Preprocessing`] does both.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    network: Network,
    preprocessing: Preprocessing,
    schema: Schema,
    loss: Option<Loss>,
    /// Whatever is worth knowing about how the model was made, by name: for people, not for programs.
    pub notes: BTreeMap<String, String>,
}

impl Model {
    /// Makes a model of a network, the preprocessing of its data, and the schema of the data it was trained on. A
    /// [`Scaler`](crate::Scaler) serves as preprocessing of features alone. The model takes data with missing features
    /// if the preprocessing has an imputer.
    ///
    /// # Errors
    /// If the three do not fit each other.
    pub fn new(network: Network, preprocessing: impl Into<Preprocessing>, schema: Schema) -> Result<Self> {
        let preprocessing = preprocessing.into();
        let (inputs, scaled, width) = (network.inputs(), preprocessing.features().columns(), schema.width());
        if inputs != width || scaled != width {
            return Err(Error::Mismatch(format!(
                "the network has {inputs} inputs, the scaler {scaled} columns, the schema {width} features"
            )));
        }
        let imputer = preprocessing.imputer();
        if let Some(imputer) = imputer.filter(|imputer| imputer.columns() != width) {
            let columns = imputer.columns();
            return Err(Error::Mismatch(format!("the imputer has {columns} columns, the schema {width} features")));
        }
        let schema = schema.allowing_missing(imputer.is_some());
        let (outputs, targets) = (network.outputs(), schema.target());
        let fits = match targets {
            TargetSchema::Classes { classes, .. } => outputs == classes.len() || (outputs == 1 && classes.len() == 2),
            TargetSchema::Values { names } => outputs == names.len(),
        };
        if !fits {
            return Err(Error::Mismatch(format!("the network has {outputs} outputs, which do not fit {targets:?}")));
        }
        let scaled_values =
            |scaler: &Scaler| matches!(targets, TargetSchema::Values { .. }) && scaler.columns() == outputs;
        if !preprocessing.targets().is_none_or(scaled_values) {
            return Err(Error::Mismatch("a target scaler is for values, with one column per output".into()));
        }
        Ok(Model { network, preprocessing, schema, loss: None, notes: BTreeMap::new() })
    }

    /// The same model with the loss that it was trained with, for whoever wants to measure it on other data.
    pub fn with_loss(self, loss: Loss) -> Self {
        Model { loss: Some(loss), ..self }
    }

    /// The loss that the model was trained with or, if that is not known, the one that suits its outputs.
    pub fn loss(&self) -> Loss {
        self.loss.unwrap_or_else(|| {
            match (self.schema.target(), self.network.output_activation(), self.network.outputs()) {
                (TargetSchema::Values { .. }, ..) => Loss::MeanSquaredError,
                (_, Activation::Identity, 1) => Loss::BinaryCrossEntropyLogits,
                (_, Activation::Identity, _) => Loss::CrossEntropyLogits,
                (_, _, 1) => Loss::BinaryCrossEntropy,
                _ => Loss::CrossEntropy,
            }
        })
    }

    /// The same model with its network [`folded`](Network::folded), for prediction.
    pub fn folded(self) -> Self {
        Model { network: self.network.folded(), ..self }
    }

    /// The network alone, which takes scaled features.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What is done to the features first, and undone to the predicted values last.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// The columns that the model takes and what it predicts.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Returns the predictions for `x`, examples × features in the units of the training data: probabilities of the
    /// classes, or values in the units of the targets. It works on the calling thread; for many examples,
    /// [`outputs_for`](Self::outputs_for) shares the work. Missing features are NaN; without an imputer so are their
    /// predictions.
    ///
    /// # Panics
    /// If `x` does not have as many columns as the schema has features.
    pub fn predict(&self, x: &Matrix) -> Matrix {
        assert_eq!(x.columns(), self.schema.width(), "the columns of the data and the features of the model");
        let mut outputs = evaluate::outputs_here(&self.network, x, |x| self.preprocessing.apply_to_features(x));
        self.finish(&mut outputs);
        outputs
    }

    /// From what the network puts out to what the model answers.
    fn finish(&self, outputs: &mut Matrix) {
        match self.schema.target() {
            TargetSchema::Classes { .. } => self.network.logits_to_probabilities(outputs),
            TargetSchema::Values { .. } => self.preprocessing.invert_targets(outputs),
        }
    }

    /// The name of the likeliest class in one row of [`predict`](Self::predict), the first of equals; `None` where a
    /// probability is NaN, and for a model of values.
    pub fn class(&self, probabilities: &[f32]) -> Option<&str> {
        let TargetSchema::Classes { classes, .. } = self.schema.target() else { return None };
        classes.get(likeliest(probabilities)?).map(String::as_str)
    }

    /// Checks that `data` fits the model, by the rule of [`Schema::check`], and lacks no feature unless the model fills
    /// it in.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if it does not; the message says what differs.
    pub fn check(&self, data: &Dataset) -> Result<()> {
        self.schema.check(data.schema())?;
        match self.preprocessing.imputer() {
            Some(_) => self.network.check_shapes(data),
            None => self.network.check(data),
        }
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
        let mut outputs = evaluate::outputs(&self.network, features, |x| self.preprocessing.apply_to_features(x))?;
        self.finish(&mut outputs);
        Ok(outputs)
    }

    /// The predictions for the rows of a table, labelled or not.
    ///
    /// # Errors
    /// When the table has not the columns that the model takes.
    pub fn predict_table(&self, table: &Table) -> Result<Matrix> {
        self.predict_features(&self.schema.features(table)?.into())
    }

    /// How well the model does on labelled data in the units of the training data.
    ///
    /// # Errors
    /// Those of [`check`](Self::check): other classes, say, would give a wrong figure.
    pub fn evaluate(&self, data: &Dataset) -> Result<Evaluation> {
        self.network.judge(&self.outputs_for(data)?, data)
    }

    /// Loss and metrics on labelled data in the units of the training data, in one pass. The loss is that of scaled
    /// targets, as in training; metrics are in the units of the targets.
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub fn score(&self, data: &Dataset) -> Result<Score> {
        self.check(data)?;
        let mut outputs =
            evaluate::outputs(&self.network, data.features(), |x| self.preprocessing.apply_to_features(x))?;
        let mut targets = Matrix::default();
        data.gather_targets(&(0..data.len()).collect::<Vec<_>>(), self.network.outputs(), &mut targets);
        self.preprocessing.apply_to_targets(&mut targets);
        let loss = self.loss().value(&outputs, &targets);
        self.finish(&mut outputs);
        let evaluation = match data.labels() {
            Some(_) => self.network.judge(&outputs, data)?,
            None => {
                self.preprocessing.invert_targets(&mut targets);
                Evaluation::Regression(Regression::new(&outputs, &targets))
            }
        };
        Ok(Score { loss, evaluation })
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
        let scalers = [("features", Some(self.preprocessing.features())), ("targets", self.preprocessing.targets())];
        for (name, scaler) in scalers.iter().filter_map(|&(name, scaler)| Some((name, scaler?))) {
            let shape = [scaler.columns()];
            file.tensors.push(Tensor::new(format!("{name}.offset"), &shape, scaler.offset().to_vec()));
            file.tensors.push(Tensor::new(format!("{name}.factor"), &shape, scaler.factor().to_vec()));
        }
        if let Some(imputer) = self.preprocessing.imputer() {
            file.tensors.push(Tensor::new(FILL, &[imputer.columns()], imputer.fill().to_vec()));
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
        let schema = schema_from_json(&json("schema")?)?;
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
        let preprocessing = Preprocessing::new(features, targets).with_imputer(imputer);
        let mut model = Model::new(network, preprocessing, schema).map_err(|error| error.to_string())?;
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

/// The tensor of the numbers that are filled in for missing features.
const FILL: &str = "features.fill";

/// `{"columns":["width",{"name":"colour","categories":["blue","red"]}],"target":{…},"positions":[2]}`, with `"ignored":[3]`
/// where columns are left out.
fn schema_to_json(schema: &Schema) -> Json {
    let strings = |names: &[String]| Json::Array(names.iter().map(|name| name.as_str().into()).collect());
    let columns = schema.columns().iter().map(|column| match &column.kind {
        ColumnKind::Number => column.name.as_str().into(),
        ColumnKind::Categories(categories) => {
            Json::object([("name", column.name.as_str().into()), ("categories", strings(categories))])
        }
    });
    let target = match schema.target() {
        TargetSchema::Classes { name, classes } => {
            Json::object([("name", name.as_str().into()), ("classes", strings(classes))])
        }
        TargetSchema::Values { names } => Json::object([("values", strings(names))]),
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
            Some(name) => Some(Column { name: name.into(), kind: ColumnKind::Number }),
            None => {
                let kind = ColumnKind::Categories(strings(json.get("categories")?)?);
                Some(Column { name: text(json.get("name")?)?, kind })
            }
        };
        let columns = json.get("columns")?.as_array()?.iter().map(column).collect::<Option<Vec<Column>>>()?;
        let target = json.get("target")?;
        let output = match target.get("classes") {
            Some(classes) => TargetSchema::Classes { name: text(target.get("name")?)?, classes: strings(classes)? },
            None => TargetSchema::Values { names: strings(target.get("values")?)? },
        };
        let places = |json: &Json| json.as_array()?.iter().map(Json::as_usize).collect::<Option<Vec<usize>>>();
        let ignored = json.get("ignored").map_or(Some(Vec::new()), places)?;
        Some((columns, output, places(json.get("positions")?)?, ignored))
    };
    let (columns, output, positions, ignored) = parts().ok_or("`schema` is incomplete: the file is damaged")?;
    Schema::from_parts_ignoring(columns, output, positions, ignored).map_err(|error| error.to_string())
}
