//! NTFS, versions 1.2 to 3.1 (the layouts of ntfs-3g `layout.h` and of the kernel's `fs/ntfs3/ntfs.h`).
//!
//! Names come from the indexes of directories; what they have lost and the master file table still
//! knows is added from there. Short DOS names beside long ones are left out. Streams beside the
//! content of a file are members with the name `file:stream`. The journal is not replayed, and
//! security descriptors are not translated. Files that EFS encrypted, that were deduplicated, moved
//! to a cloud or packed by a filter of later versions of Windows are told as unread.

mod attribute;
mod boot;
mod content;
mod file;
mod index;
mod record;
mod reparse;
mod table;
#[cfg(test)]
mod tests;
mod walk;

use self::{
    boot::BootSector,
    table::Table,
    walk::{Link, Reader},
};
use crate::{
    Fault,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{date::iso_8601, walk::walk},
};

pub(crate) static FORMAT: Format =
    Format { name: "ntfs", magics: &[Magic::at(3, b"NTFS    ")], carve: true, open };

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let boot = BootSector::parse(&candidate.extent.read(0, 512)?)?.ok_or(NotThis)?;
    let length = length(candidate, &boot);
    let image = candidate.extent.clamp(0, length);
    let mut faults = Vec::new();
    let table = Table::open(&image, &boot, &mut faults).map_err(|_| NotThis)?;
    let mut reader = Reader::new(table);
    let mut attributes = boot.attributes();
    let about = reader.about_volume(&mut faults);
    let (entries, walked) = walk(&image, &mut reader, Link::Root);
    faults.extend(walked);
    attributes.extend([("version", about.version), ("state", about.state.to_owned())]);
    if !about.label.is_empty() {
        attributes.push(("label", about.label));
    }
    attributes.extend(about.created.map(|seconds| ("created", iso_8601(seconds))));
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// The boot sector counts the sectors without its own copy, which stands behind them.
fn length(candidate: &Candidate, boot: &BootSector) -> u64 {
    let length = boot.length();
    let copy = candidate.extent.read(length, 512).ok();
    let same = copy.and_then(|copy| BootSector::parse(&copy).ok().flatten());
    match same {
        Some(copy) if copy == *boot => length.saturating_add(boot.sector_bytes),
        _ => length,
    }
}

/// What `$Volume` says.
#[derive(Default)]
struct AboutVolume {
    version: String,
    state: &'static str,
    label: String,
    created: Option<i64>,
}

/// A fault of something that stands at a place of the image.
fn fault_at(place: u64, what: &str, why: impl Into<String>) -> Fault {
    Fault::new(place, what, why)
}
