//! Where a transform puts its bytes out: counted against the limits, and kept out of memory once
//! they are many.

use std::io;

use auscult_model::Limits;
use bytes::Bytes;

use crate::{Fault, Vault, spill::Spilled};

/// Last bytes that stay at hand when the others are spilled, for decoders that look back.
const WINDOW_BYTES: usize = 4 << 20;
/// Without a file to spill to, a single output stays in memory up to this size.
const MEMORY_BYTES_MAX: u64 = 1 << 30;

/// Takes the output of one transform and stops it at the limits: a decompression bomb ends here.
///
/// It is a [`io::Write`], so that a decoder can be copied into it; a refused write is an error of
/// kind [`io::ErrorKind::FileTooLarge`], and [`refusal`](Self::refusal) says which limit it was.
#[derive(Debug)]
pub struct Sink<'vault> {
    vault: &'vault Vault,
    input_bytes: u64,
    spilled: Spilled,
    output: Vec<u8>,
    refusal: Option<String>,
}

/// What a transform put out.
#[derive(Debug)]
pub(crate) enum Output {
    Memory(Bytes),
    Spilled(Spilled),
}

impl Output {
    /// Number of bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Spilled(spilled) => spilled.len(),
        }
    }

    /// Forgets what lies past a length.
    pub(crate) fn truncate(&mut self, length: u64) {
        match self {
            Self::Memory(bytes) => bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX)),
            Self::Spilled(spilled) => spilled.truncate(length),
        }
    }
}

impl<'vault> Sink<'vault> {
    pub(crate) fn new(vault: &'vault Vault, input_bytes: u64) -> Self {
        Self { vault, input_bytes, spilled: Spilled::default(), output: Vec::new(), refusal: None }
    }

