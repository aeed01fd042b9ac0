//! The binary encoding inside blocks: variable-length integers (LEB128) and length-prefixed text.
//!
//! A reader never indexes: what is missing or too long is a [`Short`] error.

/// The bytes ended early or a number does not fit.
#[derive(Debug)]
pub(crate) struct Short;

/// Result of decoding.
pub(crate) type Decoded<T> = Result<T, Short>;

/// Appends values to bytes.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn number(&mut self, mut value: u64) {
        loop {
            let low = u8::try_from(value & 0x7f).unwrap_or(0);
            value >>= 7;
            if value == 0 {
                self.bytes.push(low);
                return;
            }
            self.bytes.push(low | 0x80);
        }
    }

    pub(crate) fn count(&mut self, value: usize) {
        self.number(u64::try_from(value).unwrap_or(u64::MAX));
    }

    pub(crate) fn slice(&mut self, value: &[u8]) {
        self.count(value.len());
        self.bytes.extend_from_slice(value);
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.slice(value.as_bytes());
    }

    pub(crate) fn list<T>(&mut self, values: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.count(values.len());
        for value in values {
            write(self, value);
        }
    }
}

/// Takes values from bytes.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn byte(&mut self) -> Decoded<u8> {
        let (first, rest) = self.bytes.split_first().ok_or(Short)?;
        self.bytes = rest;
        Ok(*first)
    }

    pub(crate) fn number(&mut self) -> Decoded<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            value |= part.checked_shl(shift).filter(|moved| moved >> shift == part).ok_or(Short)?;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Short)
    }

    /// A count of things that each take a byte at least: what cannot be there is refused.
    pub(crate) fn count(&mut self) -> Decoded<usize> {
        let count = usize::try_from(self.number()?).map_err(|_| Short)?;
        if count > self.bytes.len() { Err(Short) } else { Ok(count) }
    }

    pub(crate) fn fixed(&mut self, length: usize) -> Decoded<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(Short)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn slice(&mut self) -> Decoded<&'a [u8]> {
        let length = self.count()?;
        self.fixed(length)
    }

    pub(crate) fn text(&mut self) -> Decoded<&'a str> {
        std::str::from_utf8(self.slice()?).map_err(|_| Short)
    }

    pub(crate) fn string(&mut self) -> Decoded<String> {
        self.text().map(ToOwned::to_owned)
    }

    pub(crate) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Decoded<T>,
    ) -> Decoded<Vec<T>> {
        let count = self.count()?;
        let mut values = Vec::with_capacity(count.min(4096));
        for _ in 0..count {
            values.push(read(self)?);
        }
        Ok(values)
    }
}
