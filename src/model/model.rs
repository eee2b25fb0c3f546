//! A model: a network with its preprocessing and the schema of its data.

use std::collections::BTreeMap;
use std::fmt;

use super::calibration::Calibration;
use super::classification::likeliest;
use super::evaluate::{self, Score, Scored};
use super::metrics::Evaluation;
use super::preprocessing::Preprocessing;
use super::regression::Regression;
use super::target_range::TargetRange;
use crate::base::error::{Error, Result};
use crate::base::parallel::threads;
use crate::data::{Dataset, Scaler, Schema, TargetSchema, Targets};
use crate::linalg::matrix::Matrix;
use crate::nn::activation::Activation;
use crate::nn::loss::Loss;
use crate::nn::network::Network;

/// A network with its preprocessing: it takes the columns that training took, and predicts in their units.
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
/// [`preprocessing`](Self::preprocessing), and continue from a copy of its network:
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
/// A model of values usually scales its targets too: [`Preprocessing`] does both.
#[derive(Clone, PartialEq)]
pub struct Model {
    network: Network,
    preprocessing: Preprocessing,
    schema: Schema,
    loss: Option<Loss>,
    calibration: Option<Calibration>,
    /// The number of threads that predictions of many examples are shared among; the process's if none is set.
    threads: Option<usize>,
    /// Notes on how the model was made, by name: for people, not for programs.
    pub notes: BTreeMap<String, String>,
}

