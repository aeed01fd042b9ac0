//! Recognises what has no magic: kernels, boot loaders and their environments in raw bytes.
//!
//! A probe looks at a region that carving left over: raw bytes with the padding and the small
//! streams between them. Where it finds something, these bytes become a container, and the streams
//! in it its parts. Bytes that no compiler makes end a region, so that unknown packed data behind
//! a kernel stays unread.

use crate::{
    Entry, Extent, Fault,
    carve::{self, Container, Stretch, StretchKind, split_gap},
    entropy::entropy_centibits,
    format::Opened,
    formats::PROBES,
    guard::guard,
};

/// A format that is recognised by what its bytes hold.
#[derive(Debug)]
pub(crate) struct Probe {
    /// Its name in locators.
    pub(crate) name: &'static str,
    /// Finds it in a region; offsets are relative to the region.
    pub(crate) find: fn(&Region) -> Vec<Found>,
}

/// Bytes that carving left over.
#[derive(Debug)]
pub(crate) struct Region {
    /// From the first byte that is no padding to the last one.
    pub(crate) code: Extent,
    /// The same with the padding behind it.
    pub(crate) room: Extent,
    /// Everything from there on, for what tells its own length: it may hold bytes that end a
    /// region.
    pub(crate) rest: Extent,
}

/// A place where a probe recognised its format.
#[derive(Debug)]
pub(crate) struct Found {
    /// Start in the region.
    pub(crate) offset: u64,
    /// What is there.
    pub(crate) opened: Opened,
}

/// Formats that code embeds: firmware tables, configurations, initial file systems, device trees.
pub(crate) const EMBEDDED: &[&str] =
    &["bzip2", "cpio", "dtb", "elf", "gzip", "lz4", "lzip", "lzma", "lzop", "xz", "zlib", "zstd"];
/// Smaller streams in code are test vectors and tables.
const EMBEDDED_BYTES_MIN: u64 = 512;
/// A region is read at once.
const REGION_BYTES_MAX: u64 = 256 << 20;
/// Leading padding up to this length belongs to a region: kernels of MIPS begin with it.
const LEAD_BYTES_MAX: u64 = 64 << 10;
/// Packed or encrypted bytes in runs of this length end a region.
const DENSE_BYTES: u64 = 128 << 10;
/// Machine code has 4 to 7 bits per byte.
const DENSE_CENTIBITS: u16 = 790;

/// Lets every probe look at the regions between the stretches that no code holds.
pub(crate) fn absorb(
    extent: &Extent,
    mut stretches: Vec<Stretch>,
    depth: u32,
    faults: &mut Vec<Fault>,
) -> Vec<Stretch> {
    let mut regions = spans(extent, &stretches);
    for probe in PROBES {
        let mut is_new = false;
        for &Span { start, code_end, room_end } in &regions {
            let region = Region {
                code: extent.clamp(start, code_end - start),
                room: extent.clamp(start, room_end - start),
                rest: extent.from(start),
            };
            let found = guard(|| format!("look for {}", probe.name), || (probe.find)(&region));
            let found = found.map_err(|fault| faults.push(fault.within(start)));
            for found in found.unwrap_or_default() {
                let from = start + found.offset;
                let inner = explored(&found.opened, depth, from, faults);
                let container = Container { format: probe.name, opened: found.opened, inner };
                stretches = splice(extent, stretches, from, container);
                is_new = true;
            }
        }
        if is_new {
            regions = spans(extent, &stretches);
        }
    }
    stretches
}

#[derive(Clone, Copy)]
struct Span {
    start: u64,
    code_end: u64,
    room_end: u64,
}

/// Runs of stretches that may be code.
fn spans(extent: &Extent, stretches: &[Stretch]) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut open: Option<Span> = None;
    for stretch in stretches {
        let end = stretch.offset + stretch.length;
        let grown = open.map(|span| Span { code_end: end, room_end: end, ..span });
        match &stretch.kind {
            StretchKind::Padding => {
                let leading = stretch.offset == 0 && stretch.length <= LEAD_BYTES_MAX;
                let first = leading.then_some(Span { start: 0, code_end: 0, room_end: end });
                open = open.map(|span| Span { room_end: end, ..span }).or(first);
            }
            StretchKind::Raw { .. } => {
                let fresh = Span { start: stretch.offset, code_end: end, room_end: end };
                let span = grown.unwrap_or(fresh);
                open = Some(span);
                if let Some(dense) = dense_from(extent, stretch) {
                    spans.push(Span { code_end: dense, room_end: dense, ..span });
                    open = None;
                }
            }
            StretchKind::Container(inner) if EMBEDDED.contains(&inner.format) => open = grown,
            StretchKind::Container(_) => spans.extend(open.take()),
        }
    }
    spans.extend(open);
    spans.retain(|span| {
        span.start < span.code_end && span.room_end - span.start <= REGION_BYTES_MAX
    });
    spans
}

