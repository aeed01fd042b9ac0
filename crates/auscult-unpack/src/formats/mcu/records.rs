//! What files of hexadecimal records share: lines, digits, and the memory that the records describe.

use crate::{
    Derive, Entry, Extent, Fault, Sink,
    format::{Candidate, NotThis, Opened},
};

/// Text is read at once.
const TEXT_BYTES_MAX: u64 = 64 << 20;
/// No record is longer.
const LINE_BYTES_MAX: usize = 600;
const RUNS_MAX: usize = 4096;

/// A run of addresses without a gap.
#[derive(Debug)]
pub(super) struct Run {
    address: u64,
    bytes: Vec<u8>,
}

/// What the records of a file describe.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) runs: Vec<Run>,
    /// Where the program starts.
    pub(super) start: Option<u32>,
    /// A text about the file.
    pub(super) title: Option<String>,
    /// How far the records go.
    pub(super) text_bytes: u64,
}

impl Memory {
    /// Adds the bytes of one record; nothing where there are more runs than any file has.
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

/// How a kind of file is read.
pub(super) type Parse = fn(&[u8]) -> Option<Memory>;

/// Opens a file of records: each run of addresses is a part.
pub(super) fn open(candidate: &Candidate, parse: Parse) -> Result<Opened, NotThis> {
    let text = candidate.extent.read_up_to(0, TEXT_BYTES_MAX)?;
    let memory = parse(&text).ok_or(NotThis)?;
    let source = candidate.extent.clamp(0, memory.text_bytes);
    let mut attributes = Vec::new();
    attributes.extend(memory.title.map(|title| ("title", title)));
    attributes.extend(memory.start.map(|start| ("entry-point", format!("{start:#010x}"))));
    let entries = memory.runs.into_iter().enumerate().map(|(index, run)| {
        let transform = Decode { source: source.clone(), parse, index };
        let content = Extent::computed(candidate.vault(), run.bytes, transform);
        Entry::part(format!("{:#010x}", run.address).into_bytes(), content)
    });
    let entries = entries.collect();
    Ok(Opened { length: memory.text_bytes, attributes, entries, ..Opened::default() })
}

/// The next line that is not blank, and where the one behind it starts.
pub(super) fn line(text: &[u8], from: usize) -> Option<(&[u8], usize)> {
    let mut at = from;
    loop {
        let rest = text.get(at..)?;
        let newline = rest.iter().take(LINE_BYTES_MAX).position(|&byte| byte == b'\n');
        let line = rest.get(..newline.unwrap_or(rest.len().min(LINE_BYTES_MAX)))?;
        at += newline.map_or(line.len(), |newline| newline + 1);
        let line = line.trim_ascii();
        if !line.is_empty() || newline.is_none() {
            return Some((line, at));
        }
    }
}

/// The bytes of pairs of hexadecimal digits.
pub(super) fn digits(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, odd) = text.as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    bytes.collect::<Option<Vec<u8>>>().filter(|_| odd.is_empty())
}

struct Decode {
    source: Extent,
    parse: Parse,
    index: usize,
}

impl Derive for Decode {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let memory = (self.parse)(&self.source.read_all()?);
        let run = memory.and_then(|memory| memory.runs.into_iter().nth(self.index));
        let run = run.ok_or_else(|| Fault::new(0, "read the records", "they changed"))?;
        sink.push(&run.bytes)
    }

    fn input_bytes(&self) -> u64 {
        self.source.weight()
    }
}
