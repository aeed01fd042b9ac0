//! Packed clusters, unpacked when they are read (`fs/erofs/decompressor*.c`).

use super::index::Packing;
use crate::{
    Derive, Extent, Fault, Sink,
    codec::{BlockCodec, LzmaProperties, decode_prefix},
};

/// Most packed and most unpacked bytes of a cluster (`Z_EROFS_PCLUSTER_MAX_SIZE` and `_DSIZE`).
pub(super) const PACKED_BYTES_MAX: u64 = 2 << 20;
pub(super) const BYTES_MAX: u64 = 12 << 20;
/// Least dictionary of LZMA.
const DICTIONARY_BYTES_MIN: usize = 4096;

const WHAT: &str = "find a packed cluster";

/// The part of a cluster that is in a file: `length` bytes from its start, at `logical`.
pub(super) fn content(
    source: Extent,
    packing: Packing,
    logical: u64,
    length: u64,
    settings: Settings,
) -> Result<Extent, Fault> {
    let vault = source.vault().clone();
    let block_bytes = settings.block_bytes;
    let short = || Fault::new(0, WHAT, format!("{length} bytes in a cluster of {}", source.len()));
    match packing {
        Packing::Plain { interlaced: true } if source.len() >= block_bytes => {
            // The bytes up to the end of the block come last in the cluster.
            let tail = block_bytes - logical % block_bytes;
            let first = source.slice(source.len() - tail, tail.min(length)).ok_or_else(short)?;
            let rest = source.slice(0, length.saturating_sub(tail)).ok_or_else(short)?;
            Ok(if rest.is_empty() { first } else { Extent::joined(&vault, vec![first, rest]) })
        }
        Packing::Plain { .. } => source.slice(0, length).ok_or_else(short),
        Packing::Packed(algorithm) => {
            if algorithm > 3 || length > BYTES_MAX || source.len() > PACKED_BYTES_MAX {
                let packed = source.len();
                let why = format!("algorithm {algorithm}, {packed} bytes for {length}");
                return Err(Fault::new(0, WHAT, why));
            }
            let bytes = usize::try_from(length).unwrap_or(0);
            Ok(Extent::derived(
                &vault,
                length,
                Packed { source, algorithm, length: bytes, settings },
            ))
        }
    }
}

/// How the clusters of an image are to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) block_bytes: u64,
    /// Whether zeros stand before the packed bytes.
    pub(super) padded: bool,
    pub(super) lzma_dictionary: u32,
}

struct Packed {
    source: Extent,
    algorithm: u8,
    length: usize,
    settings: Settings,
}

impl Derive for Packed {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let bytes = self.source.read_all()?;
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        let padding = if self.settings.padded { zeros } else { 0 };
        let packed = bytes.get(padding..).unwrap_or_default();
        let output = match self.algorithm {
            0 => decode_prefix(BlockCodec::Lz4, packed, self.length)?,
            1 => self.micro_lzma(packed)?,
            2 => decode_prefix(BlockCodec::Deflate, packed, self.length)?,
            _ => decode_prefix(BlockCodec::Zstd, packed, self.length)?,
        };
        sink.push(&output)
    }

    fn input_bytes(&self) -> u64 {
        self.source.weight()
    }
}

impl Packed {
    /// MicroLZMA (XZ Utils): raw LZMA whose first byte, always zero, is replaced by the inverted
    /// properties.
    fn micro_lzma(&self, packed: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut packed = packed.to_vec();
        let first = packed.first_mut().map(std::mem::take);
        // No match reaches further back than the cluster's own start.
        let dictionary = self.length.max(DICTIONARY_BYTES_MIN).next_power_of_two();
        let dictionary = u32::try_from(dictionary).unwrap_or(u32::MAX);
        let dictionary = dictionary.min(self.settings.lzma_dictionary);
        let properties = first.and_then(|byte| LzmaProperties::from_byte(!byte, dictionary));
        let properties = properties
            .ok_or_else(|| Fault::new(0, "decompress lzma", "the properties are impossible"))?;
        decode_prefix(BlockCodec::LzmaRaw(properties), &packed, self.length)
    }
}
