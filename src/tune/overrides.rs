//! Hyperparameters that are given, and defaults for all others, which depend on these and on the data.

use std::time::Duration;

use super::hyperparameters::{Hyperparameters, Normalization, dense_parameters};
use super::tunable::Tune;
use crate::data::{Dataset, Targets};
use crate::model::preprocessing::Scaling;
use crate::nn::activation::Activation;
use crate::nn::init::Init;
use crate::nn::loss::Loss;
use crate::optim::{Penalty, Rule, Schedule};

/// The ensemble that tables get, and the number of steps that is enough for most of them.
const MEMBERS: usize = 16;
/// The rows for each bin of a column, and the fewest and the most bins.
const ROWS_OF_BIN: usize = 100;
const BINS: (usize, usize) = (16, 64);
const EMBEDDING: usize = 8;
const ENSEMBLE_STEPS: usize = 4_000;
/// The most work of an ensemble, in multiplications and additions, but at least so many epochs: wide tables get fewer
/// steps, so that they do not take minutes.
const MOST_WORK: f64 = 6e11;
const FEWEST_EPOCHS: usize = 9;
const ENSEMBLE_RATE: f32 = 0.01;
const ENSEMBLE_DECAY: f32 = 0.03;
/// The number of steps of a plain network.
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
/// assert_eq!(hyperparameters.epochs, 150);
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
    pub embedding: Option<usize>,
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
    pub tune: Option<Tune>,
    pub budget: Option<Duration>,
    pub calibrate: Option<bool>,
    pub clamp: Option<bool>,
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
    /// Whether the default is a plain network, which trains in a fraction of the time of an ensemble.
    pub fast: bool,
    /// Whether training continues from a trained network: then Adam is the default, without weight decay.
    pub warm_start: bool,
}

impl Hyperparameters {
    /// Returns the defaults of `palmnet train` for this data, before tuning.
    ///
    /// Tables get an ensemble of 16 members that share three hidden layers of 64 ReLU units, with columns encoded in up to
    /// 64 bins and embedded as 8 numbers each. AdamW takes about 4,000 steps at most, in mini-batches of 32 (below 2,000
    /// examples), 64 (below 6,000), 128 (below 25,000) or 256; from 15 to 150 epochs, fewer for wide tables. Trials may
    /// change that: see [`Hyperparameters::tune`].
    ///
    /// Images (features kept as bytes) get a plain network of two hidden layers of 128 units.
    /// [`Overrides::fast`](crate::tune::Overrides::fast) gives tables a plain network too, of three layers of 64: about
    /// 6,000 steps in mini-batches of 16 (below 1,000 examples), 32 (below 10,000) or 64; from 40 to 200 epochs, for
    /// images from 10. Its penalty is tuned, except for 10,000 images or more. Plain networks of fewer than 300
    /// parameters are started five times.
    #[must_use]
    pub fn for_data(train: &Dataset) -> Self {
        Overrides::default().for_data(train)
    }
}

