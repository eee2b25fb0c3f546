//! `DATA` on the command line: a CSV or TSV file, standard input, or a folder of IDX files.

use std::collections::BTreeSet;
use std::path::Path;

use palmnet::data::{Missing, Reading, Unknown};
use palmnet::tune::{diagnose_split, diagnose_test};
use palmnet::{Dataset, Error, Model, Table, Target};

use super::Failure;
use super::arguments::{Arguments, Opt};
use super::format::counted;
use super::options::{
    CATEGORIES, DECIMAL, FOLDS, GROUP, HEADER, IGNORE, KEEP_INDEX, MISSING, MISSING_VALUES, NUMBERS, SEPARATOR, TARGET,
    TASK, TEST, TIME, UNKNOWN, WEIGHTS,
};
use super::output::is_model;

/// The forms of `DATA`, for the help of every command.
pub const ABOUT: &str = "DATA is a CSV or TSV file (a header is recognized; - is standard input), or a folder with the \
    four files of MNIST in IDX format: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, \
    t10k-labels-idx1-ubyte.";

/// The options that a folder of images does not have.
const FOR_TABLES: [Opt; 15] = [
    TARGET,
    TASK,
    TEST,
    IGNORE,
    CATEGORIES,
    NUMBERS,
    MISSING,
    MISSING_VALUES,
    HEADER,
    SEPARATOR,
    DECIMAL,
    KEEP_INDEX,
    WEIGHTS,
    GROUP,
    TIME,
];

/// The training set and the test set.
pub struct Parts {
    pub train: Dataset,
    pub test: Option<Dataset>,
    /// Warnings about the reading of the data.
    pub warnings: Vec<String>,
}

/// The options of a command about its data, checked as far as possible before the data is read.
pub struct Request<'a> {
    arguments: &'a Arguments,
    path: &'a str,
    test: Test<'a>,
    missing: Missing,
    reading: Reading,
    /// The model to continue from, whose schema gives the columns their meaning.
    start: Option<&'a Model>,
}

enum Test<'a> {
    File(&'a str),
    Fraction(f64),
}

impl<'a> Request<'a> {
    /// Reads the options.
    pub fn parse(arguments: &'a Arguments) -> Result<Self, Failure> {
        let path = arguments.word(0).unwrap_or_default();
        if is_model(path) {
            return Err(arguments.misuse(&format!("{path} is a model, and DATA is a table or a folder of images")));
        }
        if Path::new(path).is_dir()
            && let Some(name) = FOR_TABLES.map(|option| option.name).into_iter().find(|name| arguments.has(name))
        {
            return Err(arguments.misuse(&format!("{name} is for tables, and {path} is a folder of images")));
        }
        arguments.choice(&TASK)?;
        let missing = match arguments.choice(&MISSING)? {
            Some("drop") => Missing::Drop,
            Some("error") => Missing::Error,
            _ => Missing::Fill,
        };
        let reading = reading(arguments, Reading::default())?;
        let test = match arguments.text(TEST.name).map(|text| (text, text.parse::<f64>())) {
            // Every fold has a test part of its own.
            None if arguments.has(FOLDS.name) => Test::Fraction(0.0),
            None => Test::Fraction(0.2),
            Some((file, Err(_))) => Test::File(file),
            Some((_, Ok(fraction))) if (0.0..1.0).contains(&fraction) => Test::Fraction(fraction),
            Some(_) => {
                return Err(arguments.misuse("--test: expected a file, or a fraction of at least 0 and less than 1"));
            }
        };
        Ok(Request { arguments, path, test, missing, reading, start: None })
    }

    /// Sets the model to continue from, if there is one.
    pub fn with_start(self, start: Option<&'a Model>) -> Self {
        Request { start, ..self }
    }

