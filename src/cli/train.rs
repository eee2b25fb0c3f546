//! `palmnet train`: from a file to a model.

use std::io::Write;

use palmnet::json::Json;
use palmnet::{Dataset, Model, Scaler};

use super::arguments::{Arguments, Command, THREADS, choice};
use super::checkpoint::{self, Checkpoint};
use super::data::{self, Parts, Request};
use super::decay;
use super::numbers::exact;
use super::options::Options;
use super::progress::Progress;
use super::remarks::remarks;
use super::settings::Settings;
use super::terminal::{complain, wrap};
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
            "Units of each hidden layer; 0 for none. When not given: 64,64,64 for tables, 128,128 for images.",
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
            "adamw (when not given), adam (with --from, when not given), amsgrad, nadam, sgd, momentum, nesterov, adagrad, rmsprop, rprop; or lbfgs, for small data: it takes all of it for each step, and finds the length of the step by itself.",
        ),
        choice(
            "--lr",
            "X|auto",
            "Learning rate, or auto to look for one in a hundred steps of a copy of the network. When not given: 0.003 for adamw, 0.1 for sgd, 0.03 for momentum and nesterov, 0.05 for adagrad, 0.001 for the others (for rprop its first step).",
        ),
        choice(
            "--schedule",
            "NAME",
            "Course of the learning rate: cooldown[:FRACTION] (falls to zero over the last fifth, when not given), constant, step:EPOCHS:FACTOR, exponential:FACTOR (for each epoch), inverse_scaling[:POWER], cosine[:LOWEST], one_cycle, plateau[:EPOCHS[:FACTOR]] (lower when the loss has not fallen for 10 epochs, a tenth).",
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
            "X|auto",
            "Shrink the weights in every step by the learning rate times X; auto for the best of five, or an L1 penalty in its place, tried on four fifths of the training data and judged on the rest. When not given: auto where --optimizer and --from are not given either, but 0.1 for 10000 images or more; 0.01 for --optimizer adamw; else 0.",
        ),
        choice(
            "--epochs",
            "N",
            "Passes over the training data. When not given: what makes about 6000 steps, but from 40 to 200; from 10 for images. For rprop 200, for lbfgs at most 500.",
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
        choice("--batch-norm", "", "Normalise what goes into the hidden units' activation, over each batch."),
        choice("--layer-norm", "", "The same over each example."),
        choice("--max-norm", "X", "Scale the weights of a unit down to this length: no limit when not given."),
        choice("--clip", "X", "Scale the gradient of a step down to this length: no limit when not given."),
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
        choice(
            "--json",
            "",
            "JSON lines on standard output: an object for each epoch (or fold), and one at the end; before them one for each search that auto asked for.",
        ),
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
    "--batch-norm",
    "--layer-norm",
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
        if history.as_ref().is_some_and(|history| files::same(history, &model)) {
            return Err(arguments.misuse("--history: the model goes to that file"));
        }
        files::check_output(&model, inputs)?;
        if let Some(file) = &history {
            files::check_history(file, inputs)?;
        }
        let checkpoint = Checkpoint::parse(arguments, &model, inputs)?;
        if let (Some(history), Some(checkpoint)) = (&history, &checkpoint)
            && files::same(history, &checkpoint.file)
        {
            return Err(arguments.misuse("--history: the checkpoint goes to that file"));
        }
        Ok(Places { model, history, checkpoint })
    }
}

/// The training of a network on the training part, or of that of the model `start`.
pub fn job(
    arguments: &Arguments,
    options: Options,
    parts: Parts,
    start: Option<&Model>,
    mut places: Places,
    manner: &Manner,
    out: &mut dyn Write,
) -> Result<Job, Failure> {
    let Parts { train, test, scaler, remarks: told } = parts;
    let for_classes = ["--balanced", "--label-smoothing"].into_iter().find(|option| arguments.has(option));
    if let (Some(option), None) = (for_classes, train.labels()) {
        return Err(arguments.misuse(&format!("{option} is for classes, and the target is a number")));
    }
    let mut settings = Settings::choose(options, &train);
    let mut scaler = settings.scaler(&train, scaler);
    let mut target_scaler = training::target_scaler(&train);
    if let Some(model) = start {
        settings.loss = model.loss();
        settings.restarts = 1;
        (scaler, target_scaler) = (model.preprocessing().features().clone(), model.preprocessing().targets().cloned());
    }
    let data = (&train, &scaler, target_scaler.as_ref());
    let mut heading = seek(arguments, &mut settings, data, start, places.checkpoint.as_mut(), manner, out)?;
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

/// Looks for the learning rate and the weight decay, where that is asked for and the checkpoint does not know them; what
/// there is to tell. The data is not yet scaled.
fn seek(
    arguments: &Arguments,
    settings: &mut Settings,
    (train, scaler, target_scaler): (&Dataset, &Scaler, Option<&Scaler>),
    start: Option<&Model>,
    mut checkpoint: Option<&mut Checkpoint>,
    manner: &Manner,
    out: &mut dyn Write,
) -> Result<Vec<String>, Failure> {
    let mut heading = Vec::new();
    let mut event = |event: Json| if manner.json { writeln!(out, "{event}") } else { Ok(()) };
    if let Some(checkpoint) = &mut checkpoint {
        let searches = settings.options.auto_rate || settings.seeks_decay;
        checkpoint.search = searches.then(|| format!("{} with {}", settings.line(arguments), train.digest()));
        checkpoint.check_search()?;
    }
    // What was found before a training was interrupted need not be found again.
    let kept = |name: &str| checkpoint.as_ref().and_then(|checkpoint| checkpoint.number(name));
    if settings.options.auto_rate {
        if let Some(rate) = kept("learning rate") {
            settings.learning_rate = rate;
        } else {
            let found = settings.find_rate(train, scaler, target_scaler, start)?;
            let rate = found.map_or(Json::Null, Json::from);
            event(Json::object([("event", "rate".into()), ("learning_rate", rate)]))?;
            heading.push(match found {
                Some(found) => format!("learning rate {} found", exact(found)),
                None => format!("no rate made the loss fall: {} is taken", exact(settings.learning_rate)),
            });
            settings.learning_rate = found.unwrap_or(settings.learning_rate);
        }
        settings.options.auto_rate = false;
    }
    if settings.seeks_decay {
        let under_way = checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.trials().is_some());
        if let (Some(decay), Some(l1), false) = (kept("weight decay"), kept("l1"), under_way) {
            *settings = settings.with(decay, l1);
        } else {
            if let (Some(checkpoint), true) = (&checkpoint, under_way && !manner.quiet) {
                complain(&wrap(&format!("going on from {}", checkpoint.file), 0));
            }
            let mut progress = Progress::new(manner.quiet || manner.json, None, settings.epochs, train.len());
            let trials = decay::trials(settings, train.len()).len();
            let mut tell = |trial| progress.say(&format!("weight decay: trial {trial} of {trials}"));
            let network = start.map(Model::network);
            let found = decay::find(settings, train, scaler, target_scaler, network, checkpoint, &mut tell);
            progress.wipe();
            let found = found?;
            *settings = decay::best(&found, settings);
            if settings.options.auto_decay {
                event(decay::json(&found, settings))?;
            }
            heading.push(decay::told(&found, settings));
        }
    }
    Ok(heading)
}
