//! The two languages that code is written in, as far as they differ.
//!
//! Code is written once, in C with [`MARKS`] for that which Rust says otherwise: for every mark, the texts of the two.
//! Marks stand on both sides of some things: `` f`x`f `` is a parameter, `f<x>f` a conversion, `[[a][i]]` an entry of an
//! array of constants, `loop_i:n:i{` the beginning of a loop, and `a+[n]+` an array from an index on.
//! Names of parameters neither begin nor end with a letter that another mark has beside a quote.

use std::fmt::{Display, Write};

/// A language that code is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// C99 and C++11.
    C,
    /// Rust, of the edition 2018 or later.
    Rust,
}

/// A language, and the name that everything in C begins with.
pub(super) struct Dialect<'a> {
    pub(super) language: Language,
    pub(super) name: &'a str,
}

/// Appends a text in which each % stands for the next of some values: in less machine code than `format!`.
pub(super) fn fill(to: &mut String, text: &str, values: &[&dyn Display]) {
    for (index, part) in text.split('%').enumerate() {
        if let Some(value) = index.checked_sub(1).and_then(|index| values.get(index)) {
            // Nothing fails that writes to a text.
            let _ = write!(to, "{value}");
        }
        to.push_str(part);
    }
}

/// The marks, each with its text in C and in Rust; `@` is the name with a `_`, and nothing in Rust.
const MARKS: &str = include_str!("marks.txt");

impl Dialect<'_> {
    pub(super) fn is_c(&self) -> bool {
        self.language == Language::C
    }

    /// Returns one of two texts: that of this language.
    pub(super) fn choose<'t>(&self, c: &'t str, rust: &'t str) -> &'t str {
        if self.is_c() { c } else { rust }
    }

    /// Translates code with marks.
    pub(super) fn translate(&self, mut code: String) -> String {
        for line in MARKS.lines() {
            let (mark, texts) = line.split_once('|').unwrap_or_default();
            let (c, rust) = texts.split_once('|').unwrap_or_default();
            code = code.replace(mark, self.choose(c, rust));
        }
        let mut name = String::new();
        fill(&mut name, self.choose("%_", ""), &[&self.name]);
        code.replace('@', &name)
    }
}
