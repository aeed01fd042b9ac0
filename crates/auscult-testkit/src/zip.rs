//! ZIP archives (APPNOTE 6.3.10): stored and deflated members with Unix modes.

use crate::checksum::crc32;
use crate::stream::deflate;
use crate::writer::{Endian, Writer, u16_of, u32_of};

/// A member of a ZIP archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZipMember {
    /// Its name; a directory ends with a slash.
    pub name: Vec<u8>,
    /// Its content.
    pub data: Vec<u8>,
    /// How it is packed.
    pub method: ZipMethod,
    /// `st_mode` with type bits, such as `0o100644` or `0o120777` for a symbolic link.
    pub unix_mode: u32,
}

/// Compression methods (APPNOTE 4.4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZipMethod {
    /// Not compressed.
    Stored,
    /// Deflate.
    Deflate,
}

impl ZipMember {
    /// A regular file.
    pub fn file(name: &str, method: ZipMethod, data: impl AsRef<[u8]>) -> Self {
        let (name, data) = (name.as_bytes().to_vec(), data.as_ref().to_vec());
        Self { name, data, method, unix_mode: 0o100_644 }
    }
}

/// 1 January 1980, the first date that the DOS fields can hold.
const DOS_DATE: u16 = 0x0021;

/// Writes the archive: members, central directory, end record.
pub fn zip(members: &[ZipMember]) -> Vec<u8> {
    let mut writer = Writer::new(Endian::Little);
    let mut directory = Writer::new(Endian::Little);
    for member in members {
        let offset = u32_of(writer.len());
        let (method, packed) = match member.method {
            ZipMethod::Stored => (0, member.data.clone()),
            ZipMethod::Deflate => (8, deflate(&member.data)),
        };
        let mut shared = Writer::new(Endian::Little);
        shared.u16(20).u16(0).u16(method).u16(0).u16(DOS_DATE).u32(crc32(&member.data));
        shared.u32(u32_of(packed.len())).u32(u32_of(member.data.len()));
        shared.u16(u16_of(member.name.len())).u16(0);
        writer.bytes(b"PK\x03\x04").bytes(shared.as_slice()).bytes(&member.name).bytes(&packed);
        // "Made by" 3.0 on Unix: then the upper half of the external attributes is st_mode.
        directory.bytes(b"PK\x01\x02").u16(0x031e).bytes(shared.as_slice());
        directory.u16(0).u16(0).u16(0).u32(member.unix_mode << 16).u32(offset).bytes(&member.name);
    }
    let start = u32_of(writer.len());
    writer.bytes(directory.as_slice());
    let count = u16_of(members.len());
    writer.bytes(b"PK\x05\x06").u16(0).u16(0).u16(count).u16(count);
    writer.u32(u32_of(directory.len())).u32(start).u16(0);
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::{ZipMember, ZipMethod, zip};

    #[test]
    fn layout_is_that_of_the_specification() {
        let bytes = zip(&[
            ZipMember::file("a", ZipMethod::Stored, "hello"),
            ZipMember::file("b", ZipMethod::Deflate, "hello hello hello"),
        ]);
        assert_eq!(&bytes[30..36], b"ahello");
        let end = bytes.len() - 22;
        assert_eq!(&bytes[end..end + 4], b"PK\x05\x06");
        let start = u32::from_le_bytes(bytes[end + 16..end + 20].try_into().unwrap());
        let start = usize::try_from(start).unwrap();
        assert_eq!(&bytes[start..start + 4], b"PK\x01\x02");
        assert_eq!(bytes[start + 46], b'a');
    }
}
