//! Motorola's S-records (S19, S28, S37, `.mot`; M68000 Family Programmer's Reference Manual, appendix C).
//!
//! Every record's checksum must hold up to the record that ends the file; what follows is not claimed.

use super::memory::{self, Memory, line, unhex};
use crate::{
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::text_of,
};

pub(crate) static FORMAT: Format = Format {
    name: "srec",
    magics: &[Magic::start(b"S0"), Magic::start(b"S1"), Magic::start(b"S2"), Magic::start(b"S3")],
    carve: false,
    open,
};

/// Records of a file without a record that ends it.
const RECORDS_MIN: usize = 3;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    memory::open(candidate, parse)
}

/// A record: its kind, its address or count, its data.
pub(super) struct Record {
    kind: u8,
    address: u64,
    data: Vec<u8>,
}

/// Reads all records up to one of the kinds 7, 8 and 9, or up to what is none.
fn parse(text: &[u8]) -> Option<Memory> {
    let mut memory = Memory::default();
    let (mut at, mut data_records, mut ended) = (0, 0_u64, false);
    while let Some((line, next)) = line(text, at) {
        let Some(Record { kind, address, data }) = record(line) else { break };
        at = next;
        match kind {
            b'0' => {
                let name = text_of(&data);
                let printable = name.chars().all(|c| !c.is_control());
                memory.attributes.extend((printable && !name.is_empty()).then_some(("name", name)));
            }
            b'1'..=b'3' => {
                data_records += 1;
                memory.store(address, &data)?;
            }
            b'5' | b'6' => {
                let told = if address == data_records { "verified" } else { "wrong" };
                memory.attributes.push(("record-count", format!("{address} ({told})")));
            }
            b'7'..=b'9' => {
                memory.attributes.push(("entry-point", format!("{address:#010x}")));
                ended = true;
                break;
            }
            _ => return None,
        }
    }
    memory.text_bytes = at;
    let enough = ended || data_records >= u64::try_from(RECORDS_MIN).unwrap_or(u64::MAX);
    (enough && !memory.runs.is_empty()).then_some(memory)
}

/// Takes a record apart, if its length and its checksum hold.
pub(super) fn record(line: &[u8]) -> Option<Record> {
    let (&[b'S', kind], digits) = line.split_first_chunk::<2>()? else { return None };
    let bytes = unhex(digits)?;
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let (&count, rest) = bytes.split_first()?;
    if sum != 0xff || usize::from(count) != rest.len() {
        return None;
    }
    let (_, body) = rest.split_last()?;
    let address_bytes = match kind {
        b'0' | b'1' | b'5' | b'9' => 2,
        b'2' | b'6' | b'8' => 3,
        b'3' | b'7' => 4,
        _ => return None,
    };
    let (address, data) = body.split_at_checked(address_bytes)?;
    let address = address.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    Some(Record { kind, address, data: data.to_vec() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check, locators},
            reference::{run, sample},
        },
    };

    const TEXT: &[u8] = b"S00600004844521B\r\nS1130000285F245F2212226A000424290008237C2A\r\n\
        S11300100002000800082629001853812341001813\r\nS107003841E900088E\r\nS5030003F9\r\nS9030000FC\r\n";

    #[test]
    fn runs_are_parts_and_what_follows_is_not_claimed() {
        let mut bytes = TEXT.to_vec();
        bytes.extend(b"additional data");
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let found = locators(&tree);
        assert!(found.contains(&"image@0x0/srec:/0x00000000".to_owned()), "{found:?}");
        let (part, _) = tree.resolve(&"image@0x0/srec:/0x00000038".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), [0x41, 0xe9, 0, 8][..]);
        assert_eq!(attribute(&tree, "srec", "name").unwrap(), "HDR");
        assert_eq!(attribute(&tree, "srec", "record-count").unwrap(), "3 (verified)");
        assert!(found.contains(&format!("image@{:#x}", TEXT.len())), "{found:?}");
        check(TEXT, 60);
    }

    #[test]
    fn files_of_the_reference_tool_with_every_size_of_address() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs::write(path("raw"), sample(1000, 1)).unwrap();
        for offset in ["0x1000", "0x123456", "0x12345678"] {
            let (raw, output) = (path("raw"), path("srec"));
            let arguments = [&raw, "-binary", "-offset", offset, "-o", &output, "-motorola"];
            if !run("srec_cat", &arguments) {
                return;
            }
            let tree = Tree::from_bytes(fs::read(&output).unwrap(), &Limits::default());
            let address = u32::from_str_radix(offset.trim_start_matches("0x"), 16).unwrap();
            let part = format!("image@0x0/srec:/{address:#010x}").parse().unwrap();
            let (part, _) = tree.resolve(&part).unwrap();
            assert_eq!(tree.bytes(part).unwrap(), sample(1000, 1));
        }
    }
}
