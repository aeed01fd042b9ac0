//! Images made of parts at known offsets: partitions, kernels, boot loaders, and what lies between.
//!
//! Gaps are parts too, since boot loaders and old data hide there: only the bytes that a module
//! itself reads are left out.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
};

use crate::{Entry, Extent, Fault, Reading};

/// The largest page or sector that is filled up.
const FILLING_BYTES_MAX: u64 = 256 << 10;

/// Parts may lie over each other as long as they are not this many times the image together.
const OVERLAPS_MAX: u64 = 8;

/// The parts of an image while they are collected.
pub(crate) struct Layout {
    extent: Extent,
    parts: Vec<(Range<u64>, String)>,
    /// Names of the parts that are not looked into.
    leaves: Vec<String>,
    /// Parts that cannot be read, by where they start, and why.
    unread: BTreeMap<u64, String>,
    consumed: Vec<Range<u64>>,
    faults: Vec<Fault>,
    disjoint: bool,
}

/// What a layout comes to.
pub(crate) struct Laid {
    /// The parts and the gaps, in order of their offset.
    pub(crate) entries: Vec<Entry>,
    /// Parts that do not fit or overlap.
    pub(crate) faults: Vec<Fault>,
}

impl Layout {
    /// A layout of exactly the bytes that the image claims.
    pub(crate) fn new(extent: Extent) -> Self {
        Self {
            extent,
            parts: Vec::new(),
            leaves: Vec::new(),
            unread: BTreeMap::new(),
            consumed: Vec::new(),
            faults: Vec::new(),
            disjoint: false,
        }
    }

    /// The same for formats whose parts must not overlap. One that starts inside another is kept as
    /// a file and not looked into: a header could name the whole image a hundred times over.
    pub(crate) fn disjoint(extent: Extent) -> Self {
        Self { disjoint: true, ..Self::new(extent) }
    }

    /// Bytes that the module read itself.
    pub(crate) fn consumed(&mut self, offset: u64, length: u64) {
        self.consumed.push(offset..offset.saturating_add(length));
    }

    /// Bytes that fill up to an alignment: they are no gap if they are all 00 or all FF.
    pub(crate) fn filling(&mut self, offset: u64, end: u64) {
        let length = end.saturating_sub(offset);
        let uniform = |bytes: &[u8]| [0, 0xff].iter().any(|v| bytes.iter().all(|byte| byte == v));
        let bytes = self.extent.read_up_to(offset, length.min(FILLING_BYTES_MAX));
        if length <= FILLING_BYTES_MAX && bytes.is_ok_and(|bytes| uniform(&bytes)) {
            self.consumed(offset, length);
        }
    }

    /// A part that is known and holds nothing to look for, such as a signature.
    pub(crate) fn leaf(&mut self, name: impl Into<String>, offset: u64, length: u64) {
        let name = name.into();
        self.leaves.push(name.clone());
        self.part(name, offset, length);
    }

    /// A part; what of it lies past the end is cut and told.
    pub(crate) fn part(&mut self, name: impl Into<String>, offset: u64, length: u64) {
        let name = name.into();
        let end = offset.saturating_add(length);
        if end > self.extent.len() {
            let there = self.extent.len().saturating_sub(offset);
            let why = format!("{length} bytes at {offset:#x} promised, {there} there: truncated");
            self.faults.push(Fault::new(self.extent.len(), format!("read {name} whole"), why));
        }
        let end = end.min(self.extent.len());
        if offset < end {
            self.parts.push((offset..end, name));
        }
    }

    /// A part that cannot be read: encrypted, or packed in an unknown way. It is not looked into.
    pub(crate) fn unread_part(
        &mut self,
        name: impl Into<String>,
        offset: u64,
        length: u64,
        reason: impl Into<String>,
    ) {
        if length > 0 {
            self.unread.insert(offset, reason.into());
        }
        self.part(name, offset, length);
    }

    /// Sorts the parts and fills the gaps between them with parts named by their offset.
    pub(crate) fn finish(mut self) -> Laid {
        self.parts.sort_by(|one, other| {
            (one.0.start, one.0.end, &one.1).cmp(&(other.0.start, other.0.end, &other.1))
        });
        self.tell_overlaps();
        self.drop_excess();
        let mut looked_into = self.looked_into();
        let mut taken = [looked_into.as_slice(), &self.consumed].concat();
        taken.push(self.extent.len()..self.extent.len());
        taken.sort_by_key(|range| range.start);
        let mut position = 0;
        for range in taken {
            if range.start > position {
                self.parts.push((position..range.start, format!("gap-{position:#x}")));
                looked_into.push(position..range.start);
            }
            position = position.max(range.end);
        }
        self.parts.sort_by_key(|part| part.0.start);
        looked_into.sort_by_key(|range| range.start);
        let faults = std::mem::take(&mut self.faults);
        Laid { entries: self.entries(&looked_into), faults }
    }

