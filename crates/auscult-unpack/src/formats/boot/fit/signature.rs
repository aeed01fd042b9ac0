//! Signatures of image trees (`doc/usage/fit/signature.rst` of U-Boot), of configurations and of single
//! images. The public keys are nodes of `/signature` in the boot loader's own device tree: they are
//! looked for in every device tree of the image.

use std::collections::BTreeMap;

use super::{
    super::fdt::{self, Node},
    NAME, region,
};
use crate::{
    Extent, Fault, NodeId, Tree, digest,
    format::Remark,
    formats::support::layout::text_of,
    signature::{Padding, RsaKey, ecdsa_p256},
};

/// Device trees with keys that are read, and keys of each.
const TREES_MAX: usize = 64;
const KEYS_MAX: usize = 64;
const TREE_BYTES_MAX: u64 = 8 << 20;
/// Signatures are compared with this many keys in one image, all together.
const VERIFICATIONS_MAX: usize = 256;

enum Key {
    Rsa(RsaKey),
    P256([u8; 64]),
}

/// The keys of all device trees by name.
type Keys = BTreeMap<String, Vec<Key>>;

/// What a signature came to.
#[derive(Clone, PartialEq, Eq)]
enum Verdict {
    Verified(String),
    Wrong,
    NotVerified(&'static str),
}

/// Verifies every signature of every image tree.
pub(in crate::formats) fn second_look(tree: &Tree) -> Vec<Remark> {
    let signed: Vec<_> = tree.nodes().filter(|(_, node)| node.format() == Some(NAME)).collect();
    if signed.is_empty() {
        return Vec::new();
    }
    let mut look = Look { keys: keys(tree), left: VERIFICATIONS_MAX };
    let extents = signed.iter().filter_map(|(id, node)| Some((*id, node.content.as_ref()?)));
    extents.filter_map(|(id, extent)| look.remark(id, extent).ok().flatten()).collect()
}

fn keys(tree: &Tree) -> Keys {
    let mut keys = Keys::new();
    let trees = tree.nodes().filter(|(_, node)| node.format() == Some("dtb"));
    let mut with_keys = 0;
    for (id, node) in trees {
        if node.len() > TREE_BYTES_MAX || with_keys >= TREES_MAX {
            continue;
        }
        let Ok(data) = tree.bytes(id) else { continue };
        let Ok(root) = fdt::parse(&data) else { continue };
        let Some(signature) = root.child("signature") else { continue };
        with_keys += 1;
        for node in signature.children.iter().take(KEYS_MAX) {
            let name = node.name.strip_prefix("key-").unwrap_or(&node.name);
            if let Some(key) = key(&data, node) {
                keys.entry(name.to_owned()).or_default().push(key);
            }
        }
    }
    keys
}

fn key(data: &[u8], node: &Node) -> Option<Key> {
    if let Some(modulus) = node.value(data, "rsa,modulus") {
        let exponent = node.number(data, "rsa,exponent").unwrap_or(65_537);
        return RsaKey::new(modulus, exponent).map(Key::Rsa);
    }
    let (x, y) = (node.value(data, "ecdsa,x-point")?, node.value(data, "ecdsa,y-point")?);
    let point = <[u8; 64]>::try_from([x, y].concat()).ok()?;
    (node.text(data, "ecdsa,curve").as_deref() == Some("prime256v1")).then_some(Key::P256(point))
}

struct Look {
    keys: Keys,
    left: usize,
}

/// A signature as a node of the tree describes it.
struct Signature<'data> {
    algorithm: String,
    hint: String,
    value: &'data [u8],
    padding: Padding,
}

impl Look {
    /// Verifies the signatures of one image tree.
    fn remark(&mut self, id: NodeId, extent: &Extent) -> Result<Option<Remark>, Fault> {
        let size = fdt::total_size(&extent.read(0, 40)?);
        let size = size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
        let data = extent.read(0, size)?;
        let root = fdt::parse(&data)?;
        let (mut told, mut faults) = (Vec::new(), Vec::new());
        for (group, covers) in [("configurations", true), ("images", false)] {
            let nodes = root.child(group).map(|group| group.children.as_slice());
            for node in nodes.unwrap_or_default() {
                for child in &node.children {
                    let Some(signature) = read(&data, child) else { continue };
                    let message =
                        if covers { configuration(&data, child) } else { image(&data, node) };
                    let verdict = self.verify(&signature, message.as_deref());
                    told.push(describe(&node.name, &signature, &verdict));
                    if verdict == Verdict::Wrong {
                        let what = format!("check the signature of {}", node.name);
                        let why = format!("it is not made with the key {:?}", signature.hint);
                        faults.push(Fault::new(0, what, why));
                    }
                }
            }
        }
        let attributes = vec![("signatures", told.join("; "))];
        Ok((!told.is_empty()).then_some(Remark { node: id, attributes, faults }))
    }

