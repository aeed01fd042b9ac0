//! First stages for Altera's (Intel's) SoC FPGAs (U-Boot, `tools/socfpgaimage.c`): a header inside the
//! code, for Cyclone V and Arria V (version 0) and for Arria 10 (version 1), and a CRC behind it.

use crate::{
    Endian::Little,
    Entry, View,
    checksum::agrees,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::check::{Algorithm, check};

pub(crate) static FORMAT: Format = Format {
    name: "socfpga-boot",
    magics: &[Magic::at(HEADER, b"AS01\0"), Magic::at(HEADER, b"AS01\x01")],
    carve: true,
    open,
};

/// Where the header stands: behind the vectors.
const HEADER: usize = 0x40;
/// On-chip memory that the boot ROM loads it to.
const IMAGE_BYTES_MAX: u64 = 256 << 10;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 0x60)?;
    let view = View(&head);
    let version = view.u8(HEADER + 4)?;
    // Both versions count the image with its CRC; the first does so in words.
    let (length, covered) = match version {
        0 => (u64::from(view.u16(HEADER + 6, Little)?) * 4, 10),
        _ => (u64::from(view.u32(HEADER + 8, Little)?), 18),
    };
    let sum = Algorithm::Sum16.number(view.bytes(HEADER, covered)?);
    let stored = u32::from(view.u16(HEADER + covered, Little)?);
    if !agrees(stored, sum) || !(0x80..=IMAGE_BYTES_MAX).contains(&length) {
        return Err(NotThis);
    }
    let code = length - 4;
    let content = candidate.extent.clamp(0, code);
    let (mut attributes, mut faults) = (vec![("version", version.to_string())], Vec::new());
    if let Ok(bytes) = candidate.extent.read(code, 4) {
        let stored = View(&bytes).u32(0, Little)?;
        let verdict =
            check("the crc32", Algorithm::Crc32Bzip2, &stored.to_be_bytes(), &content, code, 0);
        verdict.tell("crc32", &mut attributes, &mut faults);
    }
    let entries = vec![Entry::payload(content)];
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::attribute,
            reference::{assert_survives_damage, run, sample},
        },
    };

    #[test]
    fn what_mkimage_writes_is_opened() {
        for (kind, version) in [("socfpgaimage", "0"), ("socfpgaimage_v1", "1")] {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
            fs::write(at("code"), sample(9000, 1)).unwrap();
            if !run("mkimage", &["-T", kind, "-d", &at("code"), &at("out")]) {
                return;
            }
            let mut bytes = fs::read(at("out")).unwrap();
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            assert_eq!(attribute(&tree, "socfpga-boot", "version").unwrap(), version);
            assert_eq!(attribute(&tree, "socfpga-boot", "crc32").unwrap(), "verified");
            let (node, _) = tree.resolve(&"image@0x0/socfpga-boot".parse().unwrap()).unwrap();
            let code = tree.bytes(node).unwrap();
            assert_eq!(code[0x60..9000], sample(9000, 1)[0x60..]);
            assert_survives_damage(&bytes, 0x60, 997);
            bytes[1000] ^= 1;
            let tree = Tree::from_bytes(bytes, &Limits::default());
            assert!(tree.problems()[0].what.contains("crc32"));
        }
    }
}
