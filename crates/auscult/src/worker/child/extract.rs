//! Sends everything in a tree to the parent, which writes it.
//!
//! Objects go out in the order of the tree. Files are decoded ahead on all cores, a bounded number
//! of bytes at a time, while those before them are sent.

use std::{io::Write, sync::mpsc, thread};

use anyhow::Context as _;
use auscult_model::ByteName;
use auscult_unpack::{EntryKind, Extent, Node, NodeId, NodeKind, Salvage, Tree};
use bytes::Bytes;
use rayon::prelude::*;

use super::listing::member_kind;
use crate::worker::{Extracted, ExtractedKind};

/// Bytes and files that are decoded ahead.
const AHEAD_BYTES: u64 = 16 << 20;
const AHEAD_FILES: usize = 512;
/// Larger files are sent in pieces of this size.
const PIECE_BYTES: u64 = 8 << 20;

/// Something to send.
struct Object {
    path: Vec<ByteName>,
    kind: ExtractedKind,
    mode: Option<u32>,
    content: Option<Extent>,
}

/// Sends the whole tree, its problems, and the end mark.
pub(super) fn send_all(tree: &Tree, out: &mut impl Write) -> anyhow::Result<()> {
    let mut objects = Vec::new();
    collect(tree, tree.root(), &mut Vec::new(), &mut objects);
    let (sender, receiver) = mpsc::sync_channel::<Vec<(Object, Salvage)>>(1);
    thread::scope(|scope| {
        scope.spawn(move || {
            for batch in batches(objects) {
                let read = |object: Object| {
                    let small = object.content.as_ref().filter(|content| is_small(content));
                    let salvage = small.map(Extent::salvage).unwrap_or_default();
                    (object, salvage)
                };
                let decoded = batch.into_par_iter().map(read).collect();
                if sender.send(decoded).is_err() {
                    return;
                }
            }
        });
        for (object, salvage) in receiver.iter().flatten() {
            send(object, salvage, out)?;
        }
        Ok::<_, anyhow::Error>(())
    })?;
    for problem in tree.problems() {
        let told = format!("{}: {}: {}", problem.locator, problem.what, problem.why);
        send_header(out, Vec::new(), ExtractedKind::Problem(told), None, 0)?;
    }
    send_header(out, Vec::new(), ExtractedKind::End, None, 0)
}

fn is_small(content: &Extent) -> bool {
    content.len() <= PIECE_BYTES
}

/// Cuts the objects into batches that are decoded at once.
fn batches(objects: Vec<Object>) -> Vec<Vec<Object>> {
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0_u64);
    for object in objects {
        bytes += object.content.as_ref().filter(|content| is_small(content)).map_or(0, Extent::len);
        batch.push(object);
        if bytes > AHEAD_BYTES || batch.len() >= AHEAD_FILES {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
    }
    batches.push(batch);
    batches
}

/// Collects everything below a node; `path` is where it goes, relative to the target folder.
fn collect(tree: &Tree, id: NodeId, path: &mut Vec<ByteName>, objects: &mut Vec<Object>) {
    for &child in &tree.node(id).children {
        let node = tree.node(child);
        let depth = path.len();
        match &node.kind {
            NodeKind::Image | NodeKind::Padding => {}
            NodeKind::Raw { .. } => {
                path.push(format!("{:#x}.raw", node.offset).into());
                let (kind, content) = file(node);
                objects.push(Object { path: path.clone(), kind, mode: None, content });
            }
            NodeKind::Container { format, .. } if node.children.is_empty() => {
                // Nothing to unpack: a picture, a program. It is written where it is but a part.
                let around = tree.node(id).content.as_ref().map_or(0, Extent::len);
                if node.len() < around {
                    path.push(format!("{:#x}.{format}", node.offset).into());
                    let (kind, content) = file(node);
                    objects.push(Object { path: path.clone(), kind, mode: None, content });
                }
            }
            NodeKind::Container { format, .. } => {
                path.push(format!("{:#x}-{format}", node.offset).into());
                let kind = ExtractedKind::Directory;
                objects.push(Object { path: path.clone(), kind, mode: None, content: None });
                collect(tree, child, path, objects);
            }
            NodeKind::Member(kind) => collect_member(tree, child, kind, path, objects),
        }
        path.truncate(depth);
    }
}

