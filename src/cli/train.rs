//! `palmnet train`: from a file to a model.

use std::io::Write;

use palmnet::json::Json;
use palmnet::{
    Activation, AdaGrad, Adam, Dataset, Features, Init, Lbfgs, Loss, Matrix, Model, NAdam, Network, NetworkBuilder,
    Penalty, RmsProp, Rng, Rprop, Rule, Scaler, Schedule, Sgd, Targets, Trainer, Weights,
};

use super::arguments::{Arguments, Command, THREADS, choice};
use super::checkpoint::{self, Checkpoint};
use super::data::{self, Parts, Request};
use super::numbers::{counted, exact};
use super::report::{Score, loss_of};
use super::training::{self, Job, Manner};
use super::{Failure, files, folds};

pub const COMMAND: Command = Command {
    name: "train",
    usage: "train DATA [options]",
    summary: "Train a network on a file, report how well it does, and save it with its preprocessing.",
    details: &[
        data::ABOUT,
        "What is not given is chosen from the data, and printed.",
        "Standard output gets the results, standard error the progress.",
    ],
    words: (1, 1),
    options: &[
        data::TARGET,
        data::TASK,
        data::TEST,
        data::IGNORE,
        data::MISSING,
        choice(
            "--hidden",
            "N[,N...]",
            "Units of each hidden layer; 0 for none. When not given: 128,128 for images, and for tables two equal layers, the largest of 128, 64, 32, 16, 8 or 4 units whose network has no more parameters than the training data has numbers (rows × features).",
        ),
        choice(
            "--activation",
            "NAME",
            "After each hidden layer: relu (when not given), leaky_relu[:SLOPE], elu[:ALPHA], selu, sigmoid, tanh, softplus, silu, gelu, hard_sigmoid, softmax, identity.",
        ),
        choice(
            "--init",
            "NAME",
            "How weights start: xavier_uniform, xavier_normal, he_uniform, he_normal, lecun_uniform, lecun_normal, normal:DEVIATION, truncated_normal:DEVIATION, uniform:LOW:HIGH, constant:VALUE. What suits the activation when not given.",
        ),
        choice(
            "--optimizer",
            "NAME",
            "adam (when not given), adamw, amsgrad, nadam, sgd, momentum, nesterov, adagrad, rmsprop, rprop; or lbfgs, for small data: it takes all of it for each step, and finds the length of the step by itself.",
        ),
        choice(
            "--lr",
            "X",
            "Learning rate, or auto to look for one in a hundred steps of a copy of the network. When not given: 0.1 for sgd, 0.03 for momentum and nesterov, 0.05 for adagrad, 0.01 for rprop (its first step), 0.001 for the others.",
        ),
        choice(
            "--schedule",
            "NAME",
            "Course of the learning rate: cooldown[:SHARE] (falls to zero over the last fifth, when not given), constant, step:EPOCHS:FACTOR, exponential:FACTOR (for each epoch), inverse_scaling[:POWER], cosine[:LOWEST], one_cycle, plateau[:EPOCHS[:FACTOR]] (lower when the loss has not fallen for 10 epochs, a tenth).",
        ),
        choice(
            "--warmup",
            "P",
            "Share of the training over which the learning rate rises from a tenth to all of what the schedule says: 0 when not given.",
        ),
        choice("--l1", "X", "Penalty on the sum of all weights without their signs: 0 when not given."),
        choice("--l2", "X", "Penalty on half the sum of the squares of all weights: 0 when not given."),
        choice(
            "--weight-decay",
            "X",
            "Shrink the weights in every step by the learning rate times X: 0.01 for adamw when not given, else 0.",
        ),
        choice(
            "--epochs",
            "N",
            "Passes over the training data. When not given: what makes about 6000 steps, but from 20 to 200; 10 for images. For rprop 200, for lbfgs at most 500.",
        ),
        choice(
            "--batch",
            "N",
            "Examples per step. When not given: 16 for less than 1000 training examples, 32 for less than 10000, else 64; 64 for images. For rprop and lbfgs all of them.",
        ),
        choice("--dropout", "P", "Probability that a hidden unit is left out of a step: 0 when not given."),
        choice(
            "--noise",
            "X",
            "Standard deviation of random numbers that are added to the scaled features: 0 when not given.",
        ),
        choice(
            "--norm",
            "none|batch|layer",
            "Normalise what goes into the hidden units' activation, over each batch or each example: none when not given.",
        ),
        choice("--max-norm", "X", "Scale the weights of a unit down to this length: no limit when not given."),
        choice("--clip-norm", "X", "Scale the gradient of a step down to this length: no limit when not given."),
        choice("--clip-value", "X", "Cut each entry of the gradient to ±X: no limit when not given."),
        choice("--label-smoothing", "P", "Share of a class' target that is spread over all classes: 0 when not given."),
        choice("--balanced", "", "Let every class count as much as any other, however few its examples are."),
        choice(
            "--scale",
            "standard|minmax|none",
            "Bring each feature to mean 0 and variance 1 (tables, when not given), to [0, 1], or leave it. Pixels are divided by 255 when not given.",
        ),
        choice(
            "--validation",
            "P",
            "Share of the training data that is kept back to measure the loss on after each epoch. When not given: 0.1 with --patience, else 0.",
        ),
        choice(
            "--patience",
            "N",
            "Stop when the loss (on the validation part, where there is one) has not improved for N epochs, and take the best epoch's weights; 0 for never. When not given: 20 with --validation, else 0.",
        ),
        choice(
            "--restarts",
            "N",
            "Start N networks, train each for a tenth of the epochs, and go on with the best: 5 when not given for networks of less than 300 parameters, which a bad start can spoil, else 1.",
        ),
        choice(
            "--from",
            "MODEL",
            "Go on with the network of a saved model, its columns and its scaling, instead of a new network.",
        ),
        choice(
            "--freeze",
            "N",
            "Leave the first N dense layers of --from as they are, with all that lies before the next one: for few rows that resemble those it was trained on.",
        ),
        data::FOLDS,
        choice("--seed", "N", "Everything random follows from it: 0 when not given."),
        choice("--out", "FILE", "Where the model goes: model.safetensors when not given."),
        choice(
            "--history",
            "FILE",
            "Where a table of the epochs goes, as CSV: epoch, train_loss, validation_loss, learning_rate, seconds.",
        ),
        checkpoint::CHECKPOINT,
        checkpoint::EVERY,
        checkpoint::RESUME,
        THREADS,
        choice("--every", "N", "Print a plain progress line every N epochs."),
        choice("--quiet", "", "No progress and no remarks."),
        choice("--json", "", "JSON lines on standard output: an object for each epoch (or fold), and one at the end."),
    ],
};

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    // Everything that can be judged before the data is read, is.
    let manner = Manner::parse(arguments)?;
    exclude(arguments, "--from", DECIDED_BY_A_MODEL)?;
    exclude(arguments, data::FOLDS.name, UNUSED_IN_FOLDS)?;
    if arguments.has("--freeze") && !arguments.has("--from") {
        return Err(arguments.misuse("--freeze is for the layers of a model that --from names"));
    }
    let options = Options::parse(arguments)?;
    let folds = arguments.value(data::FOLDS.name, "a whole number from 2", |&k: &usize| k > 1)?;
    if arguments.has("--from") && arguments.text(data::MISSING.name) == Some("fill") {
        return Err(arguments.misuse("--missing fill: what is filled in is decided by the model of --from"));
    }
    let request = Request::parse(arguments)?;
    let start = arguments.text("--from").map(Model::load).transpose()?;
    let request = request.with_start(start.as_ref());
    if let Some(folds) = folds {
        let parts = request.read(options.seed)?;
        return folds::run(folds, arguments, options, parts, &manner, out);
    }
    let places = Places::parse(arguments, &request.files())?;
    let parts = request.read(options.seed)?;
    let job = job(arguments, options, parts, start.as_ref(), places, &manner, out)?;
    training::run(job, &manner, out).map(drop)
}

