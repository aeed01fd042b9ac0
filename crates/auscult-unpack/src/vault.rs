//! The budget of one inspection: what was put out so far, what is held in memory, what is allowed.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use auscult_model::Limits;
use bytes::Bytes;

use crate::Fault;

/// Shared by every extent of one tree: the limits, the counters and the cache of derived bytes.
#[derive(Debug)]
pub struct Vault {
    limits: Limits,
    derived: AtomicU64,
    entries: AtomicU64,
    next_source: AtomicU64,
    cache: Mutex<Cache>,
    /// Derived bytes too many for the cache, each in a file without a name.
    spilled: Mutex<HashMap<u64, Arc<File>>>,
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
            spilled: Mutex::default(),
        }
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Opens a sink for the output of a transform that reads `input_bytes`.
    pub fn sink(&self, input_bytes: u64) -> Sink<'_> {
        Sink { vault: self, input_bytes, output: Vec::new(), refusal: None }
    }

    /// Counts one more node; false once there are too many.
    pub(crate) fn admit_entry(&self) -> bool {
        self.entries.fetch_add(1, Ordering::Relaxed) < self.limits.entries
    }

    /// Counts output of a transform; false once the total is over its limit.
    fn admit_bytes(&self, count: u64) -> bool {
        self.derived.fetch_add(count, Ordering::Relaxed).saturating_add(count)
            <= self.limits.derived_bytes
    }

    pub(crate) fn source_id(&self) -> u64 {
        self.next_source.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn cached(&self, source: u64) -> Option<Held> {
        self.lock().get(source)
    }

    /// Keeps derived bytes, with the fault that cut them short: whoever reads them next must meet
    /// the same one, or the order of threads would show in the result.
    pub(crate) fn keep(&self, source: u64, bytes: &Bytes, fault: Option<&Fault>) {
        let large = length(bytes) > self.limits.cache_bytes / SPILL_SHARE;
        if large && fault.is_none() && self.spill(source, bytes).is_ok() {
            return;
        }
        // Without a place for such a file, the bytes stay in memory even over the budget: the
        // limit of a single stream still bounds them.
        let budget = self.limits.cache_bytes.max(length(bytes));
        self.lock().put(source, bytes, fault, budget);
    }

    /// Whether a limit on all transforms or nodes together was reached. What was left out then
    /// depends on which thread came first.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.derived.load(Ordering::Relaxed) > self.limits.derived_bytes
            || self.entries.load(Ordering::Relaxed) > self.limits.entries
    }

    /// The file that holds the bytes of a source, where they were too many for the cache.
    pub(crate) fn spilled(&self, source: u64) -> Option<Arc<File>> {
        self.spilled.lock().unwrap_or_else(PoisonError::into_inner).get(&source).cloned()
    }

    fn spill(&self, source: u64, bytes: &Bytes) -> io::Result<()> {
        if self.spilled(source).is_some() {
            return Ok(());
        }
        let mut file = tempfile::tempfile()?;
        io::Write::write_all(&mut file, bytes)?;
        let mut spilled = self.spilled.lock().unwrap_or_else(PoisonError::into_inner);
        spilled.insert(source, Arc::new(file));
        Ok(())
    }

    /// A poisoned cache holds no broken invariant: every entry is whole when it is inserted.
    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Derived bytes, and what stopped the transform before it was through.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    pub(crate) fault: Option<Fault>,
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

    fn put(&mut self, source: u64, bytes: &Bytes, fault: Option<&Fault>, budget: u64) {
        let size = length(bytes);
        if size > budget || self.by_source.contains_key(&source) {
            return;
        }
        while self.held_bytes + size > budget {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            if let Some((_, dropped)) = self.by_source.remove(&oldest) {
                self.held_bytes -= length(&dropped.bytes);
            }
        }
        self.clock += 1;
        self.held_bytes += size;
        let held = Held { bytes: bytes.clone(), fault: fault.cloned() };
        self.by_source.insert(source, (self.clock, held));
        self.by_age.insert(self.clock, source);
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Takes the output of one transform and stops it at the limits: a decompression bomb ends here.
///
/// It is a [`io::Write`], so that a decoder can be copied into it; a refused write is an error of
/// kind [`io::ErrorKind::FileTooLarge`], and [`refusal`](Self::refusal) says which limit it was.
#[derive(Debug)]
pub struct Sink<'vault> {
    vault: &'vault Vault,
    input_bytes: u64,
    output: Vec<u8>,
    refusal: Option<String>,
}

