//! Sections of firmware files (UEFI Platform Initialization 1.8, volume 3, section 3.2.4), and how those that
//! hold others are packed.

use std::ops::Range;

use crate::{
    Endian::Little,
    Extent, Fault, View,
    checksum::{Crc32, agrees},
    codec::{self, Codec},
    formats::support::guid::guid,
};

pub(super) const COMPRESSED: u8 = 0x01;
pub(super) const GUIDED: u8 = 0x02;
pub(super) const DISPOSABLE: u8 = 0x03;
pub(super) const PROGRAM: u8 = 0x10;
pub(super) const PROGRAM_PIC: u8 = 0x11;
pub(super) const PROGRAM_TERSE: u8 = 0x12;
pub(super) const DEPENDENCIES: u8 = 0x13;
pub(super) const VERSION: u8 = 0x14;
pub(super) const NAME: u8 = 0x15;
pub(super) const PROGRAM_16: u8 = 0x16;
pub(super) const VOLUME: u8 = 0x17;
pub(super) const FREEFORM: u8 = 0x18;
pub(super) const RAW: u8 = 0x19;
pub(super) const DEPENDENCIES_PEI: u8 = 0x1b;
pub(super) const DEPENDENCIES_MM: u8 = 0x1c;
/// Makers number sections of their own from here on.
const MAKERS: Range<u8> = 0x1d..0xf1;

/// GUIDs of packers and guards, as EDK II and makers use them.
const GUIDS: &[(&str, Packing)] = &[
    ("ee4e5898-3914-4259-9d6e-dc7bd79403cf", Packing::Packed(&[Codec::LzmaAlone])),
    ("bd9921ea-ed91-404a-8b2f-b4d724747c8c", Packing::Packed(&[Codec::LzmaAlone])),
    ("d42ae6bd-1352-4bfb-909a-ca72a6eae889", Packing::Packed(&[Codec::LzmaX86])),
    ("a31280ad-481e-41b6-95e8-127f4c984779", Packing::Packed(&[Codec::Tiano, Codec::Efi])),
    ("1d301fe9-be79-4353-91c2-d23bc959ae0c", Packing::Packed(&[Codec::Gzip])),
    ("ce3233f5-2cd6-4d87-9152-4a238bb6d1c4", Packing::Packed(&[Codec::Zlib])),
    ("3d532050-5cda-4fd0-879e-0f7f630d5afb", Packing::Brotli),
    ("fc1bcdb0-7d31-49aa-936a-a4600d9dd083", Packing::Crc32),
];
/// EDK II puts the sizes of output and scratch memory in front of brotli streams.
const BROTLI_HEADER_BYTES: u64 = 16;

/// What stands around the sections inside.
#[derive(Clone, Copy)]
enum Packing {
    Packed(&'static [Codec]),
    Brotli,
    Crc32,
}

/// A section: its kind, and the place of what follows its header.
pub(super) struct Section {
    pub(super) kind: u8,
    pub(super) range: Range<u64>,
}

/// The section at this place; none where none begins.
pub(super) fn read(content: &Extent, at: u64) -> Option<Section> {
    let head = content.read_up_to(at, 8).ok()?;
    let [a, b, c, kind] = View(&head).array(0).ok()?;
    let size = u64::from(u32::from_le_bytes([a, b, c, 0]));
    let (header, size) = if size == 0x00ff_ffff {
        (8, u64::from(View(&head).u32(4, Little).ok()?))
    } else {
        (4, size)
    };
    let known = matches!(kind, COMPRESSED..=DISPOSABLE | PROGRAM..=DEPENDENCIES_MM)
        || MAKERS.contains(&kind);
    (known && size >= header && at + size <= content.len())
        .then_some(Section { kind, range: at + header..at + size })
}

/// What a section that holds others comes to.
pub(super) enum Inside {
    /// The sections in it.
    Sections(Extent),
    /// Bytes that are packed or guarded in a way that is not known, by its name.
    Unknown(Extent, String),
}

/// Opens a section that holds others; `content` is what follows its header.
pub(super) fn open(kind: u8, content: &Extent, faults: &mut Vec<Fault>) -> Inside {
    match kind {
        COMPRESSED => open_compressed(content, faults),
        GUIDED => open_guided(content, faults),
        _ => Inside::Sections(content.clone()),
    }
}

/// The size of what is inside, the method, the data.
fn open_compressed(content: &Extent, faults: &mut Vec<Fault>) -> Inside {
    let data = content.from(5);
    let method = content.read(4, 1).and_then(|bytes| View(&bytes).u8(0)).unwrap_or(u8::MAX);
    match method {
        0 => Inside::Sections(data),
        1 => unpack(&data, &[Codec::Efi, Codec::Tiano], faults),
        // "Customised", which makers use for LZMA.
        2 => unpack(&data, &[Codec::LzmaAlone, Codec::LzmaX86], faults),
        other => Inside::Unknown(data, format!("packed by method {other}")),
    }
}

/// A GUID that says what to do, the place of the data, whether it is needed to read on.
fn open_guided(content: &Extent, faults: &mut Vec<Fault>) -> Inside {
    const PROCESSING_REQUIRED: u16 = 1;
    let head = content.read_up_to(0, 24).unwrap_or_default();
    let view = View(&head);
    let name = guid(&view.array(0).unwrap_or_default());
    // The offset counts from the section's header of four bytes.
    let start = view.u16(16, Little).map_or(20, |offset| u64::from(offset).saturating_sub(4));
    let required = view.u16(18, Little).is_ok_and(|flags| flags & PROCESSING_REQUIRED != 0);
    let data = content.from(start);
    let known = GUIDS.iter().find(|known| known.0 == name);
    match known.map(|known| known.1) {
        Some(Packing::Packed(codecs)) => unpack(&data, codecs, faults),
        Some(Packing::Brotli) => unpack(&data.from(BROTLI_HEADER_BYTES), &[Codec::Brotli], faults),
        Some(Packing::Crc32) => {
            let stored = view.u32(20, Little).unwrap_or(0);
            let computed = Crc32::of_extent(&data);
            if !computed.is_ok_and(|computed| agrees(stored, computed)) {
                faults.push(Fault::new(0, "check the crc32 of a section", "it does not fit"));
            }
            Inside::Sections(data)
        }
        None if required && read(&data, 0).is_none() => {
            Inside::Unknown(data, format!("packed by {name}"))
        }
        None => Inside::Sections(data),
    }
}

/// Unpacks with the first method that comes to sections; they begin with one.
fn unpack(data: &Extent, codecs: &[Codec], faults: &mut Vec<Fault>) -> Inside {
    let mut best = None;
    for &codec in codecs {
        let payload = codec::payload(codec, data, |_| false);
        let sound = payload.fault.is_none() && read(&payload.extent, 0).is_some();
        if sound {
            return Inside::Sections(payload.extent);
        }
        let longer = |other: &codec::Payload| other.extent.len() < payload.extent.len();
        if best.as_ref().is_none_or(longer) {
            best = Some(payload);
        }
    }
    match best {
        Some(payload) if !payload.extent.is_empty() => {
            faults.extend(payload.fault);
            Inside::Sections(payload.extent)
        }
        _ => Inside::Unknown(data.clone(), "packed, and damaged".to_owned()),
    }
}

/// A text in UTF-16.
pub(super) fn text(content: &Extent) -> Option<String> {
    let bytes = content.read_up_to(0, 512).ok()?;
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
    (!units.is_empty()).then(|| String::from_utf16_lossy(&units))
}
