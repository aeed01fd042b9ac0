//! Chains of clusters in an allocation table of FAT or exFAT.

use std::collections::HashSet;

use crate::{
    Extent, Fault,
    formats::support::{
        pages::Pages,
        runs::{Run, Runs},
    },
};

/// Pieces of one file; a larger number is damage.
const PIECES_MAX: usize = 1 << 20;

/// Width of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Width {
    Bits12,
    Bits16,
    /// 32 bits with four that mean nothing.
    Bits28,
    /// exFAT.
    Bits32,
}

impl Width {
    /// Bits that an entry takes up.
    pub(super) fn bits(self) -> u64 {
        match self {
            Self::Bits12 => 12,
            Self::Bits16 => 16,
            Self::Bits28 | Self::Bits32 => 32,
        }
    }

    /// The bits that count.
    pub(super) fn mask(self) -> u32 {
        match self {
            Self::Bits12 => 0xfff,
            Self::Bits16 => 0xffff,
            Self::Bits28 => 0x0fff_ffff,
            Self::Bits32 => u32::MAX,
        }
    }

    /// The flags of the second entry that are set while the file system is clean, and as long as
    /// there was no error.
    pub(super) fn flags(self) -> (u32, u32) {
        match self {
            Self::Bits12 | Self::Bits32 => (0, 0),
            Self::Bits16 => (0x8000, 0x4000),
            Self::Bits28 => (0x0800_0000, 0x0400_0000),
        }
    }

    /// The highest values are marks, not numbers of clusters.
    pub(super) fn clusters_max(self) -> u32 {
        self.mask() - 0x0b
    }

    pub(super) fn is_end(self, value: u32) -> bool {
        value >= self.mask() - 7
    }

    fn is_bad(self, value: u32) -> bool {
        value == self.mask() - 8
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bits12 => "FAT12",
            Self::Bits16 => "FAT16",
            Self::Bits28 => "FAT32",
            Self::Bits32 => "exFAT",
        }
    }
}

/// Where clusters are.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Clusters {
    /// Place of cluster 2.
    pub(in super::super) start: u64,
    /// Bytes of each.
    pub(in super::super) bytes: u64,
}

impl Clusters {
    /// Place of a cluster.
    pub(in super::super) fn place(self, cluster: u32) -> u64 {
        self.start.saturating_add(u64::from(cluster.saturating_sub(2)).saturating_mul(self.bytes))
    }
}

/// The allocation table, and which clusters of it belong to something.
#[derive(Debug)]
pub(in super::super) struct Chains {
    width: Width,
    /// The highest number of a cluster.
    last: u32,
    /// The copy in use, then the others.
    copies: Vec<Pages>,
    /// One bit per cluster that some chain went through.
    taken: Vec<u64>,
    /// Entries that may still be read: shared chains are read again for each file, up to this.
    steps_left: u64,
}

/// The clusters of a file or directory, in order and without gaps.
#[derive(Debug, Default)]
pub(in super::super) struct Chain {
    pieces: Vec<Piece>,
    count: u64,
    /// The last cluster was found, and nothing went wrong before it.
    whole: bool,
}

/// Clusters in a row.
#[derive(Clone, Copy, Debug)]
struct Piece {
    first: u32,
    count: u32,
}

impl Chain {
    /// A file without clusters.
    pub(in super::super) fn empty() -> Self {
        Self { whole: true, ..Self::default() }
    }

    fn push(&mut self, cluster: u32) -> Result<(), String> {
        if self.pieces.len() >= PIECES_MAX {
            return Err(format!("it has more than {PIECES_MAX} pieces"));
        }
        self.count += 1;
        match self.pieces.last_mut() {
            Some(last) if last.first.checked_add(last.count) == Some(cluster) => last.count += 1,
            _ => self.pieces.push(Piece { first: cluster, count: 1 }),
        }
        Ok(())
    }

