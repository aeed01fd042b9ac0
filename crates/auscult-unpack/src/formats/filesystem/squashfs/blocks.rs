//! File contents: full blocks of their own and tails that share fragment blocks.
//!
//! Nothing is decoded here. Each block becomes an extent that decodes when read; a fragment block
//! is one extent that all files with a tail in it slice, so that it is decoded once for all.

use std::collections::HashMap;

use super::{
    inode::FileLayout,
    metadata::Metadata,
    superblock::{Superblock, Version},
};
use crate::{Derive, Extent, Fault, Recipe, Sink, View, formats::filesystem::coding::Coding};

/// Set in a block's word where its bytes are stored as they are.
const STORED: u32 = 1 << 24;
/// The same in a word of version 1, and the length that is written as zero.
const SHORT_STORED: u16 = 1 << 15;

/// A block's word of version 1 as those of later versions are.
pub(super) fn widen(word: u16) -> u32 {
    let length = match word & !SHORT_STORED {
        0 => SHORT_STORED,
        length => length,
    };
    let stored = if word & SHORT_STORED == 0 { 0 } else { STORED };
    u32::from(length) | stored
}

/// Makes extents of blocks of one image.
pub(super) struct Blocks<'image> {
    image: &'image Extent,
    superblock: &'image Superblock,
    coding: Coding,
    fragments: HashMap<u32, Result<Extent, Fault>>,
}

/// A block that decodes when read.
struct Block {
    stored: Extent,
    coding: Coding,
    length_max: usize,
}

impl Derive for Block {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let stored = self.stored.read_all()?;
        sink.adopt(self.coding.decode(&stored, self.length_max)?)
    }

    fn input_bytes(&self) -> u64 {
        self.stored.weight()
    }

    fn recipe(&self) -> Option<Recipe> {
        let method = format!("squashfs {:?} {}", self.coding, self.length_max);
        Some(Recipe { method, inputs: vec![self.stored.clone()] })
    }
}

impl<'image> Blocks<'image> {
    pub(super) fn new(
        image: &'image Extent,
        superblock: &'image Superblock,
        coding: Coding,
    ) -> Self {
        Self { image, superblock, coding, fragments: HashMap::new() }
    }

    /// The content of a file. Blocks that are missing keep their place and are reported.
    pub(super) fn content(
        &mut self,
        layout: &FileLayout,
        metadata: &mut Metadata<'_>,
        faults: &mut Vec<Fault>,
    ) -> Extent {
        let mut parts = self.full_blocks(layout, faults);
        let block_bytes = u64::from(self.superblock.block_bytes);
        if let Some((index, offset)) = layout.fragment
            && !layout.size.is_multiple_of(block_bytes)
        {
            let length = layout.size % block_bytes;
            let tail = self.fragment(index, metadata).and_then(|fragment| {
                let slice = fragment.slice(u64::from(offset), length);
                let why = || Fault::new(0, "find a file's tail", format!("offset {offset}"));
                slice.ok_or_else(why)
            });
            parts.push(tail.unwrap_or_else(|fault| self.missing(length, fault, faults)));
        }
        Extent::joined(self.image.vault(), parts)
    }

    fn full_blocks(&self, layout: &FileLayout, faults: &mut Vec<Fault>) -> Vec<Extent> {
        let block_bytes = u64::from(self.superblock.block_bytes);
        let mut parts = Vec::with_capacity(layout.blocks.len());
        let (mut place, mut left) = (layout.start, layout.size);
        for &word in &layout.blocks {
            let length = left.min(block_bytes);
            left -= length;
            let part = self.block(place, word, length);
            parts.push(part.unwrap_or_else(|fault| self.missing(length, fault, faults)));
            place = place.saturating_add(u64::from(word & !STORED));
        }
        parts
    }

    /// The block at `place` that decodes to `length` bytes; a word of zero is a hole.
    fn block(&self, place: u64, word: u32, length: u64) -> Result<Extent, Fault> {
        let vault = self.image.vault();
        let stored_bytes = u64::from(word & !STORED);
        if stored_bytes == 0 {
            return Ok(Extent::zeros(vault, length));
        }
        let stored = self.image.slice(place, stored_bytes).ok_or_else(|| {
            let why = format!("{stored_bytes} bytes are not all in the image");
            Fault::new(place, "find a block", why)
        })?;
        if word & STORED != 0 {
            let why = || Fault::new(place, "find a block", format!("{stored_bytes} bytes stored"));
            return stored.slice(0, length).ok_or_else(why);
        }
        let length_max = usize::try_from(self.superblock.block_bytes).unwrap_or(0);
        Ok(Extent::derived(vault, length, Block { stored, coding: self.coding, length_max }))
    }

    fn fragment(&mut self, index: u32, metadata: &mut Metadata<'_>) -> Result<Extent, Fault> {
        if let Some(known) = self.fragments.get(&index) {
            return known.clone();
        }
        let fragment = self.find_fragment(index, metadata);
        self.fragments.insert(index, fragment.clone());
        fragment
    }

    fn find_fragment(&self, index: u32, metadata: &mut Metadata<'_>) -> Result<Extent, Fault> {
        let count = self.superblock.fragment_count;
        let list =
            self.superblock.fragment_table.filter(|_| index < count).ok_or_else(|| {
                Fault::new(0, "find a fragment", format!("index {index} of {count}"))
            })?;
        let index = u64::from(index);
        let (place, word) = if self.superblock.version < Version::Three {
            let entry = metadata.short_table_entry(list, index, 8)?;
            let place = u64::from(View(&entry).u32(0, metadata.endian)?);
            (place, View(&entry).u32(4, metadata.endian)?)
        } else {
            let entry = metadata.table_entry(list, index, 16)?;
            (View(&entry).u64(0, metadata.endian)?, View(&entry).u32(8, metadata.endian)?)
        };
        // A stored fragment is as long as its word says; a coded one is at most a block.
        let length = match word & STORED {
            0 => u64::from(self.superblock.block_bytes),
            _ => u64::from(word & !STORED),
        };
        self.block(place, word, length)
    }

    fn missing(&self, length: u64, fault: Fault, faults: &mut Vec<Fault>) -> Extent {
        faults.push(fault.clone());
        Extent::missing(self.image.vault(), length, fault)
    }
}
