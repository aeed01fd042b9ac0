//! Ed25519 keys (RFC 8032) as PEM: PKCS#8 for private ones, SubjectPublicKeyInfo for public ones
//! (RFC 8410), as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write them.

use auscult_model::Sha256;
use ed25519_dalek::{
    Signature, Signer as _, VerifyingKey,
    pkcs8::{
        DecodePrivateKey as _, DecodePublicKey as _, EncodePublicKey as _,
        spki::der::pem::LineEnding,
    },
};

use crate::{Error, Result};

/// A private key; its bytes are wiped when it is dropped.
pub struct SigningKey(ed25519_dalek::SigningKey);

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl SigningKey {
    /// The key of a secret seed of 32 random bytes; where they come from is the caller's business.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Reads a private key from PEM.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(pem.trim_start());
        key.map(Self).map_err(|_| Error::Key { expected: "a private Ed25519 key (PKCS#8, PEM)" })
    }

    /// The key as PEM, in the form of PKCS#8 that every OpenSSL reads (without the public half).
    pub fn to_pem(&self) -> Result<String> {
        use ed25519_dalek::pkcs8::{EncodePrivateKey as _, KeypairBytes};
        let bytes = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        let pem = bytes.to_pkcs8_pem(LineEnding::LF);
        pem.map(|pem| pem.as_str().to_owned())
            .map_err(|_| Error::Key { expected: "a key that can be encoded" })
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl PublicKey {
    /// Reads a public key from PEM. Weak keys, under which a signature can fit any message, are
    /// refused.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let key = VerifyingKey::from_public_key_pem(pem.trim_start()).ok();
        key.filter(|key| !key.is_weak())
            .map(Self)
            .ok_or(Error::Key { expected: "a public Ed25519 key (SubjectPublicKeyInfo, PEM)" })
    }

    /// The key as PEM.
    pub fn to_pem(&self) -> Result<String> {
        let pem = self.0.to_public_key_pem(LineEnding::LF);
        pem.map_err(|_| Error::Key { expected: "a key that can be encoded" })
    }

    /// The key's name for people: the SHA-256 of its DER encoding, as 64 hexadecimal digits.
    pub fn id(&self) -> String {
        // RFC 8410 section 4: the encoding of an Ed25519 key is this prefix and the key.
        let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        der.extend_from_slice(self.0.as_bytes());
        Sha256::of(&der).to_string()
    }

    /// Tells whether a signature is of this key; malleable ones are refused.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::{PublicKey, SigningKey};

    /// RFC 8032 section 7.1, test 1, as OpenSSL writes these keys.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
        -----END PUBLIC KEY-----\n";
    const ID: &str = "06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9";
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

    fn seed() -> [u8; 32] {
        SEED.parse::<auscult_model::Sha256>().unwrap().0
    }

    #[test]
    fn signatures_are_those_of_the_rfc() {
        let key = SigningKey::from_seed(&seed());
        let expected = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\n\
                        5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        let halves: Vec<[u8; 32]> = expected
            .split('\n')
            .map(|half| half.trim().parse::<auscult_model::Sha256>().unwrap().0)
            .collect();
        assert_eq!(key.sign(b"").as_slice(), halves.concat());
        assert!(key.public().verifies(b"", &key.sign(b"")));
        assert!(!key.public().verifies(b"x", &key.sign(b"")));
        assert!(!key.public().verifies(b"", &[0; 64]) && !key.public().verifies(b"", &[0; 3]));
    }

    #[test]
    fn keys_are_written_and_read_as_openssl_does_and_others_are_refused() {
        let key = SigningKey::from_seed(&seed());
        assert_eq!(key.to_pem().unwrap(), PRIVATE);
        assert_eq!(key.public().to_pem().unwrap(), PUBLIC);
        assert_eq!(SigningKey::from_pem(PRIVATE).unwrap().public(), key.public());
        assert_eq!(PublicKey::from_pem(PUBLIC).unwrap().id(), ID);
        assert!(PublicKey::from_pem(PRIVATE).is_err() && SigningKey::from_pem(PUBLIC).is_err());
        assert!(SigningKey::from_pem("").is_err() && PublicKey::from_pem("nothing").is_err());
        // The neutral element of the group: a signature of it fits many messages.
        let weak = "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let weak = PUBLIC.replace(PUBLIC.lines().nth(1).unwrap(), weak);
        assert!(PublicKey::from_pem(&weak).is_err());
    }
}
