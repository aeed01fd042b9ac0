//! A volume group: which extents of which device make each volume.

use super::{SECTOR_BYTES, Section, part};
use crate::{
    Entry, Extent, Fault,
    formats::support::{date::iso_8601, layout::Layout},
};

/// Longest volume that is believed.
const BYTES_MAX: u64 = 1 << 60;
/// Pieces of all volumes together.
const PIECES_MAX: usize = 1 << 20;

/// The group, and this device in it.
pub(super) struct Group<'text> {
    name: &'text str,
    section: &'text Section,
    /// The device's name in the text.
    device: &'text str,
    /// Where its first extent begins, in bytes.
    start: u64,
    extent_bytes: u64,
    created: Option<u64>,
}

/// A piece of a volume: on this device, or on another.
enum Piece {
    Here { place: u64, length: u64 },
    Elsewhere { device: String, length: u64 },
}

impl<'text> Group<'text> {
    /// Finds the group that the device of this UUID belongs to.
    pub(super) fn find(root: &'text Section, uuid: &str) -> Option<Self> {
        root.sections.iter().find_map(|(name, section)| {
            let extent_bytes = section.number("extent_size")?.checked_mul(SECTOR_BYTES)?;
            let devices = section.section("physical_volumes")?;
            let (device, about) = devices.sections.iter().find(|(_, device)| {
                device.text("id").is_some_and(|id| id.replace('-', "") == uuid)
            })?;
            let start = about.number("pe_start")?.checked_mul(SECTOR_BYTES)?;
            let created = root.number("creation_time");
            (extent_bytes > 0).then_some(Self {
                name,
                section,
                device,
                start,
                extent_bytes,
                created,
            })
        })
    }

    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![
            ("group", self.name.to_owned()),
            ("device", self.device.to_owned()),
            ("extent-size", self.extent_bytes.to_string()),
        ];
        let devices = self.section.section("physical_volumes").map_or(0, |all| all.sections.len());
        attributes.push(("devices", devices.to_string()));
        if let Some(created) = self.created.and_then(|seconds| i64::try_from(seconds).ok())
            && (0..1 << 40).contains(&created)
        {
            attributes.push(("last-written", iso_8601(created)));
        }
        let volumes = self.section.section("logical_volumes");
        let volumes = volumes.map_or(&[][..], |volumes| &volumes.sections);
        let described = volumes.iter().map(|(name, volume)| {
            let kind = segments(volume).find_map(|segment| segment.text("type")).unwrap_or("?");
            format!("{name}: {kind}")
        });
        attributes.push(("volumes", described.collect::<Vec<_>>().join("; ")));
        attributes
    }

    /// The volumes whose content can be told; their extents are taken out of the layout.
    pub(super) fn volumes(
        &self,
        image: &Extent,
        layout: &mut Layout,
        faults: &mut Vec<Fault>,
    ) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut pieces_left = PIECES_MAX;
        let Some(volumes) = self.section.section("logical_volumes") else { return entries };
        for (name, volume) in &volumes.sections {
            match self.volume(volume, pieces_left) {
                Ok(pieces) => {
                    pieces_left = pieces_left.saturating_sub(pieces.len());
                    let content = join(name, image, pieces, layout, faults);
                    entries.extend(content.map(|content| part(name, content)));
                }
                Err(why) => {
                    faults.push(Fault::new(0, format!("put the volume {name} together"), why));
                }
            }
        }
        entries
    }

    /// The pieces of a volume in order.
    fn volume(&self, volume: &Section, pieces_max: usize) -> Result<Vec<Piece>, String> {
        let mut segments: Vec<&Section> = segments(volume).collect();
        segments.sort_by_key(|segment| segment.number("start_extent"));
        let mut pieces = Vec::new();
        let mut extents = 0_u64;
        for segment in segments {
            let kind = segment.text("type").unwrap_or_default();
            let count = segment.number("extent_count").unwrap_or(0);
            if !matches!(kind, "striped" | "linear") {
                return Err(format!("it is of type {kind:?}, which is not put together"));
            }
            if segment.number("start_extent") != Some(extents) {
                return Err("its segments do not follow each other".to_owned());
            }
            extents = extents.saturating_add(count);
            if extents.checked_mul(self.extent_bytes).is_none_or(|bytes| bytes > BYTES_MAX) {
                return Err(format!("{extents} extents are too many"));
            }
            self.segment(segment, count * self.extent_bytes, pieces_max, &mut pieces)?;
        }
        Ok(pieces)
    }

    /// A segment on one device, or in stripes over several.
    fn segment(
        &self,
        segment: &Section,
        length: u64,
        pieces_max: usize,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), String> {
        let stripes = segment.pairs("stripes");
        let columns = u64::try_from(stripes.len()).unwrap_or(0);
        let [(first, _), rest @ ..] = stripes.as_slice() else {
            return Err("a segment without a place".to_owned());
        };
        let stripe_bytes = match rest {
            [] => length,
            _ => segment.number("stripe_size").unwrap_or(0).saturating_mul(SECTOR_BYTES),
        };
        if length == 0 {
            return Ok(());
        }
        if stripe_bytes == 0 {
            return Err("stripes without a size".to_owned());
        }
        // A volume of which nothing is here need not be taken apart.
        if stripes.iter().all(|(device, _)| *device != self.device) {
            pieces.push(Piece::Elsewhere { device: (*first).to_owned(), length });
            return Ok(());
        }
        let count = usize::try_from(length.div_ceil(stripe_bytes)).unwrap_or(usize::MAX);
        if count > pieces_max {
            return Err(format!("{count} stripes are too many"));
        }
        for (number, (device, extent)) in (0_u64..).zip(stripes.iter().cycle().take(count)) {
            let row = number / columns * stripe_bytes;
            let length = stripe_bytes.min(length - number * stripe_bytes);
            let place = extent
                .checked_mul(self.extent_bytes)
                .and_then(|place| place.checked_add(row)?.checked_add(self.start));
            let place = place.ok_or_else(|| format!("extent {extent} is too far"))?;
            pieces.push(if *device == self.device {
                Piece::Here { place, length }
            } else {
                Piece::Elsewhere { device: (*device).to_owned(), length }
            });
        }
        Ok(())
    }
}

