//! First stages for Allwinner chips: the header `eGON.BT0` with a checksum over the whole stage, as
//! U-Boot's `tools/sunxi_egon.c` and linux-sunxi's wiki describe it.

use crate::{
    Endian::Little,
    Entry, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::text_of;

pub(crate) static FORMAT: Format =
    Format { name: "egon", magics: &[Magic::at(4, b"eGON.BT0")], carve: true, open };

/// The header with the fields of U-Boot's first stage.
const HEADER_BYTES: u64 = 0x60;
/// What stands in the checksum's place while it is computed.
const STAMP: u32 = 0x5f0a_6c39;
/// Static memory of these chips ends below.
const STAGE_BYTES_MAX: u64 = 1 << 20;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let length = u64::from(view.u32(16, Little)?);
    if !length.is_multiple_of(4) || !(HEADER_BYTES..=STAGE_BYTES_MAX).contains(&length) {
        return Err(NotThis);
    }
    let stage = candidate.extent.read(0, length)?;
    let stored = view.u32(12, Little)?;
    let words = stage.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
    let sum = words.fold(STAMP.wrapping_sub(stored), u32::wrapping_add);
    if sum != stored {
        return Err(NotThis);
    }
    let mut attributes = vec![("checksum", "verified".to_owned())];
    if view.bytes(20, 3)? == b"SPL" {
        attributes.push(("spl-version", view.u8(23)?.to_string()));
        let name = usize::try_from(view.u32(32, Little)?).map_err(|_| NotThis)?;
        if name > 0
            && let Ok(name) = View(&stage).text(name, 64)
        {
            attributes.push(("device-tree", text_of(name)));
        }
    }
    let code = candidate.extent.clamp(HEADER_BYTES, length - HEADER_BYTES);
    Ok(Opened { length, attributes, entries: vec![Entry::payload(code)], ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn stage() -> Vec<u8> {
        let mut bytes = vec![0; 0x60];
        bytes[4..12].copy_from_slice(b"eGON.BT0");
        bytes[16..20].copy_from_slice(&0x200_u32.to_le_bytes());
        bytes[20..24].copy_from_slice(b"SPL\x02");
        bytes[32..36].copy_from_slice(&0x40_u32.to_le_bytes());
        bytes[0x40..0x46].copy_from_slice(b"board\0");
        bytes.resize(0x200, 0x5a);
        bytes[12..16].copy_from_slice(&0x5f0a_6c39_u32.to_le_bytes());
        let words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()));
        let sum = words.fold(0, u32::wrapping_add);
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    #[test]
    fn a_stage_whose_checksum_holds_is_opened() {
        let tree = Tree::from_bytes(stage(), &Limits::default());
        assert_eq!(attribute(&tree, "egon", "device-tree").unwrap(), "board");
        let mut damaged = stage();
        damaged[0x100] ^= 1;
        let tree = Tree::from_bytes(damaged, &Limits::default());
        assert!(!locators(&tree).iter().any(|locator| locator.contains("egon")));
        check(&stage(), 0x60);
    }
}
