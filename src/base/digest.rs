//! A short name for much data.

/// A 64-bit checksum that detects damaged files and changed data. It is not cryptographic.
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) fn new() -> Self {
        Digest(0xCBF2_9CE4_8422_2325)
    }

    /// Adds a word. Any change of one word changes the digest, because each of these operations is invertible.
    pub(crate) fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }

    pub(crate) fn floats(&mut self, values: &[f32]) {
        let (pairs, rest) = values.as_chunks();
        pairs.iter().for_each(|&[a, b]| self.word(u64::from(a.to_bits()) << 32 | u64::from(b.to_bits())));
        rest.iter().for_each(|x| self.word(x.to_bits().into()));
        self.word(values.len() as u64);
    }

    pub(crate) fn text(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.word(byte.into()));
        self.word(text.len() as u64);
    }

    /// Adds bytes, eight to a word.
    #[cfg(any(feature = "export", feature = "import"))]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.word(u64::from_le_bytes(*word)));
        rest.iter().for_each(|&byte| self.word(byte.into()));
        self.word(bytes.len() as u64);
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }

    pub(crate) fn finish(self) -> String {
        format!("{:016x}", self.0)
    }
}
