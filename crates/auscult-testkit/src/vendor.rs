//! Vendor headers: TP-Link version 1 (as OpenWrt's `mktplinkfw` documents it) and Broadcom TRX.

use crate::checksum::{crc32, md5};
use crate::writer::{Endian, Writer, u32_of};

/// An image for TP-Link devices: a header of 512 bytes, then kernel and root file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpLinkV1<'a> {
    /// Version text, such as `ver. 1.0`.
    pub version: &'a str,
    /// Hardware id, such as `0x0841_0001`.
    pub hardware: u32,
    /// Hardware revision.
    pub revision: u32,
    /// The kernel, compressed already.
    pub kernel: &'a [u8],
    /// The root file system.
    pub rootfs: &'a [u8],
    /// Where the root file system starts, counted from the header.
    pub rootfs_offset: usize,
}

/// Length of the header.
const TPLINK_HEADER: usize = 0x200;
/// What the vendor's tools put in place of the digest while they compute it.
const TPLINK_SALT: [u8; 16] = [
    0xdc, 0xd7, 0x3a, 0xa5, 0xc3, 0x95, 0x98, 0xfb, 0xdd, 0xf9, 0xe7, 0xf4, 0x0e, 0xae, 0x47, 0x38,
];

impl TpLinkV1<'_> {
    /// Writes the image with its digest.
    pub fn build(&self) -> Vec<u8> {
        let total = self.rootfs_offset + self.rootfs.len();
        let mut writer = Writer::new(Endian::Big);
        writer.u32(0x0100_0000).field("TP-LINK Technologies", 24).field(self.version, 36);
        writer.u32(self.hardware).u32(self.revision).u32(0).bytes(&TPLINK_SALT).u32(0);
        writer.fill(0, 16).u32(0).u32(0x8006_0000).u32(0x8006_0000).u32(u32_of(total));
        writer.u32(u32_of(TPLINK_HEADER)).u32(u32_of(self.kernel.len()));
        writer.u32(u32_of(self.rootfs_offset)).u32(u32_of(self.rootfs.len()));
        writer.u32(0).u32(0).u16(1).u16(0).u16(0).pad_to(TPLINK_HEADER, 0xff);
        writer.bytes(self.kernel).pad_to(self.rootfs_offset, 0xff).bytes(self.rootfs);
        let digest = md5(writer.as_slice());
        writer.patch(0x4c, &digest);
        writer.finish()
    }
}

/// A TRX image of version 1: a header of 28 bytes and up to three partitions, each aligned.
pub fn trx(partitions: &[&[u8]]) -> Vec<u8> {
    assert!(partitions.len() <= 3, "TRX version 1 has three partitions");
    let mut body = Writer::new(Endian::Little);
    let mut offsets = [0_u32; 3];
    for (offset, partition) in offsets.iter_mut().zip(partitions) {
        *offset = u32_of(28 + body.len());
        body.bytes(partition).align(4, 0);
    }
    let mut checked = Writer::new(Endian::Little);
    // Flags and version share a word; the checksum covers everything from here on.
    checked.u32(1 << 16);
    for offset in offsets {
        checked.u32(offset);
    }
    checked.bytes(body.as_slice());
    let mut writer = Writer::new(Endian::Little);
    writer.bytes(b"HDR0").u32(u32_of(28 + body.len()));
    // The CRC of TRX is stored without the final inversion.
    writer.u32(!crc32(checked.as_slice())).bytes(checked.as_slice());
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::{TpLinkV1, trx};

    #[test]
    fn tplink_parts_lie_where_the_header_says() {
        let image = TpLinkV1 {
            version: "ver. 1.0",
            hardware: 0x0841_0001,
            revision: 1,
            kernel: b"kernel",
            rootfs: b"hsqs",
            rootfs_offset: 0x400,
        };
        let bytes = image.build();
        let word = |at: usize| {
            usize::try_from(u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())).unwrap()
        };
        assert_eq!(word(0x7c), bytes.len());
        assert_eq!(&bytes[word(0x80)..word(0x80) + word(0x84)], b"kernel");
        assert_eq!(&bytes[word(0x88)..word(0x88) + word(0x8c)], b"hsqs");
    }

    #[test]
    fn trx_offsets_point_at_the_partitions() {
        let bytes = trx(&[b"kernel", b"rootfs"]);
        assert_eq!(bytes[4..8], u32::try_from(bytes.len()).unwrap().to_le_bytes());
        assert_eq!(&bytes[28..34], b"kernel");
        assert_eq!(bytes[20..24], 36_u32.to_le_bytes());
        assert_eq!(&bytes[36..42], b"rootfs");
    }
}
