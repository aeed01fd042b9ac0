//! Android Verified Boot: blocks of our own, in the layout that avbtool writes.

use std::fs;

use auscult_model::Limits;
use auscult_testkit::{Endian, Writer};

use crate::{
    Tree,
    digest::{hex, of},
    formats::testing::{
        hostile::{attribute, check, noise},
        reference::{container, run},
    },
};

fn descriptor(tag: u64, body: &[u8]) -> Vec<u8> {
    let mut descriptor = Writer::new(Endian::Big);
    let length = body.len().next_multiple_of(8);
    descriptor.u64(tag).u64(length as u64).bytes(body).fill(0, length - body.len());
    descriptor.finish()
}

fn property(key: &str, value: &str) -> Vec<u8> {
    let mut body = Writer::new(Endian::Big);
    body.u64(key.len() as u64).u64(value.len() as u64);
    body.bytes(key.as_bytes()).u8(0).bytes(value.as_bytes()).u8(0);
    descriptor(0, body.as_slice())
}

fn hash(name: &str, data: &[u8]) -> Vec<u8> {
    let digest = of("sha256", &[&b"salt"[..], data].concat()).unwrap();
    let mut body = Writer::new(Endian::Big);
    body.u64(data.len() as u64).bytes(b"sha256").fill(0, 26);
    body.u32(u32::try_from(name.len()).unwrap()).u32(4).u32(32).u32(0).fill(0, 60);
    body.bytes(name.as_bytes()).bytes(b"salt").bytes(&digest);
    descriptor(2, body.as_slice())
}

/// A tree over two blocks, which is one block of hashes, and its descriptor.
fn tree(name: &str, data: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let salted = |block: &[u8]| of("sha1", &[&b"salt"[..], block].concat()).unwrap();
    let mut block = Writer::new(Endian::Big);
    for data in data.chunks(4096) {
        block.bytes(&salted(data)).fill(0, 12);
    }
    block.fill(0, 4096 - block.len());
    let block = block.finish();
    let mut body = Writer::new(Endian::Big);
    body.u32(1).u64(data.len() as u64).u64(data.len() as u64).u64(4096).u32(4096).u32(4096);
    body.u32(0).u64(0).u64(0).bytes(b"sha1").fill(0, 28);
    body.u32(u32::try_from(name.len()).unwrap()).u32(4).u32(20).u32(0).fill(0, 60);
    body.bytes(name.as_bytes()).bytes(b"salt").bytes(&salted(&block));
    (block, descriptor(1, body.as_slice()))
}

/// A block of metadata that is hashed, with a key and what `sign` makes of the bytes to be signed.
fn signed(descriptors: &[u8], key: &[u8], sign: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut auxiliary = [descriptors, key].concat();
    auxiliary.resize(auxiliary.len().next_multiple_of(64), 0);
    let mut head = Writer::new(Endian::Big);
    head.bytes(b"AVB0").u32(1).u32(2).u64(320).u64(auxiliary.len() as u64).u32(1);
    head.u64(0).u64(32).u64(32).u64(256).u64(descriptors.len() as u64).u64(key.len() as u64);
    head.u64(0).u64(0).u64(0).u64(descriptors.len() as u64).u64(7).u32(1).u32(3);
    head.bytes(b"avbtool 1.2.0").fill(0, 35).fill(0, 80);
    let head = head.finish();
    assert_eq!(head.len(), 256);
    let covered = [&head[..], &auxiliary].concat();
    let (digest, signature) = (of("sha256", &covered).unwrap(), sign(&covered));
    assert_eq!(signature.len(), 256);
    [&head[..], &digest, &signature, &[0; 32], &auxiliary].concat()
}

/// The same with a key and a signature of nothing.
fn metadata(descriptors: &[u8]) -> Vec<u8> {
    signed(descriptors, b"the public key of the maker\0\0\0\0\0", |_| vec![9; 256])
}

fn footer(original: u64, place: u64, length: u64) -> Vec<u8> {
    let mut footer = Writer::new(Endian::Big);
    footer.bytes(b"AVBf").u32(1).u32(0).u64(original).u64(place).u64(length).fill(0, 28);
    footer.finish()
}

