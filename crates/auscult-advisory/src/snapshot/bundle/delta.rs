//! The difference between two snapshots: which stretches of the new one stand in the old one.
//!
//! ```text
//! recipe length (u64 LE) · recipe · bytes
//! recipe: list of parts, each length · 0 (from the bytes, in order) or 1 + offset in the base
//! ```
//!
//! Blocks and directories are compared by digest. As a block ends where its last key says so, a
//! changed record costs the blocks that hold it and the directory of its layer.

use std::{collections::HashMap, io::Write};

use auscult_model::Sha256;

use super::{Verified, each_chunk, put};
use crate::{
    Error, Result,
    codec::{Decoded, Reader, Short, Writer},
    snapshot::Snapshot,
};

/// A recipe larger than this is refused before memory is taken for it.
const RECIPE_BYTES_MAX: u64 = 1 << 26;

/// A stretch of the new snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    length: u64,
    /// Where it stands in the base; `None` where it comes with the bundle.
    base_at: Option<u64>,
}

/// The recipe for a snapshot and where its own bytes stand in it.
pub(super) struct Delta {
    pub(super) recipe: Vec<u8>,
    /// Offset and length in the new snapshot.
    pub(super) own: Vec<(u64, u64)>,
}

/// Compares two snapshots.
pub(super) fn between(old: &Snapshot, new: &Snapshot) -> Result<Delta> {
    let known: HashMap<Sha256, (u64, u64)> = old
        .stretches()?
        .into_iter()
        .map(|(digest, offset, length)| (digest, (offset, length)))
        .collect();
    let mut stretches = new.stretches()?;
    stretches.sort_by_key(|(_, offset, _)| *offset);
    let (mut parts, mut own, mut at) = (Vec::new(), Vec::new(), 0);
    let mut bring = |parts: &mut Vec<Part>, from: u64, to: u64| {
        if to > from {
            push(parts, Part { length: to - from, base_at: None });
            own.push((from, to - from));
        }
    };
    for (digest, offset, length) in stretches {
        let known = known.get(&digest).filter(|(_, known)| *known == length && length > 0);
        if let Some((base_at, _)) = known
            && offset >= at
        {
            bring(&mut parts, at, offset);
            push(&mut parts, Part { length, base_at: Some(*base_at) });
            at = offset.saturating_add(length);
        }
    }
    bring(&mut parts, at, new.length());
    let mut writer = Writer::default();
    writer.list(&parts, |writer, part| {
        writer.number(part.length);
        writer.byte(u8::from(part.base_at.is_some()));
        if let Some(base_at) = part.base_at {
            writer.number(base_at);
        }
    });
    Ok(Delta { recipe: writer.bytes, own })
}

/// Appends a part, as one with the last where it goes on from there.
fn push(parts: &mut Vec<Part>, part: Part) {
    if let Some(last) = parts.last_mut() {
        let goes_on = match (last.base_at, part.base_at) {
            (None, None) => true,
            (Some(last_at), Some(at)) => last_at.saturating_add(last.length) == at,
            _ => false,
        };
        if goes_on {
            last.length = last.length.saturating_add(part.length);
            return;
        }
    }
    parts.push(part);
}

fn read(recipe: &[u8]) -> Decoded<Vec<Part>> {
    let mut reader = Reader::new(recipe);
    let parts = reader.list(|reader| {
        let length = reader.number()?;
        let base_at = match reader.byte()? {
            0 => None,
            1 => Some(reader.number()?),
            _ => return Err(Short),
        };
        Ok(Part { length, base_at })
    })?;
    if reader.is_empty() { Ok(parts) } else { Err(Short) }
}

/// Puts the new snapshot together; the caller compares it with its digest.
pub(super) fn apply(bundle: &Verified, base: &Snapshot, out: &mut dyn Write) -> Result<()> {
    let malformed = || Error::MalformedBundle { what: "a recipe for a snapshot" };
    let content_bytes = bundle.statement.content_bytes;
    let length: [u8; 8] =
        bundle.bytes.read(bundle.content_at, 8)?.try_into().map_err(|_| malformed())?;
    let length = u64::from_le_bytes(length);
    let own_from = length.checked_add(8).filter(|end| *end <= content_bytes);
    let own_from = own_from.filter(|_| length <= RECIPE_BYTES_MAX).ok_or_else(malformed)?;
    let recipe = bundle.bytes.read(bundle.content_at.saturating_add(8), length)?;
    let parts = read(&recipe).map_err(|Short| malformed())?;
    // What the recipe adds up to is known before a byte is written.
    let sum = |own: bool| {
        let parts = parts.iter().filter(|part| !own || part.base_at.is_none());
        parts.map(|part| part.length).try_fold(0_u64, u64::checked_add)
    };
    if sum(false) != Some(bundle.statement.snapshot_bytes)
        || sum(true) != Some(content_bytes - own_from)
    {
        return Err(malformed());
    }
    let mut own_at = bundle.content_at.saturating_add(own_from);
    for part in parts {
        if let Some(at) = part.base_at {
            each_chunk(at, part.length, |at, length| put(out, &base.bytes(at, length)?))?;
        } else {
            bundle.copy(own_at, part.length, out)?;
            own_at = own_at.saturating_add(part.length);
        }
    }
    Ok(())
}
