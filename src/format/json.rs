//! JSON (RFC 8259), as far as model files and the command's output need it.

use std::fmt::{self, Display, Write};

use crate::base::text::{quoted, repeated};

/// The deepest nesting of arrays and objects that is read, so that no text can exhaust the stack.
const MAX_DEPTH: usize = 64;

/// A JSON value. Objects keep the order of their members.
///
/// Its `Display` form is compact JSON in one line. A number is written with the fewest digits that read back as the
/// same number, NaN and the infinities as `null`.
///
/// ```
/// use palmnet::unversioned::Json;
/// let line = Json::object([("epoch", 3usize.into()), ("loss", 0.1f32.into()), ("note", "a\nb".into())]);
/// assert_eq!(line.to_string(), r#"{"epoch":3,"loss":0.1,"note":"a\nb"}"#);
/// assert_eq!(Json::parse(&line.to_string()), Ok(line));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number. Whole numbers are exact up to 2⁵³.
    Number(f64),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object: names and values in their order. [`Json::parse`] gives no name twice.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Returns the value that `text` holds.
    ///
    /// # Errors
    /// If `text` is not exactly one JSON value, repeats a name in an object, nests deeper than 64 levels, or holds a
    /// number beyond the range of `f64`. The message has the expected and the found text, and the byte.
    pub fn parse(text: &str) -> Result<Json, String> {
        let mut parser = Parser { text, at: 0 };
        let value = parser.value(0)?;
        match parser.next_token() {
            None => Ok(value),
            Some(_) => Err(parser.expected("the end")),
        }
    }

    /// Returns an object of these members, in this order.
    pub fn object<K: Into<String>>(members: impl IntoIterator<Item = (K, Json)>) -> Json {
        Json::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// Returns the member `name` of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.as_object()?.iter().find(|member| member.0 == name).map(|member| &member.1)
    }

    /// Returns the text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Json::String(text) = self { Some(text) } else { None }
    }

    /// Returns the value of a number.
    pub fn as_f64(&self) -> Option<f64> {
        if let Json::Number(number) = self { Some(*number) } else { None }
    }

    /// Returns the value of a number that is whole, not negative and at most 2⁵³, up to which `f64` is exact.
    pub fn as_usize(&self) -> Option<usize> {
        let number = self.as_f64().filter(|x| (0.0..=9_007_199_254_740_992.0).contains(x) && x.fract() == 0.0)?;
        usize::try_from(number as u64).ok()
    }

    /// Returns the items of an array.
    pub fn as_array(&self) -> Option<&[Json]> {
        if let Json::Array(items) = self { Some(items) } else { None }
    }

    /// Returns the members of an object.
    pub fn as_object(&self) -> Option<&[(String, Json)]> {
        if let Json::Object(members) = self { Some(members) } else { None }
    }
}

/// Returns the number whose decimal form is the shortest that reads back as this `f32`: 0.1, not 0.10000000149011612.
impl From<f32> for Json {
    fn from(value: f32) -> Json {
        // Rounding twice, to `f64` and then to `f32`, may miss (7.038531e-26 does), and NaN is not equal to itself.
        let short = value.to_string().parse().unwrap_or(f64::NAN);
        Json::Number(if short as f32 == value { short } else { value.into() })
    }
}

macro_rules! json_from {
    ($($type:ty: $json:expr;)*) => {$(
        impl From<$type> for Json {
            fn from(value: $type) -> Json {
                $json(value)
            }
        }
    )*};
}

json_from! {
    bool: Json::Bool;
    f64: Json::Number;
    usize: |value| Json::Number(value as f64);
    &str: |value: &str| Json::String(value.into());
    String: Json::String;
    Vec<Json>: Json::Array;
}

impl Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(x) if *x == 0.0 || (1e-5..1e16).contains(&x.abs()) => write!(f, "{x}"),
            Json::Number(x) if x.is_finite() => write!(f, "{x:e}"),
            Json::Null | Json::Number(_) => f.write_str("null"),
            Json::String(text) => write_string(f, text),
            Json::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { '[' } else { ',' })?;
                }
                f.write_str(if items.is_empty() { "[]" } else { "]" })
            }
            Json::Object(members) => {
                for (i, (name, value)) in members.iter().enumerate() {
                    f.write_char(if i == 0 { '{' } else { ',' })?;
                    write_string(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_str(if members.is_empty() { "{}" } else { "}" })
            }
        }
    }
}

fn write_string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\0'..' ' => write!(f, "\\u{:04x}", c as u32)?,
            _ => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

struct Parser<'a> {
    text: &'a str,
    /// The index of the byte to be read next.
    at: usize,
}

