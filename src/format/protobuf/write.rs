//! The writer.

/// A message that is being written. Fields may come in any order; one that is written again is repeated.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// Returns a message without fields.
    pub(crate) const fn new() -> Self {
        Message { bytes: Vec::new() }
    }

    /// Returns the message as it is so far.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the message as a file has it.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Adds an integer; negative ones take ten bytes.
    pub(crate) fn int(&mut self, field: u64, number: i64) {
        self.varint(field << 3);
        self.varint(number as u64);
    }

    /// Adds a number of single precision.
    pub(crate) fn float(&mut self, field: u64, number: f32) {
        self.varint(field << 3 | 5);
        self.bytes.extend(number.to_le_bytes());
    }

    /// Adds bytes or, in UTF-8, a text.
    pub(crate) fn bytes(&mut self, field: u64, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds a message inside this one.
    pub(crate) fn message(&mut self, field: u64, message: &Message) {
        self.bytes(field, &message.bytes);
    }

    /// Adds all fields of another message.
    pub(crate) fn fields(&mut self, other: &Message) {
        self.bytes.extend_from_slice(&other.bytes);
    }

    fn varint(&mut self, mut number: u64) {
        while number > 127 {
            self.bytes.push(number as u8 | 128);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the format's documentation.
    #[test]
    fn fields_are_those_of_the_documentation() {
        let mut message = Message::new();
        message.int(1, 150);
        assert_eq!(message.bytes, [0x08, 0x96, 0x01]);
        let mut outer = Message::new();
        outer.bytes(2, "testing");
        outer.message(3, &message);
        outer.int(1, -2);
        outer.float(20, 1.0);
        let expected =
            b"\x12\x07testing\x1a\x03\x08\x96\x01\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\xa5\x01\0\0\x80\x3f";
        assert_eq!(outer.into_bytes(), expected);
    }
}
