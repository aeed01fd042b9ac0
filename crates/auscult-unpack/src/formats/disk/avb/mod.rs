//! Android Verified Boot 2 (AOSP `external/avb/libavb`): the block of metadata with its signature,
//! and the footer that tells where in a partition it is. Everything is big-endian.
//!
//! The block's own hash and signature are verified, and hashes of the partition that it is part of.

mod descriptor;
mod signature;
#[cfg(test)]
mod tests;

use self::descriptor::Descriptor;
use crate::{
    Endian::Big,
    Extent, Fault, View,
    checksum::agrees,
    digest::{self, hex},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::{disk::hash_tree::Shape, support::layout::text_of},
};

pub(crate) static FORMAT: Format =
    Format { name: "avb-vbmeta", magics: &[Magic::start(b"AVB0")], carve: true, open };

pub(crate) static FOOTER: Format =
    Format { name: "avb-footer", magics: &[Magic::start(b"AVBf")], carve: true, open: open_footer };

const HEADER_BYTES: u64 = 256;
const FOOTER_BYTES: u64 = 64;
/// Largest block of metadata (`VBMETA_MAX_SIZE`).
const BYTES_MAX: u64 = 64 << 10;
/// Data whose hash is computed: more would take too long for a list.
const DATA_BYTES_MAX: u64 = 16 << 30;

/// Signatures, by their number (`AvbAlgorithmType`).
const ALGORITHMS: [&str; 9] = [
    "none",
    "sha256-rsa2048",
    "sha256-rsa4096",
    "sha256-rsa8192",
    "sha512-rsa2048",
    "sha512-rsa4096",
    "sha512-rsa8192",
    "mldsa65",
    "mldsa87",
];

/// `AvbVBMetaImageHeader`, as far as it is used.
struct Header {
    authentication_bytes: u64,
    auxiliary_bytes: u64,
    algorithm: u32,
    /// Place and length in one of the two blocks behind the header.
    hash: (u64, u64),
    signature: (u64, u64),
    key: (u64, u64),
    descriptors: (u64, u64),
    rollback_index: u64,
    flags: u32,
    rollback_location: u32,
    release: String,
}

impl Header {
    fn parse(view: View<'_>) -> Result<Option<Self>, Fault> {
        let pair = |offset| -> Result<(u64, u64), Fault> {
            Ok((view.u64(offset, Big)?, view.u64(offset + 8, Big)?))
        };
        let header = Self {
            authentication_bytes: view.u64(12, Big)?,
            auxiliary_bytes: view.u64(20, Big)?,
            algorithm: view.u32(28, Big)?,
            hash: pair(32)?,
            signature: pair(48)?,
            key: pair(64)?,
            descriptors: pair(96)?,
            rollback_index: view.u64(112, Big)?,
            flags: view.u32(120, Big)?,
            rollback_location: view.u32(124, Big)?,
            release: text_of(view.text(128, 48)?),
        };
        let inside = |(offset, length): (u64, u64), bytes: u64| {
            offset.checked_add(length).is_some_and(|end| end <= bytes)
        };
        let fits = view.u32(4, Big)? == 1
            && header.authentication_bytes.is_multiple_of(64)
            && header.auxiliary_bytes.is_multiple_of(64)
            && header.authentication_bytes <= BYTES_MAX
            && header.auxiliary_bytes <= BYTES_MAX
            && inside(header.hash, header.authentication_bytes)
            && inside(header.signature, header.authentication_bytes)
            && inside(header.key, header.auxiliary_bytes)
            && inside(header.descriptors, header.auxiliary_bytes);
        Ok(fits.then_some(header))
    }

    fn length(&self) -> u64 {
        HEADER_BYTES + self.authentication_bytes + self.auxiliary_bytes
    }

