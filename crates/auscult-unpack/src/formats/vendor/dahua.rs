//! Firmware of Dahua's cameras and recorders: a ZIP archive whose first two bytes are `DH` in the
//! place of `PK`, as fact_extractor and binwalk describe it.

use crate::{
    Entry, Extent,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats,
};

pub(crate) static FORMAT: Format =
    Format { name: "dahua-zip", magics: &[Magic::start(b"DH\x03\x04")], carve: true, open };

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let vault = candidate.vault();
    let start = Extent::from_memory(vault, &b"PK"[..]);
    let archive = Extent::joined(vault, vec![start, candidate.extent.from(2)]);
    let inner = formats::open_as("zip", &archive).ok_or(NotThis)?;
    let length = inner.length;
    let entries = vec![Entry::payload(archive.clamp(0, length))];
    Ok(Opened { length, entries, ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::zip::{ZipMember, ZipMethod, zip};

    use crate::{Tree, formats::testing::hostile::check};

    #[test]
    fn the_archive_is_opened() {
        let mut bytes = zip(&[ZipMember::file("Install", ZipMethod::Deflate, b"steps")]);
        bytes[..2].copy_from_slice(b"DH");
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let path = "image@0x0/dahua-zip@0x0/zip:/Install";
        let (node, _) = tree.resolve(&path.parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), "steps");
        assert_eq!(tree.coverage().bytes_unread, 0);
        check(&bytes, 40);
    }
}
