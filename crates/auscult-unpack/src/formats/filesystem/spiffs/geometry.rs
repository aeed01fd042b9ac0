//! Sizes of pages and blocks, tried until the tables of blocks and the pages agree.

use crate::{Endian, Extent, View};

/// Sizes that are tried, the usual ones first.
const PAGE_BYTES: [u64; 5] = [256, 512, 1024, 2048, 128];
const BLOCK_BYTES: [u64; 6] = [4096, 8192, 16_384, 32_768, 65_536, 131_072];
/// Bytes of an object's number, which is what the tables are made of.
const NUMBER_BYTES: u64 = 2;
/// Entries for pages that were never written, and for deleted ones.
const FREE: u16 = 0xffff;
const DELETED: u16 = 0;
/// Marks the number of an object in its index pages (`SPIFFS_OBJ_ID_IX_FLAG`).
pub(super) const INDEX: u16 = 0x8000;
/// Part of the magic (`SPIFFS_MAGIC`, cut to 16 bits).
const MAGIC: u16 = 0x0529;
/// Of this many pages that agree, one may not: a write may have been cut short.
const ERROR_SHARE: u32 = 8;
/// Blocks of a file system, at most, and those whose magic is looked at.
const BLOCKS_MAX: u64 = 1 << 16;
const BLOCKS_CHECKED: u64 = 8;
/// Bytes that are looked at to find the layout: so many of the largest blocks.
const LOOK_BYTES: u64 = BLOCKS_CHECKED * 131_072;

/// Bits of a page's flags (`SPIFFS_PH_FLAG_…`), which are cleared to set them.
pub(super) const USED: u8 = 1;
pub(super) const FINAL: u8 = 1 << 1;
pub(super) const IS_INDEX: u8 = 1 << 2;
pub(super) const INDEX_DELETED: u8 = 1 << 6;
pub(super) const PAGE_DELETED: u8 = 1 << 7;

/// How an image is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) endian: Endian,
    pub(super) page_bytes: u64,
    pub(super) block_bytes: u64,
    pub(super) magic: Magic,
}

/// What stands at the end of each table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Magic {
    None,
    /// The same in each block.
    Plain,
    /// One that tells how many blocks follow.
    WithLength {
        /// How many there are.
        blocks: u64,
    },
}

/// The header of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageHeader {
    pub(super) object: u16,
    pub(super) span: u16,
    pub(super) flags: u8,
}

/// How well the table of a block fits its pages.
#[derive(Clone, Copy, Debug, Default)]
struct Fit {
    used: u32,
    deleted: u32,
    wrong: u32,
}

impl Fit {
    fn is_good(self) -> bool {
        self.wrong * ERROR_SHARE <= self.used
    }
}

impl Geometry {
    /// Finds the layout of a file system that starts here.
    pub(super) fn find(image: &Extent) -> Option<Self> {
        let head = image.read_up_to(0, LOOK_BYTES).ok()?;
        let mut best: Option<(u32, Self)> = None;
        for endian in [Endian::Little, Endian::Big] {
            for (page_bytes, block_bytes) in sizes() {
                let bare = Self { endian, page_bytes, block_bytes, magic: Magic::None };
                let Some((score, geometry)) = bare.tried(&head, image.len()) else { continue };
                if best.is_none_or(|(known, _)| score > known) {
                    best = Some((score, geometry));
                }
            }
        }
        best.map(|(_, geometry)| geometry)
    }

    /// The same with its magic, and how well it fits, if it does at all. `head` are the first bytes of
    /// so many.
    fn tried(self, head: &[u8], length: u64) -> Option<(u32, Self)> {
        let first = self.fit(self.block(head, 0)).filter(|fit| fit.is_good())?;
        let geometry = Self { magic: self.find_magic(head, length), ..self };
        let mut score = first.used;
        for block in 1..4 {
            if let Some(fit) = self.fit(self.block(head, block)).filter(|fit| fit.is_good()) {
                score += fit.used;
            }
        }
        // A magic in two blocks proves it; without, pages must, and one of them a header.
        let is_proven = match geometry.magic {
            Magic::None => score > 1 && self.has_header(head),
            Magic::Plain | Magic::WithLength { .. } => true,
        };
        is_proven.then_some((score * 2 + u32::from(geometry.magic != Magic::None), geometry))
    }

