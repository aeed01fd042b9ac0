//! The only way in which parsers read integers and slices: every access is checked.

use crate::Fault;

/// Byte order of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// Borrowed bytes that cannot be read out of bounds. Offsets are in bytes from their start.
#[derive(Clone, Copy, Debug)]
pub struct View<'data>(pub &'data [u8]);

impl<'data> View<'data> {
    /// The bytes `offset..offset + length`.
    ///
    /// # Errors
    /// A [`Fault`] where they are not all there.
    pub fn bytes(self, offset: usize, length: usize) -> Result<&'data [u8], Fault> {
        let end = offset.checked_add(length);
        end.and_then(|end| self.0.get(offset..end)).ok_or_else(|| {
            let why =
                format!("{length} bytes wanted, {} there", self.0.len().saturating_sub(offset));
            Fault::new(u64::try_from(offset).unwrap_or(u64::MAX), "read", why)
        })
    }

    /// A fixed number of bytes at `offset`.
    ///
    /// # Errors
    /// A [`Fault`] where they are not all there.
    pub fn array<const N: usize>(self, offset: usize) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(offset, N)?);
        Ok(array)
    }

    /// The byte at `offset`.
    ///
    /// # Errors
    /// A [`Fault`] past the end.
    pub fn u8(self, offset: usize) -> Result<u8, Fault> {
        self.array::<1>(offset).map(|[byte]| byte)
    }

    /// A 16-bit integer.
    ///
    /// # Errors
    /// A [`Fault`] past the end.
    pub fn u16(self, offset: usize, endian: Endian) -> Result<u16, Fault> {
        let array = self.array(offset)?;
        Ok(match endian {
            Endian::Little => u16::from_le_bytes(array),
            Endian::Big => u16::from_be_bytes(array),
        })
    }

    /// A 32-bit integer.
    ///
    /// # Errors
    /// A [`Fault`] past the end.
    pub fn u32(self, offset: usize, endian: Endian) -> Result<u32, Fault> {
        let array = self.array(offset)?;
        Ok(match endian {
            Endian::Little => u32::from_le_bytes(array),
            Endian::Big => u32::from_be_bytes(array),
        })
    }

    /// A 64-bit integer.
    ///
    /// # Errors
    /// A [`Fault`] past the end.
    pub fn u64(self, offset: usize, endian: Endian) -> Result<u64, Fault> {
        let array = self.array(offset)?;
        Ok(match endian {
            Endian::Little => u64::from_le_bytes(array),
            Endian::Big => u64::from_be_bytes(array),
        })
    }

    /// The bytes of a fixed-size text field up to its first NUL.
    ///
    /// # Errors
    /// A [`Fault`] past the end.
    pub fn text(self, offset: usize, length: usize) -> Result<&'data [u8], Fault> {
        let field = self.bytes(offset, length)?;
        Ok(field.split(|&byte| byte == 0).next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::{Endian, View};

    #[test]
    fn reads_are_checked_at_both_ends() {
        let view = View(&[1, 2, 3, 4]);
        assert_eq!(view.u32(0, Endian::Big).unwrap(), 0x0102_0304);
        assert_eq!(view.u16(2, Endian::Little).unwrap(), 0x0403);
        assert!(view.u32(1, Endian::Big).is_err());
        assert!(view.bytes(usize::MAX, 2).is_err());
        assert_eq!(View(b"ab\0cd").text(0, 5).unwrap(), b"ab");
    }
}
