//! U-Boot's flattened image trees (FIT, `doc/usage/fit/source_file_format.rst` of U-Boot): kernels,
//! ramdisks and device trees with their hashes and signatures in one device tree.
//!
//! Hashes are verified here. Signatures are verified once the whole image is open, since the public
//! keys lie in the device tree of the boot loader: see the module `signature`.

use crate::{
    Entry, Extent, Fault, Reading,
    checksum::Crc32,
    digest,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use super::{
    fdt::{self, Node},
    packed,
};
use crate::formats::support::layout::Layout;

mod region;
mod signature;

pub(in crate::formats) use signature::second_look;

pub(super) static FORMAT: Format =
    Format { name: NAME, magics: &[Magic::start(fdt::MAGIC)], carve: true, open };

const NAME: &str = "fit";

struct Image {
    name: String,
    offset: u64,
    length: u64,
    compression: String,
    /// How it is encrypted, and with which key.
    cipher: Option<String>,
    summary: String,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let size = fdt::total_size(&candidate.extent.read(0, 40)?).ok_or(NotThis)?;
    let tree_bytes = u64::try_from(size).map_err(|_| NotThis)?;
    // A truncated image still has its tree, where the data lies outside.
    let data = candidate.extent.read_up_to(0, tree_bytes)?;
    let root = fdt::parse(&data)?;
    let nodes = root.child("images").ok_or(NotThis)?;
    let mut faults = Vec::new();
    let images: Vec<Image> = nodes
        .children
        .iter()
        .filter_map(|node| image(candidate, &data, tree_bytes, node, &mut faults))
        .collect();
    let ends = images.iter().map(|image| image.offset.saturating_add(image.length));
    let claimed = ends.chain([tree_bytes]).max().unwrap_or(tree_bytes);
    let mut layout = Layout::new(candidate.extent.clamp(0, claimed));
    layout.consumed(0, tree_bytes);
    for image in &images {
        layout.part(image.name.as_str(), image.offset, image.length);
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    let mut entries = laid.entries;
    for entry in &mut entries {
        let image = images.iter().find(|image| image.name.as_bytes() == entry.path.as_bytes());
        if let Some(image) = image {
            open_up(entry, image, &mut faults);
        }
    }
    let attributes = attributes(&data, &root, &images);
    Ok(Opened { length: claimed, attributes, entries, faults, unread: None })
}

/// Unpacks an image that carving would not see as packed, and closes one that is encrypted.
fn open_up(entry: &mut Entry, image: &Image, faults: &mut Vec<Fault>) {
    let Some(content) = entry.content.take() else { return };
    if let Some(cipher) = &image.cipher {
        let bytes = content.len();
        let closed = entry.clone().with_content(content);
        *entry = closed.unreadable(bytes, format!("encrypted: {cipher}"));
        entry.reading = Reading::Leaf;
        return;
    }
    let mut told = Vec::new();
    *entry = packed::part(&image.name, content, &image.compression, &mut told);
    faults.extend(told.into_iter().map(|fault| fault.within(image.offset)));
}

/// Where an image's data is: in the tree, behind it, or at a place of its own.
fn image(
    candidate: &Candidate,
    data: &[u8],
    tree_bytes: u64,
    node: &Node,
    faults: &mut Vec<Fault>,
) -> Option<Image> {
    let inside = node.range("data").map(|range| (range.start, range.len()));
    let (offset, length) = if let Some((start, length)) = inside {
        (u64::try_from(start).ok()?, u64::try_from(length).ok()?)
    } else {
        let behind = tree_bytes.next_multiple_of(4);
        let offset = match node.number(data, "data-position") {
            Some(position) => position,
            None => node.number(data, "data-offset")?.checked_add(behind)?,
        };
        (offset, node.number(data, "data-size")?)
    };
    let content = candidate.extent.clamp(offset, length);
    let cipher = node.child("cipher").map(|cipher| {
        let of = |name| cipher.text(data, name).unwrap_or_default();
        format!("{} with key {:?}", of("algo"), of("key-name-hint"))
    });
    let mut summary = vec![node.name.clone()];
    for name in ["type", "arch", "os", "compression"] {
        summary.extend(node.text(data, name).map(|text| format!("{name} {text}")));
    }
    for name in ["load", "entry"] {
        summary.extend(node.number(data, name).map(|place| format!("{name} {place:#x}")));
    }
    if content.len() == length {
        for hash in node.children.iter().filter(|child| child.name.starts_with("hash")) {
            summary.extend(verify(data, hash, &content, node, offset, faults));
        }
    }
    summary.extend(cipher.as_ref().map(|cipher| format!("encrypted by {cipher}")));
    summary.extend(node.children.iter().filter_map(|child| signature(data, child)));
    let compression = node.text(data, "compression").unwrap_or_default();
    let (name, summary) = (node.name.clone(), summary.join(", "));
    Some(Image { name, offset, length, compression, cipher, summary })
}

/// Checks one hash; tells it in the summary, and as a fault where it is wrong.
fn verify(
    data: &[u8],
    hash: &Node,
    content: &Extent,
    image: &Node,
    offset: u64,
    faults: &mut Vec<Fault>,
) -> Option<String> {
    let algorithm = hash.text(data, "algo")?;
    let stored = hash.value(data, "value")?;
    let bytes = match content.read_all() {
        Ok(bytes) => bytes,
        Err(fault) => {
            faults.push(fault.within(offset));
            return None;
        }
    };
    let computed = match algorithm.as_str() {
        "crc32" => Some(Crc32::of(&bytes).to_be_bytes().to_vec()),
        other => digest::of(other, &bytes),
    };
    match computed {
        Some(computed) if computed == stored => Some(format!("{algorithm} verified")),
        Some(_) => {
            let what = format!("check the {algorithm} of {}", image.name);
            faults.push(Fault::new(offset, what, format!("it is not {}", digest::hex(stored))));
            Some(format!("{algorithm} wrong"))
        }
        None => Some(format!("{algorithm} not checked")),
    }
}

fn signature(data: &[u8], node: &Node) -> Option<String> {
    if !node.name.starts_with("signature") {
        return None;
    }
    let algorithm = node.text(data, "algo").unwrap_or_default();
    let key = node.text(data, "key-name-hint").unwrap_or_default();
    let state = if node.value(data, "value").is_some() { "signed" } else { "signature empty" };
    Some(format!("{state} {algorithm} key {key:?}"))
}

fn attributes(data: &[u8], root: &Node, images: &[Image]) -> Vec<(&'static str, String)> {
    let mut attributes = Vec::new();
    attributes.extend(root.text(data, "description").map(|text| ("description", text)));
    if let Some(time) = root.number(data, "timestamp").and_then(|time| i64::try_from(time).ok()) {
        attributes.push(("created", crate::formats::support::date::iso_8601(time)));
    }
    let images: Vec<&str> = images.iter().map(|image| image.summary.as_str()).collect();
    attributes.push(("images", images.join("; ")));
    if let Some(node) = root.child("configurations") {
        attributes.extend(node.text(data, "default").map(|name| ("default-configuration", name)));
        let all: Vec<String> = node.children.iter().map(|one| configuration(data, one)).collect();
        attributes.push(("configurations", all.join("; ")));
    }
    attributes
}

fn configuration(data: &[u8], node: &Node) -> String {
    let mut parts = vec![node.name.clone()];
    for name in ["kernel", "ramdisk", "fdt", "firmware", "loadables"] {
        parts.extend(node.text(data, name).map(|text| format!("{name} {text}")));
    }
    parts.extend(node.children.iter().filter_map(|child| signature(data, child)));
    parts.join(", ")
}

#[cfg(test)]
mod tests;
