//! Splitting a text into cells (RFC 4180).

use std::borrow::Cow;

use super::span::find_end;

/// Splits a text into cells, one by one.
#[derive(Clone, Copy)]
pub(super) struct Scanner<'a> {
    pub text: &'a str,
    pub position: usize,
    pub line: usize,
    pub separator: u8,
}

impl<'a> Scanner<'a> {
    /// Goes to the start of the next record. Returns whether there is one.
    pub fn skip_blank_lines(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let mut ahead = self.position;
        loop {
            match bytes.get(ahead) {
                Some(b' ') => ahead += 1,
                Some(b'\n' | b'\r') => {
                    self.position = ahead;
                    self.end_line();
                    ahead = self.position;
                }
                other => return other.is_some(),
            }
        }
    }

    /// Steps over the line end here, if there is one.
    pub fn end_line(&mut self) {
        let rest = &self.text.as_bytes()[self.position..];
        let length = match rest {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => return,
        };
        self.position += length;
        self.line += 1;
    }

    /// Returns the cell here, and whether its record has another one; or the line to blame, and why.
    #[inline(never)]
    pub fn cell(&mut self) -> std::result::Result<(Cow<'a, str>, bool), (usize, String)> {
        let bytes = self.text.as_bytes();
        let start = self.position + bytes[self.position..].iter().take_while(|&&byte| byte == b' ').count();
        let cell = if bytes.get(start) == Some(&b'"') {
            self.quoted_cell(start + 1)?
        } else {
            let end = find_end(bytes, start, self.separator);
            self.position = end;
            Cow::Borrowed(self.text[start..end].trim_ascii_end())
        };
        let more = bytes.get(self.position) == Some(&self.separator);
        if more {
            self.position += 1;
        } else {
            self.end_line();
        }
        Ok((cell, more))
    }

    /// Returns the cell whose opening quote stands just before `start`.
    fn quoted_cell(&mut self, start: usize) -> std::result::Result<Cow<'a, str>, (usize, String)> {
        let bytes = self.text.as_bytes();
        let line = self.line;
        let (mut unquoted, mut from, mut end, mut has_lines) = (String::new(), start, start, false);
        loop {
            end = find_end(bytes, end, b'"');
            match (bytes.get(end), bytes.get(end + 1)) {
                (Some(b'"'), Some(b'"')) => {
                    unquoted.push_str(&self.text[from..=end]);
                    end += 2;
                    from = end;
                }
                (Some(b'"'), _) => break,
                (Some(_), _) => {
                    end += 1;
                    has_lines = true;
                }
                (None, _) => {
                    return Err((line, "a double quote opens here and never ends: close it, or double it".to_string()));
                }
            }
        }
        if has_lines {
            self.line += line_ends(&bytes[start..end]);
        }
        self.position = end + 1 + bytes[end + 1..].iter().take_while(|&&byte| byte == b' ').count();
        match bytes.get(self.position) {
            Some(&byte) if byte != self.separator && byte != b'\n' && byte != b'\r' => {
                let message = "a cell continues after its closing double quote: a quote inside a cell must be doubled";
                Err((self.line, message.to_string()))
            }
            _ if unquoted.is_empty() => Ok(Cow::Borrowed(&self.text[start..end])),
            _ => Ok(Cow::Owned(unquoted + &self.text[from..end])),
        }
    }
}

pub(super) fn line_ends(bytes: &[u8]) -> usize {
    let ends = |(i, &byte): (usize, &u8)| byte == b'\n' || (byte == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
    bytes.iter().enumerate().filter(|&entry| ends(entry)).count()
}
