//! Members out of elements: paths, and the forks of each file as slices of their streams.

use std::collections::HashMap;

use super::{
    Archive,
    catalogue::Record,
    element::{Element, kind},
    packing,
};
use crate::{
    Entry, EntryKind, Extent, Fault,
    codec::stuffit::Unpacking,
    format::Opened,
    formats::support::{
        gathering::Gathering,
        promise::{self, Promise, Sum},
    },
};

/// Kinds of forks.
const DATA_FORK: u64 = 0;
const RESOURCE_FORK: u64 = 1;
/// Checksums by their number.
const CRC32: u64 = 0;
const MD5: u64 = 1;
/// Longest target of a symbolic link read, in bytes.
const TARGET_BYTES_MAX: u64 = 4096;

/// The bytes of a fork, or why there are none.
#[derive(Clone, Debug)]
enum Content {
    There(Extent),
    /// Packed bytes that cannot be read, and why.
    Unreadable(u64, String),
    Missing,
}

/// Forks by the number of their file: kind and bytes.
type Forks = HashMap<u64, Vec<(u64, Content)>>;

/// Lists everything, and verifies the streams.
pub(super) fn list(archive: &Archive, mut gathering: Gathering, opened: &mut Opened) {
    let mut promises = Vec::new();
    let paths = Paths::of(archive, &mut gathering);
    let forks = forks(archive, &paths, &mut promises);
    for (index, object) in archive.objects.iter().enumerate() {
        if gathering.is_full() {
            break;
        }
        let Some(path) = paths.by_index.get(index).cloned().flatten() else { continue };
        let own = object.number.and_then(|number| forks.get(&number));
        let record = archive.records.get(index);
        add(object, record, &path, own.map_or(&[][..], Vec::as_slice), &mut gathering);
    }
    tell(archive, opened);
    let (entries, faults) = gathering.finish();
    opened.entries = entries;
    opened.faults.extend(faults);
    opened.faults.extend(promise::verify(&promises));
}

/// Adds a file or folder with all of its forks.
fn add(
    object: &Element,
    record: Option<&Record>,
    path: &[u8],
    forks: &[(u64, Content)],
    gathering: &mut Gathering,
) {
    let metadata = record.map(|record| record.metadata.clone()).unwrap_or_default();
    let is_folder = object.kind == kind::DIRECTORY;
    let kind = if is_folder { EntryKind::Directory } else { EntryKind::File };
    let data = forks.iter().find(|fork| fork.0 == DATA_FORK).map(|fork| &fork.1);
    let bare = Entry::member(path, kind, metadata.clone());
    let link = record.is_some_and(|record| record.link);
    let entry = match data {
        Some(Content::There(target)) if link => match target.read_up_to(0, TARGET_BYTES_MAX) {
            Ok(target) => Entry { kind: EntryKind::Symlink(target[..].into()), ..bare },
            Err(_) => bare.with_content(target.clone()),
        },
        Some(content) => filled(bare, content, gathering),
        None => bare,
    };
    gathering.add(entry);
    for (fork, content) in forks.iter().filter(|fork| fork.0 != DATA_FORK) {
        let name = match *fork {
            RESOURCE_FORK => "rsrc".to_owned(),
            other => other.to_string(),
        };
        let path = [path, b"/..namedfork/", name.as_bytes()].concat();
        let bare = Entry::member(path, EntryKind::File, metadata.clone());
        let entry = filled(bare, content, gathering);
        gathering.add(entry);
    }
}

fn filled(bare: Entry, content: &Content, gathering: &mut Gathering) -> Entry {
    match content {
        Content::There(content) => bare.with_content(content.clone()),
        Content::Unreadable(bytes, reason) => bare.unreadable(*bytes, reason.as_str()),
        Content::Missing => {
            let why = "its packed bytes are not there";
            gathering.report(Fault::new(0, "read a stuffit member", why), &bare.path.0);
            bare
        }
    }
}

