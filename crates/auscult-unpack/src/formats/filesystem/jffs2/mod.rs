//! JFFS2 file systems, in both byte orders (kernel `include/uapi/linux/jffs2.h`, `fs/jffs2/`).
//!
//! A log of nodes without a superblock: all of it is scanned once, each node is confirmed by its
//! checksums, and the highest versions win. Deleted names stay deleted. The end is not written
//! anywhere: it is the last node, with the erased rest of its erase block.
//! Summaries of erase blocks only speed up mounting and are not needed.

mod content;
mod node;
mod rubin;
mod scan;
#[cfg(test)]
mod tests;
mod walk;

use self::{
    node::Header,
    scan::{Scan, scan},
};
use crate::{
    Endian, Extent,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format = Format {
    name: "jffs2",
    // Magic and type of the nodes that may come first, in both byte orders.
    magics: &[
        Magic::start(&[0x85, 0x19, 0x01, 0xe0]),
        Magic::start(&[0x85, 0x19, 0x02, 0xe0]),
        Magic::start(&[0x85, 0x19, 0x03, 0x20]),
        Magic::start(&[0x85, 0x19, 0x08, 0xe0]),
        Magic::start(&[0x19, 0x85, 0xe0, 0x01]),
        Magic::start(&[0x19, 0x85, 0xe0, 0x02]),
        Magic::start(&[0x19, 0x85, 0x20, 0x03]),
        Magic::start(&[0x19, 0x85, 0xe0, 0x08]),
    ],
    carve: true,
    open,
};

/// What image builders of OpenWrt put where the writable file system will be made at first boot.
pub(crate) static MARKER: Format = Format {
    name: "jffs2-marker",
    magics: &[Magic::start(&[0xde, 0xad, 0xc0, 0xde])],
    carve: true,
    open: open_marker,
};

/// Smallest erase block that is taken for real, and the one assumed without marks to go by.
const ERASE_BLOCK_BYTES: u64 = 4096;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let image = &candidate.extent;
    let head = image.read(0, 12)?;
    let endian = if head.starts_with(&[0x19]) { Endian::Big } else { Endian::Little };
    Header::parse(&head, endian).ok_or(NotThis)?;
    let Scan { nodes, faults, end, obsolete_count, marks, .. } = scan(image, endian);
    let erase_block_bytes = erase_block_bytes(&marks);
    let mut attributes = vec![
        ("byte-order", if endian == Endian::Big { "big" } else { "little" }.to_owned()),
        ("nodes", nodes.len().to_string()),
        ("nodes-obsolete", obsolete_count.to_string()),
    ];
    if let Some(bytes) = erase_block_bytes {
        attributes.push(("erase-block", bytes.to_string()));
    }
    let length = erased_length(image, end, erase_block_bytes.unwrap_or(ERASE_BLOCK_BYTES));
    let (entries, more) = walk::walk(&image.clamp(0, length), endian, nodes);
    let faults = faults.into_iter().chain(more).collect();
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// The marker stands alone: the rest of its erase block is erased.
fn open_marker(candidate: &Candidate) -> Result<Opened, NotThis> {
    let rest = candidate.extent.read_up_to(4, ERASE_BLOCK_BYTES - 4)?;
    let erased = rest.len() >= 1024 && rest.iter().all(|&byte| byte == 0xff);
    let meaning = "the writable file system is made here at first boot".to_owned();
    let attributes = vec![("meaning", meaning)];
    erased.then(|| Opened { length: 4, attributes, ..Opened::default() }).ok_or(NotThis)
}

/// The size of an erase block, from the distances between the marks at their starts.
fn erase_block_bytes(marks: &[u64]) -> Option<u64> {
    let divisor = marks.iter().fold(0, |divisor, &mark| greatest_common_divisor(divisor, mark));
    (divisor >= ERASE_BLOCK_BYTES && divisor.is_power_of_two()).then_some(divisor)
}

fn greatest_common_divisor(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

/// The last node's end, moved to the end of its erase block if the rest of it is erased.
fn erased_length(image: &Extent, end: u64, erase_block_bytes: u64) -> u64 {
    let whole = end.next_multiple_of(erase_block_bytes).min(image.len());
    let rest = image.read(end, whole.saturating_sub(end));
    let erased = rest.is_ok_and(|bytes| bytes.iter().all(|&byte| byte == 0xff));
    if erased { whole } else { end }
}