/// What the model of `--from` decides.
const DECIDED_BY_A_MODEL: &[&str] = &[
    "--target",
    "--task",
    "--ignore",
    "--hidden",
    "--activation",
    "--init",
    "--dropout",
    "--noise",
    "--norm",
    "--scale",
    "--restarts",
    "--folds",
];
/// What has no meaning where nothing is saved, and every fold has its own test part.
const UNUSED_IN_FOLDS: &[&str] = &["--test", "--out", "--history", "--checkpoint", "--checkpoint-every", "--resume"];

/// An error where `option` and one of the `others` are given.
fn exclude(arguments: &Arguments, option: &str, others: &[&str]) -> Result<(), Failure> {
    match others.iter().find(|other| arguments.has(option) && arguments.has(other)) {
        Some(other) => Err(arguments.misuse(&format!("{other} and {option} exclude each other"))),
        None => Ok(()),
    }
}

/// The files that a training makes.
pub struct Places {
    model: String,
    history: Option<String>,
    checkpoint: Option<Checkpoint>,
}

impl Places {
    /// Those that are named, found fit to be written; `inputs` are the files that are trained and tested on.
    pub fn parse(arguments: &Arguments, inputs: &[&str]) -> Result<Self, Failure> {
        let model = arguments.text("--out").unwrap_or("model.safetensors").to_string();
        let history = arguments.text("--history").map(str::to_string);
        if history.as_ref() == Some(&model) {
            return Err(arguments.misuse("--history: the model goes to that file"));
        }
        files::check_output(&model, inputs)?;
        if let Some(file) = &history {
            files::check_history(file, inputs)?;
        }
        let checkpoint = Checkpoint::parse(arguments, &model, inputs)?;
        Ok(Places { model, history, checkpoint })
    }
}

