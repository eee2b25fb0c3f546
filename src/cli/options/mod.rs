//! The options that are hyperparameters or belong to several commands: one declaration each.

mod data;
mod line;
mod output;
#[cfg(test)]
mod tests;
mod values;

pub use data::*;
pub use line::{check_combinations, repeating_line, shell_word};
pub use output::*;

use palmnet::nn::Init;
use palmnet::optim::Rule;
use palmnet::tune::Normalization;
use palmnet::tune::Overrides;
use palmnet::{Activation, Hyperparameters, Scaling, Schedule};

use crate::cli::arguments::Group::{Data, Network, Optimization, Regularization, Training};
use crate::cli::arguments::Opt;
use crate::cli::format::exact;
use values::{FRACTION, finite, fraction, limit, number, positive, positive_fraction, set, strength, whole};

pub use values::time;

/// The reasons why L-BFGS excludes an option.
const STEPS: &str = "which finds the length of its steps on all of the data";
const SMOOTH: &str = "which needs the same smooth loss at every step: use --l2";

pub const SCALE: Opt = Opt::new(
    "--scale",
    "NAME",
    Data,
    "Scaling of the features: to mean 0 and variance 1 (standard), to median 0 and a \
     distance of 1 between the quartiles (robust), to [0, 1] (minmax), division by 255 (pixels), or \
     none.",
)
.aliases(&["--scaling"])
.choices(|| Scaling::names().collect())
.default(|| "robust; standard with --fast; pixels for images".into())
.sets(
    |given, text| set(&mut given.scaling, text.parse()),
    |found| {
        let usual = if is_plain(found) { Scaling::Standard } else { Scaling::Robust };
        (found.scaling != usual).then(|| found.scaling.to_string())
    },
);

pub const HIDDEN: Opt = Opt::new("--hidden", "N[,N...]", Network, "Units of each hidden layer; 0 for none.")
    .aliases(&["--units", "--hidden-units", "--hidden-layer-sizes"])
    .default(|| Overrides::default_text("hidden"))
    .sets(
        |given, text| {
            let sizes = text.split(',').map(|size| size.trim().parse().ok().filter(|&size| size > 0));
            let sizes = if text == "0" { Some(Vec::new()) } else { sizes.collect() };
            given.hidden = Some(sizes.ok_or("expected numbers of units, as in 128,128, or 0")?);
            Ok(())
        },
        |found| {
            let sizes: Vec<String> = found.hidden.iter().map(usize::to_string).collect();
            Some(if sizes.is_empty() { "0".into() } else { sizes.join(",") })
        },
    );

pub const FAST: Opt = Opt::new("--fast", "", Network, "A plain network, in a fraction of the time of an ensemble.")
    .aliases(&["--plain"])
    .sets(
        |given, _| {
            given.fast = true;
            Ok(())
        },
        |found| is_plain(found).then(String::new),
    );

/// The most members that a network can have.
const MOST_MEMBERS: usize = 256;

/// Returns whether a network has no members, no encoding and no calibration, so that `--fast` says all of that.
fn is_plain(found: &Hyperparameters) -> bool {
    (found.members, found.bins, found.embedding) == (1, 0, 0) && !found.calibrate
}

pub const MEMBERS: Opt = Opt::new(
    "--members",
    "K",
    Network,
    "Members of an ensemble that share the weights of the hidden layers, at most 256; 1 for a plain network.",
)
.default(|| Overrides::default_text("members"))
.sets(
    |given, text| {
        let members = text.parse().ok().filter(|members| (1..=MOST_MEMBERS).contains(members));
        given.members = Some(members.ok_or("expected a whole number from 1 to 256")?);
        Ok(())
    },
    |found| (!is_plain(found)).then(|| found.members.to_string()),
);

pub const BINS: Opt = Opt::new(
    "--bins",
    "N",
    Network,
    "Bins, two or more, in which each column of numbers is encoded besides its value; 0 for none.",
)
.default(|| Overrides::default_text("bins"))
.sets(
    |given, text| {
        given.bins = Some(text.parse().ok().filter(|&bins| bins != 1).ok_or("expected a whole number from 2, or 0")?);
        Ok(())
    },
    |found| (!is_plain(found)).then(|| found.bins.to_string()),
);

