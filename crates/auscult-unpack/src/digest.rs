//! Digests that firmware headers store: MD5 (RFC 1321), SHA-1 (FIPS 180-4) and the SHA-2 family.
//!
//! MD5 and SHA-1 prove nothing about origin; they are checked to tell whole images from damaged ones.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::{Extent, Fault, checksum::each_piece};

/// The digest of this name, as a device tree or a header names it; nothing for other names.
pub(crate) fn of(algorithm: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    Some(match algorithm {
        "md5" => md5(bytes).to_vec(),
        "sha1" => Sha1::digest(bytes).to_vec(),
        "sha256" => Sha256::digest(bytes).to_vec(),
        "sha384" => Sha384::digest(bytes).to_vec(),
        "sha512" => Sha512::digest(bytes).to_vec(),
        _ => return None,
    })
}

/// The digest of an extent behind a salt, read in pieces; nothing for names that are not known.
///
/// # Errors
/// The fault that stops reading.
pub(crate) fn of_extent(
    algorithm: &str,
    salt: &[u8],
    extent: &Extent,
) -> Result<Option<Vec<u8>>, Fault> {
    Ok(Some(match algorithm {
        "md5" => in_pieces::<Md5>(salt, extent)?,
        "sha1" => in_pieces::<Sha1>(salt, extent)?,
        "sha256" => in_pieces::<Sha256>(salt, extent)?,
        "sha384" => in_pieces::<Sha384>(salt, extent)?,
        "sha512" => in_pieces::<Sha512>(salt, extent)?,
        _ => return Ok(None),
    }))
}

fn in_pieces<D: sha2::Digest>(salt: &[u8], extent: &Extent) -> Result<Vec<u8>, Fault> {
    let mut digest = D::new();
    digest.update(salt);
    each_piece(extent, |bytes| digest.update(bytes))?;
    Ok(digest.finalize().to_vec())
}

/// The MD5 digest.
pub(crate) fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

/// The SHA-256 digest of all bytes of an extent, read in pieces.
///
/// # Errors
/// The fault that stops reading.
pub(crate) fn sha256_of(extent: &Extent) -> Result<Vec<u8>, Fault> {
    let mut sha256 = Sha256::new();
    each_piece(extent, |bytes| sha256.update(bytes))?;
    Ok(sha256.finalize().to_vec())
}

/// Bytes as lower case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::{hex, of};

    #[test]
    fn published_values() {
        let check = |name: &str, bytes: &[u8], expected: &str| {
            assert_eq!(hex(&of(name, bytes).unwrap()), expected, "{name}");
        };
        check("md5", b"", "d41d8cd98f00b204e9800998ecf8427e");
        check("md5", b"message digest", "f96b697d7cb7938d525a2f31aaf161d0");
        check("sha1", b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(of("crc8", b""), None);
    }
}
