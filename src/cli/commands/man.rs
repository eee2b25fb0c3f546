//! `palmnet man`: the manual page of the command.

use std::io::Write;

use crate::cli::arguments::{Arguments, Command};
use crate::cli::format::fill;
use crate::cli::{ABOUT, COMMANDS, Failure};

pub const COMMAND: Command = Command {
    name: "man",
    usage: "man",
    summary: "Print the manual page of the command, with all its options, as roff.",
    details: &["Read it with: palmnet man | man -l - (or mandoc). Install it with: palmnet man > \
         ~/.local/share/man/man1/palmnet.1"],
    words: (0, 0),
    names: &[],
    options: &[],
};

const END: &str = r#".SH EXIT STATUS
.TP
0
The work is done.
.TP
1
The work failed.
.TP
2
The command line was wrong.
.SH ENVIRONMENT
.TP
.B COLUMNS
The width of the terminal.
.TP
.B NO_COLOR
If it is not empty, the help is printed without bold letters.
.TP
.B CLICOLOR_FORCE
If it is neither empty nor 0, the help has bold letters in a file or a pipe, too.
.TP
.B PALMNET_ISA
The instruction set to compute with.
.SH EXAMPLES
.EX
palmnet train iris.csv
palmnet predict model.safetensors new.csv
palmnet eval model.safetensors labeled.csv
palmnet info model.safetensors
.EE
"#;

const BEGIN: &str = r#".TH PALMNET 1 "" "palmnet %" "User Commands"
.SH NAME
palmnet \- %
.SH SYNOPSIS
%.B palmnet help
[COMMAND]
.SH COMMANDS
"#;

pub fn run(_: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let (mut text, mut usages) = (String::new(), String::new());
    for (command, _) in COMMANDS {
        let (name, words) = command.usage.split_once(' ').unwrap_or((command.usage, ""));
        fill(&mut usages, ".B palmnet %\n%\n.br\n", &[name, &roff(words)]);
    }
    fill(&mut text, BEGIN, &[env!("CARGO_PKG_VERSION"), &roff(ABOUT), &usages]);
    for (command, _) in COMMANDS {
        fill(&mut text, ".SS palmnet %\n%\n", &[&roff(command.usage), &roff(command.summary)]);
        for paragraph in command.details {
            fill(&mut text, ".PP\n%\n", &[&roff(paragraph)]);
        }
        for (title, options) in command.groups() {
            fill(&mut text, ".PP\n.I %\n", &[title]);
            for option in options {
                text += ".TP\n";
                if let Some(short) = option.short() {
                    fill(&mut text, "\\fB%\\fR, ", &[&roff(short)]);
                }
                let values = [&roff(option.name), &roff(option.value), &roff(&option.description())];
                fill(&mut text, "\\fB%\\fR \\fI%\\fR\n%\n", &values.map(String::as_str));
            }
        }
    }
    text += END;
    Ok(out.write_all(text.as_bytes())?)
}

/// Returns a text in which no character means anything to roff. One in front of a line cannot begin a request.
fn roff(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '\\' => safe += "\\e",
            '-' => safe += "\\-",
            '.' if safe.is_empty() => safe += "\\&.",
            '~' => safe += "\\(ti",
            '^' => safe += "\\(ha",
            '\'' => safe += "\\(aq",
            '`' => safe += "\\(ga",
            c if c.is_ascii() => safe.push(c),
            c => {
                // As in é, which is \[u00E9].
                let digit =
                    |shift: u32| char::from_digit(u32::from(c) >> shift & 15, 16).map(|c| c.to_ascii_uppercase());
                safe += "\\[u";
                safe.extend([12, 8, 4, 0].into_iter().filter_map(digit));
                safe.push(']');
            }
        }
    }
    safe
}
