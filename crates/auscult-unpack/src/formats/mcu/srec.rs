//! Motorola's S-records: the memory that they describe, one part for each run of addresses.
//!
//! Every record's checksum must hold up to the one that ends the file; what follows is not claimed.

use crate::format::{Candidate, Format, Magic, NotThis, Opened};

use super::records::{self, Memory};

pub(crate) static FORMAT: Format = Format {
    name: "srec",
    magics: &[Magic::start(b"S0"), Magic::start(b"S1"), Magic::start(b"S2"), Magic::start(b"S3")],
    carve: false,
    open,
};

/// Records of a file that is more than a chance letter.
const RECORDS_MIN: usize = 2;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    records::open(candidate, parse)
}

/// Reads all records up to the one that ends the file: S7, S8 or S9.
fn parse(text: &[u8]) -> Option<Memory> {
    let mut memory = Memory::default();
    let (mut at, mut records) = (0, 0);
    loop {
        let (line, end) = records::line(text, at)?;
        at = end;
        let (kind, address, data) = record(line)?;
        records += 1;
        match kind {
            b'0' => memory.title = title(&data),
            b'1'..=b'3' => memory.store(address.into(), &data)?,
            b'5' | b'6' => {}
            b'7'..=b'9' => {
                memory.start = Some(address);
                break;
            }
            _ => return None,
        }
    }
    memory.text_bytes = u64::try_from(at).ok()?;
    (records >= RECORDS_MIN && !memory.runs.is_empty()).then_some(memory)
}

fn title(data: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(data).trim_matches(['\0', ' ']).to_owned();
    (!text.is_empty() && !text.contains(|c: char| c.is_control())).then_some(text)
}

/// The kind of a record, its address and its data, if its length and its checksum hold.
pub(super) fn record(line: &[u8]) -> Option<(u8, u32, Vec<u8>)> {
    let (&[letter, kind], rest) = line.split_first_chunk::<2>()?;
    // Addresses have two, three or four bytes.
    let width = match kind {
        b'0' | b'1' | b'5' | b'9' => 2,
        b'2' | b'6' | b'8' => 3,
        b'3' | b'7' => 4,
        _ => return None,
    };
    let bytes = records::digits(rest)?;
    let (&count, covered) = bytes.split_first()?;
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let (_, body) = covered.split_last()?;
    let (address, data) = body.split_at_checked(width)?;
    let fits = letter == b'S' && sum == 0xff && covered.len() == usize::from(count);
    let address = address.iter().fold(0, |value, &byte| value << 8 | u32::from(byte));
    fits.then(|| (kind, address, data.to_vec()))
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

    const TEXT: &[u8] =
        b"S00600004844521B\r\nS107100041424344DE\r\nS105100445465B\r\nS9031000EC\r\n";

    #[test]
    fn runs_of_addresses_are_parts() {
        let tree = Tree::from_bytes([TEXT, b"more"].concat(), &Limits::default());
        let path = "image@0x0/srec:/0x00001000".parse().unwrap();
        let (part, _) = tree.resolve(&path).unwrap_or_else(|| panic!("{:?}", locators(&tree)));
        assert_eq!(tree.bytes(part).unwrap(), "ABCDEF");
        assert_eq!(attribute(&tree, "srec", "title").unwrap(), "HDR");
        assert_eq!(attribute(&tree, "srec", "entry-point").unwrap(), "0x00001000");
        check(TEXT, 60);
        let mut damaged = TEXT.to_vec();
        damaged[31] = b'0';
        assert_eq!(Tree::from_bytes(damaged, &Limits::default()).coverage().bytes_read, 0);
    }

    #[test]
    fn what_objcopy_writes_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (raw, text) = (at("raw"), at("text"));
        fs::write(&raw, sample(70_000, 3)).unwrap();
        let arguments = ["-I", "binary", "-O", "srec", "--change-addresses", "0x8000000"];
        if !run("objcopy", &[&arguments[..], &[&raw, &text]].concat()) {
            return;
        }
        let tree = Tree::from_bytes(fs::read(&text).unwrap(), &Limits::default());
        let (part, _) = tree.resolve(&"image@0x0/srec:/0x08000000".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), sample(70_000, 3));
    }
}
