//! Keys as PEM: PKCS#8 for private ones, SubjectPublicKeyInfo for public ones (RFC 8410, RFC 5480), as
//! `openssl genpkey` and `openssl pkey -pubout` write them.

use auscult_model::Sha256;
use ed25519_dalek::{
    Signer as _,
    pkcs8::{
        DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
        KeypairBytes, spki::der::pem::LineEnding,
    },
};
use p256::ecdsa::{DerSignature, signature::Verifier as _};

use crate::{Error, Result};

/// A private key; its bytes are wiped when it is dropped.
pub struct SigningKey(Private);

enum Private {
    Ed25519(ed25519_dalek::SigningKey),
    P256(p256::ecdsa::SigningKey),
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(Public);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Public {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(p256::ecdsa::VerifyingKey),
}

const ENCODABLE: Error = Error::Key { expected: "a key that can be encoded" };

impl SigningKey {
    /// The Ed25519 key of a secret seed of 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(Private::Ed25519(ed25519_dalek::SigningKey::from_bytes(seed)))
    }

    /// Reads a private key from PEM.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let pem = pem.trim_start();
        if let Ok(key) = ed25519_dalek::SigningKey::from_pkcs8_pem(pem) {
            return Ok(Self(Private::Ed25519(key)));
        }
        let key = p256::SecretKey::from_pkcs8_pem(pem);
        key.map(|key| Self(Private::P256(key.into())))
            .map_err(|_| Error::Key { expected: "a private Ed25519 or P-256 key (PKCS#8, PEM)" })
    }

    /// The key as PEM; an Ed25519 key in the form of PKCS#8 that every OpenSSL reads (without the
    /// public half).
    pub fn to_pem(&self) -> Result<String> {
        let pem = match &self.0 {
            Private::Ed25519(key) => {
                let bytes = KeypairBytes { secret_key: key.to_bytes(), public_key: None };
                bytes.to_pkcs8_pem(LineEnding::LF)
            }
            Private::P256(key) => p256::SecretKey::from(key).to_pkcs8_pem(LineEnding::LF),
        };
        pem.map(|pem| pem.as_str().to_owned()).map_err(|_| ENCODABLE)
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(match &self.0 {
            Private::Ed25519(key) => Public::Ed25519(key.verifying_key()),
            Private::P256(key) => Public::P256(*key.verifying_key()),
        })
    }

    /// Signs a message. The same message and key give the same signature (RFC 8032, RFC 6979).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.0 {
            Private::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Private::P256(key) => {
                let signature: DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
        }
    }
}

impl PublicKey {
    /// Reads a public key from PEM. Weak keys, under which a signature can fit any message, are
    /// refused.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let pem = pem.trim_start();
        if let Ok(key) = ed25519_dalek::VerifyingKey::from_public_key_pem(pem)
            && !key.is_weak()
        {
            return Ok(Self(Public::Ed25519(key)));
        }
        let expected = "a public Ed25519 or P-256 key (SubjectPublicKeyInfo, PEM)";
        let key = p256::PublicKey::from_public_key_pem(pem);
        key.map(|key| Self(Public::P256(key.into()))).map_err(|_| Error::Key { expected })
    }

    /// The key as PEM.
    pub fn to_pem(&self) -> Result<String> {
        let pem = match &self.0 {
            Public::Ed25519(key) => key.to_public_key_pem(LineEnding::LF),
            Public::P256(key) => p256::PublicKey::from(key).to_public_key_pem(LineEnding::LF),
        };
        pem.map_err(|_| ENCODABLE)
    }

    /// The key's name for people: the SHA-256 of its DER encoding, as 64 hexadecimal digits.
    pub fn id(&self) -> String {
        // The encodings of these keys are a prefix (RFC 8410 section 4, RFC 5480 section 2) and the
        // key, of P-256 the point without compression.
        const ED25519: [u8; 12] =
            [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        const P256: [u8; 26] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
            0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        let der = match &self.0 {
            Public::Ed25519(key) => [&ED25519[..], key.as_bytes()].concat(),
            Public::P256(key) => [&P256[..], key.to_sec1_point(false).as_bytes()].concat(),
        };
        Sha256::of(&der).to_string()
    }

    /// Name of the algorithm.
    pub fn algorithm(&self) -> &'static str {
        match &self.0 {
            Public::Ed25519(_) => "Ed25519",
            Public::P256(_) => "ECDSA P-256",
        }
    }

    /// Tells whether a signature is of this key. Of Ed25519 malleable ones are refused; of ECDSA they
    /// cannot be told and do no harm, as nothing is known by its signature.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Public::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Public::P256(key) => DerSignature::from_bytes(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        }
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

    /// A key on P-256 that OpenSSL made, its public half, and a signature of its own over "message".
    const P256: [&str; 3] = [
        "-----BEGIN PRIVATE KEY-----\n\
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgr6MNlepBuD37oWQH\n\
        u5oxzaiMIepZ+a9FzYxBBad5gbmhRANCAARpexYq5rms4R9sMwIFCXIkzDL67zQF\n\
        uKPBc2IQY5DX0dCWxxuu3yiBG5dNX7TWSBgqQ8nmGpnlzjr4wu5Qu2qg\n\
        -----END PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaXsWKua5rOEfbDMCBQlyJMwy+u80\n\
        BbijwXNiEGOQ19HQlscbrt8ogRuXTV+01kgYKkPJ5hqZ5c46+MLuULtqoA==\n\
        -----END PUBLIC KEY-----\n",
        "MEUCIQC6nEjG9O3uGTC0Qf1zUJK1H5vjcx2g9DabQpBCdXILWAIgZnbnIbZYuMHATdKlPKr4iNOyyItbA171\
        scATUSU19AY=",
    ];

    #[test]
    fn keys_and_signatures_on_p256_are_those_of_openssl() {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let [private, public, signature] = P256;
        let (key, public_key) =
            (SigningKey::from_pem(private).unwrap(), PublicKey::from_pem(public).unwrap());
        assert_eq!(key.public(), public_key);
        assert_eq!(public_key.to_pem().unwrap(), public);
        assert_eq!(SigningKey::from_pem(&key.to_pem().unwrap()).unwrap().public(), public_key);
        let id = "9b6a9e01eed274a5ecdd7a8460b3f0220fba8120421d925892044cfe2c2ebe0f";
        assert_eq!((public_key.id().as_str(), public_key.algorithm()), (id, "ECDSA P-256"));
        assert!(public_key.verifies(b"message", &STANDARD.decode(signature).unwrap()));
        assert!(public_key.verifies(b"other", &key.sign(b"other")));
        assert_eq!(key.sign(b"other"), key.sign(b"other"));
        assert!(!public_key.verifies(b"message", &key.sign(b"other")));
        assert!(!public_key.verifies(b"", &[]) && !public_key.verifies(b"", &[0x30, 0]));
        // The one's signature is not the other's.
        let other = SigningKey::from_seed(&[1; 32]);
        assert!(!public_key.verifies(b"other", &other.sign(b"other")));
        assert!(!other.public().verifies(b"other", &key.sign(b"other")));
    }
}
