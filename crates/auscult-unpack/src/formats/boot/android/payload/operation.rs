//! The operations of a payload and the data that they write.

use std::collections::HashSet;

use super::Partition;
use crate::{
    Extent, Fault,
    codec::{Codec, Decoding},
    digest,
    formats::support::protobuf::Message,
};

/// Wrong digests that are listed one by one.
const FAULTS_MAX: usize = 50;

/// Kinds of operations that write what they bring (`InstallOperation.Type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Replace(Option<Codec>),
    Zero,
    NeedsSource(&'static str),
    Unknown(u64),
}

impl Kind {
    fn of(number: u64) -> Self {
        match number {
            0 => Self::Replace(None),
            1 => Self::Replace(Some(Codec::Bzip2)),
            8 => Self::Replace(Some(Codec::Xz)),
            14 => Self::Replace(Some(Codec::Zstd)),
            6 | 7 => Self::Zero,
            2 => Self::NeedsSource("MOVE"),
            3 => Self::NeedsSource("BSDIFF"),
            4 => Self::NeedsSource("SOURCE_COPY"),
            5 => Self::NeedsSource("SOURCE_BSDIFF"),
            9 => Self::NeedsSource("PUFFDIFF"),
            10 => Self::NeedsSource("BROTLI_BSDIFF"),
            11 => Self::NeedsSource("ZUCCHINI"),
            12 => Self::NeedsSource("LZ4DIFF_BSDIFF"),
            13 => Self::NeedsSource("LZ4DIFF_PUFFDIFF"),
            other => Self::Unknown(other),
        }
    }
}

pub(super) struct Operation {
    kind: Kind,
    /// Place and length of its data, from the start of all data.
    data: Option<(u64, u64)>,
    sha256: Option<Vec<u8>>,
    /// First block and number of blocks of each run that it writes.
    runs: Vec<(u64, u64)>,
}

impl Operation {
    pub(super) fn read(message: &Message<'_>) -> Self {
        let run = |bytes| {
            let run = Message::new(bytes);
            (run.number(1).unwrap_or(0), run.number(2).unwrap_or(0))
        };
        let length = message.number(3).filter(|&length| length > 0);
        Self {
            kind: Kind::of(message.number(1).unwrap_or(0)),
            data: length.map(|length| (message.number(2).unwrap_or(0), length)),
            sha256: message.bytes(8).map(<[u8]>::to_vec),
            runs: message.all(6).map(run).collect(),
        }
    }

    /// The kind of an operation that needs the partition of the version before.
    pub(super) fn needs_source(&self) -> Option<&'static str> {
        match self.kind {
            Kind::NeedsSource(name) => Some(name),
            _ => None,
        }
    }
}

/// The data of all operations, and what was found out about it.
pub(super) struct Data {
    extent: Extent,
    start: u64,
    block_bytes: u64,
    claimed: Vec<(u64, u64)>,
    seen: HashSet<(u64, u64)>,
    /// Bytes that may still be hashed: in a sound payload no data is used twice.
    hash_budget: u64,
    /// Bytes that partitions may still have.
    size_budget: u64,
    verified: usize,
    wrong: usize,
    faults: Vec<Fault>,
}

impl Data {
    pub(super) fn new(extent: &Extent, start: u64, block_bytes: u64) -> Self {
        Self {
            extent: extent.clone(),
            start,
            block_bytes,
            claimed: Vec::new(),
            seen: HashSet::new(),
            hash_budget: extent.len(),
            size_budget: extent.vault().limits().derived_bytes,
            verified: 0,
            wrong: 0,
            faults: Vec::new(),
        }
    }

    pub(super) fn nothing(&self) -> Extent {
        self.extent.clamp(0, 0)
    }

    pub(super) fn claimed(&self) -> &[(u64, u64)] {
        &self.claimed
    }

    pub(super) fn end(&self) -> u64 {
        let ends = self.claimed.iter().map(|(offset, bytes)| offset.saturating_add(*bytes));
        ends.max().unwrap_or(0)
    }

    pub(super) fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    pub(super) fn summary(&self) -> String {
        let (count, verified, wrong) = (self.claimed.len(), self.verified, self.wrong);
        format!("{count} pieces, sha256 of {verified} verified, of {wrong} wrong")
    }

    /// The size that the runs of operations come to.
    pub(super) fn size_of(&self, operations: &[Operation]) -> u64 {
        let runs = operations.iter().flat_map(|operation| &operation.runs);
        let ends = runs.map(|(first, count)| first.saturating_add(*count));
        ends.max().unwrap_or(0).saturating_mul(self.block_bytes)
    }

