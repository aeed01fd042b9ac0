//! gzip streams (RFC 1952), members concatenated or not.
//!
//! The payload's length is not trusted from the trailer: it is what the stream decodes to.

use crate::{
    Extent,
    codec::{self, Codec, gzip::HEADER_BYTES_MAX, gzip::Header},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::date,
};

pub(crate) static FORMAT: Format = Format {
    name: "gzip",
    // ID1, ID2 and CM = 8, the only compression method (section 2.3.1).
    magics: &[Magic::start(&[0x1f, 0x8b, 0x08])],
    carve: true,
    open,
};

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let header = header_at(&candidate.extent).ok_or(NotThis)?;
    let payload = codec::payload(Codec::Gzip, &candidate.extent, continues);
    // A magic of three bytes occurs by chance: only a stream without a fault may have a header
    // that no packer writes.
    if payload.fault.is_some() && (payload.extent.is_empty() || !header.usual) {
        return Err(NotThis);
    }
    Ok(payload.opened(attributes(&header)))
}

/// Reads the header at the start of these bytes, if there is one.
fn header_at(extent: &Extent) -> Option<Header> {
    let parse = |length| Header::parse(&extent.read_up_to(0, length).ok()?).ok();
    parse(512).or_else(|| parse(HEADER_BYTES_MAX))
}

/// Whether another member of the same file follows. One with a name of its own is another file.
fn continues(rest: &Extent) -> bool {
    let there = rest.read_up_to(0, 3).is_ok_and(|head| *head == [0x1f, 0x8b, 8]);
    there && header_at(rest).is_some_and(|header| header.usual && header.name.is_none())
}

fn attributes(header: &Header) -> Vec<(&'static str, String)> {
    let mut attributes = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if let Some(name) = &header.name {
        attributes.push(("name", text(name)));
    }
    if let Some(comment) = &header.comment {
        attributes.push(("comment", text(comment)));
    }
    if header.modified != 0 {
        attributes.push(("created", date::iso_8601(i64::from(header.modified))));
    }
    let systems = ["FAT", "Amiga", "VMS", "Unix", "VM/CMS", "Atari TOS", "HPFS", "Macintosh"];
    if let Some(system) = systems.get(usize::from(header.system)) {
        attributes.push(("os", (*system).to_owned()));
    }
    attributes
}
