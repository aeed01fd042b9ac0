//! SPIFFS, a flat file system of serial flash on microcontrollers (`spiffs_nucleus.h` of SPIFFS
//! 0.3, `spiffsgen.py` of ESP-IDF).
//!
//! Each block begins with a table that says whose each of its pages is; each page says so itself
//! as well. There is nothing else to know it by, so it is found where both agree, page for page,
//! under some sizes of pages and blocks. The pages of an object are found by what they say; its
//! index decides only between two of the same number. Names are at most 32 bytes, as everywhere.

mod geometry;
mod objects;
#[cfg(test)]
mod tests;

use self::{
    geometry::{Geometry, Magic, may_start},
    objects::Objects,
};
use crate::{
    Endian, Extent,
    format::Opened,
    formats::support::window::Window,
    probe::{Found, Probe, Region},
};

pub(crate) static PROBE: Probe = Probe { name: "spiffs", find };

/// File systems start at erase blocks.
const START_STEP: u64 = 4096;
/// Starts in a row that look like one and are none, before a region is given up: each is tried under
/// all sizes.
const TRIES_MAX: u32 = 64;

fn find(region: &Region) -> Vec<Found> {
    let mut window = Window::new(&region.code);
    let (mut found, mut start, mut tries) = (Vec::new(), 0, 0);
    while start < region.code.len() && tries < TRIES_MAX {
        let image = region.rest.from(start);
        let geometry = if may_start(window.at(start, START_STEP)) {
            tries += 1;
            Geometry::find(&image)
        } else {
            None
        };
        let opened = geometry.map(|geometry| open(&image, geometry));
        let Some(opened) = opened.filter(|opened| opened.length > 0) else {
            start += START_STEP;
            continue;
        };
        tries = 0;
        let length = opened.length;
        found.push(Found { offset: start, opened });
        start = start.saturating_add(length).next_multiple_of(START_STEP);
    }
    found
}

fn open(image: &Extent, geometry: Geometry) -> Opened {
    let length = geometry.length(image);
    let image = image.clamp(0, length);
    let objects = Objects::read(&image, geometry);
    let (entries, faults, meta_bytes) = objects.entries(&image, geometry);
    let magic = match geometry.magic {
        Magic::None => "no",
        Magic::Plain => "yes",
        Magic::WithLength { .. } => "yes, with the number of blocks",
    };
    let mut attributes = vec![
        ("byte-order", if geometry.endian == Endian::Big { "big" } else { "little" }.to_owned()),
        ("page-size", geometry.page_bytes.to_string()),
        ("block-size", geometry.block_bytes.to_string()),
        ("magic", magic.to_owned()),
    ];
    attributes.extend(meta_bytes.map(|bytes| ("meta-length", bytes.to_string())));
    Opened { length, attributes, entries, faults, unread: None }
}