    /// The digest that the signature is over; none without a signature.
    fn digest(&self) -> Option<&'static str> {
        match self.algorithm {
            1..=3 => Some("sha256"),
            4..=8 => Some("sha512"),
            _ => None,
        }
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let image = &candidate.extent;
    let head = image.read(0, HEADER_BYTES)?;
    let header = Header::parse(View(&head))?.ok_or(NotThis)?;
    let mut opened = Opened { length: header.length(), ..Opened::default() };
    let number = usize::try_from(header.algorithm).unwrap_or(usize::MAX);
    let algorithm =
        ALGORITHMS.get(number).map_or_else(|| format!("{number}"), |name| (*name).to_owned());
    opened.attributes = vec![
        ("version", format!("1.{}", View(&head).u32(8, Big)?)),
        ("made-by", header.release.clone()),
        ("signature", algorithm),
        ("rollback-index", header.rollback_index.to_string()),
        ("rollback-index-location", header.rollback_location.to_string()),
        ("flags", flags(header.flags)),
    ];
    let start = HEADER_BYTES + header.authentication_bytes;
    let auxiliary = match image.read(start, header.auxiliary_bytes) {
        Ok(auxiliary) => auxiliary,
        Err(fault) => {
            opened.faults.push(fault);
            return Ok(opened);
        }
    };
    let part = |(offset, length): (u64, u64)| {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        View(&auxiliary).bytes(offset, usize::try_from(length).unwrap_or(usize::MAX))
    };
    let key = part(header.key)?;
    if !key.is_empty() {
        let digest = |name: &str| digest::of(name, key).map_or_else(String::new, |d| hex(&d));
        opened.attributes.push(("public-key-sha1", digest("sha1")));
        opened.attributes.push(("public-key-sha256", digest("sha256")));
    }
    let signed = Signed { image, header: &header, head: &head, auxiliary: &auxiliary, key };
    opened
        .attributes
        .extend(signed.verify(&mut opened.faults).map(|told| ("signature-verified", told)));
    let (descriptors, fault) = descriptor::read(part(header.descriptors)?);
    opened.faults.extend(fault.map(|fault| fault.within(start + header.descriptors.0)));
    describe(&descriptors, &mut opened.attributes);
    verify_partition(candidate, &descriptors, &mut opened);
    Ok(opened)
}

/// `AvbVBMetaImageFlags`.
fn flags(flags: u32) -> String {
    let names = [(1, "hashtree-disabled"), (2, "verification-disabled")];
    let set = names.iter().filter(|(bit, _)| flags & bit != 0).map(|&(_, name)| name);
    set.collect::<Vec<_>>().join(",")
}

/// What is hashed and signed, and with which key.
struct Signed<'data> {
    image: &'data Extent,
    header: &'data Header,
    head: &'data [u8],
    auxiliary: &'data [u8],
    key: &'data [u8],
}

impl Signed<'_> {
    /// Verifies the hash of header and auxiliary block, and the signature over it. Tells what came of
    /// the signature; nothing where there is none.
    fn verify(&self, faults: &mut Vec<Fault>) -> Option<String> {
        let Self { image, header, head, auxiliary, key } = self;
        let name = header.digest()?;
        let read = |(offset, length)| image.read(HEADER_BYTES + offset, length);
        let computed = digest::of(name, &[*head, *auxiliary].concat())?;
        let what = "verify the block of metadata";
        let fault = |(offset, _), why: &str| Fault::new(HEADER_BYTES + offset, what, why);
        if !read(header.hash).is_ok_and(|stored| agrees(&stored[..], computed.as_slice())) {
            let why = "its hash is wrong: the signature does not hold";
            faults.push(fault(header.hash, why));
            return Some("no".to_owned());
        }
        let signature = read(header.signature).unwrap_or_default();
        Some(match signature::holds(header, key, &computed, &signature) {
            Some(true) => "yes, with the key inside".to_owned(),
            Some(false) => {
                faults.push(fault(header.signature, "it is not signed with the key inside"));
                "no".to_owned()
            }
            None => "not checked: no such key inside".to_owned(),
        })
    }
}

