//! Hyperparameters that are given, and defaults for all others, which depend on these and on the data.

use super::hyperparameters::{Hyperparameters, Normalization, dense_parameters};
use crate::data::{Dataset, Targets};
use crate::model::preprocessing::Scaling;
use crate::nn::activation::Activation;
use crate::nn::init::Init;
use crate::nn::loss::Loss;
use crate::optim::{Penalty, Rule, Schedule};

/// The number of steps that is enough for most tables.
pub(super) const STEPS: usize = 6_000;
/// From this number of images on, one weight decay suits all data and is not tuned.
const MANY_IMAGES: usize = 10_000;
const MANY_IMAGES_DECAY: f32 = 0.1;
/// Networks with fewer parameters are started several times: with bad initial weights, too many of their units may have
/// no gradient for the network to learn.
const FEW_PARAMETERS: usize = 300;

/// Hyperparameters that are given, the others being `None`. [`for_data`](Self::for_data) resolves them all: some
/// defaults depend on other decisions, as the number of epochs does on the batch size.
///
/// ```
/// use palmnet::{generate, tune::Overrides};
/// let moons = generate::moons(400, 0.2, 1);
/// let given = Overrides { batch_size: Some(64), ..Overrides::default() };
/// let hyperparameters = given.for_data(&moons);
/// assert_eq!(hyperparameters.batch_size, 64);
/// assert_eq!(hyperparameters.epochs, 200);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is documented in Hyperparameters")]
pub struct Overrides {
    pub hidden: Option<Vec<usize>>,
    pub activation: Option<Activation>,
    pub init: Option<Init>,
    pub normalization: Option<Normalization>,
    pub members: Option<usize>,
    pub bins: Option<usize>,
    pub dropout: Option<f64>,
    pub noise: Option<f32>,
    pub loss: Option<Loss>,
    pub optimizer: Option<Rule>,
    pub learning_rate: Option<f32>,
    pub tune_learning_rate: Option<bool>,
    pub l1: Option<f32>,
    pub l2: Option<f32>,
    pub weight_decay: Option<f32>,
    pub tune_penalty: Option<bool>,
    pub schedule: Option<Schedule>,
    pub warmup: Option<f64>,
    pub epochs: Option<usize>,
    pub batch_size: Option<usize>,
    pub restarts: Option<usize>,
    pub clip_norm: Option<f32>,
    pub clip_value: Option<f32>,
    pub max_norm: Option<f32>,
    pub label_smoothing: Option<f64>,
    pub balanced: Option<bool>,
    pub scaling: Option<Scaling>,
    pub validation: Option<f64>,
    pub patience: Option<usize>,
    pub frozen: Option<usize>,
    pub seed: Option<u64>,
    /// Whether training continues from a trained network: then Adam is the default, without weight decay.
    pub warm_start: bool,
}

impl Hyperparameters {
    /// Returns the defaults of `palmnet train` for this data, before tuning.
    ///
    /// Tables get three hidden layers of 64 ReLU units, images (features kept as bytes) two of 128. AdamW takes about
    /// 6,000 steps in mini-batches of 16 (below 1,000 examples), 32 (below 10,000) or 64; from 40 to 200 epochs, for
    /// images from 10. The penalty is tuned, except for 10,000 images or more. Networks of fewer than 300 parameters
    /// are started five times.
    #[must_use]
    pub fn for_data(train: &Dataset) -> Self {
        Overrides::default().for_data(train)
    }
}

