//! First stages for Texas Instruments' OMAP and Sitara chips (AM335x technical reference manual,
//! section 26.1.11): a table of contents with the item `CHSETTINGS`, then size and address of the code.
//!
//! The same header in the byte order of flash that is wired the other way round is read too.

use crate::{
    Endian::{self, Big, Little},
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::Layout;

pub(crate) static FORMAT: Format = Format {
    name: "ti-boot",
    magics: &[Magic::at(20, b"CHSETTINGS\0\0"), Magic::at(20, b"ESHCNITT\0\0SG")],
    carve: true,
    open,
};

/// The table of contents and the settings take a sector.
const TABLE_BYTES: u64 = 512;
const HEADER_BYTES: u64 = 8;
const CODE_BYTES_MAX: u64 = 1 << 20;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, TABLE_BYTES + HEADER_BYTES)?;
    let view = View(&head);
    let endian: Endian = if view.bytes(20, 1)? == b"C" { Little } else { Big };
    // Where the settings stand, and how long they are.
    let settings = (view.u32(0, endian)?, view.u32(4, endian)?);
    let (size, load) = (u64::from(view.u32(512, endian)?), view.u32(516, endian)?);
    // The size counts the header of the code.
    if settings.0 < 32 || settings.0 > 512 || !(HEADER_BYTES + 4..=CODE_BYTES_MAX).contains(&size) {
        return Err(NotThis);
    }
    let start = TABLE_BYTES + HEADER_BYTES;
    let length = TABLE_BYTES + size;
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    layout.consumed(0, start);
    layout.part("", start, length - start);
    let laid = layout.finish();
    let order = if endian == Little { "little" } else { "big" };
    let attributes =
        vec![("load-address", format!("{load:#010x}")), ("byte-order", order.to_owned())];
    let (entries, faults) = (laid.entries, laid.faults);
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
        for (name, order) in [("", "little"), ("byteswap", "big")] {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
            fs::write(at("code"), sample(9000, 1)).unwrap();
            let arguments = ["-T", "omapimage", "-n", name, "-a", "0x402f0400", "-d", &at("code")];
            if !run("mkimage", &[&arguments[..], &[&at("out")]].concat()) {
                return;
            }
            let bytes = fs::read(at("out")).unwrap();
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            assert_eq!(attribute(&tree, "ti-boot", "byte-order").unwrap(), order);
            assert_eq!(attribute(&tree, "ti-boot", "load-address").unwrap(), "0x402f0400");
            let (node, _) = tree.resolve(&"image@0x0/ti-boot".parse().unwrap()).unwrap();
            let code = tree.bytes(node).unwrap();
            let first = if name.is_empty() { sample(9000, 1)[0] } else { sample(9000, 1)[3] };
            assert_eq!((code.len(), code[0]), (9000, first));
            assert_survives_damage(&bytes, 64, 997);
        }
    }
}
