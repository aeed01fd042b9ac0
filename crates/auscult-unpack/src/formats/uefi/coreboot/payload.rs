//! Payloads and stages in CBFS (`cbfs_serialized.h` of coreboot): code in segments, each packed or not.

use crate::{
    Endian::{Big, Little},
    Entry, Extent, Fault, View,
    codec::{Codec, Decoding},
};

const SEGMENT_BYTES: u64 = 28;
const SEGMENTS_MAX: u64 = 64;
const STAGE_HEADER_BYTES: u64 = 28;

/// The codec of a compression as CBFS numbers them; none for plain bytes.
pub(super) fn codec(compression: u32) -> Result<Option<Codec>, String> {
    match compression {
        0 => Ok(None),
        1 => Ok(Some(Codec::LzmaAlone)),
        2 => Ok(Some(Codec::Lz4Frame)),
        other => Err(format!("compressed by method {other}")),
    }
}

/// The unpacked bytes, whose number a header tells.
pub(super) fn unpacked(data: Extent, codec: Option<Codec>, bytes: u64) -> Extent {
    let Some(codec) = codec else { return data };
    let vault = std::sync::Arc::clone(data.vault());
    Extent::derived(&vault, bytes, Decoding { codec, input: data })
}

/// A part, or one that is said not to be opened.
pub(super) fn part(name: &str, data: Extent, compression: u32, bytes: u64) -> Entry {
    match codec(compression) {
        Ok(codec) => Entry::part(name.as_bytes(), unpacked(data, codec, bytes)),
        Err(reason) => {
            let length = data.len();
            Entry { content: None, ..Entry::part(name.as_bytes(), data).unreadable(length, reason) }
        }
    }
}

/// The segments of a payload up to the one that is its entry point.
pub(super) fn segments(name: &str, data: &Extent, faults: &mut Vec<Fault>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for number in 0..SEGMENTS_MAX {
        let Ok(head) = data.read(number * SEGMENT_BYTES, SEGMENT_BYTES) else { break };
        let view = View(&head);
        let word = |at| view.u32(at, Big).unwrap_or(0);
        let kind = view.bytes(0, 4).unwrap_or_default();
        let (offset, length) = (u64::from(word(8)), u64::from(word(20)));
        let address = view.u64(12, Big).unwrap_or(0);
        let suffix = match kind {
            b"CODE" => "code",
            b"DATA" => "data",
            b"PARA" => "parameters",
            b"BSS " => continue,
            b"ENTR" => return entries,
            _ => break,
        };
        let Some(content) = data.slice(offset, length) else { break };
        let path = format!("{name}-{suffix}{number}-{address:#x}");
        entries.push(part(&path, content, word(4), u64::from(word(24))));
    }
    let what = format!("read the segments of {name}");
    faults.push(Fault::new(0, what, "they do not end with an entry point"));
    if entries.is_empty() {
        entries.push(Entry::part(name.as_bytes(), data.clone()));
    }
    entries
}

/// A stage of the old kind, with a header of its own in front.
pub(super) fn old_stage(name: &str, data: &Extent) -> Entry {
    let head = data.read_up_to(0, STAGE_HEADER_BYTES).unwrap_or_default();
    let view = View(&head);
    let word = |at| view.u32(at, Little).unwrap_or(0);
    let content = data.clamp(STAGE_HEADER_BYTES, u64::from(word(20)));
    part(name, content, word(0), u64::from(word(24)))
}
