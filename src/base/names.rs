//! Tables of names: one parser and one error message for everything that is chosen by name.
//!
//! Case, dashes, underscores and spaces make no difference in a name (`one-cycle`, `one_cycle` and `OneCycle` are the
//! same), and names that other tools use are accepted if they are unambiguous. Files and messages hold the canonical
//! name alone.

use std::mem::discriminant;
use std::str::FromStr;

use super::error::{Error, Result};
use super::nearest::hint;
use super::text::quoted;

/// Everything of one kind that can be chosen by name.
pub(crate) struct Names<T: 'static> {
    /// The kind, for messages: `activation`.
    pub(crate) kind: &'static str,
    pub(crate) known: &'static [Named<T>],
}

/// A value and its names.
pub(crate) struct Named<T: 'static> {
    /// The canonical name, then its parameters, each after a colon; those in brackets may be left out.
    form: &'static str,
    aliases: &'static [&'static str],
    /// The value with its usual parameters.
    pub(crate) value: T,
}

/// Shorthand for the tables of names.
pub(crate) const fn named<T: Copy>(form: &'static str, aliases: &'static [&'static str], value: T) -> Named<T> {
    Named { form, aliases, value }
}

impl<T: Copy> Names<T> {
    /// Returns the canonical names, each with the form of its parameters: `step:EPOCHS:FACTOR`.
    pub(crate) fn forms(&self) -> impl Iterator<Item = &'static str> + use<T> {
        self.known.iter().map(|named| named.form)
    }

    /// Returns the canonical name of the variant, whatever its parameters are.
    pub(crate) fn name_of(&self, value: T) -> &'static str {
        let named = self.known.iter().find(|named| discriminant(&named.value) == discriminant(&value));
        named.map_or("", |named| canonical(named.form))
    }

    /// Reads a name with the parameters that follow it after colons.
    ///
    /// `with_parameters` turns the value that the name stands for and the parameters, of which there are as many as the
    /// form says and at least one, into the value meant; `None` if a parameter is invalid.
    ///
    /// # Errors
    /// If the name is unknown (the message suggests the nearest one), or if its parameters are invalid.
    pub(crate) fn parse(&self, text: &str, with_parameters: impl Fn(T, &[&str]) -> Option<T>) -> Result<T> {
        let mut words = text.split(':').map(str::trim);
        let named = self.named(words.next().unwrap_or_default());
        let parameters: Vec<&str> = words.collect();
        let value = named.and_then(|named| match parameters[..] {
            _ if !counts(named.form).contains(&parameters.len()) => None,
            [] => Some(named.value),
            _ => with_parameters(named.value, &parameters),
        });
        value.ok_or_else(|| self.explain(text))
    }

    /// Reads a canonical name with at most one parameter, as files hold them: in little machine code, for small
    /// programs that read a model.
    pub(crate) fn read(&self, text: &str, with_parameters: impl Fn(T, &[&str]) -> Option<T>) -> Option<T> {
        let (name, parameter) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let named = self.known.iter().find(|named| {
            let rest = named.form.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '[']))
        })?;
        match parameter {
            None => Some(named.value),
            Some(parameter) => with_parameters(named.value, &[parameter]),
        }
    }

    fn named(&self, name: &str) -> Option<&Named<T>> {
        let wanted = key(name);
        self.known.iter().find(|named| {
            key(canonical(named.form)) == wanted || named.aliases.iter().any(|alias| key(alias) == wanted)
        })
    }

    #[inline(never)]
    fn explain(&self, text: &str) -> Error {
        let name = text.split(':').next().unwrap_or_default().trim();
        match self.named(name) {
            Some(named) => wrong_form(self.kind, text, named.form),
            None => unknown(self.kind, name, &self.forms().collect::<Vec<_>>()),
        }
    }
}

/// Reads a parameter.
pub(crate) fn parameter<N: FromStr>(text: &str) -> Option<N> {
    text.parse().ok()
}

/// Returns the name without its parameters.
fn canonical(form: &str) -> &str {
    form.split([':', '[']).next().unwrap_or_default()
}

