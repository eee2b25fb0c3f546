//! Options together: invalid combinations, and the command line that repeats a training.

use palmnet::Hyperparameters;
use palmnet::optim::Rule;
use palmnet::tune::{Normalization, Overrides};

use super::{BUDGET, FAST, FOLDS, FROM, FROM_EXCLUDES};
use crate::cli::Failure;
use crate::cli::arguments::Group::Data;
use crate::cli::arguments::{Arguments, Opt};

/// Returns the command line that repeats a training: the data and the hyperparameters, without options that do not
/// change the weights.
pub fn repeating_line(arguments: &Arguments, options: &[&'static Opt], found: &Hyperparameters) -> String {
    let data = arguments.word(0).unwrap_or_default();
    // Keeps a file whose name begins with a dash from being read as an option.
    let dash = if data.len() > 1 && data.starts_with('-') { "./" } else { "" };
    let mut line = format!("palmnet train {dash}{}", shell_word(data));
    let warm = arguments.has(FROM.name);
    for option in options {
        // Another option of this name, such as the `--validation` of a search, does not count.
        let given = || arguments.given_as(option).map(str::to_string);
        let value = match option.set {
            _ if warm && (FROM_EXCLUDES.contains(&option.name) || option.name == FAST.name) => None,
            // It is spent: the line repeats the result.
            _ if option.name == BUDGET.name => None,
            None if option.group == Data => given(),
            None => None,
            Some(_) => (option.show)(found).or_else(given),
        };
        if let Some(value) = value {
            line += &format!(" {}", option.name);
            if !option.value.is_empty() {
                line += &format!(" {}", shell_word(&value));
            }
        }
    }
    line
}

/// Checks combinations of options: with L-BFGS, Rprop, batch normalization, and settings that need `--from`.
pub fn check_combinations(arguments: &Arguments, overrides: &Overrides) -> Result<(), Failure> {
    if let Some(Rule::Lbfgs(_)) = overrides.optimizer
        && let Some((option, reason)) =
            arguments.given().find_map(|(option, _)| Some((option.name, option.without_lbfgs?)))
    {
        return Err(arguments.misuse(&format!("{option} does not go with --optimizer lbfgs, {reason}")));
    }
    if overrides.tune_learning_rate == Some(true) && matches!(overrides.optimizer, Some(Rule::Rprop(_))) {
        let message = "--lr auto does not go with --optimizer rprop, which adapts its steps as it goes";
        return Err(arguments.misuse(message));
    }
    if overrides.batch_size == Some(1) && overrides.normalization == Some(Normalization::Batch) {
        let message = "--batch-norm learns nothing from --batch 1: use larger mini-batches, or --layer-norm";
        return Err(arguments.misuse(message));
    }
    if let Some(budget) = arguments.text(BUDGET.name) {
        let plain = overrides.fast || overrides.warm_start || overrides.normalization == Some(Normalization::Batch);
        let whole_batch = matches!(overrides.optimizer, Some(Rule::Lbfgs(_) | Rule::Rprop(_)));
        let validates =
            overrides.patience.is_some_and(|n| n > 0) || overrides.validation.is_some_and(|part| part > 0.0);
        let tunes = overrides.tune_penalty == Some(true) || overrides.epochs.is_some();
        if plain || whole_batch || validates || tunes {
            return Err(arguments.misuse(&format!(
                "--budget {budget} is for the trials of an ensemble: not with --epochs, --validation, --patience, \
                 --weight-decay auto, --fast, --from, --batch-norm, rprop or lbfgs"
            )));
        }
        if arguments.has(FOLDS.name) {
            return Err(arguments.misuse("--budget is for a single training, not for --folds"));
        }
    }
    if overrides.frozen.is_some() && !overrides.warm_start {
        return Err(arguments.misuse("--freeze is for the layers of a model given by --from"));
    }
    Ok(())
}

/// Returns a word quoted for a shell, if necessary.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./,:=+@%".contains(c);
    match word.chars().all(plain) && !word.is_empty() {
        true => word.to_string(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}