    /// Returns the files of the data, which no output may replace.
    pub fn files(&self) -> Vec<&'a str> {
        match self.test {
            Test::File(file) => vec![self.path, file],
            Test::Fraction(_) => vec![self.path],
        }
    }

    /// Reads the data; the seed chooses the test set.
    pub fn read(&self, seed: u64) -> Result<Parts, Failure> {
        if Path::new(self.path).is_dir() {
            let (train, test) = Dataset::from_idx_folder(self.path)?;
            if let Some(model) = self.start {
                model.check(&train)?;
            }
            return Ok(Parts { train, test: Some(test), warnings: Vec::new() });
        }
        let groups;
        let (data, rows) = match self.start {
            Some(model) => {
                let reading = reading(self.arguments, model.schema().reading())?;
                let mut table = Table::read_with(self.path, &reading)?;
                let rows = table.rows();
                groups = self.groups(&table);
                if self.missing == Missing::Drop {
                    table.drop_missing(model.schema())?;
                }
                (Dataset::from_table_as(&table, model.schema())?, rows)
            }
            None => {
                let table = Table::read_with(self.path, &self.reading)?;
                let rows = table.rows();
                groups = self.groups(&table);
                (infer(self.arguments, table, self.missing)?, rows)
            }
        };
        let mut warnings = notes(&data, rows);
        let missing = data.missing_count();
        if missing > 0 && self.start.is_some() {
            warnings.push(format!("{} filled in", counted_are(missing, "missing cell")));
        }
        let (train, test) = match self.test {
            Test::File(file) => {
                // Nothing is split off it, and its rows count alike.
                let mut reading = reading(self.arguments, data.schema().reading())?;
                (reading.weights, reading.group, reading.time) = (None, None, None);
                let mut table = Table::read_with(file, &reading)?;
                let shared: Vec<String> =
                    self.groups(&table).intersection(&groups).map(|name| format!("`{name}`")).collect();
                if !shared.is_empty() {
                    let (count, shown) = (counted(shared.len(), "group"), shared[..shared.len().min(3)].join(", "));
                    warnings.push(format!(
                        "{file}: rows of {count} are in the training file, too ({shown}): the test shows nothing about new \
                         groups (leave these rows out of one of the files)"
                    ));
                }
                if self.missing != Missing::Error {
                    table.drop_missing(data.schema())?;
                }
                let test = Dataset::from_table_as(&table, data.schema())?;
                warnings.extend(test.notes().iter().map(|note| format!("{file}: {note}")));
                warnings.extend(diagnose_test(&data, &test).map(|warning| warning.to_string()));
                (data, Some(test))
            }
            Test::Fraction(fraction) if fraction == 0.0 || data.len() == 1 => (data, None),
            Test::Fraction(fraction) => {
                data.check_memory(1, 0)?;
                // 1 minus a very small fraction rounds to 1, which would leave no test set.
                let (train, test) = data.split((1.0 - fraction).min(1.0 - f64::EPSILON), seed);
                warnings.extend(diagnose_split(&train, &test).map(|warning| warning.to_string()));
                (train, Some(test))
            }
        };
        let classes = train.class_names();
        let numbered = classes.len() > 2 && classes.iter().all(|class| class.parse::<f64>().is_ok());
        if numbered && !self.arguments.has(TASK.name) && self.start.is_none() {
            let classes = classes.len();
            warnings.push(format!(
                "the target holds whole numbers and is read as {classes} classes; \
                 --task regress predicts it as a number"
            ));
        }
        Ok(Parts { train, test, warnings })
    }
}

impl Request<'_> {
    /// Returns the names of the groups in a table, if it has the column that `--group` names.
    fn groups(&self, table: &Table) -> BTreeSet<String> {
        let name = self.arguments.text(GROUP.name).filter(|_| matches!(self.test, Test::File(_)));
        let named = |name: &str| table.header().and_then(|header| header.iter().position(|other| other == name));
        let numbered = |name: &str| name.parse::<usize>().ok().filter(|&number| number > 0).map(|number| number - 1);
        let column = name.and_then(|name| named(name).or_else(|| numbered(name)));
        let cell = |(row, column)| table.cells(row).nth(column).map(|cell| cell.trim().to_string());
        let cells = column.into_iter().flat_map(|column| (0..table.rows()).map(move |row| (row, column)));
        let mut groups = BTreeSet::new();
        // To collect them would take a sort of their own.
        groups.extend(cells.filter_map(cell).filter(|name| !name.is_empty()));
        groups
    }
}

/// Returns how a table is to be read: as `usual`, but for what the options say.
pub fn reading(arguments: &Arguments, usual: Reading) -> Result<Reading, Failure> {
    let mut reading = usual;
    let list =
        |option: &Opt| arguments.text(option.name).map(|text| text.split(',').map(|name| name.trim().to_string()));
    if let Some(answer) = arguments.choice(&HEADER)? {
        reading.header = Some(answer == "yes");
    }
    reading.separator = match arguments.text(SEPARATOR.name) {
        Some("tab" | "\\t") => Some('\t'),
        Some(text) => {
            let mut characters = text.chars();
            let single = characters.next().filter(|_| characters.next().is_none());
            Some(single.ok_or_else(|| arguments.misuse("--separator: expected one character, or tab"))?)
        }
        None => reading.separator,
    };
    if let Some(decimal) = arguments.choice(&DECIMAL)? {
        reading.decimal = decimal.chars().next();
    }
    if let Some(words) = list(&MISSING_VALUES) {
        reading.missing_values = Some(words.collect());
    }
    reading.keep_index |= arguments.has(KEEP_INDEX.name);
    reading.categories.extend(list(&CATEGORIES).into_iter().flatten());
    reading.numbers.extend(list(&NUMBERS).into_iter().flatten());
    if arguments.choice(&UNKNOWN)? == Some("error") {
        reading.unknown = Unknown::Error;
    }
    let column = |option: &Opt| arguments.text(option.name).map(str::to_string);
    (reading.weights, reading.group, reading.time) = (column(&WEIGHTS), column(&GROUP), column(&TIME));
    for option in [TARGET, IGNORE, CATEGORIES, NUMBERS, WEIGHTS, GROUP, TIME] {
        // A number is that of a column.
        let names = list(&option).into_iter().flatten().chain(arguments.text(option.name).map(str::to_string));
        reading.names.extend(names.filter(|name| name.parse::<usize>().is_err()));
    }
    Ok(reading)
}

