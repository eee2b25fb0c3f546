//! Hyperparameters as plain data.

use std::fmt;
use std::time::Duration;

use super::encoding::Encoding;
use super::tunable::Tune;
use crate::data::{Dataset, Targets};
use crate::model::preprocessing::{Preprocessing, Scaling};
use crate::nn::activation::Activation;
use crate::nn::builder::NetworkBuilder;
use crate::nn::init::Init;
use crate::nn::layer::Dense;
use crate::nn::loss::Loss;
use crate::nn::network::Network;
use crate::optim::{Penalty, Rule, Schedule};
use crate::train::{ExampleWeights, Trainer};

/// The most members of an ensemble in a trial.
const TRIAL_MEMBERS: usize = 8;

/// The hyperparameters of a network and its training, with every value resolved: the options of `palmnet train`.
///
/// [`for_data`](Self::for_data) returns the defaults, which can be changed before [`fit`](Self::fit). The same
/// hyperparameters, data and seed give the same bits, unless there is a [`budget`](Self::budget).
///
/// ```
/// use palmnet::{Hyperparameters, generate, tune::Tune};
/// let (train, test) = generate::moons(500, 0.2, 1).split(0.8, 1);
/// let mut hyperparameters = Hyperparameters::for_data(&train);
/// hyperparameters.hidden = vec![16, 16];
/// hyperparameters.epochs = 30;
/// hyperparameters.tune = Tune::NONE;
/// let fit = hyperparameters.fit(&train)?;
/// assert!(fit.model.score(&test)?.value() > 0.9);
/// assert_eq!(fit.history.epochs.len(), 30);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hyperparameters {
    /// The units of each hidden layer; empty for none.
    pub hidden: Vec<usize>,
    /// The activation after each hidden layer.
    pub activation: Activation,
    /// The distribution of the initial weights; `None` for the one that suits the activation.
    pub init: Option<Init>,
    /// The normalization before each hidden activation.
    pub normalization: Option<Normalization>,
    /// The number of members of the ensemble that the network is, from 1 to 256; 1 for a plain network. Members share the
    /// weights of the hidden layers (Gorishniy, Kotelnikov, Babenko, 2024).
    pub members: usize,
    /// The number of bins, two or more, in which each column of numbers is encoded (Gorishniy, Rubachev, Babenko,
    /// 2022); 0 for no encoding.
    pub bins: usize,
    /// How many numbers the value and the bins of a column of numbers, or its categories if they are many, become before
    /// the first hidden layer; 0 for no embedding.
    pub embedding: usize,
    /// The probability, in [0, 1), that dropout sets a hidden unit to zero.
    pub dropout: f64,
    /// The standard deviation of Gaussian noise that is added to the scaled features.
    pub noise: f32,
    /// The loss that is minimized.
    pub loss: Loss,
    /// The update rule with its learning rate.
    pub optimizer: Rule,
    /// Whether [`fit`](Self::fit) searches for the learning rate first ([`Trainer::find_rate`]).
    pub tune_learning_rate: bool,
    /// The regularization of the weights.
    pub penalty: Penalty,
    /// Whether [`fit`](Self::fit) first trains six networks on 80 % of the examples, with five weight decays and with
    /// an L1 penalty, and continues with the penalty that gave the lowest loss on the other 20 %.
    pub tune_penalty: bool,
    /// The choices that [`fit`](Self::fit) makes by trials on 80 % of the examples (below 1,000 examples, on four fifths of
    /// them five times), by the loss on the others: a third, a ninth or all of the `epochs`; dropout of 0.2; columns without
    /// encoding, or with few bins and no embedding; on fewer than 6,000 examples a third of the learning rate. Some depend
    /// on the best before them.
    /// An ensemble has 8 members in a trial. Not with `tune_penalty`.
    pub tune: Tune,
    /// The time that [`fit`](Self::fit) may take, for as many trials as there is time for: after those that are usual,
    /// rounds of successive halving (Jamieson, Talwalkar, 2016) of hyperparameters drawn at random; `None` for the usual
    /// ones. It is kept to about a tenth; a run that is resumed has all of it again. With it, the result depends on the
    /// speed of the device. On `wasm32-unknown-unknown`, which has no clock, it is an error.
    pub budget: Option<Duration>,
    /// Whether [`fit`](Self::fit) measures a [`Calibration`](crate::model::Calibration) on the examples that trials are
    /// scored on; without any trials, it trains once on the others for that.
    pub calibrate: bool,
    /// Whether predicted values are moved into the range of the training data ([`TargetRange`](crate::model::TargetRange)).
    pub clamp: bool,
    /// The learning-rate schedule.
    pub schedule: Schedule,
    /// The fraction of the steps, in [0, 1], over which the learning rate increases from a tenth.
    pub warmup: f64,
    /// The number of passes over the training data, at least 1.
    pub epochs: usize,
    /// The number of examples in a mini-batch, at least 1.
    pub batch_size: usize,
    /// The number of initial weights, at least 1, that are tried for a tenth of the epochs; the best are trained in
    /// full.
    pub restarts: usize,
    /// The largest Euclidean norm of a gradient, above 0; infinity for no limit.
    pub clip_norm: f32,
    /// The largest absolute entry of a gradient, above 0; infinity for no limit.
    pub clip_value: f32,
    /// The largest Euclidean norm of the weights into a unit, above 0; infinity for no limit.
    pub max_norm: f32,
    /// The fraction of each target, in [0, 1), that is spread evenly over all classes; a label has two.
    pub label_smoothing: f64,
    /// Whether all classes have the same weight in the loss, however many examples they have; not for labels.
    pub balanced: bool,
    /// The scaling of the features.
    pub scaling: Scaling,
    /// The fraction of the training data, in [0, 1), in the validation set.
    pub validation: f64,
    /// Early stopping: the number of epochs without improvement after which training ends; `None` and 0 for never.
    pub patience: Option<usize>,
    /// The number of dense layers at the beginning that are frozen: see [`Trainer::freeze`].
    pub frozen: usize,
    /// The seed of everything random.
    pub seed: u64,
}