    /// The ranges of the parts that are looked into.
    fn looked_into(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for (range, _) in &self.parts {
            let end = ranges.last().map_or(0, |last| last.end);
            let read = |own: &Range<u64>| own.start < range.end && range.start < own.end;
            if !self.disjoint || range.start >= end && !self.consumed.iter().any(read) {
                ranges.push(range.clone());
            }
        }
        ranges
    }

    fn entries(self, looked_into: &[Range<u64>]) -> Vec<Entry> {
        let Self { extent, parts, leaves, mut unread, disjoint, .. } = self;
        let mut names = HashSet::new();
        let mut entry = |(range, name): (Range<u64>, String)| {
            let content = extent.clamp(range.start, range.end - range.start);
            let leaf = leaves.contains(&name);
            let mut name = sanitize(&name);
            if !names.insert(name.clone()) {
                name = format!("{name}-{:#x}", range.start);
            }
            let bytes = content.len();
            let mut entry = Entry::part(name.into_bytes(), content);
            let place = looked_into.partition_point(|part| part.start < range.start);
            if leaf || disjoint && looked_into.get(place) != Some(&range) {
                entry.reading = Reading::Leaf;
            } else if let Some(reason) = unread.remove(&range.start) {
                entry.reading = Reading::Leaf;
                entry = entry.unreadable(bytes, reason);
            }
            entry
        };
        parts.into_iter().map(&mut entry).collect()
    }

    /// Parts that lie over each other many times would be searched as often: the rest is dropped.
    fn drop_excess(&mut self) {
        let mut budget = self.extent.len().saturating_mul(OVERLAPS_MAX);
        let before = self.parts.len();
        self.parts.retain(|(range, _)| {
            let length = range.end - range.start;
            budget = budget.saturating_sub(length);
            budget > 0
        });
        let dropped = before - self.parts.len();
        if dropped > 0 {
            let why = format!("{dropped} parts lie over the others too often");
            self.faults.push(Fault::new(0, "separate all parts", why));
        }
    }

    fn tell_overlaps(&mut self) {
        let mut end = 0;
        for (range, name) in &self.parts {
            if range.start < end {
                let why =
                    format!("it starts at {:#x}, before the end of the one before", range.start);
                self.faults.push(Fault::new(range.start, format!("separate {name}"), why));
            }
            end = end.max(range.end);
        }
    }
}

/// Streams found in an image as parts named by their format and offset.
pub(crate) fn streams(image: &Extent, found: Vec<(u64, u64, &'static str)>) -> Vec<Entry> {
    let part = |(offset, length, format)| {
        Entry::part(format!("{format}-{offset:#x}").into_bytes(), image.clamp(offset, length))
    };
    found.into_iter().map(part).collect()
}

/// A name without the separator of paths and without control characters.
pub(crate) fn sanitize(name: &str) -> String {
    name.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).collect()
}

/// Text from a fixed field, for attributes.
pub(crate) fn text_of(field: &[u8]) -> String {
    String::from_utf8_lossy(field).trim_end_matches(['\0', ' ', '\n', '\r']).to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::Limits;

    use super::Layout;
    use crate::{Extent, Reading, Vault};

    #[test]
    fn gaps_become_parts_and_nothing_is_lost() {
        let vault = Arc::new(Vault::new(Limits::default()));
        let mut layout = Layout::new(Extent::from_memory(&vault, vec![1; 100]));
        layout.consumed(0, 10);
        layout.part("b", 50, 80);
        layout.part("a/x", 20, 10);
        let laid = layout.finish();
        let parts: Vec<_> = laid
            .entries
            .iter()
            .map(|entry| (entry.path.to_string(), entry.content.as_ref().unwrap().len()))
            .collect();
        let expected = [("gap-0xa", 10), ("a_x", 10), ("gap-0x1e", 20), ("b", 50)];
        assert_eq!(parts, expected.map(|(name, length)| (name.to_owned(), length)));
        assert_eq!(laid.faults.len(), 1);
    }

    #[test]
    fn parts_inside_others_are_not_looked_into_twice() {
        let vault = Arc::new(Vault::new(Limits::default()));
        let mut layout = Layout::disjoint(Extent::from_memory(&vault, vec![1; 100]));
        layout.consumed(0, 10);
        layout.part("whole", 0, 100);
        layout.part("a", 20, 30);
        layout.part("a", 40, 40);
        layout.unread_part("sealed", 90, 10, "encrypted");
        let laid = layout.finish();
        let parts: Vec<_> = laid
            .entries
            .iter()
            .map(|entry| (entry.path.to_string(), entry.reading, entry.unread.is_some()))
            .collect();
        let expected = [
            ("whole", Reading::Leaf, false),
            ("gap-0xa", Reading::Carve, false),
            ("a", Reading::Carve, false),
            ("a-0x28", Reading::Leaf, false),
            ("gap-0x32", Reading::Carve, false),
            ("sealed", Reading::Leaf, true),
        ];
        assert_eq!(
            parts,
            expected.map(|(name, reading, unread)| (name.to_owned(), reading, unread))
        );
    }
}
