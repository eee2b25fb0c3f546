//! How a network is to be made and trained, as the command line says it.

use palmnet::{Activation, Init, Scaling, Schedule};

use super::Failure;
use super::arguments::Arguments;

/// How a network is to be made and trained, as far as the command line says.
#[derive(Clone)]
pub struct Options {
    pub hidden: Option<Vec<usize>>,
    pub activation: Activation,
    pub init: Option<Init>,
    pub optimizer: Option<&'static str>,
    pub learning_rate: Option<f32>,
    /// Whether a search is to find it.
    pub auto_rate: bool,
    pub schedule: Schedule,
    pub warmup: f32,
    pub l1: f32,
    pub l2: f32,
    pub weight_decay: Option<f32>,
    /// Whether trials are to find it.
    pub auto_decay: bool,
    pub epochs: Option<usize>,
    pub batch: Option<usize>,
    pub dropout: f32,
    pub noise: f32,
    pub norm: Option<Norm>,
    pub max_norm: f32,
    pub clip_norm: f32,
    pub clip_value: f32,
    pub label_smoothing: f32,
    pub balanced: bool,
    pub freeze: usize,
    pub scale: Option<Scaling>,
    pub validation: f64,
    pub patience: usize,
    pub restarts: Option<usize>,
    /// Whether a saved network is the start.
    pub warm: bool,
    pub seed: u64,
}

/// What is normalised before the activations.
#[derive(Clone, Copy)]
pub enum Norm {
    Batch,
    Layer,
}

/// The optimizers, and the learning rate that each gets when none is given.
pub const OPTIMIZERS: [(&str, f32); 11] = [
    ("adam", 0.001),
    ("adamw", 0.003),
    ("amsgrad", 0.001),
    ("nadam", 0.001),
    ("sgd", 0.1),
    ("momentum", 0.03),
    ("nesterov", 0.03),
    ("adagrad", 0.05),
    ("rmsprop", 0.001),
    ("rprop", 0.001),
    ("lbfgs", 1.0),
];

impl Options {
    pub fn parse(arguments: &Arguments) -> Result<Self, Failure> {
        let hidden = match arguments.text("--hidden") {
            None => None,
            Some("0") => Some(Vec::new()),
            Some(sizes) => {
                let sizes = sizes.split(',').map(|size| size.trim().parse().ok().filter(|&size| size > 0));
                let bad = || arguments.misuse("--hidden: expected numbers of units, as in 128,128, or 0");
                Some(sizes.collect::<Option<Vec<usize>>>().ok_or_else(bad)?)
            }
        };
        let scale = match arguments.one_of("--scale", &["standard", "minmax", "none"])? {
            Some(name) => Some(name.parse()?),
            None => None,
        };
        let optimizer = arguments.one_of("--optimizer", &OPTIMIZERS.map(|(name, _)| name))?;
        let of_steps = ["--lr", "--schedule", "--warmup", "--batch"];
        let of_loss =
            ["--l1", "--weight-decay", "--dropout", "--noise", "--batch-norm", "--max-norm", "--clip", "--clip-value"];
        if optimizer == Some("lbfgs") {
            let given = |options: &[&'static str]| options.iter().copied().find(|option| arguments.has(option));
            let why = match (given(&of_steps), given(&of_loss)) {
                (Some(option), _) => format!(
                    "{option} does not go with --optimizer lbfgs, which finds the length of its steps on all of the data"
                ),
                (_, Some(option)) => format!(
                    "{option} does not go with --optimizer lbfgs, which needs the same smooth loss at every step: take --l2"
                ),
                (None, None) => String::new(),
            };
            if !why.is_empty() {
                return Err(arguments.misuse(&why));
            }
        }
        let auto_rate = arguments.text("--lr") == Some("auto");
        if auto_rate && optimizer == Some("rprop") {
            return Err(
                arguments.misuse("--lr auto does not go with --optimizer rprop, which finds its steps as it goes")
            );
        }
        let rate = match auto_rate {
            true => None,
            false => arguments.value("--lr", "a number above 0, or auto", |&x: &f32| x > 0.0 && x.is_finite())?,
        };
        let whole = |name: &str| arguments.value(name, "a whole number from 1", |&n: &usize| n > 0);
        let norm = match (arguments.has("--batch-norm"), arguments.has("--layer-norm")) {
            (true, true) => return Err(arguments.misuse("--batch-norm and --layer-norm exclude each other")),
            (true, false) => Some(Norm::Batch),
            (false, true) => Some(Norm::Layer),
            (false, false) => None,
        };
        if arguments.text("--batch") == Some("1") && arguments.has("--batch-norm") {
            return Err(
                arguments.misuse("--batch-norm learns nothing from --batch 1: take larger batches, or --layer-norm")
            );
        }
        let share = "a share of at least 0 and less than 1";
        let dropout = arguments.value("--dropout", share, |p: &f32| (0.0..1.0).contains(p))?;
        let warmup = arguments.value("--warmup", "a share from 0 to 1", |p: &f32| (0.0..=1.0).contains(p))?;
        let strength =
            |name: &str| arguments.value(name, "a number of at least 0", |x: &f32| *x >= 0.0 && x.is_finite());
        let limit = |name: &str| {
            let limit = arguments.value(name, "a number above 0", |&x: &f32| x > 0.0)?;
            Ok::<f32, Failure>(limit.unwrap_or(f32::INFINITY))
        };
        let label_smoothing = arguments.value("--label-smoothing", share, |p: &f32| (0.0..1.0).contains(p))?;
        let auto_decay = arguments.text("--weight-decay") == Some("auto");
        let decay = match auto_decay {
            true => None,
            false => {
                let expected = "a number of at least 0, or auto";
                arguments.value("--weight-decay", expected, |x: &f32| *x >= 0.0 && x.is_finite())?
            }
        };
        let patience = arguments.value("--patience", "a whole number", |_: &usize| true)?;
        let validation = arguments.value("--validation", share, |p: &f64| (0.0..1.0).contains(p))?;
        let usual_validation = if patience.is_some_and(|patience| patience > 0) { 0.1 } else { 0.0 };
        let validation = validation.unwrap_or(usual_validation);
        Ok(Options {
            hidden,
            activation: arguments.named("--activation")?.unwrap_or(Activation::Relu),
            init: arguments.named("--init")?,
            optimizer,
            learning_rate: rate,
            auto_rate,
            schedule: arguments.named("--schedule")?.unwrap_or_default(),
            warmup: warmup.unwrap_or(0.0),
            l1: strength("--l1")?.unwrap_or(0.0),
            l2: strength("--l2")?.unwrap_or(0.0),
            weight_decay: decay,
            auto_decay,
            epochs: whole("--epochs")?,
            batch: whole("--batch")?,
            dropout: dropout.unwrap_or(0.0),
            noise: strength("--noise")?.unwrap_or(0.0),
            norm,
            max_norm: limit("--max-norm")?,
            clip_norm: limit("--clip")?,
            clip_value: limit("--clip-value")?,
            label_smoothing: label_smoothing.unwrap_or(0.0),
            balanced: arguments.has("--balanced"),
            freeze: whole("--freeze")?.unwrap_or(0),
            scale,
            validation,
            patience: patience.unwrap_or(if validation > 0.0 { 20 } else { 0 }),
            restarts: whole("--restarts")?,
            warm: arguments.has("--from"),
            seed: arguments.value("--seed", "a whole number", |_| true)?.unwrap_or(0),
        })
    }
}
