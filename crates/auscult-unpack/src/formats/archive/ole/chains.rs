//! The sectors of a compound file (MS-CFB, sections 2.2 to 2.6): header, allocation tables, directory
//! entries, and the chains that make up streams.

use crate::{Endian::Little, Extent, Fault, View, format::NotThis, formats::support::utf16};

/// Types of directory entries.
pub(super) const STORAGE: u8 = 1;
pub(super) const STREAM: u8 = 2;
pub(super) const ROOT: u8 = 5;
/// "No stream" as the number of a directory entry.
pub(super) const NO_ITEM: u32 = 0xffff_ffff;

/// Sector numbers from here on are marks; this one is a free sector.
const SECTOR_MAX: u32 = 0xffff_fffa;
const SECTOR_FREE: u32 = 0xffff_ffff;
const HEADER_BYTES: u64 = 512;
/// Sectors of the allocation table whose numbers stand in the header.
const DIFAT_IN_HEADER: usize = 109;
const ITEM_BYTES: usize = 128;
/// Streams shorter than this are in the mini stream.
const MINI_CUTOFF: u64 = 4096;
const MINI_SECTOR_BYTES: u64 = 64;
/// Most directory entries read.
const DIRECTORY_BYTES_MAX: u64 = 256 << 20;

/// A directory entry.
#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    pub(super) place: u64,
    /// Name in UTF-16 units.
    pub(super) name: Vec<u16>,
    pub(super) kind: u8,
    pub(super) left: u32,
    pub(super) right: u32,
    pub(super) child: u32,
    pub(super) class: [u8; 16],
    pub(super) modified: u64,
    start: u32,
    size: u64,
}

impl Item {
    fn parse(bytes: &[u8], place: u64, wide: bool) -> Result<Self, Fault> {
        let view = View(bytes);
        let length = usize::from(view.u16(64, Little)?).min(64);
        let units = view.bytes(0, length.saturating_sub(2))?.as_chunks::<2>().0;
        // Version 3 leaves the upper half of the size undefined.
        let size = if wide { view.u64(120, Little)? } else { u64::from(view.u32(120, Little)?) };
        Ok(Self {
            place,
            name: units.iter().map(|unit| u16::from_le_bytes(*unit)).collect(),
            kind: view.u8(66)?,
            left: view.u32(68, Little)?,
            right: view.u32(72, Little)?,
            child: view.u32(76, Little)?,
            class: view.array(80)?,
            modified: view.u64(108, Little)?,
            start: view.u32(116, Little)?,
            size,
        })
    }

    pub(super) fn name(&self) -> Vec<u8> {
        utf16::name(self.name.iter().copied())
    }
}

/// A file with its allocation tables.
pub(super) struct Chains {
    file: Extent,
    sector_bytes: u64,
    /// The sector after each one.
    next: Vec<u32>,
    /// The same for the mini stream.
    mini_next: Vec<u32>,
    mini: Option<Extent>,
    directory_start: u32,
    /// Sectors that chains may still have in all: no two share one.
    budget: usize,
    mini_budget: usize,
    pub(super) version: u16,
}

impl Chains {
    pub(super) fn open(file: &Extent, faults: &mut Vec<Fault>) -> Result<Self, NotThis> {
        let head = file.read(0, HEADER_BYTES)?;
        let view = View(&head);
        let (version, shift) = (view.u16(26, Little)?, view.u16(30, Little)?);
        let fits = matches!((version, shift), (3, 9) | (4, 12))
            && view.u16(28, Little)? == 0xfffe
            && view.u16(32, Little)? == 6
            && view.bytes(34, 6)? == [0; 6];
        if !fits {
            return Err(NotThis);
        }
        let mut chains = Self {
            file: file.clone(),
            sector_bytes: 1 << shift,
            next: Vec::new(),
            mini_next: Vec::new(),
            mini: None,
            directory_start: view.u32(48, Little)?,
            budget: 0,
            mini_budget: 0,
            version,
        };
        let tables = chains.table_sectors(view, faults)?;
        for sector in tables {
            match chains.words(sector) {
                Ok(words) => chains.next.extend(words),
                Err(fault) => {
                    faults.push(fault);
                    break;
                }
            }
        }
        if chains.next.is_empty() {
            return Err(NotThis);
        }
        let sectors = file.len() / chains.sector_bytes;
        chains.budget =
            chains.next.len().min(usize::try_from(sectors).unwrap_or(usize::MAX)).saturating_mul(2);
        let (start, count) = (view.u32(60, Little)?, view.u32(64, Little)?);
        if count > 0 {
            let wanted = u64::from(count).saturating_mul(chains.sector_bytes);
            let table = chains.chain(start, wanted, faults);
            let words = table.read_up_to(0, DIRECTORY_BYTES_MAX).unwrap_or_default();
            chains.mini_next = words_of(&words);
            chains.mini_budget = chains.mini_next.len().saturating_mul(2);
        }
        Ok(chains)
    }

