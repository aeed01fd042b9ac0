//! Intel HEX files (Intel, Hexadecimal Object File Format Specification, revision A): the memory
//! that their records describe, one part for each run of addresses.
//!
//! Every record's checksum must hold up to the end record; what follows it is not claimed.

use crate::{
    Derive, Entry, Extent, Fault, Sink,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "ihex", magics: &[Magic::start(b":")], carve: false, open };

/// Text is read at once.
const TEXT_BYTES_MAX: u64 = 64 << 20;
/// Records of a file that is more than a chance colon.
const RECORDS_MIN: usize = 2;
const RUNS_MAX: usize = 4096;

/// A run of addresses without a gap.
struct Run {
    address: u64,
    bytes: Vec<u8>,
}

struct Memory {
    runs: Vec<Run>,
    start: Option<u32>,
    text_bytes: u64,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let text = candidate.extent.read_up_to(0, TEXT_BYTES_MAX)?;
    let memory = parse(&text).ok_or(NotThis)?;
    let source = candidate.extent.clamp(0, memory.text_bytes);
    let mut attributes = Vec::new();
    attributes.extend(memory.start.map(|start| ("entry-point", format!("{start:#010x}"))));
    let entries = memory.runs.into_iter().enumerate().map(|(index, run)| {
        let transform = Decode { source: source.clone(), index };
        let content = Extent::computed(candidate.vault(), run.bytes, transform);
        Entry::part(format!("{:#010x}", run.address).into_bytes(), content)
    });
    let entries = entries.collect();
    Ok(Opened { length: memory.text_bytes, attributes, entries, ..Opened::default() })
}

/// Reads all records up to the end record.
fn parse(text: &[u8]) -> Option<Memory> {
    let mut memory = Memory { runs: Vec::new(), start: None, text_bytes: 0 };
    let (mut base, mut at, mut records) = (0_u64, 0, 0);
    loop {
        let rest = text.get(at..)?;
        let newline = rest.iter().take(600).position(|&byte| byte == b'\n');
        let line = rest.get(..newline.unwrap_or(rest.len().min(600)))?;
        at += newline.map_or(line.len(), |newline| newline + 1);
        let line = line.trim_ascii();
        if line.is_empty() && newline.is_some() {
            continue;
        }
        let record = record(line)?;
        let (&[_, high, low, kind], rest) = record.split_first_chunk::<4>()?;
        let (_, data) = rest.split_last()?;
        let offset = u64::from(u16::from_be_bytes([high, low]));
        records += 1;
        match (kind, data) {
            (0, data) => store(&mut memory.runs, base + offset, data)?,
            (1, []) => break,
            (2, &[a, b]) => base = u64::from(u16::from_be_bytes([a, b])) << 4,
            (4, &[a, b]) => base = u64::from(u16::from_be_bytes([a, b])) << 16,
            (3 | 5, &[a, b, c, d]) => memory.start = Some(u32::from_be_bytes([a, b, c, d])),
            _ => return None,
        }
    }
    memory.text_bytes = u64::try_from(at).ok()?;
    (records >= RECORDS_MIN && !memory.runs.is_empty()).then_some(memory)
}

/// The bytes of a record, if its length and its checksum hold.
fn record(line: &[u8]) -> Option<Vec<u8>> {
    let (pairs, odd) = line.strip_prefix(b":")?.as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    let bytes = bytes.filter(|_| odd.is_empty())?;
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let length = usize::from(*bytes.first()?);
    (sum == 0 && bytes.len() == length + 5).then_some(bytes)
}

fn store(runs: &mut Vec<Run>, address: u64, data: &[u8]) -> Option<()> {
    if let Some(last) = runs.last_mut()
        && last.address + u64::try_from(last.bytes.len()).ok()? == address
    {
        last.bytes.extend_from_slice(data);
        return Some(());
    }
    if runs.len() >= RUNS_MAX {
        return None;
    }
    runs.push(Run { address, bytes: data.to_vec() });
    Some(())
}

struct Decode {
    source: Extent,
    index: usize,
}

impl Derive for Decode {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let memory = parse(&self.source.read_all()?);
        let run = memory.and_then(|memory| memory.runs.into_iter().nth(self.index));
        let run = run.ok_or_else(|| Fault::new(0, "read the records", "they changed"))?;
        sink.push(&run.bytes)
    }

    fn input_bytes(&self) -> u64 {
        self.source.weight()
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{check, locators},
    };

    const TEXT: &[u8] =
        b":020000040001F9\r\n:0400100041424344E2\r\n:020014004546 \r\n:00000001FF\r\n";

    fn text() -> Vec<u8> {
        // The third record with its checksum: 02 + 14 + 45 + 46 = a1.
        let text = String::from_utf8(TEXT.to_vec()).unwrap();
        text.replace("4546 ", "45465F").into_bytes()
    }

    #[test]
    fn runs_of_addresses_are_parts() {
        let tree = Tree::from_bytes(text(), &Limits::default());
        let found = locators(&tree);
        assert!(found.contains(&"image@0x0/ihex:/0x00010010".to_owned()), "{found:?}");
        let (part, _) = tree.resolve(&"image@0x0/ihex:/0x00010010".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), "ABCDEF");
        check(&text(), 60);
        let damaged = Tree::from_bytes(TEXT.to_vec(), &Limits::default());
        assert_eq!(damaged.coverage().bytes_read, 0);
    }
}
