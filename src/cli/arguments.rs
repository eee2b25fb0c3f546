//! The parser of the command line: commands, their options, and the options that were given.

use std::ffi::OsString;
use std::str::FromStr;

use palmnet::Hyperparameters;
use palmnet::tune::Overrides;

use super::{COMMANDS, Failure, terminal};

/// The description of a command, for the parser and the help.
pub struct Command {
    pub name: &'static str,
    /// The line after `palmnet`.
    pub usage: &'static str,
    pub summary: &'static str,
    /// Paragraphs of the help, after the summary.
    pub details: &'static [&'static str],
    /// The fewest and the most words that are not options.
    pub words: (usize, usize),
    /// The names of which the first word is one, if it is no file.
    pub names: &'static [&'static str],
    pub options: &'static [&'static Opt],
}

/// Reads a value into the overrides; the error names the expected form.
pub type Set = fn(&mut Overrides, &str) -> Result<(), String>;

/// An option: everything that is known about it.
pub struct Opt {
    /// With its dashes.
    pub name: &'static str,
    /// Other names that are accepted, such as those of other tools.
    pub aliases: &'static [&'static str],
    /// The value's placeholder in the help; empty for a switch.
    pub value: &'static str,
    pub group: Group,
    pub help: &'static str,
    /// The default as the help shows it; empty if there is none to show.
    pub default: fn() -> String,
    /// The names to choose from, if the value is one of several.
    pub choices: fn() -> Vec<&'static str>,
    /// Reads the value; the error names the expected form.
    pub set: Option<Set>,
    /// Returns the value that gives these hyperparameters again; `None` if the default does.
    pub show: fn(&Hyperparameters) -> Option<String>,
    /// Options that cannot be given together with this one.
    pub excludes: &'static [&'static str],
    /// The reason if it cannot be given together with L-BFGS.
    pub without_lbfgs: Option<&'static str>,
    /// The option that is meant instead, where the command has it, if the value is of the kind of that one.
    pub other: Option<Other>,
}

/// Another option, and the values that are meant for it.
#[derive(Clone, Copy)]
pub struct Other {
    pub name: &'static str,
    pub has: fn(&str) -> bool,
}

/// A paragraph of the help.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Data,
    Network,
    Optimization,
    Regularization,
    Training,
    Output,
}

impl Group {
    const ALL: [(Group, &'static str); 6] = [
        (Group::Data, "Data"),
        (Group::Network, "Network"),
        (Group::Optimization, "Optimization"),
        (Group::Regularization, "Regularization"),
        (Group::Training, "Training"),
        (Group::Output, "Output"),
    ];
}

impl Opt {
    pub const fn new(name: &'static str, value: &'static str, group: Group, help: &'static str) -> Opt {
        Opt {
            name,
            aliases: &[],
            value,
            group,
            help,
            default: String::new,
            choices: Vec::new,
            set: None,
            show: |_| None,
            excludes: &[],
            without_lbfgs: None,
            other: None,
        }
    }

    pub const fn aliases(self, aliases: &'static [&'static str]) -> Opt {
        Opt { aliases, ..self }
    }

    pub const fn default(self, default: fn() -> String) -> Opt {
        Opt { default, ..self }
    }

    pub const fn choices(self, choices: fn() -> Vec<&'static str>) -> Opt {
        Opt { choices, ..self }
    }

    /// Makes the option a hyperparameter, with functions that read and show it.
    pub const fn sets(self, set: Set, show: fn(&Hyperparameters) -> Option<String>) -> Opt {
        Opt { set: Some(set), show, ..self }
    }

