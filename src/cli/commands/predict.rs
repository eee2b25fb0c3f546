//! `palmnet predict`: one prediction per line.

use std::io::{Stdin, Write};
use std::path::Path;

use palmnet::data::{Arrival, Features, TableStream, TargetSchema};
use palmnet::model::Predictions;
use palmnet::{Error, Model, Table};

use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Group, Opt};
use crate::cli::format::counted;
use crate::cli::input;
use crate::cli::options::{HEADER, JSON, SEPARATOR, THREADS, UNKNOWN};
use crate::cli::predictions::{Form, Rows};
use crate::cli::terminal::{warn, write_error_wrapped};

pub const COMMAND: Command = Command {
    name: "predict",
    usage: "predict MODEL DATA",
    summary: "Print one prediction per line for the rows of a file, labeled or not.",
    details: &[
        input::ABOUT,
        "A folder stands for its test images. Several values or labels are separated by commas.",
        "Lines of standard input (-) are answered as they arrive, so that a program can talk to it through pipes: a line \
         in, a line out. A header comes with the first row. A line that cannot be read has an empty answer, and its error \
         goes to standard error; from the first row on, so has a line without content, without an error.",
    ],
    words: (2, 2),
    names: &[],
    options: &[&PROBABILITIES, &INTERVAL, &SET, &APPEND, &UNKNOWN, &STRICT, &HEADER, &SEPARATOR, &THREADS, &JSON],
};

const PROBABILITIES: Opt = Opt::new(
    "--probabilities",
    "",
    Group::Output,
    "After the class, the probability of every class (of labels, that of each label's second class), separated by commas, \
     under a header.",
)
.aliases(&["--proba", "--predict-proba"]);

const INTERVAL: Opt = Opt::new(
    "--interval",
    "P",
    Group::Output,
    "After the values, the lower and the upper end of an interval for each, under a header: on \
     average over all rows, P % of the true values are inside, from 50 to 99. The model needs a calibration.",
)
.aliases(&["--intervals", "--prediction-interval"]);

const SET: Opt = Opt::new(
    "--set",
    "P",
    Group::Output,
    "After the class, a set of classes separated by |, the likeliest first, under a header: on average over all rows, \
     the true class is in it in P % of them or more, from 50 to 99. The model needs a calibration.",
)
.aliases(&["--sets", "--prediction-set"]);

const APPEND: Opt = Opt::new(
    "--append",
    "",
    Group::Output,
    "Print each line of DATA as it is, with the prediction behind it, under the header if DATA has one. A name that DATA \
     has already is followed by .predicted. Line ends are those of DATA, and so is a comma before decimals.",
)
.excludes(&["--json"]);

const STRICT: Opt = Opt::new(
    "--strict",
    "",
    Group::Data,
    "End with an error at the first row that cannot be read. By default its prediction is empty, and the others are \
     printed.",
);

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let (interval, set) = (level(arguments, &INTERVAL)?, level(arguments, &SET)?);
    let model = input::model(arguments)?.folded();
    check_kind(arguments, &model)?;
    let path = arguments.word(1).unwrap_or_default();
    let form = Form {
        model: &model,
        probabilities: arguments.has(PROBABILITIES.name),
        interval,
        set,
        json: arguments.has(JSON.name),
        appends: arguments.has(APPEND.name),
    };
    let is_strict = arguments.has(STRICT.name);
    let failures = Failures::default();
    let mut printer = Printer { form: &form, path, is_strict, separator: None, line_end: "\n", failures };
    if Path::new(path).is_dir() {
        if form.appends {
            return Err(arguments.misuse(&format!("--append is for tables, and {path} is a folder of images")));
        }
        let images = Features::from_idx_test(path, model.schema())?;
        let (outputs, spreads) = model.predict_with_spread(&images)?;
        let rows = Rows::new(&form, outputs, spreads)?;
        let fault = (0..rows.outputs.rows()).find_map(|row| Some((row + 1, rows.fault(row)?)));
        return match fault {
            Some((number, fault)) => Err(Error::format(path, format!("row {number}: {fault}")).into()),
            None => printer.print(None, &rows, out),
        };
    }
    let reading = input::reading(arguments, model.schema().reading())?;
    if path == "-" {
        printer.answer(&mut TableStream::stdin(&reading)?, out)?;
    } else {
        let table = Table::read_with(path, &reading)?;
        table.notes().iter().for_each(|note| warn(note));
        let found = model.predict_rows(&table)?;
        found.notes.iter().for_each(|note| warn(note));
        printer.print_table(&table, found, out)?;
    }
    printer.failures.report(path)
}

/// Returns the fraction that an option gives in percent.
fn level(arguments: &Arguments, option: &Opt) -> Result<Option<f64>, Failure> {
    let percent = arguments.value(option.name, "a percentage from 50 to 99", |p: &f64| (50.0..=99.0).contains(p))?;
    Ok(percent.map(|percent| percent / 100.0))
}

/// Refuses options that do not suit what the model predicts, or that need a calibration where there is none.
fn check_kind(arguments: &Arguments, model: &Model) -> Result<(), Failure> {
    let kind = match model.schema().target() {
        TargetSchema::Classes { .. } => "classes",
        TargetSchema::Labels { .. } => "labels",
        TargetSchema::Values { .. } => "values",
    };
    for (option, needed, other) in
        [(&PROBABILITIES, "classes", ""), (&INTERVAL, "values", ": use --set"), (&SET, "classes", ": use --interval")]
    {
        let suits = needed == kind || (option.name == PROBABILITIES.name && kind == "labels");
        if arguments.has(option.name) && !suits {
            let other = if kind == "labels" { "" } else { other };
            return Err(arguments.misuse(&format!("{}: this model predicts {kind}, not {needed}{other}", option.name)));
        }
    }
    let given = [INTERVAL.name, SET.name].into_iter().find(|option| arguments.has(option));
    match given.filter(|_| model.calibration().is_none()) {
        None => Ok(()),
        Some(option) => Err(Error::format(
            arguments.word(0).unwrap_or_default(),
            format!(
                "the model has no calibration, which {option} needs: it is older, or was trained on fewer than 30 rows or \
                 with --fast or --from. Train it with palmnet train DATA on more rows"
            ),
        )
        .into()),
    }
}

