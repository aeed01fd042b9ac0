//! The budget of one inspection: what was put out so far, what is held in memory, what is allowed.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use auscult_model::{Limits, Sha256};
use bytes::Bytes;

use crate::{
    Fault, Sink,
    codec::Codec,
    memo::Memo,
    sink::Output,
    spill::{Spill, Spilled},
};

/// Shared by every extent of one tree: the limits, the counters and the cache of derived bytes.
#[derive(Debug)]
pub struct Vault {
    limits: Limits,
    derived: AtomicU64,
    entries: AtomicU64,
    next_source: AtomicU64,
    cache: Mutex<Cache>,
    /// The file for derived bytes that are too many for the cache.
    spill: Option<Spill>,
    /// What went there, by source.
    spilled: Mutex<HashMap<u64, Held>>,
    /// Streams that were decoded whole, by where they start.
    streams: Mutex<HashMap<StreamPlace, Decoded>>,
    /// Fingerprints of derived sources; a fragment block is asked for by many files.
    fingerprints: Mutex<HashMap<u64, Option<Sha256>>>,
    /// What earlier inspections found.
    memo: Option<Arc<Memo>>,
}

/// A source, an offset in it, and how the stream there is packed.
pub(crate) type StreamPlace = (u64, u64, Codec);

/// A stream that was decoded whole: formats that look for streams on trial and the engine that
/// opens them later need not decode them twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoded {
    /// The source of the decoded bytes.
    pub(crate) source: u64,
    /// How many they are.
    pub(crate) length: u64,
    /// Packed bytes.
    pub(crate) consumed: u64,
    /// Bytes that the decoder could see; with fewer it might have ended elsewhere.
    pub(crate) input_length: u64,
}

/// Derived bytes of more than this share of the cache go to a file instead: to compute them again
/// for each look would cost more, and they would push everything else out.
const SPILL_SHARE: u64 = 8;

impl Vault {
    /// An empty vault under these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            derived: AtomicU64::new(0),
            entries: AtomicU64::new(0),
            next_source: AtomicU64::new(0),
            cache: Mutex::default(),
            spill: None,
            spilled: Mutex::default(),
            streams: Mutex::default(),
            fingerprints: Mutex::default(),
            memo: None,
        }
    }

    /// The same vault with what earlier inspections found.
    #[must_use]
    pub fn with_memo(self, memo: Option<Arc<Memo>>) -> Self {
        Self { memo, ..self }
    }

    /// What earlier inspections found, if it is asked.
    pub fn memo(&self) -> Option<&Arc<Memo>> {
        self.memo.as_ref()
    }

    /// The fingerprint of a derived source, computed when first asked for.
    pub(crate) fn fingerprint(
        &self,
        source: u64,
        compute: impl FnOnce() -> Option<Sha256>,
    ) -> Option<Sha256> {
        let known = self.lock_fingerprints().get(&source).copied();
        known.unwrap_or_else(|| {
            let found = compute();
            self.lock_fingerprints().insert(source, found);
            found
        })
    }

    fn lock_fingerprints(&self) -> MutexGuard<'_, HashMap<u64, Option<Sha256>>> {
        self.fingerprints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty vault that may put derived bytes into this file, which is empty and nobody else's.
    pub fn with_spill(limits: Limits, file: File) -> Self {
        let spill = Some(Spill::new(file, limits.spill_bytes));
        Self { spill, ..Self::new(limits) }
    }

    /// The file to spill to.
    pub(crate) fn spill(&self) -> Option<&Spill> {
        self.spill.as_ref()
    }

    /// Bytes of one output that may be held in memory where there is a file to spill to.
    pub(crate) fn spill_above(&self) -> usize {
        usize::try_from(self.limits.cache_bytes / SPILL_SHARE).unwrap_or(usize::MAX)
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Opens a sink for the output of a transform that reads `input_bytes`.
    pub fn sink(&self, input_bytes: u64) -> Sink<'_> {
        Sink::new(self, input_bytes)
    }

    /// Counts one more node; false once there are too many.
    pub(crate) fn admit_entry(&self) -> bool {
        self.entries.fetch_add(1, Ordering::Relaxed) < self.limits.entries
    }

    /// Counts output of a transform; false once the total is over its limit.
    pub(crate) fn admit_bytes(&self, count: u64) -> bool {
        self.derived.fetch_add(count, Ordering::Relaxed).saturating_add(count)
            <= self.limits.derived_bytes
    }

    pub(crate) fn source_id(&self) -> u64 {
        self.next_source.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn cached(&self, source: u64) -> Option<Held> {
        let held = self.lock().get(source);
        held.or_else(|| self.lock_spilled().get(&source).cloned())
    }

    /// Keeps derived bytes, with the fault that cut them short: whoever reads them next must meet
    /// the same one, or the order of threads would show in the result.
    pub(crate) fn keep(&self, source: u64, output: Output, fault: Option<&Fault>) -> Held {
        let fault = fault.cloned();
        let bytes = match output {
            Output::Memory(bytes) => self.spill_large(bytes),
            spilled @ Output::Spilled(_) => spilled,
        };
        match bytes {
            Output::Spilled(spilled) => {
                let held = Held { bytes: HeldBytes::Spilled(Arc::new(spilled)), fault };
                self.lock_spilled().entry(source).or_insert(held).clone()
            }
            Output::Memory(bytes) => {
                // Without a place for a file, bytes stay in memory even over the budget: the
                // limit of a single output bounds them.
                let budget = self.limits.cache_bytes.max(length(&bytes));
                let held = Held { bytes: HeldBytes::Memory(bytes), fault };
                self.lock().put(source, &held, budget);
                held
            }
        }
    }

    /// The stream that was decoded at a place where now `input_length` bytes are to be seen.
    pub(crate) fn decoded(&self, place: StreamPlace, input_length: u64) -> Option<Decoded> {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let found = streams.get(&place).copied();
        found.filter(|found| (found.consumed..=found.input_length).contains(&input_length))
    }

    /// Remembers a stream that was decoded whole.
    pub(crate) fn remember(&self, place: StreamPlace, decoded: Decoded) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.insert(place, decoded);
    }

    /// Moves bytes to the file if they are too many for the cache.
    fn spill_large(&self, bytes: Bytes) -> Output {
        if let Some(spill) = &self.spill
            && bytes.len() > self.spill_above()
        {
            let mut spilled = Spilled::default();
            if spill.append(&mut spilled, &bytes).is_ok() {
                return Output::Spilled(spilled);
            }
        }
        Output::Memory(bytes)
    }

    /// Whether a limit on all transforms or nodes together was reached. What was left out then
    /// depends on which thread came first.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.derived.load(Ordering::Relaxed) > self.limits.derived_bytes
            || self.entries.load(Ordering::Relaxed) > self.limits.entries
    }

    /// A poisoned cache holds no broken invariant: every entry is whole when it is inserted.
    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_spilled(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Held>> {
        self.spilled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Derived bytes, and what stopped the transform before it was through.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) bytes: HeldBytes,
    pub(crate) fault: Option<Fault>,
}

