//! Clusters of compressed files (`fs/f2fs/compress.c`): a header and the packed bytes, in whole
//! blocks.

use super::{inode::Compression, superblock::checksum};
use crate::{
    Derive,
    Endian::Little,
    Extent, Fault, Sink, View,
    checksum::agrees,
    codec::{BlockCodec, decode_lzo_rle, decode_prefix},
};

/// `COMPRESS_HEADER_SIZE`: length, checksum, four reserved words.
const HEADER_BYTES: usize = 24;

/// A cluster that is unpacked when read.
pub(super) struct Cluster {
    /// Its blocks.
    pub(super) source: Extent,
    pub(super) compression: Compression,
    pub(super) length: usize,
}

impl Derive for Cluster {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let bytes = self.source.read_all()?;
        let view = View(&bytes);
        let length = usize::try_from(view.u32(0, Little)?).unwrap_or(usize::MAX);
        let packed = view.bytes(HEADER_BYTES, length)?;
        if self.compression.has_checksums && !agrees(view.u32(4, Little)?, checksum(&[packed])) {
            return Err(Fault::new(4, "verify a cluster", "its checksum is wrong"));
        }
        let output = match self.compression.algorithm {
            0 => decode_prefix(BlockCodec::Lzo, packed, self.length)?,
            1 => decode_prefix(BlockCodec::Lz4, packed, self.length)?,
            2 => decode_prefix(BlockCodec::Zstd, packed, self.length)?,
            3 => decode_lzo_rle(packed, self.length)?,
            other => {
                let why = format!("algorithm {other} is not known");
                return Err(Fault::new(0, "decompress a cluster", why));
            }
        };
        sink.push(&output)
    }

    fn input_bytes(&self) -> u64 {
        self.source.weight()
    }
}
