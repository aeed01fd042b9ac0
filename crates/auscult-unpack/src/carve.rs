//! Finds formats in bytes: at the start of a file, or at every offset of a raw image.
//!
//! One multi-pattern pass over a sliding window gives candidates in the order of their header's
//! offset; each is confirmed by opening it. What an opened format claims is not searched again at
//! this level. The rest becomes raw regions and padding, so that every byte is accounted for.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use auscult_model::Limits;
use rayon::prelude::*;

use crate::{
    Entry, Extent, Fault, Memo, Reading,
    entropy::entropy_centibits,
    format::{Candidate, Format, Opened},
    formats::REGISTRY,
    padding, probe,
};

/// A stretch of the bytes that were searched. Stretches are in order and leave no gap.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) kind: StretchKind,
}

#[derive(Debug)]
pub(crate) enum StretchKind {
    /// No format claims it; with its entropy in hundredths of a bit per byte.
    Raw { entropy_centibits: u16 },
    /// Only this byte, 00 or FF.
    Padding,
    /// An opened format.
    Container(Box<Container>),
}

#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) format: &'static str,
    pub(crate) opened: Opened,
    /// What was found in the content of each entry, in the order of `opened.entries`.
    pub(crate) inner: Vec<Vec<Stretch>>,
}

/// Holes from this length on are padding without a look; shorter ones count as other zeros do.
const HOLE_BYTES_MIN: u64 = 64 << 10;
/// Window of one carving pass.
const WINDOW_BYTES: u64 = 4 << 20;
/// What one thread searches of it at once.
const PIECE_BYTES: usize = 512 << 10;

struct Searcher {
    automaton: AhoCorasick,
    /// Pattern number to the format's place in the registry and the offset of the magic.
    patterns: Vec<(usize, usize)>,
    /// Bytes past the window in which a magic of a header that starts inside it may stand.
    reach: u64,
}

static SEARCHER: LazyLock<Option<Searcher>> = LazyLock::new(Searcher::new);

impl Searcher {
    fn new() -> Option<Self> {
        let (mut literals, mut patterns, mut reach) = (Vec::new(), Vec::new(), 0);
        for (index, format) in REGISTRY.iter().enumerate() {
            for magic in format.magics {
                reach = reach.max(magic.offset + magic.bytes.len());
                if format.carve {
                    literals.push(magic.bytes);
                    patterns.push((index, magic.offset));
                }
            }
        }
        // Standard semantics report every magic that ends at a place, overlapping ones too.
        // The table of a DFA is small for so few literals, and several times as fast to walk.
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(literals);
        Some(Self { automaton: automaton.ok()?, patterns, reach: u64::try_from(reach).ok()? })
    }

