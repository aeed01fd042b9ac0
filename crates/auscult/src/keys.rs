//! Keys that the user names as files.

use std::path::Path;

use auscult_dsse::{PublicKey, SigningKey};

use crate::{failure::Hinted, target::read_text};

/// Reads the private key that signs.
pub(crate) fn private_key(path: &Path) -> anyhow::Result<SigningKey> {
    let pem = read_text(path, "private key")?;
    SigningKey::from_pem(&pem).map_err(|error| {
        Hinted::error(
            format!("{}: {error}", path.display()),
            "make a pair of keys with: auscult advisories keygen KEY",
        )
    })
}

/// Reads a public key whose signatures count.
pub(crate) fn public_key(path: &Path) -> anyhow::Result<PublicKey> {
    let pem = read_text(path, "public key")?;
    PublicKey::from_pem(&pem).map_err(|error| {
        Hinted::error(
            format!("{}: {error}", path.display()),
            "--trust takes the file with .pub behind its name, not the private key",
        )
    })
}
