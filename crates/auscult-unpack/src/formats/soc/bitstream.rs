//! Bitstreams for AMD's (Xilinx's) programmable logic with the header of their `.bit` files: what they
//! were made from, for which part, when, and the configuration data.
//!
//! The data is a configuration of logic and no program: it is named, and nothing is looked for in it.

use crate::{
    Endian::Big,
    Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::text_of;

pub(crate) static FORMAT: Format = Format {
    name: "xilinx-bitstream",
    magics: &[Magic::start(&[
        0x00, 0x09, 0x0f, 0xf0, 0x0f, 0xf0, 0x0f, 0xf0, 0x0f, 0xf0, 0x00, 0x00, 0x01, b'a',
    ])],
    carve: true,
    open,
};

/// Where the fields start: each has a letter, a length and a text that ends with NUL.
const FIELDS_AT: u64 = 13;
const FIELDS: [(u8, &str); 4] = [(b'a', "design"), (b'b', "part"), (b'c', "date"), (b'd', "time")];
/// The data's letter, with a length of four bytes.
const DATA: u8 = b'e';
const DATA_BYTES_MAX: u64 = 1 << 30;
/// The synchronisation word (UG470, "Configuration details"), within the first bytes of the data.
const SYNCHRONISATION: &[u8] = &[0xaa, 0x99, 0x55, 0x66];
const SYNCHRONISATION_WITHIN: u64 = 1024;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let (mut at, mut attributes) = (FIELDS_AT, Vec::new());
    for (letter, name) in FIELDS {
        let head = extent.read(at, 3)?;
        let length = u64::from(View(&head).u16(1, Big)?);
        let text = extent.read(at + 3, length)?;
        let printable = text.iter().all(|&byte| byte == 0 || (0x20..0x7f).contains(&byte));
        if head.first() != Some(&letter) || !printable {
            return Err(NotThis);
        }
        attributes.push((name, text_of(&text)));
        at += 3 + length;
    }
    let head = extent.read(at, 5)?;
    let size = u64::from(View(&head).u32(1, Big)?);
    let synchronised = is_synchronised(&extent.clamp(at + 5, size));
    if head.first() != Some(&DATA) || size > DATA_BYTES_MAX || !synchronised {
        return Err(NotThis);
    }
    let length = at + 5 + size;
    let unread = Some("programmable logic: a configuration, no program".to_owned());
    Ok(Opened { length, attributes, unread, ..Opened::default() })
}

fn is_synchronised(data: &Extent) -> bool {
    data.read_up_to(0, SYNCHRONISATION_WITHIN)
        .is_ok_and(|head| memchr::memmem::find(&head, SYNCHRONISATION).is_some())
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    #[test]
    fn the_header_is_told() {
        let mut writer = Writer::new(Endian::Big);
        writer.u16(9).bytes(&[0x0f, 0xf0, 0x0f, 0xf0, 0x0f, 0xf0, 0x0f, 0xf0]).u8(0).u16(1);
        for (letter, text) in [
            (b'a', "top;UserID=0\0"),
            (b'b', "7z020clg400\0"),
            (b'c', "2024/01/02\0"),
            (b'd', "12:30:00\0"),
        ] {
            writer.u8(letter).u16(u16::try_from(text.len()).unwrap()).bytes(text.as_bytes());
        }
        writer.u8(b'e').u32(40).fill(0xff, 32).u32(0xaa99_5566).u32(0x2000_0000);
        let bytes = writer.finish();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "xilinx-bitstream", "part").unwrap(), "7z020clg400");
        assert!(tree.coverage().regions_unread[0].reason.contains("programmable logic"));
        check(&bytes, 60);
    }
}
