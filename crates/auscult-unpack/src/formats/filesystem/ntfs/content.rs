//! The bytes of attributes: in a record, in runs of clusters, packed in units of clusters.

use super::{
    attribute::{Attribute, Body, ClusterRun, Spread},
    fault_at,
    record::is_protected,
    table::Table,
};
use crate::{
    Derive, Extent, Fault, Sink,
    codec::{BlockCodec, decode_block},
    formats::support::runs::{Run, Runs},
};

/// Largest unit that is packed as one: 16 clusters of 4 KiB in Windows.
const UNIT_BYTES_MAX: u64 = 1 << 20;

/// The value of an attribute that should be short.
///
/// # Errors
/// Where it is too long or not there.
pub(super) fn value(
    table: &Table,
    attribute: &Attribute,
    bytes_max: u64,
) -> Result<Vec<u8>, Fault> {
    if let Some(value) = attribute.resident() {
        return Ok(value.to_vec());
    }
    if attribute.size() > bytes_max {
        let why = format!("{} bytes long", attribute.size());
        return Err(fault_at(0, "read an attribute", why));
    }
    let mut faults = Vec::new();
    let extent = table.content(attribute, 0, &mut faults);
    Ok(extent.read_all()?.to_vec())
}

impl Table {
    /// The bytes of an attribute of the file whose record stands at `place`.
    pub(super) fn content(
        &self,
        attribute: &Attribute,
        place: u64,
        faults: &mut Vec<Fault>,
    ) -> Extent {
        match &attribute.body {
            // Where no word of the record's protection is among the bytes, they are in the image.
            Body::Resident { value, record, start } => {
                let raw = self.raw(*record, *start, value.len());
                let raw = raw.filter(|_| !is_protected(*start, value.len()));
                raw.unwrap_or_else(|| Extent::from_memory(self.image().vault(), value.clone()))
            }
            Body::Spread(_) => {
                content(self.image(), self.cluster_bytes(), attribute, place, faults)
            }
        }
    }
}

/// The bytes of an attribute in clusters; a value in a record has none here.
pub(super) fn content(
    image: &Extent,
    cluster_bytes: u64,
    attribute: &Attribute,
    place: u64,
    faults: &mut Vec<Fault>,
) -> Extent {
    let Body::Spread(spread) = &attribute.body else { return image.clamp(0, 0) };
    let runs = match spread.runs() {
        Ok(runs) => runs,
        Err(fault) => {
            let fault = Fault { offset: place, ..fault };
            faults.push(fault.clone());
            return Extent::missing(image.vault(), spread.size, fault);
        }
    };
    let written = Written { image, cluster_bytes, spread, place };
    if attribute.is_compressed() && spread.unit_log > 0 {
        return written.unpacked(&runs, faults);
    }
    written.plain(&runs, faults)
}

/// A value in clusters.
struct Written<'image> {
    image: &'image Extent,
    cluster_bytes: u64,
    spread: &'image Spread,
    place: u64,
}

impl Written<'_> {
    fn run(&self, run: ClusterRun) -> Option<Run> {
        let bytes = |clusters: u64| clusters.saturating_mul(self.cluster_bytes);
        let logical = bytes(run.logical);
        let left = self.spread.initialized.min(self.spread.size).saturating_sub(logical);
        let length = bytes(run.count).min(left);
        Some(Run { logical, place: bytes(run.cluster?), length }).filter(|run| run.length > 0)
    }

    /// Runs and holes; bytes that were never written are zeros.
    fn plain(&self, runs: &[ClusterRun], faults: &mut Vec<Fault>) -> Extent {
        let mut bytes = Runs::default();
        for run in runs.iter().filter_map(|&run| self.run(run)) {
            if let Err(fault) = bytes.push(run) {
                faults.push(fault);
                break;
            }
        }
        self.tell_short(runs, faults);
        bytes.join(self.image, self.spread.size, faults)
    }

    /// Tells where the runs, holes counted, are shorter than the value.
    fn tell_short(&self, runs: &[ClusterRun], faults: &mut Vec<Fault>) {
        let end = runs.iter().map(|run| run.logical.saturating_add(run.count)).max().unwrap_or(0);
        let there = end.saturating_mul(self.cluster_bytes);
        if there < self.spread.initialized.min(self.spread.size) {
            let why = format!("its runs have {there} of {} bytes", self.spread.size);
            faults.push(fault_at(self.place, "find a file's clusters", why));
        }
    }

    /// Units of clusters: those that are there whole are stored, those that end in a hole packed.
    fn unpacked(&self, runs: &[ClusterRun], faults: &mut Vec<Fault>) -> Extent {
        let unit = 1_u64.checked_shl(u32::from(self.spread.unit_log)).unwrap_or(0);
        let unit_bytes = unit.saturating_mul(self.cluster_bytes);
        if !(1..=UNIT_BYTES_MAX).contains(&unit_bytes) {
            let why = format!("units of {unit_bytes} bytes");
            let fault = fault_at(self.place, "unpack a file", why);
            faults.push(fault.clone());
            return Extent::missing(self.image.vault(), self.spread.size, fault);
        }
        self.tell_short(runs, faults);
        let mut units = Units { written: self, unit, pieces: Vec::new(), open: Vec::new() };
        for run in runs {
            units.add(*run, faults);
        }
        units.close(faults);
        assemble(self.image, units.pieces, self.spread.size)
    }
}

