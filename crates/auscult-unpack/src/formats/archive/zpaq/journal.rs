//! Archives as journals: updates, each a header, blocks of fragments, tables of fragments, and an
//! index of the files that were added, changed or deleted.
//!
//! A file is a list of fragments, from any block before; the same fragment may stand in many files.
//! Of several versions of a file the last is given.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;

use super::{
    blocks::Block,
    index::{self, Record},
    streaming,
    words::{self, Words},
};
use crate::{
    Endian::Little,
    Entry, EntryKind, Extent, Fault, Metadata, View,
    formats::support::{
        date::iso_8601,
        gathering::Gathering,
        promise::{Promise, Sum},
    },
};

/// What the name of a block begins with: the mark, a date in 14 digits, the kind, a number in ten.
const MARK: &[u8] = b"jDC";
const DATE_BYTES: usize = 14;
const NAME_BYTES: usize = 28;
/// A fragment in a table: SHA-1 and size.
const FRAGMENT_BYTES: usize = 24;
/// Size of the block of the fragments in front of their table.
const TABLE_START_BYTES: usize = 4;
/// Behind the fragments of a block: their sizes, the number of the first or zero, their count.
const TRAILER_BYTES: usize = 8;

/// Where the bytes of a fragment are.
#[derive(Clone, Copy, Debug)]
struct Fragment {
    /// The block, as a place in the list of those with fragments; none where it is not there.
    block: Option<usize>,
    offset: u64,
    size: u64,
    sha1: Option<[u8; 20]>,
}

/// A block of fragments.
struct Data {
    content: Extent,
    /// Where it is, and its length.
    place: u64,
    bytes: u64,
    number: u32,
    sha1: Option<[u8; 20]>,
    refusal: Option<String>,
    /// Whether its fragments are known.
    listed: bool,
}

/// What a block of a journal is called.
struct Label {
    date: u64,
    kind: u8,
    /// The first fragment.
    number: u32,
    size: u64,
}

impl Label {
    fn parse(block: &Block) -> Option<Self> {
        let [segment] = block.segments.as_slice() else { return None };
        let words = Words::parse(&segment.comment);
        let name = segment.name.strip_prefix(MARK).filter(|_| segment.name.len() == NAME_BYTES)?;
        let (date, rest) = name.split_at_checked(DATE_BYTES)?;
        let (&kind, number) = rest.split_first()?;
        Some(Self {
            date: words::number(date)?,
            kind,
            number: u32::try_from(words::number(number)?).ok()?,
            size: words.size.filter(|_| words.journal)?,
        })
    }
}

/// Whether the comment of its first segment says that a block is one of a journal.
pub(super) fn is_journal(block: &Block) -> bool {
    block.segments.first().is_some_and(|segment| Words::parse(&segment.comment).journal)
}

/// A journal while its blocks are read.
struct Journal<'archive> {
    archive: &'archive Extent,
    data: Vec<Data>,
    /// The place of a block of fragments by the number of the first.
    by_number: HashMap<u32, usize>,
    fragments: HashMap<u32, Fragment>,
    files: BTreeMap<Vec<u8>, Record>,
    versions: u64,
    older: u64,
    updated: Option<i64>,
    /// Where an update starts that was not finished.
    unfinished: Option<u64>,
}

