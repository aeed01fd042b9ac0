//! Compressed kernels that unpack themselves: ARM `zImage` and x86 `bzImage`.
//!
//! ARM: `arch/arm/boot/compressed/head.S` of Linux, magic 016f2818 at 0x24, then start and end. x86:
//! `Documentation/arch/x86/boot.rst`. The code around the packed kernel counts as read.
//!
//! An image whose words are all reversed, as it lies in flash behind a bus of the other byte order, is
//! put right first. Of an image that is cut off, what is there is searched like any other bytes.

use crate::{
    Endian::{self, Big, Little},
    Entry, Extent, Fault, View, carve,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{layout::text_of, swap::swapped},
};

pub(crate) static ARM: Format = Format {
    name: "zimage",
    magics: &[
        Magic::at(0x24, &[0x18, 0x28, 0x6f, 0x01]),
        Magic::at(0x24, &[0x01, 0x6f, 0x28, 0x18]),
    ],
    carve: true,
    open: open_arm,
};

pub(crate) static X86: Format =
    Format { name: "bzimage", magics: &[Magic::at(0x202, b"HdrS")], carve: true, open: open_x86 };

/// Kernels of arm64, RISC-V and LoongArch that unpack themselves as a program for UEFI
/// (`drivers/firmware/efi/libstub/zboot-header.S`).
pub(crate) static EFI: Format =
    Format { name: "efi-zboot", magics: &[Magic::at(4, b"zimg")], carve: true, open: open_efi };

const ARM_HEADER_BYTES: u64 = 0x34;
const SIZES: std::ops::RangeInclusive<u64> = (16 << 10)..=(128 << 20);
/// A packed kernel is larger than the tables and device trees beside it.
const PAYLOAD_BYTES_MIN: u64 = 4 << 10;

fn open_arm(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, ARM_HEADER_BYTES)?;
    let view = View(&head);
    let endian = if view.u32(0x24, Little)? == 0x016f_2818 { Little } else { Big };
    let start = u64::from(view.u32(0x28, endian)?);
    let length = u64::from(view.u32(0x2c, endian)?).checked_sub(start).ok_or(NotThis)?;
    let cut = length > candidate.extent.len();
    // The magic alone stands in tables of magics too.
    if !SIZES.contains(&length) || cut && !begins_with_padding(view, endian) {
        return Err(NotThis);
    }
    let image = candidate.extent.clamp(0, length);
    let mut attributes = vec![
        ("arch", "arm".to_owned()),
        ("byte-order", order(endian).to_owned()),
        ("start-address", format!("{start:#x}")),
    ];
    // Without a packed kernel inside, the magic stood there by chance or the packer is unknown.
    let (mut entries, faults) = payloads(&image);
    let nothing = entries.is_empty() && faults.is_empty();
    let swapped = (nothing && endian == Big).then(|| swapped(&image, 4));
    let swapped = swapped.filter(|swapped| cut || !payloads(swapped).0.is_empty());
    if let Some(swapped) = swapped {
        attributes.push(("words", "reversed".to_owned()));
        entries.push(Entry::payload(swapped));
    } else if nothing && cut {
        // The header is left out, or the image would be found in itself.
        entries.push(Entry::part(&b"rest"[..], image.from(ARM_HEADER_BYTES)));
    }
    let unread = (entries.is_empty() && faults.is_empty())
        .then(|| "no packed kernel of a known compression inside".to_owned());
    Ok(Opened { length, attributes, entries, faults, unread })
}

/// Whether the code begins with the instructions that do nothing, which `head.S` puts there for old
/// boot loaders: `mov r0, r0`, in Thumb two in a word.
fn begins_with_padding(view: View<'_>, endian: Endian) -> bool {
    const IDLE: [u32; 2] = [0xe1a0_0000, 0x46c0_46c0];
    // The first words may be those of a program for UEFI.
    (8..28).step_by(4).all(|at| view.u32(at, endian).is_ok_and(|word| IDLE.contains(&word)))
}

