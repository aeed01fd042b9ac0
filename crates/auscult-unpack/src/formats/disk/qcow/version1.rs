//! The first version: two levels of tables, clusters packed by deflate.

use std::collections::HashSet;

use super::{SIZE_MAX, backing_file, opened, packed, unread};
use crate::{
    Endian::Big,
    Extent, Fault, View,
    codec::BlockCodec,
    format::{NotThis, Opened},
    formats::disk::assembly::Assembly,
};

/// Marks a packed cluster.
const PACKED: u64 = 1 << 63;

struct Header {
    size: u64,
    cluster_log: u32,
    table_log: u32,
    table: u64,
}

pub(super) fn open(image: &Extent, head: View<'_>) -> Result<Opened, NotThis> {
    let header = Header {
        size: head.u64(24, Big)?,
        cluster_log: head.u8(32)?.into(),
        table_log: head.u8(33)?.into(),
        table: head.u64(40, Big)?,
    };
    // `qcow_open` sets the same bounds.
    let fits = (9..=16).contains(&header.cluster_log)
        && (6..=13).contains(&header.table_log)
        && (1..SIZE_MAX).contains(&header.size)
        && header.table >= 48;
    if !fits {
        return Err(NotThis);
    }
    let mut attributes = vec![
        ("version", "1".to_owned()),
        ("size", header.size.to_string()),
        ("cluster-size", (1_u32 << header.cluster_log).to_string()),
    ];
    let backing = backing_file(image, head)?;
    if !backing.is_empty() {
        attributes.push(("backing-file", backing.clone()));
    }
    match head.u32(36, Big)? {
        0 => {}
        1 => return Ok(unread(image, attributes, "encrypted (AES)")),
        _ => return Err(NotThis),
    }
    let mut disk = Assembly::new(image, header.size);
    if let Err(fault) = read(image, &header, !backing.is_empty(), &mut disk) {
        disk.missing(disk.left(), fault);
    }
    Ok(opened(attributes, disk.finish(), &backing, Vec::new()))
}

fn read(
    image: &Extent,
    header: &Header,
    backed: bool,
    disk: &mut Assembly<'_>,
) -> Result<(), Fault> {
    let span = 1_u64 << (header.cluster_log + header.table_log);
    let entries = header.size.div_ceil(span);
    disk.used(header.table, entries.saturating_mul(8));
    let bytes = image.read(header.table, entries.saturating_mul(8))?;
    let (words, _) = bytes.as_chunks::<8>();
    let mut visited = HashSet::new();
    for word in words {
        let place = u64::from_be_bytes(*word);
        if place == 0 {
            absent(disk, span, backed);
            continue;
        }
        let table_bytes = 8_u64 << header.table_log;
        let table = image.read(place, table_bytes);
        match table.and_then(|table| {
            let twice = || Fault::new(place, "read a table", "it is used twice");
            visited.insert(place).then_some(table).ok_or_else(twice)
        }) {
            Ok(table) => {
                disk.used(place, table_bytes);
                clusters(image, header, &table, backed, disk);
            }
            Err(fault) => disk.missing(span, fault),
        }
    }
    Ok(())
}

fn absent(disk: &mut Assembly<'_>, length: u64, backed: bool) {
    if backed {
        disk.elsewhere(length);
    } else {
        disk.zeros(length);
    }
}

fn clusters(image: &Extent, header: &Header, table: &[u8], backed: bool, disk: &mut Assembly<'_>) {
    let cluster_bytes = 1_u64 << header.cluster_log;
    let (words, _) = table.as_chunks::<8>();
    for word in words {
        if disk.left() == 0 {
            return;
        }
        let word = u64::from_be_bytes(*word);
        if word == 0 {
            absent(disk, cluster_bytes, backed);
        } else if word & PACKED == 0 {
            disk.stored(word, cluster_bytes);
        } else {
            // The packed length stands above the place.
            let length_shift = 63 - header.cluster_log;
            let place = word & ((1 << length_shift) - 1);
            let length = word >> length_shift & (cluster_bytes - 1);
            disk.used(place, length);
            disk.derived(&packed(image, place, length, BlockCodec::Deflate, cluster_bytes));
        }
    }
}
