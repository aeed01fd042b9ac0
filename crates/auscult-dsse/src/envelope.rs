//! The signed envelope: DSSE 1.0.2 (protocol and JSON envelope).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::{Error, PublicKey, Result, SigningKey};

/// An envelope: a payload as base64 with signatures over its pre-authentication encoding.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Signature {
    /// A hint only: nothing is decided by it.
    #[serde(default)]
    keyid: String,
    sig: String,
}

/// Signatures of an envelope that are looked at; each costs some 50 µs a trusted key.
pub const SIGNATURES_MAX: usize = 16;

/// Pre-authentication encoding: what is signed names the type and both lengths, so that no payload
/// can be taken for one of another type.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + payload_type.len() + 32);
    bytes.extend_from_slice(b"DSSEv1 ");
    bytes.extend_from_slice(payload_type.len().to_string().as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(payload_type.as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(payload.len().to_string().as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(payload);
    bytes
}

/// Why an envelope gives no payload.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no envelope of this type.
    Malformed,
    /// It has no signature at all.
    Unsigned,
    /// No trusted key is named by it; these are.
    Unknown(Vec<String>),
    /// It names a trusted key and no signature is of it.
    Wrong(String),
}

/// Ids of keys out of a hostile file for a message: few, short and printable.
pub fn shown_ids(ids: impl IntoIterator<Item: AsRef<str>>) -> String {
    let short = |id: &str| id.chars().filter(char::is_ascii_graphic).take(64).collect::<String>();
    let ids = ids.into_iter().take(3).map(|id| short(id.as_ref()));
    let ids: Vec<String> = ids.filter(|id| !id.is_empty()).collect();
    if ids.is_empty() { "without a name".to_owned() } else { ids.join(", ") }
}

impl Envelope {
    /// An envelope that nobody has signed yet.
    pub fn unsigned(payload_type: &str, payload: &[u8]) -> Self {
        Self {
            payload: STANDARD.encode(payload),
            payload_type: payload_type.to_owned(),
            signatures: Vec::new(),
        }
    }

    /// Signs a payload. The same payload and key give the same envelope.
    pub fn sign(payload_type: &str, payload: &[u8], key: &SigningKey) -> Self {
        let mut envelope = Self::unsigned(payload_type, payload);
        envelope.push(&pae(payload_type, payload), key);
        envelope
    }

    fn push(&mut self, message: &[u8], key: &SigningKey) {
        let signature = STANDARD.encode(key.sign(message));
        self.signatures.push(Signature { keyid: key.public().id(), sig: signature });
    }

    /// Adds the signature of another key.
    pub fn add(&mut self, key: &SigningKey) -> Result<()> {
        let payload = STANDARD.decode(&self.payload);
        let payload = payload.map_err(|_| Error::Malformed { expected: "a payload in base64" })?;
        let message = pae(&self.payload_type, &payload);
        if self.signatures.len() >= SIGNATURES_MAX {
            return Err(Error::Full);
        }
        let public = key.public();
        let signed = |one: &Signature| {
            STANDARD.decode(&one.sig).is_ok_and(|bytes| public.verifies(&message, &bytes))
        };
        if self.signatures.iter().any(signed) {
            return Err(Error::Again { key: public.id() });
        }
        self.push(&message, key);
        Ok(())
    }

    /// The ids of keys that the signatures name, which proves nothing.
    pub fn claimed_keys(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|signature| signature.keyid.as_str())
    }

    /// The payload, with no signature looked at.
    pub fn unverified(&self, payload_type: &str) -> Result<Vec<u8>> {
        let payload = STANDARD.decode(&self.payload).ok();
        payload
            .filter(|_| self.payload_type == payload_type)
            .ok_or(Error::Malformed { expected: "a payload of this type" })
    }

    /// The type of statement that the payload claims to be, with no signature looked at.
    pub fn predicate_type(&self) -> Option<String> {
        crate::statement::predicate_type(&STANDARD.decode(&self.payload).ok()?)
    }

    /// The payload and the keys that signed it: at least one of the trusted ones.
    pub fn open<'a>(
        &self,
        payload_type: &str,
        trusted: &'a [PublicKey],
    ) -> std::result::Result<(Vec<u8>, Vec<&'a PublicKey>), Refused> {
        let payload = self.unverified(payload_type).map_err(|_| Refused::Malformed)?;
        if self.signatures.is_empty() {
            return Err(Refused::Unsigned);
        }
        let message = pae(payload_type, &payload);
        let signatures: Vec<&Signature> = self.signatures.iter().take(SIGNATURES_MAX).collect();
        let mut keys: Vec<&PublicKey> = Vec::new();
        for bytes in signatures.iter().filter_map(|signature| STANDARD.decode(&signature.sig).ok())
        {
            let key = trusted.iter().find(|key| key.verifies(&message, &bytes));
            keys.extend(key.filter(|key| !keys.contains(key)));
        }
        if !keys.is_empty() {
            return Ok((payload, keys));
        }
        let ids = || signatures.iter().map(|signature| signature.keyid.clone());
        let named = ids().find(|id| trusted.iter().any(|key| key.id() == *id));
        Err(named.map_or_else(|| Refused::Unknown(ids().collect()), Refused::Wrong))
    }
}

