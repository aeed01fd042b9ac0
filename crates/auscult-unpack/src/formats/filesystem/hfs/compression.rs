//! Files that Mac OS X has packed: a header in an extended attribute, blocks behind it or in the
//! resource fork (XNU `bsd/sys/decmpfs.h`; layouts as afsctool documents them).

use crate::{
    Derive,
    Endian::{Big, Little},
    Extent, Fault, Sink, View,
    codec::{BlockCodec, decode_block},
};

/// The attribute, and what its value begins with.
pub(super) const ATTRIBUTE: &[u8] = b"com.apple.decmpfs";
const MAGIC: &[u8] = b"fpmc";
const HEADER_BYTES: usize = 16;
/// Bytes of a block before it is packed.
const BLOCK_BYTES: u64 = 64 << 10;
/// Blocks of one file.
const BLOCKS_MAX: u64 = 1 << 24;

/// What the header says.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    method: u32,
    size: u64,
    /// What stands behind the header.
    inline: Vec<u8>,
}

/// How blocks are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Stored,
    Zlib,
    Lzvn,
    Lzfse,
}

impl Packed {
    /// Reads the value of the attribute.
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let view = View(value);
        (view.bytes(0, 4).ok()? == MAGIC).then_some(())?;
        Some(Self {
            method: view.u32(4, Little).ok()?,
            size: view.u64(8, Little).ok()?,
            inline: value.get(HEADER_BYTES..)?.to_vec(),
        })
    }

    /// How it is packed, and whether the blocks are in the resource fork.
    fn method(&self) -> Option<(Method, bool)> {
        Some(match self.method {
            1 | 9 => (Method::Stored, false),
            3 => (Method::Zlib, false),
            4 => (Method::Zlib, true),
            7 => (Method::Lzvn, false),
            8 => (Method::Lzvn, true),
            10 => (Method::Stored, true),
            11 => (Method::Lzfse, false),
            12 => (Method::Lzfse, true),
            _ => return None,
        })
    }

    /// Why it cannot be read, if so.
    pub(super) fn unread(&self) -> Option<String> {
        match self.method() {
            Some((Method::Stored | Method::Zlib, _)) => None,
            Some((Method::Lzvn, _)) => Some("compressed by LZVN".to_owned()),
            Some((Method::Lzfse, _)) => Some("compressed by LZFSE".to_owned()),
            None => Some(format!("compressed by method {}", self.method)),
        }
    }

    /// Whether the resource fork only holds the packed content.
    pub(super) fn uses_resource_fork(&self) -> bool {
        self.method().is_none_or(|(_, outside)| outside)
    }

    /// Bytes that stand behind the header.
    pub(super) fn inline_bytes(&self) -> u64 {
        u64::try_from(self.inline.len()).unwrap_or(0)
    }

    /// The content.
    pub(super) fn content(
        &self,
        image: &Extent,
        resource: &Extent,
        place: u64,
        faults: &mut Vec<Fault>,
    ) -> Option<Extent> {
        let (method, outside) = self.method()?;
        let vault = image.vault();
        let blocks = if outside {
            blocks(method, resource, self.size)
        } else {
            let packed = Extent::from_memory(vault, self.inline.clone());
            Ok(vec![Block { method, packed, length: self.size }])
        };
        match blocks {
            Ok(blocks) => {
                let parts = blocks.into_iter().map(Block::extent);
                Some(Extent::joined(vault, parts.collect()))
            }
            Err(fault) => {
                let fault = Fault::new(place, "unpack a file", fault.why);
                faults.push(fault.clone());
                Some(Extent::missing(vault, self.size, fault))
            }
        }
    }
}

/// The blocks in a resource fork: a table of their places and lengths in the first resource.
fn blocks(method: Method, fork: &Extent, size: u64) -> Result<Vec<Block>, Fault> {
    let wrong = |why: &str| Fault::new(0, "unpack a file", why);
    let count = size.div_ceil(BLOCK_BYTES);
    if count > BLOCKS_MAX {
        return Err(wrong("it has too many blocks"));
    }
    if method == Method::Stored {
        return Ok(vec![Block { method, packed: fork.clone(), length: size }]);
    }
    let start = u64::from(View(&fork.read(0, 4)?).u32(0, Big)?).saturating_add(4);
    let table = fork.read(start, 4 + count * 8)?;
    let view = View(&table);
    if u64::from(view.u32(0, Little)?) != count {
        return Err(wrong("its table does not have as many blocks as it"));
    }
    let (mut found, mut left) = (Vec::new(), size);
    for entry in table.get(4..).unwrap_or_default().chunks_exact(8) {
        let (at, bytes) = (View(entry).u32(0, Little)?, View(entry).u32(4, Little)?);
        let at = start.saturating_add(u64::from(at));
        let packed = fork.slice(at, u64::from(bytes)).ok_or_else(|| wrong("a block is cut off"))?;
        let length = left.min(BLOCK_BYTES);
        found.push(Block { method, packed, length });
        left -= length;
    }
    Ok(found)
}

/// A block that is unpacked when read.
struct Block {
    method: Method,
    packed: Extent,
    length: u64,
}

impl Block {
    fn extent(self) -> Extent {
        let vault = std::sync::Arc::clone(self.packed.vault());
        Extent::derived(&vault, self.length, self)
    }
}

impl Derive for Block {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let packed = self.packed.read_all()?;
        let length = usize::try_from(self.length).unwrap_or(0);
        match (self.method, packed.split_first()) {
            // A byte that no stream of zlib begins with marks what did not become smaller.
            (Method::Zlib, Some((&mark, stored))) if mark & 0xf == 0xf => {
                sink.push(stored.get(..length).unwrap_or(stored))
            }
            (Method::Zlib, _) => sink.push(&decode_block(BlockCodec::Zlib, &packed, length)?),
            _ => sink.push(packed.get(..length).unwrap_or(&packed)),
        }
    }

    fn input_bytes(&self) -> u64 {
        self.packed.weight()
    }
}