/// The path of each object, and the number of each path's object.
struct Paths {
    by_index: Vec<Option<Vec<u8>>>,
    by_number: HashMap<u64, usize>,
}

impl Paths {
    fn of(archive: &Archive, gathering: &mut Gathering) -> Self {
        let numbers = archive.objects.iter().enumerate();
        let by_number = numbers.filter_map(|(index, object)| Some((object.number?, index)));
        let mut paths =
            Self { by_index: vec![None; archive.objects.len()], by_number: by_number.collect() };
        let mut done = vec![false; archive.objects.len()];
        for index in 0..archive.objects.len() {
            paths.resolve(archive, index, &mut done, gathering);
        }
        paths
    }

    fn parent(&self, archive: &Archive, index: usize) -> Option<usize> {
        let parent = archive.objects.get(index)?.parent?;
        self.by_number.get(&parent).copied().filter(|&parent| parent != index)
    }

    /// Finds the path of an object, after those of the folders around it.
    fn resolve(
        &mut self,
        archive: &Archive,
        index: usize,
        done: &mut [bool],
        gathering: &mut Gathering,
    ) {
        let is_done = |done: &[bool], index: usize| done.get(index).copied().unwrap_or(true);
        let mut chain = Vec::new();
        let mut next = Some(index);
        while let Some(here) = next.filter(|&here| !is_done(done, here)) {
            // Marked at once: a folder in itself is at the top.
            if let Some(done) = done.get_mut(here) {
                *done = true;
            }
            chain.push(here);
            next = self.parent(archive, here);
        }
        for here in chain.into_iter().rev() {
            let parent = self.parent(archive, here);
            let parent = parent.and_then(|parent| self.by_index.get(parent).cloned().flatten());
            let name = name(archive, here);
            let place = archive.objects.get(here).map_or(0, |object| object.place);
            let path = gathering.child(&parent.unwrap_or_default(), &name, place);
            if let Some(slot) = self.by_index.get_mut(here) {
                *slot = path;
            }
        }
    }

    /// The path of the object with this number, for faults.
    fn shown(&self, number: Option<u64>) -> Vec<u8> {
        let index = number.and_then(|number| self.by_number.get(&number));
        let path = index.and_then(|&index| self.by_index.get(index).cloned().flatten());
        path.unwrap_or_default()
    }
}

/// The name of an object; without a catalogue its number.
fn name(archive: &Archive, index: usize) -> Vec<u8> {
    let record = archive.records.get(index).filter(|record| !record.name.is_empty());
    if let Some(record) = record {
        // A slash in a name is a colon to Unix programs.
        let colon = |&byte: &u8| if byte == b'/' { b':' } else { byte };
        return record.name.iter().map(colon).collect();
    }
    let number = archive.objects.get(index).and_then(|object| object.number).unwrap_or(0);
    format!("unnamed-{number}").into_bytes()
}

/// Cuts every stream into the forks in it.
fn forks(archive: &Archive, paths: &Paths, promises: &mut Vec<Promise>) -> Forks {
    let mut forks = Forks::new();
    let mut numbers: Vec<&u64> = archive.forks.keys().collect();
    numbers.sort();
    let streams: HashMap<u64, &Element> =
        archive.streams.iter().map(|stream| (stream.number.unwrap_or(0), stream)).collect();
    for number in numbers {
        let Some(slots) = archive.forks.get(number) else { continue };
        let first = || slots.values().flatten().next().and_then(|fork| fork.parent);
        let whole = match streams.get(number) {
            Some(stream) => whole(stream, slots.values(), &paths.shown(first()), promises),
            None => (Content::Missing, 0),
        };
        let (mut at, mut expected) = (0_u64, 0);
        for (&slot, owners) in slots {
            let length = length(owners, whole.1);
            // Behind a fork that is missing, nobody knows where the next one begins.
            let content =
                if slot == expected { part(&whole, at, length) } else { Content::Missing };
            for fork in owners {
                let file = forks.entry(fork.parent.unwrap_or(0)).or_default();
                file.push((fork.detail, content.clone()));
            }
            at = at.saturating_add(length);
            expected = expected.saturating_add(u64::from(slot == expected));
        }
    }
    forks
}

