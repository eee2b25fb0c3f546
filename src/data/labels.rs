//! Several target columns: are they labels of two classes each, or numbers?
//!
//! **The problem.** Columns of 0 and 1 may be answers (yes or no) or numbers that are predicted as they are, and a network
//! ends in one of the two. A guess column by column would mix them.
//!
//! **The idea.** Each column is looked at by itself: two classes, numbers, one class, or more classes. All must then be
//! labels, or all numbers; anything else is an error whose remedy names the columns.

use super::cell::finite;
use super::schema::TargetSchema;
use super::summary::MOST_MEASURED;
use super::table::Table;
use crate::base::error::{Error, Result};
use crate::base::text::{listed, quoted};

/// The words of the class that says yes, in small letters. `1` is one beside a text; of two numbers the larger is.
const YES: [&str; 9] = ["yes", "y", "true", "t", "on", "positive", "present", "ja", "1"];

/// The content of one of several target columns.
pub(super) enum Content {
    Numbers,
    /// Different cells, in the order of classes.
    Classes {
        classes: Vec<String>,
        /// Whether all are numbers.
        numeric: bool,
    },
}

/// Returns the meaning of several target columns, each with its name; `forced` if they must be labels.
pub(super) fn several(table: &Table, columns: &[(String, Content)], forced: bool) -> Result<TargetSchema> {
    let wrong = |message: String| Err(Error::format(table.file(), message));
    let (mut labels, mut numbers, mut constants) = (Vec::new(), Vec::new(), Vec::new());
    for (name, content) in columns {
        match content {
            Content::Numbers => numbers.push(name),
            Content::Classes { classes, numeric } => match &classes[..] {
                [first, second] => labels.push((name, [first, second], *numeric)),
                [only] => constants.push((name, only, *numeric)),
                _ => return Err(too_many(table, columns, name, classes, forced)),
            },
        }
    }
    let are_labels = forced || !labels.is_empty();
    if let Some((name, only, _)) = constants.iter().find(|(.., numeric)| are_labels || !numeric) {
        let (name, only, remedy) = (quoted(name), quoted(only), without(columns, name));
        return wrong(format!("the target {name} has only one class, {only}: there is nothing to classify; {remedy}"));
    }
    if !are_labels {
        return Ok(TargetSchema::Values { names: columns.iter().map(|(name, _)| name.clone()).collect() });
    }
    let names: Vec<&String> = labels.iter().map(|(name, ..)| *name).collect();
    if !numbers.is_empty() {
        let as_numbers = match labels.iter().all(|(.., numeric)| *numeric) {
            true => {
                let all: Vec<&String> = columns.iter().map(|(name, _)| name).collect();
                format!(", or read all as numbers (--numbers {}, Target::Values)", joined(&all))
            }
            false => String::new(),
        };
        return wrong(format!(
            "the targets are labels of two classes ({}) and numbers ({}), which one network does not predict together: train \
             one for the labels (--target {} --ignore {}) and one for the numbers (--target {} --ignore {}){as_numbers}",
            listed(&names),
            listed(&numbers),
            joined(&names),
            joined(&numbers),
            joined(&numbers),
            joined(&names)
        ));
    }
    let classes = labels.iter().map(|(_, pair, _)| positive_last(pair.map(String::clone))).collect();
    Ok(TargetSchema::Labels { names: names.into_iter().cloned().collect(), classes })
}

/// Returns the error for a column with more than two classes. If labels were asked for, the fault is not the table's.
fn too_many(table: &Table, columns: &[(String, Content)], name: &String, classes: &[String], forced: bool) -> Error {
    let others = others(columns, name);
    let alone = match others.is_empty() {
        true => format!("predict one of its classes (--target {name}, Target::Class)"),
        false => format!("train a network for it alone (--target {name} --ignore {})", joined(&others)),
    };
    // No more are counted in a column of numbers.
    let count = if classes.len() > MOST_MEASURED { "more than 1000".to_string() } else { classes.len().to_string() };
    let (name, shown) = (quoted(name), listed(&classes[..classes.len().min(5)]));
    let message = format!(
        "the target {name} has {count} different cells, such as {shown}, where a label has two: {alone}, or say which stand \
         for a missing value (--missing-values)"
    );
    match forced {
        true => Error::Setting(format!("only one column by itself can have more than two classes: {message}")),
        false => Error::format(table.file(), message),
    }
}

/// Returns the remedy for a column that cannot be a target.
fn without(columns: &[(String, Content)], name: &String) -> String {
    match others(columns, name) {
        others if others.is_empty() => "name another target".to_string(),
        others => format!("leave it out (--target {} --ignore {name})", joined(&others)),
    }
}

fn others<'a>(columns: &'a [(String, Content)], name: &String) -> Vec<&'a String> {
    columns.iter().map(|(other, _)| other).filter(|other| *other != name).collect()
}

/// Returns names as an option takes them.
fn joined(names: &[&String]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<&str>>().join(",")
}

/// Returns two classes, which are in their order, with the one that says yes last.
fn positive_last([first, second]: [String; 2]) -> [String; 2] {
    let says_yes = |class: &str| YES.contains(&class.to_lowercase().as_str());
    let are_numbers = finite(&first).is_some() && finite(&second).is_some();
    if !are_numbers && says_yes(&first) && !says_yes(&second) { [second, first] } else { [first, second] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_that_says_yes_is_last() {
        for (first, second, positive) in [
            ("no", "yes", "yes"),
            ("Yes", "no", "Yes"),
            ("TRUE", "false", "TRUE"),
            ("ja", "nein", "ja"),
            ("1", "none", "1"),
            ("0", "1", "1"),
            // Numbers in their order.
            ("1", "2", "2"),
            ("-1", "1", "1"),
            // Neither or both say yes.
            ("cat", "dog", "dog"),
            ("true", "yes", "yes"),
        ] {
            assert_eq!(positive_last([first.to_string(), second.to_string()])[1], positive, "{first}, {second}");
        }
    }
}
