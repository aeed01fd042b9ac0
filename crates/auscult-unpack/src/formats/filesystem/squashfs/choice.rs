//! How the blocks of an image are coded and framed, found by trying on its first inodes: the
//! superblock of a vendor's image says one thing and the blocks are another.

use super::{
    inode::{self, Body, Inode},
    metadata::{self, Cursor, Framing, METADATA_BYTES, Metadata, StoredBlock},
    superblock::{Owners, Superblock, Version},
};
use crate::{Endian, Extent, formats::filesystem::coding::Coding};

/// Inodes that must make sense. The head of the newer ones tells a right guess by itself; those of
/// versions 1 and 2 have hardly a wrong value.
const INODES_CHECKED: u32 = 4;

/// Finds the coding and the framing under which the first inodes make sense.
pub(super) fn choose(image: &Extent, superblock: &Superblock) -> Result<(Coding, Framing), String> {
    let registered =
        Coding::registered(superblock.compression).ok_or("a coding that is not known")?;
    let swapped = match superblock.endian {
        Endian::Little => Endian::Big,
        Endian::Big => Endian::Little,
    };
    let framing = |endian| Framing { endian, has_marker: superblock.has_markers };
    for framing in [framing(superblock.endian), framing(swapped)] {
        if let Some(coding) = coding_under(image, superblock, registered, framing) {
            return Ok((coding, framing));
        }
    }
    // Where the first inodes are damaged, names that decode speak for the registered coding.
    let framing = framing(superblock.endian);
    let names = metadata::stored_block(image, framing, superblock.directory_table);
    let names_decode = names.is_ok_and(|block| {
        let decoded = registered.decode(&block.bytes, METADATA_BYTES);
        block.is_coded && decoded.is_ok_and(|decoded| !decoded.is_empty())
    });
    if names_decode {
        return Ok((registered, framing));
    }
    let table = metadata::stored_block(image, framing, superblock.inode_table);
    Err(table.err().map_or_else(
        || format!("not extracted: {} with a private layout", registered.name()),
        |fault| format!("the inode table could not be read: {}", fault.why),
    ))
}

/// The coding under which, with this framing, the inodes make sense.
fn coding_under(
    image: &Extent,
    superblock: &Superblock,
    registered: Coding,
    framing: Framing,
) -> Option<Coding> {
    let inodes = metadata::stored_block(image, framing, superblock.inode_table).ok()?;
    let mut candidates =
        std::iter::once(registered).chain(Coding::candidates(superblock.bytes_used));
    if inodes.is_coded {
        return candidates.find(|&coding| {
            !coding.is_other(&inodes.bytes) && inodes_fit(image, superblock, coding, framing)
        });
    }
    if !inodes_fit(image, superblock, registered, framing) {
        return None;
    }
    // Stored inodes give no hint; names may. Else the number in the superblock has to do.
    let StoredBlock { bytes, is_coded, .. } =
        metadata::stored_block(image, framing, superblock.directory_table).ok()?;
    let names = |coding: &Coding| {
        let decoded = coding.decode(&bytes, METADATA_BYTES);
        let fits = decoded.is_ok_and(|decoded| listing_fits(&decoded, superblock.version));
        fits && !coding.is_other(&bytes)
    };
    if is_coded { candidates.find(names) } else { Some(registered) }
}

/// Whether the inodes at the start of the table make sense once they are decoded.
fn inodes_fit(image: &Extent, superblock: &Superblock, coding: Coding, framing: Framing) -> bool {
    let mut tables = Metadata::new(image, coding, framing, superblock.endian);
    let mut cursor = Cursor::new(superblock.inode_table, 0);
    let wanted = match superblock.version {
        Version::One | Version::Two => superblock.inode_count.min(INODES_CHECKED),
        Version::Three | Version::Four => 1,
    };
    (0..wanted).all(|_| {
        let inode = inode::read(&mut tables, &mut cursor, superblock);
        inode.is_ok_and(|inode| inode_fits(&inode, superblock))
    })
}

/// Whether an inode is within the bounds that the superblock sets.
fn inode_fits(inode: &Inode, superblock: &Superblock) -> bool {
    let number = inode.number.is_none_or(|number| (1..=superblock.inode_count).contains(&number));
    let owner = match superblock.owners {
        Owners::Table { .. } => inode.mode <= 0o7777,
        Owners::Words { users, groups, .. } => {
            inode.user_index < u16::from(users)
                && inode.group_index.is_none_or(|group| group < u16::from(groups))
        }
    };
    let body = match &inode.body {
        Body::Directory { offset, .. } => usize::from(*offset) < METADATA_BYTES,
        Body::File(layout) => {
            layout.start <= superblock.bytes_used
                && layout.fragment.is_none_or(|(index, _)| index < superblock.fragment_count)
        }
        Body::Symlink(target) => !target.is_empty() && !target.contains(&0),
        Body::Block(_) | Body::Character(_) | Body::Fifo | Body::Socket => true,
    };
    number && owner && body
}

/// Whether decoded bytes can be the start of the directories: a name follows the first header and
/// the first entry.
fn listing_fits(decoded: &[u8], version: Version) -> bool {
    let name_at = match version {
        Version::One | Version::Two => 4 + 3,
        Version::Three => 9 + 5,
        Version::Four => 12 + 8,
    };
    decoded.get(name_at).is_some_and(|&byte| byte > b' ' && byte != b'/')
}
