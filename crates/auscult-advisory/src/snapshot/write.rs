//! Writes a snapshot: the same tables give the same bytes.

use std::{collections::BTreeMap, io::Write as _};

use auscult_model::{Sha256, SourceInfo};
use jiff::civil::Date;
use rayon::prelude::*;

use crate::{
    Error, Result,
    codec::Writer,
    snapshot::{
        EPSS, PRODUCTS, RANGES, VULNERABILITIES,
        counts::Counts,
        format::{FORMAT, Header, LayerHeader, MARK, root_digest},
        table::{Compression, checksum},
    },
};

/// Sorted keys with their values.
pub(crate) type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// What goes into a snapshot.
pub(crate) struct Contents {
    pub(crate) date: Date,
    pub(crate) coverage: String,
    pub(crate) counts: Counts,
    pub(crate) sources: Vec<SourceInfo>,
    /// Layers with their tables, in the order of the file.
    pub(crate) layers: Vec<(&'static str, Vec<Rows>)>,
    pub(crate) compression: Compression,
}

/// A block before its digest is known.
struct Packed {
    first_key: Vec<u8>,
    raw_length: usize,
    bytes: Vec<u8>,
}

/// Lays the contents out as the bytes of a snapshot file.
pub(crate) fn to_bytes(contents: Contents) -> Result<Vec<u8>> {
    let (mut data, mut headers) = (Vec::new(), Vec::new());
    for (name, tables) in contents.layers {
        let layer = pack_layer(name, tables, contents.compression)?;
        headers.push(LayerHeader {
            name: name.to_owned(),
            digest: Sha256::of(&layer.directory),
            offset: length(&data),
            directory_bytes: length(&layer.directory),
            length: length(&layer.directory) + length(&layer.blocks),
        });
        data.extend_from_slice(&layer.directory);
        data.extend_from_slice(&layer.blocks);
    }
    let header = Header {
        date: contents.date,
        coverage: contents.coverage,
        counts: Some(contents.counts),
        sources: contents.sources,
        layers: headers,
    };
    let header = serde_json::to_vec(&header)
        .map_err(|error| Error::Compress(std::io::Error::other(error)))?;
    let header_bytes = u32::try_from(header.len()).unwrap_or(u32::MAX);
    let mut file = Vec::with_capacity(data.len() + header.len() + 48);
    file.extend_from_slice(&MARK);
    file.extend_from_slice(&FORMAT.to_le_bytes());
    file.extend_from_slice(&header_bytes.to_le_bytes());
    file.extend_from_slice(&root_digest(&header).0);
    file.extend_from_slice(&header);
    file.extend_from_slice(&data);
    Ok(file)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

struct PackedLayer {
    directory: Vec<u8>,
    blocks: Vec<u8>,
}

/// How a table is laid out: a table that is asked for single rows all over has small blocks, as each
/// question unpacks a whole one. For the snapshot inside the program only its size counts.
fn layout(compression: Compression, layer: &str, table: usize) -> (Compression, usize) {
    match (compression, layer, table) {
        (Compression::Xz, ..) => (compression, 1 << 20),
        // Numbers without any pattern: unpacking would take more time than it saves room.
        (_, EPSS, _) => (Compression::Stored, 16 << 10),
        (_, RANGES, PRODUCTS) => (compression, 8 << 10),
        (_, RANGES, VULNERABILITIES) => (compression, 16 << 10),
        _ => (compression, 64 << 10),
    }
}

fn pack_layer(layer: &str, tables: Vec<Rows>, compression: Compression) -> Result<PackedLayer> {
    let (mut directory, mut blocks) = (Writer::default(), Vec::new());
    directory.count(tables.len());
    for (at, rows) in tables.into_iter().enumerate() {
        let (compression, target_bytes) = layout(compression, layer, at);
        let packed: Vec<Packed> = cut(rows, target_bytes)
            .into_par_iter()
            .map(|(first_key, raw)| {
                let bytes = compress(&raw, compression).map_err(Error::Compress)?;
                Ok(Packed { first_key, raw_length: raw.len(), bytes })
            })
            .collect::<Result<_>>()?;
        directory.byte(compression.code());
        directory.list(&packed, |writer, block| {
            writer.count(block.bytes.len());
            writer.count(block.raw_length);
            writer.bytes.extend_from_slice(&Sha256::of(&block.bytes).0);
            writer.bytes.extend_from_slice(&checksum(&block.bytes).to_le_bytes());
            writer.slice(&block.first_key);
        });
        for block in packed {
            blocks.extend_from_slice(&block.bytes);
        }
    }
    Ok(PackedLayer { directory: directory.bytes, blocks })
}

/// Cuts rows into blocks of about one size; a row is never divided. Where a block ends depends on
/// its last key, never on what stands far before it: after a row that came, went or grew the old
/// ends are met again, so that a delta between two snapshots holds only the blocks around it.
fn cut(rows: Rows, target_bytes: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (least, most) = (target_bytes / 4, target_bytes * 4);
    let mut blocks = Vec::new();
    let (mut first_key, mut writer) = (Vec::new(), Writer::default());
    for (key, value) in rows {
        if writer.bytes.is_empty() {
            first_key.clone_from(&key);
        }
        let before = writer.bytes.len();
        writer.slice(&key);
        writer.slice(&value);
        let length = writer.bytes.len();
        if length >= most || (length >= least && ends_here(&key, length - before, target_bytes)) {
            blocks.push((std::mem::take(&mut first_key), std::mem::take(&mut writer.bytes)));
        }
    }
    if !writer.bytes.is_empty() {
        blocks.push((first_key, writer.bytes));
    }
    blocks
}

/// Tells whether a block ends after this key. The chance grows with the row, so that blocks have
/// about the target size whether rows are short or long: FNV-1a of the key (32 bits, with a final
/// mix of its own for the upper bits) against the row's share of three quarters of the target.
fn ends_here(key: &[u8], row_bytes: usize, target_bytes: usize) -> bool {
    let hash = key
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    let hash = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
    let hash = u64::from(hash ^ (hash >> 13));
    let share = u64::try_from(row_bytes).unwrap_or(u64::MAX).saturating_mul(4);
    let whole = u64::try_from(target_bytes).unwrap_or(u64::MAX).saturating_mul(3);
    hash.saturating_mul(whole) < share.saturating_mul(1 << 32)
}

fn compress(raw: &[u8], compression: Compression) -> std::io::Result<Vec<u8>> {
    match compression {
        Compression::Stored => Ok(raw.to_vec()),
        Compression::Deflate => {
            let level = flate2::Compression::new(6);
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(raw)?;
            encoder.finish()
        }
        Compression::Xz => {
            let options = lzma_rust2::XzOptions::with_preset(9);
            let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options)?;
            encoder.write_all(raw)?;
            encoder.finish()
        }
    }
}
