//! Signatures behind images (ESP-IDF's documentation, "Secure Boot V2": signature blocks of
//! `esp_secure_boot.h`; and "Secure Boot V1": a signature of 68 bytes).
//!
//! Blocks of the second version bring their key: digest and signature are verified with it. Which key
//! the chip trusts is burnt into it and not known here.

use super::SECTOR_BYTES;
use crate::{
    Endian::Little,
    Extent, Fault, View,
    checksum::{Crc32, agrees},
    digest,
    signature::{Padding, RsaKey, ecdsa_p256},
};

const BLOCK_MAGIC: u8 = 0xe7;
const BLOCK_BYTES: u64 = 1216;
const BLOCKS_MAX: u64 = 3;
/// What the checksum of a block covers.
const COVERED_BYTES: usize = 1196;
const RSA_BYTES: usize = 384;
const FIRST_VERSION_BYTES: u64 = 68;

/// A signature and where it ends.
pub(super) struct Signed {
    pub(super) told: String,
    pub(super) end: u64,
}

/// The signature behind an image that ends at `end`.
pub(super) fn signature(extent: &Extent, end: u64, faults: &mut Vec<Fault>) -> Option<Signed> {
    second_version(extent, end, faults).or_else(|| first_version(extent, end))
}

/// Up to three blocks in a sector of their own.
fn second_version(extent: &Extent, end: u64, faults: &mut Vec<Fault>) -> Option<Signed> {
    let sector = end.next_multiple_of(SECTOR_BYTES);
    let mut told = Vec::new();
    let mut computed = None;
    for number in 0..BLOCKS_MAX {
        let place = sector + number * BLOCK_BYTES;
        let Ok(block) = extent.read(place, BLOCK_BYTES) else { break };
        let view = View(&block);
        let sound = view.u8(0).ok()? == BLOCK_MAGIC
            && agrees(
                view.u32(COVERED_BYTES, Little).ok()?,
                Crc32::of(view.bytes(0, COVERED_BYTES).ok()?),
            );
        if !sound {
            break;
        }
        if computed.is_none() {
            computed = digest::sha256_of(&extent.clamp(0, sector)).ok();
        }
        let stored = view.bytes(4, 32).ok()?;
        let digest = computed.as_deref().unwrap_or_default();
        let (name, verified) = verify(view, digest)?;
        let state = match verified {
            _ if stored != digest => "the digest is wrong",
            Some(true) => "verified with the key inside",
            Some(false) => "wrong",
            None => "not verified: the kind of key is not known",
        };
        if stored != digest || verified == Some(false) {
            faults.push(Fault::new(place, "check the signature of the image", state));
        }
        told.push(format!("secure boot 2, {name}, {state}"));
    }
    (!told.is_empty()).then(|| Signed { told: told.join("; "), end: sector + SECTOR_BYTES })
}

/// The kind of a block's key, and whether the signature of this digest is made with it. Numbers are
/// stored with their least significant byte first.
fn verify(view: View<'_>, digest: &[u8]) -> Option<(&'static str, Option<bool>)> {
    let reversed = |at, length| Some(view.bytes(at, length).ok()?.iter().rev().copied().collect());
    match view.u8(1).ok()? {
        2 => {
            let modulus: Vec<u8> = reversed(36, RSA_BYTES)?;
            let exponent = u64::from(view.u32(36 + RSA_BYTES, Little).ok()?);
            let signature: Vec<u8> = reversed(36 + 2 * RSA_BYTES + 8, RSA_BYTES)?;
            let key = RsaKey::new(&modulus, exponent)?;
            Some(("RSA-3072 PSS", Some(key.verifies(Padding::Pss, "sha256", digest, &signature))))
        }
        3 => {
            let half = |at| -> Option<Vec<u8>> { reversed(at, 32) };
            // Identifier 2 is P-256; shorter keys are those of P-192.
            if view.u8(36).ok()? != 2 {
                return Some(("ECDSA P-192", None));
            }
            let point = <[u8; 64]>::try_from([half(37)?, half(69)?].concat()).ok()?;
            let signature = [half(101)?, half(133)?].concat();
            Some(("ECDSA P-256", ecdsa_p256(&point, digest, &signature)))
        }
        _ => None,
    }
}

