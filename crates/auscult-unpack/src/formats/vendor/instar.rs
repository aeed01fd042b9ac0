//! Updates of Instar's cameras that are ZIP archives with other marks in front of their records, as
//! unblob describes them. With the usual marks in place they are opened as any other.

use memchr::memmem;

use crate::{
    Derive, Entry, Extent, Fault, Sink,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats,
};

pub(crate) static FORMAT: Format =
    Format { name: "instar-zip", magics: &[Magic::start(b"PK\x03\x07")], carve: false, open };

/// The last byte of Instar's marks (local file, central directory, its end), and of ZIP's.
const MARKS: [([u8; 4], u8); 3] = [(*b"PK\x03\x07", 4), (*b"PK\x01\x08", 2), (*b"PK\x05\x09", 6)];
/// Cameras have flash chips of up to 128 MiB.
const ARCHIVE_BYTES_MAX: u64 = 256 << 20;

/// The archive with its usual marks.
struct Marked(Extent);

impl Derive for Marked {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let mut bytes = self.0.read_all()?.to_vec();
        for (mark, usual) in MARKS {
            let places: Vec<usize> = memmem::find_iter(&bytes, &mark).collect();
            for place in places {
                if let Some(byte) = bytes.get_mut(place + 3) {
                    *byte = usual;
                }
            }
        }
        sink.push(&bytes)
    }

    fn input_bytes(&self) -> u64 {
        self.0.weight()
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let length = candidate.extent.len();
    if length > ARCHIVE_BYTES_MAX {
        return Err(NotThis);
    }
    let archive = Extent::derived(candidate.vault(), length, Marked(candidate.extent.clone()));
    formats::open_as("zip", &archive).ok_or(NotThis)?;
    Ok(Opened { length, entries: vec![Entry::payload(archive)], ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::zip::{ZipMember, ZipMethod, zip};

    use crate::{Tree, formats::testing::reference::assert_survives_damage};

    #[test]
    fn archives_with_other_marks_are_opened() {
        let text = "a camera's text\n".repeat(20);
        let mut bytes = zip(&[ZipMember::file("text", ZipMethod::Deflate, text)]);
        for (mark, usual) in super::MARKS {
            let [p, k, kind, other] = mark;
            let places: Vec<usize> = bytes
                .windows(4)
                .enumerate()
                .filter_map(|(at, found)| (found == [p, k, kind, usual]).then_some(at))
                .collect();
            for at in places {
                bytes[at + 3] = other;
            }
        }
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let path = "image@0x0/instar-zip@0x0/zip:/text".parse().unwrap();
        let (node, _) = tree.resolve(&path).unwrap();
        assert!(tree.bytes(node).unwrap().starts_with(b"a camera's text\n"));
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&bytes, 30, 17);
    }
}
