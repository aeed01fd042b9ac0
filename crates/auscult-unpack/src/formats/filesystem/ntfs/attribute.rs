//! Attributes: everything that a file has, from its times to its content.

use super::fault_at;
use crate::{Endian::Little, Fault, View, formats::support::utf16};

/// Types of attributes.
pub(super) const STANDARD_INFORMATION: u32 = 0x10;
pub(super) const ATTRIBUTE_LIST: u32 = 0x20;
pub(super) const FILE_NAME: u32 = 0x30;
pub(super) const VOLUME_NAME: u32 = 0x60;
pub(super) const VOLUME_INFORMATION: u32 = 0x70;
pub(super) const DATA: u32 = 0x80;
pub(super) const INDEX_ROOT: u32 = 0x90;
pub(super) const INDEX_ALLOCATION: u32 = 0xa0;
pub(super) const BITMAP: u32 = 0xb0;
pub(super) const REPARSE_POINT: u32 = 0xc0;
pub(super) const EXTENDED_ATTRIBUTES: u32 = 0xe0;

/// Flags: packed by one of the methods (only the first exists); encrypted by EFS.
const COMPRESSED: u16 = 0x00ff;
const ENCRYPTED: u16 = 0x4000;

/// An attribute, or the part of one that a record holds.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub(super) kind: u32,
    pub(super) name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) body: Body,
}

/// Where the value is.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// In the record.
    Resident {
        value: Vec<u8>,
        /// The record and the place in it.
        record: u64,
        start: usize,
    },
    /// In clusters.
    Spread(Spread),
}

/// A value in clusters.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    /// Lists of runs, each with the cluster of the value at which it starts.
    pub(super) parts: Vec<(u64, Vec<u8>)>,
    pub(super) size: u64,
    /// Bytes that were written; what is behind them reads as zeros.
    pub(super) initialized: u64,
    /// Power of two of the clusters that are packed together.
    pub(super) unit_log: u8,
}

/// Clusters in a row: of a value, in the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClusterRun {
    pub(super) logical: u64,
    /// None for a hole.
    pub(super) cluster: Option<u64>,
    pub(super) count: u64,
}

impl Attribute {
    /// Reads an attribute, which stands at `at` of a record.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(bytes: &[u8], record: u64, at: usize) -> Result<Self, Fault> {
        let view = View(bytes);
        let name_units = usize::from(view.u8(9)?);
        let name = view.bytes(usize::from(view.u16(10, Little)?), name_units * 2)?;
        let body = if view.u8(8)? == 0 {
            let length = usize::try_from(view.u32(16, Little)?).unwrap_or(usize::MAX);
            let start = usize::from(view.u16(20, Little)?);
            let value = view.bytes(start, length)?.to_vec();
            Body::Resident { value, record, start: at + start }
        } else {
            let runs = usize::from(view.u16(32, Little)?);
            let runs = bytes.get(runs..).ok_or_else(|| fault_at(32, "read", "no runs"))?;
            let lowest = view.u64(16, Little)?;
            Body::Spread(Spread {
                parts: vec![(lowest, runs.to_vec())],
                size: view.u64(48, Little)?,
                initialized: view.u64(56, Little)?,
                unit_log: view.u8(34)?,
            })
        };
        Ok(Self {
            kind: view.u32(0, Little)?,
            name: utf16::little_endian(name),
            flags: view.u16(12, Little)?,
            body,
        })
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.flags & COMPRESSED != 0
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0
    }

    /// Bytes of its value.
    pub(super) fn size(&self) -> u64 {
        match &self.body {
            Body::Resident { value, .. } => u64::try_from(value.len()).unwrap_or(u64::MAX),
            Body::Spread(spread) => spread.size,
        }
    }

    /// Bytes of the image that it takes up.
    pub(super) fn stored_bytes(&self, cluster_bytes: u64) -> u64 {
        let Body::Spread(spread) = &self.body else { return self.size() };
        let runs = spread.runs().unwrap_or_default();
        let stored = runs.iter().filter(|run| run.cluster.is_some());
        let clusters = stored.fold(0_u64, |sum, run| sum.saturating_add(run.count));
        clusters.saturating_mul(cluster_bytes)
    }

    /// Its value, where it is in the record.
    pub(super) fn resident(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Resident { value, .. } => Some(value),
            Body::Spread(_) => None,
        }
    }

    /// Takes in a further part of the same attribute, which another record holds. The sizes stand
    /// in the part that starts at 0.
    pub(super) fn join(&mut self, other: Self) {
        let (Body::Spread(one), Body::Spread(mut two)) = (&mut self.body, other.body) else {
            return;
        };
        if two.parts.iter().any(|&(lowest, _)| lowest == 0) {
            (one.size, one.initialized) = (two.size, two.initialized);
            (one.unit_log, self.flags) = (two.unit_log, other.flags);
        }
        one.parts.append(&mut two.parts);
        one.parts.sort_by_key(|&(lowest, _)| lowest);
    }
}

