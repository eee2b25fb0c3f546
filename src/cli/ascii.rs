//! Text for a locale that has no characters but ASCII.

use std::io::{self, Write};

/// The characters that the command prints by itself, and what stands for them.
const REPLACEMENTS: [(&str, &str); 17] = [
    ("→", ">"),
    ("×", "x"),
    ("²", "2"),
    ("±", "+-"),
    ("…", "."),
    ("█", "#"),
    ("░", "-"),
    ("·", "*"),
    ("−", "-"),
    ("½", "0.5"),
    ("‖", "|"),
    ("₂", "2"),
    ("ŷ", "p"),
    ("ᵀ", "'"),
    ("µ", "u"),
    ("β", "beta"),
    ("₁", "1"),
];

/// Returns a text with these characters replaced, also in names that it shows. Others are those of data, and stay.
pub fn replaced(text: &str) -> String {
    REPLACEMENTS.iter().fold(text.to_string(), |text, (symbol, word)| match text.contains(symbol) {
        true => text.replace(symbol, word),
        false => text,
    })
}

/// An output that gets replaced text.
pub struct Ascii<'a>(pub &'a mut dyn Write);

impl Write for Ascii<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Everything is written by whole texts.
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.is_ascii() => self.0.write_all(replaced(text).as_bytes()).map(|()| bytes.len()),
            _ => self.0.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
