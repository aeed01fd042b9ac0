//! Rock Ridge: what Unix files have more, in the system use area of records (IEEE P1281, P1282).

use super::{
    descriptor::{Volume, long_time},
    record::{Record, records, short_time},
};
use crate::{Endian::Little, Extent, Fault, View};

/// Continuations of one record.
const CONTINUATIONS_MAX: usize = 32;
/// Room that a CD-ROM XA takes up in front of other things.
const XA_BYTES: usize = 14;
/// Flags of a name or of a component of a link: it goes on; it is this or the parent directory;
/// the root.
const CONTINUED: u8 = 1;
const CURRENT: u8 = 2;
const PARENT: u8 = 4;
const ROOT: u8 = 8;

/// What the system use area of a record says.
#[derive(Clone, Debug, Default)]
pub(super) struct Rock {
    pub(super) name: Option<Vec<u8>>,
    pub(super) mode: Option<u32>,
    pub(super) links: u32,
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
    pub(super) modified: Option<i64>,
    pub(super) device: Option<(u32, u32)>,
    pub(super) target: Option<Vec<u8>>,
    /// A directory that stands elsewhere, because it was too deep: its block.
    pub(super) child: Option<u64>,
    /// It stands here only because it was too deep there.
    pub(super) is_relocated: bool,
    pub(super) is_sparse: bool,
    /// The method by which it is packed.
    pub(super) packed: Option<[u8; 2]>,
}

/// How many bytes of each area are to be skipped; none without Rock Ridge.
pub(super) fn skip(image: &Extent, volume: &Volume) -> Option<usize> {
    let place = volume.root.start(volume.block_bytes);
    let bytes = image.read_up_to(place, 2048).ok()?;
    let root = records(&bytes, place, &mut Vec::new()).into_iter().next()?;
    for start in [0, XA_BYTES] {
        let area = View(root.rest.get(start..)?);
        if area.bytes(0, 6).is_ok_and(|entry| entry == b"SP\x07\x01\xbe\xef") {
            return area.u8(6).ok().map(usize::from);
        }
    }
    // Early discs come without that mark.
    let known: [&[u8]; 4] = [b"RR", b"PX", b"TF", b"CE"];
    let first = root.rest.get(..2)?;
    (known.contains(&first) && root.rest.get(3) == Some(&1)).then_some(0)
}

impl Rock {
    /// Reads the area of a record and what continues it elsewhere in the image. `bytes_left` limits
    /// what may still be read of that for all records.
    pub(super) fn parse(
        record: &Record,
        skip: usize,
        image: &Extent,
        block_bytes: u64,
        bytes_left: &mut u64,
    ) -> Result<Self, Fault> {
        let mut rock = Self::default();
        let mut pending = Pending::default();
        let area = record.rest.get(skip..).unwrap_or_default();
        rock.read(area, &mut pending);
        for _ in 0..CONTINUATIONS_MAX {
            let Some((block, offset, length)) = pending.more.take() else { break };
            let place = block.saturating_mul(block_bytes).saturating_add(offset);
            let long = || Fault::new(place, "read names", "they are longer than the image");
            *bytes_left = bytes_left.checked_sub(length).ok_or_else(long)?;
            let area = image.read(place, length)?;
            rock.read(&area, &mut pending);
        }
        Ok(rock)
    }

    fn read(&mut self, mut area: &[u8], pending: &mut Pending) {
        loop {
            let view = View(area);
            let (Ok(signature), Ok(length)) = (view.array::<2>(0), view.u8(2)) else { return };
            let length = usize::from(length);
            let Some(entry) = area.get(..length).filter(|entry| entry.len() >= 4) else { return };
            if &signature == b"ST" {
                return;
            }
            // An entry that is too short for what it is says nothing.
            let _ = self.take(signature, View(entry), pending);
            area = area.get(length..).unwrap_or_default();
        }
    }

    fn take(
        &mut self,
        signature: [u8; 2],
        entry: View<'_>,
        pending: &mut Pending,
    ) -> Result<(), Fault> {
        let word = |at| entry.u32(at, Little);
        match &signature {
            b"CE" => {
                let more = (word(4)?.into(), word(12)?.into(), word(20)?.into());
                pending.more = Some(more);
            }
            b"PX" => {
                (self.mode, self.links) = (Some(word(4)?), word(12)?);
                (self.user, self.group) = (Some(word(20)?), Some(word(28)?));
            }
            b"PN" => self.device = Some(device(word(4)?, word(12)?)),
            b"NM" => {
                let flags = entry.u8(4)?;
                if flags & (CURRENT | PARENT) == 0 {
                    let part = entry.0.get(5..).unwrap_or_default();
                    self.name.get_or_insert_default().extend_from_slice(part);
                }
            }
            b"SL" => {
                let target = self.target.get_or_insert_default();
                link(entry.0.get(5..).unwrap_or_default(), target, &mut pending.joins)?;
            }
            b"TF" => self.modified = modified(entry).or(self.modified),
            b"CL" => self.child = Some(word(4)?.into()),
            b"RE" => self.is_relocated = true,
            b"SF" => self.is_sparse = true,
            b"ZF" | b"Z2" => self.packed = Some(entry.array(4)?),
            _ => {}
        }
        Ok(())
    }
}

/// What goes on behind an entry.
#[derive(Default)]
struct Pending {
    /// Block, offset and length of the rest of the area.
    more: Option<(u64, u64, u64)>,
    /// The next component of a link belongs to the last one.
    joins: bool,
}

/// Adds the components of an entry to the target of a link.
fn link(mut components: &[u8], target: &mut Vec<u8>, joins: &mut bool) -> Result<(), Fault> {
    while !components.is_empty() {
        let view = View(components);
        let (flags, length) = (view.u8(0)?, usize::from(view.u8(1)?));
        let text: &[u8] = match flags {
            flags if flags & ROOT != 0 => b"/",
            flags if flags & CURRENT != 0 => b".",
            flags if flags & PARENT != 0 => b"..",
            _ => view.bytes(2, length)?,
        };
        if !*joins && !target.is_empty() && !target.ends_with(b"/") {
            target.push(b'/');
        }
        target.extend_from_slice(text);
        *joins = flags & CONTINUED != 0;
        components = components.get(2 + length..).unwrap_or_default();
    }
    Ok(())
}

/// Major and minor number. Where the high word is empty, the low one holds both.
fn device(high: u32, low: u32) -> (u32, u32) {
    if high == 0 && low > 0xff { (low >> 8, low & 0xff) } else { (high, low) }
}

/// The time of the last change: times stand in the order of the bits that say which there are.
fn modified(entry: View<'_>) -> Option<i64> {
    const CREATED: u8 = 1;
    const MODIFIED: u8 = 2;
    const LONG: u8 = 0x80;
    let flags = entry.u8(4).ok()?;
    if flags & MODIFIED == 0 {
        return None;
    }
    let before = usize::from(flags & CREATED != 0);
    if flags & LONG != 0 {
        long_time(entry, 5 + before * 17)
    } else {
        short_time(entry, 5 + before * 7)
    }
}
