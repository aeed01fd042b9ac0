//! The special images of ntfsclone (ntfs-3g, `ntfsprogs/ntfsclone.c`): the clusters of an NTFS volume
//! that are in use, one by one, with gaps between them.
//!
//! There is no list of what is where: the first byte of each record is looked at. The only content is
//! the restored volume, with zeros in the gaps.

use crate::{
    Endian::Little,
    Entry, Extent, Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "ntfsclone", magics: &[Magic::start(b"\0ntfsclone-image")], carve: true, open };

/// Bytes of the header; version 10 added where the records start.
const HEADER_BYTES: u64 = 50;
const OLD_HEADER_BYTES: u64 = 46;
const VERSION_WITH_START: u8 = 10;
/// Kinds of records: clusters that were not saved, and their number; a cluster.
const GAP: u8 = 0;
const NEXT: u8 = 1;
const GAP_BYTES: u64 = 9;
/// Pieces of one volume; more are damage.
const PIECES_MAX: usize = 1 << 20;

/// What the header says.
struct Header {
    version: [u8; 2],
    cluster_bytes: u64,
    device_bytes: u64,
    clusters: u64,
    used: u64,
    start: u64,
}

impl Header {
    fn parse(head: &[u8]) -> Result<Option<Self>, Fault> {
        let view = View(head);
        let version: [u8; 2] = view.array(16)?;
        let start = match version {
            [major, _] if major >= VERSION_WITH_START => u64::from(view.u32(46, Little)?),
            _ => OLD_HEADER_BYTES,
        };
        let header = Self {
            version,
            cluster_bytes: u64::from(view.u32(18, Little)?),
            device_bytes: view.u64(22, Little)?,
            clusters: view.u64(30, Little)?,
            used: view.u64(38, Little)?,
            start,
        };
        let volume = header.clusters.checked_mul(header.cluster_bytes);
        let fits = header.cluster_bytes.is_power_of_two()
            && (256..=2 << 20).contains(&header.cluster_bytes)
            && header.clusters > 0
            && volume.is_some_and(|bytes| bytes < 1 << 60)
            && (OLD_HEADER_BYTES..4096).contains(&header.start)
            && version[0] <= VERSION_WITH_START;
        Ok(fits.then_some(header))
    }

    /// Bytes of the volume: behind the last whole cluster stands the copy of the boot sector.
    fn volume_bytes(&self) -> u64 {
        let whole = self.clusters * self.cluster_bytes;
        self.device_bytes.clamp(whole, whole + self.cluster_bytes)
    }
}

/// What the records say.
#[derive(Default)]
struct Scan {
    /// Clusters in a row, with the number of the first one.
    pieces: Vec<(u64, Extent)>,
    /// Where the records end.
    end: u64,
    fault: Option<Fault>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let header = Header::parse(&extent.read(0, HEADER_BYTES)?)?.ok_or(NotThis)?;
    // The boot sector is always saved.
    let first = extent.read(header.start, 16)?;
    if first.first() != Some(&NEXT) || first.get(4..12) != Some(b"NTFS    ") {
        return Err(NotThis);
    }
    let Scan { pieces, end, fault } = scan(extent, &header);
    let content = volume(extent, &header, pieces, fault.as_ref());
    let [major, minor] = header.version;
    Ok(Opened {
        length: end,
        attributes: vec![
            ("version", format!("{major}.{minor}")),
            ("cluster-size", header.cluster_bytes.to_string()),
            ("clusters", format!("{} of {}", header.used, header.clusters)),
            ("device-size", header.device_bytes.to_string()),
        ],
        entries: vec![Entry::payload(content)],
        faults: fault.into_iter().collect(),
        unread: None,
    })
}

fn scan(extent: &Extent, header: &Header) -> Scan {
    let mut scan = Scan { end: header.start, ..Scan::default() };
    let stride = header.cluster_bytes + 1;
    // Clusters in a row: the number of the first, where it starts, how many.
    let mut open: Option<(u64, u64, u64)> = None;
    let mut cluster = 0_u64;
    let close = |open: &mut Option<(u64, u64, u64)>, pieces: &mut Vec<(u64, Extent)>| {
        if let Some((first, place, count)) = open.take() {
            let rows = extent.clamp(place, count * stride - 1);
            pieces.push((first, Extent::strided(&rows, header.cluster_bytes, stride)));
        }
    };
    // One more than there are, for the copy of the boot sector.
    while cluster <= header.clusters {
        let record = extent.read_up_to(scan.end, GAP_BYTES).unwrap_or_default();
        let gap = View(&record).u64(1, Little).ok().and_then(|gap| cluster.checked_add(gap));
        match (record.first(), gap) {
            (Some(&NEXT), _) if scan.end + stride <= extent.len() => {
                let place = scan.end + 1;
                match &mut open {
                    Some((_, _, count)) => *count += 1,
                    None => open = Some((cluster, place, 1)),
                }
                cluster += 1;
                scan.end += stride;
            }
            (Some(&GAP), Some(next)) if next > cluster && next <= header.clusters => {
                close(&mut open, &mut scan.pieces);
                cluster = next;
                scan.end += GAP_BYTES;
            }
            // Without a copy of the boot sector, all was said.
            _ if cluster == header.clusters => break,
            _ => {
                let why = format!("no record of cluster {cluster} of {}", header.clusters);
                scan.fault = Some(Fault::new(scan.end, "read the clusters", why));
                break;
            }
        }
        if scan.pieces.len() >= PIECES_MAX {
            let why = format!("more than {PIECES_MAX} pieces");
            scan.fault = Some(Fault::new(scan.end, "read the clusters", why));
            break;
        }
    }
    close(&mut open, &mut scan.pieces);
    scan
}

