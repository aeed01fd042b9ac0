//! Packages for the boot loaders of Nordic's nRF5 SDK, as `nrfutil` writes them: a ZIP archive with
//! `manifest.json` that pairs each image with an init packet, a message of `dfu-cc.proto` or, before
//! SDK 12, a structure of fixed fields.
//!
//! The digest of the image is verified. The signature of the packet is told; its key lies in the device.

use serde_json::Value;

use super::{Bundle, DESCRIPTION_BYTES_MAX, member};
use crate::{
    Endian::Little, Extent, Fault, View, digest, format::Opened,
    formats::support::protobuf::Message,
};

pub(super) static BUNDLE: Bundle = Bundle { key: b"manifest.json", annotate };

/// Init packets are small.
const PACKET_BYTES_MAX: u64 = 64 << 10;
const IMAGE_BYTES_MAX: u64 = 64 << 20;
const KINDS: &[&str] =
    &["application", "softdevice", "bootloader", "softdevice_bootloader", "external application"];
const SIGNATURES: &[&str] = &["ECDSA P-256 with SHA-256", "Ed25519"];
const DIGESTS: &[&str] = &["none", "crc", "sha128", "sha256", "sha512"];

fn annotate(opened: &mut Opened, manifest: &Extent) {
    let text = manifest.read_up_to(0, DESCRIPTION_BYTES_MAX).unwrap_or_default();
    let manifest: Option<Value> = serde_json::from_slice(&text).ok();
    let images = manifest.as_ref().and_then(|manifest| manifest.get("manifest")?.as_object());
    let Some(images) = images else { return };
    let mut told = Vec::new();
    for (kind, image) in images.iter().take(16) {
        let named = |key| image.get(key).and_then(Value::as_str);
        let (Some(binary), Some(packet)) = (named("bin_file"), named("dat_file")) else { continue };
        let content = |name: &str| member(opened, name.as_bytes())?.content.clone();
        let bytes = content(binary).and_then(|content| content.read_up_to(0, IMAGE_BYTES_MAX).ok());
        let packet =
            content(packet).and_then(|content| content.read_up_to(0, PACKET_BYTES_MAX).ok());
        let mut words = vec![binary.to_owned()];
        match (&bytes, &packet) {
            (Some(bytes), Some(packet)) => {
                words.extend(
                    message(packet, bytes, &mut opened.faults)
                        .or_else(|| fields(packet, bytes, &mut opened.faults))
                        .unwrap_or_else(|| vec!["init packet of no known kind".to_owned()]),
                );
            }
            _ => words.push("not there".to_owned()),
        }
        told.push(format!("{kind} ({})", words.join(", ")));
    }
    if !told.is_empty() {
        opened.attributes.push(("bundle", "nordic-dfu".to_owned()));
        opened.attributes.push(("images", told.join("; ")));
    }
}

fn wrong(what: &str, faults: &mut Vec<Fault>) -> String {
    let what = format!("check the {what} of an image");
    faults.push(Fault::new(0, what, "it is not that of the init packet"));
    "wrong".to_owned()
}

/// An init packet of `dfu-cc.proto`: a command, or a signed one.
fn message(packet: &[u8], image: &[u8], faults: &mut Vec<Fault>) -> Option<Vec<String>> {
    let packet = Message::new(packet).whole().ok()?;
    let signed = packet.bytes(2).map(Message::new);
    let command = signed.as_ref().map_or(packet.bytes(1), |signed| signed.bytes(1))?;
    let init = Message::new(Message::new(command).whole().ok()?.bytes(2)?).whole().ok()?;
    let mut words = Vec::new();
    let name = |names: &[&str], number: u64| {
        let known = usize::try_from(number).ok().and_then(|number| names.get(number).copied());
        known.map_or_else(|| number.to_string(), ToOwned::to_owned)
    };
    words.extend(init.number(4).map(|kind| format!("type {}", name(KINDS, kind))));
    for (field, key) in [(1, "version"), (2, "hardware-version")] {
        words.extend(init.number(field).map(|value| format!("{key} {value}")));
    }
    let devices: Vec<String> = init.numbers(3).iter().map(|id| format!("{id:#x}")).collect();
    if !devices.is_empty() {
        words.push(format!("softdevice {}", devices.join(" ")));
    }
    if init.number(9) == Some(1) {
        words.push("debug".to_owned());
    }
    if let Some(hash) = init.bytes(8).map(Message::new) {
        let algorithm = name(DIGESTS, hash.number(1).unwrap_or(0));
        let stored = hash.bytes(2).unwrap_or_default();
        let state = match digest::of(&algorithm, image) {
            // It is stored with its last byte first.
            Some(computed) if computed.iter().rev().eq(stored) || computed == stored => {
                "verified".to_owned()
            }
            Some(_) => wrong(&algorithm, faults),
            None => "not verified".to_owned(),
        };
        words.push(format!("{algorithm} {state}"));
    }
    words.push(match signed {
        Some(signed) => {
            let kind = name(SIGNATURES, signed.number(2).unwrap_or(0));
            format!("signed by {kind}, not verified: the key is not here")
        }
        None => "not signed".to_owned(),
    });
    Some(words)
}