/// The training of a network on the training part, or of that of the model `start`.
pub fn job<'a>(
    arguments: &Arguments,
    options: Options,
    parts: Parts,
    start: Option<&Model>,
    places: Places,
    manner: &Manner,
    out: &mut dyn Write,
) -> Result<Job<'a>, Failure> {
    let Parts { train, test, scaler, remarks: told } = parts;
    let mut settings = Settings::choose(options, &train);
    let mut scaler = settings.scaler(&train, scaler);
    let mut target_scaler = training::target_scaler(&train);
    if let Some(model) = start {
        settings.loss = loss_of(model);
        settings.restarts = 1;
        (scaler, target_scaler) = (model.scaler().clone(), model.target_scaler().cloned());
    }
    let mut heading = Vec::new();
    if settings.options.auto_rate {
        let found = settings.find_rate(&train, &scaler, target_scaler.as_ref(), start)?;
        if manner.json {
            writeln!(out, "{}", Json::object([("event", "rate".into()), ("learning_rate", found.into())]))?;
        }
        heading.push(format!("learning rate {} found", exact(found)));
        settings.options.learning_rate = found;
    }
    let line = settings.line(arguments);
    heading.insert(0, line.clone());
    // Who chose nothing need not be told that it was too much.
    let chosen = arguments.has("--hidden").then(|| settings.parameters(&train));
    Ok(Job {
        heading,
        remarks: told.into_iter().chain(remarks(&train, chosen, &scaler)).collect(),
        target_scaler,
        builder: settings.builder(&train),
        start: start.map(|model| model.network().clone()),
        trainer: settings.trainer(),
        train,
        test,
        scaler,
        loss: settings.loss,
        epochs: settings.epochs,
        restarts: settings.restarts,
        notes: vec![("settings", line)],
        file: places.model,
        history: places.history,
        checkpoint: places.checkpoint,
    })
}

/// How a network is to be made and trained, as far as the command line says.
#[derive(Clone)]
pub struct Options {
    hidden: Option<Vec<usize>>,
    activation: Activation,
    init: Option<Init>,
    optimizer: &'static str,
    learning_rate: f32,
    /// Whether a search finds another.
    pub auto_rate: bool,
    schedule: Schedule,
    warmup: f32,
    l1: f32,
    l2: f32,
    weight_decay: f32,
    epochs: Option<usize>,
    batch: Option<usize>,
    dropout: f32,
    noise: f32,
    norm: &'static str,
    max_norm: f32,
    clip_norm: f32,
    clip_value: f32,
    label_smoothing: f32,
    balanced: bool,
    freeze: usize,
    scale: Option<Fit>,
    validation: f64,
    patience: usize,
    restarts: Option<usize>,
    pub seed: u64,
}

/// A way to find a scaler on the training data.
type Fit = fn(&Features) -> Scaler;

/// The optimizers, and the learning rate that each gets when none is given.
const OPTIMIZERS: [(&str, f32); 11] = [
    ("adam", 0.001),
    ("adamw", 0.001),
    ("amsgrad", 0.001),
    ("nadam", 0.001),
    ("sgd", 0.1),
    ("momentum", 0.03),
    ("nesterov", 0.03),
    ("adagrad", 0.05),
    ("rmsprop", 0.001),
    ("rprop", 0.01),
    ("lbfgs", 1.0),
];

