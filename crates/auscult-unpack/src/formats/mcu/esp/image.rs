//! Application images for Espressif's ESP32 family, as `esptool` and ESP-IDF's
//! `esp_app_format.h` describe them: a header, segments with their addresses, a checksum.
//!
//! The magic is one byte: the chip, every segment and the checksum must fit.

use super::{SECTOR_BYTES, secure_boot, segments};
use crate::{
    Endian::Little,
    Fault, View, digest,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::text_of;

pub(crate) static FORMAT: Format =
    Format { name: "esp32", magics: &[Magic::start(&[0xe9])], carve: true, open };

const HEADER_BYTES: u64 = 24;
/// `esp_app_desc_t` at the start of the first segment.
const DESCRIPTION_MAGIC: u32 = 0xabcd_5432;
const CHIPS: &[(u16, &str)] = &[
    (0, "ESP32"),
    (2, "ESP32-S2"),
    (5, "ESP32-C3"),
    (9, "ESP32-S3"),
    (12, "ESP32-C2"),
    (13, "ESP32-C6"),
    (16, "ESP32-H2"),
    (18, "ESP32-P4"),
    (20, "ESP32-C61"),
    (23, "ESP32-C5"),
];

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    if !candidate.offset.is_multiple_of(SECTOR_BYTES) {
        return Err(NotThis);
    }
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let (count, hashed) = (view.u8(1)?, view.u8(23)?);
    let chip = view.u16(12, Little)?;
    let chip = CHIPS.iter().find(|known| known.0 == chip).ok_or(NotThis)?.1;
    if hashed > 1 || view.u8(2)? > 5 {
        return Err(NotThis);
    }
    let segments = segments(extent, HEADER_BYTES, count)?;
    let mut length = segments.end;
    let mut faults = Vec::new();
    let mut attributes =
        vec![("chip", chip.to_owned()), ("entry-point", format!("{:#010x}", view.u32(4, Little)?))];
    if hashed == 1 {
        let computed = digest::sha256_of(&extent.clamp(0, length)).ok();
        let stored = extent.read(length, 32).ok().map(|stored| stored.to_vec());
        let holds = stored == computed;
        attributes.push(("sha256", if holds { "verified" } else { "wrong" }.to_owned()));
        if !holds {
            faults.push(Fault::new(length, "check the image's sha256", "it does not fit"));
        }
        length += 32;
    }
    if let Ok(first) = extent.read_up_to(HEADER_BYTES + 8, 256) {
        attributes.extend(description(View(&first)).unwrap_or_default());
    }
    if let Some(signed) = secure_boot::signature(extent, length, &mut faults) {
        attributes.push(("signature", signed.told));
        length = signed.end;
    }
    let entries = segments.entries;
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// What the application says of itself.
fn description(view: View<'_>) -> Result<Vec<(&'static str, String)>, Fault> {
    if view.u32(0, Little)? != DESCRIPTION_MAGIC {
        return Ok(Vec::new());
    }
    let mut attributes = vec![
        ("version", text_of(view.text(16, 32)?)),
        ("project", text_of(view.text(48, 32)?)),
        ("created", format!("{} {}", text_of(view.text(96, 16)?), text_of(view.text(80, 16)?))),
        ("idf-version", text_of(view.text(112, 32)?)),
    ];
    let secure = view.u32(4, Little)?;
    attributes.extend((secure > 0).then(|| ("secure-version", secure.to_string())));
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn image() -> Vec<u8> {
        let mut data = vec![0; 256];
        data[0..4].copy_from_slice(&0xabcd_5432_u32.to_le_bytes());
        data[16..19].copy_from_slice(b"1.2");
        data[112..118].copy_from_slice(b"v4.4.1");
        let mut bytes = vec![0; 24];
        bytes[0..4].copy_from_slice(&[0xe9, 1, 2, 0x20]);
        bytes[12] = 5;
        bytes.extend(0x3c00_0020_u32.to_le_bytes());
        bytes.extend(256_u32.to_le_bytes());
        bytes.extend(&data);
        bytes.resize((bytes.len() | 15) + 1, 0);
        *bytes.last_mut().unwrap() = data.iter().fold(0xef, |sum, byte| sum ^ byte);
        bytes
    }

    #[test]
    fn segments_are_parts_and_the_application_is_told() {
        let tree = Tree::from_bytes(image(), &Limits::default());
        let found = locators(&tree);
        assert!(found.contains(&"image@0x0/esp32:/segment0-0x3c000020".to_owned()), "{found:?}");
        assert_eq!(attribute(&tree, "esp32", "chip").unwrap(), "ESP32-C3");
        assert_eq!(attribute(&tree, "esp32", "idf-version").unwrap(), "v4.4.1");
        check(&image(), 32);
    }
}
