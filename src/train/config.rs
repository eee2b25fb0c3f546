//! Every setting of a training as plain data: their checks, and the identity that they give a training.

use super::checkpoint_file::{Fingerprint, INSTRUCTION_SET};
use super::example_weights::{ExampleWeights, relative_weights};
use super::position::layers;
use super::step::{CHUNK, Examples, Rows, StepOptions, step_numbers};
use super::targets;
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::memory::{is_available, megabytes};
use crate::base::rng::{Rng, purpose};
use crate::data::Dataset;
use crate::linalg::isa;
use crate::nn::layer::Layer;
use crate::nn::loss::Loss;
use crate::nn::network::Network;
use crate::optim::{Optimizer, Penalty, Rule, Schedule};

/// The settings of a [`Trainer`](crate::Trainer), where they are documented.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Config {
    pub(super) loss: Loss,
    pub(super) rule: Rule,
    pub(super) penalty: Penalty,
    pub(super) clip_value: f32,
    pub(super) clip_norm: f32,
    pub(super) max_norm: f32,
    pub(super) label_smoothing: f32,
    /// In dense layers.
    pub(super) frozen: usize,
    pub(super) example_weights: Option<ExampleWeights>,
    pub(super) schedule: Schedule,
    pub(super) warmup: f32,
    pub(super) epochs: usize,
    pub(super) batch_size: usize,
    pub(super) validation: f64,
    pub(super) patience: Option<usize>,
    pub(super) seed: u64,
    /// Zero for the number of the process.
    pub(super) threads: usize,
}

impl Config {
    pub(super) fn new(loss: Loss, rule: Rule) -> Self {
        Config {
            loss,
            rule,
            penalty: Penalty::default(),
            clip_value: f32::INFINITY,
            clip_norm: f32::INFINITY,
            max_norm: f32::INFINITY,
            label_smoothing: 0.0,
            frozen: 0,
            example_weights: None,
            schedule: Schedule::default(),
            warmup: 0.0,
            epochs: 100,
            batch_size: 32,
            validation: 0.0,
            patience: None,
            seed: 0,
            threads: 0,
        }
    }

    /// Returns everything that the bits of the result follow from, by name, for a training of the best of `starts`.
    pub(super) fn fingerprint(
        &self,
        starts: usize,
        network: &Network,
        data: &Dataset,
        validation_data: Option<&Dataset>,
    ) -> Fingerprint {
        // Every field by name, so that a new one is not forgotten here.
        let Config {
            loss,
            rule,
            penalty: Penalty { l1, l2, weight_decay, biases },
            clip_value,
            clip_norm,
            max_norm,
            label_smoothing,
            frozen,
            example_weights,
            schedule,
            warmup,
            epochs,
            batch_size,
            validation,
            patience,
            seed,
            threads: _,
        } = self;
        vec![
            ("version of palmnet", env!("CARGO_PKG_VERSION").into()),
            (INSTRUCTION_SET, isa::isa().to_string()),
            ("network", layers(network)),
            ("initial weights", digest_of_network(network)),
            ("starts", starts.to_string()),
            ("data", data.digest()),
            ("validation", validation_data.map_or_else(|| validation.to_string(), Dataset::digest)),
            ("loss", loss.to_string()),
            ("learning rate", rule.learning_rate().to_string()),
            ("update rule", rule.to_string()),
            ("l1", l1.to_string()),
            ("l2", l2.to_string()),
            ("weight decay", weight_decay.to_string()),
            ("decay of biases", biases.to_string()),
            ("clip value", clip_value.to_string()),
            ("clip norm", clip_norm.to_string()),
            ("max norm", max_norm.to_string()),
            ("label smoothing", label_smoothing.to_string()),
            ("frozen layers", frozen.to_string()),
            ("example weights", digest_of_weights(example_weights.as_ref(), data)),
            ("schedule", schedule.to_string()),
            ("warmup", warmup.to_string()),
            ("epochs", epochs.to_string()),
            ("batch size", batch_size.to_string()),
            ("patience", patience.map_or("none".into(), |patience| patience.to_string())),
            ("seed", seed.to_string()),
        ]
    }

