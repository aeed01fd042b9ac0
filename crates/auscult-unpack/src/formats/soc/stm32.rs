//! The header that the boot ROMs of STM32MP1 and STM32MP2 read (ST, "STM32 header for binary files"):
//! versions 1 and 2, with the sum of the image's bytes.
//!
//! Of signed images the ECDSA key is told; whose it is is not known here.

use crate::{
    Endian::Little,
    View,
    digest::hex,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, check},
    layout::Layout,
};

pub(crate) static FORMAT: Format =
    Format { name: "stm32-image", magics: &[Magic::start(b"STM2")], carve: true, open };

const VERSION_1: u32 = 0x0001_0000;
const VERSION_2: u32 = 0x0002_0000;
/// The memory that these chips can address.
const IMAGE_BYTES_MAX: u64 = 1 << 30;
/// In the options of version 1.
const NOT_SIGNED: u32 = 1;
/// In the extensions of version 2.
const SIGNED: u32 = 1;
const ENCRYPTED: u32 = 2;

struct Header {
    length: u64,
    version: u32,
    signed: bool,
    encrypted: bool,
    /// Where the algorithm and the key stand.
    key: usize,
}

impl Header {
    fn parse(view: View<'_>) -> Result<Self, NotThis> {
        let version = view.u32(0x48, Little)?;
        let options = view.u32(0x64, Little)?;
        let header = match version {
            VERSION_1 => Self {
                length: 256,
                version: 1,
                signed: options & NOT_SIGNED == 0,
                encrypted: false,
                key: 0x68,
            },
            VERSION_2 => Self {
                length: 512,
                version: 2,
                signed: options & SIGNED != 0,
                encrypted: options & ENCRYPTED != 0,
                // Behind the length and the type of the first extension.
                key: 0x88,
            },
            _ => return Err(NotThis),
        };
        // What is reserved is zero.
        let reserved = view.u32(0x54, Little)? == 0 && view.u32(0x5c, Little)? == 0;
        reserved.then_some(header).ok_or(NotThis)
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 256)?;
    let view = View(&head);
    let header = Header::parse(view)?;
    let size = u64::from(view.u32(0x4c, Little)?);
    if size == 0 || size > IMAGE_BYTES_MAX {
        return Err(NotThis);
    }
    let image = candidate.extent.clamp(header.length, size);
    let mut stored = view.array::<4>(0x44)?;
    stored.reverse();
    let verdict = check("the image's sum", Algorithm::Sum32, &stored, &image, size, header.length);
    let (mut attributes, mut faults) = (Vec::new(), Vec::new());
    attributes.push(("header-version", header.version.to_string()));
    attributes.push(("load-address", format!("{:#010x}", view.u32(0x58, Little)?)));
    attributes.push(("entry-point", format!("{:#010x}", view.u32(0x50, Little)?)));
    attributes.push(("image-version", view.u32(0x60, Little)?.to_string()));
    verdict.tell("checksum", &mut attributes, &mut faults);
    let signature = if header.signed {
        let curve = match view.u32(header.key, Little)? {
            1 => "P-256",
            2 => "brainpoolP256",
            _ => "an unknown curve",
        };
        attributes.push(("public-key", hex(view.bytes(header.key + 4, 64)?)));
        format!("ECDSA over {curve}, not verified")
    } else {
        "none".to_owned()
    };
    attributes.push(("signature", signature));
    let length = header.length + size;
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    layout.consumed(0, header.length);
    if header.encrypted {
        layout.unread_part("", header.length, size, "encrypted: AES, with a key in the chip");
    } else {
        layout.part("", header.length, size);
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check},
            reference::{run, sample},
        },
    };

    fn image(version: u32, flags: u32) -> Vec<u8> {
        let code = b"first stage";
        let sum = code.iter().map(|&byte| u32::from(byte)).sum();
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"STM2").fill(0x5a, 64).u32(sum).u32(version << 16).u32(11);
        writer.u32(0x2ffc_2500).u32(0).u32(0x2ffc_2500).u32(0).u32(7).u32(flags);
        if version == 2 {
            writer.u32(0x180).u32(0x10).pad_to(0x88, 0);
        }
        writer.u32(1).fill(0xcc, 64).pad_to(if version == 1 { 256 } else { 512 }, 0).bytes(code);
        writer.finish()
    }

    #[test]
    fn both_versions_are_opened() {
        for (version, flags, signature) in
            [(1, 1, "none"), (1, 0, "ECDSA over P-256, not verified"), (2, 0, "none")]
        {
            let bytes = image(version, flags);
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            assert_eq!(attribute(&tree, "stm32-image", "signature").unwrap(), signature);
            assert_eq!(attribute(&tree, "stm32-image", "checksum").unwrap(), "verified");
            assert!(tree.problems().is_empty());
            check(&bytes, 0x70);
        }
        let tree = Tree::from_bytes(image(2, 3), &Limits::default());
        let unread = &tree.coverage().regions_unread;
        assert!(unread.iter().any(|region| region.reason.starts_with("encrypted: AES")));
        assert!(attribute(&tree, "stm32-image", "public-key").unwrap().starts_with("cccc"));
    }

    #[test]
    fn what_mkimage_writes_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (code, out) = (at("code"), at("out"));
        fs::write(&code, sample(5000, 1)).unwrap();
        let arguments = ["-T", "stm32image", "-a", "0x2ffc2500", "-e", "0x2ffc2500"];
        if !run("mkimage", &[&arguments[..], &["-d", &code, &out]].concat()) {
            return;
        }
        let mut bytes = fs::read(&out).unwrap();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "stm32-image", "checksum").unwrap(), "verified");
        let (node, _) = tree.resolve(&"image@0x0/stm32-image".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), sample(5000, 1));
        bytes[300] ^= 1;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(tree.problems()[0].what.contains("sum"));
    }
}