const SCHEDULES: [&str; 8] =
    ["constant", "cooldown", "step", "exponential", "inverse_scaling", "cosine", "one_cycle", "plateau"];

const ACTIVATIONS: [&str; 12] = [
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "sigmoid",
    "tanh",
    "softplus",
    "silu",
    "gelu",
    "hard_sigmoid",
    "softmax",
    "identity",
];
const INITS: [&str; 10] = [
    "xavier_uniform",
    "xavier_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "normal",
    "truncated_normal",
    "uniform",
    "constant",
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
        let scale = arguments.one_of("--scale", &["standard", "minmax", "none"])?.map(|name| match name {
            "standard" => Scaler::standard,
            "minmax" => Scaler::min_max,
            _ => (|features| Scaler::identity(features.columns())) as Fit,
        });
        let optimizer = arguments.one_of("--optimizer", &OPTIMIZERS.map(|(name, _)| name))?.unwrap_or("adam");
        let foreign = ["--lr", "--schedule", "--warmup", "--batch", "--l1", "--weight-decay", "--dropout"];
        if let (Some(option), "lbfgs") = (foreign.iter().find(|option| arguments.has(option)), optimizer) {
            return Err(arguments.misuse(&format!(
                "{option} does not go with --optimizer lbfgs, which finds the length of its steps on all of the data"
            )));
        }
        let usual_rate = OPTIMIZERS.iter().find(|(name, _)| *name == optimizer).map_or(0.001, |&(_, rate)| rate);
        let auto_rate = arguments.text("--lr") == Some("auto");
        if auto_rate && optimizer == "rprop" {
            return Err(
                arguments.misuse("--lr auto does not go with --optimizer rprop, which finds its steps as it goes")
            );
        }
        let rate = match auto_rate {
            true => None,
            false => arguments.value("--lr", "a number above 0, or auto", |&x: &f32| x > 0.0 && x.is_finite())?,
        };
        let whole = |name: &str| arguments.value(name, "a whole number from 1", |&n: &usize| n > 0);
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
        let usual_decay = if optimizer == "adamw" { 0.01 } else { 0.0 };
        let patience = arguments.value("--patience", "a whole number", |_: &usize| true)?;
        let validation = arguments.value("--validation", share, |p: &f64| (0.0..1.0).contains(p))?;
        let usual_validation = if patience.is_some_and(|patience| patience > 0) { 0.1 } else { 0.0 };
        let validation = validation.unwrap_or(usual_validation);
        Ok(Options {
            hidden,
            activation: arguments.named("--activation", &ACTIVATIONS)?.unwrap_or(Activation::Relu),
            init: arguments.named("--init", &INITS)?,
            optimizer,
            learning_rate: rate.unwrap_or(usual_rate),
            auto_rate,
            schedule: arguments.named("--schedule", &SCHEDULES)?.unwrap_or_default(),
            warmup: warmup.unwrap_or(0.0),
            l1: strength("--l1")?.unwrap_or(0.0),
            l2: strength("--l2")?.unwrap_or(0.0),
            weight_decay: strength("--weight-decay")?.unwrap_or(usual_decay),
            epochs: whole("--epochs")?,
            batch: whole("--batch")?,
            dropout: dropout.unwrap_or(0.0),
            noise: strength("--noise")?.unwrap_or(0.0),
            norm: arguments.one_of("--norm", &["none", "batch", "layer"])?.unwrap_or("none"),
            max_norm: limit("--max-norm")?,
            clip_norm: limit("--clip-norm")?,
            clip_value: limit("--clip-value")?,
            label_smoothing: label_smoothing.unwrap_or(0.0),
            balanced: arguments.has("--balanced"),
            freeze: whole("--freeze")?.unwrap_or(0),
            scale,
            validation,
            patience: patience.unwrap_or(if validation > 0.0 { 20 } else { 0 }),
            restarts: whole("--restarts")?,
            seed: arguments.value("--seed", "a whole number", |_| true)?.unwrap_or(0),
        })
    }
}

