//! `palmnet train`: from a file to a model.

use std::io::Write;
use std::ops::ControlFlow;

use palmnet::json::Json;
use palmnet::{
    Activation, Adam, Dataset, Event, Features, History, Init, Loss, Model, Network, NetworkBuilder, Rule, Scaler,
    Sgd, Targets, Trainer,
};

use super::arguments::{Arguments, Command, choice};
use super::data::{self, Parts};
use super::progress::{Progress, duration};
use super::report::Score;
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
        choice("--activation", "NAME", "relu (when not given), leaky_relu[:SLOPE], elu[:ALPHA], selu, sigmoid, tanh, softplus, silu, gelu, hard_sigmoid, identity: after each hidden layer."),
        choice("--init", "NAME", "How weights start: xavier_uniform, xavier_normal, he_uniform, he_normal, lecun_uniform, lecun_normal. What suits the activation when not given."),
        choice("--optimizer", "NAME", "adam (when not given), sgd, momentum, nesterov."),
        choice("--lr", "X", "Learning rate."),
        choice("--epochs", "N", "Passes over the training data."),
        choice("--batch", "N", "Examples per step."),
        choice("--dropout", "P", "Probability that a hidden unit is left out of a step."),
        choice("--scale", "standard|minmax|none", "Bring each feature to mean 0 and variance 1 (tables, when not given), to [0, 1], or leave it."),
        choice("--validation", "P", "Share of the training data that is kept back to measure the loss on after each epoch."),
        choice("--patience", "N", "Stop when the loss (on the validation part, where there is one) has not improved for N epochs, and take the best epoch's weights; 0 for never."),
        choice("--restarts", "N", "Start N networks, train each for a tenth of the epochs, and go on with the best: 5 when not given for networks of less than 1000 parameters, which a bad start can spoil, else 1."),
        choice("--seed", "N", "Everything random follows from it: 0 when not given."),
        choice("--out", "FILE", "Where the model goes: model.safetensors when not given."),
        choice("--every", "N", "Print a plain progress line every N epochs."),
        choice("--quiet", "", "No progress and no remarks."),
        choice("--json", "", "JSON lines on standard output: an object for each epoch, and one at the end."),
    ],
};

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let seed = arguments.value("--seed", "a whole number", |_| true)?.unwrap_or(0);
    let file = arguments.text("--out").unwrap_or("model.safetensors");
    let scale = scale(arguments)?;
    let Parts { mut train, mut test, scaler } = data::for_training(arguments, seed)?;
    let settings = Settings::choose(arguments, &train)?;
    let scaler = match scale {
        Some(fit) => fit(train.features()),
        None => scaler.unwrap_or_else(|| Scaler::standard(train.features())),
    };
    let target_scaler = match train.targets() {
        Targets::Values(values) => Some(Scaler::standard_of(values)),
        Targets::Classes(_) => None,
    };
    let (json, quiet) = (arguments.has("--json"), arguments.has("--quiet"));
    let builder = settings.builder(&train, seed);
    // A wrong setting is answered before anything is printed, a file that cannot be written before the work.
    let network = builder.build()?;
    check_writable(file)?;
    if !quiet {
        for remark in remarks(&train, &network, scale.is_some_and(|_| arguments.text("--scale") == Some("none"))) {
            eprint!("{}", terminal::wrap(&format!("Note: {remark}"), 0));
        }
    }
    for part in [Some(&mut train), test.as_mut()].into_iter().flatten() {
        part.scale(&scaler);
        if let Some(scaler) = &target_scaler {
            part.scale_targets(scaler);
        }
    }
    if !json {
        writeln!(out, "{}", describe(&train, test.as_ref()))?;
        writeln!(out, "network {}, {} parameters", shape(&network), network.parameter_count())?;
        writeln!(out, "{}", settings.line())?;
        out.flush()?;
    }
    let every = arguments.value("--every", "a whole number from 1", |&n: &usize| n > 0)?;
    let mut progress = Progress::new(quiet || json, every, settings.epochs, train.len());
    let mut failed = None;
    let mut trainer = settings.trainer(seed).observe(|event| {
        progress.show(event);
        match event {
            Event::Epoch(_) if json => match write_epoch(out, event) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            },
            _ => ControlFlow::Continue(()),
        }
    });
    let (network, history) = trainer.fit_best_of(settings.restarts, &builder, &train)?;
    drop(trainer);
    progress.finish();
    if let Some(error) = failed {
        return Err(error.into());
    }
    let train_score = Score::of(&network, &train, target_scaler.as_ref())?;
    let test_score = test.as_ref().map(|test| Score::of(&network, test, target_scaler.as_ref())).transpose()?;
    let mut model = Model::new(network, scaler, train.schema().clone())?;
    if let Some(scaler) = target_scaler {
        model = model.with_target_scaler(scaler)?;
    }
    model.notes = settings.notes(seed, &history);
    model.notes.insert("trained on".into(), format!("{} examples", train.len()));
    model.notes.insert("train".into(), train_score.line());
    if let Some(score) = &test_score {
        model.notes.insert("test".into(), score.line());
    }
    model.save(file)?;
    if json {
        let done = Json::object([
            ("event", "done".into()),
            ("epochs", history.epochs.len().into()),
            ("seconds", history.seconds().into()),
            ("train", train_score.json()),
            ("test", test_score.map_or(Json::Null, |score| score.json())),
            ("model", file.into()),
        ]);
        writeln!(out, "{done}")?;
        return Ok(());
    }
    let (epochs, seconds) = (history.epochs.len(), duration(history.seconds()));
    let best = history.best_epoch;
    let kept = if best < epochs { format!(", weights of epoch {best}") } else { String::new() };
    writeln!(out, "{epochs} epochs in {seconds}{kept}")?;
    writeln!(out, "train {}", train_score.line())?;
    if let Some(score) = test_score {
        writeln!(out, "test  {}", score.line())?;
    }
    writeln!(out, "saved {file}")?;
    Ok(())
}

