//! Intel HEX files (Intel, Hexadecimal Object File Format Specification, revision A): the memory
//! that their records describe, one part for each run of addresses.
//!
//! Every record's checksum must hold up to the end record; what follows it is not claimed. Of universal
//! hex files (the micro:bit's, for several boards in one) the records of other boards are told by number.

use super::memory::{self, Memory, line, unhex};
use crate::format::{Candidate, Format, Magic, NotThis, Opened};

pub(crate) static FORMAT: Format =
    Format { name: "ihex", magics: &[Magic::start(b":")], carve: false, open };

/// Records of a file that is more than a chance colon.
const RECORDS_MIN: usize = 2;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    memory::open(candidate, parse)
}

/// Reads all records up to the end record.
pub(super) fn parse(text: &[u8]) -> Option<Memory> {
    let mut memory = Memory::default();
    let (mut base, mut at, mut records, mut start, mut boards) = (0_u64, 0, 0, None, 0);
    loop {
        let (line, next) = line(text, at)?;
        at = next;
        let record = record(line)?;
        let (&[_, high, low, kind], rest) = record.split_first_chunk::<4>()?;
        let (_, data) = rest.split_last()?;
        let offset = u64::from(u16::from_be_bytes([high, low]));
        records += 1;
        match (kind, data) {
            // Blocks of a board begin with 0a; 0b, 0c and 0e fill up, 0d is data of one board.
            (0 | 0x0d, data) => memory.store(base + offset, data)?,
            (1, []) => break,
            (2, &[a, b]) => base = u64::from(u16::from_be_bytes([a, b])) << 4,
            (4, &[a, b]) => base = u64::from(u16::from_be_bytes([a, b])) << 16,
            (3 | 5, &[a, b, c, d]) => start = Some(u32::from_be_bytes([a, b, c, d])),
            (0x0a, _) => boards += 1,
            (0x0b | 0x0c | 0x0e, _) => {}
            _ => return None,
        }
    }
    memory.text_bytes = at;
    memory.attributes.extend(start.map(|start| ("entry-point", format!("{start:#010x}"))));
    memory.attributes.extend((boards > 0).then(|| ("universal-blocks", boards.to_string())));
    (records >= RECORDS_MIN && !memory.runs.is_empty()).then_some(memory)
}

/// The bytes of a record, if its length and its checksum hold.
pub(super) fn record(line: &[u8]) -> Option<Vec<u8>> {
    let bytes = unhex(line.strip_prefix(b":")?)?;
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let length = usize::from(*bytes.first()?);
    (sum == 0 && bytes.len() == length + 5).then_some(bytes)
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
        assert!(!locators(&damaged).iter().any(|one| one.contains("ihex")));
    }
}
