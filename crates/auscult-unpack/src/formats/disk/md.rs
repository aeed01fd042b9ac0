//! Superblocks of Linux MD RAID, of version 0.90 and 1.x (kernel `include/uapi/linux/raid/md_p.h`).
//!
//! A member of a mirror holds the whole array, and so does the only member of anything: it is
//! opened. Of other arrays the members are told; each has only some of the stripes. Where the
//! superblock comes last (0.90 and 1.0), the data in front of it is searched like any other.

use crate::{
    Endian::{self, Big, Little},
    Entry, Extent, Fault, View,
    checksum::agrees,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{date::iso_8601, guid::uuid, layout::Layout, layout::text_of},
};

pub(crate) static FORMAT: Format = Format {
    name: "md-raid",
    magics: &[
        Magic::at(4096, &[0xfc, 0x4e, 0x2b, 0xa9]),
        Magic::start(&[0xfc, 0x4e, 0x2b, 0xa9]),
        Magic::start(&[0xa9, 0x2b, 0x4e, 0xfc]),
    ],
    carve: true,
    open,
};

const MAGIC: u32 = 0xa92b_4efc;
const SECTOR_BYTES: u64 = 512;
/// Place of the superblock of version 1.2.
const PLACE_1_2: u64 = 4096;
/// Bytes of a superblock of version 0.90, and of the room that is kept for it.
const BYTES_0_90: u64 = 4096;
const ROOM_0_90: u64 = 64 << 10;
/// Bytes before the list of devices in version 1, and most of them.
const HEAD_1: usize = 256;
const DEVICES_MAX: u32 = 1920;
/// Levels that are no RAID level.
const LINEAR: i32 = -1;
const MULTIPATH: i32 = -4;

/// What a superblock tells of its array.
struct Array {
    level: i32,
    members: u32,
    attributes: Vec<(&'static str, String)>,
}

impl Array {
    /// Whether one member has all the data.
    fn is_whole(&self) -> bool {
        matches!(self.level, 1 | MULTIPATH) || self.members == 1
    }