    /// Refuses settings out of range, and a network, data and loss that do not fit each other.
    pub(super) fn check(&self, network: &Network, data: &Dataset) -> Result<()> {
        isa::check()?;
        if data.is_empty() {
            return Err(Error::Mismatch("there are no examples to train on".into()));
        }
        self.check_ranges()?;
        network.check_float()?;
        let first = self.first_trained(network)?;
        let normalizes = network.layers()[first..].iter().any(|layer| matches!(layer, Layer::BatchNorm(_)));
        if normalizes && self.batch_size.min(data.len()) == 1 {
            let message = "batch normalization learns nothing from mini-batches of one example: \
                 make them larger, or use layer normalization";
            return Err(Error::Setting(message.into()));
        }
        if let Rule::Lbfgs(_) = self.rule {
            self.check_lbfgs(network)?;
        }
        network.check(data)?;
        network.check_loss(self.loss)?;
        targets::check(network, self.loss, data)
    }

    /// Refuses a training on so many examples, with the loss measured on so many, that needs more memory than there is: a
    /// failed allocation would end the process.
    pub(super) fn check_memory(&self, network: &Network, examples: usize, measured: usize) -> Result<()> {
        let (moments, remedy) = match self.rule {
            Rule::Lbfgs(rule) => (rule.vectors(self.epochs), "use fewer units, or let L-BFGS remember fewer steps"),
            rule => (rule.moments(), "use fewer units"),
        };
        // The gradient, two copies of the weights and the moments.
        let weights = network.parameter_count().saturating_mul(moments.saturating_add(3));
        let batch = if let Rule::Lbfgs(_) = self.rule { CHUNK } else { self.batch_size }.min(examples);
        // More threads are started only if there is memory for them. Three indices for each example.
        let of_examples = step_numbers(network, batch, measured, 1).saturating_add(examples.saturating_mul(6));
        let bytes = weights.saturating_add(of_examples).saturating_mul(4);
        if is_available(bytes) {
            return Ok(());
        }
        let remedy = match of_examples > weights {
            true => "leave columns out (--ignore), or use smaller batches",
            false => remedy,
        };
        Err(Error::Setting(format!("training needs {} of memory, more than there is: {remedy}", megabytes(bytes))))
    }

    /// Refuses settings out of range.
    pub(super) fn check_ranges(&self) -> Result<()> {
        let wrong = |message: String| Err(Error::Setting(message));
        if self.batch_size == 0 {
            return wrong("a batch needs at least one example: set the batch size to 1 or more".into());
        }
        self.rule.check()?;
        self.penalty.check()?;
        self.schedule.check()?;
        let limits = [("clip value", self.clip_value), ("clip norm", self.clip_norm), ("max norm", self.max_norm)];
        for (name, limit) in limits {
            if limit.is_nan() || limit <= 0.0 {
                return wrong(format!("{name} {limit}: it must be more than zero"));
            }
        }
        let fractions = [("label smoothing", f64::from(self.label_smoothing)), ("validation", self.validation)];
        for (name, fraction) in fractions {
            if !(0.0..1.0).contains(&fraction) {
                return wrong(format!("{name} {fraction}: the fraction must be at least 0 and less than 1"));
            }
        }
        if !(0.0..=1.0).contains(&self.warmup) {
            return wrong(format!("warmup {}: the fraction of the steps must be from 0 to 1", self.warmup));
        }
        Ok(())
    }

    /// Refuses settings that would give another function at every step, or are no part of the one that is minimized.
    fn check_lbfgs(&self, network: &Network) -> Result<()> {
        let refuse =
            |reason: &str| Err(Error::Setting(format!("L-BFGS {reason}, or use another optimizer, such as Adam")));
        if self.penalty.only_l2().is_none() {
            return refuse("needs a smooth penalty that is part of the gradient: use L2, not L1 or weight decay");
        }
        if self.clip_value.min(self.clip_norm).min(self.max_norm) < f32::INFINITY {
            return refuse("needs the gradient and its weights unchanged: leave out clipping and max-norm");
        }
        if self.warmup > 0.0 {
            return refuse("finds the length of its steps by itself: leave out the warm-up");
        }
        let is_random = |layer: &Layer| match layer {
            Layer::Dropout(dropout) => dropout.rate() > 0.0,
            Layer::Noise(noise) => noise.deviation() > 0.0,
            _ => false,
        };
        // Frozen layers work as in prediction.
        let layers = &network.layers()[self.first_trained(network)?..];
        if layers.iter().any(is_random) {
            return refuse(
                "needs a loss that stays the same from step to step: leave out dropout and noise, and use L2 instead",
            );
        }
        if layers.iter().any(|layer| matches!(layer, Layer::BatchNorm(_))) {
            return refuse("has no mini-batches to normalize over: use layer normalization");
        }
        Ok(())
    }