pub const EMBEDDING: Opt = Opt::new(
    "--embedding",
    "N",
    Network,
    "Numbers that each column becomes before the first hidden layer; 0 for no embedding.",
)
.aliases(&["--embeddings"])
.default(|| Overrides::default_text("embedding"))
.sets(
    |given, text| {
        given.embedding = Some(text.parse().map_err(|_| "expected a whole number from 0")?);
        Ok(())
    },
    |found| (!is_plain(found)).then(|| found.embedding.to_string()),
);

pub const ACTIVATION: Opt = Opt::new("--activation", "NAME", Network, "The activation after each hidden layer.")
    .choices(|| Activation::names().collect())
    .default(|| Activation::Relu.to_string())
    .sets(
        |given, text| set(&mut given.activation, text.parse()),
        |found| (found.activation != Activation::Relu).then(|| found.activation.to_string()),
    );

pub const INIT: Opt = Opt::new("--init", "NAME", Network, "The distribution of the initial weights.")
    .aliases(&["--initialization"])
    .choices(|| Init::names().collect())
    .default(|| "the one that suits the activation".into())
    .sets(|given, text| set(&mut given.init, text.parse()), |found| found.init.map(|init| init.to_string()));

pub const BATCH_NORM: Opt = Opt::new("--batch-norm", "", Network, "Batch normalization before each hidden activation.")
    .aliases(&["--batch-normalization"])
    .excludes(&["--layer-norm"])
    .without_lbfgs(SMOOTH)
    .sets(
        |given, _| {
            given.normalization = Some(Normalization::Batch);
            Ok(())
        },
        |found| (found.normalization == Some(Normalization::Batch)).then(String::new),
    );

pub const LAYER_NORM: Opt = Opt::new("--layer-norm", "", Network, "Layer normalization before each hidden activation.")
    .aliases(&["--layer-normalization"])
    .sets(
        |given, _| {
            given.normalization = Some(Normalization::Layer);
            Ok(())
        },
        |found| (found.normalization == Some(Normalization::Layer)).then(String::new),
    );

pub const OPTIMIZER: Opt = Opt::new(
    "--optimizer",
    "NAME",
    Optimization,
    "The update rule. lbfgs is for small data: it takes all of it for each step, and finds the length of the step \
     itself.",
)
.aliases(&["--solver"])
.choices(|| Rule::names().collect())
.default(|| "adamw; adam with --from".into())
.sets(|given, text| set(&mut given.optimizer, text.parse()), |found| Some(found.optimizer.name().into()));

pub const LR: Opt = Opt::new(
    "--lr",
    "X|auto",
    Optimization,
    "The learning rate, or auto to find one by training a copy of the network for a hundred steps; 0.01 for adamw in \
     an ensemble.",
)
.aliases(&["--learning-rate", "--learning-rate-init"])
.default(|| {
    let rates = Rule::names().filter_map(|name| name.parse::<Rule>().ok());
    let rates = rates.filter(|rule| rule.name() != "lbfgs");
    rates.map(|rule| format!("{} for {}", exact(rule.learning_rate()), rule.name())).collect::<Vec<_>>().join(", ")
})
.without_lbfgs(STEPS)
.sets(
    |given, text| match text {
        "auto" => set(&mut given.tune_learning_rate, Ok(true)),
        _ => number(&mut given.learning_rate, text, |x| x > 0.0 && x.is_finite(), "a number above 0, or auto"),
    },
    |found| match found.optimizer {
        Rule::Lbfgs(_) => None,
        _ if found.tune_learning_rate => Some("auto".into()),
        rule => Some(exact(rule.learning_rate())),
    },
);

pub const SCHEDULE: Opt = Opt::new(
    "--schedule",
    "NAME",
    Optimization,
    "The learning-rate schedule. cooldown decreases to zero over the last part of the training; step and exponential \
     count epochs; plateau lowers the rate if the loss has not improved for a number of epochs.",
)
.aliases(&["--lr-schedule"])
.choices(|| Schedule::names().collect())
.default(|| Schedule::default().to_string())
.without_lbfgs(STEPS)
.sets(
    |given, text| set(&mut given.schedule, text.parse()),
    |found| (found.schedule != Schedule::default()).then(|| found.schedule.to_string()),
);

pub const WARMUP: Opt =
    Opt::new("--warmup", "P", Optimization, "Fraction of the steps over which the rate increases from a tenth.")
        .default(|| "0".into())
        .without_lbfgs(STEPS)
        .sets(
            |given, text| {
                given.warmup = Some(
                    text.parse().ok().filter(|p| (0.0..=1.0).contains(p)).ok_or("expected a fraction from 0 to 1")?,
                );
                Ok(())
            },
            |found| positive_fraction(found.warmup),
        );