    pub const fn excludes(self, excludes: &'static [&'static str]) -> Opt {
        Opt { excludes, ..self }
    }

    pub const fn or_if(self, name: &'static str, has: fn(&str) -> bool) -> Opt {
        Opt { other: Some(Other { name, has }), ..self }
    }

    pub const fn without_lbfgs(self, reason: &'static str) -> Opt {
        Opt { without_lbfgs: Some(reason), ..self }
    }

    /// Returns whether `name` is one of its names; dashes and underscores are the same.
    fn is(&self, name: &str) -> bool {
        let same = |own: &str| {
            let plain = |c: char| if c == '_' { '-' } else { c };
            own.chars().map(plain).eq(name.chars().map(plain))
        };
        same(self.name) || self.aliases.iter().any(|alias| same(alias))
    }

    /// Returns the name of one letter, with its dash, if there is one.
    pub fn short(&self) -> Option<&'static str> {
        self.aliases.iter().copied().find(|alias| !alias.starts_with("--"))
    }

    /// Returns the help, the choices and the default as one text.
    pub fn description(&self) -> String {
        let mut text = self.help.to_string();
        let (choices, default) = ((self.choices)(), (self.default)());
        // A value such as `drop|fill` shows its choices itself.
        if !choices.is_empty() && !self.value.contains('|') {
            text += &format!(" One of {}.", choices.join(", "));
        }
        let others: Vec<&str> = self.aliases.iter().copied().filter(|alias| alias.starts_with("--")).collect();
        if !others.is_empty() {
            text += &format!(" Also {}.", others.join(", "));
        }
        if !self.excludes.is_empty() {
            text += &format!(" Not together with {}.", self.excludes.join(", "));
        }
        if !default.is_empty() {
            text += &format!(" [default: {default}]");
        }
        text
    }
}

/// The options and words that were given.
pub struct Arguments {
    command: &'static str,
    words: Vec<String>,
    given: Vec<(&'static Opt, String)>,
}

/// Parameters of scikit-learn that are not the same here, and the options that do what they are for.
const SIMILAR: [(&str, &str); 6] = [
    ("--alpha", "--weight-decay"),
    ("--class-weight", "--balanced"),
    ("--early-stopping", "--patience"),
    ("--momentum", "--optimizer"),
    ("--tol", "--patience"),
    ("--verbose", "--every"),
];

/// Returns the words as text.
pub fn utf8(words: impl Iterator<Item = OsString>) -> Result<Vec<String>, Failure> {
    words
        .map(|word| {
            word.into_string().map_err(|word| Failure::Usage(format!("{} is not UTF-8: rename it", word.display())))
        })
        .collect()
}

impl Command {
    /// Returns the given options and words; `None` if the help was asked for.
    pub fn parse(&'static self, words: impl Iterator<Item = String>) -> Result<Option<Arguments>, Failure> {
        let mut arguments = Arguments { command: self.name, words: Vec::new(), given: Vec::new() };
        let mut words = words;
        let mut only_words = false;
        while let Some(word) = words.next() {
            match word.as_str() {
                _ if only_words || word == "-" || !word.starts_with('-') => arguments.words.push(word),
                "--" => only_words = true,
                "-h" | "--help" => return Ok(None),
                _ => {
                    let (option, value) = self.option(&word, &mut words)?;
                    if arguments.given.iter().any(|(given, _)| given.name == option.name) {
                        return Err(self.misuse(&format!("{} is given twice", option.name)));
                    }
                    arguments.given.push((option, value));
                }
            }
        }
        let (fewest, most) = self.words;
        if arguments.words.len() < fewest {
            return Err(self.misuse(&format!("missing argument; usage: palmnet {}", self.usage)));
        }
        if let Some(word) = arguments.words.get(most) {
            return Err(self.misuse(&format!("unexpected argument {word}; usage: palmnet {}", self.usage)));
        }
        for (option, _) in &arguments.given {
            if let Some(other) = option.excludes.iter().find(|other| arguments.has(other)) {
                return Err(self.misuse(&format!("{} and {other} exclude each other", option.name)));
            }
        }
        Ok(Some(arguments))
    }

