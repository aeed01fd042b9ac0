//! Programs of AMD's security processor (`$PS1`, as PSPTool reads their headers): signed, and plain, packed with
//! zlib or encrypted.

use crate::{
    Endian::Little,
    Entry, Reading, View,
    codec::{Codec, payload},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(in crate::formats::uefi) static FORMAT: Format =
    Format { name: "amd-psp-program", magics: &[Magic::at(16, b"$PS1")], carve: true, open };

const HEADER_BYTES: u64 = 0x100;
const PROGRAM_BYTES_MAX: u64 = 16 << 20;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let word = |at| view.u32(at, Little);
    let (signed, encrypted, packed) = (u64::from(word(0x14)?), word(0x18)?, word(0x48)?);
    let (packed_bytes, rom_bytes) = (u64::from(word(0x54)?), u64::from(word(0x6c)?));
    let plausible = encrypted <= 1 && packed <= 1 && signed <= PROGRAM_BYTES_MAX;
    let body = if packed == 1 { packed_bytes } else { signed };
    let length = if rom_bytes > 0 { rom_bytes } else { HEADER_BYTES + body };
    if !plausible || !(HEADER_BYTES..=PROGRAM_BYTES_MAX).contains(&length) {
        return Err(NotThis);
    }
    let [build, fix, minor, major] = view.array(0x60)?;
    let attributes = vec![
        ("version", format!("{major:x}.{minor:x}.{fix:x}.{build:x}")),
        ("signed-bytes", signed.to_string()),
        ("encrypted", (encrypted == 1).to_string()),
        ("compressed", (packed == 1).to_string()),
    ];
    let content = extent.clamp(HEADER_BYTES, length - HEADER_BYTES);
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    if encrypted == 1 {
        let bytes = content.len();
        let mut entry = Entry::part(&b"code"[..], content).unreadable(bytes, "encrypted");
        entry.reading = Reading::Leaf;
        entries.push(entry);
    } else if packed == 1 {
        let input = if packed_bytes > 0 { content.clamp(0, packed_bytes) } else { content };
        let unpacked = payload(Codec::Zlib, &input, |_| false);
        faults.extend(unpacked.fault);
        entries.push(Entry::part(&b"code"[..], unpacked.extent));
    } else {
        entries.push(Entry::part(&b"code"[..], content));
    }
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::stream;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    fn program(encrypted: u32, packed: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 0x100];
        bytes[16..20].copy_from_slice(b"$PS1");
        let length = u32::try_from(body.len()).unwrap();
        for (at, word) in [
            (0x14, length),
            (0x18, encrypted),
            (0x48, packed),
            (0x54, length),
            (0x6c, 0x100 + length),
        ] {
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        bytes[0x60..0x64].copy_from_slice(&[0x45, 0x13, 0x10, 0]);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn plain_packed_and_encrypted_programs() {
        let text = b"machine code, machine code, machine code";
        for (packed, body) in [(0, text.to_vec()), (1, stream::zlib(text))] {
            let bytes = program(0, packed, &body);
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            assert_eq!(attribute(&tree, "amd-psp-program", "version").unwrap(), "0.10.13.45");
            let part = "image@0x0/amd-psp-program:/code".parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&part).unwrap().0).unwrap(), &text[..]);
            check(&bytes, 0x70);
        }
        let tree = Tree::from_bytes(program(1, 0, text), &Limits::default());
        assert_eq!(tree.coverage().regions_unread[0].reason, "encrypted");
    }
}