/// A normalization layer between a hidden dense layer and its activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Normalization {
    /// Over each mini-batch (Ioffe, Szegedy, 2015).
    Batch,
    /// Over each example (Ba, Kiros, Hinton, 2016).
    Layer,
}

impl Hyperparameters {
    /// Returns the description of a network for `train`, with new weights. The bins of the encoding are quantiles of the
    /// features after `preprocessing`.
    pub fn network(&self, train: &Dataset, preprocessing: &Preprocessing) -> NetworkBuilder {
        let (outputs, link) = match train.targets() {
            Targets::Classes(_) => (train.class_names().len(), Activation::Softmax),
            Targets::Labels(labels) => (labels.columns(), Activation::Sigmoid),
            Targets::Values(values) => (values.columns(), Activation::Identity),
        };
        let dense = |builder: NetworkBuilder, units, activation| {
            let layer = Dense::units(units, activation);
            builder.dense_with(self.init.map_or(layer, |init| layer.init(init)))
        };
        let mut builder = Network::builder(train.features().columns()).seed(self.seed);
        if self.noise != 0.0 {
            builder = builder.noise(self.noise);
        }
        if self.bins > 0 || self.embedding > 0 {
            let encoding = Encoding::new(train, preprocessing, self.bins, self.validation > 0.0);
            builder = encoding.add_to(builder, self.embedding);
        }
        if self.members > 1 {
            builder = builder.members(self.members);
        }
        for &units in &self.hidden {
            builder = match self.normalization {
                None => dense(builder, units, self.activation),
                Some(Normalization::Batch) => {
                    dense(builder, units, Activation::Identity).batch_norm().activation(self.activation)
                }
                Some(Normalization::Layer) => {
                    dense(builder, units, Activation::Identity).layer_norm().activation(self.activation)
                }
            };
            if self.dropout != 0.0 {
                builder = builder.dropout(self.dropout);
            }
        }
        if self.members == 1 {
            return dense(builder, outputs, link);
        }
        let heads = Dense::units(outputs, link);
        builder.heads_with(self.init.map_or(heads, |init| heads.init(init)))
    }