impl Parser<'_> {
    fn error(&self, message: impl Display) -> String {
        format!("{message} at byte {}", self.at)
    }

    fn expected(&self, what: impl Display) -> String {
        match self.text[self.at..].chars().next() {
            Some(c) => self.error(format!("{what} expected, {c:?} found")),
            None => self.error(format!("{what} expected, but the text ends")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Returns the next byte that is not white space, and stays before it.
    fn next_token(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
        self.peek()
    }

    /// Steps over the next byte if it is one of `bytes`.
    fn accept(&mut self, bytes: &[u8]) -> bool {
        let accepted = self.peek().is_some_and(|byte| bytes.contains(&byte));
        self.at += usize::from(accepted);
        accepted
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        match self.next_token() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => Err(self.error(format!("more than {MAX_DEPTH} levels deep"))),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.list(b']', |parser| parser.value(depth + 1)).map(Json::Array),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.word("null", Json::Null),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            _ => Err(self.expected("a value")),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, String> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    /// Returns the items between a bracket and the one that closes it.
    fn list<T>(&mut self, close: u8, mut item: impl FnMut(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let mut items = Vec::new();
        self.at += 1;
        let mut more = self.next_token() != Some(close);
        while more {
            items.push(item(self)?);
            self.next_token();
            more = self.accept(b",");
        }
        if self.accept(&[close]) { Ok(items) } else { Err(self.expected(format!("',' or '{}'", char::from(close)))) }
    }

    fn member(&mut self, depth: usize) -> Result<(String, Json), String> {
        if self.next_token() != Some(b'"') {
            return Err(self.expected("a name in '\"'"));
        }
        let name = self.string()?;
        self.next_token();
        if self.accept(b":") { Ok((name, self.value(depth)?)) } else { Err(self.expected("':'")) }
    }

    fn object(&mut self, depth: usize) -> Result<Json, String> {
        let members = self.list(b'}', |parser| parser.member(depth))?;
        match repeated(members.iter().map(|member| member.0.as_str())) {
            Some(name) => Err(self.error(format!("the name {} twice in the object that ends", quoted(name)))),
            None => Ok(Json::Object(members)),
        }
    }

    fn number(&mut self) -> Result<Json, String> {
        let start = self.at;
        self.accept(b"-");
        if !self.accept(b"0") {
            self.digits()?;
        }
        if self.accept(b".") {
            self.digits()?;
        }
        if self.accept(b"eE") {
            self.accept(b"+-");
            self.digits()?;
        }
        match self.text[start..self.at].parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Json::Number(number)),
            _ => Err(self.error("a number beyond the range of f64 that ends")),
        }
    }

    fn digits(&mut self) -> Result<(), String> {
        if !self.accept(b"0123456789") {
            return Err(self.expected("a digit"));
        }
        while self.accept(b"0123456789") {}
        Ok(())
    }

    fn string(&mut self) -> Result<String, String> {
        let mut string = String::new();
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.bytes().position(|b| b < b' ' || b == b'"' || b == b'\\').unwrap_or(rest.len());
            string.push_str(&rest[..plain]);
            self.at += plain;
            if self.accept(b"\"") {
                return Ok(string);
            }
            if !self.accept(b"\\") {
                return Err(self.expected("the '\"' that ends the string, or an escape,"));
            }
            string.push(self.escape()?);
        }
    }

    /// Returns the character of the escape whose backslash was just read.
    fn escape(&mut self) -> Result<char, String> {
        let (letters, characters) = (b"\"\\/bfnrt", ['"', '\\', '/', '\x08', '\x0C', '\n', '\r', '\t']);
        if let Some(which) = letters.iter().position(|&letter| self.accept(&[letter])) {
            return Ok(characters[which]);
        }
        if !self.accept(b"u") {
            return Err(self.expected("an escape character"));
        }
        let mut code = self.four_digits()?;
        // Beyond U+FFFF a character is two escapes: a high and a low surrogate.
        if let (0xD800..0xDC00, true) = (code, self.text[self.at..].starts_with("\\u")) {
            self.at += 2;
            let low = self.four_digits()?;
            code =
                if (0xDC00..0xE000).contains(&low) { 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00) } else { code };
        }
        char::from_u32(code).ok_or_else(|| self.error("a surrogate without its other half"))
    }

    fn four_digits(&mut self) -> Result<u32, String> {
        (0..4).try_fold(0, |code, _| {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let digit = digit.ok_or_else(|| self.expected("a hexadecimal digit"))?;
            self.at += 1;
            Ok(code * 16 + digit)
        })
    }
}