pub const BATCH: Opt = Opt::new("--batch", "N", Optimization, "Examples in a mini-batch.")
    .aliases(&["--batch-size"])
    .default(|| Overrides::default_text("batch_size"))
    .without_lbfgs(STEPS)
    .sets(
        |given, text| whole(&mut given.batch_size, text),
        |found| (!matches!(found.optimizer, Rule::Lbfgs(_))).then(|| found.batch_size.to_string()),
    );

pub const CLIP: Opt =
    Opt::new("--clip", "X", Optimization, "The largest Euclidean norm of a gradient; longer ones are scaled down.")
        .aliases(&["--clip-norm"])
        .default(|| "no limit".into())
        .without_lbfgs(SMOOTH)
        .sets(|given, text| limit(&mut given.clip_norm, text), |found| finite(found.clip_norm));

pub const CLIP_VALUE: Opt =
    Opt::new("--clip-value", "X", Optimization, "The largest absolute entry of a gradient; larger ones are cut.")
        .default(|| "no limit".into())
        .without_lbfgs(SMOOTH)
        .sets(|given, text| limit(&mut given.clip_value, text), |found| finite(found.clip_value));

pub const WEIGHT_DECAY: Opt = Opt::new(
    "--weight-decay",
    "X|auto",
    Regularization,
    "Decoupled weight decay. auto tries five values and an L1 penalty on 80 % of the training data, scores them on the \
     rest, and keeps the best.",
)
.aliases(&["--decay"])
.default(|| Overrides::default_text("weight_decay"))
.without_lbfgs(SMOOTH)
.sets(
    |given, text| match text {
        "auto" => set(&mut given.tune_penalty, Ok(true)),
        _ => number(&mut given.weight_decay, text, |x| x >= 0.0 && x.is_finite(), "a number of at least 0, or auto"),
    },
    |found| match found.penalty.weight_decay {
        _ if found.tune_penalty => Some("auto".into()),
        decay if decay > 0.0 || found.penalty.l1 > 0.0 || found.optimizer.name() == "adamw" => Some(exact(decay)),
        _ => None,
    },
);

pub const L1: Opt = Opt::new("--l1", "X", Regularization, "L1 penalty: X times the sum of the absolute weights.")
    .default(|| "0".into())
    .without_lbfgs(SMOOTH)
    .sets(|given, text| strength(&mut given.l1, text), |found| positive(found.penalty.l1));

pub const L2: Opt = Opt::new("--l2", "X", Regularization, "L2 penalty: X times half the sum of the squared weights.")
    .default(|| "0".into())
    .sets(|given, text| strength(&mut given.l2, text), |found| positive(found.penalty.l2));

pub const DROPOUT: Opt =
    Opt::new("--dropout", "P", Regularization, "The probability that a hidden unit is left out of a step.")
        .default(|| Overrides::default_text("dropout"))
        .without_lbfgs(SMOOTH)
        .sets(|given, text| fraction(&mut given.dropout, text), |found| positive_fraction(found.dropout));

pub const NOISE: Opt = Opt::new(
    "--noise",
    "X",
    Regularization,
    "The standard deviation of Gaussian noise that is added to the scaled features in training.",
)
.default(|| "0".into())
.without_lbfgs(SMOOTH)
.sets(|given, text| strength(&mut given.noise, text), |found| positive(found.noise));

pub const MAX_NORM: Opt =
    Opt::new("--max-norm", "X", Regularization, "The largest Euclidean norm of the weights into a unit.")
        .default(|| "no limit".into())
        .without_lbfgs(SMOOTH)
        .sets(|given, text| limit(&mut given.max_norm, text), |found| finite(found.max_norm));

pub const LABEL_SMOOTHING: Opt =
    Opt::new("--label-smoothing", "P", Regularization, "Fraction of each target that is spread over all classes.")
        .default(|| "0".into())
        .sets(
            |given, text| fraction(&mut given.label_smoothing, text),
            |found| positive_fraction(found.label_smoothing),
        );

pub const BALANCED: Opt =
    Opt::new("--balanced", "", Regularization, "All classes have the same weight, however few examples they have.")
        .aliases(&["--class-weight-balanced"])
        .sets(|given, _| set(&mut given.balanced, Ok(true)), |found| found.balanced.then(String::new));