    fn verify(&mut self, signature: &Signature<'_>, message: Option<&[u8]>) -> Verdict {
        let Some((hash, _)) = signature.algorithm.split_once(',') else {
            return Verdict::NotVerified("its algorithm is unknown");
        };
        let Some(message) = message else {
            return Verdict::NotVerified("what it covers is not all there");
        };
        if self.keys.is_empty() {
            return Verdict::NotVerified("the key is not in the image");
        }
        let Some(digest) = digest::of(hash, message) else {
            return Verdict::NotVerified("its digest is unknown");
        };
        // The hint is only that: boot loaders try the other keys too.
        let named = self.keys.get_key_value(&signature.hint).into_iter();
        let others = self.keys.iter().filter(|(name, _)| **name != signature.hint);
        for (name, key) in
            named.chain(others).flat_map(|(name, keys)| keys.iter().map(move |key| (name, key)))
        {
            let Some(left) = self.left.checked_sub(1) else {
                return Verdict::NotVerified("there are too many");
            };
            self.left = left;
            if holds(key, signature, hash, &digest) {
                return Verdict::Verified(name.clone());
            }
        }
        if self.keys.contains_key(&signature.hint) {
            Verdict::Wrong
        } else {
            Verdict::NotVerified("the key is not in the image")
        }
    }
}

fn holds(key: &Key, signature: &Signature<'_>, hash: &str, digest: &[u8]) -> bool {
    match key {
        Key::Rsa(key) => key.verifies(signature.padding, hash, digest, signature.value),
        Key::P256(point) => ecdsa_p256(point, digest, signature.value) == Some(true),
    }
}

/// The signature of a node, unless it is still empty.
fn read<'data>(data: &'data [u8], node: &Node) -> Option<Signature<'data>> {
    if !node.name.starts_with("signature") {
        return None;
    }
    let padding = match node.text(data, "padding").as_deref() {
        Some("pss") => Padding::Pss,
        _ => Padding::Pkcs1,
    };
    Some(Signature {
        algorithm: node.text(data, "algo").unwrap_or_default(),
        hint: node.text(data, "key-name-hint").unwrap_or_default(),
        value: node.value(data, "value")?,
        padding,
    })
}

/// What the signature of a configuration covers.
fn configuration(data: &[u8], node: &Node) -> Option<Vec<u8>> {
    let list = node.value(data, "hashed-nodes")?;
    let nodes: Vec<&[u8]> =
        list.split(|&byte| byte == 0).filter(|name| !name.is_empty()).take(256).collect();
    let strings = crate::View(node.value(data, "hashed-strings")?).u32(4, crate::Endian::Big);
    region::signed_bytes(data, &nodes, usize::try_from(strings.ok()?).ok()?)
}

/// What the signature of an image covers: its data, as far as it lies in the tree.
fn image(data: &[u8], node: &Node) -> Option<Vec<u8>> {
    node.value(data, "data").map(<[u8]>::to_vec)
}

fn describe(name: &str, signature: &Signature<'_>, verdict: &Verdict) -> String {
    let Signature { algorithm, hint, padding, .. } = signature;
    let padding = if *padding == Padding::Pss { " pss" } else { "" };
    let hint = text_of(hint.as_bytes());
    let state = match verdict {
        Verdict::Verified(key) if *key == hint => "verified".to_owned(),
        Verdict::Verified(key) => format!("verified with key {key}"),
        Verdict::Wrong => "wrong".to_owned(),
        Verdict::NotVerified(why) => format!("not verified: {why}"),
    };
    format!("{name}: signed by key {hint} ({algorithm}{padding}), {state}")
}
