//! The volume table: a record for each volume, in two copies (`struct ubi_vtbl_record`).

use std::{collections::BTreeMap, fmt};

use super::{VOLUMES_MAX, volume, volume::Volume};
use crate::{
    Endian::Big,
    View,
    checksum::{Crc32, agrees},
};

/// Bytes of a record; the checksum is the last word.
const RECORD_BYTES: usize = 172;
/// `UBI_VOL_NAME_MAX`.
const NAME_BYTES_MAX: usize = 127;
/// `UBI_VTBL_AUTORESIZE_FLG`: the volume grows over all free blocks when it is first attached.
const FLAG_AUTORESIZE: u8 = 1;
/// `UBI_VTBL_SKIP_CRC_CHECK_FLG`.
const FLAG_SKIP_CHECKSUM: u8 = 2;

/// What the table says about a volume.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) name: Vec<u8>,
    pub(super) is_static: bool,
    /// Blocks set aside for it.
    pub(super) reserved: u32,
    alignment: u32,
    data_padding: u32,
    /// Whether a new content was being written when the flash was last used.
    pub(super) is_updating: bool,
    flags: u8,
}

impl Record {
    fn parse(record: &[u8]) -> Option<Self> {
        let view = View(record);
        let fits = agrees(view.u32(168, Big).ok()?, !Crc32::of(view.bytes(0, 168).ok()?));
        let reserved = view.u32(0, Big).ok()?;
        let length = usize::from(view.u16(14, Big).ok()?).min(NAME_BYTES_MAX);
        // The name becomes one of a part: no separators, no control characters.
        let clean = |&byte: &u8| if byte == b'/' || byte < b' ' { b'_' } else { byte };
        (fits && reserved > 0).then_some(Self {
            name: view.bytes(16, length).ok()?.iter().map(clean).collect(),
            is_static: view.u8(12).ok()? == volume::STATIC,
            reserved,
            alignment: view.u32(4, Big).ok()?,
            data_padding: view.u32(8, Big).ok()?,
            is_updating: view.u8(13).ok()? != 0,
            flags: view.u8(144).ok()?,
        })
    }

    /// Whether its checksums are to be left alone.
    pub(super) fn skips_checksums(&self) -> bool {
        self.flags & FLAG_SKIP_CHECKSUM != 0
    }
}

impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_static { "static" } else { "dynamic" };
        let name = String::from_utf8_lossy(&self.name);
        write!(formatter, "{name}, {kind}, {} blocks reserved", self.reserved)?;
        if self.alignment > 1 {
            write!(formatter, ", aligned to {}", self.alignment)?;
        }
        if self.data_padding > 0 {
            write!(formatter, ", {} bytes of padding", self.data_padding)?;
        }
        for (is_set, what) in [
            (self.is_updating, ", update not finished"),
            (self.flags & FLAG_AUTORESIZE != 0, ", autoresize"),
            (self.skips_checksums(), ", checksums skipped"),
        ] {
            formatter.write_str(if is_set { what } else { "" })?;
        }
        Ok(())
    }
}

/// The records by volume; of the two copies of the table the first good one counts.
pub(super) fn read(table: &Volume) -> BTreeMap<u32, Record> {
    let table_bytes = u64::from(VOLUMES_MAX) * u64::try_from(RECORD_BYTES).unwrap_or(0);
    for copy in table.blocks() {
        let Ok(bytes) = copy.data.read_up_to(0, table_bytes) else { continue };
        let records = (0..VOLUMES_MAX).zip(bytes.chunks_exact(RECORD_BYTES));
        let records: BTreeMap<_, _> =
            records.filter_map(|(volume, record)| Some((volume, Record::parse(record)?))).collect();
        if !records.is_empty() {
            return records;
        }
    }
    BTreeMap::new()
}