/// How a network is made and trained: what was asked for, and what suits the data for the rest.
pub struct Settings {
    options: Options,
    pub hidden: Vec<usize>,
    outputs: (usize, Activation),
    loss: Loss,
    pub batch: usize,
    pub epochs: usize,
    restarts: usize,
}

impl Settings {
    pub fn choose(options: Options, train: &Dataset) -> Self {
        let rows = train.len();
        let images = matches!(train.features(), Features::Bytes { .. });
        let (outputs, loss) = match train.targets() {
            Targets::Classes(_) => ((train.class_names().len(), Activation::Softmax), Loss::CrossEntropy),
            Targets::Values(values) => ((values.columns(), Activation::Identity), Loss::MeanSquaredError),
        };
        // The signs of a batch's gradient, which are all that Rprop looks at, are mostly noise; L-BFGS takes no batches.
        let all = matches!(options.optimizer, "rprop" | "lbfgs");
        let batch = options.batch.unwrap_or(match rows {
            _ if all => rows,
            0..1000 if !images => 16,
            0..10_000 if !images => 32,
            _ => 64,
        });
        // About six thousand steps fit most tables; images need fewer passes than that.
        let usual_epochs = if options.optimizer == "lbfgs" {
            500
        } else if images && !all {
            10
        } else {
            (6_000usize.saturating_mul(batch) / rows).clamp(20, 200)
        };
        let epochs = options.epochs.unwrap_or(usual_epochs);
        let mut settings = Settings { hidden: Vec::new(), outputs, loss, batch, epochs, restarts: 1, options };
        settings.hidden = match settings.options.hidden.take() {
            Some(hidden) => hidden,
            None if images => vec![128, 128],
            None => {
                let mut fits = |width: &usize| {
                    settings.hidden = vec![*width; 2];
                    settings.parameters(train) <= numbers(train)
                };
                let width = [128, 64, 32, 16, 8].into_iter().find(|width| fits(width)).unwrap_or(4);
                vec![width; 2]
            }
        };
        let usual_restarts = if settings.parameters(train) < 300 { 5 } else { 1 };
        settings.restarts = settings.options.restarts.unwrap_or(usual_restarts);
        settings
    }

    /// What brings features to a size that networks learn from: what was asked for, else the `usual` scaler, else one
    /// to mean 0 and variance 1.
    fn scaler(&self, train: &Dataset, usual: Option<Scaler>) -> Scaler {
        match (self.options.scale, usual) {
            (Some(fit), _) => fit(train.features()),
            (None, Some(usual)) => usual,
            (None, None) => Scaler::standard(train.features()),
        }
    }

    pub fn learning_rate(&self) -> f32 {
        self.options.learning_rate
    }

    pub fn dropout(&self) -> f32 {
        self.options.dropout
    }

    pub fn weight_decay(&self) -> f32 {
        self.options.weight_decay
    }

    /// Trains a network on one part, both of them unscaled, and says how it does there and on the other part.
    pub fn attempt(
        &self,
        mut train: Dataset,
        mut test: Dataset,
        usual_scaler: Option<Scaler>,
    ) -> palmnet::Result<[Score; 2]> {
        let (scaler, target_scaler) = (self.scaler(&train, usual_scaler), training::target_scaler(&train));
        for part in [&mut train, &mut test] {
            part.scale(&scaler);
            if let Some(scaler) = &target_scaler {
                part.scale_targets(scaler);
            }
        }
        let (network, _) = self.trainer().fit_best_of(self.restarts, &self.builder(&train), &train)?;
        let score = |part: &Dataset| Score::of(&network, part, self.loss, target_scaler.as_ref());
        Ok([score(&train)?, score(&test)?])
    }

    /// The number of weights and biases.
    fn parameters(&self, train: &Dataset) -> usize {
        let inputs = [train.features().columns()].into_iter().chain(self.hidden.iter().copied());
        let outputs = self.hidden.iter().copied().chain([self.outputs.0]);
        let layers = inputs.zip(outputs).map(|(inputs, outputs)| inputs.saturating_add(1).saturating_mul(outputs));
        layers.fold(0, usize::saturating_add)
    }

