//! Texts that occurred a moment ago: most cells of a column of texts are among few.

use super::span::word;

/// So many texts of a column are known at a time, and of all columns together: those of a wide table would take more
/// memory than its cells.
const SLOTS: usize = 512;
const ALL_SLOTS: usize = 1 << 15;
const FEWEST_SLOTS: usize = 4;
/// A text has so many slots in which it may be.
const PLACES: usize = 4;
/// Bits of a hash.
const HASH_BITS: u32 = 16;

/// A text, and words that tell it from nearly all others without a look at it.
#[derive(Clone, Copy, Default)]
pub(super) struct Key<'a> {
    /// The first eight bytes and, if there are more, the last eight.
    first: u64,
    last: u64,
    text: &'a [u8],
}

impl<'a> Key<'a> {
    /// Returns that of a part of a text.
    #[inline]
    pub fn of(all: &'a [u8], start: usize, end: usize) -> Key<'a> {
        let text = &all[start..end];
        let Some(near) = all[start..].first_chunk::<8>() else {
            let first = text.iter().rev().fold(0, |first, &byte| first << 8 | u64::from(byte));
            return Key { first, last: 0, text };
        };
        // The bytes behind a short text are not its own.
        let others = 64 - 8 * text.len().min(8);
        let first = word(near) & u64::MAX.unbounded_shr(others as u32);
        let last = if text.len() > 8 { word(&all[end - 8..end]) } else { 0 };
        Key { first, last, text }
    }

    #[inline]
    fn is(&self, other: &Key<'_>) -> bool {
        let is_alike = self.first == other.first && self.last == other.last && self.text.len() == other.text.len();
        is_alike && (self.text.len() <= 16 || self.text == other.text)
    }

    /// Returns a number that other texts mostly do not have.
    #[inline]
    fn hash(&self) -> usize {
        let mixed = self.first.rotate_left(29) ^ self.last ^ self.text.len() as u64;
        // The high bits of the product depend on all others (Fibonacci hashing: Knuth, 1973).
        (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - HASH_BITS)) as usize
    }
}

/// The texts of a column that occurred last, each with what was found out about it.
pub(super) struct Recent<'a> {
    /// There are none before the first text.
    slots: Vec<(Key<'a>, Option<usize>)>,
    /// The number of slots, a power of two.
    size: usize,
}

impl<'a> Recent<'a> {
    /// Returns those of so many columns, none of which has a text so far.
    pub fn of(columns: usize) -> Vec<Recent<'a>> {
        let size = 1 << (ALL_SLOTS / columns.max(1)).clamp(FEWEST_SLOTS, SLOTS).ilog2();
        (0..columns).map(|_| Recent { slots: Vec::new(), size }).collect()
    }

    /// Returns the place of what was found out about a text: nothing, if the text is new.
    pub fn found(&mut self, key: Key<'a>) -> &mut Option<usize> {
        if self.slots.is_empty() {
            self.slots = vec![(Key::default(), None); self.size];
        }
        // The highest bits of the hash: the lowest do not depend on all of the text.
        let (first, last) = ((key.hash() * self.size) >> HASH_BITS, self.size - 1);
        let is_its = |index: &usize| {
            let (known, found) = &self.slots[index & last];
            found.is_none() || known.is(&key)
        };
        let place = (first..first + PLACES).find(is_its).unwrap_or(first);
        let slot = &mut self.slots[place & last];
        if !slot.0.is(&key) {
            *slot = (key, None);
        }
        &mut slot.1
    }

    /// Returns whether a text is known; from now on it is.
    pub fn knows(&mut self, key: Key<'a>) -> bool {
        self.found(key).replace(0).is_some()
    }
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
        let of = |text: &'static str| Key::of(text.as_bytes(), 0, text.len());
        let mut recent = Recent::of(columns).swap_remove(0);
        let mut known = 0;
        for text in texts.iter().flat_map(|text| [text, text]) {
            let found = recent.found(Key::of(text.as_bytes(), 0, text.len()));
            known += usize::from(found.is_some());
            assert_eq!(*found.get_or_insert(text.len() * 7), text.len() * 7, "{text}");
        }
        assert!(known >= texts.len() && recent.slots.len() == recent.size, "{known}");
        assert!(!recent.knows(of("none")) && recent.knows(of("none")));
        *recent.found(of("nothing")) = None;
        assert!(!recent.knows(of("nothing")));
    }

    /// The names that people give to classes differ in a digit or a letter.
    #[test]
    fn few_texts_in_any_order_are_all_known() {
        let families: [fn(usize) -> String; 5] = [
            |i| format!("item{}", i % 10),
            |i| format!("category_{}", i % 10),
            |i| format!("Product {}", (b'A' + (i % 26) as u8) as char),
            |i| format!("2024-01-{:02}", i % 31 + 1),
            |i| format!("{}", 90_200 + i % 40),
        ];
        for family in families {
            let mut rng = crate::base::rng::Rng::new(1);
            let texts: Vec<String> = (0..5000).map(|_| family(rng.below(1 << 20))).collect();
            let different = texts.iter().collect::<std::collections::BTreeSet<_>>().len();
            let mut recent = Recent::of(10).swap_remove(0);
            let new = texts.iter().filter(|text| !recent.knows(Key::of(text.as_bytes(), 0, text.len()))).count();
            assert_eq!(new, different, "{}", texts[0]);
        }
    }

    #[test]
    fn a_key_is_that_of_its_text_alone() {
        let all = "abcdefgh,abcdefgh;abcdefghi,abcdefghijklmnopq,abcdefghXijklmnopq,abc,,ab,abc";
        let mut keys = Vec::new();
        for start in 0..all.len() {
            keys.extend((start..=all.len()).map(|end| Key::of(all.as_bytes(), start, end)));
        }
        for key in &keys {
            for other in &keys {
                assert_eq!(key.is(other), key.text == other.text);
                assert!(!key.is(other) || key.hash() == other.hash());
            }
        }
    }
}
