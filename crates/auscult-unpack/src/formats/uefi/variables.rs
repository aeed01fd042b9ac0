//! Stores of UEFI variables in flash: those of EDK II (`VariableFormat.h`, plain and authenticated, and the
//! older `$VSS`), and the blocks with which it survives a loss of power while it writes.
//!
//! Each valid variable is a part `NAME-GUID`; those that were deleted are counted.

use crate::{
    Endian::Little,
    Entry, Extent, Reading, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{guid::guid, layout::sanitize},
};

use super::section::text;

pub(crate) static STORE: Format = Format {
    name: "uefi-variables",
    magics: &[Magic::start(&PLAIN), Magic::start(&AUTHENTICATED), Magic::start(b"$VSS")],
    carve: true,
    open,
};

pub(crate) static WORKING_BLOCK: Format = Format {
    name: "uefi-working-block",
    magics: &[Magic::start(&WORKING), Magic::start(&WORKING_OLD)],
    carve: true,
    open: open_working_block,
};

/// `EFI_VARIABLE_GUID` ddcf3616-3275-4164-98b6-fe85707ffe7d.
const PLAIN: [u8; 16] = [
    0x16, 0x36, 0xcf, 0xdd, 0x75, 0x32, 0x64, 0x41, 0x98, 0xb6, 0xfe, 0x85, 0x70, 0x7f, 0xfe, 0x7d,
];
/// `EFI_AUTHENTICATED_VARIABLE_GUID` aaf32c78-947b-439a-a180-2e144ec37792.
const AUTHENTICATED: [u8; 16] = [
    0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92,
];
/// `EDKII_WORKING_BLOCK_SIGNATURE_GUID` 9e58292b-7c68-497d-a0ce-6500fd9f1b95, and the one before it.
const WORKING: [u8; 16] = [
    0x2b, 0x29, 0x58, 0x9e, 0x68, 0x7c, 0x7d, 0x49, 0xa0, 0xce, 0x65, 0x00, 0xfd, 0x9f, 0x1b, 0x95,
];
const WORKING_OLD: [u8; 16] = [
    0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50,
];

const STORE_BYTES: std::ops::RangeInclusive<u64> = 64..=(16 << 20);
const FORMATTED: u8 = 0x5a;
const HEALTHY: u8 = 0xfe;
const START: u16 = 0x55aa;
/// State bits fall: 7f while the header is there, 3f once the data is.
const STATE_ADDED: u8 = 0x3f;
const HEADER_BYTES: u64 = 32;
/// With a counter, a date and the place of a key.
const LONG_HEADER_BYTES: u64 = 60;
const VARIABLES_MAX: usize = 65_536;

struct Store {
    header_bytes: u64,
    length: u64,
    long: bool,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let store = store(extent)?;
    let content = extent.clamp(0, store.length);
    let (mut entries, mut at, mut deleted) = (Vec::new(), store.header_bytes, 0_usize);
    while entries.len() + deleted < VARIABLES_MAX {
        let Some(variable) = variable(&content, at, store.long) else { break };
        match variable.entry {
            Some(entry) => entries.push(entry),
            None => deleted += 1,
        }
        at = variable.end;
    }
    let rest = content.from(at);
    let unused = rest.read_all().is_ok_and(|bytes| bytes.iter().all(|&byte| byte == 0xff));
    if !unused && !rest.is_empty() {
        entries.push(Entry::part(&b"rest"[..], rest));
    }
    let attributes = vec![
        ("authenticated", store.long.to_string()),
        (
            "variables",
            entries.iter().filter(|one| one.reading == Reading::Leaf).count().to_string(),
        ),
        ("deleted", deleted.to_string()),
    ];
    Ok(Opened { length: store.length, attributes, entries, ..Opened::default() })
}

/// The store's header: a GUID or `$VSS`, its size, that it is formatted and healthy.
fn store(extent: &Extent) -> Result<Store, NotThis> {
    let head = extent.read(0, 28)?;
    let view = View(&head);
    let old = view.bytes(0, 4)? == b"$VSS";
    let (size_at, header_bytes) = if old { (4, 16) } else { (16, 28) };
    let length = u64::from(view.u32(size_at, Little)?);
    let sound = view.u8(size_at + 4)? == FORMATTED && view.u8(size_at + 5)? == HEALTHY;
    if !sound || !STORE_BYTES.contains(&length) {
        return Err(NotThis);
    }
    // Old stores do not say which kind they are: the size of the first name tells.
    let long = if old {
        let first = extent.read_up_to(header_bytes, LONG_HEADER_BYTES)?;
        sizes(View(&first), false)
            .is_none_or(|(name, _)| !(2..=1024).contains(&name) || name % 2 == 1)
            && sizes(View(&first), true).is_some()
    } else {
        head.starts_with(&AUTHENTICATED)
    };
    Ok(Store { header_bytes, length, long })
}