fn order(endian: Endian) -> &'static str {
    if endian == Little { "little" } else { "big" }
}

/// The streams inside as parts.
fn payloads(image: &Extent) -> (Vec<Entry>, Vec<Fault>) {
    match carve::embedded(image, PAYLOAD_BYTES_MIN) {
        Ok(found) => (crate::formats::support::layout::streams(image, found), Vec::new()),
        Err(fault) => (Vec::new(), vec![fault]),
    }
}

fn open_x86(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 0x268)?;
    let view = View(&head);
    let protocol = view.u16(0x206, Little)?;
    if view.u16(0x1fe, Little)? != 0xaa55 || !(0x0200..=0x02ff).contains(&protocol) {
        return Err(NotThis);
    }
    let sectors = match view.u8(0x1f1)? {
        0 => 4,
        sectors @ 1..=64 => u64::from(sectors),
        _ => return Err(NotThis),
    };
    let code = (sectors + 1) * 512;
    let code_bytes = u64::from(view.u32(0x1f4, Little)?) * 16;
    let length = code + code_bytes;
    if !SIZES.contains(&length) {
        return Err(NotThis);
    }
    let mut attributes = vec![
        ("arch", "x86".to_owned()),
        ("boot-protocol", format!("{}.{:02}", protocol >> 8, protocol & 0xff)),
    ];
    let version_at = u64::from(view.u16(0x20e, Little)?);
    if version_at > 0
        && let Ok(text) = candidate.extent.read(version_at + 512, 256)
    {
        attributes.push(("version", text_of(View(&text).text(0, 256)?)));
    }
    let image = candidate.extent.clamp(0, length);
    let (offset, size) = (u64::from(view.u32(0x248, Little)?), u64::from(view.u32(0x24c, Little)?));
    let stated = protocol >= 0x0208 && size > 0 && offset + size <= code_bytes;
    let packed = if stated { image.clamp(code + offset, size) } else { image.from(code) };
    let (entries, faults) = payloads(&packed);
    let unread = (entries.is_empty() && faults.is_empty())
        .then(|| "no packed kernel of a known compression inside".to_owned());
    Ok(Opened { length, attributes, entries, faults, unread })
}

