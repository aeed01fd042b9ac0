//! A growing byte buffer with a byte order: what every builder writes through.

/// Byte order of the numbers of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// Collects bytes; numbers are written in its byte order.
#[derive(Clone, Debug)]
pub struct Writer {
    endian: Endian,
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty buffer of this byte order.
    pub fn new(endian: Endian) -> Self {
        Self { endian, bytes: Vec::new() }
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Writes one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    /// Writes a 16-bit number.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        let bytes = match self.endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        };
        self.bytes(&bytes)
    }

    /// Writes a 32-bit number.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        let bytes = match self.endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        };
        self.bytes(&bytes)
    }

    /// Writes a 64-bit number.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        let bytes = match self.endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        };
        self.bytes(&bytes)
    }

    /// Writes these bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Writes a text into a field of fixed width, filled up with zero bytes.
    pub fn field(&mut self, text: &str, width: usize) -> &mut Self {
        assert!(text.len() <= width, "{text:?} is longer than its field of {width} bytes");
        self.bytes(text.as_bytes());
        self.fill(0, width - text.len())
    }

    /// Writes this byte so many times.
    pub fn fill(&mut self, byte: u8, count: usize) -> &mut Self {
        self.bytes.resize(self.bytes.len() + count, byte);
        self
    }

    /// Fills up to this offset.
    pub fn pad_to(&mut self, offset: usize, byte: u8) -> &mut Self {
        assert!(self.len() <= offset, "already past offset {offset:#x}: {:#x}", self.len());
        self.bytes.resize(offset, byte);
        self
    }

    /// Fills up to a multiple of `alignment`.
    pub fn align(&mut self, alignment: usize, byte: u8) -> &mut Self {
        self.pad_to(self.len().next_multiple_of(alignment), byte)
    }

    /// Overwrites bytes at an offset that was written before: checksums and lengths.
    pub fn patch(&mut self, offset: usize, bytes: &[u8]) -> &mut Self {
        let place = self.bytes.get_mut(offset..offset + bytes.len()).expect("patch lies inside");
        place.copy_from_slice(bytes);
        self
    }

    /// What was written so far.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the bytes away.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// A length as the 32-bit number that most headers hold.
pub(crate) fn u32_of(length: usize) -> u32 {
    u32::try_from(length).expect("fits 32 bits")
}

/// A length as the 16-bit number that small headers hold.
pub(crate) fn u16_of(length: usize) -> u16 {
    u16::try_from(length).expect("fits 16 bits")
}
