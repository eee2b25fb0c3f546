//! The constants of a program: arrays of numbers, and tables of texts.

use std::fmt::Write;

use super::dialect::fill;
use super::source::Source;
use crate::base::error::{Error, Result};

/// A type of numbers in arrays.
struct Type {
    c: &'static str,
    rust: &'static str,
    size: usize,
    /// The end of a number in C.
    suffix: &'static str,
}

const FLOAT: Type = Type { c: "float", rust: "f32", size: 4, suffix: "f," };
const BYTE: Type = Type { c: "int8_t", rust: "i8", size: 1, suffix: "," };
const WORD: Type = Type { c: "int32_t", rust: "i32", size: 4, suffix: "," };

impl Source<'_> {
    /// Adds constants; returns their number.
    pub(super) fn constants(&mut self, numbers: &[f32]) -> usize {
        // There are no arrays without entries in C.
        let numbers = if numbers.is_empty() { &[0.0] } else { numbers };
        // The fewest digits that read back as the same number, with a point or an exponent.
        self.array(&FLOAT, numbers.len(), &mut |index, data| _ = write!(data, "{:?}", numbers[index]))
    }

    /// Adds whole numbers of 8 bits; returns their number.
    pub(super) fn bytes(&mut self, numbers: &[i8]) -> usize {
        self.array(&BYTE, numbers.len(), &mut |index, data| _ = write!(data, "{}", numbers[index]))
    }

    /// Adds whole numbers of 32 bits; returns their number.
    pub(super) fn words(&mut self, numbers: &[i32]) -> usize {
        // The least one is an expression in C.
        self.array(&WORD, numbers.len(), &mut |index, data| _ = write!(data, "{}", numbers[index].max(-i32::MAX)))
    }

    fn array(&mut self, of: &Type, count: usize, number: &mut dyn FnMut(usize, &mut String)) -> usize {
        let (id, name) = (self.arrays, self.dialect.name);
        self.arrays += 1;
        self.flash += of.size * count;
        match self.dialect.is_c() {
            true => fill(&mut self.data, "static const % %_k%[%] %_FLASH = {", &[&of.c, &name, &id, &count, &name]),
            false => fill(&mut self.data, "static K%: [%; %] = [", &[&id, &of.rust, &count]),
        }
        let per_line = 32 / of.size;
        for index in 0..count {
            self.data += if index % per_line == 0 { "\n  " } else { " " };
            number(index, &mut self.data);
            self.data += self.dialect.choose(of.suffix, ",");
        }
        self.data += self.dialect.choose("\n};\n", "\n];\n");
        id
    }

    /// Adds a table of texts; returns its arguments for a search in it.
    ///
    /// # Errors
    /// If C cannot hold one.
    pub(super) fn texts(&mut self, id: &str, texts: &[String]) -> Result<String> {
        let (name, is_c, mut arguments) = (self.dialect.name, self.dialect.is_c(), String::new());
        let width = texts.iter().map(String::len).max().unwrap_or(0) + 1;
        self.flash += width * texts.len();
        let id = if is_c { id.to_string() } else { id.to_ascii_uppercase() };
        if is_c {
            let head = "static const char %_%[%][%] %_FLASH = {";
            fill(&mut self.data, head, &[&name, &id, &texts.len(), &width, &name]);
            fill(&mut arguments, "%_%[0], %, %", &[&name, &id, &texts.len(), &width]);
        } else {
            fill(&mut self.data, "pub static %: [&str; %] = [", &[&id, &texts.len()]);
            fill(&mut arguments, "&%", &[&id]);
        }
        for text in texts {
            self.data += "\n  ";
            match is_c {
                true if text.contains('\0') => {
                    let message = "a category or class has a zero byte, which ends a text in C: export Rust";
                    return Err(Error::Setting(message.into()));
                }
                true => write_c(text, &mut self.data),
                false => _ = write!(self.data, "{text:?}"),
            }
            self.data += ",";
        }
        self.data += self.dialect.choose("\n};\n", "\n];\n");
        Ok(arguments)
    }
}

/// Writes a text between quotes as C has it, whatever the character set of its compiler.
fn write_c(text: &str, to: &mut String) {
    to.push('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'?' | 127.. | ..b' ' => _ = write!(to, "\\{byte:03o}"),
            _ => to.push(byte.into()),
        }
    }
    to.push('"');
}
