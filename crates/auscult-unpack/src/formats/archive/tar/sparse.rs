//! Sparse files of GNU tar: only runs of data are stored, holes are zeros.

use super::{BLOCK_BYTES, number};
use crate::{Extent, Fault, View};

/// Where the runs of stored data go.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    /// Offset in the file and length of each run.
    pub(super) runs: Vec<(u64, u64)>,
    /// Length of the file.
    pub(super) size: u64,
}

/// Most runs read of one file.
const RUNS_MAX: usize = 1 << 20;

/// Reads the map of the old GNU format: four runs in the header block at 386, then extension
/// blocks of 21. Returns it with the number of extension blocks.
pub(super) fn old_gnu(extent: &Extent, at: u64, block: &[u8]) -> Result<(Map, u64), Fault> {
    let view = View(block);
    let mut map = Map { size: number(view.bytes(483, 12)?).unwrap_or(0), runs: Vec::new() };
    add_runs(&mut map, view.bytes(386, 4 * 24)?);
    let (mut more, mut blocks) = (view.u8(482)? != 0, 0);
    while more && map.runs.len() < RUNS_MAX {
        blocks += 1;
        let extension = extent.read(at + blocks * BLOCK_BYTES, BLOCK_BYTES)?;
        add_runs(&mut map, View(&extension).bytes(0, 21 * 24)?);
        more = View(&extension).u8(504)? != 0;
    }
    Ok((map, blocks))
}

fn add_runs(map: &mut Map, bytes: &[u8]) {
    for pair in bytes.as_chunks::<24>().0 {
        let (offset, length) = pair.split_at(12);
        if let (Some(offset), Some(length)) = (number(offset), number(length))
            && length > 0
        {
            map.runs.push((offset, length));
        }
    }
}

/// Reads the map that leads the data in the pax format 1.0: decimal numbers on lines of their own,
/// the count of runs first, filled up to whole blocks. Returns it with its length.
pub(super) fn leading_map(data: &Extent) -> Result<(Vec<(u64, u64)>, u64), Fault> {
    let fault = || Fault::new(0, "read a sparse map", "a line that is no number");
    let (mut numbers, mut used, mut wanted) = (Vec::new(), 0_u64, 1);
    let text = data.read_up_to(0, 1 << 20)?;
    let mut lines = text.split(|&byte| byte == b'\n');
    while numbers.len() < wanted {
        let line = lines.next().ok_or_else(fault)?;
        let value: u64 =
            std::str::from_utf8(line).ok().and_then(|text| text.parse().ok()).ok_or_else(fault)?;
        used += u64::try_from(line.len()).unwrap_or(0) + 1;
        if numbers.is_empty() {
            let count = usize::try_from(value).ok().filter(|&count| count <= RUNS_MAX);
            wanted += 2 * count.ok_or_else(fault)?;
        }
        numbers.push(value);
    }
    let pairs = numbers.get(1..).unwrap_or_default().as_chunks::<2>().0;
    let runs = pairs.iter().map(|&[offset, length]| (offset, length)).collect();
    Ok((runs, used.next_multiple_of(BLOCK_BYTES)))
}

/// Puts the runs in their places. Runs that overlap or stand out of order are put where the file
/// has got to: nothing is read twice.
pub(super) fn expand(data: &Extent, map: &Map) -> Extent {
    let vault = data.vault();
    let (mut parts, mut position, mut stored) = (Vec::new(), 0, 0);
    for &(offset, length) in &map.runs {
        if offset > position && offset <= map.size {
            parts.push(Extent::zeros(vault, offset - position));
            position = offset;
        }
        let run = data.clamp(stored, length.min(map.size.saturating_sub(position)));
        stored += run.len();
        position += run.len();
        parts.push(run);
    }
    if position < map.size {
        parts.push(Extent::zeros(vault, map.size - position));
    }
    Extent::joined(vault, parts)
}
