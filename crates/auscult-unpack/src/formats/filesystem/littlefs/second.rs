//! Version 2: a metadata block is a log of commits, each of tags with data, ended by a checksum.
//! Tags are stored as what differs from the one before.

use super::{
    Blocks, Entry, Layout, MAGIC, NO_PAIR, Object, Pair, Piece, Skips, Superblock, pair_at, sorted,
};
use crate::{
    Endian::{Big, Little},
    Extent, Fault, View,
    checksum::{Crc32, agrees},
};

/// Bits of a tag (`lfs_tag_…`).
const TAG_INVALID: u32 = 1 << 31;
/// A length that says that the tag's data was removed.
const REMOVED: u32 = 0x3ff;
/// Types: names by kind, structures, and what is told by all eleven bits.
const NAME_FILE: u32 = 0x001;
const NAME_DIRECTORY: u32 = 0x002;
const NAME_SUPERBLOCK: u32 = 0x0ff;
const STRUCT_DIRECTORY: u32 = 0x200;
const STRUCT_INLINE: u32 = 0x201;
const STRUCT_BLOCKS: u32 = 0x202;
const CREATE: u32 = 0x401;
const DELETE: u32 = 0x4ff;
const CHECKSUM: u32 = 0x500;
const TAIL_HARD: u32 = 0x601;
const MOVE_STATE: u32 = 0x7ff;
/// Bytes of a block that are looked at before its size is known.
const BLOCK_BYTES_GUESSED: u64 = 64 << 10;

/// A tag and where its data is in the block.
#[derive(Clone, Copy, Debug)]
struct Tag {
    kind: u32,
    id: usize,
    offset: usize,
    length: usize,
    is_removed: bool,
}

impl Tag {
    fn of(word: u32, offset: usize) -> Self {
        let length = word & REMOVED;
        let is_removed = length == REMOVED;
        let bytes = if is_removed { 0 } else { length };
        Self {
            kind: word >> 20 & 0x7ff,
            id: usize::try_from(word >> 10 & 0x3ff).unwrap_or(0),
            offset,
            length: usize::try_from(bytes).unwrap_or(0),
            is_removed,
        }
    }
}

/// A metadata block: its revision and the tags of its whole commits.
struct Log<'data> {
    revision: u32,
    bytes: &'data [u8],
    tags: Vec<Tag>,
}

impl<'data> Log<'data> {
    /// Reads the commits up to the first that is not whole; nothing without one.
    fn parse(bytes: &'data [u8]) -> Option<Self> {
        let view = View(bytes);
        let revision = view.u32(0, Little).ok()?;
        let (mut tags, mut pending) = (Vec::new(), Vec::new());
        let (mut position, mut previous, mut commit) = (4, u32::MAX, 0);
        while let Ok(stored) = view.u32(position, Big) {
            let word = stored ^ previous;
            let tag = Tag::of(word, position + 4);
            if word & TAG_INVALID != 0 || view.bytes(tag.offset, tag.length).is_err() {
                break;
            }
            previous = word;
            if tag.kind & 0x780 == CHECKSUM {
                let signed = bytes.get(commit..tag.offset)?;
                // The checksum starts inverted and is not inverted at the end.
                let fits = view
                    .u32(tag.offset, Little)
                    .is_ok_and(|checksum| agrees(checksum, !Crc32::of(signed)));
                if !fits {
                    break;
                }
                // Whether tags of the next commit are valid with the bit set or clear.
                previous ^= (tag.kind & 1) << 31;
                tags.append(&mut pending);
                commit = tag.offset + tag.length;
            } else {
                pending.push(tag);
            }
            position = tag.offset + tag.length;
        }
        (commit > 0).then_some(Self { revision, bytes, tags })
    }

    fn data(&self, tag: Tag) -> View<'data> {
        View(self.bytes.get(tag.offset..tag.offset + tag.length).unwrap_or_default())
    }
}

/// An entry while its tags are applied.
#[derive(Clone, Default)]
struct Slot {
    kind: u32,
    name: Vec<u8>,
    structure: Option<Tag>,
    attributes: Vec<(u8, Vec<u8>)>,
}

/// The state that the tags of a block add up to.
#[derive(Default)]
struct State {
    slots: Vec<Slot>,
    tail: Option<(Pair, bool)>,
    /// What this pair adds to the state of moves.
    moves: [u32; 3],
}

impl State {
    fn of(log: &Log<'_>) -> Result<Self, Fault> {
        let mut state = Self::default();
        for &tag in &log.tags {
            match tag.kind {
                CREATE if tag.id <= state.slots.len() => {
                    state.slots.insert(tag.id, Slot::default());
                }
                DELETE if tag.id < state.slots.len() => drop(state.slots.remove(tag.id)),
                MOVE_STATE => {
                    let data = log.data(tag);
                    let word = |offset| data.u32(offset, Little);
                    state.moves = [word(0)?, word(4)?, word(8)?];
                }
                kind => match kind >> 8 {
                    0 | 2 | 3 => state.change(log, tag),
                    6 => {
                        let pair = pair_at(log.data(tag), 0)?;
                        state.tail = (pair[0] != NO_PAIR).then_some((pair, kind == TAIL_HARD));
                    }
                    _ => {}
                },
            }
        }
        Ok(state)
    }

