//! Command-line words: which options there are, what was given, and what was meant by a misspelt one.

use std::ffi::OsString;
use std::str::FromStr;

use super::{Failure, terminal};

/// What a subcommand takes.
pub struct Command {
    pub name: &'static str,
    /// The line after `palmnet`.
    pub usage: &'static str,
    pub summary: &'static str,
    /// Paragraphs of the help, after the summary.
    pub details: &'static [&'static str],
    /// The fewest and the most words that are not options.
    pub words: (usize, usize),
    pub options: &'static [Choice],
}

/// An option of a subcommand.
pub struct Choice {
    /// With its dashes.
    pub name: &'static str,
    /// What stands for its value in the help; empty for a switch.
    pub value: &'static str,
    pub help: &'static str,
}

/// Shorthand for the tables of options.
pub const fn choice(name: &'static str, value: &'static str, help: &'static str) -> Choice {
    Choice { name, value, help }
}

/// Of every command that computes much; [`Command::parse`] itself obeys it.
pub const THREADS: Choice = choice(
    "--threads",
    "N",
    "Threads to share the work: as many as the device offers when not given. Results are the same.",
);

/// The options and words that were given.
pub struct Arguments {
    command: &'static str,
    words: Vec<String>,
    given: Vec<(&'static str, String)>,
}

/// The words as text.
pub fn utf8(words: impl Iterator<Item = OsString>) -> Result<Vec<String>, Failure> {
    words
        .map(|word| {
            word.into_string().map_err(|word| Failure::Usage(format!("{} is not UTF-8: rename it", word.display())))
        })
        .collect()
}

impl Command {
    /// The given options and words; `None` when the help was asked for.
    pub fn parse(&'static self, words: impl Iterator<Item = String>) -> Result<Option<Arguments>, Failure> {
        let mut arguments = Arguments { command: self.name, words: Vec::new(), given: Vec::new() };
        let mut words = words;
        let mut only_words = false;
        while let Some(word) = words.next() {
            if only_words || word == "-" || !word.starts_with('-') {
                arguments.words.push(word);
                continue;
            }
            match word.as_str() {
                "--" => {
                    only_words = true;
                    continue;
                }
                "-h" | "--help" => return Ok(None),
                _ => {}
            }
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_string())),
                None => (word.as_str(), None),
            };
            let name = if name == "-o" { "--out" } else { name };
            let Some(choice) = self.options.iter().find(|choice| choice.name == name) else {
                let names: Vec<&str> = self.options.iter().map(|choice| choice.name).collect();
                return Err(self.misuse(&format!("no option {name}{}", nearest(name, &names))));
            };
            let value = match (choice.value, value) {
                ("", None) => String::new(),
                ("", Some(_)) => return Err(self.misuse(&format!("{name} takes no value"))),
                (_, Some(value)) => value,
                (what, None) => words.next().ok_or_else(|| self.misuse(&format!("{name} needs a value: {what}")))?,
            };
            if arguments.given.iter().any(|&(given, _)| given == choice.name) {
                return Err(self.misuse(&format!("{name} is given twice")));
            }
            arguments.given.push((choice.name, value));
        }
        let (fewest, most) = self.words;
        if arguments.words.len() < fewest {
            return Err(self.misuse(&format!("too little is given; usage: palmnet {}", self.usage)));
        }
        if let Some(word) = arguments.words.get(most) {
            return Err(self.misuse(&format!("{word} is too much; usage: palmnet {}", self.usage)));
        }
        let threads = arguments.value(THREADS.name, "a whole number from 1 to 1000", |n| (1..=1000).contains(n))?;
        palmnet::set_threads(threads.unwrap_or(0));
        Ok(Some(arguments))
    }

    /// The text of `--help`.
    pub fn help(&self) -> String {
        let usage = terminal::wrap(&format!("palmnet {}", self.usage), 0);
        let mut text = format!("{usage}\n{}", terminal::wrap(self.summary, 0));
        for paragraph in self.details {
            text += &format!("\n{}", terminal::wrap(paragraph, 0));
        }
        if !self.options.is_empty() {
            text += "\nOptions:\n";
        }
        for choice in self.options {
            let short = if choice.name == "--out" { "-o, " } else { "" };
            let heading = format!("  {short}{} {}", choice.name, choice.value);
            text += &format!("{}\n{}", heading.trim_end(), terminal::wrap(choice.help, 6));
        }
        text
    }

    fn misuse(&self, message: &str) -> Failure {
        Failure::Usage(format!("{message}: see palmnet {} --help", self.name))
    }
}

impl Arguments {
    /// The word at this place, if it was given.
    pub fn word(&self, place: usize) -> Option<&str> {
        self.words.get(place).map(String::as_str)
    }

    /// Whether a switch was given.
    pub fn has(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// The value of an option as it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|&&(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The value of an option, read as what it should be and found `good`; `expected` says what that is.
    pub fn value<T: FromStr>(
        &self,
        name: &str,
        expected: &str,
        good: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse() {
            Ok(value) if good(&value) => Ok(Some(value)),
            _ => Err(self.unexpected(name, text, expected)),
        }
    }

    #[inline(never)]
    fn unexpected(&self, name: &str, text: &str, expected: &str) -> Failure {
        self.misuse(&format!("{name} {text}: expected {expected}"))
    }

    /// The value of an option that is one of these names; `None` when it was not given.
    pub fn one_of<'a>(&self, option: &str, names: &[&'a str]) -> Result<Option<&'a str>, Failure> {
        let Some(text) = self.text(option) else { return Ok(None) };
        names.iter().find(|&&name| name == text).map(|&name| Some(name)).ok_or_else(|| {
            let (last, others) = names.split_last().expect("an option has names to choose from");
            let hint = nearest(text, names);
            self.misuse(&format!("{option} {text}: expected {} or {last}{hint}", others.join(", ")))
        })
    }

    /// The value of an option that the library reads by name.
    pub fn named<T: FromStr<Err = palmnet::Error>>(&self, option: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(option) else { return Ok(None) };
        text.parse().map(Some).map_err(|error| self.misuse(&format!("{option}: {error}")))
    }

    /// The failure for a misuse of this command.
    pub fn misuse(&self, message: &str) -> Failure {
        Failure::Usage(format!("{message}: see palmnet {} --help", self.command))
    }
}

/// ` (did you mean NAME?)` for the known name nearest to a misspelt one, or nothing.
pub fn nearest(name: &str, known: &[&str]) -> String {
    let edits = |known: &str| distance(&name.to_ascii_lowercase(), &known.to_ascii_lowercase());
    let best = known.iter().map(|known| (edits(known), known)).min();
    match best {
        // Of a word of three letters, two are no resemblance.
        Some((edits, known)) if edits <= (name.chars().count() / 2).min(2) => format!(" (did you mean {known}?)"),
        _ => String::new(),
    }
}

/// The number of letters to insert, remove or replace to get from one word to the other (Levenshtein, 1965).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let edits = (diagonal + usize::from(a != b)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], edits);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(nearest("--epoch", &["--lr", "--epochs"]), " (did you mean --epochs?)");
        assert_eq!(nearest("Species", &["size", "species"]), " (did you mean species?)");
        assert_eq!(nearest("x", &["y", "z"]), "");
        assert_eq!(nearest("--zzzzzz", &["--lr", "--epochs"]), "");
    }
}
