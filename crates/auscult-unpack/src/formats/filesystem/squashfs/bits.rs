//! Bit fields of versions 1 to 3, which the compiler of the machine laid out: from the low bits up
//! in little endian, from the high bits down in big endian (`_SQUASHFS_SWAP` of the reference tool).

use crate::Endian;

/// Takes fields one after the other out of a packed structure. Past its end all bits are zero: who
/// reads the structure has made it long enough.
pub(super) struct BitFields<'data> {
    bytes: &'data [u8],
    endian: Endian,
    position: usize,
}

impl<'data> BitFields<'data> {
    pub(super) fn new(bytes: &'data [u8], endian: Endian) -> Self {
        Self { bytes, endian, position: 0 }
    }

    /// The next `width` bits, at most 64 and, if they do not start at a byte, at most 57.
    pub(super) fn take(&mut self, width: usize) -> u64 {
        let skipped = self.position % 8;
        let (start, end) = (self.position / 8, (self.position + width).div_ceil(8));
        self.position += width;
        let bytes = self.bytes.get(start..end).unwrap_or_default();
        let join = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
        let value = match self.endian {
            Endian::Little => bytes.iter().rev().fold(0, join) >> skipped,
            Endian::Big => bytes.iter().fold(0, join) >> ((8 - (skipped + width) % 8) % 8),
        };
        if width < 64 { value & ((1 << width) - 1) } else { value }
    }

    /// The next `width` bits, at most 32.
    pub(super) fn take_u32(&mut self, width: usize) -> u32 {
        u32::try_from(self.take(width)).unwrap_or(u32::MAX)
    }

    /// The next `width` bits, at most 16.
    pub(super) fn take_u16(&mut self, width: usize) -> u16 {
        u16::try_from(self.take(width)).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::BitFields;
    use crate::Endian;

    #[test]
    fn fields_are_laid_out_from_either_end() {
        let mut little = BitFields::new(&[0xd1, 0x7f, 0x34, 0x12, 9], Endian::Little);
        assert_eq!([little.take(4), little.take(12), little.take(16)], [1, 0x7fd, 0x1234]);
        assert_eq!([little.take(8), little.take(8)], [9, 0]);
        let mut big = BitFields::new(&[0x17, 0xfd, 0x12, 0x34, 9], Endian::Big);
        assert_eq!([big.take(4), big.take(12), big.take(16), big.take(8)], [1, 0x7fd, 0x1234, 9]);
        // A directory's size and offset: 19 and 13 bits across byte borders.
        let (size, offset) = (12_345_u32, 6789_u32);
        let word = size | offset << 19;
        let bytes = word.to_le_bytes();
        let mut little = BitFields::new(&bytes, Endian::Little);
        assert_eq!((little.take_u32(19), little.take_u16(13)), (12_345, 6789));
        let bytes = (size << 13 | offset).to_be_bytes();
        let mut big = BitFields::new(&bytes, Endian::Big);
        assert_eq!((big.take_u32(19), big.take_u16(13)), (12_345, 6789));
        let bytes = u64::MAX.to_be_bytes();
        assert_eq!(BitFields::new(&bytes, Endian::Big).take(64), u64::MAX);
    }
}