    pub fn builder(&self, train: &Dataset) -> NetworkBuilder {
        let Options { activation, init, dropout, noise, norm, seed, .. } = self.options;
        let mut builder = Network::builder(train.features().columns()).seed(seed);
        if noise > 0.0 {
            builder = builder.noise(noise);
        }
        let dense = |builder: NetworkBuilder, units, activation| {
            let builder = builder.dense(units, activation);
            if let Some(init) = init { builder.init(init) } else { builder }
        };
        for &units in &self.hidden {
            builder = match norm {
                "batch" => dense(builder, units, Activation::Identity).batch_norm().activation(activation),
                "layer" => dense(builder, units, Activation::Identity).layer_norm().activation(activation),
                _ => dense(builder, units, activation),
            };
            if dropout > 0.0 {
                builder = builder.dropout(dropout);
            }
        }
        dense(builder, self.outputs.0, self.outputs.1)
    }

    fn trainer<'a>(&self) -> Trainer<'a> {
        let Options { optimizer, learning_rate, schedule, warmup, l1, l2, weight_decay, .. } = self.options;
        let Options { validation, patience, seed, .. } = self.options;
        let rule: Rule = match optimizer {
            "amsgrad" => Adam::new(learning_rate).amsgrad().into(),
            "nadam" => NAdam::new(learning_rate).into(),
            "sgd" => Sgd::new(learning_rate).into(),
            "momentum" => Sgd::new(learning_rate).momentum(0.9).into(),
            "nesterov" => Sgd::new(learning_rate).momentum(0.9).nesterov().into(),
            "adagrad" => AdaGrad::new(learning_rate).into(),
            "rmsprop" => RmsProp::new(learning_rate).into(),
            "rprop" => Rprop::new(learning_rate).into(),
            "lbfgs" => Lbfgs::default().into(),
            _ => Adam::new(learning_rate).into(),
        };
        let penalty = Penalty::default().l1(l1).l2(l2).weight_decay(weight_decay);
        let trainer = Trainer::new(self.loss, rule).epochs(self.epochs).batch_size(self.batch).seed(seed);
        let trainer = trainer.penalty(penalty).schedule(schedule).warmup(warmup).validation(validation);
        let Options { max_norm, clip_norm, clip_value, label_smoothing, balanced, .. } = self.options;
        let trainer = trainer.max_norm(max_norm).clip_norm(clip_norm).clip_value(clip_value);
        let trainer = trainer.label_smoothing(label_smoothing).freeze(self.options.freeze);
        let trainer = if balanced { trainer.weights(Weights::Balanced) } else { trainer };
        if patience > 0 { trainer.early_stopping(patience) } else { trainer }
    }

    /// A learning rate for these settings; the optimizer's usual one where none makes the loss fall.
    fn find_rate(
        &self,
        train: &Dataset,
        scaler: &Scaler,
        target_scaler: Option<&Scaler>,
        start: Option<&Model>,
    ) -> palmnet::Result<f32> {
        // As many examples as the search takes.
        let mut rows: Vec<usize> = (0..train.len()).collect();
        Rng::new(self.options.seed).shuffle(&mut rows);
        rows.truncate(self.batch.saturating_mul(101).max(1000));
        let mut train = scaler.apply(&train.select(&rows));
        if let Some(scaler) = target_scaler {
            train.scale_targets(scaler);
        }
        let network = match start {
            Some(model) => model.network().clone(),
            None => self.builder(&train).build()?,
        };
        let found = self.trainer().find_rate(&network, &train)?;
        Ok(found.rate.unwrap_or(self.options.learning_rate))
    }

    /// The command line that does all this again, whatever a later version chooses when nothing is said.
    pub fn line(&self, arguments: &Arguments) -> String {
        let data = arguments.word(0).unwrap_or_default();
        // A file of such a name is no option.
        let dash = if data.len() > 1 && data.starts_with('-') { "./" } else { "" };
        let mut line = format!("palmnet train {dash}{}", shell_word(data));
        for option in COMMAND.options {
            let hidden = || match &self.hidden[..] {
                [] => "0".to_string(),
                sizes => sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(","),
            };
            let value = match option.name {
                "--hidden" | "--restarts" if arguments.has("--from") => continue,
                "--hidden" => hidden(),
                "--optimizer" => self.options.optimizer.to_string(),
                "--lr" | "--batch" if self.options.optimizer == "lbfgs" => continue,
                "--lr" => exact(self.options.learning_rate),
                "--weight-decay" if self.options.optimizer == "adamw" => exact(self.options.weight_decay),
                "--epochs" => self.epochs.to_string(),
                "--batch" => self.batch.to_string(),
                "--restarts" => self.restarts.to_string(),
                "--seed" => self.options.seed.to_string(),
                // These change nothing in the model.
                "--out" | "--history" | "--every" | "--quiet" | "--json" => continue,
                "--checkpoint" | "--checkpoint-every" | "--resume" => continue,
                name => match arguments.text(name) {
                    Some(_) if option.value.is_empty() => String::new(),
                    Some(value) => value.to_string(),
                    None => continue,
                },
            };
            line += " ";
            line += option.name;
            if !option.value.is_empty() {
                line += &format!(" {}", shell_word(&value));
            }
        }
        line
    }
}

