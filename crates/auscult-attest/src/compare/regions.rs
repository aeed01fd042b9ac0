//! Compares the parts of an image.

use std::collections::HashMap;

use auscult_measure::RegionDigest;
use auscult_model::Sha256;

use super::REGIONS;
use crate::{
    Code, Evidence, Item, Reference, Region, RegionClass, verdict::Collector, verify::RegionReader,
};

/// What a part of an image consists of, as far as it was measured.
#[derive(Clone, Copy)]
struct Seen {
    sha256: Option<Sha256>,
    fill: Option<u8>,
}

/// Compares every part of the reference. Where the image is at hand, its bytes at those places are
/// read; evidence tells only the parts that the measured image has of its own.
pub(crate) fn compare(
    reference: &Reference,
    evidence: &Evidence,
    read: Option<RegionReader<'_>>,
    out: &mut Collector,
) {
    let Some(image) = evidence.image else {
        let why = "a file system was measured, not the flash around it";
        let item = Item::not_measured(Code::NotMeasured, "parts of the image", why);
        return out.add(REGIONS, item.not_needed());
    };
    if image == reference.image {
        for _ in &reference.regions {
            out.passed(REGIONS);
        }
        return;
    }
    let wanted: Vec<(u64, u64)> =
        reference.regions.iter().map(|region| (region.offset, region.length)).collect();
    let seen: Vec<Option<Seen>> = match read {
        Some(read) => read(&wanted)
            .into_iter()
            .map(|one| {
                one.map(|RegionDigest { sha256, fill, .. }| Seen { sha256: Some(sha256), fill })
            })
            .collect(),
        None => of_evidence(&evidence.regions, &wanted),
    };
    for (region, seen) in reference.regions.iter().zip(seen) {
        match one(region, seen, image.size) {
            Some(item) => out.add(REGIONS, item),
            None => out.passed(REGIONS),
        }
    }
    if let Some(item) = behind(reference.image.size, image.size, evidence, read) {
        out.add(REGIONS, item);
    }
}

/// What evidence tells of these ranges: its parts where they lie exactly so, and of a range inside an
/// erased part that it is erased too.
fn of_evidence(regions: &[Region], wanted: &[(u64, u64)]) -> Vec<Option<Seen>> {
    let exact: HashMap<(u64, u64), Seen> = regions
        .iter()
        .map(|region| {
            let seen = Seen { sha256: region.sha256, fill: region.fill };
            ((region.offset, region.length), seen)
        })
        .collect();
    let inside = |&(offset, length): &(u64, u64)| {
        let holds = |region: &&Region| {
            let end = region.offset.checked_add(region.length);
            region.offset <= offset && end >= offset.checked_add(length)
        };
        let fill = regions.iter().find(holds)?.fill?;
        Some(Seen { sha256: None, fill: Some(fill) })
    };
    wanted.iter().map(|range| exact.get(range).copied().or_else(|| inside(range))).collect()
}

fn place(offset: u64, length: u64, name: &str) -> String {
    format!("{offset:#x}+{length:#x} {name}")
}

fn one(region: &Region, seen: Option<Seen>, size: u64) -> Option<Item> {
    let subject = place(region.offset, region.length, &region.name);
    if region.offset.saturating_add(region.length) > size {
        let reason = format!("the image ends at {size:#x}, in or before this part");
        return Some(Item::fail(Code::ImageTruncated, subject, reason));
    }
    match region.class {
        RegionClass::Data | RegionClass::DeviceUnique => None,
        RegionClass::MustBeErased => match seen {
            Some(seen) if seen.fill.is_some() && seen.fill == region.fill => None,
            _ => {
                let fill = region.fill.unwrap_or(0xff);
                let reason = format!("something is stored where all bytes must be {fill:02x}");
                Some(Item::fail(Code::NotErased, subject, reason))
            }
        },
        RegionClass::Exact => match (region.sha256, seen) {
            (None, _) => {
                let reason = "the reference does not tell its content";
                Some(Item::not_measured(Code::NotMeasured, subject, reason))
            }
            (Some(wanted), Some(Seen { sha256: Some(found), .. })) if found == wanted => None,
            (Some(_), Some(Seen { sha256: Some(_), .. })) => {
                Some(Item::fail(Code::RegionChanged, subject, "other bytes than in the build"))
            }
            (Some(_), _) => {
                let reason = "the measured image has no such part at this place";
                Some(Item::fail(Code::RegionChanged, subject, reason))
            }
        },
    }
}

/// What stands behind the end of the reference's image. A dump of a larger flash is erased there.
fn behind(
    end: u64,
    size: u64,
    evidence: &Evidence,
    read: Option<RegionReader<'_>>,
) -> Option<Item> {
    let length = size.checked_sub(end).filter(|&length| length > 0)?;
    let erased = if let Some(read) = read {
        let seen = read(&[(end, length)]).pop().flatten();
        seen.is_some_and(|seen| seen.fill == Some(0xff))
    } else {
        let reaches = |region: &&Region| region.offset.saturating_add(region.length) > end;
        let mut at = end;
        evidence.regions.iter().filter(reaches).all(|region| {
            let follows = region.offset <= at;
            at = region.offset.saturating_add(region.length);
            follows && region.fill == Some(0xff)
        }) && at >= size
    };
    let subject = place(end, length, "behind the image");
    let reason = format!("{length} bytes stand behind the end of the build, and are not erased");
    (!erased).then(|| Item::fail(Code::BytesAppended, subject, reason))
}
