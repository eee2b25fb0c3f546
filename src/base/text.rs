//! Text in messages: quoted, listed, and without control characters.

use super::sort::order;

/// The width of a phone's terminal, upright, which every table and picture can fit.
pub const NARROWEST: usize = 40;

/// Returns `text` between back quotes, for a message. Long text is cut and control characters are escaped: the content
/// of a file must not reach a terminal unescaped.
pub(crate) fn quoted(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let short: String = text.chars().take(40).map(escape).collect();
    let cut = if text.chars().nth(40).is_some() { "…" } else { "" };
    format!("`{short}{cut}`")
}

/// Returns `text` with a space for every control character, for a terminal, whose cursor they would move.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Returns names without control characters, each in at most `width` others, at least 1. The end of a long one is left
/// out and, if some would be alike then, its middle or all that they begin with; the `mark` of one character is there
/// instead.
pub(crate) fn shortened(names: &[String], width: usize, mark: &str) -> Vec<String> {
    let names: Vec<Vec<char>> = names.iter().map(|name| printable(name).chars().collect()).collect();
    let same = |index: usize| names.iter().all(|name| name.get(index).is_some_and(|c| names[0].get(index) == Some(c)));
    let start = (0..names.first().map_or(0, Vec::len)).find(|&index| !same(index));
    // Characters from the beginning, and from where the rest goes on; the end of that may be cut, too.
    let cut = |beginning: usize, rest: &dyn Fn(usize) -> usize| -> Vec<String> {
        let of_name = |name: &Vec<char>| -> String {
            if name.len() <= width {
                return name.iter().collect();
            }
            let more = name.iter().skip(rest(name.len())).take(width - 1 - beginning);
            name.iter().take(beginning).copied().chain(mark.chars()).chain(more.copied()).collect()
        };
        names.iter().map(of_name).collect()
    };
    let is_clear = |found: &Vec<String>| repeated(found.iter().map(String::as_str)).is_none();
    let middle = (width - 1) / 2;
    let [end, inside] = [width - 1, middle].map(|beginning| cut(beginning, &|length| length + beginning + 1 - width));
    match start {
        Some(_) if is_clear(&end) => end,
        Some(_) if is_clear(&inside) => inside,
        Some(start) => cut(0, &|_| start),
        None => end,
    }
}

/// Returns the first names of a list, for a message.
pub(crate) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let shown: Vec<String> = names.iter().take(20).map(|name| quoted(name.as_ref())).collect();
    let rest = names.len() - shown.len();
    shown.join(", ") + &if rest > 0 { format!(" and {rest} more") } else { String::new() }
}

/// Returns a name that occurs twice, if there is one.
pub(crate) fn repeated<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let names: Vec<&str> = names.collect();
    let order = order(names.len(), &|a, b| names[a].cmp(names[b]));
    order.windows(2).find(|pair| names[pair[0]] == names[pair[1]]).map(|pair| names[pair[0]])
}

/// Returns a number in this many significant digits, at least 1, with an exponent if it is very small or large: 12.35,
/// 0.0012, 2.1e-9.
pub fn significant(x: f64, digits: usize) -> String {
    if x == 0.0 || !x.is_finite() {
        return (x + 0.0).to_string();
    }
    // Rounded first, because 9.9996 has another exponent than 10.00.
    let text = format!("{x:.*e}", digits - 1);
    match text.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok()) {
        Some(exponent @ -4..6) => {
            let decimals = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
            format!("{x:.decimals$}")
        }
        _ => text,
    }
}

/// Returns a count with its noun: `1 feature`, `2 features`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Rounds a number to two significant digits.
pub(crate) fn two_digits<T: std::str::FromStr<Err: std::fmt::Debug>>(x: f64) -> T {
    format!("{x:.1e}").parse().expect("a number that was just written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_not_printed() {
        assert_eq!(printable("grün\n\u{1b}[2J\u{9b}x\t"), "grün  [2J x ");
    }

    #[test]
    fn quotes() {
        assert_eq!(quoted("größe \"x\""), "`größe \"x\"`");
        assert_eq!(quoted("a\n\u{1b}[2J"), "`a\\n\\u{1b}[2J`");
        assert_eq!(quoted(&"é".repeat(40)), format!("`{}`", "é".repeat(40)));
        assert_eq!(quoted(&"é".repeat(41)), format!("`{}…`", "é".repeat(40)));
    }
}