    /// Why the data of a member is not that of the array.
    fn reason(&self) -> String {
        format!("a member of {} over {} devices", level_name(self.level), self.members)
    }
}

fn level_name(level: i32) -> String {
    match level {
        LINEAR => "linear".to_owned(),
        MULTIPATH => "multipath".to_owned(),
        level => format!("raid{level}"),
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let image = &candidate.extent;
    for place in [0, PLACE_1_2] {
        let Ok(head) = image.read(place, BYTES_0_90) else { continue };
        let view = View(&head);
        let opened = match (view.u32(0, Little), view.u32(0, Big)) {
            (Ok(MAGIC), _) if view.u32(4, Little)? == 1 => open_1(image, place, view),
            (Ok(MAGIC), _) if place == 0 => open_0_90(view, Little),
            (_, Ok(MAGIC)) if place == 0 => open_0_90(view, Big),
            _ => Err(NotThis),
        };
        if opened.is_ok() {
            return opened;
        }
    }
    Err(NotThis)
}

/// The sum of all 32-bit words but the one of the sum, as both versions have it.
fn sum(bytes: &[u8], field: usize, endian: Endian) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let words = words.iter().enumerate().filter(|(index, _)| index * 4 != field);
    let total = words.fold(0_u64, |sum, (_, word)| {
        let word = match endian {
            Little => u32::from_le_bytes(*word),
            Big => u32::from_be_bytes(*word),
        };
        sum + u64::from(word)
    });
    total + View(rest).u16(0, endian).map_or(0, u64::from)
}

fn fold(sum: u64) -> u32 {
    let low = |part: u64| u32::try_from(part & 0xffff_ffff).unwrap_or(0);
    low(sum).wrapping_add(low(sum >> 32))
}

/// Version 1: the superblock tells where it stands, and so which of three kinds it is.
fn open_1(image: &Extent, place: u64, view: View<'_>) -> Result<Opened, NotThis> {
    let u64_at = |offset| view.u64(offset, Little);
    let devices = view.u32(220, Little)?;
    if devices > DEVICES_MAX {
        return Err(NotThis);
    }
    let length = HEAD_1 + usize::try_from(devices).unwrap_or(0) * 2;
    let computed = fold(sum(view.bytes(0, length)?, 216, Little));
    if !agrees(view.u32(216, Little)?, computed) {
        return Err(NotThis);
    }
    let own = u64_at(144)?.saturating_mul(SECTOR_BYTES);
    let (data, data_bytes) =
        (u64_at(128)?.saturating_mul(SECTOR_BYTES), u64_at(136)?.saturating_mul(SECTOR_BYTES));
    let version = match own {
        0 => "1.1",
        PLACE_1_2 => "1.2",
        _ => "1.0",
    };
    if (version == "1.2") != (place == PLACE_1_2) {
        return Err(NotThis);
    }
    let created = i64::try_from(u64_at(64)? & 0xff_ffff_ffff).unwrap_or(0);
    let array = Array {
        level: view.u32(72, Little)?.cast_signed(),
        members: view.u32(92, Little)?,
        attributes: vec![
            ("version", version.to_owned()),
            ("level", level_name(view.u32(72, Little)?.cast_signed())),
            ("name", text_of(view.text(32, 32)?)),
            ("uuid", uuid(&view.array(16)?)),
            ("devices", view.u32(92, Little)?.to_string()),
            ("device-number", view.u32(160, Little)?.to_string()),
            ("created", iso_8601(created)),
            ("events", u64_at(200)?.to_string()),
        ],
    };
    if version == "1.0" {
        return Ok(behind(array, BYTES_0_90));
    }
    let end = data.saturating_add(data_bytes).min(1 << 60);
    let mut layout = Layout::new(image.clamp(0, end));
    layout.consumed(place, u64::try_from(length).unwrap_or(0).next_multiple_of(SECTOR_BYTES));
    let mut opened = Opened { length: end, ..Opened::default() };
    let content = image.clamp(data, data_bytes);
    let member = if array.is_whole() {
        Entry::part("data", content)
    } else {
        let mut member = Entry::part("data", content.clone());
        // Stripes may still hold whole files of their own, but are not the array.
        member.reading = crate::Reading::Leaf;
        member.unreadable(content.len(), array.reason())
    };
    layout.consumed(data, data_bytes);
    let laid = layout.finish();
    opened.attributes = array.attributes;
    opened.entries = laid.entries;
    opened.entries.push(member);
    opened.faults = laid.faults;
    Ok(opened)
}

/// Version 0.90, in the byte order of the machine that made it.
fn open_0_90(view: View<'_>, endian: Endian) -> Result<Opened, NotThis> {
    let word = |index: usize| view.u32(index * 4, endian);
    let computed = fold(sum(view.0, 152, endian));
    let fits = word(1)? == 0 && word(2)? == 90 && agrees(word(38)?, computed);
    if !fits {
        return Err(NotThis);
    }
    let mut identity = [0; 16];
    for (index, part) in [5, 13, 14, 15].into_iter().enumerate() {
        if let Some(room) = identity.get_mut(index * 4..index * 4 + 4) {
            room.copy_from_slice(&word(part)?.to_be_bytes());
        }
    }
    let level = word(7)?.cast_signed();
    let array = Array {
        level,
        members: word(10)?,
        attributes: vec![
            ("version", "0.90".to_owned()),
            ("level", level_name(level)),
            ("uuid", uuid(&identity)),
            ("devices", word(10)?.to_string()),
            ("created", iso_8601(word(6)?.into())),
        ],
    };
    Ok(behind(array, ROOM_0_90))
}

/// A superblock that stands behind the data, which was searched before it.
fn behind(array: Array, length: u64) -> Opened {
    let mut faults = Vec::new();
    if !array.is_whole() {
        let why = format!("it is {}: only its stripes are here", array.reason());
        faults.push(Fault::new(0, "read the data in front of it", why));
    }
    Opened { length, attributes: array.attributes, faults, ..Opened::default() }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use super::{Little, fold, sum};
    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check, noise},
            reference::container,
        },
    };

    fn version_1(level: u32, own: u64, members: u32) -> Vec<u8> {
        let mut block = Writer::new(Endian::Little);
        block.u32(0xa92b_4efc).u32(1).u32(0).u32(0).fill(7, 16).bytes(b"host:0").fill(0, 26);
        block.u64(1_500_000_000).u32(level).u32(0).u64(2048).u32(128).u32(members);
        block.fill(0, 128 - block.len()).u64(16).u64(2048).u64(own).u64(0).u32(1);
        block.fill(0, 200 - block.len()).u64(17).u64(0).u32(0).u32(4).fill(0, 32);
        block.u16(0).u16(1).u16(0xffff).u16(0xffff);
        let mut block = block.finish();
        let value = fold(sum(&block, 216, Little));
        block[216..220].copy_from_slice(&value.to_le_bytes());
        block
    }

    /// A member of an array of version 1.1 or 1.2.
    fn member(level: u32, own: u64, content: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 8192];
        let block = version_1(level, own, 2);
        let place = usize::try_from(own * 512).unwrap();
        image[place..place + block.len()].copy_from_slice(&block);
        image.extend_from_slice(content);
        image
    }

    #[test]
    fn mirrors_are_opened_and_stripes_are_told() {
        let content = noise(1 << 20);
        for (own, version) in [(0, "1.1"), (8, "1.2")] {
            let tree = Tree::from_bytes(member(1, own, &content), &Limits::default());
            assert_eq!(tree.problems(), []);
            assert_eq!(attribute(&tree, "md-raid", "version").unwrap(), version);
            assert_eq!(attribute(&tree, "md-raid", "name").unwrap(), "host:0");
            let inside = container(&tree, "md-raid");
            let data = tree.member(inside, b"/data").unwrap();
            assert!(tree.bytes(data).unwrap() == content);
            let tree = Tree::from_bytes(member(5, own, &content), &Limits::default());
            let regions = &tree.coverage().regions_unread;
            let unread = regions.iter().find(|region| region.reason.contains("raid5 over 2"));
            assert_eq!(unread.unwrap().bytes, 1 << 20);
        }
    }

    #[test]
    fn superblocks_behind_the_data_are_told() {
        let mut old = Writer::new(Endian::Big);
        old.u32(0xa92b_4efc).u32(0).u32(90).u32(0).u32(0).u32(1).u32(1_500_000_000).u32(5);
        old.u32(1024).u32(3).u32(3).fill(0, 4096 - 44);
        let mut old = old.finish();
        let value = fold(sum(&old, 152, super::Big));
        old[152..156].copy_from_slice(&value.to_be_bytes());
        let image = [noise(64 << 10), old, vec![0; 60 << 10]].concat();
        let tree = Tree::from_bytes(image, &Limits::default());
        assert_eq!(attribute(&tree, "md-raid", "version").unwrap(), "0.90");
        assert!(tree.problems().iter().any(|problem| problem.why.contains("raid5 over 3")));
        let image = [noise(64 << 10), version_1(1, 128, 2), vec![0; 4096]].concat();
        let tree = Tree::from_bytes(image, &Limits::default());
        assert_eq!(attribute(&tree, "md-raid", "version").unwrap(), "1.0");
        assert_eq!(tree.problems(), []);
    }

    #[test]
    fn hostile_variants_do_no_harm() {
        check(&member(1, 0, &noise(100)), 256);
    }
}