#[test]
fn a_partition_is_verified_by_its_hash() {
    let data = noise(10_000);
    let chain = {
        let mut body = Writer::new(Endian::Big);
        body.u32(2).u32(6).u32(4).fill(0, 64).bytes(b"systemkey!");
        descriptor(4, body.as_slice())
    };
    let line = {
        let mut body = Writer::new(Endian::Big);
        body.u32(0).u32(10).bytes(b"root=dm-0 ");
        descriptor(3, body.as_slice())
    };
    let list = [hash("boot", &data), property("os.version", "14"), chain, line].concat();
    let block = metadata(&list);
    let mut image = data.clone();
    image.resize(12_288, 0);
    image.extend(&block);
    image.resize(16_384 - 64, 0);
    image.extend(footer(10_000, 12_288, block.len() as u64));
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert_eq!(tree.problems(), []);
    let told = |key: &str| attribute(&tree, "avb-vbmeta", key).unwrap();
    assert_eq!((told("partition-verified"), told("rollback-index")), ("yes".into(), "7".into()));
    assert_eq!(
        (told("signature"), told("flags")),
        ("sha256-rsa2048".into(), "hashtree-disabled".into())
    );
    let salted = of("sha256", &[&b"salt"[..], &data].concat()).unwrap();
    assert!(told("hashes").starts_with(&format!("boot: sha256 {} over", hex(&salted))));
    assert_eq!(told("properties"), "os.version=14");
    assert_eq!(told("kernel-command-lines"), "root=dm-0");
    let key = hex(&of("sha256", b"key!").unwrap());
    assert_eq!(
        told("chained-partitions"),
        format!("system: rollback index location 2, key sha256 {key}")
    );
    assert_eq!(attribute(&tree, "avb-footer", "image-size").unwrap(), "10000");
    assert_eq!(tree.node(container(&tree, "avb-vbmeta")).len(), block.len() as u64);
    let mut changed = image.clone();
    changed[77] ^= 1;
    let tree = Tree::from_bytes(changed, &Limits::default());
    assert!(tree.problems().iter().any(|problem| problem.why == "its hash is wrong"));
    let mut changed = image;
    changed[12_288 + 256 + 320 + 30] ^= 1;
    let tree = Tree::from_bytes(changed, &Limits::default());
    assert!(tree.problems().iter().any(|problem| problem.why.contains("signature does not hold")));
    check(&block[..400], 256);
}

#[test]
fn a_partition_is_verified_by_its_tree_of_hashes() {
    let data = noise(8192);
    let (hashes, list) = tree("system", &data);
    let image = [&data[..], &hashes, &metadata(&list)].concat();
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert_eq!(tree.problems(), []);
    assert_eq!(attribute(&tree, "avb-vbmeta", "partition-verified").unwrap(), "yes");
    assert!(
        attribute(&tree, "avb-vbmeta", "hash-trees").unwrap().starts_with("system: sha1 root ")
    );
    for (place, why) in [(10, "1 of 2 blocks differ"), (8192 + 4000, "root")] {
        let mut changed = image.clone();
        changed[place] ^= 1;
        let tree = Tree::from_bytes(changed, &Limits::default());
        let told = attribute(&tree, "avb-vbmeta", "partition-verified").unwrap();
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn a_signature_is_verified_with_the_key_inside() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, public, message, made) = (path("k"), path("p"), path("m"), path("s"));
    if !run("openssl", &["genrsa", "-out", &key, "2048"]) {
        return;
    }
    run("openssl", &["rsa", "-in", &key, "-RSAPublicKey_out", "-outform", "DER", "-out", &public]);
    // SEQUENCE, INTEGER with a leading zero: the modulus starts at offset 9 and has 256 bytes.
    let der = fs::read(&public).unwrap();
    let stored = [&2048_u32.to_be_bytes()[..], &[0; 4], &der[9..265], &[0; 256]].concat();
    let bytes = signed(&property("key", "value"), &stored, |covered| {
        fs::write(&message, covered).unwrap();
        run("openssl", &["dgst", "-sha256", "-sign", &key, "-out", &made, &message]);
        fs::read(&made).unwrap()
    });
    let told = |tree: &Tree| attribute(tree, "avb-vbmeta", "signature-verified").unwrap();
    let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
    assert_eq!(tree.problems(), []);
    assert_eq!(told(&tree), "yes, with the key inside");
    for (place, problem) in [(bytes.len() - 1, "hash is wrong"), (256 + 40, "not signed with")] {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        let tree = Tree::from_bytes(damaged, &Limits::default());
        assert_eq!(told(&tree), "no");
        assert!(tree.problems().iter().any(|found| found.why.contains(problem)));
    }
}