/// Loads the model that the first word names.
pub fn model(arguments: &Arguments) -> Result<Model, Failure> {
    let (first, second) = (arguments.word(0).unwrap_or_default(), arguments.word(1).unwrap_or_default());
    match (is_model(first), is_model(second)) {
        (false, true) => {
            Err(arguments.misuse(&format!("{first} is not a model but {second} is: the order is MODEL DATA")))
        }
        (true, true) => Err(arguments.misuse(&format!("{second} is a model, too: the order is MODEL DATA"))),
        _ => Ok(Model::load(first)?),
    }
}

/// Reads the table that the second word names for a model.
pub fn table(arguments: &Arguments, model: &Model) -> Result<Table, Failure> {
    let path = arguments.word(1).unwrap_or_default();
    Ok(Table::read_with(path, &reading(arguments, model.schema().reading())?)?)
}

/// Reads labeled data for a model, with warnings; rows with a missing cell are an error or, with `drop`, left out.
pub fn for_model(arguments: &Arguments, model: &Model, drop: bool) -> Result<(Dataset, Vec<String>), Failure> {
    let path = arguments.word(1).unwrap_or_default();
    match Path::new(path).is_dir() {
        true => Ok((Dataset::from_idx_test(path, model.schema())?, Vec::new())),
        false => labeled(table(arguments, model)?, model, drop),
    }
}

/// Reads the labeled data in a table, as [`for_model`] does.
pub fn labeled(mut table: Table, model: &Model, drop: bool) -> Result<(Dataset, Vec<String>), Failure> {
    let rows = table.rows();
    if drop {
        table.drop_missing(model.schema())?;
    }
    let data = Dataset::from_table_as(&table, model.schema())?;
    let warnings = notes(&data, rows);
    Ok((data, warnings))
}

/// Returns the notes on data that was read from so many rows.
fn notes(data: &Dataset, rows: usize) -> Vec<String> {
    let mut notes = data.notes().to_vec();
    if data.len() < rows {
        notes.push(format!("{} of {rows} rows are dropped because a cell is missing", rows - data.len()));
    }
    notes
}

/// Returns a count with its noun and verb: `1 missing cell is`, `2 missing cells are`.
fn counted_are(count: usize, noun: &str) -> String {
    format!("{} {}", counted(count, noun), if count == 1 { "is" } else { "are" })
}

/// Returns the columns that the value of an option names, separated by commas.
fn names<'a>(value: Option<&'a str>, table: &Table) -> Vec<&'a str> {
    match value {
        None => Vec::new(),
        // A header may hold a comma.
        Some(name) if table.header().is_some_and(|header| header.iter().any(|column| column == name)) => vec![name],
        Some(names) => names.split(',').map(str::trim).collect(),
    }
}

/// Returns the labeled data in a table, to train on: the options name the target and what it is.
pub fn infer(arguments: &Arguments, mut table: Table, missing: Missing) -> Result<Dataset, Failure> {
    let task = arguments.text(TASK.name);
    let names_to_ignore = names(arguments.text(IGNORE.name), &table);
    let names = names(arguments.text(TARGET.name), &table);
    table.ignore(&names_to_ignore)?;
    let last = last_column(&table);
    let target = match (task, &names[..]) {
        (None, []) => Target::Last,
        (None, [name]) => Target::Column(name),
        (Some("classify"), []) => Target::Class(&last),
        (Some("classify"), [name]) => Target::Class(name),
        (Some("classify"), names) => Target::Labels(names),
        (None, names) => Target::Columns(names),
        (_, []) => Target::Values(&[&last]),
        (_, names) => Target::Values(names),
    };
    match Dataset::from_table(table, target, missing) {
        Err(Error::Setting(message)) if matches!(target, Target::Labels(_)) => Err(arguments.misuse(&message)),
        read => Ok(read?),
    }
}

/// Returns the number of the last column that is not ignored, counted from 1.
fn last_column(table: &Table) -> String {
    let last = (0..table.columns()).rfind(|&column| !table.ignores(column));
    last.map_or(0, |column| column + 1).to_string()
}