    /// The sectors of the allocation table: numbers in the header, the rest in sectors whose last
    /// word leads on.
    fn table_sectors(&self, view: View<'_>, faults: &mut Vec<Fault>) -> Result<Vec<u32>, Fault> {
        let most = usize::try_from(self.file.len() / self.sector_bytes).unwrap_or(usize::MAX) + 1;
        let count = usize::try_from(view.u32(44, Little)?).unwrap_or(usize::MAX).min(most);
        let mut sectors = words_of(view.bytes(76, 4 * DIFAT_IN_HEADER)?);
        let mut more = view.u32(68, Little)?;
        let mut visited = 0;
        while sectors.len() < count && more < SECTOR_MAX {
            visited += 1;
            let mut words = match self.words(more) {
                Ok(words) if visited <= most => words,
                Ok(_) => break,
                Err(fault) => {
                    faults.push(fault);
                    break;
                }
            };
            more = words.pop().unwrap_or(SECTOR_MAX);
            sectors.extend(words);
        }
        sectors.truncate(count);
        sectors.retain(|&sector| sector < SECTOR_MAX);
        Ok(sectors)
    }

    fn place(&self, sector: u32) -> u64 {
        (u64::from(sector) + 1).saturating_mul(self.sector_bytes)
    }

    fn words(&self, sector: u32) -> Result<Vec<u32>, Fault> {
        self.file.read(self.place(sector), self.sector_bytes).map(|bytes| words_of(&bytes))
    }

    /// What the file takes up: all sectors up to the last one that is not free.
    pub(super) fn length(&self) -> u64 {
        let used = self.next.iter().rposition(|&next| next != SECTOR_FREE).unwrap_or(0);
        let used = u32::try_from(used).unwrap_or(u32::MAX);
        let end = self.place(used).saturating_add(self.sector_bytes);
        // The last sector may be cut where the stream in it ends.
        if end > self.file.len() && end - self.file.len() < self.sector_bytes {
            return self.file.len();
        }
        end
    }

    /// Reads all directory entries.
    pub(super) fn directory(&mut self, faults: &mut Vec<Fault>) -> Result<Vec<Item>, Fault> {
        let chain = self.chain(self.directory_start, DIRECTORY_BYTES_MAX, faults);
        let bytes = chain.read_all()?;
        let wide = self.version > 3;
        let start = self.place(self.directory_start.min(SECTOR_MAX));
        let items = bytes.chunks_exact(ITEM_BYTES).zip((start..).step_by(ITEM_BYTES));
        items.map(|(item, place)| Item::parse(item, place, wide)).collect()
    }

    pub(super) fn set_mini_stream(&mut self, root: &Item, faults: &mut Vec<Fault>) {
        self.mini = Some(self.chain(root.start, root.size, faults));
    }

    /// The bytes of a stream; what is missing of it is told and keeps its place.
    pub(super) fn content(&mut self, item: &Item, faults: &mut Vec<Fault>) -> Extent {
        if item.size >= MINI_CUTOFF {
            let chain = self.chain(item.start, item.size, faults);
            return self.whole(chain, item, faults);
        }
        let Some(mini) = self.mini.clone() else { return self.file.clamp(0, 0) };
        let (mut parts, mut left, mut sector) = (Runs::default(), item.size, item.start);
        while left > 0 && sector < SECTOR_MAX && self.mini_budget > 0 {
            self.mini_budget -= 1;
            let step = left.min(MINI_SECTOR_BYTES);
            parts.push(u64::from(sector) * MINI_SECTOR_BYTES, step);
            left -= step;
            let next = usize::try_from(sector).ok().and_then(|sector| self.mini_next.get(sector));
            sector = next.copied().unwrap_or(SECTOR_MAX);
        }
        let chain = parts.join(&mini);
        self.whole(chain, item, faults)
    }

    fn whole(&self, chain: Extent, item: &Item, faults: &mut Vec<Fault>) -> Extent {
        let missing = item.size - chain.len().min(item.size);
        if missing == 0 {
            return chain.clamp(0, item.size);
        }
        let why = format!("{} bytes promised, {} there", item.size, chain.len());
        let fault = Fault::new(item.place, "read a stream of the compound file", why);
        faults.push(fault.clone());
        let vault = self.file.vault();
        Extent::joined(vault, vec![chain, Extent::missing(vault, missing, fault)])
    }

    /// The sectors from `start` on, at most `bytes_max` bytes of them.
    fn chain(&mut self, start: u32, bytes_max: u64, faults: &mut Vec<Fault>) -> Extent {
        let (mut parts, mut left, mut sector) = (Runs::default(), bytes_max, start);
        while left > 0 && sector < SECTOR_MAX {
            if self.budget == 0 {
                let why = "chains that loop or share their sectors";
                faults.push(Fault::new(self.place(start), "follow the sectors", why));
                break;
            }
            self.budget -= 1;
            let step = left.min(self.sector_bytes);
            parts.push(self.place(sector), step);
            left -= step;
            let next = usize::try_from(sector).ok().and_then(|sector| self.next.get(sector));
            sector = next.copied().unwrap_or(SECTOR_MAX);
        }
        parts.join(&self.file)
    }
}

fn words_of(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

/// Places of a chain, neighbours joined.
#[derive(Default)]
struct Runs(Vec<(u64, u64)>);

impl Runs {
    fn push(&mut self, place: u64, length: u64) {
        match self.0.last_mut() {
            Some((start, run)) if start.checked_add(*run) == Some(place) => *run += length,
            _ => self.0.push((place, length)),
        }
    }

    fn join(self, from: &Extent) -> Extent {
        let parts = self.0.into_iter().map(|(place, length)| from.clamp(place, length)).collect();
        Extent::joined(from.vault(), parts)
    }
}
