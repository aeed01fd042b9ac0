//! BitLocker (libbde, "BitLocker Drive Encryption (BDE) format specification"): the boot sector and
//! the first of three copies of the metadata, which tell how the volume is encrypted and what
//! opens it. The volume itself counts as unread.

use crate::{
    Endian::Little,
    Extent, Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{date::iso_8601, guid::guid},
};

const SIGNATURE: &[u8] = b"-FVE-FS-";
/// What marks a volume of BitLocker To Go, whose boot sector looks like FAT.
const TO_GO: &[u8] = &[
    0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01,
];

pub(crate) static FORMAT: Format = Format {
    name: "bitlocker",
    magics: &[Magic::at(3, SIGNATURE), Magic::at(424, TO_GO)],
    carve: true,
    open,
};

/// Places of the metadata's places in the boot sector, of both kinds.
const PLACES: usize = 176;
const PLACES_TO_GO: usize = 440;
/// Bytes of metadata that are read.
const METADATA_BYTES: u64 = 64 << 10;
const BLOCK_HEADER_BYTES: usize = 64;
const HEADER_BYTES: usize = 48;
/// Kinds of entries: a key of the volume, its description.
const ENTRY_KEY: u16 = 2;
const ENTRY_DESCRIPTION: u16 = 7;
/// 1601 to 1970, in seconds, and how many units of FILETIME a second has.
const EPOCH: i64 = 11_644_473_600;
const UNITS: u64 = 10_000_000;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let image = &candidate.extent;
    let boot = image.read(0, 512)?;
    let view = View(&boot);
    let to_go = view.bytes(424, 16)? == TO_GO;
    if view.u16(510, Little)? != 0xaa55 || (!to_go && view.bytes(3, 8)? != SIGNATURE) {
        return Err(NotThis);
    }
    let sector_bytes = u64::from(view.u16(11, Little)?);
    if !matches!(sector_bytes, 512 | 1024 | 2048 | 4096) {
        return Err(NotThis);
    }
    let first = if to_go { PLACES_TO_GO } else { PLACES };
    let mut attributes = vec![("kind", if to_go { "To Go" } else { "fixed drive" }.to_owned())];
    let mut faults = Vec::new();
    let mut sizes = 0;
    let found = (0..3).find_map(|index| {
        let place = view.u64(first + index * 8, Little).ok()?;
        metadata(image, place).ok().flatten()
    });
    match found {
        Some((told, bytes)) => {
            attributes.extend(told);
            sizes = bytes;
        }
        None => faults.push(Fault::new(0, "read the metadata", "no copy is whole")),
    }
    // The metadata tells the size; without it, a partition is the volume as a whole.
    let length = if sizes > 0 { sizes } else { image.len() };
    Ok(Opened {
        length: length.max(512),
        attributes,
        faults,
        unread: Some("encrypted (BitLocker)".to_owned()),
        ..Opened::default()
    })
}

