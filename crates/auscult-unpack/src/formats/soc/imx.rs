//! Boot images of NXP's i.MX 6, 7, 8M and RT: an image vector table (i.MX reference manuals, "System
//! boot"; U-Boot, `include/imximage.h`), boot data, device configuration, and what signs them.
//!
//! Where the High Assurance Boot signs the image, its commands are counted; the hash of the keys is in
//! the fuses of the device, so that nothing can be verified here.

use crate::{
    Endian::{Big, Little},
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::Layout;

pub(crate) static FORMAT: Format = Format {
    name: "imx-image",
    magics: &[
        Magic::start(&[0xd1, 0x00, 0x20, 0x40]),
        Magic::start(&[0xd1, 0x00, 0x20, 0x41]),
        Magic::start(&[0xd1, 0x00, 0x20, 0x42]),
        Magic::start(&[0xd1, 0x00, 0x20, 0x43]),
    ],
    carve: true,
    open,
};

const TABLE_BYTES: u64 = 32;
const BOOT_DATA_BYTES: u64 = 12;
/// Tables and commands stand in the first pages.
const NEAR_BYTES: u64 = 64 << 10;
const IMAGE_BYTES_MAX: u64 = 256 << 20;
/// Tags of device configuration data and of a command sequence (HAB 4 API reference).
const TAG_CONFIGURATION: u8 = 0xd2;
const TAG_COMMANDS: u8 = 0xd4;
const COMMAND_INSTALL_KEY: u8 = 0xbe;
const COMMAND_AUTHENTICATE: u8 = 0xca;
/// Protocols: an encrypted key, and data encrypted with it.
const PROTOCOL_BLOB: u8 = 0xbb;
const PROTOCOL_AEAD: u8 = 0xa3;

struct Table {
    entry: u32,
    own: u32,
    /// Offsets from the table.
    configuration: Option<u64>,
    boot_data: u64,
    commands: Option<u64>,
}

impl Table {
    fn parse(view: View<'_>) -> Result<Self, NotThis> {
        let word = |at| view.u32(at, Little);
        let own = word(20)?;
        // Addresses behind the table, or none.
        let behind = |address: u32| match address {
            0 => Ok(None),
            _ => address.checked_sub(own).map(|offset| Some(u64::from(offset))).ok_or(NotThis),
        };
        let table = Self {
            entry: word(4)?,
            own,
            configuration: behind(word(12)?)?,
            boot_data: behind(word(16)?)?.ok_or(NotThis)?,
            commands: behind(word(24)?)?,
        };
        let near = (TABLE_BYTES..NEAR_BYTES).contains(&table.boot_data)
            && table.configuration.is_none_or(|at| (TABLE_BYTES..NEAR_BYTES).contains(&at))
            && table.commands.is_none_or(|at| (TABLE_BYTES..IMAGE_BYTES_MAX).contains(&at));
        let reserved = word(8)? == 0 && word(28)? == 0;
        (near && reserved && table.entry != 0 && own.is_multiple_of(4))
            .then_some(table)
            .ok_or(NotThis)
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, TABLE_BYTES)?;
    let table = Table::parse(View(&head))?;
    let data = extent.read(table.boot_data, BOOT_DATA_BYTES)?;
    let (start, size) = (View(&data).u32(0, Little)?, View(&data).u32(4, Little)?);
    let before = u64::from(table.own.checked_sub(start).ok_or(NotThis)?);
    // The length counts from where the image is loaded, which may be before the table.
    let claimed = u64::from(size).checked_sub(before).ok_or(NotThis)?;
    if claimed > IMAGE_BYTES_MAX || claimed < table.boot_data || View(&data).u32(8, Little)? > 1 {
        return Err(NotThis);
    }
    let configuration = table.configuration.map(|at| tagged(candidate, at, TAG_CONFIGURATION));
    let configuration = configuration.transpose()?;
    // Tools round the length up to pages that the file does not have.
    let length = claimed.min(extent.len());
    let mut layout = Layout::disjoint(extent.clamp(0, length));
    layout.consumed(0, TABLE_BYTES);
    layout.consumed(table.boot_data, BOOT_DATA_BYTES);
    let mut attributes = vec![
        ("load-address", format!("{start:#010x}")),
        ("entry-point", format!("{:#010x}", table.entry)),
    ];
    if let (Some(at), Some(bytes)) = (table.configuration, &configuration) {
        layout.consumed(at, as_offset(bytes.len()));
        attributes.push(("device-configuration", format!("{} bytes", bytes.len())));
    }
    let signature = table.commands.and_then(|at| Some((at, signature(candidate, at)?)));
    let mut code_end = length;
    let mut encrypted = false;
    if let Some((at, signed)) = &signature {
        code_end = code_end.min(*at);
        layout.part("signature", *at, length.saturating_sub(*at));
        encrypted = signed.encrypted;
        attributes.push(("signature", signed.summary()));
    } else if table.commands.is_some() {
        attributes.push(("signature", "announced, not there".to_owned()));
    } else {
        attributes.push(("signature", "none".to_owned()));
    }
    let code = u64::from(table.entry.saturating_sub(table.own));
    let code = if code < length && code >= TABLE_BYTES { code } else { TABLE_BYTES };
    let code_bytes = code_end.saturating_sub(code);
    if encrypted {
        layout.unread_part("code", code, code_bytes, "encrypted: AES, with a key in the chip");
    } else if code >= NEAR_BYTES.min(table.boot_data + BOOT_DATA_BYTES) {
        layout.part("code", code, code_bytes);
    }
    let laid = layout.finish();
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// A structure with this tag: its header tells its length, most significant byte first.
fn tagged(candidate: &Candidate, at: u64, tag: u8) -> Result<Vec<u8>, NotThis> {
    let head = candidate.extent.read(at, 4)?;
    let length = View(&head).u16(1, Big)?;
    let version = View(&head).u8(3)?;
    if View(&head).u8(0)? != tag || length < 4 || version >> 4 != 4 {
        return Err(NotThis);
    }
    Ok(candidate.extent.read(at, length.into())?.to_vec())
}

struct Signature {
    keys: u32,
    authentications: u32,
    encrypted: bool,
}

impl Signature {
    fn summary(&self) -> String {
        let Self { keys, authentications, .. } = self;
        format!("HAB: {keys} keys installed, {authentications} areas signed, not verified")
    }
}

fn signature(candidate: &Candidate, at: u64) -> Option<Signature> {
    let bytes = tagged(candidate, at, TAG_COMMANDS).ok()?;
    let view = View(&bytes);
    let mut signature = Signature { keys: 0, authentications: 0, encrypted: false };
    let mut at = 4;
    while let Ok([tag, high, low, _]) = view.array(at) {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < 4 {
            break;
        }
        // Both commands tell their protocol in the second byte behind the header.
        let protocol = view.u8(at + 4).unwrap_or(0).max(view.u8(at + 5).unwrap_or(0));
        let of = |protocol| [view.u8(at + 4).ok(), view.u8(at + 5).ok()].contains(&Some(protocol));
        signature.keys += u32::from(tag == COMMAND_INSTALL_KEY);
        signature.authentications += u32::from(tag == COMMAND_AUTHENTICATE);
        let sealed = tag == COMMAND_INSTALL_KEY && of(PROTOCOL_BLOB)
            || tag == COMMAND_AUTHENTICATE && of(PROTOCOL_AEAD);
        signature.encrypted |= sealed && protocol != 0;
        at += length;
    }
    Some(signature)
}

fn as_offset(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check, locators},
            reference::{assert_survives_damage, run, sample},
        },
    };

    const BASE: u32 = 0x8780_0000;

    fn image(commands: &[u8]) -> Vec<u8> {
        let csf = if commands.is_empty() { 0 } else { BASE + 0x400 };
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(&[0xd1, 0, 0x20, 0x40]).u32(BASE + 0x200).u32(0).u32(BASE + 44);
        writer.u32(BASE + 32).u32(BASE).u32(csf).u32(0).u32(BASE).u32(0x600).u32(0);
        writer.bytes(&[0xd2, 0, 8, 0x40, 1, 2, 3, 4]).pad_to(0x200, 0).fill(b'c', 0x200);
        writer.bytes(commands).pad_to(0x600, 0x5a);
        writer.finish()
    }

    #[test]
    fn unsigned_signed_and_encrypted_images() {
        let tree = Tree::from_bytes(image(&[]), &Limits::default());
        assert_eq!(attribute(&tree, "imx-image", "signature").unwrap(), "none");
        assert_eq!(attribute(&tree, "imx-image", "device-configuration").unwrap(), "8 bytes");
        check(&image(&[])[..0x210], 52);

        let signed = [0xd4, 0, 28, 0x40, 0xbe, 0, 12, 0, 3, 0x17, 0, 0, 0, 0, 0, 0];
        let signed = [&signed[..], &[0xca, 0, 12, 0, 1, 0xc5, 0, 0, 0, 0, 0, 0]].concat();
        let tree = Tree::from_bytes(image(&signed), &Limits::default());
        let told = attribute(&tree, "imx-image", "signature").unwrap();
        assert_eq!(told, "HAB: 1 keys installed, 1 areas signed, not verified");
        let (code, _) = tree.resolve(&"image@0x0/imx-image:/code".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(code).unwrap(), vec![b'c'; 0x200]);

        let mut sealed = signed.clone();
        sealed[21] = 0xa3;
        let tree = Tree::from_bytes(image(&sealed), &Limits::default());
        let unread = &tree.coverage().regions_unread;
        assert!(unread.iter().any(|region| region.reason.starts_with("encrypted: AES")));
    }

    #[test]
    fn what_mkimage_writes_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (code, config, out) = (at("code"), at("config"), at("out"));
        fs::write(&code, sample(5000, 1)).unwrap();
        fs::write(&config, "IMAGE_VERSION 2\nBOOT_FROM sd\nDATA 4 0x020c4068 0x00C03F3F\n")
            .unwrap();
        let arguments = ["-n", &config, "-T", "imximage", "-e", "0x17800000"];
        if !run("mkimage", &[&arguments[..], &["-d", &code, &out]].concat()) {
            return;
        }
        let bytes = fs::read(&out).unwrap();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "imx-image", "entry-point").unwrap(), "0x17800000");
        let (node, _) = tree
            .resolve(&"image@0x0/imx-image:/code".parse().unwrap())
            .unwrap_or_else(|| panic!("{:?}", locators(&tree)));
        assert!(tree.bytes(node).unwrap().starts_with(&sample(5000, 1)));
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&bytes, 64, 499);
    }
}