    /// Returns the option that `word` names, with its value, which may be one of the `words` after it.
    fn option(&self, word: &str, words: &mut dyn Iterator<Item = String>) -> Result<(&'static Opt, String), Failure> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (word, None),
        };
        let find = |name: &str| self.options.iter().find(|option| option.is(name));
        // A number may follow a letter at once, as in -j4; in -out, o is no option.
        let digits = name.get(2..).filter(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
        let (name, value) = match digits {
            Some(digits) if value.is_none() && find(&name[..2]).is_some() => (&name[..2], Some(digits.to_string())),
            _ => (name, value),
        };
        let Some(mut option) = find(name) else { return Err(self.unknown(name)) };
        let value = match (option.value, value) {
            ("", None) => String::new(),
            ("", Some(_)) => return Err(self.misuse(&format!("{name} takes no value"))),
            (_, Some(value)) => value,
            // An option is no value; a file of such a name is given with `=`.
            (what, None) => match words.next().filter(|word| find(word).is_none()) {
                Some(value) => value,
                None => return Err(self.misuse(&format!("{name} needs a value: {what}"))),
            },
        };
        // Of two options with the same name, the value tells which is meant.
        if let Some(other) = option.other
            && (other.has)(&value)
            && let Some(other) = self.options.iter().find(|option| option.name == other.name)
        {
            option = other;
        }
        Ok((option, value))
    }

    /// Returns the failure for an option that is not known. The dashes say nothing about which one was meant.
    fn unknown(&self, name: &str) -> Failure {
        let names = self.options.iter().flat_map(|option| option.aliases.iter().copied().chain([option.name]));
        let names: Vec<&str> = names.filter_map(|name| name.strip_prefix("--")).collect();
        let others = COMMANDS.iter().filter(|(other, _)| other.options.iter().any(|option| option.is(name)));
        let others: Vec<&str> = others.map(|(other, _)| other.name).collect();
        let is_similar = |(other, found): &&(&str, &str)| {
            *other == name.replace('_', "-") && self.options.iter().any(|o| o.is(found))
        };
        let nearest = palmnet::unversioned::nearest(name.trim_start_matches('-'), &names);
        let hint = match (SIMILAR.iter().find(is_similar), nearest) {
            (Some((_, found)), _) => format!(" (see {found})"),
            (None, Some(found)) => format!(" (did you mean --{found}?)"),
            (None, None) if others.is_empty() => String::new(),
            (None, None) => format!(" (it is one of palmnet {})", others.join(", ")),
        };
        self.misuse(&format!("unknown option {name}{hint}"))
    }

    /// Returns the titles of the groups of its options, and those.
    pub fn groups(&self) -> Vec<(&'static str, Vec<&'static Opt>)> {
        let of = |group| self.options.iter().copied().filter(|option| option.group == group).collect();
        let groups = Group::ALL.into_iter().map(|(group, title)| (title, of(group)));
        groups.filter(|(_, options): &(_, Vec<&Opt>)| !options.is_empty()).collect()
    }

    /// Returns the usage, wrapped, with the name of the command in bold letters if they are wanted.
    pub fn wrapped_usage(&self, is_bold: bool) -> String {
        let usage = terminal::wrap(&format!("palmnet {}", self.usage), 0);
        let (name, rest) = usage.split_at("palmnet ".len() + self.name.len());
        terminal::bold(name, is_bold) + rest
    }

    /// Returns the text of `--help`, with headings and the names of options in bold letters if they are wanted.
    pub fn help(&self, is_bold: bool) -> String {
        let mut text = format!("{}\n{}", self.wrapped_usage(is_bold), terminal::wrap(self.summary, 0));
        for paragraph in self.details {
            text += &format!("\n{}", terminal::wrap(paragraph, 0));
        }
        for (title, options) in self.groups() {
            text.extend(["\n", &terminal::bold(title, is_bold), ":\n"]);
            for option in options {
                let short = option.short().map_or(String::new(), |short| format!("{short}, "));
                let names = terminal::bold(&format!("{short}{}", option.name), is_bold);
                let space = if option.value.is_empty() { "" } else { " " };
                text.extend(["  ", &names, space, option.value, "\n", &terminal::wrap(&option.description(), 6)]);
            }
        }
        text
    }

