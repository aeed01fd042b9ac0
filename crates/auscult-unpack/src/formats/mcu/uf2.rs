//! UF2, what boot loaders that look like a USB stick take (`README.md` of Microsoft's UF2): blocks of 512
//! bytes, each with an address and up to 476 bytes for it.
//!
//! Blocks of several families and addresses become one part for each run. Blocks that are files of a
//! container, or meant for memory that is not flash, are told.

use std::collections::BTreeMap;

use crate::{
    Endian::Little,
    Entry, Extent, Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::text_of,
};

pub(crate) static FORMAT: Format =
    Format { name: "uf2", magics: &[Magic::start(b"UF2\nWQ]\x9e")], carve: true, open };

const BLOCK_BYTES: u64 = 512;
const PAYLOAD_AT: u64 = 32;
const PAYLOAD_BYTES_MAX: u32 = 476;
const END_MAGIC: u32 = 0x0ab1_6f30;
const BLOCKS_MAX: u32 = 1 << 20;
const RUNS_MAX: usize = 4096;

const FLAG_NOT_FLASH: u32 = 1;
const FLAG_FILE: u32 = 0x1000;
const FLAG_FAMILY: u32 = 0x2000;
const FLAG_EXTENSIONS: u32 = 0x8000;
/// Extensions that hold text: three bytes of a hash, and what they mean.
const EXTENSION_VERSION: u32 = 0x9f_c7bc;
const EXTENSION_DESCRIPTION: u32 = 0x65_0d9d;

/// `utils/uf2families.json` of Microsoft's repository, and those of Raspberry Pi's later chips.
const FAMILIES: &[(u32, &str)] = &[
    (0x1657_3617, "ATMEGA32"),
    (0x1851_780a, "SAML21"),
    (0x1b57_745f, "NRF52"),
    (0x1c5f_21b0, "ESP32"),
    (0x1e1f_432d, "STM32L1"),
    (0x202e_3a91, "STM32L0"),
    (0x2146_0ff0, "STM32WL"),
    (0x2abc_77ec, "LPC55"),
    (0x300f_5633, "STM32G0"),
    (0x31d2_28c6, "GD32F350"),
    (0x0424_0bdf, "STM32L5"),
    (0x4c71_240a, "STM32G4"),
    (0x4fb2_d5bd, "MIMXRT10XX"),
    (0x53b8_0f00, "STM32F7"),
    (0x5511_4460, "SAMD51"),
    (0x5775_5a57, "STM32F4"),
    (0x5a18_069b, "FX2"),
    (0x5d1a_0a2e, "STM32F2"),
    (0x5ee2_1072, "STM32F1"),
    (0x621e_937a, "NRF52833"),
    (0x6478_24b6, "STM32F0"),
    (0x68ed_2b88, "SAMD21"),
    (0x6b84_6188, "STM32F3"),
    (0x6d09_22fa, "STM32F407"),
    (0x6db6_6082, "STM32H7"),
    (0x70d1_6653, "STM32WB"),
    (0x7eab_61ed, "ESP8266"),
    (0x7f83_e793, "KL32L2"),
    (0x8fb0_60fe, "STM32F407VG"),
    (0xada5_2840, "NRF52840"),
    (0xbfdd_4eee, "ESP32S2"),
    (0xc47e_5767, "ESP32S3"),
    (0xd42b_a06c, "ESP32C3"),
    (0x2b88_d29c, "ESP32C2"),
    (0x3327_26f6, "ESP32H2"),
    (0x540d_df62, "ESP32C6"),
    (0x3d30_8e94, "ESP32P4"),
    (0xe48b_ff56, "RP2040"),
    (0xe48b_ff57, "RP2XXX_ABSOLUTE"),
    (0xe48b_ff58, "RP2XXX_DATA"),
    (0xe48b_ff59, "RP2350_ARM_S"),
    (0xe48b_ff5a, "RP2350_RISCV"),
    (0xe48b_ff5b, "RP2350_ARM_NS"),
    (0x00ff_6919, "STM32L4"),
    (0x9af0_3e33, "GD32VF103"),
    (0x4f6a_ce52, "CSK4"),
    (0x6e73_48a8, "CSK6"),
    (0x11de_784a, "M0SENSE"),
    (0x4b68_4d71, "MaixPlay-U4"),
    (0x9517_422f, "RZA1LU"),
];

