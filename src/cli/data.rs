//! `DATA` on the command line: a CSV or TSV file, standard input, or a folder of IDX files.

use std::path::Path;

use palmnet::{Dataset, Error, Model, Scaler, Schema, Table, Target};

use super::arguments::{Arguments, Choice, choice, nearest};
use super::{Failure, files};

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
    "Whether the target is a class or a number. When not given, classes are text, or whole numbers with at most 20 different values that are exactly two or have at least 5 rows each on average.",
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
    /// Whether whole numbers were taken for classes with nobody having said so.
    pub guessed: bool,
}

/// What `train` was asked to read, found good as far as that can be said before it is read.
pub struct Request<'a> {
    arguments: &'a Arguments,
    path: &'a str,
    test: Test<'a>,
}

enum Test<'a> {
    File(&'a str),
    Share(f64),
}

impl<'a> Request<'a> {
    /// What the options say.
    pub fn parse(arguments: &'a Arguments) -> Result<Self, Failure> {
        let path = arguments.word(0).unwrap_or_default();
        if Path::new(path).is_dir()
            && let Some(name) = [TARGET.name, TASK.name, TEST.name].into_iter().find(|name| arguments.has(name))
        {
            return Err(arguments.misuse(&format!("{name} is for tables, and {path} is a folder of images")));
        }
        arguments.one_of(TASK.name, &["classify", "regress"])?;
        let test = match arguments.text(TEST.name).map(|text| (text, text.parse::<f64>())) {
            None => Test::Share(0.2),
            Some((file, Err(_))) => Test::File(file),
            Some((_, Ok(share))) if (0.0..1.0).contains(&share) => Test::Share(share),
            Some(_) => {
                return Err(arguments.misuse("--test: expected a file, or a share of at least 0 and less than 1"));
            }
        };
        Ok(Request { arguments, path, test })
    }

    /// The files, which nothing may take the place of.
    pub fn files(&self) -> Vec<&'a str> {
        match self.test {
            Test::File(file) => vec![self.path, file],
            Test::Share(_) => vec![self.path],
        }
    }

    /// Reads the data; the seed decides what is tested on.
    pub fn read(&self, seed: u64) -> Result<Parts, Failure> {
        if Path::new(self.path).is_dir() {
            let (train, test) = Dataset::from_idx_folder(self.path)?;
            let scaler = Scaler::divide_by(train.features().columns(), 255.0);
            return Ok(Parts { train, test: Some(test), scaler: Some(scaler), guessed: false });
        }
        let table = Table::read(self.path)?;
        let schema = infer(self.arguments, &table)?;
        let data = Dataset::from_table(&table, &schema)?;
        let (train, test) = match self.test {
            Test::File(file) => (data, Some(Dataset::from_csv_as(file, &schema)?)),
            Test::Share(share) if share == 0.0 || data.len() == 1 => (data, None),
            Test::Share(share) => {
                // 1 less a very small share is 1, which is no share to split at.
                let (train, test) = data.split((1.0 - share).min(1.0 - f64::EPSILON), seed);
                (train, Some(test))
            }
        };
        let classes = train.class_names();
        let numbered = classes.len() > 2 && classes.iter().all(|class| class.parse::<f64>().is_ok());
        Ok(Parts { test, scaler: None, guessed: numbered && !self.arguments.has(TASK.name), train })
    }
}

/// The model that the first word names.
pub fn model(arguments: &Arguments) -> Result<Model, Failure> {
    let (first, second) = (arguments.word(0).unwrap_or_default(), arguments.word(1).unwrap_or_default());
    if files::is_model(second) && !files::is_model(first) {
        return Err(arguments.misuse(&format!("{first} is not a model but {second} is: the order is MODEL DATA")));
    }
    Ok(Model::load(first)?)
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
    Schema::infer(table, target).map_err(|error| match (error, table.header()) {
        (Error::Format { file, message }, Some(header)) => {
            let known: Vec<&str> = header.iter().map(String::as_str).collect();
            let is_column = |name: &&&str| {
                known.contains(name) || name.parse().is_ok_and(|number| (1..=known.len()).contains(&number))
            };
            let hint = names.iter().find(|name| !is_column(name)).map_or(String::new(), |name| nearest(name, &known));
            Error::format(file, message + &hint).into()
        }
        (error, _) => error.into(),
    })
}
