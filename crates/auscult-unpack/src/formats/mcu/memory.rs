//! Memory as files of text records describe it: runs of addresses without a gap, one part each.

use std::sync::Arc;

use super::nordic;
use crate::{
    Derive, Entry, Extent, Fault, Sink,
    format::{Candidate, NotThis, Opened},
};

/// Text is read at once.
pub(super) const TEXT_BYTES_MAX: u64 = 64 << 20;
const RUNS_MAX: usize = 4096;

/// A run of addresses without a gap.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) address: u64,
    pub(super) bytes: Vec<u8>,
}

/// What a file of records comes to.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) runs: Vec<Run>,
    /// What else the records tell.
    pub(super) attributes: Vec<(&'static str, String)>,
    /// Length of the text up to the last record.
    pub(super) text_bytes: usize,
}

/// Reads all records at the start of a text; none where it is no such file.
pub(super) type Parse = fn(&[u8]) -> Option<Memory>;

impl Memory {
    /// Puts bytes at an address; bytes right behind the last ones belong to the same run.
    pub(super) fn store(&mut self, address: u64, data: &[u8]) -> Option<()> {
        if let Some(last) = self.runs.last_mut()
            && last.address + u64::try_from(last.bytes.len()).ok()? == address
        {
            last.bytes.extend_from_slice(data);
            return Some(());
        }
        if self.runs.len() >= RUNS_MAX {
            return None;
        }
        self.runs.push(Run { address, bytes: data.to_vec() });
        Some(())
    }
}

/// The next line that is not blank, without its end, and where the one behind it starts.
pub(super) fn line(text: &[u8], mut at: usize) -> Option<(&[u8], usize)> {
    /// Records are shorter.
    const LINE_BYTES_MAX: usize = 2048;
    loop {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let newline = rest.iter().take(LINE_BYTES_MAX).position(|&byte| byte == b'\n');
        let line = rest.get(..newline.unwrap_or(rest.len().min(LINE_BYTES_MAX)))?;
        at += newline.map_or(line.len(), |newline| newline + 1);
        if !line.trim_ascii().is_empty() {
            return Some((line.trim_ascii(), at));
        }
    }
}

/// Bytes from pairs of hexadecimal digits.
pub(super) fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, odd) = digits.as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    bytes.collect::<Option<Vec<u8>>>().filter(|_| odd.is_empty())
}

/// A number of hexadecimal digits.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    plain.then(|| u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok())?
}

/// Opens a file of text records: its runs are parts named by their address.
pub(super) fn open(candidate: &Candidate, parse: Parse) -> Result<Opened, NotThis> {
    let text = candidate.extent.read_up_to(0, TEXT_BYTES_MAX)?;
    let memory = parse(&text).ok_or(NotThis)?;
    let length = u64::try_from(memory.text_bytes).map_err(|_| NotThis)?;
    let source = candidate.extent.clamp(0, length);
    Ok(opened(&source, memory, parse))
}

/// The same for records that were read already.
pub(super) fn opened(source: &Extent, mut memory: Memory, parse: Parse) -> Opened {
    // Beside flash from address 0 on, that part of the address space is a Nordic chip's.
    if memory.runs.iter().any(|run| run.address < 0x10_0000) {
        let registers = |run: &Run| nordic::registers(run.address, &run.bytes);
        let told: Vec<String> = memory.runs.iter().filter_map(registers).collect();
        memory.attributes.extend((!told.is_empty()).then(|| ("nordic-uicr", told.join(", "))));
    }
    let total: usize = memory.runs.iter().map(|run| run.bytes.len()).sum();
    let total = u64::try_from(total).unwrap_or(u64::MAX).max(1);
    let entries = memory.runs.into_iter().enumerate().map(|(index, run)| {
        let length = u64::try_from(run.bytes.len()).unwrap_or(u64::MAX);
        let share = u128::from(source.weight()) * u128::from(length) / u128::from(total);
        let weight = u64::try_from(share).unwrap_or(u64::MAX);
        let transform = Decode { source: source.clone(), index, parse, weight };
        let content = Extent::computed(&Arc::clone(source.vault()), run.bytes, transform);
        Entry::part(format!("{:#010x}", run.address).into_bytes(), content)
    });
    let (entries, attributes) = (entries.collect(), memory.attributes);
    Opened { length: source.len(), attributes, entries, ..Opened::default() }
}

/// Reads the records again for one run.
struct Decode {
    source: Extent,
    index: usize,
    parse: Parse,
    weight: u64,
}

impl Derive for Decode {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let memory = (self.parse)(&self.source.read_all()?);
        let run = memory.and_then(|memory| memory.runs.into_iter().nth(self.index));
        let run = run.ok_or_else(|| Fault::new(0, "read the records", "they changed"))?;
        sink.push(&run.bytes)
    }

    fn input_bytes(&self) -> u64 {
        self.weight
    }
}
