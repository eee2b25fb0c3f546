//! Numbers whose first one begins a cache line.

use std::ops::{Deref, DerefMut};

/// A vector of numbers with some room in front, so that they begin with a cache line: then no register is loaded from
/// two lines at once, which costs a product of one row a quarter of its time. There is room behind them as well,
/// unless they came as a vector.
#[derive(Default)]
pub(crate) struct Aligned {
    /// The room in front, the numbers, the room behind.
    padded: Vec<f32>,
    start: usize,
    end: usize,
}

/// Numbers in a cache line.
const LINE: usize = 16;

impl Aligned {
    pub(crate) fn filled(length: usize, value: f32) -> Self {
        let mut numbers = Aligned::default();
        numbers.resize_with(length, value);
        numbers
    }

    /// Makes this `length` numbers of unspecified content, in the memory that it has if that is enough.
    #[inline]
    pub(crate) fn resize(&mut self, length: usize) {
        // Nearly all steps of a training have matrices of the same sizes.
        if length != self.len() || !self.is_aligned() {
            self.resize_with(length, 0.0);
        }
    }

    fn resize_with(&mut self, length: usize, value: f32) {
        let padded = length.saturating_add(LINE);
        if padded > self.padded.capacity().saturating_sub(self.start) || !self.is_aligned() {
            // The old memory is given back before the new is taken.
            *self = Aligned::default();
            // Pages of zeros come from the system when they are first used, by the thread that uses them.
            self.padded = vec![value; padded.saturating_add(LINE)];
            self.start = self.padded.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        }
        self.padded.resize(self.start + padded, value);
        self.end = self.start + length;
    }

    /// Returns the numbers, moved if they do not begin with a cache line or have no room behind them.
    pub(crate) fn align(self) -> Self {
        if self.is_aligned() && self.padded.len() >= self.end + LINE { self } else { self.clone() }
    }

    fn is_aligned(&self) -> bool {
        self.as_ptr().addr().is_multiple_of(LINE * size_of::<f32>())
    }

    /// Returns the numbers and what lies behind them, if they have room there: a vector that begins with the last of them
    /// can then be loaded whole.
    pub(crate) fn with_room(&self) -> &[f32] {
        &self.padded[self.start..]
    }

    /// Returns the numbers without the room.
    pub(crate) fn into_vec(mut self) -> Vec<f32> {
        self.padded.truncate(self.end);
        self.padded.drain(..self.start);
        self.padded
    }
}

/// The numbers, on a cache line or not.
impl From<Vec<f32>> for Aligned {
    fn from(numbers: Vec<f32>) -> Self {
        Aligned { start: 0, end: numbers.len(), padded: numbers }
    }
}

impl FromIterator<f32> for Aligned {
    fn from_iter<I: IntoIterator<Item = f32>>(numbers: I) -> Self {
        Vec::from_iter(numbers).into()
    }
}

impl Deref for Aligned {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.padded[self.start..self.end]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.padded[self.start..self.end]
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut copy = Aligned::default();
        copy.resize(self.len());
        copy.copy_from_slice(self);
        copy
    }
}

impl PartialEq for Aligned {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_with_a_line() {
        let mut kept = Vec::new();
        for length in [0, 1, 15, 16, 17, 1000, 70_000] {
            let mut numbers = Aligned::filled(length, 2.0);
            assert!(numbers.is_aligned() && numbers.len() == length && numbers.iter().all(|&x| x == 2.0));
            let copy = numbers.clone();
            assert!(copy.is_aligned() && copy == numbers);
            let address = numbers.as_ptr();
            numbers.resize(length / 2);
            numbers.resize(length);
            assert_eq!(numbers.as_ptr(), address, "no new memory for what there is room for");
            numbers.resize(3 * length + 1);
            assert!(numbers.is_aligned() && numbers.len() == 3 * length + 1);
            let vector: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let numbers = Aligned::from(vector.clone()).align();
            assert!(numbers.is_aligned() && *numbers == vector);
            assert!(numbers.with_room().starts_with(&vector) && numbers.clone().with_room().len() == length + LINE);
            assert_eq!(numbers.into_vec(), vector);
            kept.push(copy);
        }
    }
}