    /// Returns the first layer that is trained.
    pub(super) fn first_trained(&self, network: &Network) -> Result<usize> {
        if self.frozen == 0 {
            return Ok(0);
        }
        let is_dense = |(_, layer): &(usize, &Layer)| matches!(layer, Layer::Dense(_));
        let mut dense = network.layers().iter().enumerate().filter(is_dense);
        let count = dense.clone().count();
        dense.nth(self.frozen).map(|(layer, _)| layer).ok_or_else(|| {
            Error::Setting(format!("{} of {count} dense layers are to be frozen: nothing is trained", self.frozen))
        })
    }

    /// Returns the options of every step on `data`.
    pub(super) fn step_options(&self, network: &Network, data: &Dataset) -> Result<StepOptions> {
        let weights = match &self.example_weights {
            Some(weights) => weights.of(data)?,
            None => relative_weights(data)?.unwrap_or_default(),
        };
        Ok(StepOptions {
            label_smoothing: self.label_smoothing,
            weights,
            clip_norm: self.clip_norm,
            max_norm: self.max_norm,
            frozen: self.first_trained(network)?,
        })
    }

    pub(super) fn optimizer(&self, network: &Network) -> Optimizer {
        Optimizer::new(self.rule, network).penalty(self.penalty).clip_value(self.clip_value)
    }

    /// Returns the examples to train on, and those to measure the loss on: a fraction of `data`, or all of
    /// `validation_data`.
    ///
    /// # Errors
    /// If a validation set is to be taken from a single group, or no example that counts is left.
    pub(super) fn divide<'d>(&self, data: &'d Dataset, validation_data: Option<&'d Dataset>) -> Result<Examples<'d>> {
        let mut train = Rows::all(data);
        let validation = match validation_data {
            Some(data) => Rows::all(data),
            None => {
                let mut rng = Rng::stream(self.seed, purpose::VALIDATION);
                Rows { data, rows: hold_back(self.validation, &mut train.rows, data, &mut rng)? }
            }
        };
        if data.weights().is_some_and(|weights| train.rows.iter().all(|&row| weights[row] == 0.0)) {
            let message = "the weights of all examples that are left to train on are zero: at least one must count";
            return Err(Error::Mismatch(message.into()));
        }
        Ok(Examples { train, validation })
    }
}

/// Takes this fraction of the rows away, as [`Dataset::split`] does; at least one row stays.
fn hold_back(fraction: f64, rows: &mut Vec<usize>, data: &Dataset, rng: &mut Rng) -> Result<Vec<usize>> {
    let count = ((rows.len() as f64 * fraction).round() as usize).min(rows.len() - 1);
    if count == 0 {
        return Ok(Vec::new());
    }
    if data.is_indivisible() {
        let message = "all examples to train on are of one group: a validation set needs another one";
        return Err(Error::Mismatch(message.into()));
    }
    let first = rows.len() - count;
    Ok(data.divide(rows, first, rng))
}

fn digest_of_network(network: &Network) -> String {
    let mut digest = Digest::new();
    network.to_safetensors().tensors.iter().for_each(|tensor| digest.floats(&tensor.data));
    digest.finish()
}

fn digest_of_weights(weights: Option<&ExampleWeights>, data: &Dataset) -> String {
    // Weights that do not fit the data are refused before a checkpoint is read.
    let Some(weights) = weights.and_then(|weights| weights.of(data).ok()) else { return "none".into() };
    let mut digest = Digest::new();
    digest.floats(&weights);
    digest.finish()
}