    fn misuse(&self, message: &str) -> Failure {
        misuse(self.name, message)
    }
}

impl Arguments {
    /// Returns the word at this index, if it was given.
    pub fn word(&self, index: usize) -> Option<&str> {
        self.words.get(index).map(String::as_str)
    }

    /// Returns whether an option was given.
    pub fn has(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// Returns the value of an option as it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(given, _)| given.name == name).map(|(_, value)| value.as_str())
    }

    /// Returns the value that was given for this very declaration of an option.
    pub fn given_as(&self, option: &Opt) -> Option<&str> {
        let is_same = |given: &Opt| given.name == option.name && given.help == option.help;
        self.given.iter().find(|(given, _)| is_same(given)).map(|(_, value)| value.as_str())
    }

    /// Returns the value of an option, read as what it should be and found `good`; `expected` says what that is.
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
        self.misuse(&format!("{name} {text}: {}expected {expected}", too_large(text)))
    }

    /// Returns the value of an option that is one of its choices; `None` if it was not given.
    pub fn choice(&self, option: &Opt) -> Result<Option<&'static str>, Failure> {
        let Some(text) = self.text(option.name) else { return Ok(None) };
        let names = (option.choices)();
        let found = names.iter().find(|name| **name == text).copied();
        found.map(Some).ok_or_else(|| {
            let hint = nearest(text, &names);
            self.misuse(&format!("{} {text}: expected one of {}{hint}", option.name, names.join(", ")))
        })
    }

    /// Returns the first word, which is one of the names of the command; `None` if it was not given.
    pub fn named(&self, command: &Command) -> Result<Option<&str>, Failure> {
        let Some(name) = self.word(0).filter(|name| !command.names.contains(name)) else { return Ok(self.word(0)) };
        let hint = nearest(name, command.names);
        let known = command.names.join(", ");
        Err(self.misuse(&format!("unknown {} \"{name}\"{hint}; known are {known}", self.command)))
    }

    /// Returns the hyperparameters that were given.
    pub fn overrides(&self) -> Result<Overrides, Failure> {
        let mut overrides = Overrides::default();
        for (option, text) in &self.given {
            if let Some(set) = option.set {
                set(&mut overrides, text)
                    .map_err(|message| self.misuse(&format!("{} {text}: {}{message}", option.name, too_large(text))))?;
            }
        }
        Ok(overrides)
    }

    /// Returns the given options, with their values, in the order of the command line.
    pub fn given(&self) -> impl Iterator<Item = (&'static Opt, &str)> {
        self.given.iter().map(|(option, value)| (*option, value.as_str()))
    }

    /// Returns the failure for a misuse of this command.
    pub fn misuse(&self, message: &str) -> Failure {
        misuse(self.command, message)
    }
}

/// Returns `too large; ` if the value, or a part of it, is a number that is refused because nothing can hold it.
fn too_large(text: &str) -> &'static str {
    let is_beyond = |part: &str| {
        let digits = part.strip_prefix('+').unwrap_or(part);
        let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_infinite = part.parse().is_ok_and(f32::is_infinite) && part.contains(|c: char| c.is_ascii_digit());
        is_infinite || (is_whole && digits.parse::<usize>().is_err())
    };
    if text.split([',', ':']).map(str::trim).any(is_beyond) { "too large; " } else { "" }
}

/// Returns ` (did you mean NAME?)` for the known name nearest to a misspelled one, or nothing.
pub fn nearest(name: &str, known: &[&str]) -> String {
    let found = palmnet::unversioned::nearest(name, known);
    found.map_or(String::new(), |found| format!(" (did you mean {found}?)"))
}

#[inline(never)]
fn misuse(command: &str, message: &str) -> Failure {
    Failure::Usage(format!("{message}: see palmnet {command} --help"))
}
