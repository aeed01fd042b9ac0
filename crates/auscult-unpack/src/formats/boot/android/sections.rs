//! What boot images have in common: sections that start at pages, versions packed into a number.

use crate::{
    Entry, Extent, Fault,
    formats::support::layout::{Layout, text_of},
};

/// A section of a boot image, in the order in which they are stored.
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) bytes: u64,
    /// Whether it is only told, not searched: signatures, tables.
    pub(super) leaf: bool,
}

impl Section {
    /// A section to look into.
    pub(super) fn new(name: &'static str, bytes: u32) -> Self {
        Self { name, bytes: u64::from(bytes), leaf: false }
    }

    /// A section that holds nothing to look for.
    pub(super) fn leaf(name: &'static str, bytes: u32) -> Self {
        Self { name, bytes: u64::from(bytes), leaf: true }
    }
}

/// A boot image laid out.
pub(super) struct Sections {
    pub(super) length: u64,
    pub(super) entries: Vec<Entry>,
    pub(super) faults: Vec<Fault>,
}

/// Where each section starts; the last place is the end of the image.
pub(super) fn places(header_bytes: u64, page: u64, sections: &[Section]) -> Vec<u64> {
    let (mut at, mut places) = (header_bytes.next_multiple_of(page), Vec::new());
    for section in sections {
        places.push(at);
        at += section.bytes.next_multiple_of(page);
    }
    places.push(at);
    places
}

/// Makes the sections parts of the image; the rest of each page belongs to the section before it.
pub(super) fn lay_out(
    image: &Extent,
    header_bytes: u64,
    page: u64,
    sections: &[Section],
) -> Sections {
    let places = places(header_bytes, page, sections);
    let used = sections.iter().zip(&places).filter(|(section, _)| section.bytes > 0);
    let end = used.clone().map(|(section, place)| place + section.bytes).max();
    let end = end.unwrap_or(header_bytes);
    let padded = places.last().copied().unwrap_or(end);
    // The last page need not be filled up.
    let length = if image.len() >= padded { padded } else { end };
    let mut layout = Layout::new(image.clamp(0, length));
    layout.consumed(0, header_bytes);
    layout.filling(header_bytes, header_bytes.next_multiple_of(page));
    for (section, &place) in used {
        let end = place + section.bytes;
        layout.filling(end, end.next_multiple_of(page));
        if section.leaf {
            layout.leaf(section.name, place, section.bytes);
        } else {
            layout.part(section.name, place, section.bytes);
        }
    }
    let laid = layout.finish();
    Sections { length, entries: laid.entries, faults: laid.faults }
}

/// The version of the system and the month of its security patches
/// (`os_version` of `bootimg.h`: three times 7 bits, years since 2000 in 7 and months in 4 bits).
pub(super) fn versions(packed: u32) -> Vec<(&'static str, String)> {
    let (version, patch) = (packed >> 11, packed & 0x7ff);
    let mut attributes = Vec::new();
    if version != 0 {
        let text = format!("{}.{}.{}", version >> 14, version >> 7 & 0x7f, version & 0x7f);
        attributes.push(("os-version", text));
    }
    if patch != 0 {
        attributes
            .push(("security-patch-level", format!("{}-{:02}", 2000 + (patch >> 4), patch & 0xf)));
    }
    attributes
}

/// An attribute for a text that is not empty.
pub(super) fn told(key: &'static str, field: &[u8]) -> Option<(&'static str, String)> {
    let text = text_of(field);
    (!text.is_empty()).then_some((key, text))
}