    /// Changes an entry; names make room for themselves.
    fn change(&mut self, log: &Log<'_>, tag: Tag) {
        if tag.id >= self.slots.len() {
            self.slots.resize(tag.id + 1, Slot::default());
        }
        let Some(slot) = self.slots.get_mut(tag.id) else { return };
        match tag.kind >> 8 {
            0 => (slot.kind, slot.name) = (tag.kind, log.data(tag).0.to_vec()),
            2 => slot.structure = Some(tag),
            _ => {
                let number = u8::try_from(tag.kind & 0xff).unwrap_or(0);
                slot.attributes.retain(|&(known, _)| known != number);
                if !tag.is_removed {
                    slot.attributes.push((number, log.data(tag).0.to_vec()));
                }
            }
        }
    }

    fn superblock(&self, log: &Log<'_>) -> Option<Superblock> {
        let slot = self.slots.first()?;
        let data = log.data(slot.structure.filter(|tag| tag.kind == STRUCT_INLINE)?);
        let word = |offset| data.u32(offset, Little).ok();
        let superblock =
            Superblock { version: word(0)?, block_bytes: word(4)?, block_count: word(8)? };
        let is_named = slot.kind == NAME_SUPERBLOCK && slot.name == MAGIC;
        (is_named && superblock.is_plausible()).then_some(superblock)
    }
}

/// The superblock in the first block.
pub(super) fn superblock(extent: &Extent) -> Option<Superblock> {
    let bytes = extent.read_up_to(0, BLOCK_BYTES_GUESSED).ok()?;
    let log = Log::parse(&bytes)?;
    State::of(&log).ok()?.superblock(&log)
}

/// What holds for the whole file system.
pub(super) struct Second {
    root: Pair,
    /// An entry that was being moved: its pair and number.
    moved: Option<(Pair, usize)>,
}

impl Second {
    /// Follows the list of all pairs: the last with a superblock is the root directory, and what
    /// they all add up to tells of an unfinished move.
    pub(super) fn mount(blocks: &Blocks, faults: &mut Vec<Fault>) -> Self {
        let (mut root, mut moves, mut seen) =
            ([0, 1], [0_u32; 3], std::collections::HashSet::new());
        let mut next = Some([0, 1]);
        while let Some(pair) = next.filter(|&pair| seen.insert(sorted(pair))) {
            let read = with_newest(blocks, pair, |log, _| {
                let state = State::of(log)?;
                let is_root = state.superblock(log).is_some();
                Ok((is_root, state.moves, state.tail))
            });
            match read {
                Ok((is_root, delta, tail)) => {
                    root = if is_root { pair } else { root };
                    for (sum, delta) in moves.iter_mut().zip(delta) {
                        *sum ^= delta;
                    }
                    next = tail.map(|(pair, _)| pair);
                }
                Err(fault) => {
                    faults.push(fault);
                    break;
                }
            }
        }
        let [word, one, other] = moves;
        let tag = Tag::of(word, 0);
        let moved = (tag.kind == DELETE).then_some((sorted([one, other]), tag.id));
        Self { root, moved }
    }

    /// The root directory.
    pub(super) fn root(&self) -> Pair {
        self.root
    }
}

/// Reads the newer of the two blocks of a pair.
fn with_newest<T>(
    blocks: &Blocks,
    pair: Pair,
    read: impl FnOnce(&Log<'_>, u32) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let [one, other] = pair.map(|block| blocks.block(block)?.read_all());
    let logs = [(&one, pair[0]), (&other, pair[1])]
        .into_iter()
        .filter_map(|(bytes, block)| Some((Log::parse(bytes.as_ref().ok()?)?, block)));
    // Revisions wrap around.
    let newest = logs.reduce(|known, found| {
        let is_newer = found.0.revision.wrapping_sub(known.0.revision) < 1 << 31;
        if is_newer && found.0.revision != known.0.revision { found } else { known }
    });
    let (log, block) = newest.ok_or_else(|| {
        let why = format!("neither block {} nor block {} is whole", pair[0], pair[1]);
        Fault::new(blocks.place(pair[0]), "read metadata", why)
    })?;
    read(&log, block)
}

impl Layout for Second {
    fn piece(&self, blocks: &Blocks, pair: Pair) -> Result<Piece, Fault> {
        with_newest(blocks, pair, |log, block| {
            let state = State::of(log)?;
            let next = state.tail.filter(|&(_, is_hard)| is_hard).map(|(pair, _)| pair);
            let place = blocks.place(block);
            let mut entries = Vec::new();
            for (id, slot) in state.slots.into_iter().enumerate() {
                if self.moved == Some((sorted(pair), id)) {
                    continue;
                }
                entries.extend(entry(blocks, log, place, slot)?);
            }
            Ok(Piece { entries, next })
        })
    }
}

/// The entry that a slot came to, if it is a file or a directory.
fn entry(blocks: &Blocks, log: &Log<'_>, place: u64, slot: Slot) -> Result<Option<Entry>, Fault> {
    let Slot { kind, name, structure: Some(tag), attributes } = slot else { return Ok(None) };
    let offset = |at: usize| place + u64::try_from(at).unwrap_or(0);
    let data = log.data(tag);
    let object = match (kind, tag.kind) {
        (NAME_DIRECTORY, STRUCT_DIRECTORY) => Object::Directory(pair_at(data, 0)?),
        (NAME_FILE, STRUCT_INLINE) => {
            let length = u64::try_from(tag.length).unwrap_or(0);
            Object::Inline(blocks.image.clamp(offset(tag.offset), length))
        }
        (NAME_FILE, STRUCT_BLOCKS) => {
            Object::Blocks(Skips { head: data.u32(0, Little)?, size: data.u32(4, Little)? })
        }
        _ => return Ok(None),
    };
    Ok(Some(Entry { name, object, attributes, place: offset(tag.offset) }))
}