/// The rows that could not be read.
#[derive(Default)]
struct Failures {
    count: usize,
    first: Option<Error>,
}

impl Failures {
    fn add(&mut self, error: Error) {
        self.count += 1;
        self.first.get_or_insert(error);
    }

    /// Returns an error if there are some. It names the first, unless each was printed with its answer.
    fn report(self, path: &str) -> Result<(), Failure> {
        let Some(first) = self.first else { return Ok(()) };
        let message = match (self.count, path) {
            (count, "-") => format!("{} could not be read: see above", counted(count, "row")),
            (1, _) => return Err(first.into()),
            (count, _) => format!("{count} rows cannot be read and have an empty prediction; the first: {first}"),
        };
        Err(Error::format(path, message).into())
    }
}

/// Returns the part of a note that is the same for other numbers of rows, and for another text in a column: a stream has
/// any number of those, and each kind is remembered.
fn kind(note: &str) -> String {
    match note.split_once("` has ").or_else(|| note.split_once("` is read as ")) {
        Some((column, _)) => column.to_string(),
        None => note.chars().filter(|c| !c.is_ascii_digit()).collect(),
    }
}

fn append(text: &str, separator: char, more: &str) -> String {
    format!("{text}{separator}{more}")
}

/// Prints predictions, and remembers the rows that have none.
struct Printer<'a> {
    form: &'a Form<'a>,
    path: &'a str,
    is_strict: bool,
    /// The character between cells, once something is printed.
    separator: Option<char>,
    line_end: &'static str,
    failures: Failures,
}

impl Printer<'_> {
    /// Answers lines as they arrive. The faults of a line are printed with its answer.
    fn answer(&mut self, stream: &mut TableStream<Stdin>, out: &mut dyn Write) -> Result<(), Failure> {
        let mut seen: Vec<String> = Vec::new();
        while let Some(arrival) = stream.next()? {
            match arrival {
                Arrival::Rows(table) => {
                    let found = self.form.model.predict_rows(&table)?;
                    for note in table.notes().iter().chain(&found.notes) {
                        let kind = kind(note);
                        if !seen.contains(&kind) {
                            warn(note);
                            seen.push(kind);
                        }
                    }
                    self.print_table(&table, found, out)?;
                }
                Arrival::Fault { error, .. } if self.is_strict => return Err(error.into()),
                Arrival::Fault { text, error } => {
                    self.add(error);
                    self.write_empty(&text, out)?;
                }
                Arrival::Blank { text } if text.is_empty() && self.form.appends => self.write(out, text)?,
                Arrival::Blank { text } => self.write_empty(&text, out)?,
            }
            out.flush()?;
        }
        Ok(())
    }

    /// Notes a row without a prediction. One who talks to the command learns why at once.
    fn add(&mut self, error: Error) {
        if self.path == "-" {
            write_error_wrapped(&format!("palmnet: {error}"));
        }
        self.failures.add(error);
    }

    /// Prints the predictions for the rows of a table.
    fn print_table(&mut self, table: &Table, found: Predictions, out: &mut dyn Write) -> Result<(), Failure> {
        let mut rows = Rows::new(self.form, found.outputs, found.spreads)?;
        let mut failures = found.failures.into_iter().peekable();
        for row in 0..rows.outputs.rows() {
            let place = || format!("{}, line {}", self.path, table.line(row));
            let overflow = || rows.fault(row).map(|fault| Error::format(place(), fault));
            let failure = failures.next_if(|(failed, _)| *failed == row);
            let Some(error) = failure.map(|(_, error)| error).or_else(overflow) else { continue };
            if self.is_strict {
                return Err(error.into());
            }
            rows.failed.push(row);
            self.add(error);
        }
        self.print(Some(table), &rows, out)
    }

    /// Prints predictions, with the rows of the table that they are for if that is wanted.
    fn print(&mut self, table: Option<&Table>, rows: &Rows, out: &mut dyn Write) -> Result<(), Failure> {
        let form = self.form;
        let table = table.filter(|_| form.appends);
        let separator = table.map_or(',', Table::separator);
        if self.separator.replace(separator).is_none() {
            self.line_end = table.map_or("\n", Table::line_end);
            let names = form.header(table.and_then(Table::header).unwrap_or_default(), separator);
            match table.map(Table::header_text) {
                Some(Some(header)) => self.write(out, append(&header, separator, &names))?,
                None if form.has_header() => self.write(out, names)?,
                _ => {}
            }
        }
        for index in 0..rows.outputs.rows() {
            let line = if rows.has_failed(index) { form.empty(separator) } else { form.line(rows, index, separator) };
            self.write(
                out,
                match table {
                    Some(table) => append(&table.line_text(index), separator, &line),
                    None => line,
                },
            )?;
        }
        Ok(())
    }

    /// Writes the answer to a line without a prediction.
    fn write_empty(&self, text: &str, out: &mut dyn Write) -> std::io::Result<()> {
        let separator = self.separator.unwrap_or(',');
        let line = self.form.empty(separator);
        self.write(out, if self.form.appends { append(text, separator, &line) } else { line })
    }

    fn write(&self, out: &mut dyn Write, mut line: String) -> std::io::Result<()> {
        line.push_str(self.line_end);
        out.write_all(line.as_bytes())
    }
}
