//! Files for the Bluetooth chips of CSR, later Qualcomm: containers for their update (`CSR-dfu2`, as
//! fwupd's `fu-dfu-csr` reads them) and images of words in text (`.xuv`).

use super::memory::{self, Memory, line, number};
use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::{Layout, text_of},
};

pub(crate) static DFU: Format = Format {
    name: "csr-dfu",
    magics: &[Magic::start(b"CSR-dfu1"), Magic::start(b"CSR-dfu2")],
    carve: true,
    open: open_dfu,
};

pub(crate) static XUV: Format =
    Format { name: "csr-xuv", magics: &[Magic::start(b"@")], carve: false, open: open_xuv };

const HEADER_BYTES_MIN: u64 = 16;
/// Lines of a file that is more than a chance one.
const LINES_MIN: usize = 8;

fn open_dfu(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES_MIN)?;
    let view = View(&head);
    let version = view.u16(8, Little)?;
    let length = u64::from(view.u32(10, Little)?);
    let header_bytes = u64::from(view.u16(14, Little)?);
    if !(1..=2).contains(&version) || !(HEADER_BYTES_MIN..length).contains(&header_bytes) {
        return Err(NotThis);
    }
    let text = candidate.extent.read(HEADER_BYTES_MIN, header_bytes - HEADER_BYTES_MIN)?;
    let description = text_of(text.split(|&byte| byte == 0).next().unwrap_or_default());
    let attributes = vec![("version", version.to_string()), ("description", description)];
    let mut layout = Layout::new(candidate.extent.clamp(0, length));
    layout.consumed(0, header_bytes);
    layout.part("firmware", header_bytes, length - header_bytes);
    let laid = layout.finish();
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

fn open_xuv(candidate: &Candidate) -> Result<Opened, NotThis> {
    memory::open(candidate, parse)
}

/// `@ADDRESS WORD` on each line: addresses count words of 16 bits. Comments begin with `//`.
fn parse(text: &[u8]) -> Option<Memory> {
    let mut memory = Memory::default();
    let (mut at, mut lines) = (0, 0);
    while let Some((line, next)) = line(text, at) {
        if !line.starts_with(b"//") {
            let Some((address, word)) = record(line) else { break };
            memory.store(address * 2, &word.to_le_bytes())?;
            lines += 1;
        }
        at = next;
    }
    memory.text_bytes = at;
    memory.attributes.push(("words", lines.to_string()));
    (lines >= LINES_MIN).then_some(memory)
}

fn record(line: &[u8]) -> Option<(u64, u16)> {
    let (address, word) = line.strip_prefix(b"@")?.split_at_checked(6)?;
    let word = word.trim_ascii();
    let word = number(word).filter(|_| word.len() == 4)?;
    Some((number(address)?, u16::try_from(word).ok()?))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    #[test]
    fn the_firmware_behind_the_header_is_a_part() {
        let mut bytes = b"CSR-dfu2\x02\0".to_vec();
        bytes.extend(90_u32.to_le_bytes());
        bytes.extend([80, 0]);
        bytes.extend(b"Headset");
        bytes.resize(80, 0);
        bytes.extend(b"firmware!!");
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let (part, _) = tree.resolve(&"image@0x0/csr-dfu:/firmware".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), "firmware!!");
        assert_eq!(attribute(&tree, "csr-dfu", "description").unwrap(), "Headset");
        check(&bytes, 20);
    }

    #[test]
    fn words_of_text_are_memory() {
        let lines = (0..16).map(|at| format!("@{:06X}   {:04X}\r\n", at + 0x100, at * 0x0101));
        let text = lines.collect::<String>();
        let tree = Tree::from_bytes(text.clone().into_bytes(), &Limits::default());
        let (part, _) = tree.resolve(&"image@0x0/csr-xuv:/0x00000200".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap()[..6], [0, 0, 1, 1, 2, 2]);
        check(text.as_bytes(), 20);
    }
}