/// The volume, with zeros in the gaps; what the records do not tell any more is missing.
fn volume(
    extent: &Extent,
    header: &Header,
    pieces: Vec<(u64, Extent)>,
    fault: Option<&Fault>,
) -> Extent {
    let vault = extent.vault();
    let (mut parts, mut position) = (Vec::new(), 0_u64);
    for (first, piece) in pieces {
        let logical = first * header.cluster_bytes;
        if logical > position {
            parts.push(Extent::zeros(vault, logical - position));
        }
        position = logical + piece.len();
        parts.push(piece);
    }
    let left = header.volume_bytes().saturating_sub(position);
    if left > 0 {
        parts.push(match fault {
            Some(fault) => Extent::missing(vault, left, fault.clone()),
            None => Extent::zeros(vault, left),
        });
    }
    Extent::joined(vault, parts).clamp(0, header.volume_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check},
            reference::{assert_survives_damage, run, sample},
        },
    };

    /// Clusters 0, 1 and 4 of six with the copy of the boot sector behind them.
    fn image(version: u8) -> (Vec<u8>, Vec<u8>) {
        let mut boot = sample(512, 1);
        boot[3..11].copy_from_slice(b"NTFS    ");
        let [one, four] = [2, 3].map(|seed| sample(512, seed));
        let volume = [&boot[..], &one, &[0; 1024], &four, &[0; 512], &boot].concat();
        let mut image = b"\0ntfsclone-image".to_vec();
        image.extend([version, 0]);
        image.extend(512_u32.to_le_bytes());
        image.extend([3584_u64, 6, 4].map(u64::to_le_bytes).concat());
        if version >= 10 {
            image.extend([56, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        let gap = |count: u8| [&[0, count][..], &[0; 7]].concat();
        let next = |cluster: &[u8]| [&[1], cluster].concat();
        image.extend([next(&boot), next(&one), gap(2), next(&four), gap(1), next(&boot)].concat());
        (image, volume)
    }

    #[test]
    fn clusters_and_gaps_make_the_volume() {
        for version in [9, 10] {
            let (image, volume) = image(version);
            let tree = Tree::from_bytes(image.clone(), &Limits::default());
            assert_eq!(tree.problems(), []);
            let payload = "image@0x0/ntfsclone@0x0".parse().unwrap();
            let (node, _) = tree.resolve(&payload).unwrap();
            assert!(tree.bytes(node).unwrap() == volume);
            assert_eq!(attribute(&tree, "ntfsclone", "clusters").as_deref(), Some("4 of 6"));
            check(&image, 60);
            let cut = Tree::from_bytes(image[..1500].to_vec(), &Limits::default());
            assert!(cut.problems().iter().any(|problem| problem.why.contains("no record of")));
        }
    }

    #[test]
    fn an_image_of_the_reference_tool() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (disk, image, file) = (path("disk"), path("image"), path("file"));
        fs::write(&disk, vec![0; 8 << 20]).unwrap();
        fs::write(&file, sample(100_000, 7)).unwrap();
        if !run("mkntfs", &["-F", "-Q", "-q", &disk])
            || !run("ntfscp", &["-q", &disk, &file, "file"])
            || !run("ntfsclone", &["-q", "-f", "-s", "-o", &image, &disk])
        {
            return;
        }
        let bytes = fs::read(&image).unwrap();
        let total = bytes.len() as u64;
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let (node, _) =
            tree.resolve(&"image@0x0/ntfsclone@0x0/ntfs:/file".parse().unwrap()).unwrap();
        assert!(tree.bytes(node).unwrap() == sample(100_000, 7));
        assert_eq!(tree.node(tree.node(tree.root()).children[0]).len(), total);
        assert_survives_damage(&bytes, 60, bytes.len() / 30);
    }
}