type Told = Vec<(&'static str, String)>;

/// What a copy of the metadata tells, and the size of the volume.
fn metadata(image: &Extent, place: u64) -> Result<Option<(Told, u64)>, Fault> {
    let bytes = image.read_up_to(place, METADATA_BYTES)?;
    let view = View(&bytes);
    if view.bytes(0, 8)? != SIGNATURE {
        return Ok(None);
    }
    let size = view.u64(16, Little)?;
    let at = BLOCK_HEADER_BYTES;
    let length = usize::try_from(view.u32(at, Little)?).unwrap_or(usize::MAX);
    if view.u32(at + 4, Little)? != 1 || !(HEADER_BYTES..=bytes.len()).contains(&length) {
        return Ok(None);
    }
    let mut told = vec![
        ("uuid", guid(&view.array(at + 16)?)),
        ("cipher", cipher(view.u16(at + 36, Little)?)),
        ("created", time(view.u64(at + 40, Little)?)),
    ];
    let (mut entry, mut protectors) = (at + HEADER_BYTES, Vec::new());
    while entry + 8 <= at + length {
        let entry_bytes = usize::from(view.u16(entry, Little)?);
        if entry_bytes < 8 {
            break;
        }
        match view.u16(entry + 2, Little)? {
            ENTRY_KEY => protectors.push(protector(view.u16(entry + 34, Little)?)),
            ENTRY_DESCRIPTION => {
                let (pairs, _) = view.bytes(entry + 8, entry_bytes - 8)?.as_chunks::<2>();
                let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
                let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
                told.push(("description", String::from_utf16_lossy(&units)));
            }
            _ => {}
        }
        entry += entry_bytes;
    }
    told.push(("protectors", protectors.join(", ")));
    Ok(Some((told, if size < 1 << 60 { size } else { 0 })))
}

fn time(units: u64) -> String {
    iso_8601(i64::try_from(units / UNITS).unwrap_or(0) - EPOCH)
}

fn cipher(method: u16) -> String {
    let known = match method {
        0x8000 => "aes-cbc-128 with diffuser",
        0x8001 => "aes-cbc-256 with diffuser",
        0x8002 => "aes-cbc-128",
        0x8003 => "aes-cbc-256",
        0x8004 => "aes-xts-128",
        0x8005 => "aes-xts-256",
        other => return format!("method {other:#06x}"),
    };
    known.to_owned()
}

/// What a key of the volume is protected by.
fn protector(kind: u16) -> String {
    let known = match kind {
        0x0000 => "clear key",
        0x0100 => "TPM",
        0x0200 => "startup key",
        0x0500 => "TPM and PIN",
        0x0800 => "recovery password",
        0x2000 => "password",
        other => return format!("kind {other:#06x}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, noise},
    };

    fn volume() -> Vec<u8> {
        let mut image = Writer::new(Endian::Little);
        image.bytes(&[0xeb, 0x58, 0x90]).bytes(b"-FVE-FS-").u16(512).fill(0, 147).fill(5, 16);
        image.u64(4096).u64(65_536).u64(131_072).fill(0, 310).u16(0xaa55).fill(0, 3584);
        let mut entries = Writer::new(Endian::Little);
        for kind in [0x0100_u16, 0x0800] {
            entries.u16(36).u16(2).u16(8).u16(1).fill(1, 16).u64(0).u16(0).u16(kind);
        }
        entries.u16(14).u16(7).u16(2).u16(1).u16(u16::from(b'C')).u16(u16::from(b':')).u16(0);
        let length = u32::try_from(48 + entries.len()).unwrap();
        image.bytes(b"-FVE-FS-").u16(64).u16(2).u16(4).u16(4).u64(16_384).fill(0, 40);
        image.u32(length).u32(1).u32(48).u32(length).fill(6, 16).u32(1).u16(0x8004).u16(0);
        image.u64(131_444_736_000_000_000).bytes(entries.as_slice());
        image.fill(0, 8192 - image.len()).bytes(&noise(8192));
        image.finish()
    }

    #[test]
    fn the_metadata_is_told_and_the_volume_unread() {
        let tree = Tree::from_bytes(volume(), &Limits::default());
        let of = |key: &str| attribute(&tree, "bitlocker", key).unwrap();
        assert_eq!(of("cipher"), "aes-xts-128");
        assert_eq!(of("protectors"), "TPM, recovery password");
        assert_eq!(
            (of("description"), of("created")),
            ("C:".to_owned(), "2017-07-14T02:40:00Z".to_owned())
        );
        assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 16_384));
    }

    #[test]
    fn hostile_variants_do_no_harm() {
        let image = volume();
        check(&image[..600], 520);
        for position in 4096..4300 {
            let mut flipped = image.clone();
            flipped[position] ^= 0x81;
            drop(Tree::from_bytes(flipped, &Limits::default()));
        }
    }
}