    /// Returns a trainer for data that is already scaled.
    pub fn trainer(&self) -> Trainer {
        let mut trainer = Trainer::new(self.loss, self.optimizer)
            .epochs(self.epochs)
            .batch_size(self.batch_size)
            .seed(self.seed)
            .penalty(self.penalty)
            .schedule(self.schedule)
            .warmup(self.warmup)
            .validation(self.validation)
            .max_norm(self.max_norm)
            .clip_norm(self.clip_norm)
            .clip_value(self.clip_value)
            .label_smoothing(self.label_smoothing)
            .freeze(self.frozen);
        if self.balanced {
            trainer = trainer.example_weights(ExampleWeights::Balanced);
        }
        match self.patience {
            Some(patience) => trainer.early_stopping(patience),
            None => trainer,
        }
    }

    /// Returns whether [`fit`](Self::fit) begins with trials.
    pub(super) fn tunes(&self) -> bool {
        self.tune_penalty || self.tune.any() || self.calibrate
    }

    /// Returns the same hyperparameters with nothing left for trials.
    pub(super) fn resolved(&self) -> Self {
        let (tune_learning_rate, tune_penalty, tune, budget) = (false, false, Tune::NONE, None);
        Hyperparameters { tune_learning_rate, tune_penalty, tune, budget, ..self.clone() }
    }

    /// Returns the same hyperparameters for a trial: more members cost time, and change little.
    pub(super) fn for_trial(&self) -> Self {
        Hyperparameters { members: self.members.min(TRIAL_MEMBERS), ..self.clone() }
    }

    /// Returns the number of weights and biases in the dense layers of a network for `train`.
    #[must_use]
    pub fn parameter_count(&self, train: &Dataset) -> usize {
        dense_parameters(&self.hidden, train)
    }
}

/// Writes every hyperparameter by name, so that equal texts mean equal trainings.
impl fmt::Display for Hyperparameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every field by name, so that a new one is not forgotten here.
        let Hyperparameters {
            hidden,
            activation,
            init,
            normalization,
            members,
            bins,
            embedding,
            dropout,
            noise,
            loss,
            optimizer,
            tune_learning_rate,
            penalty,
            tune_penalty,
            tune,
            budget,
            calibrate,
            clamp,
            schedule,
            warmup,
            epochs,
            batch_size,
            restarts,
            clip_norm,
            clip_value,
            max_norm,
            label_smoothing,
            balanced,
            scaling,
            validation,
            patience,
            frozen,
            seed,
        } = self;
        let hidden = hidden.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let init = init.map_or("default".into(), |init| init.to_string());
        let normalization = match normalization {
            None => "none",
            Some(Normalization::Batch) => "batch",
            Some(Normalization::Layer) => "layer",
        };
        let patience = patience.map_or("none".into(), |patience| patience.to_string());
        write!(f, "hidden={hidden} activation={activation} init={init} normalization={normalization}")?;
        write!(f, " members={members} bins={bins} embedding={embedding}")?;
        write!(f, " dropout={dropout} noise={noise} loss={loss} optimizer={optimizer} penalty={penalty}")?;
        write!(f, " tune_learning_rate={tune_learning_rate} tune_penalty={tune_penalty}")?;
        let budget = budget.map_or("none".into(), |budget| format!("{budget:?}"));
        write!(f, " tune={tune} budget={budget} calibrate={calibrate} clamp={clamp} schedule={schedule}")?;
        write!(f, " warmup={warmup} epochs={epochs} batch_size={batch_size} restarts={restarts}")?;
        write!(f, " clip_norm={clip_norm} clip_value={clip_value} max_norm={max_norm}")?;
        write!(f, " label_smoothing={label_smoothing} balanced={balanced} scaling={scaling}")?;
        write!(f, " validation={validation} patience={patience} frozen={frozen} seed={seed}")
    }
}

/// Returns the number of weights and biases in the dense layers.
pub(super) fn dense_parameters(hidden: &[usize], train: &Dataset) -> usize {
    let outputs = match train.targets() {
        Targets::Classes(_) => train.class_names().len(),
        Targets::Labels(values) | Targets::Values(values) => values.columns(),
    };
    let inputs = [train.features().columns()].into_iter().chain(hidden.iter().copied());
    let outputs = hidden.iter().copied().chain([outputs]);
    let layers = inputs.zip(outputs).map(|(inputs, outputs)| inputs.saturating_add(1).saturating_mul(outputs));
    layers.fold(0, usize::saturating_add)
}