/// Where bytes begin that are too dense for code.
fn dense_from(extent: &Extent, stretch: &Stretch) -> Option<u64> {
    let mut offset = stretch.offset;
    let end = stretch.offset + stretch.length;
    while offset + DENSE_BYTES <= end {
        let bytes = extent.read(offset, DENSE_BYTES).ok()?;
        if entropy_centibits(&bytes) >= DENSE_CENTIBITS {
            return Some(offset);
        }
        offset += DENSE_BYTES;
    }
    None
}

/// What lies in the parts that a probe gave.
fn explored(opened: &Opened, depth: u32, from: u64, faults: &mut Vec<Fault>) -> Vec<Vec<Stretch>> {
    let explore = |entry: &Entry| {
        let mut inside = Vec::new();
        let stretches = entry.content.as_ref().map_or_else(Vec::new, |content| {
            carve::explore(content, entry.reading, depth + 1, &mut inside)
        });
        faults.extend(inside.into_iter().map(|fault| fault.within(from)));
        stretches
    };
    opened.entries.iter().map(explore).collect()
}

/// Puts a container in the place of raw bytes; the streams in them become its parts.
fn splice(
    extent: &Extent,
    stretches: Vec<Stretch>,
    from: u64,
    mut container: Container,
) -> Vec<Stretch> {
    let Container { opened, inner, .. } = &mut container;
    let to = from.saturating_add(opened.length);
    let straddles = |stretch: &Stretch| {
        let (start, end) = (stretch.offset, stretch.offset + stretch.length);
        let crosses = |edge: u64| start < edge && edge < end;
        matches!(stretch.kind, StretchKind::Container(_)) && (crosses(from) || crosses(to))
    };
    if from >= to || to > extent.len() || stretches.iter().any(straddles) {
        return stretches;
    }
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for stretch in stretches {
        let (start, end) = (stretch.offset, stretch.offset + stretch.length);
        match stretch.kind {
            StretchKind::Container(_) if end <= from => before.push(stretch),
            StretchKind::Container(_) if start >= to => after.push(stretch),
            StretchKind::Container(container) => {
                if is_sound(&container, stretch.length) {
                    opened.entries.push(part(extent, start, stretch.length, container.format));
                    let kind = StretchKind::Container(container);
                    inner.push(vec![Stretch { offset: 0, length: stretch.length, kind }]);
                }
            }
            StretchKind::Raw { .. } | StretchKind::Padding => {
                if start < from {
                    before.extend(split_gap(extent, start, end.min(from)));
                }
                if end > to {
                    after.extend(split_gap(extent, start.max(to), end));
                }
            }
        }
    }
    let payload = opened.entries.iter().any(|entry| entry.path.as_bytes().is_empty());
    if !opened.entries.is_empty() && !payload {
        // What was recognised stays at hand as one file beside its parts.
        let mut whole = Entry::payload(extent.clamp(from, opened.length));
        whole.reading = crate::Reading::Leaf;
        opened.entries.push(whole);
        inner.push(Vec::new());
    }
    let kind = StretchKind::Container(Box::new(container));
    before.push(Stretch { offset: from, length: to - from, kind });
    before.append(&mut after);
    before
}

/// Whether something found inside code is really there: whole, and more than a test vector.
fn is_sound(container: &Container, length: u64) -> bool {
    let opened = &container.opened;
    length >= EMBEDDED_BYTES_MIN && opened.faults.is_empty() && opened.unread.is_none()
}

fn part(extent: &Extent, start: u64, length: u64, format: &str) -> Entry {
    // `kernel/configs.c` of Linux marks the packed configuration.
    let marked = start.checked_sub(8).and_then(|at| extent.read(at, 8).ok());
    let name = match marked {
        Some(mark) if &mark[..] == b"IKCFG_ST" => "ikconfig".to_owned(),
        _ => format!("{format}-{start:#x}"),
    };
    Entry::part(name.into_bytes(), extent.clamp(start, length))
}
