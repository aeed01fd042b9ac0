//! TP-Link's `SafeLoader` images, as OpenWrt's `tplink-safeloader` reads and writes them: a length, a
//! salted MD5, a text of the maker, and a table of partitions in text. With the public salt the
//! digest is verified; signed images have another.

use crate::{
    Endian::Big,
    Extent, View,
    digest::md5,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::{Layout, text_of};

pub(crate) static FORMAT: Format = Format {
    name: "tplink-safeloader",
    magics: &[Magic::at(TABLE, b"fwup-ptn ")],
    carve: true,
    open,
};

/// Where the table of partitions stands; their bases count from here.
const TABLE: usize = 0x1014;
const TABLE_BYTES: u64 = 2048;
/// The digest covers everything from here on.
const COVERED_FROM: u64 = 0x14;
const SALT: [u8; 16] = 0x7a2b_15ed_9b98_596d_e504_ab44_ac2a_9f4e_u128.to_be_bytes();
/// Partitions that `tplink-safeloader` reads, and then some.
const PARTITIONS_MAX: usize = 64;
/// Partitions of text or numbers start with their length and four bytes of zeros.
const META_BYTES: u64 = 8;
const META_TEXT_BYTES_MAX: u64 = 4096;

struct Partition {
    name: String,
    offset: u64,
    length: u64,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, COVERED_FROM)?;
    let start = u64::try_from(TABLE).map_err(|_| NotThis)?;
    let table = candidate.extent.read_up_to(start, TABLE_BYTES)?;
    let partitions = partitions(&table, start)?;
    let length = u64::from(View(&head).u32(0, Big)?);
    let end = partitions.iter().map(|partition| partition.offset + partition.length).max();
    if partitions.is_empty() || end.is_none_or(|end| end > length) {
        return Err(NotThis);
    }
    let image = candidate.extent.clamp(0, length);
    let mut layout = Layout::disjoint(image.clone());
    layout.consumed(0, start + TABLE_BYTES);
    let mut attributes = Vec::new();
    for partition in partitions {
        attributes.extend(meta(&image, &partition)?);
        layout.part(partition.name, partition.offset, partition.length);
    }
    attributes.extend(vendor(&image)?);
    let verified = image.len() == length && {
        let covered = image.from(COVERED_FROM).read_all()?;
        View(&head).bytes(4, 16)? == md5(&[&SALT, covered.as_ref()].concat()).as_slice()
    };
    let digest = if verified { "verified" } else { "not verified: signed, changed or truncated" };
    attributes.push(("md5", digest.to_owned()));
    let laid = layout.finish();
    Ok(Opened { length, attributes, entries: laid.entries, faults: laid.faults, unread: None })
}

/// The lines `fwup-ptn NAME base 0xBASE size 0xSIZE`, which end where there is another text.
fn partitions(table: &[u8], start: u64) -> Result<Vec<Partition>, NotThis> {
    let mut partitions = Vec::new();
    for line in table.split(|&byte| byte == b'\n').take(PARTITIONS_MAX) {
        let Some(line) = line.strip_prefix(b"fwup-ptn ") else { break };
        let text = str::from_utf8(line).map_err(|_| NotThis)?;
        let mut words = text.split_ascii_whitespace();
        let name = words.next().ok_or(NotThis)?.to_owned();
        let mut number = |key| {
            let digits = words.next().filter(|&word| word == key).and_then(|_| words.next());
            let digits = digits.and_then(|digits| digits.strip_prefix("0x")).ok_or(NotThis)?;
            u32::from_str_radix(digits, 16).map_err(|_| NotThis)
        };
        let (base, length) = (number("base")?, u64::from(number("size")?));
        partitions.push(Partition { name, offset: start + u64::from(base), length });
    }
    Ok(partitions)
}

