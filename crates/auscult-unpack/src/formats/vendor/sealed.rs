//! Updates that are encrypted as a whole, and only said to be: those of QNAP's devices (with the
//! trailer that QNAP's tools and OpenWrt's `pc1crypt` know), those of Buffalo's (as OpenWrt's
//! `buffalo-enc` writes them), and what `openssl enc` makes, which many makers use.
//!
//! Nothing is decrypted. The keys of the first two are in tools that anyone can have; they are the
//! makers' nevertheless.

use crate::{
    Endian::{Big, Little},
    Entry, Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::text_of;

pub(crate) static QNAP: Format = Format {
    name: "qnap",
    magics: &[Magic::start(&[0xf5, 0x7b, 0x47, 0x03])],
    carve: false,
    open: open_qnap,
};

pub(crate) static BUFFALO: Format = Format {
    name: "buffalo",
    magics: &[Magic::start(b"start\0"), Magic::start(b"asar1\0")],
    carve: true,
    open: open_buffalo,
};

pub(crate) static OPENSSL: Format = Format {
    name: "openssl-encrypted",
    magics: &[Magic::start(b"Salted__")],
    carve: false,
    open: open_openssl,
};

const QNAP_TRAILER_BYTES: u64 = 74;
const QNAP_TRAILER: &[u8] = b"icpnas";
const BUFFALO_NAME_BYTES: std::ops::RangeInclusive<u64> = 1..=64;
const BUFFALO_BODY_BYTES: std::ops::RangeInclusive<u64> = 16..=512 << 20;
/// The mark and the salt.
const SALTED_BYTES: u64 = 16;
/// Blocks of the shortest cipher that `openssl enc` offers.
const CIPHER_BLOCK_BYTES: u64 = 8;

/// All of it, unread for this reason.
fn sealed(extent: &Extent, offset: u64, length: u64, reason: &str) -> Vec<Entry> {
    let body = extent.clamp(offset, length);
    let bytes = body.len();
    let mut entry = Entry::payload(body).unreadable(bytes, format!("encrypted: {reason}"));
    entry.reading = crate::Reading::Leaf;
    vec![entry]
}

fn open_qnap(candidate: &Candidate) -> Result<Opened, NotThis> {
    let length = candidate.extent.len();
    let start = length.checked_sub(QNAP_TRAILER_BYTES).ok_or(NotThis)?;
    let trailer = candidate.extent.read(start, QNAP_TRAILER_BYTES)?;
    let view = View(&trailer);
    let encrypted = u64::from(view.u32(6, Little)?);
    if !trailer.starts_with(QNAP_TRAILER) || !(1..=start).contains(&encrypted) {
        return Err(NotThis);
    }
    let mut attributes = Vec::new();
    for (name, at) in [("device", 10), ("version", 26), ("built", 42), ("revision", 58)] {
        let text = text_of(view.text(at, 16)?);
        attributes.extend((!text.is_empty() && text.is_ascii()).then_some((name, text)));
    }
    // Only the first part is encrypted in large images; the rest goes on with the same archive.
    let entries = sealed(&candidate.extent, 0, start, "PC1, with a key of the maker's");
    Ok(Opened { length, attributes, entries, ..Opened::default() })
}

fn open_buffalo(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    // Magic and seed; then product, version and body, each behind its length.
    let mut at = 7;
    let mut next = |lengths: &std::ops::RangeInclusive<u64>| -> Result<(u64, u64), NotThis> {
        let length = u64::from(View(&extent.read(at, 4)?).u32(0, Big)?);
        let start = at + 4;
        at = start + length;
        if lengths.contains(&length) { Ok((start, length)) } else { Err(NotThis) }
    };
    next(&BUFFALO_NAME_BYTES)?;
    next(&BUFFALO_NAME_BYTES)?;
    let (start, size) = next(&BUFFALO_BODY_BYTES)?;
    // A checksum follows.
    let length = start + size + 4;
    let entries = sealed(extent, start, size, "Buffalo's own cipher, with a key of the maker's");
    Ok(Opened { length, entries, ..Opened::default() })
}

fn open_openssl(candidate: &Candidate) -> Result<Opened, NotThis> {
    let length = candidate.extent.len();
    let body = length.checked_sub(SALTED_BYTES).filter(|&body| body > 0).ok_or(NotThis)?;
    let salt = candidate.extent.read(8, 8)?;
    let mut attributes = vec![("salt", crate::digest::hex(&salt))];
    let blocks = if body.is_multiple_of(CIPHER_BLOCK_BYTES) { "whole" } else { "broken" };
    attributes.push(("blocks", blocks.to_owned()));
    let entries = sealed(&candidate.extent, SALTED_BYTES, body, "openssl enc, with a password");
    Ok(Opened { length, attributes, entries, ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, noise},
            reference::{assert_survives_damage, run},
        },
    };

    /// Everything but the header is unread.
    fn assert_sealed(bytes: &[u8], header_bytes: usize) -> Tree {
        let tree = Tree::from_bytes(bytes.to_vec(), &Limits::default());
        let sealed = u64::try_from(bytes.len() - header_bytes).unwrap();
        assert_eq!(tree.coverage().bytes_unread, sealed);
        assert_survives_damage(bytes, 64, 61);
        tree
    }

    #[test]
    fn qnap_is_known_by_its_trailer() {
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(&[0xf5, 0x7b, 0x47, 0x03]).bytes(&noise(500)).bytes(b"icpnas").u32(504);
        writer.field("TS-X09", 16).field("4.3.6", 16).field("20230901", 16).field("0", 16);
        let tree = assert_sealed(writer.as_slice(), 74);
        assert_eq!(attribute(&tree, "qnap", "version").unwrap(), "4.3.6");
    }

    #[test]
    fn buffalo_is_known_by_its_lengths() {
        let mut writer = Writer::new(Endian::Big);
        writer.bytes(b"start\0\x4f").u32(9).bytes(&noise(9)).u32(5).bytes(&noise(5));
        writer.u32(600).bytes(&noise(600)).u32(0);
        assert_sealed(writer.as_slice(), 7 + 13 + 9 + 8);
    }

    #[test]
    fn openssl_is_known_by_its_salt() {
        let directory = tempfile::tempdir().unwrap();
        let [plain, secret] = ["plain", "secret"]
            .map(|name| directory.path().join(name).to_str().unwrap().to_owned());
        fs::write(&plain, noise(1000)).unwrap();
        let arguments =
            ["enc", "-aes-256-cbc", "-pbkdf2", "-k", "password", "-in", &plain, "-out", &secret];
        if !run("openssl", &arguments) {
            return;
        }
        let tree = assert_sealed(&fs::read(&secret).unwrap(), 16);
        assert_eq!(attribute(&tree, "openssl-encrypted", "blocks").unwrap(), "whole");
    }
}