/// How a network is made and trained: what was asked for, and what suits the data for the rest.
struct Settings {
    hidden: Vec<usize>,
    outputs: (usize, Activation),
    activation: Activation,
    init: Option<Init>,
    optimizer: &'static str,
    learning_rate: f32,
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
            None if images || rows >= 5000 => vec![128, 128],
            None => vec![64, 64],
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
        let whole = |name: &str| arguments.value(name, "a whole number from 1", |&n: &usize| n > 0);
        let batch = whole("--batch")?.unwrap_or(match rows {
            0..1000 if !images => 16,
            0..10_000 if !images => 32,
            _ => 64,
        });
        // About fifteen thousand steps fit most tables; images need fewer passes than that.
        let epochs = whole("--epochs")?.unwrap_or(if images { 10 } else { (15_000 * batch / rows).clamp(20, 200) });
        let share = |name: &str| {
            arguments.value(name, "a share of at least 0 and less than 1", |p: &f64| (0.0..1.0).contains(p))
        };
        let patience = arguments.value("--patience", "a whole number", |_: &usize| true)?;
        let wants_patience = patience.is_some_and(|patience| patience > 0);
        let usual_validation = if (rows >= 1000 && !images) || wants_patience { 0.1 } else { 0.0 };
        let validation = share("--validation")?.unwrap_or(usual_validation);
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
            epochs,
            batch,
            dropout: share("--dropout")?.unwrap_or(0.0) as f32,
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
        let trainer = trainer.validation(self.validation);
        if self.patience > 0 { trainer.early_stopping(self.patience) } else { trainer }
    }

    /// The settings in one line, as they would be typed.
    fn line(&self) -> String {
        let mut line = format!(
            "--optimizer {} --lr {} --batch {} --epochs {}",
            self.optimizer, self.learning_rate, self.batch, self.epochs
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

    /// What the model file says of its training.
    fn notes(&self, seed: u64, history: &History) -> std::collections::BTreeMap<String, String> {
        let epochs = format!("{} (weights of epoch {})", history.epochs.len(), history.best_epoch);
        [("settings", format!("{} --seed {seed}", self.line())), ("epochs", epochs), ("loss", self.loss.to_string())]
            .map(|(name, text)| (name.to_string(), text))
            .into()
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

/// Finds out before hours of training that their result could not be saved.
fn check_writable(file: &str) -> Result<(), Failure> {
    let path = std::path::Path::new(file);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if path.is_dir() {
        return Err(palmnet::Error::format(file, "is a folder: name a file for the model with --out").into());
    }
    match folder {
        Some(folder) if !folder.is_dir() => {
            Err(palmnet::Error::format(file, "its folder is not there: create it, or choose another --out").into())
        }
        _ => Ok(()),
    }
}

/// What is noteworthy about the data and the network that is to learn it.
fn remarks(train: &Dataset, network: &Network, unscaled: bool) -> Vec<String> {
    let mut remarks = Vec::new();
    let (parameters, rows) = (network.parameter_count(), train.len());
    let values = rows * train.features().columns();
    if parameters > values {
        remarks.push(format!(
            "the network has {parameters} parameters and the training data {values} numbers. Fewer --hidden units may do better on new data."
        ));
    }
    let standard = Scaler::standard(train.features());
    let names = train.schema().input_names();
    let low_high = Scaler::min_max(train.features());
    // A column whose lowest is its highest has factor 1, and so may one whose range is 1.
    let mut first = Default::default();
    train.gather(&[0], &mut first);
    let constant: Vec<&str> = (0..names.len())
        .filter(|&i| low_high.factor()[i] == 1.0 && standard.factor()[i] == 1.0 && standard.offset()[i] == first[(0, i)])
        .map(|i| names[i].as_str())
        .collect();
    if !constant.is_empty() {
        remarks.push(format!("{} never changes and teaches nothing.", some(&constant)));
    }
    if unscaled {
        let far = |i: &usize| {
            let (mean, deviation) = (standard.offset()[*i].abs(), 1.0 / standard.factor()[*i]);
            mean.max(deviation) > 10.0
        };
        let far: Vec<&str> = (0..names.len()).filter(far).map(|i| names[i].as_str()).collect();
        if !far.is_empty() {
            remarks.push(format!("{} is far from scaled. Without --scale none it would be.", some(&far)));
        }
    }
    if let Some(labels) = train.labels() {
        let mut counts = vec![0usize; train.class_names().len()];
        labels.iter().for_each(|&label| counts[label as usize] += 1);
        let class = |(i, count): (usize, &usize)| (*count, train.class_names()[i].clone());
        let rarest = counts.iter().enumerate().map(class).min();
        let commonest = counts.iter().enumerate().map(class).max();
        if let (Some((few, rare)), Some((many, common))) = (rarest, commonest)
            && many > 10 * few
        {
            remarks.push(format!(
                "classes are uneven: {many} examples of {common}, {few} of {rare}. Look at each class's recall, not at the accuracy alone."
            ));
        }
    }
    remarks
}

/// The first names of a list.
fn some(names: &[&str]) -> String {
    let shown = names[..names.len().min(5)].join(", ");
    if names.len() > 5 { format!("{shown} and {} more: each", names.len() - 5) } else { shown }
}

/// `120 train and 30 test examples of 4 features in 3 classes`.
fn describe(train: &Dataset, test: Option<&Dataset>) -> String {
    let test = test.map_or(String::new(), |test| format!(", test {}", test.len()));
    let targets = match train.targets() {
        Targets::Classes(_) => format!("{} classes", train.class_names().len()),
        Targets::Values(values) if values.columns() == 1 => "1 value".into(),
        Targets::Values(values) => format!("{} values", values.columns()),
    };
    let target = train.schema().output().names().join(", ");
    let features = train.features().columns();
    format!("{features} features → {target} ({targets}); train {}{test}", train.len())
}

/// `4-64-64-3`.
pub fn shape(network: &Network) -> String {
    let mut sizes = vec![network.inputs().to_string()];
    for layer in network.layers() {
        if let palmnet::Layer::Dense(dense) = layer {
            sizes.push(dense.outputs().to_string());
        }
    }
    sizes.join("-")
}

fn write_epoch(out: &mut dyn Write, event: Event<'_>) -> std::io::Result<()> {
    let Event::Epoch(epoch) = event else { return Ok(()) };
    let line = Json::object([
        ("event", "epoch".into()),
        ("epoch", epoch.epoch.into()),
        ("train_loss", epoch.train_loss.into()),
        ("validation_loss", epoch.validation_loss.map_or(Json::Null, Json::from)),
        ("seconds", epoch.seconds.into()),
    ]);
    writeln!(out, "{line}")?;
    // Whoever reads the lines wants them as they come.
    out.flush()
}
