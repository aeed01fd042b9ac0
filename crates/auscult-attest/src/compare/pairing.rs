//! Which file system of a reference is which of those that were measured, and how alike both are.

use std::collections::{HashMap, HashSet};

use auscult_measure::Kind;
use auscult_model::{ByteName, Sha256};

use crate::{Evidence, FileSystem, Reference, Scope};

/// The file systems that belong together, and how many files of the reference are as they must be.
pub(crate) struct Pairing<'a> {
    /// Each file system of the reference with the one that was measured.
    pub(crate) pairs: Vec<(&'a FileSystem, Option<&'a FileSystem>)>,
    /// Measured file systems that belong to none.
    pub(crate) others: Vec<&'a FileSystem>,
    /// Files with the same path and digest.
    pub(crate) identical: usize,
    /// Files of the reference that were compared.
    pub(crate) files: usize,
}

impl Pairing<'_> {
    /// The share of identical files in parts per million; whole where nothing is to be compared.
    pub(crate) fn likeness(&self) -> Option<usize> {
        self.identical.saturating_mul(1_000_000).checked_div(self.files)
    }
}

/// Digests of the files of a file system.
type Digests<'a> = HashMap<&'a ByteName, Sha256>;

fn digests(file_system: &FileSystem) -> Digests<'_> {
    let files = file_system.entries.iter().filter(|entry| entry.kind == Kind::File);
    files.filter_map(|entry| Some((&entry.path, entry.sha256?))).collect()
}

/// Finds the pairs: each measured file system goes to the one that it shares most files with.
pub(crate) fn pair<'a>(reference: &'a Reference, evidence: &'a Evidence) -> Pairing<'a> {
    let wanted: Vec<Digests<'_>> = reference.file_systems.iter().map(digests).collect();
    let found: Vec<Digests<'_>> = evidence.file_systems.iter().map(digests).collect();
    let mut candidates = Vec::new();
    for (left, wanted) in wanted.iter().enumerate() {
        for (right, found) in found.iter().enumerate() {
            let same = wanted.iter().filter(|(path, digest)| found.get(*path) == Some(digest));
            let place = |list: &[FileSystem], index: usize| {
                list.get(index).map(|file_system| file_system.locator.clone())
            };
            let same_place =
                place(&reference.file_systems, left) == place(&evidence.file_systems, right);
            candidates.push((same.count(), same_place, left, right));
        }
    }
    // Most alike first; the same place decides between equals, then the order.
    candidates.sort_by(|one, other| {
        (other.0, other.1).cmp(&(one.0, one.1)).then((one.2, one.3).cmp(&(other.2, other.3)))
    });
    let (mut chosen, mut taken): (HashMap<usize, usize>, HashSet<usize>) = Default::default();
    let mut identical = 0;
    for (same, same_place, left, right) in candidates {
        let fits = same > 0 || same_place || evidence.scope != Scope::Image;
        if fits && !chosen.contains_key(&left) && taken.insert(right) {
            chosen.insert(left, right);
            identical += same;
        }
    }
    let compared = |index: &usize| evidence.scope == Scope::Image || chosen.contains_key(index);
    let files = (0..wanted.len()).filter(compared).filter_map(|index| wanted.get(index));
    Pairing {
        files: files.map(HashMap::len).sum(),
        pairs: reference
            .file_systems
            .iter()
            .enumerate()
            .map(|(left, file_system)| {
                (file_system, chosen.get(&left).and_then(|&right| evidence.file_systems.get(right)))
            })
            .collect(),
        others: evidence
            .file_systems
            .iter()
            .enumerate()
            .filter(|(right, _)| !taken.contains(right))
            .map(|(_, file_system)| file_system)
            .collect(),
        identical,
    }
}
