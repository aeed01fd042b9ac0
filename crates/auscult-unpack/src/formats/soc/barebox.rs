//! The boot loader barebox for Arm (its `arch/arm/include/asm/barebox-arm-head.h`): a header inside the
//! code with the length of the image.

use crate::{
    Endian::Little,
    Entry, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::banner;

pub(crate) static FORMAT: Format =
    Format { name: "barebox", magics: &[Magic::at(0x20, b"barebox\0")], carve: true, open };

const HEADER_BYTES: u64 = 0x30;
const IMAGE_BYTES_MAX: u64 = 64 << 20;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let length = u64::from(view.u32(0x2c, Little)?);
    // The first word branches over the header.
    let branches = view.u8(3)? == 0xea || view.u8(3)? == 0x14 || view.u16(0, Little)? >> 11 == 0x1c;
    if !branches || !(HEADER_BYTES + 64..=IMAGE_BYTES_MAX).contains(&length) {
        return Err(NotThis);
    }
    let mut attributes = Vec::new();
    let image = candidate.extent.clamp(0, length);
    let bytes = image.read_all()?;
    if let Some((_, text)) = banner::banners(&bytes, b"barebox 20").next() {
        attributes.push(("banner", text.to_owned()));
    }
    let entries = vec![Entry::payload(image.from(HEADER_BYTES))];
    Ok(Opened { length, attributes, entries, ..Opened::default() })
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
    fn the_image_and_its_banner() {
        let mut writer = Writer::new(Endian::Little);
        writer.u32(0xea00_000c).pad_to(0x20, 0).bytes(b"barebox\0").u32(0x2000_0000).u32(0x100);
        writer.bytes(b"\0barebox 2023.01.0 #1 Mon\0").pad_to(0x100, 1);
        let bytes = writer.finish();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert!(attribute(&tree, "barebox", "banner").unwrap().starts_with("barebox 2023.01.0"));
        check(&bytes, 0x40);
    }
}
