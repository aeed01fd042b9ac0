//! Signed data of the Cryptographic Message Syntax (RFC 5652, PKCS#7 before it): who signed, what and
//! how. The signature is verified with the certificate inside; whether that one is to be trusted, and
//! whether it was valid, is not known here.

use super::der::{self, Element, Elements, INTEGER, OCTET_STRING, SEQUENCE, SET, context};
use crate::{
    Extent, digest,
    signature::{Padding, RsaKey, ecdsa_p256},
};

const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
const SIGNING_TIME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 5];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
const ELLIPTIC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const DIGESTS: &[(&[u8], &str)] = &[
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5], "md5"),
    (&[0x2b, 0x0e, 3, 2, 0x1a], "sha1"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1], "sha256"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2], "sha384"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3], "sha512"),
];
const CERTIFICATES_MAX: usize = 64;
/// Mostly there is one; each costs a verification.
const SIGNERS_MAX: usize = 8;

/// A message and those who signed it.
#[derive(Debug)]
pub(crate) struct SignedData<'data> {
    /// What kind of content is signed, as an object identifier.
    pub(crate) content_type: &'data [u8],

    /// The content, where it is inside: the value with its tag.
    pub(crate) content: Option<Element<'data>>,
    /// The signers.
    pub(crate) signers: Vec<Signer<'data>>,
    /// Bytes of the whole structure.
    pub(crate) length: usize,
}

/// One signer.
#[derive(Debug)]
pub(crate) struct Signer<'data> {
    /// The name in the certificate; that of its issuer and the serial number where it is missing.
    pub(crate) subject: String,
    /// Name of the digest, such as `sha256`; its object identifier where it is not known.
    pub(crate) digest: String,
    /// When it says to have signed.
    pub(crate) time: Option<String>,
    /// The digest of the content, where attributes are signed.
    pub(crate) message_digest: Option<&'data [u8]>,
    signed_attributes: Option<&'data [u8]>,
    key: Option<Key>,
    padding: Padding,
    signature: &'data [u8],
}

#[derive(Debug)]
enum Key {
    Rsa(Vec<u8>, u64),
    P256([u8; 64]),
}

struct Certificate<'data> {
    issuer: &'data [u8],
    serial: &'data [u8],
    subject: String,
    key: Option<Key>,
}

/// Whether a signature over the attributes or the content holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was made with the key of the certificate inside.
    Verified,
    /// It was not.
    Wrong,
    /// The certificate is missing, or its kind of key is not known here.
    NotVerified,
}

impl<'data> SignedData<'data> {
    /// Reads the structure at the start of these bytes.
    pub(crate) fn read(bytes: &'data [u8]) -> Option<Self> {
        let info = Elements(bytes).want(SEQUENCE)?;
        let mut fields = info.inside();
        if fields.want(der::OBJECT_IDENTIFIER)?.body != SIGNED_DATA {
            return None;
        }
        let mut fields = fields.want(context(0))?.inside().want(SEQUENCE)?.inside();
        fields.want(INTEGER)?;
        fields.want(SET)?;
        let mut content = fields.want(SEQUENCE)?.inside();
        let content_type = content.want(der::OBJECT_IDENTIFIER)?.body;
        let content = content.want(context(0)).and_then(|content| content.inside().next());
        let certificates = fields.want_if(context(0));
        fields.want_if(context(1));
        let mut certificates: Vec<Certificate<'_>> = certificates
            .into_iter()
            .flat_map(Element::inside)
            .take(CERTIFICATES_MAX)
            .filter_map(certificate)
            .collect();
        let signers = fields.want(SET)?.inside().take(SIGNERS_MAX);
        let signers = signers.filter_map(|one| signer(one, &mut certificates)).collect();
        Some(Self { content_type, content, signers, length: info.whole.len() })
    }
}