/// What the partitions of text tell of the image.
fn meta(image: &Extent, partition: &Partition) -> Result<Option<(&'static str, String)>, NotThis> {
    let key = match partition.name.as_str() {
        "soft-version" => "version",
        "support-list" => "supported",
        _ => return Ok(None),
    };
    let length = partition.length.saturating_sub(META_BYTES).min(META_TEXT_BYTES_MAX);
    let bytes = image.read_up_to(partition.offset + META_BYTES, length)?;
    let text = text_of(bytes.split(|&byte| byte == 0).next().unwrap_or_default());
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let told = if bytes.first().is_some_and(u8::is_ascii_graphic) {
        lines.join("; ")
    } else if let [_, major, minor, patch, century, year, month, day, ..] = *bytes {
        // Version, and date in binary-coded decimals.
        format!("{major}.{minor}.{patch} of {century:02x}{year:02x}-{month:02x}-{day:02x}")
    } else {
        return Ok(None);
    };
    Ok(Some((key, told)))
}

/// The text of the maker: a length and the text, if there is one.
fn vendor(image: &Extent) -> Result<Option<(&'static str, String)>, NotThis> {
    let length = u64::from(View(&image.read(COVERED_FROM, 4)?).u32(0, Big)?);
    let room = u64::try_from(TABLE).map_err(|_| NotThis)? - COVERED_FROM - 4;
    if !(1..=room).contains(&length) {
        return Ok(None);
    }
    let text = text_of(&image.read(COVERED_FROM + 4, length)?);
    let shown = text.lines().map(str::trim).collect::<Vec<_>>().join("; ");
    Ok(Some(("vendor", shown)).filter(|_| text.is_ascii()))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        digest::md5,
        formats::testing::{hostile::attribute, reference::assert_survives_damage},
    };

    fn image(version: &[u8]) -> Vec<u8> {
        let meta = |text: &[u8]| {
            let mut writer = Writer::new(Endian::Big);
            writer.u32(u32::try_from(text.len()).unwrap()).u32(0).bytes(text);
            writer.finish()
        };
        let parts = [
            ("soft-version", meta(version)),
            ("support-list", meta(b"SupportList:\r\n{product_name:A7}\r\n\0")),
            ("os-image", b"a kernel".to_vec()),
            ("file-system", b"a file system".to_vec()),
        ];
        let (mut table, mut data) = (String::new(), Vec::new());
        for (name, bytes) in parts {
            let base = 0x800 + data.len();
            let size = bytes.len();
            writeln!(table, "fwup-ptn {name} base {base:#07x} size {size:#07x}\t\r").unwrap();
            data.extend(bytes);
        }
        let mut covered = Writer::new(Endian::Big);
        covered.u32(15).bytes(b"fw-type:Cloud\r\n").fill(0xff, 0x1000 - 19);
        covered.bytes(table.as_bytes()).u8(0).fill(0xff, 0x800 - table.len() - 1).bytes(&data);
        let covered = covered.finish();
        let mut writer = Writer::new(Endian::Big);
        writer.u32(u32::try_from(covered.len() + 0x14).unwrap());
        writer.bytes(md5(&[&super::SALT, covered.as_slice()].concat()).as_slice());
        writer.bytes(&covered);
        writer.finish()
    }

    #[test]
    fn partitions_are_parts_and_tell_of_the_image() {
        for (version, told) in [
            (b"soft_ver:1.2.3 Build 20200101\n\0".as_slice(), "soft_ver:1.2.3 Build 20200101"),
            (b"\xff\x01\x02\x03\x20\x19\x07\x08\0\0\0\x05", "1.2.3 of 2019-07-08"),
        ] {
            let tree = Tree::from_bytes(image(version), &Limits::default());
            let attribute = |key| attribute(&tree, "tplink-safeloader", key).unwrap();
            assert_eq!(attribute("version"), told);
            assert_eq!(attribute("supported"), "SupportList:; {product_name:A7}");
            assert_eq!(attribute("vendor"), "fw-type:Cloud");
            assert_eq!(attribute("md5"), "verified");
            let path = "image@0x0/tplink-safeloader:/file-system".parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), "a file system");
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        }
        let mut changed = image(b"1\0");
        *changed.last_mut().unwrap() ^= 1;
        let tree = Tree::from_bytes(changed, &Limits::default());
        assert!(attribute(&tree, "tplink-safeloader", "md5").unwrap().starts_with("not verified"));
        assert_survives_damage(&image(b"1\0"), 0x1100, 397);
    }
}
