//! Signatures in front of firmware: a CMS structure (RFC 5652, DER) of type SignedData, as DOCSIS
//! (CM-SP-SECv3.0) puts it before the code file of a cable modem.
//!
//! The signers' names are told. The signature is not verified: whom to trust is not known here.

use crate::{
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format = Format {
    name: "cms-signed-data",
    magics: &[Magic::at(4, SIGNED_DATA), Magic::at(5, SIGNED_DATA)],
    carve: true,
    open,
};

/// The object identifier 1.2.840.113549.1.7.2, with its tag and length.
const SIGNED_DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// The attribute types commonName and organizationName (X.520), with tag and length.
const NAMES: [(&str, &[u8]); 2] = [
    ("common-name", &[0x06, 0x03, 0x55, 0x04, 0x03]),
    ("organisation", &[0x06, 0x03, 0x55, 4, 10]),
];
const SEQUENCE: u8 = 0x30;
/// With content inside it may be as long as that; signatures alone have a few kilobytes.
const LENGTH_MAX: u64 = 1 << 20;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 20)?;
    let view = View(&head);
    // A definite length of two or three bytes.
    let (width, length) = match (view.u8(0)?, view.u8(1)?) {
        (SEQUENCE, 0x82) => (2, number(view.bytes(2, 2)?)),
        (SEQUENCE, 0x83) => (3, number(view.bytes(2, 3)?)),
        _ => return Err(NotThis),
    };
    let inside = 2 + width + SIGNED_DATA.len();
    // The content is explicitly tagged with 0.
    if !view.bytes(2 + width, SIGNED_DATA.len())?.eq(SIGNED_DATA) || view.u8(inside)? != 0xa0 {
        return Err(NotThis);
    }
    let length = length + 2 + u64::try_from(width).map_err(|_| NotThis)?;
    if length > LENGTH_MAX {
        return Err(NotThis);
    }
    let bytes = candidate.extent.read_up_to(0, length)?;
    let mut attributes = vec![("signature", "not verified".to_owned())];
    for (name, key) in NAMES {
        let found = texts(&bytes, key);
        if !found.is_empty() {
            attributes.push((name, found.join("; ")));
        }
    }
    Ok(Opened { length, attributes, ..Opened::default() })
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// The different texts behind a key, in order. They are PrintableString, UTF8String or IA5String of
/// less than 128 bytes.
fn texts(bytes: &[u8], key: &[u8]) -> Vec<String> {
    const TEXTS_MAX: usize = 16;
    let mut texts: Vec<String> = Vec::new();
    for at in memchr::memmem::find_iter(bytes, key) {
        let rest = bytes.get(at + key.len()..).unwrap_or_default();
        let Some((&[0x0c | 0x13 | 0x16, length @ 0..0x80], rest)) = rest.split_first_chunk() else {
            continue;
        };
        let text = rest.get(..usize::from(length)).map(String::from_utf8_lossy);
        let text = text.map(std::borrow::Cow::into_owned).unwrap_or_default();
        if !text.is_empty() && !texts.contains(&text) && texts.len() < TEXTS_MAX {
            texts.push(text);
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::attribute,
            reference::{assert_survives_damage, run},
        },
    };

    #[test]
    fn a_signature_of_openssl_is_told_and_what_follows_is_carved() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (key, certificate) = (at("key"), at("certificate"));
        let subject = ["-subj", "/O=Acme Medical/CN=Code signing"];
        let mut arguments = vec!["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", &key];
        arguments.extend(["-out", &certificate]);
        arguments.extend(subject);
        if !run("openssl", &arguments) {
            return;
        }
        fs::write(at("data"), b"firmware").unwrap();
        let (data, signature) = (at("data"), at("signature"));
        let arguments = ["cms", "-sign", "-binary", "-in", &data, "-signer", &certificate];
        let output = ["-inkey", &key, "-outform", "DER", "-out", &signature];
        assert!(run("openssl", &[&arguments[..], &output].concat()));
        let mut bytes = fs::read(&signature).unwrap();
        let length = bytes.len() as u64;
        bytes.extend([0xa7; 23]);
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let told = attribute(&tree, "cms-signed-data", "organisation");
        assert_eq!(told.unwrap(), "Acme Medical");
        assert_eq!(tree.coverage().bytes_read, length);
        assert_survives_damage(&bytes, 24, 101);
    }
}