    /// Appends decoded bytes.
    ///
    /// # Errors
    /// A [`Fault`] once a limit is reached; nothing of `bytes` is kept then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.admit(bytes.len())?;
        self.output.extend_from_slice(bytes);
        self.spill_much();
        Ok(())
    }

    /// Appends decoded bytes that nobody else needs, without copying the first of them.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn adopt(&mut self, bytes: Vec<u8>) -> Result<(), Fault> {
        if !self.output.is_empty() {
            return self.push(&bytes);
        }
        self.admit(bytes.len())?;
        self.output = bytes;
        self.spill_much();
        Ok(())
    }

    /// Counts bytes that are to be appended.
    fn admit(&mut self, count: usize) -> Result<(), Fault> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let total = self.len().saturating_add(count);
        let held = u64::try_from(self.output.len()).unwrap_or(u64::MAX).saturating_add(count);
        let limits = self.vault.limits();
        let refusal = if total > limits.stream_bytes {
            Some(format!("the output exceeds {} bytes (limit stream-bytes)", limits.stream_bytes))
        } else if total > limits.ratio_floor_bytes && total / self.input_bytes.max(1) > limits.ratio
        {
            Some(format!("the output exceeds {} times the input (limit ratio)", limits.ratio))
        } else if held > MEMORY_BYTES_MAX {
            Some(format!("the output exceeds {MEMORY_BYTES_MAX} bytes and cannot be spilled"))
        } else if !self.vault.admit_bytes(count) {
            Some(format!("all output exceeds {} bytes (limit derived-bytes)", limits.derived_bytes))
        } else {
            None
        };
        match refusal {
            Some(why) => {
                self.refusal = Some(why.clone());
                Err(Fault::new(0, "decompress", why))
            }
            None => Ok(()),
        }
    }

    /// Moves all but the window to the file, once there is more than the cache should hold of one
    /// output. Where that fails the bytes stay in memory.
    fn spill_much(&mut self) {
        if self.output.len() > WINDOW_BYTES + self.vault.spill_above() {
            let count = self.output.len() - WINDOW_BYTES;
            if self.spill_first(count) {
                self.output.drain(..count);
            }
        }
    }

    fn spill_first(&mut self, count: usize) -> bool {
        let Some(spill) = self.vault.spill() else { return false };
        let bytes = self.output.get(..count).unwrap_or_default();
        spill.append(&mut self.spilled, bytes).is_ok()
    }

    /// How many bytes may still be pushed at once before a limit of this stream: its length, its
    /// ratio, or what is held in memory. For decoders that make all of their output themselves.
    pub fn allowance(&self) -> u64 {
        let limits = self.vault.limits();
        let by_ratio = self.input_bytes.max(1).saturating_add(1).saturating_mul(limits.ratio);
        let by_ratio = by_ratio.max(limits.ratio_floor_bytes).saturating_sub(self.len());
        self.room().min(by_ratio).min(MEMORY_BYTES_MAX)
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        self.vault.limits()
    }

    /// How many bytes may still be pushed before the limit of a single stream.
    pub fn room(&self) -> u64 {
        self.vault.limits().stream_bytes.saturating_sub(self.len())
    }

    /// Length of the output so far.
    pub fn len(&self) -> u64 {
        let held = u64::try_from(self.output.len()).unwrap_or(u64::MAX);
        self.spilled.len().saturating_add(held)
    }

    /// Whether nothing was put out yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The limit that stopped the output, if one did.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// The last bytes of the output, at most so many and at most 4 MiB: what a decoder may refer
    /// back to.
    pub fn window(&self, bytes_max: usize) -> &[u8] {
        let start = self.output.len().saturating_sub(bytes_max.min(WINDOW_BYTES));
        self.output.get(start..).unwrap_or_default()
    }

    /// Everything that was put out.
    pub(crate) fn finish(mut self) -> Output {
        if self.spilled.len() > 0 {
            let count = self.output.len();
            if self.spill_first(count) {
                return Output::Spilled(self.spilled);
            }
            // The disk filled up in the middle: what is there is brought back.
            let spill = self.vault.spill();
            let head =
                spill.and_then(|spill| spill.read(&self.spilled, 0, self.spilled.len()).ok());
            let mut whole = head.map(Vec::from).unwrap_or_default();
            whole.append(&mut self.output);
            return Output::Memory(whole.into());
        }
        Output::Memory(self.output.into())
    }

    /// Everything that was put out, in memory; for blocks and tests.
    #[cfg(test)]
    pub(crate) fn into_output(self) -> Vec<u8> {
        match self.finish() {
            Output::Memory(bytes) => bytes.into(),
            Output::Spilled(_) => Vec::new(),
        }
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

    use super::{Output, WINDOW_BYTES};
    use crate::Vault;

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
        assert!(long.adopt(vec![0; 100]).is_ok());
        let mut total = vault.sink(1000);
        assert!(total.push(&[0; 80]).unwrap_err().why.contains("derived-bytes"));
    }

    #[test]
    fn much_output_goes_to_the_file_and_its_end_stays_at_hand() {
        let limits = Limits { cache_bytes: 8 << 20, ..Limits::default() };
        let vault = Vault::with_spill(limits, tempfile::tempfile().unwrap());
        let mut sink = vault.sink(1 << 30);
        for number in 0..60_u8 {
            sink.push(&vec![number; 300_000]).unwrap();
            assert!(sink.output.len() <= WINDOW_BYTES + (1 << 20) + 300_000);
            assert_eq!(sink.window(9), [number; 9]);
        }
        assert_eq!((sink.len(), sink.window(usize::MAX).len() <= WINDOW_BYTES), (18_000_000, true));
        let Output::Spilled(spilled) = sink.finish() else { panic!("not spilled") };
        let bytes = vault.spill().unwrap().read(&spilled, 299_999, 17_700_001).unwrap();
        assert_eq!((bytes[0], bytes[1], bytes[bytes.len() - 1]), (0, 1, 59));
    }
}