impl Signer<'_> {
    /// Whether the signature holds; `content` is what is signed where there are no attributes.
    pub(crate) fn verify(&self, content: &[u8]) -> Verdict {
        let digest = match self.signed_attributes {
            Some(attributes) => {
                // They are signed as the set that they are, not with the tag that stands there.
                let tail = attributes.get(1..).unwrap_or_default();
                digest::of(&self.digest, &[&[SET], tail].concat())
            }
            None => digest::of(&self.digest, content),
        };
        let Some(digest) = digest else { return Verdict::NotVerified };
        let holds = match &self.key {
            Some(Key::Rsa(modulus, exponent)) => RsaKey::new(modulus, *exponent)
                .map(|key| key.verifies(self.padding, &self.digest, &digest, self.signature)),
            Some(Key::P256(point)) => numbers_of(self.signature)
                .and_then(|signature| ecdsa_p256(point, &digest, &signature)),
            None => None,
        };
        match holds {
            Some(true) => Verdict::Verified,
            Some(false) => Verdict::Wrong,
            None => Verdict::NotVerified,
        }
    }

    /// The digest of the content that is signed, compared with that of these bytes.
    pub(crate) fn covers(&self, content: &[u8]) -> Option<bool> {
        let stored = self.message_digest?;
        Some(digest::of(&self.digest, content)? == stored)
    }

    /// The same for content that is not in memory.
    pub(crate) fn covers_extent(&self, content: &Extent) -> Option<bool> {
        let stored = self.message_digest?;
        Some(digest::of_extent(&self.digest, b"", content).ok()?? == stored)
    }
}

fn signer<'data>(
    element: Element<'data>,
    certificates: &mut [Certificate<'data>],
) -> Option<Signer<'data>> {
    let mut fields = element.tagged(SEQUENCE)?.inside();
    fields.want(INTEGER)?;
    let who = fields.next()?;
    let digest = fields.want(SEQUENCE)?.inside().want(der::OBJECT_IDENTIFIER)?.body;
    let attributes = fields.want_if(context(0));
    let algorithm = fields.want(SEQUENCE)?.inside().want(der::OBJECT_IDENTIFIER)?.body;
    let signature = fields.want(OCTET_STRING)?.body;
    let (mut subject, mut key) = ("unknown".to_owned(), None);
    if who.tag == SEQUENCE {
        let mut names = who.inside();
        let (issuer, serial) = (names.want(SEQUENCE)?, names.want(INTEGER)?.body);
        subject = format!("serial {} of {}", digest::hex(serial), der::name(issuer));
        let own =
            certificates.iter_mut().find(|one| one.issuer == issuer.whole && one.serial == serial);
        if let Some(own) = own {
            subject.clone_from(&own.subject);
            key = own.key.take();
        }
    } else if let [only] = certificates {
        // Named by the identifier of its key: with one certificate there is no choice.
        subject.clone_from(&only.subject);
        key = only.key.take();
    }
    let known = DIGESTS.iter().find(|known| known.0 == digest);
    let value_of = |kind: &[u8]| {
        attributes.into_iter().flat_map(Element::inside).find_map(|attribute| {
            let mut fields = attribute.inside();
            (fields.want(der::OBJECT_IDENTIFIER)?.body == kind).then_some(())?;
            fields.want(SET)?.inside().next()
        })
    };
    Some(Signer {
        subject,
        digest: known.map_or_else(|| der::identifier(digest), |known| known.1.to_owned()),
        time: value_of(SIGNING_TIME).map(time),
        message_digest: value_of(MESSAGE_DIGEST).map(|value| value.body),
        signed_attributes: attributes.map(|attributes| attributes.whole),
        key,
        padding: if algorithm == RSA_PSS { Padding::Pss } else { Padding::Pkcs1 },
        signature,
    })
}

