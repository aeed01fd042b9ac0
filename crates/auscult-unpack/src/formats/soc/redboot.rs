//! The directory of RedBoot's flash image system (eCos, `packages/redboot/current/include/fis.h`):
//! names and places of the images in flash, in either byte order.
//!
//! Places are addresses, so that the images themselves are found by what they hold.

use crate::{
    Endian::{self, Big, Little},
    Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::text_of;

pub(crate) static FORMAT: Format = Format {
    name: "redboot-fis",
    magics: &[Magic::start(b"RedBoot\0\0\0\0\0\0\0\0\0")],
    carve: true,
    open,
};

const ENTRY_BYTES: u64 = 256;
const ENTRIES_MAX: u64 = 256;
/// The directory lists itself.
const OWN: &[u8] = b"FIS directory";

struct Image {
    name: String,
    base: u32,
    size: u32,
    load: u32,
    length: u32,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let tables =
        [Little, Big].into_iter().map(|endian| (endian, images(&candidate.extent, endian)));
    // In the wrong byte order the directory's own size makes no sense.
    let found = tables.into_iter().find_map(|(endian, images)| {
        let own = images.iter().find(|image| image.name.as_bytes() == OWN)?;
        let length = u64::from(own.size);
        let fits = (2 * ENTRY_BYTES..=ENTRIES_MAX * ENTRY_BYTES).contains(&length);
        fits.then_some((endian, length, images))
    });
    let (endian, length, images) = found.ok_or(NotThis)?;
    let summary: Vec<_> = images
        .iter()
        .map(|Image { name, base, size, load, length }| {
            format!("{name} at {base:#010x} size {size:#x} load {load:#010x} length {length:#x}")
        })
        .collect();
    let order = if endian == Little { "little" } else { "big" };
    let attributes = vec![("byte-order", order.to_owned()), ("images", summary.join("; "))];
    Ok(Opened { length, attributes, ..Opened::default() })
}

fn images(extent: &Extent, endian: Endian) -> Vec<Image> {
    let mut images = Vec::new();
    for index in 0..ENTRIES_MAX {
        let Ok(bytes) = extent.read(index * ENTRY_BYTES, ENTRY_BYTES) else { break };
        match image(&bytes, endian) {
            Some(found) => images.push(found),
            // Deleted entries begin with FF, and so does the rest of the table.
            None if bytes.first() == Some(&0xff) => {}
            None => break,
        }
    }
    images
}

/// An entry, if it is one in this byte order: places in flash are multiples of 256 bytes.
fn image(bytes: &[u8], endian: Endian) -> Option<Image> {
    let view = View(bytes);
    let name = view.text(0, 16).ok()?;
    let word = |at| view.u32(at, endian).ok();
    let image = Image {
        name: text_of(name),
        base: word(16)?,
        load: word(20)?,
        size: word(24)?,
        length: word(32)?,
    };
    let printable = !name.is_empty() && name.iter().all(|byte| (0x20..0x7f).contains(byte));
    let sized = image.size > 0 && image.size <= 0x1000_0000 && image.size.is_multiple_of(0x100);
    (printable && sized && image.length <= image.size).then_some(image)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::{hostile::attribute, reference::assert_survives_damage},
    };

    fn directory(endian: Endian) -> Vec<u8> {
        let mut writer = Writer::new(endian);
        let images: [(&str, u32, u32); 3] = [
            ("RedBoot", 0xbfc0_0000, 0x3_0000),
            ("kernel", 0xbfc3_0000, 0x10_0000),
            ("FIS directory", 0xbfff_0000, 0x1000),
        ];
        for (name, base, size) in images {
            writer.field(name, 16).u32(base).u32(base).u32(size).u32(0).u32(size).fill(0, 220);
        }
        writer.pad_to(0x1000, 0xff);
        writer.finish()
    }

    #[test]
    fn directories_of_both_byte_orders() {
        for (endian, order) in [(Endian::Little, "little"), (Endian::Big, "big")] {
            let bytes = directory(endian);
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            assert_eq!(attribute(&tree, "redboot-fis", "byte-order").unwrap(), order);
            let told = attribute(&tree, "redboot-fis", "images").unwrap();
            assert!(told.contains("kernel at 0xbfc30000 size 0x100000"), "{told}");
            assert_survives_damage(&bytes, 40, 97);
        }
    }
}
