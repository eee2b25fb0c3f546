//! Texts that occurred a moment ago: most cells of a column of texts are among few.

use super::pass::CellText;

/// So many texts of a column are known at a time, and of all columns together: those of a wide table would take more
/// memory than its cells.
const SLOTS: usize = 256;
const ALL_SLOTS: usize = 1 << 16;
const FEWEST_SLOTS: usize = 4;

/// The texts of a column that occurred last, each with what was found out about it.
pub(super) struct Recent<'a> {
    /// A text has only one slot in which it may be. There are none before the first text.
    slots: Vec<Option<(&'a str, usize)>>,
    size: usize,
}

impl<'a> Recent<'a> {
    /// Returns those of so many columns, none of which has a text so far.
    pub fn of(columns: usize) -> Vec<Recent<'a>> {
        let size = (ALL_SLOTS / columns.max(1)).clamp(FEWEST_SLOTS, SLOTS);
        (0..columns).map(|_| Recent { slots: Vec::new(), size }).collect()
    }

    /// Returns what was found out about a text, if it is known, or else what `find` finds out now, if anything.
    pub fn get_or(&mut self, text: &'a str, find: impl FnOnce() -> Option<usize>) -> Option<usize> {
        if self.slots.is_empty() {
            self.slots = vec![None; self.size];
        }
        let slot = &mut self.slots[(hash(text) * self.size) >> HASH_BITS];
        if let Some((known, found)) = *slot
            && known == text
        {
            return Some(found);
        }
        let found = find()?;
        *slot = Some((text, found));
        Some(found)
    }

    /// Returns what was found out about a text, as [`get_or`](Self::get_or) does; a copy is not remembered.
    pub fn get_or_of(&mut self, text: &CellText<'a>, find: impl FnOnce(&str) -> Option<usize>) -> Option<usize> {
        match text {
            CellText::Part(text) => self.get_or(text, || find(text)),
            CellText::Copy(text) => find(text),
        }
    }

    /// Returns whether a text is known; from now on it is.
    pub fn knows(&mut self, text: &CellText<'a>) -> bool {
        let mut is_new = false;
        self.get_or_of(text, |_| {
            is_new = true;
            Some(0)
        });
        !is_new
    }
}

/// So many bits has a hash: with the bits of a slot's number, not more than 32.
const HASH_BITS: usize = 24;

/// Returns a number that texts with other beginnings, ends or lengths mostly do not have.
fn hash(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mixed = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first).rotate_left(29) ^ u64::from_le_bytes(*last),
        _ => bytes.iter().fold(0, |all, &byte| all << 8 | u64::from(byte)),
    };
    // The high bits of the product depend on all others (Fibonacci hashing: Knuth, 1973).
    ((mixed ^ bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - HASH_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_found_is_known() {
        [1, 1000, 1_000_000].into_iter().for_each(check);
    }

    fn check(columns: usize) {
        let texts: Vec<String> = (0..5000).map(|i| format!("text {}", i % 700)).chain([String::new()]).collect();
        let mut recent = Recent::of(columns).swap_remove(0);
        let mut known = 0;
        for text in texts.iter().flat_map(|text| [text, text]) {
            let mut is_new = false;
            let found = recent.get_or(text, || {
                is_new = true;
                Some(text.len() * 7)
            });
            assert_eq!(found, Some(text.len() * 7), "{text}");
            known += usize::from(!is_new);
        }
        assert!(known >= texts.len() && recent.slots.len() == recent.size, "{known}");
        assert_eq!(recent.get_or("none", || None), None);
        assert!(!recent.knows(&CellText::Part("none")) && recent.knows(&CellText::Part("none")));
    }
}
