//! Files of `compress` (`.Z`): LZW, as `ncompress` reads it.
//!
//! A stream has neither checksum nor end, so it is taken only at the start of a file or payload, and
//! goes to its end.

use crate::{
    codec::{self, COMPRESS_MAGIC, Codec, compress_header},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "compress", magics: &[Magic::start(&COMPRESS_MAGIC)], carve: false, open };

/// Output after which a fault is damage rather than a sign that it is no stream.
const PROOF_BYTES: u64 = 4096;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 3)?;
    let header = head.first_chunk::<3>().copied().ok_or(NotThis)?;
    let variant = compress_header(header).ok_or(NotThis)?;
    let mut payload = codec::payload(Codec::Compress, &candidate.extent, |_| false);
    let good = payload.extent.len() >= PROOF_BYTES
        || payload.fault.is_none() && !payload.extent.is_empty();
    if !good {
        return Err(NotThis);
    }
    payload.consumed = candidate.extent.len();
    Ok(payload.opened(vec![("code-bits", variant.bits_max.to_string())]))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{self, locators},
            reference::{run, sample},
        },
    };

    #[test]
    fn files_of_the_reference_tool() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let text = b"some words and some more words, ".repeat(20_000);
        let contents = [sample(400_000, 1), text, vec![0; 300_000], sample(700, 2), b"ab".to_vec()];
        // With nine bits, what the program writes is not even read by itself.
        for bits in ["10", "12", "16"] {
            for content in &contents {
                fs::write(&path, content).unwrap();
                let packed = folder.path().join("file.Z");
                let _ = fs::remove_file(&packed);
                if !run("compress", &["-f", "-b", bits, path.to_str().unwrap()]) {
                    return;
                }
                let Ok(packed) = fs::read(&packed) else { continue };
                let tree = Tree::from_bytes(packed, &Limits::default());
                assert_eq!(tree.problems(), []);
                let (_, node) = tree
                    .nodes()
                    .find(|(_, node)| node.format() == Some("compress"))
                    .unwrap_or_else(|| panic!("{bits}: {:?}", locators(&tree)));
                assert!(tree.bytes(node.children[0]).unwrap() == content, "{bits}");
            }
        }
    }

    #[test]
    fn damage_does_no_harm() {
        hostile::check(b"\x1f\x9d\x90\x61\xc4\x8c\x01\x83\x06\x0d\x02\x04\x02\x08\x10", 15);
    }
}
