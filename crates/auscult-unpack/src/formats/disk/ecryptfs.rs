//! Files encrypted by eCryptfs (kernel `fs/ecryptfs/crypto.c`): the size in clear, a marker of two
//! words that belong together, flags, and how the key of the file is encrypted.

use crate::{
    Endian::Big,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format = Format {
    name: "ecryptfs",
    // Version 3, encrypted, with or without a checksum and encrypted names.
    magics: &[
        Magic::at(16, &[3, 0, 0, 0x02]),
        Magic::at(16, &[3, 0, 0, 0x03]),
        Magic::at(16, &[3, 0, 0, 0x0a]),
        Magic::at(16, &[3, 0, 0, 0x0b]),
    ],
    carve: false,
    open,
};

/// `MAGIC_ECRYPTFS_MARKER`: the second word of the marker is the first one changed by this.
const MARKER: u32 = 0x3c81_b7f5;
/// A packet with a key that is encrypted by a password (`ECRYPTFS_TAG_3_PACKET_TYPE`).
const PACKET_PASSWORD: u8 = 0x8c;
const PACKETS: usize = 26;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 64)?;
    let view = View(&head);
    let (size, first, second) = (view.u64(0, Big)?, view.u32(8, Big)?, view.u32(12, Big)?);
    let (extent_bytes, extents) = (view.u32(20, Big)?, view.u16(24, Big)?);
    let fits = first ^ MARKER == second
        && size < 1 << 50
        && extent_bytes.is_power_of_two()
        && (1..=64).contains(&extents);
    if !fits {
        return Err(NotThis);
    }
    let mut attributes = vec![
        ("size", size.to_string()),
        ("header-size", (u64::from(extent_bytes) * u64::from(extents)).to_string()),
    ];
    attributes.extend(cipher(view).map(|cipher| ("cipher", cipher.to_owned())));
    Ok(Opened {
        length: candidate.extent.len(),
        attributes,
        unread: Some("encrypted with eCryptfs".to_owned()),
        ..Opened::default()
    })
}

/// The cipher of the first packet (RFC 4880, section 9.2). Lengths from 192 on take two bytes.
fn cipher(view: View<'_>) -> Option<&'static str> {
    if view.u8(PACKETS).ok()? != PACKET_PASSWORD {
        return None;
    }
    let length_bytes = if view.u8(PACKETS + 1).ok()? < 192 { 1 } else { 2 };
    Some(match view.u8(PACKETS + 1 + length_bytes + 1).ok()? {
        2 => "des3_ede",
        3 => "cast5",
        4 => "blowfish",
        7 => "aes-128",
        8 => "aes-192",
        9 => "aes-256",
        10 => "twofish",
        12 => "cast6",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, noise},
    };

    #[test]
    fn the_marker_must_fit() {
        let mut head = Writer::new(Endian::Big);
        head.u64(1000).u32(0x1234_5678).u32(0x1234_5678 ^ 0x3c81_b7f5).u32(0x0300_000a);
        head.u32(4096).u16(2).u8(0x8c).u8(0x1d).u8(4).u8(7).fill(1, 40).bytes(&noise(4096));
        let image = head.finish();
        let tree = Tree::from_bytes(image.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "ecryptfs", "cipher").unwrap(), "aes-128");
        assert_eq!(tree.coverage().bytes_unread, image.len() as u64);
        let mut other = image.clone();
        other[8] ^= 1;
        let tree = Tree::from_bytes(other, &Limits::default());
        assert!(tree.nodes().all(|(_, node)| node.format() != Some("ecryptfs")));
        check(&image[..70], 64);
    }
}