struct Block {
    flags: u32,
    address: u32,
    payload_bytes: u32,
    count: u32,
    family: Option<u32>,
}

/// What all blocks come to.
#[derive(Default)]
struct Image {
    /// The payloads by family and address.
    payloads: BTreeMap<(u32, u32), Extent>,
    blocks: u32,
    promised: u32,
    not_flash: u32,
    files: u32,
    twice: u32,
    texts: Vec<(&'static str, String)>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let mut image = Image::default();
    let mut at = 0;
    while image.blocks < BLOCKS_MAX {
        let Some(bytes) = extent.read(at, BLOCK_BYTES).ok() else { break };
        let Some(block) = block(View(&bytes)) else { break };
        image.add(&block, extent, at, &bytes);
        at += BLOCK_BYTES;
    }
    if image.blocks == 0 {
        return Err(NotThis);
    }
    let mut faults = Vec::new();
    if image.blocks < image.promised {
        let why = format!("{} blocks promised, {} there", image.promised, image.blocks);
        faults.push(Fault::new(at, "read all blocks", why));
    }
    let (entries, families) = image.runs(extent, &mut faults);
    let mut attributes = vec![("blocks", image.blocks.to_string()), ("families", families)];
    for (key, count) in [
        ("blocks-not-for-flash", image.not_flash),
        ("blocks-of-files", image.files),
        ("blocks-twice", image.twice),
    ] {
        attributes.extend((count > 0).then(|| (key, count.to_string())));
    }
    image.texts.dedup();
    attributes.extend(image.texts);
    Ok(Opened { length: at, attributes, entries, faults, unread: None })
}

fn block(view: View<'_>) -> Option<Block> {
    let word = |at| view.u32(at, Little).ok();
    let block = Block {
        flags: word(8)?,
        address: word(12)?,
        payload_bytes: word(16)?,
        count: word(24)?,
        family: (word(8)? & FLAG_FAMILY != 0).then(|| word(28)).flatten(),
    };
    let sound = word(0)? == 0x0a32_4655
        && word(4)? == 0x9e5d_5157
        && word(508)? == END_MAGIC
        && block.payload_bytes <= PAYLOAD_BYTES_MAX
        && word(20)? < block.count;
    sound.then_some(block)
}

impl Image {
    fn add(&mut self, block: &Block, extent: &Extent, at: u64, bytes: &[u8]) {
        self.blocks += 1;
        self.promised = self.promised.max(block.count);
        if block.flags & FLAG_FILE != 0 {
            self.files += 1;
            return;
        }
        if block.flags & FLAG_NOT_FLASH != 0 {
            self.not_flash += 1;
            return;
        }
        if block.flags & FLAG_EXTENSIONS != 0 {
            self.extensions(bytes, block.payload_bytes);
        }
        let payload = extent.clamp(at + PAYLOAD_AT, u64::from(block.payload_bytes));
        let place = (block.family.unwrap_or(0), block.address);
        if self.payloads.insert(place, payload).is_some() {
            self.twice += 1;
        }
    }

    /// Extensions lie behind the payload: a length, a tag of three bytes, a value.
    fn extensions(&mut self, bytes: &[u8], payload_bytes: u32) {
        let view = View(bytes);
        let mut at = usize::try_from(payload_bytes).unwrap_or(0).next_multiple_of(4) + 32;
        while let Ok([length, a, b, c]) = view.array::<4>(at) {
            let length = usize::from(length);
            if length < 4 || at + length > 508 {
                return;
            }
            let tag = u32::from_le_bytes([a, b, c, 0]);
            let key = match tag {
                EXTENSION_VERSION => Some("version"),
                EXTENSION_DESCRIPTION => Some("description"),
                _ => None,
            };
            let text = view.bytes(at + 4, length - 4).map(text_of).unwrap_or_default();
            if let Some(key) = key.filter(|key| !self.texts.contains(&(key, text.clone()))) {
                self.texts.push((key, text));
            }
            at += length.next_multiple_of(4);
        }
    }