/// Where derived bytes are.
#[derive(Clone, Debug)]
pub(crate) enum HeldBytes {
    Memory(Bytes),
    Spilled(Arc<Spilled>),
}

impl HeldBytes {
    /// Number of bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => length(bytes),
            Self::Spilled(spilled) => spilled.len(),
        }
    }

    fn held_bytes(&self) -> u64 {
        match self {
            Self::Memory(bytes) => length(bytes),
            Self::Spilled(_) => 0,
        }
    }
}

/// Least recently used derived bytes go first once the budget is spent.
#[derive(Debug, Default)]
struct Cache {
    clock: u64,
    held_bytes: u64,
    by_source: HashMap<u64, (u64, Held)>,
    by_age: BTreeMap<u64, u64>,
}

impl Cache {
    fn get(&mut self, source: u64) -> Option<Held> {
        self.clock += 1;
        let (age, held) = self.by_source.get_mut(&source)?;
        self.by_age.remove(age);
        *age = self.clock;
        self.by_age.insert(self.clock, source);
        Some(held.clone())
    }

    fn put(&mut self, source: u64, held: &Held, budget: u64) {
        let size = held.bytes.held_bytes();
        if size > budget || self.by_source.contains_key(&source) {
            return;
        }
        while self.held_bytes + size > budget {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            if let Some((_, dropped)) = self.by_source.remove(&oldest) {
                self.held_bytes -= dropped.bytes.held_bytes();
            }
        }
        self.clock += 1;
        self.held_bytes += size;
        self.by_source.insert(source, (self.clock, held.clone()));
        self.by_age.insert(self.clock, source);
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Cache, Held, HeldBytes};

    #[test]
    fn the_cache_drops_the_least_recently_used() {
        let mut cache = Cache::default();
        for source in 0..3 {
            let bytes = HeldBytes::Memory(Bytes::from(vec![0; 40]));
            cache.put(source, &Held { bytes, fault: None }, 100);
            cache.get(0);
        }
        assert!(cache.get(0).is_some() && cache.get(1).is_none() && cache.get(2).is_some());
        assert_eq!(cache.held_bytes, 80);
    }
}
