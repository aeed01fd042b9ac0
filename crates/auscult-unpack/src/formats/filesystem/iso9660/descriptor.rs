//! Volume descriptors (ECMA-119 section 8).

use super::record::Record;
use crate::{
    Endian::{Big, Little},
    Extent, Fault, View,
    formats::support::{
        date::{DateTime, iso_8601},
        layout::text_of,
        utf16,
    },
};

/// Place of the first descriptor.
pub(super) const PLACE: usize = 16 * 2048;
const BYTES: u64 = 2048;
/// Descriptors of one volume; more are damage.
const COUNT_MAX: u64 = 64;
/// Types of descriptors.
const BOOT: u8 = 0;
const PRIMARY: u8 = 1;
const SUPPLEMENTARY: u8 = 2;
const TERMINATOR: u8 = 255;
/// Escape sequences for UCS-2 of levels 1, 2 and 3, which make a descriptor one of Joliet.
const JOLIET: [&[u8]; 3] = [b"%/@", b"%/C", b"%/E"];

/// A volume as a descriptor has it.
#[derive(Clone, Debug)]
pub(super) struct Volume {
    pub(super) block_bytes: u64,
    pub(super) root: Record,
    blocks: u64,
    /// Text fields with their names.
    texts: Vec<(&'static str, String)>,
    times: Vec<(&'static str, i64)>,
}

/// The descriptors of an image.
#[derive(Clone, Debug)]
pub(super) struct Descriptors {
    pub(super) primary: Volume,
    /// With its level.
    pub(super) joliet: Option<(usize, Volume)>,
    /// Of ISO 9660:1999.
    pub(super) enhanced: Option<Volume>,
    /// Block of the catalog of boot images.
    pub(super) boot_catalog: Option<u64>,
}

impl Descriptors {
    /// Reads all descriptors; none without a primary one whose fields agree.
    pub(super) fn read(extent: &Extent) -> Option<Self> {
        let (mut primary, mut joliet, mut enhanced) = (None, None, None);
        let mut boot_catalog = None;
        for index in 0..COUNT_MAX {
            let place = u64::try_from(PLACE).ok()? + index * BYTES;
            let Ok(bytes) = extent.read(place, BYTES) else { break };
            let view = View(&bytes);
            if view.bytes(1, 5).ok()? != b"CD001" {
                break;
            }
            let (kind, version) = (view.u8(0).ok()?, view.u8(6).ok()?);
            match kind {
                PRIMARY if primary.is_none() => primary = Volume::parse(view, false),
                SUPPLEMENTARY => {
                    let escapes = view.bytes(88, 3).ok()?;
                    let level = JOLIET.iter().position(|known| *known == escapes);
                    if let Some(level) = level {
                        joliet = Volume::parse(view, true).map(|volume| (level + 1, volume));
                    } else if version == 2 {
                        enhanced = Volume::parse(view, false);
                    }
                }
                BOOT if view.bytes(7, 23).ok()? == b"EL TORITO SPECIFICATION" => {
                    boot_catalog = view.u32(71, Little).ok().map(u64::from);
                }
                TERMINATOR => break,
                _ => {}
            }
        }
        Some(Self { primary: primary?, joliet, enhanced, boot_catalog })
    }

    /// What an engineer wants to know.
    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        let primary = &self.primary;
        let mut attributes = vec![("block-size", primary.block_bytes.to_string())];
        // The texts of Joliet are not cut and keep their case.
        let best = self.joliet.as_ref().map_or(primary, |(_, joliet)| joliet);
        attributes.extend(best.texts.iter().cloned());
        let date = |&(key, seconds): &(_, i64)| (key, iso_8601(seconds));
        attributes.extend(primary.times.iter().map(date));
        attributes.extend(self.joliet.as_ref().map(|(level, _)| ("joliet", level.to_string())));
        attributes
    }
}

impl Volume {
    fn parse(view: View<'_>, wide: bool) -> Option<Self> {
        let blocks = both_32(view, 80).ok()??;
        let block_bytes = u64::from(both_16(view, 128).ok()??);
        let root = Record::parse(view.bytes(156, 34).ok()?, 0).ok()?;
        let fits = [512, 1024, 2048].contains(&block_bytes)
            && root.is_directory()
            && root.length == 34
            && u64::from(blocks) * block_bytes > u64::try_from(PLACE).ok()? + BYTES
            && (view.u8(6).ok()? == 2 || view.u8(881).ok()? == 1);
        let text = |at, length| {
            let field = view.bytes(at, length).unwrap_or_default();
            if wide {
                String::from_utf8_lossy(&utf16::big_endian(field)).trim_end().to_owned()
            } else {
                text_of(field)
            }
        };
        let texts = [
            ("label", text(40, 32)),
            ("system", text(8, 32)),
            ("publisher", text(318, 128)),
            ("prepared-by", text(446, 128)),
            ("made-by", text(574, 128)),
        ];
        let times = [("created", long_time(view, 813)), ("modified", long_time(view, 830))];
        fits.then(|| Self {
            block_bytes,
            root,
            blocks: u64::from(blocks),
            texts: texts.into_iter().filter(|(_, text)| !text.is_empty()).collect(),
            times: times.into_iter().filter_map(|(key, time)| Some((key, time?))).collect(),
        })
    }

    /// Bytes of the volume.
    pub(super) fn length(&self) -> u64 {
        self.blocks.saturating_mul(self.block_bytes)
    }
}

/// A number in both byte orders, which must agree.
fn both_32(view: View<'_>, at: usize) -> Result<Option<u32>, Fault> {
    let number = view.u32(at, Little)?;
    Ok((view.u32(at + 4, Big)? == number).then_some(number))
}

fn both_16(view: View<'_>, at: usize) -> Result<Option<u16>, Fault> {
    let number = view.u16(at, Little)?;
    Ok((view.u16(at + 2, Big)? == number).then_some(number))
}

/// A date in digits, with the distance from UTC in quarters of an hour (section 8.4.26.1).
pub(super) fn long_time(view: View<'_>, at: usize) -> Option<i64> {
    let digits = view.bytes(at, 16).ok()?;
    let digits = std::str::from_utf8(digits).ok()?;
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<u16>().ok();
    let short = |start: usize| u8::try_from(number(start..start + 2)?).ok();
    let time = DateTime {
        year: number(0..4)?,
        month: short(4)?,
        day: short(6)?,
        hour: short(8)?,
        minute: short(10)?,
        second: short(12)?,
    };
    let quarters = i64::from(view.u8(at + 16).ok()?.cast_signed());
    Some(time.seconds()? - quarters * 900)
}