    /// A block among the first bytes; less than one at their end.
    fn block<'head>(&self, head: &'head [u8], block: u64) -> &'head [u8] {
        let at = |block: u64| usize::try_from(block * self.block_bytes).unwrap_or(usize::MAX);
        let rest = head.get(at(block)..).unwrap_or_default();
        rest.get(..at(1)).unwrap_or(rest)
    }

    fn pages_per_block(&self) -> u64 {
        self.block_bytes / self.page_bytes
    }

    /// Pages that the table takes up.
    fn table_pages(&self) -> u64 {
        (self.pages_per_block() * NUMBER_BYTES).div_ceil(self.page_bytes).max(1)
    }

    /// The table of a block: an entry for each other page.
    fn table<'block>(&self, block: &'block [u8]) -> Option<impl Iterator<Item = u16> + 'block> {
        let count = (self.pages_per_block() - self.table_pages()) * NUMBER_BYTES;
        let bytes = block.get(..usize::try_from(count).ok()?)?;
        let endian = self.endian;
        Some(bytes.chunks_exact(2).filter_map(move |number| View(number).u16(0, endian).ok()))
    }

    /// Numbers and headers of the pages of a block that are in use.
    pub(super) fn pages(&self, image: &Extent, block: u64) -> Vec<(u64, PageHeader)> {
        let bytes = image.read_up_to(block * self.block_bytes, self.block_bytes);
        let first = block * self.pages_per_block();
        let pages = bytes.map_or_else(|_| Vec::new(), |bytes| self.used_pages(&bytes));
        pages.into_iter().map(|(page, header)| (first + page, header)).collect()
    }

    /// The same, with numbers inside the block.
    fn used_pages(&self, block: &[u8]) -> Vec<(u64, PageHeader)> {
        let Some(table) = self.table(block) else { return Vec::new() };
        let used = (self.table_pages()..)
            .zip(table)
            .filter(|(_, entry)| !matches!(*entry, FREE | DELETED));
        used.filter_map(|(page, entry)| {
            let header = self.header(block, page)?;
            (header.object == entry && header.flags & USED == 0).then_some((page, header))
        })
        .collect()
    }

    fn header(&self, block: &[u8], page: u64) -> Option<PageHeader> {
        let start = usize::try_from(page * self.page_bytes).ok()?;
        let view = View(block.get(start..)?);
        Some(PageHeader {
            object: view.u16(0, self.endian).ok()?,
            span: view.u16(2, self.endian).ok()?,
            flags: view.u8(4).ok()?,
        })
    }

    /// How the table of a block fits its pages; nothing where the first that is used does not.
    fn fit(&self, block: &[u8]) -> Option<Fit> {
        let mut fit = Fit::default();
        for (page, entry) in (self.table_pages()..).zip(self.table(block)?) {
            let header = self.header(block, page)?;
            let fits = match entry {
                FREE => header.object == FREE && header.flags == 0xff,
                DELETED => header.flags & PAGE_DELETED == 0,
                _ => header.object == entry && header.flags & USED == 0,
            };
            match entry {
                _ if !fits => fit.wrong += 1,
                FREE => {}
                DELETED => fit.deleted += 1,
                _ => fit.used += 1,
            }
            if !fits && fit.used == 0 {
                return None;
            }
        }
        Some(fit)
    }

    /// The magic of a block, two numbers before the end of its table.
    fn magic_of(&self, block: &[u8]) -> Option<u16> {
        let end = usize::try_from(self.table_pages() * self.page_bytes - 2 * NUMBER_BYTES).ok()?;
        View(block).u16(end, self.endian).ok()
    }

    fn find_magic(&self, head: &[u8], length: u64) -> Magic {
        let page_bits = u16::try_from(self.page_bytes).unwrap_or(0);
        let told = |block| Some(self.magic_of(self.block(head, block))? ^ MAGIC ^ page_bits);
        let there = length / self.block_bytes;
        let (blocks, magic) = match told(0) {
            Some(0) => (there, Magic::Plain),
            Some(blocks) if blocks > 1 && u64::from(blocks) <= there => {
                let blocks = u64::from(blocks);
                (blocks, Magic::WithLength { blocks })
            }
            _ => return Magic::None,
        };
        // Two bytes prove nothing: those of the blocks behind must go on so, and the tables fit.
        let goes_on = |block: u64| {
            let expected = if magic == Magic::Plain { 0 } else { blocks - block };
            told(block).map(u64::from) == Some(expected)
                && self.fit(self.block(head, block)).is_some_and(Fit::is_good)
        };
        let checked = blocks.min(BLOCKS_CHECKED);
        if checked > 1 && (1..checked).all(goes_on) { magic } else { Magic::None }
    }

    /// Whether the first blocks hold the header of an object.
    fn has_header(&self, head: &[u8]) -> bool {
        (0..4).flat_map(|block| self.used_pages(self.block(head, block))).any(|(_, header)| {
            header.object & INDEX != 0 && header.span == 0 && header.flags & IS_INDEX == 0
        })
    }

    /// Bytes of the whole: as the magic tells, or up to the last block whose table fits.
    pub(super) fn length(&self, image: &Extent) -> u64 {
        if let Magic::WithLength { blocks } = self.magic {
            return image.len().min(blocks * self.block_bytes);
        }
        let mut end = 0;
        for block in 0..(image.len() / self.block_bytes).min(BLOCKS_MAX) {
            let bytes = image.read_up_to(block * self.block_bytes, self.block_bytes);
            let bytes = bytes.unwrap_or_default();
            let Some(fit) = self.fit(&bytes).filter(|fit| fit.is_good()) else { break };
            let page_bits = u16::try_from(self.page_bytes).unwrap_or(0);
            let has_magic =
                self.magic == Magic::Plain && self.magic_of(&bytes) == Some(MAGIC ^ page_bits);
            if fit.used + fit.deleted > 0 || has_magic {
                end = (block + 1) * self.block_bytes;
            }
        }
        end
    }
}

