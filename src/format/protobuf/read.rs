//! The reader: it goes through the fields of a message, whose bytes stay where they are. It knows no schema, so that it
//! allocates nothing and does not recurse: who calls it goes into the messages that it knows.

/// One field: its number, and its value as the wire has it.
pub(crate) type Field<'a> = (u32, Wire<'a>);

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wire<'a> {
    /// An integer, a truth value or a member of an enumeration.
    Varint(u64),
    /// Eight bytes: a double.
    Eight([u8; 8]),
    /// A text, a message, or packed numbers.
    Bytes(&'a [u8]),
    /// Four bytes: a float.
    Four([u8; 4]),
}

/// The fields of a message, first to last. One that is damaged is `Err`, with the reason, and the last.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a>(&'a [u8]);

/// The reason if a message is damaged.
pub(crate) type Damage = &'static str;

const CUT: Damage = "it ends within a field";

impl<'a> Fields<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Fields(message)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(CUT)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// Reads a number: seven bits a byte, the lowest first.
    fn varint(&mut self) -> Result<u64, Damage> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                // The tenth byte has the last bit.
                return if shift == 63 && byte > 1 { Err("a number has more than 64 bits") } else { Ok(value) };
            }
        }
        Err("a number has more than ten bytes")
    }

    fn field(&mut self) -> Result<Field<'a>, Damage> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|&number| number > 0).ok_or("a field has a wrong number")?;
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Eight(self.array()?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| CUT)?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Four(self.array()?),
            _ => return Err("a field has a wrong type"),
        };
        Ok((number, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Wire<'a> {
    /// Returns the bytes of a text or a message.
    pub(crate) fn bytes(self) -> Result<&'a [u8], Damage> {
        if let Wire::Bytes(bytes) = self { Ok(bytes) } else { Err("a text or a message is expected in a field") }
    }

    /// Returns a text.
    pub(crate) fn text(self) -> Result<String, Damage> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| "a text is not UTF-8")
    }

    /// Returns an integer, whose sign is in the two's complement.
    pub(crate) fn integer(self) -> Result<i64, Damage> {
        if let Wire::Varint(value) = self { Ok(value as i64) } else { Err("a whole number is expected in a field") }
    }

    /// Returns a float.
    pub(crate) fn float(self) -> Result<f32, Damage> {
        if let Wire::Four(bytes) = self { Ok(f32::from_le_bytes(bytes)) } else { Err("a float is expected in a field") }
    }

    /// Appends the integers of a repeated field: one, or packed ones.
    pub(crate) fn integers(self, all: &mut Vec<i64>) -> Result<(), Damage> {
        let Wire::Bytes(bytes) = self else { return self.integer().map(|one| all.push(one)) };
        let mut packed = Fields(bytes);
        while !packed.0.is_empty() {
            all.push(packed.varint()? as i64);
        }
        Ok(())
    }

    /// Appends the floats of a repeated field: one, or packed ones.
    pub(crate) fn floats(self, all: &mut Vec<f32>) -> Result<(), Damage> {
        let Wire::Bytes(bytes) = self else { return self.float().map(|one| all.push(one)) };
        let (packed, rest) = bytes.as_chunks::<4>();
        all.extend(packed.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        if rest.is_empty() { Ok(()) } else { Err(CUT) }
    }

    /// Appends the doubles of a repeated field, rounded: one, or packed ones.
    pub(crate) fn doubles(self, all: &mut Vec<f32>) -> Result<(), Damage> {
        if let Wire::Eight(bytes) = self {
            all.push(f64::from_le_bytes(bytes) as f32);
            return Ok(());
        }
        let (packed, rest) = self.bytes()?.as_chunks::<8>();
        all.extend(packed.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32));
        if rest.is_empty() { Ok(()) } else { Err(CUT) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_type() {
        // The examples of the encoding's documentation: 150 in field 1, "testing" in field 2.
        let message = b"\x08\x96\x01\x12\x07testing\x1d\0\0\x80\x3f\x21\0\0\0\0\0\0\xf0\x3f";
        let fields: Vec<Field<'_>> = Fields::new(message).map(Result::unwrap).collect();
        let expected = [
            (1, Wire::Varint(150)),
            (2, Wire::Bytes(b"testing")),
            (3, Wire::Four(1f32.to_le_bytes())),
            (4, Wire::Eight(1f64.to_le_bytes())),
        ];
        assert_eq!(fields, expected);
        assert_eq!(fields[1].1.text(), Ok("testing".to_string()));
        assert_eq!(fields[2].1.float(), Ok(1.0));
        // Minus two takes ten bytes.
        let minus = b"\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert_eq!(Fields::new(minus).next().unwrap().unwrap().1.integer(), Ok(-2));
    }

    #[test]
    fn repeated_numbers_are_packed_or_not() {
        let mut integers = Vec::new();
        Wire::Bytes(b"\x03\x8e\x02\x9e\xa7\x05").integers(&mut integers).unwrap();
        Wire::Varint(5).integers(&mut integers).unwrap();
        assert_eq!(integers, [3, 270, 86942, 5]);
        let mut floats = Vec::new();
        Wire::Bytes(b"\0\0\x80\x3f\0\0\0\x40").floats(&mut floats).unwrap();
        Wire::Four(3f32.to_le_bytes()).floats(&mut floats).unwrap();
        Wire::Eight(4f64.to_le_bytes()).doubles(&mut floats).unwrap();
        assert_eq!(floats, [1.0, 2.0, 3.0, 4.0]);
        assert!(Wire::Bytes(b"\0\0\x80").floats(&mut floats).is_err());
    }

    #[test]
    fn damage_ends_the_message() {
        let faults: [&[u8]; 8] = [
            b"\x08",                                             // no value
            b"\x08\xff",                                         // a cut number
            b"\x12\x05abc",                                      // a cut text
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",     // as long as the largest number
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",     // 66 bits
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", // eleven bytes
            b"\x0b",                                             // a group
            b"\0\0",                                             // field 0
        ];
        for message in faults {
            let fields: Vec<_> = Fields::new(message).collect();
            assert!(matches!(fields[..], [Err(_)]), "{message:?}: {fields:?}");
        }
    }
}
