//! Trees of digests over the blocks of a device, as Linux's dm-verity keeps them
//! (`Documentation/admin-guide/device-mapper/verity.rst`, version 1), of SHA-256 over blocks of 4 KiB.

use sha2::{Digest as _, Sha256};

use crate::{Extent, Fault};

const BLOCK_BYTES: u64 = 4096;
/// Digests in a block.
const FANOUT: usize = 128;
/// Digests held at once: those of 64 GiB of data.
const DIGESTS_MAX: usize = 16 << 20;

/// The root of the tree over this data, if it comes in whole blocks.
///
/// # Errors
/// The fault that stops reading.
pub(super) fn root(data: &Extent, salt: &[u8]) -> Result<Option<[u8; 32]>, Fault> {
    let blocks = usize::try_from(data.len() / BLOCK_BYTES).unwrap_or(usize::MAX);
    if !data.len().is_multiple_of(BLOCK_BYTES) || blocks == 0 || blocks > DIGESTS_MAX {
        return Ok(None);
    }
    let mut level = Vec::with_capacity(blocks);
    crate::checksum::each_piece(data, |bytes| {
        level.extend(bytes.chunks(4096).map(|block| digest(salt, block)));
    })?;
    // The level of a single block of data is its digest; one of several is packed into blocks.
    while level.len() > 1 {
        level = level.chunks(FANOUT).map(|group| digest(salt, &packed(group))).collect();
    }
    Ok(level.first().copied())
}

/// The digests of a block, filled up with zeros.
fn packed(group: &[[u8; 32]]) -> Vec<u8> {
    let mut block = group.concat();
    block.resize(4096, 0);
    block
}

fn digest(salt: &[u8], block: &[u8]) -> [u8; 32] {
    let mut sha256 = Sha256::new();
    sha256.update(salt);
    sha256.update(block);
    sha256.finalize().into()
}
