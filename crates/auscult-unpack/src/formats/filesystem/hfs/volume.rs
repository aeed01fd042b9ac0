//! The header of a volume: a master directory block or a volume header.

use super::{HEADER, fork::Fork};
use crate::{
    Endian::{self, Big},
    Extent, Fault, View,
    formats::support::{date::iso_8601, epoch::apple_time, mac_roman},
};

/// `attributes` of a volume header.
const UNMOUNTED: u32 = 1 << 8;
const INCONSISTENT: u32 = 1 << 11;
const JOURNALED: u32 = 1 << 13;
/// Sectors, in which HFS counts.
const SECTOR_BYTES: u64 = 512;

/// A volume of either kind.
#[derive(Clone, Debug)]
pub(super) struct Volume {
    /// Whether it is HFS Plus.
    pub(super) is_plus: bool,
    pub(super) length: u64,
    /// Place of allocation block 0, bytes of each and their number.
    pub(super) start: u64,
    pub(super) block_bytes: u64,
    pub(super) blocks: u64,
    pub(super) catalog: Fork,
    pub(super) extents: Fork,
    pub(super) attributes: Fork,
    /// Place and length of the HFS Plus volume inside.
    pub(super) embedded: Option<(u64, u64)>,
    version: &'static str,
    state: u32,
    journal: u64,
    created: u32,
    modified: u32,
    files: u32,
    /// The name of an HFS volume; that of HFS Plus stands in the catalog.
    name: Option<String>,
    last_mounted: String,
}

impl Volume {
    /// Reads the header; nothing if its fields do not agree.
    pub(super) fn read(extent: &Extent) -> Result<Option<Self>, Fault> {
        let head = extent.read(u64::try_from(HEADER).unwrap_or(0), 512)?;
        let view = View(&head);
        let volume = match view.bytes(0, 4)? {
            b"H+\0\x04" => Self::plus(view, "HFS+")?,
            b"HX\0\x05" => Self::plus(view, "HFSX")?,
            [b'B', b'D', ..] => Self::classic(view)?,
            _ => return Ok(None),
        };
        Ok(volume.filter(Self::plausible))
    }

    fn plus(view: View<'_>, version: &'static str) -> Result<Option<Self>, Fault> {
        let word = |at| view.u32(at, Big);
        let (block_bytes, blocks) = (u64::from(word(40)?), u64::from(word(44)?));
        if !block_bytes.is_power_of_two() || !(512..=1 << 20).contains(&block_bytes) {
            return Ok(None);
        }
        Ok(Some(Self {
            is_plus: true,
            length: blocks * block_bytes,
            start: 0,
            block_bytes,
            blocks,
            catalog: Fork::read(view, 272)?,
            extents: Fork::read(view, 192)?,
            attributes: Fork::read(view, 352)?,
            embedded: None,
            version,
            state: word(4)?,
            journal: u64::from(word(12)?),
            created: word(16)?,
            modified: word(20)?,
            files: word(32)?,
            name: None,
            last_mounted: String::from_utf8_lossy(view.text(8, 4)?).into_owned(),
        }))
    }

    fn classic(view: View<'_>) -> Result<Option<Self>, Fault> {
        let word = |at| view.u32(at, Big);
        let short = |at| view.u16(at, Big).map(u64::from);
        let (blocks, block_bytes) = (short(18)?, u64::from(word(20)?));
        let start = short(28)? * SECTOR_BYTES;
        let length = usize::from(view.u8(36)?);
        // The bitmap stands behind this block and before the first allocation block.
        let bitmap_bytes = blocks.div_ceil(8).next_multiple_of(SECTOR_BYTES);
        let bitmap_end = short(14)? * SECTOR_BYTES + bitmap_bytes;
        let fits = block_bytes > 0
            && block_bytes.is_multiple_of(SECTOR_BYTES)
            && (1..=27).contains(&length)
            && short(14)? >= 3
            && bitmap_end <= start;
        let embedded = (view.bytes(124, 2)? == b"H+" || view.bytes(124, 2)? == b"HX")
            .then_some((start + short(126)? * block_bytes, short(128)? * block_bytes));
        let name = view.bytes(37, length.min(27))?;
        let volume = Self {
            is_plus: false,
            // A copy of this block and an empty sector end it.
            length: start + blocks * block_bytes + 2 * SECTOR_BYTES,
            start,
            block_bytes,
            blocks,
            catalog: Fork::read_classic(view, 150, word(146)?)?,
            extents: Fork::read_classic(view, 134, word(130)?)?,
            attributes: Fork::default(),
            embedded,
            version: "HFS",
            state: u32::from(view.u16(10, Big)?),
            journal: 0,
            created: word(2)?,
            modified: word(6)?,
            files: word(84)?,
            name: Some(mac_roman::text(name)),
            last_mounted: String::new(),
        };
        Ok(fits.then_some(volume))
    }

    fn plausible(&self) -> bool {
        let inside = |&(first, count): &(u32, u32)| {
            u64::from(first) + u64::from(count) <= self.blocks && count > 0
        };
        let catalog = self.catalog.size > 0 && self.catalog.extents.first().is_some_and(inside);
        self.blocks > 0 && (catalog || self.embedded.is_some_and(|(_, length)| length > 0))
    }

    /// Whether transactions wait in the journal: its header tells where they start and end.
    pub(super) fn changes_wait(&self, image: &Extent) -> bool {
        let pending = || -> Result<bool, Fault> {
            let info = image.read(self.journal.saturating_mul(self.block_bytes), 52)?;
            let place = View(&info).u64(36, Big)?;
            let header = image.read(place, 24)?;
            let endian = match View(&header).u32(4, Big)? {
                0x1234_5678 => Big,
                _ => Endian::Little,
            };
            let view = View(&header);
            let marked = view.u32(0, endian)? == 0x4a4e_4c78 && view.u32(4, endian)? == 0x1234_5678;
            Ok(marked && view.u64(8, endian)? != view.u64(16, endian)?)
        };
        self.is_plus
            && self.state & JOURNALED != 0
            && self.journal > 0
            && pending().unwrap_or(false)
    }

    /// What an engineer wants to know.
    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        let state = if self.state & INCONSISTENT != 0 {
            "inconsistent"
        } else if self.state & UNMOUNTED != 0 {
            "clean"
        } else {
            "not clean"
        };
        let mut attributes = vec![
            ("version", self.version.to_owned()),
            ("block-size", self.block_bytes.to_string()),
            ("files", self.files.to_string()),
            ("state", state.to_owned()),
        ];
        for (key, time) in [("created", self.created), ("modified", self.modified)] {
            attributes.extend(apple_time(time).map(|seconds| (key, iso_8601(seconds))));
        }
        attributes.extend(self.name.clone().map(|name| ("label", name)));
        if !self.last_mounted.is_empty() {
            attributes.push(("last-mounted-by", self.last_mounted.clone()));
        }
        if self.is_plus && self.state & JOURNALED != 0 {
            attributes.push(("journaled", "yes".to_owned()));
        }
        attributes
    }
}