/// Whether a file system may start with these bytes: a look at the first entry of the table and
/// the first page, which rules out nearly everything else.
pub(super) fn may_start(head: &[u8]) -> bool {
    // Erased flash, and the zeros of code: their tables would fit anything.
    let zeros = head.iter().take(64).all(|&byte| byte == 0);
    if zeros || head.iter().all(|&byte| byte == 0xff) {
        return false;
    }
    let view = View(head);
    [Endian::Little, Endian::Big].into_iter().any(|endian| {
        // A table takes up a page, or a few.
        [128, 256, 512, 1024, 2048].into_iter().any(|page| {
            let number = |offset| view.u16(offset, endian).unwrap_or(FREE);
            let flags = view.u8(page + 4).unwrap_or(0xff);
            match number(0) {
                FREE => number(page) == FREE && number(page - 4) != FREE,
                DELETED => flags & PAGE_DELETED == 0,
                entry => number(page) == entry && flags & USED == 0,
            }
        })
    })
}

/// Sizes that go together: a block has some pages, and its table is a small part of it.
fn sizes() -> impl Iterator<Item = (u64, u64)> {
    let all = PAGE_BYTES.into_iter().flat_map(|page| BLOCK_BYTES.map(|block| (page, block)));
    all.filter(|(page, block)| block / page >= 8)
}