    /// Header offsets in `from..to` with the format that may start there, in order. Formats that
    /// are not carved may start only at 0.
    fn candidates(&self, extent: &Extent, from: u64, to: u64) -> Result<Vec<(u64, usize)>, Fault> {
        let bytes = extent.read_up_to(from, to - from + self.reach)?;
        let margin = self.automaton.max_pattern_len();
        let pieces: Vec<_> = padding::busy_parts(&bytes, margin)
            .into_iter()
            .flat_map(|(base, busy)| pieces(base, busy, margin))
            .collect();
        let hits = |&(base, busy): &(usize, &[u8])| self.hits(base, busy, from, to);
        let mut found: Vec<_> = pieces.par_iter().flat_map_iter(hits).collect();
        // Weak magics, of formats that are not carved, are compared at the start only: each one
        // more to look for everywhere would slow down the search.
        if from == 0 {
            let weak = REGISTRY.iter().enumerate().filter(|(_, format)| !format.carve);
            found.extend(
                weak.filter(|(_, format)| seen(format, &bytes)).map(|(index, _)| (0, index)),
            );
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The headers in `from..to` whose magic stands in these bytes, which lie `base` behind `from`.
    fn hits(&self, base: usize, bytes: &[u8], from: u64, to: u64) -> Vec<(u64, usize)> {
        let header = |hit: aho_corasick::Match| {
            let &(format, magic_offset) = self.patterns.get(hit.pattern().as_usize())?;
            let start = (base + hit.start()).checked_sub(magic_offset)?;
            let start = from + u64::try_from(start).unwrap_or(u64::MAX);
            (start < to).then_some((start, format))
        };
        self.automaton.find_overlapping_iter(bytes).filter_map(header).collect()
    }
}

/// Cuts bytes at `base` into pieces that are searched at once; they overlap, so that no pattern of at
/// most `margin` bytes is cut.
fn pieces(base: usize, bytes: &[u8], margin: usize) -> impl Iterator<Item = (usize, &[u8])> {
    (0..bytes.len()).step_by(PIECE_BYTES).map(move |start| {
        let end = (start + PIECE_BYTES + margin).min(bytes.len());
        (base + start, bytes.get(start..end).unwrap_or_default())
    })
}

/// Whether a magic of the format stands in its place from the start of these bytes.
pub(crate) fn seen(format: &Format, head: &[u8]) -> bool {
    format
        .magics
        .iter()
        .any(|magic| head.get(magic.offset..).is_some_and(|rest| rest.starts_with(magic.bytes)))
}

/// Looks into the bytes as `reading` says. `depth` counts the containers around them.
pub(crate) fn explore(
    extent: &Extent,
    reading: Reading,
    depth: u32,
    faults: &mut Vec<Fault>,
) -> Vec<Stretch> {
    if extent.is_empty() || reading == Reading::Leaf {
        return Vec::new();
    }
    if depth > extent.vault().limits().depth {
        faults.push(depth_fault(extent.vault().limits()));
        return whole_as_raw(extent, reading);
    }
    if let Some(why) = extent.refusal() {
        faults.push(Fault::new(0, "look inside", why));
        let kind = StretchKind::Raw { entropy_centibits: 0 };
        let whole = Stretch { offset: 0, length: extent.len(), kind };
        return if reading == Reading::Carve { vec![whole] } else { Vec::new() };
    }
    match reading {
        Reading::Carve => carve(extent, depth, faults),
        Reading::Whole => open_at_start(extent, depth, faults),
        Reading::Leaf => Vec::new(),
    }
}

fn depth_fault(limits: &Limits) -> Fault {
    let why = format!("containers are nested deeper than {} (limit depth)", limits.depth);
    Fault::new(0, "look inside", why)
}

fn whole_as_raw(extent: &Extent, reading: Reading) -> Vec<Stretch> {
    match reading {
        Reading::Carve => split_gap(extent, 0, extent.len()),
        Reading::Whole | Reading::Leaf => Vec::new(),
    }
}

/// Opens a file whose first bytes are a known format. A file of no known format has no stretches:
/// it was read as a file by the container that holds it.
fn open_at_start(extent: &Extent, depth: u32, faults: &mut Vec<Fault>) -> Vec<Stretch> {
    let Some(searcher) = SEARCHER.as_ref() else { return Vec::new() };
    let head = match extent.read_up_to(0, searcher.reach) {
        Ok(head) => head,
        Err(fault) => {
            faults.push(fault);
            return Vec::new();
        }
    };
    for format in REGISTRY.iter() {
        if !seen(format, &head) {
            continue;
        }
        if let Some((length, mut container)) = open(format, extent, 0, Reading::Whole, faults) {
            look_inside(&mut container, depth);
            let mut stretches = vec![Stretch {
                offset: 0,
                length,
                kind: StretchKind::Container(Box::new(container)),
            }];
            stretches.extend(split_gap(extent, length, extent.len()));
            return stretches;
        }
    }
    Vec::new()
}

fn carve(extent: &Extent, depth: u32, faults: &mut Vec<Fault>) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let (mut claimed, mut window) = (0, 0);
    while window < extent.len() {
        // Nothing begins in a hole but a header whose magic stands behind it.
        let reach = SEARCHER.as_ref().map_or(0, |searcher| searcher.reach);
        let hole = extent.hole_at(window).saturating_sub(reach);
        if hole > WINDOW_BYTES {
            window += hole;
            continue;
        }
        let end = (window + WINDOW_BYTES).min(extent.len());
        let candidates = SEARCHER.as_ref().map(|searcher| searcher.candidates(extent, window, end));
        let candidates = match candidates.unwrap_or(Ok(Vec::new())) {
            Ok(candidates) => candidates,
            Err(fault) => {
                faults.push(fault);
                break;
            }
        };
        for (start, index) in candidates {
            let Some(format) = REGISTRY.get(index).filter(|_| start >= claimed) else { continue };
            if let Some((length, container)) = open(format, extent, start, Reading::Carve, faults) {
                stretches.extend(split_gap(extent, claimed, start));
                let kind = StretchKind::Container(Box::new(container));
                stretches.push(Stretch { offset: start, length, kind });
                claimed = start + length;
            }
        }
        window = end.max(claimed);
    }
    // What one container claims decides where the next may start, but what is inside does not: a
    // kernel that takes long to decode must not hold up the file system behind it.
    stretches.par_iter_mut().for_each(|stretch| {
        if let StretchKind::Container(container) = &mut stretch.kind {
            look_inside(container, depth);
        }
    });
    stretches.extend(split_gap(extent, claimed, extent.len()));
    probe::absorb(extent, stretches, depth, faults)
}

/// Finds the streams that code carries: those of the formats in [`probe::EMBEDDED`] that open without
/// a fault and are at least `bytes_min` long. Nothing inside them is opened yet.
pub(crate) fn embedded(
    extent: &Extent,
    bytes_min: u64,
) -> Result<Vec<(u64, u64, &'static str)>, Fault> {
    let (mut found, mut claimed, mut window) = (Vec::new(), 0, 0);
    let Some(searcher) = SEARCHER.as_ref() else { return Ok(found) };
    while window < extent.len() {
        let end = (window + WINDOW_BYTES).min(extent.len());
        for (start, index) in searcher.candidates(extent, window, end)? {
            let format = REGISTRY.get(index).filter(|format| {
                start >= claimed && format.carve && probe::EMBEDDED.contains(&format.name)
            });
            let candidate =
                Candidate { extent: extent.from(start), offset: start, reading: Reading::Carve };
            let Some(Ok(opened)) = format.map(|format| (format.open)(&candidate)) else { continue };
            let sound = opened.faults.is_empty() && opened.unread.is_none();
            let Some(format) = format.filter(|_| sound && opened.length >= bytes_min) else {
                continue;
            };
            found.push((start, opened.length, format.name));
            claimed = start + opened.length;
        }
        window = end.max(claimed);
    }
    Ok(found)
}

/// Opens one candidate. What is inside is looked at later, by [`look_inside`].
fn open(
    format: &Format,
    extent: &Extent,
    start: u64,
    reading: Reading,
    faults: &mut Vec<Fault>,
) -> Option<(u64, Container)> {
    let candidate = Candidate { extent: extent.from(start), offset: start, reading };
    let opened = format.guarded(&candidate);
    let mut opened = opened.map_err(|fault| faults.push(fault.within(start))).ok()?.ok()?;
    let length = opened.length.min(candidate.extent.len());
    if length == 0 {
        return None;
    }
    if length < opened.length {
        let why = format!("{} bytes claimed, {length} there: truncated", opened.length);
        opened.faults.push(Fault::new(length, "read to the end", why));
    }
    admit_entries(&mut opened, extent);
    Some((length, Container { format: format.name, opened, inner: Vec::new() }))
}

/// Explores the content of all entries of a container, `depth` containers deep.
fn look_inside(container: &mut Container, depth: u32) {
    let Container { opened, inner, .. } = container;
    let explored: Vec<_> = opened
        .entries
        .par_iter()
        .map(|entry| {
            let mut faults = Vec::new();
            let stretches = entry.content.as_ref().map_or_else(Vec::new, |content| {
                explore_entry(content, entry, depth + 1, &mut faults)
            });
            (stretches, faults, entry_name(entry))
        })
        .collect();
    for (stretches, faults, name) in explored {
        inner.push(stretches);
        opened.faults.extend(faults.into_iter().map(|mut fault| {
            fault.what = format!("{}{name}", fault.what);
            fault
        }));
    }
}

/// Explores the content of an entry, unless an earlier inspection did.
fn explore_entry(
    content: &Extent,
    entry: &Entry,
    depth: u32,
    faults: &mut Vec<Fault>,
) -> Vec<Stretch> {
    let file = entry.reading == Reading::Whole && !content.is_empty();
    let admitted = depth <= content.vault().limits().depth && content.refusal().is_none();
    let memo = content.vault().memo().filter(|_| file && admitted);
    let known = memo.and_then(|memo| Some((memo, Memo::key(content, entry.path.as_bytes())?)));
    let Some((memo, key)) = known else { return explore(content, entry.reading, depth, faults) };
    if let Some(found) = memo.stretches(&key) {
        return found;
    }
    let before = faults.len();
    let found = explore(content, entry.reading, depth, faults);
    if faults.len() == before {
        memo.keep_stretches(key, &found);
    }
    found
}

fn entry_name(entry: &Entry) -> String {
    if entry.path.as_bytes().is_empty() { String::new() } else { format!(" ({})", entry.path) }
}

/// Keeps the entries that the limits on their number and on path lengths admit.
fn admit_entries(opened: &mut Opened, extent: &Extent) {
    let vault = extent.vault();
    let path_limit = usize::try_from(vault.limits().path_bytes).unwrap_or(usize::MAX);
    let before = opened.entries.len();
    let mut long = 0_usize;
    opened.entries.retain(|entry| {
        let fits = entry.path.as_bytes().len() <= path_limit;
        long += usize::from(!fits);
        fits && vault.admit_entry()
    });
    let dropped = before - opened.entries.len() - long;
    if dropped > 0 {
        let why = format!("{dropped} members over {} (limit entries)", vault.limits().entries);
        opened.faults.push(Fault::new(0, "list all members", why));
    }
    if long > 0 {
        let why = format!("{long} paths longer than {path_limit} bytes (limit path-bytes)");
        opened.faults.push(Fault::new(0, "list all members", why));
    }
}

/// Splits bytes that no format claims into raw regions and padding.
pub(crate) fn split_gap(extent: &Extent, from: u64, to: u64) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut position = from;
    while position < to {
        let hole = extent.hole_at(position).min(to - position);
        if hole >= HOLE_BYTES_MIN {
            push_padding(&mut stretches, position, hole);
            position += hole;
            continue;
        }
        let length = (to - position).min(WINDOW_BYTES);
        let Ok(bytes) = extent.read(position, length) else {
            // Unreadable bytes stay raw: they must not vanish from the account.
            push_raw(&mut stretches, position, to - position, 0);
            break;
        };
        for (offset, run, padding) in padding::runs(&bytes) {
            let start = position + u64::try_from(offset).unwrap_or(0);
            let length = u64::try_from(run.len()).unwrap_or(0);
            if padding {
                push_padding(&mut stretches, start, length);
            } else {
                push_raw(&mut stretches, start, length, entropy_centibits(run));
            }
        }
        position += length;
    }
    stretches
}