/// What an archive tells besides its files.
pub(super) type Attributes = Vec<(&'static str, String)>;

/// Lists the files of these blocks as they stand after the last update.
pub(super) fn list(
    archive: &Extent,
    blocks: &[&Block],
    gathering: &mut Gathering,
) -> (Attributes, Vec<Fault>) {
    let mut journal = Journal {
        archive,
        data: Vec::new(),
        by_number: HashMap::new(),
        fragments: HashMap::new(),
        files: BTreeMap::new(),
        versions: 0,
        older: 0,
        updated: None,
        unfinished: None,
    };
    for block in blocks {
        if let Err(fault) = journal.read(block, gathering) {
            gathering.report(fault, b"");
        }
        if journal.unfinished.is_some() {
            break;
        }
    }
    journal.recover_tables(gathering);
    let promises = journal.entries(gathering);
    if let Some(start) = journal.unfinished {
        let end = blocks.last().map_or(start, |block| block.end);
        let why = "the last update was not finished";
        gathering.report(Fault::new(start, "read a zpaq journal", why), b"");
        let rest = Entry::part("unfinished-update", archive.clamp(start, 0));
        gathering.add(rest.unreadable(end - start, "not extracted: an unfinished update"));
    }
    let faults = super::verify::verify(&promises);
    (journal.attributes(), faults)
}

impl Journal<'_> {
    fn read(&mut self, block: &Block, gathering: &mut Gathering) -> Result<(), Fault> {
        let wrong = |why: &str| Fault::new(block.start, "read a zpaq journal", why);
        let label = Label::parse(block).ok_or_else(|| wrong("a block with an impossible name"))?;
        match label.kind {
            b'd' => self.read_data(block, &label),
            b'c' => {
                let bytes = self.decode(block, &label, gathering)?;
                // The bytes of the blocks of fragments that follow, -1 until they are all there.
                if View(&bytes).u64(0, Little)?.cast_signed() < 0 {
                    self.unfinished = Some(block.start);
                    return Ok(());
                }
                self.versions += 1;
                self.updated = words::seconds(label.date);
            }
            b'h' => {
                let bytes = self.decode(block, &label, gathering)?;
                self.read_table(&bytes, label.number);
            }
            b'i' => {
                let bytes = self.decode(block, &label, gathering)?;
                self.read_index(&bytes, block.start, gathering);
            }
            _ => return Err(wrong("a block of an unknown kind")),
        }
        Ok(())
    }

    /// Decodes a block that tells of others.
    fn decode(
        &self,
        block: &Block,
        label: &Label,
        gathering: &mut Gathering,
    ) -> Result<Bytes, Fault> {
        if let Some(why) = block.header.refusal() {
            return Err(Fault::new(block.start, "read a zpaq journal", why));
        }
        let decoded = streaming::decode(self.archive, block);
        let made = decoded.made.first();
        for segment in &block.segments {
            streaming::check(segment, made, block.start, &segment.name, gathering);
        }
        let there = decoded.content.len();
        if let Some(fault) = decoded.fault {
            gathering.report(fault, b"");
        } else if there != label.size {
            let why = format!("{} bytes promised, {there} there", label.size);
            gathering.report(Fault::new(block.start, "read a zpaq journal", why), b"");
        }
        decoded.content.read_all()
    }

    /// A block of fragments is decoded when it is needed.
    fn read_data(&mut self, block: &Block, label: &Label) {
        let packed = block.packed(self.archive);
        self.by_number.insert(label.number, self.data.len());
        self.data.push(Data {
            content: Extent::derived(self.archive.vault(), label.size, packed),
            place: block.start,
            bytes: block.bytes(),
            number: label.number,
            sha1: block.segments.first().and_then(|segment| segment.sha1),
            refusal: block.header.refusal(),
            listed: false,
        });
    }

    /// A table tells the fragments of one block, from this number on.
    fn read_table(&mut self, bytes: &[u8], first: u32) {
        let rows = bytes.get(TABLE_START_BYTES..).unwrap_or_default();
        let (rows, _) = rows.as_chunks::<FRAGMENT_BYTES>();
        let rows = rows.iter().map(|row| {
            let size = View(row).u32(20, Little).unwrap_or(0);
            (size, row.first_chunk().copied())
        });
        self.add_fragments(first, rows);
    }

    fn add_fragments(&mut self, first: u32, rows: impl Iterator<Item = (u32, Option<[u8; 20]>)>) {
        let block = self.by_number.get(&first).copied();
        if let Some(data) = block.and_then(|block| self.data.get_mut(block)) {
            data.listed = true;
        }
        let mut offset = 0_u64;
        for (number, (size, sha1)) in (first..=u32::MAX).zip(rows) {
            let size = u64::from(size);
            self.fragments.insert(number, Fragment { block, offset, size, sha1 });
            offset = offset.saturating_add(size);
        }
    }

    /// Blocks without a table tell the sizes of their fragments at their end.
    fn recover_tables(&mut self, gathering: &mut Gathering) {
        let unlisted: Vec<usize> = self
            .data
            .iter()
            .enumerate()
            .filter(|(_, data)| !data.listed && data.refusal.is_none())
            .map(|(index, _)| index)
            .collect();
        for index in unlisted {
            let Some(data) = self.data.get(index) else { continue };
            let (number, place) = (data.number, data.place);
            match sizes_at_end(&data.content, number) {
                Ok(sizes) => self.add_fragments(number, sizes.into_iter().map(|size| (size, None))),
                Err(fault) => gathering.report(fault.within(place), b""),
            }
        }
    }

    fn read_index(&mut self, bytes: &[u8], place: u64, gathering: &mut Gathering) {
        let mut rest = View(bytes);
        while !rest.0.is_empty() {
            let (name, record, length) = match index::read(rest) {
                Ok(read) => read,
                Err(fault) => {
                    let fault = Fault::new(place, "read a zpaq index", fault.why);
                    return gathering.report(fault, b"");
                }
            };
            if self.files.insert(name, record).is_some_and(|old| old.date != 0) {
                self.older += 1;
            }
            rest = View(rest.0.get(length..).unwrap_or_default());
        }
    }

    /// Adds an entry for each file. Returns what is promised of the fragments that they are made of.
    fn entries(&self, gathering: &mut Gathering) -> Vec<Vec<Promise>> {
        let mut promises: Vec<Vec<Promise>> = self.data.iter().map(|_| Vec::new()).collect();
        let mut promised = HashSet::new();
        for (name, record) in &self.files {
            if record.date == 0 {
                continue;
            }
            if gathering.is_full() {
                break;
            }
            let entry = self.entry(name, record, gathering);
            gathering.add(entry);
            for &number in &record.fragments {
                if promised.insert(number)
                    && let Some((block, promise)) = self.promise(name, number)
                    && let Some(list) = promises.get_mut(block)
                {
                    list.push(promise);
                }
            }
        }
        self.promise_blocks(&mut promises);
        promises
    }

    fn promise(&self, name: &[u8], number: u32) -> Option<(usize, Promise)> {
        let fragment = self.fragments.get(&number)?;
        let block = fragment.block?;
        let data = self.data.get(block).filter(|data| data.refusal.is_none())?;
        let name = [name, format!(" (fragment {number})").as_bytes()].concat();
        let content = data.content.slice(fragment.offset, fragment.size)?;
        let sum = Sum::Sha1(fragment.sha1?);
        Some((block, Promise { name, place: data.place, content, sum }))
    }

    /// Blocks whose fragments have no checksums may have one of their own.
    fn promise_blocks(&self, promises: &mut [Vec<Promise>]) {
        for (data, list) in self.data.iter().zip(promises) {
            let Some(sha1) = data.sha1.filter(|_| list.is_empty() && data.refusal.is_none()) else {
                continue;
            };
            let name = format!("block of fragment {}", data.number).into_bytes();
            let (content, sum) = (data.content.clone(), Sum::Sha1(sha1));
            list.push(Promise { name, place: data.place, content, sum });
        }
    }

    fn entry(&self, name: &[u8], record: &Record, gathering: &mut Gathering) -> Entry {
        let metadata = Metadata {
            mode: record.attributes.and_then(words::mode),
            modified: words::seconds(record.date),
            ..Metadata::default()
        };
        let folder = name.strip_suffix(b"/");
        if folder.is_some() || record.attributes.is_some_and(words::is_directory) {
            return Entry::member(folder.unwrap_or(name), EntryKind::Directory, metadata);
        }
        let bare = Entry::member(name, EntryKind::File, metadata);
        if let Some((bytes, why)) = self.refusal(record) {
            return bare.unreadable(bytes, format!("not extracted: {why}"));
        }
        bare.with_content(self.content(name, record, gathering))
    }

    /// Why a file cannot be read for now, and its share of the archive in bytes.
    fn refusal(&self, record: &Record) -> Option<(u64, String)> {
        let fragments = || record.fragments.iter().filter_map(|number| self.fragments.get(number));
        if self.data.is_empty() && fragments().next().is_some() {
            return Some((0, "its fragments are in another archive".to_owned()));
        }
        let mut refusal: Option<(u64, String)> = None;
        for fragment in fragments() {
            let Some(data) = fragment.block.and_then(|block| self.data.get(block)) else {
                continue;
            };
            let Some(why) = &data.refusal else { continue };
            let share = u128::from(data.bytes) * u128::from(fragment.size)
                / u128::from(data.content.len().max(1));
            let share = u64::try_from(share).unwrap_or(u64::MAX).min(data.bytes);
            let (sum, _) = refusal.get_or_insert_with(|| (0, why.clone()));
            *sum = sum.saturating_add(share);
        }
        refusal
    }

    /// The bytes of a file, with holes where fragments are missing.
    fn content(&self, name: &[u8], record: &Record, gathering: &mut Gathering) -> Extent {
        let vault = self.archive.vault();
        let mut parts: Vec<Extent> = Vec::new();
        // The block of the last part, where the part starts there, and where it stops.
        let mut last: Option<(usize, u64, u64)> = None;
        for &number in &record.fragments {
            let Some(fragment) = self.fragments.get(&number) else {
                let why = format!("fragment {number} is in no table; its length is not known");
                gathering.report(Fault::new(0, "read a zpaq journal", why), name);
                continue;
            };
            let (start, end) = (fragment.offset, fragment.offset.saturating_add(fragment.size));
            // Fragments that follow each other are one part.
            let joined =
                last.filter(|&(block, _, stop)| Some(block) == fragment.block && stop == start);
            let start = joined.map_or(start, |(_, start, _)| start);
            let there = fragment.block.and_then(|block| {
                let part = self.data.get(block)?.content.slice(start, end - start)?;
                Some((block, part))
            });
            if let Some((block, part)) = there {
                if joined.is_some() {
                    parts.pop();
                }
                parts.push(part);
                last = Some((block, start, end));
            } else {
                let fault = Fault::new(0, "read a zpaq journal", format!("no fragment {number}"));
                gathering.report(fault.clone(), name);
                parts.push(Extent::missing(vault, fragment.size, fault));
                last = None;
            }
        }
        Extent::joined(vault, parts)
    }

    fn attributes(&self) -> Attributes {
        let deleted = self.files.values().filter(|record| record.date == 0).count();
        let mut attributes = vec![("versions", self.versions.to_string())];
        if let Some(updated) = self.updated {
            attributes.push(("updated", iso_8601(updated)));
        }
        for (key, count) in
            [("deleted-files", u64::try_from(deleted).unwrap_or(0)), ("older-files", self.older)]
        {
            if count > 0 {
                attributes.push((key, count.to_string()));
            }
        }
        attributes
    }
}

