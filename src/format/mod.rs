//! Files: how they are written, and the formats they are written in.

pub mod atomic;
pub mod json;
pub mod network;
pub mod safetensors;

/// `text` in quotation marks, cut where it is long and with control characters escaped: what a file says must not
/// get to a terminal as it is.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
