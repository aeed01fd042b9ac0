//! OP-TEE (its documentation, "Core" and "Trusted applications"): the header in front of its core, in
//! versions 1 and 2, and signed trusted applications.
//!
//! The digest of an application is verified, also of one whose signature's key is unknown.

use crate::{
    Endian::Little,
    Extent, View,
    digest::hex,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, check},
    layout::Layout,
};

pub(crate) static CORE: Format = Format {
    name: "optee-core",
    magics: &[Magic::start(b"OPTE\x01"), Magic::start(b"OPTE\x02")],
    carve: true,
    open: open_core,
};

pub(crate) static APPLICATION: Format = Format {
    name: "optee-application",
    magics: &[Magic::start(b"HSTO")],
    carve: true,
    open: open_application,
};

const ARCHITECTURES: [&str; 2] = ["arm", "arm64"];
const IMAGES_MAX: u32 = 8;
const IMAGE_BYTES_MAX: u64 = 64 << 20;

fn open_core(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 12)?;
    let view = View(&head);
    let architecture = ARCHITECTURES.get(usize::from(view.u8(5)?)).ok_or(NotThis)?;
    // Name, size; the header's length comes first.
    let (header, images) = if view.u8(4)? == 1 {
        let rest = candidate.extent.read(0, 28)?;
        let size = |at| View(&rest).u32(at, Little).map(u64::from);
        (28, vec![("core", size(8)?), ("paged", size(24)?)])
    } else {
        let count = view.u32(8, Little)?;
        if !(1..=IMAGES_MAX).contains(&count) {
            return Err(NotThis);
        }
        let table = candidate.extent.read(12, u64::from(count) * 16)?;
        let images = table.chunks_exact(16).map(|entry| {
            let (id, size) = (View(entry).u32(8, Little)?, View(entry).u32(12, Little)?);
            Ok((if id == 0 { "core" } else { "paged" }, u64::from(size)))
        });
        (12 + u64::from(count) * 16, images.collect::<Result<Vec<_>, NotThis>>()?)
    };
    let mut length = header;
    for (_, size) in &images {
        length += size;
    }
    let first = images.first().map_or(0, |image| image.1);
    if view.u16(6, Little)? > 3 || first == 0 || length > IMAGE_BYTES_MAX {
        return Err(NotThis);
    }
    // Version 2 keeps its images in files of their own; then there is only the header.
    let length = if candidate.extent.len() == header { header } else { length };
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    layout.consumed(0, header);
    let mut at = header;
    for (name, size) in images.into_iter().filter(|_| length > header) {
        layout.part(name, at, size);
        at += size;
    }
    let laid = layout.finish();
    let attributes =
        vec![("version", view.u8(4)?.to_string()), ("arch", (*architecture).to_owned())];
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// Algorithms of signatures (GlobalPlatform, TEE Internal Core API, table 6-11) with their digests.
const SIGNATURES: &[(u32, &str, Algorithm)] = &[
    (0x7000_4830, "RSA PKCS#1 v1.5 with SHA-256", Algorithm::Sha256),
    (0x7041_4930, "RSA PSS with SHA-256", Algorithm::Sha256),
    (0x7000_5830, "RSA PKCS#1 v1.5 with SHA-384", Algorithm::Sha384),
    (0x7000_6830, "RSA PKCS#1 v1.5 with SHA-512", Algorithm::Sha512),
];
const BOOTSTRAP: u32 = 1;
const ENCRYPTED: u32 = 2;
const HEADER_BYTES: u64 = 20;
const SUBHEADER_BYTES: u64 = 20;

struct Application {
    /// The header without its digest and signature, as the digest covers it.
    plain: Vec<(u64, u64)>,
    /// Where the code starts.
    code: u64,
    uuid: Option<Vec<u8>>,
    version: Option<u32>,
}