/// Sizes of the fragments at the end of a block.
fn sizes_at_end(content: &Extent, first: u32) -> Result<Vec<u32>, Fault> {
    let wrong = |why: &str| Fault::new(0, "read the fragments of a zpaq block", why);
    let bytes = content.read_all()?;
    let split = bytes.len().checked_sub(TRAILER_BYTES).ok_or_else(|| wrong("no sizes"))?;
    let (rest, trailer) = bytes.split_at(split);
    let (number, count) = (View(trailer).u32(0, Little)?, View(trailer).u32(4, Little)?);
    let sizes = usize::try_from(count).ok().and_then(|count| count.checked_mul(4));
    let start = sizes.and_then(|sizes| rest.len().checked_sub(sizes));
    let (Some(start), true) = (start, number == 0 || number == first) else {
        return Err(wrong("an impossible list of sizes"));
    };
    let (sizes, _) = rest.get(start..).unwrap_or_default().as_chunks::<4>();
    let sizes: Vec<u32> = sizes.iter().map(|size| u32::from_le_bytes(*size)).collect();
    let sum: u64 = sizes.iter().map(|&size| u64::from(size)).sum();
    if usize::try_from(sum).is_ok_and(|sum| sum == start) {
        Ok(sizes)
    } else {
        Err(wrong("sizes that do not fit"))
    }
}
