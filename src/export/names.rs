//! Names that are identifiers in C, C++ and Rust.

/// Words that are no names in one of the languages, or that a compiler or a header replaces.
const RESERVED: &str = " abstract alignas alignof and and_eq as asm async auto await become bitand bitor bool box \
    break case catch char char16_t char32_t char8_t class co_await co_return co_yield compl complex concept const \
    const_cast consteval constexpr constinit continue crate decltype default delete do double dyn dynamic_cast else \
    enum errno explicit export extern false final float fn for friend gen goto i386 if imaginary impl in inline int \
    let linux long loop macro match mod move mut mutable namespace new noexcept not not_eq nullptr operator or or_eq \
    override priv private protected pub ref register reinterpret_cast requires restrict return self short signed \
    sizeof static static_assert static_cast stderr stdin stdout struct super switch template this thread_local throw \
    trait true try type typedef typeid typename typeof union unix unsafe unsigned unsized use using virtual void \
    volatile wchar_t where while xor xor_eq yield ";

/// Returns an identifier like a text, in lower case: words joined by `_`, and `x` before a digit.
pub(super) fn identifier(text: &str) -> String {
    let mut name = String::new();
    for c in text.trim().chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => name.push(c),
            _ if name.ends_with('_') => {}
            _ => name.push('_'),
        }
    }
    let name = name.trim_matches('_');
    match name.chars().next() {
        None => "x".into(),
        Some(first) if first.is_ascii_digit() => format!("x{name}"),
        _ if is_reserved(name) => format!("{name}_"),
        _ => name.into(),
    }
}

/// Returns whether a name is one of the words that are no names.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&format!(" {name} "))
}

/// Returns a different identifier for each text.
pub(super) fn identifiers<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for text in texts {
        let name = identifier(text);
        let mut found = name.clone();
        let mut number = 1;
        while names.contains(&found) {
            number += 1;
            found = format!("{}_{number}", name.trim_end_matches('_'));
        }
        names.push(found);
    }
    names
}

/// Returns a text for a comment: on one line, and without anything that ends the comment or turns the direction of the
/// writing.
pub(super) fn plain(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let text: String = text.chars().map(|c| if is_odd(c) { ' ' } else { c }).collect();
    text.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?").replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers() {
        let cases = [
            ("Sepal.Length (cm)", "sepal_length_cm"),
            ("1", "x1"),
            ("größe", "gr_e"),
            ("", "x"),
            ("%", "x"),
            ("class", "class_"),
            ("In", "in_"),
            ("__a__b", "a_b"),
            ("linux", "linux_"),
            ("type", "type_"),
            ("xor_eq", "xor_eq_"),
            ("abstract", "abstract_"),
            ("alignas", "alignas_"),
        ];
        for (text, name) in cases {
            assert_eq!(identifier(text), name, "{text}");
        }
        assert_eq!(identifiers(["a b", "a-b", "A B", "a_b_2"].into_iter()), ["a_b", "a_b_2", "a_b_3", "a_b_2_2"]);
    }

    #[test]
    fn comments_stay_comments() {
        assert_eq!(plain("a*/b/*/c\n\u{202e}d??/\\"), "a* /b/ * /c  d? ?//");
    }
}
