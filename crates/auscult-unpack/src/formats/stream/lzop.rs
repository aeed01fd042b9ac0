//! lzop files: LZO1X blocks with checksums, as Linux packs kernels and ramdisks.

use crate::{
    codec::{
        self, Codec,
        lzop::{HEADER_BYTES_MAX, Header, MAGIC},
    },
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::date,
};

pub(crate) static FORMAT: Format =
    Format { name: "lzop", magics: &[Magic::start(MAGIC)], carve: true, open };

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let header = Header::parse(&candidate.extent.read_up_to(0, HEADER_BYTES_MAX)?)?;
    let payload = codec::payload(Codec::Lzop, &candidate.extent, |_| false);
    let mut attributes = Vec::new();
    if !header.name.is_empty() {
        attributes.push(("name", String::from_utf8_lossy(&header.name).into_owned()));
    }
    if header.modified != 0 {
        attributes.push(("created", date::iso_8601(i64::from(header.modified))));
    }
    Ok(payload.opened(attributes))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{Tree, formats::testing::hostile};

    /// A file of one stored block and one packed one, made by hand: LZO1X of `abcd` as four
    /// literals (first byte 17 + 4) and the end mark.
    fn file() -> Vec<u8> {
        let packed = [21, b'a', b'b', b'c', b'd', 0x20, 9, 0, 0, 17, 0, 0];
        let unpacked = [b"abcd".to_vec(), vec![b'd'; 42]].concat();
        let fields: [&[u8]; 9] = [
            &[0x10, 0x40, 0x20, 0xa0, 0x09, 0x40],
            &[3, 9],
            &[0, 0, 0, 1],
            &[0, 0, 0x81, 0xa4],
            &[0x65, 0x53, 0xf1, 0],
            &[0, 0, 0, 0],
            &[4],
            b"name",
            &[],
        ];
        let header = fields.concat();
        let sum = |bytes: &[u8]| {
            let (mut low, mut high) = (1_u32, 0);
            for &byte in bytes {
                low = (low + u32::from(byte)) % 65_521;
                high = (high + low) % 65_521;
            }
            (high << 16 | low).to_be_bytes()
        };
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let mut file = [super::MAGIC, &header, &sum(&header)].concat();
        for (unpacked, packed) in [(&b"stored"[..], &b"stored"[..]), (&unpacked, &packed)] {
            file.extend([length(unpacked), length(packed), sum(unpacked)].concat());
            file.extend(packed);
        }
        file.extend([0; 4]);
        file
    }

    #[test]
    fn a_file_is_unpacked_and_ends_exactly() {
        let length = file().len() as u64;
        let tree = Tree::from_bytes([file(), b"tail".to_vec()].concat(), &Limits::default());
        let (_, node) = tree.nodes().find(|(_, node)| node.format() == Some("lzop")).unwrap();
        assert_eq!((node.len(), tree.problems()), (length, &[][..]));
        let content = tree.bytes(node.children[0]).unwrap();
        assert_eq!(content, [b"storedabcd".to_vec(), vec![b'd'; 42]].concat());
    }

    #[test]
    fn a_wrong_checksum_is_reported() {
        let mut file = file();
        let at = file.windows(6).position(|window| window == b"stored").unwrap();
        file[at] ^= 1;
        let tree = Tree::from_bytes(file, &Limits::default());
        assert!(tree.problems().iter().any(|problem| problem.why.contains("checksum")));
    }

    #[test]
    fn hostile_variants_do_no_harm() {
        hostile::check(&file(), 60);
    }
}
