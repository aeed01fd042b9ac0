//! Detached OpenPGP signatures (RFC 9580 section 10.4) under a provider's keys.

use std::time::{Duration, SystemTime};

use pgp::{
    composed::{Deserializable as _, DetachedSignature, SignedPublicKey},
    crypto::hash::HashAlgorithm,
    packet::{Signature, SignatureType},
    types::{KeyDetails as _, VerifyingKey},
};

/// A public key with its subkeys.
#[derive(Clone, Debug)]
pub(crate) struct PublicKey(SignedPublicKey);

impl PublicKey {
    /// Reads a key, armoured or not. Its own signatures must hold, and it must not be revoked.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let armoured = bytes.trim_ascii_start().starts_with(b"-----BEGIN");
        let key = if armoured {
            SignedPublicKey::from_armor_single(bytes).map(|(key, _)| key)
        } else {
            SignedPublicKey::from_bytes(bytes)
        };
        let key = key.map_err(|error| format!("it is no OpenPGP public key: {error}"))?;
        key.verify_bindings()
            .map_err(|error| format!("its own signatures do not hold: {error}"))?;
        if !key.details.revocation_signatures.is_empty() {
            return Err("it was revoked".to_owned());
        }
        Ok(Self(key))
    }

    /// The fingerprint in upper-case hexadecimal digits.
    pub(super) fn fingerprint(&self) -> String {
        self.0.primary_key.fingerprint().to_string().to_uppercase()
    }

    /// When the key ends, by the longest of its own words; `None` where never.
    fn ends(&self) -> Option<SystemTime> {
        let created: SystemTime = self.0.primary_key.created_at().into();
        let of_users = self.0.details.users.iter().flat_map(|user| &user.signatures);
        let all = of_users.chain(&self.0.details.direct_signatures);
        let spans: Vec<Option<Duration>> = all
            .map(|signature| {
                signature.key_expiration_time().map(|s| Duration::from_secs(u64::from(s.as_secs())))
            })
            .collect();
        if spans.is_empty() || spans.contains(&None) {
            return None;
        }
        created.checked_add(spans.into_iter().flatten().max()?)
    }

    /// Verifies a signature under the key or one of its signing subkeys.
    fn verify(&self, signature: &Signature, document: &[u8]) -> Result<(), String> {
        let made: Option<SystemTime> = signature.created().map(Into::into);
        if let (Some(ends), Some(made)) = (self.ends(), made)
            && made > ends
        {
            return Err("the key had ended when the signature was made".to_owned());
        }
        let primary = under(&self.0.primary_key, signature, document);
        let mut outcome = primary;
        for subkey in &self.0.public_subkeys {
            let signs = subkey.signatures.iter().any(|binding| binding.key_flags().sign());
            let revoked = subkey
                .signatures
                .iter()
                .any(|binding| binding.typ() == Some(SignatureType::SubkeyRevocation));
            if outcome.is_err() && signs && !revoked {
                outcome = under(&subkey.key, signature, document).or(outcome);
            }
        }
        outcome
    }
}

fn under(key: &impl VerifyingKey, signature: &Signature, document: &[u8]) -> Result<(), String> {
    signature.verify(key, document).map_err(|error| error.to_string())
}

/// Verifies a detached signature of a document: one of the keys must hold.
pub(super) fn verify(keys: &[PublicKey], armoured: &[u8], document: &[u8]) -> Result<(), String> {
    let read = if armoured.trim_ascii_start().starts_with(b"-----BEGIN") {
        DetachedSignature::from_armor_single(armoured).map(|(signature, _)| signature)
    } else {
        DetachedSignature::from_bytes(armoured)
    };
    let signature = read.map_err(|error| format!("it is no OpenPGP signature: {error}"))?.signature;
    if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) {
        return Err("it is no signature of a document".to_owned());
    }
    // Digests that collisions are known of prove nothing.
    if matches!(
        signature.hash_alg(),
        None | Some(HashAlgorithm::Md5 | HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160)
    ) {
        return Err("its digest is too weak".to_owned());
    }
    let mut last = "no key".to_owned();
    for key in keys {
        match key.verify(&signature, document) {
            Ok(()) => return Ok(()),
            Err(reason) => last = reason,
        }
    }
    Err(last)
}
