//! Archives that are recognised but not unpacked: ACE (listed, stored members read), StuffIt, and the
//! cabinets of InstallShield.
//!
//! ACE and StuffIt were never described by their makers.

use super::dos_word;
use crate::{
    Endian::{Big, Little},
    Entry, EntryKind, Extent, Fault, Metadata, View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::gathering::Gathering,
};

pub(crate) static ACE: Format =
    Format { name: "ace", magics: &[Magic::at(7, b"**ACE**")], carve: true, open: open_ace };

pub(crate) static STUFFIT: Format = Format {
    name: "stuffit",
    magics: &[
        Magic::at(10, b"rLau"),
        Magic::start(b"StuffIt (c)1997-"),
        Magic::start(b"StuffIt!"),
        Magic::start(b"StuffIt?"),
    ],
    carve: true,
    open: open_stuffit,
};

pub(crate) static INSTALL_SHIELD: Format = Format {
    name: "installshield",
    magics: &[Magic::start(b"ISc(")],
    carve: false,
    open: open_install_shield,
};

/// Types of headers of ACE, and their flags: more bytes behind, encrypted.
const ACE_ARCHIVE: u8 = 0;
const ACE_FILE: u8 = 1;
const ACE_HAS_DATA: u16 = 1;
const ACE_ENCRYPTED: u16 = 0x4000;
const ACE_CONTINUED: u16 = 0x1000 | 0x2000;

/// A header of ACE: checksum, size, type, flags.
fn ace_header(extent: &Extent, at: u64) -> Result<(u8, u16, bytes::Bytes), Fault> {
    let fault = |why: &str| Fault::new(at, "read an ace header", why);
    let head = extent.read(at, 4)?;
    let (sum, size) = (View(&head).u16(0, Little)?, View(&head).u16(2, Little)?);
    if size < 7 {
        return Err(fault("an impossible size"));
    }
    let bytes = extent.read(at + 4, u64::from(size))?;
    // The lower half of the inverted CRC-32.
    let [low, high, ..] = (!Crc32::of(&bytes)).to_le_bytes();
    if !agrees(sum, u16::from_le_bytes([low, high])) {
        return Err(fault("its checksum is wrong"));
    }
    let view = View(&bytes);
    Ok((view.u8(0)?, view.u16(1, Little)?, bytes))
}

fn open_ace(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let (kind, flags, main) = ace_header(extent, 0)?;
    if kind != ACE_ARCHIVE {
        return Err(NotThis);
    }
    let view = View(&main);
    let mut opened = Opened::default();
    opened.attributes.push(("version", format!("{}.{}", view.u8(11)? / 10, view.u8(11)? % 10)));
    if flags & 0x8000 != 0 {
        opened.attributes.push(("solid", "true".to_owned()));
    }
    let mut gathering = Gathering::new(extent);
    let mut at = 4 + u64::try_from(main.len()).unwrap_or(0);
    while at < extent.len() && !gathering.is_full() {
        // Nothing marks the end.
        let Ok((kind, flags, header)) = ace_header(extent, at) else { break };
        let start = at + 4 + u64::try_from(header.len()).unwrap_or(0);
        let view = View(&header);
        let more = if flags & ACE_HAS_DATA != 0 { u64::from(view.u32(3, Little)?) } else { 0 };
        if kind == ACE_FILE {
            match ace_entry(extent, start, more, flags, view) {
                Ok(entry) => gathering.add(entry),
                Err(fault) => gathering.report(fault.within(at), b""),
            }
        }
        at = start.saturating_add(more);
    }
    opened.length = at;
    (opened.entries, opened.faults) = gathering.finish();
    Ok(opened)
}

fn ace_entry(
    extent: &Extent,
    start: u64,
    packed: u64,
    flags: u16,
    view: View<'_>,
) -> Result<Entry, Fault> {
    let attributes = view.u32(15, Little)?;
    let method = view.u8(23)?;
    let mut name = view.bytes(31, usize::from(view.u16(29, Little)?))?.to_vec();
    name.iter_mut().filter(|byte| **byte == b'\\').for_each(|byte| *byte = b'/');
    let modified = dos_word(view.u32(11, Little)?);
    let metadata = Metadata { modified, ..Metadata::default() };
    let bare = Entry::member(name, EntryKind::File, metadata);
    if attributes & 0x10 != 0 {
        return Ok(Entry { kind: EntryKind::Directory, ..bare });
    }
    Ok(match method {
        _ if flags & ACE_ENCRYPTED != 0 => bare.unreadable(packed, "encrypted"),
        _ if flags & ACE_CONTINUED != 0 => {
            bare.unreadable(packed, "not extracted: it goes on in another volume")
        }
        0 => bare.with_content(extent.clamp(start, packed)),
        _ => bare.unreadable(packed, format!("not extracted: ace compression {method}")),
    })
}

