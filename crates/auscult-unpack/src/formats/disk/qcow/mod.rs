//! QCOW, the virtual disks of QEMU, of all three versions (QEMU `docs/interop/qcow2.rst`; the first
//! version: `block/qcow.c`). Everything is big-endian.
//!
//! Packed clusters and the halves of extended tables are read. What is in a backing file reads as
//! zeros and is told; disks that are encrypted or keep their data in another file are only named.

#[cfg(test)]
mod tests;
mod version1;
mod version2;

use super::assembly::Assembled;
use crate::{
    Derive,
    Endian::Big,
    Entry, Extent, Fault, Sink, View,
    codec::{BlockCodec, decode_prefix},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "qcow", magics: &[Magic::start(b"QFI\xfb")], carve: true, open };

/// Largest disk that is believed.
const SIZE_MAX: u64 = 1 << 60;
/// Longest name of a backing file.
const NAME_BYTES_MAX: u64 = 1023;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read_up_to(0, 512)?;
    match View(&head).u32(4, Big)? {
        1 => version1::open(&candidate.extent, View(&head)),
        2 | 3 => version2::open(&candidate.extent, View(&head)),
        _ => Err(NotThis),
    }
}

/// The name of the backing file; empty where there is none.
fn backing_file(image: &Extent, head: View<'_>) -> Result<String, Fault> {
    let (place, length) = (head.u64(8, Big)?, u64::from(head.u32(16, Big)?));
    if place == 0 || length == 0 {
        return Ok(String::new());
    }
    if length > NAME_BYTES_MAX {
        return Err(Fault::new(16, "read the backing file's name", format!("{length} bytes")));
    }
    Ok(String::from_utf8_lossy(&image.read(place, length)?).into_owned())
}

/// A recognised disk whose content cannot be read.
fn unread(image: &Extent, attributes: Vec<(&'static str, String)>, reason: &str) -> Opened {
    Opened { length: image.len(), attributes, unread: Some(reason.to_owned()), ..Opened::default() }
}

/// A disk that was put together.
fn opened(
    attributes: Vec<(&'static str, String)>,
    disk: Assembled,
    backing: &str,
    mut faults: Vec<Fault>,
) -> Opened {
    faults.extend(disk.faults);
    faults.extend(super::assembly::parent_fault(disk.elsewhere, &format!("{backing:?}")));
    Opened {
        length: disk.end,
        attributes,
        entries: vec![Entry::part("disk", disk.content)],
        faults,
        unread: None,
    }
}

/// A packed cluster that is unpacked when read.
struct Packed {
    source: Extent,
    codec: BlockCodec,
    length: usize,
}

impl Derive for Packed {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        sink.push(&decode_prefix(self.codec, &self.source.read_all()?, self.length)?)
    }

    fn input_bytes(&self) -> u64 {
        self.source.weight()
    }
}

/// A packed cluster; its packed bytes may be told longer than they are, up to the image's end.
fn packed(
    image: &Extent,
    place: u64,
    length: u64,
    codec: BlockCodec,
    cluster_bytes: u64,
) -> Extent {
    let source = image.clamp(place, length);
    let length = usize::try_from(cluster_bytes).unwrap_or(0);
    Extent::derived(image.vault(), cluster_bytes, Packed { source, codec, length })
}
