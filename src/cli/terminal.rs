//! The terminal: how wide it is, and text that fits.

use std::io::{IsTerminal, Write};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A phone's terminal, upright.
const NARROWEST: usize = 40;

/// The number of columns: what `COLUMNS` says, else what the terminal says, else 80 where there is none.
pub fn width() -> usize {
    static WIDTH: OnceLock<usize> = OnceLock::new();
    *WIDTH.get_or_init(|| {
        let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = said.or_else(|| {
            // The standard library cannot ask a terminal for its size; `stty`, which is everywhere, can.
            if !std::io::stdin().is_terminal() {
                return None;
            }
            let size = Command::new("stty").arg("size").stdin(Stdio::inherit()).stderr(Stdio::null()).output().ok()?;
            String::from_utf8(size.stdout).ok()?.split_whitespace().nth(1)?.parse().ok()
        });
        width.filter(|&width| width > 0).unwrap_or(80).max(NARROWEST)
    })
}

/// Writes to standard error. That nobody reads it any more, as in `palmnet train … 2>&1 | head`, is no failure.
pub fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The text broken into lines that fit the terminal (and are not too wide to read), each after `indent` spaces.
pub fn wrap(text: &str, indent: usize) -> String {
    // Names come from files, and must not move the cursor.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
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
