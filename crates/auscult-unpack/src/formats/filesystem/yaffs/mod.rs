//! YAFFS1 and YAFFS2, file systems of raw NAND flash, in both byte orders (`yaffs_guts.h`,
//! `yaffs_packedtags2.c` of the YAFFS sources).
//!
//! A log of chunks, each a page with tags that tell whose part it is. Neither the layout of pages
//! and spare bytes nor the end is written anywhere; both are found from the tags. The newest chunk
//! of each part counts, deleted objects stay deleted. Checkpoints and block summaries, which only
//! speed up mounting, are not needed, and the codes that correct flipped bits are not applied.
//! Where the spare bytes were left out, the order in which tools write files has to do.

mod geometry;
mod header;
mod objects;
mod scan;
mod tags;
#[cfg(test)]
mod tests;
mod walk;

use self::{
    geometry::{Geometry, Tagging},
    header::{HEADER_BYTES, Header, ROOT},
    objects::Objects,
    walk::Reader,
};
use crate::{
    Endian,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::walk::walk,
};

pub(crate) static FORMAT: Format = Format {
    name: "yaffs",
    // Type, the root directory as parent, and the checksum that is no longer used: the header of a
    // file, link, directory or device, in both byte orders.
    magics: &[
        Magic::start(b"\x01\0\0\0\x01\0\0\0\xff\xff"),
        Magic::start(b"\x02\0\0\0\x01\0\0\0\xff\xff"),
        Magic::start(b"\x03\0\0\0\x01\0\0\0\xff\xff"),
        Magic::start(b"\x05\0\0\0\x01\0\0\0\xff\xff"),
        Magic::start(b"\0\0\0\x01\0\0\0\x01\xff\xff"),
        Magic::start(b"\0\0\0\x02\0\0\0\x01\xff\xff"),
        Magic::start(b"\0\0\0\x03\0\0\0\x01\xff\xff"),
        Magic::start(b"\0\0\0\x05\0\0\0\x01\xff\xff"),
    ],
    carve: true,
    open,
};

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let image = &candidate.extent;
    let head = image.read(0, HEADER_BYTES)?;
    let endian = if head.starts_with(&[0]) { Endian::Big } else { Endian::Little };
    Header::parse(&head, endian).ok_or(NotThis)?;
    let geometry = geometry::find(image, endian).ok_or(NotThis)?;
    let scan = scan::scan(image, &geometry);
    let length = scan.end;
    let mut attributes = attributes(geometry);
    attributes.push(("chunks", scan.chunks.len().to_string()));
    let objects = Objects::new(image, &geometry, scan.chunks);
    let mut faults = scan.faults;
    let (entries, more) = walk(image, &mut Reader { image, geometry, objects }, ROOT);
    faults.extend(more);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

fn attributes(geometry: Geometry) -> Vec<(&'static str, String)> {
    let Geometry { endian, data_bytes, stride, tagging } = geometry;
    let spare_bytes = stride - data_bytes;
    let (version, page_bytes, tags) = match tagging {
        Tagging::One => ("1", data_bytes, "in the spare bytes".to_owned()),
        Tagging::Two { offset } => ("2", data_bytes, format!("at {offset} of the spare bytes")),
        Tagging::InBand => ("2", stride, "in the page".to_owned()),
        Tagging::Lost => ("unknown", data_bytes, "left out with the spare bytes".to_owned()),
    };
    let spare_bytes = if tagging == Tagging::InBand { 0 } else { spare_bytes };
    vec![
        ("version", version.to_owned()),
        ("byte-order", if endian == Endian::Big { "big" } else { "little" }.to_owned()),
        ("page-size", page_bytes.to_string()),
        ("spare-size", spare_bytes.to_string()),
        ("tags", tags),
    ]
}
