//! Digests of files, as feeds publish them.

use std::{fs::File, io::Read, path::Path};

use md5::Md5;
use sha2::{Digest as _, Sha256, Sha512};

use crate::{Error, Result};

/// An algorithm that a feed publishes digests of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// Against damage only; it is what storage services tell.
    Md5,
    Sha256,
    Sha512,
}

impl Algorithm {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }

    /// Hexadecimal digits of a digest.
    pub(crate) fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// Digests everything that a reader gives, in lower-case hexadecimal; tells the length, too.
pub(crate) fn digest(
    mut reader: impl Read,
    algorithm: Algorithm,
) -> std::io::Result<(String, u64)> {
    let (mut md5, mut sha256, mut sha512) = (Md5::new(), Sha256::new(), Sha512::new());
    let mut buffer = vec![0; 1 << 17];
    let mut length: u64 = 0;
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        length = length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        match algorithm {
            Algorithm::Md5 => md5.update(bytes),
            Algorithm::Sha256 => sha256.update(bytes),
            Algorithm::Sha512 => sha512.update(bytes),
        }
    }
    let text = match algorithm {
        Algorithm::Md5 => hex(&md5.finalize()),
        Algorithm::Sha256 => hex(&sha256.finalize()),
        Algorithm::Sha512 => hex(&sha512.finalize()),
    };
    Ok((text, length))
}

/// Digests a file.
pub(crate) fn of_file(path: &Path, algorithm: Algorithm) -> Result<(String, u64)> {
    File::open(path).and_then(|file| digest(file, algorithm)).map_err(Error::io(path))
}

/// Digests bytes in memory with SHA-256.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0'));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The digest in a file such as `sha256sum` writes: hexadecimal digits first, then a name.
pub(crate) fn published(text: &str, algorithm: Algorithm) -> Option<String> {
    let first = text.split_whitespace().next()?;
    let is_digest =
        first.len() == algorithm.digits() && first.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| first.to_ascii_lowercase())
}

/// MD5 in base64, as `x-goog-hash` has it, to hexadecimal.
pub(crate) fn from_base64(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = ((bits << 6) | u32::from(value)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).unwrap_or(0));
        }
    }
    Some(hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, digest, from_base64, published};

    /// RFC 1321 appendix A.5; FIPS 180-4 examples "abc".
    #[test]
    fn digests_are_those_of_the_standards() {
        let of = |algorithm| digest(&b"abc"[..], algorithm).unwrap().0;
        assert_eq!(of(Algorithm::Md5), "900150983cd24fb0d6963f7d28e17f72");
        assert!(of(Algorithm::Sha256).starts_with("ba7816bf8f01cfea414140de5dae2223"));
        assert!(of(Algorithm::Sha512).starts_with("ddaf35a193617abacc417349ae204131"));
        assert_eq!(
            from_base64("kAFQmDzST7DWlj99KOF/cg==").as_deref(),
            Some("900150983cd24fb0d6963f7d28e17f72")
        );
        assert_eq!(from_base64("k*"), None);
    }

    #[test]
    fn published_digests_have_their_length() {
        let digits = "AB".repeat(32);
        let text = format!("{digits}  a.json\n");
        assert_eq!(published(&text, Algorithm::Sha256), Some("ab".repeat(32)));
        assert_eq!(published(&text, Algorithm::Sha512), None);
        assert_eq!(published("<html>", Algorithm::Sha256), None);
    }
}