impl Spread {
    /// The runs of all parts. Each is a length and the distance from the cluster before, with a
    /// byte in front that says how many bytes both take up.
    pub(super) fn runs(&self) -> Result<Vec<ClusterRun>, Fault> {
        let mut runs = Vec::new();
        for (lowest, bytes) in &self.parts {
            let (mut logical, mut cluster, mut at) = (*lowest, 0_u64, 0);
            while let Some(&head) = bytes.get(at).filter(|&&head| head != 0) {
                let (length_bytes, distance_bytes) = (usize::from(head & 0xf), head >> 4);
                let distance_bytes = usize::from(distance_bytes);
                let count = number(bytes, at + 1, length_bytes).filter(|&count| count > 0);
                let distance = number(bytes, at + 1 + length_bytes, distance_bytes);
                let wrong = || fault_at(0, "read a list of runs", "a run makes no sense");
                let count = u64::try_from(count.ok_or_else(wrong)?).map_err(|_| wrong())?;
                let here = if distance_bytes == 0 {
                    None
                } else {
                    let distance = distance.ok_or_else(wrong)?;
                    cluster = cluster.checked_add_signed(distance).ok_or_else(wrong)?;
                    Some(cluster)
                };
                runs.push(ClusterRun { logical, cluster: here, count });
                logical = logical.checked_add(count).ok_or_else(wrong)?;
                at += 1 + length_bytes + distance_bytes;
            }
        }
        Ok(runs)
    }
}

/// A little-endian number of up to eight bytes with a sign; 0 of none.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<i64> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    let negative = field.last().is_some_and(|&byte| byte & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide.get_mut(..length)?.copy_from_slice(field);
    Some(i64::from_le_bytes(wide))
}

#[cfg(test)]
mod tests {
    use super::{ClusterRun, Spread};

    fn spread(parts: Vec<(u64, Vec<u8>)>) -> Spread {
        Spread { parts, size: 0, initialized: 0, unit_log: 0 }
    }

    #[test]
    fn runs_lead_back_and_forth_and_leave_holes() {
        let first = vec![0x21, 0x18, 0x34, 0x56, 0x11, 0x10, 0xf0, 0x01, 0x05, 0, 0x21, 9];
        let runs = spread(vec![(0, first), (45, vec![0x12, 0, 1, 7])]).runs().unwrap();
        let run = |logical, cluster, count| ClusterRun { logical, cluster, count };
        let expected = [
            run(0, Some(0x5634), 0x18),
            run(0x18, Some(0x5624), 0x10),
            run(0x28, None, 5),
            run(45, Some(7), 256),
        ];
        assert_eq!(runs, expected);
        for wrong in [vec![0x11, 0, 1], vec![0x11, 1, 0xff], vec![0x19], vec![0x81, 1, 1]] {
            assert!(spread(vec![(0, wrong.clone())]).runs().is_err(), "{wrong:x?}");
        }
    }
}
