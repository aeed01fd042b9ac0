//! Physical volumes of LVM2 (lvm2 `lib/format_text/layout.h` and `man lvmcache`): a label, areas of
//! metadata in text, and data. Volumes whose segments lie on this device are joined.
//!
//! Mirrors, RAID, thin and cached volumes are named and not put together; the plain volumes that
//! they are made of are parts of their own.

mod config;
#[cfg(test)]
mod tests;
mod volumes;

use self::{config::Section, volumes::Group};
use crate::{
    Endian::Little,
    Entry, Extent, Fault, View,
    checksum::agrees,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::{Layout, sanitize},
};

pub(crate) static FORMAT: Format = Format {
    name: "lvm2",
    // The label is in one of the first four sectors, as a rule in the second.
    magics: &[
        Magic::at(512, b"LABELONE"),
        Magic::start(b"LABELONE"),
        Magic::at(1024, b"LABELONE"),
        Magic::at(1536, b"LABELONE"),
    ],
    carve: true,
    open,
};

const SECTOR_BYTES: u64 = 512;
const LABEL_SECTORS: u64 = 4;
const TYPE: &[u8] = b"LVM2 001";
/// Magic of a metadata area (`FMTT_MAGIC`).
const AREA_MAGIC: &[u8] = b" LVM2 x[5A%r0N*>";
const AREA_HEADER_BYTES: u64 = 512;
/// Areas of data and of metadata that are read.
const AREAS_MAX: usize = 16;
/// Longest metadata.
const TEXT_BYTES_MAX: u64 = 32 << 20;

/// CRC-32 with LVM's own start value (`INITIAL_CRC`) and no inversion at the end.
fn checksum(bytes: &[u8]) -> u32 {
    static CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    let mut digest = CRC.digest_with_initial(0xf597_a6cf_u32.reverse_bits());
    digest.update(bytes);
    !digest.finalize()
}

/// What the label tells.
struct Label {
    /// Where its sector is.
    place: u64,
    uuid: String,
    device_bytes: u64,
    /// Place and length of the metadata areas.
    areas: Vec<(u64, u64)>,
    /// Where data may begin.
    data: u64,
}

impl Label {
    fn read(image: &Extent) -> Option<Self> {
        (0..LABEL_SECTORS).find_map(|sector| Self::read_at(image, sector).ok().flatten())
    }

    fn read_at(image: &Extent, sector: u64) -> Result<Option<Self>, Fault> {
        let place = sector * SECTOR_BYTES;
        let bytes = image.read(place, SECTOR_BYTES)?;
        let view = View(&bytes);
        let is_label = view.bytes(0, 8)? == b"LABELONE"
            && view.bytes(24, 8)? == TYPE
            && view.u64(8, Little)? == sector
            && agrees(view.u32(16, Little)?, checksum(view.bytes(20, 492)?));
        if !is_label {
            return Ok(None);
        }
        let header = usize::try_from(view.u32(20, Little)?).unwrap_or(usize::MAX);
        let uuid = String::from_utf8_lossy(view.bytes(header, 32)?).into_owned();
        let device_bytes = view.u64(header.saturating_add(32), Little)?;
        let mut at = header.saturating_add(40);
        let mut lists = [Vec::new(), Vec::new()];
        for list in &mut lists {
            loop {
                let (offset, size) = (view.u64(at, Little)?, view.u64(at + 8, Little)?);
                at += 16;
                if offset == 0 {
                    break;
                }
                if list.len() < AREAS_MAX {
                    list.push((offset, size));
                }
            }
        }
        let [data, areas] = lists;
        let data = data.first().map_or(0, |(offset, _)| *offset);
        Ok(Some(Self { place, uuid, device_bytes, areas, data }))
    }
}

/// The newest text of a metadata area. It is a ring: text at its end goes on at its start.
fn text(image: &Extent, area: (u64, u64)) -> Result<String, Fault> {
    let (place, _) = area;
    let wrong = |why: &str| Fault::new(place, "read the metadata of volumes", why);
    let head = image.read(place, AREA_HEADER_BYTES)?;
    let view = View(&head);
    if view.bytes(4, AREA_MAGIC.len())? != AREA_MAGIC {
        return Err(wrong("its header is damaged"));
    }
    if !agrees(view.u32(0, Little)?, checksum(view.bytes(4, 508)?)) {
        return Err(wrong("the checksum of its header is wrong"));
    }
    let (size, offset, length) =
        (view.u64(32, Little)?, view.u64(40, Little)?, view.u64(48, Little)?);
    if length == 0 || offset == 0 {
        return Ok(String::new());
    }
    if length > TEXT_BYTES_MAX || offset >= size || length > size {
        return Err(wrong("its sizes are impossible"));
    }
    let first = length.min(size - offset);
    let mut bytes = image.read(place.saturating_add(offset), first)?.to_vec();
    let rest = place.saturating_add(AREA_HEADER_BYTES);
    bytes.extend_from_slice(&image.read(rest, length - first)?);
    if !agrees(view.u32(56, Little)?, checksum(&bytes)) {
        return Err(wrong("the checksum of the text is wrong"));
    }
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(text).into_owned())
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let label = Label::read(&candidate.extent).ok_or(NotThis)?;
    let length = label.device_bytes.max(label.data).max(label.place + SECTOR_BYTES);
    let image = candidate.extent.clamp(0, length);
    let mut opened =
        Opened { length, attributes: vec![("uuid", label.uuid.clone())], ..Opened::default() };
    let mut newest = String::new();
    for &area in &label.areas {
        match text(&image, area) {
            Ok(text) if newest.is_empty() => newest = text,
            Ok(_) => {}
            Err(fault) => opened.faults.push(fault),
        }
    }
    let parsed = config::parse(&newest);
    let group = parsed.as_ref().ok().and_then(|root| Group::find(root, &label.uuid));
    let mut layout = Layout::new(image.clone());
    layout.consumed(label.place, SECTOR_BYTES);
    for &(place, size) in &label.areas {
        layout.consumed(place, size.min(label.data.saturating_sub(place)));
    }
    let mut volumes = Vec::new();
    if let Some(group) = group {
        opened.attributes.extend(group.attributes());
        volumes = group.volumes(&image, &mut layout, &mut opened.faults);
    } else if !newest.is_empty() {
        let why = parsed.err().unwrap_or_else(|| "it does not name this device".to_owned());
        opened.faults.push(Fault::new(0, "read the metadata of volumes", why));
    }
    let laid = layout.finish();
    opened.faults.extend(laid.faults);
    opened.entries = laid.entries;
    opened.entries.extend(volumes);
    Ok(opened)
}

/// A volume as a part.
fn part(name: &str, content: Extent) -> Entry {
    Entry::part(sanitize(name).into_bytes(), content)
}
