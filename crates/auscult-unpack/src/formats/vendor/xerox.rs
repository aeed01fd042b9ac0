//! What Xerox's printers are updated with: `DSK1.0` (a header and base64 text) and DLM (a text header
//! and an archive), as fact_extractor describes them.

use memchr::memmem;

use crate::{
    Endian::Little,
    Entry, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    layout::text_of,
    transform::{Dress, undressed},
};

pub(crate) static DSK: Format = Format {
    name: "xerox-dsk",
    magics: &[Magic::start(b"\x1bDSK1.0"), Magic::at(EXTENDED, b"\x1bDSK1.0")],
    carve: true,
    open: open_dsk,
};

pub(crate) static DLM: Format = Format {
    name: "xerox-dlm",
    magics: &[Magic::start(b"%%XRXbegin")],
    carve: true,
    open: open_dlm,
};

/// What may stand before the header: an escape sequence that tells the printer to write its flash.
const EXTENDED: usize = 12;
const FLASH: &[u8] = b"\x1b*FlashW";
const HEADER_BYTES: u64 = 24;
const DLM_HEADER_BYTES_MAX: u64 = 4096;

fn open_dsk(candidate: &Candidate) -> Result<Opened, NotThis> {
    let lead = if candidate.extent.read(0, 8)?.starts_with(FLASH) { EXTENDED } else { 0 };
    let head =
        candidate.extent.read(0, u64::try_from(lead).map_err(|_| NotThis)? + HEADER_BYTES)?;
    let view = View(&head);
    let size = u64::from(view.u32(lead + 12, Little)?);
    let start = u64::try_from(head.len()).map_err(|_| NotThis)?;
    let text = candidate.extent.clamp(start, size);
    let content = undressed(&text, Dress::Base64)?;
    if !view.bytes(lead, 7)?.starts_with(b"\x1bDSK1.0") || content.is_empty() {
        return Err(NotThis);
    }
    let attributes = vec![("version", "1.0".to_owned())];
    let entries = vec![Entry::payload(content)];
    Ok(Opened { length: start + size, attributes, entries, ..Opened::default() })
}

fn open_dlm(candidate: &Candidate) -> Result<Opened, NotThis> {
    const FIELDS: &[(&str, &[u8])] = &[
        ("signature", b"%%OID_ATT_DLM_SIGNATURE"),
        ("version", b"%%OID_ATT_DLM_VERSION"),
        ("name", b"%%OID_ATT_DLM_NAME"),
        ("extraction", b"%%OID_ATT_DLM_EXTRACTION_CRITERIA"),
    ];
    let head = candidate.extent.read_up_to(0, DLM_HEADER_BYTES_MAX)?;
    let end = memmem::find(&head, b"%%XRXend").ok_or(NotThis)? + b"%%XRXend".len();
    let text = head.get(..end).ok_or(NotThis)?;
    let mut attributes = Vec::new();
    for (name, key) in FIELDS {
        let rest = memmem::find(text, key).and_then(|at| text.get(at + key.len()..));
        // KEY="VALUE".
        let value = rest.and_then(|rest| rest.split(|&byte| byte == b'"').nth(1));
        attributes.extend(value.map(|value| (*name, text_of(value))));
    }
    let newline = usize::from(head.get(end) == Some(&b'\n'));
    let start = u64::try_from(end + newline).map_err(|_| NotThis)?;
    let content = candidate.extent.from(start);
    if attributes.is_empty() || content.is_empty() {
        return Err(NotThis);
    }
    let length = candidate.extent.len();
    let entries = vec![Entry::payload(content)];
    Ok(Opened { length, attributes, entries, ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, stream};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    #[test]
    fn dsk_text_is_decoded_with_and_without_its_escape() {
        let text = b"H4sI\nAAAA";
        for lead in [&b""[..], b"\x1b*FlashW\xb5\x02\0\0"] {
            let mut writer = Writer::new(Endian::Little);
            writer.bytes(lead).bytes(b"\x1bDSK1.0\0\0\0\x01\0").u32(9).u32(0).u32(0).bytes(text);
            let bytes = writer.finish();
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let (node, _) = tree.resolve(&"image@0x0/xerox-dsk".parse().unwrap()).unwrap();
            assert_eq!(tree.bytes(node).unwrap(), &b"\x1f\x8b\x08\0\0\0"[..]);
            check(&bytes, 40);
        }
    }

    #[test]
    fn dlm_headers_are_told() {
        let head = b"%%XRXbegin\n%%OID_ATT_DLM_VERSION=\"NO_DLM_VERSION_CHECK\"\n\
                     %%OID_ATT_DLM_NAME=\"081108\"\n%%XRXend\n";
        let bytes = [&head[..], &stream::gzip(b"content")].concat();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "xerox-dlm", "name").unwrap(), "081108");
        let (node, _) = tree.resolve(&"image@0x0/xerox-dlm@0x0/gzip".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), "content");
        check(&bytes, 20);
    }
}