fn open_application(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let (kind, size) = (view.u32(4, Little)?, u64::from(view.u32(8, Little)?));
    let code = view.u32(12, Little)?;
    let (_, name, algorithm) =
        SIGNATURES.iter().find(|(known, ..)| *known == code).ok_or(NotThis)?;
    let digest_bytes = u64::from(view.u16(16, Little)?);
    let signature_bytes = u64::from(view.u16(18, Little)?);
    let expected = u64::try_from(algorithm.width()).map_err(|_| NotThis)?;
    if digest_bytes != expected || kind > ENCRYPTED || size > IMAGE_BYTES_MAX {
        return Err(NotThis);
    }
    let application = application(extent, kind, HEADER_BYTES + digest_bytes + signature_bytes)?;
    let length = application.code + size;
    let stored = extent.read(HEADER_BYTES, digest_bytes)?;
    let mut covered: Vec<Extent> =
        application.plain.iter().map(|&(at, bytes)| extent.clamp(at, bytes)).collect();
    covered.push(extent.clamp(application.code, size));
    let covered = Extent::joined(extent.vault(), covered);
    let whole = application.plain.iter().map(|(_, bytes)| bytes).sum::<u64>() + size;
    let mut attributes = vec![("signature", format!("{name}, not verified"))];
    if let Some(uuid) = &application.uuid {
        attributes.push(("uuid", dashed(uuid)));
    }
    attributes.extend(application.version.map(|version| ("version", version.to_string())));
    let mut layout = Layout::disjoint(extent.clamp(0, length));
    layout.consumed(0, application.code);
    let mut faults = Vec::new();
    if kind == ENCRYPTED {
        // The digest covers the code before its encryption.
        layout.unread_part("", application.code, size, "encrypted: AES-GCM");
    } else {
        layout.part("", application.code, size);
        let verdict = check("the digest", *algorithm, &stored, &covered, whole, 0);
        verdict.tell("digest", &mut attributes, &mut faults);
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

/// Reads the headers behind the signature.
fn application(extent: &Extent, kind: u32, at: u64) -> Result<Application, NotThis> {
    let mut found =
        Application { plain: vec![(0, HEADER_BYTES)], code: at, uuid: None, version: None };
    if kind >= BOOTSTRAP {
        let bytes = extent.read(at, SUBHEADER_BYTES)?;
        found.uuid = Some(View(&bytes).bytes(0, 16)?.to_vec());
        found.version = Some(View(&bytes).u32(16, Little)?);
        found.plain.push((at, SUBHEADER_BYTES));
        found.code = at + SUBHEADER_BYTES;
    }
    if kind == ENCRYPTED {
        let bytes = extent.read(found.code, 12)?;
        let (iv, tag) = (View(&bytes).u16(8, Little)?, View(&bytes).u16(10, Little)?);
        found.code += 12 + u64::from(iv) + u64::from(tag);
    }
    Ok(found)
}

/// A UUID in its text form; its bytes are in the order of the text (RFC 9562).
fn dashed(uuid: &[u8]) -> String {
    let digits = hex(uuid);
    let cut = |from: usize, to: usize| digits.get(from..to).unwrap_or_default().to_owned();
    [cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};
    use sha2::{Digest as _, Sha256};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    #[test]
    fn cores_of_both_versions() {
        let mut first = Writer::new(Endian::Little);
        first.bytes(b"OPTE\x01\x01\0\0").u32(4).u32(0).u32(0).u32(0).u32(3).bytes(b"corepag");
        let mut second = Writer::new(Endian::Little);
        second.bytes(b"OPTE\x02\x00\0\0").u32(2).u32(0).u32(0).u32(0).u32(4);
        second.u32(u32::MAX).u32(u32::MAX).u32(1).u32(3).bytes(b"corepag");
        for (bytes, arch) in [(first.finish(), "arm64"), (second.finish(), "arm")] {
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            assert_eq!(attribute(&tree, "optee-core", "arch").unwrap(), arch);
            let path = "image@0x0/optee-core:/paged".parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), "pag");
            check(&bytes, bytes.len());
        }
    }

    fn application(kind: u32) -> Vec<u8> {
        let mut head = Writer::new(Endian::Little);
        head.bytes(b"HSTO").u32(kind).u32(4).u32(0x7000_4830).u16(32).u16(256);
        let mut sub = Writer::new(Endian::Little);
        sub.bytes(&[0x11; 16]).u32(3);
        let digest = Sha256::digest([head.as_slice(), sub.as_slice(), b"\x7fELF"].concat());
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(head.as_slice()).bytes(&digest).fill(0x5a, 256).bytes(sub.as_slice());
        if kind == 2 {
            writer.u32(0x4000_0810).u32(0).u16(16).u16(16).fill(9, 32);
        }
        writer.bytes(b"\x7fELF");
        writer.finish()
    }

    #[test]
    fn applications_are_verified_and_encrypted_ones_named() {
        let tree = Tree::from_bytes(application(1), &Limits::default());
        assert_eq!(attribute(&tree, "optee-application", "digest").unwrap(), "verified");
        let uuid = attribute(&tree, "optee-application", "uuid").unwrap();
        assert_eq!(uuid, "11111111-1111-1111-1111-111111111111");
        check(&application(1), 20);
        let tree = Tree::from_bytes(application(2), &Limits::default());
        let unread = &tree.coverage().regions_unread;
        assert!(unread.iter().any(|region| region.reason == "encrypted: AES-GCM"), "{unread:?}");
        check(&application(2), 20);
    }
}