fn collect_member(
    tree: &Tree,
    id: NodeId,
    kind: &EntryKind,
    path: &mut Vec<ByteName>,
    objects: &mut Vec<Object>,
) {
    let node = tree.node(id);
    let parts = node.name.0.split(|&byte| byte == b'/').filter(|part| !part.is_empty());
    path.extend(parts.map(ByteName::from));
    if node.name.0.is_empty() {
        path.push("payload".into());
    }
    let passage = node.name.0.is_empty() && is_passage(tree, id);
    let told = ExtractedKind::Told;
    let (kind, content) = match kind {
        EntryKind::Directory => (ExtractedKind::Directory, None),
        EntryKind::File => file(node),
        EntryKind::Hardlink(_) if node.content.is_some() => file(node),
        EntryKind::Symlink(target) => (ExtractedKind::Symlink(target.clone()), None),
        other => {
            let (kind, note) = member_kind(other);
            (told(format!("{kind} {note}")), None)
        }
    };
    if !passage {
        objects.push(Object { path: path.clone(), kind, mode: node.metadata.mode, content });
    }
    if !node.children.is_empty() {
        if let Some(last) = path.last_mut() {
            last.0.extend_from_slice(b".unpacked");
        }
        collect(tree, id, path, objects);
    }
}

/// A file as it is to be sent, or why it cannot be.
fn file(node: &Node) -> (ExtractedKind, Option<Extent>) {
    let unread = node.unread.as_ref().filter(|_| node.content.is_none());
    let reason = unread.map(|unread| unread.reason.clone());
    match reason.or_else(|| node.content.as_ref().and_then(Extent::refusal)) {
        Some(why) => (ExtractedKind::Told(format!("unreadable: {why}")), None),
        None => (ExtractedKind::File, node.content.clone()),
    }
}

/// Whether a payload is written in another form anyway: as the files of the file system that it is,
/// or as the member whose bytes it is.
fn is_passage(tree: &Tree, id: NodeId) -> bool {
    let node = tree.node(id);
    let unpacked = |&child: &NodeId| match tree.node(child).kind {
        NodeKind::Padding => true,
        NodeKind::Container { .. } => tree.is_file_system(child),
        _ => false,
    };
    if !node.children.is_empty() && node.children.iter().all(unpacked) {
        return true;
    }
    let outer = node.parent.and_then(|container| tree.node(container).parent);
    let outer = outer.filter(|&outer| matches!(tree.node(outer).kind, NodeKind::Member(_)));
    let outer = outer.and_then(|outer| tree.node(outer).content.as_ref());
    node.content.as_ref().zip(outer).is_some_and(|(inner, outer)| inner.is_same(outer))
}

/// Sends one object; a file with the bytes that could be read of it, and what is missing.
fn send(object: Object, salvage: Salvage, out: &mut impl Write) -> anyhow::Result<()> {
    let Object { path, kind, mode, content } = object;
    let length = content.as_ref().map_or(0, Extent::len);
    let name = path.iter().map(ToString::to_string).collect::<Vec<_>>().join("/");
    send_header(out, path, kind, mode, length)?;
    let mut missing = salvage.faults;
    match content {
        Some(content) if !is_small(&content) => {
            let mut position = 0;
            while position < content.len() {
                let piece = content.clamp(position, PIECE_BYTES).salvage();
                write(out, &piece.bytes)?;
                missing.extend(piece.faults.into_iter().map(|fault| fault.within(position)));
                position += PIECE_BYTES;
            }
        }
        _ => write(out, &salvage.bytes)?,
    }
    for fault in missing {
        let told = format!("{name}: written with zeros in the place of what is lost: {fault}");
        send_header(out, Vec::new(), ExtractedKind::Problem(told), None, 0)?;
    }
    Ok(())
}

fn send_header(
    out: &mut impl Write,
    path: Vec<ByteName>,
    kind: ExtractedKind,
    mode: Option<u32>,
    bytes: u64,
) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, &Extracted { path, kind, mode, bytes })?;
    write(out, &Bytes::from_static(b"\n"))
}

fn write(out: &mut impl Write, bytes: &Bytes) -> anyhow::Result<()> {
    out.write_all(bytes).context("write the answer")
}
