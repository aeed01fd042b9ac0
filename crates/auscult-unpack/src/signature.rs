//! Signatures checked against a public key that the image itself brings: RSA (RFC 8017) with both
//! paddings, and ECDSA over P-256 (FIPS 186-5).
//!
//! A signature that holds proves that the holder of that key made the image, not who that is.

use crypto_bigint::{
    BoxedUint, Odd,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use p256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier as _};

use crate::digest;

/// Sizes of moduli in bytes: 1024 to 8192 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 128..=1024;

/// How a digest is padded before it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    /// EMSA-PKCS1-v1_5 (section 9.2).
    Pkcs1,
    /// EMSA-PSS (section 9.1) with a salt of any length.
    Pss,
}

/// An RSA public key.
pub(crate) struct RsaKey {
    modulus: Odd<BoxedUint>,
    modulus_bytes: usize,
    exponent: u64,
}

impl RsaKey {
    /// The key of this modulus, most significant byte first; none where it cannot be one.
    pub(crate) fn new(modulus: &[u8], exponent: u64) -> Option<Self> {
        let zeros = modulus.iter().take_while(|&&byte| byte == 0).count();
        let digits = modulus.get(zeros..).filter(|rest| MODULUS_BYTES.contains(&rest.len()))?;
        let modulus = Odd::new(BoxedUint::from_be_slice_vartime(digits)).into_option()?;
        (exponent > 1).then_some(Self { modulus, modulus_bytes: digits.len(), exponent })
    }

    /// Size of the modulus in bits, as keys are named after it.
    pub(crate) fn bits(&self) -> usize {
        self.modulus_bytes * 8
    }

    /// Whether this is the signature of a message with this digest.
    pub(crate) fn verifies(
        &self,
        padding: Padding,
        algorithm: &str,
        digest: &[u8],
        signature: &[u8],
    ) -> bool {
        let Some(message) = self.recover(signature) else { return false };
        match padding {
            Padding::Pkcs1 => pkcs1(algorithm, digest, message.len()) == Some(message),
            Padding::Pss => {
                let top = self.modulus.as_ref().bit_width() % 8;
                is_pss(algorithm, digest, &message, top).unwrap_or(false)
            }
        }
    }

    /// What was signed: the signature to the power of the exponent (section 5.2.2).
    fn recover(&self, signature: &[u8]) -> Option<Vec<u8>> {
        if signature.len() != self.modulus_bytes {
            return None;
        }
        let precision = self.modulus.as_ref().bits_precision();
        let signature = BoxedUint::from_be_slice(signature, precision).ok()?;
        if signature >= *self.modulus.as_ref() {
            return None;
        }
        let parameters = BoxedMontyParams::new_vartime(self.modulus.clone());
        let exponent = BoxedUint::from(self.exponent);
        let width = u64::BITS - self.exponent.leading_zeros();
        let power = BoxedMontyForm::new(signature, &parameters).pow_bounded_exp(&exponent, width);
        let bytes = power.retrieve().to_be_bytes();
        bytes.get(bytes.len().checked_sub(self.modulus_bytes)?..).map(<[u8]>::to_vec)
    }
}

/// The padded digest: 00 01 ff … 00, the name of the algorithm and the digest in DER.
fn pkcs1(algorithm: &str, digest: &[u8], length: usize) -> Option<Vec<u8>> {
    // The object identifiers with their tag and length (section 9.2, note 1).
    let identifier: &[u8] = match algorithm {
        "md5" => &[6, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5],
        "sha1" => &[6, 5, 0x2b, 0x0e, 3, 2, 0x1a],
        "sha256" => &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1],
        "sha384" => &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2],
        "sha512" => &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3],
        _ => return None,
    };
    let tagged = |tag: u8, parts: &[&[u8]]| {
        let content = parts.concat();
        let length = u8::try_from(content.len()).ok().filter(|length| *length < 0x80)?;
        Some([&[tag, length], content.as_slice()].concat())
    };
    let name = tagged(0x30, &[identifier, &[5, 0]])?;
    let info = tagged(0x30, &[&name, &tagged(4, &[digest])?])?;
    let filling = length.checked_sub(info.len() + 3).filter(|filling| *filling >= 8)?;
    Some([&[0, 1], vec![0xff; filling].as_slice(), &[0], &info].concat())
}