fn push_padding(stretches: &mut Vec<Stretch>, offset: u64, length: u64) {
    match stretches.last_mut() {
        Some(last) if matches!(last.kind, StretchKind::Padding) => last.length += length,
        _ => stretches.push(Stretch { offset, length, kind: StretchKind::Padding }),
    }
}

/// Adds raw bytes, joined to raw bytes right before them; the entropy is averaged by length.
fn push_raw(stretches: &mut Vec<Stretch>, offset: u64, length: u64, entropy: u16) {
    if let Some(last) = stretches.last_mut()
        && let StretchKind::Raw { entropy_centibits } = &mut last.kind
    {
        let sum = u128::from(*entropy_centibits) * u128::from(last.length)
            + u128::from(entropy) * u128::from(length);
        last.length += length;
        *entropy_centibits = u16::try_from(sum / u128::from(last.length.max(1))).unwrap_or(800);
        return;
    }
    let kind = StretchKind::Raw { entropy_centibits: entropy };
    stretches.push(Stretch { offset, length, kind });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::Limits;

    use super::{StretchKind, split_gap};
    use crate::{Extent, Vault};

    fn describe(bytes: Vec<u8>) -> Vec<(u64, u64, &'static str)> {
        let vault = Arc::new(Vault::new(Limits::default()));
        let extent = Extent::from_memory(&vault, bytes);
        split_gap(&extent, 0, extent.len())
            .iter()
            .map(|stretch| {
                let kind = match stretch.kind {
                    StretchKind::Raw { .. } => "raw",
                    StretchKind::Padding => "padding",
                    StretchKind::Container(_) => "container",
                };
                (stretch.offset, stretch.length, kind)
            })
            .collect()
    }

    #[test]
    fn gaps_split_into_raw_and_padding_without_losing_a_byte() {
        let mut bytes = vec![1; 10];
        bytes.extend([0xff; 2000]);
        bytes.extend([7; 5]);
        bytes.extend([0; 16]);
        bytes.push(9);
        assert_eq!(describe(bytes), [(0, 10, "raw"), (10, 2000, "padding"), (2010, 22, "raw")]);
        assert_eq!(describe(vec![0; 9 << 20]), [(0, 9 << 20, "padding")]);
        assert_eq!(describe(vec![0; 3]), [(0, 3, "padding")]);
    }
}