fn segments(volume: &Section) -> impl Iterator<Item = &Section> {
    let sections = volume.sections.iter().filter(|(name, _)| name.starts_with("segment"));
    sections.map(|(_, section)| section)
}

/// The content of a volume; none where nothing of it is here.
fn join(
    name: &str,
    image: &Extent,
    pieces: Vec<Piece>,
    layout: &mut Layout,
    faults: &mut Vec<Fault>,
) -> Option<Extent> {
    let (mut parts, mut elsewhere, mut here) = (Vec::new(), 0_u64, false);
    let what = format!("read the volume {name}");
    for piece in pieces {
        match piece {
            Piece::Here { place, length } => {
                here = true;
                layout.consumed(place, length);
                let there = image.clamp(place, length);
                let missing = length - there.len();
                parts.push(there);
                if missing > 0 {
                    let why = format!("{missing} bytes are past the end");
                    let fault = Fault::new(place, what.clone(), why);
                    parts.push(Extent::missing(image.vault(), missing, fault.clone()));
                    faults.push(fault);
                }
            }
            Piece::Elsewhere { device, length } => {
                elsewhere = elsewhere.saturating_add(length);
                let fault = Fault::new(0, what.clone(), format!("it is on the device {device}"));
                parts.push(Extent::missing(image.vault(), length, fault));
            }
        }
    }
    if elsewhere > 0 {
        let why = format!("{elsewhere} bytes of it are on other devices");
        faults.push(Fault::new(0, what, why));
    }
    here.then(|| Extent::joined(image.vault(), parts))
}
