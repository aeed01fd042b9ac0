//! Descriptors (`avb_descriptor.h` and those of each kind): what is verified, and how.

use crate::{
    Endian::Big,
    Fault, View,
    digest::hex,
    formats::{disk::hash_tree::Shape, support::layout::text_of},
};

/// Tag and length of each.
const HEADER_BYTES: usize = 16;
/// Descriptors that are read.
const COUNT_MAX: usize = 1000;

/// A descriptor.
#[derive(Clone, Debug)]
pub(super) enum Descriptor {
    Property {
        key: String,
        value: String,
    },
    /// The hash of a partition as a whole.
    Hash {
        partition: String,
        image_bytes: u64,
        algorithm: String,
        salt: Vec<u8>,
        digest: Vec<u8>,
    },
    /// The root of a tree of hashes over a partition.
    Tree {
        partition: String,
        image_bytes: u64,
        /// Place and length of the tree.
        tree: (u64, u64),
        shape: Shape,
        root: Vec<u8>,
    },
    CommandLine(String),
    /// A partition with metadata of its own, signed by this key.
    Chain {
        partition: String,
        rollback_location: u32,
        key_sha256: String,
    },
    Other(u64),
}

/// Reads all descriptors; those before a fault are kept.
pub(super) fn read(bytes: &[u8]) -> (Vec<Descriptor>, Option<Fault>) {
    let (mut found, mut position) = (Vec::new(), 0);
    while position < bytes.len() && found.len() < COUNT_MAX {
        let rest = View(bytes.get(position..).unwrap_or_default());
        match read_one(rest) {
            Ok((descriptor, length)) => {
                found.push(descriptor);
                position += length;
            }
            Err(fault) => {
                let place = u64::try_from(position).unwrap_or(0);
                return (found, Some(fault.within(place)));
            }
        }
    }
    (found, None)
}

fn length_of(view: View<'_>, offset: usize) -> Result<usize, Fault> {
    Ok(usize::try_from(view.u32(offset, Big)?).unwrap_or(usize::MAX))
}

fn read_one(view: View<'_>) -> Result<(Descriptor, usize), Fault> {
    let tag = view.u64(0, Big)?;
    let following = usize::try_from(view.u64(8, Big)?).unwrap_or(usize::MAX);
    let body = View(view.bytes(HEADER_BYTES, following)?);
    let descriptor = match tag {
        0 => property(body)?,
        1 => tree(body)?,
        2 => hash(body)?,
        3 => {
            let length = length_of(body, 4)?;
            Descriptor::CommandLine(text_of(body.bytes(8, length)?))
        }
        4 => {
            let (name, key) = (length_of(body, 4)?, length_of(body, 8)?);
            let key = body.bytes(76_usize.saturating_add(name), key)?;
            let digest = crate::digest::of("sha256", key).unwrap_or_default();
            Descriptor::Chain {
                partition: text_of(body.bytes(76, name)?),
                rollback_location: body.u32(0, Big)?,
                key_sha256: hex(&digest),
            }
        }
        other => Descriptor::Other(other),
    };
    Ok((descriptor, HEADER_BYTES + following))
}

fn property(body: View<'_>) -> Result<Descriptor, Fault> {
    let size = |offset| -> Result<usize, Fault> {
        Ok(usize::try_from(body.u64(offset, Big)?).unwrap_or(usize::MAX))
    };
    let (key, value) = (size(0)?, size(8)?);
    Ok(Descriptor::Property {
        key: text_of(body.bytes(16, key)?),
        // A zero ends each of them.
        value: text_of(body.bytes(17_usize.saturating_add(key), value)?),
    })
}

/// The name, the salt and the digest behind the fixed part.
fn names(body: View<'_>, at: usize, start: usize) -> Result<(String, Vec<u8>, Vec<u8>), Fault> {
    let (name, salt, digest) =
        (length_of(body, at)?, length_of(body, at + 4)?, length_of(body, at + 8)?);
    let salt_place = start.saturating_add(name);
    let digest_place = salt_place.saturating_add(salt);
    Ok((
        text_of(body.bytes(start, name)?),
        body.bytes(salt_place, salt)?.to_vec(),
        body.bytes(digest_place, digest)?.to_vec(),
    ))
}

fn hash(body: View<'_>) -> Result<Descriptor, Fault> {
    let (partition, salt, digest) = names(body, 40, 116)?;
    Ok(Descriptor::Hash {
        partition,
        image_bytes: body.u64(0, Big)?,
        algorithm: text_of(body.text(8, 32)?),
        salt,
        digest,
    })
}

fn tree(body: View<'_>) -> Result<Descriptor, Fault> {
    let (partition, salt, root) = names(body, 88, 164)?;
    let image_bytes = body.u64(4, Big)?;
    let (data_block, hash_block) = (body.u32(28, Big)?, body.u32(32, Big)?);
    let shape = Shape {
        algorithm: text_of(body.text(56, 32)?),
        salt,
        normal: true,
        data_block_bytes: data_block.into(),
        hash_block_bytes: hash_block.into(),
        data_blocks: image_bytes / u64::from(data_block.max(1)),
    };
    let tree = (body.u64(12, Big)?, body.u64(20, Big)?);
    Ok(Descriptor::Tree { partition, image_bytes, tree, shape, root })
}

impl Descriptor {
    pub(super) fn hash_text(&self) -> Option<String> {
        match self {
            Self::Hash { partition, image_bytes, algorithm, salt, digest } => Some(format!(
                "{partition}: {algorithm} {} over {image_bytes} bytes, salt {}",
                hex(digest),
                hex(salt)
            )),
            _ => None,
        }
    }

    pub(super) fn tree_text(&self) -> Option<String> {
        match self {
            Self::Tree { partition, image_bytes, shape, root, .. } => Some(format!(
                "{partition}: {} root {} over {image_bytes} bytes, salt {}",
                shape.algorithm,
                hex(root),
                hex(&shape.salt)
            )),
            _ => None,
        }
    }

    pub(super) fn chain_text(&self) -> Option<String> {
        match self {
            Self::Chain { partition, rollback_location, key_sha256 } => Some(format!(
                "{partition}: rollback index location {rollback_location}, key sha256 {key_sha256}"
            )),
            _ => None,
        }
    }

    pub(super) fn command_line_text(&self) -> Option<String> {
        match self {
            Self::CommandLine(text) => Some(text.clone()),
            _ => None,
        }
    }

    pub(super) fn property_text(&self) -> Option<String> {
        match self {
            Self::Property { key, value } => Some(format!("{key}={value}")),
            Self::Other(tag) => Some(format!("unknown descriptor {tag}")),
            _ => None,
        }
    }
}
