//! Which blocks hold a fork: a list of extents in the inode, or a tree of them (`xfs_bmap_btree.h`).

use std::collections::HashSet;

use super::{
    inode::{Fork, ForkFormat},
    superblock::Superblock,
};
use crate::{
    Endian::Big,
    Extent, Fault, View,
    formats::support::runs::{Run, Runs},
};

const RECORD_BYTES: usize = 16;
/// Magics of a block of the tree, and bytes of its header, for versions 4 and 5.
const MAGIC_4: u32 = 0x424d_4150;
const MAGIC_5: u32 = 0x424d_4133;
const HEADER_4_BYTES: usize = 24;
const HEADER_5_BYTES: usize = 72;
/// Levels of a tree (`XFS_BTREE_MAXLEVELS`).
const LEVEL_MAX: u16 = 9;
const WHAT: &str = "map a file";

/// Blocks in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// First block in the file.
    pub(super) logical: u64,
    /// First block of the file system.
    pub(super) block: u64,
    pub(super) count: u64,
    /// Whether it was only reserved and reads as zeros.
    pub(super) unwritten: bool,
}

impl Piece {
    /// Takes a record apart: a bit, then 54, 52 and 21 bits.
    fn parse(record: View<'_>) -> Result<Self, Fault> {
        let (high, low) = (record.u64(0, Big)?, record.u64(8, Big)?);
        Ok(Self {
            logical: high << 1 >> 10,
            block: (high & 0x1ff) << 43 | low >> 21,
            count: low & 0x1f_ffff,
            unwritten: high >> 63 == 1,
        })
    }
}

/// Maps the forks of one file system.
pub(super) struct Mapper<'image> {
    pub(super) image: &'image Extent,
    pub(super) superblock: &'image Superblock,
    /// Blocks of trees read so far: each belongs to one fork.
    visited: HashSet<u64>,
}

impl<'image> Mapper<'image> {
    pub(super) fn new(image: &'image Extent, superblock: &'image Superblock) -> Self {
        Self { image, superblock, visited: HashSet::new() }
    }

    /// The pieces of a fork that is not local; what could not be read goes to `faults`.
    pub(super) fn pieces(&mut self, fork: &Fork, faults: &mut Vec<Fault>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let read = match fork.format {
            ForkFormat::Extents => {
                let count = usize::try_from(fork.extents).unwrap_or(usize::MAX);
                records(&fork.bytes, count, &mut pieces)
            }
            ForkFormat::Tree => self.root(&fork.bytes, &mut pieces, faults),
            ForkFormat::Local | ForkFormat::Device => Ok(()),
        };
        faults.extend(read.err());
        pieces
    }

    /// The root in the inode: level, count, keys, and the blocks below behind the room for keys.
    fn root(
        &mut self,
        bytes: &[u8],
        pieces: &mut Vec<Piece>,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Fault> {
        let view = View(bytes);
        let (level, count) = (view.u16(0, Big)?, usize::from(view.u16(2, Big)?));
        let room = bytes.len().saturating_sub(4) / RECORD_BYTES;
        if level == 0 || level > LEVEL_MAX || count > room {
            let why = format!("a root of level {level} with {count} records");
            return Err(Fault::new(0, WHAT, why));
        }
        for index in 0..count {
            let child = view.u64(4 + room * 8 + index * 8, Big)?;
            let read = self.block(child, level - 1, pieces, faults);
            faults.extend(read.err());
        }
        Ok(())
    }

    fn block(
        &mut self,
        block: u64,
        level: u16,
        pieces: &mut Vec<Piece>,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Fault> {
        let place = self.superblock.block_place(block);
        let wrong = |why: String| Fault::new(place, WHAT, why);
        if !self.visited.insert(block) {
            return Err(wrong("a block of the map is used twice".to_owned()));
        }
        let bytes = self.image.read(place, self.superblock.block_bytes())?;
        let view = View(&bytes);
        let header_bytes = match view.u32(0, Big)? {
            MAGIC_4 => HEADER_4_BYTES,
            MAGIC_5 => HEADER_5_BYTES,
            other => return Err(wrong(format!("magic {other:#010x} in a map"))),
        };
        let (found, count) = (view.u16(4, Big)?, usize::from(view.u16(6, Big)?));
        let body = bytes.get(header_bytes..).unwrap_or_default();
        let room = body.len() / RECORD_BYTES;
        if found != level || count > room {
            return Err(wrong(format!("level {found} with {count} records")));
        }
        if level == 0 {
            return records(body, count, pieces).map_err(|fault| fault.within(place));
        }
        for index in 0..count {
            let child = View(body).u64(room * 8 + index * 8, Big)?;
            // A lost branch costs its part of the file.
            let read = self.block(child, level - 1, pieces, faults);
            faults.extend(read.err());
        }
        Ok(())
    }

    /// The bytes of a file of this size.
    pub(super) fn content(&mut self, fork: &Fork, size: u64, faults: &mut Vec<Fault>) -> Extent {
        let pieces = self.pieces(fork, faults);
        let mut runs = Runs::default();
        for piece in pieces.iter().filter(|piece| !piece.unwritten) {
            let run = Run {
                logical: piece.logical.saturating_mul(self.superblock.block_bytes()),
                place: self.superblock.block_place(piece.block),
                length: piece.count << self.superblock.block_log,
            };
            if let Err(fault) = runs.push(run) {
                faults.push(fault);
                break;
            }
        }
        runs.join(self.image, size, faults)
    }
}

fn records(bytes: &[u8], count: usize, pieces: &mut Vec<Piece>) -> Result<(), Fault> {
    if count > bytes.len() / RECORD_BYTES {
        let why = format!("{count} extents do not fit {} bytes", bytes.len());
        return Err(Fault::new(0, WHAT, why));
    }
    for record in bytes.chunks_exact(RECORD_BYTES).take(count) {
        pieces.push(Piece::parse(View(record))?);
    }
    Ok(())
}