fn describe(descriptors: &[Descriptor], attributes: &mut Vec<(&'static str, String)>) {
    let list = |told: Vec<String>, name: &'static str, attributes: &mut Vec<_>| {
        if !told.is_empty() {
            attributes.push((name, told.join("; ")));
        }
    };
    let of =
        |pick: fn(&Descriptor) -> Option<String>| descriptors.iter().filter_map(pick).collect();
    list(of(Descriptor::hash_text), "hashes", attributes);
    list(of(Descriptor::tree_text), "hash-trees", attributes);
    list(of(Descriptor::chain_text), "chained-partitions", attributes);
    list(of(Descriptor::command_line_text), "kernel-command-lines", attributes);
    list(of(Descriptor::property_text), "properties", attributes);
}

/// Verifies the partition that the block is part of: its content begins where the partition does.
fn verify_partition(candidate: &Candidate, descriptors: &[Descriptor], opened: &mut Opened) {
    if candidate.offset == 0 {
        return;
    }
    let partition = candidate.enclosing();
    for descriptor in descriptors {
        let result = match descriptor {
            Descriptor::Hash { image_bytes, algorithm, salt, digest, .. }
                if *image_bytes <= candidate.offset =>
            {
                hash_holds(&partition, *image_bytes, algorithm, salt, digest)
            }
            Descriptor::Tree { image_bytes, tree, shape, root, .. }
                if *image_bytes <= candidate.offset =>
            {
                tree_holds(&partition, *tree, shape, root)
            }
            _ => continue,
        };
        let told = match result {
            Ok(()) => "yes".to_owned(),
            Err(why) => {
                let what = "verify the partition in front of it";
                opened.faults.push(Fault::new(0, what, why.clone()));
                why
            }
        };
        opened.attributes.push(("partition-verified", told));
        return;
    }
}

fn hash_holds(
    partition: &Extent,
    bytes: u64,
    algorithm: &str,
    salt: &[u8],
    expected: &[u8],
) -> Result<(), String> {
    let data = partition.clamp(0, bytes);
    let computed = digest::of_extent(algorithm, salt, &data).map_err(|fault| fault.to_string())?;
    let computed = computed.ok_or_else(|| format!("the algorithm {algorithm:?} is not known"))?;
    if agrees(expected, computed.as_slice()) { Ok(()) } else { Err("its hash is wrong".to_owned()) }
}

fn tree_holds(
    partition: &Extent,
    tree: (u64, u64),
    shape: &Shape,
    expected: &[u8],
) -> Result<(), String> {
    if !shape.fits() || shape.data_bytes() > DATA_BYTES_MAX {
        return Err("the sizes of its tree are impossible".to_owned());
    }
    let tree = partition.clamp(tree.0, tree.1);
    let mut verified = shape.verify_tree(&tree).map_err(|fault| fault.to_string())?;
    let data = partition.clamp(0, shape.data_bytes());
    let wrong =
        shape.verify_data(&tree, &data, &mut verified.root).map_err(|fault| fault.to_string())?;
    if !agrees(expected, verified.root.as_slice()) {
        return Err("the root of its tree of hashes is another".to_owned());
    }
    if verified.wrong > 0 {
        return Err(format!("{} of {} blocks of its tree differ", verified.wrong, verified.blocks));
    }
    match wrong {
        0 => Ok(()),
        wrong => Err(format!("{wrong} of {} blocks differ", shape.data_blocks)),
    }
}

/// The footer at the end of a partition.
fn open_footer(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, FOOTER_BYTES)?;
    let view = View(&head);
    let (original, place, length) = (view.u64(12, Big)?, view.u64(20, Big)?, view.u64(28, Big)?);
    let fits = view.u32(4, Big)? == 1
        && original <= place
        && (HEADER_BYTES..=2 * BYTES_MAX).contains(&length)
        && view.bytes(36, 28)?.iter().all(|&byte| byte == 0);
    if !fits {
        return Err(NotThis);
    }
    Ok(Opened {
        length: FOOTER_BYTES,
        attributes: vec![
            ("version", format!("1.{}", view.u32(8, Big)?)),
            ("image-size", original.to_string()),
            ("vbmeta-offset", place.to_string()),
            ("vbmeta-size", length.to_string()),
        ],
        ..Opened::default()
    })
}