/// An init packet of SDK 7 to 11: device, revision, version, the SoftDevices that fit, a checksum.
fn fields(packet: &[u8], image: &[u8], faults: &mut Vec<Fault>) -> Option<Vec<String>> {
    let view = View(packet);
    let half = |at| view.u16(at, Little).ok();
    let count = usize::from(half(8)?);
    let tail = 10 + 2 * count;
    if count > 64 || packet.len() < tail + 2 {
        return None;
    }
    let mut words = vec![
        format!("device {:#06x}", half(0)?),
        format!("revision {:#06x}", half(2)?),
        format!("version {:#010x}", view.u32(4, Little).ok()?),
    ];
    let devices = (0..count).filter_map(|index| half(10 + 2 * index));
    words.push(format!(
        "softdevice {}",
        devices.map(|id| format!("{id:#x}")).collect::<Vec<_>>().join(" ")
    ));
    if packet.len() == tail + 2 {
        let computed = crc::Crc::<u16>::new(&crc::CRC_16_IBM_3740).checksum(image);
        let holds = half(tail)? == computed;
        let state = if holds { "verified".to_owned() } else { wrong("crc16", faults) };
        words.push(format!("crc16 {state}"));
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::zip::{ZipMember, ZipMethod, zip};
    use sha2::{Digest as _, Sha256};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    const MANIFEST: &str = r#"{"manifest": {"application": {"bin_file": "app.bin",
        "dat_file": "app.dat"}}}"#;

    fn package(packet: &[u8], image: &[u8]) -> Vec<u8> {
        let file = |name, data: &[u8]| ZipMember::file(name, ZipMethod::Deflate, data);
        zip(&[
            file("manifest.json", MANIFEST.as_bytes()),
            file("app.bin", image),
            file("app.dat", packet),
        ])
    }

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len() & 0x7f).unwrap();
        let more = u8::try_from(bytes.len() >> 7).unwrap();
        let length = if more == 0 { vec![length] } else { vec![length | 0x80, more] };
        [&[number << 3 | 2], &length[..], bytes].concat()
    }

    /// A signed packet for `image`.
    fn packet(image: &[u8]) -> Vec<u8> {
        let mut sha256 = Sha256::digest(image).to_vec();
        sha256.reverse();
        let hash = [&[8, 3][..], &field(2, &sha256)].concat();
        let mut init = vec![8, 7, 0x10, 52, 0x1a, 2, 0x81, 0x02, 0x20, 0];
        init.extend(field(8, &hash));
        let command = [&[8, 1][..], &field(2, &init)].concat();
        let signed = [field(1, &command), vec![0x10, 0], field(3, &[5; 64])].concat();
        field(2, &signed)
    }

    #[test]
    fn a_signed_packet_and_its_image() {
        let bytes = package(&packet(b"application"), b"application");
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(
            attribute(&tree, "zip", "images").unwrap(),
            "application (app.bin, type application, version 7, hardware-version 52, softdevice \
             0x101, sha256 verified, signed by ECDSA P-256 with SHA-256, not verified: the key is \
             not here)"
        );
        let tree =
            Tree::from_bytes(package(&packet(b"another"), b"application"), &Limits::default());
        assert!(tree.problems()[0].what.contains("sha256"));
        check(&bytes, 60);
    }

    #[test]
    fn a_packet_of_fixed_fields() {
        let mut packet = vec![0x52, 0, 3, 0, 1, 0, 0, 0, 1, 0, 0x64, 0];
        let crc = crc::Crc::<u16>::new(&crc::CRC_16_IBM_3740).checksum(b"123456789");
        assert_eq!(crc, 0x29b1); // the check value of the catalogue
        packet.extend(crc.to_le_bytes());
        let tree = Tree::from_bytes(package(&packet, b"123456789"), &Limits::default());
        let told = attribute(&tree, "zip", "images").unwrap();
        assert!(told.contains("device 0x0052, revision 0x0003, version 0x00000001"), "{told}");
        assert!(told.contains("softdevice 0x64, crc16 verified"), "{told}");
    }
}
