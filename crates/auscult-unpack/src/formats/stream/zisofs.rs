//! zisofs, the transparent compression of files in ISO 9660 images (zisofs-tools `zisofs.h`;
//! libisofs `doc/zisofs_format.txt` and `doc/zisofs2_format.txt`).
//!
//! Blocks of zlib behind a list of where each starts. A block without bytes is all zeros.

use std::sync::Arc;

use crate::{
    Derive,
    Endian::Little,
    Entry, Extent, Fault, Sink, View,
    codec::{BlockCodec, decode_block},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

const MAGIC_1: [u8; 8] = [0x37, 0xe4, 0x53, 0x96, 0xc9, 0xdb, 0xd6, 0x07];
const MAGIC_2: [u8; 8] = [0xef, 0x22, 0x55, 0xa1, 0xbc, 0x1b, 0x95, 0xa0];
/// The only method of version 2.
const METHOD_ZLIB: u8 = 1;

pub(crate) static FORMAT: Format = Format {
    name: "zisofs",
    magics: &[Magic::start(&MAGIC_1), Magic::start(&MAGIC_2)],
    carve: true,
    open,
};

/// What the head of a file says.
struct Header {
    version: u8,
    head_bytes: u64,
    block_log: u8,
    size: u64,
    pointer_bytes: u64,
}

impl Header {
    fn parse(head: &[u8]) -> Result<Option<Self>, Fault> {
        let view = View(head);
        let magic: [u8; 8] = view.array(0)?;
        let header = if magic == MAGIC_1 {
            Self {
                version: 1,
                head_bytes: u64::from(view.u8(12)?) * 4,
                block_log: view.u8(13)?,
                size: u64::from(view.u32(8, Little)?),
                pointer_bytes: 4,
            }
        } else {
            let known = view.u8(8)? == 0 && view.u8(10)? == METHOD_ZLIB;
            if magic != MAGIC_2 || !known {
                return Ok(None);
            }
            Self {
                version: 2,
                head_bytes: u64::from(view.u8(9)?) * 4,
                block_log: view.u8(11)?,
                size: view.u64(12, Little)?,
                pointer_bytes: 8,
            }
        };
        let fits = header.head_bytes >= 16 && (15..=20).contains(&header.block_log);
        Ok(fits.then_some(header))
    }

    fn blocks(&self) -> u64 {
        self.size.div_ceil(1 << self.block_log)
    }

    /// Where each block starts and the last one ends.
    fn pointers(&self, file: &Extent) -> Result<Vec<u64>, Fault> {
        let bytes = (self.blocks() + 1).saturating_mul(self.pointer_bytes);
        let list = file.read(self.head_bytes, bytes)?;
        Ok(match self.pointer_bytes {
            4 => {
                list.as_chunks().0.iter().map(|&word| u64::from(u32::from_le_bytes(word))).collect()
            }
            _ => list.as_chunks().0.iter().map(|&word| u64::from_le_bytes(word)).collect(),
        })
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let header = Header::parse(&candidate.extent.read_up_to(0, 32)?)?.ok_or(NotThis)?;
    let pointers = header.pointers(&candidate.extent)?;
    let first = header.head_bytes + (header.blocks() + 1) * header.pointer_bytes;
    let in_order = pointers.is_sorted() && pointers.first() == Some(&first);
    let (Some(&length), true) = (pointers.last(), in_order) else { return Err(NotThis) };
    let mut faults = Vec::new();
    let content = unpacked(&candidate.extent, &header, &pointers, &mut faults);
    let attributes = vec![
        ("version", header.version.to_string()),
        ("block-size", (1_u32 << header.block_log).to_string()),
    ];
    Ok(Opened { length, attributes, entries: vec![Entry::payload(content)], faults, unread: None })
}

/// The content of a packed file; none if it is not one.
pub(in crate::formats) fn content(file: &Extent, faults: &mut Vec<Fault>) -> Option<Extent> {
    let header = Header::parse(&file.read_up_to(0, 32).ok()?).ok()??;
    match header.pointers(file) {
        Ok(pointers) => Some(unpacked(file, &header, &pointers, faults)),
        Err(fault) => {
            faults.push(fault);
            None
        }
    }
}

fn unpacked(file: &Extent, header: &Header, pointers: &[u64], faults: &mut Vec<Fault>) -> Extent {
    let vault = file.vault();
    let (mut parts, mut left) = (Vec::new(), header.size);
    for pair in pointers.windows(2) {
        let &[start, end] = pair else { break };
        let length = left.min(1 << header.block_log);
        left -= length;
        let packed = end.checked_sub(start).and_then(|bytes| file.slice(start, bytes));
        parts.push(match packed {
            Some(packed) if packed.is_empty() => Extent::zeros(vault, length),
            Some(packed) => Extent::derived(vault, length, Block { packed, length }),
            None => {
                let why = format!("a block from {start:#x} to {end:#x}");
                let fault = Fault::new(0, "unpack zisofs", why);
                faults.push(fault.clone());
                Extent::missing(vault, length, fault)
            }
        });
    }
    Extent::joined(&Arc::clone(vault), parts)
}

/// A block that is unpacked when read.
struct Block {
    packed: Extent,
    length: u64,
}

impl Derive for Block {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let length = usize::try_from(self.length).unwrap_or(0);
        sink.push(&decode_block(BlockCodec::Zlib, &self.packed.read_all()?, length)?)
    }

    fn input_bytes(&self) -> u64 {
        self.packed.weight()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;
    use auscult_testkit::stream::zlib;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check},
            reference::{run, sample},
        },
    };

    /// Two blocks with one of zeros between them.
    fn packed(version: u8) -> (Vec<u8>, Vec<u8>) {
        let mut content = sample(32_768, 1);
        content.resize(65_536, 0);
        content.extend(sample(1000, 2));
        let blocks = [zlib(&content[..32_768]), Vec::new(), zlib(&content[65_536..])];
        let mut bytes = match version {
            1 => [&super::MAGIC_1[..], &66_536_u32.to_le_bytes(), &[4, 15, 0, 0]].concat(),
            _ => [&super::MAGIC_2[..], &[0, 6, 1, 15], &66_536_u64.to_le_bytes(), &[0; 4]].concat(),
        };
        let width = if version == 1 { 4 } else { 8 };
        let mut at = bytes.len() + 4 * width;
        for length in [0].into_iter().chain(blocks.iter().map(Vec::len)) {
            at += length;
            bytes.extend(&(at as u64).to_le_bytes()[..width]);
        }
        bytes.extend(blocks.concat());
        (bytes, content)
    }

    #[test]
    fn both_versions_are_unpacked() {
        for version in [1, 2] {
            let (bytes, content) = packed(version);
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            assert_eq!(tree.problems(), []);
            let stream = "image@0x0/zisofs@0x0".parse().unwrap();
            let (node, _) = tree.resolve(&stream).unwrap();
            assert!(tree.bytes(node).unwrap() == content);
            let told = attribute(&tree, "zisofs", "version");
            assert_eq!(told, Some(version.to_string()));
            check(&bytes[..400], 64);
        }
    }

    #[test]
    fn files_of_the_reference_tool() {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("source"), folder.path().join("target"));
        fs::create_dir(&source).unwrap();
        let mut content = sample(300_000, 3);
        content.extend(vec![0; 200_000]);
        fs::write(source.join("file"), &content).unwrap();
        if !run("mkzftree", &[source.to_str().unwrap(), target.to_str().unwrap()]) {
            return;
        }
        let tree = Tree::from_bytes(fs::read(target.join("file")).unwrap(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let (node, _) = tree.resolve(&"image@0x0/zisofs@0x0".parse().unwrap()).unwrap();
        assert!(tree.bytes(node).unwrap() == content);
    }
}
