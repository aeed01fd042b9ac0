//! Messages of Protocol Buffers ("Encoding", the wire format of versions 2 and 3): fields by number.
//! Groups, which version 3 dropped, are not read.

use crate::Fault;

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'data> {
    /// Variable length or fixed width.
    Number(u64),
    /// Text, bytes, a message, or packed numbers.
    Bytes(&'data [u8]),
}

/// The fields of a message, in order. It ends at the first that cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct Message<'data> {
    rest: &'data [u8],
    /// Set where a field could not be read.
    broken: bool,
}

impl<'data> Message<'data> {
    /// The message in these bytes.
    pub(crate) fn new(bytes: &'data [u8]) -> Self {
        Self { rest: bytes, broken: false }
    }

    /// Checks that all fields can be read.
    ///
    /// # Errors
    /// A fault where the message is damaged; offsets count from its start.
    pub(crate) fn whole(self) -> Result<Self, Fault> {
        let mut all = self.clone();
        while all.next().is_some() {}
        if all.broken {
            let at = u64::try_from(self.rest.len() - all.rest.len()).unwrap_or(u64::MAX);
            return Err(Fault::new(at, "read a message", "a field is cut off or of no known kind"));
        }
        Ok(self)
    }

    /// The last number of this field.
    pub(crate) fn number(&self, field: u64) -> Option<u64> {
        let number = |(number, value)| match value {
            Value::Number(value) if number == field => Some(value),
            _ => None,
        };
        self.clone().filter_map(number).last()
    }

    /// All values of a field of bytes.
    pub(crate) fn all(&self, field: u64) -> impl Iterator<Item = &'data [u8]> + use<'data> {
        self.clone().filter_map(move |(number, value)| match value {
            Value::Bytes(bytes) if number == field => Some(bytes),
            _ => None,
        })
    }

    /// The last bytes of this field.
    pub(crate) fn bytes(&self, field: u64) -> Option<&'data [u8]> {
        self.all(field).last()
    }

    /// The last text of this field.
    pub(crate) fn text(&self, field: u64) -> Option<String> {
        self.bytes(field).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// The numbers of a repeated field, packed or not.
    pub(crate) fn numbers(&self, field: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        for (_, value) in self.clone().filter(|(number, _)| *number == field) {
            match value {
                Value::Number(value) => numbers.push(value),
                Value::Bytes(mut packed) => {
                    while let Some(value) = varint(&mut packed) {
                        numbers.push(value);
                    }
                }
            }
        }
        numbers
    }
}

impl<'data> Iterator for Message<'data> {
    type Item = (u64, Value<'data>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() || self.broken {
            return None;
        }
        let mut rest = self.rest;
        let field = field(&mut rest);
        match field {
            Some(_) => self.rest = rest,
            None => self.broken = true,
        }
        field
    }
}

fn field<'data>(rest: &mut &'data [u8]) -> Option<(u64, Value<'data>)> {
    let key = varint(rest)?;
    let value = match key & 7 {
        0 => Value::Number(varint(rest)?),
        1 => Value::Number(u64::from_le_bytes(*rest.split_off(..8)?.first_chunk()?)),
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Value::Bytes(rest.split_off(..length)?)
        }
        5 => Value::Number(u64::from(u32::from_le_bytes(*rest.split_off(..4)?.first_chunk()?))),
        _ => return None,
    };
    (key >> 3 > 0).then_some((key >> 3, value))
}

/// Seven bits in each byte, the lowest first; at most ten bytes.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let byte = *rest.split_off_first()?;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn fields_of_every_kind() {
        // The examples of the specification: 150, "testing", packed 3, 270, 86942.
        let bytes = b"\x08\x96\x01\x12\x07testing\x32\x06\x03\x8e\x02\x9e\xa7\x05\x1d\x01\0\0\0";
        let message = Message::new(bytes).whole().unwrap();
        assert_eq!(message.number(1), Some(150));
        assert_eq!(message.text(2).unwrap(), "testing");
        assert_eq!(message.numbers(6), [3, 270, 86_942]);
        assert_eq!(message.number(3), Some(1));
        assert_eq!((message.number(2), message.bytes(1), message.number(9)), (None, None, None));
    }

    #[test]
    fn damage_is_told_with_its_place() {
        for cut in [1, 3, 7] {
            let bytes = b"\x08\x96\x01\x12\x07testing";
            let told = Message::new(&bytes[..bytes.len() - cut]).whole();
            assert_eq!(told.unwrap_err().offset, 3);
        }
        assert!(Message::new(&[0x0b]).whole().is_err());
        assert!(
            Message::new(&[8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1])
                .whole()
                .is_err()
        );
    }
}