impl Overrides {
    /// Returns every hyperparameter: those that are given, and defaults that suit `train` for the others.
    #[must_use]
    pub fn for_data(&self, train: &Dataset) -> Hyperparameters {
        let images = train.features().is_bytes();
        let plain = images || self.is_plain();
        let optimizer = self.rule(plain);
        let sizes = Sizes { optimizer: &optimizer, images, plain, rows: train.len() };
        let batch_size = self.batch_size.unwrap_or_else(|| sizes.batch_size());
        let hidden = self.hidden.clone().unwrap_or_else(|| if images { vec![128; 2] } else { vec![64; 3] });
        let restarts = self.restarts.unwrap_or_else(|| {
            if plain && dense_parameters(&hidden, train) < FEW_PARAMETERS && !self.warm_start { 5 } else { 1 }
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
        // A network with new weights overfits without regularization, and the best strength depends on the data. For many
        // images it is always about the same; an ensemble is trained for fewer epochs instead.
        let decay_matters = plain && self.is_free() && !(images && train.len() >= MANY_IMAGES);
        let tune_penalty = self.tune_penalty.unwrap_or(decay_matters);
        let members = self.members.unwrap_or(if plain { 1 } else { MEMBERS });
        let bins = self.bins.unwrap_or(if plain { 0 } else { (train.len() / ROWS_OF_BIN).clamp(BINS.0, BINS.1) });
        let embedding = self.embedding.unwrap_or(if plain { 0 } else { EMBEDDING });
        let is_plain = plain && (members, bins, embedding) == (1, 0, 0);
        let mut hyperparameters = Hyperparameters {
            hidden,
            activation: self.activation.unwrap_or(Activation::Relu),
            init: self.init,
            normalization: self.normalization,
            members,
            bins,
            embedding,
            dropout: self.dropout.unwrap_or(0.0),
            noise: self.noise.unwrap_or(0.0),
            loss: self.loss.unwrap_or(loss),
            tune_learning_rate: self.tune_learning_rate.unwrap_or(false),
            penalty: self.penalty(&optimizer, plain),
            tune_penalty,
            tune: self.tune.unwrap_or_else(|| {
                let tunes = !plain && !tune_penalty && self.epochs.is_none() && patience == 0;
                if tunes { self.free() } else { Tune::NONE }
            }),
            budget: self.budget,
            calibrate: self.calibrate.unwrap_or(!plain),
            // A model that is trained further keeps its range, if it has one.
            clamp: self.clamp.unwrap_or(!is_plain || self.warm_start),
            schedule: self.schedule.unwrap_or_default(),
            warmup: self.warmup.unwrap_or(0.0),
            epochs: self.epochs.unwrap_or_else(|| sizes.epochs(batch_size)),
            batch_size,
            restarts,
            clip_norm: self.clip_norm.unwrap_or(f32::INFINITY),
            clip_value: self.clip_value.unwrap_or(f32::INFINITY),
            max_norm: self.max_norm.unwrap_or(f32::INFINITY),
            label_smoothing: self.label_smoothing.unwrap_or(0.0),
            balanced: self.balanced.unwrap_or(false),
            scaling: self.scaling.unwrap_or_else(|| if plain { Scaling::for_data(train) } else { Scaling::Robust }),
            validation,
            patience: (patience > 0).then_some(patience),
            frozen: self.frozen.unwrap_or(0),
            seed: self.seed.unwrap_or(0),
            optimizer,
        };
        if !plain && self.epochs.is_none() {
            let most = MOST_WORK / (hyperparameters.work_of_example(train) * train.len() as f64);
            hyperparameters.epochs = hyperparameters.epochs.min(most as usize).max(FEWEST_EPOCHS);
        }
        hyperparameters
    }

    /// Returns what trials may change: that which is not given.
    fn free(&self) -> Tune {
        Tune {
            epochs: self.epochs.is_none(),
            dropout: self.dropout.is_none(),
            encoding: self.bins.is_none() && self.embedding.is_none(),
            learning_rate: self.learning_rate.is_none()
                && self.optimizer.is_none()
                && self.tune_learning_rate.is_none(),
            hidden: self.hidden.is_none(),
            weight_decay: self.weight_decay.is_none(),
        }
    }

    /// Returns whether neither the optimizer nor the weight decay is given.
    fn is_free(&self) -> bool {
        self.optimizer.is_none() && self.weight_decay.is_none() && !self.warm_start
    }

    /// Returns whether the network is a plain one by default: if that is asked for, or with something else that is not for
    /// members.
    fn is_plain(&self) -> bool {
        let whole_batch = matches!(self.optimizer, Some(Rule::Rprop(_) | Rule::Lbfgs(_)));
        self.fast || self.warm_start || whole_batch || self.normalization == Some(Normalization::Batch)
    }

    fn rule(&self, plain: bool) -> Rule {
        let name = if self.warm_start { "adam" } else { "adamw" };
        let usual: Rule = name.parse().expect("a name of a rule");
        let usual = if plain { usual } else { usual.with_learning_rate(ENSEMBLE_RATE) };
        let rule = self.optimizer.unwrap_or(usual);
        self.learning_rate.map_or(rule, |rate| rule.with_learning_rate(rate))
    }

    fn penalty(&self, optimizer: &Rule, plain: bool) -> Penalty {
        let usual = match self.is_free() {
            true if plain => MANY_IMAGES_DECAY,
            true => ENSEMBLE_DECAY,
            false => optimizer.usual_weight_decay(),
        };
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
            "members" => format!("{MEMBERS} for tables, else 1; 1 with --fast, --from, --batch-norm, rprop and lbfgs"),
            "bins" => format!(
                "one for {ROWS_OF_BIN} examples, from {} to {}, or fewer by trials; 0 with --fast",
                BINS.0, BINS.1
            ),
            "embedding" => format!("{EMBEDDING}, or 0 by trials; 0 with --fast"),
            "dropout" => "0, or 0.2 if that is the best of some trials".into(),
            "batch_size" => {
                "32 for fewer than 2000 training examples, 64 for fewer than 6000, 128 for fewer than 25000, else 256; \
                 with --fast 16 for fewer than 1000, 32 for fewer than 10000, else 64; 64 for images; all examples for \
                 rprop and lbfgs"
                    .into()
            }
            "epochs" => {
                format!(
                    "as many as make about {ENSEMBLE_STEPS} steps, from 15 to 150, fewer for wide tables; a third or \
                     a ninth of them, if that is the best of some trials; with --fast about {STEPS} steps, from 40 to 200; from 10 for images; 500 for lbfgs"
                )
            }
            "weight_decay" => format!(
                "{ENSEMBLE_DECAY}; auto with --fast, or {MANY_IMAGES_DECAY} for {MANY_IMAGES} images or more; {} for \
                 adamw and 0 for others if --optimizer or --from is given",
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

/// Everything that the default batch size and number of epochs depend on.
struct Sizes<'a> {
    optimizer: &'a Rule,
    images: bool,
    plain: bool,
    rows: usize,
}

impl Sizes<'_> {
    /// Returns the default batch size: all examples for Rprop, because the signs of the gradient that it uses are mostly
    /// noise in a mini-batch, and for L-BFGS, which has no mini-batches.
    fn batch_size(&self) -> usize {
        match self.rows {
            rows if matches!(self.optimizer, Rule::Rprop(_) | Rule::Lbfgs(_)) => rows,
            0..2000 if !self.plain => 32,
            0..6000 if !self.plain => 64,
            0..25_000 if !self.plain => 128,
            _ if !self.plain => 256,
            0..1000 if !self.images => 16,
            0..10_000 if !self.images => 32,
            _ => 64,
        }
    }

    fn epochs(&self, batch_size: usize) -> usize {
        let steps = if self.plain { STEPS } else { ENSEMBLE_STEPS };
        let (least, most) = if self.images {
            (10, 200)
        } else if self.plain {
            (40, 200)
        } else {
            (15, 150)
        };
        match self.optimizer {
            Rule::Lbfgs(_) => 500,
            _ => (steps.saturating_mul(batch_size) / self.rows.max(1)).clamp(least, most),
        }
    }
}
