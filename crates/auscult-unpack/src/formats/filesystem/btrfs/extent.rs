//! Extents of files (`struct btrfs_file_extent_item`), inline or elsewhere, packed or not.

use crate::{
    Derive,
    Endian::Little,
    Extent, Fault, Sink, View,
    codec::{BlockCodec, decode_block, decode_up_to},
};

/// Bytes before inline data.
const HEADER_BYTES: usize = 21;
/// Most bytes of a packed extent, packed and not (`BTRFS_MAX_COMPRESSED`, `_UNCOMPRESSED`), with
/// some room for what may come.
const PACKED_BYTES_MAX: u64 = 1 << 20;

/// How an extent is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Packing {
    None,
    Zlib,
    Lzo,
    Zstd,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// In the item, from this offset on.
    Inline(usize),
    /// At a logical address, `offset` bytes into what is unpacked from there.
    At { address: u64, length: u64, offset: u64 },
    /// Nowhere: a hole, or room that was never written.
    Zeros,
}

/// A piece of a file.
#[derive(Clone, Debug)]
pub(super) struct FileExtent {
    /// Bytes of the whole extent, unpacked.
    pub(super) unpacked: u64,
    pub(super) packing: Packing,
    pub(super) place: Place,
    /// Bytes of it in the file.
    pub(super) length: u64,
}

impl FileExtent {
    pub(super) fn parse(item: &[u8]) -> Result<Self, Fault> {
        let view = View(item);
        let wrong = |why: String| Fault::new(0, "read an extent", why);
        let unpacked = view.u64(8, Little)?;
        let packing = match (view.u8(16)?, view.u8(17)?, view.u16(18, Little)?) {
            (0, 0, 0) => Packing::None,
            (1, 0, 0) => Packing::Zlib,
            (2, 0, 0) => Packing::Lzo,
            (3, 0, 0) => Packing::Zstd,
            (_, 1.., _) => return Err(wrong("encrypted".to_owned())),
            (compression, ..) => return Err(wrong(format!("compression {compression}"))),
        };
        if packing != Packing::None && unpacked > PACKED_BYTES_MAX {
            return Err(wrong(format!("{unpacked} bytes in a packed extent")));
        }
        let kind = view.u8(20)?;
        if kind == 0 {
            return Ok(Self {
                unpacked,
                packing,
                place: Place::Inline(HEADER_BYTES),
                length: unpacked,
            });
        }
        let (address, length) = (view.u64(21, Little)?, view.u64(29, Little)?);
        let offset = view.u64(37, Little)?;
        if packing != Packing::None && length > PACKED_BYTES_MAX {
            return Err(wrong(format!("{length} bytes of a packed extent")));
        }
        let place = match (kind, address) {
            (1, 0) | (2, _) => Place::Zeros,
            (1, _) => Place::At { address, length, offset },
            _ => return Err(wrong(format!("kind {kind}"))),
        };
        Ok(Self { unpacked, packing, place, length: view.u64(45, Little)? })
    }
}

/// A packed extent that is unpacked when read.
pub(super) struct Packed {
    pub(super) source: Extent,
    pub(super) packing: Packing,
    pub(super) length: usize,
    pub(super) sector_bytes: usize,
}

impl Derive for Packed {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let bytes = self.source.read_all()?;
        let mut output = match self.packing {
            Packing::Zlib => decode_up_to(BlockCodec::Zlib, &bytes, self.length)?,
            Packing::Zstd => decode_up_to(BlockCodec::Zstd, &bytes, self.length)?,
            Packing::Lzo => self.lzo(&bytes)?,
            Packing::None => bytes.to_vec(),
        };
        // The last sector of a file may have been packed without the zeros that fill it.
        let missing = self.length.saturating_sub(output.len());
        if missing >= self.sector_bytes {
            let why = format!("{} bytes promised, {} there", self.length, output.len());
            return Err(Fault::new(0, "decompress an extent", why));
        }
        output.resize(self.length, 0);
        sink.push(&output)
    }

    fn input_bytes(&self) -> u64 {
        self.source.weight()
    }
}

impl Packed {
    /// The framing of LZO (`fs/btrfs/lzo.c`): the length of all, then for each sector a length and
    /// its packed bytes. No length is cut by the end of a sector.
    fn lzo(&self, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let view = View(bytes);
        let length_at = |position: usize| -> Result<usize, Fault> {
            Ok(usize::try_from(view.u32(position, Little)?).unwrap_or(usize::MAX))
        };
        let end = length_at(0)?.min(bytes.len());
        let (mut output, mut position) = (Vec::with_capacity(self.length), 4);
        while position < end && output.len() < self.length {
            let room = self.sector_bytes - position % self.sector_bytes;
            if room < 4 {
                position += room;
                continue;
            }
            let packed = view.bytes(position + 4, length_at(position)?)?;
            position += 4 + packed.len();
            let sector = decode_block(BlockCodec::Lzo, packed, self.sector_bytes)?;
            if sector.is_empty() {
                return Err(Fault::new(0, "decompress lzo", "an empty sector"));
            }
            output.extend(sector);
        }
        Ok(output)
    }
}