fn certificate(element: Element<'_>) -> Option<Certificate<'_>> {
    let mut fields = element.tagged(SEQUENCE)?.inside().want(SEQUENCE)?.inside();
    fields.want_if(context(0));
    let serial = fields.want(INTEGER)?.body;
    fields.want(SEQUENCE)?;
    let issuer = fields.want(SEQUENCE)?.whole;
    fields.want(SEQUENCE)?;
    let subject = der::name(fields.want(SEQUENCE)?);
    let key = fields.want(SEQUENCE).and_then(public_key);
    Some(Certificate { issuer, serial, subject, key })
}

/// The key of a certificate (RFC 5280 section 4.1.2.7, RFC 8017 appendix A.1.1, RFC 5480).
fn public_key(element: Element<'_>) -> Option<Key> {
    let mut fields = element.inside();
    let mut algorithm = fields.want(SEQUENCE)?.inside();
    let kind = algorithm.want(der::OBJECT_IDENTIFIER)?.body;
    let bits = fields.want(der::BIT_STRING)?.body.strip_prefix(&[0])?;
    if kind == RSA || kind == RSA_PSS {
        let mut numbers = Elements(bits).want(SEQUENCE)?.inside();
        let (modulus, exponent) = (numbers.want(INTEGER)?.body, numbers.want(INTEGER)?.body);
        let small = exponent.len() <= 8;
        let exponent = exponent.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        return small.then(|| Key::Rsa(modulus.to_vec(), exponent));
    }
    let curve = algorithm.want(der::OBJECT_IDENTIFIER)?.body;
    let point = bits.strip_prefix(&[4])?;
    (kind == ELLIPTIC && curve == P256).then(|| point.try_into().ok().map(Key::P256))?
}

/// The two numbers of an elliptic signature, filled up to 32 bytes each.
fn numbers_of(signature: &[u8]) -> Option<Vec<u8>> {
    let numbers = Elements(signature).want(SEQUENCE)?.inside();
    let mut bytes = Vec::new();
    for number in numbers.take(2) {
        let zeros = number.body.iter().take_while(|&&byte| byte == 0).count();
        let digits = number.tagged(INTEGER)?.body.get(zeros..)?;
        bytes.extend(std::iter::repeat_n(0, 32_usize.checked_sub(digits.len())?));
        bytes.extend(digits);
    }
    Some(bytes)
}

/// `UTCTime` and `GeneralizedTime` as `2026-01-31T23:59:59Z`.
fn time(value: Element<'_>) -> String {
    const UTC_TIME: u8 = 0x17;
    let text = der::text(value);
    let text = match value.tag {
        // Two digits: years from 50 on are of the last century (RFC 5652 section 11.3).
        UTC_TIME if text.as_str() >= "5" => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        _ => text,
    };
    let part = |range: std::ops::Range<usize>| text.get(range).filter(|_| text.is_ascii());
    let date = || Some([part(0..4)?, part(4..6)?, part(6..8)?].join("-"));
    let hour = || Some([part(8..10)?, part(10..12)?, part(12..14)?].join(":"));
    match date().zip(hour()) {
        Some((date, hour)) => format!("{date}T{hour}Z"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{SignedData, Verdict};
    use crate::formats::testing::reference::run;

    #[test]
    fn messages_of_openssl_are_read_and_verified() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (key, certificate, message, signed) = (path("k"), path("c"), path("m"), path("s"));
        fs::write(&message, b"the message").unwrap();
        let curve = "ec_paramgen_curve:P-256";
        let keys: [&[&str]; 2] = [
            &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            &["genpkey", "-algorithm", "EC", "-pkeyopt", curve],
        ];
        for kind in keys {
            if !run("openssl", &[kind, &["-out", &key]].concat()) {
                return;
            }
            let subject = "/C=CH/O=Acme/CN=Release key";
            let mut request = vec!["req", "-batch", "-new", "-x509", "-key", &key];
            request.extend(["-subj", subject, "-out", &certificate]);
            assert!(run("openssl", &request));
            for more in [&["-nodetach"][..], &["-noattr"], &["-keyopt", "rsa_padding_mode:pss"]] {
                if more[0] == "-keyopt" && kind.contains(&"EC") {
                    continue;
                }
                let mut sign = vec!["cms", "-sign", "-binary", "-outform", "DER", "-in", &message];
                sign.extend(["-signer", &certificate, "-inkey", &key, "-out", &signed]);
                sign.extend(more);
                assert!(run("openssl", &sign));
                let bytes = fs::read(&signed).unwrap();
                let data = SignedData::read(&bytes).unwrap();
                assert_eq!(data.length, bytes.len());
                let inside = data.content.map(|content| content.body);
                assert_eq!(inside, (more == ["-nodetach"]).then_some(&b"the message"[..]));
                let signer = &data.signers[0];
                assert_eq!(signer.subject, "CN=Release key, O=Acme, C=CH");
                assert_eq!(signer.digest, "sha256");
                assert_eq!(signer.verify(b"the message"), Verdict::Verified, "{more:?}");
                if more == ["-noattr"] {
                    assert_eq!(signer.verify(b"another"), Verdict::Wrong);
                } else {
                    assert_eq!(signer.covers(b"the message"), Some(true));
                    assert_eq!(signer.covers(b"another"), Some(false));
                    assert!(signer.time.as_ref().unwrap().starts_with("20"));
                }
                for at in 0..bytes.len() {
                    let mut damaged = bytes.clone();
                    damaged[at] ^= 0x41;
                    if let Some(data) = SignedData::read(&damaged) {
                        for signer in &data.signers {
                            let _ = signer.verify(b"the message");
                        }
                    }
                }
            }
        }
    }
}
