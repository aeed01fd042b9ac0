//! Disk labels of the BSDs on PCs (`sys/disklabel.h` of FreeBSD and NetBSD): up to sixteen
//! partitions inside one of the disk.
//!
//! Labels of big-endian machines are not looked for, nor the wide fields of OpenBSD.

use crate::{
    Endian::Little,
    Extent, Fault, View,
    checksum::agrees,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::{Layout, text_of},
};

const MAGIC_BYTES: &[u8] = &[0x57, 0x45, 0x56, 0x82];

pub(crate) static FORMAT: Format = Format {
    name: "bsd-disklabel",
    // In the second sector of PCs, in the first of Alpha and others.
    magics: &[Magic::at(512, MAGIC_BYTES), Magic::at(64, MAGIC_BYTES)],
    carve: true,
    open,
};

const PLACES: [u64; 2] = [512, 64];
/// The magic at both ends of the fixed part.
const MAGIC: u32 = 0x8256_4557;
const SECOND_MAGIC: usize = 132;
/// The partitions behind it.
const PARTITIONS: usize = 148;
const PARTITION_BYTES: usize = 16;
const PARTITIONS_MAX: u16 = 22;
/// The partition that stands for all of the others.
const WHOLE: usize = 2;

#[derive(Clone, Copy, Debug)]
struct Partition {
    letter: char,
    first: u64,
    sectors: u64,
    kind: u8,
}

/// A label that was found.
struct Label {
    place: u64,
    length: u64,
    sector_bytes: u64,
    disk: String,
    partitions: Vec<Partition>,
    /// The first sector of the whole, which the others count from.
    base: u64,
}

impl Label {
    fn read(image: &Extent, place: u64) -> Result<Option<Self>, Fault> {
        let bytes = image.read(place, 512)?;
        let view = View(&bytes);
        let count = view.u16(138, Little)?;
        let sector_bytes = view.u32(40, Little)?;
        let is_label = view.u32(0, Little)? == MAGIC
            && view.u32(SECOND_MAGIC, Little)? == MAGIC
            && (1..=PARTITIONS_MAX).contains(&count)
            && matches!(sector_bytes, 512 | 1024 | 2048 | 4096);
        if !is_label {
            return Ok(None);
        }
        let length = PARTITIONS + usize::from(count) * PARTITION_BYTES;
        // All words of the label together are nothing.
        let (words, _) = view.bytes(0, length)?.as_chunks::<2>();
        let sum = words.iter().fold(0, |sum, word| sum ^ u16::from_le_bytes(*word));
        if !agrees(sum, 0) {
            return Ok(None);
        }
        let mut partitions = Vec::new();
        let mut base = 0;
        for (index, letter) in (0..usize::from(count)).zip('a'..) {
            let at = PARTITIONS + index * PARTITION_BYTES;
            let partition = Partition {
                letter,
                sectors: view.u32(at, Little)?.into(),
                first: view.u32(at + 4, Little)?.into(),
                kind: view.u8(at + 12)?,
            };
            if index == WHOLE {
                base = partition.first;
            } else if partition.sectors > 0 && partition.kind != 0 {
                partitions.push(partition);
            }
        }
        Ok(Some(Self {
            place,
            length: u64::try_from(length).unwrap_or(0),
            sector_bytes: sector_bytes.into(),
            disk: text_of(view.text(24, 16)?),
            partitions,
            base,
        }))
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let image = &candidate.extent;
    let label =
        PLACES.iter().find_map(|&place| Label::read(image, place).ok().flatten()).ok_or(NotThis)?;
    // Places count from the start of the disk in some labels, and of the whole in others.
    let first = |partition: &Partition| partition.first.checked_sub(label.base);
    let placed: Vec<(u64, &Partition)> = label
        .partitions
        .iter()
        .filter_map(|partition| Some((first(partition)?, partition)))
        .collect();
    let end = placed.iter().map(|(first, partition)| first + partition.sectors).max();
    let end = end.unwrap_or(0) * label.sector_bytes;
    let length = end.max(label.place + label.length);
    let mut layout = Layout::new(image.clamp(0, length));
    layout.consumed(label.place, label.length);
    for (first, partition) in &placed {
        let name = format!("partition-{}", partition.letter);
        layout.part(name, first * label.sector_bytes, partition.sectors * label.sector_bytes);
    }
    let laid = layout.finish();
    let described = label.partitions.iter().map(|partition| {
        let Partition { letter, first, sectors, kind } = partition;
        format!("{letter}: {}, sectors {first}+{sectors}", kind_name(*kind))
    });
    Ok(Opened {
        length,
        attributes: vec![
            ("disk", label.disk.clone()),
            ("sector-size", label.sector_bytes.to_string()),
            ("partitions", described.collect::<Vec<_>>().join("; ")),
        ],
        entries: laid.entries,
        faults: laid.faults,
        unread: None,
    })
}

/// `fstypenames`.
fn kind_name(kind: u8) -> String {
    let known = match kind {
        1 => "swap",
        7 => "4.2BSD",
        8 => "MSDOS",
        9 => "4.4LFS",
        11 => "HPFS",
        12 => "ISO9660",
        13 => "boot",
        14 => "vinum",
        17 => "Linux Ext2",
        27 => "ZFS",
        other => return format!("type {other}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check, locators, noise},
            reference::container,
        },
    };

    fn label(base: u32) -> Vec<u8> {
        let mut label = Writer::new(Endian::Little);
        label.u32(0x8256_4557).fill(0, 20).bytes(b"the disk\0\0\0\0\0\0\0\0").u32(512);
        label.fill(0, 132 - label.len()).u32(0x8256_4557).u16(0).u16(4).u32(8192).u32(8192);
        for (sectors, first, kind) in
            [(4, base + 16, 7), (8, base + 20, 1), (28, base, 0), (0, 0, 0)]
        {
            label.u32(sectors).u32(first).u32(2048).u8(kind).u8(8).u16(16);
        }
        let mut label = label.finish();
        let sum = label.chunks(2).fold(0, |sum, pair| sum ^ u16::from_le_bytes([pair[0], pair[1]]));
        label[136..138].copy_from_slice(&sum.to_le_bytes());
        label
    }

    fn image(base: u32) -> Vec<u8> {
        let mut image = vec![0; 512];
        image.extend(label(base));
        image.resize(16 * 512, 0);
        image.extend(noise(12 * 512));
        image
    }

    #[test]
    fn partitions_count_from_the_whole() {
        for base in [0, 63] {
            let tree = Tree::from_bytes(image(base), &Limits::default());
            assert_eq!(tree.problems(), []);
            let inside = container(&tree, "bsd-disklabel");
            assert_eq!(tree.node(inside).len(), 28 * 512);
            let part = tree.member(inside, b"/partition-a").unwrap();
            assert!(tree.bytes(part).unwrap() == noise(12 * 512)[..4 * 512]);
            assert!(locators(&tree).iter().any(|found| found.ends_with("/partition-b")));
            let partitions = attribute(&tree, "bsd-disklabel", "partitions").unwrap();
            assert!(partitions.starts_with("a: 4.2BSD, sectors"), "{partitions}");
        }
    }

    #[test]
    fn hostile_variants_do_no_harm() {
        check(&image(0)[..1024], 0);
        let whole = image(0);
        for position in 512..512 + 212 {
            let mut flipped = whole.clone();
            flipped[position] ^= 0x11;
            drop(Tree::from_bytes(flipped, &Limits::default()));
        }
    }
}