/// Sizes of the name and of the data.
fn sizes(view: View<'_>, long: bool) -> Option<(u64, u64)> {
    let at = if long { 36 } else { 8 };
    let word = |at| view.u32(at, Little).ok().map(u64::from);
    Some((word(at)?, word(at + 4)?))
}

struct Variable {
    entry: Option<Entry>,
    end: u64,
}

fn variable(content: &Extent, at: u64, long: bool) -> Option<Variable> {
    let header_bytes = if long { LONG_HEADER_BYTES } else { HEADER_BYTES };
    let head = content.read(at, header_bytes).ok()?;
    let view = View(&head);
    if view.u16(0, Little).ok()? != START {
        return None;
    }
    let state = view.u8(2).ok()?;
    let (name_bytes, data_bytes) = sizes(view, long)?;
    let data_at = (at + header_bytes).checked_add(name_bytes)?;
    let data = content.slice(data_at, data_bytes)?;
    let vendor = guid(&view.array(usize::try_from(header_bytes - 16).ok()?).ok()?);
    let name = text(&content.clamp(at + header_bytes, name_bytes)).unwrap_or_default();
    let end = (data_at + data_bytes).next_multiple_of(4);
    let entry = (state == STATE_ADDED).then(|| {
        let mut entry = Entry::part(sanitize(&format!("{name}-{vendor}")).into_bytes(), data);
        entry.reading = Reading::Leaf;
        entry
    });
    Some(Variable { entry, end })
}

/// A GUID, a checksum, states, and the size of the queue of writes behind it.
fn open_working_block(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 32)?;
    let queue = View(&head).u64(24, Little)?;
    let length = queue.checked_add(32).filter(|length| *length <= 1 << 20).ok_or(NotThis)?;
    Ok(Opened { length, ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn variable(state: u8, name: &str, data: &[u8], long: bool) -> Vec<u8> {
        let name: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let mut bytes = vec![0xaa, 0x55, state, 0, 7, 0, 0, 0];
        bytes.resize(if long { 36 } else { 8 }, 0);
        bytes.extend(u32::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        bytes.extend([0x11; 16]);
        bytes.extend(name);
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(4), 0xff);
        bytes
    }

    fn store(magic: &[u8], long: bool) -> Vec<u8> {
        let mut bytes = magic.to_vec();
        bytes.extend(512_u32.to_le_bytes());
        bytes.extend([0x5a, 0xfe]);
        bytes.resize(magic.len() + 12, 0);
        bytes.extend(variable(0x3f, "BootOrder", &[1, 0], long));
        bytes.extend(variable(0x3c, "Old", &[9; 5], long));
        bytes.extend(variable(0x3f, "Lang", b"eng", long));
        bytes.resize(512, 0xff);
        bytes
    }

    #[test]
    fn variables_of_every_kind_of_store() {
        let kinds: [(&[u8], bool); 4] = [
            (&super::PLAIN, false),
            (&super::AUTHENTICATED, true),
            (b"$VSS", false),
            (b"$VSS", true),
        ];
        for (magic, long) in kinds {
            let bytes = store(magic, long);
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let told = |key| attribute(&tree, "uefi-variables", key).unwrap();
            assert_eq!((told("variables"), told("deleted")), ("2".into(), "1".into()));
            assert_eq!(told("authenticated"), long.to_string());
            let path = "Lang-11111111-1111-1111-1111-111111111111";
            let part = format!("image@0x0/uefi-variables:/{path}").parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&part).unwrap().0).unwrap(), "eng");
            check(&bytes[..300], 60);
        }
    }

    #[test]
    fn a_working_block_is_passed_over() {
        let mut bytes = super::WORKING.to_vec();
        bytes.extend([1, 2, 3, 4, 0xfe, 0xff, 0xff, 0xff]);
        bytes.extend(100_u64.to_le_bytes());
        bytes.resize(132, 0xff);
        bytes.extend(b"behind");
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(locators(&tree).contains(&"image@0x84".to_owned()), "{:?}", locators(&tree));
    }
}