#[cfg(test)]
mod tests {
    use super::{Envelope, Refused, SIGNATURES_MAX, pae};
    use crate::{Error, PublicKey, SigningKey};

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        // The example of the DSSE protocol.
        let bytes = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn base64_is_read_strictly_so_that_one_content_has_one_text() {
        for wrong in ["Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm 9v", "Zm9v\n", "Zg==Zg=="] {
            let mut sealed = Envelope::unsigned("type", b"payload");
            sealed.payload = wrong.to_owned();
            assert!(sealed.unverified("type").is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_a_trusted_signature_over_this_type_opens_the_payload() {
        let (ours, other) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
        let sealed = Envelope::sign("type", b"payload", &ours);
        let trusted = [other.public(), ours.public()];
        let (payload, keys) = sealed.open("type", &trusted).unwrap();
        assert_eq!((payload.as_slice(), keys), (&b"payload"[..], vec![&ours.public()]));
        assert_eq!(sealed.open("other", &trusted).unwrap_err(), Refused::Malformed);
        let unknown = sealed.open("type", &[other.public()]).unwrap_err();
        assert_eq!(unknown, Refused::Unknown(vec![ours.public().id()]));
        let nobody: &[PublicKey] = &[];
        assert!(matches!(sealed.open("type", nobody), Err(Refused::Unknown(_))));
        let mut forged = Envelope::sign("type", b"payload", &other);
        forged.signatures[0].keyid = ours.public().id();
        let wrong = forged.open("type", &[ours.public()]).unwrap_err();
        assert_eq!(wrong, Refused::Wrong(ours.public().id()));
        let mut changed = Envelope::sign("type", b"payload", &ours);
        changed.payload = "UGF5bG9hZA==".to_owned();
        assert!(changed.open("type", &trusted).is_err());
        changed.signatures.clear();
        assert_eq!(changed.open("type", &trusted).unwrap_err(), Refused::Unsigned);
    }

    #[test]
    fn several_keys_sign_once_each_and_no_more_than_are_looked_at() {
        let keys: Vec<_> = (0..=16).map(|seed| SigningKey::from_seed(&[seed; 32])).collect();
        let mut sealed = Envelope::unsigned("type", b"payload");
        for key in keys.iter().take(SIGNATURES_MAX) {
            sealed.add(key).unwrap();
            assert!(matches!(sealed.add(key), Err(Error::Again { .. } | Error::Full)));
        }
        assert!(matches!(sealed.add(&keys[16]), Err(Error::Full)));
        let trusted: Vec<_> = keys.iter().map(SigningKey::public).collect();
        assert_eq!(sealed.open("type", &trusted).unwrap().1.len(), SIGNATURES_MAX);
        assert_eq!(sealed.claimed_keys().count(), SIGNATURES_MAX);
    }
}
