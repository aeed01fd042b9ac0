//! Variables as AMI's firmware keeps them (`NVAR`, as UEFITool's `nvram.h` describes it): entries with a name
//! and a GUID, or a number that means one of those at the end of the store.
//!
//! Each valid entry with a name is a part; entries of data alone belong to one before them.

use crate::{
    Endian::Little,
    Entry, Extent, Reading, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{guid::guid, layout::sanitize},
};

pub(crate) static FORMAT: Format =
    Format { name: "ami-variables", magics: &[Magic::start(b"NVAR")], carve: true, open };

const HEADER_BYTES: u64 = 10;
const ENTRIES_MAX: usize = 65_536;
const GUID_BYTES: u64 = 16;
/// Flags of an entry.
const ASCII_NAME: u8 = 0x02;
const OWN_GUID: u8 = 0x04;
const DATA_ONLY: u8 = 0x08;
const VALID: u8 = 0x80;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let (mut at, mut entries, mut count, mut highest) = (0, Vec::new(), 0, None);
    let mut pending = Vec::new();
    while count < ENTRIES_MAX {
        let Ok(head) = extent.read(at, HEADER_BYTES) else { break };
        let view = View(&head);
        let size = u64::from(view.u16(4, Little)?);
        let flags = view.u8(9)?;
        if view.bytes(0, 4)? != b"NVAR" || size < HEADER_BYTES || at + size > extent.len() {
            break;
        }
        let body = extent.clamp(at + HEADER_BYTES, size - HEADER_BYTES);
        if flags & VALID != 0 && flags & DATA_ONLY == 0 {
            let variable = variable(&body, flags).ok_or(NotThis)?;
            highest = highest.max(variable.number);
            pending.push(variable);
        }
        count += 1;
        at += size;
    }
    if count == 0 || pending.is_empty() {
        return Err(NotThis);
    }
    // The list of GUIDs grows down from the end, with erased flash between it and the entries.
    let guids = highest.map_or(0, |highest| (u64::from(highest) + 1) * GUID_BYTES);
    let gap = extent.len().saturating_sub(guids);
    let between = extent.clamp(at, gap.saturating_sub(at));
    let erased = between.read_up_to(0, 1 << 20).is_ok_and(|bytes| bytes.iter().all(|&b| b == 0xff));
    let whole = guids > 0 && gap >= at && erased && between.len() <= 1 << 20;
    for variable in pending {
        let name = variable.number.filter(|_| whole).and_then(|number| {
            let place = extent.len() - (u64::from(number) + 1) * GUID_BYTES;
            let bytes = extent.read(place, GUID_BYTES).ok()?;
            Some(guid(&View(&bytes).array(0).ok()?))
        });
        let vendor = name.or(variable.vendor).unwrap_or_else(|| "unknown".to_owned());
        let path = sanitize(&format!("{}-{vendor}", variable.name));
        let mut entry = Entry::part(path.into_bytes(), variable.data);
        entry.reading = Reading::Leaf;
        entries.push(entry);
    }
    let attributes = vec![("variables", entries.len().to_string()), ("entries", count.to_string())];
    let length = if whole { extent.len() } else { at };
    Ok(Opened { length, attributes, entries, ..Opened::default() })
}

struct Variable {
    name: String,
    /// Number of its GUID, counted from the end of the store.
    number: Option<u8>,
    vendor: Option<String>,
    data: Extent,
}

/// A GUID or its number, a name, and the data.
fn variable(body: &Extent, flags: u8) -> Option<Variable> {
    let head = body.read_up_to(0, 512).ok()?;
    let view = View(&head);
    let (number, vendor, start) = if flags & OWN_GUID != 0 {
        (None, Some(guid(&view.array(0).ok()?)), 16)
    } else {
        (Some(view.u8(0).ok()?), None, 1)
    };
    let text = head.get(start..)?;
    let (name, bytes) = if flags & ASCII_NAME != 0 {
        let end = text.iter().position(|&byte| byte == 0)?;
        (String::from_utf8_lossy(text.get(..end)?).into_owned(), end + 1)
    } else {
        let units = text.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
        let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
        (String::from_utf16_lossy(&units), units.len() * 2 + 2)
    };
    let printable = !name.is_empty() && name.chars().all(|c| !c.is_control());
    let data = body.from(u64::try_from(start + bytes).ok()?);
    printable.then_some(Variable { name, number, vendor, data })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn entry(flags: u8, body: &[u8]) -> Vec<u8> {
        let size = u16::try_from(10 + body.len()).unwrap();
        [b"NVAR", &size.to_le_bytes()[..], &[0xff, 0xff, 0xff, flags], body].concat()
    }

    fn store() -> Vec<u8> {
        let own = [&[0x22; 16][..], b"O\0w\0n\0\0\0", b"value"].concat();
        let mut bytes = [
            entry(0x83, b"\x01Setup\0data"),
            entry(0x84, &own),
            entry(0x88, b"more data"),
            entry(0x03, b"\0Deleted\0gone"),
        ]
        .concat();
        bytes.resize(300, 0xff);
        bytes.extend([[0x55; 16], [0x66; 16]].concat());
        bytes
    }

    #[test]
    fn variables_have_their_names_and_guids() {
        let tree = Tree::from_bytes(store(), &Limits::default());
        let found = locators(&tree);
        for name in [
            "Setup-55555555-5555-5555-5555-555555555555",
            "Own-22222222-2222-2222-2222-222222222222",
        ] {
            assert!(found.contains(&format!("image@0x0/ami-variables:/{name}")), "{found:?}");
        }
        assert_eq!(attribute(&tree, "ami-variables", "entries").unwrap(), "4");
        assert_eq!(tree.coverage().bytes_read, store().len() as u64);
        check(&store(), 60);
    }
}