impl Overrides {
    /// Returns every hyperparameter: those that are given, and defaults that suit `train` for the others.
    #[must_use]
    pub fn for_data(&self, train: &Dataset) -> Hyperparameters {
        let optimizer = self.rule();
        let images = train.features().is_bytes();
        let batch_size = self.batch_size.unwrap_or_else(|| default_batch_size(&optimizer, images, train.len()));
        let hidden = self.hidden.clone().unwrap_or_else(|| if images { vec![128; 2] } else { vec![64; 3] });
        let restarts = self.restarts.unwrap_or_else(|| {
            if dense_parameters(&hidden, train) < FEW_PARAMETERS && !self.warm_start { 5 } else { 1 }
        });
        let loss = match train.targets() {
            Targets::Classes(_) => Loss::CrossEntropy,
            Targets::Labels(_) => Loss::BinaryCrossEntropy,
            Targets::Values(_) => Loss::MeanSquaredError,
        };
        // Early stopping needs a validation set, and is the purpose of one.
        let stops = self.patience.is_some_and(|patience| patience > 0);
        let validation = self.validation.unwrap_or(if stops { 0.1 } else { 0.0 });
        let patience = self.patience.unwrap_or(if validation > 0.0 { 20 } else { 0 });
        Hyperparameters {
            hidden,
            activation: self.activation.unwrap_or(Activation::Relu),
            init: self.init,
            normalization: self.normalization,
            members: self.members.unwrap_or(1),
            bins: self.bins.unwrap_or(0),
            dropout: self.dropout.unwrap_or(0.0),
            noise: self.noise.unwrap_or(0.0),
            loss: self.loss.unwrap_or(loss),
            tune_learning_rate: self.tune_learning_rate.unwrap_or(false),
            penalty: self.penalty(&optimizer),
            // A network with new weights overfits without regularization, and the best strength depends on the data.
            // For many images it is always about the same.
            tune_penalty: self.tune_penalty.unwrap_or(self.is_free() && !(images && train.len() >= MANY_IMAGES)),
            schedule: self.schedule.unwrap_or_default(),
            warmup: self.warmup.unwrap_or(0.0),
            epochs: self.epochs.unwrap_or_else(|| default_epochs(&optimizer, images, batch_size, train.len())),
            batch_size,
            restarts,
            clip_norm: self.clip_norm.unwrap_or(f32::INFINITY),
            clip_value: self.clip_value.unwrap_or(f32::INFINITY),
            max_norm: self.max_norm.unwrap_or(f32::INFINITY),
            label_smoothing: self.label_smoothing.unwrap_or(0.0),
            balanced: self.balanced.unwrap_or(false),
            scaling: self.scaling.unwrap_or_else(|| Scaling::for_data(train)),
            validation,
            patience: (patience > 0).then_some(patience),
            frozen: self.frozen.unwrap_or(0),
            seed: self.seed.unwrap_or(0),
            optimizer,
        }
    }

    /// Returns whether neither the optimizer nor the weight decay is given.
    fn is_free(&self) -> bool {
        self.optimizer.is_none() && self.weight_decay.is_none() && !self.warm_start
    }

    fn rule(&self) -> Rule {
        let name = if self.warm_start { "adam" } else { "adamw" };
        let rule = self.optimizer.unwrap_or_else(|| name.parse().expect("a name of a rule"));
        self.learning_rate.map_or(rule, |rate| rule.with_learning_rate(rate))
    }

    fn penalty(&self, optimizer: &Rule) -> Penalty {
        let usual = if self.is_free() { MANY_IMAGES_DECAY } else { optimizer.usual_weight_decay() };
        let decay = self.weight_decay.unwrap_or(usual);
        Penalty::default().l1(self.l1.unwrap_or(0.0)).l2(self.l2.unwrap_or(0.0)).weight_decay(decay)
    }
}

impl Overrides {
    /// Describes the default of a field that depends on the data or on other decisions, for a help text; empty for any
    /// other field.
    #[doc(hidden)]
    #[must_use]
    pub fn default_text(field: &str) -> String {
        match field {
            "hidden" => "64,64,64 for tables, 128,128 for images".into(),
            "members" => "1".into(),
            "bins" => "0".into(),
            "batch_size" => {
                "16 for fewer than 1000 training examples, 32 for fewer than 10000, else 64; 64 for images; \
                 all examples for rprop and lbfgs"
                    .into()
            }
            "epochs" => {
                format!("as many as make about {STEPS} steps, from 40 to 200; from 10 for images; 500 for lbfgs")
            }
            "weight_decay" => format!(
                "auto, or {} for {MANY_IMAGES} images or more; {} for adamw and 0 for others if --optimizer or --from \
                 is given",
                MANY_IMAGES_DECAY,
                "adamw".parse().map_or(0.0, |rule: Rule| rule.usual_weight_decay())
            ),
            "restarts" => {
                format!("5 for networks of fewer than {FEW_PARAMETERS} parameters, whose starts often fail, else 1")
            }
            "validation" => "0.1 with --patience, else 0".into(),
            "patience" => "20 with --validation, else 0".into(),
            _ => String::new(),
        }
    }
}

/// Returns the default batch size: all examples for Rprop, because the signs of the gradient that it uses are mostly
/// noise in a mini-batch, and for L-BFGS, which has no mini-batches.
fn default_batch_size(optimizer: &Rule, images: bool, rows: usize) -> usize {
    match rows {
        _ if matches!(optimizer, Rule::Rprop(_) | Rule::Lbfgs(_)) => rows,
        0..1000 if !images => 16,
        0..10_000 if !images => 32,
        _ => 64,
    }
}

fn default_epochs(optimizer: &Rule, images: bool, batch_size: usize, rows: usize) -> usize {
    match optimizer {
        Rule::Lbfgs(_) => 500,
        _ => (STEPS.saturating_mul(batch_size) / rows.max(1)).clamp(if images { 10 } else { 40 }, 200),
    }
}
