//! Archives as streams: a segment with a name is a file or the start of one, segments without a name
//! go on with it.

use rayon::prelude::*;

use super::{
    blocks::{Block, Segment},
    words::{self, Words},
};
use crate::{
    Entry, EntryKind, Extent, Fault, Metadata, checksum::agrees, codec::zpaq::Made,
    formats::support::gathering::Gathering,
};

/// Where the bytes of a block are after decoding, segment by segment.
pub(super) struct Decoded {
    pub(super) content: Extent,
    /// Segments that are whole; what is behind them is what there is of the next.
    pub(super) made: Vec<Made>,
    pub(super) fault: Option<Fault>,
}

/// Decodes a block at once. What it comes to is computed again when the cache has dropped it.
pub(super) fn decode(archive: &Extent, block: &Block) -> Decoded {
    let packed = block.packed(archive);
    let vault = archive.vault();
    let mut sink = vault.sink(packed.block.weight());
    let (made, fault) = packed.decode(&mut sink);
    let fault = fault.map(|fault| fault.within(block.start));
    Decoded { content: Extent::computed_by(vault, sink.finish(), packed), made, fault }
}

/// A file while its segments are read.
#[derive(Default)]
struct File {
    name: Vec<u8>,
    words: Words,
    parts: Vec<Extent>,
    /// Bytes of the archive that could not be decoded, and why.
    unread: Option<(u64, String)>,
}

impl File {
    fn entry(self, archive: &Extent, only: bool) -> Entry {
        let content = Extent::joined(archive.vault(), self.parts);
        let metadata = Metadata {
            mode: self.words.mode(),
            modified: self.words.modified(),
            ..Metadata::default()
        };
        let path = match self.name.as_slice() {
            b"" if only => return Entry::payload(content),
            b"" => b"unnamed".to_vec(),
            name => name.to_vec(),
        };
        let bare = Entry::member(path, EntryKind::File, metadata);
        match self.unread {
            Some((bytes, reason)) if content.is_empty() => bare.unreadable(bytes, reason),
            Some((bytes, reason)) => bare.with_content(content).unreadable(bytes, reason),
            None => bare.with_content(content),
        }
    }
}

/// Lists the files of these blocks, all of which are decoded: only that tells how long they are.
pub(super) fn list(archive: &Extent, blocks: &[&Block], gathering: &mut Gathering) {
    let mut files: Vec<File> = Vec::new();
    let decoded: Vec<Option<Decoded>> = blocks
        .par_iter()
        .map(|block| block.header.refusal().is_none().then(|| decode(archive, block)))
        .collect();
    for (block, decoded) in blocks.iter().zip(decoded) {
        let mut at = 0;
        let made = decoded.as_ref().map(|decoded| decoded.made.as_slice()).unwrap_or_default();
        for (index, segment) in block.segments.iter().enumerate() {
            if !segment.name.is_empty() || files.is_empty() {
                files.push(File {
                    name: words::path(&segment.name),
                    words: Words::parse(&segment.comment),
                    ..File::default()
                });
            }
            let Some(file) = files.last_mut() else { continue };
            let Some(decoded) = &decoded else {
                let bytes = file.unread.take().map_or(0, |unread| unread.0) + segment.data.len();
                let reason = block.header.refusal().unwrap_or_default();
                file.unread = Some((bytes, format!("not extracted: {reason}")));
                continue;
            };
            let whole = made.get(index);
            let length = whole.map_or(u64::MAX, |made| made.length);
            let part = decoded.content.clamp(at, length);
            at += part.len();
            if !part.is_empty() {
                file.parts.push(part);
            }
            check(segment, whole, block.start, &file.name, gathering);
        }
        if let Some(fault) = decoded.and_then(|decoded| decoded.fault) {
            let name = files.last().map(|file| file.name.clone()).unwrap_or_default();
            gathering.report(fault, &name);
        }
    }
    let only = files.len() == 1;
    for file in files {
        if gathering.is_full() {
            return;
        }
        gathering.add(file.entry(archive, only));
    }
}

/// Compares the checksum of a segment.
pub(super) fn check(
    segment: &Segment,
    made: Option<&Made>,
    place: u64,
    name: &[u8],
    gathering: &mut Gathering,
) {
    if let (Some(made), Some(sha1)) = (made, segment.sha1)
        && !agrees(sha1, made.sha1)
    {
        let fault = Fault::new(place, "verify a zpaq segment", "its SHA-1 is wrong");
        gathering.report(fault, name);
    }
}
