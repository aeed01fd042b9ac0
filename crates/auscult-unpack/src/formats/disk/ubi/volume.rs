//! A volume: its blocks in whatever order they lie on the flash, and the bytes they add up to.

use std::collections::BTreeMap;

use super::table::Record;
use crate::{
    Derive, Extent, Fault, Sink,
    checksum::{Crc32, agrees},
};

/// `UBI_VID_STATIC`: written once, with a length and a checksum for each block.
pub(super) const STATIC: u8 = 2;

/// A block of a volume and where its bytes are.
pub(super) struct Mapped {
    /// Place of the erase block.
    pub(super) place: u64,
    pub(super) sequence: u64,
    pub(super) is_static: bool,
    /// Whether UBI moved it here from elsewhere: then its bytes have a checksum.
    pub(super) is_copy: bool,
    /// Bytes that the checksum covers; of a static volume those that it holds.
    pub(super) data_bytes: u32,
    /// Blocks of a static volume that hold anything.
    pub(super) blocks_used: u32,
    pub(super) checksum: u32,
    pub(super) data: Extent,
}

impl Mapped {
    /// The bytes that are the volume's, and not the rest of the block.
    fn content(&self) -> Extent {
        let length = if self.is_static { self.data_bytes.into() } else { self.data.len() };
        self.data.clamp(0, length)
    }

    fn is_sound(&self) -> bool {
        let covered = self.data.clamp(0, self.data_bytes.into());
        Crc32::of_extent(&covered).is_ok_and(|crc| agrees(self.checksum, !crc))
    }
}

/// Blocks that are reported one by one; the rest is counted.
const FAULTS_MAX: usize = 20;

/// The blocks of a volume by their number in it.
#[derive(Default)]
pub(super) struct Volume {
    blocks: BTreeMap<u32, Mapped>,
}

impl Volume {
    /// Adds a block. Of two with the same number the newer one counts, unless it is a copy that
    /// was not finished (the kernel's `ubi_compare_lebs`).
    pub(super) fn add(&mut self, logical: u32, mapped: Mapped) {
        let is_newer = self.blocks.get(&logical).is_none_or(|known| {
            let (newer, is_known) =
                if known.sequence < mapped.sequence { (&mapped, false) } else { (known, true) };
            is_known == (newer.is_copy && !newer.is_sound())
        });
        if is_newer {
            self.blocks.insert(logical, mapped);
        }
    }

    /// The blocks in order.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &Mapped> {
        self.blocks.values()
    }

    fn is_static(&self) -> bool {
        self.blocks.values().any(|block| block.is_static)
    }

    /// The name of its kind.
    pub(super) fn kind(&self) -> &'static str {
        if self.is_static() { "static" } else { "dynamic" }
    }

    /// The bytes of the volume. Blocks of a dynamic one that were never written read as erased
    /// flash; in a static one they are missing. `blocks_max` bounds how many of them there may be.
    pub(super) fn content(
        &self,
        image: &Extent,
        number: u32,
        record: Option<&Record>,
        blocks_max: u64,
        faults: &mut Vec<Fault>,
    ) -> Extent {
        let is_static = record.map_or_else(|| self.is_static(), |record| record.is_static);
        if record.is_some_and(|record| record.is_updating) {
            let why = format!("an update of volume {number} was not finished");
            faults.push(Fault::new(0, "map a volume", why));
        }
        if is_static && record.is_none_or(|record| !record.skips_checksums()) {
            self.check(number, faults);
        }
        let vault = image.vault();
        let length = self.blocks.values().next().map_or(0, |block| block.data.len());
        let erased = Extent::derived(vault, length, Erased(length));
        let used = self.blocks.values().map(|block| block.blocks_used).max().unwrap_or(0);
        let last = self.blocks.keys().next_back().map_or(0, |last| last + 1);
        // What a dynamic volume was given belongs to it, if that much flash can be there.
        let reserved = record.map_or(0, |record| record.reserved);
        let reserved = Some(reserved).filter(|&reserved| u64::from(reserved) <= blocks_max);
        let end = if is_static { used } else { reserved.unwrap_or(0) }.max(last);
        let (mut parts, mut gaps, mut lost) = (Vec::new(), 0_u64, Vec::new());
        for logical in 0..end {
            if let Some(block) = self.blocks.get(&logical) {
                parts.push(if is_static { block.content() } else { block.data.clone() });
                continue;
            }
            // A free map would promise any length.
            gaps += 1;
            if gaps > blocks_max {
                let why = format!("block {logical} of volume {number} is out of reach");
                lost.push(Fault::new(0, "map a volume", why));
                break;
            }
            parts.push(if is_static {
                let why = format!("block {logical} of {end} of volume {number} is not there");
                let fault = Fault::new(0, "map a volume", why);
                lost.push(fault.clone());
                Extent::missing(vault, length, fault)
            } else {
                erased.clone()
            });
        }
        report(lost, faults);
        Extent::joined(vault, parts)
    }

    /// Verifies the checksums of a static volume.
    fn check(&self, number: u32, faults: &mut Vec<Fault>) {
        let broken = self.blocks.iter().filter(|(_, block)| block.is_static && !block.is_sound());
        let broken = broken.map(|(logical, block)| {
            let why = format!("the checksum of block {logical} of volume {number} is wrong");
            Fault::new(block.place, "read a volume", why)
        });
        report(broken.collect(), faults);
    }
}

/// Adds faults; many of the same kind are counted.
fn report(mut found: Vec<Fault>, faults: &mut Vec<Fault>) {
    let unlisted = found.len().saturating_sub(FAULTS_MAX);
    found.truncate(FAULTS_MAX);
    faults.append(&mut found);
    if unlisted > 0 {
        faults.push(Fault::new(0, "read a volume", format!("{unlisted} more like these")));
    }
}

/// Erased flash.
struct Erased(u64);

impl Derive for Erased {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        sink.push(&vec![0xff; usize::try_from(self.0).unwrap_or(0)])
    }

    fn input_bytes(&self) -> u64 {
        self.0
    }
}
