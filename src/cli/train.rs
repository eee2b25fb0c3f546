//! `palmnet train`: from a file to a model.

use std::io::Write;

use palmnet::{
    Activation, Adam, Dataset, Features, Init, Loss, Matrix, Network, NetworkBuilder, Rule, Scaler, Schedule, Sgd,
    Targets, Trainer,
};

use super::arguments::{Arguments, Command, choice};
use super::data::{self, Parts};
use super::training::{self, Job};
use super::{Failure, terminal};

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
        choice("--hidden", "N[,N...]", "Units of each hidden layer; 0 for none."),
        choice(
            "--activation",
            "NAME",
            "relu (when not given), leaky_relu[:SLOPE], elu[:ALPHA], selu, sigmoid, tanh, softplus, silu, gelu, hard_sigmoid, identity: after each hidden layer.",
        ),
        choice(
            "--init",
            "NAME",
            "How weights start: xavier_uniform, xavier_normal, he_uniform, he_normal, lecun_uniform, lecun_normal. What suits the activation when not given.",
        ),
        choice("--optimizer", "NAME", "adam (when not given), sgd, momentum, nesterov."),
        choice("--lr", "X", "Learning rate."),
        choice(
            "--schedule",
            "NAME",
            "Course of the learning rate: cooldown[:SHARE] (falls to zero over the last fifth, when not given) or constant.",
        ),
        choice("--epochs", "N", "Passes over the training data."),
        choice("--batch", "N", "Examples per step."),
        choice("--dropout", "P", "Probability that a hidden unit is left out of a step."),
        choice(
            "--scale",
            "standard|minmax|none",
            "Bring each feature to mean 0 and variance 1 (tables, when not given), to [0, 1], or leave it.",
        ),
        choice(
            "--validation",
            "P",
            "Share of the training data that is kept back to measure the loss on after each epoch.",
        ),
        choice(
            "--patience",
            "N",
            "Stop when the loss (on the validation part, where there is one) has not improved for N epochs, and take the best epoch's weights; 0 for never.",
        ),
        choice(
            "--restarts",
            "N",
            "Start N networks, train each for a tenth of the epochs, and go on with the best: 5 when not given for networks of less than 1000 parameters, which a bad start can spoil, else 1.",
        ),
        choice("--seed", "N", "Everything random follows from it: 0 when not given."),
        choice("--out", "FILE", "Where the model goes: model.safetensors when not given."),
        choice("--every", "N", "Print a plain progress line every N epochs."),
        choice("--quiet", "", "No progress and no remarks."),
        choice("--json", "", "JSON lines on standard output: an object for each epoch, and one at the end."),
    ],
};

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let seed = arguments.value("--seed", "a whole number", |_| true)?.unwrap_or(0);
    let scale = scale(arguments)?;
    let Parts { train, test, scaler } = data::for_training(arguments, seed)?;
    let settings = Settings::choose(arguments, &train)?;
    let scaler = match scale {
        Some(fit) => fit(train.features()),
        None => scaler.unwrap_or_else(|| Scaler::standard(train.features())),
    };
    let builder = settings.builder(&train, seed);
    if !arguments.has("--quiet") {
        for remark in remarks(&train, builder.build()?.parameter_count(), &scaler) {
            terminal::complain(&terminal::wrap(&format!("note: {remark}"), 0));
        }
    }
    let job = Job {
        heading: vec![settings.line()],
        target_scaler: training::target_scaler(&train),
        train,
        test,
        scaler,
        builder,
        trainer: settings.trainer(seed),
        loss: settings.loss,
        epochs: settings.epochs,
        restarts: settings.restarts,
        notes: vec![("settings", format!("{} --seed {seed}", settings.line()))],
        file: arguments.text("--out").unwrap_or("model.safetensors").to_string(),
    };
    training::run(job, arguments, out).map(drop)
}