/// The header tells where the packed kernel is and how it is packed; behind it are the last bytes of
/// code.
fn open_efi(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 0x40)?;
    let view = View(&head);
    let word = |at| view.u32(at, Little).map(u64::from);
    let (offset, size) = (word(8)?, word(12)?);
    let compression = text_of(view.text(24, 32)?);
    let printable = compression.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if view.bytes(0, 2)? != b"MZ" || !SIZES.contains(&size) || offset < 0x40 || !printable {
        return Err(NotThis);
    }
    let mut faults = Vec::new();
    let length = offset + size;
    let content = candidate.extent.clamp(offset, size);
    let packed = super::packed::part("kernel", content, &compression, &mut faults);
    let attributes = vec![("compression", compression)];
    Ok(Opened { length, attributes, entries: vec![packed], faults, unread: None })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::stream;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, locators, noise},
    };

    fn arm() -> Vec<u8> {
        let mut image = vec![0x11; 4000];
        image.extend(stream::gzip(&noise(40_000)));
        image.resize(image.len().next_multiple_of(4) + 300, 0x22);
        image[0x24..0x28].copy_from_slice(&0x016f_2818_u32.to_le_bytes());
        image[0x28..0x2c].fill(0);
        let length = u32::try_from(image.len()).unwrap();
        image[0x2c..0x30].copy_from_slice(&length.to_le_bytes());
        image
    }

    #[test]
    fn the_packed_kernel_of_an_arm_image_is_a_part() {
        let mut bytes = arm();
        let length = bytes.len() as u64;
        bytes.extend(b"appended");
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let found = locators(&tree);
        assert!(found.contains(&"image@0x0/zimage:/gzip-0xfa0@0x0/gzip".to_owned()), "{found:?}");
        assert!(found.contains(&format!("image@{length:#x}")), "{found:?}");
        assert_eq!(attribute(&tree, "zimage", "byte-order").unwrap(), "little");
    }

    #[test]
    fn an_image_whose_words_are_reversed_is_put_right() {
        let mut bytes = arm();
        bytes.chunks_exact_mut(4).for_each(<[u8]>::reverse);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let found = locators(&tree);
        let wanted = "image@0x0/zimage@0x0/zimage:/gzip-0xfa0@0x0/gzip".to_owned();
        assert!(found.contains(&wanted), "{found:?}");
        assert_eq!(attribute(&tree, "zimage", "words").unwrap(), "reversed");
    }

    #[test]
    fn a_small_kernel_in_an_image_that_is_cut_off_is_found() {
        let mut bytes = arm();
        for at in (0..32).step_by(4) {
            bytes[at..at + 4].copy_from_slice(&0xe1a0_0000_u32.to_le_bytes());
        }
        bytes.truncate(3000);
        bytes.extend(stream::gzip(b"a kernel, a kernel, a kernel"));
        for reversed in [false, true] {
            if reversed {
                bytes.resize(bytes.len().next_multiple_of(4), 0);
                bytes.chunks_exact_mut(4).for_each(<[u8]>::reverse);
            }
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let found = locators(&tree);
            let wanted = "zimage:/rest@0xb84/gzip";
            assert!(found.iter().any(|locator| locator.ends_with(wanted)), "{found:?}");
            assert!(tree.problems().iter().any(|problem| problem.why.contains("truncated")));
        }
    }

    #[test]
    fn a_pc_image_tells_its_version() {
        let packed = stream::gzip(&noise(40_000));
        let mut image = vec![0; 5 * 512];
        image[0x1f1] = 4;
        image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
        image[0x20e..0x210].copy_from_slice(&0x200_u16.to_le_bytes());
        image[0x400..0x408].copy_from_slice(b"6.1.0 x\0");
        let size = u32::try_from(packed.len()).unwrap();
        image[0x248..0x24c].copy_from_slice(&16_u32.to_le_bytes());
        image[0x24c..0x250].copy_from_slice(&size.to_le_bytes());
        image.extend([0x90; 16]);
        image.extend(&packed);
        image.resize(image.len().next_multiple_of(16) + 16, 0x90);
        let paragraphs = u32::try_from((image.len() - 5 * 512) / 16).unwrap();
        image[0x1f4..0x1f8].copy_from_slice(&paragraphs.to_le_bytes());
        let tree = Tree::from_bytes(image, &Limits::default());
        assert_eq!(attribute(&tree, "bzimage", "version").unwrap(), "6.1.0 x");
        let found = locators(&tree);
        assert!(found.contains(&"image@0x0/bzimage:/gzip-0x0@0x0/gzip".to_owned()), "{found:?}");
        // Noise is no kernel: all of the packed bytes count as unread, and nothing else.
        assert_eq!(tree.coverage().bytes_unread, packed.len() as u64);
    }

    #[test]
    fn a_program_for_uefi_holds_a_packed_kernel() {
        let packed = stream::gzip(&noise(40_000));
        let mut image = b"MZ\0\0zimg".to_vec();
        image.extend(512_u32.to_le_bytes());
        image.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
        image.resize(24, 0);
        image.extend(b"gzip");
        image.resize(512, 0);
        image.extend(packed);
        let tree = Tree::from_bytes(image, &Limits::default());
        let found = locators(&tree);
        assert!(found.contains(&"image@0x0/efi-zboot:/kernel@0x0/gzip".to_owned()), "{found:?}");
    }

    #[test]
    fn damage_does_no_harm() {
        let bytes = arm();
        for length in (0..bytes.len()).step_by(997) {
            Tree::from_bytes(bytes[..length].to_vec(), &Limits::default());
        }
        for position in 0..0x34 {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[position] ^= flip;
                Tree::from_bytes(damaged, &Limits::default());
            }
        }
    }
}