impl Sink<'_> {
    /// Appends decoded bytes.
    ///
    /// # Errors
    /// A [`Fault`] once a limit is reached; nothing of `bytes` is kept then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let total = self.len().saturating_add(count);
        let limits = &self.vault.limits;
        let refusal = if total > limits.stream_bytes {
            Some(format!("the output exceeds {} bytes (limit stream-bytes)", limits.stream_bytes))
        } else if total > limits.ratio_floor_bytes && total / self.input_bytes.max(1) > limits.ratio
        {
            Some(format!("the output exceeds {} times the input (limit ratio)", limits.ratio))
        } else if !self.vault.admit_bytes(count) {
            Some(format!("all output exceeds {} bytes (limit derived-bytes)", limits.derived_bytes))
        } else {
            None
        };
        if let Some(why) = refusal {
            self.refusal = Some(why.clone());
            return Err(Fault::new(0, "decompress", why));
        }
        self.output.extend_from_slice(bytes);
        Ok(())
    }

    /// How many bytes may still be pushed before a limit of this stream: its length or its ratio.
    pub fn allowance(&self) -> u64 {
        let limits = &self.vault.limits;
        let by_ratio = self.input_bytes.max(1).saturating_add(1).saturating_mul(limits.ratio);
        self.room().min(by_ratio.max(limits.ratio_floor_bytes).saturating_sub(self.len()))
    }

    /// How many bytes may still be pushed before the limit of a single stream.
    pub fn room(&self) -> u64 {
        self.vault.limits.stream_bytes.saturating_sub(self.len())
    }

    /// Length of the output so far.
    pub fn len(&self) -> u64 {
        u64::try_from(self.output.len()).unwrap_or(u64::MAX)
    }

    /// Whether nothing was put out yet.
    pub fn is_empty(&self) -> bool {
        self.output.is_empty()
    }

    /// The limit that stopped the output, if one did.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// The output so far; decoders that look back (LZ77 windows) read it here.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// The output.
    pub fn into_output(self) -> Vec<u8> {
        self.output
    }
}

impl io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.push(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(fault) => Err(io::Error::new(io::ErrorKind::FileTooLarge, fault)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use bytes::Bytes;

    use super::{Cache, Vault};

    #[test]
    fn the_cache_drops_the_least_recently_used() {
        let mut cache = Cache::default();
        for source in 0..3 {
            cache.put(source, &Bytes::from(vec![0; 40]), None, 100);
            cache.get(0);
        }
        assert!(cache.get(0).is_some() && cache.get(1).is_none() && cache.get(2).is_some());
        assert_eq!(cache.held_bytes, 80);
    }

    #[test]
    fn a_sink_stops_at_every_limit() {
        let limits = Limits {
            stream_bytes: 100,
            derived_bytes: 150,
            ratio: 10,
            ratio_floor_bytes: 20,
            ..Limits::default()
        };
        let vault = Vault::new(limits);
        let mut bomb = vault.sink(2);
        assert!(bomb.push(&[0; 20]).is_ok());
        assert!(bomb.push(&[0; 20]).is_err());
        assert!(bomb.refusal().unwrap().contains("ratio"));
        let mut long = vault.sink(1000);
        assert!(long.push(&[0; 101]).is_err());
        assert!(long.push(&[0; 100]).is_ok());
        let mut total = vault.sink(1000);
        assert!(total.push(&[0; 80]).unwrap_err().why.contains("derived-bytes"));
    }
}
