//! Metadata of Android Verified Boot (`avb_vbmeta_image.h` of AOSP's libavb 1.x): digests of partitions
//! and their root of trust, signed with the key that it brings.
//!
//! Whether that key is one that the device trusts is burnt into the device and not known here.

use crate::{
    Endian::Big,
    Fault, View,
    checksum::agrees,
    digest,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::text_of,
    signature::{Padding, RsaKey},
};

pub(in crate::formats::boot) static FORMAT: Format = Format {
    name: "android-vbmeta",
    magics: &[Magic::start(b"AVB0\0\0\0\x01")],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 256;
const BLOCK_BYTES_MAX: u64 = 1 << 20;
const DESCRIPTORS_MAX: usize = 256;
/// Digest and size of the key of each algorithm but the first, which means unsigned.
const ALGORITHMS: [(&str, usize); 6] = [
    ("sha256", 2048),
    ("sha256", 4096),
    ("sha256", 8192),
    ("sha512", 2048),
    ("sha512", 4096),
    ("sha512", 8192),
];
/// Flags of the whole (`AvbVBMetaImageFlags`).
const HASHTREE_DISABLED: u32 = 1;
const VERIFICATION_DISABLED: u32 = 2;

struct Header<'data> {
    bytes: &'data [u8],
    /// What is signed with the header.
    auxiliary: &'data [u8],
    authentication: View<'data>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let (authentication, auxiliary) = (view.u64(12, Big)?, view.u64(20, Big)?);
    let aligned = authentication.is_multiple_of(64) && auxiliary.is_multiple_of(64);
    let reserved = view.bytes(176, 80)?.iter().all(|&byte| byte == 0);
    if !aligned || authentication.max(auxiliary) > BLOCK_BYTES_MAX || !reserved {
        return Err(NotThis);
    }
    let length = HEADER_BYTES + authentication + auxiliary;
    let all = extent.read(0, length)?;
    let whole = View(&all);
    let at = |place: u64| usize::try_from(place).map_err(|_| NotThis);
    let header = Header {
        bytes: whole.bytes(0, at(HEADER_BYTES)?)?,
        authentication: View(whole.bytes(at(HEADER_BYTES)?, at(authentication)?)?),
        auxiliary: whole.bytes(at(HEADER_BYTES + authentication)?, at(auxiliary)?)?,
    };
    let mut faults = Vec::new();
    let flags = view.u32(120, Big)?;
    let mut attributes = vec![
        ("signature", signature(&header, &mut faults)?),
        ("rollback-index", view.u64(112, Big)?.to_string()),
        ("flags", told_flags(flags)),
    ];
    let release = text_of(view.text(128, 48)?);
    attributes.extend((!release.is_empty()).then_some(("made-by", release)));
    let (offset, size) = (at(view.u64(96, Big)?)?, at(view.u64(104, Big)?)?);
    match View(header.auxiliary).bytes(offset, size).and_then(descriptors) {
        Ok(told) => attributes.push(("descriptors", told.join("; "))),
        Err(fault) => faults.push(fault.within(HEADER_BYTES + authentication)),
    }
    Ok(Opened { length, attributes, faults, ..Opened::default() })
}