/// The four generations of StuffIt: those before 1997 and of 1997 tell their size, StuffIt X does not.
fn open_stuffit(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 96)?;
    let view = View(&head);
    let (length, variant) = match head.get(..8) {
        Some(b"StuffIt!" | b"StuffIt?") if candidate.offset == 0 => (candidate.extent.len(), "X"),
        Some(b"StuffIt ") => (u64::from(view.u32(84, Big)?), "5"),
        Some([b'S', b'I' | b'T', b'T' | b'0'..=b'9', b'!' | b'0'..=b'9', ..]) => {
            (u64::from(view.u32(6, Big)?), "1.5 to 4.5")
        }
        _ => return Err(NotThis),
    };
    if length < 22 || length > candidate.extent.len().saturating_mul(16) {
        return Err(NotThis);
    }
    let attributes = vec![("version", variant.to_owned())];
    let unread = Some("not extracted: StuffIt".to_owned());
    Ok(Opened { length, attributes, unread, ..Opened::default() })
}

/// Mark, version, and where the descriptor is.
fn open_install_shield(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 20)?;
    let view = View(&head);
    let word = view.u32(4, Little)?;
    let major = match word >> 24 {
        1 => word >> 12 & 15,
        2 | 4 => (word & 0xffff) / 100,
        _ => return Err(NotThis),
    };
    let (descriptor, size) = (view.u32(12, Little)?, view.u32(16, Little)?);
    let header = size > 0;
    if !(3..40).contains(&major) || header && descriptor < 20 {
        return Err(NotThis);
    }
    let attributes = vec![
        ("version", major.to_string()),
        ("type", if header { "header" } else { "data" }.to_owned()),
    ];
    let unread = Some("not extracted: InstallShield cabinet".to_owned());
    Ok(Opened { length: candidate.extent.len(), attributes, unread, ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        checksum::Crc32,
        formats::testing::{
            hostile::{self, attribute},
            reference::container,
        },
    };

    fn ace_header(body: &[u8]) -> Vec<u8> {
        let size = u16::try_from(body.len()).unwrap().to_le_bytes();
        let sum = (!Crc32::of(body)).to_le_bytes();
        [&sum[..2], &size, body].concat()
    }

    fn ace_file(name: &[u8], method: u8, flags: u16, data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap().to_le_bytes();
        let body = [
            &[1][..],
            &(flags | 1).to_le_bytes(),
            &length,
            &length,
            &0x5c5c_7d5d_u32.to_le_bytes(),
            &0x20_u32.to_le_bytes(),
            &[0; 4],
            &[method, 3, 10, 0, 0, 0],
            &u16::try_from(name.len()).unwrap().to_le_bytes(),
            name,
        ];
        [ace_header(&body.concat()), data.to_vec()].concat()
    }

    fn ace() -> Vec<u8> {
        let main = [&[0, 0, 0][..], b"**ACE**", &[20, 20, 2, 0], &[0; 12], &[0]].concat();
        [
            ace_header(&main),
            ace_file(b"dir\\stored", 0, 0, b"stored text"),
            ace_file(b"packed", 1, 0, b"????"),
            ace_file(b"secret", 1, 0x4000, b"!!"),
        ]
        .concat()
    }

    #[test]
    fn members_of_ace_are_listed() {
        let tree =
            Tree::from_bytes([b"x".to_vec(), ace(), b"tail".to_vec()].concat(), &Limits::default());
        let inside = container(&tree, "ace");
        let stored = tree.member(inside, b"/dir/stored").unwrap();
        assert_eq!(tree.bytes(stored).unwrap(), "stored text");
        let reason = |path: &[u8]| {
            tree.node(tree.member(inside, path).unwrap()).unread.as_ref().unwrap().reason.clone()
        };
        assert_eq!(reason(b"/packed"), "not extracted: ace compression 1");
        assert_eq!(reason(b"/secret"), "encrypted");
        assert_eq!(tree.coverage().bytes_unread, 1 + 4 + 4 + 2);
        hostile::check(&ace(), 120);
    }

    #[test]
    fn others_are_named_and_unread() {
        let mut old = b"SIT!\0\x01\0\0\0\x40rLau".to_vec();
        old.resize(100, 1);
        let mut install = b"ISc(\x0c\x70\0\x01\0\0\0\0\0\x02\0\0\x10\0\0\0".to_vec();
        install.resize(90, 1);
        let mut x = b"StuffIt!".to_vec();
        x.resize(120, 3);
        for (bytes, format, unread) in
            [(old, "stuffit", 100), (install, "installshield", 90), (x, "stuffit", 120)]
        {
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            assert!(attribute(&tree, format, "version").is_some(), "{format}");
            assert_eq!(tree.coverage().bytes_unread, unread, "{format}");
            hostile::check(&bytes, 30);
        }
    }
}
