//! FAT12, FAT16 and FAT32 (Microsoft, FAT: General Overview of On-Disk Format, 1.03; ECMA-107).
//!
//! The boot sector has no magic that is worth the name, so that all its fields and the start of
//! the allocation table must agree. Names are those of the long entries where these fit, otherwise
//! the short ones in code page 437. Times are local ones without a zone. Deleted entries and the
//! slack behind the end of files are left alone, as are the first file systems of DOS 1, which
//! have no parameter block.

mod boot;
pub(super) mod chain;
mod directory;
#[cfg(test)]
mod tests;
mod walk;

use self::{
    boot::BootSector,
    chain::Chains,
    walk::{Node, Reader},
};
use crate::{
    Extent, Fault,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{layout::text_of, walk::walk},
};

/// Those that say what they are, at any offset.
pub(crate) static FORMAT: Format = Format {
    name: "fat",
    magics: &[
        Magic::at(54, b"FAT12   "),
        Magic::at(54, b"FAT16   "),
        Magic::at(54, b"FAT     "),
        Magic::at(82, b"FAT32   "),
    ],
    carve: true,
    open,
};

/// Those that only have the mark of every boot sector.
pub(crate) static UNNAMED: Format =
    Format { name: "fat", magics: &[Magic::at(510, &[0x55, 0xaa])], carve: false, open };

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let boot = BootSector::parse(&candidate.extent.read(0, 512)?)?.ok_or(NotThis)?;
    let image = candidate.extent.clamp(0, boot.length());
    let (mut chains, faults) = tables(&image, &boot).ok_or(NotThis)?;
    let clean = boot.is_clean(chains.raw(1).unwrap_or(u32::MAX));
    let mut reader = Reader::new(&image, &boot, &mut chains);
    let (entries, walked) = walk(&image, &mut reader, Node::Root);
    let label = reader.label.take();
    let mut opened = Opened {
        length: boot.length(),
        attributes: boot.attributes(),
        entries,
        faults,
        unread: None,
    };
    opened.faults.extend(walked);
    opened.attributes.push(("state", if clean { "clean" } else { "not clean" }.to_owned()));
    if let Some(label) = label.or_else(|| Some(text_of(&boot.label)).filter(is_label)) {
        opened.attributes.push(("label", label));
    }
    Ok(opened)
}

/// Bytes of the file system whose boot sector this is, if it is one.
pub(super) fn length(sector: &[u8]) -> Option<u64> {
    Some(BootSector::parse(sector).ok()??.length())
}

/// Formatters write this where nobody gave a label.
fn is_label(label: &String) -> bool {
    !label.is_empty() && label != "NO NAME"
}

/// The allocation tables, the one in use first; none if no copy starts as it must.
fn tables(image: &Extent, boot: &BootSector) -> Option<(Chains, Vec<Fault>)> {
    let copy = |index: u64| image.clamp(boot.table_start(index), boot.table_bytes());
    let order: Vec<u64> = match boot.active {
        Some(active) => vec![active],
        None => (0..boot.tables).collect(),
    };
    let mut faults = Vec::new();
    for &index in &order {
        let mut all = vec![copy(index)];
        all.extend(order.iter().filter(|&&other| other != index).map(|&other| copy(other)));
        let mut chains = Chains::new(boot.width, boot.clusters, all);
        let (first, second) = (chains.raw(0), chains.raw(1));
        if first.zip(second).is_some_and(|(first, second)| boot.begins_table(first, second)) {
            return Some((chains, faults));
        }
        let why = format!("copy {index} does not start with the type of the medium");
        faults.push(Fault::new(boot.table_start(index), "read the allocation table", why));
    }
    None
}