impl Model {
    /// Makes a model of a network, the preprocessing of its data, and the schema of the data it was trained on. A
    /// [`Scaler`] serves as preprocessing of features alone. The model takes data with missing features
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
            TargetSchema::Labels { names, .. } | TargetSchema::Values { names } => outputs == names.len(),
        };
        if !fits {
            let count = targets.output_names().len();
            return Err(Error::Mismatch(format!(
                "{outputs} outputs of the network do not fit {count} targets or classes"
            )));
        }
        let scaled_values =
            |scaler: &Scaler| matches!(targets, TargetSchema::Values { .. }) && scaler.columns() == outputs;
        if !preprocessing.targets().is_none_or(scaled_values) {
            return Err(Error::Mismatch("a target scaler is for values, with one column per output".into()));
        }
        let is_of_values =
            |range: &TargetRange| matches!(targets, TargetSchema::Values { .. }) && range.low().len() == outputs;
        if !preprocessing.range().is_none_or(is_of_values) {
            return Err(Error::Mismatch("a range of predictions is for values, with two ends per output".into()));
        }
        Ok(Model {
            network,
            preprocessing,
            schema,
            loss: None,
            calibration: None,
            threads: None,
            notes: BTreeMap::new(),
        })
    }

    /// Sets the loss that the model was trained with, which [`score`](Self::score) computes and the file keeps. A model
    /// whose outputs the loss is not defined for is neither scored nor saved.
    #[must_use]
    pub fn with_loss(self, loss: Loss) -> Self {
        Model { loss: Some(loss), ..self }
    }

    /// Returns the loss that the model was trained with or, if that is not known, the one that suits its outputs.
    pub fn loss(&self) -> Loss {
        self.loss.unwrap_or_else(|| {
            match (self.schema.target(), self.network.output_activation(), self.network.outputs()) {
                (TargetSchema::Values { .. }, ..) => Loss::MeanSquaredError,
                (TargetSchema::Labels { .. }, Activation::Identity, _) | (_, Activation::Identity, 1) => {
                    Loss::BinaryCrossEntropyLogits
                }
                (_, Activation::Identity, _) => Loss::CrossEntropyLogits,
                (_, Activation::Sigmoid | Activation::HardSigmoid, _) => Loss::BinaryCrossEntropy,
                (_, Activation::Softmax, _) => Loss::CrossEntropy,
                _ => Loss::MeanSquaredError,
            }
        })
    }

    /// Gives the model a calibration of its predictions for rows that it was not trained on, which the file keeps, or
    /// takes it away. From then on, probabilities are predicted with its temperature, and there are
    /// [`intervals`](Self::intervals) of values or [sets](Self::prediction_sets) of classes.
    ///
    /// ```
    /// use palmnet::model::Calibration;
    /// use palmnet::{Hyperparameters, generate};
    /// let (train, rest) = generate::moons(600, 0.3, 1).split(0.5, 1);
    /// let (held_out, test) = rest.split(0.5, 1);
    /// let mut hyperparameters = Hyperparameters::for_data(&train);
    /// (hyperparameters.epochs, hyperparameters.tune_penalty) = (20, false);
    /// let model = hyperparameters.fit(&train)?.model.with_calibration(None)?;
    /// let (outputs, spreads) = model.predict_with_spread(held_out.features())?;
    /// let model = model.with_calibration(Calibration::fit(&outputs, &spreads, held_out.targets()))?;
    /// assert!(model.coverage(&test, 0.9)?[0].covered > 0.8);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the calibration is of other targets: values instead of classes, or another number of them.
    pub fn with_calibration(self, calibration: impl Into<Option<Calibration>>) -> Result<Self> {
        let calibration = calibration.into();
        if !calibration.as_ref().is_none_or(|calibration| calibration.suits(self.schema.target())) {
            return Err(Error::Mismatch(format!("the calibration is not one of {:?}", self.schema.target())));
        }
        Ok(Model { calibration, ..self })
    }

    /// Returns the calibration of the predictions, if there is one.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
    }

    /// Returns the model with its network [`folded`](Network::folded), for prediction.
    #[must_use]
    pub fn folded(self) -> Self {
        Model { network: self.network.folded(), ..self }
    }

    /// Returns the model with another network of the same inputs and outputs.
    pub(super) fn with_network(self, network: Network) -> Self {
        Model { network, ..self }
    }

    /// Shares predictions of many examples among this many threads, in place of the number that is set for the process
    /// ([`set_threads`](crate::compute::set_threads)). The predictions have the same bits. It is not saved.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Model { threads: Some(threads.max(1)), ..self }
    }

    pub(super) fn threads(&self) -> usize {
        self.threads.unwrap_or_else(threads)
    }

    /// Returns the loss that the model was trained with, if it is known.
    pub(super) fn known_loss(&self) -> Option<Loss> {
        self.loss
    }

    /// Returns the network alone, which takes scaled features.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns the preprocessing: applied to the features first, and inverted for predicted values last.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// Returns the columns that the model takes and those that it predicts.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Returns the name of the likeliest class in one row of [`predict`](Self::predict), the first of equals; `None` if
    /// a probability is NaN, and for a model of labels or values.
    pub fn class(&self, probabilities: &[f32]) -> Option<&str> {
        let TargetSchema::Classes { classes, .. } = self.schema.target() else { return None };
        classes.get(likeliest(probabilities)?).map(String::as_str)
    }

    /// Returns the class of each label in one row of [`predict`](Self::predict): the second, which is the positive one, if
    /// its probability is above 0.5, else the first. `None` if a probability is NaN, and for a model of classes or of
    /// values.
    pub fn labels(&self, probabilities: &[f32]) -> Option<Vec<&str>> {
        let TargetSchema::Labels { classes, .. } = self.schema.target() else { return None };
        let pairs = classes.iter().zip(probabilities);
        pairs.map(|(pair, &p)| likeliest(&[p]).map(|class| pair[class].as_str())).collect()
    }

    /// Checks that `data` fits the model, by the rule of [`Schema::check`], and lacks no feature unless the model fills
    /// it in.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if it does not; the message names the difference.
    pub fn check(&self, data: &Dataset) -> Result<()> {
        self.schema.check(data.schema())?;
        match self.preprocessing.imputer() {
            Some(_) => self.network.check_shapes(data),
            None => self.network.check(data),
        }
    }

    /// Returns the metrics of the model on labeled data in the units of the training data.
    ///
    /// # Errors
    /// Those of [`check`](Self::check): with other classes, for example, the metrics would be wrong.
    pub fn evaluate(&self, data: &Dataset) -> Result<Evaluation> {
        self.network.evaluate_outputs(&self.predict_dataset(data)?, data)
    }

    /// Returns loss and metrics on labeled data in the units of the training data, in one pass. The loss is that of
    /// scaled targets, as in training; metrics are in the units of the targets. A calibrated model has the loss of its
    /// calibrated probabilities, and one with a [range](Preprocessing::range) that of the values it predicts.
    ///
    /// # Errors
    /// Those of [`check`](Self::check), and if the loss that was set is not defined for the network's outputs.
    pub fn score(&self, data: &Dataset) -> Result<Score> {
        Ok(self.scored(data)?.score)
    }

    /// Returns the [`score`](Self::score) with the predictions that it is of: with them, [`coverage_of`](Self::coverage_of)
    /// and a [report](crate::report::Report::scored) need not predict again.
    ///
    /// # Errors
    /// Those of [`score`](Self::score).
    pub fn scored(&self, data: &Dataset) -> Result<Scored> {
        self.check(data)?;
        self.network.check_loss(self.loss())?;
        let prepare = |x: &mut Matrix| self.preprocessing.apply_to_features(x);
        let has_intervals = self.calibration.is_some() && matches!(data.targets(), Targets::Values(_));
        let (network, features, threads) = (&self.network, data.features(), self.threads());
        let (mut outputs, mut spreads) = match has_intervals {
            true => evaluate::outputs_and_spreads(network, features, threads, prepare)?,
            false => (evaluate::outputs(network, features, threads, prepare)?, Matrix::default()),
        };
        self.temper(&mut outputs);
        let mut targets = Matrix::default();
        data.gather_targets(&(0..data.len()).collect::<Vec<_>>(), self.network.outputs(), &mut targets);
        self.preprocessing.apply_to_targets(&mut targets);
        let mut loss = self.loss().value(&outputs, &targets);
        self.finish_tempered(&mut outputs);
        if self.preprocessing.range().is_some() {
            let mut scaled = outputs.clone();
            self.preprocessing.apply_to_targets(&mut scaled);
            loss = self.loss().value(&scaled, &targets);
        }
        let evaluation = match data.targets() {
            Targets::Classes(_) | Targets::Labels(_) => self.network.evaluate_outputs(&outputs, data)?,
            Targets::Values(_) => {
                self.preprocessing.invert_targets(&mut targets);
                Evaluation::Regression(Regression::new(&outputs, &targets))
            }
        };
        self.preprocessing.invert_spreads(&mut spreads);
        Ok(Scored { score: Score { loss, evaluation }, outputs, spreads })
    }
}

/// Writes what distinguishes the model, without its numbers.
impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (schema, targets) = (&self.schema, self.schema.target().names());
        let mut model = f.debug_struct("Model");
        model.field("network", &self.network).field("columns", &schema.columns().len()).field("targets", &targets);
        model.field("loss", &self.loss).field("notes", &self.notes).finish_non_exhaustive()
    }
}
