//! The master file table, which is a file that begins with its own record.

use super::{
    attribute::{Attribute, Body, ClusterRun, DATA},
    boot::BootSector,
    content::content,
    fault_at,
    file::File,
    record::{Record, Reference},
};
use crate::{Extent, Fault, formats::support::pages::Pages};

/// Records in the copy of the table's start.
const MIRRORED: u64 = 4;

/// The table.
pub(super) struct Table {
    image: Extent,
    record_bytes: u64,
    cluster_bytes: u64,
    extent: Extent,
    pages: Pages,
    /// Where the pieces of the table are.
    runs: Vec<ClusterRun>,
    mirror: Extent,
    /// Records that continue others may be read only so often: each belongs to one file.
    continuations_left: u64,
}

impl Table {
    /// Finds all of the table from its first record, or from the copy of it.
    ///
    /// # Errors
    /// Where neither record is good.
    pub(super) fn open(
        image: &Extent,
        boot: &BootSector,
        faults: &mut Vec<Fault>,
    ) -> Result<Self, Fault> {
        let at = |cluster: u64| {
            let place = cluster.saturating_mul(boot.cluster_bytes);
            image.clamp(place, boot.record_bytes * MIRRORED)
        };
        let mirror = at(boot.mirror_cluster);
        let start = at(boot.table_cluster);
        let mut table = Self {
            image: image.clone(),
            record_bytes: boot.record_bytes,
            cluster_bytes: boot.cluster_bytes,
            pages: Pages::new(start.clone()),
            extent: start,
            runs: vec![ClusterRun { logical: 0, cluster: Some(boot.table_cluster), count: 1 }],
            mirror,
            continuations_left: 64,
        };
        let first = table.read(0, faults)?;
        let parts = first.attributes(faults);
        let data = parts.iter().find(|part| part.kind == DATA && part.name.is_empty());
        let data = data.filter(|data| matches!(data.body, Body::Spread(_)) && first.is_used);
        let none = || fault_at(0, "find the master file table", "its record has no runs");
        table.extend(data.ok_or_else(none)?, faults);
        // A table in very many pieces has records that continue the first, in the first pieces.
        let file = File::gather(&mut table, &first, faults);
        if let Some(data) = file.stream(DATA, b"") {
            table.extend(data, faults);
        }
        table.continuations_left = table.count().saturating_mul(2).saturating_add(64);
        Ok(table)
    }

    fn extend(&mut self, data: &Attribute, faults: &mut Vec<Fault>) {
        // Its content must not be longer than the image: records are counted by it.
        let mut ignored = Vec::new();
        let extent = content(&self.image, self.cluster_bytes, data, 0, &mut ignored);
        self.extent = extent.clamp(0, self.image.len());
        if self.extent.len() < data.size() {
            let why = format!("{} of {} bytes can be there", self.extent.len(), data.size());
            faults.push(fault_at(0, "read the master file table", why));
        }
        self.pages = Pages::new(self.extent.clone());
        if let Body::Spread(spread) = &data.body {
            self.runs = spread.runs().unwrap_or_default();
        }
    }

    pub(super) fn image(&self) -> &Extent {
        &self.image
    }

    pub(super) fn cluster_bytes(&self) -> u64 {
        self.cluster_bytes
    }

    /// Number of records.
    pub(super) fn count(&self) -> u64 {
        self.extent.len() / self.record_bytes
    }

    /// Place of a record in the image, for faults.
    pub(super) fn place(&self, number: u64) -> u64 {
        let offset = number.saturating_mul(self.record_bytes);
        let logical = offset / self.cluster_bytes;
        let run = self.runs.iter().find(|run| {
            run.logical <= logical && logical - run.logical < run.count && run.cluster.is_some()
        });
        let cluster = run.and_then(|run| run.cluster?.checked_add(logical - run.logical));
        let start = cluster.and_then(|cluster| cluster.checked_mul(self.cluster_bytes));
        start.map_or(0, |start| start.saturating_add(offset % self.cluster_bytes))
    }

    /// Bytes of a record as they stand in the image, without taking off the protection.
    pub(super) fn raw(&self, number: u64, start: usize, length: usize) -> Option<Extent> {
        let start = u64::try_from(start).ok()?;
        let offset = number.checked_mul(self.record_bytes)?.checked_add(start)?;
        self.extent.slice(offset, u64::try_from(length).ok()?)
    }

    /// Reads a record. One of the first is taken from their copy if it is damaged.
    pub(super) fn read(&mut self, number: u64, faults: &mut Vec<Fault>) -> Result<Record, Fault> {
        let offset = number.checked_mul(self.record_bytes);
        let beyond = || fault_at(0, "read a record", format!("there is no record {number}"));
        let offset = offset.ok_or_else(beyond)?;
        let bytes = self.pages.bytes(offset, self.record_bytes);
        let record = bytes.and_then(|bytes| Record::parse(bytes.to_vec(), number));
        let fault = match record {
            Ok(record) => return Ok(record),
            Err(fault) => fault,
        };
        let why = format!("record {number}: {}", fault.why);
        let fault = fault_at(self.place(number), "read a record", why);
        if number < MIRRORED {
            let copy = self.mirror.read(offset, self.record_bytes);
            if let Ok(record) = copy.and_then(|bytes| Record::parse(bytes.to_vec(), number)) {
                faults.push(fault);
                return Ok(record);
            }
        }
        Err(fault)
    }

    /// Reads a record that continues the file with this one.
    pub(super) fn read_continuation(&mut self, number: u64, base: u64) -> Result<Record, Fault> {
        let place = self.place(base);
        let left = self.continuations_left.checked_sub(1);
        let many = || fault_at(place, "read a record", "files share too many records");
        self.continuations_left = left.ok_or_else(many)?;
        let record = self.read(number, &mut Vec::new())?;
        if !record.is_used || record.base.is_none_or(|reference| reference.number != base) {
            let why = format!("record {number} does not continue record {base}");
            return Err(fault_at(place, "read a record", why));
        }
        Ok(record)
    }

    /// Reads the record of a file that a name leads to.
    pub(super) fn read_file(
        &mut self,
        reference: Reference,
        faults: &mut Vec<Fault>,
    ) -> Result<Record, Fault> {
        let Reference { number, sequence } = reference;
        let record = self.read(number, faults)?;
        let stale = sequence != 0 && record.sequence != sequence;
        if !record.is_used || record.base.is_some() || stale {
            let why = format!("record {number} does not belong to this name any more");
            return Err(fault_at(self.place(number), "read a record", why));
        }
        Ok(record)
    }
}
