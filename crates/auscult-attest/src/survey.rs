//! The survey of an image: which parts its bytes make, and what lies in its file systems.

use auscult_measure::{Content, Entry, Kind, Unmeasured, capability_text};
use auscult_model::{ByteName, Sha256};
use auscult_unpack::{EntryKind, Extent, Node, NodeId, NodeKind, Reading, Tree, each_piece};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::{FileSystem, ImageSeen, Region, RegionClass};

/// What the root of a system holds. A file system inside another one is listed of its own where it is
/// the root of one: an update package with the new system in it. What else lies in a file is covered by
/// the digest of that file.
const ROOT_FOLDERS: [&[u8]; 5] = [b"/bin/", b"/etc/", b"/lib/", b"/sbin/", b"/usr/"];

/// An image with its parts and files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// The image.
    pub image: ImageSeen,
    /// Its parts, in order and without a gap.
    pub regions: Vec<Region>,
    /// Its file systems.
    pub file_systems: Vec<FileSystem>,
}

/// Surveys an unpacked image.
pub fn survey(tree: &Tree, image: ImageSeen) -> Survey {
    let mut regions = Vec::new();
    stretches(tree, tree.root(), 0, &mut regions);
    let mut regions = without_gaps(regions, image.size);
    if let Some(bytes) = &tree.node(tree.root()).content {
        regions.par_iter_mut().for_each(|region| measure(bytes, region));
    }
    let listed: Vec<NodeId> = tree.file_systems().filter(|&id| is_listed(tree, id)).collect();
    let file_systems = listed.into_iter().map(|id| file_system(tree, id)).collect();
    Survey { image, regions, file_systems }
}

/// The parts of the bytes of a node, which begin at `base` in the image.
fn stretches(tree: &Tree, id: NodeId, base: u64, regions: &mut Vec<Region>) {
    for &child in &tree.node(id).children {
        let node = tree.node(child);
        let offset = base.saturating_add(node.offset);
        let (name, class) = match &node.kind {
            NodeKind::Padding => ("padding", RegionClass::MustBeErased),
            NodeKind::Raw { .. } => ("raw", RegionClass::Exact),
            NodeKind::Container { format, .. } => {
                partitions(tree, node, offset, regions);
                (*format, RegionClass::Exact)
            }
            NodeKind::Image | NodeKind::Member(_) => continue,
        };
        regions.push(region(offset, node.len(), name, class));
    }
}

fn region(offset: u64, length: u64, name: &str, class: RegionClass) -> Region {
    Region { offset, length, name: name.to_owned(), class, sha256: None, fill: None }
}

/// The parts of those members of a container that lie in it as they are: the partitions of a disk.
fn partitions(tree: &Tree, container: &Node, base: u64, regions: &mut Vec<Region>) {
    let Some(outer) = &container.content else { return };
    for &member in &container.children {
        let node = tree.node(member);
        let place = node.content.as_ref().and_then(|content| content.offset_in(outer));
        if node.reading == Reading::Carve
            && !node.name.as_bytes().is_empty()
            && let Some(place) = place
        {
            stretches(tree, member, base.saturating_add(place), regions);
        }
    }
}

/// Brings the parts into an order without gaps or overlaps: what lies inside a part takes its bytes from
/// it, and what no part claims is one of its own.
fn without_gaps(mut regions: Vec<Region>, size: u64) -> Vec<Region> {
    // The outer one first where several begin at the same place.
    regions.sort_by_key(|region| (region.offset, std::cmp::Reverse(region.length)));
    let mut cut: Vec<Region> = Vec::with_capacity(regions.len() * 2);
    let mut open: Vec<Region> = Vec::new();
    let mut at = 0_u64;
    let whole = region(0, size, "raw", RegionClass::Exact);
    for next in std::iter::once(whole).chain(regions) {
        let end = next.offset.saturating_add(next.length).min(size);
        if next.length == 0 || end <= next.offset || next.offset < at {
            continue;
        }
        while open.last().is_some_and(|outer| outer.offset + outer.length <= next.offset) {
            close(&mut open, &mut at, &mut cut);
        }
        // What would reach out of the part around it is no part of it.
        let around = open.last().map(|outer| outer.offset + outer.length);
        if around.is_some_and(|around| end > around) {
            continue;
        }
        if let Some(outer) = open.last()
            && next.offset > at
        {
            cut.push(region(at, next.offset - at, &outer.name, outer.class));
            at = next.offset;
        }
        open.push(Region { length: end - next.offset, ..next });
    }
    while !open.is_empty() {
        close(&mut open, &mut at, &mut cut);
    }
    cut
}

/// Ends the innermost open part.
fn close(open: &mut Vec<Region>, at: &mut u64, cut: &mut Vec<Region>) {
    let Some(inner) = open.pop() else { return };
    let end = inner.offset + inner.length;
    if end > *at {
        cut.push(region(*at, end - *at, &inner.name, inner.class));
        *at = end;
    }
}

fn measure(image: &Extent, region: &mut Region) {
    let bytes = image.clamp(region.offset, region.length);
    let Some((sha256, fill)) = digest(&bytes) else { return };
    region.sha256 = Some(sha256);
    region.fill = fill;
    if region.class == RegionClass::MustBeErased && fill.is_none() {
        // Padding of two values: compared as it is.
        region.class = RegionClass::Exact;
    }
}

