//! Secure binaries for NXP's boot ROMs: SB 2.0 and 2.1 (`elftosb`'s user's guide; the boot image header with
//! `STMP` and `sgtl`) and SB 3.1 (`sbv3`; `spsdk`'s documentation). Both are encrypted: said, not opened.

use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{date::iso_8601, layout::text_of},
};

pub(crate) static SB2: Format =
    Format { name: "nxp-sb", magics: &[Magic::at(20, b"STMP")], carve: true, open: open_sb2 };

pub(crate) static SB3: Format = Format {
    name: "nxp-sb3",
    magics: &[Magic::start(b"sbv3\x01\0\x03\0")],
    carve: true,
    open: open_sb3,
};

const BLOCK_BYTES: u64 = 16;
/// 1 January 2000 in seconds since 1970: times count microseconds from there.
const EPOCH_SECONDS: i64 = 946_684_800;
const IMAGE_BYTES_MAX: u64 = 256 << 20;

fn open_sb2(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 96)?;
    let view = View(&head);
    let (major, minor) = (view.u8(24)?, view.u8(25)?);
    let length = u64::from(view.u32(28, Little)?) * BLOCK_BYTES;
    let marked = view.bytes(52, 4)? == b"sgtl";
    let plausible = (1..=2).contains(&major) && (96..=IMAGE_BYTES_MAX).contains(&length);
    if !plausible || !marked {
        return Err(NotThis);
    }
    let keys = view.u16(40, Little)?;
    let encrypted = major >= 2 || keys > 0;
    let microseconds = view.u64(56, Little)?;
    let seconds = i64::try_from(microseconds / 1_000_000).unwrap_or(0);
    let mut attributes = vec![("format-version", format!("{major}.{minor}"))];
    if microseconds > 0 && seconds < 1 << 36 {
        attributes.push(("created", iso_8601(EPOCH_SECONDS + seconds)));
    }
    for (key, at) in [("product-version", 64), ("component-version", 76)] {
        // Three numbers in binary-coded decimals, each in four bytes.
        let part = |place| view.u16(place, crate::Endian::Big).map(|word| format!("{word:x}"));
        attributes.push((key, [part(at)?, part(at + 4)?, part(at + 8)?].join(".")));
    }
    let why = if encrypted { "encrypted" } else { "not extracted: commands of a boot ROM" };
    Ok(Opened { length, attributes, unread: Some(why.to_owned()), ..Opened::default() })
}

fn open_sb3(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 60)?;
    let view = View(&head);
    let blocks = u64::from(view.u32(12, Little)?);
    let block_bytes = u64::from(view.u32(16, Little)?);
    let firmware = view.u32(28, Little)?;
    let first = u64::from(view.u32(32, Little)?);
    // The first block is as long as it says; the others hold a number, a digest and data.
    let length = first + blocks * block_bytes;
    if !(60..=1 << 20).contains(&first) || !(256..=1024).contains(&block_bytes) || blocks > 1 << 20
    {
        return Err(NotThis);
    }
    let attributes = vec![
        ("firmware-version", firmware.to_string()),
        ("description", text_of(view.text(44, 16)?)),
        ("blocks", blocks.to_string()),
    ];
    Ok(Opened { length, attributes, unread: Some("encrypted".to_owned()), ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    #[test]
    fn both_versions_are_told_as_encrypted() {
        let mut second = vec![7; 20];
        second.extend(b"STMP\x02\x01\0\0");
        second.extend(8_u32.to_le_bytes());
        second.resize(52, 0);
        second.extend(b"sgtl");
        second.extend(1_000_000_u64.to_le_bytes());
        second.resize(64, 0);
        for part in [1_u16, 2, 3, 4, 5, 6] {
            second.extend(part.to_be_bytes());
            second.extend([0, 0]);
        }
        second.resize(128, 9);
        let tree = Tree::from_bytes(second.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "nxp-sb", "format-version").unwrap(), "2.1");
        assert_eq!(attribute(&tree, "nxp-sb", "created").unwrap(), "2000-01-01T00:00:01Z");
        assert_eq!(attribute(&tree, "nxp-sb", "component-version").unwrap(), "4.5.6");
        assert_eq!(tree.coverage().bytes_unread, 128);
        check(&second, 96);
        let mut third = b"sbv3\x01\0\x03\0\0\0\0\0".to_vec();
        for word in [2_u32, 292, 0, 0, 7, 100, 6, 60] {
            third.extend(word.to_le_bytes());
        }
        third.extend(b"update\0\0\0\0\0\0\0\0\0\0");
        third.resize(100 + 2 * 292, 3);
        let tree = Tree::from_bytes(third.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "nxp-sb3", "firmware-version").unwrap(), "7");
        assert_eq!(attribute(&tree, "nxp-sb3", "description").unwrap(), "update");
        assert_eq!(tree.coverage().regions_unread[0].reason, "nxp-sb3: encrypted");
        check(&third[..200], 60);
    }
}