pub const NO_CLAMP: Opt = Opt::new(
    "--no-clamp",
    "",
    Training,
    "Predicted values may lie outside the range of the training data. Those of an ensemble otherwise do not.",
)
.sets(|given, _| set(&mut given.clamp, Ok(false)), |found| (!found.clamp && !is_plain(found)).then(String::new));

pub const EPOCHS: Opt = Opt::new("--epochs", "N", Training, "Passes over the training data; at most for lbfgs.")
    .aliases(&["--max-iter", "--num-epochs"])
    .default(|| Overrides::default_text("epochs"))
    .sets(|given, text| whole(&mut given.epochs, text), |found| Some(found.epochs.to_string()));

pub const VALIDATION: Opt = Opt::new(
    "--validation",
    "P",
    Training,
    "Fraction of the training data in the validation set, whose loss is measured after each epoch.",
)
.aliases(&["--validation-fraction", "--validation-split"])
.default(|| Overrides::default_text("validation"))
.sets(
    |given, text| {
        given.validation = Some(text.parse().ok().filter(|p| (0.0..1.0).contains(p)).ok_or(FRACTION)?);
        Ok(())
    },
    |found| (found.validation > 0.0).then(|| found.validation.to_string()),
);

pub const PATIENCE: Opt = Opt::new(
    "--patience",
    "N",
    Training,
    "Early stopping: end if the loss (of the validation set, if there is one) has not improved for N epochs, with the \
     weights of the best epoch; 0 for never.",
)
.aliases(&["--n-iter-no-change"])
.default(|| Overrides::default_text("patience"))
.sets(
    |given, text| {
        given.patience = Some(text.parse().map_err(|_| "expected a whole number")?);
        Ok(())
    },
    |found| match found.patience {
        Some(patience) => Some(patience.to_string()),
        None => (found.validation > 0.0).then(|| "0".into()),
    },
);

pub const RESTARTS: Opt = Opt::new(
    "--restarts",
    "N",
    Training,
    "Initial weights that are trained for a tenth of the epochs; the best are trained in full.",
)
.default(|| Overrides::default_text("restarts"))
.sets(|given, text| whole(&mut given.restarts, text), |found| Some(found.restarts.to_string()));

pub const FROM: Opt = Opt::new(
    "--from",
    "MODEL",
    Training,
    "Train the network of a saved model further, with its columns and its preprocessing, instead of a new network.",
)
.aliases(&["--warm-start"])
.excludes(FROM_EXCLUDES)
.sets(
    |given, _| {
        given.warm_start = true;
        Ok(())
    },
    |_| None,
);

pub const BUDGET: Opt = Opt::new(
    "--budget",
    "TIME",
    Training,
    "The best model that trials find in about this time, as 60s, 5m or 1h; --time 60s is the same. The result depends on \
     the speed of the device.",
)
.default(|| "the usual trials, about a minute for 20000 rows".into())
.sets(
    |given, text| {
        given.budget = Some(time(text).ok_or("expected a time above 0, as 60s, 5m or 1h")?);
        Ok(())
    },
    |_| None,
);

/// The options that the model of `--from` decides.
pub const FROM_EXCLUDES: &[&str] = &[
    "--target",
    "--task",
    "--ignore",
    "--hidden",
    "--activation",
    "--init",
    "--members",
    "--bins",
    "--embedding",
    "--dropout",
    "--noise",
    "--batch-norm",
    "--layer-norm",
    "--scale",
    "--restarts",
    "--folds",
];

pub const FREEZE: Opt = Opt::new(
    "--freeze",
    "N",
    Training,
    "Freeze the first N dense layers of --from and all before the next one: for few rows that resemble those it was \
     trained on.",
)
.sets(|given, text| whole(&mut given.frozen, text), |found| (found.frozen > 0).then(|| found.frozen.to_string()));

pub const SEED: Opt = Opt::new("--seed", "N", Training, "The seed of everything random.")
    .aliases(&["--random-state"])
    .default(|| "0".into())
    .sets(
        |given, text| {
            given.seed = Some(text.parse().map_err(|_| "expected a whole number")?);
            Ok(())
        },
        |found| Some(found.seed.to_string()),
    );

/// Not a hyperparameter: it does not change any result.
pub const THREADS: Opt = Opt::new("--threads", "N", Training, "Threads that share the work. Results are the same.")
    .aliases(&["--jobs", "--n-jobs", "-j"])
    .default(|| "as many as the device offers".into());