/// EMSA-PSS-VERIFY (section 9.1.2) for a modulus whose first byte has `top` bits, 0 meaning 8.
fn is_pss(algorithm: &str, digest: &[u8], message: &[u8], top: u32) -> Option<bool> {
    // A modulus of 8n + 1 bits leaves the first byte empty.
    let message = if top == 1 { message.split_first()?.1 } else { message };
    let mask = if top == 0 { 0x7f } else { (1_u16.checked_shl(top - 1)? - 1).to_le_bytes()[0] };
    let mask = if top == 1 { 0xff } else { mask };
    let (&0xbc, rest) = message.split_last()? else { return Some(false) };
    let (masked, hash) = rest.split_at_checked(rest.len().checked_sub(digest.len())?)?;
    if masked.first()? & !mask != 0 {
        return Some(false);
    }
    let mut block: Vec<u8> = masked
        .iter()
        .zip(generate(algorithm, hash, masked.len())?)
        .map(|(masked, mask)| masked ^ mask)
        .collect();
    *block.first_mut()? &= mask;
    let zeros = block.iter().take_while(|&&byte| byte == 0).count();
    if block.get(zeros) != Some(&1) {
        return Some(false);
    }
    let salt = block.get(zeros + 1..)?;
    Some(digest::of(algorithm, &[&[0; 8], digest, salt].concat())? == hash)
}

/// MGF1 (appendix B.2.1).
fn generate(algorithm: &str, seed: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut mask = Vec::new();
    for counter in 0_u32.. {
        if mask.len() >= length {
            break;
        }
        mask.extend(digest::of(algorithm, &[seed, &counter.to_be_bytes()].concat())?);
    }
    Some(mask)
}

/// Whether this is the signature, as both its numbers, of a message with this digest. The point is
/// its two coordinates. Nothing where the key is no point of the curve.
pub(crate) fn ecdsa_p256(point: &[u8; 64], digest: &[u8], signature: &[u8]) -> Option<bool> {
    let key = VerifyingKey::from_sec1_bytes(&[&[4], &point[..]].concat()).ok()?;
    let Ok(signature) = Signature::from_slice(signature) else { return Some(false) };
    Some(key.verify_prehash(digest, &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::{Padding, RsaKey, ecdsa_p256};
    use crate::{digest, formats::testing::reference::run};

    fn output(arguments: &[&str]) -> Vec<u8> {
        Command::new("openssl").args(arguments).output().unwrap().stdout
    }

    fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn signatures_of_openssl_hold_and_damaged_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (key, message, signed) = (path("key"), path("message"), path("signed"));
        fs::write(&message, b"firmware").unwrap();
        for (bits, algorithm) in
            [("1024", "sha1"), ("2048", "sha256"), ("2049", "sha256"), ("4096", "sha512")]
        {
            if !run("openssl", &["genrsa", "-out", &key, bits]) {
                return;
            }
            let text = output(&["rsa", "-in", &key, "-noout", "-modulus"]);
            let text = String::from_utf8(text).unwrap();
            let mut modulus = text.trim_start_matches("Modulus=").trim().to_owned();
            if modulus.len() % 2 == 1 {
                modulus.insert(0, '0');
            }
            let public = RsaKey::new(&unhex(&modulus), 65_537).unwrap();
            let digest = digest::of(algorithm, b"firmware").unwrap();
            for padding in [Padding::Pkcs1, Padding::Pss] {
                let mode = if padding == Padding::Pss { "pss" } else { "pkcs1" };
                let mode = format!("rsa_padding_mode:{mode}");
                let hash = format!("-{algorithm}");
                let mut arguments = vec!["dgst", &hash, "-sign", &key, "-sigopt", &mode];
                arguments.extend(["-out", &signed, &message]);
                assert!(run("openssl", &arguments));
                let mut signature = fs::read(&signed).unwrap();
                assert!(public.verifies(padding, algorithm, &digest, &signature), "{bits} {mode}");
                signature[40] ^= 1;
                assert!(!public.verifies(padding, algorithm, &digest, &signature));
            }
        }
    }

    #[test]
    fn a_published_signature_over_p256_holds() {
        // RFC 6979, appendix A.2.5, SHA-256 of "sample".
        let point = unhex(
            "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6
             7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
        );
        let mut signature = unhex(
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
             F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
        );
        let point: [u8; 64] = point.try_into().unwrap();
        let digest = digest::of("sha256", b"sample").unwrap();
        assert_eq!(ecdsa_p256(&point, &digest, &signature), Some(true));
        signature[3] ^= 1;
        assert_eq!(ecdsa_p256(&point, &digest, &signature), Some(false));
        assert_eq!(ecdsa_p256(&[7; 64], &digest, &signature), None);
    }

    #[test]
    fn impossible_keys_are_none() {
        assert!(RsaKey::new(&[0xfe; 256], 65_537).is_none());
        assert!(RsaKey::new(&[0xff; 64], 3).is_none());
        assert!(RsaKey::new(&[0xff; 256], 1).is_none());
        assert_eq!(RsaKey::new(&[0xff; 256], 3).unwrap().bits(), 2048);
    }
}