    /// Its bytes in rows, each with its place.
    pub(in super::super) fn rows(&self, clusters: Clusters) -> impl Iterator<Item = (u64, u64)> {
        self.pieces.iter().map(move |piece| {
            (clusters.place(piece.first), u64::from(piece.count).saturating_mul(clusters.bytes))
        })
    }

    /// A file of this size; what the chain is too short for keeps its place and is told.
    pub(in super::super) fn content(
        &self,
        image: &Extent,
        clusters: Clusters,
        size: u64,
        place: u64,
        faults: &mut Vec<Fault>,
    ) -> Extent {
        let (mut runs, mut logical) = (Runs::default(), 0_u64);
        for (place, length) in self.rows(clusters) {
            faults.extend(runs.push(Run { logical, place, length }).err());
            logical = logical.saturating_add(length);
        }
        let there = runs.join(image, logical.min(size), faults);
        let missing = size.saturating_sub(logical);
        if missing == 0 {
            return there;
        }
        let why = format!("its clusters have {logical} of {size} bytes");
        let fault = Fault::new(place, "find a file's clusters", why);
        if self.whole {
            faults.push(fault.clone());
        }
        let parts = [there, Extent::missing(image.vault(), missing, fault)];
        let parts = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Extent::joined(image.vault(), parts)
    }
}

/// Notices where a chain comes back to itself.
#[derive(Debug, Default)]
struct Visited(Option<HashSet<u32>>);

impl Visited {
    /// Whether the chain went through this cluster before. Only asked from the first cluster on
    /// that is taken already: others cannot be part of a circle.
    fn add(&mut self, chain: &Chain, cluster: u32) -> bool {
        let visited = self.0.get_or_insert_with(|| {
            let row = |piece: &Piece| piece.first..piece.first.saturating_add(piece.count);
            chain.pieces.iter().flat_map(row).collect()
        });
        !visited.insert(cluster)
    }
}

impl Chains {
    /// A table of so many clusters, with its copies in the order of trust.
    pub(in super::super) fn new(width: Width, clusters: u32, copies: Vec<Extent>) -> Self {
        // Entries that are not there allow no cluster: what is held in memory is bounded by the
        // image, whatever its header says.
        let there = copies.first().map_or(0, Extent::len).saturating_mul(8) / width.bits();
        let clusters = clusters.min(u32::try_from(there.saturating_sub(2)).unwrap_or(u32::MAX));
        Self {
            width,
            last: clusters.min(width.clusters_max()).saturating_add(1),
            copies: copies.into_iter().map(Pages::new).collect(),
            taken: Vec::new(),
            steps_left: u64::from(clusters).saturating_mul(4).saturating_add(4096),
        }
    }

    /// The entry with this number in the copy in use.
    pub(in super::super) fn raw(&mut self, number: u32) -> Option<u32> {
        let width = self.width;
        self.copies.first_mut().and_then(|copy| read(copy, width, number))
    }

    /// The clusters that follow from `first`, at most `wanted`; what is wrong with them is told
    /// for the object at `place`.
    pub(in super::super) fn follow(
        &mut self,
        first: u32,
        wanted: u64,
        clusters: Clusters,
        place: u64,
        faults: &mut Vec<Fault>,
    ) -> Chain {
        let mut chain = Chain::default();
        let result = self.collect(first, wanted, clusters, &mut chain, faults);
        if let Err(why) = result {
            faults.push(Fault::new(place, "follow a chain of clusters", why));
        } else {
            chain.whole = true;
        }
        chain
    }

    /// Clusters that follow each other without a chain (exFAT).
    pub(in super::super) fn row(
        &self,
        first: u32,
        wanted: u64,
        place: u64,
        faults: &mut Vec<Fault>,
    ) -> Chain {
        if let Err(why) = self.check(first) {
            faults.push(Fault::new(place, "find clusters in a row", why));
            return Chain::default();
        }
        let there = self.last.saturating_sub(first).saturating_add(1);
        let count = u32::try_from(wanted).unwrap_or(u32::MAX).min(there);
        let pieces = vec![Piece { first, count }];
        Chain { pieces, count: u64::from(count), whole: true }
    }

