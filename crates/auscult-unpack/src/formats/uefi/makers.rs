//! Marks of makers in the firmware of PCs: images in Insyde's flash programs (`$_IFLASH_`), the segments by
//! which Phoenix' BIOS tells its version (`BCPSEGMENT`, as `phnxdeco` reads them), and AMI's name at the start
//! of its modules, with what stands behind it.

use crate::{
    Endian::Little,
    Entry, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::{sanitize, text_of},
};

pub(crate) static INSYDE: Format = Format {
    name: "insyde-image",
    magics: &[Magic::start(b"$_IFLASH_")],
    carve: true,
    open: open_insyde,
};

pub(crate) static PHOENIX: Format = Format {
    name: "phoenix-segments",
    magics: &[Magic::start(b"BCPSEGMENT")],
    carve: true,
    open: open_phoenix,
};

pub(crate) static AMI: Format = Format {
    name: "ami-mark",
    magics: &[Magic::start(b"AMIBOOTEFI"), Magic::start(b"AMIBIOSC")],
    carve: true,
    open: open_ami,
};

const INSYDE_HEADER_BYTES: u64 = 24;
const IMAGE_BYTES_MAX: u64 = 256 << 20;
const PHOENIX_MARK_BYTES: u64 = 10;
const SEGMENT_HEADER_BYTES: u64 = 10;
const SEGMENTS_MAX: usize = 64;

/// A mark and a name of eight bytes each, then the size with filling and the size.
fn open_insyde(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, INSYDE_HEADER_BYTES)?;
    let view = View(&head);
    let name = text_of(view.text(9, 7)?);
    let (total, size) = (u64::from(view.u32(16, Little)?), u64::from(view.u32(20, Little)?));
    let plausible = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && (1..=IMAGE_BYTES_MAX).contains(&size)
        && (size..=IMAGE_BYTES_MAX).contains(&total);
    if !plausible {
        return Err(NotThis);
    }
    let content = candidate.extent.clamp(INSYDE_HEADER_BYTES, size);
    let attributes = vec![("image", name.clone())];
    let part = sanitize(name.trim_matches('_')).to_lowercase();
    let entries = vec![Entry::part(part.into_bytes(), content)];
    Ok(Opened { length: INSYDE_HEADER_BYTES + size, attributes, entries, ..Opened::default() })
}

/// Segments with a name of six bytes, flags and a length; that of the system holds date and version.
fn open_phoenix(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let (mut at, mut names, mut attributes) = (PHOENIX_MARK_BYTES, Vec::new(), Vec::new());
    while names.len() < SEGMENTS_MAX {
        let Ok(head) = extent.read(at, SEGMENT_HEADER_BYTES) else { break };
        let view = View(&head);
        let name = text_of(view.text(0, 6)?);
        let length = u64::from(view.u16(8, Little)?);
        let sound = name.starts_with("BCP")
            && length >= SEGMENT_HEADER_BYTES
            && at + length <= extent.len();
        if !sound {
            break;
        }
        if name == "BCPSYS" {
            let text = |offset, bytes| {
                let field = extent.read_up_to(at + offset, bytes).unwrap_or_default();
                text_of(field.split(|&byte| byte == 0).next().unwrap_or_default())
            };
            attributes.push(("date", text(0x0f, 9)));
            attributes.push(("time", text(0x18, 9)));
            attributes.push(("version", text(0x37, 8)));
        }
        names.push(name);
        at += length;
    }
    if names.is_empty() {
        return Err(NotThis);
    }
    attributes.push(("segments", names.join(", ")));
    Ok(Opened { length: at, attributes, ..Opened::default() })
}

/// The mark and the text that goes on behind it: a version of four digits, or nothing.
fn open_ami(candidate: &Candidate) -> Result<Opened, NotThis> {
    const TEXT_BYTES_MAX: u64 = 64;
    let text = candidate.extent.read_up_to(0, TEXT_BYTES_MAX)?;
    let end = text.iter().position(|byte| !byte.is_ascii_graphic()).unwrap_or(text.len());
    let mark = text_of(text.get(..end).unwrap_or_default());
    let length = u64::try_from(end).map_err(|_| NotThis)?;
    Ok(Opened { length, attributes: vec![("mark", mark)], ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    #[test]
    fn an_image_of_insyde_is_a_part() {
        let mut bytes = b"$_IFLASH_BIOSIMG".to_vec();
        bytes.extend(16_u32.to_le_bytes());
        bytes.extend(5_u32.to_le_bytes());
        bytes.extend(b"image\xff\xff\xff");
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let (part, _) = tree.resolve(&"image@0x0/insyde-image:/biosimg".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), "image");
        assert!(locators(&tree).contains(&"image@0x1d".to_owned()));
        check(&bytes, 24);
    }

    #[test]
    fn the_mark_of_ami_is_told() {
        let bytes = b"\x01AMIBIOSC0800\0\x01code".to_vec();
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(attribute(&tree, "ami-mark", "mark").unwrap(), "AMIBIOSC0800");
        assert_eq!(tree.coverage().bytes_read, 12);
    }

    #[test]
    fn segments_of_phoenix_tell_the_version() {
        let mut bytes = b"BCPSEGMENTBCPSYS\0\0\x40\0".to_vec();
        bytes.resize(10 + 0x0f, 0);
        bytes.extend(b"05/09/23\x0013:37:00\0");
        bytes.resize(10 + 0x37, 0);
        bytes.extend(b"1.23\0");
        bytes.resize(10 + 0x40, 0);
        bytes.extend(b"BCPNV\0\0\0\x0c\0zz");
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let told = |key| attribute(&tree, "phoenix-segments", key).unwrap();
        assert_eq!((told("date"), told("version")), ("05/09/23".into(), "1.23".into()));
        assert_eq!(told("segments"), "BCPSYS, BCPNV");
        assert_eq!(tree.coverage().bytes_read, bytes.len() as u64);
        check(&bytes, 30);
    }
}