/// A word as it must be typed for a shell to leave it as it is.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./,:=+@%".contains(c);
    match word.chars().all(plain) && !word.is_empty() {
        true => word.to_string(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// How many numbers the features are.
fn numbers(train: &Dataset) -> usize {
    train.len().saturating_mul(train.features().columns())
}

/// What is noteworthy about the data and the network that is to learn it.
fn remarks(train: &Dataset, parameters: Option<usize>, scaler: &Scaler) -> Vec<String> {
    let mut remarks = Vec::new();
    let values = numbers(train);
    if let Some(parameters) = parameters.filter(|&parameters| parameters > values) {
        remarks.push(format!(
            "the network has {} and the training data {}: fewer --hidden units may do better on new data.",
            counted(parameters, "parameter"),
            counted(values, "number")
        ));
    }
    let names = train.schema().input_names();
    let constant = constant_features(train);
    if !constant.is_empty() {
        let verb = if constant.len() == 1 { "never changes and teaches" } else { "never change and teach" };
        remarks.push(format!("{} {verb} nothing.", some(&constant, &names)));
    }
    let spread = Scaler::standard(train.features());
    let far = |&i: &usize| {
        // What mean and deviation are after the scaling that was chosen.
        let mean = (spread.offset()[i] - scaler.offset()[i]) * scaler.factor()[i];
        let deviation = scaler.factor()[i] / spread.factor()[i];
        mean.abs().max(deviation) > 10.0
    };
    let far: Vec<usize> = (0..names.len()).filter(far).collect();
    if !far.is_empty() {
        let verb = if far.len() == 1 { "is" } else { "are" };
        remarks.push(format!("{} {verb} far from scaled: --scale standard may do better.", some(&far, &names)));
    }
    if let Some(labels) = train.labels() {
        let mut counts = vec![0usize; train.class_names().len()];
        labels.iter().for_each(|&label| counts[label as usize] += 1);
        let counts = counts.into_iter().zip(train.class_names());
        let (present, absent): (Vec<_>, Vec<_>) = counts.partition(|&(count, _)| count > 0);
        if !absent.is_empty() {
            let names: Vec<String> = absent.into_iter().map(|(_, name)| name.clone()).collect();
            let all: Vec<usize> = (0..names.len()).collect();
            remarks.push(format!("no training example of {}.", some(&all, &names)));
        }
        if let (Some((few, rare)), Some((many, common))) = (present.iter().min(), present.iter().max())
            && *many > 10 * few
        {
            remarks.push(format!(
                "classes are uneven: {} of {common}, {few} of {rare}. Look at each class's recall (palmnet eval), not at the accuracy alone.",
                counted(*many, "example")
            ));
        }
    }
    remarks
}

/// The features that are the same in every example.
fn constant_features(train: &Dataset) -> Vec<usize> {
    let (mut first, mut other) = (Matrix::default(), Matrix::default());
    train.gather(&[0], &mut first);
    let mut constant: Vec<usize> = (0..first.columns()).collect();
    for row in 1..train.len() {
        train.gather(&[row], &mut other);
        constant.retain(|&i| other[(0, i)] == first[(0, i)]);
        if constant.is_empty() {
            break;
        }
    }
    constant
}

/// The first of these names: `p0, p32, p39 and 5 more`.
fn some(places: &[usize], names: &[String]) -> String {
    let shown: Vec<&str> = places.iter().take(5).map(|&i| names[i].as_str()).collect();
    match places.len() - shown.len() {
        0 => shown.join(", "),
        rest => format!("{} and {rest} more", shown.join(", ")),
    }
}
