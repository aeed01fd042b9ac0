//! The environment that U-Boot keeps in flash (`include/env_internal.h`): a CRC-32, a flag byte where
//! there are two copies, then `name=value` strings, each with its NUL, an empty one, and filling.
//!
//! The checksum covers the filling, and no field tells the size: it is the size at which the
//! checksum holds. Without that, strings are no environment.

use memchr::memmem;

use crate::{
    Endian::{Big, Little},
    Entry, Extent, Reading, View,
    checksum::Crc32,
    format::Opened,
    probe::{Found, Probe, Region},
};

pub(crate) static PROBE: Probe = Probe { name: "uboot-env", find };

/// Sizes are sectors of flash, or parts of one.
const SIZE_STEP: usize = 256;
const SIZE_MAX: usize = 512 << 10;
/// One of these variables is in every environment.
const VARIABLES: &[&[u8]] = &[b"bootcmd=", b"bootdelay=", b"baudrate=", b"ethaddr="];
/// Environments looked for in one region: two copies, and some of other boards.
const FOUND_MAX: usize = 16;
/// Places tried in one region, for bytes that are full of such strings.
const TRIES_MAX: usize = 32;
/// The checksum and the flag byte.
const HEADER_BYTES_MAX: usize = 5;

fn find(region: &Region) -> Vec<Found> {
    let Ok(bytes) = region.room.read_all() else { return Vec::new() };
    let (mut found, mut position, mut tries) = (Vec::new(), 0, 0);
    while found.len() < FOUND_MAX && tries < TRIES_MAX {
        let rest = bytes.get(position..).unwrap_or_default();
        let next = VARIABLES.iter().filter_map(|name| memmem::find(rest, name)).min();
        let Some(at) = next.map(|next| position + next) else { break };
        tries += 1;
        let first = first_string(&bytes, position, at);
        let starts =
            first.saturating_sub(HEADER_BYTES_MAX).max(position)..=first + HEADER_BYTES_MAX;
        let opened = starts.into_iter().find_map(|start| {
            let headers = [(HEADER_BYTES_MAX - 1, false), (HEADER_BYTES_MAX, true)];
            let opened = headers.into_iter().find_map(|(header_bytes, redundant)| {
                open(&region.room, &bytes, start, header_bytes, redundant)
            });
            Some((start, opened?))
        });
        match opened {
            Some((start, opened)) => {
                position = start + usize::try_from(opened.length).unwrap_or(usize::MAX);
                found.push(Found { offset: u64::try_from(start).unwrap_or(u64::MAX), opened });
            }
            None => position = at + 1,
        }
    }
    found
}

/// The start of the first string of the list around `at`. The header in front of it may hold NULs,
/// or letters that look like its beginning: it starts at most a header away from here.
fn first_string(bytes: &[u8], floor: usize, at: usize) -> usize {
    let text_start = |end: usize| {
        let head = bytes.get(floor..end).unwrap_or_default();
        let before = head.iter().rposition(|byte| !(0x09..0x7f).contains(byte));
        before.map_or(floor, |before| floor + before + 1)
    };
    // The name may stand inside the value of another variable.
    let mut start = text_start(at);
    while start > floor && bytes.get(start - 1) == Some(&0) {
        let from = text_start(start - 1);
        if !bytes.get(from..start - 1).unwrap_or_default().contains(&b'=') {
            break;
        }
        start = from;
    }
    start
}

fn open(
    room: &Extent,
    bytes: &[u8],
    start: usize,
    header_bytes: usize,
    redundant: bool,
) -> Option<Opened> {
    let view = View(bytes.get(start..)?);
    if !view.u8(header_bytes).ok()?.is_ascii_alphanumeric() {
        return None;
    }
    let stored = [view.u32(0, Little).ok()?, view.u32(0, Big).ok()?];
    let (size, endian) = size_of(view.0, header_bytes, stored)?;
    let strings = view.bytes(header_bytes, size - header_bytes).ok()?;
    let end = memmem::find(strings, b"\0\0").map_or(strings.len(), |end| end + 1);
    let count = memchr::memchr_iter(0, strings.get(..end)?).count();
    let mut attributes = vec![("byte-order", endian.to_owned()), ("variables", count.to_string())];
    if redundant {
        attributes.push(("flag", view.u8(4).ok()?.to_string()));
    }
    let offset = u64::try_from(start + header_bytes).ok()?;
    let mut list = Entry::payload(room.slice(offset, u64::try_from(end).ok()?)?);
    list.reading = Reading::Leaf;
    let length = u64::try_from(size).ok()?;
    Some(Opened { length, attributes, entries: vec![list], ..Opened::default() })
}

/// The size at which the checksum holds, and the byte order in which it does.
fn size_of(bytes: &[u8], header_bytes: usize, stored: [u32; 2]) -> Option<(usize, &'static str)> {
    let mut crc = Crc32::default();
    let mut position = header_bytes;
    for size in (SIZE_STEP..=SIZE_MAX.min(bytes.len())).step_by(SIZE_STEP) {
        crc.update(bytes.get(position..size)?);
        position = size;
        let order = ["little", "big"];
        let hit = stored.iter().position(|&stored| stored == crc.value());
        if let Some(&order) = hit.and_then(|hit| order.get(hit)) {
            return Some((size, order));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::uboot::environment;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    const VARIABLES: &[(&str, &str)] =
        &[("a_first", "set bootcmd=1"), ("bootcmd", "bootm 0x100"), ("bootdelay", "3"), ("x", "")];

    #[test]
    fn copies_are_found_where_their_checksum_holds() {
        let mut bytes = b"code\xff".to_vec();
        bytes.resize(0x1000, 0xff);
        bytes.extend(environment(VARIABLES, 0x2000, true));
        bytes.extend(environment(VARIABLES, 0x2000, true));
        bytes.extend(b"more code");
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let found = locators(&tree);
        for wanted in ["image@0x1000/uboot-env", "image@0x3000/uboot-env", "image@0x5000"] {
            assert!(found.contains(&wanted.to_owned()), "{found:?}");
        }
        assert_eq!(attribute(&tree, "uboot-env", "variables").unwrap(), "4");
        assert_eq!(attribute(&tree, "uboot-env", "flag").unwrap(), "1");
        let (list, _) = tree.resolve(&"image@0x1000/uboot-env".parse().unwrap()).unwrap();
        assert!(tree.bytes(list).unwrap().starts_with(b"a_first=set bootcmd=1\0bootcmd="));
        bytes[0x1fff] ^= 1;
        bytes[0x3fff] ^= 1;
        let damaged = Tree::from_bytes(bytes, &Limits::default());
        assert!(!locators(&damaged).iter().any(|locator| locator.contains("uboot-env")));
    }

    #[test]
    fn one_copy_without_a_flag() {
        let tree = Tree::from_bytes(environment(VARIABLES, 0x800, false), &Limits::default());
        assert_eq!(tree.coverage().bytes_read, 0x800);
        assert_eq!(attribute(&tree, "uboot-env", "flag"), None);
    }

    #[test]
    fn damage_does_no_harm() {
        check(&environment(VARIABLES, 512, true), 40);
    }
}