fn told_flags(flags: u32) -> String {
    let named = [
        (HASHTREE_DISABLED, "hashtree-disabled"),
        (VERIFICATION_DISABLED, "verification-disabled"),
    ];
    let told: Vec<&str> =
        named.iter().filter(|(bit, _)| flags & bit != 0).map(|&(_, name)| name).collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

/// What the signature is worth: the digest and the signature with the key inside are verified.
fn signature(header: &Header<'_>, faults: &mut Vec<Fault>) -> Result<String, NotThis> {
    let view = View(header.bytes);
    let number = view.u32(28, Big)?;
    if number == 0 {
        return Ok("none".to_owned());
    }
    let index = usize::try_from(number - 1).map_err(|_| NotThis)?;
    let &(algorithm, bits) = ALGORITHMS.get(index).ok_or(NotThis)?;
    let field = |at| -> Result<(usize, usize), NotThis> {
        let word = |at| usize::try_from(view.u64(at, Big)?).map_err(|_| NotThis);
        Ok((word(at)?, word(at + 8)?))
    };
    let inside =
        |(offset, size): (usize, usize), of: View<'_>| of.bytes(offset, size).map(<[u8]>::to_vec);
    let stored = inside(field(32)?, header.authentication)?;
    let signed = inside(field(48)?, header.authentication)?;
    let key = inside(field(64)?, View(header.auxiliary))?;
    let name = format!(
        "{algorithm} RSA-{bits} key {}",
        digest::hex(&digest::of("sha1", &key).unwrap_or_default())
    );
    let computed = digest::of(algorithm, &[header.bytes, header.auxiliary].concat());
    let computed = computed.unwrap_or_default();
    let sound = agrees(&stored[..], &computed[..]);
    if !sound {
        faults.push(Fault::new(HEADER_BYTES, format!("check the {algorithm}"), "it does not fit"));
    }
    let verified = public_key(&key)
        .filter(|key| key.bits() == bits)
        .map(|key| key.verifies(Padding::Pkcs1, algorithm, &computed, &signed));
    Ok(match verified {
        Some(true) => format!("{name}, verified with the key inside"),
        Some(false) => {
            let why = "it is not made with the key inside";
            faults.push(Fault::new(HEADER_BYTES, "check the signature", why));
            format!("{name}, wrong")
        }
        None => format!("{name}, not verified: no such key inside"),
    })
}

/// A key as `AvbRSAPublicKeyHeader` stores it: bits, a constant, the modulus; the exponent is 65537.
fn public_key(bytes: &[u8]) -> Option<RsaKey> {
    let view = View(bytes);
    let modulus = usize::try_from(view.u32(0, Big).ok()? / 8).ok()?;
    RsaKey::new(view.bytes(8, modulus).ok()?, 65_537)
}

/// Each descriptor in a few words.
fn descriptors(bytes: &[u8]) -> Result<Vec<String>, Fault> {
    let view = View(bytes);
    let (mut at, mut told) = (0, Vec::new());
    while at < bytes.len() && told.len() < DESCRIPTORS_MAX {
        let (tag, size) = (view.u64(at, Big)?, view.u64(at + 8, Big)?);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let body = View(view.bytes(at + 16, size)?);
        told.push(match tag {
            0 => property(body)?,
            1 => hash_tree(body)?,
            2 => hash(body)?,
            3 => {
                let length = length_at(body, 4)?;
                format!("cmdline {:?}", text_of(body.bytes(8, length)?))
            }
            4 => chained(body)?,
            other => format!("kind {other}"),
        });
        at = at.saturating_add(16).saturating_add(size);
    }
    Ok(told)
}

fn length_at(view: View<'_>, at: usize) -> Result<usize, Fault> {
    Ok(usize::try_from(view.u32(at, Big)?).unwrap_or(usize::MAX))
}

fn property(body: View<'_>) -> Result<String, Fault> {
    let word = |at| Ok::<_, Fault>(usize::try_from(body.u64(at, Big)?).unwrap_or(usize::MAX));
    let (key, value) = (word(0)?, word(8)?);
    let key_text = text_of(body.bytes(16, key)?);
    let value = body.bytes(17_usize.saturating_add(key), value)?;
    let shown = value.get(..value.len().min(128)).unwrap_or_default();
    Ok(format!("{key_text} = {}", text_of(shown)))
}

fn hash_tree(body: View<'_>) -> Result<String, Fault> {
    let (name, salt) = (length_at(body, 88)?, length_at(body, 92)?);
    let partition = text_of(body.bytes(164, name)?);
    let digest =
        body.bytes(164_usize.saturating_add(name).saturating_add(salt), length_at(body, 96)?)?;
    let algorithm = text_of(body.text(56, 32)?);
    Ok(format!("hash tree of {partition}: {algorithm} {}", digest::hex(digest)))
}

fn hash(body: View<'_>) -> Result<String, Fault> {
    let (name, salt) = (length_at(body, 40)?, length_at(body, 44)?);
    let partition = text_of(body.bytes(116, name)?);
    let digest =
        body.bytes(116_usize.saturating_add(name).saturating_add(salt), length_at(body, 48)?)?;
    let algorithm = text_of(body.text(8, 32)?);
    Ok(format!("hash of {partition}: {algorithm} {}", digest::hex(digest)))
}

fn chained(body: View<'_>) -> Result<String, Fault> {
    let name = length_at(body, 4)?;
    let partition = text_of(body.bytes(76, name)?);
    let key = body.bytes(76_usize.saturating_add(name), length_at(body, 8)?)?;
    let key = digest::hex(&digest::of("sha1", key).unwrap_or_default());
    Ok(format!("chain to {partition}: key {key}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;
    use sha2::{Digest as _, Sha256};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check},
            reference::run,
        },
    };

    fn field(text: &str, width: usize) -> Vec<u8> {
        let mut field = text.as_bytes().to_vec();
        field.resize(width, 0);
        field
    }

    fn descriptor(tag: u64, body: &[u8]) -> Vec<u8> {
        let length = body.len().next_multiple_of(8);
        let mut bytes = [tag.to_be_bytes(), (length as u64).to_be_bytes()].concat();
        bytes.extend(body);
        bytes.resize(16 + length, 0);
        bytes
    }

    fn words(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    fn descriptors() -> Vec<u8> {
        let mut hash =
            [&4096_u64.to_be_bytes()[..], &field("sha256", 32), &words(&[4, 2, 3, 0])].concat();
        hash.resize(116, 0);
        hash.extend(b"boot\x01\x02abc");
        let mut tree = words(&[1, 0, 4096, 0, 4096, 0, 8, 4096, 4096, 0, 0, 0, 0, 0]);
        tree.extend(field("sha1", 32));
        tree.extend(words(&[6, 1, 2, 0]));
        tree.resize(164, 0);
        tree.extend(b"system\x09xy");
        let property = [&3_u64.to_be_bytes()[..], &2_u64.to_be_bytes(), b"key\0v1\0"].concat();
        let cmdline = [&words(&[0, 5])[..], b"a=b c"].concat();
        let mut chain = words(&[1, 6, 3, 0]);
        chain.resize(76, 0);
        chain.extend(b"vendorkey");
        [
            descriptor(0, &property),
            descriptor(1, &tree),
            descriptor(2, &hash),
            descriptor(3, &cmdline),
            descriptor(4, &chain),
        ]
        .concat()
    }

    /// Metadata signed by `sign`, which gets what is covered; the key lies behind the descriptors.
    fn image(algorithm: u32, key: &[u8], sign: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let mut auxiliary = descriptors();
        let described = auxiliary.len() as u64;
        auxiliary.extend(key);
        auxiliary.resize(auxiliary.len().next_multiple_of(64), 0);
        let authentication = if algorithm == 0 { 0 } else { 320_u64 };
        let mut header = b"AVB0\0\0\0\x01\0\0\0\0".to_vec();
        header.extend(
            [authentication.to_be_bytes(), (auxiliary.len() as u64).to_be_bytes()].concat(),
        );
        header.extend(algorithm.to_be_bytes());
        let key_bytes = key.len() as u64;
        for value in [0, 32, 32, 256, described, key_bytes, 0, 0, 0, described, 7] {
            header.extend(value.to_be_bytes());
        }
        header.extend(words(&[2, 0]));
        header.extend(field("avbtool 1.2.0", 48));
        header.resize(256, 0);
        let covered = [&header[..], &auxiliary].concat();
        let mut block = Sha256::digest(&covered).to_vec();
        block.extend(sign(&covered));
        block.resize(usize::try_from(authentication).unwrap(), 0);
        [header, block, auxiliary].concat()
    }

    #[test]
    fn descriptors_are_told() {
        let bytes = image(0, b"", |_| Vec::new());
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let told = |key| attribute(&tree, "android-vbmeta", key).unwrap();
        assert_eq!(told("flags"), "verification-disabled");
        assert_eq!((told("signature"), told("rollback-index")), ("none".into(), "7".into()));
        let wanted = "key = v1; hash tree of system: sha1 7879; hash of boot: sha256 616263; \
                      cmdline \"a=b c\"; chain to vendor: key ";
        assert!(told("descriptors").starts_with(wanted), "{}", told("descriptors"));
        check(&bytes, 200);
    }

    #[test]
    fn a_signature_is_verified_with_the_key_inside() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (key, public, message, signed) = (path("k"), path("p"), path("m"), path("s"));
        if !run("openssl", &["genrsa", "-out", &key, "2048"]) {
            return;
        }
        run(
            "openssl",
            &["rsa", "-in", &key, "-RSAPublicKey_out", "-outform", "DER", "-out", &public],
        );
        // SEQUENCE, INTEGER with a leading zero: the modulus starts at offset 9 and has 256 bytes.
        let der = fs::read(&public).unwrap();
        let mut stored = words(&[2048, 0]);
        stored.extend(&der[9..265]);
        stored.extend([0; 256]);
        let bytes = image(1, &stored, |covered| {
            fs::write(&message, covered).unwrap();
            run("openssl", &["dgst", "-sha256", "-sign", &key, "-out", &signed, &message]);
            fs::read(&signed).unwrap()
        });
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let told = attribute(&tree, "android-vbmeta", "signature").unwrap();
        assert!(told.starts_with("sha256 RSA-2048 key "), "{told}");
        assert!(told.ends_with("verified with the key inside"), "{told}");
        let mut damaged = bytes;
        *damaged.last_mut().unwrap() ^= 1;
        let tree = Tree::from_bytes(damaged, &Limits::default());
        assert!(attribute(&tree, "android-vbmeta", "signature").unwrap().ends_with("wrong"));
        assert_eq!(tree.problems().len(), 2);
    }
}
