//! Whether a document of a provider's mirror is what its provider published (CSAF 2.0 and 2.1
//! sections 7.1.18 to 7.1.20): digests beside it, an OpenPGP signature, and the provider's keys.
//!
//! A document that fails is never used. Where a check cannot be made, that is told.

mod mirror;
mod openpgp;

use std::fmt::Write as _;

pub(crate) use mirror::{FILE_BYTES_MAX, Mirror, Survey, may_describe_mirror};
use sha2::{Digest as _, Sha256, Sha512};

/// What lies beside a document: `.sha256`, `.sha512`, `.asc`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Companions {
    pub(crate) sha256: Option<Vec<u8>>,
    pub(crate) sha512: Option<Vec<u8>>,
    pub(crate) signature: Option<Vec<u8>>,
}

/// A companion that is larger is no digest and no signature.
pub(crate) const COMPANION_BYTES_MAX: u64 = 64 << 10;

/// Endings of the names of companions.
pub(crate) const ENDINGS: [&str; 3] = ["sha256", "sha512", "asc"];

impl Companions {
    /// Puts a companion in its place.
    pub(crate) fn put(&mut self, ending: &str, bytes: Vec<u8>) {
        match ending {
            "sha256" => self.sha256 = Some(bytes),
            "sha512" => self.sha512 = Some(bytes),
            "asc" => self.signature = Some(bytes),
            _ => {}
        }
    }
}

/// What was checked of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// At least one digest lies beside it and holds.
    pub(crate) digest: bool,
    pub(crate) signature: Signature,
}

/// What is known of a document's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Signature {
    /// It holds under a key of the provider.
    Holds,
    /// There is one, and no key to check it with.
    NoKey,
    /// There is none.
    None,
}

/// Tells whether bytes may be a document of this framework, before it is parsed.
pub(crate) fn looks_like_csaf(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"\"csaf_version\"").is_some()
}

/// Checks a document against what lies beside it and the keys of its mirror.
pub(crate) fn check(
    bytes: &[u8],
    companions: &Companions,
    mirror: Option<&Mirror>,
) -> Result<Checked, String> {
    let mut digest = false;
    if let Some(expected) = &companions.sha256 {
        compare("sha256", expected, &hex(&Sha256::digest(bytes)))?;
        digest = true;
    }
    if let Some(expected) = &companions.sha512 {
        compare("sha512", expected, &hex(&Sha512::digest(bytes)))?;
        digest = true;
    }
    let keys = mirror.map_or(&[][..], Mirror::keys);
    let signature = match &companions.signature {
        Some(signature) if !keys.is_empty() => {
            openpgp::verify(keys, signature, bytes)
                .map_err(|reason| format!("its signature does not hold: {reason}"))?;
            Signature::Holds
        }
        Some(_) => Signature::NoKey,
        // Who could change a document could also take its signature away.
        None if !keys.is_empty() && mirror.is_some_and(Mirror::signs_all) => {
            return Err("its provider signs every document, and this one has no signature".into());
        }
        None => Signature::None,
    };
    Ok(Checked { digest, signature })
}

/// The first word of a digest file is the digest (CSAF 2.0 section 7.1.18).
fn compare(name: &str, file: &[u8], actual: &str) -> Result<(), String> {
    let text = String::from_utf8_lossy(file);
    let expected = text.split_whitespace().next().unwrap_or_default();
    if expected.eq_ignore_ascii_case(actual) {
        return Ok(());
    }
    Err(format!("its {name} is not the one that lies beside it"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
