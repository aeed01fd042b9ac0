//! Microcode updates for Intel's processors (Software Developer's Manual, volume 3, section 10.11): a header
//! with revision, date and processors, then encrypted data. All 32-bit words of an update add up to zero.

use crate::{
    Endian::Little,
    View,
    checksum::{agrees, each_piece},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "intel-microcode", magics: &[Magic::start(&[1, 0, 0, 0])], carve: true, open };

const HEADER_BYTES: u64 = 48;
/// Updates are aligned to this.
const ALIGN: u64 = 16;
/// What a header that tells no size means.
const DEFAULT_BYTES: u64 = 2048;
const UPDATE_BYTES_MAX: u64 = 2 << 20;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    if !candidate.offset.is_multiple_of(ALIGN) {
        return Err(NotThis);
    }
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let word = |at| view.u32(at, Little);
    let (date, loader) = (word(8)?, word(20)?);
    let reserved = view.bytes(36, 12)?.iter().all(|&byte| byte == 0);
    let date = date_text(date).filter(|_| loader == 1 && reserved).ok_or(NotThis)?;
    let (data, total) = (u64::from(word(28)?), u64::from(word(32)?));
    let length = if data == 0 { DEFAULT_BYTES } else { total };
    let plausible = length.is_multiple_of(1024)
        && (1024..=UPDATE_BYTES_MAX).contains(&length)
        && data.is_multiple_of(4)
        && data + HEADER_BYTES <= length
        && length <= extent.len();
    if !plausible {
        return Err(NotThis);
    }
    let mut sum = 0_u32;
    each_piece(&extent.clamp(0, length), |bytes| {
        let words = bytes.as_chunks::<4>().0.iter();
        sum = words.fold(sum, |sum, word| sum.wrapping_add(u32::from_le_bytes(*word)));
    })?;
    if !agrees(sum, 0) {
        return Err(NotThis);
    }
    let attributes = vec![
        ("revision", format!("{:#x}", word(4)?)),
        ("date", date),
        ("processor-signature", format!("{:#07x}", word(12)?)),
        ("processor-flags", format!("{:#04x}", word(24)?)),
    ];
    Ok(Opened { length, attributes, ..Opened::default() })
}

/// Month, day and year in binary-coded decimals.
fn date_text(date: u32) -> Option<String> {
    let (month, day, year) = (date >> 24, date >> 16 & 0xff, date & 0xffff);
    let decimal = |value: u32, digits: u32| (0..digits).all(|at| value >> (4 * at) & 0xf <= 9);
    let plausible = decimal(date, 8)
        && (0x01..=0x12).contains(&month)
        && (0x01..=0x31).contains(&day)
        && (0x1993..=0x2099).contains(&year);
    plausible.then(|| format!("{year:04x}-{month:02x}-{day:02x}"))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, noise},
    };

    #[test]
    fn an_update_whose_sum_is_zero_is_told() {
        let mut bytes = Vec::new();
        for word in [1_u32, 0xf0, 0x0509_2023, 0x906ea, 0, 1, 0x22, 2000, 2048, 0, 0, 0] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(noise(2000));
        let words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()));
        let sum = words.fold(0_u32, u32::wrapping_add);
        bytes[16..20].copy_from_slice(&0_u32.wrapping_sub(sum).to_le_bytes());
        let image = [&[7; 32][..], &bytes, &bytes].concat();
        let tree = Tree::from_bytes(image, &Limits::default());
        let told = |key| attribute(&tree, "intel-microcode", key).unwrap();
        assert_eq!((told("revision"), told("date")), ("0xf0".into(), "2023-05-09".into()));
        assert_eq!(told("processor-signature"), "0x906ea");
        assert_eq!(tree.coverage().bytes_unread, 32);
        check(&bytes[..1024], 48);
        bytes[100] ^= 1;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(attribute(&tree, "intel-microcode", "revision"), None);
    }
}