/// Bytes of a fork. Those of an unknown kind do not tell it: they have a stream of their own.
fn length(owners: &[Element], whole: u64) -> u64 {
    match owners.first() {
        Some(fork) if fork.detail <= RESOURCE_FORK => fork.length.unwrap_or(0),
        _ => whole,
    }
}

fn part(whole: &(Content, u64), at: u64, length: u64) -> Content {
    match whole {
        (Content::There(stream), _) => {
            stream.slice(at, length).map_or(Content::Missing, Content::There)
        }
        (Content::Unreadable(packed, reason), size) => {
            let share = u128::from(*packed) * u128::from(length) / u128::from((*size).max(1));
            Content::Unreadable(u64::try_from(share).unwrap_or(*packed), reason.clone())
        }
        (Content::Missing, _) => Content::Missing,
    }
}

/// The content of a stream with its size, and the promise of its checksum.
fn whole<'forks>(
    stream: &Element,
    slots: impl Iterator<Item = &'forks Vec<Element>>,
    name: &[u8],
    promises: &mut Vec<Promise>,
) -> (Content, u64) {
    let told = stream.length.unwrap_or(0);
    let size = slots.fold(0_u64, |sum, owners| sum.saturating_add(length(owners, told)));
    let Some(input) = stream.packed.clone() else { return (Content::Missing, size) };
    let packing = packing(stream);
    if stream.encrypted {
        return (Content::Unreadable(input.len(), "encrypted".to_owned()), size);
    }
    if let Some(reason) = packing.obstacle() {
        return (Content::Unreadable(input.len(), reason), size);
    }
    let content = Unpacking { packing, input, size }.extent();
    if let Some(sum) = sum(stream) {
        let (name, place) = (name.to_vec(), stream.place);
        promises.push(Promise { name, place, content: content.clone(), sum });
    }
    (Content::There(content), size)
}

/// The checksum of a stream, where it is of a known kind.
fn sum(stream: &Element) -> Option<Sum> {
    match stream.checksum? {
        CRC32 => stream.sum.first_chunk().map(|sum| Sum::Crc32(u32::from_be_bytes(*sum))),
        MD5 => stream.sum.first_chunk().map(|sum| Sum::Md5(*sum)),
        _ => None,
    }
}

/// Attributes of the archive, and that all of it is encrypted.
fn tell(archive: &Archive, opened: &mut Opened) {
    let mut methods: Vec<String> = Vec::new();
    for stream in &archive.streams {
        let packing = packing(stream);
        let filter = packing.filter.map(super::Filter::name);
        for name in [packing.compression.name()].into_iter().chain(filter) {
            if !methods.contains(&name) && methods.len() < 32 {
                methods.push(name);
            }
        }
    }
    if !methods.is_empty() {
        opened.attributes.push(("compression", methods.join(" ")));
    }
    if archive.forks.values().any(|slots| slots.len() > 1) {
        opened.attributes.push(("solid", "true".to_owned()));
    }
    if !archive.comment.is_empty() {
        let comment = String::from_utf8_lossy(&archive.comment).into_owned();
        opened.attributes.push(("comment", comment));
    }
    let locked = archive.streams.iter().filter(|stream| stream.encrypted).count();
    if locked > 0 {
        let names = archive.nameless.is_some();
        let what = if names { "names and contents" } else { "contents" };
        opened.attributes.push(("encrypted", what.to_owned()));
    }
    if locked > 0 && locked == archive.streams.len() {
        opened.unread = Some("encrypted".to_owned());
    } else if let Some(reason) = &archive.nameless {
        let why = format!("names: {reason}");
        opened.faults.push(Fault::new(0, "read the stuffit catalogue", why));
    }
}