    /// One part for each run of addresses of a family.
    fn runs(&self, extent: &Extent, faults: &mut Vec<Fault>) -> (Vec<Entry>, String) {
        let mut runs: Vec<(u32, u64, Vec<Extent>, u64)> = Vec::new();
        let mut families: Vec<String> = Vec::new();
        for (&(family, address), payload) in &self.payloads {
            let address = u64::from(address);
            let name = name(family);
            if families.last() != Some(&name) {
                families.push(name);
            }
            if let Some((last, _, parts, end)) = runs.last_mut()
                && *last == family
                && *end == address
            {
                parts.push(payload.clone());
                *end += payload.len();
                continue;
            }
            if runs.len() >= RUNS_MAX {
                let why = format!("more than {RUNS_MAX} runs of addresses");
                faults.push(Fault::new(0, "read all blocks", why));
                break;
            }
            runs.push((family, address, vec![payload.clone()], address + payload.len()));
        }
        let several = families.len() > 1;
        let entry = |(family, address, parts, _)| {
            let prefix = if several { format!("{}-", name(family)) } else { String::new() };
            let content = Extent::joined(extent.vault(), parts);
            Entry::part(format!("{prefix}{address:#010x}").into_bytes(), content)
        };
        (runs.into_iter().map(entry).collect(), families.join(", "))
    }
}

fn name(family: u32) -> String {
    if family == 0 {
        return "not told".to_owned();
    }
    let known = FAMILIES.iter().find(|known| known.0 == family);
    known.map_or_else(|| format!("{family:#010x}"), |known| known.1.to_owned())
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn block(
        flags: u32,
        address: u32,
        data: &[u8],
        number: u32,
        count: u32,
        family: u32,
    ) -> Vec<u8> {
        let size = u32::try_from(data.len()).unwrap();
        let mut bytes = b"UF2\nWQ]\x9e".to_vec();
        for word in [flags, address, size, number, count, family] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(data);
        if flags & 0x8000 != 0 {
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes.extend(b"\x07\xbc\xc7\x9f1.2\0");
        }
        bytes.resize(508, 0);
        bytes.extend(0x0ab1_6f30_u32.to_le_bytes());
        bytes
    }

    fn image() -> Vec<u8> {
        let (rp2040, nrf) = (0xe48b_ff56, 0xada5_2840);
        [
            block(0x2000, 0x1000_0100, &[2; 256], 1, 3, rp2040),
            block(0xa000, 0x1000_0000, &[1; 256], 0, 3, rp2040),
            block(0x2000, 0x1000_1000, &[3; 256], 2, 3, rp2040),
            block(0x2000, 0x2_6000, &[4; 100], 0, 2, nrf),
            block(0x2001, 0, &[5; 100], 1, 2, nrf),
        ]
        .concat()
    }

    #[test]
    fn runs_of_several_families_are_parts() {
        let mut bytes = image();
        bytes.extend(b"behind");
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let found = locators(&tree);
        for wanted in ["RP2040-0x10001000", "NRF52840-0x00026000"] {
            assert!(found.contains(&format!("image@0x0/uf2:/{wanted}")), "{found:?}");
        }
        let part = "image@0x0/uf2:/RP2040-0x10000000".parse().unwrap();
        let bytes = tree.bytes(tree.resolve(&part).unwrap().0).unwrap();
        assert_eq!(bytes, [[1; 256], [2; 256]].concat());
        assert_eq!(attribute(&tree, "uf2", "families").unwrap(), "NRF52840, RP2040");
        assert_eq!(attribute(&tree, "uf2", "version").unwrap(), "1.2");
        assert_eq!(attribute(&tree, "uf2", "blocks-not-for-flash").unwrap(), "1");
        assert!(found.contains(&"image@0xa00".to_owned()), "{found:?}");
        check(&image()[..1100], 40);
    }
}