    /// Claims the data of operations without unpacking it; returns how many bytes that are.
    pub(super) fn claim_all(&mut self, operations: &[Operation]) -> u64 {
        let mut bytes = 0_u64;
        for operation in operations {
            if self.claim(operation).is_some() {
                bytes += operation.data.map_or(0, |(_, length)| length);
            }
        }
        bytes
    }

    /// The data of an operation; its digest is verified the first time.
    fn claim(&mut self, operation: &Operation) -> Option<Extent> {
        let (offset, length) = operation.data?;
        let place = self.start.checked_add(offset)?;
        if self.seen.insert((place, length)) {
            self.claimed.push((place, length));
        }
        let content = self.extent.slice(place, length)?;
        let stored = operation.sha256.as_ref()?;
        if let Some(left) = self.hash_budget.checked_sub(length) {
            self.hash_budget = left;
            if digest::sha256_of(&content).is_ok_and(|computed| computed == stored.as_slice()) {
                self.verified += 1;
            } else {
                self.wrong += 1;
                if self.faults.len() < FAULTS_MAX {
                    let why = format!("it is not {}", digest::hex(stored));
                    self.faults.push(Fault::new(place, "check the sha256 of data", why));
                }
            }
        }
        Some(content)
    }

    /// What an operation writes, all its runs together.
    fn output(&mut self, operation: &Operation) -> Result<Extent, Fault> {
        let blocks = operation.runs.iter().fold(0_u64, |sum, run| sum.saturating_add(run.1));
        let bytes = blocks.saturating_mul(self.block_bytes);
        let vault = std::sync::Arc::clone(self.extent.vault());
        let codec = match operation.kind {
            Kind::Zero => return Ok(Extent::zeros(&vault, bytes)),
            Kind::Replace(codec) => codec,
            Kind::NeedsSource(name) => return Err(fault(0, name.to_owned())),
            Kind::Unknown(number) => {
                return Err(fault(0, format!("an operation of kind {number}")));
            }
        };
        self.claim(operation);
        let (offset, length) = operation.data.unwrap_or_default();
        let place = self.start.saturating_add(offset);
        let Some(input) = self.extent.slice(place, length) else {
            let error = fault(place, "its data is not all there".to_owned());
            self.faults.push(error.clone());
            return Ok(Extent::missing(&vault, bytes, error));
        };
        Ok(match codec {
            Some(codec) => Extent::derived(&vault, bytes, Decoding { codec, input }),
            None if input.len() >= bytes => input.clamp(0, bytes),
            None => {
                let filling = Extent::zeros(&vault, bytes - input.len());
                Extent::joined(&vault, vec![input, filling])
            }
        })
    }
}

fn fault(place: u64, why: String) -> Fault {
    Fault::new(place, "carry out an operation", why)
}

/// The bytes of a partition whose operations all bring what they write.
pub(super) fn content(
    partition: &Partition<'_>,
    size: u64,
    data: &mut Data,
) -> Result<Extent, Fault> {
    let limit = data.extent.vault().limits().derived_bytes;
    data.size_budget = data.size_budget.checked_sub(size).ok_or_else(|| {
        fault(0, format!("all partitions together exceed {limit} bytes (limit derived-bytes)"))
    })?;
    let mut pieces = Vec::new();
    for operation in &partition.operations {
        let output = data.output(operation)?;
        let mut at = 0_u64;
        for &(first, count) in &operation.runs {
            let bytes = count.saturating_mul(data.block_bytes);
            pieces.push((first.saturating_mul(data.block_bytes), output.clamp(at, bytes)));
            at = at.saturating_add(bytes);
        }
    }
    pieces.sort_by_key(|piece| piece.0);
    let vault = std::sync::Arc::clone(data.extent.vault());
    let (mut parts, mut position) = (Vec::new(), 0);
    let gap = |length: u64| {
        Extent::missing(&vault, length, fault(0, "no operation writes these bytes".to_owned()))
    };
    for (place, piece) in pieces {
        if place < position || place >= size {
            continue;
        }
        if place > position {
            parts.push(gap(place - position));
        }
        let piece = piece.clamp(0, size - place);
        position = place + piece.len();
        parts.push(piece);
    }
    if position < size {
        parts.push(gap(size - position));
    }
    Ok(Extent::joined(&vault, parts))
}
