//! `palmnet man`: the manual page of the command.

use std::io::Write;

use crate::cli::arguments::{Arguments, Command, Group};
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

pub fn run(_: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let mut text = String::from(".TH PALMNET 1 \"\" \"palmnet ");
    text.extend([
        env!("CARGO_PKG_VERSION"),
        "\" \"User Commands\"\n.SH NAME\npalmnet \\- ",
        &roff(ABOUT),
        "\n.SH SYNOPSIS\n",
    ]);
    for (command, _) in COMMANDS {
        text.extend([".B palmnet ", command.name, "\n", &roff(arguments(command)), "\n.br\n"]);
    }
    text += ".B palmnet help\n[COMMAND]\n.SH COMMANDS\n";
    for (command, _) in COMMANDS {
        text.extend([".SS palmnet ", &roff(command.usage), "\n", &roff(command.summary), "\n"]);
        for paragraph in command.details {
            text.extend([".PP\n", &roff(paragraph), "\n"]);
        }
        for (group, title) in Group::ALL {
            let options: Vec<_> = command.options.iter().filter(|option| option.group == group).collect();
            if !options.is_empty() {
                text.extend([".PP\n.I ", title, "\n"]);
            }
            for option in options {
                text += ".TP\n";
                for name in option.short().into_iter().chain([option.name]) {
                    text.extend(["\\fB", &roff(name), "\\fR", if name == option.name { " " } else { ", " }]);
                }
                text.extend(["\\fI", &roff(option.value), "\\fR\n", &roff(&option.description()), "\n"]);
            }
        }
    }
    text += END;
    Ok(out.write_all(text.as_bytes())?)
}

/// Returns what stands behind the name of a command.
fn arguments(command: &Command) -> &'static str {
    command.usage.split_once(' ').map_or("", |(_, arguments)| arguments)
}

/// Returns a text in which no character means anything to roff. One in front of a line cannot begin a request.
fn roff(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '\\' => safe += "\\e",
            '-' => safe += "\\-",
            '.' | '\'' if safe.is_empty() => safe.extend(["\\&", c.encode_utf8(&mut [0; 4])]),
            '~' => safe += "\\(ti",
            '^' => safe += "\\(ha",
            '\'' => safe += "\\(aq",
            '`' => safe += "\\(ga",
            c if c.is_ascii() => safe.push(c),
            c => safe += &format!("\\[u{:04X}]", u32::from(c)),
        }
    }
    safe
}
