//! The command line: dispatches to a subcommand, and turns its result into an exit status.

mod arguments;
mod ascii;
mod commands;
mod files;
mod format;
mod input;
mod options;
mod output;
mod pictures;
mod predictions;
mod progress;
mod report;
mod resume;
mod run;
mod terminal;
mod trial_files;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Arguments, Command};
use ascii::Ascii;
#[cfg(feature = "bench")]
use commands::bench;
#[cfg(feature = "import")]
use commands::import;
use commands::{average, completions, demo, eval, explain, info, man, predict, search, train};
#[cfg(feature = "export")]
use commands::{export, quantize};
use options::THREADS;

/// Every subcommand with its function, in the order of the help.
const COMMANDS: &[(&Command, Work)] = &[
    (&demo::COMMAND, demo::run),
    (&train::COMMAND, train::run),
    (&search::COMMAND, search::run),
    (&eval::COMMAND, eval::run),
    (&predict::COMMAND, predict::run),
    (&explain::COMMAND, explain::run),
    #[cfg(feature = "export")]
    (&export::COMMAND, export::run),
    #[cfg(feature = "import")]
    (&import::COMMAND, import::run),
    #[cfg(feature = "export")]
    (&quantize::COMMAND, quantize::run),
    (&info::COMMAND, info::run),
    (&average::COMMAND, average::run),
    #[cfg(feature = "bench")]
    (&bench::COMMAND, bench::run),
    (&completions::COMMAND, completions::run),
    (&man::COMMAND, man::run),
];

/// The purpose of the command.
const ABOUT: &str = "Neural networks that fit in your palm";

type Work = fn(&Arguments, &mut dyn Write) -> Result<(), Failure>;

/// The failure of a command.
enum Failure {
    /// The command line was wrong; the message names the mistake and the `--help` to read.
    Usage(String),
    /// The work failed.
    Work(palmnet::Error),
    /// Standard output could not be written.
    Output(io::Error),
}

impl From<palmnet::Error> for Failure {
    fn from(error: palmnet::Error) -> Self {
        Failure::Work(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(message) => f.write_str(message),
            Failure::Work(error) => error.fmt(f),
            Failure::Output(error) => write!(f, "standard output: {error}"),
        }
    }
}

/// Runs the command line, given without the program's name. The exit status is 0 if it is done, 1 if the work failed, 2
/// if the command line was wrong.
pub fn run(words: impl Iterator<Item = OsString>) -> ExitCode {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let words: Vec<OsString> = words.collect();
    let mut ascii = Ascii(&mut out);
    let shown: &mut dyn Write = if terminal::has_unicode() || is_for_programs(&words) { ascii.0 } else { &mut ascii };
    let result = dispatch(words.into_iter(), shown).and_then(|()| Ok(shown.flush()?));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has closed the pipe, as `head` does: nothing failed.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = out.flush();
            terminal::write_error_wrapped(&format!("palmnet: {failure}"));
            ExitCode::from(if matches!(failure, Failure::Usage(_)) { 2 } else { 1 })
        }
    }
}

/// Returns whether the output is data, which is the same in every locale.
fn is_for_programs(words: &[OsString]) -> bool {
    let first = words.first().and_then(|word| word.to_str());
    matches!(first, Some("predict" | "completions" | "man")) || words.iter().any(|word| word == "--json")
}

fn dispatch(words: impl Iterator<Item = OsString>, out: &mut dyn Write) -> Result<(), Failure> {
    let mut words = Vec::new().into_iter().chain(arguments::utf8(words)?);
    let is_bold = || terminal::is_colored(&io::stdout());
    let name = words.next();
    match name.as_deref() {
        Some("-h" | "--help" | "help") => {
            // `palmnet help train` is `palmnet train --help`.
            match words.next() {
                Some(name) => Ok(out.write_all(find(&name)?.0.help(is_bold()).as_bytes())?),
                None => Ok(out.write_all(overview(is_bold()).as_bytes())?),
            }
        }
        Some("-V" | "--version") => Ok(writeln!(out, "palmnet {}", env!("CARGO_PKG_VERSION"))?),
        Some(name) => {
            let (command, work) = find(name)?;
            match command.parse(words)? {
                Some(arguments) => {
                    let threads = "a whole number from 1 to 1024";
                    let threads = arguments.value(THREADS.name, threads, |n| (1..=1024).contains(n))?;
                    palmnet::compute::set_threads(threads.unwrap_or(0));
                    palmnet::compute::Isa::current()?;
                    work(&arguments, out)
                }
                None => Ok(out.write_all(command.help(is_bold()).as_bytes())?),
            }
        }
        None => Err(Failure::Usage(format!("no command given\n\n{}", overview(false)))),
    }
}

/// Names of commands that other tools have.
const ALIASES: [(&str, &str); 3] = [("fit", "train"), ("evaluate", "eval"), ("score", "eval")];

fn find(name: &str) -> Result<(&'static Command, Work), Failure> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
    COMMANDS.iter().find(|(command, _)| command.name == name).copied().ok_or_else(|| {
        let names: Vec<&str> = COMMANDS.iter().map(|(command, _)| command.name).collect();
        let hint = arguments::nearest(name, &names);
        Failure::Usage(format!("unknown command \"{name}\"{hint}; known are {}: see palmnet --help", names.join(", ")))
    })
}

fn overview(is_bold: bool) -> String {
    let mut text = format!("{ABOUT}.\n\n");
    for (command, _) in COMMANDS {
        text += &command.wrapped_usage(is_bold);
        text += &terminal::wrap(command.summary, 4);
    }
    text += "\nSee palmnet COMMAND --help for each.\nStart with palmnet demo.\n";
    text
}