/// Returns the numbers of parameters that a form allows.
fn counts(form: &str) -> std::ops::RangeInclusive<usize> {
    let required = form.split('[').next().unwrap_or_default();
    required.matches(':').count()..=form.matches(':').count()
}

/// Returns the part of a name that counts.
fn key(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).map(|c| c.to_ascii_lowercase()).collect()
}

/// Returns the error for a name that is not in the table; `known` holds the forms of those that are.
#[inline(never)]
pub(crate) fn unknown(kind: &str, name: &str, known: &[&str]) -> Error {
    let names: Vec<&str> = known.iter().map(|form| canonical(form)).collect();
    let hint = hint(name, &names);
    Error::Setting(format!("unknown {kind} {}{hint}; known are {}", quoted(name), known.join(", ")))
}

#[inline(never)]
fn wrong_form(kind: &str, text: &str, form: &str) -> Error {
    let how = if form.contains(':') { ", with numbers for the words in capitals" } else { "" };
    Error::Setting(format!("{kind} {}: expected {}{how}", quoted(text), quoted(form)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Kind {
        Fig,
        StarFruit(u32),
        Plum(u32, u32),
    }
    use Kind::*;

    const FRUIT: Names<Kind> = Names {
        kind: "fruit",
        known: &[
            named("fig", &["ficus_carica"], Fig),
            named("star_fruit[:SEEDS]", &["carambola"], StarFruit(250)),
            named("plum:STONES[:WORMS]", &[], Plum(1, 0)),
        ],
    };

    fn parse(text: &str) -> Result<Kind> {
        FRUIT.parse(text, |fruit, parameters| {
            Some(match (fruit, parameters) {
                (StarFruit(_), [seeds]) => StarFruit(parameter(seeds)?),
                (Plum(_, worms), [stones]) => Plum(parameter(stones)?, worms),
                (Plum(..), [stones, worms]) => Plum(parameter(stones)?, parameter(worms)?),
                _ => return None,
            })
        })
    }

    #[test]
    fn names_are_read_in_any_spelling() {
        for text in ["star_fruit", "star-fruit", "StarFruit", " star fruit ", "Carambola", "STAR_FRUIT:250"] {
            assert_eq!(parse(text).unwrap(), StarFruit(250), "{text}");
        }
        for (text, fruit) in
            [("Ficus-Carica", Fig), ("star_fruit:3", StarFruit(3)), ("plum:1", Plum(1, 0)), ("plum:1:2", Plum(1, 2))]
        {
            assert_eq!(parse(text).unwrap(), fruit, "{text}");
        }
    }

    #[test]
    fn errors_name_the_remedy() {
        let says = |text: &str| parse(text).unwrap_err().to_string();
        let known = "known are fig, star_fruit[:SEEDS], plum:STONES[:WORMS]";
        assert_eq!(says("figg"), format!("unknown fruit `figg` (did you mean `fig`?); {known}"));
        assert_eq!(says("pear:1"), format!("unknown fruit `pear`; {known}"));
        assert_eq!(says(""), format!("unknown fruit ``; {known}"));
        assert_eq!(says("fig:1"), "fruit `fig:1`: expected `fig`");
        for text in ["plum", "plum:", "plum:x", "plum:1:", "plum:1:2:3"] {
            let how = "with numbers for the words in capitals";
            assert_eq!(says(text), format!("fruit `{text}`: expected `plum:STONES[:WORMS]`, {how}"));
        }
        assert!(says("a\u{1b}[2J").starts_with("unknown fruit `a\\u{1b}[2J`;"));
    }

    #[test]
    fn canonical_names_are_without_parameters() {
        assert_eq!([Fig, StarFruit(7), Plum(1, 2)].map(|fruit| FRUIT.name_of(fruit)), ["fig", "star_fruit", "plum"]);
        assert!(FRUIT.forms().eq(["fig", "star_fruit[:SEEDS]", "plum:STONES[:WORMS]"]));
    }
}
