//! TI-TXT files, as tools for the MSP430 read them (SLAU319 of Texas Instruments, appendix A; `srec_ti_txt`
//! of SRecord): `@address`, lines of bytes, `q`.
//!
//! There is no checksum: every line must have the form.

use super::memory::{self, Memory, line, number};
use crate::format::{Candidate, Format, Magic, NotThis, Opened};

pub(crate) static FORMAT: Format =
    Format { name: "ti-txt", magics: &[Magic::start(b"@")], carve: false, open };

/// Bytes on a line.
const LINE_VALUES_MAX: usize = 16;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    memory::open(candidate, parse)
}

fn parse(text: &[u8]) -> Option<Memory> {
    let mut memory = Memory::default();
    let (mut at, mut address) = (0, None);
    loop {
        let (line, next) = line(text, at)?;
        at = next;
        if line.eq_ignore_ascii_case(b"q") {
            break;
        }
        if let Some(digits) = line.strip_prefix(b"@") {
            address = Some(number(digits).filter(|_| digits.len() <= 8)?);
            continue;
        }
        let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let bytes: Option<Vec<u8>> =
            words.map(|word| number(word).filter(|_| word.len() == 2)?.try_into().ok()).collect();
        let bytes = bytes.filter(|bytes| bytes.len() <= LINE_VALUES_MAX)?;
        let place = address?;
        memory.store(place, &bytes)?;
        address = Some(place + u64::try_from(bytes.len()).ok()?);
    }
    memory.text_bytes = at;
    (!memory.runs.is_empty()).then_some(memory)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{check, locators},
            reference::{run, sample},
        },
    };

    const TEXT: &[u8] = b"@F000\n31 40 00 03 B2 40 80 5A\n20 01\n@FFFE\n00 F0\nq\nbehind";

    #[test]
    fn runs_are_parts() {
        let tree = Tree::from_bytes(TEXT, &Limits::default());
        let (part, _) = tree.resolve(&"image@0x0/ti-txt:/0x0000f000".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), b"\x31\x40\x00\x03\xb2\x40\x80\x5a\x20\x01"[..]);
        assert!(locators(&tree).contains(&"image@0x0/ti-txt:/0x0000fffe".to_owned()));
        check(TEXT, 60);
    }

    #[test]
    fn a_file_of_the_reference_tool() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs::write(path("raw"), sample(1000, 1)).unwrap();
        let (raw, output) = (path("raw"), path("txt"));
        if run("srec_cat", &[&raw, "-binary", "-offset", "0xc000", "-o", &output, "-ti-txt"]) {
            let tree = Tree::from_bytes(fs::read(&output).unwrap(), &Limits::default());
            let part = "image@0x0/ti-txt:/0x0000c000".parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&part).unwrap().0).unwrap(), sample(1000, 1));
        }
    }
}