/// The digest of all bytes, and the value that all of them have; none where one cannot be read.
fn digest(content: &Extent) -> Option<(Sha256, Option<u8>)> {
    if content.refusal().is_some() {
        return None;
    }
    let mut hasher = sha2::Sha256::new();
    let (mut fill, mut filled) = (None, true);
    let read = each_piece(content, |bytes| {
        hasher.update(bytes);
        let first = *fill.get_or_insert(bytes.first().copied().unwrap_or_default());
        filled = filled && bytes.iter().all(|&byte| byte == first);
    });
    read.ok()?;
    Some((Sha256(hasher.finalize().into()), fill.filter(|_| filled)))
}

fn is_listed(tree: &Tree, id: NodeId) -> bool {
    let mut above = tree.node(id).parent;
    while let Some(outer) = above {
        if tree.is_file_system(outer) {
            let holds = |folder: &&[u8]| tree.members_under(id, folder).next().is_some();
            return ROOT_FOLDERS.iter().filter(|folder| holds(folder)).count() >= 2;
        }
        above = tree.node(outer).parent;
    }
    true
}

fn file_system(tree: &Tree, id: NodeId) -> FileSystem {
    let members: Vec<(&ByteName, NodeId)> =
        tree.members_under(id, b"/").filter(|(path, _)| path.as_bytes() != b"/").collect();
    let measured: Vec<(Entry, Option<Unmeasured>)> =
        members.par_iter().map(|(path, member)| entry(path, tree.node(*member))).collect();
    let (entries, unmeasured): (Vec<_>, Vec<_>) = measured.into_iter().unzip();
    FileSystem {
        locator: tree.locator(id),
        format: tree.node(id).format().unwrap_or_default().to_owned(),
        entries,
        unmeasured: unmeasured.into_iter().flatten().collect(),
        owners: std::collections::BTreeMap::new(),
    }
}

fn entry(path: &ByteName, node: &Node) -> (Entry, Option<Unmeasured>) {
    let kind = match &node.kind {
        NodeKind::Member(EntryKind::Directory) => Kind::Directory,
        NodeKind::Member(EntryKind::Symlink(_)) => Kind::Symlink,
        NodeKind::Member(EntryKind::CharacterDevice { .. }) => Kind::CharacterDevice,
        NodeKind::Member(EntryKind::BlockDevice { .. }) => Kind::BlockDevice,
        NodeKind::Member(EntryKind::Fifo) => Kind::Fifo,
        NodeKind::Member(EntryKind::Socket) => Kind::Socket,
        _ => Kind::File,
    };
    let mut entry = Entry::new(path.clone(), kind);
    entry.mode = node.metadata.mode.map(|mode| mode & 0o7777);
    (entry.user, entry.group) = (node.metadata.user, node.metadata.group);
    match &node.kind {
        NodeKind::Member(EntryKind::Symlink(target)) => entry.target = Some(target.clone()),
        NodeKind::Member(
            EntryKind::CharacterDevice { major, minor } | EntryKind::BlockDevice { major, minor },
        ) => entry.device = Some((*major, *minor)),
        _ => {}
    }
    if kind != Kind::File {
        return (entry, None);
    }
    entry.capability = capability(node);
    entry.size = node.content.as_ref().map(Extent::len);
    let measured = node.content.as_ref().and_then(digest);
    entry.sha256 = measured.map(|(sha256, _)| sha256);
    let first = node.content.as_ref().and_then(|content| content.read_up_to(0, 4).ok());
    entry.content = first.and_then(|first| Content::of(&first));
    let why = node.unread.as_ref().map(|unread| unread.reason.clone());
    let why = why.or_else(|| node.content.as_ref().and_then(Extent::refusal));
    let why = why.unwrap_or_else(|| "its bytes could not be read".to_owned());
    let unmeasured = Unmeasured { path: path.clone(), why, mounted: false };
    (entry, measured.is_none().then_some(unmeasured))
}

fn capability(node: &Node) -> Option<String> {
    let mut attributes = node.metadata.xattrs.iter();
    let (_, value) = attributes.find(|(name, _)| name.as_bytes() == b"security.capability")?;
    Some(capability_text(value))
}

#[cfg(test)]
mod tests {
    use super::{region, without_gaps};
    use crate::RegionClass;

    #[test]
    fn parts_cover_the_image_once() {
        let part = |offset, length, name| region(offset, length, name, RegionClass::Exact);
        let parts = vec![
            part(10, 50, "disk"),
            part(20, 10, "boot"),
            part(30, 20, "root"),
            part(35, 100, "lies"),
            part(70, 10, "raw"),
            part(200, 10, "past"),
        ];
        let cut: Vec<(u64, u64, String)> = without_gaps(parts, 100)
            .into_iter()
            .map(|region| (region.offset, region.length, region.name))
            .collect();
        let expected = [
            (0, 10, "raw"),
            (10, 10, "disk"),
            (20, 10, "boot"),
            (30, 20, "root"),
            (50, 10, "disk"),
            (60, 10, "raw"),
            (70, 10, "raw"),
            (80, 20, "raw"),
        ];
        let cut: Vec<_> =
            cut.iter().map(|(at, length, name)| (*at, *length, name.as_str())).collect();
        assert_eq!(cut, expected);
        assert_eq!(without_gaps(Vec::new(), 0), []);
    }
}
