//! What earlier inspections found in the same packed bytes.
//!
//! Builds of one model differ in a few files. A file whose packed bytes were seen before, under the
//! same path, is neither decoded nor searched again: what was in it is remembered by the
//! [fingerprint](crate::Extent::fingerprint) of its content. Only plain findings are kept: a file of
//! no format, or of a format without members and without a fault.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Mutex, PoisonError},
};

use auscult_model::Sha256;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::{
    Extent,
    carve::{Container, Stretch, StretchKind},
    format::Opened,
    formats::REGISTRY,
};

/// Findings by key, from before and new ones.
pub struct Memo {
    known: HashMap<Sha256, Bytes>,
    fresh: Mutex<BTreeMap<Sha256, Entry>>,
}

impl fmt::Debug for Memo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Memo({} known)", self.known.len())
    }
}

/// What is remembered of one file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Entry {
    /// What unpacking found in it; none until told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stretches: Option<Vec<Kept>>,
    /// What inspection found in it, in a form of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inspected: Option<Box<serde_json::value::RawValue>>,
}

/// A stretch of a file that has no members.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    offset: u64,
    length: u64,
    kind: KeptKind,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum KeptKind {
    Raw(u16),
    Padding,
    /// A format with its attributes.
    Container(String, Vec<(String, String)>),
}

impl Memo {
    /// A memory of these findings, as [`Memo::fresh`] told them.
    pub fn new(known: HashMap<Sha256, Bytes>) -> Self {
        Self { known, fresh: Mutex::default() }
    }

    /// The key of a file's content: what is found may depend on its path.
    pub fn key(content: &Extent, path: &[u8]) -> Option<Sha256> {
        let mut digest = sha2::Sha256::new();
        digest.update(content.fingerprint()?.0);
        // Archives write the same path with and without a dot or a slash in front.
        let path = path.strip_prefix(b".").filter(|rest| rest.starts_with(b"/")).unwrap_or(path);
        digest.update(path.strip_prefix(b"/").unwrap_or(path));
        Some(Sha256(digest.finalize().into()))
    }

    /// The new findings, with their keys.
    pub fn fresh(&self) -> Vec<(Sha256, Vec<u8>)> {
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = fresh.iter().filter(|(_, entry)| entry.inspected.is_some());
        whole.filter_map(|(key, entry)| Some((*key, serde_json::to_vec(entry).ok()?))).collect()
    }

    /// What inspection kept of the file with this key.
    pub fn inspected<T: for<'de> Deserialize<'de>>(&self, key: &Sha256) -> Option<T> {
        let entry: Entry = serde_json::from_slice(self.known.get(key)?).ok()?;
        serde_json::from_str(entry.inspected?.get()).ok()
    }

    /// Keeps what inspection found in the file with this key.
    pub fn keep_inspected(&self, key: Sha256, found: &impl Serialize) {
        let Ok(raw) = serde_json::value::to_raw_value(found) else { return };
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        // A file whose inside was not plain is looked into again, and so is searched again.
        if let Some(entry) = fresh.get_mut(&key) {
            entry.inspected = Some(raw);
        }
    }

    /// What unpacking found in the file with this key.
    pub(crate) fn stretches(&self, key: &Sha256) -> Option<Vec<Stretch>> {
        let entry: Entry = serde_json::from_slice(self.known.get(key)?).ok()?;
        entry.inspected.as_ref()?;
        entry.stretches?.into_iter().map(Kept::restored).collect()
    }

    /// Keeps what unpacking found in the file with this key, if it is plain.
    pub(crate) fn keep_stretches(&self, key: Sha256, found: &[Stretch]) {
        let kept: Option<Vec<Kept>> = found.iter().map(Kept::of).collect();
        if let Some(stretches) = kept {
            let entry = Entry { stretches: Some(stretches), inspected: None };
            let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
            fresh.insert(key, entry);
        }
    }
}

impl Kept {
    /// Nothing where the stretch has more to it than can be kept.
    fn of(stretch: &Stretch) -> Option<Self> {
        let kind = match &stretch.kind {
            StretchKind::Raw { entropy_centibits } => KeptKind::Raw(*entropy_centibits),
            StretchKind::Padding => KeptKind::Padding,
            StretchKind::Container(container) => {
                let opened = &container.opened;
                let plain = opened.entries.is_empty()
                    && opened.faults.is_empty()
                    && opened.unread.is_none()
                    && opened.length == stretch.length;
                let attributes = opened.attributes.iter();
                let owned = attributes.map(|(key, value)| ((*key).to_owned(), value.clone()));
                plain.then(|| KeptKind::Container(container.format.to_owned(), owned.collect()))?
            }
        };
        Some(Self { offset: stretch.offset, length: stretch.length, kind })
    }

    fn restored(self) -> Option<Stretch> {
        let kind = match self.kind {
            KeptKind::Raw(entropy_centibits) => StretchKind::Raw { entropy_centibits },
            KeptKind::Padding => StretchKind::Padding,
            KeptKind::Container(name, attributes) => {
                let format = REGISTRY.iter().find(|format| format.name == name)?.name;
                let known: Option<Vec<_>> = attributes
                    .into_iter()
                    .map(|(key, value)| Some((name_of(&key)?, value)))
                    .collect();
                let opened =
                    Opened { length: self.length, attributes: known?, ..Opened::default() };
                StretchKind::Container(Box::new(Container { format, opened, inner: Vec::new() }))
            }
        };
        Some(Stretch { offset: self.offset, length: self.length, kind })
    }
}

/// Names of attributes at most; formats have some hundred in all.
const NAMES_MAX: usize = 4096;

/// The name of an attribute as the rest of the program holds it: for ever.
fn name_of(key: &str) -> Option<&'static str> {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(key) {
        return Some(known);
    }
    let name: &'static str = (names.len() < NAMES_MAX).then(|| key.to_owned().leak())?;
    names.insert(name);
    Some(name)
}