/// A version number of zero and two numbers of 32 bytes, at the end of a block of 64 KiB or of the file.
fn first_version(extent: &Extent, end: u64) -> Option<Signed> {
    let after = end + FIRST_VERSION_BYTES;
    if !after.is_multiple_of(64 << 10) && after != extent.len() {
        return None;
    }
    let bytes = extent.read(end, FIRST_VERSION_BYTES).ok()?;
    let (version, signature) = bytes.split_first_chunk::<4>()?;
    let filled = signature.iter().filter(|&&byte| byte != 0 && byte != 0xff).count() > 32;
    let told = "secure boot 1, ECDSA P-256, not verified: the key is not here".to_owned();
    (*version == [0; 4] && filled).then_some(Signed { told, end: after })
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command, sync::Arc};

    use auscult_model::Limits;
    use auscult_testkit::checksum::crc32;
    use sha2::{Digest as _, Sha256};

    use super::signature;
    use crate::{Extent, Vault, formats::testing::reference::run};

    fn check(bytes: Vec<u8>, end: u64) -> (Option<String>, usize) {
        let vault = Arc::new(Vault::new(Limits::default()));
        let mut faults = Vec::new();
        let told = signature(&Extent::from_memory(&vault, bytes), end, &mut faults);
        (told.map(|signed| signed.told), faults.len())
    }

    #[test]
    fn a_block_of_the_second_version_is_verified() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (key, message, signed) = (path("key"), path("message"), path("signed"));
        if !run("openssl", &["genrsa", "-out", &key, "3072"]) {
            return;
        }
        let mut image = vec![7; 100];
        image.resize(4096, 0xff);
        fs::write(&message, &image).unwrap();
        let mut sign = vec!["dgst", "-sha256", "-sign", &key, "-sigopt", "rsa_padding_mode:pss"];
        sign.extend(["-sigopt", "rsa_pss_saltlen:32", "-out", &signed, &message]);
        assert!(run("openssl", &sign));
        let modulus = Command::new("openssl")
            .args(["rsa", "-in", &key, "-noout", "-modulus"])
            .output()
            .unwrap()
            .stdout;
        let digits = &modulus[b"Modulus=".len()..][..768];
        let mut modulus: Vec<u8> = digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        modulus.reverse();
        let mut signature = fs::read(&signed).unwrap();
        signature.reverse();
        let mut block = vec![0xe7, 2, 0, 0];
        block.extend(Sha256::digest(&image));
        block.extend(modulus);
        block.extend(65_537_u32.to_le_bytes());
        block.extend([0; 388]);
        block.extend(signature);
        block.extend(crc32(&block).to_le_bytes());
        block.resize(4096, 0xff);
        let bytes = [image, block].concat();
        let wanted = "secure boot 2, RSA-3072 PSS, verified with the key inside";
        assert_eq!(check(bytes.clone(), 100), (Some(wanted.to_owned()), 0));
        let mut damaged = bytes;
        damaged[50] ^= 1;
        let (told, faults) = check(damaged, 100);
        assert_eq!((told.unwrap().ends_with("the digest is wrong"), faults), (true, 1));
    }

    #[test]
    fn a_signature_of_the_first_version_is_told() {
        let mut bytes = vec![1; 100];
        bytes.extend([0; 4]);
        bytes.extend([0x5a; 64]);
        let (told, _) = check(bytes.clone(), 100);
        assert!(told.unwrap().starts_with("secure boot 1"));
        bytes.extend(b"more");
        assert_eq!(check(bytes, 100), (None, 0));
    }
}
