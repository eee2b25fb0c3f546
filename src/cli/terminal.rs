//! The terminal: its width, and text that fits.

use std::fs::File;
use std::io::{IsTerminal, Read, Write, stderr, stdin, stdout};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use palmnet::plot::TextStyle;
use palmnet::unversioned::NARROWEST;

use super::ascii;

/// The time for which a width is kept: a phone may be turned during a long training.
const BELIEVED: Duration = Duration::from_secs(2);

/// Returns the number of columns, at least 40: that of the variable `COLUMNS`, else that of the terminal, else 80.
pub fn width() -> usize {
    static LAST: Mutex<Option<(Instant, usize)>> = Mutex::new(None);
    let Ok(mut last) = LAST.lock() else { return NARROWEST };
    match *last {
        Some((asked, width)) if asked.elapsed() < BELIEVED => width,
        _ => {
            let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
            let width = said.or_else(ask).filter(|&width| width > 0).unwrap_or(80).max(NARROWEST);
            *last = Some((Instant::now(), width));
            width
        }
    }
}

/// Asks `stty` for the number of columns, because the standard library cannot ask a terminal.
fn ask() -> Option<usize> {
    let terminal = match stdin().is_terminal() {
        true => Stdio::inherit(),
        // As in `palmnet train - < table.csv`.
        false if stderr().is_terminal() => File::open("/dev/tty").ok()?.into(),
        false => return None,
    };
    let mut stty = Command::new("stty");
    let mut stty = stty.arg("size").stdin(terminal).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let mut size = String::new();
    stty.stdout.take()?.read_to_string(&mut size).ok()?;
    stty.wait().ok()?;
    size.split_whitespace().nth(1)?.parse().ok()
}

/// Returns whether text for a stream may have colors and bold letters: on a terminal that is not `dumb`, unless `NO_COLOR`
/// is set; and always if `CLICOLOR_FORCE` is set to anything but 0, unless `NO_COLOR` is set.
pub fn is_colored(stream: &dyn IsTerminal) -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let is_capable = || stream.is_terminal() && !is_dumb();
    set("NO_COLOR").is_none() && (set("CLICOLOR_FORCE").is_some_and(|value| value != "0") || is_capable())
}

/// Returns a text in bold letters, if they are `wanted`. It must be wrapped before.
pub fn bold(text: &str, wanted: bool) -> String {
    if wanted { ["\x1b[1m", text, "\x1b[0m"].concat() } else { text.to_string() }
}

/// Returns whether the terminal is one that only prints.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|name| name == *"dumb")
}

/// Returns whether the locale has more characters than ASCII.
pub fn has_unicode() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    match set.into_iter().find(|value| !value.is_empty()) {
        Some(locale) => locale.to_ascii_lowercase().replace('-', "").contains("utf8"),
        // Where no program asks for it, all text is UTF-8.
        None => cfg!(any(windows, target_os = "macos", target_os = "android")),
    }
}

/// Returns the form of pictures on standard output.
pub fn picture_style() -> TextStyle {
    TextStyle { width: width(), unicode: has_unicode(), color: is_colored(&stdout()) }
}

/// Writes to standard error. A closed pipe, as in `palmnet train … 2>&1 | head`, is not a failure.
pub fn write_error(text: &str) {
    let _ = match has_unicode() {
        true => stderr().write_all(text.as_bytes()),
        false => stderr().write_all(ascii::replaced(text).as_bytes()),
    };
}

/// Writes a warning to standard error, wrapped.
pub fn warn(message: &str) {
    write_error(&wrap(&format!("warning: {message}"), 0));
}

/// Writes a message to standard error: wrapped on a terminal, unchanged elsewhere, because a script may search for
/// words in it.
pub fn write_error_wrapped(message: &str) {
    match stderr().is_terminal() {
        true => write_error(&message.lines().map(|line| wrap(line, 0)).collect::<String>()),
        false => write_error(&format!("{}\n", message.trim_end())),
    }
}

/// Returns the text broken into lines that fit the terminal (at most 90 columns, for legibility), each after `indent`
/// spaces.
pub fn wrap(text: &str, indent: usize) -> String {
    // Names come from files, and must not control the terminal.
    let text = palmnet::unversioned::printable(text);
    let most = width().min(90);
    if text.chars().count() + indent <= most {
        return format!("{:indent$}{text}\n", "");
    }
    let mut lines = String::new();
    let mut line = " ".repeat(indent);
    for word in text.split_whitespace() {
        let begins = line.len() == indent;
        if !begins && line.chars().count() + 1 + word.chars().count() > most {
            lines += &format!("{line}\n");
            line = " ".repeat(indent);
        } else if !begins {
            line.push(' ');
        }
        line += word;
    }
    lines + &line + "\n"
}
