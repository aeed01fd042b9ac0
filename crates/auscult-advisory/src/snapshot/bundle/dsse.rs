//! The signed envelope: DSSE 1.0.2 (protocol and JSON envelope).

use serde::{Deserialize, Serialize};

use super::key::{PublicKey, SigningKey};

/// An envelope: a payload as base64 with signatures over [`pae`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Signature {
    /// A hint only: nothing is decided by it.
    #[serde(default)]
    keyid: String,
    sig: String,
}

/// Signatures of an envelope that are looked at; each costs some 50 µs a trusted key.
const SIGNATURES_MAX: usize = 16;

/// Pre-authentication encoding: what is signed names the type and both lengths, so that no payload
/// can be taken for one of another type.
pub(super) fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
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
pub(super) enum Refused {
    /// It is no envelope of this type.
    Malformed,
    /// No trusted key is named by it; these are.
    Unknown(Vec<String>),
    /// It names a trusted key and no signature is of it.
    Wrong(String),
}

impl Envelope {
    /// Signs a payload. The same payload and key give the same envelope (RFC 8032).
    pub(super) fn sign(payload_type: &str, payload: &[u8], key: &SigningKey) -> Self {
        let signature = key.sign(&pae(payload_type, payload));
        Self {
            payload: base64_of(payload),
            payload_type: payload_type.to_owned(),
            signatures: vec![Signature { keyid: key.public().id(), sig: base64_of(&signature) }],
        }
    }

    /// The payload and the key that signed it: any signature by any of the trusted keys will do.
    pub(super) fn open<'a>(
        &self,
        payload_type: &str,
        trusted: &'a [PublicKey],
    ) -> Result<(Vec<u8>, &'a PublicKey), Refused> {
        if self.payload_type != payload_type {
            return Err(Refused::Malformed);
        }
        let payload = base64(&self.payload).ok_or(Refused::Malformed)?;
        let message = pae(payload_type, &payload);
        let signatures: Vec<&Signature> = self.signatures.iter().take(SIGNATURES_MAX).collect();
        for bytes in signatures.iter().filter_map(|signature| base64(&signature.sig)) {
            if let Some(key) = trusted.iter().find(|key| key.verifies(&message, &bytes)) {
                return Ok((payload, key));
            }
        }
        let ids = || signatures.iter().map(|signature| signature.keyid.clone());
        let named = ids().find(|id| trusted.iter().any(|key| key.id() == *id));
        Err(named.map_or_else(|| Refused::Unknown(ids().collect()), Refused::Wrong))
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding (RFC 4648 section 4).
fn base64_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let word = at(0) << 16 | at(1) << 8 | at(2);
        for (index, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = usize::try_from(word >> shift & 63).ok().and_then(|six| ALPHABET.get(six));
            let digit = digit.filter(|_| index <= chunk.len());
            text.push(digit.map_or('=', |digit| char::from(*digit)));
        }
    }
    text
}

/// Reads base64 strictly: with padding, without blanks, with no stray bits, so that one content
/// has one text.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut word, mut bits) = (0_u32, 0_u32);
    for digit in digits.bytes() {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        word = (word << 6 | u32::from(six)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(word >> bits & 0xff).ok()?);
        }
    }
    (word & ((1 << bits) - 1) == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Envelope, Refused, base64, base64_of, pae};
    use crate::snapshot::bundle::key::{PublicKey, SigningKey};

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        // The example of the DSSE protocol.
        let bytes = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn base64_is_that_of_the_rfc_and_strict() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, text) in vectors {
            assert_eq!(base64_of(plain.as_bytes()), text);
            assert_eq!(base64(text).as_deref(), Some(plain.as_bytes()));
        }
        let every: Vec<u8> = (0..=255).collect();
        assert_eq!(base64(&base64_of(&every)), Some(every));
        for wrong in ["Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm 9v", "Zm9v\n", "Zg==Zg=="] {
            assert_eq!(base64(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn only_a_trusted_signature_over_this_type_opens_the_payload() {
        let (ours, other) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
        let sealed = Envelope::sign("type", b"payload", &ours);
        let trusted = [other.public(), ours.public()];
        let (payload, key) = sealed.open("type", &trusted).unwrap();
        assert_eq!((payload.as_slice(), key.id()), (&b"payload"[..], ours.public().id()));
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
        changed.payload = base64_of(b"Payload");
        assert!(changed.open("type", &trusted).is_err());
    }
}
