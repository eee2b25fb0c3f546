//! `DATA` on the command line: a CSV or TSV file, standard input, or a folder of IDX files.

use std::path::Path;

use palmnet::{Dataset, Model, Scaler, Schema, Table, Target};

use super::Failure;
use super::arguments::{Arguments, Choice, choice};

/// What the help of every command says about `DATA`.
pub const ABOUT: &str = "DATA is a CSV or TSV file (a header is recognised; - is standard input), or a folder with the \
    four files of MNIST in IDX format: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, \
    t10k-labels-idx1-ubyte.";

/// The options that choose training data.
pub const TARGET: Choice = choice(
    "--target",
    "NAME[,NAME...]",
    "The column to predict, by its header or its number from 1; the last when not given. Several are predicted as values together.",
);
pub const TASK: Choice = choice(
    "--task",
    "classify|regress",
    "Whether the target is a class or a number. Found out when not given: text and few whole numbers are classes.",
);
pub const TEST: Choice = choice(
    "--test",
    "FILE|SHARE",
    "Labelled data to test on, or the share of DATA to keep for that, chosen by the seed: 0.2 when not given, 0 for none. A folder has its own test part.",
);

/// What is trained on, and what is tested on.
pub struct Parts {
    pub train: Dataset,
    pub test: Option<Dataset>,
    /// What brings the features to a size that networks learn from, where their kind says so.
    pub scaler: Option<Scaler>,
}

/// The data that `train` was given.
pub fn for_training(arguments: &Arguments, seed: u64) -> Result<Parts, Failure> {
    let path = arguments.word(0).unwrap_or_default();
    if Path::new(path).is_dir() {
        if let Some(name) = [TARGET.name, TASK.name, TEST.name].into_iter().find(|name| arguments.has(name)) {
            return Err(arguments.misuse(&format!("{name} is for tables, and {path} is a folder of images")));
        }
        let (train, test) = Dataset::from_idx_folder(path)?;
        let scaler = Scaler::divide_by(train.features().columns(), 255.0);
        return Ok(Parts { train, test: Some(test), scaler: Some(scaler) });
    }
    let table = Table::read(path)?;
    let schema = infer(arguments, &table)?;
    let data = Dataset::from_table(&table, &schema)?;
    let test = arguments.text(TEST.name);
    let share = test.map_or(Ok(0.2), str::parse::<f64>);
    let (train, test) = match (test, share) {
        (Some(file), Err(_)) => (data, Some(Dataset::from_csv_as(file, &schema)?)),
        (_, Ok(share)) if (0.0..1.0).contains(&share) => match data.len() {
            _ if share == 0.0 => (data, None),
            1 => (data, None),
            _ => {
                // 1 less a very small share is 1, which is no share to split at.
                let (train, test) = data.split((1.0 - share).min(1.0 - f64::EPSILON), seed);
                (train, Some(test))
            }
        },
        _ => return Err(arguments.misuse("--test: expected a file, or a share of at least 0 and less than 1")),
    };
    Ok(Parts { train, test, scaler: None })
}

/// Labelled data for a model that is there already.
pub fn for_model(path: &str, model: &Model) -> Result<Dataset, Failure> {
    if Path::new(path).is_dir() {
        return Ok(Dataset::from_idx_test(path, model.schema())?);
    }
    Ok(Dataset::from_csv_as(path, model.schema())?)
}

fn infer(arguments: &Arguments, table: &Table) -> Result<Schema, Failure> {
    let task = arguments.text(TASK.name);
    if let Some(other) = task.filter(|task| !["classify", "regress"].contains(task)) {
        return Err(arguments.misuse(&format!("--task {other}: expected classify or regress")));
    }
    let last = table.columns().to_string();
    let names: Vec<&str> = match arguments.text(TARGET.name) {
        None => Vec::new(),
        // A header may hold a comma.
        Some(name) if table.header().is_some_and(|header| header.iter().any(|column| column == name)) => vec![name],
        Some(names) => names.split(',').map(str::trim).collect(),
    };
    let target = match (task, &names[..]) {
        (None, []) => Target::Last,
        (None, [name]) => Target::Column(name),
        (Some("classify"), []) => Target::Class(&last),
        (Some("classify"), [name]) => Target::Class(name),
        (Some("classify"), _) => return Err(arguments.misuse("only one column can be classified")),
        (_, []) => Target::Values(&[&last]),
        (_, names) => Target::Values(names),
    };
    Ok(Schema::infer(table, target)?)
}
