//! Firmware of DJI's drones (`xV4`), as `dji_xv4_fwcon.py` of dji-firmware-tools describes it: a
//! header, an entry for each module of the device, a checksum over both, the modules.
//!
//! The modules' digests are verified. Encrypted ones are told and left unread.

use crate::{
    Endian::Little,
    View,
    checksum::agrees,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, check},
    date::iso_8601,
    layout::{Layout, text_of},
};

pub(crate) static FORMAT: Format = Format {
    name: "dji-xv4",
    magics: &[Magic::start(&[0x78, 0x56, 0x34, 0x12])],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 64;
const ENTRY_BYTES: u64 = 52;
/// Modules of one device.
const MODULES_MAX: u64 = 256;
/// What versions are stored under, together with the time of the package.
const VERSION_MASK: u32 = 0x5127_a564;
/// What the checksum starts with.
const CHECKSUM_SEED: u16 = 0x3692;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let (table_end, count) = (u64::from(view.u16(6, Little)?), u64::from(view.u16(44, Little)?));
    let sized = table_end == HEADER_BYTES + count * ENTRY_BYTES + 2;
    if !sized || !(1..=MODULES_MAX).contains(&count) {
        return Err(NotThis);
    }
    let table = candidate.extent.read(0, table_end)?;
    let (covered, stored) = table.split_last_chunk::<2>().ok_or(NotThis)?;
    if !agrees(u16::from_le_bytes(*stored), checksum(covered)) {
        return Err(NotThis);
    }
    let entries = covered.get(64..).unwrap_or_default().chunks_exact(52);
    let modules = entries.map(|entry| Module::parse(View(entry)));
    let modules = modules.collect::<Result<Vec<Module>, NotThis>>()?;
    let length = modules.iter().map(|module| module.offset + module.length).max();
    let length = length.unwrap_or(0).max(table_end);
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    layout.consumed(0, table_end);
    let (mut faults, mut summary) = (Vec::new(), Vec::new());
    for module in &modules {
        let (name, place) = (&module.name, module.offset);
        let content = candidate.extent.clamp(place, module.length);
        let verdict = check(name, Algorithm::Md5, &module.digest, &content, module.length, place);
        summary.push(format!("{name} {}, md5 {}", module.version, verdict.word()));
        faults.extend(verdict.fault());
        if module.encryption == 0 {
            layout.part(name.as_str(), place, module.length);
        } else {
            let reason = format!("encrypted: AES, type {}", module.encryption);
            layout.unread_part(name.as_str(), place, module.length, reason);
        }
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    let time = view.u32(8, Little)?;
    let mut attributes = vec![
        ("manufacturer", text_of(view.text(12, 16)?)),
        ("model", text_of(view.text(28, 16)?)),
        ("created", iso_8601(time.into())),
        ("modules", summary.join("; ")),
    ];
    let version = view.u32(46, Little)?;
    if version != 0 {
        attributes.push(("version", dotted(version ^ time ^ VERSION_MASK)));
    }
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

struct Module {
    name: String,
    version: String,
    encryption: u8,
    offset: u64,
    length: u64,
    digest: Vec<u8>,
}

impl Module {
    fn parse(view: View<'_>) -> Result<Self, NotThis> {
        let (target, coding) = (view.u8(0)?, view.u8(1)?);
        Ok(Self {
            name: format!("m{:02}{:02}", target & 0x1f, target >> 5),
            version: dotted(view.u32(4, Little)?),
            encryption: coding >> 4,
            offset: view.u32(8, Little)?.into(),
            length: view.u32(12, Little)?.into(),
            digest: view.bytes(20, 16)?.to_vec(),
        })
    }
}

/// `01.02.0345`: two bytes and a number of 16 bits.
fn dotted(version: u32) -> String {
    let [major, minor, ..] = version.to_be_bytes();
    format!("{major:02}.{minor:02}.{:04}", version & 0xffff)
}

/// CRC-16 of X.25 without inversions and with a start of its own.
fn checksum(bytes: &[u8]) -> u16 {
    static CRC: crc::Crc<u16> = crc::Crc::<u16>::new(&crc::Algorithm {
        width: 16,
        poly: 0x1021,
        init: CHECKSUM_SEED.reverse_bits(),
        refin: true,
        refout: true,
        xorout: 0,
        check: 0,
        residue: 0,
    });
    CRC.checksum(bytes)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, checksum::md5};

    use super::checksum;
    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    fn package() -> Vec<u8> {
        const TIME: u32 = 0x5552_f4e0;
        let modules: [(u8, u8, &[u8]); 2] = [(0x09, 0, b"main controller"), (0xa3, 0x10, &[9; 99])];
        let table_end = 64 + 52 * 2 + 2;
        let mut writer = Writer::new(Endian::Little);
        writer.u32(0x1234_5678).u16(1).u16(table_end).u32(TIME);
        writer.field("DJI", 16).field("P3X", 16).u16(2);
        writer.u32(0x0102_0003 ^ TIME ^ 0x5127_a564).u32(0).fill(0, 10);
        let mut offset = u32::from(table_end);
        for (target, coding, data) in modules {
            let length = u32::try_from(data.len()).unwrap();
            writer.u8(target).u8(coding).u16(0).u32(0x0203_0004).u32(offset).u32(length);
            writer.u32(length).bytes(&md5(data)).bytes(&md5(data));
            offset += length;
        }
        let sum = checksum(writer.as_slice());
        writer.u16(sum).bytes(modules[0].2).bytes(modules[1].2);
        writer.finish()
    }

    #[test]
    fn modules_are_parts_and_encrypted_ones_are_named() {
        let tree = Tree::from_bytes(package(), &Limits::default());
        assert_eq!(attribute(&tree, "dji-xv4", "version").unwrap(), "01.02.0003");
        let (node, _) = tree.resolve(&"image@0x0/dji-xv4:/m0900".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), "main controller");
        let unread = &tree.coverage().regions_unread;
        assert!(unread.iter().any(|region| region.reason == "encrypted: AES, type 1"));
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        check(&package(), 170);
    }
}