    fn collect(
        &mut self,
        first: u32,
        wanted: u64,
        clusters: Clusters,
        chain: &mut Chain,
        faults: &mut Vec<Fault>,
    ) -> Result<(), String> {
        let mut cluster = first;
        let mut visited = Visited::default();
        loop {
            self.check(cluster)?;
            let place = clusters.place(cluster);
            let taken = self.take(cluster);
            let shared = visited.0.is_some();
            if (taken || shared) && visited.add(chain, cluster) {
                return Err(format!("it goes round in a circle at cluster {cluster}"));
            }
            if taken && !shared {
                let why = format!("cluster {cluster} belongs to another one too");
                faults.push(Fault::new(place, "follow a chain of clusters", why));
            }
            chain.push(cluster)?;
            match self.next(cluster, faults, place)? {
                None => return Ok(()),
                Some(next) if chain.count == wanted => {
                    return Err(format!("it goes on at cluster {next} behind the end"));
                }
                Some(next) => cluster = next,
            }
        }
    }

    /// Whether a cluster with this number exists.
    fn check(&self, cluster: u32) -> Result<(), String> {
        match cluster {
            0 => Err("it leads to a cluster that is free".to_owned()),
            bad if self.width.is_bad(bad) => Err("it leads to a bad cluster".to_owned()),
            number if (2..=self.last).contains(&number) => Ok(()),
            number => Err(format!("it leads to cluster {number} of {}", self.last)),
        }
    }

    /// Notes that a chain goes through a cluster; true if another one did already.
    fn take(&mut self, cluster: u32) -> bool {
        let Ok(word) = usize::try_from(cluster / 64) else { return false };
        let bit = 1 << (cluster % 64);
        if self.taken.len() <= word {
            self.taken.resize(word + 1, 0);
        }
        let Some(word) = self.taken.get_mut(word) else { return false };
        let before = *word & bit != 0;
        *word |= bit;
        before
    }

    /// The cluster after one; none at the end of the chain. Where the copy in use has nonsense,
    /// another one may know better.
    fn next(
        &mut self,
        cluster: u32,
        faults: &mut Vec<Fault>,
        place: u64,
    ) -> Result<Option<u32>, String> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or("the chains are too long")?;
        let width = self.width;
        let mut first = None;
        for index in 0..self.copies.len() {
            let value = self.copies.get_mut(index).and_then(|copy| read(copy, width, cluster));
            let Some(value) = value else { continue };
            if width.is_end(value) || self.check(value).is_ok() {
                if index > 0 {
                    let why =
                        format!("the entry of cluster {cluster} is good in copy {index} only");
                    faults.push(Fault::new(place, "read the allocation table", why));
                }
                return Ok((!width.is_end(value)).then_some(value));
            }
            first = first.or(Some(value));
        }
        match first {
            Some(value) => self.check(value).map(|()| None),
            None => Err(format!("the entry of cluster {cluster} is not there")),
        }
    }
}

/// An entry of one copy.
fn read(copy: &mut Pages, width: Width, number: u32) -> Option<u32> {
    let number = u64::from(number);
    let value = match width {
        Width::Bits12 => {
            // Three bytes hold two entries.
            let both = u32::from(u16::from_le_bytes(copy.array(number * 3 / 2).ok()?));
            if number.is_multiple_of(2) { both } else { both >> 4 }
        }
        Width::Bits16 => u32::from(u16::from_le_bytes(copy.array(number * 2).ok()?)),
        Width::Bits28 | Width::Bits32 => u32::from_le_bytes(copy.array(number * 4).ok()?),
    };
    Some(value & width.mask())
}