/// How a network is made and trained: what was asked for, and what suits the data for the rest.
struct Settings {
    hidden: Vec<usize>,
    outputs: (usize, Activation),
    activation: Activation,
    init: Option<Init>,
    optimizer: &'static str,
    learning_rate: f32,
    schedule: Schedule,
    epochs: usize,
    batch: usize,
    dropout: f32,
    validation: f64,
    patience: usize,
    restarts: usize,
    loss: Loss,
}

/// The optimizers by name, each with the learning rate that it gets when none is given.
const OPTIMIZERS: [(&str, f32); 4] = [("adam", 0.001), ("sgd", 0.1), ("momentum", 0.03), ("nesterov", 0.03)];

impl Settings {
    fn choose(arguments: &Arguments, train: &Dataset) -> Result<Self, Failure> {
        let rows = train.len();
        let images = matches!(train.features(), Features::Bytes { .. });
        let hidden = match arguments.text("--hidden") {
            Some("0") => Vec::new(),
            Some(sizes) => {
                let sizes = sizes.split(',').map(|size| size.trim().parse().ok().filter(|&size| size > 0));
                let bad = || arguments.misuse("--hidden: expected numbers of units, as in 128,128, or 0");
                sizes.collect::<Option<Vec<usize>>>().ok_or_else(bad)?
            }
            None if images || rows >= 1000 => vec![128, 128],
            None => vec![32, 32],
        };
        let parsed = |name: &str| arguments.text(name).map(str::parse::<Activation>).transpose();
        let usage = |error: palmnet::Error| arguments.misuse(&error.to_string());
        let activation = parsed("--activation").map_err(usage)?.unwrap_or(Activation::Relu);
        let init = arguments.text("--init").map(str::parse).transpose().map_err(usage)?;
        let name = arguments.text("--optimizer").unwrap_or("adam");
        let Some(&(optimizer, usual_rate)) = OPTIMIZERS.iter().find(|(known, _)| *known == name) else {
            return Err(arguments.misuse(&format!("--optimizer {name}: expected adam, sgd, momentum or nesterov")));
        };
        let rate = arguments.value("--lr", "a number above 0", |&x: &f32| x > 0.0 && x.is_finite())?;
        let schedule = arguments.text("--schedule").map(str::parse).transpose().map_err(usage)?.unwrap_or_default();
        let whole = |name: &str| arguments.value(name, "a whole number from 1", |&n: &usize| n > 0);
        let batch = whole("--batch")?.unwrap_or(match rows {
            0..1000 if !images => 16,
            0..10_000 if !images => 32,
            _ => 64,
        });
        // About eight thousand steps fit most tables; images need fewer passes than that.
        let epochs = whole("--epochs")?.unwrap_or(if images {
            10
        } else {
            (8_000usize.saturating_mul(batch) / rows).clamp(20, 100)
        });
        let share = "a share of at least 0 and less than 1";
        let dropout = arguments.value("--dropout", share, |p: &f32| (0.0..1.0).contains(p))?.unwrap_or(0.0);
        let patience = arguments.value("--patience", "a whole number", |_: &usize| true)?;
        let wants_patience = patience.is_some_and(|patience| patience > 0);
        let usual_validation = if wants_patience { 0.1 } else { 0.0 };
        let validation = arguments.value("--validation", share, |p: &f64| (0.0..1.0).contains(p))?;
        let validation = validation.unwrap_or(usual_validation);
        let classes = train.class_names().len();
        let (outputs, loss) = match train.targets() {
            Targets::Classes(_) => ((classes, Activation::Softmax), Loss::CrossEntropy),
            Targets::Values(values) => ((values.columns(), Activation::Identity), Loss::MeanSquaredError),
        };
        let mut settings = Settings {
            hidden,
            outputs,
            activation,
            init,
            optimizer,
            learning_rate: rate.unwrap_or(usual_rate),
            schedule,
            epochs,
            batch,
            dropout,
            validation,
            patience: patience.unwrap_or(if validation > 0.0 { 20 } else { 0 }),
            restarts: 1,
            loss,
        };
        let small = settings.builder(train, 0).build()?.parameter_count() < 1000;
        settings.restarts = whole("--restarts")?.unwrap_or(if small { 5 } else { 1 });
        Ok(settings)
    }