/// The units of a packed value while its runs are gone through.
struct Units<'written> {
    written: &'written Written<'written>,
    /// Clusters of a unit.
    unit: u64,
    /// What the value is made of, with its place in it.
    pieces: Vec<(u64, Extent)>,
    /// Runs of the unit that is not full yet.
    open: Vec<ClusterRun>,
}

impl Units<'_> {
    fn add(&mut self, mut run: ClusterRun, faults: &mut Vec<Fault>) {
        let Some(mut cluster) = run.cluster else { return };
        while run.count > 0 {
            if self
                .open
                .first()
                .is_some_and(|first| first.logical / self.unit != run.logical / self.unit)
            {
                self.close(faults);
            }
            let within = run.logical % self.unit;
            // Whole units in one piece are stored.
            let count = if within == 0 && run.count >= self.unit {
                run.count - run.count % self.unit
            } else {
                run.count.min(self.unit - within)
            };
            let piece = ClusterRun { logical: run.logical, cluster: Some(cluster), count };
            if within == 0 && count >= self.unit {
                self.store(&[piece], faults);
            } else {
                self.open.push(piece);
            }
            run.count -= count;
            run.logical = run.logical.saturating_add(count);
            cluster = cluster.saturating_add(count);
        }
    }

    /// Ends the unit whose runs were collected.
    fn close(&mut self, faults: &mut Vec<Fault>) {
        let open = std::mem::take(&mut self.open);
        let Some(first) = open.first() else { return };
        let clusters: u64 = open.iter().map(|run| run.count).sum();
        if clusters >= self.unit {
            return self.store(&open, faults);
        }
        let Written { image, cluster_bytes, spread, .. } = *self.written;
        let logical = (first.logical / self.unit * self.unit).saturating_mul(cluster_bytes);
        let length = (self.unit * cluster_bytes).min(spread.size.saturating_sub(logical));
        let stored = clusters * cluster_bytes;
        let mut packed = Runs::default();
        let mut position = 0;
        for run in &open {
            let place = run.cluster.unwrap_or(0).saturating_mul(cluster_bytes);
            let bytes = run.count * cluster_bytes;
            faults.extend(packed.push(Run { logical: position, place, length: bytes }).err());
            position += bytes;
        }
        let packed = packed.join(image, stored, faults);
        if length > 0 {
            let unit = Extent::derived(image.vault(), length, Unit { packed, length });
            self.pieces.push((logical, unit));
        }
    }

    fn store(&mut self, runs: &[ClusterRun], faults: &mut Vec<Fault>) {
        for run in runs.iter().filter_map(|&run| self.written.run(run)) {
            let mut bytes = Runs::default();
            let Run { logical, place, length } = run;
            faults.extend(bytes.push(Run { logical: 0, place, length }).err());
            self.pieces.push((logical, bytes.join(self.written.image, length, faults)));
        }
    }
}

/// Pieces in the order of the value, with zeros between them.
fn assemble(image: &Extent, pieces: Vec<(u64, Extent)>, size: u64) -> Extent {
    let (mut parts, mut position) = (Vec::new(), 0_u64);
    for (logical, piece) in pieces {
        if logical < position {
            continue;
        }
        if logical > position {
            parts.push(Extent::zeros(image.vault(), logical - position));
        }
        position = logical.saturating_add(piece.len());
        parts.push(piece);
    }
    if position < size {
        parts.push(Extent::zeros(image.vault(), size - position));
    }
    Extent::joined(image.vault(), parts)
}

/// A unit that is unpacked when read; what its chunks do not fill is zeros.
struct Unit {
    packed: Extent,
    length: u64,
}

impl Derive for Unit {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let length = usize::try_from(self.length).unwrap_or(0);
        let mut bytes = decode_block(BlockCodec::Lznt1, &self.packed.read_all()?, length)?;
        bytes.resize(length, 0);
        sink.push(&bytes)
    }

    fn input_bytes(&self) -> u64 {
        self.packed.weight()
    }
}