    fn builder(&self, train: &Dataset, seed: u64) -> NetworkBuilder {
        let mut builder = Network::builder(train.features().columns()).seed(seed);
        let hidden = self.hidden.iter().map(|&units| (units, self.activation));
        for (i, (units, activation)) in hidden.chain([self.outputs]).enumerate() {
            if i > 0 && self.dropout > 0.0 {
                builder = builder.dropout(self.dropout);
            }
            builder = builder.dense(units, activation);
            if let Some(init) = self.init {
                builder = builder.init(init);
            }
        }
        builder
    }

    fn trainer<'a>(&self, seed: u64) -> Trainer<'a> {
        let rule: Rule = match self.optimizer {
            "sgd" => Sgd::new(self.learning_rate).into(),
            "momentum" => Sgd::new(self.learning_rate).momentum(0.9).into(),
            "nesterov" => Sgd::new(self.learning_rate).momentum(0.9).nesterov().into(),
            _ => Adam::new(self.learning_rate).into(),
        };
        let trainer = Trainer::new(self.loss, rule).epochs(self.epochs).batch_size(self.batch).seed(seed);
        let trainer = trainer.schedule(self.schedule);
        let trainer = trainer.validation(self.validation);
        if self.patience > 0 { trainer.early_stopping(self.patience) } else { trainer }
    }

    /// The settings in one line, as they would be typed.
    fn line(&self) -> String {
        let mut line = format!(
            "--optimizer {} --lr {} --schedule {} --batch {} --epochs {}",
            self.optimizer, self.learning_rate, self.schedule, self.batch, self.epochs
        );
        for (name, value, none) in [
            ("--dropout", f64::from(self.dropout), 0.0),
            ("--validation", self.validation, 0.0),
            ("--patience", self.patience as f64, 0.0),
            ("--restarts", self.restarts as f64, 1.0),
        ] {
            if value != none {
                line += &format!(" {name} {value}");
            }
        }
        line
    }
}

/// A way to find a scaler on the training data.
type Fit = fn(&Features) -> Scaler;

fn scale(arguments: &Arguments) -> Result<Option<Fit>, Failure> {
    match arguments.text("--scale") {
        None => Ok(None),
        Some("standard") => Ok(Some(Scaler::standard)),
        Some("minmax") => Ok(Some(Scaler::min_max)),
        Some("none") => Ok(Some(|features| Scaler::identity(features.columns()))),
        Some(other) => Err(arguments.misuse(&format!("--scale {other}: expected standard, minmax or none"))),
    }
}

/// What is noteworthy about the data and the network that is to learn it.
fn remarks(train: &Dataset, parameters: usize, scaler: &Scaler) -> Vec<String> {
    let mut remarks = Vec::new();
    let values = train.len() * train.features().columns();
    if parameters > values {
        remarks.push(format!(
            "the network has {parameters} parameters and the training data {values} numbers: fewer --hidden units may do better on new data."
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
        if let (Some((few, rare)), Some((many, common))) = (counts.clone().min(), counts.max())
            && many > 10 * few
        {
            remarks.push(format!(
                "classes are uneven: {many} examples of {common}, {few} of {rare}. Look at each class's recall (palmnet eval), not at the accuracy alone."
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
fn some(features: &[usize], names: &[String]) -> String {
    let shown: Vec<&str> = features.iter().take(5).map(|&i| names[i].as_str()).collect();
    match features.len() - shown.len() {
        0 => shown.join(", "),
        rest => format!("{} and {rest} more", shown.join(", ")),
    }
}
